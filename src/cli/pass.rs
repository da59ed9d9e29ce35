//! `reconcile [--dry-run] [JOB…]`: one pass over the manifests.
//!
//! Answers for interruption and for the exit code of several jobs. What a job does is `job::run`'s.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::changed::changed_since;
use super::interrupt::listen;
use super::plan::Form;
use super::prepare::{self, Prepared, block_on, prepare};
use super::progress::Progress;
use super::{Error, ErrorKind, Global, Outcome as End, output, report};
use crate::daemon::pass::Passing;
use crate::daemon::stop::Stop;
use crate::escape::{harmless, visible};
use crate::job::Context;
use crate::job::report::{Outcome, Report};
use crate::job::run::Wish;
use crate::manifest::Manifests;
use crate::manifest::problem::Problem;
use crate::plan::render::Style;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Compare and check everything, but write nothing anywhere
    #[arg(long)]
    pub dry_run: bool,
    /// End with 2 when there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Only jobs that changed since a commit, or whose modules did; for pull requests
    #[arg(long, value_name = "REVISION", requires = "dry_run")]
    pub changed_since: Option<String>,
    /// How the output is written
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub format: Form,
    /// The jobs to look at [default: all]
    #[arg(value_name = "JOB")]
    pub jobs: Vec<String>,
}

pub fn run(args: &Args, global: &Global) -> Result<End, Error> {
    let config = global.config()?;
    let wish = args.wish();
    let signal = Arc::new(Stop::default());
    let (manifests, reports) = block_on(async {
        let Prepared { manifests, source } = prepare(&config).await?;
        let mut names = names(args, &manifests)?;
        if let Some(revision) = &args.changed_since {
            let directory = prepare::directory(None, Some(&config)).await?;
            let changed = changed_since(&directory, &manifests, revision).await?;
            names.retain(|name| changed.contains(name));
        }
        listen(&signal);
        let context = Context::new(&config, &manifests);
        let mut passing = Passing::open(&config, source, wish).await?;
        let mut reports = Vec::new();
        for name in names {
            if let Ok(job) = prepare::job(&manifests, &name) {
                let mut progress = Progress::new(&name, Arc::clone(&signal));
                let now = jiff::Timestamp::now();
                let report = Box::pin(passing.job(&context, job, now, &mut progress)).await;
                // What became of the jobs before is told in any case.
                reports.push(report.unwrap_or_else(|error| {
                    Report::new(&name, Outcome::Failed { error: error.to_string() })
                }));
                progress.end();
                signal.rest();
            }
            if signal.is_asked() {
                break;
            }
        }
        // Who looks on sees what happened before anybody waits for a mail server.
        show(args, &manifests, &reports)?;
        for sentence in passing.send().await {
            eprintln!("mail: {}", harmless(&sentence));
        }
        Ok((manifests, reports))
    })?;
    end(args, &manifests, &reports)
}

impl Args {
    fn wish(&self) -> Wish {
        if self.dry_run { Wish::DryRun } else { Wish::Apply }
    }
}

/// Jobs named on the command line must exist, and count once; without any, all do their part.
fn names(args: &Args, manifests: &Manifests) -> Result<Vec<String>, Error> {
    for name in &args.jobs {
        prepare::job(manifests, name)?;
    }
    if args.jobs.is_empty() {
        let both = manifests.jobs.keys().chain(manifests.republish_jobs.keys());
        let both: BTreeSet<&String> = both.collect();
        return Ok(both.into_iter().cloned().collect());
    }
    let mut seen = BTreeSet::new();
    Ok(args.jobs.iter().filter(|name| seen.insert(name.as_str())).cloned().collect())
}

fn show(args: &Args, manifests: &Manifests, reports: &[Report]) -> Result<(), Error> {
    if args.format == Form::Json {
        let jobs: Vec<_> = reports.iter().map(report::to_json).collect();
        let problems: Vec<_> = manifests.problems.iter().map(Problem::to_json).collect();
        return output::json(&serde_json::json!({ "jobs": jobs, "problems": problems }));
    }
    if args.format == Form::Markdown {
        return output::print(&report::markdown(reports, &manifests.problems));
    }
    let style = Style { colour: output::colour(), width: output::width() };
    for report in reports {
        output::print(&report::shown(report, args.wish(), style))?;
    }
    if let (Some(revision), true) = (&args.changed_since, reports.is_empty()) {
        output::print(&format!("no job changed since {}\n", visible(revision)))?;
    }
    if manifests.job_names().is_empty() && manifests.problems.is_empty() {
        output::print("nothing to do: there is no job in the manifests\n")?;
    }
    let errors = manifests.problems.iter().filter(|problem| problem.is_error()).count();
    if errors > 0 {
        super::show_problems(&manifests.problems);
    }
    Ok(())
}

/// Of several ends the gravest counts.
fn end(args: &Args, manifests: &Manifests, reports: &[Report]) -> Result<End, Error> {
    let broken = args.jobs.is_empty() && manifests.problems.iter().any(Problem::is_error);
    let kinds = reports.iter().filter_map(|report| kind(args, &report.outcome));
    let kinds = kinds.chain(broken.then_some(ErrorKind::Failed));
    if let Some(kind) = kinds.min() {
        let failed = reports.iter().filter(|r| kind_matters(args, &r.outcome)).count();
        let message = match (failed, broken) {
            (0, _) => "some manifests are broken".to_owned(),
            (1, _) => "1 job wasn't carried out".to_owned(),
            (several, _) => format!("{several} jobs weren't carried out"),
        };
        return Err(Error::new(kind, message).told_in(args.format.into()));
    }
    let changes = reports.iter().any(|r| r.plan.as_ref().is_some_and(|plan| !plan.noop));
    Ok(if args.detailed_exitcode && changes { End::Changes } else { End::Fine })
}

fn kind_matters(args: &Args, outcome: &Outcome) -> bool {
    kind(args, outcome).is_some()
}

fn kind(args: &Args, outcome: &Outcome) -> Option<ErrorKind> {
    match outcome {
        Outcome::Suspended { .. } | Outcome::Closed { .. } | Outcome::Locked { .. }
            if !args.jobs.is_empty() =>
        {
            Some(ErrorKind::Unavailable)
        }
        outcome => report::failure(outcome),
    }
}
