//! Signing in with a token, and out again.
//!
//! Answers for a session's cookie being out of reach of scripts and other sites, and for leading
//! nobody to another site afterwards.

use std::sync::Arc;
use std::time::Instant;

use axum::Form;
use axum::extract::{Extension, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use serde::Deserialize;

use super::access::{SESSION, Tried};
use super::guard::{Sender, another_site, is_own_form, too_many, wants_page};
use super::page::plain;
use super::site::{Ends, Site};
use crate::config::Http;
use crate::random::drawn;

/// The prefix makes browsers take it from an encrypted page of this very host only,
const ENCRYPTED: &str = "__Host-reconcile";
/// which a page without encryption can't have.
const OPEN: &str = "reconcile";

#[derive(Deserialize)]
pub struct Asked {
    token: Option<String>,
}

#[derive(Deserialize)]
pub struct Given {
    token: String,
    #[serde(default)]
    next: String,
}

/// The form. Only the token of one start may stand in an address: it ends with the process.
pub async fn show(State(site): State<Arc<Site>>, Query(asked): Query<Asked>) -> Response {
    let is_of_this_start = site.settings().http.tokens.is_empty();
    let token = asked.token.filter(|_| is_of_this_start);
    form(&site, StatusCode::OK, "/", token.as_deref(), None)
}

fn form(
    site: &Site,
    status: StatusCode,
    next: &str,
    token: Option<&str>,
    trouble: Option<&str>,
) -> Response {
    site.pages.show(status, "sign-in.html", context! { next, token, trouble })
}

/// What somebody without a session gets in place of a page.
pub fn asked_for(site: &Site, parts: &Parts) -> Response {
    let ask = [(header::WWW_AUTHENTICATE, "Bearer realm=\"reconcile\"")];
    let response = if wants_page(parts) {
        let next = parts.uri.path_and_query().map_or("/", |next| next.as_str());
        form(site, StatusCode::UNAUTHORIZED, next, None, None)
    } else {
        plain(StatusCode::UNAUTHORIZED, "a token is needed, as in `Authorization: Bearer TOKEN`")
    };
    (ask, response).into_response()
}

pub async fn begin(
    State(site): State<Arc<Site>>,
    Extension(ends): Extension<Ends>,
    headers: HeaderMap,
    Form(given): Form<Given>,
) -> Response {
    if !is_own_form(&site, ends, &headers) {
        return another_site();
    }
    let (settings, now) = (site.settings(), Instant::now());
    let token = given.token.trim();
    match site.access.try_token(&settings.people, token, ends.asker(&headers), now) {
        Tried::TooMany => return too_many(),
        Tried::Wrong => {
            let trouble = Some("This token isn't one.");
            return form(&site, StatusCode::UNAUTHORIZED, inside(&given.next), None, trouble);
        }
        Tried::Fits(_) => {}
    }
    let Ok(secret) = drawn() else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the system draws no random numbers");
    };
    site.access.begin(&settings.people, token, &secret, now);
    let cookie = cookie(&settings.http, &headers, &secret, SESSION.as_secs());
    ([(header::SET_COOKIE, cookie)], Redirect::to(inside(&given.next))).into_response()
}

pub async fn end(State(site): State<Arc<Site>>, headers: HeaderMap, Sender(_): Sender) -> Response {
    let settings = site.settings();
    for secret in sessions(&settings.http, &headers) {
        site.access.end(secret);
    }
    let cookie = cookie(&settings.http, &headers, "", 0);
    ([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response()
}

/// `Lax` and not `Strict`, so that links in mails lead where they say; what changes anything is asked
/// for by forms, with which no other site sends it.
fn cookie(http: &Http, headers: &HeaderMap, secret: &str, seconds: u64) -> String {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let public = http.public_url.as_ref().filter(|url| url.is_encrypted());
    let is_encrypted = public.is_some_and(|url| Some(url.origin().as_str()) == origin);
    let (name, more) = if is_encrypted { (ENCRYPTED, "; Secure") } else { (OPEN, "") };
    format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{more}")
}

/// The sessions that a browser says it has. On the encrypted public page only those count that come
/// from such a page: any other site of the same domain could have planted the rest.
pub fn sessions<'h>(http: &Http, headers: &'h HeaderMap) -> impl Iterator<Item = &'h str> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let public = http.public_url.as_ref().filter(|url| url.is_encrypted());
    let is_public = public.is_some_and(|url| url.authority().eq_ignore_ascii_case(host));
    let names = if is_public { &[ENCRYPTED][..] } else { &[ENCRYPTED, OPEN] };
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let pairs = cookies.flat_map(|it| it.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| names.contains(name)).map(|(_, secret)| secret)
}

/// A path of this server; anything else leads to the first page.
fn inside(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = |c: char| c.is_ascii_graphic() && c != '\\';
    if is_path && next.chars().all(is_plain) { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
        for (next, leads) in [
            ("/messages?page=2", "/messages?page=2"),
            ("/", "/"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("javascript:alert(1)", "/"),
        ] {
            assert_eq!(inside(next), leads, "{next}");
        }
    }

    #[test]
    fn sessions_are_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; reconcile=one;b=2".parse().unwrap());
        headers.append(header::COOKIE, "__Host-reconcile=two; xreconcile=three".parse().unwrap());
        let public = |url: &str| {
            let text = format!(
                "instance: TEST\nmanifests: m\nenvironments: {{PROD: {{database: \"sqlite://p\"}}, \
                 TEST: {{database: \"sqlite://t\"}}}}\nhttp: {{publicUrl: \"{url}\"}}\n"
            );
            let path = std::path::Path::new("/r.yaml");
            crate::config::parse(path, text.as_bytes(), &|_| None).unwrap().http.unwrap()
        };
        headers.insert(header::HOST, "shop.example".parse().unwrap());
        for (url, found) in [
            ("http://shop.example", &["one", "two"][..]),
            // Anybody could have planted the other.
            ("https://shop.example", &["two"]),
            // The page of this host.
            ("https://other.example", &["one", "two"]),
        ] {
            assert_eq!(sessions(&public(url), &headers).collect::<Vec<_>>(), found, "{url}");
        }
    }
}
