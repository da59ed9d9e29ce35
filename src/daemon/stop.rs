//! Asking a run to stop, and hearing where it is.
//!
//! Answers for a run that writes ending at its next write, rolled back, for one that publishes ending
//! between two steps of that, and for one that does neither being dropped at once. Who asks, and how
//! long a run may still take, is decided elsewhere.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::apply::{Error, Stage, Watch};
use crate::database::{self, CancelHandle};

/// What a run and those who may stop it tell each other.
#[derive(Default)]
pub struct Stop {
    asked: AtomicBool,
    doing: Mutex<Doing>,
    statement: Mutex<Option<CancelHandle>>,
}

/// What stopping means now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Doing {
    /// Nothing that lasts.
    #[default]
    Reading,
    /// What is written is rolled back.
    Writing,
    /// What is done stays, and the rest can be taken up by anybody.
    Publishing,
}

impl Stop {
    /// Asks the run to stop at its next write. Returns whether it was asked before.
    pub fn ask(&self) -> bool {
        self.asked.swap(true, Ordering::SeqCst)
    }

    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    pub fn doing(&self) -> Doing {
        self.doing.lock().map(|doing| *doing).unwrap_or_default()
    }

    fn does(&self, doing: Doing) {
        if let Ok(mut place) = self.doing.lock() {
            *place = doing;
        }
    }

    /// The run writes from now on, by statements that can be ended so.
    pub fn writing(&self, statement: Option<CancelHandle>) {
        if let Ok(mut place) = self.statement.lock() {
            *place = statement;
        }
        self.does(Doing::Writing);
    }

    /// From now on nothing is written that could be rolled back.
    pub fn publishing(&self) {
        self.does(Doing::Publishing);
    }

    /// The run is over.
    pub fn rest(&self) {
        self.does(Doing::Reading);
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

/// A turn of the daemon: nobody looks on, but it can be stopped.
pub struct Watching {
    pub stop: Arc<Stop>,
}

impl Watch for Watching {
    fn writing(&mut self, statement: Option<CancelHandle>) -> Result<(), Error> {
        self.stop.writing(statement);
        self.step(0, 0)
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_asked()
    }

    fn begin(&mut self, stage: Stage, _steps: usize) {
        if stage == Stage::Publishing {
            self.stop.publishing();
        }
    }

    fn step(&mut self, _done: usize, _all: usize) -> Result<(), Error> {
        match self.stop.is_asked() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }
}
