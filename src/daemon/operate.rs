//! What people do about a job: look how it stands, cancel it, let it rest.
//!
//! Answers for a cancellation and a run never both happening: whoever writes the job's memory first
//! wins, and the other is told.

use jiff::Timestamp;

use super::decide::has_approvals;
use super::hands::{Hands, Store};
use super::learn::close;
use super::turn::{Desk, Turn};
use crate::job::Context;
use crate::manifest::job::Job;
use crate::report::Event;
use crate::state::{self, Change, End, Ended, Remembered, Seen, Suspended};

/// Why a request can't be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum NotCancelled {
    #[error(
        "it has already started; once it writes it goes to its end, and `reconcile undo` takes it back"
    )]
    Started,
    #[error("it is over: {} on {}", .0.phase.as_str(), .0.at)]
    Over(Ended),
    #[error("nothing of it is approved, so nothing would happen")]
    NothingApproved,
    /// The request or occurrence that was meant isn't the one the job is about now.
    #[error("the job asks for something else by now; what was meant isn't carried out any more")]
    Another,
    #[error(transparent)]
    State(#[from] state::Error),
}

/// What is cancelled of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// What it is about now.
    Whatever,
    /// The request or occurrence of this key alone.
    Request(&'a str),
}

impl<S: Store, H: Hands> Desk<S, H> {
    /// How a job stands, without doing or remembering anything.
    pub fn peek<'a>(
        &self,
        context: &Context<'_>,
        job: Job<'a>,
        remembered: Remembered,
        now: Timestamp,
    ) -> Turn<'a> {
        let mut turn = Turn::begin(context, job, remembered, now);
        let seen = &mut turn.remembered.memory.seen;
        if seen.as_ref().is_none_or(|seen| seen.request != turn.request) {
            let (request, written, commit, author) = (turn.request.clone(), None, None, None);
            *seen = Some(Seen { request, at: now, written, commit, author });
        }
        turn.action = self.decide(&turn, now);
        turn
    }

    /// Whether something of a job could be cancelled now: its turn, to be cancelled.
    pub async fn cancellable<'a>(
        &mut self,
        context: &Context<'_>,
        job: Job<'a>,
        which: Which<'_>,
        now: Timestamp,
    ) -> Result<Turn<'a>, NotCancelled> {
        let remembered = self.state.memory(job.name()).await?;
        let is_seen = remembered.memory.seen.as_ref().map(|seen| seen.request.clone());
        if let Which::Request(key) = which {
            if let Some(ended) = self.state.ended(job.name(), key).await? {
                return Err(NotCancelled::Over(ended));
            }
            if remembered.memory.running.as_ref().is_some_and(|running| running.key != key) {
                return Err(NotCancelled::Another);
            }
        }
        if remembered.memory.running.is_some() {
            return Err(NotCancelled::Started);
        }
        let turn = self.peek(context, job, remembered, now);
        let key = &turn.action.moment.key;
        if let Some(ended) = self.state.ended(job.name(), key).await? {
            return Err(NotCancelled::Over(ended));
        }
        if let Which::Request(meant) = which {
            // Another process may have seen newer manifests than those at hand.
            let is_current = is_seen.is_none_or(|seen| seen == turn.request);
            if meant != key || !is_current {
                return Err(NotCancelled::Another);
            }
        }
        match has_approvals(job.asked()) {
            true => Ok(turn),
            false => Err(NotCancelled::NothingApproved),
        }
    }

    /// Cancels what a job asks for: its request, or with `cron` its next occurrence.
    pub async fn cancel(
        &mut self,
        context: &Context<'_>,
        job: Job<'_>,
        which: Which<'_>,
        by: &str,
        now: Timestamp,
    ) -> Result<Ended, NotCancelled> {
        let mut turn = self.cancellable(context, job, which, now).await?;
        let key = turn.action.moment.key.clone();
        let (phase, run, why) = (End::Cancelled, String::new(), format!("cancelled by {by}"));
        let ended = Ended { phase, run, why, at: now.to_string() };
        let memory = &mut turn.remembered.memory;
        close(memory, &turn.action.moment, &ended);
        let messages = self.messages(&turn, &[Event::Ended(ended.clone())], None, now);
        let change = Change { ended: Some((&key, &ended)), messages: &messages };
        self.state.save(job.name(), &mut turn.remembered, &change).await?;
        Ok(ended)
    }

    /// Lets a job rest, or work again.
    pub async fn suspend(
        &mut self,
        job: &str,
        suspended: Option<Suspended>,
    ) -> Result<(), state::Error> {
        let mut remembered = self.state.memory(job).await?;
        remembered.memory.suspended = suspended;
        self.state.save(job, &mut remembered, &Change::default()).await
    }
}
