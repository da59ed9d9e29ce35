//! `reconcile demo`: makes a small shop and does the main job in front of the user.
//!
//! Answers for the story and its order. Every step is the work of the command it names; the shop is
//! `demo`'s.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::prepare::{self, Prepared, block_on};
use super::progress::Progress;
use super::teller::Teller;
use super::{Error, Outcome as End, demo_watch, output, report};
use crate::daemon::pass::Passing;
use crate::daemon::stop::Stop;
use crate::demo::{Before, Error as ShopError, Manifests, Shop, git};
use crate::job::Context;
use crate::job::report::Outcome;
use crate::job::run::Wish;
use crate::plan::change::Plan;
use crate::plan::render::text;
use crate::plan::render::words::{shell_word, summary};
use crate::put::put;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave the shop for playing; without it the folder is removed at the end
    #[arg(long)]
    pub keep: bool,
    /// Show the daemon: a commit, its mails, a run at its time, the results in the repository
    #[arg(long)]
    pub watch: bool,
    /// Only make the shop, with nothing compared or applied yet, and leave it
    #[arg(long)]
    pub shop_only: bool,
    /// Where the shop is made; an earlier demo there is made anew
    #[arg(value_name = "DIRECTORY", default_value = "demo")]
    pub directory: PathBuf,
}

const JOB: &str = "spring-campaign";
/// The changes told in full: a text, an ID taken twice, and the two that need people.
const TOLD: [&str; 4] = ["cms_page/1", "cms_page/12", "cms_page/41", "product/106"];
const STEPS: usize = 7;

impl Args {
    fn source(&self) -> Manifests {
        if self.watch { Manifests::FromGit } else { Manifests::FromFolder }
    }
}

pub fn run(args: &Args) -> Result<End, Error> {
    let shop = block_on(async { Ok(Shop::make(&args.directory, args.source()).await?) })?;
    if args.shop_only {
        return shop_only(&shop);
    }
    let kept = match (args.keep, shop.before) {
        (false, Before::Nothing) => Kept::No,
        (true, _) | (_, Before::EarlierShop) => Kept::Yes,
    };
    if args.watch {
        let told = demo_watch::tell(&shop);
        return match kept {
            Kept::No => shop.remove().map_err(Error::from).and(told),
            Kept::Yes => told,
        };
    }
    let mut story = Story::new(&shop)?;
    let told = story.tell();
    if kept == Kept::No {
        shop.remove()?;
    }
    let run = told?;
    story.end(kept, &run)?;
    Ok(End::Fine)
}

/// The shop for those who want to do the work themselves.
fn shop_only(shop: &Shop) -> Result<End, Error> {
    let folder = shop.directory.display().to_string();
    let mut out = format!("The shop is made in {folder}. Go on from here:\n\n");
    out.push_str(&Program::this().way_into(&folder));
    put!(out, "    reconcile plan {JOB}\n");
    output::print(&out)?;
    Ok(End::Fine)
}

impl From<ShopError> for Error {
    fn from(error: ShopError) -> Self {
        Self::failed(error.to_string())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

struct Story<'a> {
    teller: Teller<'a>,
}

impl<'a> Story<'a> {
    fn new(shop: &'a Shop) -> Result<Self, Error> {
        Ok(Self { teller: Teller::new(shop, STEPS)? })
    }

    /// The whole job, and the name of its run.
    fn tell(&mut self) -> Result<String, Error> {
        self.shop_made()?;
        self.compare()?;
        self.mend()?;
        self.approve()?;
        let run = self.apply()?;
        self.read_as_customers_do()?;
        self.compare_again()?;
        Ok(run)
    }

    fn shop_made(&mut self) -> Result<(), Error> {
        self.teller.heading("A small shop, twice")?;
        let name = self.teller.shop.directory.display();
        self.teller.say(&format!(
            "{name}/prod.db and {name}/test.db were equal on 2 November. Since then people prepared \
             a spring campaign on TEST, while customers bought on PROD and two editors worked there \
             as well. {name}/manifests is a git repository: it says what can be synchronized \
             (modules) and what shall go where (jobs). {name}/reconcile.yaml, outside of it, is the \
             operator's: where the databases are, and what no manifest may reach."
        ))?;
        self.teller.say(&format!(
            "The shop's front end reads no tables, but documents made of them, which are found by a key or \
             by words. Both environments are published, into files in {name}/state. Customers on PROD \
             don't find the new page about refills yet:"
        ))?;
        self.search()
    }

    fn search(&self) -> Result<(), Error> {
        let line = "reconcile search page refill";
        self.teller.command(line)?;
        self.teller.run(line)?;
        output::print("\n")
    }

    fn compare(&mut self) -> Result<(), Error> {
        self.teller.heading("Compare, and read the plan")?;
        let plan = self.plan()?;
        let all = plan.changes.len();
        self.teller.command(&format!("reconcile plan {JOB}"))?;
        output::print(&text(&excerpt(&plan), self.teller.style))?;
        output::print("\n")?;
        self.teller.say(&format!(
            "These are {} of the {all} changes; the command shows them all. Customers, orders, \
             reviews, stock and settings differ as well and aren't among them: they are never \
             synchronized, or belong to their environment.",
            TOLD.len()
        ))
    }

    fn mend(&mut self) -> Result<(), Error> {
        self.teller.heading("What only people can settle")?;
        self.teller.say(
            "cms_page/1 was corrected on PROD after TEST had changed it; approving it would lose \
             the correction. product/106 was deleted on TEST, but orders on PROD refer to it. So \
             two editors go back to TEST: the one takes the correction over, the other brings the \
             hand cream back as a product that is no longer sold.",
        )?;
        let shop = self.teller.shop;
        block_on(async { Ok(shop.mend_test().await?) })?;
        let plan = self.plan()?;
        self.teller.command(&format!("reconcile plan {JOB}"))?;
        output::print(&format!("…\n{}\n\n", summary(&plan.counts)))
    }

    fn approve(&mut self) -> Result<(), Error> {
        self.teller.heading("Approve, and commit")?;
        self.teller.say(
            "Everything is fine as it is, and both conflicts have an answer: page 41 gets a new ID, \
             so that PROD's page 41 stays; page 44 goes into the page that PROD has made itself. \
             Each approval is pinned to what was reviewed: a record that moves afterwards isn't \
             applied.",
        )?;
        let which = format!("reconcile approve {JOB} --new all --modified all --deleted all");
        let answers = "--renumber cms_page/41 --adopt cms_page/44";
        self.teller.command(&format!("{which} \\\n      {answers}"))?;
        self.teller.run(&format!("{which} {answers}"))?;
        output::print("\n")?;
        let message = "Approve the spring campaign";
        self.teller.command(&format!("git -C manifests commit --all --message '{message}'"))?;
        let folder = self.teller.shop.path("manifests");
        let said =
            block_on(async { Ok(git::commit(&folder, message).await.map_err(ShopError::from)?) })?;
        output::print(&format!("{said}\n"))
    }

    fn apply(&mut self) -> Result<String, Error> {
        self.teller.heading("Apply")?;
        self.teller.say(
            "Everything or nothing: one transaction on PROD, the pins checked again in it, every \
             record read back before it is committed.",
        )?;
        self.teller.command(&format!("reconcile {JOB}"))?;
        let (config, signal) = (&self.teller.config, Arc::new(Stop::default()));
        let report = block_on(async {
            let Prepared { manifests, source } = prepare::prepare(config).await?;
            let job = prepare::sync_job(&manifests, JOB)?;
            let context = Context::new(config, &manifests);
            let mut progress = Progress::new(JOB, signal);
            let mut passing = Passing::open(config, source, Wish::Apply).await?;
            let now = jiff::Timestamp::now();
            Ok(Box::pin(passing.job(&context, job.into(), now, &mut progress)).await?)
        })?;
        let said = report::shown(&report, Wish::Apply, self.teller.style);
        output::print(said.trim_end())?;
        output::print("\n\n")?;
        match report.outcome {
            Outcome::Applied { run, .. } => Ok(run),
            _ => Err(Error::failed("the demo's job wasn't applied")),
        }
    }

    fn read_as_customers_do(&mut self) -> Result<(), Error> {
        self.teller.heading("What customers read now")?;
        self.teller.say(
            "The modules of pages and products say `republish`. So what the run touched was published \
             anew as soon as it was committed, and nothing else: 6 pages with their blocks, and 4 products; \
             the hand cream, which is no longer sold, was taken away. The page approved a moment ago is \
             found:",
        )?;
        self.search()?;
        self.teller.say("The read stores say what the tables say, and only that:")?;
        self.teller.command("reconcile verify")?;
        self.teller.run("reconcile verify")?;
        output::print("\n")?;
        self.teller.say(
            "What is available belongs to PROD, and no run touches it. A customer has just put three jars \
             of day cream into the basket, which the front end should know:",
        )?;
        let shop = self.teller.shop;
        block_on(async { Ok(shop.sell().await?) })?;
        for line in [
            "reconcile publish:trigger-events -r availability -i 1,2",
            "reconcile get availability:ab-101-50",
        ] {
            self.teller.command(line)?;
            self.teller.run(line)?;
        }
        output::print("\n")
    }

    fn compare_again(&mut self) -> Result<(), Error> {
        self.teller.heading("Compare again")?;
        let again = format!("reconcile plan {JOB}");
        self.teller.command(&again)?;
        self.teller.run(&again)?;
        let plan = self.plan()?;
        if plan.noop {
            return Ok(());
        }
        Err(Error::failed("the demo's plan should be empty after the run"))
    }

    fn plan(&self) -> Result<Plan, Error> {
        Ok(block_on(prepare::plan(&self.teller.config, JOB))?.plan)
    }
}

/// A few changes of a plan under the counts of all.
fn excerpt(plan: &Plan) -> Plan {
    let mut excerpt = plan.clone();
    excerpt
        .changes
        .retain(|change| TOLD.contains(&format!("{}/{}", change.table, change.id).as_str()));
    excerpt
}

/// How the story is set.
impl Story<'_> {
    fn end(&self, kept: Kept, run: &str) -> Result<(), Error> {
        let folder = self.teller.shop.directory.display().to_string();
        let program = Program::this();
        let mut out = format!("\n{} ", self.teller.painted("Done.", "1;32"));
        match kept {
            Kept::No => {
                put!(out, "The folder {folder} is removed again. This leaves one for playing:\n\n");
                let place = if folder == "demo" {
                    String::new()
                } else {
                    format!(" {}", shell_word(&folder))
                };
                put!(out, "    {} demo --keep{place}\n\nThen:\n\n", program.command());
            }
            Kept::Yes => put!(out, "The shop stays in {folder}. Go on from here:\n\n"),
        }
        out.push_str(&program.way_into(&folder));
        out.push_str(&next(if kept == Kept::Yes { run } else { "RUN" }));
        output::print(&out)
    }
}

/// What to look at and to try, as lines to type.
fn next(run: &str) -> String {
    let lines = [
        ("less README.md".to_owned(), "what is here, and what the plan held"),
        ("git -C manifests show".to_owned(), "the approvals, as they were committed"),
        (format!("reconcile undo {run}"), "writes a job that takes the run back"),
        ("reconcile search product cream".to_owned(), "what customers find"),
        ("reconcile plan refresh-test".to_owned(), "the other way: what TEST lacks of PROD"),
        ("reconcile doctor".to_owned(), "what reconcile sees of both databases"),
        ("reconcile --help".to_owned(), "everything else"),
    ];
    let widest = lines.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (line, what) in lines {
        put!(out, "    {line:<widest$}  # {what}\n");
    }
    out
}

/// How this program can be started again.
enum Program {
    /// As `reconcile`, which the search path finds.
    InPath,
    At(PathBuf),
}

impl Program {
    fn this() -> Self {
        let Ok(this) = std::env::current_exe() else { return Self::InPath };
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let first = std::env::split_paths(&folders)
            .map(|folder| folder.join("reconcile"))
            .find(|program| program.is_file());
        let same = |path: PathBuf| path.canonicalize().ok() == this.canonicalize().ok();
        if first.is_some_and(same) { Self::InPath } else { Self::At(this) }
    }

    fn command(&self) -> String {
        match self {
            Self::InPath => "reconcile".to_owned(),
            Self::At(path) => {
                let here = std::env::current_dir().ok();
                let short = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
                shell_word(&short.as_ref().unwrap_or(path).display().to_string())
            }
        }
    }

    /// Lines that lead into the folder, where `reconcile` is then found.
    fn way_into(&self, folder: &str) -> String {
        let mut out = format!("    cd {}\n", shell_word(folder));
        if let Self::At(path) = self
            && let Some(path) = path.parent()
        {
            put!(out, "    PATH=\"{}:$PATH\"\n", path.display());
        }
        out
    }
}
