//! Storage and search tables against the catalogues: whether the publisher can write them.

use super::catalogue::Sides;
use super::{Kind, Output, outputs};
use crate::catalog::{Catalog, Column, Kind as Type, Table};
use crate::config::Environment;
use crate::manifest::problem::Problem;
use crate::manifest::resource::ResourceSpec;
use crate::manifest::validate::Context;
use crate::manifest::validate::tables::{Missing, no_table};

/// Tables that are there have the columns the publisher writes; others can be made.
pub fn outputs_fit(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let sides = Sides::of(context);
    for (document, spec) in context.resources() {
        for output in outputs(document, spec).iter().filter(|output| !output.table.is_empty()) {
            let place = output.place.key("table");
            let found = sides.environments().flat_map(|(_, it)| unfit(it, spec, output));
            problems.extend(found.map(|found| place.problem(found)));
            let missing = sides.without(|catalog| {
                catalog.table(output.table).is_some()
                    || catalog.no_tables.contains_key(output.table)
            });
            problems.extend(missing.map(|missing| place.problem(to_make(output.table, missing))));
        }
    }
}

fn to_make(table: &str, missing: Missing) -> Problem {
    let environment = match missing {
        Missing::From(Environment::Test) => " --environment TEST",
        _ => "",
    };
    Problem::note("no-output-table", format!("there is no table `{table}` yet{missing}"))
        .help(format!("`reconcile publish:trigger-events --create-tables{environment}` makes it"))
}

/// What the publisher couldn't write.
fn unfit(catalog: &Catalog, spec: &ResourceSpec, output: &Output<'_>) -> Vec<Problem> {
    if let Some(kind) = catalog.no_tables.get(output.table) {
        return vec![no_table(output.table, *kind, "written")];
    }
    let Some(table) = catalog.table(output.table) else { return Vec::new() };
    let mut problems = Vec::new();
    for (column, why) in needed(spec, output) {
        match table.column(column) {
            None => problems.push(lacks(table, column, why)),
            Some(found) if found.generated => {
                let message = format!("`{}.{column}` is computed by the database", table.name);
                problems.push(Problem::error("generated-column", message));
            }
            Some(_) => {}
        }
    }
    problems.extend(entity_column(catalog, spec, table));
    problems.extend(key_is_unique(table));
    problems.extend(not_filled(spec, table));
    problems
}

fn lacks(table: &Table, column: &str, why: &str) -> Problem {
    let message = format!("the table `{}` has no column `{column}`, which {why}", table.name);
    Problem::error("bad-output-table", message).help(
        "add it, or name a table that isn't there yet: `publish:trigger-events --create-tables` \
         makes it with all columns",
    )
}

/// Columns with a fixed name, and what they hold.
fn needed(spec: &ResourceSpec, output: &Output<'_>) -> Vec<(&'static str, &'static str)> {
    let mut needed = vec![("data", "holds the document"), ("key", "holds its key")];
    if let Kind::Search(_) = output.kind {
        needed.push(("structured_data", "holds the document before it is indexed"));
    }
    if spec.stores.is_some() {
        needed.push(("store", "holds the store of the document"));
    }
    if spec.locales.is_some() {
        needed.push(("locale", "holds the locale of the document"));
    }
    if !output.kind.mappings().is_empty() {
        needed.push(("alias_keys", "holds the keys of mappings"));
    }
    needed
}

/// The column that names the entity: `fk_` and its table, with or without the prefix that all tables
/// of a shop may have.
fn entity_column(catalog: &Catalog, spec: &ResourceSpec, table: &Table) -> Option<Problem> {
    let names = entity_columns(&spec.entity.table);
    let Some(column) = names.iter().find_map(|name| table.column(name)) else {
        let why = format!("names the row of `{}`", spec.entity.table);
        return Some(lacks(table, &names[0], &why));
    };
    let entity = catalog.table(&spec.entity.table)?;
    let id = spec.entity.id.as_ref().or(entity.primary_key.first())?;
    let id = entity.column(id)?;
    (!holds(column.kind, id.kind)).then(|| {
        let message = format!(
            "`{}.{}` is {}, but names `{}.{}`, which is {}",
            table.name, column.name, column.declared, entity.name, id.name, id.declared
        );
        Problem::error("bad-output-table", message)
    })
}

/// What that column may be called, the first one when it is made.
pub fn entity_columns(entity: &str) -> Vec<String> {
    let without_prefix = entity.split_once('_').map(|(_, rest)| rest);
    std::iter::once(entity).chain(without_prefix).map(|name| format!("fk_{name}")).collect()
}

/// Numbers in numbers, everything else in text.
fn holds(column: Type, id: Type) -> bool {
    let number = |kind| matches!(kind, Type::Integer | Type::Decimal);
    matches!(column, Type::Any | Type::Native)
        || matches!(id, Type::Any | Type::Native)
        || number(column) == number(id)
}

fn key_is_unique(table: &Table) -> Option<Problem> {
    table.column("key")?;
    let only = |columns: &[String]| columns == ["key"];
    let unique = only(&table.primary_key)
        || table.unique_keys.iter().any(|key| !key.partial && only(&key.columns));
    (!unique).then(|| {
        let message =
            format!("`{}.key` isn't unique: two rows could stand for one key", table.name);
        Problem::error("bad-output-table", message)
            .help(format!("add a unique index on `key` to `{}`", table.name))
    })
}

/// Columns that an insert must fill in and nothing fills in.
fn not_filled(spec: &ResourceSpec, table: &Table) -> Vec<Problem> {
    const FILLED: [&str; 8] = [
        "data",
        "structured_data",
        "key",
        "store",
        "locale",
        "alias_keys",
        "created_at",
        "updated_at",
    ];
    let entity = entity_columns(&spec.entity.table);
    let left = |column: &&Column| {
        // The publisher numbers rows itself where the database doesn't.
        let number = table.primary_key == [column.name.clone()] && column.kind == Type::Integer;
        let filled =
            number || FILLED.contains(&column.name.as_str()) || entity.contains(&column.name);
        let spread = match column.name.as_str() {
            "store" => spec.stores.is_some(),
            "locale" => spec.locales.is_some(),
            _ => true,
        };
        let fills_itself = column.nullable
            || column.generated
            || column.default.is_some()
            || column.auto.is_some();
        !(fills_itself || filled && spread)
    };
    let wrong = table.columns.iter().filter(left).map(|column| {
        let message = format!(
            "`{}.{}` is NOT NULL without a default, and the publisher has nothing for it",
            table.name, column.name
        );
        Problem::error("no-default", message).help("give it a default, or let it be NULL")
    });
    if table.triggers.is_empty() { wrong.collect() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_publisher_numbers_rows_itself() {
        let columns = [("id_page_storage", Type::Integer), ("fk_page", Type::Integer)];
        let more = [("data", Type::Text), ("key", Type::Text), ("name", Type::Text)];
        let table =
            Table::plain("page_storage", &[&columns[..], &more].concat(), &["id_page_storage"]);
        let spec = ResourceSpec {
            entity: crate::manifest::resource::EntitySpec {
                table: "page".into(),
                ..Default::default()
            },
            stores: None,
            locales: None,
            document: crate::manifest::resource::DocumentSpec::default(),
            storage: None,
            search: None,
        };
        let told: Vec<String> =
            not_filled(&spec, &table).into_iter().map(|it| it.message).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("`page_storage.name`"), "{told:?}");
    }

    #[test]
    fn the_entitys_column_is_named_after_its_table() {
        assert_eq!(entity_columns("product"), ["fk_product"]);
        assert_eq!(entity_columns("spy_cms_block"), ["fk_spy_cms_block", "fk_cms_block"]);
    }

    #[test]
    fn ids_are_held_by_columns_of_their_family() {
        for (column, id, good) in [
            (Type::Integer, Type::Integer, true),
            (Type::Text, Type::Uuid, true),
            (Type::Integer, Type::Text, false),
            (Type::Text, Type::Integer, false),
            (Type::Any, Type::Text, true),
        ] {
            assert_eq!(holds(column, id), good, "{column:?} {id:?}");
        }
    }
}
