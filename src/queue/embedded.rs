//! A queue in a file of the state directory, which needs no server.
//!
//! Answers for what was sent outliving a crash, for each message being handed out to one session at a
//! time, and for it coming again when that session is gone: at once where its process provably is,
//! else when the lease has ended. Any number of processes use one file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{Broker, Delivery, Depth, ERROR_SUFFIX, Error, Most, Peeked, Result, file_error};
use crate::config::Environment;
use crate::database::{MESSAGES, Now, Ready, Session, StoredMessage, StoredQueue};
use crate::manifest::words::nearest;
use crate::state::{Holder, random_word};
use crate::whole::make_file;

/// For so long a message belongs to whom it was handed out. A session needs longer for a message
/// only when its server hardly answers; the message is then carried out twice, which changes nothing.
const LEASE: Duration = Duration::from_mins(5);
/// Between looks for messages, less where some came a moment ago.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(250)];

/// Sessions of this process; one that isn't among them was dropped.
static OPEN: Mutex<BTreeSet<i64>> = Mutex::new(BTreeSet::new());

/// A session with the queues of one file.
#[derive(Debug)]
pub struct Embedded {
    session: Session,
    environment: Environment,
    taker: Taker,
    /// What queues are called in the file; they stay.
    known: BTreeMap<String, StoredQueue>,
    /// What was handed out here.
    out: BTreeSet<i64>,
    /// A call that was given up may have taken messages that nobody was told of.
    doubt: Doubt,
    /// It is written down as a taker.
    noted: bool,
    lease: Duration,
}

/// Under which number a session takes messages.
#[derive(Debug)]
struct Taker(i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    Taking,
}

impl Taker {
    fn new() -> Self {
        // Fifteen digits: no sign, and never zero, which stands for nobody.
        let drawn = i64::from_str_radix(&random_word(15), 16).unwrap_or_default();
        let id = drawn.max(1);
        open().insert(id);
        Self(id)
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        open().remove(&self.0);
    }
}

fn open() -> MutexGuard<'static, BTreeSet<i64>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Embedded {
    /// Opens the file, making what is missing.
    pub async fn open(path: &Path, environment: Environment) -> Result<Self> {
        make_file(path).map_err(file_error(path))?;
        let session = Session::open_own(path, &name(environment), &MESSAGES).await?;
        Ok(Self::with(session, environment))
    }

    /// Opens the file for looking alone; `None` where nothing was ever written to it.
    pub async fn look(path: &Path, environment: Environment) -> Result<Option<Self>> {
        let session = Session::look_into_own(path, &name(environment), &MESSAGES).await?;
        Ok(session.map(|session| Self::with(session, environment)))
    }

    fn with(session: Session, environment: Environment) -> Self {
        Self {
            session,
            environment,
            taker: Taker::new(),
            known: BTreeMap::new(),
            out: BTreeSet::new(),
            doubt: Doubt::None,
            noted: false,
            lease: LEASE,
        }
    }

    async fn queue(&mut self, name: &str) -> Result<StoredQueue> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        if let Some(found) = self.session.queue(name).await? {
            self.known.insert(name.to_owned(), found.clone());
            return Ok(found);
        }
        let all = self.session.queues().await?;
        let names = all.iter().map(|queue| queue.name.as_str());
        let hint = match nearest(name, names) {
            Some(meant) => format!("; did you mean {meant}?"),
            None if all.is_empty() => "; there are none yet".to_owned(),
            None => {
                let main = all.iter().filter(|queue| queue.beside.is_none());
                let names: Vec<_> = main.map(|queue| queue.name.as_str()).collect();
                format!("; there are {}", names.join(", "))
            }
        };
        Err(Error::Unknown { environment: self.environment, queue: name.to_owned(), hint })
    }

    async fn errors_of(&mut self, name: &str) -> Result<StoredQueue> {
        self.queue(&format!("{name}{ERROR_SUFFIX}")).await
    }

    /// Begins to write; what a call that was given up left under way is taken back.
    async fn begin(&mut self) -> Result<()> {
        self.session.rollback().await?;
        Ok(self.session.begin().await?)
    }

    /// Makes it lasting, or takes it back.
    async fn end<T>(&mut self, done: Result<T>) -> Result<T> {
        match done {
            Ok(done) => {
                self.session.commit().await?;
                Ok(done)
            }
            Err(error) => {
                self.session.rollback().await?;
                Err(error)
            }
        }
    }

    /// Sessions that took messages and are there no more.
    async fn gone(&mut self) -> Result<Vec<i64>> {
        let takers = self.session.takers().await?;
        let is_gone = |(id, holder): &(i64, String)| match serde_json::from_str::<Holder>(holder) {
            Ok(holder) if holder.is_this() => !open().contains(id),
            Ok(holder) => holder.is_dead(),
            // A later release may write more; its lease ends by itself.
            Err(_) => false,
        };
        Ok(takers.iter().filter(|taker| is_gone(taker)).map(|(id, _)| *id).collect())
    }

    /// What is to be had now.
    async fn take_now(&mut self, queue: i64, most: Most) -> Result<Vec<Delivery>> {
        let gone = self.gone().await?;
        let now = Now { at: microseconds(), gone: &gone };
        // Looking doesn't keep others from writing.
        let nothing = self.session.ready_messages(queue, 1, now).await?.is_empty();
        if nothing && self.doubt == Doubt::None {
            return Ok(Vec::new());
        }
        self.begin().await?;
        if self.doubt == Doubt::Taking {
            let out: Vec<_> = self.out.iter().copied().collect();
            self.session.let_go_but(&out, self.taker.0).await?;
        }
        self.doubt = Doubt::Taking;
        let taken = self.take_inside(queue, most, now).await;
        let taken = self.end(taken).await?;
        self.out.extend(taken.iter().map(|delivery| id(delivery.tag)));
        self.doubt = Doubt::None;
        Ok(taken)
    }

    async fn take_inside(&mut self, queue: i64, most: Most, now: Now<'_>) -> Result<Vec<Delivery>> {
        if !now.gone.is_empty() {
            self.session.forget_takers(now.gone).await?;
        }
        let mut ready = self.session.ready_messages(queue, most.messages, now).await?;
        ready.truncate(fitting(most.bytes, ready.iter().map(|message| message.bytes)));
        let ids: Vec<i64> = ready.iter().map(|message| message.id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let holder = serde_json::to_string(&Holder::this()).expect("plain words are JSON");
        self.noted = true;
        self.session.note_taker(self.taker.0, &holder).await?;
        let lease = i64::try_from(self.lease.as_micros()).unwrap_or(i64::MAX);
        let until = now.at.saturating_add(lease);
        self.session.hold_messages(&ids, self.taker.0, until).await?;
        let messages = self.session.messages(&ids).await?;
        let delivery = |(ready, message): (Ready, StoredMessage)| {
            let StoredMessage { id, body, sent, .. } = message;
            Delivery { tag: tag(id), body, sent, again: ready.again }
        };
        Ok(ready.into_iter().zip(messages).map(delivery).collect())
    }

    async fn take_within(
        &mut self,
        queue: &str,
        most: Most,
        wait: Duration,
    ) -> Result<Vec<Delivery>> {
        let queue = self.queue(queue).await?.id;
        let begun = Instant::now();
        let [mut pause, longest] = PAUSES;
        loop {
            let taken = match self.take_now(queue, most).await {
                // Others write for longer than anybody waits for; they may be done the next time.
                Err(Error::Database(error)) if error.is_retryable() => Vec::new(),
                taken => taken?,
            };
            let left = wait.saturating_sub(begun.elapsed());
            if !taken.is_empty() || left.is_zero() || most.messages == 0 {
                return Ok(taken);
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 3 / 2).min(longest);
        }
    }

    fn forget(&mut self, ids: &[i64]) {
        for id in ids {
            self.out.remove(id);
        }
    }

    async fn listed(&mut self) -> Result<Vec<Depth>> {
        let gone = self.gone().await?;
        let now = Now { at: microseconds(), gone: &gone };
        let counts = self.session.count_messages(now).await?;
        let counts: BTreeMap<i64, (u64, u64)> =
            counts.into_iter().map(|(queue, all, held)| (queue, (all, held))).collect();
        let all = self.session.queues().await?;
        let count = |id: i64| counts.get(&id).copied().unwrap_or_default();
        let depth = |queue: &StoredQueue| {
            let (all_of_it, held) = count(queue.id);
            let errors = all.iter().find(|it| it.beside == Some(queue.id));
            Depth {
                queue: queue.name.clone(),
                ready: all_of_it - held,
                unacknowledged: Some(held),
                failed: errors.map_or(0, |errors| count(errors.id).0),
            }
        };
        Ok(all.iter().filter(|queue| queue.beside.is_none()).map(depth).collect())
    }
}

/// How many fit into one hand; always one.
fn fitting(most: usize, sizes: impl Iterator<Item = usize>) -> usize {
    let mut bytes: usize = 0;
    let fit = sizes.take_while(|size| {
        bytes = bytes.saturating_add(*size);
        bytes <= most
    });
    fit.count().max(1)
}

fn name(environment: Environment) -> String {
    format!("{environment} queue")
}

fn microseconds() -> i64 {
    Timestamp::now().as_microsecond()
}

fn tag(id: i64) -> u64 {
    u64::try_from(id).unwrap_or_default()
}

fn id(tag: u64) -> i64 {
    i64::try_from(tag).unwrap_or_default()
}

fn ids(tags: &[u64]) -> Vec<i64> {
    tags.iter().map(|tag| id(*tag)).collect()
}

impl Broker for Embedded {
    fn declare<'a>(&'a mut self, queue: &'a str) -> BoxFuture<'a, Result<()>> {
        async move {
            if self.errors_of(queue).await.is_ok() {
                return Ok(());
            }
            self.begin().await?;
            let made = async {
                self.session.make_queue(queue, None).await?;
                let beside = self.queue(queue).await?.id;
                let errors = format!("{queue}{ERROR_SUFFIX}");
                Ok(self.session.make_queue(&errors, Some(beside)).await?)
            };
            let made = made.await;
            self.known.remove(queue);
            self.end(made).await
        }
        .boxed()
    }

    fn send<'a>(&'a mut self, queue: &'a str, bodies: &'a [String]) -> BoxFuture<'a, Result<()>> {
        async move {
            let queue = self.queue(queue).await?.id;
            self.begin().await?;
            let sent = Some(microseconds());
            let appended = self.session.append_messages(queue, sent, None, bodies).await;
            self.end(appended.map_err(Error::from)).await
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

    fn acknowledge<'a>(
        &'a mut self,
        _queue: &'a str,
        tags: &'a [u64],
    ) -> BoxFuture<'a, Result<()>> {
        async move {
            let ids = ids(tags);
            self.begin().await?;
            let deleted = self.session.delete_held(&ids, self.taker.0).await;
            self.end(deleted.map_err(Error::from)).await?;
            self.forget(&ids);
            Ok(())
        }
        .boxed()
    }

    fn give_back<'a>(&'a mut self, _queue: &'a str, tags: &'a [u64]) -> BoxFuture<'a, Result<()>> {
        async move {
            let ids = ids(tags);
            self.begin().await?;
            let back = self.session.let_go_of(&ids, self.taker.0).await;
            self.end(back.map_err(Error::from)).await?;
            self.forget(&ids);
            Ok(())
        }
        .boxed()
    }

    fn fail<'a>(
        &'a mut self,
        queue: &'a str,
        body: &'a str,
        sent: Option<i64>,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<()>> {
        async move {
            let errors = self.errors_of(queue).await?.id;
            self.begin().await?;
            let bodies = [body.to_owned()];
            let failed = self.session.append_messages(errors, sent, Some(reason), &bodies).await;
            self.end(failed.map_err(Error::from)).await
        }
        .boxed()
    }

    fn list<'a>(&'a mut self, _known: &'a [String]) -> BoxFuture<'a, Result<Vec<Depth>>> {
        self.listed().boxed()
    }

    fn peek<'a>(&'a mut self, queue: &'a str, most: usize) -> BoxFuture<'a, Result<Vec<Peeked>>> {
        async move {
            let queue = self.queue(queue).await?.id;
            let oldest = self.session.oldest_messages(queue, most).await?;
            let peeked = oldest.into_iter().map(|message| Peeked {
                body: message.body,
                sent: message.sent,
                reason: message.reason,
            });
            Ok(peeked.collect())
        }
        .boxed()
    }

    fn replay<'a>(&'a mut self, queue: &'a str) -> BoxFuture<'a, Result<u64>> {
        async move {
            let (to, from) = (self.queue(queue).await?.id, self.errors_of(queue).await?.id);
            let gone = self.gone().await?;
            self.begin().await?;
            let now = Now { at: microseconds(), gone: &gone };
            let moved = self.session.move_messages(from, to, now).await;
            self.end(moved.map_err(Error::from)).await
        }
        .boxed()
    }

    fn purge<'a>(&'a mut self, queue: &'a str) -> BoxFuture<'a, Result<u64>> {
        async move {
            let queue = self.queue(queue).await?.id;
            let gone = self.gone().await?;
            self.begin().await?;
            let now = Now { at: microseconds(), gone: &gone };
            let purged = self.session.purge_messages(queue, now).await;
            self.end(purged.map_err(Error::from)).await
        }
        .boxed()
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        async move {
            self.session.rollback().await?;
            if self.noted {
                self.begin().await?;
                let forgotten = self.session.forget_takers(&[self.taker.0]).await;
                self.end(forgotten.map_err(Error::from)).await?;
            }
            Ok(self.session.close().await?)
        }
        .boxed()
    }
}

#[cfg(test)]
#[path = "embedded_tests.rs"]
mod tests;
