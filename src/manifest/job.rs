//! Jobs of either kind, as whoever carries them out sees them.
//!
//! Answers for what both kinds have: a name, a time, a rest, people to tell, and a request that is
//! carried out once. What a kind has alone is asked of its spec.

use super::republish_job::RepublishJobSpec;
use super::sync_job::{Schedule, Selection, Suspend, SyncJobSpec};
use super::{Origin, RepublishJob, SyncJob};

/// A job.
#[derive(Debug, Clone, Copy)]
pub enum Job<'a> {
    Sync(&'a SyncJob),
    Republish(&'a RepublishJob),
}

/// What a job asks for.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    Sync(&'a SyncJobSpec),
    Republish(&'a RepublishJobSpec),
}

impl<'a> Job<'a> {
    pub fn name(self) -> &'a str {
        match self {
            Self::Sync(job) => &job.name,
            Self::Republish(job) => &job.name,
        }
    }

    pub fn origin(self) -> &'a Origin {
        match self {
            Self::Sync(job) => &job.origin,
            Self::Republish(job) => &job.origin,
        }
    }

    /// The hash by which it is carried out once.
    pub fn request(self) -> String {
        match self {
            Self::Sync(job) => job.request().to_owned(),
            Self::Republish(job) => job.spec.request_hash(),
        }
    }

    pub fn asked(self) -> Asked<'a> {
        match self {
            Self::Sync(job) => Asked::Sync(&job.spec),
            Self::Republish(job) => Asked::Republish(&job.spec),
        }
    }
}

impl<'a> Asked<'a> {
    pub fn schedule(self) -> Option<&'a Schedule> {
        match self {
            Self::Sync(spec) => spec.schedule.as_ref(),
            Self::Republish(spec) => spec.schedule.as_ref(),
        }
    }

    pub fn suspend(self) -> &'a Suspend {
        match self {
            Self::Sync(spec) => &spec.suspend,
            Self::Republish(spec) => &spec.suspend,
        }
    }

    pub fn notify(self) -> &'a [String] {
        match self {
            Self::Sync(spec) => &spec.notify,
            Self::Republish(spec) => &spec.notify,
        }
    }

    /// The hash by which it is carried out once.
    pub fn request_hash(self) -> String {
        match self {
            Self::Sync(spec) => spec.request_hash(),
            Self::Republish(spec) => spec.request_hash(),
        }
    }

    /// What is compared and approved, where that is asked for.
    pub fn sync(self) -> Option<&'a SyncJobSpec> {
        match self {
            Self::Sync(spec) => Some(spec),
            Self::Republish(_) => None,
        }
    }
}

impl<'a> From<&'a SyncJob> for Job<'a> {
    fn from(job: &'a SyncJob) -> Self {
        Self::Sync(job)
    }
}

impl<'a> From<&'a RepublishJob> for Job<'a> {
    fn from(job: &'a RepublishJob) -> Self {
        Self::Republish(job)
    }
}

impl<'a> From<&'a SyncJobSpec> for Asked<'a> {
    fn from(spec: &'a SyncJobSpec) -> Self {
        Self::Sync(spec)
    }
}

impl<'a> From<&'a RepublishJobSpec> for Asked<'a> {
    fn from(spec: &'a RepublishJobSpec) -> Self {
        Self::Republish(spec)
    }
}

/// `trigger-events of cms_page, cms_block`, `sync-data of 2 entities of cms_page`
pub fn republished(spec: &RepublishJobSpec) -> String {
    let resources = match &spec.resources {
        Selection::All => "all resources".to_owned(),
        Selection::Names(names) => names.join(", "),
    };
    let entities = match spec.ids.len() {
        0 => String::new(),
        1 => "1 entity of ".to_owned(),
        several => format!("{several} entities of "),
    };
    format!("{} of {entities}{resources}", spec.action.as_str())
}
