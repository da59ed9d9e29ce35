//! Who may do what only one process may do at a time: watch, carry out a run, or publish again.
//!
//! Answers for at most one holder at a time, as far as processes that keep to their leases go; what
//! one that was stopped in between still tries is refused by the fence on the target, to which a
//! lease brings its [`Term`]. Beside a SQLite store it is a lock of a file, which the system gives
//! back when its holder dies. In a server it is a row that its holder renews: whoever sees it
//! unchanged for the whole length, by a clock of its own, may take it, so no two clocks are compared.

mod file;
mod holder;
mod row;

use std::time::Duration;

use futures_util::future::BoxFuture;

pub use holder::{Holder, in_words};
pub(super) use row::{Dropped, Observed, table};

use super::{Error, State};
use crate::apply::Term;

/// What only one process may do at a time.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Office {
    /// Looking at all jobs, again and again.
    Watch,
    /// Carrying out one job that writes records.
    #[default]
    Run,
    /// Carrying out one `RepublishJob`.
    Publish,
}

impl Office {
    fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Run => "run",
            Self::Publish => "publish",
        }
    }
}

/// Held until it is dropped or released; some may be lost before.
pub struct Lease(Box<dyn Holding>);

/// What a lease rests on.
pub trait Holding: Send + Sync {
    /// Whether it is still held, by a clock that goes on while the machine sleeps.
    fn is_held(&self) -> bool;
    /// What the fence of a target is told; nothing of a lease that can't be lost.
    fn term(&self) -> Option<&Term>;
    /// Whoever gets it next counts from this number at least.
    fn count_from(&self, seen: i64);
    /// Gives it back at once. One that can't be given back ends by itself.
    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>>;
}

/// What came of asking for a lease.
pub enum Taken {
    Ours(Lease),
    /// Somebody else has it, who may not have said a name yet.
    Theirs(Option<Holder>),
}

/// A row's lease that wasn't renewed for so long belongs to nobody. Longer than a server lets a
/// writing session idle, so that the locks of a stopped holder are gone by then.
pub fn length() -> Duration {
    crate::database::idle_limit() * 3 / 2
}

impl Lease {
    pub fn of(holding: impl Holding + 'static) -> Self {
        Self(Box::new(holding))
    }

    pub fn is_held(&self) -> bool {
        self.0.is_held()
    }

    pub fn term(&self) -> Option<&Term> {
        self.0.term()
    }

    /// A target has seen a later lease of this store, which was restored from a backup since: the next
    /// one is later than that. Of a lease that was lost nothing follows.
    pub fn count_from(&self, seen: i64) {
        self.0.count_from(seen);
    }

    /// Gives it back; one that was lost ended by itself.
    pub async fn release(self) -> Result<(), Error> {
        match self.is_held() {
            true => self.0.release().await,
            false => Ok(()),
        }
    }
}

impl State {
    /// Whether several processes on several machines may share the store.
    pub fn is_shared(&self) -> bool {
        self.place.file().is_none()
    }

    /// Whether both are the same store.
    pub fn is_same(&self, other: &Self) -> bool {
        self.place.url == other.place.url
    }

    /// Asks for a lease, without waiting for it.
    pub async fn lease(&mut self, office: Office) -> Result<Taken, Error> {
        match self.place.file() {
            Some(store) => file::take(&store, office),
            None => row::take(self, office).await,
        }
    }
}
