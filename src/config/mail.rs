//! `mail`: how messages travel, as the operator says it.
//!
//! Answers for a transport that is understood whole or refused, for passwords never travelling in the
//! clear, and for one sender that no header can read as more than that.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::Secret;
use super::address::{decoded, host_and_port};
use super::read::secret;
use crate::manifest::fields::{At, Fields, Problems, list_of};
use crate::manifest::problem::Problem;
use crate::manifest::scalars::text;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub transport: Transport,
    /// Certificates, in PEM, of a private authority that the server's is signed by.
    pub ca: Option<PathBuf>,
    pub from: Sender,
    /// Globs of addresses mail may go to.
    pub recipients: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A file for each message, in this folder.
    Folder(PathBuf),
    Smtp(Smtp),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub login: Option<Login>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte on.
    Implicit,
    /// Asked for before anything is said; a server that doesn't know it gets nothing.
    Starttls,
    Without,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: Secret,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    pub name: Option<String>,
    pub address: String,
}

impl Sender {
    pub fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or(&self.address, |(_, domain)| domain)
    }
}

/// Longest address, in bytes, that mail servers must take.
const LONGEST_ADDRESS: usize = 254;

/// One plain address: nothing that a mail server or a header could read as more than that.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_local = |c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c);
    let is_domain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    text.len() <= LONGEST_ADDRESS
        && !local.is_empty()
        && !local.starts_with('-')
        && local.chars().all(is_local)
        && !domain.is_empty()
        && !domain.starts_with(['-', '.'])
        && domain.chars().all(is_domain)
}

/// Reads `mail`; relative paths start from `folder`.
pub fn mail(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<Mail> {
    let mut fields = Fields::open(at, problems)?;
    let transport =
        fields.need("transport", problems, |at, problems| transport(at, folder, problems));
    let ca = fields.get("ca", problems, text).map(|path| folder.join(path));
    let from = fields.need("from", problems, sender);
    let recipients = fields.need("recipients", problems, list_of(text));
    fields.close(problems);
    Some(Mail { transport: transport?, ca, from: from?, recipients: recipients? })
}

fn transport(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<Transport> {
    let written = secret(at, problems)?;
    if let Some(path) = written.expose().strip_prefix("file:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return Some(Transport::Folder(folder.join(path)));
    }
    match smtp(written.expose()) {
        Ok(smtp) => Some(Transport::Smtp(smtp)),
        Err(wrong) => {
            problems.push(bad(at, wrong));
            None
        }
    }
}

/// What is wrong is said without repeating any part of what may hold a password.
fn bad(at: &At<'_>, wrong: &str) -> Problem {
    at.error("bad-url", format!("`{}` {wrong}", at.path)).help(
        "as in `file:outbox`, `smtp://USER:PASSWORD@HOST:587` or `smtps://USER:PASSWORD@HOST`",
    )
}

/// `smtp://[USER:PASSWORD@]HOST[:PORT][?tls=required|none]`, or `smtps://…`.
fn smtp(url: &str) -> Result<Smtp, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("is no address of a mail server")?;
    let is_implicit = match scheme {
        "smtps" => true,
        "smtp" => false,
        _ => return Err("is of an unknown kind"),
    };
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, it)| (rest, Some(it)));
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (login, place) = match rest.rsplit_once('@') {
        Some((login, place)) => (Some(self::login(login)?), place),
        None => (None, rest),
    };
    let (host, port) = host_and_port(place)?;
    let tls = match (is_implicit, query) {
        (true, None | Some("tls=required")) => Tls::Implicit,
        (false, Some("tls=none")) => Tls::Without,
        (false, None) if is_loopback(&host) => Tls::Without,
        (false, None | Some("tls=required")) => Tls::Starttls,
        _ => {
            return Err(
                "ends with an unknown setting; known are `?tls=required` and, with smtp://, `?tls=none`",
            );
        }
    };
    if tls == Tls::Without && login.is_some() && !is_loopback(&host) {
        return Err("would send the password in the clear: leave out `?tls=none`");
    }
    let port = port.unwrap_or(match tls {
        Tls::Implicit => 465,
        Tls::Starttls => 587,
        Tls::Without => 25,
    });
    Ok(Smtp { host, port, tls, login })
}

fn login(written: &str) -> Result<Login, &'static str> {
    let (user, password) =
        written.split_once(':').ok_or("names a user without a password, as in USER:PASSWORD@")?;
    let wrong = "has a user or password with a `%` that isn't two hexadecimal digits of UTF-8";
    let user = decoded(user).ok_or(wrong)?;
    let password = Secret::new(decoded(password).ok_or(wrong)?);
    if user.is_empty() || user.contains(char::is_control) {
        return Err("names no user before `:`");
    }
    Ok(Login { user, password })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `ADDRESS` or `NAME <ADDRESS>`.
fn sender(at: &At<'_>, problems: &mut Problems) -> Option<Sender> {
    let written = text(at, problems)?;
    let (name, address) = match written.strip_suffix('>').and_then(|it| it.rsplit_once('<')) {
        Some((name, address)) => (Some(name.trim().to_owned()), address),
        None => (None, written.as_str()),
    };
    let is_plain =
        |name: &String| !name.contains(|c: char| c.is_control() || "<>\"@,;".contains(c));
    if !is_address(address) || !name.iter().all(is_plain) {
        let message = format!("`{}` must be one address", at.path);
        let help = "as in `reconcile@shop.example` or `Shop <reconcile@shop.example>`";
        problems.push(at.error("bad-address", message).help(help));
        return None;
    }
    Some(Sender { name: name.filter(|name| !name.is_empty()), address: address.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> (String, u16, Tls, Option<(String, String)>) {
        let Smtp { host, port, tls, login } = smtp(url).unwrap();
        (host, port, tls, login.map(|it| (it.user, it.password.expose().to_owned())))
    }

    #[test]
    fn addresses_of_mail_servers() {
        let jo = |password: &str| Some(("jo@shop.example".to_owned(), password.to_owned()));
        let host = || "mail.shop.example".to_owned();
        for (url, wanted) in [
            ("smtp://mail.shop.example", (host(), 587, Tls::Starttls, None)),
            ("smtp://mail.shop.example:25?tls=none", (host(), 25, Tls::Without, None)),
            (
                "smtp://jo%40shop.example:p%3Aw@mail.shop.example/",
                (host(), 587, Tls::Starttls, jo("p:w")),
            ),
            (
                "smtps://jo%40shop.example:a:b@mail.shop.example",
                (host(), 465, Tls::Implicit, jo("a:b")),
            ),
            ("smtp://localhost:1025", ("localhost".into(), 1025, Tls::Without, None)),
            ("smtp://[::1]?tls=required", ("::1".into(), 587, Tls::Starttls, None)),
            (
                "smtp://jo%40shop.example:x@127.0.0.1",
                ("127.0.0.1".into(), 25, Tls::Without, jo("x")),
            ),
        ] {
            assert_eq!(read(url), wanted, "{url}");
        }
    }

    #[test]
    fn what_isnt_one_is_refused_without_repeating_it() {
        for url in [
            "mail.shop.example",
            "http://CANARY@mail",
            "smtp://jo@mail",
            "smtp://jo:CANARY@mail:0",
            "smtp://jo:CANARY@mail:99999",
            "smtp://jo:CANARY@mail?tls=none",
            "smtp://jo:CANARY@mail?tls=maybe",
            "smtps://mail?tls=none",
            "smtp://jo:CAN%4RY@mail",
            "smtp://jo:CANARY/x@@",
            "smtp://mail\r\nQUIT",
            "smtp://[mail]:25",
        ] {
            let wrong = smtp(url).unwrap_err();
            assert!(!wrong.contains("CANARY"), "{url}: {wrong}");
        }
    }

    #[test]
    fn only_plain_addresses_are_addresses() {
        for good in ["jo@shop.example", "jo.d+x@mail.shop.example"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "jo",
            "@shop.example",
            "-oQ/tmp@shop.example",
            "jo@shop.example\r\nBcc: eve@evil.example",
            "Jo <jo@shop.example>",
            "jo@shop.example,eve@evil.example",
            "jo@",
            "jo@.shop",
            "\"jo eve\"@shop.example",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
        assert!(!is_address(&format!("{}@shop.example", "a".repeat(250))));
    }
}
