//! A shop of products in two stores and two locales, whose changes are known: so what its read stores
//! should say is known as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use reconcile::config::{self, Config, Environment};
use reconcile::queue::{self, Most};
use reconcile::store;
use serde_json::{Value as Json, json};

use crate::places::Place;
use crate::shop::Said;
use crate::stores::ReadStores;

const STORES: [&str; 2] = ["DE", "AT"];
const LOCALES: [&str; 2] = ["de_DE", "en_US"];

const TABLES: &str = "
    CREATE TABLE product (id BIGINT PRIMARY KEY, sku VARCHAR(40) NOT NULL, price BIGINT NOT NULL,
        is_active INTEGER NOT NULL);
    CREATE TABLE product_store (product_id BIGINT NOT NULL REFERENCES product (id),
        store VARCHAR(8) NOT NULL, PRIMARY KEY (product_id, store));
    CREATE TABLE product_text (product_id BIGINT NOT NULL REFERENCES product (id),
        locale VARCHAR(8) NOT NULL, name VARCHAR(80) NOT NULL, PRIMARY KEY (product_id, locale));";

/// The storage's key is by ID, that of the search by a SKU, which wanders from product to product.
const RESOURCE: &str = "
apiVersion: reconcile/v1
kind: Resource
metadata: {name: product}
spec:
  entity: {table: product, active: is_active}
  stores: {table: product_store, by: product_id, column: store}
  locales: [de_DE, en_US]
  document:
    columns: [id, sku, price]
    children:
      - {name: text, table: product_text, columns: [name], locale: locale, one: true}
  storage:
    table: product_storage
    queue: sync.storage.product
    key: {resource: product, suffix: id}
    mappings: [\"sku:id\"]
  search:
    table: product_search
    queue: sync.search.product
    type: page
    key: {resource: product, suffix: sku}
    fields: {name: text.name, sku: sku}
";

/// The same numbers each time, from a seed.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at + 1));
        }
    }
}

#[derive(Debug, Clone)]
struct Product {
    sku: String,
    price: u64,
    is_active: bool,
    stores: Vec<&'static str>,
    names: [String; 2],
}

pub struct World {
    pub prod: Place,
    folder: tempfile::TempDir,
    products: BTreeMap<i64, Product>,
    next: i64,
    _stores: ReadStores,
}

impl World {
    pub async fn new(prod: Place, stores: ReadStores, entities: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("manifests")).unwrap();
        fs::write(folder.path().join("manifests/product.yaml"), RESOURCE).unwrap();
        fs::write(folder.path().join("test.db"), "").unwrap();
        let publish = stores.yaml();
        stores.lose_storage(folder.path(), "product");
        let text = format!(
            "instance: PROD\nmanifests: ./manifests\nstateDirectory: ./state\ntables: {{allow: [\"*\"]}}\nenvironments:\n  \
             PROD: {{database: '{}', publish: {publish}}}\n  TEST: {{database: 'sqlite://test.db'}}\n",
            prod.url
        );
        fs::write(folder.path().join("reconcile.yaml"), text).unwrap();
        prod.run(TABLES).await;
        let mut world = Self { prod, folder, products: BTreeMap::new(), next: 1, _stores: stores };
        let mut script = String::new();
        for _ in 0..entities {
            world.insert(&mut script);
        }
        world.prod.run(&script).await;
        world.reconcile(&["publish:trigger-events", "--create-tables"]).ends_with(0);
        world.check().await;
        world
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn reconcile(&self, arguments: &[&str]) -> Said {
        crate::shop::reconcile(self.path(), arguments)
    }

    fn config(&self) -> Config {
        config::load(&self.path().join("reconcile.yaml"), &|_| None).unwrap()
    }

    fn insert(&mut self, script: &mut String) -> i64 {
        let id = self.next;
        self.next += 1;
        let names = [format!("Stück {id} \"ä\""), format!("Piece {id}")];
        let product = Product {
            sku: format!("SKU {id}"),
            price: 100,
            is_active: id % 10 != 0,
            stores: if id % 3 == 0 { vec!["DE"] } else { STORES.to_vec() },
            names,
        };
        let Product { sku, price, is_active, stores, names } = &product;
        let active = i32::from(*is_active);
        *script += &format!("INSERT INTO product VALUES ({id}, '{sku}', {price}, {active});");
        for store in stores {
            *script += &format!("INSERT INTO product_store VALUES ({id}, '{store}');");
        }
        for (locale, name) in LOCALES.iter().zip(names) {
            *script += &format!("INSERT INTO product_text VALUES ({id}, '{locale}', '{name}');");
        }
        self.products.insert(id, product);
        id
    }

    /// Changes about a third of the products in one of several ways each; returns the IDs of all that
    /// were touched.
    pub async fn change(&mut self, random: &mut Random) -> Vec<i64> {
        let mut script = String::from("BEGIN;");
        let mut touched = Vec::new();
        let ids: Vec<i64> = self.products.keys().copied().collect();
        for _ in 0..ids.len().div_ceil(3) {
            let id = ids[random.below(ids.len())];
            let other = ids[random.below(ids.len())];
            touched.extend(self.change_one((id, other), random.below(7), &mut script));
        }
        touched.push(self.insert(&mut script));
        self.prod.run(&format!("{script}COMMIT;")).await;
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    fn change_one(&mut self, (id, other): (i64, i64), how: usize, script: &mut String) -> Vec<i64> {
        let Some(mut product) = self.products.get(&id).cloned() else { return Vec::new() };
        let mut touched = vec![id];
        match how {
            0 | 1 => {
                product.price += 1;
                *script +=
                    &format!("UPDATE product SET price = {} WHERE id = {id};", product.price);
            }
            2 => {
                product.names[1].push('!');
                let name = &product.names[1];
                *script += &format!(
                    "UPDATE product_text SET name = '{name}' WHERE product_id = {id} AND locale = \
                     'en_US';"
                );
            }
            3 => {
                product.is_active = !product.is_active;
                let active = i32::from(product.is_active);
                *script += &format!("UPDATE product SET is_active = {active} WHERE id = {id};");
            }
            4 => match product.stores.len() {
                1 => {
                    product.stores = STORES.to_vec();
                    *script += &format!("INSERT INTO product_store VALUES ({id}, 'AT');");
                }
                _ => {
                    product.stores = vec!["DE"];
                    *script += &format!(
                        "DELETE FROM product_store WHERE product_id = {id} AND store = 'AT';"
                    );
                }
            },
            5 => {
                let Some(with) = self.products.get_mut(&other).filter(|_| other != id) else {
                    return Vec::new();
                };
                std::mem::swap(&mut with.sku, &mut product.sku);
                touched.push(other);
                for (id, sku) in [(id, &product.sku), (other, &with.sku)] {
                    *script += &format!("UPDATE product SET sku = '{sku}' WHERE id = {id};");
                }
            }
            _ => {
                for (table, column) in [
                    ("product_store", "product_id"),
                    ("product_text", "product_id"),
                    ("product", "id"),
                ] {
                    *script += &format!("DELETE FROM {table} WHERE {column} = {id};");
                }
                self.products.remove(&id);
                return touched;
            }
        }
        self.products.insert(id, product);
        touched
    }

    async fn broker(&self) -> Box<dyn queue::Broker> {
        queue::open(&self.config(), Environment::Prod, None).await.unwrap()
    }

    pub async fn send(&self, queue: &str, bodies: &[String]) {
        let mut broker = self.broker().await;
        broker.send(queue, bodies).await.unwrap();
        broker.close().await.unwrap();
    }

    /// Everything that lies in a queue, which is empty then.
    pub async fn taken(&self, queue: &str) -> Vec<String> {
        let mut broker = self.broker().await;
        let mut bodies = Vec::new();
        loop {
            let taken = broker.take(queue, Most::messages(1000), Duration::ZERO).await.unwrap();
            if taken.is_empty() {
                break;
            }
            let tags: Vec<u64> = taken.iter().map(|delivery| delivery.tag).collect();
            broker.acknowledge(queue, &tags).await.unwrap();
            bodies.extend(taken.into_iter().map(|delivery| delivery.body));
        }
        broker.close().await.unwrap();
        bodies
    }

    /// What the storage and the search should hold, by index and key.
    fn wanted(&self) -> [BTreeMap<(String, String), Json>; 2] {
        let [mut storage, mut search] = [BTreeMap::new(), BTreeMap::new()];
        for (id, product) in self.products.iter().filter(|(_, product)| product.is_active) {
            let Product { sku, price, stores, names, .. } = product;
            let bare = sku.to_lowercase().replace(' ', "-");
            for store in stores {
                let lower = store.to_lowercase();
                for (locale, name) in LOCALES.iter().zip(names) {
                    let before = format!("product:{lower}:{}", locale.to_lowercase());
                    let key = |reference: &str| (String::new(), format!("kv:{before}:{reference}"));
                    let text = json!({"name": name});
                    let document = json!({"id": id, "sku": sku, "price": price, "text": text});
                    storage.insert(key(&id.to_string()), document);
                    storage.insert(key(&format!("sku:{bare}")), json!({"id": id}));
                    let key = (format!("{lower}_page"), format!("{before}:{bare}"));
                    search.insert(key, json!({"name": name, "sku": sku}));
                }
            }
        }
        [storage, search]
    }

    async fn stored(
        &self,
        mut store: Box<dyn store::Store>,
        prefix: &str,
    ) -> BTreeMap<(String, String), Json> {
        let mut all = BTreeMap::new();
        for index in store.indexes().await.unwrap() {
            let keys = all_keys(store.as_mut(), &index, prefix).await;
            let values = store.get(&index, &keys).await.unwrap();
            for (key, stored) in keys.into_iter().zip(values) {
                let mut value: Json = serde_json::from_str(&stored.unwrap().value).unwrap();
                value.as_object_mut().unwrap().shift_remove("_timestamp");
                all.insert((index.clone(), key), value);
            }
        }
        store.close().await.unwrap();
        all
    }

    /// The stores say what the products say, `verify` agrees, and nothing is left anywhere.
    pub async fn check(&self) {
        let config = self.config();
        let storage = store::open_storage(&config, Environment::Prod, None).await.unwrap();
        let search = store::open_search(&config, Environment::Prod, None).await.unwrap();
        let stores = [(storage, "kv:product:"), (search, "product:")];
        for (wanted, (store, prefix)) in self.wanted().into_iter().zip(stores) {
            let stored = self.stored(store, prefix).await;
            let missing = wanted.iter().filter(|(key, value)| stored.get(key) != Some(value));
            let missing: Vec<_> = missing.map(|(key, it)| (key, it, stored.get(key))).collect();
            let orphaned: Vec<_> = stored.keys().filter(|key| !wanted.contains_key(key)).collect();
            assert!(missing.is_empty() && orphaned.is_empty(), "{missing:#?}\n{orphaned:#?}");
        }
        self.reconcile(&["verify"]).ends_with(0);
        let mut broker = self.broker().await;
        let queues = ["publish.product", "sync.storage.product", "sync.search.product"];
        let depths = broker.list(&queues.map(str::to_owned)).await.unwrap();
        assert_eq!(depths.len(), queues.len());
        for depth in depths {
            // Of what is handed out a broker may tell nothing.
            let held = depth.unacknowledged.unwrap_or_default();
            assert_eq!((depth.ready, held, depth.failed), (0, 0, 0), "{depth:?}");
        }
        broker.close().await.unwrap();
    }
}

async fn all_keys(store: &mut dyn store::Store, index: &str, prefix: &str) -> Vec<String> {
    let (mut keys, mut from) = (BTreeSet::new(), None::<String>);
    loop {
        let page = store.keys(index, prefix, from.as_deref(), 10_000).await.unwrap();
        keys.extend(page.keys);
        from = page.next;
        if from.is_none() {
            return keys.into_iter().collect();
        }
    }
}
