//! The worker: takes messages out of one queue and carries them out in a read store, with connections of
//! its own.
//!
//! Answers for a message being acknowledged only when what it asks for lasts, and for one that can't be
//! carried out going to the error queue alone, whatever came with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::crew::Clock;
use super::current::{Asked, current};
use super::mapping::declared;
use super::message::{Message, Parsed, parse};
use super::model::{Model, Outlet};
use super::shop::part_of;
use super::stores::Stores;
use super::versions::Versions;
use super::{Counts, Error, key};
use crate::config::target::Part;
use crate::config::{Config, Environment};
use crate::database::{Access, Session};
use crate::queue::{self, Broker, Delivery, Most};
use crate::store::{self, Fate, Field, Operation};

/// Messages taken at once; each may be a list.
const MESSAGES: usize = 4096;
/// A storage takes keys in calls of 1 MiB: more in hand would only take memory.
const STORAGE: Most = Most { messages: MESSAGES, bytes: 1 << 20 };
/// How long a queue is asked for its first message.
const WAIT: Duration = Duration::from_millis(50);
/// A message that was sent earlier isn't believed: a store forgets deletions some time. Microseconds.
const BELIEVED: i64 = 3600 * 1_000_000;

/// What a worker works with, and for whom.
#[derive(Clone)]
pub struct Post {
    pub config: Arc<Config>,
    pub environment: Environment,
    pub models: Arc<[Arc<Model>]>,
    pub clock: Clock,
    pub queue: String,
    /// Whose broker it is, where there is one for each of the shop's stores.
    pub store: Option<String>,
}

pub struct Worker {
    post: Post,
    broker: Option<Box<dyn Broker>>,
    stores: Stores,
    /// Only what isn't believed needs a database.
    tables: Option<(Session, Versions)>,
}

/// A message that was understood, its own text, and when it was sent.
struct Understood<'d> {
    message: Message,
    text: &'d str,
    sent: Option<i64>,
}

/// How a worker looks for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It waits a moment for one.
    Waiting,
    /// It doesn't wait, and makes sure that none is on its way to it.
    Sure,
}

/// What became of a hand of messages.
#[derive(Debug, Default)]
pub struct Turn {
    pub deliveries: usize,
    pub counts: Counts,
    /// When the oldest of them was sent.
    pub sent: Option<i64>,
}

impl Worker {
    pub fn new(post: Post) -> Self {
        let stores = Stores::new(Arc::clone(&post.config), post.environment);
        Self { post, broker: None, stores, tables: None }
    }

    pub fn queue(&self) -> &str {
        &self.post.queue
    }

    /// Carries out what is taken from the queue at once.
    pub async fn turn(&mut self, look: Look) -> Result<Turn, Error> {
        let mut broker = match self.broker.take() {
            Some(broker) => broker,
            None => open(&self.post).await?,
        };
        let part = self.part();
        let wait = if look == Look::Sure { Duration::ZERO } else { WAIT };
        let most = if part == Part::Search { Most::messages(MESSAGES) } else { STORAGE };
        let deliveries = broker.take(&self.post.queue, most, wait).await?;
        if deliveries.is_empty() {
            self.broker = Some(broker);
            return Ok(Turn::default());
        }
        let done = self.carry_out(broker.as_mut(), part, &deliveries).await;
        if done.is_err() {
            let tags: Vec<u64> = deliveries.iter().map(|delivery| delivery.tag).collect();
            // The first error is the one that matters; the lease ends by itself.
            let _ = broker.give_back(&self.post.queue, &tags).await;
            self.stores.forget();
            self.tables = None;
        }
        self.broker = Some(broker);
        done
    }

    async fn carry_out(
        &mut self,
        broker: &mut dyn Broker,
        part: Part,
        deliveries: &[Delivery],
    ) -> Result<Turn, Error> {
        let mut turn = Turn { deliveries: deliveries.len(), ..Turn::default() };
        turn.sent = deliveries.iter().filter_map(|delivery| delivery.sent).min();
        let now = self.post.clock.now();
        let mut understood: Vec<Understood<'_>> = Vec::new();
        for delivery in deliveries {
            for Parsed { text, message } in parse(&delivery.body) {
                let sent = delivery.sent;
                match message {
                    Ok(message) => understood.push(Understood { message, text, sent }),
                    Err(error) => {
                        turn.counts.failed += 1;
                        broker.fail(&self.post.queue, text, sent, &error.to_string()).await?;
                    }
                }
            }
        }
        self.read_again(&mut understood, now).await?;
        let mut by_store: BTreeMap<Option<String>, Vec<Understood<'_>>> = BTreeMap::new();
        for it in understood {
            by_store.entry(it.message.store.clone()).or_default().push(it);
        }
        for (store, understood) in by_store {
            let of_these = understood.iter().map(|it| &it.message);
            let indexes = declared(&self.post.models, of_these.filter(|_| part == Part::Search))?;
            let (operations, rest): (Vec<Operation>, Vec<_>) = understood
                .into_iter()
                .map(|it| (operation(part, it.message, now), (it.text, it.sent)))
                .unzip();
            let fates = self.apply((part, store), &indexes, &operations).await?;
            for ((text, sent), fate) in rest.into_iter().zip(fates) {
                match fate {
                    Fate::Done => turn.counts.written += 1,
                    Fate::Outdated => turn.counts.outdated += 1,
                    Fate::Refused(reason) => {
                        turn.counts.failed += 1;
                        broker.fail(&self.post.queue, text, sent, &reason).await?;
                    }
                }
            }
        }
        let tags: Vec<u64> = deliveries.iter().map(|delivery| delivery.tag).collect();
        broker.acknowledge(&self.post.queue, &tags).await?;
        Ok(turn)
    }

    async fn apply(
        &mut self,
        (part, store): (Part, Option<String>),
        indexes: &BTreeMap<String, Vec<Field>>,
        operations: &[Operation],
    ) -> Result<Vec<Fate>, Error> {
        match self.stores.of(part, store.as_deref()).await {
            Ok(opened) => {
                for (index, fields) in indexes {
                    opened.declare(index, fields).await?;
                }
                Ok(opened.apply(operations).await?)
            }
            // It is wrong of these messages alone, and no worker would get past them.
            Err(Error::NoPlace(error) | Error::Store(store::Error::NoPlace(error))) => {
                Ok(vec![Fate::Refused(error.to_string()); operations.len()])
            }
            Err(error) => Err(error),
        }
    }

    /// Messages without a version, and those that are old, say what the tables say instead.
    async fn read_again(
        &mut self,
        understood: &mut [Understood<'_>],
        now: i64,
    ) -> Result<(), Error> {
        let models = Arc::clone(&self.post.models);
        let outlets: Vec<&Outlet> = models.iter().flat_map(|model| &model.outlets).collect();
        let mut asked: BTreeMap<usize, Vec<Asked>> = BTreeMap::new();
        for Understood { message, sent, .. } in understood.iter() {
            let is_young = |moment: i64| now - moment < BELIEVED;
            if message.version.is_some_and(|version| is_young(sent.unwrap_or(version))) {
                continue;
            }
            let is_its =
                |it: &&Outlet| it.queue == self.post.queue && it.resource == message.resource;
            if let Some(at) = outlets.iter().position(is_its) {
                asked.entry(at).or_default().push(Asked::from(message));
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let (session, versions) = self.tables().await?;
        let mut said: BTreeMap<String, Message> = BTreeMap::new();
        for (at, asked) in asked {
            let found = current(session, versions, outlets[at], &asked).await?;
            said.extend(found.into_iter().map(|message| (message.key.clone(), message)));
        }
        for Understood { message, .. } in understood {
            if let Some(said) = said.get(&message.key) {
                message.clone_from(said);
            }
        }
        Ok(())
    }

    async fn tables(&mut self) -> Result<&mut (Session, Versions), Error> {
        if self.tables.is_none() {
            let Post { config, environment, .. } = &self.post;
            let url = config.environment(*environment).database.expose();
            let mut session = Session::open(url, environment.as_str(), Access::Write).await?;
            let versions = Versions::open(&mut session).await?;
            self.tables = Some((session, versions));
        }
        Ok(self.tables.as_mut().expect("it was just opened"))
    }

    fn part(&self) -> Part {
        let outlets = self.post.models.iter().flat_map(|model| &model.outlets);
        let mut of = outlets.filter(|outlet| outlet.queue == self.post.queue).map(part_of);
        of.next().unwrap_or(Part::Storage)
    }

    pub async fn close(self) -> Result<(), Error> {
        self.stores.close().await?;
        if let Some(broker) = self.broker {
            broker.close().await?;
        }
        if let Some((session, _)) = self.tables {
            session.close().await?;
        }
        Ok(())
    }
}

async fn open(post: &Post) -> Result<Box<dyn Broker>, Error> {
    let Post { config, environment, store, .. } = post;
    Ok(queue::open(config, *environment, store.as_deref()).await?)
}

/// A message as a store takes it.
pub fn operation(part: Part, message: Message, now: i64) -> Operation {
    let version = message.version.unwrap_or(now);
    match part {
        Part::Search => Operation {
            index: key::index(
                None,
                message.store.as_deref(),
                message.kind.as_deref().unwrap_or(""),
            ),
            key: message.key,
            version,
            value: message.value,
        },
        Part::Storage | Part::Queue => Operation {
            index: String::new(),
            key: format!("{}{}", key::STORAGE_PREFIX, message.key),
            version,
            value: message.stored(),
        },
    }
}
