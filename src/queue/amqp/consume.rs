//! Taking messages of one queue, over a channel of its own.
//!
//! Answers for how much the broker sends ahead: as many messages as are wanted, and fewer of large ones, so
//! that memory stays bounded; for nothing being lost when a caller gives up waiting; and for acknowledging
//! many at once.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery as Received;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};

use super::topology::passively;
use super::trouble::{Trouble, answered};
use crate::effect;
use crate::queue::Most;

/// What messages are taken for until one was seen: as large as the original program recommends at most.
const UNSEEN_BYTES: usize = 256 << 10;
/// Beside its body a message costs as much.
const EXTRA_BYTES: usize = 512;
/// The broker sends no more ahead, however small the messages were: the next ones may be large.
const MOST_AHEAD: usize = 4096;
/// The bits of a tag that are the channel's own; the others say which channel it was.
const TAG_BITS: u32 = 40;

/// How messages that were handed out are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settle {
    Done,
    Back,
}

/// The messages of one queue on their way to us.
pub struct Intake {
    queue: String,
    channel: Channel,
    generation: u64,
    consumer: Option<Consumer>,
    /// How many the broker sends the consumer without an acknowledgement.
    ahead: usize,
    /// The last tag of the consumers before it, whose messages it doesn't count.
    before: u64,
    /// Received, and not handed out.
    ready: VecDeque<Received>,
    /// Handed out: the channel's tags.
    out: BTreeSet<u64>,
    /// The largest message of late, once one was seen.
    largest: Option<usize>,
}

impl Intake {
    pub fn new(queue: &str, channel: Channel, generation: u64) -> Self {
        Self {
            queue: queue.to_owned(),
            channel,
            generation,
            consumer: None,
            ahead: 0,
            before: 0,
            ready: VecDeque::new(),
            out: BTreeSet::new(),
            largest: None,
        }
    }

    pub fn is_usable(&self) -> bool {
        self.channel.status().connected()
    }

    /// Waits for the first message, for at most `wait`; with no time to wait, until it is sure that none is
    /// on its way here.
    pub async fn fill(&mut self, most: Most, wait: Duration) -> Result<(), Trouble> {
        self.receive()?;
        if self.ready.is_empty() {
            self.consume(most).await?;
            self.receive()?;
        }
        if !self.ready.is_empty() {
            return Ok(());
        }
        if wait.is_zero() {
            return self.make_sure().await;
        }
        self.first_within(wait).await
    }

    /// Hands out what is here.
    pub fn hand(&mut self, most: Most) -> Vec<(u64, Received)> {
        let (mut handed, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.ready.front().filter(|_| handed.len() < most.messages) {
            bytes += next.data.len();
            if bytes > most.bytes && !handed.is_empty() {
                break;
            }
            let Some(received) = self.ready.pop_front() else { break };
            self.out.insert(received.delivery_tag);
            let tag = (self.generation << TAG_BITS) | received.delivery_tag;
            handed.push((tag, received));
        }
        let largest = handed.iter().map(|(_, received)| received.data.len()).max();
        // A large one is remembered for some hands.
        let remembered = self.largest.map_or(0, |largest| largest / 4 * 3);
        self.largest = largest.map(|now| now.max(remembered)).or(self.largest);
        handed
    }

    pub async fn acknowledge(&mut self, tags: &[u64]) -> Result<(), Trouble> {
        self.settle(tags, Settle::Done).await
    }

    /// Hands messages back, and all that weren't handed out: else they would come here again, whoever takes
    /// next.
    pub async fn give_back(&mut self, tags: &[u64]) -> Result<(), Trouble> {
        self.cancel().await?;
        let mut tags = tags.to_vec();
        for received in self.ready.drain(..) {
            self.out.insert(received.delivery_tag);
            tags.push((self.generation << TAG_BITS) | received.delivery_tag);
        }
        self.settle(&tags, Settle::Back).await?;
        // What is asked next over another channel finds them there.
        self.count().await?;
        Ok(())
    }

    /// How many messages the queue holds for others.
    async fn count(&self) -> Result<u32, Trouble> {
        let queue = self.queue.as_str().into();
        let asking = self.channel.queue_declare(queue, passively(), FieldTable::default());
        Ok(answered(asking).await?.message_count())
    }

    /// Settles what was handed out by this channel; tags of others came again or will.
    async fn settle(&mut self, tags: &[u64], how: Settle) -> Result<(), Trouble> {
        let own = |tag: &u64| *tag >> TAG_BITS == self.generation;
        let tags = tags.iter().filter(|tag| own(tag)).map(|tag| tag & ((1 << TAG_BITS) - 1));
        let mine: BTreeSet<u64> = tags.filter(|tag| self.out.contains(tag)).collect();
        let first = mine.iter().zip(&self.out).take_while(|(mine, out)| mine == out).count();
        let word = if how == Settle::Done { "ack" } else { "nack" };
        if let Some(last) = first.checked_sub(1).and_then(|at| mine.iter().nth(at).copied()) {
            effect::before(effect::Kind::Queue, word)?;
            self.say(last, how, Reach::UpTo).await?;
        }
        for tag in mine.iter().skip(first) {
            effect::before(effect::Kind::Queue, word)?;
            self.say(*tag, how, Reach::One).await?;
        }
        Ok(())
    }

    async fn say(&mut self, tag: u64, how: Settle, reach: Reach) -> Result<(), Trouble> {
        let multiple = reach == Reach::UpTo;
        match how {
            Settle::Done => {
                answered(self.channel.basic_ack(tag, BasicAckOptions { multiple })).await?;
            }
            Settle::Back => {
                let options = BasicNackOptions { multiple, requeue: true };
                answered(self.channel.basic_nack(tag, options)).await?;
            }
        }
        match reach {
            Reach::UpTo => self.out = self.out.split_off(&(tag + 1)),
            Reach::One => drop(self.out.remove(&tag)),
        }
        Ok(())
    }

    /// Received, and not handed out.
    pub fn waiting(&mut self) -> Result<usize, Trouble> {
        self.receive()?;
        Ok(self.ready.len())
    }

    /// Has the broker send as many ahead as are wanted now.
    async fn consume(&mut self, most: Most) -> Result<(), Trouble> {
        let fitting = most.bytes / (self.largest.unwrap_or(UNSEEN_BYTES) + EXTRA_BYTES);
        let wanted = most.messages.min(fitting).clamp(1, MOST_AHEAD);
        let is_spent = self.out.range(self.before + 1..).count() >= self.ahead;
        let fits = self.ahead >= wanted && self.ahead / 2 <= wanted;
        if self.consumer.is_some() && fits && !is_spent {
            return Ok(());
        }
        self.cancel().await?;
        // More than those are wanted only when they are settled.
        if !self.ready.is_empty() {
            return Ok(());
        }
        self.before = self.out.last().copied().unwrap_or(self.before);
        let count = u16::try_from(wanted).unwrap_or(u16::MAX);
        answered(self.channel.basic_qos(count, BasicQosOptions::default())).await?;
        let consuming = self.channel.basic_consume(
            self.queue.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        self.consumer = Some(answered(consuming).await?);
        self.ahead = wanted;
        Ok(())
    }

    /// Has the broker send nothing more; what has come stays here.
    async fn cancel(&mut self) -> Result<(), Trouble> {
        let Some(consumer) = &self.consumer else { return Ok(()) };
        let cancelling = self.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
        answered(cancelling).await?;
        self.receive()?;
        self.consumer = None;
        Ok(())
    }

    /// Takes over what has come, without waiting.
    fn receive(&mut self) -> Result<(), Trouble> {
        while let Some(consumer) = &mut self.consumer {
            match consumer.next().now_or_never() {
                None => break,
                Some(Some(received)) => self.ready.push_back(received?),
                // The queue was deleted, or moved to another node: the next time it is asked anew.
                Some(None) => self.consumer = None,
            }
        }
        Ok(())
    }

    async fn first_within(&mut self, wait: Duration) -> Result<(), Trouble> {
        let Some(consumer) = &mut self.consumer else { return Ok(()) };
        match tokio::time::timeout(wait, consumer.next()).await {
            Err(_) => Ok(()),
            Ok(Some(received)) => {
                self.ready.push_back(received?);
                self.receive()
            }
            Ok(None) => {
                self.consumer = None;
                Ok(())
            }
        }
    }

    /// Messages that were sent to us before the broker answers are here when it has answered twice: its
    /// channel passes them on before it takes up the second question.
    async fn make_sure(&mut self) -> Result<(), Trouble> {
        const COMING: Duration = Duration::from_secs(1);
        let mut waiting = 0;
        for _ in 0..2 {
            waiting = self.count().await?;
            self.receive()?;
            if !self.ready.is_empty() {
                return Ok(());
            }
        }
        match waiting {
            0 => Ok(()),
            _ => self.first_within(COMING).await,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    One,
    /// All that were handed out before it, too.
    UpTo,
}
