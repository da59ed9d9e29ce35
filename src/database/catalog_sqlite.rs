//! Reads the catalogue of an SQLite database from its pragmas.
//!
//! Names are compared without case, as SQLite does, and resolved to the spelling of the table that
//! declares them.

use std::collections::{BTreeMap, BTreeSet};

use super::connection::{Cells, Connection, Parameter, Statement};
use crate::catalog::sqlite::{Declaration, kind};
use crate::catalog::{
    AutoNumber, Catalog, Column, Engine, ForeignKey, NoTable, OnDelete, Table, UniqueKey,
};

/// The table in which SQLite keeps the numbers of `AUTOINCREMENT` columns.
pub(super) const SEQUENCES: &str = "sqlite_sequence";

pub(super) async fn read(connection: &mut Connection) -> sqlx::Result<Catalog> {
    let listed = connection
        .rows(Statement::new(
            "SELECT list.name, list.wr, coalesce(schema.sql, '') \
             FROM pragma_table_list AS list \
             JOIN sqlite_schema AS schema ON schema.type = 'table' AND schema.name = list.name \
             WHERE list.schema = 'main' AND list.type = 'table' AND list.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             ORDER BY list.name",
        ))
        .await?;
    let mut tables = BTreeMap::new();
    for row in &listed {
        let name = text(row, 0);
        let storage = if row[1].is_true() { Storage::WithoutRowid } else { Storage::Rowid };
        let table =
            read_table(connection, &name, storage, &Declaration::read(&text(row, 2))).await?;
        tables.insert(name, table);
    }
    let spelled = tables.clone();
    for table in tables.values_mut() {
        table.foreign_keys.iter_mut().for_each(|key| resolve(key, &spelled));
    }
    let no_tables = no_tables(connection).await?;
    Ok(Catalog { engine: Engine::Sqlite, tables, no_tables })
}

async fn no_tables(connection: &mut Connection) -> sqlx::Result<BTreeMap<String, NoTable>> {
    let listed = connection
        .rows(Statement::new(
            "SELECT name, type FROM pragma_table_list \
             WHERE schema = 'main' AND type IN ('view', 'virtual', 'shadow')",
        ))
        .await?;
    let kind = |row: &Cells| match text(row, 1).as_str() {
        "view" => NoTable::View,
        _ => NoTable::VirtualTable,
    };
    Ok(listed.iter().map(|row| (text(row, 0), kind(row))).collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Storage {
    Rowid,
    WithoutRowid,
}

async fn read_table(
    connection: &mut Connection,
    name: &str,
    storage: Storage,
    declaration: &Declaration,
) -> sqlx::Result<Table> {
    let columns = ask(
        connection,
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) \
         WHERE hidden <> 1 ORDER BY cid",
        name,
    )
    .await?;
    let indexes = ask(
        connection,
        "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1) ORDER BY seq DESC",
        name,
    )
    .await?;
    let primary_key = primary_key(&columns);
    let has_key_index = indexes.iter().any(|index| text(index, 2) == "pk");
    let rowid_alias = storage == Storage::Rowid && primary_key.len() == 1 && !has_key_index;
    let columns = columns.iter().map(|row| {
        let is_alias = rowid_alias && primary_key[0] == text(row, 0);
        column(row, declaration, is_alias)
    });
    let mut table = Table {
        name: name.to_owned(),
        columns: columns.collect(),
        primary_key,
        unique_keys: Vec::new(),
        foreign_keys: foreign_keys(connection, name).await?,
        triggers: triggers(connection, name).await?,
        row_security: false,
        transactional: true,
    };
    for index in indexes.iter().filter(|index| index[1].is_true() && text(index, 2) != "pk") {
        if let Some(key) = unique_key(connection, index, &table).await? {
            table.unique_keys.push(key);
        }
    }
    Ok(table)
}

fn primary_key(columns: &[Cells]) -> Vec<String> {
    let mut parts: Vec<_> = columns
        .iter()
        .filter_map(|row| Some((row[4].integer().filter(|place| *place > 0)?, text(row, 0))))
        .collect();
    parts.sort();
    parts.into_iter().map(|(_, name)| name).collect()
}

fn column(row: &Cells, declaration: &Declaration, rowid_alias: bool) -> Column {
    let name = text(row, 0);
    let declared = text(row, 1);
    let sequence = declaration.autoincrement.then(|| SEQUENCES.to_owned());
    Column {
        kind: kind(&declared),
        nullable: !row[2].is_true() && !rowid_alias,
        default: row[3].text(),
        generated: matches!(row[5].integer(), Some(2 | 3)),
        auto: rowid_alias.then_some(AutoNumber { sequence, always: false }),
        collation: declaration.collations.get(&name.to_lowercase()).cloned(),
        updates_itself: false,
        carried: None,
        checked: declaration.checked.contains(&name.to_lowercase()),
        name,
        declared,
    }
}

/// `None` for an index over expressions, or under another collation than its columns': nobody but
/// the database can say what it calls equal.
async fn unique_key(
    connection: &mut Connection,
    index: &Cells,
    table: &Table,
) -> sqlx::Result<Option<UniqueKey>> {
    let name = text(index, 0);
    let parts = ask(
        connection,
        "SELECT name, coll FROM pragma_index_xinfo(?1) WHERE key = 1 ORDER BY seqno",
        &name,
    )
    .await?;
    let mut columns = Vec::new();
    for part in &parts {
        let collation = text(part, 1).to_ascii_uppercase();
        let column = part[0].text().and_then(|name| table.column(&name));
        match column {
            Some(column) if column.collation.as_deref().unwrap_or("BINARY") == collation => {
                columns.push(column.name.clone());
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(UniqueKey { name, columns, partial: index[3].is_true(), nulls_equal: false }))
}

/// With `PRAGMA defer_foreign_keys` every foreign key can wait for the commit, whatever its
/// declaration says.
async fn foreign_keys(connection: &mut Connection, table: &str) -> sqlx::Result<Vec<ForeignKey>> {
    let rows = ask(
        connection,
        "SELECT id, \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list(?1) \
         ORDER BY id DESC, seq",
        table,
    )
    .await?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    for row in &rows {
        let id = row[0].integer().unwrap_or_default();
        if keys.last().is_none_or(|(last, _)| *last != id) {
            let key = ForeignKey {
                name: String::new(),
                columns: Vec::new(),
                to_table: text(row, 1),
                to_columns: Vec::new(),
                on_delete: on_delete(&text(row, 4)),
                deferrable: true,
            };
            keys.push((id, key));
        }
        if let Some((_, key)) = keys.last_mut() {
            key.columns.push(text(row, 2));
            key.to_columns.extend(row[3].text());
        }
    }
    Ok(keys.into_iter().map(|(_, key)| named(key, table)).collect())
}

/// SQLite doesn't tell a foreign key's name, so it gets one as PostgreSQL would give it.
fn named(key: ForeignKey, table: &str) -> ForeignKey {
    ForeignKey { name: format!("{table}_{}_fkey", key.columns.join("_")), ..key }
}

fn on_delete(words: &str) -> OnDelete {
    match words {
        "CASCADE" => OnDelete::Cascade,
        "RESTRICT" => OnDelete::Restrict,
        "SET NULL" => OnDelete::SetNull,
        "SET DEFAULT" => OnDelete::SetDefault,
        _ => OnDelete::NoAction,
    }
}

async fn triggers(connection: &mut Connection, table: &str) -> sqlx::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'trigger' \
               AND tbl_name = ?1 COLLATE NOCASE ORDER BY name";
    let rows = ask(connection, sql, table).await?;
    Ok(rows.iter().map(|row| text(row, 0)).collect())
}

/// Gives tables and columns the spelling of their declaration and fills in the primary key where
/// none are named. A table that doesn't exist keeps its name as it is written.
fn resolve(key: &mut ForeignKey, tables: &BTreeMap<String, Table>) {
    let same = |name: &&String| name.eq_ignore_ascii_case(&key.to_table);
    let Some(target) = tables.keys().find(same).and_then(|name| tables.get(name)) else { return };
    key.to_table.clone_from(&target.name);
    if key.to_columns.is_empty() {
        key.to_columns.clone_from(&target.primary_key);
    }
    let spelled: BTreeSet<_> = target.columns.iter().map(|column| &column.name).collect();
    for name in &mut key.to_columns {
        if let Some(spelled) = spelled.iter().find(|spelled| spelled.eq_ignore_ascii_case(name)) {
            name.clone_from(spelled);
        }
    }
}

async fn ask(connection: &mut Connection, sql: &str, name: &str) -> sqlx::Result<Vec<Cells>> {
    connection.rows(Statement::new(sql).with(Parameter::Text(name.into()))).await
}

fn text(row: &Cells, at: usize) -> String {
    row[at].text().unwrap_or_default()
}
