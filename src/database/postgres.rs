//! PostgreSQL's side of the differences: opening a session, SQL text, values as text.
//!
//! Every column is read through its cast to text and written through a cast from text, so that any
//! type, of extensions too, comes back as it was. The session's settings make that text canonical.

use std::str::FromStr;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection as _};

use super::Access;
use super::answer::Silence;
use super::connection::{Cell, Cells, Connection, Statement, connecting};
use super::dialect::{Dialect, check_size, has_text, is_number};
use super::error::{Error, Result, connect_reason};
use super::sift::Passes;
use super::transaction::{CancelHandle, Server};
use super::value::Value;
use crate::catalog::postgres::without_modifier;
use crate::catalog::{Column, Kind};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// `row_security = off` makes a read that a policy would filter an error; a missing row must never
/// look deleted. Limits stay below the time after which a stopped process loses its lease. The cost
/// of a random page is that of today's disks, so that lookups by key go through the index. How much of a
/// server is used at once is the operator's number of connections, so no statement brings workers of its
/// own; and compiling one takes longer than a stretch.
const SETTINGS: &str = "
    SET client_encoding = 'UTF8';
    SET standard_conforming_strings = on;
    SET timezone = 'UTC';
    SET datestyle = 'ISO, YMD';
    SET intervalstyle = 'postgres';
    SET extra_float_digits = 1;
    SET bytea_output = 'hex';
    SET lc_monetary = 'C';
    SET row_security = off;
    SET lock_timeout = '10s';
    SET statement_timeout = '5min';
    SET cursor_tuple_fraction = 1;
    SET random_page_cost = 1.1;
    SET jit = off;
    SET max_parallel_workers_per_gather = 0;
    SET client_min_messages = 'warning'";
/// A reader holds no locks, and waits while the other side is read.
const READING: &str = "SET idle_in_transaction_session_timeout = '10min';
    SET default_transaction_read_only = on";
/// The schemas of the connection's own search path, spelled out, so that `$user` or a later SET
/// can't change what a name means; temporary tables come last instead of first.
const PIN_SEARCH_PATH: &str = "SELECT set_config('search_path', \
    (SELECT string_agg(quote_ident(name), ', ' ORDER BY place) \
     FROM unnest(current_schemas(false)) WITH ORDINALITY AS path(name, place)) || ', pg_temp', false)";

pub(super) struct Postgres;

pub(super) async fn open(
    url: &str,
    environment: &str,
    access: Access,
) -> Result<(Connection, CancelHandle)> {
    let options = PgConnectOptions::from_str(url).map_err(|error| Error::Connect {
        environment: environment.to_owned(),
        reason: connect_reason(&error),
    })?;
    let options = options.application_name("reconcile").disable_statement_logging();
    connect(options, environment, access).await
}

/// Opens another connection with the same strict settings.
pub(super) async fn connect(
    options: PgConnectOptions,
    environment: &str,
    access: Access,
) -> Result<(Connection, CancelHandle)> {
    let failed = |reason: String| Error::Connect { environment: environment.to_owned(), reason };
    let driver = |error: sqlx::Error| failed(connect_reason(&error));
    connecting().map_err(driver)?;
    let connection =
        tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&options)).await;
    let connection = connection.map_err(|_| failed("the server doesn't answer".into()))?;
    let mut connection = Connection::Postgres(connection.map_err(driver)?, Silence::default());
    connection.script(SETTINGS).await.map_err(driver)?;
    let idle = super::idle_limit().as_secs();
    let writing = format!("SET idle_in_transaction_session_timeout = '{idle}s'");
    let limits = if access == Access::Write { &writing } else { READING };
    connection.script(limits).await.map_err(driver)?;
    let path = connection.cell(Statement::new(PIN_SEARCH_PATH)).await.map_err(driver)?;
    if path == Cell::Null {
        return Err(failed("its search path names no schema that exists".into()));
    }
    let backend = check_server(&mut connection, environment, access).await?;
    let environment = environment.to_owned();
    Ok((connection, CancelHandle { server: Server::Postgres(options), backend, environment }))
}

/// Refuses servers that can't be compared or written, and returns the backend's number.
async fn check_server(
    connection: &mut Connection,
    environment: &str,
    access: Access,
) -> Result<i64> {
    let failed = |reason: String| Error::Connect { environment: environment.to_owned(), reason };
    let sql = "SELECT pg_backend_pid()::text, current_setting('server_encoding'), \
               pg_is_in_recovery()::text, current_setting('default_transaction_read_only')";
    let rows = connection.rows(Statement::new(sql)).await;
    let rows = rows.map_err(|error| failed(connect_reason(&error)))?;
    let row = rows.first().ok_or_else(|| failed("the server gave no answer".into()))?;
    let text = |at: usize| row[at].text().unwrap_or_default();
    if text(1) != "UTF8" {
        return Err(failed(format!(
            "its text is stored as {}; only UTF8 can be compared",
            text(1)
        )));
    }
    let reason = match (access, row[2].is_true(), text(3) == "on") {
        (Access::Write, true, _) => Some("it is a standby"),
        (Access::Write, _, true) => Some("its transactions are read-only by default"),
        _ => None,
    };
    if let Some(reason) = reason {
        let (environment, reason) = (environment.to_owned(), reason.to_owned());
        return Err(Error::ReadOnlyTarget { environment, reason });
    }
    row[0].integer().ok_or_else(|| failed("the server gave no backend number".into()))
}

impl Dialect for Postgres {
    fn placeholder(&self, number: usize, column: &Column) -> String {
        format!("CAST(${number} AS {})", without_modifier(&column.declared))
    }

    fn lookup(&self, number: usize, column: &Column) -> String {
        match column.kind {
            Kind::Integer => format!("CAST(${number} AS bigint)"),
            _ => self.placeholder(number, column),
        }
    }

    fn select(&self, sql: &str, column: &Column) -> String {
        match column.kind {
            Kind::Bytes => format!("encode({sql}, 'hex')"),
            _ => format!("{sql}::text"),
        }
    }

    fn order(&self, sql: &str, column: &Column) -> String {
        match column.kind {
            Kind::Integer
            | Kind::Decimal
            | Kind::Float
            | Kind::Boolean
            | Kind::Uuid
            | Kind::Bytes => sql.to_owned(),
            _ => format!("{sql}::text COLLATE \"C\""),
        }
    }

    fn boolean_equals(&self, sql: &str, column: &Column, wanted: bool) -> Option<String> {
        match column.kind {
            Kind::Boolean => Some(format!("{sql} = {wanted}")),
            kind if is_number(kind) => Some(format!("{sql} = {}", i64::from(wanted))),
            _ => None,
        }
    }

    fn integer_equals(&self, sql: &str, column: &Column, number: usize) -> Option<String> {
        match column.kind {
            Kind::Boolean => Some(format!("{sql}::integer = CAST(${number} AS numeric)")),
            kind if is_number(kind) => Some(format!("{sql} = CAST(${number} AS numeric)")),
            _ => None,
        }
    }

    fn text_equals(&self, sql: &str, column: &Column, number: usize) -> Option<String> {
        if column.kind == Kind::Bytes {
            return Some(format!("{sql} = CAST(${number} AS bytea)"));
        }
        has_text(column.kind).then(|| format!("{sql}::text COLLATE \"C\" = ${number}"))
    }

    fn starts_with(&self, sql: &str, column: &Column, number: usize) -> Option<String> {
        if column.kind == Kind::Bytes {
            let first = format!("CAST(${number} AS bytea)");
            return Some(format!("substring({sql} FROM 1 FOR length({first})) = {first}"));
        }
        has_text(column.kind).then(|| format!("starts_with({sql}::text COLLATE \"C\", ${number})"))
    }

    fn parameter(
        &self,
        column: &Column,
        value: &Value,
    ) -> Result<super::connection::Parameter, String> {
        use super::connection::Parameter;
        Ok(Parameter::Text(match value {
            Value::Null => return Ok(Parameter::Null),
            Value::Boolean(value) => value.to_string().into(),
            Value::Integer(value) => return Ok(Parameter::Integer(*value)),
            Value::Bytes(digits) => {
                check_size(digits.len() / 2)?;
                format!("\\x{digits}").into()
            }
            Value::Decimal(text)
            | Value::Float(text)
            | Value::Text(text)
            | Value::Json(text)
            | Value::Other(text) => {
                check_size(text.len())?;
                if text.contains('\0') {
                    return Err("holds a NUL character, which PostgreSQL can't store".into());
                }
                if column.declared == "jsonb" && escapes_nul(text) {
                    return Err("holds \\u0000, which PostgreSQL's jsonb can't store".into());
                }
                text.to_string().into()
            }
        }))
    }

    fn value(&self, column: &Column, cell: Cell) -> Result<Value, String> {
        let Cell::Text(bytes) = cell else { return Ok(Value::Null) };
        check_size(if column.kind == Kind::Bytes { bytes.len() / 2 } else { bytes.len() })?;
        let text = String::from_utf8(bytes).map_err(|_| "holds text that isn't UTF-8")?;
        Ok(match column.kind {
            Kind::Integer => Value::Integer(text.parse().map_err(|_| "holds no integer")?),
            Kind::Decimal => Value::Decimal(text.into()),
            Kind::Float => Value::Float(text.into()),
            Kind::Boolean => Value::Boolean(text == "true"),
            Kind::Text => Value::Text(text.into()),
            Kind::Json => Value::Json(text.into()),
            Kind::Bytes => Value::Bytes(text.into()),
            Kind::Date
            | Kind::Time
            | Kind::Timestamp
            | Kind::TimestampTz
            | Kind::Uuid
            | Kind::Any
            | Kind::Native => Value::Other(text.into()),
        })
    }
}

/// Whether a JSON text holds the escape of a NUL: `\u0000` whose backslash isn't escaped itself.
fn escapes_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        let before = json[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        before % 2 == 0
    })
}

/// A server-side cursor, so that a slow reader holds neither memory nor a running statement.
pub(super) struct Cursor<'s> {
    connection: &'s mut Connection,
    name: String,
    fetched: std::vec::IntoIter<Cells>,
    rows_at_once: usize,
    exhausted: bool,
}

/// Rows that are sifted aren't kept, so only a statement's time limits how many it has.
const SIFTED_ROWS: usize = 20_000;
const FIRST_FETCH_ROWS: usize = 200;
const MOST_ROWS: usize = 5_000;
/// What a fetch should hold, by the sizes of the one before.
const FETCH_BYTES: usize = 2 * 1024 * 1024;

impl<'s> Cursor<'s> {
    pub async fn open(
        connection: &'s mut Connection,
        number: u64,
        mut statement: Statement,
    ) -> sqlx::Result<Self> {
        // One that was given up before its end is still open.
        connection.script("CLOSE ALL").await?;
        let name = format!("reconcile_{number}");
        statement.sql = format!("DECLARE {name} NO SCROLL CURSOR FOR {}", statement.sql);
        connection.execute(statement).await?;
        let fetched = Vec::new().into_iter();
        Ok(Self { connection, name, fetched, rows_at_once: FIRST_FETCH_ROWS, exhausted: false })
    }

    pub async fn next(&mut self) -> sqlx::Result<Option<Cells>> {
        if let Some(row) = self.fetched.next() {
            return Ok(Some(row));
        }
        if self.exhausted {
            return Ok(None);
        }
        let fetch = format!("FETCH FORWARD {} FROM {}", self.rows_at_once, self.name);
        let rows = self.connection.rows(Statement::once(fetch)).await?;
        self.exhausted = rows.len() < self.rows_at_once;
        if self.exhausted {
            self.connection.script(&format!("CLOSE {}", self.name)).await?;
        }
        let bytes: usize = rows.iter().flatten().map(size).sum();
        let fitting = self.rows_at_once.saturating_mul(FETCH_BYTES) / bytes.max(1);
        self.rows_at_once = fitting.clamp(1, MOST_ROWS);
        self.fetched = rows.into_iter();
        Ok(self.fetched.next())
    }

    /// Those of the next rows that pass; `None` after the last ones. The server reads on meanwhile.
    pub async fn sift(&mut self, passes: Passes<'_>) -> sqlx::Result<Option<Vec<Cells>>> {
        if self.exhausted {
            return Ok(None);
        }
        let fetch = format!("FETCH FORWARD {SIFTED_ROWS} FROM {}", self.name);
        let mut rows = self.connection.sift(Statement::once(fetch), passes);
        let (mut read, mut found) = (0, Vec::new());
        while let Some(cells) = rows.try_next().await? {
            read += 1;
            found.extend(cells);
        }
        drop(rows);
        self.exhausted = read < SIFTED_ROWS;
        if self.exhausted {
            self.connection.script(&format!("CLOSE {}", self.name)).await?;
        }
        Ok(Some(found))
    }
}

fn size(cell: &Cell) -> usize {
    match cell {
        Cell::Text(bytes) | Cell::Blob(bytes) => bytes.len() + 16,
        _ => 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_nul_is_told_from_an_escaped_backslash() {
        assert!(escapes_nul(r#""a\u0000""#));
        assert!(!escapes_nul(r#""a\\u0000""#));
        assert!(escapes_nul(r#""a\\\u0000""#));
    }
}
