//! Events: entities whose rows are to be made anew, as they come out of their queue.
//!
//! Answers for publishing, and keeping others from it, only where something differs: in a run over a whole
//! resource most entities say what they should. Several events are looked at at once (`look`), and
//! published one by one.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::load::Wanted;
use super::look::{Looked, look};
use super::message::{Event, Which};
use super::model::Model;
use super::shop::Shop;
use super::{Counts, Error, publisher};
use crate::database::{Access, Session};
use crate::queue::Delivery;

/// An event that is being looked at.
struct Begun<'d> {
    delivery: &'d Delivery,
    model: Arc<Model>,
    which: Which,
    looking: JoinHandle<(Session, Result<Looked, Error>)>,
}

impl Shop {
    pub(super) async fn events(
        &mut self,
        queue: &str,
        deliveries: &[Delivery],
    ) -> Result<(), Error> {
        if deliveries.iter().any(|delivery| delivery.again) {
            self.send_unsent().await?;
        }
        let at_once = self.config.environment(self.environment).connections;
        let mut begun = VecDeque::new();
        for delivery in deliveries {
            let Some((model, which)) = self.understood(queue, delivery).await? else { continue };
            if matches!(which, Which::Ids(_)) || self.changing.contains(&model.name) {
                self.publish_event(queue, delivery, &model, &which).await?;
                continue;
            }
            begun.push_back(self.begin_to_look(delivery, model, which).await?);
            if begun.len() >= at_once {
                self.publish_differing(queue, begun.pop_front()).await?;
            }
        }
        while !begun.is_empty() {
            self.publish_differing(queue, begun.pop_front()).await?;
        }
        Ok(())
    }

    /// What an event asks for. One that can't be understood goes to the error queue.
    async fn understood(
        &mut self,
        queue: &str,
        delivery: &Delivery,
    ) -> Result<Option<(Arc<Model>, Which)>, Error> {
        let event = match Event::parse(&delivery.body) {
            Ok(event) => event,
            Err(error) => {
                self.refuse(queue, delivery, &error.to_string()).await?;
                return Ok(None);
            }
        };
        if let Some(model) = self.models.iter().find(|model| model.name == event.resource) {
            return Ok(Some((Arc::clone(model), event.which)));
        }
        let reason = format!("no manifest describes a resource {}", event.resource);
        self.refuse(queue, delivery, &reason).await?;
        Ok(None)
    }

    async fn begin_to_look<'d>(
        &mut self,
        delivery: &'d Delivery,
        model: Arc<Model>,
        which: Which,
    ) -> Result<Begun<'d>, Error> {
        let mut session = if let Some(session) = self.lookers.pop() {
            session
        } else {
            let url = self.config.environment(self.environment).database.expose();
            Session::open(url, self.environment.as_str(), Access::ReadOnly).await?
        };
        let (of, wanted) = (Arc::clone(&model), Wanted::of(&which, model.is_numbered()));
        let looking = tokio::spawn(async move {
            let looked = look(&mut session, &of, &wanted).await;
            (session, looked)
        });
        Ok(Begun { delivery, model, which, looking })
    }

    /// Waits for what was seen of an event, and publishes what differs.
    async fn publish_differing(
        &mut self,
        queue: &str,
        begun: Option<Begun<'_>>,
    ) -> Result<(), Error> {
        let Some(Begun { delivery, model, which, looking }) = begun else { return Ok(()) };
        let (session, looked) = looking.await.map_err(|_| Error::Looking)?;
        // A connection that broke serves nobody any more.
        if looked.as_ref().err().is_none_or(publisher::is_of_the_event) {
            self.lookers.push(session);
        }
        let Looked { counts, differing } = match looked {
            Ok(looked) => looked,
            Err(error) if publisher::is_of_the_event(&error) => {
                return self.refuse(queue, delivery, &error.to_string()).await;
            }
            Err(error) => return Err(error),
        };
        // By range the others are read once more, which costs less than naming so many.
        if differing.len() as u64 > counts.read {
            return self.publish_event(queue, delivery, &model, &which).await;
        }
        self.counts += counts;
        if differing.is_empty() {
            return Ok(self.brokers.of_events().acknowledge(queue, &[delivery.tag]).await?);
        }
        let which = Which::Ids(differing.into_iter().collect());
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
                return self.refuse(queue, delivery, &error.to_string()).await;
            }
            Err(error) => return Err(error),
        };
        self.expect(model, which, &published.counts);
        self.counts += published.counts;
        for fault in &published.faults {
            let which = Which::Ids(vec![fault.id.clone()]);
            let body = Event { resource: model.name.clone(), which }.body();
            self.brokers.of_events().fail(queue, &body, delivery.sent, &fault.reason).await?;
        }
        self.send_published(&published).await?;
        Ok(self.brokers.of_events().acknowledge(queue, &[delivery.tag]).await?)
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
    async fn refuse(
        &mut self,
        queue: &str,
        delivery: &Delivery,
        reason: &str,
    ) -> Result<(), Error> {
        self.counts.failed += 1;
        let broker = self.brokers.of_events();
        broker.fail(queue, &delivery.body, delivery.sent, reason).await?;
        Ok(self.brokers.of_events().acknowledge(queue, &[delivery.tag]).await?)
    }
}
