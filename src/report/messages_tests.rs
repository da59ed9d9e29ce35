//! Every kind of message, as people read it.

use std::path::Path;

use super::*;
use crate::apply::Applied;
use crate::apply::ledger::AppliedEntry;
use crate::job::report::{Published, Refusal, RefusalKind};
use crate::manifest::load_text;
use crate::manifest::problem::Problem;
use crate::plan::change::ConflictKind;
use crate::plan::render::sample;
use crate::put::put;
use crate::state::Seen;

const JOB: &str = "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {name: spring-campaign}\nspec:\n  \
                   direction: TEST -> PROD\n  mode: all\n  modules: [cms-pages]\n  schedule: {at: \
                   \"2026-12-01T02:00\", timeZone: Europe/Warsaw}\n  approved: {cms_page: {overwrite: \
                   [\"40@0123456789abcdef\"], renumber: [\"41@0123456789abcdef\"]}}\n";
const CONFIG: &str = "instance: PROD\nmanifests: m\nenvironments:\n  PROD: {database: \"sqlite://p\"}\n  \
                      TEST: {database: \"sqlite://t\"}\nmail: {transport: \"file:outbox\", from: \
                      \"reconcile@shop.example\", recipients: [\"*@shop.example\"]}\nhttp: {listen: \
                      \"127.0.0.1:8080\", publicUrl: \"https://reconcile.shop.example/\"}\n";

fn plan() -> Plan {
    let labelled = |class, table, id: &str, label: &str| Change {
        label: Some(label.to_owned()),
        ..sample::change(class, table, id)
    };
    let mut reused = labelled(Class::Conflict, "cms_page", "41", "Spring");
    reused.conflict = Some(sample::conflict(ConflictKind::IdReused, &[]));
    reused.approved = true;
    let mut approved = labelled(Class::New, "media", "17", "<b>banner</b>.png");
    approved.approved = true;
    let all = vec![reused, approved, labelled(Class::Modified, "cms_page", "7", "Żółte buty")];
    sample::plan(all)
}

fn refused(kind: RefusalKind, reason: &str) -> Report {
    let reasons = vec![reason.to_owned()];
    Report::new("spring-campaign", Outcome::Refused(Refusal { kind, reasons }))
}

fn applied() -> Applied {
    let entry = AppliedEntry {
        table: "media".into(),
        id: "17".into(),
        class: Class::New,
        answer: None,
        pin: String::new(),
        target_id: "18".into(),
    };
    Applied { entries: vec![entry], inserted: 1, ..Applied::default() }
}

fn ended(phase: End, run: &str, why: &str) -> Event {
    let (run, why) = (run.to_owned(), why.to_owned());
    Event::Ended(Ended { phase, run, why, at: "2026-12-01T01:00:03Z".into() })
}

/// Every event with the report it comes from.
fn all() -> Vec<(&'static str, Event, Option<Report>)> {
    let at = "2026-12-01T01:00:00Z".parse().unwrap();
    let before = "2026-12-01T00:00:00Z".parse().unwrap();
    let run = "20261201T010003Z-1f2e";
    let success = |outcome| Some(Report::new("spring-campaign", outcome));
    let fine = Outcome::Applied { run: run.into(), applied: applied() };
    let test = Outcome::TestImport { run: run.into(), applied: applied() };
    let moved = "media/17 was approved as 17@9f2ac1d05b7e3a10 and is now 17@0000000000000000";
    let limit = "51 deletions are more than the operator's `limits.maxDeletes` of 50";
    vec![
        ("compared", Event::Compared, None),
        ("troubled", Event::Troubled { error: "PROD: connection refused".into() }, None),
        (
            "doubtful",
            Event::Doubtful { run: "r-1".into(), error: "PROD: connection refused".into() },
            None,
        ),
        ("scheduled", Event::Scheduled { at, instead_of: None }, None),
        ("moved", Event::Scheduled { at, instead_of: Some(before) }, None),
        ("withdrawn", Event::Withdrawn { why: "the job was changed before its time".into() }, None),
        ("success", ended(End::Succeeded, run, "applied 1 record"), success(fine)),
        ("test-import", ended(End::Succeeded, run, "test import of 1 record"), success(test)),
        ("failure", ended(End::Failed, run, limit), Some(refused(RefusalKind::Limit, limit))),
        ("stale", ended(End::Stale, run, moved), Some(refused(RefusalKind::Stale, moved))),
        ("cancelled", ended(End::Cancelled, "", "cancelled by jo"), None),
        (
            "missed",
            ended(
                End::Missed,
                "",
                "its time was 2026-12-01 02:00 CET, and nobody was there until 04:10",
            ),
            None,
        ),
    ]
}

fn messages() -> Vec<(&'static str, Message)> {
    let path = Path::new("/etc/shop/reconcile.yaml");
    let config = crate::config::parse(path, CONFIG.as_bytes(), &|_| None).unwrap();
    let manifests = load_text(Path::new("m/spring.yaml"), JOB.as_bytes());
    assert!(!manifests.problems.iter().any(Problem::is_error), "{:?}", manifests.problems);
    let spec = &manifests.jobs["spring-campaign"].spec;
    let seen = Seen {
        request: "r1".into(),
        at: "2026-11-30T08:00:00Z".parse().unwrap(),
        written: None,
        commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
        author: None,
    };
    let notify = vec!["jo@shop.example".into()];
    let memory = Memory { notify, seen: Some(seen), ..Memory::default() };
    let (plan, now) = (plan(), "2026-11-30T09:00:00Z".parse().unwrap());
    let written = all().into_iter().map(|(kind, event, report)| {
        let matter = Matter {
            config: &config,
            job: "spring-campaign",
            spec: Some(spec.into()),
            memory: &memory,
            plan: Some(&plan),
            report: report.as_ref(),
            key: "r1",
            ticket_key: "k1",
            now,
        };
        (kind, message(&matter, &event))
    });
    written.collect()
}

/// Of a `RepublishJob`.
fn of_publishing() -> Vec<(&'static str, Message)> {
    const NIGHT: &str = "apiVersion: reconcile/v1\nkind: RepublishJob\nmetadata: {name: night}\nspec: \
                         {action: trigger-events, resources: all, schedule: {at: \"2026-12-01T02:00\", \
                         timeZone: Europe/Warsaw}}\n";
    let path = Path::new("/etc/shop/reconcile.yaml");
    let config = crate::config::parse(path, CONFIG.as_bytes(), &|_| None).unwrap();
    let manifests = load_text(Path::new("m/night.yaml"), NIGHT.as_bytes());
    let memory = Memory { notify: vec!["jo@shop.example".into()], ..Memory::default() };
    let at = "2026-12-01T01:00:00Z".parse().unwrap();
    let ended = |phase, why: &str| {
        let (run, at) = ("20261201-010000-abcdef".to_owned(), "2026-12-01T01:00:00Z".to_owned());
        Event::Ended(Ended { phase, run, why: why.to_owned(), at })
    };
    let published = Published { read: 120, changed: 3, sent: 6, written: 6 };
    let success = Outcome::Published { run: "20261201-010000-abcdef".into(), published };
    let all = [
        ("scheduled", Event::Scheduled { at, instead_of: None }, None),
        ("trouble", Event::Troubled { error: "Redis can't be reached".into() }, None),
        ("success", ended(End::Succeeded, "done"), Some(Report::new("night", success))),
        ("failure", ended(End::Failed, "2 messages failed; see sync.storage.cms.error"), None),
        ("cancelled", ended(End::Cancelled, "cancelled by jo"), None),
    ];
    let written = all.into_iter().map(|(kind, event, report)| {
        let matter = Matter {
            config: &config,
            job: "night",
            spec: Some((&manifests.republish_jobs["night"].spec).into()),
            memory: &memory,
            plan: None,
            report: report.as_ref(),
            key: "r1",
            ticket_key: "k1",
            now: "2026-11-30T09:00:00Z".parse().unwrap(),
        };
        (kind, message(&matter, &event))
    });
    written.collect()
}

#[test]
fn publishing_is_told_in_words_of_its_own() {
    let mut told = String::new();
    for (kind, message) in of_publishing() {
        put!(told, "==== {kind}\nSubject: {}\n\n{}\n", message.subject, message.text);
    }
    insta::assert_snapshot!(told);
}

#[test]
fn each_says_what_happened_what_will_happen_and_what_to_do() {
    let mut told = String::new();
    for (kind, message) in messages() {
        put!(told, "==== {kind}\nSubject: {}\n\n{}\n", message.subject, message.text);
        if let Some(folder) = std::env::var_os("RECONCILE_SHOW_MAIL") {
            std::fs::write(Path::new(&folder).join(format!("{kind}.html")), &message.html).unwrap();
        }
    }
    insta::assert_snapshot!(told);
}

/// Readers of HTML and of plain text learn the same.
#[test]
fn html_says_what_the_text_says() {
    let words = |text: &str| -> Vec<String> {
        let plain = text.replace(|c: char| !c.is_alphanumeric(), " ");
        plain.split_whitespace().map(str::to_owned).collect()
    };
    let tags = regex::Regex::new("(?s)<title>.*?</title>|<[^>]*>").unwrap();
    for (kind, message) in messages() {
        let shown = tags.replace_all(&message.html, " ");
        let shown = shown
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#39;", "'")
            .replace("&amp;", "&");
        let mut html = words(&shown);
        let subject = words(&message.subject);
        assert_eq!(html.drain(..subject.len()).collect::<Vec<_>>(), subject, "{kind}");
        let mut text = words(&message.text);
        html.sort();
        text.sort();
        assert_eq!(html, text, "{kind}");
    }
}
