//! `reconcile status [JOB…]`: where each job stands and why.
//!
//! Answers for how that is shown; how it is found out is `daemon::overview`'s.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::prepare::{self, block_on};
use super::{Error, Format, Global, Outcome, output};
use crate::config::Config;
use crate::daemon::learn::Asker;
use crate::daemon::overview::{Line, overview};
use crate::daemon::pass::whole_second;
use crate::daemon::turn::Desk;
use crate::escape::{harmless, width};
use crate::manifest::Manifests;
use crate::put::put;
use crate::report::Standing;
use crate::report::conditions::conditions;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whom the listing is written for
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The jobs to tell of, in full [default: all, one line each]
    #[arg(value_name = "JOB")]
    pub jobs: Vec<String>,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = Arc::new(global.config()?);
    let lines = block_on(lines(args, &config))?;
    match args.format {
        Format::Json => output::json(&json!({
            "jobs": lines.iter().map(to_json).collect::<Vec<_>>()
        }))?,
        Format::Text if lines.is_empty() => output::print("there is no job in the manifests\n")?,
        Format::Text if args.jobs.is_empty() => output::print(&table(&lines))?,
        Format::Text => {
            for line in &lines {
                output::print(&in_full(line))?;
            }
        }
    }
    Ok(Outcome::Fine)
}

async fn lines(args: &Args, config: &Arc<Config>) -> Result<Vec<Line>, Error> {
    let manifests = prepare::manifests(config).await?;
    let mut desk = Desk::open(Arc::clone(config), Asker::Daemon).await?;
    let now = whole_second(Timestamp::now());
    Ok(overview(&mut desk, &manifests, &names(args, &manifests)?, now).await?)
}

fn names(args: &Args, manifests: &Manifests) -> Result<BTreeSet<String>, Error> {
    let known = manifests.job_names();
    for job in &args.jobs {
        if !known.contains(job) {
            prepare::job(manifests, job)?;
        }
    }
    Ok(match args.jobs.is_empty() {
        true => known,
        false => args.jobs.iter().cloned().collect(),
    })
}

fn table(lines: &[Line]) -> String {
    let widest = |of: &dyn Fn(&Line) -> usize| lines.iter().map(of).max().unwrap_or(0);
    let job = widest(&|line| width(&line.job)).max(3);
    let phase = widest(&|line| line.standing.phase.as_str().len()).max(5);
    let mut out = format!("{:job$}  {:phase$}  WHY\n", "JOB", "PHASE");
    for line in lines {
        let Standing { phase: stands, why, .. } = &line.standing;
        put!(out, "{:job$}  {:phase$}  {}\n", line.job, stands.as_str(), harmless(why));
    }
    out
}

fn in_full(line: &Line) -> String {
    let Line { job, standing, memory, warnings, .. } = line;
    let mut out = format!("{job}: {}\n  {}\n", standing.phase.as_str(), harmless(&standing.why));
    if let Some(seen) = &memory.seen {
        let commit = seen.commit.as_deref().unwrap_or("outside of git");
        put!(out, "  request {} ({commit})\n", &seen.request[..12]);
    }
    for condition in conditions(memory, standing) {
        let status = condition.status.as_str();
        put!(out, "  {} {status}: {}\n", condition.kind, harmless(&condition.message));
    }
    for run in &memory.runs {
        put!(out, "  {}  {}  {}\n", run.at, run.phase.as_str(), harmless(&run.what));
    }
    for warning in warnings {
        put!(out, "  warning: {}\n", harmless(warning));
    }
    out.push('\n');
    out
}

fn to_json(line: &Line) -> Json {
    let Line { job, standing, memory, warnings, .. } = line;
    json!({
        "job": job,
        "phase": standing.phase.as_str(),
        "why": standing.why,
        "nextRun": standing.next_run.map(|at| at.to_string()),
        "plan": memory.compared.as_ref().map(|it| json!({ "digest": it.digest, "counts": it.counts })),
        "runs": memory.runs,
        "warnings": warnings,
    })
}
