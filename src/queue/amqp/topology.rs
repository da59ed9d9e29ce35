//! The exchanges, queues and bindings of messages.
//!
//! Answers for using what is there as it is, and for making what is missing: for a queue Q the direct
//! exchange Q, the queue Q bound by the empty key, and Q.error bound by `error`. All of it lasts.

use std::future::Future;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, ExchangeKind, Queue};

use super::link::Link;
use super::trouble::{ACCESS_REFUSED, NOT_FOUND, Trouble, answered};
use crate::queue::ERROR_SUFFIX;

/// By which messages reach a queue, and those that failed the one beside it.
pub const TO_QUEUE: &str = "";
pub const TO_ERRORS: &str = "error";

/// A channel for questions. The broker closes it after each no, so there is a new one then.
#[derive(Default)]
pub struct Asking {
    channel: Option<Channel>,
}

impl Asking {
    pub async fn channel(&mut self, link: &Link) -> Result<&Channel, Trouble> {
        if !self.channel.as_ref().is_some_and(|channel| channel.status().connected()) {
            self.channel = Some(link.channel().await?);
        }
        Ok(self.channel.as_ref().expect("it was just opened"))
    }

    /// The queue as it is; `None` where there is none.
    pub async fn look(&mut self, link: &Link, queue: &str) -> Result<Option<Queue>, Trouble> {
        let channel = self.channel(link).await?;
        found(channel.queue_declare(queue.into(), passively(), FieldTable::default())).await
    }

    /// Makes what is missing of a queue.
    pub async fn declare(&mut self, link: &Link, queue: &str) -> Result<(), Trouble> {
        let channel = self.channel(link).await?;
        let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let none = FieldTable::default;
        let there = channel.exchange_declare(queue.into(), ExchangeKind::Direct, passive, none());
        if found(there).await?.is_none() {
            let lasting = ExchangeDeclareOptions { durable: true, ..Default::default() };
            let channel = self.channel(link).await?;
            answered(channel.exchange_declare(queue.into(), ExchangeKind::Direct, lasting, none()))
                .await?;
        }
        let errors = format!("{queue}{ERROR_SUFFIX}");
        for (name, key) in [(queue, TO_QUEUE), (errors.as_str(), TO_ERRORS)] {
            if self.look(link, name).await?.is_none() {
                let lasting = QueueDeclareOptions { durable: true, ..Default::default() };
                let channel = self.channel(link).await?;
                answered(channel.queue_declare(name.into(), lasting, none())).await?;
            }
            self.bind(link, queue, name, key).await?;
        }
        Ok(())
    }

    /// A binding that is there stays as it is. Where we may make none, somebody else did, or messages
    /// are returned, which says so.
    async fn bind(
        &mut self,
        link: &Link,
        exchange: &str,
        queue: &str,
        key: &str,
    ) -> Result<(), Trouble> {
        let channel = self.channel(link).await?;
        let options = QueueBindOptions::default();
        let binding = channel.queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            options,
            FieldTable::default(),
        );
        match answered(binding).await {
            Err(trouble) if trouble.is(ACCESS_REFUSED) => Ok(()),
            bound => bound,
        }
    }
}

pub fn passively() -> QueueDeclareOptions {
    QueueDeclareOptions { passive: true, ..Default::default() }
}

async fn found<T>(asked: impl Future<Output = lapin::Result<T>>) -> Result<Option<T>, Trouble> {
    match answered(asked).await {
        Ok(found) => Ok(Some(found)),
        Err(trouble) if trouble.is(NOT_FOUND) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// Why nothing can be called that, if so.
pub fn bad_name(queue: &str) -> Option<&'static str> {
    // Beside each stands its error queue.
    const MOST: usize = 255 - ERROR_SUFFIX.len();
    let plain = queue.strip_suffix(ERROR_SUFFIX).unwrap_or(queue);
    if plain.is_empty() {
        Some("it is empty")
    } else if plain.len() > MOST {
        Some("it is longer than 249 bytes")
    } else if plain.chars().any(char::is_control) {
        Some("it holds control characters")
    } else if plain.starts_with("amq.") {
        Some("names that begin with `amq.` are the broker's own")
    } else {
        None
    }
}
