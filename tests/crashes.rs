//! A daemon that is killed, or whose effects fail, at every step from claim to report: the real binary,
//! ended by itself at its n-th effect, and one after it that must bring everything to its end.
//!
//! Usually a few of the steps; `RECONCILE_TEST_FULL=1` does every one of them.

mod cuts;
pub mod proxy;
mod verdict;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::time::Instant;

use crate::daemon::world::{Daemon, LIMIT, MODULE, World};
use crate::mail::server::{Behaviour, Server};
use crate::places::Place;

/// What happens to the daemon, at which of its effects.
#[derive(Clone, Copy)]
struct Fault {
    what: &'static str,
    /// The only kind of effects that are counted, as the log names it.
    kind: Option<&'static str>,
    /// Files that aren't on the disk yet are lost with it.
    power: Power,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Power {
    Stays,
    Fails,
}

/// How a daemon ended to which something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Killed,
    /// It refused to start.
    GaveUp,
    /// Nothing is left to do.
    AtRest,
    /// It had its trouble, and is stopped.
    InTrouble,
}

const KILL: Fault = Fault { what: "kill", kind: None, power: Power::Stays };
const POWER_FAILS: Fault = Fault { power: Power::Fails, ..KILL };
const FAIL: Fault = Fault { what: "fail", ..KILL };
const FAIL_FROM: Fault = Fault { what: "fail-from", ..KILL };
const KILL_AT_MAIL: Fault = Fault { kind: Some("mail"), ..KILL };
const FAIL_AT_MAIL: Fault = Fault { kind: Some("mail"), ..FAIL };
/// Effects that fail before a daemon of which all fail is stopped.
const FAILURES: usize = 40;
/// A lease that couldn't be given back ends soon.
const SOON: (&str, &str) = ("RECONCILE_TEST_IDLE_SECONDS", "2");
/// A daemon that comes later: whatever was put off is due.
const HOURS_LATER: &str = "86400";

/// A job that is approved and due, of two records.
async fn due(prod: Place, test: Place, source: &str) -> World {
    due_with_mail(prod, test, source, "file:mails").await
}

async fn due_with_mail(prod: Place, test: Place, source: &str, transport: &str) -> World {
    let mail = format!(
        "mail: {{transport: \"{transport}\", from: reconcile@shop.example, recipients: \
         [\"*@shop.example\"]}}\n"
    );
    let world = World::new(prod, test, &format!("{source}{mail}")).await;
    world.manifest("pages.yaml", MODULE);
    world.job("  notify: [jo@shop.example]\n");
    if source.starts_with("git:") {
        world.repository();
    }
    let approve = ["approve", "spring", "--new", "all", "--modified", "all"];
    let arguments = [&["--config", "../reconcile.yaml"], &approve[..]].concat();
    crate::shop::reconcile(&world.path("manifests"), &arguments).ends_with(0);
    if source.starts_with("git:") {
        world.commit("Approve");
    }
    world
}

const FOLDER: &str = "manifests: manifests\n";
const GIT: &str = "git: {url: remote.git, pollSeconds: 30}\n";

/// Every so many effects, the first of them at a place that the stride alone wouldn't come to.
async fn sweep(world: &World, fault: Fault, stride: usize) -> usize {
    let (first, stride) = if is_full() { (1, 1) } else { (1 + stride / 3, stride) };
    let mut faults = 0;
    for at in (first..).step_by(stride) {
        world.begin_again().await;
        let told = fault.told(at);
        let effects = world.path("effects");
        let unsynced = [("RECONCILE_TEST_UNSYNCED", "1")];
        let mut variables = vec![
            ("RECONCILE_TEST_EFFECT", told.as_str()),
            ("RECONCILE_TEST_EFFECT_LOG", effects.to_str().unwrap()),
            ("RECONCILE_TEST_CLOCK", "0"),
        ];
        variables.extend(unsynced.iter().filter(|_| fault.power == Power::Fails));
        variables.extend(world.state.iter().map(|_| SOON));
        let place = || place(world, &told, at);
        let mut daemon = world.watch_with(&variables);
        let end = ended(world, &mut daemon, fault, at).await;
        drop(daemon);
        let is_over = end == End::AtRest && counted(world, fault) < at;
        if is_over {
            break;
        }
        faults += 1;
        let said = fs::read_to_string(world.path("daemon.log")).unwrap();
        let mut next = world.watch_with(&[("RECONCILE_TEST_CLOCK", HOURS_LATER), SOON]);
        let rested = tokio::time::timeout(LIMIT, rests(world, &mut next));
        let rested = rested.await.unwrap_or(false);
        assert!(rested, "{}\nbefore:\n{said}\nthen it doesn't come to rest", place());
        next.ends().await;
        let context = Context(place(), said);
        verdict::check(world).await;
        std::mem::forget(context);
    }
    faults
}

impl Fault {
    /// For the daemon, which it shall happen to at this effect.
    fn told(self, at: usize) -> String {
        let only = self.kind.map_or_else(String::new, |kind| format!(":{kind}"));
        format!("{}:{at}{only}", self.what)
    }
}

/// Says where it was when a check fails.
struct Context(String, String);

impl Drop for Context {
    fn drop(&mut self) {
        eprintln!("{}\nbefore:\n{}", self.0, self.1);
    }
}

/// What was done when it happened.
fn place(world: &World, told: &str, at: usize) -> String {
    let effects = effects_of(world);
    let around = at.saturating_sub(8)..effects.len().min(at + 2);
    format!("{told}, after {:#?}", &effects[around.start.min(around.end)..around.end])
}

fn effects_of(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.path("effects")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// How many effects there were of those that the fault counts.
fn counted(world: &World, fault: Fault) -> usize {
    let effects = effects_of(world);
    effects.iter().filter(|line| fault.kind.is_none_or(|kind| line.starts_with(kind))).count()
}

async fn ended(world: &World, daemon: &mut Daemon, fault: Fault, at: usize) -> End {
    let (begun, mut end) = (Instant::now(), None);
    while end.is_none() {
        let told = || place(world, fault.what, at);
        assert!(begun.elapsed() < LIMIT, "{}\nit goes on and on:\n{}", told(), daemon.said());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        let said = daemon.said();
        end = match daemon.child.try_wait().unwrap() {
            Some(status) if status.signal() == Some(9) => Some(End::Killed),
            Some(_) => Some(End::GaveUp),
            None if said.contains("spring: Succeeded") && verdict::is_at_rest(world).await => {
                Some(End::AtRest)
            }
            None if fault.what == "fail-from" && counted(world, fault) > at + FAILURES => {
                Some(End::InTrouble)
            }
            None => None,
        };
    }
    end.unwrap()
}

/// Waits until nothing is left to do.
async fn rests(world: &World, daemon: &mut Daemon) -> bool {
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        if daemon.child.try_wait().unwrap().is_some() {
            return false;
        }
        if daemon.said().contains("spring: Succeeded") && verdict::is_at_rest(world).await {
            return true;
        }
    }
}

fn tell(what: &str, faults: usize) {
    eprintln!("{faults} times: {what}");
    assert!(faults > 1, "{what}: only {faults}");
}

fn is_full() -> bool {
    std::env::var_os("RECONCILE_TEST_FULL").is_some()
}

#[tokio::test]
async fn a_kill_at_any_step_on_sqlite() {
    let world = due(Place::sqlite("").await, Place::sqlite("").await, FOLDER).await;
    tell("killed on SQLite", sweep(&world, KILL, 37).await);
}

#[tokio::test]
async fn an_effect_that_fails_once_on_sqlite() {
    let world = due(Place::sqlite("").await, Place::sqlite("").await, FOLDER).await;
    tell("an effect failed on SQLite", sweep(&world, FAIL, 37).await);
}

#[tokio::test]
async fn effects_that_fail_from_one_on_on_sqlite() {
    let world = due(Place::sqlite("").await, Place::sqlite("").await, FOLDER).await;
    tell("all effects failed from one on, on SQLite", sweep(&world, FAIL_FROM, 41).await);
}

#[tokio::test]
async fn a_power_failure_at_any_step() {
    let world = due(Place::sqlite("").await, Place::sqlite("").await, FOLDER).await;
    tell("the power failed", sweep(&world, POWER_FAILS, 37).await);
}

#[tokio::test]
async fn a_kill_at_any_step_with_manifests_and_results_in_git() {
    let world = due(Place::sqlite("").await, Place::sqlite("").await, GIT).await;
    tell("killed with git", sweep(&world, KILL, 61).await);
}

/// Each step of a conversation: before it the message is nobody's, after it perhaps the server's.
#[tokio::test]
async fn kills_and_failures_at_any_step_of_a_mail() {
    let server = Server::start(Behaviour::Fine).await;
    let (prod, test) = (Place::sqlite("").await, Place::sqlite("").await);
    let mut world = due_with_mail(prod, test, FOLDER, &server.url()).await;
    world.mail_server = Some(server);
    tell("killed while it mailed", sweep(&world, KILL_AT_MAIL, 1).await);
    tell("a step of a mail failed", sweep(&world, FAIL_AT_MAIL, 1).await);
}

async fn on_servers(name: &str, prod: Option<Place>, test: Option<Place>) {
    let (Some(prod), Some(test)) = (prod, test) else { return };
    let world = due(prod, test, FOLDER).await;
    tell(&format!("killed on {name}"), sweep(&world, KILL, 67).await);
    tell(&format!("an effect failed on {name}"), sweep(&world, FAIL, 83).await);
    tell(&format!("all effects failed from one on, on {name}"), sweep(&world, FAIL_FROM, 89).await);
    let World { prod, test, .. } = world;
    prod.remove().await;
    test.remove().await;
}

#[tokio::test]
async fn kills_and_failures_on_postgres() {
    on_servers("PostgreSQL", Place::postgres("").await, Place::postgres("").await).await;
}

#[tokio::test]
async fn kills_and_failures_on_mariadb() {
    on_servers("MariaDB", Place::mariadb("SELECT 1").await, Place::mariadb("SELECT 1").await).await;
}

/// A shop in files, with its state on a server.
async fn shared(state: Option<Place>) -> Option<World> {
    let state = state?;
    let source = format!("{FOLDER}state: \"{}\"\n", state.url);
    let mut world = due(Place::sqlite("").await, Place::sqlite("").await, &source).await;
    world.state = Some(state);
    Some(world)
}

#[tokio::test]
async fn kills_and_failures_with_a_state_that_is_shared() {
    let Some(world) = shared(Place::postgres("").await).await else { return };
    tell("killed with a shared state", sweep(&world, KILL, 71).await);
    tell("an effect failed with a shared state", sweep(&world, FAIL, 97).await);
    tell(
        "all effects failed from one on, with a shared state",
        sweep(&world, FAIL_FROM, 101).await,
    );
    world.state.unwrap().remove().await;
}
