//! When jobs run.

use super::Context;
use crate::manifest::approval::{Approval, Approvals};
use crate::manifest::problem::Problem;
use crate::manifest::schedule::{Local, Resolved, ScheduleError, parse_cron, time_zone};
use crate::manifest::sync_job::{Direction, Schedule, Suspend, SyncJobSpec};
use crate::manifest::{Document, Step};

/// A pin can't hold twice, and towards PROD everything is pinned.
pub fn cron_refreshes_test(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, job) in context.jobs() {
        if job.schedule.as_ref().is_none_or(|schedule| schedule.cron.is_none()) {
            continue;
        }
        if job.undo.is_some() || job.direction == Some(Direction::TestToProd) {
            let message = "`cron` is for PROD -> TEST only: what goes to PROD is approved with \
                           pins, and a pin can't hold twice";
            let problem = Problem::error("cron-to-prod", message).help("give one time with `at`");
            problems.push(at(document, &["schedule", "cron"], problem));
        }
        if has_pins(job) {
            let message = "a job with `cron` takes a bare `all`, no pins: a pin can't hold twice";
            problems.push(at(document, &["approved"], Problem::error("cron-with-pins", message)));
        }
    }
}

fn has_pins(job: &SyncJobSpec) -> bool {
    job.approved.values().flat_map(Approvals::classes).any(|(_, entries)| {
        entries
            .iter()
            .any(|entry| matches!(entry, Approval::Pinned { .. } | Approval::AllOfPlan(_)))
    })
}

/// A problem at a key of `spec`.
pub(super) fn at(document: &Document, keys: &[&str], problem: Problem) -> Problem {
    let path: Vec<Step<'_>> =
        std::iter::once("spec").chain(keys.iter().copied()).map(Step::Key).collect();
    document.origin.problem(problem, document.origin.locate(&path))
}

/// Zones, times and expressions can be read; local times that clocks skip or repeat are pointed
/// out with what becomes of them.
pub fn valid(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, job) in context.scheduled() {
        if let Some(schedule) = job.schedule {
            check(document, schedule, problems);
        }
        if let Err(error) = job.suspend.until(job.schedule)
            && error != ScheduleError::TimeZone
        {
            let problem = Problem::error("bad-until", format!("`spec.suspend.until`: {error}"));
            problems.push(at(document, &["suspend", "until"], problem));
        }
        if let Suspend::Because { reason, .. } = job.suspend
            && reason.is_empty()
        {
            let problem = Problem::error("no-value", "`spec.suspend.reason` is empty");
            problems.push(at(document, &["suspend", "reason"], problem));
        }
    }
}

fn check(document: &Document, schedule: &Schedule, problems: &mut Vec<Problem>) {
    if let Some(expression) = &schedule.cron
        && let Err(error) = parse_cron(expression)
    {
        let problem = Problem::error("bad-cron", format!("`spec.schedule.cron`: {error}"));
        problems.push(at(document, &["schedule", "cron"], problem));
    }
    let zone = time_zone(&schedule.time_zone);
    if let Err(error) = &zone {
        let problem = Problem::error("bad-time-zone", format!("`spec.schedule.timeZone`: {error}"));
        problems.push(at(document, &["schedule", "timeZone"], problem));
    }
    let found = match (schedule.instant(), zone) {
        (Ok(Some(resolved)), Ok(zone)) => note(schedule, resolved, &zone),
        (Err(error), _) if error != ScheduleError::TimeZone => {
            Some(Problem::error("bad-time", format!("`spec.schedule.at`: {error}")))
        }
        _ => None,
    };
    problems.extend(found.map(|found| at(document, &["schedule", "at"], found)));
}

fn note(schedule: &Schedule, resolved: Resolved, zone: &jiff::tz::TimeZone) -> Option<Problem> {
    let why = match resolved.local {
        Local::Once => return None,
        Local::Missing => {
            "doesn't exist, as clocks go forward over it: the job runs at the first valid instant"
        }
        Local::Twice => {
            "exists twice, as clocks go back over it: the job runs at the first of the two"
        }
    };
    let local = resolved.instant.to_zoned(zone.clone());
    let (at, name) = (schedule.at.as_deref().unwrap_or_default(), &schedule.time_zone);
    let message = format!(
        "{at} {why}, {} in {name} ({} UTC)",
        local.strftime("%Y-%m-%dT%H:%M%:z"),
        resolved.instant.strftime("%Y-%m-%dT%H:%M")
    );
    Some(Problem::note("clock-change", message))
}
