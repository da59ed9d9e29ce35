//! The daemon's jobs that publish again: one at a time, in a thread of its own.
//!
//! Answers for no look, no run and no comparison ever waiting for one: it may take as long as the read
//! stores do. What it does is a turn like any other, with a state session of its own; whoever looks at
//! the job meanwhile sees that it runs.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use super::decide::Step;
use super::learn::Asker;
use super::log::say;
use super::stop::{Stop, Watching};
use super::turn::{Desk, Fitness};
use super::watch::Checked;
use crate::config::Config;
use crate::job::Context;
use crate::job::report::Outcome;
use crate::state;

/// At the end of the daemon it may take so long to write down how far it came.
const GRACE: Duration = Duration::from_secs(20);
const LOOKED_AGAIN: Duration = Duration::from_millis(20);

/// A turn that may begin.
pub struct Due {
    pub config: Arc<Config>,
    pub checked: Arc<Checked>,
    pub job: String,
    pub fit: Fitness,
    pub now: Timestamp,
}

/// What is under way.
#[derive(Default)]
pub struct Republishing(Option<UnderWay>);

struct UnderWay {
    job: String,
    stop: Arc<Stop>,
    thread: JoinHandle<Result<Carried, String>>,
}

/// Whether the turn was had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// With the job's phase from then on, where its results say something new.
    Out(Option<&'static str>),
    /// Another process is at one.
    NotYet,
}

impl Republishing {
    pub fn is_under_way(&self) -> bool {
        self.0.as_ref().is_some_and(|it| !it.thread.is_finished())
    }

    /// What became of the latest one, once: its job, and why it couldn't have its turn.
    pub fn ended(&mut self) -> Option<(String, Result<Carried, String>)> {
        let UnderWay { job, thread, .. } = self.0.take_if(|it| it.thread.is_finished())?;
        let came = thread.join().unwrap_or_else(|_| Err("this program made a mistake".to_owned()));
        Some((job, came))
    }

    /// Begins a turn. The one before is over.
    pub fn begin(&mut self, due: Due) -> std::io::Result<()> {
        let (job, stop) = (due.job.clone(), Arc::new(Stop::default()));
        let asked = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("republish".to_owned());
        let thread = thread.spawn(move || carry_out(&due, asked))?;
        self.0 = Some(UnderWay { job, stop, thread });
        Ok(())
    }

    /// Asks it to stop, and waits until it is written down how far it came.
    pub async fn end(self) {
        let Some(UnderWay { job, stop, thread }) = self.0 else { return };
        stop.ask();
        let over = async {
            while !thread.is_finished() {
                tokio::time::sleep(LOOKED_AGAIN).await;
            }
        };
        if tokio::time::timeout(GRACE, over).await.is_err() {
            say(&job, "it didn't stop in time; another process carries it out anew");
        }
    }
}

fn carry_out(due: &Due, stop: Arc<Stop>) -> Result<Carried, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(turn(due, stop)).map_err(|error| error.to_string())
}

async fn turn(due: &Due, stop: Arc<Stop>) -> Result<Carried, state::Error> {
    let Due { config, checked, job, fit, now } = due;
    let context = Context::new(config, &checked.manifests);
    let Some(job) = checked.manifests.job(job) else { return Ok(Carried::Out(None)) };
    let mut desk = Desk::open(Arc::clone(config), Asker::Daemon).await?;
    desk.hear_of_mail().await?;
    let remembered = desk.state.memory(job.name()).await?;
    let mut turn = desk.peek(&context, job, remembered, *now);
    if turn.action.step != Step::Run {
        // It was cancelled meanwhile.
        return Ok(Carried::Out(None));
    }
    let watch = &mut Watching { stop };
    let report = desk.carry_out(&context, &mut turn, fit.clone(), *now, watch).await?;
    for trouble in turn.troubles {
        say(job.name(), trouble);
    }
    desk.state.close().await?;
    Ok(match report.outcome {
        Outcome::Locked { .. } => Carried::NotYet,
        _ => Carried::Out(Some(turn.action.standing.phase.as_str())),
    })
}
