//! `reconcile validate`: what is wrong with the manifests, every problem at once.
//!
//! Answers for gathering what there is to check against (the operator's file, the databases or
//! `catalog.json`) and for reporting what was found and what nobody could check. The checks are in
//! `manifest::validate`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::output::print;
use super::prepare::{self, block_on};
use super::{Error, Format, Global, Outcome};
use crate::catalog::Catalog;
use crate::config::{Config, Environment};
use crate::manifest::catalog_file::{self, CatalogFile};
use crate::manifest::problem::{self, Problem};
use crate::manifest::protected::Protection;
use crate::manifest::validate::{Context, coming_year, unchecked, validate};
use crate::manifest::{self, Manifests};
use crate::plan::render::words::number_of_manifests;

type Catalogs = BTreeMap<Environment, Catalog>;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the manifests are [default: as the operator's file says, else ./manifests]
    #[arg(long, value_name = "DIRECTORY")]
    manifests: Option<PathBuf>,
    /// Check tables and columns against both databases instead of catalog.json
    #[arg(long)]
    connect: bool,
    /// Write both structures and the operator's table lists to catalog.json beside the manifests
    #[arg(long, requires = "connect")]
    write_catalog: bool,
    /// Whom the findings are written for
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = if args.connect { Some(global.config()?) } else { global.find_config()? };
    let directory = block_on(prepare::directory(args.manifests.as_deref(), config.as_ref()))?;
    let manifests = manifest::load(&directory)
        .map_err(|problems| Error::of_problems(problems, "nothing could be checked"))?;
    let file = CatalogFile::read(&directory)
        .map_err(|problem| Error::of_problems(vec![problem], "nothing could be checked"));
    let (protection, catalogs) = match &config {
        Some(config) if args.connect => {
            (Protection::new(config), connect(config, args, &directory)?)
        }
        Some(config) => (Protection::new(config), catalogs_of(file?)),
        None => match file? {
            Some(file) => (Protection::of(file.rules()), catalogs_of(Some(file))),
            None => (Protection::built_in(), Catalogs::new()),
        },
    };
    let context = Context {
        manifests: &manifests,
        protection: &protection,
        config: config.as_ref(),
        catalogs: &catalogs,
    };
    let mut problems = manifests.problems.clone();
    problems.extend(validate(&context));
    problems.extend(coming_year(&context, jiff::Timestamp::now()));
    problem::sort(&mut problems);
    report(args.format, &manifests, problems, &unchecked(&context))
}

fn catalogs_of(file: Option<CatalogFile>) -> Catalogs {
    file.into_iter().flat_map(CatalogFile::catalogs).collect()
}

/// Reads both catalogues on read-only connections, and writes them down where that was asked for.
fn connect(config: &Config, args: &Args, manifests: &Path) -> Result<Catalogs, Error> {
    let catalogs = block_on(async { Ok(crate::job::catalogs(config).await?) })?;
    if args.write_catalog {
        let side = |environment| catalogs.get(&environment).cloned();
        let (prod, test) = (side(Environment::Prod), side(Environment::Test));
        CatalogFile::new(prod, test, config.table_rules()).write(manifests).map_err(|error| {
            Error::failed(format!("can't write {}: {error}", catalog_file::FILE_NAME))
        })?;
    }
    Ok(catalogs)
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
        super::output::json(&report)?;
    } else {
        for sentence in unchecked {
            print(&format!("not checked: {sentence}\n"))?;
        }
        if errors == 0 {
            super::show_problems(&problems);
            print(&format!("{} are valid\n", number_of_manifests(manifests)))?;
        }
    }
    let message = match errors {
        0 => return Ok(Outcome::Fine),
        1 => "1 error".to_owned(),
        several => format!("{several} errors"),
    };
    Err(Error::of_problems(problems, message).told_in(format))
}
