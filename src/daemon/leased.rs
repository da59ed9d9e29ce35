//! A run under a lease: it goes on only while the lease is held.

use crate::apply::{Error, Stage, Watch};
use crate::database::CancelHandle;
use crate::state::Lease;

/// Whoever looks on, and the lease.
pub struct Leased<'a> {
    pub watch: &'a mut dyn Watch,
    pub lease: Option<&'a Lease>,
}

impl Watch for Leased<'_> {
    fn writing(&mut self, stop: Option<CancelHandle>) -> Result<(), Error> {
        self.watch.writing(stop)
    }

    fn is_stopped(&self) -> bool {
        self.watch.is_stopped()
    }

    fn begin(&mut self, stage: Stage, steps: usize) {
        self.watch.begin(stage, steps);
    }

    fn advance(&mut self, done: usize) {
        self.watch.advance(done);
    }

    fn step(&mut self, done: usize, all: usize) -> Result<(), Error> {
        match self.lease {
            Some(lease) if !lease.is_held() => Err(Error::Overtaken),
            _ => self.watch.step(done, all),
        }
    }
}
