//! `reconcile watch`: the daemon.
//!
//! Answers for when to look, for signals, and for stopping within a grace time, saying how. What a
//! look does is `daemon::watch`'s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::OptionFuture;
use jiff::Timestamp;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::prepare::block_on;
use super::{Error, Global, Outcome};
use crate::config::Config;
use crate::daemon::hints::Hints;
use crate::daemon::log::say;
use crate::daemon::pass::whole_second;
use crate::daemon::post::Post;
use crate::daemon::record::Pushed;
use crate::daemon::stop::{Doing, Stop, Watching};
use crate::daemon::watch::{self, Daemon, Look};
use crate::effect::clock;
use crate::http::Server;
use crate::report::files::Written;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long a run that is writing may still take after SIGTERM, in seconds; then it is rolled back
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub grace: u64,
}

/// What the daemon calls itself in what it says.
const DAEMON: &str = "reconcile";
/// Pause after a look that failed as a whole.
const PAUSE: Duration = Duration::from_secs(10);

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = Arc::new(global.config()?);
    let grace = Duration::from_secs(args.grace);
    // Nobody but a signal ends it.
    let end = Notify::new();
    block_on(async { Box::pin(watch(config, global, grace, &end)).await })?;
    Ok(Outcome::Fine)
}

/// Watches until a signal comes, or `end` is told. A run that writes then may take `grace` more.
pub(super) async fn watch(
    config: Arc<Config>,
    global: &Global,
    grace: Duration,
    end: &Notify,
) -> Result<(), Error> {
    let failed = |error: watch::Error| Error::failed(error.to_string());
    let stop = Arc::new(Stop::default());
    let daemon = Daemon::start(Arc::clone(&config)).await.map_err(failed)?;
    let http = Server::start(&config, daemon.board()).await;
    let http = http.map_err(|error| Error::failed(error.to_string()))?;
    let post = Post::start(config);
    let signals = Signals::new(end).map_err(|error| Error::failed(error.to_string()))?;
    let publishing = Publishing::Due;
    let looking =
        Loop { daemon, post, http, publishing, failing: None, stop, signals, grace, global };
    Box::pin(looking.go_on()).await;
    Ok(())
}

struct Signals<'a> {
    end: &'a Notify,
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl<'a> Signals<'a> {
    fn new(end: &'a Notify) -> std::io::Result<Self> {
        Ok(Self {
            end,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            () = self.end.notified() => Next::End,
            _ = self.terminate.recv() => Next::End,
            _ = self.interrupt.recv() => Next::End,
            _ = self.reload.recv() => Next::Reload,
        }
    }

    async fn stop(&mut self) {
        tokio::select! {
            () = self.end.notified() => {}
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

struct Loop<'a> {
    daemon: Daemon,
    post: Post,
    http: Server,
    publishing: Publishing,
    /// Why the latest look couldn't be made; it is said once.
    failing: Option<String>,
    stop: Arc<Stop>,
    signals: Signals<'a>,
    grace: Duration,
    global: &'a Global,
}

/// Whether result files are still to be put onto the branch of results.
enum Publishing {
    Done,
    Due,
    /// It didn't work so often in a row; not before this moment.
    Later {
        attempts: u32,
        again: Instant,
    },
}

enum Next {
    Look,
    /// Somebody says that there is something new.
    Asked,
    Reload,
    End,
}

impl Loop<'_> {
    async fn go_on(mut self) {
        say(DAEMON, "watching");
        tell_systemd(&[NotifyState::Ready]);
        let mut hints = self.hints();
        loop {
            let Some(looked) = self.look().await else { break };
            self.post.wake();
            let Some(pause) = self.looked(looked).await else { break };
            if let Some(hints) = &mut hints {
                hints.renew();
            }
            match self.wait(&mut hints, pause).await {
                Next::Look => {}
                Next::Asked => self.daemon.hear(),
                Next::Reload => {
                    Box::pin(self.reload()).await;
                    hints = self.hints();
                }
                Next::End => break,
            }
        }
        tell_systemd(&[NotifyState::Stopping]);
        self.http.end().await;
        self.post.end().await;
        if let Err(error) = self.daemon.end().await {
            say(DAEMON, format!("others take over only after a while: {error}"));
        }
        say(DAEMON, "stopped");
    }

    fn hints(&self) -> Option<Hints> {
        self.daemon.source().folder().map(Hints::of)
    }

    /// One look, which SIGTERM ends: at once where nothing is written. Nothing at the end.
    async fn look(&mut self) -> Option<Result<Look, watch::Error>> {
        let now = whole_second(clock::now());
        let mut watching = Watching { stop: Arc::clone(&self.stop) };
        let mut look = Box::pin(self.daemon.look(now, &mut watching));
        let looked = tokio::select! {
            looked = &mut look => looked,
            () = self.signals.stop() => {
                match self.stop.doing() {
                    Doing::Reading => {
                        say(DAEMON, "stopping; nothing was written");
                        return None;
                    }
                    Doing::Publishing => {
                        say(DAEMON, "stopping; what is published stays, the rest is taken up next time");
                        self.stop.ask();
                        // Whoever comes next would find out how far it came, too.
                        let _ = tokio::time::timeout(self.grace, &mut look).await;
                        return None;
                    }
                    Doing::Writing => {}
                }
                say(DAEMON, format!("stopping: the run may take {} s more", self.grace.as_secs()));
                if tokio::time::timeout(self.grace, &mut look).await.is_ok() {
                    say(DAEMON, "the run went to its end");
                    return None;
                }
                self.stop.ask();
                if let Err(error) = self.stop.end_statement().await {
                    say(DAEMON, format!("the statement under way is waited for: {error}"));
                }
                // What the run says of itself tells whether it was in time after all.
                let _ = look.await;
                say(DAEMON, "the run was asked to roll back");
                return None;
            }
        };
        self.stop.rest();
        Some(looked)
    }

    /// What follows from a look; returns how long to wait for the next, or nothing at the end.
    async fn looked(&mut self, looked: Result<Look, watch::Error>) -> Option<Duration> {
        match looked {
            Ok(look) => {
                if self.failing.take().is_some() {
                    say(DAEMON, "looking works again");
                }
                if look.news == Written::Anew {
                    self.publishing = Publishing::Due;
                }
                let pause = Duration::try_from(look.again.duration_since(clock::now()));
                let pause = pause.unwrap_or_default();
                if !pause.is_zero() {
                    self.publish(look.due).await?;
                }
                Some(pause)
            }
            Err(error) => {
                let error = error.to_string();
                if self.failing.as_ref() != Some(&error) {
                    say(DAEMON, &error);
                }
                self.failing = Some(error);
                Some(PAUSE)
            }
        }
    }

    /// Puts results onto their branch. What can't be pushed stays in its files and is pushed later,
    /// also where a job is due before the remote has answered, or where SIGTERM ends a push; nothing is
    /// returned then.
    async fn publish(&mut self, due: Option<Timestamp>) -> Option<()> {
        let attempts = match &self.publishing {
            Publishing::Done => return Some(()),
            Publishing::Later { again, .. } if clock::instant() < *again => return Some(()),
            Publishing::Later { attempts, .. } => *attempts,
            Publishing::Due => 0,
        };
        let left = due.map(|due| Duration::try_from(due.duration_since(clock::now())));
        // A push takes real time, also where tests hasten the clock.
        let sleep = |left: Result<Duration, _>| tokio::time::sleep(left.unwrap_or_default());
        let is_due = OptionFuture::from(left.map(sleep));
        let published = tokio::select! {
            published = self.daemon.publish() => published,
            Some(()) = is_due => Ok(Pushed::NotYet),
            () = self.signals.stop() => {
                say(DAEMON, "stopping; results that aren't pushed are pushed by whoever comes next");
                return None;
            }
        };
        self.publishing = match published {
            Ok(Pushed::Yes) => Publishing::Done,
            Ok(Pushed::NotYet) => Publishing::Due,
            Err(error) => {
                say(DAEMON, format!("results aren't pushed yet: {error}"));
                let again = clock::instant() + PAUSE * 2_u32.pow(attempts.min(5));
                Publishing::Later { attempts: attempts + 1, again }
            }
        };
        Some(())
    }

    async fn wait(&mut self, hints: &mut Option<Hints>, pause: Duration) -> Next {
        let hint = async {
            match hints {
                Some(hints) => hints.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = clock::pause(pause) => Next::Look,
            () = hint => Next::Look,
            () = self.http.asked() => Next::Asked,
            next = self.signals.next() => next,
        }
    }

    /// Reads the operator's file anew. One that can't be used changes nothing.
    async fn reload(&mut self) {
        let reloaded = match self.global.config() {
            Ok(config) => Box::pin(self.renew(Arc::new(config))).await,
            Err(error) => {
                super::error::show_problems(&error.problems);
                Err(error.message)
            }
        };
        match reloaded {
            Ok(()) => {
                let post = Post::start(Arc::clone(self.daemon.config()));
                std::mem::replace(&mut self.post, post).end().await;
                say(DAEMON, "the operator's file was read again");
            }
            Err(error) => {
                say(
                    DAEMON,
                    format!("the operator's file can't be used, the old one stays: {error}"),
                );
            }
        }
    }

    async fn renew(&mut self, config: Arc<Config>) -> Result<(), String> {
        let renewed = Daemon::open(Arc::clone(&config)).await.map_err(|error| error.to_string())?;
        let renewal = self.http.prepare(&config).await.map_err(|error| error.to_string())?;
        let given_way = Box::pin(self.daemon.give_way_to(renewed)).await;
        self.http.follow(renewal).await;
        given_way.map_err(|error| error.to_string())
    }
}

/// Where systemd started the daemon, it waits for being told.
fn tell_systemd(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        say(DAEMON, format!("systemd can't be told: {error}"));
    }
}
