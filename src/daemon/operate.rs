//! What operators do about a job at a command line: look how it stands, cancel it, let it rest.
//!
//! Answers for a cancellation and a run never both happening: whoever writes the job's memory first
//! wins, and the other is told.

use jiff::Timestamp;

use super::decide::has_approvals;
use super::hands::{Hands, Store};
use super::learn::close;
use super::turn::{Desk, Turn};
use crate::job::Context;
use crate::manifest::SyncJob;
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
    #[error(transparent)]
    State(#[from] state::Error),
}

impl<S: Store, H: Hands> Desk<S, H> {
    /// How a job stands, without doing or remembering anything.
    pub fn peek<'a>(
        &self,
        context: &Context<'_>,
        job: &'a SyncJob,
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

    /// Cancels what a job asks for: its request, or with `cron` its next occurrence.
    pub async fn cancel(
        &mut self,
        context: &Context<'_>,
        job: &SyncJob,
        by: &str,
        now: Timestamp,
    ) -> Result<Ended, NotCancelled> {
        let remembered = self.state.memory(&job.name).await?;
        if remembered.memory.running.is_some() {
            return Err(NotCancelled::Started);
        }
        let mut turn = self.peek(context, job, remembered, now);
        let key = turn.action.moment.key.clone();
        if let Some(ended) = self.state.ended(&job.name, &key).await? {
            return Err(NotCancelled::Over(ended));
        }
        if !has_approvals(&job.spec) {
            return Err(NotCancelled::NothingApproved);
        }
        let (phase, run, why) = (End::Cancelled, String::new(), format!("cancelled by {by}"));
        let ended = Ended { phase, run, why, at: now.to_string() };
        let memory = &mut turn.remembered.memory;
        close(memory, &turn.action.moment, &ended);
        let messages = self.messages(&turn, &[Event::Ended(ended.clone())], None, now);
        let change = Change { ended: Some((&key, &ended)), messages: &messages };
        self.state.save(&job.name, &mut turn.remembered, &change).await?;
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
