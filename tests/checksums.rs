//! Checksums find what reading every row finds: adversarial rows, random edits, keys of every kind.

use std::collections::BTreeMap;
use std::time::Duration;

use reconcile::catalog::Engine;
use reconcile::compare::model::Model;
use reconcile::compare::resolve::{Input, Rules, resolve};
use reconcile::compare::scan::{Candidates, scan};
use reconcile::compare::sides::{Reading, Sides, Sizes};
use reconcile::database::{Twins, Value, begin_both};
use serde_json::{Value as Json, json};

use crate::places::Place;
use crate::properties::random::Random;

/// Everything in one bucket, every row in its own, and stretches of a few rows each.
const SIZES: [Sizes; 4] =
    [sizes(2_000, 32, 32), sizes(2_000, 1_000_000, 1), sizes(1, 1, 1), sizes(7, 2, 1)];

const fn sizes(first_rows: u64, bucket_rows: u64, least_buckets: u32) -> Sizes {
    Sizes { first_rows, bucket_rows, least_buckets, alone: Duration::ZERO }
}

struct NoRules;

impl Rules for NoRules {
    fn only_rows(&self, _: &str) -> Option<reconcile::manifest::filter::Filter> {
        None
    }

    fn never_synchronized(&self, _table: &str) -> bool {
        false
    }

    fn redacted(&self, _table: &str, _column: &str) -> bool {
        false
    }

    fn matched_by(&self, _table: &str) -> Option<&[String]> {
        None
    }
}

struct Shops {
    source: Place,
    target: Place,
}

impl Shops {
    async fn make(on: Engine, source: &str, target: &str) -> Option<Self> {
        Some(match on {
            Engine::Postgres => Self {
                source: Place::postgres(source).await?,
                target: Place::postgres(target).await?,
            },
            Engine::Mariadb => Self {
                source: Place::mariadb(source).await?,
                target: Place::mariadb(target).await?,
            },
            Engine::Sqlite => {
                Self { source: Place::sqlite(source).await, target: Place::sqlite(target).await }
            }
        })
    }

    /// The candidates of these records, and the model they are of.
    async fn scan(&self, records: &Json, reading: Reading) -> (Model, Candidates) {
        let (mut source, mut target) = (self.source.open().await, self.target.open().await);
        let both = begin_both(&mut source, &mut target).await.unwrap();
        let (ours, theirs) = (source.catalog().await.unwrap(), target.catalog().await.unwrap());
        let module = serde_json::from_value(json!({"records": records})).unwrap();
        let model = resolve(Input {
            modules: &BTreeMap::from([("m".to_owned(), module)]),
            selected: &["m".to_owned()],
            source: &ours,
            target: &theirs,
            rules: &NoRules,
        });
        assert!(model.failed.is_empty(), "{:?}", model.failed);
        let mut sides = Sides::new(source, target);
        sides.both = both;
        sides.reading = reading;
        sides.connections = 3;
        let candidates = scan(&mut sides, &model).await.unwrap();
        sides.source.close().await.unwrap();
        sides.target.close().await.unwrap();
        (model, candidates)
    }

    /// Holds checksums of all sizes to what reading every row finds.
    async fn same_by_checksums(&self, records: &Json) -> (Model, Candidates) {
        let (model, streamed) = self.scan(records, Reading::Streams).await;
        for sizes in SIZES {
            let (_, found) = self.scan(records, Reading::Checksums(sizes)).await;
            assert_eq!(found.source, streamed.source, "{sizes:?}");
            assert_eq!(found.target, streamed.target, "{sizes:?}");
            assert_eq!(found.source_rows, streamed.source_rows, "{sizes:?}");
        }
        (model, streamed)
    }

    async fn remove(self) {
        self.source.remove().await;
        self.target.remove().await;
    }
}

/// SQLite's numbers from 1 on, as a table of one column `i`.
fn counted(count: usize) -> String {
    format!(
        "(WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {count}) SELECT i FROM s)"
    )
}

/// One way to hide a difference: what the source's rows and the target's are set to. A case of equal
/// rows expects no candidate.
struct Hidden {
    name: &'static str,
    source: &'static [&'static str],
    target: &'static [&'static str],
    differs: bool,
}

const fn hidden(
    name: &'static str,
    source: &'static [&'static str],
    target: &'static [&'static str],
) -> Hidden {
    Hidden { name, source, target, differs: true }
}

const EVERYWHERE: &[Hidden] = &[
    Hidden { name: "equal_rows", source: &[], target: &[], differs: false },
    Hidden {
        name: "zeros",
        source: &["f = 0 WHERE id = 3"],
        target: &["f = -0.0 WHERE id = 3"],
        differs: false,
    },
    hidden(
        "swapped_in_rows",
        &["a = 'p' WHERE id = 3", "a = 'q' WHERE id = 4"],
        &["a = 'q' WHERE id = 3", "a = 'p' WHERE id = 4"],
    ),
    hidden(
        "swapped_numbers",
        &["x = 5 WHERE id = 3", "x = -5 WHERE id = 4"],
        &["x = -5 WHERE id = 3", "x = 5 WHERE id = 4"],
    ),
    hidden(
        "swapped_columns",
        &["a = 'p', b = 'q' WHERE id = 3"],
        &["a = 'q', b = 'p' WHERE id = 3"],
    ),
    hidden(
        "swapped_number_columns",
        &["x = 1, y = 2 WHERE id = 3"],
        &["x = 2, y = 1 WHERE id = 3"],
    ),
    hidden("swapped_signs", &["x = 5, y = -5 WHERE id = 3"], &["x = -5, y = 5 WHERE id = 3"]),
    hidden("swapped_with_zero", &["f = 0, g = 7 WHERE id = 3"], &["f = 7, g = 0 WHERE id = 3"]),
    hidden("swapped_null", &["x = NULL, y = 5 WHERE id = 3"], &["x = 5, y = NULL WHERE id = 3"]),
    hidden("null_is_no_zero", &["x = NULL WHERE id = 3"], &["x = 0 WHERE id = 3"]),
    hidden("null_is_no_flag", &["flag = NULL WHERE id = 3"], &["flag = FALSE WHERE id = 3"]),
    hidden(
        "moved_separator",
        &["a = 'ab', b = 'c' WHERE id = 3"],
        &["a = 'a', b = 'bc' WHERE id = 3"],
    ),
    hidden(
        "forged_separator",
        &["a = 'a', b = '1:b' WHERE id = 3"],
        &["a = 'a1:b', b = '' WHERE id = 3"],
    ),
    hidden(
        "forged_comma",
        &["a = '1,2', b = '3' WHERE id = 3"],
        &["a = '1', b = '2,3' WHERE id = 3"],
    ),
    hidden("null_text", &["a = NULL WHERE id = 3"], &["a = 'NULL' WHERE id = 3"]),
    hidden("null_mark", &["a = NULL WHERE id = 3"], &["a = 'N' WHERE id = 3"]),
    hidden("null_empty", &["a = NULL WHERE id = 3"], &["a = '' WHERE id = 3"]),
    hidden("null_moved", &["a = NULL, b = '' WHERE id = 3"], &["a = '', b = NULL WHERE id = 3"]),
    hidden("letters_case", &["ci = 'Ab' WHERE id = 3"], &["ci = 'AB' WHERE id = 3"]),
    hidden("spaces", &["ci = 'a' WHERE id = 3"], &["ci = 'a ' WHERE id = 3"]),
    hidden("sign_of_decimal", &["n = 5 WHERE id = 3"], &["n = -5 WHERE id = 3"]),
    hidden("halves_of_bigint", &["x = 1 WHERE id = 3"], &["x = 4294967296 WHERE id = 3"]),
    hidden("halves_of_negative", &["x = -1 WHERE id = 3"], &["x = -4294967296 WHERE id = 3"]),
    hidden("halves_swapped", &["x = 12884901890 WHERE id = 3"], &["x = 8589934595 WHERE id = 3"]),
    hidden(
        "whole_rows_swapped",
        &["a = 'p', b = 'r', x = 1 WHERE id = 3", "a = 'q', b = 's', x = 2 WHERE id = 4"],
        &["a = 'q', b = 's', x = 2 WHERE id = 3", "a = 'p', b = 'r', x = 1 WHERE id = 4"],
    ),
    hidden(
        "keys_swapped",
        &["id = 1003 WHERE id = 3", "id = 3 WHERE id = 4"],
        &["id = 1003 WHERE id = 4"],
    ),
    hidden(
        "halves_of_time",
        &["t = '2000-01-01 00:00:00.000001' WHERE id = 3"],
        &["t = '2000-01-01 01:11:34.967296' WHERE id = 3"],
    ),
    hidden("bytes", &["raw = 'ab' WHERE id = 3"], &["raw = 'aB' WHERE id = 3"]),
    hidden("before_all", &["id = -9 WHERE id = 3"], &["id = -8 WHERE id = 3"]),
    hidden("after_all", &["id = 5000000000 WHERE id = 3"], &["id = 6000000000 WHERE id = 3"]),
    hidden("only_target", &["id = id - 1000 WHERE id < 30"], &[]),
];

const ON_POSTGRES: &[Hidden] = &[
    hidden("specials", &["n = 'NaN' WHERE id = 3"], &["n = 'Infinity' WHERE id = 3"]),
    hidden("infinities", &["n = 'Infinity' WHERE id = 3"], &["n = '-Infinity' WHERE id = 3"]),
    hidden("intervals", &["iv = '1 mon' WHERE id = 3"], &["iv = '30 days' WHERE id = 3"]),
    hidden(
        "signs_in_json",
        &["j = '{\"a\": 1}' WHERE id = 3"],
        &["j = '{\"a\": -1}' WHERE id = 3"],
    ),
    hidden("citext", &["cx = 'Ab' WHERE id = 3"], &["cx = 'AB' WHERE id = 3"]),
    hidden("arrays", &["ia = '{1,NULL}' WHERE id = 3"], &["ia = '{1}' WHERE id = 3"]),
    hidden("signs_in_arrays", &["na = '{1}' WHERE id = 3"], &["na = '{-1}' WHERE id = 3"]),
    hidden("enums", &["m = 'sad' WHERE id = 3"], &["m = 'gay' WHERE id = 3"]),
    hidden("domains", &["d = 5 WHERE id = 3"], &["d = -5 WHERE id = 3"]),
    hidden("points", &["p = '(1,2)' WHERE id = 3"], &["p = '(2,1)' WHERE id = 3"]),
    hidden("money", &["mo = 1 WHERE id = 3"], &["mo = 42949672.96 WHERE id = 3"]),
];

const ON_SQLITE: &[Hidden] = &[
    hidden("last_digits", &["f = 0.1 WHERE id = 3"], &["f = 0.10000000000000002 WHERE id = 3"]),
    hidden(
        "after_a_nul",
        &["a = 'x' || char(0) || 'y' WHERE id = 3"],
        &["a = 'x' || char(0) || 'z' WHERE id = 3"],
    ),
    hidden("classes", &["v = 5 WHERE id = 3"], &["v = '5' WHERE id = 3"]),
    hidden("bytes_or_text", &["v = x'61' WHERE id = 3"], &["v = 'a' WHERE id = 3"]),
    hidden("broken_text", &["v = x'ff' WHERE id = 3"], &["v = x'fe' WHERE id = 3"]),
    hidden("spelled_real", &["v = 1.5 WHERE id = 3"], &["v = '1.5' WHERE id = 3"]),
];

/// 60 rows of every kind of column, then a case's edits of one side.
fn script(on: Engine, cases: &[&Hidden], edits: fn(&Hidden) -> &'static [&'static str]) -> String {
    let mut script = match on {
        Engine::Postgres => "CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions;
            CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            CREATE TYPE mood AS ENUM ('sad', 'gay'); CREATE DOMAIN amount AS numeric;"
            .to_owned(),
        _ => String::new(),
    };
    for case in cases {
        let name = case.name;
        script.push_str(&match on {
            Engine::Postgres => format!(
                "CREATE TABLE {name} (id bigint PRIMARY KEY, a text, b varchar(40), x bigint, y bigint,
                 n numeric, f double precision, g double precision, flag boolean, t timestamp, raw bytea,
                 ci text COLLATE nocase, iv interval, j jsonb, cx extensions.citext, ia integer[],
                 na numeric[], m mood, d amount, p point, mo money, u uuid);
                 INSERT INTO {name} SELECT i, 'a' || i, 'b' || i, i, -i, i, i, i, i % 2 = 0, timestamp '2024-01-01',
                 'x', 'c', '1 day', '[]', 'c', '{{1}}', '{{1}}', 'sad', 1, '(1,1)', 1, md5(i::text)::uuid
                 FROM generate_series(1, 60) AS i;"
            ),
            Engine::Sqlite => format!(
                "CREATE TABLE {name} (id INTEGER PRIMARY KEY, a text, b varchar(40), x bigint, y bigint,
                 n numeric, f double, g double, flag boolean, t text, raw text, ci text COLLATE NOCASE, v);
                 INSERT INTO {name} SELECT i, 'a' || i, 'b' || i, i, -i, i, i, i, i % 2, '2024-01-01', 'x',
                 'c', 'v' FROM {};",
                counted(60)
            ),
            _ => format!(
                "CREATE TABLE {name} (id bigint PRIMARY KEY, a text, b varchar(40), x bigint, y bigint,
                 n decimal(20,4), f double, g double, flag tinyint(1), t datetime(6), raw varbinary(20),
                 ci varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, e enum('u', 'v'), u uuid);
                 INSERT INTO {name} SELECT seq, CONCAT('a', seq), CONCAT('b', seq), seq, -seq, seq, seq, seq,
                 seq % 2 = 0, '2024-01-01', 'x', 'c', 'u', NULL FROM seq_1_to_60;"
            ),
        });
        for edit in edits(case) {
            script.push_str(&format!("UPDATE {name} SET {edit};"));
        }
    }
    script
}

async fn nothing_hides(on: Engine) {
    let special: &[Hidden] = match on {
        Engine::Postgres => ON_POSTGRES,
        Engine::Sqlite => ON_SQLITE,
        Engine::Mariadb => &[],
    };
    let cases: Vec<&Hidden> = EVERYWHERE.iter().chain(special).collect();
    let source = script(on, &cases, |case| case.source);
    let target = script(on, &cases, |case| case.target);
    let Some(shops) = Shops::make(on, &source, &target).await else { return };
    let records: Vec<Json> = cases.iter().map(|case| json!({"table": case.name})).collect();
    let (model, found) = shops.same_by_checksums(&json!(records)).await;
    for case in cases {
        let node = model.nodes.iter().position(|node| node.table == case.name).unwrap();
        let differs = !found.source[&node].is_empty() || !found.target[&node].is_empty();
        assert_eq!(differs, case.differs, "{}", case.name);
    }
    shops.remove().await;
}

#[tokio::test]
async fn nothing_hides_from_checksums_on_sqlite() {
    nothing_hides(Engine::Sqlite).await;
}

#[tokio::test]
async fn nothing_hides_from_checksums_on_postgres() {
    nothing_hides(Engine::Postgres).await;
}

#[tokio::test]
async fn nothing_hides_from_checksums_on_mariadb() {
    nothing_hides(Engine::Mariadb).await;
}

/// Tables with a key of every kind, and what a key looks like there.
const KEYED: [(&str, &str, &str); 7] = [
    ("dense", "k bigint", "k"),
    ("gappy", "k bigint", "k"),
    ("words", "k varchar(40)", "k"),
    ("nocase", "k varchar(40) COLLATE NOCASE", "k"),
    ("uuids", "k uuid", "k"),
    ("pairs", "k varchar(20), l integer", "k, l"),
    ("times", "k timestamp(6), l smallint", "k, l"),
];

fn key(random: &mut Random, table: &str) -> String {
    let number = random.below(400);
    let word = ["a", "B", "b", "ä", "Z", "z z", "1", "10", "é"][number % 9];
    match table {
        "dense" => number.to_string(),
        "gappy" => (number as i64 * 98_765_432_109 - 9_876_543_210_900).to_string(),
        // Of 400 words, none is another in capitals.
        "words" | "nocase" => format!("'{word}{number}'"),
        "uuids" => {
            format!("'{:08x}-0000-4000-8000-{:012x}'", number * 7_919_113 % 0xffff_ffff, number)
        }
        "pairs" => format!("'{word}', {}", number / 9),
        _ => {
            format!("'2024-01-{:02} 10:00:00.{:06}', {}", number % 28 + 1, number * 17, number % 3)
        }
    }
}

fn cell(random: &mut Random) -> &'static str {
    let texts = ["NULL", "'NULL'", "''", "'a'", "'A'", "'a '", "'ab'", "'c'", "'1:a'", "'N'"];
    texts[random.below(texts.len())]
}

/// The same random rows on both sides but for edits of some of the second's.
fn random_rows(on: Engine, random: &mut Random) -> [String; 2] {
    let mut scripts = [String::new(), String::new()];
    let nocase = match on {
        Engine::Postgres => "",
        Engine::Sqlite => "COLLATE NOCASE",
        Engine::Mariadb => "COLLATE utf8mb4_general_ci",
    };
    for (name, columns, key_columns) in KEYED {
        let columns = columns.replace("COLLATE NOCASE", nocase);
        let create = format!(
            "CREATE TABLE {name} ({columns}, a varchar(20), b varchar(20), x integer, PRIMARY KEY ({key_columns}));"
        );
        scripts.iter_mut().for_each(|script| script.push_str(&create));
        let (mut rows, edited) = (BTreeMap::new(), random.below(12));
        for _ in 0..random.below(150) {
            rows.insert(
                key(random, name),
                [cell(random), cell(random), *random.pick(&["1", "2", "NULL"])],
            );
        }
        let mut other = rows.clone();
        for _ in 0..edited {
            let known: Vec<String> = other.keys().cloned().collect();
            match random.below(4) {
                0 => drop(other.insert(key(random, name), [cell(random), "'new'", "3"])),
                _ if known.is_empty() => {}
                1 => drop(other.remove(random.pick(&known))),
                2 => other.get_mut(random.pick(&known)).unwrap().swap(0, 1),
                _ => {
                    let (one, two) = (random.pick(&known).clone(), random.pick(&known).clone());
                    let (ours, theirs) = (other[&one][0], other[&two][0]);
                    other.get_mut(&one).unwrap()[0] = theirs;
                    other.get_mut(&two).unwrap()[0] = ours;
                }
            }
        }
        for (script, rows) in scripts.iter_mut().zip([rows, other]) {
            for (key, cells) in rows {
                let cells = cells.join(", ");
                script.push_str(&format!("INSERT INTO {name} VALUES ({key}, {cells});"));
            }
        }
    }
    scripts
}

async fn random_edits_are_found(on: Engine) {
    let rounds = if std::env::var_os("RECONCILE_TEST_FULL").is_some() { 40 } else { 4 };
    let mut found = 0;
    for seed in 0..rounds {
        let [source, target] = random_rows(on, &mut Random::new(seed));
        let Some(shops) = Shops::make(on, &source, &target).await else { return };
        let records: Vec<Json> = KEYED.iter().map(|(name, ..)| json!({"table": name})).collect();
        let (_, candidates) = shops.same_by_checksums(&json!(records)).await;
        found += candidates.source.values().map(|keys| keys.len()).sum::<usize>();
        shops.remove().await;
    }
    assert!(found > 20, "only {found} rows differed");
}

#[tokio::test]
async fn random_edits_are_found_by_checksums_on_sqlite() {
    random_edits_are_found(Engine::Sqlite).await;
}

#[tokio::test]
async fn random_edits_are_found_by_checksums_on_postgres() {
    random_edits_are_found(Engine::Postgres).await;
}

#[tokio::test]
async fn random_edits_are_found_by_checksums_on_mariadb() {
    random_edits_are_found(Engine::Mariadb).await;
}

/// Categories, products that refer to them and their texts; `moved` categories got another slug.
fn shop(on: Engine, products: usize) -> String {
    let (series, i, concat) = match on {
        Engine::Postgres => ("generate_series(1, #) AS s(i)".to_owned(), "i", "'x' || i"),
        Engine::Sqlite => (counted(0).replace("< 0", "< #"), "i", "'x' || i"),
        Engine::Mariadb => {
            ("(SELECT seq AS i FROM seq_1_to_#) AS s".to_owned(), "i", "CONCAT('x', i)")
        }
    };
    let of = |count: usize| series.replace('#', &count.to_string());
    format!(
        "CREATE TABLE category (id integer PRIMARY KEY, slug varchar(40) NOT NULL UNIQUE);
         INSERT INTO category SELECT {i}, {concat} FROM {categories};
         CREATE TABLE product (id integer PRIMARY KEY, sku varchar(40) NOT NULL UNIQUE, stock integer,
             category_id integer REFERENCES category (id), FOREIGN KEY (category_id) REFERENCES category (id));
         INSERT INTO product SELECT {i}, {concat}, 0, {i} % 50 + 1 FROM {products};
         CREATE TABLE product_text (product_id integer NOT NULL, locale varchar(5) NOT NULL, body varchar(40),
             PRIMARY KEY (product_id, locale), FOREIGN KEY (product_id) REFERENCES product (id));
         INSERT INTO product_text SELECT {i}, 'de', {concat} FROM {products};",
        categories = of(50),
        products = of(products),
    )
}

fn shop_records() -> Json {
    json!([
        {"table": "category", "identity": ["slug"]},
        {"table": "product", "identity": ["sku"], "keep": {"stock": "default"},
         "owns": [{"table": "product_text", "identity": ["locale"]}]},
    ])
}

async fn owners_and_references_are_followed(on: Engine) {
    let source = format!(
        "{} UPDATE category SET slug = 'moved' WHERE id = 7; UPDATE product SET stock = 5;
         UPDATE product_text SET body = 'other' WHERE product_id = 333;",
        shop(on, 400)
    );
    let Some(shops) = Shops::make(on, &source, &shop(on, 400)).await else { return };
    let (model, found) = shops.same_by_checksums(&shop_records()).await;
    let product = model.nodes.iter().position(|node| node.table == "product").unwrap();
    // Eight products refer to the category; the owner of a text that differs is a ninth.
    assert_eq!(found.source[&product].len(), 9);
    assert!(found.source[&product].contains(&vec![Value::Integer(333)]));
    shops.remove().await;
}

#[tokio::test]
async fn owners_and_references_are_followed_on_sqlite() {
    owners_and_references_are_followed(Engine::Sqlite).await;
}

#[tokio::test]
async fn owners_and_references_are_followed_on_postgres() {
    owners_and_references_are_followed(Engine::Postgres).await;
}

#[tokio::test]
async fn owners_and_references_are_followed_on_mariadb() {
    owners_and_references_are_followed(Engine::Mariadb).await;
}

async fn columns_of_one_side_are_looked_at(on: Engine) {
    let table = |extra: &str| {
        format!("CREATE TABLE page (id integer PRIMARY KEY, slug varchar(20){extra});")
    };
    let source = format!(
        "{} INSERT INTO page (id, slug) VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e');
         UPDATE page SET layout = 'wide' WHERE id = 2; UPDATE page SET note = 'n' WHERE id = 3;
         UPDATE page SET layout = NULL WHERE id = 4; UPDATE page SET layout = 'PLAIN' WHERE id = 5",
        table(", layout varchar(20) DEFAULT 'plain', note varchar(20)")
    );
    let target = format!(
        "{} INSERT INTO page (id, slug) VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')",
        table(", old_note varchar(20) DEFAULT 'x'")
    );
    let Some(shops) = Shops::make(on, &source, &target).await else { return };
    let (_, found) = shops.same_by_checksums(&json!([{"table": "page"}])).await;
    let keys = |ids: &[i64]| ids.iter().map(|id| vec![Value::Integer(*id)]).collect();
    assert_eq!(found.source[&0], keys(&[2, 3, 5]));
    shops.remove().await;
}

#[tokio::test]
async fn columns_of_one_side_are_looked_at_on_sqlite() {
    columns_of_one_side_are_looked_at(Engine::Sqlite).await;
}

#[tokio::test]
async fn columns_of_one_side_are_looked_at_on_postgres() {
    columns_of_one_side_are_looked_at(Engine::Postgres).await;
}

#[tokio::test]
async fn columns_of_one_side_are_looked_at_on_mariadb() {
    columns_of_one_side_are_looked_at(Engine::Mariadb).await;
}

async fn equal_rows_are_left_unread(on: Engine) {
    let target = format!(
        "{} UPDATE product SET sku = 'other' WHERE id = 9999; DELETE FROM product_text WHERE product_id = 5",
        shop(on, 20_000)
    );
    let Some(shops) = Shops::make(on, &shop(on, 20_000), &target).await else { return };
    let records = shop_records();
    let (_, streamed) = shops.scan(&records, Reading::Streams).await;
    let (_, found) = shops.scan(&records, Reading::Checksums(Sizes::default())).await;
    assert_eq!((found.source, found.target), (streamed.source, streamed.target));
    assert_eq!(streamed.read, 80_099);
    assert!(found.read > 2 && found.read < 1_000, "{} rows were read", found.read);
    shops.remove().await;
}

#[tokio::test]
async fn equal_rows_are_left_unread_on_sqlite() {
    equal_rows_are_left_unread(Engine::Sqlite).await;
}

#[tokio::test]
async fn equal_rows_are_left_unread_on_postgres() {
    equal_rows_are_left_unread(Engine::Postgres).await;
}

#[tokio::test]
async fn equal_rows_are_left_unread_on_mariadb() {
    equal_rows_are_left_unread(Engine::Mariadb).await;
}

/// An index under one side's collation leads to no row by the other's.
#[tokio::test]
async fn keys_of_different_collations_are_compared_as_well() {
    let table = |key: &str| {
        format!(
            "CREATE TABLE product (id integer PRIMARY KEY, code text NOT NULL{key}, name text);
             INSERT INTO product SELECT i, 'c' || i, 'n' FROM {};",
            counted(300)
        )
    };
    let edits = "UPDATE product SET name = 'N' WHERE id = 7; DELETE FROM product WHERE id = 8;
        INSERT INTO product VALUES (900, 'c900', 'n'); UPDATE product SET code = 'C9' WHERE id = 9;";
    let (plain, nocase) = (" UNIQUE", " COLLATE NOCASE UNIQUE");
    for (ours, theirs) in [(plain, plain), (plain, nocase), (nocase, plain), (nocase, nocase)] {
        let (source, target) = (table(ours), table(theirs) + edits);
        let shops = Shops::make(Engine::Sqlite, &source, &target).await.unwrap();
        let (_, found) =
            shops.same_by_checksums(&json!([{"table": "product", "key": ["code"]}])).await;
        let found: Vec<_> = found.source[&0].union(&found.target[&0]).collect();
        assert_eq!(found.len(), 5, "{ours}, {theirs}: {found:?}");
        shops.remove().await;
    }
}

#[tokio::test]
async fn files_are_compared_as_they_were_when_the_sessions_began() {
    let script = format!("PRAGMA journal_mode = WAL; {}", shop(Engine::Sqlite, 50));
    let shops = Shops::make(Engine::Sqlite, &script, &script).await.unwrap();
    let (mut source, mut target) = (shops.source.open().await, shops.target.open().await);
    let mut both = begin_both(&mut source, &mut target).await.unwrap().unwrap();
    shops.source.run("UPDATE product SET sku = 'later' WHERE id = 3").await;
    shops
        .target
        .run("DELETE FROM product_text WHERE product_id = 4; DELETE FROM product WHERE id = 4")
        .await;
    let catalog = source.catalog().await.unwrap();
    let (product, filter) = (catalog.table("product").unwrap(), BTreeMap::new());
    let (key, columns) = (["id".to_owned()], ["sku".to_owned()]);
    let tables = [product, product];
    let twins = Twins { tables, key: &key, columns: &columns, filter: &filter, unlike: &[] };
    assert_eq!(both.unequal(&twins).await.unwrap(), Some(Vec::new()));
    both.close().await.unwrap();
    source.rollback().await.unwrap();
    target.rollback().await.unwrap();
    let mut both = begin_both(&mut source, &mut target).await.unwrap().unwrap();
    let of = |id| vec![Value::Integer(id)];
    let unequal = vec![(of(3), [true, true]), (of(4), [true, false])];
    assert_eq!(both.unequal(&twins).await.unwrap(), Some(unequal));
    assert_eq!(both.only_on_target(&twins).await.unwrap(), Some(Vec::new()));
    both.close().await.unwrap();
    shops.remove().await;
}
