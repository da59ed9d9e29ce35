//! How many messages a broker takes and hands out again, for whoever works on it: `cargo test --release -- --ignored
//! queues::speed --nocapture`.

use std::time::Instant;

use super::broker::Rabbit;
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures, and needs a quiet machine"]
async fn small_and_large_messages() {
    let Some(rabbit) = Rabbit::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), &on_rabbitmq(&rabbit.url()));
    for (count, bytes) in [(100_000, 600), (1_000, 150_000)] {
        let queue = fresh("speed");
        let (mut one, mut two) = (open(&config).await, open(&config).await);
        one.declare(&queue).await.unwrap();
        let batch = vec![format!("{{\"write\":\"{}\"}}", "x".repeat(bytes - 12)); count / 10];
        let begun = Instant::now();
        for _ in 0..10 {
            one.send(&queue, &batch).await.unwrap();
        }
        let sent = begun.elapsed();
        let mut left = count;
        while left > 0 {
            let got = two.take(&queue, Most::messages(2_000), SOON).await.unwrap();
            left -= got.len();
            two.acknowledge(&queue, &tags(&got)).await.unwrap();
        }
        let rest = begun.elapsed().saturating_sub(sent);
        println!("{count} of {bytes} bytes: sent in {sent:?}, taken in {rest:?}");
        has(two.as_mut(), &queue, 0, 0).await;
    }
}
