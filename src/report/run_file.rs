//! `results/JOB/runs/RUN.yaml`: what one run did, or why it did nothing.

use serde_json::{Map, Value as Json, json};

use super::people::Recipients;
use super::yaml::yaml;
use crate::job::report::{Outcome, Published, Report};
use crate::state::{Ended, Memory};

/// What stands before the list of who didn't get the message about a run.
const NOT_OUT: &str = "notDelivered:\n";

/// A run file that also names who didn't get the message about the run: that is known only later.
pub fn with_not_out(file: &str, lost: &[String]) -> String {
    let known = file.find(&format!("\n{NOT_OUT}")).map_or(file.len(), |at| at + 1);
    format!("{}{}", &file[..known], yaml(&json!({ "notDelivered": lost })))
}

/// The whole file.
pub fn run_file(
    job: &str,
    memory: &Memory,
    report: &Report,
    ended: &Ended,
    people: &Recipients,
) -> String {
    let mut out = Map::new();
    out.insert("run".into(), json!(ended.run));
    out.insert("job".into(), json!(job));
    out.insert("phase".into(), json!(ended.phase.as_str()));
    out.insert("why".into(), json!(ended.why));
    out.insert("at".into(), json!(ended.at));
    if let Some(seen) = &memory.seen {
        out.insert("request".into(), json!(seen.request));
        out.insert("commit".into(), json!(seen.commit));
        out.insert("author".into(), json!(seen.author));
    }
    let plan = report.plan.as_ref().map(|plan| (plan.direction, &plan.digest));
    let found = report.found.as_ref().map(|found| (found.direction, &found.plan_digest));
    if let Some((direction, digest)) = plan.or(found) {
        out.insert("direction".into(), json!(direction.as_str()));
        out.insert("planDigest".into(), json!(digest));
    }
    match (&report.outcome, report.applied()) {
        (outcome, Some(applied)) => {
            let is_test = matches!(outcome, Outcome::TestImport { .. });
            out.insert("testImport".into(), json!(is_test));
            let (inserted, updated, deleted) = (applied.inserted, applied.updated, applied.deleted);
            let rows = json!({ "inserted": inserted, "updated": updated, "deleted": deleted });
            out.insert("rows".into(), rows);
            let [new, replaced, deleted] = applied.files;
            let files = json!({ "new": new, "replaced": replaced, "deleted": deleted });
            out.insert("files".into(), files);
            let entries = applied.entries.iter().map(|entry| {
                json!({
                    "record": format!("{}/{}", entry.table, entry.id),
                    "class": entry.class,
                    "answer": entry.answer,
                    "targetId": entry.target_id,
                    "pin": entry.pin,
                })
            });
            out.insert("applied".into(), entries.collect());
        }
        (Outcome::Published { published, .. }, None) => {
            let Published { read, changed, sent, written } = *published;
            let counts =
                json!({ "read": read, "changed": changed, "sent": sent, "written": written });
            out.insert("published".into(), counts);
        }
        (Outcome::Refused(refusal), None) => {
            out.insert("reasons".into(), json!(refusal.reasons));
        }
        _ => {}
    }
    for (name, list) in [("skipped", &report.skipped), ("leftOut", &report.left_out)] {
        if !list.is_empty() {
            out.insert(name.into(), json!(list));
        }
    }
    out.insert("notified".into(), json!(people.accepted));
    if !people.refused.is_empty() {
        out.insert("notNotified".into(), json!(people.refused));
    }
    yaml(&Json::Object(out))
}
