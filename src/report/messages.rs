//! The messages about a job: what was found, what will happen, what happened.
//!
//! Answers for each telling how to go on, and for a message about the same event being the same
//! message. Who may get it is `people`'s, how it looks `letter`'s.

use jiff::Timestamp;

use super::Event;
use super::letter::Letter;
use super::people::recipients;
use super::standing::local;
use crate::config::Config;
use crate::job::report::{Outcome, Report};
use crate::manifest::sync_job::SyncJobSpec;
use crate::plan::change::{Change, Class, Plan};
use crate::plan::render::words::{answer_word, class_word, count, summary};
use crate::state::{Compared, End, Ended, Memory, Message};

/// Changes and reasons that are named one by one.
const NAMED: usize = 12;

/// Everything a message may tell of.
pub struct Matter<'a> {
    pub config: &'a Config,
    pub job: &'a str,
    /// Absent where the manifest is gone or broken.
    pub spec: Option<&'a SyncJobSpec>,
    pub memory: &'a Memory,
    /// The latest plan, with what is approved marked.
    pub plan: Option<&'a Plan>,
    pub report: Option<&'a Report>,
    /// The request or occurrence it is about.
    pub key: &'a str,
    pub now: Timestamp,
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
        id: id(job, key, event, memory.compared.as_ref()),
        job: (*job).to_owned(),
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
fn id(job: &str, key: &str, event: &Event, compared: Option<&Compared>) -> String {
    let (kind, more) = match event {
        Event::Compared => ("compared", compared.map_or("", |it| it.subject.as_str())),
        Event::Troubled { error } => ("troubled", error.as_str()),
        Event::Scheduled { .. } => ("scheduled", ""),
        Event::Withdrawn { why } => ("withdrawn", why.as_str()),
        Event::Ended(ended) => (ended.phase.as_str(), ended.run.as_str()),
    };
    let mut hasher = blake3::Hasher::new();
    for part in ["reconcile message v1", job, key, kind, more] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

fn write(matter: &Matter<'_>, event: &Event) -> Letter {
    let job = matter.job;
    match event {
        Event::Compared => compared(matter),
        Event::Troubled { error } => Letter::new(&format!("Comparison failed: {job}"))
            .paragraph(format!(
                "The job {job} can't be compared or carried out. Nothing was changed."
            ))
            .list([error])
            .paragraph("It is tried again, with pauses of up to 5 minutes.")
            .commands(&[(format!("reconcile status {job}"), "says how it stands")]),
        Event::Scheduled { at } => scheduled(matter, *at),
        Event::Withdrawn { why } => {
            Letter::new(&format!("Cancelled: Synchronization process ({job})"))
                .paragraph(format!("What was announced of the job {job} won't happen: {why}."))
                .paragraph("Nothing was changed.")
        }
        Event::Ended(ended) => over(matter, ended),
    }
}

fn compared(matter: &Matter<'_>) -> Letter {
    let job = matter.job;
    let Some(plan) = matter.plan else {
        return Letter::new(&format!("Comparison finished: {job}"));
    };
    let found = if plan.noop { "both sides are equal".to_owned() } else { summary(&plan.counts) };
    let objections = matter.memory.compared.iter().flat_map(|compared| &compared.objections);
    let failed = plan
        .failed_modules
        .iter()
        .map(|(module, reason)| format!("{module} could not be compared: {reason}"));
    let letter = Letter::new(&format!("Comparison finished: {job}"))
        .paragraph(format!("{job}, {}: {found}", plan.direction))
        .list(changes(plan.changes.iter()))
        .list(failed.chain(objections.map(|it| format!("can't be carried out: {it}"))));
    if plan.changes.is_empty() {
        return letter;
    }
    review(matter, letter)
}

fn review(matter: &Matter<'_>, letter: Letter) -> Letter {
    let job = matter.job;
    let letter = match public_url(matter.config) {
        Some(url) => letter.link(&format!("{url}/jobs/{job}"), "Review it"),
        None => letter,
    };
    letter.commands(&[
        (format!("reconcile plan {job}"), "shows everything"),
        (format!("reconcile approve {job} …"), "approves; commit what it writes"),
    ])
}

fn public_url(config: &Config) -> Option<&str> {
    let url = config.http.as_ref()?.public_url.as_deref()?;
    Some(url.trim_end_matches('/'))
}

fn scheduled(matter: &Matter<'_>, at: Timestamp) -> Letter {
    let Matter { job: name, plan, spec, .. } = matter;
    let cron = spec.and_then(|spec| spec.schedule.as_ref()?.cron.as_ref());
    let what = match (spec.is_some_and(|spec| spec.dry_run), cron) {
        (true, _) => "a test import, of which nothing is saved",
        (false, Some(_)) => "a regular run; this is said once, not for each of them",
        (false, None) => "a run",
    };
    let letter = Letter::new(&format!("Synchronization process ({name})")).paragraph(format!(
        "{name} is scheduled for {}: {what}.",
        spec.map_or_else(|| at.to_string(), |spec| local(at, spec))
    ));
    let approved = plan.map(|plan| plan.changes.iter().filter(|change| change.approved));
    let letter = match approved {
        Some(approved) if approved.clone().next().is_some() => {
            let records = count(approved.clone().count() as u64, "record", "records");
            letter.paragraph(format!("{records} will change:")).list(changes(approved))
        }
        _ => letter.paragraph("What will change is what the job approves when its time comes."),
    };
    letter.paragraph("Until it starts it can be stopped, by either of these:").commands(&[
        (format!("reconcile cancel {name}"), "where the daemon runs"),
        ("git revert …".into(), "a commit that takes the approvals back"),
    ])
}

fn over(matter: &Matter<'_>, ended: &Ended) -> Letter {
    let Matter { job: name, report, .. } = matter;
    let title = |word: &str| Letter::new(&format!("{word}: Synchronization process ({name})"));
    let again = [(format!("reconcile plan {name}"), "shows what could be approved now")];
    match ended.phase {
        End::Succeeded => success(matter, ended, title("Success")),
        End::Failed => title("FAILURE")
            .paragraph(format!("{name} wasn't carried out, and nothing was changed."))
            .list(reasons(*report, ended))
            .paragraph("It isn't tried again until the job changes; `request: 2` is enough.")
            .commands(&again),
        End::Stale => title("Stale")
            .paragraph(format!(
                "{name} wasn't carried out, and nothing was changed: records moved since they were \
                 approved."
            ))
            .list(reasons(*report, ended))
            .paragraph("Whoever approved them looks at them again and approves anew.")
            .commands(&again),
        End::Cancelled => title("Cancelled")
            .paragraph(format!("{name} was cancelled, and nothing was changed."))
            .list([&ended.why]),
        End::Missed => title("Missed")
            .paragraph(format!("{name} wasn't carried out, and nothing was changed."))
            .list([&ended.why])
            .paragraph("To have it carried out, give it another time and commit that."),
    }
}

fn success(matter: &Matter<'_>, ended: &Ended, letter: Letter) -> Letter {
    let Matter { job: name, report, .. } = matter;
    let outcome = report.map(|report| &report.outcome);
    let Some(Outcome::Applied { applied, .. } | Outcome::TestImport { applied, .. }) = outcome
    else {
        return letter.paragraph(format!("{name}: {}.", ended.why));
    };
    let records = count(applied.entries.len() as u64, "record", "records");
    let (inserted, updated, deleted) = (applied.inserted, applied.updated, applied.deleted);
    let rows = format!("{inserted} rows inserted, {updated} updated, {deleted} deleted");
    let lines = applied.entries.iter().take(NAMED).map(|entry| {
        let how = entry.answer.map_or_else(|| class_word(entry.class), answer_word);
        format!("{how} {}/{}", entry.table, entry.id)
    });
    let more = applied.entries.len().saturating_sub(NAMED);
    let lines = lines.chain((more > 0).then(|| format!("and {more} more")));
    let test = matches!(report.map(|it| &it.outcome), Some(Outcome::TestImport { .. }));
    let letter = match test {
        true => letter.paragraph(format!(
            "test import, nothing was saved: {name} would have changed {records} ({rows})."
        )),
        false => letter.paragraph(format!("{name} changed {records} ({rows}).")),
    };
    let beside = report.iter().flat_map(|report| {
        let skipped = report.skipped.iter().map(|it| format!("skipped: {it}"));
        skipped.chain(report.left_out.iter().map(|it| format!("left out: {it}")))
    });
    let letter = letter.list(lines).list(beside);
    match test {
        true => letter,
        false => {
            letter.commands(&[(format!("reconcile undo {}", ended.run), "takes the run back")])
        }
    }
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
        format!("{} {}/{}{label}", class_word(change.class), change.table, change.id)
    });
    named.chain((more > 0).then(|| format!("and {more} more"))).collect()
}
