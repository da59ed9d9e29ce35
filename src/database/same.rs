//! Whether two sessions reach one and the same database, whatever their URLs say.
//!
//! Answers for the check that keeps a run from comparing a database with itself.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Session;
use super::error::{Error, Result};
use crate::catalog::Engine;

/// SQLite: the same device and inode, so links don't deceive. PostgreSQL: an advisory lock taken
/// through one session is seen through the other (MariaDB: a named one); its name holds the database's name as each
/// session sees it, and a number nobody else uses.
pub async fn same_database(a: &mut Session, b: &mut Session) -> Result<bool> {
    match (a.engine(), b.engine()) {
        (Engine::Sqlite, Engine::Sqlite) => Ok(identity(a)? == identity(b)?),
        (Engine::Postgres, Engine::Postgres) | (Engine::Mariadb, Engine::Mariadb) => {
            locks_meet(a, b).await
        }
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

const ACTION: &str = "compare databases";

async fn locks_meet(a: &mut Session, b: &mut Session) -> Result<bool> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let now = jiff::Timestamp::now().as_nanosecond();
    let unique = format!("{}/{call}/{now}", std::process::id());
    let lock_a = a.lock_named(ACTION, &unique).await?;
    let lock_b = b.lock_named(ACTION, &unique).await?;
    if !a.try_lock(ACTION, &lock_a).await? {
        return Err(a.unsupported("the lock that tells databases apart is held by somebody else"));
    }
    let free = b.try_lock(ACTION, &lock_b).await;
    if let Ok(true) = free {
        b.unlock(ACTION, &lock_b).await?;
    }
    a.unlock(ACTION, &lock_a).await?;
    Ok(!free?)
}
