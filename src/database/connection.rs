//! One dedicated connection of either engine: runs statements, hands out raw cells.
//!
//! Answers for talking to the drivers. It knows no tables: what a cell means is the dialect's
//! matter, and what went wrong is put into words by the caller.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::{SqliteArguments, SqliteValueRef};
use sqlx::{
    Arguments, AssertSqlSafe, Column as _, Connection as _, Decode, MySqlConnection, PgConnection,
    Row as _, SqliteConnection, TypeInfo, ValueRef,
};

use super::answer::Silence;
use super::sift::{self, Passes};
use crate::catalog::Engine;
use crate::effect;

pub(super) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection, Silence),
    Mariadb(MySqlConnection, Silence),
    /// One that is of no more use: its server gave no answer, or a test has lost it.
    Lost(Engine),
}

/// A value on its way into a statement. PostgreSQL takes each as text and casts it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Parameter {
    Null,
    Integer(i64),
    Real(f64),
    Text(Arc<str>),
    Blob(Vec<u8>),
    /// PostgreSQL only: an array of texts.
    Many(Vec<Parameter>),
}

/// A value as a driver gave it. From PostgreSQL come only NULL and text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

pub(super) type Cells = Vec<Cell>;

/// SQL text with the values bound to it.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub sql: String,
    pub parameters: Vec<Parameter>,
    pub reuse: Reuse,
}

/// Whether the server should keep a statement prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reuse {
    Often,
    Once,
}

impl Statement {
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), parameters: Vec::new(), reuse: Reuse::Often }
    }

    pub fn once(sql: impl Into<String>) -> Self {
        Self { reuse: Reuse::Once, ..Self::new(sql) }
    }

    pub fn with(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Takes a value and returns the number of its placeholder.
    pub fn bind(&mut self, parameter: Parameter) -> usize {
        self.parameters.push(parameter);
        self.parameters.len()
    }
}

impl Cell {
    /// For answers of the catalogue and the like, which are known to be text or NULL.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Self::Integer(value) => Some(value.to_string()),
            _ => None,
        }
    }

    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Text(_) => self.text()?.parse().ok(),
            _ => None,
        }
    }

    pub fn is_true(&self) -> bool {
        matches!(self, Self::Integer(1)) || matches!(self, Self::Text(text) if text == b"true")
    }
}

impl Connection {
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(..) => Engine::Postgres,
            Self::Mariadb(..) => Engine::Mariadb,
            Self::Lost(engine) => *engine,
        }
    }

    /// Whether the server can hear of it. What a test keeps from it has its connection lost, and with
    /// that the transaction.
    fn ask(&mut self, sql: &str) -> sqlx::Result<()> {
        if matches!(self, Self::Postgres(_, silence) | Self::Mariadb(_, silence) if silence.fell())
        {
            *self = Self::Lost(self.engine());
        }
        effect::before(effect::Kind::Statement, sql).map_err(|error| {
            *self = Self::Lost(self.engine());
            sqlx::Error::Io(error)
        })
    }

    /// The rows of a statement as they come. Dropping the stream early stops the statement.
    pub fn stream(&mut self, statement: Statement) -> BoxStream<'_, sqlx::Result<Cells>> {
        let Statement { sql, parameters, reuse } = statement;
        let keep = reuse == Reuse::Often;
        if let Err(error) = self.ask(&sql) {
            return futures_util::stream::once(async { Err(error) }).boxed();
        }
        match self {
            Self::Sqlite(connection) => match sqlite_arguments(parameters) {
                Ok(arguments) => sqlx::query_with(AssertSqlSafe(sql), arguments)
                    .persistent(keep)
                    .fetch(connection)
                    .map(|row| sqlite_cells(&row?))
                    .boxed(),
                Err(error) => futures_util::stream::once(async { Err(error) }).boxed(),
            },
            Self::Postgres(connection, silence) => match postgres_arguments(parameters) {
                Ok(arguments) => silence.limit_rows(
                    sqlx::query_with(AssertSqlSafe(sql), arguments)
                        .persistent(keep)
                        .fetch(connection)
                        .map(|row| postgres_cells(&row?)),
                ),
                Err(error) => futures_util::stream::once(async { Err(error) }).boxed(),
            },
            Self::Mariadb(connection, silence) => {
                silence.limit_rows(mariadb_stream(connection, sql, parameters))
            }
            Self::Lost(_) => futures_util::stream::once(async { Err(lost()) }).boxed(),
        }
    }

    /// The rows of a statement as they come, but for those of which no value passes: instead of each
    /// of them comes nothing.
    pub fn sift<'s>(
        &'s mut self,
        statement: Statement,
        passes: Passes<'s>,
    ) -> BoxStream<'s, sqlx::Result<Option<Cells>>> {
        let Statement { sql, parameters, reuse } = statement;
        let failed = |error| futures_util::stream::once(async { Err(error) }).boxed();
        if let Err(error) = self.ask(&sql) {
            return failed(error);
        }
        let (sql, keep) = (AssertSqlSafe(sql), reuse == Reuse::Often);
        match self {
            Self::Sqlite(connection) => match sqlite_arguments(parameters) {
                Ok(arguments) => sqlx::query_with(sql, arguments)
                    .persistent(keep)
                    .fetch(connection)
                    .map(|row| sift::sqlite(&row?, passes))
                    .boxed(),
                Err(error) => failed(error),
            },
            Self::Postgres(connection, silence) => match postgres_arguments(parameters) {
                Ok(arguments) => silence.limit_rows(
                    sqlx::query_with(sql, arguments)
                        .persistent(keep)
                        .fetch(connection)
                        .map(move |row| sift::postgres(&row?, passes)),
                ),
                Err(error) => failed(error),
            },
            Self::Mariadb(connection, silence) => {
                let rows = match parameters.is_empty() {
                    true => sqlx::raw_sql(sql).fetch(connection),
                    false => match mariadb_arguments(parameters) {
                        Ok(arguments) => {
                            sqlx::query_with(sql, arguments).persistent(true).fetch(connection)
                        }
                        Err(error) => return failed(error),
                    },
                };
                silence.limit_rows(rows.map(move |row| sift::mariadb(&row?, passes)))
            }
            Self::Lost(_) => failed(lost()),
        }
    }

    pub async fn rows(&mut self, statement: Statement) -> sqlx::Result<Vec<Cells>> {
        self.stream(statement).try_collect().await
    }

    /// The first cell of the first row; NULL where there is no row.
    pub async fn cell(&mut self, statement: Statement) -> sqlx::Result<Cell> {
        let rows = self.rows(statement).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).unwrap_or(Cell::Null))
    }

    /// Runs a statement and returns how many rows it touched.
    pub async fn execute(&mut self, statement: Statement) -> sqlx::Result<u64> {
        let Statement { sql, parameters, reuse } = statement;
        self.ask(&sql)?;
        let keep = reuse == Reuse::Often;
        let sql = AssertSqlSafe(sql);
        Ok(match self {
            Self::Sqlite(connection) => {
                let arguments = sqlite_arguments(parameters)?;
                let query = sqlx::query_with(sql, arguments).persistent(keep);
                query.execute(connection).await?.rows_affected()
            }
            Self::Postgres(connection, silence) => {
                let arguments = postgres_arguments(parameters)?;
                let query = sqlx::query_with(sql, arguments).persistent(keep);
                silence.limit(query.execute(connection)).await?.rows_affected()
            }
            Self::Mariadb(connection, silence) => {
                if parameters.is_empty() {
                    let running = sqlx::raw_sql(sql).execute(connection);
                    return Ok(silence.limit(running).await?.rows_affected());
                }
                let arguments = mariadb_arguments(parameters)?;
                let query = sqlx::query_with(sql, arguments).persistent(true);
                silence.limit(query.execute(connection)).await?.rows_affected()
            }
            Self::Lost(_) => return Err(lost()),
        })
    }

    /// Runs fixed statements of ours that take no values, several at once if need be.
    pub async fn script(&mut self, sql: &str) -> sqlx::Result<()> {
        self.ask(sql)?;
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        match self {
            Self::Sqlite(connection) => sql.execute(connection).await.map(|_| ()),
            Self::Postgres(connection, silence) => {
                silence.limit(sql.execute(connection)).await.map(|_| ())
            }
            Self::Mariadb(connection, silence) => {
                silence.limit(sql.execute(connection)).await.map(|_| ())
            }
            Self::Lost(_) => Err(lost()),
        }
    }

    pub async fn close(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection, silence) => silence.limit(connection.close()).await,
            Self::Mariadb(connection, silence) => silence.limit(connection.close()).await,
            Self::Lost(_) => Ok(()),
        }
    }
}

/// Asks a test whether there is a server at all.
pub(super) fn connecting() -> sqlx::Result<()> {
    effect::before(effect::Kind::Statement, "connect").map_err(sqlx::Error::Io)
}

fn lost() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::NotConnected.into())
}

/// Closing a prepared statement costs the next one a round of delayed acknowledgement (the driver
/// leaves Nagle's algorithm on), so those with values are kept and those without aren't prepared.
fn mariadb_stream(
    connection: &mut MySqlConnection,
    sql: String,
    parameters: Vec<Parameter>,
) -> BoxStream<'_, sqlx::Result<Cells>> {
    let sql = AssertSqlSafe(sql);
    if parameters.is_empty() {
        return sqlx::raw_sql(sql).fetch(connection).map(|row| mariadb_cells(&row?)).boxed();
    }
    match mariadb_arguments(parameters) {
        Ok(arguments) => sqlx::query_with(sql, arguments)
            .persistent(true)
            .fetch(connection)
            .map(|row| mariadb_cells(&row?))
            .boxed(),
        Err(error) => futures_util::stream::once(async { Err(error) }).boxed(),
    }
}

fn sqlite_arguments(parameters: Vec<Parameter>) -> sqlx::Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for parameter in parameters {
        match parameter {
            Parameter::Null => arguments.add(Option::<String>::None),
            Parameter::Integer(value) => arguments.add(value),
            Parameter::Real(value) => arguments.add(value),
            Parameter::Text(text) => arguments.add(text.to_string()),
            Parameter::Blob(bytes) => arguments.add(bytes),
            Parameter::Many(_) => return Err(no_array()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn postgres_arguments(parameters: Vec<Parameter>) -> sqlx::Result<PgArguments> {
    let mut arguments = PgArguments::default();
    for parameter in parameters {
        match parameter {
            Parameter::Many(list) => {
                let texts: Vec<_> = list.iter().map(postgres_text).collect();
                Arguments::add(&mut arguments, texts)
            }
            one => Arguments::add(&mut arguments, postgres_text(&one)),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn postgres_text(parameter: &Parameter) -> Option<Cow<'_, str>> {
    match parameter {
        Parameter::Null | Parameter::Many(_) => None,
        Parameter::Integer(value) => Some(value.to_string().into()),
        Parameter::Real(value) => Some(value.to_string().into()),
        Parameter::Text(text) => Some((&**text).into()),
        Parameter::Blob(bytes) => Some(format!("\\x{}", super::hex::encode(bytes)).into()),
    }
}

fn no_array() -> sqlx::Error {
    sqlx::Error::Encode("arrays are PostgreSQL's".into())
}

fn mariadb_arguments(parameters: Vec<Parameter>) -> sqlx::Result<MySqlArguments> {
    let mut arguments = MySqlArguments::default();
    for parameter in parameters {
        match parameter {
            Parameter::Null => Arguments::add(&mut arguments, Option::<String>::None),
            Parameter::Integer(value) => Arguments::add(&mut arguments, value),
            Parameter::Real(value) => Arguments::add(&mut arguments, value),
            Parameter::Text(text) => Arguments::add(&mut arguments, &*text),
            Parameter::Blob(bytes) => Arguments::add(&mut arguments, bytes),
            Parameter::Many(_) => return Err(no_array()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

pub(super) fn sqlite_cells(row: &sqlx::sqlite::SqliteRow) -> sqlx::Result<Cells> {
    row.columns()
        .iter()
        .map(|column| sqlite_cell(row.try_get_raw(column.ordinal())?).map_err(sqlx::Error::Decode))
        .collect()
}

/// Goes by the value's own storage class, never by the column's declared type.
fn sqlite_cell(raw: SqliteValueRef<'_>) -> Result<Cell, sqlx::error::BoxDynError> {
    if raw.is_null() {
        return Ok(Cell::Null);
    }
    let class = raw.type_info().name().bytes().next();
    Ok(match class {
        Some(b'I') => Cell::Integer(<i64 as Decode<sqlx::Sqlite>>::decode(raw)?),
        Some(b'R') => Cell::Real(<f64 as Decode<sqlx::Sqlite>>::decode(raw)?),
        Some(b'T') => Cell::Text(<Vec<u8> as Decode<sqlx::Sqlite>>::decode(raw)?),
        Some(b'B') => Cell::Blob(<Vec<u8> as Decode<sqlx::Sqlite>>::decode(raw)?),
        other => return Err(format!("unknown storage class {other:?}").into()),
    })
}

pub(super) fn postgres_cells(row: &sqlx::postgres::PgRow) -> sqlx::Result<Cells> {
    row.columns()
        .iter()
        .map(|column| {
            let raw = row.try_get_raw(column.ordinal())?;
            if raw.is_null() {
                return Ok(Cell::Null);
            }
            Ok(Cell::Text(raw.as_bytes().map_err(sqlx::Error::Decode)?.to_vec()))
        })
        .collect()
}

/// Text arrives as its bytes whatever type the driver takes it for; only counts and the like are
/// numbers.
pub(super) fn mariadb_cells(row: &MySqlRow) -> sqlx::Result<Cells> {
    row.columns()
        .iter()
        .map(|column| {
            let at = column.ordinal();
            let raw = row.try_get_raw(at)?;
            if raw.is_null() {
                return Ok(Cell::Null);
            }
            let name = raw.type_info().name().to_owned();
            if name.contains("INT") || name == "BOOLEAN" {
                return Ok(match name.ends_with("UNSIGNED") {
                    true => Cell::Text(row.try_get_unchecked::<u64, _>(at)?.to_string().into()),
                    false => Cell::Integer(row.try_get_unchecked::<i64, _>(at)?),
                });
            }
            Ok(Cell::Text(row.try_get_unchecked::<&[u8], _>(at)?.to_vec()))
        })
        .collect()
}
