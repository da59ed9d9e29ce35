//! Dates and times as text: one canonical spelling over all engines, and what each engine takes.
//!
//! Answers for `2026-01-31`, `10:00:00.5` and `2026-01-31 10:00:00.5` being the same text wherever
//! they were read; an instant is written without its zone, in UTC. Only the shape is read here, so a
//! zero date keeps its digits.

use jiff::civil;

use crate::catalog::{Engine, Kind};

/// The canonical text of a date or time of `kind`; `None` where the text has another shape.
pub(super) fn canonical(kind: Kind, text: &str) -> Option<String> {
    match kind {
        Kind::Date => Date::read(text).filter(|(_, rest)| rest.is_empty()).map(|_| text.to_owned()),
        Kind::Time => {
            let (time, rest) = Time::read(text)?;
            rest.is_empty().then(|| time.text())
        }
        Kind::Timestamp | Kind::TimestampTz => {
            let (date, rest) = Date::read(text)?;
            if rest.is_empty() {
                return Some(format!("{} 00:00:00", date.text));
            }
            let (time, zone) = Time::read(rest.strip_prefix([' ', 'T'])?)?;
            match zone.trim_start() {
                "" => Some(format!("{} {}", date.text, time.text())),
                " BC" | "BC" => Some(format!("{} {} BC", date.text, time.text())),
                zone if kind == Kind::TimestampTz => in_utc(&date, &time, zone),
                // A zone is more than the column on the other side keeps.
                _ => None,
            }
        }
        _ => None,
    }
}

/// Why an engine's column of `kind` doesn't take a canonical text.
pub(super) fn refusal(engine: Engine, kind: Kind, declared: &str, text: &str) -> Option<String> {
    let taken = match engine {
        Engine::Sqlite => true,
        Engine::Postgres => postgres_takes(kind, text),
        Engine::Mariadb => mariadb_takes(kind, declared, text),
    };
    let noun = match kind {
        Kind::Date => "date",
        Kind::Time => "time",
        _ => "date and time",
    };
    (!taken).then(|| format!("isn't a {noun} that {declared} holds"))
}

fn postgres_takes(kind: Kind, text: &str) -> bool {
    if kind == Kind::Time {
        let time = Time::read(text).filter(|(_, rest)| rest.is_empty());
        return time.is_some_and(|(time, _)| time.is_of_a_day() || time.text() == "24:00:00");
    }
    if matches!(text, "infinity" | "-infinity") {
        return true;
    }
    let whole = text.strip_suffix(" BC").unwrap_or(text);
    let Some((date, rest)) = Date::read(whole) else { return false };
    let latest = if kind == Kind::Date { 5_874_897 } else { 294_276 };
    date.exists() && date.year <= latest && time_of_day(kind, rest)
}

fn mariadb_takes(kind: Kind, declared: &str, text: &str) -> bool {
    if kind == Kind::Time {
        let time = Time::read(text).filter(|(_, rest)| rest.is_empty());
        return time.is_some_and(|(time, _)| time.hours <= 838 && time.minutes_and_seconds_fit());
    }
    let Some((date, rest)) = Date::read(text) else { return false };
    if declared.starts_with("timestamp") {
        let inside = ("1970-01-01 00:00:01".."2038-01-19 03:14:08").contains(&text);
        return (inside && date.exists() && time_of_day(kind, rest)) || text == ZERO;
    }
    // Zero and other invalid dates are values there.
    date.year <= 9999 && date.month <= 12 && date.day <= 31 && time_of_day(kind, rest)
}

const ZERO: &str = "0000-00-00 00:00:00";

fn time_of_day(kind: Kind, rest: &str) -> bool {
    match kind {
        Kind::Date => rest.is_empty(),
        _ => rest
            .strip_prefix(' ')
            .and_then(Time::read)
            .is_some_and(|(time, rest)| rest.is_empty() && time.is_of_a_day()),
    }
}

fn in_utc(date: &Date<'_>, time: &Time<'_>, zone: &str) -> Option<String> {
    let offset = offset_seconds(zone)?;
    if offset == 0 {
        return Some(format!("{} {}", date.text, time.text()));
    }
    let local = civil::DateTime::new(
        i16::try_from(date.year).ok()?,
        date.month.try_into().ok()?,
        date.day.try_into().ok()?,
        time.hours.try_into().ok()?,
        time.minutes.try_into().ok()?,
        time.seconds.try_into().ok()?,
        0,
    );
    let utc = local.ok()?.checked_sub(jiff::SignedDuration::from_secs(offset)).ok()?;
    let fraction = Time { negative: false, fraction: time.fraction, ..Time::default() };
    Some(format!("{}{}", utc.strftime("%Y-%m-%d %H:%M:%S"), fraction.decimals()))
}

/// `Z`, `+00`, `-0330`, `+05:30`.
fn offset_seconds(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replacen(':', "", 1);
    let number = |part: &str| part.parse::<i64>().ok();
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.len() {
        2 if is_plain => Some(sign * number(&digits)? * 3600),
        4 if is_plain => Some(sign * (number(&digits[..2])? * 3600 + number(&digits[2..])? * 60)),
        _ => None,
    }
}

struct Date<'t> {
    text: &'t str,
    year: i64,
    month: i64,
    day: i64,
}

impl<'t> Date<'t> {
    /// `YYYY-MM-DD`, with more digits for later years, and what follows it.
    fn read(text: &'t str) -> Option<(Self, &'t str)> {
        let (years, rest) = digits(text);
        let (months, rest) = digits(rest.strip_prefix('-')?);
        let (days, rest) = digits(rest.strip_prefix('-')?);
        if !(4..=7).contains(&years.len()) || months.len() != 2 || days.len() != 2 {
            return None;
        }
        let number = |part: &str| part.parse().ok();
        let (year, month, day) = (number(years)?, number(months)?, number(days)?);
        Some((Self { text: &text[..text.len() - rest.len()], year, month, day }, rest))
    }

    fn exists(&self) -> bool {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let days = match self.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        self.year >= 1 && (1..=days).contains(&self.day)
    }
}

#[derive(Default)]
struct Time<'t> {
    negative: bool,
    hours: i64,
    minutes: i64,
    seconds: i64,
    fraction: &'t str,
}

impl<'t> Time<'t> {
    /// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f`, and what follows it.
    fn read(text: &'t str) -> Option<(Self, &'t str)> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (hours, rest) = digits(text);
        let (minutes, rest) = digits(rest.strip_prefix(':')?);
        if !(2..=3).contains(&hours.len()) || minutes.len() != 2 {
            return None;
        }
        let number = |part: &str| part.parse().ok();
        let mut time =
            Self { negative, hours: number(hours)?, minutes: number(minutes)?, ..Self::default() };
        let Some(rest) = rest.strip_prefix(':') else { return Some((time, rest)) };
        let (seconds, mut rest) = digits(rest);
        if seconds.len() != 2 {
            return None;
        }
        time.seconds = number(seconds)?;
        if let Some(after) = rest.strip_prefix('.') {
            (time.fraction, rest) = digits(after);
        }
        Some((time, rest))
    }

    fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let decimals = self.decimals();
        format!("{sign}{:02}:{:02}:{:02}{decimals}", self.hours, self.minutes, self.seconds)
    }

    fn decimals(&self) -> String {
        match self.fraction.trim_end_matches('0') {
            "" => String::new(),
            digits => format!(".{digits}"),
        }
    }

    fn minutes_and_seconds_fit(&self) -> bool {
        self.minutes <= 59 && self.seconds <= 59
    }

    fn is_of_a_day(&self) -> bool {
        !self.negative && self.hours <= 23 && self.minutes_and_seconds_fit()
    }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_moment_has_one_spelling() {
        let cases = [
            (Kind::Timestamp, "2026-01-31 10:00:00.500000", Some("2026-01-31 10:00:00.5")),
            (Kind::Timestamp, "2026-01-31T10:00", Some("2026-01-31 10:00:00")),
            (Kind::Timestamp, "2026-01-31", Some("2026-01-31 00:00:00")),
            (Kind::Timestamp, "2026-01-31 10:00:00Z", None),
            (Kind::Timestamp, "0000-00-00 00:00:00.000", Some("0000-00-00 00:00:00")),
            (Kind::TimestampTz, "2026-01-31 10:00:00.25+00", Some("2026-01-31 10:00:00.25")),
            (Kind::TimestampTz, "2026-01-01T00:30:00.10+01:00", Some("2025-12-31 23:30:00.1")),
            (Kind::TimestampTz, "2026-01-01 00:30:00-0330", Some("2026-01-01 04:00:00")),
            (Kind::TimestampTz, "2026-01-01 00:30:00 Europe/Warsaw", None),
            (Kind::Time, "10:00", Some("10:00:00")),
            (Kind::Time, "-838:59:59.000", Some("-838:59:59")),
            (Kind::Date, "2026-01-31", Some("2026-01-31")),
            (Kind::Date, "31.01.2026", None),
            (Kind::Date, "2026-01-31 00:00:00", None),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(canonical(kind, text).as_deref(), expected, "{kind:?} {text}");
        }
    }

    #[test]
    fn each_engine_takes_what_its_types_hold() {
        use Engine::{Mariadb, Postgres, Sqlite};
        let taken = |engine, kind, declared: &str, text: &str| {
            refusal(engine, kind, declared, text).is_none()
        };
        assert!(taken(Mariadb, Kind::Date, "date", "0000-00-00"));
        assert!(!taken(Postgres, Kind::Date, "date", "0000-00-00"));
        assert!(!taken(Postgres, Kind::Date, "date", "2026-02-29"));
        assert!(taken(Sqlite, Kind::Date, "date", "someday"));
        assert!(!taken(Mariadb, Kind::Timestamp, "datetime", "12026-01-01 00:00:00"));
        assert!(taken(Mariadb, Kind::TimestampTz, "timestamp", "2038-01-19 03:14:07.9"));
        assert!(!taken(Mariadb, Kind::TimestampTz, "timestamp", "2038-01-19 03:14:08"));
        assert!(!taken(Postgres, Kind::Time, "time without time zone", "-01:00:00"));
        assert!(taken(Postgres, Kind::Time, "time without time zone", "24:00:00"));
        assert!(taken(Mariadb, Kind::Time, "time", "-838:59:59"));
    }
}
