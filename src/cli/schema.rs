//! `reconcile schema`: the JSON Schema of manifests, for editors and other tools.

use std::io::Write;

use super::{Error, Outcome};
use crate::manifest::schema::manifest_schema;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_: &Args) -> Result<Outcome, Error> {
    let text = manifest_schema();
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Error::failed(format!("can't write the schema: {error}")))?;
    Ok(Outcome::Fine)
}
