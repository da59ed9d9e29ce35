//! What a run tells while it is under way, and how it is asked to stop.

use super::Error;
use crate::database::CancelHandle;

/// What a run is at, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Comparing,
    /// Plan, approvals, limits, and whether the approved records go together.
    Deciding,
    /// Files, beside those of the target.
    Copying,
    /// The approved records once more, inside the writing transaction.
    ComparingAgain,
    Locking,
    /// IDs, references and the order of writes.
    Placing,
    Writing,
    /// The operator's statements and deferred constraints.
    AfterWrite,
    ReadingBack,
    /// The ledger.
    Recording,
    Committing,
    /// What the run touched, or a job asks for, is brought to the read stores: nothing of it is ever
    /// rolled back.
    Publishing,
}

impl Stage {
    pub const ALL: [Self; 12] = [
        Self::Comparing,
        Self::Deciding,
        Self::Copying,
        Self::ComparingAgain,
        Self::Locking,
        Self::Placing,
        Self::Writing,
        Self::AfterWrite,
        Self::ReadingBack,
        Self::Recording,
        Self::Committing,
        Self::Publishing,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Comparing => "comparing",
            Self::Deciding => "deciding",
            Self::Copying => "copying files",
            Self::ComparingAgain => "comparing again",
            Self::Locking => "locking",
            Self::Placing => "placing",
            Self::Writing => "writing",
            Self::AfterWrite => "finishing",
            Self::ReadingBack => "reading back",
            Self::Recording => "recording",
            Self::Committing => "committing",
            Self::Publishing => "publishing",
        }
    }
}

/// Told of every stage and write, for progress and interruption.
pub trait Watch {
    /// From here to the end of the run rows are written, by statements that `stop` ends at once where
    /// the engine has such a thing. `Err` stops before the first one.
    fn writing(&mut self, _stop: Option<CancelHandle>) -> Result<(), Error> {
        Ok(())
    }
    /// The run was asked to stop: what fails from then on fails because of that.
    fn is_stopped(&self) -> bool {
        false
    }
    /// A stage begins that takes so many steps: records, or rows while writing. 0: nobody knows.
    fn begin(&mut self, _stage: Stage, _steps: usize) {}
    /// So many steps of the stage are done.
    fn advance(&mut self, _done: usize) {}
    /// `done` of `all` writes are made. `Err` rolls back.
    fn step(&mut self, done: usize, all: usize) -> Result<(), Error>;
}
