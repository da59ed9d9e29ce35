//! SIGTERM in the midst of something: what is under way ends, and is left to whoever comes next.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use sqlx::Connection;

use super::world::{LIMIT, MODULE, World, eventually, texts};

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
