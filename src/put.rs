//! `put!`, by which all output is put together, and texts as JSON has them.
//!
//! Answers for writing into a `String` without a result to handle; what is written is the caller's.

/// Appends formatted text to a `String`, which can't fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($out, $($text)*);
    }};
}
pub(crate) use put;

/// Appends a text as a JSON string; most need no escape.
pub fn put_json(out: &mut String, text: &str) {
    let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}
