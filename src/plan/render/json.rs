//! The plan as `plan.json`: the value itself, serialised.
//!
//! Answers for escaping what JSON leaves raw but a reader's screen would obey or hide.

use crate::escape::is_invisible;
use crate::plan::change::Plan;
use crate::put::put;

/// The plan in pretty JSON with a line break at its end. It reads back as an equal plan.
pub fn json(plan: &Plan) -> String {
    pretty(plan)
}

/// Any of our own values in the same way.
pub fn pretty(value: &impl serde::Serialize) -> String {
    let raw = serde_json::to_string_pretty(value).expect("our values have only text keys");
    let mut out = String::with_capacity(raw.len() + 1);
    for c in raw.chars() {
        // Line breaks and spaces between tokens are the only invisible characters outside strings;
        // inside, JSON has escaped all controls below U+0020 already.
        if c != '\n' && is_invisible(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                put!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    out
}
