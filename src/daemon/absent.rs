//! Jobs that can't have a turn: their manifest is broken or gone.
//!
//! Answers for what was announced of them being taken back, and for people seeing why.

use jiff::Timestamp;

use super::hands::{Hands, Store};
use super::interrupted::Begun;
use super::record::About;
use super::turn::Desk;
use crate::job::Context;
use crate::report::files::Written;
use crate::report::status::status;
use crate::report::{Event, Phase, Standing, conditions};
use crate::state::{self, Change, End, Ended, Held, Memory, Remembered};

impl<S: Store, H: Hands> Desk<S, H> {
    /// A job whose manifest is broken: nothing of it happens until that is mended.
    pub async fn invalid(
        &mut self,
        context: &Context<'_>,
        job: &str,
        remembered: &mut Remembered,
        why: &str,
        now: Timestamp,
    ) -> Result<Written, state::Error> {
        if self.settle(context, job, remembered, now).await? != Begun::Over {
            return Ok(Written::AsBefore);
        }
        let before = remembered.memory.clone();
        let memory = &mut remembered.memory;
        let told = memory.announced.take();
        memory.announced_for = None;
        let event = told.map(|key| {
            let why = format!("its manifest is broken: {why}");
            (key, Event::Withdrawn { why })
        });
        let standing = Standing::new(Phase::Invalid, why);
        self.note(job, remembered, &before, &standing, event, now).await
    }

    /// A job that no manifest names any more. What was announced of it is cancelled; a job of the
    /// same name that comes later is the same job.
    pub async fn gone(
        &mut self,
        context: &Context<'_>,
        job: &str,
        remembered: &mut Remembered,
        now: Timestamp,
    ) -> Result<Written, state::Error> {
        if self.settle(context, job, remembered, now).await? != Begun::Over {
            return Ok(Written::AsBefore);
        }
        let before = remembered.memory.clone();
        let memory = &mut remembered.memory;
        let why = "its manifest was deleted";
        let (phase, run, at) = (End::Cancelled, String::new(), now.to_string());
        let ended = Ended { phase, run, why: why.into(), at };
        let event = memory.announced.take().map(|key| {
            memory.held = Some(Held { key: key.clone(), ended: ended.clone() });
            (key, Event::Ended(ended))
        });
        memory.announced_for = None;
        memory.seen = None;
        let standing = Standing::new(Phase::Ended(End::Cancelled), why);
        self.note(job, remembered, &before, &standing, event, now).await
    }

    /// Remembers, tells, and writes `status.yaml`.
    async fn note(
        &mut self,
        job: &str,
        remembered: &mut Remembered,
        before: &Memory,
        standing: &Standing,
        event: Option<(String, Event)>,
        now: Timestamp,
    ) -> Result<Written, state::Error> {
        conditions::note(&mut remembered.memory, standing, now);
        let memory = &remembered.memory;
        let messages = event.as_ref().map_or_else(Vec::new, |(key, event)| {
            let about = About { job, spec: None, memory, report: None, key, now };
            self.messages_about(&about, std::slice::from_ref(event))
        });
        let ended = event.as_ref().and_then(|(key, event)| match event {
            Event::Ended(ended) => Some((key.as_str(), ended)),
            _ => None,
        });
        let people = self.people(job, memory);
        let text = status(job, None, memory, standing, &people);
        // What can't be written is tried again at the next look.
        let (news, _) = self.write_files(job, &mut remembered.memory);
        if remembered.memory != *before || !messages.is_empty() {
            self.state.save(job, remembered, &Change { ended, messages: &messages }).await?;
        }
        let written = self.hands.write(&self.config, job, "status.yaml", &text);
        Ok(match written.unwrap_or(Written::AsBefore) {
            Written::Anew => Written::Anew,
            Written::AsBefore => news,
        })
    }
}
