//! One round over the outbox: everything that is due is tried once.
//!
//! Answers for what became of each message being noted at once, for a server that can't be spoken
//! with being tried once a round and not once a message, and for new messages not waiting behind
//! those that failed before.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::fate::{Attempt, after, postponed};
use super::smtp::{Server, send};
use super::{folder, mime};
use crate::config::mail::{Mail, Transport};
use crate::report::not_out;
use crate::state::{self, Posted, State};

/// How long one message may take, however the server spends it.
pub const ONE_MESSAGE: Duration = Duration::from_secs(30);
/// No other process takes a message that is being tried.
const TAKEN: SignedDuration = SignedDuration::from_secs(90);
/// What is noted of an attempt is tried so often: it is the message's only memory.
const NOTING: u32 = 5;
const PAUSE_OF_NOTING: Duration = Duration::from_millis(500);

/// How messages are sent.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    pub mail: &'a Mail,
    pub one_message: Duration,
    /// The round ends here; what isn't out waits for the next.
    pub until: Option<Instant>,
}

/// What came of a round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// Messages that a server or folder took for all who hadn't it.
    pub out: usize,
    /// Messages that aren't out.
    pub waiting: usize,
    /// What went wrong, each thing once.
    pub troubles: Vec<String>,
    /// Whether somebody won't get a message, since this round.
    pub lost: usize,
    /// When the next message is due.
    pub again: Option<Timestamp>,
}

/// Tries every message that is due.
pub async fn round(
    state: &mut State,
    sending: &Sending<'_>,
    clock: &(dyn Fn() -> Timestamp + Sync),
) -> Result<Round, state::Error> {
    let mut round = Round::default();
    let mut due = state.waiting().await?;
    // What failed before doesn't keep others back, and what is told is told in order.
    due.sort_by_key(|posted| posted.delivery.attempts);
    let mut unreachable: Option<String> = None;
    for mut posted in due {
        let now = clock();
        let is_due = posted.delivery.again.is_none_or(|again| again <= now);
        let limit = sending.limit();
        if !is_due || limit.is_zero() || !state.take(&mut posted, now + TAKEN).await? {
            round.left(&posted);
            continue;
        }
        let (message, before) = (&posted.message, &posted.delivery);
        let delivery = if let Some(why) = &unreachable {
            postponed(before, message, why, now, state::jitter())
        } else {
            let attempt = sending.attempt(&posted, limit).await;
            unreachable.clone_from(&attempt.unreachable);
            after(before, message, &attempt, clock(), state::jitter())
        };
        posted.delivery = delivery;
        note(state, &posted).await?;
        round.tell(&posted);
    }
    Ok(round)
}

async fn note(state: &mut State, posted: &Posted) -> Result<(), state::Error> {
    for _ in 1..NOTING {
        match state.delivered(&posted.message, &posted.delivery).await {
            Err(_) => tokio::time::sleep(PAUSE_OF_NOTING).await,
            Ok(()) => return Ok(()),
        }
    }
    state.delivered(&posted.message, &posted.delivery).await
}

impl Sending<'_> {
    fn limit(&self) -> Duration {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(self.one_message, |left| left.min(self.one_message))
    }

    async fn attempt(&self, posted: &Posted, limit: Duration) -> Attempt {
        let Posted { message, delivery } = posted;
        let to: Vec<String> = message.open(delivery).map(str::to_owned).collect();
        let mail = match mime::mime(&self.mail.from, message) {
            Ok(mail) => mail,
            Err(error) => {
                let refused = to.into_iter().map(|to| (to, error.to_string())).collect();
                return Attempt { refused, ..Attempt::default() };
            }
        };
        match &self.mail.transport {
            Transport::Folder(folder) => folder::put(folder, message, &mail, &to),
            Transport::Smtp(smtp) => {
                let (ca, from) = (self.mail.ca.as_deref(), self.mail.from.address.as_str());
                send(&Server { smtp, ca, from }, &to, &mail, limit).await
            }
        }
    }
}

impl Round {
    fn left(&mut self, posted: &Posted) {
        self.waiting += 1;
        self.due(posted);
    }

    fn due(&mut self, posted: &Posted) {
        let again = posted.delivery.again;
        self.again = self.again.into_iter().chain(again).min();
    }

    fn tell(&mut self, posted: &Posted) {
        let Posted { message, delivery } = posted;
        self.lost += delivery.lost.len();
        let is_open = message.open(delivery).next().is_some();
        match (is_open, delivery.lost.is_empty()) {
            (true, _) => self.left(posted),
            (false, true) => self.out += 1,
            (false, false) => {}
        }
        let late = delivery.late.values().cloned();
        for trouble in not_out::lost(posted).into_iter().chain(late) {
            if !self.troubles.contains(&trouble) {
                self.troubles.push(trouble);
            }
        }
    }
}
