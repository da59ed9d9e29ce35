//! What modules could look like for databases that nobody has described yet.
//!
//! Answers for a proposal made of two catalogues: which tables are records, which rows belong to
//! them, and how they are recognised. Pure but for `look`, which reads samples of rows for what no
//! catalogue says; what can't be told is said in a note. `text` writes it down, `cli::init` checks it
//! and makes the files.

mod columns;
mod evidence;
mod identity;
pub mod look;
mod names;
mod ownership;
mod polymorphic;
pub mod references;
pub mod text;
mod text_found;
mod texts;
mod trees;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, ForeignKey, Kind, OnDelete, Table};
use crate::manifest::module::KeepRule;
use crate::manifest::protected::{Class, Protection};
use crate::manifest::words::parts;
use look::Findings;
use ownership::{Owner, SEEN, owners};
use references::{Certainty, Reference, Tables};
use trees::Tree;

/// Modules for everything that can be synchronized, and the rest with reasons.
#[derive(Debug, Default)]
pub struct Proposal {
    pub modules: Vec<Module>,
    /// Tables that no module holds, and why.
    pub left_out: BTreeMap<String, String>,
}

/// One root table with what it owns.
#[derive(Debug)]
pub struct Module {
    pub name: String,
    pub record: Record,
}

/// A table as a module would see it.
#[derive(Debug, Default)]
pub struct Record {
    pub table: String,
    /// Why its rows belong to the record above; empty for roots.
    pub why_owned: String,
    pub by: Option<(String, &'static str)>,
    pub key: Vec<String>,
    pub identity: Vec<String>,
    pub why_identity: String,
    pub label: Option<String>,
    pub updated: Option<String>,
    pub created: Option<String>,
    /// Columns that saving changes by itself, and how that is known.
    pub ignore: Vec<(String, &'static str)>,
    pub references: Vec<Reference>,
    pub tree: Option<Tree>,
    /// Columns that look like each environment's own.
    pub keep: Vec<(String, KeepRule)>,
    /// Columns that look like paths of files.
    pub files: Vec<String>,
    pub may_own: Vec<MayOwn>,
    /// What could be meant, or couldn't be decided.
    pub notes: Vec<String>,
    pub owns: Vec<Record>,
}

impl Module {
    /// Takes what was found in rows for a guess, since it is refused. True where anything was sure.
    pub fn doubt(&mut self, why: &str) -> bool {
        fn doubt(record: &mut Record) -> bool {
            let choices = record.references.iter_mut().flat_map(|it| &mut it.choices);
            let mut certain: Vec<&mut Certainty> =
                choices.map(|choice| &mut choice.certainty).collect();
            certain.extend(record.tree.as_mut().map(|tree| &mut tree.certainty));
            let mut any = false;
            for certainty in certain {
                any |= *certainty == Certainty::Sure;
                *certainty = Certainty::Guess;
            }
            record.owns.iter_mut().fold(any, |any, owned| doubt(owned) | any)
        }
        let any = doubt(&mut self.record);
        if any {
            let why = format!("what was found in rows is only told, since it is refused so: {why}");
            self.record.notes.push(why);
        }
        any
    }

    /// Root and owned tables.
    pub fn tables(&self) -> Vec<&str> {
        fn collect<'a>(record: &'a Record, tables: &mut Vec<&'a str>) {
            tables.push(&record.table);
            record.owns.iter().for_each(|owned| collect(owned, tables));
        }
        let mut tables = Vec::new();
        collect(&self.record, &mut tables);
        tables
    }
}

/// Parts of names at the end of tables that the application fills by itself.
const DERIVED: [&str; 5] = ["storage", "search", "cache", "queue", "index"];

/// Proposes modules for what both databases hold.
pub fn propose(tables: &Tables<'_>, findings: &Findings) -> Proposal {
    let Tables { test, protection, .. } = *tables;
    let prod = &with_seen(tables.prod, findings);
    let mut proposal = Proposal::default();
    let mut roots = BTreeSet::new();
    let mut only_owned = BTreeSet::new();
    for name in prod.tables.keys().chain(test.tables.keys()).collect::<BTreeSet<_>>() {
        if protection.class_of(name).is_some_and(Class::is_machinery) {
            continue;
        }
        let (Some(table), Some(_)) = (prod.table(name), test.table(name)) else {
            let without = if prod.table(name).is_none() { "PROD" } else { "TEST" };
            proposal.left_out.insert(name.clone(), format!("{without} has no such table"));
            continue;
        };
        match standing(table, protection) {
            Standing::Root => drop(roots.insert(name.as_str())),
            Standing::OnlyOwned(why) => {
                only_owned.insert(name.as_str());
                proposal.left_out.insert(name.clone(), why);
            }
            Standing::Out(why) => drop(proposal.left_out.insert(name.clone(), why)),
        }
    }
    let candidates: BTreeSet<&str> = roots.union(&only_owned).copied().collect();
    let owners = owners(prod, &candidates, &roots);
    let proposing = Proposing { prod, test, protection, owners: &owners, findings };
    for root in roots.iter().filter(|root| !owners.contains_key(**root)) {
        if let Some(table) = prod.table(root)
            && let Some(why) = proposing.belongs_to_protected(table)
        {
            proposal.left_out.insert((*root).to_owned(), why);
            continue;
        }
        let record = proposing.record(root, None);
        proposal.modules.push(Module { name: module_name(root), record });
    }
    for module in &proposal.modules {
        for table in module.tables() {
            proposal.left_out.remove(table);
        }
    }
    proposal
}

enum Standing {
    Root,
    /// Never synchronized, unless it belongs to a record.
    OnlyOwned(String),
    Out(String),
}

fn standing(table: &Table, protection: &Protection) -> Standing {
    if let Some(class) = protection.class_of(&table.name) {
        let why = format!("never synchronized: {class}");
        return match protection.class_of_owned(&table.name) {
            None if !table.primary_key.is_empty() => Standing::OnlyOwned(why),
            _ => Standing::Out(why),
        };
    }
    let is_derived = parts(&table.name).last().is_some_and(|last| DERIVED.contains(&last.as_str()));
    if is_derived {
        return Standing::Out("looks like something the application makes again by itself".into());
    }
    if !table.transactional {
        return Standing::Out("its storage engine has no transactions; InnoDB has".into());
    }
    let key = if table.primary_key.is_empty() { identity::replacement(table) } else { None };
    let key = key.as_ref().unwrap_or(&table.primary_key);
    if key.is_empty() {
        return Standing::Out("it has no primary key, so its rows can't be told apart".into());
    }
    let is_float = |name: &String| table.column(name).is_some_and(|c| c.kind == Kind::Float);
    if key.iter().any(is_float) {
        return Standing::Out("its key is a float".into());
    }
    Standing::Root
}

/// `cms_page` as `cms-page`.
fn module_name(table: &str) -> String {
    let name = parts(table).join("-");
    let ascii: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(60).collect();
    if ascii.starts_with(|c: char| c.is_ascii_alphabetic()) { ascii } else { format!("t-{ascii}") }
}

/// Rows that name a row above by its key and by what kind of row it is.
#[derive(Debug)]
pub struct MayOwn {
    pub table: String,
    /// The column, and the column above that it holds.
    pub id: (String, String),
    pub kind: (String, String),
}

/// The catalogue with references that only rows show, so that they count for ownership and links.
fn with_seen(catalog: &Catalog, findings: &Findings) -> Catalog {
    let mut catalog = catalog.clone();
    for (name, references) in &findings.references {
        for reference in references.iter().filter(|it| it.key == it.column && it.is_sure()) {
            let [choice] = reference.choices.as_slice() else { continue };
            let Some(to) = catalog.table(&choice.table).filter(|_| choice.when.is_none()) else {
                continue;
            };
            let key = ForeignKey {
                name: SEEN.to_owned(),
                columns: vec![reference.column.clone()],
                to_table: to.name.clone(),
                to_columns: to.primary_key.clone(),
                on_delete: OnDelete::NoAction,
                deferrable: false,
            };
            if let Some(table) = catalog.tables.get_mut(name) {
                table.foreign_keys.push(key);
            }
        }
    }
    catalog
}

struct Proposing<'a> {
    prod: &'a Catalog,
    test: &'a Catalog,
    protection: &'a Protection,
    owners: &'a BTreeMap<String, Owner>,
    findings: &'a Findings,
}

impl Proposing<'_> {
    /// Rows that vanish with a row of a never-synchronized table are its own.
    fn belongs_to_protected(&self, table: &Table) -> Option<String> {
        let owner = table.foreign_keys.iter().find(|key| {
            key.on_delete == crate::catalog::OnDelete::Cascade
                && self.protection.class_of(&key.to_table).is_some()
        })?;
        let class = self.protection.class_of(&owner.to_table)?;
        Some(format!("its rows belong to {} (never synchronized: {class})", owner.to_table))
    }

    fn record(&self, name: &str, owner: Option<&Owner>) -> Record {
        let Some(table) = self.prod.table(name) else { return Record::default() };
        let there =
            |column: &str| self.test.table(name).is_some_and(|test| test.column(column).is_some());
        let tree = self.findings.trees.get(name);
        // A path tells where a row stands, not which it is.
        let tells = |column: &str| there(column) && tree.is_none_or(|tree| tree.path != column);
        let parent = owner.map(|owner| owner.columns.as_slice());
        let (identity, why_identity) = identity::identity(table, parent, &tells);
        let time = |words: &[&str]| columns::time(table, words).filter(|name| there(name));
        let mut record = Record {
            table: name.to_owned(),
            why_owned: owner.map(|owner| owner.why.clone()).unwrap_or_default(),
            by: owner.and_then(|owner| owner.by.clone()),
            key: match table.primary_key.is_empty() {
                true => identity::replacement(table).unwrap_or_default(),
                false => Vec::new(),
            },
            label: columns::label(table, &identity).filter(|name| there(name)),
            identity,
            why_identity,
            ignore: self.moving(table, time(&columns::UPDATED)),
            references: self.references(table, parent),
            tree: tree.cloned(),
            updated: time(&columns::UPDATED),
            created: time(&columns::CREATED),
            keep: columns::own_counts(table),
            files: columns::paths(table),
            may_own: self.may_own(table),
            notes: self.notes(table),
            owns: Vec::new(),
        };
        for (child, owner) in self.owners.iter().filter(|(_, owner)| owner.table == name) {
            record.owns.push(self.record(child, Some(owner)));
        }
        record
    }

    /// Columns that change whenever a row is saved.
    fn moving(&self, table: &Table, updated: Option<String>) -> Vec<(String, &'static str)> {
        let mut moving: Vec<_> = updated
            .into_iter()
            .map(|name| (name, "saving without a change is no difference"))
            .collect();
        let set = columns::set_by_database(table).into_iter();
        let stamps = self.findings.stamps.get(&table.name).into_iter().flatten().cloned();
        moving.extend(set.map(|name| (name, "the database sets it with every write")));
        moving.extend(stamps.map(|name| (name, "times that saving alone changes")));
        let mut seen = BTreeSet::new();
        moving.retain(|(name, _)| seen.insert(name.clone()));
        moving
    }

    /// What was seen, but for the reference that `by` names.
    fn references(&self, table: &Table, parent: Option<&[String]>) -> Vec<Reference> {
        let found = self.findings.references.get(&table.name).into_iter().flatten();
        let is_parent =
            |reference: &&Reference| parent.is_some_and(|columns| *columns == [&*reference.key]);
        found.filter(|reference| !is_parent(reference)).cloned().collect()
    }

    /// What is worth knowing of a table before its module is used.
    fn notes(&self, table: &Table) -> Vec<String> {
        let mut notes: Vec<String> =
            table.foreign_keys.iter().filter_map(|key| self.note_on_reference(key)).collect();
        if let Some(test) = self.test.table(&table.name) {
            notes.extend(one_sided(table, test, "TEST"));
            notes.extend(one_sided(test, table, "PROD"));
        }
        if let Some(why) = self.findings.unread.get(&table.name) {
            notes.push(format!("its rows couldn't be looked into: {why}"));
        }
        for column in columns::child_counts(table) {
            notes.push(format!(
                "{column} counts the rows below a row, so a new child also modifies its parent: \
                 approve both, or put it under ignore and have afterWrite count again"
            ));
        }
        if !table.triggers.is_empty() {
            notes.push(format!("triggers fire on writes: {}", table.triggers.join(", ")));
        }
        notes
    }

    /// Tables that refer here as one of several: their rows may belong to rows of this table.
    fn may_own(&self, table: &Table) -> Vec<MayOwn> {
        let mut found = Vec::new();
        let [key] = table.primary_key.as_slice() else { return found };
        for (child, references) in &self.findings.references {
            for reference in references {
                let here = reference.choices.iter().filter(|choice| choice.table == table.name);
                let sure = here.filter(|choice| choice.certainty == Certainty::Sure);
                found.extend(sure.filter_map(|choice| {
                    Some(MayOwn {
                        table: child.clone(),
                        id: (reference.key.clone(), key.clone()),
                        kind: choice.when.clone()?,
                    })
                }));
            }
        }
        found
    }

    /// Rows of never-synchronized tables are only referred to; how they are recognised decides
    /// what an inserted row refers to.
    fn note_on_reference(&self, key: &crate::catalog::ForeignKey) -> Option<String> {
        let class = self.protection.class_of(&key.to_table)?;
        let to = self.prod.table(&key.to_table)?;
        let columns = key.columns.join(", ");
        let how = match identity::natural(to) {
            Some(natural) => format!("its rows are recognised by {}", natural.join(", ")),
            None => "it has no natural key, so its rows are recognised by ID; say better in \
                     tables.match of the operator's file"
                .to_owned(),
        };
        Some(format!("{columns} refers to {} (never synchronized: {class}): {how}", to.name))
    }
}

fn one_sided(table: &Table, other: &Table, without: &str) -> Vec<String> {
    let missing = table.columns.iter().filter(|column| other.column(&column.name).is_none());
    missing.map(|column| format!("{without} has no column {}", column.name)).collect()
}
