//! Queues that somebody else made, and names that nobody should use.

use std::collections::BTreeSet;

use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use reconcile::queue;

use super::broker::Rabbit;
use super::*;

/// A connection that isn't ours.
async fn somebody(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

fn table(arguments: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    table
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

#[tokio::test]
async fn queues_of_others_are_used_as_they_are() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), &on_rabbitmq(&rabbit.url()));
    let (_connection, channel) = somebody(&rabbit.url()).await;
    let quorum = [("x-queue-type", text("quorum"))];
    let bounded = [("x-max-length", AMQPValue::LongInt(100_000)), ("x-queue-mode", text("lazy"))];
    for (name, arguments) in [("quorum", &quorum[..]), ("bounded", &bounded[..])] {
        let queue = fresh(name);
        let durable = QueueDeclareOptions { durable: true, ..Default::default() };
        channel.queue_declare(queue.as_str().into(), durable, table(arguments)).await.unwrap();
        let mut one = open(&config).await;
        one.declare(&queue).await.unwrap();
        one.send(&queue, &bodies(0, 200)).await.unwrap();
        let first = taken(one.as_mut(), &queue, 120).await;
        assert_eq!(told(&first), bodies(0, 120), "{name}");
        one.acknowledge(&queue, &tags(&first[..50])).await.unwrap();
        one.close().await.unwrap();
        // What wasn't acknowledged comes again, and says so.
        let mut two = open(&config).await;
        let rest = taken(two.as_mut(), &queue, 150).await;
        let seen: BTreeSet<_> = rest.iter().map(|it| it.body.clone()).collect();
        assert_eq!(seen, bodies(50, 200).into_iter().collect(), "{name}");
        assert!(rest.iter().filter(|it| it.again).count() >= 70, "{name}");
        two.fail(&queue, &rest[0].body, rest[0].sent, "poison").await.unwrap();
        two.acknowledge(&queue, &tags(&rest)).await.unwrap();
        has(two.as_mut(), &queue, 0, 1).await;
        assert_eq!(two.replay(&queue).await.unwrap(), 1);
        has(two.as_mut(), &queue, 1, 0).await;
    }
}

#[tokio::test]
async fn a_binding_that_goes_is_made_again() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), &on_rabbitmq(&rabbit.url()));
    let (_connection, channel) = somebody(&rabbit.url()).await;
    let queue = fresh("unbound");
    let name = || queue.as_str().into();
    let mut one = open(&config).await;
    one.declare(&queue).await.unwrap();
    channel.queue_unbind(name(), name(), "".into(), FieldTable::default()).await.unwrap();
    one.send(&queue, &bodies(0, 30)).await.unwrap();
    assert_eq!(told(&taken(one.as_mut(), &queue, 30).await), bodies(0, 30));
    // Who didn't declare it makes nothing, and says what is missing.
    channel.queue_unbind(name(), name(), "".into(), FieldTable::default()).await.unwrap();
    let mut other = open(&config).await;
    let error = other.send(&queue, &bodies(0, 30)).await.unwrap_err();
    assert!(!error.passes());
    let said = error.to_string();
    assert!(
        said.contains(&format!("no queue is bound to the exchange {queue} by the key \"\"")),
        "{said}"
    );
    assert!(!said.contains("guest:guest"), "{said}");
    channel
        .queue_bind(name(), name(), "".into(), QueueBindOptions::default(), FieldTable::default())
        .await
        .unwrap();
    other.send(&queue, &bodies(0, 30)).await.unwrap();
    // The exchange as well.
    channel.exchange_delete(name(), Default::default()).await.unwrap();
    one.send(&queue, &bodies(30, 60)).await.unwrap();
    one.fail(&queue, "{}", None, "no").await.unwrap();
    has(one.as_mut(), &queue, 60, 1).await;
}

#[tokio::test]
async fn a_message_that_is_no_text_goes_to_the_error_queue_alone() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), &on_rabbitmq(&rabbit.url()));
    let (_connection, channel) = somebody(&rabbit.url()).await;
    let queue = fresh("bytes");
    let mut one = open(&config).await;
    one.declare(&queue).await.unwrap();
    for body in [&b"{\"a\":1}"[..], b"{\"a\":\"\xff\"}", b"{\"a\":2}"] {
        let name = queue.as_str().into();
        let properties = lapin::BasicProperties::default();
        channel.basic_publish(name, "".into(), Default::default(), body, properties).await.unwrap();
    }
    let all = taken(one.as_mut(), &queue, 2).await;
    assert_eq!(told(&all), ["{\"a\":1}", "{\"a\":2}"]);
    assert_eq!(all[0].sent, None);
    one.acknowledge(&queue, &tags(&all)).await.unwrap();
    has(one.as_mut(), &queue, 0, 1).await;
    let failed = one.peek(&format!("{queue}.error"), 5).await.unwrap();
    assert_eq!(failed[0].reason.as_deref(), Some("it is no text in UTF-8"));
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_before_the_broker_is_asked() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), &on_rabbitmq(&rabbit.url()));
    let mut one = open(&config).await;
    for (name, reason) in [
        (String::new(), "it is empty"),
        ("q".repeat(250), "it is longer than 249 bytes"),
        ("ü".repeat(125), "it is longer than 249 bytes"),
        ("a\nb".into(), "it holds control characters"),
        ("amq.direct".into(), "the broker's own"),
    ] {
        for result in [
            one.declare(&name).await,
            one.send(&name, &bodies(0, 1)).await,
            one.take(&name, Most::messages(1), NOW).await.map(|_| ()),
            one.peek(&name, 1).await.map(|_| ()),
        ] {
            let error = result.unwrap_err();
            assert!(matches!(error, queue::Error::Name { .. }), "{error}");
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
    // Odd ones that can be are queues like any other.
    for name in [fresh("#.*"), fresh("ü b/%2F"), "q".repeat(230) + &fresh("")] {
        one.declare(&name).await.unwrap();
        one.send(&name, &bodies(0, 1)).await.unwrap();
        assert_eq!(taken(one.as_mut(), &name, 1).await.len(), 1);
    }
}
