//! Trees that somebody made byte by byte: what a pull request may bring without a checkout.

use super::JOB;
use super::world::{Entry, World};

/// The entries of a tree, made in a repository.
type Tree = Box<dyn Fn(&World) -> Vec<Entry<'static>>>;

/// What manifests are found in a tree, and which problems, as `path: code`.
async fn read(entries: impl Fn(&World) -> Vec<Entry<'static>>) -> (Vec<String>, Vec<String>) {
    let world = World::new();
    let tree = world.tree(&entries(&world));
    let head = world.commit_tree("main", &tree, &[]);
    let mut mirror = world.mirror();
    assert_eq!(mirror.fetch().await.unwrap(), head);
    let manifests = mirror.manifests(&head).await.unwrap();
    let problems = manifests.problems.iter();
    (
        manifests.jobs.keys().cloned().collect(),
        problems.map(|found| format!("{}: {}", found.file().unwrap(), found.code)).collect(),
    )
}

fn job(world: &World) -> String {
    world.blob(JOB.as_bytes())
}

#[tokio::test]
async fn only_plain_files_of_a_tree_are_read() {
    let commit = || "0123456789".repeat(4);
    let secret = |world: &World| world.blob(b"/etc/passwd");
    let table: Vec<(&str, Tree, &[&str], &[&str])> = vec![
        ("a file", Box::new(|w| vec![("100644", b"a.yaml", job(w))]), &["spring"], &[]),
        ("an executable", Box::new(|w| vec![("100755", b"a.yaml", job(w))]), &["spring"], &[]),
        (
            "a link",
            Box::new(move |w| {
                vec![("120000", b"a.yaml", secret(w)), ("100644", b"b.yaml", job(w))]
            }),
            &["spring"],
            &["a.yaml: symlink"],
        ),
        (
            "a folder's link",
            Box::new(move |w| vec![("120000", b"jobs", secret(w))]),
            &[],
            &["jobs: symlink"],
        ),
        (
            "a submodule",
            Box::new(move |w| {
                vec![("100644", b".gitmodules", job(w)), ("160000", b"shared", commit())]
            }),
            &[],
            &["shared: submodule"],
        ),
        (
            "a mode that old versions wrote, which git takes for a plain file",
            Box::new(|w| vec![("100664", b"a.yaml", job(w))]),
            &["spring"],
            &[],
        ),
        (
            "git's own folder",
            Box::new(|w| vec![("40000", b".git", w.tree(&[("100644", b"a.yaml", job(w))]))]),
            &[],
            &[".git/a.yaml: bad-file-name"],
        ),
        (
            "git's own folder in other letters",
            Box::new(|w| vec![("40000", b".GIT", w.tree(&[("100644", b"config", job(w))]))]),
            &[],
            &[".GIT/config: bad-file-name"],
        ),
        (
            "git's own folder as an old system names it",
            Box::new(|w| vec![("40000", b"git~1", w.tree(&[("100644", b"a.yaml", job(w))]))]),
            &[],
            &["git~1/a.yaml: bad-file-name"],
        ),
        (
            "the same name twice",
            Box::new(|w| {
                vec![("100644", b"a.yaml", job(w)), ("100644", b"a.yaml", w.blob(b"# other"))]
            }),
            &[],
            &["a.yaml: duplicate-entry"],
        ),
        (
            "a link and a folder of one name",
            Box::new(move |w| {
                let folder = w.tree(&[("100644", b"a.yaml", job(w))]);
                vec![("120000", b"jobs", secret(w)), ("40000", b"jobs", folder)]
            }),
            &[],
            &["jobs: duplicate-entry", "jobs/a.yaml: duplicate-entry"],
        ),
        (
            "names that act",
            Box::new(|w| {
                [
                    &b"-rf.yaml"[..],
                    b"$(id).yaml",
                    b"a\nb.yaml",
                    b"a\x1b[31m.yaml",
                    b"b\r.yaml",
                    b"c\xff.yaml",
                ]
                .map(|name| ("100644", name, job(w)))
                .to_vec()
            }),
            &[],
            &[
                "$(id).yaml: bad-file-name",
                "-rf.yaml: bad-file-name",
                "a\nb.yaml: bad-file-name",
                "a\u{1b}[31m.yaml: bad-file-name",
                "b\r.yaml: bad-file-name",
                "c\u{fffd}.yaml: bad-file-name",
            ],
        ),
        (
            "a pointer to a large file",
            Box::new(|w| {
                let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
                vec![("100644", b"a.yaml", w.blob(pointer))]
            }),
            &[],
            &["a.yaml: lfs-pointer"],
        ),
        (
            "a large file",
            Box::new(|w| vec![("100644", b"a.yaml", w.blob(&vec![b'#'; 1024 * 1024 + 1]))]),
            &[],
            &["a.yaml: too-large"],
        ),
        (
            "attributes that ask for a filter",
            Box::new(|w| {
                let attributes = w.blob(b"* filter=evil ident working-tree-encoding=UTF-16\n");
                vec![("100644", b".gitattributes", attributes), ("100644", b"a.yaml", job(w))]
            }),
            &["spring"],
            &[],
        ),
    ];
    for (what, entries, jobs, problems) in table {
        let found = read(entries).await;
        assert_eq!(
            (found.0, found.1),
            (
                jobs.iter().map(|it| (*it).to_owned()).collect(),
                problems.iter().map(|it| (*it).to_owned()).collect(),
            ),
            "{what}"
        );
    }
}

/// Names of files are shown in outputs, where an escape sequence would act.
#[tokio::test]
async fn a_name_that_acts_is_shown_harmlessly() {
    let world = World::new();
    let tree = world.tree(&[("100644", b"a\x1b[31m.yaml", job(&world))]);
    let head = world.commit_tree("main", &tree, &[]);
    let mut mirror = world.mirror();
    mirror.fetch().await.unwrap();
    let manifests = mirror.manifests(&head).await.unwrap();
    assert!(manifests.problems[0].to_string().starts_with("a\\u{1b}[31m.yaml: the name"));
}
