//! Gives every row of the approved records its final place on the target.
//!
//! Answers for new IDs and for references that follow: to rows that are inserted by the same run, to
//! renumbered and adopted records, to owned rows with other keys. New numbers are drawn last, above
//! all IDs of both sides. It reads only, so that approvals can be tried before a run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Approved, Error};
use crate::compare::draft::{Draft, Link};
use crate::compare::model::{Model, Node, NodeId, Side};
use crate::compare::record::Record;
use crate::compare::sides::{Sides, pick};
use crate::compare::spots::{At, Position};
use crate::compare::wanted::{Cell, Wanted, WantedRow, rewrite, written_into};
use crate::database::Value;
use crate::plan::change::Answer;

mod guard;
mod paths;

/// One approved record, ready to be written.
#[derive(Debug, Clone)]
pub struct Placed {
    pub draft: Arc<Draft>,
    pub answer: Option<Answer>,
    pub wanted: Wanted,
    /// The record takes another ID, so its row is inserted anew and the old one deleted.
    pub rekeyed: bool,
}

/// Where a source row stands on the target: draft and index among its wanted rows.
type Overlay = HashMap<(String, Vec<Value>), (usize, usize)>;

/// Places the approved entries.
pub async fn place(
    sides: &mut Sides,
    model: &Model,
    approved: &[Approved<'_>],
) -> Result<Vec<Placed>, Error> {
    let mut placed: Vec<Placed> = Vec::with_capacity(approved.len());
    for Approved { entry, answer, .. } in approved {
        let choice = entry.choice(*answer).ok_or_else(|| Error::NotOffered {
            record: crate::compare::plan::name(model, &entry.draft),
        })?;
        let rekeyed = entry.draft.takes_new_id(*answer).is_some();
        placed.push(Placed {
            draft: Arc::clone(&entry.draft),
            answer: *answer,
            wanted: choice.wanted.clone(),
            rekeyed,
        });
    }
    let mut numbers = Numbers::default();
    assign(sides, model, &mut placed, &mut numbers).await?;
    follow(model, &mut placed);
    paths::draw(sides, model, &mut placed).await?;
    guard::hold(model, &placed)?;
    Ok(placed)
}

/// Numbers taken by this run, and the next free one of each table.
#[derive(Default)]
struct Numbers {
    taken: BTreeMap<String, BTreeSet<i64>>,
    next: BTreeMap<String, i64>,
}

impl Numbers {
    /// A number above all IDs of both sides and of this run, and above those that the target's
    /// sequence gave away: somebody may still know them by rows that are gone.
    async fn draw(&mut self, sides: &mut Sides, node: &Node, column: usize) -> Result<i64, Error> {
        let name = &node.columns[column].name;
        if !self.next.contains_key(&node.table) {
            let mut greatest = 0;
            for side in [Side::Source, Side::Target] {
                let found = sides.get(side).greatest_integer(node.table(side), name).await?;
                greatest = greatest.max(found.unwrap_or(0));
            }
            let given = sides.target.last_number(&node.target, name).await?;
            greatest = greatest.max(given.unwrap_or(0));
            let taken = self.taken.get(&node.table).and_then(BTreeSet::last).copied();
            self.next.insert(node.table.clone(), greatest.max(taken.unwrap_or(0)));
        }
        let next = self.next.entry(node.table.clone()).or_default();
        *next =
            next.checked_add(1).ok_or_else(|| Error::NoFreeNumber { table: node.table.clone() })?;
        Ok(*next)
    }
}

/// Settles the keys of all rows: first those that keep the source's, then the drawn ones.
async fn assign(
    sides: &mut Sides,
    model: &Model,
    placed: &mut [Placed],
    numbers: &mut Numbers,
) -> Result<(), Error> {
    for record in placed.iter_mut() {
        let node = &model.nodes[record.draft.root];
        let Some(id) = record.draft.takes_new_id(record.answer).cloned() else { continue };
        for (column, value) in node.key.iter().zip(&id) {
            record.wanted.rows[0].cells[*column] = Cell::Value(value.clone());
        }
    }
    let renumbered = placed.iter().map(|record| record.answer == Some(Answer::Renumber));
    let mut draws: Vec<(usize, usize, usize)> = renumbered
        .enumerate()
        .filter(|(_, renumber)| *renumber)
        .map(|(index, _)| (index, 0, model.nodes[placed[index].draft.root].key[0]))
        .collect();
    draws.extend(taken_numbers(sides, model, placed, numbers).await?);
    for (record, row, column) in draws {
        let node = &model.nodes[placed[record].wanted.rows[row].node];
        let number = numbers.draw(sides, node, column).await?;
        placed[record].wanted.rows[row].cells[column] = Cell::Value(Value::Integer(number));
    }
    Ok(())
}

/// Inserted rows whose source number, which is no content, is taken on the target or by an earlier
/// row; each with the number's column.
async fn taken_numbers(
    sides: &mut Sides,
    model: &Model,
    placed: &[Placed],
    numbers: &mut Numbers,
) -> Result<Vec<(usize, usize, usize)>, Error> {
    let mut inserts: BTreeMap<NodeId, Vec<(usize, usize, Value)>> = BTreeMap::new();
    for (index, record) in placed.iter().enumerate() {
        for (at, row) in record.wanted.rows.iter().enumerate() {
            let node = &model.nodes[row.node];
            let key = node.key.first().and_then(|column| row.cells[*column].value());
            let number = node.number.and_then(|column| row.cells[column].value());
            if let (None, Some(number)) = (row.current, number) {
                inserts.entry(row.node).or_default().push((index, at, number.clone()));
            } else if let (None, Some(Value::Integer(number)), false) =
                (row.current, key, record.answer == Some(Answer::Renumber))
            {
                numbers.taken.entry(node.table.clone()).or_default().insert(*number);
            }
        }
    }
    let freed = freed_rows(model, placed);
    let mut draws = Vec::new();
    for (id, rows) in inserts {
        let node = &model.nodes[id];
        let Some(column) = node.number else { continue };
        // Whoever refers to a row that goes must not find another one under its number.
        let referred = model.is_referred_to(&node.table);
        let wanted: Vec<Vec<Value>> = rows.iter().map(|(_, _, key)| vec![key.clone()]).collect();
        let held: BTreeSet<Value> = sides
            .rows(Side::Target, node, &[column], &wanted)
            .await?
            .into_iter()
            .filter(|(_, row)| {
                let key = pick(row, &node.key);
                referred || !freed.contains(&(node.table.clone(), key))
            })
            .map(|(_, row)| row[column].clone())
            .collect();
        let taken = numbers.taken.entry(node.table.clone()).or_default();
        for (index, at, key) in rows {
            let free = match &key {
                Value::Integer(number) => !held.contains(&key) && taken.insert(*number),
                _ => false,
            };
            if !free {
                draws.push((index, at, column));
            }
        }
    }
    Ok(draws)
}

/// Rows of the target that this run deletes.
fn freed_rows(model: &Model, placed: &[Placed]) -> BTreeSet<(String, Vec<Value>)> {
    placed
        .iter()
        .flat_map(|record| {
            let rows = record.wanted.removed.iter();
            rows.filter_map(|index| record.current().map(|current| &current.rows[*index]))
        })
        .map(|row| (model.nodes[row.node].table.clone(), row.key(model)))
        .collect()
}

/// Lets parents and references follow the final keys, until nothing changes any more.
fn follow(model: &Model, placed: &mut [Placed]) {
    let overlay = overlay(model, placed);
    // A key may hold a reference to a key that holds a reference; real schemas end after two or
    // three steps, paths of a deep tree after as many as it has levels.
    for _ in 0..256 {
        let mut changed = false;
        for index in 0..placed.len() {
            for at in 0..placed[index].wanted.rows.len() {
                let cells = followed(model, placed, &overlay, index, at);
                let row = &mut placed[index].wanted.rows[at];
                changed |= row.cells != cells;
                row.cells = cells;
            }
        }
        if !changed {
            break;
        }
    }
}

fn overlay(model: &Model, placed: &[Placed]) -> Overlay {
    let mut overlay = Overlay::new();
    for (index, record) in placed.iter().enumerate() {
        let Some(source) = &record.draft.source else { continue };
        for (at, row) in record.wanted.rows.iter().enumerate() {
            let key = source.rows[row.source].key(model);
            overlay.insert((model.nodes[row.node].table.clone(), key), (index, at));
        }
    }
    overlay
}

/// A row's cells with its parent's and its references' values as they stand now.
fn followed(
    model: &Model,
    placed: &[Placed],
    overlay: &Overlay,
    index: usize,
    at: usize,
) -> Vec<Cell> {
    let record = &placed[index];
    let row = &record.wanted.rows[at];
    let node = &model.nodes[row.node];
    let mut cells = row.cells.clone();
    let mut inside: BTreeMap<usize, Vec<(&Position, Option<Value>)>> = BTreeMap::new();
    for (reference_at, reference) in node.references.iter().enumerate() {
        for linked in record.draft.links.of(row.source, reference_at) {
            let Link::Row { key, there, .. } = &linked.link else { continue };
            let referred = overlay.get(&(reference.to_table.clone(), key.clone()));
            if let At::Inside(position) = &linked.at {
                let role = node.columns[reference.columns[0]].role;
                if reference.leaves(role, row.current.is_some()) {
                    continue;
                }
                let id = match referred {
                    Some(place) => final_id(model, placed, *place, &reference.to_columns[0]),
                    None => there.as_ref().and_then(|values| values.first().cloned()),
                };
                inside.entry(reference.columns[0]).or_default().push((position, id));
                continue;
            }
            let Some((other, other_at)) = referred else { continue };
            let referred = &placed[*other].wanted.rows[*other_at];
            let referred_node = &model.nodes[referred.node];
            for (column, name) in reference.columns.iter().zip(&reference.to_columns) {
                let keeps = reference.leaves(node.columns[*column].role, row.current.is_some());
                let value = referred_node
                    .column(name)
                    .and_then(|to| final_value(&placed[*other], referred, to));
                if let (false, Some(value)) = (keeps || cells[*column] == Cell::Leave, value) {
                    cells[*column] = value.like(&cells[*column]);
                }
            }
        }
    }
    let gives_way = node.tree.as_ref().filter(|_| record.draft.gives_way.is_some());
    for (column, ids) in inside {
        let left =
            cells[column] == Cell::Leave || gives_way.is_some_and(|tree| tree.path == column);
        let source = record.draft.source.as_ref().map(|source| &source.rows[row.source]);
        if let (Some(source), false) = (source, left) {
            cells[column] = rewrite(&source.values[column], &ids);
        }
    }
    if let (Some(link), Some(parent)) = (&node.parent, row.parent) {
        let above = &record.wanted.rows[parent];
        for ((column, to), kind) in link.columns.iter().zip(&link.to).zip(&link.kinds) {
            if let Some(value) = final_value(record, above, *to) {
                cells[*column] = value.as_kind(*kind);
            }
        }
    }
    cells
}

/// What a row will be referred to by; `None` while that stands open.
fn final_id(
    model: &Model,
    placed: &[Placed],
    (record, row): (usize, usize),
    name: &str,
) -> Option<Value> {
    let row = &placed[record].wanted.rows[row];
    let column = model.nodes[row.node].column(name)?;
    match final_value(&placed[record], row, column)? {
        Cell::Value(value) => Some(value),
        Cell::Open(_) | Cell::Leave => None,
    }
}

/// What a column will hold on the target: what is written, else what is there.
fn final_value(record: &Placed, row: &WantedRow, column: usize) -> Option<Cell> {
    match (&row.cells[column], row.current, record.current()) {
        (Cell::Leave, Some(index), Some(current)) => {
            Some(Cell::Value(current.rows[index].values[column].clone()))
        }
        (Cell::Leave, _, _) => None,
        (cell, _, _) => Some(cell.clone()),
    }
}

impl Placed {
    /// The target's record before the run.
    pub fn current(&self) -> Option<&Record> {
        written_into(&self.draft, self.answer)
    }

    /// The record's ID on the target after the run.
    pub fn target_id(&self, model: &Model) -> Vec<Value> {
        let node = &model.nodes[self.draft.root];
        match self.wanted.rows.first() {
            Some(root) => node
                .key
                .iter()
                .map(|column| root.cells[*column].value().cloned().unwrap_or(Value::Null))
                .collect(),
            None => {
                self.current().map_or_else(|| self.draft.id.clone(), |c| pick(c.root(), &node.key))
            }
        }
    }
}
