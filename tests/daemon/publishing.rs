//! What runs touched and the read stores don't have yet: the daemon tries again until they do.

use std::fs;
use std::time::Instant;

use sqlx::{Connection, Executor, SqliteConnection};

use super::republish::publishing;
use super::world::{LIMIT, MODULE, World, eventually};
use crate::places::Place;

async fn shop() -> World {
    let world = publishing(Place::sqlite("").await, Place::sqlite("").await, "").await;
    let module = MODULE.replace("label: title", "label: title, republish: [page]");
    assert_ne!(module, MODULE);
    world.manifest("pages.yaml", &module);
    world.job("");
    world.approve();
    world
}

async fn condition(world: &World, says: &[&str]) -> String {
    eventually(&format!("the condition says {says:?}"), || {
        let text = fs::read_to_string(world.path("results/spring/status.yaml")).ok()?;
        let (_, condition) = text.split_once("type: Published")?;
        let condition = condition.split("- type").next().unwrap_or_default().to_owned();
        says.iter().all(|part| condition.contains(part)).then_some(condition)
    })
    .await
}

/// What people were told of the run.
#[track_caller]
fn message(world: &World) -> String {
    let status = fs::read_to_string(world.path("results/spring/status.yaml")).unwrap();
    let run = status.split("lastAttempted: ").nth(1).unwrap().lines().next().unwrap();
    world.reconcile(&["messages", run.trim_matches('"')]).ends_with(0).out
}

#[track_caller]
fn found(world: &World) {
    let said = world.reconcile(&["search", "page", "spring"]).ends_with(0);
    assert!(said.out.starts_with("page:2\n"), "{}", said.out);
    world.reconcile(&["verify"]).ends_with(0);
}

/// The folder of queue and stores is away, and comes back.
#[tokio::test]
async fn what_a_run_touched_is_published_when_the_stores_are_back() {
    let world = shop().await;
    let (folder, away) = (world.path("state/PROD"), world.path("away"));
    fs::rename(&folder, &away).unwrap();
    fs::write(&folder, "a file in the place of the folder").unwrap();
    let daemon = world.watch();
    daemon.says("spring: page weren't published anew yet: ").await;
    condition(&world, &["status: \"False\"", "reason: Retrying", "page weren't published"]).await;
    assert_eq!(world.titles().await, ["Home", "Spring"], "the run is committed all the same");
    let said = world.reconcile(&["status", "spring"]).ends_with(0);
    assert!(said.out.starts_with("spring: Succeeded\n"), "{}", said.out);
    assert!(
        said.out.contains("  Published False: page weren't published anew yet"),
        "{}",
        said.out
    );
    let told = message(&world);
    assert!(told.contains("left out: page weren't published anew yet"), "{told}");
    daemon.ends().await;

    // Another daemon goes on, and nobody else does anything.
    fs::remove_file(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    let daemon = world.watch();
    daemon.says("spring: published anew: page").await;
    condition(&world, &["status: \"True\"", "reason: Published"]).await;
    found(&world);
    daemon.ends().await;
}

/// The queue takes everything, but a store is away; the job is taken away meanwhile.
#[tokio::test]
async fn what_waits_in_queues_is_delivered_also_when_its_job_is_gone() {
    let world = shop().await;
    for end in ["db", "db-wal", "db-shm"] {
        let _ = fs::remove_file(world.path(&format!("state/PROD/search.{end}")));
    }
    fs::create_dir(world.path("state/PROD/search.db")).unwrap();
    let daemon = world.watch();
    condition(&world, &["status: \"False\"", "reason: Retrying"]).await;
    // While it is tried again the message is handed out.
    let json = |arguments: &[&str]| {
        let said = world.reconcile(&[arguments, &["--format", "json"]].concat()).ends_with(0);
        serde_json::from_str::<serde_json::Value>(&said.out).unwrap()
    };
    eventually("the queue's list says what waits", || {
        let list = json(&["queue", "list"]);
        let queues = list["queues"].as_array().unwrap();
        let of = |name: &str| {
            queues.iter().find(|it| it["queue"] == name).unwrap()["ready"].as_u64().unwrap()
        };
        ((of("sync.page"), of("sync.page.search")) == (0, 1)).then_some(())
    })
    .await;
    eventually("the status says what waits", || {
        let said = world.reconcile(&["status"]).ends_with(0);
        let waiting = "queues of PROD: 1 message waits, 0 handed out, 0 failed\n";
        said.out.ends_with(waiting).then_some(())
    })
    .await;
    let status = eventually("the status for programs says what waits", || {
        let status = json(&["status"]);
        let depth = &status["queues"][0]["queues"][2];
        (depth["queue"] == "sync.page.search" && depth["ready"] == 1).then_some(status)
    })
    .await;
    let conditions = status["jobs"][0]["conditions"].as_array().unwrap();
    let published = conditions.iter().find(|it| it["type"] == "Published").unwrap();
    assert_eq!(published["status"], "False", "{status}");
    fs::remove_file(world.path("manifests/spring.yaml")).unwrap();
    daemon.says("spring: its manifest was deleted").await;
    fs::remove_dir(world.path("state/PROD/search.db")).unwrap();
    daemon.says("spring: published anew: page").await;
    // The rows of before the search store was lost are no run's to send.
    world.reconcile(&["sync:data", "page"]).ends_with(0);
    found(&world);
    daemon.ends().await;
}

/// Nobody else writes to the queue until this is let go.
async fn held_queue(world: &World) -> SqliteConnection {
    let url = format!("sqlite://{}", world.path("state/PROD/queue.db").display());
    let mut held = SqliteConnection::connect(&url).await.unwrap();
    held.execute("BEGIN IMMEDIATE").await.unwrap();
    held
}

/// A process that is killed between its commit and publishing: the next one finds the run in the ledger.
#[tokio::test]
async fn what_a_killed_daemon_committed_is_published_by_the_next_one() {
    let world = shop().await;
    let held = held_queue(&world).await;
    let mut daemon = world.watch();
    let begun = Instant::now();
    while world.titles().await != ["Home", "Spring"] {
        assert!(begun.elapsed() < LIMIT, "{}", daemon.said());
    }
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    held.close().await.unwrap();
    let daemon = world.watch();
    daemon.says("spring: published anew: page").await;
    condition(&world, &["status: \"True\"", "reason: Published"]).await;
    let told = message(&world);
    assert!(told.contains("left out: page will be published anew next"), "{told}");
    found(&world);
    daemon.ends().await;
}

/// A job that publishes for long holds no run up, and says that it runs.
#[tokio::test]
async fn a_run_starts_while_a_job_publishes() {
    let world = publishing(Place::sqlite("").await, Place::sqlite("").await, "").await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    let held = held_queue(&world).await;
    super::republish::job(&world, "night", "");
    let daemon = world.watch();
    daemon.says("night: Running: since ").await;
    world.approve();
    daemon.says("spring: Succeeded").await;
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    let said = world.reconcile(&["status", "night"]).ends_with(0);
    assert!(said.out.starts_with("night: Running\n"), "{}", said.out);
    held.close().await.unwrap();
    daemon.says("night: Succeeded").await;
    found(&world);
    daemon.ends().await;
}

/// What was under way when the daemon ends is stopped, and carried out by the next one.
#[tokio::test]
async fn a_daemon_that_ends_while_it_publishes_leaves_that_to_the_next() {
    let world = publishing(Place::sqlite("").await, Place::sqlite("").await, "").await;
    let held = held_queue(&world).await;
    super::republish::job(&world, "night", "");
    let daemon = world.watch();
    daemon.says("night: Running: since ").await;
    let said = daemon.ends().await;
    assert!(!said.contains("roll"), "{said}");
    held.close().await.unwrap();
    let daemon = world.watch();
    daemon.says("night: Succeeded").await;
    daemon.ends().await;
}
