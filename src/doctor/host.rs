//! This machine: git, the state directory, the clock.

use std::path::Path;

use jiff::SignedDuration;

use super::Finding;
use crate::config::{Config, Environment};
use crate::database::Session;
use crate::git;
use crate::job::clocks::Clock;
use crate::job::space;

/// Clocks that differ by more make times in ledgers and schedules misleading.
pub const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(5);

pub async fn git() -> Finding {
    let advice = "manifests live in git; install it to commit approvals and to fetch them";
    match git::version().await {
        Ok(version) => Finding::ok("git", version),
        Err(error) => Finding::warning("git", error.to_string()).advice(advice),
    }
}

/// Tried with a file, since rights alone don't tell of full or read-only disks. Where the folder
/// isn't there yet, the one it will be made in counts.
pub fn state_directory(config: &Config) -> Finding {
    let directory = &config.state_directory;
    let there = directory.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let probe = there.join(format!(".reconcile-doctor.{}", std::process::id()));
    let shown = crate::escape::near(directory);
    if directory.exists() && !directory.is_dir() {
        return Finding::broken("state directory", format!("{shown} is no directory"))
            .advice("name another as `stateDirectory` in the operator's file");
    }
    let tried = std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe));
    if let (Ok(()), Err(full)) = (&tried, space::check(directory)) {
        return Finding::broken("state directory", full.to_string());
    }
    match (tried, there == directory) {
        (Ok(()), true) => Finding::ok("state directory", format!("{shown} can be written")),
        (Ok(()), false) => {
            Finding::ok("state directory", format!("{shown} is made when it is needed"))
        }
        (Err(error), _) => {
            Finding::broken("state directory", format!("{shown} can't be written: {error}"))
                .advice("give this account the right to, or name another as `stateDirectory`")
        }
    }
}

/// Both databases' clocks against this machine's.
pub async fn clocks(prod: &mut Session, test: &mut Session) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (environment, session) in [(Environment::Prod, prod), (Environment::Test, test)] {
        match Clock::of(environment, session).await {
            Ok(clock) => findings.extend(apart(clock)),
            Err(error) => findings.push(Finding::warning("clocks", error.to_string())),
        }
    }
    if findings.is_empty() {
        return vec![Finding::ok("clocks", "both databases and this machine agree")];
    }
    findings
}

fn apart(clock: Clock) -> Option<Finding> {
    let advice = "set them by NTP: schedules and `updated` columns are compared by them";
    match clock.check() {
        Err(apart) => Some(Finding::broken("clocks", apart.to_string())),
        Ok(()) if clock.ahead().abs() > CLOCKS_APART => {
            Some(Finding::warning("clocks", clock.told()).advice(advice))
        }
        Ok(()) => None,
    }
}
