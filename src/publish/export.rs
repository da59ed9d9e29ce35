//! `sync:data`: the rows of storage and search tables, sent as they are.
//!
//! Answers for every row being sent once, read page by page in the order of its key, so that gaps and
//! rows that come and go meanwhile change nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Error;
use super::current::{Asked, anew};
use super::load::{Wanted, rows_by};
use super::message::{Message, Which};
use super::model::Outlet;
use super::pace::Steps;
use super::publisher::{columns, existing_of};
use super::rows::Existing;
use super::shop::Shop;
use super::versions::Versions;
use crate::database::{Session, Value};

/// Rows read at once.
const PAGE: usize = 2000;

/// Where an outlet's next page begins; its first one is that of all rows.
pub(super) type After = Option<Vec<Value>>;

/// An outlet whose rows are read, and of which entities; none: of all.
#[derive(Clone, Copy)]
pub(super) struct Reading<'m> {
    pub outlet: &'m Outlet,
    pub numbered: bool,
    pub ids: &'m [String],
}

/// What was read: how many rows, their messages, and where the next ones begin.
pub(super) struct Page {
    pub rows: u64,
    pub messages: Vec<Message>,
    pub next: After,
}

impl Shop {
    /// Sends the rows of all resources, or those of the entities given. `tell` hears of each page.
    pub async fn export(
        &mut self,
        ids: &[String],
        tell: &mut dyn FnMut(&Self),
    ) -> Result<(), Error> {
        // Of some entities nobody knows how many rows there are.
        let rows = if ids.is_empty() { self.rows().await? } else { 0 };
        self.steps = Steps::of(rows);
        for model in self.models.clone() {
            for outlet in &model.outlets {
                let reading = Reading { outlet, numbered: model.is_numbered(), ids };
                self.export_outlet(reading, tell).await?;
            }
        }
        Ok(())
    }

    /// The next page is read while one is being sent.
    async fn export_outlet(
        &mut self,
        reading: Reading<'_>,
        tell: &mut dyn FnMut(&Self),
    ) -> Result<(), Error> {
        let queue = &reading.outlet.queue;
        let mut page = Some(read(&mut self.session, &self.versions, reading, None).await?);
        while let Some(Page { rows, messages, next }) = page {
            let sending = self.brokers.send(queue, &messages, self.packing);
            let (session, versions) = (&mut self.session, &self.versions);
            let reading = async {
                match next {
                    None => Ok(None),
                    from => read(session, versions, reading, from).await.map(Some),
                }
            };
            let (sent, following) = tokio::join!(sending, reading);
            match sent {
                Ok(()) => self.counts.sent += messages.len() as u64,
                Err(error) if error.passes() => self.send(queue, &messages).await?,
                Err(error) => return Err(error),
            }
            self.counts.read += rows;
            self.steps.took(rows);
            if let Some(crew) = &mut self.crew {
                crew.given_up()?;
            }
            tell(self);
            page = following?;
        }
        Ok(())
    }

    /// A page of an outlet's rows, and where the next one begins.
    pub(super) async fn page(
        &mut self,
        (model, outlet): (usize, usize),
        after: After,
    ) -> Result<(Vec<Existing>, After), Error> {
        let model = Arc::clone(&self.models[model]);
        let outlet = &model.outlets[outlet];
        let reading = Reading { outlet, numbered: model.is_numbered(), ids: &[] };
        self.session.begin().await?;
        let page = rows(&mut self.session, reading, after).await;
        self.session.rollback().await?;
        page
    }
}

/// A page with versions that were read in the same moment: a newer one beside an older row would have the
/// stores keep what is outdated.
pub(super) async fn read(
    session: &mut Session,
    versions: &Versions,
    reading: Reading<'_>,
    after: After,
) -> Result<Page, Error> {
    session.begin().await?;
    let page = match rows(session, reading, after).await {
        Ok((rows, next)) => {
            let messages = with_versions(session, versions, reading.outlet, &rows).await;
            messages.map(|messages| (rows.len() as u64, messages, next))
        }
        Err(error) => Err(error),
    };
    session.rollback().await?;
    let (rows, (mut messages, new), next) = page?;
    if !new.is_empty() {
        let least = BTreeMap::new();
        messages.extend(anew(session, versions, reading.outlet, &new, &least).await?);
    }
    Ok(Page { rows, messages, next })
}

async fn rows(
    session: &mut Session,
    Reading { outlet, numbered, ids }: Reading<'_>,
    after: After,
) -> Result<(Vec<Existing>, After), Error> {
    let (columns, table) = (columns(outlet), &outlet.table);
    if !ids.is_empty() {
        let wanted = Wanted::of(&Which::Ids(ids.to_vec()), numbered);
        let found = rows_by(session, table, &columns, &outlet.fk, &wanted).await?;
        return Ok((found.iter().map(|row| existing_of(&columns, row)).collect(), None));
    }
    let key = match table.primary_key.as_slice() {
        [] => vec!["key".to_owned()],
        key => key.to_vec(),
    };
    let mut read = columns.clone();
    read.extend(key.iter().cloned());
    let page = session.page(table, &read, &key, after.as_deref(), PAGE).await?;
    let next = page.last().filter(|_| page.len() == PAGE);
    let next = next.map(|row| row[columns.len()..].to_vec());
    let rows = page.iter().map(|row| existing_of(&columns, row)).collect();
    Ok((rows, next))
}

/// The rows' messages, and the keys that have no version, since another program wrote them.
async fn with_versions(
    session: &mut Session,
    versions: &Versions,
    outlet: &Outlet,
    rows: &[Existing],
) -> Result<(Vec<Message>, Vec<Asked>), Error> {
    let messages: Vec<Message> = rows.iter().flat_map(|row| outlet.messages_as_is(row)).collect();
    let keys: Vec<String> = messages.iter().map(|message| message.key.clone()).collect();
    let known = versions.of(session, &outlet.table.name, &keys).await?;
    let (mut all, mut new) = (Vec::new(), Vec::new());
    for message in messages {
        match known.get(&message.key) {
            Some(version) if version.is_anothers(&message) => {}
            Some(version) if !version.is_gone => {
                all.push(Message { version: Some(version.number), ..message });
            }
            _ => new.push(Asked::from(&message)),
        }
    }
    Ok((all, new))
}

impl Outlet {
    /// The messages of a row as it stands.
    pub fn messages_as_is(&self, row: &Existing) -> Vec<Message> {
        let store = (!row.store.is_empty()).then(|| row.store.display().into_owned());
        self.messages_of((&row.key, store.as_deref()), &row.data.display(), &row.aliases())
    }
}
