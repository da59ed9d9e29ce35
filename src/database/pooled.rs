//! Whether a pooler between us and the server gives each transaction another of its sessions.
//!
//! Answers for that being told from what the server says of itself, wherever the pooler stands. What a
//! session was told to keep (limits, advisory locks) is somebody else's behind one.

use super::Session;
use super::connection::Statement;
use super::error::Result;
use crate::catalog::Engine;

const ACTION: &str = "tell who answers";

/// Two sessions of one database: if either sees the other's number, or another one than before, the
/// numbers aren't theirs to keep.
pub async fn is_pooled_by_transactions(a: &mut Session, b: &mut Session) -> Result<bool> {
    if a.engine() == Engine::Sqlite {
        return Ok(false);
    }
    let before = number(a).await?;
    // While a transaction is open, nobody else is given what it has.
    b.begin().await?;
    let other = number(b).await;
    let after = number(a).await;
    b.rollback().await?;
    Ok(before != after? || before == other?)
}

async fn number(session: &mut Session) -> Result<Option<i64>> {
    let sql = match session.engine() {
        Engine::Mariadb => "SELECT CAST(connection_id() AS CHAR)",
        Engine::Postgres | Engine::Sqlite => "SELECT pg_backend_pid()::text",
    };
    Ok(session.cell(ACTION, None, Statement::new(sql)).await?.integer())
}
