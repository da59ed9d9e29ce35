//! What was ticked, held against what a run makes of it.

use std::collections::{BTreeMap, BTreeSet};

use super::amend::Refusal;
use super::approval::{Approving, Missing, Selected, approve};
use super::change::{Answer, Change, Class, ConflictKind, Plan};
use super::heading::Heading;
use super::render::sample::{change, conflict, plan};
use super::ticked::{Ticked, choose, unseen};
use crate::manifest::sync_job::Approvals;

fn ticked(entries: &[(&str, Heading, &str)]) -> Ticked {
    let mut ticked = Ticked::new();
    for (table, heading, id) in entries {
        let ids = ticked.entry((*table).to_owned()).or_default().entry(*heading).or_default();
        ids.push((*id).to_owned());
    }
    ticked
}

fn reused(id: &str) -> Change {
    let mut reused = change(Class::Conflict, "page", id);
    reused.conflict =
        Some(conflict(ConflictKind::IdReused, &[Answer::Overwrite, Answer::Renumber]));
    reused
}

fn refusals(plan: &Plan, entries: &[(&str, Heading, &str)]) -> Vec<String> {
    choose(plan, &ticked(entries)).unwrap_err().iter().map(Refusal::to_string).collect()
}

#[test]
fn ids_become_pins_in_the_plans_order() {
    let mut needy = change(Class::New, "page", "42");
    needy.depends_on = vec!["page/41".into(), "banner/1".into()];
    let changes = vec![
        reused("9"),
        change(Class::New, "page", "41"),
        needy,
        change(Class::New, "banner", "1"),
    ];
    let plan = plan(changes);
    let wanted = [
        ("page", Heading::New, "42"),
        ("page", Heading::New, "41"),
        ("page", Heading::Overwrite, "9"),
    ];
    let chosen = choose(&plan, &ticked(&wanted)).unwrap();
    let pins: Vec<String> = chosen.approved["page"].new.iter().map(ToString::to_string).collect();
    assert_eq!(pins, [plan.changes[1].pin.clone(), plan.changes[2].pin.clone()]);
    assert_eq!(chosen.approved["page"].overwrite[0].to_string(), plan.changes[0].pin);
    let missing: Vec<&str> = chosen.missing.iter().map(|it| it.needs.as_str()).collect();
    assert_eq!(missing, ["banner/1"]);
    assert_eq!(chosen.counts["page"], BTreeMap::from([(Heading::New, 2), (Heading::Overwrite, 1)]));
}

#[test]
fn what_the_plan_does_not_offer_is_refused() {
    let plan = plan(vec![
        reused("9"),
        change(Class::New, "page", "41"),
        change(Class::New, "f", "all"),
        change(Class::New, "f", "1"),
    ]);
    for (entries, why) in [
        (&[("page", Heading::New, "77")][..], "the plan holds no page/77"),
        (&[("page", Heading::Modified, "41")], "page/41 is new: use --new"),
        (&[("page", Heading::Adopt, "9")], "answer with --overwrite or --renumber"),
        (
            &[("page", Heading::Overwrite, "9"), ("page", Heading::Renumber, "9")],
            "asked for under both",
        ),
        (&[("f", Heading::New, "all")], "no manifest can name it"),
    ] {
        let refused = refusals(&plan, entries);
        assert!(refused.len() == 1 && refused[0].contains(why), "{why}: {refused:?}");
    }
}

/// Through the plan's digest it was approved, so ticked as it was it stays approved.
#[test]
fn what_no_manifest_can_name_is_approved_with_all_of_its_list() {
    let plan = plan(vec![change(Class::New, "f", "all"), change(Class::New, "f", "1")]);
    let both = ticked(&[("f", Heading::New, "1"), ("f", Heading::New, "all")]);
    let chosen = choose(&plan, &both).unwrap();
    let new: Vec<String> = chosen.approved["f"].new.iter().map(ToString::to_string).collect();
    assert_eq!(new, [format!("all@{}", &plan.digest[..16])]);
    // What can be named is named.
    let one = choose(&plan, &ticked(&[("f", Heading::New, "1")])).unwrap();
    assert_eq!(one.approved["f"].new[0].to_string(), plan.changes[1].pin);
}

#[test]
fn approvals_that_the_plan_does_not_show_are_counted() {
    let changes = ["1", "2", "3"].map(|id| change(Class::New, "page", id));
    let mut plan = plan(changes.to_vec());
    plan.done = vec!["page/4".into()];
    let shown = plan.changes[0].pin.as_str();
    let own = format!("all@{}", &plan.digest[..16]);
    let old = [
        (shown, false),
        ("2@0000000000000000", true),
        ("3@0000000000000000", false),
        ("77@0000000000000000", true),
        ("77", true),
        ("4@0000000000000000", false),
        ("1", false),
        (own.as_str(), false),
        ("all@ffffffffffffffff", true),
    ];
    // The third is ticked as it is now.
    let chosen = choose(&plan, &ticked(&[("page", Heading::New, "3")])).unwrap();
    for (entry, is_unseen) in old {
        let approvals = Approvals { new: vec![entry.parse().unwrap()], ..Approvals::default() };
        let old = BTreeMap::from([("page".to_owned(), approvals)]);
        assert_eq!(unseen(&plan, &old, &chosen), usize::from(is_unseen), "{entry}");
    }
    let modified = Approvals { modified: vec!["1".parse().unwrap()], ..Approvals::default() };
    assert_eq!(unseen(&plan, &BTreeMap::from([("page".to_owned(), modified)]), &chosen), 1);
}

/// Nobody reads a thousand pins; what they stand for stays the same, also once something has moved.
#[test]
fn a_long_list_of_all_there_are_is_the_plans_own() {
    let ids: Vec<String> = (0..150).map(|id| id.to_string()).collect();
    let mut plan = plan(ids.iter().map(|id| reused(id)).collect());
    plan.changes.push(change(Class::New, "page", "200"));
    let all: Vec<_> = ids.iter().map(|id| ("page", Heading::Overwrite, id.as_str())).collect();
    let chosen = choose(&plan, &ticked(&all)).unwrap();
    let digest = plan.digest[..16].to_owned();
    assert_eq!(chosen.approved["page"].overwrite[0].to_string(), format!("all@{digest}"));
    assert_eq!(chosen.approved["page"].overwrite.len(), 1);
    // One of them less, and each is named.
    let fewer = choose(&plan, &ticked(&all[1..])).unwrap();
    assert_eq!(fewer.approved["page"].overwrite.len(), 149);
    let mut moved = plan.clone();
    moved.digest = "0".repeat(32);
    moved.changes[3].pin = "3@0000000000000000".into();
    for (now, selected, stale) in [(&plan, 150, 0), (&moved, 149, 1)] {
        let decided = approve(&Approving {
            plan: now,
            approved: &chosen.approved,
            done: &BTreeSet::new(),
            missing: Missing::Keep,
            elsewhere: &BTreeSet::new(),
            stored: &BTreeMap::from([(digest.clone(), plan.clone())]),
        });
        assert_eq!((decided.selected.len(), decided.stale.len()), (selected, stale));
        let overwrites = |(_, how): &(usize, Selected)| *how == Selected::Answer(Answer::Overwrite);
        assert!(decided.selected.iter().all(overwrites));
        assert!(decided.problems.is_empty(), "{:?}", decided.problems);
    }
}
