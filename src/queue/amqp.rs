//! Queues on RabbitMQ, or another broker that speaks AMQP 0-9-1.
//!
//! Answers for a call going on over a new connection where the old one went, for as long as it is worth
//! waiting; and for errors that say which broker said what. lapin's own recovery isn't used: it was seen not
//! to come back from a broker that restarted (amqp-rs/lapin#450).

mod address;
mod carried;
mod consume;
mod errors;
mod link;
mod look;
mod publish;
mod topology;
mod trouble;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use self::address::Address;
use self::consume::Intake;
use self::link::Link;
pub use self::look::Seen;
use self::publish::{Outgoing, Publisher};
use self::topology::{Asking, TO_ERRORS, TO_QUEUE, bad_name};
use self::trouble::{NOT_FOUND, Trouble};
use super::{Broker, Delivery, Depth, ERROR_SUFFIX, Error, Most, Peeked, Result};
use crate::config::{Environment, Secret};
use crate::manifest::words::nearest;
use crate::state::random_word;

/// For so long a broker that went is tried again within one call.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(3)];

/// A session with the queues of one vhost.
pub struct Amqp {
    environment: Environment,
    address: Address,
    publisher: Option<Publisher>,
    reader: Option<Reader>,
    /// Queues that are there, as far as this session knows, and those it was asked to declare.
    seen: BTreeSet<String>,
    declared: BTreeSet<String>,
    /// Of channels that hand out messages: their tags begin anew.
    generation: u64,
}

/// The connection over which everything but messages to send goes.
struct Reader {
    link: Link,
    asking: Asking,
    intakes: BTreeMap<String, Intake>,
}

/// How often a broker that went is still asked.
struct Patience {
    begun: Instant,
    pause: Duration,
}

impl Patience {
    fn new() -> Self {
        Self { begun: Instant::now(), pause: PAUSES[0] }
    }

    /// Waits; not if that would be too long.
    async fn lasts(&mut self) -> bool {
        if self.begun.elapsed() + self.pause > PATIENCE {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSES[1]);
        true
    }
}

/// Does it again over new connections where one went.
macro_rules! persist {
    ($self:ident, $doing:expr, $work:expr) => {{
        let mut patience = Patience::new();
        loop {
            match $work.await {
                Err(Trouble::Gone(why)) => {
                    $self.hang_up();
                    if !patience.lasts().await {
                        break Err($self.error($doing, &Trouble::Gone(why)));
                    }
                }
                Err(trouble) => break Err($self.error($doing, &trouble)),
                Ok(done) => break Ok(done),
            }
        }
    }};
}

impl Amqp {
    /// Connects; a broker that isn't there is told at once.
    pub async fn open(url: &Secret, ca: Option<&Path>, environment: Environment) -> Result<Self> {
        let address = Address::read(url, ca).map_err(|reason| Error::Server {
            environment,
            reason,
            passes: false,
        })?;
        let mut broker = Self {
            environment,
            address,
            publisher: None,
            reader: None,
            seen: BTreeSet::new(),
            declared: BTreeSet::new(),
            generation: first_generation(),
        };
        match broker.reader().await {
            Ok(_) => Ok(broker),
            Err(trouble) => Err(broker.error("connecting to", &trouble)),
        }
    }

    /// Where it is, without what is secret.
    pub fn shown(&self) -> &str {
        &self.address.shown
    }

    fn error(&self, doing: &str, trouble: &Trouble) -> Error {
        Error::Server {
            environment: self.environment,
            reason: format!("{doing} RabbitMQ at {}: {}", self.address.shown, trouble.told()),
            passes: trouble.passes(),
        }
    }

    /// Leaves both connections; what was handed out comes again.
    fn hang_up(&mut self) {
        self.reader = None;
        self.publisher = None;
    }

    async fn reader(&mut self) -> Result<&mut Reader, Trouble> {
        if !self.reader.as_ref().is_some_and(|reader| reader.link.is_open()) {
            let link = Link::open(&self.address, "takes").await?;
            let mut reader = Reader { link, asking: Asking::default(), intakes: BTreeMap::new() };
            // A broker may have come back without what doesn't last.
            for queue in &self.declared {
                reader.asking.declare(&reader.link, queue).await?;
            }
            self.reader = Some(reader);
        }
        Ok(self.reader.as_mut().expect("it was just opened"))
    }

    async fn publisher(&mut self) -> Result<&mut Publisher, Trouble> {
        if !self.publisher.as_ref().is_some_and(Publisher::is_usable) {
            self.publisher = Some(Publisher::open(&self.address).await?);
        }
        Ok(self.publisher.as_mut().expect("it was just opened"))
    }

    async fn intake(&mut self, queue: &str) -> Result<&mut Intake, Trouble> {
        let generation = self.generation + 1;
        let reader = self.reader().await?;
        if !reader.intakes.get(queue).is_some_and(Intake::is_usable) {
            let channel = reader.link.channel().await?;
            reader.intakes.insert(queue.to_owned(), Intake::new(queue, channel, generation));
            self.generation = generation;
        }
        let reader = self.reader.as_mut().expect("it was just asked");
        Ok(reader.intakes.get_mut(queue).expect("it was just opened"))
    }

    async fn declare_now(&mut self, queue: &str) -> Result<(), Trouble> {
        let reader = self.reader().await?;
        reader.asking.declare(&reader.link, queue).await?;
        self.seen.insert(queue.to_owned());
        self.seen.insert(format!("{queue}{ERROR_SUFFIX}"));
        self.declared.insert(queue.to_owned());
        Ok(())
    }

    async fn look_now(&mut self, queue: &str) -> Result<Option<lapin::Queue>, Trouble> {
        let reader = self.reader().await?;
        reader.asking.look(&reader.link, queue).await
    }

    /// How many messages of a queue wait; a name that nobody declared is an error.
    async fn known(&mut self, queue: &str) -> Result<u64> {
        self.check_name(queue)?;
        let looked = persist!(self, "looking at a queue of", self.look_now(queue))?;
        let Some(looked) = looked else { return Err(self.unknown(queue)) };
        self.seen.insert(queue.to_owned());
        Ok(u64::from(looked.message_count()))
    }

    fn check_name(&self, queue: &str) -> Result<()> {
        match bad_name(queue) {
            None => Ok(()),
            Some(reason) => Err(Error::Name {
                environment: self.environment,
                queue: crate::escape::shortened(queue, 80).into_owned(),
                reason,
            }),
        }
    }

    /// A broker doesn't tell the names of its queues, but this session saw some.
    fn unknown(&mut self, queue: &str) -> Error {
        self.seen.remove(queue);
        let names = self.seen.iter().map(String::as_str);
        let hint = match nearest(queue, names) {
            Some(meant) => format!("; did you mean {meant}?"),
            None => format!(" (at {})", self.address.shown),
        };
        Error::Unknown { environment: self.environment, queue: queue.to_owned(), hint }
    }

    /// Sends messages to a queue's exchange. Where nothing takes them, what is missing is made first, if it
    /// was ours to declare; the broker may have lost it.
    async fn publish<'b>(
        &mut self,
        (queue, key): (&str, &str),
        messages: &(dyn Fn(usize) -> Option<Outgoing<'b>> + Send + Sync),
    ) -> Result<()> {
        let (mut done, mut mended) = (0, !self.declared.contains(queue));
        loop {
            let sent = persist!(
                self,
                "sending to",
                self.publish_now((queue, key), messages, &mut done).map(mendable)
            )?;
            match sent {
                Ok(()) => return Ok(()),
                Err(_) if !mended => {
                    mended = true;
                    persist!(self, "declaring a queue of", self.declare_now(queue))?;
                }
                Err(trouble) if trouble.is(NOT_FOUND) => return Err(self.unknown(queue)),
                Err(_) => return Err(self.error("sending to", &unbound(queue, key))),
            }
        }
    }

    async fn publish_now<'b>(
        &mut self,
        place: (&str, &str),
        messages: &(dyn Fn(usize) -> Option<Outgoing<'b>> + Send + Sync),
        done: &mut usize,
    ) -> Result<(), Trouble> {
        let first = *done;
        let publisher = self.publisher().await?;
        let rest = (first..).map_while(messages);
        let sent = publisher.send(place, rest, done).await;
        if sent.is_err() {
            self.publisher = None;
        }
        sent
    }

    async fn take_within(
        &mut self,
        queue: &str,
        most: Most,
        wait: Duration,
    ) -> Result<Vec<Delivery>> {
        if !self.seen.contains(queue) {
            self.known(queue).await?;
        }
        let begun = Instant::now();
        let filled = persist!(
            self,
            "taking from",
            self.fill_now(queue, most, wait.saturating_sub(begun.elapsed()))
        )?;
        if !filled {
            return Err(self.unknown(queue));
        }
        let intakes = self.reader.as_mut().map(|reader| &mut reader.intakes);
        let intake = intakes.and_then(|intakes| intakes.get_mut(queue));
        let handed = intake.map_or_else(Vec::new, |intake| intake.hand(most));
        let (mut deliveries, mut unreadable) = (Vec::with_capacity(handed.len()), Vec::new());
        for (tag, received) in handed {
            let (sent, again) = (carried::sent_of(&received.properties), received.redelivered);
            match String::from_utf8(received.data) {
                Ok(body) => deliveries.push(Delivery { tag, body, sent, again }),
                Err(error) => unreadable.push((tag, sent, error.into_bytes())),
            }
        }
        for (tag, sent, bytes) in unreadable {
            self.fail_bytes(queue, &bytes, sent, "it is no text in UTF-8").await?;
            self.acknowledge_now(queue, &[tag]).await?;
        }
        Ok(deliveries)
    }

    /// Whether there is such a queue.
    async fn fill_now(&mut self, queue: &str, most: Most, wait: Duration) -> Result<bool, Trouble> {
        if most.messages == 0 {
            return Ok(true);
        }
        match self.intake(queue).await?.fill(most, wait).await {
            Ok(()) => Ok(true),
            Err(trouble) if trouble.is(NOT_FOUND) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// The queue's channel, if it is the one that handed out what is to be settled.
    fn settling(&mut self, queue: &str) -> Option<&mut Intake> {
        self.reader.as_mut()?.intakes.get_mut(queue)
    }

    /// What went with the connection comes again, here or elsewhere: that is no error.
    fn settled(&mut self, done: Result<(), Trouble>) -> Result<()> {
        match done {
            Ok(()) => Ok(()),
            Err(Trouble::Gone(_)) => {
                self.reader = None;
                Ok(())
            }
            Err(trouble) => Err(self.error("acknowledging to", &trouble)),
        }
    }

    async fn acknowledge_now(&mut self, queue: &str, tags: &[u64]) -> Result<()> {
        let Some(intake) = self.settling(queue) else { return Ok(()) };
        let done = intake.acknowledge(tags).await;
        self.settled(done)
    }

    async fn give_back_now(&mut self, queue: &str, tags: &[u64]) -> Result<()> {
        let Some(intake) = self.settling(queue) else { return Ok(()) };
        let done = intake.give_back(tags).await;
        self.settled(done)
    }

    async fn fail_bytes(
        &mut self,
        queue: &str,
        body: &[u8],
        sent: Option<i64>,
        reason: &str,
    ) -> Result<()> {
        let properties = carried::properties(sent, Some(reason));
        let one = |at: usize| (at == 0).then(|| Outgoing { body, properties: properties.clone() });
        self.publish((queue, TO_ERRORS), &one).await
    }

    async fn listed(&mut self, known: &[String]) -> Result<Vec<Depth>> {
        let mut list = Vec::new();
        for queue in known {
            self.check_name(queue)?;
            let looked = persist!(self, "looking at a queue of", self.look_now(queue))?;
            let Some(looked) = looked else { continue };
            let errors = format!("{queue}{ERROR_SUFFIX}");
            let failed = persist!(self, "looking at a queue of", self.look_now(&errors))?;
            let ready = looked.message_count() as usize + self.on_their_way(queue);
            list.push(Depth {
                queue: queue.clone(),
                ready: ready as u64,
                unacknowledged: None,
                failed: failed.map_or(0, |failed| u64::from(failed.message_count())),
            });
        }
        Ok(list)
    }

    /// Messages that the broker sent here, and that weren't handed out.
    fn on_their_way(&mut self, queue: &str) -> usize {
        let waiting = self.settling(queue).map(Intake::waiting);
        // Of a connection that went nothing waits here.
        waiting.and_then(Result::ok).unwrap_or_default()
    }

    async fn purge_now(&mut self, queue: &str) -> Result<u64, Trouble> {
        if let Some(intake) = self.settling(queue) {
            intake.give_back(&[]).await?;
        }
        let reader = self.reader().await?;
        crate::effect::before(crate::effect::Kind::Queue, "purge")?;
        let channel = reader.asking.channel(&reader.link).await?;
        let options = lapin::options::QueuePurgeOptions::default();
        Ok(u64::from(trouble::answered(channel.queue_purge(queue.into(), options)).await?))
    }
}

/// Drawn, so that no session takes another's tags for its own.
fn first_generation() -> u64 {
    u64::from_str_radix(&random_word(5), 16).unwrap_or_default()
}

/// What may be mended by declaring anew is told apart from what can't.
fn mendable(sent: Result<(), Trouble>) -> Result<Result<(), Trouble>, Trouble> {
    match sent {
        Err(trouble) if trouble.is(NOT_FOUND) || matches!(trouble, Trouble::Returned(_)) => {
            Ok(Err(trouble))
        }
        Err(trouble) => Err(trouble),
        Ok(()) => Ok(Ok(())),
    }
}

fn unbound(queue: &str, key: &str) -> Trouble {
    let bound = if key == TO_ERRORS { format!("{queue}{ERROR_SUFFIX}") } else { queue.to_owned() };
    Trouble::Returned(format!(
        "it returned a message, since no queue is bound to the exchange {queue} by the key \"{key}\"; bind \
         the queue {bound} to it, or give this account the right to"
    ))
}

impl Broker for Amqp {
    fn declare<'a>(&'a mut self, queue: &'a str) -> BoxFuture<'a, Result<()>> {
        async move {
            self.check_name(queue)?;
            persist!(self, "declaring a queue of", self.declare_now(queue))
        }
        .boxed()
    }

    fn send<'a>(&'a mut self, queue: &'a str, bodies: &'a [String]) -> BoxFuture<'a, Result<()>> {
        async move {
            if !self.seen.contains(queue) {
                self.known(queue).await?;
            }
            let properties = carried::properties(Some(carried::now()), None);
            let message = |at: usize| {
                let body = bodies.get(at)?.as_bytes();
                Some(Outgoing { body, properties: properties.clone() })
            };
            self.publish((queue, TO_QUEUE), &message).await
        }
        .boxed()
    }

    fn take<'a>(
        &'a mut self,
        queue: &'a str,
        most: Most,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Vec<Delivery>>> {
        self.take_within(queue, most, wait).boxed()
    }

    fn acknowledge<'a>(&'a mut self, queue: &'a str, tags: &'a [u64]) -> BoxFuture<'a, Result<()>> {
        self.acknowledge_now(queue, tags).boxed()
    }

    fn give_back<'a>(&'a mut self, queue: &'a str, tags: &'a [u64]) -> BoxFuture<'a, Result<()>> {
        self.give_back_now(queue, tags).boxed()
    }

    fn fail<'a>(
        &'a mut self,
        queue: &'a str,
        body: &'a str,
        sent: Option<i64>,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<()>> {
        async move {
            let body: Cow<'_, str> = carried::with_reason(body, reason);
            self.fail_bytes(queue, body.as_bytes(), sent, reason).await
        }
        .boxed()
    }

    fn list<'a>(&'a mut self, known: &'a [String]) -> BoxFuture<'a, Result<Vec<Depth>>> {
        self.listed(known).boxed()
    }

    fn peek<'a>(&'a mut self, queue: &'a str, most: usize) -> BoxFuture<'a, Result<Vec<Peeked>>> {
        async move {
            self.known(queue).await?;
            persist!(self, "looking into a queue of", self.peek_now(queue, most))
        }
        .boxed()
    }

    fn replay<'a>(&'a mut self, queue: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.replay_all(queue).boxed()
    }

    fn purge<'a>(&'a mut self, queue: &'a str) -> BoxFuture<'a, Result<u64>> {
        async move {
            self.known(queue).await?;
            persist!(self, "emptying a queue of", self.purge_now(queue))
        }
        .boxed()
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        async move {
            let reader = self.reader.take().map(|reader| reader.link);
            let closing = async {
                if let Some(publisher) = self.publisher.take() {
                    publisher.close().await?;
                }
                match reader {
                    Some(link) => link.close().await,
                    None => Ok(()),
                }
            };
            // Whatever is left open ends with the process, and what was handed out comes again.
            closing.await.map_err(|trouble| self.error("leaving", &trouble))
        }
        .boxed()
    }
}
