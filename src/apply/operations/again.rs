//! References that keep their value while the row behind it becomes another one: pure.
//!
//! An owned row that moves is deleted at its old parent and inserted at its new one. Whoever refers
//! to it by a unique value holds the same value before and after, and the deletion would take it
//! away or be refused. So such a reference is written as well, and `order.rs` lets it go meanwhile.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{ByName, Operation, Verb, by_name, key_of};
use crate::apply::placement::Placed;
use crate::catalog::ForeignKey;
use crate::compare::model::{Model, Node};
use crate::compare::record::RecordRow;
use crate::compare::wanted::{Cell, WantedRow};
use crate::database::Value;

/// A table, columns and the values they hold together.
type Held = (String, Vec<String>, Vec<Value>);

/// Adds references to what one write takes away and another brings back under the same value.
pub(super) fn refer_again<'m>(
    model: &'m Model,
    placed: &[Placed],
    operations: &mut Vec<Operation<'m>>,
) {
    let moved = moved(model, placed, operations);
    if moved.is_empty() {
        return;
    }
    let mut updates: HashMap<(&str, ByName<'m>), usize> = operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| operation.verb == Verb::Update)
        .map(|(index, it)| ((it.table(model).name.as_str(), it.key.clone()), index))
        .collect();
    for (record, row, current) in staying(placed) {
        let node = &model.nodes[row.node];
        for key in &node.target.foreign_keys {
            let Some(values) = kept(node, row, current, &key.columns) else { continue };
            let held = (key.to_table.clone(), key.to_columns.clone(), values);
            if !moved.contains(&held) {
                continue;
            }
            let place = (node.table.as_str(), key_of(model, current));
            let index = *updates.entry(place).or_insert_with_key(|(_, key)| {
                let (verb, node) = (Verb::Update, row.node);
                let (set, old) = (BTreeMap::new(), by_name(&model.nodes[node], current));
                operations.push(Operation { verb, node, record, key: key.clone(), set, old });
                operations.len() - 1
            });
            operations[index].set.extend(key.columns.iter().map(String::as_str).zip(held.2));
        }
    }
}

/// Rows of the target that the records keep, each with the index of its record.
fn staying(placed: &[Placed]) -> impl Iterator<Item = (usize, &WantedRow, &RecordRow)> {
    placed.iter().enumerate().flat_map(|(index, record)| {
        // A record that takes another ID has its root inserted anew.
        let rows = record.wanted.rows.iter().filter(|it| !(record.rekeyed && it.parent.is_none()));
        rows.filter_map(move |row| Some((index, row, &record.current()?.rows[row.current?])))
    })
}

/// What kept references hold and one write takes from a row while another gives it to a row.
fn moved<'m>(model: &'m Model, placed: &[Placed], operations: &[Operation<'m>]) -> HashSet<Held> {
    let mut referred: HashMap<&str, HashSet<&Vec<String>>> = HashMap::new();
    for key in placed_keys(model, placed) {
        referred.entry(&key.to_table).or_default().insert(&key.to_columns);
    }
    let (mut taken, mut given) = (HashSet::new(), HashSet::new());
    for operation in operations {
        let table = &operation.table(model).name;
        for columns in referred.get(table.as_str()).into_iter().flatten() {
            let old = super::held(columns, |name| operation.old.get(name));
            let new = super::held(columns, |name| operation.after(name));
            if old != new {
                let place = |values| (table.clone(), (*columns).clone(), values);
                taken.extend(old.map(place));
                given.extend(new.map(place));
            }
        }
    }
    taken.retain(|held| given.contains(held));
    taken
}

fn placed_keys<'m>(model: &'m Model, placed: &[Placed]) -> impl Iterator<Item = &'m ForeignKey> {
    let nodes: HashSet<usize> = staying(placed).map(|(_, row, _)| row.node).collect();
    nodes.into_iter().flat_map(|node| &model.nodes[node].target.foreign_keys)
}

/// The values that a reference holds and is to hold; none where it is left alone or changes.
fn kept(
    node: &Node,
    row: &WantedRow,
    current: &RecordRow,
    columns: &[String],
) -> Option<Vec<Value>> {
    let value = |name: &String| {
        let column = node.column(name)?;
        let Cell::Value(wanted) = &row.cells[column] else { return None };
        (*wanted == current.values[column] && !wanted.is_null()).then(|| wanted.clone())
    };
    columns.iter().map(value).collect()
}
