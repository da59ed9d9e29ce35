//! Fingerprints of records and the pins made of them.
//!
//! Answers for what a reviewer's approval covers: canonical content, references as identities,
//! without ignored and kept columns and surrogate keys. Keyed, so that values can't be guessed from
//! a pin once the operator gives a key.

use super::draft::{Draft, Link, Links};
use super::files::{Brought, covered};
use super::model::{Model, Node, Presence, Role};
use super::record::Record;
use super::shown_key;
use super::spots::{At, Position, feed_inside};
use crate::manifest::sync_job::Direction;
use crate::plan::change::{Class, ConflictKind};
use crate::put::put;

/// The key of all fingerprints of one installation.
#[derive(Clone)]
pub struct PinKey([u8; 32]);

impl PinKey {
    /// From the operator's `pinKey`, or a fixed one where no column is redacted.
    pub fn new(secret: Option<&str>) -> Self {
        Self(blake3::derive_key("reconcile pins v1", secret.unwrap_or_default().as_bytes()))
    }

    /// The 16 hex digits of a pin over something that is no record.
    pub fn pin(&self, covered: &str) -> String {
        let hash = blake3::keyed_hash(&self.0, covered.as_bytes());
        hex(&hash.as_bytes()[..8])
    }
}

type Fingerprint = [u8; 16];

/// Which owned rows count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    InFilter,
    /// A deletion takes all of them along.
    All,
}

/// The fingerprint of one row and all below it, as they stand on the side they were read from.
fn row(
    key: &PinKey,
    model: &Model,
    (record, counted): (&Record, Rows),
    links: &Links,
    at: usize,
) -> Fingerprint {
    let values = &record.rows[at].values;
    let node = &model.nodes[record.rows[at].node];
    let mut hasher = blake3::Hasher::new_keyed(&key.0);
    text(&mut hasher, &node.table);
    for column in node.columns.iter().enumerate().filter_map(|(index, column)| {
        let content = column.role == Role::Content && column.on == Presence::Both;
        content.then_some(index)
    }) {
        text(&mut hasher, &node.columns[column].name);
        let inside = referred_inside(node, links, at, column);
        if let Some(hash) = referred(node, links, at, column) {
            hasher.update(b"reference");
            hasher.update(&hash);
        } else if inside.is_empty() {
            values[column].feed(&mut hasher);
        } else {
            feed_inside(&mut hasher, &values[column], &inside);
        }
    }
    for child in &node.owns {
        let mut below: Vec<Fingerprint> = (0..record.rows.len())
            .filter(|index| {
                let row = &record.rows[*index];
                // What the application makes again may differ at any time.
                let counts = row.in_filter || counted == Rows::All && !model.nodes[*child].derived;
                row.node == *child && row.parent == Some(at) && counts
            })
            .map(|index| row(key, model, (record, counted), links, index))
            .collect();
        below.sort_unstable();
        hasher.update(&(below.len() as u64).to_le_bytes());
        for hash in below {
            hasher.update(&hash);
        }
    }
    short(&hasher)
}

/// The identity of the row that a column's reference points to.
fn referred(node: &Node, links: &Links, row: usize, column: usize) -> Option<[u8; 16]> {
    let references = node.references.iter().enumerate();
    let mut holding = references.filter(|(_, reference)| reference.holds(column));
    holding.find_map(|(index, _)| match links.whole(row, index) {
        Some(Link::Row { name, .. }) => Some(name.hash),
        _ => None,
    })
}

/// The IDs inside a column's value, with the identities of the rows behind them.
fn referred_inside(
    node: &Node,
    links: &Links,
    row: usize,
    column: usize,
) -> Vec<(Position, [u8; 16])> {
    let references = node.references.iter().enumerate();
    let inside = references.filter(|(_, it)| !it.within.is_whole() && it.columns == [column]);
    inside
        .flat_map(|(index, _)| links.of(row, index))
        .filter_map(|linked| match (&linked.at, &linked.link) {
            (At::Inside(position), Link::Row { name, .. }) => {
                Some((position.as_ref().clone(), name.hash))
            }
            _ => None,
        })
        .collect()
}

/// What a pin covers besides the draft itself.
pub struct Pinned {
    pub direction: Direction,
    pub class: Class,
    pub kind: Option<ConflictKind>,
}

/// The pin of a draft: 16 lower-case hex digits.
pub fn pin(key: &PinKey, model: &Model, draft: &Draft, pinned: &Pinned) -> String {
    let node = &model.nodes[draft.root];
    let mut hasher = blake3::Hasher::new_keyed(&key.0);
    let Pinned { direction, class, kind } = pinned;
    for part in [
        serde_json::to_string(direction),
        serde_json::to_string(class),
        serde_json::to_string(kind),
    ] {
        text(&mut hasher, &part.unwrap_or_default());
    }
    text(&mut hasher, &node.table);
    text(&mut hasher, &shown_key(&draft.id));
    hasher.update(&node.shape);
    for (record, links) in [
        (&draft.source, &draft.links),
        (&draft.current, &draft.current_links),
        (&draft.in_the_way, &Links::default()),
    ] {
        match record {
            None => text(&mut hasher, "absent"),
            Some(record) => {
                let counted = if draft.source.is_none() { Rows::All } else { Rows::InFilter };
                text(&mut hasher, &shown_key(&record.key(model)));
                hasher.update(&row(key, model, (record, counted), links, 0));
            }
        }
    }
    for Brought { path, from, to } in covered(model, draft) {
        text(&mut hasher, path.as_str());
        for content in [from, Some(to)] {
            let said = content.map(|it| format!("{} {}", it.size, it.blake3));
            text(&mut hasher, said.as_deref().unwrap_or("absent"));
        }
    }
    hex(&short(&hasher)[..8])
}

fn text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

fn short(hasher: &blake3::Hasher) -> Fingerprint {
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        put!(digits, "{byte:02x}");
        digits
    })
}
