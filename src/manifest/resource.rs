//! `kind: Resource`: how an entity becomes documents in Redis and Elasticsearch, as written.
//!
//! Answers for the shape of the document alone. Whether its tables and columns exist is asked
//! against a catalogue by `validate` and by `publish::model`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filter::Condition;

/// The `spec` of a Resource. It has `storage`, `search` or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ResourceSpec {
    /// The rows that are published, one after the other.
    pub entity: EntitySpec,
    /// The shop's stores that have a document of their own each; absent: one for all.
    #[serde(default)]
    pub stores: Option<Spread>,
    /// The locales that have a document of their own each; absent: one for all.
    #[serde(default)]
    pub locales: Option<Spread>,
    /// What a document says.
    pub document: DocumentSpec,
    /// The way to Redis.
    #[serde(default)]
    pub storage: Option<StorageSpec>,
    /// The way to Elasticsearch.
    #[serde(default)]
    pub search: Option<SearchSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EntitySpec {
    pub table: String,
    /// The column of the ID that commands take: the primary key unless given.
    #[serde(default)]
    pub id: Option<String>,
    /// Rows in which this column is false (or 0) aren't published.
    #[serde(default)]
    pub active: Option<String>,
    /// Which rows are published: every condition must hold.
    #[serde(default)]
    pub rows: BTreeMap<String, Condition>,
}

/// Stores or locales: the same for every entity, or each entity's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Spread {
    Listed(Vec<String>),
    Table(SpreadTable),
}

/// A table that says for each entity, or with no `by` for all of them, which ones they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SpreadTable {
    pub table: String,
    /// The column that names the entity; absent: every row holds for all entities.
    #[serde(default)]
    pub by: Option<String>,
    /// The column of the store's or locale's name.
    pub column: String,
}

/// The entity's part of a document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DocumentSpec {
    /// Columns of the entity, each under its own name.
    #[serde(default)]
    pub columns: Vec<String>,
    #[serde(default)]
    pub children: Vec<ChildSpec>,
}

/// Rows of another table in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ChildSpec {
    /// Where they stand in the document.
    pub name: String,
    pub table: String,
    #[serde(default)]
    pub columns: Vec<String>,
    /// The column that names the parent; by default that of the table's one foreign key to it.
    #[serde(default)]
    pub by: Option<String>,
    /// Instead of `by`: the column of the parent that names the one row of this table.
    #[serde(default)]
    pub via: Option<String>,
    /// The column of the locale: of each locale's document come only its rows.
    #[serde(default)]
    pub locale: Option<String>,
    /// The column of the store: of each store's document come only its rows.
    #[serde(default)]
    pub store: Option<String>,
    /// One row as an object, or null, instead of a list.
    #[serde(default)]
    pub one: bool,
    /// Which rows belong to documents: every condition must hold.
    #[serde(default)]
    pub rows: BTreeMap<String, Condition>,
    #[serde(default)]
    pub children: Vec<ChildSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StorageSpec {
    /// The `*_storage` table.
    pub table: String,
    pub queue: String,
    pub key: KeySpec,
    /// `SOURCE:DESTINATION`, columns of the entity: further keys, by another value than the suffix.
    #[serde(default)]
    pub mappings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SearchSpec {
    /// The `*_search` table.
    pub table: String,
    pub queue: String,
    /// The part of the index's name behind the store.
    #[serde(rename = "type")]
    pub kind: String,
    pub key: KeySpec,
    /// Fields of the indexed document, each with the path of its value in the document.
    pub fields: BTreeMap<String, String>,
}

/// `RESOURCE:STORE:LOCALE:REFERENCE`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeySpec {
    pub resource: String,
    /// The entity's column that is the reference; absent: the key has none.
    #[serde(default)]
    pub suffix: Option<String>,
}
