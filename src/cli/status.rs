//! `reconcile status [JOB…]`: where each job stands and why, and what waits to be published.
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
use crate::plan::render::words::count;
use crate::publish::queues_of;
use crate::put::put;
use crate::queue::{Depth, Depths, depths};
use crate::report::Standing;
use crate::report::conditions::{Condition, conditions};

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
    let (lines, queues) = block_on(async {
        let manifests = prepare::manifests_at_hand(&config).await?;
        let lines = lines(args, &config, &manifests).await?;
        Ok((lines, queues(args, &config, &manifests).await))
    })?;
    match args.format {
        Format::Json => {
            let mut told = json!({ "jobs": lines.iter().map(to_json).collect::<Vec<_>>() });
            if !queues.is_empty() {
                told["queues"] = queues.iter().map(queues_to_json).collect();
            }
            output::json(&told)?;
        }
        Format::Text => {
            let jobs = match (lines.as_slice(), args.jobs.is_empty()) {
                ([], _) => "there is no job in the manifests\n".to_owned(),
                (lines, true) => table(lines),
                (lines, false) => lines.iter().map(in_full).collect(),
            };
            let queues: String = queues.iter().map(shown).collect();
            output::print(&(jobs + &queues))?;
        }
    }
    Ok(Outcome::Fine)
}

/// Who asks for jobs by name isn't told of queues, which belong to none.
async fn queues(args: &Args, config: &Config, manifests: &Manifests) -> Vec<Depths> {
    match args.jobs.is_empty() {
        true => depths(config, &queues_of(manifests)).await,
        false => Vec::new(),
    }
}

fn shown(depths: &Depths) -> String {
    let Depths { environment, store, queues } = depths;
    let store = store.as_deref().map_or_else(String::new, |store| format!(" {}", harmless(store)));
    let about = format!("queues of {environment}{store}");
    match (queues, depths.sums()) {
        (Ok(_), Some([ready, taken, failed])) => {
            let more = match failed {
                0 => "",
                _ => "; `reconcile queue list` shows where",
            };
            let ready = count(ready, "message waits", "messages wait");
            format!("{about}: {ready}, {taken} handed out, {failed} failed{more}\n")
        }
        (Err(error), _) => format!("{about}: {}\n", harmless(error)),
        (Ok(_), None) => String::new(),
    }
}

fn queues_to_json(depths: &Depths) -> Json {
    let Depths { environment, store, queues } = depths;
    let depth = |depth: &Depth| {
        let Depth { queue, ready, unacknowledged, failed } = depth;
        json!({ "queue": queue, "ready": ready, "unacknowledged": unacknowledged, "failed": failed })
    };
    let (list, error) = match queues {
        Ok(queues) => (queues.iter().map(depth).collect(), None),
        Err(error) => (Vec::new(), Some(error)),
    };
    json!({ "environment": environment, "store": store, "queues": list, "error": error })
}

async fn lines(
    args: &Args,
    config: &Arc<Config>,
    manifests: &Manifests,
) -> Result<Vec<Line>, Error> {
    let mut desk = Desk::open(Arc::clone(config), Asker::Daemon).await?;
    let now = whole_second(Timestamp::now());
    Ok(overview(&mut desk, manifests, &names(args, manifests)?, now).await?)
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
        "conditions": conditions(memory, standing).iter().map(condition_to_json).collect::<Vec<_>>(),
        "runs": memory.runs,
        "warnings": warnings,
    })
}

fn condition_to_json(condition: &Condition) -> Json {
    let Condition { kind, status, reason, message } = condition;
    json!({ "type": kind, "status": status.as_str(), "reason": reason, "message": message })
}
