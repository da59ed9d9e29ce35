//! The result files of a job, below a folder: `JOB/status.yaml`, `JOB/plan.md`, `JOB/runs/RUN.yaml`.
//!
//! Answers for each file being there whole, and written only when it says something else. Bringing
//! them into a repository is `git::branch`'s.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::messages::job_page;
use crate::config::{Config, Values};
use crate::plan::change::Plan;
use crate::plan::render::markdown;
use crate::whole::write_if_changed;

/// A result file can't be written. What happened to the databases stands; it is written later.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = path.display())]
pub struct Error {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Whether a file says something else than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Anew,
    AsBefore,
}

/// Whether a path, relative to the folder of results, is one of a job's files.
pub fn is_result(path: &Path) -> bool {
    let name = |part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    };
    let parts: Option<Vec<&str>> = path.components().map(name).collect();
    match parts.as_deref() {
        Some([_, "status.yaml" | "plan.md"]) => true,
        Some([_, "runs", run]) => run.strip_suffix(".yaml").is_some_and(|run| !run.is_empty()),
        _ => false,
    }
}

/// Writes one of a job's files; `name` is relative to the job's folder.
pub fn write(folder: &Path, job: &str, name: &str, text: &str) -> Result<Written, Error> {
    let path = folder.join(job).join(name);
    match write_if_changed(&path, text) {
        Ok(true) => Ok(Written::Anew),
        Ok(false) => Ok(Written::AsBefore),
        Err(source) => Err(Error { path, source }),
    }
}

/// What one of a job's files says, if it is there.
pub fn read(folder: &Path, job: &str, name: &str) -> Option<String> {
    let relative = Path::new(job).join(name);
    if !is_result(&relative) {
        return None;
    }
    std::fs::read_to_string(folder.join(relative)).ok()
}

/// The plan as it stands in `plan.md`.
pub fn plan_text(config: &Config, plan: &Plan) -> String {
    let page = job_page(config, &plan.job);
    match config.results.values {
        Values::Shown => markdown(plan, page.as_deref()),
        Values::Left => markdown(&plan.without_values(), page.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_jobs_own_files_are_results() {
        for path in ["spring/status.yaml", "spring/plan.md", "spring/runs/20261201-020000-a.yaml"] {
            assert!(is_result(Path::new(path)), "{path}");
        }
        for path in [
            "../status.yaml",
            "a/../plan.md",
            "/etc/status.yaml",
            "spring/runs/../../../a.yaml",
            "reconcile.yaml",
            "spring/other.yaml",
            "spring/runs/a.sh",
            "./plan.md",
        ] {
            assert!(!is_result(Path::new(path)), "{path}");
        }
    }
}
