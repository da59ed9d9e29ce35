//! The queues and read stores of each environment: whether they can be used, and what waits in them.

use std::collections::BTreeMap;

use super::search::Fields;
use super::{Finding, brokers, redis, search};
use crate::catalog::Catalog;
use crate::config::target::{Part, Place, kind_of};
use crate::config::{Config, Environment};
use crate::escape::near;
use crate::manifest::Manifests;
use crate::plan::render::words::count;
use crate::publish;
use crate::queue::{self, Broker, Depth, ERROR_SUFFIX};
use crate::store;

/// What is to be said of each that the operator's file names.
pub async fn examine(
    config: &Config,
    manifests: Option<&Manifests>,
    catalogs: &BTreeMap<Environment, Catalog>,
) -> Vec<Finding> {
    let queues = manifests.map(publish::queues_of).unwrap_or_default();
    let mut findings = Vec::new();
    for environment in [Environment::Prod, Environment::Test] {
        let catalog = catalogs.get(&environment);
        let fields =
            manifests.zip(catalog).map(|(it, catalog)| publish::fields_by_type(catalog, it));
        let fields = fields.unwrap_or_default();
        for part in Part::ALL {
            for shop_store in config.stores_of(environment, part).unwrap_or_default() {
                let needed = (queues.as_slice(), &fields);
                findings.extend(of(config, environment, (part, shop_store), needed).await);
            }
        }
    }
    findings
}

async fn of(
    config: &Config,
    environment: Environment,
    (part, shop_store): (Part, Option<&str>),
    (queues, fields): (&[String], &Fields),
) -> Vec<Finding> {
    let mut about = format!("{environment} {}", part.as_str());
    if let Some(store) = shop_store {
        about = format!("{about} {store}");
    }
    let path = match config.place_of(environment, part, shop_store) {
        Ok(Place::Embedded(path)) => path,
        Ok(Place::Url(_)) if part == Part::Queue => {
            let found = brokers::examine(config, environment, shop_store, queues).await;
            return found.unwrap_or_default();
        }
        Ok(Place::Url(url)) if part == Part::Search => {
            return search::examine(config, (environment, &about), url, fields).await;
        }
        Ok(Place::Url(url)) if part == Part::Storage && store::redis::is_one(url) => {
            let opened = store::redis::of(config, environment, shop_store, url).await;
            return redis::examine(&about, opened).await;
        }
        Ok(Place::Url(url)) => {
            let message = format!("{} is not supported yet", kind_of(url));
            let advice = format!("`{}: embedded` needs no server", part.as_str());
            return vec![Finding::warning(about, message).advice(advice)];
        }
        Err(error) => return vec![Finding::broken(about, error.to_string())],
    };
    vec![of_file(&path, environment, part, about).await]
}

/// An embedded one.
async fn of_file(
    path: &std::path::Path,
    environment: Environment,
    part: Part,
    about: String,
) -> Finding {
    let file = near(path);
    let looked = match part {
        Part::Queue => waiting(path, environment).await.map_err(|error| error.to_string()),
        Part::Storage | Part::Search => {
            kept(path, environment, part).await.map_err(|error| error.to_string())
        }
    };
    match looked {
        Ok(None) => Finding::ok(about, format!("{file} is made when it is needed")),
        Ok(Some(Looked { said, failed: None })) => Finding::ok(about, format!("{file}: {said}")),
        Ok(Some(Looked { said, failed: Some(queue) })) => Finding::warning(
            about,
            format!("{file}: {said}"),
        )
        .advice(format!(
            "`reconcile queue dump {queue}{ERROR_SUFFIX} --environment {environment}` shows why; \
                 `reconcile queue replay {queue} --environment {environment}` sends them again"
        )),
        Err(error) => Finding::broken(about, error)
            .advice(format!("see {file}: whether this account may read and write it")),
    }
}

struct Looked {
    said: String,
    /// A queue with messages that failed.
    failed: Option<String>,
}

async fn waiting(
    path: &std::path::Path,
    environment: Environment,
) -> queue::Result<Option<Looked>> {
    let Some(mut queue) = queue::Embedded::look(path, environment).await? else { return Ok(None) };
    let list = queue.list(&[]).await?;
    let sum = |of: fn(&Depth) -> u64| list.iter().map(of).sum::<u64>();
    let (wait, failed) = (sum(Depth::waiting), sum(|it| it.failed));
    let said = format!(
        "{}, {} waiting, {failed} failed",
        count(list.len() as u64, "queue", "queues"),
        count(wait, "message", "messages"),
    );
    let failed = list.into_iter().find(|depth| depth.failed > 0).map(|depth| depth.queue);
    Ok(Some(Looked { said, failed }))
}

async fn kept(
    path: &std::path::Path,
    environment: Environment,
    part: Part,
) -> store::Result<Option<Looked>> {
    let looked = store::Embedded::look(path, environment, part).await?;
    let Some(mut store) = looked else { return Ok(None) };
    let said = count(store.count().await?, "key", "keys");
    Ok(Some(Looked { said, failed: None }))
}
