//! Which columns make a row the same thing in both environments.
//!
//! Unique keys are candidates; names that people give (slug, SKU, code) come before numbers that a
//! database draws.

use crate::catalog::{Kind, Table, UniqueKey};
use crate::manifest::words::parts;

use super::ownership::{is_link, never_null};

/// Parts of names that people give to things, the best first.
const NAMES: [&str; 14] = [
    "slug",
    "sku",
    "code",
    "identifier",
    "handle",
    "path",
    "url",
    "key",
    "username",
    "name",
    "title",
    "locale",
    "domain",
    "position",
];

/// The columns, and why. None are proposed where none are needed or none can be told.
pub fn identity(
    table: &Table,
    parent: Option<&[String]>,
    there: &dyn Fn(&str) -> bool,
) -> (Vec<String>, String) {
    match parent {
        Some(parent) => within(table, parent, there),
        None => of_root(table, there),
    }
}

fn of_root(table: &Table, there: &dyn Fn(&str) -> bool) -> (Vec<String>, String) {
    let refers = |name: &String| table.foreign_keys.iter().any(|key| key.columns.contains(name));
    if table.primary_key.len() > 1 && table.primary_key.iter().any(refers) {
        return (table.primary_key.clone(), "its key, with what it refers to".to_owned());
    }
    if !table.primary_key.is_empty() && !is_surrogate(table, &table.primary_key) {
        let key = table.primary_key.join(", ");
        return (Vec::new(), format!("no identity needed: {key} means the same on both sides"));
    }
    let Some(best) = best(table, &[], there) else {
        let guess = table.columns.iter().find(|column| {
            column.kind == Kind::Text && rank(&column.name) < NAMES.len() && there(&column.name)
        });
        let guess = guess.map_or("COLUMN", |column| column.name.as_str());
        let why = format!(
            "no unique key says what makes a row the same thing on both sides, so that is its ID \
             alone; if you know better: identity: [{guess}]"
        );
        return (Vec::new(), why);
    };
    let nullable: Vec<&str> =
        best.columns.iter().map(String::as_str).filter(|name| !never_null(table, name)).collect();
    let why = match nullable.as_slice() {
        [] => "unique".to_owned(),
        names => format!("unique; rows without {} are recognised by ID", names.join(", ")),
    };
    (best.columns.clone(), why)
}

/// The identity of an owned row tells the rows of one parent apart.
fn within(table: &Table, parent: &[String], there: &dyn Fn(&str) -> bool) -> (Vec<String>, String) {
    if is_link(table) {
        return (Vec::new(), "links: what they refer to is their identity".to_owned());
    }
    if table.primary_key.len() > parent.len() && contains(&table.primary_key, parent) {
        return (without(&table.primary_key, parent), "unique within its parent".to_owned());
    }
    if let Some(key) = best(table, parent, there) {
        let rest = without(&key.columns, parent);
        let why = match (rest.is_empty(), rest.len() < key.columns.len()) {
            (true, _) => "one for each parent",
            (false, true) => "unique within its parent",
            (false, false) => "unique",
        };
        return (rest, why.to_owned());
    }
    let why =
        "no unique key tells the rows of one parent apart: they are matched by ID and content";
    (Vec::new(), why.to_owned())
}

/// The best unique key, judged by what it holds besides the parent's columns.
fn best<'t>(
    table: &'t Table,
    parent: &[String],
    there: &dyn Fn(&str) -> bool,
) -> Option<&'t UniqueKey> {
    let is_float = |name: &String| table.column(name).is_some_and(|c| c.kind == Kind::Float);
    table
        .unique_keys
        .iter()
        .filter(|key| !key.partial && key.columns != table.primary_key)
        .filter(|key| {
            key.columns.iter().all(|name| there(name)) && !key.columns.iter().any(is_float)
        })
        .min_by_key(|key| {
            let rest = without(&key.columns, parent);
            let nulls = rest.iter().filter(|name| !never_null(table, name)).count();
            let named = rest.iter().map(|name| rank(name)).min().unwrap_or(NAMES.len());
            (!contains(&key.columns, parent), named == NAMES.len(), nulls, named, rest.len())
        })
}

/// How much a column's name says, by place in [`NAMES`].
fn rank(column: &str) -> usize {
    let parts = parts(column);
    NAMES.iter().position(|name| parts.iter().any(|part| part == name)).unwrap_or(NAMES.len())
}

fn contains(columns: &[String], all: &[String]) -> bool {
    all.iter().all(|name| columns.contains(name))
}

fn without(columns: &[String], others: &[String]) -> Vec<String> {
    columns.iter().filter(|name| !others.contains(name)).cloned().collect()
}

/// A number or UUID that a database or an application draws.
fn is_surrogate(table: &Table, columns: &[String]) -> bool {
    let [only] = columns else { return false };
    let refers = table.foreign_keys.iter().any(|key| key.columns == [only.as_str()]);
    table.column(only).is_some_and(|column| {
        column.auto.is_some() || (!refers && matches!(column.kind, Kind::Integer | Kind::Uuid))
    })
}

/// The key by which rows are recognised that no module holds.
pub fn natural(table: &Table) -> Option<Vec<String>> {
    let unique = table.unique_keys.iter().filter(|key| !key.partial).map(|key| &key.columns);
    std::iter::once(&table.primary_key)
        .chain(unique)
        .find(|columns| {
            let drawn = **columns == table.primary_key && is_surrogate(table, columns);
            !columns.is_empty() && !drawn && columns.iter().all(|name| never_null(table, name))
        })
        .cloned()
}

/// What can stand for a missing primary key.
pub fn replacement(table: &Table) -> Option<Vec<String>> {
    let keys = table
        .unique_keys
        .iter()
        .filter(|key| !key.partial && key.columns.iter().all(|name| never_null(table, name)));
    keys.map(|key| key.columns.clone()).min_by_key(Vec::len)
}
