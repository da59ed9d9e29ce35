//! `reconcile plan JOB`: compares one job and shows the plan.

use std::path::PathBuf;

use clap::ValueEnum;

use super::prepare::{self, block_on};
use super::{Error, Format, Global, Outcome, output};
use crate::plan::change::Plan;
use crate::plan::render::{Colour, Style, json, markdown, text};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The job to compare
    pub job: String,
    /// How the plan is written
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub format: Form,
    /// Write to a file instead of the terminal
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// End with 2 when there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// How a plan can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Text,
    Markdown,
    Json,
}

impl From<Form> for Format {
    fn from(form: Form) -> Self {
        match form {
            Form::Json => Self::Json,
            Form::Text | Form::Markdown => Self::Text,
        }
    }
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    let plan = block_on(prepare::plan(&config, &args.job))?;
    write(&plan, args)?;
    Ok(match plan.noop || !args.detailed_exitcode {
        true => Outcome::Fine,
        false => Outcome::Changes,
    })
}

fn write(plan: &Plan, args: &Args) -> Result<(), Error> {
    let colour = match args.output {
        Some(_) => Colour::Never,
        None => output::colour(),
    };
    let shown = match args.format {
        Form::Text => text(plan, Style { colour, width: output::width() }),
        Form::Markdown => markdown(plan),
        Form::Json => json(plan),
    };
    match &args.output {
        Some(path) => std::fs::write(path, shown)
            .map_err(|error| Error::failed(format!("can't write {}: {error}", path.display()))),
        None => output::print(&shown),
    }
}
