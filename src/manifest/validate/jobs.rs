//! What a job selects.

use std::collections::BTreeSet;

use super::{Context, MAX_ALIKE};
use crate::manifest::approval::{Approval, Approvals};
use crate::manifest::problem::Problem;
use crate::manifest::sync_job::{Direction, Mode, Selection};
use crate::manifest::words::suggestion;
use crate::manifest::{Document, Step};

const MODULES: [Step<'static>; 2] = [Step::Key("spec"), Step::Key("modules")];
const DELETE_MISSING: [Step<'static>; 2] = [Step::Key("spec"), Step::Key("deleteMissing")];

/// Every module a job names exists, and is named once.
pub fn modules_exist(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let known: BTreeSet<&str> = context.modules().map(|(module, _)| module.name.as_str()).collect();
    for (document, job) in context.jobs() {
        let Some(Selection::Names(selected)) = &job.modules else { continue };
        let mut seen = BTreeSet::new();
        let wrong = selected.iter().filter_map(|name| {
            let problem = if !known.contains(name.as_str()) {
                Problem::error("unknown-module", format!("there is no module `{name}`"))
                    .help_if(suggestion(name, known.iter().copied()))
            } else if !seen.insert(name) {
                Problem::error("named-twice", format!("the module `{name}` is named twice"))
            } else {
                return None;
            };
            let span = document.origin.locate_value(&[MODULES[0], MODULES[1], Step::Item(name)]);
            Some(document.origin.problem(problem, span))
        });
        problems.extend(wrong.take(MAX_ALIKE));
    }
}

/// Each file belongs to one folder, or nobody could say under which it is approved.
pub fn folders_apart(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, job) in context.jobs() {
        let Some(Selection::Names(folders)) = &job.gallery_folders else { continue };
        let lies_within = |inner: &String, outer: &String| {
            inner.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let wrong = folders.iter().enumerate().filter_map(|(at, folder)| {
            let path = [Step::Key("spec"), Step::Key("galleryFolders"), Step::Item(folder)];
            let problem = if folders[..at].contains(folder) {
                let message = format!("the gallery folder `{folder}` is named twice");
                Problem::error("named-twice", message)
            } else {
                let outer = folders.iter().find(|outer| lies_within(folder, outer))?;
                let message = format!("the gallery folder `{folder}` lies within `{outer}`");
                Problem::error("nested-folders", message)
                    .help("a folder includes all that lies below it: leave the inner one out")
            };
            Some(document.origin.problem(problem, document.origin.locate_value(&path)))
        });
        problems.extend(wrong.take(MAX_ALIKE));
    }
}

/// Records of some modules are nothing without their images.
pub fn gallery_folders(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, job) in context.jobs() {
        let is_none =
            |folders: &Selection| matches!(folders, Selection::Names(names) if names.is_empty());
        if job.gallery_folders.as_ref().is_some_and(|folders| !is_none(folders)) {
            continue;
        }
        for (module, spec) in context.selected(job) {
            if !spec.requires_gallery_folders {
                continue;
            }
            let message = format!(
                "the module `{}` needs gallery folders, and this job selects none",
                module.name
            );
            let problem = Problem::error("gallery-folders-needed", message)
                .help("add the folders its images are in, as in `galleryFolders: [mobile_app]`");
            let place = [MODULES[0], MODULES[1], Step::Item(&module.name)];
            problems.push(document.origin.problem(problem, document.origin.locate(&place)));
        }
    }
}

/// `deleteMissing` deletes what nobody looked at one by one, so it is for refreshing TEST alone.
pub fn delete_missing(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (document, job) in context.jobs() {
        if !job.delete_missing {
            continue;
        }
        let has_all = job
            .approved
            .values()
            .flat_map(Approvals::classes)
            .any(|(_, entries)| entries.contains(&Approval::All));
        if job.direction.is_some_and(|direction| direction != Direction::ProdToTest) {
            problems.push(refuse(document, "`deleteMissing` is for PROD -> TEST only"));
        } else if job.mode == Some(Mode::NewOnly) {
            problems.push(refuse(document, "`deleteMissing` has no effect with `mode: new-only`"));
        } else if !has_all && job.undo.is_none() {
            problems
                .push(refuse(document, "`deleteMissing` needs a class approved with a bare `all`"));
        }
    }
}

fn refuse(document: &Document, message: &str) -> Problem {
    let problem = Problem::error("delete-missing", message)
        .help("approve deletions one by one, under `deleted`, with their pins");
    document.origin.problem(problem, document.origin.locate(&DELETE_MISSING))
}
