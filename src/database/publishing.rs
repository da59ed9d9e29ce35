//! What publishing asks of a database beyond reading and writing rows: stretches of a column, and one
//! publisher at a time.

use super::connection::Statement;
use super::dialect::quote;
use super::error::{Error, Result};
use super::read::Shape;
use super::{Row, Session, Stretch, Value};
use crate::catalog::{Engine, Table};
use crate::put::put;

const ACTION: &str = "publish";

impl Session {
    /// Rows whose `by` columns lie in a stretch, in no order. `by` needn't be a key.
    pub async fn rows_within(
        &mut self,
        table: &Table,
        columns: &[String],
        by: &[String],
        stretch: &Stretch,
    ) -> Result<Vec<Row>> {
        let shape = Shape::new(self, table, columns, &[])?;
        let mut statement = Statement::new(String::new());
        let conditions = self.within(&mut statement, table, by, stretch)?;
        let select = shape.select("t.");
        statement.sql = format!("SELECT {select} FROM {} AS t", quote(&table.name));
        super::filter::push_all(&mut statement, &conditions);
        let mut rows = Vec::new();
        for cells in self.rows("read", Some(table), statement).await? {
            let mut row = shape.row(cells)?;
            row.truncate(columns.len());
            rows.push(row);
        }
        Ok(rows)
    }

    /// The first rows in the order of a key, behind the one given.
    pub async fn page(
        &mut self,
        table: &Table,
        columns: &[String],
        key: &[String],
        after: Option<&[Value]>,
        most: usize,
    ) -> Result<Vec<Row>> {
        let shape = Shape::new(self, table, columns, key)?;
        let mut statement = Statement::new(String::new());
        let stretch = Stretch { after: after.map(<[Value]>::to_vec), upto: None };
        let conditions = self.within(&mut statement, table, key, &stretch)?;
        let select = shape.select("t.");
        statement.sql = format!("SELECT {select} FROM {} AS t", quote(&table.name));
        super::filter::push_all(&mut statement, &conditions);
        let order = shape.order(self)?;
        put!(statement.sql, " ORDER BY {order} LIMIT {most}");
        let mut rows = Vec::with_capacity(most);
        for cells in self.rows("read", Some(table), statement).await? {
            let mut row = shape.row(cells)?;
            row.truncate(columns.len());
            rows.push(row);
        }
        Ok(rows)
    }

    /// Begins a transaction that no other one of the same name is under way with in this database. Of what
    /// the other ones committed it sees everything: nobody publishes by what stood there before.
    /// [`Self::end_alone`] follows its end, also where it couldn't begin.
    ///
    /// # Errors
    /// [`Error::LockTimeout`] where another one is under way; SQLite waits for it, the servers don't.
    pub async fn begin_alone(&mut self, name: &str) -> Result<()> {
        // Before the transaction: inside, PostgreSQL would take the snapshot first and then the lock,
        // and what was committed in between were not seen.
        if self.engine() != Engine::Sqlite {
            let lock = self.lock_named(ACTION, name).await?;
            if !self.try_lock(ACTION, &lock).await? {
                let environment = self.environment.clone();
                return Err(Error::LockTimeout { environment, action: ACTION, table: None });
            }
            self.alone = Some(lock);
        }
        self.begin().await
    }

    /// After the end of a transaction that was begun alone. SQLite's lock ends with it.
    pub async fn end_alone(&mut self) -> Result<()> {
        if let Some(lock) = self.alone.take() {
            self.unlock(ACTION, &lock).await?;
        }
        Ok(())
    }
}
