//! `reconcile validate`: what is wrong with the manifests, every problem at once.
//!
//! Answers for gathering what there is to check against (the operator's file, `catalog.json`) and
//! for reporting what was found and what nobody could check. The checks are in
//! `manifest::validate`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::{Error, Format, Global, Outcome};
use crate::catalog::Catalog;
use crate::config::{Config, Environment, ManifestSource};
use crate::manifest::catalog_file::CatalogFile;
use crate::manifest::problem::{self, Problem};
use crate::manifest::protected::Protection;
use crate::manifest::validate::{Context, unchecked, validate};
use crate::manifest::{self, Manifests};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the manifests [default: as the operator's file says, else ./manifests]
    #[arg(long, value_name = "DIRECTORY")]
    manifests: Option<PathBuf>,
    /// Whom the findings are written for
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.find_config()?;
    let directory = directory(args, config.as_ref())?;
    let manifests = manifest::load(&directory)
        .map_err(|problems| Error::of_problems(problems, "nothing could be checked"))?;
    let file = CatalogFile::read(&directory)
        .map_err(|problem| Error::of_problems(vec![problem], "nothing could be checked"))?;
    let protection = match (&config, &file) {
        (Some(config), _) => Protection::new(config),
        (None, Some(file)) => Protection::of(file.rules()),
        (None, None) => Protection::built_in(),
    };
    let catalogs: BTreeMap<Environment, Catalog> =
        file.into_iter().flat_map(CatalogFile::catalogs).collect();
    let context = Context {
        manifests: &manifests,
        protection: &protection,
        config: config.as_ref(),
        catalogs: &catalogs,
    };
    let mut problems = manifests.problems.clone();
    problems.extend(validate(&context));
    problem::sort(&mut problems);
    report(args.format, &manifests, problems, &unchecked(&context))
}

fn directory(args: &Args, config: Option<&Config>) -> Result<PathBuf, Error> {
    match (&args.manifests, config.map(|config| &config.manifests)) {
        (Some(directory), _) => Ok(directory.clone()),
        (None, Some(ManifestSource::Directory(directory))) => Ok(directory.clone()),
        (None, Some(ManifestSource::Git(_))) => {
            Err(Error::failed("the operator's file takes the manifests from git")
                .hint("name a directory to check with `--manifests`"))
        }
        (None, None) => Ok("manifests".into()),
    }
}

fn report(
    format: Format,
    manifests: &Manifests,
    problems: Vec<Problem>,
    unchecked: &[String],
) -> Result<Outcome, Error> {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    if format == Format::Json {
        let list: Vec<_> = problems.iter().map(Problem::to_json).collect();
        let report = json!({ "errors": errors, "problems": list, "unchecked": unchecked });
        println!("{report:#}");
    } else {
        for sentence in unchecked {
            println!("not checked: {sentence}");
        }
        if errors == 0 {
            super::show_problems(&problems);
            let (modules, jobs) = (manifests.modules.len(), manifests.jobs.len());
            println!("{modules} modules and {jobs} jobs are valid");
        }
    }
    if errors == 0 {
        return Ok(Outcome::Fine);
    }
    let message = match errors {
        1 => "1 error".to_owned(),
        several => format!("{several} errors"),
    };
    let mut error = Error::of_problems(problems, message);
    if format == Format::Json {
        error.problems.clear();
    }
    Err(error)
}
