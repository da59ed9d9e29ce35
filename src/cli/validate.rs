//! `reconcile validate`: what is wrong with the manifests, every problem at once.

use std::path::PathBuf;

use super::{Error, Global, Outcome};
use crate::config::ManifestSource;
use crate::manifest;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Manifest directory [default: as the operator's file says, else ./manifests]
    #[arg(long, value_name = "DIRECTORY")]
    manifests: Option<PathBuf>,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.find_config()?;
    let directory = match (&args.manifests, config.as_ref().map(|config| &config.manifests)) {
        (Some(directory), _) => directory.clone(),
        (None, Some(ManifestSource::Directory(directory))) => directory.clone(),
        (None, _) => "manifests".into(),
    };
    let manifests = manifest::load(&directory)
        .map_err(|problems| Error::of_problems(problems, "nothing could be checked"))?;
    if manifests.problems.iter().any(manifest::problem::Problem::is_error) {
        return Err(Error::of_problems(manifests.problems, "the manifests have errors"));
    }
    Ok(Outcome::Fine)
}
