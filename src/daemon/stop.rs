//! Asking a run to stop, and hearing where it is.
//!
//! Answers for a run that writes ending at its next write, rolled back, and for one that doesn't being
//! dropped at once. Who asks, and how long a run may still take, is decided elsewhere.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::database::{self, CancelHandle};

/// What a run and those who may stop it tell each other.
#[derive(Default)]
pub struct Stop {
    asked: AtomicBool,
    writing: AtomicBool,
    statement: Mutex<Option<CancelHandle>>,
}

impl Stop {
    /// Asks the run to stop at its next write. Returns whether it was asked before.
    pub fn ask(&self) -> bool {
        self.asked.swap(true, Ordering::SeqCst)
    }

    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    pub fn is_writing(&self) -> bool {
        self.writing.load(Ordering::SeqCst)
    }

    /// The run writes from now on, by statements that can be ended so.
    pub fn writing(&self, statement: Option<CancelHandle>) {
        if let Ok(mut place) = self.statement.lock() {
            *place = statement;
        }
        self.writing.store(true, Ordering::SeqCst);
    }

    /// The run is over.
    pub fn rest(&self) {
        self.writing.store(false, Ordering::SeqCst);
    }

    /// Ends the statement that a server is carrying out for the run, rather than waiting for it.
    pub async fn end_statement(&self) -> Result<(), database::Error> {
        let statement = self.statement.lock().ok().and_then(|statement| statement.clone());
        match statement {
            Some(statement) => statement.cancel().await,
            None => Ok(()),
        }
    }
}
