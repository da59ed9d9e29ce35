//! Locks of a server that belong to a session and to no row.
//!
//! Answers for a lock of this database being another one than that of the same name in any other
//! database of the server.

use super::Session;
use super::connection::{Parameter, Statement};
use super::error::Result;
use crate::catalog::Engine;

/// A lock as its server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lock {
    /// PostgreSQL.
    Number(i64),
    /// MariaDB, where it is known all over the server.
    Name(String),
}

impl Session {
    /// The lock of a name, in the database as this session sees it.
    pub(super) async fn lock_named(&mut self, action: &'static str, name: &str) -> Result<Lock> {
        let database = match self.engine() {
            Engine::Postgres => Statement::new("SELECT current_database()::text"),
            _ => Statement::once("SELECT CAST(database() AS CHAR)"),
        };
        let database = self.cell(action, None, database).await?.text().unwrap_or_default();
        let hash = blake3::hash(format!("reconcile/{database}/{name}").as_bytes());
        Ok(match self.engine() {
            Engine::Postgres => {
                let first: [u8; 8] = hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes");
                Lock::Number(i64::from_le_bytes(first))
            }
            // Short enough for MySQL, which takes 64 characters.
            _ => Lock::Name(hash.to_hex()[..48].to_owned()),
        })
    }

    /// Takes a lock without waiting; returns whether it was free.
    pub(super) async fn try_lock(&mut self, action: &'static str, lock: &Lock) -> Result<bool> {
        self.ask_for(action, ["pg_try_advisory_lock", "GET_LOCK(?, 0)"], lock).await
    }

    /// Gives a lock back.
    pub(super) async fn unlock(&mut self, action: &'static str, lock: &Lock) -> Result<bool> {
        self.ask_for(action, ["pg_advisory_unlock", "RELEASE_LOCK(?)"], lock).await
    }

    async fn ask_for(
        &mut self,
        action: &'static str,
        [of_numbers, of_names]: [&str; 2],
        lock: &Lock,
    ) -> Result<bool> {
        let statement = match lock {
            Lock::Number(number) => {
                let sql = format!("SELECT {of_numbers}(CAST($1 AS bigint))::text");
                Statement::new(sql).with(Parameter::Integer(*number))
            }
            Lock::Name(name) => {
                let sql = format!("SELECT CAST({of_names} AS CHAR)");
                Statement::once(sql).with(Parameter::Text(name.as_str().into()))
            }
        };
        let cell = self.cell(action, None, statement).await?;
        Ok(cell.is_true() || cell.text().as_deref() == Some("1"))
    }
}
