//! Queues of messages: durable, handed out under a lease, with an error queue beside each.
//!
//! Answers for one trait that every kind of queue stands behind. What a message says, and who makes
//! and consumes it, is `publish`'s.

mod amqp;
mod depths;
pub mod embedded;

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::config::target::{NoPlace, Part, Place, kind_of};
use crate::config::{Config, Environment, Secret};
use crate::escape::visible;
use amqp::Amqp;
pub use amqp::Seen;
pub use depths::{Depths, depths};
pub use embedded::Embedded;

/// Why a queue can't be used. What was sent or taken before stands.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(#[from] crate::database::Error),
    /// The operator's file names none, or one for each of the shop's stores.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// A queue of a kind that this program doesn't speak to.
    #[error(
        "the queue of {environment}: {kind} is not supported; `embedded`, `amqp://…` and `amqps://…` are"
    )]
    Unsupported { environment: Environment, kind: String },
    /// The file of an embedded queue can't be made.
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// A server refused, or didn't answer. Whatever was under way may or may not have been done.
    #[error("the queue of {environment}: {reason}")]
    Server {
        environment: Environment,
        /// What was tried, and what the server said of it; no credentials.
        reason: String,
        /// It may go away by itself: the server is away, busy or full.
        passes: bool,
    },
    /// Nobody declared a queue of that name.
    #[error("{environment} has no queue {queue}{hint}", queue = visible(queue))]
    Unknown { environment: Environment, queue: String, hint: String },
    /// No queue can be called that.
    #[error("{environment} can't have a queue {queue}: {reason}", queue = visible(queue))]
    Name { environment: Environment, queue: String, reason: &'static str },
}

impl Error {
    /// Whether trying again later may help without anybody doing anything about it.
    pub fn passes(&self) -> bool {
        match self {
            Self::Database(error) => error.is_passing(),
            Self::Server { passes, .. } => *passes,
            Self::NoPlace(_)
            | Self::Unsupported { .. }
            | Self::File { .. }
            | Self::Unknown { .. }
            | Self::Name { .. } => false,
        }
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Opens the queues of an environment. Where the operator's file names one broker for each of the
/// shop's stores, `store` says which one; where it names one for all, it is that one. For which stores
/// there is one each tells [`Config::stores_of`].
pub async fn open(
    config: &Config,
    environment: Environment,
    store: Option<&str>,
) -> Result<Box<dyn Broker>> {
    Ok(match place(config, environment, store)? {
        At::File(path) => Box::new(Embedded::open(&path, environment).await?),
        At::Amqp(url, ca) => Box::new(Amqp::open(url, ca, environment).await?),
    })
}

/// The same for looking alone: neither file nor folder is made. `None` where nothing was ever sent.
pub async fn look(
    config: &Config,
    environment: Environment,
    store: Option<&str>,
) -> Result<Option<Box<dyn Broker>>> {
    let path = match place(config, environment, store)? {
        At::File(path) => path,
        At::Amqp(..) => return Ok(Some(open(config, environment, store).await?)),
    };
    let looked = Embedded::look(&path, environment).await?;
    Ok(looked.map(|queue| Box::new(queue) as Box<dyn Broker>))
}

/// What a broker calls itself and where it is, and what its queues are like; `None` where they are in a file.
pub async fn examine(
    config: &Config,
    environment: Environment,
    store: Option<&str>,
    known: &[String],
) -> Result<Option<(String, Vec<Seen>)>> {
    let At::Amqp(url, ca) = place(config, environment, store)? else { return Ok(None) };
    let mut broker = Amqp::open(url, ca, environment).await?;
    let version = broker.version().await.unwrap_or_else(|| "a broker".to_owned());
    let about = format!("{version} at {}", broker.shown());
    let seen = broker.examine(known).await?;
    (Box::new(broker) as Box<dyn Broker>).close().await?;
    Ok(Some((about, seen)))
}

/// Whether the names of its queues have to be known to whoever looks.
pub fn needs_names(config: &Config, environment: Environment, store: Option<&str>) -> bool {
    matches!(place(config, environment, store), Ok(At::Amqp(..)))
}

/// Where queues are, of the kinds that there are.
enum At<'c> {
    File(PathBuf),
    /// With the certificates that sign the server's.
    Amqp(&'c Secret, Option<&'c Path>),
}

fn place<'c>(config: &'c Config, environment: Environment, store: Option<&str>) -> Result<At<'c>> {
    let url = match config.place_of(environment, Part::Queue, store)? {
        Place::Embedded(path) => return Ok(At::File(path)),
        Place::Url(url) => url,
    };
    if !is_amqp(url) {
        return Err(Error::Unsupported { environment, kind: kind_of(url) });
    }
    let publish = config.environment(environment).publish.as_ref();
    let ca = publish.and_then(|publish| publish.queue.as_ref()?.ca.as_deref());
    Ok(At::Amqp(url, ca))
}

fn is_amqp(url: &Secret) -> bool {
    ["amqp://", "amqps://"].iter().any(|scheme| url.expose().starts_with(scheme))
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}

/// What follows a queue's name for the messages that couldn't be carried out.
pub const ERROR_SUFFIX: &str = ".error";

/// As much as one hand holds, whatever the number of messages: a bulk of a search store has that size.
pub const HAND_BYTES: usize = 5 << 20;

/// How much is handed out at once; one message is, however large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    pub messages: usize,
    pub bytes: usize,
}

impl Most {
    /// As many messages as one hand holds.
    pub const fn messages(messages: usize) -> Self {
        Self { messages, bytes: HAND_BYTES }
    }
}

/// A message as it is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// By which it is acknowledged; of this session alone.
    pub tag: u64,
    pub body: String,
    /// When it was sent first, in microseconds since 1970; unknown of other programs' messages.
    pub sent: Option<i64>,
    /// It was handed out before, and not acknowledged.
    pub again: bool,
}

/// A message that is looked at and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeked {
    pub body: String,
    pub sent: Option<i64>,
    /// Of a message in an error queue: why it is there.
    pub reason: Option<String>,
}

/// How many messages wait in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    pub queue: String,
    /// To be handed out.
    pub ready: u64,
    /// Handed out, and not yet acknowledged; unknown where the server tells nobody.
    pub unacknowledged: Option<u64>,
    /// In the error queue beside it.
    pub failed: u64,
}

impl Depth {
    /// Messages that aren't carried out yet, as far as the server tells.
    pub fn waiting(&self) -> u64 {
        self.ready + self.unacknowledged.unwrap_or_default()
    }
}

/// A session with the queues of one environment.
pub trait Broker: Send {
    /// Makes a queue and its error queue where they are missing.
    fn declare<'a>(&'a mut self, queue: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Appends messages, in their order.
    ///
    /// # Guarantees
    /// On `Ok` all of them outlive a crash of this process and of the queue's server.
    fn send<'a>(&'a mut self, queue: &'a str, bodies: &'a [String]) -> BoxFuture<'a, Result<()>>;

    /// Hands out at most `most`, the oldest first; waits for the first one for at most `wait`. They come
    /// again, here or elsewhere, unless they are acknowledged.
    fn take<'a>(
        &'a mut self,
        queue: &'a str,
        most: Most,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Vec<Delivery>>>;

    /// Acknowledges messages: they never come again. One whose lease has ended meanwhile may have
    /// gone to somebody else; that is no error.
    fn acknowledge<'a>(&'a mut self, queue: &'a str, tags: &'a [u64]) -> BoxFuture<'a, Result<()>>;

    /// Hands messages back at once, for whoever takes them next.
    fn give_back<'a>(&'a mut self, queue: &'a str, tags: &'a [u64]) -> BoxFuture<'a, Result<()>>;

    /// Moves a message to the error queue, with the reason: the copy lasts before the original is
    /// acknowledged. `body` may be a part of what was taken; the rest is the caller's to handle.
    fn fail<'a>(
        &'a mut self,
        queue: &'a str,
        body: &'a str,
        sent: Option<i64>,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<()>>;

    /// What waits in every queue that was declared, by name; error queues stand beside theirs. A server
    /// that doesn't name its queues tells of those in `known` that there are.
    fn list<'a>(&'a mut self, known: &'a [String]) -> BoxFuture<'a, Result<Vec<Depth>>>;

    /// The oldest messages, which stay where they are. `queue` may name an error queue.
    fn peek<'a>(&'a mut self, queue: &'a str, most: usize) -> BoxFuture<'a, Result<Vec<Peeked>>>;

    /// Sends the messages of the error queue again, with the time they were sent first; returns how
    /// many.
    fn replay<'a>(&'a mut self, queue: &'a str) -> BoxFuture<'a, Result<u64>>;

    /// Drops every message that isn't handed out; returns how many. `queue` may name an error queue.
    fn purge<'a>(&'a mut self, queue: &'a str) -> BoxFuture<'a, Result<u64>>;

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<()>>;
}
