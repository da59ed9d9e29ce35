//! How far publishing is, for whoever looks on.
//!
//! Answers for numbers that are true when they are told: what is left is asked of the queues, since
//! others fill and empty them, too.

use std::time::{Duration, Instant};

use super::shop::Shop;
use super::{Counts, Error};

/// Queues are asked this often at most.
const OFTEN: Duration = Duration::from_millis(500);

/// Counts, and steps: rows that are sent, or what queues hand out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    pub counts: Counts,
    pub done: u64,
    /// 0 where nobody knows.
    pub all: u64,
}

/// The steps of what a shop is at.
#[derive(Debug, Default)]
pub struct Steps {
    done: u64,
    all: u64,
    asked: Option<Instant>,
}

impl Steps {
    pub fn of(all: u64) -> Self {
        Self { all, ..Self::default() }
    }

    pub fn took(&mut self, done: u64) {
        self.done += done;
    }
}

impl Shop<'_> {
    pub fn pace(&self) -> Pace {
        let Steps { done, all, .. } = self.steps;
        Pace { counts: self.counts, done, all: if all == 0 { 0 } else { all.max(done) } }
    }

    /// So much of what queues handed out is carried out.
    pub async fn took(&mut self, deliveries: usize) -> Result<(), Error> {
        self.steps.done += deliveries as u64;
        if self.steps.asked.is_none_or(|asked| asked.elapsed() > OFTEN) {
            self.steps.all = self.steps.done + self.waiting().await?;
            self.steps.asked = Some(Instant::now());
        }
        Ok(())
    }
}
