//! The catalogues that Resources are judged by: those of the environments that publish.

use crate::catalog::{Catalog, Table};
use crate::config::Environment;
use crate::manifest::Document;
use crate::manifest::problem::Problem;
use crate::manifest::resource::ResourceSpec;
use crate::manifest::validate::Context;
use crate::manifest::validate::tables::Missing;

use super::ways::mapping;
use super::{Output, Part, Place, outputs, parts, spread_tables};

/// The databases in which documents are made, as far as that is known.
pub struct Sides<'a> {
    catalogs: Vec<(Environment, &'a Catalog)>,
    knowledge: Knowledge,
}

/// Whether the operator's file says which environments publish. Without it, what one of them lacks
/// may not matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knowledge {
    Operators,
    None,
}

impl<'a> Sides<'a> {
    pub fn of(context: &Context<'a>) -> Self {
        let publishing = |environment: &Environment| {
            context.config.is_some_and(|config| config.environment(*environment).publish.is_some())
        };
        let all = context.catalogs.iter().map(|(environment, catalog)| (*environment, catalog));
        let (told, rest): (Vec<_>, Vec<_>) = all.partition(|(it, _)| publishing(it));
        let known = context.config.is_some_and(|config| {
            [&config.prod, &config.test].iter().any(|it| it.publish.is_some())
        });
        match known {
            true => Self { catalogs: told, knowledge: Knowledge::Operators },
            false => Self { catalogs: rest, knowledge: Knowledge::None },
        }
    }

    pub fn catalogs(&self) -> impl Iterator<Item = &'a Catalog> {
        self.catalogs.iter().map(|(_, catalog)| *catalog)
    }

    /// Every such database with a table of this name, with the words that name its environment.
    pub fn tables(&self, name: &str) -> Vec<&'a Table> {
        self.catalogs().filter_map(|catalog| catalog.table(name)).collect()
    }

    pub fn environments(&self) -> impl Iterator<Item = (Environment, &'a Catalog)> {
        self.catalogs.iter().copied()
    }

    /// Where something isn't that should be everywhere.
    pub fn without(&self, has: impl Fn(&Catalog) -> bool) -> Option<Missing> {
        let missing: Vec<Environment> =
            self.environments().filter(|(_, it)| !has(it)).map(|(it, _)| it).collect();
        match missing.as_slice() {
            [] => None,
            [environment] if self.catalogs.len() > 1 => Some(Missing::From(*environment)),
            _ => Some(Missing::Everywhere),
        }
    }

    /// As grave as it is to miss something there.
    pub fn problem(&self, missing: Missing, code: &'static str, message: String) -> Problem {
        match (missing, self.knowledge) {
            (Missing::From(_), Knowledge::None) => Problem::warning(code, message),
            _ => Problem::error(code, message),
        }
    }
}

/// A column that a Resource names: where, and of which table.
type Named<'a> = (Place<'a>, &'a str, &'a str);

/// Every column that a Resource names, with its place and table.
pub fn columns_named<'a>(document: &'a Document, spec: &'a ResourceSpec) -> Vec<Named<'a>> {
    let mut named = of_entity(document, spec);
    for part in parts(document, spec) {
        named.extend(of_part(&part));
    }
    for output in outputs(document, spec) {
        named.extend(of_output(&output, &spec.entity.table));
    }
    named
}

fn of_entity<'a>(document: &'a Document, spec: &'a ResourceSpec) -> Vec<Named<'a>> {
    let (place, table) = (Place::spec(document).key("entity"), spec.entity.table.as_str());
    let singles = [("id", &spec.entity.id), ("active", &spec.entity.active)];
    let singles = singles.into_iter().filter_map(|(key, column)| Some((key, column.as_deref()?)));
    let mut named: Vec<Named<'a>> =
        singles.map(|(key, column)| (place.key(key), table, column)).collect();
    let rows = place.key("rows");
    named.extend(spec.entity.rows.keys().map(|it| (rows.key(it), table, it.as_str())));
    for (place, spread) in spread_tables(document, spec) {
        let by = spread.by.iter().map(|by| (place.key("by"), spread.table.as_str(), by.as_str()));
        named.extend(by);
        named.push((place.key("column"), &spread.table, &spread.column));
    }
    named
}

fn of_part<'a>(part: &Part<'a>) -> Vec<Named<'a>> {
    let (place, table) = (&part.place, part.table);
    let listed = place.key("columns");
    let listed =
        part.columns.iter().enumerate().map(|(index, column)| (listed.index(index), column));
    let mut named: Vec<Named<'a>> =
        listed.map(|(place, column)| (place, table, column.as_str())).collect();
    let Some((child, parent)) = part.child else { return named };
    for (key, table, column) in [
        ("by", table, &child.by),
        ("via", parent, &child.via),
        ("locale", table, &child.locale),
        ("store", table, &child.store),
    ] {
        named.extend(column.iter().map(|column| (place.key(key), table, column.as_str())));
    }
    let rows = place.key("rows");
    named.extend(child.rows.keys().map(|it| (rows.key(it), table, it.as_str())));
    named
}

fn of_output<'a>(output: &Output<'a>, table: &'a str) -> Vec<Named<'a>> {
    let (suffix, mappings) = (output.place.key("key").key("suffix"), output.place.key("mappings"));
    let suffix = output.key.suffix.iter().map(|column| (suffix.clone(), table, column.as_str()));
    let written = output.kind.mappings().iter().enumerate();
    let written = written.filter_map(|(index, it)| Some((mappings.index(index), mapping(it)?)));
    let both = written.flat_map(|(place, (source, destination))| {
        [(place.clone(), table, source), (place, table, destination)]
    });
    suffix.chain(both).collect()
}
