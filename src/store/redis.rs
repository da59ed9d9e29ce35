//! A storage on Redis, one server or a cluster: documents under their keys, as the shop's front end reads them.
//!
//! Answers for the last write of a key winning by its version. A sibling of the key holds it
//! ([`sibling`]), and scripts compare it, many keys a call ([`script`]); after a deletion the sibling stays
//! for a week. Which writes are sent together is `apply`'s, how servers are reached `link`'s.
//!
//! # Guarantees
//! An operation's fate is told only when the server carried it out. When a call fails, all fail: what was
//! done of it is done again, which changes nothing.

mod address;
mod apply;
pub mod facts;
mod generation;
mod link;
mod scan;
mod script;
mod sibling;
mod trouble;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ::redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value, cmd};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::{Error, Fate, Hit, Operation, Page, Result, Store, Stored};
use crate::config::{Config, Environment, Secret};
use crate::effect::{self, Kind};
use address::Address;
use apply::{Batch, Group};
use link::{Connected, Link};
use scan::Nodes;
use script::{By, stands};
use sibling::{OWN, sibling};
use trouble::Trouble;

/// Calls under way at once; on a cluster, where most of them hold one key, more.
const IN_FLIGHT: usize = 8;
const IN_FLIGHT_ON_CLUSTER: usize = 512;
/// Keys asked for at once.
const ASKED: usize = 500;
/// Keys that a server looks at before it answers with those that match.
const LOOKED_AT: usize = 5000;
/// A page is looked for that long, unless there is none so far and the server has more.
const LOOKED_FOR: Duration = Duration::from_millis(200);

/// A session with one storage. A connection that broke is made anew by the next call.
pub struct Redis {
    environment: Environment,
    address: Address,
    connected: Option<Connected>,
    /// Of the server's mark.
    note: PathBuf,
    /// This connection saw to the mark.
    is_marked: bool,
}

/// A call under way: what it carries out, and what the server says.
type Answered = (Group, By, RedisResult<Value>);

/// Whether a URL names a Redis.
pub fn is_one(url: &Secret) -> bool {
    ["redis://", "rediss://"].iter().any(|scheme| url.expose().starts_with(scheme))
}

/// Connects to that of an environment.
pub async fn of(
    config: &Config,
    environment: Environment,
    shop_store: Option<&str>,
    url: &Secret,
) -> Result<Redis> {
    let publish = config.environment(environment).publish.as_ref();
    let ca = publish.and_then(|publish| publish.storage.as_ref()?.ca.as_deref());
    let note = generation::note(&config.state_directory, environment, shop_store);
    Redis::open(url, ca, note, environment).await
}

impl Redis {
    /// Connects; `ca` is a file of certificates that sign the server's.
    async fn open(
        url: &Secret,
        ca: Option<&Path>,
        note: PathBuf,
        environment: Environment,
    ) -> Result<Self> {
        let wrong = |said: String| Trouble::lasting(said).at(environment, "its", "URL");
        let ca = ca.map(|path| {
            std::fs::read(path).map_err(|error| wrong(format!("{}: {error}", path.display())))
        });
        let address = Address::parse(url.expose(), ca.transpose()?);
        let address = address.map_err(|said| wrong(said.to_owned()))?;
        let mut redis = Self { environment, address, connected: None, note, is_marked: false };
        redis.link().await?;
        Ok(redis)
    }

    async fn link(&mut self) -> Result<Link> {
        if self.connected.is_none() {
            let opened = Link::open(&self.address).await;
            let opened = opened
                .map_err(|(host, trouble)| trouble.at(self.environment, "connecting to", &host))?;
            self.connected = Some(opened);
        }
        Ok(self.connected.as_ref().expect("it was just made").link.clone())
    }

    /// What a failed call means for the session and its caller.
    fn failed(&mut self, tried: &str, trouble: Trouble) -> Error {
        let host = self.connected.as_ref().map_or_else(String::new, |it| it.host.clone());
        if trouble.is_lost {
            self.connected = None;
            self.is_marked = false;
        }
        trouble.at(self.environment, tried, &host)
    }

    async fn ask(&mut self, tried: &str, command: Cmd) -> Result<Value> {
        let answer = self.link().await?.ask(&command).await;
        answer.map_err(|error| self.failed(tried, Trouble::of(&error)))
    }

    async fn carry_out(&mut self, operations: &[Operation]) -> Result<Vec<Fate>> {
        self.mark_first().await?;
        let mut batch = Batch::new(operations);
        let link = self.link().await?;
        let most = if link.is_cluster() { IN_FLIGHT_ON_CLUSTER } else { IN_FLIGHT };
        let mut groups = batch.groups(link.is_cluster()).into_iter();
        let mut running = FuturesUnordered::new();
        let mut trouble = None;
        loop {
            while trouble.is_none() && running.len() < most {
                let Some(group) = groups.next() else { break };
                match effect::before(Kind::Store, "script") {
                    Ok(()) => running.push(call(link.clone(), &batch, group, By::Hash)),
                    Err(error) => trouble = Some(Trouble::passing(error.to_string())),
                }
            }
            // What is under way is waited for: it must not be carried out after what the caller does next.
            let Some((group, by, answer)) = running.next().await else { break };
            match understood(answer, &group) {
                Ok(stand) => batch.carried_out(&group, stand),
                Err(NotDone::Unknown) if by == By::Hash => {
                    running.push(call(link.clone(), &batch, group, By::Text));
                }
                Err(NotDone::Unknown) => trouble = Some(Trouble::lasting("it keeps no script")),
                Err(NotDone::Failed(failed)) => drop(trouble.get_or_insert(failed)),
            }
        }
        match trouble {
            None => Ok(batch.fates()),
            Some(trouble) => Err(self.failed("writing to", trouble)),
        }
    }

    async fn stand(&mut self, keys: &[String]) -> Result<Vec<Option<Stored>>> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(ASKED) {
            let mut asked = cmd("MGET");
            for key in keys {
                asked.arg(key).arg(sibling(key));
            }
            let answer = self.ask("reading from", asked).await?;
            let stored = stored(answer).filter(|stored| stored.len() == keys.len());
            found.extend(stored.ok_or_else(|| self.odd("reading from"))?);
        }
        Ok(found)
    }

    async fn list(&mut self, prefix: &str, from: Option<&str>, most: usize) -> Result<Page> {
        let tried = "listing the keys of";
        let nodes = self.nodes(tried).await?;
        let Some(mut at) = nodes.from(from) else {
            let said = "the cluster changed meanwhile; begin again";
            return Err(self.failed(tried, Trouble::passing(said)));
        };
        let begun = Instant::now();
        let mut keys: Vec<String> = Vec::new();
        loop {
            let mut asked = cmd("SCAN");
            asked.arg(&at.cursor).arg("MATCH").arg(scan::pattern(prefix));
            asked.arg("COUNT").arg(LOOKED_AT);
            let answer = self.link().await?.ask_at(nodes.slot(&at), asked).await;
            let answer = answer.map_err(|error| self.failed(tried, Trouble::of(&error)))?;
            let (cursor, some) = scan::answer(answer).ok_or_else(|| self.odd(tried))?;
            keys.extend(some.into_iter().filter(|key| !key.starts_with(OWN)));
            let Some(next) = nodes.next(at, cursor) else {
                return Ok(Page { keys, next: None });
            };
            at = next;
            if keys.len() >= most || begun.elapsed() > LOOKED_FOR {
                return Ok(Page { keys, next: Some(at.words()) });
            }
        }
    }

    async fn nodes(&mut self, tried: &str) -> Result<Nodes> {
        if !self.link().await?.is_cluster() {
            return Ok(Nodes::single());
        }
        let mut asked = cmd("CLUSTER");
        asked.arg("SLOTS");
        let answer = self.ask(tried, asked).await?;
        Nodes::read(answer).ok_or_else(|| self.odd(tried))
    }

    fn odd(&mut self, tried: &str) -> Error {
        self.failed(tried, Trouble::lasting("it answered as no Redis does"))
    }
}

fn call(
    mut link: Link,
    batch: &Batch<'_>,
    group: Group,
    by: By,
) -> impl Future<Output = Answered> + use<> {
    let command = group.verb.call(by, &batch.of(&group));
    async move {
        let answer = link.ask_at(group.slot, command).await;
        (group, by, answer)
    }
}

enum NotDone {
    /// The server doesn't know the script.
    Unknown,
    Failed(Trouble),
}

fn understood(
    answer: RedisResult<Value>,
    group: &Group,
) -> std::result::Result<Vec<script::Stand>, NotDone> {
    match answer {
        Ok(answer) => stands(answer, group.places.len())
            .ok_or_else(|| NotDone::Failed(Trouble::lasting("it answered as no Redis does"))),
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            Err(NotDone::Unknown)
        }
        Err(error) => Err(NotDone::Failed(Trouble::of(&error))),
    }
}

/// Documents and their versions, which come by turns.
fn stored(answer: Value) -> Option<Vec<Option<Stored>>> {
    let Value::Array(list) = answer else { return None };
    let mut values = list.into_iter();
    let mut found = Vec::new();
    while let Some(value) = values.next() {
        let version = values.next()?;
        found.push(match value {
            Value::BulkString(bytes) => {
                let text = |it: std::string::FromUtf8Error| {
                    String::from_utf8_lossy(it.as_bytes()).into_owned()
                };
                let value = String::from_utf8(bytes).unwrap_or_else(text);
                Some(Stored { value, version: link::text(version).parse().ok() })
            }
            _ => None,
        });
    }
    Some(found)
}

impl Store for Redis {
    fn apply<'a>(&'a mut self, operations: &'a [Operation]) -> BoxFuture<'a, Result<Vec<Fate>>> {
        self.carry_out(operations).boxed()
    }

    fn get<'a>(
        &'a mut self,
        _index: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Stored>>>> {
        self.stand(keys).boxed()
    }

    fn keys<'a>(
        &'a mut self,
        _index: &'a str,
        prefix: &'a str,
        from: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        self.list(prefix, from, most).boxed()
    }

    fn indexes(&mut self) -> BoxFuture<'_, Result<Vec<String>>> {
        async { Ok(vec![String::new()]) }.boxed()
    }

    fn search<'a>(
        &'a mut self,
        _index: &'a str,
        _words: &'a str,
        _most: usize,
    ) -> BoxFuture<'a, Result<Vec<Hit>>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn is_another(&mut self) -> BoxFuture<'_, Result<bool>> {
        self.is_another_now().boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        async { Ok(()) }.boxed()
    }
}
