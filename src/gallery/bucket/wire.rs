//! Speaking to the server of a bucket: requests that are signed, sent, and sent again.
//!
//! Answers for each answer being waited for so long at most and having an end, for requests being sent again only where
//! that may help, and for every write asking first. Requests are such that sending one twice does no
//! harm; what an answer means is `trouble`'s and the callers'.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use hyper::http::request::Builder;
use hyper::{HeaderMap, Method};
use object_store::StaticCredentialProvider;
use object_store::aws::{AmazonS3Builder, AwsAuthorizer, AwsCredential, AwsCredentialProvider};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpErrorKind, HttpRequestBody,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::super::{Error, Result};
use super::trouble::{self, Answered};
use crate::config::gallery::BucketConfig;
use crate::effect::{self, Kind};
use crate::put::put;

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connect: Duration,
    /// Between two signs of life, sending a request included.
    pub answer: Duration,
    /// For so long a server that is away, or has too much to do, is asked again.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_mins(1),
            patience: Duration::from_secs(30),
        }
    }
}

/// The first pause between two tries; later ones are twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(100);

/// The most bytes of an answer that is held as a whole: many times what a list of objects takes.
const MOST_ANSWER: usize = 64 << 20;

/// What is asked of the server. An empty key is the bucket itself.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    pub method: Method,
    pub key: &'a str,
    pub query: Vec<(&'static str, String)>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

impl<'a> Ask<'a> {
    pub fn new(method: Method, key: &'a str) -> Self {
        Self { method, key, query: Vec::new(), headers: Vec::new(), body: Bytes::new() }
    }

    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    fn writes(&self) -> bool {
        self.method != Method::GET && self.method != Method::HEAD
    }
}

/// An answer, of which the body was read whole.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The bytes of an object as they come.
pub struct Body {
    pub bytes: BoxStream<'static, std::result::Result<Bytes, String>>,
}

/// Why there is no answer.
struct NoAnswer {
    reason: String,
    passes: bool,
}

/// A bucket's server, and who we are to it.
pub struct Wire {
    client: HttpClient,
    credentials: AwsCredentialProvider,
    region: String,
    /// `https://HOST/BUCKET` or `https://BUCKET.HOST`.
    base: String,
    pub bucket: String,
    /// As people know the gallery.
    pub gallery: String,
    pub limits: Limits,
}

impl Wire {
    pub fn open(config: &BucketConfig, gallery: &str, limits: Limits) -> Result<Self> {
        let broken =
            |message: String| Error::Server { gallery: gallery.to_owned(), message, passes: false };
        let client = client(config, limits).map_err(&broken)?;
        let credentials = credentials(config, &client).map_err(&broken)?;
        Ok(Self {
            client: HttpClient::new(client),
            credentials,
            region: config.region.clone(),
            base: base(config),
            bucket: config.bucket.clone(),
            gallery: gallery.to_owned(),
            limits,
        })
    }

    pub fn error(&self, message: impl Into<String>, passes: bool) -> Error {
        Error::Server { gallery: self.gallery.clone(), message: message.into(), passes }
    }

    /// Asks, and takes success or one of these answers; every other one is an error.
    pub async fn ask(&self, ask: &Ask<'_>, allowed: &[u16]) -> Result<Reply> {
        let reply = self.answer(ask).await?;
        let is_allowed =
            allowed.contains(&reply.status) && (reply.status != 404 || trouble::is_absent(&reply));
        match reply.is_success() || is_allowed {
            true => Ok(reply),
            false => Err(self.refused(ask, &reply)),
        }
    }

    /// What an answer that is no success says, with what to do about it.
    pub fn refused(&self, ask: &Ask<'_>, reply: &Reply) -> Error {
        let asked = trouble::Asked {
            method: &ask.method,
            bucket: &self.bucket,
            key: ask.key,
            region: &self.region,
        };
        let Answered { said, passes } = trouble::of(&asked, reply);
        self.error(said, passes)
    }

    /// Asks for an object's bytes; none: there is no such object, or it isn't the one that was meant.
    pub async fn bytes(&self, ask: &Ask<'_>) -> Result<Option<Body>> {
        let started = Instant::now();
        let mut pause = PAUSE;
        loop {
            let failed = match self.once(ask).await {
                Ok(answer) if answer.status().is_success() => {
                    let bytes = answer
                        .into_body()
                        .bytes_stream()
                        .map(|it| it.map_err(|error| told(&error)));
                    return Ok(Some(Body { bytes: bytes.boxed() }));
                }
                Ok(answer) => {
                    let reply = whole(answer).await;
                    match reply {
                        Ok(reply) if reply.status == 412 || trouble::is_absent(&reply) => {
                            return Ok(None);
                        }
                        Ok(reply) => self.refused(ask, &reply),
                        Err(no) => self.unanswered(&no),
                    }
                }
                Err(no) => self.unanswered(&no),
            };
            self.go_on(failed, started, &mut pause).await?;
        }
    }

    async fn answer(&self, ask: &Ask<'_>) -> Result<Reply> {
        let started = Instant::now();
        let mut pause = PAUSE;
        loop {
            let answered = match self.once(ask).await {
                Ok(answer) => whole(answer).await,
                Err(no) => Err(no),
            };
            let failed = match answered {
                // Of a file that is read any bytes are right, also those of an error.
                Ok(reply)
                    if (ask.writes() || !reply.is_success()) && trouble::is_passing(&reply) =>
                {
                    self.refused(ask, &reply)
                }
                Ok(reply) => return Ok(reply),
                Err(no) => self.unanswered(&no),
            };
            self.go_on(failed, started, &mut pause).await?;
        }
    }

    fn unanswered(&self, no: &NoAnswer) -> Error {
        self.error(format!("the server of the bucket {}: {}", self.bucket, no.reason), no.passes)
    }

    /// Waits before the next try, unless none helps.
    async fn go_on(&self, failed: Error, started: Instant, pause: &mut Duration) -> Result<()> {
        let passes = matches!(failed, Error::Server { passes: true, .. });
        let patience = effect::clock::limit(self.limits.patience);
        if !passes || started.elapsed() + *pause > patience {
            return Err(failed);
        }
        tokio::time::sleep(*pause).await;
        *pause = 2 * *pause;
        Ok(())
    }

    async fn once(
        &self,
        ask: &Ask<'_>,
    ) -> std::result::Result<object_store::client::HttpResponse, NoAnswer> {
        let lasting = |reason: String| NoAnswer { reason, passes: false };
        let credential = self.credentials.get_credential().await;
        let credential = credential
            .map_err(|error| lasting(format!("this machine has no credentials for it: {error}")))?;
        let mut request = self
            .request(ask)
            .body(HttpRequestBody::from(ask.body.clone()))
            .map_err(|error| lasting(error.to_string()))?;
        AwsAuthorizer::new(&credential, "s3", &self.region)
            .try_authorize(&mut request, None)
            .map_err(|error| lasting(format!("the request can't be signed: {error}")))?;
        if ask.writes() {
            let word = ask.method.as_str().to_ascii_lowercase();
            effect::before(Kind::Bucket, &word)
                .map_err(|error| NoAnswer { reason: error.to_string(), passes: true })?;
        }
        let answered = self.client.execute(request).await;
        answered.map_err(|error| NoAnswer { reason: told(&error), passes: passes(&error) })
    }

    fn request(&self, ask: &Ask<'_>) -> Builder {
        let mut url = format!("{}/{}", self.base, encoded(ask.key, Slashes::Stay));
        for (at, (name, value)) in ask.query.iter().enumerate() {
            let sign = if at == 0 { '?' } else { '&' };
            put!(url, "{sign}{name}={}", encoded(value, Slashes::Encoded));
        }
        let mut request = Builder::new().method(ask.method.clone()).uri(url);
        if ask.writes() {
            request = request.header("content-length", ask.body.len());
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        request
    }

    /// A key as the source of a copy.
    pub fn source(&self, key: &str) -> String {
        format!("{}/{}", self.bucket, encoded(key, Slashes::Stay))
    }
}

async fn whole(answer: object_store::client::HttpResponse) -> std::result::Result<Reply, NoAnswer> {
    let (parts, body) = answer.into_parts();
    let (mut bytes, mut body) = (BytesMut::new(), body.bytes_stream());
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| NoAnswer { reason: told(&error), passes: true })?;
        if bytes.len() + chunk.len() > MOST_ANSWER {
            let reason = "it answers more than it was asked for, or without an end".to_owned();
            return Err(NoAnswer { reason, passes: false });
        }
        bytes.extend_from_slice(&chunk);
    }
    let (status, headers) = (parts.status.as_u16(), parts.headers);
    Ok(Reply { status, headers, body: bytes.freeze() })
}

/// A certificate that isn't trusted today won't be tomorrow.
fn passes(error: &object_store::client::HttpError) -> bool {
    !told(error).contains("certificate") && error.kind() != HttpErrorKind::Decode
}

/// The innermost reason, which is the one that says something.
fn told(error: &object_store::client::HttpError) -> String {
    if error.kind() == HttpErrorKind::Timeout {
        return "it doesn't answer in time".to_owned();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slashes {
    Stay,
    Encoded,
}

/// As signatures have it: all but these is encoded.
fn encoded(text: &str, slashes: Slashes) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte.into());
            }
            b'/' if slashes == Slashes::Stay => out.push('/'),
            _ => put!(out, "%{byte:02X}"),
        }
    }
    out
}

fn base(config: &BucketConfig) -> String {
    let BucketConfig { bucket, region, .. } = config;
    let host = match &config.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => format!("https://s3.{region}.amazonaws.com"),
    };
    // No certificate is for a name with more parts than the operator's host has.
    match config.path_style || bucket.contains('.') {
        true => format!("{host}/{bucket}"),
        false => host.replacen("://", &format!("://{bucket}."), 1),
    }
}

fn client(config: &BucketConfig, limits: Limits) -> std::result::Result<reqwest::Client, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &config.ca {
        let unreadable = |error: String| {
            format!("the certificates {} (`ca`) can't be read: {error}", path.display())
        };
        let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
        }
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(effect::clock::limit(limits.connect))
        .read_timeout(effect::clock::limit(limits.answer))
        .build()
        .map_err(|error| error.to_string())
}

fn credentials(
    config: &BucketConfig,
    client: &reqwest::Client,
) -> std::result::Result<AwsCredentialProvider, String> {
    if let Some(given) = &config.credentials {
        let token = given.session_token.as_ref().map(|token| token.expose().to_owned());
        return Ok(Arc::new(StaticCredentialProvider::new(AwsCredential {
            key_id: given.access_key_id.expose().to_owned(),
            secret_key: given.secret_access_key.expose().to_owned(),
            token,
        })));
    }
    let store = AmazonS3Builder::from_env()
        .with_http_connector(Ours(client.clone()))
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .build()
        .map_err(|error| error.to_string())?;
    Ok(store.credentials().clone())
}

/// The client that the machine's credentials are asked for with.
#[derive(Debug)]
struct Ours(reqwest::Client);

impl HttpConnector for Ours {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stands_in_the_path_or_in_the_host() {
        let config = |endpoint: Option<&str>, path_style, bucket: &str| BucketConfig {
            bucket: bucket.to_owned(),
            prefix: String::new(),
            region: "eu-central-1".to_owned(),
            endpoint: endpoint.map(str::to_owned),
            credentials: None,
            ca: None,
            path_style,
        };
        let own = Some("https://s3.shop.example:9000");
        for (config, expected) in [
            (config(own, true, "media"), "https://s3.shop.example:9000/media"),
            (config(own, false, "media"), "https://media.s3.shop.example:9000"),
            (config(None, false, "media"), "https://media.s3.eu-central-1.amazonaws.com"),
            (config(None, false, "a.b"), "https://s3.eu-central-1.amazonaws.com/a.b"),
        ] {
            assert_eq!(base(&config), expected);
        }
    }

    #[test]
    fn keys_are_encoded_as_signatures_have_it() {
        assert_eq!(encoded("a b/é+~._-", Slashes::Stay), "a%20b/%C3%A9%2B~._-");
        assert_eq!(encoded("a/b", Slashes::Encoded), "a%2Fb");
    }
}
