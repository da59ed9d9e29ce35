//! What somebody ticked on the review of a plan, as a commit for people to merge.
//!
//! Answers for a job's manifest saying exactly what was ticked, when it runs and whether it is a test
//! import, and nothing else being changed; for whatever the plan and the manifests show to be in its way
//! being said before anything is pushed. What only a run knows (rows of the target, empty sources, what
//! has moved by then) only the run checks. What merging it leads to is decided as for any other commit.
//!
//! It needs no lease: a new branch is no result and no run, each is a proposal of its own, and what
//! counts is what is merged. So a daemon that stands by may make one as well as the one that works.

mod refused;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::turn::Desk;
use super::watch::Checked;
use crate::config::{Config, GitSource, ManifestSource};
use crate::git::{self, Commit, Identity, Mirror, Proposed, Unsigned, Words, forge};
use crate::job::decision::{Question, decide};
use crate::manifest::edit::{Edit, Time, edit};
use crate::manifest::job::Job;
use crate::manifest::source::MAX_BYTES;
use crate::manifest::sync_job::{Approval, Approvals, Direction, Schedule, SyncJobSpec};
use crate::manifest::validate::validate_by;
use crate::manifest::windows::{Opening, opening};
use crate::manifest::{Manifests, SyncJob};
use crate::plan::change::Plan;
use crate::plan::ticked::{Chosen, Ticked, choose, unseen};
use crate::report::local;

pub use refused::Refused;

/// Somebody waits for the answer: for the clone while the daemon fetches, and for the remote.
const PATIENCE: Duration = Duration::from_secs(10);
const REMOTE_TIME_LIMIT: Duration = Duration::from_secs(20);
/// Requests of a job that are over, one after another, with the same approvals.
const MOST_REQUESTS: u64 = 1_000;

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Of the plan that the page showed.
    pub digest: String,
    pub approved: Ticked,
    /// As soon as it is merged, unless there is a time.
    pub schedule: Option<Schedule>,
    pub dry_run: bool,
    /// What the manifest asked for when the page was opened, as [`SyncJobSpec::request_hash`].
    pub basis: Option<String>,
}

/// A branch that is there for people to merge.
#[derive(Debug)]
pub struct Scheduled {
    pub proposed: Proposed,
    /// The branch that it is to be merged into.
    pub into: String,
    /// What happens then, in sentences.
    pub sentences: Vec<String>,
    /// What whoever merges it has to heed.
    pub warnings: Vec<String>,
    /// Where a pull request is opened.
    pub pull_request: Option<String>,
    /// How to merge it without one.
    pub commands: Vec<String>,
}

/// A change of a job that nothing speaks against so far.
pub struct Proposal {
    config: Arc<Config>,
    git: GitSource,
    job: SyncJob,
    /// What the manifests were read of.
    base: Commit,
    chosen: Chosen,
    /// Approvals of the manifest that go, though the plan doesn't show them.
    unseen: usize,
    plan: Plan,
    spec: SyncJobSpec,
    suspended: Option<String>,
    now: Timestamp,
}

/// A proposal as a commit of the daemon's clone, which no branch has.
pub struct Draft {
    proposal: Proposal,
    mirror: Mirror,
    commit: Commit,
    unsigned: Option<Unsigned>,
}

/// The job that a page is about, where it can be proposed to change it.
pub fn job<'a>(
    config: &'a Config,
    checked: &'a Checked,
    name: &str,
) -> Result<(&'a GitSource, &'a SyncJob), Refused> {
    let ManifestSource::Git(git) = &config.manifests else { return Err(Refused::Directory) };
    let manifests = &checked.manifests;
    let problems = problems(manifests, name);
    match manifests.job(name) {
        _ if !problems.is_empty() => Err(Refused::Broken(problems)),
        None => Err(Refused::NoJob),
        Some(Job::Republish(_)) => Err(Refused::NothingToApprove),
        Some(Job::Sync(job)) => match &job.spec.schedule {
            Some(Schedule { cron: Some(_), .. }) => Err(Refused::Recurring),
            _ if job.spec.delete_missing => Err(Refused::DeleteMissing),
            _ if approves_whatever(&job.spec) => Err(Refused::All),
            _ => Ok((git, job)),
        },
    }
}

impl Proposal {
    /// What was ticked, held against the plan that was kept last. Either may be large.
    pub fn of(
        config: &Arc<Config>,
        checked: &Checked,
        name: &str,
        plan: Option<Plan>,
        wish: Wish,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let (git, job) = job(config, checked, name)?;
        let base = Commit::parse(checked.revision()).ok_or(Refused::Directory)?;
        let plan = plan.ok_or(Refused::NoPlan)?;
        check_plan(job, &plan, &wish)?;
        let chosen = choose(&plan, &wish.approved).map_err(Refused::Choice)?;
        if chosen.names.is_empty() && job.spec.approved.is_empty() {
            return Err(Refused::NothingTicked);
        }
        if !chosen.missing.is_empty() {
            return Err(Refused::Missing(chosen.missing));
        }
        let approved = match same(&chosen.approved, &job.spec.approved) {
            true => job.spec.approved.clone(),
            false => chosen.approved.clone(),
        };
        let unseen = unseen(&plan, &job.spec.approved, &chosen);
        let Wish { schedule, dry_run, .. } = wish;
        let spec = SyncJobSpec { schedule, dry_run, approved, ..job.spec.clone() };
        let (config, git, job) = (Arc::clone(config), git.clone(), job.clone());
        let suspended = None;
        let proposal = Self { config, git, job, base, chosen, unseen, plan, spec, suspended, now };
        proposal.would_run()?;
        proposal.is_timely()?;
        Ok(proposal)
    }

    /// Limits, and whatever else a run would refuse by what the plan shows. A share of the target's rows
    /// and an empty source are for the run to find: both may be others by then.
    fn would_run(&self) -> Result<(), Refused> {
        let nothing = BTreeSet::new();
        let decided = decide(&Question {
            spec: &self.spec,
            plan: &self.plan,
            runs: &[],
            elsewhere: &nothing,
            stored: &BTreeMap::new(),
            limits: &self.config.limits,
            rows: &BTreeMap::new(),
            empty_sources: &[],
        });
        decided.map(|_| ()).map_err(|refusal| Refused::CannotRun(refusal.reasons))
    }

    /// A time that can't be read is for validation to tell.
    fn is_timely(&self) -> Result<(), Refused> {
        let Some(Ok(Some(at))) = self.spec.schedule.as_ref().map(Schedule::instant) else {
            return Ok(());
        };
        let told = local(at.instant, &self.spec);
        if at.instant <= self.now {
            return Err(Refused::Past(told));
        }
        match opening(&self.config.windows, at.instant) {
            Opening::Open => Ok(()),
            Opening::Closed { why, .. } => Err(Refused::Closed { at: told, why }),
        }
    }

    /// Sees to it that it is another request than any that is over, and that what a run applied
    /// before isn't taken for done: under the same number it would be left out.
    pub async fn asked_anew(&mut self, desk: &mut Desk) -> Result<(), Refused> {
        let name = self.job.name.as_str();
        let memory = desk.state.memory(name).await?.memory;
        let is_new = self.spec != self.job.spec;
        let mut is_over = desk.state.ended(name, &self.spec.request_hash()).await?.is_some();
        if !is_new && !is_over {
            return Err(Refused::NothingNew);
        }
        let has_applied = memory.runs.iter().any(|run| run.applied > 0);
        let mut tries = 0;
        while is_over || (has_applied && self.spec.request == self.job.spec.request) {
            self.spec.request = self.spec.request.saturating_add(1);
            is_over = desk.state.ended(name, &self.spec.request_hash()).await?.is_some();
            tries += 1;
            if tries > MOST_REQUESTS {
                return Err(Refused::NothingNew);
            }
        }
        let asked = memory.suspended.filter(|it| it.until.is_none_or(|end| self.now < end));
        self.suspended = match asked {
            Some(asked) => Some(asked.reason),
            None => words::suspended(&self.spec, self.now),
        };
        Ok(())
    }

    /// Commits it, and reads the manifests of that commit as the daemon will.
    pub async fn draft(self, by: &str) -> Result<Draft, Refused> {
        let mut mirror = Mirror::new(&self.git, &self.config.state_directory);
        (mirror.patience, mirror.remote_time_limit) = (PATIENCE, REMOTE_TIME_LIMIT);
        let edited = self.edited(&mirror).await?;
        let edit =
            git::Edit { base: &self.base, path: &self.job.origin.path, text: edited.as_str() };
        let committer = Identity { name: "reconcile".into(), email: self.config.own_address() };
        let commit_words =
            Words { message: words::message(&self, by), author: author(by), committer };
        let commit = mirror.draft(&edit, &commit_words).await?;
        self.check(&mirror, &commit).await?;
        let unsigned = mirror.first_unsigned(Some(&self.base), &commit).await?;
        Ok(Draft { proposal: self, mirror, commit, unsigned })
    }

    /// The job's file as it is in the commit, with what was ticked.
    async fn edited(&self, mirror: &Mirror) -> Result<String, Refused> {
        let gone = || Refused::Gone(self.base.clone());
        if !mirror.repository().has(&self.base).await? {
            return Err(gone());
        }
        let bytes = mirror.repository().file(&self.base, &self.job.origin.path).await?;
        let text = String::from_utf8(bytes.ok_or_else(gone)?).map_err(|_| gone())?;
        let (new, old) = (&self.spec, &self.job.spec);
        let time = match &new.schedule {
            Some(Schedule { at: Some(at), time_zone, .. }) => {
                Time::At { at: at.clone(), time_zone: time_zone.clone() }
            }
            _ => Time::AsSoonAsApproved,
        };
        let wanted = Edit {
            approved: new.approved.clone(),
            time: (new.schedule != old.schedule).then_some(time),
            dry_run: (new.dry_run != old.dry_run).then_some(new.dry_run),
            request: (new.request != old.request).then_some(new.request),
        };
        let job = self.job.name.clone();
        let edited = apart(move || edit(&text, &job, wanted)).await?;
        match edited.len() <= MAX_BYTES {
            true => Ok(edited),
            false => Err(Refused::TooLarge(edited.len())),
        }
    }

    /// Whether the manifests of the commit are fine as far as the job goes, and say what was asked for.
    async fn check(&self, mirror: &Mirror, commit: &Commit) -> Result<(), Refused> {
        let mut manifests = mirror.repository().manifests(commit, &self.git.path).await?;
        let config = Arc::clone(&self.config);
        let manifests = apart(move || {
            let found = validate_by(&config, &manifests, &BTreeMap::new());
            manifests.add_problems(found);
            manifests
        });
        let manifests = manifests.await;
        let problems = problems(&manifests, &self.job.name);
        if !problems.is_empty() {
            return Err(Refused::Invalid(problems));
        }
        let read = manifests.jobs.get(&self.job.name).map(|job| &job.spec);
        if read == Some(&self.spec) { Ok(()) } else { Err(Refused::Otherwise) }
    }

    /// A name of its own for each, and others where it is taken. Where a branch is called `reconcile`,
    /// git has no room for any below it.
    fn names(&self) -> Vec<String> {
        let job = &self.job.name;
        let time = self.now.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S").to_string();
        let first = format!("reconcile/{job}-{time}");
        let numbered = (2..5).map(|number| format!("reconcile/{job}-{time}-{number}"));
        let flat = format!("reconcile-{job}-{time}");
        std::iter::once(first.clone()).chain(numbered).chain([flat]).collect()
    }
}

impl Draft {
    /// Pushes it as a branch of its own. Until then nobody but the daemon's clone has it.
    pub async fn push(self) -> Result<Scheduled, Refused> {
        let Self { proposal, mut mirror, commit, unsigned } = self;
        let proposed = mirror.propose(commit, &proposal.names()).await.map_err(Refused::of_push)?;
        let Proposal { git, .. } = &proposal;
        Ok(Scheduled {
            into: git.branch.clone(),
            sentences: words::sentences(&proposal),
            warnings: words::warnings(&proposal, unsigned.as_ref()),
            commands: words::commands(&proposal, &proposed.branch),
            pull_request: forge::pull_request(git.url.expose(), &proposed.branch, &git.branch),
            proposed,
        })
    }
}

/// Where it keeps nobody else waiting: what is ticked and what manifests hold may be large.
pub async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Pins in the place of `all`, or of IDs that go without, would leave out what comes later.
pub fn approves_whatever(spec: &SyncJobSpec) -> bool {
    let mut lists = spec.approved.values().flat_map(Approvals::classes);
    let is_refresh = spec.direction == Some(Direction::ProdToTest);
    lists.any(|(_, list)| {
        list.iter().any(|entry| match entry {
            Approval::All => true,
            Approval::Id(_) => is_refresh,
            Approval::AllOfPlan(_) | Approval::Pinned { .. } => false,
        })
    })
}

/// Errors of a job and of what it selects.
fn problems(manifests: &Manifests, job: &str) -> Vec<String> {
    manifests.problems_of_job(job).iter().map(|problem| problem.one_line()).collect()
}

/// Whether the plan is the one that was shown, and the job's.
fn check_plan(job: &SyncJob, plan: &Plan, wish: &Wish) -> Result<(), Refused> {
    let is_of = |plan: &Plan| {
        job.spec.direction.is_none_or(|direction| direction == plan.direction)
            && job.spec.mode.is_none_or(|mode| mode == plan.mode)
    };
    if plan.digest != wish.digest || plan.job != job.name || !is_of(plan) {
        return Err(Refused::AnotherPlan);
    }
    if wish.basis.as_ref().is_some_and(|basis| *basis != job.spec.request_hash()) {
        return Err(Refused::AnotherManifest);
    }
    if plan.counts_only {
        return Err(Refused::CountsOnly);
    }
    Ok(())
}

/// The same entries, in whatever order.
fn same(one: &BTreeMap<String, Approvals>, other: &BTreeMap<String, Approvals>) -> bool {
    fn entries(
        approved: &BTreeMap<String, Approvals>,
    ) -> BTreeSet<(&str, &'static str, &Approval)> {
        let all = approved.iter().flat_map(|(table, approvals)| {
            let classes = approvals.classes().into_iter();
            classes.flat_map(move |(class, list)| {
                list.iter().map(move |entry| (table.as_str(), class, entry))
            })
        });
        all.collect()
    }
    entries(one) == entries(other)
}

/// People are called by their git addresses. Of another name no address is made up: whoever bears it
/// may be somebody else.
fn author(name: &str) -> Identity {
    let person = name.split_once('@').map_or(name, |(person, _)| person);
    let person = if person.is_empty() { name } else { person };
    Identity { name: person.to_owned(), email: name.to_owned() }
}
