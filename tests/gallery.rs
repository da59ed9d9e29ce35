//! Galleries on this machine: listing, comparing, and copies that are never half there.

mod disks;
mod faults;
mod laws;
mod names;
mod steps;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reconcile::gallery::compare::{Compared, Galleries};
use reconcile::gallery::hashes::Hashes;
use reconcile::gallery::local::Local;
use reconcile::gallery::{Folders, Gallery, Place, Staged};
use reconcile::manifest::sync_job::Mode;
use reconcile::plan::change::Class;
use reconcile::plan::file::{Content, FilePath};

const RUN: &str = "20261123-093124-abcdef";
const TRASH: &str = ".reconcile/trash/2026-11-23/20261123-093124-abcdef";

/// What a gallery holds, by path.
type Tree = BTreeMap<String, Vec<u8>>;

/// Two galleries on the disk.
struct Two {
    folder: PathBuf,
    _kept: Option<tempfile::TempDir>,
}

impl Two {
    fn empty() -> Self {
        let kept = tempfile::tempdir().unwrap();
        for side in ["source", "target"] {
            fs::create_dir(kept.path().join(side)).unwrap();
        }
        Self { folder: kept.path().to_owned(), _kept: Some(kept) }
    }

    /// One that another process made.
    fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), _kept: None }
    }

    fn with(source: &[(&str, &str)], target: &[(&str, &str)]) -> Self {
        let two = Self::empty();
        for (side, files) in [("source", source), ("target", target)] {
            for (path, text) in files {
                two.write(side, path, text.as_bytes());
            }
        }
        two
    }

    fn path(&self, side: &str, path: &str) -> PathBuf {
        self.folder.join(side).join(path)
    }

    fn write(&self, side: &str, path: &str, bytes: &[u8]) {
        let path = self.path(side, path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The files of a side, without the tool's own.
    fn tree(&self, side: &str) -> Tree {
        let mut tree = self.whole_tree(side);
        tree.retain(|path, _| !path.starts_with(".reconcile/"));
        tree
    }

    fn whole_tree(&self, side: &str) -> Tree {
        let (root, mut tree) = (self.folder.join(side), Tree::new());
        let mut waiting = vec![root.clone()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => waiting.push(path),
                    false => {
                        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                        tree.insert(name, fs::read(path).unwrap());
                    }
                }
            }
        }
        tree
    }

    fn gallery(&self, side: &str) -> Local {
        Local::new(format!("the gallery of {side}"), self.folder.join(side), 1_000_000)
    }

    fn galleries(&self) -> Galleries {
        let hashes = |side: &str| Hashes::open(self.folder.join(format!("state/{side}.hashes")));
        Galleries {
            source: Arc::new(self.gallery("source")),
            target: Arc::new(self.gallery("target")),
            source_hashes: hashes("source"),
            target_hashes: hashes("target"),
        }
    }

    async fn compared(&self, folders: &Folders) -> Compared {
        self.galleries().compare(folders, Mode::All, &|_| {}).await.unwrap()
    }

    /// Everything, in the order in which a run does it.
    async fn carry_out(&self, compared: &Compared) {
        let new = self.staged(compared).await;
        let target = self.gallery("target");
        target.place(RUN, &new).await.unwrap();
        self.finish(compared).await;
    }

    /// Stages what comes from the source, and returns what is new.
    async fn staged(&self, compared: &Compared) -> Vec<(usize, FilePath)> {
        let (source, target) = (self.gallery("source"), self.gallery("target"));
        let mut new = Vec::new();
        for (number, difference) in compared.differences.iter().enumerate() {
            let Some(to) = difference.to else { continue };
            let bytes = source.read(Place::File(&difference.path)).await.unwrap();
            let staged = target.stage(Staged { run: RUN, number }, bytes).await.unwrap();
            assert_eq!(staged, to.content);
            if difference.class == Class::New {
                new.push((number, difference.path.clone()));
            }
        }
        target.sync(RUN).await.unwrap();
        new
    }

    async fn finish(&self, compared: &Compared) {
        let target = self.gallery("target");
        for (number, difference) in compared.differences.iter().enumerate() {
            let path = &difference.path;
            match (difference.from, difference.to) {
                (Some(from), Some(to)) => {
                    let at = Staged { run: RUN, number };
                    target.replace(at, path, &from.content, &to.content).await.unwrap();
                }
                (Some(from), None) => target.discard(RUN, path, &from.content).await.unwrap(),
                _ => {}
            }
        }
        target.clear(RUN).await.unwrap();
    }
}

fn path(text: &str) -> FilePath {
    FilePath::try_from(text.to_owned()).unwrap()
}

fn content(text: &str) -> Content {
    Content { size: text.len() as u64, blake3: blake3::hash(text.as_bytes()).into() }
}

fn these(folders: &[&str]) -> Folders {
    Folders::These(folders.iter().map(|folder| (*folder).to_owned()).collect())
}
