//! After a run: what it touched is published anew to the read stores of its target.
//!
//! Answers for nothing being lost on the way: what is to be published stands in the ledger until its
//! events are in their queue, so whoever opens the environment for publishing next takes up what a process
//! left when it ended. A run that committed has succeeded, whatever becomes of this; the daemon tries
//! until it is done.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use super::report::Report;
use super::{Context, files};
use crate::apply::ledger::RunRow;
use crate::apply::{Stage, Watch};
use crate::config::{Environment, environments};
use crate::manifest::SyncJob;
use crate::manifest::module::OwnedSpec;
use crate::manifest::sync_job::Direction;
use crate::plan::render::words::count;
use crate::publish::{CreateTables, Error, Pace, Shop};

/// Publishing doesn't ask by itself whether it should stop.
const ASKED_AGAIN: Duration = Duration::from_millis(200);

/// How far what runs touched is on its way to the read stores of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub target: Environment,
    pub resources: BTreeSet<String>,
    pub came: Came,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// Nobody has tried yet.
    NotYet,
    /// The read stores have all of it.
    There,
    /// Not all of it, and why; so many messages went into error queues so far.
    Short { why: String, failed: u64 },
}

impl Attempt {
    /// What is still to be done, for people.
    pub fn pending(&self) -> Option<String> {
        let names = listed(&self.resources);
        match &self.came {
            Came::There => None,
            Came::NotYet => Some(format!("{names} will be published anew next")),
            Came::Short { why, .. } => Some(format!(
                "{names} weren't published anew yet: {why}; the daemon tries again, and `reconcile \
                 worker --stop-when-empty` does it at once"
            )),
        }
    }
}

/// `cms_block, cms_page`
pub fn listed(resources: &BTreeSet<String>) -> String {
    resources.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Resources that the modules of a job name. What an undo touches, the undone run says, and of a job
/// whose manifest is gone nobody knows any more: both name all.
fn resources(context: &Context<'_>, job: Option<&SyncJob>) -> BTreeSet<String> {
    let modules = &context.manifests.modules;
    let selected: Vec<_> = match job.filter(|job| job.spec.undo.is_none()) {
        None => modules.values().collect(),
        Some(job) => context.selected(job).iter().filter_map(|name| modules.get(name)).collect(),
    };
    let mut names = BTreeSet::new();
    for record in selected.into_iter().flat_map(|module| &module.spec.records) {
        names.extend(record.republish.iter().cloned());
        of_owned(&record.owns, &mut names);
    }
    names
}

fn of_owned(owns: &[OwnedSpec], names: &mut BTreeSet<String>) {
    for owned in owns {
        names.extend(owned.republish.iter().cloned());
        of_owned(&owned.owns, names);
    }
}

/// What a run leaves out since the operator's file names no read stores.
pub(super) fn left_out(context: &Context<'_>, job: &SyncJob) -> Option<String> {
    let target = environments(job.spec.direction?).1;
    let names = resources(context, Some(job));
    let is_configured = context.config.environment(target).publish.is_some();
    (!names.is_empty() && !is_configured).then(|| {
        format!(
            "{} can't be published anew: the operator's file names no read stores of {target} \
             (`publish`)",
            listed(&names)
        )
    })
}

/// A run that the ledger holds, as its own process would have told it: whether that came to publishing
/// nobody knows.
pub fn of_ledger(context: &Context<'_>, row: RunRow) -> Report {
    let to_come = to_come(context, &row.job, row.direction);
    let filing = files::to_come(context, row.direction, row.files);
    let mut report = Report::of_ledger(row);
    report.files_follow(filing);
    report.publishes(to_come);
    report
}

/// What committed runs of a job are still to have published, as far as its manifest says.
pub(super) fn to_come(context: &Context<'_>, job: &str, direction: Direction) -> Option<Attempt> {
    let target = environments(direction).1;
    let resources = resources(context, context.manifests.jobs.get(job));
    let is_ours = context.config.instance == Environment::Prod;
    let is_configured = context.config.environment(target).publish.is_some();
    let attempt = Attempt { target, resources, came: Came::NotYet };
    (is_ours && is_configured && !attempt.resources.is_empty()).then_some(attempt)
}

/// Publishes what committed runs touched, as far as that goes. `failed`: so many messages of it went
/// into error queues before.
///
/// # Guarantees
/// What isn't published when this returns, or is dropped, is taken up by whoever calls it next.
pub async fn publish(
    context: &Context<'_>,
    (target, resources): (Environment, &BTreeSet<String>),
    failed: u64,
    watch: &mut dyn Watch,
) -> Attempt {
    // One whose manifest was taken away can't be published any more.
    let known = |name: &&String| context.manifests.resources.contains_key(*name);
    let names: Vec<String> = resources.iter().filter(known).cloned().collect();
    let came = match names.is_empty() {
        true => Came::There,
        false => match stoppable(context, target, &names, watch).await {
            None => Came::Short { why: "it was stopped".to_owned(), failed },
            Some(Err(error)) => Came::Short { why: error.to_string(), failed },
            Some(Ok(Taken { failed: more, lying })) => came(failed + more, lying),
        },
    };
    Attempt { target, resources: resources.clone(), came }
}

/// Messages that couldn't be carried out stay in their way until nothing lies in the error queues.
fn came(failed: u64, lying: u64) -> Came {
    if failed == 0 || lying == 0 {
        return Came::There;
    }
    let messages = count(lying, "message lies", "messages lie");
    let why = format!("{messages} in error queues, `reconcile queue list` shows where");
    Came::Short { why, failed }
}

/// How far the work is, for whoever looks on.
pub(super) type Far = RefCell<Pace>;

struct Taken {
    /// Went into error queues now.
    failed: u64,
    /// Lies there.
    lying: u64,
}

async fn stoppable(
    context: &Context<'_>,
    target: Environment,
    names: &[String],
    watch: &mut dyn Watch,
) -> Option<Result<Taken, Error>> {
    let far = Far::default();
    let taken = Box::pin(take_up(context, target, names, &far));
    unless_stopped(watch, &far, taken).await
}

async fn take_up(
    context: &Context<'_>,
    target: Environment,
    names: &[String],
    far: &Far,
) -> Result<Taken, Error> {
    let (config, manifests) = (context.config, context.manifests);
    let mut shop = Shop::open(config, target, manifests, names, CreateTables::No).await?;
    shop.take_up().await?;
    shop.drain(&mut |shop| drop(far.replace(shop.pace()))).await?;
    let taken = Taken { failed: shop.counts().failed, lying: shop.lying_failed().await? };
    shop.close().await?;
    Ok(taken)
}

/// Carries on until it is done, or until somebody asks it to stop: then there is nothing to tell.
pub(super) async fn unless_stopped<T>(
    watch: &mut dyn Watch,
    far: &Far,
    work: impl Future<Output = T>,
) -> Option<T> {
    watch.begin(Stage::Publishing, 0);
    let steps = |number: u64| usize::try_from(number).unwrap_or_default();
    let stopped = async {
        while watch.step(steps(far.borrow().done), steps(far.borrow().all)).is_ok() {
            tokio::time::sleep(ASKED_AGAIN).await;
        }
    };
    tokio::select! {
        biased;
        () = stopped => None,
        done = work => Some(done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_in_error_queues_are_told_until_nothing_lies_there() {
        assert_eq!(came(0, 7), Came::There, "these are of something else");
        assert_eq!(came(3, 0), Came::There, "somebody sent them again");
        let Came::Short { why, failed: 2 } = came(2, 1) else { panic!("it is called done") };
        assert!(why.starts_with("1 message lies in error queues"), "{why}");
    }
}
