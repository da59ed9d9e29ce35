//! The `spec` of a `RepublishJob`, from the tree.
//!
//! Answers for its keys, their types and what is wrong with them alone. Whether its resources exist
//! is asked in `validate`.

use super::fields::{At, Fields, Problems, list_of};
use super::problem::Problem;
use super::read_job::{addresses, schedule, selection, suspend};
use super::republish_job::{Action, RepublishJobSpec};
use super::scalars::{id_text, name, whole_number, word};
use super::sync_job::Selection;
use super::tree::Content;
use crate::config::Environment;

/// Reads the `spec` of a `RepublishJob`.
pub fn republish_job(at: &At<'_>, problems: &mut Problems) -> Option<RepublishJobSpec> {
    const ACTION: &[(&str, Action)] =
        &[("sync-data", Action::SyncData), ("trigger-events", Action::TriggerEvents)];
    const ENVIRONMENT: &[(&str, Environment)] =
        &[("PROD", Environment::Prod), ("TEST", Environment::Test)];
    let mut fields = Fields::open(at, problems)?;
    let action = fields.need("action", problems, word(ACTION));
    let resources = fields.need("resources", problems, selection(name));
    let ids = fields.get("ids", problems, ids).unwrap_or_default();
    let environment = fields.get("environment", problems, word(ENVIRONMENT));
    let schedule = fields.get("schedule", problems, schedule);
    let request = fields.get("request", problems, whole_number).unwrap_or(1);
    let suspend = fields.get("suspend", problems, suspend).unwrap_or_default();
    let notify = fields.get("notify", problems, addresses).unwrap_or_default();
    if resources == Some(Selection::All) && fields.has("ids") {
        let message = format!("`{}.ids` needs `resources` by name", fields.path());
        problems.push(
            Problem::error("ids-of-all", message)
                .help("an ID is that of an entity, and each resource has entities of its own")
                .at(fields.span("ids")),
        );
    }
    fields.close(problems);
    Some(RepublishJobSpec {
        action: action?,
        resources: resources?,
        ids,
        environment,
        schedule,
        request,
        suspend,
        notify,
    })
}

fn ids(at: &At<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    if matches!(&at.node.content, Content::List(items) if items.is_empty()) {
        let message = format!("`{}` selects nothing", at.path);
        let help = "name some, or leave the key out for all entities";
        problems.push(at.error("empty-selection", message).help(help));
        return None;
    }
    list_of(id_text)(at, problems)
}
