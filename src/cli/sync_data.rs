//! `reconcile sync:data`: the storage and search tables as they are, to the read stores.

use serde_json::json;

use super::display::Publishing;
use super::interrupt::{interrupted, unless_stopped};
use super::prepare::block_on;
use super::publish::{Common, carry_out, failed, listed, resources, told};
use super::{Error, Format, Global, Outcome, output};
use crate::config::Config;
use crate::escape::visible;
use crate::manifest::Manifests;
use crate::manifest::republish_job::Action;
use crate::publish::rebuild::{Rebuilt, rebuild, would_rebuild};
use crate::publish::{Counts, CreateTables, Pace, Shop, prune};
use crate::put::put;

/// Keys that are named one by one.
const NAMED: usize = 100;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub common: Common,
    /// Make the search indexes of the resources anew, while workers go on, and switch to them
    #[arg(long, conflicts_with_all = ["no_wait", "ids", "prune"])]
    pub rebuild: bool,
    /// Also remove what no row has from the storage and the search
    #[arg(long, conflicts_with_all = ["no_wait", "ids"])]
    pub prune: bool,
    /// Resources, with commas between them [default: all]
    #[arg(value_name = "RESOURCE")]
    pub resources: Option<String>,
    /// IDs of entities, with commas between them [default: all]
    #[arg(value_name = "IDS")]
    pub ids: Option<String>,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    let words = |given: &Option<String>| listed(given.as_slice());
    let (names, ids) = (words(&args.resources), words(&args.ids));
    block_on(async {
        if args.rebuild {
            return rebuilt(&config, &args.common, &names).await;
        }
        let asked = (Action::SyncData, names.clone(), ids);
        let sent = carry_out(&config, &args.common, CreateTables::No, asked).await?;
        match args.prune {
            true => pruned(&config, &args.common, &names).await,
            false => Ok(sent),
        }
    })
}

async fn rebuilt(config: &Config, common: &Common, names: &[String]) -> Result<Outcome, Error> {
    let manifests = resources(config, names).await?;
    let place = (common.place.environment(config), names);
    let format = common.place.format;
    if common.dry_run {
        let indexes = would_rebuild(config, &manifests, place).await?;
        match format {
            Format::Json => output::json(&json!({ "indexes": indexes }))?,
            Format::Text if indexes.is_empty() => output::print("would rebuild nothing\n")?,
            Format::Text => {
                output::print(&format!("would rebuild {}\n", visible(&indexes.join(", "))))?;
            }
        }
        return Ok(Outcome::Fine);
    }
    let mut progress = Publishing::begin("sync:data --rebuild");
    let mut tell = |pace: &Pace| progress.tell(pace);
    let done = unless_stopped(Box::pin(rebuild(config, &manifests, place, &mut tell))).await;
    progress.end();
    let left = "the indexes that were being filled are removed by the next `--rebuild`";
    let Some(done) = done else { return Err(interrupted(left)) };
    let Rebuilt { counts, indexes } = done?;
    match format {
        Format::Json => output::json(&json!({ "indexes": indexes, "counts": counts }))?,
        Format::Text => {
            let indexes = visible(&indexes.join(", ")).into_owned();
            output::print(&format!("rebuilt {indexes}: {}\n", told(&counts)))?;
        }
    }
    failed(&counts)
}

async fn pruned(config: &Config, common: &Common, names: &[String]) -> Result<Outcome, Error> {
    let manifests = resources(config, names).await?;
    if common.dry_run {
        return would_prune(config, &manifests, (common, names)).await;
    }
    let mut progress = Publishing::begin("sync:data --prune");
    let mut so_far = Counts::default();
    let mut tell = |pace: &Pace| {
        so_far = pace.counts;
        progress.tell(pace);
    };
    let place = (common.place.environment(config), names);
    let done = unless_stopped(Box::pin(prune(config, &manifests, place, &mut tell))).await;
    progress.end();
    let Some(done) = done else { return Err(interrupted(&told(&so_far))) };
    let counts = done?;
    match common.place.format {
        Format::Json => output::json(&json!({ "pruned": counts }))?,
        Format::Text => output::print(&format!("pruned: {}\n", told(&counts)))?,
    }
    failed(&counts)
}

async fn would_prune(
    config: &Config,
    manifests: &Manifests,
    (common, names): (&Common, &[String]),
) -> Result<Outcome, Error> {
    let environment = common.place.environment(config);
    let mut shop = Shop::open(config, environment, manifests, names, CreateTables::No).await?;
    let found = shop.orphaned().await?;
    shop.close().await?;
    match common.place.format {
        Format::Json => output::json(&json!({ "orphaned": found }))?,
        Format::Text => {
            let mut out = format!("would remove {} keys\n", found.len());
            for found in found.iter().take(NAMED) {
                put!(out, "  {}\n", visible(&found.key));
            }
            output::print(&out)?;
        }
    }
    Ok(Outcome::Fine)
}
