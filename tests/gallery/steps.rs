//! The steps of a run by themselves: what each refuses, and that it can be done again.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use reconcile::gallery::{Error, Gallery, Result, Staged};

use super::{RUN, TRASH, Two, content, path};

async fn stage(gallery: &dyn Gallery, number: usize, text: &'static str) {
    let chunks = stream::iter(text.as_bytes().chunks(2).map(|chunk| Ok(Bytes::from(chunk))));
    let staged = gallery.stage(Staged { run: RUN, number }, chunks.boxed()).await.unwrap();
    assert_eq!(staged, content(text));
    gallery.sync(RUN).await.unwrap();
}

fn is_taken<T>(result: Result<T>) -> bool {
    matches!(result, Err(Error::Taken { .. }))
}

#[tokio::test]
async fn a_name_that_something_has_is_never_given() {
    for there in ["a file", "a link", "a folder"] {
        let two = Two::with(&[], &[("f/other", "1")]);
        let at = two.path("target", "f/new");
        match there {
            "a file" => fs::write(&at, "theirs").unwrap(),
            "a link" => symlink("nowhere", &at).unwrap(),
            _ => fs::create_dir(&at).unwrap(),
        }
        let target = two.gallery("target");
        stage(&target, 0, "first").await;
        stage(&target, 1, "ours").await;
        let new = [(0, path("f/first")), (1, path("f/new"))];
        assert!(is_taken(target.place(RUN, &new).await), "{there}");
        assert!(two.path("target", "f/first").exists());
        target.take_back(RUN).await.unwrap();
        assert!(!two.path("target", "f/first").exists());
        assert!(fs::symlink_metadata(&at).is_ok(), "{there} stays");
    }
}

#[tokio::test]
async fn what_somebody_else_put_there_since_isnt_taken_back() {
    let two = Two::empty();
    let target = two.gallery("target");
    for number in 0..3 {
        stage(&target, number, "ours").await;
    }
    target.place(RUN, &[(0, path("n/a")), (1, path("n/b")), (2, path("n/c"))]).await.unwrap();
    // Once more does no harm.
    target.place(RUN, &[(0, path("n/a")), (1, path("n/b")), (2, path("n/c"))]).await.unwrap();
    fs::remove_file(two.path("target", "n/a")).unwrap();
    two.write("target", "n/a", b"ours");
    fs::remove_file(two.path("target", "n/b")).unwrap();
    target.take_back(RUN).await.unwrap();
    let left: Vec<_> = two.tree("target").into_keys().collect();
    assert_eq!(left, ["n/a"]);
}

#[tokio::test]
async fn a_file_is_replaced_only_if_it_is_what_was_looked_at() {
    let two = Two::with(&[], &[("f/x", "before"), ("f/y", "before")]);
    let at = two.path("target", "f/x");
    fs::set_permissions(&at, fs::Permissions::from_mode(0o640)).unwrap();
    let target = two.gallery("target");
    stage(&target, 7, "after").await;
    let (x, before, after) = (path("f/x"), content("before"), content("after"));
    let seven = Staged { run: RUN, number: 7 };
    fs::write(&at, "edited").unwrap();
    assert!(is_taken(target.replace(seven, &x, &before, &after).await));
    assert!(is_taken(target.discard(RUN, &x, &before).await));
    assert_eq!(fs::read(&at).unwrap(), b"edited");
    assert!(!two.path("target", ".reconcile/trash").exists());
    fs::write(&at, "before").unwrap();
    for _ in 0..2 {
        target.replace(seven, &x, &before, &after).await.unwrap();
        assert_eq!(fs::read(&at).unwrap(), b"after");
        assert_eq!(fs::metadata(&at).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read(two.path("target", &format!("{TRASH}/f/x"))).unwrap(), b"before");
    }
    for _ in 0..2 {
        target.discard(RUN, &path("f/y"), &before).await.unwrap();
        assert_eq!(fs::read(two.path("target", &format!("{TRASH}/f/y"))).unwrap(), b"before");
    }
    target.clear(RUN).await.unwrap();
    target.replace(seven, &x, &before, &after).await.unwrap();
    assert_eq!(target.left_behind().await.unwrap(), Vec::<String>::new());
    assert!(is_taken(target.replace(seven, &path("f/y"), &before, &after).await));
}

/// Staged copies and the trash are nobody else's business, also where a server shows the gallery.
#[tokio::test]
async fn what_the_tool_keeps_is_for_itself() {
    let two = Two::with(&[], &[("f/y", "before")]);
    let target = two.gallery("target");
    stage(&target, 0, "new").await;
    target.discard(RUN, &path("f/y"), &content("before")).await.unwrap();
    for folder in [".reconcile", ".reconcile/stage", ".reconcile/trash", TRASH] {
        let mode = fs::metadata(two.path("target", folder)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
    fs::remove_dir_all(two.path("target", ".reconcile")).unwrap();
    symlink(two.path("source", ""), two.path("target", ".reconcile")).unwrap();
    let chunks = stream::empty().boxed();
    let error = target.stage(Staged { run: "20261123-093124-bbbbbb", number: 0 }, chunks).await;
    assert!(matches!(error, Err(Error::File { .. })));
    assert_eq!(fs::read_dir(two.path("source", "")).unwrap().count(), 0);
}
