//! A repository on this host, to be read: commits, their ancestry, the blobs of files.
//!
//! Answers for asking git's own database only. Nothing is checked out, no index is used, and what a
//! repository brings along (attributes, filters, modules, mail maps) isn't obeyed.

use std::path::Path;

use super::run::{Git, Place, Settings};
use super::{Commit, Error};

/// A repository; reading it takes no lock and changes nothing.
#[derive(Debug, Clone)]
pub struct Repository {
    pub(super) git: Git,
}

/// The kind and size of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    pub kind: String,
    pub bytes: u64,
}

impl Repository {
    /// The one whose work tree has its top in this folder; nothing is looked at yet.
    pub(super) fn of_work_tree(root: &Path) -> Self {
        Self { git: Git::new(root, Place::WorkTree, Settings::Users) }
    }

    /// The commit that a name stands for, as people write it: `HEAD~1`, `main`, a tag.
    pub async fn resolve(&self, revision: &str) -> Result<Commit, Error> {
        let wanted = format!("{revision}^{{commit}}");
        let call = self.git.call(["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]);
        let output = call.output().await?;
        let name = String::from_utf8_lossy(&output.bytes);
        match Commit::parse(name.trim()) {
            Some(commit) if output.code == Some(0) => Ok(commit),
            _ if output.said.is_empty() => Err(Error::NoCommit { revision: revision.into() }),
            _ => Err(Error::Failed { command: "rev-parse".into(), said: output.said }),
        }
    }

    /// Whether `newer` is `older` or has it among its ancestors. A commit that isn't there, or no
    /// longer, is nobody's ancestor, and that is no error.
    pub async fn is_ancestor(&self, older: &Commit, newer: &Commit) -> Result<bool, Error> {
        for commit in [older, newer] {
            if !self.has(commit).await? {
                return Ok(false);
            }
        }
        let arguments = ["merge-base", "--is-ancestor", older.as_str(), newer.as_str()];
        let output = self.git.call(arguments).output().await?;
        match output.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(Error::Failed { command: "merge-base".into(), said: output.said }),
        }
    }

    /// Whether the commit is in the repository.
    pub async fn has(&self, commit: &Commit) -> Result<bool, Error> {
        let about = self.about(&[commit.as_str().to_owned()]).await?;
        Ok(matches!(about.as_slice(), [Some(about)] if about.kind == "commit"))
    }

    /// What objects are, in the order of their names; `None` for those that aren't there. A name
    /// may be anything git understands without a line's end.
    pub async fn about(&self, names: &[String]) -> Result<Vec<Option<About>>, Error> {
        let mut input = names.join("\n").into_bytes();
        input.push(b'\n');
        let format = "--batch-check=%(objecttype) %(objectsize)";
        let printed = self.git.call(["cat-file", format]).input(input).text().await?;
        let about = |line: &str| {
            let (kind, bytes) = line.rsplit_once(' ')?;
            Some(About { kind: kind.to_owned(), bytes: bytes.parse().ok()? })
        };
        Ok(printed.lines().map(about).collect())
    }
}
