//! `reconcile verify`: whether the read stores say what the tables say.

use serde_json::json;

use super::display::Publishing;
use super::interrupt::{interrupted, unless_stopped};
use super::place::Place;
use super::prepare::block_on;
use super::publish::{listed, resources, told};
use super::{Error, Format, Global, Outcome, output};
use crate::config::Config;
use crate::escape::visible;
use crate::plan::render::words::count;
use crate::publish::verify::{Difference, Verified};
use crate::publish::{Counts, CreateTables, Shop};
use crate::put::put;

/// Keys that are named one by one in a text.
const NAMED: usize = 100;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub place: Place,
    /// Resources, with commas between them [default: all]
    #[arg(value_name = "RESOURCE")]
    pub resources: Option<String>,
    /// Mend what differs: what rows say is written, what no row says is deleted
    #[arg(long)]
    pub repair: bool,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    block_on(verify(args, &config))
}

async fn verify(args: &Args, config: &Config) -> Result<Outcome, Error> {
    let names = listed(args.resources.as_slice());
    let manifests = resources(config, &names).await?;
    let environment = args.place.environment(config);
    let mut shop = Shop::open(config, environment, &manifests, &names, CreateTables::No).await?;
    for sentence in shop.lost().await? {
        eprintln!("{sentence}");
    }
    let mut progress = Publishing::begin("verify");
    let verified = shop.verify(&mut |shop| progress.tell(&shop.pace())).await?;
    let mended = match args.repair && !verified.found.is_empty() {
        true => {
            let mended = unless_stopped(Box::pin(async {
                shop.repair(&verified.found).await?;
                shop.drain(&mut |shop| progress.tell(&shop.pace())).await
            }));
            match mended.await {
                Some(mended) => mended?,
                None => return Err(interrupted(&told(&shop.counts()))),
            }
            Some(shop.counts())
        }
        false => None,
    };
    progress.end();
    shop.close().await?;
    match args.place.format {
        Format::Json => {
            output::json(
                &json!({"keys": verified.keys, "found": verified.found, "mended": mended}),
            )?;
        }
        Format::Text => output::print(&text(&verified, mended.as_ref()))?,
    }
    let is_mended = mended.is_some_and(|counts| counts.failed == 0);
    if verified.found.is_empty() || is_mended {
        return Ok(Outcome::Fine);
    }
    let found = count(verified.found.len() as u64, "key", "keys");
    Err(Error::failed(format!(
        "{found} of the read stores of {environment} aren't as they should be"
    ))
    .hint("`reconcile verify --repair` mends them"))
}

fn text(verified: &Verified, mended: Option<&Counts>) -> String {
    let mut out = String::new();
    for found in verified.found.iter().take(NAMED) {
        let word = match found.difference {
            Difference::Missing => "missing",
            Difference::Outdated => "outdated",
            Difference::Orphaned => "orphaned",
        };
        let index = match found.index.as_str() {
            "" => String::new(),
            index => format!(" in {}", visible(index)),
        };
        put!(out, "{word:8} {}{index} ({})\n", visible(&found.key), found.resource);
    }
    if verified.found.len() > NAMED {
        put!(out, "… and {} more\n", verified.found.len() - NAMED);
    }
    let of = |wanted: Difference| {
        verified.found.iter().filter(|found| found.difference == wanted).count()
    };
    put!(
        out,
        "{} compared: {} missing, {} outdated, {} orphaned\n",
        count(verified.keys, "key", "keys"),
        of(Difference::Missing),
        of(Difference::Outdated),
        of(Difference::Orphaned)
    );
    if let Some(counts) = mended {
        put!(out, "mended: {} written, {} failed\n", counts.written, counts.failed);
    }
    out
}
