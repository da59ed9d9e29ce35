//! One process at a time in the daemon's own clone, and order after one that died.
//!
//! Answers for a lock that ends with its holder, and for sweeping out what a killed git left: lock
//! files that would keep every later one away, and half-written objects. Removing them is safe
//! because nobody else works in that folder: it belongs to one state directory, whoever writes in it
//! holds this lock, and the system releases the lock only when the holder is gone. A git that
//! outlived a killed daemon by a moment loses no more than its own unfinished fetch: objects are
//! named by their content, and its branch is set anew by the next fetch.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Error;
use crate::effect;
use crate::whole::remove;

/// How long another process's fetch is waited for unless somebody waits for the answer, and how often
/// it is looked at.
pub const PATIENCE: Duration = Duration::from_secs(150);
const PAUSE: Duration = Duration::from_millis(50);

/// Held while git writes in a folder.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

/// How the last holder ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Finished,
    /// In the middle of something.
    Died,
}

impl Lock {
    /// Waits for the lock of a folder, which is a file beside it.
    pub async fn take(folder: &Path, patience: Duration) -> Result<(Self, Before), Error> {
        let path = folder.with_extension("lock");
        let failed = |source| Error::File { path: path.clone(), source };
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(failed)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::InUse { folder: folder.to_owned() });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        let mut mark = String::new();
        file.read_to_string(&mut mark).map_err(failed)?;
        let before = if mark.is_empty() { Before::Finished } else { Before::Died };
        effect::file("write")
            .and_then(|()| file.set_len(0))
            .and_then(|()| file.write_all(b"at work\n"))
            .map_err(failed)?;
        Ok((Self { file, path }, before))
    }

    /// Says that the folder was left in order. A lock that is only dropped, as when a call was broken
    /// off, has the next holder sweep.
    pub fn finish(self) -> Result<(), Error> {
        let emptied = effect::file("write").and_then(|()| self.file.set_len(0));
        emptied.map_err(|source| Error::File { path: self.path.clone(), source })
    }
}

/// Removes lock files and what git was about to write.
pub fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.as_encoded_bytes();
        let is_left = name.ends_with(b".lock")
            || name.starts_with(b"tmp_")
            || name.starts_with(b"incoming-")
            || name == b"gc.pid";
        match (entry.file_type()?.is_dir(), is_left) {
            (true, true) => effect::file("remove").and_then(|()| fs::remove_dir_all(&path))?,
            (true, false) => sweep(&path)?,
            (false, true) => remove(&path)?,
            (false, false) => {}
        }
    }
    Ok(())
}
