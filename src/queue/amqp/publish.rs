//! Sending messages: over a connection of its own, since a broker that is short of memory or disk stops
//! reading from those that send.
//!
//! Answers for a message counting as sent when the broker has confirmed it and some queue has it; many are
//! under way at once, bounded by their number and bytes.

use std::collections::VecDeque;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};

use super::address::Address;
use super::link::Link;
use super::trouble::{ANSWER, Trouble, answered, silent};
use crate::effect;

/// What may wait for its confirmation.
const MOST_BYTES: usize = 4 << 20;
const MOST: usize = 1000;

/// A message to be sent.
pub struct Outgoing<'b> {
    pub body: &'b [u8],
    pub properties: BasicProperties,
}

pub struct Publisher {
    link: Link,
    channel: Channel,
}

/// Messages under way, in their order.
#[derive(Default)]
struct Flight<'b> {
    messages: VecDeque<(usize, BoxFuture<'b, lapin::Result<Confirmation>>)>,
    bytes: usize,
}

impl Publisher {
    pub async fn open(address: &Address) -> Result<Self, Trouble> {
        let link = Link::open(address, "sends").await?;
        let channel = link.channel().await?;
        answered(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(Self { link, channel })
    }

    pub fn is_usable(&self) -> bool {
        self.link.is_open() && self.channel.status().connected()
    }

    pub async fn close(self) -> Result<(), Trouble> {
        self.link.close().await
    }

    /// Sends messages in their order; `done` counts those of which nothing is left to do.
    ///
    /// # Guarantees
    /// After an error those behind `done` may have been sent or not. The publisher isn't used again then,
    /// since nobody could tell late confirmations from those of what comes next.
    pub async fn send<'b>(
        &mut self,
        (exchange, key): (&str, &str),
        messages: impl Iterator<Item = Outgoing<'b>>,
        done: &mut usize,
    ) -> Result<(), Trouble> {
        let (exchange, key) = (ShortString::from(exchange), ShortString::from(key));
        let mut flight = Flight::default();
        for message in messages {
            while flight.is_full() {
                self.land(&mut flight, done).await?;
            }
            effect::before(effect::Kind::Queue, "publish")?;
            flight.begin(self.channel.clone(), (exchange.clone(), key.clone()), message);
        }
        while !flight.messages.is_empty() {
            self.land(&mut flight, done).await?;
        }
        Ok(())
    }

    /// Waits for the oldest message's confirmation.
    async fn land(&mut self, flight: &mut Flight<'_>, done: &mut usize) -> Result<(), Trouble> {
        let Some((bytes, mut message)) = flight.messages.pop_front() else { return Ok(()) };
        let confirmation = match message.as_mut().now_or_never() {
            Some(confirmation) => confirmation?,
            None => self.confirmed(message).await?,
        };
        match confirmation {
            Confirmation::Ack(None) => {}
            Confirmation::Ack(Some(back)) | Confirmation::Nack(Some(back)) => {
                return Err(Trouble::Returned(back.reply_text.to_string()));
            }
            Confirmation::Nack(None) | Confirmation::NotRequested => {
                return Err(Trouble::Full("it refused to keep a message (a full queue?)".into()));
            }
        }
        flight.bytes -= bytes;
        *done += 1;
        Ok(())
    }

    /// A broker that says it is short of memory or disk is waited for no longer than it may take to
    /// page out.
    async fn confirmed(
        &mut self,
        mut message: BoxFuture<'_, lapin::Result<Confirmation>>,
    ) -> Result<Confirmation, Trouble> {
        let begun = Instant::now();
        loop {
            match tokio::time::timeout(ANSWER / 3, &mut message).await {
                Ok(confirmation) => return Ok(confirmation?),
                Err(_) => {
                    if let Some(reason) = self.link.blocked() {
                        let text = format!("it takes no messages at the moment ({reason})");
                        return Err(Trouble::Full(text));
                    }
                }
            }
            if begun.elapsed() >= ANSWER {
                return Err(silent());
            }
        }
    }
}

impl<'b> Flight<'b> {
    fn is_full(&self) -> bool {
        self.messages.len() >= MOST || self.bytes >= MOST_BYTES
    }

    fn begin(
        &mut self,
        channel: Channel,
        (exchange, key): (ShortString, ShortString),
        Outgoing { body, properties }: Outgoing<'b>,
    ) {
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let mut sending = async move {
            channel.basic_publish(exchange, key, options, body, properties).await?.await
        }
        .boxed();
        // The first poll is what hands it over; it is asked again when its turn comes.
        let message = match sending.as_mut().now_or_never() {
            Some(done) => std::future::ready(done).boxed(),
            None => sending,
        };
        self.bytes += body.len();
        self.messages.push_back((body.len(), message));
    }
}
