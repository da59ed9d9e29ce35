//! Messages late, three times and in any order, over several workers at once, and workers that are
//! killed: at the end the read stores say what the entities say.
//!
//! What the stores should say is worked out here from what the test put into the shop, not from what
//! the program made of it.

pub mod shop;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use reconcile::publish::message::{Event, Message, Parsed, Which, parse};

use crate::places::Place;
use crate::stores::{ReadStores, Servers};
use shop::{Random, World};

const QUEUES: [&str; 2] = ["sync.storage.product", "sync.search.product"];
const EVENTS: &str = "publish.product";
const WORKERS: usize = 4;

fn is_full() -> bool {
    std::env::var_os("RECONCILE_TEST_FULL").is_some()
}

/// Bodies of events, each for a few of the entities that changed, and those of a whole resource.
async fn events(world: &World, touched: &[i64], random: &mut Random) -> Vec<String> {
    world.reconcile(&["publish:trigger-events", "--no-wait"]).ends_with(0);
    let mut bodies = world.taken(EVENTS).await;
    assert!(!bodies.is_empty(), "a whole resource has an event");
    for ids in touched.chunks(5) {
        let which = Which::Ids(ids.iter().map(i64::to_string).collect());
        bodies.push(Event { resource: "product".into(), which }.body());
    }
    random.shuffle(&mut bodies);
    bodies
}

/// Each of them three times, in any order.
fn thrice(bodies: &[String], random: &mut Random) -> Vec<String> {
    let mut all = [bodies, bodies, bodies].concat();
    random.shuffle(&mut all);
    all
}

/// A list of writes as messages of their own, so that they come in any order too; some of them without
/// a version, as other programs send them.
fn alone(bodies: Vec<String>) -> Vec<String> {
    let parts = bodies.iter().flat_map(|body| parse(body)).enumerate();
    let text = |(at, part): (usize, Parsed)| match part.message {
        Ok(message) if at % 5 == 0 => Message { version: None, ..message }.body(),
        _ => part.text.to_owned(),
    };
    parts.map(text).collect()
}

/// Several workers at once, and another command beside them; all of them end well.
fn work(world: &World, queues: &[&str], beside: &[&str]) {
    let arguments = [&["worker", "--stop-when-empty"], queues].concat();
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..WORKERS).map(|_| scope.spawn(|| world.reconcile(&arguments))).collect();
        if !beside.is_empty() {
            world.reconcile(beside).ends_with(0);
        }
        for worker in workers {
            worker.join().unwrap().ends_with(0);
        }
    });
}

/// Changes, swaps and deletions, with messages of earlier rounds coming late.
async fn shuffled_and_tripled(prod: Place, stores: ReadStores, rounds: usize, entities: i64) {
    shuffled_and_tripled_in(World::new(prod, stores, entities).await, rounds).await;
}

/// The same with queues and stores of whatever kind.
pub async fn shuffled_and_tripled_in(mut world: World, rounds: usize) {
    let seed = std::env::var("RECONCILE_TEST_SEED").ok().and_then(|it| it.parse().ok());
    let mut random = Random(seed.unwrap_or(20));
    let rounds = if is_full() { 5 * rounds } else { rounds };
    let mut late: [Vec<String>; 2] = Default::default();
    for _ in 0..rounds {
        let touched = world.change(&mut random).await;
        let bodies = events(&world, &touched, &mut random).await;
        world.send(EVENTS, &thrice(&bodies, &mut random)).await;
        // Rows are sent as they are while others change them.
        work(&world, &[EVENTS], &["sync:data", "--no-wait"]);
        for (queue, late) in QUEUES.into_iter().zip(&mut late) {
            late.extend(alone(world.taken(queue).await));
            random.shuffle(late);
            let now = &late[..late.len() / 3];
            world.send(queue, &thrice(now, &mut random)).await;
        }
        // It mends what the late messages would have mended.
        work(&world, &[], &["verify", "--repair"]);
    }
    for (queue, late) in QUEUES.into_iter().zip(&late) {
        assert!(late.len() > 100, "{queue}: {}", late.len());
        world.send(queue, &thrice(late, &mut random)).await;
    }
    work(&world, &[], &[]);
    world.check().await;
    let World { prod, .. } = world;
    prod.remove().await;
}

#[tokio::test]
async fn messages_three_times_in_any_order_on_sqlite() {
    shuffled_and_tripled(Place::sqlite("").await, ReadStores::embedded(), 3, 60).await;
}

#[tokio::test]
async fn messages_three_times_in_any_order_on_postgres() {
    let Some(place) = Place::postgres("").await else { return };
    shuffled_and_tripled(place, ReadStores::embedded(), 2, 40).await;
}

#[tokio::test]
async fn messages_three_times_in_any_order_on_mariadb() {
    let Some(place) = Place::mariadb("SELECT 1").await else { return };
    shuffled_and_tripled(place, ReadStores::embedded(), 2, 40).await;
}

#[tokio::test]
async fn messages_three_times_in_any_order_to_a_storage_on_redis() {
    for stores in [ReadStores::redis(), ReadStores::redis_cluster().await].into_iter().flatten() {
        shuffled_and_tripled(Place::sqlite("").await, stores, 2, 40).await;
    }
}

/// A worker that ends itself before its n-th effect; whether it came so far.
fn is_killed(world: &World, at: usize) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reconcile"));
    command.env("RECONCILE_TEST_EFFECT", format!("kill:{at}")).current_dir(world.path());
    command.args(["worker", "--stop-when-empty"]).stdin(Stdio::null());
    let output = command.output().unwrap();
    match output.status.signal() {
        Some(9) => true,
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "kill:{at}: {said}");
            false
        }
    }
}

async fn killed_at_any_step(prod: Place, stores: ReadStores, stride: usize) {
    let mut random = Random(7);
    let mut world = World::new(prod, stores, 12).await;
    let stride = if is_full() { 1 } else { stride };
    let mut kills = 0;
    for at in (1..).step_by(stride) {
        world.change(&mut random).await;
        world.reconcile(&["publish:trigger-events", "--no-wait"]).ends_with(0);
        let killed = is_killed(&world, at);
        world.reconcile(&["worker", "--stop-when-empty"]).ends_with(0);
        eprintln!("killed before effect {at}");
        world.check().await;
        if !killed {
            break;
        }
        kills += 1;
    }
    assert!(kills > 3, "only {kills} kills");
    let World { prod, .. } = world;
    prod.remove().await;
}

#[tokio::test]
async fn a_worker_killed_at_any_step_on_sqlite() {
    killed_at_any_step(Place::sqlite("").await, ReadStores::embedded(), 19).await;
}

#[tokio::test]
async fn a_worker_killed_at_any_step_on_postgres() {
    let Some(place) = Place::postgres("").await else { return };
    killed_at_any_step(place, ReadStores::embedded(), 31).await;
}

#[tokio::test]
async fn a_worker_killed_at_any_step_on_mariadb() {
    let Some(place) = Place::mariadb("SELECT 1").await else { return };
    killed_at_any_step(place, ReadStores::embedded(), 31).await;
}

#[tokio::test]
async fn a_worker_killed_at_any_step_with_a_storage_on_redis() {
    let Some(stores) = ReadStores::redis() else { return };
    killed_at_any_step(Place::sqlite("").await, stores, 19).await;
}

#[tokio::test]
async fn messages_three_times_in_any_order_with_nothing_embedded() {
    for (format, servers) in [("batch", Servers::Single), ("spryker", Servers::Clustered)] {
        let Some(stores) = ReadStores::servers(format, servers).await else { return };
        let Some(place) = Place::postgres("").await else { return };
        shuffled_and_tripled(place, stores, 1, 40).await;
    }
}

#[tokio::test]
async fn a_worker_killed_at_any_step_with_nothing_embedded() {
    for servers in [Servers::Single, Servers::Clustered] {
        let Some(stores) = ReadStores::servers("batch", servers).await else { return };
        killed_at_any_step(Place::sqlite("").await, stores, 29).await;
    }
}

#[tokio::test]
async fn a_store_that_has_no_storage_takes_no_other_along() {
    let world = World::new(Place::sqlite("").await, ReadStores::embedded(), 9).await;
    let path = world.path().join("reconcile.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("storage: 'embedded'", "storage: {DE: embedded}");
    std::fs::write(&path, text).unwrap();
    let said = world.reconcile(&["sync:data"]).ends_with(1);
    // Six products in both stores and three in one, in two locales, by ID and by SKU; all in the search.
    assert!(said.out.contains("sent 90, written 66, outdated 0, failed 24\n"), "{}", said.out);
    let said = world.reconcile(&["queue", "dump", "sync.storage.product.error"]).ends_with(0);
    assert!(said.out.contains("no storage for the store AT"), "{}", said.out);
    let said = world.reconcile(&["get", "--store", "DE", "product:de:de_de:sku:sku-1"]);
    assert!(said.ends_with(0).out.starts_with("{\"id\":1,"));
}
