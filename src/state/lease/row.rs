//! A lease as a row of a server, which its holder renews.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinHandle;

use super::{Holder, Holding, Lease, Office, Taken, length};
use crate::apply::Term;
use crate::catalog::{Kind, Table};
use crate::database::{self, ConstraintKind, Value};
use crate::state::{Error, Place, State, integer, read, text, written};

/// Nobody holds it.
const NOBODY: &str = "";

pub(in crate::state) fn table() -> Table {
    let columns = [
        ("office", Kind::Text),
        ("term", Kind::Integer),
        ("renewed", Kind::Integer),
        ("holder", Kind::Text),
    ];
    Table::plain("reconcile_lease", &columns, &["office"])
}

/// A row as it was seen, and when it was first seen so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::state) struct Observed {
    seen: Seen,
    since: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    term: i64,
    renewed: i64,
    holder: Option<Holder>,
}

/// A row that a task of its own renews.
pub struct Renewed {
    office: Office,
    term: Term,
    place: Place,
    /// When it was last known to be ours, in milliseconds since the machine started.
    known: Arc<AtomicI64>,
    task: JoinHandle<()>,
    /// The term that is left behind.
    counted: AtomicI64,
    dropped: Dropped,
}

/// Leases that were held to the end of what was dropped in the midst, by their terms.
pub(in crate::state) type Dropped = Arc<Mutex<BTreeMap<Office, i64>>>;

/// What a lease that was lost says in place of a moment.
const LOST: i64 = i64::MIN;

/// Milliseconds since the machine started, those it slept through counted in.
fn clock() -> i64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

fn milliseconds(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

pub(super) async fn take(state: &mut State, office: Office) -> Result<Taken, Error> {
    let asked = clock();
    let Some(seen) = look(state, office).await? else {
        let seen = Seen { term: 0, renewed: 0, holder: None };
        return match insert(state, office).await? {
            true => grab(state, office, &seen, asked).await,
            false => Box::pin(take(state, office)).await,
        };
    };
    let Some(holder) = &seen.holder else { return grab(state, office, &seen, asked).await };
    let known = state.observed.get(&office).filter(|it| it.seen == seen);
    let since = known.map_or(asked, |it| it.since);
    if holder.is_dead() || asked - since > milliseconds(length()) {
        return grab(state, office, &seen, asked).await;
    }
    let holder = holder.clone();
    state.observed.insert(office, Observed { seen, since });
    if office == Office::Watch {
        // Whoever stops while it watches may stop within a run.
        observe(state, Office::Run).await?;
        observe(state, Office::Publish).await?;
    }
    Ok(Taken::Theirs(Some(holder)))
}

/// Notes since when a row is as it is.
async fn observe(state: &mut State, office: Office) -> Result<(), Error> {
    let since = clock();
    let Some(seen) = look(state, office).await? else { return Ok(()) };
    if state.observed.get(&office).is_none_or(|known| known.seen != seen) {
        state.observed.insert(office, Observed { seen, since });
    }
    Ok(())
}

impl State {
    /// Gives back what was still held when a look was dropped.
    pub async fn give_back_dropped(&mut self) -> Result<(), Error> {
        let dropped = self.dropped.lock().map(|mut it| std::mem::take(&mut *it));
        for (office, term) in dropped.unwrap_or_default() {
            give_back(self.place.clone(), office, term, term).await?;
        }
        Ok(())
    }

    /// Waits while a lease's holder gives no sign of life, until it does or its time is over: only
    /// then can somebody who asks once take it from a holder that died elsewhere.
    pub async fn outwait(&mut self, office: Office) -> Result<(), Error> {
        let mut first = None;
        while let Some(seen) = look(self, office).await? {
            let over = clock() - milliseconds(length());
            let is_dead = seen.holder.as_ref().is_none_or(Holder::is_dead);
            if is_dead || first.as_ref().is_some_and(|first| *first != seen) {
                return Ok(());
            }
            observe(self, office).await?;
            if self.observed.get(&office).is_some_and(|known| known.since < over) {
                return Ok(());
            }
            first = Some(seen);
            tokio::time::sleep(length() / 12).await;
        }
        Ok(())
    }
}

async fn look(state: &mut State, office: Office) -> Result<Option<Seen>, Error> {
    let columns = ["term", "renewed", "holder"].map(str::to_owned);
    let (by, wanted) = (["office".to_owned()], [vec![text(office.name())]]);
    let found = state.session.find(&state.tables.leases, &columns, &by, &wanted).await?;
    let Some((_, row)) = found.into_iter().next() else { return Ok(None) };
    let holder = match row[2].display().as_ref() {
        NOBODY => None,
        _ => Some(read(&row[2], || format!("who holds the lease {}", office.name()))?),
    };
    Ok(Some(Seen { term: integer(&row[0]), renewed: integer(&row[1]), holder }))
}

/// Makes the row; returns whether nobody else did.
async fn insert(state: &mut State, office: Office) -> Result<bool, Error> {
    let (name, zero, nobody) = (text(office.name()), Value::Integer(0), text(NOBODY));
    let row = [("office", &name), ("term", &zero), ("renewed", &zero), ("holder", &nobody)];
    match state.session.insert(&state.tables.leases, &row).await {
        Err(database::Error::Constraint { kind: ConstraintKind::Unique, .. }) => Ok(false),
        inserted => Ok(inserted.map(|()| true)?),
    }
}

/// Takes the row, if it still is as it was seen.
async fn grab(state: &mut State, office: Office, seen: &Seen, asked: i64) -> Result<Taken, Error> {
    let (name, old) = (text(office.name()), Value::Integer(seen.term));
    let renewed = Value::Integer(seen.renewed);
    let number = seen.term + 1;
    let (term, zero) = (Value::Integer(number), Value::Integer(0));
    let holder = written(&Holder::this());
    let key = [("office", &name), ("term", &old), ("renewed", &renewed)];
    let set = [("term", &term), ("renewed", &zero), ("holder", &holder)];
    if !changed(state.session.update(&state.tables.leases, &key, &set).await)? {
        return Ok(Taken::Theirs(look(state, office).await?.and_then(|seen| seen.holder)));
    }
    state.observed.remove(&office);
    let store = state.installation().await?;
    let known = Arc::new(AtomicI64::new(asked));
    let place = state.place.clone();
    let task = tokio::spawn(renew(place.clone(), office, number, Arc::clone(&known)));
    let (term, counted) = (Term { store, number }, AtomicI64::new(number));
    let dropped = Arc::clone(&state.dropped);
    let lease = Renewed { office, term, place, known, task, counted, dropped };
    Ok(Taken::Ours(Lease::of(lease)))
}

/// Whether exactly that row was changed; another process may have been quicker.
fn changed(updated: database::Result<()>) -> Result<bool, Error> {
    match updated {
        Ok(()) => Ok(true),
        Err(database::Error::RowCount { .. }) => Ok(false),
        Err(error) if error.is_retryable() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Renews a lease until it is lost, over a session of its own: the others may be busy for long. What
/// can't be renewed in time ends by itself.
async fn renew(place: Place, office: Office, term: i64, known: Arc<AtomicI64>) {
    let pause = length() / 6;
    let mut open = None;
    let mut renewed = 0;
    while known.load(Ordering::SeqCst) != LOST {
        tokio::time::sleep(pause).await;
        let asked = clock();
        // Also after an attempt of which nobody knows whether it happened: onlookers must see a change.
        renewed += 1;
        let once = once(&place, &mut open, office, term, renewed);
        match tokio::time::timeout(pause, once).await {
            Ok(Ok(true)) => known.store(asked, Ordering::SeqCst),
            Ok(Ok(false)) => known.store(LOST, Ordering::SeqCst),
            // Whether it was renewed isn't known; a lock in the way says nothing either.
            Ok(Err(_)) | Err(_) => open = None,
        }
    }
}

async fn once(
    place: &Place,
    open: &mut Option<State>,
    office: Office,
    term: i64,
    renewed: i64,
) -> Result<bool, Error> {
    let state = match open {
        Some(state) => state,
        None => open.insert(State::open_at(place.clone()).await?),
    };
    let (name, term) = (text(office.name()), Value::Integer(term));
    let next = Value::Integer(renewed);
    let key = [("office", &name), ("term", &term)];
    match state.session.update(&state.tables.leases, &key, &[("renewed", &next)]).await {
        Err(database::Error::RowCount { .. }) => Ok(false),
        updated => Ok(updated.map(|()| true)?),
    }
}

impl Holding for Renewed {
    fn is_held(&self) -> bool {
        let known = self.known.load(Ordering::SeqCst);
        known != LOST && clock() - known < milliseconds(length())
    }

    fn term(&self) -> Option<&Term> {
        Some(&self.term)
    }

    fn count_from(&self, seen: i64) {
        self.counted.fetch_max(seen, Ordering::SeqCst);
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        self.task.abort();
        self.known.store(LOST, Ordering::SeqCst);
        let (place, office, term) = (self.place.clone(), self.office, self.term.number);
        let counted = self.counted.load(Ordering::SeqCst);
        give_back(place, office, term, counted).boxed()
    }
}

impl Drop for Renewed {
    fn drop(&mut self) {
        self.task.abort();
        if self.is_held()
            && let Ok(mut dropped) = self.dropped.lock()
        {
            dropped.insert(self.office, self.term.number);
        }
    }
}

/// Over a session of its own: what was dropped may have left the others in the midst of something.
async fn give_back(place: Place, office: Office, term: i64, counted: i64) -> Result<(), Error> {
    let mut state = State::open_at(place).await?;
    let (name, term) = (text(office.name()), Value::Integer(term));
    let (nobody, counted) = (text(NOBODY), Value::Integer(counted));
    let key = [("office", &name), ("term", &term)];
    let set = [("holder", &nobody), ("term", &counted)];
    changed(state.session.update(&state.tables.leases, &key, &set).await)?;
    state.close().await
}
