//! `/healthz` and `/readyz`, for whoever looks after the process.
//!
//! Answers without a token, so it says what is wrong and never with whom: details are in the log and
//! on the pages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::page::plain;
use super::site::Site;
use super::store::{Error, within};
use crate::daemon::board::Known;

/// Whoever looks after the process waits no longer for the state store.
const ANSWER: Duration = Duration::from_secs(3);
/// The daemon looks at least twice a minute.
const OLDEST_LOOK: Duration = Duration::from_mins(2);
/// A look may compare or run for long; nothing takes longer than this.
const LONGEST_LOOK: Duration = Duration::from_hours(2);

pub async fn alive() -> Response {
    plain(StatusCode::OK, "alive")
}

pub async fn ready(State(site): State<Arc<Site>>) -> Response {
    let settings = site.settings();
    let looks = looks(&settings.board.known(), Instant::now());
    let store = within(ANSWER, store(&site))
        .await
        .map_err(|_| "the state store can't be reached".to_owned());
    match looks.and(store) {
        Ok(()) if settings.board.known().stands_by => plain(StatusCode::OK, "ready, standing by"),
        Ok(()) => plain(StatusCode::OK, "ready"),
        Err(why) => plain(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

/// Whether the state store answers.
async fn store(site: &Site) -> Result<(), Error> {
    let mut lent = site.store.lend(&site.settings().config).await?;
    lent.desk.state.noted("version").await?;
    lent.back();
    Ok(())
}

/// Whether the daemon looks at everything, and can.
fn looks(known: &Known, now: Instant) -> Result<(), String> {
    let under_way = known.looking_since.map(|since| now.duration_since(since));
    if let Some(long) = under_way.filter(|long| *long > LONGEST_LOOK) {
        return Err(format!("a look has been going on for {} minutes", long.as_secs() / 60));
    }
    let Some(latest) = &known.latest else {
        return Err("the first look isn't over yet".into());
    };
    if latest.error.is_some() {
        return Err("the latest look failed; the log says why".into());
    }
    let age = now.duration_since(latest.ended);
    match under_way.is_none() && age > OLDEST_LOOK {
        true => Err(format!("the latest look is {} seconds old", age.as_secs())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::daemon::board::Looked;

    #[test]
    fn a_daemon_is_ready_while_its_looks_work() {
        let (begun, day) = (Instant::now(), 24 * 60);
        let ago = |minutes: u64| begun + Duration::from_mins(day - minutes);
        let now = ago(0);
        let looked = |minutes, error: Option<&str>| {
            let (at, ended) = (Timestamp::now(), ago(minutes));
            Some(Looked { at, begun: ended, ended, error: error.map(str::to_owned) })
        };
        for (latest, looking_since, is_ready, says) in [
            (None, None, false, "isn't over yet"),
            (None, Some(1), false, "isn't over yet"),
            (looked(0, None), None, true, ""),
            (looked(1, None), None, true, ""),
            (looked(3, None), None, false, "180 seconds old"),
            (looked(60, None), Some(59), true, ""),
            (looked(180, None), Some(150), false, "going on for 150 minutes"),
            (looked(0, Some("CANARY")), None, false, "failed; the log says why"),
        ] {
            let looking_since = looking_since.map(ago);
            let known = Known { looking_since, latest, ..Known::default() };
            let found = looks(&known, now);
            assert_eq!(found.is_ok(), is_ready, "{found:?}");
            assert!(found.err().unwrap_or_default().contains(says), "{says}");
        }
    }
}
