//! Who is told: the author of a job's latest commit, and the people its manifest names.
//!
//! Answers for only those addresses getting mail that the operator's `mail.recipients` allow, and for
//! everybody else being named.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::manifest::words::glob_matches;
use crate::state::Memory;

/// Recipients of a job's messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipients {
    pub accepted: Vec<String>,
    /// Addresses that the operator doesn't allow, or that are none.
    pub refused: Vec<String>,
}

/// Longest address, in bytes, that mail servers must take.
const LONGEST_ADDRESS: usize = 254;

/// Sorts out who may be told of a job: who changed it last, by the git address, and whom it names.
pub fn recipients(config: &Config, memory: &Memory) -> Recipients {
    let mut found = Recipients::default();
    let author = memory.seen.as_ref().and_then(|seen| seen.author.as_deref());
    let known = author.map(|author| config.people.get(author).map_or(author, String::as_str));
    let wanted: BTreeSet<&str> =
        known.into_iter().chain(memory.notify.iter().map(String::as_str)).collect();
    let allowed = config.mail.as_ref().map_or(&[][..], |mail| &mail.recipients);
    for address in wanted {
        let is_allowed = is_address(address)
            && allowed
                .iter()
                .any(|glob| glob_matches(&glob.to_lowercase(), &address.to_lowercase()));
        let list = if is_allowed { &mut found.accepted } else { &mut found.refused };
        list.push(address.to_owned());
    }
    found
}

/// One plain address: nothing that a mail server or a header could read as more than that.
fn is_address(text: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

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
