//! What modules could look like for databases that nobody has described yet.
//!
//! Answers for a proposal made of two catalogues: which tables are records, which rows belong to
//! them, and how they are recognised. Pure; what can't be told from a catalogue is said in a note.
//! `text` writes it down, `cli::init` checks it and makes the files.

mod columns;
mod identity;
mod ownership;
pub mod text;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Kind, Table};
use crate::manifest::module::KeepRule;
use crate::manifest::protected::{Class, Protection};
use crate::manifest::words::parts;
use ownership::{Owner, owners};

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
    pub by: Option<String>,
    pub key: Vec<String>,
    pub identity: Vec<String>,
    pub why_identity: String,
    pub label: Option<String>,
    pub updated: Option<String>,
    pub created: Option<String>,
    /// Columns that look like each environment's own.
    pub keep: Vec<(String, KeepRule)>,
    /// Columns that look like paths of files.
    pub files: Vec<String>,
    /// What could be meant, or couldn't be decided.
    pub notes: Vec<String>,
    pub owns: Vec<Record>,
}

impl Module {
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
pub fn propose(prod: &Catalog, test: &Catalog, protection: &Protection) -> Proposal {
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
    let proposing = Proposing { prod, test, protection, owners: &owners };
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

struct Proposing<'a> {
    prod: &'a Catalog,
    test: &'a Catalog,
    protection: &'a Protection,
    owners: &'a BTreeMap<String, Owner>,
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
        let parent = owner.map(|owner| owner.columns.as_slice());
        let (identity, why_identity) = identity::identity(table, parent, &there);
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
            updated: time(&columns::UPDATED),
            created: time(&columns::CREATED),
            keep: columns::own_counts(table),
            files: columns::paths(table),
            notes: self.notes(table),
            owns: Vec::new(),
        };
        for (child, owner) in self.owners.iter().filter(|(_, owner)| owner.table == name) {
            record.owns.push(self.record(child, Some(owner)));
        }
        record
    }

    /// What is worth knowing of a table before its module is used.
    fn notes(&self, table: &Table) -> Vec<String> {
        let mut notes: Vec<String> =
            table.foreign_keys.iter().filter_map(|key| self.note_on_reference(key)).collect();
        if let Some(test) = self.test.table(&table.name) {
            notes.extend(one_sided(table, test, "TEST"));
            notes.extend(one_sided(test, table, "PROD"));
        }
        if !table.triggers.is_empty() {
            notes.push(format!("triggers fire on writes: {}", table.triggers.join(", ")));
        }
        notes
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
