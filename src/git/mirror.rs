//! The daemon's own bare clone, in its state directory.
//!
//! Answers for the clone being there and whole: made on first use, swept after a crash, made anew
//! when it is damaged. What is fetched and how is `fetch`'s part; nothing is ever checked out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::lock::{self, Before, Lock};
use super::run::{Git, Place, REMOTE_TIME_LIMIT, Settings};
use super::{Commit, Error, Repository, address};
use crate::config::GitSource;
use crate::effect;
use crate::manifest::Manifests;
use crate::whole::{make_folder, rename};

/// A clone that doesn't get whole isn't made anew more often.
const BETWEEN_REPAIRS: Duration = Duration::from_mins(10);

/// The clone of [`GitSource`].
#[derive(Debug)]
pub struct Mirror {
    pub(super) source: GitSource,
    pub(super) repository: Repository,
    /// How long one exchange with the remote may take.
    pub remote_time_limit: Duration,
    /// How long the clone is waited for while somebody else works in it.
    pub patience: Duration,
    /// When a fetch grew too large, which isn't tried again at once.
    pub(super) too_large: Option<Instant>,
    state: State,
    repaired: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    Whole,
    Damaged,
}

impl Mirror {
    /// The clone below a state directory; nothing is done yet.
    pub fn new(source: &GitSource, state_directory: &Path) -> Self {
        let folder = state_directory.join("git");
        let git = Git::new(&folder, Place::Bare, Settings::Users).with_remote(&source.url);
        Self {
            source: source.clone(),
            repository: Repository { git },
            remote_time_limit: REMOTE_TIME_LIMIT,
            patience: lock::PATIENCE,
            too_large: None,
            state: State::Unknown,
            repaired: None,
        }
    }

    /// For reading; may be cloned and used while this one fetches or publishes.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The manifests of a commit that was fetched, below the folder that the operator names.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the clone can't be read; the next [`Mirror::fetch`] makes it anew.
    pub async fn manifests(&mut self, commit: &Commit) -> Result<Manifests, Error> {
        match self.repository.manifests(commit, &self.source.path).await {
            Err(Error::Failed { said, .. }) => Err(self.damaged(said)),
            other => other,
        }
    }

    /// The manifests of the branch as it was fetched last; asks no remote, and waits for nobody.
    pub async fn fetched_manifests(&self) -> Result<Option<(Commit, Manifests)>, Error> {
        let Some(head) = self.fetched(&self.source.branch).await? else { return Ok(None) };
        let manifests = self.repository.manifests(&head, &self.source.path).await?;
        Ok(Some((head, manifests)))
    }

    /// The remote's address, for people.
    pub fn url(&self) -> String {
        address::shown(self.source.url.expose())
    }

    pub(super) fn git(&self) -> &Git {
        &self.repository.git
    }

    pub(super) fn folder(&self) -> &Path {
        self.git().folder()
    }

    pub(super) fn damaged(&mut self, said: String) -> Error {
        self.state = State::Damaged;
        Error::Damaged { folder: self.folder().to_owned(), said }
    }

    /// Whether a damaged clone may be made anew now.
    pub(super) fn may_repair(&self) -> bool {
        self.repaired.is_none_or(|then| then.elapsed() > BETWEEN_REPAIRS)
    }

    /// Takes the lock, and sees to it that there is a clone to work in.
    pub(super) async fn open(&mut self) -> Result<Lock, Error> {
        let folder = self.folder().to_owned();
        let parent = folder.parent().unwrap_or(&folder);
        make_folder(parent).map_err(at(parent))?;
        let (lock, before) = Lock::take(&folder, self.patience).await?;
        if self.state == State::Damaged && self.may_repair() {
            self.remove()?;
        } else if before == Before::Died && folder.is_dir() {
            lock::sweep(&folder).map_err(at(&folder))?;
        }
        if self.state != State::Whole {
            self.make().await?;
        }
        Ok(lock)
    }

    /// Removes the clone, so that it is made anew.
    pub(super) fn remove(&mut self) -> Result<(), Error> {
        let folder = self.folder().to_owned();
        (self.state, self.repaired) = (State::Unknown, Some(Instant::now()));
        // A git that is just being ended may still write into it.
        let old = folder.with_extension("old");
        clear(&old)?;
        match rename(&folder, &old) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(at(&folder))?,
        }
        // What is left of it is removed before the next one is made.
        let _ = clear(&old);
        Ok(())
    }

    /// Makes the clone unless it is there. It gets its name only when it is complete, so one that a
    /// crash left half-made is never taken for one.
    pub(super) async fn make(&mut self) -> Result<(), Error> {
        let folder = self.folder().to_owned();
        if folder.exists() {
            let known = self.git().call(["rev-parse", "--is-bare-repository"]).output().await?;
            if known.code == Some(0) && known.bytes.starts_with(b"true") {
                self.state = State::Whole;
                return Ok(());
            }
            self.remove()?;
        }
        let half = folder.with_extension("new");
        clear(&half)?;
        clear(&folder.with_extension("old"))?;
        let parent = folder.parent().unwrap_or(&folder);
        let git = Git::new(parent, Place::WorkTree, Settings::Users);
        let init = ["init", "--quiet", "--bare", "--template=", "--"].map(std::ffi::OsStr::new);
        git.call(init.into_iter().chain([half.as_os_str()])).bytes().await?;
        rename(&half, &folder).map_err(at(&folder))?;
        self.state = State::Whole;
        Ok(())
    }
}

/// Removes a folder with all that is in it, if it is there.
fn clear(folder: &Path) -> Result<(), Error> {
    match effect::file("remove").and_then(|()| fs::remove_dir_all(folder)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(folder)(error)),
        _ => Ok(()),
    }
}

/// Where a file couldn't be worked with.
pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path: PathBuf = path.to_owned();
    move |source| Error::File { path, source }
}
