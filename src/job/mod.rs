//! One job from its manifest to its outcome: open both databases, compare, hold the approvals
//! against the plan, apply.
//!
//! Answers for the order of these steps and for what each may touch. It prints nothing; commands and
//! the daemon show the [`report::Report`] it returns.

mod chosen;
pub mod clocks;
pub mod decision;
pub mod files;
pub mod found;
pub mod gallery;
mod lock;
pub mod open;
pub mod publishing;
mod rehearsal;
pub mod report;
pub mod republish;
pub mod run;
pub mod space;
pub mod thumbnails;

use std::collections::BTreeMap;

use clocks::Clock;

use crate::catalog::Catalog;
use crate::config::{Config, Environment};
use crate::database::{Access, Session};
use crate::manifest::job::Job;
use crate::manifest::module::ModuleSpec;
use crate::manifest::protected::Protection;
use crate::manifest::{Manifests, SyncJob};
use crate::{apply, compare, database, state};

/// Why a job couldn't be compared or carried out. Whatever it is, the target is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(#[from] database::Error),
    #[error(transparent)]
    Compare(#[from] compare::Error),
    #[error(transparent)]
    Apply(#[from] apply::Error),
    #[error(transparent)]
    State(#[from] state::Error),
    #[error(transparent)]
    Full(#[from] space::Full),
    #[error(transparent)]
    ClocksApart(#[from] clocks::Apart),
    #[error(transparent)]
    Gallery(#[from] crate::gallery::Error),
    /// A job selects gallery folders, or undoes what was done to files.
    #[error("{0} has no gallery; name one in the operator's file (`environments.{0}.gallery`)")]
    NoGallery(Environment),
    /// PROD and TEST of the operator's file are one database.
    #[error("PROD and TEST are the same database; name two different ones in the operator's file")]
    SameDatabase,
    /// A column is redacted, so pins must be keyed with something that nobody can guess.
    #[error(
        "{table}.{column} is redacted, so pins need a key: set `pinKey` in the operator's file, for \
         example to \"${{PIN_KEY}}\""
    )]
    NoPinKey { table: String, column: String },
    /// `undo` names a run that neither ledger knows.
    #[error(
        "no run {0} stands in the ledger of PROD or TEST; `reconcile undo` needs a committed run"
    )]
    UnknownRun(String),
    /// No module of the job could be compared.
    #[error("no module of the job could be compared: {0}")]
    NothingComparable(String),
    /// The manifest lacks what validation asks for.
    #[error("the job says neither `undo` nor `direction`, `mode` and `modules`")]
    Incomplete,
}

impl Error {
    /// The number of the later lease that the target has seen, where that is what it was refused for.
    pub fn later_lease(&self) -> Option<i64> {
        match self {
            Self::Apply(apply::Error::Behind { seen, .. }) => Some(*seen),
            _ => None,
        }
    }

    /// The database's own error behind this one, wherever it happened.
    pub fn database(&self) -> Option<&database::Error> {
        use apply::Error as Applying;
        match self {
            Self::Database(error)
            | Self::Compare(compare::Error::Database(error))
            | Self::Apply(
                Applying::Database(error)
                | Applying::Compare(compare::Error::Database(error))
                | Applying::AfterWrite { source: error, .. }
                | Applying::NoLedger { source: error, .. },
            ) => Some(error),
            _ => None,
        }
    }
}

/// The structure of both databases as they are now.
pub async fn catalogs(config: &Config) -> Result<BTreeMap<Environment, Catalog>, database::Error> {
    Ok(databases(config).await?.0)
}

/// The same, with their clocks.
pub async fn databases(
    config: &Config,
) -> Result<(BTreeMap<Environment, Catalog>, Vec<Clock>), database::Error> {
    let (mut catalogs, mut clocks) = (BTreeMap::new(), Vec::new());
    for (environment, settings) in
        [(Environment::Prod, &config.prod), (Environment::Test, &config.test)]
    {
        let url = settings.database.expose();
        let mut session = Session::open(url, environment.as_str(), Access::ReadOnly).await?;
        clocks.push(Clock::of(environment, &mut session).await?);
        catalogs.insert(environment, session.catalog().await?);
        session.close().await?;
    }
    Ok((catalogs, clocks))
}

/// What every job of one pass shares.
pub struct Context<'a> {
    pub config: &'a Config,
    pub manifests: &'a Manifests,
    pub protection: Protection,
}

impl<'a> Context<'a> {
    pub fn new(config: &'a Config, manifests: &'a Manifests) -> Self {
        Self { config, manifests, protection: Protection::new(config) }
    }

    /// The specs of all healthy modules, by name.
    pub fn modules(&self) -> BTreeMap<String, ModuleSpec> {
        let modules = self.manifests.modules.iter();
        modules.map(|(name, module)| (name.clone(), module.spec.clone())).collect()
    }

    /// What a comparison of a job depends on, as 64 hex digits; empty where nothing is compared.
    pub fn subject(&self, job: Job<'_>) -> String {
        match job {
            Job::Sync(job) => job.subject(self.manifests).to_owned(),
            Job::Republish(_) => String::new(),
        }
    }

    /// The modules a job selects, in the order of their names.
    pub fn selected(&self, job: &SyncJob) -> Vec<String> {
        let Some(selection) = &job.spec.modules else { return Vec::new() };
        self.manifests.modules.keys().filter(|name| selection.selects(name)).cloned().collect()
    }
}
