//! What commands on jobs have in common: manifests checked against both live catalogues.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::{Error, ErrorKind};
use crate::catalog::Catalog;
use crate::config::{Config, Environment, GitSource, ManifestSource};
use crate::daemon::source::Source;
use crate::effect::clock;
use crate::escape::harmless;
use crate::git::WorkTree;
use crate::manifest::job::Job;
use crate::manifest::sync_job::SyncJobSpec;
use crate::manifest::validate::validate_by;
use crate::manifest::{self, Manifests, SyncJob};
use crate::plan::change::Plan;
use crate::state::{State, keep_plan};

/// Manifests with everything that is wrong with them in [`Manifests::problems`], and where they come
/// from, as it was asked for them.
pub struct Prepared {
    pub manifests: Manifests,
    pub source: Source,
}

/// The manifests that jobs run by, checked against the operator's rules and both databases.
pub async fn prepare(config: &Config) -> Result<Prepared, Error> {
    let (source, manifests) = read(config).await?;
    Ok(Prepared { manifests: connected(config, manifests).await?, source })
}

/// The manifests that people edit, checked in the same way.
pub async fn prepare_edited(config: &Config) -> Result<Manifests, Error> {
    let directory = directory(None, Some(config)).await?;
    let manifests = manifest::load(&directory)
        .map_err(|problems| Error::of_problems(problems, "no manifest could be read"))?;
    connected(config, manifests).await
}

async fn connected(config: &Config, manifests: Manifests) -> Result<Manifests, Error> {
    let catalogs = crate::job::catalogs(config).await?;
    Ok(checked(config, manifests, &catalogs))
}

/// The manifests that jobs run by, checked without any database.
pub async fn manifests(config: &Config) -> Result<Manifests, Error> {
    Ok(checked(config, read(config).await?.1, &BTreeMap::new()))
}

/// The manifests for a command that runs nothing by them: where the remote is away, as they were
/// fetched last.
pub async fn manifests_at_hand(config: &Config) -> Result<Manifests, Error> {
    if let ManifestSource::Directory(_) = &config.manifests {
        return manifests(config).await;
    }
    let mut state = State::open(config).await?;
    let found = Source::of(config).at_hand(&mut state).await;
    let (found, error) = found.map_err(|error| Error::failed(error.to_string()))?;
    if let Some(error) = error {
        let error = harmless(&error.to_string()).into_owned();
        eprintln!("the branch can't be read, this is by what it said last: {error}");
    }
    Ok(checked(config, found, &BTreeMap::new()))
}

async fn read(config: &Config) -> Result<(Source, Manifests), Error> {
    let mut source = Source::of(config);
    if let ManifestSource::Directory(directory) = &config.manifests {
        let manifests = manifest::load(directory)
            .map_err(|problems| Error::of_problems(problems, "no manifest could be read"))?;
        return Ok((source, manifests));
    }
    let mut state = State::open(config).await?;
    match source.look(&mut state, None, clock::now()).await {
        Ok(Some(snapshot)) => Ok((source, snapshot.manifests)),
        Ok(None) => unreachable!("no revision is known"),
        Err(error) => Err(Error::failed(error.to_string())),
    }
}

fn checked(
    config: &Config,
    mut manifests: Manifests,
    catalogs: &BTreeMap<Environment, Catalog>,
) -> Manifests {
    let problems = validate_by(config, &manifests, catalogs);
    manifests.add_problems(problems);
    manifests
}

/// The directory of the manifests that people edit: the one named, else the operator's, else
/// `./manifests`. Where jobs run by a branch of a repository, it is the checkout people stand in.
pub async fn directory(named: Option<&Path>, config: Option<&Config>) -> Result<PathBuf, Error> {
    match (named, config.map(|config| &config.manifests)) {
        (Some(directory), _) => Ok(directory.to_owned()),
        (None, Some(ManifestSource::Directory(directory))) => Ok(directory.clone()),
        (None, Some(ManifestSource::Git(source))) => checkout(source).await,
        (None, None) => Ok("manifests".into()),
    }
}

/// The checkout people stand in; else the repository itself, where its files lie on this host.
async fn checkout(source: &GitSource) -> Result<PathBuf, Error> {
    let url = source.url.expose();
    let repository = Path::new(url.strip_prefix("file://").unwrap_or(url));
    for place in [Path::new("."), repository] {
        if !place.is_dir() {
            continue;
        }
        let tree = WorkTree::around(place).await;
        let tree = tree.map_err(|error| Error::failed(error.to_string()))?;
        let folder = tree.map(|tree| tree.root.join(&source.path));
        if let Some(folder) = folder.filter(|folder| folder.is_dir() && holds_jobs(folder)) {
            return Ok(folder);
        }
    }
    let message =
        "the operator's file takes the manifests from git, and this is no checkout of them";
    Err(Error::failed(message)
        .hint("run it inside a clone of the repository, then commit and push what it writes"))
}

/// Whether manifests lie here: another repository may have a folder of the same name.
fn holds_jobs(folder: &Path) -> bool {
    manifest::load(folder).is_ok_and(|manifests| !manifests.documents.is_empty())
}

/// A job's plan, with what its manifest asks for.
pub struct Compared {
    pub plan: Plan,
    pub asked: SyncJobSpec,
}

/// Compares a job and keeps the plan, so that `all@DIGEST` can name it.
pub async fn plan(config: &Config, name: &str) -> Result<Compared, Error> {
    plan_of(config, &prepare(config).await?.manifests, name).await
}

/// The same of the manifests that people edit.
pub async fn plan_edited(config: &Config, name: &str) -> Result<Plan, Error> {
    Ok(plan_of(config, &prepare_edited(config).await?, name).await?.plan)
}

async fn plan_of(config: &Config, manifests: &Manifests, name: &str) -> Result<Compared, Error> {
    let job = sync_job(manifests, name)?;
    let context = crate::job::Context::new(config, manifests);
    let mut opened = crate::job::open::open(&context, job).await?;
    let (mut plan, comparison) =
        opened.plan(job, crate::job::open::Part::Everything, Vec::new()).await?;
    crate::job::run::mark_approved(&context, job, &mut opened, &mut plan, &comparison).await?;
    keep_plan(config, &plan, &job.spec)?;
    Ok(Compared { plan, asked: job.spec.clone() })
}

/// A healthy job by name that compares, or what is wrong with it.
pub fn sync_job<'m>(manifests: &'m Manifests, name: &str) -> Result<&'m SyncJob, Error> {
    match job(manifests, name)? {
        Job::Sync(job) => Ok(job),
        Job::Republish(_) => {
            let message = format!("{name} is a RepublishJob: nothing is compared or approved");
            Err(Error::new(ErrorKind::Usage, message)
                .hint(format!("`reconcile {name}` carries it out")))
        }
    }
}

/// A healthy job by name, or what is wrong with it.
pub fn job<'m>(manifests: &'m Manifests, name: &str) -> Result<Job<'m>, Error> {
    let problems: Vec<_> = manifests.problems_of_job(name).into_iter().cloned().collect();
    if !problems.is_empty() {
        return Err(Error::of_problems(problems, format!("the job {name} can't be used")));
    }
    manifests.job(name).ok_or_else(|| no_such_job(manifests, name))
}

/// Jobs that are told one by one when none is like the one asked for.
const FEW_JOBS: usize = 8;

fn no_such_job(manifests: &Manifests, name: &str) -> Error {
    let built: Vec<String> =
        super::Cli::command().get_subcommands().map(|it| it.get_name().to_owned()).collect();
    let error = Error::new(ErrorKind::Usage, format!("there is no job {}", harmless(name)));
    let jobs = manifests.jobs.keys().chain(manifests.republish_jobs.keys());
    let jobs: Vec<&str> = jobs.map(String::as_str).collect();
    let known = jobs.iter().copied().chain(built.iter().map(String::as_str));
    match manifest::words::nearest(name, known) {
        Some(nearest) => error.hint(format!("did you mean {nearest}?")),
        None if (1..=FEW_JOBS).contains(&jobs.len()) => {
            error.hint(format!("the jobs are {}", jobs.join(", ")))
        }
        None => error.hint(
            "jobs are SyncJob and RepublishJob manifests; `reconcile validate` lists problems",
        ),
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
