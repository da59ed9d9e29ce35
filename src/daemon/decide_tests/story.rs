//! A story: a job, its memory and a clock, and what happens to them one after the other.
//!
//! After each event everything is decided until nothing is left to do, as the daemon would. The trace
//! says what was done, where the job stands, and what people are told.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::super::decide::{Rules, Step, View, has_approvals, moment_of, reconcile};
use super::super::learn::{Asker, Lesson, close, learn, see};
use super::super::turn::Fitness;
use crate::apply::Applied;
use crate::config::Window;
use crate::job::report::{Outcome, Published, Refusal, RefusalKind, Report};
use crate::manifest::Spec;
use crate::manifest::job::Asked;
use crate::manifest::load_text;
use crate::manifest::problem::Problem;
use crate::plan::render::sample;
use crate::put::put;
use crate::report::Event;
use crate::state::{End, Ended, Held, Memory, Seen, Suspended};

/// How comparing and running go from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Fine,
    ServerAway,
    Stale,
    CannotRun,
    Broken,
    /// A force-push dropped the commit that approved it.
    Dropped,
}

pub struct Story {
    spec: Spec,
    memory: Memory,
    rules: Rules,
    pub now: Timestamp,
    way: Way,
    /// How many a comparison finds.
    conflicts: u64,
    /// What the state store holds of requests that are over.
    over: BTreeMap<String, Ended>,
    runs: usize,
    pub trace: String,
}

/// A job's spec; one with an action is that of a `RepublishJob`.
fn spec(text: &str) -> Spec {
    let kind = if text.starts_with("action:") { "RepublishJob" } else { "SyncJob" };
    let text = format!(
        "apiVersion: reconcile/v1\nkind: {kind}\nmetadata: {{name: job}}\nspec:\n  {text}\n"
    );
    let mut read = load_text(Path::new("job.yaml"), text.as_bytes());
    let problems: Vec<_> = read.problems.iter().map(Problem::one_line).collect();
    assert!(problems.is_empty(), "{problems:?}\n{text}");
    read.documents.remove(0).spec
}

fn asked(spec: &Spec) -> Asked<'_> {
    match spec {
        Spec::SyncJob(spec) => Asked::Sync(spec),
        Spec::RepublishJob(spec) => Asked::Republish(spec),
        Spec::Module(_) | Spec::Resource(_) => panic!("this is no job"),
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

impl Story {
    pub fn begin(now: &str, text: &str) -> Self {
        let lateness = SignedDuration::from_mins(15);
        let mut story = Self {
            spec: spec(text),
            memory: Memory::default(),
            rules: Rules { windows: Vec::new(), lateness },
            now: at(now),
            way: Way::Fine,
            conflicts: 0,
            over: BTreeMap::new(),
            runs: 0,
            trace: String::new(),
        };
        story.settle("begins");
        story
    }

    pub fn windows(mut self, windows: Vec<Window>) -> Self {
        self.rules.windows = windows;
        self.settle("the operator sets windows");
        self
    }

    pub fn commit(mut self, what: &str, text: &str) -> Self {
        self.spec = spec(text);
        self.settle(what);
        self
    }

    pub fn time(mut self, now: &str) -> Self {
        self.now = at(now);
        self.settle(now);
        self
    }

    pub fn way(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    pub fn conflicts(mut self, count: u64) -> Self {
        self.conflicts = count;
        self
    }

    pub fn suspend(mut self, until: Option<&str>) -> Self {
        let (reason, by) = ("stock-taking".into(), "jo".into());
        self.memory.suspended = Some(Suspended { reason, until: until.map(at), by });
        self.settle("an operator suspends it");
        self
    }

    /// What was announced is what the zone's rules said before.
    pub fn rules_of_the_zone_moved(mut self, before: &str) -> Self {
        self.memory.announced_for = Some(at(before));
        self.settle("the zone's rules change");
        self
    }

    /// An earlier release remembered no time.
    pub fn updated(mut self) -> Self {
        self.memory.announced_for = None;
        self.settle("a later release takes over");
        self
    }

    pub fn resume(mut self) -> Self {
        self.memory.suspended = None;
        self.settle("an operator resumes it");
        self
    }

    pub fn cancel(mut self) -> Self {
        let spec = asked(&self.spec);
        let moment = moment_of(spec, &spec.request_hash(), &self.memory, &self.rules, self.now);
        let (phase, why) = (End::Cancelled, "cancelled by jo".to_owned());
        let ended = Ended { phase, run: String::new(), why, at: self.now.to_string() };
        if !has_approvals(spec) {
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
        let of_now = self.spec.clone();
        let spec = asked(&of_now);
        let request = spec.request_hash();
        let subject = spec.sync().map(|spec| spec.subject_hash(std::iter::empty()));
        let subject = subject.unwrap_or_default();
        let written = Some(self.now);
        let seen =
            Seen { request: request.clone(), at: self.now, written, commit: None, author: None };
        if see(&mut self.memory, seen) {
            let key = moment_of(spec, &request, &self.memory, &self.rules, self.now).key;
            if let Some(ended) = self.over.get(&key) {
                self.memory.held = Some(Held { key, ended: ended.clone() });
            }
        }
        for _ in 0..20 {
            let action = reconcile(&View {
                spec,
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
                spec,
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
                Event::Doubtful { run, .. } => format!("whether {run} is committed isn't known"),
                Event::Scheduled { at, instead_of: None } => {
                    format!("Synchronization process at {at}")
                }
                Event::Scheduled { at, instead_of: Some(before) } => {
                    format!("Synchronization process at {at} instead of {before}")
                }
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
        let mut plan = sample::plan(Vec::new());
        plan.counts.conflict = self.conflicts;
        let plan = Some(plan);
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
            (Way::Dropped, _) => {
                Fitness::rewritten("c0ffee").report("job").expect("it has no turn")
            }
            (Way::Stale, _) => report(refused(RefusalKind::Stale), lasting(End::Stale)),
            (Way::CannotRun, _) => report(refused(RefusalKind::CannotRun), None),
            (Way::Broken, _) => {
                let error = "a trigger said no".to_owned();
                report(Outcome::Failed { error }, lasting(End::Failed))
            }
            (Way::Fine, _) if matches!(self.spec, Spec::RepublishJob(_)) => {
                let (run, at) = (format!("run-{}", self.runs), self.now.to_string());
                let ended = Ended {
                    phase: End::Succeeded,
                    run: run.clone(),
                    why: "2 read, 1 changed, 1 sent, 1 written".into(),
                    at,
                };
                let published = Published { read: 2, changed: 1, sent: 1, written: 1 };
                let outcome = Outcome::Published { run, published };
                Report { ended: Some(ended), ..Report::new("job", outcome) }
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
