//! What Resources read, against the catalogues: columns, ways from parents to children, constants.

use super::catalogue::{Sides, columns_named};
use super::{Part, Place, parts, spread_tables};
use crate::catalog::{Column, ForeignKey, Kind, Table};
use crate::manifest::filter::{Condition, Filter};
use crate::manifest::problem::Problem;
use crate::manifest::resource::{ChildSpec, ResourceSpec};
use crate::manifest::validate::Context;
use crate::manifest::validate::columns::bad_constant;
use crate::manifest::words::suggestion;

/// Every column that is named is there, and the entity has an ID.
pub fn columns_exist(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let sides = Sides::of(context);
    for (document, spec) in context.resources() {
        for (place, table, column) in columns_named(document, spec) {
            problems.extend(missing(&sides, &place, table, column));
        }
        let place = Place::spec(document).key("entity");
        for table in sides.tables(&spec.entity.table) {
            let place = place.key(if spec.entity.id.is_some() { "id" } else { "table" });
            if let Some(problem) = bad_id(table, spec) {
                problems.push(place.problem(problem));
            }
        }
    }
}

fn missing(sides: &Sides<'_>, place: &Place<'_>, table: &str, column: &str) -> Option<Problem> {
    let has = |table: &Table| table.column(column).is_some();
    // Of a table that isn't there nothing more needs to be said.
    let found = sides.without(|catalog| catalog.table(table).is_none_or(has))?;
    let tables = sides.tables(table);
    let mut names: Vec<&str> =
        tables.iter().flat_map(|table| &table.columns).map(|it| it.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let message = format!("the table `{table}` has no column `{column}`{found}");
    let problem = sides.problem(found, "unknown-column", message);
    Some(place.problem(problem.help_if(suggestion(column, names))))
}

/// Commands and messages name an entity by one value.
fn bad_id(table: &Table, spec: &ResourceSpec) -> Option<Problem> {
    let name = &table.name;
    let id = match (&spec.entity.id, table.primary_key.as_slice()) {
        (Some(id), _) | (None, [id]) => id,
        (None, key) => {
            let what = match key {
                [] => "no primary key".to_owned(),
                several => format!("a primary key of {} columns", several.len()),
            };
            let problem = Problem::error("no-key", format!("`{name}` has {what}"));
            return Some(problem.help("name a column that is unique and never NULL under `id`"));
        }
    };
    // An unknown one is told already.
    let column = table.column(id)?;
    let only = |columns: &[String]| columns == [id.as_str()];
    let unique = only(&table.primary_key)
        || table.unique_keys.iter().any(|key| !key.partial && only(&key.columns));
    let reason = if !unique {
        "isn't unique"
    } else if column.nullable && !only(&table.primary_key) {
        "may be NULL"
    } else if matches!(column.kind, Kind::Float | Kind::Json | Kind::Bytes) {
        "holds values that can't be written as an ID"
    } else {
        return None;
    };
    Some(Problem::error("bad-key", format!("`{name}.{id}` is no ID of an entity: it {reason}")))
}

/// Rows of children and of stores and locales find the row they belong to.
pub fn children_name_their_parent(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let sides = Sides::of(context);
    for (document, spec) in context.resources() {
        for part in parts(document, spec) {
            let Some((child, parent)) = part.child else { continue };
            for catalog in sides.catalogs() {
                let tables = (catalog.table(&child.table), catalog.table(parent));
                if let (Some(table), Some(parent)) = tables {
                    problems.extend(way(&part, child, table, parent));
                }
            }
        }
        for (place, spread) in spread_tables(document, spec) {
            let Some(by) = &spread.by else { continue };
            for catalog in sides.catalogs() {
                let tables = (catalog.table(&spread.table), catalog.table(&spec.entity.table));
                if let (Some(table), Some(parent)) = tables {
                    let found = names_one(table, by, parent);
                    problems.extend(found.map(|found| place.key("by").problem(found)));
                }
            }
        }
    }
}

fn way(part: &Part<'_>, child: &ChildSpec, table: &Table, parent: &Table) -> Option<Problem> {
    match (&child.by, &child.via) {
        (Some(_), Some(_)) => None,
        (Some(by), None) => {
            names_one(table, by, parent).map(|found| part.place.key("by").problem(found))
        }
        (None, Some(via)) => {
            names_one(parent, via, table).map(|found| part.place.key("via").problem(found))
        }
        (None, None) => one_key(table, parent).map(|it| part.place.key("table").problem(it)),
    }
}

/// A column that names a row of another table: by a foreign key, or else by its primary key.
fn names_one(holder: &Table, column: &str, target: &Table) -> Option<Problem> {
    holder.column(column)?;
    let by_key = to(holder, target).any(|key| key.columns == [column]);
    if by_key || target.primary_key.len() == 1 {
        return None;
    }
    let key = match target.primary_key.len() {
        0 => "which has no primary key".to_owned(),
        several => format!("whose key has {several} columns"),
    };
    let message =
        format!("`{}.{column}` can't name a row of `{}`, {key}", holder.name, target.name);
    Some(Problem::error("bad-parent", message))
}

fn to<'a>(table: &'a Table, target: &'a Table) -> impl Iterator<Item = &'a ForeignKey> {
    table.foreign_keys.iter().filter(|key| key.to_table == target.name)
}

/// Without `by` and `via` there must be one foreign key, of one column.
fn one_key(table: &Table, parent: &Table) -> Option<Problem> {
    let (name, above) = (&table.name, &parent.name);
    let keys: Vec<&ForeignKey> = to(table, parent).collect();
    let back: Vec<String> = to(parent, table)
        .filter(|key| key.columns.len() == 1)
        .map(|key| format!("`via: {}`", key.columns[0]))
        .collect();
    let choices = match keys.as_slice() {
        [key] if key.columns.len() == 1 => return None,
        [_] => {
            let message = format!("the foreign key of `{name}` to `{above}` has several columns");
            return Some(Problem::error("no-parent", message).help("name one column with `by`"));
        }
        [] if back.is_empty() => {
            let problem =
                Problem::error("no-parent", format!("`{name}` has no foreign key to `{above}`"));
            return Some(problem.help(
                "say which of its columns names the parent, as in `by: parent_id`, or which of the \
                 parent's names it, with `via`",
            ));
        }
        [] => {
            let message =
                format!("`{name}` has no foreign key to `{above}`, which refers to it instead");
            let help = format!("write {}", back.join(" or "));
            return Some(Problem::error("no-parent", message).help(help));
        }
        several => several.iter().map(|key| format!("`{}`", key.columns.join(", "))),
    };
    let choices: Vec<String> = choices.collect();
    let message =
        format!("`{name}` has {} foreign keys to `{above}`: {}", choices.len(), choices.join(", "));
    Some(Problem::error("several-parents", message).help("choose one with `by`"))
}

/// Constants fit the columns they are compared with; a column of stores or locales holds names, one
/// that switches entities off holds yes or no.
pub fn constants_fit(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let sides = Sides::of(context);
    for (document, spec) in context.resources() {
        let entity = Place::spec(document).key("entity");
        for table in sides.tables(&spec.entity.table) {
            problems.extend(filter(table, &spec.entity.rows, &entity.key("rows")));
            let active = spec.entity.active.as_deref().and_then(|name| table.column(name));
            let found = active.filter(|column| !switches(column)).map(|column| {
                let message = format!("`{}` is {}, not a boolean", column.name, column.declared);
                Problem::error("bad-active", message)
                    .help("choose published rows by `rows` instead, as in `rows: {state: {equals: live}}`")
            });
            problems.extend(found.map(|found| entity.key("active").problem(found)));
        }
        for (place, spread) in spread_tables(document, spec) {
            for table in sides.tables(&spread.table) {
                problems.extend(not_names(table, &spread.column, &place.key("column")));
            }
        }
        for part in parts(document, spec) {
            let Some((child, _)) = part.child else { continue };
            for table in sides.tables(&child.table) {
                problems.extend(filter(table, &child.rows, &part.place.key("rows")));
                for (key, column) in [("locale", &child.locale), ("store", &child.store)] {
                    let Some(column) = column else { continue };
                    problems.extend(not_names(table, column, &part.place.key(key)));
                }
            }
        }
    }
}

fn filter<'a>(table: &'a Table, rows: &'a Filter, place: &Place<'a>) -> Vec<Problem> {
    let wrong = |(name, condition): (&'a String, &Condition)| {
        let found = bad_constant(table.column(name)?, condition)?;
        Some(place.key(name).problem(found))
    };
    rows.iter().filter_map(wrong).collect()
}

fn switches(column: &Column) -> bool {
    matches!(column.kind, Kind::Boolean | Kind::Integer | Kind::Any | Kind::Native)
}

fn not_names(table: &Table, name: &str, place: &Place<'_>) -> Option<Problem> {
    let column = table.column(name)?;
    if matches!(column.kind, Kind::Text | Kind::Any | Kind::Native) {
        return None;
    }
    let message = format!("`{}.{name}` is {}: it holds no names", table.name, column.declared);
    let help = "stores and locales are chosen by name; a column of their IDs can't be used";
    Some(place.problem(Problem::error("no-names", message).help(help)))
}

/// Of `one` row nothing but a unique key makes sure.
pub fn one_is_one(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let sides = Sides::of(context);
    for (document, spec) in context.resources() {
        for part in parts(document, spec) {
            let Some((child, parent)) = part.child else { continue };
            if !child.one || child.via.is_some() {
                continue;
            }
            for catalog in sides.catalogs() {
                let (Some(table), Some(parent)) =
                    (catalog.table(part.table), catalog.table(parent))
                else {
                    continue;
                };
                let told = told_apart_by(child, table, parent);
                let covers = |key: &[String]| {
                    !key.is_empty() && key.iter().all(|column| told.contains(&column.as_str()))
                };
                let mut keys = table.unique_keys.iter().filter(|key| !key.partial);
                if covers(&table.primary_key) || keys.any(|key| covers(&key.columns)) {
                    continue;
                }
                let message = format!(
                    "`{}` is `one` row, but no unique key of `{}` is of {} alone: of several rows \
                     only one is published",
                    child.name,
                    table.name,
                    told.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
                );
                let problem = Problem::warning("several-rows", message);
                problems.push(part.place.key("one").key_problem(problem));
            }
        }
    }
}

/// The columns that have one value each in the rows of one document's parent.
fn told_apart_by<'a>(child: &'a ChildSpec, table: &'a Table, parent: &'a Table) -> Vec<&'a str> {
    let key = to(table, parent).next().and_then(|key| key.columns.first());
    let by = child.by.as_ref().or(key);
    let fixed = child.rows.iter().filter(|(_, it)| matches!(it, Condition::Equals(_)));
    let named = by.into_iter().chain(&child.locale).chain(&child.store);
    named.chain(fixed.map(|(column, _)| column)).map(String::as_str).collect()
}
