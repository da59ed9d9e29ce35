//! A record: one root row and the rows it owns, as they stand on one side.

use std::collections::BTreeMap;

use super::model::{Model, Node, NodeId, Side};
use super::sides::{Sides, pick, rows_of};
use super::spots::holds;
use crate::database::{self, Row, Session, Value};
use crate::manifest::filter::passes;

/// Rows of one record. The first is the root; every other follows its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub rows: Vec<RecordRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    pub node: NodeId,
    /// Index of the parent's row in the record; the root has none.
    pub parent: Option<usize>,
    /// In the order of the node's columns.
    pub values: Row,
    /// Passes the node's filter, and so do the rows above it.
    pub in_filter: bool,
}

impl Record {
    pub fn root(&self) -> &Row {
        &self.rows[0].values
    }

    pub fn key(&self, model: &Model) -> Vec<Value> {
        pick(self.root(), &model.nodes[self.rows[0].node].key)
    }
}

impl RecordRow {
    /// The key by which the target's catalogue knows the row: its primary key, else the module's.
    pub fn primary_key(&self, model: &Model) -> Vec<Value> {
        let node = &model.nodes[self.node];
        let primary: Vec<usize> =
            node.target.primary_key.iter().filter_map(|name| node.column(name)).collect();
        pick(&self.values, if primary.is_empty() { &node.key } else { &primary })
    }

    pub fn key(&self, model: &Model) -> Vec<Value> {
        pick(&self.values, &model.nodes[self.node].key)
    }
}

/// Records by their root keys.
pub type Records = BTreeMap<Vec<Value>, Record>;

/// Reads the records with the given root keys; a key without a row has no entry.
pub async fn load(
    sides: &mut Sides,
    side: Side,
    model: &Model,
    root: NodeId,
    keys: &[Vec<Value>],
) -> Result<Records, database::Error> {
    load_from(sides.get(side), side, model, root, keys).await
}

/// Reads the records of both sides that have the given root keys, at once.
pub async fn load_both(
    sides: &mut Sides,
    model: &Model,
    root: NodeId,
    keys: &[Vec<Value>],
) -> Result<(Records, Records), database::Error> {
    let Sides { source, target, .. } = sides;
    // Both are waited for, whatever becomes of one: no statement is left behind in a transaction.
    let (ours, theirs) = tokio::join!(
        load_from(source, Side::Source, model, root, keys),
        load_from(target, Side::Target, model, root, keys),
    );
    Ok((ours?, theirs?))
}

async fn load_from(
    session: &mut Session,
    side: Side,
    model: &Model,
    root: NodeId,
    keys: &[Vec<Value>],
) -> Result<Records, database::Error> {
    let node = &model.nodes[root];
    let mut records = BTreeMap::new();
    for (_, values) in rows_of(session, side, node, &node.key, keys).await? {
        let in_filter = in_filter(node, &values);
        let key = pick(&values, &node.key);
        let row = RecordRow { node: root, parent: None, values, in_filter };
        records.insert(key, Record { rows: vec![row] });
    }
    for child in &node.owns {
        Box::pin(load_owned(session, side, model, *child, &mut records)).await?;
    }
    Ok(records)
}

/// Reads the rows of an owned table for all records at once, then the tables below it.
async fn load_owned(
    session: &mut Session,
    side: Side,
    model: &Model,
    id: NodeId,
    records: &mut Records,
) -> Result<(), database::Error> {
    let node = &model.nodes[id];
    let Some(parent) = &node.parent else { return Ok(()) };
    let mut wanted = Vec::new();
    let mut places = Vec::new();
    for (key, record) in &*records {
        for (index, row) in record.rows.iter().enumerate() {
            if row.node == parent.node {
                wanted.push(Node::from_parent(parent, &row.values));
                places.push((key.clone(), index));
            }
        }
    }
    let mut found = match node.derived && side == Side::Source {
        // Never copied, and some application makes many.
        true => Vec::new(),
        false => rows_of(session, side, node, &parent.columns, &wanted).await?,
    };
    found.retain(|(_, row)| belongs(model, node, side, row));
    found.sort_by(|(a, a_row), (b, b_row)| {
        (a, pick(a_row, &node.key)).cmp(&(b, pick(b_row, &node.key)))
    });
    for (answered, values) in found {
        let (key, above) = &places[answered];
        if let Some(record) = records.get_mut(key) {
            // A record that is matched is written whole, though its root stands outside the filter.
            let owner = &record.rows[*above];
            let in_filter = (owner.parent.is_none() || owner.in_filter) && in_filter(node, &values);
            record.rows.push(RecordRow { node: id, parent: Some(*above), values, in_filter });
        }
    }
    for child in &node.owns {
        Box::pin(load_owned(session, side, model, *child, records)).await?;
    }
    Ok(())
}

/// Whether a row of an owned table belongs to such records at all.
pub fn belongs(model: &Model, node: &Node, side: Side, values: &[Value]) -> bool {
    node.belongs.iter().all(|test| holds(model, test, side, values))
}

/// Whether a row is the module's to compare and write.
pub fn in_filter(node: &Node, values: &[Value]) -> bool {
    !node.derived && passes(&node.filter, |name| node.column(name).map(|index| &values[index]))
}
