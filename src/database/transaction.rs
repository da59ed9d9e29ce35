//! Transactions of a session: begin, constraints, commit, rollback, cancel.
//!
//! Answers for the isolation each access gets, and for a commit that says truly whether it
//! happened. Whether to commit is decided elsewhere.

use std::collections::BTreeMap;

use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::answer::Silence;
use super::batch::Stages;
use super::connection::{Connection, Parameter, Statement, connecting};
use super::error::{ConstraintKind, Error, Result};
use super::{Access, Session};
use crate::catalog::Engine;

/// How many rows refer to nothing, by the table that holds them and the table they refer to.
pub(super) type Orphans = BTreeMap<(String, String), i64>;

impl Session {
    /// Begins the session's transaction. Reading: one read-only snapshot, fixed here. Writing:
    /// PostgreSQL repeatable read; SQLite takes the write lock at once, so that nothing read can
    /// change before it is written.
    pub async fn begin(&mut self) -> Result<()> {
        if self.in_transaction {
            return Err(self.unsupported("a transaction is already under way"));
        }
        let sql = match (self.engine(), self.access) {
            (Engine::Sqlite, Access::ReadOnly) => "BEGIN; SELECT count(*) FROM sqlite_schema",
            (Engine::Sqlite, Access::Write) => "BEGIN IMMEDIATE",
            (Engine::Postgres, Access::ReadOnly) => {
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_current_snapshot()"
            }
            (Engine::Postgres, Access::Write) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE",
            (Engine::Mariadb, Access::ReadOnly) => {
                "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
            }
            // The snapshot comes with the first read, once the fence is raised.
            (Engine::Mariadb, Access::Write) => "START TRANSACTION READ WRITE",
        };
        // Set before the answer: a `begin` that is given up halfway may still have begun.
        self.in_transaction = true;
        let begun = self.script("begin a transaction", sql).await;
        if begun.is_err() {
            // Nothing is lost if this fails too: the error that matters is the first one.
            let _ = self.rollback().await;
        }
        begun
    }

    /// Makes everything since [`Session::begin`] lasting.
    ///
    /// # Guarantees
    ///
    /// `Ok` means it is committed, [`Error::CommitUnknown`] that nobody can say, any other error
    /// that it isn't. A commit that is dropped before its answer is as unknown.
    pub async fn commit(&mut self) -> Result<()> {
        if !self.in_transaction {
            return Err(self.unsupported("there is no transaction to commit"));
        }
        // PostgreSQL answers COMMIT of a failed transaction with a ROLLBACK that looks like success.
        self.script("commit", "SELECT 1").await?;
        match self.connection.script("COMMIT").await {
            Ok(()) => {}
            Err(error) if leaves_doubt(&error) => {
                return Err(Error::CommitUnknown { environment: self.environment.clone() });
            }
            Err(error) => return Err(self.doing("commit", None).failed(&error)),
        }
        self.forget_transaction();
        Ok(())
    }

    /// Takes everything since [`Session::begin`] back. Without a transaction it does nothing.
    pub async fn rollback(&mut self) -> Result<()> {
        if !self.in_transaction {
            return Ok(());
        }
        let mut rolled_back = self.connection.script("ROLLBACK").await;
        // A statement that was given up before its answer came answers here first, with its error.
        if self.engine() == Engine::Postgres && matches!(rolled_back, Err(sqlx::Error::Database(_)))
        {
            rolled_back = self.connection.script("ROLLBACK").await;
        }
        self.forget_transaction();
        match rolled_back {
            Ok(()) => Ok(()),
            // SQLite ends a transaction by itself after some errors (a full disk).
            Err(sqlx::Error::Database(error)) if error.message().contains("no transaction") => {
                Ok(())
            }
            Err(error) => Err(self.doing("roll back", None).failed(&error)),
        }
    }

    fn forget_transaction(&mut self) {
        self.in_transaction = false;
        self.orphans = None;
    }

    /// Lets foreign keys (PostgreSQL: the deferrable ones) be violated until they are checked.
    pub async fn defer_constraints(&mut self) -> Result<()> {
        match self.engine() {
            Engine::Postgres => {
                self.script("defer constraints", "SET CONSTRAINTS ALL DEFERRED").await
            }
            // It knows no constraint that can wait.
            Engine::Mariadb => Ok(()),
            Engine::Sqlite => {
                self.orphans = Some(self.count_orphans().await?);
                self.script("defer constraints", "PRAGMA defer_foreign_keys = ON").await
            }
        }
    }

    /// Checks what [`Session::defer_constraints`] put off, without ending the transaction.
    ///
    /// SQLite only tells this at the commit; here rows that refer to nothing are counted and
    /// compared with those that were there before, which an application without foreign keys may
    /// have left behind.
    pub async fn check_constraints(&mut self) -> Result<()> {
        match self.engine() {
            Engine::Postgres => {
                self.script("check constraints", "SET CONSTRAINTS ALL IMMEDIATE").await
            }
            Engine::Mariadb => Ok(()),
            Engine::Sqlite => {
                let Some(before) = self.orphans.clone() else { return Ok(()) };
                let now = self.count_orphans().await?;
                let worse =
                    now.into_iter().find(|(pair, count)| before.get(pair).unwrap_or(&0) < count);
                match worse {
                    None => Ok(()),
                    Some(((table, parent), _)) => Err(Error::Constraint {
                        environment: self.environment.clone(),
                        name: format!("(a reference to {parent})"),
                        table,
                        kind: ConstraintKind::ForeignKey,
                    }),
                }
            }
        }
    }

    async fn count_orphans(&mut self) -> Result<Orphans> {
        let sql =
            "SELECT \"table\", \"parent\", count(*) FROM pragma_foreign_key_check GROUP BY 1, 2";
        let rows = self.rows("check constraints", None, Statement::new(sql)).await?;
        let pair = |row: &super::Cells| {
            let name = |at: usize| row[at].text().unwrap_or_default();
            ((name(0), name(1)), row[2].integer().unwrap_or_default())
        };
        Ok(rows.iter().map(pair).collect())
    }

    /// Another session, as strict, that reads what this one reads: PostgreSQL shares the snapshot of a
    /// transaction that reads. `None` where there is nothing to share, or no connection to be had.
    pub async fn beside(&mut self) -> Result<Option<Self>> {
        let Some(CancelHandle { server: Server::Postgres(options), .. }) = &self.cancel else {
            return Ok(None);
        };
        if !self.in_transaction || self.access == Access::Write {
            return Ok(None);
        }
        let options = options.clone();
        // An error would end the transaction, so it is asked first.
        let sql = "SELECT (NOT pg_is_in_recovery() AND \
                   has_function_privilege('pg_catalog.pg_export_snapshot()', 'EXECUTE'))::text";
        if !self.cell("share the snapshot of", None, Statement::new(sql)).await?.is_true() {
            return Ok(None);
        }
        let export = Statement::new("SELECT pg_export_snapshot()");
        let snapshot = self.cell("share the snapshot of", None, export).await?;
        let name = snapshot.text().unwrap_or_default();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Ok(None);
        }
        let opened = super::postgres::connect(options, &self.environment, self.access).await;
        let Ok((mut connection, cancel)) = opened else { return Ok(None) };
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let begin = format!("{begin}; SET TRANSACTION SNAPSHOT '{name}'");
        // Behind a proxy the connection may reach another server, which doesn't know the snapshot.
        if connection.script(&begin).await.is_err() {
            return Ok(None);
        }
        Ok(Some(Self {
            connection,
            environment: self.environment.clone(),
            access: self.access,
            in_transaction: true,
            alone: None,
            path: None,
            cancel: Some(cancel),
            packet: None,
            stages: Stages::default(),
            orphans: None,
            cursors: 0,
        }))
    }

    /// A handle that stops the statement this session is running, from outside. `None` for SQLite,
    /// where dropping the session is enough.
    pub fn cancel_handle(&self) -> Option<CancelHandle> {
        self.cancel.clone()
    }
}

/// Whether an error leaves open what the server did: the connection broke, or the server was
/// stopped (SQLSTATE class 57P) or lost track itself (class 08, 40003).
fn leaves_doubt(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            // MariaDB: the server stops, or the connection was killed.
            let ended = super::error::mariadb_number(error.as_ref());
            let code = error.code().unwrap_or_default();
            matches!(ended, Some(1053 | 1152 | 1317 | 1927))
                || (code.len() == 5
                    && (code.starts_with("57P") || code.starts_with("08") || code == "40003"))
        }
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => true,
        _ => false,
    }
}

/// Stops the running statement of a server's session through a connection of its own; the
/// statement then fails, and its transaction can only be rolled back.
#[derive(Clone)]
pub struct CancelHandle {
    pub(super) server: Server,
    pub(super) backend: i64,
    pub(super) environment: String,
}

impl CancelHandle {
    pub async fn cancel(&self) -> Result<()> {
        let doing = super::Doing { environment: &self.environment, action: "cancel", table: None };
        connecting().map_err(|error| doing.failed(&error))?;
        let cancelled = match &self.server {
            Server::Postgres(options) => {
                let connection = Silence::default().limit(options.connect()).await;
                let connection = connection.map_err(|error| doing.failed(&error))?;
                let mut connection = Connection::Postgres(connection, Silence::default());
                let sql = "SELECT pg_cancel_backend(CAST($1 AS integer))::text";
                let statement = Statement::new(sql).with(Parameter::Integer(self.backend));
                connection.cell(statement).await.map(|_| connection)
            }
            Server::Mariadb(options) => {
                let connection = Silence::default().limit(options.connect()).await;
                let connection = connection.map_err(|error| doing.failed(&error))?;
                let mut connection = Connection::Mariadb(connection, Silence::default());
                let kill = format!("KILL QUERY {}", self.backend);
                connection.script(&kill).await.map(|()| connection)
            }
        };
        let connection = cancelled.map_err(|error| doing.failed(&error))?;
        connection.close().await.map_err(|error| doing.failed(&error))
    }
}

/// How a server is reached again.
#[derive(Clone)]
pub(super) enum Server {
    Postgres(PgConnectOptions),
    Mariadb(MySqlConnectOptions),
}
