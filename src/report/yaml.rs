//! YAML for people and programs: the same value always gives the same text.
//!
//! Answers for block style in the order of the keys given, and for texts never being read as
//! something else. Manifests are written elsewhere, by splicing.

use serde_json::Value as Json;

use crate::manifest::quote::{key, quoted};
use crate::put::put;

/// One document.
pub fn yaml(value: &Json) -> String {
    let mut out = String::new();
    block(&mut out, value, 0);
    out
}

fn block(out: &mut String, value: &Json, depth: usize) {
    match value {
        Json::Object(map) => {
            for (name, value) in map {
                put!(out, "{:indent$}{}:", "", key(name), indent = depth * 2);
                nested(out, value, depth);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| element(out, item, depth)),
        scalar => put!(out, "{}\n", flow(scalar)),
    }
}

/// What follows a key.
fn nested(out: &mut String, value: &Json, depth: usize) {
    match value {
        Json::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(out, value, depth + 1);
        }
        Json::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(out, value, depth + 1);
        }
        other => put!(out, " {}\n", flow(other)),
    }
}

/// An element of a list: its first key stands behind the dash.
fn element(out: &mut String, value: &Json, depth: usize) {
    let start = out.len();
    match value {
        Json::Object(map) if !map.is_empty() => {
            block(out, value, depth + 1);
            out.replace_range(start + depth * 2..start + depth * 2 + 2, "- ");
        }
        other => put!(out, "{:indent$}- {}\n", "", flow(other), indent = depth * 2),
    }
}

fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => scalar(text),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(name, value)| format!("{}: {}", key(name), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// Words stay plain; whatever could be read as something else is quoted.
fn scalar(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_-/".contains(c);
    match text.chars().all(is_word) {
        true => key(text),
        false => quoted(text),
    }
}
