//! Where a Redis is: the URL of the operator's file, `redis://[USER:PASSWORD@]HOST[:PORT][,…][/NUMBER]`.

use ::redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisResult,
};

use crate::config::Secret;
use crate::config::address::{decoded, host_and_port};

const PORT: u16 = 6379;

/// The servers to begin with, and as whom to speak to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub hosts: Vec<Host>,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub database: i64,
    pub is_tls: bool,
    /// Certificates, in PEM, instead of those that this machine trusts.
    pub ca: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub name: String,
    pub port: u16,
}

impl std::fmt::Display for Host {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name.contains(':') {
            true => write!(out, "[{}]:{}", self.name, self.port),
            false => write!(out, "{}:{}", self.name, self.port),
        }
    }
}

impl Address {
    pub fn parse(url: &str, ca: Option<Vec<u8>>) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or("is no address of a server")?;
        let is_tls = scheme == "rediss";
        if ca.is_some() && !is_tls {
            return Err(
                "is one without TLS, so `ca` serves nothing; with TLS it begins with `rediss://`",
            );
        }
        let (login, rest) =
            rest.rsplit_once('@').map_or((None, rest), |(it, rest)| (Some(it), rest));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, password) = login.map_or(Ok((None, None)), self::login)?;
        let host = |place: &str| {
            let (name, port) = host_and_port(place)?;
            Ok(Host { name, port: port.unwrap_or(PORT) })
        };
        Ok(Self {
            hosts: hosts.split(',').map(host).collect::<Result<_, &str>>()?,
            user,
            password,
            database: number(path)?,
            is_tls,
            ca,
        })
    }

    /// How one of the hosts is connected to.
    pub fn of(&self, host: &Host) -> RedisResult<ConnectionInfo> {
        let (name, port) = (host.name.clone(), host.port);
        let address = match self.is_tls {
            false => ConnectionAddr::Tcp(name, port),
            true => ConnectionAddr::TcpTls { host: name, port, insecure: false, tls_params: None },
        };
        let mut settings = RedisConnectionInfo::default().set_db(self.database);
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password.expose());
        }
        Ok(address.into_connection_info()?.set_redis_settings(settings))
    }
}

/// `USER:PASSWORD`, or `:PASSWORD` for the server's default user.
fn login(written: &str) -> Result<(Option<String>, Option<Secret>), &'static str> {
    let (user, password) =
        written.split_once(':').ok_or("names a user without a password, as in USER:PASSWORD@")?;
    let wrong = "has a user or password with a `%` that isn't two hexadecimal digits of UTF-8";
    let user = decoded(user).ok_or(wrong)?;
    let password = decoded(password).ok_or(wrong)?;
    Ok((Some(user).filter(|user| !user.is_empty()), Some(Secret::new(password))))
}

fn number(path: &str) -> Result<i64, &'static str> {
    if path.is_empty() {
        return Ok(0);
    }
    let number =
        path.parse::<u16>().map_err(|_| "ends with no number of a database, as in `/1`")?;
    Ok(number.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(address: &Address) -> String {
        let all: Vec<_> = address.hosts.iter().map(Host::to_string).collect();
        all.join(" ")
    }

    #[test]
    fn hosts_user_and_database_are_told_apart() {
        let plain = Address::parse("redis://cache", None).unwrap();
        assert_eq!((hosts(&plain).as_str(), plain.database, plain.user), ("cache:6379", 0, None));
        let all = "rediss://shop:p%40:s@a:1,b,[::1]:3/2";
        let all = Address::parse(all, Some(b"pem".to_vec())).unwrap();
        assert_eq!(hosts(&all), "a:1 b:6379 [::1]:3");
        assert_eq!((all.user.as_deref(), all.database, all.is_tls), (Some("shop"), 2, true));
        assert_eq!(all.password.unwrap().expose(), "p@:s");
        assert_eq!(Address::parse("redis://:word@h", None).unwrap().user, None);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (url, told) in [
            ("redis://", "names no host"),
            ("redis://a,,b", "names no host"),
            ("redis://secret@a", "USER:PASSWORD@"),
            ("redis://a:0", "port"),
            ("redis://a/shop", "number of a database"),
            ("redis://u:secret%4@a", "hexadecimal"),
        ] {
            let wrong = Address::parse(url, None).unwrap_err();
            assert!(wrong.contains(told) && !wrong.contains("secret"), "{wrong}");
        }
        assert!(Address::parse("redis://a", Some(Vec::new())).unwrap_err().contains("rediss://"));
    }
}
