//! Who changed a file last, and when.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::not_understood;
use super::{Commit, Error, Repository};

/// The newest commit that changed a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastChange {
    pub commit: Commit,
    /// As the commit has it: whoever wrote it chose it, so it proves nothing and is to be escaped.
    pub author_name: String,
    pub author_email: String,
    /// When the commit was made; rebasing makes it anew, merging doesn't.
    pub at: Timestamp,
}

const FORMAT: &str = "--format=%H%x00%an%x00%ae%x00%ct";
const WALK_FORMAT: &str = "--format=%x01%H%x00%an%x00%ae%x00%ct";
/// Bytes that a walk through the history may print.
const WALK_LIMIT: usize = 64 * 1024 * 1024;
/// Fewer than would fill a list of arguments.
const PATHS_A_CALL: usize = 500;

impl Repository {
    /// The last change of a file in the history of a commit. The path starts from the repository's
    /// root. `None` for a path that no commit of that history touched.
    ///
    /// Addresses are the commit's own: a `.mailmap` would let a pull request redirect mails.
    pub async fn last_change(
        &self,
        commit: &Commit,
        path: &Path,
    ) -> Result<Option<LastChange>, Error> {
        // Plumbing: people's `log.*` settings don't apply to it.
        let list = ["rev-list", "--max-count=1", "--encoding=UTF-8", FORMAT, commit.as_str(), "--"];
        let call = self.git.call(list.map(OsStr::new).into_iter().chain([path.as_os_str()]));
        let printed = call.text().await?;
        Ok(printed.lines().nth(1).and_then(read))
    }
    /// The last changes of many files in one walk through the history, by path. A path that isn't in
    /// the commit is left out.
    pub async fn last_changes(
        &self,
        commit: &Commit,
        paths: &[PathBuf],
    ) -> Result<BTreeMap<PathBuf, LastChange>, Error> {
        let mut changes = BTreeMap::new();
        for paths in paths.chunks(PATHS_A_CALL) {
            let blobs = self.blobs_at(commit, paths).await?;
            let walked = self.walk(commit, paths).await?;
            let found = newest(&walked, &blobs).ok_or_else(|| not_understood("log"))?;
            // A merge may have made a file what it is in a way that the walk doesn't tell.
            for path in blobs.into_keys().filter(|path| !found.contains_key(path)) {
                let change = self.last_change(commit, &path).await?;
                changes.extend(change.map(|change| (path, change)));
            }
            changes.extend(found);
        }
        Ok(changes)
    }

    /// What the files are in a commit, by path.
    async fn blobs_at(
        &self,
        commit: &Commit,
        paths: &[PathBuf],
    ) -> Result<BTreeMap<PathBuf, String>, Error> {
        let list = ["ls-tree", "-z", "--full-tree", commit.as_str(), "--"].map(OsStr::new);
        let paths = paths.iter().map(|path| path.as_os_str());
        let printed = self.git.call(list.into_iter().chain(paths)).bytes().await?;
        let entries = printed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
        let read = |entry: &[u8]| {
            let (about, path) = split_at_tab(entry)?;
            Some((path_of(path), about.rsplit(' ').next()?.to_owned()))
        };
        entries.map(|entry| read(entry).ok_or_else(|| not_understood("ls-tree"))).collect()
    }

    /// All commits that changed some files, newest first, with what they made of each. A merge tells
    /// only of files that it made different from all its parents.
    async fn walk(&self, commit: &Commit, paths: &[PathBuf]) -> Result<Vec<u8>, Error> {
        let log = ["log", "-c", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-follow"];
        let plain = ["--no-show-signature", "--no-color", "--encoding=UTF-8", WALK_FORMAT];
        let list = log.into_iter().chain(plain).chain([commit.as_str(), "--"]).map(OsStr::new);
        let paths = paths.iter().map(|path| path.as_os_str());
        self.git.call(list.chain(paths)).output_limit(WALK_LIMIT).bytes().await
    }
}

/// The newest commit that made each file what it is now. One that made it something else stands on
/// a branch whose version a merge didn't take. `None` when the walk isn't understood.
fn newest(
    walked: &[u8],
    blobs: &BTreeMap<PathBuf, String>,
) -> Option<BTreeMap<PathBuf, LastChange>> {
    let (mut found, mut change) = (BTreeMap::new(), None);
    let mut parts = walked.split(|byte| *byte == 0).map(<[u8]>::trim_ascii_start);
    while let Some(part) = parts.next() {
        if let Some(commit) = part.strip_prefix(b"\x01") {
            let mut text = || Some(String::from_utf8_lossy(parts.next()?).into_owned());
            let commit = Commit::parse(std::str::from_utf8(commit).ok()?)?;
            change = Some(LastChange {
                commit,
                author_name: text()?,
                author_email: text()?,
                at: time(&text()?)?,
            });
        } else if part.starts_with(b":") {
            // MODE… OBJECT… STATUS, the last object being what the commit made of it.
            let about = std::str::from_utf8(part).ok()?;
            let (path, made) = (path_of(parts.next()?), about.rsplit(' ').nth(1)?);
            if blobs.get(&path).is_some_and(|blob| blob == made) {
                found.entry(path).or_insert(change.clone()?);
            }
        } else if !part.is_empty() {
            return None;
        }
    }
    Some(found)
}

fn split_at_tab(entry: &[u8]) -> Option<(&str, &[u8])> {
    let tab = entry.iter().position(|byte| *byte == b'\t')?;
    Some((std::str::from_utf8(&entry[..tab]).ok()?, &entry[tab + 1..]))
}

fn path_of(bytes: &[u8]) -> PathBuf {
    OsStr::from_bytes(bytes).into()
}

/// The line that [`FORMAT`] makes.
fn read(line: &str) -> Option<LastChange> {
    let mut parts = line.split('\0');
    let commit = Commit::parse(parts.next()?)?;
    let (author_name, author_email) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    Some(LastChange { commit, author_name, author_email, at: time(parts.next()?)? })
}

/// A date beyond what can be told counts as the end of that range.
fn time(seconds: &str) -> Option<Timestamp> {
    Some(Timestamp::from_second(seconds.parse().ok()?).unwrap_or(Timestamp::MAX))
}
