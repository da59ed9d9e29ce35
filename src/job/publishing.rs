//! After a run: what it touched is published anew to the read stores of its target.
//!
//! Answers for nothing being lost on the way: what is to be published stands in the ledger until its
//! events are in their queue, so whoever opens the environment for publishing next takes up what a process
//! left when it ended. A run that committed has succeeded, whatever becomes of this.

use std::collections::BTreeSet;

use super::Context;
use super::open::environments;
use crate::config::Environment;
use crate::manifest::SyncJob;
use crate::manifest::module::OwnedSpec;
use crate::manifest::sync_job::Direction;
use crate::publish::{CreateTables, Error, Shop};

/// Resources that the modules of a job name.
fn resources(context: &Context<'_>, job: &SyncJob) -> Vec<String> {
    let modules = &context.manifests.modules;
    // What an undo touches, the undone run says.
    let selected: Vec<_> = match &job.spec.undo {
        Some(_) => modules.values().collect(),
        None => context.selected(job).iter().filter_map(|name| modules.get(name)).collect(),
    };
    let mut names = BTreeSet::new();
    for record in selected.into_iter().flat_map(|module| &module.spec.records) {
        names.extend(record.republish.iter().cloned());
        of_owned(&record.owns, &mut names);
    }
    names.into_iter().collect()
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
    let names = resources(context, job);
    let is_configured = context.config.environment(target).publish.is_some();
    (!names.is_empty() && !is_configured).then(|| {
        format!(
            "{} can't be published anew: the operator's file names no read stores of {target} \
             (`publish`)",
            names.join(", ")
        )
    })
}

/// Publishes what committed runs in this direction touched. Returns what is still to be done, in words.
pub async fn publish(context: &Context<'_>, job: &SyncJob, direction: Direction) -> Option<String> {
    let target = environments(direction).1;
    let names = resources(context, job);
    if names.is_empty() || context.config.environment(target).publish.is_none() {
        return None;
    }
    let pending = |reason: String| {
        format!(
            "{} weren't published anew yet: {reason}; `reconcile worker --stop-when-empty` does it",
            names.join(", ")
        )
    };
    match carry_out(context, target, &names).await {
        Ok(0) => None,
        Ok(failed) => Some(format!(
            "of {}, {failed} couldn't be published; `reconcile queue list` shows where the reasons stand",
            names.join(", ")
        )),
        Err(error) => Some(pending(error.to_string())),
    }
}

async fn carry_out(
    context: &Context<'_>,
    target: Environment,
    names: &[String],
) -> Result<u64, Error> {
    let (config, manifests) = (context.config, context.manifests);
    let mut shop = Shop::open(config, target, manifests, names, CreateTables::No).await?;
    shop.take_up().await?;
    shop.drain(&mut |_| {}).await?;
    let failed = shop.counts.failed;
    shop.close().await?;
    Ok(failed)
}
