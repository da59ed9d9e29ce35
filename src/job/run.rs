//! Carries a job as far as it goes in one pass: compare, decide, apply.
//!
//! Answers for a request that the ledger holds not being carried out again, for nothing being written
//! outside PROD's instance, and for pins being checked again inside the writing transaction. Whether it
//! is time is decided before, in `daemon::decide`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::chosen::{self, ChosenFiles};
use super::clocks::Clock;
use super::decision::{Decision, Question, decide, named_plans, named_records, tables_to_count};
use super::files;
use super::lock::lock;
use super::open::{Basis, Opened, Part, open, session};
use super::rehearsal::rehearsed;
use super::report::{Outcome, Refusal, RefusalKind, Report};
use super::{Context, Error, publishing, space};
use crate::apply::files::Files;
use crate::apply::ledger::{Ledger, RunRow};
use crate::apply::work::files_to_change;
use crate::apply::{self, Ending, Error as ApplyError, RunFacts, Stage, Term, Watch, apply};
use crate::compare::Comparison;
use crate::compare::remaining::remaining;
use crate::config::{Environment, environments};
use crate::database::{self, Access, Session};
use crate::manifest::SyncJob;
use crate::plan::change::Plan;
use crate::plan::file::is_file;
use crate::state::{End, Ended, keep_plan, kept_plans, random_word};

/// What the caller wants of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Apply what is approved and due.
    Apply,
    /// Compare and check only: no lock, state, result or file.
    DryRun,
}

/// What is to be done about a job in one pass, as it was decided before.
#[derive(Debug)]
pub struct Order<'a> {
    pub wish: Wish,
    /// The request or occurrence that is carried out: the ledger holds it once.
    pub key: &'a str,
    /// What becomes of the job instead of a run, since its time hasn't come.
    pub instead: Option<Outcome>,
    /// What the run will be called.
    pub run: &'a str,
    /// The name of this installation; a dry run leaves it unused.
    pub installation: &'a str,
    /// The lease it runs under, where leases can be lost.
    pub term: Option<&'a Term>,
    pub now: Timestamp,
}

/// A name for a run: the second it began, UTC, and a word that no other run draws.
pub fn run_name(now: Timestamp) -> String {
    format!("{}-{}", now.strftime("%Y%m%d-%H%M%S"), random_word(6))
}

/// Attempts at one transaction while the database says that another one was in the way.
const ATTEMPTS: usize = 3;

/// Carries one job as far as it goes. Errors become [`Outcome::Failed`].
pub async fn pass(
    context: &Context<'_>,
    job: &SyncJob,
    order: Order<'_>,
    watch: &mut dyn Watch,
) -> Report {
    let (now, wish) = (order.now, order.wish);
    let mut report = Report {
        left_out: publishing::left_out(context, job).into_iter().collect(),
        ..Report::new(&job.name, Outcome::AwaitingApproval)
    };
    match Box::pin(carry(context, job, order, watch, &mut report)).await {
        Ok(outcome) => {
            report.ended = ended(&outcome, now);
            report.outcome = outcome;
            if wish == Wish::Apply {
                finish_files(context, &mut report).await;
                publish(context, job, &mut report, watch).await;
            }
        }
        Err(error) => {
            let lasting = || Ended {
                phase: End::Failed,
                run: String::new(),
                why: error.to_string(),
                at: now.to_string(),
            };
            report.ended = (!is_passing(&error)).then(lasting);
            report.later_lease = error.later_lease();
            report.outcome = failed(&error);
        }
    }
    report
}

/// Files that change only after a commit are changed at once, where that works.
async fn finish_files(context: &Context<'_>, report: &mut Report) {
    let is_applied = matches!(report.outcome, Outcome::Applied { .. });
    let applied = report.applied().filter(|_| is_applied || report.found.is_some());
    let Some(files) = applied.map(|applied| applied.files) else { return };
    let direction = match (&report.plan, &report.found) {
        (_, Some(found)) => found.direction,
        (Some(plan), None) => plan.direction,
        (None, None) => return,
    };
    let Some(filing) = files::to_come(context, direction, files) else { return };
    let filing = match is_applied {
        true => files::finish(context, filing.target).await,
        // The process that committed it may be at it.
        false => filing,
    };
    report.files_follow(Some(filing));
}

/// What a run touched follows it into the read stores at once, where that works; what another process
/// committed before, it may have published itself.
async fn publish(context: &Context<'_>, job: &SyncJob, report: &mut Report, watch: &mut dyn Watch) {
    let is_applied = matches!(report.outcome, Outcome::Applied { .. });
    let applied = report.plan.as_ref().filter(|_| is_applied).map(|plan| plan.direction);
    let found = report.found.as_ref().map(|found| found.direction);
    let Some(direction) = applied.or(found) else { return };
    let Some(attempt) = publishing::to_come(context, &job.name, direction) else { return };
    let attempt = match applied {
        Some(_) => {
            let what = (attempt.target, &attempt.resources);
            publishing::publish(context, what, 0, watch).await
        }
        None => attempt,
    };
    report.publishes(Some(attempt));
}

/// A commit without an answer is the one failure of which nobody can say that nothing was changed.
fn failed(error: &Error) -> Outcome {
    let text = error.to_string();
    match error.database() {
        Some(database::Error::CommitUnknown { .. }) => Outcome::Unknown { error: text },
        _ => Outcome::Failed { error: text },
    }
}

async fn carry(
    context: &Context<'_>,
    job: &SyncJob,
    order: Order<'_>,
    watch: &mut dyn Watch,
    report: &mut Report,
) -> Result<Outcome, Error> {
    watch.begin(Stage::Comparing, 0);
    let mut opened = open(context, job).await?;
    if let Some(row) = opened.runs.iter().find(|run| run.request == order.key) {
        return Ok(report.take_over(row.clone()));
    }
    let (mut plan, comparison) =
        opened.plan(job, Part::Everything, report.left_out.clone()).await?;
    watch.begin(Stage::Deciding, 0);
    let decided = decision(context, job, &mut opened, &plan, &comparison).await?;
    if let Ok(decision) = &decided {
        mark(&mut plan, decision);
    }
    if order.wish == Wish::Apply {
        keep_plan(context.config, &plan, &job.spec)?;
    }
    let plan: &Plan = report.plan.insert(plan);
    let decision = match decided {
        Ok(decision) => decision,
        Err(refusal) => return Ok(Outcome::Refused(refusal)),
    };
    report.skipped.clone_from(&decision.skipped);
    if decision.selected.is_empty() {
        return Ok(nothing_selected(plan, &decision));
    }
    if let Some(instead) = order.instead {
        return Ok(instead);
    }
    if order.wish == Wish::DryRun {
        let of_files = |at: usize| is_file(&plan.changes[at].table);
        let files = decision.selected.iter().filter(|(at, _)| of_files(*at)).count();
        let (records, test_import) = (decision.selected.len() - files, job.spec.dry_run);
        return Ok(Outcome::WouldApply { records, files, test_import });
    }
    if let Some(refusal) = elsewhere(context) {
        return Ok(Outcome::Refused(refusal));
    }
    let mut facts = facts(context, job, &order, &opened, plan);
    facts.row.left_out.clone_from(&report.left_out);
    facts.row.skipped.clone_from(&report.skipped);
    let part = chosen::part(&opened, plan, &comparison, &decision);
    let files = ChosenFiles::of(plan, &comparison, &decision);
    // Of many records this is much, and they are read again.
    drop(comparison);
    let applying = Applying { context, job, plan, part, files, decision: &decision };
    let outcome = match applying.run(opened, facts, watch).await? {
        Attempt::Over(outcome) => outcome,
        Attempt::Raced(row) => return Ok(report.take_over(*row)),
    };
    if let Outcome::Applied { applied, .. } = &outcome {
        let names = applied.entries.iter().map(|it| format!("{}/{}", it.table, it.id)).collect();
        // It is committed whatever becomes of this: a review that still shows what is done is refused by
        // its pins.
        let _ = keep_plan(context.config, &remaining(plan, &names), &job.spec);
    }
    Ok(outcome)
}

/// Only the installation on PROD applies.
fn elsewhere(context: &Context<'_>) -> Option<Refusal> {
    let instance = context.config.instance;
    let reason =
        || format!("this installation says `instance: {instance}`; only the one on PROD applies");
    (instance != Environment::Prod)
        .then(|| Refusal { kind: RefusalKind::Limit, reasons: vec![reason()] })
}

/// Marks in a plan what the job's approvals select now, for showing it. What stands against them is
/// said when the job runs.
pub async fn mark_approved(
    context: &Context<'_>,
    job: &SyncJob,
    opened: &mut Opened,
    plan: &mut Plan,
    comparison: &Comparison,
) -> Result<(), Error> {
    if let Ok(decision) = decision(context, job, opened, plan, comparison).await? {
        mark(plan, &decision);
    }
    Ok(())
}

fn mark(plan: &mut Plan, decision: &Decision) {
    plan.done.clone_from(&decision.done);
    for (at, _) in &decision.selected {
        plan.changes[*at].approved = true;
    }
}

async fn decision(
    context: &Context<'_>,
    job: &SyncJob,
    opened: &mut Opened,
    plan: &Plan,
    comparison: &Comparison,
) -> Result<Result<Decision, Refusal>, Error> {
    let mut rows = BTreeMap::new();
    for table in tables_to_count(plan) {
        if let Some(known) = opened.target_catalog.table(&table) {
            let count = opened.sides.target.count(known, &BTreeMap::new()).await?;
            rows.insert(table, count);
        }
    }
    rows.extend(comparison.target_files.clone());
    let mut named = named_plans(&job.spec.approved);
    named.retain(|digest| !plan.digest.starts_with(digest));
    let stored = kept_plans(context.config, &job.name, &named);
    let others = context.manifests.jobs.values().filter(|other| other.name != job.name);
    let elsewhere: BTreeSet<String> =
        others.flat_map(|other| named_records(&other.spec.approved)).collect();
    let decided = decide(&Question {
        spec: &job.spec,
        plan,
        runs: &opened.runs,
        elsewhere: &elsewhere,
        stored: &stored,
        limits: &context.config.limits,
        rows: &rows,
        empty_sources: &comparison.empty_sources,
    });
    drop(stored);
    match decided {
        Ok(decision) => rehearsed(opened, plan, comparison, decision).await,
        Err(refusal) => Ok(Err(refusal)),
    }
}

fn nothing_selected(plan: &Plan, decision: &Decision) -> Outcome {
    if plan.noop {
        let failed: Vec<&str> = plan.failed_modules.keys().map(String::as_str).collect();
        let why = if failed.is_empty() {
            "both sides are equal".into()
        } else {
            format!("all is equal but what couldn't be compared: {}", failed.join(", "))
        };
        return Outcome::NothingToDo { why };
    }
    if decision.done.is_empty() {
        return Outcome::AwaitingApproval;
    }
    Outcome::NothingToDo { why: "everything approved is applied already".into() }
}

fn facts(
    context: &Context<'_>,
    job: &SyncJob,
    order: &Order<'_>,
    opened: &Opened,
    plan: &Plan,
) -> RunFacts {
    let modules = context.config.modules.iter();
    let row = RunRow {
        run: order.run.to_owned(),
        installation: order.installation.to_owned(),
        job: job.name.clone(),
        request: order.key.to_owned(),
        plan_digest: plan.digest.clone(),
        direction: opened.direction,
        mode: opened.mode,
        undo: match &opened.basis {
            Basis::Images { run, .. } => Some(run.clone()),
            Basis::Source { .. } => None,
        },
        started_at: order.now.to_string(),
        asked: job.spec.request,
        fence: 0,
        carried: opened.carried.clone(),
        applied: Vec::new(),
        rows: [0; 3],
        files: [0; 3],
        left_out: Vec::new(),
        skipped: Vec::new(),
    };
    let after_write =
        modules.map(|(name, module)| (name.clone(), module.after_write.clone())).collect();
    RunFacts { row, after_write, term: order.term.cloned() }
}

/// How an outcome ends the request. What a limit or another installation refuses may be mended
/// without a new approval; a commit without an answer is looked up in the ledger.
fn ended(outcome: &Outcome, now: Timestamp) -> Option<Ended> {
    let (phase, run, why) = match outcome {
        Outcome::Held(ended) => return Some(ended.clone()),
        Outcome::Applied { run, .. } => {
            (End::Succeeded, run.clone(), format!("run {run} is committed"))
        }
        Outcome::TestImport { run, .. } => (
            End::Succeeded,
            run.clone(),
            format!("test import {run} went through, nothing was saved"),
        ),
        Outcome::Refused(refusal) if refusal.kind == RefusalKind::Stale => {
            (End::Stale, String::new(), refusal.reasons.join("; "))
        }
        _ => return None,
    };
    Some(Ended { phase, run, why, at: now.to_string() })
}

/// Errors that say nothing about the request itself: the same one may succeed later.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::State(_)
        | Error::Full(_)
        | Error::ClocksApart(_)
        | Error::Apply(
            ApplyError::Interrupted
            | ApplyError::NoLedger { .. }
            | ApplyError::LedgerVersion { .. }
            | ApplyError::Overtaken
            | ApplyError::Behind { .. }
            // Of the request nothing is known: the next attempt tells what stood against it.
            | ApplyError::NotTakenBack { .. },
        ) => true,
        Error::Gallery(error) | Error::Apply(ApplyError::Gallery(error)) => error.is_passing(),
        error => error.database().is_some_and(database::Error::is_passing),
    }
}

/// Both databases' clocks must go with this machine's.
async fn check_clocks(opened: &mut Opened) -> Result<(), Error> {
    let (from, to) = environments(opened.direction);
    // What a run wrote is taken back with its target alone.
    let from = if let Basis::Images { .. } = opened.basis { to } else { from };
    Clock::of(from, &mut opened.sides.source).await?.check()?;
    Ok(Clock::of(to, &mut opened.sides.target).await?.check()?)
}

/// Nobody knows whether the run is committed.
fn leaves_doubt(error: &Error) -> bool {
    matches!(error.database(), Some(database::Error::CommitUnknown { .. }))
}

/// Another session was in the way; nothing is committed.
fn may_go_better(error: &Error) -> bool {
    error.database().is_some_and(database::Error::is_retryable)
}

/// What one transaction led to.
enum Attempt {
    Over(Outcome),
    /// Another process carried the request out since it was looked up.
    Raced(Box<RunRow>),
}

/// An approved run with everything that was decided about it.
struct Applying<'a> {
    context: &'a Context<'a>,
    job: &'a SyncJob,
    plan: &'a Plan,
    /// What is approved, with everything it needs.
    part: Part,
    files: ChosenFiles,
    decision: &'a Decision,
}

/// What went wrong, and what is left in the gallery because of it.
fn not_taken_back(result: Result<Attempt, Error>, run: &str, left: &ApplyError) -> Error {
    let why = match result {
        Err(error) => error.to_string(),
        Ok(_) => "nothing was written".to_owned(),
    };
    let (run, left) = (run.to_owned(), left.to_string());
    ApplyError::NotTakenBack { why, run, left }.into()
}

impl Applying<'_> {
    async fn run(
        &self,
        mut opened: Opened,
        mut facts: RunFacts,
        watch: &mut dyn Watch,
    ) -> Result<Attempt, Error> {
        space::check(&self.context.config.state_directory)?;
        let target = opened.target_environment();
        let writer = session(self.context, target, Access::Write).await?;
        watch.writing(writer.cancel_handle())?;
        // The reading session is closed first: on SQLite it would hold up the commit.
        std::mem::replace(&mut opened.sides.target, writer).close().await?;
        check_clocks(&mut opened).await?;
        Ledger::default().create(&mut opened.sides.target).await?;
        let files = self.copied(&mut opened, &facts, watch).await?;
        let result = self.attempts(&mut opened, &mut facts, files.as_ref(), watch).await;
        let is_over = |result: &Result<Attempt, Error>| match result {
            Ok(Attempt::Over(Outcome::Applied { .. })) => false,
            Ok(_) => true,
            Err(error) => !leaves_doubt(error),
        };
        let Some(files) = files.filter(|_| !self.job.spec.dry_run && is_over(&result)) else {
            return result;
        };
        // Of a run that didn't come to its end nothing stays.
        match apply::files::take_back(&*files.target, &files.run).await {
            Ok(()) => result,
            Err(left) => Err(not_taken_back(result, &files.run, &left)),
        }
    }

    /// Copies the files beside the target's, once what earlier runs left to do is done. A test import
    /// reads them and writes nothing.
    async fn copied(
        &self,
        opened: &mut Opened,
        facts: &RunFacts,
        watch: &mut dyn Watch,
    ) -> Result<Option<Files>, Error> {
        let Some(galleries) = &opened.galleries else { return Ok(None) };
        let (target, origin) = (galleries.target(), galleries.origin());
        let (environment, sides) = (environments(opened.direction).1, &mut opened.sides);
        let is_undo = self.job.spec.undo.is_some();
        if !self.job.spec.dry_run
            && !is_undo
            && !files_to_change(&mut sides.target).await?.is_empty()
        {
            // What of it still can't be done is told by whoever began it. An undo takes it back instead.
            let finishing = apply::files::finish(&mut sides.target, &*target, environment);
            apply::files::awake(&mut [&mut sides.source], finishing).await??;
        }
        if self.files.changes.is_empty() {
            return Ok(None);
        }
        let ChosenFiles { changes, approved } = self.files.clone();
        let files = Files { target, origin, run: facts.row.run.clone(), changes, approved };
        let mut sessions = [&mut sides.source, &mut sides.target];
        match self.job.spec.dry_run {
            true => apply::files::awake(&mut sessions, files.rehearse(watch)).await??,
            false => apply::files::awake(&mut sessions, files.stage(watch)).await??,
        }
        Ok(Some(files))
    }

    /// Nothing else than was copied.
    fn same_files(
        &self,
        plan: &Plan,
        comparison: &Comparison,
        again: Decision,
    ) -> Result<Decision, Refusal> {
        match ChosenFiles::of(plan, comparison, &again).changes == self.files.changes {
            true => Ok(again),
            false => Err(Refusal {
                kind: RefusalKind::Stale,
                reasons: vec!["files of approved records changed while the run began".into()],
            }),
        }
    }

    async fn attempts(
        &self,
        opened: &mut Opened,
        facts: &mut RunFacts,
        files: Option<&Files>,
        watch: &mut dyn Watch,
    ) -> Result<Attempt, Error> {
        let mut attempt = 1;
        loop {
            let result = self.attempt(opened, facts, files, watch).await;
            match result {
                Err(error) if watch.is_stopped() && !leaves_doubt(&error) => {
                    return Err(ApplyError::Interrupted.into());
                }
                Err(error) if may_go_better(&error) && attempt < ATTEMPTS => {
                    attempt += 1;
                    opened.sides.target.rollback().await?;
                }
                other => return other,
            }
        }
    }

    /// One transaction: fence, compare again, pins, locks, writes.
    async fn attempt(
        &self,
        opened: &mut Opened,
        facts: &mut RunFacts,
        files: Option<&Files>,
        watch: &mut dyn Watch,
    ) -> Result<Attempt, Error> {
        let ledger = Ledger::default();
        opened.sides.target.begin().await?;
        facts.row.fence = ledger.raise_fence(&mut opened.sides.target, facts.term.as_ref()).await?;
        if let Some(row) = self.raced(&mut opened.sides.target, &ledger, facts).await? {
            opened.sides.target.rollback().await?;
            return Ok(Attempt::Raced(Box::new(row)));
        }
        opened.read_pairs().await?;
        watch.begin(Stage::ComparingAgain, self.decision.selected.len());
        let (plan, comparison) = opened.plan(self.job, self.part.clone(), Vec::new()).await?;
        let again = chosen::decided_again((self.plan, self.decision), (&plan, &comparison));
        let again = match again.and_then(|again| self.same_files(&plan, &comparison, again)) {
            Ok(again) => again,
            Err(refusal) => {
                opened.sides.target.rollback().await?;
                return Ok(Attempt::Over(Outcome::Refused(refusal)));
            }
        };
        let approved = chosen::records(&plan, &comparison, &again);
        // Of many records this is much, and their pins are held.
        drop(plan);
        watch.begin(Stage::Locking, approved.len());
        lock(opened, &approved).await?;
        let ending = if self.job.spec.dry_run { Ending::RollBack } else { Ending::Commit };
        let Opened { sides, model, .. } = opened;
        let applied = apply(sides, model, facts, (&approved, files), ending, watch).await?;
        let run = facts.row.run.clone();
        Ok(Attempt::Over(match ending {
            Ending::Commit => Outcome::Applied { run, applied },
            Ending::RollBack => Outcome::TestImport { run, applied },
        }))
    }

    /// Another process carried the request out since it was looked up.
    async fn raced(
        &self,
        target: &mut Session,
        ledger: &Ledger,
        facts: &RunFacts,
    ) -> Result<Option<RunRow>, Error> {
        let runs = ledger.runs_of(target, &self.job.name).await?;
        Ok(runs.into_iter().find(|run| run.request == facts.row.request))
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
