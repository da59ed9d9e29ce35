//! What of a plan is approved: a job's `approved` map held against the changes there are.
//!
//! Answers for which changes are selected and how, which entries are stale, and which can't be
//! accepted at all. Pure: stored plans and what other runs and jobs did are passed in. Reading the
//! manifest is `manifest`'s, applying is `apply`'s.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::approval_problem::Problem;
use super::change::{Answer, Change, Class, Plan};
use super::heading::Heading;
use crate::manifest::sync_job::{Approval, Approvals, Direction, SyncJobSpec};

/// Everything that decides what is approved.
#[derive(Debug, Clone, Copy)]
pub struct Approving<'a> {
    pub plan: &'a Plan,
    pub approved: &'a BTreeMap<String, Approvals>,
    /// Entries that earlier runs of this job applied, as `table/ENTRY` with the entry as it is
    /// written, pin included.
    pub done: &'a BTreeSet<String>,
    /// The job's `deleteMissing`.
    pub missing: Missing,
    /// Records that the approvals of other jobs name, as `table/ID`; a refresh spares them.
    pub elsewhere: &'a BTreeSet<String>,
    /// Plans shown before, by the first 16 digits of their digests.
    pub stored: &'a BTreeMap<String, Plan>,
}

/// What a refresh does with target records that the source no longer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Keep,
    Delete,
}

impl Missing {
    pub fn of(spec: &SyncJobSpec) -> Self {
        if spec.delete_missing { Self::Delete } else { Self::Keep }
    }
}

/// What the approvals come to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Approved {
    /// Indexes into the plan's changes in ascending order, and what is done with each.
    pub selected: Vec<(usize, Selected)>,
    pub stale: Vec<Stale>,
    pub problems: Vec<Problem>,
    /// Entries that are applied already, as `table/ID`.
    pub done: Vec<String>,
}

/// How a selected change is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selected {
    AsIs,
    Answer(Answer),
}

impl Selected {
    pub fn answer(self) -> Option<Answer> {
        match self {
            Self::AsIs => None,
            Self::Answer(answer) => Some(answer),
        }
    }
}

/// An approved entry that no longer is what the reviewer saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    pub table: String,
    pub heading: Heading,
    pub id: String,
    pub moved: Moved,
}

/// What moved since the approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// The record differs in another way now: its content on one of the sides changed.
    Content,
    /// It is of another class now.
    Class(Class),
    /// It isn't among the changes any more: both sides are equal now, or it left the module.
    Gone,
}

/// Decides for every approved entry, and so for every change, whether it is approved.
pub fn approve(approving: &Approving<'_>) -> Approved {
    let mut matching = Matching {
        approving,
        changes: index(approving.plan),
        chosen: BTreeMap::new(),
        named: BTreeSet::new(),
        out: Approved::default(),
    };
    if approving.plan.counts_only && !approving.approved.is_empty() {
        matching.out.problems.push(Problem::CountsOnly);
        return matching.out;
    }
    // Records that are named go first, so that `all` never decides about one of them.
    for step in [Matching::named_entries, Matching::all_entries] {
        for (table, approvals) in approving.approved {
            for heading in Heading::ALL {
                step(&mut matching, table, heading, heading.entries(approvals));
            }
        }
    }
    matching.delete_missing();
    matching.finish()
}

/// What approvals select of a plan, for whoever only looks; those by the digest of this very plan are
/// known too.
pub fn selected(
    plan: &Plan,
    approved: &BTreeMap<String, Approvals>,
    missing: Missing,
) -> Vec<(usize, Selected)> {
    let (none, nothing, stored) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    let approving =
        Approving { plan, approved, done: &none, missing, elsewhere: &nothing, stored: &stored };
    approve(&approving).selected
}

/// The place of each change by table and ID.
fn index(plan: &Plan) -> HashMap<(&str, &str), usize> {
    let places = plan.changes.iter().enumerate();
    places.map(|(at, change)| ((change.table.as_str(), change.id.as_str()), at)).collect()
}

struct Matching<'a> {
    approving: &'a Approving<'a>,
    changes: HashMap<(&'a str, &'a str), usize>,
    chosen: BTreeMap<usize, Heading>,
    /// Changes that an entry names, whether or not it could be accepted.
    named: BTreeSet<usize>,
    out: Approved,
}

impl<'a> Matching<'a> {
    fn named_entries(&mut self, table: &str, heading: Heading, entries: &[Approval]) {
        for entry in entries {
            match entry {
                Approval::Pinned { id, .. } => self.pinned(table, heading, id, &entry.to_string()),
                Approval::Id(id) => self.bare(table, heading, id),
                Approval::AllOfPlan(digest) => self.all_of_plan(table, heading, digest),
                Approval::All => {}
            }
        }
    }

    fn all_entries(&mut self, table: &str, heading: Heading, entries: &[Approval]) {
        if !entries.contains(&Approval::All) {
            return;
        }
        if self.approving.plan.direction == Direction::TestToProd {
            return self.problem(Problem::all_needs_pins(table, heading, self.approving.plan));
        }
        if heading == Heading::Deleted {
            return self.problem(Problem::DeletedNeverAll { table: table.into() });
        }
        for (at, change) in self.covered_by_all(table) {
            if heading.fits(change) {
                self.choose(at, heading);
            }
        }
    }

    /// A bare `all` never covers a record whose target was edited after the source, nor one that
    /// is named by an entry of its own.
    fn covered_by_all(&self, table: &str) -> Vec<(usize, &'a Change)> {
        let plan: &'a Plan = self.approving.plan;
        plan.changes
            .iter()
            .enumerate()
            .filter(|(at, change)| {
                change.table == table && !change.target_newer && !self.named.contains(at)
            })
            .collect()
    }

    /// `deleteMissing` deletes in tables whose new or modified records are all approved.
    fn delete_missing(&mut self) {
        let Approving { plan, approved, missing, elsewhere, .. } = self.approving;
        if *missing == Missing::Keep || plan.direction == Direction::TestToProd {
            return;
        }
        let is_all = |approvals: &Approvals| {
            approvals.new.contains(&Approval::All) || approvals.modified.contains(&Approval::All)
        };
        for (table, _) in approved.iter().filter(|(_, approvals)| is_all(approvals)) {
            for (at, change) in self.covered_by_all(table) {
                if Heading::Deleted.fits(change) && !elsewhere.contains(&name(change)) {
                    self.choose(at, Heading::Deleted);
                }
            }
        }
    }

    fn pinned(&mut self, table: &str, heading: Heading, id: &str, entry: &str) {
        let found = self.find(table, id);
        match found {
            Some((at, change)) if change.pin == entry => self.current(at, change, heading),
            // The pin may be the one that was applied while the record has moved on since.
            _ if self.is_done(table, entry) => self.out.done.push(format!("{table}/{id}")),
            Some((_, change)) if change.class == heading.class() => {
                self.stale(table, heading, id, Moved::Content);
            }
            Some((_, change)) => self.stale(table, heading, id, Moved::Class(change.class)),
            None => self.stale(table, heading, id, Moved::Gone),
        }
    }

    /// The reviewer saw just this; what remains is whether the heading suits it.
    fn current(&mut self, at: usize, change: &Change, heading: Heading) {
        if heading.fits(change) {
            self.choose(at, heading);
        } else {
            self.problem(Problem::not_offered(change, heading));
        }
    }

    fn bare(&mut self, table: &str, heading: Heading, id: &str) {
        let found = self.find(table, id);
        let Some((at, change)) = found else {
            if self.is_done(table, id) {
                self.out.done.push(format!("{table}/{id}"));
            } else {
                self.problem(Problem::unknown(self.approving.plan, table, heading, id));
            }
            return;
        };
        if self.approving.plan.direction == Direction::TestToProd && heading.fits(change) {
            self.problem(Problem::needs_pin(change, heading));
        } else if self.approving.plan.direction == Direction::TestToProd {
            self.problem(Problem::not_offered(change, heading));
        } else if change.class != heading.class() {
            self.stale(table, heading, id, Moved::Class(change.class));
        } else {
            self.current(at, change, heading);
        }
    }

    /// Stands for the pins which the stored plan showed under this heading.
    fn all_of_plan(&mut self, table: &str, heading: Heading, digest: &str) {
        let Approving { plan, stored, .. } = self.approving;
        // As long as nothing has moved, it is this very plan.
        let same =
            (plan.digest.len() > digest.len() && plan.digest.starts_with(digest)).then_some(*plan);
        let Some(plan) = same.or_else(|| stored.get(digest)) else {
            return self.problem(Problem::NoSuchPlan {
                table: table.into(),
                heading,
                digest: digest.into(),
            });
        };
        let shown = plan.changes.iter().filter(|it| it.table == table && heading.fits(it));
        for change in shown {
            self.pinned(table, heading, &change.id, &change.pin);
        }
    }

    fn find(&mut self, table: &str, id: &str) -> Option<(usize, &'a Change)> {
        let at = *self.changes.get(&(table, id))?;
        self.named.insert(at);
        let plan: &'a Plan = self.approving.plan;
        Some((at, &plan.changes[at]))
    }

    fn is_done(&self, table: &str, entry: &str) -> bool {
        self.approving.done.contains(&format!("{table}/{entry}"))
    }

    fn choose(&mut self, at: usize, heading: Heading) {
        let before = *self.chosen.entry(at).or_insert(heading);
        if before != heading {
            let change = &self.approving.plan.changes[at];
            self.problem(Problem::Contradiction {
                name: name(change),
                headings: [before, heading],
            });
        }
    }

    fn stale(&mut self, table: &str, heading: Heading, id: &str, moved: Moved) {
        let stale = Stale { table: table.into(), heading, id: id.into(), moved };
        if !self.out.stale.contains(&stale) {
            self.out.stale.push(stale);
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.out.problems.push(problem);
    }

    fn finish(mut self) -> Approved {
        let how = |heading: Heading| heading.answer().map_or(Selected::AsIs, Selected::Answer);
        self.out.selected =
            self.chosen.into_iter().map(|(at, heading)| (at, how(heading))).collect();
        self.out.done.sort();
        self.out.done.dedup();
        self.out
    }
}

/// Whether a manifest can hold the change's pin: its ID isn't empty, no word of its own there, and
/// without characters that manifests refuse.
pub fn is_writable(change: &Change) -> bool {
    let read: Result<Approval, _> = change.pin.parse();
    let same = matches!(read, Ok(Approval::Pinned { id, .. }) if id == change.id);
    same && !change.id.contains(crate::escape::is_deceptive)
}

/// `table/ID`, as dependencies and messages name a change.
pub fn name(change: &Change) -> String {
    format!("{}/{}", change.table, change.id)
}
