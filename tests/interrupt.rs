//! Ctrl-C while rows are written: everything is rolled back, and said so.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reconcile::catalog::Engine;
use reconcile::job::run::Wish;
use sqlx::{Connection, Executor, SqliteConnection};

use crate::places::is_there;
use crate::properties::world::{self, Job};
use crate::shop::{Shop, rows};

/// Long enough that the signal comes before its end, on any machine.
const SLOW: &str = "\nmodules:\n  cms-pages:\n    afterWrite:\n      - \"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000000) \
                    SELECT max(i) FROM n\"\n";

#[tokio::test]
async fn an_interrupted_run_rolls_back_and_says_so() {
    let shop = Shop::after_the_demo();
    shop.reconcile(&["undo", &shop.run]).ends_with(0);
    let operators = shop.path().join("reconcile.yaml");
    let settings = fs::read_to_string(&operators).unwrap();
    fs::write(&operators, settings + SLOW).unwrap();
    let before = rows(&shop.prod()).await;
    let job = format!("undo-{}", shop.run);
    let run = Command::new(env!("CARGO_BIN_EXE_reconcile"))
        .arg(&job)
        .current_dir(shop.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until_written(&shop).await;
    let killed = Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ended = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned()
        + &String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("stopping: rolling back"), "{said}");
    assert!(said.contains("interrupted; everything was rolled back"), "{said}");
    assert_eq!(rows(&shop.prod()).await, before);
    // The request stays open: the same command finishes the job.
    shop.reconcile(&[&job]).ends_with(0);
    assert_ne!(rows(&shop.prod()).await, before);
}

/// Waits until another connection can't begin to write.
async fn until_written(shop: &Shop) {
    let url = format!("sqlite://{}", shop.prod().display());
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let mut other = SqliteConnection::connect(&url).await.unwrap();
        other.execute("PRAGMA busy_timeout = 0").await.unwrap();
        if other.execute("BEGIN IMMEDIATE").await.is_err() {
            return;
        }
        other.execute("ROLLBACK").await.unwrap();
        other.close().await.unwrap();
    }
    panic!("the run never began to write");
}

/// The write that a signal is to meet.
fn slow_trigger(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => {
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN PERFORM pg_sleep((SELECT seconds FROM nap)); RETURN NEW; END';
             CREATE TRIGGER slow BEFORE INSERT ON page FOR EACH ROW EXECUTE FUNCTION slow()"
        }
        _ => {
            "CREATE TRIGGER slow BEFORE INSERT ON page FOR EACH ROW DO SLEEP((SELECT seconds FROM nap))"
        }
    }
}

#[tokio::test]
async fn an_interrupted_run_rolls_back_on_postgresql() {
    if is_there(Engine::Postgres) {
        interrupted(Engine::Postgres).await;
    }
}

#[tokio::test]
async fn an_interrupted_run_rolls_back_on_mariadb() {
    if is_there(Engine::Mariadb) {
        interrupted(Engine::Mariadb).await;
    }
}

/// Stops a run while the server carries a statement out, which nobody waits two minutes for.
async fn interrupted(engine: Engine) {
    let ddl = "CREATE TABLE page (id integer PRIMARY KEY, title varchar(40)); \
               CREATE TABLE nap (seconds integer); INSERT INTO nap VALUES (120)";
    let modules = "apiVersion: reconcile/v1\nkind: Module\nmetadata: {name: pages}\nspec: \
                   {title: Pages, records: [{table: page}]}\n";
    let mut shop = world::Shop::new(engine, ddl, modules).await;
    shop.test.run("INSERT INTO page VALUES (1, 'One'), (2, 'Two'), (3, 'Three')").await.unwrap();
    shop.prod.run(slow_trigger(engine)).await.unwrap();
    let what = "  direction: TEST -> PROD\n  mode: all\n  modules: all\n".to_owned();
    let job = Job { what, ..Job::default() };
    let plan = shop.carry_out(&job, Wish::DryRun).await.plan.unwrap();
    let pins = plan.changes.iter().map(|change| change.pin.clone()).collect();
    let pins = BTreeMap::from([("new", pins)]);
    shop.write(&Job { approved: BTreeMap::from([("page".to_owned(), pins)]), ..job });
    let run = reconcile(&shop);
    until_asleep(&mut shop).await;
    let killed = Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let begun = Instant::now();
    let ended = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned()
        + &String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("interrupted; everything was rolled back"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(60), "it waited for the statement's end");
    assert!(shop.prod.rows("SELECT '1' FROM page").await.is_empty());
    shop.prod.run("UPDATE nap SET seconds = 0").await.unwrap();
    let ended = reconcile(&shop).wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(shop.prod.rows("SELECT '1' FROM page").await.len(), 3);
    shop.remove().await;
}

fn reconcile(shop: &world::Shop) -> Child {
    Command::new(env!("CARGO_BIN_EXE_reconcile"))
        .arg("sync")
        .current_dir(shop.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn until_asleep(shop: &mut world::Shop) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !shop.prod.has_sleeper().await {
        assert!(Instant::now() < deadline, "the run never wrote");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
