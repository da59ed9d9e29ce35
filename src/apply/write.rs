//! Writes ordered groups of rows, many at a time.
//!
//! Answers for how many rows go at once, and for asking between them whether to go on. How rows get
//! into one statement is `database`'s matter, which of them may, `order`'s.

use std::iter::Peekable;

use futures_util::future::join;
use tokio::task::yield_now;

use super::operations::{Operation, Verb};
use super::{Applied, Error, Watch};
use crate::catalog::Table;
use crate::compare::model::Model;
use crate::database::{Alike, AlikeRow, Session, Value, Write};

/// Rows and bytes that go to the database at once: few enough that Ctrl-C is heard soon and that a
/// statement stays below a server's limits, many enough that the way there and back doesn't count.
const ROWS: usize = 4096;
const BYTES: usize = 4 * 1024 * 1024;

/// Writes the groups in their order.
pub(super) async fn write_groups(
    session: &mut Session,
    model: &Model,
    groups: Vec<Vec<Operation<'_>>>,
    applied: &mut Applied,
    watch: &mut dyn Watch,
) -> Result<(), Error> {
    let all = groups.iter().map(Vec::len).sum();
    let mut done = 0;
    for group in groups {
        for part in parts(&group, |operation| size(operation.set.values())) {
            watch.step(done, all)?;
            session.write_alike(&alike(model, part)).await?;
            done += part.len();
            let rows = part.len() as u64;
            match part[0].verb {
                Verb::Insert => applied.inserted += rows,
                Verb::Update | Verb::PutBack => applied.updated += rows,
                Verb::Delete => applied.deleted += rows,
                // Counted when it is put back.
                Verb::TakeOut => {}
            }
        }
    }
    watch.step(all, all)
}

/// Inserts rows of one of our own tables; each part is made while the server writes the one before.
pub(super) async fn insert(
    session: &mut Session,
    table: &Table,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<Value>>,
) -> Result<(), Error> {
    let mut rows = rows.peekable();
    let mut part = next_part(&mut rows).await;
    while !part.is_empty() {
        let set = part.iter().map(|row| AlikeRow { key: Vec::new(), set: row.iter().collect() });
        let (write, of_part) = (Write::Insert, set.collect());
        let alike = Alike { write, table, key: Vec::new(), set: columns.to_vec(), rows: of_part };
        let (written, next) = join(session.write_alike(&alike), next_part(&mut rows)).await;
        written?;
        part = next;
    }
    Ok(())
}

/// Rows that are made without a rest, before others get their turn.
const AT_ONCE: usize = 64;

async fn next_part(rows: &mut Peekable<impl Iterator<Item = Vec<Value>>>) -> Vec<Vec<Value>> {
    let (mut part, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next_if(|_| part.len() < ROWS && bytes < BYTES) {
        bytes += size(&row);
        part.push(row);
        if part.len() % AT_ONCE == 0 {
            yield_now().await;
        }
    }
    part
}

/// Operations that are alike, as the database takes them.
fn alike<'a>(model: &'a Model, part: &'a [Operation<'a>]) -> Alike<'a> {
    let first = &part[0];
    let write = match first.verb {
        Verb::Insert | Verb::PutBack => Write::Insert,
        Verb::Update => Write::Update,
        Verb::Delete | Verb::TakeOut => Write::Delete,
    };
    let named = write != Write::Insert;
    let row = |operation: &'a Operation<'a>| AlikeRow {
        key: operation.key.values().filter(|_| named).collect(),
        set: operation.set.values().collect(),
    };
    Alike {
        write,
        table: first.table(model),
        key: first.key.keys().filter(|_| named).copied().collect(),
        set: first.set.keys().copied().collect(),
        rows: part.iter().map(row).collect(),
    }
}

/// Cuts a group into parts of at most so many rows and, but for a single row, so many bytes.
fn parts<T>(group: &[T], size: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let (mut parts, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (at, row) in group.iter().enumerate() {
        let more = size(row);
        if at > begin && (at - begin == ROWS || bytes + more > BYTES) {
            parts.push(&group[begin..at]);
            (begin, bytes) = (at, 0);
        }
        bytes += more;
    }
    parts.extend((begin < group.len()).then(|| &group[begin..]));
    parts
}

fn size<'v>(values: impl IntoIterator<Item = &'v Value>) -> usize {
    values.into_iter().map(|value| value.size() + 16).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_cut_by_rows_and_by_bytes() {
        let lengths = |group: &[usize]| -> Vec<usize> {
            parts(group, |size| *size).into_iter().map(<[usize]>::len).collect()
        };
        assert_eq!(lengths(&vec![1; 10_000]), [4096, 4096, 1808]);
        assert_eq!(lengths(&[BYTES / 2; 5]), [2, 2, 1]);
        assert_eq!(lengths(&[BYTES * 2, BYTES * 3, 1]), [1, 1, 1]);
        assert_eq!(lengths(&[]), [0; 0]);
    }
}
