//! Git: where manifests come from, and where results go.
//!
//! Answers for everything that is asked of a repository: its newest commit, the manifests of a
//! commit, who changed a file, what was signed, and a branch of results. The `git` binary does the
//! work with lists of arguments, so that credential helpers, SSH settings and signing are as people
//! have them. Nothing is ever checked out. Knows manifests, but neither jobs nor the daemon.

pub mod address;
mod branch;
mod committing;
mod error;
mod fetch;
pub mod forge;
mod history;
mod kill;
mod lock;
mod manifests;
mod mirror;
mod proposal;
mod repository;
pub mod run;
mod signed;
mod size;
mod work_tree;

use std::fmt;
use std::path::Path;

use run::{Git, Place, Settings};

pub use branch::{Leads, Published, Results, Which};
pub use committing::{Identity, Words};
pub use error::Error;
pub use history::LastChange;
pub use mirror::Mirror;
pub use proposal::{Edit, Proposed};
pub use repository::Repository;
pub use signed::Unsigned;
pub use work_tree::WorkTree;

/// The full name of a commit: 40 lower-case hexadecimal digits, or 64 in a repository of SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commit(String);

impl Commit {
    /// `None` for anything but a full name: what is abbreviated may mean another commit tomorrow.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (matches!(text.len(), 40 | 64) && text.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// The version of git on this host, as in `2.39.5`.
pub async fn version() -> Result<String, Error> {
    let git = Git::new(Path::new("."), Place::WorkTree, Settings::Own);
    let said = git.call(["version"]).text().await?;
    Ok(said.trim_start_matches("git version ").to_owned())
}

impl fmt::Display for Commit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
