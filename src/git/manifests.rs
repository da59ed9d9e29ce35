//! The manifests of a commit.
//!
//! Answers for listing a folder of a commit and reading its files as blobs. Links and submodules are
//! problems that name the file; so is what a tree may hold by its bytes, but no checkout could make:
//! two entries of one name, or git's own folder. Which files are manifests, and what stands in them,
//! is `manifest`'s part.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::not_understood;
use super::{Commit, Error, Repository};
use crate::manifest::listing::{Kind, Listing};
use crate::manifest::problem::Problem;
use crate::manifest::{Manifests, load_files};

/// Bytes that the list of all files may have; some 200,000 files.
const LIST_LIMIT: usize = 32 * 1024 * 1024;
/// Bytes around each file that git prints, at most.
const HEAD_BYTES: usize = 128;

/// An entry of a tree that is no folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// From the folder that was listed.
    inside: PathBuf,
    kind: Kind,
    object: String,
}

impl Repository {
    /// The manifests below a folder of a commit; `.` is all of it. The path of each document's
    /// origin is its path in the repository.
    pub async fn manifests(&self, commit: &Commit, folder: &str) -> Result<Manifests, Error> {
        let folder = normal(folder);
        let entries = self.list(commit, &folder).await?;
        let (listing, entries) = sort_out(&folder, entries);
        let (files, problems) = listing.close().map_err(Error::Manifests)?;
        let wanted: Vec<&Entry> = files.iter().map(|path| &entries[path]).collect();
        let blobs = self.blobs(&wanted).await?;
        Ok(load_files(files.into_iter().zip(blobs.into_iter().map(Ok)), problems))
    }

    /// All ordinary files below a folder of a commit, by their paths from there.
    pub async fn files(
        &self,
        commit: &Commit,
        folder: &str,
    ) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
        let mut entries = self.list(commit, &normal(folder)).await?;
        let doubled = doubled(&entries);
        entries.retain(|Entry { inside, kind, .. }| {
            // A tree made by hand may hold `..`, which no checkout would follow.
            let is_plain = |part| matches!(part, std::path::Component::Normal(_));
            let is_safe = inside.components().all(is_plain) && !inside.iter().any(is_gits_own);
            matches!(kind, Kind::File(_)) && is_safe && !doubled.contains(inside)
        });
        let blobs = self.blobs(&entries.iter().collect::<Vec<_>>()).await?;
        Ok(entries.into_iter().map(|entry| entry.inside).zip(blobs).collect())
    }

    async fn list(&self, commit: &Commit, folder: &Path) -> Result<Vec<Entry>, Error> {
        let tree = format!("{commit}:{}", folder.display());
        let about = self.about(&[commit.to_string(), tree.clone()]).await?;
        match about.as_slice() {
            [None, _] => return Err(Error::NoCommit { revision: commit.to_string() }),
            [_, Some(found)] if found.kind == "tree" => {}
            _ => {
                let path = folder.display().to_string();
                return Err(Error::NoFolder { commit: commit.to_string(), path });
            }
        }
        let list = ["ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", &tree];
        let printed = self.git.call(list).output_limit(LIST_LIMIT).bytes().await?;
        let entries = printed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
        entries.map(|entry| read_entry(entry).ok_or_else(|| not_understood("ls-tree"))).collect()
    }

    /// The bytes of files, in their order.
    async fn blobs(&self, files: &[&Entry]) -> Result<Vec<Vec<u8>>, Error> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = files.iter().map(|file| file.object.as_str()).collect();
        let input = names.join("\n") + "\n";
        let call = self.git.call(["cat-file", "--batch"]).input(input.into_bytes());
        let limit = files.iter().map(|file| file.bytes() + HEAD_BYTES).sum();
        let printed = call.output_limit(limit).bytes().await?;
        read_blobs(&printed, files).ok_or_else(|| not_understood("cat-file"))
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        match self.kind {
            Kind::File(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
            Kind::Link | Kind::Submodule | Kind::Other => 0,
        }
    }
}

/// A folder as git names it: without `.`, and nothing for the root.
fn normal(folder: &str) -> PathBuf {
    Path::new(folder)
        .components()
        .filter(|part| !matches!(part, std::path::Component::CurDir))
        .collect()
}

/// `MODE KIND OBJECT SIZE<tab>PATH`
fn read_entry(entry: &[u8]) -> Option<Entry> {
    let tab = entry.iter().position(|byte| *byte == b'\t')?;
    let path = Path::new(OsStr::from_bytes(&entry[tab + 1..]));
    let mut about = std::str::from_utf8(&entry[..tab]).ok()?.split_ascii_whitespace();
    let (mode, _, object, size) = (about.next()?, about.next()?, about.next()?, about.next()?);
    let kind = match mode {
        "100644" | "100755" => Kind::File(size.parse().ok()?),
        "120000" => Kind::Link,
        "160000" => Kind::Submodule,
        _ => Kind::Other,
    };
    Some(Entry { inside: path.to_owned(), kind, object: object.to_owned() })
}

/// What is to be read, and all entries by their paths in the repository.
fn sort_out(folder: &Path, entries: Vec<Entry>) -> (Listing, BTreeMap<PathBuf, Entry>) {
    let (mut listing, mut known) = (Listing::default(), BTreeMap::new());
    let doubled = doubled(&entries);
    for entry in entries {
        let Entry { inside, kind, object: _ } = &entry;
        let path = folder.join(inside);
        if doubled.iter().any(|name| inside.starts_with(name)) {
            let message = "this tree has two entries of this name";
            listing.refuse(&path, Problem::error("duplicate-entry", message));
        } else if inside.iter().any(is_gits_own) {
            let message = "this tree holds an entry that would be git's own folder";
            listing.refuse(&path, Problem::error("bad-file-name", message));
        } else {
            listing.add(path.clone(), inside, *kind);
            known.insert(path, entry);
        }
    }
    (listing, known)
}

/// Names that stand in a tree twice: as the same file, or as a file and a folder.
fn doubled(entries: &[Entry]) -> BTreeSet<PathBuf> {
    let (mut seen, mut doubled) = (BTreeSet::new(), BTreeSet::new());
    for entry in entries {
        if !seen.insert(entry.inside.as_path()) {
            doubled.insert(entry.inside.clone());
        }
    }
    for entry in entries {
        let folders = entry.inside.ancestors().skip(1);
        doubled.extend(folders.filter(|folder| seen.contains(folder)).map(Path::to_owned));
    }
    doubled
}

/// `.git` on this system, or on one that takes other names for it (CVE-2014-9390).
fn is_gits_own(part: &OsStr) -> bool {
    let name = part.to_string_lossy().to_lowercase();
    let plain: String = name.chars().filter(|c| !crate::escape::is_invisible(*c)).collect();
    let plain = plain.trim_end_matches([' ', '.']);
    plain == ".git" || plain.starts_with("git~") || plain.starts_with(".git:")
}

/// `OBJECT KIND SIZE\nBYTES\n` for each.
fn read_blobs(mut printed: &[u8], files: &[&Entry]) -> Option<Vec<Vec<u8>>> {
    let mut blobs = Vec::with_capacity(files.len());
    for file in files {
        let end = printed.iter().position(|byte| *byte == b'\n')?;
        let head = std::str::from_utf8(&printed[..end]).ok()?;
        let size: usize = head.strip_prefix(&file.object)?.strip_prefix(" blob ")?.parse().ok()?;
        blobs.push(printed.get(end + 1..end + 1 + size)?.to_owned());
        printed = printed.get(end + size + 2..)?;
    }
    Some(blobs)
}
