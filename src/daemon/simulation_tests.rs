//! The loop in a simulated world: time, commits, people and processes that come and go, with faults at
//! every point, all following from a seed.
//!
//! What turns do is the daemon's own code; databases, files and mail are states of `world`. Whatever
//! happened, once faults stop every run is told of as it was, and nothing waits for a person.

mod world;

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

use jiff::{SignedDuration, Timestamp};

use super::decide::Step;
use super::learn::Asker;
use super::operate::Which;
use super::source::Source;
use super::turn::{Desk, Fitness, rules};
use crate::apply::{Error as ApplyError, Watch};
use crate::config::Config;
use crate::job::Context;
use crate::manifest::job::Job;
use crate::manifest::{Manifests, SyncJob, load_text};
use crate::report::Phase;
use crate::state::End;
use world::{Inner, Process, SimulatedHands, SimulatedStore, World};

const MARKER: &str = "s3cr3t-marker";
const CONFIG: &str = "instance: PROD\nmanifests: m\nenvironments:\n  PROD: {database: \
                      \"postgres://u:s3cr3t-marker@p/d\"}\n  TEST: {database: \"sqlite://t\"}\nmail: \
                      {transport: \"smtp://u:s3cr3t-marker@mail.shop.example\", from: \
                      \"reconcile@shop.example\", recipients: [\"*@shop.example\"]}\n";
const PINNED: &str = "approved: {page: {new: [\"1@0123456789abcdef\"]}}";
const BEGIN: &str = "2026-11-23T11:00:00Z";
/// What a manifest says over time; the first says nothing of approvals.
const SPECS: [&str; 8] = [
    "",
    PINNED,
    "request: 2\n  approved: {page: {new: [\"1@0123456789abcdef\"]}}",
    "schedule: {at: \"2026-11-23T11:30\", timeZone: UTC}\n  approved: {page: {new: \
     [\"1@0123456789abcdef\"]}}",
    "schedule: {at: \"2026-11-23T14:00\", timeZone: UTC}\n  approved: {page: {new: \
     [\"1@0123456789abcdef\"]}}",
    "dryRun: true\n  approved: {page: {new: [\"1@0123456789abcdef\"]}}",
    "suspend: true\n  approved: {page: {new: [\"1@0123456789abcdef\"]}}",
    "request: 3\n  approved: {page: {new: [\"1@0123456789abcdef\"]}}",
];
/// Seeds that each run of the tests tries, and those of `scripts/test --full`.
const SOME: u64 = 5_000;
const ALL: u64 = 100_000;

struct Manifest {
    context: Context<'static>,
    job: &'static SyncJob,
}

/// Everything that a commit may say; the last is a repository without the job.
fn manifests() -> &'static (Arc<Config>, Vec<Manifest>, Context<'static>) {
    static MADE: OnceLock<(Arc<Config>, Vec<Manifest>, Context<'static>)> = OnceLock::new();
    MADE.get_or_init(|| {
        let config = crate::config::parse(Path::new("c"), CONFIG.as_bytes(), &|_| None).unwrap();
        let config: &'static Config = Box::leak(Box::new(config));
        let of = |spec: &&str| {
            let text = format!(
                "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {{name: job}}\nspec:\n  direction: \
                 TEST -> PROD\n  mode: all\n  modules: all\n  {spec}\n"
            );
            let loaded: &'static Manifests =
                Box::leak(Box::new(load_text(Path::new("job.yaml"), text.as_bytes())));
            assert!(loaded.jobs.contains_key("job"), "{:?}", loaded.problems);
            Manifest { context: Context::new(config, loaded), job: &loaded.jobs["job"] }
        };
        let none: &'static Manifests = Box::leak(Box::default());
        (Arc::new(config.clone()), SPECS.iter().map(of).collect(), Context::new(config, none))
    })
}

struct Onlooker;

impl Watch for Onlooker {
    fn step(&mut self, _: usize, _: usize) -> Result<(), ApplyError> {
        Ok(())
    }
}

struct Living {
    desk: Desk<SimulatedStore, SimulatedHands>,
    process: Process,
}

impl Living {
    fn new(world: &World, process: Process) -> Self {
        let config = Arc::clone(&manifests().0);
        let desk = Desk {
            rules: rules(&config, Asker::Daemon),
            config,
            state: SimulatedStore { world: world.clone(), process },
            hands: SimulatedHands { world: world.clone(), process },
            asker: Asker::Daemon,
            not_out: Vec::new(),
            installation: "simulated".into(),
            ticket_key: "key".into(),
        };
        Self { desk, process }
    }

    /// One look of the daemon at the one job, with its turn.
    async fn look(mut self, commit: Option<usize>) -> Self {
        let now = self.desk.state.world.lock().now;
        self.desk.state.world.trace(self.process, || format!("looks at {commit:?}"));
        // What fails here is tried again at the next look.
        let _ = self.try_to_look(commit, now).await;
        self
    }

    async fn try_to_look(
        &mut self,
        commit: Option<usize>,
        now: Timestamp,
    ) -> Result<(), crate::state::Error> {
        use super::hands::Store;
        let (_, all, none) = manifests();
        let remembered = self.desk.state.memory("job").await?;
        let Some(manifest) = commit.map(|at| &all[at]) else {
            let mut remembered = remembered;
            if remembered.memory.is_open() {
                self.desk.gone(none, "job", &mut remembered, now).await?;
            }
            return Ok(());
        };
        let source = Source::of(&self.desk.config);
        let Manifest { context, job } = manifest;
        let mut turn = self.desk.look(context, Job::Sync(job), remembered, &source, now).await?;
        if matches!(turn.action.step, Step::Compare | Step::Run) {
            let watch = &mut Onlooker;
            self.desk.carry_out(context, &mut turn, Fitness::Fit, now, watch).await?;
        }
        Ok(())
    }

    async fn cancel(mut self, commit: usize) -> Self {
        self.desk.state.world.trace(self.process, || "is asked to cancel".into());
        let Manifest { context, job } = &manifests().1[commit];
        let world = self.desk.state.world.clone();
        let now = world.lock().now;
        if self.desk.cancel(context, Job::Sync(job), Which::Whatever, "jo", now).await.is_ok() {
            let mut world = world.lock();
            let cancelled: Vec<String> = world
                .ended
                .iter()
                .filter(|(_, ended)| ended.phase == End::Cancelled)
                .map(|((_, key), _)| key.clone())
                .collect();
            world.cancelled.extend(cancelled);
        }
        self
    }
}

type Doing = Pin<Box<dyn Future<Output = Living>>>;

/// Everything of one seed.
struct Simulation {
    world: World,
    commit: Option<usize>,
    /// Daemons that wait for their next look, and those that were stopped in the middle.
    idle: Vec<Living>,
    stopped: Vec<(Process, Doing)>,
    processes: Process,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let world = World::new(seed, BEGIN.parse().unwrap());
        Self { world, commit: Some(0), idle: Vec::new(), stopped: Vec::new(), processes: 0 }
    }

    fn begin(&mut self) -> Living {
        self.processes += 1;
        Living::new(&self.world, self.processes)
    }

    /// Lets a process do something until it is done, killed or stopped.
    fn drive(&mut self, process: Process, mut doing: Doing) {
        let mut context = std::task::Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(living) = doing.as_mut().poll(&mut context) {
                return self.idle.push(living);
            }
            let mut world = self.world.lock();
            if !world.faults {
                continue;
            }
            if world.random.chance(30) {
                world.dead.insert(process);
                drop(world);
                return self.world.trace(process, || "is killed".into());
            }
            if world.random.chance(15) {
                drop(world);
                self.world.trace(process, || "is stopped".into());
                return self.stopped.push((process, doing));
            }
        }
    }

    fn look(&mut self) {
        let living = match self.idle.pop() {
            Some(living) => living,
            None => self.begin(),
        };
        self.drive(living.process, Box::pin(living.look(self.commit)));
    }

    fn cancel(&mut self) {
        let Some(commit) = self.commit else { return };
        let living = self.begin();
        self.drive(living.process, Box::pin(living.cancel(commit)));
        // A command isn't a daemon.
        self.idle.clear();
    }

    fn resume(&mut self) {
        if self.stopped.is_empty() {
            return;
        }
        let at = self.world.lock().random.below(self.stopped.len() as u64);
        let (process, doing) = self.stopped.remove(usize::try_from(at).unwrap());
        self.world.trace(process, || "goes on".into());
        self.drive(process, doing);
    }

    fn pass_time(&mut self) {
        let mut world = self.world.lock();
        let seconds = [1, 6, 60, 600, 3600, -60][usize::try_from(world.random.below(6)).unwrap()];
        world.now += SignedDuration::from_secs(seconds);
        if seconds >= 600 {
            world.lapse(&self.stopped());
        }
    }

    fn stopped(&self) -> Vec<Process> {
        self.stopped.iter().map(|(process, _)| *process).collect()
    }

    /// One round of the post: a mail server may take a message, and nobody note it.
    fn send(&mut self) {
        let mut world = self.world.lock();
        let Inner { outbox, random, faults, .. } = &mut *world;
        for sent in outbox.values_mut().filter(|sent| !sent.is_noted) {
            sent.times += 1;
            sent.is_noted = !*faults || !random.chance(100);
        }
    }

    fn happen(&mut self) {
        let what = self.world.lock().random.below(16);
        match what {
            0 | 1 => {
                let mut world = self.world.lock();
                let at = usize::try_from(world.random.below(SPECS.len() as u64 + 1)).unwrap();
                self.commit = (at < SPECS.len()).then_some(at);
            }
            2..5 => self.pass_time(),
            5 => self.cancel(),
            6 => self.send(),
            7 => self.resume(),
            8 => self.world.lock().edit(),
            _ => self.look(),
        }
    }

    /// No fault any more: everything comes to rest.
    fn settle(&mut self) {
        {
            let mut world = self.world.lock();
            (world.faults, world.is_stale) = (false, false);
            world.lapse(&self.stopped());
        }
        self.rest();
        while !self.stopped.is_empty() {
            self.resume();
        }
        self.rest();
        self.send();
    }

    /// Looks until nothing changes any more, however long the daemon puts off what failed.
    fn rest(&mut self) {
        for _ in 0..8 {
            let before = self.world.lock().changes;
            self.look();
            let mut world = self.world.lock();
            world.now += SignedDuration::from_mins(6);
            if world.changes == before {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn check(&self) {
        let world = self.world.lock();
        let Inner { ledger, written, ended, outbox, files, memories, .. } = &*world;
        assert_eq!(ledger.len(), written.len(), "ledger and target agree");
        for row in ledger {
            let end = ended.get(&("job".to_owned(), row.request.clone()));
            let end = end.unwrap_or_else(|| panic!("the end of {row:?} isn't noted"));
            assert_eq!((end.phase, &end.run), (End::Succeeded, &row.run));
            let file = files.get(&format!("job/runs/{}.yaml", row.run));
            let file = file.unwrap_or_else(|| panic!("no file tells of {row:?}"));
            assert!(file.contains("record: page/1") && file.contains("Succeeded"), "{file}");
            let mut about = outbox.values().filter(|it| it.message.run.as_ref() == Some(&row.run));
            let told = about.next().unwrap_or_else(|| panic!("no message tells of {row:?}"));
            assert!(told.message.subject.starts_with("Success"), "{}", told.message.subject);
            assert!(told.message.text.contains("1 record"), "{}", told.message.text);
            assert!(about.next().is_none(), "two messages tell of {row:?}");
        }
        for ((_, key), end) in ended.iter().filter(|(_, end)| end.phase == End::Succeeded) {
            let kept = ledger.iter().any(|row| row.request == *key);
            let nothing = end.why.starts_with("nothing to do") || end.why == "test import";
            assert!(kept || nothing, "{key} succeeded by {end:?}, and no ledger knows it");
        }
        assert!(outbox.values().all(|sent| sent.times > 0 && sent.is_noted), "a message is stuck");
        if let Some((memory, _)) = memories.get("job") {
            assert!(memory.running.is_none(), "a run is stuck: {:?}", memory.running);
            assert!(memory.unpublished.is_empty(), "a file is stuck");
            let stuck = [Phase::Running, Phase::Comparing].map(|phase| phase.as_str().to_owned());
            let stood = memory.stood.as_ref().map(|stood| &stood.phase);
            assert!(stood.is_none_or(|phase| !stuck.contains(phase)), "it stands {stood:?}");
        }
        let texts = outbox.values().map(|sent| &sent.message.text).chain(files.values());
        texts.for_each(|text| assert!(!text.contains(MARKER), "a secret is told:\n{text}"));
    }
}

/// What came of a seed, to see that seeds do something.
fn simulate(seed: u64) -> [usize; 4] {
    let mut simulation = Simulation::new(seed);
    let events = 6 + simulation.world.lock().random.below(24);
    for _ in 0..events {
        simulation.happen();
    }
    let stopped = simulation.stopped.len();
    simulation.settle();
    simulation.check();
    let world = simulation.world.lock();
    [world.ledger.len(), world.dead.len(), stopped, world.cancelled.len()]
}

/// `RECONCILE_TEST_SEED=n` or `a..b` tries these alone, with `RECONCILE_TEST_TRACE=1` in words.
fn seeds() -> std::ops::Range<u64> {
    let given = std::env::var("RECONCILE_TEST_SEED").unwrap_or_default();
    let usual = if std::env::var_os("RECONCILE_TEST_FULL").is_some() { ALL } else { SOME };
    let number = |text: &str| text.parse::<u64>().ok();
    match given.split_once("..") {
        Some((a, b)) => number(a).unwrap_or(0)..number(b).unwrap_or(ALL),
        None => number(&given).map_or(0..usual, |seed| seed..seed + 1),
    }
}

#[test]
fn whatever_happens_every_run_is_told_of_as_it_was() {
    let seeds = seeds();
    let middle = seeds.start + (seeds.end - seeds.start) / 2;
    let halves = [seeds.start..middle, middle..seeds.end].map(|half| {
        std::thread::spawn(move || {
            let mut sums = [0; 4];
            for seed in half {
                let told = std::panic::catch_unwind(|| simulate(seed));
                let told = told.unwrap_or_else(|_| panic!("RECONCILE_TEST_SEED={seed} fails"));
                sums.iter_mut().zip(told).for_each(|(sum, told)| *sum += told);
            }
            sums
        })
    });
    let mut sums = [0; 4];
    for half in halves {
        let told = half.join().expect("a seed failed, see above");
        sums.iter_mut().zip(told).for_each(|(sum, told)| *sum += told);
    }
    let [runs, killed, stopped, cancelled] = sums;
    println!("{seeds:?}: {runs} runs, {killed} killed, {stopped} stopped, {cancelled} cancelled");
    if seeds.end - seeds.start >= SOME {
        assert!(sums.iter().all(|sum| *sum > 50), "{sums:?}");
    }
}
