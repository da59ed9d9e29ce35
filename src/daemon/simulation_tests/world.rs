//! The simulated world: what processes do to it outlives them.
//!
//! Answers for each effect being a point at which its process may be killed or stopped, before it and
//! after it, and for promises being checked at the very commit.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::super::decide::has_approvals;
use super::super::hands::{Hands, Store};
use super::super::source::{LastChange, Source};
use crate::apply::ledger::{AppliedEntry, RunRow};
use crate::apply::{Applied, Term, Watch};
use crate::config::{Config, Environment};
use crate::job::files::Filing;
use crate::job::publishing::{Attempt, Came};
use crate::job::report::{Outcome, Refusal, RefusalKind, Report};
use crate::job::run::Order;
use crate::job::{self, Context};
use crate::manifest::SyncJob;
use crate::manifest::job::Job;
use crate::manifest::sync_job::{Direction, Mode};
use crate::plan::change::{Class, Plan};
use crate::plan::render::sample;
use crate::report::files::{self, Written};
use crate::state::{
    self, Change, End, Ended, Holding, Lease, Memory, Message, Office, Remembered, Taken,
};

/// Numbers that follow from a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, of_thousand: u64) -> bool {
        self.below(1000) < of_thousand
    }
}

pub type Process = usize;

/// A message, and how often a mail server took it.
pub struct Sent {
    pub message: Message,
    pub times: u32,
    pub is_noted: bool,
}

pub struct Inner {
    pub random: Random,
    pub faults: bool,
    pub now: Timestamp,
    pub memories: BTreeMap<String, (Memory, i64)>,
    pub ended: BTreeMap<(String, String), Ended>,
    pub outbox: BTreeMap<String, Sent>,
    pub files: BTreeMap<String, String>,
    /// The target: its ledger, its content, its fence, and whose transaction holds it.
    pub ledger: Vec<RunRow>,
    pub written: BTreeSet<String>,
    fence: i64,
    transaction: Option<Process>,
    lease: Option<(Process, i64)>,
    terms: i64,
    pub dead: BTreeSet<Process>,
    /// Requests whose cancellation was confirmed to somebody.
    pub cancelled: BTreeSet<String>,
    /// What differs is what the reviewer saw.
    pub is_stale: bool,
    /// Grows with whatever outlives a process.
    pub changes: u64,
}

/// What all processes share.
#[derive(Clone)]
pub struct World(Arc<Mutex<Inner>>);

impl World {
    pub fn new(seed: u64, now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            random: Random::new(seed),
            faults: true,
            now,
            memories: BTreeMap::new(),
            ended: BTreeMap::new(),
            outbox: BTreeMap::new(),
            files: BTreeMap::new(),
            ledger: Vec::new(),
            written: BTreeSet::new(),
            fence: 0,
            transaction: None,
            lease: None,
            terms: 0,
            dead: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            is_stale: false,
            changes: 0,
        })))
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no process dies holding it")
    }

    /// One seed alone says what happens.
    pub fn trace(&self, process: Process, what: impl FnOnce() -> String) {
        if std::env::var_os("RECONCILE_TEST_TRACE").is_some() {
            println!("{} process {process}: {}", self.lock().now, what());
        }
    }

    /// The program may have a mistake here.
    fn mistake(&self) {
        if self.fault(10) {
            // As a panic, and nothing is printed.
            std::panic::resume_unwind(Box::new("an assertion doesn't hold"));
        }
    }

    /// Whether something goes wrong here.
    fn fault(&self, of_thousand: u64) -> bool {
        let mut world = self.lock();
        world.faults && world.random.chance(of_thousand)
    }
}

impl Inner {
    /// Somebody edits a record, unless a run has locked it.
    pub fn edit(&mut self) {
        self.tidy();
        if self.transaction.is_none() {
            self.is_stale = self.random.chance(300);
        }
    }

    /// The server ends the transactions of processes that are gone.
    fn tidy(&mut self) {
        self.transaction = self.transaction.filter(|it| !self.dead.contains(it));
    }

    /// Processes were stopped for longer than a lease lasts, and a server lets a transaction idle.
    pub fn lapse(&mut self, stopped: &[Process]) {
        self.transaction = self.transaction.filter(|it| !stopped.contains(it));
        self.lease = self.lease.filter(|(holder, _)| !stopped.contains(holder));
    }
}

/// A process may end here, or stop.
pub async fn point() {
    let mut is_there = false;
    poll_fn(|_| match std::mem::replace(&mut is_there, true) {
        false => Poll::Pending,
        true => Poll::Ready(()),
    })
    .await;
}

fn broken() -> state::Error {
    let source = io::Error::other("the state store is away");
    state::Error::File { path: PathBuf::from("state"), source }
}

/// The state store as one process has it.
pub struct SimulatedStore {
    pub world: World,
    pub process: Process,
}

impl Store for SimulatedStore {
    async fn ended(&mut self, job: &str, key: &str) -> Result<Option<Ended>, state::Error> {
        if self.world.fault(3) {
            return Err(broken());
        }
        Ok(self.world.lock().ended.get(&(job.to_owned(), key.to_owned())).cloned())
    }

    async fn memory(&mut self, job: &str) -> Result<Remembered, state::Error> {
        if self.world.fault(3) {
            return Err(broken());
        }
        let (memory, version) = self.world.lock().memories.get(job).cloned().unwrap_or_default();
        Ok(Remembered::stored(memory, version))
    }

    async fn save(
        &mut self,
        job: &str,
        remembered: &mut Remembered,
        change: &Change<'_>,
    ) -> Result<(), state::Error> {
        point().await;
        if self.world.fault(10) {
            return Err(broken());
        }
        {
            let mut world = self.world.lock();
            let version = world.memories.get(job).map_or(0, |(_, version)| *version);
            if version != remembered.version() {
                return Err(state::Error::Changed { job: job.to_owned() });
            }
            world.changes += 1;
            world.memories.insert(job.to_owned(), (remembered.memory.clone(), version + 1));
            if let Some((key, ended)) = change.ended {
                let key = (job.to_owned(), key.to_owned());
                world.ended.entry(key).or_insert_with(|| ended.clone());
            }
            for message in change.messages {
                let sent = Sent { message: message.clone(), times: 0, is_noted: false };
                world.outbox.entry(message.id.clone()).or_insert(sent);
            }
            *remembered = Remembered::stored(remembered.memory.clone(), version + 1);
        }
        self.world.trace(self.process, || {
            let Memory { running, held, trouble, .. } = &remembered.memory;
            format!("saves {running:?} {held:?} {trouble:?} {:?}", change.ended)
        });
        point().await;
        // The answer is lost, and it was saved.
        if self.world.fault(5) { Err(broken()) } else { Ok(()) }
    }

    async fn lease(&mut self, _: Office) -> Result<Taken, state::Error> {
        point().await;
        let mut world = self.world.lock();
        if let Some((holder, _)) = world.lease
            && holder != self.process
            && !world.dead.contains(&holder)
        {
            return Ok(Taken::Theirs(None));
        }
        world.terms += 1;
        world.lease = Some((self.process, world.terms));
        let term = Term { store: "simulated".into(), number: world.terms };
        let of = self.world.clone();
        Ok(Taken::Ours(Lease::of(SimulatedLease { world: of, process: self.process, term })))
    }
}

struct SimulatedLease {
    world: World,
    process: Process,
    term: Term,
}

impl Holding for SimulatedLease {
    /// Sometimes it is asked a moment too early.
    fn is_held(&self) -> bool {
        let mut world = self.world.lock();
        world.lease == Some((self.process, self.term.number)) || world.random.chance(300)
    }

    fn term(&self) -> Option<&Term> {
        Some(&self.term)
    }

    fn count_from(&self, _: i64) {}

    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), state::Error>> {
        let mut world = self.world.lock();
        if world.lease == Some((self.process, self.term.number)) {
            world.lease = None;
        }
        drop(world);
        async { Ok(()) }.boxed()
    }
}

/// The databases and the files as one process reaches them.
pub struct SimulatedHands {
    pub world: World,
    pub process: Process,
}

/// What became of the writing transaction.
enum Transacted {
    Committed(Box<RunRow>),
    Found(Box<RunRow>),
    TestImport,
    Stale,
    Failed(&'static str),
}

impl Transacted {
    fn word(&self) -> &'static str {
        match self {
            Self::Committed(_) => "commits",
            Self::Found(_) => "finds",
            Self::TestImport => "tries",
            Self::Stale => "finds something else for",
            Self::Failed(error) => error,
        }
    }
}

impl SimulatedHands {
    /// The transaction: fence, look, write, and the commit at which promises are held.
    async fn transact(
        &self,
        job: &SyncJob,
        order: &Order<'_>,
        watch: &mut dyn Watch,
    ) -> Transacted {
        {
            let mut world = self.world.lock();
            world.tidy();
            if world.transaction.is_some() {
                return Transacted::Failed("the fence is held");
            }
            let term = order.term.map_or(0, |term| term.number);
            if term < world.fence {
                return Transacted::Failed("another one took over");
            }
            (world.fence, world.transaction) = (term, Some(self.process));
            if let Some(row) = world.ledger.iter().find(|row| row.request == order.key) {
                let row = row.clone();
                world.transaction = None;
                return Transacted::Found(Box::new(row));
            }
        }
        if self.world.lock().is_stale {
            self.world.lock().transaction = None;
            return Transacted::Stale;
        }
        point().await;
        let goes_on = watch.step(1, 1).is_ok() && !self.world.fault(20);
        let mut world = self.world.lock();
        world.tidy();
        if world.transaction != Some(self.process) {
            return Transacted::Failed("the connection is closed");
        }
        world.transaction = None;
        if !goes_on {
            return Transacted::Failed("everything was rolled back");
        }
        if job.spec.dry_run {
            return Transacted::TestImport;
        }
        let row = row(job, order);
        assert!(has_approvals((&job.spec).into()), "nothing was approved");
        assert!(!world.cancelled.contains(order.key), "{} was cancelled", order.key);
        assert!(!world.is_stale, "what was written isn't what the reviewer saw");
        assert!(world.ledger.iter().all(|it| it.request != row.request), "{} twice", order.key);
        assert!(world.written.insert(row.run.clone()));
        world.ledger.push(row.clone());
        world.changes += 1;
        Transacted::Committed(Box::new(row))
    }
}

fn row(job: &SyncJob, order: &Order<'_>) -> RunRow {
    let entry = AppliedEntry {
        table: "page".into(),
        id: "1".into(),
        class: Class::New,
        answer: None,
        pin: String::new(),
        target_id: "1".into(),
    };
    RunRow {
        run: order.run.to_owned(),
        installation: order.installation.to_owned(),
        job: job.name.clone(),
        request: order.key.to_owned(),
        plan_digest: "0123456789abcdef0123456789abcdef".into(),
        direction: Direction::TestToProd,
        mode: Mode::All,
        undo: None,
        started_at: order.now.to_string(),
        asked: job.spec.request,
        fence: 0,
        carried: None,
        applied: vec![entry],
        rows: [1, 0, 0],
        files: [0; 3],
        left_out: Vec::new(),
        skipped: Vec::new(),
    }
}

fn applied() -> Applied {
    Applied { entries: Vec::new(), inserted: 1, ..Applied::default() }
}

impl Hands for SimulatedHands {
    async fn pass(
        &mut self,
        _: &Context<'_>,
        job: Job<'_>,
        mut order: Order<'_>,
        watch: &mut dyn Watch,
    ) -> Report {
        let Job::Sync(job) = job else { panic!("only what is compared is simulated") };
        point().await;
        let failed = |error: &str| Outcome::Failed { error: error.to_owned() };
        if self.world.fault(60) {
            return Report::new(&job.name, failed("PROD can't be reached"));
        }
        let known = self.world.lock().ledger.iter().find(|it| it.request == order.key).cloned();
        if let Some(row) = known {
            return Report::of_ledger(row);
        }
        let plan = Some(sample::plan(Vec::new()));
        let ends = |phase, run: &str, why: &str| {
            let (run, why, at) = (run.to_owned(), why.to_owned(), order.now.to_string());
            Some(Ended { phase, run, why, at })
        };
        let report = |outcome, ended| Report { plan, ended, ..Report::new(&job.name, outcome) };
        if !has_approvals((&job.spec).into()) {
            return report(Outcome::AwaitingApproval, None);
        }
        let stale = || {
            let (kind, reasons) = (RefusalKind::Stale, vec!["page/1 moved".to_owned()]);
            let ended = ends(End::Stale, "", "page/1 moved");
            (Outcome::Refused(Refusal { kind, reasons }), ended)
        };
        if self.world.lock().is_stale {
            let (outcome, ended) = stale();
            return report(outcome, ended);
        }
        if let Some(instead) = order.instead.take() {
            return report(instead, None);
        }
        point().await;
        self.world.mistake();
        let written = self.transact(job, &order, watch).await;
        let what = written.word();
        self.world.trace(self.process, || format!("{what} {} for {}", order.run, order.key));
        point().await;
        self.world.mistake();
        match written {
            Transacted::Found(row) => Report::of_ledger(*row),
            Transacted::Failed(error) => report(failed(error), None),
            Transacted::Stale => {
                let (outcome, ended) = stale();
                report(outcome, ended)
            }
            Transacted::TestImport => {
                let run = order.run.to_owned();
                let ended = ends(End::Succeeded, &run, "test import");
                report(Outcome::TestImport { run, applied: applied() }, ended)
            }
            // The reply is lost.
            Transacted::Committed(_) if self.world.fault(50) => {
                report(Outcome::Unknown { error: "no answer to COMMIT".into() }, None)
            }
            Transacted::Committed(row) => {
                let (ended, applied) = (Report::of_ledger((*row).clone()).ended, row.applied());
                report(Outcome::Applied { run: row.run, applied }, ended)
            }
        }
    }

    async fn found(
        &mut self,
        _: &Context<'_>,
        _: Option<Environment>,
        run: &str,
        term: Option<&Term>,
    ) -> Result<Option<RunRow>, job::Error> {
        point().await;
        let is_away = self.world.fault(60);
        let mut world = self.world.lock();
        world.tidy();
        let term = term.map_or(0, |term| term.number);
        if is_away || world.transaction.is_some() || term < world.fence {
            return Err(job::Error::State(broken()));
        }
        world.fence = term;
        Ok(world.ledger.iter().find(|row| row.run == run).cloned())
    }

    async fn publish(
        &mut self,
        _: &Context<'_>,
        (target, resources): (Environment, &BTreeSet<String>),
        _: u64,
        _: &mut dyn Watch,
    ) -> Attempt {
        Attempt { target, resources: resources.clone(), came: Came::There }
    }

    async fn finish_files(&mut self, _: &Context<'_>, target: Environment) -> Filing {
        Filing { target, came: Came::There }
    }

    async fn last_change(&mut self, _: &Source, _: Job<'_>) -> Option<LastChange> {
        let author = Some("jo@shop.example".to_owned());
        Some(LastChange { at: self.world.lock().now, commit: None, author })
    }

    fn write(
        &mut self,
        _: &Config,
        job: &str,
        name: &str,
        text: &str,
    ) -> Result<Written, files::Error> {
        let path = format!("{job}/{name}");
        if self.world.fault(20) {
            let source = io::Error::other("the disk is full");
            return Err(files::Error { path: Path::new(&path).to_owned(), source });
        }
        let mut world = self.world.lock();
        match world.files.get(&path) {
            Some(before) if before == text => Ok(Written::AsBefore),
            _ => {
                world.files.insert(path, text.to_owned());
                world.changes += 1;
                Ok(Written::Anew)
            }
        }
    }

    fn latest_plan(&self, _: &Config, _: &str) -> Option<Plan> {
        None
    }

    fn jitter(&mut self) -> f64 {
        0.5
    }
}
