//! What a worker tells over HTTP: that it lives, and numbers for Prometheus.
//!
//! Answers for nothing but numbers being told, so that nobody needs a token; the address is named on the
//! command line.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::metrics::{Kind, family, single};
use super::server::{Error, Listening, listen};
use crate::publish::{Counts, Pace};

type Shared = Arc<Mutex<Pace>>;

/// A worker's voice.
pub struct Voice {
    pace: Shared,
    listening: Listening,
}

impl Voice {
    /// Also where it listens, whose port the system may have chosen.
    pub async fn start(address: SocketAddr) -> Result<(Self, String), Error> {
        let pace = Shared::default();
        let routes = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/metrics", get(show))
            .with_state(Arc::clone(&pace));
        let (listening, here) = Listening::start(listen(address).await?, address, routes);
        Ok((Self { pace, listening }, here))
    }

    pub fn tell(&self, pace: &Pace) {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).clone_from(pace);
    }

    pub async fn end(self) {
        self.listening.end().await;
    }
}

async fn show(State(pace): State<Shared>) -> Response {
    let pace = pace.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text(&pace))
        .into_response()
}

fn text(pace: &Pace) -> String {
    let Pace { counts, lag, troubles, trouble: _, done, all } = pace;
    let Counts { read, changed, unchanged, deleted, sent, written, outdated, failed } = counts;
    let mut out = String::new();
    let of = |name: &str, number: &u64| (format!("{{outcome=\"{name}\"}}"), *number);
    let messages = [of("written", written), of("outdated", outdated), of("failed", failed)];
    let help = "Writes and deletions this worker carried out, dropped, or put into error queues.";
    family(&mut out, "worker_messages_total", Kind::Counter, help, &messages);
    let rows = [of("changed", changed), of("unchanged", unchanged), of("deleted", deleted)];
    let help = "Rows of storage and search tables this worker published.";
    family(&mut out, "worker_rows_total", Kind::Counter, help, &rows);
    let plain = |number: &u64| [(String::new(), *number)];
    let help = "Entities this worker read.";
    family(&mut out, "worker_entities_total", Kind::Counter, help, &plain(read));
    let help = "Writes and deletions this worker put into queues.";
    family(&mut out, "worker_sent_total", Kind::Counter, help, &plain(sent));
    let help = "Times that something was in this worker's way and tried again.";
    family(&mut out, "worker_troubles_total", Kind::Counter, help, &plain(troubles));
    let help = "Messages that wait or are handed out, as far as the broker tells.";
    single(&mut out, "worker_waiting", help, all.saturating_sub(*done));
    if let Some(lag) = lag {
        let help = "How long the latest messages had waited in their queue.";
        single(&mut out, "worker_lag_seconds", help, lag.as_secs_f64());
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_text_format() {
        let counts = Counts { written: 7, outdated: 1, failed: 2, read: 3, ..Counts::default() };
        let lag = Some(Duration::from_millis(1500));
        let pace = Pace { counts, lag, troubles: 4, trouble: None, done: 8, all: 10 };
        insta::assert_snapshot!(text(&pace));
    }
}
