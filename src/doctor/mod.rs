//! What would keep jobs from running, found before they run.
//!
//! Answers for the findings, one for each thing that was looked at, and for what to do about them.
//! Nothing stays changed: sessions are read-only, the ledger isn't created, and the copy by which writing
//! to a gallery is tried is cleared away.

mod access;
mod brokers;
mod galleries;
mod host;
mod redis;
mod search;
mod stores;
mod structure;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::catalog::Catalog;
use crate::config::{Config, Environment, ManifestSource};
use crate::database::{Access, Session, same_database};
use crate::manifest::module::OwnedSpec;
use crate::manifest::validate::validate_by;
use crate::manifest::{self, Manifests};
use crate::plan::render::words::{count, number_of_manifests};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    Ok,
    /// Worth knowing; jobs run.
    Warning,
    /// Jobs, or some of them, can't run.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub level: Level,
    /// `PROD`, `manifests`…
    pub about: String,
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    pub fn ok(about: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Ok, about: about.into(), message: message.into(), advice: None }
    }

    pub fn warning(about: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::ok(about, message) }
    }

    pub fn broken(about: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Broken, ..Self::ok(about, message) }
    }

    #[must_use]
    pub fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

/// What the manifests ask of the databases.
#[derive(Debug, Default)]
pub struct Needs {
    /// Tables that modules hold, with the modules.
    pub tables: BTreeMap<String, BTreeSet<String>>,
    /// Environments that a job writes to.
    pub targets: BTreeSet<Environment>,
}

/// Looks at everything the operator's file names.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![host::git().await, host::state_directory(config)];
    let manifests = load(config, &mut findings);
    let needs = manifests.as_ref().map(needs).unwrap_or_default();
    let mut sessions = BTreeMap::new();
    for environment in [Environment::Prod, Environment::Test] {
        let url = config.environment(environment).database.expose();
        match Session::open(url, environment.as_str(), Access::ReadOnly).await {
            Ok(mut session) => {
                findings.extend(access::pooled(environment, &mut session, url).await);
                sessions.insert(environment, session);
            }
            Err(error) => {
                let place =
                    format!("see environments.{environment}.database in the operator's file");
                let finding = Finding::broken(environment.as_str(), error.to_string());
                findings.push(finding.advice(place));
            }
        }
    }
    let mut catalogs = BTreeMap::new();
    for (environment, session) in &mut sessions {
        let catalog = access::examine(*environment, session, &needs, &mut findings).await;
        catalogs.extend(catalog.map(|catalog| (*environment, catalog)));
    }
    pair(&mut sessions, &mut findings).await;
    if let (Some(prod), Some(test)) =
        (catalogs.get(&Environment::Prod), catalogs.get(&Environment::Test))
    {
        findings.extend(structure::differences(prod, test, &needs));
        let manifests = manifests.as_ref();
        findings.extend(manifests.map(|manifests| checked(config, manifests, &catalogs)));
        findings.extend(structure::pin_key(config, prod, &needs));
    }
    findings.extend(galleries::examine(config, manifests.as_ref(), &needs.targets).await);
    findings.extend(stores::examine(config, manifests.as_ref(), &catalogs).await);
    findings
}

fn load(config: &Config, findings: &mut Vec<Finding>) -> Option<Manifests> {
    let ManifestSource::Directory(directory) = &config.manifests else {
        findings.push(
            Finding::warning("manifests", "they come from git, which only the daemon reads")
                .advice("name a checkout as `manifests` to have them looked at"),
        );
        return None;
    };
    match manifest::load(directory) {
        Ok(manifests) => Some(manifests),
        Err(problems) => {
            let messages: Vec<String> = problems.into_iter().map(|p| p.message).collect();
            findings.push(
                Finding::broken("manifests", messages.join("; "))
                    .advice("name their directory under `manifests` in the operator's file"),
            );
            None
        }
    }
}

fn needs(manifests: &Manifests) -> Needs {
    fn owned(owns: &[OwnedSpec], module: &str, needs: &mut Needs) {
        for spec in owns {
            needs.tables.entry(spec.table.clone()).or_default().insert(module.to_owned());
            owned(&spec.owns, module, needs);
        }
    }
    let mut needs = Needs::default();
    for (name, module) in &manifests.modules {
        for record in &module.spec.records {
            needs.tables.entry(record.table.clone()).or_default().insert(name.clone());
            owned(&record.owns, name, &mut needs);
        }
    }
    let directions = manifests.jobs.values().filter_map(|job| job.spec.direction);
    needs.targets = directions.map(|to| crate::config::environments(to).1).collect();
    needs
}

/// Manifests against the operator's rules and both databases.
fn checked(
    config: &Config,
    manifests: &Manifests,
    catalogs: &BTreeMap<Environment, Catalog>,
) -> Finding {
    let mut problems = manifests.problems.clone();
    problems.extend(validate_by(config, manifests, catalogs));
    let errors = problems.iter().filter(|problem| problem.is_error()).count() as u64;
    match errors {
        0 => Finding::ok("manifests", format!("{} are valid", number_of_manifests(manifests))),
        errors => Finding::broken("manifests", count(errors, "error", "errors"))
            .advice("`reconcile validate --connect` shows where, and what would be right"),
    }
}

/// What only shows with both databases at hand.
async fn pair(sessions: &mut BTreeMap<Environment, Session>, findings: &mut Vec<Finding>) {
    let (Some(mut prod), Some(mut test)) =
        (sessions.remove(&Environment::Prod), sessions.remove(&Environment::Test))
    else {
        return;
    };
    let about = "PROD and TEST";
    findings.push(match same_database(&mut prod, &mut test).await {
        Ok(false) => Finding::ok(about, "two different databases"),
        Ok(true) => Finding::broken(about, "they are the same database")
            .advice("name two different ones under `environments` in the operator's file"),
        Err(error) => Finding::broken(about, error.to_string()),
    });
    findings.extend(host::clocks(&mut prod, &mut test).await);
}
