//! The two sessions of a comparison, and reading a node's rows through them.
//!
//! Answers for rows having the node's columns in the node's order on either side: a column that a
//! side doesn't have reads as NULL.

use std::time::Duration;

use super::model::{Node, Side};
use crate::catalog::Table;
use crate::database::{self, Both, Row, Session, Value};

/// The source is only read; the target is read, and written by `apply`.
pub struct Sides {
    pub source: Session,
    pub target: Session,
    pub reading: Reading,
    /// How many connections each side may take to read at once.
    pub connections: usize,
    /// Pairs of further sessions that read the same snapshots.
    pub more: Vec<[Session; 2]>,
    /// Two SQLite files, as one connection sees them.
    pub both: Option<Both>,
    /// Whether both servers hash rows alike, once they were asked.
    hash_alike: Option<bool>,
}

/// How whole tables are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// By checksums, where both servers compute the same ones.
    Checksums(Sizes),
    /// Row by row.
    Streams,
}

/// Where the sizes of stretches start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Also the smallest stretch.
    pub first_rows: u64,
    /// Rows that are read together, when one of them differs.
    pub bucket_rows: u64,
    pub least_buckets: u32,
    /// A stretch that takes so long is worth further connections.
    pub alone: Duration,
}

impl Default for Sizes {
    fn default() -> Self {
        let alone = Duration::from_millis(200);
        Self { first_rows: 2_000, bucket_rows: 32, least_buckets: 32, alone }
    }
}

impl Sides {
    pub fn new(source: Session, target: Session) -> Self {
        let reading = Reading::Checksums(Sizes::default());
        Self {
            source,
            target,
            reading,
            connections: 1,
            more: Vec::new(),
            both: None,
            hash_alike: None,
        }
    }

    /// Opens further sessions, as many as are allowed and to be had on both sides.
    pub async fn widen(&mut self) -> Result<(), database::Error> {
        while self.more.len() + 1 < self.connections {
            let Some(source) = self.source.beside().await? else { return Ok(()) };
            let Some(target) = self.target.beside().await? else { return source.close().await };
            self.more.push([source, target]);
        }
        Ok(())
    }

    /// Closes the further sessions; on SQLite they would hold up a commit.
    pub async fn narrow(&mut self) -> Result<(), database::Error> {
        for [source, target] in self.more.drain(..) {
            source.close().await?;
            target.close().await?;
        }
        if let Some(both) = self.both.take() {
            both.close().await?;
        }
        Ok(())
    }

    pub async fn hash_alike(&mut self) -> Result<bool, database::Error> {
        if let Some(known) = self.hash_alike {
            return Ok(known);
        }
        let ours = self.source.hashes_as().await?;
        let alike = ours.is_some() && ours == self.target.hashes_as().await?;
        self.hash_alike = Some(alike);
        Ok(alike)
    }

    pub fn get(&mut self, side: Side) -> &mut Session {
        match side {
            Side::Source => &mut self.source,
            Side::Target => &mut self.target,
        }
    }

    /// Rows of a node whose `by` columns equal one of `wanted`, with the index they answer.
    pub async fn rows(
        &mut self,
        side: Side,
        node: &Node,
        by: &[usize],
        wanted: &[Vec<Value>],
    ) -> Result<Vec<(usize, Row)>, database::Error> {
        rows_of(self.get(side), side, node, by, wanted).await
    }
}

/// The same of one side's session.
pub async fn rows_of(
    session: &mut Session,
    side: Side,
    node: &Node,
    by: &[usize],
    wanted: &[Vec<Value>],
) -> Result<Vec<(usize, Row)>, database::Error> {
    let names = present(node, side);
    let by = node.names(by);
    let found = session.find(node.table(side), &names, &by, wanted).await?;
    if node.columns.iter().all(|column| column.is_on(side)) {
        return Ok(found);
    }
    Ok(found.into_iter().map(|(index, row)| (index, spread(node, side, row))).collect())
}

/// The names of the columns that a side has, in the node's order.
pub fn present(node: &Node, side: Side) -> Vec<String> {
    node.columns.iter().filter(|column| column.is_on(side)).map(|c| c.name.clone()).collect()
}

/// A row of one side over all columns of the node.
pub fn spread(node: &Node, side: Side, row: Row) -> Row {
    let mut values = row.into_iter();
    node.columns
        .iter()
        .map(|column| match column.is_on(side) {
            true => values.next().unwrap_or(Value::Null),
            false => Value::Null,
        })
        .collect()
}

/// The values of some columns of a row.
pub fn pick(row: &[Value], indexes: &[usize]) -> Vec<Value> {
    indexes.iter().map(|index| row[*index].clone()).collect()
}

/// Values that the table's collations call equal become the same.
pub fn as_collated(table: &Table, columns: &[String], values: &mut [Value]) {
    for (name, value) in columns.iter().zip(values) {
        if let (Some(column), Value::Text(text)) = (table.column(name), &mut *value) {
            *value = Value::Text(column.form(text).into());
        }
    }
}
