//! `reconcile undo RUN`: writes a job that takes a committed run back.
//!
//! Answers for the manifest and for what it approves. The job is reviewed, committed and applied
//! like any other; nothing is written to a database here.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::prepare::{self, block_on, prepare_edited};
use super::{Error, ErrorKind, Format, Global, Outcome, output};
use crate::config::Config;
use crate::escape::{visible, visible_name};
use crate::job::Context;
use crate::job::open::{Basis, Part, open};
use crate::manifest::sync_job::SyncJobSpec;
use crate::manifest::write::sync_job;
use crate::manifest::{Manifests, SyncJob, load_text};
use crate::plan::amend::{ApprovalMap, Placed, approve_places};
use crate::plan::approval::name as name_of;
use crate::plan::change::{Class, Plan};
use crate::plan::heading::Heading;
use crate::plan::render::words::{count, shell_word};
use crate::plan::render::{Style, text};
use crate::put::put;
use crate::state::keep_plan;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run to take back, by the name that applying it printed
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Where to write the job [default: undo-RUN.yaml beside the job that ran]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Whom the report is written for
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// What the run leaves to take back, and how the job that does it is written.
struct Undo {
    plan: Plan,
    /// The job that ran.
    ran: String,
    /// Where that job is written; it may be gone by now.
    file: Option<PathBuf>,
    directory: PathBuf,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    let name = format!("undo-{}", args.run);
    let undo = block_on(compare(&config, &name, &args.run))?;
    if args.format == Format::Text {
        let style = Style { colour: output::colour(), width: output::width() };
        output::print(&text(&undo.plan, style))?;
    }
    if let (true, Some((module, why))) =
        (undo.plan.noop, undo.plan.failed_modules.first_key_value())
    {
        return Err(Error::failed(format!(
            "run {} can't be taken back: {module}: {why}",
            args.run
        ))
        .hint("let the module hold what it held when the run was made"));
    }
    if undo.plan.noop {
        return nothing(args, &name, &undo);
    }
    let Approvable { approved, records, left } = approvals(&undo.plan);
    if approved.is_empty() {
        let message =
            format!("every record of run {} changed since; nothing was written", args.run);
        return Err(Error::new(ErrorKind::CannotRun, message)
            .hint("mend the records by hand, or prepare them on the other environment"));
    }
    let path = args.output.clone().unwrap_or_else(|| undo.folder().join(format!("{name}.yaml")));
    let spec = SyncJobSpec { approved, ..spec(&args.run)? };
    let why = format!("Takes run {} of the job {} back.", args.run, undo.ran);
    write(&path, &sync_job(&name, &spec, &undo.schema(), &why))?;
    match args.format {
        Format::Text => output::print(&told(&path, &name, records, &left))?,
        Format::Json => output::json(&report(&name, Some(&path), records, &left, &undo.plan))?,
    }
    Ok(Outcome::Fine)
}

fn nothing(args: &Args, name: &str, undo: &Undo) -> Result<Outcome, Error> {
    match args.format {
        Format::Text => {
            let (target, run) = (undo.target(), &args.run);
            let sentence =
                format!("\nNothing to undo: {target} is as it was before {}.\n", visible(run));
            output::print(&sentence)?;
        }
        Format::Json => output::json(&report(name, None, 0, &[], &undo.plan))?,
    }
    Ok(Outcome::Fine)
}

fn report(name: &str, file: Option<&Path>, approved: usize, left: &[String], plan: &Plan) -> Json {
    json!({
        "job": name,
        "file": file.map(output::near),
        "approved": approved,
        "leftOut": left,
        "plan": plan,
    })
}

/// The plan of the undo, as its job will find it.
async fn compare(config: &Config, name: &str, run: &str) -> Result<Undo, Error> {
    let manifests = prepare_edited(config).await?;
    if let Some(job) = manifests.jobs.get(name) {
        let message =
            format!("the job {name} is there already: {}", output::near(&job.origin.path));
        return Err(Error::failed(message)
            .hint(format!("review it, commit it, and run it with `reconcile {name}`"))
            .hint("what it approves is renewed with `reconcile approve`"));
    }
    let job = unwritten(name, run)?;
    let context = Context::new(config, &manifests);
    let mut opened = open(&context, &job).await?;
    let (plan, _) = opened.plan(&job, Part::Everything, Vec::new()).await?;
    keep_plan(config, &plan, &job.spec)?;
    let ran = match &opened.basis {
        Basis::Images { job, .. } => job.clone(),
        Basis::Source { .. } => String::new(),
    };
    let file = manifests.jobs.get(&ran).or(any(&manifests)).map(|job| job.origin.path.clone());
    Ok(Undo { plan, ran, file, directory: prepare::directory(None, Some(config)).await? })
}

fn any(manifests: &Manifests) -> Option<&SyncJob> {
    manifests.jobs.values().next()
}

/// The job before anything is approved, read as from a file.
fn unwritten(name: &str, run: &str) -> Result<SyncJob, Error> {
    let text = format!(
        "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {{name: {}}}\nspec: {{undo: {}}}\n",
        crate::manifest::quote::quoted(name),
        crate::manifest::quote::quoted(run)
    );
    let mut read = load_text(Path::new("undo.yaml"), text.as_bytes());
    read.jobs.remove(name).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{} can't be the name of a run", visible(run)))
    })
}

fn spec(run: &str) -> Result<SyncJobSpec, Error> {
    Ok(unwritten("undo", run)?.spec)
}

/// What an undo approves.
struct Approvable {
    approved: ApprovalMap,
    records: usize,
    /// What it leaves out, and why.
    left: Vec<String>,
}

/// Everything that can be approved, without what needs a record that changed since.
fn approvals(plan: &Plan) -> Approvable {
    let all = plan.changes.iter().enumerate();
    let approvable = all.filter(|(_, change)| change.class != Class::Conflict);
    let mut chosen: BTreeMap<usize, Heading> = approvable
        .filter_map(|(at, change)| Some((at, Heading::fitting(change).first().copied()?)))
        .collect();
    let mut left = Vec::new();
    loop {
        let Placed { approved, missing, unwritable } = approve_places(plan, &chosen);
        if missing.is_empty() {
            let unnamed = unwritable
                .iter()
                .map(|name| format!("no manifest can name {}: rename it", visible_name(name)));
            left.extend(unnamed);
            return Approvable { approved, records: chosen.len() - unwritable.len(), left };
        }
        for dependency in missing {
            chosen.retain(|at, _| name_of(&plan.changes[*at]) != dependency.name);
            left.push(format!(
                "{} needs {}",
                visible_name(&dependency.name),
                visible_name(&dependency.needs)
            ));
        }
    }
}

impl Undo {
    fn target(&self) -> &'static str {
        crate::plan::render::words::source_and_target(self.plan.direction).1
    }

    fn folder(&self) -> PathBuf {
        let beside = self.file.as_deref().and_then(Path::parent);
        beside.unwrap_or(&self.directory).to_owned()
    }

    /// The schema as the job that ran names it.
    fn schema(&self) -> String {
        let text = self.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let first = text.as_deref().and_then(|text| text.lines().next());
        let named = first.and_then(|line| line.split_once("$schema=")).map(|(_, schema)| schema);
        named.unwrap_or("reconcile.schema.json").trim().to_owned()
    }
}

/// A new file; one that is there is somebody's.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        let error = Error::failed(format!("can't write {}: {error}", output::near(path)));
        error.hint("name another file with `-o FILE`")
    })?;
    file.write_all(text.as_bytes())
        .map_err(|error| Error::failed(format!("can't write {}: {error}", output::near(path))))
}

/// What was written, and what to do with it.
fn told(path: &Path, name: &str, records: usize, left: &[String]) -> String {
    let file = output::near(path);
    let records = count(records as u64, "record", "records");
    let mut out = format!("\nWritten to {}: {records} approved\n", visible(&file));
    for reason in left {
        put!(out, "left out: {reason}\n");
    }
    let folder = path.parent().map(output::near).unwrap_or_default();
    let folder = if folder.is_empty() { ".".to_owned() } else { folder };
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    put!(out, "\nReview it, commit it, and run it:\n\n");
    put!(out, "    git -C {} add {}\n", shell_word(&folder), shell_word(&file_name));
    put!(out, "    git -C {} commit -m 'Undo the run'\n", shell_word(&folder));
    put!(out, "    reconcile {name}\n");
    out
}
