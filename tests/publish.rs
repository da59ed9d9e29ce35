//! Publishing end to end, with the real binary: tables, queues and stores say the same on each engine.

mod interrupt;
mod progress;
mod redis;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use reconcile::config::{self, Environment};
use reconcile::store::{self, Operation};
use serde_json::Value as Json;

use crate::places::Place;
use crate::shop::{Said, Shop, change, reconcile};
use crate::stores::elastic::Server;
use crate::stores::{ReadStores, Servers};

const RESOURCE: &str = r#"apiVersion: reconcile/v1
kind: Resource
metadata: {name: product_abstract}
spec:
  entity: {table: product_abstract, active: is_active}
  stores: {table: product_abstract_store, by: product_abstract_id, column: store}
  locales: [de_DE, en_US]
  document:
    columns: [sku]
    children:
      - {name: prices, table: product_price, columns: [currency, gross, net]}
      - {name: localized, table: product_abstract_text, columns: [name], locale: locale, one: true}
  storage: {table: product_abstract_storage, queue: sync.storage.product, key: {resource: product_abstract, suffix: id}, mappings: ["sku:id"]}
  search: {table: product_abstract_search, queue: sync.search.product, type: page, key: {resource: product_abstract, suffix: id}, fields: {name: localized.name, sku: sku}}
"#;

const TABLES: &str = "
CREATE TABLE product_abstract (id INTEGER PRIMARY KEY, sku VARCHAR(40) NOT NULL UNIQUE,
    is_active BOOLEAN NOT NULL);
CREATE TABLE product_price (id INTEGER PRIMARY KEY,
    product_abstract_id INTEGER NOT NULL REFERENCES product_abstract (id),
    currency VARCHAR(3) NOT NULL, gross INTEGER NOT NULL, net INTEGER NOT NULL);
CREATE TABLE product_abstract_text (id INTEGER PRIMARY KEY,
    product_abstract_id INTEGER NOT NULL REFERENCES product_abstract (id),
    locale VARCHAR(5) NOT NULL, name VARCHAR(80) NOT NULL);
CREATE TABLE product_abstract_store (id INTEGER PRIMARY KEY,
    product_abstract_id INTEGER NOT NULL REFERENCES product_abstract (id), store VARCHAR(8) NOT NULL);
CREATE INDEX price_of ON product_price (product_abstract_id);
CREATE INDEX text_of ON product_abstract_text (product_abstract_id);
CREATE INDEX store_of ON product_abstract_store (product_abstract_id);
";

/// Rows of storage and search, and keys with the aliases, of one product: two stores, two locales.
const ROWS: u64 = 8;
const KEYS: u64 = 12;

/// Products with prices in two currencies, texts in two locales and two stores; IDs have gaps.
fn products(number: u64) -> String {
    let mut sql = TABLES.to_owned();
    let mut values = [const { Vec::new() }; 4];
    for n in 1..=number {
        let id = n * 3;
        values[0].push(format!("({id}, 'SKU-{n}', TRUE)"));
        for (at, (currency, locale, store)) in
            [("EUR", "de_DE", "DE"), ("CHF", "en_US", "AT")].iter().enumerate()
        {
            let row = id * 2 + at as u64;
            values[1].push(format!("({row}, {id}, '{currency}', {}, {})", n * 100, n * 80));
            values[2].push(format!("({row}, {id}, '{locale}', 'Säule {n} {locale}')"));
            values[3].push(format!("({row}, {id}, '{store}')"));
        }
    }
    let tables =
        ["product_abstract", "product_price", "product_abstract_text", "product_abstract_store"];
    for (table, values) in tables.iter().zip(&values) {
        for values in values.chunks(500) {
            write!(sql, "INSERT INTO {table} VALUES {};", values.join(", ")).unwrap();
        }
    }
    sql
}

fn folder(place: &Place, stores: &ReadStores) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("manifests")).unwrap();
    fs::write(folder.path().join("manifests/product.yaml"), RESOURCE).unwrap();
    let text = format!(
        "instance: PROD\nmanifests: ./manifests\nstateDirectory: ./state\nenvironments:\n  PROD: \
         {{database: '{}', publish: {}}}\n  \
         TEST: {{database: 'sqlite://test.db'}}\ntables: {{allow: [product*]}}\n",
        place.url,
        stores.yaml()
    );
    fs::write(folder.path().join("reconcile.yaml"), text).unwrap();
    folder
}

fn counts(said: Said) -> Json {
    serde_json::from_str(&said.ends_with(0).out).unwrap()
}

/// Asks for some of the counts.
#[track_caller]
fn counted(counts: &Json, wanted: &[(&str, u64)]) {
    for (name, number) in wanted {
        assert_eq!(counts[*name], *number, "{name}: {counts}");
    }
}

fn trigger(path: &Path, more: &[&str]) -> Said {
    let arguments = [&["publish:trigger-events", "--format", "json"], more].concat();
    reconcile(path, &arguments)
}

#[track_caller]
fn verified(path: &Path, keys: u64) {
    let said = reconcile(path, &["verify"]).ends_with(0);
    assert_eq!(said.out, format!("{keys} keys compared: 0 missing, 0 outdated, 0 orphaned\n"));
}

async fn damage(path: &Path) {
    let config = config::load(&path.join("reconcile.yaml"), &|_| None).unwrap();
    let mut storage = store::open_storage(&config, Environment::Prod, None).await.unwrap();
    let operation = |key: &str, value: Option<&str>| Operation {
        index: String::new(),
        key: format!("kv:product_abstract:de:de_de:{key}"),
        version: jiff::Timestamp::now().as_microsecond(),
        value: value.map(str::to_owned),
    };
    let damaged = [
        operation("3", Some("{\"sku\":\"other\"}")),
        operation("6", None),
        operation("sku:sku-3", Some("{\"id\":99}")),
        operation("sku:sku-4", None),
        operation("gone", Some("{\"sku\":\"SKU-0\"}")),
    ];
    storage.apply(&damaged).await.unwrap();
    storage.close().await.unwrap();
    let mut search = store::open_search(&config, Environment::Prod, None).await.unwrap();
    let operation = |index: &str, key: &str, value: Option<&str>| Operation {
        index: index.into(),
        key: key.into(),
        version: jiff::Timestamp::now().as_microsecond(),
        value: value.map(str::to_owned),
    };
    let damaged = [
        operation("de_page", "product_abstract:de:de_de:3", Some("{}")),
        operation("de_page", "product_abstract:de:en_us:3", None),
        operation("at_page", "product_abstract:at:en_us:9", Some("{\"name\":\"x\",\"sku\":1}")),
        operation("at_page", "product_abstract:at:en_us:7", Some("{}")),
        operation("at_page", "product_abstract:at:en_us:8", Some("{}")),
    ];
    search.apply(&damaged).await.unwrap();
    search.close().await.unwrap();
}

async fn story(place: &Place, stores: &ReadStores, number: u64) {
    let folder = folder(place, stores);
    let path = folder.path();
    stores.lose(path, "product_abstract");
    fs::write(path.join("test.db"), "").unwrap();
    let said = trigger(path, &[]).ends_with(1);
    assert!(said.err.contains("--create-tables` makes it"), "{}", said.err);
    let done = counts(trigger(path, &["--create-tables"]));
    let all =
        [("read", number), ("changed", number * ROWS), ("sent", number * KEYS), ("failed", 0)];
    counted(&done, &all);
    verified(path, number * KEYS);
    let done = counts(trigger(path, &[]));
    counted(&done, &[("changed", 0), ("unchanged", number * ROWS), ("sent", 0)]);

    place.run("UPDATE product_price SET gross = gross + 1 WHERE product_abstract_id <= 300").await;
    let would = reconcile(path, &["publish:trigger-events", "--dry-run"]).ends_with(0);
    assert!(would.out.contains(&format!("would change {}", 100 * ROWS)), "{}", would.out);
    let done = counts(trigger(path, &[]));
    counted(&done, &[("changed", 100 * ROWS), ("sent", 100 * KEYS), ("written", 100 * KEYS)]);
    verified(path, number * KEYS);
    let said = reconcile(path, &["get", "product_abstract:de:de_de:sku:sku-1"]).ends_with(0);
    assert!(said.out.starts_with("{\"id\":3,\"_timestamp\":"), "{}", said.out);
    let word = if stores.folds_accents() { "Saule" } else { "säule" };
    let said = reconcile(path, &["search", "at_page", word, "7"]).ends_with(0);
    assert!(said.out.contains("\"sku\":\"SKU-7\""), "{}", said.out);

    stores.lose(path, "product_abstract");
    let said = reconcile(path, &["verify"]).ends_with(1);
    assert!(said.out.contains(&format!("{} missing, 0 outdated", number * KEYS)), "{}", said.out);
    let done = counts(reconcile(path, &["sync:data", "--format", "json"]));
    counted(&done, &[("read", number * ROWS), ("written", number * KEYS), ("failed", 0)]);
    verified(path, number * KEYS);

    place
        .run(
            "DELETE FROM product_price WHERE product_abstract_id <= 60 AND product_abstract_id > 30;
             DELETE FROM product_abstract_text WHERE product_abstract_id <= 60 AND product_abstract_id > 30;
             DELETE FROM product_abstract_store WHERE product_abstract_id <= 60 AND product_abstract_id > 30;
             DELETE FROM product_abstract WHERE id <= 60 AND id > 30;
             UPDATE product_abstract SET is_active = FALSE WHERE id = 300;",
        )
        .await;
    let done = counts(trigger(path, &[]));
    counted(&done, &[("changed", 0), ("deleted", 11 * ROWS), ("sent", 11 * KEYS)]);
    let left = (number - 11) * KEYS;
    verified(path, left);

    damage(path).await;
    let said = reconcile(path, &["verify"]).ends_with(1);
    let found = "3 missing, 4 outdated, 3 orphaned";
    assert!(said.out.contains(found), "{}", said.out);
    for key in
        ["outdated kv:product_abstract:de:de_de:3 ", "missing  kv:product_abstract:de:de_de:6 "]
    {
        assert!(said.out.contains(key), "{}", said.out);
    }
    assert!(said.out.contains("orphaned product_abstract:at:en_us:7 in at_page"), "{}", said.out);
    reconcile(path, &["verify", "--repair"]).ends_with(0);
    verified(path, left);

    // A SKU that two products exchange: the alias belongs to its new owner.
    place
        .run(
            "UPDATE product_abstract SET sku = 'x' WHERE id = 3;
             UPDATE product_abstract SET sku = 'SKU-1' WHERE id = 6;
             UPDATE product_abstract SET sku = 'SKU-2' WHERE id = 3;",
        )
        .await;
    let done = counts(trigger(path, &["-r", "product_abstract", "-i", "3,6"]));
    counted(&done, &[("read", 2), ("changed", 2 * ROWS), ("deleted", 0), ("failed", 0)]);
    verified(path, left);
    let said = reconcile(path, &["get", "product_abstract:de:de_de:sku:sku-1"]).ends_with(0);
    assert!(said.out.starts_with("{\"id\":6,"), "{}", said.out);
}

fn number() -> u64 {
    if std::env::var_os("RECONCILE_TEST_FULL").is_some() { 20_000 } else { 150 }
}

#[tokio::test]
async fn what_is_published_is_what_the_tables_say_on_sqlite() {
    let place = Place::sqlite(&products(number())).await;
    story(&place, &ReadStores::embedded(), number()).await;
    place.remove().await;
}

#[tokio::test]
async fn what_is_published_is_what_the_tables_say_on_postgresql() {
    let Some(place) = Place::postgres(&products(number())).await else { return };
    story(&place, &ReadStores::embedded(), number()).await;
    place.remove().await;
}

#[tokio::test]
async fn what_is_published_is_what_the_tables_say_on_mariadb() {
    let Some(place) = Place::mariadb(&products(number())).await else { return };
    story(&place, &ReadStores::embedded(), number()).await;
    place.remove().await;
}

#[tokio::test]
async fn what_is_published_is_what_the_tables_say_on_search_servers() {
    for server in Server::all() {
        let place = Place::sqlite(&products(number())).await;
        let stores = ReadStores::with_search(server);
        story(&place, &stores, number()).await;
        stores.lose(Path::new("."), "product_abstract");
        place.remove().await;
    }
}

#[tokio::test]
async fn what_is_published_is_what_the_tables_say_with_a_storage_on_redis() {
    let Some(stores) = ReadStores::redis() else { return };
    let place = Place::sqlite(&products(number())).await;
    story(&place, &stores, number()).await;
}

#[tokio::test]
async fn what_is_published_is_what_the_tables_say_with_a_storage_on_a_cluster_of_redis() {
    let Some(stores) = ReadStores::redis_cluster().await else { return };
    let place = Place::sqlite(&products(number())).await;
    story(&place, &stores, number()).await;
}

#[tokio::test]
async fn what_is_published_is_what_the_tables_say_with_nothing_embedded() {
    for (format, servers) in [("batch", Servers::Single), ("spryker", Servers::Clustered)] {
        let Some(stores) = ReadStores::servers(format, servers).await else { return };
        let Some(place) = Place::postgres(&products(number())).await else { return };
        story(&place, &stores, number()).await;
        stores.lose(Path::new("."), "product_abstract");
        place.remove().await;
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anything_is_sent() {
    let place = Place::sqlite(&products(2)).await;
    let folder = folder(&place, &ReadStores::embedded());
    let path = folder.path();
    fs::write(path.join("test.db"), "").unwrap();
    let cases: [(&[&str], &str); 4] = [
        (&["publish:trigger-events", "-r", "product_abstrct"], "did you mean `product_abstract`?"),
        (&["sync:data", "nothing-like-it"], "there are product_abstract"),
        (&["publish:trigger-events", "-i", "1,2"], "none is named"),
        (
            &["publish:trigger-events", "-r", "product_abstract", "-i", "3,x", "--create-tables"],
            "x is no ID",
        ),
    ];
    for (arguments, wanted) in cases {
        let said = reconcile(path, arguments).ends_with(64);
        assert!(said.err.contains(wanted), "{}", said.err);
    }
}

/// The demo shop with one new page approved.
fn shop_with_a_page() -> Shop {
    let shop = Shop::before_the_demo();
    shop.reconcile(&["approve", "spring-campaign", "--new", "cms_page/45"]).ends_with(0);
    shop
}

#[tokio::test]
async fn what_a_run_could_not_publish_is_said_and_done_by_the_next_worker() {
    let shop = shop_with_a_page();
    change(&shop.prod(), "ALTER TABLE cms_page_search RENAME TO away").await;
    let said = shop.reconcile(&["spring-campaign"]).ends_with(0);
    let pending = "cms_block, cms_page, product weren't published anew yet: resource cms_page: there is \
                   no table cms_page_search";
    assert!(said.out.contains(pending), "{}", said.out);
    change(&shop.prod(), "ALTER TABLE away RENAME TO cms_page_search").await;
    let said = shop.reconcile(&["worker", "--stop-when-empty"]).ends_with(0);
    assert!(said.out.contains("read 2, changed 3"), "{}", said.out);
    shop.reconcile(&["get", "cms_page:refills"]).ends_with(0);
    shop.reconcile(&["verify"]).ends_with(0);
}
