//! The command line: one file per command, each with its `Args` and `run`.
//!
//! Answers for the tree of commands and for the exit code of each end; what an error is stands in
//! `error`. What commands do is left to the modules they call.

pub mod approve;
#[cfg(test)]
mod approve_tests;
mod changed;
pub mod completions;
pub mod demo;
mod demo_watch;
mod display;
pub mod doctor;
mod error;
mod estimate;
pub mod get;
pub mod init;
mod interrupt;
pub mod messages;
pub mod operate;
pub mod output;
pub mod pass;
mod place;
pub mod plan;
pub mod prepare;
mod progress;
pub mod publish;
pub mod queue;
pub mod report;
pub mod schema;
pub mod search;
pub mod status;
pub mod sync_data;
mod teller;
pub mod trigger_events;
pub mod undo;
pub mod validate;
pub mod verify;
pub mod watch;
pub mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{self, Config, Discovery};
use crate::manifest::problem::Colour;

pub use error::{Error, ErrorKind, show_problems};
use error::{lines_escaped, show};

/// Compares two shop databases and applies what people approved
///
/// Without a command: one pass over the jobs named, or all. Each is compared; what is approved and
/// due is applied, in one transaction a job.
#[derive(Debug, Parser)]
#[command(name = "reconcile", version, subcommand_precedence_over_arg = true)]
#[command(verbatim_doc_comment, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(flatten)]
    pub pass: pass::Args,
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "\
Exit codes: 0 fine, also with unapproved changes; 1 error; 2 changes found (--detailed-exitcode);
3 an approved record can't run; 4 stale; 5 refused by a limit, the never-synchronize list or the
instance; 6 a named job is suspended or outside a window; 64 usage.

New here? `reconcile demo` shows the whole work on a small shop.";

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    // In `help`, so that the variable stands there without the marks of a doc comment.
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        help = "The operator's file [default: $RECONCILE_CONFIG, then ./reconcile.yaml]"
    )]
    pub config: Option<PathBuf>,
}

/// Whom a listing is written for; commands with more formats have an enum of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare one job and show the plan
    Plan(plan::Args),
    Approve(approve::Args),
    /// Watch the manifests, compare what changed, run what is approved at its time: the daemon
    Watch(watch::Args),
    /// Say where each job stands and why
    Status(status::Args),
    /// Show what people were told, newest first
    Messages(messages::Args),
    /// Keep an approved run from happening
    Cancel(operate::CancelArgs),
    /// Let a job rest, whatever its manifest says
    Suspend(operate::SuspendArgs),
    /// Let a suspended job go on
    Resume(operate::ResumeArgs),
    /// Write a job that takes a committed run back, for review
    Undo(undo::Args),
    /// Check the manifests and show every problem at once
    Validate(validate::Args),
    /// Write a first operator's file and first modules for your own databases
    Init(init::Args),
    /// Look for what would keep jobs from running, and say what to do about it
    Doctor(doctor::Args),
    /// Make a small shop and show the whole work on it: compare, approve, apply
    Demo(demo::Args),
    /// Send the storage and search tables as they are to the read stores
    #[command(name = "sync:data", alias = "sync-data")]
    SyncData(sync_data::Args),
    /// Make the storage and search tables anew; the read stores follow where a row changed
    #[command(name = "publish:trigger-events", alias = "publish-trigger-events")]
    TriggerEvents(trigger_events::Args),
    /// Carry out what lies in the queues of the read stores
    Worker(worker::Args),
    /// Compare the storage and search tables with the read stores
    Verify(verify::Args),
    /// Show what waits on its way to the read stores; send it again, or drop it
    Queue(queue::Args),
    /// Print what the storage says under a key
    Get(get::Args),
    /// Find documents of the search store by their words
    Search(search::Args),
    /// Print the JSON Schema of the manifests, for editors
    Schema(schema::Args),
    /// Print a shell's completion script
    Completions(completions::Args),
}

/// How a command that didn't fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Fine,
    /// Changes were found and `--detailed-exitcode` was given.
    Changes,
}

/// The one place where ends become exit codes.
fn exit_code(result: &Result<Outcome, Error>) -> u8 {
    match result {
        Ok(Outcome::Fine) => 0,
        Ok(Outcome::Changes) => 2,
        Err(error) => error.kind.exit_code(),
    }
}

/// Parses the command line, runs the command, shows its error.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&error, &arguments),
    };
    let result = run(&cli);
    if let Err(error) = &result {
        show(error, cli.format());
    }
    ExitCode::from(exit_code(&result))
}

/// A command line that can't be followed. Help and version arrive here too; they are fine and go to
/// the output.
fn misunderstood(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let code = if error.use_stderr() { ErrorKind::Usage.exit_code() } else { 0 };
    if error.use_stderr() && asks_for_json(arguments) {
        let message = error.to_string();
        let message = message.trim_start_matches("error: ").trim_end();
        // An output that is closed has no reader.
        let _ = output::json(&Error::new(ErrorKind::Usage, message).to_json());
    }
    if error.print().is_ok() { ExitCode::from(code) } else { ExitCode::FAILURE }
}

/// Of a command line that can't be parsed.
fn asks_for_json(arguments: &[OsString]) -> bool {
    let follows = |pair: &[OsString]| pair[0] == "--format" && pair[1] == "json";
    arguments.iter().any(|argument| argument == "--format=json")
        || arguments.windows(2).any(follows)
}

impl Cli {
    /// Whom the command writes for.
    fn format(&self) -> Format {
        match &self.command {
            None => self.pass.format.into(),
            Some(Command::Plan(args)) => args.format.into(),
            Some(Command::Approve(args)) => args.format,
            Some(Command::Undo(args)) => args.format,
            Some(Command::Validate(args)) => args.format,
            Some(Command::Init(args)) => args.format,
            Some(Command::Doctor(args)) => args.format,
            Some(Command::Status(args)) => args.format,
            Some(Command::Messages(args)) => args.format,
            Some(Command::SyncData(args)) => args.common.place.format,
            Some(Command::TriggerEvents(args)) => args.common.place.format,
            Some(Command::Worker(args)) => args.place.format,
            Some(Command::Verify(args)) => args.place.format,
            Some(Command::Queue(args)) => args.action.format(),
            Some(Command::Get(args)) => args.place.format,
            Some(Command::Search(args)) => args.place.format,
            Some(
                Command::Watch(_)
                | Command::Cancel(_)
                | Command::Suspend(_)
                | Command::Resume(_)
                | Command::Demo(_)
                | Command::Schema(_)
                | Command::Completions(_),
            ) => Format::Text,
        }
    }
}

fn run(cli: &Cli) -> Result<Outcome, Error> {
    match &cli.command {
        Some(Command::Validate(args)) => validate::run(args, &cli.global),
        Some(Command::Schema(args)) => schema::run(args),
        Some(Command::Completions(args)) => completions::run(args),
        Some(Command::Approve(args)) => approve::command(args, &cli.global),
        Some(Command::Undo(args)) => undo::run(args, &cli.global),
        Some(Command::Watch(args)) => watch::run(args, &cli.global),
        Some(Command::Status(args)) => status::run(args, &cli.global),
        Some(Command::Messages(args)) => messages::run(args, &cli.global),
        Some(Command::SyncData(args)) => sync_data::run(args, &cli.global),
        Some(Command::TriggerEvents(args)) => trigger_events::run(args, &cli.global),
        Some(Command::Worker(args)) => worker::run(args, &cli.global),
        Some(Command::Verify(args)) => verify::run(args, &cli.global),
        Some(Command::Queue(args)) => queue::run(args, &cli.global),
        Some(Command::Get(args)) => get::run(args, &cli.global),
        Some(Command::Search(args)) => search::run(args, &cli.global),
        Some(Command::Cancel(args)) => operate::cancel(args, &cli.global),
        Some(Command::Suspend(args)) => operate::suspend(args, &cli.global),
        Some(Command::Resume(args)) => operate::resume(args, &cli.global),
        Some(Command::Init(args)) => init::run(args),
        Some(Command::Doctor(args)) => doctor::run(args, &cli.global),
        Some(Command::Demo(args)) => demo::run(args),
        Some(Command::Plan(args)) => plan::run(args, &cli.global),
        None => pass::run(&cli.pass, &cli.global),
    }
}

/// Colours for people at a terminal who didn't say `NO_COLOR`.
pub fn colour() -> Colour {
    use std::io::IsTerminal;
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if unwanted || !std::io::stderr().is_terminal() { Colour::Never } else { Colour::Always }
}

/// The value of an environment variable that is text.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Global {
    /// The operator's file, which most commands need.
    pub fn config(&self) -> Result<Config, Error> {
        self.find_config()?.ok_or_else(|| {
            Error::failed("there is no operator's file").hint(
                "it is looked for as ./reconcile.yaml; name another place with `--config FILE`, \
                     or write one with `reconcile init`",
            )
        })
    }

    /// The operator's file, where there is one.
    pub fn find_config(&self) -> Result<Option<Config>, Error> {
        let here = std::env::current_dir()
            .map_err(|error| Error::failed(format!("can't tell the working directory: {error}")))?;
        let discovery: Discovery = config::discover(self.config.as_deref(), &variable, &here);
        let Some(path) = discovery.path() else { return Ok(None) };
        let broken = |problems| Error {
            // Its problems are never a refusal: nothing was asked of it yet.
            kind: ErrorKind::Failed,
            ..Error::of_problems(problems, "the operator's file can't be used")
        };
        let config = config::load(path, &variable).map_err(broken)?;
        discovery.accept(&config).map_err(|problem| broken(vec![problem]))?;
        Ok(Some(config))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    /// A job of that name couldn't be run.
    #[test]
    fn every_command_is_reserved() {
        for command in super::Cli::command().get_subcommands() {
            assert!(crate::manifest::words::COMMANDS.contains(&command.get_name()), "{command}");
        }
    }
}
