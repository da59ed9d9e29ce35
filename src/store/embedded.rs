//! A read store in a file of the state directory, which needs no server: the storage or the search.
//!
//! Answers for the last write of a key winning by its version, in one transaction a call, and for
//! deletions being remembered for as long as older messages may still arrive. Any number of processes
//! use one file.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::newest::newest;
use super::{Error, Fate, Hit, Operation, Page, Result, Store, Stored, words};
use crate::config::Environment;
use crate::config::target::Part;
use crate::database::{ENTRIES, Session};
use crate::whole::make_file;

/// For so long a deletion is remembered.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);
/// Between looks for deletions that are old.
const SWEPT_EVERY: Duration = Duration::from_hours(1);
/// What a value may take; SQLite ends a whole transaction over one that is larger than it takes.
const MOST_BYTES: usize = 256 << 20;

/// A session with one store.
#[derive(Debug)]
pub struct Embedded {
    session: Session,
    part: Part,
    /// Indexes by name; they stay.
    places: BTreeMap<String, i64>,
    /// When old deletions were swept, in microseconds.
    swept: Option<i64>,
}

impl Embedded {
    /// Opens the file, making what is missing.
    pub async fn open(path: &Path, environment: Environment, part: Part) -> Result<Self> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        make_file(path).map_err(failed)?;
        let session = Session::open_own(path, &name(environment, part), &ENTRIES).await?;
        Ok(Self::with(session, part))
    }

    /// Opens the file for looking alone; `None` where nothing was ever written to it.
    pub async fn look(path: &Path, environment: Environment, part: Part) -> Result<Option<Self>> {
        let session = Session::look_into_own(path, &name(environment, part), &ENTRIES).await?;
        Ok(session.map(|session| Self::with(session, part)))
    }

    fn with(session: Session, part: Part) -> Self {
        Self { session, part, places: BTreeMap::new(), swept: None }
    }

    /// The number of an index, where there is one.
    async fn place(&mut self, index: &str) -> Result<Option<i64>> {
        if !self.places.contains_key(index) {
            self.places = self.session.entry_indexes().await?.into_iter().collect();
        }
        Ok(self.places.get(index).copied())
    }

    async fn carry_out(&mut self, operations: &[Operation]) -> Result<Vec<Fate>> {
        let mut fates = vec![Fate::Outdated; operations.len()];
        let texts = self.read_texts(operations, &mut fates);
        let mut by_index: BTreeMap<&str, Vec<(usize, &Operation)>> = BTreeMap::new();
        for (place, operation) in operations.iter().enumerate() {
            if !matches!(fates[place], Fate::Refused(_)) {
                by_index.entry(&operation.index).or_default().push((place, operation));
            }
        }
        // A call that was given up may have left one under way.
        self.session.rollback().await?;
        self.session.begin().await?;
        let now = Timestamp::now().as_microsecond();
        let mut done = Ok(());
        for (index, operations) in by_index {
            done = self.write_index(index, &operations, &texts, now, &mut fates).await;
            if done.is_err() {
                break;
            }
        }
        let done = match done {
            Ok(()) => self.sweep(now).await,
            failed => failed,
        };
        if let Err(error) = done {
            self.session.rollback().await?;
            // Indexes that were made in between are gone again.
            self.places.clear();
            return Err(error);
        }
        self.session.commit().await?;
        Ok(fates)
    }

    /// The words of documents, by the place of their operation; what can't be stored is refused.
    fn read_texts(&self, operations: &[Operation], fates: &mut [Fate]) -> BTreeMap<usize, String> {
        let mut texts = BTreeMap::new();
        for (place, operation) in operations.iter().enumerate() {
            let Some(value) = &operation.value else { continue };
            if let Some(reason) = too_large(value.len()) {
                fates[place] = Fate::Refused(reason);
            } else if self.part == Part::Search {
                match words::of_document(value) {
                    Ok(text) => drop(texts.insert(place, text)),
                    Err(reason) => fates[place] = Fate::Refused(reason),
                }
            }
        }
        texts
    }

    async fn write_index(
        &mut self,
        index: &str,
        operations: &[(usize, &Operation)],
        texts: &BTreeMap<usize, String>,
        now: i64,
        fates: &mut [Fate],
    ) -> Result<()> {
        let place = match self.place(index).await? {
            Some(place) => place,
            None => self.make_place(index).await?,
        };
        let mut keys: Vec<&str> = operations.iter().map(|(_, it)| it.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        let known = self.session.entries(place, &keys).await?;
        let stand_at = known.iter().map(|entry| (entry.key.as_str(), entry.version)).collect();
        let winners = newest(operations, &stand_at, fates);
        let entries: Vec<_> = winners
            .values()
            .map(|(_, it)| (it.key.as_str(), it.version, it.value.as_deref()))
            .collect();
        let numbers = self.session.put_entries(place, now, &entries).await?;
        if self.part != Part::Search {
            return Ok(());
        }
        let before: BTreeMap<&str, Option<&str>> =
            known.iter().map(|entry| (entry.key.as_str(), entry.value.as_deref())).collect();
        let (mut found, mut gone) = (Vec::new(), Vec::new());
        for (key, id) in &numbers {
            let Some((at, winner)) = winners.get(key.as_str()) else { continue };
            let (now, then) = (winner.value.as_deref(), before.get(key.as_str()).copied());
            match now {
                // Published again as it was.
                Some(_) if then == Some(now) => {}
                Some(_) => {
                    let text = texts.get(at).cloned().unwrap_or_default();
                    found.push((*id, text));
                }
                None => gone.push(*id),
            }
        }
        // In the order of their numbers, which is how the words lie.
        found.sort_unstable();
        self.session.put_words(place, &found).await?;
        Ok(self.session.drop_words(place, &gone).await?)
    }

    async fn make_place(&mut self, index: &str) -> Result<i64> {
        let place = self.session.make_entry_index(index).await?;
        if self.part == Part::Search {
            self.session.make_words(place).await?;
        }
        self.places.insert(index.to_owned(), place);
        Ok(place)
    }

    async fn sweep(&mut self, now: i64) -> Result<()> {
        if self.swept.is_some_and(|swept| now - swept < microseconds(SWEPT_EVERY)) {
            return Ok(());
        }
        self.session.sweep_deleted(now - microseconds(REMEMBERED)).await?;
        self.swept = Some(now);
        Ok(())
    }

    async fn stand(&mut self, index: &str, keys: &[String]) -> Result<Vec<Option<Stored>>> {
        let Some(place) = self.place(index).await? else { return Ok(vec![None; keys.len()]) };
        let mut wanted: Vec<&str> = keys.iter().map(String::as_str).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let found = self.session.entries(place, &wanted).await?;
        let found: BTreeMap<String, Stored> = found
            .into_iter()
            .filter_map(|entry| {
                let version = Some(entry.version);
                Some((entry.key, Stored { value: entry.value?, version }))
            })
            .collect();
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    /// How many keys there are, in all indexes.
    pub async fn count(&mut self) -> Result<u64> {
        Ok(self.session.count_entries().await?)
    }
}

fn too_large(bytes: usize) -> Option<String> {
    let reason = || format!("it takes {bytes} bytes, more than the {MOST_BYTES} of this store");
    (bytes > MOST_BYTES).then(reason)
}

fn microseconds(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn name(environment: Environment, part: Part) -> String {
    format!("{environment} {}", part.as_str())
}

impl Store for Embedded {
    fn apply<'a>(&'a mut self, operations: &'a [Operation]) -> BoxFuture<'a, Result<Vec<Fate>>> {
        self.carry_out(operations).boxed()
    }

    fn get<'a>(
        &'a mut self,
        index: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Stored>>>> {
        self.stand(index, keys).boxed()
    }

    fn keys<'a>(
        &'a mut self,
        index: &'a str,
        prefix: &'a str,
        from: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        async move {
            let Some(place) = self.place(index).await? else { return Ok(Page::default()) };
            let keys = self.session.entry_keys(place, prefix, from, most).await?;
            let keys: Vec<String> =
                keys.into_iter().take_while(|key| key.starts_with(prefix)).collect();
            let next = if keys.len() == most { keys.last().cloned() } else { None };
            Ok(Page { keys, next })
        }
        .boxed()
    }

    fn indexes(&mut self) -> BoxFuture<'_, Result<Vec<String>>> {
        async move {
            if self.part != Part::Search {
                return Ok(vec![String::new()]);
            }
            Ok(self.session.entry_indexes().await?.into_iter().map(|(name, _)| name).collect())
        }
        .boxed()
    }

    fn search<'a>(
        &'a mut self,
        index: &'a str,
        words: &'a str,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Hit>>> {
        async move {
            if self.part != Part::Search {
                return Ok(Vec::new());
            }
            let Some(place) = self.place(index).await? else { return Ok(Vec::new()) };
            let found = self.session.find_words(place, words, most).await?;
            let hits = found
                .into_iter()
                .map(|entry| Hit { key: entry.key, value: entry.value.unwrap_or_default() });
            Ok(hits.collect())
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        async move { Ok(self.session.close().await?) }.boxed()
    }
}

#[cfg(test)]
#[path = "embedded_tests.rs"]
mod tests;
