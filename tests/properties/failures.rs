//! Runs that fail: at every write by the database, between any two by the caller, and by the process
//! being killed. Whatever happens, the target is as it was, and a further pass finishes the job.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use reconcile::apply::{Error as ApplyError, Watch};
use reconcile::catalog::Engine;
use reconcile::job::report::Outcome;
use reconcile::job::run::Wish;
use reconcile::plan::change::Plan;

use super::laws::{Course, Figures, approvals, choose, planned, same, test_import};
use super::random::Random;
use super::snapshot::Snapshot;
use super::world::{Job, World};

/// Tables of the ledger that a run writes.
const LEDGER: [&str; 4] =
    ["reconcile_run", "reconcile_before_image", "reconcile_work", "reconcile_fence"];

/// Looks without a pause would take the time of whom they wait for.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// How many writes lie between two that are made to fail.
#[derive(Clone, Copy)]
pub struct Stride(pub usize);

/// What the target must look like after a run that failed.
struct Before {
    rows: Snapshot,
    ledger: usize,
}

/// What a write does once the guard's number is used up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    Refuses,
    /// Refuses in a way that may pass when tried again.
    RefusesForNow,
    /// Takes its time, for a process that is to be killed meanwhile.
    Waits,
}

/// Fails a job in every way, then lets it through.
pub async fn fail(
    world: &mut World<'_>,
    random: &mut Random,
    stride: Stride,
    figures: &mut Figures,
) -> Result<()> {
    let guard = if random.chance(50) { Guard::Refuses } else { Guard::RefusesForNow };
    let Some((plan, job)) = guarded(world, random, guard, figures).await? else { return Ok(()) };
    let before = Before::of(world).await;
    interrupt(world, &job, &before, stride, figures).await?;
    let mut allowed = 0;
    loop {
        arm(world, allowed).await;
        figures.passes += 1;
        match world.shop.carry_out(&job, Wish::Apply).await.outcome {
            Outcome::Applied { applied, .. } => {
                ensure!(applied.entries.len() == count(&job), "{plan:#?} applied {applied:?}");
                return Ok(());
            }
            Outcome::Failed { error }
                if error.contains("guarded")
                    || error.contains("raised by a trigger")
                    || error.contains("a trigger or function raised an error")
                    || error.contains("another session got in the way") =>
            {
                figures.statements_failed += 1;
                before.still(world).await?;
            }
            outcome => bail!("the write after {allowed} failed and the run ended as {outcome:?}"),
        }
        allowed += 1 + random.below(stride.0);
    }
}

/// Kills the program's own process at some write, then lets a second one finish the request.
pub async fn kill(world: &mut World<'_>, random: &mut Random, figures: &mut Figures) -> Result<()> {
    let found = guarded(world, random, Guard::Waits, figures).await?;
    let Some((_, job)) = found else { return Ok(()) };
    world.shop.write(&job);
    let before = Before::of(world).await;
    arm(world, random.below(count(&job) + 3)).await;
    let mut child = start(world);
    if !written(world, &mut child).await {
        // Refused before it wrote anything: a manifest that the command doesn't accept.
        return Ok(());
    }
    child.kill()?;
    child.wait()?;
    figures.kills += 1;
    alone(world).await;
    before.still(world).await?;
    arm(world, 1_000_000).await;
    let ended = start(world).wait_with_output()?;
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    ensure!(said.contains("Success: run"), "the second process said {said}");
    ensure!(world.target().ledger_rows().await > before.ledger, "no run is in the ledger");
    Ok(())
}

/// A job with everything approved, on a target whose writes are counted. `None` where there is
/// nothing to apply.
async fn guarded(
    world: &mut World<'_>,
    random: &mut Random,
    guard: Guard,
    figures: &mut Figures,
) -> Result<Option<(Plan, Job)>> {
    let Course::On(plan) = planned(world, figures).await? else { return Ok(None) };
    let chosen = choose(&plan, random, 100);
    if chosen.is_empty() {
        return Ok(None);
    }
    let job = Job { approved: approvals(&chosen), ..world.job() };
    // It also makes the ledger's tables, which are to be guarded, too.
    let Course::On(()) = test_import(world, &job, figures).await? else { return Ok(None) };
    let mut tables: Vec<&str> = LEDGER.to_vec();
    let story = world.story;
    tables.extend(story.schema.tables.iter().map(|table| table.name.as_str()));
    let sql = triggers(story.target_engine(), &tables, guard);
    world.target().run(&sql).await?;
    // Triggers are part of what a reviewer sees, so the pins are others now.
    let Course::On(plan) = planned(world, figures).await? else { return Ok(None) };
    let job = Job { approved: approvals(&choose(&plan, random, 100)), ..world.job() };
    Ok(Some((plan, job)))
}

fn triggers(engine: Engine, tables: &[&str], guard: Guard) -> String {
    let mut sql =
        "CREATE TABLE guard (n INTEGER); INSERT INTO guard VALUES (1000000);\n".to_owned();
    if engine == Engine::Postgres {
        let then = match guard {
            Guard::Refuses => "RAISE EXCEPTION 'guarded'",
            Guard::RefusesForNow => "RAISE EXCEPTION 'guarded' USING ERRCODE = '40001'",
            Guard::Waits => "PERFORM pg_sleep(2)",
        };
        sql += &format!(
            "CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE now_left \
             integer; BEGIN UPDATE guard SET n = n - 1 RETURNING n INTO now_left; IF now_left < 0 \
             THEN {then}; END IF; RETURN NULL; END $$;\n"
        );
    }
    for table in tables {
        for verb in ["INSERT", "UPDATE", "DELETE"] {
            sql += &match engine {
                Engine::Postgres => format!(
                    "CREATE TRIGGER guard_{verb} AFTER {verb} ON {table} FOR EACH ROW EXECUTE \
                     FUNCTION guard();\n"
                ),
                Engine::Mariadb => {
                    let then = match guard {
                        Guard::Refuses => "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'guarded'",
                        Guard::RefusesForNow => {
                            "SIGNAL SQLSTATE '40001' SET MESSAGE_TEXT = 'guarded', MYSQL_ERRNO = 1213"
                        }
                        Guard::Waits => "DO sleep(2)",
                    };
                    format!(
                        "CREATE TRIGGER guard_{verb}_{table} AFTER {verb} ON {table} FOR EACH ROW \
                         BEGIN UPDATE guard SET n = n - 1; IF (SELECT n FROM guard) < 0 THEN {then}; \
                         END IF; END;\n"
                    )
                }
                Engine::Sqlite => {
                    let then = match guard {
                        Guard::Refuses | Guard::RefusesForNow => {
                            "SELECT RAISE(ABORT, 'guarded') FROM guard WHERE n < 0"
                        }
                        Guard::Waits => {
                            "UPDATE guard SET n = (WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL \
                             SELECT i + 1 FROM c WHERE i < 20000000) SELECT -max(i) FROM c) WHERE \
                             n < 0"
                        }
                    };
                    format!(
                        "CREATE TRIGGER guard_{verb}_{table} AFTER {verb} ON {table} BEGIN UPDATE \
                         guard SET n = n - 1; {then}; END;\n"
                    )
                }
            };
        }
    }
    sql
}

/// Lets this many writes pass.
async fn arm(world: &mut World<'_>, writes: usize) {
    world.target().run(&format!("UPDATE guard SET n = {writes}")).await.unwrap();
}

fn count(job: &Job) -> usize {
    job.approved.values().flat_map(|headings| headings.values()).map(Vec::len).sum()
}

/// Stops one request before every write in turn; it stays open all the while.
async fn interrupt(
    world: &mut World<'_>,
    job: &Job,
    before: &Before,
    stride: Stride,
    figures: &mut Figures,
) -> Result<()> {
    world.shop.write(job);
    let mut breaker = Breaker { at: 0, all: 0 };
    loop {
        figures.passes += 1;
        match world.shop.pass(Wish::Apply, &mut breaker).await.outcome {
            Outcome::Failed { error } if error.contains("interrupted") => {
                figures.interrupted += 1;
                before.still(world).await?;
            }
            outcome => bail!("stopped before write {}, the run ended as {outcome:?}", breaker.at),
        }
        if breaker.at == breaker.all {
            return Ok(());
        }
        breaker.at = (breaker.at + stride.0).min(breaker.all);
    }
}

struct Breaker {
    at: usize,
    all: usize,
}

impl Watch for Breaker {
    fn step(&mut self, done: usize, all: usize) -> Result<(), ApplyError> {
        self.all = all;
        if done >= self.at { Err(ApplyError::Interrupted) } else { Ok(()) }
    }
}

impl Before {
    async fn of(world: &mut World<'_>) -> Self {
        let rows = world.target_rows().await;
        Self { rows, ledger: world.target().ledger_rows().await }
    }

    async fn still(&self, world: &mut World<'_>) -> Result<()> {
        let rows = world.target_rows().await;
        if let Err(what) = same(world.story, &self.rows, &rows) {
            bail!("a run that failed left {what}");
        }
        let ledger = world.target().ledger_rows().await;
        ensure!(ledger == self.ledger, "a run that failed is in the ledger");
        Ok(())
    }
}

fn start(world: &World<'_>) -> Child {
    Command::new(env!("CARGO_BIN_EXE_reconcile"))
        .args(["--config", "reconcile.yaml", "sync"])
        .current_dir(world.shop.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until the process is inside its transaction: on a server until it sleeps in the guarded
/// write, on SQLite until it holds the lock. False where it ended before.
async fn written(world: &mut World<'_>, child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        let inside = match world.story.target_engine() {
            Engine::Sqlite => {
                world.target().run("PRAGMA busy_timeout = 0").await.unwrap();
                let begun = world.target().run("BEGIN IMMEDIATE").await.is_ok();
                if begun {
                    world.target().run("ROLLBACK").await.unwrap();
                }
                world.target().run("PRAGMA busy_timeout = 5000").await.unwrap();
                !begun
            }
            Engine::Postgres | Engine::Mariadb => world.target().has_sleeper().await,
        };
        if inside {
            return true;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    panic!("the process neither wrote nor ended");
}

/// Waits until the server has noticed that the process is gone.
async fn alone(world: &mut World<'_>) {
    while world.target().has_sleeper().await {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
