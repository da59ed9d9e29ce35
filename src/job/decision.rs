//! What of a plan a run would carry out: the job's approvals, limits and dependencies, as one pure
//! decision.
//!
//! Answers for refusing as a whole whatever isn't wholly approved. Whether it is time, and whether the
//! request was carried out before, is decided in `run.rs`.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Refusal, RefusalKind};
use crate::apply::ledger::RunRow;
use crate::config::Limits;
use crate::manifest::approval::{Approval, Approvals};
use crate::manifest::sync_job::{OnStale, SyncJobSpec};
use crate::plan::approval::{Approving, Missing, Selected, approve, name};
use crate::plan::approval_problem::Problem;
use crate::plan::change::{Answer, Class, Plan};
use crate::plan::dependency::{Dependency, missing_dependencies, skip_stale};
use crate::plan::file::is_file;

/// Everything that decides.
pub struct Question<'a> {
    pub spec: &'a SyncJobSpec,
    pub plan: &'a Plan,
    /// Committed runs of this job.
    pub runs: &'a [RunRow],
    /// Records that other jobs' approvals name, as `table/ID`.
    pub elsewhere: &'a BTreeSet<String>,
    /// Plans shown before, by the first 16 digits of their digests.
    pub stored: &'a BTreeMap<String, Plan>,
    pub limits: &'a Limits,
    /// Rows of the target's tables, where many deletions make them matter.
    pub rows: &'a BTreeMap<String, u64>,
    pub empty_sources: &'a [String],
}

/// What a run would carry out.
#[derive(Debug, Default, PartialEq)]
pub struct Decision {
    /// Indexes into the plan's changes.
    pub selected: Vec<(usize, Option<Answer>)>,
    /// Approved entries that are applied already, as `table/ID`.
    pub done: Vec<String>,
    pub skipped: Vec<String>,
}

/// Decides. A refusal names everything that stands against it, of the gravest kind.
pub fn decide(question: &Question<'_>) -> Result<Decision, Refusal> {
    let Question { spec, plan, .. } = question;
    let (approved, done_again) = without_done(question);
    let mut done: BTreeSet<String> = question.runs.iter().flat_map(done_entries).collect();
    // A bare ID is an entry as well.
    let applied = question.runs.iter().flat_map(|run| &run.applied);
    done.extend(applied.map(|entry| format!("{}/{}", entry.table, entry.id)));
    let mut found = approve(&Approving {
        plan,
        approved: &approved,
        done: &done,
        missing: Missing::of(spec),
        elsewhere: question.elsewhere,
        stored: question.stored,
    });
    unusable(&found.problems)?;
    let mut finished = std::mem::take(&mut found.done);
    finished.extend(done_again);
    finished.sort();
    finished.dedup();
    let mut skipped = Vec::new();
    let selected = match (found.stale.is_empty(), spec.on_stale) {
        (true, _) => found.selected,
        (false, OnStale::Refuse) => {
            let reasons = found.stale.iter().map(ToString::to_string).collect();
            return Err(Refusal { kind: RefusalKind::Stale, reasons });
        }
        (false, OnStale::Skip) => {
            let left = skip_stale(plan, found);
            skipped.extend(left.stale.iter().map(ToString::to_string));
            skipped.extend(left.dependants.iter().map(ToString::to_string));
            left.selected
        }
    };
    // What a plan says a change needs isn't on the target, so it is no help that a run applied it
    // before: somebody took it back.
    let missing = missing_dependencies(plan, &selected, &[]);
    if !missing.is_empty() {
        let reasons = missing.iter().map(|need| lacking(need, &finished)).collect();
        return Err(Refusal { kind: RefusalKind::CannotRun, reasons });
    }
    within_limits(question, &selected)?;
    let answer = |selected: Selected| match selected {
        Selected::AsIs => None,
        Selected::Answer(answer) => Some(answer),
    };
    let selected = selected.into_iter().map(|(at, how)| (at, answer(how))).collect();
    Ok(Decision { selected, done: finished, skipped })
}

/// Approving what was applied and taken back again would be of no use.
fn lacking(need: &Dependency, finished: &[String]) -> String {
    match finished.contains(&need.needs) {
        true => format!(
            "{} is approved but needs {}, which this job applied before and which isn't on the \
             target any more; ask again with another `request` number",
            need.name, need.needs
        ),
        false => need.to_string(),
    }
}

/// The approvals without what the same request number applied before: undoing a run doesn't arm its
/// entries again.
fn without_done(question: &Question<'_>) -> (BTreeMap<String, Approvals>, Vec<String>) {
    let asked = question.spec.request;
    let done: BTreeSet<String> =
        question.runs.iter().filter(|run| run.asked == asked).flat_map(done_entries).collect();
    let mut left = BTreeMap::new();
    let mut again = Vec::new();
    for (table, approvals) in &question.spec.approved {
        let mut approvals = approvals.clone();
        let Approvals { new, modified, deleted, overwrite, adopt, renumber } = &mut approvals;
        for list in [new, modified, deleted, overwrite, adopt, renumber] {
            list.retain(|entry| {
                let known = matches!(entry, Approval::Pinned { .. })
                    && done.contains(&format!("{table}/{entry}"));
                if let (true, Approval::Pinned { id, .. }) = (known, entry) {
                    again.push(format!("{table}/{id}"));
                }
                !known
            });
        }
        left.insert(table.clone(), approvals);
    }
    (left, again)
}

/// What a run applied, as `table/ENTRY` with the entry as it is written.
fn done_entries(run: &RunRow) -> impl Iterator<Item = String> + '_ {
    run.applied.iter().map(|entry| format!("{}/{}@{}", entry.table, entry.id, entry.pin))
}

fn unusable(problems: &[Problem]) -> Result<(), Refusal> {
    if problems.is_empty() {
        return Ok(());
    }
    let cannot =
        |problem: &Problem| matches!(problem, Problem::NotOffered { .. } | Problem::Unknown { .. });
    let kind = match problems.iter().all(cannot) {
        true => RefusalKind::CannotRun,
        false => RefusalKind::Unusable,
    };
    Err(Refusal { kind, reasons: problems.iter().map(ToString::to_string).collect() })
}

/// Deletions up to this many are never weighed against the table's size.
pub const FEW_DELETIONS: u64 = 10;

fn within_limits(question: &Question<'_>, selected: &[(usize, Selected)]) -> Result<(), Refusal> {
    let Limits {
        max_changes,
        max_deletes,
        max_delete_percent,
        max_late_minutes: _,
        max_file_megabytes: _,
    } = question.limits;
    let mut deletions: BTreeMap<&str, u64> = BTreeMap::new();
    for (at, _) in selected {
        let change = &question.plan.changes[*at];
        if change.class == Class::Deleted {
            *deletions.entry(&change.table).or_default() += 1;
        }
    }
    let (mut reasons, mut limits) = (Vec::new(), Vec::new());
    let changes = selected.len() as u64;
    if changes > *max_changes {
        limits.push(format!(
            "{changes} changes are approved, more than the {max_changes} of limits.maxChanges"
        ));
    }
    let all: u64 = deletions.values().sum();
    if all > *max_deletes {
        limits.push(format!(
            "{all} deletions are approved, more than the {max_deletes} of limits.maxDeletes"
        ));
    }
    for (table, count) in &deletions {
        if question.empty_sources.iter().any(|empty| empty == table) {
            reasons.push(match is_file(table) {
                false => format!(
                    "the source's {table} has no row at all, so nothing is deleted because of it; is it \
                     the right database?"
                ),
                true => format!(
                    "the source's {table} has no file at all, so nothing is deleted because of it; is \
                     it the right gallery?"
                ),
            });
        }
        let rows = question.rows.get(*table).copied().unwrap_or(u64::MAX);
        let what = if is_file(table) { "files" } else { "rows" };
        if *count > FEW_DELETIONS
            && count.saturating_mul(100) > rows.saturating_mul(*max_delete_percent)
        {
            limits.push(format!(
                "{count} of the {rows} {what} of {table} would be deleted, more than the \
                 {max_delete_percent} % of limits.maxDeletePercent"
            ));
        }
    }
    if !limits.is_empty() {
        reasons.extend(limits);
        reasons.push("limits stand in the operator's file".into());
    }
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(Refusal { kind: RefusalKind::Limit, reasons }),
    }
}

/// Tables of which more than a few records would be deleted: their size decides.
pub fn tables_to_count(plan: &Plan) -> BTreeSet<String> {
    let mut deletions: BTreeMap<&str, u64> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| change.class == Class::Deleted) {
        *deletions.entry(&change.table).or_default() += 1;
    }
    let many = deletions.into_iter().filter(|(_, count)| *count > FEW_DELETIONS);
    many.map(|(table, _)| table.to_owned()).collect()
}

/// The records that a job's approvals name, as `table/ID`.
pub fn named_records(approved: &BTreeMap<String, Approvals>) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (table, approvals) in approved {
        for (_, entries) in approvals.classes() {
            named.extend(entries.iter().filter_map(|entry| match entry {
                Approval::Id(id) | Approval::Pinned { id, .. } => Some(format!("{table}/{id}")),
                Approval::All | Approval::AllOfPlan(_) => None,
            }));
        }
    }
    named
}

/// The plans that entries `all@DIGEST` name, by the first 16 digits of their digests.
pub fn named_plans(approved: &BTreeMap<String, Approvals>) -> BTreeSet<String> {
    let entries = approved.values().flat_map(Approvals::classes).flat_map(|(_, entries)| entries);
    let digests = entries.filter_map(|entry| match entry {
        Approval::AllOfPlan(digest) => Some(digest.clone()),
        _ => None,
    });
    digests.collect()
}

/// The selected changes and everything they need, as indexes: what must be compared again before
/// writing.
pub fn with_needs(plan: &Plan, selected: &[(usize, Option<Answer>)]) -> BTreeSet<usize> {
    let places: BTreeMap<String, usize> =
        plan.changes.iter().enumerate().map(|(at, change)| (name(change), at)).collect();
    let mut all: BTreeSet<usize> = BTreeSet::new();
    let answers: BTreeMap<usize, Option<Answer>> = selected.iter().copied().collect();
    let mut open: Vec<usize> = answers.keys().copied().collect();
    while let Some(at) = open.pop() {
        if all.insert(at) {
            let needs = plan.changes[at].needs(answers.get(&at).copied().flatten());
            open.extend(needs.filter_map(|need| places.get(need)).copied());
        }
    }
    all
}
