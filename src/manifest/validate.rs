//! What takes more than one key to judge: a table of named checks over all manifests.
//!
//! Answers for which checks there are and what they may know: the manifests, the operator's rules,
//! and a catalogue where one is at hand. Each check is a function that adds what it finds; none
//! depends on another. What can't be checked for want of knowledge is named by [`unchecked`].

mod approvals;
mod columns;
mod coming_year;
mod jobs;
mod names;
mod parts;
mod protection;
mod republish_jobs;
mod resources;
mod roles;
mod schedules;
mod tables;

use std::collections::BTreeMap;

pub use coming_year::coming_year;
pub use resources::entity_columns;

use super::module::ModuleSpec;
use super::problem::{self, Problem};
use super::protected::Protection;
use super::republish_job::RepublishJobSpec;
use super::resource::ResourceSpec;
use super::sync_job::{Schedule, Suspend, SyncJobSpec};
use super::{Document, Manifests, Spec};
use crate::catalog::Catalog;
use crate::config::{Config, Environment};

/// All that checks may know.
#[derive(Debug)]
pub struct Context<'a> {
    pub manifests: &'a Manifests,
    pub protection: &'a Protection,
    /// The operator's file, where it is at hand.
    pub config: Option<&'a Config>,
    pub catalogs: &'a BTreeMap<Environment, Catalog>,
}

/// What jobs of both kinds say of their time.
struct Scheduled<'a> {
    schedule: Option<&'a Schedule>,
    suspend: &'a Suspend,
}

/// Of a hundred thousand mistakes of one kind in one place, a reader needs the first few.
const MAX_ALIKE: usize = 20;

/// A named check.
pub struct Check {
    pub name: &'static str,
    run: fn(&Context<'_>, &mut Vec<Problem>),
}

/// Every check, in the order of its module's file.
pub static CHECKS: &[Check] = &[
    Check { name: "names are given once", run: names::given_once },
    Check { name: "jobs aren't named like commands", run: names::no_commands },
    Check { name: "the operator's modules exist", run: names::operators_modules },
    Check { name: "selected modules exist", run: jobs::modules_exist },
    Check { name: "modules that need gallery folders get some", run: jobs::gallery_folders },
    Check { name: "gallery folders don't lie within each other", run: jobs::folders_apart },
    Check { name: "deleteMissing fits the job", run: jobs::delete_missing },
    Check { name: "approved tables and folders are part of the job", run: approvals::part_of_job },
    Check { name: "approvals towards PROD and deletions are pinned", run: approvals::pinned },
    Check { name: "records are approved once", run: approvals::given_once },
    Check { name: "approvals can have an effect", run: approvals::can_be_planned },
    Check { name: "cron jobs refresh TEST", run: schedules::cron_refreshes_test },
    Check { name: "times, zones and expressions are valid", run: schedules::valid },
    Check { name: "tables have one role", run: roles::one_role },
    Check { name: "columns have one role", run: roles::columns },
    Check { name: "redacted values have keyed pins", run: roles::pin_key },
    Check { name: "nothing protected is reached", run: protection::not_reached },
    Check { name: "nothing protected is reached by a cascade", run: protection::no_cascade },
    Check { name: "system settings are the mobile app's", run: protection::mobile_app },
    Check { name: "tables exist", run: tables::exist },
    Check { name: "records have a key", run: tables::have_key },
    Check { name: "IDs aren't redacted", run: tables::key_is_shown },
    Check { name: "owned rows know their parent", run: tables::have_parent },
    Check { name: "columns exist", run: columns::exist },
    Check { name: "columns take what is asked of them", run: columns::fit },
    Check { name: "inserts can leave kept columns out", run: columns::keep_has_default },
    Check { name: "what refers to a table exists", run: columns::referenced_by },
    Check { name: "paths of trees are unique texts", run: columns::trees },
    Check { name: "redacted values aren't compared", run: columns::filters_probe_nothing },
    Check { name: "resources are published somewhere", run: resources::published_somewhere },
    Check { name: "stores and locales are told apart", run: resources::spreads },
    Check { name: "parts of a document are told apart", run: resources::names_are_told_apart },
    Check { name: "children make sense", run: resources::children_make_sense },
    Check { name: "queues are those of read stores", run: resources::queues },
    Check { name: "keys and indexes can be named so", run: resources::keys },
    Check { name: "keys belong to one resource", run: resources::keys_belong_to_one },
    Check { name: "mappings name two columns", run: resources::mappings },
    Check { name: "fields of search are in the document", run: resources::fields },
    Check { name: "written tables are nothing else", run: resources::roles },
    Check { name: "a table is written by one resource", run: resources::one_writer },
    Check { name: "only allowed tables are published", run: resources::reached },
    Check { name: "redacted values aren't published", run: resources::redacted },
    Check { name: "published tables exist", run: resources::tables_exist },
    Check { name: "published columns exist", run: resources::columns_exist },
    Check { name: "children know their parent", run: resources::children_name_their_parent },
    Check { name: "published columns fit", run: resources::constants_fit },
    Check { name: "one row is one", run: resources::one_is_one },
    Check { name: "storage and search tables can be written", run: resources::outputs_fit },
    Check { name: "republished resources exist", run: republish_jobs::resources_exist },
    Check { name: "republished IDs can exist", run: republish_jobs::ids },
    Check { name: "publishing is configured", run: republish_jobs::configured },
    Check { name: "modules republish their records", run: republish_jobs::of_modules },
];

/// Runs every check; what readers found isn't repeated.
pub fn validate(context: &Context<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for check in CHECKS {
        (check.run)(context, &mut problems);
    }
    problem::sort(&mut problems);
    problems
}

/// Runs every check by the operator's file, with the catalogues that are at hand.
pub fn validate_by(
    config: &Config,
    manifests: &Manifests,
    catalogs: &BTreeMap<Environment, Catalog>,
) -> Vec<Problem> {
    let protection = Protection::new(config);
    validate(&Context { manifests, protection: &protection, config: Some(config), catalogs })
}

/// What these checks couldn't decide, a sentence each.
pub fn unchecked(context: &Context<'_>) -> Vec<String> {
    let mut unchecked = Vec::new();
    if !context.protection.knows_operator() {
        unchecked.push(
            "which tables the operator allows, protects and spares: there is neither the \
             operator's file nor a catalog.json"
                .to_owned(),
        );
    }
    let missing: Vec<&str> = [Environment::Prod, Environment::Test]
        .into_iter()
        .filter(|environment| !context.catalogs.contains_key(environment))
        .map(Environment::as_str)
        .collect();
    if !missing.is_empty() {
        unchecked.push(format!(
            "tables and columns of {}: `reconcile validate --connect --write-catalog` writes a \
             catalog.json beside the manifests",
            missing.join(" and ")
        ));
    }
    unchecked
}

impl<'a> Context<'a> {
    fn modules(&self) -> impl Iterator<Item = (&'a Document, &'a ModuleSpec)> + use<'a> {
        self.manifests.documents.iter().filter_map(|document| match &document.spec {
            Spec::Module(spec) => Some((document, spec)),
            _ => None,
        })
    }

    fn resources(&self) -> impl Iterator<Item = (&'a Document, &'a ResourceSpec)> + use<'a> {
        self.manifests.documents.iter().filter_map(|document| match &document.spec {
            Spec::Resource(spec) => Some((document, spec.as_ref())),
            _ => None,
        })
    }

    fn republish_jobs(
        &self,
    ) -> impl Iterator<Item = (&'a Document, &'a RepublishJobSpec)> + use<'a> {
        self.manifests.documents.iter().filter_map(|document| match &document.spec {
            Spec::RepublishJob(spec) => Some((document, spec.as_ref())),
            _ => None,
        })
    }

    /// When each job runs, of either kind.
    fn scheduled(&self) -> impl Iterator<Item = (&'a Document, Scheduled<'a>)> + use<'a> {
        self.manifests.documents.iter().filter_map(|document| match &document.spec {
            Spec::SyncJob(spec) => {
                let (schedule, suspend) = (spec.schedule.as_ref(), &spec.suspend);
                Some((document, Scheduled { schedule, suspend }))
            }
            Spec::RepublishJob(spec) => {
                let (schedule, suspend) = (spec.schedule.as_ref(), &spec.suspend);
                Some((document, Scheduled { schedule, suspend }))
            }
            Spec::Module(_) | Spec::Resource(_) => None,
        })
    }

    fn jobs(&self) -> impl Iterator<Item = (&'a Document, &'a SyncJobSpec)> + use<'a> {
        self.manifests.documents.iter().filter_map(|document| match &document.spec {
            Spec::SyncJob(spec) => Some((document, spec.as_ref())),
            _ => None,
        })
    }

    /// The modules a job selects, as far as they exist.
    fn selected(
        &self,
        job: &'a SyncJobSpec,
    ) -> impl Iterator<Item = (&'a Document, &'a ModuleSpec)> + use<'a> {
        let selection = job.modules.as_ref();
        self.modules().filter(move |(document, _)| {
            selection.is_some_and(|selection| selection.selects(&document.name))
        })
    }
}
