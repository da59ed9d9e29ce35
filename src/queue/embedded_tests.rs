//! The embedded queue, used by several sessions and processes at once: what is particular to files. What it has in
//! common with other kinds stands in `tests/queues/contract.rs`.

use std::path::PathBuf;

use super::*;

const NOW: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_secs(20);

struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("PROD/queue.db")
    }

    async fn open(&self) -> Embedded {
        let mut queue = Embedded::open(&self.path(), Environment::Prod).await.unwrap();
        queue.declare("sync").await.unwrap();
        queue
    }
}

fn bodies(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("{{\"write\":{number}}}")).collect()
}

fn told(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.body.as_str()).collect()
}

fn tags(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|delivery| delivery.tag).collect()
}

async fn depth(queue: &mut Embedded) -> (u64, u64, u64) {
    let list = queue.list(&[]).await.unwrap();
    assert_eq!(list.len(), 1, "{list:?}");
    (list[0].ready, list[0].unacknowledged.unwrap(), list[0].failed)
}

#[tokio::test]
async fn what_a_closed_or_dropped_session_had_comes_again_at_once() {
    let file = File::new();
    let mut other = file.open().await;
    other.send("sync", &bodies(0, 3)).await.unwrap();
    for end in ["close", "drop"] {
        let mut one = file.open().await;
        assert_eq!(one.take("sync", Most::messages(9), NOW).await.unwrap().len(), 3, "{end}");
        assert_eq!(other.take("sync", Most::messages(9), NOW).await.unwrap(), []);
        match end {
            "close" => Box::new(one).close().await.unwrap(),
            _ => drop(one),
        }
        assert_eq!(depth(&mut other).await, (3, 0, 0), "{end}");
    }
    assert_eq!(other.take("sync", Most::messages(9), NOW).await.unwrap().len(), 3);
    assert_eq!(other.session.takers().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lease_that_ended_hands_out_again_and_its_former_holder_acknowledges_nothing() {
    let file = File::new();
    let (mut slow, mut quick) = (file.open().await, file.open().await);
    slow.lease = Duration::ZERO;
    slow.send("sync", &bodies(0, 2)).await.unwrap();
    let late = slow.take("sync", Most::messages(9), NOW).await.unwrap();
    let again = quick.take("sync", Most::messages(9), SOON).await.unwrap();
    assert_eq!(told(&again), told(&late));
    assert!(again.iter().all(|it| it.again));
    slow.acknowledge("sync", &tags(&late)).await.unwrap();
    slow.give_back("sync", &tags(&late)).await.unwrap();
    assert_eq!(depth(&mut quick).await, (0, 2, 0));
    quick.acknowledge("sync", &tags(&again)).await.unwrap();
    assert_eq!(depth(&mut quick).await, (0, 0, 0));
}

#[tokio::test]
async fn messages_of_a_process_that_was_killed_come_again_at_once() {
    let file = File::new();
    let mut queue = file.open().await;
    queue.send("sync", &bodies(0, 2)).await.unwrap();
    // A child stands for the process that took them.
    let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let holder = Holder::of_process(child.id());
    let ready = queue.session.ready_messages(1, 9, no_time()).await.unwrap();
    let held: Vec<i64> = ready.iter().map(|message| message.id).collect();
    queue.session.note_taker(77, &serde_json::to_string(&holder).unwrap()).await.unwrap();
    queue.session.hold_messages(&held, 77, i64::MAX).await.unwrap();
    assert_eq!(queue.take("sync", Most::messages(9), NOW).await.unwrap(), []);
    child.kill().unwrap();
    child.wait().unwrap();
    let again = queue.take("sync", Most::messages(9), NOW).await.unwrap();
    assert_eq!(told(&again), bodies(0, 2));
    assert!(again.iter().all(|it| it.again));
}

#[tokio::test]
async fn an_unknown_queue_is_answered_with_the_nearest_name() {
    let file = File::new();
    let mut queue = file.open().await;
    for (name, hint) in [
        ("snyc", "; did you mean sync?"),
        ("sync.eror", "; did you mean sync.error?"),
        ("publish.cms_block", "; there are sync"),
    ] {
        let error = queue.peek(name, 1).await.unwrap_err();
        assert_eq!(error.to_string(), format!("PROD has no queue {name}{hint}"));
        assert!(queue.send(name, &[]).await.is_err());
    }
    assert!(
        Embedded::look(&file.folder.path().join("no.db"), Environment::Prod)
            .await
            .unwrap()
            .is_none()
    );
    let mut look = Embedded::look(&file.path(), Environment::Prod).await.unwrap().unwrap();
    assert_eq!(depth(&mut look).await, (0, 0, 0));
    assert!(look.send("sync", &bodies(0, 1)).await.is_err());
}

/// Several processes that begin at once find a file without tables.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_that_open_a_new_file_at_once_share_it() {
    for _ in 0..10 {
        let file = File::new();
        let path = file.path();
        let opening = (0..6).map(|number| {
            let path = path.clone();
            tokio::spawn(async move {
                let mut queue = Embedded::open(&path, Environment::Prod).await.unwrap();
                queue.declare("sync").await.unwrap();
                queue.send("sync", &bodies(number, number + 1)).await.unwrap();
            })
        });
        for opened in futures_util::future::join_all(opening).await {
            opened.unwrap();
        }
        assert_eq!(depth(&mut file.open().await).await, (6, 0, 0));
    }
}

/// 100,000 messages of 600 bytes: sent in batches of 10,000, taken and acknowledged 1,000 at once.
#[tokio::test]
async fn a_full_round_is_quick() {
    let file = File::new();
    let (mut sender, mut worker) = (file.open().await, file.open().await);
    let body = format!("{{\"write\":\"{}\"}}", "x".repeat(588));
    let batch = vec![body; 10_000];
    let begun = Instant::now();
    for _ in 0..10 {
        sender.send("sync", &batch).await.unwrap();
    }
    let sent = begun.elapsed();
    let mut count = 0;
    loop {
        let taken = worker.take("sync", Most::messages(1_000), NOW).await.unwrap();
        if taken.is_empty() {
            break;
        }
        count += taken.len();
        worker.acknowledge("sync", &tags(&taken)).await.unwrap();
    }
    let rest = begun.elapsed().saturating_sub(sent);
    println!("sent in {sent:?}, taken and acknowledged in {rest:?}");
    assert_eq!(count, 100_000);
    assert_eq!(depth(&mut worker).await, (0, 0, 0));
    // Debug builds on a loaded machine take half a minute.
    assert!(begun.elapsed() < Duration::from_mins(3), "{sent:?} {rest:?}");
}

fn no_time() -> Now<'static> {
    Now { at: 0, gone: &[] }
}
