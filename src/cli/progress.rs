//! What a run shows while it is under way: a bar on a terminal, now and then a line elsewhere.
//!
//! Answers for Ctrl-C reaching the run as well. How long it still takes is worked out in `estimate.rs`.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::estimate::{Course, Now, left};
use crate::apply::{Error, Stage, Watch};
use crate::daemon::stop::Stop;
use crate::database::CancelHandle;

/// Without a terminal, a line is written this often at most.
const EVERY: Duration = Duration::from_secs(10);
/// A run of fewer rows is over before anybody asks where its time went.
const MANY: usize = 1000;

pub(super) struct Progress {
    bar: ProgressBar,
    job: String,
    signal: Arc<Stop>,
    course: Course,
    begun: Instant,
    said: Instant,
    rows: usize,
}

impl Progress {
    pub(super) fn new(job: &str, signal: Arc<Stop>) -> Self {
        let bar = match std::io::stderr().is_terminal() {
            true => ProgressBar::new(0),
            false => ProgressBar::hidden(),
        };
        let (course, now) = (Course::default(), Instant::now());
        Self { bar, job: job.to_owned(), signal, course, begun: now, said: now, rows: 0 }
    }

    /// Takes the bar away and says where the time of a large run went.
    pub(super) fn end(mut self) {
        self.next(None);
        self.bar.finish_and_clear();
        if self.rows >= MANY || self.said > self.begun {
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
        let left = left(&self.course).map_or_else(String::new, about);
        if !self.bar.is_hidden() {
            let template = match now.all {
                0 => "{msg}",
                _ => "{msg} {bar:40} {pos}/{len}{prefix}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.set_message(format!("{}: {}", self.job, now.stage.word()));
            self.bar.set_prefix(left);
            self.bar.set_length(now.all as u64);
            self.bar.set_position(now.done as u64);
        } else if self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            eprintln!("{}: {}", self.job, line(now, &left));
        }
    }
}

/// `writing, 4096 of 100000, about 12 s left`.
fn line(now: Now, left: &str) -> String {
    let part = match (now.done, now.all) {
        (_, 0) => String::new(),
        (done, all) => format!(", {done} of {all}"),
    };
    format!("{}{part}{left}", now.stage.word())
}

fn about(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..=99 => format!(", about {} s left", seconds.max(1)),
        seconds => format!(", about {} min left", seconds.div_ceil(60)),
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
        self.rows = self.rows.max(all);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_done_and_what_is_left() {
        let now = |done, all| Now { stage: Stage::Writing, elapsed: Duration::ZERO, done, all };
        let left = about(Duration::from_millis(12_300));
        assert_eq!(line(now(4096, 100_000), &left), "writing, 4096 of 100000, about 12 s left");
        assert_eq!(line(now(0, 0), ""), "writing");
        assert_eq!(about(Duration::from_millis(10)), ", about 1 s left");
        assert_eq!(about(Duration::from_secs(150)), ", about 3 min left");
    }
}
