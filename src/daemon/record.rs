//! What became of a turn, written down: memory, the request's end and messages at once in the state
//! store, then the result files.
//!
//! Answers for nothing that happened being lost when others write about the same job, or when a file
//! can't be written: the state store has it until it is.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use super::decide::Step;
use super::hands::{Hands, Store};
use super::learn::{Asker, Learned, Lesson, learn};
use super::source::{self, Source};
use super::turn::{Desk, Turn};
use crate::config::ManifestSource;
use crate::git::{Leads, Published, Which};
use crate::job::report::Report;
use crate::manifest::job::Asked;
use crate::report::files::Written;
use crate::report::messages::{Matter, message};
use crate::report::not_out::{Words, lost, not_out};
use crate::report::people::{Recipients, recipients};
use crate::report::run_file::{run_file, with_not_out};
use crate::report::status::status;
use crate::report::{Event, conditions, files};
use crate::state::{self, Change, Ended, Memory, Message, Posted, Remembered};

/// Attempts at noting what happened while others write about the same job.
pub(super) const NOTING: usize = 5;

/// Why results can't be brought to where people find them. They stay where they are.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Source(#[from] source::Error),
    #[error(transparent)]
    State(#[from] state::Error),
}

/// Whether results are where people find them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    Yes,
    /// Another daemon works, or its results aren't known here yet.
    NotYet,
}

/// What messages are about, besides what happened.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub job: &'a str,
    /// Absent where the manifest is gone or broken, or asks for something else by now.
    pub spec: Option<Asked<'a>>,
    pub memory: &'a Memory,
    pub report: Option<&'a Report>,
    /// The request or occurrence.
    pub key: &'a str,
    pub now: Timestamp,
}

impl<S: Store, H: Hands> Desk<S, H> {
    /// Takes a report into the memory as it is now: others may have written about the job meanwhile,
    /// and what happened must not be lost for that.
    pub(super) async fn remember(
        &mut self,
        turn: &mut Turn<'_>,
        report: &Report,
        run: &str,
        now: Timestamp,
    ) -> Result<(), state::Error> {
        let mut attempt = 1;
        loop {
            turn.remembered = self.state.memory(turn.job.name()).await?;
            turn.saved.clone_from(&turn.remembered.memory);
            if turn.action.step == Step::Run && !turn.is_ours(run) {
                // Who took over when this process was stopped has told what became of it.
                return Ok(());
            }
            let learned = turn.learn(Some(report), run, self.asker, self.hands.jitter(), now);
            match self.keep(turn, &learned, Some(report), now).await {
                Err(state::Error::Changed { .. }) if attempt < NOTING => attempt += 1,
                kept => return kept,
            }
        }
    }

    /// Writes what was learned, where anything was: into the state store at once, then into files.
    pub(super) async fn keep(
        &mut self,
        turn: &mut Turn<'_>,
        learned: &Learned,
        report: Option<&Report>,
        now: Timestamp,
    ) -> Result<(), state::Error> {
        let standing = self.decide(turn, now).standing;
        conditions::note(&mut turn.remembered.memory, &standing, now);
        if let Some(report) = report {
            self.results(turn, learned, report);
        }
        let messages = self.messages(turn, &learned.events, report, now);
        let ended = learned.ended.as_ref().map(|(key, ended)| (key.as_str(), ended));
        self.save(turn, &Change { ended, messages: &messages }).await?;
        self.write_results(turn).await
    }

    async fn save(&mut self, turn: &mut Turn<'_>, change: &Change<'_>) -> Result<(), state::Error> {
        let is_new = change.ended.is_some() || !change.messages.is_empty();
        if is_new || turn.remembered.memory != turn.saved {
            self.state.save(turn.job.name(), &mut turn.remembered, change).await?;
            turn.saved.clone_from(&turn.remembered.memory);
        }
        Ok(())
    }

    pub(super) fn messages(
        &self,
        turn: &Turn<'_>,
        events: &[Event],
        report: Option<&Report>,
        now: Timestamp,
    ) -> Vec<Message> {
        let about = About {
            job: turn.job.name(),
            spec: Some(turn.job.asked()),
            memory: &turn.remembered.memory,
            report,
            key: &turn.action.moment.key,
            now,
        };
        self.messages_about(&about, events)
    }

    /// The messages about a job, also one that has no turn.
    pub(super) fn messages_about(&self, about: &About<'_>, events: &[Event]) -> Vec<Message> {
        if events.is_empty() {
            return Vec::new();
        }
        let About { job, spec, memory, report, key, now } = *about;
        let compared = report.and_then(|report| report.plan.as_ref());
        let stored = match compared {
            Some(_) => None,
            None => self.hands.latest_plan(&self.config, job),
        };
        let (config, ticket_key) = (&*self.config, &*self.ticket_key);
        let plan = compared.or(stored.as_ref());
        let matter = Matter { config, job, spec, memory, plan, report, key, ticket_key, now };
        events.iter().map(|event| message(&matter, event)).collect()
    }

    /// Notes the files that tell of a turn; the state store has them until they are written.
    fn results(&self, turn: &mut Turn<'_>, learned: &Learned, report: &Report) {
        if let Some(plan) = &report.plan {
            let text = files::plan_text(&self.config, plan);
            turn.remembered.memory.unpublished.insert("plan.md".into(), text);
        }
        if let Some((_, ended)) = learned.ended.as_ref().filter(|(_, it)| !it.run.is_empty()) {
            self.run_file(turn.job.name(), &mut turn.remembered.memory, report, ended);
        }
    }

    /// Notes the file that tells of a run.
    pub(super) fn run_file(&self, job: &str, memory: &mut Memory, report: &Report, ended: &Ended) {
        let text = run_file(job, memory, report, ended, &recipients(&self.config, memory));
        memory.unpublished.insert(format!("runs/{}.yaml", ended.run), text);
    }

    /// Writes the files that aren't written yet. A file that can't be written changes nothing about
    /// what happened; it is tried again at the next look.
    pub(super) async fn write_results(&mut self, turn: &mut Turn<'_>) -> Result<(), state::Error> {
        let (job, memory) = (turn.job.name(), &mut turn.remembered.memory);
        let (written, troubles) = self.write_files(job, memory);
        turn.news(written);
        turn.troubles.extend(troubles);
        self.save(turn, &Change::default()).await
    }

    /// Whether people find results where they are written.
    fn results_stay(&self) -> bool {
        matches!(self.config.manifests, ManifestSource::Directory(_))
    }

    /// Writes what people don't find yet. What can't be written stays, and is told; so does what is
    /// still to be published, since another process may have to do that.
    pub(super) fn write_files(&mut self, job: &str, memory: &mut Memory) -> (Written, Vec<String>) {
        let (mut news, mut troubles) = (Written::AsBefore, Vec::new());
        let publishes = !self.results_stay();
        let Self { hands, config, .. } = self;
        memory.unpublished.retain(|name, text| match hands.write(config, job, name, text) {
            Ok(Written::Anew) => {
                news = Written::Anew;
                publishes
            }
            Ok(Written::AsBefore) => publishes,
            Err(error) => {
                troubles.push(error.to_string());
                true
            }
        });
        (news, troubles)
    }

    pub(super) fn people(&self, job: &str, memory: &Memory) -> Recipients {
        let not_out = not_out(&self.not_out, job, Words::Lasting);
        Recipients { not_out, ..recipients(&self.config, memory) }
    }

    /// Brings `status.yaml` up to date.
    pub(super) fn write_status(&mut self, turn: &mut Turn<'_>) {
        let (job, memory) = (turn.job, &turn.remembered.memory);
        let people = self.people(job.name(), memory);
        let text = status(job.name(), Some(job.asked()), memory, &turn.action.standing, &people);
        match self.hands.write(&self.config, job.name(), "status.yaml", &text) {
            Ok(written) => turn.news(written),
            Err(error) => turn.troubles.push(error.to_string()),
        }
    }
}

impl Desk {
    /// Brings what was written to where people find it, and forgets it once it is there. Where another
    /// process leads by now that is left to it.
    pub async fn publish(
        &mut self,
        source: &mut Source,
        which: Which,
        message: &str,
        leads: Leads<'_>,
    ) -> Result<Pushed, Error> {
        if self.results_stay() {
            return Ok(Pushed::Yes);
        }
        let memories = self.state.memories().await?;
        let folder = self.config.results.directory.clone();
        let which = with_unpublished(which, &memories);
        match source.publish(&folder, which, message, leads).await? {
            Published::Nothing | Published::Pushed(_) => {}
            Published::NotOurs => return Ok(Pushed::NotYet),
        }
        for (job, before) in memories {
            if before.memory.unpublished.is_empty() {
                continue;
            }
            let mut remembered = self.state.memory(&job).await?;
            // Another process may have written what isn't in this one's folder.
            let is_there = |name: &str, text: &str| {
                let there = std::fs::read(folder.join(&job).join(name));
                there.is_ok_and(|there| there == text.as_bytes())
            };
            let gone = &before.memory.unpublished;
            remembered.memory.unpublished.retain(|name, text| {
                gone.get(name).is_none_or(|it| it != text) || !is_there(name, text)
            });
            match self.state.save(&job, &mut remembered, &Change::default()).await {
                // It is published again, which changes nothing.
                Err(state::Error::Changed { .. }) => {}
                saved => saved?,
            }
        }
        Ok(Pushed::Yes)
    }

    /// Learns what became of messages, for `status.yaml` to tell.
    pub async fn hear_of_mail(&mut self) -> Result<(), state::Error> {
        self.not_out = self.state.not_out().await?;
        for posted in self.not_out.iter().filter(|posted| !posted.delivery.lost.is_empty()) {
            self.complete_run_file(posted);
        }
        Ok(())
    }

    /// A run's file names who didn't get the message about it. Where it can't be written the next
    /// look tries again.
    fn complete_run_file(&self, posted: &Posted) {
        let Posted { message, .. } = posted;
        let Some(run) = &message.run else { return };
        let name = format!("runs/{run}.yaml");
        let folder = &self.config.results.directory;
        if let Ok(before) = std::fs::read_to_string(folder.join(&message.job).join(&name)) {
            let _ =
                files::write(folder, &message.job, &name, &with_not_out(&before, &lost(posted)));
        }
    }
}

/// What isn't published yet goes out with whatever is published next.
fn with_unpublished(which: Which, memories: &BTreeMap<String, Remembered>) -> Which {
    let Which::Below(mut places) = which else { return which };
    for (job, Remembered { memory, .. }) in memories {
        places.extend(memory.unpublished.keys().map(|name| Path::new(job).join(name)));
    }
    Which::Below(places)
}

impl Turn<'_> {
    /// Whether the memory still says that this run is under way.
    fn is_ours(&self, run: &str) -> bool {
        self.remembered.memory.running.as_ref().is_some_and(|running| running.run == run)
    }

    pub(super) fn learn(
        &mut self,
        report: Option<&Report>,
        run: &str,
        asker: Asker,
        jitter: f64,
        now: Timestamp,
    ) -> Learned {
        let Self { request, subject, remembered, action, .. } = self;
        let spec = self.job.asked();
        let lesson = Lesson { action, request, subject, spec, report, run, asker, now, jitter };
        learn(&mut remembered.memory, &lesson)
    }

    fn news(&mut self, written: files::Written) {
        if written == files::Written::Anew {
            self.news = written;
        }
    }
}
