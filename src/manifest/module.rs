//! `kind: Module`: what can be synchronized, and how to see it, as written.
//!
//! Answers for the shape of the document alone. Whether its tables and columns exist is asked
//! against a catalogue by `validate` and by `compare::model`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filter::Condition;
use super::reference::{FileRule, OwnedBy, ReferenceRule};

/// The `spec` of a Module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ModuleSpec {
    /// The name reviewers see.
    #[serde(default)]
    pub title: Option<String>,
    /// The record types of this module.
    pub records: Vec<RecordSpec>,
    /// A job that selects this module must select gallery folders too.
    #[serde(default)]
    pub requires_gallery_folders: bool,
}

/// One record type: a root table and the rows that belong to each of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RecordSpec {
    /// The root table.
    pub table: String,
    /// The columns of the internal ID. The primary key unless given; a given key must be unique,
    /// never NULL and no float.
    #[serde(default)]
    pub key: Vec<String>,
    /// The columns that make a record the same thing in both environments.
    #[serde(default)]
    pub identity: Vec<String>,
    /// The column that reviewers see.
    #[serde(default)]
    pub label: Option<String>,
    /// The column that says when a row was last changed; a target newer than the source is pointed
    /// out.
    #[serde(default)]
    pub updated: Option<String>,
    /// The column that says when a row was made; equal on both sides, a changed identity is a
    /// rename.
    #[serde(default)]
    pub created: Option<String>,
    /// Republished to the read stores for the touched IDs after a committed run.
    #[serde(default)]
    pub republish: Vec<String>,
    /// Columns, also of never-synchronized tables, that refer here without a foreign key, as
    /// `table.column`.
    #[serde(default)]
    pub referenced_by: Vec<String>,
    /// The row whose path is this one less its last step is the parent.
    #[serde(default)]
    pub tree: Option<TreeSpec>,
    /// Which rows belong to the module: every condition must hold.
    #[serde(default)]
    pub rows: BTreeMap<String, Condition>,
    /// Columns that aren't compared, but written with a row that differs otherwise.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Columns that belong to the environment, and what an insert takes for them.
    #[serde(default)]
    pub keep: BTreeMap<String, KeepRule>,
    /// Columns whose values are never shown, besides the operator's.
    #[serde(default)]
    pub redact: Vec<String>,
    /// Columns that are not compared and get NULL or the default whenever the record is written.
    #[serde(default)]
    pub reset: Vec<String>,
    /// What a column refers to where no foreign key says so, or says too little.
    #[serde(default)]
    pub references: BTreeMap<String, ReferenceRule>,
    /// Columns holding paths below the gallery root.
    #[serde(default)]
    pub files: Vec<FileRule>,
    /// Rows that belong to the record.
    #[serde(default)]
    pub owns: Vec<OwnedSpec>,
}

/// Rows of another table that belong to each row of the table above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OwnedSpec {
    /// The owned table.
    pub table: String,
    /// How its rows name their parent: a foreign key's name, a column, or a map of columns and
    /// constants. By default the table's one foreign key to the parent.
    #[serde(default)]
    pub by: Option<OwnedBy>,
    /// The columns that tell the rows of one parent apart.
    #[serde(default)]
    pub identity: Vec<String>,
    /// Rows the application makes again; never compared or copied.
    #[serde(default)]
    pub derived: bool,
    /// Republished to the read stores for the rows of touched records after a committed run.
    #[serde(default)]
    pub republish: Vec<String>,
    #[serde(default)]
    pub rows: BTreeMap<String, Condition>,
    #[serde(default)]
    pub ignore: Vec<String>,
    #[serde(default)]
    pub keep: BTreeMap<String, KeepRule>,
    #[serde(default)]
    pub redact: Vec<String>,
    #[serde(default)]
    pub reset: Vec<String>,
    #[serde(default)]
    pub references: BTreeMap<String, ReferenceRule>,
    #[serde(default)]
    pub files: Vec<FileRule>,
    #[serde(default)]
    pub owns: Vec<OwnedSpec>,
}

/// What an insert takes for a kept column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeepRule {
    /// The target column's default.
    Default,
    /// The source's value.
    Source,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TreeSpec {
    /// The column holding the path.
    pub path: String,
    /// Characters a step takes in the path.
    pub step: u8,
    /// The digits of a step in their order, for the next free one: `0123456789A…Z` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alphabet: Option<String>,
}
