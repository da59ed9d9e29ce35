//! Documents: the JSON of one entity for one store and locale.
//!
//! Answers for the same rows always giving the same text: keys in the order of the manifest, rows in the
//! order of their primary key. Pure.

use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::load::{Entity, Node};
use super::model::{Child, Model, Shape};
use crate::database::Value;
use crate::put::{put, put_json};

/// Whose document it is.
#[derive(Debug, Clone, Copy)]
pub struct For<'a> {
    pub store: Option<&'a str>,
    pub locale: Option<&'a str>,
}

/// The document as JSON text.
pub fn document(model: &Model, entity: &Entity, whom: For<'_>) -> String {
    let mut out = String::with_capacity(256);
    object(&mut out, (&model.columns, &model.shown), &model.children, &entity.node, whom);
    out
}

fn object(
    out: &mut String,
    (columns, shown): (&[String], &[usize]),
    children: &[Child],
    node: &Node,
    whom: For<'_>,
) {
    out.push('{');
    let mut is_first = true;
    let mut name = |out: &mut String, name: &str| {
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        put_json(out, name);
        out.push(':');
    };
    for place in shown {
        name(out, &columns[*place]);
        value(out, &node.row[*place]);
    }
    for (child, nodes) in children.iter().zip(&node.children) {
        name(out, &child.name);
        let of = |place: Option<usize>, wanted: Option<&str>, node: &Node| match (place, wanted) {
            (Some(place), Some(wanted)) => node.row[place].display() == wanted,
            _ => true,
        };
        let mut nodes = nodes.iter().filter(|node| {
            of(child.locale, whom.locale, node) && of(child.store, whom.store, node)
        });
        let columns = (child.columns.as_slice(), child.shown.as_slice());
        match child.shape {
            Shape::One => match nodes.next() {
                Some(node) => object(out, columns, &child.children, node, whom),
                None => out.push_str("null"),
            },
            Shape::List => {
                out.push('[');
                for (at, node) in nodes.enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    object(out, columns, &child.children, node, whom);
                }
                out.push(']');
            }
        }
    }
    out.push('}');
}

/// A value as JSON: numbers as numbers with all their digits, JSON as it is.
pub fn value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Integer(number) => put!(out, "{number}"),
        Value::Text(text) | Value::Other(text) => put_json(out, text),
        Value::Json(text) if serde_json::from_str::<&RawValue>(text).is_ok() => {
            out.push_str(text.trim());
        }
        other => out.push_str(&other.to_json().to_string()),
    }
}

/// What is indexed: each field's value by its path. A path through lists gives a list.
pub fn indexed(document: &str, fields: &[(String, Vec<String>)]) -> String {
    let document: Json = serde_json::from_str(document).unwrap_or_default();
    let mut map = serde_json::Map::new();
    for (field, path) in fields {
        map.insert(field.clone(), at(&document, path));
    }
    Json::Object(map).to_string()
}

fn at(json: &Json, path: &[String]) -> Json {
    let Some((first, rest)) = path.split_first() else { return json.clone() };
    match json {
        Json::Object(map) => map.get(first).map_or(Json::Null, |inner| at(inner, rest)),
        Json::Array(list) => {
            let found = list.iter().map(|item| at(item, path)).filter(|it| !it.is_null());
            Json::Array(found.collect())
        }
        _ => Json::Null,
    }
}
