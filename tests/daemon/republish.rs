//! RepublishJobs under the daemon: at their time, once for each request, and told of like any job.

use std::fs;

use jiff::{SignedDuration, Timestamp};

use super::world::{HASTE, World, eventually};
use crate::places::Place;
use crate::republish::RESOURCE;

/// A shop whose pages are published.
pub async fn publishing(prod: Place, test: Place, more: &str) -> World {
    let world = World::new(prod, test, &format!("manifests: manifests\n{more}")).await;
    let text = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    let prod = format!("PROD: {{database: \"{}\"", world.prod.url);
    let publish = "publish: {queue: embedded, storage: embedded, search: embedded}";
    let published = text.replace(&prod, &format!("{prod}, {publish}"));
    assert_ne!(published, text);
    let published = published.replace("[page]", "[\"page*\"]");
    fs::write(world.path("reconcile.yaml"), published).unwrap();
    world.manifest("page.yaml", RESOURCE);
    world.reconcile(&["publish:trigger-events", "--create-tables"]).ends_with(0);
    world
}

pub fn job(world: &World, name: &str, spec: &str) {
    let heading =
        format!("apiVersion: reconcile/v1\nkind: RepublishJob\nmetadata: {{name: {name}}}");
    let comma = if spec.is_empty() { "" } else { ", " };
    let spec = format!("action: trigger-events, resources: [page]{comma}{spec}");
    world.manifest(&format!("{name}.yaml"), &format!("{heading}\nspec: {{{spec}}}\n"));
}

/// A schedule some minutes from now.
fn at(moment: Timestamp) -> String {
    let local = moment.strftime("%Y-%m-%dT%H:%M");
    format!("schedule: {{at: \"{local}\", timeZone: UTC}}")
}

fn minutes(number: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(number)
}

async fn title(world: &World, title: &str) {
    world.prod.run(&format!("UPDATE page SET title = '{title}' WHERE id = 1")).await;
}

#[track_caller]
fn stored(world: &World, title: &str) {
    let said = world.reconcile(&["get", "page:1"]).ends_with(0);
    assert!(said.out.contains(&format!("\"title\":\"{title}\"")), "{}", said.out);
}

async fn file(world: &World, name: &str, says: &str) -> String {
    let path = world.path("results").join(name);
    eventually(&format!("{name} says {says}"), || {
        fs::read_to_string(&path).ok().filter(|text| text.contains(says))
    })
    .await
}

/// How often a message of this subject was written.
fn told(world: &World, subject: &str) -> usize {
    let said = world.reconcile(&["messages"]).ends_with(0);
    said.out.lines().filter(|line| line.contains(subject)).count()
}

async fn story(world: &World) {
    let due = minutes(10);
    job(world, "night", &at(due));
    job(world, "later", &at(minutes(12)));
    title(world, "Home at night").await;
    let daemon = world.watch();
    daemon.says("night: Scheduled: next run ").await;
    daemon.says("later: Scheduled: next run ").await;
    let status = file(world, "night/status.yaml", "phase: Scheduled").await;
    assert!(status.contains("trigger-events of page"), "{status}");
    world.reconcile(&["cancel", "later"]).ends_with(0);
    daemon.ends().await;
    stored(world, "Home");

    job(world, "after", &at(minutes(14)));
    let daemon = world.watch_with(&[HASTE]);
    let status = file(world, "night/status.yaml", "phase: Succeeded").await;
    let run = status.split("lastAttempted: ").nth(1).unwrap().lines().next().unwrap();
    let run = run.trim_matches('"').to_owned();
    let earliest = due.strftime("%Y%m%d-%H%M").to_string();
    assert!(run >= earliest, "{run} before {earliest}");
    let result = file(world, &format!("night/runs/{run}.yaml"), "phase: Succeeded").await;
    for line in ["published:\n", "  read: 1\n", "  changed: 2\n", "  sent: 2\n", "  written: 2\n"] {
        assert!(result.contains(line), "{line}{result}");
    }
    stored(world, "Home at night");

    // What was cancelled stays so when its time has passed.
    file(world, "after/status.yaml", "phase: Succeeded").await;
    file(world, "later/status.yaml", "phase: Cancelled").await;
    assert_eq!(fs::read_dir(world.path("results/later")).unwrap().count(), 1);

    // Once for each request, also under another daemon; another number asks again.
    title(world, "Home again").await;
    daemon.ends().await;
    job(world, "other", "ids: [99]");
    let daemon = world.watch();
    file(world, "other/status.yaml", "phase: Succeeded").await;
    stored(world, "Home at night");
    job(world, "night", "request: 2");
    eventually("the second request is over", || {
        let runs = fs::read_dir(world.path("results/night/runs")).unwrap().count();
        (runs == 2).then_some(())
    })
    .await;
    file(world, "night/status.yaml", "phase: Succeeded").await;
    stored(world, "Home again");
    daemon.ends().await;

    assert_eq!(told(world, "Success: Publishing (night)"), 2);
    assert_eq!(told(world, "Success: Publishing (after)"), 1);
    assert_eq!(told(world, "Cancelled: Publishing (later)"), 1);
    assert_eq!(told(world, "Success: Publishing (later)"), 0);
    // Each that had a time was announced.
    assert_eq!(told(world, "  Publishing ("), 3);
}

#[tokio::test]
async fn results_of_a_republish_job_reach_their_branch() {
    let world = publishing(Place::sqlite("").await, Place::sqlite("").await, "").await;
    let operators = world.path("reconcile.yaml");
    let text = fs::read_to_string(&operators).unwrap();
    let git = "git: {url: remote.git, pollSeconds: 1}\n";
    fs::write(&operators, text.replace("manifests: manifests\n", git)).unwrap();
    job(&world, "night", "");
    world.repository();
    let daemon = world.watch();
    let status = world.result("night/status.yaml", "phase: Succeeded").await;
    let run = status.split("lastAttempted: ").nth(1).unwrap().lines().next().unwrap();
    let run = format!("night/runs/{}.yaml", run.trim_matches('"'));
    world.result(&run, "phase: Succeeded").await;
    daemon.ends().await;
}

#[tokio::test]
async fn a_republish_job_fires_at_its_time_once_on_sqlite() {
    let world = publishing(Place::sqlite("").await, Place::sqlite("").await, "").await;
    story(&world).await;
}

#[tokio::test]
async fn a_republish_job_fires_at_its_time_once_on_postgresql_with_its_state_there() {
    let (Some(prod), Some(test), Some(state)) =
        (Place::postgres("").await, Place::postgres("").await, Place::postgres("").await)
    else {
        return;
    };
    let world = publishing(prod, test, &format!("state: \"{}\"\n", state.url)).await;
    story(&world).await;
    for place in [world.prod, world.test, state] {
        place.remove().await;
    }
}
