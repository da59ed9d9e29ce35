//! The rows of the target that nobody else may touch while a run writes.
//!
//! Answers for which rows those are; how each engine locks them is `database`'s matter.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use super::open::Opened;
use crate::apply::Approved;
use crate::compare::draft::Link;
use crate::compare::record::Record;
use crate::compare::sides::pick;
use crate::database::{Lock, Value};

/// Locks every row of the target that the approved records may write, and every row that they will
/// refer to: no foreign key does that for a reference that only a manifest declares.
pub(super) async fn lock(opened: &mut Opened, approved: &[Approved<'_>]) -> Result<(), Error> {
    lock_written(opened, approved).await?;
    lock_referred(opened, approved).await
}

async fn lock_written(opened: &mut Opened, approved: &[Approved<'_>]) -> Result<(), Error> {
    let model = &opened.model;
    let mut keys: BTreeMap<usize, BTreeSet<Vec<Value>>> = BTreeMap::new();
    let records = approved.iter().flat_map(|approved| {
        let draft = &approved.entry.draft;
        draft.current.iter().chain(&draft.in_the_way).flat_map(|record: &Record| &record.rows)
    });
    for row in records {
        let key = pick(&row.values, &model.nodes[row.node].key);
        keys.entry(row.node).or_default().insert(key);
    }
    for (node, keys) in keys {
        let node = &model.nodes[node];
        let keys: Vec<_> = keys.into_iter().collect();
        let by = node.names(&node.key);
        opened.sides.target.lock(Lock::ToWrite, &node.target, &by, &keys).await?;
    }
    Ok(())
}

async fn lock_referred(opened: &mut Opened, approved: &[Approved<'_>]) -> Result<(), Error> {
    let model = &opened.model;
    let mut referred: BTreeMap<(usize, &[String]), BTreeSet<Vec<Value>>> = BTreeMap::new();
    for draft in approved.iter().map(|approved| &approved.entry.draft) {
        let Some(source) = &draft.source else { continue };
        for linked in draft.links.iter() {
            let Link::Row { there: Some(values), .. } = &linked.link else { continue };
            let node = &model.nodes[source.rows[linked.row].node];
            let reference = &node.references[linked.reference];
            if !node.is_enforced(reference) {
                let place = (reference.matching, reference.to_columns.as_slice());
                referred.entry(place).or_default().insert(values.clone());
            }
        }
    }
    for ((matching, by), keys) in referred {
        let table = &model.matchings[matching].target;
        let keys: Vec<_> = keys.into_iter().collect();
        opened.sides.target.lock(Lock::ToReferTo, table, by, &keys).await?;
    }
    Ok(())
}
