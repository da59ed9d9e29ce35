//! What must be true of placed records before the first of them is written: pure.
//!
//! Answers for combinations of approvals that are each offered but don't go together: two records
//! written into one, a reference to a row that turns into something else, a reference to a row that
//! nobody brings. A plan judges every change by itself, so only the run sees them.

use std::collections::{BTreeSet, HashMap};

use super::{Error, Placed, overlay};
use crate::compare::draft::{Case, Link};
use crate::compare::model::Model;
use crate::compare::shown_key;
use crate::compare::sides::pick;
use crate::compare::wanted::Cell;
use crate::database::Value;
use crate::plan::change::Answer;

/// A table, columns of it and the values they hold together.
type Held = (String, Vec<String>, Vec<Value>);

pub(super) fn hold(model: &Model, placed: &[Placed]) -> Result<(), Error> {
    nothing_stands_open(model, placed)?;
    one_into_each(model, placed)?;
    nothing_refers_to_what_goes(model, placed)
}

fn name(model: &Model, record: &Placed) -> String {
    crate::compare::plan::name(model, &record.draft)
}

fn nothing_stands_open(model: &Model, placed: &[Placed]) -> Result<(), Error> {
    for record in placed {
        for row in &record.wanted.rows {
            let node = &model.nodes[row.node];
            let open = row.cells.iter().position(|cell| matches!(cell, Cell::Open(_)));
            if let Some(column) = open {
                return Err(Error::Unplaced {
                    record: name(model, record),
                    column: format!("{}.{}", node.table, node.columns[column].name),
                });
            }
        }
    }
    Ok(())
}

fn one_into_each(model: &Model, placed: &[Placed]) -> Result<(), Error> {
    let mut into: HashMap<(&str, Vec<Value>), &Placed> = HashMap::new();
    for record in placed {
        let Some(current) = record.current() else { continue };
        let (table, key) = (model.nodes[record.draft.root].table.as_str(), current.key(model));
        let target = format!("{table} {}", shown_key(&key));
        if let Some(other) = into.insert((table, key), record) {
            let records = [name(model, other), name(model, record)];
            return Err(Error::TwoIntoOne { records, target });
        }
    }
    Ok(())
}

/// Rows of the target that stand for something else after the run, by what references may hold.
fn given_up(model: &Model, placed: &[Placed]) -> HashMap<Held, String> {
    let references = model.nodes.iter().flat_map(|node| &node.references);
    let referred: BTreeSet<(&str, &[String])> = references
        .map(|reference| (reference.to_table.as_str(), reference.to_columns.as_slice()))
        .collect();
    let mut gone = HashMap::new();
    for record in placed {
        let Some(current) = record.current() else { continue };
        let replaced =
            record.draft.case == Case::IdReused && record.answer == Some(Answer::Overwrite);
        let rows: Vec<usize> = match replaced {
            true => (0..current.rows.len()).collect(),
            false => {
                record.wanted.removed.iter().copied().chain(record.rekeyed.then_some(0)).collect()
            }
        };
        for row in rows.into_iter().map(|index| &current.rows[index]) {
            let node = &model.nodes[row.node];
            for (table, columns) in referred.iter().filter(|(table, _)| *table == node.table) {
                let indexes: Vec<usize> =
                    columns.iter().filter_map(|column| node.column(column)).collect();
                let held = (node.table.clone(), columns.to_vec(), pick(&row.values, &indexes));
                gone.insert(held, format!("{table} {}", shown_key(&row.key(model))));
            }
        }
    }
    gone
}

fn nothing_refers_to_what_goes(model: &Model, placed: &[Placed]) -> Result<(), Error> {
    let gone = given_up(model, placed);
    if gone.is_empty() {
        return Ok(());
    }
    let overlay = overlay(model, placed);
    for record in placed {
        for row in &record.wanted.rows {
            let references = model.nodes[row.node].references.iter().enumerate();
            let links = references.flat_map(|(index, reference)| {
                let links = record.draft.links.of(row.source, index).iter();
                links.map(move |linked| (reference, linked))
            });
            for (reference, linked) in links {
                let Link::Row { key, there: Some(there), .. } = &linked.link else { continue };
                let placed_anew = overlay.contains_key(&(reference.to_table.clone(), key.clone()));
                let left = reference.columns.iter().all(|at| row.cells[*at] == Cell::Leave);
                let held =
                    (reference.to_table.clone(), reference.to_columns.clone(), there.clone());
                if let (false, false, Some(referred)) = (placed_anew, left, gone.get(&held)) {
                    let (record, referred) = (name(model, record), referred.clone());
                    return Err(Error::RefersToWhatGoes { record, referred });
                }
            }
        }
    }
    Ok(())
}
