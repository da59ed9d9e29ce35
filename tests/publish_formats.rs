//! Keys, rows, messages and index names are those of the original program, case by case of
//! `publish/formats.json`. `publish/formats.py` works out the same by itself: what both agree on isn't
//! one program's opinion.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use reconcile::catalog::{Kind, Table};
use reconcile::database::Value;
use reconcile::publish::load::{Entity, Node};
use reconcile::publish::message::{Message, parse};
use reconcile::publish::model::{Mapping, Model, Outlet, OutletKind, Parts};
use reconcile::publish::{key, rows};
use serde_json::{Value as Json, json};

use crate::places::say_skipped;

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/publish").join(name)
}

/// What goes in, and what comes out.
fn cases(kind: &str) -> Vec<(Json, Json)> {
    let text = std::fs::read_to_string(file("formats.json")).unwrap();
    let all: BTreeMap<String, Vec<Json>> = serde_json::from_str(&text).unwrap();
    assert!(all.values().map(Vec::len).sum::<usize>() >= 40);
    all[kind].iter().map(|case| (case["of"].clone(), case["is"].clone())).collect()
}

fn each(kind: &str, work: impl Fn(&Json) -> Json) {
    for (of, is) in cases(kind) {
        assert_eq!(work(&of), is, "{of:#}");
    }
}

#[test]
fn keys() {
    each("keys", |of| {
        let [store, locale, reference] = ["store", "locale", "reference"].map(|it| of[it].as_str());
        let key = key::key(of["resource"].as_str().unwrap(), store, locale, reference);
        json!({"storage": format!("{}{key}", key::STORAGE_PREFIX), "search": key})
    });
}

#[test]
fn index_names() {
    each("indexes", |of| {
        let [prefix, store, kind] = ["prefix", "store", "type"].map(|it| of[it].as_str());
        json!({"index": key::index(prefix, store, kind.unwrap())})
    });
}

#[test]
fn messages_that_are_sent() {
    each("messages", |of| {
        let text = |name: &str| of[name].as_str().map(str::to_owned);
        let message = Message {
            key: text("key").unwrap(),
            resource: text("resource").unwrap(),
            store: text("store"),
            kind: text("type"),
            version: of["version"].as_i64(),
            value: text("value"),
            owner: None,
        };
        json!({"body": message.body()})
    });
}

#[test]
fn messages_of_other_programs() {
    for (of, is) in cases("reads") {
        let mut parts = parse(of["body"].as_str().unwrap());
        let message = parts.remove(0).message.unwrap_or_else(|error| panic!("{error}: {of:#}"));
        let Message { key, store, kind, version, value, .. } = message;
        let found = json!({"key": key, "store": store, "type": kind, "version": version});
        let mut wanted = is.clone();
        let wanted_value = wanted.as_object_mut().unwrap().shift_remove("value").unwrap();
        assert_eq!(found, wanted, "{of:#}");
        let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        assert_eq!(value.as_deref().map(json), wanted_value.as_str().map(json), "{of:#}");
    }
}

fn cell(column: &Json) -> Value {
    let text = || column["text"].as_str().unwrap();
    match column["kind"].as_str().unwrap() {
        "integer" => Value::Integer(text().parse().unwrap()),
        "decimal" => Value::Decimal(text().into()),
        "json" => Value::Json(text().into()),
        "text" => Value::Text(text().into()),
        "null" => Value::Null,
        other => Value::Boolean(other == "true"),
    }
}

/// A resource of one table, as far as its rows depend on it.
fn model(of: &Json, columns: &[String]) -> Model {
    let place = |name: &str| columns.iter().position(|column| column == name).unwrap();
    let mapping = |text: &Json| {
        let (source, destination) = text.as_str().unwrap().split_once(':').unwrap();
        let name = source.to_owned();
        Mapping { name, source: place(source), destination: place(destination) }
    };
    let table = Table::plain("x", &[("id", Kind::Integer)], &["id"]);
    let outlet = Outlet {
        kind: OutletKind::Storage,
        published: "x".into(),
        table: table.clone(),
        is_missing: false,
        number: None,
        fk: "fk_x".into(),
        queue: "sync.storage.x".into(),
        resource: of["resource"].as_str().unwrap().to_owned(),
        suffix: of["suffix"].as_str().map(place),
        mappings: of["mappings"].as_array().unwrap().iter().map(mapping).collect(),
    };
    Model {
        name: "x".into(),
        entity: table,
        id: "id".into(),
        active: None,
        rows: BTreeMap::new(),
        columns: columns.to_vec(),
        shown: of["shown"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| place(it.as_str().unwrap()))
            .collect(),
        stores: Parts::None,
        locales: Parts::None,
        children: Vec::new(),
        outlets: vec![outlet],
    }
}

#[test]
fn rows_of_entities() {
    each("rows", |of| {
        let columns = of["columns"].as_array().unwrap();
        let names: Vec<String> =
            columns.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect();
        let row: Vec<Value> = columns.iter().map(cell).collect();
        let part = |name: &str| vec![of[name].as_str().map(str::to_owned)];
        let entity = Entity {
            id: row[0].clone(),
            node: Node { row, children: Vec::new() },
            stores: part("store"),
            locales: part("locale"),
        };
        let model = model(of, &names);
        let mut faults = Vec::new();
        let made = rows::wanted(&model, &model.outlets[0], &[entity], &mut faults);
        assert_eq!((made.len(), &faults[..]), (1, &[][..]));
        let (_, rows::Wanted { key, store, locale, data, aliases, .. }) =
            made.into_iter().next().unwrap();
        let aliases = rows::alias_text(&aliases);
        json!({"key": key, "store": store, "locale": locale, "data": data, "alias_keys": aliases})
    });
}

#[test]
fn another_program_works_out_the_same() {
    let mut command = Command::new("python3");
    match command.arg(file("formats.py")).arg(file("formats.json")).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}{errors}");
            assert!(said.ends_with("0 wrong\n") && !said.starts_with('0'), "{said}");
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            say_skipped("the formats' check by another program; there is no python3");
        }
        Err(error) => panic!("{error}"),
    }
}
