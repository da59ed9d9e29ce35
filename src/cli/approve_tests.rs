//! Approving into a real file, from a plan file or a comparison.

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;

use clap::Parser;

use super::approve::{ApproveError, Args, Report, run};
use crate::manifest::sync_job::{Schedule, SyncJobSpec};
use crate::plan::change::{Answer, Class, ConflictKind, Plan};
use crate::plan::render::json;
use crate::plan::render::sample::{change, conflict, plan};

const MANIFEST: &str = "# The spring campaign
apiVersion: reconcile/v1
kind: SyncJob
metadata: {name: spring-campaign}
spec:
  direction: TEST -> PROD  # as always
  mode: all
  modules: [cms-pages]
  approved:
    page:
      new:
        - \"41@0000000000000000\"  # Jo looked at it
        - \"44@0000000000000000\"
";

fn reviewed() -> Plan {
    let mut needy = change(Class::New, "page", "41");
    needy.depends_on = vec!["media/17".into()];
    let mut reused = change(Class::Conflict, "page", "9");
    reused.conflict =
        Some(conflict(ConflictKind::IdReused, &[Answer::Overwrite, Answer::Renumber]));
    let mut stuck = change(Class::Conflict, "page", "10");
    stuck.conflict = Some(conflict(ConflictKind::UniqueTaken, &[]));
    let mut newer = change(Class::Modified, "page", "6");
    newer.target_newer = true;
    let changes = vec![
        reused,
        stuck,
        needy,
        change(Class::New, "page", "42"),
        change(Class::Modified, "page", "5"),
        newer,
        change(Class::Deleted, "page", "3"),
        change(Class::New, "media", "17"),
        change(Class::New, "price", "7,EUR"),
    ];
    plan(changes)
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

struct Desk {
    folder: tempfile::TempDir,
    plan: Plan,
    spec: SyncJobSpec,
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("spring.yaml"), MANIFEST).unwrap();
    let spec =
        serde_json::from_value(serde_json::json!({"direction": "TEST -> PROD", "mode": "all"}));
    Desk { folder, plan: reviewed(), spec: spec.unwrap() }
}

impl Desk {
    fn file(&self) -> PathBuf {
        self.folder.path().join("spring.yaml")
    }

    fn approve(&self, line: &[&str]) -> Result<Report, ApproveError> {
        let words = ["approve", "spring-campaign"].iter().chain(line);
        let args = Line::parse_from(words).args;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let compare = || async { Ok::<_, Infallible>(self.plan.clone()) };
        runtime.block_on(run(&args, &self.file(), &self.spec, compare))
    }

    /// The report and the approvals in the file afterwards.
    fn told(&self, line: &[&str]) -> String {
        let folder = self.folder.path().display().to_string() + "/";
        let report = match self.approve(line) {
            Ok(report) => report.text(),
            Err(error) => return error.to_string().replace(&folder, ""),
        };
        let text = fs::read_to_string(self.file()).unwrap();
        let approved = text.split_once("modules: [cms-pages]\n").unwrap().1;
        report.replace(&folder, "") + approved
    }
}

#[test]
fn pins_are_written_in_the_place_of_older_ones() {
    let told = desk().told(&["--new", "page/41", "--overwrite", "page/9", "--deleted", "page/3"]);
    insta::assert_snapshot!(told, @r#"
    Written to spring.yaml:
      + overwrite  page/9  9@9f2ac1d05b7e3a10
      + new        page/41  41@9f2ac1d05b7e3a10
      + deleted    page/3  3@9f2ac1d05b7e3a10
    missing: page/41 is approved but needs media/17, which is neither approved nor on the target; approve it too, or use --with-dependencies
      approved:
        page:
          new:
            - "41@9f2ac1d05b7e3a10"  # Jo looked at it
            - "44@0000000000000000"
          deleted:
            - "3@9f2ac1d05b7e3a10"
          overwrite:
            - "9@9f2ac1d05b7e3a10"
    "#);
}

#[test]
fn dependencies_are_added_when_asked_for() {
    insta::assert_snapshot!(desk().told(&["--new", "page/41", "--with-dependencies"]), @r#"
    Written to spring.yaml:
      + new        page/41  41@9f2ac1d05b7e3a10
      + new        media/17  17@9f2ac1d05b7e3a10  (needed)
      approved:
        page:
          new:
            - "41@9f2ac1d05b7e3a10"  # Jo looked at it
            - "44@0000000000000000"
        media:
          new:
            - "17@9f2ac1d05b7e3a10"
    "#);
}

#[test]
fn all_and_stars_leave_out_what_was_edited_later() {
    insta::assert_snapshot!(desk().told(&["--new", "page/4*,price/7,EUR,media/*", "--modified", "all"]), @r#"
    Written to spring.yaml:
      + new        page/41  41@9f2ac1d05b7e3a10
      + new        page/42  42@9f2ac1d05b7e3a10
      + modified   page/5  5@9f2ac1d05b7e3a10
      + new        media/17  17@9f2ac1d05b7e3a10
      + new        price/7,EUR  7,EUR@9f2ac1d05b7e3a10
    left out: page/6 was edited on PROD after TEST; name it to approve it
      approved:
        page:
          new:
            - "41@9f2ac1d05b7e3a10"  # Jo looked at it
            - "44@0000000000000000"
            - "42@9f2ac1d05b7e3a10"
          modified:
            - "5@9f2ac1d05b7e3a10"
        media:
          new:
            - "17@9f2ac1d05b7e3a10"
        price:
          new:
            - "7,EUR@9f2ac1d05b7e3a10"
    "#);
    insta::assert_snapshot!(desk().told(&["--new", "price/7,EUR", "--modified", "page/6,page/5"]), @r#"
    Written to spring.yaml:
      + modified   page/5  5@9f2ac1d05b7e3a10
      + modified   page/6  6@9f2ac1d05b7e3a10
      + new        price/7,EUR  7,EUR@9f2ac1d05b7e3a10
      approved:
        page:
          new:
            - "41@0000000000000000"  # Jo looked at it
            - "44@0000000000000000"
          modified:
            - "5@9f2ac1d05b7e3a10"
            - "6@9f2ac1d05b7e3a10"
        price:
          new:
            - "7,EUR@9f2ac1d05b7e3a10"
    "#);
}

#[test]
fn approvals_are_taken_back() {
    insta::assert_snapshot!(desk().told(&["--remove", "page/44"]), @r#"
    Written to spring.yaml:
      - new        page/44  44@0000000000000000
      approved:
        page:
          new:
            - "41@0000000000000000"  # Jo looked at it
    "#);
    insta::assert_snapshot!(desk().told(&["--remove", "all"]), @r#"
    Written to spring.yaml:
      - new        page/41  41@0000000000000000
      - new        page/44  44@0000000000000000
      approved: {}
    "#);
    insta::assert_snapshot!(desk().told(&["--remove", "page/45", "--remove", "nothing/*"]), @r#"
    nothing was written:
      --remove: nothing approved is named page/45; did you mean page/41 or page/44?
      --remove: nothing approved is named nothing/*
    "#);
}

#[test]
fn an_answer_can_be_changed() {
    let desk = desk();
    desk.approve(&["--overwrite", "page/9"]).unwrap();
    let report = desk.approve(&["--renumber", "all"]).unwrap();
    assert_eq!(report.approved.len(), 1);
    let text = fs::read_to_string(desk.file()).unwrap();
    assert!(!text.contains("overwrite") && text.contains("renumber"), "{text}");
    assert!(!desk.approve(&["--renumber", "all"]).unwrap().changed);
}

#[test]
fn what_the_plan_does_not_hold_is_refused_all_at_once() {
    let desk = desk();
    insta::assert_snapshot!(desk.told(&[
        "--new", "page/411", "--new", "page/5", "--new", "shop/*", "--modified", "page/9",
        "--adopt", "page/9", "--overwrite", "page/10", "--renumber", "page/9", "--overwrite", "page/9",
    ]), @r#"
    nothing was written:
      --new: the plan holds no page/411; did you mean page/41, page/10 or page/42?
      --new: page/5 is modified: use --modified
      --new: the plan holds no shop/*
      --modified: page/9 is in conflict: answer with --overwrite or --renumber
      --overwrite: page/10 is in conflict and can't be approved, only mended
      --adopt: page/9 is in conflict: answer with --overwrite or --renumber
      page/9 is asked for under both --overwrite and --renumber
    "#);
    assert_eq!(fs::read_to_string(desk.file()).unwrap(), MANIFEST);
    insta::assert_snapshot!(desk.told(&[]), @r#"nothing to approve: name records with --new, --modified, --deleted, --overwrite, --adopt or --renumber, or take some back with --remove"#);
}

#[test]
fn a_needed_conflict_wants_an_answer() {
    let mut desk = desk();
    desk.plan.changes[2].depends_on = vec!["page/9".into()];
    insta::assert_snapshot!(desk.told(&["--new", "page/41", "--with-dependencies"]), @r#"
    nothing was written:
      page/41 needs page/9, which is in conflict: answer that first
    "#);
    let both = desk.approve(&["--new", "page/41", "--renumber", "page/9", "--with-dependencies"]);
    assert_eq!(both.unwrap().missing, []);
}

#[test]
fn a_plan_file_needs_no_comparison() {
    let mut desk = desk();
    let path = desk.folder.path().join("plan.json");
    fs::write(&path, json(&desk.plan)).unwrap();
    let line = ["--new", "page/42", "--plan", path.to_str().unwrap()];
    desk.plan = plan(vec![]);
    let report = desk.approve(&line).unwrap();
    let told = report.json().replace(&desk.folder.path().display().to_string(), "");
    insta::assert_snapshot!(told, @r#"
    {
      "job": "spring-campaign",
      "file": "/spring.yaml",
      "changed": true,
      "approved": [
        {
          "heading": "new",
          "name": "page/42",
          "entry": "42@9f2ac1d05b7e3a10"
        }
      ],
      "dependencies": [],
      "removed": [],
      "missing": [],
      "targetNewer": [],
      "unwritable": []
    }
    "#);
    fs::write(&path, "{}").unwrap();
    assert!(matches!(desk.approve(&line), Err(ApproveError::NotAPlan { .. })));
    fs::write(&path, json(&Plan { job: "other".into(), ..reviewed() })).unwrap();
    insta::assert_snapshot!(desk.told(&line), @r#"the plan can't be used: it is of the job other"#);
    fs::write(&path, json(&Plan { format_version: "2.0".into(), ..reviewed() })).unwrap();
    insta::assert_snapshot!(desk.told(&line), @r#"the plan can't be used: its format is 2.0, this program reads 1.x"#);
}

#[test]
fn recurring_jobs_take_no_pins() {
    let mut desk = desk();
    let cron = Some("0 2 * * 1".into());
    desk.spec.schedule = Some(Schedule { at: None, cron, time_zone: "Europe/Warsaw".into() });
    insta::assert_snapshot!(desk.told(&["--new", "all"]), @r#"spring-campaign has a cron schedule, and pins can't hold twice: write all under its classes instead"#);
}

#[test]
fn more_pins_than_a_manifest_may_hold_are_refused_with_a_way_out() {
    let mut desk = desk();
    let changes = (0..60_000).map(|id| change(Class::New, "page", &id.to_string()));
    desk.plan = plan(changes.collect());
    let said = desk.told(&["--new", "all"]);
    assert!(said.contains("of at most 1048576"), "{said}");
    let digest: String = desk.plan.digest.chars().take(16).collect();
    assert!(said.contains(&format!("write \"all@{digest}\"")), "{said}");
    assert_eq!(fs::read_to_string(desk.file()).unwrap(), MANIFEST);
}
