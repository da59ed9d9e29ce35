//! Builds the [`Model`]: manifests as written become tables and columns that exist on both sides.
//!
//! Answers for refusing a module whose tables or columns don't fit, with the reason, without
//! touching the others. `validate` finds the same problems earlier, with positions.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{
    Basis, Column, Declared, Matching, MatchingId, Model, Node, NodeId, Parent, Presence,
    Reference, Referrer, Role, Side, Test, Tree,
};
use super::spots::Within;
use crate::catalog::{self, Catalog, Kind, Table};
use crate::database::Value;
use crate::manifest::filter::Filter;
use crate::manifest::module::{KeepRule, ModuleSpec, OwnedSpec, RecordSpec, TreeSpec};
use crate::manifest::reference::{FileRule, ReferenceRule};

mod columns;
mod files;
mod matching;
mod references;

use references::Sayings;

/// What a model is built from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Every module of the manifests, selected or not.
    pub modules: &'a BTreeMap<String, ModuleSpec>,
    /// The modules of the job.
    pub selected: &'a [String],
    pub source: &'a Catalog,
    pub target: &'a Catalog,
    pub rules: &'a dyn Rules,
}

/// What the operator's file says about tables.
pub trait Rules {
    /// The table belongs to a class that is never synchronized.
    fn never_synchronized(&self, table: &str) -> bool;
    /// The rows of such a table that may be all the same.
    fn only_rows(&self, table: &str) -> Option<Filter>;
    fn redacted(&self, table: &str, column: &str) -> bool;
    /// `tables.match`: how rows of a table outside every module are recognised.
    fn matched_by(&self, table: &str) -> Option<&[String]>;
}

/// The tables that modules hold, owned ones included.
fn held(modules: &BTreeMap<String, ModuleSpec>) -> BTreeSet<&str> {
    fn add<'m>(owned: &'m [OwnedSpec], tables: &mut BTreeSet<&'m str>) {
        for spec in owned {
            tables.insert(&spec.table);
            add(&spec.owns, tables);
        }
    }
    let mut tables = BTreeSet::new();
    for record in modules.values().flat_map(|module| &module.records) {
        tables.insert(record.table.as_str());
        add(&record.owns, &mut tables);
    }
    tables
}

/// Why a module can't be compared; one sentence that names the table.
type Refusal = String;

pub(super) struct Builder<'a> {
    input: Input<'a>,
    model: Model,
    /// Matchings by table and the `match` a reference names.
    known: BTreeMap<(String, Vec<String>), MatchingId>,
    held: BTreeSet<&'a str>,
}

/// Resolves the job's modules. A module that doesn't fit stands in [`Model::failed`].
pub fn resolve(input: Input<'_>) -> Model {
    let held = held(input.modules);
    let mut builder = Builder { input, model: Model::default(), known: BTreeMap::new(), held };
    for name in input.selected {
        let Some(spec) = input.modules.get(name) else { continue };
        let nodes_before = builder.model.nodes.len();
        let roots_before = builder.model.roots.len();
        if let Err(reason) = builder.module(name, spec) {
            builder.model.nodes.truncate(nodes_before);
            builder.model.roots.truncate(roots_before);
            builder.model.failed.insert(name.clone(), reason);
        }
    }
    let of_job = builder.model.matchings.len();
    builder.declared();
    builder.file_holders();
    builder.finish(of_job)
}

impl Builder<'_> {
    fn module(&mut self, name: &str, spec: &ModuleSpec) -> Result<(), Refusal> {
        let mut records: Vec<&RecordSpec> = spec.records.iter().collect();
        records.sort_by(|a, b| a.table.cmp(&b.table));
        for record in records {
            let root = self.node(name, &Written::root(record), None)?;
            let shape = self.shape(record, root);
            for node in &mut self.model.nodes[root..] {
                node.shape = shape;
            }
            self.model.roots.push(root);
        }
        Ok(())
    }

    /// Adds the node of a table and, below it, those of the tables it owns.
    fn node(
        &mut self,
        module: &str,
        written: &Written<'_>,
        above: Option<NodeId>,
    ) -> Result<NodeId, Refusal> {
        let (source, target) = self.both(written.table)?;
        columns::transactional(&source, &target)?;
        let parent = match above {
            Some(above) => Some(self.parent(above, written, &source, &target)?),
            None => None,
        };
        let pair = self.pair(&source, &target);
        let mut columns = columns::union(pair);
        let key = columns::key(written, &source, &target, &columns)?;
        let identity = columns::indexes(written.identity, &columns, written.table)?;
        self.assign_roles(written, &mut columns, &key, parent.as_ref())?;
        columns::comparable(pair, &columns)?;
        let named_parent = parent.as_ref().map(|parent| self.named_parent(parent, &columns));
        let references = self.references(written, named_parent.as_ref(), &mut columns)?;
        let belongs = self.belongs(written, &columns)?;
        let files = self.files(written, &columns)?;
        let tree = written.tree.map(|spec| tree(spec, &columns, &references, written.table));
        let numbered = columns::Numbered {
            key: &key,
            references: &references,
            parent: parent.as_ref(),
            tables: [&source, &target],
        };
        let (number, link) = numbered.roles(&mut columns);
        let identity = if link && identity.is_empty() {
            columns::link_identity(&references, parent.as_ref())
        } else {
            identity
        };
        let id = self.model.nodes.len();
        self.model.nodes.push(Node {
            module: module.to_owned(),
            shape: [0; 16],
            table: written.table.to_owned(),
            key,
            identity,
            filter: written.rows.clone(),
            only: self.input.rules.only_rows(written.table),
            belongs,
            derived: written.derived,
            references,
            files,
            tree: tree.transpose()?,
            parent,
            owns: Vec::new(),
            label: columns::optional(written.label, &columns, written.table)?,
            updated: columns::optional(written.updated, &columns, written.table)?,
            created: columns::optional(written.created, &columns, written.table)?,
            number,
            link,
            matching: 0,
            republish: written.republish.to_vec(),
            columns,
            source,
            target,
        });
        self.model.nodes[id].matching = self.matching_of_node(id, written)?;
        for owned in written.owns {
            let child = self.node(module, &Written::owned(owned), Some(id))?;
            self.model.nodes[id].owns.push(child);
        }
        Ok(id)
    }

    /// The columns that name a parent, its table and what they name there.
    fn named_parent(
        &self,
        parent: &Parent,
        columns: &[Column],
    ) -> (Vec<String>, String, Vec<String>) {
        let above = &self.model.nodes[parent.node];
        let names = parent.columns.iter().map(|index| columns[*index].name.clone()).collect();
        (names, above.table.clone(), above.names(&parent.to))
    }

    /// References to the table aren't content. One that a module holds (translations of a page, the
    /// mobile app's settings) was let in, whatever its name says.
    fn is_foreign(&self, table: &str) -> bool {
        !self.held.contains(table) && self.input.rules.never_synchronized(table)
    }

    fn both(&self, table: &str) -> Result<(Table, Table), Refusal> {
        let on = |side: Side, catalog: &Catalog| {
            catalog.table(table).cloned().ok_or_else(|| {
                let side = if side == Side::Source { "source" } else { "target" };
                format!("the table {table} doesn't exist on the {side}")
            })
        };
        Ok((on(Side::Source, self.input.source)?, on(Side::Target, self.input.target)?))
    }

    fn pair<'t>(&self, source: &'t Table, target: &'t Table) -> columns::Pair<'t> {
        columns::Pair {
            source: (self.input.source.engine, source),
            target: (self.input.target.engine, target),
        }
    }

    /// The foreign key or column by which an owned row names its parent.
    fn parent(
        &self,
        above: NodeId,
        written: &Written<'_>,
        source: &Table,
        target: &Table,
    ) -> Result<Parent, Refusal> {
        let owner = &self.model.nodes[above];
        let (columns, to) = references::parent_link(written, target, source, owner)?;
        let union = columns::union(self.pair(source, target));
        let (own, above_them) = (self.kinds(&target.name, &columns), self.kinds(&owner.table, &to));
        let (mut kinds, mut to_kinds) = (own.clone(), above_them.clone());
        references::as_they_are(&above_them, &mut kinds);
        references::as_they_are(&own, &mut to_kinds);
        Ok(Parent {
            node: above,
            to_kinds,
            kinds,
            columns: columns::indexes(&columns, &union, written.table)?,
            to: columns::indexes(&to, &owner.columns, &owner.table)?,
        })
    }

    /// Which rows of the table belong to the record: the constants of `by`.
    fn belongs(&mut self, written: &Written<'_>, columns: &[Column]) -> Result<Vec<Test>, Refusal> {
        let sayings = Sayings {
            table: written.table,
            declared: written.references,
            tree: None,
            parent: None,
        };
        let mut tests = Vec::new();
        for (name, condition) in references::constants(written.by) {
            let column = columns::indexes(std::slice::from_ref(&name), columns, written.table)?[0];
            let through = self.through(&sayings, &name, &condition)?;
            tests.push(Test { column, condition, through });
        }
        Ok(tests)
    }

    fn assign_roles(
        &self,
        written: &Written<'_>,
        columns: &mut [Column],
        key: &[usize],
        parent: Option<&Parent>,
    ) -> Result<(), Refusal> {
        for name in written.ignore {
            let index = columns::index(name, columns, written.table)?;
            columns[index].role = Role::Ignored;
        }
        for (name, rule) in written.keep {
            let index = columns::index(name, columns, written.table)?;
            columns[index].role = match rule {
                KeepRule::Default => Role::KeptDefault,
                KeepRule::Source => Role::KeptSource,
            };
        }
        for name in written.reset {
            let index = columns::index(name, columns, written.table)?;
            columns[index].reset =
                columns::reset_to(&columns[index], self.input.target, written.table)?;
            columns[index].role = Role::Reset;
        }
        for name in written.redact {
            let index = columns::index(name, columns, written.table)?;
            columns[index].redacted = true;
        }
        for column in columns.iter_mut() {
            column.redacted |= self.input.rules.redacted(written.table, &column.name);
        }
        for index in parent.into_iter().flat_map(|parent| &parent.columns) {
            columns[*index].role = Role::Place;
        }
        if let Some(index) = key.iter().find(|index| columns[**index].redacted) {
            return Err(format!(
                "the key column {}.{} is redacted, but IDs stand in plans and manifests; name \
                 another `key`",
                written.table, columns[*index].name
            ));
        }
        match key.iter().find(|index| columns[**index].role == Role::Generated) {
            Some(index) => Err(format!(
                "the key column {}.{} is computed by the database and can't be written",
                written.table, columns[*index].name
            )),
            None => Ok(()),
        }
    }

    /// 16 bytes over a record type as written and the structure of its tables on both sides.
    fn shape(&self, record: &RecordSpec, root: NodeId) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        let mut feed = |text: String| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        feed(serde_json::to_string(record).unwrap_or_default());
        for node in &self.model.nodes[root..] {
            feed(serde_json::to_string(&node.source).unwrap_or_default());
            feed(serde_json::to_string(&node.target).unwrap_or_default());
        }
        let mut shape = [0; 16];
        shape.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        shape
    }

    /// `of_job`: how many matchings the job itself asked for.
    fn finish(mut self, of_job: usize) -> Model {
        for matching in &self.model.matchings[..of_job] {
            if matching.basis == Basis::Id {
                self.model.notes.push(format!(
                    "rows of {} are matched by their ID, since the table has no other unique key",
                    matching.table
                ));
            }
        }
        for node in &self.model.nodes {
            columns::note_differences(node, &mut self.model.notes);
            let referrers = self.input.target.referrers(&node.table);
            let referrers = referrers.map(|(holder, key)| Referrer {
                holder: holder.clone(),
                columns: key.columns.clone(),
                to_columns: key.to_columns.clone(),
                declared: None,
            });
            self.model.referrers.insert(node.table.clone(), referrers.collect());
        }
        self.model.notes.dedup();
        self.model
    }
}

/// The path column of a tree and the reference that its paths are.
fn tree(
    spec: &TreeSpec,
    columns: &[Column],
    references: &[Reference],
    table: &str,
) -> Result<Tree, Refusal> {
    const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let path = columns::indexes(std::slice::from_ref(&spec.path), columns, table)?[0];
    let is_it = |reference: &Reference| {
        matches!(reference.within, Within::Parent { .. }) && reference.columns == [path]
    };
    let reference = references.iter().position(is_it);
    let reference = reference.ok_or_else(|| format!("{table}.{} can't hold paths", spec.path))?;
    let alphabet = spec.alphabet.as_deref().unwrap_or(DIGITS).chars().collect();
    Ok(Tree { path, step: usize::from(spec.step), alphabet, reference })
}

/// What root and owned tables have in common in a manifest.
pub(super) struct Written<'a> {
    table: &'a str,
    key: &'a [String],
    identity: &'a [String],
    label: Option<&'a str>,
    updated: Option<&'a str>,
    created: Option<&'a str>,
    rows: &'a BTreeMap<String, crate::manifest::filter::Condition>,
    ignore: &'a [String],
    keep: &'a BTreeMap<String, KeepRule>,
    redact: &'a [String],
    references: &'a BTreeMap<String, ReferenceRule>,
    owns: &'a [OwnedSpec],
    by: Option<&'a crate::manifest::reference::OwnedBy>,
    reset: &'a [String],
    tree: Option<&'a TreeSpec>,
    derived: bool,
    files: &'a [FileRule],
    republish: &'a [String],
}

impl<'a> Written<'a> {
    fn root(spec: &'a RecordSpec) -> Self {
        Self {
            table: &spec.table,
            key: &spec.key,
            identity: &spec.identity,
            label: spec.label.as_deref(),
            updated: spec.updated.as_deref(),
            created: spec.created.as_deref(),
            rows: &spec.rows,
            ignore: &spec.ignore,
            keep: &spec.keep,
            redact: &spec.redact,
            references: &spec.references,
            owns: &spec.owns,
            by: None,
            reset: &spec.reset,
            tree: spec.tree.as_ref(),
            derived: false,
            files: &spec.files,
            republish: &spec.republish,
        }
    }

    fn owned(spec: &'a OwnedSpec) -> Self {
        Self {
            table: &spec.table,
            key: &[],
            identity: &spec.identity,
            label: None,
            updated: None,
            created: None,
            rows: &spec.rows,
            ignore: &spec.ignore,
            keep: &spec.keep,
            redact: &spec.redact,
            references: &spec.references,
            owns: &spec.owns,
            by: spec.by.as_ref(),
            reset: &spec.reset,
            tree: None,
            derived: spec.derived,
            files: &spec.files,
            republish: &spec.republish,
        }
    }
}
