//! Reads every written record back and holds it against what was wanted.
//!
//! Answers for a trigger, a column that cuts values or a statement of the operator never changing
//! what was reviewed unseen: any difference rolls the run back.

use std::collections::BTreeMap;

use super::placement::Placed;
use super::{Error, Watch};
use crate::compare::model::{Model, NodeId, Role, Side};
use crate::compare::record::{Record, RecordRow, load};
use crate::compare::shown_key;
use crate::compare::sides::Sides;
use crate::compare::wanted::WantedRow;
use crate::database::Value;

/// Records are read back this many at a time.
const CHUNK: usize = 500;

/// Checks all placed records; returns them as they stand now, in the same order.
pub async fn read_back(
    sides: &mut Sides,
    model: &Model,
    placed: &[Placed],
    watch: &mut dyn Watch,
) -> Result<Vec<Option<Record>>, Error> {
    let mut by_root: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
    for (index, record) in placed.iter().enumerate() {
        by_root.entry(record.draft.root).or_default().push(index);
    }
    let mut found: Vec<Option<Record>> = vec![None; placed.len()];
    let mut done = 0;
    for (root, indexes) in by_root {
        for chunk in indexes.chunks(CHUNK) {
            let keys: Vec<Vec<Value>> =
                chunk.iter().map(|index| placed[*index].target_id(model)).collect();
            let mut records = load(sides, Side::Target, model, root, &keys).await?;
            for (index, key) in chunk.iter().zip(&keys) {
                found[*index] = records.remove(key);
            }
            done += chunk.len();
            watch.advance(done);
        }
    }
    for (record, found) in placed.iter().zip(&found) {
        hold(model, record, found.as_ref())?;
    }
    Ok(found)
}

fn hold(model: &Model, record: &Placed, found: Option<&Record>) -> Result<(), Error> {
    let node = &model.nodes[record.draft.root];
    let differs = |what: String| {
        Err(Error::ReadBack {
            record: format!("{}/{}", node.table, shown_key(&record.target_id(model))),
            what,
        })
    };
    let Some(found) = found else {
        return match record.wanted.rows.is_empty() {
            true => Ok(()),
            false => differs("it isn't there".into()),
        };
    };
    if record.wanted.rows.is_empty() {
        return differs("it is still there".into());
    }
    // What was written may stand outside a filter; what wasn't is the module's only inside.
    let mut rows: BTreeMap<(NodeId, Vec<Value>), &RecordRow> =
        found.rows.iter().map(|row| ((row.node, row.key(model)), row)).collect();
    for row in &record.wanted.rows {
        let node = &model.nodes[row.node];
        let key = final_key(record, row, &node.key);
        let Some(found) = rows.remove(&(row.node, key.clone())) else {
            return differs(format!("{} {} isn't there", node.table, shown_key(&key)));
        };
        if let Some(column) = first_difference(model, row, &found.values) {
            return differs(format!(
                "{}.{} of row {} doesn't hold what was written",
                node.table,
                node.columns[column].name,
                shown_key(&key)
            ));
        }
    }
    match rows.iter().find(|(_, row)| row.in_filter) {
        Some(((node, key), _)) => {
            let table = &model.nodes[*node].table;
            differs(format!("{table} {} appeared", shown_key(key)))
        }
        None => Ok(()),
    }
}

fn final_key(record: &Placed, row: &WantedRow, key: &[usize]) -> Vec<Value> {
    let old = row.current.and_then(|at| record.current().map(|c| &c.rows[at].values));
    key.iter()
        .map(|column| {
            row.cells[*column]
                .value()
                .or_else(|| old.map(|old| &old[*column]))
                .cloned()
                .unwrap_or(Value::Null)
        })
        .collect()
}

/// The first column whose reviewed value isn't there. Ignored columns may move by themselves.
fn first_difference(model: &Model, row: &WantedRow, values: &[Value]) -> Option<usize> {
    let columns = &model.nodes[row.node].columns;
    (0..columns.len()).find(|column| {
        matches!(columns[*column].role, Role::Content | Role::Place)
            && row.cells[*column]
                .value()
                .is_some_and(|wanted| !columns[*column].same(wanted, &values[*column]))
    })
}
