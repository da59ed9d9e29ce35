//! What to do about a job: a pure decision from its manifest, what is remembered of it, and the time.
//!
//! Answers for the states of a job and for what leads from one to the next. Never for how it is done:
//! `turn` carries the step out, and `learn` says what is remembered of it.

use jiff::{SignedDuration, Timestamp};

use super::moment::{Due, Moment, moment, too_late, words};
use crate::config::Window;
use crate::manifest::approval::{Approval, Approvals};
use crate::manifest::job::{Asked, republished};
use crate::manifest::sync_job::{Suspend, SyncJobSpec};
use crate::manifest::windows::{Opening, opening};
use crate::report::{Phase, Standing, local};
use crate::state::{Compared, End, Memory, Trouble};

/// Everything that decides.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub spec: Asked<'a>,
    /// The hash of what the job asks for.
    pub request: &'a str,
    /// The hash of what a comparison depends on.
    pub subject: &'a str,
    /// With the request as it is [`Memory::seen`] now.
    pub memory: &'a Memory,
    pub rules: &'a Rules,
    pub now: Timestamp,
}

/// What the operator says of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub windows: Vec<Window>,
    /// A run that could only start later than this after its time is missed.
    pub lateness: SignedDuration,
}

/// What to do now, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub step: Step,
    pub moment: Moment,
    pub standing: Standing,
    /// Nothing can change by time alone before this moment.
    pub again: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Rest,
    Compare,
    /// Compare, and carry out what is approved.
    Run,
    /// The request or occurrence is over without a run.
    End(End),
    /// An occurrence is left out: nobody is told, the next one counts.
    LeaveOut,
}

impl Action {
    /// Nothing, until something is decided.
    pub fn none(now: Timestamp) -> Self {
        let moment = Moment { key: String::new(), due: Due::Never };
        let standing = Standing::new(Phase::Comparing, "it wasn't looked at yet");
        Self { step: Step::Rest, moment, standing, again: Some(now) }
    }
}

/// Longest pause between two attempts, in seconds.
const LONGEST_PAUSE_SECONDS: i64 = 300;
const FIRST_PAUSE_SECONDS: i64 = 5;
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The request or occurrence that a job is about now.
pub fn moment_of(
    spec: Asked<'_>,
    request: &str,
    memory: &Memory,
    rules: &Rules,
    now: Timestamp,
) -> Moment {
    let seen = memory.seen.as_ref().map_or(now, |seen| seen.at);
    let since = memory.dealt_with.map_or(seen, |done| done.max(seen));
    moment(spec, request, since, now, &rules.windows)
}

/// What to do about a job whose manifest is fine.
pub fn reconcile(view: &View<'_>) -> Action {
    let View { spec, request, memory, rules, now, .. } = *view;
    let moment = moment_of(spec, request, memory, rules, now);
    if let Some((why, until)) = suspended(view) {
        let step = match moment.due {
            // What passes while a job is suspended is left out, not missed.
            Due::Occurrence { .. } | Due::LeftOut { .. } => Step::LeaveOut,
            _ => Step::Rest,
        };
        let standing = Standing::new(Phase::Suspended, why);
        return Action { step, moment, standing, again: until };
    }
    if let Some(ended) = memory.ended(&moment.key) {
        let standing = Standing::new(Phase::Ended(ended.phase), &ended.why);
        return Action { step: Step::Rest, moment, standing, again: None };
    }
    let action = awake(view, moment);
    patient(view, action)
}

/// A job that isn't suspended, and whose request isn't over.
fn awake(view: &View<'_>, moment: Moment) -> Action {
    let View { spec, now, rules, .. } = *view;
    if let Due::At(at) = moment.due
        && let Opening::Closed { why, .. } = opening(&rules.windows, at)
    {
        let why =
            format!("`at` lies in a closed window: {}, {why}; set another time", local(at, spec));
        return Action {
            step: Step::Rest,
            moment,
            standing: Standing::new(Phase::Invalid, why),
            again: None,
        };
    }
    if let Some(action) = timely(view, &moment) {
        return action;
    }
    let sync = match spec {
        Asked::Sync(sync) => sync,
        Asked::Republish(spec) => return waiting(view, moment, &republished(spec), None),
    };
    let compared = view.memory.compared.as_ref().filter(|it| it.subject == view.subject);
    let Some(compared) = compared else {
        let standing = Standing::new(Phase::Comparing, "it is new or changed, and compared first");
        return Action { step: Step::Compare, moment, standing, again: Some(now) };
    };
    let open = open_ones(sync, compared);
    let open = match compared.objections.first() {
        Some(objection) => format!("{open}; as things are it can't be carried out: {objection}"),
        None => open,
    };
    waiting(view, moment, &open, Some(compared))
}

/// What a time that has come asks for.
fn timely(view: &View<'_>, moment: &Moment) -> Option<Action> {
    let View { spec, now, rules, .. } = *view;
    let approved = has_approvals(spec);
    let end = |end, why: String| (Step::End(end), Standing::new(Phase::Ended(end), why));
    let missed = |at| too_late(spec, at, now, rules.lateness);
    let (step, standing) = match &moment.due {
        Due::AtOnce if approved => match opening(&rules.windows, now) {
            Opening::Open => running(match spec {
                Asked::Sync(_) => "everything approved is carried out at once",
                Asked::Republish(_) => "it is carried out at once",
            }),
            Opening::Closed { .. } => return None,
        },
        Due::At(at) if *at <= now => {
            let written = view.memory.seen.as_ref().and_then(|seen| seen.written);
            match (written.filter(|written| written > at), missed(*at)) {
                (Some(written), _) => end(End::Missed, after_its_time(spec, *at, written)),
                (None, Some(_)) if !approved => end(End::Missed, unapproved_at(spec, *at)),
                (None, Some(why)) => late(view, format!("{why}; set a new time")),
                (None, None) if approved => on_time(view),
                (None, None) => return None,
            }
        }
        Due::Occurrence { at, passed } if approved => match missed(*at) {
            Some(why) if *passed > 0 => {
                late(view, format!("{why}, as {passed} before it; the next one counts"))
            }
            Some(why) => late(view, format!("{why}; the next one counts")),
            None => on_time(view),
        },
        Due::LeftOut { at, why } => (
            Step::LeaveOut,
            Standing::new(Phase::Scheduled, format!("{} is left out: {why}", local(*at, spec))),
        ),
        Due::Occurrence { .. } => {
            (Step::LeaveOut, Standing::new(Phase::AwaitingApproval, "nothing is approved"))
        }
        _ => return None,
    };
    Some(Action { step, moment: moment.clone(), standing, again: Some(now) })
}

/// A time that has come: the window that was open for it may have closed since.
fn on_time(view: &View<'_>) -> (Step, Standing) {
    match opening(&view.rules.windows, view.now) {
        Opening::Open => running("its time has come"),
        Opening::Closed { why, .. } => {
            late(view, format!("it couldn't start in time, and now is {why}"))
        }
    }
}

fn running(why: &str) -> (Step, Standing) {
    (Step::Run, Standing::new(Phase::Running, why))
}

/// A time that passed: missed, or failed where it was tried.
fn late(view: &View<'_>, why: String) -> (Step, Standing) {
    match &view.memory.trouble {
        Some(trouble) => {
            let why = format!(
                "it couldn't be carried out within {} of its time: {}",
                words(view.rules.lateness),
                trouble.error
            );
            (Step::End(End::Failed), Standing::new(Phase::Ended(End::Failed), why))
        }
        None => (Step::End(End::Missed), Standing::new(Phase::Ended(End::Missed), why)),
    }
}

fn unapproved_at(spec: Asked<'_>, at: Timestamp) -> String {
    let at = local(at, spec);
    format!("its time was {at}, and nothing was approved by then; approve, and set a new time")
}

fn after_its_time(spec: Asked<'_>, at: Timestamp, written: Timestamp) -> String {
    let is_approved = spec.sync().is_some() && has_approvals(spec);
    let what = if is_approved { "approved" } else { "asked for" };
    format!(
        "its time was {}, but it was {what} only at {}; set a new time",
        local(at, spec),
        local(written, spec)
    )
}

/// A job whose time hasn't come, with what it will do. One with approvals is compared.
fn waiting(view: &View<'_>, moment: Moment, open: &str, compared: Option<&Compared>) -> Action {
    let View { spec, now, rules, .. } = *view;
    let compared = compared.filter(|_| !has_approvals(spec));
    let opens = match (&moment.due, opening(&rules.windows, now)) {
        (Due::AtOnce, Opening::Closed { why, opens }) => Some((why, opens)),
        _ => None,
    };
    let (phase, why, next_run) = match (compared, &moment.due) {
        (Some(compared), _) => (Phase::AwaitingApproval, unapproved(compared), None),
        (None, Due::At(at)) => {
            let why = format!("next run {}, because `at` says so: {open}", local(*at, spec));
            (Phase::Scheduled, why, Some(*at))
        }
        (None, Due::Next { at, left_out }) => {
            let left = match left_out {
                0 => String::new(),
                count => format!("; {count} before it lie in closed windows"),
            };
            let why = format!("next run {}, because of `cron`: {open}{left}", local(*at, spec));
            (Phase::Scheduled, why, Some(*at))
        }
        (None, Due::Never) => {
            (Phase::Scheduled, "its `cron` never comes true in an open window".into(), None)
        }
        (None, _) => match opens {
            Some((why, Some(opens))) => {
                let why = format!("next run {}, because now is {why}: {open}", local(opens, spec));
                (Phase::Scheduled, why, Some(opens))
            }
            Some((why, None)) => (Phase::Scheduled, format!("no window ever opens: {why}"), None),
            None => (Phase::Scheduled, open.to_owned(), None),
        },
    };
    let again = match &moment.due {
        // Also an unapproved job's time passes.
        Due::At(at) if *at <= now => Some(*at + rules.lateness + SECOND),
        Due::At(at) | Due::Next { at, .. } => Some(*at),
        _ => next_run,
    };
    let standing = Standing { next_run, ..Standing::new(phase, why) };
    Action { step: Step::Rest, moment, standing, again }
}

/// Keeps a job that failed a moment ago from being tried at once again.
fn patient(view: &View<'_>, action: Action) -> Action {
    let Some(trouble) = view.memory.trouble.as_ref().filter(|it| view.now < it.again) else {
        return action;
    };
    if !matches!(action.step, Step::Compare | Step::Run) {
        return action;
    }
    let doing = if action.step == Step::Run { "running" } else { "comparing" };
    let why = format!(
        "{doing} didn't work ({} in a row): {}; tried again at {}",
        trouble.attempts,
        trouble.error,
        local(trouble.again, view.spec)
    );
    let phase = if action.step == Step::Run { Phase::Scheduled } else { Phase::Comparing };
    let standing = Standing::new(phase, why);
    Action { step: Step::Rest, standing, again: Some(trouble.again), ..action }
}

/// When to try again after an error that may pass. `jitter` lies between 0 and 1.
pub fn on_error(before: Option<&Trouble>, error: String, now: Timestamp, jitter: f64) -> Trouble {
    let attempts = before.map_or(0, |trouble| trouble.attempts).saturating_add(1);
    let doubled = FIRST_PAUSE_SECONDS << attempts.saturating_sub(1).min(6);
    let pause = doubled.min(LONGEST_PAUSE_SECONDS);
    // Up to a fifth less, so that many jobs don't come back together and none waits longer.
    #[expect(clippy::cast_precision_loss, reason = "seconds below an hour are exact")]
    let spread = SignedDuration::from_secs_f64(pause as f64 * 0.2 * jitter.clamp(0.0, 1.0));
    let again = now + (SignedDuration::from_secs(pause) - spread);
    let since = before.map_or(now, |trouble| trouble.since);
    Trouble { error, attempts, since, again }
}

/// Why a job rests, and until when.
fn suspended(view: &View<'_>) -> Option<(String, Option<Timestamp>)> {
    let View { spec, memory, now, .. } = *view;
    let until = |until: Option<Timestamp>| {
        until.map_or_else(String::new, |until| format!(", until {}", local(until, spec)))
    };
    if let Some(asked) = memory.suspended.as_ref().filter(|it| it.until.is_none_or(|end| now < end))
    {
        let why = format!("{} (suspended by {}{})", asked.reason, asked.by, until(asked.until));
        return Some((why, asked.until));
    }
    let (suspend, schedule) = (spec.suspend(), spec.schedule());
    if !suspend.holds_at(now, schedule) {
        return None;
    }
    let end = suspend.until(schedule).ok().flatten();
    Some(match suspend {
        Suspend::Because { reason, .. } => {
            (format!("{reason} (suspended by the manifest{})", until(end)), end)
        }
        Suspend::Yes | Suspend::No => ("the manifest says `suspend: true`".into(), None),
    })
}

/// Whether anything is approved. What is published again needs no approval.
pub fn has_approvals(spec: Asked<'_>) -> bool {
    match spec {
        Asked::Sync(spec) => spec.delete_missing || entries(spec).next().is_some(),
        Asked::Republish(_) => true,
    }
}

fn entries(spec: &SyncJobSpec) -> impl Iterator<Item = (&'static str, &Approval)> {
    let classes = spec.approved.values().flat_map(Approvals::classes);
    classes.flat_map(|(class, entries)| entries.iter().map(move |entry| (class, entry)))
}

/// `3 records approved, 2 conflicts open`
pub fn open_ones(spec: &SyncJobSpec, compared: &Compared) -> String {
    let (mut records, mut whole, mut answered) = (0_u64, false, 0_u64);
    for (class, entry) in entries(spec) {
        match entry {
            Approval::All | Approval::AllOfPlan(_) => whole = true,
            Approval::Id(_) | Approval::Pinned { .. } => {
                records += 1;
                answered += u64::from(matches!(class, "overwrite" | "adopt" | "renumber"));
            }
        }
    }
    let approved = match (whole, records) {
        (true, 0) => "all approved".to_owned(),
        (true, more) => format!("all and {} approved", number(more, "record")),
        (false, records) => format!("{} approved", number(records, "record")),
    };
    match compared.counts.conflict.saturating_sub(answered) {
        0 => approved,
        open => format!("{approved}, {} open", number(open, "conflict")),
    }
}

fn unapproved(compared: &Compared) -> String {
    let counts = &compared.counts;
    let all = [
        (counts.new, "new"),
        (counts.modified, "modified"),
        (counts.deleted, "deleted"),
        (counts.conflict, "in conflict"),
    ];
    let some: Vec<String> = all
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let failed = match compared.failed_modules.as_slice() {
        [] => String::new(),
        modules => format!("; {} couldn't be compared", modules.join(", ")),
    };
    match some.is_empty() {
        true => format!("both sides are equal, there is nothing to approve{failed}"),
        false => format!("nothing is approved: {}{failed}", some.join(", ")),
    }
}

fn number(count: u64, one: &str) -> String {
    crate::plan::render::words::count(count, one, &format!("{one}s"))
}
