//! `reconcile schema`: the JSON Schema of manifests, for editors and other tools.

use super::{Error, Outcome};
use crate::manifest::schema::manifest_schema;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_: &Args) -> Result<Outcome, Error> {
    super::output::print(&manifest_schema())?;
    Ok(Outcome::Fine)
}
