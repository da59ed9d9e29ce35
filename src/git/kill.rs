//! Ends a process and whatever it started.
//!
//! Git starts others (`ssh`, `git-remote-https`, `index-pack`), of which one that waits for a remote
//! would outlive it. So each git is the head of a process group of its own.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// A running process that doesn't survive this value.
#[derive(Debug)]
pub struct Group {
    pub child: Child,
}

impl Group {
    /// Ends every process of the group at once.
    ///
    /// # Assumptions
    /// The number can't have become another's: until its child is waited for, the system keeps it,
    /// and afterwards `id` is `None`.
    pub fn kill(&self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            // It may have ended by itself a moment ago.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
