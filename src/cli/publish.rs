//! What the commands that publish have in common: resources, counts.
//!
//! Answers for refusing resources with a problem before anything is read or sent.

use super::display::Publishing;
use super::interrupt::{interrupted, unless_stopped};
use super::place::Place;
use super::{Error, ErrorKind, Format, Outcome, output, prepare};
use crate::config::Config;
use crate::escape::visible;
use crate::manifest::republish_job::Action;
use crate::manifest::{Manifests, Spec};
use crate::plan::render::words::count;
use crate::publish::{self, Counts, CreateTables, Order, Pace, Patience, Wait};

/// Options of both commands that fill queues.
#[derive(Debug, Clone, clap::Args)]
pub struct Common {
    #[command(flatten)]
    pub place: Place,
    /// Only fill the queues; workers do the rest
    #[arg(long)]
    pub no_wait: bool,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

impl From<publish::Error> for Error {
    fn from(error: publish::Error) -> Self {
        let kind = match error {
            publish::Error::NoResource { .. } | publish::Error::NoId { .. } => ErrorKind::Usage,
            _ => ErrorKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

/// Manifests whose resources can be used.
pub async fn resources(config: &Config, names: &[String]) -> Result<Manifests, Error> {
    let manifests = prepare::manifests(config).await?;
    let names = publish::selected(&manifests, names);
    let broken = manifests.documents.iter().filter(|document| match &names {
        Ok(names) => matches!(document.spec, Spec::Resource(_)) && names.contains(&document.name),
        Err(_) => matches!(document.spec, Spec::Resource(_)),
    });
    let broken: Vec<String> = broken.map(|document| document.name.clone()).collect();
    let problems: Vec<_> = manifests.problems_of_resources(&broken).into_iter().cloned().collect();
    if !problems.is_empty() {
        return Err(Error::of_problems(problems, "resources can't be published"));
    }
    names?;
    Ok(manifests)
}

/// `a,b` and `a b` alike.
pub fn listed(words: &[String]) -> Vec<String> {
    let words = words.iter().flat_map(|word| word.split(','));
    words.map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Carries an order out and says what was done.
pub async fn carry_out(
    config: &Config,
    common: &Common,
    create: CreateTables,
    (action, resources, ids): (Action, Vec<String>, Vec<String>),
) -> Result<Outcome, Error> {
    if !ids.is_empty() && resources.is_empty() {
        let message = "IDs mean entities of a resource, and none is named";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let manifests = self::resources(config, &resources).await?;
    let environment = common.place.environment(config);
    let wait = if common.no_wait { Wait::ForQueues } else { Wait::ForStores };
    let patience = Patience::LONG;
    let order = Order { action, environment, resources, ids, create, wait, patience };
    if common.dry_run {
        return would(config, &manifests, &order, common.place.format).await;
    }
    let mut progress = Publishing::begin(match action {
        Action::SyncData => "sync:data",
        Action::TriggerEvents => "publish:trigger-events",
    });
    let mut so_far = Counts::default();
    let mut tell = |pace: &Pace| {
        so_far = pace.counts;
        progress.tell(pace);
    };
    let carried = Box::pin(publish::carry_out(config, &manifests, &order, &mut tell));
    let done = unless_stopped(carried).await;
    progress.end();
    let Some(done) = done else { return Err(interrupted(&told(&so_far))) };
    let counts = done?;
    match common.place.format {
        Format::Json => output::json(&counts)?,
        Format::Text => output::print(&format!("{}\n", told(&counts)))?,
    }
    failed(&counts)
}

/// Exit code 1 when anything went into an error queue.
pub fn failed(counts: &Counts) -> Result<Outcome, Error> {
    if counts.failed == 0 {
        return Ok(Outcome::Fine);
    }
    let message =
        format!("{} failed", count(counts.failed, "entity or message", "entities or messages"));
    Err(Error::failed(message).hint(
        "`reconcile queue list` shows the error queues, `reconcile queue dump QUEUE.error` the reasons",
    ))
}

/// The counts in a line.
pub fn told(counts: &Counts) -> String {
    let Counts { read, changed, unchanged, deleted, sent, written, outdated, failed } = counts;
    format!(
        "read {read}, changed {changed}, unchanged {unchanged}, deleted {deleted}, sent {sent}, \
         written {written}, outdated {outdated}, failed {failed}"
    )
}

/// What an order would do: how many entities or rows it is about.
async fn would(
    config: &Config,
    manifests: &Manifests,
    order: &Order,
    format: Format,
) -> Result<Outcome, Error> {
    let found = publish::would(config, manifests, order).await?;
    match format {
        Format::Json => output::json(&found)?,
        Format::Text => {
            for publish::Would { resource, counts } in &found {
                let Counts { read, changed, unchanged, deleted, sent, failed, .. } = counts;
                let line = match order.action {
                    Action::SyncData => format!("would send {sent} rows"),
                    Action::TriggerEvents => format!(
                        "read {read}, would change {changed}, leave {unchanged}, delete {deleted}, \
                         refuse {failed}"
                    ),
                };
                output::print(&format!("{}: {line}\n", visible(resource)))?;
            }
        }
    }
    Ok(Outcome::Fine)
}
