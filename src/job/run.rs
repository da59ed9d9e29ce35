//! Carries a job as far as it goes in one pass: compare, decide, apply.
//!
//! Answers for a request being carried out once, for nothing being written outside PROD's instance,
//! and for pins being checked again inside the writing transaction.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::decision::{
    Decision, Question, decide, named_plans, named_records, tables_to_count, with_needs,
};
use super::lock::lock;
use super::open::{Basis, Opened, open, session};
use super::rehearsal::rehearsed;
use super::report::{Outcome, Refusal, RefusalKind, Report};
use super::{Context, Error};
use crate::apply::ledger::{Ledger, RunRow};
use crate::apply::{Approved, Ending, RunFacts, Stage, Watch, apply};

use crate::compare::scan::Candidates;

use crate::compare::{Comparison, Scope};
use crate::config::Environment;
use crate::database::{self, Access, Session};
use crate::manifest::SyncJob;
use crate::manifest::sync_job::{Selection, Suspend};
use crate::plan::change::Plan;
use crate::state::{Ended, Phase, State, keep_plan, kept_plans, random_word};

/// What the caller wants of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Apply what is approved and due.
    Apply,
    /// Compare and check only: no lock, state, result or file.
    DryRun,
}

/// A single pass that starts later than this after `at` has missed it.
const LATENESS: SignedDuration = SignedDuration::from_hours(24);

/// Attempts at one transaction while the database says that another one was in the way.
const ATTEMPTS: usize = 3;

/// Carries one job as far as it goes. Errors become [`Outcome::Failed`].
pub async fn pass(
    context: &Context<'_>,
    job: &SyncJob,
    wish: Wish,
    now: Timestamp,
    watch: &mut dyn Watch,
) -> Report {
    let mut report = Report {
        job: job.name.clone(),
        plan: None,
        outcome: Outcome::AwaitingApproval,
        left_out: left_out(context, job),
        skipped: Vec::new(),
    };
    report.outcome = match carry(context, job, wish, now, watch, &mut report).await {
        Ok(outcome) => outcome,
        Err(error) => failed(&error),
    };
    report
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
    wish: Wish,
    now: Timestamp,
    watch: &mut dyn Watch,
    report: &mut Report,
) -> Result<Outcome, Error> {
    if let Some(why) = suspended(job, now) {
        return Ok(Outcome::Suspended { why });
    }
    let request = job.spec.request_hash();
    let mut state = match wish {
        Wish::Apply => Some(State::open(context.config).await?),
        Wish::DryRun => None,
    };
    if let Some(state) = &mut state
        && let Some(ended) = state.ended(&job.name, &request).await?
    {
        return Ok(Outcome::Held(ended));
    }
    watch.begin(Stage::Comparing, 0);
    let mut opened = open(context, job).await?;
    if let Some(ended) = committed(&opened, &request) {
        return Ok(Outcome::Held(ended));
    }
    let (mut plan, comparison) =
        opened.plan(job, Scope::Everything, report.left_out.clone()).await?;
    watch.begin(Stage::Deciding, 0);
    let decided = decision(context, job, &mut opened, &plan, &comparison).await?;
    if let Ok(decision) = &decided {
        mark(&mut plan, decision);
    }
    if wish == Wish::Apply {
        keep_plan(context.config, &plan)?;
    }
    let plan: &Plan = report.plan.insert(plan);
    let decision = match decided {
        Ok(decision) => decision,
        Err(refusal) => return refuse(&mut state, job, &request, now, refusal).await,
    };
    report.skipped.clone_from(&decision.skipped);
    if decision.selected.is_empty() {
        return Ok(nothing_selected(plan, &decision));
    }
    if let Some(outcome) = due(job, &mut state, &request, now).await? {
        return Ok(outcome);
    }
    let Some(mut state) = state else {
        let (count, test_import) = (decision.selected.len(), job.spec.dry_run);
        return Ok(Outcome::WouldApply { count, test_import });
    };
    if let Some(refusal) = elsewhere(context) {
        return Ok(Outcome::Refused(refusal));
    }
    let facts = facts(context, job, &state, &opened, plan, now)?;
    let scope = scope(&opened, plan, &comparison, &decision);
    // Of many records this is much, and they are read again.
    drop(comparison);
    let applying = Applying { context, job, plan, scope, decision: &decision };
    let outcome = applying.run(opened, facts, watch).await;
    let remembered = remember(&mut state, job, &request, now, &outcome).await;
    noted(remembered, outcome, &mut report.left_out)
}

/// How a run ended whose end may not be noted.
fn noted(
    remembered: Result<(), Error>,
    outcome: Result<Outcome, Error>,
    left_out: &mut Vec<String>,
) -> Result<Outcome, Error> {
    match (remembered, outcome) {
        // The run is committed: its ledger row holds the request from now on.
        (Err(error), Ok(applied @ Outcome::Applied { .. })) => {
            left_out.push(format!("the run's end isn't noted in the state store: {error}"));
            Ok(applied)
        }
        (Err(error), Ok(_)) => Err(error),
        (_, outcome) => outcome,
    }
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

fn suspended(job: &SyncJob, now: Timestamp) -> Option<String> {
    if !job.spec.suspend.holds_at(now, job.spec.schedule.as_ref()) {
        return None;
    }
    Some(match &job.spec.suspend {
        Suspend::Because { reason, until: Some(until) } => format!("{reason} (until {until})"),
        Suspend::Because { reason, until: None } => reason.clone(),
        Suspend::Yes | Suspend::No => "the manifest says `suspend: true`".into(),
    })
}

/// What a run of this job leaves out, since it isn't built yet.
fn left_out(context: &Context<'_>, job: &SyncJob) -> Vec<String> {
    let mut left = Vec::new();
    match &job.spec.gallery_folders {
        Some(Selection::All) => {
            left.push("gallery folders aren't copied: not yet supported".into());
        }
        Some(Selection::Names(names)) if !names.is_empty() => left.push(format!(
            "the gallery folders {} aren't copied: not yet supported",
            names.join(", ")
        )),
        _ => {}
    }
    for name in context.selected(job) {
        let records = &context.manifests.modules[&name].spec.records;
        if records.iter().any(|record| !record.republish.is_empty()) {
            left.push(format!("records of {name} aren't republished: not yet supported"));
        }
        if records.iter().any(|record| !record.files.is_empty()) {
            left.push(format!(
                "files that records of {name} name aren't copied: not yet supported"
            ));
        }
    }
    if !job.spec.notify.is_empty() {
        left.push("nobody is notified by mail: not yet supported".into());
    }
    left
}

/// The ledger knows the request: it was committed, whatever the state store says.
fn committed(opened: &Opened, request: &str) -> Option<Ended> {
    let run = opened.runs.iter().find(|run| run.request == request)?;
    Some(Ended {
        phase: Phase::Succeeded,
        run: run.run.clone(),
        why: format!("run {} is committed", run.run),
        at: run.started_at.clone(),
    })
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

/// A refusal ends the request: the same approvals wouldn't fare better. What a limit or another
/// installation refuses may be mended without a new approval.
async fn refuse(
    state: &mut Option<State>,
    job: &SyncJob,
    request: &str,
    now: Timestamp,
    refusal: Refusal,
) -> Result<Outcome, Error> {
    if let (Some(state), RefusalKind::Stale) = (state, refusal.kind) {
        let ended = Ended {
            phase: Phase::Stale,
            run: String::new(),
            why: refusal.reasons.join("; "),
            at: now.to_string(),
        };
        state.end(&job.name, request, &ended).await?;
    }
    Ok(Outcome::Refused(refusal))
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

/// Whether the job's time has come; an outcome where it hasn't or has passed.
async fn due(
    job: &SyncJob,
    state: &mut Option<State>,
    request: &str,
    now: Timestamp,
) -> Result<Option<Outcome>, Error> {
    let Some(schedule) = &job.spec.schedule else { return Ok(None) };
    if schedule.cron.is_some() {
        let why = "cron schedules are carried out by the daemon, which is not yet built".into();
        return Ok(Some(Outcome::Suspended { why }));
    }
    let Ok(Some(resolved)) = schedule.instant() else { return Ok(None) };
    if now < resolved.instant {
        return Ok(Some(Outcome::Scheduled { at: resolved.instant }));
    }
    if now.duration_since(resolved.instant) <= LATENESS {
        return Ok(None);
    }
    let why = format!(
        "it was due at {} and is now {}, more than 24 hours later; set a new time",
        resolved.instant, now
    );
    if let Some(state) = state {
        let phase = Phase::Missed;
        let ended = Ended { phase, run: String::new(), why: why.clone(), at: now.to_string() };
        state.end(&job.name, request, &ended).await?;
    }
    Ok(Some(Outcome::Refused(Refusal { kind: RefusalKind::Missed, reasons: vec![why] })))
}

fn facts(
    context: &Context<'_>,
    job: &SyncJob,
    state: &State,
    opened: &Opened,
    plan: &Plan,
    now: Timestamp,
) -> Result<RunFacts, Error> {
    let modules = context.config.modules.iter();
    let row = RunRow {
        run: format!("{}-{}", now.strftime("%Y%m%d-%H%M%S"), random_word(6)),
        installation: state.installation()?,
        job: job.name.clone(),
        request: job.spec.request_hash(),
        plan_digest: plan.digest.clone(),
        direction: opened.direction,
        mode: opened.mode,
        undo: match &opened.basis {
            Basis::Images { run, .. } => Some(run.clone()),
            Basis::Source { .. } => None,
        },
        started_at: now.to_string(),
        asked: job.spec.request,
        fence: 0,
        carried: opened.carried.clone(),
        applied: Vec::new(),
    };
    let after_write =
        modules.map(|(name, module)| (name.clone(), module.after_write.clone())).collect();
    Ok(RunFacts { row, after_write })
}

/// Remembers how the request ended. An error that may pass leaves it open.
async fn remember(
    state: &mut State,
    job: &SyncJob,
    request: &str,
    now: Timestamp,
    outcome: &Result<Outcome, Error>,
) -> Result<(), Error> {
    let (phase, run, why) = match outcome {
        Ok(Outcome::Applied { run, .. }) => {
            (Phase::Succeeded, run.clone(), format!("run {run} is committed"))
        }
        Ok(Outcome::TestImport { run, .. }) => (
            Phase::Succeeded,
            run.clone(),
            format!("test import {run} went through, nothing was saved"),
        ),
        Ok(Outcome::Refused(refusal)) if refusal.kind == RefusalKind::Stale => {
            (Phase::Stale, String::new(), refusal.reasons.join("; "))
        }
        Err(error) if !is_passing(error) => (Phase::Failed, String::new(), error.to_string()),
        _ => return Ok(()),
    };
    let ended = Ended { phase, run, why, at: now.to_string() };
    Ok(state.end(&job.name, request, &ended).await?)
}

/// Errors that say nothing about the request itself: the same one may succeed later.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::State(_)
        | Error::Apply(crate::apply::Error::Interrupted | crate::apply::Error::NoLedger { .. }) => {
            true
        }
        error => error.database().is_some_and(database::Error::is_passing),
    }
}

/// Nobody knows whether the run is committed.
fn leaves_doubt(error: &Error) -> bool {
    matches!(error.database(), Some(database::Error::CommitUnknown { .. }))
}

/// Another session was in the way; nothing is committed.
fn may_go_better(error: &Error) -> bool {
    error.database().is_some_and(database::Error::is_retryable)
}

/// The approved records with everything they need, to be compared again.
fn scope(opened: &Opened, plan: &Plan, comparison: &Comparison, decision: &Decision) -> Candidates {
    let mut candidates = Candidates::default();
    for at in with_needs(plan, &decision.selected) {
        let draft = &comparison.entries[at].draft;
        if draft.source.is_some() {
            candidates.source.entry(draft.root).or_default().insert(draft.id.clone());
        } else {
            candidates.target.entry(draft.root).or_default().insert(draft.id.clone());
        }
    }
    debug_assert!(candidates.source.keys().all(|root| opened.model.roots.contains(root)));
    candidates
}

/// An approved run with everything that was decided about it.
struct Applying<'a> {
    context: &'a Context<'a>,
    job: &'a SyncJob,
    plan: &'a Plan,
    /// The approved records with everything they need.
    scope: Candidates,
    decision: &'a Decision,
}

impl Applying<'_> {
    async fn run(
        &self,
        mut opened: Opened,
        mut facts: RunFacts,
        watch: &mut dyn Watch,
    ) -> Result<Outcome, Error> {
        let target = opened.target_environment();
        let writer = session(self.context, target, Access::Write).await?;
        watch.writing(writer.cancel_handle())?;
        // The reading session is closed first: on SQLite it would hold up the commit.
        std::mem::replace(&mut opened.sides.target, writer).close().await?;
        Ledger::default().create(&mut opened.sides.target).await?;
        let mut attempt = 1;
        loop {
            let result = self.attempt(&mut opened, &mut facts, watch).await;
            match result {
                Err(error) if watch.is_stopped() && !leaves_doubt(&error) => {
                    return Err(crate::apply::Error::Interrupted.into());
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
        watch: &mut dyn Watch,
    ) -> Result<Outcome, Error> {
        let ledger = Ledger::default();
        opened.sides.target.begin().await?;
        facts.row.fence = ledger.raise_fence(&mut opened.sides.target).await?;
        if let Some(run) = self.raced(&mut opened.sides.target, &ledger, facts).await? {
            opened.sides.target.rollback().await?;
            return Ok(Outcome::Held(run));
        }
        opened.read_pairs().await?;
        watch.begin(Stage::ComparingAgain, self.decision.selected.len());
        let scope = Scope::Only(self.scope.clone());
        let (plan, comparison) = opened.plan(self.job, scope, Vec::new()).await?;
        let approved = match self.approved(&plan, &comparison) {
            Ok(approved) => approved,
            Err(refusal) => {
                opened.sides.target.rollback().await?;
                return Ok(Outcome::Refused(refusal));
            }
        };
        // Of many records this is much, and their pins are held.
        drop(plan);
        watch.begin(Stage::Locking, approved.len());
        lock(opened, &approved).await?;
        let ending = if self.job.spec.dry_run { Ending::RollBack } else { Ending::Commit };
        let Opened { sides, model, .. } = opened;
        let applied = apply(sides, model, facts, &approved, ending, watch).await?;
        let run = facts.row.run.clone();
        Ok(match ending {
            Ending::Commit => Outcome::Applied { run, applied },
            Ending::RollBack => Outcome::TestImport { run, applied },
        })
    }

    /// Another process carried the request out since it was looked up.
    async fn raced(
        &self,
        target: &mut Session,
        ledger: &Ledger,
        facts: &RunFacts,
    ) -> Result<Option<Ended>, Error> {
        let runs = ledger.runs_of(target, &self.job.name).await?;
        Ok(runs.into_iter().find(|run| run.request == facts.row.request).map(|run| Ended {
            phase: Phase::Succeeded,
            why: format!("run {} is committed", run.run),
            at: run.started_at,
            run: run.run,
        }))
    }

    /// The approved entries as they stand inside the transaction, with their pins.
    fn approved<'c>(
        &self,
        plan: &Plan,
        comparison: &'c Comparison,
    ) -> Result<Vec<Approved<'c>>, Refusal> {
        let places: BTreeMap<(&str, &str), usize> = plan
            .changes
            .iter()
            .enumerate()
            .map(|(at, change)| ((change.table.as_str(), change.id.as_str()), at))
            .collect();
        let place = |at: usize| {
            let change = &self.plan.changes[at];
            places.get(&(change.table.as_str(), change.id.as_str())).copied()
        };
        let selected: BTreeSet<usize> =
            self.decision.selected.iter().filter_map(|(at, _)| place(*at)).collect();
        let mut approved = Vec::new();
        let mut reasons = Vec::new();
        for (at, answer) in &self.decision.selected {
            let change = &self.plan.changes[*at];
            // The pin covers the record; what it needs may have changed as well.
            let stands = |now: &usize| {
                let choice = comparison.entries[*now].choice(*answer);
                plan.changes[*now].pin == change.pin
                    && choice.is_some_and(|choice| choice.needs.is_subset(&selected))
            };
            match place(*at).filter(stands) {
                Some(now) => {
                    let (entry, pin) = (&comparison.entries[now], change.bare_pin().to_owned());
                    approved.push(Approved { entry, answer: *answer, pin });
                }
                None => reasons
                    .push(format!("{}/{} changed while the run began", change.table, change.id)),
            }
        }
        match reasons.is_empty() {
            true => Ok(approved),
            false => Err(Refusal { kind: RefusalKind::Stale, reasons }),
        }
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
