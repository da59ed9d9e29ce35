//! The approvals that somebody ticked on a page: exactly these changes of a plan, and no others.
//!
//! Answers for the entries that the manifest shall hold, for what the ticked ones still need and for what
//! they take the place of unseen. Pure; patterns are `amend`'s.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::amend::{ApprovalMap, Refusal, entries as entries_of, pin, unfit};
use super::approval::{Selected, is_writable, name};
use super::change::{Change, Plan};
use super::dependency::{Dependency, missing_dependencies};
use super::heading::Heading;
use crate::manifest::sync_job::Approval;

/// IDs of changes by table and by the heading that they are to stand under.
pub type Ticked = BTreeMap<String, BTreeMap<Heading, Vec<String>>>;

/// A list of more entries that holds all there are is written as `all@DIGEST`, and so is a shorter one
/// of which no manifest can name an entry.
const MOST_PINS: usize = 100;

/// What was ticked, as a manifest says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub approved: ApprovalMap,
    /// How many changes stand under each heading.
    pub counts: BTreeMap<String, BTreeMap<Heading, usize>>,
    /// `table/ID` of each.
    pub names: BTreeSet<String>,
    /// What the ticked changes need and nobody ticked.
    pub missing: Vec<Dependency>,
}

/// The approvals of what was ticked on a page that showed this plan.
pub fn choose(plan: &Plan, ticked: &Ticked) -> Result<Chosen, Vec<Refusal>> {
    let places = plan.changes.iter().enumerate();
    let places: HashMap<(&str, &str), usize> =
        places.map(|(at, it)| ((it.table.as_str(), it.id.as_str()), at)).collect();
    let (mut chosen, mut refused) = (BTreeMap::new(), Vec::new());
    for (table, heading, id) in entries(ticked) {
        let Some(&at) = places.get(&(table, id)) else {
            let (pattern, nearest) = (format!("{table}/{id}"), Vec::new());
            refused.push(Refusal::Unknown { heading, pattern, nearest });
            continue;
        };
        if !heading.fits(&plan.changes[at]) {
            refused.push(unfit(heading, &plan.changes[at]));
            continue;
        }
        let before = *chosen.entry(at).or_insert(heading);
        if before != heading {
            let (name, headings) = (name(&plan.changes[at]), [before, heading]);
            refused.push(Refusal::Contradiction { name, headings });
        }
    }
    let approved = approvals(plan, &chosen, &mut refused);
    if !refused.is_empty() {
        return Err(refused);
    }
    // As a run asks: what a change needs isn't on the target, whoever brought it there before.
    let selected: Vec<(usize, Selected)> =
        chosen.iter().map(|(at, heading)| (*at, selected(*heading))).collect();
    let missing = missing_dependencies(plan, &selected, &[]);
    let mut counts: BTreeMap<String, BTreeMap<Heading, usize>> = BTreeMap::new();
    for (at, heading) in &chosen {
        let table = counts.entry(plan.changes[*at].table.clone()).or_default();
        *table.entry(*heading).or_default() += 1;
    }
    let names = chosen.keys().map(|at| name(&plan.changes[*at])).collect();
    Ok(Chosen { approved, counts, names, missing })
}

fn entries(ticked: &Ticked) -> impl Iterator<Item = (&str, Heading, &str)> {
    ticked.iter().flat_map(|(table, headings)| {
        headings.iter().flat_map(move |(heading, ids)| {
            ids.iter().map(move |id| (table.as_str(), *heading, id.as_str()))
        })
    })
}

/// In the plan's order.
fn approvals(
    plan: &Plan,
    chosen: &BTreeMap<usize, Heading>,
    refused: &mut Vec<Refusal>,
) -> ApprovalMap {
    let mut groups: BTreeMap<(&str, Heading), Vec<&Change>> = BTreeMap::new();
    for (at, heading) in chosen {
        let change = &plan.changes[*at];
        groups.entry((&change.table, *heading)).or_default().push(change);
    }
    let mut approved = ApprovalMap::new();
    for ((table, heading), changes) in groups {
        let is_long = changes.len() > MOST_PINS || !changes.iter().all(|it| is_writable(it));
        let list = if is_long && changes.len() == fitting(plan, table, heading) {
            vec![Approval::AllOfPlan(plan.short_digest())]
        } else {
            let (good, bad): (Vec<&Change>, Vec<&Change>) =
                changes.into_iter().partition(|change| is_writable(change));
            refused.extend(bad.into_iter().map(|change| {
                let digest = plan.short_digest();
                Refusal::Unwritable { heading, name: name(change), digest }
            }));
            good.into_iter().map(pin).collect()
        };
        *heading.entries_mut(approved.entry(table.to_owned()).or_default()) = list;
    }
    approved
}

/// How many entries that a manifest has are none of this plan: of another state of their record, of a
/// record that isn't among its changes, or of another plan. What was ticked anew isn't counted, nor is
/// what is done.
pub fn unseen(plan: &Plan, old: &ApprovalMap, chosen: &Chosen) -> usize {
    let shown: HashMap<(&str, &str), &Change> =
        plan.changes.iter().map(|it| ((it.table.as_str(), it.id.as_str()), it)).collect();
    let done: BTreeSet<&String> = plan.done.iter().collect();
    let is_settled = |table: &str, id: &str| {
        let name = format!("{table}/{id}");
        chosen.names.contains(&name) || done.contains(&name)
    };
    let is_unseen = |(table, heading, entry): &(&str, Heading, &Approval)| match entry {
        Approval::All => false,
        Approval::AllOfPlan(digest) => !plan.digest.starts_with(digest.as_str()),
        Approval::Id(id) => {
            let change = shown.get(&(*table, id.as_str()));
            change.is_none_or(|change| !heading.fits(change)) && !is_settled(table, id)
        }
        Approval::Pinned { id, .. } => {
            let (change, pin) = (shown.get(&(*table, id.as_str())), entry.to_string());
            change.is_none_or(|change| change.pin != pin) && !is_settled(table, id)
        }
    };
    entries_of(old).filter(is_unseen).count()
}

/// What `all@DIGEST` stands for.
fn fitting(plan: &Plan, table: &str, heading: Heading) -> usize {
    plan.changes.iter().filter(|it| it.table == table && heading.fits(it)).count()
}

fn selected(heading: Heading) -> Selected {
    heading.answer().map_or(Selected::AsIs, Selected::Answer)
}
