//! A server that is full, cuts, hangs, or whose index can't be written: what was done stays done, what
//! wasn't is said, and nothing is lost or written in a wrong order.

use std::time::Duration;

use reconcile::store::elastic::{Elastic, Limits};
use reconcile::store::{Fate, Operation, Store};
use serde_json::{Value as Json, json};

use super::between::{Asked, Between, Then};
use super::{Server, fields, open, texts, write};

/// Short, so that a test sees the end of it.
const SHORT: Limits = Limits {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(5),
    patience: Duration::from_secs(20),
    pause: Duration::from_millis(5),
    body_bytes: 8 << 20,
};

fn is_bulk(asked: &Asked) -> bool {
    asked.line.contains("/_bulk")
}

fn documents(count: usize) -> Vec<Operation> {
    (0..count).map(|n| write("i", &format!("k{n}"), 7, &format!("{{\"stock\":{n}}}"))).collect()
}

async fn through(
    server: &Server,
    decide: impl FnMut(&Asked) -> Then + Send + 'static,
    limits: Limits,
) -> (Between, Elastic) {
    server.open().await.declare("i", &fields()).await.unwrap();
    let between = Between::start(&server.url, decide).await;
    let store = open(&between.url, &server.prefix, limits).await.unwrap();
    (between, store)
}

async fn all_are_there(server: &Server, count: usize) {
    let keys: Vec<String> = (0..count).map(|n| format!("k{n}")).collect();
    let stand = server.open().await.get("i", &keys).await.unwrap();
    for (n, stored) in stand.into_iter().enumerate() {
        assert_eq!(stored.unwrap().value, format!("{{\"stock\":{n}}}"));
    }
}

/// The first half of a body goes to the server, of the rest it says that it is full.
fn half_full(asked: &Asked) -> Then {
    let text = String::from_utf8(asked.body.clone()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let items = lines.len() / 2;
    let taken = items / 2;
    let full = r#"{"index":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}}"#;
    let rest = vec![full; items - taken].join(",");
    if taken == 0 {
        return Then::Answer(200, format!("{{\"errors\":true,\"items\":[{rest}]}}"));
    }
    Then::PassSome { body: lines[..2 * taken].concat().into_bytes(), more: rest }
}

#[tokio::test]
async fn a_server_that_is_full_gets_the_rest_again_and_only_that() {
    for server in Server::all() {
        let mut left = 6;
        let decide = move |asked: &Asked| {
            if !is_bulk(asked) || left == 0 {
                return Then::Pass;
            }
            left -= 1;
            match left {
                5 => Then::Answer(
                    429,
                    r#"{"error":{"type":"circuit_breaking_exception"},"status":429}"#.into(),
                ),
                4 => Then::Answer(503, "busy".into()),
                _ => half_full(asked),
            }
        };
        let (between, mut store) = through(&server, decide, SHORT).await;
        let fates = store.apply(&documents(100)).await.unwrap();
        assert_eq!(fates, vec![Fate::Done; 100]);
        assert_eq!(between.count("/_bulk"), 7);
        all_are_there(&server, 100).await;
        server.remove();
    }
}

#[tokio::test]
async fn a_server_that_stays_full_is_an_error_that_passes() {
    for server in Server::all() {
        let limits = Limits { patience: Duration::from_millis(200), ..SHORT };
        let decide = |asked: &Asked| if is_bulk(asked) { half_full(asked) } else { Then::Pass };
        let (between, mut store) = through(&server, decide, limits).await;
        // Of one document nothing is ever taken.
        let error = store.apply(&documents(1)).await.unwrap_err();
        assert!(error.passes(), "{error}");
        let said = error.to_string();
        assert!(
            said.contains("429") || said.contains("es_rejected_execution_exception: full"),
            "{said}"
        );
        assert!(said.contains(&between.url) && said.contains("/_bulk"), "{said}");
        between.decide(|_| Then::Pass);
        store.apply(&documents(1)).await.unwrap();
        all_are_there(&server, 1).await;
        server.remove();
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_split_and_a_document_that_is_refused() {
    for server in Server::all() {
        let decide = |asked: &Asked| match is_bulk(asked) && asked.body.len() > 4000 {
            true => Then::Answer(413, String::new()),
            false => Then::Pass,
        };
        let (_between, mut store) = through(&server, decide, SHORT).await;
        let mut all = documents(300);
        let large = format!("{{\"name\":\"{}\"}}", "x".repeat(5000));
        all.insert(150, write("i", "large", 7, &large));
        let fates = store.apply(&all).await.unwrap();
        for (n, fate) in fates.iter().enumerate() {
            match (n, fate) {
                (150, Fate::Refused(reason)) => assert!(reason.contains("too large"), "{reason}"),
                (150, _) => panic!("{fate:?}"),
                _ => assert_eq!(*fate, Fate::Done),
            }
        }
        all_are_there(&server, 300).await;
        server.remove();
    }
}

/// What the server says is cut, or never comes: sent again, and the same in the end.
#[tokio::test]
async fn an_answer_that_does_not_come_is_asked_for_again() {
    for server in Server::all() {
        let mut number = 0;
        let decide = move |asked: &Asked| {
            if !is_bulk(asked) {
                return Then::Pass;
            }
            number += 1;
            match number {
                1 => Then::PassAndCut(9),
                2 => Then::PassAndCut(100_000),
                3 => Then::PassAndHang,
                4 => Then::Answer(200, "{\"errors\":false,\"items\":[]}".into()),
                _ => Then::Pass,
            }
        };
        let limits = Limits { answer: Duration::from_secs(2), ..SHORT };
        let (between, mut store) = through(&server, decide, limits).await;
        let fates = store.apply(&documents(50)).await.unwrap();
        assert_eq!(fates, vec![Fate::Done; 50]);
        assert_eq!(between.count("/_bulk"), 5);
        all_are_there(&server, 50).await;
        // A newer write that came in between stays.
        server.open().await.apply(&[write("i", "k1", 9, "{\"stock\":99}")]).await.unwrap();
        let mut first = true;
        between.decide(move |asked| match is_bulk(asked) && std::mem::take(&mut first) {
            true => Then::PassAndCut(5),
            false => Then::Pass,
        });
        let fates = store.apply(&documents(3)).await.unwrap();
        assert_eq!(fates, [Fate::Done, Fate::Outdated, Fate::Done]);
        server.remove();
    }
}

#[tokio::test]
async fn an_index_that_cannot_be_written_holds_its_messages() {
    for server in Server::all() {
        let limits = Limits { patience: Duration::from_millis(300), ..SHORT };
        let (_between, mut store) = through(&server, |_| Then::Pass, limits).await;
        let name = server.name("i");
        let settings = format!("/{name}/_settings");
        // Flood stage: the disk is full.
        let block = |on: Json| json!({"index.blocks.read_only_allow_delete": on});
        server.ask("PUT", &settings, block(true.into()));
        let error = store.apply(&documents(2)).await.unwrap_err();
        assert!(error.passes() && error.to_string().contains("flood-stage"), "{error}");
        server.ask("PUT", &settings, block(Json::Null));
        server.ask("PUT", &settings, json!({"index.blocks.write": true}));
        let error = store.apply(&documents(2)).await.unwrap_err();
        assert!(error.passes() && error.to_string().contains("cluster_block_exception"), "{error}");
        server.ask("PUT", &settings, json!({"index.blocks.write": null}));
        server.ask("POST", &format!("/{name}/_close"), Json::Null);
        let error = store.apply(&documents(2)).await.unwrap_err();
        assert!(!error.passes() && error.to_string().contains("index_closed_exception"), "{error}");
        let error = store.get("i", &texts(&["k1"])).await.unwrap_err();
        assert!(error.to_string().contains("closed"), "{error}");
        server.ask("POST", &format!("/{name}/_open"), Json::Null);
        let aliases = server.ask("GET", &format!("/{name}/_alias"), Json::Null);
        let index = aliases.as_object().unwrap().keys().next().unwrap().clone();
        let add = |writes: bool| json!({"actions": [{"add": {"index": index, "alias": name, "is_write_index": writes}}]});
        server.ask("POST", "/_aliases", add(false));
        let error = store.apply(&documents(2)).await.unwrap_err();
        assert!(!error.passes() && error.to_string().contains("no write index"), "{error}");
        server.ask("POST", "/_aliases", add(true));
        assert_eq!(store.apply(&documents(2)).await.unwrap(), [Fate::Done, Fate::Done]);
        server.remove();
    }
}

/// An error that a document may be the cause of isn't waited for without an end.
#[tokio::test]
async fn a_document_that_the_server_fails_at_is_refused_in_the_end() {
    for server in Server::all() {
        let failed =
            r#"{"index":{"status":500,"error":{"type":"null_pointer_exception","reason":"oh"}}}"#;
        let decide = move |asked: &Asked| match is_bulk(asked) {
            true => Then::Answer(200, format!("{{\"errors\":true,\"items\":[{failed}]}}")),
            false => Then::Pass,
        };
        let (between, mut store) = through(&server, decide, SHORT).await;
        let fates = store.apply(&documents(1)).await.unwrap();
        assert_eq!(fates, [Fate::Refused("null_pointer_exception: oh".into())]);
        assert_eq!(between.count("/_bulk"), 4);
        server.remove();
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_at_once() {
    let error = open("http://shop:secret@127.0.0.1:1", "t", SHORT).await.unwrap_err();
    let said = error.to_string();
    assert!(error.passes() && said.contains("http://127.0.0.1:1: no connection"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    for (url, wanted) in [("http://", "URL"), ("nonsense", "URL")] {
        let error = open(url, "t", SHORT).await.unwrap_err();
        assert!(!error.passes() && error.to_string().contains(wanted), "{error}");
    }
}
