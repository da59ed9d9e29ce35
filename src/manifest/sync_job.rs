//! `kind: SyncJob`: which modules go from where to where, when, and what was approved, as written.
//!
//! Answers for the shape of the document and for the request: the hash by which a job is carried
//! out once.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `spec` of a SyncJob. Either `undo`, or `direction`, `mode` and `modules`, are present.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Mail addresses besides the author of the last commit to this file.
    #[serde(default)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Suspend {
    #[default]
    No,
    Yes,
    Because { reason: String, until: Option<String> },
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

/// Approved records of one table by class. Each entry is an [`Approval`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Approvals {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub new: Vec<Approval>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modified: Vec<Approval>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<Approval>,
    /// Conflicts whose target record the source's content replaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overwrite: Vec<Approval>,
    /// Conflicts whose content goes into the target's own record, which keeps its ID.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adopt: Vec<Approval>,
    /// Conflicts whose record is inserted under a new ID.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renumber: Vec<Approval>,
}

/// One approved entry, written as a string or an integer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Approval {
    /// `all`: everything in the class.
    All,
    /// `all@` and 16 hex digits: what that stored plan showed in the class.
    AllOfPlan(String),
    /// An ID without a pin.
    Id(String),
    /// `ID@` and 16 hex digits.
    Pinned { id: String, pin: String },
}
