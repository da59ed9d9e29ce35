//! Fetching a branch into the daemon's clone.
//!
//! Answers for limits of time and size, and for telling apart why a remote gives nothing. One
//! exchange suffices when nothing changed. A branch is taken as it is, also after a force-push;
//! whether that dropped something is asked with `is_ancestor`.

use std::time::{Duration, Instant};

use super::run::Output;
use super::{Commit, Error, Mirror, size};

/// A remote that was too large isn't asked again before.
const AFTER_TOO_LARGE: Duration = Duration::from_hours(1);
const MEBIBYTE: u64 = 1024 * 1024;
/// Git's own words, in the locale C, for a remote that doesn't let this user in …
const DENIED: [&str; 9] = [
    "Authentication failed",
    "Host key verification failed",
    "Permission denied",
    "could not read Password",
    "could not read Username",
    "dubious ownership",
    "returned error: 401",
    "returned error: 403",
    "terminal prompts disabled",
];
/// … for one that isn't there …
const NO_REPOSITORY: [&str; 7] = [
    "does not appear to be a git repository",
    "is this a git repository?",
    "repository not found",
    "Repository not found",
    "returned error: 404",
    "not found",
    "does not exist",
];
/// … for a way that doesn't lead there today …
const UNREACHABLE: [&str; 12] = [
    "Could not resolve",
    "Couldn't connect",
    "Failed to connect",
    "Connection ",
    "No route to host",
    "Network is unreachable",
    "RPC failed",
    "early EOF",
    "hung up",
    "returned error: 5",
    "unable to access",
    "Could not read from remote repository",
];
/// … for a disk that takes nothing more, which is no reason to throw a clone away …
const FULL: [&str; 4] =
    ["Disk quota exceeded", "File too large", "No space left on device", "Read-only file system"];
/// … and for a clone that can't be read.
const DAMAGED: [&str; 9] = [
    "bad object",
    "cannot be read",
    "does not match index",
    "inflate",
    "is corrupt",
    "is empty",
    "loose object",
    "missing necessary objects",
    "not a git repository: '.'",
];

impl Mirror {
    /// Fetches the branch of the manifests and returns its newest commit.
    ///
    /// # Errors
    /// See [`Error`]. What the operator or the owner of the repository has to mend isn't
    /// [passing](Error::is_passing). After any error the commits fetched before are still there,
    /// except after [`Error::TooLarge`], which removes the clone and stands for an hour.
    pub async fn fetch(&mut self) -> Result<Commit, Error> {
        if self.too_large.is_some_and(|then| then.elapsed() < AFTER_TOO_LARGE) {
            return Err(self.too_large());
        }
        let lock = self.open().await?;
        let branch = self.source.branch.clone();
        let fetched = match self.fetch_branch(&branch).await {
            Err(Error::Damaged { .. }) if self.may_repair() => {
                self.remove()?;
                self.make().await?;
                self.fetch_branch(&branch).await
            }
            fetched => fetched,
        };
        let fetched = match fetched {
            Ok(Some(commit)) => Ok(commit),
            Ok(None) => Err(self.missing(&branch).await),
            Err(error) => Err(error),
        };
        // A call that was ended left half of what it fetched behind.
        if !matches!(fetched, Err(Error::TimeLimit { .. })) {
            lock.finish()?;
        }
        fetched
    }

    /// The newest commit of a branch of the remote; `None` when there is no such branch.
    pub(super) async fn fetch_branch(&mut self, branch: &str) -> Result<Option<Commit>, Error> {
        let before = self.look_at(branch).await?;
        let refspec = format!("+refs/heads/{branch}:{}", tracked(branch));
        let call = self.git().call([
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
            "origin",
            &refspec,
        ]);
        let call = call.time_limit(self.remote_time_limit);
        let (objects, limit) = (self.folder().join("objects"), self.limit());
        let output = tokio::select! {
            output = call.output() => Some(output?),
            () = size::exceeds(&objects, limit) => None,
        };
        let Some(output) = output.filter(|_| size::bytes(&objects) <= limit) else {
            self.remove()?;
            self.too_large = Some(Instant::now());
            return Err(self.too_large());
        };
        match output.code {
            Some(0) => {}
            _ if output.said.contains("couldn't find remote ref") => return Ok(None),
            _ => return Err(self.why(&output)),
        }
        let after = self.look_at(branch).await?;
        if after != before {
            self.tidy().await;
        }
        Ok(after)
    }

    /// The newest commit of a branch as it was fetched last; asks no remote.
    pub async fn fetched(&self, branch: &str) -> Result<Option<Commit>, Error> {
        match self.repository.resolve(&tracked(branch)).await {
            Ok(commit) => Ok(Some(commit)),
            Err(Error::NoCommit { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// As [`Mirror::fetched`]; a clone that can't even tell that is damaged.
    async fn look_at(&mut self, branch: &str) -> Result<Option<Commit>, Error> {
        match self.fetched(branch).await {
            Err(Error::Failed { said, .. }) => Err(self.damaged(said)),
            other => other,
        }
    }

    /// Git's own housekeeping, which runs only when there is enough to do. That it fails is no
    /// reason to do nothing else.
    async fn tidy(&self) {
        let gc = self.git().call(["-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"]);
        let _ = gc.time_limit(self.remote_time_limit).output().await;
    }

    fn limit(&self) -> u64 {
        self.source.max_mebibytes.saturating_mul(MEBIBYTE)
    }

    fn too_large(&self) -> Error {
        Error::TooLarge { url: self.url(), mebibytes: self.source.max_mebibytes }
    }

    /// Why a branch isn't there.
    async fn missing(&self, branch: &str) -> Error {
        let call = self.git().call(["ls-remote", "--heads", "origin"]);
        let listed = match call.time_limit(self.remote_time_limit).text().await {
            Ok(listed) => listed,
            Err(error) => return error,
        };
        let names = listed.lines().filter_map(|line| line.split_once("refs/heads/"));
        let branches: Vec<String> = names.map(|(_, name)| name.to_owned()).collect();
        let url = self.url();
        if branches.is_empty() {
            return Error::Empty { url };
        }
        Error::NoBranch { url, branch: branch.to_owned(), branches }
    }

    /// What git's words mean.
    pub(super) fn why(&mut self, output: &Output) -> Error {
        let says = |words: &[&str]| words.iter().any(|word| output.said.contains(word));
        let (url, said) = (self.url(), output.said.clone());
        if is_full(&said) {
            Error::Failed { command: "fetch".into(), said }
        } else if says(&DENIED) {
            Error::Denied { url, said }
        } else if says(&NO_REPOSITORY) {
            Error::NoRepository { url, said }
        } else if says(&DAMAGED) {
            self.damaged(said)
        } else if says(&UNREACHABLE) {
            Error::Unreachable { url, said }
        } else {
            Error::Failed { command: "fetch".into(), said }
        }
    }
}

/// Whether the disk takes nothing more.
pub(super) fn is_full(said: &str) -> bool {
    FULL.iter().any(|word| said.contains(word))
}

/// Where a branch of the remote is kept.
pub(super) fn tracked(branch: &str) -> String {
    format!("refs/remotes/origin/{branch}")
}
