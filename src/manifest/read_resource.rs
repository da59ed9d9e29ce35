//! The `spec` of a Resource, from the tree.
//!
//! Answers for its keys and their types. Whether they make sense together, and whether tables and
//! columns exist, is asked in `validate`.

use super::fields::{At, Fields, Problems, list_of, map_of};
use super::read_module::condition;
use super::resource::{
    ChildSpec, DocumentSpec, EntitySpec, KeySpec, ResourceSpec, SearchSpec, Spread, SpreadTable,
    StorageSpec,
};
use super::scalars::{boolean, name};
use super::tree::Content;

/// Reads the `spec` of a Resource.
pub fn resource(at: &At<'_>, problems: &mut Problems) -> Option<ResourceSpec> {
    let mut fields = Fields::open(at, problems)?;
    let entity = fields.need("entity", problems, entity);
    let stores = fields.get("stores", problems, spread);
    let locales = fields.get("locales", problems, spread);
    let document = fields.need("document", problems, document);
    let storage = fields.get("storage", problems, storage);
    let search = fields.get("search", problems, search);
    fields.close(problems);
    // What couldn't be read stays empty, so that the rest is found where it stands.
    Some(ResourceSpec {
        entity: entity.unwrap_or_default(),
        stores,
        locales,
        document: document.unwrap_or_default(),
        storage,
        search,
    })
}

fn entity(at: &At<'_>, problems: &mut Problems) -> Option<EntitySpec> {
    let mut fields = Fields::open(at, problems)?;
    let entity = EntitySpec {
        table: fields.need("table", problems, name).unwrap_or_default(),
        id: fields.get("id", problems, name),
        active: fields.get("active", problems, name),
        rows: fields.get("rows", problems, map_of(condition)).unwrap_or_default(),
    };
    fields.close(problems);
    Some(entity)
}

/// A list of names, or the table that holds them.
fn spread(at: &At<'_>, problems: &mut Problems) -> Option<Spread> {
    match &at.node.content {
        Content::Map(_) => spread_table(at, problems).map(Spread::Table),
        Content::List(items) if items.is_empty() => {
            let message = format!("`{}` names none", at.path);
            let help = "name some, or leave the key out for one document that holds everywhere";
            problems.push(at.error("empty-selection", message).help(help));
            None
        }
        Content::List(_) => list_of(name)(at, problems).map(Spread::Listed),
        Content::Scalar(_) => {
            let help = "as in `[DE, AT]` or `{table: …, by: …, column: …}`";
            problems.push(at.wrong_type("a list of names, or a map that names a table").help(help));
            None
        }
    }
}

fn spread_table(at: &At<'_>, problems: &mut Problems) -> Option<SpreadTable> {
    let mut fields = Fields::open(at, problems)?;
    let table = fields.need("table", problems, name);
    let by = fields.get("by", problems, name);
    let column = fields.need("column", problems, name);
    fields.close(problems);
    Some(SpreadTable { table: table?, by, column: column? })
}

fn document(at: &At<'_>, problems: &mut Problems) -> Option<DocumentSpec> {
    let mut fields = Fields::open(at, problems)?;
    let document = DocumentSpec {
        columns: fields.get("columns", problems, list_of(name)).unwrap_or_default(),
        children: fields.get("children", problems, list_of(child)).unwrap_or_default(),
    };
    fields.close(problems);
    Some(document)
}

fn child(at: &At<'_>, problems: &mut Problems) -> Option<ChildSpec> {
    let mut fields = Fields::open(at, problems)?;
    let child = ChildSpec {
        name: fields.need("name", problems, name).unwrap_or_default(),
        table: fields.need("table", problems, name).unwrap_or_default(),
        columns: fields.get("columns", problems, list_of(name)).unwrap_or_default(),
        by: fields.get("by", problems, name),
        via: fields.get("via", problems, name),
        locale: fields.get("locale", problems, name),
        store: fields.get("store", problems, name),
        one: fields.get("one", problems, boolean).unwrap_or_default(),
        rows: fields.get("rows", problems, map_of(condition)).unwrap_or_default(),
        children: fields.get("children", problems, list_of(child)).unwrap_or_default(),
    };
    fields.close(problems);
    Some(child)
}

fn storage(at: &At<'_>, problems: &mut Problems) -> Option<StorageSpec> {
    let mut fields = Fields::open(at, problems)?;
    let storage = StorageSpec {
        table: fields.need("table", problems, name).unwrap_or_default(),
        queue: fields.need("queue", problems, name).unwrap_or_default(),
        key: fields.need("key", problems, key).unwrap_or_default(),
        mappings: fields.get("mappings", problems, list_of(name)).unwrap_or_default(),
    };
    fields.close(problems);
    Some(storage)
}

fn search(at: &At<'_>, problems: &mut Problems) -> Option<SearchSpec> {
    let mut fields = Fields::open(at, problems)?;
    let search = SearchSpec {
        table: fields.need("table", problems, name).unwrap_or_default(),
        queue: fields.need("queue", problems, name).unwrap_or_default(),
        kind: fields.need("type", problems, name).unwrap_or_default(),
        key: fields.need("key", problems, key).unwrap_or_default(),
        fields: fields.need("fields", problems, map_of(name)).unwrap_or_default(),
    };
    fields.close(problems);
    Some(search)
}

fn key(at: &At<'_>, problems: &mut Problems) -> Option<KeySpec> {
    let mut fields = Fields::open(at, problems)?;
    let key = KeySpec {
        resource: fields.need("resource", problems, name).unwrap_or_default(),
        suffix: fields.get("suffix", problems, name),
    };
    fields.close(problems);
    Some(key)
}
