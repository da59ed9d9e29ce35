//! Rows of storage and search tables: what they should say, and what has to be done for it.
//!
//! Answers for a row being written, and its message sent, only if it really says something else: JSON is
//! compared by value. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::document::{For, document, indexed, value};
use super::load::Entity;
use super::model::{Model, Outlet, OutletKind};
use super::{Counts, key, message::Message};
use crate::database::Value;

/// A row as it should stand.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub entity: Value,
    pub store: Option<String>,
    pub locale: Option<String>,
    pub key: String,
    pub data: String,
    /// Of a search table: the document that `data` was made of.
    pub structured: Option<String>,
    /// Further keys, each with what stands under it.
    pub aliases: BTreeMap<String, String>,
}

/// A row as it stands.
#[derive(Debug, Clone)]
pub struct Existing {
    pub entity: Value,
    pub store: Value,
    pub locale: Value,
    pub key: String,
    pub data: Value,
    pub structured: Value,
    pub alias_text: Value,
}

impl Existing {
    /// The further keys, each with what stands under it. Times that the original program notes there
    /// are left out.
    pub fn aliases(&self) -> BTreeMap<String, String> {
        let parsed: Option<BTreeMap<String, Json>> =
            serde_json::from_str(&self.alias_text.display()).ok();
        let bare = |mut json: Json| {
            if let Json::Object(map) = &mut json {
                map.shift_remove("_timestamp");
            }
            json.to_string()
        };
        let parsed = parsed.unwrap_or_default();
        parsed.into_iter().map(|(alias, json)| (alias, bare(json))).collect()
    }

    fn is_as(&self, wanted: &Wanted) -> bool {
        let names = |value: &Value, wanted: &Option<String>| match wanted {
            Some(wanted) => value.display() == wanted.as_str(),
            None => value.is_empty(),
        };
        same(&self.entity, &wanted.entity)
            && names(&self.store, &wanted.store)
            && names(&self.locale, &wanted.locale)
            && is_json(&self.data, &wanted.data)
            && wanted.structured.as_ref().is_none_or(|it| is_json(&self.structured, it))
            && self.has(&wanted.aliases)
    }

    /// A time in the column differs from one moment to the next, so there mustn't be any.
    fn has(&self, aliases: &BTreeMap<String, String>) -> bool {
        match alias_text(aliases) {
            None => self.alias_text.is_empty(),
            Some(text) => is_json(&self.alias_text, &text),
        }
    }
}

/// The same ID, whether a column holds it as a number or as text.
pub fn same(one: &Value, other: &Value) -> bool {
    one == other || one.display() == other.display()
}

fn is_json(value: &Value, wanted: &str) -> bool {
    match value {
        Value::Text(text) | Value::Json(text) | Value::Other(text) => {
            **text == *wanted || Value::Json(text.clone()) == Value::Json(wanted.into())
        }
        _ => false,
    }
}

/// What the column of further keys holds.
pub fn alias_text(aliases: &BTreeMap<String, String>) -> Option<String> {
    let part =
        |(alias, value): (&String, &String)| format!("{}:{value}", Json::from(alias.as_str()));
    let parts: Vec<String> = aliases.iter().map(part).collect();
    (!parts.is_empty()).then(|| format!("{{{}}}", parts.join(",")))
}

/// Two entities that would be one key, or an entity without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub id: String,
    pub reason: String,
}

impl Fault {
    /// A row whose key is that of another entity.
    pub fn taken(refused: &Wanted, by: &Value) -> Self {
        let reason = format!(
            "its key {} is that of {} already: nothing was published of it",
            refused.key,
            by.display()
        );
        Self { id: refused.entity.display().into_owned(), reason }
    }
}

/// The rows of all entities, by key.
pub fn wanted(
    model: &Model,
    outlet: &Outlet,
    entities: &[Entity],
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, Wanted> {
    let mut rows: BTreeMap<String, Wanted> = BTreeMap::new();
    for entity in entities {
        for store in &entity.stores {
            for locale in &entity.locales {
                let row = row(model, outlet, entity, (store.as_deref(), locale.as_deref()));
                if let Some(first) = rows.get(&row.key) {
                    faults.push(Fault::taken(&row, &first.entity));
                    continue;
                }
                rows.insert(row.key.clone(), row);
            }
        }
    }
    rows
}

fn row(
    model: &Model,
    outlet: &Outlet,
    entity: &Entity,
    (store, locale): (Option<&str>, Option<&str>),
) -> Wanted {
    let text = document(model, entity, For { store, locale });
    let cell = |place: usize| &entity.node.row[place];
    let reference = outlet.suffix.map(cell).filter(|it| !it.is_null()).map(Value::display);
    let mut aliases = BTreeMap::new();
    for mapping in outlet.mappings.iter().filter(|it| !cell(it.source).is_empty()) {
        let source = cell(mapping.source).display();
        let alias = key::alias(&outlet.resource, store, locale, &mapping.name, &source);
        let mut id = String::from("{\"id\":");
        value(&mut id, cell(mapping.destination));
        id.push('}');
        aliases.insert(alias, id);
    }
    let (data, structured) = match &outlet.kind {
        OutletKind::Storage => (text, None),
        OutletKind::Search { fields, .. } => (indexed(&text, fields), Some(text)),
    };
    Wanted {
        entity: entity.id.clone(),
        store: store.map(str::to_owned),
        locale: locale.map(str::to_owned),
        key: key::key(&outlet.resource, store, locale, reference.as_deref()),
        data,
        structured,
        aliases,
    }
}

/// What has to be done.
#[derive(Debug, Default)]
pub struct Difference<'a> {
    pub deleted: Vec<&'a Existing>,
    pub updated: Vec<(&'a Existing, &'a Wanted)>,
    pub inserted: Vec<&'a Wanted>,
    pub unchanged: u64,
}

pub fn difference<'a>(
    wanted: &'a BTreeMap<String, Wanted>,
    existing: &'a [Existing],
) -> Difference<'a> {
    let mut difference = Difference::default();
    let mut found = BTreeSet::new();
    for row in existing {
        match wanted.get(&row.key) {
            None => difference.deleted.push(row),
            Some(wanted) => {
                found.insert(&row.key);
                if row.is_as(wanted) {
                    difference.unchanged += 1;
                } else {
                    difference.updated.push((row, wanted));
                }
            }
        }
    }
    difference.inserted = wanted.values().filter(|wanted| !found.contains(&wanted.key)).collect();
    difference
}

impl Difference<'_> {
    /// The entities whose rows differ; of a row that goes over to another entity, both.
    pub fn entities(&self) -> impl Iterator<Item = String> {
        let deleted = self.deleted.iter().map(|row| &row.entity);
        let updated = self.updated.iter().flat_map(|(row, wanted)| [&row.entity, &wanted.entity]);
        let inserted = self.inserted.iter().map(|wanted| &wanted.entity);
        deleted.chain(updated).chain(inserted).map(|id| id.display().into_owned())
    }

    pub fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.updated.is_empty() && self.inserted.is_empty()
    }

    pub fn counts(&self) -> Counts {
        Counts {
            changed: (self.updated.len() + self.inserted.len()) as u64,
            unchanged: self.unchanged,
            deleted: self.deleted.len() as u64,
            ..Counts::default()
        }
    }
}

impl Outlet {
    /// A write or deletion of one key, before it has a version.
    pub fn message(&self, key: &str, store: Option<&str>, value: Option<&str>) -> Message {
        Message {
            key: key.to_owned(),
            resource: self.resource.clone(),
            store: store.map(str::to_owned),
            kind: match &self.kind {
                OutletKind::Storage => None,
                OutletKind::Search { kind, .. } => Some(kind.clone()),
            },
            version: None,
            value: value.map(str::to_owned),
            owner: None,
        }
    }

    /// The messages of a row: its own and those of its further keys.
    pub fn messages_of(
        &self,
        row: (&str, Option<&str>),
        data: &str,
        aliases: &BTreeMap<String, String>,
    ) -> Vec<Message> {
        let (key, store) = row;
        let own = self.message(key, store, Some(data));
        let further = aliases.iter().map(|(alias, value)| Message {
            owner: Some(key.to_owned()),
            ..self.message(alias, store, Some(value))
        });
        std::iter::once(own).chain(further).collect()
    }
}

/// What is sent of a difference: deletions, then writes. A key that moves from one row to another is
/// written only.
pub fn messages(outlet: &Outlet, difference: &Difference<'_>) -> Vec<Message> {
    let named = |value: &Value| (!value.is_empty()).then(|| value.display().into_owned());
    let mut writes = Vec::new();
    let mut written: BTreeSet<&String> = BTreeSet::new();
    let rows = difference.updated.iter().map(|(_, wanted)| *wanted);
    for row in rows.chain(difference.inserted.iter().copied()) {
        let store = row.store.as_deref();
        writes.extend(outlet.messages_of((&row.key, store), &row.data, &row.aliases));
        written.insert(&row.key);
        written.extend(row.aliases.keys());
    }
    let mut all = Vec::new();
    let own = |row: &&&Existing| !written.contains(&row.key);
    for row in difference.deleted.iter().filter(own) {
        all.push(outlet.message(&row.key, named(&row.store).as_deref(), None));
    }
    let updated = difference.updated.iter().map(|(row, _)| *row);
    for row in difference.deleted.iter().copied().chain(updated) {
        let store = named(&row.store);
        let gone = row.aliases().into_keys().filter(|alias| !written.contains(alias));
        all.extend(gone.map(|alias| Message {
            owner: Some(row.key.clone()),
            ..outlet.message(&alias, store.as_deref(), None)
        }));
    }
    // Two entities may claim one further key: it is written once, since both would have one version.
    let mut once = BTreeSet::new();
    writes.retain(|message| once.insert(message.key.clone()));
    all.extend(writes);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Kind, Table};

    fn outlet() -> Outlet {
        Outlet {
            kind: OutletKind::Storage,
            published: "product".into(),
            table: Table::plain("product_storage", &[("key", Kind::Text)], &["key"]),
            is_missing: false,
            number: None,
            fk: "fk_product".into(),
            queue: "sync.storage.product".into(),
            resource: "product".into(),
            suffix: None,
            mappings: Vec::new(),
        }
    }

    fn row(id: i64, alias: &str) -> Wanted {
        Wanted {
            entity: Value::Integer(id),
            store: None,
            locale: None,
            key: format!("product:{id}"),
            data: "{}".into(),
            structured: None,
            aliases: BTreeMap::from([(alias.to_owned(), format!("{{\"id\":{id}}}"))]),
        }
    }

    fn stands(wanted: &Wanted) -> Existing {
        Existing {
            entity: wanted.entity.clone(),
            store: Value::Null,
            locale: Value::Null,
            key: wanted.key.clone(),
            data: Value::Text(wanted.data.as_str().into()),
            structured: Value::Null,
            alias_text: Value::Text(alias_text(&wanted.aliases).unwrap().into()),
        }
    }

    fn said(difference: &Difference<'_>) -> Vec<(String, bool, Option<String>)> {
        let said = messages(&outlet(), difference).into_iter();
        said.map(|it| (it.key, it.value.is_some(), it.owner)).collect()
    }

    #[test]
    fn a_further_key_that_is_dropped_says_whose_it_was() {
        let (before, now) = (stands(&row(1, "product:sku:a")), row(1, "product:sku:b"));
        let difference = Difference { updated: vec![(&before, &now)], ..Difference::default() };
        let owner = Some("product:1".to_owned());
        assert_eq!(
            said(&difference),
            [
                ("product:sku:a".to_owned(), false, owner.clone()),
                ("product:1".to_owned(), true, None),
                ("product:sku:b".to_owned(), true, owner),
            ]
        );
    }

    #[test]
    fn a_further_key_that_two_claim_is_written_once() {
        let (one, two) = (row(1, "product:sku:a"), row(2, "product:sku:a"));
        let difference = Difference { inserted: vec![&one, &two], ..Difference::default() };
        let keys: Vec<String> = said(&difference).into_iter().map(|it| it.0).collect();
        assert_eq!(keys, ["product:1", "product:sku:a", "product:2"]);
    }
}
