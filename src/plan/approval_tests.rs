//! What is approved, case by case.

use std::collections::{BTreeMap, BTreeSet};

use super::approval::{Approved, Approving, Missing, Selected, approve};
use super::change::{Answer, Change, Class, ConflictKind, Plan};
use super::dependency::{missing_dependencies, skip_stale, with_dependencies};
use super::heading::Heading;
use super::render::sample::{change, conflict, plan};
use crate::manifest::sync_job::{Approvals, Direction};

const PIN: &str = "9f2ac1d05b7e3a10";
const OTHER: &str = "0000000000000000";

/// A plan with one change of each kind that matters, `page/ID`.
fn changes() -> Vec<Change> {
    let mut reused = change(Class::Conflict, "page", "9");
    reused.conflict =
        Some(conflict(ConflictKind::IdReused, &[Answer::Overwrite, Answer::Renumber]));
    let mut stuck = change(Class::Conflict, "page", "10");
    stuck.conflict = Some(conflict(ConflictKind::UniqueTaken, &[]));
    let mut newer = change(Class::Modified, "page", "6");
    newer.target_newer = true;
    vec![
        reused,
        stuck,
        change(Class::New, "page", "41"),
        change(Class::Modified, "page", "5"),
        newer,
        change(Class::Deleted, "page", "3"),
        change(Class::Deleted, "page", "4"),
    ]
}

struct Case {
    plan: Plan,
    done: BTreeSet<String>,
    missing: Missing,
    elsewhere: BTreeSet<String>,
    stored: BTreeMap<String, Plan>,
}

fn case(direction: Direction) -> Case {
    let plan = Plan { direction, ..plan(changes()) };
    let stored = BTreeMap::from([(plan.digest[..16].to_owned(), plan.clone())]);
    Case { plan, done: BTreeSet::new(), missing: Missing::Keep, elsewhere: BTreeSet::new(), stored }
}

impl Case {
    /// Approves `heading entry` pairs of the table `page`; tells what comes of it in words.
    fn told(&self, entries: &[(Heading, &str)]) -> String {
        tell(&self.plan, &self.approved(entries))
    }

    fn approved(&self, entries: &[(Heading, &str)]) -> Approved {
        let mut approvals = Approvals::default();
        for (heading, entry) in entries {
            heading.entries_mut(&mut approvals).push(entry.parse().unwrap());
        }
        approve(&Approving {
            plan: &self.plan,
            approved: &BTreeMap::from([("page".to_owned(), approvals)]),
            done: &self.done,
            missing: self.missing,
            elsewhere: &self.elsewhere,
            stored: &self.stored,
        })
    }
}

fn tell(plan: &Plan, approved: &Approved) -> String {
    let mut lines = Vec::new();
    for (at, selected) in &approved.selected {
        let id = &plan.changes[*at].id;
        lines.push(match selected {
            Selected::AsIs => format!("selected {id}"),
            Selected::Answer(answer) => format!("selected {id}: {answer:?}").to_lowercase(),
        });
    }
    lines.extend(approved.stale.iter().map(|stale| format!("stale: {stale}")));
    lines.extend(approved.problems.iter().map(|problem| format!("problem: {problem}")));
    lines.extend(approved.done.iter().map(|done| format!("done {done}")));
    lines.join("\n")
}

fn to_prod(entries: &[(Heading, &str)]) -> String {
    case(Direction::TestToProd).told(entries)
}

fn to_test(entries: &[(Heading, &str)]) -> String {
    case(Direction::ProdToTest).told(entries)
}

fn pinned(id: &str) -> String {
    format!("{id}@{PIN}")
}

#[test]
fn a_pin_that_holds_selects() {
    assert_eq!(to_prod(&[(Heading::New, &pinned("41"))]), "selected 41");
    assert_eq!(to_prod(&[(Heading::Modified, &pinned("6"))]), "selected 6");
    assert_eq!(to_prod(&[(Heading::Deleted, &pinned("3"))]), "selected 3");
    assert_eq!(
        to_prod(&[(Heading::New, &pinned("41")), (Heading::New, &pinned("41"))]),
        "selected 41"
    );
}

#[test]
fn what_moved_is_stale_and_said() {
    let old = |id: &str| format!("{id}@{OTHER}");
    insta::assert_snapshot!(to_prod(&[
        (Heading::New, &old("41")),
        (Heading::New, &old("5")),
        (Heading::Modified, &old("9")),
        (Heading::Modified, &old("77")),
    ]), @r#"
    stale: page/41 was approved as new and differs in another way now; compare again and approve what you see
    stale: page/5 was approved as new and is modified now; compare again and approve what you see
    stale: page/9 was approved as modified and is in conflict now; compare again and approve what you see
    stale: page/77 was approved as modified and is no change any more; compare again and approve what you see
    "#);
}

#[test]
fn a_current_pin_under_the_wrong_heading_is_told_where_to_go() {
    insta::assert_snapshot!(to_prod(&[
        (Heading::New, &pinned("5")),
        (Heading::New, &pinned("9")),
        (Heading::Adopt, &pinned("9")),
        (Heading::Overwrite, &pinned("10")),
    ]), @r#"
    problem: approved.page.new: 5 is modified, which is approved under modified
    problem: approved.page.new: 9 is in conflict, which is approved under overwrite or renumber
    problem: approved.page.overwrite: 10 is in conflict and can't be approved, only mended
    problem: approved.page.adopt: 9 is in conflict, which is approved under overwrite or renumber
    "#);
}

#[test]
fn conflicts_take_only_answers_that_are_offered() {
    assert_eq!(to_prod(&[(Heading::Overwrite, &pinned("9"))]), "selected 9: overwrite");
    assert_eq!(to_prod(&[(Heading::Renumber, &pinned("9"))]), "selected 9: renumber");
    insta::assert_snapshot!(
        to_prod(&[(Heading::Overwrite, &pinned("9")), (Heading::Renumber, &pinned("9"))]), @r#"
    selected 9: overwrite
    problem: page/9 is approved under both overwrite and renumber; keep one
    "#);
}

#[test]
fn towards_prod_nothing_goes_without_a_pin() {
    insta::assert_snapshot!(to_prod(&[
        (Heading::New, "41"),
        (Heading::New, "all"),
        (Heading::Deleted, "all"),
        (Heading::Modified, "55"),
    ]), @r#"
    problem: approved.page.new: 41 needs its pin for TEST -> PROD; after reviewing it, write "41@9f2ac1d05b7e3a10"
    problem: approved.page.modified: the plan holds no page/55; did you mean page/5, page/3 or page/4?
    problem: approved.page.new: a bare all is only for PROD -> TEST; after reviewing the plan, write "all@0123456789abcdef"
    problem: approved.page.deleted: a bare all is only for PROD -> TEST; after reviewing the plan, write "all@0123456789abcdef"
    "#);
}

#[test]
fn towards_test_bare_ids_will_do() {
    assert_eq!(
        to_test(&[(Heading::New, "41"), (Heading::Overwrite, "9")]),
        "selected 9: overwrite\nselected 41"
    );
    assert_eq!(to_test(&[(Heading::Modified, "6")]), "selected 6", "named, though edited later");
    insta::assert_snapshot!(to_test(&[(Heading::New, "5"), (Heading::New, "411"), (Heading::Adopt, "9")]), @r#"
    stale: page/5 was approved as new and is modified now; compare again and approve what you see
    problem: approved.page.new: the plan holds no page/411; did you mean page/41, page/4 or page/10?
    problem: approved.page.adopt: 9 is in conflict, which is approved under overwrite or renumber
    "#);
}

#[test]
fn a_bare_all_spares_what_was_edited_later_and_what_is_named() {
    assert_eq!(
        to_test(&[(Heading::New, "all"), (Heading::Modified, "all")]),
        "selected 41\nselected 5"
    );
    assert_eq!(to_test(&[(Heading::Overwrite, "all")]), "selected 9: overwrite");
    assert_eq!(
        to_test(&[(Heading::Overwrite, "all"), (Heading::Renumber, "9")]),
        "selected 9: renumber"
    );
    assert_eq!(to_test(&[(Heading::Adopt, "all")]), "", "no conflict offers it");
    insta::assert_snapshot!(to_test(&[(Heading::Overwrite, "all"), (Heading::Renumber, "all")]), @r#"
    selected 9: overwrite
    problem: page/9 is approved under both overwrite and renumber; keep one
    "#);
    let stale = format!("41@{OTHER}");
    assert!(!to_test(&[(Heading::New, "all"), (Heading::New, &stale)]).contains("selected"));
}

#[test]
fn deletions_are_named_or_asked_for_as_missing() {
    insta::assert_snapshot!(to_test(&[(Heading::Deleted, "all")]), @r#"problem: approved.page.deleted: all never approves deletions; name them, or say deleteMissing: true and all under new or modified"#);
    let mut refresh = case(Direction::ProdToTest);
    refresh.missing = Missing::Delete;
    let all = [(Heading::New, "all"), (Heading::Modified, "all")];
    assert_eq!(refresh.told(&all), "selected 41\nselected 5\nselected 3\nselected 4");
    assert_eq!(refresh.told(&[(Heading::New, "41")]), "selected 41", "no bare all, no deletion");
    refresh.elsewhere.insert("page/3".into());
    assert_eq!(refresh.told(&all), "selected 41\nselected 5\nselected 4");
    refresh.plan.direction = Direction::TestToProd;
    assert!(!refresh.told(&all).contains("selected"));
}

#[test]
fn all_of_a_plan_stands_for_the_pins_it_showed() {
    let digest = "all@0123456789abcdef";
    assert_eq!(to_prod(&[(Heading::Modified, digest)]), "selected 5\nselected 6");
    assert_eq!(to_prod(&[(Heading::Renumber, digest)]), "selected 9: renumber");
    assert_eq!(
        to_prod(&[(Heading::Deleted, digest), (Heading::New, &pinned("41"))]),
        "selected 41\nselected 3\nselected 4"
    );
    let mut moved = case(Direction::TestToProd);
    moved.plan.changes[3].pin = format!("5@{OTHER}");
    moved.plan.changes.remove(4);
    moved.plan.digest = "e".repeat(32);
    insta::assert_snapshot!(moved.told(&[(Heading::Modified, digest)]), @r#"
    stale: page/5 was approved as modified and differs in another way now; compare again and approve what you see
    stale: page/6 was approved as modified and is no change any more; compare again and approve what you see
    "#);
    insta::assert_snapshot!(to_prod(&[(Heading::New, "all@ffffffffffffffff")]), @r#"problem: approved.page.new: no plan with the digest ffffffffffffffff is stored here; compare again and approve what it shows"#);
}

#[test]
fn applied_entries_are_done_not_stale() {
    let mut again = case(Direction::TestToProd);
    let applied = format!("5@{OTHER}");
    again.done.insert(format!("page/{applied}"));
    assert_eq!(again.told(&[(Heading::Modified, &applied)]), "done page/5");
    assert_eq!(again.told(&[(Heading::Modified, &pinned("5"))]), "selected 5", "approved anew");
    let mut gone = case(Direction::ProdToTest);
    gone.done.insert("page/70".into());
    assert_eq!(gone.told(&[(Heading::New, "70")]), "done page/70");
}

#[test]
fn a_plan_of_counts_approves_nothing() {
    let mut large = case(Direction::ProdToTest);
    large.plan.counts_only = true;
    insta::assert_snapshot!(large.told(&[(Heading::New, "all")]), @r#"problem: the plan has more than 100,000 changes, of which only counts are kept: nothing can be approved; narrow the job's modules"#);
}

/// 41 needs 5, which needs 9 (a conflict); 3 needs 41.
fn chained() -> Case {
    let mut case = case(Direction::TestToProd);
    case.plan.changes[2].depends_on = vec!["page/5".into()];
    case.plan.changes[3].depends_on = vec!["page/9".into()];
    case.plan.changes[5].depends_on = vec!["page/41".into()];
    case
}

#[test]
fn a_missing_dependency_is_named() {
    let case = chained();
    let approved = case.approved(&[(Heading::New, &pinned("41"))]);
    let missing = missing_dependencies(&case.plan, &approved.selected, &[]);
    insta::assert_snapshot!(missing[0], @r#"page/41 is approved but needs page/5, which is neither approved nor on the target; approve it too, or use --with-dependencies"#);
    assert_eq!(missing.len(), 1);
    assert_eq!(missing_dependencies(&case.plan, &approved.selected, &["page/5".into()]), []);
}

#[test]
fn dependencies_are_added_as_far_as_they_reach() {
    let case = chained();
    let approved = case.approved(&[(Heading::Deleted, &pinned("3"))]);
    let closure = with_dependencies(&case.plan, &approved.selected, &[]);
    assert_eq!(closure.added, [2, 3]);
    assert_eq!(closure.unanswered.len(), 1, "a conflict wants an answer");
    assert_eq!(closure.unanswered[0].needs, "page/9");
    let answered =
        case.approved(&[(Heading::Deleted, &pinned("3")), (Heading::Overwrite, &pinned("9"))]);
    let closure = with_dependencies(&case.plan, &answered.selected, &[]);
    assert_eq!(closure.unanswered, []);
    assert_eq!(missing_dependencies(&case.plan, &closure.selected, &[]), []);
}

#[test]
fn stale_records_stay_behind_with_their_dependants() {
    let case = chained();
    let old = format!("5@{OTHER}");
    let approved = case.approved(&[
        (Heading::Modified, &old),
        (Heading::New, &pinned("41")),
        (Heading::Deleted, &pinned("3")),
        (Heading::Deleted, &pinned("4")),
    ]);
    let skipped = skip_stale(&case.plan, approved);
    assert_eq!(skipped.selected, [(6, Selected::AsIs)]);
    let left: Vec<_> =
        skipped.dependants.iter().map(|it| (it.name.as_str(), it.needs.as_str())).collect();
    assert_eq!(left, [("page/41", "page/5"), ("page/3", "page/41")]);
    assert_eq!(skipped.stale.len(), 1);
}
