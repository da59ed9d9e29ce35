//! Writing many rows that are written alike in few statements.
//!
//! Answers for doing exactly what single-row statements in any order would do: each row is touched once,
//! or the rows are written again one by one, so that what fails is named as clearly as ever. Which rows
//! may go together is decided in `apply`.

use super::error::{Error, Result};
use super::write::shown_key;
use super::{Session, Value};
use crate::catalog::{Column, Engine, Table};

mod arrays;
mod stage;
mod values;

pub(super) use stage::Stages;

/// What is done with the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    Insert,
    Update,
    Delete,
}

/// Rows of one table that are written in the same columns. No two are the same row, and none needs
/// another one written before it.
#[derive(Debug)]
pub struct Alike<'a> {
    pub write: Write,
    pub table: &'a Table,
    /// Columns that name a row; none for an insert.
    pub key: Vec<&'a str>,
    /// Columns that are written; none for a deletion.
    pub set: Vec<&'a str>,
    pub rows: Vec<AlikeRow<'a>>,
}

/// Values in the order of [`Alike::key`] and [`Alike::set`].
#[derive(Debug)]
pub struct AlikeRow<'a> {
    pub key: Vec<&'a Value>,
    pub set: Vec<&'a Value>,
}

impl AlikeRow<'_> {
    /// About how many bytes the row takes on its way.
    fn size(&self) -> usize {
        self.key.iter().chain(&self.set).map(|value| value.size() + 16).sum()
    }
}

const SAVEPOINT: &str = "SAVEPOINT reconcile_rows";
const RELEASE: &str = "RELEASE SAVEPOINT reconcile_rows";
const TAKE_BACK: &str = "ROLLBACK TO SAVEPOINT reconcile_rows; RELEASE SAVEPOINT reconcile_rows";

impl Session {
    /// Writes rows that are alike.
    ///
    /// # Guarantees
    ///
    /// On `Ok` every row was touched exactly once. An error names what single-row writes would have
    /// named; what was written by then stands until the caller rolls back.
    pub async fn write_alike(&mut self, alike: &Alike<'_>) -> Result<()> {
        if !self.goes_together(alike) {
            return self.one_by_one(alike).await;
        }
        self.script("begin to write", SAVEPOINT).await?;
        match self.together(alike).await {
            Ok(touched) if usize::try_from(touched) == Ok(alike.rows.len()) => {
                self.script("write", RELEASE).await
            }
            Err(error) if !is_of_a_row(&error) => Err(error),
            result => {
                let taken_back = self.script("take rows back", TAKE_BACK).await;
                // Some errors end the whole transaction, and the savepoint with it.
                if let (Err(error), Err(_)) = (result, &taken_back) {
                    return Err(error);
                }
                taken_back?;
                self.one_by_one(alike).await
            }
        }
    }

    fn goes_together(&self, alike: &Alike<'_>) -> bool {
        let named = match alike.write {
            Write::Insert => !alike.set.is_empty(),
            Write::Update => !alike.set.is_empty() && !alike.key.is_empty(),
            Write::Delete => !alike.key.is_empty(),
        };
        let null = |row: &AlikeRow<'_>| row.key.iter().any(|value| value.is_null());
        named && self.in_transaction && alike.rows.len() > 1 && !alike.rows.iter().any(null)
    }

    /// Returns how many rows were touched.
    async fn together(&mut self, alike: &Alike<'_>) -> Result<u64> {
        match (self.engine(), alike.write) {
            (Engine::Postgres, _) => self.by_arrays(alike).await,
            (_, Write::Insert) => self.insert_by_values(alike).await,
            (Engine::Mariadb, Write::Update) => self.update_staged(alike).await,
            (_, Write::Update) => self.update_by_values(alike).await,
            (_, Write::Delete) => self.delete_by_values(alike).await,
        }
    }

    async fn one_by_one(&mut self, alike: &Alike<'_>) -> Result<()> {
        for row in &alike.rows {
            let key = named(&alike.key, &row.key);
            let set = named(&alike.set, &row.set);
            let written = match alike.write {
                Write::Insert => self.insert(alike.table, &set).await,
                Write::Update => self.update(alike.table, &key, &set).await,
                Write::Delete => self.delete(alike.table, &key).await,
            };
            written.map_err(|error| match is_of_a_row(&error) {
                true => Error::OfRow {
                    row: shown_key(alike.table, &alike.about(row)),
                    source: Box::new(error),
                },
                false => error,
            })?;
        }
        Ok(())
    }
}

/// Whether single-row writes may tell more of a failure, or not fail at all.
fn is_of_a_row(error: &Error) -> bool {
    !error.is_passing() && !matches!(error, Error::Value { .. })
}

impl<'a> Alike<'a> {
    fn action(&self) -> &'static str {
        match self.write {
            Write::Insert => "insert into",
            Write::Update => "update a row of",
            Write::Delete => "delete a row of",
        }
    }

    /// What names a row in messages.
    fn about(&self, row: &AlikeRow<'a>) -> Vec<(&'a str, &'a Value)> {
        match self.write {
            Write::Insert => named(&self.set, &row.set),
            Write::Update | Write::Delete => named(&self.key, &row.key),
        }
    }

    fn columns(&self, session: &Session, names: &[&str]) -> Result<Vec<&'a Column>> {
        names.iter().map(|name| session.column(self.table, name)).collect()
    }
}

fn named<'v>(names: &[&'v str], values: &[&'v Value]) -> Vec<(&'v str, &'v Value)> {
    names.iter().copied().zip(values.iter().copied()).collect()
}
