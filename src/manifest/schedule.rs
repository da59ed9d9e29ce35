//! When a job runs: local times and cron expressions, turned into instants.
//!
//! Answers for what is a valid time, zone and expression, and for local times that daylight saving
//! skips or repeats: a missing time runs at the first valid instant, a doubled one at its first.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::sync_job::{Schedule, Suspend};

/// Why a schedule can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error(
        "there is no time zone of this name; IANA names are needed, as in Europe/Warsaw or UTC"
    )]
    TimeZone,
    #[error("a local date and time is needed, as in 2026-12-01T02:00")]
    Time,
    #[error("five fields are needed (minute, hour, day of month, month, day of week): {0}")]
    Cron(String),
    #[error("a date (2026-12-01) or a local date and time (2026-12-01T02:00) is needed")]
    Until,
    #[error("this time is out of range")]
    Range,
}

/// A local time as an instant, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    pub instant: Timestamp,
    pub local: Local,
}

/// How often a local time exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    Once,
    /// Clocks went forward over it: the first valid instant stands for it.
    Missing,
    /// Clocks went back over it: the first of the two stands for it.
    Twice,
}

/// A zone by its IANA name. Abbreviations such as `EST` mean different things to different people.
pub fn time_zone(name: &str) -> Result<TimeZone, ScheduleError> {
    if name != "UTC" && !name.contains('/') {
        return Err(ScheduleError::TimeZone);
    }
    TimeZone::get(name).map_err(|_| ScheduleError::TimeZone)
}

/// A cron expression of exactly five fields; no seconds, years or `@daily`.
pub fn parse_cron(expression: &str) -> Result<Cron, ScheduleError> {
    if expression.starts_with('@') || expression.split_whitespace().count() != 5 {
        return Err(ScheduleError::Cron(format!("found `{expression}`")));
    }
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(expression)
        .map_err(|error| ScheduleError::Cron(error.to_string()))
}

/// The form of `at`: `2026-12-01T02:00`, to the minute.
pub fn parse_local(text: &str) -> Result<DateTime, ScheduleError> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[10] != b'T' || bytes[13] != b':' {
        return Err(ScheduleError::Time);
    }
    text.parse().map_err(|_| ScheduleError::Time)
}

/// The instant for which a local time stands.
pub fn resolve(time: DateTime, zone: &TimeZone) -> Result<Resolved, ScheduleError> {
    let ambiguous = zone.to_ambiguous_timestamp(time);
    let offset = ambiguous.offset();
    let later = ambiguous.later().map_err(|_| ScheduleError::Range)?;
    match offset {
        AmbiguousOffset::Unambiguous { .. } => Ok(Resolved { instant: later, local: Local::Once }),
        AmbiguousOffset::Fold { .. } => {
            let instant =
                zone.to_ambiguous_timestamp(time).earlier().map_err(|_| ScheduleError::Range)?;
            Ok(Resolved { instant, local: Local::Twice })
        }
        AmbiguousOffset::Gap { .. } => {
            // `later` lies after the change of clocks by what the time lay in the gap; the change
            // itself is the first valid instant.
            let after = later
                .checked_add(SignedDuration::from_secs(1))
                .map_err(|_| ScheduleError::Range)?;
            let change = zone.preceding(after).next().ok_or(ScheduleError::Range)?;
            Ok(Resolved { instant: change.timestamp(), local: Local::Missing })
        }
    }
}

/// The end of a rest: a date, or a local date and time, of the schedule's zone or else of UTC.
pub fn end_of_rest(text: &str, schedule: Option<&Schedule>) -> Result<Timestamp, ScheduleError> {
    let zone = match schedule {
        Some(schedule) => time_zone(&schedule.time_zone)?,
        None => TimeZone::UTC,
    };
    let time = match text.parse::<Date>() {
        Ok(date) if text.len() == 10 => date.at(0, 0, 0, 0),
        _ => parse_local(text).map_err(|_| ScheduleError::Until)?,
    };
    resolve(time, &zone).map(|resolved| resolved.instant)
}

impl Schedule {
    /// The instant of `at`; nothing where the schedule is a cron expression.
    pub fn instant(&self) -> Result<Option<Resolved>, ScheduleError> {
        let Some(at) = &self.at else { return Ok(None) };
        resolve(parse_local(at)?, &time_zone(&self.time_zone)?).map(Some)
    }
}

impl Suspend {
    /// Until when a job is suspended; `Ok(None)` while it is without an end.
    pub fn until(&self, schedule: Option<&Schedule>) -> Result<Option<Timestamp>, ScheduleError> {
        let Self::Because { until: Some(until), .. } = self else { return Ok(None) };
        end_of_rest(until, schedule).map(Some)
    }

    /// Whether a job rests at a moment. A date that can't be read never ends the rest.
    pub fn holds_at(&self, now: Timestamp, schedule: Option<&Schedule>) -> bool {
        match self {
            Self::No => false,
            Self::Yes => true,
            Self::Because { .. } => match self.until(schedule) {
                Ok(Some(until)) => now < until,
                Ok(None) | Err(_) => true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(time: &str) -> (String, Local) {
        let zone = time_zone("Europe/Warsaw").expect("a zone");
        let found = resolve(parse_local(time).expect("a time"), &zone).expect("in range");
        (found.instant.to_string(), found.local)
    }

    #[test]
    fn a_missing_time_runs_at_the_first_valid_instant() {
        let expected = ("2026-03-29T01:00:00Z".to_owned(), Local::Missing);
        for time in ["2026-03-29T02:00", "2026-03-29T02:30", "2026-03-29T02:59"] {
            assert_eq!(resolved(time), expected, "{time}");
        }
        assert_eq!(resolved("2026-03-29T03:00"), ("2026-03-29T01:00:00Z".into(), Local::Once));
    }

    #[test]
    fn a_doubled_time_runs_at_its_first_instant() {
        assert_eq!(resolved("2026-10-25T02:30"), ("2026-10-25T00:30:00Z".into(), Local::Twice));
        assert_eq!(resolved("2026-12-01T02:00"), ("2026-12-01T01:00:00Z".into(), Local::Once));
    }

    #[test]
    fn a_rest_ends_at_a_date_or_a_time_of_the_schedules_zone() {
        let schedule = Schedule {
            at: None,
            cron: Some("0 2 * * *".into()),
            time_zone: "Europe/Warsaw".into(),
        };
        for (text, schedule, expected) in [
            ("2026-12-01", Some(&schedule), Ok("2026-11-30T23:00:00Z")),
            ("2026-12-01T02:00", Some(&schedule), Ok("2026-12-01T01:00:00Z")),
            ("2026-12-01T02:00", None, Ok("2026-12-01T02:00:00Z")),
            ("2026-12", None, Err(ScheduleError::Until)),
            ("2026-12-01 02:00", None, Err(ScheduleError::Until)),
        ] {
            let end = end_of_rest(text, schedule).map(|end| end.to_string());
            assert_eq!(end, expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn only_iana_names_are_zones() {
        for name in ["EST", "Europe/Atlantis", "+02:00", "", "local"] {
            assert_eq!(time_zone(name), Err(ScheduleError::TimeZone), "{name}");
        }
        assert!(time_zone("UTC").is_ok() && time_zone("America/New_York").is_ok());
    }

    #[test]
    fn cron_has_five_fields() {
        assert!(parse_cron("0 2 * * 1").is_ok() && parse_cron("*/15 2 * * 1-5").is_ok());
        for text in
            ["@reboot", "@daily", "0 0 2 * * 1", "0 2 * *", "61 2 * * *", "0 2 * * 1 2026", ""]
        {
            assert!(parse_cron(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_given_to_the_minute() {
        for text in [
            "2026-12-01",
            "2026-12-01 02:00",
            "2026-12-01T02:00:00",
            "2026-02-30T02:00",
            "2026-12-01T02:00Z",
            "2026-12-1T02:00",
            "2026-12-01T24:00",
        ] {
            assert_eq!(parse_local(text), Err(ScheduleError::Time), "{text}");
        }
    }
}
