//! `http`: where the daemon can be looked at and asked, as the operator says it.
//!
//! Answers for an address that is understood whole or refused, for secrets that can't be guessed, and
//! for each of them belonging to one person. Whether they are enough for an address that others reach
//! is asked where it is opened.

use std::collections::BTreeMap;
use std::net::{Ipv6Addr, SocketAddr};

use super::Secret;
use super::read::secret;
use crate::manifest::fields::{At, Fields, Problems, map_of};
use crate::manifest::problem::Problem;
use crate::manifest::scalars::{text, word};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    pub listen: SocketAddr,
    /// How people reach it, where that isn't the address it listens on.
    pub public_url: Option<PublicUrl>,
    /// By the person, as everybody reads the name.
    pub tokens: BTreeMap<String, Token>,
    /// What a git server signs its hints with; nothing: there is no such path.
    pub hook: Option<Secret>,
}

/// Scheme, host and port: what a browser calls an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: &'static str,
    /// With its port, where that isn't the scheme's own; in lower case.
    authority: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub secret: Secret,
    pub may: May,
}

/// What somebody may do; who may schedule may also view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum May {
    View,
    Schedule,
}

impl PublicUrl {
    /// Without a slash at its end.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// What a browser sends as `Host`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    pub fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }
}

/// Where it listens unless it is said.
const LISTEN: &str = "127.0.0.1:8080";
/// Shortest secret, in bytes: what stands between a network and the shop.
const MIN_SECRET_BYTES: usize = 16;

/// Reads `http`.
pub fn http(at: &At<'_>, problems: &mut Problems) -> Option<Http> {
    let mut fields = Fields::open(at, problems)?;
    let listen = match fields.has("listen") {
        true => fields.get("listen", problems, listen),
        false => LISTEN.parse().ok(),
    };
    let is_said = fields.has("publicUrl");
    let public_url = fields.get("publicUrl", problems, public_url);
    let tokens = fields.get("tokens", problems, map_of(token)).unwrap_or_default();
    let hook = fields.get("hooks", problems, hooks);
    let span = fields.span("tokens");
    fields.close(problems);
    if let Some([one, other]) = same_secret(&tokens) {
        let message = format!("`http.tokens`: {one} and {other} have the same secret");
        let help = "give each person their own, so that what they do is told apart";
        problems.push(Problem::error("same-secret", message).at(span).help(help));
    }
    (public_url.is_some() || !is_said).then_some(Http { listen: listen?, public_url, tokens, hook })
}

fn listen(at: &At<'_>, problems: &mut Problems) -> Option<SocketAddr> {
    let written = text(at, problems)?;
    let parsed = written.parse().ok();
    if parsed.is_none() {
        let message = format!("`{}` must be an address and a port", at.path);
        let help = "as in `127.0.0.1:8080` for this host alone, or `0.0.0.0:8080`";
        problems.push(at.error("bad-address", message).help(help));
    }
    parsed
}

fn public_url(at: &At<'_>, problems: &mut Problems) -> Option<PublicUrl> {
    let written = text(at, problems)?;
    match origin(&written) {
        Ok(url) => Some(url),
        Err(wrong) => {
            let message = format!("`{}` {wrong}", at.path);
            let help = "as in `https://reconcile.shop.example`";
            problems.push(at.error("bad-url", message).help(help));
            None
        }
    }
}

fn origin(url: &str) -> Result<PublicUrl, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("is no address of a web site")?;
    let (scheme, usual) = match scheme.to_ascii_lowercase().as_str() {
        "https" => ("https", ":443"),
        "http" => ("http", ":80"),
        _ => return Err("must begin with `https://` or `http://`"),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
    if authority.contains('@') {
        return Err("holds a user, which every mail would show");
    }
    if authority.contains(['/', '?', '#']) {
        return Err("has a path: it must be a host of its own, or a port");
    }
    let authority = authority.strip_suffix(usual).unwrap_or(&authority).to_owned();
    if !is_authority(&authority) {
        return Err("names no host");
    }
    Ok(PublicUrl { scheme, authority })
}

/// `HOST`, `HOST:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT`
fn is_authority(authority: &str) -> bool {
    let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let (host, port) = match (bracketed, authority.split_once(':')) {
        (Some((address, port)), _) => {
            let is_fine = address.parse::<Ipv6Addr>().is_ok();
            if !is_fine || !(port.is_empty() || port.starts_with(':')) {
                return false;
            }
            return port.strip_prefix(':').is_none_or(is_port);
        }
        (None, Some((host, port))) => (host, Some(port)),
        (None, None) => (authority, None),
    };
    !host.is_empty() && host.chars().all(is_name) && port.is_none_or(is_port)
}

fn is_port(port: &str) -> bool {
    port.parse::<u16>().is_ok_and(|port| port != 0)
}

fn token(at: &At<'_>, problems: &mut Problems) -> Option<Token> {
    const MAY: &[(&str, May)] = &[("view", May::View), ("schedule", May::Schedule)];
    let mut fields = Fields::open(at, problems)?;
    let secret = fields.need("secret", problems, strong);
    let may = fields.need("may", problems, word(MAY));
    fields.close(problems);
    Some(Token { secret: secret?, may: may? })
}

fn hooks(at: &At<'_>, problems: &mut Problems) -> Option<Secret> {
    let mut fields = Fields::open(at, problems)?;
    let secret = fields.need("secret", problems, strong);
    fields.close(problems);
    secret
}

/// A secret that can't be guessed by trying.
fn strong(at: &At<'_>, problems: &mut Problems) -> Option<Secret> {
    let secret = secret(at, problems)?;
    if secret.expose().len() < MIN_SECRET_BYTES {
        let message = format!("`{}` must have at least {MIN_SECRET_BYTES} bytes", at.path);
        let help = "make one with `head -c 32 /dev/urandom | base64` and keep it";
        problems.push(at.error("weak-secret", message).help(help));
    }
    Some(secret)
}

fn same_secret(tokens: &BTreeMap<String, Token>) -> Option<[&str; 2]> {
    let mut owners = BTreeMap::new();
    tokens.iter().find_map(|(person, token)| {
        let before = owners.insert(token.secret.expose(), person.as_str());
        before.map(|before| [before, person.as_str()])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses() {
        for (url, origin, host) in [
            ("https://shop.example", "https://shop.example", "shop.example"),
            ("HTTPS://Shop.Example:443/", "https://shop.example", "shop.example"),
            ("http://shop.example:8080", "http://shop.example:8080", "shop.example:8080"),
            ("http://localhost:80", "http://localhost", "localhost"),
            ("https://[::1]:8443", "https://[::1]:8443", "[::1]:8443"),
        ] {
            let read = self::origin(url).unwrap();
            assert_eq!((read.origin().as_str(), read.authority()), (origin, host), "{url}");
        }
    }

    #[test]
    fn what_isnt_one_is_refused() {
        for url in [
            "shop.example",
            "ftp://shop.example",
            "https://",
            "https://jo:CANARY@shop.example",
            "https://shop.example/reconcile",
            "https://shop.example?x",
            "https://shop.example:0",
            "https://shop.example:x",
            "https://shop example",
            "https://shop.example\u{202e}",
            "https://[shop]",
            "https://[::1]x",
            "https://a:1:2",
        ] {
            assert!(origin(url).is_err_and(|wrong| !wrong.contains("CANARY")), "{url}");
        }
    }
}
