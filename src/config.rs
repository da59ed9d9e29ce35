//! `reconcile.yaml`: the operator's file, trusted and kept on the host.
//!
//! Answers for its typed form and for loading it whole: every key is known and judged here, also
//! those whose part a later release brings. It alone names hosts, credentials, directories and
//! people. Where it is found is `discover`'s part, `${VAR}` is `expand`'s.

pub mod address;
mod discover;
mod expand;
pub mod gallery;
mod git;
pub mod http;
pub mod mail;
mod read;
pub mod target;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::fields::{At, Problems};
use crate::manifest::problem::{self, Problem, Source, Span};
use crate::manifest::sync_job::Direction;
use crate::manifest::{secrets, source, tree, words};

pub use discover::{Discovery, discover};
pub use gallery::GalleryPlace;
pub use http::Http;
pub use mail::Mail;

/// The two environments.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Environment {
    Prod,
    Test,
}

impl Environment {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prod => "PROD",
            Self::Test => "TEST",
        }
    }

    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Prod => Self::Test,
            Self::Test => Self::Prod,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Source and target of a direction.
pub fn environments(direction: Direction) -> (Environment, Environment) {
    match direction {
        Direction::TestToProd => (Environment::Test, Environment::Prod),
        Direction::ProdToTest => (Environment::Prod, Environment::Test),
    }
}

/// A value that no output may show. It can't be printed, only used.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// For the one place that connects or hashes with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// The operator's file, with paths made absolute and `${VAR}` filled in.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file itself.
    pub path: PathBuf,
    /// Which environment this installation stands on; only PROD applies.
    pub instance: Environment,
    pub manifests: ManifestSource,
    /// Where runs, results and outbox are kept, as a database URL. By default a file in the state
    /// directory.
    pub state: Option<Secret>,
    /// Plans and embedded stores; each daemon its own.
    pub state_directory: PathBuf,
    /// Keys the pins of redacted values.
    pub pin_key: Option<Secret>,
    pub results: Results,
    pub prod: EnvironmentConfig,
    pub test: EnvironmentConfig,
    pub tables: Tables,
    pub protected: ProtectedRules,
    pub limits: Limits,
    pub windows: Vec<Window>,
    pub mail: Option<Mail>,
    /// git addresses to mail addresses.
    pub people: BTreeMap<String, String>,
    pub modules: BTreeMap<String, ModuleConfig>,
    pub http: Option<Http>,
}

/// Where manifests come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestSource {
    Directory(PathBuf),
    Git(GitSource),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSource {
    /// A URL, `HOST:PATH` or an absolute path.
    pub url: Secret,
    pub branch: String,
    /// The folder of the repository that holds manifests; `.` for all of it.
    pub path: String,
    pub poll_seconds: u64,
    /// Where results go; never `branch`.
    pub results_branch: String,
    /// What the daemon's clone may take on disk.
    pub max_mebibytes: u64,
    /// Who must have signed every commit; `None` asks for no signature. Never empty.
    pub require_signed: Option<Vec<SigningKey>>,
}

/// A key that commits may be signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningKey {
    /// The whole fingerprint, in upper-case hexadecimal digits.
    OpenPgp(String),
    /// `KIND BASE64`, without a comment.
    Ssh(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// Where result files are written; of a git source the files that go to the results branch.
    pub directory: PathBuf,
    /// Whether values of fields stand in committed result files.
    pub values: Values,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    Shown,
    Left,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentConfig {
    pub database: Secret,
    /// How many connections a comparison, or publishing, may read with at once.
    pub connections: usize,
    pub gallery: Option<GalleryPlace>,
    pub publish: Option<Publish>,
}

/// The read stores of an environment; each one for all stores of the shop, or one for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    pub queue: Option<Queue>,
    pub storage: Option<Storage>,
    pub search: Option<Search>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    pub url: Target,
    /// Of the messages; who consumes them decides it.
    pub format: Option<MessageFormat>,
    /// A file of certificates (PEM) that sign the server's, instead of those that are generally trusted.
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    pub url: Target,
    /// As that of a queue.
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    pub url: Target,
    /// What the names of indexes begin with: `PREFIX_STORE_TYPE`.
    pub prefix: Option<String>,
    /// As the server gives it out, encoded; instead of a user and a password in the URL.
    pub api_key: Option<Secret>,
    /// As that of a queue, but beside those that are generally trusted.
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    All(Secret),
    /// By the shop's store.
    ByStore(BTreeMap<String, Secret>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFormat {
    Spryker,
    Batch,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    /// Globs of tables that manifests may reach; none, unless given.
    pub allow: Vec<String>,
    /// Globs of `table.column` whose values are never shown.
    pub redact: Vec<String>,
    /// How rows outside every module are recognised in the other environment: columns by table.
    pub matching: BTreeMap<String, Vec<String>>,
}

/// What the operator adds to and spares from the never-synchronize list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProtectedRules {
    #[serde(default)]
    pub add: Vec<String>,
    #[serde(default)]
    pub allow: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile_app: Option<MobileApp>,
}

/// The only rows of the system settings that may be synchronized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MobileApp {
    pub table: String,
    pub column: String,
    pub starts_with: String,
}

/// The part of the operator's file that decides which tables manifests may reach; `catalog.json`
/// carries it to where the file isn't.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableRules {
    pub allow: Vec<String>,
    pub protected: ProtectedRules,
}

/// Of what one run would write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub max_changes: u64,
    pub max_deletes: u64,
    /// Percent of a table's rows; counts above 10 deletions.
    pub max_delete_percent: u64,
    /// How late a run may start, in minutes. Absent: 15 in the daemon, 24 hours in a single pass.
    pub max_late_minutes: Option<u32>,
    /// Of the gallery; larger ones are left as they are. A megabyte is a million bytes.
    pub max_file_megabytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_changes: 10_000,
            max_deletes: 50,
            max_delete_percent: 10,
            max_late_minutes: None,
            max_file_megabytes: 100,
        }
    }
}

/// When runs may or may not start; `Deny` wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub kind: WindowKind,
    pub cron: String,
    pub hours: u64,
    pub time_zone: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    Allow,
    Deny,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleConfig {
    /// SQL statements run after a run wrote records of the module.
    pub after_write: Vec<String>,
}

impl Config {
    pub fn environment(&self, environment: Environment) -> &EnvironmentConfig {
        match environment {
            Environment::Prod => &self.prod,
            Environment::Test => &self.test,
        }
    }

    /// Whether the operator wants no value of this column shown.
    pub fn redact_matches(&self, table: &str, column: &str) -> bool {
        let name = format!("{table}.{column}").to_lowercase();
        let hides = |glob: &String| words::glob_matches(&glob.to_lowercase(), &name);
        self.tables.redact.iter().any(hides)
    }

    /// The address that commits of the tool bear.
    pub fn own_address(&self) -> String {
        let mail = self.mail.as_ref();
        mail.map_or_else(|| "reconcile@localhost".into(), |mail| mail.from.address.clone())
    }

    pub fn table_rules(&self) -> TableRules {
        TableRules { allow: self.tables.allow.clone(), protected: self.protected.clone() }
    }

    /// The SQL that only the operator can add to a module.
    pub fn after_write(&self, module: &str) -> &[String] {
        self.modules.get(module).map_or(&[], |module| &module.after_write)
    }
}

/// Reads the operator's file; `variable` gives the values of `${VAR}`.
pub fn load(
    path: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Problem>> {
    let unreadable = |error: std::io::Error| {
        let message = format!("can't read the operator's file {}: {error}", path.display());
        vec![Problem::error("unreadable", message)]
    };
    let path = std::path::absolute(path).map_err(unreadable)?;
    let bytes = std::fs::read(&path).map_err(unreadable)?;
    parse(&path, &bytes, variable)
}

/// Reads the operator's file from its bytes; `path` must be absolute, relative paths in it start
/// from its folder.
pub fn parse(
    path: &Path,
    bytes: &[u8],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Problem>> {
    let name = problem::shown_path(path);
    let text = source::read(bytes).map_err(|problems| {
        let lossy = String::from_utf8_lossy(bytes);
        attach(&name, &lossy, Problems { list: problems, hidden: secrets::in_text(&lossy) })
    })?;
    let (mut documents, syntax) = tree::read(text);
    let mut problems = Problems { list: syntax, hidden: secrets::in_text(text) };
    let config = match documents.as_mut_slice() {
        [document] => {
            secrets::in_tree(&document.root, &mut problems.hidden);
            expand::expand(&mut document.root, variable, &mut problems);
            read::config(&At::new(&document.root, ""), path, &mut problems)
        }
        [] if problems.has_errors() => None,
        documents => {
            let count = documents.len();
            let message = format!("the operator's file must be one document, found {count}");
            problems.push(Problem::error("one-document", message));
            None
        }
    };
    // Whatever stands in the wrong place of this file may be a secret meant for another.
    let misplaced = problems
        .list
        .iter()
        .filter(|problem| matches!(problem.code, "wrong-type" | "bad-url" | "bad-address"));
    let misplaced: Vec<_> = misplaced.filter_map(|problem| problem.span).collect();
    problems.hidden.extend(misplaced.into_iter().map(Span::range));
    match config {
        Some(config) if !problems.has_errors() => Ok(config),
        _ => Err(attach(&name, text, problems)),
    }
}

fn attach(name: &str, text: &str, problems: Problems) -> Vec<Problem> {
    let source = Arc::new(Source::new(name, text, &problems.hidden));
    let mut list: Vec<Problem> =
        problems.list.into_iter().map(|found| found.in_source(&source)).collect();
    problem::sort(&mut list);
    list
}
