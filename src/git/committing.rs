//! Commits without a checkout, and bringing them to the remote.
//!
//! Answers for a tree that is another one with some files put over it, for who is named in a commit,
//! and for a push never being forced. Which branch it goes to, and on top of what, is the caller's.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

use super::error::not_understood;
use super::mirror::at;
use super::{Commit, Error, Mirror};
use crate::whole::remove;

/// How git says that somebody else was quicker.
const OVERTAKEN: [&str; 8] = [
    "cannot lock ref",
    "failed to lock",
    "failed to update ref",
    "fetch first",
    "incorrect old value",
    "non-fast-forward",
    "reference already exists",
    "stale info",
];

/// Somebody, as commits name people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub name: String,
    pub email: String,
}

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub message: String,
    pub author: Identity,
    pub committer: Identity,
}

/// A file of a tree: its mode and object, and its path.
pub(super) struct Placed<'a> {
    pub mode: &'a str,
    pub object: &'a str,
    pub path: &'a [u8],
}

/// What the remote's branch has to be for a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Only {
    /// An ancestor of the commit, or not there.
    Forward,
    /// Not there.
    New,
}

/// How a push ended that reached the remote.
pub(super) enum Pushed {
    /// With what the server said to it, line by line.
    Taken(Vec<String>),
    /// The branch isn't what it has to be.
    Overtaken(String),
    Refused(String),
}

impl Mirror {
    /// The tree of a commit, or an empty one, with files put over it.
    pub(super) async fn tree_with(
        &self,
        parent: Option<&Commit>,
        files: &[Placed<'_>],
    ) -> Result<String, Error> {
        let index = index_name(self.folder());
        let written = self.tree_in(&index, parent, files).await;
        match remove(&index) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(&index)(error)),
            _ => written,
        }
    }

    async fn tree_in(
        &self,
        index: &Path,
        parent: Option<&Commit>,
        files: &[Placed<'_>],
    ) -> Result<String, Error> {
        let call = |arguments: &[&str]| self.git().call(arguments).set("GIT_INDEX_FILE", index);
        match parent {
            Some(parent) => call(&["read-tree", parent.as_str()]).bytes().await?,
            None => call(&["read-tree", "--empty"]).bytes().await?,
        };
        let mut entries = Vec::new();
        for Placed { mode, object, path } in files {
            entries.extend(format!("{mode} {object}\t").into_bytes());
            entries.extend(*path);
            entries.push(0);
        }
        // A file may stand where a folder stood before, and the other way round.
        call(&["update-index", "--replace", "-z", "--index-info"]).input(entries).bytes().await?;
        call(&["write-tree"]).text().await
    }

    pub(super) async fn commit_tree(
        &self,
        tree: &str,
        parent: Option<&Commit>,
        words: &Words,
    ) -> Result<Commit, Error> {
        let Words { message, author, committer } = words;
        let mut arguments = vec!["commit-tree", tree, "-F", "-"];
        if let Some(parent) = parent {
            arguments.extend(["-p", parent.as_str()]);
        }
        // `commit-tree` doesn't look at this setting by itself.
        let sign = self.git().call(["config", "--type=bool", "--get", "commit.gpgSign"]);
        if sign.output().await?.bytes.starts_with(b"true") {
            arguments.push("-S");
        }
        let call = self.git().call(arguments).input(format!("{message}\n").into_bytes());
        let call = call.set("GIT_AUTHOR_NAME", &author.name).set("GIT_AUTHOR_EMAIL", &author.email);
        let call = call.set("GIT_COMMITTER_NAME", &committer.name);
        let printed = call.set("GIT_COMMITTER_EMAIL", &committer.email).text().await?;
        Commit::parse(&printed).ok_or_else(|| not_understood("commit-tree"))
    }

    /// Never with force: what the remote has and we haven't seen stays.
    pub(super) async fn push(
        &mut self,
        commit: &Commit,
        branch: &str,
        only: Only,
    ) -> Result<Pushed, Error> {
        let refspec = format!("{commit}:refs/heads/{branch}");
        // A lease on nothing: git refuses to touch a branch that is there, even to move it forward.
        let lease = format!("--force-with-lease=refs/heads/{branch}:");
        let mut arguments = vec![
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
        ];
        arguments.extend((only == Only::New).then_some(lease.as_str()));
        arguments.extend(["origin", &refspec]);
        let call = self.git().call(arguments);
        let output = call.time_limit(self.remote_time_limit).output().await?;
        if output.code == Some(0) {
            return Ok(Pushed::Taken(output.remote));
        }
        let printed = String::from_utf8_lossy(&output.bytes);
        let refusal = printed.lines().find_map(|line| line.strip_prefix("!\t"));
        let Some(refusal) = refusal else { return Err(self.why(&output)) };
        let reason = refusal.rsplit('\t').next().unwrap_or(refusal);
        let words = [reason, &output.said].join("; ");
        Ok(match OVERTAKEN.iter().any(|word| reason.contains(word)) {
            true => Pushed::Overtaken(words),
            false => Pushed::Refused(words),
        })
    }

    pub(super) fn rejected(&self, branch: &str, tries: u32, said: String) -> Error {
        Error::Rejected { url: self.url(), branch: branch.to_owned(), tries, said }
    }
}

/// An index that no other call of this process or another one uses.
fn index_name(folder: &Path) -> PathBuf {
    folder.join(format!("tmp_index_{}_{:x}", std::process::id(), random()))
}

pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
