//! `kind: RepublishJob`: what is synchronized or regenerated again, and when, as written.
//!
//! Answers for the shape of the document and for the request: the hash by which a job is carried
//! out once.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::sync_job::{Schedule, Selection, Suspend, hash};
use crate::config::Environment;

/// The `spec` of a `RepublishJob`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RepublishJobSpec {
    pub action: Action,
    /// Resource names, or `all`.
    pub resources: Selection,
    /// IDs of entities, with resources named: only these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "ids_schema")]
    pub ids: Vec<String>,
    /// Whose read stores; the instance's unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// When to run; absent: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Any other number asks again for a request that was carried out.
    #[serde(default = "first_request")]
    pub request: u64,
    #[serde(default)]
    pub suspend: Suspend,
    /// Mail addresses besides the author of the last commit to this file; at most 50.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub notify: Vec<String>,
}

fn first_request() -> u64 {
    1
}

/// Digits may stand unquoted.
fn ids_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "oneOf": [{ "type": "integer" }, { "type": "string" }] } })
}

impl RepublishJobSpec {
    /// What the job asks for, as 64 hex digits: the spec without `notify` and `suspend`. A request
    /// is carried out at most once.
    pub fn request_hash(&self) -> String {
        let spec = Self { notify: Vec::new(), suspend: Suspend::No, ..self.clone() };
        hash("reconcile republish request v1\n", [&spec].into_iter())
    }
}

impl Action {
    /// As it is written in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SyncData => "sync-data",
            Self::TriggerEvents => "trigger-events",
        }
    }
}

/// What is done, in the words of the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// `sync:data`: the rows of the storage and search tables are sent as they are.
    SyncData,
    /// `publish:trigger-events`: the rows are made again, and sent where they changed.
    TriggerEvents,
}
