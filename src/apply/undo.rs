//! What would take a run back: its before-images as the source, the target as it is now.
//!
//! Answers for the drafts of an undo, which are then checked, reviewed and applied like any other. A
//! record that isn't what the run left behind is the conflict `changed-since`.

use std::collections::{BTreeMap, HashMap};

use super::Error;
use super::ledger::{Image, ImageRow};
use crate::compare::draft::{Case, Draft, Link, Links, link};
use crate::compare::matching::{Matcher, Name, Pairs};
use crate::compare::model::{Model, NodeId, Role, Side};
use crate::compare::record::{Record, RecordRow, in_filter, load};
use crate::compare::sides::{Sides, pick};
use crate::compare::{Comparison, judge};
use crate::database::Value;
use crate::manifest::sync_job::Mode;
use crate::plan::change::Counts;

/// Compares the images of a run with the target.
///
/// # Assumptions
/// The model has the target's catalogue on both sides, and both sessions read the target.
pub async fn compare(
    sides: &mut Sides,
    model: &Model,
    images: &[Image],
) -> Result<Comparison, Error> {
    let mut drafts = Vec::new();
    let mut counts = Counts::default();
    for image in images {
        let Some(root) = root_of(model, image) else { continue };
        let before = record_of(model, root, image.before.as_deref());
        let after = record_of(model, root, image.after.as_deref());
        match draft(sides, model, root, before, after).await? {
            Some(draft) => drafts.push(draft),
            None => counts.unchanged += 1,
        }
    }
    let pairs = Pairs::default();
    let mut matcher = Matcher::new(model, sides, &pairs);
    link(&mut matcher, &mut drafts).await?;
    for draft in &mut drafts {
        draft.links = restored_links(model, draft);
    }
    Ok(judge(sides, model, Mode::All, drafts, counts, Vec::new()).await?)
}

/// Says of which modules records can't be taken back, since the manifests changed since the run.
pub fn name_lost(model: &mut Model, images: &[Image]) {
    for image in images {
        if root_of(model, image).is_none() {
            model.failed.entry(image.module.clone()).or_insert_with(|| {
                format!(
                    "the run wrote records of {}, which the module doesn't hold any more; they \
                     can't be taken back",
                    image.table
                )
            });
        }
    }
}

fn root_of(model: &Model, image: &Image) -> Option<NodeId> {
    model.roots.iter().copied().find(|root| {
        let node = &model.nodes[*root];
        node.module == image.module && node.table == image.table
    })
}

/// One record: what the run found, what it left, what there is now.
async fn draft(
    sides: &mut Sides,
    model: &Model,
    root: NodeId,
    before: Option<Record>,
    after: Option<Record>,
) -> Result<Option<Draft>, Error> {
    let Some(id) = after.as_ref().or(before.as_ref()).map(|record| record.key(model)) else {
        return Ok(None);
    };
    let now = load(sides, Side::Target, model, root, std::slice::from_ref(&id)).await?;
    let now = now.into_values().next();
    let former_id = before
        .as_ref()
        .map(|record| record.key(model))
        .filter(|former| after.is_some() && *former != id);
    if let (Some(former), None) = (&former_id, &now) {
        let there = load(sides, Side::Target, model, root, std::slice::from_ref(former)).await?;
        if same(model, before.as_ref(), there.into_values().next().as_ref()) {
            return Ok(None);
        }
    }
    let case = match (&before, &now) {
        _ if !same(model, after.as_ref(), now.as_ref()) => {
            if former_id.is_none() && same(model, before.as_ref(), now.as_ref()) {
                return Ok(None);
            }
            Case::ChangedSince
        }
        (None, Some(_)) => Case::Deleted,
        (Some(_), None) => Case::New,
        (Some(_), Some(_)) => Case::Matched,
        (None, None) => return Ok(None),
    };
    Ok(Some(Draft {
        root,
        id,
        case,
        source: before.filter(|_| case != Case::Deleted),
        current: now,
        in_the_way: None,
        former_id,
        links: Links::new(),
        current_links: Links::new(),
    }))
}

/// Whether two states of a record hold the same reviewed values.
fn same(model: &Model, a: Option<&Record>, b: Option<&Record>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a.is_none() && b.is_none() };
    rows_by_key(model, a) == rows_by_key(model, b)
}

fn rows_by_key(model: &Model, record: &Record) -> BTreeMap<(NodeId, Vec<Value>), Vec<Value>> {
    record
        .rows
        .iter()
        .map(|row| {
            let node = &model.nodes[row.node];
            let reviewed: Vec<usize> = (0..node.columns.len())
                .filter(|column| matches!(node.columns[*column].role, Role::Content | Role::Place))
                .collect();
            ((row.node, row.key(model)), pick(&row.values, &reviewed))
        })
        .collect()
}

/// An image as a record of the model. Columns that came since read as NULL.
fn record_of(model: &Model, root: NodeId, image: Option<&[ImageRow]>) -> Option<Record> {
    let mut rows: Vec<RecordRow> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for (index, row) in image?.iter().enumerate() {
        let node = match row.parent {
            None => Some(root),
            Some(parent) => places.get(&parent).and_then(|above| {
                let owner = &model.nodes[rows[*above].node];
                owner.owns.iter().copied().find(|child| model.nodes[*child].table == row.table)
            }),
        };
        let Some(node) = node else { continue };
        let columns = &model.nodes[node].columns;
        let values: Vec<Value> = columns
            .iter()
            .map(|column| row.values.get(&column.name).cloned().unwrap_or(Value::Null))
            .collect();
        let in_filter = in_filter(&model.nodes[node], &values);
        let parent = row.parent.and_then(|parent| places.get(&parent).copied());
        places.insert(index, rows.len());
        rows.push(RecordRow { node, parent, values, in_filter });
    }
    (!rows.is_empty()).then_some(Record { rows })
}

/// References of the restored rows: values stand as they were. Those whose row is gone need another
/// change of the undo, or are missing.
fn restored_links(model: &Model, draft: &Draft) -> Links {
    let mut links = Links::new();
    for (at, row) in draft.source.iter().flat_map(|record| &record.rows).enumerate() {
        let node = &model.nodes[row.node];
        for (index, reference) in node.references.iter().enumerate() {
            let values = pick(&row.values, &reference.columns);
            let restored = match draft.links.get(&(at, index)) {
                Some(Link::Row { name, key, .. }) => {
                    Link::Row { name: name.clone(), key: key.clone(), there: Some(values) }
                }
                Some(Link::Dangling) if !reference.foreign => {
                    Link::Row { name: gone(&values), key: values, there: None }
                }
                Some(Link::Dangling) => Link::Dangling,
                Some(Link::Nothing) | None => Link::Nothing,
            };
            links.insert((at, index), restored);
        }
    }
    links
}

fn gone(values: &[Value]) -> Name {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"gone");
    for value in values {
        value.feed(&mut hasher);
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Name { hash, shown: crate::compare::shown_key(values) }
}
