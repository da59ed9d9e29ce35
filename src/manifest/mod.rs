//! Manifests: what users write in files, from bytes to typed documents.
//!
//! Answers for loading a directory, for the kinds a document may have, and for finding the place of
//! a key again. `source` judges bytes, `tree` reads YAML, `fields` and `read_*` give it types,
//! `validate` asks what takes several documents, the operator's rules or a catalogue.

pub mod approval;
pub mod catalog_file;
pub mod clock_changes;
pub mod edit;
#[cfg(test)]
mod edit_tests;
#[cfg(test)]
mod edit_time_tests;
pub mod fields;
pub mod files;
pub mod filter;
mod guess;
pub mod heading;
pub mod job;
pub mod layout;
pub mod listing;
mod load;
pub mod module;
pub mod occurrences;
pub mod paths;
pub mod problem;
pub mod protected;
pub mod quote;
mod read_job;
mod read_module;
mod read_republish_job;
mod read_resource;
pub mod reference;
pub mod republish_job;
pub mod resource;
pub mod save;
pub mod scalars;
pub mod schedule;
pub mod schema;
pub(crate) mod secrets;
pub mod source;
mod splice;
pub mod sync_job;
pub mod tree;
pub mod validate;
mod wanted;
pub mod windows;
pub mod words;
pub mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use job::Job;
use module::ModuleSpec;
use problem::{Problem, Source, Span};
use republish_job::RepublishJobSpec;
use resource::ResourceSpec;
use sync_job::{Selection, SyncJobSpec};
use tree::{Content, Node};

pub use load::{Files, load, load_files, load_text, read};

/// Everything a directory of manifests holds.
#[derive(Debug, Default)]
pub struct Manifests {
    /// Modules without a problem of their own, by name.
    pub modules: BTreeMap<String, Module>,
    /// Jobs without a problem of their own, by name. Their modules may have some: see
    /// [`Manifests::problems_of_job`].
    pub jobs: BTreeMap<String, SyncJob>,
    /// Resources without a problem of their own, by name.
    pub resources: BTreeMap<String, Resource>,
    /// Republish jobs without a problem of their own, by name. Their resources may have some.
    pub republish_jobs: BTreeMap<String, RepublishJob>,
    /// Every document of a known kind that has a name, in the order of files and documents; broken
    /// ones with as much of their spec as could be read.
    pub documents: Vec<Document>,
    /// What is wrong, by file and place.
    pub problems: Vec<Problem>,
}

/// What can be synchronized, and how to see it.
#[derive(Debug, Clone)]
pub struct Module {
    pub name: String,
    pub spec: ModuleSpec,
    pub origin: Origin,
}

/// Which modules go from where to where, when, and what was approved.
#[derive(Debug, Clone)]
pub struct SyncJob {
    pub name: String,
    pub spec: SyncJobSpec,
    pub origin: Origin,
    /// Hashes that each look at the job asks for again; a job that was loaded stays as it is.
    request: OnceLock<String>,
    subject: OnceLock<String>,
}

impl SyncJob {
    fn new(name: String, spec: SyncJobSpec, origin: Origin) -> Self {
        Self { name, spec, origin, request: OnceLock::new(), subject: OnceLock::new() }
    }

    /// What the job asks for, see [`SyncJobSpec::request_hash`].
    pub fn request(&self) -> &str {
        self.request.get_or_init(|| self.spec.request_hash())
    }

    /// What a comparison of it depends on, with the manifests it was loaded with; see
    /// [`SyncJobSpec::subject_hash`].
    pub fn subject(&self, manifests: &Manifests) -> &str {
        let selected = |name: &str| self.spec.modules.as_ref().is_some_and(|it| it.selects(name));
        self.subject.get_or_init(|| {
            let modules = manifests.modules.iter().filter(|(name, _)| selected(name));
            self.spec.subject_hash(modules.map(|(_, module)| &module.spec))
        })
    }
}

/// How an entity becomes documents in the read stores.
#[derive(Debug, Clone)]
pub struct Resource {
    pub name: String,
    pub spec: ResourceSpec,
    pub origin: Origin,
}

/// What is published again, and when.
#[derive(Debug, Clone)]
pub struct RepublishJob {
    pub name: String,
    pub spec: RepublishJobSpec,
    pub origin: Origin,
}

/// One document as it was read.
#[derive(Debug, Clone)]
pub struct Document {
    pub name: String,
    pub spec: Spec,
    pub origin: Origin,
    pub state: State,
}

/// The spec of a document by its kind.
#[derive(Debug, Clone)]
pub enum Spec {
    Module(ModuleSpec),
    SyncJob(Box<SyncJobSpec>),
    Resource(Box<ResourceSpec>),
    RepublishJob(Box<RepublishJobSpec>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Healthy,
    /// The reader found an error; whatever it couldn't read is missing from the spec.
    Broken,
}

/// Where a document was written.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The path of the file, for edits.
    pub path: std::path::PathBuf,
    pub source: Arc<Source>,
    /// The number of the document in its file, from 1.
    pub document: usize,
    root: Arc<Node>,
}

/// A step into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    Key(&'a str),
    Index(usize),
    /// The list item of this text.
    Item(&'a str),
    /// From a key to its value.
    Value,
}

impl Step<'_> {
    /// Where the step leads to from a node, and what stands there.
    fn from<'n>(&self, node: &'n Node) -> Option<(Span, &'n Node)> {
        let item = |item: &'n Node| (item.span, item);
        match (self, &node.content) {
            (Self::Key(key), _) => node.entry(key).map(|entry| (entry.key.span, &entry.value)),
            (Self::Index(index), Content::List(items)) => items.get(*index).map(item),
            (Self::Item(text), Content::List(items)) => items
                .iter()
                .find(|node| matches!(&node.content, Content::Scalar(s) if s.text == *text))
                .map(item),
            (Self::Value, _) => Some(item(node)),
            _ => None,
        }
    }
}

impl Origin {
    /// The place of a key or list item, or of the nearest thing around it that is written.
    pub fn locate(&self, path: &[Step<'_>]) -> Span {
        self.follow(path).0
    }

    /// The place of a value rather than of its key.
    pub fn locate_value(&self, path: &[Step<'_>]) -> Span {
        self.follow(path).1.span
    }

    fn follow(&self, path: &[Step<'_>]) -> (Span, &Node) {
        let root: &Node = &self.root;
        let mut found = (root.span, root);
        for step in path {
            let Some(next) = step.from(found.1) else { break };
            found = next;
        }
        found
    }

    /// Puts a problem into this document.
    pub fn problem(&self, mut problem: Problem, span: Span) -> Problem {
        problem.document = Some(self.document);
        problem.at(span).in_source(&self.source)
    }

    fn holds(&self, problem: &Problem) -> bool {
        problem.document == Some(self.document) && problem.file() == Some(self.source.name.as_str())
    }
}

impl Manifests {
    /// Takes in what checks over all documents found.
    pub fn add_problems(&mut self, found: impl IntoIterator<Item = Problem>) {
        self.problems.extend(found);
        problem::sort(&mut self.problems);
    }

    /// A job of either kind without a problem of its own.
    pub fn job(&self, name: &str) -> Option<Job<'_>> {
        let sync = self.jobs.get(name).map(Job::Sync);
        sync.or_else(|| self.republish_jobs.get(name).map(Job::Republish))
    }

    /// The names of all jobs, also of broken ones.
    pub fn job_names(&self) -> BTreeSet<String> {
        let is_job = |spec: &Spec| matches!(spec, Spec::SyncJob(_) | Spec::RepublishJob(_));
        let jobs = self.documents.iter().filter(|it| is_job(&it.spec));
        jobs.map(|document| document.name.clone()).collect()
    }

    /// Whether every file could be read as far as the names of its documents: only then is what isn't
    /// among them gone.
    pub fn names_all(&self) -> bool {
        let is_of_some = |problem: &Problem| {
            self.documents.iter().any(|document| document.origin.holds(problem))
        };
        self.problems.iter().all(|problem| !problem.is_error() || is_of_some(problem))
    }

    /// Errors of a job's document and of the modules or resources it selects. A job with any can't
    /// run; others can.
    pub fn problems_of_job(&self, name: &str) -> Vec<&Problem> {
        self.concerning(name, &self.problems)
    }

    /// Errors of the resources of these names: they can't be published.
    pub fn problems_of_resources(&self, names: &[String]) -> Vec<&Problem> {
        let is_one = |document: &&Document| {
            matches!(document.spec, Spec::Resource(_)) && names.contains(&document.name)
        };
        let documents: Vec<&Document> = self.documents.iter().filter(is_one).collect();
        let is_of = |problem: &&Problem| {
            problem.is_error() && documents.iter().any(|document| document.origin.holds(problem))
        };
        self.problems.iter().filter(is_of).collect()
    }

    /// Those of some problems that are errors of a job's document or of what it selects.
    pub fn concerning<'p>(&self, job: &str, problems: &'p [Problem]) -> Vec<&'p Problem> {
        let meant = |document: &&Document| match &document.spec {
            Spec::SyncJob(_) | Spec::RepublishJob(_) => document.name == job,
            Spec::Module(_) => self.selected_by(job, Spec::modules, &document.name),
            Spec::Resource(_) => self.selected_by(job, Spec::resources, &document.name),
        };
        let documents: Vec<&Document> = self.documents.iter().filter(meant).collect();
        let concerns = |problem: &&Problem| {
            problem.is_error() && documents.iter().any(|document| document.origin.holds(problem))
        };
        problems.iter().filter(concerns).collect()
    }

    /// Whether a job of this name selects something, by one of its selections.
    fn selected_by(
        &self,
        job: &str,
        selection: impl Fn(&Spec) -> Option<&Selection>,
        name: &str,
    ) -> bool {
        let mut jobs = self.documents.iter().filter(|document| document.name == job);
        jobs.any(|document| selection(&document.spec).is_some_and(|it| it.selects(name)))
    }
}

impl Spec {
    fn modules(&self) -> Option<&Selection> {
        match self {
            Self::SyncJob(spec) => spec.modules.as_ref(),
            _ => None,
        }
    }

    fn resources(&self) -> Option<&Selection> {
        match self {
            Self::RepublishJob(spec) => Some(&spec.resources),
            _ => None,
        }
    }
}
