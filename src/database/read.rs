//! Reading rows: in key order, by given keys, and counting them.
//!
//! Answers for typed rows in an order that both engines share. Who merges two scans, and what a
//! difference means, is decided in `compare`.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::carry;
use super::connection::{Cell, Cells, Parameter, Statement};
use super::dialect::{Dialect, quote};
use super::error::{Doing, Error, Result};
use super::filter::{conditions, push_all, push_where};
use super::postgres::Cursor;
use super::{Row, Session, Slice, Stretch, Value};
use crate::catalog::{Column, Engine, Kind, Table};
use crate::manifest::filter::Filter;

/// How many keys are looked up at once.
const BATCH_ROWS: usize = 500;
/// SQLite takes at most 32,766 values in a statement, PostgreSQL 65,535.
pub(super) const BATCH_PARAMETERS: usize = 30_000;

impl Session {
    /// Rows of `table` that pass `filter`, in the order of `key` as [`Value`] orders it.
    ///
    /// On PostgreSQL a transaction must be under way. A column of JSON or of an unknown kind can't
    /// be a key.
    pub async fn scan<'s>(
        &'s mut self,
        table: &Table,
        columns: &[String],
        key: &[String],
        filter: &Filter,
    ) -> Result<Scan<'s>> {
        let everything = Slice { stretch: &Stretch::default(), buckets: None };
        self.scan_slice(table, columns, key, filter, everything).await
    }

    /// The rows of a slice, in the same order.
    pub async fn scan_slice<'s>(
        &'s mut self,
        table: &Table,
        columns: &[String],
        key: &[String],
        filter: &Filter,
        slice: Slice<'_>,
    ) -> Result<Scan<'s>> {
        let shape = Shape::new(self, table, columns, key)?;
        let mut statement = Statement::once(format!(
            "SELECT {} FROM {} AS t",
            shape.select("t."),
            quote(&table.name)
        ));
        let mut all = conditions(&mut statement, self.dialect(), table, filter)
            .map_err(|what| self.unsupported(what))?;
        all.extend(self.slice(&mut statement, table, key, slice)?);
        push_all(&mut statement, &all);
        self.in_order(statement, shape).await
    }

    /// A statement's rows, in the order of the shape's key.
    pub(super) async fn in_order(
        &mut self,
        mut statement: Statement,
        shape: Shape,
    ) -> Result<Scan<'_>> {
        statement.sql.push_str(" ORDER BY ");
        statement.sql.push_str(&shape.order(self)?);
        let rows = match self.engine() {
            Engine::Sqlite | Engine::Mariadb => Rows::Stream(self.connection.stream(statement)),
            Engine::Postgres => {
                if !self.in_transaction {
                    return Err(self.unsupported("rows can only be read within a transaction"));
                }
                self.cursors += 1;
                let (action, environment) = ("read", self.environment.clone());
                let number = self.cursors;
                let cursor = Cursor::open(&mut self.connection, number, statement).await;
                let doing = Doing { environment: &environment, action, table: Some(&shape.table) };
                Rows::Cursor(cursor.map_err(|error| doing.failed(&error))?)
            }
        };
        Ok(Scan { rows, shape, previous: None })
    }

    /// Rows whose `by` columns equal one of `wanted`, each with the index into `wanted` that it
    /// answers, in that order. Equality is the columns' own, collation included; NULL equals
    /// nothing.
    pub async fn find(
        &mut self,
        table: &Table,
        columns: &[String],
        by: &[String],
        wanted: &[Vec<Value>],
    ) -> Result<Vec<(usize, Row)>> {
        let shape = Shape::new(self, table, columns, &[])?;
        let by = by.iter().map(|name| self.column(table, name)).collect::<Result<Vec<_>>>()?;
        if by.is_empty() || wanted.iter().any(|values| values.len() != by.len()) {
            return Err(self.unsupported(format!(
                "keys of table {} must have {} parts",
                table.name,
                by.len()
            )));
        }
        // What a column can't hold isn't there.
        let held = |(column, value): (&&Column, &Value)| self.sought(column, value).is_ok();
        let whole = wanted
            .iter()
            .enumerate()
            .filter(|(_, key)| !key.iter().any(Value::is_null) && by.iter().zip(*key).all(held));
        let whole: Vec<_> = whole.collect();
        let mut found = Vec::new();
        for batch in whole.chunks(BATCH_ROWS.min(BATCH_PARAMETERS / by.len())) {
            let places = self.places(&by, batch);
            let select = shape.select("t.");
            let statement = match &places {
                Some(_) => self.lookup_numbers(table, &select, by[0], batch)?,
                None => self.lookup(table, &select, &by, batch)?,
            };
            for mut cells in self.rows("look up rows of", Some(table), statement).await? {
                let first = cells.remove(0).integer();
                let mut row = shape.row(cells)?;
                row.truncate(shape.visible);
                if let Some(places) = &places {
                    let answered = first.and_then(|key| places.get(&key)).into_iter().flatten();
                    found.extend(answered.map(|at| (batch[*at].0, row.clone())));
                    continue;
                }
                let number = first.and_then(|number| usize::try_from(number).ok());
                let number = number.expect("the first cell is the number this program put there");
                found.push((batch[number].0, row));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Joins the wanted keys, each with its place in the batch, with the table. The column stands left
    /// of `=`, so that its collation and affinity decide.
    pub(super) fn lookup(
        &self,
        table: &Table,
        select: &str,
        by: &[&Column],
        batch: &[(usize, &Vec<Value>)],
    ) -> Result<Statement> {
        if self.engine() == Engine::Postgres {
            return self.lookup_by_arrays(table, select, by, batch);
        }
        let reuse = if batch.len() == BATCH_ROWS { Statement::new } else { Statement::once };
        let mut statement = reuse(String::new());
        if self.engine() == Engine::Mariadb {
            let keys = self.padded_conditions(&mut statement, table, by, batch)?;
            statement.sql = union(table, select, &keys);
            return Ok(statement);
        }
        let mut rows = Vec::with_capacity(batch.len());
        for (_, key) in batch {
            rows.push(self.placeholders(&mut statement, table, by, key)?);
        }
        let names: Vec<_> = (0..by.len()).map(|place| format!("k{place}")).collect();
        let on = by
            .iter()
            .zip(&names)
            .map(|(column, name)| format!("t.{} = w.{name}", quote(&column.name)));
        statement.sql = format!(
            "WITH wanted(n, {}) AS (VALUES {}) SELECT w.n, {select} FROM wanted AS w {} {} AS t ON {}",
            names.join(", "),
            rows.iter()
                .enumerate()
                .map(|(number, row)| format!("({number}, {})", row.join(", ")))
                .collect::<Vec<_>>()
                .join(", "),
            self.dialect().wanted_join(),
            quote(&table.name),
            on.collect::<Vec<_>>().join(" AND "),
        );
        Ok(statement)
    }

    /// A value as it is bound to find rows by, or why no row can have it.
    pub(super) fn sought(&self, column: &Column, value: &Value) -> Result<Parameter, String> {
        let value = carry::local(self.engine(), column, value)?;
        self.dialect().parameter(column, &value)
    }

    pub(super) fn placeholders(
        &self,
        statement: &mut Statement,
        table: &Table,
        by: &[&Column],
        key: &[Value],
    ) -> Result<Vec<String>> {
        let mut placeholders = Vec::with_capacity(by.len());
        for (column, value) in by.iter().zip(key) {
            let parameter = self.to_look_up(table, column, value)?;
            placeholders.push(self.dialect().lookup(statement.bind(parameter), column));
        }
        Ok(placeholders)
    }

    pub(super) fn to_look_up(
        &self,
        table: &Table,
        column: &Column,
        value: &Value,
    ) -> Result<Parameter> {
        self.sought(column, value).map_err(|reason| Error::Value {
            environment: self.environment.clone(),
            table: table.name.clone(),
            key: "looked up".into(),
            column: column.name.clone(),
            reason,
        })
    }

    /// MariaDB: a condition for each wanted key, and for keys of NULL, which nothing equals, up to one
    /// of a few numbers, so that statements are the same text again and again and stay prepared.
    pub(super) fn padded_conditions(
        &self,
        statement: &mut Statement,
        table: &Table,
        by: &[&Column],
        batch: &[(usize, &Vec<Value>)],
    ) -> Result<Vec<String>> {
        let nothing = vec![Value::Null; by.len()];
        let size = padded(batch.len());
        let keys = batch.iter().map(|(_, key)| *key).chain(std::iter::repeat(&nothing));
        let mut conditions = Vec::with_capacity(size);
        for key in keys.take(size) {
            let placeholders = self.placeholders(statement, table, by, key)?;
            let equal = by.iter().zip(placeholders);
            let equal =
                equal.map(|(column, wanted)| format!("t.{} = {wanted}", quote(&column.name)));
            conditions.push(equal.collect::<Vec<_>>().join(" AND "));
        }
        Ok(conditions)
    }

    pub async fn count(&mut self, table: &Table, filter: &Filter) -> Result<u64> {
        let mut statement = Statement::once(format!("SELECT count(*) FROM {}", quote(&table.name)));
        push_where(&mut statement, self.dialect(), table, filter)
            .map_err(|what| self.unsupported(what))?;
        let counted =
            self.cell("count rows of", Some(table), as_text(self.engine(), statement)).await?;
        let count = counted.integer().and_then(|count| u64::try_from(count).ok());
        count.ok_or_else(|| self.unsupported(format!("table {} gave no count", table.name)))
    }

    /// Whether no row of `table` passes `filter`.
    pub async fn is_empty(&mut self, table: &Table, filter: &Filter) -> Result<bool> {
        let mut statement = Statement::once(format!("SELECT 1 FROM {}", quote(&table.name)));
        push_where(&mut statement, self.dialect(), table, filter)
            .map_err(|what| self.unsupported(what))?;
        statement.sql.push_str(" LIMIT 1");
        let rows = self.rows("read", Some(table), as_text(self.engine(), statement)).await?;
        Ok(rows.is_empty())
    }

    /// Rows of `table` by an integer column, the greatest first: `most` of them after `skip`.
    pub async fn greatest(
        &mut self,
        table: &Table,
        columns: &[String],
        by: &str,
        (skip, most): (u32, u32),
    ) -> Result<Vec<Row>> {
        let shape = Shape::new(self, table, columns, &[])?;
        let by = quote(&self.column(table, by)?.name);
        let statement = Statement::once(format!(
            "SELECT {} FROM {} AS t ORDER BY t.{by} DESC LIMIT {most} OFFSET {skip}",
            shape.select("t."),
            quote(&table.name)
        ));
        let rows = self.rows("read", Some(table), statement).await?.into_iter();
        let row = |cells| {
            let mut row = shape.row(cells)?;
            row.truncate(shape.visible);
            Ok(row)
        };
        rows.map(row).collect()
    }

    /// The greatest value of an integer column; `None` where the table is empty.
    pub async fn greatest_integer(&mut self, table: &Table, column: &str) -> Result<Option<i64>> {
        let column = self.column(table, column)?;
        let sql = format!("SELECT max({}) FROM {}", quote(&column.name), quote(&table.name));
        let statement = as_text(self.engine(), Statement::new(sql));
        match self.cell("read", Some(table), statement).await? {
            Cell::Null => Ok(None),
            cell => cell.integer().map(Some).ok_or_else(|| {
                self.unsupported(format!(
                    "column {} of table {} holds no integers",
                    column.name, table.name
                ))
            }),
        }
    }
}

/// Up to how many keys a batch is filled.
pub(super) fn padded(keys: usize) -> usize {
    keys.next_power_of_two().min(BATCH_ROWS.max(keys))
}

/// One lookup for each wanted key. A list of values joined with the table would compare under a
/// collation of its own, where here the column's decides.
fn union(table: &Table, select: &str, keys: &[String]) -> String {
    let one = |(number, key): (usize, &String)| {
        format!("SELECT '{number}', {select} FROM {} AS t WHERE {key}", quote(&table.name))
    };
    keys.iter().enumerate().map(one).collect::<Vec<_>>().join(" UNION ALL ")
}

/// PostgreSQL's answers are read as text throughout.
fn as_text(engine: Engine, mut statement: Statement) -> Statement {
    if engine == Engine::Postgres {
        statement.sql = format!("SELECT answer::text FROM ({}) AS answers(answer)", statement.sql);
    }
    statement
}

/// Rows in key order, one at a time, so that memory doesn't grow with the table.
pub struct Scan<'s> {
    rows: Rows<'s>,
    shape: Shape,
    previous: Option<Vec<Value>>,
}

enum Rows<'s> {
    Stream(BoxStream<'s, sqlx::Result<Cells>>),
    Cursor(Cursor<'s>),
}

impl Scan<'_> {
    /// The next row; `None` after the last one. Keys strictly increase, or it is an error: an
    /// order that differs between the sides would make rows look deleted.
    pub async fn next(&mut self) -> Result<Option<Row>> {
        let cells = match &mut self.rows {
            Rows::Stream(stream) => stream.next().await.transpose(),
            Rows::Cursor(cursor) => cursor.next().await,
        };
        let Some(cells) = cells.map_err(|error| self.shape.doing().failed(&error))? else {
            return Ok(None);
        };
        let mut row = self.shape.row(cells)?;
        let key: Vec<_> = self.shape.key.iter().map(|place| row[*place].clone()).collect();
        let disordered = self.previous.as_ref().is_some_and(|last| *last >= key);
        if disordered || key.iter().any(Value::is_null) {
            return Err(self.shape.disordered(&key));
        }
        self.previous = Some(key);
        row.truncate(self.shape.visible);
        Ok(Some(row))
    }
}

/// The columns that are read, those of the key behind them where they weren't asked for.
pub(super) struct Shape {
    environment: String,
    table: String,
    dialect: &'static dyn Dialect,
    columns: Vec<Column>,
    key: Vec<usize>,
    visible: usize,
}

impl Shape {
    pub(super) fn new(
        session: &Session,
        table: &Table,
        columns: &[String],
        key: &[String],
    ) -> Result<Self> {
        let mut read: Vec<Column> = Vec::with_capacity(columns.len());
        for name in columns {
            read.push(session.column(table, name)?.clone());
        }
        // Without a key of its own, a row is named in messages by its primary key.
        let named_by = if key.is_empty() { &table.primary_key } else { key };
        let mut places = Vec::with_capacity(named_by.len());
        for name in named_by {
            let column = session.column(table, name)?;
            let place = read.iter().position(|other| other.name == column.name);
            places.push(place.unwrap_or(read.len()));
            if place.is_none() {
                read.push(column.clone());
            }
        }
        Ok(Self {
            environment: session.environment.clone(),
            table: table.name.clone(),
            dialect: session.dialect(),
            columns: read,
            key: places,
            visible: columns.len(),
        })
    }

    pub(super) fn select(&self, alias: &str) -> String {
        let select = |column: &Column| {
            self.dialect.select(&format!("{alias}{}", quote(&column.name)), column)
        };
        let selected: Vec<_> = self.columns.iter().map(select).collect();
        if selected.is_empty() { "NULL".into() } else { selected.join(", ") }
    }

    /// By column: the driver hands its bytes out as hexadecimal digits.
    pub(super) fn hexadecimal(&self, engine: Engine) -> Vec<bool> {
        let bytes = self.columns.iter().map(|column| column.kind == Kind::Bytes);
        bytes.map(|bytes| bytes && engine != Engine::Sqlite).collect()
    }

    pub(super) fn order(&self, session: &Session) -> Result<String> {
        let mut parts = Vec::with_capacity(self.key.len());
        for place in &self.key {
            let column = &self.columns[*place];
            if column.kind == Kind::Json {
                let what = format!(
                    "column {} of table {} is JSON and can't be a key",
                    column.name, self.table
                );
                return Err(session.unsupported(what));
            }
            // Without the alias, PostgreSQL would take the name for the column as it is
            // selected, which is its text.
            parts.push(self.dialect.order(&format!("t.{}", quote(&column.name)), column));
        }
        if parts.is_empty() {
            return Err(
                session.unsupported(format!("table {} has no key to read it by", self.table))
            );
        }
        Ok(parts.join(", "))
    }

    pub(super) fn doing(&self) -> Doing<'_> {
        Doing { environment: &self.environment, action: "read", table: Some(&self.table) }
    }

    /// All columns read, the hidden ones of the key included.
    pub(super) fn row(&self, mut cells: Cells) -> Result<Row> {
        let mut row = Vec::with_capacity(cells.len());
        for (at, column) in self.columns.iter().enumerate() {
            let cell = std::mem::replace(&mut cells[at], Cell::Null);
            let value = self.dialect.value(column, cell);
            row.push(value.map(|value| carry::canonical(column, value)).map_err(|reason| {
                Error::Value {
                    environment: self.environment.clone(),
                    table: self.table.clone(),
                    key: self.key_text(&row, &cells),
                    column: column.name.clone(),
                    reason,
                }
            })?);
        }
        Ok(row)
    }

    /// Of a row that is made of its cells as far as could be.
    fn key_text(&self, row: &[Value], cells: &Cells) -> String {
        let part = |place: &usize| match row.get(*place) {
            Some(value) => value.display().into_owned(),
            None => cells[*place].text().unwrap_or_else(|| "?".into()),
        };
        let text = self.key.iter().map(part).collect::<Vec<_>>().join(",");
        text.chars().take(80).collect()
    }

    pub(super) fn disordered(&self, key: &[Value]) -> Error {
        let names = self.key.iter().map(|place| self.columns[*place].name.as_str());
        Error::Order {
            environment: self.environment.clone(),
            table: self.table.clone(),
            key: names.collect::<Vec<_>>().join(", "),
            row: key.iter().map(Value::display).collect::<Vec<_>>().join(","),
        }
    }
}

impl Session {
    /// How SQLite would carry out a lookup; for tests that hold it to using the index.
    #[doc(hidden)]
    pub async fn explain_find(
        &mut self,
        table: &Table,
        by: &[String],
        wanted: &[Vec<Value>],
    ) -> Result<String> {
        let columns = by.iter().map(|name| self.column(table, name)).collect::<Result<Vec<_>>>()?;
        let batch: Vec<_> = wanted.iter().enumerate().collect();
        let mut statement = self.lookup(table, "1", &columns, &batch)?;
        let explain = match self.engine() {
            Engine::Sqlite => "EXPLAIN QUERY PLAN",
            Engine::Postgres | Engine::Mariadb => "EXPLAIN",
        };
        statement.sql = format!("{explain} {}", statement.sql);
        let rows = self.rows("explain", Some(table), statement).await?;
        let lines = rows.iter().filter_map(|row| row.last().and_then(Cell::text));
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }
}
