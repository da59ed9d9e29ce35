//! Random trees on both sides, against a model that is a map.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use reconcile::gallery::Folders;
use reconcile::gallery::compare::Compared;
use reconcile::manifest::sync_job::Mode;
use reconcile::plan::change::Class;

use super::{RUN, TRASH, Tree, Two, path, these};
use reconcile::gallery::{Gallery as _, Place};

const FOLDERS: [&str; 5] = ["", "a/", "a/b/", "spring/", "spring/deep/er/"];
const NAMES: [&str; 4] = ["x.png", "y.txt", "z z", "\u{e9}.jpg"];
const CONTENTS: [&str; 4] = ["", "one", "two", "a longer one"];

/// Files on one side, on the other, or on both.
fn trees() -> impl Strategy<Value = (Tree, Tree)> {
    let file = || (0..FOLDERS.len(), 0..NAMES.len(), 0..CONTENTS.len(), 0..CONTENTS.len(), 0..4);
    prop::collection::vec(file(), 0..24).prop_map(|files| {
        let (mut source, mut target) = (Tree::new(), Tree::new());
        for (folder, name, one, other, sides) in files {
            let path = format!("{}{}", FOLDERS[folder], NAMES[name]);
            if sides != 0 {
                source.insert(path.clone(), CONTENTS[one].into());
            }
            if sides != 1 {
                let content = if sides == 2 { one } else { other };
                target.insert(path, CONTENTS[content].into());
            }
        }
        (source, target)
    })
}

/// What must be found: (folder, class, ID).
fn expected(source: &Tree, target: &Tree, folders: &Folders) -> Vec<(String, Class, String)> {
    let paths: BTreeSet<&String> = source.keys().chain(target.keys()).collect();
    let mut found: Vec<_> = paths
        .into_iter()
        .filter_map(|text| {
            let class = match (source.get(text), target.get(text)) {
                (Some(one), Some(other)) if one == other => return None,
                (Some(_), Some(_)) => Class::Modified,
                (Some(_), None) => Class::New,
                _ => Class::Deleted,
            };
            let path = path(text);
            let (folder, id) = folders.place(&path)?;
            Some((folder.to_owned(), class, id.to_owned()))
        })
        .collect();
    found.sort();
    found
}

fn found(compared: &Compared) -> Vec<(String, Class, String)> {
    let differences = compared.differences.iter();
    differences.map(|it| (it.folder.clone(), it.class, it.id.clone())).collect()
}

fn both(source: &Tree, target: &Tree) -> Two {
    let two = Two::empty();
    for (side, tree) in [("source", source), ("target", target)] {
        for (path, bytes) in tree {
            two.write(side, path, bytes);
        }
    }
    two
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_differs_is_found_and_carried_out((source, target) in trees()) {
        let two = both(&source, &target);
        run(async {
            let compared = two.compared(&Folders::All).await;
            assert_eq!(found(&compared), expected(&source, &target, &Folders::All));
            let paths: BTreeSet<_> = source.keys().chain(target.keys()).collect();
            assert_eq!(compared.unchanged as usize, paths.len() - compared.differences.len());
            two.carry_out(&compared).await;
            assert_eq!(two.tree("target"), source);
            assert_eq!(two.tree("source"), source);
            let again = two.compared(&Folders::All).await;
            assert_eq!((again.differences.len(), again.unchanged as usize), (0, source.len()));
            // What was taken away is in the trash, and nothing else is left of the run.
            let gone = target.iter().filter(|(path, bytes)| source.get(*path) != Some(*bytes));
            let gone: Tree =
                gone.map(|(path, bytes)| (format!("{TRASH}/{path}"), bytes.clone())).collect();
            let mut left = two.whole_tree("target");
            left.retain(|path, _| path.starts_with(".reconcile/"));
            assert_eq!(left, gone);
        });
    }

    #[test]
    fn only_the_folders_that_are_selected_are_looked_at((source, target) in trees()) {
        let two = both(&source, &target);
        for selected in [&["."][..], &["a"], &["a/b", "spring"], &["spring/deep", "."]] {
            let folders = these(selected);
            let is_there = |folder: &&str| {
                let inside = format!("{folder}/");
                *folder == "." || source.keys().chain(target.keys()).any(|path| path.starts_with(&inside))
            };
            let compared = run(async {
                two.galleries().compare(&folders, Mode::All, &|_| {}).await
            });
            match selected.iter().all(is_there) {
                true => assert_eq!(found(&compared.unwrap()), expected(&source, &target, &folders)),
                false => assert!(compared.unwrap_err().to_string().starts_with("neither ")),
            }
        }
    }

    #[test]
    fn what_was_named_is_taken_back((source, target) in trees()) {
        let two = both(&source, &target);
        run(async {
            let before = folders_and_files(&two);
            let compared = two.compared(&Folders::All).await;
            let new = two.staged(&compared).await;
            let gallery = two.gallery("target");
            gallery.place(RUN, &new).await.unwrap();
            for (_, path) in &new {
                assert_eq!(two.tree("target")[path.as_str()], source[path.as_str()]);
            }
            // Another process, which knows only what is on the disk.
            let other = two.gallery("target");
            assert_eq!(other.left_behind().await.unwrap(), [RUN]);
            other.take_back(RUN).await.unwrap();
            other.take_back(RUN).await.unwrap();
            other.clear(RUN).await.unwrap();
            assert_eq!(folders_and_files(&two), before);
            assert_eq!(other.left_behind().await.unwrap(), Vec::<String>::new());
        });
    }
}

/// Everything in the target but the tool's own.
fn folders_and_files(two: &Two) -> BTreeMap<String, Option<Vec<u8>>> {
    let root = two.path("target", "");
    let (mut all, mut waiting) = (BTreeMap::new(), vec![root.clone()]);
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            if name == ".reconcile" {
                continue;
            }
            all.insert(name, (!path.is_dir()).then(|| std::fs::read(&path).unwrap()));
            if path.is_dir() {
                waiting.push(path);
            }
        }
    }
    all
}

#[tokio::test]
async fn what_was_taken_away_can_be_read_again() {
    use futures_util::TryStreamExt as _;
    let two = Two::with(&[("a/b.png", "new")], &[("a/b.png", "old"), ("a/c.png", "gone")]);
    two.carry_out(&two.compared(&Folders::All).await).await;
    let target = two.gallery("target");
    for (file, text) in [("a/b.png", "old"), ("a/c.png", "gone")] {
        let file = path(file);
        let chunks = target.read(Place::Trash { run: RUN, path: &file }).await.unwrap();
        let bytes: Vec<bytes::Bytes> = chunks.try_collect().await.unwrap();
        assert_eq!(bytes.concat(), text.as_bytes());
    }
}

/// A write of this moment might not show in a file's times; so only what is older is remembered.
#[tokio::test]
async fn what_is_unchanged_is_read_once() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let two =
        Two::with(&[("a/b.png", "some"), ("c", "what")], &[("a/b.png", "some"), ("c", "that")]);
    let begun = std::time::Instant::now();
    loop {
        let read = AtomicU64::new(0);
        let mut galleries = two.galleries();
        let hear = |bytes| {
            read.fetch_add(bytes, Ordering::Relaxed);
        };
        let compared = galleries.compare(&Folders::All, Mode::All, &hear).await.unwrap();
        assert_eq!((compared.differences.len(), compared.unchanged), (1, 1));
        galleries.remember().unwrap();
        match read.into_inner() {
            0 => break,
            // Some of them may be old enough already.
            bytes => assert!(bytes <= 16, "{bytes}"),
        }
        assert!(begun.elapsed().as_secs() < 60, "it is read again and again");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // The same size, and the old time.
    let old = std::fs::metadata(two.path("target", "c")).unwrap().modified().unwrap();
    two.write("target", "c", b"what");
    std::fs::File::options()
        .write(true)
        .open(two.path("target", "c"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    assert_eq!(two.compared(&Folders::All).await.unchanged, 2);
}

#[tokio::test]
async fn only_new_files_are_read_where_nothing_else_is_wanted() {
    let two =
        Two::with(&[("a", "1"), ("b", "2"), ("e", "5")], &[("b", "3"), ("d", "4"), ("e", "5")]);
    let mut galleries = two.galleries();
    let compared = galleries.compare(&Folders::All, Mode::NewOnly, &|_| {}).await.unwrap();
    let found: Vec<_> = compared.differences.iter().map(|it| (it.class, it.id.as_str())).collect();
    assert_eq!((found, compared.unchanged), (vec![(Class::New, "a")], 2));
}

#[tokio::test]
async fn a_folder_that_is_empty_on_the_source_says_so() {
    let two = Two::with(&[("kept/a", "1")], &[("kept/a", "1"), ("gone/b", "2"), ("gone/c", "3")]);
    let compared = two.compared(&Folders::All).await;
    assert_eq!(compared.empty_sources, ["gallery/gone"]);
    let counts: Vec<_> = compared.target_files.into_iter().collect();
    assert_eq!(counts, [("gallery/gone".to_owned(), 2), ("gallery/kept".to_owned(), 1)]);
}

#[tokio::test]
async fn a_folder_that_is_nowhere_is_an_error_with_the_nearest_name() {
    let two = Two::with(&[("spring/a", "1")], &[("summer/sale/b", "2")]);
    for (wrong, right) in [("sprin", "`spring`"), ("summer/sales", "`summer/sale`")] {
        let mut galleries = two.galleries();
        let error = galleries.compare(&these(&[wrong]), Mode::All, &|_| {}).await.unwrap_err();
        let expected = format!(
            "neither the gallery of source nor the gallery of target has a folder `{wrong}`; did you mean {right}?"
        );
        assert_eq!(error.to_string(), expected);
    }
    // On one side is enough.
    assert_eq!(two.compared(&these(&["spring"])).await.differences.len(), 1);
    std::fs::remove_dir_all(two.path("source", "")).unwrap();
    let error = two.galleries().compare(&Folders::All, Mode::All, &|_| {}).await.unwrap_err();
    assert!(error.to_string().starts_with("the gallery of source: "), "{error}");
}

#[tokio::test]
async fn the_target_says_that_it_is_newer() {
    let two = Two::with(&[("a", "1"), ("b", "1")], &[("a", "2"), ("b", "2")]);
    let past = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    let source = std::fs::File::options().write(true).open(two.path("source", "a")).unwrap();
    source.set_modified(past).unwrap();
    let target = std::fs::File::options().write(true).open(two.path("target", "b")).unwrap();
    target.set_modified(past).unwrap();
    let compared = two.compared(&Folders::All).await;
    let newer: Vec<_> = compared.differences.iter().map(|it| it.target_newer).collect();
    assert_eq!(newer, [true, false]);
}
