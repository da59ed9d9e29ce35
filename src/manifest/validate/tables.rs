//! Tables against the catalogues: that they exist, have a key, and owned rows a parent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Context;
use super::parts::{Part, Role, parts};
use crate::catalog::{Catalog, ForeignKey, Kind, NoTable, Table};
use crate::config::Environment;
use crate::manifest::Step;
use crate::manifest::problem::Problem;
use crate::manifest::protected::Class;
use crate::manifest::reference::{OwnedBy, OwnedByPart};
use crate::manifest::words::suggestion;

/// A table is missing from one environment only when that is a release behind; then its module
/// fails there. Missing from all, it is a mistake.
pub fn exist(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for part in parts(context) {
        let place = [Step::Key("table")];
        // Refused whether it is there or not.
        let class = context.protection.class_of(part.table());
        if !matches!(class, Some(Class::Ledger | Class::Engine)) {
            problems.extend(missing_table(context, &part, &place, part.table()));
        }
        for (column, rule) in part.references() {
            for choice in &rule.choices {
                let place = [Step::Key("references"), Step::Key(column)];
                problems.extend(missing_table(context, &part, &place, &choice.table));
            }
        }
    }
}

fn missing_table(
    context: &Context<'_>,
    part: &Part<'_>,
    place: &[Step<'_>],
    table: &str,
) -> Option<Problem> {
    let missing = environments_without(context, |catalog| catalog.table(table).is_some())?;
    let kind = context.catalogs.values().find_map(|catalog| catalog.no_tables.get(table));
    if let Some(kind) = kind {
        return Some(part.problem(place, no_table(table, *kind, "synchronized")));
    }
    let names = context.catalogs.values().flat_map(|catalog| catalog.tables.keys());
    let help = suggestion(table, names.map(String::as_str).collect::<Vec<_>>())
        .filter(|help| help.starts_with("did"));
    let problem = match missing {
        Missing::Everywhere => {
            Problem::error("unknown-table", format!("there is no table `{table}`")).help_if(help)
        }
        Missing::From(environment) => Problem::warning(
            "table-missing",
            format!("{environment} has no table `{table}`: the module can't be compared"),
        ),
    };
    Some(part.problem(place, problem))
}

pub(super) fn no_table(name: &str, kind: NoTable, verb: &str) -> Problem {
    let (kind, help) = match kind {
        NoTable::View => ("a view", "name the tables it reads"),
        NoTable::MaterializedView => ("a materialized view", "name the tables it reads"),
        NoTable::ForeignTable => ("a foreign table", "its rows lie in another database"),
        NoTable::Partition => ("a partition of another table", "name the partitioned table"),
        NoTable::VirtualTable => ("a virtual table", "name the table it is filled from"),
    };
    let message = format!("`{name}` is {kind}: only tables can be {verb}");
    Problem::error("no-table", message).help(help)
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => Ok(()),
            Self::From(environment) => write!(out, " in {environment}"),
        }
    }
}

/// Where something that should be in every catalogue isn't.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Everywhere,
    From(Environment),
}

pub fn environments_without(
    context: &Context<'_>,
    has: impl Fn(&Catalog) -> bool,
) -> Option<Missing> {
    let missing: Vec<Environment> = context
        .catalogs
        .iter()
        .filter(|(_, catalog)| !has(catalog))
        .map(|(environment, _)| *environment)
        .collect();
    match missing.as_slice() {
        [] => None,
        [environment] if context.catalogs.len() > 1 => Some(Missing::From(*environment)),
        _ => Some(Missing::Everywhere),
    }
}

/// Records are told apart by a primary key, or by a `key` that is as good as one.
pub fn have_key(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for part in parts(context) {
        let (given, help): (&[String], _) = match part.role {
            Role::Root(spec) => {
                (&spec.key, "name the columns of a unique key that is never NULL under `key`")
            }
            Role::Owned { .. } => (&[], "its rows can't be told apart; give it one"),
        };
        let without = environments_without(context, |catalog| {
            let table = catalog.table(part.table());
            table.is_none_or(|table| !given.is_empty() || !table.primary_key.is_empty())
        });
        if let Some(missing) = without {
            let message = format!("the table `{}` has no primary key{missing}", part.table());
            problems.push(part.table_problem(Problem::error("no-key", message).help(help)));
        }
        for reason in bad_keys(context, part.table(), given) {
            let message = format!("`key` can't identify rows of `{}`: {reason}", part.table());
            problems.push(part.problem(&[Step::Key("key")], Problem::error("bad-key", message)));
        }
    }
}

/// IDs stand in plans, manifests and messages, so no part of one may be redacted.
pub fn key_is_shown(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for part in parts(context) {
        let given: &[String] = match part.role {
            Role::Root(spec) => &spec.key,
            Role::Owned { .. } => &[],
        };
        let tables = context.catalogs.values().filter_map(|catalog| catalog.table(part.table()));
        let primary = tables.flat_map(|table| &table.primary_key).filter(|_| given.is_empty());
        let hidden = |column: &&String| {
            let operator = context.config.is_some_and(|it| it.redact_matches(part.table(), column));
            operator || part.redact().contains(column)
        };
        let hidden: BTreeSet<&String> = given.iter().chain(primary).filter(hidden).collect();
        for column in hidden {
            let message = format!(
                "the key column `{}.{column}` is redacted, but IDs stand in plans and manifests",
                part.table()
            );
            let help = "name the columns of another unique key under `key`, or leave the table out";
            problems.push(part.table_problem(Problem::error("redacted-key", message).help(help)));
        }
    }
}

/// What is wrong with a key in any environment; the same reason once.
fn bad_keys(context: &Context<'_>, table: &str, given: &[String]) -> BTreeSet<String> {
    let tables = context.catalogs.values().filter_map(|catalog| catalog.table(table));
    tables.filter_map(|table| bad_key(table, given)).collect()
}

/// Why the key, given or primary, isn't as good as a primary key. Unknown columns are `columns`'
/// finding.
fn bad_key(table: &Table, given: &[String]) -> Option<String> {
    let key = if given.is_empty() { &table.primary_key } else { given };
    let columns: Vec<_> = key.iter().filter_map(|name| table.column(name)).collect();
    if columns.len() < key.len() {
        return None;
    }
    if let Some(float) = columns.iter().find(|column| column.kind == Kind::Float) {
        return Some(format!("`{}` is a float", float.name));
    }
    let same = |columns: &[String]| {
        columns.len() == key.len() && columns.iter().all(|column| key.contains(column))
    };
    if given.is_empty() || same(&table.primary_key) {
        return None;
    }
    if let Some(nullable) = columns.iter().find(|column| column.nullable) {
        return Some(format!("`{}` may be NULL", nullable.name));
    }
    let unique = table.unique_keys.iter().any(|unique| !unique.partial && same(&unique.columns));
    (!unique).then(|| "no unique key has exactly these columns".to_owned())
}

/// Owned rows name their parent by the one foreign key there is, or by the one that `by` says.
pub fn have_parent(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for part in parts(context) {
        let Role::Owned { spec, parent } = part.role else { continue };
        for catalog in context.catalogs.values() {
            let (Some(table), Some(parent)) = (catalog.table(&spec.table), catalog.table(parent))
            else {
                continue;
            };
            let keys: Vec<&ForeignKey> =
                table.foreign_keys.iter().filter(|key| key.to_table == parent.name).collect();
            let found = match &spec.by {
                None => one_key(table, parent, &keys).map(|problem| part.table_problem(problem)),
                Some(OwnedBy::Name(by)) => named_key(table, parent, &keys, by)
                    .map(|problem| part.problem(&[Step::Key("by")], problem)),
                Some(OwnedBy::Columns(columns)) => {
                    mapped(parent, columns).map(|problem| part.problem(&[Step::Key("by")], problem))
                }
            };
            problems.extend(found);
        }
    }
}

/// A map names columns that the parent has; the table's own are `columns`' finding.
fn mapped(parent: &Table, columns: &BTreeMap<String, OwnedByPart>) -> Option<Problem> {
    let wanted = columns.values().filter_map(|part| match part {
        OwnedByPart::Column(column) => Some(column.as_str()),
        OwnedByPart::Equals(_) => None,
    });
    let missing = wanted.into_iter().find(|column| parent.column(column).is_none())?;
    let message = format!("the parent's table `{}` has no column `{missing}`", parent.name);
    let names = parent.columns.iter().map(|column| column.name.as_str());
    let help = suggestion(missing, names.collect::<Vec<_>>());
    Some(Problem::error("unknown-column", message).help_if(help))
}

fn one_key(table: &Table, parent: &Table, keys: &[&ForeignKey]) -> Option<Problem> {
    let (name, to) = (&table.name, &parent.name);
    match keys {
        [_] => None,
        [] => Some(
            Problem::error("no-parent", format!("`{name}` has no foreign key to `{to}`"))
                .help("say which column holds the parent's ID, as in `by: parent_id`"),
        ),
        several => {
            let choices: Vec<String> =
                several.iter().map(|key| format!("`{}`", key.columns.join(", "))).collect();
            let message = format!(
                "`{name}` has {} foreign keys to `{to}`: {}",
                several.len(),
                choices.join(", ")
            );
            Some(Problem::error("several-parents", message).help("choose one with `by`"))
        }
    }
}

fn named_key(table: &Table, parent: &Table, keys: &[&ForeignKey], by: &str) -> Option<Problem> {
    let names_key =
        keys.iter().any(|key| key.name == by || key.columns.iter().any(|column| column == by));
    if names_key {
        return None;
    }
    let (name, to) = (&table.name, &parent.name);
    if table.column(by).is_none() {
        let names = table.columns.iter().map(|column| column.name.as_str());
        let message = format!("`{name}` has neither a column nor a foreign key `{by}`");
        return Some(
            Problem::error("unknown-column", message)
                .help_if(suggestion(by, names.collect::<Vec<_>>())),
        );
    }
    (parent.primary_key.len() > 1).then(|| {
        let message = format!(
            "`{by}` alone can't name a row of `{to}`, whose key has {} columns",
            parent.primary_key.len()
        );
        Problem::error("bad-parent", message).help("name a foreign key with `by`")
    })
}
