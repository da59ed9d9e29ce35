//! Parts of a URL that names a server: hosts, ports, users.
//!
//! Answers for reading them without repeating, in what is wrong, any part of what may hold a password.

use std::net::IpAddr;

/// `HOST[:PORT]`; an IPv6 address stands in brackets.
pub fn host_and_port(place: &str) -> Result<(String, Option<u16>), &'static str> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("has a `[` without `]`")?;
            host.parse::<IpAddr>().map_err(|_| "has no address between `[` and `]`")?;
            (host, port.strip_prefix(':'))
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(
            "names no host; in a user or password write `@`, `/`, `?` and `:` as %40, %2F, %3F and %3A",
        );
    }
    let port = port.map(str::parse::<u16>).transpose();
    match port {
        Ok(Some(0)) | Err(_) => Err("has a port that is no number from 1 to 65535"),
        Ok(port) => Ok((host.to_owned(), port)),
    }
}

/// `%40` and the like as what they stand for.
pub fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}
