//! What the daemon knows of its own work, for whoever looks on.
//!
//! Answers for looking on never holding up a look: what is here is copied out at once. What is
//! remembered of jobs is in the state store, for all daemons.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use super::watch::Checked;

/// The board, as the daemon writes on it.
#[derive(Default)]
pub struct Board(Mutex<Known>);

/// What stands on it.
#[derive(Clone, Default)]
pub struct Known {
    /// The manifests as they were checked last.
    pub checked: Option<Arc<Checked>>,
    /// When the look began that is under way.
    pub looking_since: Option<Instant>,
    /// The latest look that came to its end.
    pub latest: Option<Looked>,
    /// Whether another daemon does the work.
    pub stands_by: bool,
}

/// A look that is over.
#[derive(Clone)]
pub struct Looked {
    pub at: Timestamp,
    pub begun: Instant,
    pub ended: Instant,
    /// Why it couldn't be made.
    pub error: Option<String>,
}

impl Board {
    pub fn known(&self) -> Known {
        self.lock().clone()
    }

    pub(super) fn begins(&self) {
        self.lock().looking_since = Some(Instant::now());
    }

    pub(super) fn ends(&self, error: Option<String>) {
        let (ended, mut known) = (Instant::now(), self.lock());
        let begun = known.looking_since.take().unwrap_or(ended);
        known.latest = Some(Looked { at: Timestamp::now(), begun, ended, error });
    }

    pub(super) fn shows(&self, checked: &Arc<Checked>) {
        self.lock().checked = Some(Arc::clone(checked));
    }

    pub(super) fn leads(&self, leads: bool) {
        self.lock().stands_by = !leads;
    }

    /// Whoever panicked while holding it had written whole values.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
