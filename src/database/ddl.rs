//! Tables of our own: the ledger's, and temporary ones.
//!
//! Answers for `CREATE TABLE` from a catalogue's table. Tables of users are never created or
//! changed.

use super::Session;
use super::connection::{Parameter, Statement};
use super::dialect::{quote, quote_all};
use super::error::Result;
use crate::catalog::{Column, Engine, Kind, OnDelete, Table, UNLIMITED};

impl Session {
    /// Creates a table unless it exists. SQLite and PostgreSQL both take this back on rollback.
    pub async fn create_table_if_missing(&mut self, table: &Table) -> Result<()> {
        if self.has_table(table).await? {
            return Ok(());
        }
        let create = create_table_sql(self.engine(), table);
        match self.execute("create", Some(table), Statement::once(create)).await {
            // Several that start at once create it at once.
            Err(error) if !self.has_table(table).await? => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn has_table(&mut self, table: &Table) -> Result<bool> {
        let (sql, exists) = match self.engine() {
            Engine::Sqlite => (
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
                Parameter::Text(table.name.as_str().into()),
            ),
            // Asked first, since PostgreSQL wants the right to create even where the table exists.
            Engine::Postgres => {
                ("SELECT to_regclass($1)::text", Parameter::Text(quote(&table.name).into()))
            }
            Engine::Mariadb => (
                "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES \
                 WHERE TABLE_SCHEMA = database() AND TABLE_NAME = ?",
                Parameter::Text(table.name.as_str().into()),
            ),
        };
        let found = self.cell("look for", Some(table), Statement::new(sql).with(exists)).await?;
        Ok(found.text().is_some())
    }

    /// Creates an empty temporary table that only this session sees and that is gone at the end of
    /// the transaction at the latest when the session ends.
    pub async fn create_temporary_table(&mut self, table: &Table) -> Result<()> {
        let name = quote(&table.name);
        let (drop, end) = match self.engine() {
            Engine::Sqlite => ("TABLE IF EXISTS temp.", ""),
            Engine::Postgres => ("TABLE IF EXISTS pg_temp.", " ON COMMIT DROP"),
            // Without TEMPORARY it would end the transaction.
            Engine::Mariadb => ("TEMPORARY TABLE IF EXISTS ", ""),
        };
        self.script("drop a temporary table", &format!("DROP {drop}{name}")).await?;
        let body = body(self.engine(), table);
        let create = format!("CREATE TEMPORARY TABLE {name} {body}{end}");
        self.execute("create", Some(table), Statement::once(create)).await.map(|_| ())
    }
}

/// The statement that creates `table`, also for people to run themselves. A column's type is its
/// `declared` one, or the engine's usual type for its kind where that is empty.
pub fn create_table_sql(engine: Engine, table: &Table) -> String {
    format!("CREATE TABLE IF NOT EXISTS {} {}", quote(&table.name), body(engine, table))
}

fn body(engine: Engine, table: &Table) -> String {
    let mut lines: Vec<_> =
        table.columns.iter().map(|column| column_sql(engine, table, column)).collect();
    let names = |columns: &[String]| quote_all(columns.iter().map(String::as_str));
    if !table.primary_key.is_empty() && !is_rowid_alias(engine, table) {
        lines.push(format!("PRIMARY KEY ({})", names(&table.primary_key)));
    }
    let unique = table.unique_keys.iter().map(|key| format!("UNIQUE ({})", names(&key.columns)));
    lines.extend(unique);
    for key in &table.foreign_keys {
        lines.push(format!(
            "FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {}",
            names(&key.columns),
            quote(&key.to_table),
            names(&key.to_columns),
            on_delete(key.on_delete),
        ));
    }
    let storage = if engine == Engine::Mariadb { " ENGINE=InnoDB" } else { "" };
    format!("(\n  {}\n){storage}", lines.join(",\n  "))
}

/// SQLite numbers rows only where the key stands with its column.
fn is_rowid_alias(engine: Engine, table: &Table) -> bool {
    let numbered = |name: &String| table.column(name).is_some_and(|column| column.auto.is_some());
    engine == Engine::Sqlite
        && table.primary_key.len() == 1
        && table.primary_key.iter().all(numbered)
}

fn column_sql(engine: Engine, table: &Table, column: &Column) -> String {
    let name = quote(&column.name);
    if column.auto.is_some() && is_rowid_alias(engine, table) {
        return format!("{name} INTEGER PRIMARY KEY AUTOINCREMENT");
    }
    let mut sql = match column.declared.as_str() {
        UNLIMITED if engine == Engine::Mariadb => {
            format!("{name} {}", mariadb_text(is_in_a_key(table, &column.name)))
        }
        UNLIMITED => format!("{name} text"),
        "" => format!("{name} {}", usual_type(engine, column.kind)),
        declared => format!("{name} {declared}"),
    };
    if column.auto.is_some() && engine == Engine::Postgres {
        sql.push_str(" GENERATED BY DEFAULT AS IDENTITY");
    }
    if column.auto.is_some() && engine == Engine::Mariadb {
        sql.push_str(" AUTO_INCREMENT");
    }
    if !column.nullable {
        sql.push_str(" NOT NULL");
    }
    if let (Some(default), None) = (&column.default, &column.auto) {
        sql.push_str(" DEFAULT ");
        sql.push_str(default);
    }
    sql
}

fn is_in_a_key(table: &Table, name: &String) -> bool {
    let mut unique = table.unique_keys.iter();
    table.primary_key.contains(name) || unique.any(|key| key.columns.contains(name))
}

/// Text compared by bytes; of a key only as much as an index takes.
fn mariadb_text(in_key: bool) -> &'static str {
    match in_key {
        true => "varchar(320) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        false => "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    }
}

fn usual_type(engine: Engine, kind: Kind) -> &'static str {
    match (engine, kind) {
        (Engine::Sqlite, Kind::Integer) => "INTEGER",
        (Engine::Sqlite, Kind::Float) => "REAL",
        (Engine::Sqlite, Kind::Bytes) => "BLOB",
        (Engine::Sqlite, Kind::Timestamp | Kind::TimestampTz) => "TIMESTAMP",
        (Engine::Postgres | Engine::Mariadb, Kind::Integer) => "bigint",
        (Engine::Postgres, Kind::Float) => "double precision",
        (Engine::Postgres, Kind::Bytes) => "bytea",
        (Engine::Postgres, Kind::Json) => "jsonb",
        (Engine::Postgres, Kind::Timestamp) => "timestamp",
        (Engine::Postgres, Kind::TimestampTz) => "timestamptz",
        (Engine::Mariadb, Kind::Float) => "double",
        (Engine::Mariadb, Kind::Decimal) => "decimal(65,30)",
        (Engine::Mariadb, Kind::Bytes) => "longblob",
        (Engine::Mariadb, Kind::Timestamp | Kind::TimestampTz) => "datetime(6)",
        (Engine::Sqlite | Engine::Mariadb, Kind::Json) => "JSON",
        (_, Kind::Decimal) => "NUMERIC",
        (_, Kind::Boolean) => "BOOLEAN",
        (_, Kind::Date) => "DATE",
        (_, Kind::Time) => "TIME",
        (_, Kind::Uuid) => "UUID",
        (_, Kind::Text | Kind::Any | Kind::Native) => "TEXT",
    }
}

fn on_delete(rule: OnDelete) -> &'static str {
    match rule {
        OnDelete::NoAction => "NO ACTION",
        OnDelete::Restrict => "RESTRICT",
        OnDelete::Cascade => "CASCADE",
        OnDelete::SetNull => "SET NULL",
        OnDelete::SetDefault => "SET DEFAULT",
    }
}
