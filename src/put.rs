//! `put!`, by which all output is put together.
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
