//! The queues of an environment: with one broker, or with one for each of the shop's stores.
//!
//! Answers for a message going to the broker of its store, and one that belongs to no store to all of
//! them. Events, which belong to none, go to the first one alone: each entity is published once.

use super::Error;
use super::message::{Message, Packing, bodies};
use crate::config::target::{NoPlace, Part};
use crate::config::{Config, Environment};
use crate::queue::{self, Broker, Depth};

pub struct Brokers {
    environment: Environment,
    /// Never empty.
    all: Vec<(Option<String>, Box<dyn Broker>)>,
}

impl Brokers {
    /// Opens them all, and makes the queues that are missing.
    pub async fn open(
        config: &Config,
        environment: Environment,
        queues: &[String],
    ) -> Result<Self, Error> {
        let mut all = Vec::new();
        for store in config.stores_of(environment, Part::Queue)? {
            let mut broker = queue::open(config, environment, store).await?;
            for queue in queues {
                broker.declare(queue).await?;
            }
            all.push((store.map(str::to_owned), broker));
        }
        match all.is_empty() {
            true => Err(NoPlace::NotConfigured { environment, part: Part::Queue }.into()),
            false => Ok(Self { environment, all }),
        }
    }

    /// For which of the shop's stores there is one each.
    pub fn stores(&self) -> Vec<Option<String>> {
        self.all.iter().map(|(store, _)| store.clone()).collect()
    }

    /// The one that carries events.
    pub fn of_events(&mut self) -> &mut dyn Broker {
        self.all[0].1.as_mut()
    }

    /// Puts messages into their queue.
    pub async fn send(
        &mut self,
        queue: &str,
        messages: &[Message],
        packing: Packing,
    ) -> Result<(), Error> {
        if let [(None, broker)] = self.all.as_mut_slice() {
            return Ok(broker.send(queue, &bodies(messages, packing)).await?);
        }
        self.refuse_unknown(messages)?;
        for (store, broker) in &mut self.all {
            let is_its = |it: &&Message| it.store.is_none() || it.store == *store;
            let own: Vec<Message> = messages.iter().filter(is_its).cloned().collect();
            if !own.is_empty() {
                broker.send(queue, &bodies(&own, packing)).await?;
            }
        }
        Ok(())
    }

    /// Before anything is sent: a message of a store that has no broker would never arrive.
    fn refuse_unknown(&self, messages: &[Message]) -> Result<(), Error> {
        let is_known = |store: &String| self.all.iter().any(|(of, _)| of.as_ref() == Some(store));
        let named = messages.iter().filter_map(|message| message.store.as_ref());
        let Some(store) = named.into_iter().find(|store| !is_known(store)) else { return Ok(()) };
        let stores = self.all.iter().filter_map(|(of, _)| of.clone()).collect();
        let (environment, part, store) = (self.environment, Part::Queue, store.clone());
        Err(NoPlace::NoSuchStore { environment, part, store, stores }.into())
    }

    /// What waits in the queues named, with all brokers together.
    pub async fn list(&mut self, known: &[String]) -> Result<Vec<Depth>, Error> {
        let mut sums: Vec<Depth> = Vec::new();
        for (_, broker) in &mut self.all {
            for depth in broker.list(known).await? {
                if !known.contains(&depth.queue) {
                    continue;
                }
                match sums.iter_mut().find(|sum| sum.queue == depth.queue) {
                    None => sums.push(depth),
                    Some(sum) => {
                        sum.ready += depth.ready;
                        sum.failed += depth.failed;
                        let both = sum.unacknowledged.zip(depth.unacknowledged);
                        sum.unacknowledged = both.map(|(one, other)| one + other);
                    }
                }
            }
        }
        Ok(sums)
    }

    pub async fn close(self) -> Result<(), Error> {
        for (_, broker) in self.all {
            broker.close().await?;
        }
        Ok(())
    }
}
