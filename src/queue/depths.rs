//! How much waits in the embedded queues of all environments, for whoever looks on.
//!
//! Answers for looking costing little and making nothing: where publishing isn't configured, or
//! nothing was ever sent, there is nothing to tell.

use super::{Depth, look};
use crate::config::target::{Part, Place};
use crate::config::{Config, Environment};

/// The queues of an environment, or of one of the shop's stores there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depths {
    pub environment: Environment,
    pub store: Option<String>,
    /// Or why they can't be looked into.
    pub queues: Result<Vec<Depth>, String>,
}

impl Depths {
    /// What waits, what is handed out and what failed in all of these queues.
    pub fn sums(&self) -> Option<[u64; 3]> {
        let queues = self.queues.as_ref().ok()?;
        let sum = |of: fn(&Depth) -> u64| queues.iter().map(of).sum();
        Some([
            sum(|it| it.ready),
            sum(|it| it.unacknowledged.unwrap_or_default()),
            sum(|it| it.failed),
        ])
    }
}

/// One entry for each place of queues that the operator's file calls `embedded`.
pub async fn embedded_depths(config: &Config) -> Vec<Depths> {
    let mut all = Vec::new();
    for environment in [Environment::Prod, Environment::Test] {
        for store in config.stores_of(environment, Part::Queue).unwrap_or_default() {
            let place = config.place_of(environment, Part::Queue, store);
            if let Ok(Place::Embedded(_)) = place {
                let queues = looked(config, environment, store).await;
                let queues = queues.map_err(|error| error.to_string());
                all.push(Depths { environment, store: store.map(str::to_owned), queues });
            }
        }
    }
    all
}

async fn looked(
    config: &Config,
    environment: Environment,
    store: Option<&str>,
) -> super::Result<Vec<Depth>> {
    let Some(mut broker) = look(config, environment, store).await? else { return Ok(Vec::new()) };
    let list = broker.list(&[]).await?;
    broker.close().await?;
    Ok(list)
}
