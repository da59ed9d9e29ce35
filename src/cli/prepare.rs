//! What commands on jobs have in common: manifests checked against both live catalogues.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::{Error, ErrorKind};
use crate::compare::Scope;
use crate::config::{Config, ManifestSource};
use crate::daemon::source::Source;
use crate::escape::harmless;
use crate::manifest::protected::Protection;
use crate::manifest::validate::{Context, validate};
use crate::manifest::{self, Manifests, SyncJob};
use crate::plan::change::Plan;
use crate::state::keep_plan;

/// Manifests with everything that is wrong with them in [`Manifests::problems`].
pub struct Prepared {
    pub manifests: Manifests,
}

/// Loads the manifests and checks them against the operator's rules and both databases.
pub async fn prepare(config: &Config) -> Result<Prepared, Error> {
    let directory = directory(None, Some(config))?;
    let mut manifests = manifest::load(&directory)
        .map_err(|problems| Error::of_problems(problems, "no manifest could be read"))?;
    let catalogs = crate::job::catalogs(config).await?;
    let protection = Protection::new(config);
    let problems = validate(&Context {
        manifests: &manifests,
        protection: &protection,
        config: Some(config),
        catalogs: &catalogs,
    });
    manifests.add_problems(problems);
    Ok(Prepared { manifests })
}

/// The manifests, checked without any database.
pub async fn manifests(config: &Config) -> Result<Manifests, Error> {
    let snapshot = Source::of(config).look().await;
    let mut manifests = snapshot.map_err(|error| Error::failed(error.to_string()))?.manifests;
    let problems = validate(&Context {
        manifests: &manifests,
        protection: &Protection::new(config),
        config: Some(config),
        catalogs: &BTreeMap::new(),
    });
    manifests.add_problems(problems);
    Ok(manifests)
}

/// The directory of the manifests: the one named, else the operator's, else `./manifests`.
pub fn directory(named: Option<&Path>, config: Option<&Config>) -> Result<PathBuf, Error> {
    match (named, config.map(|config| &config.manifests)) {
        (Some(directory), _) => Ok(directory.to_owned()),
        (None, Some(ManifestSource::Directory(directory))) => Ok(directory.clone()),
        (None, Some(ManifestSource::Git(_))) => Err(Error::failed(
            "the operator's file takes the manifests from git, which only the \
                               daemon reads; it is not yet built",
        )
        .hint("name a checkout as `manifests` in the operator's file")),
        (None, None) => Ok("manifests".into()),
    }
}

/// Compares a job and keeps the plan, so that `all@DIGEST` can name it.
pub async fn plan(config: &Config, name: &str) -> Result<Plan, Error> {
    let Prepared { manifests } = prepare(config).await?;
    let job = self::job(&manifests, name)?;
    let context = crate::job::Context::new(config, &manifests);
    let mut opened = crate::job::open::open(&context, job).await?;
    let (mut plan, comparison) = opened.plan(job, Scope::Everything, Vec::new()).await?;
    crate::job::run::mark_approved(&context, job, &mut opened, &mut plan, &comparison).await?;
    keep_plan(config, &plan)?;
    Ok(plan)
}

/// A healthy job by name, or what is wrong with it.
pub fn job<'m>(manifests: &'m Manifests, name: &str) -> Result<&'m SyncJob, Error> {
    let problems: Vec<_> = manifests.problems_of_job(name).into_iter().cloned().collect();
    if !problems.is_empty() {
        return Err(Error::of_problems(problems, format!("the job {name} can't be used")));
    }
    manifests.jobs.get(name).ok_or_else(|| no_such_job(manifests, name))
}

/// Jobs that are told one by one when none is like the one asked for.
const FEW_JOBS: usize = 8;

fn no_such_job(manifests: &Manifests, name: &str) -> Error {
    let built: Vec<String> =
        super::Cli::command().get_subcommands().map(|it| it.get_name().to_owned()).collect();
    if manifest::words::COMMANDS.contains(&name) && !built.iter().any(|it| it == name) {
        return Error::new(ErrorKind::Usage, format!("`reconcile {name}` is not yet supported"));
    }
    let error = Error::new(ErrorKind::Usage, format!("there is no job {}", harmless(name)));
    let jobs: Vec<&str> = manifests.jobs.keys().map(String::as_str).collect();
    let known = jobs.iter().copied().chain(built.iter().map(String::as_str));
    match manifest::words::nearest(name, known) {
        Some(nearest) => error.hint(format!("did you mean {nearest}?")),
        None if (1..=FEW_JOBS).contains(&jobs.len()) => {
            error.hint(format!("the jobs are {}", jobs.join(", ")))
        }
        None => error.hint("jobs are SyncJob manifests; `reconcile validate` lists problems"),
    }
}

/// Runs a future to its end.
pub fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::failed(format!("can't start: {error}")))?;
    runtime.block_on(future)
}
