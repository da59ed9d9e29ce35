//! What differs between engines in the text of a statement and in the form of a value.
//!
//! Answers for the list of differences; each engine's file holds its side of it, so that another
//! engine is another file.

use super::connection::{Cell, Parameter};
use super::value::Value;
use crate::catalog::{Column, Engine, Kind};

/// Values above this size are refused, read or written: they don't belong into a plan.
pub(super) const LARGEST_VALUE_BYTES: usize = 16 * 1024 * 1024;

/// `sql` is always a column's quoted name, with its table's alias where needed. A reason for
/// refusal is a clause without the value: `holds text, which isn't an integer`.
pub(super) trait Dialect: Sync {
    /// The placeholder of a value to be stored in `column`.
    fn placeholder(&self, number: usize, column: &Column) -> String;
    /// The placeholder of a value to find rows by: as wide as the column's type and wider where an
    /// index still serves, so that an ID that can't exist is merely not found.
    fn lookup(&self, number: usize, column: &Column) -> String;
    /// The column as it is read.
    fn select(&self, sql: &str, column: &Column) -> String;
    /// The column as it is sorted, in the order of [`Value`].
    fn order(&self, sql: &str, column: &Column) -> String;
    /// Conditions of a filter. `None`: a column of this kind never equals such a scalar.
    fn boolean_equals(&self, sql: &str, column: &Column, wanted: bool) -> Option<String>;
    fn integer_equals(&self, sql: &str, column: &Column, number: usize) -> Option<String>;
    fn text_equals(&self, sql: &str, column: &Column, number: usize) -> Option<String>;
    fn starts_with(&self, sql: &str, column: &Column, number: usize) -> Option<String>;
    /// How [`super::Session::find`] joins the wanted keys with the table.
    fn wanted_join(&self) -> &'static str {
        "JOIN"
    }
    fn parameter(&self, column: &Column, value: &Value) -> Result<Parameter, String>;
    fn value(&self, column: &Column, cell: Cell) -> Result<Value, String>;
}

pub(super) fn of(engine: Engine) -> &'static dyn Dialect {
    match engine {
        Engine::Sqlite => &super::sqlite::Sqlite,
        Engine::Postgres => &super::postgres::Postgres,
        Engine::Mariadb => &super::mariadb::Mariadb,
    }
}

/// An identifier as every engine quotes it; MariaDB's sessions are told to.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn quote_all<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quote).collect::<Vec<_>>().join(", ")
}

pub(super) fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Integer | Kind::Decimal | Kind::Float)
}

/// Kinds whose values a server's filter compares as text.
pub(super) fn has_text(kind: Kind) -> bool {
    !is_number(kind) && !matches!(kind, Kind::Boolean | Kind::Json | Kind::Bytes)
}

/// Refuses what is too large to be carried.
pub(super) fn check_size(bytes: usize) -> Result<(), String> {
    if bytes > LARGEST_VALUE_BYTES {
        return Err(format!("holds {bytes} bytes, more than the 16 MiB a value may have"));
    }
    Ok(())
}
