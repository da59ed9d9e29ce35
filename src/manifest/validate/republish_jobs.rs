//! What is published again: by a `RepublishJob`, and by a module after its runs.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::{Part, Role, parts};
use super::{Context, MAX_ALIKE};
use crate::catalog::Kind;
use crate::config::{Config, Environment};
use crate::manifest::problem::Problem;
use crate::manifest::republish_job::RepublishJobSpec;
use crate::manifest::resource::ResourceSpec;
use crate::manifest::sync_job::Selection;
use crate::manifest::words::suggestion;
use crate::manifest::{Document, Step};

const RESOURCES: [Step<'static>; 2] = [Step::Key("spec"), Step::Key("resources")];
const IDS: [Step<'static>; 2] = [Step::Key("spec"), Step::Key("ids")];

/// The Resources by name.
fn resources<'a>(context: &Context<'a>) -> BTreeMap<&'a str, &'a ResourceSpec> {
    let all = context.resources();
    all.map(|(document, spec)| (document.name.as_str(), spec)).collect()
}

/// Every resource a job names exists, and is named once.
pub fn resources_exist(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let known = resources(context);
    for (document, job) in context.republish_jobs() {
        let Selection::Names(selected) = &job.resources else {
            if known.is_empty() {
                let problem = Problem::warning("no-resources", "there are no resources to publish");
                let span = document.origin.locate_value(&RESOURCES);
                problems.push(document.origin.problem(problem, span));
            }
            continue;
        };
        let mut seen = BTreeSet::new();
        let wrong = selected.iter().enumerate().filter_map(|(index, name)| {
            let problem = if !known.contains_key(name.as_str()) {
                unknown(name, &known)
            } else if !seen.insert(name) {
                Problem::error("named-twice", format!("the resource `{name}` is named twice"))
            } else {
                return None;
            };
            let place = [RESOURCES[0], RESOURCES[1], Step::Index(index)];
            Some(document.origin.problem(problem, document.origin.locate_value(&place)))
        });
        problems.extend(wrong.take(MAX_ALIKE));
    }
}

fn unknown(name: &str, known: &BTreeMap<&str, &ResourceSpec>) -> Problem {
    let help = match known.is_empty() {
        true => Some("there are none; a document of kind Resource makes one".to_owned()),
        false => suggestion(name, known.keys().copied()),
    };
    Problem::error("unknown-resource", format!("there is no resource `{name}`")).help_if(help)
}

/// IDs are given once, and are numbers where those of the entity are.
pub fn ids(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let known = resources(context);
    for (document, job) in context.republish_jobs() {
        let mut seen = BTreeSet::new();
        let numbered = numbered(context, &known, job);
        let wrong = job.ids.iter().enumerate().filter_map(|(index, id)| {
            let problem = if !seen.insert(id) {
                Problem::error("named-twice", format!("the ID `{id}` is named twice"))
            } else if let Some(resource) = numbered.filter(|_| id.parse::<i64>().is_err()) {
                let message = format!("`{id}` is no ID of `{resource}`, whose IDs are numbers");
                Problem::error("bad-id", message)
            } else {
                return None;
            };
            let place = [IDS[0], IDS[1], Step::Index(index)];
            Some(document.origin.problem(problem, document.origin.locate_value(&place)))
        });
        problems.extend(wrong.take(MAX_ALIKE));
    }
}

/// A selected resource whose entities are numbered.
fn numbered<'a>(
    context: &Context<'_>,
    known: &BTreeMap<&str, &ResourceSpec>,
    job: &'a RepublishJobSpec,
) -> Option<&'a str> {
    let Selection::Names(names) = &job.resources else { return None };
    let is_numbered = |entity: &crate::manifest::resource::EntitySpec| {
        let mut tables =
            context.catalogs.values().filter_map(|catalog| catalog.table(&entity.table));
        tables.any(|table| {
            let id = entity.id.as_ref().or(table.primary_key.first());
            let column = id.and_then(|id| table.column(id));
            column.is_some_and(|column| column.kind == Kind::Integer)
        })
    };
    let found = names.iter().find(|name| {
        known.get(name.as_str()).is_some_and(|resource| is_numbered(&resource.entity))
    });
    found.map(String::as_str)
}

/// The environment has the queue and the read stores that the job's resources go to.
pub fn configured(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let Some(config) = context.config else { return };
    let known = resources(context);
    for (document, job) in context.republish_jobs() {
        let environment = job.environment.unwrap_or(config.instance);
        let selected: Vec<&ResourceSpec> = known
            .iter()
            .filter(|(name, _)| job.resources.selects(name))
            .map(|(_, resource)| *resource)
            .collect();
        let Some(key) = not_configured(config, environment, &selected) else { continue };
        let message = format!("publishing in {environment} is not configured");
        let problem = Problem::error("not-configured", message).help(format!(
            "the operator's reconcile.yaml needs `{key}`, as in `publish: {{queue: embedded, \
             storage: embedded, search: embedded}}`"
        ));
        problems.push(environment_problem(document, problem));
    }
}

fn environment_problem(document: &Document, problem: Problem) -> Problem {
    let place = [Step::Key("spec"), Step::Key("environment")];
    document.origin.problem(problem, document.origin.locate_value(&place))
}

/// The key that the operator's file lacks.
fn not_configured(
    config: &Config,
    environment: Environment,
    resources: &[&ResourceSpec],
) -> Option<String> {
    let base = format!("environments.{environment}.publish");
    let Some(publish) = &config.environment(environment).publish else { return Some(base) };
    let storage = resources.iter().any(|resource| resource.storage.is_some());
    let search = resources.iter().any(|resource| resource.search.is_some());
    let lacking = [
        ("queue", publish.queue.is_none()),
        ("storage", storage && publish.storage.is_none()),
        ("search", search && publish.search.is_none()),
    ];
    let (key, _) = lacking.into_iter().find(|(_, lacks)| *lacks)?;
    Some(format!("{base}.{key}"))
}

/// What a module republishes are the Resources whose entities its rows are, by the same IDs.
pub fn of_modules(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let known = resources(context);
    for part in parts(context) {
        let mut seen = BTreeSet::new();
        for (index, name) in part.republish().iter().enumerate() {
            let problem = match known.get(name.as_str()) {
                None => Some(unknown(name, &known)),
                Some(_) if !seen.insert(name) => {
                    let message = format!("the resource `{name}` is named twice");
                    Some(Problem::error("named-twice", message))
                }
                Some(resource) => misnamed(context, &part, name, resource),
            };
            let place = [Step::Key("republish"), Step::Index(index)];
            problems.extend(problem.map(|problem| part.problem(&place, problem)));
        }
    }
}

/// Why the IDs that a run knows aren't those of the resource's entities.
fn misnamed(
    context: &Context<'_>,
    part: &Part<'_>,
    name: &str,
    resource: &ResourceSpec,
) -> Option<Problem> {
    let (entity, table) = (&resource.entity.table, part.table());
    if is_of_another(resource, table) {
        let message = format!("`{name}` publishes rows of `{entity}`, not of `{table}`");
        return Some(
            Problem::error("other-entity", message)
                .help("after a run, the IDs of this table's rows are published again"),
        );
    }
    let mut tables = context.catalogs.values().filter_map(|catalog| catalog.table(table));
    let primary = tables.next().map(|table| table.primary_key.as_slice());
    let key = match part.role {
        Role::Root(record) if !record.key.is_empty() => Some(record.key.as_slice()),
        _ => primary,
    };
    let id = resource.entity.id.as_ref().map(std::slice::from_ref).or(primary);
    let (key, id) = key.zip(id).filter(|(key, id)| key != id)?;
    let message = format!(
        "`{name}` is published by `{}`, but a run knows rows of `{table}` by `{}`",
        id.join(", "),
        key.join(", ")
    );
    Some(
        Problem::error("other-id", message)
            .help("one column for both: the Resource names it in `entity.id`, the record in `key`"),
    )
}

/// Tables that couldn't be read are told already.
fn is_of_another(resource: &ResourceSpec, table: &str) -> bool {
    let entity = resource.entity.table.as_str();
    !entity.is_empty() && !table.is_empty() && entity != table
}
