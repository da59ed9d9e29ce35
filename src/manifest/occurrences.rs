//! The moments of a cron expression, each local time once.
//!
//! Answers for daylight saving: a doubled local time fires at its first instant and never again, a
//! fixed time that clocks skip at the first valid one.

use croner::Cron;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::schedule::{Local, Resolved, resolve};

/// One moment of a cron expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// What clocks on the wall say; it names the occurrence.
    pub local: DateTime,
    pub instant: Timestamp,
    /// Whether clocks show this local time more than once.
    pub kind: Local,
}

/// Steps to the next moment of which not all may be skipped: more than a doubled day has.
const MOST_STEPS: usize = 4_000;

/// The first occurrence after a moment; none where the expression never comes true again.
pub fn next(cron: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Occurrence> {
    let mut from = after.to_zoned(zone.clone());
    for _ in 0..MOST_STEPS {
        let found = cron.find_next_occurrence(&from, false).ok()?;
        let local = found.datetime();
        let Resolved { instant, local: kind } = resolve(local, zone).ok()?;
        if instant > after {
            return Some(Occurrence { local, instant, kind });
        }
        // The second of a doubled hour: it fired at the first.
        from = found;
    }
    None
}

/// Occurrences after one moment, up to and including another; at most `limit`.
pub fn between(
    cron: &Cron,
    zone: &TimeZone,
    after: Timestamp,
    until: Timestamp,
    limit: usize,
) -> Vec<Occurrence> {
    let mut found = Vec::new();
    let mut from = after;
    while found.len() < limit {
        match next(cron, zone, from) {
            Some(occurrence) if occurrence.instant <= until => {
                from = occurrence.instant;
                found.push(occurrence);
            }
            _ => break,
        }
    }
    found
}

/// The latest occurrence up to and including a moment, of those within the hours before it.
pub fn latest(cron: &Cron, zone: &TimeZone, at: Timestamp, hours: u64) -> Option<Timestamp> {
    let from = at.to_zoned(zone.clone());
    let found = cron.find_previous_occurrence(&from, true).ok()?.timestamp();
    let hours = i64::try_from(hours).ok()?;
    let earliest = at.checked_sub(hours.hours()).ok()?;
    (found > earliest).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::schedule::{parse_cron, time_zone};

    fn instants(expression: &str, zone: &str, after: &str, until: &str) -> Vec<String> {
        let (cron, zone) = (parse_cron(expression).unwrap(), time_zone(zone).unwrap());
        let (after, until) = (after.parse().unwrap(), until.parse().unwrap());
        let found = between(&cron, &zone, after, until, 1000);
        found.iter().map(|it| format!("{} = {}", it.local, it.instant)).collect()
    }

    /// Days on which clocks change in 2026: zone, forward, back, and what a daily 02:30 (or the
    /// local hour that is concerned) becomes.
    #[test]
    fn a_daily_time_fires_once_on_both_days_of_six_zones() {
        let cases = [
            ("Europe/Warsaw", "30 2 * * *", ["2026-03-28T12:00Z", "2026-10-24T12:00Z"]),
            ("Europe/London", "30 1 * * *", ["2026-03-28T12:00Z", "2026-10-24T12:00Z"]),
            ("America/New_York", "30 2 * * *", ["2026-03-07T18:00Z", "2026-10-31T18:00Z"]),
            ("America/New_York", "30 1 * * *", ["2026-03-07T18:00Z", "2026-10-31T18:00Z"]),
            ("Australia/Sydney", "30 2 * * *", ["2026-10-03T03:00Z", "2026-04-04T03:00Z"]),
            ("Australia/Lord_Howe", "45 1 * * *", ["2026-10-03T03:00Z", "2026-04-04T03:00Z"]),
            ("Pacific/Auckland", "30 2 * * *", ["2026-09-26T02:00Z", "2026-04-04T02:00Z"]),
        ];
        let mut told = String::new();
        for (zone, expression, days) in cases {
            for day in days {
                let from: Timestamp = day.replace('Z', ":00Z").parse().unwrap();
                let until = from.checked_add(36.hours()).unwrap();
                let found = instants(expression, zone, &from.to_string(), &until.to_string());
                crate::put::put!(told, "{zone} {expression}: {}\n", found.join(", "));
            }
        }
        insta::assert_snapshot!(told);
    }

    #[test]
    fn lists_and_steps_fire_each_local_time_once() {
        let found = instants(
            "*/30 2 * * *",
            "Europe/Warsaw",
            "2026-10-24T23:00:00Z",
            "2026-10-25T12:00:00Z",
        );
        insta::assert_debug_snapshot!(found);
        let missing = instants(
            "*/30 2 * * *",
            "Europe/Warsaw",
            "2026-03-28T23:00:00Z",
            "2026-03-29T12:00:00Z",
        );
        insta::assert_debug_snapshot!(missing);
    }

    #[test]
    fn an_expression_that_never_comes_true_has_no_next() {
        let (cron, zone) = (parse_cron("0 0 30 2 *").unwrap(), time_zone("UTC").unwrap());
        assert_eq!(next(&cron, &zone, "2026-01-01T00:00:00Z".parse().unwrap()), None);
    }
}
