//! `reconcile worker`: carries out what lies in the queues, on as many machines as needed.

use std::time::{Duration, Instant};

use super::display::Publishing;
use super::interrupt::{interrupted, unless_stopped};
use super::place::Place;
use super::prepare::block_on;
use super::publish::{failed, listed, resources, told};
use super::{Error, Format, Global, Outcome, output};
use crate::config::Config;
use crate::publish::{Counts, CreateTables, Shop};

/// How long a queue is asked before the next one is.
const WAIT: Duration = Duration::from_millis(100);
/// Servers that are away are tried again, less and less often, for so long.
const PATIENCE: Duration = Duration::from_mins(5);

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
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    block_on(work(args, &config))
}

async fn work(args: &Args, config: &Config) -> Result<Outcome, Error> {
    let manifests = resources(config, &[]).await?;
    let environment = args.place.environment(config);
    let mut shop = Shop::open(config, environment, &manifests, &[], CreateTables::No).await?;
    let all = shop.queues();
    let queues = listed(&args.queues);
    if let Some(unknown) = queues.iter().find(|queue| !all.contains(queue)) {
        let known = crate::manifest::words::did_you_mean(unknown, all.iter().map(String::as_str));
        let message = format!("no resource uses a queue {}", crate::escape::visible(unknown));
        let hint = known.unwrap_or_else(|| format!("there are {}", all.join(", ")));
        return Err(Error::new(super::ErrorKind::Usage, message).hint(hint));
    }
    shop.take_up().await?;
    let mut progress = Publishing::begin("worker");
    let carried = unless_stopped(async {
        if args.stop_when_empty && queues.is_empty() {
            let mut tell = |shop: &Shop<'_>| progress.tell(&shop.pace());
            return Ok(shop.drain(&mut tell).await?);
        }
        let queues = if queues.is_empty() { all } else { queues };
        serve(&mut shop, &queues, args.stop_when_empty, &mut progress).await
    });
    let carried = carried.await;
    progress.end();
    let counts = shop.counts;
    match carried {
        Some(carried) => carried?,
        None if args.stop_when_empty => return Err(interrupted(&told(&counts))),
        // It ends in no other way.
        None => return end(args, &counts),
    }
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

/// What was taken and not acknowledged when it stops comes again, here or elsewhere.
async fn serve(
    shop: &mut Shop<'_>,
    queues: &[String],
    stop_when_empty: bool,
    progress: &mut Publishing,
) -> Result<(), Error> {
    let mut failing: Option<(Instant, Duration)> = None;
    loop {
        let mut handled = 0;
        for queue in queues {
            match shop.turn(queue, if stop_when_empty { Duration::ZERO } else { WAIT }).await {
                Ok(done) => {
                    handled += done;
                    failing = None;
                    shop.took(done).await?;
                }
                Err(error) => {
                    let (since, pause) = failing.unwrap_or((Instant::now(), WAIT));
                    if since.elapsed() > PATIENCE {
                        return Err(error.into());
                    }
                    eprintln!("{queue}: {error}; tried again in {} ms", pause.as_millis());
                    tokio::time::sleep(pause).await;
                    failing = Some((since, (pause * 2).min(Duration::from_secs(30))));
                }
            }
            progress.tell(&shop.pace());
        }
        if stop_when_empty && handled == 0 && failing.is_none() {
            return Ok(());
        }
    }
}
