//! A change of one file that people are to merge: a commit on a branch of its own.
//!
//! Answers for nothing being checked out, for the branch being new on the remote, and for neither the
//! branch of the manifests nor that of results ever being written. What the file is to say is decided
//! elsewhere; between the commit and its push it can be read and refused.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::committing::{Only, Placed, Pushed, Words};
use super::{Commit, Error, Mirror, Repository};

/// Another content of one file.
#[derive(Debug, Clone)]
pub struct Edit<'a> {
    /// The commit that it is an edit of.
    pub base: &'a Commit,
    /// From the repository's root.
    pub path: &'a Path,
    pub text: &'a str,
}

/// A branch that is on the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    pub branch: String,
    pub commit: Commit,
    /// What the server said to it, line by line.
    pub remote: Vec<String>,
}

/// A file of a commit as its tree has it.
struct Entry {
    mode: String,
    object: String,
}

impl Repository {
    /// The bytes of a file of a commit; nothing where it isn't an ordinary file there.
    pub async fn file(&self, commit: &Commit, path: &Path) -> Result<Option<Vec<u8>>, Error> {
        match self.entry(commit, path).await? {
            Some(entry) => {
                Ok(Some(self.git.call(["cat-file", "blob", &entry.object]).bytes().await?))
            }
            None => Ok(None),
        }
    }

    async fn entry(&self, commit: &Commit, path: &Path) -> Result<Option<Entry>, Error> {
        let list = ["ls-tree", "-z", "--full-tree", commit.as_str(), "--"].map(OsStr::new);
        let call = self.git.call(list.into_iter().chain([path.as_os_str()]));
        Ok(read_entry(&call.bytes().await?))
    }
}

impl Mirror {
    /// Commits another content of a file on top of a commit that was fetched. No branch has it yet.
    pub async fn draft(&mut self, edit: &Edit<'_>, words: &Words) -> Result<Commit, Error> {
        let lock = self.open().await?;
        let drafted = self.draft_in(edit, words).await;
        if !matches!(drafted, Err(Error::TimeLimit { .. })) {
            lock.finish()?;
        }
        drafted
    }

    async fn draft_in(&self, edit: &Edit<'_>, words: &Words) -> Result<Commit, Error> {
        let Edit { base, path, text } = edit;
        let there = self.repository().entry(base, path).await?;
        let gone = || Error::NoCommit { revision: format!("{base} with {}", path.display()) };
        let there = there.ok_or_else(gone)?;
        let write = self.git().call(["hash-object", "-w", "--no-filters", "--stdin"]);
        let object = write.input(text.as_bytes().to_vec()).text().await?;
        let placed =
            Placed { mode: &there.mode, object: &object, path: path.as_os_str().as_bytes() };
        let tree = self.tree_with(Some(base), &[placed]).await?;
        self.commit_tree(&tree, Some(base), words).await
    }

    /// Pushes a commit as a new branch, by the first of some names that is free.
    ///
    /// # Guarantees
    /// No branch that is on the remote is touched, whatever its name. After an error no branch was made,
    /// except after [`Error::TimeLimit`] and a connection that broke off, when nobody knows.
    ///
    /// # Errors
    /// [`Error::Rejected`] when the remote refuses, or each name is taken; else as [`Mirror::fetch`].
    pub async fn propose(&mut self, commit: Commit, names: &[String]) -> Result<Proposed, Error> {
        let lock = self.open().await?;
        let proposed = self.propose_as(commit, names).await;
        if !matches!(proposed, Err(Error::TimeLimit { .. })) {
            lock.finish()?;
        }
        proposed
    }

    async fn propose_as(&mut self, commit: Commit, names: &[String]) -> Result<Proposed, Error> {
        let (mut taken, mut tries) = (Error::NoCommit { revision: commit.to_string() }, 0);
        for branch in names {
            if *branch == self.source.branch || *branch == self.source.results_branch {
                continue;
            }
            tries += 1;
            match self.push(&commit, branch, Only::New).await? {
                Pushed::Taken(remote) => {
                    return Ok(Proposed { branch: branch.clone(), commit, remote });
                }
                Pushed::Overtaken(said) => taken = self.rejected(branch, tries, said),
                Pushed::Refused(said) => return Err(self.rejected(branch, tries, said)),
            }
        }
        Err(taken)
    }
}

/// `MODE blob OBJECT<tab>PATH`, of an ordinary file.
fn read_entry(printed: &[u8]) -> Option<Entry> {
    let tab = printed.iter().position(|byte| *byte == b'\t')?;
    let mut about = std::str::from_utf8(&printed[..tab]).ok()?.split(' ');
    let (mode, kind, object) = (about.next()?, about.next()?, about.next()?);
    let is_file = kind == "blob" && matches!(mode, "100644" | "100755");
    is_file.then(|| Entry { mode: mode.to_owned(), object: object.to_owned() })
}
