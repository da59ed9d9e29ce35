//! The whole work of `sync:data` and `publish:trigger-events`, for commands, jobs and runs alike.
//!
//! Answers for the order of its steps: what an earlier process left unsent goes first, and unless only
//! queues are to be filled, everything is carried out before it is called done.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::load::Wanted;
use super::message::Which;
use super::pace::{Pace, Steps};
use super::shop::{CreateTables, Shop, resolve};
use super::trigger::whiches;
use super::{Counts, Error, publisher};
use crate::config::{Config, Environment};
use crate::database::{Access, Session};
use crate::manifest::Manifests;
use crate::manifest::republish_job::Action;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Order {
    pub action: Action,
    pub environment: Environment,
    /// Resources by name; none: all.
    pub resources: Vec<String>,
    /// Entities by ID; none: all.
    pub ids: Vec<String>,
    pub create: CreateTables,
    pub wait: Wait,
    /// How long what passes by itself is tried again.
    pub patience: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Until everything is carried out here or by other workers.
    ForStores,
    /// Queues are filled; workers do the rest.
    ForQueues,
}

/// Carries an order out. `tell` hears of how far it is.
pub async fn carry_out(
    config: &Config,
    manifests: &Manifests,
    order: &Order,
    tell: &mut dyn FnMut(&Pace),
) -> Result<Counts, Error> {
    let mut shop =
        Shop::open(config, order.environment, manifests, &order.resources, order.create).await?;
    shop.longest = order.patience;
    shop.take_up().await?;
    if order.wait == Wait::ForStores {
        // Messages are carried out while others are still being sent.
        shop.begin_work(&shop.queues());
    }
    let mut tell = |shop: &Shop| tell(&shop.pace());
    match order.action {
        Action::SyncData => shop.export(&order.ids, &mut tell).await?,
        Action::TriggerEvents => shop.trigger(&order.ids).await?,
    }
    shop.steps = Steps::default();
    if order.wait == Wait::ForStores {
        shop.drain(&mut tell).await?;
        shop.versions.sweep(&mut shop.session).await?;
    }
    let counts = shop.counts();
    shop.close().await?;
    Ok(counts)
}

/// Removes what no row has from the storage and the search.
pub async fn prune(
    config: &Config,
    manifests: &Manifests,
    (environment, names): (Environment, &[String]),
    tell: &mut dyn FnMut(&Pace),
) -> Result<Counts, Error> {
    let shop = Shop::open(config, environment, manifests, names, CreateTables::No).await?;
    let mut shop = shop.patient();
    let orphans = shop.orphaned().await?;
    shop.repair(&orphans).await?;
    shop.drain(&mut |shop: &Shop| tell(&shop.pace())).await?;
    let counts = Counts { deleted: orphans.len() as u64, ..shop.counts() };
    shop.close().await?;
    Ok(counts)
}

/// What an order would do with a resource, found out without writing or sending anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Would {
    pub resource: String,
    #[serde(flatten)]
    pub counts: Counts,
}

/// What an order would do, resource by resource.
pub async fn would(
    config: &Config,
    manifests: &Manifests,
    order: &Order,
) -> Result<Vec<Would>, Error> {
    let url = config.environment(order.environment).database.expose();
    let mut session = Session::open(url, order.environment.as_str(), Access::ReadOnly).await?;
    let models = resolve(&session.catalog().await?, manifests, &order.resources)?;
    let mut all = Vec::new();
    for model in &models {
        let mut counts = Counts::default();
        match order.action {
            Action::TriggerEvents => {
                for which in whiches(&mut session, model, &order.ids).await? {
                    let wanted = Wanted::of(&which, model.is_numbered());
                    session.begin().await?;
                    counts += publisher::examine(&mut session, model, &wanted).await?;
                    session.rollback().await?;
                }
            }
            Action::SyncData => {
                session.begin().await?;
                for outlet in model.outlets.iter().filter(|outlet| !outlet.is_missing) {
                    counts.sent += match order.ids.as_slice() {
                        [] => session.count(&outlet.table, &BTreeMap::default()).await?,
                        ids => {
                            let wanted = Wanted::of(&Which::Ids(ids.to_vec()), model.is_numbered());
                            publisher::existing(&mut session, outlet, &wanted).await?.len() as u64
                        }
                    };
                }
                session.rollback().await?;
            }
        }
        all.push(Would { resource: model.name.clone(), counts });
    }
    session.close().await?;
    Ok(all)
}
