//! A storage on Redis that is full, or comes back empty: what is queued stays, and goes on.

use super::{KEYS, ROWS, counted, counts, folder, products, trigger, verified};
use crate::places::Place;
use crate::shop::reconcile;
use crate::stores::ReadStores;
use crate::stores::redis_server::{self, Server};

const NUMBER: u64 = 2000;

#[tokio::test]
async fn a_storage_that_is_full_or_comes_back_empty_is_filled_in_the_end() {
    if !redis_server::is_there() {
        return;
    }
    let mut server =
        Server::start(&["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]).await;
    let place = Place::sqlite(&products(NUMBER)).await;
    let folder = folder(&place, &ReadStores::with_storage(&server.url()));
    let path = folder.path();
    std::fs::write(path.join("test.db"), "").unwrap();
    let said = trigger(path, &["--create-tables"]).ends_with(1);
    assert!(said.err.contains("it has no memory left (`maxmemory`)"), "{}", said.err);
    let said = reconcile(path, &["queue", "list"]).ends_with(0);
    let line = said.out.lines().find(|line| line.starts_with("sync.storage.product ")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert!(
        words[1] != "0" && words[3] == "0",
        "nothing is acknowledged, nothing has failed: {line}"
    );
    server.set("maxmemory", "500mb");
    reconcile(path, &["worker", "--stop-when-empty"]).ends_with(0);
    let done = counts(reconcile(path, &["sync:data", "--format", "json"]));
    counted(&done, &[("read", NUMBER * ROWS), ("written", NUMBER * KEYS), ("failed", 0)]);
    verified(path, NUMBER * KEYS);

    server.kill();
    server.start_again().await;
    server.set("maxmemory", "500mb");
    let said = reconcile(path, &["verify"]).ends_with(1);
    assert!(said.err.contains("`reconcile sync:data` fills it again"), "{}", said.err);
    // Storage keys alone: a document and an alias for each store and locale.
    assert!(said.out.contains(&format!("{} missing, 0 outdated", NUMBER * 8)), "{}", said.out);
    let done = counts(reconcile(path, &["sync:data", "--format", "json"]));
    counted(&done, &[("written", NUMBER * KEYS), ("failed", 0)]);
    verified(path, NUMBER * KEYS);
}
