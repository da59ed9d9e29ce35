//! The ways to the read stores: queues, keys, mappings, and the fields of search.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::bad_part;
use super::{Kind, all_outputs, outputs};
use crate::manifest::State;
use crate::manifest::problem::Problem;
use crate::manifest::resource::{ChildSpec, ResourceSpec};
use crate::manifest::validate::{Context, MAX_ALIKE};
use crate::manifest::words::suggestion;

/// Longest name of a queue: with `.error` behind it, still one that a broker takes.
const MAX_QUEUE: usize = 200;
/// Longest resource and type in a key and an index's name.
const MAX_KEY_PART: usize = 128;

/// Queues beside those of the events that make rows, and beside those of errors.
pub fn queues(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for output in all_outputs(context) {
        let Some(reason) = bad_queue(output.queue) else { continue };
        let message = format!("`{}` can't be the name of a queue: {reason}", output.queue);
        let problem = Problem::error("bad-queue", message)
            .help(format!("as in `sync.{}.product`", output.kind.word()));
        problems.push(output.place.key("queue").problem(problem));
    }
}

fn bad_queue(name: &str) -> Option<&'static str> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        // Missing, which is told already.
        None
    } else if name.len() > MAX_QUEUE {
        Some("it is too long")
    } else if !name.chars().all(good) {
        Some("it holds other characters than letters, digits, `.`, `_` and `-`")
    } else if name.rsplit('.').next() == Some("error") {
        Some("messages that failed are kept under such names")
    } else if name == "publish" || name.starts_with("publish.") {
        Some("events of entities go through queues of such names")
    } else {
        None
    }
}

/// The parts of keys and of indexes' names.
pub fn keys(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for output in all_outputs(context) {
        let resource = &output.key.resource;
        if !resource.is_empty() {
            let place = output.place.key("key").key("resource");
            problems.extend(bad_part(resource, MAX_KEY_PART).map(|found| place.problem(found)));
        }
        if let Kind::Search(spec) = output.kind
            && !spec.kind.is_empty()
        {
            let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            let begins = spec.kind.starts_with(|c: char| c.is_ascii_alphanumeric());
            if !begins || spec.kind.len() > MAX_KEY_PART || !spec.kind.chars().all(good) {
                let message = format!("`{}` can't be a part of an index's name", spec.kind);
                let problem = Problem::error("bad-type", message).help(format!(
                    "letters, digits, `_` and `-`, beginning with a letter or digit, at most \
                     {MAX_KEY_PART} of them"
                ));
                problems.push(output.place.key("type").problem(problem));
            }
        }
    }
}

/// `SOURCE:DESTINATION`, each source once: its name and value are a key of its own.
pub fn mappings(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for output in all_outputs(context) {
        let mut sources = BTreeSet::new();
        let place = output.place.key("mappings");
        let mut wrong = Vec::new();
        for (index, written) in output.kind.mappings().iter().enumerate() {
            let problem = match mapping(written) {
                None => Problem::error("bad-mapping", format!("`{written}` is no mapping"))
                    .help("two columns of the entity, as in `\"sku:id\"`: found by the first, it says the second"),
                Some((source, _)) if !sources.insert(source) => {
                    let message = format!("`{source}` is mapped twice, which makes the same key");
                    Problem::error("named-twice", message)
                }
                Some(_) => continue,
            };
            wrong.push(place.index(index).problem(problem));
        }
        problems.extend(wrong.into_iter().take(MAX_ALIKE));
    }
}

/// Source and destination of a mapping.
pub fn mapping(written: &str) -> Option<(&str, &str)> {
    let (source, destination) = written.split_once(':')?;
    let good = !source.is_empty() && !destination.is_empty() && !destination.contains(':');
    good.then_some((source, destination))
}

/// The fields of search take values that the document holds.
pub fn fields(context: &Context<'_>, problems: &mut Vec<Problem>) {
    // Of a broken document columns may be missing that are written.
    let whole = context.resources().filter(|(document, _)| document.state == State::Healthy);
    for (document, spec) in whole {
        for output in outputs(document, spec) {
            let Kind::Search(search) = output.kind else { continue };
            let place = output.place.key("fields");
            let wrong = search.fields.iter().filter_map(|(field, path)| {
                let problem = bad_path(spec, path)?;
                Some(place.key(field).problem(problem))
            });
            problems.extend(wrong.take(MAX_ALIKE));
        }
    }
}

/// Why a path leads to no value of the document.
fn bad_path(spec: &ResourceSpec, path: &str) -> Option<Problem> {
    let (mut columns, mut children) = (&spec.document.columns[..], &spec.document.children[..]);
    let mut left = path;
    loop {
        // A column may hold a dot, a child's name may not.
        if columns.iter().any(|column| column == left) {
            return None;
        }
        let (name, rest) = match left.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (left, None),
        };
        let child = children.iter().find(|child| child.name == name);
        match (child, rest) {
            (Some(child), Some(rest)) => {
                (columns, children, left) = (&child.columns, &child.children, rest);
            }
            (Some(child), None) => return Some(names_rows(path, child)),
            (None, _) => break,
        }
    }
    let all = paths(spec);
    let message = format!("the document has no `{path}`");
    Some(
        Problem::error("unknown-path", message)
            .help_if(suggestion(path, all.iter().map(String::as_str))),
    )
}

fn names_rows(path: &str, child: &ChildSpec) -> Problem {
    let message = format!("`{path}` is no value, but the rows of `{}`", child.table);
    let help = match child.columns.first() {
        Some(column) => format!("name a column of them, as in `{path}.{column}`"),
        None => "name a column of them".to_owned(),
    };
    Problem::error("unknown-path", message).help(help)
}

/// Every path that leads to a value.
fn paths(spec: &ResourceSpec) -> Vec<String> {
    let mut paths = spec.document.columns.clone();
    let mut left: Vec<(String, &ChildSpec)> =
        spec.document.children.iter().map(|child| (child.name.clone(), child)).collect();
    while let Some((path, child)) = left.pop() {
        paths.extend(child.columns.iter().map(|column| format!("{path}.{column}")));
        left.extend(child.children.iter().map(|below| (format!("{path}.{}", below.name), below)));
    }
    paths.sort_unstable();
    paths
}

/// Two Resources with the same keys would overwrite, and as orphans remove, each other's values.
pub fn keys_belong_to_one(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let mut first = BTreeMap::new();
    for output in all_outputs(context) {
        if output.key.resource.is_empty() {
            continue;
        }
        let index = match output.kind {
            Kind::Storage(_) => None,
            Kind::Search(spec) => Some(spec.kind.to_lowercase()),
        };
        let (word, resource) = (output.kind.word(), &output.key.resource);
        let place = output.place.key("key").key("resource");
        let name = &output.place.document.name;
        match first.entry((index, resource.to_lowercase())) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert((name, place));
            }
            std::collections::btree_map::Entry::Occupied(other) => {
                let (owner, other) = other.get();
                let message =
                    format!("keys of `{resource}` in {word} are those of `{owner}` already");
                let problem = Problem::error("shared-keys", message).help(format!(
                    "they would overwrite each other's values; the other stands in {}",
                    other.shown()
                ));
                problems.push(place.problem(problem));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_beside_those_of_events_and_errors() {
        for good in ["sync.storage.product", "a", "publishing", "SYNC_1-b", "x.errors"] {
            assert_eq!(bad_queue(good), None, "{good}");
        }
        let long = "q".repeat(MAX_QUEUE + 1);
        for bad in ["sync storage", "publish", "publish.page", "sync.error", "a/b", "é", &long] {
            assert!(bad_queue(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_mapping_has_two_sides() {
        assert_eq!(mapping("sku:id"), Some(("sku", "id")));
        for bad in ["sku", "sku:", ":id", "a:b:c", ""] {
            assert_eq!(mapping(bad), None, "{bad}");
        }
    }
}
