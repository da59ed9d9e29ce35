//! SQLite's side of the differences: opening a file, SQL text, storage classes.
//!
//! SQLite stores any type in any column, so every value is judged by its own storage class; a
//! class that the column's kind doesn't know is refused, never bent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection as _};

use super::connection::{Cell, Connection, Parameter, connecting};
use super::dialect::{Dialect, check_size};
use super::error::{Error, Result, connect_reason};
use super::value::{Value, is_decimal};
use super::{Access, hex};
use crate::catalog::{Column, Kind};

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How far the file's own thread may read ahead: waking it for every row takes longer than reading one.
const BUFFERED_ROWS: usize = 500;

pub(super) struct Sqlite;

/// The file a URL names, taken literally: nothing is decoded, options aren't read.
pub(super) fn path_of(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"))?;
    let odd = path.is_empty() || path.contains(['?', '\0']) || path.contains(":memory:");
    (!odd && !path.starts_with("file:")).then(|| Path::new(path))
}

pub(super) async fn open(path: &Path, environment: &str, access: Access) -> Result<Connection> {
    let failed = |reason: String| Error::Connect { environment: environment.to_owned(), reason };
    if !path.is_file() {
        return Err(failed(format!("there is no file {}", path.display())));
    }
    if access == Access::Write && std::fs::OpenOptions::new().append(true).open(path).is_err() {
        let (environment, reason) = (environment.to_owned(), "the file may not be written".into());
        return Err(Error::ReadOnlyTarget { environment, reason });
    }
    let mut options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(BUFFERED_ROWS)
        .disable_statement_logging();
    if access == Access::ReadOnly {
        options = options.pragma("query_only", "ON");
    }
    connecting().map_err(|error| failed(connect_reason(&error)))?;
    let connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(|error| failed(connect_reason(&error)))?;
    let mut connection = Connection::Sqlite(connection);
    let encoding = connection.cell(super::Statement::new("PRAGMA encoding")).await;
    match encoding.map_err(|error| failed(connect_reason(&error)))?.text().as_deref() {
        Some("UTF-8") => Ok(connection),
        other => {
            let other = other.unwrap_or("unknown");
            Err(failed(format!("its text is stored as {other}; only UTF-8 can be compared")))
        }
    }
}

impl Dialect for Sqlite {
    /// Without its number, which the driver would look up in a list for each value of a statement.
    fn placeholder(&self, _number: usize, _column: &Column) -> String {
        "?".into()
    }

    fn lookup(&self, _number: usize, _column: &Column) -> String {
        "?".into()
    }

    fn select(&self, sql: &str, _column: &Column) -> String {
        sql.to_owned()
    }

    fn order(&self, sql: &str, column: &Column) -> String {
        match column.collation {
            Some(_) => format!("{sql} COLLATE BINARY"),
            None => sql.to_owned(),
        }
    }

    // The unary plus takes the column's affinity away, so that nothing is converted before it is
    // compared.
    fn boolean_equals(&self, sql: &str, _column: &Column, wanted: bool) -> Option<String> {
        Some(format!("+{sql} IS {}", i64::from(wanted)))
    }

    fn integer_equals(&self, sql: &str, _column: &Column, _number: usize) -> Option<String> {
        Some(format!("+{sql} IS ?"))
    }

    fn text_equals(&self, sql: &str, column: &Column, _number: usize) -> Option<String> {
        if let Some(classes) = classes_with_bytes(column.kind) {
            let same = format!("CAST({sql} AS BLOB) IS CAST(? AS BLOB)");
            return Some(format!("(typeof({sql}) IN ({classes}) AND {same})"));
        }
        Some(format!("+{sql} IS ? COLLATE BINARY"))
    }

    /// By bytes: LIKE ignores case, and functions of text stop at a NUL.
    fn starts_with(&self, sql: &str, column: &Column, _number: usize) -> Option<String> {
        let classes = classes_with_bytes(column.kind).unwrap_or("'text'");
        Some(format!(
            "(typeof({sql}) IN ({classes}) AND instr(CAST({sql} AS BLOB), CAST(? AS BLOB)) = 1)"
        ))
    }

    /// A cross join keeps the wanted keys outside, so that the table is reached through its index.
    fn wanted_join(&self) -> &'static str {
        "CROSS JOIN"
    }

    fn parameter(&self, column: &Column, value: &Value) -> Result<Parameter, String> {
        Ok(match value {
            Value::Null => Parameter::Null,
            Value::Boolean(value) => Parameter::Integer(i64::from(*value)),
            Value::Integer(value) => Parameter::Integer(*value),
            Value::Decimal(text) | Value::Float(text) if keeps_text(column) => {
                Parameter::Text(Arc::clone(text))
            }
            Value::Decimal(text) | Value::Float(text) => number_parameter(text)?,
            Value::Text(text) | Value::Json(text) | Value::Other(text) => {
                check_size(text.len())?;
                Parameter::Text(Arc::clone(text))
            }
            Value::Bytes(digits) => {
                check_size(digits.len() / 2)?;
                Parameter::Blob(hex::decode(digits).ok_or("holds malformed bytes")?)
            }
        })
    }

    fn value(&self, column: &Column, cell: Cell) -> Result<Value, String> {
        match cell {
            Cell::Null => Ok(Value::Null),
            Cell::Integer(value) => integer_value(column.kind, value),
            Cell::Real(value) => real_value(column.kind, value),
            Cell::Text(bytes) => {
                check_size(bytes.len())?;
                let text = String::from_utf8(bytes).map_err(|_| "holds text that isn't UTF-8")?;
                text_value(column.kind, text)
            }
            Cell::Blob(bytes) => {
                check_size(bytes.len())?;
                match column.kind {
                    Kind::Bytes | Kind::Any | Kind::Uuid => {
                        Ok(Value::Bytes(hex::encode(&bytes).into()))
                    }
                    kind => Err(format!("holds bytes, which isn't {}", noun(kind))),
                }
            }
        }
    }
}

/// The storage classes that a text constant may equal, where bytes are among them.
fn classes_with_bytes(kind: Kind) -> Option<&'static str> {
    matches!(kind, Kind::Bytes | Kind::Any | Kind::Uuid).then_some("'text', 'blob'")
}

/// TEXT affinity keeps digits as text; every other one turns them into a number.
fn keeps_text(column: &Column) -> bool {
    matches!(column.kind, Kind::Text)
}

/// A number as SQLite stores it, as long as nothing is lost.
pub(super) fn number_parameter(text: &str) -> Result<Parameter, String> {
    if let Ok(integer) = text.parse() {
        return Ok(Parameter::Integer(integer));
    }
    let real: f64 = text.parse().map_err(|_| "holds a malformed number")?;
    if real.is_nan() {
        return Err("holds NaN, which SQLite can't store".into());
    }
    if Value::Decimal(text.into()) != Value::Float(shortest(real).into()) {
        return Err("holds more digits than SQLite can store".into());
    }
    Ok(Parameter::Real(real))
}

/// The shortest text that reads back as the same float, in PostgreSQL's spelling.
fn shortest(real: f64) -> String {
    if real.is_infinite() {
        return if real > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    let text = format!("{real:?}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

fn integer_value(kind: Kind, value: i64) -> Result<Value, String> {
    match kind {
        Kind::Boolean => match value {
            0 => Ok(Value::Boolean(false)),
            1 => Ok(Value::Boolean(true)),
            _ => Err("holds an integer other than 0 and 1, which isn't a boolean".into()),
        },
        Kind::Decimal => Ok(Value::Decimal(value.to_string().into())),
        Kind::Float => Ok(Value::Float(value.to_string().into())),
        Kind::Json => Ok(Value::Json(value.to_string().into())),
        // Applications store instants as seconds and days as numbers; they are carried as they are.
        Kind::Integer
        | Kind::Any
        | Kind::Date
        | Kind::Time
        | Kind::Timestamp
        | Kind::TimestampTz => Ok(Value::Integer(value)),
        Kind::Text | Kind::Uuid | Kind::Bytes | Kind::Native => {
            Err(format!("holds an integer, which isn't {}", noun(kind)))
        }
    }
}

fn real_value(kind: Kind, value: f64) -> Result<Value, String> {
    match kind {
        Kind::Decimal => Ok(Value::Decimal(shortest(value).into())),
        Kind::Json if value.is_finite() => Ok(Value::Json(shortest(value).into())),
        Kind::Float | Kind::Any | Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz => {
            Ok(Value::Float(shortest(value).into()))
        }
        Kind::Integer
        | Kind::Boolean
        | Kind::Json
        | Kind::Text
        | Kind::Uuid
        | Kind::Bytes
        | Kind::Native => Err(format!("holds a fractional number, which isn't {}", noun(kind))),
    }
}

fn text_value(kind: Kind, text: String) -> Result<Value, String> {
    match kind {
        Kind::Text | Kind::Any => Ok(Value::Text(text.into())),
        Kind::Json => Ok(Value::Json(text.into())),
        Kind::Date
        | Kind::Time
        | Kind::Timestamp
        | Kind::TimestampTz
        | Kind::Uuid
        | Kind::Native => Ok(Value::Other(text.into())),
        Kind::Decimal if is_decimal(&text) => Ok(Value::Decimal(text.into())),
        Kind::Decimal | Kind::Integer | Kind::Float | Kind::Boolean | Kind::Bytes => {
            Err(format!("holds text, which isn't {}", noun(kind)))
        }
    }
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "an integer",
        Kind::Decimal => "a decimal",
        Kind::Float => "a float",
        Kind::Text => "text",
        Kind::Boolean => "a boolean",
        Kind::Date => "a date",
        Kind::Time => "a time",
        Kind::Timestamp | Kind::TimestampTz => "a timestamp",
        Kind::Json => "JSON",
        Kind::Uuid => "a UUID",
        Kind::Bytes => "bytes",
        Kind::Any | Kind::Native => "of the column's type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_short_and_read_back_exactly() {
        assert_eq!(shortest(0.1), "0.1");
        assert_eq!(shortest(12.0), "12");
        assert_eq!(shortest(1e300), "1e300");
        assert_eq!(shortest(f64::NEG_INFINITY), "-Infinity");
    }

    #[test]
    fn numbers_that_would_lose_digits_are_refused() {
        assert_eq!(number_parameter("12"), Ok(Parameter::Integer(12)));
        assert_eq!(number_parameter("12.50"), Ok(Parameter::Real(12.5)));
        assert!(number_parameter("12345678901234567890.12").is_err());
        assert!(number_parameter("NaN").is_err());
    }

    #[test]
    fn urls_name_files_and_nothing_else() {
        assert_eq!(path_of("sqlite://a/b.db"), Some(Path::new("a/b.db")));
        assert_eq!(path_of("sqlite:///a/b.db"), Some(Path::new("/a/b.db")));
        for url in ["sqlite://", "sqlite::memory:", "sqlite://a.db?mode=rwc", "postgres://x"] {
            assert_eq!(path_of(url), None, "{url}");
        }
    }
}
