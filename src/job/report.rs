//! What became of one job in one pass, as a plain value.
//!
//! Answers for the phases a person sees and for the exit code each stands for. Commands turn it into
//! text or JSON.

use jiff::Timestamp;

use super::files::Filing;
use super::publishing::Attempt;
use crate::apply::Applied;
use crate::apply::ledger::RunRow;
use crate::manifest::sync_job::Direction;
use crate::plan::change::Plan;
use crate::state::{End, Ended};

/// One job of one pass.
#[derive(Debug)]
pub struct Report {
    pub job: String,
    /// Absent where nothing was compared.
    pub plan: Option<Plan>,
    pub outcome: Outcome,
    /// What the run leaves out because it isn't built or configured, a sentence each.
    pub left_out: Vec<String>,
    /// Records that were approved but moved, or need one that did, under `onStale: skip`.
    pub skipped: Vec<String>,
    /// How the request ended, where this pass ended it.
    pub ended: Option<Ended>,
    /// What the ledger says of the run that carried the request out before.
    pub found: Option<Found>,
    /// How far what the run touched is on its way to the read stores, where it is to get there.
    pub publishing: Option<Attempt>,
    /// How far the files are that change only after the commit, where there are any.
    pub files: Option<Filing>,
    /// The lease that the target has seen, where it refused this one for being earlier.
    pub later_lease: Option<i64>,
}

/// A run that is known from the ledger alone, since its process ended before it told anybody.
#[derive(Debug, Clone)]
pub struct Found {
    pub run: String,
    pub plan_digest: String,
    pub direction: Direction,
    pub applied: Applied,
}

impl Report {
    /// A report of which only the outcome is known.
    pub fn new(job: &str, outcome: Outcome) -> Self {
        let (left_out, skipped, job) = (Vec::new(), Vec::new(), job.to_owned());
        Self {
            job,
            plan: None,
            outcome,
            left_out,
            skipped,
            ended: None,
            found: None,
            publishing: None,
            files: None,
            later_lease: None,
        }
    }

    /// Takes in how far publishing is, also for people.
    pub fn publishes(&mut self, attempt: Option<Attempt>) {
        self.left_out.extend(attempt.as_ref().and_then(Attempt::pending));
        self.publishing = attempt;
    }

    /// The same of files that change only after the commit.
    pub fn files_follow(&mut self, filing: Option<Filing>) {
        self.left_out.extend(filing.as_ref().and_then(Filing::pending));
        self.files = filing;
    }

    /// A request that a run of the ledger carried out, as if it were told by that run's own process.
    pub fn of_ledger(row: RunRow) -> Self {
        let ended = committed(&row);
        let found = Found {
            applied: row.applied(),
            run: row.run,
            plan_digest: row.plan_digest,
            direction: row.direction,
        };
        Self {
            left_out: row.left_out,
            skipped: row.skipped,
            ended: Some(ended.clone()),
            found: Some(found),
            ..Self::new(&row.job, Outcome::Held(ended))
        }
    }

    /// Takes over what another process did. What was compared here tells nothing of it.
    pub fn take_over(&mut self, row: RunRow) -> Outcome {
        let other = Self::of_ledger(row);
        (self.plan, self.found) = (None, other.found);
        (self.left_out, self.skipped) = (other.left_out, other.skipped);
        other.outcome
    }

    /// What the run did, whoever tells it.
    pub fn applied(&self) -> Option<&Applied> {
        match &self.outcome {
            Outcome::Applied { applied, .. } | Outcome::TestImport { applied, .. } => Some(applied),
            _ => self.found.as_ref().map(|found| &found.applied),
        }
    }
}

/// How a request ended that the ledger holds.
pub fn committed(row: &RunRow) -> Ended {
    Ended {
        phase: End::Succeeded,
        run: row.run.clone(),
        why: format!("run {} is committed", row.run),
        at: row.started_at.clone(),
    }
}

#[derive(Debug)]
pub enum Outcome {
    /// Both sides are equal, or everything approved is applied.
    NothingToDo {
        why: String,
    },
    /// There are changes and none of them is approved.
    AwaitingApproval,
    /// Approved, but not yet due.
    Scheduled {
        at: Timestamp,
    },
    /// A dry run: what would be applied, were it not one.
    WouldApply {
        records: usize,
        files: usize,
        test_import: bool,
    },
    Applied {
        run: String,
        applied: Applied,
    },
    /// What a `RepublishJob` asks for is done.
    Published {
        run: String,
        published: Published,
    },
    /// It isn't, or not to its end. What was published is right, and stays.
    Unpublished {
        error: String,
    },
    /// A dry run of one: what would be published, were it none.
    WouldPublish {
        what: String,
    },
    /// Everything was done inside the transaction, then rolled back.
    TestImport {
        run: String,
        applied: Applied,
    },
    /// The request was carried out before; it holds until the spec changes.
    Held(Ended),
    Suspended {
        why: String,
    },
    /// Approved, but no window is open for it.
    Closed {
        why: String,
    },
    /// Another run is under way, and only one may be.
    Locked {
        why: String,
    },
    /// Nothing was written, and the same request isn't tried again.
    Refused(Refusal),
    /// Something didn't work; nothing was written.
    Failed {
        error: String,
    },
    /// The commit got no answer: it may have happened. The ledger tells the next pass.
    Unknown {
        error: String,
    },
}

/// What was published again, in numbers of rows and messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// Entities, or rows of the storage and search tables.
    pub read: u64,
    /// Rows that were made, changed or removed.
    pub changed: u64,
    /// Messages to the read stores,
    pub sent: u64,
    /// and of these what workers of this process wrote.
    pub written: u64,
}

impl std::fmt::Display for Published {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { read, changed, sent, written } = self;
        write!(out, "{read} read, {changed} changed, {sent} sent, {written} written")
    }
}

/// Why approved records weren't applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// One sentence each.
    pub reasons: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalKind {
    /// An entry of `approved` can't be accepted as it is written.
    Unusable,
    /// A limit, an empty source or the instance.
    Limit,
    /// An approved record is no longer what the reviewer saw.
    Stale,
    /// A conflict that can't be approved so, a missing dependency, a part that isn't built.
    CannotRun,
    /// `at` passed too long ago, or before the approval.
    Missed,
}
