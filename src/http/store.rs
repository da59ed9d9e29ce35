//! The state store as pages ask it: one session of their own, one asker at a time.
//!
//! Answers for a session whose asker went away in the midst being closed, never used again, and for
//! no page waiting long. The daemon's own session is never waited for.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use crate::config::Config;
use crate::daemon::learn::Asker;
use crate::daemon::turn::Desk;
use crate::state;

/// Until the session is to be had.
const LIMIT: Duration = Duration::from_secs(8);

/// Why the store can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the state store can't be reached: {0}")]
    State(#[from] state::Error),
    #[error("the state store doesn't answer")]
    Silent,
}

#[derive(Default)]
pub struct Store {
    desk: Mutex<Option<Desk>>,
    /// What signs the links of an operator's file; it is drawn once for a store.
    key: std::sync::Mutex<Option<(Arc<Config>, Arc<str>)>>,
}

/// What the store answers, if it does so within a time. A session that didn't is closed.
pub async fn within<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(limit, asked).await.map_err(|_| Error::Silent)?
}

/// The session, for one asker. Dropped without [`Lent::back`] it is closed.
pub struct Lent<'a> {
    place: MutexGuard<'a, Option<Desk>>,
    pub desk: Desk,
}

impl Store {
    pub async fn lend(&self, config: &Arc<Config>) -> Result<Lent<'_>, Error> {
        let lent = async {
            let mut place = self.desk.lock().await;
            // One of an older operator's file may lead elsewhere.
            let desk = match place.take().filter(|desk| Arc::ptr_eq(&desk.config, config)) {
                Some(desk) => desk,
                None => Box::pin(Desk::open(Arc::clone(config), Asker::Daemon)).await?,
            };
            Ok(Lent { place, desk })
        };
        within(LIMIT, lent).await
    }

    /// The key of links, for which the store is asked once: anybody may send us what looks like one.
    pub async fn ticket_key(&self, config: &Arc<Config>) -> Result<Arc<str>, Error> {
        let known = self.key.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, key)) = known.filter(|(of, _)| Arc::ptr_eq(of, config)) {
            return Ok(key);
        }
        let lent = self.lend(config).await?;
        let key: Arc<str> = lent.desk.ticket_key.as_str().into();
        lent.back();
        let known = Some((Arc::clone(config), Arc::clone(&key)));
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(key)
    }

    pub async fn close(&self) {
        if let Ok(mut place) = tokio::time::timeout(LIMIT, self.desk.lock()).await
            && let Some(desk) = place.take()
        {
            // Nothing of it is open any more.
            let _ = desk.state.close().await;
        }
    }
}

impl Lent<'_> {
    /// Gives the session back after everything asked of it was answered.
    pub fn back(mut self) {
        *self.place = Some(self.desk);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn whoever_sends_a_wrong_link_waits_for_no_session() {
        let folder = tempfile::tempdir().unwrap();
        let text = "instance: PROD\nmanifests: m\nenvironments: {PROD: {database: \"sqlite://p\"}, \
                    TEST: {database: \"sqlite://t\"}}\n";
        let path = folder.path().join("reconcile.yaml");
        let config = crate::config::parse(&path, text.as_bytes(), &|_| None).unwrap();
        let (store, config) = (Store::default(), Arc::new(config));
        let key = store.ticket_key(&config).await.unwrap();
        let lent = store.lend(&config).await.unwrap();
        assert_eq!(*key, lent.desk.ticket_key);
        let again = store.ticket_key(&config).now_or_never();
        assert_eq!(again.unwrap().unwrap(), key);
        lent.back();
    }
}
