//! Reads the catalogue of a PostgreSQL database from its system tables.
//!
//! Every query answers with one JSON text a row, so that lists of columns need no decoding of
//! their own. Children of partitioned tables are left to their parents.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::connection::{Connection, Statement};
use crate::catalog::postgres::kind;
use crate::catalog::{
    AutoNumber, Catalog, Column, Engine, ForeignKey, Kind, NoTable, OnDelete, Table, UniqueKey,
};

const TABLES: &str = "
    SELECT json_build_object('name', c.relname, 'rowSecurity', row_security_active(c.oid),
        'triggers', (SELECT coalesce(json_agg(t.tgname ORDER BY t.tgname), '[]')
            FROM pg_trigger AS t
            WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'))::text
    FROM pg_class AS c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
        AND NOT c.relispartition
    ORDER BY c.relname";

const NO_TABLES: &str = "
    SELECT json_build_object('name', c.relname, 'kind', CASE
        WHEN c.relkind = 'v' THEN 'view' WHEN c.relkind = 'm' THEN 'materialized-view'
        WHEN c.relkind = 'f' THEN 'foreign-table' ELSE 'partition' END)::text
    FROM pg_class AS c
    WHERE c.relnamespace = current_schema()::regnamespace
        AND (c.relkind IN ('v', 'm', 'f') OR c.relkind IN ('r', 'p') AND c.relispartition)";

/// A domain's kind is that of the type at its bottom. A default that draws from a sequence the column doesn't own counts as automatic too.
const COLUMNS: &str = "
    WITH RECURSIVE base(oid, bottom) AS (
        SELECT oid, oid FROM pg_type WHERE typtype <> 'd'
        UNION ALL
        SELECT t.oid, base.bottom FROM pg_type AS t JOIN base ON base.oid = t.typbasetype
        WHERE t.typtype = 'd')
    SELECT json_build_object('table', c.relname, 'name', a.attname,
        'declared', format_type(a.atttypid, a.atttypmod),
        'base', CASE WHEN bn.nspname = 'pg_catalog' OR b.typname = 'citext' THEN b.typname ELSE '' END,
        'nullable', NOT (a.attnotnull OR t.typnotnull),
        'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
        'generated', a.attgenerated <> '',
        'identity', a.attidentity,
        'sequence', coalesce(
            pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname),
            (SELECT format('%I.%I', sn.nspname, s.relname) FROM pg_depend AS dep
                JOIN pg_class AS s ON s.oid = dep.refobjid AND s.relkind = 'S'
                JOIN pg_namespace AS sn ON sn.oid = s.relnamespace
                WHERE dep.classid = 'pg_attrdef'::regclass AND dep.objid = d.oid
                    AND dep.refclassid = 'pg_class'::regclass
                    AND pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%' LIMIT 1)),
        'collation', (SELECT l.collname FROM pg_collation AS l
            WHERE l.oid = a.attcollation AND NOT l.collisdeterministic),
        'checked', t.typtype = 'd' OR EXISTS (SELECT FROM pg_constraint AS k
            WHERE k.contype = 'c' AND k.conrelid = c.oid AND a.attnum = ANY (k.conkey)))::text
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    JOIN base ON base.oid = a.atttypid
    JOIN pg_type AS b ON b.oid = base.bottom
    JOIN pg_namespace AS bn ON bn.oid = b.typnamespace
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
        AND NOT c.relispartition
    ORDER BY c.relname, a.attnum";

/// `indnullsnotdistinct` exists since PostgreSQL 15, hence the way through JSON.
const KEYS: &str = "
    SELECT json_build_object('table', c.relname, 'name', x.relname, 'primary', i.indisprimary,
        'partial', i.indpred IS NOT NULL,
        'nullsEqual', coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
        'columns', (SELECT json_agg(a.attname ORDER BY k.place)
            FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(number, place)
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
            WHERE k.place <= i.indnkeyatts))::text
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indrelid
    JOIN pg_class AS x ON x.oid = i.indexrelid
    WHERE i.indisunique AND i.indisvalid AND i.indexprs IS NULL
        AND c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
        AND NOT c.relispartition
    ORDER BY c.relname, x.relname";

/// A table of another schema is named with it; no table of this catalogue bears such a name.
const FOREIGN_KEYS: &str = "
    SELECT json_build_object('table', c.relname, 'name', k.conname,
        'columns', (SELECT json_agg(a.attname ORDER BY u.place)
            FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
            JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.number),
        'toTable', CASE WHEN r.relnamespace = c.relnamespace THEN r.relname::text
            ELSE rn.nspname || '.' || r.relname END,
        'toColumns', (SELECT json_agg(a.attname ORDER BY u.place)
            FROM unnest(k.confkey) WITH ORDINALITY AS u(number, place)
            JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.number),
        'onDelete', k.confdeltype, 'deferrable', k.condeferrable)::text
    FROM pg_constraint AS k
    JOIN pg_class AS c ON c.oid = k.conrelid
    JOIN pg_class AS r ON r.oid = k.confrelid
    JOIN pg_namespace AS rn ON rn.oid = r.relnamespace
    WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT c.relispartition
        AND c.relnamespace = current_schema()::regnamespace
    ORDER BY c.relname, k.conname";

#[derive(Deserialize)]
struct NoTableRow {
    name: String,
    kind: NoTable,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TableRow {
    name: String,
    row_security: bool,
    triggers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ColumnRow {
    table: String,
    name: String,
    declared: String,
    base: String,
    nullable: bool,
    default: Option<String>,
    generated: bool,
    /// `a` for always, `d` for by default, nothing for no identity column.
    identity: String,
    sequence: Option<String>,
    collation: Option<String>,
    checked: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyRow {
    table: String,
    name: String,
    primary: bool,
    partial: bool,
    nulls_equal: bool,
    columns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ForeignKeyRow {
    table: String,
    name: String,
    columns: Vec<String>,
    to_table: String,
    to_columns: Vec<String>,
    on_delete: String,
    deferrable: bool,
}

pub(super) async fn read(connection: &mut Connection) -> sqlx::Result<Catalog> {
    let mut tables = BTreeMap::new();
    for row in ask::<TableRow>(connection, TABLES).await? {
        tables.insert(row.name.clone(), empty_table(row));
    }
    for row in ask::<ColumnRow>(connection, COLUMNS).await? {
        if let Some(table) = tables.get_mut(&row.table) {
            table.columns.push(column(row));
        }
    }
    for row in ask::<KeyRow>(connection, KEYS).await? {
        if let Some(table) = tables.get_mut(&row.table) {
            add_key(table, row);
        }
    }
    for row in ask::<ForeignKeyRow>(connection, FOREIGN_KEYS).await? {
        if let Some(table) = tables.get_mut(&row.table) {
            table.foreign_keys.push(foreign_key(row));
        }
    }
    let no_tables = ask::<NoTableRow>(connection, NO_TABLES).await?;
    let no_tables = no_tables.into_iter().map(|row| (row.name, row.kind)).collect();
    Ok(Catalog { engine: Engine::Postgres, tables, no_tables })
}

async fn ask<T: DeserializeOwned>(connection: &mut Connection, sql: &str) -> sqlx::Result<Vec<T>> {
    let rows = connection.rows(Statement::once(sql)).await?;
    let read = |row: &super::Cells| {
        let json = row[0].text().unwrap_or_default();
        serde_json::from_str(&json).map_err(|error| sqlx::Error::Decode(error.into()))
    };
    rows.iter().map(read).collect()
}

fn empty_table(row: TableRow) -> Table {
    Table {
        name: row.name,
        columns: Vec::new(),
        primary_key: Vec::new(),
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        triggers: row.triggers,
        row_security: row.row_security,
        transactional: true,
    }
}

fn column(row: ColumnRow) -> Column {
    let numbered = !row.identity.is_empty() || row.sequence.is_some();
    let citext = (row.base == "citext").then(|| "citext".to_owned());
    Column {
        kind: if row.base.is_empty() { Kind::Native } else { kind(&row.base) },
        name: row.name,
        declared: row.declared,
        nullable: row.nullable,
        default: row.default,
        generated: row.generated,
        auto: numbered
            .then_some(AutoNumber { sequence: row.sequence, always: row.identity == "a" }),
        collation: row.collation.or(citext),
        updates_itself: false,
        carried: None,
        checked: row.checked,
    }
}

fn add_key(table: &mut Table, row: KeyRow) {
    if row.primary {
        table.primary_key = row.columns;
        return;
    }
    let KeyRow { name, columns, partial, nulls_equal, .. } = row;
    table.unique_keys.push(UniqueKey { name, columns, partial, nulls_equal });
}

fn foreign_key(row: ForeignKeyRow) -> ForeignKey {
    ForeignKey {
        name: row.name,
        columns: row.columns,
        to_table: row.to_table,
        to_columns: row.to_columns,
        on_delete: match row.on_delete.as_str() {
            "c" => OnDelete::Cascade,
            "r" => OnDelete::Restrict,
            "n" => OnDelete::SetNull,
            "d" => OnDelete::SetDefault,
            _ => OnDelete::NoAction,
        },
        deferrable: row.deferrable,
    }
}
