//! Files of our own beside the databases of users: the embedded queue and the embedded read stores.
//!
//! Answers for opening them so that any number of processes use one at once, and so that what was
//! committed outlives a crash of the process and of the power. Which tables they hold is said in
//! `messages` and `entries`.

use std::path::Path;
use std::time::{Duration, Instant};

use super::connection::{Parameter, Statement};
use super::error::{Error, Result};
use super::{Access, Session};

/// The tables that a file holds, made at once when it is new.
#[derive(Debug)]
pub struct Scheme {
    pub(super) version: i64,
    pub(super) tables: &'static str,
}

/// A file that several processes open for the first time is prepared by one of them.
const PREPARED_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Readers and the one writer don't wait for each other, and a commit is one write that is brought to
/// the disk (FULL; NORMAL would lose the last ones with the power). Others write for seconds at most.
const SETTINGS: &str = "PRAGMA synchronous = FULL; PRAGMA busy_timeout = 60000; \
                        PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16000; \
                        PRAGMA temp_store = MEMORY";

impl Session {
    /// Opens a file of ours, which may be empty, and makes its tables where they are missing. `name`
    /// stands in messages.
    pub async fn open_own(path: &Path, name: &str, scheme: &Scheme) -> Result<Self> {
        let mut session =
            Self::open(&format!("sqlite://{}", path.display()), name, Access::Write).await?;
        session.journal_ahead().await?;
        session.script("prepare", SETTINGS).await?;
        if session.is_prepared(scheme).await? {
            return Ok(session);
        }
        session.begin().await?;
        if !session.is_prepared(scheme).await? {
            let make = format!("{}; PRAGMA user_version = {}", scheme.tables, scheme.version);
            session.script("prepare", &make).await?;
        }
        session.commit().await?;
        Ok(session)
    }

    /// Opens a file of ours for looking alone; `None` where nothing was ever written to it.
    pub async fn look_into_own(path: &Path, name: &str, scheme: &Scheme) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let url = format!("sqlite://{}", path.display());
        let mut session = Self::open(&url, name, Access::ReadOnly).await?;
        Ok(session.is_prepared(scheme).await?.then_some(session))
    }

    async fn is_prepared(&mut self, scheme: &Scheme) -> Result<bool> {
        let found = self.cell("read", None, Statement::new("PRAGMA user_version")).await?;
        match found.integer().unwrap_or_default() {
            0 => Ok(false),
            version if version == scheme.version => Ok(true),
            later => Err(self.unsupported(format!(
                "it was written by a later release (version {later}, this program knows {}); use \
                 that one",
                scheme.version
            ))),
        }
    }

    /// Changes are written beside the file first. The file remembers it; SQLite doesn't wait for others
    /// when it is changed, so this does.
    async fn journal_ahead(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let asked = Statement::new("PRAGMA journal_mode = WAL");
            match self.cell("prepare", None, asked).await {
                Ok(mode) if mode.text().as_deref() == Some("wal") => return Ok(()),
                Ok(_) => {
                    return Err(self.unsupported("its file system can't share a file's memory"));
                }
                Err(Error::Serialization { .. }) if begun.elapsed() < PREPARED_WITHIN => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whole numbers as one value of a statement, for `json_each`.
pub(super) fn numbers(list: &[i64]) -> Parameter {
    let list: Vec<_> = list.iter().map(i64::to_string).collect();
    Parameter::Text(format!("[{}]", list.join(",")).into())
}

pub(super) fn text(value: &str) -> Parameter {
    Parameter::Text(value.into())
}

pub(super) fn maybe_number(value: Option<i64>) -> Parameter {
    value.map_or(Parameter::Null, Parameter::Integer)
}

/// `(?, ?), (?, ?)`: rows of placeholders.
pub(super) fn rows_of(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}
