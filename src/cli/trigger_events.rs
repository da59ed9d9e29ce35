//! `reconcile publish:trigger-events`: the storage and search tables made anew.

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
    #[arg(short, long = "resource", value_name = "RESOURCE")]
    pub resources: Vec<String>,
    /// IDs of entities, with commas between them [default: all]
    #[arg(short, long, value_name = "IDS")]
    pub ids: Vec<String>,
    /// Make storage and search tables that aren't there
    #[arg(long)]
    pub create_tables: bool,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    let create = if args.create_tables { CreateTables::Yes } else { CreateTables::No };
    let asked = (Action::TriggerEvents, listed(&args.resources), listed(&args.ids));
    block_on(carry_out(&config, &args.common, create, asked))
}
