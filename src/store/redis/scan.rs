//! Listing keys: which node of a cluster comes next, and from where.
//!
//! Answers for a listing over several pages beginning again, by an error, when the cluster changed in
//! between: what went over to another node might be missed.

use ::redis::Value;
use ::redis::cluster_routing::Slot;

use super::link::text;

/// The primaries of a cluster, each by one of its slots; a single server as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nodes {
    slots: Vec<Slot>,
    /// Of which slots lie where; empty for a single server.
    mark: String,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    mark: String,
    node: usize,
    pub cursor: String,
}

impl Nodes {
    pub fn single() -> Self {
        Self { slots: vec![Slot::for_key("")], mark: String::new() }
    }

    /// Out of the answer to `CLUSTER SLOTS`.
    pub fn read(answer: Value) -> Option<Self> {
        let Value::Array(ranges) = answer else { return None };
        let mut known: Vec<(String, Slot)> = Vec::new();
        let mut lie = Vec::new();
        for range in ranges {
            let Value::Array(range) = range else { return None };
            let mut parts = range.into_iter();
            let (Value::Int(first), Value::Int(last)) = (parts.next()?, parts.next()?) else {
                return None;
            };
            let Value::Array(node) = parts.next()? else { return None };
            let id = text(node.into_iter().nth(2)?);
            lie.push(format!("{first}-{last} {id}"));
            if !known.iter().any(|(it, _)| *it == id) {
                known.push((id, Slot::new(u16::try_from(first).ok()?)?));
            }
        }
        known.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        lie.sort_unstable();
        let mark = blake3::hash(lie.join("\n").as_bytes()).to_hex()[..12].to_owned();
        Some(Self { slots: known.into_iter().map(|(_, slot)| slot).collect(), mark })
    }

    /// Where a page begins, in words of [`From::words`]; `None` when the nodes aren't those of the page before.
    pub fn from(&self, words: Option<&str>) -> Option<From> {
        let Some(words) = words else {
            return Some(From { mark: self.mark.clone(), node: 0, cursor: "0".into() });
        };
        let mut parts = words.split(':');
        let (mark, node, cursor) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let is_same = mark == self.mark && node < self.slots.len();
        is_same.then(|| From { mark: mark.into(), node, cursor: cursor.into() })
    }

    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub fn slot(&self, from: &From) -> Slot {
        self.slots[from.node]
    }

    /// What follows, where the server's answer ends with this cursor; none after the last node.
    pub fn next(&self, from: From, cursor: String) -> Option<From> {
        if cursor != "0" {
            return Some(From { cursor, ..from });
        }
        let node = from.node + 1;
        (node < self.slots.len()).then_some(From { node, cursor, ..from })
    }
}

impl From {
    pub fn words(&self) -> String {
        format!("{}:{}:{}", self.mark, self.node, self.cursor)
    }
}

/// A pattern that keys match that begin so.
pub fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for c in prefix.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('*');
    pattern
}

/// The cursor and the keys of an answer to `SCAN`. A key that isn't UTF-8 is none of ours.
pub fn answer(answer: Value) -> Option<(String, Vec<String>)> {
    let Value::Array(parts) = answer else { return None };
    let mut parts = parts.into_iter();
    let (cursor, Value::Array(keys)) = (text(parts.next()?), parts.next()?) else { return None };
    let key = |value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        _ => None,
    };
    Some((cursor, keys.into_iter().filter_map(key).collect()))
}
