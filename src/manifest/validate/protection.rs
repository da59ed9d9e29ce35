//! Whether a module reaches what is never synchronized.

use std::collections::BTreeSet;

use super::Context;
use super::parts::{Part, Role, parts};
use crate::catalog::{Catalog, OnDelete};
use crate::config::MobileApp;
use crate::manifest::filter::{Condition, Scalar};
use crate::manifest::module::RecordSpec;
use crate::manifest::problem::Problem;
use crate::manifest::protected::Class;
use crate::manifest::reference::column_of;
use crate::manifest::{Document, Step};

/// The one module that may hold system settings: those of the mobile app.
const SYSTEM_CONFIG: &str = "system-config";

/// No module has a protected name, root or owned table, or one the operator doesn't allow; no
/// reference names the tool's own tables.
pub fn not_reached(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, _) in context.modules() {
        if let Some(class) = context.protection.class_of(&document.name)
            && document.name != SYSTEM_CONFIG
        {
            let what = format!("a module of the name `{}`", document.name);
            let place = [Step::Key("metadata"), Step::Key("name")];
            let span = document.origin.locate_value(&place);
            problems.push(document.origin.problem(refusal(&what, class), span));
        }
    }
    for part in parts(context) {
        let class = match part.role {
            Role::Root(_) => context.protection.class_of(part.table()),
            Role::Owned { .. } => context.protection.class_of_owned(part.table()),
        };
        let what = format!("the table `{}`", part.table());
        match class {
            // Judged by `mobile_app`.
            Some(Class::SystemSettings) if is_system_config(&part) => {}
            Some(class) => {
                let problem = refusal(&what, class);
                let rows = context.protection.mobile_app();
                let problem = match rows.filter(|rows| rows.table == part.table()) {
                    Some(_) => problem.help(format!(
                        "only the module `{SYSTEM_CONFIG}` may hold it, with the mobile app's rows"
                    )),
                    None => problem,
                };
                problems.push(part.table_problem(problem));
            }
            None if !context.protection.is_allowed(part.table()) => {
                problems.push(part.table_problem(not_allowed(&what)));
            }
            None => {}
        }
        own_tables_in_references(context, &part, problems);
    }
}

fn is_system_config(part: &Part<'_>) -> bool {
    part.document.name == SYSTEM_CONFIG && matches!(part.role, Role::Root(_))
}

pub(super) fn refusal(what: &str, class: Class) -> Problem {
    let problem =
        Problem::error("never-synchronized", format!("{what} is never synchronized: {class}"));
    match class {
        Class::Ledger | Class::Engine => problem,
        Class::Added => {
            problem.help("the operator protects it, in reconcile.yaml under `protected.add`")
        }
        _ => problem.help(
            "if the name only looks like it, the operator can spare it in reconcile.yaml under \
             `protected.allow`",
        ),
    }
}

pub(super) fn not_allowed(what: &str) -> Problem {
    Problem::error("table-not-allowed", format!("the operator doesn't allow {what}"))
        .help("the operator's reconcile.yaml lists what manifests may reach under `tables.allow`")
}

fn own_tables_in_references(context: &Context<'_>, part: &Part<'_>, problems: &mut Vec<Problem>) {
    for (column, rule) in part.references() {
        for choice in &rule.choices {
            let class = context.protection.class_of(&choice.table);
            if let Some(class @ (Class::Ledger | Class::Engine)) = class {
                let what = format!("the table `{}`", choice.table);
                let place = [Step::Key("references"), Step::Key(column)];
                problems.push(part.problem(&place, refusal(&what, class)));
            }
        }
    }
}

/// Deleting a row deletes what refers to it by ON DELETE CASCADE: that reaches too.
pub fn no_cascade(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for part in parts(context) {
        let own: BTreeSet<&str> = owned_tables(&part);
        for catalog in context.catalogs.values() {
            for (reached, by) in cascade(catalog, part.table()) {
                if own.contains(reached) {
                    continue;
                }
                let what =
                    format!("the table `{reached}`, which `{by}` reaches by ON DELETE CASCADE,");
                let problem = match context.protection.class_of(reached) {
                    Some(class) => refusal(&what, class),
                    None if !context.protection.is_allowed(reached) => not_allowed(&what),
                    None => continue,
                };
                problems.push(part.table_problem(problem));
            }
        }
    }
}

/// Tables below a part that its record names, so that they are judged for themselves.
fn owned_tables<'a>(part: &Part<'a>) -> BTreeSet<&'a str> {
    let mut tables = BTreeSet::from([part.table()]);
    let mut left: Vec<_> = match part.role {
        Role::Root(spec) => spec.owns.iter().collect(),
        Role::Owned { spec, .. } => spec.owns.iter().collect(),
    };
    while let Some(spec) = left.pop() {
        tables.insert(&spec.table);
        left.extend(&spec.owns);
    }
    tables
}

/// Every table a deletion cascades into, with the table it comes from.
fn cascade<'a>(catalog: &'a Catalog, table: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut seen = BTreeSet::from([table]);
    let mut reached = Vec::new();
    let mut left = vec![table];
    while let Some(table) = left.pop() {
        for (holder, key) in catalog.referrers(table) {
            if key.on_delete == OnDelete::Cascade && seen.insert(&holder.name) {
                reached.push((holder.name.as_str(), table));
                left.push(&holder.name);
            }
        }
    }
    reached
}

/// The module `system-config` holds nothing but the rows the operator named, and its images come
/// along.
pub fn mobile_app(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, spec) in context.modules() {
        if document.name != SYSTEM_CONFIG {
            continue;
        }
        if !spec.requires_gallery_folders {
            let message = "the module `system-config` must say `requiresGalleryFolders: true`";
            let problem = Problem::error("gallery-folders-needed", message)
                .help("the mobile app's settings name images; the usual folder is `mobile_app`");
            let span = document.origin.locate(&[Step::Key("spec")]);
            problems.push(document.origin.problem(problem, span));
        }
        for (index, record) in spec.records.iter().enumerate() {
            problems.extend(system_record(context, document, index, record));
        }
    }
}

fn system_record(
    context: &Context<'_>,
    document: &Document,
    index: usize,
    record: &RecordSpec,
) -> Option<Problem> {
    if !context.protection.knows_operator() {
        return None;
    }
    let class = context.protection.class_of(&record.table);
    let what = format!("the table `{}`", record.table);
    let problem = match context.protection.mobile_app() {
        Some(rows) if rows.table == record.table => beyond(record, rows, &what)?,
        Some(_) if class == Some(Class::SystemSettings) => refusal(&what, Class::SystemSettings),
        None if class == Some(Class::SystemSettings) => Problem::error(
            "never-synchronized",
            format!("{what} is never synchronized: {}", Class::SystemSettings),
        )
        .help("only the operator can open the mobile app's rows, under `protected.mobileApp`"),
        // Judged as in any module.
        _ if class.is_some() => return None,
        _ => Problem::error(
            "never-synchronized",
            format!(
                "the module `{SYSTEM_CONFIG}` holds the mobile app's settings alone, not {what}"
            ),
        )
        .help("give the table a module of its own"),
    };
    let place = [Step::Key("spec"), Step::Key("records"), Step::Index(index), Step::Key("table")];
    Some(document.origin.problem(problem, document.origin.locate_value(&place)))
}

/// What lets rows in, or makes rows, that aren't the mobile app's.
fn beyond(record: &RecordSpec, rows: &MobileApp, what: &str) -> Option<Problem> {
    let MobileApp { column, starts_with, .. } = rows;
    let code = "never-synchronized";
    if !within(record, rows) {
        let message =
            format!("{what} is never synchronized beyond the mobile app's rows: system settings");
        let help = format!("add `rows: {{{column}: {{startsWith: \"{starts_with}\"}}}}`");
        return Some(Problem::error(code, message).help(help));
    }
    let by_another_name = is_written_otherwise(record, column)?;
    let message = format!(
        "`{column}` says which rows of {what} are the mobile app's, so `{by_another_name}` can't change it"
    );
    Some(Problem::error(code, message).help(format!("take `{column}` out of `{by_another_name}`")))
}

/// The key by which a column is written as something else than what the source holds, or not at all.
fn is_written_otherwise(record: &RecordSpec, column: &str) -> Option<&'static str> {
    let named = |names: &[String]| names.iter().any(|name| name == column);
    if record.keep.contains_key(column) {
        Some("keep")
    } else if named(&record.reset) {
        Some("reset")
    } else if named(&record.ignore) {
        Some("ignore")
    } else if record.references.keys().any(|key| column_of(key) == column) {
        Some("references")
    } else if record.tree.as_ref().is_some_and(|tree| tree.path == column) {
        Some("tree")
    } else {
        None
    }
}

/// Whether every row that passes the filter is one of the mobile app's.
fn within(record: &RecordSpec, rows: &MobileApp) -> bool {
    let inside =
        |value: &Scalar| matches!(value, Scalar::Text(text) if text.starts_with(&rows.starts_with));
    match record.rows.get(&rows.column) {
        Some(Condition::StartsWith(prefix)) => prefix.starts_with(&rows.starts_with),
        Some(Condition::Equals(value)) => inside(value),
        Some(Condition::In(values)) => values.iter().all(inside),
        Some(Condition::NotIn(_)) | None => false,
    }
}
