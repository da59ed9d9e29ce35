//! YAML for people and programs: the same value always gives the same text.
//!
//! Answers for block style in the order of the keys given, and for texts never being read as
//! something else. Manifests are written elsewhere, by splicing.

use serde_json::Value as Json;

use crate::manifest::quote::{key, quoted};

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
                indent(out, depth);
                out.push_str(&key(name));
                out.push(':');
                nested(out, value, depth);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| element(out, item, depth)),
        scalar => line(out, "", &flow(scalar)),
    }
}

fn indent(out: &mut String, depth: usize) {
    (0..depth).for_each(|_| out.push_str("  "));
}

fn line(out: &mut String, before: &str, text: &str) {
    out.push_str(before);
    out.push_str(text);
    out.push('\n');
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
        other => line(out, " ", &flow(other)),
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
        other => {
            indent(out, depth);
            line(out, "- ", &flow(other));
        }
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
    match text.bytes().all(|byte| byte != b'.') {
        true => key(text),
        false => quoted(text),
    }
}
