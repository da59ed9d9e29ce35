//! What is Redis' own: other programs' values, servers that are full, empty, replicas, or gone.

use reconcile::config::target::{Part, Place};
use reconcile::config::{Config, Environment};
use reconcile::store::{self, Error, Fate, Operation, Store, Stored};
use redis::Commands;

use super::config;
use super::contract::Own;
use super::redis_server::{self, Cluster, SecuredCluster, Server, connect};
use crate::certificates;
use crate::process::eventually;

fn own(url: &str, prefix: String) -> Own {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &format!("{{storage: '{url}'}}"));
    Own { config, part: Part::Storage, index: String::new(), prefix, _held: Box::new(folder) }
}

pub fn single() -> Option<Own> {
    Some(own(&redis_server::database()?, "kv:".into()))
}

pub fn cluster() -> Option<Own> {
    let (url, prefix) = redis_server::cluster()?;
    Some(own(&url, prefix))
}

fn storage_url(own: &Own) -> String {
    match own.config.place_of(Environment::Prod, Part::Storage, None).unwrap() {
        Place::Url(url) => url.expose().to_owned(),
        Place::Embedded(_) => unreachable!(),
    }
}

/// The reason of a failure, and whether it passes.
fn refused<T>(result: store::Result<T>) -> (String, bool) {
    match result.map(drop).unwrap_err() {
        Error::Server { reason, passes, .. } => (reason, passes),
        other => panic!("{other}"),
    }
}

async fn opened(config: &Config) -> store::Result<Box<dyn Store>> {
    store::open(config, Environment::Prod, Part::Storage, None).await
}

async fn with_url(url: &str) -> store::Result<Box<dyn Store>> {
    // What is written through it is a document of a test that has its folder.
    let folder = tempfile::tempdir().unwrap();
    opened(&config(folder.path(), &format!("{{storage: '{url}'}}"))).await
}

async fn versions_beside_documents(url: &str, own: &Own) {
    let mut store = own.open().await;
    let fates = store.apply(&[own.write("a", 5, "{}"), own.deletion("b", 6)]).await.unwrap();
    assert_eq!(fates, [Fate::Done, Fate::Done]);
    let mut raw = connect(url);
    let (a, b) = (own.key("a"), own.key("b"));
    let [a_version, b_version] = [&a, &b].map(|key| format!("reconcile:version:{{{key}}}"));
    let of = |raw: &mut redis::Connection, key: &str| -> Option<String> { raw.get(key).unwrap() };
    assert_eq!(of(&mut raw, &a).as_deref(), Some("{}"));
    assert_eq!(of(&mut raw, &a_version).as_deref(), Some("5"));
    assert_eq!(of(&mut raw, &b_version).as_deref(), Some("6"));
    // A deletion is remembered for a week, a document's version for as long as the document.
    let (kept, forgotten): (i64, i64) =
        (raw.ttl(&a_version).unwrap(), raw.ttl(&b_version).unwrap());
    assert_eq!(kept, -1);
    assert!((7 * 86_400 - 60..=7 * 86_400).contains(&forgotten), "{forgotten}");
    store.apply(&[own.write("b", 7, "{}"), own.deletion("a", 7)]).await.unwrap();
    let (forgotten, kept): (i64, i64) =
        (raw.ttl(&a_version).unwrap(), raw.ttl(&b_version).unwrap());
    assert!(kept == -1 && forgotten > 0, "{kept} {forgotten}");
}

#[tokio::test]
async fn versions_stand_beside_their_documents() {
    let Some(url) = redis_server::database() else { return };
    versions_beside_documents(&url, &own(&url, "kv:".into())).await;
}

#[tokio::test]
async fn what_others_wrote_is_as_old_as_it_says() {
    for own in [single(), cluster()].into_iter().flatten() {
        let mut store = own.open().await;
        let values = [
            ("old", r#"{"a":1,"_timestamp":1526033491.215958}"#),
            ("odd", r#"{"_timestamp":"soon"}"#),
            ("none", r#"{"a":{"_timestamp":99999999999}}"#),
            ("broken", "{"),
            ("number", "7"),
            ("bytes", "\u{fffd}"),
        ];
        for (name, value) in values {
            redis_server::set(&storage_url(&own), &own.key(name), value);
        }
        let stand = store.get("", &[own.key("old")]).await.unwrap();
        let old = Stored { value: values[0].1.into(), version: None };
        assert_eq!(stand, [Some(old)], "its version is not one that we gave");
        let late = [
            own.write("old", 1_526_033_491_215_957, "{}"),
            own.deletion("old", 1_526_033_491_215_957),
        ];
        for operation in late {
            assert_eq!(store.apply(&[operation]).await.unwrap(), [Fate::Outdated]);
        }
        let names = ["odd", "none", "broken", "number", "bytes"];
        let mut writes: Vec<_> = names.iter().map(|name| own.write(name, 0, "{}")).collect();
        writes.push(own.write("old", 1_526_033_491_215_958, "{}"));
        assert_eq!(store.apply(&writes).await.unwrap(), vec![Fate::Done; 6]);
    }
}

#[tokio::test]
async fn another_kind_of_value_is_refused_alone() {
    let Some(own) = single() else { return };
    let mut store = own.open().await;
    let url = storage_url(&own);
    let () = connect(&url).rpush(own.key("list"), "x").unwrap();
    let () = connect(&url).hset(own.key("hash"), "x", 1).unwrap();
    let all = [
        own.write("a", 1, "{}"),
        own.write("list", 1, "{}"),
        own.deletion("hash", 1),
        own.write("hash", 2, "{}"),
        own.deletion("b", 1),
    ];
    let fates = store.apply(&all).await.unwrap();
    let refused =
        |fate: &Fate, kind: &str| matches!(fate, Fate::Refused(why) if why.contains(kind));
    assert!(refused(&fates[1], "list") && refused(&fates[2], "hash") && refused(&fates[3], "hash"));
    assert_eq!((&fates[0], &fates[4]), (&Fate::Done, &Fate::Done));
    assert_eq!(
        own.values(&mut store, &["a", "list", "hash"]).await,
        [Some("{}".into()), None, None]
    );
    // Too late to have been meant, and not ours to touch.
    let odd = [
        own.write("x", (1 << 53) + 1, "{}"),
        own.write("x", -1, "{}"),
        Operation { key: "reconcile:version:x".into(), ..own.write("x", 1, "{}") },
    ];
    let fates = store.apply(&odd).await.unwrap();
    assert!(fates.iter().all(|fate| matches!(fate, Fate::Refused(_))), "{fates:?}");
}

#[tokio::test]
async fn scripts_that_a_server_forgot_are_sent_again() {
    if !redis_server::is_there() {
        return;
    }
    let server = Server::start(&[]).await;
    let own = own(&server.url(), "kv:".into());
    let mut store = own.open().await;
    for version in 1..4 {
        let both = [own.write("a", version, "{}"), own.deletion("b", version)];
        assert_eq!(store.apply(&both).await.unwrap(), [Fate::Done, Fate::Done]);
        let () = redis::cmd("SCRIPT").arg("FLUSH").query(&mut server.connect()).unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_full_takes_deletions_alone() {
    if !redis_server::is_there() {
        return;
    }
    let server = Server::start(&["--maxmemory", "8mb", "--maxmemory-policy", "noeviction"]).await;
    let own = own(&server.url(), "kv:".into());
    let mut store = own.open().await;
    let value = format!("{{\"text\":\"{}\"}}", "x".repeat(20_000));
    let names: Vec<String> = (0..1000).map(|number| format!("k{number}")).collect();
    let writes: Vec<_> = names.iter().map(|name| own.write(name, 1, &value)).collect();
    let (reason, passes) = refused(store.apply(&writes).await);
    assert!(passes && reason.contains("maxmemory") && reason.contains("127.0.0.1:"), "{reason}");
    // What a call wrote it wrote whole, with the versions.
    let listed = own.listed(&mut store, "", 500).await;
    assert!(!listed.is_empty() && listed.len() < 1000, "{}", listed.len());
    let keys: Vec<String> = listed.iter().map(|name| own.key(name)).collect();
    let stand = store.get("", &keys).await.unwrap();
    assert!(stand.iter().all(|stored| stored.as_ref().unwrap().version == Some(1)));
    assert_eq!(store.apply(&[own.deletion(&listed[0], 2)]).await.unwrap(), [Fate::Done]);
    assert_eq!(own.values(&mut store, &[&listed[0]]).await, [None]);
    server.set("maxmemory", "200mb");
    let fates = store.apply(&writes).await.unwrap();
    let outdated = fates.iter().filter(|fate| **fate == Fate::Outdated).count();
    assert_eq!((fates.len(), outdated), (1000, 1), "the deleted one stays deleted");
}

#[tokio::test]
async fn a_server_that_went_is_found_again() {
    if !redis_server::is_there() {
        return;
    }
    let mut server = Server::start(&[]).await;
    let own = own(&server.url(), "kv:".into());
    let mut store = own.open().await;
    let a = [own.write("a", 1, "{}")];
    store.apply(&a).await.unwrap();
    server.kill();
    let (reason, passes) = refused(store.apply(&a).await);
    assert!(passes, "{reason}");
    let (reason, passes) = refused(store.get("", &[own.key("a")]).await);
    assert!(passes && reason.starts_with("connecting to 127.0.0.1:"), "{reason}");
    server.start_again().await;
    assert_eq!(own.values(&mut store, &["a"]).await, [None]);
    assert_eq!(store.apply(&a).await.unwrap(), [Fate::Done]);
}

#[tokio::test]
async fn a_replica_takes_no_writes_and_the_primary_beside_it_is_found() {
    if !redis_server::is_there() {
        return;
    }
    let primary = Server::start(&[]).await;
    let port = primary.port.to_string();
    let replica = Server::start(&["--replicaof", "127.0.0.1", &port]).await;
    let follows = || -> Option<()> {
        let mut connection = replica.connect();
        let said: String = redis::cmd("INFO").arg("replication").query(&mut connection).unwrap();
        said.contains("master_link_status:up").then_some(())
    };
    eventually("the replica follows", follows).await;
    let own = own(&replica.url(), "kv:".into());
    let mut store = own.open().await;
    let a = [own.write("a", 1, "{}")];
    let (reason, passes) = refused(store.apply(&a).await);
    assert!(passes && reason.contains("it is a replica"), "{reason}");
    assert_eq!(own.values(&mut store, &["a"]).await, [None]);
    let both = format!("redis://127.0.0.1:{},127.0.0.1:{}", replica.port, primary.port);
    let mut store = with_url(&both).await.unwrap();
    assert_eq!(store.apply(&a).await.unwrap(), [Fate::Done]);
}

#[tokio::test]
async fn a_cluster_that_loses_a_primary_goes_on() {
    if !redis_server::is_there() {
        return;
    }
    let mut cluster = Cluster::start().await;
    let own = own(&cluster.url(), "kv:".into());
    let mut store = own.open().await;
    let names: Vec<String> = (0..3000).map(|number| format!("k{number}")).collect();
    let writes = |version| -> Vec<Operation> {
        names.iter().map(|name| own.write(name, version, &format!("{{\"v\":{version}}}"))).collect()
    };
    assert_eq!(store.apply(&writes(1)).await.unwrap(), vec![Fate::Done; names.len()]);
    let begun = store.keys("", "kv:", None, 1).await.unwrap().next.unwrap();
    let lost = cluster.primary();
    cluster.servers[lost].kill();
    let mut version = 1;
    let mut failed = 0;
    // Each time all is done or none is told to be; in the end all is.
    while version < 4 {
        match store.apply(&writes(version + 1)).await {
            Ok(fates) => {
                assert_eq!(fates, vec![Fate::Done; names.len()]);
                version += 1;
            }
            Err(error) => {
                assert!(error.passes(), "{error}");
                failed += 1;
                assert!(failed < 20, "{error}");
            }
        }
    }
    let keys: Vec<String> = names.iter().map(|name| own.key(name)).collect();
    let stand = store.get("", &keys).await.unwrap();
    assert!(stand.iter().all(|stored| stored.as_ref().unwrap().version == Some(4)));
    let (reason, passes) = refused(store.keys("", "kv:", Some(&begun), 1).await);
    assert!(passes && reason.contains("begin again"), "{reason}");
    assert_eq!(own.listed(&mut store, "k", 500).await.len(), names.len());
}

#[tokio::test]
async fn slots_that_go_over_to_another_node_lose_nothing() {
    if !redis_server::is_there() {
        return;
    }
    let cluster = Cluster::start().await;
    let own = own(&cluster.url(), "kv:".into());
    let mut store = own.open().await;
    // Many of one slot, so that some of a call's keys are here and some there.
    let names: Vec<String> =
        (0..2000).map(|number| format!("{{t{}}}:k{number}", number % 5)).collect();
    let writes = |version| -> Vec<Operation> {
        names.iter().map(|name| own.write(name, version, &format!("{{\"v\":{version}}}"))).collect()
    };
    assert_eq!(store.apply(&writes(1)).await.unwrap(), vec![Fate::Done; names.len()]);
    let mut moving = cluster.moves_slots(4000);
    let mut version = 1;
    loop {
        let is_over = moving.try_wait().unwrap();
        match store.apply(&writes(version + 1)).await {
            Ok(fates) => {
                assert_eq!(fates, vec![Fate::Done; names.len()]);
                version += 1;
            }
            Err(error) => assert!(error.passes(), "{error}"),
        }
        if let Some(status) = is_over {
            assert!(status.success());
            break;
        }
    }
    assert!(version > 2, "written while slots moved");
    assert_eq!(store.apply(&writes(version + 1)).await.unwrap(), vec![Fate::Done; names.len()]);
    let late = store.apply(&writes(version)).await.unwrap();
    assert_eq!(late, vec![Fate::Outdated; names.len()]);
    let keys: Vec<String> = names.iter().map(|name| own.key(name)).collect();
    let stand = store.get("", &keys).await.unwrap();
    assert!(stand.iter().all(|stored| stored.as_ref().unwrap().version == Some(version + 1)));
    assert_eq!(own.listed(&mut store, "{t", 500).await.len(), names.len());
}

#[tokio::test]
async fn an_account_is_told_what_it_lacks() {
    if !redis_server::is_there() {
        return;
    }
    let server = Server::start(&[]).await;
    let acl = |words: &[&str]| {
        let () = redis::cmd("ACL").arg("SETUSER").arg(words).query(&mut server.connect()).unwrap();
    };
    acl(&["reader", "on", ">secret", "~*", "+@read", "+@connection"]);
    acl(&[
        "shop",
        "on",
        ">secret",
        "~kv:*",
        "~reconcile:*",
        "+@read",
        "+@write",
        "+@connection",
        "+@scripting",
    ]);
    acl(&["default", "off", "resetpass"]);
    let at = |login: &str| format!("redis://{login}127.0.0.1:{}", server.port);
    for (login, told) in [
        ("", "it asks for a user and a password"),
        ("reader:wrong-secret@", "it doesn't take this user and password"),
        ("nobody:secret@", "it doesn't take this user and password"),
    ] {
        let (reason, passes) = refused(with_url(&at(login)).await);
        assert!(!passes && reason.contains(told) && !reason.contains("secret"), "{reason}");
    }
    let mut reader = with_url(&at("reader:secret@")).await.unwrap();
    let own = own(&at("shop:secret@"), "kv:".into());
    let (reason, passes) = refused(reader.apply(&[own.write("a", 1, "{}")]).await);
    assert!(!passes && reason.contains("the account lacks a right"), "{reason}");
    let mut shop = own.open().await;
    let all = [own.write("a", 1, "{}"), own.deletion("b", 1)];
    assert_eq!(shop.apply(&all).await.unwrap(), [Fate::Done, Fate::Done]);
    assert_eq!(own.listed(&mut shop, "", 10).await, ["a"]);
    let elsewhere = Operation { key: "other".into(), ..own.write("a", 1, "{}") };
    let (reason, passes) = refused(shop.apply(&[elsewhere]).await);
    assert!(!passes && reason.contains("the account lacks a right"), "{reason}");
}

#[tokio::test]
async fn a_certificate_is_checked_against_the_given_one() {
    if !redis_server::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    certificates::make(folder.path());
    let ca = folder.path().join("ca.pem").display().to_string();
    let server = Server::start_secured(folder.path(), &[]).await;
    let url = format!("rediss://127.0.0.1:{}", server.port);
    let publish = |url: &str| format!("{{storage: {{url: '{url}', ca: '{ca}'}}}}");
    let own = Own { config: config(folder.path(), &publish(&url)), ..own(&url, "kv:".into()) };
    let mut store = own.open().await;
    assert_eq!(store.apply(&[own.write("a", 1, "{}")]).await.unwrap(), [Fate::Done]);
    assert_eq!(own.values(&mut store, &["a"]).await, [Some("{}".into())]);
    let (reason, passes) = refused(with_url(&url).await);
    assert!(!passes && reason.contains("ertificate"), "{reason}");
    let plain = config(folder.path(), &publish(&format!("redis://127.0.0.1:{}", server.port)));
    let (reason, passes) = refused(opened(&plain).await);
    assert!(!passes && reason.contains("rediss://"), "{reason}");
    // The name in the certificate is another one.
    let other = config(folder.path(), &publish(&format!("rediss://localhost:{}", server.port)));
    let (reason, passes) = refused(opened(&other).await);
    assert!(!passes && reason.contains("ertificate"), "{reason}");
    let (reason, _) = refused(with_url(&format!("redis://127.0.0.1:{}", server.port)).await);
    assert!(reason.contains("connecting to"), "{reason}");
}

#[tokio::test]
async fn a_cluster_with_tls_and_accounts_is_written_by_the_one_that_may() {
    if !redis_server::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    certificates::make(folder.path());
    let cluster = SecuredCluster::start(folder.path()).await;
    cluster.all(&["ACL", "SETUSER", "reader", "on", ">other", "~*", "+@read", "+@connection"]);
    let rights = ["~kv:*", "~reconcile:*", "+@read", "+@write", "+@connection", "+@scripting"];
    let may = ["ACL", "SETUSER", "shop", "on", ">secret"];
    cluster.all(&[&may[..], &rights, &["+cluster|slots", "+cluster|shards"]].concat());
    cluster.all(&["ACL", "SETUSER", "default", "off", "resetpass"]);
    let at = |login: &str| {
        let hosts: Vec<String> =
            cluster.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        format!("rediss://{login}{}", hosts.join(","))
    };
    let publish = |login: &str| {
        let ca = folder.path().join("ca.pem").display().to_string();
        config(folder.path(), &format!("{{storage: {{url: '{}', ca: '{ca}'}}}}", at(login)))
    };
    let shop = at("shop:secret@");
    let own = Own { config: publish("shop:secret@"), ..own(&shop, "kv:".into()) };
    let mut store = own.open().await;
    let names: Vec<String> = (0..300).map(|number| format!("k{number}")).collect();
    let writes: Vec<_> = names.iter().map(|name| own.write(name, 2, "{}")).collect();
    assert_eq!(store.apply(&writes).await.unwrap(), vec![Fate::Done; names.len()]);
    let late: Vec<_> = names.iter().map(|name| own.write(name, 1, "{\"old\":1}")).collect();
    assert_eq!(store.apply(&late).await.unwrap(), vec![Fate::Outdated; names.len()]);
    assert_eq!(own.listed(&mut store, "k", 50).await.len(), names.len());
    for (login, told) in [
        ("", "it asks for a user and a password"),
        ("shop:other@", "it doesn't take this user and password"),
    ] {
        let (reason, passes) = refused(opened(&publish(login)).await);
        assert!(!passes && reason.contains(told) && !reason.contains("other@"), "{reason}");
    }
    let (reason, passes) = match opened(&publish("reader:other@")).await {
        Ok(mut reader) => refused(reader.apply(&writes).await),
        error => refused(error),
    };
    assert!(!passes && reason.contains("the account lacks a right"), "{reason}");
    let (reason, passes) = refused(with_url(&shop).await);
    assert!(!passes && reason.contains("ertificate"), "{reason}");
}

#[tokio::test]
async fn what_is_no_redis_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap().port();
    drop(listener);
    let (reason, passes) = refused(with_url(&format!("redis://127.0.0.1:{free}")).await);
    assert!(passes && reason.starts_with(&format!("connecting to 127.0.0.1:{free}: ")), "{reason}");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let web = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        stream
    });
    let (reason, passes) = refused(with_url(&format!("redis://127.0.0.1:{port}")).await);
    assert!(!passes && reason.contains("doesn't speak as a Redis does"), "{reason}");
    drop(web);
    let (reason, passes) = refused(with_url("redis://user@host").await);
    assert!(!passes && reason.contains("USER:PASSWORD"), "{reason}");
}
