//! The worker: takes events and messages out of their queues and carries them out.
//!
//! Answers for a message being acknowledged only when what it asks for lasts, and for one that can't be
//! carried out going to the error queue alone, whatever came with it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::current::{Asked, current};
use super::mapping::declared;
use super::message::{Message, Parsed, parse};
use super::model::Outlet;
use super::shop::{Shop, part_of};
use super::{Error, key};
use crate::config::target::Part;
use crate::queue::Delivery;
use crate::store::{self, Fate, Operation};

/// Events are published one by one; these are taken at once.
const EVENTS: usize = 16;
/// Messages taken at once; each may be a list.
const MESSAGES: usize = 64;
/// A message that was sent earlier isn't believed: a store forgets deletions some time. Microseconds.
const BELIEVED: i64 = 3600 * 1_000_000;
/// For so long others may hold messages without getting on.
const HELD: Duration = Duration::from_mins(1);

impl Shop<'_> {
    /// Carries out what lies in the queues until all are empty, also of what it brings.
    pub async fn drain(&mut self, tell: &mut dyn FnMut(&Self)) -> Result<(), Error> {
        let (mut seen, mut before) = (Instant::now(), 0);
        loop {
            let mut handled = 0;
            for queue in self.queues() {
                let done = self.turn(&queue, Duration::ZERO).await?;
                handled += done;
                self.took(done).await?;
                tell(self);
            }
            if handled > 0 {
                seen = Instant::now();
                continue;
            }
            let left = self.waiting().await?;
            if left == 0 {
                return Ok(());
            }
            // Others get on.
            if std::mem::replace(&mut before, left) != left {
                seen = Instant::now();
            }
            if seen.elapsed() > HELD {
                return Err(Error::Held { left, seconds: HELD.as_secs() });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Carries out what is taken from a queue at once; returns how much that was.
    pub async fn turn(&mut self, queue: &str, wait: Duration) -> Result<usize, Error> {
        let is_of_events =
            self.models.iter().any(|model| super::shop::events_of(&model.name) == queue);
        let most = if is_of_events { EVENTS } else { MESSAGES };
        let deliveries = self.broker.take(queue, most, wait).await?;
        if deliveries.is_empty() {
            return Ok(0);
        }
        let done = match is_of_events {
            true => self.events(queue, &deliveries).await,
            false => self.messages(queue, &deliveries).await,
        };
        if let Err(error) = done {
            let tags: Vec<u64> = deliveries.iter().map(|delivery| delivery.tag).collect();
            // The first error is the one that matters; the lease ends by itself.
            let _ = self.broker.give_back(queue, &tags).await;
            return Err(error);
        }
        Ok(deliveries.len())
    }

    pub(super) async fn fail(
        &mut self,
        queue: &str,
        delivery: &Delivery,
        body: &str,
        reason: &str,
    ) -> Result<(), Error> {
        self.counts.failed += 1;
        Ok(self.broker.fail(queue, body, delivery.sent, reason).await?)
    }

    async fn messages(&mut self, queue: &str, deliveries: &[Delivery]) -> Result<(), Error> {
        let now = self.session.now().await?.as_microsecond();
        let mut understood: Vec<(Message, String, Option<i64>)> = Vec::new();
        for delivery in deliveries {
            for Parsed { text, message } in parse(&delivery.body) {
                match message {
                    Ok(message) => understood.push((message, text, delivery.sent)),
                    Err(error) => self.fail(queue, delivery, &text, &error.to_string()).await?,
                }
            }
        }
        self.read_again(queue, &mut understood, now).await?;
        let part = self.part_of_queue(queue);
        let mut by_store: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
        for (at, (message, _, _)) in understood.iter().enumerate() {
            by_store.entry(message.store.clone()).or_default().push(at);
        }
        for (store, places) in by_store {
            let operations: Vec<Operation> =
                places.iter().map(|at| operation(part, &understood[*at].0, now)).collect();
            let of_these = places.iter().map(|at| &understood[*at].0);
            let indexes = declared(&self.models, of_these.filter(|_| part == Part::Search))?;
            let fates = match self.store(part, store.as_deref()).await {
                Ok(opened) => {
                    for (index, fields) in &indexes {
                        opened.declare(index, fields).await?;
                    }
                    opened.apply(&operations).await?
                }
                // It is wrong of these messages alone, and no worker would get past them.
                Err(Error::Store(store::Error::NoPlace(error))) => {
                    vec![Fate::Refused(error.to_string()); operations.len()]
                }
                Err(error) => return Err(error),
            };
            for (at, fate) in places.iter().zip(fates) {
                match fate {
                    Fate::Done => self.counts.written += 1,
                    Fate::Outdated => self.counts.outdated += 1,
                    Fate::Refused(reason) => {
                        let (_, text, sent) = &understood[*at];
                        self.counts.failed += 1;
                        self.broker.fail(queue, text, *sent, &reason).await?;
                    }
                }
            }
        }
        let tags: Vec<u64> = deliveries.iter().map(|delivery| delivery.tag).collect();
        Ok(self.broker.acknowledge(queue, &tags).await?)
    }

    /// Messages without a version, and those that are old, say what the tables say instead.
    async fn read_again(
        &mut self,
        queue: &str,
        understood: &mut [(Message, String, Option<i64>)],
        now: i64,
    ) -> Result<(), Error> {
        let outlets: Vec<&Outlet> = self.models.iter().flat_map(|model| &model.outlets).collect();
        let mut asked: BTreeMap<usize, Vec<Asked>> = BTreeMap::new();
        for (message, _, sent) in understood.iter() {
            let is_young = |moment: i64| now - moment < BELIEVED;
            if message.version.is_some_and(|version| is_young(sent.unwrap_or(version))) {
                continue;
            }
            let is_its = |it: &&Outlet| it.queue == queue && it.resource == message.resource;
            if let Some(at) = outlets.iter().position(is_its) {
                asked.entry(at).or_default().push(Asked::from(message));
            }
        }
        let mut said: BTreeMap<String, Message> = BTreeMap::new();
        for (at, asked) in asked {
            let found = current(&mut self.session, &self.versions, outlets[at], &asked).await?;
            said.extend(found.into_iter().map(|message| (message.key.clone(), message)));
        }
        for (message, _, _) in understood {
            if let Some(said) = said.get(&message.key) {
                message.clone_from(said);
            }
        }
        Ok(())
    }

    fn part_of_queue(&self, queue: &str) -> Part {
        let outlets = self.models.iter().flat_map(|model| &model.outlets);
        let mut of = outlets.filter(|outlet| outlet.queue == queue).map(part_of);
        of.next().unwrap_or(Part::Storage)
    }
}

/// A message as a store takes it.
pub fn operation(part: Part, message: &Message, now: i64) -> Operation {
    let version = message.version.unwrap_or(now);
    match part {
        Part::Search => Operation {
            index: key::index(
                None,
                message.store.as_deref(),
                message.kind.as_deref().unwrap_or(""),
            ),
            key: message.key.clone(),
            version,
            value: message.value.clone(),
        },
        Part::Storage | Part::Queue => Operation {
            index: String::new(),
            key: format!("{}{}", key::STORAGE_PREFIX, message.key),
            version,
            value: message.stored(),
        },
    }
}
