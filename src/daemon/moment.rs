//! Which request or occurrence a job is about at a moment, and whether its time has come.
//!
//! Answers for each of them having a key of its own, by which it is carried out once. Pure: the time
//! is given.

use jiff::{SignedDuration, Timestamp};

use crate::config::Window;
use crate::manifest::job::Asked;
use crate::manifest::occurrences::{self, Occurrence};
use crate::manifest::schedule::{parse_cron, time_zone};
use crate::manifest::sync_job::Schedule;
use crate::manifest::windows::{Opening, opening};
use crate::report::local;

/// Occurrences that are looked through for those that passed, and for one outside closed windows.
const MOST_OCCURRENCES: usize = 1_000;

/// The request or occurrence that a job is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The request's hash; for an occurrence with its local time.
    pub key: String,
    pub due: Due,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// As soon as approved.
    AtOnce,
    /// At this instant, which may have passed.
    At(Timestamp),
    /// An occurrence whose time came; `passed` others before it went by while nobody looked.
    Occurrence { at: Timestamp, passed: usize },
    /// The time came in a closed window: it is left out.
    LeftOut { at: Timestamp, why: String },
    /// The next occurrence that no window closes out, and how many before it are.
    Next { at: Timestamp, left_out: usize },
    /// `cron` never comes true again.
    Never,
}

/// What a job is about at a moment.
///
/// `since` is when the request was written, or the occurrence that was dealt with last.
pub fn moment(
    spec: Asked<'_>,
    request: &str,
    since: Timestamp,
    now: Timestamp,
    windows: &[Window],
) -> Moment {
    let whole = |due| Moment { key: request.to_owned(), due };
    let Some(schedule) = spec.schedule() else { return whole(Due::AtOnce) };
    match schedule.instant() {
        Ok(Some(at)) => whole(Due::At(at.instant)),
        Ok(None) => occurrence(schedule, request, since, now, windows),
        // Validation says so; a time that can't be read never comes.
        Err(_) => whole(Due::Never),
    }
}

fn occurrence(
    schedule: &Schedule,
    request: &str,
    since: Timestamp,
    now: Timestamp,
    windows: &[Window],
) -> Moment {
    let never = || Moment { key: request.to_owned(), due: Due::Never };
    let expression = schedule.cron.as_deref().unwrap_or_default();
    let (Ok(cron), Ok(zone)) = (parse_cron(expression), time_zone(&schedule.time_zone)) else {
        return never();
    };
    let key = |found: &Occurrence| format!("{request}@{}", found.local.strftime("%Y-%m-%dT%H:%M"));
    let passed = occurrences::between(&cron, &zone, since, now, MOST_OCCURRENCES);
    if let Some(last) = passed.last() {
        let at = last.instant;
        let due = match opening(windows, at) {
            Opening::Open => Due::Occurrence { at, passed: passed.len() - 1 },
            Opening::Closed { why, .. } => Due::LeftOut { at, why },
        };
        return Moment { key: key(last), due };
    }
    let (mut after, mut left_out) = (since.max(now), 0);
    while left_out < MOST_OCCURRENCES {
        let Some(next) = occurrences::next(&cron, &zone, after) else { break };
        if opening(windows, next.instant) == Opening::Open {
            return Moment { key: key(&next), due: Due::Next { at: next.instant, left_out } };
        }
        (after, left_out) = (next.instant, left_out + 1);
    }
    never()
}

/// Why a time that has come is of no use any more.
pub fn too_late(
    spec: Asked<'_>,
    at: Timestamp,
    now: Timestamp,
    lateness: SignedDuration,
) -> Option<String> {
    (now.duration_since(at) > lateness).then(|| {
        format!(
            "it was due at {} and is now {}, more than {} later",
            local(at, spec),
            local(now, spec),
            words(lateness)
        )
    })
}

/// `15 minutes`, `24 hours`
pub fn words(span: SignedDuration) -> String {
    let minutes = span.as_mins();
    match (minutes % 60, minutes) {
        (_, 0) => format!("{} seconds", span.as_secs()),
        (0, 60) => "1 hour".into(),
        (0, _) => format!("{} hours", minutes / 60),
        (_, 1) => "1 minute".into(),
        _ => format!("{minutes} minutes"),
    }
}
