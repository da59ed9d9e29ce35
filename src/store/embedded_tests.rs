//! The embedded stores, used by several sessions and with anything for words. What holds for every kind
//! of store is in tests/stores/contract.rs.

use std::path::PathBuf;
use std::time::Instant;

use super::*;

struct File(tempfile::TempDir, Part);

impl File {
    fn new(part: Part) -> Self {
        Self(tempfile::tempdir().unwrap(), part)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join(format!("PROD/{}.db", self.1.as_str()))
    }

    async fn open(&self) -> Embedded {
        Embedded::open(&self.path(), Environment::Prod, self.1).await.unwrap()
    }
}

fn write(index: &str, key: &str, version: i64, value: &str) -> Operation {
    Operation { index: index.into(), key: key.into(), version, value: Some(value.into()) }
}

fn deletion(index: &str, key: &str, version: i64) -> Operation {
    Operation { index: index.into(), key: key.into(), version, value: None }
}

async fn found(store: &mut Embedded, index: &str, words: &str) -> Vec<String> {
    let hits = store.search(index, words, 10).await.unwrap();
    hits.into_iter().map(|hit| hit.key).collect()
}

#[tokio::test]
async fn deletions_are_forgotten_after_a_week() {
    let file = File::new(Part::Storage);
    let (mut one, mut two) = (file.open().await, file.open().await);
    one.apply(&[write("", "kv:a", 5, "{}"), deletion("", "kv:b", 7)]).await.unwrap();
    let late = [write("", "kv:b", 6, "[]")];
    let week = microseconds(REMEMBERED);
    two.session.sweep_deleted(Timestamp::now().as_microsecond() - week).await.unwrap();
    assert_eq!(two.apply(&late).await.unwrap(), [Fate::Outdated]);
    assert_eq!(two.session.sweep_deleted(i64::MAX).await.unwrap(), 1);
    assert_eq!(one.apply(&late).await.unwrap(), [Fate::Done]);
}

#[tokio::test]
async fn documents_are_found_by_all_their_words() {
    let file = File::new(Part::Search);
    let mut store = file.open().await;
    store
        .apply(&[
            write("de_page", "p:1", 1, r#"{"name":"Rote Schuhe","tags":[{"t":"Größe 42"}]}"#),
            write("de_page", "p:2", 1, r#"{"name":"Rote Rote Rote Hüte"}"#),
            write("at_page", "p:1", 1, r#"{"name":"Rote Schuhe aus Wien"}"#),
        ])
        .await
        .unwrap();
    assert_eq!(found(&mut store, "de_page", "rote").await, ["p:2", "p:1"]);
    assert_eq!(found(&mut store, "de_page", "SCHUHE rote").await, ["p:1"]);
    assert_eq!(found(&mut store, "de_page", "hute").await, ["p:2"]);
    assert_eq!(found(&mut store, "de_page", "groß").await, ["p:1"]);
    assert_eq!(found(&mut store, "de_page", "gro ßen").await, [] as [&str; 0]);
    assert_eq!(found(&mut store, "at_page", "wien").await, ["p:1"]);
    assert_eq!(found(&mut store, "no_page", "wien").await, [] as [&str; 0]);
    assert_eq!(store.indexes().await.unwrap(), ["at_page", "de_page"]);
    // Another text, the same one again, and none.
    let changed = [write("de_page", "p:1", 2, r#"{"name":"Blaue Schuhe"}"#)];
    store.apply(&changed).await.unwrap();
    store.apply(&changed).await.unwrap();
    assert_eq!(found(&mut store, "de_page", "rote").await, ["p:2"]);
    assert_eq!(found(&mut store, "de_page", "blaue").await, ["p:1"]);
    store.apply(&[deletion("de_page", "p:1", 3)]).await.unwrap();
    assert_eq!(found(&mut store, "de_page", "blaue").await, [] as [&str; 0]);
    store.apply(&[write("de_page", "p:1", 3, r#"{"name":"Blau"}"#)]).await.unwrap();
    assert_eq!(found(&mut store, "de_page", "blau").await, ["p:1"]);
    let fates = store.apply(&[write("de_page", "x", 1, "{"), write("de_page", "y", 1, "{}")]).await;
    let fates = fates.unwrap();
    assert!(matches!(&fates[0], Fate::Refused(why) if why.starts_with("it isn't JSON")));
    assert_eq!(fates[1], Fate::Done);
}

#[tokio::test]
async fn no_words_make_a_search_fail() {
    let file = File::new(Part::Search);
    let mut store = file.open().await;
    let odd = "a\"b c'd (e) f-g NEAR h* ^i {j} k:l \u{1f600} m\u{301} \u{5d0} 日本 AND";
    let document = serde_json::json!({ "text": odd, "nul": "n\0o" }).to_string();
    store.apply(&[write("i", "k", 1, &document)]).await.unwrap();
    assert_eq!(found(&mut store, "i", odd).await, ["k"]);
    let long = "x-".repeat(100_000);
    for words in [
        "",
        " ",
        "\"",
        "\"\"",
        "*",
        "AND",
        "OR a",
        "NOT",
        "NEAR(a b)",
        "text:a",
        "a AND (",
        "^a",
        "-a",
        "{a b}:c",
        "a + b",
        "\u{1f600}",
        "\u{1f468}\u{200d}\u{1f469}",
        "\0",
        "a\0\"",
        "\u{301}",
        "ⅷ ②",
        "'; DROP TABLE entry; --",
        "\u{feff}x",
        "𝔘𝔫𝔦",
        "a\"*",
        "\\",
        "%",
        &long,
        &"w ".repeat(5_000),
    ] {
        let hits = store.search("i", words, 10).await;
        assert!(hits.is_ok(), "{words:?}: {hits:?}");
    }
    assert_eq!(found(&mut store, "i", "NEAR").await, ["k"]);
    assert_eq!(found(&mut store, "i", "\u{1f600}").await, [] as [&str; 0]);
}

/// Two processes get the same operations three times each, in orders of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shuffled_and_tripled_operations_end_right() {
    for part in [Part::Storage, Part::Search] {
        let file = File::new(part);
        let index = if part == Part::Search { "i" } else { "" };
        let mut all = Vec::new();
        for version in 1..=6_i64 {
            for key in 0..40 {
                let key = format!("k{key}");
                // Some end deleted, some come back.
                all.push(match (i64::try_from(key.len()).unwrap() + version) % 3 {
                    0 => deletion(index, &key, version),
                    _ => write(index, &key, version, &format!("{{\"w\":\"word{version}\"}}")),
                });
            }
        }
        let workers = [7_u64, 11].map(|seed| {
            let (path, all) =
                (file.path(), shuffled(&[&all[..], &all[..], &all[..]].concat(), seed));
            tokio::spawn(async move {
                let mut store = Embedded::open(&path, Environment::Prod, part).await.unwrap();
                for batch in all.chunks(50) {
                    store.apply(batch).await.unwrap();
                }
            })
        });
        for worker in workers {
            worker.await.unwrap();
        }
        let mut store = file.open().await;
        let wanted: Vec<String> = (0..40).map(|key| format!("k{key}")).collect();
        let stand = store.get(index, &wanted).await.unwrap();
        for (key, stored) in wanted.iter().zip(stand) {
            let last = all.iter().rfind(|it| it.key == *key).unwrap();
            assert_eq!(stored.map(|it| it.value), last.value, "{key}");
        }
        if part == Part::Search {
            let (six, alive) = (store.search(index, "word6", 99).await.unwrap(), 10);
            assert_eq!(six.len(), alive);
            assert_eq!(store.search(index, "word", 999).await.unwrap().len(), alive);
        }
    }
}

fn shuffled(list: &[Operation], seed: u64) -> Vec<Operation> {
    let mut list = list.to_vec();
    let mut state = seed;
    for at in (1..list.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).unwrap() % (at + 1);
        list.swap(at, other);
    }
    list
}

#[tokio::test]
async fn many_documents_are_indexed_quickly() {
    let file = File::new(Part::Search);
    let mut store = file.open().await;
    // 570 bytes of words; RECONCILE_TEST_FULL has 200,000 of them, as a shop may.
    let count = if std::env::var_os("RECONCILE_TEST_FULL").is_some() { 200_000 } else { 20_000 };
    let begun = Instant::now();
    for batch in (0..count).collect::<Vec<u64>>().chunks(5_000) {
        let operations: Vec<_> = batch
            .iter()
            .map(|number| {
                let words: Vec<_> = (0..70)
                    .map(|at| format!("w{}", number.wrapping_mul(2_654_435_761 + at) % 50_000))
                    .collect();
                let document =
                    format!("{{\"sku\":\"sku-{number}\",\"text\":\"{:.550}\"}}", words.join(" "));
                write("de_page", &format!("page:de:{number}"), 1, &document)
            })
            .collect();
        store.apply(&operations).await.unwrap();
    }
    println!("{count} documents in {:?}", begun.elapsed());
    assert_eq!(found(&mut store, "de_page", "sku-777").await.len(), 10);
    // Debug builds on a loaded machine take half a minute.
    assert!(begun.elapsed() < Duration::from_mins(3), "{:?}", begun.elapsed());
}
