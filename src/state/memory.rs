//! What is remembered of a job from one look to the next.
//!
//! Answers for the words in which a daemon that starts anew finds out where everything stands. What
//! follows from them is decided in `daemon::decide`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Office;
use crate::apply::files::NOT_ALL;
use crate::config::Environment;
use crate::plan::change::Counts;

/// Runs kept in a job's memory; the results and the ledger keep all.
const MOST_RUNS: usize = 20;

/// Everything that is remembered of one job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// The request that the manifest made when it was last looked at.
    pub seen: Option<Seen>,
    /// Whom the manifest wants told.
    pub notify: Vec<String>,
    pub compared: Option<Compared>,
    /// What went wrong and may go better later.
    pub trouble: Option<Trouble>,
    /// How the latest request or occurrence ended.
    pub held: Option<Held>,
    /// Occurrences of `cron` up to this one are dealt with.
    pub dealt_with: Option<Timestamp>,
    /// A run that was begun; it ends with the run.
    pub running: Option<Running>,
    /// The request or occurrence whose time people were told.
    pub announced: Option<String>,
    /// The time that they were told.
    pub announced_for: Option<Timestamp>,
    /// How often a time was told so far: each telling is a message of its own.
    pub announcements: u32,
    /// What an operator said on the command line.
    pub suspended: Option<Suspended>,
    /// Newest first.
    pub runs: Vec<RunLine>,
    /// Where the job stood last, and since when.
    pub stood: Option<Stood>,
    /// Result files that aren't where people find them yet, by their names in the job's folder: in
    /// that folder, or with a repository on the branch of results.
    pub unpublished: BTreeMap<String, String>,
    /// The status of each condition, and since when.
    pub conditions: BTreeMap<String, Stood>,
    /// What committed runs touched, on its way to the read stores of each environment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub publishing: BTreeMap<Environment, Publishing>,
    /// Files of each environment that committed runs left to be replaced and deleted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<Environment, Filed>,
}

/// A request, and how it got here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The hash of what the job asks for.
    pub request: String,
    /// When it was first looked at.
    pub at: Timestamp,
    /// When it was written: the commit's time. Absent where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Timestamp>,
    /// The commit that brought it; absent outside of git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The git address of that commit's author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// The latest comparison that was made of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// A hash of what was compared: the job without its approvals, and its modules.
    pub subject: String,
    /// A hash of what people wanted to know: a plan of the same question is told of once.
    pub question: String,
    pub digest: String,
    pub counts: Counts,
    /// Modules that couldn't be compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_modules: Vec<String>,
    /// Why what is approved couldn't be carried out as things are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objections: Vec<String>,
    pub at: Timestamp,
}

/// An error that says nothing about the request itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    pub error: String,
    /// In a row.
    pub attempts: u32,
    pub since: Timestamp,
    /// When it is tried again.
    pub again: Timestamp,
}

/// A request or an occurrence that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    pub key: String,
    pub ended: Ended,
}

/// How a request ended. All of them hold until the job's spec changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum End {
    Succeeded,
    Failed,
    Stale,
    Cancelled,
    Missed,
}

impl End {
    pub const ALL: [Self; 5] =
        [Self::Succeeded, Self::Failed, Self::Stale, Self::Cancelled, Self::Missed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Stale => "Stale",
            Self::Cancelled => "Cancelled",
            Self::Missed => "Missed",
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    pub phase: End,
    pub run: String,
    /// One sentence.
    pub why: String,
    /// UTC, RFC 3339.
    pub at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    pub key: String,
    pub since: Timestamp,
    /// What the run is called, in the ledger as well.
    pub run: String,
    /// Where it writes, where the manifest says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Environment>,
    /// The occurrence of `cron` that it carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<Timestamp>,
    /// What whoever carries it out holds.
    #[serde(default)]
    pub office: Office,
}

/// What committed runs of a job touched in an environment, on its way to the read stores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Publishing {
    /// By their names.
    pub resources: BTreeSet<String>,
    /// So many messages of it went into error queues.
    pub failed: u64,
    /// The read stores have it all.
    pub is_done: bool,
    /// Why they don't yet; absent before the first attempt.
    pub trouble: Option<Trouble>,
}

/// How far the files of an environment are that committed runs of a job change only after the commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filed {
    /// They are as they should be.
    pub is_done: bool,
    /// Why they aren't yet; absent before the first attempt.
    pub trouble: Option<Trouble>,
}

/// A pause that an operator asked for; the manifest may ask for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspended {
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The account of the operating system that asked.
    pub by: String,
}

/// One run, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunLine {
    pub run: String,
    pub phase: End,
    pub at: Timestamp,
    /// Records that stand on the target because of it.
    pub applied: u64,
    /// One sentence.
    pub what: String,
}

/// A phase, or the status of a condition, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stood {
    pub phase: String,
    pub since: Timestamp,
}

impl Publishing {
    /// When it is tried next; nothing once it is done.
    pub fn next(&self) -> Option<Timestamp> {
        next(self.is_done, self.trouble.as_ref())
    }
}

impl Filed {
    /// When it is tried next; nothing once it is done.
    pub fn next(&self) -> Option<Timestamp> {
        next(self.is_done, self.trouble.as_ref())
    }
}

fn next(is_done: bool, trouble: Option<&Trouble>) -> Option<Timestamp> {
    (!is_done).then(|| trouble.map_or(Timestamp::MIN, |trouble| trouble.again))
}

impl Memory {
    /// The end of a request or occurrence, if it is the one that is remembered.
    pub fn ended(&self, key: &str) -> Option<&Ended> {
        self.held.as_ref().filter(|held| held.key == key).map(|held| &held.ended)
    }

    /// Whether something is still to be done about a job that no manifest names.
    pub fn is_open(&self) -> bool {
        self.seen.is_some() || self.running.is_some() || !self.unpublished.is_empty()
    }

    /// When what runs touched is to be brought to the read stores next; nothing where all of it is
    /// there.
    pub fn publishes_at(&self) -> Option<Timestamp> {
        self.publishing.values().filter_map(Publishing::next).min()
    }

    /// When something that follows a run is tried next: publishing, or files.
    pub fn follows_at(&self) -> Option<Timestamp> {
        let files = self.files.values().filter_map(Filed::next).min();
        self.publishes_at().into_iter().chain(files).min()
    }

    /// Why files aren't as the runs left them, for people.
    pub fn files_left(&self) -> Option<String> {
        let trouble = self.files.values().find_map(|filed| filed.trouble.as_ref())?;
        let Trouble { error, again, .. } = trouble;
        Some(format!("{NOT_ALL}: {error}; tried again at {again}"))
    }

    pub fn add_run(&mut self, run: RunLine) {
        self.runs.insert(0, run);
        self.runs.truncate(MOST_RUNS);
    }
}
