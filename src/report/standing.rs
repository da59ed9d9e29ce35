//! Where a job stands: its phase, why, and what comes next.

use jiff::Timestamp;

use crate::manifest::job::Asked;
use crate::manifest::schedule::time_zone;
use crate::state::End;

/// The states of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Invalid,
    Comparing,
    AwaitingApproval,
    Scheduled,
    Running,
    Suspended,
    /// Holds until the job's spec changes.
    Ended(End),
}

impl Phase {
    pub const ALL: [Self; 11] = [
        Self::Invalid,
        Self::Comparing,
        Self::AwaitingApproval,
        Self::Scheduled,
        Self::Running,
        Self::Suspended,
        Self::Ended(End::Succeeded),
        Self::Ended(End::Failed),
        Self::Ended(End::Stale),
        Self::Ended(End::Cancelled),
        Self::Ended(End::Missed),
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid",
            Self::Comparing => "Comparing",
            Self::AwaitingApproval => "AwaitingApproval",
            Self::Scheduled => "Scheduled",
            Self::Running => "Running",
            Self::Suspended => "Suspended",
            Self::Ended(end) => end.as_str(),
        }
    }
}

/// Where a job stands, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub phase: Phase,
    /// One sentence.
    pub why: String,
    /// When it runs, if nothing changes.
    pub next_run: Option<Timestamp>,
}

impl Standing {
    pub fn new(phase: Phase, why: impl Into<String>) -> Self {
        Self { phase, why: why.into(), next_run: None }
    }
}

/// A moment on the clocks of the job's zone, else UTC: `2026-12-01 02:00 CET`.
pub fn local<'a>(at: Timestamp, spec: impl Into<Asked<'a>>) -> String {
    let zone = spec.into().schedule().and_then(|schedule| time_zone(&schedule.time_zone).ok());
    let zoned = at.to_zoned(zone.unwrap_or(jiff::tz::TimeZone::UTC));
    match zoned.second() {
        0 => zoned.strftime("%Y-%m-%d %H:%M %Z").to_string(),
        _ => zoned.strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
    }
}
