//! What holds for every request: by which name it came, how long it may take, what its answer says to
//! browsers. And who sends it, for the paths that ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::{Person, Tried};
use super::page::plain;
use super::schedule;
use super::sign_in;
use super::site::{Ends, Site};

/// Until a request is answered, its body included, unless it says another limit; git servers wait no
/// longer for their hooks.
const LIMIT: Duration = Duration::from_secs(10);
/// Whoever looks after the process calls it by any name.
const BY_ANY_NAME: [&str; 2] = ["/healthz", "/readyz"];
/// A form says from where it was sent only under a policy that lets it: under `no-referrer` its
/// `Origin` is `null`.
const REFERRER: &str = "same-origin";
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// When a request's head was there: what answers it may want to end before its limit.
#[derive(Debug, Clone, Copy)]
pub struct Begun(pub Instant);

pub async fn guard(
    State(site): State<Arc<Site>>,
    Extension(ends): Extension<Ends>,
    mut request: Request,
    next: Next,
) -> Response {
    let is_free = BY_ANY_NAME.contains(&request.uri().path());
    let is_known = is_free || is_called(&site, ends, request.headers());
    let too_slow = match *request.method() {
        // Whoever sends a body may be the slow one.
        Method::POST => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = if is_known {
        request.extensions_mut().insert(Begun(Instant::now()));
        let limit = schedule::limit(request.method(), request.uri()).unwrap_or(LIMIT);
        let answered = tokio::time::timeout(limit, next.run(request)).await;
        answered.unwrap_or_else(|_| plain(too_slow, "it took too long"))
    } else {
        let words =
            "this isn't a name of this server; `http.publicUrl` of the operator's file names it";
        plain(StatusCode::MISDIRECTED_REQUEST, words)
    };
    harden(response.headers_mut());
    response
}

/// Whether exactly one `Host` is there, and one of ours.
fn is_called(site: &Site, ends: Ends, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    host.to_str().is_ok_and(|host| site.settings().names(ends).may_be_called(host))
}

fn harden(headers: &mut HeaderMap) {
    let all = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::REFERRER_POLICY, REFERRER),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in all {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Somebody who may look: by a session, or by a token that comes with the request.
pub struct Viewer(pub Person);

/// Somebody who sends a form of ours in a session.
pub struct Sender(pub Person);

impl FromRequestParts<Arc<Site>> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Response> {
        if let Some(person) = in_session(site, &parts.headers) {
            return Ok(Self(person));
        }
        let Some(token) = bearer(&parts.headers) else {
            return Err(sign_in::asked_for(site, parts));
        };
        match site.access.try_token(&site.settings().people, token, asker(parts), Instant::now()) {
            Tried::Fits(person) => Ok(Self(person)),
            Tried::Wrong => Err(unauthorized("this token isn't one")),
            Tried::TooMany => Err(too_many()),
        }
    }
}

impl FromRequestParts<Arc<Site>> for Sender {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Response> {
        let ends = ends(parts);
        if !is_own_form(site, ends, &parts.headers) {
            return Err(another_site());
        }
        let nobody = || unauthorized("sign in first; a token alone sends no forms");
        in_session(site, &parts.headers).map(Self).ok_or_else(nobody)
    }
}

/// Whether a form of ours sent this.
pub fn is_own_form(site: &Site, ends: Ends, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    origin.to_str().is_ok_and(|origin| site.settings().names(ends).is_own(origin))
}

pub fn another_site() -> Response {
    plain(StatusCode::FORBIDDEN, "this wasn't sent by a page of this server")
}

fn unauthorized(words: &str) -> Response {
    let ask = [(header::WWW_AUTHENTICATE, "Bearer realm=\"reconcile\"")];
    (ask, plain(StatusCode::UNAUTHORIZED, words)).into_response()
}

pub fn too_many() -> Response {
    let later = [(header::RETRY_AFTER, "60")];
    (later, plain(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens; wait a minute"))
        .into_response()
}

fn in_session(site: &Site, headers: &HeaderMap) -> Option<Person> {
    let (settings, now) = (site.settings(), Instant::now());
    let mut sessions = sign_in::sessions(&settings.http, headers);
    sessions.find_map(|secret| site.access.who(&settings.people, secret, now))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let written = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = written.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub fn ends(parts: &Parts) -> Ends {
    *parts.extensions.get::<Ends>().expect("every connection has two ends")
}

fn asker(parts: &Parts) -> std::net::IpAddr {
    ends(parts).asker(&parts.headers)
}

/// Whether a person with a browser wants a page, and not a program something else.
pub fn wants_page(parts: &Parts) -> bool {
    let accepted = parts.headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    matches!(parts.method, Method::GET | Method::HEAD)
        && accepted.is_some_and(|accepted| accepted.contains("text/html"))
        && parts.uri.path() != "/metrics"
}
