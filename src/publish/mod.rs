//! Publishing to the read stores: documents of entities, in the storage and search tables, and from
//! there through queues to Redis and Elasticsearch.
//!
//! Answers for the stores saying what the tables say, whatever is delivered twice, late, or in
//! another order. `trigger` and `export` put messages into queues, `worker` takes them out, `verify`
//! compares both ends.

mod brokers;
mod crew;
mod current;
pub mod document;
mod drain;
mod events;
pub mod export;
pub mod key;
pub mod load;
mod look;
mod mapping;
pub mod message;
pub mod model;
mod names;
mod order;
mod pace;
mod patience;
mod publisher;
pub mod rebuild;
pub mod rows;
mod shop;
mod stores;
pub mod trigger;
pub mod verify;
mod versions;
mod worker;

use std::ops::AddAssign;

use serde::Serialize;

use crate::config::target::NoPlace;
use crate::{database, queue, store};

pub use crew::Halt;
pub use drain::Until;
pub use mapping::fields_by_type;
pub use names::queues_of;
pub use order::{Order, Wait, Would, carry_out, prune, would};
pub use pace::Pace;
pub use patience::Patience;
pub use shop::{CreateTables, Shop, selected};

/// Why publishing stopped. What was sent before is in its queues, and carried out by the next worker.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(#[from] database::Error),
    /// The ledger, which says what runs touched.
    #[error(transparent)]
    Ledger(#[from] crate::apply::Error),
    #[error(transparent)]
    Queue(#[from] queue::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// A table that a resource names isn't there.
    #[error("resource {resource}: there is no table {table}")]
    NoTable { resource: String, table: String },
    /// A column that a resource names isn't there.
    #[error("resource {resource}: table {table} has no column {column}")]
    NoColumn { resource: String, table: String, column: String },
    /// A storage or search table isn't there, and wasn't to be made.
    #[error(
        "resource {resource}: there is no table {table}; `reconcile publish:trigger-events \
         --create-tables` makes it"
    )]
    NotMade { resource: String, table: String },
    /// A resource that no manifest describes.
    #[error("there is no resource {name}{hint}")]
    NoResource { name: String, hint: String },
    /// An ID that isn't one of this resource.
    #[error("{id} is no ID of {resource}: its IDs are whole numbers")]
    NoId { resource: String, id: String },
    /// Two resources that write documents of one type don't agree about a field.
    #[error(
        "field {field} of documents of type {kind} is of two kinds: {one} and {other}; name one of them \
         otherwise under `search.fields`, or give it another `type`"
    )]
    FieldOfTwoKinds { field: String, kind: String, one: String, other: String },
    /// There is no index that could be made anew.
    #[error(
        "there is nothing to rebuild: only indexes of a search server are, and once something was published to \
         them; an embedded search needs none"
    )]
    NothingToRebuild,
    /// A document that the fresh index doesn't take; the index that is searched stays.
    #[error("index {index} isn't made anew, and stays as it is: {key} was refused: {reason}")]
    NotRebuilt { index: String, key: String, reason: String },
    /// Looking at entities ended without an answer.
    #[error("looking at entities broke off: this is a bug in reconcile")]
    Looking,
    /// A worker ended without an answer.
    #[error("a worker broke off: this is a bug in reconcile")]
    Working,
    /// Other workers hold messages and don't get on.
    #[error(
        "{left} messages are held by other workers and weren't acknowledged for {seconds} seconds; \
         they come again when their lease ends: `reconcile worker --stop-when-empty` carries them out"
    )]
    Held { left: u64, seconds: u64 },
}

impl Error {
    /// Whether trying again later may help without anybody doing anything about it.
    pub fn passes(&self) -> bool {
        match self {
            Self::Database(error) => error.is_passing(),
            Self::Queue(error) => error.passes(),
            Self::Store(error) => error.passes(),
            _ => false,
        }
    }

    fn no_table(resource: &str, table: &str) -> Self {
        Self::NoTable { resource: resource.to_owned(), table: table.to_owned() }
    }

    fn no_column(resource: &str, table: &str, column: &str) -> Self {
        let (resource, table) = (resource.to_owned(), table.to_owned());
        Self::NoColumn { resource, table, column: column.to_owned() }
    }
}

/// What was done, in rows and messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Entities, or rows of storage and search tables that were sent as they are.
    pub read: u64,
    /// Rows of storage and search tables that were written.
    pub changed: u64,
    /// Rows that say what they should.
    pub unchanged: u64,
    /// Rows whose entity is gone.
    pub deleted: u64,
    /// Writes and deletions put into queues.
    pub sent: u64,
    /// Writes and deletions carried out in the stores by this process.
    pub written: u64,
    /// Dropped, since the store has a later one.
    pub outdated: u64,
    /// Put into error queues.
    pub failed: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.sent += other.sent;
        self.written += other.written;
        self.outdated += other.outdated;
        self.failed += other.failed;
    }
}
