//! One line that says how far something is: a bar on a terminal, now and then a line elsewhere.
//!
//! Answers for runs and publishing looking alike. How long it still takes is worked out in
//! `estimate.rs`.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::estimate::{Course, Now, left};
use crate::apply::Stage;
use crate::escape::harmless;
use crate::plan::render::words::count;
use crate::publish::{Counts, Pace};
use crate::put::put;

/// Without a terminal, a line is written this often at most.
const EVERY: Duration = Duration::from_secs(10);

pub(super) struct Display {
    bar: ProgressBar,
    said: Option<Instant>,
    begun: Instant,
    line: String,
}

impl Display {
    pub(super) fn new() -> Self {
        let bar = match std::io::stderr().is_terminal() {
            true => ProgressBar::new(0),
            false => ProgressBar::hidden(),
        };
        Self { bar, said: None, begun: Instant::now(), line: String::new() }
    }

    /// Whether anything was written that stays.
    pub(super) fn has_said(&self) -> bool {
        self.said.is_some()
    }

    /// What `about` is doing, how much of it is done, and how long it still takes.
    pub(super) fn show(&mut self, about: &str, doing: &str, now: Now, left: Option<Duration>) {
        let left = left.map_or_else(String::new, in_words);
        if !self.bar.is_hidden() {
            let template = match now.all {
                0 => "{msg}",
                _ => "{msg} {bar:40} {pos}/{len}{prefix}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.set_message(format!("{about}: {doing}"));
            self.bar.set_prefix(left);
            self.bar.set_length(now.all as u64);
            self.bar.set_position(now.done as u64);
        } else if self.said.unwrap_or(self.begun).elapsed() >= EVERY {
            let line = format!("{about}: {}", line(doing, now, &left));
            self.said = Some(Instant::now());
            // A worker may wait for hours.
            if line != self.line {
                eprintln!("{line}");
                self.line = line;
            }
        }
    }

    /// Something that is told once, beside how far it is.
    fn aside(&mut self, line: &str) {
        self.said = Some(self.said.unwrap_or(self.begun));
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// `writing, 4096 of 100000, about 12 s left`.
fn line(doing: &str, now: Now, left: &str) -> String {
    let part = match (now.done, now.all) {
        (_, 0) => String::new(),
        (done, all) => format!(", {done} of {all}"),
    };
    format!("{doing}{part}{left}")
}

fn in_words(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..=99 => format!(", about {} s left", seconds.max(1)),
        seconds => format!(", about {} min left", seconds.div_ceil(60)),
    }
}

/// What a command that publishes shows.
pub(super) struct Publishing {
    display: Display,
    command: &'static str,
    begun: Instant,
    /// How far it was when its latest part began: rows are sent first, queues emptied then.
    before: Pace,
    rate: Option<Rate>,
}

/// How much a worker carries out in a second, over some seconds.
struct Rate {
    since: Instant,
    before: u64,
    a_second: u64,
}

/// Rates are worked out this often at most.
const WINDOW: Duration = Duration::from_secs(5);

impl Rate {
    fn of(&mut self, done: u64) -> u64 {
        let elapsed = self.since.elapsed();
        if elapsed >= WINDOW {
            let more = u128::from(done.saturating_sub(self.before)) * 1000;
            self.a_second = u64::try_from(more / elapsed.as_millis()).unwrap_or(u64::MAX);
            (self.since, self.before) = (Instant::now(), done);
        }
        self.a_second
    }
}

impl Publishing {
    pub(super) fn begin(command: &'static str) -> Self {
        let (display, before) = (Display::new(), Pace::default());
        Self { display, command, begun: Instant::now(), before, rate: None }
    }

    /// What a worker tells besides: its rate, how long messages waited, what was in its way.
    pub(super) fn of_worker(command: &'static str) -> Self {
        let rate = Some(Rate { since: Instant::now(), before: 0, a_second: 0 });
        Self { rate, ..Self::begin(command) }
    }

    pub(super) fn tell(&mut self, pace: &Pace) {
        if pace.done < self.before.done {
            self.begun = Instant::now();
        }
        if pace.troubles > self.before.troubles
            && let Some(trouble) = &pace.trouble
        {
            self.display.aside(&harmless(trouble));
        }
        self.before.clone_from(pace);
        let (elapsed, steps) = (self.begun.elapsed(), |it| usize::try_from(it).unwrap_or_default());
        let (done, all) = (steps(pace.done), steps(pace.all));
        let now = Now { stage: Stage::Publishing, elapsed, done, all };
        let left = left(&Course { past: Vec::new(), now: Some(now) });
        let mut doing = in_short(&pace.counts);
        if let Some(rate) = &mut self.rate {
            let Counts { read, written, outdated, .. } = pace.counts;
            put!(doing, ", {}/s", rate.of(read + written + outdated));
            if let Some(lag) = pace.lag {
                put!(doing, ", lag {:.1} s", lag.as_secs_f64());
            }
            if pace.troubles > 0 {
                put!(doing, ", {}", count(pace.troubles, "retry", "retries"));
            }
        }
        self.display.show(self.command, &doing, now, left);
    }

    pub(super) fn end(self) {
        self.display.end();
    }
}

/// The counts that grow, without those that are none.
fn in_short(counts: &Counts) -> String {
    let Counts { read, changed, deleted, sent, written, failed, .. } = *counts;
    let all = [
        (read, "read"),
        (changed + deleted, "changed"),
        (sent, "sent"),
        (written, "written"),
        (failed, "failed"),
    ];
    let some = all.iter().filter(|(number, _)| *number > 0);
    let some: Vec<_> = some.map(|(number, word)| format!("{number} {word}")).collect();
    if some.is_empty() { "at work".to_owned() } else { some.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_done_and_what_is_left() {
        let now = |done, all| Now { stage: Stage::Writing, elapsed: Duration::ZERO, done, all };
        let left = in_words(Duration::from_millis(12_300));
        let told = line("writing", now(4096, 100_000), &left);
        assert_eq!(told, "writing, 4096 of 100000, about 12 s left");
        assert_eq!(line("writing", now(0, 0), ""), "writing");
        assert_eq!(in_words(Duration::from_millis(10)), ", about 1 s left");
        assert_eq!(in_words(Duration::from_secs(150)), ", about 3 min left");
    }

    #[test]
    fn publishing_tells_what_grows() {
        assert_eq!(in_short(&Counts::default()), "at work");
        let counts = Counts { read: 20, changed: 3, deleted: 1, sent: 4, ..Counts::default() };
        assert_eq!(in_short(&counts), "20 read, 4 changed, 4 sent");
    }
}
