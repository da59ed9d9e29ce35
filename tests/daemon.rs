//! The daemon from end to end: the real binary, real git, real SMTP, real databases.

mod announced;
mod ending;
mod host;
mod leases;
mod passes;
mod publishing;
mod refusals;
mod remote;
mod republish;
pub mod world;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reconcile::apply::Watch;
use reconcile::config;
use reconcile::daemon::watch;
use reconcile::database::CancelHandle;
use reconcile::state::{Remembered, State};

use crate::mail::server::{Behaviour, Server};
use crate::places::Place;
use crate::shop;
use world::{HASTE, MODULE, World, eventually};

async fn mail(server: &Server, subject: &str) -> String {
    eventually(&format!("a mail `{subject}`"), || {
        let mails = server.mails();
        let texts = mails.iter().map(|mail| String::from_utf8_lossy(&mail.bytes).into_owned());
        texts.into_iter().find(|text| text.contains(&format!("Subject: {subject}")))
    })
    .await
}

fn operator(server: &Server, more: &str) -> String {
    let url = server.url();
    format!(
        "git: {{url: remote.git, pollSeconds: 1}}\nmail: {{transport: \"{url}\", from: \
         reconcile@shop.example, recipients: [\"*@shop.example\"]}}\npeople: {{\"jo@users.example\": \
         jo@shop.example}}\n{more}"
    )
}

/// A commit with a job, the comparison's mail, an approval and its commit, the announcement, the run at
/// its time, its results on their branch, its mail.
async fn from_commit_to_result(prod: Place, test: Place, more: &str) {
    let server = Server::start(Behaviour::Fine).await;
    let world = World::new(prod, test, &operator(&server, more)).await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.repository();
    let daemon = world.watch();
    let compared = mail(&server, "Comparison finished: spring").await;
    assert!(compared.contains("To: jo@shop.example"), "{compared}");
    world.approve();
    let due = Timestamp::now() + SignedDuration::from_mins(10);
    let time = due.strftime("%Y-%m-%dT%H:%M");
    let approved = fs::read_to_string(world.path("manifests/spring.yaml")).unwrap();
    let scheduled = format!("{approved}  schedule: {{at: \"{time}\", timeZone: UTC}}\n");
    world.manifest("spring.yaml", &scheduled);
    // With the address that a git server gives people.
    world.commit_by("Jo <jo@users.example>", "Approve the spring page");
    let announced = mail(&server, "Synchronization process").await;
    assert!(announced.contains("To: jo@shop.example"), "{announced}");
    let day_and_hour = due.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let commit = world.git(&["rev-parse", "HEAD"])[..12].to_owned();
    for part in [
        day_and_hour.as_str(),
        "1 record will be changed",
        "page/2",
        "reconcile cancel spring",
        &format!("git revert {commit}"),
    ] {
        assert!(announced.contains(part), "{part}\n{announced}");
    }
    let status = world.result("spring/status.yaml", "phase: Scheduled").await;
    assert!(status.contains(&format!("next run {day_and_hour}, because `at` says so")), "{status}");
    assert_eq!(world.titles().await, ["Home"]);
    daemon.ends().await;
    let daemon = world.watch_with(&[HASTE]);
    mail(&server, "Success: Synchronization process").await;
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    let status = world.result("spring/status.yaml", "phase: Succeeded").await;
    assert!(status.contains("modified: 1"), "{status}");
    let run = status.split("lastApplied: ").nth(1).unwrap().lines().next().unwrap();
    let name = format!("spring/runs/{}.yaml", run.trim_matches('"'));
    let file = world.result(&name, "phase: Succeeded").await;
    assert!(file.contains("- record: page/2"), "{file}");
    assert!(file.contains("author: \"jo@users.example\""), "{file}");
    assert!(file.contains("- \"jo@shop.example\""), "{file}");
    let said = daemon.ends().await;
    assert!(said.contains("stopped"), "{said}");
    // Nothing is left to do, and nothing is committed again.
    let log = |world: &World| {
        crate::git::world::git(
            &world.path("remote.git"),
            &["log", "--format=%s", "reconcile-results"],
            b"",
        )
    };
    let before = log(&world);
    let again = world.watch();
    again.says("Succeeded: run").await;
    again.ends().await;
    assert_eq!(log(&world), before);
    assert_eq!(
        server
            .mails()
            .iter()
            .filter(|mail| String::from_utf8_lossy(&mail.bytes).contains("Subject: Success"))
            .count(),
        1
    );
    world.prod.remove().await;
    world.test.remove().await;
}

#[tokio::test]
async fn from_commit_to_result_on_sqlite() {
    from_commit_to_result(Place::sqlite("").await, Place::sqlite("").await, "").await;
}

#[tokio::test]
async fn from_commit_to_result_on_postgres_with_its_state_there() {
    let (Some(prod), Some(test), Some(state)) =
        (Place::postgres("").await, Place::postgres("").await, Place::postgres("").await)
    else {
        return;
    };
    from_commit_to_result(prod, test, &format!("state: \"{}\"\n", state.url)).await;
    state.remove().await;
}

#[tokio::test]
async fn a_mail_server_that_is_away_holds_nothing_back() {
    let server = Server::start(Behaviour::Stalls).await;
    let world = World::sqlite(&operator(&server, "")).await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.repository();
    let daemon = world.watch();
    daemon.says("spring: AwaitingApproval").await;
    world.approve();
    world.commit("Approve");
    world.result("spring/status.yaml", "phase: Succeeded").await;
    let said = world.reconcile(&["messages", "spring"]).ends_with(0);
    assert!(said.out.contains("Success: Synchronization process (spring)"), "{}", said.out);
    daemon.ends().await;
}

#[tokio::test]
async fn a_force_push_that_drops_the_approving_commit_refuses_the_run() {
    let server = Server::start(Behaviour::Fine).await;
    let world = World::sqlite(&operator(&server, "")).await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.repository();
    world.approve();
    let text = fs::read_to_string(world.path("manifests/spring.yaml")).unwrap();
    world.manifest("spring.yaml", &format!("{text}  suspend: true\n"));
    world.commit("Approve, but wait");
    let daemon = world.watch();
    daemon.says("spring: Suspended").await;
    // The same content in another history, and let go.
    world.manifest("spring.yaml", &text);
    world.git(&["add", "--all"]);
    world.git(&["commit", "-q", "--amend", "-m", "Approve"]);
    world.git(&["push", "-q", "--force", "origin", "main"]);
    let file = mail(&server, "FAILURE: Synchronization process").await;
    assert!(file.contains("rewritten"), "{file}");
    let status = world.result("spring/status.yaml", "phase: Failed").await;
    assert!(status.contains("isn't part of the branch any more"), "{status}");
    assert_eq!(world.titles().await, ["Home"]);
    daemon.ends().await;
}

#[tokio::test]
async fn a_folder_is_watched_also_when_it_is_made_anew() {
    let world = World::sqlite("manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    let daemon = world.watch();
    daemon.says("spring: AwaitingApproval: nothing is approved: 1 new, 1 modified").await;
    // As editors write: another file in its place.
    let text = fs::read_to_string(world.path("manifests/spring.yaml")).unwrap();
    world.manifest(".spring.yaml.swp", &text.replace("mode: all", "mode: new-only"));
    fs::rename(world.path("manifests/.spring.yaml.swp"), world.path("manifests/spring.yaml"))
        .unwrap();
    daemon.says("spring: AwaitingApproval: nothing is approved: 1 new\n").await;
    // A broken job stops itself alone.
    world.manifest(
        "broken.yaml",
        &text.replace("spring", "broken").replace("mode: all", "mode: most"),
    );
    daemon.says("broken: Invalid: ").await;
    fs::remove_dir_all(world.path("manifests")).unwrap();
    daemon.says("the manifests can't be read").await;
    fs::create_dir(world.path("manifests")).unwrap();
    world.manifest("pages.yaml", MODULE);
    world.reconcile(&["status"]).ends_with(0);
    world.manifest("spring.yaml", &text);
    world.approve();
    daemon.says("spring: Succeeded").await;
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    assert!(
        fs::read_to_string(world.path("results/spring/status.yaml")).unwrap().contains("Succeeded")
    );
    daemon.ends().await;
}

#[tokio::test]
async fn what_operators_do_is_seen_and_told() {
    let world = World::sqlite("manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("  schedule: {at: \"2999-12-01T02:00\", timeZone: Europe/Warsaw}\n");
    world.approve();
    let daemon = world.watch();
    daemon.says("spring: Scheduled: next run 2999-12-01 02:00 CET").await;
    let said = world.reconcile(&["status", "--format", "json"]).ends_with(0);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["jobs"][0]["phase"], "Scheduled", "{json}");
    assert_eq!(json["jobs"][0]["nextRun"], "2999-12-01T01:00:00Z", "{json}");
    for (until, told) in [
        ("2999-12", "a date (2026-12-01) or a local date and time (2026-12-01T02:00) is needed"),
        ("2001-12-01", "that has passed already"),
    ] {
        let arguments = ["suspend", "spring", "--reason", "stock-taking", "--until", until];
        let said = world.reconcile(&arguments).ends_with(64);
        assert!(said.err.contains(&format!("`--until {until}`: {told}")), "{}", said.err);
    }
    world.reconcile(&["suspend", "spring", "--reason", "stock-taking"]).ends_with(0);
    let said = world.reconcile(&["status", "spring"]).ends_with(0);
    assert!(said.out.contains("Suspended\n  stock-taking (suspended by"), "{}", said.out);
    world.reconcile(&["spring"]).ends_with(6);
    world.reconcile(&["resume", "spring"]).ends_with(0);
    world.reconcile(&["cancel", "spring"]).ends_with(0);
    let said = world.reconcile(&["cancel", "spring"]).ends_with(1);
    assert!(said.err.contains("it is over: Cancelled"), "{}", said.err);
    let said = world.reconcile(&["messages"]).ends_with(0);
    assert!(said.out.contains("Cancelled: Synchronization process (spring)"), "{}", said.out);
    // A file that can't be used changes nothing.
    let good = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    fs::write(world.path("reconcile.yaml"), "instance: MARS\n").unwrap();
    daemon.signal("-HUP");
    daemon.says("the operator's file can't be used, the old one stays").await;
    fs::write(world.path("reconcile.yaml"), good).unwrap();
    daemon.signal("-HUP");
    daemon.says("the operator's file was read again").await;
    daemon.ends().await;
    assert_eq!(world.titles().await, ["Home"]);
}

#[test]
fn the_demo_of_the_daemon_goes_from_commit_to_result() {
    let folder = tempfile::tempdir().unwrap();
    let said = shop::reconcile(folder.path(), &["demo", "--watch"]).ends_with(0);
    for part in [
        "Subject: Comparison finished: spring-campaign",
        "Subject: Synchronization process (spring-campaign)",
        "reconcile cancel spring-campaign",
        "/cancel/spring-campaign.",
        "Subject: Success: Synchronization process (spring-campaign)",
        "reconcile: results of spring-campaign: Succeeded",
        "phase: Succeeded",
    ] {
        assert!(said.out.contains(part), "{part}\n{}\n{}", said.out, said.err);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Looks on without doing anything, or makes a mistake in the midst of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Onlooker {
    Quiet,
    Panics,
}

impl Watch for Onlooker {
    fn writing(&mut self, _: Option<CancelHandle>) -> Result<(), reconcile::apply::Error> {
        assert!(*self == Self::Quiet, "the test's mistake");
        Ok(())
    }

    fn step(&mut self, _: usize, _: usize) -> Result<(), reconcile::apply::Error> {
        Ok(())
    }
}

/// The daemon's looks in this process, at times that the test says.
struct Looks {
    daemon: watch::Daemon,
    now: Timestamp,
}

impl Looks {
    async fn open(world: &World) -> Self {
        let config = config::load(&world.path("reconcile.yaml"), &|_| None).unwrap();
        let daemon = watch::Daemon::start(Arc::new(config)).await.unwrap();
        Self { daemon, now: "2026-12-01T01:00:00Z".parse().unwrap() }
    }

    async fn until_rest(&mut self, mut onlooker: Onlooker) {
        while self.daemon.look(self.now, &mut onlooker).await.unwrap().again <= self.now {}
    }

    async fn memories(&self) -> BTreeMap<String, Remembered> {
        State::open(self.daemon.config()).await.unwrap().memories().await.unwrap()
    }

    /// Subjects, oldest first.
    async fn told(&self) -> Vec<String> {
        let messages = State::open(self.daemon.config()).await.unwrap().messages().await.unwrap();
        messages.into_iter().rev().map(|it| it.message.subject).collect()
    }
}

#[tokio::test]
async fn a_job_whose_manifest_is_deleted_is_cancelled_once_and_stays_the_same_job() {
    let world = World::sqlite("manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("  schedule: {at: \"2999-12-01T02:00\", timeZone: Europe/Warsaw}\n");
    world.approve();
    let mut looks = Looks::open(&world).await;
    looks.until_rest(Onlooker::Quiet).await;
    let file = world.path("manifests/spring.yaml");
    let text = fs::read_to_string(&file).unwrap();
    // A file that can't be read may hold the job: nothing is said of it.
    fs::write(&file, "apiVersion: [\n").unwrap();
    looks.until_rest(Onlooker::Quiet).await;
    let announced = ["Comparison finished", "Synchronization process"];
    let begins = |told: &[String], with: &[&str]| {
        told.len() == with.len() && told.iter().zip(with).all(|(it, with)| it.starts_with(with))
    };
    assert!(begins(&looks.told().await, &announced), "{:?}", looks.told().await);
    fs::remove_file(&file).unwrap();
    for _ in 0..3 {
        looks.until_rest(Onlooker::Quiet).await;
    }
    let cancelled = [announced[0], announced[1], "Cancelled: Synchronization process"];
    assert!(begins(&looks.told().await, &cancelled), "{:?}", looks.told().await);
    let status = fs::read_to_string(world.path("results/spring/status.yaml")).unwrap();
    assert!(status.contains("its manifest was deleted"), "{status}");
    fs::write(&file, text).unwrap();
    looks.until_rest(Onlooker::Quiet).await;
    assert!(begins(&looks.told().await, &cancelled), "{:?}", looks.told().await);
    let said = world.reconcile(&["status"]).ends_with(0);
    assert!(said.out.contains("Cancelled"), "{}", said.out);
}

#[tokio::test]
async fn a_mistake_of_the_program_ends_one_run_and_not_the_daemon() {
    let world = World::sqlite("manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    let mut looks = Looks::open(&world).await;
    looks.until_rest(Onlooker::Quiet).await;
    world.approve();
    looks.until_rest(Onlooker::Panics).await;
    let said = world.reconcile(&["status"]).ends_with(0);
    assert!(said.out.contains("Failed"), "{}", said.out);
    assert!(said.out.contains("this program made a mistake: the test's mistake"), "{}", said.out);
    assert_eq!(world.titles().await, ["Home"]);
    let file = world.path("manifests/spring.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("mode: all", "mode: all\n  request: 2")).unwrap();
    looks.until_rest(Onlooker::Quiet).await;
    assert_eq!(world.titles().await, ["Home", "Spring"]);
}

#[tokio::test]
async fn a_state_store_of_a_later_release_is_refused() {
    let world = World::sqlite("manifests: manifests\n").await;
    world.reconcile(&["status"]).ends_with(0);
    let state = world.path("state/reconcile.db");
    shop::change(&state, "UPDATE reconcile_state SET value = '99' WHERE name = 'version'").await;
    for command in ["status", "watch"] {
        let said = world.reconcile(&[command]).ends_with(1);
        assert!(said.err.contains("the state store is of version 99"), "{}", said.err);
    }
}

/// Databases that aren't there any more don't matter while nothing changes. In full a look at 500 jobs
/// takes less than a second, and memory doesn't grow over 1,000 of them.
#[tokio::test]
async fn a_look_without_changes_opens_no_database() {
    const ALONE: &str = "RECONCILE_TEST_ALONE";
    let is_full = std::env::var_os("RECONCILE_TEST_FULL").is_some();
    if is_full && std::env::var_os(ALONE).is_none() {
        // The memory of this process is that of other tests, too.
        let name = "daemon::a_look_without_changes_opens_no_database";
        let mut alone = Command::new(std::env::current_exe().unwrap());
        let ended = alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1").status().unwrap();
        assert!(ended.success());
        return;
    }
    let world = World::sqlite("manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    let (jobs, looks) = if is_full { (500, 1000) } else { (20, 50) };
    for number in 0..jobs {
        let job = format!(
            "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {{name: job-{number}}}\nspec: \
             {{direction: TEST -> PROD, mode: all, modules: [pages]}}\n"
        );
        world.manifest(&format!("job-{number}.yaml"), &job);
    }
    let mut daemon = Looks::open(&world).await;
    daemon.until_rest(Onlooker::Quiet).await;
    for place in [&world.prod, &world.test] {
        fs::remove_file(place.url.strip_prefix("sqlite://").unwrap()).unwrap();
    }
    let before = daemon.memories().await;
    let (begun, memory) = (Instant::now(), resident_kilobytes());
    for _ in 0..looks {
        daemon.now += jiff::SignedDuration::from_secs(30);
        let look = daemon.daemon.look(daemon.now, &mut Onlooker::Quiet).await.unwrap();
        assert!(look.again > daemon.now);
    }
    let (each, grown) = (begun.elapsed() / looks, resident_kilobytes() - memory);
    eprintln!(
        "{looks} looks at {jobs} jobs: {each:?} each; {memory} KB resident, {grown} KB more after"
    );
    if is_full {
        assert!(each < Duration::from_secs(1) && grown < 8 * 1024, "{each:?}, {grown} KB");
    }
    assert_eq!(before, daemon.memories().await, "nothing is written where nothing changed");
    assert_eq!(before.len(), jobs);
}

fn resident_kilobytes() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
