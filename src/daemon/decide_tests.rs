//! The states of a job and what leads from one to the next, on a simulated clock.
//!
//! Each test tells stories of a job; what they left behind is compared with what it was.

mod story;

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::config::{Window, WindowKind};
use crate::put::put;
use story::{Story, Way, at};

const PINNED: &str = "approved: {page: {new: [\"1@0123456789abcdef\"]}}";
const TO_PROD: &str = "direction: TEST -> PROD\n  mode: all\n  modules: [pages]";
const TO_TEST: &str = "direction: PROD -> TEST\n  mode: all\n  modules: [pages]";

fn night(kind: WindowKind) -> Window {
    Window { kind, cron: "0 22 * * *".into(), hours: 8, time_zone: "Europe/Warsaw".into() }
}

const NOON: &str = "2026-11-23T11:00:00Z";

#[test]
fn a_job_without_a_schedule_runs_once_as_soon_as_it_is_approved() {
    let story = Story::begin(NOON, TO_PROD)
        .commit("approved", &format!("{TO_PROD}\n  {PINNED}"))
        .time("2026-11-24T11:00:00Z")
        .commit("approvals taken back", TO_PROD)
        .commit("the same approvals again", &format!("{TO_PROD}\n  {PINNED}"))
        .commit("asked again", &format!("{TO_PROD}\n  request: 2\n  {PINNED}"));
    insta::assert_snapshot!(story.trace);
}

#[test]
fn a_job_with_a_time_waits_for_it_and_runs_once() {
    let scheduled = format!(
        "{TO_PROD}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: Europe/Warsaw}}\n  {PINNED}"
    );
    let story = Story::begin(NOON, TO_PROD)
        .commit("approved", &scheduled)
        .time("2026-12-01T00:59:59Z")
        .time("2026-12-01T01:00:00Z")
        .time("2026-12-01T00:30:00Z")
        .time("2026-12-01T01:00:00Z")
        .time("2026-12-02T01:00:00Z");
    insta::assert_snapshot!(story.trace);
}

#[test]
fn whoever_waits_is_told_what_is_approved_and_what_is_open() {
    let pin = |id: u8| format!("\"{id}@0123456789abcdef\"");
    let (three, answer) =
        (format!("new: [{}, {}], modified: [{}]", pin(1), pin(2), pin(3)), pin(4));
    for (approved, told) in [
        (three.clone(), "3 records approved, 2 conflicts open"),
        (format!("{three}, overwrite: [{answer}]"), "4 records approved, 1 conflict open"),
        (format!("renumber: [{answer}], adopt: [{}]", pin(5)), "2 records approved"),
    ] {
        let job = format!(
            "{TO_PROD}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: Europe/Warsaw}}\n  \
             approved: {{page: {{{approved}}}}}"
        );
        let story = Story::begin(NOON, TO_PROD).conflicts(2).commit("approved", &job);
        let last = story.trace.lines().last().unwrap().trim();
        let why = format!("next run 2026-12-01 02:00 CET, because `at` says so: {told}");
        assert_eq!(last, format!("Scheduled: {why}"));
    }
}

#[test]
fn a_republish_job_is_neither_compared_nor_approved() {
    const NOW: &str = "action: trigger-events\n  resources: all";
    const NIGHTLY: &str = "action: sync-data\n  resources: [page]\n  ids: [1, 2]\n  \
                           schedule: {cron: \"0 3 * * *\", timeZone: Europe/Warsaw}";
    let at = "action: trigger-events\n  resources: all\n  \
              schedule: {at: \"2026-12-01T02:00\", timeZone: Europe/Warsaw}";
    let mut trace = String::new();
    for (what, story) in [
        (
            "at once",
            Story::begin(NOON, NOW)
                .time("2026-11-24T11:00:00Z")
                .commit("asked again", &format!("{NOW}\n  request: 2"))
                .cancel(),
        ),
        ("every night", Story::begin(NOON, NIGHTLY).time("2026-11-24T02:00:00Z").cancel()),
        ("at a time", Story::begin(NOON, at).time("2026-12-01T01:00:00Z")),
        ("too late", Story::begin(NOON, at).time("2026-12-01T01:15:01Z")),
        ("written too late", Story::begin("2026-12-02T00:00:00Z", at)),
        (
            "suspended over its time",
            Story::begin(NOON, NIGHTLY)
                .suspend(Some("2026-11-25T00:00:00Z"))
                .time("2026-11-24T02:00:00Z")
                .time("2026-11-25T02:00:00Z"),
        ),
        (
            "outside of a window",
            Story::begin("2026-11-23T10:00:00Z", &format!("{NOW}\n  suspend: true"))
                .windows(vec![night(WindowKind::Allow)])
                .commit("taken up", NOW)
                .time("2026-11-23T21:00:00Z"),
        ),
        (
            "the store is away, then there",
            Story::begin(NOON, at)
                .way(Way::ServerAway)
                .time("2026-12-01T01:00:00Z")
                .way(Way::Fine)
                .time("2026-12-01T01:00:05Z"),
        ),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

#[test]
fn what_comes_too_late_is_missed_and_says_both_times() {
    let job = |approved: &str| {
        format!(
            "{TO_PROD}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: Europe/Warsaw}}\n  {approved}"
        )
    };
    let mut trace = String::new();
    for (what, story) in [
        ("the daemon was down over the time", {
            Story::begin(NOON, &job(PINNED)).time("2026-12-01T01:15:01Z")
        }),
        ("the daemon was down for a short time", {
            Story::begin(NOON, &job(PINNED)).time("2026-12-01T01:15:00Z")
        }),
        ("approved after the time", {
            Story::begin(NOON, &job(""))
                .time("2026-12-01T01:05:00Z")
                .commit("approved", &job(PINNED))
        }),
        ("never approved", Story::begin(NOON, &job("")).time("2026-12-01T01:15:01Z")),
        ("missed, and given another time", {
            Story::begin("2026-12-02T00:00:00Z", &job(PINNED))
                .commit("another time", &job(PINNED).replace("12-01T02:00", "12-03T02:00"))
        }),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

#[test]
fn errors_that_may_pass_are_tried_again_and_others_end_it() {
    let approved = format!("{TO_PROD}\n  {PINNED}");
    let mut trace = String::new();
    let away = Story::begin(NOON, TO_PROD)
        .way(Way::ServerAway)
        .commit("approved while PROD is away", &approved)
        .time("2026-11-23T11:00:04Z")
        .time("2026-11-23T11:00:05Z")
        .time("2026-11-23T11:00:15Z")
        .time("2026-11-23T12:00:00Z")
        .way(Way::Fine)
        .time("2026-11-23T13:00:00Z");
    put!(trace, "== PROD is away for a while\n{}", away.trace);
    let late = Story::begin(
        NOON,
        &format!("{TO_PROD}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: UTC}}\n  {PINNED}"),
    )
    .way(Way::ServerAway)
    .time("2026-12-01T02:00:00Z")
    .time("2026-12-01T02:15:01Z");
    put!(trace, "== PROD is away until it is too late\n{}", late.trace);
    for way in [Way::Stale, Way::CannotRun, Way::Broken] {
        let story = Story::begin(NOON, TO_PROD)
            .way(way)
            .commit("approved", &approved)
            .time("2026-11-24T11:00:00Z")
            .way(Way::Fine)
            .commit("asked again", &approved.replace("approved", "request: 2\n  approved"));
        put!(trace, "== {way:?}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

/// Before its time, a comparison ends no request, whatever it finds.
#[test]
fn what_a_comparison_finds_ends_no_request() {
    let job =
        format!("{TO_PROD}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: UTC}}\n  {PINNED}");
    let mut trace = String::new();
    for way in [Way::Stale, Way::Broken] {
        let story = Story::begin(NOON, TO_PROD)
            .way(way)
            .commit("approved", &job)
            .way(Way::Fine)
            .time("2026-12-01T02:00:00Z");
        put!(trace, "== {way:?}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

#[test]
fn what_was_announced_is_taken_back_once() {
    let job = |time: &str| {
        format!("{TO_PROD}\n  schedule: {{at: \"2026-12-0{time}\", timeZone: UTC}}\n  {PINNED}")
    };
    let mut trace = String::new();
    for (what, story) in [
        ("edited while scheduled", {
            Story::begin(NOON, &job("1T02:00")).commit("another time", &job("2T02:00"))
        }),
        ("approvals taken back by a commit", {
            Story::begin(NOON, &job("1T02:00"))
                .commit("withdrawn", TO_PROD)
                .time("2026-12-01T02:00:00Z")
        }),
        ("cancelled by hand", {
            Story::begin(NOON, &job("1T02:00")).cancel().time("2026-12-01T02:00:00Z").cancel()
        }),
        ("only the people to tell change", {
            Story::begin(NOON, &job("1T02:00"))
                .commit("notify", &format!("{}\n  notify: [jo@shop.example]", job("1T02:00")))
        }),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

/// Taking a run back is a request like any other, and the one it takes back stays over.
#[test]
fn an_undo_runs_once_and_rearms_nothing() {
    let sync = format!("{TO_PROD}\n  {PINNED}");
    let undo = "undo: run-1\n  approved: {page: {deleted: [\"1@0123456789abcdef\"]}}";
    let fixed = format!("{undo}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: UTC}}");
    let mut trace = String::new();
    for (what, story) in [
        ("in a manifest of its own", {
            Story::begin(NOON, "undo: run-1")
                .commit("approved", undo)
                .time("2026-11-24T11:00:00Z")
                .commit("asked again", &format!("{undo}\n  request: 2"))
        }),
        ("in the manifest of the run, and back", {
            Story::begin(NOON, &sync)
                .commit("undone", undo)
                .commit("as it was before", &sync)
                .commit("undone once more", undo)
                .commit("asked again", &format!("{TO_PROD}\n  request: 2\n  {PINNED}"))
        }),
        ("a record changed since", {
            Story::begin(NOON, "undo: run-1")
                .way(Way::Stale)
                .commit("approved", undo)
                .way(Way::Fine)
                .time("2026-11-24T11:00:00Z")
        }),
        ("at a time", Story::begin(NOON, &fixed).time("2026-12-01T02:00:00Z")),
        ("cancelled before its time", {
            Story::begin(NOON, &fixed).cancel().time("2026-12-01T02:00:00Z")
        }),
        ("too late", Story::begin(NOON, &fixed).time("2026-12-01T02:15:01Z")),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

#[test]
fn a_force_push_that_drops_the_approving_commit_ends_the_request() {
    let now = format!("{TO_PROD}\n  {PINNED}");
    let fixed = format!("{now}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: UTC}}");
    let cron = format!(
        "{TO_TEST}\n  schedule: {{cron: \"0 2 * * *\", timeZone: UTC}}\n  approved: {{page: {{new: \
         [all]}}}}"
    );
    let mut trace = String::new();
    for (what, story) in [
        ("approved to run at once", {
            Story::begin(NOON, TO_PROD)
                .way(Way::Dropped)
                .commit("approved, and dropped", &now)
                .time("2026-11-24T11:00:00Z")
                .way(Way::Fine)
                .commit("withdrawn", TO_PROD)
                .commit("the same approvals again", &now)
                .commit("asked again", &format!("{now}\n  request: 2"))
        }),
        ("waiting for its time", {
            Story::begin(NOON, &fixed)
                .way(Way::Dropped)
                .time("2026-11-30T02:00:00Z")
                .time("2026-12-01T02:00:00Z")
                .way(Way::Fine)
                .time("2026-12-01T02:10:00Z")
        }),
        ("with `cron`, until somebody asks again", {
            Story::begin(NOON, &cron)
                .way(Way::Dropped)
                .time("2026-11-24T02:00:00Z")
                .time("2026-11-25T02:00:00Z")
                .way(Way::Fine)
                .commit("asked again", &format!("{cron}\n  request: 2"))
                .time("2026-11-26T02:00:00Z")
        }),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

#[test]
fn what_was_announced_for_another_time_is_announced_anew() {
    let fixed = format!(
        "{TO_PROD}\n  schedule: {{at: \"2026-12-01T02:00\", timeZone: Europe/Warsaw}}\n  {PINNED}"
    );
    let cron = format!(
        "{TO_TEST}\n  schedule: {{cron: \"0 2 * * *\", timeZone: Europe/Warsaw}}\n  approved: {{page: \
         {{new: [all]}}}}"
    );
    let mut trace = String::new();
    for (what, story) in [
        ("a job with a time", {
            Story::begin(NOON, &fixed)
                .rules_of_the_zone_moved("2026-12-01T00:00:00Z")
                .time("2026-11-24T11:00:00Z")
                .time("2026-12-01T00:30:00Z")
                .rules_of_the_zone_moved("2026-12-01T00:00:00Z")
        }),
        ("the next occurrence of `cron`", {
            Story::begin(NOON, &cron)
                .rules_of_the_zone_moved("2026-11-24T00:00:00Z")
                .time("2026-11-24T01:00:00Z")
                .time("2026-11-25T01:00:00Z")
        }),
        ("one that is over is no announcement", {
            Story::begin(NOON, &cron).cancel().time("2026-11-25T01:00:00Z")
        }),
        ("announced by an earlier release", Story::begin(NOON, &fixed).updated()),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

#[test]
fn cron_fires_each_local_time_once_and_makes_no_storm() {
    let job = format!(
        "{TO_TEST}\n  schedule: {{cron: \"30 2 * * *\", timeZone: Europe/Warsaw}}\n  approved: \
         {{page: {{new: [all], modified: [all]}}}}"
    );
    let mut trace = String::new();
    for (what, story) in [
        ("the day clocks go forward", {
            Story::begin("2026-03-28T12:00:00Z", &job)
                .time("2026-03-29T00:59:59Z")
                .time("2026-03-29T01:00:00Z")
                .time("2026-03-29T01:30:00Z")
        }),
        ("the day clocks go back", {
            Story::begin("2026-10-24T12:00:00Z", &job)
                .time("2026-10-25T00:30:00Z")
                .time("2026-10-25T01:30:00Z")
        }),
        ("the clock steps back by an hour", {
            Story::begin(NOON, &job)
                .time("2026-11-24T01:30:00Z")
                .time("2026-11-24T00:31:00Z")
                .time("2026-11-24T01:30:00Z")
        }),
        ("nobody looked for three days", { Story::begin(NOON, &job).time("2026-11-27T12:00:00Z") }),
        ("one is cancelled, the next one runs", {
            Story::begin(NOON, &job)
                .cancel()
                .time("2026-11-24T01:30:00Z")
                .time("2026-11-25T01:30:00Z")
        }),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

#[test]
fn windows_and_suspension_hold_a_job_back() {
    let now = format!("{TO_PROD}\n  {PINNED}");
    let cron = format!(
        "{TO_TEST}\n  schedule: {{cron: \"0 */6 * * *\", timeZone: Europe/Warsaw}}\n  approved: \
         {{page: {{new: [all]}}}}"
    );
    let fixed = |time: &str| {
        format!(
            "{TO_PROD}\n  schedule: {{at: \"2026-11-24T{time}\", timeZone: Europe/Warsaw}}\n  {PINNED}"
        )
    };
    let mut trace = String::new();
    let allowed = || vec![night(WindowKind::Allow)];
    for (what, story) in [
        ("approved by day, allowed by night", {
            Story::begin(NOON, TO_PROD)
                .windows(allowed())
                .commit("approved", &now)
                .time("2026-11-23T21:00:00Z")
        }),
        ("`at` in a closed window", {
            Story::begin(NOON, TO_PROD).windows(allowed()).commit("approved", &fixed("12:00"))
        }),
        ("`at` in an open window", {
            Story::begin(NOON, TO_PROD)
                .windows(allowed())
                .commit("approved", &fixed("02:00"))
                .time("2026-11-24T01:00:00Z")
        }),
        ("cron, denied by night", {
            Story::begin(NOON, TO_TEST)
                .windows(vec![night(WindowKind::Deny)])
                .commit("approved", &cron)
                .time("2026-11-23T17:00:00Z")
                .time("2026-11-23T23:00:00Z")
                .time("2026-11-24T05:00:00Z")
        }),
        ("suspended by an operator, and resumed", {
            Story::begin(NOON, TO_PROD)
                .suspend(Some("2026-11-24T00:00:00Z"))
                .commit("approved", &now)
                .time("2026-11-23T12:00:00Z")
                .time("2026-11-24T00:00:00Z")
        }),
        ("suspended over its time", {
            Story::begin(NOON, &fixed("02:00")).suspend(None).time("2026-11-24T02:00:00Z").resume()
        }),
        ("suspended over occurrences", {
            Story::begin(NOON, &cron)
                .suspend(None)
                .time("2026-11-24T12:00:00Z")
                .resume()
                .time("2026-11-24T17:00:00Z")
        }),
        ("suspended by the manifest", {
            Story::begin(NOON, TO_PROD).commit(
                "suspended",
                &format!("{now}\n  suspend: {{reason: holidays, until: \"2026-11-24\"}}"),
            )
        }),
    ] {
        put!(trace, "== {what}\n{}", story.trace);
    }
    insta::assert_snapshot!(trace);
}

/// Every state with every event, one line each.
/// Long, since it is one table: the states, the events, and each with each.
#[test]
fn every_state_with_every_event() {
    let plain = || Story::begin(NOON, TO_PROD);
    let time = "schedule: {at: \"2026-12-01T02:00\", timeZone: UTC}";
    let scheduled = || plain().commit("", &format!("{TO_PROD}\n  {time}\n  {PINNED}"));
    let approved = format!("{TO_PROD}\n  {PINNED}");
    let tried = |way: Way| plain().way(way).commit("", &approved).way(Way::Fine);
    let in_a_window = || scheduled().windows(vec![Window { hours: 1, ..night(WindowKind::Allow) }]);
    let states: [(&str, &dyn Fn() -> Story); 11] = [
        ("Invalid", &in_a_window),
        ("AwaitingApproval", &plain),
        ("Scheduled", &scheduled),
        ("Succeeded", &|| tried(Way::Fine)),
        ("Failed", &|| tried(Way::Broken)),
        ("Stale", &|| tried(Way::Stale)),
        ("Cancelled", &|| scheduled().cancel()),
        ("Missed", &|| scheduled().time("2026-12-02T00:00:00Z")),
        ("Suspended", &|| scheduled().suspend(None)),
        ("Comparing", &|| {
            plain()
                .way(Way::ServerAway)
                .commit("", &format!("{TO_PROD}\n  request: 9"))
                .way(Way::Fine)
        }),
        ("Running", &|| tried(Way::ServerAway)),
    ];
    let bumped = format!("{TO_PROD}\n  request: 2\n  {PINNED}");
    let later = format!("{TO_PROD}\n  {}\n  {PINNED}", time.replace("12-01", "12-24"));
    let closed = Window {
        kind: WindowKind::Deny,
        cron: "0 0 * * *".into(),
        hours: 24,
        time_zone: "UTC".into(),
    };
    let events: [(&str, &dyn Fn(Story) -> Story); 12] = [
        ("looked at again", &|story| {
            let now = story.now.to_string();
            story.time(&now)
        }),
        ("an hour later", &|story| {
            let now = (story.now + SignedDuration::from_hours(1)).to_string();
            story.time(&now)
        }),
        ("its time comes", &|story| story.time("2026-12-01T02:00:00Z")),
        ("approvals withdrawn", &|story| story.commit("", TO_PROD)),
        ("asked again", &|story| story.commit("", &bumped)),
        ("another time", &|story| story.commit("", &later)),
        ("cancelled", &|story| story.cancel()),
        ("suspended", &|story| story.suspend(None)),
        ("resumed", &|story| story.resume()),
        ("all windows close", &|story| story.windows(vec![closed.clone()])),
        ("a force-push drops its commit, and its time comes", &|story| {
            story.way(Way::Dropped).time("2026-12-01T02:00:00Z")
        }),
        ("its time comes, and records have moved", &|story| {
            story.way(Way::Stale).time("2026-12-01T02:00:00Z")
        }),
    ];
    let mut table = String::new();
    let mut reached = BTreeSet::new();
    for (state, story) in &states {
        put!(table, "{state}\n");
        for (event, happen) in &events {
            let mut story = story();
            story.trace.clear();
            let story = happen(story);
            let lines: Vec<&str> = story
                .trace
                .lines()
                .skip(usize::from(*event != "cancelled"))
                .map(str::trim)
                .collect();
            put!(table, "  {event}: {}\n", lines.join(" | "));
            let last = lines.last().and_then(|line| line.split(':').next()).unwrap_or_default();
            reached.insert(last.to_owned());
        }
    }
    insta::assert_snapshot!(table);
    assert!(reached.len() >= 8, "{reached:?}");
}

#[test]
fn pauses_grow_to_five_minutes() {
    let now = at(NOON);
    let mut trouble = None;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let next = super::decide::on_error(trouble.as_ref(), "away".into(), now, 0.0);
        pauses.push(next.again.duration_since(now).as_secs());
        trouble = Some(next);
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    let spread = super::decide::on_error(trouble.as_ref(), "away".into(), now, 1.0);
    assert_eq!(spread.again.duration_since(now).as_secs(), 240);
}
