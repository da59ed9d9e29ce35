//! What a look does about jobs that publish again, and about what follows runs: publishing and files.
//!
//! Answers for it being said once what came of both; how they are carried out stands in `republishing`
//! and `unpublished`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::log::say;
use super::super::republishing::{Carried, Due};
use super::super::turn::Fitness;
use super::{Daemon, Error, Look, taken};
use crate::apply::Watch;
use crate::job::Context;
use crate::job::publishing::Came;
use crate::report::files::Written;
use crate::state::Remembered;

/// Jobs of whose runs something is still to follow, the longest due first.
pub(super) fn left(memories: &BTreeMap<String, Remembered>) -> Vec<(Timestamp, String)> {
    let due = |(job, it): (&String, &Remembered)| Some((it.memory.follows_at()?, job.clone()));
    let mut left: Vec<_> = memories.iter().filter_map(due).collect();
    left.sort();
    left
}

impl Daemon {
    /// Tries one again: no run waits for more.
    pub(super) async fn publish_next(
        &mut self,
        context: &Context<'_>,
        left: &[(Timestamp, String)],
        look: &mut Look,
        now: Timestamp,
        watch: &mut dyn Watch,
    ) -> Result<(), Error> {
        let Some((at, job)) = left.first() else { return Ok(()) };
        look.again = look.again.min((*at).max(now));
        match *at <= now {
            true => self.follow_up(context, job, now, watch).await,
            false => Ok(()),
        }
    }

    /// Tries again what follows runs of a job.
    async fn follow_up(
        &mut self,
        context: &Context<'_>,
        job: &str,
        now: Timestamp,
        watch: &mut dyn Watch,
    ) -> Result<(), Error> {
        let followed = self.desk.follow_up(context, job, now, watch).await;
        for followed in taken(job, followed)?.into_iter().flatten() {
            // No job has a name like this.
            let about = format!("{job} {}", followed.subject());
            match followed.came() {
                Came::There => {
                    self.said.remove(&about);
                    say(job, followed.done());
                }
                Came::NotYet => {}
                Came::Short { why, .. } => {
                    let sentence = followed.short(why);
                    if self.said.get(&about) != Some(&sentence) {
                        say(job, &sentence);
                        self.said.insert(about, sentence);
                    }
                }
            }
        }
        Ok(())
    }

    /// Says what became of the latest `RepublishJob`; whether the next one has to wait for a while.
    pub(super) fn republished(&mut self, look: &mut Look) -> bool {
        let Some((job, carried)) = self.republishing.ended() else { return false };
        match carried {
            Ok(Carried::Out(phase)) => {
                if let Some(phase) = phase {
                    look.news = Written::Anew;
                    self.unpublished.insert(job, phase.to_owned());
                }
                false
            }
            Ok(Carried::NotYet) => true,
            Err(why) => {
                self.say_once(&job, why);
                true
            }
        }
    }

    /// Nothing else waits for it.
    pub(super) fn begin_republishing(&mut self, job: &str, fit: Fitness, now: Timestamp) {
        let Some(checked) = self.checked.clone() else { return };
        let config = Arc::clone(&self.desk.config);
        let due = Due { config, checked, job: job.to_owned(), fit, now };
        if let Err(error) = self.republishing.begin(due) {
            self.say_once(job, format!("it can't begin: {error}"));
        }
    }
}
