//! Where a broker is, as the operator's file says.
//!
//! Answers for nobody being shown the password, and for the host being the one that was written.

use std::fmt;
use std::path::Path;

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::AMQPUri;

use crate::config::Secret;

/// Half a minute without a sign of life, and the other side counts as gone.
const HEARTBEAT_SECONDS: u16 = 30;

/// A broker's address, with what is needed to be let in.
#[derive(Clone)]
pub struct Address {
    pub uri: AMQPUri,
    pub tls: OwnedTLSConfig,
    /// Host, port and vhost.
    pub shown: String,
}

impl Address {
    /// Reads the URL, and the certificates where the operator names some.
    pub fn read(url: &Secret, ca: Option<&Path>) -> Result<Self, String> {
        let mut uri: AMQPUri = url.expose().parse().map_err(|error: String| {
            format!("its URL can't be read ({error}); as in `amqp://USER:PASSWORD@HOST:5672/VHOST`")
        })?;
        // The parser takes `[::1]` for no host at all, and goes to localhost.
        if let Some(host) = bracketed(url.expose()) {
            host.clone_into(&mut uri.authority.host);
        }
        // Nobody makes a vhost without a name, but a slash at the end is easily written.
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        let chain = ca.map(|path| {
            let text = std::fs::read_to_string(path);
            text.map_err(|error| format!("its `ca` {}: {error}", path.display()))
        });
        let tls = OwnedTLSConfig { identity: None, cert_chain: chain.transpose()? };
        let shown = format!("{}:{} (vhost {})", uri.authority.host, uri.authority.port, uri.vhost);
        Ok(Self { uri, tls, shown })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Address").field(&self.shown).finish()
    }
}

/// What stands in brackets as the host.
fn bracketed(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    host.strip_prefix('[')?.split(']').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (url, shown) in [
            ("amqp://shop:hunter2@mq.example/eu", "mq.example:5672 (vhost eu)"),
            ("amqps://shop:hunter2@mq.example", "mq.example:5671 (vhost /)"),
            ("amqp://shop:hunter2@[::1]:5673/%2Fde", "::1:5673 (vhost /de)"),
            ("amqp://10.0.0.7/", "10.0.0.7:5672 (vhost /)"),
        ] {
            let address = Address::read(&Secret::new(url), None).unwrap();
            assert_eq!(address.shown, shown);
            assert!(!format!("{address:?}").contains("hunter2"));
        }
        let error = Address::read(&Secret::new("amqp://shop:hunter2@:x"), None).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
