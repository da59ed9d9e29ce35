//! Accounts, vhosts and what the doctor says of queues on RabbitMQ.

use std::net::TcpListener;
use std::time::Instant;

use reconcile::queue::{self, depths};

use super::broker::Rabbit;
use super::interchange::moved;
use super::*;
use crate::places::Place;
use crate::publish_order::shop::World;
use crate::stores::ReadStores;

/// Why it can't be opened.
async fn refused(folder: &Path, url: &str) -> queue::Error {
    let config = configured(folder, &on_rabbitmq(url));
    queue::open(&config, Environment::Prod, None).await.err().unwrap()
}

#[tokio::test]
async fn who_is_not_let_in_is_told_what_to_look_at() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = rabbit.0;
    for (url, part, passes) in [
        (
            format!("amqp://guest:hunter2@127.0.0.1:{port}"),
            "see the user name and the password",
            false,
        ),
        (
            format!("amqp://guest:guest@127.0.0.1:{port}/nowhere"),
            "see the vhost behind the host",
            false,
        ),
        (format!("amqp://guest:hunter2@127.0.0.1:{nobody}"), "refused", true),
        (format!("amqps://guest:hunter2@127.0.0.1:{port}"), "RabbitMQ at 127.0.0.1", false),
    ] {
        let error = refused(folder.path(), &url).await;
        let said = error.to_string();
        assert!(
            said.starts_with("the queue of PROD: connecting to RabbitMQ at 127.0.0.1:"),
            "{said}"
        );
        assert!(said.contains(part), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert_eq!(error.passes(), passes, "{said}");
    }
}

/// Each of the shop's stores has a vhost of its own.
#[tokio::test]
async fn each_store_may_have_a_vhost() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (de, at) = (rabbit.vhost(&fresh("de")), rabbit.vhost(&fresh("at")));
    let target = format!("{{url: {{DE: '{de}', AT: '{at}'}}, format: spryker}}");
    let config = configured(folder.path(), &target);
    for (store, from) in [("DE", 0), ("AT", 100)] {
        let mut broker = queue::open(&config, Environment::Prod, Some(store)).await.unwrap();
        broker.declare("sync").await.unwrap();
        broker.send("sync", &bodies(from, from + 3)).await.unwrap();
        broker.close().await.unwrap();
    }
    for (store, from) in [("DE", 0), ("AT", 100)] {
        let mut broker = queue::open(&config, Environment::Prod, Some(store)).await.unwrap();
        assert_eq!(told(&taken(broker.as_mut(), "sync", 3).await), bodies(from, from + 3));
    }
    let told = depths(&config, &["sync".to_owned(), "missing".to_owned()]).await;
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|it| it.queues.as_ref().unwrap().len() == 1), "{told:?}");
}

/// Whoever looks on doesn't wait for a broker that says nothing.
#[tokio::test]
async fn a_silent_broker_is_soon_given_up_by_who_looks_on() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("amqp://guest:hunter2@{}", silent.local_addr().unwrap());
    let config = configured(folder.path(), &on_rabbitmq(&url));
    let begun = Instant::now();
    let told = depths(&config, &["sync".to_owned()]).await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let error = told[0].queues.as_ref().unwrap_err();
    assert!(error.contains("no answer within"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn the_doctor_says_what_is_wrong_with_queues() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let world = World::new(Place::sqlite("").await, ReadStores::embedded(), 3).await;
    let name = fresh("doctor");
    let url = rabbit.vhost(&name);
    moved(&world, &format!("{{url: '{url}', format: spryker}}"));
    let said = world.reconcile(&["doctor"]);
    assert!(said.out.contains("RabbitMQ 3."), "{}", said.out);
    assert!(said.out.contains("3 are made when they are needed"), "{}", said.out);
    let connection = lapin::Connection::connect(&url, Default::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut arguments = lapin::types::FieldTable::default();
    arguments.insert("x-queue-type".into(), lapin::types::AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), lapin::types::AMQPValue::LongInt(5));
    arguments.insert("x-message-ttl".into(), lapin::types::AMQPValue::LongInt(60_000));
    let durable = lapin::options::QueueDeclareOptions { durable: true, ..Default::default() };
    let storage = || "sync.storage.product".into();
    channel.queue_declare(storage(), durable, arguments).await.unwrap();
    world.reconcile(&["worker", "--stop-when-empty"]).ends_with(0);
    let none = lapin::types::FieldTable::default;
    let search = || "sync.search.product".into();
    channel.queue_unbind(search(), search(), "".into(), none()).await.unwrap();
    let said = world.reconcile(&["doctor"]);
    for part in [
        "sync.storage.product drops messages that wait longer than these milliseconds: x-message-ttl is 60000",
        "nothing is bound to the exchange sync.search.product by the key \"\"",
        "3 queues, 0 messages waiting, 0 failed",
    ] {
        assert!(said.out.contains(part), "{part} isn't in\n{}", said.out);
    }
    // An account that may only look.
    rabbit.eval(&format!(
        "rabbit_auth_backend_internal:add_user(<<\"{name}\">>, <<\"secret\">>, <<\"test\">>), \
         rabbit_auth_backend_internal:set_permissions(<<\"{name}\">>, <<\"{name}\">>, <<\"^$\">>, <<\"^$\">>, \
         <<\".*\">>, <<\"test\">>)."
    ));
    let file = world.path().join("reconcile.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("guest:guest@", &format!("{name}:secret@"))).unwrap();
    let said = world.reconcile(&["doctor"]);
    let part = "this account may not write to and read from sync.search.product";
    assert!(said.out.contains(part), "{}", said.out);
    let said = world.reconcile(&["sync:data"]);
    assert_ne!(said.code, 0, "{}", said.out);
    assert!(said.err.contains("set_permissions"), "{}", said.err);
    assert!(!said.err.contains("secret"), "{}", said.err);
}
