//! Ctrl-C while rows are written: everything is rolled back, and said so.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{Connection, Executor, SqliteConnection};

use crate::shop::{Shop, rows};

/// Long enough that the signal comes before its end, on any machine.
const SLOW: &str = "\nmodules:\n  cms-pages:\n    afterWrite:\n      - \"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000000) \
                    SELECT max(i) FROM n\"\n";

#[tokio::test]
async fn an_interrupted_run_rolls_back_and_says_so() {
    let shop = Shop::after_the_demo();
    shop.reconcile(&["undo", &shop.run]).ends_with(0);
    let operators = shop.path().join("reconcile.yaml");
    let settings = fs::read_to_string(&operators).unwrap();
    fs::write(&operators, settings + SLOW).unwrap();
    let before = rows(&shop.prod()).await;
    let job = format!("undo-{}", shop.run);
    let run = Command::new(env!("CARGO_BIN_EXE_reconcile"))
        .arg(&job)
        .current_dir(shop.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until_written(&shop).await;
    let killed = Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ended = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned()
        + &String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("stopping: rolling back"), "{said}");
    assert!(said.contains("interrupted; everything was rolled back"), "{said}");
    assert_eq!(rows(&shop.prod()).await, before);
    // The request stays open: the same command finishes the job.
    shop.reconcile(&[&job]).ends_with(0);
    assert_ne!(rows(&shop.prod()).await, before);
}

/// Waits until another connection can't begin to write.
async fn until_written(shop: &Shop) {
    let url = format!("sqlite://{}", shop.prod().display());
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let mut other = SqliteConnection::connect(&url).await.unwrap();
        other.execute("PRAGMA busy_timeout = 0").await.unwrap();
        if other.execute("BEGIN IMMEDIATE").await.is_err() {
            return;
        }
        other.execute("ROLLBACK").await.unwrap();
        other.close().await.unwrap();
    }
    panic!("the run never began to write");
}
