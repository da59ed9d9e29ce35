//! Cancelling by a link and from a page: nothing happens by looking, and latecomers hear the truth.

use jiff::{SignedDuration, Timestamp};
use reconcile::report::ticket::Ticket;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use super::world::{FAR_AWAY, HTTP, JO, KIM, MAIL, MANIFESTS, World, eventually};
use crate::places::Place;

async fn scheduled() -> World {
    let world = World::new(&format!("{MANIFESTS}{MAIL}{HTTP}")).await;
    world.job(FAR_AWAY);
    world.approve();
    world
}

fn status(world: &World) -> String {
    world.reconcile(&["status", "spring"]).ends_with(0).out
}

#[tokio::test]
async fn the_link_in_the_message_cancels_by_its_button_alone() {
    let world = scheduled().await;
    let daemon = world.start();
    let (link, client) = (world.cancel_link().await, daemon.client().await);
    let state = world.path("state/reconcile.db");
    let before = everything(&state).await;
    // Scanners follow links, in each of their ways.
    for _ in 0..2 {
        let page = client.get(&link).is(200).says("Cancel spring?");
        let page = page.says("spring is scheduled for 2999-12-01 02:00 CET.");
        page.says("&lt;b&gt;Spring&lt;/b&gt;").says("<button class=\"stop\">");
        assert_eq!(client.ask("HEAD", &link, &[], "").is(200).body, "");
        let prefetch = [("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch")];
        client.ask("GET", &link, &prefetch, "").is(200);
        for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
            client.ask(method, &link, &[], "").is(405);
        }
    }
    // A link that was cut or changed is none.
    for wrong in [
        link[..link.len() - 1].to_owned(),
        link.replacen("spring", "summer", 1),
        format!("{link}0"),
        "/cancel/x".into(),
    ] {
        client.get(&wrong).is(404).says("isn&#39;t one of ours");
        client.ask("POST", &wrong, &[], "").is(404);
    }
    assert_eq!(everything(&state).await, before, "nothing is written by looking");
    assert!(status(&world).contains("spring: Scheduled"));
    // Whoever has the message may, from wherever the button is pressed.
    client.ask("POST", &link, &[], "").is(200).says("spring is cancelled");
    daemon.says("spring: Cancelled: cancelled by the link in the message").await;
    let told = world.message("Cancelled: Synchronization process (spring)").await;
    assert!(told.contains("cancelled by the link in the message"), "{told}");
    client.get(&link).is(200).says("spring was cancelled already");
    client.ask("POST", &link, &[], "").is(409).says("spring was cancelled already");
    daemon.ends().await;
    let file = std::fs::read_to_string(world.path("results/spring/status.yaml")).unwrap();
    assert!(file.contains("phase: Cancelled"), "{file}");
}

#[tokio::test]
async fn whoever_comes_late_is_told_what_happened() {
    let world = World::new(&format!("{MANIFESTS}{HTTP}")).await;
    world.job("");
    let daemon = world.start();
    daemon.says("spring: AwaitingApproval").await;
    let client = daemon.client().await;
    // The run can't write as long as somebody else does.
    let mut writer = connect(&world.prod.url).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut writer).await.unwrap();
    world.approve();
    let state = format!("sqlite://{}", world.path("state/reconcile.db").display());
    let mut reader = connect(&state).await;
    let request = loop {
        let sql = "SELECT json_extract(memory, '$.running.key') FROM reconcile_job";
        let (running,): (Option<String>,) =
            sqlx::query_as(sql).fetch_one(&mut reader).await.unwrap();
        if let Some(running) = running {
            break running;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let sql = "SELECT value FROM reconcile_state WHERE name = 'key of cancel links'";
    let (key,): (String,) = sqlx::query_as(sql).fetch_one(&mut reader).await.unwrap();
    let link = |at| format!("/cancel/{}", Ticket::until_after("spring", &request, at).signed(&key));
    let now = Timestamp::now();
    client.get(&link(now)).is(200).says("spring has started").says("goes to its end");
    client.ask("POST", &link(now), &[], "").is(409).says("spring has started");
    sqlx::raw_sql("ROLLBACK").execute(&mut writer).await.unwrap();
    daemon.says("spring: Succeeded").await;
    client.get(&link(now)).is(200).says("spring is over").says("is committed");
    client.ask("POST", &link(now), &[], "").is(409).says("spring is over");
    let page =
        client.get_as("/jobs/spring", JO).is(200).says("<span class=\"phase\">Succeeded</span>");
    assert!(!page.body.contains("What would be changed"), "{}", page.body);
    let long_ago = now - SignedDuration::from_hours(48);
    client.get(&link(long_ago)).is(410).says("this link ended at");
    client.ask("POST", &link(long_ago), &[], "").is(410);
    daemon.ends().await;
}

/// Links are signed by the store's key, and asked about in the store.
#[tokio::test]
async fn a_link_of_one_daemon_works_at_another_that_shares_its_store() {
    let Some(state) = Place::postgres("").await else { return };
    let shared = format!("{MANIFESTS}{MAIL}{HTTP}state: \"{}\"\n", state.url);
    let world = World::new(&shared).await;
    world.job(FAR_AWAY);
    world.approve();
    let leader = world.start();
    let link = world.cancel_link().await;
    leader.says("spring: Scheduled").await;
    let other = world.start_beside("state-of-another");
    other.says("standing by").await;
    let client = other.client().await;
    eventually("the other one knows the manifests", || {
        (client.get(&link).status == 200).then_some(())
    })
    .await;
    client.get("/readyz").is(200).says("standing by");
    client.get_as("/metrics", JO).is(200).says("reconcile_leader 0\n");
    leader.client().await.get_as("/metrics", JO).is(200).says("reconcile_leader 1\n");
    client.ask("POST", &link, &[], "").is(200).says("spring is cancelled");
    leader.client().await.get(&link).is(200).says("spring was cancelled already");
    other.ends().await;
    leader.ends().await;
    state.remove().await;
}

#[tokio::test]
async fn another_request_is_not_what_the_link_means() {
    let world = scheduled().await;
    let daemon = world.start();
    let (link, client) = (world.cancel_link().await, daemon.client().await);
    let file = world.path("manifests/spring.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let later = text.replace("mode: all", "mode: all\n  request: 2").replace("2999-", "2998-");
    std::fs::write(&file, later).unwrap();
    daemon.says("spring: Scheduled: next run 2998-12-01").await;
    client.get(&link).is(200).says("asks for something else by now");
    client.ask("POST", &link, &[], "").is(409).says("asks for something else by now");
    assert!(status(&world).contains("spring: Scheduled"));
    // Once its manifest is gone, too.
    std::fs::remove_file(&file).unwrap();
    daemon.says("its manifest was deleted").await;
    client.ask("POST", &link, &[], "").is(409).says("no manifest names this job");
    daemon.ends().await;
}

#[tokio::test]
async fn a_page_cancels_for_those_who_may_schedule() {
    let world = scheduled().await;
    let daemon = world.start();
    daemon.says("spring: Scheduled").await;
    let client = daemon.client().await;
    let (jo, kim) = (client.sign_in(JO), client.sign_in(KIM));
    let page = jo.get("/jobs/spring").is(200).says("Cancel this run");
    let request = page.body.split_once("name=\"request\" value=\"").unwrap().1;
    let request = format!("request={}", request.split('"').next().unwrap());
    // Who may view sees neither the button nor a link that does the same.
    assert!(!kim.get("/jobs/spring").is(200).body.contains("Cancel this run"));
    let link = world.cancel_link().await;
    assert!(jo.get("/messages").is(200).body.contains(&link));
    let messages = kim.get("/messages").is(200).says("Those who may schedule find a link here");
    assert!(!messages.body.contains("/cancel/"), "{}", messages.body);
    kim.post("/jobs/spring/cancel", &request).is(403).says("you may view, not cancel");
    client.post("/jobs/spring/cancel", &request).is(401);
    // What the page showed is meant, nothing that came since.
    jo.post("/jobs/spring/cancel", "request=another").is(409).says("something else by now");
    jo.post("/jobs/another/cancel", &request).is(404);
    assert!(status(&world).contains("spring: Scheduled"));
    assert_eq!(
        jo.post("/jobs/spring/cancel", &request).is(303).header("Location"),
        Some("/jobs/spring")
    );
    daemon.says("spring: Cancelled: cancelled by jo").await;
    jo.get("/jobs/spring").is(200).says("cancelled by jo");
    jo.post("/jobs/spring/cancel", &request).is(409).says("was cancelled already");
    daemon.ends().await;
}

async fn connect(url: &str) -> SqliteConnection {
    SqliteConnection::connect(url).await.unwrap()
}

/// All rows of all tables of a state store.
async fn everything(state: &std::path::Path) -> Vec<String> {
    let mut connection = connect(&format!("sqlite://{}", state.display())).await;
    let mut all = Vec::new();
    for (table, columns) in [
        ("reconcile_job", "job || version || memory"),
        ("reconcile_request", "job || request || ended"),
        ("reconcile_outbox", "id || message"),
        ("reconcile_state", "name || value"),
    ] {
        let sql = format!("SELECT {columns} AS row FROM {table} ORDER BY 1");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
        all.extend(rows.iter().map(|row| row.get::<String, _>("row")));
    }
    connection.close().await.unwrap();
    all
}
