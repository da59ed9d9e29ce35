//! Events: entities whose rows are to be made anew, as they come out of their queue.
//!
//! Answers for publishing, and keeping others from it, only where something differs: in a run over a whole
//! resource most entities say what they should, and any snapshot that is younger than the event shows it.
//! While one event's documents are made and compared, the next one's rows are read.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::load::{Entity, Wanted};
use super::message::{Event, Which};
use super::model::Model;
use super::rows::{self, Existing};
use super::shop::Shop;
use super::{Counts, Error, publisher};
use crate::queue::Delivery;

/// What was read of an event, and is looked through by another thread.
struct Looked<'d> {
    delivery: &'d Delivery,
    model: Arc<Model>,
    which: Which,
    judging: JoinHandle<Judged>,
}

/// Of the entities of an event: what was found of those that say what they should, and the others.
struct Judged {
    counts: Counts,
    differing: BTreeSet<String>,
}

impl Shop<'_> {
    pub(super) async fn events(
        &mut self,
        queue: &str,
        deliveries: &[Delivery],
    ) -> Result<(), Error> {
        if deliveries.iter().any(|delivery| delivery.again) {
            self.send_unsent().await?;
        }
        let mut before = None;
        for delivery in deliveries {
            let looked = self.look(queue, delivery).await?;
            if let Some(before) = std::mem::replace(&mut before, looked) {
                self.publish_differing(queue, before).await?;
            }
        }
        match before {
            Some(last) => self.publish_differing(queue, last).await,
            None => Ok(()),
        }
    }

    /// Begins with an event. One that can't be understood, or where nearly everything will differ, is done
    /// with at once.
    async fn look<'d>(
        &mut self,
        queue: &str,
        delivery: &'d Delivery,
    ) -> Result<Option<Looked<'d>>, Error> {
        let event = match Event::parse(&delivery.body) {
            Ok(event) => event,
            Err(error) => return self.refuse(queue, delivery, &error.to_string()).await,
        };
        let Some(model) = self.models.iter().find(|model| model.name == event.resource) else {
            let reason = format!("no manifest describes a resource {}", event.resource);
            return self.refuse(queue, delivery, &reason).await;
        };
        let model = Arc::clone(model);
        let is_named = matches!(event.which, Which::Ids(_));
        if is_named || self.changing.contains(&model.name) {
            self.publish_event(queue, delivery, &model, &event.which).await?;
            return Ok(None);
        }
        match self.read(&model, &event.which).await {
            Ok((entities, existing)) => {
                let own = Arc::clone(&model);
                let judging =
                    tokio::task::spawn_blocking(move || judge(&own, &entities, &existing));
                Ok(Some(Looked { delivery, model, which: event.which, judging }))
            }
            Err(error) if publisher::is_of_the_event(&error) => {
                self.refuse(queue, delivery, &error.to_string()).await
            }
            Err(error) => Err(error),
        }
    }

    async fn read(
        &mut self,
        model: &Model,
        which: &Which,
    ) -> Result<(Vec<Entity>, Vec<Vec<Existing>>), Error> {
        let wanted = Wanted::of(which, model.is_numbered());
        self.session.begin_looking().await?;
        let read = publisher::read(&mut self.session, model, &wanted).await;
        // The first error is the one that matters.
        let ended = self.session.rollback().await;
        let read = read?;
        ended?;
        Ok(read)
    }

    async fn publish_differing(&mut self, queue: &str, looked: Looked<'_>) -> Result<(), Error> {
        let Looked { delivery, model, which, judging } = looked;
        let judged = judging.await.map_err(|_| Error::Judging)?;
        let alike = judged.counts.read;
        let differing = judged.differing.len() as u64;
        if differing == 0 {
            self.counts += judged.counts;
            return Ok(self.broker.acknowledge(queue, &[delivery.tag]).await?);
        }
        if differing > alike {
            return self.publish_event(queue, delivery, &model, &which).await;
        }
        self.counts += judged.counts;
        let which = Which::Ids(judged.differing.into_iter().collect());
        self.publish_event(queue, delivery, &model, &which).await
    }

    async fn publish_event(
        &mut self,
        queue: &str,
        delivery: &Delivery,
        model: &Model,
        which: &Which,
    ) -> Result<(), Error> {
        let wanted = Wanted::of(which, model.is_numbered());
        let done = publisher::publish(&mut self.session, &self.versions, model, &wanted).await;
        let published = match done {
            Ok(published) => published,
            Err(error) if publisher::is_of_the_event(&error) => {
                self.refuse(queue, delivery, &error.to_string()).await?;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.expect(model, which, &published.counts);
        self.counts += published.counts;
        for fault in &published.faults {
            let which = Which::Ids(vec![fault.id.clone()]);
            let body = Event { resource: model.name.clone(), which }.body();
            self.broker.fail(queue, &body, delivery.sent, &fault.reason).await?;
        }
        self.send_published(&published).await?;
        Ok(self.broker.acknowledge(queue, &[delivery.tag]).await?)
    }

    /// The next part of a whole resource will be much like this one.
    fn expect(&mut self, model: &Model, which: &Which, counts: &Counts) {
        if matches!(which, Which::Between { .. }) {
            let is_changing = counts.changed + counts.deleted > counts.unchanged;
            match is_changing {
                true => self.changing.insert(model.name.clone()),
                false => self.changing.remove(&model.name),
            };
        }
    }

    /// An event that can't be carried out goes to the error queue whole.
    async fn refuse<'d>(
        &mut self,
        queue: &str,
        delivery: &Delivery,
        reason: &str,
    ) -> Result<Option<Looked<'d>>, Error> {
        self.fail(queue, delivery, &delivery.body, reason).await?;
        self.broker.acknowledge(queue, &[delivery.tag]).await?;
        Ok(None)
    }
}

/// Compares what was read. Pure.
fn judge(model: &Model, entities: &[Entity], existing: &[Vec<Existing>]) -> Judged {
    let mut differing = BTreeSet::new();
    let mut alike = Vec::with_capacity(existing.len());
    for (outlet, existing) in model.outlets.iter().zip(existing) {
        let mut faults = Vec::new();
        let wanted = rows::wanted(model, outlet, entities, &mut faults);
        differing.extend(faults.into_iter().map(|fault| fault.id));
        let difference = rows::difference(&wanted, existing);
        differing.extend(difference.entities());
        alike.push(existing);
    }
    let is_alike = |id: &crate::database::Value| !differing.contains(&*id.display());
    let rows = alike.into_iter().flatten();
    let counts = Counts {
        read: entities.iter().filter(|entity| is_alike(&entity.id)).count() as u64,
        unchanged: rows.filter(|row| is_alike(&row.entity)).count() as u64,
        ..Counts::default()
    };
    Judged { counts, differing }
}
