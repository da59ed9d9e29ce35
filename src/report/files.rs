//! The result files of a job, below a folder: `JOB/status.yaml`, `JOB/plan.md`, `JOB/runs/RUN.yaml`.
//!
//! Answers for each file being there whole, and written only when it says something else. Bringing
//! them into a repository is `git::branch`'s.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::{Results, Values};
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

/// Writes one of a job's files; `name` is relative to the job's folder.
pub fn write(folder: &Path, job: &str, name: &str, text: &str) -> Result<Written, Error> {
    let path = folder.join(job).join(name);
    match write_if_changed(&path, text) {
        Ok(true) => Ok(Written::Anew),
        Ok(false) => Ok(Written::AsBefore),
        Err(source) => Err(Error { path, source }),
    }
}

/// The plan as it stands in `plan.md`.
pub fn plan_text(results: &Results, plan: &Plan) -> String {
    match results.values {
        Values::Shown => markdown(plan),
        Values::Left => markdown(&plan.without_values()),
    }
}
