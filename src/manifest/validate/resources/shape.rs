//! What can be judged of a Resource alone: that it goes somewhere, and that its tree makes sense.

use std::collections::BTreeSet;

use super::{Part, Place, parts, spread_tables};
use crate::manifest::State;
use crate::manifest::problem::Problem;
use crate::manifest::resource::{ChildSpec, ResourceSpec, Spread};
use crate::manifest::validate::{Context, MAX_ALIKE};

/// Longest names of a store and of a locale: the widths of their columns.
const MAX_STORE: usize = 128;
const MAX_LOCALE: usize = 16;
/// What the publisher puts into each value itself.
const RESERVED: &str = "_timestamp";

/// A document that goes nowhere would be made for nothing.
pub fn published_somewhere(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, spec) in context.resources() {
        if spec.storage.is_some() || spec.search.is_some() {
            continue;
        }
        let place = Place::spec(document);
        // One that couldn't be read is told already.
        if place.holds("storage") || place.holds("search") {
            continue;
        }
        let message = format!("the resource `{}` goes nowhere", document.name);
        let problem = Problem::error("nowhere-to-publish", message)
            .help("say where with `storage` (Redis), `search` (Elasticsearch) or both");
        problems.push(place.key_problem(problem));
    }
}

/// Stores and locales become parts of keys, so they are named once and in letters that keys keep.
pub fn spreads(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, spec) in context.resources() {
        for (key, spread, longest) in
            [("stores", &spec.stores, MAX_STORE), ("locales", &spec.locales, MAX_LOCALE)]
        {
            let Some(Spread::Listed(names)) = spread else { continue };
            let place = Place::spec(document).key(key);
            let mut seen = BTreeSet::new();
            let wrong = names.iter().enumerate().filter_map(|(index, name)| {
                let problem = if seen.insert(name.to_lowercase()) {
                    bad_part(name, longest)?
                } else {
                    let message = format!("`{name}` is named twice; keys hold it in lower case");
                    Problem::error("named-twice", message)
                };
                Some(place.index(index).problem(problem))
            });
            problems.extend(wrong.take(MAX_ALIKE));
        }
    }
}

/// Why a name can't be a part of a key.
pub fn bad_part(name: &str, longest: usize) -> Option<Problem> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !name.is_empty() && name.len() <= longest && name.chars().all(good) {
        return None;
    }
    let help = format!(
        "letters, digits, `_`, `-` and `.`, at most {longest} of them: it becomes a part of keys, \
         between colons"
    );
    Some(Problem::error("bad-key-part", format!("`{name}` can't be a part of a key")).help(help))
}

/// Columns and children stand side by side in a document, each under its name.
pub fn names_are_told_apart(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, spec) in context.resources() {
        for part in parts(document, spec) {
            names_of(&part, problems);
        }
    }
}

fn names_of(part: &Part<'_>, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    let (columns, children) = (part.place.key("columns"), part.place.key("children"));
    let listed = part.columns.iter().enumerate();
    let listed = listed.map(|(index, name)| (columns.index(index), name, "column"));
    let below = part.children.iter().enumerate();
    let below =
        below.map(|(index, child)| (children.index(index).key("name"), &child.name, "child"));
    let mut wrong = Vec::new();
    for (place, name, what) in listed.chain(below) {
        let problem = if name.is_empty() {
            continue;
        } else if name == RESERVED {
            let message = format!("`{RESERVED}` is the version that each value carries");
            Problem::error("reserved-name", message).help("choose another name")
        } else if what == "child" && name.contains('.') {
            let message = format!("the child's name `{name}` holds a dot, which parts paths");
            Problem::error("bad-name", message)
        } else if !seen.insert(name) {
            let message = format!("the {what} `{name}` has the name of something beside it");
            Problem::error("named-twice", message)
                .help("a document holds columns and children under their names")
        } else {
            continue;
        };
        wrong.push(place.problem(problem));
    }
    problems.extend(wrong.into_iter().take(MAX_ALIKE));
}

/// A child has one way to its parent, and says what its rows are chosen by.
pub fn children_make_sense(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, spec) in context.resources() {
        for part in parts(document, spec) {
            if let Some((child, _)) = part.child {
                problems.extend(child_problems(spec, &part.place, child));
            }
        }
        for (place, spread) in spread_tables(document, spec) {
            if spread.by.as_ref() == Some(&spread.column) {
                let message = format!("`{}` can't be both `by` and `column`", spread.column);
                problems.push(place.key("by").problem(Problem::error("two-roles", message)));
            }
        }
    }
}

fn child_problems<'a>(
    spec: &ResourceSpec,
    place: &Place<'a>,
    child: &'a ChildSpec,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    if child.by.is_some() && child.via.is_some() {
        let problem =
            Problem::error("by-or-via", format!("`{}` has both `by` and `via`", child.name))
                .help("`by` is a column of this table, `via` one of the parent's");
        problems.push(place.key("via").key_problem(problem));
    }
    for (key, given, spread, all) in [
        ("locale", &child.locale, &spec.locales, "locales"),
        ("store", &child.store, &spec.stores, "stores"),
    ] {
        if given.is_some() && spread.is_none() && !Place::spec(place.document).holds(all) {
            let message =
                format!("`{}` has a `{key}`, and the resource has no `{all}`", child.name);
            let problem = Problem::error("no-spread", message).help(format!(
                "name them under `spec.{all}`, so that there is a document for each"
            ));
            problems.push(place.key(key).key_problem(problem));
        }
    }
    let unread = place.document.state == State::Broken && place.holds("columns");
    if child.columns.is_empty() && child.children.is_empty() && !child.name.is_empty() && !unread {
        let message = format!("`{}` has neither columns nor children: it says nothing", child.name);
        problems.push(place.key("name").problem(Problem::error("empty-child", message)));
    }
    problems
}
