//! Messages that others wrote, and that others read.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use super::broker::Rabbit;
use super::fresh;
use crate::places::{Place, say_skipped};
use crate::publish_order::shop::World;
use crate::stores::ReadStores;

const VARIABLE: &str = "RECONCILE_TEST_PIKA_PYTHON";

fn play(url: &str, queues: &[&str]) -> Option<Json> {
    let Some(python) = std::env::var_os(VARIABLE) else {
        say_skipped("messages of others; RECONCILE_TEST_PIKA_PYTHON isn't set");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/queues/interchange.py");
    let done = Command::new(python).arg(script).arg(url).args(queues).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some(serde_json::from_slice(&done.stdout).unwrap())
}

/// The shop's queues are on RabbitMQ from now on.
pub fn moved(world: &World, queue: &str) {
    let file = world.path().join("reconcile.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("queue: embedded"), "{text}");
    fs::write(&file, text.replace("queue: embedded", &format!("queue: {queue}"))).unwrap();
}

/// Read stores are lost, and filled by messages that another program wrote.
#[tokio::test]
async fn others_read_our_messages_and_we_read_theirs() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let queues = ["sync.storage.product", "sync.search.product"];
    let world = World::new(Place::sqlite("").await, ReadStores::embedded(), 30).await;
    let url = rabbit.vhost(&fresh("interchange"));
    moved(&world, &format!("{{url: '{url}', format: spryker}}"));
    world.reconcile(&["sync:data", "--no-wait"]).ends_with(0);
    let Some(played) = play(&url, &queues) else { return };
    assert_eq!(played["wrong"], serde_json::json!([]));
    for queue in queues {
        assert!(played["read"][queue].as_u64().unwrap() > 80, "{played}");
    }
    for store in ["storage", "search"] {
        fs::remove_file(world.path().join(format!("state/PROD/{store}.db"))).unwrap();
    }
    let said = world.reconcile(&["worker", "--stop-when-empty"]).ends_with(0);
    world.check().await;
    assert!(!said.out.is_empty());
    let list = world.reconcile(&["queue", "list", "--format", "json"]).ends_with(0);
    let list: Json = serde_json::from_str(&list.out).unwrap();
    let told = list["queues"].as_array().unwrap();
    let names: Vec<_> = told.iter().map(|queue| queue["queue"].as_str().unwrap()).collect();
    assert_eq!(names, ["publish.product", "sync.search.product", "sync.storage.product"]);
    for queue in told {
        assert_eq!((&queue["ready"], &queue["failed"]), (&0.into(), &0.into()), "{list}");
    }
}

/// One message that nobody can carry out takes none of its neighbours along.
#[tokio::test]
async fn one_poison_message_among_ten_thousand() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let queue = "sync.storage.product";
    let world = World::new(Place::sqlite("").await, ReadStores::embedded(), 3).await;
    let url = rabbit.vhost(&fresh("poison"));
    moved(&world, &format!("{{url: '{url}', format: spryker}}"));
    world.reconcile(&["worker", "--stop-when-empty"]).ends_with(0);
    let now = jiff::Timestamp::now().as_microsecond() as f64 / 1e6;
    let good = |number: usize| {
        format!(
            "{{\"write\":{{\"key\":\"product:de:de_de:x{number}\",\"value\":{{\"n\":{number},\
             \"_timestamp\":{now:.6}}},\"resource\":\"product\",\"store\":\"DE\",\"params\":[]}}}}"
        )
    };
    let mut bodies: Vec<String> = (0..10_000).map(good).collect();
    bodies.insert(6_543, "{\"write\":{\"key\":".into());
    world.send(queue, &bodies).await;
    let said = world.reconcile(&["worker", "--stop-when-empty", "--format", "json"]).ends_with(1);
    let mut values = serde_json::Deserializer::from_str(&said.out).into_iter::<Json>();
    let counts = values.next().unwrap().unwrap();
    assert_eq!(counts["written"], 10_000, "{counts}");
    assert_eq!(counts["failed"], 1, "{counts}");
    let said = world.reconcile(&["get", "kv:product:de:de_de:x9999"]).ends_with(0);
    assert!(said.out.contains("9999"), "{}", said.out);
    let said = world.reconcile(&["queue", "dump", &format!("{queue}.error")]).ends_with(0);
    assert!(said.out.contains("no JSON of a message"), "{}", said.out);
    let said = world.reconcile(&["queue", "replay", queue]).ends_with(0);
    assert!(said.out.starts_with("1 message "), "{}", said.out);
    let said = world.reconcile(&["queue", "purge", queue, "--yes"]).ends_with(0);
    assert!(said.out.starts_with("1 message "), "{}", said.out);
}

/// Between a write to a store and its acknowledgement, or before either: what was taken comes again.
#[tokio::test]
async fn a_worker_that_is_killed_before_it_acknowledges_loses_nothing() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let world = World::new(Place::sqlite("").await, ReadStores::embedded(), 30).await;
    let url = rabbit.vhost(&fresh("killed"));
    moved(&world, &format!("{{url: '{url}', format: spryker}}"));
    for effect in ["kill:1:queue", "kill:2:queue", "kill:3:queue"] {
        for store in ["storage", "search"] {
            fs::remove_file(world.path().join(format!("state/PROD/{store}.db"))).unwrap();
        }
        world.reconcile(&["sync:data", "--no-wait"]).ends_with(0);
        let variables = [("RECONCILE_TEST_EFFECT", effect)];
        let arguments = ["worker", "--stop-when-empty"];
        let program = env!("CARGO_BIN_EXE_reconcile");
        crate::shop::run(world.path(), program, &arguments, &variables).ends_with(-1);
        world.reconcile(&arguments).ends_with(0);
        world.check().await;
    }
}

/// One statement to the broker that fails is said again over a new connection.
#[tokio::test]
async fn a_connection_that_breaks_at_any_statement_is_opened_again() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let world = World::new(Place::sqlite("").await, ReadStores::embedded(), 12).await;
    let url = rabbit.vhost(&fresh("broken"));
    moved(&world, &format!("{{url: '{url}', format: batch}}"));
    for effect in ["fail:1:queue", "fail:2:queue", "fail:3:queue", "fail:4:queue"] {
        let variables = [("RECONCILE_TEST_EFFECT", effect)];
        let program = env!("CARGO_BIN_EXE_reconcile");
        crate::shop::run(world.path(), program, &["sync:data"], &variables).ends_with(0);
        world.check().await;
    }
}
