//! `catalog.json`: what the databases look like, carried to where no connection is.
//!
//! Answers for its form: the catalogue of each environment, and the operator's lists of tables, so
//! that a pull request can be checked without the operator's file. It lies beside the manifests,
//! written by `validate --connect --write-catalog`.

use std::fs::File;
use std::io::{ErrorKind, Write, read_to_string};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::{files, save};
use crate::catalog::Catalog;
use crate::config::{Environment, ProtectedRules, TableRules};

/// Its name, in the directory of the manifests.
pub const FILE_NAME: &str = "catalog.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CatalogFile {
    #[serde(rename = "PROD", default, skip_serializing_if = "Option::is_none")]
    pub prod: Option<Catalog>,
    #[serde(rename = "TEST", default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Catalog>,
    pub tables: AllowedTables,
    pub protected: ProtectedRules,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AllowedTables {
    pub allow: Vec<String>,
}

impl CatalogFile {
    /// What the connections and the operator's file say.
    pub fn new(prod: Option<Catalog>, test: Option<Catalog>, rules: TableRules) -> Self {
        let TableRules { allow, protected } = rules;
        Self { prod, test, tables: AllowedTables { allow }, protected }
    }

    /// The file beside the manifests, where there is one.
    pub fn read(manifests: &Path) -> Result<Option<Self>, Problem> {
        let path = manifests.join(FILE_NAME);
        let problem = |message: String| {
            let help = "write it again with `reconcile validate --connect --write-catalog`";
            Problem::error("bad-catalog", format!("{}: {message}", path.display())).help(help)
        };
        match files::open(&path).and_then(read_to_string) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| problem(format!("this is no catalogue: {error}"))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(problem(format!("can't be read: {error}"))),
        }
    }

    /// Writes the file beside the manifests, in a form that makes small diffs.
    pub fn write(&self, manifests: &Path) -> std::io::Result<()> {
        let json = serde_json::to_value(self).map_err(std::io::Error::other)?;
        let (path, text) = (manifests.join(FILE_NAME), format!("{json:#}\n"));
        match files::look(&path) {
            Ok(_) => save::replace(&path, &read_to_string(files::open(&path)?)?, &text),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                File::create_new(&path)?.write_all(text.as_bytes())
            }
            Err(error) => Err(error),
        }
    }

    pub fn rules(&self) -> TableRules {
        TableRules { allow: self.tables.allow.clone(), protected: self.protected.clone() }
    }

    /// The catalogues it holds, by environment.
    pub fn catalogs(self) -> Vec<(Environment, Catalog)> {
        let Self { prod, test, .. } = self;
        let prod = prod.map(|catalog| (Environment::Prod, catalog));
        let test = test.map(|catalog| (Environment::Test, catalog));
        prod.into_iter().chain(test).collect()
    }
}
