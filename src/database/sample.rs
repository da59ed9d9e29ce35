//! A few rows of a table, for guesses that need no more.

use super::connection::Statement;
use super::dialect::quote;
use super::error::Result;
use super::read::Shape;
use super::{Row, Session};
use crate::catalog::Table;

/// Where a sample begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    First,
    Last,
}

impl Session {
    /// At most `limit` rows from one end of the primary key, whose index serves; from anywhere where
    /// there is none.
    pub async fn sample(
        &mut self,
        table: &Table,
        columns: &[String],
        end: End,
        limit: usize,
    ) -> Result<Vec<Row>> {
        let shape = Shape::new(self, table, columns, &[])?;
        let order = match end {
            End::First => "",
            End::Last => " DESC",
        };
        let by = table.primary_key.iter().map(|name| format!("t.{}{order}", quote(name)));
        let by = by.collect::<Vec<_>>().join(", ");
        let order = if by.is_empty() { String::new() } else { format!(" ORDER BY {by}") };
        let sql = format!(
            "SELECT {} FROM {} AS t{order} LIMIT {limit}",
            shape.select("t."),
            quote(&table.name)
        );
        let mut rows = Vec::new();
        for cells in self.rows("look into", Some(table), Statement::once(sql)).await? {
            let mut row = shape.row(cells)?;
            row.truncate(columns.len());
            rows.push(row);
        }
        Ok(rows)
    }
}
