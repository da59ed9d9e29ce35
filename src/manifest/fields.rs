//! Typed reading of a tree: every problem, not only the first.
//!
//! Answers for lists, maps and the keys of a map: missing, unknown, without a value. A reader returns
//! nothing where it found a problem; the problem is in the list by then. Single values are read in
//! `scalars`; what keys a kind has is said in `read_module` and `read_job`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::guess::{BOOLEAN, Guess, guess};
use super::problem::{Problem, Span};
use super::scalars::bad_name;
use super::tree::{Content, Entry, Node, Style};
use super::{secrets, words};
use crate::escape::visible;

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

    #[must_use]
    pub fn key(&self, entry: &'a Entry) -> Self {
        let key = visible(&entry.key.text);
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
                    && !secrets::is_secret_path(&self.path)
                    && scalar.text.len() <= 80 =>
            {
                format!(" `{}`", visible(&scalar.text))
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
            Guess::Boolean | BOOLEAN => "a boolean",
            Guess::Integer | Guess::Decimal | Guess::Trap(_) => "a number",
            Guess::Text => "text",
        },
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

    /// Every key that nobody asked for is a problem. Unless it is a misspelt one of a key whose value
    /// is shown, its value may be anything and is hidden.
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
            let meant = words::nearest(key, self.known.iter().copied());
            if near.is_none() || meant.is_none_or(secrets::is_secret_key) {
                secrets::hide_scalars(&entry.value, &mut problems.hidden);
            }
            problems.push(self.unknown(entry, near));
        }
    }

    fn unknown(&self, entry: &Entry, near: Option<String>) -> Problem {
        let key = visible(&entry.key.text);
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
