//! What the demo shop publishes: all of it when it is made, and after a run what the run touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use reconcile::config::{self, Environment};
use reconcile::demo;
use reconcile::store::{self, Store};
use serde_json::Value as Json;
use sqlx::{Connection, SqliteConnection};

use crate::places::Place;
use crate::shop::{Shop, change};

const SCHEMA: &str = include_str!("../src/demo/schema.sql");
const SHOP: &str = include_str!("../src/demo/shop.sql");
const PROD: &str = include_str!("../src/demo/prod.sql");

/// Keys with what stands under them and since when.
type Stored = BTreeMap<String, (String, Option<i64>)>;

/// Everything in the read stores of an environment; keys of an index begin with its name.
async fn stored(shop: &Shop, environment: Environment) -> Stored {
    let config = config::load(&shop.path().join("reconcile.yaml"), &|_| None).unwrap();
    let mut stored = Stored::new();
    let stores = [
        store::open_storage(&config, environment, None).await.unwrap(),
        store::open_search(&config, environment, None).await.unwrap(),
    ];
    for mut store in stores {
        for index in store.indexes().await.unwrap() {
            stored.extend(of_index(store.as_mut(), &index).await);
        }
        store.close().await.unwrap();
    }
    stored
}

async fn of_index(store: &mut dyn Store, index: &str) -> Stored {
    let keys = store.keys(index, "", None, 1000).await.unwrap().keys;
    let found = store.get(index, &keys).await.unwrap();
    let name = |key: String| format!("{index}/{key}").trim_start_matches('/').to_owned();
    let found = keys.into_iter().zip(found);
    found.filter_map(|(key, it)| it.map(|it| (name(key), (it.value, it.version)))).collect()
}

/// Versions of keys as the database knows them, by storage or search table.
async fn versions(database: &Path) -> BTreeMap<(String, String), (i64, bool)> {
    let url = format!("sqlite://{}", database.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let sql = "SELECT place, key, version, gone <> 0 FROM reconcile_publish_version";
    let rows: Vec<(String, String, i64, bool)> =
        sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows.into_iter().map(|(place, key, version, gone)| ((place, key), (version, gone))).collect()
}

/// What differs: `+` is new, `~` was written again, `-` is gone.
fn changed<V: PartialEq>(before: &BTreeMap<String, V>, now: &BTreeMap<String, V>) -> Vec<String> {
    let gone = before.keys().filter(|key| !now.contains_key(*key)).map(|key| format!("- {key}"));
    let there = now.iter().filter_map(|(key, it)| match before.get(key) {
        None => Some(format!("+ {key}")),
        Some(old) if old != it => Some(format!("~ {key}")),
        Some(_) => None,
    });
    let mut all: Vec<String> = gone.chain(there).collect();
    all.sort_by(|one, other| one[2..].cmp(&other[2..]));
    all
}

/// The tables' side of it, under the names that the stores have.
fn by_store(versions: BTreeMap<(String, String), (i64, bool)>) -> BTreeMap<String, i64> {
    let there = versions.into_iter().filter(|(_, (_, is_gone))| !is_gone);
    let name = |place: &str, key: &str| match place.strip_suffix("_search") {
        Some(kind) => format!("{}/{key}", kind.trim_start_matches("cms_")),
        None => format!("kv:{key}"),
    };
    there.map(|((place, key), (version, _))| (name(&place, &key), version)).collect()
}

fn counts(shop: &Shop, arguments: &[&str]) -> Json {
    let arguments = [arguments, &["--format", "json"]].concat();
    serde_json::from_str(&shop.reconcile(&arguments).ends_with(0).out).unwrap()
}

/// No message waits and none failed.
fn queues_are_empty(shop: &Shop) {
    let listed = counts(shop, &["queue", "list"]).to_string();
    assert!(listed.contains("sync.storage.cms"), "{listed}");
    for word in ["ready", "unacknowledged", "failed"] {
        let all = listed.matches(&format!("\"{word}\":")).count();
        assert!(all > 0 && all == listed.matches(&format!("\"{word}\":0")).count(), "{listed}");
    }
}

async fn approve(shop: &Shop) {
    let made = demo::Shop {
        directory: shop.path().to_owned(),
        before: demo::Before::EarlierShop,
        pages: None,
    };
    made.mend_test().await.unwrap();
    let which = ["--new", "all", "--modified", "all", "--deleted", "all"];
    let answers = ["--renumber", "cms_page/41", "--adopt", "cms_page/44"];
    let arguments = [&["approve", "spring-campaign"][..], &which, &answers].concat();
    shop.reconcile(&arguments).ends_with(0);
}

#[tokio::test]
async fn a_run_publishes_what_it_touched_and_nothing_else() {
    let shop = Shop::before_the_demo();
    approve(&shop).await;
    let (prod, test) = (Environment::Prod, Environment::Test);
    let before = [stored(&shop, prod).await, stored(&shop, test).await];
    let versions_before = by_store(versions(&shop.prod()).await);
    shop.reconcile(&["spring-campaign"]).ends_with(0);
    let now = [stored(&shop, prod).await, stored(&shop, test).await];

    let touched = changed(&before[0], &now[0]);
    insta::assert_snapshot!(touched.join("\n"), @"
    ~ kv:cms_block:55
    - kv:cms_block:58
    ~ kv:cms_block:61
    + kv:cms_block:62
    + kv:cms_block:63
    + kv:cms_block:65
    + kv:cms_block:66
    + kv:cms_block:67
    ~ kv:cms_page:about-us
    ~ kv:cms_page:gift-guide
    + kv:cms_page:refills
    ~ kv:cms_page:skin-care-guide
    + kv:cms_page:spring
    + kv:cms_page:spring-routine
    ~ kv:product:101
    ~ kv:product:104
    - kv:product:106
    ~ kv:product:107
    + kv:product:108
    ~ kv:product:sku:ab-101
    ~ kv:product:sku:ab-104
    - kv:product:sku:ab-106
    ~ kv:product:sku:ab-107
    + kv:product:sku:ab-108
    ~ page/cms_page:about-us
    ~ page/cms_page:gift-guide
    + page/cms_page:refills
    ~ page/cms_page:skin-care-guide
    + page/cms_page:spring
    + page/cms_page:spring-routine
    ~ product/product:101
    ~ product/product:104
    - product/product:106
    ~ product/product:107
    + product/product:108
    ");
    assert_eq!(changed(&before[1], &now[1]), Vec::<String>::new(), "TEST");
    assert_eq!(changed(&versions_before, &by_store(versions(&shop.prod()).await)), touched);
    queues_are_empty(&shop);

    let said = shop.reconcile(&["search", "page", "refill"]).ends_with(0);
    assert!(said.out.starts_with("cms_page:refills\n"), "{}", said.out);
    let keys = now[0].len();
    let said = shop.reconcile(&["verify"]).ends_with(0);
    assert_eq!(said.out, format!("{keys} keys compared: 0 missing, 0 outdated, 0 orphaned\n"));
    // No document holds what another record says, so none was left behind.
    let all = counts(&shop, &["publish:trigger-events"]);
    assert_eq!((&all["changed"], &all["deleted"]), (&0.into(), &0.into()), "{all}");
    assert_eq!(stored(&shop, prod).await, now[0]);
}

#[tokio::test]
async fn of_records_that_were_replaced_nothing_is_left() {
    let shop = Shop::before_the_demo();
    shop.reconcile(&["get", "cms_page:christmas-parcels"]).ends_with(0);
    // The one takes the place of another page, the other takes its ID along.
    let pages = ["--overwrite", "cms_page/41", "--overwrite", "cms_page/44"];
    let arguments = [&["approve", "spring-campaign", "--with-dependencies"][..], &pages].concat();
    shop.reconcile(&arguments).ends_with(0);
    shop.reconcile(&["spring-campaign"]).ends_with(0);
    shop.reconcile(&["get", "cms_page:christmas-parcels"]).ends_with(1);
    let said = shop.reconcile(&["get", "cms_page:gift-guide"]).ends_with(0);
    assert!(said.out.starts_with("{\"id\":44,"), "{}", said.out);
    shop.reconcile(&["verify"]).ends_with(0);
    let all = counts(&shop, &["publish:trigger-events"]);
    assert_eq!((&all["changed"], &all["deleted"]), (&0.into(), &0.into()), "{all}");
}

#[tokio::test]
async fn availability_is_published_by_id() {
    let shop = Shop::before_the_demo();
    let line = ["publish:trigger-events", "-r", "availability", "-i", "1,2"];
    let said = shop.reconcile(&line).ends_with(0);
    let unchanged =
        "read 2, changed 0, unchanged 2, deleted 0, sent 0, written 0, outdated 0, failed 0\n";
    assert_eq!(said.out, unchanged);
    let sold = "UPDATE availability SET quantity = quantity - 5";
    change(&shop.prod(), sold).await;
    let before = stored(&shop, Environment::Prod).await;
    let counted = counts(&shop, &line);
    assert_eq!((&counted["changed"], &counted["written"]), (&2.into(), &2.into()), "{counted}");
    let now = stored(&shop, Environment::Prod).await;
    let touched = ["~ kv:availability:ab-101-100", "~ kv:availability:ab-101-50"];
    assert_eq!(changed(&before, &now), touched);
    let said = shop.reconcile(&["get", "availability:ab-101-50"]).ends_with(0);
    assert!(said.out.contains("\"quantity\":84,"), "{}", said.out);
    shop.reconcile(&["verify"]).ends_with(0);
    let said = shop.reconcile(&["get", "availability:ab-108-15"]).ends_with(1);
    assert!(said.err.contains("the storage of PROD has no key"), "{}", said.err);
    shop.reconcile(&["get", "availability:ab-108-15", "--environment", "TEST"]).ends_with(0);
}

#[tokio::test]
async fn the_same_tables_are_published_on_postgres() {
    let Some(place) = Place::postgres(&format!("{SCHEMA}{SHOP}{PROD}")).await else { return };
    let shop = Shop::before_the_demo();
    let on_sqlite = stored(&shop, Environment::Prod).await;
    let file = shop.path().join("reconcile.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("sqlite://prod.db"), "{text}");
    fs::write(&file, text.replace("sqlite://prod.db", &place.url)).unwrap();
    fs::remove_dir_all(shop.path().join("state/PROD")).unwrap();
    let all = counts(&shop, &["publish:trigger-events"]);
    assert_eq!(all["written"], on_sqlite.len(), "{all}");
    let said = shop.reconcile(&["verify"]).ends_with(0);
    assert!(said.out.ends_with(": 0 missing, 0 outdated, 0 orphaned\n"), "{}", said.out);
    let on_postgres = stored(&shop, Environment::Prod).await;
    assert!(on_postgres.keys().eq(on_sqlite.keys()), "{:?}", on_postgres.keys());
    let again = counts(&shop, &["publish:trigger-events", "-r", "availability", "-i", "1,2"]);
    assert_eq!((&again["read"], &again["unchanged"]), (&2.into(), &2.into()), "{again}");
    place.remove().await;
}
