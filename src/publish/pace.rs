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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pace {
    pub counts: Counts,
    /// How long the latest messages had waited in their queue.
    pub lag: Option<Duration>,
    /// Times that something was in the way and tried again, and the latest of them.
    pub troubles: u64,
    pub trouble: Option<String>,
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

impl Shop {
    pub fn pace(&self) -> Pace {
        let Steps { done, all, .. } = self.steps;
        let told = self.told();
        // While rows are sent, what workers do beside isn't a step.
        let done = if self.steps.asked.is_some() { done + told.deliveries } else { done };
        Pace {
            counts: self.counts(),
            lag: told.lag,
            troubles: self.troubles + told.troubles,
            trouble: told.trouble.or_else(|| self.trouble.clone()),
            done,
            all: if all == 0 { 0 } else { all.max(done) },
        }
    }

    /// So much of what queues handed out is carried out.
    pub async fn took(&mut self, deliveries: usize) -> Result<(), Error> {
        self.steps.done += deliveries as u64;
        if self.steps.asked.is_none_or(|asked| asked.elapsed() > OFTEN) {
            let waiting = self.waiting().await?;
            self.steps.all = self.steps.done + self.told().deliveries + waiting;
            self.steps.asked = Some(Instant::now());
        }
        Ok(())
    }
}
