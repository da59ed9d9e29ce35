//! Columns of both sides as one list, and what the key and identity are among them.

use super::{Kind, Node, Parent, Presence, Reference, Refusal, Role, Table, Written, catalog};
use crate::catalog::Engine;
use crate::compare::model::Column;
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

/// The target's columns in their order, then those only the source has.
pub(super) fn union(source: &Table, target: &Table) -> Result<Vec<Column>, Refusal> {
    let mut columns = Vec::with_capacity(target.columns.len());
    for column in &target.columns {
        let on = match source.column(&column.name) {
            Some(twin) => {
                same_kind(target, column, twin)?;
                Presence::Both
            }
            None => Presence::TargetOnly {
                required: !column.nullable && column.default.is_none() && column.auto.is_none(),
            },
        };
        let generated =
            column.generated || source.column(&column.name).is_some_and(|twin| twin.generated);
        columns.push(plain(column, on, generated));
    }
    for column in source.columns.iter().filter(|column| target.column(&column.name).is_none()) {
        let on = Presence::SourceOnly { default: column.default.clone() };
        columns.push(plain(column, on, column.generated));
    }
    Ok(columns)
}

fn plain(column: &catalog::Column, on: Presence, generated: bool) -> Column {
    Column {
        name: column.name.clone(),
        on,
        role: if generated { Role::Generated } else { Role::Content },
        redacted: false,
        nullable: column.nullable,
        kind: column.kind,
        seconds: None,
    }
}

/// Notes where the sides keep seconds with different precision.
pub(super) fn compare_seconds(
    columns: &mut [Column],
    (source_engine, source): (Engine, &Table),
    (target_engine, target): (Engine, &Table),
) {
    for column in columns.iter_mut().filter(|column| column.on == Presence::Both) {
        let kept = |engine, table: &Table| {
            table.column(&column.name).and_then(|column| limits::seconds(engine, column))
        };
        let both = (kept(source_engine, source), kept(target_engine, target));
        column.seconds = match both {
            (Some(source), Some(target)) if source != target => Some(source.min(target)),
            _ => None,
        };
    }
}

fn same_kind(
    table: &Table,
    target: &catalog::Column,
    source: &catalog::Column,
) -> Result<(), Refusal> {
    let comparable = target.kind == source.kind
        || [target.kind, source.kind].contains(&Kind::Any)
        || (number(target.kind) && number(source.kind));
    if comparable {
        return Ok(());
    }
    Err(format!(
        "the column {}.{} is {} on the source and {} on the target; values of different types \
         can't be compared",
        table.name, target.name, source.declared, target.declared
    ))
}

fn number(kind: Kind) -> bool {
    matches!(kind, Kind::Integer | Kind::Decimal)
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

/// A single integer key of an owned row that is neither a reference nor the parent's.
pub(super) fn is_surrogate(
    key: &[usize],
    columns: &[Column],
    references: &[Reference],
    parent: Option<&Parent>,
) -> bool {
    let [only] = key else { return false };
    let Some(parent) = parent else { return false };
    columns[*only].kind == Kind::Integer
        && !parent.columns.contains(only)
        && !references.iter().any(|reference| reference.columns.contains(only))
}

/// A single integer primary key of both sides that the manifest passes over for another `key`.
pub(super) fn number_beside(
    key: &[usize],
    columns: &[Column],
    references: &[Reference],
    source: &Table,
    target: &Table,
) -> Option<usize> {
    let [only] = &target.primary_key[..] else { return None };
    let number = columns.iter().position(|column| column.name == *only)?;
    let refers = references.iter().any(|reference| reference.columns.contains(&number));
    let content = columns[number].role == Role::Content && columns[number].kind == Kind::Integer;
    (content && !refers && !key.contains(&number) && source.primary_key == target.primary_key)
        .then_some(number)
}

/// Nothing but key and references, or the key is the parent reference.
pub(super) fn is_link(
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
            || references.iter().any(|reference| reference.columns.contains(&index))
    })
}

/// A link's references, its parent's apart, are its identity.
pub(super) fn link_identity(references: &[Reference], parent: Option<&Parent>) -> Vec<usize> {
    let mut identity: Vec<usize> = references
        .iter()
        .filter(|reference| !reference.foreign)
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
