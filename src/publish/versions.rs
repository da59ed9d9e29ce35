//! Versions of keys, and what still has to be sent: tables of our own beside the storage tables.
//!
//! Answers for a key's versions only rising, whatever the clock does, and for nothing being lost that was
//! committed and not yet sent. Both are written in the transaction that changes the rows.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use super::message::Message;
use crate::catalog::{Kind, Table};
use crate::database::{Alike, AlikeRow, Session, Value, Write};
use crate::state::random_word;

/// For so long a deleted key's version is kept, in microseconds.
const TOMBSTONE: i64 = 7 * 24 * 3600 * 1_000_000;

/// The tables of our own in an environment.
pub struct Versions {
    version: Table,
    pending: Table,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub number: i64,
    /// The key was deleted.
    pub is_gone: bool,
    /// Of a further key: the key of the row that has it.
    pub owner: Option<String>,
}

/// Messages that were committed and perhaps never sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub id: String,
    /// The storage or search table.
    pub place: String,
    /// Keys with the shop's store of each.
    pub keys: Vec<(String, Option<String>)>,
}

impl Versions {
    /// Makes the tables where they are missing.
    pub async fn open(session: &mut Session) -> Result<Self, Error> {
        let version = Table::plain(
            "reconcile_publish_version",
            &[
                ("place", Kind::Text),
                ("key", Kind::Text),
                ("version", Kind::Integer),
                ("gone", Kind::Integer),
                ("owner", Kind::Text),
            ],
            &["place", "key"],
        );
        let pending = Table::plain(
            "reconcile_publish_pending",
            &[("id", Kind::Text), ("place", Kind::Text), ("keys", Kind::Text)],
            &["id"],
        );
        session.create_table_if_missing(&version).await?;
        session.create_table_if_missing(&pending).await?;
        Ok(Self { version, pending })
    }

    /// What is known of keys, by key.
    pub async fn of(
        &self,
        session: &mut Session,
        place: &str,
        keys: &[String],
    ) -> Result<BTreeMap<String, Version>, Error> {
        let columns = ["version", "gone", "owner"].map(str::to_owned);
        let by = ["place", "key"].map(str::to_owned);
        let wanted: Vec<Vec<Value>> = keys.iter().map(|key| vec![text(place), text(key)]).collect();
        let found = session.find(&self.version, &columns, &by, &wanted).await?;
        let version = |row: &[Value]| Version {
            number: integer(&row[0]),
            is_gone: integer(&row[1]) != 0,
            owner: (!row[2].is_empty()).then(|| row[2].display().into_owned()),
        };
        Ok(found.into_iter().map(|(at, row)| (keys[at].clone(), version(&row))).collect())
    }

    /// Gives each message the next version of its key: the time, or one more than the version before.
    /// `least`: the versions that others are known to have, by key. A further key that went over to
    /// another row isn't deleted: its message is dropped.
    pub async fn raise(
        &self,
        session: &mut Session,
        place: &str,
        messages: &mut Vec<Message>,
        least: &BTreeMap<String, i64>,
    ) -> Result<(), Error> {
        let now = session.now().await?.as_microsecond();
        let keys: BTreeSet<&String> = messages.iter().map(|message| &message.key).collect();
        let keys: Vec<String> = keys.into_iter().cloned().collect();
        let before = self.of(session, place, &keys).await?;
        messages.retain(|message| !is_of_another(message, before.get(&message.key)));
        let mut rows: BTreeMap<&str, [Value; 5]> = BTreeMap::new();
        for message in messages.iter_mut() {
            let known = before.get(&message.key).map_or(0, |version| version.number);
            let known = known.max(least.get(&message.key).copied().unwrap_or_default());
            let number = now.max(known + 1);
            message.version = Some(number);
        }
        for message in messages.iter() {
            let number = message.version.unwrap_or(now);
            let gone = if message.value.is_none() { now } else { 0 };
            let owner = message.owner.as_deref().filter(|_| message.value.is_some());
            let owner = text(owner.unwrap_or_default());
            let (number, gone) = (Value::Integer(number), Value::Integer(gone));
            let row = [text(place), text(&message.key), number, gone, owner];
            rows.insert(&message.key, row);
        }
        let (known, new): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(key, _)| before.contains_key(*key));
        self.write(session, Write::Update, &known).await?;
        self.write(session, Write::Insert, &new).await
    }

    async fn write(
        &self,
        session: &mut Session,
        write: Write,
        rows: &[(&str, [Value; 5])],
    ) -> Result<(), Error> {
        let row = |(_, row): &(&str, [Value; 5])| row.clone();
        let rows: Vec<[Value; 5]> = rows.iter().map(row).collect();
        let (key, set): (&[&str], &[&str]) = match write {
            Write::Update => (&["place", "key"], &["version", "gone", "owner"]),
            Write::Insert | Write::Delete => (&[], &["place", "key", "version", "gone", "owner"]),
        };
        for rows in rows.chunks(2000) {
            let rows = rows.iter().map(|row| {
                let (first, last) = row.split_at(key.len());
                AlikeRow { key: first.iter().collect(), set: last.iter().collect() }
            });
            let alike = Alike {
                write,
                table: &self.version,
                key: key.to_vec(),
                set: set.to_vec(),
                rows: rows.collect(),
            };
            if !alike.rows.is_empty() {
                session.write_alike(&alike).await?;
            }
        }
        Ok(())
    }

    /// Notes that messages are to be sent; returns the name of the note.
    pub async fn note(
        &self,
        session: &mut Session,
        place: &str,
        messages: &[Message],
    ) -> Result<String, Error> {
        let id = random_word(32);
        let keys: Vec<_> = messages.iter().map(|it| (&it.key, &it.store)).collect();
        let keys = serde_json::to_string(&keys).expect("texts are JSON");
        let (id_value, place, keys) = (text(&id), text(place), text(&keys));
        let row = [("id", &id_value), ("place", &place), ("keys", &keys)];
        session.insert(&self.pending, &row).await?;
        Ok(id)
    }

    /// Takes notes back: everything was sent.
    pub async fn sent(&self, session: &mut Session, notes: &[String]) -> Result<(), Error> {
        for note in notes {
            let id = text(note);
            match session.delete(&self.pending, &[("id", &id)]).await {
                // Somebody else sent it as well.
                Ok(()) | Err(crate::database::Error::RowCount { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What was committed and perhaps never sent: notes with their table and keys.
    pub async fn unsent(&self, session: &mut Session) -> Result<Vec<Note>, Error> {
        let columns = ["id", "place", "keys"].map(str::to_owned);
        let everything = crate::database::Stretch::default();
        let rows = session.rows_within(&self.pending, &columns, &[], &everything).await?;
        let note = |row: Vec<Value>| {
            let keys = serde_json::from_str(&row[2].display()).unwrap_or_default();
            let text = |value: &Value| value.display().into_owned();
            Note { id: text(&row[0]), place: text(&row[1]), keys }
        };
        Ok(rows.into_iter().map(note).collect())
    }

    /// Forgets keys that were deleted long ago.
    pub async fn sweep(&self, session: &mut Session) -> Result<(), Error> {
        let before = session.now().await?.as_microsecond() - TOMBSTONE;
        let columns = ["place", "key"].map(str::to_owned);
        let stretch = crate::database::Stretch {
            after: Some(vec![Value::Integer(0)]),
            upto: Some(vec![Value::Integer(before)]),
        };
        let rows =
            session.rows_within(&self.version, &columns, &["gone".to_owned()], &stretch).await?;
        for row in rows {
            session.delete(&self.version, &[("place", &row[0]), ("key", &row[1])]).await?;
        }
        Ok(())
    }
}

/// Whether a message deletes a further key that another row has by now.
fn is_of_another(message: &Message, known: Option<&Version>) -> bool {
    message.value.is_none() && known.is_some_and(|known| known.is_anothers(message))
}

impl Version {
    /// Whether the message is of a row that has the key no longer.
    pub fn is_anothers(&self, message: &Message) -> bool {
        let owners = self.owner.as_ref().zip(message.owner.as_ref());
        !self.is_gone && owners.is_some_and(|(own, others)| own != others)
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn integer(value: &Value) -> i64 {
    value.display().parse().unwrap_or_default()
}
