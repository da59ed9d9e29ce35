//! What the daemon says while it works: one line for each thing, for a journal.

use std::fmt::Display;
use std::io::Write;

use jiff::Timestamp;

use crate::escape::harmless;

/// Says something about a job, or about another part of the work.
pub fn say(about: &str, what: impl Display) {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    let line = format!("{now} {}: {}\n", harmless(about), harmless(&what.to_string()));
    // A journal that takes no lines has nowhere to say so.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
