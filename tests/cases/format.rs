//! How a case is written: a file per topic, with the tables and modules its cases share.
//!
//! Answers for the shape of the YAML alone. `world.rs` makes databases of it, `play.rs` plays it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

/// Rows by table, each with its values in the order of the table's columns.
pub type Rows = BTreeMap<String, Vec<Vec<Json>>>;
/// Specs of modules by name.
pub type Modules = BTreeMap<String, Json>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// SQL of both databases, unless a case has its own.
    #[serde(default)]
    pub schema: String,
    #[serde(default)]
    pub modules: Modules,
    pub cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence.
    pub name: String,
    /// Why the case isn't played on PostgreSQL.
    pub only_sqlite: Option<String>,
    /// Why it isn't played on SQLite.
    pub only_postgres: Option<String>,
    /// Why it isn't played on MariaDB, though it is on both others.
    pub not_mariadb: Option<String>,
    /// Why it isn't played on PostgreSQL, though it is on both others.
    pub not_postgres: Option<String>,
    pub schema: Option<String>,
    pub source_schema: Option<String>,
    pub target_schema: Option<String>,
    pub modules: Option<Modules>,
    /// Keys of the operator's file.
    #[serde(default)]
    pub config: BTreeMap<String, Json>,
    /// The first comparison goes from TEST to PROD unless this says `PROD -> TEST`.
    pub direction: Option<String>,
    /// Rows that stand on both sides.
    #[serde(default)]
    pub both: Rows,
    #[serde(default)]
    pub source: Rows,
    #[serde(default)]
    pub target: Rows,
    /// Keys of the spec of every job.
    #[serde(default)]
    pub job: BTreeMap<String, Json>,
    /// For cases of one step, its keys stand in the case itself.
    #[serde(default)]
    pub steps: Vec<Step>,
    pub plan: Option<Vec<String>>,
    #[serde(default)]
    pub approve: Vec<String>,
    #[serde(default)]
    pub meanwhile: Edit,
    pub after: Option<Rows>,
    pub refused: Option<String>,
    pub failed: Option<String>,
    pub next: Option<Vec<String>>,
    #[serde(default)]
    pub notes: Vec<String>,
    #[serde(default)]
    pub fields: Option<Vec<String>>,
    pub files: Option<Vec<String>>,
    pub no_undo: Option<String>,
    /// Both galleries: then nothing is approved or run, and the comparison is looked at alone.
    pub galleries: Option<Galleries>,
    /// `PATH ROW FATE`, of all files of both galleries that somebody holds.
    pub holders: Option<Vec<String>>,
}

/// Files by path: their text, or `-> TARGET` for a link.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Galleries {
    #[serde(default)]
    pub source: BTreeMap<String, String>,
    #[serde(default)]
    pub target: BTreeMap<String, String>,
}

/// One comparison and what is done with it.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What people change before it.
    #[serde(default)]
    pub edit: Edit,
    /// The direction is turned round; `after` is then about the other database.
    #[serde(default)]
    pub back: bool,
    /// The job of the step before is carried out as it stands.
    #[serde(default)]
    pub again: bool,
    /// The run of the step before is undone, every entry approved.
    #[serde(default)]
    pub undo: bool,
    #[serde(default)]
    pub job: BTreeMap<String, Json>,
    /// `CLASS TABLE/ID`, a line for each change, in the plan's order.
    pub plan: Option<Vec<String>>,
    /// `all` that isn't a conflict, or `CLASS TABLE/ID` with an answer as the class of a conflict.
    #[serde(default)]
    pub approve: Vec<String>,
    /// What people change between the plan and the run.
    #[serde(default)]
    pub meanwhile: Edit,
    /// Tables of the target after the run. Others are as before.
    pub after: Option<Rows>,
    /// Part of `KIND: REASONS`.
    pub refused: Option<String>,
    /// Part of an error.
    pub failed: Option<String>,
    /// The plan that follows the run. By default none of what was approved may stand in it.
    pub next: Option<Vec<String>>,
    /// Parts of the plan's notes.
    #[serde(default)]
    pub notes: Vec<String>,
    /// `TABLE/KEY COLUMN: FROM -> TO`, of all changes.
    pub fields: Option<Vec<String>>,
    /// `TABLE/ID: PATH …`, of all changes that name files.
    pub files: Option<Vec<String>>,
    /// How the pass ends, where it is neither applied nor refused: part of its words.
    pub ends: Option<String>,
}

/// SQL that changes the databases as people would.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub target: String,
}

impl Case {
    pub fn steps(&self) -> Vec<Step> {
        if !self.steps.is_empty() {
            return self.steps.clone();
        }
        vec![Step {
            plan: self.plan.clone(),
            approve: self.approve.clone(),
            meanwhile: self.meanwhile.clone(),
            after: self.after.clone(),
            refused: self.refused.clone(),
            failed: self.failed.clone(),
            next: self.next.clone(),
            notes: self.notes.clone(),
            fields: self.fields.clone(),
            files: self.files.clone(),
            ..Step::default()
        }]
    }
}
