//! What the tables say of keys right now, whatever a message said of them earlier.
//!
//! Answers for a version never standing beside anything older than what it was given for: versions are
//! read before the rows, and given to keys that have none while nobody publishes.

use std::collections::BTreeMap;

use super::Error;
use super::message::Message;
use super::model::Outlet;
use super::publisher::{Alone, by_keys};
use super::rows::Existing;
use super::versions::{Version, Versions};
use crate::database::Session;

/// A key that is asked about.
#[derive(Debug, Clone)]
pub struct Asked {
    pub key: String,
    pub store: Option<String>,
    /// Of a further key: the row that has it, as far as is known.
    pub owner: Option<String>,
}

impl From<(String, Option<String>)> for Asked {
    fn from((key, store): (String, Option<String>)) -> Self {
        Self { key, store, owner: None }
    }
}

impl From<&Message> for Asked {
    fn from(message: &Message) -> Self {
        let Message { key, store, owner, .. } = message;
        Self { key: key.clone(), store: store.clone(), owner: owner.clone() }
    }
}

/// What the tables say of keys, as messages. A key that has no version gets one.
pub async fn current(
    session: &mut Session,
    versions: &Versions,
    outlet: &Outlet,
    asked: &[Asked],
) -> Result<Vec<Message>, Error> {
    let names: Vec<String> = asked.iter().map(|it| it.key.clone()).collect();
    let known = versions.of(session, &outlet.table.name, &names).await?;
    let (known_keys, new): (Vec<_>, Vec<_>) =
        asked.iter().cloned().partition(|it| known.contains_key(&it.key));
    let mut messages = said(session, outlet, &known, &known_keys).await?;
    for message in &mut messages {
        message.version = known.get(&message.key).map(|version| version.number);
    }
    if !new.is_empty() {
        messages.extend(anew(session, versions, outlet, &new, &BTreeMap::new()).await?);
    }
    Ok(messages)
}

/// The same, each with a new version, above that of `least` where there is one.
pub async fn anew(
    session: &mut Session,
    versions: &Versions,
    outlet: &Outlet,
    asked: &[Asked],
    least: &BTreeMap<String, i64>,
) -> Result<Vec<Message>, Error> {
    let alone = Alone::with(&outlet.published);
    loop {
        let done = match alone.begin(session).await {
            Ok(()) => anew_inside(session, versions, outlet, asked, least).await,
            Err(error) => Err(error),
        };
        if let Some(messages) = alone.end(session, done).await? {
            return Ok(messages);
        }
    }
}

async fn anew_inside(
    session: &mut Session,
    versions: &Versions,
    outlet: &Outlet,
    asked: &[Asked],
    least: &BTreeMap<String, i64>,
) -> Result<Vec<Message>, Error> {
    let names: Vec<String> = asked.iter().map(|it| it.key.clone()).collect();
    let place = &outlet.table.name;
    let known = versions.of(session, place, &names).await?;
    let mut messages = said(session, outlet, &known, asked).await?;
    versions.raise(session, place, &mut messages, least).await?;
    Ok(messages)
}

/// What rows say of keys, without versions.
async fn said(
    session: &mut Session,
    outlet: &Outlet,
    known: &BTreeMap<String, Version>,
    asked: &[Asked],
) -> Result<Vec<Message>, Error> {
    let owner =
        |it: &Asked| known.get(&it.key).and_then(|it| it.owner.clone()).or(it.owner.clone());
    let keys: Vec<String> =
        asked.iter().map(|it| it.key.clone()).chain(asked.iter().filter_map(owner)).collect();
    let rows = by_keys(session, outlet, &keys).await?;
    let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.key.clone(), row)).collect();
    let store = |row: &Existing| (!row.store.is_empty()).then(|| row.store.display().into_owned());
    let message = |it: &Asked| {
        if let Some(row) = rows.get(&it.key) {
            return outlet.message(&it.key, store(row).as_deref(), Some(&row.data.display()));
        }
        let further = owner(it).and_then(|owner| {
            let row = rows.get(&owner)?;
            let value = row.aliases().remove(&it.key)?;
            let message = outlet.message(&it.key, store(row).as_deref(), Some(&value));
            Some(Message { owner: Some(owner), ..message })
        });
        further.unwrap_or_else(|| outlet.message(&it.key, it.store.as_deref(), None))
    };
    Ok(asked.iter().map(message).collect())
}
