//! What was selected of a plan, as a run takes it: records to compare again, entries to write, files to
//! copy.
//!
//! Answers for nothing being carried out whose pin doesn't hold any more inside the writing transaction.

use std::collections::{BTreeMap, BTreeSet};

use super::decision::{Decision, with_needs};
use super::open::{Opened, Part};
use super::report::{Refusal, RefusalKind};
use crate::apply::Approved;
use crate::apply::ledger::AppliedEntry;
use crate::compare::Comparison;
use crate::compare::scan::Candidates;
use crate::plan::change::{Change, Plan};
use crate::plan::file::{FileChange, FilePath};

/// The approved records and files with everything they need, to be compared again.
pub(super) fn part(
    opened: &Opened,
    plan: &Plan,
    comparison: &Comparison,
    decision: &Decision,
) -> Part {
    let (mut records, mut files) = (Candidates::default(), BTreeSet::new());
    for at in with_needs(plan, &decision.selected) {
        if let Some(file) = file(comparison, at) {
            files.insert(file.path.clone());
            continue;
        }
        let draft = &comparison.entries[at].draft;
        if draft.source.is_some() {
            records.source.entry(draft.root).or_default().insert(draft.id.clone());
        } else {
            records.target.entry(draft.root).or_default().insert(draft.id.clone());
        }
    }
    debug_assert!(records.source.keys().all(|root| opened.model.roots.contains(root)));
    Part::Only { records, files }
}

/// The file that a change of the plan is about; none: it is about a record.
fn file(comparison: &Comparison, at: usize) -> Option<&FileChange> {
    comparison.files.get(at.checked_sub(comparison.entries.len())?)
}

/// The files that a run changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ChosenFiles {
    /// Approved by name, or brought by records.
    pub changes: Vec<FileChange>,
    /// Those approved by name.
    pub approved: Vec<AppliedEntry>,
}

impl ChosenFiles {
    pub(super) fn of(plan: &Plan, comparison: &Comparison, decision: &Decision) -> Self {
        let mut changes: BTreeMap<&FilePath, FileChange> = BTreeMap::new();
        let mut approved = Vec::new();
        for (at, answer) in &decision.selected {
            if let Some(file) = file(comparison, *at) {
                changes.insert(&file.path, file.clone());
                approved.push(entry(&plan.changes[*at]));
                continue;
            }
            let choice = comparison.entries[*at].choice(*answer);
            for file in choice.iter().flat_map(|choice| &choice.files) {
                let (path, before, after) = (file.path.clone(), file.from, Some(file.to));
                changes.insert(&file.path, FileChange { path, before, after });
            }
        }
        Self { changes: changes.into_values().collect(), approved }
    }
}

fn entry(change: &Change) -> AppliedEntry {
    AppliedEntry {
        table: change.table.clone(),
        id: change.id.clone(),
        class: change.class,
        answer: None,
        pin: change.bare_pin().to_owned(),
        target_id: change.id.clone(),
    }
}

/// The approved records that stand in the plan, as they are written.
pub(super) fn records<'c>(
    plan: &Plan,
    comparison: &'c Comparison,
    decision: &Decision,
) -> Vec<Approved<'c>> {
    let selected = decision.selected.iter().filter_map(|(at, answer)| {
        let entry = comparison.entries.get(*at)?;
        Some(Approved { entry, answer: *answer, pin: plan.changes[*at].bare_pin().to_owned() })
    });
    selected.collect()
}

/// What was decided, by the places that it has in a plan that was made again.
///
/// # Errors
/// Whatever isn't as it was approved.
pub(super) fn decided_again(
    (plan, decision): (&Plan, &Decision),
    (now, comparison): (&Plan, &Comparison),
) -> Result<Decision, Refusal> {
    let places: BTreeMap<(&str, &str), usize> = now
        .changes
        .iter()
        .enumerate()
        .map(|(at, change)| ((change.table.as_str(), change.id.as_str()), at))
        .collect();
    let place = |at: usize| {
        let change = &plan.changes[at];
        places.get(&(change.table.as_str(), change.id.as_str())).copied()
    };
    let all: BTreeSet<usize> = decision.selected.iter().filter_map(|(at, _)| place(*at)).collect();
    let (mut selected, mut reasons) = (Vec::new(), Vec::new());
    for (at, answer) in &decision.selected {
        let change = &plan.changes[*at];
        // The pin covers the record or file; what it needs may have changed as well.
        let stands = |at: &usize| {
            let needs_are_there = match comparison.entries.get(*at) {
                Some(entry) => {
                    entry.choice(*answer).is_some_and(|choice| choice.needs.is_subset(&all))
                }
                None => true,
            };
            now.changes[*at].pin == change.pin && needs_are_there
        };
        match place(*at).filter(stands) {
            Some(now) => selected.push((now, *answer)),
            None => {
                reasons.push(format!("{}/{} changed while the run began", change.table, change.id));
            }
        }
    }
    match reasons.is_empty() {
        true => Ok(Decision { selected, ..Decision::default() }),
        false => Err(Refusal { kind: RefusalKind::Stale, reasons }),
    }
}
