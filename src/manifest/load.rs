//! From files to documents: what is read of a directory, and what kind each document is.
//!
//! Answers for finding files without following links, and for `apiVersion`, `kind` and `metadata`;
//! which files are manifests is `listing`'s part. Every file and document stands for itself: a
//! broken one hides no other.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fields::{At, Fields, Problems};
use super::listing::{self, Kind, Listing};
use super::problem::{self, Problem, Source};
use super::scalars::text;
use super::tree::{Document as Tree, Node};
use super::{Document, Manifests, Module, Origin, RepublishJob, Resource, Spec, State, SyncJob};
use super::{
    files, read_job, read_module, read_republish_job, read_resource, secrets, source, tree, words,
};

const API_VERSION: &str = "reconcile/v1";
const KINDS: [&str; 4] = ["Module", "SyncJob", "Resource", "RepublishJob"];
/// Longest name of a module or job: it becomes the name of a folder.
const MAX_NAME_BYTES: usize = 63;

/// The files of a directory as they were read, nothing understood yet.
#[derive(Debug)]
pub struct Files {
    /// In the order of their paths, with their bytes.
    read: Vec<(PathBuf, Result<Vec<u8>, Problem>)>,
    /// What is no manifest and should be none.
    problems: Vec<Problem>,
}

/// Reads all `*.yaml` and `*.yml` below a directory, in the order of their paths. What is wrong
/// with a file or document is in [`Manifests::problems`]; only a directory that can't be read, or
/// that holds too much, is an error.
pub fn load(directory: &Path) -> Result<Manifests, Vec<Problem>> {
    Ok(read(directory)?.understood())
}

/// The first half of [`load`].
pub fn read(directory: &Path) -> Result<Files, Vec<Problem>> {
    let mut listing = Listing::default();
    find_files(directory, directory, &mut listing).map_err(|error| {
        let shown = directory.display();
        vec![
            Problem::error("unreadable", format!("can't read the manifests in {shown}: {error}"))
                .help("name their directory in reconcile.yaml under `manifests`, or with `reconcile validate --manifests DIRECTORY`"),
        ]
    })?;
    let (files, problems) = listing.close().map_err(|problem| vec![problem])?;
    let with_bytes = |path: PathBuf| {
        let bytes = read_file(directory, &path);
        (path, bytes)
    };
    Ok(Files { read: files.into_iter().map(with_bytes).collect(), problems })
}

impl Files {
    /// The same for the same files, names and content alike; as 64 hex digits.
    pub fn revision(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for (path, bytes) in &self.read {
            part(path.as_os_str().as_encoded_bytes());
            match bytes {
                Ok(bytes) => part(bytes),
                Err(problem) => part(problem.message.as_bytes()),
            }
        }
        // Links have no content.
        for problem in &self.problems {
            part(problem.message.as_bytes());
            part(problem.file().unwrap_or_default().as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The second half of [`load`].
    pub fn understood(self) -> Manifests {
        load_files(self.read.into_iter(), self.problems)
    }
}

/// Makes documents of files that were listed and read, in the order given.
pub fn load_files(
    files: impl Iterator<Item = (PathBuf, Result<Vec<u8>, Problem>)>,
    problems: Vec<Problem>,
) -> Manifests {
    let mut manifests = Manifests { problems, ..Manifests::default() };
    for (path, bytes) in files {
        match bytes {
            Ok(bytes) => manifests.read_bytes(&path, &bytes),
            Err(problem) => manifests.problems.push(file_problem(&path, problem)),
        }
    }
    manifests.finish();
    manifests
}

/// Reads one text as if it were a file of that name.
pub fn load_text(path: &Path, bytes: &[u8]) -> Manifests {
    let mut manifests = Manifests::default();
    manifests.read_bytes(path, bytes);
    manifests.finish();
    manifests
}

/// Links are problems, whatever they point to: a pull request could bring any file of the host in.
fn find_files(root: &Path, directory: &Path, listing: &mut Listing) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let inside = path.strip_prefix(root).unwrap_or(&path).to_owned();
        if kind.is_dir() && !listing::is_hidden(&inside) {
            if let Err(error) = find_files(root, &path, listing) {
                let problem = Problem::error("unreadable", format!("can't be read: {error}"));
                listing.refuse(&path, problem);
            }
        } else if !kind.is_dir() {
            listing.add(path, &inside, kind_of(&entry)?);
        }
    }
    Ok(())
}

fn kind_of(entry: &fs::DirEntry) -> std::io::Result<Kind> {
    let kind = entry.file_type()?;
    Ok(if kind.is_symlink() {
        Kind::Link
    } else if kind.is_file() {
        // One that vanished meanwhile is told when it is read.
        Kind::File(entry.metadata().map_or(0, |found| found.len()))
    } else {
        Kind::Other
    })
}

fn file_problem(path: &Path, problem: Problem) -> Problem {
    problem.in_source(&Arc::new(Source::unread(path)))
}

fn read_file(directory: &Path, path: &Path) -> Result<Vec<u8>, Problem> {
    match files::inside(directory, path).and_then(|()| read_limited(path)) {
        Ok(read) => read,
        Err(error) => Err(Problem::error("unreadable", format!("can't be read: {error}"))),
    }
}

/// The bytes of a file, or why it has too many; never reads more than allowed.
fn read_limited(path: &Path) -> std::io::Result<Result<Vec<u8>, Problem>> {
    let file = files::open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.take(source::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > source::MAX_BYTES {
        return Ok(Err(source::too_large(size.max(bytes.len() as u64))));
    }
    Ok(Ok(bytes))
}

impl Manifests {
    fn read_bytes(&mut self, path: &Path, bytes: &[u8]) {
        let name = problem::shown_path(path);
        let text = match source::read(bytes) {
            Ok(text) => text,
            Err(problems) => {
                let lossy = String::from_utf8_lossy(bytes);
                let source = Arc::new(Source::new(name, &lossy, &secrets::in_text(&lossy)));
                self.problems.extend(problems.into_iter().map(|found| found.in_source(&source)));
                return;
            }
        };
        let (trees, syntax) = tree::read(text);
        let mut problems = Problems { list: syntax, hidden: secrets::in_text(text) };
        let parsed: Vec<Parsed> =
            trees.into_iter().filter_map(|tree| Parsed::read(tree, &mut problems)).collect();
        let source = Arc::new(Source::new(name, text, &problems.hidden));
        self.problems.extend(problems.list.into_iter().map(|found| found.in_source(&source)));
        self.documents.extend(parsed.into_iter().map(|parsed| parsed.document(path, &source)));
    }

    /// Healthy documents by name; of two with the same name the first, the check says so.
    fn finish(&mut self) {
        problem::sort(&mut self.problems);
        for document in &self.documents {
            let Document { name, spec, origin, state } = document;
            if *state == State::Broken {
                continue;
            }
            let (name, origin) = (name.clone(), origin.clone());
            match spec.clone() {
                Spec::Module(spec) => {
                    let module = Module { name: name.clone(), spec, origin };
                    self.modules.entry(name).or_insert(module);
                }
                Spec::SyncJob(spec) => {
                    let job = SyncJob::new(name.clone(), *spec, origin);
                    self.jobs.entry(name).or_insert(job);
                }
                Spec::Resource(spec) => {
                    let resource = Resource { name: name.clone(), spec: *spec, origin };
                    self.resources.entry(name).or_insert(resource);
                }
                Spec::RepublishJob(spec) => {
                    let job = RepublishJob { name: name.clone(), spec: *spec, origin };
                    self.republish_jobs.entry(name).or_insert(job);
                }
            }
        }
    }
}

/// A document whose file isn't known to it yet.
struct Parsed {
    name: String,
    spec: Spec,
    state: State,
    number: usize,
    root: Node,
}

impl Parsed {
    fn read(tree: Tree, problems: &mut Problems) -> Option<Self> {
        secrets::in_tree(&tree.root, &mut problems.hidden);
        let before = problems.list.len();
        let read = envelope(&tree.root, problems);
        let found = problems.list[before..].iter_mut();
        found.for_each(|problem| problem.document = Some(tree.number));
        let here = problems.list.iter().filter(|problem| problem.document == Some(tree.number));
        let broken = here.into_iter().any(Problem::is_error);
        let state = if broken { State::Broken } else { State::Healthy };
        let (name, spec) = read?;
        Some(Self { name, spec, state, number: tree.number, root: tree.root })
    }

    fn document(self, path: &Path, source: &Arc<Source>) -> Document {
        let Self { name, spec, state, number, root } = self;
        let origin = Origin {
            path: path.to_owned(),
            source: Arc::clone(source),
            document: number,
            root: Arc::new(root),
        };
        Document { name, spec, origin, state }
    }
}

fn envelope(root: &Node, problems: &mut Problems) -> Option<(String, Spec)> {
    let mut fields = Fields::open(&At::new(root, ""), problems)?;
    fields.need("apiVersion", problems, api_version);
    let kind = fields.need("kind", problems, kind);
    let name = fields.need("metadata", problems, metadata);
    let spec = fields.need("spec", problems, |at, problems| match kind? {
        "Module" => read_module::module(at, problems).map(Spec::Module),
        "SyncJob" => read_job::sync_job(at, problems).map(|spec| Spec::SyncJob(Box::new(spec))),
        "Resource" => {
            read_resource::resource(at, problems).map(|spec| Spec::Resource(Box::new(spec)))
        }
        _ => read_republish_job::republish_job(at, problems)
            .map(|spec| Spec::RepublishJob(Box::new(spec))),
    });
    fields.close(problems);
    Some((name?, spec?))
}

fn api_version(at: &At<'_>, problems: &mut Problems) -> Option<()> {
    let version = text(at, problems)?;
    if version != API_VERSION {
        let message = format!("`apiVersion` must be `{API_VERSION}`, found{}", at.quoted());
        problems.push(at.error("api-version", message));
    }
    Some(())
}

fn kind(at: &At<'_>, problems: &mut Problems) -> Option<&'static str> {
    let written = text(at, problems)?;
    let known = KINDS.into_iter().find(|kind| *kind == written);
    if known.is_none() {
        let message = format!("there is no kind{}", at.quoted());
        let near = words::suggestion(&written, KINDS);
        problems.push(at.error("unknown-kind", message).help_if(near));
    }
    known
}

fn metadata(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let mut fields = Fields::open(at, problems)?;
    let name = fields.need("name", problems, |at, problems| {
        let name = text(at, problems)?;
        let good = name.len() <= MAX_NAME_BYTES
            && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
            // `sync:data` is no name either, but deserves to hear why it can't be one.
            || words::COMMANDS.contains(&name.as_str());
        if !good {
            let message = format!("`metadata.name`{} is no name", at.quoted());
            problems.push(at.error("bad-name", message).help(format!(
                "names have lower-case letters, digits, `-` and `_`, begin with a letter or digit, \
                 and are at most {MAX_NAME_BYTES} characters long"
            )));
        }
        good.then_some(name)
    });
    fields.close(problems);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_that_of_names_and_content() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let revision = || read(folder.path()).unwrap().revision();
        write("a.yaml", "kind: Module\n");
        write("b.yaml", "");
        let mut seen = vec![revision()];
        // Written again, touched, beside what is no manifest: nothing is new.
        write("a.yaml", "kind: Module\n");
        write("notes.txt", "Remember the milk");
        assert_eq!(revision(), seen[0]);
        for (name, text) in
            [("a.yaml", "kind: SyncJob\n"), ("a.yaml", ""), ("b.yaml", "kind: SyncJob\n")]
        {
            write(name, text);
            seen.push(revision());
        }
        fs::rename(folder.path().join("b.yaml"), folder.path().join("c.yaml")).unwrap();
        seen.push(revision());
        std::os::unix::fs::symlink("c.yaml", folder.path().join("d.yaml")).unwrap();
        seen.push(revision());
        fs::remove_file(folder.path().join("a.yaml")).unwrap();
        seen.push(revision());
        let different: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(different.len(), seen.len());
    }
}
