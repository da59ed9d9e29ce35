//! A single pass over jobs, as somebody at a command line asks for it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::decide::{Step, View, reconcile};
use super::learn::Asker;
use super::post::round_of_a_pass;
use super::record::NOTING;
use super::source::Source;
use super::turn::{Desk, instead, rules};
use super::unpublished::Followed;
use crate::apply::Watch;
use crate::config::Config;
use crate::git::Which;
use crate::job::Context;
use crate::job::report::{Outcome, Refusal, RefusalKind, Report};
use crate::job::run::{Order, Wish, pass};
use crate::manifest::job::{Job, republished};
use crate::report::Phase;
use crate::state::{self, End, Memory, Office};

/// A pass that leaves its trace in state, results and outbox, or one that leaves none.
pub enum Passing {
    Real {
        desk: Box<Desk>,
        source: Source,
        /// Why the branch of results couldn't be read; nothing is published over it then.
        behind: Option<String>,
        /// The jobs that had their turns.
        jobs: BTreeSet<PathBuf>,
    },
    Dry,
}

impl Passing {
    /// `source` is where the manifests were read from: it knows whose they are.
    pub async fn open(
        config: &Config,
        mut source: Source,
        wish: Wish,
    ) -> Result<Self, state::Error> {
        if wish == Wish::DryRun {
            return Ok(Self::Dry);
        }
        let mut desk = Box::new(Desk::open(Arc::new(config.clone()), Asker::Person).await?);
        desk.hear_of_mail().await?;
        let mut behind = None;
        if desk.state.is_shared() {
            desk.state.outwait(Office::Run).await?;
            desk.state.outwait(Office::Publish).await?;
            // Others may have published since this folder was written.
            behind = source.adopt(&config.results.directory).await.err().map(|it| it.to_string());
        }
        Ok(Self::Real { desk, source, behind, jobs: BTreeSet::new() })
    }

    /// Sends and publishes what is to be sent and published, for a short while. Returns what isn't
    /// out; a later pass brings it out.
    pub async fn send(&mut self) -> Vec<String> {
        let Self::Real { desk, source, behind, jobs } = self else { return Vec::new() };
        let config = Arc::clone(&desk.config);
        let published = if let Some(error) = behind.take() {
            Err(error)
        } else {
            // Of other jobs a daemon may have pushed something newer since.
            let which = match desk.state.is_shared() {
                true => Which::Below(jobs.clone()),
                false => Which::All,
            };
            let published = desk.publish(source, which, "results of a pass", &mut || true).await;
            published.map_err(|it| it.to_string())
        };
        let unpublished =
            published.err().map(|error| format!("results aren't pushed yet: {error}"));
        let unsent = round_of_a_pass(&mut desk.state, config.mail.as_ref()).await;
        unpublished.into_iter().chain(unsent).collect()
    }

    /// One job's turn. Where another process writes about it meanwhile, it is looked at again: mostly that
    /// one is at it, or was.
    pub async fn job(
        &mut self,
        context: &Context<'_>,
        job: Job<'_>,
        now: Timestamp,
        watch: &mut dyn Watch,
    ) -> Result<Report, state::Error> {
        for _ in 0..NOTING {
            match self.turn(context, job, now, watch).await {
                Err(state::Error::Changed { .. }) => {}
                done => return done,
            }
        }
        let why = "another process is at this job, again and again".to_owned();
        Ok(Report::new(job.name(), Outcome::Locked { why }))
    }

    async fn turn(
        &mut self,
        context: &Context<'_>,
        job: Job<'_>,
        now: Timestamp,
        watch: &mut dyn Watch,
    ) -> Result<Report, state::Error> {
        let Self::Real { desk, source, jobs, .. } = self else {
            return Ok(Box::pin(dry_run(context, job, now, watch)).await);
        };
        jobs.insert(PathBuf::from(job.name()));
        let now = whole_second(now);
        let remembered = desk.state.memory(job.name()).await?;
        let mut turn = desk.look(context, job, remembered, source, now).await?;
        let fit = turn.fit(source).await;
        let mut report = desk.carry_out(context, &mut turn, fit, now, watch).await?;
        report.left_out.append(&mut turn.troubles);
        // What an earlier run of the job left.
        let followed = desk.follow_up(context, job.name(), now, watch).await?;
        report.left_out.extend(followed.iter().filter_map(Followed::pending));
        if followed.is_empty() && report.files.is_none() {
            let memory = desk.state.memory(job.name()).await?.memory;
            report.left_out.extend(memory.files_left());
        }
        Ok(report)
    }
}

/// A moment to the second: what people read in reports and the ledger.
pub fn whole_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// A dry run: compares and checks, and leaves no trace.
async fn dry_run(
    context: &Context<'_>,
    job: Job<'_>,
    now: Timestamp,
    watch: &mut dyn Watch,
) -> Report {
    let rules = rules(context.config, Asker::Person);
    let memory = Memory::default();
    let (request, subject) = (job.request(), context.subject(job));
    let view = View {
        spec: job.asked(),
        request: &request,
        subject: &subject,
        memory: &memory,
        rules: &rules,
        now,
    };
    let action = reconcile(&view);
    let (phase, why) = (action.standing.phase, action.standing.why.clone());
    let refused = |kind, why| Outcome::Refused(Refusal { kind, reasons: vec![why] });
    let outcome = match (action.step, phase) {
        (_, Phase::Suspended) => Outcome::Suspended { why },
        (_, Phase::Invalid) => Outcome::Failed { error: why },
        (Step::End(End::Missed), _) => refused(RefusalKind::Missed, why),
        _ => {
            let instead = instead(&action, &rules, job, now);
            let (wish, run, installation, term) = (Wish::DryRun, "", "", None);
            let key = &request;
            let order = Order { wish, key, instead, run, installation, term, now };
            return match job {
                Job::Sync(job) => Box::pin(pass(context, job, order, watch)).await,
                Job::Republish(job) => {
                    let what = republished(&job.spec);
                    let outcome = order.instead.unwrap_or(Outcome::WouldPublish { what });
                    Report::new(&job.name, outcome)
                }
            };
        }
    };
    Report::new(job.name(), outcome)
}
