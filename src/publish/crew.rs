//! Workers side by side, and what they tell of themselves.
//!
//! Answers for what a worker does being known to whoever leads them: how much is done, who has nothing to
//! do, what is in the way; and for all of them ending when they are asked to, with what they have in
//! hand carried out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::patience::Patience;
use super::worker::{Look, Post, Turn, Worker};
use super::{Counts, Error};

/// The database's clock, as it was asked some time ago.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Mutex<(i64, Instant)>>);

impl Clock {
    pub fn at(microseconds: i64) -> Self {
        Self(Arc::new(Mutex::new((microseconds, Instant::now()))))
    }

    /// It was asked again.
    pub fn set(&self, microseconds: i64) {
        *locked(&self.0) = (microseconds, Instant::now());
    }

    /// Microseconds since 1970.
    pub fn now(&self) -> i64 {
        let (then, asked) = *locked(&self.0);
        then.saturating_add(i64::try_from(asked.elapsed().as_micros()).unwrap_or(i64::MAX))
    }
}

/// What workers tell.
#[derive(Debug, Default)]
struct Seen {
    counts: Counts,
    deliveries: u64,
    /// Times that something was in the way.
    troubles: u64,
    trouble: Option<String>,
    lag: Option<Duration>,
    /// How often they were all asked to make sure that nothing is on its way to them.
    asked: u64,
    workers: Vec<Doing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// It has something in hand, or something is in its way.
    Busy,
    /// It found nothing, and made sure of it when it was asked for the time that is named.
    Idle {
        sure: u64,
    },
    Ended,
}

/// What whoever leads them reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub counts: Counts,
    /// Messages taken out of queues and acknowledged.
    pub deliveries: u64,
    pub troubles: u64,
    /// The latest one.
    pub trouble: Option<String>,
    /// How long the latest messages had waited.
    pub lag: Option<Duration>,
    /// None has anything in hand, or in its way.
    pub idle: bool,
    /// For which time all of them made sure that nothing is on its way to them.
    pub sure: u64,
}

/// Asks everybody to stop when what is in hand is done.
#[derive(Debug, Clone)]
pub struct Halt(Arc<watch::Sender<bool>>);

impl Default for Halt {
    fn default() -> Self {
        Self(Arc::new(watch::channel(false).0))
    }
}

impl Halt {
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits, unless it is asked for meanwhile.
    pub async fn sleep(&self, pause: Duration) {
        let mut asked = self.0.subscribe();
        tokio::select! {
            _ = asked.wait_for(|asked| *asked) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// They are stopped at once when it is dropped; what they had in hand is handed out again.
pub struct Crew {
    seen: Arc<Mutex<Seen>>,
    workers: JoinSet<Result<(), Error>>,
    halt: Halt,
}

impl Crew {
    pub fn begin(posts: Vec<Post>, halt: &Halt, longest: Duration) -> Self {
        let seen = Seen { workers: vec![Doing::Busy; posts.len()], ..Seen::default() };
        let seen = Arc::new(Mutex::new(seen));
        let mut workers = JoinSet::new();
        for (at, post) in posts.into_iter().enumerate() {
            let (seen, halt) = (Arc::clone(&seen), halt.clone());
            workers.spawn(async move {
                let worked = work(post, (&seen, at), &halt, Patience::new(longest)).await;
                locked(&seen).workers[at] = Doing::Ended;
                worked
            });
        }
        Self { seen, workers, halt: halt.clone() }
    }

    pub fn told(&self) -> Told {
        let seen = locked(&self.seen);
        let Seen { counts, deliveries, troubles, trouble, lag, asked: _, workers } = &*seen;
        let sure = workers.iter().map(|doing| match doing {
            Doing::Busy => 0,
            Doing::Idle { sure } => *sure,
            Doing::Ended => u64::MAX,
        });
        Told {
            counts: *counts,
            deliveries: *deliveries,
            troubles: *troubles,
            trouble: trouble.clone(),
            lag: *lag,
            idle: !workers.contains(&Doing::Busy),
            sure: sure.min().unwrap_or(u64::MAX),
        }
    }

    /// Asks all of them to make sure that nothing is on its way to them: what a broker handed out and
    /// nobody has in hand yet. Returns for which time that is.
    pub fn ask_to_make_sure(&self) -> u64 {
        let mut seen = locked(&self.seen);
        seen.asked += 1;
        seen.asked
    }

    /// The error of a worker that gave up.
    pub fn given_up(&mut self) -> Result<(), Error> {
        while let Some(ended) = self.workers.try_join_next() {
            ended.map_err(|_| Error::Working)??;
        }
        Ok(())
    }

    /// Waits until all have ended.
    pub async fn end(mut self) -> Result<Told, Error> {
        self.halt.ask();
        while let Some(ended) = self.workers.join_next().await {
            ended.map_err(|_| Error::Working)??;
        }
        Ok(self.told())
    }
}

async fn work(
    post: Post,
    (seen, at): (&Mutex<Seen>, usize),
    halt: &Halt,
    mut patience: Patience,
) -> Result<(), Error> {
    let clock = post.clock.clone();
    let mut worker = Worker::new(post);
    let mut sure = 0;
    while !halt.is_asked() {
        let asked = locked(seen).asked;
        let look = if asked > sure { Look::Sure } else { Look::Waiting };
        match worker.turn(look).await {
            Ok(turn) => {
                patience.rest();
                if turn.deliveries == 0 && look == Look::Sure {
                    sure = asked;
                }
                locked(seen).took((at, sure), &turn, &clock);
            }
            Err(error) => {
                let Some(pause) = patience.pause().filter(|_| error.passes()) else {
                    return Err(error);
                };
                locked(seen).failed(at, worker.queue(), &error, pause);
                halt.sleep(pause).await;
            }
        }
    }
    worker.close().await
}

impl Seen {
    fn took(&mut self, (at, sure): (usize, u64), turn: &Turn, clock: &Clock) {
        self.counts += turn.counts;
        self.deliveries += turn.deliveries as u64;
        if let Some(sent) = turn.sent {
            let lag = u64::try_from(clock.now() - sent).unwrap_or_default();
            self.lag = Some(Duration::from_micros(lag));
        }
        self.workers[at] = match turn.deliveries {
            0 => Doing::Idle { sure },
            _ => Doing::Busy,
        };
    }

    fn failed(&mut self, at: usize, queue: &str, error: &Error, pause: Duration) {
        self.workers[at] = Doing::Busy;
        self.troubles += 1;
        let milliseconds = pause.as_millis();
        self.trouble = Some(format!("{queue}: {error}; tried again in {milliseconds} ms"));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
