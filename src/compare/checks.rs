//! What other rows of the target say to a draft: taken unique keys, missing and remaining
//! references, schemas that differ; and which other changes it needs.
//!
//! Answers for reasons and dependencies, looked up in batches. Which class a record has by itself
//! is decided before, in `classify.rs`.

mod dangling;
mod drawn;
mod guarded;
mod referrers;
mod strays;
mod taken;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

use self::drawn::Drawn;
use super::Error;
use super::draft::{Case, Draft, Link};
use super::files::{Brought, brought};
use super::model::{Model, Node, Presence, Role};
use super::scan::is_default;
use super::sides::{Sides, as_collated};
use super::wanted::{Cell, Wanted, WantedRow, wanted_by, written_into};
use crate::catalog::Table;
use crate::database::Value;
use crate::plan::change::{Answer, ConflictKind};

/// One way a draft could be carried out: as it is, or by answering its conflict.
#[derive(Debug, Clone)]
pub struct Choice {
    pub answer: Option<Answer>,
    pub wanted: Wanted,
    pub reasons: BTreeMap<ConflictKind, BTreeSet<String>>,
    /// Indexes of the drafts this one needs.
    pub needs: BTreeSet<usize>,
    /// Files of the gallery that come along.
    pub files: Vec<Brought>,
}

/// A row's place on the target.
type Place<'a> = (&'a str, Vec<Value>);

/// Values of a unique key: its table, its columns and what they hold.
type Unique<'a> = (&'a str, &'a [String], Vec<Value>);

/// What the plan does to a row of the target if its change is carried out.
struct Effect {
    draft: usize,
    /// Index among the wanted rows; none: the row goes.
    row: Option<usize>,
}

struct Checks<'a> {
    model: &'a Model,
    drafts: &'a [Draft],
    choices: Vec<Vec<Choice>>,
    effects: HashMap<Place<'a>, Effect>,
    /// Source rows of all drafts, by table and key.
    planned: HashMap<Place<'a>, usize>,
}

/// All choices of all drafts, in the drafts' order, with what speaks against each.
pub async fn check(
    sides: &mut Sides,
    model: &Model,
    drafts: &[Draft],
) -> Result<Vec<Vec<Choice>>, Error> {
    let choices = drafts.par_iter().map(|draft| choices(model, draft)).collect();
    let mut checks =
        Checks { model, drafts, choices, effects: HashMap::new(), planned: HashMap::new() };
    checks.index();
    checks.guarded();
    checks.references();
    checks.dangling(sides).await?;
    checks.schemas();
    checks.storable(sides);
    let drawn = checks.drawn(sides).await?;
    checks.strays(sides, &drawn).await?;
    checks.doubles(&drawn);
    checks.unique_keys(sides, &drawn).await?;
    checks.referrers(sides).await?;
    checks.taken_files(sides).await?;
    Ok(checks.choices)
}

fn choices(model: &Model, draft: &Draft) -> Vec<Choice> {
    let root = &model.nodes[draft.root];
    let inside = draft.current.as_ref().is_none_or(|record| record.rows[0].in_filter);
    let mut answers = match draft.case {
        Case::Matched | Case::Renamed | Case::New | Case::Deleted => vec![None],
        Case::IdReused => {
            let mut answers = Vec::new();
            answers.extend(inside.then_some(Some(Answer::Overwrite)));
            answers.extend(can_renumber(root).then_some(Some(Answer::Renumber)));
            answers
        }
        Case::IdDiffers if inside => vec![Some(Answer::Adopt), Some(Answer::Overwrite)],
        Case::IdDiffers | Case::IdentityAmbiguous | Case::ChangedSince => vec![],
    };
    // An ID that is a reference means another row on the other side, so it can't be taken over.
    let refers = root.key.iter().any(|column| root.reference_of(*column).is_some());
    if draft.in_the_way.is_some() || (draft.case == Case::IdDiffers && refers) {
        answers.retain(|answer| *answer != Some(Answer::Overwrite));
    }
    answers
        .into_iter()
        .map(|answer| {
            let wanted = wanted_by(model, draft, answer);
            let files = brought(model, draft, &wanted);
            let (reasons, needs) = (BTreeMap::new(), BTreeSet::new());
            Choice { answer, wanted, reasons, needs, files }
        })
        .collect()
}

/// A new ID can be drawn: the key is one integer that refers to nothing.
fn can_renumber(node: &Node) -> bool {
    let [only] = node.key[..] else { return false };
    node.columns[only].kind == crate::catalog::Kind::Integer && node.reference_of(only).is_none()
}

impl Choice {
    fn object(&mut self, kind: ConflictKind, detail: String) {
        self.reasons.entry(kind).or_default().insert(detail);
    }
}

impl Checks<'_> {
    /// Remembers what the plan does to which row. Conflicts do nothing until they are answered.
    fn index(&mut self) {
        for (at, draft) in self.drafts.iter().enumerate() {
            // Owned rows outside their filter aren't brought.
            let brought = draft.source.iter().flat_map(|record| &record.rows);
            for row in brought.filter(|row| row.parent.is_none() || row.in_filter) {
                let table = self.model.nodes[row.node].table.as_str();
                self.planned.insert((table, row.key(self.model)), at);
            }
            let (Some(current), [choice]) = (&draft.current, &self.choices[at][..]) else {
                continue;
            };
            if choice.answer.is_some() {
                continue;
            }
            let place = |index: usize| {
                let row = &current.rows[index];
                (self.model.nodes[row.node].table.as_str(), row.primary_key(self.model))
            };
            for (index, row) in choice.wanted.rows.iter().enumerate() {
                if let Some(current) = row.current {
                    self.effects.insert(place(current), Effect { draft: at, row: Some(index) });
                }
            }
            for gone in &choice.wanted.removed {
                self.effects.insert(place(*gone), Effect { draft: at, row: None });
            }
        }
    }

    /// References to rows without a counterpart: another change of the plan, or missing.
    fn references(&mut self) {
        for (at, draft) in self.drafts.iter().enumerate() {
            let root = self.model.nodes[draft.root].table.as_str();
            let leader = draft.led_by.as_ref().map(|key| (root, key.clone()));
            let leader = leader.and_then(|place| self.planned.get(&place)).filter(|it| **it != at);
            for choice in &mut self.choices[at] {
                choice.needs.extend(leader.copied().filter(|_| draft.source.is_some()));
                let mut missing = BTreeSet::new();
                for row in &choice.wanted.rows {
                    let node = &self.model.nodes[row.node];
                    let indexes = row.open.iter().chain(&row.unmet);
                    for linked in indexes.flat_map(|index| draft.links.of(row.source, *index)) {
                        let Link::Row { name, key, there: None } = &linked.link else { continue };
                        let to_table = &node.references[linked.reference].to_table;
                        match self.planned.get(&(to_table.as_str(), key.clone())) {
                            Some(needed) if *needed == at => {}
                            Some(needed) => {
                                choice.needs.insert(*needed);
                            }
                            None => {
                                missing.insert(format!(
                                    "{} refers to {to_table} {}, which is neither on the target nor \
                                     in the plan",
                                    node.table, name.shown
                                ));
                            }
                        }
                    }
                }
                for detail in missing {
                    choice.object(ConflictKind::MissingReference, detail);
                }
            }
        }
    }

    /// Content in columns that only the source has, and inserts that lack a required column.
    fn schemas(&mut self) {
        for (at, draft) in self.drafts.iter().enumerate() {
            let Some(source) = &draft.source else { continue };
            for choice in &mut self.choices[at] {
                let mut details = Vec::new();
                for row in &choice.wanted.rows {
                    let node = &self.model.nodes[row.node];
                    let values = &source.rows[row.source].values;
                    let columns = node.columns.iter().enumerate();
                    details.extend(columns.filter_map(|(index, column)| match &column.on {
                        Presence::SourceOnly { default }
                            if column.role == Role::Content
                                && !is_default(&values[index], default.as_deref()) =>
                        {
                            Some(format!("only the source has {}.{}", node.table, column.name))
                        }
                        Presence::TargetOnly { required: true } if row.current.is_none() => {
                            Some(format!(
                                "the target needs a value for {}.{}, which the source doesn't have",
                                node.table, column.name
                            ))
                        }
                        _ => None,
                    }));
                }
                for detail in details {
                    choice.object(ConflictKind::SchemaDiffers, detail);
                }
            }
        }
    }

    /// Values that the target's columns can't hold as they are.
    fn storable(&mut self, sides: &Sides) {
        let model = self.model;
        self.choices.par_iter_mut().flatten().for_each(|choice| {
            let mut details = Vec::new();
            for row in &choice.wanted.rows {
                let node = &model.nodes[row.node];
                for (column, cell) in node.columns.iter().zip(&row.cells) {
                    let Cell::Value(value) = cell else { continue };
                    let target = node.target.column(&column.name);
                    if let Some(reason) = target.and_then(|it| sides.target.refuses(it, value)) {
                        details.push(format!("{}.{} {reason}", node.table, column.name));
                    }
                }
            }
            for detail in details {
                choice.object(ConflictKind::SchemaDiffers, detail);
            }
        });
    }

    /// Unique values that two changes of this plan both want.
    fn doubles(&mut self, drawn: &Drawn) {
        let mut wanted: HashMap<Unique<'_>, Vec<usize>> = HashMap::new();
        for (at, choices) in self.choices.iter().enumerate() {
            let [choice] = &choices[..] else { continue };
            for (index, row) in choice.wanted.rows.iter().enumerate() {
                let node = &self.model.nodes[row.node];
                let new = drawn.get(&(at, 0, index));
                for columns in unique_keys(node) {
                    if let Some(mut values) = unique_values((node, row), columns, None, new) {
                        as_collated(&node.target, columns, &mut values);
                        let place = (node.table.as_str(), columns.as_slice(), values);
                        let takers = wanted.entry(place).or_default();
                        takers.extend((takers.last() != Some(&at)).then_some(at));
                    }
                }
            }
        }
        let mut doubled: Vec<_> = wanted.into_iter().filter(|(_, t)| t.len() > 1).collect();
        doubled.sort();
        for ((table, columns, _), takers) in doubled {
            for at in takers {
                let detail = format!(
                    "another change of this plan takes the same {table} ({})",
                    columns.join(", ")
                );
                self.choices[at][0].object(ConflictKind::UniqueTaken, detail);
            }
        }
    }

    /// Unique values that rows of the target hold.
    async fn unique_keys(&mut self, sides: &mut Sides, drawn: &Drawn) -> Result<(), Error> {
        type Asked = (Vec<(usize, usize, Option<Vec<Value>>)>, Vec<Vec<Value>>);
        let mut asked: BTreeMap<(&str, &[String]), Asked> = BTreeMap::new();
        let mut tables: BTreeMap<&str, &Table> = BTreeMap::new();
        for (at, choices) in self.choices.iter().enumerate() {
            for (which, choice) in choices.iter().enumerate() {
                let current = written_into(&self.drafts[at], choice.answer);
                for (index, row) in choice.wanted.rows.iter().enumerate() {
                    let node = &self.model.nodes[row.node];
                    let new = drawn.get(&(at, which, index));
                    let old = row.current.and_then(|i| current.map(|record| &record.rows[i]));
                    for columns in unique_keys(node) {
                        let old_values = old.map(|row| &row.values);
                        let Some(values) = unique_values((node, row), columns, old_values, new)
                        else {
                            continue;
                        };
                        tables.entry(&node.table).or_insert(&node.target);
                        let (owners, wanted) =
                            asked.entry((&node.table, columns.as_slice())).or_default();
                        owners.push((at, which, old.map(|row| row.primary_key(self.model))));
                        wanted.push(values);
                    }
                }
            }
        }
        for ((table, columns), (owners, wanted)) in asked {
            let table = tables[table];
            let found = read_keys(sides, table, columns, &wanted).await?;
            for (index, key) in found {
                let (at, which, own) = &owners[index];
                if own.as_ref() == Some(&key) {
                    continue;
                }
                self.taken(*at, *which, table, columns, (&key, &wanted[index]));
            }
        }
        Ok(())
    }

    /// A row of the target holds a unique value: it is freed by the plan, or it is in the way.
    fn taken(
        &mut self,
        at: usize,
        which: usize,
        table: &Table,
        columns: &[String],
        (key, values): (&[Value], &Vec<Value>),
    ) {
        // A record that gives way as a whole frees its own rows.
        let current = written_into(&self.drafts[at], self.choices[at][which].answer);
        let own = current.is_some_and(|record| {
            record.rows.iter().enumerate().any(|(index, row)| {
                self.model.nodes[row.node].table == table.name
                    && row.primary_key(self.model) == key
                    && self.frees(at, which, index, columns, values)
            })
        });
        if own {
            return;
        }
        let effect = self.effects.get(&(table.name.as_str(), key.to_vec()));
        let freed = effect.filter(|effect| match effect.row {
            None => true,
            Some(row) => {
                let row = &self.choices[effect.draft][0].wanted.rows[row];
                changes(&self.model.nodes[row.node], row, columns, values)
            }
        });
        let choice = &mut self.choices[at][which];
        match freed {
            Some(effect) if effect.draft == at => {}
            Some(effect) => {
                choice.needs.insert(effect.draft);
            }
            None => choice.object(
                ConflictKind::UniqueTaken,
                format!(
                    "{} {} of the target holds the same ({})",
                    table.name,
                    super::shown_key(key),
                    columns.join(", ")
                ),
            ),
        }
    }

    /// Whether a choice itself removes or changes one row of the record it is written into.
    fn frees(
        &self,
        at: usize,
        which: usize,
        current: usize,
        columns: &[String],
        values: &[Value],
    ) -> bool {
        let wanted = &self.choices[at][which].wanted;
        if wanted.removed.contains(&current) {
            return true;
        }
        wanted
            .rows
            .iter()
            .filter(|row| row.current == Some(current))
            .any(|row| changes(&self.model.nodes[row.node], row, columns, values))
    }
}

/// Whether a wanted row would hold other values in some columns.
fn changes(node: &Node, row: &WantedRow, columns: &[String], values: &[Value]) -> bool {
    columns.iter().zip(values).any(|(name, value)| {
        node.column(name).is_some_and(|column| match &row.cells[column] {
            Cell::Value(new) => new != value,
            Cell::Open(_) => true,
            Cell::Leave => false,
        })
    })
}

/// Every unique key of a node's table whose values a manifest can know, the primary key included
/// unless it is drawn.
fn unique_keys(node: &Node) -> impl Iterator<Item = &Vec<String>> {
    let primary =
        (!node.surrogate_key() && node.parent.is_some()).then_some(&node.target.primary_key);
    primary
        .into_iter()
        .chain(node.target.unique_keys.iter().filter(|key| !key.partial).map(|key| &key.columns))
        .filter(|columns| !columns.is_empty())
}

/// The unique values a row would hold, unless it holds them already or one is NULL, open or new.
fn unique_values(
    (node, row): (&Node, &WantedRow),
    columns: &[String],
    old: Option<&Vec<Value>>,
    new: Option<&BTreeSet<usize>>,
) -> Option<Vec<Value>> {
    let mut values = Vec::with_capacity(columns.len());
    let mut changed = old.is_none();
    for name in columns {
        let column = node.column(name)?;
        if new.is_some_and(|new| new.contains(&column)) {
            return None;
        }
        let value = match &row.cells[column] {
            Cell::Value(value) => value.clone(),
            Cell::Open(_) => return None,
            Cell::Leave => old.map(|old| old[column].clone())?,
        };
        changed |= old.is_some_and(|old| old[column] != value);
        values.push(value);
    }
    (changed && !values.iter().any(Value::is_null)).then_some(values)
}

/// Keys of target rows that hold wanted values, with the index each answers.
async fn read_keys(
    sides: &mut Sides,
    table: &Table,
    by: &[String],
    wanted: &[Vec<Value>],
) -> Result<Vec<(usize, Vec<Value>)>, Error> {
    let key = if table.primary_key.is_empty() { by } else { &table.primary_key };
    Ok(sides.target.find(table, key, by, wanted).await?)
}
