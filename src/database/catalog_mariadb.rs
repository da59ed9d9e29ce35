//! Reads the catalogue of a MariaDB or MySQL database from `information_schema`.
//!
//! Every text is cast, since some servers answer with other types than they declare.

use std::collections::BTreeMap;

use super::connection::{Cell, Cells, Connection, Statement};
use super::dialect::quote;
use crate::catalog::mariadb::{Binary, Json, kind};
use crate::catalog::{
    AutoNumber, Catalog, Column, Engine, ForeignKey, NoTable, OnDelete, Table, UniqueKey,
};

const TABLES: &str = "
    SELECT CAST(t.TABLE_NAME AS CHAR), CAST(e.TRANSACTIONS AS CHAR)
    FROM information_schema.TABLES AS t LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE
    WHERE t.TABLE_SCHEMA = database() AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
    ORDER BY 1";

const VIEWS: &str = "
    SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = database() AND TABLE_TYPE LIKE '%VIEW'";

const COLUMNS: &str = "
    SELECT CAST(TABLE_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR), CAST(COLUMN_TYPE AS CHAR),
        CAST(DATA_TYPE AS CHAR), CAST(IS_NULLABLE AS CHAR), CAST(COLUMN_DEFAULT AS CHAR),
        CAST(EXTRA AS CHAR), CAST(GENERATION_EXPRESSION AS CHAR), CAST(COLLATION_NAME AS CHAR)
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = database()
    ORDER BY TABLE_NAME, ORDINAL_POSITION";

/// A key over a part of a column (`slug(20)`) holds the part unique and isn't listed; nor is one
/// over an expression, whose column is NULL.
const KEYS: &str = "
    SELECT CAST(TABLE_NAME AS CHAR), CAST(INDEX_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR),
        CAST(SUB_PART AS CHAR)
    FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = database() AND NON_UNIQUE = 0
    ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";

const FOREIGN_KEYS: &str = "
    SELECT CAST(k.TABLE_NAME AS CHAR), CAST(k.CONSTRAINT_NAME AS CHAR), CAST(k.COLUMN_NAME AS CHAR),
        CAST(k.REFERENCED_TABLE_SCHEMA AS CHAR), CAST(k.REFERENCED_TABLE_NAME AS CHAR),
        CAST(k.REFERENCED_COLUMN_NAME AS CHAR), CAST(r.DELETE_RULE AS CHAR), CAST(database() AS CHAR)
    FROM information_schema.KEY_COLUMN_USAGE AS k
    JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r
        ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME
        AND r.TABLE_NAME = k.TABLE_NAME
    WHERE k.TABLE_SCHEMA = database() AND k.REFERENCED_TABLE_NAME IS NOT NULL
    ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION";

const TRIGGERS: &str = "
    SELECT CAST(EVENT_OBJECT_TABLE AS CHAR), CAST(TRIGGER_NAME AS CHAR)
    FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = database() ORDER BY 1, 2";

/// MariaDB makes `JSON` a text with a check of the same name as its column.
const CHECKS: &str = "
    SELECT CAST(TABLE_NAME AS CHAR), CAST(CONSTRAINT_NAME AS CHAR), CAST(CHECK_CLAUSE AS CHAR)
    FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = database()";
/// The same for MySQL, where a check's table stands elsewhere.
const MYSQL_CHECKS: &str = "
    SELECT CAST(t.TABLE_NAME AS CHAR), CAST(c.CONSTRAINT_NAME AS CHAR), CAST(c.CHECK_CLAUSE AS CHAR)
    FROM information_schema.CHECK_CONSTRAINTS AS c
    JOIN information_schema.TABLE_CONSTRAINTS AS t
        ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME
    WHERE c.CONSTRAINT_SCHEMA = database()";

pub(super) async fn read(connection: &mut Connection) -> sqlx::Result<Catalog> {
    let mut tables = BTreeMap::new();
    for row in ask(connection, TABLES).await? {
        let table = empty(text(&row, 0), text(&row, 1) == "YES");
        tables.insert(table.name.clone(), table);
    }
    let checks = if is_mariadb(connection).await? { CHECKS } else { MYSQL_CHECKS };
    let checks = ask(connection, checks).await?;
    for row in ask(connection, COLUMNS).await? {
        if let Some(table) = tables.get_mut(&text(&row, 0)) {
            table.columns.push(column(&row, &checks));
        }
    }
    for row in ask(connection, TRIGGERS).await? {
        if let Some(table) = tables.get_mut(&text(&row, 0)) {
            table.triggers.push(text(&row, 1));
        }
    }
    add_keys(&mut tables, &ask(connection, KEYS).await?);
    add_foreign_keys(&mut tables, &ask(connection, FOREIGN_KEYS).await?);
    let views = ask(connection, VIEWS).await?;
    let no_tables = views.iter().map(|row| (text(row, 0), NoTable::View)).collect();
    Ok(Catalog { engine: Engine::Mariadb, tables, no_tables })
}

pub(super) async fn is_mariadb(connection: &mut Connection) -> sqlx::Result<bool> {
    let version = connection.cell(Statement::once("SELECT version()")).await?;
    Ok(version.text().unwrap_or_default().to_lowercase().contains("mariadb"))
}

async fn ask(connection: &mut Connection, sql: &str) -> sqlx::Result<Vec<Cells>> {
    connection.rows(Statement::once(sql)).await
}

fn text(row: &Cells, at: usize) -> String {
    row[at].text().unwrap_or_default()
}

fn empty(name: String, transactional: bool) -> Table {
    Table {
        name,
        columns: Vec::new(),
        primary_key: Vec::new(),
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        triggers: Vec::new(),
        row_security: false,
        transactional,
    }
}

fn column(row: &Cells, checks: &[Cells]) -> Column {
    // As a session that quotes names so is told.
    let (name, quoted) = (text(row, 1), quote(&text(row, 1)));
    let of_table = checks.iter().filter(|check| check[0] == row[0]);
    let (mut json, mut checked) = (Json::No, false);
    for check in of_table.filter(|check| text(check, 2).contains(&quoted)) {
        match text(check, 2).starts_with("json_valid(") && text(check, 1) == name {
            true => json = Json::Checked,
            false => checked = true,
        }
    }
    let (declared, data_type) = (text(row, 2).to_lowercase(), text(row, 3).to_lowercase());
    let extra = text(row, 6).to_lowercase();
    let collation = row[8].text().filter(|name| name != "binary");
    let binary = if row[8] == Cell::Null { Binary::Yes } else { Binary::No };
    let generated = !text(row, 7).is_empty();
    // MariaDB writes the default NULL as a word, MySQL as no default at all.
    let default = row[5].text().filter(|default| default != "NULL" && !generated);
    let numbered = extra.contains("auto_increment");
    Column {
        kind: kind(&data_type, binary, json),
        name,
        declared,
        nullable: text(row, 4) == "YES",
        default,
        generated,
        auto: numbered.then_some(AutoNumber { sequence: None, always: false }),
        collation,
        checked,
        updates_itself: extra.contains("on update"),
        carried: None,
    }
}

fn add_keys(tables: &mut BTreeMap<String, Table>, rows: &[Cells]) {
    let mut keys: BTreeMap<(String, String), Option<Vec<String>>> = BTreeMap::new();
    for row in rows {
        let key = keys.entry((text(row, 0), text(row, 1))).or_insert_with(|| Some(Vec::new()));
        let whole = row[2] != Cell::Null && row[3] == Cell::Null;
        match key {
            Some(columns) if whole => columns.push(text(row, 2)),
            _ => *key = None,
        }
    }
    for ((table, name), columns) in keys {
        let (Some(table), Some(columns)) = (tables.get_mut(&table), columns) else { continue };
        if name == "PRIMARY" {
            table.primary_key = columns;
        } else {
            let key = UniqueKey { name, columns, partial: false, nulls_equal: false };
            table.unique_keys.push(key);
        }
    }
}

fn add_foreign_keys(tables: &mut BTreeMap<String, Table>, rows: &[Cells]) {
    for row in rows {
        let Some(table) = tables.get_mut(&text(row, 0)) else { continue };
        let name = text(row, 1);
        let found = table.foreign_keys.iter().position(|key| key.name == name);
        let at = found.unwrap_or_else(|| {
            // A table of another schema is named with it; no table of this catalogue is.
            let to_table = match text(row, 3) == text(row, 7) {
                true => text(row, 4),
                false => format!("{}.{}", text(row, 3), text(row, 4)),
            };
            table.foreign_keys.push(ForeignKey {
                name,
                columns: Vec::new(),
                to_table,
                to_columns: Vec::new(),
                on_delete: on_delete(&text(row, 6)),
                deferrable: false,
            });
            table.foreign_keys.len() - 1
        });
        table.foreign_keys[at].columns.push(text(row, 2));
        table.foreign_keys[at].to_columns.push(text(row, 5));
    }
}

fn on_delete(rule: &str) -> OnDelete {
    match rule {
        "CASCADE" => OnDelete::Cascade,
        "SET NULL" => OnDelete::SetNull,
        "SET DEFAULT" => OnDelete::SetDefault,
        "RESTRICT" => OnDelete::Restrict,
        _ => OnDelete::NoAction,
    }
}
