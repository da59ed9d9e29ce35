//! MariaDB's and MySQL's side of the differences: opening a session, SQL text, values as text.
//!
//! Every column but bytes and text is read through a cast to text: the driver's own types mislead
//! (a `tinyint(1)` may hold 7, JSON is a blob), and that text is exact. MySQL takes the same code;
//! no MySQL server has tried it.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{ConnectOptions, Connection as _};

use super::Access;
use super::answer::Silence;
use super::catalog_mariadb::is_mariadb;
use super::connection::{Cell, Connection, Parameter, Statement, connecting};
use super::dialect::{Dialect, check_size, has_text, is_number};
use super::error::{Error, Result, connect_reason, mariadb_number};
use super::transaction::{CancelHandle, Server};
use super::value::Value;
use crate::catalog::mariadb::is_spatial;
use crate::catalog::{Column, Kind};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Statements a session keeps prepared; a server takes 16,382 of all its sessions.
const KEPT_STATEMENTS: usize = 400;

/// `ANSI_QUOTES` makes `"name"` a name, as on every other engine. Zero and invalid dates are values
/// like others, an explicit 0 in an `AUTO_INCREMENT` column is a 0, and whatever a column can't hold
/// is an error. What the server would use by itself is kept for the operator's own statements.
pub(super) const OUR_MODE: &str = "SET SESSION sql_mode = \
    'ANSI_QUOTES,STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'";
/// An operator's statement is read under the server's own mode, and strict.
const KEEP_OPERATOR_MODE: &str =
    "SET @reconcile_sql_mode = CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_ALL_TABLES')";
pub(super) const OPERATOR_MODE: &str = "SET SESSION sql_mode = @reconcile_sql_mode";
const SETTINGS: &str = "
    SET NAMES utf8mb4;
    SET SESSION time_zone = '+00:00', foreign_key_checks = 1, unique_checks = 1, autocommit = 1,
        innodb_lock_wait_timeout = 10, lock_wait_timeout = 10, net_write_timeout = 600;
    SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
/// The server's number of an error: no setting has this name.
const UNKNOWN: u16 = 1193;
const MARIADB_LIMITS: &str = "SET SESSION max_statement_time = 300";
const MYSQL_LIMITS: &str = "SET SESSION max_execution_time = 300000";
const READING: &str = "SET SESSION TRANSACTION READ ONLY";
/// A transaction that writes must notice whatever was changed since its snapshot. MariaDB has a
/// setting that makes it an error; elsewhere reads take locks.
const NOTICES_CHANGES: &str = "SET SESSION innodb_snapshot_isolation = ON";
const READS_LOCK: &str = "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE";

pub(super) struct Mariadb;

/// The connection, how to stop its statements, and how many bytes the server takes at once.
pub(super) async fn open(
    url: &str,
    environment: &str,
    access: Access,
) -> Result<(Connection, CancelHandle, usize)> {
    let failed = |reason: String| Error::Connect { environment: environment.to_owned(), reason };
    let driver = |error: sqlx::Error| failed(connect_reason(&error));
    let url = url.replacen("mariadb://", "mysql://", 1);
    let options = MySqlConnectOptions::from_str(&url).map_err(driver)?;
    if options.get_database().is_none_or(str::is_empty) {
        return Err(failed("its URL names no database: mysql://USER@HOST/DATABASE".into()));
    }
    let options = options
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .statement_cache_capacity(KEPT_STATEMENTS)
        .disable_statement_logging();
    connecting().map_err(driver)?;
    let connection =
        tokio::time::timeout(CONNECT_TIMEOUT, MySqlConnection::connect_with(&options)).await;
    let connection = connection.map_err(|_| failed("the server doesn't answer".into()))?;
    let mut connection = Connection::Mariadb(connection.map_err(driver)?, Silence::default());
    for settings in [KEEP_OPERATOR_MODE, OUR_MODE, SETTINGS] {
        connection.script(settings).await.map_err(driver)?;
    }
    let mariadb = is_mariadb(&mut connection).await.map_err(driver)?;
    let limits = if mariadb { MARIADB_LIMITS } else { MYSQL_LIMITS };
    connection.script(limits).await.map_err(driver)?;
    if access == Access::Write {
        limit_idling(&mut connection).await.map_err(driver)?;
    }
    match access {
        Access::ReadOnly => connection.script(READING).await.map_err(driver)?,
        // Older servers don't know the setting.
        Access::Write if mariadb && connection.script(NOTICES_CHANGES).await.is_ok() => {}
        Access::Write => connection.script(READS_LOCK).await.map_err(driver)?,
    }
    let (backend, packet) = check_server(&mut connection, environment, access).await?;
    let environment = environment.to_owned();
    let cancel = CancelHandle { server: Server::Mariadb(options), backend, environment };
    Ok((connection, cancel, packet))
}

/// Ends a transaction whose process was stopped. Where the server has no such limit the whole session
/// is ended, which rolls back as well.
async fn limit_idling(connection: &mut Connection) -> sqlx::Result<()> {
    let idle = super::idle_limit().as_secs();
    let of_transactions = format!("SET SESSION idle_transaction_timeout = {idle}");
    match connection.script(&of_transactions).await {
        Err(sqlx::Error::Database(error)) if mariadb_number(error.as_ref()) == Some(UNKNOWN) => {
            connection.script(&format!("SET SESSION wait_timeout = {idle}")).await
        }
        limited => limited,
    }
}

/// Refuses servers that can't be written, and returns the connection's number and the largest packet.
async fn check_server(
    connection: &mut Connection,
    environment: &str,
    access: Access,
) -> Result<(i64, usize)> {
    let failed = |reason: String| Error::Connect { environment: environment.to_owned(), reason };
    let sql = "SELECT CAST(connection_id() AS CHAR), CAST(@@global.read_only AS CHAR), \
               CAST(@@max_allowed_packet AS CHAR)";
    let rows = connection.rows(Statement::once(sql)).await;
    let rows = rows.map_err(|error| failed(connect_reason(&error)))?;
    let row = rows.first().ok_or_else(|| failed("the server gave no answer".into()))?;
    let read_only = row[1].text().is_some_and(|text| !["0", "OFF"].contains(&text.as_str()));
    if access == Access::Write && read_only {
        let reason = "the server is read-only, as a replica is".to_owned();
        return Err(Error::ReadOnlyTarget { environment: environment.to_owned(), reason });
    }
    let backend = row[0].integer();
    let backend = backend.ok_or_else(|| failed("the server gave no connection number".into()))?;
    let packet = row[2].integer().and_then(|bytes| usize::try_from(bytes).ok());
    Ok((backend, packet.unwrap_or(usize::MAX)))
}

/// Text as its UTF-8 bytes, whatever the column's character set and collation.
fn bytes(sql: &str) -> String {
    format!("CAST(CONVERT({sql} USING utf8mb4) AS BINARY)")
}

impl Dialect for Mariadb {
    fn placeholder(&self, _number: usize, column: &Column) -> String {
        match column.kind {
            Kind::Native if is_spatial(&column.declared) => "UNHEX(?)".into(),
            _ => "?".into(),
        }
    }

    fn lookup(&self, number: usize, column: &Column) -> String {
        match column.kind {
            Kind::Decimal => "CAST(? AS DECIMAL(65,30))".into(),
            _ => self.placeholder(number, column),
        }
    }

    fn select(&self, sql: &str, column: &Column) -> String {
        match column.kind {
            Kind::Text | Kind::Json => sql.to_owned(),
            Kind::Bytes => format!("HEX({sql})"),
            Kind::Float => format!("CAST(CAST({sql} AS DOUBLE) AS CHAR)"),
            Kind::Integer if column.declared.starts_with("bit") => {
                format!("CAST({sql} + 0 AS CHAR)")
            }
            Kind::Native if is_spatial(&column.declared) => format!("HEX({sql})"),
            _ => format!("CAST({sql} AS CHAR)"),
        }
    }

    fn order(&self, sql: &str, column: &Column) -> String {
        match column.kind {
            Kind::Text | Kind::Native => bytes(sql),
            Kind::Uuid | Kind::Time => bytes(&format!("CAST({sql} AS CHAR)")),
            _ => sql.to_owned(),
        }
    }

    fn boolean_equals(&self, sql: &str, column: &Column, wanted: bool) -> Option<String> {
        is_number(column.kind).then(|| format!("{sql} = {}", i64::from(wanted)))
    }

    fn integer_equals(&self, sql: &str, column: &Column, _number: usize) -> Option<String> {
        is_number(column.kind).then(|| format!("{sql} = ?"))
    }

    fn text_equals(&self, sql: &str, column: &Column, _number: usize) -> Option<String> {
        if column.kind == Kind::Bytes {
            return Some(format!("{sql} = CAST(? AS BINARY)"));
        }
        has_text(column.kind).then(|| format!("{} = CAST(? AS BINARY)", bytes(sql)))
    }

    fn starts_with(&self, sql: &str, column: &Column, _number: usize) -> Option<String> {
        if column.kind == Kind::Bytes {
            return Some(format!("LOCATE(CAST(? AS BINARY), {sql}) = 1"));
        }
        has_text(column.kind).then(|| format!("LOCATE(CAST(? AS BINARY), {}) = 1", bytes(sql)))
    }

    fn parameter(&self, _column: &Column, value: &Value) -> Result<Parameter, String> {
        let text = match value {
            Value::Null => return Ok(Parameter::Null),
            Value::Boolean(value) => return Ok(Parameter::Integer(i64::from(*value))),
            Value::Integer(value) => return Ok(Parameter::Integer(*value)),
            Value::Bytes(digits) => {
                check_size(digits.len() / 2)?;
                let bytes = super::hex::decode(digits).ok_or("holds malformed bytes")?;
                return Ok(Parameter::Blob(bytes));
            }
            Value::Decimal(text)
            | Value::Float(text)
            | Value::Text(text)
            | Value::Json(text)
            | Value::Other(text) => text,
        };
        check_size(text.len())?;
        Ok(Parameter::Text(Arc::clone(text)))
    }

    fn value(&self, column: &Column, cell: Cell) -> Result<Value, String> {
        let Cell::Text(bytes) = cell else { return Ok(Value::Null) };
        check_size(if column.kind == Kind::Bytes { bytes.len() / 2 } else { bytes.len() })?;
        let text = String::from_utf8(bytes).map_err(|_| "holds text that isn't UTF-8")?;
        Ok(match column.kind {
            Kind::Integer => match text.parse() {
                Ok(number) => Value::Integer(number),
                // An unsigned number beyond 63 bits.
                Err(_) => Value::Decimal(text.into()),
            },
            Kind::Decimal => Value::Decimal(text.into()),
            Kind::Float => Value::Float(shortest(&column.declared, text).into()),
            Kind::Text => Value::Text(text.into()),
            Kind::Json => Value::Json(text.into()),
            Kind::Bytes => Value::Bytes(text.to_lowercase().into()),
            _ => Value::Other(text.into()),
        })
    }
}

/// The shortest text of a single-precision number, which the server gives with the digits of a
/// double.
fn shortest(declared: &str, text: String) -> String {
    match text.parse::<f64>() {
        #[allow(clippy::cast_possible_truncation, reason = "the column holds just this precision")]
        Ok(number) if declared.starts_with("float") => (number as f32).to_string(),
        _ => text,
    }
}
