//! A broker of the test's own, in every trouble: killed, stopped, short of memory, hiding behind TLS.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use reconcile::queue::Broker;

use super::broker::Own;
use super::interchange::moved;
use super::*;
use crate::places::Place;
use crate::publish_order::shop::{Random, World};
use crate::stores::ReadStores;

/// Sends, however long the broker is away; whoever calls the program does the same.
async fn sent(broker: &mut dyn Broker, queue: &str, bodies: &[String]) {
    loop {
        match broker.send(queue, bodies).await {
            Ok(()) => return,
            Err(error) => assert!(error.passes(), "{error}"),
        }
    }
}

/// Takes and acknowledges until all of them were seen; some may come twice.
async fn seen(broker: &mut dyn Broker, queue: &str, wanted: &[String]) {
    let mut missing: BTreeSet<&String> = wanted.iter().collect();
    while !missing.is_empty() {
        match broker.take(queue, Most::messages(50), Duration::from_millis(200)).await {
            Ok(got) => {
                for one in &got {
                    missing.remove(&one.body);
                }
                broker.acknowledge(queue, &tags(&got)).await.unwrap();
            }
            Err(error) => assert!(error.passes(), "{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_broker_that_is_killed_loses_nothing() {
    let Some(mut own) = Own::start("") else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), &on_rabbitmq(&own.rabbit.url()));
    let (mut one, mut two) = (open(&config).await, open(&config).await);
    one.declare("sync").await.unwrap();
    two.declare("sync").await.unwrap();
    one.send("sync", &bodies(0, 300)).await.unwrap();
    let held = taken(one.as_mut(), "sync", 100).await;
    // The broker closes every channel, as after an acknowledgement that it doesn't understand.
    own.rabbit.eval("[exit(P, kill) || P <- rabbit_channel:list()].");
    one.acknowledge("sync", &tags(&held)).await.unwrap();
    let held = taken(one.as_mut(), "sync", 100).await;
    assert!(held.iter().all(|it| it.again));
    let sending = tokio::spawn(async move {
        let mut number = 300;
        while number < 2_000 {
            sent(two.as_mut(), "sync", &bodies(number, number + 100)).await;
            number += 100;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    own.kill();
    let starting = tokio::task::spawn_blocking(move || {
        own.start_again();
        own
    });
    let own = starting.await.unwrap();
    sending.await.unwrap();
    // Of a connection that is gone: they come again.
    one.acknowledge("sync", &tags(&held)).await.unwrap();
    seen(one.as_mut(), "sync", &bodies(0, 2_000)).await;
    one.close().await.unwrap();
    drop(own);
}

/// How long it is away; the long form is what a restart of a machine takes.
fn away() -> Duration {
    let is_full = std::env::var_os("RECONCILE_TEST_FULL").is_some();
    Duration::from_secs(if is_full { 60 } else { 2 })
}

#[tokio::test]
async fn whoever_works_waits_for_a_broker_that_is_away() {
    let Some(mut own) = Own::start("") else { return };
    let mut world = World::new(Place::sqlite("").await, ReadStores::embedded(), 60).await;
    moved(&world, &on_rabbitmq(&own.rabbit.url()));
    let start = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reconcile"));
        command.args(arguments).current_dir(world.path());
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut worker = start(&["worker", "--listen", "127.0.0.1:0"]);
    let mut told = BufReader::new(worker.stderr.take().unwrap()).lines().map(Result::unwrap);
    let listening = told.find_map(|line| Some(line.split_once("listening on ")?.1.to_owned()));
    let metrics = || {
        let url = format!("http://{}/metrics", listening.as_ref().unwrap());
        let got = Command::new("curl").args(["-sS", "--max-time", "20", &url]).output().unwrap();
        String::from_utf8(got.stdout).unwrap()
    };
    assert!(metrics().contains("reconcile_worker_troubles_total 0\n"), "{}", metrics());
    let sending = start(&["sync:data"]);
    own.kill();
    // It says what is in its way, again and again.
    for _ in 0..2 {
        told.find(|line| line.contains("tried again in")).unwrap();
    }
    tokio::time::sleep(away()).await;
    own.start_again();
    let sent = sending.wait_with_output().unwrap();
    // It may have been told before it had opened anything.
    let said = String::from_utf8_lossy(&sent.stderr).into_owned();
    assert!(sent.status.success() || said.contains("the queue of PROD"), "{said}");
    let ids: Vec<_> = world.change(&mut Random(5)).await.iter().map(i64::to_string).collect();
    let ids = ids.join(",");
    world.reconcile(&["publish:trigger-events", "-r", "product", "-i", &ids]).ends_with(0);
    let numbers = metrics();
    assert!(
        numbers.contains("reconcile_worker_messages_total{outcome=\"failed\"} 0\n"),
        "{numbers}"
    );
    assert!(!numbers.contains("reconcile_worker_troubles_total 0\n"), "{numbers}");
    let id = worker.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(worker.wait().unwrap().code(), Some(0));
    world.reconcile(&["worker", "--stop-when-empty"]).ends_with(0);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_broker_short_of_memory_refuses_in_time_and_still_hands_out() {
    let Some(own) = Own::start("") else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), &on_rabbitmq(&own.rabbit.url()));
    let mut one = open(&config).await;
    one.declare("sync").await.unwrap();
    one.send("sync", &bodies(0, 50)).await.unwrap();
    own.rabbit.eval(
        "vm_memory_monitor:set_vm_memory_high_watermark({absolute, 1000}), timer:sleep(3000).",
    );
    let begun = std::time::Instant::now();
    let error = one.send("sync", &bodies(50, 60)).await.unwrap_err();
    assert!(error.passes());
    assert!(
        error.to_string().contains("it takes no messages at the moment (low on memory)"),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    let got = taken(one.as_mut(), "sync", 50).await;
    one.acknowledge("sync", &tags(&got)).await.unwrap();
    own.rabbit.eval("vm_memory_monitor:set_vm_memory_high_watermark(0.8), timer:sleep(3000).");
    sent(one.as_mut(), "sync", &bodies(60, 70)).await;
    seen(one.as_mut(), "sync", &bodies(60, 70)).await;
    one.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_broker_behind_tls_is_believed_by_its_certificate_alone() {
    let folder = tempfile::tempdir().unwrap();
    crate::certificates::make(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let more = format!(
        "listeners.ssl.local = 127.0.0.1:TLS\nssl_options.cacertfile = {}\nssl_options.certfile = \
         {}\nssl_options.keyfile = {}\nssl_options.verify = verify_none\n",
        file("ca.pem"),
        file("server.pem"),
        file("server.key")
    );
    let Some(own) = Own::start(&more) else { return };
    let url = format!("amqps://guest:guest@127.0.0.1:{}", own.rabbit.0 + 3);
    let with = format!("{{url: '{url}', format: batch, ca: '{}'}}", file("ca.pem"));
    let mut one = open(&configured(folder.path(), &with)).await;
    one.declare("sync").await.unwrap();
    one.send("sync", &bodies(0, 300)).await.unwrap();
    assert_eq!(told(&taken(one.as_mut(), "sync", 300).await), bodies(0, 300));
    one.close().await.unwrap();
    let config = configured(folder.path(), &on_rabbitmq(&url));
    let error = queue::open(&config, Environment::Prod, None).await.err().unwrap();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(!error.passes(), "{error}");
}
