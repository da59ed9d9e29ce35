//! The state store: what became of each request, and which installation this is.
//!
//! Answers for a request being carried out once, also when it failed: the ledger on the target proves
//! commits, this store remembers the rest. Plans that were shown are kept as files beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::catalog::{Kind, Table};
use crate::config::Config;
use crate::database::{self, Access, ConstraintKind, Session, Value};
use crate::plan::change::Plan;
use crate::plan::render::write_pretty;
use crate::put::put;

/// Why the state can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(#[from] database::Error),
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// A stored plan or row that this version can't read.
    #[error("{what} can't be read: {source}")]
    Unreadable { what: String, source: serde_json::Error },
}

/// How a request ended. All of them hold until the job's spec changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    Succeeded,
    Failed,
    Stale,
    Missed,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    pub phase: Phase,
    pub run: String,
    /// One sentence.
    pub why: String,
    /// UTC, RFC 3339.
    pub at: String,
}

/// Stored plans kept per job; `all@DIGEST` names one of them.
const KEPT_PLANS: usize = 50;

pub struct State {
    session: Session,
    requests: Table,
    directory: PathBuf,
}

impl State {
    /// Opens the store, creating what is missing.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let directory = config.state_directory.clone();
        make(&directory)?;
        let url = match &config.state {
            Some(url) => url.expose().to_owned(),
            None => format!("sqlite://{}", directory.join("reconcile.db").display()),
        };
        if let Some(path) = url.strip_prefix("sqlite://") {
            create_file(Path::new(path))?;
        }
        let mut session = Session::open(&url, "state", Access::Write).await?;
        let requests = Table::plain(
            "reconcile_request",
            &[("job", Kind::Text), ("request", Kind::Text), ("ended", Kind::Text)],
            &["job", "request"],
        );
        session.create_table_if_missing(&requests).await?;
        Ok(Self { session, requests, directory })
    }

    /// How a request ended, if it did.
    pub async fn ended(&mut self, job: &str, request: &str) -> Result<Option<Ended>, Error> {
        let by = ["job".to_owned(), "request".to_owned()];
        let wanted = [vec![Value::Text(job.into()), Value::Text(request.into())]];
        let columns = ["ended".to_owned()];
        let found = self.session.find(&self.requests, &columns, &by, &wanted).await?;
        let Some((_, row)) = found.into_iter().next() else { return Ok(None) };
        serde_json::from_str(&row[0].display()).map(Some).map_err(|source| Error::Unreadable {
            what: format!("what became of job {job}"),
            source,
        })
    }

    /// Remembers how a request ended; the first end holds.
    pub async fn end(&mut self, job: &str, request: &str, ended: &Ended) -> Result<(), Error> {
        if self.ended(job, request).await?.is_some() {
            return Ok(());
        }
        let (job, request) = (Value::Text(job.into()), Value::Text(request.into()));
        let ended = serde_json::to_string(ended).expect("plain words are JSON");
        let ended = Value::Text(ended.into());
        let row = [("job", &job), ("request", &request), ("ended", &ended)];
        match self.session.insert(&self.requests, &row).await {
            // Another process was quicker.
            Err(database::Error::Constraint { kind: ConstraintKind::Unique, .. }) => Ok(()),
            inserted => Ok(inserted?),
        }
    }

    /// The name of this installation, drawn once.
    pub fn installation(&self) -> Result<String, Error> {
        let path = self.directory.join("installation");
        match std::fs::read_to_string(&path) {
            Ok(name) => return Ok(name.trim().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::File { path, source }),
        }
        let name = random_word(16);
        write_whole(&path, &name)?;
        Ok(name)
    }
}

/// Keeps a plan that was shown, so that `all@DIGEST` can name it.
pub fn keep_plan(config: &Config, plan: &Plan) -> Result<PathBuf, Error> {
    let directory = plans(config, &plan.job);
    make(&directory)?;
    let kept = directory.join(format!("{}.json", &plan.digest[..16]));
    write_whole_by(&kept, |out| write_pretty(plan, out))?;
    let latest = directory.join("plan.json");
    also_as(&kept, &latest)?;
    forget_oldest(&directory)?;
    Ok(latest)
}

/// Those of the named plans of a job that were shown before, by the first 16 digits of their digests.
/// Files that can't be read as a plan of this version are left out: an approval that names one says
/// so.
pub fn kept_plans(config: &Config, job: &str, named: &BTreeSet<String>) -> BTreeMap<String, Plan> {
    let directory = plans(config, job);
    let kept = named.iter().filter_map(|digest| {
        let text = std::fs::read_to_string(directory.join(format!("{digest}.json"))).ok()?;
        let plan = serde_json::from_str::<Plan>(&text).ok()?;
        plan.digest.starts_with(digest).then_some((digest.clone(), plan))
    });
    kept.collect()
}

fn plans(config: &Config, job: &str) -> PathBuf {
    config.state_directory.join("plans").join(job)
}

fn digests(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.file_stem().is_some_and(|stem| stem.len() == 16))
        .collect()
}

fn forget_oldest(directory: &Path) -> Result<(), Error> {
    let mut files = digests(directory);
    files.sort_by_key(|path| std::fs::metadata(path).and_then(|about| about.modified()).ok());
    let surplus = files.len().saturating_sub(KEPT_PLANS);
    for path in files.into_iter().take(surplus) {
        std::fs::remove_file(&path).map_err(|source| Error::File { path, source })?;
    }
    Ok(())
}

fn make(directory: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(directory)
        .map_err(|source| Error::File { path: directory.to_owned(), source })
}

fn create_file(path: &Path) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        make(parent)?;
    }
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map(|_| ())
        .map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Writes a file under another name first, so that nobody reads half of it.
fn write_whole(path: &Path, text: &str) -> Result<(), Error> {
    write_whole_by(path, |out| out.write_all(text.as_bytes()))
}

fn write_whole_by(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), Error> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = File::create(&temporary).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 16, file);
        write(&mut out)?;
        out.into_inner()?.sync_all()?;
        std::fs::rename(&temporary, path)
    });
    written.map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Gives a file that was just written another name as well: a large plan is stored once. Where files
/// can't be linked it is copied. Neither is ever written in place.
fn also_as(kept: &Path, path: &Path) -> Result<(), Error> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let _ = std::fs::remove_file(&temporary);
    std::fs::hard_link(kept, &temporary)
        .or_else(|_| std::fs::copy(kept, &temporary).map(|_| ()))
        .and_then(|()| std::fs::rename(&temporary, path))
        .map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Lower-case hex digits that no other call draws again.
pub fn random_word(length: usize) -> String {
    use std::hash::{BuildHasher, Hasher};
    // The standard library's hasher keys are drawn from the system for each process and differ
    // for each instance.
    let mut word = String::new();
    while word.len() < length {
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_u128(
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| since.as_nanos()),
        );
        put!(word, "{:016x}", hasher.finish());
    }
    word.truncate(length);
    word
}
