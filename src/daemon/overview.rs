//! Where each job stands and why, for those who ask: commands and pages.
//!
//! Answers from the manifests and the state store alone; no shop's database is opened, and nothing is
//! changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::decide::has_approvals;
use super::turn::Desk;
use crate::job::Context;
use crate::manifest::Manifests;
use crate::report::not_out::{Words, not_out};
use crate::report::people::recipients;
use crate::report::status::warnings;
use crate::report::{Phase, Standing};
use crate::state::{self, Memory};

/// A job's standing with what is remembered of it.
pub struct Line {
    pub job: String,
    pub standing: Standing,
    pub memory: Memory,
    pub warnings: Vec<String>,
    /// The request or occurrence that could be cancelled now.
    pub open: Option<String>,
}

/// How the jobs of these names stand.
pub async fn overview(
    desk: &mut Desk,
    manifests: &Manifests,
    names: &BTreeSet<String>,
    now: Timestamp,
) -> Result<Vec<Line>, state::Error> {
    let config = Arc::clone(&desk.config);
    let context = Context::new(&config, manifests);
    let mut memories = desk.state.memories().await?;
    let posted = desk.state.not_out().await?;
    let mut lines = Vec::new();
    for name in names {
        let remembered = memories.remove(name).unwrap_or_default();
        let problems = manifests.problems_of_job(name);
        let job = manifests.job(name).filter(|_| problems.is_empty());
        let (standing, memory, open) = if let Some(job) = job {
            let turn = desk.peek(&context, job, remembered, now);
            let mut memory = turn.remembered.memory;
            memory.notify.clone_from(&job.asked().notify().to_vec());
            let key = turn.action.moment.key;
            let is_open = has_approvals(job.asked())
                && memory.running.is_none()
                && memory.ended(&key).is_none();
            (standing(turn.action.standing, &memory), memory, is_open.then_some(key))
        } else {
            let why = problems.first().map_or_else(String::new, |it| it.one_line());
            (Standing::new(Phase::Invalid, why), remembered.memory, None)
        };
        let mut warnings = warnings(&recipients(&config, &memory));
        warnings.extend(not_out(&posted, name, Words::All));
        warnings.extend(not_written(&memory));
        lines.push(Line { job: name.clone(), standing, memory, warnings, open });
    }
    Ok(lines)
}

/// Result files that people don't find yet; the state store has them.
fn not_written(memory: &Memory) -> Option<String> {
    let names: Vec<&str> = memory.unpublished.keys().map(String::as_str).collect();
    (!names.is_empty()).then(|| format!("not written yet: {}", names.join(", ")))
}

/// A run that is under way stands above what would be decided now.
fn standing(decided: Standing, memory: &Memory) -> Standing {
    match &memory.running {
        Some(running) => Standing::new(Phase::Running, format!("since {}", running.since)),
        None => decided,
    }
}
