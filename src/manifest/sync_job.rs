//! `kind: SyncJob`: which modules go from where to where, when, and what was approved, as written.
//!
//! Answers for the shape of the document and for the request: the hash by which a job is carried
//! out once. The entries of `approved` are in `approval`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use super::approval::{Approval, Approvals};
use super::module::ModuleSpec;

/// The `spec` of a `SyncJob`. Either `undo`, or `direction`, `mode` and `modules`, are present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SyncJobSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Module names, or `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modules: Option<Selection>,
    /// Folders below the gallery, or `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gallery_folders: Option<Selection>,
    /// When to run; absent: as soon as approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// A test import: everything is done inside the transaction, then rolled back.
    #[serde(default)]
    pub dry_run: bool,
    /// Any other number asks again for a request that was carried out.
    #[serde(default = "first_request")]
    pub request: u64,
    /// Also delete what the source no longer has. Only PROD -> TEST with a bare `all`.
    #[serde(default)]
    pub delete_missing: bool,
    /// The run to undo; written by `reconcile undo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    #[serde(default)]
    pub suspend: Suspend,
    /// Mail addresses besides the author of the last commit to this file; at most 50.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub notify: Vec<String>,
    #[serde(default)]
    pub on_stale: OnStale,
    /// Approved records by table, or by `gallery/FOLDER`.
    #[serde(default)]
    pub approved: BTreeMap<String, Approvals>,
}

fn first_request() -> u64 {
    1
}

/// Which environment is read and which is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Direction {
    #[serde(rename = "TEST -> PROD")]
    TestToProd,
    #[serde(rename = "PROD -> TEST")]
    ProdToTest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// New, modified and deleted records.
    All,
    /// Only records that the target doesn't have.
    NewOnly,
}

/// `all`, or a list of names. Written as a string or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub enum Selection {
    All,
    Names(Vec<String>),
}

/// `at` or `cron`, never both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Schedule {
    /// Local date and time of one run, `2026-12-01T02:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Five fields: minute, hour, day of month, month, day of week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// IANA name, `Europe/Warsaw`.
    pub time_zone: String,
}

/// `false`, `true`, or why and until when.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub enum Suspend {
    #[default]
    No,
    Yes,
    Because {
        reason: String,
        until: Option<String>,
    },
}

/// What a run does when an approved record no longer is what the reviewer saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnStale {
    /// Nothing is applied.
    #[default]
    Refuse,
    /// The records that moved are left, with their dependants, and named.
    Skip,
}

impl SyncJobSpec {
    /// What the job asks for, as 64 hex digits: the spec without `notify` and `suspend`. A request
    /// is carried out at most once.
    pub fn request_hash(&self) -> String {
        let spec = Self { notify: Vec::new(), suspend: Suspend::No, ..self.clone() };
        hash("reconcile request v1\n", [&spec].into_iter())
    }

    /// What people want to know of a comparison, as 64 hex digits: of the request what decides the
    /// plan, and its number.
    pub fn question_hash(&self) -> String {
        let spec = Self {
            notify: Vec::new(),
            suspend: Suspend::No,
            approved: BTreeMap::new(),
            schedule: None,
            dry_run: false,
            on_stale: OnStale::default(),
            ..self.clone()
        };
        hash("reconcile question v1\n", [&spec].into_iter())
    }

    /// What a comparison depends on, as 64 hex digits: the request without its approvals, and the
    /// modules it selects.
    pub fn subject_hash<'m>(&self, modules: impl Iterator<Item = &'m ModuleSpec>) -> String {
        let spec = Self {
            notify: Vec::new(),
            suspend: Suspend::No,
            approved: BTreeMap::new(),
            ..self.clone()
        };
        let modules = hash("reconcile modules v1\n", modules);
        hash(&format!("reconcile subject v1\n{modules}\n"), [&spec].into_iter())
    }
}

/// A hash over values in a form that the order of their fields doesn't change.
pub(super) fn hash<'v, T: Serialize + 'v>(
    kind: &str,
    values: impl Iterator<Item = &'v T>,
) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.as_bytes());
    for (number, value) in values.enumerate() {
        if number > 0 {
            hasher.update(b"\n");
        }
        let json = serde_json::to_value(value).expect("specs are names, numbers and booleans");
        hasher.update(in_key_order(json).to_string().as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Sorted keys, so that the order in which the struct declares its fields never changes a hash.
fn in_key_order(json: Json) -> Json {
    match json {
        Json::Object(map) => {
            let sorted: BTreeMap<String, Json> = map.into_iter().collect();
            sorted.into_iter().map(|(key, value)| (key, in_key_order(value))).collect()
        }
        Json::Array(items) => items.into_iter().map(in_key_order).collect(),
        scalar => scalar,
    }
}

impl Direction {
    /// As it is written in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TestToProd => "TEST -> PROD",
            Self::ProdToTest => "PROD -> TEST",
        }
    }
}

impl std::fmt::Display for Direction {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Selection {
    /// Whether this name is selected.
    pub fn selects(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.iter().any(|selected| selected == name),
        }
    }
}

impl From<Selection> for Json {
    fn from(selection: Selection) -> Self {
        match selection {
            Selection::All => Json::String("all".into()),
            Selection::Names(names) => names.into_iter().map(Json::String).collect(),
        }
    }
}

impl TryFrom<Json> for Selection {
    type Error = serde_json::Error;

    fn try_from(json: Json) -> Result<Self, Self::Error> {
        if json.as_str() == Some("all") {
            return Ok(Self::All);
        }
        serde_json::from_value(json).map(Self::Names)
    }
}

impl JsonSchema for Selection {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Selection".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "const": "all" },
            { "type": "array", "items": { "type": "string" } },
        ] })
    }
}

/// [`Suspend`] where it is written as a map.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SuspendMap {
    /// Shown wherever the job is.
    reason: String,
    /// A date (`2026-12-01`), or a date and time (`2026-12-01T02:00`) in the schedule's time zone,
    /// else in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl From<Suspend> for Json {
    fn from(suspend: Suspend) -> Self {
        match suspend {
            Suspend::No => Json::Bool(false),
            Suspend::Yes => Json::Bool(true),
            Suspend::Because { reason, until } => {
                serde_json::to_value(SuspendMap { reason, until }).expect("two texts are JSON")
            }
        }
    }
}

impl TryFrom<Json> for Suspend {
    type Error = serde_json::Error;

    fn try_from(json: Json) -> Result<Self, Self::Error> {
        match json {
            Json::Bool(false) => Ok(Self::No),
            Json::Bool(true) => Ok(Self::Yes),
            other => {
                let SuspendMap { reason, until } = serde_json::from_value(other)?;
                Ok(Self::Because { reason, until })
            }
        }
    }
}

impl JsonSchema for Suspend {
    fn schema_name() -> Cow<'static, str> {
        "Suspend".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let map = generator.subschema_for::<SuspendMap>();
        json_schema!({ "oneOf": [{ "type": "boolean" }, map] })
    }
}
