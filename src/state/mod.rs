//! The state store: what became of each request, what is remembered of each job, and the messages
//! that are still to be sent.
//!
//! Answers for a request being carried out once, also when it failed: the ledger on the target proves
//! commits, this store remembers the rest. A job's memory, the end of a request and the messages about
//! it are written in one transaction.

mod drawn;
mod ends;
mod lease;
mod memory;
mod newest;
mod outbox;
mod plans;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use lease::{Holder, Holding, Lease, Office, Taken, in_words};
pub use memory::{
    Compared, End, Ended, Filed, Held, Memory, Publishing, RunLine, Running, Seen, Stood,
    Suspended, Trouble,
};
pub use outbox::{Delivery, Message, Posted};
pub use plans::{keep_plan, kept_plans, latest_plan, latest_plan_written};

use crate::catalog::{Kind, Table};
use crate::config::Config;
use crate::database::{self, Access, ConstraintKind, Session, Value};
use crate::put::put;
use crate::whole::make_folder;

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
    /// Another process wrote about the job since its memory was read.
    #[error("the job {job} was changed by another process meanwhile; it is looked at again")]
    Changed { job: String },
    /// The store was written by a later release.
    #[error(
        "the state store is of version {found}, this program knows {VERSION}; use the release that \
         wrote it, or a later one"
    )]
    Version { found: String },
}

/// Of the tables below; a later one may hold what this program would lose.
const VERSION: &str = "1";
const INSTALLATION: &str = "installation";

pub struct State {
    session: Session,
    tables: Tables,
    place: Place,
    /// Leases of others, as they were seen last.
    observed: BTreeMap<Office, lease::Observed>,
    /// Leases of this process that nobody gave back.
    dropped: lease::Dropped,
}

/// Where a store is.
#[derive(Clone)]
struct Place {
    url: String,
    directory: PathBuf,
}

impl Place {
    fn of(config: &Config) -> Self {
        let directory = config.state_directory.clone();
        let url = match &config.state {
            Some(url) => url.expose().to_owned(),
            None => format!("sqlite://{}", directory.join("reconcile.db").display()),
        };
        Self { url, directory }
    }

    /// The file, where it is one.
    fn file(&self) -> Option<PathBuf> {
        self.url.strip_prefix("sqlite://").map(PathBuf::from)
    }
}

struct Tables {
    about: Table,
    requests: Table,
    jobs: Table,
    outbox: Table,
    places: Table,
    leases: Table,
}

/// A job's memory as it was read, to be written only if it still is so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    pub memory: Memory,
    /// How often it was written before; 0 for a job that is new.
    version: i64,
}

#[cfg(test)]
impl Remembered {
    /// As a store of a test has it.
    pub fn stored(memory: Memory, version: i64) -> Self {
        Self { memory, version }
    }

    pub fn version(&self) -> i64 {
        self.version
    }
}

/// What is written together about a job.
#[derive(Debug, Default)]
pub struct Change<'a> {
    /// How the request or occurrence of this key ended; the first end holds.
    pub ended: Option<(&'a str, &'a Ended)>,
    pub messages: &'a [Message],
}

impl State {
    /// Opens the store, creating what is missing.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        Self::open_at(Place::of(config)).await
    }

    async fn open_at(place: Place) -> Result<Self, Error> {
        make(&place.directory)?;
        if let Some(path) = place.file() {
            create_file(&path)?;
        }
        let mut session = Session::open(&place.url, "state", Access::Write).await?;
        let about = Table::plain(
            "reconcile_state",
            &[("name", Kind::Text), ("value", Kind::Text)],
            &["name"],
        );
        session.create_table_if_missing(&about).await?;
        let tables = Tables {
            about,
            requests: Table::plain(
                "reconcile_request",
                &[("job", Kind::Text), ("request", Kind::Text), ("ended", Kind::Text)],
                &["job", "request"],
            ),
            jobs: Table::plain(
                "reconcile_job",
                &[("job", Kind::Text), ("version", Kind::Integer), ("memory", Kind::Text)],
                &["job"],
            ),
            outbox: outbox::table(),
            places: newest::table(),
            leases: lease::table(),
        };
        let Tables { about: _, requests, jobs, outbox, places, leases } = &tables;
        for table in [requests, jobs, outbox, places, leases] {
            session.create_table_if_missing(table).await?;
        }
        let (observed, dropped) = (BTreeMap::new(), lease::Dropped::default());
        let mut state = Self { session, tables, place, observed, dropped };
        state.check_version().await?;
        state.begin_numbers().await?;
        state.begin_places().await?;
        state.begin_counting_ends().await?;
        Ok(state)
    }

    /// Refuses a store of a later release, and marks a new one.
    async fn check_version(&mut self) -> Result<(), Error> {
        match self.noted("version").await? {
            Some(version) if version == VERSION => Ok(()),
            Some(found) => Err(Error::Version { found }),
            None => self.note("version", VERSION).await,
        }
    }

    /// What was noted under a name.
    pub async fn noted(&mut self, name: &str) -> Result<Option<String>, Error> {
        let (by, wanted) = (["name".to_owned()], [vec![text(name)]]);
        let value = ["value".to_owned()];
        let found = self.session.find(&self.tables.about, &value, &by, &wanted).await?;
        Ok(found.into_iter().next().map(|(_, row)| row[0].display().into_owned()))
    }

    /// Notes a word under a name, in place of the one before.
    pub async fn note(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let is_there = self.noted(name).await?.is_some();
        let (name, value) = (text(name), text(value));
        if is_there {
            let set = [("value", &value)];
            return Ok(self.session.update(&self.tables.about, &[("name", &name)], &set).await?);
        }
        let row = [("name", &name), ("value", &value)];
        match self.session.insert(&self.tables.about, &row).await {
            // Another process was quicker; it noted the same or notes again.
            Err(database::Error::Constraint { kind: ConstraintKind::Unique, .. }) => Ok(()),
            inserted => Ok(inserted?),
        }
    }

    /// Notes a word under a name that has none; returns the word that stands there then.
    async fn note_first(&mut self, name: &str, value: &str) -> Result<String, Error> {
        if let Some(before) = self.noted(name).await? {
            return Ok(before);
        }
        let (key, word) = (text(name), text(value));
        match self.session.insert(&self.tables.about, &[("name", &key), ("value", &word)]).await {
            Err(database::Error::Constraint { kind: ConstraintKind::Unique, .. }) => {
                Ok(self.noted(name).await?.unwrap_or_else(|| value.to_owned()))
            }
            inserted => Ok(inserted.map(|()| value.to_owned())?),
        }
    }

    /// How a request ended, if it did.
    pub async fn ended(&mut self, job: &str, request: &str) -> Result<Option<Ended>, Error> {
        let by = ["job".to_owned(), "request".to_owned()];
        let wanted = [vec![text(job), text(request)]];
        let columns = ["ended".to_owned()];
        let found = self.session.find(&self.tables.requests, &columns, &by, &wanted).await?;
        let Some((_, row)) = found.into_iter().next() else { return Ok(None) };
        read(&row[0], || format!("what became of job {job}")).map(Some)
    }

    /// Remembers how a request ended; the first end holds.
    pub async fn end(&mut self, job: &str, request: &str, ended: &Ended) -> Result<(), Error> {
        if self.ended(job, request).await?.is_some() {
            return Ok(());
        }
        let phase = ended.phase;
        let (job, request, ended) = (text(job), text(request), written(ended));
        let row = [("job", &job), ("request", &request), ("ended", &ended)];
        match self.session.insert(&self.tables.requests, &row).await {
            // Another process was quicker.
            Err(database::Error::Constraint { kind: ConstraintKind::Unique, .. }) => Ok(()),
            inserted => {
                inserted?;
                self.count_end(phase).await
            }
        }
    }

    /// The memory of every job, also of those that no manifest names any more.
    pub async fn memories(&mut self) -> Result<BTreeMap<String, Remembered>, Error> {
        let columns = ["job", "version", "memory"].map(str::to_owned);
        self.session.begin().await?;
        let mut memories = BTreeMap::new();
        let none = BTreeMap::new();
        let mut rows = self.session.scan(&self.tables.jobs, &columns, &columns[..1], &none).await?;
        while let Some(row) = rows.next().await? {
            let job = row[0].display().into_owned();
            let memory = read(&row[2], || format!("the memory of job {job}"))?;
            memories.insert(job, Remembered { memory, version: integer(&row[1]) });
        }
        drop(rows);
        self.session.rollback().await?;
        Ok(memories)
    }

    /// What is remembered of one job.
    pub async fn memory(&mut self, job: &str) -> Result<Remembered, Error> {
        let columns = ["version", "memory"].map(str::to_owned);
        let by = ["job".to_owned()];
        let found = self.session.find(&self.tables.jobs, &columns, &by, &[vec![text(job)]]).await?;
        let Some((_, row)) = found.into_iter().next() else { return Ok(Remembered::default()) };
        let memory = read(&row[1], || format!("the memory of job {job}"))?;
        Ok(Remembered { memory, version: integer(&row[0]) })
    }

    /// Writes a job's memory, the end of its request and the messages about it: all or nothing.
    ///
    /// # Guarantees
    /// [`Error::Changed`] where another process wrote about the job since `remembered` was read, and
    /// nothing was written then.
    pub async fn save(
        &mut self,
        job: &str,
        remembered: &mut Remembered,
        change: &Change<'_>,
    ) -> Result<(), Error> {
        self.session.begin().await?;
        let saved = self.save_inside(job, remembered, change).await;
        match saved {
            Ok(()) => {
                self.session.commit().await?;
                remembered.version += 1;
                Ok(())
            }
            Err(error) => {
                self.session.rollback().await?;
                Err(error)
            }
        }
    }

    async fn save_inside(
        &mut self,
        job: &str,
        remembered: &Remembered,
        change: &Change<'_>,
    ) -> Result<(), Error> {
        let changed = || Error::Changed { job: job.to_owned() };
        if self.memory(job).await?.version != remembered.version {
            return Err(changed());
        }
        let (name, memory) = (text(job), written(&remembered.memory));
        let version = Value::Integer(remembered.version + 1);
        let written = if remembered.version == 0 {
            let row = [("job", &name), ("version", &version), ("memory", &memory)];
            self.session.insert(&self.tables.jobs, &row).await
        } else {
            let old = Value::Integer(remembered.version);
            let key = [("job", &name), ("version", &old)];
            let set = [("version", &version), ("memory", &memory)];
            self.session.update(&self.tables.jobs, &key, &set).await
        };
        match written {
            Err(database::Error::Constraint { kind: ConstraintKind::Unique, .. }) => {
                return Err(changed());
            }
            Err(error) if error.is_retryable() => return Err(changed()),
            written => written?,
        }
        match self.tell(job, change).await {
            // Another process just told of another job: this is decided anew, and told after it.
            Err(Error::Database(error)) if error.is_retryable() => Err(changed()),
            told => told,
        }
    }

    async fn tell(&mut self, job: &str, change: &Change<'_>) -> Result<(), Error> {
        if let Some((key, ended)) = change.ended {
            self.end(job, key, ended).await?;
        }
        self.post_all(change.messages).await
    }

    /// The name of this installation, drawn once: of all daemons that share the store.
    pub async fn installation(&mut self) -> Result<String, Error> {
        self.note_first(INSTALLATION, &random_word(16)).await
    }

    pub async fn close(self) -> Result<(), Error> {
        Ok(self.session.close().await?)
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn integer(value: &Value) -> i64 {
    value.display().parse().unwrap_or_default()
}

fn written(value: &impl serde::Serialize) -> Value {
    Value::Text(serde_json::to_string(value).expect("plain words are JSON").into())
}

fn read<T: serde::de::DeserializeOwned>(
    value: &Value,
    what: impl FnOnce() -> String,
) -> Result<T, Error> {
    serde_json::from_str(&value.display())
        .map_err(|source| Error::Unreadable { what: what(), source })
}

/// Puts the path to an error of the file system.
fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}

fn make(directory: &Path) -> Result<(), Error> {
    make_folder(directory).map_err(at(directory))
}

fn create_file(path: &Path) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        make(parent)?;
    }
    if path.is_file() {
        return Ok(());
    }
    crate::effect::file("create")
        .and_then(|()| std::fs::OpenOptions::new().create(true).append(true).open(path))
        .map(|_| ())
        .map_err(at(path))
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

/// Between 0 and 1, different for each process and moment.
pub fn jitter() -> f64 {
    let word = random_word(4);
    f64::from(u16::from_str_radix(&word, 16).unwrap_or_default()) / f64::from(u16::MAX)
}
