//! Whether the databases' clocks go with this machine's.
//!
//! Answers for runs being held back while they don't: which of two edits is newer, what is due and
//! who holds a lock would be told wrongly.

use jiff::{SignedDuration, Timestamp};

use crate::config::Environment;
use crate::database::{self, Session};

/// Nothing is run where clocks differ by more.
pub const MOST_APART: SignedDuration = SignedDuration::from_secs(60);

/// What a database's clock and this machine's say at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    pub environment: Environment,
    pub theirs: Timestamp,
    /// In the middle of the question and its answer.
    pub ours: Timestamp,
}

/// Clocks that differ too much for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}; more than {} seconds are too much for a run, so nothing is written until they are set right, \
     best by NTP",
    .0.told(), MOST_APART.as_secs()
)]
pub struct Apart(pub Clock);

impl Clock {
    /// Asks a database for the time. SQLite has no clock but this machine's.
    pub async fn of(
        environment: Environment,
        session: &mut Session,
    ) -> Result<Self, database::Error> {
        let asked = Timestamp::now();
        let theirs = session.now().await?;
        let half = Timestamp::now().duration_since(asked) / 2;
        Ok(Self { environment, theirs, ours: asked + half })
    }

    /// How far the database's clock is ahead.
    pub fn ahead(&self) -> SignedDuration {
        self.theirs.duration_since(self.ours)
    }

    /// Refuses what is too far apart.
    pub fn check(self) -> Result<(), Apart> {
        if self.ahead().abs() > MOST_APART { Err(Apart(self)) } else { Ok(()) }
    }

    /// Both times and how far they are apart.
    pub fn told(&self) -> String {
        format!(
            "{}'s clock says {:.0}, this machine's {:.0}: {} seconds apart",
            self.environment,
            self.theirs,
            self.ours,
            self.ahead().abs().as_secs()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_a_minute_either_way() {
        let ours: Timestamp = "2026-12-01T01:00:00.4Z".parse().unwrap();
        for (seconds, is_fine) in [(0, true), (60, true), (-60, true), (61, false), (-61, false)] {
            let theirs = ours + SignedDuration::from_secs(seconds);
            let checked = Clock { environment: Environment::Prod, theirs, ours }.check();
            assert_eq!(checked.is_ok(), is_fine, "{seconds}");
            if let Err(apart) = checked {
                let told = apart.to_string();
                assert!(told.starts_with("PROD's clock says 2026-12-01T0"), "{told}");
                assert!(
                    told.contains("Z, this machine's 2026-12-01T01:00:00Z: 61 seconds"),
                    "{told}"
                );
            }
        }
    }
}
