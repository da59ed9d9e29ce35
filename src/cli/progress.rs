//! What a run shows while it is under way, and where its time went.
//!
//! Answers for Ctrl-C reaching the run as well. How it is shown is `display.rs`'s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::display::Display;
use super::estimate::{Course, Now, left};
use crate::apply::{Error, Stage, Watch};
use crate::daemon::stop::Stop;
use crate::database::CancelHandle;

/// A run of fewer rows is over before anybody asks where its time went.
const MANY: usize = 1000;

pub(super) struct Progress {
    display: Display,
    job: String,
    signal: Arc<Stop>,
    course: Course,
    begun: Instant,
    rows: usize,
}

impl Progress {
    pub(super) fn new(job: &str, signal: Arc<Stop>) -> Self {
        let (display, course, begun) = (Display::new(), Course::default(), Instant::now());
        Self { display, job: job.to_owned(), signal, course, begun, rows: 0 }
    }

    /// Takes the bar away and says where the time of a large run went.
    pub(super) fn end(mut self) {
        self.next(None);
        self.display.end();
        if self.rows >= MANY || self.display.has_said() {
            let took = self.course.past.iter();
            let took =
                took.map(|(stage, took)| format!("{} {:.2} s", stage.word(), took.as_secs_f64()));
            eprintln!("{}: took {}", self.job, took.collect::<Vec<_>>().join(", "));
        }
    }

    fn next(&mut self, stage: Option<(Stage, usize)>) {
        self.clock();
        if let Some(over) = self.course.now.take() {
            self.course.past.push((over.stage, over.elapsed));
        }
        self.course.now =
            stage.map(|(stage, all)| Now { stage, elapsed: Duration::ZERO, done: 0, all });
    }

    /// Brings the time of the stage up to now.
    fn clock(&mut self) {
        let past: Duration = self.course.past.iter().map(|(_, took)| *took).sum();
        let elapsed = self.begun.elapsed();
        if let Some(now) = &mut self.course.now {
            now.elapsed = elapsed.saturating_sub(past);
        } else {
            // What came before the first stage counts for none.
            self.begun = Instant::now().checked_sub(past).unwrap_or(self.begun);
        }
    }

    fn show(&mut self) {
        self.clock();
        let Some(now) = self.course.now else { return };
        self.display.show(&self.job, now.stage.word(), now, left(&self.course));
    }
}

impl Watch for Progress {
    fn writing(&mut self, stop: Option<CancelHandle>) -> Result<(), Error> {
        self.signal.writing(stop);
        self.go_on()
    }

    fn is_stopped(&self) -> bool {
        self.signal.is_asked()
    }

    fn begin(&mut self, stage: Stage, steps: usize) {
        if stage == Stage::Publishing {
            self.signal.publishing();
        }
        self.next(Some((stage, steps)));
        self.show();
    }

    fn advance(&mut self, done: usize) {
        if let Some(now) = &mut self.course.now {
            now.done = done;
        }
        self.show();
    }

    fn step(&mut self, done: usize, all: usize) -> Result<(), Error> {
        if let Some(now) = self.course.now.as_mut().filter(|it| it.stage == Stage::Publishing) {
            // What it brings is known only on the way.
            now.all = all;
        } else {
            self.rows = self.rows.max(all);
        }
        self.advance(done);
        self.go_on()
    }
}

impl Progress {
    fn go_on(&self) -> Result<(), Error> {
        match self.is_stopped() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }
}
