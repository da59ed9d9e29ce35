//! The six headings under which a manifest approves records.
//!
//! Answers for their words and for the entries below them. How a heading relates to the plan is
//! `plan::heading`'s.

use super::sync_job::{Approval, Approvals};

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
