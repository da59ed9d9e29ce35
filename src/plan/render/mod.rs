//! A plan as people and programs read it: text for a terminal, Markdown for a pull request,
//! a page on which changes are ticked, JSON.
//!
//! Answers for what is shown and how; pure functions from a plan to a string. No value acts in any
//! of them: markup, mentions, terminal controls and hidden characters all come out as visible text.

mod difference;
mod files;
pub mod html;
mod json;

mod markdown;
mod outline;
mod pins;
mod text;
pub mod words;

pub use html::html;
pub use json::{json, pretty, write_pretty};
pub use markdown::{LIMIT as MARKDOWN_LIMIT, code, markdown};

pub use text::{Colour, Style, text};

#[cfg(test)]
pub mod sample;
#[cfg(test)]
mod tests;
