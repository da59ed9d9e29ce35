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
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        out.push_str(text);
        out.push('"');
        return out;
    }
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
    match is_plain(text) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

fn is_plain(text: &str) -> bool {
    /// None of them is longer than this.
    const LONGEST: usize = 5;
    const OTHER_MEANING: [&str; 10] =
        ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "all"];
    let is_word =
        |byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'/' | b'-');
    let begins = matches!(text.as_bytes().first(), Some(b'a'..=b'z' | b'A'..=b'Z' | b'_'));
    let has_other_meaning =
        || text.len() <= LONGEST && OTHER_MEANING.iter().any(|it| text.eq_ignore_ascii_case(it));
    begins && text.bytes().all(is_word) && !has_other_meaning()
}
