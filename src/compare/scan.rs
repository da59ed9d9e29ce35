//! Streams both sides in key order and keeps only the keys of records that may differ.
//!
//! Answers for memory being bounded by the differences. A row is a candidate when it stands on one
//! side only, when its content differs as read, or when it refers to a row that isn't the same thing
//! on both sides. Whether a candidate really differs is decided later, record by record.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use super::files::naming_brought;
use super::model::{Model, Node, NodeId, Presence, Role, Side};
use super::moved::{Lookout, Moved, moved};
use super::record::{belongs, in_filter};
use super::sides::{Sides, pick, present, spread};
use super::spots::as_kind;
use super::stretches::{At, Twin, differing};
use crate::catalog::Kind;
use crate::database::{Row, Unlike, Value};

/// Root keys of records that may differ, on each side, and how many rows each root table has.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    pub source: BTreeMap<NodeId, BTreeSet<Vec<Value>>>,
    pub target: BTreeMap<NodeId, BTreeSet<Vec<Value>>>,
    /// Source rows that pass the root's filter.
    pub source_rows: BTreeMap<NodeId, u64>,
    /// Rows of both sides that were read to find them.
    pub read: u64,
}

impl Candidates {
    pub fn of(&mut self, side: Side) -> &mut BTreeMap<NodeId, BTreeSet<Vec<Value>>> {
        match side {
            Side::Source => &mut self.source,
            Side::Target => &mut self.target,
        }
    }
}

pub async fn scan(sides: &mut Sides, model: &Model) -> Result<Candidates, Error> {
    let moved = moved(sides, model).await?;
    let mut candidates = Candidates::default();
    for id in 0..model.nodes.len() {
        scan_node(sides, model, id, &moved, &mut candidates).await?;
    }
    for (id, node) in model.nodes.iter().enumerate() {
        let found = naming_brought(sides, model, node).await?;
        let (root, keys) = climb(sides, model, Side::Source, id, found).await?;
        candidates.source.entry(root).or_default().extend(keys);
    }
    sides.narrow().await?;
    Ok(candidates)
}

async fn scan_node(
    sides: &mut Sides,
    model: &Model,
    id: NodeId,
    moved: &Moved,
    candidates: &mut Candidates,
) -> Result<(), Error> {
    let node = &model.nodes[id];
    if node.derived {
        return Ok(());
    }
    let mut found: [BTreeSet<Vec<Value>>; 2] = Default::default();
    let place = node.parent.as_ref().map_or(&node.key, |parent| &parent.columns);
    let lookout = Lookout::new(model, node, moved);
    let mut look = |source: Option<Row>, target: Option<Row>| {
        let owned = |side: Side, row: Option<Row>| {
            row.map(|row| spread(node, side, row)).filter(|row| belongs(model, node, side, row))
        };
        let source = owned(Side::Source, source);
        let target = owned(Side::Target, target);
        if let (Some(source), Some(target)) = (&source, &target)
            && equal(node, source, target)
            && !lookout.sees(source)
        {
            return;
        }
        for (row, found) in [source, target].into_iter().zip(&mut found) {
            found.extend(row.map(|row| pick(&row, place)));
        }
    };
    let mut twin = twin(node);
    if !lookout.finds_quickly(sides.source.engine()) {
        twin.compared = None;
    }
    let looked = differing(sides, &twin, &mut look).await?;
    candidates.read += looked.read;
    if looked.at == At::Differing {
        for rows in lookout.referring(sides).await? {
            add_referring(sides, node, rows, &mut found).await?;
        }
    }
    if node.parent.is_none() {
        candidates.source_rows.insert(id, looked.source_rows);
    }
    for (side, found) in [Side::Source, Side::Target].into_iter().zip(found) {
        let (root, keys) = climb(sides, model, side, id, found).await?;
        candidates.of(side).entry(root).or_default().extend(keys);
    }
    Ok(())
}

/// A node's table as it is compared, by checksums where those say what [`equal`] says.
fn twin(node: &Node) -> Twin<'_> {
    let mut compared = Some(Vec::new());
    let mut unlike = Vec::new();
    for (index, column) in node.columns.iter().enumerate() {
        match (&column.on, column.role) {
            (Presence::Both, Role::Place) if node.number == Some(index) => {}
            (Presence::Both, Role::Content | Role::Place) if column.seconds.is_some() => {
                compared = None;
            }
            (Presence::Both, Role::Content | Role::Place) => {
                if let Some(names) = &mut compared {
                    names.push(column.name.clone());
                }
            }
            (Presence::SourceOnly { default }, Role::Content) => {
                let constant = default.as_deref().map(constant).filter(|_| has_text(column.kind));
                unlike.push(Unlike::Other(column.name.clone(), constant));
            }
            _ => {}
        }
    }
    Twin {
        tables: [&node.source, &node.target],
        read: [present(node, Side::Source), present(node, Side::Target)],
        key: node.names(&node.key),
        filter: &node.filter,
        compared,
        unlike,
    }
}

/// Whether a value whose text is the default's constant is the default: a number's text may leave digits
/// out, bytes and JSON are compared otherwise.
fn has_text(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Bytes | Kind::Json | Kind::Decimal | Kind::Float | Kind::Any | Kind::Native
    )
}

/// Equal as read: content, the parent's reference, and nothing that only the source has.
fn equal(node: &Node, source: &[Value], target: &[Value]) -> bool {
    node.columns.iter().enumerate().all(|(index, column)| match (&column.on, column.role) {
        (Presence::Both, Role::Place) if node.number == Some(index) => true,
        (Presence::Both, Role::Content | Role::Place) => {
            column.same(&source[index], &target[index])
        }
        (Presence::SourceOnly { default }, Role::Content) => {
            is_default(&source[index], default.as_deref())
        }
        _ => true,
    })
}

/// NULL, or what the column's default says where that is a plain constant.
pub fn is_default(value: &Value, default: Option<&str>) -> bool {
    if value.is_null() {
        return true;
    }
    let Some(text) = default.map(constant) else { return false };
    match value {
        Value::Boolean(truth) => {
            text.eq_ignore_ascii_case(if *truth { "true" } else { "false" })
                || text == if *truth { "1" } else { "0" }
        }
        Value::Integer(_) | Value::Decimal(_) | Value::Float(_) => {
            *value == Value::Decimal(text.into())
        }
        other => other.display() == text,
    }
}

/// The text of a default's constant.
pub fn constant(default: &str) -> String {
    // PostgreSQL writes `'x'::text`; SQLite keeps the expression as it was written.
    let constant = default.split("::").next().unwrap_or(default).trim();
    let constant = constant.trim_start_matches('(').trim_end_matches(')');
    constant
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
        .map_or_else(|| constant.to_owned(), |inner| inner.replace("''", "'"))
}

/// From rows of an owned table up to the keys of their records.
async fn climb(
    sides: &mut Sides,
    model: &Model,
    side: Side,
    from: NodeId,
    places: BTreeSet<Vec<Value>>,
) -> Result<(NodeId, BTreeSet<Vec<Value>>), Error> {
    let (mut id, mut places) = (from, places);
    while let Some(parent) = &model.nodes[id].parent {
        let above = &model.nodes[parent.node];
        let wanted = above.parent.as_ref().map_or(&above.key, |parent| &parent.columns);
        let kinds = &parent.to_kinds;
        let typed = |values: Vec<Value>| {
            values.iter().zip(kinds).map(|(value, kind)| as_kind(value, *kind)).collect()
        };
        places = places.into_iter().filter_map(typed).collect();
        if parent.to != *wanted {
            let by: Vec<Vec<Value>> = places.into_iter().collect();
            let rows = sides.rows(side, above, &parent.to, &by).await?;
            places = rows.into_iter().map(|(_, row)| pick(&row, wanted)).collect();
        }
        id = parent.node;
    }
    Ok((id, places))
}

/// Adds rows of the source that refer to what moved, and the target's with their keys: they may be
/// equal as read.
async fn add_referring(
    sides: &mut Sides,
    node: &Node,
    source: Vec<Row>,
    found: &mut [BTreeSet<Vec<Value>>; 2],
) -> Result<(), Error> {
    let place = node.parent.as_ref().map_or(&node.key, |parent| &parent.columns);
    let keys: Vec<_> = source.iter().map(|row| pick(row, &node.key)).collect();
    let target = sides.rows(Side::Target, node, &node.key, &keys).await?;
    let target =
        target.into_iter().map(|(_, row)| row).filter(|row| in_filter(node, row)).collect();
    for (rows, found) in [source, target].into_iter().zip(found) {
        found.extend(rows.iter().map(|row| pick(row, place)));
    }
    Ok(())
}
