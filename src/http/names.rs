//! By which names the daemon may be called: `Host` and `Origin` of a request.
//!
//! Answers for no other web site reaching it through a visitor's browser: neither under a name of its
//! own that leads here (DNS rebinding), nor by a form that sends here. Pure.

use std::net::{IpAddr, SocketAddr};

use crate::config::http::PublicUrl;

/// Names and origins of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// What a browser leaves out.
const USUAL_PORT: u16 = 80;

impl Names {
    /// `here` is the address that the connection came in at: whoever names it by its number was led
    /// here by no name at all.
    pub fn new(public_url: Option<&PublicUrl>, here: SocketAddr) -> Self {
        let mut hosts = Vec::new();
        let address = match here.ip() {
            // As a socket of both kinds says it.
            IpAddr::V6(address) => address.to_canonical(),
            address @ IpAddr::V4(_) => address,
        };
        let mut names = vec![match address {
            IpAddr::V6(address) => format!("[{address}]"),
            IpAddr::V4(address) => address.to_string(),
        }];
        if address.is_loopback() {
            names.push("localhost".into());
        }
        for name in names {
            if here.port() == USUAL_PORT {
                hosts.push(name.clone());
            }
            hosts.push(format!("{name}:{}", here.port()));
        }
        let mut origins: Vec<_> = hosts.iter().map(|host| format!("http://{host}")).collect();
        if let Some(url) = public_url {
            hosts.push(url.authority().to_owned());
            origins.push(url.origin());
        }
        Self { hosts, origins }
    }

    pub fn may_be_called(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    /// Whether a form of this origin is one of our own.
    pub fn is_own(&self, origin: &str) -> bool {
        self.origins.iter().any(|known| known == origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(written: &str) -> PublicUrl {
        let text = format!(
            "instance: TEST\nmanifests: m\nenvironments: {{PROD: {{database: \"sqlite://p\"}}, TEST: \
             {{database: \"sqlite://t\"}}}}\nhttp: {{publicUrl: \"{written}\"}}\n"
        );
        let path = std::path::Path::new("/r.yaml");
        let config = crate::config::parse(path, text.as_bytes(), &|_| None).unwrap();
        config.http.unwrap().public_url.unwrap()
    }

    #[test]
    fn hosts() {
        for (public, here, host, may) in [
            (None, "127.0.0.1:8080", "127.0.0.1:8080", true),
            (None, "127.0.0.1:8080", "localhost:8080", true),
            (None, "127.0.0.1:8080", "LOCALHOST:8080", true),
            (None, "127.0.0.1:8080", "localhost", false),
            (None, "127.0.0.1:8080", "localhost:8081", false),
            (None, "127.0.0.1:8080", "evil.example:8080", false),
            (None, "127.0.0.1:8080", "127.0.0.1.evil.example:8080", false),
            (None, "127.0.0.1:8080", "localhost:8080.evil.example", false),
            (None, "127.0.0.1:8080", "", false),
            (None, "127.0.0.1:80", "localhost", true),
            (None, "[::1]:8080", "[::1]:8080", true),
            (None, "[::1]:8080", "localhost:8080", true),
            (None, "[::ffff:127.0.0.1]:8080", "127.0.0.1:8080", true),
            (None, "10.0.0.5:8080", "10.0.0.5:8080", true),
            (None, "10.0.0.5:8080", "localhost:8080", false),
            (Some("https://shop.example"), "10.0.0.5:8080", "shop.example", true),
            (Some("https://shop.example"), "127.0.0.1:8080", "shop.example:443", false),
            (Some("https://shop.example"), "127.0.0.1:8080", "127.0.0.1:8080", true),
            (Some("https://shop.example"), "127.0.0.1:8080", "evil-shop.example", false),
            (Some("http://shop.example:81"), "127.0.0.1:8080", "shop.example:81", true),
        ] {
            let names = Names::new(public.map(url).as_ref(), here.parse().unwrap());
            assert_eq!(names.may_be_called(host), may, "{public:?} {here} {host}");
        }
    }

    #[test]
    fn origins() {
        for (public, origin, own) in [
            (None, "http://127.0.0.1:8080", true),
            (None, "http://localhost:8080", true),
            (None, "https://localhost:8080", false),
            (None, "http://localhost", false),
            (None, "http://localhost:3000", false),
            (None, "null", false),
            (None, "", false),
            (None, "http://evil.example", false),
            (Some("https://shop.example"), "https://shop.example", true),
            (Some("https://shop.example"), "http://shop.example", false),
            (Some("https://shop.example"), "https://shop.example.evil.example", false),
            (Some("https://shop.example"), "http://localhost:8080", true),
        ] {
            let names = Names::new(public.map(url).as_ref(), "127.0.0.1:8080".parse().unwrap());
            assert_eq!(names.is_own(origin), own, "{public:?} {origin}");
        }
    }
}
