//! Columns of both sides as one list, and what the key and identity are among them.

use super::{Kind, Node, Parent, Presence, Reference, Refusal, Role, Table, Written, catalog};
use crate::catalog::Engine;
use crate::catalog::carry::agree;
use crate::compare::model::Column;
use crate::compare::scan::constant;
use crate::database::Value;
use crate::database::limits;

/// Refuses tables that a transaction doesn't hold together.
pub(super) fn transactional(source: &Table, target: &Table) -> Result<(), Refusal> {
    for (side, table) in [("source", source), ("target", target)] {
        if !table.transactional {
            return Err(format!(
                "the {side}'s table {} has a storage engine without transactions, so it could be \
                 half read or half written; make it InnoDB",
                table.name
            ));
        }
    }
    Ok(())
}

/// A table on both sides, each with its engine.
#[derive(Clone, Copy)]
pub(super) struct Pair<'t> {
    pub source: (Engine, &'t Table),
    pub target: (Engine, &'t Table),
}

/// The target's columns in their order, then those only the source has.
pub(super) fn union(pair: Pair<'_>) -> Vec<Column> {
    let ((source_engine, source), (target_engine, target)) = (pair.source, pair.target);
    let mut columns = Vec::with_capacity(target.columns.len());
    for column in &target.columns {
        let Some(twin) = source.column(&column.name) else {
            let required = !column.nullable && column.default.is_none() && column.auto.is_none();
            columns.push(plain(column, Presence::TargetOnly { required }));
            continue;
        };
        let mut both = plain(column, Presence::Both);
        if twin.generated {
            both.role = Role::Generated;
        }
        both.kind = agree((source_engine, twin), (target_engine, column)).unwrap_or(column.kind);
        both.seconds =
            coarser(limits::seconds(source_engine, twin), limits::seconds(target_engine, column));
        columns.push(both);
    }
    for column in source.columns.iter().filter(|column| target.column(&column.name).is_none()) {
        columns.push(plain(column, Presence::SourceOnly { default: column.default.clone() }));
    }
    columns
}

fn plain(column: &catalog::Column, on: Presence) -> Column {
    Column {
        name: column.name.clone(),
        on,
        role: if column.generated { Role::Generated } else { Role::Content },
        redacted: false,
        nullable: column.nullable,
        kind: column.kind,
        reset: crate::database::Value::Null,
        seconds: None,
    }
}

/// Where the sides keep seconds with different precision, the coarser one's. SQLite keeps any.
fn coarser(source: Option<usize>, target: Option<usize>) -> Option<usize> {
    match (source, target) {
        (Some(source), Some(target)) if source == target => None,
        (Some(source), Some(target)) => Some(source.min(target)),
        (one, other) => one.or(other),
    }
}

/// Refuses columns whose values would be compared or carried and can't be.
pub(super) fn comparable(pair: Pair<'_>, columns: &[Column]) -> Result<(), Refusal> {
    let ((source_engine, source), (target_engine, target)) = (pair.source, pair.target);
    let carried = columns.iter().filter(|column| {
        column.on == Presence::Both && !matches!(column.role, Role::KeptDefault | Role::Generated)
    });
    for name in carried.map(|column| column.name.as_str()) {
        let (Some(ours), Some(theirs)) = (source.column(name), target.column(name)) else {
            continue;
        };
        if agree((source_engine, ours), (target_engine, theirs)).is_some() {
            continue;
        }
        let native = [ours.kind, theirs.kind].contains(&catalog::Kind::Native);
        let why = match native && source_engine != target_engine {
            true => "a type of one engine only isn't carried to another",
            false => "values of different types can't be compared",
        };
        return Err(format!(
            "the column {}.{name} is {} on the source and {} on the target; {why} (`keep: {{{name}: \
             default}}` leaves it alone)",
            target.name, ours.declared, theirs.declared
        ));
    }
    Ok(())
}

pub(super) fn index(name: &str, columns: &[Column], table: &str) -> Result<usize, Refusal> {
    columns
        .iter()
        .position(|column| column.name == name)
        .ok_or_else(|| format!("the table {table} has no column {name}"))
}

pub(super) fn indexes(
    names: &[String],
    columns: &[Column],
    table: &str,
) -> Result<Vec<usize>, Refusal> {
    let shared = |name: &String| {
        let found = index(name, columns, table)?;
        if columns[found].on == Presence::Both {
            return Ok(found);
        }
        Err(format!("the column {table}.{name} doesn't exist on both sides"))
    };
    names.iter().map(shared).collect()
}

pub(super) fn optional(
    name: Option<&str>,
    columns: &[Column],
    table: &str,
) -> Result<Option<usize>, Refusal> {
    name.map(|name| indexes(&[name.to_owned()], columns, table).map(|found| found[0])).transpose()
}

/// The columns of the internal ID: the primary key, or the `key` a manifest names.
pub(super) fn key(
    written: &Written<'_>,
    source: &Table,
    target: &Table,
    columns: &[Column],
) -> Result<Vec<usize>, Refusal> {
    if written.key.is_empty() && target.primary_key.is_empty() {
        return Err(format!(
            "the table {} has no primary key, so its rows can't be told apart; name columns that \
             are unique and never NULL as `key`",
            written.table
        ));
    }
    if written.key.is_empty() && source.primary_key != target.primary_key {
        return Err(format!(
            "the primary key of {} is ({}) on the source and ({}) on the target",
            written.table,
            source.primary_key.join(", "),
            target.primary_key.join(", ")
        ));
    }
    let names = if written.key.is_empty() { &target.primary_key } else { written.key };
    let key = indexes(names, columns, written.table)?;
    for side in [source, target] {
        usable_key(names, side)?;
    }
    Ok(key)
}

fn usable_key(names: &[String], table: &Table) -> Result<(), Refusal> {
    let same = |other: &[String]| {
        other.len() == names.len() && other.iter().all(|column| names.contains(column))
    };
    let unique = same(&table.primary_key)
        || table.unique_keys.iter().any(|unique| !unique.partial && same(&unique.columns));
    if !unique {
        return Err(format!("the key ({}) of {} isn't unique", names.join(", "), table.name));
    }
    let primary = same(&table.primary_key);
    let bad = names
        .iter()
        .filter_map(|name| table.column(name))
        .find(|column| column.kind == Kind::Float || (column.nullable && !primary));
    match bad {
        Some(column) => Err(format!(
            "the key column {}.{} {}",
            table.name,
            column.name,
            if column.kind == Kind::Float { "is a float" } else { "may be NULL" }
        )),
        None => Ok(()),
    }
}

/// What `reset` writes into a column: its default where that is a constant, else NULL.
pub(super) fn reset_to(
    column: &Column,
    target: &catalog::Catalog,
    table: &str,
) -> Result<Value, Refusal> {
    let there = target.table(table).and_then(|table| table.column(&column.name));
    let default = there.and_then(|column| column.default.as_deref());
    let constant = default.map(constant).filter(|text| !text.eq_ignore_ascii_case("null"));
    let plain = default.is_some_and(is_constant);
    match (constant.filter(|_| plain), column.nullable) {
        (Some(text), _) => Ok(typed(column.kind, text)),
        (None, true) => Ok(Value::Null),
        (None, false) => Err(format!(
            "{table}.{} can't be reset: it is NOT NULL and its default is no constant",
            column.name
        )),
    }
}

/// A literal, not an expression that the database computes.
fn is_constant(default: &str) -> bool {
    let text = default.split("::").next().unwrap_or(default).trim();
    let number = text.trim_start_matches('-').bytes();
    let digits =
        number.clone().count() > 0 && number.clone().all(|b| b.is_ascii_digit() || b == b'.');
    let quoted = text.starts_with('\'') && text.ends_with('\'') && text.len() > 1;
    digits || quoted || ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn typed(kind: Kind, text: String) -> Value {
    match kind {
        Kind::Integer => text.parse().map_or(Value::Decimal(text.into()), Value::Integer),
        Kind::Decimal => Value::Decimal(text.into()),
        Kind::Float => Value::Float(text.into()),
        Kind::Boolean => Value::Boolean(text.eq_ignore_ascii_case("true") || text == "1"),
        Kind::Json => Value::Json(text.into()),
        Kind::Text | Kind::Any => Value::Text(text.into()),
        _ => Value::Other(text.into()),
    }
}

/// What decides which columns are mere numbers.
pub(super) struct Numbered<'a> {
    pub key: &'a [usize],
    pub references: &'a [Reference],
    pub parent: Option<&'a Parent>,
    /// The source's and the target's.
    pub tables: [&'a Table; 2],
}

impl Numbered<'_> {
    /// Says of key columns and numbers that they are places; returns the number's column and whether
    /// the row is a link.
    pub fn roles(&self, columns: &mut [Column]) -> (Option<usize>, bool) {
        let Self { key, references, parent, tables: [source, target] } = *self;
        let surrogate_key = is_surrogate(key, columns, references, parent);
        if parent.is_none() || surrogate_key {
            for index in key {
                columns[*index].role = Role::Place;
            }
        }
        let number = match surrogate_key {
            true => Some(key[0]),
            false => number_beside(key, columns, references, source, target),
        };
        if let Some(number) = number {
            columns[number].role = Role::Place;
        }
        let link = parent.is_some() && is_link(key, columns, references, parent, surrogate_key);
        (number, link)
    }
}

/// A single integer key of an owned row that is neither a reference nor the parent's.
fn is_surrogate(
    key: &[usize],
    columns: &[Column],
    references: &[Reference],
    parent: Option<&Parent>,
) -> bool {
    let [only] = key else { return false };
    let Some(parent) = parent else { return false };
    columns[*only].kind == Kind::Integer
        && !parent.columns.contains(only)
        && !references.iter().any(|reference| reference.holds(*only))
}

/// A single integer primary key of both sides that the manifest passes over for another `key`.
fn number_beside(
    key: &[usize],
    columns: &[Column],
    references: &[Reference],
    source: &Table,
    target: &Table,
) -> Option<usize> {
    let [only] = &target.primary_key[..] else { return None };
    let number = columns.iter().position(|column| column.name == *only)?;
    let refers = references.iter().any(|reference| reference.holds(number));
    let content = columns[number].role == Role::Content && columns[number].kind == Kind::Integer;
    (content && !refers && !key.contains(&number) && source.primary_key == target.primary_key)
        .then_some(number)
}

/// Nothing but key and references, or the key is the parent reference.
fn is_link(
    key: &[usize],
    columns: &[Column],
    references: &[Reference],
    parent: Option<&Parent>,
    surrogate_key: bool,
) -> bool {
    let Some(parent) = parent else { return false };
    if key.iter().all(|index| parent.columns.contains(index)) {
        return true;
    }
    columns.iter().enumerate().all(|(index, column)| {
        column.role == Role::Generated
            || (surrogate_key && key.contains(&index))
            || parent.columns.contains(&index)
            || references.iter().any(|reference| reference.holds(index))
    })
}

/// A link's references, its parent's apart, are its identity.
pub(super) fn link_identity(references: &[Reference], parent: Option<&Parent>) -> Vec<usize> {
    let mut identity: Vec<usize> = references
        .iter()
        .filter(|reference| !reference.foreign && reference.within.is_whole())
        .flat_map(|reference| reference.columns.iter().copied())
        .filter(|index| !parent.is_some_and(|parent| parent.columns.contains(index)))
        .collect();
    identity.sort_unstable();
    identity.dedup();
    identity
}

/// Says which columns only one side has.
pub(super) fn note_differences(node: &Node, notes: &mut Vec<String>) {
    let named = |wanted: fn(&Presence) -> bool| {
        let names: Vec<&str> = node
            .columns
            .iter()
            .filter(|column| wanted(&column.on))
            .map(|column| column.name.as_str())
            .collect();
        names.join(", ")
    };
    let source = named(|on| matches!(on, Presence::SourceOnly { .. }));
    if !source.is_empty() {
        notes.push(format!("only the source's {} has: {source}", node.table));
    }
    let zoned = |column: &Column| {
        let kind = |table: &Table| table.column(&column.name).map(|column| column.kind);
        let kinds = [kind(&node.source), kind(&node.target)];
        kinds.contains(&Some(Kind::Timestamp)) && kinds.contains(&Some(Kind::TimestampTz))
    };
    for column in node.columns.iter().filter(|column| zoned(column)) {
        notes.push(format!(
            "{}.{} has a time zone on one side only; times without one are read as UTC",
            node.table, column.name
        ));
    }
    let target = named(|on| matches!(on, Presence::TargetOnly { .. }));
    if !target.is_empty() {
        notes.push(format!("only the target's {} has: {target}", node.table));
    }
    if !node.target.triggers.is_empty() {
        notes.push(format!(
            "writing {} fires triggers on the target: {}",
            node.table,
            node.target.triggers.join(", ")
        ));
    }
}
