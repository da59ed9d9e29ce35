//! A job's approvals changed as someone asks: records of a plan added by pattern, others taken
//! back.
//!
//! Answers for which pins the manifest shall hold afterwards and for what to say about it. Pure;
//! editing the file is `manifest::edit`'s. Nothing is approved that the plan doesn't hold.

use std::collections::{BTreeMap, BTreeSet};

use super::approval::{Missing, is_writable, name, selected};
use super::approval_problem::{did_you_mean, nearest, unwritable};
use super::change::{Change, Class, Plan};
use super::dependency::{Dependency, missing_dependencies, with_dependencies};
use super::heading::Heading;
use super::pattern::{Pattern, patterns};
use crate::escape::{harmless, visible_name};
use crate::manifest::sync_job::{Approval, Approvals};
use crate::plan::render::words::class_word;

pub type ApprovalMap = BTreeMap<String, Approvals>;

/// What shall be approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub add: Vec<(Heading, String)>,
    pub dependencies: Dependencies,
}

/// What to do about changes that an approved one needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependencies {
    /// Say which are missing.
    Name,
    /// Approve them too.
    Add,
}

/// One record under one heading.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub heading: &'static str,
    /// `table/ID`.
    pub name: String,
    /// As it stands in the manifest.
    pub entry: String,
}

/// The approvals afterwards, and what became of the wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amended {
    pub approved: ApprovalMap,
    /// What was asked for, with its pin.
    pub added: Vec<Item>,
    /// Dependencies added besides.
    pub dependencies: Vec<Item>,
    /// Dependencies that are still missing.
    pub missing: Vec<Dependency>,
    /// Records that `all` or a `*` would have covered, but for their target having been edited
    /// after the source. They have to be named.
    pub target_newer: Vec<String>,
    /// The same, for no manifest being able to name them.
    pub unwritable: Vec<String>,
}

/// Why something can't be approved or taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("--{}: the plan holds no {}{}", .heading.word(), harmless(.pattern), did_you_mean(.nearest))]
    Unknown { heading: Heading, pattern: String, nearest: Vec<String> },
    /// It is there, but in another class.
    #[error("--{}: {}", .heading.word(), .reason)]
    Unfit { heading: Heading, reason: String },
    /// It is in conflict, and this is no answer that was offered.
    #[error("--{}: {}", .heading.word(), .reason)]
    NotOffered { heading: Heading, reason: String },
    #[error("{} is asked for under both --{} and --{}", visible_name(.name), .headings[0].word(), .headings[1].word())]
    Contradiction { name: String, headings: [Heading; 2] },
    /// The ID, written with its pin, would be refused or read as something else.
    #[error("--{}: {}: {}", .heading.word(), visible_name(.name), unwritable(.heading.word(), .digest))]
    Unwritable { heading: Heading, name: String, digest: String },
    /// A dependency can't simply be added.
    #[error("{} needs {}, which is in conflict: answer that first", visible_name(&.0.name), visible_name(&.0.needs))]
    Unanswered(Dependency),
    #[error("--remove: nothing approved is named {}{}", harmless(.pattern), did_you_mean(.nearest))]
    NotApproved { pattern: String, nearest: Vec<String> },
}

impl Refusal {
    /// The record is there and can't run as it is asked for; else the wish itself is wrong.
    pub fn cannot_run(&self) -> bool {
        match self {
            Self::NotOffered { .. } | Self::Unwritable { .. } | Self::Unanswered(_) => true,
            Self::Unknown { .. }
            | Self::Unfit { .. }
            | Self::Contradiction { .. }
            | Self::NotApproved { .. } => false,
        }
    }
}

/// Adds what is wished for. An approval of the same record under another heading gives way.
pub fn amend(plan: &Plan, current: &ApprovalMap, wish: &Wish) -> Result<Amended, Vec<Refusal>> {
    let mut choosing = Choosing::new(plan);
    for (heading, argument) in &wish.add {
        for pattern in patterns(argument, |text| choosing.place(text).is_some()) {
            choosing.choose(*heading, pattern);
        }
    }
    let Choosing { chosen, target_newer, unwritable, mut refused, .. } = choosing;
    let mut approved = current.clone();
    let chosen = chosen.into_iter().map(|(at, heading)| (&plan.changes[at], heading));
    let added = put(&mut approved, chosen.collect());
    let mut dependencies = Vec::new();
    if wish.dependencies == Dependencies::Add {
        let closure =
            with_dependencies(plan, &selected(plan, &approved, Missing::Keep), &plan.done);
        refused.extend(closure.unanswered.into_iter().map(Refusal::Unanswered));
        let fitting = closure.added.into_iter().filter_map(|at| {
            let change = &plan.changes[at];
            Some((change, *Heading::fitting(change).first()?))
        });
        let (fitting, others): (Vec<_>, _) = fitting.partition(|(change, _)| is_writable(change));
        refused.extend(others.into_iter().map(|(change, heading)| {
            let digest = plan.short_digest();
            Refusal::Unwritable { heading, name: name(change), digest }
        }));
        dependencies = put(&mut approved, fitting);
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    let missing = missing_dependencies(plan, &selected(plan, &approved, Missing::Keep), &plan.done);
    let named: BTreeSet<&str> = added.iter().chain(&dependencies).map(|it| &*it.name).collect();
    let target_newer =
        target_newer.into_iter().filter(|name| !named.contains(name.as_str())).collect();
    let unwritable = unwritable.into_iter().collect();
    Ok(Amended { approved, added, dependencies, missing, target_newer, unwritable })
}

/// Approves changes of a plan by their places in it, and says which dependencies are missing. Under a
/// heading where no manifest can name one of them, the plan's digest stands for all; where that is more than
/// was chosen, they are left out, and named.
pub fn approve_places(plan: &Plan, chosen: &BTreeMap<usize, Heading>) -> Placed {
    let (mut approved, mut unwritable) = (ApprovalMap::new(), Vec::new());
    let mut lists: BTreeMap<(&str, Heading), Vec<&Change>> = BTreeMap::new();
    for (at, heading) in chosen {
        let change = &plan.changes[*at];
        lists.entry((&change.table, *heading)).or_default().push(change);
    }
    for ((table, heading), changes) in lists {
        let shown = |it: &&Change| it.table == table && heading.fits(it);
        let is_all = || plan.changes.iter().filter(shown).count() == changes.len();
        let (fitting, others): (Vec<&Change>, Vec<&Change>) =
            changes.iter().partition(|change| is_writable(change));
        if !others.is_empty() && is_all() {
            let approvals = approved.entry(table.to_owned()).or_default();
            heading.entries_mut(approvals).push(Approval::AllOfPlan(plan.short_digest()));
            continue;
        }
        put(&mut approved, fitting.into_iter().map(|change| (change, heading)).collect());
        unwritable.extend(others.into_iter().map(name));
    }
    let missing = missing_dependencies(plan, &selected(plan, &approved, Missing::Keep), &plan.done);
    Placed { approved, missing, unwritable }
}

/// Changes approved by their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub approved: ApprovalMap,
    /// Dependencies that are missing.
    pub missing: Vec<Dependency>,
    /// What isn't approved, since no manifest can name it.
    pub unwritable: Vec<String>,
}

/// Takes approvals back. Entries are named `table/ID`, whatever their pins; `table/all` names a
/// table's `all`.
pub fn take_back(
    current: &ApprovalMap,
    arguments: &[String],
) -> Result<(ApprovalMap, Vec<Item>), Vec<Refusal>> {
    let entries: Vec<(&str, Heading, &Approval)> = entries(current).collect();
    let names: BTreeSet<String> =
        entries.iter().map(|(table, _, entry)| entry_name(table, entry)).collect();
    let (mut gone, mut refused) = (BTreeSet::new(), Vec::new());
    let is_name =
        |text: &str| names.contains(text) || names.iter().any(|name| visible_name(name) == text);
    for argument in arguments {
        for pattern in patterns(argument, is_name) {
            let selects =
                |name: &&String| pattern.selects(name) || pattern.selects(&visible_name(name));
            let selected: Vec<String> = names.iter().filter(selects).cloned().collect();
            if selected.is_empty() && pattern != Pattern::All {
                refused.push(not_approved(pattern, &names));
            }
            gone.extend(selected);
        }
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    let mut approved = current.clone();
    for (table, approvals) in &mut approved {
        for heading in Heading::ALL {
            heading
                .entries_mut(approvals)
                .retain(|entry| !gone.contains(&entry_name(table, entry)));
        }
    }
    let items = entries.into_iter().map(|(table, heading, entry)| Item {
        heading: heading.word(),
        name: entry_name(table, entry),
        entry: entry.to_string(),
    });
    Ok((approved, items.filter(|item| gone.contains(&item.name)).collect()))
}

/// Each entry with its table and heading.
pub(super) fn entries(
    approved: &ApprovalMap,
) -> impl Iterator<Item = (&str, Heading, &Approval)> + Clone {
    approved.iter().flat_map(|(table, approvals)| {
        Heading::ALL.into_iter().flat_map(move |heading| {
            heading.entries(approvals).iter().map(move |entry| (table.as_str(), heading, entry))
        })
    })
}

fn not_approved(pattern: Pattern<'_>, names: &BTreeSet<String>) -> Refusal {
    let (Pattern::Exact(text) | Pattern::Glob(text)) = pattern else {
        return Refusal::NotApproved { pattern: "all".into(), nearest: Vec::new() };
    };
    Refusal::NotApproved { pattern: text.into(), nearest: nearest(names, text) }
}

fn entry_name(table: &str, entry: &Approval) -> String {
    match entry {
        Approval::All | Approval::AllOfPlan(_) => format!("{table}/all"),
        Approval::Id(id) | Approval::Pinned { id, .. } => format!("{table}/{id}"),
    }
}

struct Choosing<'a> {
    plan: &'a Plan,
    places: BTreeMap<String, usize>,
    /// The same under the names that a reader sees, where those differ.
    shown: BTreeMap<String, usize>,
    chosen: BTreeMap<usize, Heading>,
    target_newer: BTreeSet<String>,
    unwritable: BTreeSet<String>,
    refused: Vec<Refusal>,
}

impl<'a> Choosing<'a> {
    fn new(plan: &'a Plan) -> Self {
        let places: BTreeMap<String, usize> =
            plan.changes.iter().enumerate().map(|(at, change)| (name(change), at)).collect();
        let shown = places.iter().map(|(name, at)| (visible_name(name), *at));
        let shown = shown.filter(|(name, _)| !places.contains_key(name)).collect();
        Self {
            plan,
            places,
            shown,
            chosen: BTreeMap::new(),
            target_newer: BTreeSet::new(),
            unwritable: BTreeSet::new(),
            refused: Vec::new(),
        }
    }

    fn place(&self, text: &str) -> Option<usize> {
        self.places.get(text).or_else(|| self.shown.get(text)).copied()
    }

    fn choose(&mut self, heading: Heading, pattern: Pattern<'_>) {
        match pattern {
            Pattern::Exact(text) => match self.place(text) {
                Some(at) => self.choose_one(heading, at),
                None => self.unknown(heading, text),
            },
            Pattern::Glob(text) => self.choose_many(heading, pattern, text),
            Pattern::All => self.choose_many(heading, pattern, "all"),
        }
    }

    fn choose_one(&mut self, heading: Heading, at: usize) {
        let change = &self.plan.changes[at];
        if !heading.fits(change) {
            return self.refused.push(unfit(heading, change));
        }
        if !is_writable(change) {
            let (name, digest) = (name(change), self.plan.short_digest());
            return self.refused.push(Refusal::Unwritable { heading, name, digest });
        }
        let before = *self.chosen.entry(at).or_insert(heading);
        if before != heading {
            let headings = [before, heading];
            self.refused.push(Refusal::Contradiction { name: name(change), headings });
        }
    }

    /// A `*` is as blind as `all`: it never covers a record whose target was edited later. What can't be named
    /// doesn't keep the others from being approved.
    fn choose_many(&mut self, heading: Heading, pattern: Pattern<'_>, text: &str) {
        let all = self.places.iter().chain(&self.shown);
        let named = all.filter(|(name, _)| pattern.selects(name));
        let named: BTreeSet<usize> = named.map(|(_, at)| *at).collect();
        let fitting = named.iter().copied().filter(|at| heading.fits(&self.plan.changes[*at]));
        let fitting: Vec<usize> = fitting.collect();
        match (named.first(), fitting.is_empty()) {
            (None, _) if pattern != Pattern::All => return self.unknown(heading, text),
            (Some(first), true) if pattern != Pattern::All => {
                return self.refused.push(unfit(heading, &self.plan.changes[*first]));
            }
            _ => {}
        }
        for at in fitting {
            let change = &self.plan.changes[at];
            if change.target_newer {
                self.target_newer.insert(name(change));
            } else if !is_writable(change) {
                self.unwritable.insert(name(change));
            } else {
                self.choose_one(heading, at);
            }
        }
    }

    fn unknown(&mut self, heading: Heading, text: &str) {
        let nearest = nearest(self.places.keys(), text);
        self.refused.push(Refusal::Unknown { heading, pattern: text.into(), nearest });
    }
}

/// What a change is, and how it is approved.
pub(super) fn unfit(heading: Heading, change: &Change) -> Refusal {
    let told = visible_name(&name(change));
    let options: Vec<String> =
        Heading::fitting(change).iter().map(|heading| format!("--{}", heading.word())).collect();
    let options = options.join(" or ");
    match change.class {
        Class::Conflict if options.is_empty() => Refusal::NotOffered {
            heading,
            reason: format!("{told} is in conflict and can't be approved, only mended"),
        },
        Class::Conflict => Refusal::NotOffered {
            heading,
            reason: format!("{told} is in conflict: answer with {options}"),
        },
        class => Refusal::Unfit {
            heading,
            reason: format!("{told} is {}: use {options}", class_word(class)),
        },
    }
}

/// Writes changes' pins under headings, each in the place of an older one. Both may be as many as a
/// manifest holds, so nothing is looked for among all entries.
fn put(approved: &mut ApprovalMap, chosen: Vec<(&Change, Heading)>) -> Vec<Item> {
    let mut tables: BTreeMap<&str, BTreeMap<&str, (Heading, Option<Approval>)>> = BTreeMap::new();
    for (change, heading) in &chosen {
        let records = tables.entry(&change.table).or_default();
        records.insert(&change.id, (*heading, Some(pin(change))));
    }
    for (table, records) in &mut tables {
        let approvals = approved.entry((*table).to_owned()).or_default();
        for heading in Heading::ALL {
            heading.entries_mut(approvals).retain_mut(|entry| keep(entry, heading, records));
        }
    }
    let placed = chosen.into_iter().map(|(change, heading)| {
        let records = tables.get_mut(change.table.as_str());
        let new = records.and_then(|records| records.get_mut(change.id.as_str())?.1.take());
        let approvals = approved.entry(change.table.clone()).or_default();
        heading.entries_mut(approvals).extend(new);
        Item { heading: heading.word(), name: name(change), entry: change.pin.clone() }
    });
    placed.collect()
}

/// Whether an entry stays under its heading; where the record's pin is to stand here, it takes the
/// entry's place.
fn keep(
    entry: &mut Approval,
    heading: Heading,
    records: &mut BTreeMap<&str, (Heading, Option<Approval>)>,
) -> bool {
    let (Approval::Id(id) | Approval::Pinned { id, .. }) = &*entry else { return true };
    let Some((chosen, new)) = records.get_mut(id.as_str()) else { return true };
    if *chosen == heading
        && let Some(pin) = new.take()
    {
        *entry = pin;
    }
    *chosen == heading
}

pub(super) fn pin(change: &Change) -> Approval {
    Approval::Pinned { id: change.id.clone(), pin: change.bare_pin().to_owned() }
}
