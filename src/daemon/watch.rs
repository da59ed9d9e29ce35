//! Looking at everything, again and again: one look is one pass over all jobs.
//!
//! Answers for a look that depends on nothing but the manifests, the state store, the databases and
//! the time given; for the most urgent jobs having their turns first, and a run never waiting for more
//! than one comparison or attempt at publishing; and for an error of one job never keeping the others from their turns.

mod publishing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::board::Board;
use super::decide::Step;
use super::learn::Asker;
use super::log::say;
use super::moment::Due;
use super::record::{self, Pushed};
use super::republishing::Republishing;
use super::source::{self, Snapshot, Source};
use super::turn::{Desk, Fitness, Turn};
use crate::apply::Watch;
use crate::config::Config;
use crate::git::Which;
use crate::job::Context;
use crate::job::clocks::Clock;
use crate::job::files::Filing;
use crate::job::publishing::Attempt;
use crate::job::report::Outcome;
use crate::manifest::Manifests;
use crate::manifest::job::Job;
use crate::manifest::problem::Problem;
use crate::manifest::validate::validate_by;
use crate::report::files::Written;
use crate::state::{self, Holder, Lease, Office, Remembered, State, Taken};
use crate::whole::sweep_drafts;

/// Even if nothing is due, everything is looked at this often.
const LISTING: SignedDuration = SignedDuration::from_secs(30);

/// How often a daemon that stands by asks whether it is needed,
const STANDING_BY: SignedDuration = SignedDuration::from_secs(5);
/// and one that is needed, whether another process's run is over.
const LOCKED: SignedDuration = SignedDuration::from_secs(2);
/// What the daemon calls itself in what it says.
const DAEMON: &str = "reconcile";

/// Comparisons go on for so long before everything is looked at again: a run may be due.
const WITHOUT_LOOKING: Duration = Duration::from_secs(2);

/// Why a look couldn't be made. It is made again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the manifests can't be read: {0}")]
    Source(#[from] source::Error),
    #[error(transparent)]
    State(#[from] state::Error),
    /// Another daemon works with the same store, which only one may.
    #[error(
        "another daemon watches with this state store: {}; stop it first, or let several share a \
         PostgreSQL store (`state: postgres://…`)", state::in_words(.0.as_ref())
    )]
    Taken(Option<Holder>),
}

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// When to look again, if nobody asks for it before.
    pub again: Timestamp,
    /// When a job wants its turn, or something is to be tried again: no push may last longer.
    pub due: Option<Timestamp>,
    /// Whether result files say something new.
    pub news: Written,
}

pub struct Daemon {
    desk: Desk,
    /// Who has it is the one that works; others stand by.
    lease: Option<Lease>,
    /// Others may have published results since this daemon's were written.
    is_behind: bool,
    source: Source,
    /// The manifests as they were checked last.
    checked: Option<Arc<Checked>>,
    /// What was said of each job last, so that it is said once.
    said: BTreeMap<String, String>,
    /// Jobs whose result files say something new, with their phases.
    unpublished: BTreeMap<String, String>,
    board: Arc<Board>,
    session: Session,
    republishing: Republishing,
}

/// Whether the state store can be spoken with as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    Sound,
    Doubtful,
}

/// Manifests with everything that is wrong with them.
pub struct Checked {
    revision: String,
    pub manifests: Manifests,
}

/// Whether a turn was had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carried {
    Out,
    /// Another process carries something out.
    NotYet,
}

/// How soon a job wants its turn: runs by their time, then comparisons.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Run(Timestamp),
    Compare,
}

impl Checked {
    /// Of git the commit, in full.
    pub fn revision(&self) -> &str {
        &self.revision
    }
}

impl Daemon {
    /// A daemon that watches as soon as it may.
    pub async fn start(config: Arc<Config>) -> Result<Self, Error> {
        let mut daemon = Self::open(config).await?;
        daemon.leads().await?;
        Ok(daemon)
    }

    /// The same daemon goes on under another operator's file.
    pub async fn give_way_to(&mut self, mut renewed: Self) -> Result<(), Error> {
        if renewed.desk.state.is_same(&self.desk.state) {
            renewed.lease = self.lease.take();
            renewed.is_behind = renewed.desk.state.is_shared();
        }
        renewed.board = Arc::clone(&self.board);
        renewed.republishing = std::mem::take(&mut self.republishing);
        std::mem::replace(self, renewed).end().await
    }

    /// Removes what daemons that died were about to write. It is in nobody's way.
    fn sweep(&self) {
        let config = &self.desk.config;
        for folder in [&config.results.directory, &config.state_directory.join("plans")] {
            if let Err(error) = sweep_drafts(folder) {
                say(DAEMON, format!("{}: {error}", folder.display()));
            }
        }
    }

    /// Brings the folder of results to what others have published. Until that is done nothing is
    /// published from here, but jobs have their turns.
    async fn catch_up(&mut self) {
        if !self.is_behind {
            return;
        }
        match self.source.adopt(&self.desk.config.results.directory).await {
            Ok(()) => self.is_behind = false,
            Err(error) => {
                let why = format!("results can't be published yet, the branch isn't read: {error}");
                self.say_once(DAEMON, why);
            }
        }
    }

    /// Lets others work.
    pub async fn end(mut self) -> Result<(), Error> {
        self.republishing.end().await;
        // A look that was ended in the midst may have held the lease of a run.
        let given = self.desk.state.give_back_dropped().await;
        if let Some(lease) = self.lease {
            lease.release().await?;
        }
        Ok(given?)
    }

    /// Whether this daemon is the one that works: of all that share a store one is.
    async fn leads(&mut self) -> Result<bool, Error> {
        if self.lease.as_ref().is_some_and(Lease::is_held) {
            return Ok(true);
        }
        if self.lease.take().is_some() {
            // Others have worked meanwhile.
            self.checked = None;
            say(DAEMON, "the lease was lost: this process was stopped, or the store was away");
        }
        match self.desk.state.lease(Office::Watch).await? {
            Taken::Ours(lease) => {
                self.lease = Some(lease);
                self.said.clear();
                self.is_behind = self.desk.state.is_shared();
                self.sweep();
                Ok(true)
            }
            Taken::Theirs(holder) if self.desk.state.is_shared() => {
                let who = state::in_words(holder.as_ref());
                self.say_once(DAEMON, format!("standing by: the work is done by {who}"));
                Ok(false)
            }
            Taken::Theirs(holder) => Err(Error::Taken(holder)),
        }
    }

    /// A daemon that asks at its first look whether it may watch.
    pub async fn open(config: Arc<Config>) -> Result<Self, Error> {
        let source = Source::of(&config);
        let desk = Desk::open(config, Asker::Daemon).await?;
        Ok(Self {
            desk,
            lease: None,
            is_behind: false,
            source,
            checked: None,
            said: BTreeMap::new(),
            unpublished: BTreeMap::new(),
            board: Arc::default(),
            session: Session::Sound,
            republishing: Republishing::default(),
        })
    }

    pub fn config(&self) -> &Arc<Config> {
        &self.desk.config
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Where it says what it knows, for others to read.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Somebody says that the manifests changed.
    pub fn hear(&mut self) {
        self.source.look_again();
    }

    /// One look at everything. After one that the state store failed, another session
    /// asks it: the old one may be lost for good, or in the midst of something.
    pub async fn look(&mut self, now: Timestamp, watch: &mut dyn Watch) -> Result<Look, Error> {
        self.board.begins();
        let looked = Box::pin(self.look_anew(now, watch)).await;
        self.board.ends(looked.as_ref().err().map(ToString::to_string));
        looked
    }

    async fn look_anew(&mut self, now: Timestamp, watch: &mut dyn Watch) -> Result<Look, Error> {
        if self.session == Session::Doubtful {
            self.desk.state = State::open(&self.desk.config).await?;
            self.session = Session::Sound;
        }
        let looked = Box::pin(self.look_at_all(now, watch)).await;
        if matches!(looked, Err(Error::State(_) | Error::Source(source::Error::State(_)))) {
            self.session = Session::Doubtful;
        }
        looked
    }

    async fn look_at_all(&mut self, now: Timestamp, watch: &mut dyn Watch) -> Result<Look, Error> {
        let leads = self.leads().await?;
        self.board.leads(leads);
        if !leads {
            // Whoever asks this daemon where jobs stand is answered, too.
            self.check(now).await?;
            let again = now + STANDING_BY;
            return Ok(Look { again, due: None, news: Written::AsBefore });
        }
        self.catch_up().await;
        let checked = self.check(now).await?;
        let config = Arc::clone(&self.desk.config);
        let context = Context::new(&config, &checked.manifests);
        self.desk.hear_of_mail().await?;
        let mut memories = self.desk.state.memories().await?;
        let unpublished = publishing::left(&memories);
        let mut look = Look { again: Timestamp::MAX, due: None, news: Written::AsBefore };
        let is_republishing = self.republished(&mut look);
        let mut urgent: Vec<(Urgency, Turn<'_>)> = Vec::new();
        for name in checked.manifests.job_names() {
            let remembered = memories.remove(&name).unwrap_or_default();
            let problems = checked.manifests.problems_of_job(&name);
            let job = checked.manifests.job(&name).filter(|_| problems.is_empty());
            let Some(job) = job else {
                self.invalid(&context, &name, remembered, &problems, &mut look, now).await?;
                continue;
            };
            let turn = self.desk.look(&context, job, remembered, &self.source, now).await;
            let Some(mut turn) = taken(&name, turn)? else { continue };
            self.tell(&mut turn, &mut look);
            let wants = urgency(&turn, now);
            let publishes = turn.remembered.memory.follows_at().map(|at| at.max(now));
            for again in turn.action.again.into_iter().chain(publishes) {
                look.again = look.again.min(again);
            }
            urgent.extend(wants.map(|wants| (wants, turn)));
        }
        self.gone(&context, memories, &mut look, now).await?;
        urgent.sort_by(|(a, _), (b, _)| a.cmp(b));
        let begun = Instant::now();
        let mut runs = Carried::Out;
        for (_, turn) in urgent {
            if begun.elapsed() > WITHOUT_LOOKING {
                break;
            }
            if turn.action.step == Step::Run {
                let is_held = match turn.job {
                    Job::Sync(_) => runs == Carried::NotYet,
                    Job::Republish(_) => is_republishing || self.republishing.is_under_way(),
                };
                if is_held {
                    look.again = look.again.min(now + LOCKED);
                    continue;
                }
            }
            // What follows from a turn is seen by looking.
            look.again = now;
            if turn.action.step == Step::Run && !self.source.is_fresh(now) {
                // What is run is what the branch says now.
                break;
            }
            if self.carry_out(&context, turn, &mut look, now, watch).await? == Carried::NotYet {
                runs = Carried::NotYet;
                look.again = now + LOCKED;
            }
        }
        self.publish_next(&context, &unpublished, &mut look, now, watch).await?;
        let due = Some(look.again).filter(|due| *due < Timestamp::MAX);
        Ok(Look { again: look.again.min(now + self.listing()), due, ..look })
    }

    async fn carry_out(
        &mut self,
        context: &Context<'_>,
        mut turn: Turn<'_>,
        look: &mut Look,
        now: Timestamp,
        watch: &mut dyn Watch,
    ) -> Result<Carried, Error> {
        let fit = match turn.fit(&self.source).await {
            Fitness::Fit => self.fits_databases(context, &turn).await,
            unfit => unfit,
        };
        let name = turn.job.name().to_owned();
        say(&name, starting(&turn));
        if let (Job::Republish(_), Step::Run) = (turn.job, turn.action.step) {
            self.begin_republishing(&name, fit, now);
            return Ok(Carried::Out);
        }
        let carried = self.desk.carry_out(context, &mut turn, fit, now, watch).await;
        let Some(report) = taken(&name, carried)? else { return Ok(Carried::Out) };
        if let Outcome::Locked { why } = report.outcome {
            self.say_once(&name, why);
            return Ok(Carried::NotYet);
        }
        self.tell(&mut turn, look);
        let files = report.files.as_ref().and_then(Filing::pending);
        let published = report.publishing.as_ref().and_then(Attempt::pending);
        for pending in files.into_iter().chain(published) {
            say(&name, pending);
        }
        Ok(Carried::Out)
    }

    /// Whether the databases are as the job's manifests say; they may be later.
    async fn fits_databases(&mut self, context: &Context<'_>, turn: &Turn<'_>) -> Fitness {
        let (catalogs, clocks) = match crate::job::databases(context.config).await {
            Ok(databases) => databases,
            Err(error) => return Fitness::NotNow(error.to_string()),
        };
        self.tell_of_clocks(clocks);
        let problems = validate_by(context.config, context.manifests, &catalogs);
        let concerning = context.manifests.concerning(turn.job.name(), &problems);
        match concerning.first() {
            Some(problem) => Fitness::NotNow(problem.one_line()),
            None => Fitness::Fit,
        }
    }

    /// Says once that a clock is wrong, and that it was set right.
    fn tell_of_clocks(&mut self, clocks: Vec<Clock>) {
        for clock in clocks {
            // No job has a name like this.
            let about = clock.environment.as_str();
            match clock.check() {
                Err(apart) if !self.said.contains_key(about) => {
                    self.say_once(about, apart.to_string());
                }
                Ok(()) if self.said.remove(about).is_some() => {
                    say(about, "its clock is right again");
                }
                _ => {}
            }
        }
    }

    fn listing(&self) -> SignedDuration {
        let poll = self.source.poll().and_then(|poll| SignedDuration::try_from(poll).ok());
        poll.map_or(LISTING, |poll| poll.min(LISTING))
    }

    /// Puts result files on the branch of results, where there is one. May be dropped: what isn't
    /// pushed stays to be pushed.
    pub async fn publish(&mut self) -> Result<Pushed, record::Error> {
        if self.is_behind || !self.lease.as_ref().is_some_and(Lease::is_held) {
            return Ok(Pushed::NotYet);
        }
        let told: Vec<String> =
            self.unpublished.iter().map(|(job, phase)| format!("{job}: {phase}")).collect();
        let message = match told.as_slice() {
            [] => "results".to_owned(),
            [one] => format!("results of {one}"),
            several => format!("results of {} jobs\n\n{}", several.len(), several.join("\n")),
        };
        let Self { desk, source, lease, .. } = self;
        let mut leads = || lease.as_ref().is_some_and(Lease::is_held);
        // Whoever drops this may drop it in the midst of a transaction.
        let before = std::mem::replace(&mut self.session, Session::Doubtful);
        let pushed = desk.publish(source, Which::All, &message, &mut leads).await;
        if !matches!(pushed, Err(record::Error::State(_))) {
            self.session = before;
        }
        if matches!(pushed, Ok(Pushed::Yes)) {
            self.unpublished.clear();
        }
        pushed
    }

    /// Reads the manifests, and checks them where they aren't the same as before.
    async fn check(&mut self, now: Timestamp) -> Result<Arc<Checked>, Error> {
        let known = self.checked.as_ref().map(|checked| checked.revision.as_str());
        let snapshot = self.source.look(&mut self.desk.state, known, now).await?;
        let Snapshot { mut manifests, revision } = match (snapshot, &self.checked) {
            (Some(snapshot), _) => snapshot,
            (None, Some(checked)) => return Ok(Arc::clone(checked)),
            (None, None) => unreachable!("a revision is known only of what was checked"),
        };
        let problems = validate_by(&self.desk.config, &manifests, &BTreeMap::new());
        manifests.add_problems(problems);
        for problem in manifests.problems.iter().filter(|problem| problem.is_error()) {
            say("manifests", problem.one_line());
        }
        let checked = Arc::new(Checked { revision, manifests });
        self.board.shows(&checked);
        self.checked = Some(Arc::clone(&checked));
        Ok(checked)
    }

    /// Says where a job stands, where that is new.
    fn tell(&mut self, turn: &mut Turn<'_>, look: &mut Look) {
        if turn.news == Written::Anew {
            look.news = Written::Anew;
            let phase = turn.action.standing.phase.as_str();
            self.unpublished.insert(turn.job.name().to_owned(), phase.to_owned());
        }
        for trouble in turn.troubles.drain(..) {
            say(turn.job.name(), trouble);
        }
        let standing = &turn.action.standing;
        if turn.action.step == Step::Rest {
            let sentence = format!("{}: {}", standing.phase.as_str(), standing.why);
            self.say_once(turn.job.name(), sentence);
        }
    }

    fn say_once(&mut self, job: &str, sentence: String) {
        if self.said.get(job) != Some(&sentence) {
            say(job, &sentence);
            self.said.insert(job.to_owned(), sentence);
        }
    }

    /// A job whose manifest is broken does nothing until that is mended.
    async fn invalid(
        &mut self,
        context: &Context<'_>,
        name: &str,
        mut remembered: Remembered,
        problems: &[&Problem],
        look: &mut Look,
        now: Timestamp,
    ) -> Result<(), Error> {
        let why = problems.first().map_or_else(
            || "another job has the same name".to_owned(),
            |problem| problem.one_line(),
        );
        let written = self.desk.invalid(context, name, &mut remembered, &why, now).await;
        look.follow(&remembered, now);
        if taken(name, written)? == Some(Written::Anew) {
            look.news = Written::Anew;
        }
        self.say_once(name, format!("Invalid: {why}"));
        Ok(())
    }

    /// Jobs that no manifest names any more are cancelled, if anything of them was still to come.
    async fn gone(
        &mut self,
        context: &Context<'_>,
        memories: BTreeMap<String, Remembered>,
        look: &mut Look,
        now: Timestamp,
    ) -> Result<(), Error> {
        // A file that can't be read may hold the job.
        let is_sure = context.manifests.names_all();
        for (name, mut remembered) in memories {
            if !is_sure || !remembered.memory.is_open() {
                continue;
            }
            let written = self.desk.gone(context, &name, &mut remembered, now).await;
            look.follow(&remembered, now);
            if taken(&name, written)? == Some(Written::Anew) {
                look.news = Written::Anew;
            }
            self.say_once(&name, "its manifest was deleted".into());
        }
        Ok(())
    }
}

impl Look {
    /// What a run left that was only found out about now is seen to by the next look.
    fn follow(&mut self, remembered: &Remembered, now: Timestamp) {
        if let Some(at) = remembered.memory.follows_at() {
            self.again = self.again.min(at.max(now));
        }
    }
}

/// What another process wrote meanwhile is looked at the next time.
fn taken<T>(job: &str, result: Result<T, state::Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(taken) => Ok(Some(taken)),
        Err(error @ state::Error::Changed { .. }) => {
            say(job, error);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn urgency(turn: &Turn<'_>, now: Timestamp) -> Option<Urgency> {
    match (turn.action.step, &turn.action.moment.due) {
        (Step::Run, Due::At(at) | Due::Occurrence { at, .. }) => Some(Urgency::Run(*at)),
        (Step::Run, _) => Some(Urgency::Run(now)),
        (Step::Compare, _) => Some(Urgency::Compare),
        _ => None,
    }
}

fn starting(turn: &Turn<'_>) -> &'static str {
    if turn.action.step == Step::Run { "running" } else { "comparing" }
}
