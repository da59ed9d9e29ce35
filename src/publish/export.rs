//! `sync:data`: the rows of storage and search tables, sent as they are.
//!
//! Answers for every row being sent once, read page by page in the order of its key, so that gaps and
//! rows that come and go meanwhile change nothing.

use std::collections::BTreeMap;

use super::Error;
use super::current::{Asked, anew};
use super::load::{Wanted, rows_by};
use super::message::{Message, Which};
use super::pace::Steps;
use super::publisher::{columns, existing_of};
use super::rows::Existing;
use super::shop::Shop;
use crate::database::{Slice, Stretch, Value};

/// Rows read at once.
const PAGE: usize = 2000;

impl Shop<'_> {
    /// Sends the rows of all resources, or those of the entities given; returns how many. `tell` hears of
    /// each page.
    pub async fn export(
        &mut self,
        ids: &[String],
        tell: &mut dyn FnMut(&Self),
    ) -> Result<(), Error> {
        // Of some entities nobody knows how many rows there are.
        let rows = if ids.is_empty() { self.rows().await? } else { 0 };
        self.steps = Steps::of(rows);
        for model in 0..self.models.len() {
            for outlet in 0..self.models[model].outlets.len() {
                let mut after = None;
                loop {
                    let page = self.page_of_messages((model, outlet), ids, after).await?;
                    let (rows, messages, next) = page;
                    self.counts.read += rows as u64;
                    self.steps.took(rows as u64);
                    let queue = self.models[model].outlets[outlet].queue.clone();
                    self.send(&queue, &messages).await?;
                    tell(self);
                    match next {
                        Some(next) => after = Some(next),
                        None => break,
                    }
                }
            }
        }
        Ok(())
    }

    /// A page of an outlet's rows, and where the next one begins.
    pub(super) async fn page(
        &mut self,
        at: (usize, usize),
        ids: &[String],
        after: Option<Vec<Value>>,
    ) -> Result<(Vec<Existing>, Option<Vec<Value>>), Error> {
        self.session.begin().await?;
        let page = self.page_inside(at, ids, after).await;
        self.session.rollback().await?;
        page
    }

    /// The messages of a page, with versions that were read in the same moment: a newer one beside an
    /// older row would have the stores keep what is outdated.
    pub(super) async fn page_of_messages(
        &mut self,
        at: (usize, usize),
        ids: &[String],
        after: Option<Vec<Value>>,
    ) -> Result<(usize, Vec<Message>, Option<Vec<Value>>), Error> {
        self.session.begin().await?;
        let page = match self.page_inside(at, ids, after).await {
            Ok((rows, next)) => {
                self.with_versions(at, &rows).await.map(|it| (rows.len(), it, next))
            }
            Err(error) => Err(error),
        };
        self.session.rollback().await?;
        let (rows, (mut messages, new), next) = page?;
        let outlet = &self.models[at.0].outlets[at.1];
        if !new.is_empty() {
            let least = BTreeMap::new();
            messages.extend(anew(&mut self.session, &self.versions, outlet, &new, &least).await?);
        }
        Ok((rows, messages, next))
    }

    async fn page_inside(
        &mut self,
        (model, outlet): (usize, usize),
        ids: &[String],
        after: Option<Vec<Value>>,
    ) -> Result<(Vec<Existing>, Option<Vec<Value>>), Error> {
        let numbered = self.models[model].is_numbered();
        let outlet = &self.models[model].outlets[outlet];
        let columns = columns(outlet);
        let (session, table) = (&mut self.session, &outlet.table);
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
        let stretch = Stretch { after, upto: None };
        let slice = Slice { stretch: &stretch, buckets: None };
        let nothing = BTreeMap::default();
        let mut scan = session.scan_slice(table, &read, &key, &nothing, slice).await?;
        let (mut rows, mut next) = (Vec::new(), None);
        while let Some(row) = scan.next().await? {
            rows.push(existing_of(&columns, &row));
            if rows.len() == PAGE {
                next = Some(row[columns.len()..].to_vec());
                break;
            }
        }
        Ok((rows, next))
    }

    /// The rows' messages, and the keys that have no version, since another program wrote them.
    async fn with_versions(
        &mut self,
        (model, outlet): (usize, usize),
        rows: &[Existing],
    ) -> Result<(Vec<Message>, Vec<Asked>), Error> {
        let outlet = &self.models[model].outlets[outlet];
        let messages: Vec<Message> =
            rows.iter().flat_map(|row| outlet.messages_as_is(row)).collect();
        let keys: Vec<String> = messages.iter().map(|message| message.key.clone()).collect();
        let known = self.versions.of(&mut self.session, &outlet.table.name, &keys).await?;
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
}

impl super::model::Outlet {
    /// The messages of a row as it stands.
    pub fn messages_as_is(&self, row: &Existing) -> Vec<Message> {
        let store = (!row.store.is_empty()).then(|| row.store.display().into_owned());
        self.messages_of((&row.key, store.as_deref()), &row.data.display(), &row.aliases())
    }
}
