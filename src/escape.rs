//! Data made harmless to look at: nothing invisible stays invisible.
//!
//! Answers for which characters are shown as `\u{…}` and for widths on a terminal. Every output
//! sends every value, name and label through here; what is markup is each format's own affair.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use crate::put::put;

/// Characters that a terminal or browser obeys, hides or draws like a plain space: controls, ANSI,
/// text direction, zero width, unusual spaces, line separators, tags. Two values that differ must
/// look different, and no value may act.
pub fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Refused in manifests and the operator's file: a control character, or one that hides or reorders
/// its neighbours (CVE-2021-42574). Unusual spaces may stand there.
pub fn is_deceptive(c: char) -> bool {
    is_invisible(c)
        && (c.is_control() || !c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// Embeddings, overrides and isolates: they reorder the text around them.
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text on one line, with everything invisible written out. A backslash that could be taken for
/// one of these escapes is doubled; any other is left alone, so that paths stay readable.
pub fn visible(text: &str) -> Cow<'_, str> {
    written_out(text, looks_escaped)
}

/// The name of a change, `table/ID`, as it can be typed again. In an ID a backslash is followed by
/// another one or by a comma, so no escape can be feigned there and none is doubled. A space at its
/// end would vanish, so it is written out.
pub fn visible_name(name: &str) -> String {
    let Some((table, id)) = name.split_once('/') else { return visible(name).into_owned() };
    let id = match id.strip_suffix(' ') {
        Some(rest) => format!("{}\\u{{20}}", harmless(rest)),
        None => harmless(id).into_owned(),
    };
    format!("{}/{id}", visible(table))
}

/// A whole message on one line. What its parts escaped already stays as it is.
pub fn harmless(message: &str) -> Cow<'_, str> {
    written_out(message, |_| false)
}

fn written_out(text: &str, doubled: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if !text.contains('\\') && !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' if doubled(&text[at + 1..]) => out.push_str("\\\\"),
            c if is_invisible(c) => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// One line of a longer text. A space at its end would vanish, so the last one is written out.
pub fn visible_line(line: &str) -> String {
    match line.strip_suffix(' ') {
        Some(rest) => format!("{}\\u{{20}}", visible(rest)),
        None => visible(line).into_owned(),
    }
}

/// Text in double quotes, unambiguous: quotes and all backslashes are escaped.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_invisible(c) => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The text cut to at most `limit` characters, the last of them `…` when something is missing.
pub fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    if text.chars().count() <= limit {
        return Cow::Borrowed(text);
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    Cow::Owned(format!("{kept}…"))
}

/// Columns that a character takes on a terminal: an approximation that knows East Asian wide
/// characters, emoji and the common combining marks.
pub fn columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Columns that a text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn looks_escaped(rest: &str) -> bool {
    rest.starts_with(['n', 'r', 't', '\\'])
        || rest.starts_with("u{")
        || rest.starts_with(is_invisible)
}

fn push_escape(out: &mut String, c: char) {
    out.extend(c.escape_unicode());
}

/// Text of which HTML takes nothing for markup.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Text as one part of an address's path.
pub fn url(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(byte.into()),
            _ => put!(out, "%{byte:02X}"),
        }
    }
    out
}

/// A path as people would type it: from the working directory, where it lies below.
pub fn near(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    let parts = short.unwrap_or(path).components();
    // A `./` may stand at the beginning and in the middle.
    let parts = parts.filter(|part| *part != Component::CurDir);
    parts.collect::<PathBuf>().display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_or_hides_is_written_out() {
        assert_eq!(visible("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(visible("user\u{202e}txt.exe"), "user\\u{202e}txt.exe");
        assert_eq!(visible("zero\u{200b}width\u{feff}"), "zero\\u{200b}width\\u{feff}");
        assert_eq!(visible("10\u{a0}zł\r\n"), "10\\u{a0}zł\\r\\n");
        assert_eq!(visible("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in ["Zażółć gęślą jaźń", "日本語 ❤️", r"C:\shop\media", "a b"] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn an_escape_cannot_be_feigned() {
        assert_eq!(visible(r"\u{202e}"), r"\\u{202e}");
        assert_ne!(visible(r"\n"), visible("\n"));
        assert_ne!(visible(r"\\n"), visible("\\\n"));
        assert_eq!(quoted("\\\"\n"), r#""\\\"\n""#);
    }

    #[test]
    fn names_can_be_typed_again() {
        assert_eq!(visible_name(r"price/7\,E,\\UR"), r"price/7\,E,\\UR");
        assert_eq!(visible_name("page/two\nlines "), r"page/two\nlines\u{20}");
        assert_eq!(visible_name("pa\u{1b}ge/1"), r"pa\u{1b}ge/1");
    }

    #[test]
    fn spaces_at_the_end_show() {
        assert_eq!(visible_line("a  "), "a \\u{20}");
        assert_eq!(visible_line("a"), "a");
    }
}
