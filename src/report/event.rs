//! What people are told of.

use jiff::Timestamp;

use crate::state::Ended;

/// Something that happened to a job, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first plan of what the job asks for.
    Compared,
    /// Comparing or running fails again and again.
    Troubled {
        error: String,
    },
    /// Nobody could read again and again whether a run that was begun is committed.
    Doubtful {
        run: String,
        error: String,
    },
    /// Its time is known.
    Scheduled {
        at: Timestamp,
        /// What was announced of the same request, where that isn't true any more.
        instead_of: Option<Timestamp>,
    },
    /// What was announced won't happen.
    Withdrawn {
        why: String,
    },
    Ended(Ended),
}
