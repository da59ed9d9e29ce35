//! Why nothing was proposed.

use crate::escape::visible_name;
use crate::git::{self, Commit};
use crate::manifest::edit::EditError;
use crate::manifest::source::MAX_BYTES;
use crate::plan::amend::Refusal;
use crate::plan::dependency::Dependency;
use crate::state;

/// Nothing was pushed, but for a push of which nobody heard the end.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(
        "the manifests are a directory here, not a git repository, so there is no branch to propose it \
         on; copy the YAML from the review into the manifest, or use `reconcile approve`"
    )]
    Directory,
    #[error("no manifest names this job any more")]
    NoJob,
    #[error("this job publishes; it compares nothing that could be approved")]
    NothingToApprove,
    #[error("as the manifests are, this job can't be carried out; mend this first")]
    Broken(Vec<String>),
    #[error(
        "this job has a `cron` schedule, and pins can't hold twice: write `all` under its classes in \
         the manifest instead"
    )]
    Recurring,
    #[error(
        "the manifest approves `all`, or IDs without pins, whatever they hold by then, and what is ticked would take its \
         place; change `schedule` and `dryRun` in the manifest instead, or take those out of it first"
    )]
    All,
    #[error(
        "this job has `deleteMissing`, which deletes along with a bare `all` and not with what is ticked; \
         change `schedule` and `dryRun` in the manifest instead, or take `deleteMissing` and `all` out of \
         it first"
    )]
    DeleteMissing,
    #[error(
        "this daemon holds no plan of the job: it was compared elsewhere, or not yet; open the review \
         again once it is"
    )]
    NoPlan,
    #[error(
        "the two sides were compared again since that review was opened, and what was ticked may have \
         changed; open the review again and tick what holds now"
    )]
    AnotherPlan,
    /// Somebody else's approvals may stand there by now, of which the page knew nothing.
    #[error(
        "the manifest was changed since that page was opened; open the review again and tick what is \
         to hold now"
    )]
    AnotherManifest,
    #[error("with more than 100,000 changes only counts are kept, and nothing can be approved")]
    CountsOnly,
    #[error("this can't be approved as it was ticked")]
    Choice(Vec<Refusal>),
    #[error("nothing is ticked, and nothing was approved before")]
    NothingTicked,
    #[error("what was ticked needs what wasn't; tick that as well")]
    Missing(Vec<Dependency>),
    #[error("a run would refuse this")]
    CannotRun(Vec<String>),
    #[error("{0} has passed; set another time")]
    Past(String),
    #[error("{at} lies in a closed window: {why}; set another time")]
    Closed { at: String, why: String },
    #[error("the manifest says all of this already, and it isn't over: there is nothing to change")]
    NothingNew,
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(
        "the manifest would have {0} bytes of at most {MAX_BYTES}; tick fewer records, or all of a list"
    )]
    TooLarge(usize),
    #[error("with this the manifests would have errors")]
    Invalid(Vec<String>),
    /// The edit was read back as something else.
    #[error(
        "the manifest can't be edited so that it says what was ticked; copy the YAML from the review \
         into it by hand, and please report this"
    )]
    Otherwise,
    #[error("commit {0} isn't in the daemon's clone any more; try again in a moment")]
    Gone(Commit),
    #[error("the daemon is fetching the manifests just now; try again in a moment")]
    Busy,
    #[error("it took too long, and nothing was pushed; try again in a moment")]
    Slow,
    /// Whether the branch was made is known to the remote alone.
    #[error(
        "the repository gave no answer: {0}. Look at its branches before trying again: one named \
         `reconcile/…` of this minute may be there, and is as good as another"
    )]
    Unknown(String),
    #[error(transparent)]
    Git(git::Error),
    #[error("the state store can't be reached: {0}")]
    State(#[from] state::Error),
}

impl From<git::Error> for Refused {
    fn from(error: git::Error) -> Self {
        match error {
            git::Error::InUse { .. } => Self::Busy,
            error => Self::Git(error),
        }
    }
}

impl Refused {
    /// Of a push: an answer that didn't come says nothing of what was done.
    pub(super) fn of_push(error: git::Error) -> Self {
        match &error {
            git::Error::TimeLimit { .. } => Self::Unknown(error.to_string()),
            git::Error::Unreachable { said, .. } if said.contains("hung up") => {
                Self::Unknown(error.to_string())
            }
            _ => error.into(),
        }
    }

    /// What belongs to it, line by line.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Broken(lines) | Self::CannotRun(lines) | Self::Invalid(lines) => lines.clone(),
            Self::Choice(refusals) => refusals.iter().map(ToString::to_string).collect(),
            Self::Missing(missing) => missing.iter().map(needs).collect(),
            _ => Vec::new(),
        }
    }
}

fn needs(Dependency { name, needs }: &Dependency) -> String {
    format!("{} needs {}", visible_name(name), visible_name(needs))
}
