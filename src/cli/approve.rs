//! `reconcile approve`: writes what someone reviewed into the job's manifest, or takes it back.
//!
//! Answers for the command's arguments, for which plan counts, and for the report. Which pins to
//! write is `plan::amend`'s, how they get into the file `manifest::edit`'s.

use std::error::Error;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Format, Global, Outcome, prepare};
use crate::escape::{harmless, visible, visible_name};
use crate::manifest::edit::{EditError, read_approved, set_approved};
use crate::manifest::source::MAX_BYTES;
use crate::manifest::sync_job::SyncJobSpec;
use crate::manifest::{files, save};
use crate::plan::amend::{Amended, Dependencies, Item, Refusal, Wish, amend, take_back};
use crate::plan::change::Plan;
use crate::plan::dependency::Dependency;
use crate::plan::heading::Heading;
use crate::plan::render::words::source_and_target;
use crate::put::put;

/// Approve records of a plan by writing their pins into the job's manifest
///
/// Patterns are `all`, `table/ID` or contain `*`: `cms_page/41`, `cms_page/4*`, `gallery/spring/*`.
/// Repeat an option for several, or separate them with commas: a comma counts as part of an ID
/// unless what follows is `all` or has a `/` (`price/7,EUR,cms_page/41` are two). `all` and `*`
/// leave out records whose target was edited after the source: name those.
#[derive(Debug, Clone, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The job whose plan was reviewed
    pub job: String,
    /// Approve new records
    #[arg(long, value_name = "PATTERN")]
    pub new: Vec<String>,
    /// Approve modified records
    #[arg(long, value_name = "PATTERN")]
    pub modified: Vec<String>,
    /// Approve deletions
    #[arg(long, value_name = "PATTERN")]
    pub deleted: Vec<String>,
    /// Answer conflicts: the source's content replaces the target's record
    #[arg(long, value_name = "PATTERN")]
    pub overwrite: Vec<String>,
    /// Answer conflicts: the source's content goes into the target's own record, which keeps its ID
    #[arg(long, value_name = "PATTERN")]
    pub adopt: Vec<String>,
    /// Answer conflicts: the record is inserted under a new ID
    #[arg(long, value_name = "PATTERN")]
    pub renumber: Vec<String>,
    /// Approve whatever the approved records need, too
    #[arg(long)]
    pub with_dependencies: bool,
    /// Take approvals back
    #[arg(long, value_name = "PATTERN")]
    pub remove: Vec<String>,
    /// Use this plan instead of comparing; needs no connection
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Whom the report is written for
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ApproveError {
    /// A wrong command line.
    #[error(
        "nothing to approve: name records with --new, --modified, --deleted, --overwrite, --adopt or --renumber, or take some back with --remove"
    )]
    Nothing,
    /// Patterns that can't be followed, all of them.
    #[error("nothing was written:\n{}", lines(.0))]
    Refused(Vec<Refusal>),
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: this is no plan: {source}", .path.display())]
    NotAPlan { path: PathBuf, source: serde_json::Error },
    /// A plan of another job, direction or format.
    #[error("the plan can't be used: {0}")]
    Unsuitable(String),
    #[error("{} has a cron schedule, and pins can't hold twice: write all under its classes instead", visible(.job))]
    Recurring { job: String },
    #[error("comparing failed: {0}")]
    Compare(Box<dyn Error + Send + Sync>),
    #[error("{}: {source}", .path.display())]
    Edit { path: PathBuf, source: EditError },
    /// More pins than a manifest may hold.
    #[error(
        "{}: with these approvals it would have {bytes} bytes of at most {MAX_BYTES}; approve fewer \
         records, or write \"all@{digest}\" under the classes that are approved as the plan shows \
         them; nothing was written", .path.display()
    )]
    TooLarge { path: PathBuf, bytes: usize, digest: String },
}

/// What was done. Serialised, it is the command's `--format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub job: String,
    pub file: PathBuf,
    /// The file was written; false when it said all this already.
    pub changed: bool,
    pub approved: Vec<Item>,
    pub dependencies: Vec<Item>,
    pub removed: Vec<Item>,
    pub missing: Vec<Dependency>,
    /// Left out, since the target was edited after the source.
    pub target_newer: Vec<String>,
    /// Left out, since no manifest can name them.
    pub unwritable: Vec<String>,
    #[serde(skip)]
    sides: (&'static str, &'static str),
}

/// The command: finds the job's file, and compares only where no plan is given.
pub fn command(args: &Args, global: &Global) -> Result<Outcome, super::Error> {
    let config = global.find_config()?;
    let directory = prepare::block_on(prepare::directory(None, config.as_ref()))?;
    let manifests = crate::manifest::load(&directory)
        .map_err(|problems| super::Error::of_problems(problems, "no manifest could be read"))?;
    let job = prepare::sync_job(&manifests, &args.job)?;
    let path = &job.origin.path;
    files::inside(&directory, path)
        .map_err(|source| ApproveError::File { path: path.clone(), source })?;
    let compare = || async {
        let config = global.config()?;
        prepare::plan_edited(&config, &args.job).await
    };
    let report = prepare::block_on(async { Ok(run(args, path, &job.spec, compare).await?) })?;
    super::output::print(&report.shown(args.format))?;
    Ok(Outcome::Fine)
}

/// Approves and takes back. `file` is the manifest that holds the job, `spec` the job in it;
/// `compare` is asked for a plan only when one is needed and none is given.
///
/// # Flow
/// Read the file, get the plan, work out the approvals, edit the text, read it back, replace the
/// file.
///
/// # Guarantees
/// The file is written once, whole, or not at all; only this job's `approved` differs afterwards.
pub async fn run<C, F, E>(
    args: &Args,
    file: &Path,
    spec: &SyncJobSpec,
    compare: C,
) -> Result<Report, ApproveError>
where
    C: FnOnce() -> F,
    F: Future<Output = Result<Plan, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let wish = args.wish();
    let is_adding = !wish.add.is_empty() || wish.dependencies == Dependencies::Add;
    if !is_adding && args.remove.is_empty() {
        return Err(ApproveError::Nothing);
    }
    let text = files::read_text(file)
        .map_err(|source| ApproveError::File { path: file.into(), source })?;
    let edit_error = |source| ApproveError::Edit { path: file.into(), source };
    let current = read_approved(&text, &args.job).map_err(edit_error)?;
    let (kept, removed) = take_back(&current, &args.remove).map_err(ApproveError::Refused)?;
    let mut report = Report::new(args, file, removed);
    let mut approved = kept;
    let mut digest = "DIGEST".to_owned();
    if is_adding {
        let plan = match &args.plan {
            Some(path) => read_plan(path)?,
            None => compare().await.map_err(|error| ApproveError::Compare(error.into()))?,
        };
        check(args, spec, &plan)?;
        digest = plan.short_digest();
        let amended = amend(&plan, &approved, &wish).map_err(ApproveError::Refused)?;
        approved = report.take(&plan, amended);
    }
    let edited = set_approved(&text, &args.job, &approved).map_err(edit_error)?;
    if edited.len() > MAX_BYTES {
        return Err(ApproveError::TooLarge { path: file.into(), bytes: edited.len(), digest });
    }
    report.changed = edited != text;
    if report.changed {
        save::replace(file, &text, &edited)
            .map_err(|source| ApproveError::File { path: file.into(), source })?;
    }
    Ok(report)
}

impl From<ApproveError> for super::Error {
    fn from(error: ApproveError) -> Self {
        let error = match error {
            // What the comparison has to say, with its problems and hints.
            ApproveError::Compare(error) => match error.downcast::<Self>() {
                Ok(error) => return *error,
                Err(error) => ApproveError::Compare(error),
            },
            error => error,
        };
        let kind = match &error {
            ApproveError::Nothing => super::ErrorKind::Usage,
            ApproveError::Refused(refusals) if refusals.iter().all(Refusal::cannot_run) => {
                super::ErrorKind::CannotRun
            }
            _ => super::ErrorKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl Args {
    fn wish(&self) -> Wish {
        let headings = [
            (Heading::New, &self.new),
            (Heading::Modified, &self.modified),
            (Heading::Deleted, &self.deleted),
            (Heading::Overwrite, &self.overwrite),
            (Heading::Adopt, &self.adopt),
            (Heading::Renumber, &self.renumber),
        ];
        let add = headings.into_iter().flat_map(|(heading, arguments)| {
            arguments.iter().map(move |argument| (heading, argument.clone()))
        });
        let dependencies =
            if self.with_dependencies { Dependencies::Add } else { Dependencies::Name };
        Wish { add: add.collect(), dependencies }
    }
}

fn read_plan(path: &Path) -> Result<Plan, ApproveError> {
    let bytes =
        fs::read(path).map_err(|source| ApproveError::File { path: path.into(), source })?;
    serde_json::from_slice(&bytes)
        .map_err(|source| ApproveError::NotAPlan { path: path.into(), source })
}

/// Whether pins of this plan can stand in this job.
fn check(args: &Args, spec: &SyncJobSpec, plan: &Plan) -> Result<(), ApproveError> {
    if spec.schedule.as_ref().is_some_and(|schedule| schedule.cron.is_some()) {
        return Err(ApproveError::Recurring { job: args.job.clone() });
    }
    let unsuitable = |reason: String| Err(ApproveError::Unsuitable(reason));
    if plan.job != args.job {
        return unsuitable(format!("it is of the job {}", visible(&plan.job)));
    }
    if !plan.format_version.starts_with("1.") {
        let version = visible(&plan.format_version).into_owned();
        return unsuitable(format!("its format is {version}, this program reads 1.x"));
    }
    if spec.direction.is_some_and(|direction| direction != plan.direction)
        || spec.mode.is_some_and(|mode| mode != plan.mode)
    {
        return unsuitable("the job's direction or mode was changed since; compare again".into());
    }
    if plan.counts_only {
        return unsuitable("with more than 100,000 changes only counts are kept".into());
    }
    Ok(())
}

impl Report {
    fn new(args: &Args, file: &Path, removed: Vec<Item>) -> Self {
        Self {
            job: args.job.clone(),
            file: file.into(),
            changed: false,
            approved: Vec::new(),
            dependencies: Vec::new(),
            removed,
            missing: Vec::new(),
            target_newer: Vec::new(),
            unwritable: Vec::new(),
            sides: ("", ""),
        }
    }

    /// Notes what was added, and gives back the approvals to write.
    fn take(&mut self, plan: &Plan, amended: Amended) -> crate::plan::amend::ApprovalMap {
        self.approved = amended.added;
        self.dependencies = amended.dependencies;
        self.missing = amended.missing;
        self.target_newer = amended.target_newer;
        self.unwritable = amended.unwritable;
        self.sides = source_and_target(plan.direction);
        amended.approved
    }

    /// In the format asked for.
    pub fn shown(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Json => self.json(),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let path = super::output::near(&self.file);
        let path = visible(&path);
        let mut out = if self.changed {
            format!("Written to {path}:\n")
        } else {
            format!("Nothing to write: {path} says so already.\n")
        };
        let parts = [
            ("-", &self.removed, ""),
            ("+", &self.approved, ""),
            ("+", &self.dependencies, "  (needed)"),
        ];
        for (mark, items, why) in parts {
            for item in items {
                let (name, entry) = (visible_name(&item.name), harmless(&item.entry));
                put!(out, "  {mark} {:<9}  {name}  {entry}{why}\n", item.heading);
            }
        }
        let (source, target) = self.sides;
        for name in &self.target_newer {
            let name = visible_name(name);
            put!(
                out,
                "left out: {name} was edited on {target} after {source}; name it to approve it\n"
            );
        }
        for name in &self.unwritable {
            let name = visible_name(name);
            put!(out, "left out: no manifest can name {name}; the plan says what to do\n");
        }
        for missing in &self.missing {
            put!(out, "missing: {missing}\n");
        }
        out
    }

    /// For programs.
    pub fn json(&self) -> String {
        crate::plan::render::pretty(self)
    }
}

fn lines(refusals: &[Refusal]) -> String {
    let lines: Vec<String> = refusals.iter().map(|refusal| format!("  {refusal}")).collect();
    lines.join("\n")
}
