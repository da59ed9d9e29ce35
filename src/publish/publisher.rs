//! The publisher: rows of storage and search tables made anew from the entities, and messages for those
//! that really changed.
//!
//! Answers for one transaction an event: what was read, written, versioned and noted to be sent stands
//! together or not at all; and for nobody publishing an entity by what stood there before another one did.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::load::{Entity, Wanted as Which, load, rows_by};
use super::message::Message;
use super::model::{Model, Outlet};
use super::rows::{self, Difference, Existing, Fault, Wanted};
use super::versions::Versions;
use super::{Counts, Error};
use crate::catalog::Kind;
use crate::database::{self, Alike, AlikeRow, Session, Value, Write};

/// For so long others may be in the way: each holds the resource for as long as an event takes, and
/// whoever asks first needn't be the next.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);
const AT_ONCE: usize = 2000;

/// What came of an event.
#[derive(Debug, Default)]
pub struct Published {
    /// To be sent, by queue.
    pub messages: Vec<(String, Vec<Message>)>,
    /// Notes of them, taken back once they are sent.
    pub notes: Vec<String>,
    pub faults: Vec<Fault>,
    pub counts: Counts,
}

/// Publishes entities of a resource.
pub async fn publish(
    session: &mut Session,
    versions: &Versions,
    model: &Model,
    which: &Which,
) -> Result<Published, Error> {
    let alone = Alone::with(&model.name);
    loop {
        let done = match alone.begin(session).await {
            Ok(()) => once(session, versions, model, which).await,
            Err(error) => Err(error),
        };
        if let Some(published) = alone.end(session, done).await? {
            return Ok(published);
        }
    }
}

/// A transaction that writes a resource's rows or versions: no other one does meanwhile. While others do,
/// it is tried again from its beginning.
pub struct Alone {
    name: String,
    begun: Instant,
}

impl Alone {
    pub fn with(resource: &str) -> Self {
        Self { name: format!("reconcile publish {resource}"), begun: Instant::now() }
    }

    pub async fn begin(&self, session: &mut Session) -> Result<(), Error> {
        Ok(session.begin_alone(&self.name).await?)
    }

    /// Ends the transaction, which stands if all went well. Nothing: others were in the way; it is to be
    /// tried again.
    pub async fn end<T>(
        &self,
        session: &mut Session,
        done: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match ended(session, done).await {
            Err(error) if self.may_try(&error) => {
                tokio::time::sleep(PAUSE).await;
                Ok(None)
            }
            done => done.map(Some),
        }
    }

    /// Whether others are in the way, and not for too long yet.
    fn may_try(&self, error: &Error) -> bool {
        let is_others = matches!(error, Error::Database(error) if error.is_retryable());
        is_others && self.begun.elapsed() < PATIENCE
    }
}

/// Ends a transaction that was begun alone: it stands if all went well.
async fn ended<T>(session: &mut Session, done: Result<T, Error>) -> Result<T, Error> {
    let done = match done {
        Ok(done) => session.commit().await.map(|()| done).map_err(Error::from),
        failed => failed,
    };
    if done.is_err() {
        // The first error is the one that matters.
        let _ = session.rollback().await;
    }
    let _ = session.end_alone().await;
    done
}

async fn once(
    session: &mut Session,
    versions: &Versions,
    model: &Model,
    which: &Which,
) -> Result<Published, Error> {
    let entities = load(session, model, which).await?;
    let mut published = Published::default();
    published.counts.read = entities.len() as u64;
    for outlet in &model.outlets {
        let faults = &mut published.faults;
        let (wanted, existing) = both(session, (model, outlet), &entities, which, faults).await?;
        let difference = rows::difference(&wanted, &existing);
        published.counts += difference.counts();
        if difference.is_empty() {
            continue;
        }
        let mut messages = rows::messages(outlet, &difference);
        write(session, outlet, &difference).await?;
        let place = &outlet.table.name;
        versions.raise(session, place, &mut messages, &BTreeMap::new()).await?;
        published.notes.push(versions.note(session, place, &messages).await?);
        published.messages.push((outlet.queue.clone(), messages));
    }
    published.counts.failed += published.faults.len() as u64;
    Ok(published)
}

/// What publishing entities would change. Writes nothing.
pub async fn examine(session: &mut Session, model: &Model, which: &Which) -> Result<Counts, Error> {
    let entities = load(session, model, which).await?;
    let mut counts = Counts { read: entities.len() as u64, ..Counts::default() };
    let mut faults = Vec::new();
    for outlet in &model.outlets {
        let (wanted, existing) =
            both(session, (model, outlet), &entities, which, &mut faults).await?;
        counts += rows::difference(&wanted, &existing).counts();
    }
    counts.failed = faults.len() as u64;
    Ok(counts)
}

/// An outlet's rows as they should be, and as they are.
async fn both(
    session: &mut Session,
    (model, outlet): (&Model, &Outlet),
    entities: &[Entity],
    which: &Which,
    faults: &mut Vec<Fault>,
) -> Result<(BTreeMap<String, Wanted>, Vec<Existing>), Error> {
    let wanted = rows::wanted(model, outlet, entities, faults);
    let mut existing = existing(session, outlet, which).await?;
    let wanted = without_taken(session, model, outlet, wanted, &mut existing, faults).await?;
    Ok((wanted, existing))
}

/// The columns of a row, in the order that [`existing_of`] takes them.
pub fn columns(outlet: &Outlet) -> Vec<String> {
    let optional = ["store", "locale", "structured_data", "alias_keys"];
    let has = |name: &&str| outlet.table.column(name).is_some();
    let fixed = [outlet.fk.as_str(), "key", "data"];
    fixed.into_iter().chain(optional.into_iter().filter(has)).map(str::to_owned).collect()
}

pub fn existing_of(columns: &[String], row: &[Value]) -> Existing {
    let get = |name: &str| {
        let place = columns.iter().position(|column| column == name);
        place.map_or(Value::Null, |place| row[place].clone())
    };
    Existing {
        entity: row[0].clone(),
        key: row[1].display().into_owned(),
        data: row[2].clone(),
        store: get("store"),
        locale: get("locale"),
        structured: get("structured_data"),
        alias_text: get("alias_keys"),
    }
}

pub async fn existing(
    session: &mut Session,
    outlet: &Outlet,
    which: &Which,
) -> Result<Vec<Existing>, Error> {
    if outlet.is_missing {
        return Ok(Vec::new());
    }
    let columns = columns(outlet);
    let rows = rows_by(session, &outlet.table, &columns, &outlet.fk, which).await?;
    let mut rows: Vec<_> = rows.iter().map(|row| existing_of(&columns, row)).collect();
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(rows)
}

/// Rows by their keys, whoever's they are.
pub async fn by_keys(
    session: &mut Session,
    outlet: &Outlet,
    keys: &[String],
) -> Result<Vec<Existing>, Error> {
    if outlet.is_missing || keys.is_empty() {
        return Ok(Vec::new());
    }
    let columns = columns(outlet);
    let wanted: Vec<_> = keys.iter().map(|key| vec![Value::Text(key.as_str().into())]).collect();
    let found = session.find(&outlet.table, &columns, &["key".to_owned()], &wanted).await?;
    Ok(found.iter().map(|(_, row)| existing_of(&columns, row)).collect())
}

/// A key may be held by a row of an entity that isn't part of the event. If that entity no longer makes
/// it, its row is taken over; else two entities would be one key.
async fn without_taken(
    session: &mut Session,
    model: &Model,
    outlet: &Outlet,
    mut wanted: BTreeMap<String, Wanted>,
    existing: &mut Vec<Existing>,
    faults: &mut Vec<Fault>,
) -> Result<BTreeMap<String, Wanted>, Error> {
    let there: BTreeSet<&String> = existing.iter().map(|row| &row.key).collect();
    let new: Vec<String> = wanted.keys().filter(|key| !there.contains(key)).cloned().collect();
    if new.is_empty() {
        return Ok(wanted);
    }
    let held = by_keys(session, outlet, &new).await?;
    if held.is_empty() {
        return Ok(wanted);
    }
    let holders: BTreeSet<Vec<Value>> = held.iter().map(|row| vec![row.entity.clone()]).collect();
    let holders = Which::Ids(holders.into_iter().collect());
    let entities = load(session, model, &holders).await?;
    let made = rows::wanted(model, outlet, &entities, &mut Vec::new());
    for row in held {
        if made.contains_key(&row.key) {
            if let Some(refused) = wanted.remove(&row.key) {
                faults.push(Fault::taken(&refused, &row.entity));
            }
        } else {
            existing.push(row);
        }
    }
    Ok(wanted)
}

/// Deletions first, then updates, then inserts, so that unique values are free when they are taken.
async fn write(
    session: &mut Session,
    outlet: &Outlet,
    difference: &Difference<'_>,
) -> Result<(), Error> {
    let key = |text: &str| vec![Value::Text(text.into())];
    let deleted: Vec<_> = difference.deleted.iter().map(|row| (key(&row.key), vec![])).collect();
    many(session, outlet, Write::Delete, &[], &deleted).await?;
    let had = difference.updated.iter().filter(|(row, _)| !row.alias_text.is_null());
    let freed: Vec<_> = had.map(|(row, _)| (key(&row.key), vec![Value::Null])).collect();
    many(session, outlet, Write::Update, &["alias_keys"], &freed).await?;
    let now = session.now().await?;
    let names = written(outlet, Write::Update);
    let rows = difference.updated.iter();
    let updated: Vec<_> =
        rows.map(|(row, wanted)| (key(&row.key), cells(outlet, &names, wanted, now))).collect();
    many(session, outlet, Write::Update, &names, &updated).await?;
    let names = written(outlet, Write::Insert);
    let mut rows: Vec<_> = difference
        .inserted
        .iter()
        .map(|wanted| (Vec::new(), cells(outlet, &names, wanted, now)))
        .collect();
    let mut names = names;
    if let (Some(number), false) = (&outlet.number, rows.is_empty()) {
        let last = session.greatest_integer(&outlet.table, number).await?.unwrap_or_default();
        names.push(number);
        for ((_, cells), next) in rows.iter_mut().zip(last + 1..) {
            cells.push(Value::Integer(next));
        }
    }
    many(session, outlet, Write::Insert, &names, &rows).await
}

async fn many(
    session: &mut Session,
    outlet: &Outlet,
    write: Write,
    set: &[&str],
    rows: &[(Vec<Value>, Vec<Value>)],
) -> Result<(), Error> {
    for rows in rows.chunks(AT_ONCE) {
        let rows = rows
            .iter()
            .map(|(key, set)| AlikeRow { key: key.iter().collect(), set: set.iter().collect() });
        let key = if write == Write::Insert { Vec::new() } else { vec!["key"] };
        let rows = rows.collect();
        let alike = Alike { write, table: &outlet.table, key, set: set.to_vec(), rows };
        session.write_alike(&alike).await?;
    }
    Ok(())
}

/// Columns that are written, as far as the table has them.
fn written(outlet: &Outlet, write: Write) -> Vec<&str> {
    let mut names = vec![outlet.fk.as_str(), "data"];
    let optional = ["structured_data", "store", "locale", "alias_keys", "updated_at"];
    names.extend(optional.into_iter().filter(|name| outlet.table.column(name).is_some()));
    if write == Write::Insert {
        names.push("key");
        names.extend(outlet.table.column("created_at").map(|_| "created_at"));
    }
    names
}

fn cells(outlet: &Outlet, names: &[&str], wanted: &Wanted, now: jiff::Timestamp) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.into());
    let json = |name: &str, json: &str| match outlet.table.column(name).map(|it| it.kind) {
        Some(Kind::Json) => Value::Json(json.into()),
        _ => Value::Text(json.into()),
    };
    let part = |part: &Option<String>| part.as_deref().map_or(Value::Null, text);
    let cell = |name: &&str| match *name {
        "data" => json(name, &wanted.data),
        "structured_data" => json(name, wanted.structured.as_deref().unwrap_or(&wanted.data)),
        "store" => part(&wanted.store),
        "locale" => part(&wanted.locale),
        "key" => text(&wanted.key),
        "alias_keys" => rows::alias_text(&wanted.aliases).map_or(Value::Null, |it| json(name, &it)),
        "created_at" | "updated_at" => moment(outlet.table.column(name).map(|it| it.kind), now),
        _ => match outlet.table.column(name).map(|it| it.kind) {
            Some(Kind::Text) => text(&wanted.entity.display()),
            _ => wanted.entity.clone(),
        },
    };
    names.iter().map(cell).collect()
}

fn moment(kind: Option<Kind>, now: jiff::Timestamp) -> Value {
    let local = now.to_zoned(jiff::tz::TimeZone::UTC);
    match kind {
        Some(Kind::Integer) => Value::Integer(now.as_second()),
        Some(Kind::Text | Kind::Any) => {
            Value::Text(local.strftime("%Y-%m-%d %H:%M:%S").to_string().into())
        }
        Some(Kind::TimestampTz) => {
            Value::Other(local.strftime("%Y-%m-%d %H:%M:%S+00").to_string().into())
        }
        _ => Value::Other(local.strftime("%Y-%m-%d %H:%M:%S").to_string().into()),
    }
}

/// Whether a failure is the event's own, so that trying again can't help.
pub fn is_of_the_event(error: &Error) -> bool {
    matches!(error, Error::Database(error) if !error.is_passing() && !is_lost(error))
}

fn is_lost(error: &database::Error) -> bool {
    matches!(error, database::Error::Unsupported { .. })
}
