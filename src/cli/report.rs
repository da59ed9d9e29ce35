//! What one pass says of a job: text for people, JSON for programs.
//!
//! Answers for how much is shown (the whole plan in a dry run, else only what was done and what is
//! left) and for the command to go on with. What became of the job is `job::report`'s.

use serde_json::{Value as Json, json};

use crate::apply::Applied;
use crate::apply::ledger::AppliedEntry;
use crate::escape::{harmless, visible, visible_name};
use crate::job::report::{Outcome, Published, RefusalKind, Report};
use crate::job::run::Wish;
use crate::manifest::problem::Problem;
use crate::plan::approval::is_writable;
use crate::plan::change::Plan;
use crate::plan::heading::Heading;
use crate::plan::render::words::{
    answer_word, changed_files, class_word, count, number_of_each, records_and_files, shell_word,
};
use crate::plan::render::{
    MARKDOWN_LIMIT as LIMIT, Style, code, markdown as plan_as_markdown, text,
};
use crate::put::put;
use crate::state::End;

/// Records of a run that are told one by one; the ledger and `--format json` hold all.
const MOST_RECORDS: usize = 20;

/// The report for people.
pub fn shown(report: &Report, wish: Wish, style: Style) -> String {
    let mut out = String::new();
    if let (Some(plan), Wish::DryRun) = (&report.plan, wish) {
        out.push_str(&text(plan, style));
    }
    put!(out, "{}: {}\n", report.job, sentence(&report.outcome));
    if let (Some(plan), Wish::Apply) = (&report.plan, wish) {
        for (module, reason) in &plan.failed_modules {
            put!(out, "  {} could not be compared: {}\n", visible(module), visible(reason));
        }
    }
    match &report.outcome {
        Outcome::Refused(refusal) => {
            for reason in &refusal.reasons {
                put!(out, "  {}\n", harmless(reason));
            }
        }
        Outcome::Applied { applied, .. } | Outcome::TestImport { applied, .. } => {
            records_of_run(&mut out, &applied.entries);
        }
        _ => {}
    }
    for (word, list) in [("skipped", &report.skipped), ("left out", &report.left_out)] {
        for sentence in list {
            put!(out, "  {word}: {}\n", harmless(sentence));
        }
    }
    let next = next(report, wish);
    let widest = next.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    for (command, what) in next {
        put!(out, "    {command:<widest$}  # {what}\n");
    }
    out.push('\n');
    out
}

/// All reports as one Markdown comment: what became of each job, then the plans as far as they fit.
pub fn markdown(reports: &[Report], problems: &[Problem]) -> String {
    let mut out = String::from("<!-- reconcile -->\n");
    let errors: Vec<&Problem> = problems.iter().filter(|problem| problem.is_error()).collect();
    if !errors.is_empty() {
        put!(out, "**{}**\n\n", count(errors.len() as u64, "error", "errors"));
        for problem in errors.iter().take(MOST_RECORDS) {
            put!(out, "* {}\n", code(&problem.one_line()));
        }
        out.push('\n');
    }
    if reports.is_empty() {
        out.push_str("No job changed.\n");
    }
    for report in reports {
        put!(out, "* {}: {}\n", code(&report.job), harmless(&sentence(&report.outcome)));
        if let Outcome::Refused(refusal) = &report.outcome {
            for reason in refusal.reasons.iter().take(MOST_RECORDS) {
                put!(out, "  * {}\n", code(reason));
            }
        }
    }
    let mut left = LIMIT.saturating_sub(out.chars().count());
    for plan in reports.iter().filter_map(|report| report.plan.as_ref()).filter(|it| !it.noop) {
        let text = plan_as_markdown(plan, None);
        let size = text.chars().count() + 2;
        if size > left {
            put!(out, "\n{}: see `reconcile plan`, there is no room here\n", code(&plan.job));
            continue;
        }
        left -= size;
        put!(out, "\n{text}\n");
    }
    out
}

/// `+ renumber   cms_page/41, now cms_page/45`
fn records_of_run(out: &mut String, entries: &[AppliedEntry]) {
    for entry in entries.iter().take(MOST_RECORDS) {
        let how = entry.answer.map_or_else(|| class_word(entry.class), answer_word);
        let name = format!("{}/{}", entry.table, entry.id);
        put!(out, "  {how:<9}  {}", visible_name(&name));
        if entry.target_id != entry.id && !entry.target_id.is_empty() {
            let now = format!("{}/{}", entry.table, entry.target_id);
            put!(out, ", there {}", visible_name(&now));
        }
        out.push('\n');
    }
    if entries.len() > MOST_RECORDS {
        put!(out, "  … and {} more\n", entries.len() - MOST_RECORDS);
    }
}

/// Commands to go on with, each with what it does.
fn next(report: &Report, wish: Wish) -> Vec<(String, String)> {
    let job = &report.job;
    let review = |what: String| (format!("reconcile plan {job}"), what);
    let left = report.plan.as_ref().and_then(not_approved);
    let rest = left.map(|left| review(format!("what isn't approved: {left}")));
    match (&report.outcome, wish) {
        (Outcome::Applied { run, .. }, _) => {
            let undo = (format!("reconcile undo {run}"), "takes the run back".to_owned());
            rest.into_iter().chain([undo]).collect()
        }
        (Outcome::TestImport { .. }, _) => {
            vec![review("to apply it, take `dryRun: true` out of the job".into())]
        }
        (Outcome::AwaitingApproval, wish) => {
            let review = rest.filter(|_| wish == Wish::Apply);
            let first = report.plan.as_ref().and_then(|plan| approving_one(job, plan));
            review.into_iter().chain(first).collect()
        }
        (Outcome::WouldApply { .. }, _) => {
            vec![(format!("reconcile {job}"), "carries it out, where `instance` is PROD".into())]
        }
        (Outcome::NothingToDo { .. }, Wish::Apply) => rest.into_iter().collect(),
        (Outcome::Refused(refusal), Wish::Apply) => match refusal.kind {
            RefusalKind::Unusable | RefusalKind::Stale | RefusalKind::CannotRun => {
                vec![review("shows what could be approved now".into())]
            }
            RefusalKind::Limit | RefusalKind::Missed => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The first change that can be approved, as an example.
fn approving_one(job: &str, plan: &Plan) -> Option<(String, String)> {
    let (change, heading) = plan
        .changes
        .iter()
        .filter(|change| is_writable(change))
        .find_map(|change| Some((change, *Heading::fitting(change).first()?)))?;
    let name = shell_word(&visible_name(&format!("{}/{}", change.table, change.id)));
    let command = format!("reconcile approve {job} --{} {name}", heading.word());
    Some((command, "approves one of them".into()))
}

/// The changes outside the run, as counts.
fn not_approved(plan: &Plan) -> Option<String> {
    let left = plan.changes.iter().filter(|change| !change.approved);
    let left = number_of_each(left);
    (!left.is_empty()).then_some(left)
}

/// What became of a job, in one line.
pub fn sentence(outcome: &Outcome) -> String {
    match outcome {
        Outcome::NothingToDo { why } => format!("nothing to do, {why}"),
        Outcome::AwaitingApproval => "awaiting approval; nothing was written".into(),
        Outcome::Scheduled { at } => format!("scheduled for {at}"),
        Outcome::WouldApply { records, files, test_import } => {
            let all = records_and_files(*records as u64, *files as u64);
            match test_import {
                false => format!("dry run: {all} would be applied"),
                true => format!("dry run: a test import of {all} would be made"),
            }
        }
        Outcome::Applied { run, applied } => {
            format!("Success: run {run} applied {}", what(applied))
        }
        Outcome::TestImport { run, applied } => {
            format!("test import {run} went through, nothing was saved: {}", what(applied))
        }
        Outcome::Published { run, published } => {
            format!("Success: run {run}: {published}")
        }
        Outcome::Unpublished { error } => {
            format!("FAILURE, not published to the end: {}", super::lines_escaped(error))
        }
        Outcome::WouldPublish { what } => format!("dry run: {what} would be done"),
        Outcome::Held(ended) => format!(
            "{:?} on {}: {}; change the job, or its `request`, to ask again",
            ended.phase, ended.at, ended.why
        ),
        Outcome::Suspended { why } => format!("suspended: {}", visible(why)),
        Outcome::Closed { why } => format!("approved, but closed: {}", visible(why)),
        Outcome::Locked { why } => format!("locked, nothing was written: {}", visible(why)),
        Outcome::Refused(refusal) => match refusal.kind {
            RefusalKind::Stale => "Stale, nothing was written:".into(),
            RefusalKind::Missed => "Missed, nothing was written:".into(),
            _ => "refused, nothing was written:".into(),
        },
        Outcome::Unknown { error } => {
            format!(
                "UNKNOWN: {}; the next pass reads it from the ledger",
                super::lines_escaped(error)
            )
        }
        Outcome::Failed { error } => {
            format!("FAILURE, nothing was changed: {}", super::lines_escaped(error))
        }
    }
}

fn what(applied: &Applied) -> String {
    let Applied { entries: _, inserted, updated, deleted, files } = applied;
    let (records, approved_files) = applied.records_and_files();
    let mut said = format!(
        "{} ({} inserted, {updated} updated, {deleted} deleted)",
        records_and_files(records, approved_files),
        count(*inserted, "row", "rows"),
    );
    if let Some(files) = changed_files(files) {
        put!(said, "; {files}");
    }
    said
}

/// The report for programs.
pub fn to_json(report: &Report) -> Json {
    let reasons = match &report.outcome {
        Outcome::Refused(refusal) => refusal.reasons.clone(),
        _ => Vec::new(),
    };
    let (run, applied) = match &report.outcome {
        Outcome::Applied { run, applied } | Outcome::TestImport { run, applied } => {
            (Some(run), Some(applied))
        }
        _ => (None, None),
    };
    let rows = applied.map(|Applied { inserted, updated, deleted, .. }| {
        json!({ "inserted": inserted, "updated": updated, "deleted": deleted })
    });
    let files = applied.map(|Applied { files: [new, replaced, deleted], .. }| {
        json!({ "new": new, "replaced": replaced, "deleted": deleted })
    });
    let (run, published) = match &report.outcome {
        Outcome::Published { run, published } => {
            let Published { read, changed, sent, written } = *published;
            let counts =
                json!({ "read": read, "changed": changed, "sent": sent, "written": written });
            (Some(run), Some(counts))
        }
        _ => (run, None),
    };
    json!({
        "job": report.job,
        "phase": phase(&report.outcome),
        "why": sentence(&report.outcome),
        "reasons": reasons,
        "run": run,
        "applied": applied.map(|applied| &applied.entries),
        "rows": rows,
        "files": files,
        "published": published,
        "skipped": report.skipped,
        "leftOut": report.left_out,
        "plan": report.plan,
    })
}

fn phase(outcome: &Outcome) -> String {
    match outcome {
        Outcome::NothingToDo { .. }
        | Outcome::Applied { .. }
        | Outcome::Published { .. }
        | Outcome::TestImport { .. } => "Succeeded".into(),
        Outcome::AwaitingApproval => "AwaitingApproval".into(),
        Outcome::Scheduled { .. }
        | Outcome::Closed { .. }
        | Outcome::Locked { .. }
        | Outcome::WouldApply { .. }
        | Outcome::WouldPublish { .. } => "Scheduled".into(),
        Outcome::Held(ended) => format!("{:?}", ended.phase),
        Outcome::Suspended { .. } => "Suspended".into(),
        Outcome::Refused(refusal) => match refusal.kind {
            RefusalKind::Stale => "Stale",
            RefusalKind::Missed => "Missed",
            _ => "Failed",
        }
        .into(),
        Outcome::Failed { .. } | Outcome::Unpublished { .. } => "Failed".into(),
        Outcome::Unknown { .. } => "Running".into(),
    }
}

/// What ended badly, and how.
pub fn failure(outcome: &Outcome) -> Option<super::ErrorKind> {
    use super::ErrorKind;
    match outcome {
        Outcome::Failed { .. } | Outcome::Unpublished { .. } | Outcome::Unknown { .. } => {
            Some(ErrorKind::Failed)
        }
        // What ended badly stays so until somebody changes the job.
        Outcome::Held(ended) => match ended.phase {
            End::Succeeded | End::Cancelled => None,
            End::Stale => Some(ErrorKind::Stale),
            End::Failed | End::Missed => Some(ErrorKind::Failed),
        },
        Outcome::Refused(refusal) => Some(match refusal.kind {
            RefusalKind::Unusable | RefusalKind::Missed => ErrorKind::Failed,
            RefusalKind::Limit => ErrorKind::Refused,
            RefusalKind::Stale => ErrorKind::Stale,
            RefusalKind::CannotRun => ErrorKind::CannotRun,
        }),
        _ => None,
    }
}
