//! Typed reading of single values: text, names, numbers, one of a few words.
//!
//! Answers for what a scalar may be where a type is expected, and for the words in which a wrong one
//! is refused. Lists, maps and their keys are `fields`' part.

use super::fields::{At, Problems};
use super::guess::{BOOLEAN, Guess, guess};
use super::problem::Problem;
use super::tree::{Content, Style};
use super::words;
use crate::escape::{is_invisible, visible};

/// Longest name of a table, column, module or job, in characters.
const MAX_NAME_CHARS: usize = 128;

/// Exactly `true` or `false`.
pub fn boolean(at: &At<'_>, problems: &mut Problems) -> Option<bool> {
    match &at.node.content {
        Content::Scalar(scalar) if scalar.style != Style::Quoted && scalar.text == "true" => {
            return Some(true);
        }
        Content::Scalar(scalar) if scalar.style != Style::Quoted && scalar.text == "false" => {
            return Some(false);
        }
        _ => {}
    }
    if matches!(&at.node.content, Content::Scalar(scalar) if scalar.style == Style::Unfilled) {
        return None;
    }
    let help = "write `true` or `false`, in lower case and without quotes";
    problems.push(match &at.node.content {
        Content::Scalar(scalar)
            if scalar.style == Style::Plain && guess(&scalar.text) == BOOLEAN =>
        {
            trap(at, "boolean", help)
        }
        _ => at.wrong_type("`true` or `false`").help(help),
    });
    None
}

/// A whole number from 0 on.
pub fn whole_number(at: &At<'_>, problems: &mut Problems) -> Option<u64> {
    if let Content::Scalar(scalar) = &at.node.content {
        let text = scalar.text.as_str();
        match (scalar.style, guess(text)) {
            (Style::Plain | Style::FilledIn, Guess::Integer) => {
                let value = text.parse().ok();
                if value.is_none() {
                    problems.push(at.error(
                        "out-of-range",
                        format!("`{}` must lie between 0 and {}", at.path, u64::MAX),
                    ));
                }
                return value;
            }
            (Style::Plain, Guess::Trap(what)) => {
                problems.push(trap(at, what, "write it in decimal digits"));
                return None;
            }
            (Style::Unfilled, _) => return None,
            _ => {}
        }
    }
    problems.push(at.wrong_type("a whole number"));
    None
}

fn trap(at: &At<'_>, what: &str, help: &str) -> Problem {
    let message =
        format!("`{}`:{} unquoted is a {what} to some readers of YAML", at.path, at.quoted());
    at.error("yaml-trap", message).help(help.to_owned())
}

/// Text of any form, unquoted only where every reader of YAML takes it for text.
pub fn any_text(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let Content::Scalar(scalar) = &at.node.content else {
        problems.push(at.wrong_type("text"));
        return None;
    };
    if scalar.style == Style::Unfilled {
        return None;
    }
    if scalar.style == Style::Plain {
        if at.node.is_null() {
            problems.push(at.wrong_type("text"));
            return None;
        }
        match guess(&scalar.text) {
            Guess::Text => {}
            Guess::Trap(what) => {
                problems.push(trap(at, what, "put it in quotes if the text is meant"));
                return None;
            }
            Guess::Boolean | Guess::Integer | Guess::Decimal => {
                problems.push(at.wrong_type("text").help("put it in quotes if the text is meant"));
                return None;
            }
        }
    }
    Some(scalar.text.clone())
}

/// Text on one line.
pub fn text(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let value = any_text(at, problems)?;
    if !value.contains(char::is_control) {
        return Some(value);
    }
    // The tree has refused all others.
    if value.contains(['\n', '\t']) {
        let message = format!("`{}` holds a line break or a tab", at.path);
        problems.push(at.error("control-character", message));
    }
    None
}

/// The name of a table, column, module or the like.
pub fn name(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let value = text(at, problems)?;
    match bad_name(&value) {
        Some(problem) => {
            problems.push(problem.at(at.node.span));
            None
        }
        None => Some(value),
    }
}

/// Why something can't be a name. Which names exist is asked elsewhere.
pub fn bad_name(name: &str) -> Option<Problem> {
    if name.is_empty() {
        return Some(Problem::error("bad-name", "a name is empty"));
    }
    if name.chars().count() > MAX_NAME_CHARS {
        let message = format!("a name is longer than {MAX_NAME_CHARS} characters");
        return Some(Problem::error("bad-name", message));
    }
    if let Some(found) = name.chars().find(|c| is_invisible(*c)) {
        let message = format!(
            "the name `{}` holds U+{:04X}, which can't be seen",
            visible(name),
            u32::from(found)
        );
        return Some(Problem::error("invisible-character", message));
    }
    // Letters that look alike in two scripts, in one word: no shop needs them.
    let latin = name.chars().any(|c| c.is_ascii_alphabetic());
    let foreign =
        name.chars().find(|c| matches!(c, '\u{370}'..='\u{52f}' | '\u{ff00}'..='\u{ffef}'));
    if let (true, Some(found)) = (latin, foreign) {
        let message = format!(
            "the name `{name}` mixes scripts: U+{:04X} looks like a Latin letter, but is none",
            u32::from(found)
        );
        return Some(Problem::error("mixed-scripts", message));
    }
    None
}

/// An internal ID or an approved entry. Digits may stand unquoted and keep their zeros, since only
/// text comes of them; whatever else YAML's readers disagree about needs quotes.
pub fn id_text(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    if let Content::Scalar(scalar) = &at.node.content {
        let digits = scalar.text.strip_prefix('-').unwrap_or(&scalar.text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(scalar.text.clone());
        }
    }
    text(at, problems)
}

/// One of a few words.
pub fn word<T: Copy>(
    choices: &'static [(&'static str, T)],
) -> impl Fn(&At<'_>, &mut Problems) -> Option<T> {
    move |at, problems| {
        let value = text(at, problems)?;
        let found = choices.iter().find(|(word, _)| *word == value).map(|(_, choice)| *choice);
        if found.is_none() {
            let all: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
            let message =
                format!("`{}` must be {}, found{}", at.path, all.join(" or "), at.quoted());
            let near = words::did_you_mean(&value, choices.iter().map(|(word, _)| *word));
            problems.push(at.error("bad-value", message).help_if(near));
        }
        found
    }
}
