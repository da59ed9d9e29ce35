//! Characters that would change what a reader sees, made visible.
//!
//! Answers for one question: may this character stand in a terminal, a log line or a mail as it is?
//! Every output that shows names or values from files or databases goes through here.

use std::borrow::Cow;

/// Text in which control characters and invisible direction marks stand as `\u{…}`. Line breaks
/// and tabs are control characters too: one value stays on one line.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_deceptive(character) => out.extend(character.escape_unicode()),
            _ => out.push(character),
        }
    }
    Cow::Owned(out)
}

/// A control character, or one that hides or reorders its neighbours.
pub fn is_deceptive(character: char) -> bool {
    character.is_control() || is_bidi_control(character) || is_invisible(character)
}

/// Embeddings, overrides and isolates: they reorder the text around them (CVE-2021-42574).
pub fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Takes no room on the line: zero-width characters, direction marks, fillers, tags.
pub fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}' | '\u{2029}'
        | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_line_breaks_lose_their_effect() {
        assert_eq!(escape_controls("a\u{1b}[31mred\r\nb"), "a\\u{1b}[31mred\\r\\nb");
        assert_eq!(escape_controls("user\u{202e}txt"), "user\\u{202e}txt");
    }

    #[test]
    fn plain_text_is_left_alone() {
        assert!(matches!(escape_controls("Żółw 🐢 größe"), Cow::Borrowed(_)));
    }
}
