//! What rows are called: their identity, a reference in it as the name of the row it points to.
//!
//! Answers for names being equal on both sides exactly where the identities are, and for what people
//! see of them.

use std::collections::BTreeMap;

use super::Error;
use super::matching::{Matcher, Place, Prepared, whole};
use super::model::{Matching, MatchingId, Side};
use super::spots::{At, Position, feed_inside};
use crate::database::{Row, Value};

/// What a row's identity is, for fingerprints and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub hash: [u8; 16],
    /// The parts of the identity, a reference as what it points to, joined with `/`.
    pub shown: String,
}

impl Matcher<'_> {
    /// The names of the rows that values of `side` refer to; `None` where no row stands behind them.
    pub async fn names(
        &mut self,
        side: Side,
        id: MatchingId,
        by: &[String],
        wanted: &[Vec<Value>],
    ) -> Result<Vec<Option<Name>>, Error> {
        let rows = self.rows(side, id, by, wanted).await?;
        let place: Place = (side, id, by.to_vec());
        let known = self.names.entry(place.clone()).or_default();
        let mut open: BTreeMap<&Vec<Value>, Row> = BTreeMap::new();
        for (values, row) in wanted.iter().zip(&rows) {
            if known.contains_key(values) {
                continue;
            }
            match row {
                Some(row) => {
                    open.entry(values).or_insert_with(|| row.as_ref().clone());
                }
                None => {
                    known.insert(values.clone(), None);
                }
            }
        }
        if !open.is_empty() {
            let (values, open): (Vec<_>, Vec<_>) = open.into_iter().unzip();
            self.prepare(side, id, &open, Prepared::Names).await?;
            let named = Box::pin(self.names_of(side, id, &open)).await?;
            let known = self.names.entry(place.clone()).or_default();
            known.extend(values.into_iter().cloned().zip(named.into_iter().map(Some)));
        }
        let known = self.names.entry(place).or_default();
        Ok(wanted.iter().map(|values| known[values].clone()).collect())
    }

    async fn names_of(
        &mut self,
        side: Side,
        id: MatchingId,
        rows: &[Row],
    ) -> Result<Vec<Name>, Error> {
        let model = self.model;
        let matching = &model.matchings[id];
        let mut referred: Vec<Referred> = rows.iter().map(|_| Referred::default()).collect();
        for (index, found) in self.spots_by_reference(id, side, rows, &matching.identity) {
            let reference = &matching.references[index];
            let wanted: Vec<_> = found.iter().map(|(_, spot)| spot.values.clone()).collect();
            let names =
                self.names(side, reference.matching, &reference.to_columns, &wanted).await?;
            for ((at, spot), name) in found.into_iter().zip(names) {
                let Some(name) = name else { continue };
                if let At::Inside(place) = spot.at {
                    let inside = referred[at].inside.entry(reference.columns[0]).or_default();
                    inside.push((*place, name.hash));
                    continue;
                }
                // The further columns of a composite reference say nothing more to people.
                for column in &reference.columns[1..] {
                    let silent = Name { hash: name.hash, shown: String::new() };
                    referred[at].whole.insert(*column, silent);
                }
                referred[at].whole.insert(reference.columns[0], name);
            }
        }
        let named = rows.iter().zip(referred);
        Ok(named.map(|(row, referred)| name(matching, row, &referred)).collect())
    }
}

/// What the rows are that an identity refers to.
#[derive(Default)]
struct Referred {
    whole: BTreeMap<usize, Name>,
    /// By column, with the names' hashes.
    inside: BTreeMap<usize, Vec<(Position, [u8; 16])>>,
}

/// A row whose identity has a NULL part stands for its ID.
fn name(matching: &Matching, row: &Row, referred: &Referred) -> Name {
    let (kind, columns) = match whole(row, &matching.identity) {
        Some(_) => ("identity", &matching.identity),
        None => ("id", &matching.key),
    };
    let mut hasher = blake3::Hasher::new();
    for text in [kind, &matching.table] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let mut shown = Vec::new();
    for index in columns {
        if let Some(name) = referred.whole.get(index) {
            hasher.update(b"r");
            hasher.update(&name.hash);
            shown.extend((!name.shown.is_empty()).then(|| name.shown.clone()));
        } else {
            if let Some(inside) = referred.inside.get(index) {
                feed_inside(&mut hasher, &row[*index], inside);
            } else {
                hasher.update(b"v");
                row[*index].feed(&mut hasher);
            }
            shown.push(match matching.redacted[*index] {
                true => "(redacted)".into(),
                false => row[*index].display().into_owned(),
            });
        }
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Name { hash, shown: shown.join("/") }
}
