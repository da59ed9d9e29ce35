//! Finds the rows of a table that may differ, and reads only those.
//!
//! Answers for asking both servers for checksums of the same stretches, for the size of a stretch, and
//! for reading the buckets that differ; where checksums can't be compared, for streaming everything in
//! key order. A row that isn't handed on is equal in every column compared.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use futures_util::lock::Mutex;

use super::Error;
use super::merge::{Merge, positions};
use super::sides::{Reading, Sides, Sizes};
use crate::catalog::Table;
use crate::database::{
    Buckets, Hashing, Row, Session, Slice, Stretch, Twins, Unlike, Value, same_kinds,
};
use crate::manifest::filter::Filter;

/// What a stretch should take both servers.
const STRETCH: Duration = Duration::from_millis(500);
/// How much larger or smaller a stretch may be than the one before.
const STEP: u64 = 4;
const MOST_ROWS: u64 = 2_000_000;
const MOST_BUCKETS: u32 = 1 << 15;
const LOOKED_UP: usize = 500;

/// One table of both sides, as it is compared.
pub struct Twin<'a> {
    pub tables: [&'a Table; 2],
    /// The columns read of each side.
    pub read: [Vec<String>; 2],
    pub key: Vec<String>,
    pub filter: &'a Filter,
    /// Rows that are the same in these columns needn't be looked at; `None` where values that look
    /// different may be the same, or the other way round.
    pub compared: Option<Vec<String>>,
    /// Source rows to be looked at in any case.
    pub unlike: Vec<Unlike>,
}

/// Looks at a key's rows.
pub type Look<'a> = &'a mut (dyn FnMut(Option<Row>, Option<Row>) + Send);

/// What was looked at.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    /// Rows of the source that pass the filter.
    pub source_rows: u64,
    /// Rows of both sides that were read.
    pub read: u64,
    pub at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    EveryRow,
    /// Those that may differ, and some of their neighbours.
    Differing,
}

/// Hands on every key's rows that may differ, in any order.
pub async fn differing(
    sides: &mut Sides,
    twin: &Twin<'_>,
    look: Look<'_>,
) -> Result<Looked, Error> {
    let look = Mutex::new(look);
    if let Some(looked) = look_at_unequal(sides, twin, &look).await? {
        return Ok(looked);
    }
    let Some((hashing, start)) = hashing(sides, twin).await? else {
        let everything = Slice { stretch: &Stretch::default(), buckets: None };
        let read = read(&mut sides.source, &mut sides.target, twin, everything, &look).await?;
        return Ok(Looked { source_rows: read[0], read: read[0] + read[1], at: At::EveryRow });
    };
    let walk = Mutex::new(Walk { after: None, ended: false, rows: start.first_rows });
    let work = Work { twin, hashing: &hashing, sizes: start, walk: &walk, look: &look };
    let mut looked = Looked { source_rows: 0, read: 0, at: At::Differing };
    // Most tables are done before another connection would be open.
    while !walk.lock().await.ended {
        let took = work.one(&mut sides.source, &mut sides.target, &mut looked).await?;
        if took >= start.alone {
            break;
        }
    }
    if walk.lock().await.ended {
        return Ok(looked);
    }
    sides.widen().await?;
    let Sides { source, target, more, .. } = sides;
    let further = more.iter_mut().map(|[source, target]| work.through(source, target));
    let workers = further.chain([work.through(source, target)]);
    for part in try_join_all(workers).await? {
        looked.source_rows += part.source_rows;
        looked.read += part.read;
    }
    Ok(looked)
}

async fn hashing(sides: &mut Sides, twin: &Twin<'_>) -> Result<Option<(Hashing, Sizes)>, Error> {
    let (Some(compared), Reading::Checksums(start)) = (&twin.compared, sides.reading) else {
        return Ok(None);
    };
    if !sides.hash_alike().await? {
        return Ok(None);
    }
    let hashing = Hashing::of(sides.source.engine(), twin.tables, &twin.key, compared);
    Ok(hashing.map(|hashing| (hashing, start)))
}

/// Two SQLite files are compared where they lie; `None` where they can't be.
async fn look_at_unequal(
    sides: &mut Sides,
    twin: &Twin<'_>,
    look: &Mutex<Look<'_>>,
) -> Result<Option<Looked>, Error> {
    let Twin { tables, key, filter, unlike, .. } = twin;
    let compared = twin.compared.as_deref().filter(|_| sides.reading != Reading::Streams);
    let compared = compared.filter(|columns| same_kinds(*tables, columns));
    let (Some(both), Some(columns)) = (&mut sides.both, compared) else { return Ok(None) };
    let twins = Twins { tables: *tables, key, columns, filter, unlike };
    let (unequal, source_rows, target_rows) = tokio::try_join!(
        both.unequal(&twins),
        sides.source.count(tables[0], filter),
        sides.target.count(tables[1], filter),
    )?;
    let Some(mut unequal) = unequal else { return Ok(None) };
    let missing = unequal.iter().filter(|(_, on)| !on[1]).count() as u64;
    if source_rows - missing != target_rows {
        let Some(only_there) = both.only_on_target(&twins).await? else { return Ok(None) };
        if source_rows - missing + only_there.len() as u64 != target_rows {
            return Err(Error::ShortRead { table: tables[0].name.clone() });
        }
        unequal.extend(only_there);
    }
    let mut looked = Looked { source_rows, read: 0, at: At::Differing };
    for unequal in unequal.chunks(LOOKED_UP) {
        looked.read += unequal.iter().flat_map(|(_, on)| on).filter(|on| **on).count() as u64;
        look_up(sides, twin, unequal, look).await?;
    }
    Ok(Some(looked))
}

/// Hands on the rows of some keys.
async fn look_up(
    sides: &mut Sides,
    twin: &Twin<'_>,
    differing: &[(Vec<Value>, [bool; 2])],
    look: &Mutex<Look<'_>>,
) -> Result<(), Error> {
    let Twin { tables, read, key, .. } = twin;
    let of = |side: usize| {
        let here = differing.iter().filter(move |(_, on)| on[side]);
        here.map(|(key, _)| key.clone()).collect::<Vec<_>>()
    };
    let wanted = [of(0), of(1)];
    let (ours, theirs) = tokio::try_join!(
        sides.source.find(tables[0], &read[0], key, &wanted[0]),
        sides.target.find(tables[1], &read[1], key, &wanted[1]),
    )?;
    let by_key = |side: usize, rows: Vec<(usize, Row)>| {
        let rows = rows.into_iter().map(|(at, row)| (wanted[side][at].clone(), row));
        rows.collect::<BTreeMap<_, _>>()
    };
    let (mut ours, mut theirs) = (by_key(0, ours), by_key(1, theirs));
    for (key, on) in differing {
        let rows = (ours.remove(key), theirs.remove(key));
        if [rows.0.is_some(), rows.1.is_some()] != *on {
            return Err(Error::ShortRead { table: tables[0].name.clone() });
        }
        (look.lock().await)(rows.0, rows.1);
    }
    Ok(())
}

/// How far the stretches have come.
struct Walk {
    after: Option<Vec<Value>>,
    ended: bool,
    /// How many rows the next one should have.
    rows: u64,
}

/// What all connections work on.
struct Work<'a, 'l> {
    twin: &'a Twin<'a>,
    hashing: &'a Hashing,
    sizes: Sizes,
    walk: &'a Mutex<Walk>,
    look: &'a Mutex<Look<'l>>,
}

impl Work<'_, '_> {
    /// Takes stretch after stretch until there is none.
    async fn through(&self, source: &mut Session, target: &mut Session) -> Result<Looked, Error> {
        let mut looked = Looked { source_rows: 0, read: 0, at: At::Differing };
        while !self.walk.lock().await.ended {
            self.one(source, target, &mut looked).await?;
        }
        Ok(looked)
    }

    /// Takes the next stretch, if there is one. Returns how long its checksums took.
    async fn one(
        &self,
        source: &mut Session,
        target: &mut Session,
        looked: &mut Looked,
    ) -> Result<Duration, Error> {
        let Some((stretch, rows)) = self.next(source, target).await? else {
            return Ok(Duration::ZERO);
        };
        let count = self.sizes.buckets(rows);
        let started = Instant::now();
        let (ours, theirs) = self.checksums(source, target, &stretch, count).await?;
        let took = started.elapsed();
        if stretch.upto.is_some() {
            self.walk.lock().await.took(took, rows, self.sizes.first_rows);
        }
        looked.source_rows += rows_of(&ours);
        looked.read += self.read(source, target, (&stretch, count), (&ours, &theirs)).await?;
        Ok(took)
    }

    /// The next stretch, with how many rows it was to have. The source says where it ends; past the
    /// source's last row the target does.
    async fn next(
        &self,
        source: &mut Session,
        target: &mut Session,
    ) -> Result<Option<(Stretch, u64)>, Error> {
        let mut walk = self.walk.lock().await;
        if walk.ended {
            return Ok(None);
        }
        let ([ours, theirs], key, rows) = (self.twin.tables, &self.twin.key, walk.rows);
        let rest = Stretch { after: walk.after.clone(), upto: None };
        let upto = match source.last_of(ours, key, &rest, rows).await? {
            Some(last) => Some(last),
            None => target.last_of(theirs, key, &rest, rows).await?,
        };
        walk.ended = upto.is_none();
        walk.after.clone_from(&upto);
        Ok(Some((Stretch { upto, ..rest }, rows)))
    }

    async fn checksums(
        &self,
        source: &mut Session,
        target: &mut Session,
        stretch: &Stretch,
        count: u32,
    ) -> Result<(Buckets, Buckets), Error> {
        let Twin { tables: [ours, theirs], filter, unlike, .. } = self.twin;
        let slice = (stretch, count);
        Ok(tokio::try_join!(
            source.checksums(ours, self.hashing, filter, slice, unlike),
            target.checksums(theirs, self.hashing, filter, slice, &[]),
        )?)
    }

    /// Reads the buckets that differ, or all of the stretch where most do.
    async fn read(
        &self,
        source: &mut Session,
        target: &mut Session,
        (stretch, count): (&Stretch, u32),
        (ours, theirs): (&Buckets, &Buckets),
    ) -> Result<u64, Error> {
        let wanted = differing_buckets(ours, theirs);
        if wanted.is_empty() {
            return Ok(0);
        }
        let of = |buckets: &Buckets| -> u64 {
            wanted.iter().filter_map(|number| buckets.get(number)).map(|it| it.rows).sum()
        };
        let whole = rows_of(ours) + rows_of(theirs);
        let (buckets, expected) = match (of(ours) + of(theirs)) * 2 > whole {
            true => (None, [rows_of(ours), rows_of(theirs)]),
            false => (Some((self.hashing, count, &wanted[..])), [of(ours), of(theirs)]),
        };
        let slice = Slice { stretch, buckets };
        let read = read(source, target, self.twin, slice, self.look).await?;
        match read == expected {
            true => Ok(read[0] + read[1]),
            false => Err(Error::ShortRead { table: self.twin.tables[0].name.clone() }),
        }
    }
}

impl Walk {
    /// The next stretch should take as long as one should.
    fn took(&mut self, elapsed: Duration, rows: u64, least: u64) {
        let took = elapsed.as_micros().max(1);
        let fitting = u128::from(rows) * STRETCH.as_micros() / took;
        let fitting = u64::try_from(fitting).unwrap_or(MOST_ROWS);
        self.rows = fitting.clamp(rows / STEP, rows * STEP).clamp(least, MOST_ROWS.max(least));
    }
}

impl Sizes {
    /// How many buckets so many rows are put into: a power of two, so that statements are few.
    fn buckets(self, rows: u64) -> u32 {
        let wanted = u32::try_from(rows / self.bucket_rows.max(1)).unwrap_or(MOST_BUCKETS);
        wanted.max(self.least_buckets).clamp(1, MOST_BUCKETS).next_power_of_two()
    }
}

fn rows_of(buckets: &Buckets) -> u64 {
    buckets.values().map(|bucket| bucket.rows).sum()
}

fn differing_buckets(ours: &Buckets, theirs: &Buckets) -> Vec<u32> {
    let mut numbers: Vec<u32> = ours.keys().chain(theirs.keys()).copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.retain(|number| ours.get(number) != theirs.get(number));
    numbers
}

/// Streams a slice of both sides in key order and hands on every key's rows. Returns how many rows
/// each side had.
async fn read(
    source: &mut Session,
    target: &mut Session,
    twin: &Twin<'_>,
    slice: Slice<'_>,
    look: &Mutex<Look<'_>>,
) -> Result<[u64; 2], Error> {
    let Twin { tables, read, key, filter, .. } = twin;
    let scans = tokio::try_join!(
        source.scan_slice(tables[0], &read[0], key, filter, slice),
        target.scan_slice(tables[1], &read[1], key, filter, slice),
    )?;
    let keys = [positions(&read[0], key), positions(&read[1], key)];
    let mut merge = Merge::new(scans.into(), keys);
    let mut rows = [0, 0];
    while let Some((source, target)) = merge.next().await? {
        rows[0] += u64::from(source.is_some());
        rows[1] += u64::from(target.is_some());
        (look.lock().await)(source, target);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_grows_and_shrinks_towards_half_a_second() {
        let mut walk = Walk { after: None, ended: false, rows: 2_000 };
        walk.took(Duration::from_millis(1), 2_000, 2_000);
        assert_eq!(walk.rows, 8_000);
        walk.took(Duration::from_millis(250), 8_000, 2_000);
        assert_eq!(walk.rows, 16_000);
        walk.took(Duration::from_mins(1), 16_000, 2_000);
        assert_eq!(walk.rows, 4_000);
        walk.took(Duration::from_mins(1), 4_000, 2_000);
        assert_eq!(walk.rows, 2_000);
    }
}
