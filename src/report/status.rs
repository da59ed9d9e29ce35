//! `results/JOB/status.yaml`: where a job stands, for people and programs.
//!
//! Answers for the file changing only when something did: no time of looking stands in it.

use serde_json::{Map, Value as Json, json};

use super::conditions::conditions;
use super::people::Recipients;
use super::standing::{Standing, local};
use super::yaml::yaml;
use crate::manifest::job::Asked;
use crate::state::{Memory, RunLine};

/// The whole file.
pub fn status(
    job: &str,
    spec: Option<Asked<'_>>,
    memory: &Memory,
    standing: &Standing,
    people: &Recipients,
) -> String {
    let mut out = Map::new();
    out.insert("job".into(), json!(job));
    out.insert("phase".into(), json!(standing.phase.as_str()));
    out.insert("why".into(), json!(standing.why));
    if let Some(stood) = &memory.stood {
        out.insert("since".into(), json!(stood.since.to_string()));
    }
    if let Some(seen) = &memory.seen {
        out.insert("request".into(), json!(seen.request));
        out.insert("observedCommit".into(), json!(seen.commit));
    }
    if let (Some(at), Some(spec)) = (standing.next_run, spec) {
        out.insert("nextRun".into(), json!({ "at": at.to_string(), "local": local(at, spec) }));
    }
    out.insert("conditions".into(), all_conditions(memory, standing));
    if let Some(compared) = &memory.compared {
        let counts = serde_json::to_value(compared.counts).unwrap_or_default();
        out.insert("plan".into(), json!({ "digest": compared.digest, "counts": counts }));
    }
    let attempted = memory.runs.first();
    let applied = memory.runs.iter().find(|run| run.applied > 0);
    out.insert("lastAttempted".into(), json!(attempted.map(|run| &run.run)));
    out.insert("lastApplied".into(), json!(applied.map(|run| &run.run)));
    out.insert("runs".into(), memory.runs.iter().map(run).collect());
    let warnings = warnings(people);
    if !warnings.is_empty() {
        out.insert("warnings".into(), json!(warnings));
    }
    yaml(&Json::Object(out))
}

fn all_conditions(memory: &Memory, standing: &Standing) -> Json {
    let all = conditions(memory, standing).into_iter().map(|condition| {
        let since = memory.conditions.get(condition.kind).map(|it| it.since.to_string());
        json!({
            "type": condition.kind,
            "status": condition.status.as_str(),
            "reason": condition.reason,
            "message": condition.message,
            "lastTransitionTime": since,
        })
    });
    all.collect()
}

fn run(line: &RunLine) -> Json {
    let RunLine { run, phase, at, applied, what } = line;
    json!({
        "run": run,
        "phase": phase.as_str(),
        "at": at.to_string(),
        "applied": applied,
        "what": what,
    })
}

/// What stands against people hearing of the job.
pub fn warnings(people: &Recipients) -> Vec<String> {
    let mut warnings: Vec<String> = people
        .refused
        .iter()
        .map(|address| {
            format!("{address} gets no mail: the operator's `mail.recipients` don't allow it")
        })
        .collect();
    if people.accepted.is_empty() {
        warnings.push("nobody gets mail about this job: no recipient is accepted".into());
    }
    warnings.extend(people.not_out.iter().cloned());
    warnings
}
