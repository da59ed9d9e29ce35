//! Ctrl-C and SIGTERM while something is published: what is done stays, and it goes on from there.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reconcile::config::{self, Environment};
use reconcile::queue;
use sqlx::{Connection, Executor, SqliteConnection};

use super::{KEYS, folder, products, verified};
use crate::places::Place;
use crate::shop::reconcile;
use crate::stores::ReadStores;

const NUMBER: u64 = 30;

fn start(path: &Path, arguments: &[&str]) -> Child {
    let command = &mut Command::new(env!("CARGO_BIN_EXE_reconcile"));
    command.args(arguments).current_dir(path);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Signals a command once it waits for a store that somebody holds; its code and all it said.
async fn stopped(path: &Path, arguments: &[&str], signal: &str) -> (Option<i32>, String) {
    let url = format!("sqlite://{}", path.join("state/PROD/storage.db").display());
    let mut held = SqliteConnection::connect(&url).await.unwrap();
    held.execute("BEGIN IMMEDIATE").await.unwrap();
    let child = start(path, arguments);
    until_taken(path).await;
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ended = child.wait_with_output().unwrap();
    held.close().await.unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// Waits until messages to the storage are handed out.
async fn until_taken(path: &Path) {
    let config = config::load(&path.join("reconcile.yaml"), &|_| None).unwrap();
    let begun = Instant::now();
    loop {
        let broker = queue::look(&config, Environment::Prod, None).await.unwrap();
        let mut broker = broker.unwrap();
        let depths = broker.list(&[]).await.unwrap();
        broker.close().await.unwrap();
        let storage = depths.iter().find(|it| it.queue == "sync.storage.product");
        if storage.is_some_and(|it| it.unacknowledged > Some(0)) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{depths:?}");
    }
}

#[tokio::test]
async fn publishing_that_is_stopped_says_so_and_goes_on_later() {
    let place = Place::sqlite(&products(NUMBER)).await;
    let folder = folder(&place, &ReadStores::embedded());
    let path = folder.path();
    std::fs::write(path.join("test.db"), "").unwrap();
    reconcile(path, &["publish:trigger-events", "--create-tables"]).ends_with(0);
    let touch = "UPDATE product_price SET gross = gross + 1";
    let truly = |said: &str| {
        assert!(said.contains("what is published stays, the rest stays queued"), "{said}");
        assert!(!said.contains("roll"), "{said}");
    };

    place.run(touch).await;
    let (code, said) = stopped(path, &["publish:trigger-events"], "-INT").await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("stopped (read {NUMBER}, changed ")), "{said}");
    truly(&said);
    reconcile(path, &["verify"]).ends_with(1);
    let said = reconcile(path, &["publish:trigger-events"]).ends_with(0);
    assert!(said.out.contains("changed 0"), "{}", said.out);
    verified(path, NUMBER * KEYS);

    let (code, said) = stopped(path, &["sync:data"], "-TERM").await;
    assert_eq!(code, Some(1), "{said}");
    truly(&said);
    let (code, said) = stopped(path, &["worker", "--stop-when-empty"], "-INT").await;
    assert_eq!(code, Some(1), "{said}");
    truly(&said);
    // One that goes on until it is stopped ends well.
    let (code, said) = stopped(path, &["worker"], "-INT").await;
    assert_eq!(code, Some(0), "{said}");
    reconcile(path, &["worker", "--stop-when-empty"]).ends_with(0);
    verified(path, NUMBER * KEYS);

    // A job of its own, by a pass.
    place.run(touch).await;
    let job = "apiVersion: reconcile/v1\nkind: RepublishJob\nmetadata: {name: night}\nspec: {action: \
               trigger-events, resources: all}\n";
    std::fs::write(path.join("manifests/night.yaml"), job).unwrap();
    let (code, said) = stopped(path, &["night"], "-INT").await;
    assert_eq!(code, Some(1), "{said}");
    truly(&said);
    reconcile(path, &["night"]).ends_with(0);
    verified(path, NUMBER * KEYS);
    place.remove().await;
}
