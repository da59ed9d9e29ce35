//! The messages about a job: what was found, what will happen, what happened.
//!
//! Answers for each telling how to go on, and for a message about the same event being the same
//! message. Who may get it is `people`'s, how it looks `letter`'s.

use jiff::Timestamp;

use super::Event;
use super::letter::Letter;
use super::people::recipients;
use super::standing::local;
use super::ticket::Ticket;
use crate::config::Config;
use crate::escape;
use crate::job::report::{Outcome, Report};
use crate::manifest::job::{Asked, republished};
use crate::plan::change::{Change, Class, Counts, Plan};
use crate::plan::render::words::{
    answer_word, changed_files, class_word, count, records_and_files,
};
use crate::put::put;
use crate::state::{End, Ended, Memory, Message};

/// Where the daemon takes tickets, below its public address.
pub const CANCEL: &str = "/cancel/";
/// Changes and reasons that are named one by one.
const NAMED: usize = 12;

/// Everything a message may tell of.
pub struct Matter<'a> {
    pub config: &'a Config,
    pub job: &'a str,
    /// Absent where the manifest is gone or broken.
    pub spec: Option<Asked<'a>>,
    pub memory: &'a Memory,
    /// The latest plan, with what is approved marked.
    pub plan: Option<&'a Plan>,
    pub report: Option<&'a Report>,
    /// The request or occurrence it is about.
    pub key: &'a str,
    /// Signs links by which it may be cancelled.
    pub ticket_key: &'a str,
    pub now: Timestamp,
}

impl Matter<'_> {
    fn republishes(&self) -> bool {
        matches!(self.spec, Some(Asked::Republish(_)))
    }

    /// The one that brought what is asked for, as far as it is known.
    fn commit(&self) -> &str {
        let seen = self.memory.seen.as_ref().and_then(|seen| seen.commit.as_deref());
        seen.map_or("COMMIT", |commit| commit.get(..12).unwrap_or(commit))
    }

    /// What people call it.
    fn process(&self) -> &'static str {
        if self.republishes() { "Publishing" } else { "Synchronization process" }
    }
}

/// The message about an event.
pub fn message(matter: &Matter<'_>, event: &Event) -> Message {
    let Matter { config, job, memory, key, now, .. } = matter;
    let letter = write(matter, event);
    let people = recipients(config, memory);
    let run = match event {
        Event::Ended(ended) if !ended.run.is_empty() => Some(ended.run.clone()),
        _ => None,
    };
    Message {
        id: id(job, key, event, memory),
        job: (*job).to_owned(),
        number: 0,
        run,
        at: *now,
        subject: letter.subject().to_owned(),
        text: letter.text(),
        html: letter.html(),
        to: people.accepted,
        refused: people.refused,
    }
}

/// The same event has the same name, however often it is told of.
fn id(job: &str, key: &str, event: &Event, memory: &Memory) -> String {
    // What was taken back may be announced and taken back again.
    let again = match (event, memory.announcements) {
        (Event::Scheduled { .. } | Event::Withdrawn { .. }, several @ 2..) => several.to_string(),
        _ => String::new(),
    };
    let (kind, more) = match event {
        Event::Compared => {
            ("compared", memory.compared.as_ref().map_or("", |it| it.subject.as_str()))
        }
        Event::Troubled { error } => ("troubled", error.as_str()),
        Event::Doubtful { run, .. } => ("doubtful", run.as_str()),
        Event::Scheduled { .. } => ("scheduled", ""),
        Event::Withdrawn { why } => ("withdrawn", why.as_str()),
        Event::Ended(ended) => (ended.phase.as_str(), ended.run.as_str()),
    };
    let mut hasher = blake3::Hasher::new();
    let parts = ["reconcile message v1", job, key, kind, more];
    for part in parts.into_iter().chain((!again.is_empty()).then_some(again.as_str())) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

fn write(matter: &Matter<'_>, event: &Event) -> Letter {
    let job = matter.job;
    match event {
        Event::Compared => compared(matter),
        Event::Doubtful { run, error } => Letter::new(&format!("Trouble: {job}"))
            .paragraph(format!(
                "Run {run} of {job} was begun, and whether it is committed isn't known, since the \
                 ledger on its target can't be read:"
            ))
            .list([error])
            .paragraph(
                "It is asked again by itself, with pauses of up to 5 minutes, and nothing is carried \
                 out or cancelled of this job before. If this doesn't pass, tell whoever runs \
                 reconcile.",
            )
            .commands(&[(format!("reconcile status {job}"), "says how it stands now")]),
        Event::Troubled { error } => Letter::new(&format!("Trouble: {job}"))
            .paragraph(match matter.republishes() {
                true => format!("{job} couldn't be carried out to its end:"),
                false => {
                    format!("{job} couldn't be compared or carried out, and nothing was changed:")
                }
            })
            .list([error])
            .paragraph(
                "It is tried again by itself, with pauses of up to 5 minutes. If this doesn't pass, \
                 tell whoever runs reconcile.",
            )
            .commands(&[(format!("reconcile status {job}"), "says how it stands now")]),
        Event::Scheduled { at, instead_of } => scheduled(matter, *at, *instead_of),
        Event::Withdrawn { why } => {
            Letter::new(&format!("Cancelled: {} ({job})", matter.process()))
                .paragraph(format!("The announced run of {job} won't happen, and nothing was changed:"))
                .list([why])
                .paragraph("Another message says if it is scheduled anew.")
        }
        Event::Ended(ended) => over(matter, ended),
    }
}

fn compared(matter: &Matter<'_>) -> Letter {
    let job = matter.job;
    let Some(plan) = matter.plan else {
        return Letter::new(&format!("Comparison finished: {job}"));
    };
    let objections = matter.memory.compared.iter().flat_map(|compared| &compared.objections);
    let failed: Vec<String> = plan
        .failed_modules
        .iter()
        .map(|(module, reason)| format!("{module} couldn't be compared: {reason}"))
        .collect();
    let letter = Letter::new(&format!("Comparison finished: {job}"));
    let letter = match (plan.noop, failed.is_empty()) {
        (true, true) => {
            let sides = "there is nothing to do: both sides are equal";
            return letter.paragraph(format!("{job}, {}: {sides}.", plan.direction));
        }
        (true, false) => letter.paragraph(format!(
            "{job}, {}: nothing differs in what could be compared.",
            plan.direction
        )),
        (false, _) => letter
            .paragraph(format!("{job}, {}: {}.", plan.direction, found(&plan.counts)))
            .list(changes(plan.changes.iter())),
    };
    let letter = letter.list(failed);
    let objections: Vec<_> = objections.collect();
    let letter = match objections.is_empty() {
        true => letter,
        false => letter
            .paragraph("What is approved can't be carried out as things are:")
            .list(objections),
    };
    if plan.changes.is_empty() {
        return letter;
    }
    review(matter, letter.paragraph("Nothing is changed until somebody approves it:"))
}

/// What a comparison found, without what is none.
pub fn found(counts: &Counts) -> String {
    let Counts { conflict, new, modified, deleted, unchanged } = *counts;
    let conflicts = if conflict == 1 { "conflict" } else { "conflicts" };
    let parts = [(new, "new"), (modified, "modified"), (deleted, "deleted"), (conflict, conflicts)];
    let named = parts.iter().filter(|(number, _)| *number > 0);
    let named: Vec<_> = named.map(|(number, what)| format!("{number} {what}")).collect();
    let named = if named.is_empty() { "no difference".to_owned() } else { named.join(", ") };
    format!("found {named}; {unchanged} equal")
}

fn review(matter: &Matter<'_>, letter: Letter) -> Letter {
    let job = matter.job;
    let letter = match job_page(matter.config, job) {
        Some(page) => letter.link(&page, "Review the changes"),
        None => letter,
    };
    letter.commands(&[
        (format!("reconcile plan {job}"), "shows everything that differs"),
        (format!("reconcile approve {job} …"), "approves what you name; then commit the manifest"),
    ])
}

/// The address of a job's page, where people can reach one.
pub fn job_page(config: &Config, job: &str) -> Option<String> {
    Some(format!("{}{}", public_url(config)?, job_path(job)))
}

/// The same, from the daemon's own pages.
pub fn job_path(job: &str) -> String {
    format!("/jobs/{}", escape::url(job))
}

fn public_url(config: &Config) -> Option<String> {
    let url = config.http.as_ref()?.public_url.as_ref()?;
    Some(url.origin())
}

fn scheduled(matter: &Matter<'_>, at: Timestamp, instead_of: Option<Timestamp>) -> Letter {
    let Matter { job: name, plan, spec, .. } = matter;
    let cron = spec.and_then(|spec| spec.schedule()?.cron.as_ref());
    let what = match (spec.and_then(Asked::sync).is_some_and(|spec| spec.dry_run), cron) {
        (true, _) => "It is a test import, nothing of it will be saved.",
        (false, Some(_)) => "It runs regularly from then on; this is the only announcement.",
        (false, None) => "It starts by itself, nobody has to do anything.",
    };
    let told = |at: Timestamp| spec.map_or_else(|| at.to_string(), |spec| local(at, spec));
    let letter = Letter::new(&format!("{} ({name})", matter.process()));
    let letter = match instead_of {
        Some(before) => letter.paragraph(format!(
            "Another time than was announced: {name} was to run {} ({before}). Nobody changed the job; \
             the rules of its time zone changed, or the operator's windows.",
            told(before)
        )),
        None => letter,
    };
    let letter = letter.paragraph(format!("{name} is scheduled for {}. {what}", told(at)));
    let approved = plan.map_or(0, |plan| plan.changes.iter().filter(|it| it.approved).count());
    let letter = match plan.filter(|_| approved > 0) {
        Some(plan) => {
            let records = count(approved as u64, "record", "records");
            let changes = approved_changes(plan, *spec);
            letter.paragraph(format!("{records} will be changed:")).list(changes)
        }
        None => letter.paragraph(match spec {
            Some(Asked::Republish(spec)) => format!("It does {}.", republished(spec)),
            _ => "It carries out what is approved when its time comes.".to_owned(),
        }),
    };
    let letter = letter.paragraph("To stop it, do one of these before that time:");
    let letter = match public_url(matter.config) {
        Some(url) => {
            let ticket = Ticket::until_after(name, matter.key, at).signed(matter.ticket_key);
            letter.link(&format!("{url}{CANCEL}{ticket}"), "Look at it and cancel it")
        }
        None => letter,
    };
    letter.commands(&[
        (format!("reconcile cancel {name}"), "on the machine where reconcile runs"),
        (
            format!("git revert {}", matter.commit()),
            match matter.republishes() {
                true => "takes the manifest back; then push",
                false => "takes the approval out of the manifest; then push",
            },
        ),
    ])
}

fn over(matter: &Matter<'_>, ended: &Ended) -> Letter {
    let letter = outcome(matter, ended);
    match public_url(matter.config).filter(|_| !ended.run.is_empty()) {
        Some(url) => {
            letter.link(&format!("{url}/messages/{}", escape::url(&ended.run)), "See the result")
        }
        None => letter,
    }
}

fn outcome(matter: &Matter<'_>, ended: &Ended) -> Letter {
    let Matter { job: name, report, .. } = matter;
    let title = |word: &str| Letter::new(&format!("{word}: {} ({name})", matter.process()));
    let again = [match matter.republishes() {
        true => (format!("reconcile status {name}"), "says how it stands now"),
        false => (format!("reconcile plan {name}"), "shows what differs now and could be approved"),
    }];
    match ended.phase {
        End::Succeeded => success(matter, ended, title("Success")),
        End::Failed => title("FAILURE")
            .paragraph(match matter.republishes() {
                true => format!("{name} wasn't carried out to its end:"),
                false => format!("{name} wasn't carried out, and nothing was changed:"),
            })
            .list(reasons(*report, ended))
            .paragraph(
                "It isn't tried again by itself. Once the reason is mended, change the number in \
                 the manifest's `request:` and commit that.",
            )
            .commands(&again),
        End::Stale => title("Stale")
            .paragraph(format!(
                "{name} wasn't carried out, and nothing was changed: records were changed after \
                 they were approved."
            ))
            .list(reasons(*report, ended))
            .paragraph(
                "Whoever approved these records must look at them again and approve them anew.",
            )
            .commands(&again),
        End::Cancelled => title("Cancelled")
            .paragraph(format!("{name} won't be carried out, and nothing was changed:"))
            .list([&ended.why])
            .paragraph(
                "To have it carried out after all, change the number in the manifest's `request:` \
                 and commit that.",
            ),
        End::Missed => title("Missed")
            .paragraph(format!("{name} wasn't carried out, and nothing was changed:"))
            .list([&ended.why])
            .paragraph(
                "To have it carried out, write another time into the manifest and commit that.",
            ),
    }
}

fn success(matter: &Matter<'_>, ended: &Ended, letter: Letter) -> Letter {
    let Matter { job: name, report, plan, .. } = matter;
    if let Some(Outcome::Published { published, .. }) = report.map(|it| &it.outcome) {
        return letter.paragraph(format!("{name} was carried out: {published}."));
    }
    let Some(applied) = report.and_then(Report::applied) else {
        return letter.paragraph(format!("{name}: {}.", ended.why));
    };
    let (records, files) = applied.records_and_files();
    let records = records_and_files(records, files);
    let (inserted, updated, deleted) = (applied.inserted, applied.updated, applied.deleted);
    let inserted = count(inserted, "row", "rows");
    let mut rows = format!("{inserted} inserted, {updated} updated, {deleted} deleted");
    if let Some(files) = changed_files(&applied.files) {
        put!(rows, "; {files}");
    }
    let lines = applied.entries.iter().take(NAMED).map(|entry| {
        let how = entry.answer.map_or_else(|| class_word(entry.class), answer_word);
        let label = label_of(*plan, &entry.table, &entry.id);
        format!("{how} {}/{}{label}", entry.table, entry.id)
    });
    let more = applied.entries.len().saturating_sub(NAMED);
    let lines = lines.chain((more > 0).then(|| format!("and {more} more")));
    let test = matches!(report.map(|it| &it.outcome), Some(Outcome::TestImport { .. }));
    let letter = match test {
        true => letter.paragraph(format!(
            "Test import, nothing was saved. It went through: {name} would have changed {records} \
             ({rows})."
        )),
        false => letter.paragraph(format!("{name} was carried out: {records} changed ({rows}).")),
    };
    let beside = report.iter().flat_map(|report| {
        let skipped = report.skipped.iter().map(|it| format!("skipped: {it}"));
        skipped.chain(report.left_out.iter().map(|it| format!("left out: {it}")))
    });
    let letter = letter.list(lines).list(beside);
    match test {
        true => letter,
        false => letter.commands(&[(
            format!("reconcile undo {}", ended.run),
            "prepares taking this run back",
        )]),
    }
}

/// What reviewers know a record by, where the plan says it.
fn label_of(plan: Option<&Plan>, table: &str, id: &str) -> String {
    let mut changes = plan.iter().flat_map(|plan| &plan.changes);
    let label =
        changes.find(|it| it.table == table && it.id == id).and_then(|it| it.label.as_ref());
    label.map(|label| format!(" {label}")).unwrap_or_default()
}

/// The reasons one by one, where the report has them.
fn reasons(report: Option<&Report>, ended: &Ended) -> Vec<String> {
    match report.map(|report| &report.outcome) {
        Some(Outcome::Refused(refusal)) => {
            let more = refusal.reasons.len().saturating_sub(NAMED);
            let named = refusal.reasons.iter().take(NAMED).cloned();
            named.chain((more > 0).then(|| format!("and {more} more"))).collect()
        }
        _ => vec![ended.why.clone()],
    }
}

/// The first changes by name, conflicts and deletions before others.
fn changes<'a>(all: impl Iterator<Item = &'a Change>) -> Vec<String> {
    listed(all, |change| class_word(change.class))
}

/// The same of those that will be carried out: of a conflict what somebody chose.
pub fn approved_changes(plan: &Plan, spec: Option<Asked<'_>>) -> Vec<String> {
    let approvals = spec.and_then(Asked::sync).map(|spec| &spec.approved);
    let chosen = |change: &Change| {
        let approvals =
            approvals?.get(&change.table).filter(|_| change.class == Class::Conflict)?;
        approvals.answer(&change.id)
    };
    let approved = plan.changes.iter().filter(|change| change.approved);
    listed(approved, |change| chosen(change).unwrap_or_else(|| class_word(change.class)))
}

fn listed<'a>(
    all: impl Iterator<Item = &'a Change>,
    how: impl Fn(&Change) -> &'static str,
) -> Vec<String> {
    let mut all: Vec<&Change> = all.collect();
    let rank = |change: &Change| match change.class {
        Class::Conflict => 0,
        Class::Deleted => 1,
        Class::New | Class::Modified => 2,
    };
    all.sort_by_key(|change| rank(change));
    let more = all.len().saturating_sub(NAMED);
    let named = all.into_iter().take(NAMED).map(|change| {
        let label = change.label.as_deref().map(|label| format!(" {label}")).unwrap_or_default();
        format!("{} {}/{}{label}", how(change), change.table, change.id)
    });
    named.chain((more > 0).then(|| format!("and {more} more"))).collect()
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
