//! SIGTERM in the midst of something: what is under way ends, and is left to whoever comes next.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use sqlx::Connection;

use super::leases::{WAIT, waits_at_the_lock};
use super::world::{Daemon, LIMIT, MODULE, World, eventually, texts};
use crate::places::Place;
use crate::process::Start;

/// A remote that takes no push, and says nothing.
#[tokio::test]
async fn a_push_that_hangs_holds_up_no_end() {
    let world = World::sqlite("git: {url: remote.git, pollSeconds: 1}\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.repository();
    let (hook, begun) = (world.path("remote.git/hooks/pre-receive"), world.path("begun"));
    let script = format!("#!/bin/sh\ntouch '{}'\nexec sleep 600\n", begun.display());
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let daemon = world.watch();
    eventually("a push is under way", || begun.exists().then_some(())).await;
    let since = Instant::now();
    let said = daemon.ends().await;
    assert!(since.elapsed() < Duration::from_secs(30), "{said}");
    assert!(said.contains("results that aren't pushed are pushed by whoever comes next"), "{said}");
    fs::remove_file(&hook).unwrap();
    let next = world.watch();
    world.result("spring/status.yaml", "phase: AwaitingApproval").await;
    next.ends().await;
}

/// Other machines can't see that this process is gone: for them the lease would last for a while.
#[tokio::test]
async fn a_run_that_is_ended_before_it_writes_gives_its_lease_back() {
    let Some(mut world) = World::sharing().await else { return };
    let state = world.state.take().unwrap();
    let mut lock = sqlx::PgConnection::connect(&world.test.url).await.unwrap();
    world.approve();
    sqlx::query("BEGIN").execute(&mut lock).await.unwrap();
    sqlx::query("LOCK TABLE page").execute(&mut lock).await.unwrap();
    let daemon = world.watch();
    let holder = async || {
        let leases = texts(&state.url, "reconcile_lease", &["office", "holder"]).await;
        leases.into_iter().find(|lease| lease[0] == "run").map(|lease| lease[1].clone())
    };
    let begun = Instant::now();
    while holder().await.is_none_or(|holder| holder.is_empty()) {
        assert!(begun.elapsed() < LIMIT, "{}", daemon.said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let said = daemon.ends().await;
    assert!(said.contains("stopping; nothing was written"), "{said}");
    assert_eq!(holder().await.as_deref(), Some(""));
    lock.close().await.unwrap();
    for place in [world.prod, world.test, state] {
        place.remove().await;
    }
}

/// A run that wrote and waits, in a daemon that was told to end.
async fn told_to_end_while_it_writes(grace: &str) -> Option<(World, sqlx::PgConnection, Daemon)> {
    let (prod, test) = (Place::postgres("").await?, Place::postgres("").await?);
    let world = World::new(prod, test, &format!("manifests: manifests\n{WAIT}")).await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.approve();
    let mut lock = sqlx::PgConnection::connect(&world.prod.url).await.unwrap();
    sqlx::query("SELECT pg_advisory_lock(4711)").execute(&mut lock).await.unwrap();
    let start = Start { grace, ..Start::default() };
    let daemon = Daemon::start(world.folder.path(), &start, "daemon.log");
    let begun = Instant::now();
    while !waits_at_the_lock(&mut lock).await {
        assert!(begun.elapsed() < LIMIT, "{}", daemon.said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    daemon.signal("-TERM");
    daemon.says(&format!("stopping: the run may take {grace} s more")).await;
    Some((world, lock, daemon))
}

async fn gone(mut daemon: Daemon) -> String {
    let code = eventually("the daemon ends", || daemon.child.try_wait().unwrap()).await;
    assert_eq!(code.code(), Some(0), "{}", daemon.said());
    daemon.said()
}

#[tokio::test]
async fn a_run_that_ends_within_the_grace_is_committed() {
    let Some((world, mut lock, daemon)) = told_to_end_while_it_writes("60").await else { return };
    // Its manifest is gone by then: after the claim a run is finished.
    fs::remove_file(world.path("manifests/spring.yaml")).unwrap();
    sqlx::query("SELECT pg_advisory_unlock(4711)").execute(&mut lock).await.unwrap();
    let said = gone(daemon).await;
    assert!(said.contains("the run went to its end"), "{said}");
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    let told = world.reconcile(&["messages"]).ends_with(0).out;
    assert!(told.contains("Success: Synchronization process (spring)"), "{told}");
    let next = world.watch();
    next.says("spring: its manifest was deleted").await;
    next.ends().await;
    assert_eq!(world.titles().await, ["Home", "Spring"], "what was done stays");
    lock.close().await.unwrap();
    world.prod.remove().await;
    world.test.remove().await;
}

#[tokio::test]
async fn a_run_that_outlasts_the_grace_is_rolled_back_and_left_to_the_next() {
    let Some((world, lock, daemon)) = told_to_end_while_it_writes("1").await else { return };
    let said = gone(daemon).await;
    assert!(said.contains("the run was asked to roll back"), "{said}");
    assert_eq!(world.titles().await, ["Home"]);
    lock.close().await.unwrap();
    let next = world.watch();
    next.says("spring: Succeeded").await;
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    next.ends().await;
    world.prod.remove().await;
    world.test.remove().await;
}

#[tokio::test]
async fn systemd_is_told_when_it_watches_and_when_it_stops() {
    let world = World::sqlite("manifests: manifests\n").await;
    let socket = world.path("systemd");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(LIMIT)).unwrap();
    let heard = || {
        let mut bytes = [0; 256];
        let length = systemd.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
    };
    let daemon = world.watch_with(&[("NOTIFY_SOCKET", socket.to_str().unwrap())]);
    assert_eq!(heard(), "READY=1");
    assert!(daemon.said().contains("watching"), "{}", daemon.said());
    daemon.ends().await;
    assert_eq!(heard(), "STOPPING=1");
}
