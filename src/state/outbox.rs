//! The outbox: messages written with the change they tell of, and sent from here.
//!
//! Answers for each message being there once, for what became of it at each recipient, and for when
//! it is tried again. What a message says is `report`'s, how it travels `mail`'s.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Error, State, read, text, written};
use crate::catalog::{Kind, Table};
use crate::database;

/// A message about a job, as it will be sent, however often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The same for the same event, so that a message sent again is recognised as the same.
    pub id: String,
    pub job: String,
    /// Messages are numbered in the order of what they tell of, from 1, whatever clocks say; the state
    /// store does it. 0 in those of earlier releases.
    #[serde(default)]
    pub number: u64,
    /// The run it tells of, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    pub at: Timestamp,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Addresses it goes to.
    pub to: Vec<String>,
    /// Addresses that the operator's `mail.recipients` don't allow.
    pub refused: Vec<String>,
}

/// What became of a message so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Delivery {
    /// Recipients whose server took it, and when.
    pub taken: BTreeMap<String, Timestamp>,
    /// Recipients that were refused for good, with what their server said.
    pub lost: BTreeMap<String, String>,
    /// Recipients it is sent to again, with why that is.
    pub late: BTreeMap<String, String>,
    pub attempts: u32,
    /// When it first didn't get out.
    pub since: Option<Timestamp>,
    /// Not tried before this moment.
    pub again: Option<Timestamp>,
}

/// A message with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub message: Message,
    pub delivery: Delivery,
}

/// Messages kept; the results hold what older ones told.
const MOST_MESSAGES: usize = 2_000;
/// The name under which the state store keeps the number of the latest message.
const LAST_NUMBER: &str = "messages";
const WAITING: &str = "waiting";
const OVER: &str = "over";
/// Over, and somebody didn't get it.
const LOST: &str = "lost";

pub(super) fn table() -> Table {
    let columns = [
        ("id", Kind::Text),
        ("state", Kind::Text),
        ("message", Kind::Text),
        ("delivery", Kind::Text),
    ];
    Table::plain("reconcile_outbox", &columns, &["id"])
}

impl Message {
    /// Where it stands among others.
    fn place(&self) -> (u64, Timestamp, &str) {
        (self.number, self.at, &self.id)
    }

    /// Recipients that neither took it nor refused it for good.
    pub fn open<'a>(&'a self, delivery: &'a Delivery) -> impl Iterator<Item = &'a str> {
        let is_open =
            |to: &&String| !delivery.taken.contains_key(*to) && !delivery.lost.contains_key(*to);
        self.to.iter().filter(is_open).map(String::as_str)
    }
}

impl State {
    /// Makes a store ready for numbering messages, outside any transaction.
    pub(super) async fn begin_numbers(&mut self) -> Result<(), Error> {
        match self.noted(LAST_NUMBER).await? {
            Some(_) => Ok(()),
            None => self.note(LAST_NUMBER, "0").await,
        }
    }

    /// Puts messages into the outbox, in the order given and after all that are there.
    pub(super) async fn post_all(&mut self, messages: &[Message]) -> Result<(), Error> {
        if messages.is_empty() {
            return Ok(());
        }
        let last = self.noted(LAST_NUMBER).await?.and_then(|last| last.parse().ok());
        let mut number: u64 = last.unwrap_or_default();
        for message in messages {
            number += 1;
            self.post(&Message { number, ..message.clone() }).await?;
        }
        self.note(LAST_NUMBER, &number.to_string()).await
    }

    /// Puts a message into the outbox; one that is there already stays as it is.
    async fn post(&mut self, message: &Message) -> Result<(), Error> {
        let (by, wanted) = (["id".to_owned()], [vec![text(&message.id)]]);
        let there = self.session.find(&self.tables.outbox, &by, &by, &wanted).await?;
        if !there.is_empty() {
            return Ok(());
        }
        let state = text(if message.to.is_empty() { OVER } else { WAITING });
        let (id, body) = (text(&message.id), written(message));
        let delivery = written(&Delivery::default());
        let row = [("id", &id), ("state", &state), ("message", &body), ("delivery", &delivery)];
        self.session.insert(&self.tables.outbox, &row).await?;
        self.place(i64::try_from(message.number).unwrap_or(i64::MAX), &message.id).await
    }

    /// Messages that are still to be sent to somebody, oldest first.
    pub async fn waiting(&mut self) -> Result<Vec<Posted>, Error> {
        self.in_state(&[WAITING]).await
    }

    /// Messages that somebody didn't get, or didn't get yet, oldest first.
    pub async fn not_out(&mut self) -> Result<Vec<Posted>, Error> {
        self.in_state(&[WAITING, LOST]).await
    }

    async fn in_state(&mut self, states: &[&str]) -> Result<Vec<Posted>, Error> {
        let columns = ["message", "delivery"].map(str::to_owned);
        let by = ["state".to_owned()];
        let wanted: Vec<_> = states.iter().map(|state| vec![text(state)]).collect();
        let found = self.session.find(&self.tables.outbox, &columns, &by, &wanted).await?;
        let mut posted =
            found.iter().map(|(_, row)| posted(&row[0], &row[1])).collect::<Result<Vec<_>, _>>()?;
        posted.sort_by(|a, b| a.message.place().cmp(&b.message.place()));
        Ok(posted)
    }

    /// Takes a message for one attempt, so that no other process sends it until `until`. Returns
    /// whether it was to be had.
    pub async fn take(&mut self, posted: &mut Posted, until: Timestamp) -> Result<bool, Error> {
        let (id, before) = (text(&posted.message.id), written(&posted.delivery));
        posted.delivery.again = Some(until);
        let delivery = written(&posted.delivery);
        let key = [("id", &id), ("delivery", &before)];
        match self.session.update(&self.tables.outbox, &key, &[("delivery", &delivery)]).await {
            Ok(()) => Ok(true),
            Err(database::Error::RowCount { .. }) => Ok(false),
            Err(error) if error.is_retryable() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes what became of a message.
    pub async fn delivered(&mut self, message: &Message, delivery: &Delivery) -> Result<(), Error> {
        let is_over = message.open(delivery).next().is_none();
        let state = match (is_over, delivery.lost.is_empty()) {
            (false, _) => WAITING,
            (true, false) => LOST,
            (true, true) => OVER,
        };
        let (id, state, delivery) = (text(&message.id), text(state), written(delivery));
        let set = [("state", &state), ("delivery", &delivery)];
        Ok(self.session.update(&self.tables.outbox, &[("id", &id)], &set).await?)
    }

    /// All messages, newest first.
    pub async fn messages(&mut self) -> Result<Vec<Posted>, Error> {
        let columns = ["id", "message", "delivery"].map(str::to_owned);
        self.session.begin().await?;
        let none = BTreeMap::new();
        let mut all = Vec::new();
        let mut rows =
            self.session.scan(&self.tables.outbox, &columns, &columns[..1], &none).await?;
        while let Some(row) = rows.next().await? {
            all.push(posted(&row[1], &row[2])?);
        }
        drop(rows);
        self.session.rollback().await?;
        all.sort_by(|a, b| b.message.place().cmp(&a.message.place()));
        Ok(all)
    }

    /// Forgets the oldest messages of which nothing is to be sent any more.
    pub async fn forget_old_messages(&mut self) -> Result<(), Error> {
        let over = |posted: &Posted| posted.message.open(&posted.delivery).next().is_none();
        for old in self.messages().await?.into_iter().skip(MOST_MESSAGES).filter(over) {
            self.leave_place(i64::try_from(old.message.number).unwrap_or(i64::MAX)).await?;
            self.session.delete(&self.tables.outbox, &[("id", &text(&old.message.id))]).await?;
        }
        Ok(())
    }
}

pub(super) fn posted(
    message: &crate::database::Value,
    delivery: &crate::database::Value,
) -> Result<Posted, Error> {
    Ok(Posted {
        message: read(message, || "a message of the outbox".into())?,
        delivery: read(delivery, || "the delivery of a message".into())?,
    })
}
