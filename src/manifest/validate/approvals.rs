//! What stands under `approved`.

use std::collections::BTreeMap;

use super::{Context, MAX_ALIKE};
use crate::manifest::approval::Approval;
use crate::manifest::problem::Problem;
use crate::manifest::sync_job::{Direction, Mode, Selection, SyncJobSpec};
use crate::manifest::words::suggestion;
use crate::manifest::{Document, State, Step};

/// Approved tables are root tables of the job's modules, approved folders its folders.
pub fn part_of_job(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, job) in context.jobs() {
        // What a broken job or module names may just not have been read.
        let broken = context.selected(job).map(|(module, _)| module).chain([document]);
        if job.undo.is_some()
            || job.modules.is_none()
            || broken.into_iter().any(|document| document.state == State::Broken)
        {
            continue;
        }
        let records = context.selected(job).flat_map(|(_, spec)| &spec.records);
        let tables: Vec<&str> = records.map(|record| record.table.as_str()).collect();
        for table in job.approved.keys() {
            let problem = match table.strip_prefix("gallery/") {
                Some(folder) => outside_folders(job, folder),
                None if tables.contains(&table.as_str()) => None,
                None => Some(outside_modules(context, table, &tables)),
            };
            let span = document.origin.locate(&path(table));
            problems.extend(problem.map(|problem| document.origin.problem(problem, span)));
        }
    }
}

fn path(table: &str) -> [Step<'_>; 3] {
    [Step::Key("spec"), Step::Key("approved"), Step::Key(table)]
}

fn outside_folders(job: &SyncJobSpec, folder: &str) -> Option<Problem> {
    let selected = job.gallery_folders.as_ref().is_some_and(|folders| folders.selects(folder));
    (!selected).then(|| {
        let names: &[String] = match &job.gallery_folders {
            Some(Selection::Names(names)) => names,
            Some(Selection::All) | None => &[],
        };
        let help = suggestion(folder, names.iter().map(String::as_str))
            .unwrap_or_else(|| "name it under `galleryFolders`".to_owned());
        let message = format!("the job doesn't select the gallery folder `{folder}`");
        Problem::error("unknown-folder", message).help(help)
    })
}

fn outside_modules(context: &Context<'_>, table: &str, tables: &[&str]) -> Problem {
    let owner = context.modules().find_map(|(module, spec)| {
        let holds = spec.records.iter().any(|record| record.table == table);
        holds.then_some(&module.name)
    });
    let help = match owner {
        Some(module) => Some(format!("select the module `{module}`, or remove these approvals")),
        None => suggestion(table, tables.iter().copied()),
    };
    let message = format!("`{table}` is no root table of the job's modules");
    Problem::error("unknown-table", message).help_if(help)
}

/// A bare `all` or ID approves whatever will be there at the run; towards PROD somebody must have
/// seen it. Deletions are always seen one by one.
pub fn pinned(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, job) in context.jobs() {
        let unpinned_is_fine =
            job.direction.is_none_or(|d| d == Direction::ProdToTest) && job.undo.is_none();
        let mut alike = 0;
        for (table, class, entry) in entries(job) {
            let problem = match entry {
                Approval::All if class == "deleted" => Problem::error(
                    "delete-all",
                    "`deleted` can't take a bare `all`: deletions are approved one by one",
                )
                .help("a refresh of TEST that should also delete says `deleteMissing: true`"),
                Approval::All | Approval::Id(_) if !unpinned_is_fine => {
                    not_pinned(document, table, class, entry)
                }
                _ => continue,
            };
            alike += 1;
            if alike > MAX_ALIKE {
                break;
            }
            problems.push(at_entry(document, table, class, entry, problem));
        }
    }
}

fn not_pinned(document: &Document, table: &str, class: &str, entry: &Approval) -> Problem {
    let message = format!("`{entry}` has no pin; towards PROD it must say what the reviewer saw");
    let pattern = match entry {
        Approval::All => format!("'{table}/*'"),
        other => format!("'{table}/{other}'"),
    };
    Problem::error("not-pinned", message).help(format!(
        "`reconcile plan {0}` shows each record with its pin; `reconcile approve {0} --{class} \
         {pattern}` writes it here",
        document.name
    ))
}

/// A record has one approval, in one class.
pub fn given_once(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, job) in context.jobs() {
        let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        let twice = entries(job).filter_map(|(table, class, entry)| {
            let (Approval::Id(id) | Approval::Pinned { id, .. }) = entry else { return None };
            let other = seen.insert((table, id), class)?;
            let message = format!("`{table}/{id}` is approved already, under `{other}`");
            let problem = Problem::error("approved-twice", message)
                .help("keep the entry whose pin the plan shows");
            Some(at_entry(document, table, class, entry, problem))
        });
        problems.extend(twice.take(MAX_ALIKE));
    }
}

/// `mode: new-only` plans no modifications and no deletions.
pub fn can_be_planned(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, job) in context.jobs() {
        if job.mode != Some(Mode::NewOnly) {
            continue;
        }
        let never = entries(job).filter(|(_, class, _)| matches!(*class, "modified" | "deleted"));
        problems.extend(never.take(MAX_ALIKE).map(|(table, class, entry)| {
            let message =
                format!("`mode: new-only` plans nothing `{class}`: this entry has no effect");
            at_entry(document, table, class, entry, Problem::warning("never-planned", message))
        }));
    }
}

fn entries(job: &SyncJobSpec) -> impl Iterator<Item = (&str, &'static str, &Approval)> {
    job.approved.iter().flat_map(|(table, approvals)| {
        approvals.classes().into_iter().flat_map(move |(class, entries)| {
            entries.iter().map(move |entry| (table.as_str(), class, entry))
        })
    })
}

fn at_entry(
    document: &Document,
    table: &str,
    class: &str,
    entry: &Approval,
    problem: Problem,
) -> Problem {
    let [spec, approved, table] = path(table);
    let text = entry.to_string();
    let path = [spec, approved, table, Step::Key(class), Step::Item(&text)];
    document.origin.problem(problem, document.origin.locate_value(&path))
}
