//! The states of a job and what leads from one to the next, on a simulated clock.
//!
//! A story is a list of events; after each, everything is decided until nothing is left to do, as the
//! daemon would. The trace says what was done, where the job stands, and what people are told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::decide::{Rules, Step, View, moment_of, reconcile};
use super::learn::{Asker, Lesson, close, learn, see};
use crate::apply::Applied;
use crate::config::{Window, WindowKind};
use crate::job::report::{Outcome, Refusal, RefusalKind, Report};
use crate::manifest::load_text;
use crate::manifest::problem::Problem;
use crate::manifest::sync_job::SyncJobSpec;
use crate::plan::render::sample;
use crate::put::put;
use crate::report::Event;
use crate::state::{End, Ended, Memory, Seen, Suspended};

/// How comparing and running go from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Fine,
    ServerAway,
    Stale,
    CannotRun,
    Broken,
}

struct Story {
    spec: SyncJobSpec,
    memory: Memory,
    rules: Rules,
    now: Timestamp,
    way: Way,
    /// What the state store holds of requests that are over.
    over: BTreeMap<String, Ended>,
    runs: usize,
    trace: String,
}

const PINNED: &str = "approved: {page: {new: [\"1@0123456789abcdef\"]}}";
const TO_PROD: &str = "direction: TEST -> PROD\n  mode: all\n  modules: [pages]";
const TO_TEST: &str = "direction: PROD -> TEST\n  mode: all\n  modules: [pages]";

fn spec(text: &str) -> SyncJobSpec {
    let text = format!(
        "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {{name: job}}\nspec:\n  {text}\n"
    );
    let mut read = load_text(Path::new("job.yaml"), text.as_bytes());
    let problems: Vec<_> = read.problems.iter().map(Problem::one_line).collect();
    read.jobs.remove("job").unwrap_or_else(|| panic!("{problems:?}\n{text}")).spec
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

impl Story {
    fn begin(now: &str, text: &str) -> Self {
        let lateness = SignedDuration::from_mins(15);
        let mut story = Self {
            spec: spec(text),
            memory: Memory::default(),
            rules: Rules { windows: Vec::new(), lateness },
            now: at(now),
            way: Way::Fine,
            over: BTreeMap::new(),
            runs: 0,
            trace: String::new(),
        };
        story.settle("begins");
        story
    }

    fn windows(mut self, windows: Vec<Window>) -> Self {
        self.rules.windows = windows;
        self.settle("the operator sets windows");
        self
    }

    fn commit(mut self, what: &str, text: &str) -> Self {
        self.spec = spec(text);
        self.settle(what);
        self
    }

    fn time(mut self, now: &str) -> Self {
        self.now = at(now);
        self.settle(now);
        self
    }

    fn way(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    fn suspend(mut self, until: Option<&str>) -> Self {
        let (reason, by) = ("stock-taking".into(), "jo".into());
        self.memory.suspended = Some(Suspended { reason, until: until.map(at), by });
        self.settle("an operator suspends it");
        self
    }

    fn resume(mut self) -> Self {
        self.memory.suspended = None;
        self.settle("an operator resumes it");
        self
    }

    fn cancel(mut self) -> Self {
        let moment =
            moment_of(&self.spec, &self.spec.request_hash(), &self.memory, &self.rules, self.now);
        let (phase, why) = (End::Cancelled, "cancelled by jo".to_owned());
        let ended = Ended { phase, run: String::new(), why, at: self.now.to_string() };
        if !super::decide::has_approvals(&self.spec) {
            put!(self.trace, "  can't be cancelled: nothing is approved\n");
            return self;
        }
        if let Some(over) = self.over.get(&moment.key) {
            put!(self.trace, "  can't be cancelled: {}\n", over.phase.as_str());
            return self;
        }
        close(&mut self.memory, &moment, &ended);
        self.over.insert(moment.key, ended);
        self.settle("an operator cancels it");
        self
    }

    /// Looks until nothing is to be done.
    fn settle(&mut self, event: &str) {
        put!(self.trace, "{event}\n");
        let request = self.spec.request_hash();
        let subject = self.spec.subject_hash(std::iter::empty());
        let written = Some(self.now);
        let seen =
            Seen { request: request.clone(), at: self.now, written, commit: None, author: None };
        if see(&mut self.memory, seen) {
            let key = moment_of(&self.spec, &request, &self.memory, &self.rules, self.now).key;
            if let Some(ended) = self.over.get(&key) {
                self.memory.held = Some(crate::state::Held { key, ended: ended.clone() });
            }
        }
        for _ in 0..20 {
            let action = reconcile(&View {
                spec: &self.spec,
                request: &request,
                subject: &subject,
                memory: &self.memory,
                rules: &self.rules,
                now: self.now,
            });
            assert!(
                action.step != Step::Rest || action.again.is_none_or(|again| again > self.now),
                "a job that rests would be looked at without end: {action:?}"
            );
            let report = match action.step {
                Step::Compare | Step::Run => Some(self.carry_out(action.step)),
                Step::Rest | Step::LeaveOut | Step::End(_) => None,
            };
            let run = format!("run-{}", self.runs);
            let lesson = Lesson {
                action: &action,
                request: &request,
                subject: &subject,
                spec: &self.spec,
                report: report.as_ref(),
                run: &run,
                asker: Asker::Daemon,
                now: self.now,
                jitter: 0.0,
            };
            let learned = learn(&mut self.memory, &lesson);
            self.tell(action.step, &learned.events);
            if let Some((key, ended)) = learned.ended {
                let before = self.over.insert(key.clone(), ended);
                assert!(before.is_none(), "{key} ended twice");
            }
            if action.step == Step::Rest {
                let standing = action.standing;
                put!(self.trace, "  {}: {}\n", standing.phase.as_str(), standing.why);
                return;
            }
        }
        panic!("it never comes to rest:\n{}", self.trace);
    }

    fn tell(&mut self, step: Step, events: &[Event]) {
        match step {
            Step::Rest => {}
            step => put!(self.trace, "  > {step:?}\n"),
        }
        for event in events {
            let told = match event {
                Event::Compared => "Comparison finished".to_owned(),
                Event::Troubled { .. } => "Comparison failed".into(),
                Event::Scheduled { at } => format!("Synchronization process at {at}"),
                Event::Withdrawn { why } => format!("Cancelled: {why}"),
                Event::Ended(ended) => format!("{}: {}", ended.phase.as_str(), ended.why),
            };
            put!(self.trace, "  @ {told}\n");
        }
    }

    fn carry_out(&mut self, step: Step) -> Report {
        self.runs += usize::from(step == Step::Run);
        let refused = |kind| {
            let reasons = vec!["page/1 moved".to_owned()];
            Outcome::Refused(Refusal { kind, reasons })
        };
        let lasting = |phase| {
            let (run, why) = (String::new(), "page/1 moved".to_owned());
            Some(Ended { phase, run, why, at: self.now.to_string() })
        };
        let plan = Some(sample::plan(Vec::new()));
        let report = |outcome, ended| Report { plan, ended, ..Report::new("job", outcome) };
        match (self.way, step) {
            (Way::ServerAway, _) => {
                Report::new("job", Outcome::Failed { error: "PROD can't be reached".into() })
            }
            (Way::Stale, Step::Compare) => report(refused(RefusalKind::Stale), lasting(End::Stale)),
            (Way::Broken, Step::Compare) => {
                let outcome = Outcome::Failed { error: "page isn't there".into() };
                Report { ended: lasting(End::Failed), ..Report::new("job", outcome) }
            }
            (_, Step::Compare) => report(Outcome::AwaitingApproval, None),
            (Way::Stale, _) => report(refused(RefusalKind::Stale), lasting(End::Stale)),
            (Way::CannotRun, _) => report(refused(RefusalKind::CannotRun), None),
            (Way::Broken, _) => {
                let error = "a trigger said no".to_owned();
                report(Outcome::Failed { error }, lasting(End::Failed))
            }
            (Way::Fine, _) => {
                let run = format!("run-{}", self.runs);
                let why = format!("run {run} is committed");
                let at = self.now.to_string();
                let ended = Ended { phase: End::Succeeded, run: run.clone(), why, at };
                report(Outcome::Applied { run, applied: Applied::default() }, Some(ended))
            }
        }
    }
}

fn night(kind: WindowKind) -> Window {
    Window { kind, cron: "0 22 * * *".into(), hours: 8, time_zone: "Europe/Warsaw".into() }
}

const NOON: &str = "2026-11-23T11:00:00Z";

#[test]
fn a_job_without_a_schedule_runs_once_as_soon_as_it_is_approved() {
    let story = Story::begin(NOON, TO_PROD)
        .commit("approved", &format!("{TO_PROD}\n  {PINNED}"))
        .time("2026-11-24T11:00:00Z")
        .commit("approvals taken back", TO_PROD)
        .commit("the same approvals again", &format!("{TO_PROD}\n  {PINNED}"))
        .commit("asked again", &format!("{TO_PROD}\n  request: 2\n  {PINNED}"));
    insta::assert_snapshot!(story.trace);
}

#[test]
fn a_job_with_a_time_waits_for_it_and_runs_once() {
    let scheduled = format!(
        "{TO_PROD}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: Europe/Warsaw}}\n  {PINNED}"
    );
    let story = Story::begin(NOON, TO_PROD)
        .commit("approved", &scheduled)
        .time("2026-12-01T00:59:59Z")
        .time("2026-12-01T01:00:00Z")
        .time("2026-12-01T00:30:00Z")
        .time("2026-12-01T01:00:00Z")
        .time("2026-12-02T01:00:00Z");
    insta::assert_snapshot!(story.trace);
}

#[test]
fn what_comes_too_late_is_missed_and_says_both_times() {
    let job = |approved: &str| {
        format!(
            "{TO_PROD}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: Europe/Warsaw}}\n  {approved}"
        )
    };
    let mut trace = String::new();
    for (what, story) in [
        ("the daemon was down over the time", {
            Story::begin(NOON, &job(PINNED)).time("2026-12-01T01:15:01Z")
        }),
        ("the daemon was down for a short time", {
            Story::begin(NOON, &job(PINNED)).time("2026-12-01T01:15:00Z")
        }),
        ("approved after the time", {
            Story::begin(NOON, &job(""))
                .time("2026-12-01T01:05:00Z")
                .commit("approved", &job(PINNED))
        }),
        ("never approved", Story::begin(NOON, &job("")).time("2026-12-01T01:15:01Z")),
        ("missed, and given another time", {
            Story::begin("2026-12-02T00:00:00Z", &job(PINNED))
                .commit("another time", &job(PINNED).replace("12-01T02:00", "12-03T02:00"))
        }),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

#[test]
fn errors_that_may_pass_are_tried_again_and_others_end_it() {
    let approved = format!("{TO_PROD}\n  {PINNED}");
    let mut trace = String::new();
    let away = Story::begin(NOON, TO_PROD)
        .way(Way::ServerAway)
        .commit("approved while PROD is away", &approved)
        .time("2026-11-23T11:00:04Z")
        .time("2026-11-23T11:00:05Z")
        .time("2026-11-23T11:00:15Z")
        .time("2026-11-23T12:00:00Z")
        .way(Way::Fine)
        .time("2026-11-23T13:00:00Z");
    put!(trace, "== PROD is away for a while\n{}", away.trace);
    let late = Story::begin(
        NOON,
        &format!("{TO_PROD}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: UTC}}\n  {PINNED}"),
    )
    .way(Way::ServerAway)
    .time("2026-12-01T02:00:00Z")
    .time("2026-12-01T02:15:01Z");
    put!(trace, "== PROD is away until it is too late\n{}", late.trace);
    for way in [Way::Stale, Way::CannotRun, Way::Broken] {
        let story = Story::begin(NOON, TO_PROD)
            .way(way)
            .commit("approved", &approved)
            .time("2026-11-24T11:00:00Z")
            .way(Way::Fine)
            .commit("asked again", &approved.replace("approved", "request: 2\n  approved"));
        put!(trace, "== {way:?}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

/// Before its time, a comparison ends no request, whatever it finds.
#[test]
fn what_a_comparison_finds_ends_no_request() {
    let job =
        format!("{TO_PROD}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: UTC}}\n  {PINNED}");
    let mut trace = String::new();
    for way in [Way::Stale, Way::Broken] {
        let story = Story::begin(NOON, TO_PROD)
            .way(way)
            .commit("approved", &job)
            .way(Way::Fine)
            .time("2026-12-01T02:00:00Z");
        put!(trace, "== {way:?}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

#[test]
fn what_was_announced_is_taken_back_once() {
    let job = |time: &str| {
        format!("{TO_PROD}\n  schedule: {{at: \"2026-12-0{time}\", timeZone: UTC}}\n  {PINNED}")
    };
    let mut trace = String::new();
    for (what, story) in [
        ("edited while scheduled", {
            Story::begin(NOON, &job("1T02:00")).commit("another time", &job("2T02:00"))
        }),
        ("approvals taken back by a commit", {
            Story::begin(NOON, &job("1T02:00"))
                .commit("withdrawn", TO_PROD)
                .time("2026-12-01T02:00:00Z")
        }),
        ("cancelled by hand", {
            Story::begin(NOON, &job("1T02:00")).cancel().time("2026-12-01T02:00:00Z").cancel()
        }),
        ("only the people to tell change", {
            Story::begin(NOON, &job("1T02:00"))
                .commit("notify", &format!("{}\n  notify: [jo@shop.example]", job("1T02:00")))
        }),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

#[test]
fn cron_fires_each_local_time_once_and_makes_no_storm() {
    let job = format!(
        "{TO_TEST}\n  schedule: {{cron: \"30 2 * * *\", timeZone: Europe/Warsaw}}\n  approved: \
         {{page: {{new: [all], modified: [all]}}}}"
    );
    let mut trace = String::new();
    for (what, story) in [
        ("the day clocks go forward", {
            Story::begin("2026-03-28T12:00:00Z", &job)
                .time("2026-03-29T00:59:59Z")
                .time("2026-03-29T01:00:00Z")
                .time("2026-03-29T01:30:00Z")
        }),
        ("the day clocks go back", {
            Story::begin("2026-10-24T12:00:00Z", &job)
                .time("2026-10-25T00:30:00Z")
                .time("2026-10-25T01:30:00Z")
        }),
        ("the clock steps back by an hour", {
            Story::begin(NOON, &job)
                .time("2026-11-24T01:30:00Z")
                .time("2026-11-24T00:31:00Z")
                .time("2026-11-24T01:30:00Z")
        }),
        ("nobody looked for three days", { Story::begin(NOON, &job).time("2026-11-27T12:00:00Z") }),
        ("one is cancelled, the next one runs", {
            Story::begin(NOON, &job)
                .cancel()
                .time("2026-11-24T01:30:00Z")
                .time("2026-11-25T01:30:00Z")
        }),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

#[test]
fn windows_and_suspension_hold_a_job_back() {
    let now = format!("{TO_PROD}\n  {PINNED}");
    let cron = format!(
        "{TO_TEST}\n  schedule: {{cron: \"0 */6 * * *\", timeZone: Europe/Warsaw}}\n  approved: \
         {{page: {{new: [all]}}}}"
    );
    let fixed = |time: &str| {
        format!(
            "{TO_PROD}\n  schedule: {{at: \"2026-11-24T{time}\", timeZone: Europe/Warsaw}}\n  {PINNED}"
        )
    };
    let mut trace = String::new();
    let allowed = || vec![night(WindowKind::Allow)];
    for (what, story) in [
        ("approved by day, allowed by night", {
            Story::begin(NOON, TO_PROD)
                .windows(allowed())
                .commit("approved", &now)
                .time("2026-11-23T21:00:00Z")
        }),
        ("`at` in a closed window", {
            Story::begin(NOON, TO_PROD).windows(allowed()).commit("approved", &fixed("12:00"))
        }),
        ("`at` in an open window", {
            Story::begin(NOON, TO_PROD)
                .windows(allowed())
                .commit("approved", &fixed("02:00"))
                .time("2026-11-24T01:00:00Z")
        }),
        ("cron, denied by night", {
            Story::begin(NOON, TO_TEST)
                .windows(vec![night(WindowKind::Deny)])
                .commit("approved", &cron)
                .time("2026-11-23T17:00:00Z")
                .time("2026-11-23T23:00:00Z")
                .time("2026-11-24T05:00:00Z")
        }),
        ("suspended by an operator, and resumed", {
            Story::begin(NOON, TO_PROD)
                .suspend(Some("2026-11-24T00:00:00Z"))
                .commit("approved", &now)
                .time("2026-11-23T12:00:00Z")
                .time("2026-11-24T00:00:00Z")
        }),
        ("suspended over its time", {
            Story::begin(NOON, &fixed("02:00")).suspend(None).time("2026-11-24T02:00:00Z").resume()
        }),
        ("suspended over occurrences", {
            Story::begin(NOON, &cron)
                .suspend(None)
                .time("2026-11-24T12:00:00Z")
                .resume()
                .time("2026-11-24T17:00:00Z")
        }),
        ("suspended by the manifest", {
            Story::begin(NOON, TO_PROD).commit(
                "suspended",
                &format!("{now}\n  suspend: {{reason: holidays, until: \"2026-11-24\"}}"),
            )
        }),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

/// Every state with every event, one line each.
#[test]
fn every_state_with_every_event() {
    let plain = || Story::begin(NOON, TO_PROD);
    let time = "schedule: {at: \"2026-12-01T02:00\", timeZone: UTC}";
    let scheduled = || plain().commit("", &format!("{TO_PROD}\n  {time}\n  {PINNED}"));
    let approved = format!("{TO_PROD}\n  {PINNED}");
    let tried = |way: Way| plain().way(way).commit("", &approved).way(Way::Fine);
    let states: [(&str, &dyn Fn() -> Story); 10] = [
        ("AwaitingApproval", &plain),
        ("Scheduled", &scheduled),
        ("Succeeded", &|| tried(Way::Fine)),
        ("Failed", &|| tried(Way::Broken)),
        ("Stale", &|| tried(Way::Stale)),
        ("Cancelled", &|| scheduled().cancel()),
        ("Missed", &|| scheduled().time("2026-12-02T00:00:00Z")),
        ("Suspended", &|| scheduled().suspend(None)),
        ("Comparing", &|| {
            plain()
                .way(Way::ServerAway)
                .commit("", &format!("{TO_PROD}\n  request: 9"))
                .way(Way::Fine)
        }),
        ("Running", &|| tried(Way::ServerAway)),
    ];
    let bumped = format!("{TO_PROD}\n  request: 2\n  {PINNED}");
    let later = format!("{TO_PROD}\n  {}\n  {PINNED}", time.replace("12-01", "12-24"));
    let events: [(&str, &dyn Fn(Story) -> Story); 8] = [
        ("looked at again", &|story| {
            let now = story.now.to_string();
            story.time(&now)
        }),
        ("an hour later", &|story| {
            let now = (story.now + SignedDuration::from_hours(1)).to_string();
            story.time(&now)
        }),
        ("its time comes", &|story| story.time("2026-12-01T02:00:00Z")),
        ("approvals withdrawn", &|story| story.commit("", TO_PROD)),
        ("asked again", &|story| story.commit("", &bumped)),
        ("another time", &|story| story.commit("", &later)),
        ("cancelled", &|story| story.cancel()),
        ("suspended", &|story| story.suspend(None)),
    ];
    let mut table = String::new();
    let mut reached = BTreeSet::new();
    for (state, story) in &states {
        put!(table, "{state}\n");
        for (event, happen) in &events {
            let mut story = story();
            story.trace.clear();
            let story = happen(story);
            let lines: Vec<&str> = story
                .trace
                .lines()
                .skip(usize::from(*event != "cancelled"))
                .map(str::trim)
                .collect();
            put!(table, "  {event}: {}\n", lines.join(" | "));
            let last = lines.last().and_then(|line| line.split(':').next()).unwrap_or_default();
            reached.insert(last.to_owned());
        }
    }
    insta::assert_snapshot!(table);
    assert!(reached.len() >= 7, "{reached:?}");
}

#[test]
fn pauses_grow_to_five_minutes() {
    let now = at(NOON);
    let mut trouble = None;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let next = super::decide::on_error(trouble.as_ref(), "away".into(), now, 0.0);
        pauses.push(next.again.duration_since(now).as_secs());
        trouble = Some(next);
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    let spread = super::decide::on_error(trouble.as_ref(), "away".into(), now, 1.0);
    assert_eq!(spread.again.duration_since(now).as_secs(), 240);
}
