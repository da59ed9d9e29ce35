//! What every kind of queue guarantees, told of each.

use std::time::Instant;

use futures_util::FutureExt;
use reconcile::queue::Broker;

use super::broker::Rabbit;
use super::*;

/// A place of queues of one kind, and a queue there that is this test's own.
struct Place {
    _folder: tempfile::TempDir,
    config: Config,
    queue: String,
}

impl Place {
    fn all() -> Vec<Self> {
        let mut targets = vec!["embedded".to_owned()];
        targets.extend(Rabbit::shared().map(|rabbit| on_rabbitmq(&rabbit.url())));
        let place = |target: String| {
            let folder = tempfile::tempdir().unwrap();
            let config = configured(folder.path(), &target);
            Self { _folder: folder, config, queue: fresh("sync") }
        };
        targets.into_iter().map(place).collect()
    }

    async fn open(&self) -> Box<dyn Broker> {
        let mut broker = open(&self.config).await;
        broker.declare(&self.queue).await.unwrap();
        broker
    }
}

#[tokio::test]
async fn messages_come_in_their_order_once_to_each_session() {
    for place in Place::all() {
        let queue = place.queue.as_str();
        let (mut one, mut two) = (place.open().await, place.open().await);
        one.send(queue, &bodies(0, 1_203)).await.unwrap();
        let first = taken(one.as_mut(), queue, 500).await;
        let second = taken(two.as_mut(), queue, 703).await;
        assert_eq!(told(&first), bodies(0, 500));
        assert_eq!(told(&second), bodies(500, 1_203));
        assert!(first.iter().all(|it| it.sent.is_some() && !it.again));
        assert_eq!(two.take(queue, Most::messages(10), NOW).await.unwrap(), []);
        // Another's are never acknowledged.
        one.acknowledge(queue, &tags(&second)).await.unwrap();
        one.acknowledge(queue, &tags(&first)).await.unwrap();
        // A second time is no error.
        one.acknowledge(queue, &tags(&first)).await.unwrap();
        one.close().await.unwrap();
        two.close().await.unwrap();
        let mut three = place.open().await;
        let again = taken(three.as_mut(), queue, 703).await;
        assert_eq!(told(&again), told(&second));
        three.acknowledge(queue, &tags(&again)).await.unwrap();
        has(three.as_mut(), queue, 0, 0).await;
    }
}

#[tokio::test]
async fn what_is_given_back_comes_first_again() {
    for place in Place::all() {
        let queue = place.queue.as_str();
        let (mut one, mut two) = (place.open().await, place.open().await);
        one.send(queue, &bodies(0, 6)).await.unwrap();
        let all = taken(one.as_mut(), queue, 4).await;
        one.give_back(queue, &tags(&all)[1..3]).await.unwrap();
        has(two.as_mut(), queue, 4, 0).await;
        let all = taken(two.as_mut(), queue, 4).await;
        assert_eq!(told(&all), [&bodies(1, 3)[..], &bodies(4, 6)[..]].concat());
        assert_eq!(all.iter().map(|it| it.again).collect::<Vec<_>>(), [true, true, false, false]);
    }
}

#[tokio::test]
async fn acknowledging_some_leaves_the_others() {
    for place in Place::all() {
        let queue = place.queue.as_str();
        let mut one = place.open().await;
        one.send(queue, &bodies(0, 9)).await.unwrap();
        let all = taken(one.as_mut(), queue, 9).await;
        let tags = tags(&all);
        one.acknowledge(queue, &[tags[6], tags[0], tags[1], tags[3]]).await.unwrap();
        one.close().await.unwrap();
        let mut two = place.open().await;
        let all = taken(two.as_mut(), queue, 5).await;
        let rest = [bodies(2, 3), bodies(4, 6), bodies(7, 9)].concat();
        assert_eq!(told(&all), rest);
        assert_eq!(two.take(queue, Most::messages(9), NOW).await.unwrap(), []);
    }
}

#[tokio::test]
async fn what_a_closed_or_dropped_session_had_comes_again() {
    for place in Place::all() {
        let queue = place.queue.as_str();
        let mut other = place.open().await;
        other.send(queue, &bodies(0, 3)).await.unwrap();
        for end in ["close", "drop"] {
            let mut one = place.open().await;
            assert_eq!(taken(one.as_mut(), queue, 3).await.len(), 3, "{end}");
            assert_eq!(other.take(queue, Most::messages(9), NOW).await.unwrap(), []);
            match end {
                "close" => one.close().await.unwrap(),
                _ => drop(one),
            }
            let back = taken(other.as_mut(), queue, 3).await;
            assert!(back.iter().all(|it| it.again), "{back:?}");
            other.give_back(queue, &tags(&back)).await.unwrap();
        }
        has(other.as_mut(), queue, 3, 0).await;
    }
}

#[tokio::test]
async fn a_take_waits_for_the_first_message_and_no_longer() {
    for place in Place::all() {
        let queue = place.queue.as_str();
        let (mut one, mut two) = (place.open().await, place.open().await);
        let sending = async {
            tokio::task::yield_now().await;
            two.send(queue, &bodies(0, 1)).await.unwrap();
        };
        let (first, ()) = tokio::join!(one.take(queue, Most::messages(9), SOON), sending);
        assert_eq!(first.unwrap().len(), 1);
        let begun = Instant::now();
        assert_eq!(
            one.take(queue, Most::messages(9), Duration::from_millis(30)).await.unwrap(),
            []
        );
        assert!(begun.elapsed() >= Duration::from_millis(30));
        // Without waiting it still sees what was sent before.
        for number in 0..20 {
            two.send(queue, &bodies(number, number + 1)).await.unwrap();
            let got = one.take(queue, Most::messages(9), NOW).await.unwrap();
            assert_eq!(told(&got), bodies(number, number + 1));
            one.acknowledge(queue, &tags(&got)).await.unwrap();
        }
    }
}

/// A worker waits beside other things, and gives the waiting up when one of them happens.
#[tokio::test]
async fn a_take_that_is_given_up_loses_nothing() {
    for place in Place::all() {
        let queue = place.queue.as_str();
        let (mut one, mut other) = (place.open().await, place.open().await);
        other.send(queue, &bodies(0, 5)).await.unwrap();
        for polls in 1..40 {
            let mut taking = one.take(queue, Most::messages(2), NOW);
            let mut done = None;
            for _ in 0..polls {
                done = taking.as_mut().now_or_never();
                if done.is_some() {
                    break;
                }
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            drop(taking);
            if let Some(got) = done {
                one.give_back(queue, &tags(&got.unwrap())).await.unwrap();
            }
            other.list(&[]).await.unwrap();
        }
        drop(one);
        assert_eq!(taken(other.as_mut(), queue, 5).await.len(), 5);
    }
}

#[tokio::test]
async fn failures_wait_beside_the_queue_until_they_are_replayed() {
    for place in Place::all() {
        let queue = place.queue.as_str();
        let errors = format!("{queue}.error");
        let mut broker = place.open().await;
        broker.send(queue, &bodies(0, 3)).await.unwrap();
        let first = taken(broker.as_mut(), queue, 2).await;
        for one in &first {
            broker.fail(queue, &one.body, one.sent, "no such store").await.unwrap();
        }
        broker.fail(queue, "not JSON", None, "isn't JSON").await.unwrap();
        broker.acknowledge(queue, &tags(&first)).await.unwrap();
        has(broker.as_mut(), queue, 1, 3).await;
        let failed = broker.peek(&errors, 2).await.unwrap();
        assert_eq!(failed[0].body, first[0].body);
        assert_eq!(failed[0].sent, first[0].sent);
        assert_eq!(failed[1].reason.as_deref(), Some("no such store"));
        // Looking left them.
        has(broker.as_mut(), queue, 1, 3).await;
        assert_eq!(broker.replay(queue).await.unwrap(), 3);
        has(broker.as_mut(), queue, 4, 0).await;
        let all = taken(broker.as_mut(), queue, 4).await;
        let expected = [&bodies(2, 3)[0], &bodies(0, 1)[0], &bodies(1, 2)[0], "not JSON"];
        assert_eq!(told(&all), expected);
        assert_eq!((all[1].sent, all[3].sent), (first[0].sent, None));
        assert_eq!(broker.replay(queue).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn purging_leaves_what_is_handed_out() {
    for place in Place::all() {
        let queue = place.queue.as_str();
        let mut broker = place.open().await;
        broker.send(queue, &bodies(0, 900)).await.unwrap();
        let all = taken(broker.as_mut(), queue, 100).await;
        assert_eq!(broker.purge(queue).await.unwrap(), 800);
        has(broker.as_mut(), queue, 0, 0).await;
        broker.give_back(queue, &tags(&all)).await.unwrap();
        assert_eq!(taken(broker.as_mut(), queue, 100).await.len(), 100);
        broker.fail(queue, "{}", None, "no").await.unwrap();
        assert_eq!(broker.purge(&format!("{queue}.error")).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn large_messages_are_handed_out_few_at_a_time() {
    for place in Place::all() {
        let queue = place.queue.as_str();
        let mut broker = place.open().await;
        let large = |kibibytes: usize| "x".repeat(kibibytes << 10);
        broker.send(queue, &[large(20 << 10), large(9 << 10), large(9 << 10)]).await.unwrap();
        for _ in 0..3 {
            assert_eq!(broker.take(queue, Most::messages(9), SOON).await.unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn an_unknown_queue_is_answered_with_the_nearest_name() {
    for place in Place::all() {
        let queue = place.queue.as_str();
        let mut broker = place.open().await;
        let typo = queue.replace("sync", "snyc");
        for result in [
            broker.peek(&typo, 1).await.map(|_| ()),
            broker.send(&typo, &[]).await,
            broker.take(&typo, Most::messages(1), NOW).await.map(|_| ()),
            broker.purge(&typo).await.map(|_| ()),
            broker.replay(&typo).await.map(|_| ()),
        ] {
            let error = result.unwrap_err();
            assert!(!error.passes());
            let said = error.to_string();
            assert!(said.starts_with(&format!("PROD has no queue {typo}")), "{said}");
            assert!(said.ends_with(&format!("; did you mean {queue}?")), "{said}");
        }
        assert_eq!(broker.take(queue, Most::messages(1), NOW).await.unwrap(), []);
    }
}
