//! What a turn does outside of its own memory: the state store, the databases, the files, chance.
//!
//! Answers for a turn being the same whatever stands behind these: the simulation puts another world
//! there.

use std::collections::BTreeSet;

use super::source::{LastChange, Source};
use crate::apply::ledger::RunRow;
use crate::apply::{Term, Watch};
use crate::config::{Config, Environment};
use crate::job::files::Filing;
use crate::job::publishing::{self, Attempt};
use crate::job::report::Report;
use crate::job::republish;
use crate::job::run::{self, Order};
use crate::job::{self, Context, found};
use crate::manifest::job::Job;
use crate::plan::change::Plan;
use crate::report::files::{self, Written};
use crate::state::{self, Change, Ended, Office, Remembered, State, Taken};

/// What is remembered, see [`State`].
#[expect(async_fn_in_trait, reason = "the caller's task is the only one that waits")]
pub trait Store {
    async fn ended(&mut self, job: &str, key: &str) -> Result<Option<Ended>, state::Error>;
    async fn memory(&mut self, job: &str) -> Result<Remembered, state::Error>;
    async fn save(
        &mut self,
        job: &str,
        remembered: &mut Remembered,
        change: &Change<'_>,
    ) -> Result<(), state::Error>;
    async fn lease(&mut self, office: Office) -> Result<Taken, state::Error>;
}

impl Store for State {
    async fn ended(&mut self, job: &str, key: &str) -> Result<Option<Ended>, state::Error> {
        self.ended(job, key).await
    }

    async fn memory(&mut self, job: &str) -> Result<Remembered, state::Error> {
        self.memory(job).await
    }

    async fn save(
        &mut self,
        job: &str,
        remembered: &mut Remembered,
        change: &Change<'_>,
    ) -> Result<(), state::Error> {
        self.save(job, remembered, change).await
    }

    async fn lease(&mut self, office: Office) -> Result<Taken, state::Error> {
        self.lease(office).await
    }
}

/// What is done, and what nobody can foresee.
#[expect(async_fn_in_trait, reason = "the caller's task is the only one that waits")]
pub trait Hands {
    /// Carries a job as far as it goes, see [`run::pass`] and [`republish::pass`].
    async fn pass(
        &mut self,
        context: &Context<'_>,
        job: Job<'_>,
        order: Order<'_>,
        watch: &mut dyn Watch,
    ) -> Report;
    /// What the ledger says of a run, see [`found::found`].
    async fn found(
        &mut self,
        context: &Context<'_>,
        target: Option<Environment>,
        run: &str,
        term: Option<&Term>,
    ) -> Result<Option<RunRow>, job::Error>;
    /// Brings what runs touched to the read stores, see [`publishing::publish`].
    async fn publish(
        &mut self,
        context: &Context<'_>,
        what: (Environment, &BTreeSet<String>),
        failed: u64,
        watch: &mut dyn Watch,
    ) -> Attempt;
    /// Replaces and deletes files that runs left, see [`job::files::finish`].
    async fn finish_files(&mut self, context: &Context<'_>, target: Environment) -> Filing;
    /// Who wrote a job as it is, see [`Source::last_change`].
    async fn last_change(&mut self, source: &Source, job: Job<'_>) -> Option<LastChange>;
    /// Writes a result file, see [`files::write`].
    fn write(
        &mut self,
        config: &Config,
        job: &str,
        name: &str,
        text: &str,
    ) -> Result<Written, files::Error>;
    fn latest_plan(&self, config: &Config, job: &str) -> Option<Plan>;
    /// Between 0 and 1.
    fn jitter(&mut self) -> f64;
}

/// The world as it is.
pub struct Real;

impl Hands for Real {
    async fn pass(
        &mut self,
        context: &Context<'_>,
        job: Job<'_>,
        order: Order<'_>,
        watch: &mut dyn Watch,
    ) -> Report {
        match job {
            Job::Sync(job) => Box::pin(run::pass(context, job, order, watch)).await,
            Job::Republish(job) => {
                let carried = Box::pin(republish::carry_out(context, &job.spec, watch));
                republish::pass(job, order, carried).await
            }
        }
    }

    async fn found(
        &mut self,
        context: &Context<'_>,
        target: Option<Environment>,
        run: &str,
        term: Option<&Term>,
    ) -> Result<Option<RunRow>, job::Error> {
        found::found(context, target, run, term).await
    }

    async fn publish(
        &mut self,
        context: &Context<'_>,
        what: (Environment, &BTreeSet<String>),
        failed: u64,
        watch: &mut dyn Watch,
    ) -> Attempt {
        publishing::publish(context, what, failed, watch).await
    }

    async fn finish_files(&mut self, context: &Context<'_>, target: Environment) -> Filing {
        job::files::finish(context, target).await
    }

    async fn last_change(&mut self, source: &Source, job: Job<'_>) -> Option<LastChange> {
        source.last_change(job).await
    }

    fn write(
        &mut self,
        config: &Config,
        job: &str,
        name: &str,
        text: &str,
    ) -> Result<Written, files::Error> {
        files::write(&config.results.directory, job, name, text)
    }

    fn latest_plan(&self, config: &Config, job: &str) -> Option<Plan> {
        state::latest_plan(config, job)
    }

    fn jitter(&mut self) -> f64 {
        state::jitter()
    }
}
