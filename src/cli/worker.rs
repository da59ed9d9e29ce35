//! `reconcile worker`: carries out what lies in the queues, on as many machines as needed.

use std::cell::RefCell;
use std::net::SocketAddr;

use super::display::Publishing;
use super::interrupt::{Stopped, interrupted, until_stopped};
use super::place::Place;
use super::prepare::block_on;
use super::publish::{failed, listed, resources, told};
use super::{Error, Format, Global, Outcome, output};
use crate::config::Config;
use crate::http::Voice;
use crate::publish::{Counts, CreateTables, Shop, Until};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub place: Place,
    /// The queues to take from [default: all]
    #[arg(value_name = "QUEUE")]
    pub queues: Vec<String>,
    /// End when all queues are empty, instead of waiting for more
    #[arg(long)]
    pub stop_when_empty: bool,
    /// Answer `/healthz` and `/metrics` here, to whoever can reach it
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    block_on(work(args, &config))
}

async fn work(args: &Args, config: &Config) -> Result<Outcome, Error> {
    let manifests = resources(config, &[]).await?;
    let environment = args.place.environment(config);
    let mut shop =
        Shop::open(config, environment, &manifests, &[], CreateTables::No).await?.patient();
    let all = shop.queues();
    let queues = listed(&args.queues);
    if let Some(unknown) = queues.iter().find(|queue| !all.contains(queue)) {
        let known = crate::manifest::words::did_you_mean(unknown, all.iter().map(String::as_str));
        let message = format!("no resource uses a queue {}", crate::escape::visible(unknown));
        let hint = known.unwrap_or_else(|| format!("there are {}", all.join(", ")));
        return Err(Error::new(super::ErrorKind::Usage, message).hint(hint));
    }
    match shop.lost().await {
        Ok(all) => all.iter().for_each(|lost| eprintln!("worker: {lost}")),
        // It is tried again with the first messages.
        Err(error) if error.passes() => eprintln!("worker: {error}"),
        Err(error) => return Err(error.into()),
    }
    shop.take_up().await?;
    let queues = if queues.is_empty() { all } else { queues };
    let until = if args.stop_when_empty { Until::Empty } else { Until::Stopped };
    let mut progress = Publishing::of_worker("worker");
    let voice = match args.listen {
        None => None,
        Some(address) => {
            let (voice, here) =
                Voice::start(address).await.map_err(|it| Error::failed(it.to_string()))?;
            eprintln!("worker: listening on {here}");
            Some(voice)
        }
    };
    let (halt, far) = (shop.halt(), RefCell::new(Counts::default()));
    let mut tell = |shop: &Shop| {
        let pace = shop.pace();
        far.replace(pace.counts);
        progress.tell(&pace);
        if let Some(voice) = &voice {
            voice.tell(&pace);
        }
    };
    let carried = until_stopped(&halt, shop.work(&queues, until, &mut tell)).await;
    progress.end();
    if let Some(voice) = voice {
        voice.end().await;
    }
    match carried {
        Stopped::Done(carried) => carried?,
        Stopped::Asked(carried) => {
            carried?;
            if args.stop_when_empty {
                return Err(interrupted(&told(&shop.counts())));
            }
        }
        Stopped::AtOnce if args.stop_when_empty => {
            return Err(interrupted(&told(&far.borrow())));
        }
        Stopped::AtOnce => {
            eprintln!("stopped with messages in hand; they are handed out again");
            return end(args, &far.borrow());
        }
    }
    let counts = shop.counts();
    shop.close().await?;
    end(args, &counts)
}

fn end(args: &Args, counts: &Counts) -> Result<Outcome, Error> {
    match args.place.format {
        Format::Json => output::json(counts)?,
        Format::Text => output::print(&format!("{}\n", told(counts)))?,
    }
    failed(counts)
}
