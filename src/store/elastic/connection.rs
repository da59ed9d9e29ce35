//! Speaking HTTP to a search server, and what its errors mean.
//!
//! Answers for each answer being waited for so long at most, for requests that came to nothing being
//! sent again only where that may help, and for errors that say what was asked of whom, without
//! credentials. Requests are such that sending one twice does no harm.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use elasticsearch::auth::Credentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::headers::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use elasticsearch::http::{Method, Url};
use serde::Deserialize;
use tokio::net::TcpStream;

use super::super::{Error, Result};
use crate::config::target::Part;
use crate::config::{Environment, Secret};
use crate::effect::{self, Kind};

/// What is said in an error of a server's reason.
const REASON: usize = 500;

/// Where a server is, and who we are to it.
#[derive(Debug, Clone)]
pub struct Address<'a> {
    pub environment: Environment,
    pub url: &'a Secret,
    pub api_key: Option<&'a Secret>,
    /// A file of certificates that are trusted beside the general ones.
    pub ca: Option<&'a PathBuf>,
}

/// How long is waited, and how much is said at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connect: Duration,
    pub answer: Duration,
    /// For so long a server that is full, or answers brokenly, is asked again.
    pub patience: Duration,
    /// The first pause between two tries; later ones are longer.
    pub pause: Duration,
    /// A body of writes.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            patience: Duration::from_mins(1),
            pause: Duration::from_millis(100),
            body_bytes: 8 << 20,
        }
    }
}

/// A server's answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub struct NoReply {
    pub reason: String,
    /// It may have been carried out: the answer was cut, or didn't come in time.
    pub may_be_done: bool,
}

/// What a request says.
pub type Said<'a> = (Method, &'a str);

#[derive(Debug)]
pub struct Connection {
    transport: Transport,
    environment: Environment,
    /// Scheme, host and port.
    host: String,
    pub limits: Limits,
}

impl Connection {
    /// Connects once, so that a server that isn't there is known at once.
    pub async fn open(address: &Address<'_>, limits: Limits) -> Result<Self> {
        let broken = |reason: String| Error::Server {
            environment: address.environment,
            part: Part::Search,
            reason,
            passes: false,
        };
        let mut url: Url = (address.url.expose().parse())
            .map_err(|error| broken(format!("its URL can't be read: {error}")))?;
        let (name, port) = (url.host_str(), url.port_or_known_default());
        let (Some(name), Some(port)) = (name.map(str::to_owned), port) else {
            return Err(broken("its URL names no host".to_owned()));
        };
        let host = format!("{}://{name}:{port}", url.scheme());
        let credentials = credentials(&mut url, address.api_key).map_err(&broken)?;
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url))
            .disable_proxy()
            .enable_meta_header(false)
            // Answers are small, and compressing them costs the server more than sending them.
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(credentials) = credentials {
            builder = builder.auth(credentials);
        }
        if let Some(path) = address.ca {
            let pem = tokio::fs::read(path).await;
            let pem = pem.map_err(|error| broken(format!("{}: {error}", path.display())))?;
            let certificates = Certificate::from_pem(&pem)
                .map_err(|error| broken(format!("{}: {}", path.display(), all_of(&error))))?;
            builder = builder.cert_validation(CertificateValidation::Full(certificates));
        }
        let transport =
            builder.build().map_err(|error| broken(format!("{host}: {}", all_of(&error))))?;
        let connection = Self { transport, environment: address.environment, host, limits };
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        connection.knock(bare, port).await?;
        Ok(connection)
    }

    async fn knock(&self, name: &str, port: u16) -> Result<()> {
        effect::before(Kind::Store, "connect").map_err(|error| self.away(&error))?;
        match tokio::time::timeout(self.limits.connect, TcpStream::connect((name, port))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.away(&error)),
            Err(_) => {
                let limit = self.limits.connect.as_secs();
                Err(self.error(format!("no connection within {limit} seconds"), true))
            }
        }
    }

    fn away(&self, error: &std::io::Error) -> Error {
        self.error(format!("no connection: {error}"), true)
    }

    pub fn error(&self, reason: impl std::fmt::Display, passes: bool) -> Error {
        let reason = format!("{}: {reason}", self.host);
        Error::Server { environment: self.environment, part: Part::Search, reason, passes }
    }

    /// Asks once.
    pub async fn ask_once(
        &self,
        (method, path): Said<'_>,
        body: Option<Bytes>,
    ) -> Result<Reply, NoReply> {
        let mut headers = HeaderMap::new();
        if path.contains("/_bulk") {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        }
        let limit = Some(self.limits.answer);
        let sent = self.transport.send(method, path, headers, None::<&()>, body, limit).await;
        let response = sent.map_err(|error| no_reply(&error, self.limits.answer))?;
        let status = response.status_code().as_u16();
        let body = response.bytes().await.map_err(|error| no_reply(&error, self.limits.answer))?;
        Ok(Reply { status, body })
    }

    /// Asks, and again while the server is full or its answers are cut.
    pub async fn ask(&self, said: Said<'_>, body: Option<Bytes>) -> Result<Reply> {
        let mut patience = Patience::new(self.limits);
        loop {
            let reason = match self.ask_once(said, body.clone()).await {
                Ok(reply) if !is_busy(reply.status) => return Ok(reply),
                Ok(reply) => reply.reason(),
                Err(none) if none.may_be_done => none.reason,
                Err(none) => return Err(self.of(said, &none.reason, true)),
            };
            match patience.pause() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(self.of(said, &reason, true)),
            }
        }
    }

    /// The same for whatever isn't refused.
    pub async fn get(&self, said: Said<'_>, body: Option<Bytes>) -> Result<Bytes> {
        let reply = self.ask(said, body).await?;
        if !reply.is_fine() {
            return Err(self.refused(said, &reply));
        }
        Ok(reply.body)
    }

    /// The same as a value.
    pub async fn read<T: for<'d> Deserialize<'d>>(
        &self,
        said: Said<'_>,
        body: Option<Bytes>,
    ) -> Result<T> {
        let body = self.get(said, body).await?;
        serde_json::from_slice(&body).map_err(|error| {
            self.of(said, &format!("an answer that isn't understood: {error}"), false)
        })
    }

    pub fn refused(&self, said: Said<'_>, reply: &Reply) -> Error {
        let passes = reply.status >= 500 || is_busy(reply.status) || reply.blocks();
        self.of(said, &reply.reason(), passes)
    }

    /// An error with what was asked.
    pub fn of(&self, (method, path): Said<'_>, reason: &str, passes: bool) -> Error {
        let path = path.split('?').next().unwrap_or(path);
        let method = format!("{method:?}").to_uppercase();
        self.error(format!("{method} {path}: {reason}"), passes)
    }
}

/// A user and a password in the URL, which are taken out of it, or a key.
fn credentials(url: &mut Url, key: Option<&Secret>) -> Result<Option<Credentials>, String> {
    let user = decoded(url.username());
    let password = url.password().map(decoded).unwrap_or_default();
    // A URL that takes no credentials has none.
    let _ = (url.set_username(""), url.set_password(None));
    if let Some(key) = key {
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        if !key.expose().bytes().all(is_plain) {
            return Err("`apiKey` isn't one: it has characters that no header can carry".into());
        }
        return Ok(Some(Credentials::EncodedApiKey(key.expose().to_owned())));
    }
    Ok((!user.is_empty()).then_some(Credentials::Basic(user, password)))
}

/// A part of a URL without its `%`.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn no_reply(error: &elasticsearch::Error, limit: Duration) -> NoReply {
    let reason = match error.is_timeout() {
        true => format!("no answer within {} seconds", limit.as_secs_f32()),
        false => all_of(error),
    };
    let refused = ["refused", "dns error", "certificate", "InvalidCertificate"];
    let may_be_done = !refused.iter().any(|word| reason.contains(word));
    NoReply { reason, may_be_done }
}

/// An error with its causes, without the URL.
fn all_of(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let text = text.split(" for url (").next().unwrap_or_default().to_owned();
        if parts.last() != Some(&text) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}

/// The server may take it later.
pub fn is_busy(status: u16) -> bool {
    matches!(status, 429 | 502..=504)
}

/// Why a server refused.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Cause {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub reason: Option<String>,
}

impl Cause {
    /// On one line, and not without an end.
    pub fn said(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or_default();
        let line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        let text =
            if line.is_empty() { self.kind.clone() } else { format!("{}: {line}", self.kind) };
        crate::escape::shortened(&text, REASON).into_owned()
    }
}

impl Reply {
    pub fn is_fine(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn cause(&self) -> Option<Cause> {
        #[derive(Deserialize)]
        struct Refused {
            error: Cause,
        }
        serde_json::from_slice(&self.body).ok().map(|Refused { error }| error)
    }

    /// Somebody, or a full disk, keeps an index from being written.
    pub fn blocks(&self) -> bool {
        self.cause().is_some_and(|cause| cause.kind == "cluster_block_exception")
    }

    pub fn reason(&self) -> String {
        let status = self.status;
        if let Some(cause) = self.cause() {
            return format!("{status} {}", cause.said());
        }
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(REASON)]).into_owned();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{status} {}", crate::escape::visible(&line)).trim_end().to_owned()
    }
}

/// Tries, and the pauses between them.
#[derive(Debug)]
pub struct Patience {
    limits: Limits,
    begun: Instant,
    tries: u32,
}

impl Patience {
    pub fn new(limits: Limits) -> Self {
        Self { limits, begun: Instant::now(), tries: 0 }
    }

    /// How long to wait before the next try; none when it was tried for long enough.
    pub fn pause(&mut self) -> Option<Duration> {
        if self.begun.elapsed() > self.limits.patience {
            return None;
        }
        let longest = self.limits.pause * 50;
        let pause = (self.limits.pause * (1 << self.tries.min(8))).min(longest);
        self.tries += 1;
        // Several workers shouldn't come back at the same moment.
        let chance = RandomState::new().hash_one(self.tries) % 100;
        Some(pause.mul_f64(0.5 + f64::from(u32::try_from(chance).unwrap_or(50)) / 100.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_url() {
        let mut url: Url = "https://sh%40op:p%2Fw%25@search.example:9200".parse().unwrap();
        let Ok(Some(Credentials::Basic(user, password))) = credentials(&mut url, None) else {
            panic!()
        };
        assert_eq!((user.as_str(), password.as_str()), ("sh@op", "p/w%"));
        assert_eq!(url.as_str(), "https://search.example:9200/");
        assert_eq!(decoded("100%"), "100%");
        assert!(credentials(&mut url, Some(&Secret::new("a\nb"))).is_err());
        assert!(credentials(&mut url, None).unwrap().is_none());
    }

    #[test]
    fn pauses_grow_and_end() {
        let mut patience = Patience::new(Limits { patience: Duration::ZERO, ..Limits::default() });
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(patience.pause(), None);
        let mut patience = Patience::new(Limits::default());
        let first = patience.pause().unwrap();
        assert!(first >= Duration::from_millis(50) && first < Duration::from_millis(150));
        let last = (0..20).map(|_| patience.pause().unwrap()).last().unwrap();
        assert!(last >= Duration::from_millis(2500), "{last:?}");
    }

    #[test]
    fn what_a_server_says_is_one_short_line() {
        let reply =
            |status, body: &str| Reply { status, body: Bytes::copy_from_slice(body.as_bytes()) };
        let said = reply(400, r#"{"error":{"type":"x","reason":"a\n b"},"status":400}"#);
        assert_eq!(said.reason(), "400 x: a b");
        assert_eq!(reply(502, "<html>\nBad").reason(), "502 <html> Bad");
        assert_eq!(reply(401, "").reason(), "401");
        let blocked = reply(403, r#"{"error":{"type":"cluster_block_exception"}}"#);
        assert!(blocked.blocks() && !said.blocks());
    }
}
