//! `reconcile cancel`, `suspend` and `resume`: stopping a job by hand.
//!
//! Answers for the daemon seeing it at its next look: all three write into the state store alone.

use std::sync::Arc;

use jiff::Timestamp;

use super::prepare::{self, block_on};
use super::{Error, ErrorKind, Global, Outcome, output};
use crate::config::Config;
use crate::daemon::learn::Asker;
use crate::daemon::operate::{NotCancelled, Which};
use crate::daemon::pass::whole_second;
use crate::daemon::post::round_of_a_pass;
use crate::daemon::turn::Desk;
use crate::escape::{harmless, visible};
use crate::job::Context;
use crate::manifest::Manifests;
use crate::manifest::job::Job;
use crate::manifest::schedule::end_of_rest;
use crate::state::Suspended;

#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    /// The job whose approved run shouldn't happen; of a job with `cron`, its next one
    #[arg(value_name = "JOB")]
    pub job: String,
}

#[derive(Debug, clap::Args)]
pub struct SuspendArgs {
    /// The job that shall rest, until it is resumed
    #[arg(value_name = "JOB")]
    pub job: String,
    /// Why, as people will read it
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// A date, or a local date and time of the job's zone (UTC without one), at which it goes on
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// The job that shall go on
    #[arg(value_name = "JOB")]
    pub job: String,
}

pub fn cancel(args: &CancelArgs, global: &Global) -> Result<Outcome, Error> {
    let config = Arc::new(global.config()?);
    let manifests = block_on(prepare::manifests(&config)).map_err(|error| {
        error.hint(format!("`reconcile suspend {} --reason …` asks no remote", args.job))
    })?;
    let job = prepare::job(&manifests, &args.job)?;
    let context = Context::new(&config, &manifests);
    let cancelled = block_on(async {
        let mut desk = Desk::open(Arc::clone(&config), Asker::Daemon).await?;
        let now = whole_second(Timestamp::now());
        let cancelled = desk.cancel(&context, job, Which::Whatever, &account(), now).await;
        for sentence in round_of_a_pass(&mut desk.state, config.mail.as_ref()).await {
            eprintln!("mail: {}", harmless(&sentence));
        }
        Ok(cancelled)
    })?;
    match cancelled {
        Ok(_) => output::print(&format!(
            "{} is cancelled; it stays so until its manifest changes (`request: 2` is enough)\n",
            args.job
        ))?,
        Err(NotCancelled::State(error)) => return Err(error.into()),
        Err(error) => {
            let kind = match error {
                NotCancelled::Started => ErrorKind::Unavailable,
                _ => ErrorKind::Failed,
            };
            return Err(Error::new(kind, format!("{} can't be cancelled: {error}", args.job)));
        }
    }
    Ok(Outcome::Fine)
}

pub fn suspend(args: &SuspendArgs, global: &Global) -> Result<Outcome, Error> {
    if args.reason.trim().is_empty() {
        return Err(Error::new(ErrorKind::Usage, "say why with `--reason`"));
    }
    let (config, manifests) = loaded(global)?;
    let job = named(&manifests, &args.job)?;
    let until = args.until.as_deref().map(|until| end(until, job)).transpose()?;
    let suspended = Suspended { reason: args.reason.clone(), until, by: account() };
    write(&config, &args.job, Some(suspended))?;
    let until = until.map_or_else(String::new, |until| format!(" until {until}"));
    output::print(&format!("{} is suspended{until}\n", args.job))?;
    Ok(Outcome::Fine)
}

pub fn resume(args: &ResumeArgs, global: &Global) -> Result<Outcome, Error> {
    let (config, manifests) = loaded(global)?;
    let job = named(&manifests, &args.job)?;
    write(&config, &args.job, None)?;
    let schedule = job.asked().schedule();
    if job.asked().suspend().holds_at(Timestamp::now(), schedule) {
        let file = output::near(&job.origin().path);
        return Err(Error::new(
            ErrorKind::Unavailable,
            format!("{} still rests: its manifest says `suspend`", args.job),
        )
        .hint(format!("take it out of {}", visible(&file))));
    }
    output::print(&format!("{} goes on\n", args.job))?;
    Ok(Outcome::Fine)
}

fn write(config: &Arc<Config>, job: &str, suspended: Option<Suspended>) -> Result<(), Error> {
    block_on(async {
        let mut desk = Desk::open(Arc::clone(config), Asker::Daemon).await?;
        Ok(desk.suspend(job, suspended).await?)
    })
}

fn loaded(global: &Global) -> Result<(Arc<Config>, Manifests), Error> {
    let config = Arc::new(global.config()?);
    let manifests = block_on(prepare::manifests_at_hand(&config))?;
    Ok((config, manifests))
}

/// A job that can be read, whatever else is wrong with it.
fn named<'m>(manifests: &'m Manifests, name: &str) -> Result<Job<'m>, Error> {
    match manifests.job(name) {
        Some(job) => Ok(job),
        None => prepare::job(manifests, name),
    }
}

fn end(until: &str, job: Job<'_>) -> Result<Timestamp, Error> {
    let wrong = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Usage, format!("`--until {}`: {error}", visible(until)))
    };
    let end = end_of_rest(until, job.asked().schedule()).map_err(|error| wrong(&error))?;
    if end <= Timestamp::now() {
        return Err(wrong(&"that has passed already"));
    }
    Ok(end)
}

/// Who works at this command line.
fn account() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(super::variable);
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody at the command line".into())
}
