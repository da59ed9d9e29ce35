//! `reconcile init`: a first operator's file and first modules for a user's own databases.
//!
//! Answers for reading both catalogues, for proposing only what `validate --connect` accepts, and
//! for never overwriting a file. What is proposed is `init`'s.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind as IoError, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::prepare::block_on;
use super::{Error, Format, Outcome, output, variable};
use crate::catalog::Catalog;
use crate::config::{self, Config, Environment};
use crate::database::{Access, Session, same_database};
use crate::init::look::{Findings, look};
use crate::init::references::Tables;
use crate::init::text::{self, JOB_NAME, Places};
use crate::init::{Proposal, propose};
use crate::manifest::load_text;
use crate::manifest::protected::Protection;
use crate::manifest::validate::validate_by;
use crate::plan::render::words::{count, shell_word};
use crate::put::put;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(
        long,
        value_name = "URL",
        help = "PROD's database: sqlite://FILE, postgres://… or mysql://… [default: $PROD_DATABASE_URL]"
    )]
    pub prod: Option<String>,
    #[arg(long, value_name = "URL", help = "TEST's database [default: $TEST_DATABASE_URL]")]
    pub test: Option<String>,
    /// Where to write reconcile.yaml, manifests/ and schemas/
    #[arg(value_name = "DIRECTORY", default_value = ".")]
    pub directory: PathBuf,
    /// Whom the report is written for
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const VARIABLES: [(Environment, &str); 2] =
    [(Environment::Prod, "PROD_DATABASE_URL"), (Environment::Test, "TEST_DATABASE_URL")];
const PIN_KEY: &str = "PIN_KEY";

pub fn run(args: &Args) -> Result<Outcome, Error> {
    let (prod, test) = (Database::named(args, 0)?, Database::named(args, 1)?);
    let protection = Protection::built_in();
    let (catalogs, findings) = block_on(read(&prod, &test, &protection))?;
    let prod_catalog = &catalogs[&Environment::Prod];
    let mut proposal = propose(&tables(&catalogs, &protection), &findings);
    let places = Places { prod: prod.written(args)?, test: test.written(args)? };
    let operator = loop {
        let operator = text::operator(&proposal, &places, prod_catalog);
        let config = parse(args, &operator, &prod, &test)?;
        if !drop_refused(&mut proposal, &config, &catalogs) {
            break operator;
        }
    };
    let mut report = Report::default();
    report.write(&args.directory.join("reconcile.yaml"), &operator)?;
    let manifests = args.directory.join("manifests");
    for module in &proposal.modules {
        let path = manifests.join("modules").join(format!("{}.yaml", module.name));
        report.write(&path, &text::module(module))?;
    }
    report.write(&manifests.join("jobs").join(format!("{JOB_NAME}.yaml")), &text::job())?;
    let schema = args.directory.join("schemas/reconcile.schema.json");
    report.write(&schema, &crate::manifest::schema::manifest_schema())?;
    let needs_key = text::needs_pin_key(&proposal, prod_catalog);
    let variables = variables(&[&prod, &test], &places, needs_key);
    match args.format {
        Format::Text => output::print(&report.text(args, &proposal, &variables))?,
        Format::Json => output::json(&report.json(&proposal, &variables))?,
    }
    Ok(Outcome::Fine)
}

/// One of the user's databases, and whether its URL may be written down.
struct Database {
    variable: &'static str,
    url: String,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Option,
    Variable,
}

impl Database {
    fn named(args: &Args, at: usize) -> Result<Self, Error> {
        let (environment, name) = VARIABLES[at];
        let option = match environment {
            Environment::Prod => &args.prod,
            Environment::Test => &args.test,
        };
        let (url, origin) = match (option, variable(name)) {
            (Some(url), _) => (url.clone(), Origin::Option),
            (None, Some(url)) if !url.is_empty() => (url, Origin::Variable),
            _ => {
                let flag = environment.as_str().to_lowercase();
                let message = format!("{environment}'s database isn't named");
                return Err(Error::failed(message).hint(format!(
                    "say `--{flag} URL` or set {name}, as in sqlite://shop.db, postgres://… or mysql://…"
                )));
            }
        };
        Ok(Self { variable: name, url, origin })
    }

    fn path(&self) -> Option<&str> {
        self.url.strip_prefix("sqlite://").or_else(|| self.url.strip_prefix("sqlite:"))
    }

    /// As the operator's file names it: a file by its path, a server never, since its URL may hold
    /// a password.
    fn written(&self, args: &Args) -> Result<String, Error> {
        let Some(path) = self.path().filter(|_| self.origin == Origin::Option) else {
            return Ok(format!("${{{}}}", self.variable));
        };
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|error| {
                Error::failed(format!("can't tell where {} is: {error}", path.display()))
            })
        };
        let (file, folder) = (absolute(Path::new(path))?, absolute(&args.directory)?);
        let folder: PathBuf = folder.components().collect();
        let short = file.strip_prefix(&folder).unwrap_or(&file);
        Ok(format!("sqlite://{}", short.display()).replace("${", "$${"))
    }
}

fn tables<'a>(
    catalogs: &'a BTreeMap<Environment, Catalog>,
    protection: &'a Protection,
) -> Tables<'a> {
    let (prod, test) = (&catalogs[&Environment::Prod], &catalogs[&Environment::Test]);
    Tables { prod, test, protection }
}

/// Both catalogues and what rows say, on connections that can't write.
async fn read(
    prod: &Database,
    test: &Database,
    protection: &Protection,
) -> Result<(BTreeMap<Environment, Catalog>, Findings), Error> {
    let mut prod_session = Session::open(&prod.url, "PROD", Access::ReadOnly).await?;
    let mut test_session = Session::open(&test.url, "TEST", Access::ReadOnly).await?;
    if same_database(&mut prod_session, &mut test_session).await? {
        return Err(crate::job::Error::SameDatabase.into());
    }
    let catalogs = BTreeMap::from([
        (Environment::Prod, prod_session.catalog().await?),
        (Environment::Test, test_session.catalog().await?),
    ]);
    let tables = tables(&catalogs, protection);
    let findings = look(&mut prod_session, &mut test_session, &tables).await;
    prod_session.close().await?;
    test_session.close().await?;
    Ok((catalogs, findings))
}

/// The operator's file as it will be read.
fn parse(args: &Args, written: &str, prod: &Database, test: &Database) -> Result<Config, Error> {
    let values = |name: &str| match name {
        PIN_KEY => Some("0123456789abcdef".to_owned()),
        name if name == prod.variable => Some(prod.url.clone()),
        name if name == test.variable => Some(test.url.clone()),
        _ => None,
    };
    let path = std::path::absolute(args.directory.join("reconcile.yaml"))
        .map_err(|error| Error::failed(format!("can't tell where to write: {error}")))?;
    config::parse(&path, written.as_bytes(), &values)
        .map_err(|problems| Error::of_problems(problems, "these databases can't be written down"))
}

/// Takes back what `validate` would refuse: first what was found in a module's rows, then the module,
/// with the reason. True where anything was.
fn drop_refused(
    proposal: &mut Proposal,
    config: &Config,
    catalogs: &BTreeMap<Environment, Catalog>,
) -> bool {
    let mut refused = Vec::new();
    for (at, module) in proposal.modules.iter().enumerate() {
        let text = text::module(module);
        let manifests = load_text(Path::new("module.yaml"), text.as_bytes());
        let mut problems = manifests.problems.clone();
        problems.extend(validate_by(config, &manifests, catalogs));
        if let Some(problem) =
            problems.into_iter().find(crate::manifest::problem::Problem::is_error)
        {
            refused.push((at, problem.message));
        }
    }
    for (at, why) in refused.iter().rev() {
        // Perhaps only what rows said is refused.
        if proposal.modules[*at].doubt(why) {
            continue;
        }
        let module = proposal.modules.remove(*at);
        for table in module.tables() {
            proposal.left_out.insert(table.to_owned(), why.clone());
        }
    }
    !refused.is_empty()
}

/// What has to be set before the operator's file can be read; never a URL, which may hold a password.
fn variables(databases: &[&Database; 2], places: &Places, needs_pin_key: bool) -> Vec<String> {
    let places = [&places.prod, &places.test];
    let named = databases.iter().zip(places).filter(|(_, place)| place.starts_with("${"));
    let mut lines: Vec<String> = named
        .map(|(database, _)| {
            let scheme = database.url.split("://").next().unwrap_or_default();
            format!("export {}='{scheme}://…'", database.variable)
        })
        .collect();
    if needs_pin_key {
        lines.push(format!("export {PIN_KEY}=\"$(head -c 32 /dev/urandom | base64)\"  # keep it"));
    }
    lines
}

#[derive(Default)]
struct Report {
    written: Vec<String>,
    kept: Vec<String>,
}

impl Report {
    /// A new file; one that is there stays as it is.
    fn write(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        let failed = |error| Error::failed(format!("can't write {}: {error}", output::near(path)));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).map_err(failed)?;
                self.written.push(output::near(path));
            }
            Err(error) if error.kind() == IoError::AlreadyExists => {
                self.kept.push(output::near(path));
            }
            Err(error) => return Err(failed(error)),
        }
        Ok(())
    }

    fn json(&self, proposal: &Proposal, variables: &[String]) -> Json {
        let modules = proposal.modules.iter();
        let modules: Vec<_> =
            modules.map(|it| json!({ "name": it.name, "tables": it.tables() })).collect();
        json!({
            "written": self.written,
            "leftAsItIs": self.kept,
            "modules": modules,
            "leftOut": proposal.left_out,
            "toSet": variables,
        })
    }

    fn text(&self, args: &Args, proposal: &Proposal, variables: &[String]) -> String {
        let mut out = String::new();
        for path in &self.written {
            put!(out, "written       {path}\n");
        }
        for path in &self.kept {
            put!(out, "left as it is {path}\n");
        }
        let tables = proposal.modules.iter().flat_map(|module| module.tables()).count() as u64;
        let modules = count(proposal.modules.len() as u64, "module", "modules");
        let left = count(proposal.left_out.len() as u64, "table is", "tables are");
        let tables = count(tables, "table", "tables");
        put!(out, "\n{modules} for {tables}; {left} left out, with reasons in reconcile.yaml.\n");
        out.push_str("Read the modules, then:\n\n");
        let folder = output::near(&args.directory);
        if !folder.is_empty() && folder != "." {
            put!(out, "    cd {}\n", shell_word(&folder));
        }
        for line in variables {
            put!(out, "    {line}\n");
        }
        let named = if in_work_tree(&args.directory) { "--config reconcile.yaml " } else { "" };
        put!(out, "    reconcile {named}doctor\n    reconcile {named}validate --connect\n");
        put!(out, "    reconcile {named}plan {JOB_NAME}\n");
        if !named.is_empty() {
            out.push_str(
                "\nThis folder lies in a git work tree. An operator's file beside the manifests is \
                 only taken\nwhen it is named, since a pull request could change it: better move \
                 reconcile.yaml elsewhere.\n",
            );
        }
        out
    }
}

fn in_work_tree(folder: &Path) -> bool {
    let folder = folder.canonicalize().ok();
    folder.is_some_and(|folder| folder.ancestors().any(|above| above.join(".git").exists()))
}
