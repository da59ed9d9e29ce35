//! Typed reading of a tree: every problem, not only the first.
//!
//! Answers for the primitives (text, names, numbers, lists, maps) and for the keys of a map:
//! missing, unknown, of the wrong type. A reader returns nothing where it found a problem; the
//! problem is in the list by then. What a kind's keys are is said in `read`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::problem::{Problem, Span};
use super::tree::{Content, Entry, Node, Style};
use super::{secrets, words};
use crate::escape::{escape_controls, is_deceptive, is_invisible};

/// Longest name of a table, column, module or job, in characters.
const MAX_NAME_CHARS: usize = 128;

/// What readers found in one file.
#[derive(Debug, Default)]
pub struct Problems {
    pub list: Vec<Problem>,
    /// Values that must not be shown.
    pub hidden: Vec<Range<usize>>,
}

impl Problems {
    pub fn push(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Problem::is_error)
    }
}

/// A value and the way to it, as people write it: `spec.records[0].table`.
#[derive(Debug, Clone)]
pub struct At<'a> {
    pub node: &'a Node,
    pub path: String,
}

impl<'a> At<'a> {
    pub fn new(node: &'a Node, path: impl Into<String>) -> Self {
        Self { node, path: path.into() }
    }

    fn key(&self, entry: &'a Entry) -> Self {
        let key = escape_controls(&entry.key.text);
        let path = if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) };
        Self { node: &entry.value, path }
    }

    fn index(&self, node: &'a Node, index: usize) -> Self {
        Self { node, path: format!("{}[{index}]", self.path) }
    }

    /// The way to the value in backquotes; the document itself has none.
    fn shown(&self) -> String {
        if self.path.is_empty() { "the document".into() } else { format!("`{}`", self.path) }
    }

    pub fn error(&self, code: &'static str, message: impl Into<String>) -> Problem {
        Problem::error(code, message).at(self.node.span)
    }

    /// Says what was expected and what was found, by type and never by value.
    pub fn wrong_type(&self, expected: &str) -> Problem {
        let message = format!("{} must be {expected}, found {}", self.shown(), found(self.node));
        self.error("wrong-type", message)
    }

    /// The value in backquotes, or nothing where it may be secret.
    pub fn quoted(&self) -> String {
        match &self.node.content {
            Content::Scalar(scalar)
                if scalar.style != Style::FilledIn
                    && !secrets::is_secret_value(&scalar.text)
                    && !secrets::is_secret_key(&self.path)
                    && scalar.text.len() <= 80 =>
            {
                format!(" `{}`", escape_controls(&scalar.text))
            }
            _ => String::new(),
        }
    }
}

/// The type of a value in words.
fn found(node: &Node) -> &'static str {
    match &node.content {
        Content::List(_) => "a list",
        Content::Map(_) => "a map",
        Content::Scalar(_) if node.is_null() => "nothing",
        Content::Scalar(scalar) if scalar.style == Style::Quoted => "text",
        Content::Scalar(scalar) => match guess(&scalar.text) {
            Guess::Boolean | Guess::Trap("boolean") => "a boolean",
            Guess::Integer | Guess::Decimal | Guess::Trap(_) => "a number",
            Guess::Text => "text",
        },
    }
}

/// What YAML's readers take an unquoted scalar for. They disagree about traps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    Text,
    Boolean,
    Integer,
    Decimal,
    Trap(&'static str),
}

/// Judges an unquoted scalar. Integers with leading zeros are octal to some readers.
pub fn guess(text: &str) -> Guess {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let lower = unsigned.to_ascii_lowercase();
    match text {
        "true" | "false" => return Guess::Boolean,
        _ if matches!(lower.as_str(), "true" | "false" | "yes" | "no" | "on" | "off")
            && unsigned.len() == text.len() =>
        {
            return Guess::Trap("boolean");
        }
        _ => {}
    }
    if matches!(lower.as_str(), ".inf" | ".nan") {
        return Guess::Trap("special number");
    }
    if digits(unsigned) {
        let octal = unsigned.len() > 1 && unsigned.starts_with('0') || text.starts_with('+');
        return if octal { Guess::Trap("octal number") } else { Guess::Integer };
    }
    let prefixed = lower.len() > 2
        && (lower.starts_with("0x") && lower[2..].bytes().all(|b| b.is_ascii_hexdigit())
            || lower.starts_with("0o") && digits(&lower[2..])
            || lower.starts_with("0b") && digits(&lower[2..]));
    if prefixed {
        return Guess::Trap("hexadecimal, octal or binary number");
    }
    if unsigned.contains(':') && unsigned.split(':').all(digits) {
        return Guess::Trap("number to the base of 60");
    }
    if unsigned.contains('_') && digits(&unsigned.replace('_', "")) && !unsigned.starts_with('_') {
        return Guess::Trap("number with underscores");
    }
    let (mantissa, exponent) = lower.split_once('e').map_or((&*lower, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = (digits(whole) || whole.is_empty() && mantissa.contains('.'))
        && (digits(fraction) || fraction.is_empty() && mantissa != ".");
    match exponent {
        Some(e) if is_number && digits(e.strip_prefix(['-', '+']).unwrap_or(e)) => {
            Guess::Trap("number with an exponent")
        }
        None if is_number && digits(whole) && digits(fraction) => Guess::Decimal,
        None if is_number => Guess::Trap("number"),
        _ => Guess::Text,
    }
}

/// The keys of one map while they are being read.
#[derive(Debug)]
pub struct Fields<'a> {
    at: At<'a>,
    entries: &'a [Entry],
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub fn open(at: &At<'a>, problems: &mut Problems) -> Option<Self> {
        let Content::Map(entries) = &at.node.content else {
            problems.push(at.wrong_type("a map"));
            return None;
        };
        Some(Self { entries, at: at.clone(), known: Vec::new() })
    }

    /// Reads a key that may be absent.
    pub fn get<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        read: impl FnOnce(&At<'a>, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        let entry = self.entries.iter().find(|entry| entry.key.text == key)?;
        let at = self.at.key(entry);
        if entry.value.is_null() {
            problems.push(
                Problem::error("no-value", format!("`{}` has no value", at.path))
                    .help("give it one, or leave the key out")
                    .at(entry.key.span),
            );
            return None;
        }
        read(&at, problems)
    }

    /// Reads a key that may be absent and may be null.
    pub fn get_or_null<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        read: impl FnOnce(&At<'a>, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        let entry = self.entries.iter().find(|entry| entry.key.text == key)?;
        read(&self.at.key(entry), problems)
    }

    /// Reads a key that must be there.
    pub fn need<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        read: impl FnOnce(&At<'a>, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        self.require(key, problems);
        self.get(key, problems, read)
    }

    /// Says so where a key is missing.
    pub fn require(&self, key: &str, problems: &mut Problems) {
        if !self.has(key) {
            problems.push(self.missing(key));
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key.text == key)
    }

    /// Where a key that is there stands; else the whole map.
    pub fn span(&self, key: &str) -> Span {
        let entry = self.entries.iter().find(|entry| entry.key.text == key);
        entry.map_or(self.at.node.span, |entry| entry.key.span)
    }

    pub fn path(&self) -> &str {
        &self.at.path
    }

    fn missing(&self, key: &str) -> Problem {
        self.at.error("missing-key", format!("{} needs the key `{key}`", self.at.shown()))
    }

    /// Every key that nobody asked for is a problem. Unless it is a misspelt one, its value may be
    /// anything and is hidden.
    pub fn close(self, problems: &mut Problems) {
        for entry in self.entries {
            let key = entry.key.text.as_str();
            if self.known.contains(&key) {
                continue;
            }
            // Refused by the tree already.
            if key == "<<" {
                continue;
            }
            let near = words::did_you_mean(key, self.known.iter().copied());
            if near.is_none() {
                secrets::hide_scalars(&entry.value, &mut problems.hidden);
            }
            problems.push(self.unknown(entry, near));
        }
    }

    fn unknown(&self, entry: &Entry, near: Option<String>) -> Problem {
        let key = escape_controls(&entry.key.text);
        let help = near
            .or_else(|| operators_part(&entry.key.text))
            .or_else(|| words::suggestion(&entry.key.text, self.known.iter().copied()));
        Problem::error("unknown-key", format!("{} has no key `{key}`", self.at.shown()))
            .help_if(help)
            .at(entry.key.span)
    }
}

/// What a key that a manifest can't have asks for, when it is something only the operator names.
fn operators_part(key: &str) -> Option<String> {
    let parts = words::parts(key);
    let any = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
    let what =
        if any(&["allow", "environment", "environments", "limit", "limits", "protected", "tables"])
        {
            "environments, limits and the tables that may be reached"
        } else if any(&["sql", "query", "statement", "statements", "where", "before", "after"]) {
            "SQL statements"
        } else if secrets::is_secret_key(key) || any(&["user", "username", "login"]) {
            "databases and credentials"
        } else if any(&["host", "hostname", "port", "server", "endpoint", "uri", "address"]) {
            "hosts and addresses"
        } else if any(&["path", "dir", "directory", "root", "filename"]) {
            "paths and directories"
        } else {
            return None;
        };
    Some(format!(
        "only the operator's reconcile.yaml names {what}; manifests hold names and constants"
    ))
}

/// A list, each item read on its own.
pub fn list_of<'a, T>(
    read: impl Fn(&At<'a>, &mut Problems) -> Option<T>,
) -> impl FnOnce(&At<'a>, &mut Problems) -> Option<Vec<T>> {
    move |at, problems| {
        let Content::List(items) = &at.node.content else {
            let mut problem = at.wrong_type("a list");
            if matches!(at.node.content, Content::Scalar(_)) {
                problem = problem.help("put it in square brackets, as in `[one, two]`");
            }
            problems.push(problem);
            return None;
        };
        let mut read_items = Vec::with_capacity(items.len());
        for (index, node) in items.iter().enumerate() {
            read_items.extend(read(&at.index(node, index), problems));
        }
        Some(read_items)
    }
}

/// A map whose keys are names of the user's own.
pub fn map_of<'a, T>(
    read: impl Fn(&At<'a>, &mut Problems) -> Option<T>,
) -> impl FnOnce(&At<'a>, &mut Problems) -> Option<BTreeMap<String, T>> {
    move |at, problems| {
        let Content::Map(entries) = &at.node.content else {
            problems.push(at.wrong_type("a map"));
            return None;
        };
        let mut map = BTreeMap::new();
        for entry in entries {
            if let Some(problem) = bad_name(&entry.key.text) {
                problems.push(problem.at(entry.key.span));
            }
            if let Some(value) = read(&at.key(entry), problems) {
                map.insert(entry.key.text.clone(), value);
            }
        }
        Some(map)
    }
}

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
            if scalar.style == Style::Plain && guess(&scalar.text) == Guess::Trap("boolean") =>
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
fn bad_name(name: &str) -> Option<Problem> {
    if name.is_empty() {
        return Some(Problem::error("bad-name", "a name is empty"));
    }
    if name.chars().count() > MAX_NAME_CHARS {
        let message = format!("a name is longer than {MAX_NAME_CHARS} characters");
        return Some(Problem::error("bad-name", message));
    }
    if let Some(found) = name.chars().find(|c| is_deceptive(*c) || is_invisible(*c)) {
        let message = format!(
            "the name `{}` holds U+{:04X}, which can't be seen",
            escape_controls(name),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_of_yaml_are_told_from_text() {
        for text in [
            "no", "Yes", "ON", "True", "041", "0x10", "0o17", "1e3", "12:30", ".inf", "-.INF",
            ".nan", "1_000", "+1", "1.", ".5",
        ] {
            assert!(matches!(guess(text), Guess::Trap(_)), "{text}");
        }
        for text in [
            "slug",
            "nonsense",
            "2026-12-01T02:00",
            "a:b",
            "1.2.3",
            "e3",
            "TEST -> PROD",
            ".",
            "-",
            "_1",
            "0 2 * * 1",
        ] {
            assert_eq!(guess(text), Guess::Text, "{text}");
        }
        assert_eq!(guess("-41"), Guess::Integer);
        assert_eq!(guess("99999999999999999999999999999999999999"), Guess::Integer);
        assert_eq!(guess("1.10"), Guess::Decimal);
    }
}
