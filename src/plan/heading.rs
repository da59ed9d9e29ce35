//! What the six headings of a manifest's approvals mean in a plan.
//!
//! Answers for how a heading relates to a class of the plan and to an answer to a conflict.

pub use crate::manifest::heading::Heading;

use crate::plan::change::{Answer, Change, Class};

impl Heading {
    /// The class of the changes that can stand under it.
    pub fn class(self) -> Class {
        match self {
            Self::New => Class::New,
            Self::Modified => Class::Modified,
            Self::Deleted => Class::Deleted,
            Self::Overwrite | Self::Adopt | Self::Renumber => Class::Conflict,
        }
    }

    /// The answer it gives to a conflict.
    pub fn answer(self) -> Option<Answer> {
        match self {
            Self::New | Self::Modified | Self::Deleted => None,
            Self::Overwrite => Some(Answer::Overwrite),
            Self::Adopt => Some(Answer::Adopt),
            Self::Renumber => Some(Answer::Renumber),
        }
    }

    /// Whether a change can be approved under this heading as it is now.
    pub fn fits(self, change: &Change) -> bool {
        self.class() == change.class
            && self.answer().is_none_or(|answer| {
                change.conflict.as_ref().is_some_and(|conflict| conflict.answers.contains(&answer))
            })
    }

    /// The headings under which a change can be approved; none for a conflict that can only be
    /// mended.
    pub fn fitting(change: &Change) -> Vec<Self> {
        Self::ALL.into_iter().filter(|heading| heading.fits(change)).collect()
    }
}
