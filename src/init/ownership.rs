//! Which rows belong to a record of another table.
//!
//! A table is owned when each of its rows must have a parent and something says that it is part of
//! it: it is deleted with the parent, it is named after it, or it only links the parent to others.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, ForeignKey, OnDelete, Table};
use crate::manifest::words::parts;

/// The name of what isn't a foreign key, but was seen to be used like one.
pub const SEEN: &str = "";

/// The parent of an owned table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub table: String,
    /// The columns that hold the parent's key.
    pub columns: Vec<String>,
    /// For `by`, where no foreign key or more than one leads to the parent, and why.
    pub by: Option<(String, &'static str)>,
    pub why: String,
}

/// The owners of tables among `candidates`; every chain of them ends at one of `roots`.
pub fn owners(
    catalog: &Catalog,
    candidates: &BTreeSet<&str>,
    roots: &BTreeSet<&str>,
) -> BTreeMap<String, Owner> {
    let tables = candidates.iter().filter_map(|name| catalog.table(name));
    let mut owners: BTreeMap<String, Owner> = tables
        .filter(|table| !table.primary_key.is_empty())
        .filter_map(|table| Some((table.name.clone(), owner(table, candidates)?)))
        .collect();
    // A circle has no record to begin with: its tables stand for themselves.
    let stray: Vec<String> =
        owners.keys().filter(|name| !leads_to_root(name, &owners, roots)).cloned().collect();
    owners.retain(|name, _| !stray.contains(name));
    owners
}

fn leads_to_root(name: &str, owners: &BTreeMap<String, Owner>, roots: &BTreeSet<&str>) -> bool {
    let mut at = name;
    for _ in 0..=owners.len() {
        match owners.get(at) {
            Some(owner) => at = &owner.table,
            None => return roots.contains(at),
        }
    }
    false
}

fn owner(table: &Table, candidates: &BTreeSet<&str>) -> Option<Owner> {
    let keys = table.foreign_keys.iter().filter(|key| {
        key.to_table != table.name
            && candidates.contains(key.to_table.as_str())
            && key.columns.iter().all(|name| never_null(table, name))
    });
    let rated = keys.filter_map(|key| Some((rate(table, key)?, key)));
    // Of several the best; of equals the first, which is how such tables are usually read.
    let mut best: Option<(Reason, &ForeignKey)> = None;
    for (reason, key) in rated {
        if best.as_ref().is_none_or(|(other, _)| reason > *other) {
            best = Some((reason, key));
        }
    }
    let (reason, key) = best?;
    let same = table.foreign_keys.iter().filter(|other| other.to_table == key.to_table).count();
    let name = match key.columns.as_slice() {
        [column] => column.clone(),
        _ => key.name.clone(),
    };
    let by = match (key.name == SEEN, same > 1) {
        (true, _) => Some((name, "its values are the parent's keys; no foreign key says so")),
        (_, true) => Some((name, "it refers to its parent more than once")),
        _ => None,
    };
    Some(Owner {
        table: key.to_table.clone(),
        columns: key.columns.clone(),
        by,
        why: match key.on_delete {
            OnDelete::Cascade if reason != Reason::Extends => Reason::Cascade.told(&key.to_table),
            _ => reason.told(&key.to_table),
        },
    })
}

/// Why a table is owned; a later reason is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Link,
    Cascade,
    /// Named after the parent, with so many words in common.
    Name(usize),
    /// Its key is the parent's.
    Extends,
}

impl Reason {
    fn told(self, parent: &str) -> String {
        match self {
            Self::Link => format!("links {parent} to something else"),
            Self::Cascade => format!("deleted with its {parent}"),
            Self::Extends => format!("its key is its {parent}'s"),
            Self::Name(_) => format!("named after {parent}, and never without one"),
        }
    }
}

fn rate(table: &Table, key: &ForeignKey) -> Option<Reason> {
    if table.primary_key == key.columns {
        return Some(Reason::Extends);
    }
    if let Some(words) = named_after(&table.name, &key.to_table) {
        return Some(Reason::Name(words));
    }
    if key.on_delete == OnDelete::Cascade {
        return Some(Reason::Cascade);
    }
    is_link(table).then_some(Reason::Link)
}

/// `product_variant` is named after `product` and after `products`.
fn named_after(name: &str, parent: &str) -> Option<usize> {
    let (name, parent) = (parts(name), parts(parent));
    let is_longer = name.len() > parent.len();
    let same = name.iter().zip(&parent).all(|(a, b)| singular(a) == singular(b));
    (is_longer && same).then_some(parent.len())
}

pub(super) fn singular(word: &str) -> String {
    match word.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => word.strip_suffix('s').unwrap_or(word).to_owned(),
    }
}

/// Nothing but references and a key.
pub fn is_link(table: &Table) -> bool {
    let refers = |name: &String| table.foreign_keys.iter().any(|key| key.columns.contains(name));
    let is_key = |name: &String| table.primary_key == std::slice::from_ref(name);
    table.foreign_keys.len() > 1
        && table.columns.iter().all(|column| refers(&column.name) || is_key(&column.name))
}

pub fn never_null(table: &Table, name: &str) -> bool {
    table.primary_key.iter().any(|column| column == name)
        || table.column(name).is_some_and(|column| !column.nullable)
}
