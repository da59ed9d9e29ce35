//! Who is told: the author of a job's latest commit, and the people its manifest names.
//!
//! Answers for only those addresses getting mail that the operator's `mail.recipients` allow, and for
//! everybody else being named.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::config::mail::is_address;
use crate::manifest::words::glob_matches;
use crate::state::Memory;

/// Recipients of a job's messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipients {
    pub accepted: Vec<String>,
    /// Addresses that the operator doesn't allow, or that are none.
    pub refused: Vec<String>,
    /// What didn't get out so far, in sentences.
    pub not_out: Vec<String>,
}

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
