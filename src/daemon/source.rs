//! Where manifests come from: a directory, or a branch of a git repository.
//!
//! Answers for what is there now. Whoever tells that something changed is only a hint to look.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::config::{Config, ManifestSource};
use crate::manifest::problem::Problem;
use crate::manifest::{self, Manifests, SyncJob};

/// What the manifests are at one moment.
#[derive(Debug)]
pub struct Snapshot {
    pub manifests: Manifests,
    /// The same for the same content.
    pub revision: String,
}

/// Why manifests can't be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.first().map_or("no manifest could be read", |problem| &problem.message))]
    Unreadable(Vec<Problem>),
    #[error("manifests from git are not yet built")]
    NotYet,
}

/// Who brought a file as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastChange {
    pub at: Timestamp,
    pub commit: Option<String>,
    /// A git address.
    pub author: Option<String>,
}

#[derive(Debug)]
pub enum Source {
    Directory(PathBuf),
    Git,
}

impl Source {
    pub fn of(config: &Config) -> Self {
        match &config.manifests {
            ManifestSource::Directory(directory) => Self::Directory(directory.clone()),
            ManifestSource::Git(_) => Self::Git,
        }
    }

    /// Reads everything there is.
    pub async fn look(&self) -> Result<Snapshot, Error> {
        match self {
            Self::Directory(directory) => {
                let manifests = manifest::load(directory).map_err(Error::Unreadable)?;
                let revision = manifests.revision();
                Ok(Snapshot { manifests, revision })
            }
            Self::Git => Err(Error::NotYet),
        }
    }

    /// Who wrote a job's file as it is; nothing where nobody knows.
    pub async fn last_change(&self, _job: &SyncJob) -> Option<LastChange> {
        match self {
            Self::Directory(_) | Self::Git => None,
        }
    }

    /// The folder to watch for changes.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Git => None,
        }
    }
}
