//! Databases: sessions, typed values, reading and writing rows.
//!
//! Answers for everything that is said to a server: this folder is the only place with SQL text.
//! Identifiers come from the catalogue and are quoted, values are always bound. What is written,
//! and in which order, is decided elsewhere.

mod advisory;
mod answer;
mod batch;
mod both;
mod carry;
mod catalog_mariadb;
mod catalog_postgres;
mod catalog_sqlite;
mod checksum;
mod checksum_mariadb;
mod checksum_postgres;
mod connection;
mod ddl;
mod dialect;
mod embedded;
mod entries;
mod error;
mod facts;
mod filter;
mod hex;
pub mod limits;
mod lookup_numbers;
mod mariadb;
mod messages;
mod numbers;
mod operator;
mod own;
mod pooled;
mod postgres;
mod publishing;
mod read;
mod rights;
mod same;
mod sample;
mod sift;
mod sqlite;
mod times;
mod transaction;
pub mod value;
mod words;
mod write;

use std::path::PathBuf;
use std::time::Duration;

pub use batch::{Alike, AlikeRow, Write};
pub use both::{Both, Twins, Unequal, begin_both};
pub use checksum::{Bucket, Buckets, Hashing, Slice, Stretch, Unlike, same_kinds};
pub use ddl::create_table_sql;
pub use entries::{ENTRIES, Entry};
pub use error::{ConstraintKind, Error, Result};
pub use facts::Facts;
pub use messages::{MESSAGES, Now, Ready, StoredMessage, StoredQueue};
pub use own::Scheme;
pub use pooled::is_pooled_by_transactions;
pub use read::Scan;
pub use rights::{Allowed, Rights};
pub use same::same_database;
pub use sample::End;
pub use sift::{Judge, Sieve};
pub use transaction::CancelHandle;
pub use value::Value;
pub use write::Lock;

use crate::catalog::{Catalog, Column, Engine, Table};
use connection::{Cell, Cells, Connection, Statement};
use dialect::Dialect;
use error::Doing;

/// The values of one row, in the order of the columns asked for.
pub type Row = Vec<Value>;

/// For so long a session that writes may idle inside its transaction; then the server ends it, and the
/// locks of a process that was stopped are free. Runs compare in between, which may take a while.
const IDLE: Duration = Duration::from_mins(1);

/// How long a session that writes may idle. Tests of stopped processes needn't wait so long.
pub fn idle_limit() -> Duration {
    let given = cfg!(debug_assertions).then(|| std::env::var("RECONCILE_TEST_IDLE_SECONDS").ok());
    let given = given.flatten().and_then(|seconds| seconds.parse().ok());
    given.map_or(IDLE, Duration::from_secs)
}

/// What a session is for. A session that reads can't write, by the server's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    Write,
}

/// One dedicated connection with strict settings.
///
/// # Guarantees
///
/// It is never pooled, so a transaction, a lock or a setting can't leak into other work. Dropping
/// it rolls back whatever wasn't committed: SQLite closes the file, PostgreSQL sees the connection
/// end (a statement that is still running there is carried to its end and then rolled back; a
/// [`CancelHandle`] stops it at once). [`Session::close`] does the same and waits for it.
pub struct Session {
    connection: Connection,
    environment: String,
    access: Access,
    in_transaction: bool,
    /// Held while a transaction is alone, see [`Session::begin_alone`].
    alone: Option<advisory::Lock>,
    /// The file of an SQLite database.
    path: Option<PathBuf>,
    /// How to reach the server again, to cancel a statement.
    cancel: Option<CancelHandle>,
    /// MariaDB: how many bytes the server takes at once.
    packet: Option<usize>,
    /// SQLite: foreign keys that were violated before this transaction deferred them.
    orphans: Option<transaction::Orphans>,
    /// PostgreSQL: how many cursors were opened, since each needs a name of its own.
    cursors: u64,
    /// MariaDB: temporary tables that rows are updated from.
    stages: batch::Stages,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("environment", &self.environment).finish_non_exhaustive()
    }
}

impl Session {
    /// Opens `sqlite://path`, `postgres://…` or `mysql://…` (also written `mariadb://…`). `name` (PROD, TEST) stands in messages; nothing of
    /// the URL but a file's path does.
    pub async fn open(url: &str, name: &str, access: Access) -> Result<Self> {
        let environment = name.to_owned();
        let mut packet = None;
        let (connection, path, cancel) = if let Some(path) = sqlite::path_of(url) {
            (sqlite::open(path, name, access).await?, Some(path.to_owned()), None)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let (connection, cancel) = postgres::open(url, name, access).await?;
            (connection, None, Some(cancel))
        } else if url.starts_with("mysql://") || url.starts_with("mariadb://") {
            let (connection, cancel, bytes) = mariadb::open(url, name, access).await?;
            packet = Some(bytes);
            (connection, None, Some(cancel))
        } else {
            let reason =
                "its URL must be postgres://…, mysql://… or sqlite://PATH, the last without \
                          options"
                    .to_owned();
            return Err(Error::Connect { environment, reason });
        };
        Ok(Self {
            connection,
            environment,
            access,
            in_transaction: false,
            alone: None,
            path,
            cancel,
            packet,
            orphans: None,
            cursors: 0,
            stages: batch::Stages::default(),
        })
    }

    pub fn engine(&self) -> Engine {
        self.connection.engine()
    }

    /// The environment's name as given to [`Session::open`].
    pub fn name(&self) -> &str {
        &self.environment
    }

    /// Reads the structure of the connection's current schema.
    pub async fn catalog(&mut self) -> Result<Catalog> {
        let read = match self.engine() {
            Engine::Sqlite => catalog_sqlite::read(&mut self.connection).await,
            Engine::Postgres => catalog_postgres::read(&mut self.connection).await,
            Engine::Mariadb => catalog_mariadb::read(&mut self.connection).await,
        };
        read.map_err(|error| self.doing("read the catalogue", None).failed(&error))
    }

    /// Ends the connection and waits for it; what wasn't committed is rolled back.
    pub async fn close(mut self) -> Result<()> {
        if self.in_transaction {
            self.rollback().await?;
        }
        let Self { connection, environment, .. } = self;
        let doing = Doing { environment: &environment, action: "close", table: None };
        connection.close().await.map_err(|error| doing.failed(&error))
    }

    fn dialect(&self) -> &'static dyn Dialect {
        dialect::of(self.engine())
    }

    fn doing<'a>(&'a self, action: &'static str, table: Option<&'a Table>) -> Doing<'a> {
        let table = table.map(|table| table.name.as_str());
        Doing { environment: &self.environment, action, table }
    }

    fn unsupported(&self, what: impl Into<String>) -> Error {
        Error::Unsupported { environment: self.environment.clone(), what: what.into() }
    }

    fn column<'t>(&self, table: &'t Table, name: &str) -> Result<&'t Column> {
        let missing = || self.unsupported(format!("table {} has no column {name}", table.name));
        table.column(name).ok_or_else(missing)
    }

    async fn rows(
        &mut self,
        action: &'static str,
        table: Option<&Table>,
        statement: Statement,
    ) -> Result<Vec<Cells>> {
        let rows = self.connection.rows(statement).await;
        rows.map_err(|error| self.doing(action, table).failed(&error))
    }

    async fn cell(
        &mut self,
        action: &'static str,
        table: Option<&Table>,
        statement: Statement,
    ) -> Result<Cell> {
        let cell = self.connection.cell(statement).await;
        cell.map_err(|error| self.doing(action, table).failed(&error))
    }

    async fn execute(
        &mut self,
        action: &'static str,
        table: Option<&Table>,
        statement: Statement,
    ) -> Result<u64> {
        let touched = self.connection.execute(statement).await;
        touched.map_err(|error| self.doing(action, table).failed(&error))
    }

    async fn script(&mut self, action: &'static str, sql: &str) -> Result<()> {
        let done = self.connection.script(sql).await;
        done.map_err(|error| self.doing(action, None).failed(&error))
    }
}
