//! `verify`: whether the read stores say what the tables say, and mending what doesn't.
//!
//! Answers for three kinds of differences: a key that is missing in its store, one that says something
//! else, and one in the store that no row has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::current::{Asked, anew};
use super::message::{Message, without_version};
use super::model::OutletKind;
use super::pace::Steps;
use super::shop::{Shop, part_of};
use super::worker::operation;
use super::{Error, key, publisher};
use crate::config::target::Part;
use crate::database::Value;
use crate::escape::visible;

/// Keys of a store looked at at once.
const PAGE: usize = 2000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Difference {
    /// A row's key isn't in the store.
    Missing,
    /// The store says something else.
    Outdated,
    /// No row has the key.
    Orphaned,
}

/// A key that isn't as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    pub resource: String,
    pub difference: Difference,
    /// As it stands in the store.
    pub key: String,
    /// Of a search store.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub index: String,
    /// What mends it, and its version in the store.
    #[serde(skip)]
    pub mends: Mend,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    place: String,
    queue: String,
    message: Message,
    version: Option<i64>,
}

/// The shop's store that an index is of, and the index.
type Place = (Option<String>, String);

/// What a verification looked at and found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Keys that rows have.
    pub keys: u64,
    pub found: Vec<Found>,
}

impl Shop {
    /// Compares the rows of all resources with the stores.
    pub async fn verify(&mut self, tell: &mut dyn FnMut(&Self)) -> Result<Verified, Error> {
        let mut verified = Verified::default();
        self.steps = Steps::of(self.rows().await?);
        let mut indexes: BTreeMap<(usize, usize), BTreeSet<Place>> = BTreeMap::new();
        for model in 0..self.models.len() {
            for outlet in 0..self.models[model].outlets.len() {
                let mut after = None;
                loop {
                    let (rows, next) = self.page((model, outlet), after).await?;
                    let outlet_of = &self.models[model].outlets[outlet];
                    let messages: Vec<_> =
                        rows.iter().flat_map(|row| outlet_of.messages_as_is(row)).collect();
                    verified.keys += messages.len() as u64;
                    let at = indexes.entry((model, outlet)).or_default();
                    self.compare((model, outlet), messages, at, &mut verified.found).await?;
                    self.steps.took(rows.len() as u64);
                    tell(self);
                    match next {
                        Some(next) => after = Some(next),
                        None => break,
                    }
                }
            }
        }
        self.steps = Steps::default();
        for model in 0..self.models.len() {
            for outlet in 0..self.models[model].outlets.len() {
                let seen = indexes.remove(&(model, outlet)).unwrap_or_default();
                self.orphans((model, outlet), seen, &mut verified.found).await?;
            }
        }
        verified.found.sort_by(|one, other| {
            (&one.resource, one.difference, &one.index, &one.key).cmp(&(
                &other.resource,
                other.difference,
                &other.index,
                &other.key,
            ))
        });
        verified.found.dedup_by(|one, other| one.index == other.index && one.key == other.key);
        Ok(verified)
    }

    /// Keys of all resources that no row has.
    pub async fn orphaned(&mut self) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        for model in 0..self.models.len() {
            for outlet in 0..self.models[model].outlets.len() {
                self.orphans((model, outlet), BTreeSet::new(), &mut found).await?;
            }
        }
        Ok(found)
    }

    async fn compare(
        &mut self,
        (model, outlet): (usize, usize),
        messages: Vec<Message>,
        indexes: &mut BTreeSet<Place>,
        found: &mut Vec<Found>,
    ) -> Result<(), Error> {
        let part = part_of(&self.models[model].outlets[outlet]);
        let mut groups: BTreeMap<Place, Vec<(String, Message)>> = BTreeMap::new();
        for message in messages {
            let operation = operation(part, message.clone(), 0);
            let group = (message.store.clone(), operation.index);
            groups.entry(group).or_default().push((operation.key, message));
        }
        for ((store, index), messages) in groups {
            indexes.insert((store.clone(), index.clone()));
            let keys: Vec<String> = messages.iter().map(|(key, _)| key.clone()).collect();
            let stored = self.stores.of(part, store.as_deref()).await?.get(&index, &keys).await?;
            for ((key, message), stored) in messages.into_iter().zip(stored) {
                let wanted = message.value.as_deref().unwrap_or_default();
                let difference = match &stored {
                    None => Difference::Missing,
                    Some(stored) if says(&stored.value, wanted) => continue,
                    Some(_) => Difference::Outdated,
                };
                if self.is_anothers((model, outlet), &message).await? {
                    continue;
                }
                let version = stored.and_then(|stored| stored.version);
                found.push(self.found(
                    (model, outlet),
                    difference,
                    (index.clone(), key),
                    (message, version),
                ));
            }
        }
        Ok(())
    }

    /// Whether a further key went over to another row, which says what stands under it.
    async fn is_anothers(&mut self, at: (usize, usize), message: &Message) -> Result<bool, Error> {
        if message.owner.is_none() {
            return Ok(false);
        }
        let place = &self.models[at.0].outlets[at.1].table.name;
        let key = [message.key.clone()];
        let known = self.versions.of(&mut self.session, place, &key).await?;
        Ok(known.values().any(|version| version.is_anothers(message)))
    }

    fn found(
        &self,
        (model, outlet): (usize, usize),
        difference: Difference,
        (index, key): (String, String),
        (message, version): (Message, Option<i64>),
    ) -> Found {
        let outlet = &self.models[model].outlets[outlet];
        let (place, queue) = (outlet.table.name.clone(), outlet.queue.clone());
        let resource = self.models[model].name.clone();
        Found { resource, difference, key, index, mends: Mend { place, queue, message, version } }
    }

    /// Keys of a resource that no row has, neither as its own nor as a further one.
    async fn orphans(
        &mut self,
        at: (usize, usize),
        mut seen: BTreeSet<Place>,
        found: &mut Vec<Found>,
    ) -> Result<(), Error> {
        let outlet = &self.models[at.0].outlets[at.1];
        let (part, resource) = (part_of(outlet), outlet.resource.clone());
        let kind = match &outlet.kind {
            OutletKind::Search { kind, .. } => kind.to_lowercase(),
            OutletKind::Storage => String::new(),
        };
        let before = if part == Part::Search { "" } else { key::STORAGE_PREFIX };
        let prefix = format!("{before}{resource}:");
        if part == Part::Storage {
            let stores = self.config.stores_of(self.environment, part)?;
            seen = stores.into_iter().map(|it| (it.map(str::to_owned), String::new())).collect();
        } else {
            for store in self.config.stores_of(self.environment, part)? {
                let store = store.map(str::to_owned);
                let indexes = self.stores.of(part, store.as_deref()).await?.indexes().await?;
                // A server may hold what is no shop's.
                for index in indexes.into_iter().filter(|it| it.ends_with(&kind)) {
                    if !seen.iter().any(|(_, seen)| *seen == index) {
                        seen.insert((store.clone(), index));
                    }
                }
            }
        }
        for (store, index) in seen {
            let mut from: Option<String> = None;
            loop {
                let opened = self.stores.of(part, store.as_deref()).await?;
                let page = opened.keys(&index, &prefix, from.as_deref(), PAGE).await?;
                self.orphans_among(at, (&store, &index), (before, page.keys), found).await?;
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn orphans_among(
        &mut self,
        at: (usize, usize),
        (store, index): (&Option<String>, &str),
        (before, keys): (&str, Vec<String>),
        found: &mut Vec<Found>,
    ) -> Result<(), Error> {
        let own = &self.models[at.0].outlets[at.1];
        let (part, resource) = (part_of(own), own.resource.clone());
        let bare: Vec<String> =
            keys.iter().map(|key| key.strip_prefix(before).unwrap_or(key).to_owned()).collect();
        let mut known: BTreeSet<String> = BTreeSet::new();
        let outlets = self.models.iter().flat_map(|model| &model.outlets);
        for outlet in outlets.filter(|it| part_of(it) == part && it.resource == resource) {
            let rows = publisher::by_keys(&mut self.session, outlet, &bare).await?;
            known.extend(rows.into_iter().map(|row| row.key));
            let place = &outlet.table.name;
            let versions = self.versions.of(&mut self.session, place, &bare).await?;
            let owners: Vec<String> =
                versions.values().filter_map(|version| version.owner.clone()).collect();
            let rows = publisher::by_keys(&mut self.session, outlet, &owners).await?;
            known.extend(rows.iter().flat_map(|row| row.aliases().into_keys()));
        }
        let gone: Vec<usize> = (0..keys.len()).filter(|at| !known.contains(&bare[*at])).collect();
        let names: Vec<String> = gone.iter().map(|at| keys[*at].clone()).collect();
        let stored = self.stores.of(part, store.as_deref()).await?.get(index, &names).await?;
        for (place, stored) in gone.into_iter().zip(stored) {
            let Some(stored) = stored else { continue };
            let outlet = &self.models[at.0].outlets[at.1];
            let of = store.clone().or_else(|| store_in(index));
            let message = outlet.message(&bare[place], of.as_deref(), None);
            let names = (index.to_owned(), keys[place].clone());
            found.push(self.found(at, Difference::Orphaned, names, (message, stored.version)));
        }
        Ok(())
    }

    /// Says which storages lost what was written to them before; once.
    pub async fn lost(&mut self) -> Result<Vec<String>, Error> {
        let (config, environment) = (Arc::clone(&self.config), self.environment);
        let mut said = Vec::new();
        for store in config.stores_of(environment, Part::Storage).unwrap_or_default() {
            if self.stores.of(Part::Storage, store).await?.is_another().await? {
                let of = store
                    .map_or_else(String::new, |store| format!(" for the store {}", visible(store)));
                said.push(format!(
                    "the storage of {environment}{of} lost what was written to it before: it was started \
                     empty, or restored; `reconcile sync:data` fills it again"
                ));
            }
        }
        Ok(said)
    }

    /// Sends what mends the differences, each with a version above that of the store; returns how much.
    pub async fn repair(&mut self, found: &[Found]) -> Result<(), Error> {
        let mut by_place: BTreeMap<(&str, &str), Vec<&Mend>> = BTreeMap::new();
        for Found { mends, .. } in found {
            by_place.entry((&mends.place, &mends.queue)).or_default().push(mends);
        }
        for ((place, queue), mends) in by_place {
            let outlets = self.models.iter().flat_map(|model| &model.outlets);
            let Some(outlet) = outlets.clone().find(|it| it.table.name == place) else { continue };
            let mut all = Vec::new();
            for mends in mends.chunks(PAGE) {
                let asked: Vec<Asked> = mends.iter().map(|mend| (&mend.message).into()).collect();
                let least = mends.iter().filter_map(|mend| {
                    mend.version.map(|version| (mend.message.key.clone(), version))
                });
                let least = least.collect();
                // Rows may have changed since they were compared.
                all.push(anew(&mut self.session, &self.versions, outlet, &asked, &least).await?);
            }
            for messages in all {
                self.send(queue, &messages).await?;
            }
        }
        Ok(())
    }
}

/// The store's part of an index's name, where it has one.
fn store_in(index: &str) -> Option<String> {
    index.split_once('_').map(|(store, _)| store.to_owned())
}

/// Whether a stored value is the one wanted, its version aside.
fn says(stored: &str, wanted: &str) -> bool {
    let Ok((stored, _)) = without_version(stored) else { return false };
    stored == wanted || Value::Json(stored.into()) == Value::Json(wanted.into())
}
