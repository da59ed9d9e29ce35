//! Disks that are full, and others that are mounted below the root.

use std::fs;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use reconcile::gallery::{Error, Folders, Gallery as _, Staged};

use super::{RUN, TRASH, Two, content, path};
use crate::disk::Disk;

#[tokio::test]
async fn a_full_disk_leaves_every_file_as_it_was() {
    let two = Two::empty();
    let Some(disk) = Disk::mounted(&two.path("target", ""), "1m") else { return };
    two.write("target", "f/old", b"old");
    two.write("source", "f/old", &vec![1; 400_000]);
    two.write("source", "f/new", &vec![2; 900_000]);
    let (source, target) = (two.gallery("source"), two.gallery("target"));
    let compared = two.compared(&Folders::All).await;
    let mut failed = None;
    for (number, difference) in compared.differences.iter().enumerate() {
        let bytes = source.read(reconcile::gallery::Place::File(&difference.path)).await.unwrap();
        if let Err(error) = target.stage(Staged { run: RUN, number }, bytes).await {
            failed = Some(error);
        }
    }
    let Some(Error::File { source, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    target.take_back(RUN).await.unwrap();
    target.clear(RUN).await.unwrap();
    assert_eq!(two.whole_tree("target"), [("f/old".to_owned(), b"old".to_vec())].into());
    disk.fill();
    let chunks = stream::iter([Ok(Bytes::from_static(b"text"))]).boxed();
    assert!(target.stage(Staged { run: RUN, number: 0 }, chunks).await.is_err());
    fs::remove_file(two.path("target", "filler")).unwrap();
    disk.make_room();
    two.carry_out(&compared).await;
    assert_eq!(two.tree("target"), two.tree("source"));
}

/// Links don't reach other disks: there a copy is made beside the name, and gets it then.
#[tokio::test]
async fn a_disk_below_the_root_belongs_to_the_gallery() {
    let two =
        Two::with(&[("other/new", "new"), ("other/in/deep", "deep"), ("other/x", "after")], &[]);
    let Some(_disk) = Disk::mounted(&two.path("target", "other"), "4m") else { return };
    two.write("target", "other/x", b"before");
    two.write("target", "other/y", b"gone");
    let compared = two.compared(&Folders::All).await;
    assert_eq!(compared.differences.len(), 4);
    let new = two.staged(&compared).await;
    let target = two.gallery("target");
    target.place(RUN, &new).await.unwrap();
    target.place(RUN, &new).await.unwrap();
    assert_eq!(
        two.tree("target").keys().collect::<Vec<_>>(),
        ["other/in/deep", "other/new", "other/x", "other/y"]
    );
    target.take_back(RUN).await.unwrap();
    let left = [("other/x", "before"), ("other/y", "gone")];
    let left = left.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    assert_eq!(two.tree("target"), left.into());
    assert!(!two.path("target", "other/in").exists());
    target.clear(RUN).await.unwrap();

    two.carry_out(&compared).await;
    assert_eq!(two.tree("target"), two.tree("source"));
    assert_eq!(fs::read(two.path("target", &format!("{TRASH}/other/x"))).unwrap(), b"before");
    assert_eq!(fs::read(two.path("target", &format!("{TRASH}/other/y"))).unwrap(), b"gone");
}

/// What was being copied there when the process died is no file, and is swept.
#[tokio::test]
async fn a_draft_of_the_dead_is_no_file() {
    let two = Two::with(&[("f/new", "new")], &[("f/.reconcile-20261123-093124-abcdef-0", "ne")]);
    let compared = two.compared(&Folders::All).await;
    assert_eq!(compared.differences.len(), 1);
    let new = two.staged(&compared).await;
    let target = two.gallery("target");
    target.place(RUN, &new).await.unwrap();
    target.clear(RUN).await.unwrap();
    assert_eq!(two.tree("target").into_keys().collect::<Vec<_>>(), ["f/new"]);
    assert!(target.discard(RUN, &path("f/new"), &content("new")).await.is_ok());
}
