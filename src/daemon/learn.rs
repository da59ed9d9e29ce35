//! What is remembered, and who is told, after a look at a job or a turn of it: pure.
//!
//! Answers for a request's end being kept, for errors that may pass leading to another attempt, and
//! for each event being told once. What a message says is `report`'s.

use jiff::Timestamp;

use super::decide::{Action, Step, on_error};
use super::moment::{Due, Moment};
use crate::job::files::Filing;
use crate::job::publishing::{Attempt, Came};
use crate::job::report::{Outcome, Report};
use crate::manifest::job::Asked;
use crate::report::{Event, Phase};
use crate::state::{Compared, End, Ended, Filed, Held, Memory, Publishing, RunLine, Running, Seen};

/// Who asked for the pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Somebody at a command line, who sees what becomes of it and may try again at once.
    Person,
    Daemon,
}

/// A look at a job, and what it led to.
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'a> {
    pub action: &'a Action,
    /// The request's hash.
    pub request: &'a str,
    pub subject: &'a str,
    pub spec: Asked<'a>,
    /// Where the step was carried out.
    pub report: Option<&'a Report>,
    /// What the run was called.
    pub run: &'a str,
    pub asker: Asker,
    pub now: Timestamp,
    /// Between 0 and 1, see [`on_error`].
    pub jitter: f64,
}

/// What follows from a lesson besides the memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    /// The request or occurrence that is over, by its key.
    pub ended: Option<(String, Ended)>,
    pub events: Vec<Event>,
}

/// People hear of trouble once it happened this often in a row.
pub(super) const ATTEMPTS_BEFORE_TELLING: u32 = 3;

/// Takes a request in that a manifest makes; returns whether it is another one than before.
pub fn see(memory: &mut Memory, seen: Seen) -> bool {
    let is_new = memory.seen.as_ref().is_none_or(|before| before.request != seen.request);
    if is_new {
        memory.seen = Some(seen);
        memory.trouble = None;
    }
    is_new
}

/// Takes in that what a job is about is over.
pub fn close(memory: &mut Memory, moment: &Moment, ended: &Ended) {
    deal_with(memory, moment);
    let is_occurrence = matches!(moment.due, Due::Occurrence { .. } | Due::Next { .. });
    if !is_occurrence {
        memory.announced = None;
        memory.announced_for = None;
    }
    memory.held = Some(Held { key: moment.key.clone(), ended: ended.clone() });
}

/// Takes a lesson into a job's memory.
pub fn learn(memory: &mut Memory, lesson: &Lesson<'_>) -> Learned {
    let mut learned = Learned::default();
    match lesson.action.step {
        Step::LeaveOut => deal_with(memory, &lesson.action.moment),
        Step::End(end) => {
            let why = lesson.action.standing.why.clone();
            let ended = Ended { phase: end, run: String::new(), why, at: lesson.now.to_string() };
            finish(memory, lesson, ended, &mut learned);
        }
        Step::Rest | Step::Compare | Step::Run => {}
    }
    if let Some(report) = lesson.report {
        reported(memory, lesson, report, &mut learned);
    }
    announce(memory, lesson, &mut learned);
    learned
}

fn reported(memory: &mut Memory, lesson: &Lesson<'_>, report: &Report, learned: &mut Learned) {
    let is_run = lesson.action.step == Step::Run;
    // A commit without an answer may have happened: the run is open until its ledger is read.
    if is_run && !matches!(report.outcome, Outcome::Unknown { .. }) {
        memory.running = None;
    }
    if let Some(filing) = &report.files {
        filed(memory, filing, lesson.now, lesson.jitter);
    }
    if let Some(attempt) = &report.publishing {
        published(memory, attempt, lesson.now, lesson.jitter);
    }
    compared(memory, lesson, report, learned);
    match &report.outcome {
        // What can't be compared today says nothing about a request whose time hasn't come.
        Outcome::Failed { error } | Outcome::Unpublished { error } | Outcome::Unknown { error }
            if report.ended.is_none() || !is_run =>
        {
            let trouble =
                on_error(memory.trouble.as_ref(), error.clone(), lesson.now, lesson.jitter);
            if trouble.attempts == ATTEMPTS_BEFORE_TELLING {
                learned.events.push(Event::Troubled { error: error.clone() });
            }
            memory.trouble = Some(trouble);
            return;
        }
        _ => memory.trouble = None,
    }
    // Neither do pins that don't hold now: they are told as objections. The ledger's word counts.
    let is_over = is_run || matches!(report.outcome, Outcome::Held(_));
    let ended = report.ended.clone().or_else(|| over(lesson, report)).filter(|_| is_over);
    if let Some(mut ended) = ended {
        if ended.run.is_empty() && is_run {
            lesson.run.clone_into(&mut ended.run);
        }
        if is_run {
            memory.add_run(line(&ended, report, lesson.now));
        }
        finish(memory, lesson, ended, learned);
    }
}

/// Takes in how far what runs touched is on its way to the read stores. What an earlier run left and
/// what a later one touched get there together.
pub fn published(memory: &mut Memory, attempt: &Attempt, now: Timestamp, jitter: f64) {
    let before = memory.publishing.remove(&attempt.target).filter(|before| !before.is_done);
    let before = before.unwrap_or_default();
    let mut resources = before.resources;
    resources.extend(attempt.resources.iter().cloned());
    let (failed, is_done, trouble) = match &attempt.came {
        Came::NotYet => (before.failed, false, None),
        Came::There => (0, true, None),
        Came::Short { why, failed } => {
            let trouble = on_error(before.trouble.as_ref(), why.clone(), now, jitter);
            (*failed, false, Some(trouble))
        }
    };
    memory.publishing.insert(attempt.target, Publishing { resources, failed, is_done, trouble });
}

/// Takes in how far the files are that change only after a commit.
pub fn filed(memory: &mut Memory, filing: &Filing, now: Timestamp, jitter: f64) {
    let before = memory.files.remove(&filing.target).and_then(|before| before.trouble);
    let trouble = match &filing.came {
        Came::NotYet | Came::There => None,
        Came::Short { why, .. } => Some(on_error(before.as_ref(), why.clone(), now, jitter)),
    };
    let is_done = filing.came == Came::There;
    memory.files.insert(filing.target, Filed { is_done, trouble });
}

/// A daemon's attempt at a run ends the request, whatever came of it: the same approvals aren't tried
/// again until somebody changes the job. A person who tries may try again.
fn over(lesson: &Lesson<'_>, report: &Report) -> Option<Ended> {
    let (phase, why) = match (&report.outcome, lesson.asker) {
        (_, Asker::Person) => return None,
        (Outcome::Refused(refusal), _) => (End::Failed, refusal.reasons.join("; ")),
        (Outcome::NothingToDo { why }, _) => (End::Succeeded, format!("nothing to do, {why}")),
        (Outcome::AwaitingApproval, _) => {
            (End::Succeeded, "nothing to do, nothing that differs is approved".into())
        }
        _ => return None,
    };
    Some(Ended { phase, run: String::new(), why, at: lesson.now.to_string() })
}

fn compared(memory: &mut Memory, lesson: &Lesson<'_>, report: &Report, learned: &mut Learned) {
    let (Some(plan), Some(spec)) = (&report.plan, lesson.spec.sync()) else { return };
    let question = spec.question_hash();
    let is_first = memory.compared.as_ref().is_none_or(|it| it.question != question);
    let objections = match &report.outcome {
        Outcome::Refused(refusal) => refusal.reasons.clone(),
        _ => Vec::new(),
    };
    memory.compared = Some(Compared {
        subject: lesson.subject.to_owned(),
        question,
        digest: plan.digest.clone(),
        counts: plan.counts,
        failed_modules: plan.failed_modules.keys().cloned().collect(),
        objections,
        at: lesson.now,
    });
    // Of a run people hear anyway.
    if is_first && lesson.action.step != Step::Run {
        learned.events.push(Event::Compared);
    }
}

/// Takes in a run that the ledger holds and whose process ended before it told: what it was begun for
/// may not be what its manifest asks for by now.
pub fn settled(memory: &mut Memory, running: &Running, report: &Report, now: Timestamp) -> Learned {
    let Some(ended) = &report.ended else { return Learned::default() };
    (memory.running, memory.trouble) = (None, None);
    if let Some(filing) = &report.files {
        filed(memory, filing, now, 0.0);
    }
    if let Some(attempt) = &report.publishing {
        published(memory, attempt, now, 0.0);
    }
    memory.add_run(line(ended, report, now));
    let due = match running.occurrence {
        Some(at) => Due::Occurrence { at, passed: 0 },
        None => Due::AtOnce,
    };
    close(memory, &Moment { key: running.key.clone(), due }, ended);
    let events = vec![Event::Ended(ended.clone())];
    Learned { ended: Some((running.key.clone(), ended.clone())), events }
}

fn line(ended: &Ended, report: &Report, now: Timestamp) -> RunLine {
    let kept = !matches!(report.outcome, Outcome::TestImport { .. });
    let applied = match &report.outcome {
        Outcome::Published { published, .. } => published.sent,
        _ => report.applied().filter(|_| kept).map_or(0, |it| it.entries.len() as u64),
    };
    RunLine {
        run: ended.run.clone(),
        phase: ended.phase,
        at: now,
        applied,
        what: ended.why.clone(),
    }
}

fn finish(memory: &mut Memory, lesson: &Lesson<'_>, ended: Ended, learned: &mut Learned) {
    let key = lesson.action.moment.key.clone();
    memory.trouble = None;
    close(memory, &lesson.action.moment, &ended);
    learned.events.push(Event::Ended(ended.clone()));
    learned.ended = Some((key, ended));
}

/// An occurrence never comes back, also when clocks do.
fn deal_with(memory: &mut Memory, moment: &Moment) {
    if let Due::Occurrence { at, .. } | Due::LeftOut { at, .. } = moment.due {
        memory.dealt_with = Some(memory.dealt_with.map_or(at, |before| before.max(at)));
    }
}

/// Says when a job runs, once for each request, and takes it back where that won't happen. A job that
/// is still to be compared, or that is in trouble, may yet run: nothing is said of it.
fn announce(memory: &mut Memory, lesson: &Lesson<'_>, learned: &mut Learned) {
    let standing = &lesson.action.standing;
    if lesson.action.step != Step::Rest || memory.trouble.is_some() {
        return;
    }
    let told = memory.announced.as_deref();
    match (standing.phase, standing.next_run) {
        (Phase::Scheduled, Some(at)) if told != Some(lesson.request) => {
            memory.announced = Some(lesson.request.to_owned());
            memory.announced_for = Some(at);
            memory.announcements += 1;
            learned.events.push(Event::Scheduled { at, instead_of: None });
        }
        (Phase::Scheduled, Some(at)) => {
            let before = memory.announced_for.replace(at);
            if let Some(before) = before.filter(|before| is_moved(memory, lesson, *before, at)) {
                memory.announcements += 1;
                learned.events.push(Event::Scheduled { at, instead_of: Some(before) });
            }
        }
        (Phase::AwaitingApproval | Phase::Invalid | Phase::Ended(_), _) if told.is_some() => {
            let why = match told == Some(lesson.request) {
                // The next occurrence of `cron` is announced already.
                true if matches!(standing.phase, Phase::Ended(_)) => return,
                true => standing.why.clone(),
                false => "the job was changed before its time".to_owned(),
            };
            memory.announced = None;
            memory.announced_for = None;
            learned.events.push(Event::Withdrawn { why });
        }
        _ => {}
    }
}

/// Whether what was announced for one time now happens at another, though nobody changed the job: the
/// rules of its zone did, or the operator's windows. The occurrence of `cron` after one that is over is
/// another run.
fn is_moved(memory: &Memory, lesson: &Lesson<'_>, before: Timestamp, at: Timestamp) -> bool {
    let is_one = matches!(lesson.action.moment.due, Due::At(_));
    let is_to_come = before > lesson.now && memory.dealt_with.is_none_or(|done| done < before);
    before != at && (is_one || is_to_come)
}
