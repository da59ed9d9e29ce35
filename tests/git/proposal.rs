//! A commit for people to merge: one file, a branch of its own, and nothing else is touched.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reconcile::git::{Commit, Edit, Error, Identity, Words};

use super::JOB;
use super::world::{World, git};

fn words() -> Words {
    let jo = Identity { name: "jo".into(), email: "jo@users.example".into() };
    let us = Identity { name: "reconcile".into(), email: "reconcile@shop.example".into() };
    Words { message: "spring: approve 2 changes".into(), author: jo, committer: us }
}

/// `jobs/spring.yaml`, which may be carried out, beside another file.
fn base(world: &World) -> Commit {
    let entry = ("100755", &b"spring.yaml"[..], world.blob(JOB.as_bytes()));
    let jobs = world.tree(&[entry]);
    let other = world.blob(b"# other\n");
    world.commit_tree(
        "main",
        &world.tree(&[("100644", b"b.yaml", other), ("40000", b"jobs", jobs)]),
        &[],
    )
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn one_file_on_a_new_branch_on_top_of_what_was_read() {
    let world = World::new();
    let base = base(&world);
    let mut mirror = world.mirror();
    mirror.fetch().await.unwrap();
    // Somebody goes on meanwhile.
    let newer = world.change("main", "c.yaml", "# newer\n");
    let path = Path::new("jobs/spring.yaml");
    let old = mirror.repository().file(&base, path).await.unwrap();
    assert_eq!(old.as_deref(), Some(JOB.as_bytes()));
    assert_eq!(mirror.repository().file(&base, Path::new("jobs")).await.unwrap(), None);
    assert_eq!(mirror.repository().file(&base, Path::new("jobs/*.yaml")).await.unwrap(), None);
    let text = format!("{JOB}# Å\r\n");
    let edit = Edit { base: &base, path, text: &text };
    let commit = mirror.draft(&edit, &words()).await.unwrap();
    assert_eq!(world.git(&["for-each-ref"]).lines().count(), 1, "nobody has it yet");
    let manifests = mirror.repository().manifests(&commit, "jobs").await.unwrap();
    assert_eq!(manifests.jobs.keys().collect::<Vec<_>>(), ["spring"]);
    let proposed = mirror.propose(commit.clone(), &names(&["reconcile/spring-1"])).await.unwrap();
    assert_eq!((proposed.branch.as_str(), &proposed.commit), ("reconcile/spring-1", &commit));
    assert_eq!(world.log("reconcile/spring-1"), [commit.as_str(), base.as_str()]);
    assert_eq!(world.log("main")[0], newer.as_str());
    let changed = ["diff-tree", "-r", "--no-commit-id", commit.as_str()];
    let changed = world.git(&changed);
    assert!(
        changed.starts_with(":100755 100755 ") && changed.ends_with("M\tjobs/spring.yaml"),
        "{changed}"
    );
    let size = world.git(&["cat-file", "-s", &format!("{commit}:jobs/spring.yaml")]);
    assert_eq!(size, text.len().to_string());
    let raw = world.git(&["cat-file", "commit", commit.as_str()]);
    assert!(raw.contains("\nauthor jo <jo@users.example> "), "{raw}");
    assert!(raw.contains("\ncommitter reconcile <reconcile@shop.example> "), "{raw}");
    assert!(raw.ends_with("\n\nspring: approve 2 changes"), "{raw}");
    // Neither an index nor a checkout stays behind.
    let left = fs::read_dir(world.clone_folder()).unwrap().flatten();
    let left: Vec<_> = left.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    assert!(!left.iter().any(|name| name.contains("index") || name == "jobs"), "{left:?}");
}

#[tokio::test]
async fn no_branch_that_is_there_is_touched() {
    let world = World::new();
    let base = base(&world);
    let mut mirror = world.mirror();
    mirror.fetch().await.unwrap();
    let edit = Edit { base: &base, path: Path::new("b.yaml"), text: "# mine\n" };
    let commit = mirror.draft(&edit, &words()).await.unwrap();
    // One that could be moved forward, one that couldn't, and those that people review and read.
    world.git(&["update-ref", "refs/heads/taken", base.as_str()]);
    let theirs = world.change("theirs", "x.yaml", "# theirs\n");
    let wanted = names(&["main", "reconcile-results", "taken", "theirs"]);
    let error = mirror.propose(commit.clone(), &wanted).await.unwrap_err();
    assert!(matches!(error, Error::Rejected { tries: 2, .. }), "{error:?}");
    let mut more = wanted.clone();
    more.push("free".into());
    let proposed = mirror.propose(commit.clone(), &more).await.unwrap();
    assert_eq!(proposed.branch, "free");
    for (branch, head) in
        [("main", &base), ("taken", &base), ("theirs", &theirs), ("free", &commit)]
    {
        assert_eq!(world.log(branch)[0], head.as_str(), "{branch}");
    }
    assert!(!world.git(&["for-each-ref"]).contains("reconcile-results"));
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let world = World::new();
    let base = base(&world);
    let mut mirror = world.mirror();
    mirror.fetch().await.unwrap();
    let edit = Edit { base: &base, path: Path::new("b.yaml"), text: "# mine\n" };
    let commit = mirror.draft(&edit, &words()).await.unwrap();
    let slow = world.script(&world.folder.path().join("slow"), "exec sleep 1000");
    let clone = world.clone_folder();
    git(&clone, &["config", "remote.origin.receivepack", &slow], b"");
    mirror.remote_time_limit = Duration::from_secs(1);
    let error = mirror.propose(commit.clone(), &names(&["x"])).await.unwrap_err();
    assert!(matches!(error, Error::TimeLimit { .. }), "{error:?}");
    // Whoever works in the clone isn't waited for without an end.
    git(&clone, &["config", "--unset", "remote.origin.receivepack"], b"");
    let lock = fs::File::open(clone.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    mirror.patience = Duration::from_millis(100);
    let error = mirror.propose(commit.clone(), &names(&["x"])).await.unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error:?}");
    drop(lock);
    assert_eq!(mirror.propose(commit, &names(&["x"])).await.unwrap().branch, "x");
}
