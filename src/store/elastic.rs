//! The search store on a server: Elasticsearch or OpenSearch, which differ in little that matters here.
//!
//! Answers for the last write of a key winning by its version, which the server compares; for indexes that
//! know the fields of resources and no others; and for taking an index's place by another one without
//! losing a write. Names of indexes have the operator's prefix here and nowhere else.
//!
//! # Guarantees
//! While an index is rebuilt every write goes to both, in one request: whoever looked for a second index
//! longer ago than [`SEEN`] looks again before writing. So whoever fills one waits for that long first:
//! what was written to the old index alone was committed before the rows are read.

mod bulk;
pub mod connection;
mod health;
mod look;
mod mapping;
mod place;
mod rebuild;
mod reply;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::config::{Config, Environment, Secret};

use super::{Fate, Field, Fresh, Hit, Operation, Page, Result, Store, Stored};
use bulk::{Load, Order};
pub use connection::{Address, Limits};
use connection::{Connection, Patience};
pub use health::{Facts, Index};
use place::{Filled, Fit, Place, REBUILDING};
use reply::Verdict;

/// What stands behind a name is looked at this often at least.
pub const SEEN: Duration = Duration::from_secs(1);
/// The longest key a server takes.
const LONGEST_KEY: usize = 512;
/// An index that is made anew just now is looked at this often.
const LOOKS: usize = 5;

/// A session with one server.
#[derive(Debug)]
pub struct Elastic {
    connection: Connection,
    /// With the `_` behind it.
    prefix: String,
    /// Fields by index, as they were declared.
    declared: BTreeMap<String, Vec<Field>>,
    /// What stood behind names, and when.
    places: BTreeMap<String, (Place, Instant)>,
}

impl Elastic {
    pub async fn open(address: &Address<'_>, prefix: Option<&str>, limits: Limits) -> Result<Self> {
        let connection = Connection::open(address, limits).await?;
        let prefix = prefix.map(|prefix| format!("{}_", prefix.to_lowercase())).unwrap_or_default();
        Ok(Self { connection, prefix, declared: BTreeMap::new(), places: BTreeMap::new() })
    }

    /// That of an environment.
    pub async fn of(config: &Config, environment: Environment, url: &Secret) -> Result<Self> {
        let publish = config.environment(environment).publish.as_ref();
        let search = publish.and_then(|publish| publish.search.as_ref());
        let address = Address {
            environment,
            url,
            api_key: search.and_then(|search| search.api_key.as_ref()),
            ca: search.and_then(|search| search.ca.as_ref()),
        };
        let prefix = search.and_then(|search| search.prefix.as_deref());
        Self::open(&address, prefix, Limits::default()).await
    }

    /// What the server says of itself and of our indexes.
    pub async fn facts(&self) -> Result<Facts> {
        health::facts(&self.connection, &self.prefix).await
    }

    /// The name an index has at the server.
    fn full(&self, index: &str) -> String {
        format!("{}{index}", self.prefix)
    }

    async fn carry_out(&mut self, operations: &[Operation]) -> Result<Vec<Fate>> {
        let mut fates = vec![Fate::Outdated; operations.len()];
        let mut left: Vec<usize> = Vec::with_capacity(operations.len());
        for (at, operation) in operations.iter().enumerate() {
            match self.refusal(operation) {
                Some(reason) => fates[at] = Fate::Refused(reason),
                None => left.push(at),
            }
        }
        let order = order_of(operations);
        let mut patience = Patience::new(self.connection.limits);
        loop {
            let judged = self.write(operations, &left, order).await?;
            left.clear();
            for (at, verdict) in judged {
                match verdict {
                    Verdict::Gone => left.push(at),
                    verdict => fates[at] = verdict.fate(),
                }
            }
            if left.is_empty() {
                return Ok(fates);
            }
            // An index was made anew, or one that was being filled took its place: look again.
            self.places.clear();
            left.sort_unstable();
            let Some(pause) = patience.pause() else {
                let name = self.full(&operations[left[0]].index);
                let reason = format!("index {name} comes and goes");
                return Err(self.connection.error(reason, true));
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Writes the operations at these places to whatever stands behind their indexes now.
    async fn write(
        &mut self,
        operations: &[Operation],
        at: &[usize],
        order: Order,
    ) -> Result<Vec<bulk::Judged>> {
        let names: BTreeSet<&str> = at.iter().map(|at| operations[*at].index.as_str()).collect();
        self.look_up(&names).await?;
        let mut by_index: BTreeMap<&str, Vec<(usize, &Operation)>> = BTreeMap::new();
        for at in at {
            by_index.entry(&operations[*at].index).or_default().push((*at, &operations[*at]));
        }
        let (mut loads, mut judged): (Vec<Load<'_>>, _) = (Vec::new(), Vec::new());
        for (index, operations) in by_index {
            match self.places.get(index) {
                Some((place, _)) => loads.push((place, operations)),
                None => judged.extend(self.without_index(index, &operations)),
            }
        }
        judged.extend(bulk::write(&self.connection, &loads, order).await?);
        Ok(judged)
    }

    /// In an index that isn't there nothing stands; and only resources say how one is made.
    fn without_index(&self, index: &str, operations: &[(usize, &Operation)]) -> Vec<bulk::Judged> {
        let name = self.full(index);
        let reason = format!("there is no index {name}, and no resource that writes to it");
        let verdict = |operation: &Operation| match operation.value {
            Some(_) => Verdict::Refused(reason.clone()),
            None => Verdict::Done,
        };
        operations.iter().map(|(at, operation)| (*at, verdict(operation))).collect()
    }

    fn refusal(&self, operation: &Operation) -> Option<String> {
        let Operation { index, key, version, value: _ } = operation;
        let name = self.full(index);
        // The alias by which an index is filled.
        let name = name.strip_suffix(REBUILDING).unwrap_or(&name);
        match key.len() {
            0 => return Some("its key is empty".to_owned()),
            1..=LONGEST_KEY => {}
            long => return Some(format!("its key takes {long} bytes, and may take {LONGEST_KEY}")),
        }
        if *version < 0 {
            return Some(format!("its version is {version}, below 0"));
        }
        place::refusal_of_name(name)
    }

    /// Looks at what stands behind names, where that was longer ago than it may be; indexes that were
    /// declared and are gone are made again.
    async fn look_up(&mut self, indexes: &BTreeSet<&str>) -> Result<()> {
        let now = Instant::now();
        self.places.retain(|_, (_, seen)| now.duration_since(*seen) < SEEN);
        let unseen: Vec<&str> =
            indexes.iter().filter(|index| !self.places.contains_key(**index)).copied().collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = unseen.iter().map(|index| self.full(index)).collect();
        let mut found = place::places(&self.connection, &names).await?;
        for (index, name) in unseen.iter().zip(&names) {
            if !found.contains_key(name)
                && let Some(fields) = self.declared.get(*index)
            {
                found.extend(self.made(name, fields).await?);
            }
        }
        for (index, name) in unseen.iter().zip(&names) {
            if let Some(place) = found.remove(name) {
                self.places.insert((*index).to_owned(), (place, now));
            }
        }
        Ok(())
    }

    /// Makes an index, unless somebody else does.
    async fn made(&self, name: &str, fields: &[Field]) -> Result<BTreeMap<String, Place>> {
        let made = place::make(&self.connection, (name, name), fields, Filled::ByAndBy).await?;
        if made.is_none() {
            place::fit(&self.connection, name, fields).await?;
        }
        place::places(&self.connection, &[name.to_owned()]).await
    }

    /// Has an index know fields, also the one that is being filled in its place.
    async fn fit(&self, name: &String, fields: &[Field]) -> Result<Fit> {
        let found = place::places(&self.connection, std::slice::from_ref(name)).await?;
        let Some(place) = found.get(name) else {
            self.made(name, fields).await?;
            return Ok(Fit::Knows);
        };
        for name in [Some(&place.name), place.rebuilding.as_ref()].into_iter().flatten() {
            if place::fit(&self.connection, name, fields).await? == Fit::Gone {
                return Ok(Fit::Gone);
            }
        }
        Ok(Fit::Knows)
    }

    async fn declared(&mut self, index: &str, fields: &[Field]) -> Result<()> {
        if self.declared.get(index).is_some_and(|known| known == fields) {
            return Ok(());
        }
        let name = self.full(index);
        // Said of each operation.
        if place::refusal_of_name(&name).is_some() {
            return Ok(());
        }
        let mut looks = 1;
        while self.fit(&name, fields).await? == Fit::Gone {
            looks += 1;
            if looks > LOOKS {
                let error = format!("index {name} is being made anew again and again; try again");
                return Err(self.connection.error(error, true));
            }
        }
        self.declared.insert(index.to_owned(), fields.to_vec());
        self.places.remove(index);
        Ok(())
    }

    async fn documents(&self, index: &str, keys: &[String]) -> Result<Vec<Option<Stored>>> {
        let is_askable = |key: &&str| (1..=LONGEST_KEY).contains(&key.len());
        let asked: Vec<&str> = keys.iter().map(String::as_str).filter(is_askable).collect();
        let name = self.full(index);
        if place::refusal_of_name(&name).is_some() {
            return Ok(vec![None; keys.len()]);
        }
        let mut found = look::get(&self.connection, &name, &asked).await?.into_iter();
        let of = |key: &String| match is_askable(&key.as_str()) {
            true => found.next().flatten(),
            false => None,
        };
        Ok(keys.iter().map(of).collect())
    }

    /// Indexes and aliases that begin with our prefix. An alias of several is none of ours.
    async fn names(&self) -> Result<Vec<String>> {
        let all = place::indexes(&self.connection, &[format!("{}*", self.prefix)]).await?;
        let mut spans: BTreeMap<&str, usize> = BTreeMap::new();
        for alias in all.values().flatten() {
            *spans.entry(alias).or_default() += 1;
        }
        let mut names = BTreeSet::new();
        for (index, aliases) in &all {
            let is_ours =
                |alias: &&String| alias.starts_with(&self.prefix) && spans[alias.as_str()] == 1;
            let ours: Vec<&String> = aliases.iter().filter(is_ours).collect();
            match ours.as_slice() {
                [] if index.starts_with(&self.prefix) && !index.starts_with('.') => {
                    names.insert(index.as_str());
                }
                ours => names.extend(
                    ours.iter().filter(|it| !it.ends_with(REBUILDING)).map(|it| it.as_str()),
                ),
            }
        }
        Ok(names.into_iter().map(|name| name[self.prefix.len()..].to_owned()).collect())
    }
}

/// Where a key is written twice, the later one goes later.
fn order_of(operations: &[Operation]) -> Order {
    let mut seen = HashSet::with_capacity(operations.len());
    let mut all = operations.iter().map(|it| (it.index.as_str(), it.key.as_str()));
    if all.all(|key| seen.insert(key)) { Order::Any } else { Order::Kept }
}

impl Store for Elastic {
    fn declare<'a>(&'a mut self, index: &'a str, fields: &'a [Field]) -> BoxFuture<'a, Result<()>> {
        self.declared(index, fields).boxed()
    }

    fn apply<'a>(&'a mut self, operations: &'a [Operation]) -> BoxFuture<'a, Result<Vec<Fate>>> {
        self.carry_out(operations).boxed()
    }

    fn get<'a>(
        &'a mut self,
        index: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Stored>>>> {
        self.documents(index, keys).boxed()
    }

    fn keys<'a>(
        &'a mut self,
        index: &'a str,
        prefix: &'a str,
        from: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        async move {
            let name = self.full(index);
            look::keys(&self.connection, &name, prefix, from, most).await
        }
        .boxed()
    }

    fn indexes(&mut self) -> BoxFuture<'_, Result<Vec<String>>> {
        self.names().boxed()
    }

    fn search<'a>(
        &'a mut self,
        index: &'a str,
        words: &'a str,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Hit>>> {
        async move {
            let name = self.full(index);
            look::search(&self.connection, &name, words, most).await
        }
        .boxed()
    }

    fn begin_rebuild<'a>(
        &'a mut self,
        index: &'a str,
        fields: &'a [Field],
    ) -> BoxFuture<'a, Result<Option<Fresh>>> {
        async move { rebuild::begin(&self.connection, &self.full(index), fields).await.map(Some) }
            .boxed()
    }

    fn end_rebuild<'a>(
        &'a mut self,
        index: &'a str,
        fresh: &'a Fresh,
    ) -> BoxFuture<'a, Result<()>> {
        async move {
            let name = self.full(index);
            self.places.clear();
            rebuild::end(&self.connection, &name, fresh).await
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        async move { Ok(()) }.boxed()
    }
}
