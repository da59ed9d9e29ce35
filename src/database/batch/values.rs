//! MariaDB and SQLite: several rows' values in one statement.
//!
//! Statements have one of a few sizes, so that the same texts come again and stay prepared.

use super::super::connection::Statement;
use super::super::dialect::{quote, quote_all};
use super::super::error::Result;
use super::super::read::BATCH_PARAMETERS;
use super::super::write::{Release, releases};
use super::{Alike, AlikeRow, Session};
use crate::catalog::{Column, Engine};

/// Rows in one statement.
const SIZES: [usize; 6] = [512, 128, 32, 8, 2, 1];
/// Keys in one condition, as many as are looked up or locked at once.
const KEYS: usize = 500;

impl Session {
    pub(super) async fn insert_by_values(&mut self, alike: &Alike<'_>) -> Result<u64> {
        let columns = alike.columns(self, &alike.set)?;
        let (table, names) = (quote(&alike.table.name), quote_all(alike.set.iter().copied()));
        let mut touched = 0;
        for rows in self.portions(&alike.rows, columns.len()) {
            let mut statement = Statement::new(String::new());
            let tuples = self.tuples(&mut statement, alike, &[], &columns, rows)?;
            statement.sql = format!("INSERT INTO {table} ({names}) VALUES {tuples}");
            touched += self.execute(alike.action(), Some(alike.table), statement).await?;
        }
        Ok(touched)
    }

    /// Rows as a statement takes them: the values of the key, then those that are written.
    pub(super) fn tuples(
        &self,
        statement: &mut Statement,
        alike: &Alike<'_>,
        key: &[&Column],
        columns: &[&Column],
        rows: &[AlikeRow<'_>],
    ) -> Result<String> {
        let mut tuples = Vec::with_capacity(rows.len());
        for row in rows {
            let mut values = self.key_row(statement, alike, key, row)?;
            values.extend(self.stored_row(statement, alike, columns, row)?);
            tuples.push(format!("({})", values.join(", ")));
        }
        Ok(tuples.join(", "))
    }

    fn stored_row(
        &self,
        statement: &mut Statement,
        alike: &Alike<'_>,
        columns: &[&Column],
        row: &AlikeRow<'_>,
    ) -> Result<Vec<String>> {
        let about = alike.about(row);
        let values = columns.iter().zip(&row.set);
        values
            .map(|(column, value)| self.stored(statement, alike.table, column, value, &about))
            .collect()
    }

    /// SQLite: the key's and the written values of several rows, joined with the table. The column
    /// stands left of `=`, so that its affinity and collation decide.
    pub(super) async fn update_by_values(&mut self, alike: &Alike<'_>) -> Result<u64> {
        let key = alike.columns(self, &alike.key)?;
        let columns = alike.columns(self, &alike.set)?;
        let assignments =
            alike.set.iter().enumerate().map(|(place, name)| {
                format!("{} = w.column{}", quote(name), key.len() + place + 1)
            });
        let assignments = assignments.collect::<Vec<_>>().join(", ");
        let on = alike.key.iter().enumerate();
        let on = on.map(|(place, name)| format!("t.{} = w.column{}", quote(name), place + 1));
        let on = on.collect::<Vec<_>>().join(" AND ");
        let mut touched = 0;
        for rows in self.portions(&alike.rows, key.len() + columns.len()) {
            let mut statement = Statement::new(String::new());
            let tuples = self.tuples(&mut statement, alike, &key, &columns, rows)?;
            statement.sql = format!(
                "UPDATE {} AS t SET {assignments} FROM (VALUES {tuples}) AS w WHERE {on}",
                quote(&alike.table.name)
            );
            touched += self.execute(alike.action(), Some(alike.table), statement).await?;
        }
        Ok(touched)
    }

    pub(super) async fn delete_by_values(&mut self, alike: &Alike<'_>) -> Result<u64> {
        let by = alike.columns(self, &alike.key)?;
        let mut touched = 0;
        for rows in alike.rows.chunks(KEYS.min(BATCH_PARAMETERS / by.len())) {
            if self.engine() == Engine::Mariadb {
                self.let_go_of_themselves(alike, &by, rows).await?;
            }
            let mut statement = Statement::new(String::new());
            let conditions = self.any_of(&mut statement, alike, &by, rows)?;
            let name = quote(&alike.table.name);
            statement.sql = match self.engine() {
                Engine::Mariadb => format!("DELETE t FROM {name} AS t WHERE {conditions}"),
                _ => format!("DELETE FROM {name} AS t WHERE {conditions}"),
            };
            touched += self.execute(alike.action(), Some(alike.table), statement).await?;
        }
        Ok(touched)
    }
}

impl Session {
    pub(super) fn key_row(
        &self,
        statement: &mut Statement,
        alike: &Alike<'_>,
        by: &[&Column],
        row: &AlikeRow<'_>,
    ) -> Result<Vec<String>> {
        let about = alike.about(row);
        let values = by.iter().zip(&row.key);
        values
            .map(|(column, value)| {
                let parameter = self.to_find(alike.table, column, value, &about)?;
                Ok(self.dialect().lookup(statement.bind(parameter), column))
            })
            .collect()
    }

    /// The condition that a row, `t`, has one of the keys.
    fn any_of(
        &self,
        statement: &mut Statement,
        alike: &Alike<'_>,
        by: &[&Column],
        rows: &[AlikeRow<'_>],
    ) -> Result<String> {
        if self.engine() == Engine::Mariadb {
            let keys: Vec<Vec<_>> = rows
                .iter()
                .map(|row| row.key.iter().map(|&value| value.clone()).collect())
                .collect();
            let numbered: Vec<_> = keys.iter().enumerate().collect();
            let conditions = self.padded_conditions(statement, alike.table, by, &numbered)?;
            return Ok(format!("(({}))", conditions.join(") OR (")));
        }
        let mut tuples = Vec::with_capacity(rows.len());
        for row in rows {
            tuples.push(format!("({})", self.key_row(statement, alike, by, row)?.join(", ")));
        }
        let names: Vec<_> = by.iter().map(|column| format!("t.{}", quote(&column.name))).collect();
        Ok(format!("({}) IN (VALUES {})", names.join(", "), tuples.join(", ")))
    }

    /// InnoDB deletes no row that refers to itself.
    async fn let_go_of_themselves(
        &mut self,
        alike: &Alike<'_>,
        by: &[&Column],
        rows: &[AlikeRow<'_>],
    ) -> Result<()> {
        for Release { column, refers } in releases(alike.table) {
            let mut statement = Statement::new(String::new());
            let condition = self.any_of(&mut statement, alike, by, rows)?;
            let table = quote(&alike.table.name);
            statement.sql =
                format!("UPDATE {table} AS t SET {column} = NULL WHERE {condition} AND {refers}");
            self.execute(alike.action(), Some(alike.table), statement).await?;
        }
        Ok(())
    }
}

impl Session {
    /// Cuts rows into portions that a statement, and on MariaDB a packet, can hold.
    pub(super) fn portions<'r, 'a>(
        &self,
        rows: &'r [AlikeRow<'a>],
        columns: usize,
    ) -> Vec<&'r [AlikeRow<'a>]> {
        let most_bytes = self.packet.map_or(usize::MAX, |packet| packet / 2);
        portions(rows, BATCH_PARAMETERS / columns.max(1), most_bytes, AlikeRow::size)
    }
}

/// As few portions as the sizes allow. A single row is never cut, however large.
fn portions<T>(
    mut rows: &[T],
    most_rows: usize,
    most_bytes: usize,
    size: impl Fn(&T) -> usize,
) -> Vec<&[T]> {
    let mut portions = Vec::new();
    while !rows.is_empty() {
        let mut bytes = 0;
        let fitting = rows.iter().take_while(|row| {
            bytes += size(row);
            bytes <= most_bytes
        });
        let most = fitting.take(most_rows).count();
        let portion = SIZES.into_iter().find(|size| *size <= most).unwrap_or(1);
        let (portion, rest) = rows.split_at(portion);
        portions.push(portion);
        rows = rest;
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_into_portions_of_a_few_sizes() {
        let sizes = |rows: usize, most_rows: usize, most_bytes: usize| -> Vec<usize> {
            let rows = vec![(); rows];
            let portions = portions(&rows, most_rows, most_bytes, |()| 100);
            portions.into_iter().map(<[()]>::len).collect()
        };
        let any = usize::MAX;
        assert_eq!(sizes(1100, 3000, any), [512, 512, 32, 32, 8, 2, 2]);
        assert_eq!(sizes(3, 3000, any), [2, 1]);
        assert_eq!(sizes(300, 150, any), [128, 128, 32, 8, 2, 2]);
        assert_eq!(sizes(2, 0, any), [1, 1]);
        assert_eq!(sizes(0, 1, any), [0; 0]);
        assert_eq!(sizes(40, 3000, 1000), [8, 8, 8, 8, 8]);
        assert_eq!(sizes(2, 3000, 50), [1, 1]);
    }
}
