//! Columns of two different engines: as what kind their values are carried from one to the other.
//!
//! Answers for one kind a pair of columns agrees on, and for both catalogues saying so. Each side then
//! hands its values out in that kind's canonical form and takes them back in it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Catalog, Column, Engine, Kind};

/// The kind that values of two columns are compared and carried in; `None` where they can't be.
pub fn agree(source: (Engine, &Column), target: (Engine, &Column)) -> Option<Kind> {
    let (ours, theirs) = (source.1.kind, target.1.kind);
    let mixed = source.0 != target.0;
    if ours == theirs {
        // A type of one engine only means nothing to another.
        return (!mixed || ours != Kind::Native).then_some(ours);
    }
    let one_of = |kind: Kind| ours == kind || theirs == kind;
    let other_than = |kind: Kind| if ours == kind { theirs } else { ours };
    if one_of(Kind::Any) {
        let other = other_than(Kind::Any);
        return (!mixed || other != Kind::Native).then_some(other);
    }
    if one_of(Kind::Integer) && one_of(Kind::Decimal) {
        return Some(Kind::Decimal);
    }
    if !mixed {
        return None;
    }
    let loose = [source, target].into_iter().find(|(engine, _)| *engine == Engine::Sqlite);
    match loose.map(|(_, column)| column.kind) {
        // SQLite has no type for these, so people declare what stores them.
        Some(Kind::Text) if is_spelled(other_than(Kind::Text)) => {
            return Some(other_than(Kind::Text));
        }
        Some(Kind::Float) if one_of(Kind::Decimal) => return Some(Kind::Decimal),
        _ => {}
    }
    let both = |a: Kind, b: Kind| one_of(a) && one_of(b);
    if both(Kind::Boolean, Kind::Integer) {
        Some(Kind::Boolean)
    } else if both(Kind::Uuid, Kind::Text) || both(Kind::Uuid, Kind::Bytes) {
        Some(Kind::Uuid)
    } else if both(Kind::Json, Kind::Text) {
        Some(Kind::Json)
    } else if both(Kind::Timestamp, Kind::TimestampTz) {
        Some(Kind::TimestampTz)
    } else {
        None
    }
}

/// Kinds whose values have one usual spelling as text.
fn is_spelled(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Date
            | Kind::Time
            | Kind::Timestamp
            | Kind::TimestampTz
            | Kind::Uuid
            | Kind::Json
            | Kind::Decimal
    )
}

/// Has both catalogues carry what columns of the same name agree on. Catalogues of one engine stay as
/// they are: there a value means the same on both sides.
pub fn carry(source: &mut Catalog, target: &mut Catalog) {
    if source.engine == target.engine {
        return;
    }
    let engines = (source.engine, target.engine);
    carry_own(source);
    carry_own(target);
    let mut paired = BTreeSet::new();
    for (name, table) in &mut target.tables {
        let Some(twin) = source.tables.get_mut(name) else { continue };
        for column in &mut table.columns {
            let Some(ours) = twin.columns.iter_mut().find(|it| it.name == column.name) else {
                continue;
            };
            if let Some(kind) = agree((engines.0, ours), (engines.1, column)) {
                (ours.carried, column.carried) = (Some(kind), Some(kind));
            }
            paired.insert((name.clone(), column.name.clone()));
        }
    }
    follow_references(source, &paired);
    follow_references(target, &paired);
}

/// Every column in the canonical form of its own kind.
fn carry_own(catalog: &mut Catalog) {
    for column in catalog.tables.values_mut().flat_map(|table| &mut table.columns) {
        column.carried = (column.kind != Kind::Native).then_some(column.kind);
    }
}

/// What only one side has holds, where it refers to a row, what that row is known by.
fn follow_references(catalog: &mut Catalog, paired: &BTreeSet<(String, String)>) {
    let known = carried(catalog).unwrap_or_default();
    for table in catalog.tables.values_mut() {
        for key in &table.foreign_keys {
            for (name, to) in key.columns.iter().zip(&key.to_columns) {
                let kind = known.get(&key.to_table).and_then(|columns| columns.get(to));
                let column = table.columns.iter_mut().find(|column| column.name == *name);
                let alone = !paired.contains(&(table.name.clone(), name.clone()));
                if let (Some(kind), Some(column), true) = (kind, column, alone) {
                    column.carried = Some(*kind);
                }
            }
        }
    }
}

/// Has a text column carry JSON, since a manifest says that it holds some.
pub fn carry_json(catalog: &mut Catalog, table: &str, column: &str) {
    let table = catalog.tables.get_mut(table);
    let column = table.and_then(|it| it.columns.iter_mut().find(|it| it.name == column));
    if let Some(column) = column.filter(|it| matches!(it.kind, Kind::Text | Kind::Any)) {
        column.carried = Some(Kind::Json);
    }
}

/// Columns that are carried as another kind than their own, by table and name.
pub type Carried = BTreeMap<String, BTreeMap<String, Kind>>;

/// What a catalogue carries otherwise; `None` where it carries nothing.
pub fn carried(catalog: &Catalog) -> Option<Carried> {
    let columns = || {
        catalog.tables.values().flat_map(|table| table.columns.iter().map(move |it| (table, it)))
    };
    if columns().all(|(_, column)| column.carried.is_none()) {
        return None;
    }
    let mut carried = Carried::new();
    for (table, column) in columns() {
        if let Some(kind) = column.carried.filter(|kind| *kind != column.kind) {
            carried.entry(table.name.clone()).or_default().insert(column.name.clone(), kind);
        }
    }
    Some(carried)
}

/// Has a catalogue carry what a run wrote down, so that an undo reads values as the run did.
pub fn carry_as(catalog: &mut Catalog, carried: &Carried) {
    carry_own(catalog);
    for (table, columns) in carried {
        let Some(table) = catalog.tables.get_mut(table) else { continue };
        for column in &mut table.columns {
            if let Some(kind) = columns.get(&column.name) {
                column.carried = Some(*kind);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Table;

    fn agreed(source: (Engine, Kind), target: (Engine, Kind)) -> Option<Kind> {
        let column = |kind| Table::plain("t", &[("c", kind)], &[]).columns.remove(0);
        agree((source.0, &column(source.1)), (target.0, &column(target.1)))
    }

    #[test]
    fn columns_of_different_engines_agree_on_the_stricter_kind() {
        use Engine::{Mariadb, Postgres, Sqlite};
        let cases = [
            ((Postgres, Kind::Boolean), (Mariadb, Kind::Integer), Some(Kind::Boolean)),
            ((Sqlite, Kind::Boolean), (Mariadb, Kind::Integer), Some(Kind::Boolean)),
            ((Postgres, Kind::Uuid), (Mariadb, Kind::Text), Some(Kind::Uuid)),
            ((Postgres, Kind::Uuid), (Mariadb, Kind::Bytes), Some(Kind::Uuid)),
            ((Postgres, Kind::Json), (Mariadb, Kind::Text), Some(Kind::Json)),
            ((Postgres, Kind::TimestampTz), (Mariadb, Kind::Timestamp), Some(Kind::TimestampTz)),
            ((Postgres, Kind::Decimal), (Sqlite, Kind::Text), Some(Kind::Decimal)),
            ((Postgres, Kind::Decimal), (Sqlite, Kind::Float), Some(Kind::Decimal)),
            ((Postgres, Kind::Decimal), (Mariadb, Kind::Float), None),
            ((Postgres, Kind::Date), (Sqlite, Kind::Text), Some(Kind::Date)),
            ((Postgres, Kind::Date), (Mariadb, Kind::Text), None),
            ((Postgres, Kind::Text), (Mariadb, Kind::Integer), None),
            ((Postgres, Kind::Native), (Mariadb, Kind::Native), None),
            ((Postgres, Kind::Native), (Sqlite, Kind::Any), None),
            ((Postgres, Kind::Native), (Postgres, Kind::Native), Some(Kind::Native)),
            ((Postgres, Kind::Boolean), (Postgres, Kind::Integer), None),
        ];
        for (source, target, expected) in cases {
            assert_eq!(agreed(source, target), expected, "{source:?} {target:?}");
            assert_eq!(agreed(target, source), expected, "{target:?} {source:?}");
        }
    }
}
