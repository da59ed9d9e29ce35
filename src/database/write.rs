//! Writing rows: insert, update, delete, lock; each touches exactly the row it names.
//!
//! Answers for one statement at a time. The order of statements, and whether they are committed, is
//! decided in `apply`.

use super::connection::{Parameter, Reuse, Statement};
use super::dialect::{quote, quote_all};
use super::error::{Error, Result};
use super::read::BATCH_PARAMETERS;
use super::{Session, Value, carry, limits};
use crate::catalog::{Column, Engine, Table};

const LOCKED_AT_ONCE: usize = 500;
/// What a statement takes beside one large value.
const STATEMENT_BYTES: usize = 64 * 1024;

/// What rows are locked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Nobody else may write them.
    ToWrite,
    /// Nobody may delete them or change their keys; what a foreign key does by itself.
    ToReferTo,
}

impl Session {
    /// Locks rows until the transaction ends, in key order, so that two runs can't wait for each
    /// other. Keys without a row are passed over. SQLite's whole file is locked since `begin`.
    pub async fn lock(
        &mut self,
        lock: Lock,
        table: &Table,
        key: &[String],
        keys: &[Vec<Value>],
    ) -> Result<()> {
        if self.engine() == Engine::Sqlite || keys.is_empty() {
            return Ok(());
        }
        let by = key.iter().map(|name| self.column(table, name)).collect::<Result<Vec<_>>>()?;
        if by.is_empty() || keys.iter().any(|values| values.len() != by.len()) {
            return Err(self.unsupported(format!(
                "keys of table {} must have {} parts",
                table.name,
                by.len()
            )));
        }
        let mut sorted: Vec<_> = keys.iter().collect();
        sorted.sort();
        sorted.dedup();
        let numbered: Vec<_> = sorted.into_iter().enumerate().collect();
        for batch in numbered.chunks(LOCKED_AT_ONCE.min(BATCH_PARAMETERS / by.len())) {
            if self.engine() == Engine::Mariadb {
                let statement = self.mariadb_lock(lock, table, &by, batch)?;
                self.rows("lock rows of", Some(table), statement).await?;
                continue;
            }
            let mut statement = self.lookup(table, "NULL", &by, batch)?;
            let order = by
                .iter()
                .map(|column| self.dialect().order(&format!("t.{}", quote(&column.name)), column));
            let order = order.collect::<Vec<_>>().join(", ");
            let strength = match lock {
                Lock::ToWrite => "UPDATE",
                Lock::ToReferTo => "KEY SHARE",
            };
            statement.sql = format!("{} ORDER BY {order} FOR {strength} OF t", statement.sql);
            self.rows("lock rows of", Some(table), statement).await?;
        }
        Ok(())
    }

    /// MariaDB locks no rows through a list of values.
    fn mariadb_lock(
        &self,
        lock: Lock,
        table: &Table,
        by: &[&Column],
        batch: &[(usize, &Vec<Value>)],
    ) -> Result<Statement> {
        let mut statement = Statement::once(String::new());
        let keys = self.padded_conditions(&mut statement, table, by, batch)?;
        let order: Vec<_> = by.iter().map(|column| quote(&column.name)).collect();
        let strength = match lock {
            Lock::ToWrite => "FOR UPDATE",
            Lock::ToReferTo => "LOCK IN SHARE MODE",
        };
        statement.sql = format!(
            "SELECT 1 FROM {} AS t WHERE ({}) ORDER BY {} {strength}",
            quote(&table.name),
            keys.join(") OR ("),
            order.join(", ")
        );
        Ok(statement)
    }

    /// Inserts exactly one row; columns that aren't named take their default.
    pub async fn insert(&mut self, table: &Table, values: &[(&str, &Value)]) -> Result<()> {
        let mut statement = Statement::new(format!("INSERT INTO {}", quote(&table.name)));
        if values.is_empty() {
            statement.sql.push_str(match self.engine() {
                Engine::Mariadb => " () VALUES ()",
                Engine::Sqlite | Engine::Postgres => " DEFAULT VALUES",
            });
            return self.touch_one("insert into", table, statement).await;
        }
        let mut placeholders = Vec::with_capacity(values.len());
        let mut columns = Vec::with_capacity(values.len());
        for (name, value) in values {
            let column = self.column(table, name)?;
            columns.push(column);
            placeholders.push(self.stored(&mut statement, table, column, value, values)?);
        }
        let names = quote_all(values.iter().map(|(name, _)| *name));
        let (overriding, placeholders) = (overriding(&columns), placeholders.join(", "));
        statement.sql = format!("{} ({names}){overriding} VALUES ({placeholders})", statement.sql);
        self.touch_one("insert into", table, statement).await
    }

    /// Updates exactly one row. Nothing to set touches nothing.
    pub async fn update(
        &mut self,
        table: &Table,
        key: &[(&str, &Value)],
        set: &[(&str, &Value)],
    ) -> Result<()> {
        if set.is_empty() {
            return Ok(());
        }
        let mut statement = Statement::new(String::new());
        let mut assignments = Vec::with_capacity(set.len());
        for (name, value) in set {
            let column = self.column(table, name)?;
            let placeholder = self.stored(&mut statement, table, column, value, key)?;
            assignments.push(format!("{} = {placeholder}", quote(name)));
        }
        for name in held_still(table, |name| set.iter().any(|(other, _)| *other == name)) {
            assignments.push(format!("{0} = {0}", quote(name)));
        }
        let condition = self.key_condition(&mut statement, table, key)?;
        statement.sql = format!(
            "UPDATE {} SET {} WHERE {condition}",
            quote(&table.name),
            assignments.join(", ")
        );
        self.touch_one("update a row of", table, statement).await
    }

    /// Deletes exactly one row.
    pub async fn delete(&mut self, table: &Table, key: &[(&str, &Value)]) -> Result<()> {
        if self.engine() == Engine::Mariadb {
            self.let_go_of_itself(table, key).await?;
        }
        let mut statement = Statement::new(String::new());
        let condition = self.key_condition(&mut statement, table, key)?;
        statement.sql = format!("DELETE FROM {} WHERE {condition}", quote(&table.name));
        self.touch_one("delete a row of", table, statement).await
    }

    /// InnoDB deletes no row that refers to itself.
    async fn let_go_of_itself(&mut self, table: &Table, key: &[(&str, &Value)]) -> Result<()> {
        for Release { column, refers } in releases(table) {
            let mut statement = Statement::new(String::new());
            let condition = self.key_condition(&mut statement, table, key)?;
            statement.sql = format!(
                "UPDATE {} SET {column} = NULL WHERE {condition} AND {refers}",
                quote(&table.name)
            );
            self.execute("delete a row of", Some(table), statement).await?;
        }
        Ok(())
    }

    /// Why a column can't hold a value, in words without the value.
    pub fn refuses(&self, column: &Column, value: &Value) -> Option<String> {
        self.storable(column, value).err()
    }

    /// A value as it is bound to be stored, or why the column can't hold it.
    fn storable(&self, column: &Column, value: &Value) -> Result<Parameter, String> {
        let value = carry::local(self.engine(), column, value)?;
        let parameter = self.dialect().parameter(column, &value)?;
        if let Some(reason) = limits::refusal(self.engine(), column, &value) {
            return Err(reason);
        }
        let bytes = match &parameter {
            Parameter::Text(text) => text.len(),
            Parameter::Blob(bytes) => bytes.len(),
            Parameter::Null | Parameter::Integer(_) | Parameter::Real(_) | Parameter::Many(_) => 0,
        };
        match self.packet {
            Some(most) if bytes + STATEMENT_BYTES > most => {
                Err(format!("is larger than the {most} bytes of the server's max_allowed_packet"))
            }
            _ => Ok(parameter),
        }
    }

    async fn touch_one(
        &mut self,
        action: &'static str,
        table: &Table,
        statement: Statement,
    ) -> Result<()> {
        debug_assert_eq!(statement.reuse, Reuse::Often);
        match self.execute(action, Some(table), statement).await? {
            1 => Ok(()),
            found => Err(Error::RowCount {
                environment: self.environment.clone(),
                action,
                table: table.name.clone(),
                found,
            }),
        }
    }

    /// The condition that names one row. A key without parts would name every row.
    fn key_condition(
        &self,
        statement: &mut Statement,
        table: &Table,
        key: &[(&str, &Value)],
    ) -> Result<String> {
        if key.is_empty() {
            return Err(
                self.unsupported(format!("a row of table {} must be named by a key", table.name))
            );
        }
        let mut parts = Vec::with_capacity(key.len());
        for (name, value) in key {
            let column = self.column(table, name)?;
            let name = quote(name);
            if value.is_null() {
                parts.push(format!("{name} IS NULL"));
                continue;
            }
            let parameter = self.to_find(table, column, value, key)?;
            let placeholder = self.dialect().lookup(statement.bind(parameter), column);
            parts.push(format!("{name} = {placeholder}"));
        }
        Ok(parts.join(" AND "))
    }

    /// Binds a value to be stored and returns its placeholder.
    pub(super) fn stored(
        &self,
        statement: &mut Statement,
        table: &Table,
        column: &Column,
        value: &Value,
        row: &[(&str, &Value)],
    ) -> Result<String> {
        let parameter = self.to_store(table, column, value, row)?;
        Ok(self.dialect().placeholder(statement.bind(parameter), column))
    }

    /// A value as it is bound to be stored; what names its row stands in the error.
    pub(super) fn to_store(
        &self,
        table: &Table,
        column: &Column,
        value: &Value,
        row: &[(&str, &Value)],
    ) -> Result<Parameter> {
        let parameter = self.storable(column, value);
        parameter.map_err(|reason| self.bad_value(table, column, reason, row))
    }

    /// A value of a key as it is bound to find its row.
    pub(super) fn to_find(
        &self,
        table: &Table,
        column: &Column,
        value: &Value,
        key: &[(&str, &Value)],
    ) -> Result<Parameter> {
        let parameter = self.sought(column, value);
        parameter.map_err(|reason| self.bad_value(table, column, reason, key))
    }

    fn bad_value(
        &self,
        table: &Table,
        column: &Column,
        reason: String,
        row: &[(&str, &Value)],
    ) -> Error {
        Error::Value {
            environment: self.environment.clone(),
            table: table.name.clone(),
            key: shown_key(table, row),
            column: column.name.clone(),
            reason,
        }
    }
}

/// A row's primary key as messages show it, of whatever is at hand.
pub(super) fn shown_key(table: &Table, row: &[(&str, &Value)]) -> String {
    let part = |name: &String| {
        let value = row.iter().find(|(other, _)| other == name);
        value.map_or_else(|| "?".into(), |(_, value)| value.display().chars().take(80).collect())
    };
    let key: Vec<String> = table.primary_key.iter().map(part).collect();
    key.join(",")
}

/// What an insert says where it gives a number that the database would always draw.
pub(super) fn overriding(columns: &[&Column]) -> &'static str {
    let always = |column: &&Column| column.auto.as_ref().is_some_and(|auto| auto.always);
    if columns.iter().any(always) { " OVERRIDING SYSTEM VALUE" } else { "" }
}

/// Columns that would change by themselves and are to be written as they are.
pub(super) fn held_still<'t>(
    table: &'t Table,
    is_set: impl Fn(&str) -> bool + 't,
) -> impl Iterator<Item = &'t str> {
    let itself = table.columns.iter().filter(|column| column.updates_itself);
    itself.map(|column| column.name.as_str()).filter(move |name| !is_set(name))
}

/// How a row lets go of itself.
pub(super) struct Release {
    /// Becomes NULL.
    pub column: String,
    /// The condition that the row refers to itself.
    pub refers: String,
}

/// The references of a table by which a row may refer to itself, as SQL.
pub(super) fn releases(table: &Table) -> Vec<Release> {
    let own = table.foreign_keys.iter().filter(|key| key.to_table == table.name);
    own.filter_map(|key| {
        let nullable = |name: &&String| table.column(name).is_some_and(|it| it.nullable);
        let released = key.columns.iter().find(nullable)?;
        let equal = key.columns.iter().zip(&key.to_columns);
        let equal = equal.map(|(column, to)| format!("{} = {}", quote(column), quote(to)));
        let refers = equal.collect::<Vec<_>>().join(" AND ");
        Some(Release { column: quote(released), refers })
    })
    .collect()
}
