//! The fields of search documents, as an index has to know them.
//!
//! Answers for kinds that are what `document` writes of columns' values, and for one kind of each field
//! that several resources write to one index. Pure.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::message::Message;
use super::model::{Child, Model, OutletKind};
use super::{Error, key};
use crate::catalog::{Catalog, Kind, Table};
use crate::manifest::{Manifests, Resource};
use crate::store::{Field, FieldKind};

/// The indexes that messages are for, with the fields of all resources that write to them.
pub fn declared<'m>(
    models: &[Arc<Model>],
    messages: impl IntoIterator<Item = &'m Message>,
) -> Result<BTreeMap<String, Vec<Field>>, Error> {
    let mut by_index = BTreeMap::new();
    let mut last: Option<(&Option<String>, &Option<String>)> = None;
    for message in messages {
        let place = (&message.store, &message.kind);
        if last.replace(place) == Some(place) {
            continue;
        }
        let Some(kind) = &message.kind else { continue };
        let index = key::index(None, message.store.as_deref(), kind);
        if let Entry::Vacant(entry) = by_index.entry(index) {
            entry.insert(fields(models, kind)?);
        }
    }
    // What no resource writes has no fields, and isn't made.
    by_index.retain(|_, fields| !fields.is_empty());
    Ok(by_index)
}

/// The fields of all types of documents. Of resources that can't be resolved, or don't agree, nothing is
/// said here.
pub fn fields_by_type(catalog: &Catalog, manifests: &Manifests) -> BTreeMap<String, Vec<Field>> {
    let model =
        |(name, it): (&String, &Resource)| Model::new(name, &it.spec, catalog).ok().map(Arc::new);
    let models: Vec<Arc<Model>> = manifests.resources.iter().filter_map(model).collect();
    let kind = |kind: &OutletKind| match kind {
        OutletKind::Search { kind, .. } => Some(kind.clone()),
        OutletKind::Storage => None,
    };
    let outlets = models.iter().flat_map(|model| &model.outlets);
    let kinds: BTreeSet<String> = outlets.filter_map(|outlet| kind(&outlet.kind)).collect();
    kinds
        .into_iter()
        .filter_map(|kind| Some((kind.clone(), fields(&models, &kind).ok()?)))
        .collect()
}

/// The fields of all documents of a type, by name.
pub fn fields(models: &[Arc<Model>], kind: &str) -> Result<Vec<Field>, Error> {
    let mut all: BTreeMap<&str, (FieldKind, &str)> = BTreeMap::new();
    for model in models {
        for (name, path) in paths(model, kind) {
            let found = kind_at(&model.entity, &model.children, path);
            match all.insert(name, (found, &model.name)) {
                Some((other, of)) if other != found => {
                    return Err(Error::FieldOfTwoKinds {
                        field: name.to_owned(),
                        kind: kind.to_owned(),
                        one: format!("{of} ({})", word(other)),
                        other: format!("{} ({})", model.name, word(found)),
                    });
                }
                _ => {}
            }
        }
    }
    let field = |(name, (kind, _)): (&str, _)| Field { name: name.to_owned(), kind };
    Ok(all.into_iter().map(field).collect())
}

fn paths<'m>(model: &'m Model, wanted: &str) -> impl Iterator<Item = (&'m str, &'m [String])> {
    let wanted = wanted.to_owned();
    let of = move |kind: &'m OutletKind| match kind {
        OutletKind::Search { kind, fields } if *kind == wanted => fields.as_slice(),
        _ => &[],
    };
    let fields = model.outlets.iter().flat_map(move |outlet| of(&outlet.kind));
    fields.map(|(name, path)| (name.as_str(), path.as_slice()))
}

fn kind_at(table: &Table, children: &[Child], path: &[String]) -> FieldKind {
    let Some((first, rest)) = path.split_first() else { return FieldKind::Anything };
    match children.iter().find(|child| child.name == *first) {
        Some(child) => kind_at(&child.table, &child.children, rest),
        None if rest.is_empty() => {
            table.column(first).map_or(FieldKind::Anything, |column| kind_of(column.kind))
        }
        // A path into JSON.
        None => FieldKind::Anything,
    }
}

fn kind_of(kind: Kind) -> FieldKind {
    match kind {
        Kind::Integer => FieldKind::Integer,
        Kind::Decimal | Kind::Float => FieldKind::Number,
        Kind::Boolean => FieldKind::Boolean,
        Kind::Date | Kind::Timestamp | Kind::TimestampTz => FieldKind::Moment,
        Kind::Json => FieldKind::Anything,
        Kind::Text | Kind::Time | Kind::Uuid | Kind::Bytes | Kind::Any | Kind::Native => {
            FieldKind::Text
        }
    }
}

fn word(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => "text",
        FieldKind::Integer => "whole numbers",
        FieldKind::Number => "numbers",
        FieldKind::Boolean => "true or false",
        FieldKind::Moment => "times",
        FieldKind::Anything => "JSON",
    }
}
