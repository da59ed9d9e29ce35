//! `reconcile plan JOB`: compares one job and shows the plan.

use std::path::PathBuf;

use clap::ValueEnum;
use jiff::Timestamp;

use super::prepare::{self, Compared, block_on};
use super::{Error, Format, Global, Outcome, output};
use crate::config::Config;
use crate::job::thumbnails::thumbnails;
use crate::manifest::sync_job::SyncJobSpec;
use crate::plan::change::Plan;
use crate::plan::render::html::{About, minute};
use crate::plan::render::{Colour, Style, html, json, markdown, text};

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
    /// A page on which changes are ticked: open it in a browser
    Html,
    Json,
}

impl From<Form> for Format {
    fn from(form: Form) -> Self {
        match form {
            Form::Json => Self::Json,
            Form::Text | Form::Markdown | Form::Html => Self::Text,
        }
    }
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    let Compared { plan, asked } = block_on(prepare::plan(&config, &args.job))?;
    let shown = match args.format {
        Form::Text => text(&plan, style(args)),
        Form::Markdown => markdown(&plan, None),
        Form::Html => block_on(page(&config, &plan, &asked))?,
        Form::Json => json(&plan),
    };
    match &args.output {
        Some(path) => std::fs::write(path, shown)
            .map_err(|error| Error::failed(format!("can't write {}: {error}", path.display())))?,
        None => output::print(&shown)?,
    }
    Ok(match plan.noop || !args.detailed_exitcode {
        true => Outcome::Fine,
        false => Outcome::Changes,
    })
}

fn style(args: &Args) -> Style {
    let colour = match args.output {
        Some(_) => Colour::Never,
        None => output::colour(),
    };
    Style { colour, width: output::width() }
}

/// The page, with the small ones of its images in it.
async fn page(config: &Config, plan: &Plan, asked: &SyncJobSpec) -> Result<String, Error> {
    let thumbnails = thumbnails(config, plan, asked).await;
    let as_of = Some(minute(Timestamp::now()));
    let about =
        About { asked: Some(asked), as_of, is_stored: false, served: None, images: &thumbnails };
    Ok(html(plan, &about))
}
