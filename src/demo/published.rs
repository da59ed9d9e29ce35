//! The first publication of the demo shop, as it was before the story begins.

use super::{Error, Shop};
use crate::config::{self, Environment};
use crate::manifest;
use crate::manifest::republish_job::Action;
use crate::publish::{CreateTables, Order, Patience, Wait, carry_out};

/// Fills the read stores of both environments.
pub async fn publish(shop: &Shop) -> Result<(), Error> {
    let config = config::load(&shop.path("reconcile.yaml"), &|_| None).map_err(Error::Problems)?;
    let manifests = manifest::load(&shop.path("manifests")).map_err(Error::Problems)?;
    for environment in [Environment::Prod, Environment::Test] {
        let order = Order {
            action: Action::TriggerEvents,
            environment,
            resources: Vec::new(),
            ids: Vec::new(),
            create: CreateTables::No,
            wait: Wait::ForStores,
            patience: Patience::SHORT,
        };
        carry_out(&config, &manifests, &order, &mut |_| {}).await?;
    }
    Ok(())
}
