//! What Resources say, with the way to where each thing is written.
//!
//! Answers for the tables that a Resource reads and writes in one view. What is judged of them:
//! `shape` without any catalogue, `ways` the queues, keys and fields, `tables` what a table is to
//! all documents, `columns` and `outputs` against the catalogues of environments that publish.

mod catalogue;
mod columns;
mod outputs;
mod shape;
mod tables;
mod ways;

pub use columns::{children_name_their_parent, columns_exist, constants_fit, one_is_one};
pub use outputs::{entity_columns, outputs_fit};
pub use shape::{children_make_sense, names_are_told_apart, published_somewhere, spreads};
pub use tables::{one_writer, reached, redacted, roles, tables_exist};
pub use ways::{fields, keys, keys_belong_to_one, mappings, queues};

use super::Context;
use crate::manifest::problem::{Problem, Span};
use crate::manifest::resource::{
    ChildSpec, KeySpec, ResourceSpec, SearchSpec, Spread, SpreadTable, StorageSpec,
};
use crate::manifest::{Document, Step};

/// A place in a Resource.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    pub document: &'a Document,
    path: Vec<Step<'a>>,
}

impl<'a> Place<'a> {
    fn spec(document: &'a Document) -> Self {
        Self { document, path: vec![Step::Key("spec")] }
    }

    fn step(&self, step: Step<'a>) -> Self {
        Self { document: self.document, path: [&self.path[..], &[step]].concat() }
    }

    fn key(&self, key: &'a str) -> Self {
        self.step(Step::Key(key))
    }

    fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// A problem with the value there.
    fn problem(&self, problem: Problem) -> Problem {
        self.document.origin.problem(problem, self.document.origin.locate_value(&self.path))
    }

    /// A problem with something that is a map or list there, shown at its key.
    fn key_problem(&self, problem: Problem) -> Problem {
        self.document.origin.problem(problem, self.span())
    }

    fn span(&self) -> Span {
        self.document.origin.locate(&self.path)
    }

    /// Whether a key of the map there is written, be it that it couldn't be read.
    fn holds(&self, key: &'a str) -> bool {
        self.key(key).span() != self.span()
    }

    /// File and line, for pointing out another place.
    fn shown(&self) -> String {
        format!("{}:{}", self.document.origin.source.name, self.span().line)
    }
}

/// The entity's or a child's part of the document.
struct Part<'a> {
    /// The map that holds `columns` and `children`.
    place: Place<'a>,
    table: &'a str,
    columns: &'a [String],
    children: &'a [ChildSpec],
    /// The child, and its parent's table.
    child: Option<(&'a ChildSpec, &'a str)>,
}

/// The document's tree, parents before children.
fn parts<'a>(document: &'a Document, spec: &'a ResourceSpec) -> Vec<Part<'a>> {
    let place = Place::spec(document).key("document");
    let root = Part {
        place,
        table: &spec.entity.table,
        columns: &spec.document.columns,
        children: &spec.document.children,
        child: None,
    };
    let mut parts = vec![root];
    let mut next = 0;
    while let Some(parent) = parts.get(next) {
        let (table, children) = (parent.table, parent.children);
        let list = parent.place.key("children");
        let below = children.iter().enumerate().map(|(index, child)| Part {
            place: list.index(index),
            table: &child.table,
            columns: &child.columns,
            children: &child.children,
            child: Some((child, table)),
        });
        parts.extend(below);
        next += 1;
    }
    parts
}

/// A table that holds stores or locales, with the place of its map.
fn spread_tables<'a>(
    document: &'a Document,
    spec: &'a ResourceSpec,
) -> Vec<(Place<'a>, &'a SpreadTable)> {
    let both = [("stores", &spec.stores), ("locales", &spec.locales)];
    let tables = both.into_iter().filter_map(|(key, spread)| match spread {
        Some(Spread::Table(table)) => Some((Place::spec(document).key(key), table)),
        _ => None,
    });
    tables.collect()
}

/// Every table that is read, with the place of its name.
fn read_tables<'a>(document: &'a Document, spec: &'a ResourceSpec) -> Vec<(Place<'a>, &'a str)> {
    let entity = (Place::spec(document).key("entity").key("table"), spec.entity.table.as_str());
    let children = parts(document, spec)
        .into_iter()
        .filter(|part| part.child.is_some())
        .map(|part| (part.place.key("table"), part.table));
    let spreads = spread_tables(document, spec)
        .into_iter()
        .map(|(place, spread)| (place.key("table"), spread.table.as_str()));
    let all = std::iter::once(entity).chain(children).chain(spreads);
    // A name that couldn't be read is told already.
    all.filter(|(_, table)| !table.is_empty()).collect()
}

/// What storage and search have in common.
struct Output<'a> {
    place: Place<'a>,
    kind: Kind<'a>,
    table: &'a str,
    queue: &'a str,
    key: &'a KeySpec,
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    Storage(&'a StorageSpec),
    Search(&'a SearchSpec),
}

impl<'a> Kind<'a> {
    fn word(self) -> &'static str {
        match self {
            Self::Storage(_) => "storage",
            Self::Search(_) => "search",
        }
    }

    fn mappings(self) -> &'a [String] {
        match self {
            Self::Storage(spec) => &spec.mappings,
            Self::Search(_) => &[],
        }
    }
}

fn outputs<'a>(document: &'a Document, spec: &'a ResourceSpec) -> Vec<Output<'a>> {
    let place = Place::spec(document);
    let storage = spec.storage.as_ref().map(|it| Output {
        place: place.key("storage"),
        kind: Kind::Storage(it),
        table: &it.table,
        queue: &it.queue,
        key: &it.key,
    });
    let search = spec.search.as_ref().map(|it| Output {
        place: place.key("search"),
        kind: Kind::Search(it),
        table: &it.table,
        queue: &it.queue,
        key: &it.key,
    });
    storage.into_iter().chain(search).collect()
}

/// The outputs of all Resources.
fn all_outputs<'a>(context: &Context<'a>) -> Vec<Output<'a>> {
    context.resources().flat_map(|(document, spec)| outputs(document, spec)).collect()
}
