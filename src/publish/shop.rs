//! What publishing works with: one environment's database, queues and stores, and its resources.
//!
//! Answers for sending messages, and for what the tables say of a key right now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::brokers::Brokers;
use super::crew::{Clock, Crew, Halt, Told};
use super::current::{Asked, current};
use super::message::{Message, Packing};
use super::model::{Model, Outlet, OutletKind};
use super::pace::Steps;
use super::patience::Patience;
use super::publisher::Published;
use super::stores::Stores;
use super::versions::Versions;
use super::{Counts, Error, trigger};
use crate::apply::work::{self, Republish, to_republish};
use crate::catalog::Catalog;
use crate::config::target::{Part, Place};
use crate::config::{Config, Environment, MessageFormat};
use crate::database::{Access, Session};
use crate::manifest::Manifests;
use crate::manifest::words::did_you_mean;
use crate::queue::Depth;

/// One environment, open for publishing.
pub struct Shop {
    pub config: Arc<Config>,
    pub environment: Environment,
    pub session: Session,
    pub versions: Versions,
    pub(super) brokers: Brokers,
    pub(super) stores: Stores,
    pub models: Vec<Arc<Model>>,
    /// Resources of which the last part differed for the most part.
    pub(super) changing: BTreeSet<String>,
    /// Sessions that only read, while nobody looks at anything with them.
    pub(super) lookers: Vec<Session>,
    pub(super) packing: Packing,
    /// Records that runs touched and that wait to be published.
    to_republish: Vec<Republish>,
    /// What was done here; [`Self::counts`] has what the workers did, too.
    pub(super) counts: Counts,
    pub(super) steps: Steps,
    /// While workers carry messages out.
    pub(super) crew: Option<Crew>,
    /// What the workers told who have ended.
    pub(super) ended: Told,
    pub(super) halt: Halt,
    pub(super) clock: Clock,
    /// How long what passes by itself is tried again.
    pub(super) longest: Duration,
    pub(super) troubles: u64,
    pub(super) trouble: Option<String>,
}

/// Whether storage and search tables that are missing are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateTables {
    Yes,
    No,
}

/// The resources named, or all, in the order of their names.
pub fn selected(manifests: &Manifests, names: &[String]) -> Result<Vec<String>, Error> {
    let unknown = names.iter().find(|name| !manifests.resources.contains_key(*name));
    if let Some(name) = unknown {
        let known: Vec<&str> = manifests.resources.keys().map(String::as_str).collect();
        let hint = did_you_mean(name, known.iter().copied()).map(|hint| format!("; {hint}"));
        let all = || match known.is_empty() {
            true => "; no manifest describes one".to_owned(),
            false => format!("; there are {}", known.join(", ")),
        };
        let name = crate::escape::visible(name).to_string();
        return Err(Error::NoResource { name, hint: hint.unwrap_or_else(all) });
    }
    let all = manifests.resources.keys();
    Ok(all.filter(|name| names.is_empty() || names.contains(name)).cloned().collect())
}

impl Shop {
    /// Opens everything for the resources named.
    pub async fn open(
        config: &Config,
        environment: Environment,
        manifests: &Manifests,
        names: &[String],
        create: CreateTables,
    ) -> Result<Self, Error> {
        config.stores_of(environment, Part::Queue)?;
        let url = config.environment(environment).database.expose();
        let mut session = Session::open(url, environment.as_str(), Access::Write).await?;
        let catalog = session.catalog().await?;
        let to_republish = to_republish(&mut session, &catalog).await?;
        let mut models = resolve(&catalog, manifests, names)?;
        let mut made = false;
        for model in &models {
            for outlet in model.outlets.iter().filter(|outlet| outlet.is_missing) {
                if create == CreateTables::No {
                    let (resource, table) = (model.name.clone(), outlet.table.name.clone());
                    return Err(Error::NotMade { resource, table });
                }
                session.create_table_if_missing(&outlet.table).await?;
                made = true;
            }
        }
        if made {
            models = resolve(&session.catalog().await?, manifests, names)?;
        }
        let versions = Versions::open(&mut session).await?;
        let format = config.environment(environment).publish.as_ref();
        let format = format.and_then(|publish| publish.queue.as_ref()?.format);
        let packing = match format {
            Some(MessageFormat::Spryker) => Packing::One,
            Some(MessageFormat::Batch) | None => Packing::Many,
        };
        let brokers = Brokers::open(config, environment, &queues_of(&models)).await?;
        let clock = Clock::at(session.now().await?.as_microsecond());
        let config = Arc::new(config.clone());
        Ok(Self {
            stores: Stores::new(Arc::clone(&config), environment),
            config,
            environment,
            session,
            versions,
            brokers,
            models,
            changing: BTreeSet::new(),
            lookers: Vec::new(),
            packing,
            to_republish,
            counts: Counts::default(),
            steps: Steps::default(),
            crew: None,
            ended: Told::default(),
            halt: Halt::default(),
            clock,
            longest: Patience::SHORT,
            troubles: 0,
            trouble: None,
        })
    }

    /// The same, for somebody who waits until what is in the way has passed.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { longest: Patience::LONG, ..self }
    }

    /// A connection that broke is replaced; where that fails, the next statement says so.
    pub(super) async fn mend(&mut self) {
        let url = self.config.environment(self.environment).database.expose();
        let opened = Session::open(url, self.environment.as_str(), Access::Write).await;
        if let Ok(session) = opened {
            self.session = session;
        }
        self.lookers.clear();
    }

    /// The queues of the resources: events first, since they bring what the others carry.
    pub fn queues(&self) -> Vec<String> {
        queues_of(&self.models)
    }

    /// Whether queues are files, which one process at a time writes to.
    pub(super) fn is_embedded(&self) -> bool {
        let stores = self.config.stores_of(self.environment, Part::Queue).unwrap_or_default();
        let place = |store| self.config.place_of(self.environment, Part::Queue, store);
        stores.into_iter().all(|store| matches!(place(store), Ok(Place::Embedded(_))))
    }

    /// How many rows the storage and search tables hold.
    pub(super) async fn rows(&mut self) -> Result<u64, Error> {
        let mut rows = 0;
        for outlet in self.models.iter().flat_map(|model| &model.outlets) {
            rows += self.session.count(&outlet.table, &BTreeMap::new()).await?;
        }
        Ok(rows)
    }

    /// Puts messages into their queue.
    pub async fn send(&mut self, queue: &str, messages: &[Message]) -> Result<(), Error> {
        let mut patience = Patience::new(self.longest);
        while let Err(error) = self.brokers.send(queue, messages, self.packing).await {
            // Some of them may be there already: then they come twice, which changes nothing.
            self.wait_out(error, &mut patience).await?;
        }
        self.counts.sent += messages.len() as u64;
        Ok(())
    }

    /// Puts events into their queue.
    pub(super) async fn send_events(
        &mut self,
        queue: &str,
        bodies: &[String],
    ) -> Result<(), Error> {
        let mut patience = Patience::new(self.longest);
        while let Err(error) = self.brokers.of_events().send(queue, bodies).await {
            self.wait_out(error.into(), &mut patience).await?;
        }
        Ok(())
    }

    /// Sends what was published; then it needn't be noted any longer.
    pub async fn send_published(&mut self, published: &Published) -> Result<(), Error> {
        for (queue, messages) in &published.messages {
            self.send(queue, messages).await?;
        }
        self.versions.sent(&mut self.session, &published.notes).await
    }

    /// Takes up what others left: what runs touched is put into the queues of events, and what was
    /// published and perhaps never sent is sent.
    pub async fn take_up(&mut self) -> Result<(), Error> {
        let all = std::mem::take(&mut self.to_republish);
        for model in self.models.clone() {
            let of: Vec<&Republish> = all.iter().filter(|it| it.resource == model.name).collect();
            let ids: BTreeSet<&String> = of.iter().map(|it| &it.id).collect();
            let ids: Vec<String> = ids.into_iter().cloned().collect();
            if ids.is_empty() {
                continue;
            }
            let bodies = trigger::bodies(&model, trigger::in_parts(&ids));
            self.send_events(&events_of(&model.name), &bodies).await?;
            let keys: Vec<_> = of.iter().map(|it| &it.key).collect();
            work::done(&mut self.session, &keys).await?;
        }
        self.send_unsent().await
    }

    /// Sends what a process noted that ended before it was sent: as it is now.
    pub async fn send_unsent(&mut self) -> Result<(), Error> {
        for note in self.versions.unsent(&mut self.session).await? {
            let outlets = self.models.iter().flat_map(|model| &model.outlets);
            let Some(outlet) = outlets.clone().find(|it| it.table.name == note.place) else {
                continue;
            };
            let queue = outlet.queue.clone();
            let asked = note.keys.into_iter().map(Asked::from).collect::<Vec<_>>();
            let messages = current(&mut self.session, &self.versions, outlet, &asked).await?;
            self.send(&queue, &messages).await?;
            self.versions.sent(&mut self.session, &[note.id]).await?;
        }
        Ok(())
    }

    /// How many messages of the resources wait, or are handed out.
    pub(super) async fn waiting(&mut self) -> Result<u64, Error> {
        let queues = self.queues();
        let depths = self.brokers.list(&queues).await?;
        Ok(depths.iter().map(Depth::waiting).sum())
    }

    /// How many messages of the resources lie in error queues.
    pub async fn lying_failed(&mut self) -> Result<u64, Error> {
        let queues = self.queues();
        let depths = self.brokers.list(&queues).await?;
        Ok(depths.iter().map(|depth| depth.failed).sum())
    }

    pub async fn close(self) -> Result<(), Error> {
        if let Some(crew) = self.crew {
            crew.end().await?;
        }
        self.stores.close().await?;
        for session in self.lookers {
            session.close().await?;
        }
        self.brokers.close().await?;
        Ok(self.session.close().await?)
    }
}

/// The queues of resources: events first.
fn queues_of(models: &[Arc<Model>]) -> Vec<String> {
    let events = models.iter().map(|model| events_of(&model.name));
    let mut queues: Vec<String> = events.collect();
    for outlet in models.iter().flat_map(|model| &model.outlets) {
        if !queues.contains(&outlet.queue) {
            queues.push(outlet.queue.clone());
        }
    }
    queues
}

/// The queue of a resource's events.
pub fn events_of(resource: &str) -> String {
    format!("publish.{resource}")
}

/// The resources named, as the database has them.
pub fn resolve(
    catalog: &Catalog,
    manifests: &Manifests,
    names: &[String],
) -> Result<Vec<Arc<Model>>, Error> {
    let resources = selected(manifests, names)?;
    let model =
        |name: &String| Model::new(name, &manifests.resources[name].spec, catalog).map(Arc::new);
    resources.iter().map(model).collect()
}

/// Which part of the read stores an outlet leads to.
pub fn part_of(outlet: &Outlet) -> Part {
    match outlet.kind {
        OutletKind::Storage => Part::Storage,
        OutletKind::Search { .. } => Part::Search,
    }
}
