//! This machine: git, the state directory, the clock.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::Finding;
use crate::config::Config;
use crate::database::{self, Session};
use crate::git;

/// Clocks that differ by more make times in ledgers and schedules misleading.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(5);

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

/// Both databases' clocks against this machine's and each other.
pub async fn clocks(prod: &mut Session, test: &mut Session) -> Vec<Finding> {
    let offsets = (offset(prod).await, offset(test).await);
    let (prod_ahead, test_ahead) = match offsets {
        (Ok(prod), Ok(test)) => (prod, test),
        (Err(error), _) | (_, Err(error)) => {
            return vec![Finding::warning("clocks", error.to_string())];
        }
    };
    let pairs = [
        ("PROD's clock and this machine's", prod_ahead),
        ("TEST's clock and this machine's", test_ahead),
        ("PROD's clock and TEST's", prod_ahead - test_ahead),
    ];
    let apart: Vec<Finding> = pairs
        .into_iter()
        .filter(|(_, apart)| apart.abs() > CLOCKS_APART)
        .map(|(which, apart)| {
            let message = format!("{which} are {} seconds apart", apart.abs().as_secs());
            Finding::warning("clocks", message)
                .advice("set them by NTP: schedules and `updated` columns are compared by them")
        })
        .collect();
    if apart.is_empty() {
        return vec![Finding::ok("clocks", "both databases and this machine agree")];
    }
    apart
}

/// How far a database's clock is ahead of this machine's, as seen from the middle of the question.
async fn offset(session: &mut Session) -> Result<SignedDuration, database::Error> {
    let asked = Timestamp::now();
    let told = session.now().await?;
    let answered = Timestamp::now();
    let half = answered.duration_since(asked) / 2;
    Ok(told.duration_since(asked) - half)
}
