//! Carrying out what lies in the queues: entities are published here, while workers beside bring messages
//! to the read stores.
//!
//! Answers for it being called done only when nothing is left, in the queues and in anybody's hand here;
//! and for what is in the way being told and tried again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crew::{Crew, Halt, Told};
use super::patience::Patience;
use super::shop::{Shop, events_of};
use super::worker::Post;
use super::{Counts, Error};
use crate::queue::{Depth, Most};

/// Events are published one by one; these are taken at once.
const EVENTS: Most = Most::messages(16);
/// For so long others may hold messages without getting on.
const HELD: Duration = Duration::from_mins(1);
/// Between looks at what the workers do.
const PAUSE: Duration = Duration::from_millis(20);
/// Workers of one queue whose server takes from several at once.
const BESIDE: usize = 2;
/// How often the database is asked for the time.
const CLOCK: Duration = Duration::from_mins(1);

/// When work ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The queues are empty, also of what is brought meanwhile.
    Empty,
    /// Somebody asks it to stop.
    Stopped,
}

/// Getting on, or not.
struct Course {
    seen: Instant,
    before: (u64, u64),
    /// For which time the workers make sure that nothing is left, and what they had done before.
    sure: Option<(u64, u64)>,
}

impl Shop {
    /// Has workers carry out messages from now on; they go on until the shop is closed.
    pub fn begin_work(&mut self, queues: &[String]) {
        if self.crew.is_none() {
            self.crew = Some(Crew::begin(self.posts(queues), &self.halt, self.longest));
        }
    }

    /// How to ask it to stop; what is in hand is carried out then.
    pub fn halt(&self) -> Halt {
        self.halt.clone()
    }

    /// Carries out what lies in all queues until they are empty.
    pub async fn drain(&mut self, tell: &mut dyn FnMut(&Self)) -> Result<(), Error> {
        let queues = self.queues();
        self.work(&queues, Until::Empty, tell).await
    }

    /// Carries out what lies in queues.
    pub async fn work(
        &mut self,
        queues: &[String],
        until: Until,
        tell: &mut dyn FnMut(&Self),
    ) -> Result<(), Error> {
        self.begin_work(queues);
        let events: Vec<String> =
            queues.iter().filter(|queue| self.is_of_events(queue)).cloned().collect();
        let mut patience = Patience::new(self.longest);
        let mut course = Course { seen: Instant::now(), before: (0, 0), sure: None };
        let mut clock = Instant::now();
        while !self.halt.is_asked() {
            let handled = match self.round(queues, &events, &mut course).await {
                Ok(handled) => {
                    patience.rest();
                    handled
                }
                Err(error) => {
                    self.wait_out(error, &mut patience).await?;
                    tell(self);
                    continue;
                }
            };
            tell(self);
            match handled {
                Round::Nothing if until == Until::Empty => break,
                Round::Nothing | Round::Waiting => self.halt.sleep(PAUSE).await,
                Round::Handled => {}
            }
            if clock.elapsed() > CLOCK {
                self.clock.set(self.session.now().await?.as_microsecond());
                clock = Instant::now();
            }
        }
        self.end_work().await
    }

    async fn round(
        &mut self,
        queues: &[String],
        events: &[String],
        course: &mut Course,
    ) -> Result<Round, Error> {
        if let Some(crew) = &mut self.crew {
            crew.given_up()?;
        }
        let mut handled = 0;
        for queue in events {
            handled += self.turn(queue).await?;
        }
        self.took(handled).await?;
        if handled > 0 {
            (course.seen, course.sure) = (Instant::now(), None);
            return Ok(Round::Handled);
        }
        self.left(queues, course).await
    }

    /// Whether anything is left. A broker that doesn't tell what it handed out may have sent messages that
    /// no worker has in hand yet: nothing is left once all of them made sure of it after the queues were
    /// empty, and had nothing meanwhile.
    async fn left(&mut self, queues: &[String], course: &mut Course) -> Result<Round, Error> {
        let told = self.told();
        if !told.idle {
            (course.seen, course.sure) = (Instant::now(), None);
            return Ok(Round::Waiting);
        }
        let depths = self.brokers.list(queues).await?;
        let left = depths.iter().map(Depth::waiting).sum();
        let is_known = depths.iter().all(|depth| depth.unacknowledged.is_some());
        if left == 0 && (is_known || self.is_sure(&told, course)) {
            return Ok(Round::Nothing);
        }
        if left > 0 {
            course.sure = None;
        }
        // Others get on.
        let now = (left, told.deliveries);
        if std::mem::replace(&mut course.before, now) != now {
            course.seen = Instant::now();
        }
        if left > 0 && course.seen.elapsed() > HELD {
            return Err(Error::Held { left, seconds: HELD.as_secs() });
        }
        Ok(Round::Waiting)
    }

    /// Whether all workers made sure, since the queues were first found empty.
    fn is_sure(&self, told: &Told, course: &mut Course) -> bool {
        let (Some(crew), sure) = (&self.crew, course.sure) else { return true };
        match sure {
            Some((time, deliveries)) if told.deliveries == deliveries => told.sure >= time,
            _ => {
                course.sure = Some((crew.ask_to_make_sure(), told.deliveries));
                false
            }
        }
    }

    /// Publishes entities that events of a queue name; returns how many events there were.
    async fn turn(&mut self, queue: &str) -> Result<usize, Error> {
        let broker = self.brokers.of_events();
        let deliveries = broker.take(queue, EVENTS, Duration::ZERO).await?;
        if deliveries.is_empty() {
            return Ok(0);
        }
        if let Err(error) = self.events(queue, &deliveries).await {
            let tags: Vec<u64> = deliveries.iter().map(|delivery| delivery.tag).collect();
            // The first error is the one that matters; the lease ends by itself.
            let _ = self.brokers.of_events().give_back(queue, &tags).await;
            return Err(error);
        }
        Ok(deliveries.len())
    }

    /// Waits until what is in the way may have passed; an error that doesn't pass is given back.
    pub(super) async fn wait_out(
        &mut self,
        error: Error,
        patience: &mut Patience,
    ) -> Result<(), Error> {
        let Some(pause) = patience.pause().filter(|_| error.passes()) else { return Err(error) };
        self.troubles += 1;
        self.trouble = Some(format!("{error}; tried again in {} ms", pause.as_millis()));
        self.halt.sleep(pause).await;
        if matches!(error, Error::Database(_)) {
            self.mend().await;
        }
        Ok(())
    }

    /// Has all workers finish what they have in hand.
    async fn end_work(&mut self) -> Result<(), Error> {
        if let Some(crew) = self.crew.take() {
            self.ended = crew.end().await?;
            self.halt = Halt::default();
        }
        Ok(())
    }

    /// What the workers told so far.
    pub(super) fn told(&self) -> Told {
        match &self.crew {
            Some(crew) => crew.told(),
            None => self.ended.clone(),
        }
    }

    /// Everything that was done, here and by the workers.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts;
        counts += self.told().counts;
        counts
    }

    fn is_of_events(&self, queue: &str) -> bool {
        self.models.iter().any(|model| events_of(&model.name) == queue)
    }

    fn posts(&self, queues: &[String]) -> Vec<Post> {
        let mut posts = Vec::new();
        for queue in queues.iter().filter(|queue| !self.is_of_events(queue)) {
            for store in self.brokers.stores() {
                let post = Post {
                    config: Arc::clone(&self.config),
                    environment: self.environment,
                    models: self.models.as_slice().into(),
                    clock: self.clock.clone(),
                    queue: queue.clone(),
                    store,
                };
                let beside = if self.is_embedded() { 1 } else { BESIDE };
                posts.extend(std::iter::repeat_n(post, beside));
            }
        }
        posts
    }
}

enum Round {
    Handled,
    /// Others have something in hand, or in their way.
    Waiting,
    Nothing,
}
