//! MariaDB: rows by keys that are plain integers, in one list.
//!
//! No collation has a say in what integers are equal, so that which row answers which key can be told
//! here; looking them up one by one takes the server several times as long.

use std::collections::HashMap;

use super::connection::Statement;
use super::dialect::quote;
use super::error::Result;
use super::read::padded;
use super::{Session, Value};
use crate::catalog::{Column, Engine, Kind, Table};

/// Where each wanted integer stands in its batch.
pub(super) type Places = HashMap<i64, Vec<usize>>;

impl Session {
    /// `None` where the keys aren't of one integer column each.
    pub(super) fn places(&self, by: &[&Column], batch: &[(usize, &Vec<Value>)]) -> Option<Places> {
        let [column] = by else { return None };
        let plain = column.kind == Kind::Integer && !column.declared.starts_with("bit");
        if self.engine() != Engine::Mariadb || !plain {
            return None;
        }
        let mut places = Places::new();
        for (at, (_, key)) in batch.iter().enumerate() {
            let Value::Integer(number) = key[0] else { return None };
            places.entry(number).or_default().push(at);
        }
        Some(places)
    }

    /// Rows with their key in front.
    pub(super) fn lookup_numbers(
        &self,
        table: &Table,
        select: &str,
        column: &Column,
        batch: &[(usize, &Vec<Value>)],
    ) -> Result<Statement> {
        let mut statement = Statement::new(String::new());
        let last = batch.last().map(|(_, key)| &key[0]);
        let keys = batch.iter().map(|(_, key)| &key[0]).chain(last.into_iter().cycle());
        let mut wanted = Vec::new();
        for key in keys.take(padded(batch.len())) {
            let parameter = self.to_look_up(table, column, key)?;
            wanted.push(self.dialect().lookup(statement.bind(parameter), column));
        }
        let (name, key) = (quote(&table.name), quote(&column.name));
        statement.sql = format!(
            "SELECT CAST(t.{key} AS CHAR), {select} FROM {name} AS t WHERE t.{key} IN ({})",
            wanted.join(", ")
        );
        Ok(statement)
    }
}
