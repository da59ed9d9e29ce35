//! Streams both sides in key order and keeps only the keys of records that may differ.
//!
//! Answers for memory being bounded by the differences. A row is a candidate when it stands on one
//! side only, when its content differs as read, or when it refers to a row that isn't the same thing
//! on both sides. Whether a candidate really differs is decided later, record by record.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Error;
use super::model::{Basis, MatchingId, Model, Node, NodeId, Presence, Reference, Role, Side};
use super::record::{belongs, in_filter};
use super::sides::{Sides, pick, present, spread};
use super::spots::{as_kind, spots};
use super::stretches::{At, Twin, differing};
use crate::catalog::{Engine, Kind, Table};
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

/// What a reference may hold that isn't the same thing on both sides, by matching and the columns
/// referred to.
type Moved = HashMap<(MatchingId, Vec<String>), HashSet<Vec<Value>>>;

/// Above this many values, rows that refer to them are found by reading all.
const MOST_LOOKUPS: usize = 1_000;

pub async fn scan(sides: &mut Sides, model: &Model) -> Result<Candidates, Error> {
    let moved = moved(sides, model).await?;
    let mut candidates = Candidates::default();
    for id in 0..model.nodes.len() {
        scan_node(sides, model, id, &moved, &mut candidates).await?;
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
    let mut look = |source: Option<Row>, target: Option<Row>| {
        let owned = |side: Side, row: Option<Row>| {
            row.map(|row| spread(node, side, row)).filter(|row| belongs(model, node, side, row))
        };
        let source = owned(Side::Source, source);
        let target = owned(Side::Target, target);
        if let (Some(source), Some(target)) = (&source, &target)
            && equal(node, source, target)
            && !refers_to_moved(model, node, source, moved)
        {
            return;
        }
        for (row, found) in [source, target].into_iter().zip(&mut found) {
            found.extend(row.map(|row| pick(&row, place)));
        }
    };
    let referring = referring(node, moved);
    let mut twin = twin(node);
    if !are_quickly_found(sides.source.engine(), node, &referring) {
        twin.compared = None;
    }
    let looked = differing(sides, &twin, &mut look).await?;
    candidates.read += looked.read;
    if looked.at == At::Differing {
        let (whole, inside): (Vec<_>, Vec<_>) =
            referring.iter().partition(|(reference, _)| reference.within.is_whole());
        for (reference, values) in whole {
            let source = referring_whole(sides, node, reference, values).await?;
            add_referring(sides, node, source, &mut found).await?;
        }
        if !inside.is_empty() {
            let source = referring_inside(sides, model, node, moved).await?;
            add_referring(sides, node, source, &mut found).await?;
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

/// The references of a node that may hold what moved, with those values.
fn referring<'a>(
    node: &'a Node,
    moved: &'a Moved,
) -> Vec<(&'a Reference, &'a HashSet<Vec<Value>>)> {
    let values = |reference: &'a Reference| {
        let place = (reference.matching, reference.to_columns.clone());
        moved.get(&place).filter(|values| !values.is_empty()).map(|values| (reference, values))
    };
    node.references.iter().filter_map(values).collect()
}

/// Whether looking the referring rows up costs less than reading every row: up to two statements for
/// each reference, which PostgreSQL answers by one pass over the table where no index serves, while
/// MariaDB would make a pass for each value.
fn are_quickly_found(
    engine: Engine,
    node: &Node,
    referring: &[(&Reference, &HashSet<Vec<Value>>)],
) -> bool {
    referring.iter().all(|(reference, values)| {
        let names = node.names(&reference.columns);
        let table = &node.source;
        let mut keys =
            table.foreign_keys.iter().map(|key| &key.columns).chain([&table.primary_key]);
        let indexed = keys.any(|columns| columns.starts_with(&names));
        // What stands inside a value is found by reading those columns of the source alone.
        !reference.within.is_whole()
            || values.len() <= MOST_LOOKUPS && (indexed || engine == Engine::Postgres)
    })
}

/// Rows of the source that refer to what moved by a whole column.
async fn referring_whole(
    sides: &mut Sides,
    node: &Node,
    reference: &Reference,
    values: &HashSet<Vec<Value>>,
) -> Result<Vec<Row>, Error> {
    let by = node.names(&reference.columns);
    let values: Vec<Vec<Value>> =
        values.iter().filter_map(|it| held_as(&node.source, &by, it)).collect();
    let rows = sides.rows(Side::Source, node, &reference.columns, &values).await?;
    Ok(rows.into_iter().map(|(_, row)| row).filter(|row| in_filter(node, row)).collect())
}

/// Rows of the source that refer to what moved by an ID inside a value: all are read, but only the
/// columns that matter; the others stay NULL.
async fn referring_inside(
    sides: &mut Sides,
    model: &Model,
    node: &Node,
    moved: &Moved,
) -> Result<Vec<Row>, Error> {
    let place = node.parent.as_ref().map_or(&node.key, |parent| &parent.columns);
    let mut read: BTreeSet<usize> = node.key.iter().chain(place).copied().collect();
    for reference in &node.references {
        read.extend(&reference.columns);
        read.extend(reference.when.iter().map(|test| test.column));
    }
    read.extend(node.belongs.iter().map(|test| test.column));
    let read: Vec<usize> = read.into_iter().collect();
    let (names, key) = (node.names(&read), node.names(&node.key));
    let mut rows = sides.source.scan(&node.source, &names, &key, &node.filter).await?;
    let mut found = Vec::new();
    while let Some(narrow) = rows.next().await? {
        let mut row = vec![Value::Null; node.columns.len()];
        for (column, value) in read.iter().zip(narrow) {
            row[*column] = value;
        }
        if refers_to_moved(model, node, &row, moved) && belongs(model, node, Side::Source, &row) {
            found.push(row);
        }
    }
    Ok(found)
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

fn refers_to_moved(model: &Model, node: &Node, row: &[Value], moved: &Moved) -> bool {
    if moved.values().all(HashSet::is_empty) {
        return false;
    }
    spots(model, &node.references, Side::Source, row).into_iter().any(|spot| {
        let reference = &node.references[spot.reference];
        let place = (reference.matching, reference.to_columns.clone());
        moved.get(&place).is_some_and(|moved| moved.contains(&spot.values))
    })
}

/// For every table that content refers to: the rows that aren't the same thing on both sides.
async fn moved(sides: &mut Sides, model: &Model) -> Result<Moved, Error> {
    let mut open: Vec<(MatchingId, Vec<String>)> = Vec::new();
    let mut moved = Moved::new();
    let content = model.nodes.iter().flat_map(|node| {
        node.references.iter().filter(|reference| {
            // A parent that isn't the same thing makes its whole record a candidate anyway.
            let above = node.parent.as_ref().is_some_and(|p| p.columns == reference.columns);
            let above = above && reference.within.is_whole() || node.derived;
            let mut roles = reference.columns.iter().map(|column| node.columns[*column].role);
            !above && roles.any(|role| matches!(role, Role::Content | Role::Place))
        })
    });
    let mut wanted: Vec<&Reference> = content.collect();
    while let Some(reference) = wanted.pop() {
        let place = (reference.matching, reference.to_columns.clone());
        let matching = &model.matchings[reference.matching];
        if moved.contains_key(&place) || matching.basis == Basis::Id || matching.identity.is_empty()
        {
            continue;
        }
        moved.insert(place.clone(), HashSet::new());
        wanted.extend(&matching.references);
        open.push(place);
    }
    let mut fresh = Moved::new();
    for (id, to_columns) in open {
        let found = moved_rows(sides, model, id, &to_columns).await?;
        fresh.insert((id, to_columns), found);
    }
    while !fresh.is_empty() {
        for (place, found) in &fresh {
            moved.entry(place.clone()).or_default().extend(found.iter().cloned());
        }
        fresh = dependants(sides, model, &moved, &fresh).await?;
    }
    Ok(moved)
}

/// Rows of one table that stand on one side only or whose identity differs as read.
async fn moved_rows(
    sides: &mut Sides,
    model: &Model,
    id: MatchingId,
    to_columns: &[String],
) -> Result<HashSet<Vec<Value>>, Error> {
    let matching = &model.matchings[id];
    let key = matching.names(&matching.key);
    let to: Vec<usize> = to_columns.iter().filter_map(|column| matching.position(column)).collect();
    let mut found = HashSet::new();
    let mut look = |source: Option<Row>, target: Option<Row>| {
        if let (Some(source), Some(target)) = (&source, &target) {
            let same = |columns: &[usize]| pick(source, columns) == pick(target, columns);
            // Without a whole identity more is asked than equal values, so it is looked at closely.
            let whole = !matching.identity.iter().any(|column| source[*column].is_empty());
            if whole && same(&matching.identity) && same(&to) {
                return;
            }
        }
        found.extend([source, target].into_iter().flatten().map(|row| pick(&row, &to)));
    };
    let compared = matching.names(&[&matching.identity[..], &to].concat());
    let empty = matching.names(&matching.identity).into_iter().map(Unlike::Empty);
    let twin = Twin {
        tables: [&matching.source, &matching.target],
        read: [matching.columns.clone(), matching.columns.clone()],
        key,
        filter: &BTreeMap::new(),
        compared: Some(compared),
        unlike: empty.collect(),
    };
    differing(sides, &twin, &mut look).await?;
    Ok(found)
}

/// Rows whose identity refers to rows that moved aren't the same thing either.
async fn dependants(
    sides: &mut Sides,
    model: &Model,
    known: &Moved,
    fresh: &Moved,
) -> Result<Moved, Error> {
    let mut more = Moved::new();
    for (id, to_columns) in known.keys() {
        let matching = &model.matchings[*id];
        let to: Vec<usize> =
            to_columns.iter().filter_map(|column| matching.position(column)).collect();
        for reference in &matching.references {
            let in_identity = reference.columns.iter().all(|c| matching.identity.contains(c));
            let place = (reference.matching, reference.to_columns.clone());
            let (true, Some(values)) = (in_identity, fresh.get(&place)) else { continue };
            for side in [Side::Source, Side::Target] {
                for row in holding(sides, model, side, *id, reference, values).await? {
                    let values = pick(&row, &to);
                    let old = known.get(&(*id, to_columns.clone()));
                    if !old.is_some_and(|old| old.contains(&values)) {
                        more.entry((*id, to_columns.clone())).or_default().insert(values);
                    }
                }
            }
        }
    }
    Ok(more)
}

/// Rows of a matching's table whose reference holds one of some values.
async fn holding(
    sides: &mut Sides,
    model: &Model,
    side: Side,
    id: MatchingId,
    reference: &Reference,
    values: &HashSet<Vec<Value>>,
) -> Result<Vec<Row>, Error> {
    let matching = &model.matchings[id];
    let table = matching.table(side);
    if reference.within.is_whole() {
        let by = matching.names(&reference.columns);
        let wanted: Vec<Vec<Value>> =
            values.iter().filter_map(|it| held_as(table, &by, it)).collect();
        let rows = sides.get(side).find(table, &matching.columns, &by, &wanted).await?;
        return Ok(rows.into_iter().map(|(_, row)| row).collect());
    }
    // What stands inside a value isn't looked up: every row is read.
    let key = matching.names(&matching.key);
    let mut rows = sides.get(side).scan(table, &matching.columns, &key, &BTreeMap::new()).await?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().await? {
        let mut all = spots(model, std::slice::from_ref(reference), side, &row).into_iter();
        if all.any(|spot| values.contains(&spot.values)) {
            found.push(row);
        }
    }
    Ok(found)
}

/// Values of a referred row as columns of the referring table hold them.
pub fn held_as(table: &Table, by: &[String], values: &[Value]) -> Option<Vec<Value>> {
    let columns = by.iter().zip(values);
    columns
        .map(|(name, value)| {
            let column = table.column(name)?;
            match column.carried.unwrap_or(column.kind) {
                kind @ (Kind::Integer | Kind::Decimal | Kind::Text) => as_kind(value, kind),
                _ => Some(value.clone()),
            }
        })
        .collect()
}
