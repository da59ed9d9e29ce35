//! One job's turn: look, decide, carry out, remember, tell.
//!
//! Answers for these being the same whoever asks, a person at a command line or the daemon. How it is
//! written down is `record`'s.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::OptionFuture;

use jiff::{SignedDuration, Timestamp};

use super::decide::{Action, Rules, Step, View, has_approvals, moment_of, reconcile};
use super::hands::{Hands, Real, Store};
use super::interrupted::Begun;
use super::learn::{Asker, Learned, see};
use super::leased::Leased;
use super::moment::Due;
use super::source::Source;
use crate::apply::Watch;
use crate::config::{Config, environments};
use crate::job::Context;
use crate::job::publishing::of_ledger;
use crate::job::report::{Outcome, Refusal, RefusalKind, Report};
use crate::job::run::{Order, Wish, run_name};
use crate::manifest::job::Job;
use crate::manifest::windows::{Opening, opening};
use crate::report::{Phase, Standing, files, ticket};
use crate::state::{
    self, End, Ended, Held, Holder, Lease, Memory, Office, Posted, Remembered, Running, Seen,
    State, Taken, in_words,
};

/// A run that starts later than this after its time is missed: in the daemon, which is there all the
/// time,
const LATENESS_OF_THE_DAEMON: SignedDuration = SignedDuration::from_mins(15);
/// and in single passes.
const LATENESS_OF_A_PASS: SignedDuration = SignedDuration::from_hours(24);

/// When a run of another process is asked for again.
const NEXT_QUESTION: SignedDuration = SignedDuration::from_secs(5);

/// Everything that turns of jobs share.
pub struct Desk<S = State, H = Real> {
    pub config: Arc<Config>,
    pub state: S,
    pub hands: H,
    pub rules: Rules,
    pub asker: Asker,
    /// Messages that somebody didn't get, or not yet.
    pub not_out: Vec<Posted>,
    pub(super) installation: String,
    /// Signs the links in messages by which a run is cancelled.
    pub ticket_key: String,
}

/// What the operator says of time.
pub(super) fn rules(config: &Config, asker: Asker) -> Rules {
    let usual = match asker {
        Asker::Daemon => LATENESS_OF_THE_DAEMON,
        Asker::Person => LATENESS_OF_A_PASS,
    };
    let given = config.limits.max_late_minutes;
    let lateness = given.map_or(usual, |minutes| SignedDuration::from_mins(minutes.into()));
    Rules { windows: config.windows.clone(), lateness }
}

/// Whether a job can have its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fitness {
    Fit,
    /// An error that may pass.
    NotNow(String),
    /// The request is refused.
    Never(String),
}

impl Fitness {
    /// A force-push dropped the commit that approved a run.
    pub(super) fn rewritten(commit: &str) -> Self {
        Self::Never(format!(
            "the history was rewritten: commit {commit}, which approved this, isn't part of the branch \
             any more; approve again, with another `request` number"
        ))
    }

    /// What is said of a job that has no turn for it.
    pub(super) fn report(self, job: &str) -> Option<Report> {
        let outcome = match self {
            Self::Fit => return None,
            Self::NotNow(error) => Outcome::Failed { error },
            Self::Never(why) => {
                Outcome::Refused(Refusal { kind: RefusalKind::CannotRun, reasons: vec![why] })
            }
        };
        Some(Report::new(job, outcome))
    }
}

/// A job that was looked at, and what is to be done about it.
pub struct Turn<'a> {
    pub job: Job<'a>,
    pub request: String,
    pub subject: String,
    pub remembered: Remembered,
    pub action: Action,
    /// What the state store holds of the memory.
    pub(super) saved: Memory,
    /// Whether result files of the job say something new.
    pub news: files::Written,
    /// What couldn't be written down; it is tried again.
    pub troubles: Vec<String>,
}

impl Desk {
    pub async fn open(config: Arc<Config>, asker: Asker) -> Result<Self, state::Error> {
        let mut state = State::open(&config).await?;
        let installation = state.installation().await?;
        let ticket_key = state.key(ticket::KEY).await?;
        let rules = rules(&config, asker);
        let (hands, not_out) = (Real, Vec::new());
        Ok(Self { config, state, hands, rules, asker, not_out, installation, ticket_key })
    }
}

impl<S: Store, H: Hands> Desk<S, H> {
    /// Looks at a job: what happens by time alone is done, the rest is decided.
    pub async fn look<'a>(
        &mut self,
        context: &Context<'_>,
        job: Job<'a>,
        remembered: Remembered,
        source: &Source,
        now: Timestamp,
    ) -> Result<Turn<'a>, state::Error> {
        let mut turn = Turn::begin(context, job, remembered, now);
        if let Begun::Open(standing) =
            self.settle(context, job.name(), &mut turn.remembered, now).await?
        {
            turn.action.standing = standing;
            turn.action.again = Some(now + NEXT_QUESTION);
            self.write_status(&mut turn);
            return Ok(turn);
        }
        turn.saved.clone_from(&turn.remembered.memory);
        self.see(&mut turn, source, now).await?;
        turn.remembered.memory.notify.clone_from(&job.asked().notify().to_vec());
        loop {
            turn.action = self.decide(&turn, now);
            let again = match turn.action.step {
                Step::LeaveOut | Step::End(_) => Again::Yes,
                Step::Rest => Again::No,
                Step::Compare | Step::Run => break,
            };
            let learned = turn.learn(None, "", self.asker, self.hands.jitter(), now);
            self.keep(&mut turn, &learned, None, now).await?;
            if again == Again::No {
                break;
            }
        }
        self.write_results(&mut turn).await?;
        self.write_status(&mut turn);
        Ok(turn)
    }

    /// Notes a request that is new: who wrote it, and whether it was over before.
    async fn see(
        &mut self,
        turn: &mut Turn<'_>,
        source: &Source,
        now: Timestamp,
    ) -> Result<(), state::Error> {
        let Turn { job, request, remembered: Remembered { memory, .. }, .. } = turn;
        if memory.seen.as_ref().is_some_and(|seen| seen.request == *request) {
            return Ok(());
        }
        let written = self.hands.last_change(source, *job).await;
        let seen = Seen {
            request: request.clone(),
            at: now,
            written: written.as_ref().map(|change| change.at),
            commit: written.as_ref().and_then(|change| change.commit.clone()),
            author: written.and_then(|change| change.author),
        };
        see(memory, seen);
        let key = moment_of(job.asked(), request, memory, &self.rules, now).key;
        if let Some(ended) = self.state.ended(job.name(), &key).await? {
            memory.held = Some(Held { key, ended });
        }
        Ok(())
    }

    pub(super) fn decide(&self, turn: &Turn<'_>, now: Timestamp) -> Action {
        let Turn { job, request, subject, remembered, .. } = turn;
        let (spec, memory) = (job.asked(), &remembered.memory);
        let impatient;
        let memory = match self.asker {
            Asker::Daemon => memory,
            // Somebody who asks doesn't want to wait.
            Asker::Person => {
                impatient = Memory { trouble: None, ..memory.clone() };
                &impatient
            }
        };
        reconcile(&View { spec, request, subject, memory, rules: &self.rules, now })
    }

    /// Carries out what was decided, remembers it and tells of it. A person's turn compares in any
    /// case.
    pub async fn carry_out(
        &mut self,
        context: &Context<'_>,
        turn: &mut Turn<'_>,
        fit: Fitness,
        now: Timestamp,
        watch: &mut dyn Watch,
    ) -> Result<Report, state::Error> {
        if let Some(report) = settled(turn) {
            return Ok(report);
        }
        let lease = match turn.action.step {
            Step::Run => match self.state.lease(office_of(turn.job)).await? {
                Taken::Ours(lease) => Some(lease),
                Taken::Theirs(holder) => return Ok(locked(turn.job, holder.as_ref())),
            },
            _ => None,
        };
        let watch = &mut Leased { watch, lease: lease.as_ref() };
        let report = self.carry_out_alone(context, turn, fit, now, watch).await;
        let seen = report.as_ref().ok().and_then(|report| report.later_lease);
        if let (Some(lease), Some(seen)) = (&lease, seen) {
            lease.count_from(seen);
        }
        // The run is over, whatever becomes of the lease: one that isn't given back ends by itself.
        if let Some(Err(error)) = OptionFuture::from(lease.map(Lease::release)).await {
            turn.troubles.push(format!("other runs have to wait for a while: {error}"));
        }
        report
    }

    /// Carries out what was decided. A run is the only one now.
    async fn carry_out_alone(
        &mut self,
        context: &Context<'_>,
        turn: &mut Turn<'_>,
        fit: Fitness,
        now: Timestamp,
        watch: &mut Leased<'_>,
    ) -> Result<Report, state::Error> {
        let run = run_name(now);
        if let Some(report) = self.claim(turn, &run, now).await? {
            return Ok(report);
        }
        let key = turn.action.moment.key.clone();
        let order = Order {
            wish: Wish::Apply,
            key: &key,
            instead: instead(&turn.action, &self.rules, turn.job, now),
            run: &run,
            installation: &self.installation,
            term: watch.lease.and_then(Lease::term),
            now,
        };
        let mut report = if let Some(report) = fit.report(turn.job.name()) {
            report
        } else {
            // Much is held while comparing: on the heap, not on the stack of whoever waits.
            let pass = Box::pin(self.hands.pass(context, turn.job, order, watch));
            match caught(pass).await {
                Ok(report) => report,
                Err(said) => self.mistaken(context, turn, &said, watch.lease, now).await,
            }
        };
        match (self.remember(turn, &report, &run, now).await, &report.outcome) {
            // The run is committed: its ledger row holds the request from now on.
            (Err(error), Outcome::Applied { .. }) => {
                let sentence = format!("the run's end isn't noted in the state store: {error}");
                report.left_out.push(sentence);
            }
            (noted, _) => noted?,
        }
        turn.action = self.decide(turn, now);
        self.write_status(turn);
        Ok(report)
    }

    /// A mistake of this program ends one run, not the daemon: what the run held is dropped, and with
    /// its connection whatever it wrote. Where it was made after the commit, the ledger says so.
    async fn mistaken(
        &mut self,
        context: &Context<'_>,
        turn: &Turn<'_>,
        said: &str,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Report {
        let (job, term) = (turn.job.name(), lease.and_then(Lease::term));
        let mut error = format!("this program made a mistake: {said}; please report it");
        let running = turn.remembered.memory.running.as_ref();
        if let Some(running) = running.filter(|_| turn.action.step == Step::Run) {
            match self.hands.found(context, running.target, &running.run, term).await {
                Ok(Some(row)) => return of_ledger(context, row),
                Ok(None) => {}
                Err(unknown) => {
                    let doubt = format!("; whether the run is committed isn't known: {unknown}");
                    error.push_str(&doubt);
                    return Report::new(job, Outcome::Unknown { error });
                }
            }
        }
        let (phase, run, at) = (End::Failed, String::new(), now.to_string());
        let ended = Some(Ended { phase, run, why: error.clone(), at });
        Report { ended, ..Report::new(job, Outcome::Failed { error }) }
    }

    /// Says that the job has its turn now: from here on a run can't be cancelled. A report where the
    /// request turns out to be over.
    async fn claim(
        &mut self,
        turn: &mut Turn<'_>,
        run: &str,
        now: Timestamp,
    ) -> Result<Option<Report>, state::Error> {
        let (job, key) = (turn.job.name(), turn.action.moment.key.clone());
        let mut over = None;
        if turn.action.step == Step::Run {
            if let Some(ended) = self.state.ended(job, &key).await? {
                over = Some(Report::new(job, Outcome::Held(ended.clone())));
                turn.remembered.memory.held = Some(Held { key, ended });
            } else {
                let sync = turn.job.asked().sync();
                let direction = sync.and_then(|spec| spec.direction);
                let target = direction.map(|direction| environments(direction).1);
                let run = run.to_owned();
                let occurrence = match turn.action.moment.due {
                    Due::Occurrence { at, .. } => Some(at),
                    _ => None,
                };
                let office = office_of(turn.job);
                let running = Running { key, since: now, run, target, occurrence, office };
                turn.remembered.memory.running = Some(running);
            }
        }
        self.keep(turn, &Learned::default(), None, now).await?;
        Ok(over)
    }
}

impl<'a> Turn<'a> {
    /// A turn of which nothing is decided yet.
    pub(super) fn begin(
        context: &Context<'_>,
        job: Job<'a>,
        remembered: Remembered,
        now: Timestamp,
    ) -> Self {
        Self {
            job,
            request: job.request(),
            subject: context.subject(job),
            saved: remembered.memory.clone(),
            remembered,
            action: Action::none(now),
            news: files::Written::AsBefore,
            troubles: Vec::new(),
        }
    }

    /// Whether the commit that approved a run still is part of the branch.
    pub async fn fit(&self, source: &Source) -> Fitness {
        let seen = self.remembered.memory.seen.as_ref();
        let commit = seen.and_then(|seen| seen.commit.as_deref());
        let Some(commit) = commit.filter(|_| self.action.step == Step::Run) else {
            return Fitness::Fit;
        };
        match source.still_has(commit).await {
            Ok(true) => Fitness::Fit,
            Ok(false) => Fitness::rewritten(commit),
            Err(error) => Fitness::NotNow(error.to_string()),
        }
    }
}

/// Publishing keeps no run waiting: publishers have locks of their own, and read what is committed.
fn office_of(job: Job<'_>) -> Office {
    match job {
        Job::Sync(_) => Office::Run,
        Job::Republish(_) => Office::Publish,
    }
}

fn locked(job: Job<'_>, holder: Option<&Holder>) -> Report {
    let why = format!("one run at a time, and {} is at one", in_words(holder));
    Report::new(job.name(), Outcome::Locked { why })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

/// What a pass reports, or the words of a mistake that ended it.
async fn caught(pass: impl Future<Output = Report>) -> Result<Report, String> {
    AssertUnwindSafe(pass).catch_unwind().await.map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        said.unwrap_or("no word").to_owned()
    })
}

/// What can be said of a job without comparing it.
fn settled(turn: &Turn<'_>) -> Option<Report> {
    let Standing { phase, why, .. } = &turn.action.standing;
    let why = why.clone();
    let outcome = match (turn.action.step, phase) {
        (Step::Rest, Phase::Suspended) => Outcome::Suspended { why },
        (Step::Rest, Phase::Invalid) => Outcome::Failed { error: why },
        // A run that was begun is another process's, or not cleared up yet.
        (Step::Rest, Phase::Running) => Outcome::Locked { why },
        (Step::Rest, Phase::Ended(_)) => {
            let ended = turn.remembered.memory.ended(&turn.action.moment.key)?;
            Outcome::Held(ended.clone())
        }
        _ => return None,
    };
    Some(Report::new(turn.job.name(), outcome))
}

/// What becomes of a job that is compared before its time.
pub(super) fn instead(
    action: &Action,
    rules: &Rules,
    job: Job<'_>,
    now: Timestamp,
) -> Option<Outcome> {
    if action.step == Step::Run {
        return None;
    }
    match &action.moment.due {
        Due::At(at) | Due::Next { at, .. } if *at > now => Some(Outcome::Scheduled { at: *at }),
        Due::AtOnce if has_approvals(job.asked()) => match opening(&rules.windows, now) {
            Opening::Open => None,
            Opening::Closed { why, .. } => Some(Outcome::Closed { why }),
        },
        _ => Some(Outcome::AwaitingApproval),
    }
}
