//! Git as a source: fetching, its errors and limits, manifests of a commit, who changed what.

#[path = "git/proposal.rs"]
mod proposal;
#[path = "git/publish.rs"]
mod publish;
#[path = "git/signed.rs"]
mod signed;
#[path = "git/trees.rs"]
mod trees;
#[path = "git/world.rs"]
pub mod world;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use reconcile::config::Secret;
use reconcile::git::{Commit, Error, Mirror, WorkTree};
use world::{World, git};

use crate::disk::Disk;

const JOB: &str = "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {name: spring}\nspec: \
                   {direction: PROD -> TEST, mode: all, modules: all}\n";

#[tokio::test]
async fn each_fetch_brings_the_newest_commit_and_nothing_is_checked_out() {
    let world = World::new();
    let first = world.change("main", "a.yaml", JOB);
    let mut mirror = world.mirror();
    assert_eq!(mirror.fetch().await.unwrap(), first);
    assert_eq!(mirror.fetch().await.unwrap(), first);
    let second = world.change("main", "a.yaml", &JOB.replace("spring", "autumn"));
    assert_eq!(mirror.fetch().await.unwrap(), second);
    // The earlier commit can still be read.
    for (commit, job) in [(&first, "spring"), (&second, "autumn")] {
        let manifests = mirror.manifests(commit).await.unwrap();
        assert_eq!(manifests.jobs.keys().collect::<Vec<_>>(), [job]);
        assert_eq!(manifests.documents[0].origin.path, Path::new("a.yaml"));
    }
    assert!(!fs::read_dir(world.clone_folder()).unwrap().any(|entry| {
        let name = entry.unwrap().file_name();
        name == "index" || name == "a.yaml"
    }));
    // Others of the same state directory find the clone as it is, and wait for each other.
    let (mut one, mut other) = (world.mirror(), world.mirror());
    let (one, other) = tokio::join!(one.fetch(), other.fetch());
    assert_eq!((one.unwrap(), other.unwrap()), (second.clone(), second));
}

#[tokio::test]
async fn a_force_push_that_drops_a_commit_shows_in_its_ancestry() {
    let world = World::new();
    let base = world.change("main", "a.yaml", JOB);
    let approved = world.change("main", "b.yaml", "# approved");
    let mut mirror = world.mirror();
    mirror.fetch().await.unwrap();
    world.git(&["update-ref", "refs/heads/main", base.as_str()]);
    let other = world.change("main", "c.yaml", "# other");
    let head = mirror.fetch().await.unwrap();
    assert_eq!(head, other);
    let repository = mirror.repository();
    let gone = Commit::parse(&"0123456789".repeat(4)).unwrap();
    for (older, newer, expected) in [
        (&base, &head, true),
        (&head, &head, true),
        (&approved, &head, false),
        (&head, &base, false),
        (&gone, &head, false),
        (&head, &gone, false),
    ] {
        let found = repository.is_ancestor(older, newer).await.unwrap();
        assert_eq!(found, expected, "{older} {newer}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_remote_is_said() {
    let world = World::new();
    let said = |error: Error| error.to_string();
    let empty = world.mirror().fetch().await.unwrap_err();
    assert!(matches!(empty, Error::Empty { .. }), "{empty:?}");
    world.change("trunk", "a.yaml", JOB);
    let missing = said(world.mirror().fetch().await.unwrap_err());
    assert!(missing.ends_with("has no branch main; it has trunk"), "{missing}");
    world.change("main", "a.yaml", JOB);
    world.mirror().fetch().await.unwrap();
    world.git(&["update-ref", "-d", "refs/heads/main"]);
    let deleted = world.mirror().fetch().await.unwrap_err();
    assert!(matches!(deleted, Error::NoBranch { .. }), "{deleted:?}");
    let mut source = world.source();
    source.url = Secret::new(world.folder.path().join("nowhere").display().to_string());
    let nowhere = Mirror::new(&source, &world.state()).fetch().await.unwrap_err();
    assert!(matches!(nowhere, Error::NoRepository { .. }), "{nowhere:?}");
    source.url = Secret::new("ext::sh -c 'echo CANARY >&2'");
    let refused = said(Mirror::new(&source, &world.state()).fetch().await.unwrap_err());
    assert!(refused.contains("transport 'ext' not allowed"), "{refused}");
    source.url = Secret::new("http://127.0.0.1:1/a.git");
    let away = Mirror::new(&source, &world.state()).fetch().await.unwrap_err();
    assert!(matches!(away, Error::Unreachable { .. }) && away.is_passing(), "{away:?}");
}

/// Answers every request with 401, and repeats what it was asked for.
fn guarded() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut asked) = (stream.unwrap(), [0; 4096]);
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(
                b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\
                  Connection: close\r\n\r\n",
            );
        }
    });
    port
}

#[tokio::test]
async fn a_wrong_password_is_told_without_it() {
    let world = World::new();
    let port = guarded();
    for (address, is_url) in [
        (format!("http://jo:CANARY-password@127.0.0.1:{port}/a.git"), true),
        (format!("http://CANARY-token@127.0.0.1:{port}/a.git"), true),
        (format!("http://127.0.0.1:{port}/a.git?private_token=CANARY"), true),
        (format!("http://jo:CANARY%2Fpassword@127.0.0.1:{port}/a.git"), true),
        ("ext::CANARY".to_owned(), false),
    ] {
        let mut source = world.source();
        source.url = Secret::new(address.clone());
        let mut mirror = Mirror::new(&source, &world.state());
        let error = mirror.fetch().await.unwrap_err();
        let all = format!("{error} {error:?} {mirror:?} {}", mirror.url());
        assert_eq!(matches!(error, Error::Denied { .. }), is_url, "{error:?}");
        if is_url {
            assert!(!all.contains("CANARY"), "{all}");
            assert!(all.contains(&format!("http://127.0.0.1:{port}/a.git")), "{all}");
        }
    }
    // Nor does it stay on the disk.
    let held =
        std::process::Command::new("grep").args(["-r", "CANARY"]).arg(world.state()).output();
    assert_eq!(String::from_utf8(held.unwrap().stdout).unwrap(), "");
}

#[tokio::test]
async fn a_remote_that_never_answers_is_given_up_with_all_that_was_started() {
    let world = World::new();
    world.change("main", "a.yaml", JOB);
    world.mirror().fetch().await.unwrap();
    let pid = world.folder.path().join("pid");
    let path = world.folder.path().join("ssh");
    // The program that git starts starts another one, as a proxy command does.
    let ssh = world.script(&path, &format!("sleep 1000 & echo $! >'{}'; wait", pid.display()));
    git(&world.clone_folder(), &["config", "core.sshCommand", &ssh], b"");
    git(&world.clone_folder(), &["config", "ssh.variant", "ssh"], b"");
    let mut source = world.source();
    source.url = Secret::new("ssh://git@h.example/a.git");
    let mut mirror = Mirror::new(&source, &world.state());
    // On a machine under load the shortest may end before the script has begun.
    for seconds in [2, 8, 32] {
        mirror.remote_time_limit = Duration::from_secs(seconds);
        let error = mirror.fetch().await.unwrap_err();
        assert!(matches!(error, Error::TimeLimit { .. }) && error.is_passing(), "{error:?}");
        let told = format!("`git fetch` had no answer within {seconds}s");
        assert!(error.to_string().contains(&told), "{error}");
        if fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n')) {
            break;
        }
    }
    ended(&fs::read_to_string(pid).unwrap());
}

/// Waits until a process is gone or waits to be buried.
fn ended(pid: &str) {
    let begun = Instant::now();
    let path = format!("/proc/{}/stat", pid.trim());
    while fs::read_to_string(&path).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{path}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_ends_its_processes_and_the_next_one_works() {
    let world = World::new();
    world.change("main", "a.yaml", JOB);
    world.mirror().fetch().await.unwrap();
    let (pid, path) = (world.folder.path().join("pid"), world.folder.path().join("pack"));
    let slow = world.script(&path, &format!("echo $$ >'{}'; exec sleep 1000", pid.display()));
    let clone = world.clone_folder();
    git(&clone, &["config", "remote.origin.uploadpack", &slow], b"");
    let mut mirror = world.mirror();
    tokio::select! {
        fetched = mirror.fetch() => panic!("{fetched:?}"),
        () = async { while !fs::read_to_string(&pid).unwrap_or_default().ends_with('\n') {
            tokio::time::sleep(Duration::from_millis(10)).await;
        } } => {}
    }
    ended(&fs::read_to_string(pid).unwrap());
    git(&clone, &["config", "--unset", "remote.origin.uploadpack"], b"");
    // What a git that was killed leaves behind.
    for left in ["config.lock", "packed-refs.lock", "refs/remotes/origin/main.lock", "gc.pid"] {
        fs::write(clone.join(left), "").unwrap();
    }
    fs::write(clone.join("objects/pack/tmp_pack_x"), "half").unwrap();
    let newest = world.change("main", "b.yaml", "# more");
    assert_eq!(mirror.fetch().await.unwrap(), newest);
    assert!(!clone.join("objects/pack/tmp_pack_x").exists());
}

#[tokio::test]
async fn a_repository_that_is_too_large_is_not_kept() {
    let world = World::new();
    let state = std::hash::RandomState::new();
    let noise = |number: u64| std::hash::BuildHasher::hash_one(&state, number).to_le_bytes();
    let large: Vec<u8> = (0..400_000).flat_map(noise).collect();
    let tree = world.tree(&[("100644", b"large.bin", world.blob(&large))]);
    world.commit_tree("main", &tree, &[]);
    let mut source = world.source();
    source.max_mebibytes = 2;
    let mut mirror = Mirror::new(&source, &world.state());
    let error = mirror.fetch().await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }) && !error.is_passing(), "{error:?}");
    assert!(error.to_string().contains("more than 2 MiB, which is the limit"), "{error}");
    assert!(!world.clone_folder().exists());
    // It isn't fetched again and again: nobody asks where it lies no longer.
    let elsewhere = world.folder.path().join("elsewhere");
    fs::rename(world.remote(), &elsewhere).unwrap();
    assert!(matches!(mirror.fetch().await, Err(Error::TooLarge { .. })));
    fs::rename(elsewhere, world.remote()).unwrap();
    source.max_mebibytes = 8;
    Mirror::new(&source, &world.state()).fetch().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_under_the_clone_is_said_and_leaves_nothing_in_the_way() {
    let world = World::new();
    let Some(disk) = Disk::mounted(&world.state(), "2m") else { return };
    let first = world.change("main", "a.yaml", JOB);
    let mut mirror = world.mirror();
    assert_eq!(mirror.fetch().await.unwrap(), first);
    disk.fill();
    let newest = world.change("main", "b.yaml", &format!("# {}\n", "more ".repeat(20_000)));
    let error = mirror.fetch().await.unwrap_err();
    assert!(error.is_passing() && error.to_string().contains("No space left"), "{error:?}");
    assert_eq!(mirror.manifests(&first).await.unwrap().jobs.len(), 1);
    disk.make_room();
    assert_eq!(mirror.fetch().await.unwrap(), newest);
}

#[tokio::test]
async fn a_broken_clone_heals() {
    let world = World::new();
    let head = world.change("main", "a.yaml", JOB);
    let clone = world.clone_folder();
    // Killed while it was made; something else in its place; a file that lost its end.
    fs::create_dir_all(world.state().join("git.new/objects")).unwrap();
    assert_eq!(world.mirror().fetch().await.unwrap(), head);
    fs::remove_file(clone.join("HEAD")).unwrap();
    assert_eq!(world.mirror().fetch().await.unwrap(), head);
    fs::write(clone.join("refs/remotes/origin/main"), "").unwrap();
    assert_eq!(world.mirror().fetch().await.unwrap(), head);
    let mut mirror = world.mirror();
    for object in ["blob", "tree", "commit"] {
        let name = match object {
            "commit" => head.to_string(),
            "tree" => world.git(&["rev-parse", &format!("{head}^{{tree}}")]),
            _ => world.git(&["rev-parse", &format!("{head}:a.yaml")]),
        };
        let path = clone.join("objects").join(&name[..2]).join(&name[2..]);
        assert!(path.exists(), "{}", path.display());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        let _ = mirror.manifests(&head).await.unwrap_err();
        let mut mirror = std::mem::replace(&mut mirror, world.mirror());
        assert_eq!(mirror.fetch().await.unwrap(), head, "{object}");
        assert_eq!(mirror.manifests(&head).await.unwrap().jobs.len(), 1, "{object}");
    }
}

#[tokio::test]
async fn the_last_change_of_a_file_is_its_own() {
    let world = World::new();
    let first = world.change("main", "a.yaml", JOB);
    let head = world.change("main", "b.yaml", "# other");
    let mut mirror = world.mirror();
    mirror.fetch().await.unwrap();
    let last = |path: &'static str| mirror.repository().last_change(&head, Path::new(path));
    let found = last("a.yaml").await.unwrap().unwrap();
    assert_eq!(found.commit, first);
    assert_eq!(
        (found.author_name.as_str(), found.author_email.as_str()),
        ("Jo", "jo@shop.example")
    );
    assert_eq!(found.at.as_second(), 1_700_000_000);
    assert_eq!(last("b.yaml").await.unwrap().unwrap().commit, head);
    // A name is a name, and no pattern.
    for none in ["c.yaml", "*.yaml", ":(glob)*.yaml", "-a.yaml"] {
        assert_eq!(last(none).await.unwrap(), None, "{none}");
    }
}

/// A history with a branch whose version of a file was dropped, and one that the merge itself made.
#[tokio::test]
async fn the_last_changes_of_many_files_are_those_of_each() {
    let world = World::new();
    let tree = |texts: [&str; 4]| {
        let names: [&[u8]; 4] = [b"a.yaml", b"b.yaml", b"c d.yaml", b"e.yaml"];
        let entries: Vec<_> = names
            .into_iter()
            .zip(texts)
            .map(|(name, text)| ("100644", name, world.blob(text.as_bytes())))
            .collect();
        world.tree(&entries)
    };
    let make = |texts, parents: &[&Commit]| {
        let parents: Vec<&str> = parents.iter().map(|parent| parent.as_str()).collect();
        world.commit_tree("main", &tree(texts), &parents)
    };
    let base = make(["1", "1", "1", "1"], &[]);
    let ours = make(["1", "2", "1", "1"], &[&base]);
    let side = make(["dropped", "1", "3", "side"], &[&base]);
    let merge = make(["1", "2", "3", "merged"], &[&ours, &side]);
    let head = make(["1", "2", "3", "merged"], &[&merge]);
    let mut mirror = world.mirror();
    mirror.fetch().await.unwrap();
    let names = ["a.yaml", "b.yaml", "c d.yaml", "e.yaml", "f.yaml"];
    let changes = mirror.repository().last_changes(&head, &names.map(Into::into)).await.unwrap();
    let found: Vec<_> =
        changes.iter().map(|(path, it)| (path.to_str().unwrap(), &it.commit)).collect();
    assert_eq!(
        found,
        [("a.yaml", &base), ("b.yaml", &ours), ("c d.yaml", &side), ("e.yaml", &merge)]
    );
    for (path, change) in changes {
        let alone = mirror.repository().last_change(&head, &path).await.unwrap();
        assert_eq!(alone, Some(change), "{}", path.display());
    }
}

#[tokio::test]
async fn a_work_tree_knows_only_what_was_committed() {
    let world = World::new();
    world.change("main", "a.yaml", JOB);
    let folder = world.folder.path().join("tree");
    let remote = world.remote().display().to_string();
    git(world.folder.path(), &["clone", "--quiet", &remote, "tree"], b"");
    fs::create_dir(folder.join("jobs")).unwrap();
    fs::write(folder.join("jobs/b.yaml"), JOB.replace("spring", "autumn")).unwrap();
    assert!(WorkTree::around(world.folder.path()).await.unwrap().is_none());
    let tree = WorkTree::around(&folder.join("jobs")).await.unwrap().unwrap();
    assert_eq!(tree.root, folder.canonicalize().unwrap());
    assert_eq!(tree.last_change(&folder.join("jobs/b.yaml")).await.unwrap(), None);
    git(&folder, &["add", "--all"], b"");
    assert_eq!(tree.last_change(&folder.join("jobs/b.yaml")).await.unwrap(), None);
    git(&folder, &["commit", "--quiet", "-m", "A job"], b"");
    let head = tree.repository.resolve("HEAD").await.unwrap();
    let found = tree.last_change(&folder.join("jobs/b.yaml")).await.unwrap().unwrap();
    assert_eq!(found.commit, head);
    let before = tree.repository.resolve("HEAD~1").await.unwrap();
    assert_eq!(tree.last_change(&folder.join("a.yaml")).await.unwrap().unwrap().commit, before);
    // At any revision, and only what lies in the folder.
    let jobs = tree.repository.manifests(&head, "./jobs/").await.unwrap();
    assert_eq!(jobs.jobs["autumn"].origin.path, Path::new("jobs/b.yaml"));
    assert_eq!(jobs.jobs.len(), 1);
    let none = tree.repository.manifests(&before, "jobs").await.unwrap_err();
    assert!(matches!(none, Error::NoFolder { .. }), "{none:?}");
    fs::write(folder.join("a.yaml"), "edited").unwrap();
    assert_eq!(tree.last_change(&folder.join("a.yaml")).await.unwrap(), None);
    for (path, expected) in [(folder.clone(), ""), (folder.join("jobs"), "jobs")] {
        assert_eq!(tree.inside(&path), Some(expected.into()));
    }
    assert_eq!(tree.repository.manifests(&head, "").await.unwrap().jobs.len(), 2);
    assert_eq!(tree.inside(world.folder.path()), None);
    let unknown = tree.repository.resolve("no-such-branch").await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no commit no-such-branch");
    assert!(tree.repository.resolve("--all").await.is_err());
}
