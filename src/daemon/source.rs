//! Where manifests come from: a directory, or a branch of a git repository.
//!
//! Answers for what is there now, and for who wrote it. Whoever tells that something changed is only
//! a hint to look.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::config::{Config, ManifestSource};
use crate::effect::clock;
use crate::git::{self, Commit, Leads, Mirror, Published, Results, Unsigned, Which, WorkTree};
use crate::manifest::job::Job;
use crate::manifest::problem::Problem;
use crate::manifest::{self, Manifests};
use crate::report::files;
use crate::state::{self, State};
use crate::whole::write_bytes_if_changed;

/// What the manifests are at one moment.
#[derive(Debug)]
pub struct Snapshot {
    pub manifests: Manifests,
    /// The same for the same content.
    pub revision: String,
}

/// Why manifests can't be had. Nothing is done then, also nothing that was approved before.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.first().map_or("no manifest could be read", |problem| &problem.message))]
    Unreadable(Vec<Problem>),
    #[error(transparent)]
    Git(#[from] git::Error),
    /// The operator wants every commit signed.
    #[error(
        "commit {} by {} <{}> {}; nothing is done until the branch holds signed commits only",
        .0.commit, .0.author_name, .0.author_email, .0.why
    )]
    Unsigned(Unsigned),
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    State(#[from] state::Error),
}

/// Who brought a file as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastChange {
    pub at: Timestamp,
    pub commit: Option<String>,
    /// A git address.
    pub author: Option<String>,
}

/// What a repository is asked for before something is run, it was asked for within this time.
const FRESH: Duration = Duration::from_secs(10);
/// Whoever only asks how jobs stand waits for a remote no longer.
const SOON: Duration = Duration::from_secs(10);
/// The name under which the state store keeps the last commit whose history is signed.
const TRUSTED: &str = "trusted commit";

#[derive(Debug)]
pub enum Source {
    Directory(PathBuf),
    Git(Box<GitBranch>),
}

/// A branch, as it was fetched last.
#[derive(Debug)]
pub struct GitBranch {
    mirror: Mirror,
    poll: Duration,
    must_be_signed: bool,
    fetched: Option<(Timestamp, Commit)>,
    /// Somebody says that there is something new.
    is_hinted: bool,
    author_email: String,
}

impl Source {
    pub fn of(config: &Config) -> Self {
        match &config.manifests {
            ManifestSource::Directory(directory) => Self::Directory(directory.clone()),
            ManifestSource::Git(git) => Self::Git(Box::new(GitBranch {
                mirror: Mirror::new(git, &config.state_directory),
                poll: Duration::from_secs(git.poll_seconds),
                must_be_signed: git.require_signed.is_some(),
                fetched: None,
                is_hinted: false,
                author_email: config.own_address(),
            })),
        }
    }

    /// The manifests; nothing where they are of a revision that is known.
    pub async fn look(
        &mut self,
        state: &mut State,
        known: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Snapshot>, Error> {
        match self {
            Self::Directory(directory) => {
                let files = manifest::read(directory).map_err(Error::Unreadable)?;
                let revision = files.revision();
                let is_new = known != Some(&revision);
                Ok(is_new.then(|| Snapshot { manifests: files.understood(), revision }))
            }
            Self::Git(branch) => {
                let head = branch.head(state, now).await?;
                if known == Some(head.as_str()) {
                    return Ok(None);
                }
                let manifests = branch.mirror.manifests(&head).await?;
                Ok(Some(Snapshot { manifests, revision: head.to_string() }))
            }
        }
    }

    /// The manifests for somebody who asks how jobs stand, or has one rest: where the remote doesn't
    /// answer soon, as they were fetched last, and why. Nothing may be run by them.
    pub async fn at_hand(
        &mut self,
        state: &mut State,
    ) -> Result<(Manifests, Option<git::Error>), Error> {
        if let Self::Git(branch) = self {
            (branch.mirror.patience, branch.mirror.remote_time_limit) = (SOON, SOON);
        }
        match (self.look(state, None, clock::now()).await, &*self) {
            (Ok(Some(snapshot)), _) => Ok((snapshot.manifests, None)),
            (Ok(None), _) => unreachable!("no revision is known"),
            (Err(Error::Git(error)), Self::Git(branch)) => {
                match branch.mirror.fetched_manifests().await {
                    Ok(Some((_, manifests))) => Ok((manifests, Some(error))),
                    Ok(None) | Err(_) => Err(error.into()),
                }
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Who wrote a job's file as it is; nothing where nobody knows.
    pub async fn last_change(&self, job: Job<'_>) -> Option<LastChange> {
        let path = &job.origin().path;
        let found = match self {
            Self::Directory(folder) => match WorkTree::around(folder).await {
                Ok(Some(tree)) => tree.last_change(path).await.ok().flatten(),
                Ok(None) | Err(_) => None,
            },
            Self::Git(branch) => {
                let (_, head) = branch.fetched.as_ref()?;
                branch.mirror.repository().last_change(head, path).await.ok().flatten()
            }
        };
        match found {
            Some(change) => Some(LastChange {
                at: change.at,
                commit: Some(change.commit.to_string()),
                author: Some(change.author_email),
            }),
            None => modified(path),
        }
    }

    /// Whether what was approved by a commit still is part of the branch. Outside of git nobody can
    /// say otherwise.
    pub async fn still_has(&self, commit: &str) -> Result<bool, Error> {
        let (Self::Git(branch), Some(commit)) = (self, Commit::parse(commit)) else {
            return Ok(true);
        };
        let Some((_, head)) = &branch.fetched else { return Ok(true) };
        Ok(branch.mirror.repository().is_ancestor(&commit, head).await?)
    }

    /// Whether what was seen last is new enough to run something by it; if not, the next look asks.
    pub fn is_fresh(&mut self, now: Timestamp) -> bool {
        let Self::Git(branch) = self else { return true };
        let is_fresh = branch.is_younger(FRESH.min(branch.poll.max(Duration::from_secs(1))), now);
        branch.is_hinted |= !is_fresh;
        is_fresh
    }

    /// The next look asks for what is there now, however short the last one is ago.
    pub fn look_again(&mut self) {
        if let Self::Git(branch) = self {
            branch.is_hinted = true;
        }
    }

    /// How often to look without a hint; nothing where the usual listing is enough.
    pub fn poll(&self) -> Option<Duration> {
        match self {
            Self::Directory(_) => None,
            Self::Git(branch) => Some(branch.poll),
        }
    }

    /// Puts result files where people find them, where that isn't where they are written.
    pub async fn publish(
        &mut self,
        folder: &Path,
        which: Which,
        message: &str,
        leads: Leads<'_>,
    ) -> Result<Published, Error> {
        let Self::Git(branch) = self else { return Ok(Published::Nothing) };
        if !folder.is_dir() {
            return Ok(Published::Nothing);
        }
        let results = Results {
            folder: folder.to_owned(),
            which,
            message: message.to_owned(),
            author_name: "reconcile".into(),
            author_email: branch.author_email.clone(),
        };
        Ok(branch.mirror.publish(&results, leads).await?)
    }

    /// Brings the folder of results to what people find: another process may have written there since.
    pub async fn adopt(&mut self, folder: &Path) -> Result<(), Error> {
        let Self::Git(branch) = self else { return Ok(()) };
        let results = branch.mirror.results().await?.into_iter();
        for (path, bytes) in results.filter(|(path, _)| files::is_result(path)) {
            let path = folder.join(path);
            write_bytes_if_changed(&path, &bytes).map_err(|source| Error::File { path, source })?;
        }
        Ok(())
    }

    /// The folder to watch for changes.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Git(_) => None,
        }
    }
}

impl GitBranch {
    /// The newest commit, fetched at most as often as the operator says.
    async fn head(&mut self, state: &mut State, now: Timestamp) -> Result<Commit, Error> {
        if let Some((_, head)) = &self.fetched
            && !self.is_hinted
            && self.is_younger(self.poll, now)
        {
            return Ok(head.clone());
        }
        let head = self.mirror.fetch().await?;
        if self.must_be_signed {
            self.check_signatures(state, &head).await?;
        }
        self.fetched = Some((now, head.clone()));
        self.is_hinted = false;
        Ok(head)
    }

    /// Whether the branch was asked within this time. After the clock stepped back nobody knows.
    fn is_younger(&self, age: Duration, now: Timestamp) -> bool {
        let fetched = self.fetched.as_ref();
        let since = fetched.and_then(|(at, _)| Duration::try_from(now.duration_since(*at)).ok());
        since.is_some_and(|since| since < age)
    }

    /// Refuses a head with an unsigned commit since the last one that was trusted. Nothing is trusted
    /// that wasn't checked.
    async fn check_signatures(&self, state: &mut State, head: &Commit) -> Result<(), Error> {
        let trusted = state.noted(TRUSTED).await?.and_then(|text| Commit::parse(&text));
        if trusted.as_ref() == Some(head) {
            return Ok(());
        }
        if let Some(unsigned) = self.mirror.first_unsigned(trusted.as_ref(), head).await? {
            return Err(Error::Unsigned(unsigned));
        }
        Ok(state.note(TRUSTED, head.as_str()).await?)
    }
}

/// Of a file outside of git its own time is what is known.
fn modified(path: &Path) -> Option<LastChange> {
    let modified = std::fs::metadata(path).and_then(|about| about.modified()).ok()?;
    let at = Timestamp::try_from(modified).ok()?;
    Some(LastChange { at, commit: None, author: None })
}
