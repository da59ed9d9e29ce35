//! Read stores: what the shop's front end reads, kept by key or searched by words.
//!
//! Answers for one trait that every kind of store stands behind, and for the last write winning by
//! its version, in whatever order writes arrive. What is stored is `publish`'s.

pub mod elastic;
pub mod embedded;
mod newest;
pub mod redis;
mod words;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::config::target::{NoPlace, Part, Place, kind_of};
use crate::config::{Config, Environment, Secret};
pub use elastic::Elastic;
pub use embedded::Embedded;
pub use redis::Redis;

/// Why a store can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(#[from] crate::database::Error),
    /// The operator's file names none, or one for each of the shop's stores.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// A store of a kind that this program doesn't speak to.
    #[error(
        "the {part} of {environment}: {kind} is not supported; {supported}",
        part = .part.as_str(), supported = supported(*.part)
    )]
    Unsupported { environment: Environment, part: Part, kind: String },
    /// The file of an embedded store can't be made.
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// A server refused, or didn't answer. Whatever was under way may or may not have been done.
    #[error("the {part} of {environment}: {reason}", part = .part.as_str())]
    Server {
        environment: Environment,
        part: Part,
        /// What was tried, and what the server said of it; no credentials.
        reason: String,
        /// It may go away by itself: the server is away, busy or full.
        passes: bool,
    },
}

impl Error {
    /// Whether trying again later may help without anybody doing anything about it.
    pub fn passes(&self) -> bool {
        match self {
            Self::Database(error) => error.is_passing(),
            Self::Server { passes, .. } => *passes,
            Self::NoPlace(_) | Self::Unsupported { .. } | Self::File { .. } => false,
        }
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

fn supported(part: Part) -> &'static str {
    match part {
        Part::Storage => "`embedded`, `redis://…` and `rediss://…` are",
        Part::Queue | Part::Search => "`embedded`, `http://…` and `https://…` are",
    }
}

/// Opens the storage of an environment. Where the operator's file names one for each of the shop's
/// stores, `shop_store` says which one; where it names one for all, it is that one. For which stores
/// there is one each tells [`Config::stores_of`].
pub async fn open_storage(
    config: &Config,
    environment: Environment,
    shop_store: Option<&str>,
) -> Result<Box<dyn Store>> {
    open(config, environment, Part::Storage, shop_store).await
}

/// The same of the search store.
pub async fn open_search(
    config: &Config,
    environment: Environment,
    shop_store: Option<&str>,
) -> Result<Box<dyn Store>> {
    open(config, environment, Part::Search, shop_store).await
}

/// Opens a read store, making what is missing.
pub async fn open(
    config: &Config,
    environment: Environment,
    part: Part,
    shop_store: Option<&str>,
) -> Result<Box<dyn Store>> {
    match config.place_of(environment, part, shop_store)? {
        Place::Embedded(path) => Ok(Box::new(Embedded::open(&path, environment, part).await?)),
        Place::Url(url) => open_server(config, environment, part, shop_store, url).await,
    }
}

/// The same for looking alone: neither file nor folder is made. `None` where nothing was ever written.
pub async fn look(
    config: &Config,
    environment: Environment,
    part: Part,
    shop_store: Option<&str>,
) -> Result<Option<Box<dyn Store>>> {
    match config.place_of(environment, part, shop_store)? {
        Place::Embedded(path) => {
            let looked = Embedded::look(&path, environment, part).await?;
            Ok(looked.map(|store| Box::new(store) as Box<dyn Store>))
        }
        Place::Url(url) => open_server(config, environment, part, shop_store, url).await.map(Some),
    }
}

/// A session with a server, by the scheme of its URL. Opening one changes nothing there.
async fn open_server(
    config: &Config,
    environment: Environment,
    part: Part,
    shop_store: Option<&str>,
    url: &Secret,
) -> Result<Box<dyn Store>> {
    match part {
        Part::Storage if redis::is_one(url) => {
            Ok(Box::new(redis::of(config, environment, shop_store, url).await?))
        }
        Part::Search if matches!(scheme_of(url), Some("http" | "https")) => {
            Ok(Box::new(Elastic::of(config, environment, url).await?))
        }
        _ => Err(Error::Unsupported { environment, part, kind: kind_of(url) }),
    }
}

fn scheme_of(url: &Secret) -> Option<&str> {
    url.expose().split_once("://").map(|(scheme, _)| scheme)
}

/// One write or deletion, and when it became true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The index of a search store; empty in a storage, which has one space of keys.
    pub index: String,
    pub key: String,
    /// Microseconds since 1970 by the database's clock; the greatest one of a key wins, and of two
    /// equal ones the later arrival.
    pub version: i64,
    /// The document as JSON text; none: the key is deleted.
    pub value: Option<String>,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The store says so from now on.
    Done,
    /// A later one stands there already; it was dropped.
    Outdated,
    /// The store will never take it, and why.
    Refused(String),
}

/// What stands under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub value: String,
    /// As it was given; unknown of other programs' writes.
    pub version: Option<i64>,
}

/// Some of the keys of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub keys: Vec<String>,
    /// Where the next page begins, in words of the store's own; none after the last one.
    pub next: Option<String>,
}

/// A document that was found by its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub key: String,
    pub value: String,
}

/// A field of an index's documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub kind: FieldKind,
}

/// What a field's values are; of a list, its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Text,
    Integer,
    /// Any other number.
    Number,
    Boolean,
    /// A date, or a time of one.
    Moment,
    /// JSON of whatever structure: kept, not searched.
    Anything,
}

/// An index that is filled to take another one's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// Behind the other one's name, it is the name by which this one is written.
    pub beside: String,
    /// What the store calls it.
    pub token: String,
    /// Until all workers write to it, too.
    pub wait: Duration,
}

/// A session with one store.
pub trait Store: Send {
    /// Sees to it that an index is there and knows these fields of its documents. Where indexes have no
    /// fields there is nothing to do.
    fn declare<'a>(
        &'a mut self,
        _index: &'a str,
        _fields: &'a [Field],
    ) -> BoxFuture<'a, Result<()>> {
        async { Ok(()) }.boxed()
    }

    /// Carries operations out, in any number and order; of several on one key the greatest version
    /// wins. Returns what became of each, in their order.
    fn apply<'a>(&'a mut self, operations: &'a [Operation]) -> BoxFuture<'a, Result<Vec<Fate>>>;

    /// What stands under keys, in their order.
    fn get<'a>(
        &'a mut self,
        index: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Stored>>>>;

    /// A page of the keys of an index that begin with `prefix`, from the beginning or from where the
    /// page before ended. In whatever order the store has them; those that come and go meanwhile may be
    /// among them, and some stores name a key twice. `most` is a wish.
    fn keys<'a>(
        &'a mut self,
        index: &'a str,
        prefix: &'a str,
        from: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, Result<Page>>;

    /// The indexes there are; of a storage one without a name.
    fn indexes(&mut self) -> BoxFuture<'_, Result<Vec<String>>>;

    /// Documents of an index that hold all words, the best first. Empty in a storage.
    fn search<'a>(
        &'a mut self,
        index: &'a str,
        words: &'a str,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Hit>>>;

    /// Makes a fresh index that is to take this one's place; one that was left before it did is removed.
    /// Every write goes to both from `wait` on. None: this store needs none.
    fn begin_rebuild<'a>(
        &'a mut self,
        _index: &'a str,
        _fields: &'a [Field],
    ) -> BoxFuture<'a, Result<Option<Fresh>>> {
        async { Ok(None) }.boxed()
    }

    /// Has the fresh index take the other one's place, which is removed.
    fn end_rebuild<'a>(
        &'a mut self,
        _index: &'a str,
        _fresh: &'a Fresh,
    ) -> BoxFuture<'a, Result<()>> {
        async { Ok(()) }.boxed()
    }

    /// Whether it isn't the store that this installation wrote to before, so that what was written is gone:
    /// it was started empty, or restored. Told once; from then on this is the one.
    fn is_another(&mut self) -> BoxFuture<'_, Result<bool>> {
        async { Ok(false) }.boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<()>>;
}
