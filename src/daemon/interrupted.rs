//! Runs whose process ended before it noted what became of them.
//!
//! Answers for each of them being told as its own process would have told it, whatever its manifest
//! says by now, and for no run of another living process being taken for one. The ledger on the target
//! is asked; nothing is repeated here.

use jiff::Timestamp;

use super::decide::on_error;
use super::hands::{Hands, Store};
use super::learn::{ATTEMPTS_BEFORE_TELLING, Asker, settled};
use super::record::About;
use super::turn::Desk;
use crate::job::Context;
use crate::job::publishing::of_ledger;
use crate::job::report::Report;
use crate::report::{Event, Phase, Standing};
use crate::state::{self, Change, Lease, Office, Remembered, Running, Taken};

/// What is known of a run that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Begun {
    /// There is none any more.
    Over,
    /// Another process is at it, or nobody can say yet.
    Open(Standing),
}

impl<S: Store, H: Hands> Desk<S, H> {
    /// Finds out what became of a run that is noted as begun.
    pub(super) async fn settle(
        &mut self,
        context: &Context<'_>,
        job: &str,
        remembered: &mut Remembered,
        now: Timestamp,
    ) -> Result<Begun, state::Error> {
        let Some(running) = &remembered.memory.running else { return Ok(Begun::Over) };
        let since = running.since;
        let trouble = remembered.memory.trouble.as_ref();
        let patient = self.asker == Asker::Daemon;
        if let Some(trouble) = trouble.filter(|trouble| patient && now < trouble.again) {
            return Ok(Begun::Open(unknown(running, &trouble.error)));
        }
        match self.state.lease(running.office).await? {
            Taken::Theirs(holder) => {
                let why = format!("since {since}, by {}", state::in_words(holder.as_ref()));
                Ok(Begun::Open(Standing::new(Phase::Running, why)))
            }
            Taken::Ours(lease) => {
                let settled = self.settle_alone(context, job, remembered, &lease, now).await;
                // One that isn't given back ends by itself, and is asked for again then.
                let _ = lease.release().await;
                settled
            }
        }
    }

    async fn settle_alone(
        &mut self,
        context: &Context<'_>,
        job: &str,
        remembered: &mut Remembered,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Begun, state::Error> {
        // It may have ended while somebody else had the lease.
        *remembered = self.state.memory(job).await?;
        let Some(running) = remembered.memory.running.clone() else { return Ok(Begun::Over) };
        if running.office == Office::Publish {
            // What it published stays, and publishing again does no harm: the request is still open.
            remembered.memory.running = None;
            self.state.save(job, remembered, &Change::default()).await?;
            return Ok(Begun::Over);
        }
        let report =
            match self.hands.found(context, running.target, &running.run, lease.term()).await {
                Ok(None) => {
                    remembered.memory.running = None;
                    self.state.save(job, remembered, &Change::default()).await?;
                    return Ok(Begun::Over);
                }
                Ok(Some(row)) => of_ledger(context, row),
                Err(error) => {
                    if let Some(seen) = error.later_lease() {
                        lease.count_from(seen);
                    }
                    let standing = unknown(&running, &error.to_string());
                    let (memory, jitter) = (&mut remembered.memory, self.hands.jitter());
                    let error = error.to_string();
                    let trouble = on_error(memory.trouble.as_ref(), error.clone(), now, jitter);
                    let told = trouble.attempts == ATTEMPTS_BEFORE_TELLING;
                    memory.trouble = Some(trouble);
                    let event = told.then(|| Event::Doubtful { run: running.run.clone(), error });
                    let (spec, report, key) = (None, None, running.key.as_str());
                    let about = About { job, spec, memory, report, key, now };
                    let messages = self.messages_about(&about, event.as_slice());
                    let change = Change { ended: None, messages: &messages };
                    self.state.save(job, remembered, &change).await?;
                    return Ok(Begun::Open(standing));
                }
            };
        self.tell_of(job, remembered, &running, &report, now).await?;
        Ok(Begun::Over)
    }

    /// Notes the end of a run that the ledger holds, and tells of it.
    async fn tell_of(
        &mut self,
        job: &str,
        remembered: &mut Remembered,
        running: &Running,
        report: &Report,
        now: Timestamp,
    ) -> Result<(), state::Error> {
        let memory = &mut remembered.memory;
        let learned = settled(memory, running, report, now);
        let Some((key, ended)) = &learned.ended else { return Ok(()) };
        self.run_file(job, memory, report, ended);
        let about = About { job, spec: None, memory, report: Some(report), key, now };
        let messages = self.messages_about(&about, &learned.events);
        let change = Change { ended: Some((key, ended)), messages: &messages };
        self.state.save(job, remembered, &change).await
    }
}

fn unknown(running: &Running, error: &str) -> Standing {
    let Running { run, since, .. } = running;
    let why = format!(
        "run {run} was begun at {since}, and its process ended; whether it is committed can't be \
         read from the ledger yet: {error}"
    );
    Standing::new(Phase::Running, why)
}
