//! Local times of a cron expression that clocks skip or repeat.
//!
//! Answers for what becomes of each, so that people read it before the night comes. The moments
//! themselves are `occurrences`'.

use croner::Cron;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneTransition};
use jiff::{Timestamp, ToSpan};

use super::occurrences;
use super::schedule::{Local, resolve};

/// A local time that doesn't exist, or exists twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Irregular {
    pub local: DateTime,
    pub kind: Local,
    /// When the job runs for it; nothing where the expression is a list or a step of times, of which
    /// a missing one is left out.
    pub instant: Option<Timestamp>,
}

/// All of them after one moment, up to and including another.
pub fn irregular(
    cron: &Cron,
    zone: &TimeZone,
    after: Timestamp,
    until: Timestamp,
) -> Vec<Irregular> {
    let changes = zone.following(after).take_while(|change| change.timestamp() <= until);
    changes.flat_map(|change| at_change(cron, zone, &change)).collect()
}

fn at_change(cron: &Cron, zone: &TimeZone, change: &TimeZoneTransition<'_>) -> Vec<Irregular> {
    let at = change.timestamp();
    let Ok(before) = at.checked_sub(1.second()) else { return Vec::new() };
    // What clocks would show if they weren't changed, and what they show.
    let (old, new) = (zone.to_offset(before).to_datetime(at), change.offset().to_datetime(at));
    let matches = |local: &DateTime| cron.is_time_matching(local).unwrap_or(false);
    let kind = if old < new { Local::Missing } else { Local::Twice };
    let instant = |local: DateTime| match kind {
        // An occurrence at the change itself stands for the missing time, unless it has its own.
        Local::Missing => occurrences::next(cron, zone, before)
            .filter(|next| next.instant == at && !matches(&new))
            .map(|next| next.instant),
        _ => resolve(local, zone).ok().map(|resolved| resolved.instant),
    };
    old.min(new)
        .series(1.minute())
        .take_while(|local| *local < old.max(new))
        .filter(matches)
        .map(|local| Irregular { local, kind, instant: instant(local) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::schedule::{parse_cron, time_zone};
    use crate::put::put;

    #[test]
    fn a_year_of_six_expressions() {
        let mut told = String::new();
        for (zone, expression) in [
            ("Europe/Warsaw", "30 2 * * *"),
            ("Europe/Warsaw", "0 4 * * *"),
            ("Europe/Warsaw", "*/30 2 * * *"),
            ("Europe/Warsaw", "0 * * * *"),
            ("Australia/Lord_Howe", "15 2 * * *"),
            ("Australia/Lord_Howe", "45 1 * * *"),
            ("UTC", "* * * * *"),
        ] {
            let (cron, named) = (parse_cron(expression).unwrap(), time_zone(zone).unwrap());
            let (after, until) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
            put!(told, "{zone} {expression}\n");
            for it in irregular(&cron, &named, after.parse().unwrap(), until.parse().unwrap()) {
                let at = it.instant.map_or("left out".to_owned(), |at| at.to_string());
                put!(told, "  {} {:?}: {at}\n", it.local, it.kind);
            }
        }
        insta::assert_snapshot!(told);
    }

    /// What is told is what happens: the occurrences around each change are those named.
    #[test]
    fn what_is_told_is_what_happens() {
        for expression in ["30 2 * * *", "*/20 * * * *", "0,45 1-2 * * *", "15 3 * * *"] {
            for zone in ["Europe/Warsaw", "America/New_York", "Australia/Lord_Howe"] {
                let (cron, zone) = (parse_cron(expression).unwrap(), time_zone(zone).unwrap());
                let (after, until) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
                let (after, until) = (after.parse().unwrap(), until.parse().unwrap());
                let fired = occurrences::between(&cron, &zone, after, until, 100_000);
                for it in irregular(&cron, &zone, after, until) {
                    let found = fired.iter().filter(|fired| Some(fired.instant) == it.instant);
                    assert_eq!(found.count(), usize::from(it.instant.is_some()), "{it:?}");
                    let same = fired.iter().filter(|fired| fired.local == it.local).count();
                    assert_eq!(same, usize::from(it.kind == Local::Twice), "{it:?}");
                }
            }
        }
    }
}
