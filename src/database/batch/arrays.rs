//! PostgreSQL: rows come as one array of texts per column, and are cast as single values are.
//!
//! A COPY into a temporary table would need the right to create one, and leaves a connection in disorder
//! where it isn't finished.

use super::super::connection::{Parameter, Statement};
use super::super::dialect::{quote, quote_all};
use super::super::error::Result;
use super::super::write::overriding;
use super::{Alike, Session, Value, Write};
use crate::catalog::{Column, Table};

impl Session {
    pub(super) async fn by_arrays(&mut self, alike: &Alike<'_>) -> Result<u64> {
        let key = alike.columns(self, &alike.key)?;
        let set = alike.columns(self, &alike.set)?;
        let mut statement = Statement::new(String::new());
        self.bind_arrays(&mut statement, alike, &key, &set)?;
        let rows = unnested(key.len() + set.len());
        let table = quote(&alike.table.name);
        let condition = self.found(&key);
        let stored = set.iter().enumerate().map(|(place, column)| {
            let name = format!("w.c{}", key.len() + place);
            (column, self.dialect().placeholder(1, column).replace("$1", &name))
        });
        statement.sql = match alike.write {
            Write::Insert => format!(
                "INSERT INTO {table} ({}){} SELECT {} FROM {rows}",
                quote_all(alike.set.iter().copied()),
                overriding(&set),
                stored.map(|(_, value)| value).collect::<Vec<_>>().join(", "),
            ),
            Write::Update => {
                let set =
                    stored.map(|(column, value)| format!("{} = {value}", quote(&column.name)));
                let set = set.collect::<Vec<_>>().join(", ");
                format!("UPDATE {table} AS t SET {set} FROM {rows} WHERE {condition}")
            }
            Write::Delete => format!("DELETE FROM {table} AS t USING {rows} WHERE {condition}"),
        };
        self.execute(alike.action(), Some(alike.table), statement).await
    }

    /// Looks rows up by any number of keys with one statement.
    pub(in super::super) fn lookup_by_arrays(
        &self,
        table: &Table,
        select: &str,
        by: &[&Column],
        batch: &[(usize, &Vec<Value>)],
    ) -> Result<Statement> {
        let mut statement = Statement::new(String::new());
        for (place, column) in by.iter().enumerate() {
            let wanted =
                |(_, key): &(usize, &Vec<Value>)| self.to_look_up(table, column, &key[place]);
            let texts = batch.iter().map(wanted).collect::<Result<_>>()?;
            statement.bind(Parameter::Many(texts));
        }
        statement.sql = format!(
            "SELECT (w.n - 1)::text, {select} FROM {} JOIN {} AS t ON {}",
            unnested(by.len()),
            quote(&table.name),
            self.found(by)
        );
        Ok(statement)
    }

    /// The condition that a row of the table, `t`, has the key of a row of the arrays, `w`.
    fn found(&self, key: &[&Column]) -> String {
        let equal = |(place, column): (usize, &&Column)| {
            let wanted = self.dialect().lookup(1, column).replace("$1", &format!("w.c{place}"));
            format!("t.{} = {wanted}", quote(&column.name))
        };
        key.iter().enumerate().map(equal).collect::<Vec<_>>().join(" AND ")
    }

    /// One array for each column of the key, then for each that is written.
    fn bind_arrays(
        &self,
        statement: &mut Statement,
        alike: &Alike<'_>,
        key: &[&Column],
        set: &[&Column],
    ) -> Result<()> {
        for (place, column) in key.iter().enumerate() {
            let wanted = |row: &super::AlikeRow<'_>| {
                self.to_find(alike.table, column, row.key[place], &alike.about(row))
            };
            let texts = alike.rows.iter().map(wanted).collect::<Result<_>>()?;
            statement.bind(Parameter::Many(texts));
        }
        for (place, column) in set.iter().enumerate() {
            let stored = |row: &super::AlikeRow<'_>| {
                self.to_store(alike.table, column, row.set[place], &alike.about(row))
            };
            let texts = alike.rows.iter().map(stored).collect::<Result<_>>()?;
            statement.bind(Parameter::Many(texts));
        }
        Ok(())
    }
}

/// All arrays side by side, as rows `w(c0, c1, …, n)` that are numbered from 1.
fn unnested(columns: usize) -> String {
    let numbers = 1..=columns;
    let arrays: Vec<_> = numbers.map(|number| format!("${number}::text[]")).collect();
    let names: String = (0..columns).map(|place| format!("c{place}, ")).collect();
    format!("unnest({}) WITH ORDINALITY AS w({names}n)", arrays.join(", "))
}
