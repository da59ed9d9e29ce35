//! Whether this machine has room for what a run leaves behind.
//!
//! Answers for a full disk being found before anything is written to a database: afterwards the run
//! couldn't be noted.

use std::path::Path;

const MEBIBYTE: u64 = 1024 * 1024;
/// The state store, with a run's result files until these are written, takes far less.
const LEAST_FREE: u64 = 16 * MEBIBYTE;

/// Too little room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "only {} MiB are free where {folder} is, and a run needs {} MiB there; make room, nothing was written",
    free / MEBIBYTE, LEAST_FREE / MEBIBYTE
)]
pub struct Full {
    folder: String,
    free: u64,
}

/// Refuses a folder with too little room. Where nobody can tell there is room enough.
pub fn check(folder: &Path) -> Result<(), Full> {
    let there = folder.ancestors().find(|folder| folder.is_dir());
    let Some(told) = there.and_then(|folder| rustix::fs::statvfs(folder).ok()) else {
        return Ok(());
    };
    let free = told.f_bavail.saturating_mul(told.f_frsize);
    // Some file systems say nothing of their size.
    if told.f_blocks == 0 || free >= LEAST_FREE {
        return Ok(());
    }
    Err(Full { folder: crate::escape::near(folder), free })
}
