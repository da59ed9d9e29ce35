//! The ticket in a message by which whoever reads it may cancel what it announces.
//!
//! Answers for a ticket being good for one request or occurrence of one job until its time, and for
//! nobody making one without the key. That it was used is seen by the request being over.

use jiff::{SignedDuration, Timestamp};

use crate::escape::url;

/// Under which the state store keeps the key that signs tickets.
pub const KEY: &str = "key of cancel links";
/// After the run's time a click is still told what became of it.
const AFTERWARDS: SignedDuration = SignedDuration::from_hours(24);
/// What the derived key is for, so that it serves nothing else.
const PURPOSE: &str = "reconcile 2026 cancel link v1";
/// Hex digits of a signature: 128 bits.
const SIGNATURE: usize = 32;

/// What may be cancelled, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub job: String,
    /// The request or occurrence.
    pub request: String,
    /// To the second.
    pub until: Timestamp,
}

/// Why a text is no ticket that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    #[error("this link isn't one of ours, or a part of it is missing")]
    Forged,
    #[error("this link ended at {0}")]
    Expired(Timestamp),
}

impl Ticket {
    /// A ticket for what runs at `at`.
    pub fn until_after(job: &str, request: &str, at: Timestamp) -> Self {
        let until = at.checked_add(AFTERWARDS).unwrap_or(at);
        let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
        Self { job: job.to_owned(), request: request.to_owned(), until }
    }

    /// As it stands in a link: characters that need no escaping in a path.
    pub fn signed(&self, key: &str) -> String {
        let Self { job, request, until } = self;
        let (job, second) = (url(job), until.as_second());
        format!("{job}.{request}.{second}.{}", self.signature(key))
    }

    /// Reads a ticket out of a link, after its escapes were resolved.
    pub fn read(text: &str, key: &str, now: Timestamp) -> Result<Self, Bad> {
        let ticket = Self::unsigned(text).ok_or(Bad::Forged)?;
        let signature = text.rsplit('.').next().unwrap_or_default();
        // Hashes of this type are compared in constant time.
        if blake3::hash(signature.as_bytes()) != blake3::hash(ticket.signature(key).as_bytes()) {
            return Err(Bad::Forged);
        }
        if now > ticket.until {
            return Err(Bad::Expired(ticket.until));
        }
        Ok(ticket)
    }

    fn unsigned(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(4, '.');
        let (_, until, request) = (parts.next()?, parts.next()?, parts.next()?);
        let second = until.parse::<i64>().ok()?;
        // One way to write a ticket, so that one signature fits one text.
        if second.to_string() != until {
            return None;
        }
        let until = Timestamp::from_second(second).ok()?;
        Some(Self { job: parts.next()?.to_owned(), request: request.to_owned(), until })
    }

    fn signature(&self, key: &str) -> String {
        let key = blake3::derive_key(PURPOSE, key.as_bytes());
        let mut hasher = blake3::Hasher::new_keyed(&key);
        let until = self.until.as_second().to_string();
        for part in [self.job.as_str(), &self.request, &until] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex()[..SIGNATURE].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUR_KEY: &str = "5a";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ticket() -> Ticket {
        Ticket::until_after("spring.v2", "ab12@2026-12-01T02:00", at("2026-12-01T01:00:00.5Z"))
    }

    /// As a server sees it.
    fn unescaped(link: &str) -> String {
        link.replace("%2E", ".")
    }

    #[test]
    fn a_ticket_is_read_as_it_was_signed_until_its_time() {
        let link = ticket().signed(OUR_KEY);
        assert!(link.starts_with("spring%2Ev2.ab12@2026-12-01T02:00.1796173200."), "{link}");
        let read = |now| Ticket::read(&unescaped(&link), OUR_KEY, at(now));
        assert_eq!(read("2026-11-01T00:00:00Z"), Ok(ticket()));
        assert_eq!(read("2026-12-02T01:00:00Z"), Ok(ticket()));
        assert_eq!(read("2026-12-02T01:00:01Z"), Err(Bad::Expired(at("2026-12-02T01:00:00Z"))));
    }

    #[test]
    fn what_was_tampered_with_is_no_ticket() {
        let link = unescaped(&ticket().signed(OUR_KEY));
        let now = at("2026-11-01T00:00:00Z");
        let (rest, signature) = link.rsplit_once('.').unwrap();
        for tampered in [
            String::new(),
            "....".into(),
            rest.to_owned(),
            format!("{rest}."),
            link.replacen("spring", "summer", 1),
            link.replacen("02:00", "03:00", 1),
            link.replacen("1796173200", "1896173200", 1),
            link.replacen(".1796173200", ".+1796173200", 1),
            link.replacen(".1796173200", ".01796173200", 1),
            format!("{rest}.{}", signature.to_uppercase()),
            format!("{rest}.{}", &signature[..31]),
            format!("{link}0"),
            format!("x{link}"),
        ] {
            assert_eq!(Ticket::read(&tampered, OUR_KEY, now), Err(Bad::Forged), "{tampered}");
        }
        assert_eq!(Ticket::read(&link, "5b", now), Err(Bad::Forged));
    }

    /// Where one part ends and the next begins is signed, too.
    #[test]
    fn parts_cannot_be_shifted() {
        let until = at("2026-12-01T01:00:00Z");
        let ticket =
            |job: &str, request: &str| Ticket { job: job.into(), request: request.into(), until };
        assert_ne!(ticket("a", "bc").signature(OUR_KEY), ticket("ab", "c").signature(OUR_KEY));
    }
}
