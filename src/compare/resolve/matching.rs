//! How rows of a table are recognised on the other side.
//!
//! In this order: the reference's `match`, the operator's `tables.match`, the identity of the
//! module that holds the table, the first unique key that isn't a surrogate, the internal ID.

use super::references;
use super::{
    Basis, Builder, Catalog, Kind, Matching, MatchingId, NodeId, Reference, Refusal, Sayings,
    Table, Written,
};
use crate::manifest::module::{ModuleSpec, OwnedSpec, RecordSpec};
use crate::manifest::reference::OwnedBy;

/// What a table's matching is made of, as names.
#[derive(Default)]
struct Plan {
    identity: Vec<String>,
    /// The columns by which an owned row names its parent, among the identity.
    parent: Vec<String>,
    key: Vec<String>,
    created: Option<String>,
    filter: std::collections::BTreeMap<String, crate::manifest::filter::Condition>,
    basis: Option<Basis>,
    declared: std::collections::BTreeMap<String, crate::manifest::reference::ReferenceRule>,
    tree: Option<crate::manifest::module::TreeSpec>,
    /// The columns that name an owned row's parent where no foreign key does, its table and columns.
    named_parent: Option<(Vec<String>, String, Vec<String>)>,
    /// Columns that the module redacts besides the operator.
    redact: Vec<String>,
}

impl Builder<'_> {
    /// The matching of a table; `matched_by` is what a reference names as `match`.
    pub(super) fn matching(
        &mut self,
        table: &str,
        matched_by: &[String],
    ) -> Result<MatchingId, Refusal> {
        let known = (table.to_owned(), matched_by.to_vec());
        if let Some(id) = self.known.get(&known) {
            return Ok(*id);
        }
        let (source, target) = self.both(table)?;
        let plan = self.plan(&target, matched_by)?;
        let mut columns = Vec::new();
        let mut position = |name: &String| {
            columns.iter().position(|known| known == name).unwrap_or_else(|| {
                columns.push(name.clone());
                columns.len() - 1
            })
        };
        let key = plan.key.iter().map(&mut position).collect();
        let identity = plan.identity.iter().map(&mut position).collect();
        let parent = plan.parent.iter().map(&mut position).collect();
        let created = plan.created.as_ref().map(&mut position);
        for name in plan.filter.keys() {
            position(name);
        }
        for (side, name) in [(&source, "source"), (&target, "target")] {
            if let Some(missing) = columns.iter().find(|column| side.column(column).is_none()) {
                return Err(format!("{table} has no column {missing} on the {name}"));
            }
        }
        let id = self.model.matchings.len();
        self.known.insert(known, id);
        if matched_by.is_empty() {
            self.model.by_table.insert(table.to_owned(), id);
        }
        let hides = |column: &String| {
            plan.redact.contains(column) || self.input.rules.redacted(table, column)
        };
        let redacted = columns.iter().map(hides).collect();
        self.model.matchings.push(Matching {
            redacted,
            table: table.to_owned(),
            columns,
            key,
            identity,
            parent,
            references: Vec::new(),
            filter: plan.filter.clone(),
            created,
            basis: plan.basis.unwrap_or(Basis::Id),
            source,
            target,
        });
        // After the entry exists: a table's identity may refer to itself (a tree).
        let references = self.matching_references(id, &plan)?;
        self.model.matchings[id].references = references;
        Ok(id)
    }

    /// The matching of a node's rows: the table's, with the node's own filter where several modules
    /// share the table.
    pub(super) fn matching_of_node(
        &mut self,
        node: NodeId,
        written: &Written<'_>,
    ) -> Result<MatchingId, Refusal> {
        let id = self.matching(written.table, &[])?;
        let root = self.model.nodes[node].parent.is_none();
        if !root || self.model.matchings[id].filter == *written.rows {
            return Ok(id);
        }
        let filter = written.rows.clone();
        let own = Matching { filter: filter.clone(), ..self.model.matchings[id].clone() };
        self.model.matchings.push(own);
        let own = self.model.matchings.len() - 1;
        self.needs(own, &filter.into_keys().collect::<Vec<_>>())?;
        Ok(own)
    }

    /// Has a matching read further columns: those that references hold.
    pub(super) fn needs(&mut self, id: MatchingId, names: &[String]) -> Result<(), Refusal> {
        let matching = &mut self.model.matchings[id];
        for name in names {
            if matching.position(name).is_none() {
                for table in [&matching.source, &matching.target] {
                    if table.column(name).is_none() {
                        return Err(format!(
                            "{} has no column {name} on both sides, but references hold it",
                            matching.table
                        ));
                    }
                }
                let redacted = self.input.rules.redacted(&matching.table, name);
                matching.redacted.push(redacted);
                matching.columns.push(name.clone());
            }
        }
        Ok(())
    }

    fn plan(&self, target: &Table, matched_by: &[String]) -> Result<Plan, Refusal> {
        let root = self.root_of_job(&target.name);
        let key = if let Some(named) = root.map(|root| &root.key).filter(|key| !key.is_empty()) {
            named.clone()
        } else if target.primary_key.is_empty() {
            shortest_unique(target).ok_or_else(|| {
                format!("the table {} has no key, so it can't be referred to", target.name)
            })?
        } else {
            target.primary_key.clone()
        };
        if !matched_by.is_empty() {
            let basis = Some(Basis::Declared);
            return Ok(Plan { identity: matched_by.to_vec(), key, basis, ..Plan::default() });
        }
        // Rows of the job's own modules go by the module's identity.
        let outside = !self.in_job(&target.name);
        if let Some(identity) = self.input.rules.matched_by(&target.name).filter(|_| outside) {
            let basis = Some(Basis::Declared);
            return Ok(Plan { identity: identity.to_vec(), key, basis, ..Plan::default() });
        }
        if let Some(plan) = self.plan_of_module(target, &key) {
            return Ok(plan);
        }
        match natural_key(target) {
            Some(identity) => {
                let basis = Some(Basis::UniqueKey);
                Ok(Plan { identity, key, basis, ..Plan::default() })
            }
            None => Ok(Plan { key, basis: Some(Basis::Id), ..Plan::default() }),
        }
    }

    fn modules_of_job(&self) -> impl Iterator<Item = &ModuleSpec> {
        self.input.selected.iter().filter_map(|name| self.input.modules.get(name))
    }

    /// The record type whose root the table is in the job.
    fn root_of_job(&self, table: &str) -> Option<&RecordSpec> {
        self.modules_of_job().flat_map(|module| &module.records).find(|root| root.table == table)
    }

    fn in_job(&self, table: &str) -> bool {
        fn owns(owned: &[OwnedSpec], table: &str) -> bool {
            owned.iter().any(|spec| spec.table == table || owns(&spec.owns, table))
        }
        let mut records = self.modules_of_job().flat_map(|module| &module.records);
        records.any(|root| root.table == table || owns(&root.owns, table))
    }

    /// The job's modules decide before other loaded ones.
    fn plan_of_module(&self, target: &Table, key: &[String]) -> Option<Plan> {
        let modules = self.input.modules;
        let selected = self.input.selected.iter().filter_map(|name| modules.get(name));
        let others = modules
            .iter()
            .filter(|(name, _)| !self.input.selected.contains(name))
            .map(|(_, module)| module);
        for record in selected.chain(others).flat_map(|module| &module.records) {
            if record.table == target.name {
                return Some(root_plan(record, key));
            }
            for owned in &record.owns {
                if let Some(plan) = owned_plan(self.input.target, owned, &record.table, target, key)
                {
                    return Some(plan);
                }
            }
        }
        None
    }

    /// References among the key and identity columns of a matching.
    fn matching_references(
        &mut self,
        id: MatchingId,
        plan: &Plan,
    ) -> Result<Vec<Reference>, Refusal> {
        let table = self.model.matchings[id].table.clone();
        let wanted: Vec<&String> = plan.identity.iter().chain(&plan.key).collect();
        let sayings = Sayings {
            table: &table,
            declared: &plan.declared,
            tree: plan.tree.as_ref(),
            parent: plan.named_parent.as_ref(),
        };
        let mut references: Vec<Reference> = Vec::new();
        // A key within another one says nothing more; choices and places inside a value do.
        let mut taken: Vec<String> = Vec::new();
        for named in self.named(&sayings)? {
            let inside = named.columns.iter().all(|column| wanted.contains(&column));
            let known = named.within().is_whole()
                && named.columns.iter().any(|column| taken.contains(column))
                && !references.iter().any(|it| it.place == named.place());
            if !inside || known {
                continue;
            }
            if named.within().is_whole() {
                taken.extend(named.columns.iter().cloned());
            }
            let read: Vec<String> = named.read().cloned().collect();
            self.needs(id, &read)?;
            let columns = self.model.matchings[id].columns.clone();
            let position = |name: &str| columns.iter().position(|known| known == name);
            references.extend(self.reference(&named, &sayings, position)?);
        }
        Ok(references)
    }
}

fn root_plan(record: &RecordSpec, key: &[String]) -> Plan {
    Plan {
        identity: record.identity.clone(),
        key: if record.key.is_empty() { key.to_vec() } else { record.key.clone() },
        created: record.created.clone(),
        filter: record.rows.clone(),
        basis: Some(Basis::Module),
        parent: Vec::new(),
        declared: record.references.clone(),
        tree: record.tree.clone(),
        named_parent: None,
        redact: record.redact.clone(),
    }
}

/// An owned row is recognised by its parent and, within it, by its identity; by its ID where
/// none is declared. Where the key is the parent reference a parent has one row, so the parent says
/// it all.
fn owned_plan(
    catalog: &Catalog,
    owned: &OwnedSpec,
    above: &str,
    target: &Table,
    key: &[String],
) -> Option<Plan> {
    if owned.table != target.name {
        let mut below = owned.owns.iter();
        return below.find_map(|below| owned_plan(catalog, below, &owned.table, target, key));
    }
    let above_key = catalog.table(above).map(|table| table.primary_key.as_slice());
    let written = Written::owned(owned);
    let constants = references::constants(written.by).into_keys();
    let mapped = match written.by {
        Some(OwnedBy::Columns(columns)) => Some(references::mapped(columns)),
        _ => None,
    };
    let link = target
        .foreign_keys
        .iter()
        .find(|foreign| match &written.by {
            Some(OwnedBy::Name(name)) => {
                foreign.name == *name || foreign.columns == [name.as_str()]
            }
            Some(OwnedBy::Columns(_)) => false,
            None => foreign.to_table == above,
        })
        .map(|foreign| foreign.columns.clone());
    let by_column = match (written.by, &link) {
        (Some(OwnedBy::Name(name)), None) if target.column(name).is_some() => {
            above_key.map(|key| (vec![name.clone()], key.to_vec()))
        }
        _ => mapped,
    };
    let named_parent =
        by_column.map(|(columns, to)| (columns, above.to_owned(), to)).filter(|_| link.is_none());
    let by_name = named_parent.as_ref().map(|(columns, _, _)| columns.clone());
    let parent = link.or(by_name).unwrap_or_default();
    let mut identity = parent.clone();
    identity.extend(constants);
    let only_one = key.iter().all(|column| identity.contains(column));
    let own = if only_one || owned.identity.is_empty() { key } else { &owned.identity };
    for column in own {
        if !identity.contains(column) {
            identity.push(column.clone());
        }
    }
    let basis = Some(Basis::Module);
    let (declared, redact) = (owned.references.clone(), owned.redact.clone());
    let key = key.to_vec();
    Some(Plan { identity, parent, key, basis, declared, named_parent, redact, ..Plan::default() })
}

/// A primary key that isn't a mere number or UUID, else the first unique key without NULL that
/// isn't one.
fn natural_key(table: &Table) -> Option<Vec<String>> {
    let unique = table.unique_keys.iter().filter(|key| !key.partial).map(|key| &key.columns);
    std::iter::once(&table.primary_key)
        .chain(unique)
        .find(|columns| {
            !columns.is_empty()
                && !is_surrogate(table, columns)
                && columns.iter().all(|name| never_null(table, name))
        })
        .cloned()
}

fn never_null(table: &Table, name: &str) -> bool {
    table.primary_key.iter().any(|column| column == name)
        || table.column(name).is_some_and(|column| !column.nullable)
}

fn is_surrogate(table: &Table, columns: &[String]) -> bool {
    let [only] = columns else { return false };
    let refers = table.foreign_keys.iter().any(|key| key.columns == [only.as_str()]);
    table.column(only).is_some_and(|column| {
        column.auto.is_some()
            || (!refers
                && table.primary_key == [only.as_str()]
                && matches!(column.kind, Kind::Integer | Kind::Uuid))
    })
}

fn shortest_unique(table: &Table) -> Option<Vec<String>> {
    table
        .unique_keys
        .iter()
        .filter(|key| !key.partial && key.columns.iter().all(|name| never_null(table, name)))
        .map(|key| key.columns.clone())
        .min_by_key(Vec::len)
}
