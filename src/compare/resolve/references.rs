//! What columns refer to: foreign keys of either side and what manifests declare.

use std::collections::BTreeMap;

use super::{Builder, Declared, Node, Reference, Referrer, Refusal, Role, Table, Value, Written};
use crate::catalog::{Engine, Kind};
use crate::compare::model::{Column, Presence, Test, Through};
use crate::compare::spots::Within;
use crate::manifest::filter::{Condition, Filter, Scalar};
use crate::manifest::module::TreeSpec;
use crate::manifest::reference::{
    Inside, OwnedBy, OwnedByPart, ReferenceChoice, ReferencePlace, ReferenceRule,
};

/// A reference before its columns are looked up.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub columns: Vec<String>,
    within: Within,
    place: usize,
    when: Filter,
    pub to_table: String,
    pub to_columns: Vec<String>,
    matched_by: Vec<String>,
    none: Option<Value>,
}

/// What says which references a table has.
#[derive(Clone, Copy)]
pub(super) struct Sayings<'a> {
    pub table: &'a str,
    pub declared: &'a BTreeMap<String, ReferenceRule>,
    pub tree: Option<&'a TreeSpec>,
    /// The columns that name the parent of an owned row, the parent's table and its columns.
    pub parent: Option<&'a (Vec<String>, String, Vec<String>)>,
}

impl Named {
    /// Every column that it reads.
    pub fn read(&self) -> impl Iterator<Item = &String> {
        self.columns.iter().chain(self.when.keys())
    }

    pub fn within(&self) -> &Within {
        &self.within
    }

    pub fn place(&self) -> usize {
        self.place
    }

    fn whole(columns: &[String], to_table: &str, to_columns: &[String]) -> Self {
        Self {
            columns: columns.to_vec(),
            within: Within::Whole,
            place: 0,
            when: Filter::new(),
            to_table: to_table.to_owned(),
            to_columns: to_columns.to_vec(),
            matched_by: Vec::new(),
            none: None,
        }
    }
}

impl Builder<'_> {
    /// References of a node; columns that refer to never-synchronized tables change their role.
    pub(super) fn references(
        &mut self,
        written: &Written<'_>,
        parent: Option<&(Vec<String>, String, Vec<String>)>,
        columns: &mut [Column],
    ) -> Result<Vec<Reference>, Refusal> {
        let table = written.table;
        let sayings = Sayings { table, declared: written.references, tree: written.tree, parent };
        let all = self.named(&sayings)?;
        let mut references: Vec<Reference> = Vec::new();
        for named in &all {
            let position = |name: &str| {
                columns.iter().position(|it| it.name == name && it.on == Presence::Both)
            };
            let Some(mut reference) = self.reference(named, &sayings, position)? else { continue };
            reference.foreign &=
                !named.columns.iter().any(|column| written.identity.contains(column));
            reference.nullable = reference.columns.iter().all(|index| columns[*index].nullable);
            references.push(reference);
        }
        for reference in references.iter().filter(|it| it.within.is_whole()) {
            let mut choices = references.iter().filter(|it| it.place == reference.place);
            if choices.all(|choice| choice.foreign) {
                for index in &reference.columns {
                    if columns[*index].role == Role::Content {
                        columns[*index].role = Role::Foreign;
                    }
                }
            }
        }
        Ok(references)
    }

    /// A reference with its columns and tests looked up; `None` where a side lacks one of them.
    pub(super) fn reference(
        &mut self,
        named: &Named,
        sayings: &Sayings<'_>,
        position: impl Fn(&str) -> Option<usize>,
    ) -> Result<Option<Reference>, Refusal> {
        let found: Option<Vec<usize>> = named.columns.iter().map(|name| position(name)).collect();
        let Some(columns) = found else { return Ok(None) };
        let mut when = Vec::with_capacity(named.when.len());
        for (name, condition) in &named.when {
            let Some(column) = position(name) else {
                return Err(format!(
                    "{}.{name} doesn't exist on both sides, but a reference's `when` asks it",
                    sayings.table
                ));
            };
            let through = self.through(sayings, name, condition)?;
            when.push(Test { column, condition: condition.clone(), through });
        }
        let matching = self.matching(&named.to_table, &named.matched_by)?;
        self.needs(matching, &named.to_columns)?;
        let outside = self.is_foreign(&named.to_table);
        let mut to_kinds = self.kinds(&named.to_table, &named.to_columns);
        if named.within.is_whole() {
            as_they_are(&self.kinds(sayings.table, &named.columns), &mut to_kinds);
        }
        Ok(Some(Reference {
            columns,
            within: named.within.clone(),
            place: named.place,
            when,
            outside,
            foreign: outside,
            to_kinds,
            to_table: named.to_table.clone(),
            to_columns: named.to_columns.clone(),
            matching,
            none: named.none.clone(),
            nullable: false,
        }))
    }

    /// What columns of the target hold, in the form in which values travel.
    pub(super) fn kinds(&self, table: &str, columns: &[String]) -> Vec<Kind> {
        let table = self.input.target.table(table);
        let kind = |name: &String| {
            let Some(column) = table.and_then(|table| table.column(name)) else { return Kind::Any };
            let spelled = !matches!(
                column.kind,
                Kind::Integer
                    | Kind::Decimal
                    | Kind::Float
                    | Kind::Boolean
                    | Kind::Text
                    | Kind::Json
            );
            match column.carried {
                Some(carried) => carried,
                // What it has no type for stands there as somebody wrote it.
                None if self.input.target.engine == Engine::Sqlite && spelled => Kind::Any,
                None => column.kind,
            }
        };
        columns.iter().map(kind).collect()
    }

    /// Where a tested column refers to a row that has a unique key, that key is asked instead.
    pub(super) fn through(
        &mut self,
        sayings: &Sayings<'_>,
        column: &str,
        condition: &Condition,
    ) -> Result<Option<usize>, Refusal> {
        let Some(named) = self.alone(sayings, column)? else { return Ok(None) };
        let matching = self.matching(&named.to_table, &named.matched_by)?;
        let known = &self.model.matchings[matching];
        let name = known.names(&known.identity);
        if name.is_empty() {
            return Ok(None);
        }
        self.needs(matching, &named.to_columns)?;
        self.model.throughs.push(Through {
            matching,
            to_column: named.to_columns[0].clone(),
            name,
            condition: condition.clone(),
            known: Default::default(),
        });
        Ok(Some(self.model.throughs.len() - 1))
    }

    /// What a column by itself refers to in every row.
    fn alone(&self, sayings: &Sayings<'_>, column: &str) -> Result<Option<Named>, Refusal> {
        if let Some(rule) = sayings.declared.get(column) {
            let always = rule.choices.iter().find(|choice| choice.when.is_empty());
            return always.map(|it| self.declared_reference(sayings.table, column, it)).transpose();
        }
        let tables = [self.input.target, self.input.source].map(|side| side.table(sayings.table));
        let mut keys = tables.into_iter().flatten().flat_map(|table| &table.foreign_keys);
        let key = keys.find(|key| key.columns == [column]);
        Ok(key.map(|key| Named::whole(&key.columns, &key.to_table, &key.to_columns)))
    }

    /// Declared references first; a foreign key over the same columns adds nothing to them.
    pub(super) fn named(&self, sayings: &Sayings<'_>) -> Result<Vec<Named>, Refusal> {
        let mut found: Vec<Named> = Vec::new();
        for (place, (key, rule)) in sayings.declared.iter().enumerate() {
            let written = ReferencePlace::parse(key)
                .map_err(|why| format!("{}: the reference `{key}` {why}", sayings.table))?;
            for choice in &rule.choices {
                let mut named = self.declared_reference(sayings.table, written.column, choice)?;
                named.place = place;
                named.within = match &written.inside {
                    Inside::Whole => Within::Whole,
                    Inside::Path(path) => Within::Path(path.clone()),
                    Inside::Pattern(pattern) => Within::Pattern(pattern.clone()),
                };
                found.push(named);
            }
        }
        if let Some(tree) = sayings.tree {
            let path = std::slice::from_ref(&tree.path);
            let within = Within::Parent { step: usize::from(tree.step) };
            let place = found.len();
            found.push(Named { within, place, ..Named::whole(path, sayings.table, path) });
        }
        let tables = [self.input.target, self.input.source].map(|side| side.table(sayings.table));
        let keys = tables.into_iter().flatten().flat_map(|table| &table.foreign_keys);
        let keys = keys.map(|key| (&key.columns, &key.to_table, &key.to_columns));
        let parent = sayings.parent.iter().map(|(columns, table, to)| (columns, table, to));
        for (columns, to_table, to_columns) in keys.chain(parent) {
            let known = |named: &Named| {
                named.within.is_whole()
                    && (named.columns == *columns
                        || (named.columns.len() == 1 && columns.contains(&named.columns[0])))
            };
            if !found.iter().any(known) {
                let place = found.len();
                found.push(Named { place, ..Named::whole(columns, to_table, to_columns) });
            }
        }
        Ok(found)
    }

    fn declared_reference(
        &self,
        table: &str,
        column: &str,
        choice: &ReferenceChoice,
    ) -> Result<Named, Refusal> {
        let referred = self.input.target.table(&choice.table).ok_or_else(|| {
            format!(
                "{table}.{column} refers to {}, which doesn't exist on the target",
                choice.table
            )
        })?;
        let by_key = |key: &&crate::catalog::ForeignKey| {
            key.columns == [column] && key.to_table == choice.table
        };
        let holder = self.input.target.table(table);
        let to_columns = match holder.and_then(|t| t.foreign_keys.iter().find(by_key)) {
            Some(key) => key.to_columns.clone(),
            None => self.id_of(&choice.table).filter(|key| key.len() == 1).ok_or_else(|| {
                format!(
                    "{table}.{column} can't refer to {}, whose key isn't one column",
                    referred.name
                )
            })?,
        };
        Ok(Named {
            when: choice.when.clone(),
            matched_by: choice.matching.clone(),
            none: choice.none.as_ref().map(scalar_value),
            ..Named::whole(&[column.to_owned()], &choice.table, &to_columns)
        })
    }

    /// What a table's rows are referred to by: the primary key, where there is none a module's `key`.
    pub(super) fn id_of(&self, table: &str) -> Option<Vec<String>> {
        let primary = &self.input.target.table(table)?.primary_key;
        let records = self.input.modules.values().flat_map(|module| &module.records);
        let mut keys = records.filter(|it| it.table == table).map(|record| &record.key);
        match primary.is_empty() {
            false => Some(primary.clone()),
            true => keys.find(|key| !key.is_empty()).cloned(),
        }
    }

    /// Declared references of every loaded module and what `referencedBy` names, for
    /// `still-referenced`.
    pub(super) fn declared(&mut self) {
        let modules = self.input.modules;
        for record in modules.values().flat_map(|module| &module.records) {
            self.declared_of(&Written::root(record));
            for by in &record.referenced_by {
                self.referenced_by(&record.table, by);
            }
        }
    }

    fn referenced_by(&mut self, table: &str, by: &str) {
        let Some((holder, column)) = by.rsplit_once('.') else { return };
        let (Some(holder), Some(key)) = (self.input.target.table(holder), self.id_of(table)) else {
            return;
        };
        if key.len() != 1 || holder.column(column).is_none() {
            return;
        }
        let declared = BTreeMap::new();
        let sayings =
            Sayings { table: &holder.name, declared: &declared, tree: None, parent: None };
        let named = Named::whole(&[column.to_owned()], table, &key);
        let holder = holder.clone();
        self.add_referrer(&holder, &sayings, &[named], 0);
    }

    fn declared_of(&mut self, written: &Written<'_>) {
        let Some(holder) = self.input.target.table(written.table).cloned() else { return };
        let (table, declared) = (written.table, written.references);
        let sayings = Sayings { table, declared, tree: written.tree, parent: None };
        // A module outside the job may name tables that aren't there.
        let all: Vec<Named> = self.named(&sayings).unwrap_or_default();
        let said = declared.values().map(|rule| rule.choices.len()).sum::<usize>();
        for which in 0..all.len().min(said + usize::from(written.tree.is_some())) {
            let place: Vec<Named> =
                all.iter().filter(|it| it.place == all[which].place).cloned().collect();
            let before = all[..which].iter().filter(|it| it.place == all[which].place).count();
            self.add_referrer(&holder, &sayings, &place, before);
        }
        for owned in written.owns {
            self.declared_of(&Written::owned(owned));
        }
    }

    /// `place` holds the choices of one place, `which` says which of them it is about.
    fn add_referrer(
        &mut self,
        holder: &Table,
        sayings: &Sayings<'_>,
        place: &[Named],
        which: usize,
    ) {
        let mut read: Vec<String> = Vec::new();
        for name in place.iter().flat_map(Named::read) {
            if !read.contains(name) {
                read.push(name.clone());
            }
        }
        let mut references = Vec::with_capacity(place.len());
        for named in place {
            let position = |name: &str| read.iter().position(|known| known == name);
            match self.reference(named, sayings, position) {
                Ok(Some(reference)) => references.push(reference),
                // The module that declares it can't be compared either, and says why.
                Ok(None) | Err(_) => return,
            }
        }
        if read.iter().any(|name| holder.column(name).is_none()) {
            return;
        }
        let referrer = Referrer {
            holder: holder.clone(),
            columns: place[which].columns.clone(),
            to_columns: place[which].to_columns.clone(),
            declared: Some(Declared { read, references, which }),
        };
        self.model.declared.push((place[which].to_table.clone(), referrer));
    }
}

/// Where both columns hold the same kind, values need no other form.
pub(super) fn as_they_are(own: &[Kind], to: &mut [Kind]) {
    for (own, to) in own.iter().zip(to) {
        if own == to {
            *to = Kind::Any;
        }
    }
}

pub(super) fn scalar_value(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Boolean(*value),
        Scalar::Integer(value) => Value::Integer(*value),
        Scalar::Decimal(digits) => Value::Decimal(digits.as_str().into()),
        Scalar::Text(text) => Value::Text(text.as_str().into()),
    }
}

/// The columns of an owned table that name its parent, and what they name there.
pub(super) fn parent_link(
    written: &Written<'_>,
    target: &Table,
    source: &Table,
    owner: &Node,
) -> Result<(Vec<String>, Vec<String>), Refusal> {
    let to_owner: Vec<_> =
        target
            .foreign_keys
            .iter()
            .chain(source.foreign_keys.iter().filter(|key| {
                !target.foreign_keys.iter().any(|known| known.columns == key.columns)
            }))
            .filter(|key| key.to_table == owner.table)
            .collect();
    let chosen = match written.by {
        Some(OwnedBy::Name(name)) => {
            to_owner.iter().find(|key| key.name == *name || key.columns == [name.as_str()])
        }
        Some(OwnedBy::Columns(columns)) => return Ok(mapped(columns)),
        None if to_owner.len() == 1 => to_owner.first(),
        None => None,
    };
    match (chosen, written.by) {
        (Some(key), _) => Ok((key.columns.clone(), key.to_columns.clone())),
        (None, Some(OwnedBy::Name(column))) if target.column(column).is_some() => {
            Ok((vec![column.clone()], owner.names(&owner.key)))
        }
        _ => Err(format!(
            "{} has {} foreign keys to {}; say which one names the parent as `by`",
            written.table,
            to_owner.len(),
            owner.table
        )),
    }
}

/// The columns of a map that name the parent's columns.
pub(super) fn mapped(columns: &BTreeMap<String, OwnedByPart>) -> (Vec<String>, Vec<String>) {
    let named = columns.iter().filter_map(|(column, part)| match part {
        OwnedByPart::Column(to) => Some((column.clone(), to.clone())),
        OwnedByPart::Equals(_) => None,
    });
    named.unzip()
}

/// The constants of a map, as conditions.
pub(super) fn constants(by: Option<&OwnedBy>) -> Filter {
    let Some(OwnedBy::Columns(columns)) = by else { return Filter::new() };
    let constant = |(column, part): (&String, &OwnedByPart)| match part {
        OwnedByPart::Equals(scalar) => Some((column.clone(), Condition::Equals(scalar.clone()))),
        OwnedByPart::Column(_) => None,
    };
    columns.iter().filter_map(constant).collect()
}
