//! Root and owned tables of a module in one view, each with the way to where it is written.

use std::collections::BTreeMap;

use super::Context;
use crate::manifest::filter::Condition;
use crate::manifest::module::{KeepRule, ModuleSpec, OwnedSpec, RecordSpec};
use crate::manifest::problem::{Problem, Span};
use crate::manifest::reference::{FileRule, ReferenceRule};
use crate::manifest::{Document, Step};

/// One table as a module uses it.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    pub document: &'a Document,
    pub role: Role<'a>,
    /// From the document's root to the map that names the table.
    path: Vec<Step<'a>>,
}

#[derive(Debug, Clone, Copy)]
pub enum Role<'a> {
    Root(&'a RecordSpec),
    Owned { spec: &'a OwnedSpec, parent: &'a str },
}

/// All tables of all modules, parents before what they own.
pub fn parts<'a>(context: &Context<'a>) -> Vec<Part<'a>> {
    context.modules().flat_map(|(document, spec)| parts_of(document, spec)).collect()
}

/// All tables of one module. Those whose name couldn't be read are left out.
pub fn parts_of<'a>(document: &'a Document, spec: &'a ModuleSpec) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    for (index, record) in spec.records.iter().enumerate() {
        let path = vec![Step::Key("spec"), Step::Key("records"), Step::Index(index)];
        collect_owned(document, &record.owns, &record.table, &path, &mut parts);
        parts.push(Part { document, role: Role::Root(record), path });
    }
    parts.retain(|part| !part.table().is_empty());
    parts
}

fn collect_owned<'a>(
    document: &'a Document,
    owns: &'a [OwnedSpec],
    parent: &'a str,
    path: &[Step<'a>],
    parts: &mut Vec<Part<'a>>,
) {
    for (index, spec) in owns.iter().enumerate() {
        let path = [path, &[Step::Key("owns"), Step::Index(index)]].concat();
        collect_owned(document, &spec.owns, &spec.table, &path, parts);
        parts.push(Part { document, role: Role::Owned { spec, parent }, path });
    }
}

/// A key both kinds have.
macro_rules! shared {
    ($($(#[$doc:meta])* $key:ident: $kind:ty;)*) => {
        $($(#[$doc])* pub fn $key(&self) -> &'a $kind {
            match self.role {
                Role::Root(spec) => &spec.$key,
                Role::Owned { spec, .. } => &spec.$key,
            }
        })*
    };
}

impl<'a> Part<'a> {
    shared! {
        table: str;
        identity: [String];
        republish: [String];
        rows: BTreeMap<String, Condition>;
        ignore: [String];
        keep: BTreeMap<String, KeepRule>;
        redact: [String];
        reset: [String];
        references: BTreeMap<String, ReferenceRule>;
        files: [FileRule];
    }

    /// The place of something below the map that names the table.
    pub fn locate(&self, below: &[Step<'_>]) -> Span {
        self.document.origin.locate(&self.steps(below))
    }

    pub fn locate_value(&self, below: &[Step<'_>]) -> Span {
        self.document.origin.locate_value(&self.steps(below))
    }

    fn steps<'s>(&self, below: &[Step<'s>]) -> Vec<Step<'s>>
    where
        'a: 's,
    {
        self.path.iter().copied().chain(below.iter().copied()).collect()
    }

    /// A problem with a key of this table's map, shown at its value.
    pub fn problem(&self, below: &[Step<'_>], problem: Problem) -> Problem {
        self.document.origin.problem(problem, self.locate_value(below))
    }

    /// A problem with the table itself.
    pub fn table_problem(&self, problem: Problem) -> Problem {
        self.problem(&[Step::Key("table")], problem)
    }
}
