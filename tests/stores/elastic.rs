//! The search store on Elasticsearch and OpenSearch, the same on both.

mod between;
mod faults;
mod published;
mod secured;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use reconcile::config::{Environment, Secret};
use reconcile::store::elastic::{Address, Elastic, Limits};
use reconcile::store::{Fate, Field, FieldKind, Operation, Store, Stored};
use serde_json::{Value as Json, json};

use crate::places::say_skipped;

const VARIABLES: [&str; 2] = ["RECONCILE_TEST_ELASTICSEARCH", "RECONCILE_TEST_OPENSEARCH"];

/// A server, and a prefix that is a test's own.
#[derive(Clone)]
pub struct Server {
    pub url: String,
    pub prefix: String,
}

impl Server {
    /// Those that are named; says which ones aren't.
    pub fn all() -> Vec<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let mut servers = Vec::new();
        for variable in VARIABLES {
            match std::env::var(variable) {
                Ok(url) => {
                    let number = MADE.fetch_add(1, Ordering::Relaxed);
                    let prefix = format!("t{}-{number}", std::process::id());
                    servers.push(Self { url, prefix });
                }
                Err(_) => say_skipped(&format!("tests of search; {variable} names no server")),
            }
        }
        servers
    }

    pub async fn open(&self) -> Elastic {
        open(&self.url, &self.prefix, Limits::default()).await.unwrap()
    }

    /// As the operator's file names it.
    pub fn search(&self) -> String {
        format!("{{url: '{}', prefix: {}}}", self.url, self.prefix)
    }

    /// An index by its whole name.
    pub fn name(&self, index: &str) -> String {
        format!("{}_{index}", self.prefix)
    }

    /// Asks the server by itself.
    pub fn ask(&self, method: &str, path: &str, body: Json) -> Json {
        ask(&format!("{}{path}", self.url), method, body)
    }

    pub fn remove(&self) {
        let list = self.ask("GET", &format!("/{}*/_alias", self.prefix), Json::Null);
        for index in list.as_object().unwrap().keys() {
            self.ask("DELETE", &format!("/{index}"), Json::Null);
        }
    }
}

/// What `curl` hears.
pub fn ask(url: &str, method: &str, body: Json) -> Json {
    let mut command = std::process::Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "60", "-X", method, url]);
    if !body.is_null() {
        command.args(["-H", "content-type: application/json", "--data", &body.to_string()]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Json::Null)
}

pub async fn open(url: &str, prefix: &str, limits: Limits) -> reconcile::store::Result<Elastic> {
    let url = Secret::new(url);
    let address = Address { environment: Environment::Prod, url: &url, api_key: None, ca: None };
    Elastic::open(&address, Some(prefix), limits).await
}

pub fn fields() -> Vec<Field> {
    let field = |name: &str, kind| Field { name: name.into(), kind };
    vec![
        field("name", FieldKind::Text),
        field("tags", FieldKind::Text),
        field("price", FieldKind::Number),
        field("stock", FieldKind::Integer),
        field("new", FieldKind::Boolean),
        field("from", FieldKind::Moment),
        field("more", FieldKind::Anything),
    ]
}

pub fn write(index: &str, key: &str, version: i64, value: &str) -> Operation {
    Operation { index: index.into(), key: key.into(), version, value: Some(value.into()) }
}

pub fn deletion(index: &str, key: &str, version: i64) -> Operation {
    Operation { index: index.into(), key: key.into(), version, value: None }
}

pub fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

pub async fn all_keys(store: &mut Elastic, index: &str, prefix: &str, most: usize) -> Vec<String> {
    let (mut all, mut from): (Vec<String>, Option<String>) = (Vec::new(), None);
    loop {
        let page = store.keys(index, prefix, from.as_deref(), most).await.unwrap();
        all.extend(page.keys);
        from = page.next;
        if from.is_none() {
            all.sort();
            return all;
        }
    }
}

#[tokio::test]
async fn the_last_write_wins_and_deletions_are_remembered() {
    for server in Server::all() {
        let (mut one, mut two) = (server.open().await, server.open().await);
        one.declare("i", &fields()).await.unwrap();
        let fates =
            one.apply(&[write("i", "a", 5, "{\"name\": \"x\"}"), deletion("i", "b", 7)]).await;
        assert_eq!(fates.unwrap(), [Fate::Done, Fate::Done]);
        let late = [write("i", "a", 4, "{}"), write("i", "b", 6, "{}"), deletion("i", "a", 4)];
        assert_eq!(
            two.apply(&late).await.unwrap(),
            [Fate::Outdated, Fate::Outdated, Fate::Outdated]
        );
        let stand = two.get("i", &texts(&["b", "a", "a", "", &"x".repeat(600), "no\0"])).await;
        let a = Some(Stored { value: "{\"name\": \"x\"}".into(), version: Some(5) });
        assert_eq!(stand.unwrap(), [None, a.clone(), a, None, None, None]);
        // Of two equal versions the later one, also within a call.
        let same = [write("i", "a", 5, "{\"name\":\"y\"}"), write("i", "a", 5, "{\"name\":\"z\"}")];
        assert_eq!(one.apply(&same).await.unwrap(), [Fate::Done, Fate::Done]);
        let stand = one.get("i", &texts(&["a"])).await.unwrap();
        assert_eq!(stand[0].as_ref().unwrap().value, "{\"name\":\"z\"}");
        assert_eq!(one.get("nothing", &texts(&["a"])).await.unwrap(), [None]);
        server.remove();
    }
}

#[tokio::test]
async fn keys_come_in_pages_and_indexes_without_their_prefix() {
    for server in Server::all() {
        let mut store = server.open().await;
        for index in ["de_page", "at_page"] {
            store.declare(index, &fields()).await.unwrap();
        }
        let names = ["k:a", "k:a:1", "k:a:10", "k:a:2", "k:a\u{10ffff}", "k:b", "k:é", "k:\"/?&"];
        let writes: Vec<_> = names.iter().map(|key| write("de_page", key, 1, "{}")).collect();
        store.apply(&writes).await.unwrap();
        store.apply(&[deletion("de_page", "k:a:10", 2)]).await.unwrap();
        for most in [1, 2, 100, 100_000] {
            assert_eq!(all_keys(&mut store, "de_page", "k:a:", most).await, ["k:a:1", "k:a:2"]);
        }
        assert_eq!(all_keys(&mut store, "de_page", "", 3).await.len(), names.len() - 1);
        assert_eq!(all_keys(&mut store, "at_page", "", 3).await, [] as [&str; 0]);
        assert_eq!(all_keys(&mut store, "none", "", 3).await, [] as [&str; 0]);
        assert_eq!(store.indexes().await.unwrap(), ["at_page", "de_page"]);
        // An index that was found, and an alias of two, which nobody could write to.
        server.ask("PUT", &format!("/{}", server.name("found")), json!({}));
        let all = server.name("*_page");
        server.ask(
            "POST",
            "/_aliases",
            json!({"actions": [{"add": {"index": all, "alias": server.name("all")}}]}),
        );
        assert_eq!(store.indexes().await.unwrap(), ["at_page", "de_page", "found"]);
        let fates = store.apply(&[write("found", "x", 1, "{\"any\":1}")]).await.unwrap();
        assert_eq!(fates, [Fate::Done]);
        // No point in time is left open.
        let open = server.ask(
            "GET",
            "/_nodes/stats/indices/search?filter_path=**.open_contexts",
            Json::Null,
        );
        assert!(open.to_string().contains("\"open_contexts\":"), "{open}");
        server.remove();
    }
}

#[tokio::test]
async fn documents_are_found_by_all_their_words() {
    for server in Server::all() {
        let mut store = server.open().await;
        store.declare("de_page", &fields()).await.unwrap();
        let writes = [
            write(
                "de_page",
                "p:1",
                1,
                r#"{"name":"Rote Schuhe","tags":["Größe 42","neu"],"price":12.50}"#,
            ),
            write("de_page", "p:2", 1, r#"{"name":"Rote Rote Hüte","stock":7}"#),
        ];
        store.apply(&writes).await.unwrap();
        let mut found = async |words: &str| {
            let hits = store.search("de_page", words, 10).await.unwrap();
            let mut keys: Vec<String> = hits.into_iter().map(|hit| hit.key).collect();
            keys.sort();
            keys
        };
        assert_eq!(found("rote").await, ["p:1", "p:2"]);
        assert_eq!(found("SCHUHE rote").await, ["p:1"]);
        assert_eq!(found("rote größ").await, ["p:1"]);
        assert_eq!(found("hüt").await, ["p:2"]);
        assert_eq!(found("rot schuhe").await, [] as [&str; 0]);
        for odd in [
            "",
            " ",
            "\"",
            "*",
            "AND",
            "OR a",
            "NEAR(a b)",
            "name:rote",
            "a AND (",
            "-a",
            "{a b}:c",
            "\0",
            "\u{1f600}",
            "'; --",
            "%",
            "2024-",
            "7",
            "true",
        ] {
            found(odd).await;
        }
        let hits = store.search("de_page", "schuhe", 10).await.unwrap();
        assert_eq!(hits[0].value, writes[0].value.clone().unwrap());
        assert_eq!(store.search("none", "rote", 10).await.unwrap(), []);
        server.remove();
    }
}

#[tokio::test]
async fn an_index_knows_the_fields_of_resources_and_no_others() {
    for server in Server::all() {
        let mut store = server.open().await;
        store.declare("de_page", &fields()).await.unwrap();
        let documents: Vec<Operation> = (0..1000)
            .map(|n| match n {
                500 => write("de_page", "k500", 1, r#"{"name":"x","surprise":1}"#),
                501 => write("de_page", "k501", 1, r#"{"stock":"no number"}"#),
                502 => write("de_page", "k502", 1, "no JSON"),
                n => write(
                    "de_page",
                    &format!("k{n}"),
                    1,
                    r#"{"name":"x","price":1.5,"stock":2,
                    "new":true,"from":"2026-01-31 10:00:00.5+00","more":{"a":{"b":[1]},"c":"d"}}"#,
                ),
            })
            .collect();
        let fates = store.apply(&documents).await.unwrap();
        for (n, fate) in fates.iter().enumerate() {
            match (n, fate) {
                (500..=502, Fate::Refused(reason)) => {
                    assert!(n != 500 || reason.contains("introduction of [surprise]"), "{reason}");
                    assert!(reason.contains("_exception: "), "{reason}");
                }
                (500..=502, _) => panic!("{n}: {fate:?}"),
                (_, fate) => assert_eq!(*fate, Fate::Done, "{n}"),
            }
        }
        // What a database may hold and no calendar has is kept.
        let odd =
            write("de_page", "odd", 1, r#"{"from":"0000-00-00 00:00:00","more":7,"name":null}"#);
        assert_eq!(store.apply(&[odd]).await.unwrap(), [Fate::Done]);
        let mapping =
            server.ask("GET", &format!("/{}/_mapping", server.name("de_page")), Json::Null);
        let (index, mapping) = mapping.as_object().unwrap().iter().next().unwrap();
        assert!(index.starts_with(&format!("{}-2", server.name("de_page"))), "{index}");
        assert_eq!(mapping["mappings"]["dynamic"], "strict");
        assert_eq!(mapping["mappings"]["properties"].as_object().unwrap().len(), 7);
        // A resource gets a field more, in another process.
        let mut other = server.open().await;
        let more =
            [fields(), vec![Field { name: "colour".into(), kind: FieldKind::Text }]].concat();
        other.declare("de_page", &more).await.unwrap();
        let coloured = write("de_page", "k1", 2, r#"{"colour":"red"}"#);
        assert_eq!(other.apply(&[coloured]).await.unwrap(), [Fate::Done]);
        let wrong = [Field { name: "name".into(), kind: FieldKind::Integer }];
        let error = other.declare("de_page", &wrong).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains("field name is text there and long by the resource"), "{said}");
        assert!(said.contains("sync:data --rebuild") && !error.passes(), "{said}");
        server.remove();
    }
}

#[tokio::test]
async fn what_no_server_takes_is_refused_alone() {
    for server in Server::all() {
        let mut store = server.open().await;
        store.declare("i", &fields()).await.unwrap();
        store.declare("a b", &fields()).await.unwrap();
        let long = "ö".repeat(257);
        let operations = [
            write("i", "fine", 1, "{}"),
            write("i", "", 1, "{}"),
            write("i", &long, 1, "{}"),
            write("i", "old", -1, "{}"),
            write("a b", "x", 1, "{}"),
            write("none", "x", 1, "{}"),
            deletion("none", "x", 1),
            write("i", &long[..512], 1, "{}"),
        ];
        let fates = store.apply(&operations).await.unwrap();
        let reasons = [
            "",
            "key is empty",
            "takes 514 bytes",
            "version is -1",
            "can be called",
            "there is no index",
        ];
        for (fate, reason) in fates.iter().zip(reasons) {
            let said = format!("{fate:?}");
            assert!(said.contains(reason), "{said}");
        }
        assert_eq!([&fates[0], &fates[6], &fates[7]], [&Fate::Done; 3]);
        let none = server.ask("GET", &format!("/{}/_mapping", server.name("none")), Json::Null);
        assert_eq!(none["status"], 404, "no index is made by a write alone");
        server.remove();
    }
}

#[tokio::test]
async fn two_who_make_an_index_at_once_make_one() {
    for server in Server::all() {
        let mut sessions = Vec::new();
        for _ in 0..6 {
            sessions.push(server.open().await);
        }
        let made = sessions.into_iter().enumerate().map(|(n, mut store)| async move {
            store.declare("de_page", &fields()).await.unwrap();
            let fates = store.apply(&[write("de_page", &format!("k{n}"), 1, "{}")]).await.unwrap();
            assert_eq!(fates, [Fate::Done]);
            store
        });
        let mut stores = futures_util::future::join_all(made).await;
        assert_eq!(all_keys(&mut stores[0], "de_page", "", 100).await.len(), 6);
        let list = server.ask("GET", &format!("/{}*/_alias", server.prefix), Json::Null);
        assert_eq!(list.as_object().unwrap().len(), 1, "{list}");
        server.remove();
    }
}

/// An index that somebody removes is made again by the next write.
#[tokio::test]
async fn an_index_that_is_gone_is_made_again() {
    for server in Server::all() {
        let mut store = server.open().await;
        store.declare("de_page", &fields()).await.unwrap();
        store.apply(&[write("de_page", "a", 1, "{}")]).await.unwrap();
        server.remove();
        let fates = store.apply(&[write("de_page", "b", 1, "{}")]).await.unwrap();
        assert_eq!(fates, [Fate::Done]);
        let mapping =
            server.ask("GET", &format!("/{}/_mapping", server.name("de_page")), Json::Null);
        assert!(mapping.to_string().contains("\"strict\""), "{mapping}");
        server.remove();
    }
}

/// Why nobody believes a message that is older than deletions are remembered.
#[tokio::test]
async fn a_deletion_is_remembered_for_as_long_as_the_index_says() {
    for server in Server::all() {
        let mut store = server.open().await;
        for index in ["long", "short"] {
            store.declare(index, &fields()).await.unwrap();
        }
        let settings = format!("/{}/_settings", server.name("short"));
        server.ask("PUT", &settings, json!({"index.gc_deletes": "1ms"}));
        for index in ["long", "short"] {
            store.apply(&[write(index, "a", 5, "{}"), deletion(index, "a", 6)]).await.unwrap();
        }
        let late = |index| [write(index, "a", 4, "{}")];
        let begun = Instant::now();
        while store.apply(&late("short")).await.unwrap() != [Fate::Done] {
            assert!(begun.elapsed() < Duration::from_secs(60));
            // It forgets old ones when it has to remember others.
            server.ask("POST", &format!("/{}/_refresh", server.name("short")), Json::Null);
            store.apply(&[deletion("short", "b", 1)]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(store.apply(&late("long")).await.unwrap(), [Fate::Outdated]);
        server.remove();
    }
}

/// Which value stands under a key by the rule alone.
fn model(operations: &[(u8, i64, Option<u8>)]) -> Vec<Option<(i64, u8)>> {
    let mut stand: Vec<Option<(i64, Option<u8>)>> = vec![None; 6];
    for (key, version, value) in operations {
        let at = &mut stand[usize::from(*key)];
        if at.is_none_or(|(known, _)| *version >= known) {
            *at = Some((*version, *value));
        }
    }
    stand.into_iter().map(|it| it.and_then(|(version, value)| Some((version, value?)))).collect()
}

#[tokio::test]
async fn versions_decide_whatever_the_order() {
    let cases = if std::env::var_os("RECONCILE_TEST_FULL").is_some() { 200 } else { 12 };
    let one = (0_u8..6, 1_i64..6, proptest::option::weighted(0.7, 0_u8..9));
    let strategy = proptest::collection::vec(one, 1..60);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    for server in Server::all() {
        let mut store = server.open().await;
        let limits = Limits { body_bytes: 700, ..Limits::default() };
        let mut small = open(&server.url, &server.prefix, limits).await.unwrap();
        store.declare("i", &fields()).await.unwrap();
        let mut runner = proptest::test_runner::TestRunner::new(config.clone());
        for case in 0..cases {
            let operations = strategy.new_tree(&mut runner).unwrap().current();
            let of = |(key, version, value): &(u8, i64, Option<u8>)| Operation {
                index: "i".into(),
                key: format!("{case}-{key}"),
                version: *version,
                value: value.map(|value| format!("{{\"stock\":{value}}}")),
            };
            let all: Vec<Operation> = operations.iter().map(of).collect();
            // In one call, in calls of some, and in small bodies.
            match case % 3 {
                0 => drop(store.apply(&all).await.unwrap()),
                1 => {
                    for some in all.chunks(7) {
                        store.apply(some).await.unwrap();
                    }
                }
                _ => drop(small.apply(&all).await.unwrap()),
            }
            let keys: Vec<String> = (0..6).map(|key| format!("{case}-{key}")).collect();
            let stand = store.get("i", &keys).await.unwrap();
            let wanted = model(&operations).into_iter().map(|it| {
                it.map(|(version, value)| Stored {
                    value: format!("{{\"stock\":{value}}}"),
                    version: Some(version),
                })
            });
            assert_eq!(stand, wanted.collect::<Vec<_>>(), "{operations:?}");
        }
        server.remove();
    }
}

/// 570 bytes each, as the bench has them; says how long it took.
#[tokio::test]
#[ignore = "a measurement"]
async fn many_documents_are_written_quickly() {
    for server in Server::all() {
        let mut store = server.open().await;
        store.declare("de_page", &fields()).await.unwrap();
        let begun = Instant::now();
        for round in 0..10 {
            let operations: Vec<_> = (0..20_000)
                .map(|n| {
                    let n = round * 20_000 + n;
                    let text = format!("w{n} ").repeat(70);
                    write(
                        "de_page",
                        &format!("page:de:{n}"),
                        1,
                        &format!("{{\"stock\":{n},\"name\":\"{text:.540}\"}}"),
                    )
                })
                .collect();
            store.apply(&operations).await.unwrap();
        }
        println!("{}: {:?}", server.url, begun.elapsed());
        assert!(begun.elapsed() < Duration::from_mins(5));
        server.remove();
    }
}
