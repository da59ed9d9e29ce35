//! What the pages and numbers say.

use std::fs;

use reconcile::config::{self, Environment};
use reconcile::queue;

use super::world::{FAR_AWAY, HTTP, JO, MAIL, MANIFESTS, World, eventually};
use crate::shop;

#[tokio::test]
async fn messages_open_into_their_details_fifty_on_a_page() {
    let world = World::new(&format!("{MANIFESTS}{MAIL}{HTTP}")).await;
    world.job(FAR_AWAY);
    world.approve();
    let daemon = world.start();
    let jo = daemon.client().await.sign_in(JO);
    world.message("Synchronization process").await;
    let page = eventually("both are delivered", || {
        let page = jo.get("/messages").is(200);
        (page.body.matches("taken by the mail server at").count() == 2).then_some(page)
    })
    .await;
    assert_eq!(page.body.matches("<details").count(), 2, "{}", page.body);
    let page = page.says("<summary>Synchronization process (spring) ");
    let page = page.says("<a href=\"/jobs/spring\">spring</a>");
    let page = page.says("<dt>to</dt><dd>jo@shop.example: taken by the mail server at ");
    let page = page.says(&format!("<a href=\"{}\">", world.cancel_link().await));
    // What data says stays text.
    assert!(!page.body.contains("<b>"), "{}", page.body);
    assert!(!page.body.contains("Older"), "{}", page.body);
    // Many more of them, newest first; they are of a release that didn't keep their places.
    shop::change(
        &world.path("state/reconcile.db"),
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 60) \
         INSERT INTO reconcile_outbox SELECT 'x' || i, 'over', json_object('id', 'x' || i, 'job', \
         'old', 'at', printf('2020-01-01T00:%02d:00Z', i - 1), 'subject', 'Old ' || i || '.', 'text', '', \
         'html', '', 'to', json_array(), 'refused', json_array('eve@evil.example')), '{}' FROM n; DELETE FROM reconcile_message; \
         DELETE FROM reconcile_state WHERE name = 'messages by number'",
    )
    .await;
    world.reconcile(&["messages"]).ends_with(0);
    let first = jo.get("/messages").is(200).says("Synchronization process").says("Old 60.");
    assert_eq!(first.body.matches("<details").count(), 50);
    let first = first.says("eve@evil.example: the operator");
    first.says("<a href=\"/messages?page=2\">Older</a>");
    let second = jo.get("/messages?page=2").is(200).says("Old 12.").says("Old 1.").says(">Newer<");
    assert_eq!(second.body.matches("<details").count(), 12);
    jo.get("/messages?page=99").is(200).says("There is no message.");
    jo.get("/messages?page=4294967295").is(200);
    jo.get("/messages?page=x").is(400);
    daemon.ends().await;
}

#[tokio::test]
async fn jobs_and_numbers_say_how_it_stands() {
    let world = World::new(&format!("{MANIFESTS}{MAIL}{HTTP}")).await;
    world.job(FAR_AWAY);
    world.approve();
    let broken = "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {name: broken}\nspec: {}\n";
    fs::write(world.path("manifests/broken.yaml"), broken).unwrap();
    let daemon = world.start();
    daemon.says("spring: Scheduled").await;
    world.message("Synchronization process").await;
    let jo = daemon.client().await.sign_in(JO);
    let page = jo.get("/").is(200).says("<a href=\"/jobs/spring\">spring</a>").says("Scheduled");
    let page =
        page.says("next run 2999-12-01 02:00 CET").says("<a href=\"/jobs/broken\">broken</a>");
    assert!(!page.body.contains("<script"), "{}", page.body);
    jo.get("/jobs/broken").is(200).says("Invalid");
    jo.get("/jobs/spring").is(200).says("found 1 new; 1 equal").says("It didn't run yet.");
    jo.get("/style.css").is(200).says("prefers-color-scheme: dark");
    eventually("mails are out", || {
        jo.get("/metrics").body.contains("reconcile_messages_waiting 0\n").then_some(())
    })
    .await;
    let numbers = jo.get("/metrics").is(200);
    assert!(!numbers.body.contains("spring"), "{}", numbers.body);
    assert!(!numbers.body.contains("reconcile_queue"), "nothing is published: {}", numbers.body);
    assert_eq!(numbers.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        "reconcile_jobs{phase=\"Scheduled\"} 1",
        "reconcile_jobs{phase=\"Invalid\"} 1",
        "reconcile_jobs{phase=\"Failed\"} 0",
        "reconcile_runs_total{end=\"Cancelled\"} 0",
        "reconcile_last_look_success 1",
        "reconcile_messages_lost 0",
        "reconcile_results_unpushed 0",
        &format!("reconcile_build_info{{version=\"{version}\"}} 1"),
    ] {
        assert!(numbers.body.contains(&format!("{line}\n")), "{line}: {}", numbers.body);
    }
    world.reconcile(&["cancel", "spring"]).ends_with(0);
    let numbers = jo.get("/metrics").is(200).says("reconcile_runs_total{end=\"Cancelled\"} 1\n");
    numbers.says("reconcile_jobs{phase=\"Cancelled\"} 1\n");
    // A release that didn't count left the ends alone.
    let forget = "DELETE FROM reconcile_state WHERE name = 'ends'";
    shop::change(&world.path("state/reconcile.db"), forget).await;
    world.reconcile(&["status"]).ends_with(0);
    jo.get("/metrics").is(200).says("reconcile_runs_total{end=\"Cancelled\"} 1\n");
    daemon.ends().await;
}

#[tokio::test]
async fn numbers_tell_what_waits_in_queues() {
    let world = World::new(&format!("{MANIFESTS}{HTTP}")).await;
    let text = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    let publish = "PROD: {publish: {queue: embedded, storage: embedded, search: embedded}, ";
    fs::write(world.path("reconcile.yaml"), text.replace("PROD: {", publish)).unwrap();
    let config = config::load(&world.path("reconcile.yaml"), &|_| None).unwrap();
    let mut broker = queue::open(&config, Environment::Prod, None).await.unwrap();
    broker.declare("sync.page").await.unwrap();
    broker.send("sync.page", &["{}".into(), "{}".into()]).await.unwrap();
    broker.fail("sync.page", "{}", None, "why").await.unwrap();
    let daemon = world.start();
    let jo = daemon.client().await.sign_in(JO);
    let numbers = jo.get("/metrics").is(200).says("reconcile_queue_up{environment=\"PROD\"} 1\n");
    for (state, number) in [("ready", 2), ("unacknowledged", 0), ("failed", 1)] {
        let labels = format!("environment=\"PROD\",queue=\"sync.page\",state=\"{state}\"");
        let line = format!("reconcile_queue_messages{{{labels}}} {number}\n");
        assert!(numbers.body.contains(&line), "{line}{}", numbers.body);
    }
    // A file that is no queue takes nothing else with it.
    broker.close().await.unwrap();
    for name in ["queue.db-wal", "queue.db-shm"] {
        let _ = fs::remove_file(world.path("state/PROD").join(name));
    }
    fs::write(world.path("state/PROD/queue.db"), "no database, but a text").unwrap();
    let numbers = jo.get("/metrics").is(200).says("reconcile_queue_up{environment=\"PROD\"} 0\n");
    numbers.says("reconcile_state_store_up 1\n");
}
