//! Scalars as they are written into a manifest.
//!
//! Answers for quoting alone: whatever the text, it reads back as exactly that text, stands on one
//! line, and shows nothing invisible.

use crate::escape::is_invisible;
use crate::put::put;

/// The text as a double-quoted scalar, which is legal in block and in flow style alike.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_invisible(c) => match u32::from(c) {
                code @ 0..=0xff => put!(out, "\\x{code:02x}"),
                code @ 0x100..=0xffff => put!(out, "\\u{code:04x}"),
                code => put!(out, "\\U{code:08x}"),
            },
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The text as a key: plain where every YAML reader takes it for text, else quoted.
pub fn key(text: &str) -> String {
    const OTHER_MEANING: [&str; 10] =
        ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "all"];
    let mut characters = text.chars();
    let is_plain = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
        && !OTHER_MEANING.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { quoted(text) }
}
