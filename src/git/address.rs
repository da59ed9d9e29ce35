//! Addresses of remote repositories as they may be shown.
//!
//! Answers for no output holding a credential: neither what stands in the address, nor where git
//! repeats it in its own words, nor what the user's settings put in its place.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::config::Secret;

/// Shorter parts of an address would blot out ordinary words.
const SHORTEST_SECRET_BYTES: usize = 3;

/// An address without user, password and query, for people.
pub fn shown(url: &str) -> String {
    veiled(url)
}

/// What stands in an address and may open something: user and password of a URL, and its query.
/// A user alone is no secret where a key is what opens the door.
pub fn secrets(url: &str) -> Vec<Secret> {
    let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
    let mut found: Vec<String> = Vec::new();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if let Some((user, _)) = rest[..end].rsplit_once('@') {
        match user.split_once(':') {
            Some((name, password)) => found.extend([name, password].map(str::to_owned)),
            None if scheme.starts_with("http") => found.push(user.to_owned()),
            None => {}
        }
    }
    if let Some((_, query)) = rest.split_once('?') {
        found.push(query.to_owned());
        let values = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |it| it.1));
        found.extend(values.map(str::to_owned));
    }
    let decoded: Vec<String> = found.iter().map(|part| decoded(part)).collect();
    found.extend(decoded);
    found.retain(|part| part.len() >= SHORTEST_SECRET_BYTES && part != "git");
    // Longest first, so that no part of one stays when another that lies in it is cut out.
    found.sort_by_key(|part| std::cmp::Reverse(part.len()));
    found.dedup();
    found.into_iter().map(Secret::new).collect()
}

/// A text without the given secrets, and without what looks like one in any address in it.
pub fn redacted(text: &str, secrets: &[Secret]) -> String {
    without_secrets(&veiled(text), secrets)
}

/// The same where queries of addresses are no secrets but those given: in a server's own words.
pub fn without_secrets(text: &str, secrets: &[Secret]) -> String {
    let mut text = without_users(text).into_owned();
    for secret in secrets {
        text = text.replace(secret.expose(), "…");
    }
    text
}

fn without_users(text: &str) -> Cow<'_, str> {
    static USER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"://[^/\s'<>]*@").expect("a valid pattern"));
    USER.replace_all(text, "://")
}

fn veiled(text: &str) -> String {
    static QUERY: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"(://[^\s'"?]*)\?[^\s'"]*"#).expect("a valid pattern"));
    QUERY.replace_all(&without_users(text), "$1").into_owned()
}

/// `%41` as `A`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        let code = others.get(..2).filter(|_| first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &others[2..] } else { others };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_opens_it() {
        for (url, seen) in [
            ("https://jo:CANARY@h.example/a.git", "https://h.example/a.git"),
            ("https://CANARY@h.example/a.git", "https://h.example/a.git"),
            ("https://h.example/a.git?token=CANARY&b=1", "https://h.example/a.git"),
            ("https://jo:p@CANARY@h.example/a", "https://h.example/a"),
            ("ssh://git@h.example/a.git", "ssh://h.example/a.git"),
            ("git@h.example:shop/a.git", "git@h.example:shop/a.git"),
            ("/srv/git/a@b.git", "/srv/git/a@b.git"),
        ] {
            assert_eq!(shown(url), seen);
        }
    }

    #[test]
    fn gits_own_words_lose_what_stood_in_the_address() {
        let url = "https://jo%40x:CAN%41RY-1@h.example/a.git?private_token=CANARY-2";
        let said = "fatal: unable to access 'https://jo%40x:CAN%41RY-1@h.example/a.git?private_token=CANARY-2/': \
                    remote: user jo@x with CANARY-1, again CAN%41RY-1, CANARY-2";
        let shown = redacted(said, &secrets(url));
        assert!(!shown.contains("CAN"), "{shown}");
        assert!(!shown.contains("jo"), "{shown}");
        assert!(shown.contains("https://h.example/a.git"), "{shown}");
        // What the user's settings put in its place isn't known here, but looks the same.
        assert_eq!(redacted("'https://x:CANARY@h/a'", &[]), "'https://h/a'");
        assert!(secrets("ssh://git@h.example/a").is_empty());
        // A server's own words name the branch in a query, and are no less without secrets.
        let said = "visit https://x:CANARY@h.example/new?branch=a&t=CANARY-2 as jo@x";
        let shown = without_secrets(said, &secrets(url));
        assert_eq!(shown, "visit https://h.example/new?branch=a&t=… as …");
    }
}
