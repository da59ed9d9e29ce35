//! What commands say of a storage on Redis: `get`, `doctor`, and `verify` of one that lost its data.

use std::path::Path;

use reconcile::config::{self, Environment};
use reconcile::store::{self, Operation, Store};
use redis::Commands;

use super::redis_server::{self, Cluster, Server};
use crate::process::eventually;
use crate::shop::reconcile;

/// A folder with an operator's file, for commands that look.
fn folder(storage: &str) -> tempfile::TempDir {
    crate::read_stores::folder(&format!(", publish: {{storage: '{storage}'}}"))
}

async fn opened(path: &Path) -> Box<dyn Store> {
    let config = config::load(&path.join("reconcile.yaml"), &|_| None).unwrap();
    store::open_storage(&config, Environment::Prod, None).await.unwrap()
}

fn write(key: &str, value: &str) -> Operation {
    Operation { index: String::new(), key: key.into(), version: 7, value: Some(value.into()) }
}

/// What `doctor` says of the storage, the level of each line first.
fn told(path: &Path) -> String {
    let said = reconcile(path, &["doctor"]);
    let lines = said.out.lines().filter(|line| line.contains("PROD storage"));
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    lines.map(words).collect()
}

#[tokio::test]
async fn keys_are_printed_as_they_are_stored() {
    let Some(url) = redis_server::database() else { return };
    let folder = folder(&url);
    let path = folder.path();
    let value = "{\"b\":1, \"a\":\"\u{e9}\"}";
    opened(path).await.apply(&[write("kv:cms_block:de:home", value)]).await.unwrap();
    for key in ["kv:cms_block:de:home", "cms_block:de:home"] {
        assert_eq!(reconcile(path, &["get", key]).ends_with(0).out, format!("{value}\n"));
    }
    let said = reconcile(path, &["get", "cms_block:de:hoome"]).ends_with(1);
    assert!(said.err.contains("the storage of PROD has no key cms_block:de:hoome"), "{}", said.err);
    assert!(said.err.contains("keys like it are kv:cms_block:de:home"), "{}", said.err);
    // What the front end of the shop does.
    let all: Vec<String> = redis_server::connect(&url).keys("kv:*").unwrap();
    assert_eq!(all, ["kv:cms_block:de:home"]);
    let found: String = redis_server::connect(&url).get(&all[0]).unwrap();
    assert_eq!(found, value);
}

#[tokio::test]
async fn doctor_tells_what_would_lose_documents() {
    if !redis_server::is_there() {
        return;
    }
    let server = Server::start(&["--maxmemory", "100mb"]).await;
    let folder = folder(&server.url());
    let path = folder.path();
    let said = told(path);
    let begins = format!("ok PROD storage Redis 7.0.15 at 127.0.0.1:{}, ", server.port);
    let version: String = redis::cmd("INFO").arg("server").query(&mut server.connect()).unwrap();
    let version = version.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap();
    let begins = begins.replace("7.0.15", version);
    assert!(said.starts_with(&begins), "{said}");
    assert!(said.contains("0 replicas, nothing is saved to a disk"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let keys: Vec<String> = server.connect().keys("*").unwrap();
    assert_eq!(keys, [] as [&str; 0], "looking changes nothing");
    server.set("maxmemory-policy", "allkeys-lru");
    assert!(told(path).contains("keys vanish and nobody is told"), "{}", told(path));
    server.set("maxmemory", "1mb");
    assert!(told(path).contains("of 1 MiB are used"), "{}", told(path));
    let acl = |words: &[&str]| {
        let () = redis::cmd("ACL").arg("SETUSER").arg(words).query(&mut server.connect()).unwrap();
    };
    acl(&["default", "-mset", "-eval", "-info"]);
    let said = told(path);
    assert!(said.contains("the account may not use MSET, EVAL on its keys"), "{said}");
    acl(&["default", "+mset", "+eval"]);
    assert!(told(path).contains("the account may not use INFO"), "{}", told(path));
    acl(&["default", "resetkeys", "~kv:*"]);
    assert!(told(path).contains("may not use MGET, MSET, SET on its keys"), "{}", told(path));
}

#[tokio::test]
async fn doctor_tells_of_replicas_and_clusters() {
    if !redis_server::is_there() {
        return;
    }
    let primary = Server::start(&[]).await;
    let replica = Server::start(&["--replicaof", "127.0.0.1", &primary.port.to_string()]).await;
    let said = told(folder(&replica.url()).path());
    assert!(said.contains("broken PROD storage it is a replica"), "{said}");
    let Some((url, _)) = redis_server::cluster() else { return };
    let said = told(folder(&url).path());
    assert!(said.contains(", 3 primaries, ") && said.contains("3 replicas"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let mut cluster = Cluster::start().await;
    let folder = folder(&cluster.url());
    // Without most of its primaries nobody takes over.
    for server in &mut cluster.servers[..2] {
        server.kill();
    }
    // The others hear of it from each other, one after another.
    let is_told = || {
        let said = told(folder.path());
        let is_broken = said.contains("broken PROD storage");
        (is_broken && said.contains("served by no node")).then_some(())
    };
    eventually("doctor tells that the cluster is down", is_told).await;
}

#[tokio::test]
async fn a_server_that_was_started_empty_is_told() {
    if !redis_server::is_there() {
        return;
    }
    let mut server = Server::start(&[]).await;
    let folder = folder(&server.url());
    let path = folder.path();
    let mut store = opened(path).await;
    store.apply(&[write("kv:a", "{}")]).await.unwrap();
    assert!(!store.is_another().await.unwrap());
    assert_eq!(told(path).lines().count(), 1, "{}", told(path));
    server.kill();
    server.start_again().await;
    assert!(told(path).contains("warning PROD storage it lost what was written"), "{}", told(path));
    // Others write to it meanwhile.
    let mut store = opened(path).await;
    store.apply(&[write("kv:b", "{}")]).await.unwrap();
    assert!(told(path).contains("it lost what was written"), "{}", told(path));
    assert!(store.is_another().await.unwrap());
    assert!(!store.is_another().await.unwrap(), "it is told once");
    assert_eq!(told(path).lines().count(), 1, "{}", told(path));
}
