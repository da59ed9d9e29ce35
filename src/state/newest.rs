//! Messages by their numbers, newest first: a page of them is read without the rest.

use super::outbox::{Posted, posted};
use super::{Error, State, text};
use crate::catalog::{Kind, Table};
use crate::database::{self, ConstraintKind, Value};

/// The name under which it is noted that every message has its place here.
const COMPLETE: &str = "messages by number";

/// Which message has which number.
pub(super) fn table() -> Table {
    let columns = [("number", Kind::Integer), ("id", Kind::Text)];
    Table::plain("reconcile_message", &columns, &["number"])
}

impl State {
    /// Gives messages of an earlier release their places, outside any transaction.
    pub(super) async fn begin_places(&mut self) -> Result<(), Error> {
        if self.noted(COMPLETE).await?.is_some() {
            return Ok(());
        }
        let all = self.messages().await?;
        let mut before = 0;
        for posted in &all {
            let number = match posted.message.number {
                0 => {
                    // They were written before there were numbers.
                    before -= 1;
                    before
                }
                number => i64::try_from(number).unwrap_or(i64::MAX),
            };
            match self.place(number, &posted.message.id).await {
                // Another process does the same.
                Err(Error::Database(database::Error::Constraint {
                    kind: ConstraintKind::Unique,
                    ..
                })) => {}
                placed => placed?,
            }
        }
        self.note(COMPLETE, "yes").await
    }

    pub(super) async fn place(&mut self, number: i64, id: &str) -> Result<(), Error> {
        let (number, id) = (Value::Integer(number), text(id));
        let row = [("number", &number), ("id", &id)];
        Ok(self.session.insert(&self.tables.places, &row).await?)
    }

    pub(super) async fn leave_place(&mut self, number: i64) -> Result<(), Error> {
        let number = Value::Integer(number);
        match self.session.delete(&self.tables.places, &[("number", &number)]).await {
            // Of an earlier release, or another process was quicker.
            Err(database::Error::RowCount { .. }) => Ok(()),
            deleted => Ok(deleted?),
        }
    }

    /// So many messages, newest first, after those that are skipped.
    pub async fn newest(&mut self, skip: u32, most: u32) -> Result<Vec<Posted>, Error> {
        let (id, by) = (["id".to_owned()], "number");
        let places = self.session.greatest(&self.tables.places, &id, by, (skip, most)).await?;
        let columns = ["message", "delivery"].map(str::to_owned);
        let found = self.session.find(&self.tables.outbox, &columns, &id, &places).await?;
        found.iter().map(|(_, row)| posted(&row[0], &row[1])).collect()
    }
}
