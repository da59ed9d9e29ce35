//! `reconcile queue list|dump|replay|purge`: what waits on its way to the read stores.
//!
//! Answers for how queues and messages are shown; what they are is `queue`'s.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::place::{Place, as_json};
use super::prepare::{self, block_on};
use super::{Error, Format, Global, Outcome, output};
use crate::config::target::Part;
use crate::config::{Config, Environment};
use crate::escape::{harmless, visible, width};
use crate::plan::render::words::count;
use crate::publish::queues_of;
use crate::put::put;
use crate::queue::{self, Broker, Depth, ERROR_SUFFIX, Peeked};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub action: Action,
}

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Show the queues, and how many messages wait in each
    List(ListArgs),
    /// Show the oldest messages of a queue, which stay where they are
    Dump(DumpArgs),
    /// Send the messages of a queue's error queue again
    Replay(ReplayArgs),
    /// Drop the messages of a queue that aren't handed out
    Purge(PurgeArgs),
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, clap::Args)]
pub struct DumpArgs {
    #[command(flatten)]
    pub place: Place,
    /// How many, at most
    #[arg(short, long, value_name = "NUMBER", default_value_t = 10)]
    pub limit: usize,
    /// The queue; with `.error` behind it the messages that failed
    #[arg(value_name = "QUEUE")]
    pub queue: String,
}

#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    pub place: Place,
    /// The queue whose failed messages are sent again
    #[arg(value_name = "QUEUE")]
    pub queue: String,
}

#[derive(Debug, clap::Args)]
pub struct PurgeArgs {
    #[command(flatten)]
    pub place: Place,
    /// Drop them; without it, only say how many there are
    #[arg(long)]
    pub yes: bool,
    /// The queue; with `.error` behind it the messages that failed
    #[arg(value_name = "QUEUE")]
    pub queue: String,
}

impl Action {
    pub fn format(&self) -> Format {
        match self {
            Self::List(ListArgs { place })
            | Self::Dump(DumpArgs { place, .. })
            | Self::Replay(ReplayArgs { place, .. })
            | Self::Purge(PurgeArgs { place, .. }) => place.format,
        }
    }
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    match &args.action {
        Action::List(args) => list(args, &config)?,
        Action::Dump(args) => dump(args, &config)?,
        Action::Replay(args) => replay(args, &config)?,
        Action::Purge(args) => purge(args, &config)?,
    }
    Ok(Outcome::Fine)
}

fn list(args: &ListArgs, config: &Config) -> Result<(), Error> {
    let environment = args.place.environment(config);
    let depths = block_on(depths(args, config))?;
    match args.place.format {
        Format::Json => output::json(&json!({
            "environment": environment,
            "queues": depths.iter().map(depth_to_json).collect::<Vec<_>>(),
        })),
        Format::Text if depths.is_empty() => {
            output::print(&format!("{environment} has no queue yet\n"))
        }
        Format::Text => output::print(&table(&depths)),
    }
}

/// By the shop's stores, each with its queues.
async fn depths(args: &ListArgs, config: &Config) -> Result<Vec<(Option<String>, Depth)>, Error> {
    let environment = args.place.environment(config);
    let mut depths = Vec::new();
    let stores = args.place.stores(config, Part::Queue)?;
    let needs_names =
        stores.iter().any(|store| queue::needs_names(config, environment, store.as_deref()));
    let names = match needs_names {
        true => queues_of(&prepare::manifests(config).await?),
        false => Vec::new(),
    };
    for store in stores {
        let Some(mut broker) = queue::look(config, environment, store.as_deref()).await? else {
            continue;
        };
        let list = broker.list(&names).await?;
        depths.extend(list.into_iter().map(|depth| (store.clone(), depth)));
        broker.close().await?;
    }
    Ok(depths)
}

fn table(depths: &[(Option<String>, Depth)]) -> String {
    let by_store = depths.iter().any(|(store, _)| store.is_some());
    let name = |(store, depth): &(Option<String>, Depth)| {
        let queue = visible(&depth.queue).into_owned();
        let store = store.as_deref().unwrap_or_default();
        if by_store { format!("{}  {queue}", visible(store)) } else { queue }
    };
    let widest = depths.iter().map(|row| width(&name(row))).max().unwrap_or(0).max(5);
    let mut out = format!("{:widest$}  {:>9}  {:>9}  {:>9}\n", "QUEUE", "READY", "TAKEN", "FAILED");
    for row in depths {
        let Depth { ready, unacknowledged, failed, .. } = &row.1;
        let taken = unacknowledged.map_or_else(|| "?".to_owned(), |taken| taken.to_string());
        put!(out, "{:widest$}  {ready:>9}  {taken:>9}  {failed:>9}\n", name(row));
    }
    out
}

fn depth_to_json((store, depth): &(Option<String>, Depth)) -> Json {
    let Depth { queue, ready, unacknowledged, failed } = depth;
    json!({
        "queue": queue,
        "store": store,
        "ready": ready,
        "unacknowledged": unacknowledged,
        "failed": failed,
    })
}

fn dump(args: &DumpArgs, config: &Config) -> Result<(), Error> {
    let messages = block_on(async {
        let mut broker = looking(&args.place, config, &args.queue).await?;
        let messages = broker.peek(&args.queue, args.limit).await?;
        broker.close().await?;
        Ok(messages)
    })?;
    match args.place.format {
        Format::Json => output::json(&json!({
            "queue": args.queue,
            "messages": messages.iter().map(message_to_json).collect::<Vec<_>>(),
        })),
        Format::Text if messages.is_empty() => {
            output::print(&format!("{} is empty\n", visible(&args.queue)))
        }
        Format::Text => output::print(&messages.iter().map(shown).collect::<String>()),
    }
}

fn shown(message: &Peeked) -> String {
    let Peeked { body, sent, reason } = message;
    let sent = at(*sent).unwrap_or_else(|| "at an unknown time".into());
    let reason = reason.as_deref().map_or_else(String::new, |why| format!("  {}", harmless(why)));
    format!("{sent}{reason}\n  {}\n", harmless(body))
}

fn message_to_json(message: &Peeked) -> Json {
    let Peeked { body, sent, reason } = message;
    json!({ "sent": at(*sent), "errorMessage": reason, "body": as_json(body) })
}

fn at(microseconds: Option<i64>) -> Option<String> {
    Timestamp::from_microsecond(microseconds?).ok().map(|at| at.to_string())
}

fn replay(args: &ReplayArgs, config: &Config) -> Result<(), Error> {
    let queue = args.queue.strip_suffix(ERROR_SUFFIX).unwrap_or(&args.queue);
    let sent = block_on(async {
        let mut broker = working(&args.place, config, queue).await?;
        let sent = broker.replay(queue).await?;
        broker.close().await?;
        Ok(sent)
    })?;
    match args.place.format {
        Format::Json => output::json(&json!({ "queue": queue, "replayed": sent })),
        Format::Text => {
            let messages = count(sent, "message", "messages");
            output::print(&format!("{messages} sent to {} again\n", visible(queue)))
        }
    }
}

fn purge(args: &PurgeArgs, config: &Config) -> Result<(), Error> {
    let queue = &args.queue;
    let (dropped, left) = block_on(async {
        let mut broker = match args.yes {
            true => working(&args.place, config, queue).await?,
            false => looking(&args.place, config, queue).await?,
        };
        let (ready, taken) = waiting(broker.as_mut(), queue).await?;
        let dropped = if args.yes { broker.purge(queue).await? } else { ready };
        broker.close().await?;
        Ok((dropped, taken))
    })?;
    if args.place.format == Format::Json {
        let key = if args.yes { "dropped" } else { "wouldDrop" };
        return output::json(&json!({ "queue": queue, key: dropped, "taken": left }));
    }
    let (messages, name) = (count(dropped, "message", "messages"), visible(queue));
    let stay = match left {
        0 => String::new(),
        left => format!("; {left} handed out to workers stay"),
    };
    output::print(&match args.yes {
        true => format!("{messages} of {name} dropped{stay}\n"),
        false => format!("{messages} of {name} would be dropped{stay}; `--yes` drops them\n"),
    })
}

/// How many messages a queue holds for others to take, and how many are handed out.
async fn waiting(broker: &mut dyn Broker, queue: &str) -> Result<(u64, u64), Error> {
    // Whether there is one by that name is told as everywhere.
    broker.peek(queue, 0).await?;
    let plain = queue.strip_suffix(ERROR_SUFFIX).unwrap_or(queue);
    let list = broker.list(&[plain.to_owned()]).await?;
    let main = list.iter().find(|depth| depth.queue == queue);
    if let Some(depth) = main {
        return Ok((depth.ready, depth.unacknowledged.unwrap_or_default()));
    }
    let beside = list.iter().find(|depth| format!("{}{ERROR_SUFFIX}", depth.queue) == queue);
    Ok((beside.map_or(0, |depth| depth.failed), 0))
}

async fn looking(place: &Place, config: &Config, queue: &str) -> Result<Box<dyn Broker>, Error> {
    let (environment, store) = (place.environment(config), place.one_store(config, Part::Queue)?);
    let broker = queue::look(config, environment, store.as_deref()).await?;
    broker.ok_or_else(|| no_queue(environment, queue))
}

/// One that was never used is no more made for this than for looking.
async fn working(place: &Place, config: &Config, queue: &str) -> Result<Box<dyn Broker>, Error> {
    looking(place, config, queue).await?.close().await?;
    let (environment, store) = (place.environment(config), place.one_store(config, Part::Queue)?);
    Ok(queue::open(config, environment, store.as_deref()).await?)
}

fn no_queue(environment: Environment, queue: &str) -> Error {
    Error::failed(format!("{environment} has no queue {}; there are none yet", visible(queue)))
}
