//! Columns against the catalogues: that they exist, and take what a module asks of them.

use super::Context;
use super::parts::{Part, Role, parts};
use super::tables::{Missing, environments_without};
use crate::catalog::{Column, Kind, Table};
use crate::manifest::Step;
use crate::manifest::filter::{Condition, Scalar};
use crate::manifest::module::KeepRule;
use crate::manifest::problem::Problem;
use crate::manifest::reference::{OwnedBy, column_of};
use crate::manifest::words::suggestion;

/// Every column a module names is there, in the table it is named for.
pub fn exist(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for part in parts(context) {
        for (place, column) in named(&part) {
            problems.extend(missing(context, &part, &place, part.table(), column));
        }
        for (column, rule) in part.references() {
            for choice in &rule.choices {
                for matching in &choice.matching {
                    let place = [
                        Step::Key("references"),
                        Step::Key(column),
                        Step::Key("match"),
                        Step::Item(matching),
                    ];
                    problems.extend(missing(context, &part, &place, &choice.table, matching));
                }
            }
        }
    }
}

/// Every column of the part's own table that it names, with its place.
fn named<'a>(part: &Part<'a>) -> Vec<(Vec<Step<'a>>, &'a str)> {
    let mut named = Vec::new();
    let mut list = |key: &'static str, columns: &'a [String]| {
        for column in columns {
            named.push((vec![Step::Key(key), Step::Item(column)], column.as_str()));
        }
    };
    list("identity", part.identity());
    list("ignore", part.ignore());
    list("redact", part.redact());
    list("reset", part.reset());
    if let Role::Root(spec) = part.role {
        list("key", &spec.key);
        let singles =
            [("label", &spec.label), ("updated", &spec.updated), ("created", &spec.created)];
        for (key, column) in singles {
            // A single column is shown at its value, as an item of a list would be.
            let place = vec![Step::Key(key), Step::Value];
            named.extend(column.iter().map(|column| (place.clone(), column.as_str())));
        }
    }
    for (index, file) in part.files().iter().enumerate() {
        let item = match file.is_plain() {
            true => vec![Step::Key("files"), Step::Item(&file.column)],
            false => vec![Step::Key("files"), Step::Index(index), Step::Key("column"), Step::Value],
        };
        named.push((item, column_of(&file.column)));
    }
    let keys = part.rows().keys().map(|column| ("rows", column));
    let keys = keys.chain(part.keep().keys().map(|column| ("keep", column)));
    let keys = keys.chain(part.references().keys().map(|column| ("references", column)));
    named.extend(
        keys.map(|(key, column)| (vec![Step::Key(key), Step::Key(column)], column_of(column))),
    );
    named.extend(tested(part).into_iter().map(|(place, column, _)| (place, column)));
    if let Role::Owned { spec, .. } = part.role
        && let Some(OwnedBy::Columns(columns)) = &spec.by
    {
        let keys = columns.keys();
        named.extend(keys.map(|name| (vec![Step::Key("by"), Step::Key(name)], name.as_str())));
    }
    named
}

/// Every condition of a `when`, with its place and column.
fn tested<'a>(part: &Part<'a>) -> Vec<(Vec<Step<'a>>, &'a str, &'a Condition)> {
    let mut tested = Vec::new();
    for (key, rule) in part.references() {
        for (index, choice) in rule.choices.iter().enumerate() {
            let mut place = vec![Step::Key("references"), Step::Key(key)];
            if rule.choices.len() > 1 {
                place.push(Step::Index(index));
            }
            for (column, condition) in &choice.when {
                let place = [&place[..], &[Step::Key("when"), Step::Key(column)]].concat();
                tested.push((place, column.as_str(), condition));
            }
        }
    }
    for (index, file) in part.files().iter().enumerate() {
        let place = [Step::Key("files"), Step::Index(index), Step::Key("when")];
        for (column, condition) in &file.when {
            let place = [&place[..], &[Step::Key(column)]].concat();
            tested.push((place, column.as_str(), condition));
        }
    }
    tested
}

fn missing(
    context: &Context<'_>,
    part: &Part<'_>,
    place: &[Step<'_>],
    table: &str,
    column: &str,
) -> Option<Problem> {
    // Of a table that isn't there nothing more needs to be said.
    let is_there = |table: &Table| table.column(column).is_some();
    let found = environments_without(context, |catalog| catalog.table(table).is_none_or(is_there))?;
    let columns = context.catalogs.values().filter_map(|catalog| catalog.table(table));
    let columns = columns.flat_map(|table| &table.columns).map(|column| column.name.as_str());
    let mut columns: Vec<&str> = columns.collect();
    columns.sort_unstable();
    columns.dedup();
    let problem = match found {
        Missing::Everywhere => {
            let message = format!("the table `{table}` has no column `{column}`");
            Problem::error("unknown-column", message).help_if(suggestion(column, columns))
        }
        Missing::From(environment) => {
            let message = format!("the table `{table}` has no column `{column}` in {environment}");
            Problem::warning("column-missing", message)
        }
    };
    let span = part.locate(place);
    Some(part.document.origin.problem(problem, span))
}

/// Generated columns can't be kept, constants fit the columns they are compared with, and
/// declared references are of one column to a table with one.
pub fn fit(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for part in parts(context) {
        for catalog in context.catalogs.values() {
            let Some(table) = catalog.table(part.table()) else { continue };
            for (name, condition) in part.rows() {
                let Some(column) = table.column(name) else { continue };
                let place = [Step::Key("rows"), Step::Key(name)];
                problems.extend(
                    bad_constant(column, condition).map(|found| part.problem(&place, found)),
                );
            }
            for (place, name, condition) in tested(&part) {
                // What a reference's row is called is judged when it is read.
                let refers = part.references().keys().any(|key| key == name)
                    || table.foreign_keys.iter().any(|key| key.columns == [name]);
                let Some(column) = table.column(name).filter(|_| !refers) else { continue };
                let found = bad_constant(column, condition);
                problems.extend(found.map(|found| part.problem(&place, found)));
            }
            for (name, place) in written(&part) {
                if table.column(name).is_some_and(|column| column.generated) {
                    let message = format!("the database computes `{name}`: it is never written");
                    let problem = Problem::error("generated-column", message);
                    let span = part.locate(&place);
                    problems.push(part.document.origin.problem(problem, span));
                }
            }
            composite_references(catalog, &part, problems);
        }
    }
}

/// An insert that leaves a column to its default works only where there is one. A trigger may fill
/// the column in, which can't be told from here.
pub fn keep_has_default(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for part in parts(context) {
        let by_default = part
            .keep()
            .iter()
            .filter(|(_, rule)| **rule == KeepRule::Default)
            .map(|(name, _)| name);
        for name in by_default {
            let without: Vec<&str> = context
                .catalogs
                .iter()
                .filter(|(_, catalog)| {
                    catalog.table(part.table()).is_some_and(|table| lacks_default(table, name))
                })
                .map(|(environment, _)| environment.as_str())
                .collect();
            if without.is_empty() {
                continue;
            }
            let message = format!(
                "the module `{}` can't insert into `{}`: `{name}` is NOT NULL and has no default \
                 in {}",
                part.document.name,
                part.table(),
                without.join(" and ")
            );
            let problem = Problem::error("no-default", message)
                .help(format!("write `{name}: source`, or give the column a default"));
            let span = part.locate(&[Step::Key("keep"), Step::Key(name)]);
            problems.push(part.document.origin.problem(problem, span));
        }
    }
}

fn lacks_default(table: &Table, name: &str) -> bool {
    table.triggers.is_empty()
        && table.column(name).is_some_and(|column| {
            !column.nullable
                && !column.generated
                && column.default.is_none()
                && column.auto.is_none()
        })
}

/// What a filter selects is counted, so counts would tell what a redacted column holds; the same
/// goes for the value that means no reference.
pub fn filters_probe_nothing(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let parts = parts(context);
    for part in &parts {
        let redacted = |column: &str| {
            context.config.is_some_and(|config| config.redact_matches(part.table(), column))
                || parts.iter().filter(|other| other.table() == part.table()).any(|other| {
                    other.redact().iter().any(|name| name.eq_ignore_ascii_case(column))
                })
        };
        let filters = part.rows().keys().map(|column| ("rows", column));
        let constants = part
            .references()
            .iter()
            .filter(|(_, rule)| rule.choices.iter().any(|choice| choice.none.is_some()));
        let constants = constants.map(|(key, _)| ("references", key.as_str()));
        let filters = filters.map(|(key, column)| (key, column.as_str()));
        let asked = filters.chain(constants);
        let mut asked: Vec<(Vec<Step<'_>>, &str)> = asked
            .map(|(key, column)| (vec![Step::Key(key), Step::Key(column)], column_of(column)))
            .collect();
        asked.extend(tested(part).into_iter().map(|(place, column, _)| (place, column)));
        for (place, column) in asked.into_iter().filter(|(_, column)| redacted(column)) {
            let message = format!(
                "`{}.{column}` is redacted: comparing it with constants would tell what it holds",
                part.table()
            );
            let problem = Problem::error("redacted-filter", message)
                .help("choose rows by another column, or ask the operator to show this one");
            problems.push(part.document.origin.problem(problem, part.locate(&place)));
        }
    }
}

/// `referencedBy` names columns that are there, of tables that can be referred to by one column.
pub fn referenced_by(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for part in parts(context) {
        let Role::Root(spec) = part.role else { continue };
        for by in &spec.referenced_by {
            let place = [Step::Key("referencedBy"), Step::Item(by)];
            let Some((table, column)) = by.rsplit_once('.') else {
                let problem =
                    Problem::error("bad-reference", format!("`{by}` isn't a table and a column"))
                        .help("write it as `table.column`");
                problems.push(part.problem(&place, problem));
                continue;
            };
            if let Some(Missing::Everywhere) =
                environments_without(context, |catalog| catalog.table(table).is_some())
            {
                let tables = context.catalogs.values().flat_map(|catalog| catalog.tables.keys());
                let names: Vec<&str> = tables.map(String::as_str).collect();
                let message = format!("there is no table `{table}`");
                let problem =
                    Problem::error("unknown-table", message).help_if(suggestion(table, names));
                problems.push(part.problem(&place, problem));
            }
            problems.extend(missing(context, &part, &place, table, column));
        }
    }
}

/// The path of a tree is a text without which no row is, and tells rows apart.
pub fn trees(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for part in parts(context) {
        let Role::Root(spec) = part.role else { continue };
        let Some(tree) = &spec.tree else { continue };
        let place = [Step::Key("tree"), Step::Key("path"), Step::Value];
        problems.extend(missing(context, &part, &place, part.table(), &tree.path));
        for table in context.catalogs.values().filter_map(|catalog| catalog.table(part.table())) {
            let Some(column) = table.column(&tree.path) else { continue };
            let only = |columns: &[String]| columns == [column.name.as_str()];
            let unique = only(&table.primary_key)
                || table.unique_keys.iter().any(|key| !key.partial && only(&key.columns));
            let why = if !matches!(column.kind, Kind::Text | Kind::Any) {
                Some(format!("is {}, not text", column.declared))
            } else if !unique {
                Some("isn't unique, so a path doesn't name one row".to_owned())
            } else {
                None
            };
            if let Some(why) = why {
                let message = format!("the path `{}` {why}", tree.path);
                problems.push(part.problem(&place, Problem::error("bad-tree", message)));
                break;
            }
        }
    }
}

/// Columns of which a module says how they are written.
fn written<'a>(part: &Part<'a>) -> Vec<(&'a str, [Step<'a>; 2])> {
    let keep = part.keep().keys().map(|name| (name.as_str(), [Step::Key("keep"), Step::Key(name)]));
    let references = part
        .references()
        .keys()
        .map(|name| (column_of(name), [Step::Key("references"), Step::Key(name)]));
    keep.chain(references).collect()
}

pub(super) fn bad_constant(column: &Column, condition: &Condition) -> Option<Problem> {
    let values = match condition {
        Condition::Equals(value) => std::slice::from_ref(value),
        Condition::In(values) | Condition::NotIn(values) => values.as_slice(),
        Condition::StartsWith(_) => {
            let text = matches!(column.kind, Kind::Text | Kind::Bytes | Kind::Any | Kind::Native);
            return (!text).then(|| {
                let message = format!(
                    "`startsWith` needs a text column; `{}` is {}",
                    column.name, column.declared
                );
                Problem::error("bad-constant", message)
            });
        }
    };
    let value = values.iter().find(|value| !fits(column.kind, value))?;
    let kind = match value {
        Scalar::Null => "NULL",
        Scalar::Boolean(_) => "a boolean",
        Scalar::Integer(_) | Scalar::Decimal(_) => "a number",
        Scalar::Text(_) => "text",
    };
    let message = format!("`{}` is {}, the constant is {kind}", column.name, column.declared);
    Some(Problem::error("bad-constant", message))
}

/// Lenient where the engine is: SQLite's types say little, and dates are written as text. Bytes may be
/// the text's; JSON equals no constant.
fn fits(kind: Kind, value: &Scalar) -> bool {
    let boolean = matches!(value, Scalar::Boolean(_));
    let integer = matches!(value, Scalar::Integer(_));
    match kind {
        _ if *value == Scalar::Null => true,
        Kind::Any | Kind::Native => true,
        Kind::Json => false,
        Kind::Integer => integer || boolean,
        Kind::Decimal | Kind::Float => integer || matches!(value, Scalar::Decimal(_)),
        Kind::Boolean => boolean || matches!(value, Scalar::Integer(0 | 1)),
        Kind::Text
        | Kind::Bytes
        | Kind::Date
        | Kind::Time
        | Kind::Timestamp
        | Kind::TimestampTz
        | Kind::Uuid => matches!(value, Scalar::Text(_)),
    }
}

fn composite_references(
    catalog: &crate::catalog::Catalog,
    part: &Part<'_>,
    problems: &mut Vec<Problem>,
) {
    for (column, rule) in part.references() {
        for choice in &rule.choices {
            let Some(target) = catalog.table(&choice.table) else { continue };
            if target.primary_key.len() > 1 {
                let message = format!(
                    "the column `{column}` can't name a row of `{}`, whose key has {} columns",
                    target.name,
                    target.primary_key.len()
                );
                let place = [Step::Key("references"), Step::Key(column)];
                problems.push(part.problem(&place, Problem::error("bad-reference", message)));
            }
        }
    }
}
