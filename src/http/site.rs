//! What all requests share.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::HeaderMap;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};

use super::access::{Access, People};
use super::image::Images;
use super::names::Names;
use super::page::Pages;
use super::store::Store;
use crate::config::{Config, Http};
use crate::daemon::board::Board;

/// Everything that lasts from one request to the next.
pub struct Site {
    settings: RwLock<Arc<Settings>>,
    pub access: Access,
    pub store: Store,
    pub pages: Pages,
    /// Reviews are made one at a time: each may be of a hundred thousand changes.
    pub reviews: Arc<Semaphore>,
    pub images: Images,
    /// Somebody wants the daemon to look now.
    pub asked: Notify,
    pub since: Timestamp,
}

/// What the operator's file says, as it was read last.
pub struct Settings {
    pub config: Arc<Config>,
    pub http: Http,
    pub board: Arc<Board>,
    pub people: People,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    pub here: SocketAddr,
    pub there: SocketAddr,
}

impl Site {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: RwLock::new(Arc::new(settings)),
            access: Access::default(),
            store: Store::default(),
            pages: Pages::new(),
            reviews: Arc::new(Semaphore::new(1)),
            images: Images::default(),
            asked: Notify::new(),
            since: Timestamp::now(),
        }
    }

    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn renew(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}

impl Settings {
    pub fn names(&self, ends: Ends) -> Names {
        Names::new(self.http.public_url.as_ref(), ends.here)
    }
}

impl Ends {
    /// Who asks, for counting wrong tokens. Of a proxy on this host, whom it asks for: what it added
    /// stands last.
    pub fn asker(&self, headers: &HeaderMap) -> IpAddr {
        let there = self.there.ip();
        let named = headers.get_all("x-forwarded-for").iter().next_back();
        let last = named.and_then(|it| it.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        last.filter(|_| there.to_canonical().is_loopback()).unwrap_or(there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_on_this_host_is_believed() {
        for (there, forwarded, asker) in [
            ("127.0.0.1:5", &[][..], "127.0.0.1"),
            ("127.0.0.1:5", &["10.0.0.1"], "10.0.0.1"),
            ("127.0.0.1:5", &["1.1.1.1, 10.0.0.2"], "10.0.0.2"),
            ("127.0.0.1:5", &["1.1.1.1", "10.0.0.3"], "10.0.0.3"),
            ("127.0.0.1:5", &["nobody"], "127.0.0.1"),
            ("10.0.0.9:5", &["10.0.0.1"], "10.0.0.9"),
        ] {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let there = there.parse().unwrap();
            let ends = Ends { here: "127.0.0.1:8080".parse().unwrap(), there };
            assert_eq!(ends.asker(&headers), asker.parse::<IpAddr>().unwrap(), "{forwarded:?}");
        }
    }
}
