//! What a day that is given can tell of schedules: closed windows, and nights on which clocks change.
//!
//! Answers for people who write a manifest and ask for its problems. Whoever runs jobs judges each
//! time when it has come, so a passed one is no problem here.

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::Context;
use super::schedules::at;
use crate::config::Window;
use crate::manifest::Document;
use crate::manifest::clock_changes::{Irregular, irregular};
use crate::manifest::occurrences::next;
use crate::manifest::problem::{self, Problem};
use crate::manifest::schedule::{Local, parse_cron, time_zone};
use crate::manifest::sync_job::Schedule;
use crate::manifest::windows::{Opening, opening};

/// Local times that a note names.
const MOST_TIMES: usize = 4;
/// Openings of windows that are tried before nothing is said.
const MOST_OPENINGS: usize = 2_000;

/// What the schedules mean in the year after a moment. Those that can't be read are left to
/// [`super::validate`].
pub fn coming_year(context: &Context<'_>, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let windows = context.config.map_or(&[][..], |config| &config.windows);
    for (document, job) in context.scheduled() {
        let Some(schedule) = job.schedule else { continue };
        let Ok(zone) = time_zone(&schedule.time_zone) else { continue };
        problems.extend(closed(document, schedule, windows, now, &zone));
        if let Some(Ok(cron)) = schedule.cron.as_deref().map(parse_cron) {
            let year = Year::after(now, schedule, &zone, &cron);
            let found = [year.clock_changes(), year.never(), year.always_closed(windows)];
            let found = found.into_iter().flatten();
            problems.extend(found.map(|found| at(document, &["schedule", "cron"], found)));
        }
    }
    problem::sort(&mut problems);
    problems
}

/// One time in a closed window: the job could never run.
fn closed(
    document: &Document,
    schedule: &Schedule,
    windows: &[Window],
    now: Timestamp,
    zone: &TimeZone,
) -> Option<Problem> {
    let instant = schedule.instant().ok()??.instant;
    if instant <= now {
        return None;
    }
    let Opening::Closed { why, opens } = opening(windows, instant) else { return None };
    let (time, name) = (schedule.at.as_deref()?, &schedule.time_zone);
    let message = format!("`spec.schedule.at`: {time} in {name} lies in a closed window: {why}");
    let help = match opens {
        Some(opens) => format!("runs may start again at {} in {name}", shown(opens, zone)),
        None => "these windows never open again; ask the operator".to_owned(),
    };
    let problem = Problem::error("closed-window", message).help(help);
    Some(at(document, &["schedule", "at"], problem))
}

fn shown(instant: Timestamp, zone: &TimeZone) -> String {
    instant.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
}

/// The occurrences of `cron` in a year.
struct Year<'a> {
    schedule: &'a Schedule,
    cron: &'a Cron,
    zone: &'a TimeZone,
    after: Timestamp,
    until: Timestamp,
}

impl<'a> Year<'a> {
    fn after(after: Timestamp, schedule: &'a Schedule, zone: &'a TimeZone, cron: &'a Cron) -> Self {
        let end = after.to_zoned(zone.clone()).checked_add(1.year());
        Self { schedule, cron, zone, after, until: end.map_or(after, |end| end.timestamp()) }
    }

    fn expression(&self) -> String {
        let Schedule { cron, time_zone, .. } = self.schedule;
        format!("`{}` in {time_zone}", cron.as_deref().unwrap_or_default())
    }

    /// The first occurrence from a moment on.
    fn from(&self, moment: Timestamp) -> Option<Timestamp> {
        let before = moment.checked_sub(1.second()).ok()?;
        let found = next(self.cron, self.zone, before)?.instant;
        (found <= self.until).then_some(found)
    }

    fn clock_changes(&self) -> Option<Problem> {
        let all = irregular(self.cron, self.zone, self.after, self.until);
        let mut told: Vec<String> =
            all.iter().take(MOST_TIMES).map(|it| self.what_becomes_of(it)).collect();
        if told.is_empty() {
            return None;
        }
        if all.len() > MOST_TIMES {
            told.push(format!("and {} more", all.len() - MOST_TIMES));
        }
        let message = format!(
            "clocks change at times of {} in the coming year: {}",
            self.expression(),
            told.join("; ")
        );
        Some(Problem::note("clock-change", message))
    }

    fn what_becomes_of(&self, it: &Irregular) -> String {
        let kind = match it.kind {
            Local::Twice => "exists twice",
            Local::Missing | Local::Once => "doesn't exist",
        };
        let local = it.local.strftime("%Y-%m-%dT%H:%M");
        match it.instant {
            None => format!("{local} {kind} and is left out"),
            Some(instant) => format!(
                "{local} {kind}, the job runs at {} ({} UTC)",
                instant.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M%:z"),
                instant.strftime("%Y-%m-%dT%H:%M")
            ),
        }
    }

    fn never(&self) -> Option<Problem> {
        let message = format!("{} doesn't come true in the coming year", self.expression());
        let after = next(self.cron, self.zone, self.after);
        let comes = after.is_some_and(|first| first.instant <= self.until);
        (!comes).then(|| Problem::warning("no-occurrence", message))
    }

    /// Goes from each closed occurrence to the next opening and the occurrence after it.
    fn always_closed(&self, windows: &[Window]) -> Option<Problem> {
        let mut instant = next(self.cron, self.zone, self.after)?.instant;
        let mut first = None;
        for _ in 0..MOST_OPENINGS {
            if instant > self.until {
                break;
            }
            let Opening::Closed { why, opens } = opening(windows, instant) else { return None };
            let why = first.get_or_insert(why);
            let Some(later) = opens.and_then(|opens| self.from(opens)) else {
                let message = format!(
                    "every occurrence of {} in the coming year lies in a closed window and is \
                     left out; the first: {why}",
                    self.expression()
                );
                return Some(Problem::warning("always-closed", message));
            };
            instant = later;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::config::{self, Config};
    use crate::manifest::load_text;
    use crate::manifest::protected::Protection;

    fn operator(windows: &str) -> Config {
        let text = format!(
            "instance: PROD\nmanifests: m\nenvironments:\n  PROD: {{database: \"sqlite://p\"}}\n  \
             TEST: {{database: \"sqlite://t\"}}\nwindows: [{windows}]\n"
        );
        config::parse(Path::new("/shop/reconcile.yaml"), text.as_bytes(), &|_| None).unwrap()
    }

    /// What a schedule's problems are on 22 November 2026, noon in Warsaw.
    fn found(schedule: &str, windows: &str) -> Vec<String> {
        let text = format!(
            "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {{name: refresh}}\nspec:\n  \
             direction: PROD -> TEST\n  mode: all\n  modules: all\n  schedule: {{{schedule}, \
             timeZone: Europe/Warsaw}}\n"
        );
        let manifests = load_text(Path::new("job.yaml"), text.as_bytes());
        assert!(manifests.problems.is_empty(), "{:?}", manifests.problems);
        let config = operator(windows);
        let context = Context {
            manifests: &manifests,
            protection: &Protection::new(&config),
            config: Some(&config),
            catalogs: &BTreeMap::new(),
        };
        let problems = coming_year(&context, "2026-11-22T11:00:00Z".parse().unwrap());
        let told = |it: &Problem| {
            let help = it.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
            format!("{} {}: {}{help}", it.severity.as_str(), it.code, it.message)
        };
        problems.iter().map(told).collect()
    }

    const NIGHTS: &str = "{kind: allow, cron: 0 22 * * *, hours: 8, timeZone: Europe/Warsaw}";
    const CHRISTMAS: &str = "{kind: deny, cron: 0 0 24 12 *, hours: 72, timeZone: Europe/Warsaw}";
    const ALWAYS: &str = "{kind: deny, cron: \"* * * * *\", hours: 1, timeZone: UTC}";

    #[test]
    fn a_time_in_a_closed_window_is_an_error() {
        let both = format!("{NIGHTS}, {CHRISTMAS}");
        let mut told = Vec::new();
        for (time, windows) in [
            ("2026-12-01T12:00", NIGHTS),
            ("2026-12-24T23:00", &both),
            ("2026-12-24T23:00", ALWAYS),
        ] {
            told.extend(found(&format!("at: {time}"), windows));
        }
        insta::assert_debug_snapshot!(told);
        for (time, windows) in
            [("2026-12-01T23:00", NIGHTS), ("2026-12-01T12:00", ""), ("2026-11-01T12:00", NIGHTS)]
        {
            assert_eq!(found(&format!("at: {time}"), windows), [""; 0], "{time}");
        }
    }

    #[test]
    fn nights_on_which_clocks_change_are_noted() {
        let mut told = Vec::new();
        for expression in ["30 2 * * *", "*/20 2 * * 0", "* * * * *"] {
            told.extend(found(&format!("cron: {expression:?}"), ""));
        }
        insta::assert_debug_snapshot!(told);
        assert_eq!(found("cron: 0 4 * * *", ""), [""; 0]);
    }

    #[test]
    fn a_cron_that_no_window_lets_run_is_warned_of() {
        let mut told = Vec::new();
        for (expression, windows) in
            [("0 12 * * *", NIGHTS), ("0 5 24 12 *", CHRISTMAS), ("* * * * *", ALWAYS)]
        {
            let found = found(&format!("cron: {expression:?}"), windows);
            told.extend(found.into_iter().filter(|it| !it.contains("clock-change")));
        }
        told.extend(found("cron: 0 0 30 2 *", NIGHTS));
        insta::assert_debug_snapshot!(told);
        // One of 365 is enough, also at the first moment of a window.
        for (expression, windows) in
            [("0 22 * * *", NIGHTS), ("0 5 24,27 12 *", CHRISTMAS), ("0 12,23 1 6 *", NIGHTS)]
        {
            assert_eq!(found(&format!("cron: {expression:?}"), windows), [""; 0], "{expression}");
        }
    }
}
