//! What a table is to all documents: read by some, written by one Resource, let by the operator.

use std::collections::BTreeMap;

use super::catalogue::{Sides, columns_named};
use super::{Place, all_outputs, outputs, read_tables};
use crate::manifest::problem::Problem;
use crate::manifest::protected::Class;
use crate::manifest::validate::protection::not_allowed;
use crate::manifest::validate::tables::no_table;
use crate::manifest::validate::{Context, parts as modules};
use crate::manifest::words::suggestion;

/// Tables that a Resource writes are no other's: neither of what is synchronized nor of what is read
/// to make documents. Their names say what they are, so that a manifest can't write over `user`.
pub fn roles(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let mut read: BTreeMap<&str, (String, String)> = BTreeMap::new();
    for part in modules::parts(context) {
        let line = part.locate_value(&[crate::manifest::Step::Key("table")]).line;
        let place = format!("{}:{line}", part.document.origin.source.name);
        read.entry(part.table())
            .or_insert_with(|| (format!("the module `{}`", part.document.name), place));
    }
    for (document, spec) in context.resources() {
        for (place, table) in read_tables(document, spec) {
            let owner = format!("the documents of `{}`", document.name);
            read.entry(table).or_insert_with(|| (owner, place.shown()));
        }
    }
    for output in all_outputs(context).into_iter().filter(|output| !output.table.is_empty()) {
        let (table, word) = (output.table, output.kind.word());
        let ending = format!("_{word}");
        let problem = if !table.ends_with(&ending) || table.len() == ending.len() {
            let message =
                format!("`{table}` can't be a {word} table: its name must end in `{ending}`");
            Problem::error("bad-output-table", message)
                .help("by its name everybody can see that its rows are made from others")
        } else if let Some((owner, other)) = read.get(table) {
            let message =
                format!("the table `{table}` can't be written here: it belongs to {owner}");
            Problem::error("table-is-read", message).help(format!("it is named in {other}"))
        } else {
            continue;
        };
        problems.push(output.place.key("table").problem(problem));
    }
}

/// Rows whose entity is gone are removed, so that two writers would remove each other's.
pub fn one_writer(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<&str, Place<'_>> = BTreeMap::new();
    for output in all_outputs(context).into_iter().filter(|output| !output.table.is_empty()) {
        let place = output.place.key("table");
        let Some(other) = first.get(output.table) else {
            first.insert(output.table, place);
            continue;
        };
        let message =
            format!("the table `{}` is written by `{}` already", output.table, other.document.name);
        let help = format!(
            "they would remove each other's rows; give each a table of its own. The other stands \
             in {}",
            other.shown()
        );
        problems.push(place.problem(Problem::error("shared-output", message).help(help)));
    }
}

/// The operator's list of tables holds here too; what is never synchronized may well be published,
/// since it stays within its environment.
pub fn reached(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, spec) in context.resources() {
        let written = outputs(document, spec).into_iter();
        let written = written.map(|output| (output.place.key("table"), output.table));
        for (place, table) in read_tables(document, spec).into_iter().chain(written) {
            if table.is_empty() {
                continue;
            }
            let what = format!("the table `{table}`");
            match context.protection.class_of(table) {
                Some(class @ (Class::Ledger | Class::Engine)) => {
                    let message = format!("{what} is never published: {class}");
                    problems.push(place.problem(Problem::error("never-published", message)));
                }
                _ if !context.protection.is_allowed(table) => {
                    problems.push(place.problem(not_allowed(&what)));
                }
                _ => {}
            }
        }
    }
}

/// What the operator hides from reviewers doesn't go to where every visitor of the shop reads.
pub fn redacted(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let Some(config) = context.config else { return };
    for (document, spec) in context.resources() {
        for (place, table, column) in columns_named(document, spec) {
            if config.redact_matches(table, column) {
                let message = format!("`{table}.{column}` is redacted, so it isn't published");
                let problem = Problem::error("redacted-column", message)
                    .help("leave it out, or ask the operator to show it (`tables.redact`)");
                problems.push(place.problem(problem));
            }
        }
    }
}

/// Tables that are read exist wherever documents are made.
pub fn tables_exist(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let sides = Sides::of(context);
    for (document, spec) in context.resources() {
        for (place, table) in read_tables(document, spec) {
            let class = context.protection.class_of(table);
            if class.is_some_and(Class::is_machinery) {
                continue;
            }
            let kind = sides.catalogs().find_map(|catalog| catalog.no_tables.get(table));
            if let Some(kind) = kind {
                problems.push(place.problem(no_table(table, *kind, "published")));
                continue;
            }
            let Some(missing) = sides.without(|catalog| catalog.table(table).is_some()) else {
                continue;
            };
            let names = sides.catalogs().flat_map(|catalog| catalog.tables.keys());
            let help = suggestion(table, names.map(String::as_str).collect::<Vec<_>>())
                .filter(|help| help.starts_with("did"));
            let message = format!("there is no table `{table}`{missing}");
            let problem = sides.problem(missing, "unknown-table", message);
            problems.push(place.problem(problem.help_if(help)));
        }
    }
}
