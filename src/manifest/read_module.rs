//! The `spec` of a Module, from the tree.
//!
//! Answers for its keys and their types. Whether tables and columns exist is asked in `validate`.

use std::collections::BTreeMap;

use super::fields::{At, Fields, Problems, list_of, map_of};
use super::filter::{Condition, Scalar};
use super::guess::{Guess, guess};
use super::module::{KeepRule, ModuleSpec, OwnedSpec, RecordSpec, TreeSpec};
use super::problem::Problem;
use super::reference::{
    self, FileRule, OwnedBy, OwnedByPart, ReferenceChoice, ReferencePlace, ReferenceRule,
};
use super::scalars::{any_text, bad_name, boolean, name, text, whole_number, word};
use super::tree::{Content, Style};
use crate::escape::visible;

/// Reads the `spec` of a Module.
pub fn module(at: &At<'_>, problems: &mut Problems) -> Option<ModuleSpec> {
    let mut fields = Fields::open(at, problems)?;
    let spec = ModuleSpec {
        title: fields.get("title", problems, text),
        records: fields.need("records", problems, list_of(record)).unwrap_or_default(),
        requires_gallery_folders: fields
            .get("requiresGalleryFolders", problems, boolean)
            .unwrap_or_default(),
    };
    if spec.records.is_empty() && fields.has("records") && !problems.has_errors() {
        problems.push(
            Problem::error("no-records", "a module needs at least one record type")
                .at(fields.span("records")),
        );
    }
    fields.close(problems);
    Some(spec)
}

fn record(at: &At<'_>, problems: &mut Problems) -> Option<RecordSpec> {
    let mut fields = Fields::open(at, problems)?;
    let table = fields.need("table", problems, name);
    let key = fields.get("key", problems, list_of(name));
    let identity = fields.get("identity", problems, list_of(name));
    let label = fields.get("label", problems, name);
    let updated = fields.get("updated", problems, name);
    let created = fields.get("created", problems, name);
    let republish = fields.get("republish", problems, list_of(name));
    let referenced_by = fields.get("referencedBy", problems, list_of(name));
    let tree = fields.get("tree", problems, tree);
    let rows = Rows::read(&mut fields, problems);
    fields.close(problems);
    Some(RecordSpec {
        // A record without a table stays in its place, so that others are found where they stand.
        table: table.unwrap_or_default(),
        key: key.unwrap_or_default(),
        identity: identity.unwrap_or_default(),
        label,
        updated,
        created,
        republish: republish.unwrap_or_default(),
        referenced_by: referenced_by.unwrap_or_default(),
        tree,
        rows: rows.filter,
        ignore: rows.ignore,
        keep: rows.keep,
        redact: rows.redact,
        reset: rows.reset,
        references: rows.references,
        files: rows.files,
        owns: rows.owns,
    })
}

fn owned(at: &At<'_>, problems: &mut Problems) -> Option<OwnedSpec> {
    let mut fields = Fields::open(at, problems)?;
    let table = fields.need("table", problems, name);
    let by = fields.get("by", problems, owned_by);
    let identity = fields.get("identity", problems, list_of(name));
    let derived = fields.get("derived", problems, boolean).unwrap_or_default();
    let republish = fields.get("republish", problems, list_of(name));
    let rows = Rows::read(&mut fields, problems);
    fields.close(problems);
    Some(OwnedSpec {
        table: table.unwrap_or_default(),
        by,
        identity: identity.unwrap_or_default(),
        derived,
        republish: republish.unwrap_or_default(),
        rows: rows.filter,
        ignore: rows.ignore,
        keep: rows.keep,
        redact: rows.redact,
        reset: rows.reset,
        references: rows.references,
        files: rows.files,
        owns: rows.owns,
    })
}

/// The keys that root and owned rows share.
struct Rows {
    filter: BTreeMap<String, Condition>,
    ignore: Vec<String>,
    keep: BTreeMap<String, KeepRule>,
    redact: Vec<String>,
    reset: Vec<String>,
    references: BTreeMap<String, ReferenceRule>,
    files: Vec<FileRule>,
    owns: Vec<OwnedSpec>,
}

impl Rows {
    fn read(fields: &mut Fields<'_>, problems: &mut Problems) -> Self {
        const KEEP: &[(&str, KeepRule)] =
            &[("default", KeepRule::Default), ("source", KeepRule::Source)];
        Self {
            filter: fields.get("rows", problems, map_of(condition)).unwrap_or_default(),
            ignore: fields.get("ignore", problems, list_of(name)).unwrap_or_default(),
            keep: fields.get("keep", problems, map_of(word(KEEP))).unwrap_or_default(),
            redact: fields.get("redact", problems, list_of(name)).unwrap_or_default(),
            reset: fields.get("reset", problems, list_of(name)).unwrap_or_default(),
            references: fields.get("references", problems, references).unwrap_or_default(),
            files: fields.get("files", problems, list_of(file_rule)).unwrap_or_default(),
            owns: fields.get("owns", problems, list_of(owned)).unwrap_or_default(),
        }
    }
}

fn tree(at: &At<'_>, problems: &mut Problems) -> Option<TreeSpec> {
    let mut fields = Fields::open(at, problems)?;
    let path = fields.need("path", problems, name);
    let alphabet = fields.get("alphabet", problems, |at, problems| {
        let alphabet = text(at, problems)?;
        let mut seen = std::collections::BTreeSet::new();
        if alphabet.chars().count() < 2 || !alphabet.chars().all(|digit| seen.insert(digit)) {
            let message = format!("`{}` needs two or more different characters", at.path);
            problems.push(at.error("bad-alphabet", message));
            return None;
        }
        Some(alphabet)
    });
    let step = fields.need("step", problems, |at, problems| {
        let value = whole_number(at, problems)?;
        let step = u8::try_from(value).ok().filter(|step| *step > 0);
        if step.is_none() {
            let message = format!("`{}` must lie between 1 and 255", at.path);
            problems.push(at.error("out-of-range", message));
        }
        step
    });
    fields.close(problems);
    Some(TreeSpec { path: path?, step: step?, alphabet })
}

/// One condition of a filter.
pub(super) fn condition(at: &At<'_>, problems: &mut Problems) -> Option<Condition> {
    let mut fields = Fields::open(at, problems)?;
    let equals = fields.get_or_null("equals", problems, scalar).map(Condition::Equals);
    let one_of = fields.get("in", problems, list_of(scalar)).map(Condition::In);
    let none_of = fields.get("notIn", problems, list_of(scalar)).map(Condition::NotIn);
    let starts_with = fields.get("startsWith", problems, text).map(Condition::StartsWith);
    let given =
        ["equals", "in", "notIn", "startsWith"].iter().filter(|key| fields.has(key)).count();
    if given != 1 {
        let message =
            format!("`{}` must have one of `equals`, `in`, `notIn` and `startsWith`", at.path);
        problems.push(at.error("bad-condition", message));
    }
    fields.close(problems);
    equals.or(one_of).or(none_of).or(starts_with)
}

/// A constant, with the digits of numbers as written.
fn scalar(at: &At<'_>, problems: &mut Problems) -> Option<Scalar> {
    let Content::Scalar(written) = &at.node.content else {
        problems.push(at.wrong_type("a constant"));
        return None;
    };
    if at.node.is_null() {
        return Some(Scalar::Null);
    }
    let digits = || written.text.clone();
    match (written.style, guess(&written.text)) {
        (Style::Plain, Guess::Boolean) => Some(Scalar::Boolean(written.text == "true")),
        (Style::Plain, Guess::Integer) => {
            Some(written.text.parse().map_or_else(|_| Scalar::Decimal(digits()), Scalar::Integer))
        }
        (Style::Plain, Guess::Decimal) => Some(Scalar::Decimal(digits())),
        _ => any_text(at, problems).map(Scalar::Text),
    }
}

fn references(at: &At<'_>, problems: &mut Problems) -> Option<BTreeMap<String, ReferenceRule>> {
    let Content::Map(entries) = &at.node.content else {
        problems.push(at.wrong_type("a map"));
        return None;
    };
    let mut rules = BTreeMap::new();
    for entry in entries {
        match ReferencePlace::parse(&entry.key.text) {
            Ok(place) => {
                let bad = bad_name(place.column);
                problems.list.extend(bad.map(|problem| problem.at(entry.key.span)));
            }
            Err(why) => {
                let message = format!("`{}` {why}", visible(&entry.key.text));
                problems.push(Problem::error("bad-reference", message).at(entry.key.span));
            }
        }
        if let Some(rule) = reference(&at.key(entry), problems) {
            rules.insert(entry.key.text.clone(), rule);
        }
    }
    Some(rules)
}

fn reference(at: &At<'_>, problems: &mut Problems) -> Option<ReferenceRule> {
    match &at.node.content {
        Content::Scalar(_) => name(at, problems).map(ReferenceRule::to_table),
        Content::Map(_) => Some(ReferenceRule { choices: vec![choice(at, problems)?] }),
        Content::List(_) => {
            let choices = list_of(choice)(at, problems)?;
            if choices.is_empty() {
                let message = format!("`{}` needs at least one choice", at.path);
                problems.push(at.error("no-choice", message));
                return None;
            }
            Some(ReferenceRule { choices })
        }
    }
}

fn choice(at: &At<'_>, problems: &mut Problems) -> Option<ReferenceChoice> {
    let mut fields = Fields::open(at, problems)?;
    let table = fields.need("table", problems, name);
    let matching = fields.get("match", problems, list_of(name)).unwrap_or_default();
    let none = fields.get("none", problems, scalar);
    let when = fields.get("when", problems, map_of(condition)).unwrap_or_default();
    fields.close(problems);
    Some(ReferenceChoice { table: table?, matching, none, when })
}

fn owned_by(at: &At<'_>, problems: &mut Problems) -> Option<OwnedBy> {
    if !matches!(at.node.content, Content::Map(_)) {
        return name(at, problems).map(OwnedBy::Name);
    }
    let columns = map_of(owned_by_part)(at, problems)?;
    if !columns.values().any(|part| matches!(part, OwnedByPart::Column(_))) {
        let message =
            format!("`{}` must name a column of the parent, as in `object_id: id`", at.path);
        problems.push(at.error("no-parent", message));
        return None;
    }
    Some(OwnedBy::Columns(columns))
}

fn owned_by_part(at: &At<'_>, problems: &mut Problems) -> Option<OwnedByPart> {
    if !matches!(at.node.content, Content::Map(_)) {
        return name(at, problems).map(OwnedByPart::Column);
    }
    let mut fields = Fields::open(at, problems)?;
    let constant = fields.need("equals", problems, scalar);
    fields.close(problems);
    Some(OwnedByPart::Equals(constant?))
}

fn file_rule(at: &At<'_>, problems: &mut Problems) -> Option<FileRule> {
    if !matches!(at.node.content, Content::Map(_)) {
        let column = text(at, problems)?;
        return file_place(FileRule { column, when: BTreeMap::new(), pattern: None }, at, problems);
    }
    let mut fields = Fields::open(at, problems)?;
    let column = fields.need("column", problems, text);
    let when = fields.get("when", problems, map_of(condition)).unwrap_or_default();
    let pattern = fields.get("pattern", problems, text);
    if let Some(Err(why)) = pattern.as_deref().map(reference::one_group) {
        let message = format!("`{}.pattern` {why}", at.path);
        problems.push(Problem::error("bad-pattern", message).at(fields.span("pattern")));
        return None;
    }
    fields.close(problems);
    file_place(FileRule { column: column?, when, pattern }, at, problems)
}

fn file_place(rule: FileRule, at: &At<'_>, problems: &mut Problems) -> Option<FileRule> {
    let problem = match rule.place() {
        Ok(place) => bad_name(place.column).map(|problem| problem.at(at.node.span)),
        Err(why) => {
            let message = format!("`{}`: `{}` {why}", at.path, visible(&rule.column));
            Some(at.error("bad-reference", message))
        }
    };
    let is_good = problem.is_none();
    problems.list.extend(problem);
    is_good.then_some(rule)
}
