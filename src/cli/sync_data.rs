//! `reconcile sync:data`: the storage and search tables as they are, to the read stores.

use super::prepare::block_on;
use super::publish::{Common, carry_out, listed};
use super::{Error, Global, Outcome};
use crate::manifest::republish_job::Action;
use crate::publish::CreateTables;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub common: Common,
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
    let asked = (Action::SyncData, words(&args.resources), words(&args.ids));
    block_on(carry_out(&config, &args.common, CreateTables::No, asked))
}
