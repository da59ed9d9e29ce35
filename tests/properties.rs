//! Properties with random schemas, data and edits, on every pair of engines.
//!
//! Ordinary runs go through the same seeds each time; with `RECONCILE_TEST_FULL=1` hundreds of
//! fresh ones follow, and a seed that fails is printed. Such a seed belongs into [`REGRESSIONS`].

mod edits;
mod failures;
mod foreign;
mod laws;
pub mod random;
mod regressions;
mod schema;
pub mod snapshot;
pub mod world;
mod written;

use std::io::Write;
use std::time::{Duration, Instant};

use laws::Figures;
use random::Random;
use reconcile::catalog::Engine;
use world::{Engines, Story, World};

use crate::places::is_there;

/// Seeds that once broke a law.
const REGRESSIONS: &[u64] = &[
    195,
    257,
    260,
    286,
    290,
    319,
    328,
    388,
    449,
    582,
    603,
    645,
    734,
    784,
    794,
    845,
    867,
    1244,
    1359,
    1392,
    179534160500294,
];

/// What is done with each world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    Laws,
    Failures,
    Kills,
}

const SQLITE: Engines = Engines { prod: Engine::Sqlite, test: Engine::Sqlite };
const POSTGRES: Engines = Engines { prod: Engine::Postgres, test: Engine::Postgres };
const MARIADB: Engines = Engines { prod: Engine::Mariadb, test: Engine::Mariadb };
const MIXED: [Engines; 6] = [
    Engines { prod: Engine::Postgres, test: Engine::Sqlite },
    Engines { prod: Engine::Sqlite, test: Engine::Postgres },
    Engines { prod: Engine::Mariadb, test: Engine::Sqlite },
    Engines { prod: Engine::Sqlite, test: Engine::Mariadb },
    Engines { prod: Engine::Postgres, test: Engine::Mariadb },
    Engines { prod: Engine::Mariadb, test: Engine::Postgres },
];

#[test]
fn the_laws_hold_on_sqlite() {
    on_a_deep_stack(|| go_through(SQLITE, Trial::Laws, 40));
}

#[test]
fn the_laws_hold_on_postgresql() {
    on_a_deep_stack(|| go_through(POSTGRES, Trial::Laws, 15));
}

#[test]
fn the_laws_hold_on_mariadb() {
    on_a_deep_stack(|| go_through(MARIADB, Trial::Laws, 15));
}

#[test]
fn the_laws_hold_on_different_engines() {
    on_a_deep_stack(|| go_through_mixed(Trial::Laws, 6));
}

#[test]
fn a_run_that_fails_at_any_write_leaves_the_target_as_it_was_on_sqlite() {
    on_a_deep_stack(|| go_through(SQLITE, Trial::Failures, 8));
}

#[test]
fn a_run_that_fails_at_any_write_leaves_the_target_as_it_was_on_postgresql() {
    on_a_deep_stack(|| go_through(POSTGRES, Trial::Failures, 4));
}

#[test]
fn a_run_that_fails_at_any_write_leaves_the_target_as_it_was_on_mariadb() {
    on_a_deep_stack(|| go_through(MARIADB, Trial::Failures, 4));
}

#[test]
fn a_run_that_fails_at_any_write_leaves_the_target_as_it_was_on_different_engines() {
    on_a_deep_stack(|| go_through_mixed(Trial::Failures, 2));
}

#[test]
fn a_killed_process_leaves_the_target_as_it_was_on_sqlite() {
    on_a_deep_stack(|| go_through(SQLITE, Trial::Kills, 10));
}

#[test]
fn a_killed_process_leaves_the_target_as_it_was_on_postgresql() {
    on_a_deep_stack(|| go_through(POSTGRES, Trial::Kills, 5));
}

#[test]
fn a_killed_process_leaves_the_target_as_it_was_on_mariadb() {
    on_a_deep_stack(|| go_through(MARIADB, Trial::Kills, 5));
}

#[test]
fn a_killed_process_leaves_the_target_as_it_was_on_different_engines() {
    on_a_deep_stack(|| go_through_mixed(Trial::Kills, 3));
}

async fn go_through_mixed(trial: Trial, ordinary: u64) {
    for engines in MIXED {
        go_through(engines, trial, ordinary).await;
    }
}

/// With `RECONCILE_TEST_FULL=1` so many times more worlds.
const FULL: u64 = 8;

/// Identities that refer to each other are followed as deep as the program's main thread allows;
/// the harness gives its threads only a quarter of that.
fn on_a_deep_stack<F: Future<Output = ()>>(work: impl FnOnce() -> F + Send + 'static) {
    let run = move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(work());
    };
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(run).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

async fn go_through(engines: Engines, trial: Trial, ordinary: u64) {
    if !is_there(engines.prod) || !is_there(engines.test) {
        return;
    }
    let started = Instant::now();
    let mut figures = Figures::default();
    let mut failed = Vec::new();
    for seed in seeds(trial, ordinary, engines) {
        figures.schemas += 1;
        let story = Story::random(seed, engines);
        if let Err(error) = tell(&story, trial, &mut figures).await {
            failed.push(seed);
            say(&format!("seed {seed} of {trial:?} on {engines:?}: {error:#}"));
            let short = cut_down(story, trial).await;
            say(&format!("cut down: {}", shown(&short)));
            if failed.len() >= most_failures() {
                break;
            }
        }
    }
    say(&format!(
        "{trial:?} on {engines:?} in {:.1} s: {figures:?}",
        started.elapsed().as_secs_f64()
    ));
    let tried = match trial {
        Trial::Laws => figures.applied,
        Trial::Failures => figures.statements_failed,
        Trial::Kills => figures.kills,
    };
    let chosen = std::env::var_os("RECONCILE_TEST_SEED").is_some();
    assert!(tried > 0 || chosen, "{trial:?} on {engines:?} tried nothing: {figures:?}");
    assert!(failed.is_empty(), "seeds of {trial:?} that failed on {engines:?}: {failed:?}");
}

async fn tell(story: &Story, trial: Trial, figures: &mut Figures) -> anyhow::Result<()> {
    let mut world = World::new(story).await;
    figures.edits += world.edits;
    let mut random = Random::new(story.seed ^ 0xc0ffee);
    let stride = failures::Stride(if is_full() { 1 } else { 4 });
    let result = match trial {
        Trial::Laws => laws::hold(&mut world, &mut random, figures).await,
        Trial::Failures => failures::fail(&mut world, &mut random, stride, figures).await,
        Trial::Kills => failures::kill(&mut world, &mut random, figures).await,
    };
    world.shop.remove().await;
    result
}

fn seeds(trial: Trial, ordinary: u64, engines: Engines) -> Vec<u64> {
    if let Ok(seed) = std::env::var("RECONCILE_TEST_SEED") {
        if let Some((first, end)) = seed.split_once("..") {
            return (first.parse().unwrap()..end.parse().unwrap()).collect();
        }
        return seed.split(',').map(|seed| seed.trim().parse().unwrap()).collect();
    }
    // The first two worlds leave little to write.
    let first = if engines.prod == engines.test { 1 } else { 3 };
    let mut seeds: Vec<u64> = (first..first + ordinary).collect();
    // They broke laws; failing and being killed is quicker tried on others.
    let same = engines.prod == engines.test;
    if (same && trial == Trial::Laws) || is_full() {
        seeds.extend(REGRESSIONS);
    }
    if is_full() {
        let now = jiff::Timestamp::now().as_second().unsigned_abs() * 100_000;
        seeds.extend(now..now + ordinary * FULL);
    }
    seeds
}

/// A full run goes on, to show every law that is broken.
fn most_failures() -> usize {
    if is_full() { 20 } else { 3 }
}

fn is_full() -> bool {
    std::env::var_os("RECONCILE_TEST_FULL").is_some()
}

/// Leaves out edits as long as some law stays broken.
async fn cut_down(mut story: Story, trial: Trial) -> Story {
    let until = Instant::now() + Duration::from_secs(20);
    let mut size = story.edits.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < story.edits.len() && Instant::now() < until {
            let mut shorter = story.clone();
            shorter.edits.drain(at..(at + size).min(shorter.edits.len()));
            if tell(&shorter, trial, &mut Figures::default()).await.is_err() {
                story = shorter;
            } else {
                at += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    story
}

fn shown(story: &Story) -> String {
    let direction = if story.to_prod { "TEST -> PROD" } else { "PROD -> TEST" };
    let mut text = format!(
        "{direction} of {:?}, new only: {}\n{}\n{}\n",
        story.modules,
        story.new_only,
        written::ddl(&story.schema, story.engines.prod),
        written::modules(&story.schema)
    );
    for edit in &story.edits {
        text += &format!("{:?}: {}\n", edit.on, edit.sql.join("; "));
    }
    text
}

/// Past the test harness, which keeps what passing tests print to itself.
fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}
