//! A resource as the database has it: tables, the columns that are read, and where documents go.
//!
//! Answers for every name being a table's or column's that is there. Manifests were validated before;
//! what changed since is an error here and reads or writes nothing.

use crate::catalog::{Catalog, Column, Kind, Table, UniqueKey};
use crate::manifest::filter::Filter;
use crate::manifest::resource::{ChildSpec, KeySpec, ResourceSpec, Spread};
use crate::manifest::validate::entity_columns;

use super::Error;

/// A resource that can be published.
#[derive(Debug)]
pub struct Model {
    pub name: String,
    pub entity: Table,
    /// Column of the ID.
    pub id: String,
    pub active: Option<usize>,
    pub rows: Filter,
    /// Columns of the entity that are read, the ID first; places below are in it.
    pub columns: Vec<String>,
    /// Columns that stand in the document.
    pub shown: Vec<usize>,
    pub stores: Parts,
    pub locales: Parts,
    pub children: Vec<Child>,
    pub outlets: Vec<Outlet>,
}

/// Stores or locales of an entity.
#[derive(Debug)]
pub enum Parts {
    /// One document for all.
    None,
    Listed(Vec<String>),
    /// The same rows for every entity.
    All {
        table: Table,
        column: String,
    },
    /// Rows of each entity.
    Each {
        table: Table,
        by: String,
        column: String,
    },
}

/// Rows of another table in documents.
#[derive(Debug)]
pub struct Child {
    pub name: String,
    pub table: Table,
    /// The place in the parent's columns, and this table's column that equals it.
    pub parent: usize,
    pub by: String,
    /// Columns that are read: the primary key, then `by`.
    pub columns: Vec<String>,
    pub by_place: usize,
    pub shown: Vec<usize>,
    pub locale: Option<usize>,
    pub store: Option<usize>,
    pub shape: Shape,
    pub rows: Filter,
    pub children: Vec<Child>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    One,
    List,
}

/// A storage or search table, and the way from there.
#[derive(Debug)]
pub struct Outlet {
    pub kind: OutletKind,
    /// The name of the resource that commands take.
    pub published: String,
    pub table: Table,
    /// It isn't there yet; `table` is as it would be made.
    pub is_missing: bool,
    /// The table's own number, where an insert must give it.
    pub number: Option<String>,
    /// The column that names the entity.
    pub fk: String,
    pub queue: String,
    pub resource: String,
    /// The place of the reference in the entity's columns.
    pub suffix: Option<usize>,
    pub mappings: Vec<Mapping>,
}

#[derive(Debug)]
pub enum OutletKind {
    Storage,
    /// The type in the index's name, and paths of fields.
    Search {
        kind: String,
        fields: Vec<(String, Vec<String>)>,
    },
}

/// A further key, by another column.
#[derive(Debug)]
pub struct Mapping {
    pub name: String,
    pub source: usize,
    pub destination: usize,
}

/// Collects columns to read, each once.
struct Columns<'t> {
    table: &'t Table,
    names: Vec<String>,
}

impl Columns<'_> {
    fn place(&mut self, resource: &str, name: &str) -> Result<usize, Error> {
        if let Some(place) = self.names.iter().position(|other| other == name) {
            return Ok(place);
        }
        if self.table.column(name).is_none() {
            return Err(Error::no_column(resource, &self.table.name, name));
        }
        self.names.push(name.to_owned());
        Ok(self.names.len() - 1)
    }
}

impl Model {
    /// Finds everything that a resource names.
    pub fn new(name: &str, spec: &ResourceSpec, catalog: &Catalog) -> Result<Self, Error> {
        let find = |table: &str| catalog.table(table).ok_or_else(|| Error::no_table(name, table));
        let entity = find(&spec.entity.table)?;
        let id = spec.entity.id.as_ref().or(match entity.primary_key.as_slice() {
            [only] => Some(only),
            _ => None,
        });
        let id =
            id.ok_or_else(|| Error::no_table(name, &format!("{} with one ID", entity.name)))?;
        let mut columns = Columns { table: entity, names: Vec::new() };
        columns.place(name, id)?;
        let mut places = |names: &mut dyn Iterator<Item = &String>| {
            names.map(|it| columns.place(name, it)).collect::<Result<Vec<_>, _>>()
        };
        let shown = places(&mut spec.document.columns.iter())?;
        let active = places(&mut spec.entity.active.iter())?.first().copied();
        places(&mut spec.entity.rows.keys())?;
        let mut outlets = Vec::new();
        if let Some(storage) = &spec.storage {
            let at = At { name, spec, catalog, entity, id };
            let place = (storage.table.as_str(), storage.queue.as_str());
            outlets.push(at.outlet(
                &mut columns,
                place,
                &storage.key,
                OutletKind::Storage,
                &storage.mappings,
            )?);
        }
        if let Some(search) = &spec.search {
            let split = |path: &String| path.split('.').map(str::to_owned).collect();
            let fields =
                search.fields.iter().map(|(field, path)| (field.clone(), split(path))).collect();
            let kind = OutletKind::Search { kind: search.kind.clone(), fields };
            let at = At { name, spec, catalog, entity, id };
            let place = (search.table.as_str(), search.queue.as_str());
            outlets.push(at.outlet(&mut columns, place, &search.key, kind, &[])?);
        }
        let children =
            children(name, catalog, (entity, id), &mut columns, &spec.document.children)?;
        Ok(Self {
            name: name.to_owned(),
            id: id.clone(),
            active,
            rows: spec.entity.rows.clone(),
            columns: columns.names,
            shown,
            stores: parts(name, catalog, spec.stores.as_ref())?,
            locales: parts(name, catalog, spec.locales.as_ref())?,
            children,
            outlets,
            entity: entity.clone(),
        })
    }

    /// Whether IDs are numbers, of which a range means the same to every table.
    pub fn is_numbered(&self) -> bool {
        let id = self.entity.column(&self.id);
        let numbered = |column: Option<&Column>| column.is_some_and(|it| it.kind == Kind::Integer);
        numbered(id) && self.outlets.iter().all(|it| numbered(it.table.column(&it.fk)))
    }
}

fn parts(name: &str, catalog: &Catalog, spread: Option<&Spread>) -> Result<Parts, Error> {
    Ok(match spread {
        None => Parts::None,
        Some(Spread::Listed(names)) => Parts::Listed(names.clone()),
        Some(Spread::Table(spread)) => {
            let table = catalog.table(&spread.table);
            let table = table.ok_or_else(|| Error::no_table(name, &spread.table))?.clone();
            let column = spread.column.clone();
            for column in spread.by.iter().chain([&column]) {
                if table.column(column).is_none() {
                    return Err(Error::no_column(name, &table.name, column));
                }
            }
            match spread.by.clone() {
                Some(by) => Parts::Each { table, by, column },
                None => Parts::All { table, column },
            }
        }
    })
}

fn children(
    name: &str,
    catalog: &Catalog,
    (parent, id): (&Table, &str),
    columns: &mut Columns<'_>,
    specs: &[ChildSpec],
) -> Result<Vec<Child>, Error> {
    let mut children = Vec::with_capacity(specs.len());
    for spec in specs {
        let table = catalog.table(&spec.table).ok_or_else(|| Error::no_table(name, &spec.table))?;
        let link = link(name, (parent, id), table, spec)?;
        let parent = columns.place(name, &link.0)?;
        let mut own = Columns { table, names: Vec::new() };
        for column in &table.primary_key {
            own.place(name, column)?;
        }
        let by_place = own.place(name, &link.1)?;
        let mut places = |names: &mut dyn Iterator<Item = &String>| {
            names.map(|it| own.place(name, it)).collect::<Result<Vec<_>, _>>()
        };
        let shown = places(&mut spec.columns.iter())?;
        let locale = places(&mut spec.locale.iter())?.first().copied();
        let store = places(&mut spec.store.iter())?.first().copied();
        places(&mut spec.rows.keys())?;
        let key = table.primary_key.first().map_or("", String::as_str);
        let nested = self::children(name, catalog, (table, key), &mut own, &spec.children)?;
        let is_one = spec.one || spec.via.is_some();
        children.push(Child {
            name: spec.name.clone(),
            parent,
            by: link.1,
            by_place,
            shown,
            locale,
            store,
            shape: if is_one { Shape::One } else { Shape::List },
            rows: spec.rows.clone(),
            children: nested,
            columns: own.names,
            table: table.clone(),
        });
    }
    Ok(children)
}

/// The parent's column, and the child's that equals it.
fn link(
    name: &str,
    (parent, id): (&Table, &str),
    table: &Table,
    spec: &ChildSpec,
) -> Result<(String, String), Error> {
    if let Some(via) = &spec.via {
        let key = parent.foreign_keys.iter().find(|key| {
            key.columns.as_slice() == std::slice::from_ref(via) && key.to_table == table.name
        });
        let to = key.map(|key| &key.to_columns[0]).or(table.primary_key.first());
        let to = to.ok_or_else(|| Error::no_table(name, &format!("{} with a key", table.name)))?;
        return Ok((via.clone(), to.clone()));
    }
    let keys = table.foreign_keys.iter().filter(|key| {
        key.to_table == parent.name
            && key.columns.len() == 1
            && spec.by.as_ref().is_none_or(|by| *by == key.columns[0])
    });
    let keys: Vec<_> = keys.collect();
    match (keys.as_slice(), &spec.by) {
        ([key], _) => Ok((key.to_columns[0].clone(), key.columns[0].clone())),
        (_, Some(by)) if table.column(by).is_some() => Ok((id.to_owned(), by.clone())),
        _ => Err(Error::no_column(name, &table.name, spec.by.as_deref().unwrap_or("by"))),
    }
}

struct At<'a> {
    name: &'a str,
    spec: &'a ResourceSpec,
    catalog: &'a Catalog,
    entity: &'a Table,
    id: &'a str,
}

impl At<'_> {
    fn outlet(
        &self,
        columns: &mut Columns<'_>,
        (table, queue): (&str, &str),
        key: &KeySpec,
        kind: OutletKind,
        mappings: &[String],
    ) -> Result<Outlet, Error> {
        let name = self.name;
        let suffix = key.suffix.as_ref().map(|it| columns.place(name, it)).transpose()?;
        let mut found = Vec::with_capacity(mappings.len());
        for mapping in mappings {
            let (source, destination) =
                mapping.split_once(':').ok_or_else(|| Error::no_column(name, table, mapping))?;
            found.push(Mapping {
                name: source.to_owned(),
                source: columns.place(name, source)?,
                destination: columns.place(name, destination)?,
            });
        }
        let names = entity_columns(&self.entity.name);
        let is_there = self.catalog.table(table).cloned();
        let table = is_there
            .clone()
            .unwrap_or_else(|| self.output_table(table, &names[0], &kind, !mappings.is_empty()));
        let fk = names.iter().find(|name| table.column(name).is_some());
        let fk = fk.ok_or_else(|| Error::no_column(name, &table.name, &names[0]))?.clone();
        let number = match table.primary_key.as_slice() {
            [only] => table
                .column(only)
                .filter(|it| it.auto.is_none() && it.default.is_none() && it.kind == Kind::Integer),
            _ => None,
        };
        Ok(Outlet {
            number: number.map(|column| column.name.clone()),
            kind,
            published: name.to_owned(),
            fk,
            queue: queue.to_owned(),
            resource: key.resource.clone(),
            suffix,
            mappings: found,
            is_missing: is_there.is_none(),
            table,
        })
    }

    /// The table as it is made where it is missing: research/datasync.md 4.5.
    fn output_table(&self, table: &str, fk: &str, kind: &OutletKind, aliases: bool) -> Table {
        let id_kind = self.entity.column(self.id).map_or(Kind::Text, |column| column.kind);
        let fk_kind = if id_kind == Kind::Integer { Kind::Integer } else { Kind::Text };
        let number = format!("id_{table}");
        let mut columns =
            vec![(number.as_str(), Kind::Integer), (fk, fk_kind), ("data", Kind::Text)];
        if matches!(kind, OutletKind::Search { .. }) {
            columns.push(("structured_data", Kind::Text));
        }
        if self.spec.stores.is_some() {
            columns.push(("store", Kind::Text));
        }
        if self.spec.locales.is_some() {
            columns.push(("locale", Kind::Text));
        }
        columns.push(("key", Kind::Text));
        if aliases {
            columns.push(("alias_keys", Kind::Text));
        }
        columns.extend([("created_at", Kind::Timestamp), ("updated_at", Kind::Timestamp)]);
        let mut made = Table::plain(table, &columns, &[number.as_str()]);
        for column in &mut made.columns {
            match column.name.as_str() {
                "alias_keys" => column.nullable = true,
                "created_at" | "updated_at" => column.declared = String::new(),
                _ => {}
            }
        }
        made.columns[0].auto = Some(crate::catalog::AutoNumber { sequence: None, always: false });
        // The second one is an index by entity as well.
        made.unique_keys = [vec!["key".to_owned()], vec![fk.to_owned(), "key".to_owned()]]
            .into_iter()
            .map(|columns| UniqueKey {
                name: format!("{table}-unique-{}", columns.join("-")),
                columns,
                partial: false,
                nulls_equal: false,
            })
            .collect();
        made
    }
}
