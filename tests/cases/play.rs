//! Plays a case through the code path of the commands: validate, compare, approve, test import,
//! apply, compare again, undo.
//!
//! Answers for what holds in every case, said or not: a refused run and a test import change no row,
//! a run changes no table that the case doesn't name, nothing that was approved stands in the next
//! plan, and an undo brings every row back.

use std::collections::{BTreeMap, BTreeSet};

use reconcile::apply::{Error as ApplyError, Watch};
use reconcile::cli::prepare::{self, Prepared};
use reconcile::daemon::pass::Passing;
use reconcile::job::Context;
use reconcile::job::report::{Outcome, RefusalKind, Report};
use reconcile::job::run::Wish;
use reconcile::plan::change::{Class, Plan};
use serde_json::{Value as Json, json};

use super::format::{Case, Edit, Step};
use super::galleries;
use super::world::{State, World, fields, lines, sorted, state, word};

/// What a case found that it didn't expect, ready to print.
pub type Played = Result<(), String>;

struct Quiet;

impl Watch for Quiet {
    fn step(&mut self, _done: usize, _all: usize) -> Result<(), ApplyError> {
        Ok(())
    }
}

/// What the next step may go on from.
#[derive(Default)]
struct Last {
    job: Option<(&'static str, Json)>,
    run: Option<String>,
}

pub async fn play(case: &Case, world: &World) -> Played {
    if let Some(galleries) = &case.galleries {
        return galleries::compared(case, world, galleries).await;
    }
    let mut last = Last::default();
    let steps = case.steps();
    let is_undone = steps.len() == 1 && case.no_undo.is_none();
    for (index, step) in steps.iter().enumerate() {
        let before = if is_undone { state(&world.target).await } else { State::new() };
        let played = play_step(case, world, step, &mut last).await;
        played.map_err(|found| match steps.len() {
            1 => found,
            _ => format!("step {}: {found}", index + 1),
        })?;
        if is_undone && last.run.is_some() {
            undone(world, &mut last, &before).await?;
        }
    }
    Ok(())
}

async fn play_step(case: &Case, world: &World, step: &Step, last: &mut Last) -> Played {
    edit(world, &step.edit).await;
    let (name, spec) = match &last.job {
        Some(job) if step.again => job.clone(),
        _ if step.undo => {
            let run = last.run.as_ref().expect("the step before applied something");
            ("taking-back", json!({"undo": run}))
        }
        _ => ("sync", spec(case, world, step)),
    };
    let target = if step.back { &world.source } else { &world.target };
    let before = state(target).await;
    let report = match run(world, name, &spec, Wish::DryRun).await {
        Ok(report) => report,
        Err(error) => return compare_failure(step, &error),
    };
    if let (Outcome::Failed { error }, true) = (&report.outcome, report.plan.is_none()) {
        return compare_failure(step, error);
    }
    if let Some(plan) = &report.plan {
        compare_plan(step, plan)?;
    }
    let approved = match (&report.plan, step.undo) {
        (Some(plan), true) => everything(plan),
        (Some(plan), false) => approved(plan, &step.approve)?,
        (None, _) => BTreeMap::new(),
    };
    edit(world, &step.meanwhile).await;
    let meanwhile = if step.meanwhile.target.is_empty() { before } else { state(target).await };
    let asked = spec.clone();
    let mut spec = spec;
    if !approved.is_empty() {
        spec["approved"] = json!(approved);
        imported(world, name, &spec).await?;
    }
    let foreseen = run(world, name, &spec, Wish::DryRun).await.map(|report| report.outcome);
    let what = "the rows after a test import, if anything was approved, and a dry run";
    compare_states(what, &meanwhile, &state(target).await)?;
    let outcome = run(world, name, &spec, Wish::Apply).await.map(|report| report.outcome);
    let outcome = outcome.unwrap_or_else(|error| Outcome::Failed { error });
    if let Ok(foreseen) = foreseen {
        compare_foreseen(&foreseen, &outcome)?;
    }
    last.job = Some((name, spec.clone()));
    compare_outcome(step, &outcome, !approved.is_empty())?;
    let found = state(target).await;
    let mut expected = meanwhile;
    for (table, rows) in step.after.iter().flatten() {
        expected.insert(table.clone(), sorted(rows));
    }
    compare_states("the rows of the target after the run", &expected, &found)?;
    if let Outcome::Applied { run, .. } = outcome {
        last.run = Some(run);
        compare_next(world, step, name, &asked, &approved).await?;
    }
    Ok(())
}

pub fn spec(case: &Case, world: &World, step: &Step) -> Json {
    let mut spec =
        json!({"direction": world.direction(step.back), "mode": "all", "modules": "all"});
    for (key, value) in case.job.iter().chain(&step.job) {
        spec[key] = value.clone();
    }
    spec
}

async fn edit(world: &World, edit: &Edit) {
    if !edit.source.is_empty() {
        world.source.run(&edit.source).await;
    }
    if !edit.target.is_empty() {
        world.target.run(&edit.target).await;
    }
}

/// One pass as the command makes it; an error is what the command would end with.
async fn run(world: &World, name: &str, spec: &Json, wish: Wish) -> Result<Report, String> {
    world.manifests(name, spec);
    let config = world.config();
    let Prepared { manifests, source } =
        prepare::prepare(&config).await.map_err(|error| said(&error))?;
    let job = prepare::job(&manifests, name).map_err(|error| said(&error))?;
    let context = Context::new(&config, &manifests);
    let said = |error: reconcile::state::Error| error.to_string();
    let mut passing = Passing::open(&config, source, wish).await.map_err(said)?;
    passing.job(&context, job, jiff::Timestamp::now(), &mut Quiet).await.map_err(said)
}

pub fn said(error: &reconcile::cli::Error) -> String {
    let problems = error.problems.iter().filter(|problem| problem.is_error());
    let problems: Vec<_> = problems.map(|problem| problem.message.clone()).collect();
    format!("{}: {}", error.message, problems.join("; "))
}

type Approved = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// The pins of what a step approves.
fn approved(plan: &Plan, words: &[String]) -> Result<Approved, String> {
    let mut approved = Approved::new();
    for words in words {
        if words == "all" {
            for change in plan.changes.iter().filter(|change| change.class != Class::Conflict) {
                add(&mut approved, &change.table, &word(&change.class), &change.pin);
            }
            continue;
        }
        let (class, record) = words.split_once(' ').expect("`CLASS TABLE/ID`");
        let change = plan
            .changes
            .iter()
            .find(|change| format!("{}/{}", change.table, change.id) == record)
            .ok_or_else(|| format!("{record} isn't in the plan, so it can't be approved"))?;
        add(&mut approved, &change.table, class, &change.pin);
    }
    Ok(approved)
}

/// Everything that can be approved, each conflict with its first answer.
fn everything(plan: &Plan) -> Approved {
    let mut approved = Approved::new();
    for change in &plan.changes {
        let class = match &change.conflict {
            None => Some(word(&change.class)),
            Some(conflict) => conflict.answers.first().map(word),
        };
        if let Some(class) = class {
            add(&mut approved, &change.table, &class, &change.pin);
        }
    }
    approved
}

fn add(approved: &mut Approved, table: &str, class: &str, pin: &str) {
    let classes = approved.entry(table.to_owned()).or_default();
    classes.entry(class.to_owned()).or_default().push(pin.to_owned());
}

/// A test import ends as the run would; that it changes no row is looked at with the dry run's.
async fn imported(world: &World, name: &str, spec: &Json) -> Played {
    let mut spec = spec.clone();
    spec["dryRun"] = true.into();
    let outcome = run(world, name, &spec, Wish::Apply).await.map(|report| report.outcome);
    if let Ok(Outcome::Applied { .. }) = outcome {
        return Err("the test import was committed".into());
    }
    Ok(())
}

fn compare_failure(step: &Step, error: &str) -> Played {
    match &step.failed {
        Some(part) if error.contains(part.as_str()) => Ok(()),
        expected => Err(format!("expected the failure {expected:?}, found {error:?}")),
    }
}

pub fn compare_plan(step: &Step, plan: &Plan) -> Played {
    if let Some(expected) = &step.plan {
        let details: Vec<_> = plan
            .changes
            .iter()
            .filter_map(|c| c.conflict.as_ref())
            .flat_map(|c| &c.details)
            .collect();
        same("the plan", expected, &lines(plan))
            .map_err(|found| format!("{found}details: {details:#?}\nnotes: {:#?}", plan.notes))?;
    }
    if let Some(expected) = &step.fields {
        same("the plan's fields", expected, &fields(plan))?;
    }
    if let Some(expected) = &step.files {
        let named = plan.changes.iter().filter(|change| !change.files.is_empty());
        let named = named.map(|it| {
            let files = it.files.iter().map(|file| match word(&file.state).as_str() {
                "unknown" => file.path.to_string(),
                state => {
                    let size = file.to.as_ref().and_then(|to| to.dimensions.as_deref());
                    format!("{} {state} {}", file.path, size.unwrap_or_default()).trim_end().into()
                }
            });
            format!("{}/{}: {}", it.table, it.id, files.collect::<Vec<_>>().join(", "))
        });
        same("the plan's files", expected, &named.collect::<Vec<_>>())?;
    }
    let mut said: Vec<String> = plan.notes.clone();
    said.extend(plan.failed_modules.iter().map(|(module, why)| format!("{module}: {why}")));
    for conflict in plan.changes.iter().filter_map(|change| change.conflict.as_ref()) {
        said.extend(conflict.details.iter().cloned());
    }
    match step.notes.iter().find(|part| !said.iter().any(|note| note.contains(part.as_str()))) {
        Some(part) => Err(format!("no note says {part:?}; the notes are {said:#?}")),
        None => Ok(()),
    }
}

fn compare_outcome(step: &Step, outcome: &Outcome, approves: bool) -> Played {
    let found = match outcome {
        Outcome::Refused(refusal) => format!("{:?}: {}", refusal.kind, refusal.reasons.join("; ")),
        Outcome::Failed { error } => error.clone(),
        Outcome::Held(ended) => format!("held: {:?}, {}", ended.phase, ended.why),
        Outcome::NothingToDo { why } => format!("nothing to do: {why}"),
        Outcome::TestImport { .. } => "test import".into(),
        Outcome::Applied { .. } => "applied".into(),
        other => format!("{other:?}"),
    };
    let refused = matches!(outcome, Outcome::Refused(_));
    let failed = matches!(outcome, Outcome::Failed { .. });
    let applied = matches!(outcome, Outcome::Applied { .. });
    let (fits, expected) = match (&step.refused, &step.failed, &step.ends) {
        (Some(part), _, _) => (refused && found.contains(part.as_str()), part.clone()),
        (_, Some(part), _) => (failed && found.contains(part.as_str()), part.clone()),
        (_, _, Some(part)) => (found.contains(part.as_str()), part.clone()),
        _ if step.again => (applied, "applied".into()),
        _ => (applied == approves && !refused && !failed, format!("applied: {approves}")),
    };
    match fits {
        true => Ok(()),
        false => {
            Err(format!("expected the run to end with\n  {expected}\nbut it ended with\n  {found}"))
        }
    }
}

/// A dry run refuses what the run refuses, in the same words, and nothing else.
fn compare_foreseen(foreseen: &Outcome, outcome: &Outcome) -> Played {
    let fits = match (foreseen, outcome) {
        (Outcome::Refused(foreseen), Outcome::Refused(refusal)) => foreseen == refusal,
        (Outcome::Refused(_), _) => false,
        // Only the run looks at whose installation it is.
        (_, Outcome::Refused(refusal)) => refusal.kind == RefusalKind::Limit,
        (foreseen, Outcome::Applied { .. }) => matches!(foreseen, Outcome::WouldApply { .. }),
        _ => true,
    };
    match fits {
        true => Ok(()),
        false => {
            Err(format!("a dry run ended with\n  {foreseen:?}\nand the run with\n  {outcome:?}"))
        }
    }
}

/// Nothing that was approved may still be there to do.
async fn compare_next(
    world: &World,
    step: &Step,
    name: &str,
    spec: &Json,
    approved: &Approved,
) -> Played {
    let mut spec = spec.clone();
    // Asked again: the same request would be held.
    spec["request"] = 2.into();
    let report = run(world, name, &spec, Wish::DryRun).await?;
    let Some(plan) = report.plan else { return Err(format!("no next plan: {:?}", report.outcome)) };
    if let Some(expected) = &step.next {
        return same("the next plan", expected, &lines(&plan));
    }
    let ids = |(table, classes): (&String, &BTreeMap<String, Vec<String>>)| -> BTreeSet<String> {
        let pins = classes.values().flatten().filter_map(|pin| pin.rsplit_once('@'));
        pins.map(|(id, _)| format!("{table}/{id}")).collect()
    };
    let done: BTreeSet<String> = approved.iter().flat_map(ids).collect();
    let left = plan.changes.iter().filter(|c| done.contains(&format!("{}/{}", c.table, c.id)));
    match left.count() {
        0 => Ok(()),
        _ => Err(format!("what was applied still stands in the next plan: {:#?}", lines(&plan))),
    }
}

async fn undone(world: &World, last: &mut Last, before: &State) -> Played {
    let run_id = last.run.take().expect("something was applied");
    let spec = json!({"undo": run_id});
    let report = run(world, "taking-back", &spec, Wish::DryRun).await?;
    let Some(plan) = report.plan else { return Err(format!("no undo: {:?}", report.outcome)) };
    let mut spec = spec;
    spec["approved"] = json!(everything(&plan));
    let report = run(world, "taking-back", &spec, Wish::Apply).await?;
    let plan = lines(&plan);
    let found = state(&world.target).await;
    compare_states("the rows of the target after an undo", before, &found)
        .map_err(|found| format!("{found}the undo's plan: {plan:#?}\n{:?}", report.outcome))
}

fn compare_states(what: &str, expected: &State, found: &State) -> Played {
    let lines = |state: &State| -> Vec<String> {
        let rows = state
            .iter()
            .flat_map(|(table, rows)| rows.iter().map(move |row| format!("{table}: {row}")));
        rows.collect()
    };
    same(what, &lines(expected), &lines(found))
}

pub fn same(what: &str, expected: &[String], found: &[String]) -> Played {
    if expected == found {
        return Ok(());
    }
    let join = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let (expected, found) = (join(expected), join(found));
    let diff = similar::TextDiff::from_lines(&expected, &found);
    let diff = diff.unified_diff().context_radius(50).header("expected", "found").to_string();
    Err(format!("{what}:\n{diff}"))
}
