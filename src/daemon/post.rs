//! The daemon's post: rounds over the outbox, in a task with a state session of its own.
//!
//! Answers for no look or run ever waiting for a mail server, and for what doesn't get out being said
//! once. What a round does is `mail`'s.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::log::say;
use crate::config::Config;
use crate::config::mail::Mail;
use crate::effect::clock;
use crate::mail::round::ONE_MESSAGE;
use crate::mail::{Round, Sending, round};
use crate::state::{self, State};

/// What the post calls itself in what it says.
const POST: &str = "mail";
/// Between two rounds, if nothing is due before and nobody wakes it.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(10);
/// After a round that failed as a whole.
const PAUSE: Duration = Duration::from_secs(10);
/// At the end a message that is just being sent may still get out.
const GRACE: Duration = Duration::from_secs(5);
/// A person's pass waits this long for a mail server.
const LIMIT_OF_A_PASS: Duration = Duration::from_secs(10);

/// The task, for as long as the daemon runs.
pub struct Post {
    calls: Arc<Calls>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Calls {
    wake: Notify,
    ended: AtomicBool,
}

impl Post {
    pub fn start(config: Arc<Config>) -> Self {
        let calls = Arc::new(Calls::default());
        let task = tokio::spawn(go_on(config, Arc::clone(&calls)));
        Self { calls, task }
    }

    /// There may be something to send.
    pub fn wake(&self) {
        self.calls.wake.notify_one();
    }

    /// Ends the task. What isn't out stays in the outbox.
    pub async fn end(mut self) {
        self.calls.ended.store(true, Ordering::SeqCst);
        self.wake();
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn go_on(config: Arc<Config>, calls: Arc<Calls>) {
    let mut said = Vec::new();
    let mut state = None;
    while !calls.ended.load(Ordering::SeqCst) {
        let pause = match turn(&config, &mut state).await {
            Ok(Round { again, out, waiting, lost, troubles }) => {
                for trouble in troubles.iter().filter(|trouble| !said.contains(*trouble)) {
                    say(POST, trouble);
                }
                if out > 0 {
                    say(POST, format!("sent: {out}, waiting: {waiting}, lost: {lost}"));
                }
                said = troubles;
                let until = clock::now().duration_until(again.unwrap_or(Timestamp::MAX));
                until.clamp(SignedDuration::ZERO, LONGEST_PAUSE).unsigned_abs()
            }
            Err(error) => {
                say(POST, format!("the outbox can't be read: {error}"));
                state = None;
                PAUSE
            }
        };
        let _ = tokio::time::timeout(pause, calls.wake.notified()).await;
    }
    if let Some(state) = state {
        // Nothing of it is open any more.
        let _ = state.close().await;
    }
}

async fn turn(config: &Config, place: &mut Option<State>) -> Result<Round, state::Error> {
    let state = if let Some(state) = place {
        state
    } else {
        let mut state = State::open(config).await?;
        state.forget_old_messages().await?;
        place.insert(state)
    };
    match &config.mail {
        Some(mail) => {
            let sending = Sending { mail, one_message: ONE_MESSAGE, until: None };
            round(state, &sending, &clock::now).await
        }
        None => Ok(Round::default()),
    }
}

/// One round at the end of a pass: nobody waits long for a mail server. Says what isn't out.
pub async fn round_of_a_pass(state: &mut State, mail: Option<&Mail>) -> Vec<String> {
    let Some(mail) = mail else { return Vec::new() };
    let until = Some(Instant::now() + LIMIT_OF_A_PASS);
    let sending = Sending { mail, one_message: LIMIT_OF_A_PASS, until };
    match round(state, &sending, &Timestamp::now).await {
        Ok(Round { waiting, mut troubles, .. }) => {
            if waiting > 0 {
                let are = if waiting == 1 { "1 message isn't" } else { "some messages aren't" };
                troubles.push(format!(
                    "{are} out yet; the daemon sends them, or the next pass from here"
                ));
            }
            troubles
        }
        Err(error) => vec![format!("the outbox can't be read: {error}")],
    }
}
