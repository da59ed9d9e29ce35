//! What a database looks like: tables, columns, keys, foreign keys, sequences, triggers.
//!
//! Answers for a plain, ordered, serialisable value of one database's structure, read by
//! introspection (one file per engine). `catalog.json` is this value. It knows nothing of manifests
//! or of the other environment.

pub mod carry;
pub mod mariadb;
pub mod postgres;
pub mod sqlite;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The database engines that can stand on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Sqlite,
    Postgres,
    /// MySQL as well.
    Mariadb,
}

/// The structure of one database at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Catalog {
    pub engine: Engine,
    /// Tables of the current schema by name.
    pub tables: BTreeMap<String, Table>,
    /// What is named like a table there and is none, for saying so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub no_tables: BTreeMap<String, NoTable>,
}

/// A relation that isn't compared or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoTable {
    View,
    MaterializedView,
    ForeignTable,
    /// A part of a partitioned table, which stands for it.
    Partition,
    /// SQLite: kept by a module such as FTS5.
    VirtualTable,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Table {
    pub name: String,
    /// In the order the table declares them.
    pub columns: Vec<Column>,
    /// Column names; empty where the table has no primary key.
    pub primary_key: Vec<String>,
    /// Unique keys and unique indexes besides the primary key.
    pub unique_keys: Vec<UniqueKey>,
    pub foreign_keys: Vec<ForeignKey>,
    /// Names of triggers that fire on writes to rows, user-defined ones only.
    pub triggers: Vec<String>,
    /// PostgreSQL: row-level security is on and applies to the connected account, so reads may be
    /// filtered.
    pub row_security: bool,
    /// MariaDB: the storage engine takes part in transactions. Everywhere else all tables do.
    #[serde(default = "transactional")]
    pub transactional: bool,
}

fn transactional() -> bool {
    true
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts, as the database tells them")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Column {
    pub name: String,
    /// The type as the engine writes it (`character varying(40)`, `DECIMAL(10,2)`, `integer[]`).
    pub declared: String,
    pub kind: Kind,
    /// On SQLite also true of primary keys that aren't numbers, unless declared NOT NULL: it lets
    /// NULL in, and reading such a row in key order is an error.
    pub nullable: bool,
    /// The default as an SQL expression in the engine's own spelling.
    pub default: Option<String>,
    /// Computed by the database; never written.
    pub generated: bool,
    /// An identity column, a serial, or SQLite's rowid alias: the database draws a value itself
    /// when an insert names none.
    pub auto: Option<AutoNumber>,
    /// A collation other than bytewise, under which values that differ in bytes may be equal.
    pub collation: Option<String>,
    /// MariaDB's `ON UPDATE`: the column changes with its row unless it is written itself.
    #[serde(default)]
    pub updates_itself: bool,
    /// The kind in whose form values travel between different engines, see [`carry`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Kind>,
    /// A CHECK constraint names the column, or its type is a domain: which values it takes isn't
    /// known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub checked: bool,
}

/// How a column numbers its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AutoNumber {
    /// PostgreSQL: the sequence's quoted, schema-qualified name as `pg_get_serial_sequence` gives
    /// it. SQLite: `sqlite_sequence` where the column is `AUTOINCREMENT`, else none.
    pub sequence: Option<String>,
    /// PostgreSQL `GENERATED ALWAYS AS IDENTITY`: an insert must say `OVERRIDING SYSTEM VALUE`.
    pub always: bool,
}

/// What a column's values are, over all engines; decides how they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Integer,
    Decimal,
    Float,
    Text,
    Boolean,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Json,
    Uuid,
    Bytes,
    /// SQLite columns whose declared type says nothing: any value, carried as it is.
    Any,
    /// Everything else (arrays, enums, ranges, inet…): the engine's own text, carried between equal
    /// engines only.
    Native,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UniqueKey {
    pub name: String,
    /// Column names. Unique indexes over expressions aren't listed: the database enforces them.
    pub columns: Vec<String>,
    /// Only rows that pass a condition are held unique.
    pub partial: bool,
    /// PostgreSQL `NULLS NOT DISTINCT`.
    pub nulls_equal: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    pub to_table: String,
    /// Always filled, also where the declaration leaves them out (then the primary key).
    pub to_columns: Vec<String>,
    pub on_delete: OnDelete,
    /// May be checked at commit: `DEFERRABLE` on PostgreSQL, always on SQLite, where a session can
    /// defer every foreign key.
    pub deferrable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDelete {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl Catalog {
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// Every foreign key of any table that points to `table`, with the table that holds it.
    pub fn referrers<'a>(
        &'a self,
        table: &'a str,
    ) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> {
        self.tables.values().flat_map(move |holder| {
            holder
                .foreign_keys
                .iter()
                .filter(move |key| key.to_table == table)
                .map(move |key| (holder, key))
        })
    }
}

impl Column {
    /// Two texts with the same form are equal under the column's collation, as far as that can be
    /// told without asking the database.
    pub fn form(&self, text: &str) -> String {
        match self.collation.as_deref() {
            None => text.to_owned(),
            Some("NOCASE") => text.to_ascii_lowercase(),
            Some("RTRIM") => text.trim_end_matches(' ').to_owned(),
            Some(name) if name.starts_with("utf8") || name.starts_with("latin") => {
                mariadb::form(name, text)
            }
            Some(_) => text.to_lowercase(),
        }
    }
}

/// Text of any length, in a spelling that means the same to every engine's casts.
pub const UNLIMITED: &str = "character varying";

impl Table {
    /// A table of plain columns, none of which may be NULL.
    pub fn plain(name: &str, columns: &[(&str, Kind)], key: &[&str]) -> Self {
        let columns = columns
            .iter()
            .map(|(name, kind)| Column {
                name: (*name).to_owned(),
                declared: if *kind == Kind::Integer { "bigint" } else { UNLIMITED }.to_owned(),
                kind: *kind,
                nullable: false,
                default: None,
                generated: false,
                auto: None,
                collation: None,
                updates_itself: false,
                carried: None,
                checked: false,
            })
            .collect();
        Self {
            name: name.to_owned(),
            columns,
            primary_key: key.iter().map(|name| (*name).to_owned()).collect(),
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            triggers: Vec::new(),
            row_security: false,
            transactional: true,
        }
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}
