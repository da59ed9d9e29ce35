//! Makes the plan of a comparison: the value that is printed, reviewed and applied.
//!
//! Answers for what people see of a change: identity, label, fields, reasons, dependencies, pin.
//! Values of redacted columns end here. Pure: it reads loaded values only.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde_json::Value as Json;

use super::draft::{Case, Draft, Link, Links};
use super::fingerprint::{PinKey, Pinned, hex, pin};
use super::model::{Model, Node, Role};
use super::record::{Record, RecordRow};
use super::spots::{Within, is_serialized};
use super::wanted::{Cell, Wanted, WantedRow, differing, wanted, written_into};
use super::{Comparison, Entry, MAX_CHANGES, count, files, shown_key};
use crate::catalog::Kind;
use crate::database::Value;
use crate::manifest::sync_job::{Direction, Mode};
use crate::plan::approval;
use crate::plan::change::{Answer, Change, Conflict, Counts, Field, Form, Plan, RowChange};
use crate::plan::file::{FilePath, FileState, NamedFile};

/// What stands in place of a redacted value.
pub const REDACTED: &str = "(redacted)";

/// What a plan is made for.
pub struct Heading<'a> {
    pub job: &'a str,
    pub direction: Direction,
    pub mode: Mode,
    pub key: &'a PinKey,
    /// Besides what the model has to say.
    pub notes: Vec<String>,
    pub detail: Detail,
}

/// How much a plan says of each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Fields,
    /// As much as tells whether a change is still the one that was approved.
    Pins,
}

/// Makes the plan. `changes` stand in the comparison's order, so that an index into one is an index
/// into the other.
pub fn build(heading: Heading<'_>, model: &Model, comparison: &mut Comparison) -> Plan {
    let mut built: Vec<(Change, Entry)> = {
        let entries = &comparison.entries;
        let changes: Vec<Change> =
            entries.par_iter().map(|entry| change(&heading, model, entries, entry)).collect();
        changes.into_iter().zip(std::mem::take(&mut comparison.entries)).collect()
    };
    renumber_needs(&mut built, model);
    let (changes, entries): (Vec<_>, Vec<_>) = built.into_iter().unzip();
    comparison.entries = entries;
    let digest = digest(heading.direction, heading.mode, &changes);
    let mut notes = heading.notes;
    notes.extend(model.notes.iter().cloned());
    notes.extend(cut_seconds(model, comparison));
    notes.extend(serialized(model, comparison));
    notes.extend(about_files(model, comparison));
    notes.extend(comparison.empty_sources.iter().map(|table| {
        format!("the source's {table} has no row at all, so deletions from it are refused")
    }));
    let Counts { conflict, new, modified, deleted, .. } = comparison.counts;
    Plan {
        format_version: "1.0".into(),
        job: heading.job.to_owned(),
        direction: heading.direction,
        mode: heading.mode,
        digest,
        noop: conflict + new + modified + deleted == 0,
        counts: comparison.counts,
        notes,
        failed_modules: model.failed.clone(),
        counts_only: comparison.counts_only,
        changes,
        done: Vec::new(),
    }
}

/// Adds changes of files behind those of records, with what there is to say of them.
pub fn add_files(
    plan: &mut Plan,
    comparison: &mut Comparison,
    changes: Vec<Change>,
    notes: Vec<String>,
) {
    for change in &changes {
        count(&mut plan.counts, change.class);
    }
    let names: BTreeSet<String> = changes.iter().map(approval::name).collect();
    for change in &mut plan.changes {
        let brought =
            |file: &&NamedFile| matches!(file.state, FileState::New | FileState::Replaced);
        let files = change.files.iter().filter(brought);
        let mut needs: BTreeSet<String> =
            std::mem::take(&mut change.depends_on).into_iter().collect();
        needs.extend(files.filter_map(|file| its_change(&names, &file.path)));
        change.depends_on = needs.into_iter().collect();
    }
    plan.notes.extend(notes);
    plan.noop &= changes.is_empty();
    plan.changes.extend(changes);
    if plan.counts_only || plan.changes.len() > MAX_CHANGES {
        plan.counts_only = true;
        plan.changes = Vec::new();
        comparison.entries = Vec::new();
        comparison.files = Vec::new();
    }
    comparison.counts = plan.counts;
    comparison.counts_only = plan.counts_only;
    plan.digest = digest(plan.direction, plan.mode, &plan.changes);
}

/// The name of the change of a file, if there is one: a folder's, or one of the root's own files.
fn its_change(names: &BTreeSet<String>, path: &FilePath) -> Option<String> {
    [format!("gallery/{path}"), format!("gallery/./{path}")]
        .into_iter()
        .find(|it| names.contains(it))
}

/// Puts changes and entries into the plan's order and corrects the indexes that entries hold.
fn renumber_needs(built: &mut Vec<(Change, Entry)>, model: &Model) {
    let mut order: Vec<usize> = (0..built.len()).collect();
    let place = |entry: &Entry| model.roots.iter().position(|root| *root == entry.draft.root);
    order.sort_by(|a, b| {
        let (a, b) = (&built[*a].1, &built[*b].1);
        (place(a), a.class, &a.draft.id).cmp(&(place(b), b.class, &b.draft.id))
    });
    let mut new_index = vec![0; order.len()];
    for (new, old) in order.iter().enumerate() {
        new_index[*old] = new;
    }
    let mut taken: Vec<Option<(Change, Entry)>> = built.drain(..).map(Some).collect();
    for old in order {
        built.extend(taken[old].take());
    }
    for (_, entry) in built {
        for choice in &mut entry.choices {
            choice.needs = choice.needs.iter().map(|need| new_index[*need]).collect();
        }
    }
}

pub(super) fn digest(direction: Direction, mode: Mode, changes: &[Change]) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut feed = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    let json = |part: Result<String, serde_json::Error>| part.unwrap_or_default();
    feed(&json(serde_json::to_string(&direction)));
    feed(&json(serde_json::to_string(&mode)));
    for change in changes {
        feed(&change.table);
        feed(&change.id);
        feed(&json(serde_json::to_string(&change.class)));
        feed(&json(serde_json::to_string(&change.conflict.as_ref().map(|c| c.kind))));
        feed(&change.pin);
        feed(&json(serde_json::to_string(&change.depends_on)));
        if let Some(conflict) = change.conflict.as_ref().filter(|it| !it.needs.is_empty()) {
            feed(&json(serde_json::to_string(&conflict.needs)));
        }
    }
    hex(&hasher.finalize().as_bytes()[..16])
}

fn change(heading: &Heading<'_>, model: &Model, entries: &[Entry], entry: &Entry) -> Change {
    let draft = &entry.draft;
    let node = &model.nodes[draft.root];
    let first = entry.choices.first();
    let current = written_into(draft, first.and_then(|choice| choice.answer));
    let shown = match first {
        Some(choice) => &choice.wanted,
        None => &wanted(model, draft, current),
    };
    let id = shown_key(&draft.id);
    let pinned = Pinned { direction: heading.direction, class: entry.class, kind: entry.kind };
    let (own, links) = match &draft.source {
        Some(source) => (source, &draft.links),
        None => (draft.current.as_ref().expect("a draft has a side"), &draft.current_links),
    };
    let needs: Vec<BTreeSet<String>> = entry
        .choices
        .iter()
        .map(|choice| choice.needs.iter().map(|it| name(model, &entries[*it].draft)).collect())
        .collect();
    let depends_on = needs.iter().cloned().reduce(|all, needs| &all & &needs).unwrap_or_default();
    let besides = entry.choices.iter().zip(&needs).filter_map(|(choice, needs)| {
        let besides: Vec<String> = needs.difference(&depends_on).cloned().collect();
        (!besides.is_empty()).then_some((choice.answer?, besides))
    });
    let conflict = conflict(model, entry, besides.collect());
    // The target's record stays beside the one that gets a new ID.
    let leaves_target = conflict.as_ref().is_some_and(|it| it.answers == [Answer::Renumber]);
    let fields = match heading.detail {
        Detail::Fields => fields(model, draft, shown, current),
        Detail::Pins => Vec::new(),
    };
    Change {
        module: node.module.clone(),
        table: node.table.clone(),
        pin: format!("{id}@{}", pin(heading.key, model, draft, &pinned)),
        id,
        class: entry.class,
        conflict,
        identity: identity(node, own, links),
        label: node.label.and_then(|label| label_of(node, own.root(), label)),
        renamed_from: (draft.case == Case::Renamed)
            .then(|| draft.current.as_ref().map(|c| identity(node, c, &draft.current_links)))
            .flatten(),
        depends_on: depends_on.into_iter().collect(),
        files: files::shown(model, draft),
        target_newer: target_newer(node, draft) && !leaves_target,
        fields,
        approved: false,
    }
}

/// `table/ID` of a draft.
pub fn name(model: &Model, draft: &Draft) -> String {
    format!("{}/{}", model.nodes[draft.root].table, shown_key(&draft.id))
}

fn conflict(
    model: &Model,
    entry: &Entry,
    needs: BTreeMap<Answer, Vec<String>>,
) -> Option<Conflict> {
    let kind = entry.kind?;
    let draft = &entry.draft;
    let node = &model.nodes[draft.root];
    let target = draft.source.is_some().then_some(draft.current.as_ref()).flatten();
    let answers: Vec<Answer> = entry.choices.iter().filter_map(|choice| choice.answer).collect();
    Some(Conflict {
        kind,
        target_id: target.map(|record| shown_key(&record.key(model))),
        target_identity: target.map(|record| identity(node, record, &draft.current_links)),
        also: entry.reasons.keys().copied().filter(|other| *other != kind).collect(),
        details: entry.reasons.values().flatten().cloned().collect(),
        answers,
        needs,
    })
}

fn target_newer(node: &Node, draft: &Draft) -> bool {
    let (Some(updated), Some(source), Some(current)) =
        (node.updated, &draft.source, &draft.current)
    else {
        return false;
    };
    let (source, target) = (&source.root()[updated], &current.root()[updated]);
    !source.is_null() && !target.is_null() && target > source
}

fn identity(node: &Node, record: &Record, links: &Links) -> BTreeMap<String, Json> {
    let columns = if node.identity.is_empty() { &node.key } else { &node.identity };
    columns
        .iter()
        .map(|column| {
            (node.columns[*column].name.clone(), shown(node, links, 0, *column, record.root()))
        })
        .collect()
}

fn label_of(node: &Node, row: &[Value], label: usize) -> Option<String> {
    let value = &row[label];
    let redacted = node.columns[label].redacted;
    (!value.is_null())
        .then(|| if redacted { REDACTED.into() } else { value.display().into_owned() })
}

/// A value as people see it: a reference as what it points to, a redacted one not at all.
fn shown(node: &Node, links: &Links, row: usize, column: usize, values: &[Value]) -> Json {
    if node.columns[column].redacted {
        return REDACTED.into();
    }
    for (index, reference) in node.references.iter().enumerate() {
        if reference.within.is_whole()
            && reference.columns.first() == Some(&column)
            && let Some(Link::Row { name, .. }) = links.whole(row, index)
        {
            return format!("{} {}", reference.to_table, name.shown).into();
        }
    }
    values[column].to_json()
}

fn fields(model: &Model, draft: &Draft, wanted: &Wanted, current: Option<&Record>) -> Vec<Field> {
    let mut fields = Vec::new();
    for row in &wanted.rows {
        let node = &model.nodes[row.node];
        match row.current.and_then(|index| current.map(|record| (index, &record.rows[index]))) {
            Some((index, old)) => {
                fields.extend(updated(model, draft, node, row, (index, old)));
            }
            None => fields.extend(inserted(model, draft, node, row)),
        }
    }
    let gone = wanted.removed.iter().filter_map(|index| current.map(|c| (*index, &c.rows[*index])));
    for (index, old) in gone {
        let node = &model.nodes[old.node];
        for column in shown_columns(node).filter(|column| !old.values[*column].is_null()) {
            let from = shown(node, &draft.current_links, index, column, &old.values);
            let key = shown_key(&old.key(model));
            fields.push(field(node, column, key, RowChange::Deleted, (from, Json::Null)));
        }
    }
    fields
}

fn updated<'a>(
    model: &'a Model,
    draft: &'a Draft,
    node: &'a Node,
    row: &'a WantedRow,
    (index, old): (usize, &'a RecordRow),
) -> impl Iterator<Item = Field> + 'a {
    // A path that a run will draw isn't known yet.
    let is_open = |column: usize| {
        let path = node.tree.as_ref().map(|tree| tree.path);
        path == Some(column) && matches!(row.cells[column], Cell::Open(_))
    };
    let known = differing(node, row, old).into_iter().filter(move |column| !is_open(*column));
    known.map(move |column| {
        let from = shown(node, &draft.current_links, index, column, &old.values);
        let to = shown(node, &draft.links, row.source, column, &would_be(row, &old.values));
        let key = shown_key(&old.key(model));
        field(node, column, key, RowChange::Updated, (from, to))
    })
}

fn inserted<'a>(
    model: &'a Model,
    draft: &'a Draft,
    node: &'a Node,
    row: &'a WantedRow,
) -> impl Iterator<Item = Field> + 'a {
    let source = draft.source.as_ref().map(|record| &record.rows[row.source]);
    let key = source.map(|source| shown_key(&source.key(model))).unwrap_or_default();
    let nothing = vec![Value::Null; node.columns.len()];
    let values = would_be(row, &nothing);
    shown_columns(node).filter_map(move |column| {
        let to = shown(node, &draft.links, row.source, column, &values);
        (!values[column].is_null())
            .then(|| field(node, column, key.clone(), RowChange::Inserted, (Json::Null, to)))
    })
}

/// The row's values once it is written, as far as they are known.
fn would_be(row: &WantedRow, old: &[Value]) -> Vec<Value> {
    let cells = row.cells.iter().zip(old);
    cells.map(|(cell, old)| cell.value().unwrap_or(old).clone()).collect()
}

fn shown_columns(node: &Node) -> impl Iterator<Item = usize> + '_ {
    let roles = |role: Role| matches!(role, Role::Content | Role::KeptSource | Role::Foreign);
    node.columns
        .iter()
        .enumerate()
        .filter(move |(_, column)| roles(column.role))
        .map(|(index, _)| index)
}

fn field(
    node: &Node,
    column: usize,
    key: String,
    row: RowChange,
    (from, to): (Json, Json),
) -> Field {
    let about = &node.columns[column];
    let form = match about.kind {
        _ if about.redacted => Form::Redacted,
        Kind::Json => Form::Json,
        Kind::Text if node.reference_of(column).is_none() => Form::Text,
        Kind::Bytes if [&from, &to].into_iter().all(is_readable) => Form::Text,
        _ => Form::Plain,
    };
    let (from, to) = match (row, about.redacted) {
        (RowChange::Inserted, true) => (Json::Null, REDACTED.into()),
        (RowChange::Deleted, true) => (REDACTED.into(), Json::Null),
        _ => (from, to),
    };
    Field { table: node.table.clone(), key, column: about.name.clone(), row, form, from, to }
}

/// No bytes that had to be shown as digits.
fn is_readable(shown: &Json) -> bool {
    shown.as_str().is_none_or(|text| !text.starts_with("0x"))
}

/// As many files that can't be brought are named.
const MOST_TROUBLES: usize = 20;

/// Files that changes name and that can't come along.
fn about_files(model: &Model, comparison: &Comparison) -> Vec<String> {
    let mut notes = Vec::new();
    if model.files.are_unknown() && files::names_any(model) {
        notes.push(
            "the files that records name aren't compared or copied, since no gallery is configured"
                .into(),
        );
    }
    let mut more = 0;
    for draft in comparison.entries.iter().map(|entry| &entry.draft) {
        for (node, column, text, why) in files::troubles(model, draft) {
            if notes.len() >= MOST_TROUBLES {
                more += 1;
                continue;
            }
            let (record, column) = (name(model, draft), &node.columns[column].name);
            notes.push(format!(
                "{record} names the file `{text}` in {}.{column}: {why}",
                node.table
            ));
        }
    }
    notes.extend(
        (more > 0).then(|| format!("{more} more files that changes name can't come along")),
    );
    notes
}

/// Serialized values in columns whose texts hold IDs: those in them stay as they are.
fn serialized(model: &Model, comparison: &Comparison) -> Vec<String> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in
        comparison.entries.iter().filter_map(|it| it.draft.source.as_ref()).flat_map(|it| &it.rows)
    {
        let node = &model.nodes[row.node];
        let inside = node.references.iter().filter(|it| matches!(it.within, Within::Pattern(_)));
        let columns: BTreeSet<usize> = inside.map(|reference| reference.columns[0]).collect();
        for column in columns {
            if row.values[column].characters().is_some_and(|text| is_serialized(&text)) {
                *counts.entry((&node.table, &node.columns[column].name)).or_default() += 1;
            }
        }
    }
    let note = |((table, column), count): ((&str, &str), u64)| {
        let (values, are) = if count == 1 { ("value", "is") } else { ("values", "are") };
        format!(
            "{count} {values} of {table}.{column} {are} serialized with lengths, so IDs inside stay as \
             they are: they may stand for other records on the target"
        )
    };
    counts.into_iter().map(note).collect()
}

/// Times of changed rows whose fraction of a second doesn't fit the other side, counted by column.
fn cut_seconds(model: &Model, comparison: &Comparison) -> Vec<String> {
    let mut cut: BTreeMap<(&str, &str, usize), u64> = BTreeMap::new();
    for draft in comparison.entries.iter().map(|entry| &entry.draft) {
        for row in draft.source.iter().flat_map(|record| &record.rows) {
            let node = &model.nodes[row.node];
            for (column, value) in node.columns.iter().zip(&row.values) {
                if let Some(kept) = column.loses_seconds(value) {
                    *cut.entry((&node.table, &column.name, kept)).or_default() += 1;
                }
            }
        }
    }
    let note = |((table, column, kept), count): ((&str, &str, usize), u64)| {
        let (values, are) = if count == 1 { ("value", "is") } else { ("values", "are") };
        format!(
            "{count} {values} of {table}.{column} {are} cut to {kept} decimals of a second, as many \
             as both sides keep"
        )
    };
    cut.into_iter().map(note).collect()
}
