//! The single-row writes that turn the target's records into the wanted ones: pure.
//!
//! Answers for what each insert, update and delete holds. In which order they can run is decided in
//! `order.rs`.

use std::collections::{BTreeMap, BTreeSet};

use super::placement::Placed;
use crate::catalog::Table;
use crate::compare::model::{Model, Node, NodeId, Presence, Role};
use crate::compare::record::RecordRow;
use crate::compare::wanted::{Cell, WantedRow, differing};
use crate::database::Value;

mod again;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    Insert,
    Update,
    Delete,
    /// Deletes a row that is put back in the same run, since it can be written in no other way.
    TakeOut,
    /// Inserts it again, in full.
    PutBack,
}

/// Values by column.
pub type ByName<'m> = BTreeMap<&'m str, Value>;

/// One write of one row.
#[derive(Debug, Clone)]
pub struct Operation<'m> {
    pub verb: Verb,
    pub node: NodeId,
    /// Index of the record it belongs to.
    pub record: usize,
    /// The row's key before the write; for an insert the key it gets.
    pub key: ByName<'m>,
    /// Columns that are written.
    pub set: ByName<'m>,
    /// The row before the write, by column; empty for an insert.
    pub old: ByName<'m>,
}

impl<'m> Operation<'m> {
    pub fn table(&self, model: &'m Model) -> &'m Table {
        &model.nodes[self.node].target
    }

    /// What a column holds after the write; `None` where that isn't known or the row is gone.
    pub fn after(&self, column: &str) -> Option<&Value> {
        match self.verb {
            Verb::Delete | Verb::TakeOut => None,
            Verb::Insert | Verb::PutBack | Verb::Update => {
                self.set.get(column).or_else(|| self.old.get(column))
            }
        }
    }
}

/// All writes of the placed records, in the records' order.
pub fn operations<'m>(model: &'m Model, placed: &[Placed]) -> Vec<Operation<'m>> {
    let mut operations = Vec::new();
    for (index, record) in placed.iter().enumerate() {
        let first = operations.len();
        for row in &record.wanted.rows {
            let current = row.current.and_then(|at| record.current().map(|c| &c.rows[at]));
            let node = &model.nodes[row.node];
            match current {
                None => operations.push(insert(node, row, index, None)),
                Some(current) if record.rekeyed && row.parent.is_none() => {
                    operations.push(insert(node, row, index, Some(current)));
                    operations.push(delete(model, current, index));
                }
                Some(current) => operations.extend(update(model, node, row, current, index)),
            }
        }
        // Children before their parents.
        for gone in record.wanted.removed.iter().rev() {
            if let Some(current) = record.current() {
                operations.push(delete(model, &current.rows[*gone], index));
            }
        }
        if operations.len() > first {
            reset(model, record, index, &mut operations, first);
        }
    }
    let mut operations = in_place(model, operations);
    again::refer_again(model, placed, &mut operations);
    operations
}

/// A row that is deleted and one that is inserted under the same key become one update, since other
/// rows may refer to the key all the while, rows that it owns among them.
fn in_place<'m>(model: &'m Model, mut operations: Vec<Operation<'m>>) -> Vec<Operation<'m>> {
    let of = |verb: Verb| operations.iter().enumerate().filter(move |(_, it)| it.verb == verb);
    let deleted: BTreeMap<_, usize> =
        of(Verb::Delete).map(|(at, operation)| (place(model, operation), at)).collect();
    let replaces =
        of(Verb::Insert).filter_map(|(at, it)| Some((at, *deleted.get(&place(model, it))?)));
    let replaces: Vec<(usize, usize)> = replaces.collect();
    let taken_over: BTreeSet<usize> = replaces.iter().map(|(_, deleted)| *deleted).collect();
    let is_taken_over =
        |operation: &Operation<'m>| taken_over.contains(&deleted[&place(model, operation)]);
    let gone: BTreeSet<usize> =
        of(Verb::Delete).filter(|(_, it)| is_taken_over(it)).map(|(at, _)| at).collect();
    for (inserted, deleted) in replaces {
        let old = std::mem::take(&mut operations[deleted].old);
        if old.is_empty() {
            continue;
        }
        let operation = &mut operations[inserted];
        operation.verb = Verb::Update;
        operation.set.retain(|name, value| old.get(name) != Some(value));
        operation.old = old;
    }
    let is_kept = |(at, operation): &(usize, Operation<'m>)| {
        !gone.contains(at) && (operation.verb != Verb::Update || !operation.set.is_empty())
    };
    operations.into_iter().enumerate().filter(is_kept).map(|(_, operation)| operation).collect()
}

fn place<'o, 'm>(model: &'m Model, operation: &'o Operation<'m>) -> (&'m str, &'o ByName<'m>) {
    (&operation.table(model).name, &operation.key)
}

/// A new row. One that replaces a row under another ID takes over what isn't written anew.
fn insert<'m>(
    node: &'m Node,
    row: &WantedRow,
    record: usize,
    replaces: Option<&RecordRow>,
) -> Operation<'m> {
    let mut set = BTreeMap::new();
    for (index, column) in node.columns.iter().enumerate() {
        let writable =
            column.role != Role::Generated && !matches!(column.on, Presence::SourceOnly { .. });
        let value = match (&row.cells[index], replaces) {
            (Cell::Value(value) | Cell::Open(value), _) => Some(value),
            (Cell::Leave, Some(old)) => Some(&old.values[index]),
            (Cell::Leave, None) => None,
        };
        if let (true, Some(value)) = (writable, value) {
            set.insert(column.name.as_str(), value.clone());
        }
    }
    let key = node
        .key
        .iter()
        .filter_map(|column| {
            let name = node.columns[*column].name.as_str();
            set.get(name).map(|value| (name, value.clone()))
        })
        .collect();
    Operation { verb: Verb::Insert, node: row.node, record, key, set, old: BTreeMap::new() }
}

/// The columns that differ and, with them, the ignored ones and the kept ones that an undo takes back.
fn update<'m>(
    model: &'m Model,
    node: &'m Node,
    row: &WantedRow,
    current: &RecordRow,
    record: usize,
) -> Option<Operation<'m>> {
    let mut columns = differing(node, row, current);
    let moved = |column: &usize| {
        node.columns[*column].role == Role::Place
            && row.cells[*column].value().is_some_and(|value| *value != current.values[*column])
    };
    columns.extend((0..node.columns.len()).filter(moved));
    if columns.is_empty() {
        return None;
    }
    let along = |column: &usize| {
        matches!(node.columns[*column].role, Role::Ignored | Role::KeptSource | Role::Reset)
            && row.cells[*column].value().is_some_and(|value| *value != current.values[*column])
    };
    columns.extend((0..node.columns.len()).filter(along));
    let set = columns
        .into_iter()
        .filter_map(|column| {
            let value = row.cells[column].value()?;
            Some((node.columns[column].name.as_str(), value.clone()))
        })
        .collect();
    let key = key_of(model, current);
    let old = by_name(node, current);
    Some(Operation { verb: Verb::Update, node: row.node, record, key, set, old })
}

/// Writes what `reset` names, and what an undo takes back, in rows that stay as they are otherwise,
/// since their record is written.
fn reset<'m>(
    model: &'m Model,
    record: &Placed,
    index: usize,
    operations: &mut Vec<Operation<'m>>,
    first: usize,
) {
    let Some(before) = record.current() else { return };
    for row in &record.wanted.rows {
        let node = &model.nodes[row.node];
        let Some(current) = row.current.map(|at| &before.rows[at]) else { continue };
        let moved = node.columns.iter().enumerate().filter_map(|(column, about)| {
            let back = record.draft.taken_back.contains(&(row.source, column));
            let value = row.cells[column].value().filter(|it| **it != current.values[column])?;
            (about.role == Role::Reset || back).then(|| (about.name.as_str(), value.clone()))
        });
        let set: ByName<'m> = moved.collect();
        let key = key_of(model, current);
        let mut own = operations[first..].iter();
        let is_written =
            own.any(|it| it.node == row.node && it.verb != Verb::Delete && it.key == key);
        let rekeyed = record.rekeyed && row.parent.is_none();
        if !set.is_empty() && !is_written && !rekeyed {
            let (verb, old) = (Verb::Update, by_name(node, current));
            operations.push(Operation { verb, node: row.node, record: index, key, set, old });
        }
    }
}

fn delete<'m>(model: &'m Model, current: &RecordRow, record: usize) -> Operation<'m> {
    let node = &model.nodes[current.node];
    Operation {
        verb: Verb::Delete,
        node: current.node,
        record,
        key: key_of(model, current),
        set: BTreeMap::new(),
        old: by_name(node, current),
    }
}

fn key_of<'m>(model: &'m Model, row: &RecordRow) -> ByName<'m> {
    let node = &model.nodes[row.node];
    let named = |column: &usize| (node.columns[*column].name.as_str(), row.values[*column].clone());
    node.key.iter().map(named).collect()
}

/// The row by column, without those the target doesn't have.
fn by_name<'m>(node: &'m Node, row: &RecordRow) -> ByName<'m> {
    node.columns
        .iter()
        .zip(&row.values)
        .filter(|(column, _)| !matches!(column.on, Presence::SourceOnly { .. }))
        .map(|(column, value)| (column.name.as_str(), value.clone()))
        .collect()
}

/// The values of some columns together; none where one is NULL or not known.
pub(super) fn held<'v>(
    columns: &[String],
    value: impl Fn(&str) -> Option<&'v Value>,
) -> Option<Vec<Value>> {
    columns.iter().map(|name| value(name).filter(|it| !it.is_null()).cloned()).collect()
}
