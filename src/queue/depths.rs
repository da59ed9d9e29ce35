//! How much waits in the queues of all environments, for whoever looks on.
//!
//! Answers for looking costing little and making nothing: where publishing isn't configured, or
//! nothing was ever sent, there is nothing to tell. A broker that doesn't answer is soon given up.

use std::time::Duration;

use futures_util::future::join_all;

use super::{Depth, look};
use crate::config::target::Part;
use crate::config::{Config, Environment};

/// What is waited for one place's answer: less than those wait who ask for all of them.
const ANSWER: Duration = Duration::from_secs(4);

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

/// One entry for each place of queues that the operator's file names. `known` are the queues that are asked
/// for where a broker doesn't tell the names of its own.
pub async fn depths(config: &Config, known: &[String]) -> Vec<Depths> {
    let mut places = Vec::new();
    for environment in [Environment::Prod, Environment::Test] {
        let stores = config.stores_of(environment, Part::Queue).unwrap_or_default();
        places.extend(stores.into_iter().map(|store| (environment, store)));
    }
    join_all(places.into_iter().map(|(environment, store)| async move {
        let looking = tokio::time::timeout(ANSWER, looked(config, environment, store, known)).await;
        let queues = looking.map_or_else(
            |_| Err(format!("no answer within {} seconds", ANSWER.as_secs())),
            |queues| queues.map_err(|error| error.to_string()),
        );
        Depths { environment, store: store.map(str::to_owned), queues }
    }))
    .await
}

async fn looked(
    config: &Config,
    environment: Environment,
    store: Option<&str>,
    known: &[String],
) -> super::Result<Vec<Depth>> {
    let Some(mut broker) = look(config, environment, store).await? else { return Ok(Vec::new()) };
    let list = broker.list(known).await?;
    broker.close().await?;
    Ok(list)
}
