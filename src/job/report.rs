//! What became of one job in one pass, as a plain value.
//!
//! Answers for the phases a person sees and for the exit code each stands for. Commands turn it into
//! text or JSON.

use jiff::Timestamp;

use crate::apply::Applied;
use crate::plan::change::Plan;
use crate::state::Ended;

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
}

impl Report {
    /// A report of which only the outcome is known.
    pub fn new(job: &str, outcome: Outcome) -> Self {
        let (left_out, skipped) = (Vec::new(), Vec::new());
        Self { job: job.to_owned(), plan: None, outcome, left_out, skipped, ended: None }
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
        count: usize,
        test_import: bool,
    },
    Applied {
        run: String,
        applied: Applied,
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
