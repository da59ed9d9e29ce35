//! The six headings under which a manifest approves records.
//!
//! Answers for how a heading relates to a class of the plan and to an answer to a conflict.

use crate::manifest::sync_job::{Approval, Approvals};
use crate::plan::change::{Answer, Change, Class};

/// Where an approved entry stands in a table's approvals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Heading {
    New,
    Modified,
    Deleted,
    Overwrite,
    Adopt,
    Renumber,
}

impl Heading {
    pub const ALL: [Self; 6] =
        [Self::New, Self::Modified, Self::Deleted, Self::Overwrite, Self::Adopt, Self::Renumber];

    /// As it is written in a manifest.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
            Self::Overwrite => "overwrite",
            Self::Adopt => "adopt",
            Self::Renumber => "renumber",
        }
    }

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

    pub fn entries(self, approvals: &Approvals) -> &Vec<Approval> {
        match self {
            Self::New => &approvals.new,
            Self::Modified => &approvals.modified,
            Self::Deleted => &approvals.deleted,
            Self::Overwrite => &approvals.overwrite,
            Self::Adopt => &approvals.adopt,
            Self::Renumber => &approvals.renumber,
        }
    }

    pub fn entries_mut(self, approvals: &mut Approvals) -> &mut Vec<Approval> {
        match self {
            Self::New => &mut approvals.new,
            Self::Modified => &mut approvals.modified,
            Self::Deleted => &mut approvals.deleted,
            Self::Overwrite => &mut approvals.overwrite,
            Self::Adopt => &mut approvals.adopt,
            Self::Renumber => &mut approvals.renumber,
        }
    }
}
