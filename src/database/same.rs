//! Whether two sessions reach one and the same database, whatever their URLs say.
//!
//! Answers for the check that keeps a run from comparing a database with itself.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Session;
use super::connection::{Parameter, Statement};
use super::error::{Error, Result};
use crate::catalog::Engine;

/// SQLite: the same device and inode, so links don't deceive. PostgreSQL: an advisory lock taken
/// through one session is seen through the other (MariaDB: a named one); its name holds the database's name as each
/// session sees it, and a number nobody else uses.
pub async fn same_database(a: &mut Session, b: &mut Session) -> Result<bool> {
    match (a.engine(), b.engine()) {
        (Engine::Sqlite, Engine::Sqlite) => Ok(identity(a)? == identity(b)?),
        (Engine::Postgres, Engine::Postgres) => locks_meet(a, b).await,
        (Engine::Mariadb, Engine::Mariadb) => named_locks_meet(a, b).await,
        _ => Ok(false),
    }
}

#[cfg(unix)]
fn identity(session: &Session) -> Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let path = session.path.as_deref().unwrap_or(Path::new(""));
    match std::fs::metadata(path) {
        Ok(metadata) => Ok((metadata.dev(), metadata.ino())),
        Err(error) => Err(gone(session, path, &error)),
    }
}

#[cfg(not(unix))]
fn identity(session: &Session) -> Result<std::path::PathBuf> {
    let path = session.path.as_deref().unwrap_or(Path::new(""));
    path.canonicalize().map_err(|error| gone(session, path, &error))
}

fn gone(session: &Session, path: &Path, error: &std::io::Error) -> Error {
    session.unsupported(format!("the file {} can't be identified: {error}", path.display()))
}

async fn locks_meet(a: &mut Session, b: &mut Session) -> Result<bool> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let now = jiff::Timestamp::now().as_nanosecond();
    let unique = format!("{}/{call}/{now}", std::process::id());
    let (key_a, key_b) = (lock_key(a, &unique).await?, lock_key(b, &unique).await?);
    if !a.advisory("pg_try_advisory_lock", key_a).await? {
        return Err(a.unsupported("the lock that tells databases apart is held by somebody else"));
    }
    let free = b.advisory("pg_try_advisory_lock", key_b).await;
    if let Ok(true) = free {
        b.advisory("pg_advisory_unlock", key_b).await?;
    }
    a.advisory("pg_advisory_unlock", key_a).await?;
    Ok(!free?)
}

/// MariaDB's locks are known by name all over the server.
async fn named_locks_meet(a: &mut Session, b: &mut Session) -> Result<bool> {
    let unique = format!("{}/{}", std::process::id(), jiff::Timestamp::now().as_nanosecond());
    let (name_a, name_b) = (lock_name(a, &unique).await?, lock_name(b, &unique).await?);
    if !a.named("GET_LOCK(?, 0)", &name_a).await? {
        return Err(a.unsupported("the lock that tells databases apart is held by somebody else"));
    }
    let free = b.named("GET_LOCK(?, 0)", &name_b).await;
    if let Ok(true) = free {
        b.named("RELEASE_LOCK(?)", &name_b).await?;
    }
    a.named("RELEASE_LOCK(?)", &name_a).await?;
    Ok(!free?)
}

/// Short enough for MySQL, which takes 64 characters.
async fn lock_name(session: &mut Session, unique: &str) -> Result<String> {
    let database = Statement::once("SELECT CAST(database() AS CHAR)");
    let database = session.cell("compare databases", None, database).await?;
    let name = format!("reconcile/{}/{unique}", database.text().unwrap_or_default());
    Ok(blake3::hash(name.as_bytes()).to_hex()[..48].to_owned())
}

async fn lock_key(session: &mut Session, unique: &str) -> Result<i64> {
    let database = Statement::new("SELECT current_database()::text");
    let database = session.cell("compare databases", None, database).await?;
    let name = format!("reconcile/{}/{unique}", database.text().unwrap_or_default());
    let hash = blake3::hash(name.as_bytes());
    let first: [u8; 8] = hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes");
    Ok(i64::from_le_bytes(first))
}

impl Session {
    async fn named(&mut self, function: &str, name: &str) -> Result<bool> {
        let statement = Statement::once(format!("SELECT CAST({function} AS CHAR)"));
        let statement = statement.with(Parameter::Text(name.into()));
        let cell = self.cell("compare databases", None, statement).await?;
        Ok(cell.text().as_deref() == Some("1"))
    }

    async fn advisory(&mut self, function: &str, key: i64) -> Result<bool> {
        let sql = format!("SELECT {function}(CAST($1 AS bigint))::text");
        let statement = Statement::new(sql).with(Parameter::Integer(key));
        Ok(self.cell("compare databases", None, statement).await?.is_true())
    }
}
