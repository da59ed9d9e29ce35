//! Two streams of rows in key order, joined by key.

use std::cmp::Ordering;

use super::Error;
use crate::database::{Row, Scan};

/// A key's rows: from both sides, or from the one that has it.
type Met = (Option<Row>, Option<Row>);

/// Joins the rows of two scans.
pub struct Merge<'s> {
    scans: [Scan<'s>; 2],
    keys: [Vec<usize>; 2],
    waiting: [Option<Row>; 2],
    ended: [bool; 2],
}

impl<'s> Merge<'s> {
    /// `keys`: where the key's columns stand among those each scan reads.
    pub fn new(scans: [Scan<'s>; 2], keys: [Vec<usize>; 2]) -> Self {
        Self { scans, keys, waiting: [None, None], ended: [false, false] }
    }

    /// The next key's rows; both sides are asked at once.
    pub async fn next(&mut self) -> Result<Option<Met>, Error> {
        let ([source, target], [ours, theirs]) = (&mut self.scans, &mut self.waiting);
        let [source_ended, target_ended] = &mut self.ended;
        tokio::try_join!(fill(source, ours, source_ended), fill(target, theirs, target_ended))?;
        let order = match (&self.waiting[0], &self.waiting[1]) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(source), Some(target)) => compare(&self.keys, source, target),
        };
        Ok(Some(match order {
            Ordering::Less => (self.waiting[0].take(), None),
            Ordering::Greater => (None, self.waiting[1].take()),
            Ordering::Equal => (self.waiting[0].take(), self.waiting[1].take()),
        }))
    }
}

fn compare(keys: &[Vec<usize>; 2], source: &Row, target: &Row) -> Ordering {
    let parts = keys[0].iter().zip(&keys[1]);
    let mut orders = parts.map(|(ours, theirs)| source[*ours].cmp(&target[*theirs]));
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

async fn fill(
    scan: &mut Scan<'_>,
    waiting: &mut Option<Row>,
    ended: &mut bool,
) -> Result<(), Error> {
    if waiting.is_none() && !*ended {
        *waiting = scan.next().await?;
        *ended = waiting.is_none();
    }
    Ok(())
}

/// Where the key's columns stand among those read.
pub fn positions(columns: &[String], key: &[String]) -> Vec<usize> {
    key.iter().filter_map(|name| columns.iter().position(|column| column == name)).collect()
}
