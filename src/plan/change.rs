//! The plan: all changes of one job at one moment, as a plain value.
//!
//! Answers for the words of `plan.json` and their order. The same value is printed, reviewed and
//! applied; it holds no connection, no clock and no I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::file::NamedFile;
use crate::manifest::sync_job::{Direction, Mode};

/// All changes of one job. `changes` are ordered by module, table, class and ID.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Readers accept the same major version and ignore keys they don't know.
    pub format_version: String,
    pub job: String,
    pub direction: Direction,
    pub mode: Mode,
    /// 32 hex digits over direction, mode and every change's table, ID, class, kind, pin and
    /// dependencies.
    pub digest: String,
    /// Nothing differs: no change and no conflict.
    pub noop: bool,
    pub counts: Counts,
    /// Whatever a reviewer should know of the whole: triggers on written tables, `afterWrite`
    /// statements, columns only one side has, tables matched by ID, what a run leaves out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Modules that couldn't be compared (a table is missing), by name with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed_modules: BTreeMap<String, String>,
    /// Above 100,000 changes only counts are kept, this is empty and nothing can be approved.
    #[serde(default)]
    pub counts_only: bool,
    pub changes: Vec<Change>,
    /// Approved entries that are applied already, as `table/ID`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub conflict: u64,
    pub new: u64,
    pub modified: u64,
    pub deleted: u64,
    pub unchanged: u64,
}

/// One record that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub module: String,
    pub table: String,
    /// The source's ID, or the target's for a deletion. Parts of composite IDs are joined with `,`;
    /// `,` and `\` inside a part are preceded by `\`.
    pub id: String,
    pub class: Class,
    /// Present exactly when `class` is `conflict`.
    pub conflict: Option<Conflict>,
    /// The identity's columns; a reference shows as what it points to. Redacted columns show
    /// `(redacted)`.
    pub identity: BTreeMap<String, Json>,
    pub label: Option<String>,
    /// The identity of a matched record changed: what it is on the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<BTreeMap<String, Json>>,
    /// `ID@` and 16 lower-case hex digits, as it stands in a manifest.
    pub pin: String,
    /// The changes this one needs, whatever the answer to a conflict, as `table/ID`.
    pub depends_on: Vec<String>,
    /// The gallery's files that the record names on the source: they come with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<NamedFile>,
    /// The target was edited after the source.
    pub target_newer: bool,
    pub fields: Vec<Field>,
    pub approved: bool,
}

impl Plan {
    /// By what manifests name it, after `all@`: the first 16 digits of its digest.
    pub fn short_digest(&self) -> String {
        self.digest.chars().take(16).collect()
    }

    /// The plan without the values of fields; that they change is still told.
    #[must_use]
    pub fn without_values(&self) -> Self {
        let mut plan = self.clone();
        for field in plan.changes.iter_mut().flat_map(|change| &mut change.fields) {
            field.form = Form::Redacted;
            for value in [&mut field.from, &mut field.to] {
                if !value.is_null() {
                    *value = Json::String("(redacted)".into());
                }
            }
        }
        plan
    }
}

impl Change {
    /// The changes that this one needs when it is carried out with an answer, or as it is.
    pub fn needs(&self, answer: Option<Answer>) -> impl Iterator<Item = &String> {
        let besides = answer.and_then(|answer| self.conflict.as_ref()?.needs.get(&answer));
        self.depends_on.iter().chain(besides.into_iter().flatten())
    }

    /// The 16 hex digits of the pin.
    pub fn bare_pin(&self) -> &str {
        self.pin.rsplit_once('@').map_or("", |(_, digits)| digits)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Class {
    Conflict,
    New,
    Modified,
    Deleted,
}

/// Why a record is in conflict, and what can be answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    pub kind: ConflictKind,
    pub target_id: Option<String>,
    pub target_identity: Option<BTreeMap<String, Json>>,
    /// Further reasons beside the first.
    pub also: Vec<ConflictKind>,
    /// One sentence a reason: what is taken, missing or still referenced, and by what. Without
    /// values of redacted columns.
    #[serde(default)]
    pub details: Vec<String>,
    /// Which answers would resolve it; none: it can only be mended.
    pub answers: Vec<Answer>,
    /// What single answers need besides, as `table/ID`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub needs: BTreeMap<Answer, Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictKind {
    IdReused,
    IdDiffers,
    IdentityAmbiguous,
    UniqueTaken,
    MissingReference,
    FileTaken,
    StillReferenced,
    SchemaDiffers,
    /// A record changed since the run that is to be undone.
    ChangedSince,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    Overwrite,
    Adopt,
    Renumber,
}

/// One column of one row of a record. `from` is the target's value, `to` what it would become; for
/// inserted rows `from` is absent, for deleted rows `to`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    pub table: String,
    pub key: String,
    pub column: String,
    pub row: RowChange,
    /// What the values are: decides how renderers show a difference.
    pub form: Form,
    pub from: Json,
    pub to: Json,
}

/// What happens to the row a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RowChange {
    Inserted,
    Updated,
    Deleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Form {
    /// A number, boolean, date, short text…
    Plain,
    Text,
    Json,
    /// Values stand as `(redacted)`; that it changed is all that is shown.
    Redacted,
}
