//! Listening, and what every connection is allowed: how many, how long, how large.
//!
//! Answers for a client that is slow, or says nothing, losing its connection; for connections ending
//! with the daemon; and for an operator's file that changed counting from the next request on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::access::People;
use super::routes::routes;
use super::site::{Ends, Settings, Site};
use crate::config::{Config, Http};
use crate::daemon::board::Board;
use crate::daemon::log::say;
use crate::random::drawn;

/// What this part calls itself in what it says.
const HTTP: &str = "http";
/// Connections at once; more wait to be accepted.
const MOST_CONNECTIONS: usize = 128;
/// A request's head has to be there within this time, also the next one of a connection.
const HEAD: Duration = Duration::from_secs(5);
const MOST_HEADERS: usize = 64;
/// Bytes of a request's head.
const LARGEST_HEAD: usize = 16 * 1024;
/// However fast or slow its client is, a connection ends after this time.
const LIFE: Duration = Duration::from_mins(1);
/// What is under way at the end may still be answered.
const GRACE: Duration = Duration::from_secs(5);
/// After an error of the system, such as too many open files.
const PAUSE: Duration = Duration::from_millis(500);

/// Why the daemon can't be reached as the operator wants it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "can't listen on {listen}: {source}; `http.listen` of the operator's file says where, of a \
         worker its `--listen`"
    )]
    Listen { listen: SocketAddr, source: std::io::Error },
    /// Others could reach it, and nobody may.
    #[error(
        "`http` has no `tokens`, and {why}: name who may look and who may cancel, as in `tokens: \
         {{\"jo@users.example\": {{secret: \"${{JO_TOKEN}}\", may: schedule}}}}`"
    )]
    NoTokens { why: String },
    #[error("can't draw a token: {0}")]
    Random(std::io::Error),
}

/// The daemon's ear, if the operator's file wants one.
pub struct Server {
    /// Who has it may do everything, where the operator's file names nobody.
    of_this_start: String,
    board: Arc<Board>,
    open: Option<Open>,
}

/// Settings that are fine, with an address that is taken where it is another one.
pub struct Renewal(Option<(Settings, Option<TcpListener>)>);

struct Open {
    site: Arc<Site>,
    listening: Listening,
}

/// An address with everything that came in there.
pub(super) struct Listening {
    wanted: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(config: &Arc<Config>, board: &Arc<Board>) -> Result<Self, Error> {
        let of_this_start = drawn().map_err(Error::Random)?;
        let mut server = Self { of_this_start, board: Arc::clone(board), open: None };
        let renewal = server.prepare(config).await?;
        server.follow(renewal).await;
        Ok(server)
    }

    /// What an operator's file that was read again asks for; nothing follows from it yet.
    pub async fn prepare(&self, config: &Arc<Config>) -> Result<Renewal, Error> {
        let Some(http) = &config.http else { return Ok(Renewal(None)) };
        check(http)?;
        let is_same = |open: &Open| open.listening.wanted == http.listen;
        let listener = match self.open.as_ref().is_some_and(is_same) {
            true => None,
            false => Some(listen(http.listen).await?),
        };
        let people = People::new(http, &self.of_this_start);
        let (config, board) = (Arc::clone(config), Arc::clone(&self.board));
        Ok(Renewal(Some((Settings { config, http: http.clone(), board, people }, listener))))
    }

    /// Follows it: from the next request on.
    pub async fn follow(&mut self, renewal: Renewal) {
        let Renewal(Some((settings, listener))) = renewal else {
            if let Some(open) = self.open.take() {
                open.end().await;
            }
            return;
        };
        let http = settings.http.clone();
        let site = match &self.open {
            Some(open) => {
                open.site.renew(settings);
                Arc::clone(&open.site)
            }
            None => Arc::new(Site::new(settings)),
        };
        let Some(listener) = listener else { return };
        let (listening, here) = Listening::start(listener, http.listen, routes(&site));
        self.say_where(&here, &http);
        if let Some(old) = self.open.replace(Open { site, listening }) {
            old.listening.end().await;
        }
    }

    fn say_where(&self, here: &str, http: &Http) {
        match http.tokens.is_empty() {
            false => say(HTTP, format!("listening on {here}")),
            true => say(
                HTTP,
                format!(
                    "nobody has a token; open http://{here}/sign-in?token={}",
                    self.of_this_start
                ),
            ),
        }
    }

    /// Waits until somebody wants the daemon to look now.
    pub async fn asked(&self) {
        match &self.open {
            Some(open) => open.site.asked.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Ends it; what is under way may still be answered.
    pub async fn end(self) {
        if let Some(open) = self.open {
            open.end().await;
        }
    }
}

/// Without tokens nobody but people of this host may come.
fn check(http: &Http) -> Result<(), Error> {
    let why = match (&http.public_url, http.listen.ip().to_canonical().is_loopback()) {
        _ if !http.tokens.is_empty() => return Ok(()),
        (Some(_), _) => "`publicUrl` says that others come".to_owned(),
        (None, false) => format!("others can reach {}", http.listen),
        (None, true) => return Ok(()),
    };
    Err(Error::NoTokens { why })
}

pub(super) async fn listen(listen: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(listen).await.map_err(|source| Error::Listen { listen, source })
}

impl Open {
    async fn end(self) {
        self.listening.end().await;
        self.site.store.close().await;
    }
}

impl Listening {
    /// Also the address, whose port the system may have chosen.
    pub(super) fn start(
        listener: TcpListener,
        wanted: SocketAddr,
        routes: Router,
    ) -> (Self, String) {
        let here = listener.local_addr().map_or(wanted, |here| here).to_string();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, routes, stopped));
        (Self { wanted, stop, task }, here)
    }

    pub(super) async fn end(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(2 * GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn accept(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let came = tokio::select! {
            _ = stopped.changed() => break,
            came = next(&listener, &room) => came,
        };
        match came {
            Ok((stream, permit)) => {
                let (router, stopped) = (router.clone(), stopped.clone());
                connections.spawn(async move {
                    serve(stream, router, stopped).await;
                    drop(permit);
                });
            }
            Err(error) => {
                say(HTTP, format!("a connection can't be accepted: {error}"));
                tokio::time::sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

async fn serve(stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    let (Ok(here), Ok(there)) = (stream.local_addr(), stream.peer_addr()) else { return };
    let service = TowerToHyperService::new(router.layer(Extension(Ends { here, there })));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD);
    server.max_headers(MOST_HEADERS).max_buf_size(LARGEST_HEAD);
    let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    // What goes wrong with a connection is its client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = tokio::time::sleep(LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(GRACE, connection).await;
}
