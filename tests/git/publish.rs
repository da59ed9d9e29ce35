//! The branch of results: it only grows, whoever else writes to it, and nothing gets lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reconcile::git::{Error, Published, Results, Which};

use super::world::{World, git};
use super::{JOB, ended};

const BRANCH: &str = "reconcile-results";

/// A folder of result files as the daemon keeps it.
fn results(world: &World, files: &[(&str, &str)]) -> Results {
    let folder = world.state().join("results");
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Results {
        folder,
        which: Which::All,
        message: "spring: applied run 1".into(),
        author_name: "reconcile".into(),
        author_email: "reconcile@shop.example".into(),
    }
}

fn show(world: &World, path: &str) -> String {
    world.git(&["show", &format!("{BRANCH}:{path}")])
}

#[tokio::test]
async fn the_branch_is_made_and_grows_only_by_what_changed() {
    let world = World::new();
    world.change("main", "a.yaml", JOB);
    let mut mirror = world.mirror();
    let first = results(&world, &[("spring/status.yaml", "phase: Scheduled\n")]);
    // Still being written, and a way out of the folder.
    fs::write(first.folder.join("spring/.status.yaml.1"), "half").unwrap();
    fs::write(first.folder.join("spring/status.1.tmp"), "half").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", first.folder.join("spring/link")).unwrap();
    let Published::Pushed(commit) = mirror.publish(&first, &mut || true).await.unwrap() else {
        panic!()
    };
    assert_eq!(world.log(BRANCH), [commit.as_str()]);
    assert_eq!(world.git(&["ls-tree", "-r", "--name-only", BRANCH]), "results/spring/status.yaml");
    let raw = world.git(&["cat-file", "commit", BRANCH]);
    assert!(raw.ends_with("spring: applied run 1\n\nReconciled-By: reconcile"), "{raw}");
    assert!(raw.contains("\nauthor reconcile <reconcile@shop.example> "), "{raw}");
    // Nothing new, also for a process that knows nothing of the first.
    assert_eq!(mirror.publish(&first, &mut || true).await.unwrap(), Published::Nothing);
    assert_eq!(world.mirror().publish(&first, &mut || true).await.unwrap(), Published::Nothing);
    let second = results(&world, &[("spring/runs/1.yaml", "x\r\n"), ("spring/status.yaml", "b\n")]);
    let Published::Pushed(second) = mirror.publish(&second, &mut || true).await.unwrap() else {
        panic!()
    };
    assert_eq!(world.log(BRANCH), [second.as_str(), commit.as_str()]);
    assert_eq!(
        world.git(&["cat-file", "-s", &format!("{BRANCH}:results/spring/runs/1.yaml")]),
        "3"
    );
    // No index and no branch of ours stays behind.
    let left = fs::read_dir(world.clone_folder()).unwrap();
    assert!(!left.flatten().any(|it| it.file_name().to_string_lossy().contains("index")));
    assert!(!world.git(&["branch", "--list"]).contains("tmp"));
}

#[tokio::test]
async fn other_files_of_the_branch_stay() {
    let world = World::new();
    let before = world.change(BRANCH, "README.md", "about");
    let files = results(&world, &[("spring/status.yaml", "a")]);
    world.mirror().publish(&files, &mut || true).await.unwrap();
    assert_eq!(show(&world, "README.md"), "about");
    assert_eq!(world.log(BRANCH)[1..], [before.to_string()]);
    // A job that was a file and is a folder now.
    fs::remove_dir_all(files.folder.join("spring")).unwrap();
    fs::write(files.folder.join("spring"), "b").unwrap();
    world.mirror().publish(&files, &mut || true).await.unwrap();
    assert_eq!(show(&world, "results/spring"), "b");
}

#[tokio::test]
async fn a_clone_that_lost_the_branch_is_fetched_anew() {
    let world = World::new();
    let mut mirror = world.mirror();
    mirror.publish(&results(&world, &[("a/status.yaml", "1")]), &mut || true).await.unwrap();
    let tree = world.git(&["rev-parse", &format!("{BRANCH}:results")]);
    let path = world.clone_folder().join("objects").join(&tree[..2]).join(&tree[2..]);
    fs::remove_file(&path).unwrap();
    let files = results(&world, &[("b/status.yaml", "2")]);
    let error = mirror.publish(&files, &mut || true).await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    assert!(matches!(mirror.publish(&files, &mut || true).await.unwrap(), Published::Pushed(_)));
    assert_eq!(world.log(BRANCH).len(), 2);
    assert_eq!(show(&world, "results/a/status.yaml"), "1");
}

/// Somebody's commit comes between our fetch and our push.
fn overtaken_after_fetch(world: &World) {
    overtaken_by(world, &theirs(world));
}

fn overtaken_by(world: &World, theirs: &str) {
    let marker = world.folder.path().join("once");
    let text = format!(
        "git-upload-pack \"$@\" || exit; test -e '{m}' && exit 0;\n\
         touch '{m}'; git -C '{r}' update-ref refs/heads/{BRANCH} {theirs}",
        m = marker.display(),
        r = world.remote().display()
    );
    let script = world.script(&world.folder.path().join("pack"), &text);
    git(&world.clone_folder(), &["config", "remote.origin.uploadpack", &script], b"");
}

/// Somebody's commit comes while the remote takes ours.
fn overtaken_in_push(world: &World) {
    let (theirs, marker) = (theirs(world), world.folder.path().join("once"));
    let text = format!(
        "test -e '{m}' && exit 0; touch '{m}'; unset GIT_QUARANTINE_PATH\n\
         git update-ref refs/heads/{BRANCH} {theirs}",
        m = marker.display()
    );
    world.script(&world.remote().join("hooks/pre-receive"), &text);
}

/// A commit on top of the branch that isn't there yet for others.
fn theirs(world: &World) -> String {
    let before = world.log(BRANCH)[0].clone();
    let theirs = world.change(BRANCH, "theirs.txt", "theirs");
    world.git(&["update-ref", &format!("refs/heads/{BRANCH}"), &before]);
    theirs.to_string()
}

#[tokio::test]
async fn whoever_was_quicker_stays_below_our_commit() {
    for overtake in [overtaken_after_fetch, overtaken_in_push] {
        let world = World::new();
        world
            .mirror()
            .publish(&results(&world, &[("a/status.yaml", "1")]), &mut || true)
            .await
            .unwrap();
        let before = world.log(BRANCH);
        overtake(&world);
        let files = results(&world, &[("a/status.yaml", "2")]);
        let published = world.mirror().publish(&files, &mut || true).await.unwrap();
        assert!(world.folder.path().join("once").exists());
        let Published::Pushed(ours) = published else { panic!("{published:?}") };
        let log = world.log(BRANCH);
        assert_eq!((log.len(), &log[0]), (3, &ours.to_string()));
        assert_eq!(log[2..], before, "history only grows");
        assert_eq!(show(&world, "theirs.txt"), "theirs");
        assert_eq!(show(&world, "results/a/status.yaml"), "2");
    }
}

/// A person's pass beside a daemon elsewhere: what it has of other jobs may be older.
#[tokio::test]
async fn only_the_files_that_are_meant_go_out() {
    let world = World::new();
    let newer = results(&world, &[("b/status.yaml", "2"), ("b/runs/1.yaml", "1")]);
    world.mirror().publish(&newer, &mut || true).await.unwrap();
    let all = [("a/status.yaml", "1"), ("b/status.yaml", "1"), ("b/runs/2.yaml", "2")];
    let mut files = results(&world, &all);
    files.which = Which::Below(["a", "b/runs/2.yaml"].map(PathBuf::from).into());
    world.mirror().publish(&files, &mut || true).await.unwrap();
    for (name, text) in [
        ("a/status.yaml", "1"),
        ("b/status.yaml", "2"),
        ("b/runs/1.yaml", "1"),
        ("b/runs/2.yaml", "2"),
    ] {
        assert_eq!(show(&world, &format!("results/{name}")), text, "{name}");
    }
}

/// A daemon that was stopped between its fetch and its push, while another one took over.
#[tokio::test]
async fn who_no_longer_leads_pushes_nothing_older() {
    let world = World::new();
    for status in ["1", "3"] {
        let files = results(&world, &[("a/status.yaml", status)]);
        world.mirror().publish(&files, &mut || true).await.unwrap();
    }
    let [newer, older] = world.log(BRANCH).try_into().unwrap();
    world.git(&["update-ref", &format!("refs/heads/{BRANCH}"), &older]);
    overtaken_by(&world, &newer);
    let files = results(&world, &[("a/status.yaml", "2")]);
    let mut asked = 0;
    let mut leads = || {
        asked += 1;
        asked == 1
    };
    let published = world.mirror().publish(&files, &mut leads).await.unwrap();
    assert_eq!((published, asked), (Published::NotOurs, 2));
    assert_eq!(world.log(BRANCH)[0], newer);
    assert_eq!(show(&world, "results/a/status.yaml"), "3");
}

#[tokio::test]
async fn two_orphans_of_one_branch_become_one_history() {
    let world = World::new();
    let theirs = world.change("theirs", "theirs.txt", "theirs");
    let (marker, hooks) = (world.folder.path().join("once"), world.remote().join("hooks"));
    let text = format!(
        "test -e '{m}' && exit 0; touch '{m}'; unset GIT_QUARANTINE_PATH\n\
         git update-ref refs/heads/{BRANCH} {theirs}",
        m = marker.display()
    );
    world.script(&hooks.join("pre-receive"), &text);
    world
        .mirror()
        .publish(&results(&world, &[("a/status.yaml", "1")]), &mut || true)
        .await
        .unwrap();
    assert_eq!(world.log(BRANCH)[1..], [theirs.to_string()]);
}

#[tokio::test]
async fn a_protected_branch_refuses_and_takes_it_later() {
    let world = World::new();
    world.change("main", "a.yaml", JOB);
    let count: PathBuf = world.folder.path().join("count");
    let text = format!("echo x >>'{}'; echo 'protected: ask Jo' >&2; exit 1", count.display());
    let hook = world.remote().join("hooks/pre-receive");
    world.script(&hook, &text);
    let files = results(&world, &[("a/status.yaml", "1")]);
    let mut mirror = world.mirror();
    let error = mirror.publish(&files, &mut || true).await.unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }) && error.is_passing(), "{error:?}");
    assert!(error.to_string().contains("protected: ask Jo"), "{error}");
    assert!(fs::read_to_string(&count).unwrap().lines().count() <= 5);
    // Everything else goes on, and what wasn't pushed is still where it was.
    mirror.fetch().await.unwrap();
    fs::remove_file(hook).unwrap();
    fs::write(files.folder.join("a/later.yaml"), "2").unwrap();
    assert!(matches!(mirror.publish(&files, &mut || true).await.unwrap(), Published::Pushed(_)));
    assert_eq!(world.log(BRANCH).len(), 1);
    assert_eq!(show(&world, "results/a/status.yaml"), "1");
    assert_eq!(show(&world, "results/a/later.yaml"), "2");
}

#[tokio::test]
async fn a_branch_that_is_always_quicker_ends_in_an_error() {
    let world = World::new();
    world
        .mirror()
        .publish(&results(&world, &[("a/status.yaml", "1")]), &mut || true)
        .await
        .unwrap();
    // Each push finds another commit that came meanwhile.
    let text = format!(
        "unset GIT_QUARANTINE_PATH; export GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t\n\
         old=$(git rev-parse {BRANCH}); new=$(git commit-tree $old^{{tree}} -p $old -m again)\n\
         echo x >>'{}'; git update-ref refs/heads/{BRANCH} $new",
        world.folder.path().join("count").display()
    );
    world.script(&world.remote().join("hooks/pre-receive"), &text);
    let files = results(&world, &[("a/status.yaml", "2")]);
    let error = world.mirror().publish(&files, &mut || true).await.unwrap_err();
    assert!(error.to_string().contains("tried 5 times"), "{error}");
    let count = fs::read_to_string(Path::new(&world.folder.path().join("count"))).unwrap();
    assert_eq!(count.lines().count(), 5);
}

#[tokio::test]
async fn a_remote_that_takes_a_push_and_says_nothing_is_given_up() {
    let world = World::new();
    let (begun, hook) = (world.folder.path().join("begun"), "hooks/pre-receive");
    let hook = world.remote().join(hook);
    world.script(&hook, &format!("echo $$ >'{}'; exec sleep 1000", begun.display()));
    let files = results(&world, &[("a/status.yaml", "1")]);
    // On a machine under load the shortest may end before the script has begun.
    for seconds in [2, 8, 32] {
        let mut mirror = world.mirror();
        mirror.remote_time_limit = Duration::from_secs(seconds);
        let error = mirror.publish(&files, &mut || true).await.unwrap_err();
        assert!(matches!(error, Error::TimeLimit { .. }) && error.is_passing(), "{error:?}");
        if fs::read_to_string(&begun).is_ok_and(|pid| pid.ends_with('\n')) {
            break;
        }
    }
    ended(&fs::read_to_string(begun).unwrap());
    fs::remove_file(hook).unwrap();
    let published = world.mirror().publish(&files, &mut || true).await.unwrap();
    assert!(matches!(published, Published::Pushed(_)), "{published:?}");
}
