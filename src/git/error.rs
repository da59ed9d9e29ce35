//! Why git didn't do its part.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::escape::near;
use crate::manifest::problem::Problem;

/// Addresses in here are shown without credentials, and so is what git said.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The binary isn't there, or the system can't start another process.
    #[error("git can't be started: {0}; install git, or see why it isn't found")]
    Start(io::Error),
    /// Git ended with an error that none of the others tells.
    #[error("`git {command}` failed: {said}")]
    Failed { command: String, said: String },
    #[error(
        "`git {command}` had no answer within {limit:?} and was ended; see whether the remote \
         answers and needs no input"
    )]
    TimeLimit { command: String, limit: Duration },
    #[error("`git {command}` said more than {bytes} bytes, which is the limit")]
    OutputLimit { command: String, bytes: usize },
    /// The remote has no such branch: deleted, or never made.
    #[error("{url} has no branch {branch}{known}", known = known(branches))]
    NoBranch { url: String, branch: String, branches: Vec<String> },
    #[error("{url} is empty: it has no branch yet; commit the manifests and push them")]
    Empty { url: String },
    #[error("there is no git repository at {url}, or it may not be seen: {said}")]
    NoRepository { url: String, said: String },
    /// A wrong password, key or right.
    #[error(
        "{url} doesn't let this user in: {said}; check the key or credential helper of the user \
         that reconcile runs as"
    )]
    Denied { url: String, said: String },
    #[error("{url} can't be reached: {said}")]
    Unreachable { url: String, said: String },
    #[error(
        "fetching {url} was ended: it takes more than {mebibytes} MiB, which is the limit; keep \
         large files out of the repository of the manifests, or raise git.maxMebibytes in the \
         operator's file"
    )]
    TooLarge { url: String, mebibytes: u64 },
    /// The daemon's own clone can't be read. The next fetch makes it anew.
    #[error("the clone in {folder} is damaged: {said}; it will be fetched again", folder = near(folder))]
    Damaged { folder: PathBuf, said: String },
    #[error(
        "another process works in {folder}; each daemon needs a stateDirectory of its own",
        folder = near(folder)
    )]
    InUse { folder: PathBuf },
    #[error("there is no commit {revision}")]
    NoCommit { revision: String },
    #[error("commit {commit} has no folder {path}; see git.path in the operator's file")]
    NoFolder { commit: String, path: String },
    /// The remote takes no commits on this branch, or others were quicker each time.
    #[error("{url} took no commit on the branch {branch}, tried {tries} times: {said}")]
    Rejected { url: String, branch: String, tries: u32, said: String },
    /// Nobody can say which commits came since.
    #[error(
        "commit {commit}, the last one found to be signed, is gone from the repository; see who \
         removed it from the branch"
    )]
    TrustGone { commit: String },
    /// The folder of the commit holds too many files, or too large ones.
    #[error("{0}")]
    Manifests(Problem),
    #[error("{path}: {source}", path = near(path))]
    File { path: PathBuf, source: io::Error },
}

impl Error {
    /// Whether the same may succeed later without anybody's doing.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::TimeLimit { .. }
            | Self::Unreachable { .. }
            | Self::Damaged { .. }
            | Self::InUse { .. }
            | Self::Rejected { .. }
            | Self::File { .. }
            | Self::Failed { .. } => true,
            Self::Start(_)
            | Self::OutputLimit { .. }
            | Self::NoBranch { .. }
            | Self::Empty { .. }
            | Self::NoRepository { .. }
            | Self::Denied { .. }
            | Self::TooLarge { .. }
            | Self::NoCommit { .. }
            | Self::NoFolder { .. }
            | Self::Manifests(_)
            | Self::TrustGone { .. } => false,
        }
    }
}

/// Which branches there are instead.
fn known(branches: &[String]) -> String {
    const SHOWN: usize = 5;
    if branches.is_empty() {
        return String::new();
    }
    let more = if branches.len() > SHOWN { ", …" } else { "" };
    format!("; it has {}{more}", branches[..branches.len().min(SHOWN)].join(", "))
}

/// For an answer of another form than git's manual promises.
pub fn not_understood(command: &str) -> Error {
    Error::Failed { command: command.into(), said: "its answer isn't understood".into() }
}
