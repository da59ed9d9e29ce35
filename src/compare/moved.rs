//! What IDs stand for something else on the other side, and which equal rows refer to those.
//!
//! Answers for no such row being missed, and for not reading whole tables where a lookup or a look at
//! the bytes does.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Error;
use super::mentions::Mentions;
use super::model::{Basis, MatchingId, Model, Node, Reference, Role, Side};
use super::record::{belongs, in_filter};
use super::sides::{Sides, pick};
use super::spots::{as_kind, spots};
use super::stretches::{Twin, differing};
use crate::catalog::{Engine, Kind, Table};
use crate::database::{Row, Sieve, Unlike, Value};

/// What a reference may hold that isn't the same thing on both sides, by matching and the columns
/// referred to.
pub type Moved = HashMap<(MatchingId, Vec<String>), HashSet<Vec<Value>>>;

/// A reference with the values that are looked for in it.
type Asked<'a> = (&'a Reference, &'a HashSet<Vec<Value>>);

/// Above this many values, rows that refer to them are found by reading all.
const MOST_LOOKUPS: usize = 1_000;

/// Equal rows of one node that are candidates, since they refer to what moved.
pub struct Lookout<'a> {
    model: &'a Model,
    node: &'a Node,
    moved: &'a Moved,
    /// References as a whole, and inside a value.
    whole: Vec<Asked<'a>>,
    inside: Vec<Asked<'a>>,
    mentions: Mentions<'a>,
}

impl<'a> Lookout<'a> {
    pub fn new(model: &'a Model, node: &'a Node, moved: &'a Moved) -> Self {
        let (whole, inside): (Vec<_>, Vec<_>) =
            asked(node, moved).into_iter().partition(|(reference, _)| reference.within.is_whole());
        let mut mentions = Mentions::default();
        for (reference, values) in &inside {
            mentions.add(reference.columns[0], &reference.within, *values);
        }
        Self { model, node, moved, whole, inside, mentions }
    }

    /// Whether a row of the source refers to what moved.
    pub fn sees(&self, row: &[Value]) -> bool {
        if self.whole.is_empty() && !self.mentions.may_stand_in_row(row) {
            return false;
        }
        spots(self.model, &self.node.references, Side::Source, row).into_iter().any(|spot| {
            let reference = &self.node.references[spot.reference];
            let place = (reference.matching, reference.to_columns.clone());
            self.moved.get(&place).is_some_and(|moved| moved.contains(&spot.values))
        })
    }

    /// Whether looking the referring rows up costs less than reading every row: up to two statements for
    /// each reference, which PostgreSQL answers by one pass over the table where no index serves, while
    /// MariaDB would make a pass for each value.
    pub fn finds_quickly(&self, engine: Engine) -> bool {
        self.whole.iter().all(|(reference, values)| {
            let names = self.node.names(&reference.columns);
            let table = &self.node.source;
            let mut keys =
                table.foreign_keys.iter().map(|key| &key.columns).chain([&table.primary_key]);
            let indexed = keys.any(|columns| columns.starts_with(&names));
            values.len() <= MOST_LOOKUPS && (indexed || engine == Engine::Postgres)
        })
    }

    /// All rows of the source that refer to what moved, found without reading every row whole.
    pub async fn referring(&self, sides: &mut Sides) -> Result<Vec<Vec<Row>>, Error> {
        let mut found = Vec::with_capacity(self.whole.len() + 1);
        for (reference, values) in &self.whole {
            found.push(self.by_whole(sides, reference, values).await?);
        }
        if !self.inside.is_empty() {
            found.push(Box::pin(self.by_inside(sides)).await?);
        }
        Ok(found)
    }

    async fn by_whole(
        &self,
        sides: &mut Sides,
        reference: &Reference,
        values: &HashSet<Vec<Value>>,
    ) -> Result<Vec<Row>, Error> {
        let node = self.node;
        let by = node.names(&reference.columns);
        let values: Vec<Vec<Value>> =
            values.iter().filter_map(|it| held_as(&node.source, &by, it)).collect();
        let rows = sides.rows(Side::Source, node, &reference.columns, &values).await?;
        Ok(rows.into_iter().map(|(_, row)| row).filter(|row| in_filter(node, row)).collect())
    }

    /// All rows are gone through, but only the columns that matter are read; the others stay NULL.
    async fn by_inside(&self, sides: &mut Sides) -> Result<Vec<Row>, Error> {
        let node = self.node;
        let place = node.parent.as_ref().map_or(&node.key, |parent| &parent.columns);
        let mut read: BTreeSet<usize> = node.key.iter().chain(place).copied().collect();
        for reference in &node.references {
            read.extend(&reference.columns);
            read.extend(reference.when.iter().map(|test| test.column));
        }
        read.extend(node.belongs.iter().map(|test| test.column));
        let read: Vec<usize> = read.into_iter().collect();
        let names = node.names(&read);
        let asked = self.mentions.columns();
        let judged: Vec<usize> = (0..read.len()).filter(|at| asked.contains(&read[*at])).collect();
        let sieve =
            Sieve { table: &node.source, columns: &names, judged: &judged, filter: &node.filter };
        let mut judge = |at: usize, bytes: &[u8]| self.mentions.may_stand_in(read[at], bytes);
        let mut found = Vec::new();
        let mut take = |narrow: Row| {
            let mut row = vec![Value::Null; node.columns.len()];
            for (column, value) in read.iter().zip(narrow) {
                row[*column] = value;
            }
            if self.sees(&row) && belongs(self.model, node, Side::Source, &row) {
                found.push(row);
            }
        };
        sides.source.sift(sieve, &mut judge, &mut take).await?;
        Ok(found)
    }
}

/// The references of a node that may hold what moved, with those values.
fn asked<'a>(node: &'a Node, moved: &'a Moved) -> Vec<Asked<'a>> {
    let values = |reference: &'a Reference| {
        let place = (reference.matching, reference.to_columns.clone());
        moved.get(&place).filter(|values| !values.is_empty()).map(|values| (reference, values))
    };
    node.references.iter().filter_map(values).collect()
}

/// For every table that content refers to: the rows that aren't the same thing on both sides.
pub async fn moved(sides: &mut Sides, model: &Model) -> Result<Moved, Error> {
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
    // What stands inside a value isn't looked up: every row is gone through.
    let mut mentions = Mentions::default();
    mentions.add(reference.columns[0], &reference.within, values);
    let filter = &BTreeMap::new();
    let judged = &mentions.columns();
    let sieve = Sieve { table, columns: &matching.columns, judged, filter };
    let mut judge = |at: usize, bytes: &[u8]| mentions.may_stand_in(at, bytes);
    let mut found = Vec::new();
    let mut take = |row: Row| {
        let mut all = spots(model, std::slice::from_ref(reference), side, &row).into_iter();
        if all.any(|spot| values.contains(&spot.values)) {
            found.push(row);
        }
    };
    Box::pin(sides.get(side).sift(sieve, &mut judge, &mut take)).await?;
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
