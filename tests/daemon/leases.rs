//! Several daemons with one state store, and a person beside a daemon.

use std::fs;
use std::process::Child;

use reconcile::apply::ledger::Ledger;
use reconcile::apply::{Error, Term};
use reconcile::database::Session;
use reconcile::state::{Change, Running, State};
use sqlx::Connection;

use super::world::{Daemon, LIMIT, MODULE, World, eventually, texts};
use super::{mail, operator};
use crate::mail::server::{Behaviour, Server};
use crate::places::Place;

/// The server ends what idles in a transaction for so long, and a lease ends after half as much more.
const SOON: (&str, &str) = ("RECONCILE_TEST_IDLE_SECONDS", "2");
/// Somebody else's lock that a run waits for: it stands in its transaction then, having written.
pub const WAIT: &str =
    "modules: {pages: {afterWrite: [\"SELECT pg_advisory_xact_lock_shared(4711)\"]}}\n";

/// A shop on PostgreSQL with its state there, and an approved job.
async fn shared(server: &Server, more: &str) -> Option<(World, Place)> {
    let (prod, test) = (Place::postgres("").await?, Place::postgres("").await?);
    let state = Place::postgres("").await?;
    let more = format!("state: \"{}\"\n{more}", state.url);
    let world = World::new(prod, test, &operator(server, &more)).await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.repository();
    world.approve();
    world.commit("Approve the spring page");
    Some((world, state))
}

/// A daemon with a state directory of its own.
fn another(world: &World, name: &str) -> Daemon {
    let file = format!("{name}.yaml");
    let text = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    let text = text.replace("stateDirectory: state", &format!("stateDirectory: {name}"));
    fs::write(world.path(&file), text).unwrap();
    world.watch_with(&[("RECONCILE_CONFIG", &file), SOON])
}

/// Whether a run of the world stands at the lock that the test holds.
pub async fn waits_at_the_lock(connection: &mut sqlx::PgConnection) -> bool {
    let sql = "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database \
               WHERE locktype = 'advisory' AND NOT granted AND objid = 4711 \
               AND datname = current_database())";
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// What there must be of a run, however many daemons tried it: one of each.
async fn one_of_each(world: &World, server: &Server) {
    mail(server, "Success: Synchronization process").await;
    world.result("spring/status.yaml", "phase: Succeeded").await;
    let runs = texts(&world.prod.url, "reconcile_run", &["run"]).await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    let tree = crate::git::world::git(
        &world.path("remote.git"),
        &["ls-tree", "-r", "--name-only", "reconcile-results"],
        b"",
    );
    let files: Vec<&str> = tree.lines().filter(|line| line.contains("/runs/")).collect();
    assert_eq!(files, [format!("results/spring/runs/{}.yaml", runs[0][0])]);
    let texts =
        server.mails().into_iter().map(|it| String::from_utf8_lossy(&it.bytes).into_owned());
    let about_runs: Vec<String> =
        texts.filter(|text| text.contains("Synchronization process")).collect();
    assert_eq!(about_runs.len(), 1, "{about_runs:#?}");
    assert!(about_runs[0].contains("Subject: Success"), "{about_runs:?}");
}

#[tokio::test]
async fn a_daemon_that_was_stopped_for_too_long_commits_nothing() {
    let server = Server::start(Behaviour::Fine).await;
    let Some((world, state)) = shared(&server, WAIT).await else { return };
    let mut lock = sqlx::PgConnection::connect(&world.prod.url).await.unwrap();
    sqlx::query("SELECT pg_advisory_lock(4711)").execute(&mut lock).await.unwrap();
    let first = another(&world, "first");
    let begun = std::time::Instant::now();
    while !waits_at_the_lock(&mut lock).await {
        assert!(begun.elapsed() < LIMIT, "{}", first.said());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    first.signal("-STOP");
    sqlx::query("SELECT pg_advisory_unlock(4711)").execute(&mut lock).await.unwrap();
    let second = another(&world, "second");
    second.says("standing by").await;
    second.says("spring: Succeeded").await;
    first.signal("-CONT");
    first.says("the lease was lost").await;
    first.says("standing by").await;
    one_of_each(&world, &server).await;
    first.ends().await;
    second.ends().await;
    one_of_each(&world, &server).await;
    lock.close().await.unwrap();
    state.remove().await;
}

#[tokio::test]
async fn of_twenty_daemons_that_start_at_once_one_runs() {
    let server = Server::start(Behaviour::Fine).await;
    let Some((world, state)) = shared(&server, "").await else { return };
    let mut daemons: Vec<Daemon> =
        (0..20).map(|number| another(&world, &format!("daemon-{number}"))).collect();
    one_of_each(&world, &server).await;
    // The one that works is stopped properly: another one takes over at once.
    let leads = |it: &Daemon| it.said().contains("spring: running");
    let leading: Vec<usize> = (0..20).filter(|at| leads(&daemons[*at])).collect();
    assert_eq!(leading.len(), 1, "{leading:?}");
    daemons.remove(leading[0]).ends().await;
    eventually("another daemon works", || {
        daemons.iter().any(|it| it.said().contains("spring: Succeeded")).then_some(())
    })
    .await;
    for daemon in &daemons {
        daemon.signal("-TERM");
    }
    for daemon in daemons {
        daemon.ends().await;
    }
    one_of_each(&world, &server).await;
    state.remove().await;
}

/// A process may end after it made the ledger's tables and before their first rows.
#[tokio::test]
async fn a_ledger_without_its_first_rows_stops_nobody() {
    let world = World::sqlite("manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.approve();
    let mut target =
        Session::open(&world.prod.url, "PROD", reconcile::database::Access::Write).await.unwrap();
    Ledger::default().create(&mut target).await.unwrap();
    target.close().await.unwrap();
    world.prod.run("DELETE FROM reconcile_fence").await;
    let path = world.path("reconcile.yaml");
    let config = reconcile::config::load(&path, &|_| None).unwrap();
    let mut state = State::open(&config).await.unwrap();
    let mut begun = state.memory("spring").await.unwrap();
    begun.memory.running = Some(Running {
        key: "a request".into(),
        since: "2026-12-01T01:00:00Z".parse().unwrap(),
        run: "20261201-010000-abcdef".into(),
        target: Some(reconcile::config::Environment::Prod),
        occurrence: None,
        office: reconcile::state::Office::Run,
    });
    state.save("spring", &mut begun, &Change::default()).await.unwrap();
    state.close().await.unwrap();
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("Success"), "{}", said.out);
}

fn is_over(child: &mut Child) -> Option<std::process::ExitStatus> {
    child.try_wait().unwrap()
}

#[tokio::test]
async fn a_second_daemon_on_one_file_says_who_holds_it() {
    let world = World::sqlite("manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    let mut first = world.watch();
    first.says("spring: AwaitingApproval").await;
    fs::copy(world.path("reconcile.yaml"), world.path("same.yaml")).unwrap();
    let mut second = world.watch_with(&[("RECONCILE_CONFIG", "same.yaml")]);
    let code = eventually("the second ends", || is_over(&mut second.child)).await;
    assert_eq!(code.code(), Some(1));
    let said = second.said();
    let process = format!("process {} on ", first.child.id());
    assert!(said.contains("another daemon watches") && said.contains(&process), "{said}");
    // The lock ends with its holder, however it ends.
    first.signal("-KILL");
    eventually("the first is gone", || is_over(&mut first.child)).await;
    let third = world.watch();
    third.says("spring: AwaitingApproval").await;
    // The same process goes on under another operator's file.
    third.signal("-HUP");
    third.says("the operator's file was read again").await;
    third.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_pass_beside_a_run_of_the_daemon_is_locked_out() {
    let server = Server::start(Behaviour::Fine).await;
    let Some((world, state)) = shared(&server, WAIT).await else { return };
    let mut lock = sqlx::PgConnection::connect(&world.prod.url).await.unwrap();
    sqlx::query("SELECT pg_advisory_lock(4711)").execute(&mut lock).await.unwrap();
    let daemon = world.watch();
    let begun = std::time::Instant::now();
    while !waits_at_the_lock(&mut lock).await {
        assert!(begun.elapsed() < LIMIT, "{}", daemon.said());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let said = world.reconcile(&["spring"]).ends_with(6);
    assert!(said.out.contains("locked, nothing was written"), "{}", said.out);
    assert!(said.out.contains(&format!("process {}", daemon.child.id())), "{}", said.out);
    let said = world.reconcile(&["cancel", "spring"]).ends_with(6);
    assert!(said.err.contains("already started"), "{}", said.err);
    sqlx::query("SELECT pg_advisory_unlock(4711)").execute(&mut lock).await.unwrap();
    one_of_each(&world, &server).await;
    daemon.ends().await;
    lock.close().await.unwrap();
    state.remove().await;
}

/// The store counts its leases from before, and the target has seen later ones.
#[tokio::test]
async fn a_state_store_from_a_backup_says_so_and_goes_on() {
    let Some(mut world) = World::sharing().await else { return };
    let state = world.state.take().unwrap();
    world.approve();
    let config = reconcile::config::load(&world.path("reconcile.yaml"), &|_| None).unwrap();
    let store = State::open(&config).await.unwrap().installation().await.unwrap();
    let mut target =
        Session::open(&world.prod.url, "PROD", reconcile::database::Access::Write).await.unwrap();
    Ledger::default().create(&mut target).await.unwrap();
    raise(&mut target, &store, 50).await.unwrap();
    target.close().await.unwrap();
    let said = world.reconcile(&["spring"]).ends_with(1);
    assert!(said.out.contains("the state store was restored from a backup"), "{}", said.out);
    assert_eq!(world.titles().await, ["Home"]);
    world.reconcile(&["spring"]).ends_with(0);
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    let lease = texts(&state.url, "reconcile_lease", &["office", "term"]).await;
    assert_eq!(lease, [["run", "51"]]);
    for place in [world.prod, world.test, state] {
        place.remove().await;
    }
}

/// Raises the fence in a transaction of its own that is kept.
async fn raise(session: &mut Session, store: &str, number: i64) -> Result<i64, Error> {
    let term = Term { store: store.to_owned(), number };
    session.begin().await.unwrap();
    let raised = Ledger::default().raise_fence(session, Some(&term)).await;
    match raised {
        Ok(_) => session.commit().await.unwrap(),
        Err(_) => session.rollback().await.unwrap(),
    }
    raised
}

#[tokio::test]
async fn the_fence_refuses_an_earlier_lease_of_the_same_store() {
    for place in
        [Some(Place::sqlite("").await), Place::postgres("").await, Place::mariadb("SELECT 1").await]
            .into_iter()
            .flatten()
    {
        let mut session =
            Session::open(&place.url, "PROD", reconcile::database::Access::Write).await.unwrap();
        Ledger::default().create(&mut session).await.unwrap();
        assert_eq!(raise(&mut session, "ours", 7).await.unwrap(), 1);
        assert_eq!(raise(&mut session, "ours", 7).await.unwrap(), 2, "tried again");
        assert_eq!(raise(&mut session, "ours", 8).await.unwrap(), 3);
        let refused = raise(&mut session, "ours", 7).await;
        assert!(matches!(refused, Err(Error::Behind { ours: 7, seen: 8 })), "{refused:?}");
        assert_eq!(raise(&mut session, "another", 1).await.unwrap(), 4, "it counts for itself");
        session.close().await.unwrap();
        place.remove().await;
    }
}
