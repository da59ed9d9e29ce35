//! `reconcile worker`: carries out what lies in the queues, on as many machines as needed.

use std::time::{Duration, Instant};

use super::place::Place;
use super::prepare::block_on;
use super::publish::{Progress, failed, listed, resources, told};
use super::{Error, Format, Global, Outcome, output};
use crate::config::Config;
use crate::publish::{CreateTables, Shop};

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
    let mut progress = Progress::begin();
    if args.stop_when_empty && queues.is_empty() {
        shop.drain(&mut |shop| progress.tell(|| told(&shop.counts))).await?;
    } else {
        let queues = if queues.is_empty() { all } else { queues };
        tokio::select! {
            done = serve(&mut shop, &queues, args.stop_when_empty, &mut progress) => done?,
            () = stopped() => {}
        }
    }
    progress.end();
    let counts = shop.counts;
    shop.close().await?;
    match args.place.format {
        Format::Json => output::json(&counts)?,
        Format::Text => output::print(&format!("{}\n", told(&counts)))?,
    }
    failed(&counts)
}

/// What was taken and not acknowledged when it stops comes again, here or elsewhere.
async fn serve(
    shop: &mut Shop<'_>,
    queues: &[String],
    stop_when_empty: bool,
    progress: &mut Progress,
) -> Result<(), Error> {
    let mut failing: Option<(Instant, Duration)> = None;
    loop {
        let mut handled = 0;
        for queue in queues {
            match shop.turn(queue, if stop_when_empty { Duration::ZERO } else { WAIT }).await {
                Ok(done) => {
                    handled += done;
                    failing = None;
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
            progress.tell(|| told(&shop.counts));
        }
        if stop_when_empty && handled == 0 && failing.is_none() {
            return Ok(());
        }
    }
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
}
