//! Which approved changes need others that aren't approved.
//!
//! Answers for naming what is missing, for adding it, and for what stays behind with a stale
//! record. Pure, over the dependencies that the plan lists.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::approval::{Approved, Selected, Stale, name};
use super::change::{Class, Plan};
use crate::escape::visible_name;

/// An approved change that can't be applied without another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{} is approved but needs {}, which is neither approved nor on the target; approve it too, or use --with-dependencies", visible_name(.name), visible_name(.needs))]
pub struct Dependency {
    /// `table/ID` of the approved change.
    pub name: String,
    /// `table/ID` of what it needs.
    pub needs: String,
}

/// Every direct dependency of a selected change that is neither selected nor done. `done` holds
/// `table/ID`.
pub fn missing_dependencies(
    plan: &Plan,
    selected: &[(usize, Selected)],
    done: &[String],
) -> Vec<Dependency> {
    let mut there: BTreeSet<String> = done.iter().cloned().collect();
    there.extend(selected.iter().map(|(at, _)| name(&plan.changes[*at])));
    let mut missing = Vec::new();
    for (at, selected) in selected {
        let change = &plan.changes[*at];
        let needs = change.needs(selected.answer());
        for needs in needs.filter(|needs| !there.contains(*needs)) {
            missing.push(Dependency { name: name(change), needs: needs.clone() });
        }
    }
    missing
}

/// A selection with everything it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    pub selected: Vec<(usize, Selected)>,
    /// What was added, as indexes into the plan's changes.
    pub added: Vec<usize>,
    /// Dependencies that can't simply be added: conflicts, which want an answer, and names that the
    /// plan doesn't hold.
    pub unanswered: Vec<Dependency>,
}

/// Adds whatever the selected changes need, and what that needs in turn.
pub fn with_dependencies(plan: &Plan, selected: &[(usize, Selected)], done: &[String]) -> Closure {
    let places: HashMap<String, usize> =
        plan.changes.iter().enumerate().map(|(at, change)| (name(change), at)).collect();
    let mut all: BTreeMap<usize, Selected> = selected.iter().copied().collect();
    let mut waiting: Vec<usize> = all.keys().copied().collect();
    let (mut added, mut unanswered) = (BTreeSet::new(), Vec::new());
    while let Some(at) = waiting.pop() {
        let change = &plan.changes[at];
        let answer = all.get(&at).and_then(|selected| selected.answer());
        for needs in change.needs(answer).filter(|needs| !done.contains(needs)) {
            let place = places.get(needs).copied();
            match place.filter(|place| plan.changes[*place].class != Class::Conflict) {
                Some(place) if all.contains_key(&place) => {}
                Some(place) => {
                    all.insert(place, Selected::AsIs);
                    added.insert(place);
                    waiting.push(place);
                }
                None if place.is_some_and(|place| all.contains_key(&place)) => {}
                None => {
                    unanswered.push(Dependency { name: name(change), needs: needs.clone() });
                }
            }
        }
    }
    unanswered.sort_by(|a, b| (&a.name, &a.needs).cmp(&(&b.name, &b.needs)));
    Closure { selected: all.into_iter().collect(), added: added.into_iter().collect(), unanswered }
}

/// What `onStale: skip` leaves of the approvals.
#[derive(Debug, Clone, PartialEq)]
pub struct Skipped {
    pub selected: Vec<(usize, Selected)>,
    /// The records that moved.
    pub stale: Vec<Stale>,
    /// Approved changes left behind because they need one that is left behind.
    pub dependants: Vec<Dependency>,
}

/// Leaves the stale records, and everything that needs one of them, however far removed.
pub fn skip_stale(plan: &Plan, approved: Approved) -> Skipped {
    let mut left: BTreeSet<String> =
        approved.stale.iter().map(|stale| format!("{}/{}", stale.table, stale.id)).collect();
    let mut selected = approved.selected;
    let mut dependants = Vec::new();
    loop {
        let before = selected.len();
        selected.retain(|(at, chosen)| {
            let change = &plan.changes[*at];
            let mut needs = change.needs(chosen.answer());
            let Some(needs) = needs.find(|needs| left.contains(*needs)) else {
                return true;
            };
            dependants.push(Dependency { name: name(change), needs: needs.clone() });
            left.insert(name(change));
            false
        });
        if selected.len() == before {
            return Skipped { selected, stale: approved.stale, dependants };
        }
    }
}
