//! When a job runs, written into layouts as people leave them.

use proptest::prelude::*;

use super::edit::{Edit, Time, edit};
use super::edit_tests::{Layout, any_approved, job, pages};

fn at(at: &str) -> Time {
    Time::At { at: at.into(), time_zone: "Europe/Warsaw".into() }
}

fn scheduled(
    text: &str,
    time: Option<Time>,
    dry_run: Option<bool>,
    request: Option<u64>,
) -> String {
    let approved = pages(&["41@9f2ac1d05b7e3a10"]);
    edit(text, "spring", Edit { approved, time, dry_run, request }).unwrap()
}

#[test]
fn when_it_runs_stands_before_what_is_approved() {
    let text = job(
        "  # who hears of it\n  notify: [jo@shop.example]  # Jo\n\n  # reviewed\n  approved: {}\n# the end\n",
    );
    insta::assert_snapshot!(scheduled(&text, Some(at("2026-12-01T02:00")), Some(true), Some(2)), @r#"
    kind: SyncJob
    metadata: {name: spring}
    spec:
      mode: all   # everything
      # who hears of it
      notify: [jo@shop.example]  # Jo
      schedule:
        at: "2026-12-01T02:00"
        timeZone: "Europe/Warsaw"
      dryRun: true
      request: 2

      # reviewed
      approved:
        cms_page:
          new:
            - "41@9f2ac1d05b7e3a10"
    # the end
    "#);
    // Without approvals before, behind everything.
    let text = job("  notify: []");
    insta::assert_snapshot!(scheduled(&text, Some(at("2026-12-01T02:00")), Some(false), None), @r#"
    kind: SyncJob
    metadata: {name: spring}
    spec:
      mode: all   # everything
      notify: []
      schedule:
        at: "2026-12-01T02:00"
        timeZone: "Europe/Warsaw"
      dryRun: false
      approved:
        cms_page:
          new:
            - "41@9f2ac1d05b7e3a10"
    "#);
}

#[test]
fn another_time_takes_the_place_of_the_old_one() {
    for (before, after) in [
        (
            "  schedule:   # at night\n    # Jo is awake\n    at: 2026-11-01T02:00  # local\n    timeZone: Europe/Warsaw\n  dryRun: true # first\n",
            "  schedule:   # at night\n    # Jo is awake\n    at: \"2026-12-01T02:00\"  # local\n    timeZone: Europe/Warsaw\n  dryRun: false # first\n",
        ),
        (
            "  schedule: {at: \"2026-11-01T02:00\", timeZone: UTC}  # at night\n  dryRun: \n",
            "  schedule: {at: \"2026-12-01T02:00\", timeZone: \"Europe/Warsaw\"}  # at night\n  dryRun: false \n",
        ),
        (
            "  dryRun: ~\n  schedule: ~ # soon\n",
            "  dryRun: false\n  schedule: # soon\n    at: \"2026-12-01T02:00\"\n    timeZone: \"Europe/Warsaw\"\n",
        ),
    ] {
        let edited = scheduled(&job(before), Some(at("2026-12-01T02:00")), Some(false), None);
        let (head, _) = edited.split_once("  approved:").unwrap();
        assert_eq!(head, job(after));
        // And taken out.
        let without = scheduled(&edited, Some(Time::AsSoonAsApproved), None, None);
        assert!(!without.contains("schedule") && without.contains("dryRun: false"), "{without}");
    }
}

#[test]
fn a_key_goes_from_between_braces_as_well() {
    let spec = |inner: &str| {
        format!(
            "{{\"kind\": \"SyncJob\", \"metadata\": {{\"name\": \"spring\"}}, \"spec\": {{{inner}}}}}\n"
        )
    };
    let schedule = "\"schedule\": {\"at\": \"2026-11-01T02:00\", \"timeZone\": \"UTC\"}";
    let approved = "\"approved\": {\"cms_page\": {\"new\": [\"41@9f2ac1d05b7e3a10\"]}}";
    for (before, after) in [
        (format!("{schedule}, \"mode\": \"all\""), format!("\"mode\": \"all\", {approved}")),
        (format!("\"mode\": \"all\", {schedule}"), format!("\"mode\": \"all\", {approved}")),
    ] {
        let soon = Some(Time::AsSoonAsApproved);
        assert_eq!(scheduled(&spec(&before), soon, None, None), spec(&after));
    }
    let both =
        scheduled(&spec("\"mode\": \"all\""), Some(at("2026-12-01T02:00")), Some(true), Some(3));
    let json: serde_json::Value = serde_json::from_str(&both).unwrap();
    assert_eq!(json["spec"]["schedule"]["timeZone"], "Europe/Warsaw");
    assert_eq!(json["spec"]["dryRun"], true);
    assert_eq!(json["spec"]["request"], 3);
}

#[test]
fn a_new_key_stays_out_of_the_place_of_one_that_goes() {
    let spec =
        |inner: &str| format!("kind: SyncJob\nmetadata: {{name: spring}}\nspec: {{{inner}}}\n");
    let (soon, approved) =
        (Some(Time::AsSoonAsApproved), "approved: {cms_page: {new: [\"41@9f2ac1d05b7e3a10\"]}}");
    let old = "schedule: {at: \"2026-11-01T02:00\", timeZone: UTC}";
    for (before, after) in [
        (
            format!("mode: all, {old}, approved: {{}}"),
            format!("mode: all, dryRun: true, request: 2, {approved}"),
        ),
        (format!("{old}, approved: {{}}"), format!("{approved}, dryRun: true, request: 2")),
        (format!("mode: all, {old}"), format!("mode: all, dryRun: true, request: 2, {approved}")),
    ] {
        assert_eq!(scheduled(&spec(&before), soon.clone(), Some(true), Some(2)), spec(&after));
    }
}

#[test]
fn a_time_that_cannot_be_edited_is_shown_instead() {
    let text = job("  schedule: {at: \"2026-11-01T02:00\", # night\n    timeZone: UTC, x: 1}\n");
    let wanted =
        Edit { time: Some(at("2026-12-01T02:00")), dry_run: Some(true), ..Edit::default() };
    let error = edit(&text, "spring", wanted).unwrap_err().to_string();
    assert!(error.contains("by hand:\nschedule:\n  at: \"2026-12-01T02:00\"\n"), "{error}");
    assert!(error.contains("dryRun: true\napproved: {}"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn only_what_is_asked_for_changes(
        before in any_approved(),
        approved in any_approved(),
        noise in prop::collection::vec(any::<u8>(), 0..160),
        keys in prop::collection::vec((0..5usize, prop::bool::ANY), 3),
        time in prop::sample::select(vec![None, Some(Time::AsSoonAsApproved), Some(at("2026-12-01T02:00"))]),
        dry_run in prop::option::of(prop::bool::ANY),
        request in prop::option::of(1..9u64),
    ) {
        const OTHERS: [[&str; 3]; 3] = [
            [
                "  schedule: {at: \"2026-11-01T02:00\", timeZone: UTC} # s\n",
                "  schedule:   # s\n    # own 0\n    at: 2026-11-01T02:00 # t\n    timeZone: UTC\n",
                "  schedule:\n      timeZone: Europe/Warsaw\n      at: '2026-12-01T02:00'\n  # own 0\n",
            ],
            ["  dryRun: true\n", "  dryRun: false # d\n", "  # own 0\n  dryRun: ~\n"],
            ["  request: 2\n", "  # own 0\n\n  request: 3 # r\n", "  request: 0x10\n"],
        ];
        let (mut head, mut tail) = (job("  modules: [cms] # m\n"), String::new());
        for ((choice, is_first), written) in keys.into_iter().zip(OTHERS) {
            let part = if is_first { &mut head } else { &mut tail };
            *part += written.get(choice).copied().unwrap_or_default();
        }
        let mut layout = Layout { text: head, noise, comments: 0 };
        layout.approved(&before);
        let text = layout.text.clone() + &tail;
        let wanted = Edit { approved, time, dry_run, request };
        // It reads itself back.
        let edited = edit(&text, "spring", wanted.clone())
            .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        for number in 1..=layout.comments {
            prop_assert!(edited.contains(&format!("# own {number}")), "{}\n->\n{}", text, edited);
        }
        let own = |text: &str| text.matches("# own 0").count();
        prop_assert_eq!(own(&edited), own(&text), "{}\n->\n{}", text, edited);
        prop_assert_eq!(&edit(&edited, "spring", wanted).unwrap(), &edited, "twice is once");
    }

    /// It reads itself back, so being edited at all is being edited rightly.
    #[test]
    fn a_spec_on_one_line_takes_whatever_is_asked_for(
        there in prop::sample::subsequence((0..6usize).collect::<Vec<_>>(), 1..=6).prop_shuffle(),
        is_json in prop::bool::ANY,
        approved in any_approved(),
        time in prop::sample::select(vec![None, Some(Time::AsSoonAsApproved), Some(at("2026-12-01T02:00"))]),
        dry_run in prop::option::of(prop::bool::ANY),
        request in prop::option::of(1..9u64),
    ) {
        const KEYS: [(&str, &str); 6] = [
            ("mode", "\"all\""),
            ("schedule", "{\"at\": \"2026-11-01T02:00\", \"timeZone\": \"UTC\"}"),
            ("dryRun", "false"),
            ("request", "2"),
            ("approved", "{\"banner\": {\"new\": [\"1@0000000000000000\"]}}"),
            ("notify", "[]"),
        ];
        let quote = if is_json { "\"" } else { "" };
        let written = there.iter().map(|at| format!("{quote}{}{quote}: {}", KEYS[*at].0, KEYS[*at].1));
        let spec = written.collect::<Vec<_>>().join(", ");
        let text = match is_json {
            true => format!("{{\"kind\": \"SyncJob\", \"metadata\": {{\"name\": \"spring\"}}, \"spec\": {{{spec}}}}}\n"),
            false => format!("kind: SyncJob\nmetadata: {{name: spring}}\nspec: {{{spec}}} # one line\n"),
        };
        let wanted = Edit { approved, time, dry_run, request };
        let is_all_that_is_there = there == [1] && wanted.time == Some(Time::AsSoonAsApproved);
        prop_assume!(!is_all_that_is_there);
        let edited = edit(&text, "spring", wanted.clone())
            .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(edited.contains("# one line"), !is_json);
        if is_json {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&edited).is_ok(), "{}", edited);
        }
        prop_assert_eq!(&edit(&edited, "spring", wanted).unwrap(), &edited, "twice is once");
    }
}
