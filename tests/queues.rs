//! Queues: what every kind guarantees, and what is particular to RabbitMQ.

mod broker;
mod contract;
mod faults;
mod foreign;
mod interchange;
mod rights;
mod speed;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reconcile::config::{self, Config, Environment};
use reconcile::queue::{self, Broker, Delivery, Most};

pub use broker::Rabbit;

use crate::process::LIMIT;

const NOW: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_secs(20);

/// An operator's file whose queues are there.
pub fn configured(folder: &Path, queue: &str) -> Config {
    let text = format!(
        "instance: PROD\nmanifests: ./m\nstateDirectory: ./state\nenvironments:\n  PROD: {{database: \
         'sqlite://p.db', publish: {{queue: {queue}}}}}\n  TEST: {{database: 'sqlite://t.db'}}\n"
    );
    config::parse(&folder.join("reconcile.yaml"), text.as_bytes(), &|_| None).unwrap()
}

pub fn on_rabbitmq(url: &str) -> String {
    format!("{{url: '{url}', format: batch}}")
}

pub async fn open(config: &Config) -> Box<dyn Broker> {
    queue::open(config, Environment::Prod, None).await.unwrap()
}

/// A name that no other test uses, nor the same one before.
pub fn fresh(name: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    format!("{name}-{}-{number}", std::process::id())
}

pub fn bodies(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("{{\"write\":{number}}}")).collect()
}

pub fn told(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.body.as_str()).collect()
}

pub fn tags(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|delivery| delivery.tag).collect()
}

/// So many messages, in as many hands as it takes.
pub async fn taken(broker: &mut dyn Broker, queue: &str, count: usize) -> Vec<Delivery> {
    let begun = std::time::Instant::now();
    let mut all = Vec::new();
    while all.len() < count {
        assert!(begun.elapsed() < LIMIT, "{} of {count} messages came", all.len());
        all.extend(
            broker
                .take(queue, Most::messages(count - all.len()), Duration::from_millis(500))
                .await
                .unwrap(),
        );
    }
    all
}

/// Waits until so many are ready, and so many failed.
pub async fn has(broker: &mut dyn Broker, queue: &str, ready: u64, failed: u64) {
    let begun = std::time::Instant::now();
    loop {
        let list = broker.list(&[queue.to_owned()]).await.unwrap();
        let depth = list.iter().find(|depth| depth.queue == queue).unwrap();
        if (depth.ready, depth.failed) == (ready, failed) {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "{depth:?} instead of {ready} ready, {failed} failed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
