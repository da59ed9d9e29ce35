//! The daemon and its git remote: what it says when a run is due, commits that nobody signed, pushes
//! that are refused or hang.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use jiff::{SignedDuration, Timestamp};

use super::world::{HASTE, MODULE, World, eventually, texts};
use super::{Looks, Onlooker};
use crate::signing::{self, SshKey, ssh_key};

/// A shop with a job and its repository.
async fn repository(more: &str) -> World {
    let world = World::sqlite(&format!("git: {{url: remote.git, pollSeconds: 1{more}}}\n")).await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.repository();
    world
}

/// What the remote does before it takes a push.
fn receives_by(world: &World, script: &str) {
    let hook = world.path("remote.git/hooks/pre-receive");
    fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
}

fn receives(world: &World) {
    fs::remove_file(world.path("remote.git/hooks/pre-receive")).unwrap();
}

/// How often the run was committed, and how often it was told of.
async fn runs_and_messages(world: &World) -> (usize, usize) {
    let runs = texts(&world.prod.url, "reconcile_run", &["run"]).await.len();
    let told = world.reconcile(&["messages"]).ends_with(0).out;
    (runs, told.matches("Success: Synchronization process (spring)").count())
}

/// Approves the job for a time so many minutes from now, which is returned.
fn approve_for(world: &World, minutes: i64) -> Timestamp {
    world.approve();
    let due = Timestamp::now() + SignedDuration::from_mins(minutes);
    let approved = fs::read_to_string(world.path("manifests/spring.yaml")).unwrap();
    let at = due.strftime("%Y-%m-%dT%H:%M");
    let schedule = format!("  schedule: {{at: \"{at}\", timeZone: UTC}}\n");
    world.manifest("spring.yaml", &(approved + &schedule));
    world.commit("Approve");
    due
}

/// It polls once an hour, and the approval is taken back right after it was seen.
#[tokio::test]
async fn what_was_taken_back_since_the_branch_was_read_is_not_run() {
    let world = repository("").await;
    let file = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    let seldom = file.replace("pollSeconds: 1", "pollSeconds: 3600");
    assert_ne!(seldom, file);
    fs::write(world.path("reconcile.yaml"), seldom).unwrap();
    let due = approve_for(&world, 10);
    let mut looks = Looks::open(&world).await;
    looks.now = Timestamp::now();
    looks.until_rest(Onlooker::Quiet).await;
    world.git(&["revert", "--no-edit", "HEAD"]);
    world.git(&["push", "-q", "origin", "main"]);
    looks.now = due - SignedDuration::from_mins(1);
    looks.until_rest(Onlooker::Quiet).await;
    let announced = ["Comparison finished", "Synchronization process"];
    let told = looks.told().await;
    assert!(
        told.len() == 2 && told.iter().zip(announced).all(|(a, b)| a.starts_with(b)),
        "{told:?}"
    );
    looks.now = due + SignedDuration::from_secs(1);
    looks.until_rest(Onlooker::Quiet).await;
    assert_eq!(world.titles().await, ["Home"]);
    let told = looks.told().await;
    assert!(told[2].starts_with("Cancelled: Synchronization process (spring)"), "{told:?}");
}

#[tokio::test]
async fn nothing_is_run_while_the_branch_cant_be_read() {
    let world = repository("").await;
    let due = approve_for(&world, 10);
    let mut looks = Looks::open(&world).await;
    looks.now = Timestamp::now();
    looks.until_rest(Onlooker::Quiet).await;
    let (remote, away) = (world.path("remote.git"), world.path("away.git"));
    fs::rename(&remote, &away).unwrap();
    looks.now = due + SignedDuration::from_mins(1);
    looks.daemon.hear();
    let error = looks.daemon.look(looks.now, &mut Onlooker::Quiet).await.unwrap_err();
    assert!(error.to_string().starts_with("the manifests can't be read: "), "{error}");
    assert_eq!(world.titles().await, ["Home"]);
    fs::rename(&away, &remote).unwrap();
    looks.until_rest(Onlooker::Quiet).await;
    assert_eq!(world.titles().await, ["Home", "Spring"]);
}

#[tokio::test]
async fn a_branch_that_refuses_results_repeats_no_run_and_gets_them_later() {
    let world = repository("").await;
    world.approve();
    world.commit("Approve");
    receives_by(&world, "echo 'protected: ask Jo' >&2; exit 1");
    let daemon = world.watch_with(&[HASTE]);
    daemon.says("results aren't pushed yet: ").await;
    daemon.says("spring: Succeeded").await;
    assert!(daemon.said().contains("protected: ask Jo"), "{}", daemon.said());
    receives(&world);
    let status = world.result("spring/status.yaml", "phase: Succeeded").await;
    assert!(status.contains("modified: 1"), "{status}");
    assert_eq!(runs_and_messages(&world).await, (1, 1));
    daemon.ends().await;
}

/// Whoever asks how jobs stand, or stops one, doesn't depend on the remote.
#[tokio::test]
async fn a_job_is_looked_at_and_suspended_while_the_remote_is_away() {
    let world = repository("").await;
    approve_for(&world, 10);
    let daemon = world.watch();
    daemon.says("spring: Scheduled: next run ").await;
    daemon.ends().await;
    let (remote, away) = (world.path("remote.git"), world.path("away.git"));
    fs::rename(&remote, &away).unwrap();
    let said = world.reconcile(&["status", "spring"]).ends_with(0);
    assert!(said.out.starts_with("spring: Scheduled\n  next run "), "{}", said.out);
    assert!(said.err.contains("this is by what it said last: "), "{}", said.err);
    let said = world.reconcile(&["cancel", "spring"]).ends_with(1);
    assert!(
        said.err.contains("`reconcile suspend spring --reason …` asks no remote"),
        "{}",
        said.err
    );
    world.reconcile(&["suspend", "spring", "--reason", "stock-taking"]).ends_with(0);
    fs::rename(&away, &remote).unwrap();
    let daemon = world.watch();
    daemon.says("spring: Suspended: stock-taking").await;
    daemon.ends().await;
}

/// The remote takes a push and says nothing, while a comparison that failed is due again.
#[tokio::test]
async fn a_push_that_hangs_holds_no_run_up() {
    let world = repository("").await;
    world.approve();
    world.commit("Approve");
    let begun = world.path("begun");
    receives_by(&world, &format!("touch '{}'; exec sleep 600", begun.display()));
    let (test, away) = (world.test.url.strip_prefix("sqlite://").unwrap(), world.path("away.db"));
    fs::rename(test, &away).unwrap();
    let daemon = world.watch();
    eventually("a push is under way", || begun.exists().then_some(())).await;
    fs::rename(&away, test).unwrap();
    daemon.says("spring: Succeeded").await;
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    daemon.ends().await;
    receives(&world);
    let next = world.watch();
    world.result("spring/status.yaml", "phase: Succeeded").await;
    assert_eq!(runs_and_messages(&world).await, (1, 1));
    next.ends().await;
}

/// The commit that approves isn't signed, the one on top of it is.
#[tokio::test]
async fn nothing_is_run_from_a_branch_with_a_commit_that_nobody_signed() {
    if !signing::is_there() {
        return;
    }
    let keys = tempfile::tempdir().unwrap();
    let SshKey { path, public } = ssh_key(keys.path(), "key");
    let world = repository(&format!(", requireSigned: {{keys: [\"{public}\"]}}")).await;
    for (name, value) in [("gpg.format", "ssh"), ("user.signingKey", path.as_str())] {
        world.git(&["config", name, value]);
    }
    let signed = |arguments: &[&str]| {
        world.git(&[&["-c", "commit.gpgSign=true", "commit", "-q"], arguments].concat());
    };
    signed(&["--allow-empty", "-m", "Trusted"]);
    world.git(&["push", "-q", "origin", "main"]);
    let daemon = world.watch();
    daemon.says("spring: AwaitingApproval").await;
    world.approve();
    world.commit("Approve, by somebody");
    let unsigned = world.git(&["rev-parse", "HEAD"]);
    signed(&["--allow-empty", "-m", "On top"]);
    world.git(&["push", "-q", "origin", "main"]);
    daemon.says(&format!("commit {unsigned} by Jo <jo@shop.example> isn't signed")).await;
    daemon.says("nothing is done until the branch holds signed commits only").await;
    // Nor by a pass, or once the daemon begins anew.
    let said = world.reconcile(&["spring"]).ends_with(1);
    assert!(said.err.contains("isn't signed"), "{}", said.err);
    daemon.ends().await;
    let daemon = world.watch();
    daemon.says("isn't signed").await;
    assert_eq!(world.titles().await, ["Home"]);
    world.git(&["reset", "-q", "--soft", "HEAD~2"]);
    signed(&["-m", "Approve"]);
    world.git(&["push", "-q", "--force", "origin", "main"]);
    daemon.says("spring: Succeeded").await;
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    daemon.ends().await;
}
