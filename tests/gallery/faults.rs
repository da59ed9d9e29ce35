//! A run's steps in a process of their own, which is ended, or fails, at every single effect.

use std::path::Path;
use std::process::{Command, ExitStatus};

use reconcile::gallery::{Folders, Gallery as _};

use super::{RUN, TRASH, Two};

const FOLDER: &str = "RECONCILE_TEST_GALLERY";

const SOURCE: [(&str, &str); 4] =
    [("f/new", "new"), ("g/deep/new", "deep"), ("f/changed", "after"), ("f/same", "same")];
const TARGET: [(&str, &str); 3] = [("f/changed", "before"), ("f/same", "same"), ("f/gone", "gone")];

/// The other process. By itself it does nothing.
#[tokio::test]
async fn steps_of_a_run() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let two = Two::at(Path::new(&folder));
    let compared = two.compared(&Folders::All).await;
    two.carry_out(&compared).await;
}

fn run(two: &Two, fault: &str) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "gallery::faults::steps_of_a_run"]).env(FOLDER, &two.folder);
    command.env("RECONCILE_TEST_EFFECT", fault).env("RECONCILE_TEST_UNSYNCED", "1");
    command.output().unwrap().status
}

/// Each name has what it had, or what it gets; and what it had is kept.
fn nothing_is_half_there(two: &Two, fault: &str) {
    let tree = two.whole_tree("target");
    let held = |path: &str| tree.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    for (path, before, after) in [
        ("f/new", None, Some("new")),
        ("g/deep/new", None, Some("deep")),
        ("f/changed", Some("before"), Some("after")),
        ("f/same", Some("same"), Some("same")),
        ("f/gone", Some("gone"), None),
    ] {
        let now = held(path);
        assert!(now.as_deref() == before || now.as_deref() == after, "{fault}: {path}: {now:?}");
        if now.as_deref() != before && before.is_some() {
            assert_eq!(held(&format!("{TRASH}/{path}")).as_deref(), before, "{fault}: {path}");
        }
    }
}

#[tokio::test]
async fn a_run_that_is_ended_at_any_effect_can_be_taken_back_or_finished() {
    for what in ["kill", "fail-from"] {
        for number in 1.. {
            let two = Two::with(&SOURCE, &TARGET);
            let compared = two.compared(&Folders::All).await;
            let fault = format!("{what}:{number}");
            let is_through = run(&two, &fault).success();
            nothing_is_half_there(&two, &fault);
            if is_through {
                assert!(number > 20, "{number}");
                break;
            }
            let target = two.gallery("target");
            let is_changed =
                two.tree("target").get("f/changed").is_none_or(|bytes| bytes != b"before");
            if is_changed || !two.path("target", "f/gone").exists() {
                // Its transaction was committed before that: whoever comes next finishes.
                two.finish(&compared).await;
                assert_eq!(two.tree("target"), two.tree("source"), "{fault}");
            } else {
                target.take_back(RUN).await.unwrap();
                target.clear(RUN).await.unwrap();
                let before = Two::with(&[], &TARGET);
                assert_eq!(two.tree("target"), before.tree("target"), "{fault}");
            }
            assert_eq!(target.left_behind().await.unwrap(), Vec::<String>::new(), "{fault}");
        }
    }
}
