//! Reading a whole table of which few rows matter.
//!
//! Answers for a row being judged by its bytes as the driver hands them over, before anything is made
//! of it, while the server goes on reading. What matters is the caller's to say.

use futures_util::StreamExt;
use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row as _, TypeInfo, ValueRef};

use super::connection::{Cells, Statement, mariadb_cells, postgres_cells, sqlite_cells};
use super::dialect::quote;
use super::error::Result;
use super::filter::push_where;
use super::postgres::Cursor;
use super::read::Shape;
use super::{Row, Session, hex};
use crate::catalog::{Engine, Table};
use crate::manifest::filter::Filter;

/// Says of the bytes of one column, by its place among those read, whether their row matters.
pub type Judge<'j> = &'j mut (dyn FnMut(usize, &[u8]) -> bool + Send);

/// Whether a value's row is wanted: its bytes as the driver has them, or none where it has no bytes.
pub(super) type Passes<'p> = &'p mut (dyn FnMut(usize, Option<&[u8]>) -> bool + Send);

/// What is read of a table.
#[derive(Debug, Clone, Copy)]
pub struct Sieve<'a> {
    pub table: &'a Table,
    pub columns: &'a [String],
    /// The places of the columns that are judged.
    pub judged: &'a [usize],
    pub filter: &'a Filter,
}

impl Session {
    /// Hands on the rows of which some column passes, in any order. A value that isn't text passes.
    ///
    /// On PostgreSQL a transaction must be under way.
    pub async fn sift(
        &mut self,
        sieve: Sieve<'_>,
        judge: Judge<'_>,
        take: &mut (dyn FnMut(Row) + Send),
    ) -> Result<()> {
        let Sieve { table, columns, judged, filter } = sieve;
        let shape = Shape::new(self, table, columns, &[])?;
        let (select, from) = (shape.select("t."), quote(&table.name));
        let mut statement = Statement::once(format!("SELECT {select} FROM {from} AS t"));
        push_where(&mut statement, self.dialect(), table, filter)
            .map_err(|what| self.unsupported(what))?;
        let hexadecimal = shape.hexadecimal(self.engine());
        let mut passes = |at: usize, bytes: Option<&[u8]>| match bytes {
            _ if !judged.contains(&at) => false,
            None => true,
            Some(digits) if hexadecimal[at] => {
                let bytes = std::str::from_utf8(digits).ok().and_then(hex::decode);
                bytes.is_none_or(|bytes| judge(at, &bytes))
            }
            Some(bytes) => judge(at, bytes),
        };
        let mut found = |cells| {
            let mut row = shape.row(cells)?;
            row.truncate(columns.len());
            take(row);
            Ok(())
        };
        let doing = shape.doing();
        if self.engine() != Engine::Postgres {
            let mut rows = self.connection.sift(statement, &mut passes);
            while let Some(cells) = rows.next().await {
                cells.map_err(|error| doing.failed(&error))?.map_or(Ok(()), &mut found)?;
            }
            return Ok(());
        }
        if !self.in_transaction {
            return Err(self.unsupported("rows can only be read within a transaction"));
        }
        self.cursors += 1;
        let cursor = Cursor::open(&mut self.connection, self.cursors, statement).await;
        let mut cursor = cursor.map_err(|error| doing.failed(&error))?;
        while let Some(rows) =
            cursor.sift(&mut passes).await.map_err(|error| doing.failed(&error))?
        {
            rows.into_iter().try_for_each(&mut found)?;
        }
        Ok(())
    }
}

pub(super) fn sqlite(row: &SqliteRow, passes: Passes<'_>) -> sqlx::Result<Option<Cells>> {
    for at in 0..row.columns().len() {
        let raw = row.try_get_raw(at)?;
        let class = raw.type_info().name().bytes().next();
        let is_wanted = match class {
            _ if raw.is_null() => false,
            Some(b'T' | b'B') => {
                let bytes = <&[u8] as Decode<sqlx::Sqlite>>::decode(raw);
                passes(at, Some(bytes.map_err(sqlx::Error::Decode)?))
            }
            _ => passes(at, None),
        };
        if is_wanted {
            return sqlite_cells(row).map(Some);
        }
    }
    Ok(None)
}

pub(super) fn postgres(row: &PgRow, passes: Passes<'_>) -> sqlx::Result<Option<Cells>> {
    for at in 0..row.columns().len() {
        let raw = row.try_get_raw(at)?;
        if !raw.is_null() && passes(at, Some(raw.as_bytes().map_err(sqlx::Error::Decode)?)) {
            return postgres_cells(row).map(Some);
        }
    }
    Ok(None)
}

pub(super) fn mariadb(row: &MySqlRow, passes: Passes<'_>) -> sqlx::Result<Option<Cells>> {
    for at in 0..row.columns().len() {
        let bytes = row.try_get_unchecked::<Option<&[u8]>, _>(at)?;
        if bytes.is_some_and(|bytes| passes(at, Some(bytes))) {
            return mariadb_cells(row).map(Some);
        }
    }
    Ok(None)
}
