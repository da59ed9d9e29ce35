//! Starting, stopping, health, and clients that are slow or too much.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sqlx::{Connection, SqliteConnection};

use super::world::{HTTP, JO, MANIFESTS, World, eventually};

#[tokio::test]
async fn without_tokens_only_this_host_may_come() {
    let world = World::new(&format!("{MANIFESTS}http: {{listen: \"127.0.0.1:0\"}}\n")).await;
    world.job("");
    let daemon = world.start();
    let client = daemon.client().await;
    client.get("/healthz").is(200).says("alive");
    // The one line that says where to go holds the token of this start.
    let said = daemon.said();
    let token = said.split_once("/sign-in?token=").unwrap().1.lines().next().unwrap().to_owned();
    client.get(&format!("/sign-in?token={token}")).is(200).says(&token);
    let somebody = client.sign_in(&token);
    eventually("a job is shown", || somebody.get("/").body.contains("spring").then_some(())).await;
    daemon.ends().await;

    for (http, why) in [
        ("http: {listen: \"127.0.0.1:0\", publicUrl: \"https://shop.example\"}", "others come"),
        ("http: {listen: \"0.0.0.0:0\"}", "others can reach 0.0.0.0:0"),
    ] {
        world.operator(&format!("{MANIFESTS}{http}\n"));
        let said = world.reconcile(&["watch"]).ends_with(1);
        assert!(said.err.contains("`http` has no `tokens`, and"), "{}", said.err);
        assert!(said.err.contains(why), "{}", said.err);
    }
}

#[tokio::test]
async fn ready_means_that_looks_work_and_the_state_store_answers() {
    let world = World::new(&format!("{MANIFESTS}{HTTP}")).await;
    world.job("");
    let daemon = world.start();
    let client = daemon.client().await;
    eventually("it is ready", || (client.get("/readyz").status == 200).then_some(())).await;
    // Also under another name, and by HEAD.
    client.ask("GET", "/readyz", &[("Host", "10.0.0.7:8080")], "").is(200);
    assert_eq!(client.ask("HEAD", "/healthz", &[], "").is(200).body, "");
    let state = format!("sqlite://{}", world.path("state/reconcile.db").display());
    let mut other = SqliteConnection::connect(&state).await.unwrap();
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    client.get("/readyz").is(503).says("the state store can't be reached");
    client.get("/healthz").is(200);
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    eventually("it is ready again", || (client.get("/readyz").status == 200).then_some(())).await;
    std::fs::rename(world.path("manifests"), world.path("elsewhere")).unwrap();
    eventually("it isn't ready", || {
        let answer = client.get("/readyz");
        (answer.status == 503).then(|| answer.says("the latest look failed"))
    })
    .await;
    let numbers = client.get_as("/metrics", JO).is(200);
    let numbers = numbers.says("reconcile_last_look_success 0\n");
    numbers.says("reconcile_state_store_up 1\n");
    client.get("/healthz").is(200);
    daemon.ends().await;
}

#[tokio::test]
async fn the_operators_file_counts_as_it_was_read_last() {
    let world = World::new(&format!("{MANIFESTS}{HTTP}")).await;
    world.job("");
    let daemon = world.start();
    let client = daemon.client().await;
    client.get_as("/metrics", JO).is(200);
    let session = client.sign_in(JO);
    session.get("/").is(200);
    // Another secret: token and session end. Nobody's address changes.
    world.operator(&format!("{MANIFESTS}{}", HTTP.replace(JO, "jo-has-another-one-2")));
    daemon.signal("-HUP");
    eventually("the new token counts", || {
        (client.get_as("/metrics", "jo-has-another-one-2").status == 200).then_some(())
    })
    .await;
    client.get_as("/metrics", JO).is(401);
    session.get("/").is(401);
    // An address that is taken is refused, and the old one stays.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    world.operator(&format!("{MANIFESTS}{}", HTTP.replace("127.0.0.1:0", &taken)));
    daemon.signal("-HUP");
    daemon.says(&format!("the old one stays: can't listen on {taken}")).await;
    client.get_as("/metrics", "jo-has-another-one-2").is(200);
    // One that is free is taken, and the old one left.
    drop(other);
    daemon.signal("-HUP");
    daemon.says(&format!("http: listening on {taken}")).await;
    daemon.client().await.get_as("/metrics", JO).is(200);
    eventually("the old address is left", || TcpStream::connect(client.address).err()).await;
    // Without `http` nobody listens.
    world.operator(MANIFESTS);
    daemon.signal("-HUP");
    eventually("nobody listens", || TcpStream::connect(&taken).err()).await;
    daemon.ends().await;
}

#[tokio::test]
async fn slow_and_large_clients_are_ended_and_hold_nothing_up() {
    let world = World::new(&format!("{MANIFESTS}{HTTP}")).await;
    world.job("");
    let daemon = world.start();
    let client = daemon.client().await;
    let mut half = TcpStream::connect(client.address).unwrap();
    let head = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ntoken=",
        host = client.host()
    );
    half.write_all(head.as_bytes()).unwrap();
    half.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // More than are served at once.
    let mut slow: Vec<TcpStream> = (0..150)
        .map(|_| {
            let mut stream = TcpStream::connect(client.address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    daemon.says("spring: AwaitingApproval").await;
    client.get("/healthz").is(200);
    // Heads and bodies that are too large.
    let long = "x".repeat(20_000);
    client.ask("GET", &format!("/{long}"), &[], "").is(431);
    client.ask("GET", "/", &[("X-Long", &long)], "").is(431);
    let many: Vec<_> = (0..100).map(|_| ("X-Many", "1")).collect();
    client.ask("GET", "/", &many, "").is(431);
    client.post("/sign-in", &format!("token={long}")).is(413);
    client.ask("POST", "/hooks/git", &[("X-Gitlab-Token", "x")], &long).is(401);
    let announced = "POST /hooks/git HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: x\r\nContent-Length: \
                     99999999999\r\n\r\n";
    client
        .raw(announced.replace("Host: x", &format!("Host: {}", client.host())).as_bytes())
        .is(413);
    // Somebody who drips is let go; a connection that says nothing more, too.
    for stream in &mut slow {
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
    }
    let mut said = [0; 12];
    half.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 408");
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
    // One that is open holds up no end.
    let open = TcpStream::connect(client.address).unwrap();
    daemon.ends().await;
    drop(open);
}
