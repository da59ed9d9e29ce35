//! The next free paths of a tree, for rows whose own are held by records that stay.
//!
//! Answers for a path being behind all of its siblings', those on the target and those of the run, and
//! for rows below following it. It reads the siblings and writes nothing.

use std::collections::BTreeMap;

use super::{Error, Placed, follow};
use crate::compare::draft::Link;
use crate::compare::model::{Model, Node, Side, Tree};
use crate::compare::sides::Sides;
use crate::compare::tree::{above, next_step, rank};
use crate::compare::wanted::Cell;
use crate::database::Value;
use crate::manifest::filter::Condition;

/// Draws the open paths, those nearest the root first.
pub(super) async fn draw(
    sides: &mut Sides,
    model: &Model,
    placed: &mut [Placed],
) -> Result<(), Error> {
    let mut last: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    loop {
        let open = open(model, placed);
        if open.is_empty() {
            return Ok(());
        }
        for (record, parent) in open {
            let node = &model.nodes[placed[record].draft.root];
            let Some(tree) = &node.tree else { continue };
            let place = (node.table.clone(), parent.clone());
            if !last.contains_key(&place) {
                let greatest = greatest(sides, model, placed, (node, tree, &parent)).await?;
                last.insert(place.clone(), greatest);
            }
            let greatest = last.get_mut(&place).expect("it was put there");
            let step = next_step(tree, greatest.as_deref())
                .ok_or_else(|| Error::NoFreeNumber { table: node.table.clone() })?;
            let path = format!("{parent}{step}");
            *greatest = Some(step);
            placed[record].wanted.rows[0].cells[tree.path] = Cell::Value(Value::Text(path.into()));
        }
        // Rows below these have a path to stand under by now.
        follow(model, placed);
    }
}

/// The last step right below a path, on the target and in the run.
async fn greatest(
    sides: &mut Sides,
    model: &Model,
    placed: &[Placed],
    (node, tree, parent): (&Node, &Tree, &str),
) -> Result<Option<String>, Error> {
    let mut greatest = siblings(sides, node, tree, parent).await?;
    let of_tree = |other: &&Placed| model.nodes[other.draft.root].table == node.table;
    for other in placed.iter().filter(of_tree) {
        let before = other.current().and_then(|record| tree.of(record.root()));
        let paths = [path_of(model, other, tree), before.map(str::to_owned)];
        for path in paths.into_iter().flatten() {
            keep_greatest(tree, &mut greatest, &path, parent);
        }
    }
    Ok(greatest)
}

/// Records whose path is to be drawn and whose parent's path is known, with that.
fn open(model: &Model, placed: &[Placed]) -> Vec<(usize, String)> {
    let open = placed.iter().enumerate().filter_map(|(index, record)| {
        let tree = model.nodes[record.draft.root].tree.as_ref()?;
        let open = matches!(record.draft.gives_way, Some(Cell::Open(_)))
            && matches!(record.wanted.rows.first()?.cells[tree.path], Cell::Open(_));
        open.then(|| Some((index, parent_path(model, placed, record, tree)?))).flatten()
    });
    open.collect()
}

/// Where the row above stands after the run: empty for a row without one.
fn parent_path(model: &Model, placed: &[Placed], record: &Placed, tree: &Tree) -> Option<String> {
    let path = tree.of(record.draft.source.as_ref()?.root())?;
    let Some(linked) = record.draft.links.of(0, tree.reference).first() else {
        return Some(above(path, tree.step).unwrap_or_default().to_owned());
    };
    let Link::Row { key, there, .. } = &linked.link else {
        return Some(above(path, tree.step).unwrap_or_default().to_owned());
    };
    let root = record.draft.root;
    let leader = placed.iter().find(|other| {
        model.nodes[other.draft.root].table == model.nodes[root].table
            && other.draft.source.as_ref().is_some_and(|source| source.key(model) == *key)
    });
    match (leader, there.as_deref()) {
        (Some(leader), _) => path_of(model, leader, tree),
        (None, Some([Value::Text(path)])) => Some(path.to_string()),
        _ => None,
    }
}

/// The path that a record's row gets or has.
fn path_of(model: &Model, record: &Placed, tree: &Tree) -> Option<String> {
    let root = record.wanted.rows.first()?;
    model.nodes[root.node].tree.as_ref()?;
    match super::final_value(record, root, tree.path)? {
        Cell::Value(Value::Text(path)) => Some(path.to_string()),
        _ => None,
    }
}

/// The last step among the rows of the target right below a path.
async fn siblings(
    sides: &mut Sides,
    node: &Node,
    tree: &Tree,
    parent: &str,
) -> Result<Option<String>, Error> {
    let name = node.columns[tree.path].name.clone();
    let table = node.table(Side::Target);
    let key = node.names(&node.key);
    let below = match parent {
        "" => BTreeMap::new(),
        _ => BTreeMap::from([(name.clone(), Condition::StartsWith(parent.to_owned()))]),
    };
    let mut rows = sides.target.scan(table, &[name], &key, &below).await?;
    let mut greatest = None;
    while let Some(row) = rows.next().await? {
        if let Some(Value::Text(path)) = row.first() {
            keep_greatest(tree, &mut greatest, path, parent);
        }
    }
    Ok(greatest)
}

fn keep_greatest(tree: &Tree, greatest: &mut Option<String>, path: &str, parent: &str) {
    let Some(step) = path.strip_prefix(parent) else { return };
    if step.chars().count() != tree.step {
        return;
    }
    let Some(found) = rank(tree, step) else { return };
    if greatest.as_deref().and_then(|known| rank(tree, known)).is_none_or(|known| known < found) {
        *greatest = Some(step.to_owned());
    }
}
