//! What would take a run back: its before-images as the source, the target as it is now.
//!
//! Answers for the drafts of an undo, which are then checked, reviewed and applied like any other. A
//! record that isn't what the run left behind is the conflict `changed-since`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Error;
use super::ledger::{Image, ImageRow};
use crate::compare::draft::{Case, Draft, Link, Linked, Links, link};
use crate::compare::files::{self, Contents};
use crate::compare::matching::{Matcher, Pairs};
use crate::compare::model::{Model, Node, NodeId, Reference, Role, Side};
use crate::compare::names::Name;
use crate::compare::plan::REDACTED;
use crate::compare::record::{Record, RecordRow, in_filter, load};
use crate::compare::sides::{Sides, pick};
use crate::compare::spots::{At, as_kind};
use crate::compare::{Comparison, judge, shown_key};
use crate::database::Value;
use crate::manifest::sync_job::Mode;
use crate::plan::change::Counts;

/// Images are compared this many at a time.
const CHUNK: usize = 500;

/// Compares the images of a run with the target.
///
/// # Assumptions
/// The model has the target's catalogue on both sides, and both sessions read the target.
pub async fn compare(
    sides: &mut Sides,
    model: &mut Model,
    images: &[Image],
    contents: Option<&mut (dyn Contents + 'static)>,
) -> Result<Comparison, Error> {
    if let Some(contents) = contents {
        let found = images.iter().filter_map(|image| Imaged::of(model, image)?.before);
        let paths = found.flat_map(|record| files::paths_of(model, &record)).collect();
        files::ask(model, contents, paths).await?;
    }
    let model = &*model;
    let mut drafts = Vec::new();
    let mut counts = Counts::default();
    for images in images.chunks(CHUNK) {
        let records: Vec<Imaged> = images.iter().filter_map(|it| Imaged::of(model, it)).collect();
        let there = load_all(sides, model, &records).await?;
        for record in records {
            let only_files = record.brought_files_alone(model);
            let draft = record.draft(model, &there);
            match draft.filter(|draft| !only_files || files::differ(model, draft)) {
                Some(draft) => drafts.push(draft),
                None => counts.unchanged += 1,
            }
        }
    }
    let pairs = Pairs::default();
    let mut matcher = Matcher::new(model, sides, &pairs);
    link(&mut matcher, &mut drafts).await?;
    let restored = restored(model, &drafts);
    for draft in &mut drafts {
        draft.links = restored_links(model, draft, &restored);
    }
    Ok(judge(sides, model, Mode::All, drafts, counts, Vec::new()).await?)
}

/// Says of which modules records can't be taken back, since the manifests changed since the run. A
/// record is never taken back in part.
pub fn name_lost(model: &mut Model, images: &[Image]) {
    for image in images {
        if let Some(table) = lost_table(model, image) {
            let why = format!(
                "the run wrote rows of {table}, which the module doesn't hold any more; its records \
                 can't be taken back"
            );
            model.failed.entry(image.module.clone()).or_insert(why);
        }
    }
}

/// The first table of an image that its module doesn't hold.
fn lost_table<'i>(model: &Model, image: &'i Image) -> Option<&'i str> {
    let Some(root) = root_of(model, image) else { return Some(&image.table) };
    [&image.before, &image.after].into_iter().flatten().find_map(|rows| {
        let lost = nodes_of(model, root, rows).iter().position(Option::is_none);
        lost.map(|at| rows[at].table.as_str())
    })
}

fn root_of(model: &Model, image: &Image) -> Option<NodeId> {
    model.roots.iter().copied().find(|root| {
        let node = &model.nodes[*root];
        node.module == image.module && node.table == image.table
    })
}

/// One record: what the run found and what it left.
struct Imaged {
    root: NodeId,
    id: Vec<Value>,
    before: Option<Record>,
    after: Option<Record>,
    /// The ID that the record had before the run, where it was another one.
    former_id: Option<Vec<Value>>,
}

/// Records of the target by root and ID.
type There = BTreeMap<(NodeId, Vec<Value>), Record>;

async fn load_all(sides: &mut Sides, model: &Model, records: &[Imaged]) -> Result<There, Error> {
    let mut wanted: BTreeMap<NodeId, BTreeSet<Vec<Value>>> = BTreeMap::new();
    for record in records {
        let ids = std::iter::once(&record.id).chain(&record.former_id);
        wanted.entry(record.root).or_default().extend(ids.cloned());
    }
    let mut there = There::new();
    for (root, ids) in wanted {
        let ids: Vec<_> = ids.into_iter().collect();
        let found = load(sides, Side::Target, model, root, &ids).await?;
        there.extend(found.into_iter().map(|(id, record)| ((root, id), record)));
    }
    Ok(there)
}

impl Imaged {
    /// `None` for records that can't be taken back, see [`name_lost`].
    fn of(model: &Model, image: &Image) -> Option<Self> {
        if model.failed.contains_key(&image.module) {
            return None;
        }
        let root = root_of(model, image)?;
        let before = record_of(model, root, image.before.as_deref());
        let after = record_of(model, root, image.after.as_deref());
        let id = after.as_ref().or(before.as_ref())?.key(model);
        let former_id = before.as_ref().map(|record| record.key(model));
        let former_id = former_id.filter(|former| after.is_some() && *former != id);
        Some(Self { root, id, before, after, former_id })
    }

    /// The run wrote none of its rows. One that names no file was a change because of what its rows refer
    /// to, and is one again.
    fn brought_files_alone(&self, model: &Model) -> bool {
        let named = self.before.as_ref().map(|record| files::paths_of(model, record));
        let names_files = named.is_some_and(|paths| !paths.is_empty());
        names_files && self.former_id.is_none() && self.before == self.after
    }

    /// `None` where there is nothing to take back any more.
    fn draft(self, model: &Model, there: &There) -> Option<Draft> {
        let Self { root, id, before, after, former_id } = self;
        let now = there.get(&(root, id.clone()));
        if let (Some(former), None) = (&former_id, now)
            && same(model, before.as_ref(), there.get(&(root, former.clone())))
        {
            return None;
        }
        let case = match (&before, now) {
            _ if !same(model, after.as_ref(), now) => {
                if former_id.is_none() && same(model, before.as_ref(), now) {
                    return None;
                }
                Case::ChangedSince
            }
            (None, Some(_)) => Case::Deleted,
            (Some(_), None) => Case::New,
            (Some(_), Some(_)) => Case::Matched,
            (None, None) => return None,
        };
        let mut before = before;
        if let Some(record) = before.as_mut().filter(|_| case == Case::New || former_id.is_some()) {
            // What the application would make again went with the record and comes back with it.
            record.rows.iter_mut().for_each(|row| row.in_filter = true);
        }
        let taken_back = match (&before, &after, now) {
            (Some(before), Some(after), Some(now)) => exchanged(model, before, after, now),
            _ => BTreeSet::new(),
        };
        Some(Draft {
            root,
            id,
            case,
            taken_back,
            source: before.filter(|_| case != Case::Deleted),
            current: now.cloned(),
            in_the_way: None,
            former_id,
            gives_way: None,
            led_by: None,
            links: Links::default(),
            current_links: Links::default(),
        })
    }
}

/// Kept columns, by row of `before`, that came to hold another row's value when the run exchanged
/// keys, and that nobody touched since.
fn exchanged(
    model: &Model,
    before: &Record,
    after: &Record,
    now: &Record,
) -> BTreeSet<(usize, usize)> {
    let by_key = |record: &'_ Record| -> BTreeMap<(NodeId, Vec<Value>), Vec<Value>> {
        let rows = record.rows.iter();
        rows.map(|row| ((row.node, row.key(model)), row.values.clone())).collect()
    };
    let (after, now) = (by_key(after), by_key(now));
    let mut found = BTreeSet::new();
    for (index, row) in before.rows.iter().enumerate() {
        let key = (row.node, row.key(model));
        let (Some(after), Some(now)) = (after.get(&key), now.get(&key)) else { continue };
        let columns = model.nodes[row.node].columns.iter().enumerate();
        let kept = columns.filter(|(_, column)| column.role == Role::KeptSource);
        found.extend(kept.map(|(at, _)| at).filter_map(|at| {
            (row.values[at] != after[at] && after[at] == now[at]).then_some((index, at))
        }));
    }
    found
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
        .filter(|row| !model.nodes[row.node].derived)
        .map(|row| {
            let node = &model.nodes[row.node];
            let reviewed: Vec<usize> = (0..node.columns.len())
                .filter(|column| matches!(node.columns[*column].role, Role::Content | Role::Place))
                .collect();
            ((row.node, row.key(model)), pick(&row.values, &reviewed))
        })
        .collect()
}

/// Which table of the record type each row of an image is of.
fn nodes_of(model: &Model, root: NodeId, rows: &[ImageRow]) -> Vec<Option<NodeId>> {
    let mut nodes: Vec<Option<NodeId>> = Vec::with_capacity(rows.len());
    for row in rows {
        let node = match row.parent {
            None => Some(root),
            Some(parent) => nodes.get(parent).copied().flatten().and_then(|above| {
                let owns = &model.nodes[above].owns;
                owns.iter().copied().find(|child| model.nodes[*child].table == row.table)
            }),
        };
        nodes.push(node);
    }
    nodes
}

/// An image as a record of the model. Columns that came since read as NULL.
fn record_of(model: &Model, root: NodeId, image: Option<&[ImageRow]>) -> Option<Record> {
    let image = image.filter(|rows| !rows.is_empty())?;
    let nodes: Option<Vec<NodeId>> = nodes_of(model, root, image).into_iter().collect();
    let rows = image.iter().zip(nodes?).map(|(row, node)| {
        let columns = model.nodes[node].columns.iter();
        let values: Vec<Value> = columns
            .map(|column| row.values.get(&column.name).cloned().unwrap_or(Value::Null))
            .collect();
        let in_filter = in_filter(&model.nodes[node], &values);
        RecordRow { node, parent: row.parent, values, in_filter }
    });
    Some(Record { rows: rows.collect() })
}

/// Keys of the rows that the undo brings back or changes, by table, columns and the values they hold
/// there once it is done.
type Restored = HashMap<(String, Vec<String>, Vec<Value>), Vec<Value>>;

fn restored(model: &Model, drafts: &[Draft]) -> Restored {
    let references = model.nodes.iter().flat_map(|node| &node.references);
    let referred: BTreeSet<(&String, &Vec<String>)> =
        references.map(|reference| (&reference.to_table, &reference.to_columns)).collect();
    let mut restored = Restored::new();
    for row in drafts.iter().flat_map(|draft| &draft.source).flat_map(|record| &record.rows) {
        let node = &model.nodes[row.node];
        for (table, names) in referred.iter().filter(|(table, _)| **table == node.table) {
            let columns: Vec<usize> = names.iter().filter_map(|name| node.column(name)).collect();
            let held = ((*table).clone(), (*names).clone(), pick(&row.values, &columns));
            restored.insert(held, row.key(model));
        }
    }
    restored
}

/// References of the restored rows: values stand as they were. Those whose row is gone, or whose
/// values another row bears by now, need another change of the undo, or are missing.
fn restored_links(model: &Model, draft: &Draft, restored: &Restored) -> Links {
    let mut links = Vec::new();
    let rows: Vec<&RecordRow> = draft.source.iter().flat_map(|record| &record.rows).collect();
    for linked in draft.links.iter() {
        let row = rows[linked.row];
        let node = &model.nodes[row.node];
        let reference = &node.references[linked.reference];
        let values = match &linked.at {
            At::Whole => reference
                .columns
                .iter()
                .zip(&reference.to_kinds)
                .filter_map(|(column, kind)| as_kind(&row.values[*column], *kind))
                .collect(),
            At::Inside(position) => vec![position.id.clone()],
        };
        let held = (reference.to_table.clone(), reference.to_columns.clone(), values);
        let (restored, values) = (restored.get(&held).cloned(), held.2);
        let link = match (&linked.link, restored) {
            (Link::Row { name, key: now, .. }, Some(key)) if *now != key => {
                Link::Row { name: name.clone(), key, there: None }
            }
            (Link::Row { name, key, .. }, _) => {
                Link::Row { name: name.clone(), key: key.clone(), there: Some(values) }
            }
            (Link::Dangling, key) if !reference.outside => {
                let name = gone(model, node, reference, &values);
                Link::Row { name, key: key.unwrap_or(values), there: None }
            }
            (Link::Dangling, _) => Link::Dangling,
        };
        links.push(Linked { link, ..linked.clone() });
    }
    Links::new(links)
}

/// The name of a row of which only the values that referred to it are known.
fn gone(model: &Model, node: &Node, reference: &Reference, values: &[Value]) -> Name {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"gone");
    for value in values {
        value.feed(&mut hasher);
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    let matching = &model.matchings[reference.matching];
    let hidden = reference.columns.iter().zip(&reference.to_columns).any(|(column, to)| {
        let there = matching.position(to).is_some_and(|position| matching.redacted[position]);
        node.columns[*column].redacted || there
    });
    let shown = if hidden { REDACTED.to_owned() } else { shown_key(values) };
    Name { hash, shown }
}
