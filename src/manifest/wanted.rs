//! What a manifest shall hold, approvals above all, as maps and lists and as YAML text.
//!
//! Answers for writing them in block and in flow style.

use std::collections::BTreeMap;

use super::heading::Heading;
use super::quote::{key, quoted};
use super::sync_job::{Approval, Approvals};

/// A value that shall stand in the manifest. Nothing in it is empty but the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Map(Vec<(String, Wanted)>),
    List(Vec<Approval>),
    /// `true`, a number.
    Word(String),
    Text(String),
}

impl Wanted {
    /// Tables and classes that hold an entry.
    pub fn approvals(approved: &BTreeMap<String, Approvals>) -> Self {
        let classes = |approvals: &Approvals| {
            let filled = Heading::ALL.into_iter().filter(|it| !it.entries(approvals).is_empty());
            let class = |heading: Heading| {
                (heading.word().to_owned(), Self::List(heading.entries(approvals).clone()))
            };
            Self::Map(filled.map(class).collect())
        };
        let tables = approved.iter().map(|(table, approvals)| (table.clone(), classes(approvals)));
        Self::Map(tables.collect())
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Map(entries) => entries.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Word(_) | Self::Text(_) => false,
        }
    }

    /// `name:` and this value in lines of their own, the name `column` columns in.
    pub fn block(&self, name: &str, column: usize, step: usize, line_end: &str) -> String {
        let indent = " ".repeat(column);
        if self.is_empty() || self.is_scalar() {
            return format!("{indent}{}: {}{line_end}", key(name), self.flow(Keys::Plain));
        }
        let inner = self.block_lines(column + step, step, line_end);
        format!("{indent}{}:{line_end}{inner}", key(name))
    }

    /// This value in lines of its own, `column` columns in.
    pub fn block_lines(&self, column: usize, step: usize, line_end: &str) -> String {
        match self {
            Self::Map(entries) => entries
                .iter()
                .map(|(name, value)| value.block(name, column, step, line_end))
                .collect(),
            Self::List(items) => {
                let indent = " ".repeat(column);
                let lines =
                    items.iter().map(|item| [&indent, "- ", &entry(item), line_end].concat());
                lines.collect()
            }
            Self::Word(_) | Self::Text(_) => String::new(),
        }
    }

    /// Stands behind its key.
    pub fn is_scalar(&self) -> bool {
        matches!(self, Self::Word(_) | Self::Text(_))
    }

    /// This value on one line.
    pub fn flow(&self, keys: Keys) -> String {
        match self {
            Self::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(name, value)| format!("{}: {}", keys.write(name), value.flow(keys)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
            Self::List(items) => {
                format!("[{}]", items.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
            Self::Word(word) => word.clone(),
            Self::Text(text) => quoted(text),
        }
    }
}

/// How keys are written: JSON wants them quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    Plain,
    Quoted,
}

impl Keys {
    pub fn write(self, name: &str) -> String {
        match self {
            Self::Plain => key(name),
            Self::Quoted => quoted(name),
        }
    }
}

/// An entry as it is written: always quoted, since a pin may look like many things.
pub fn entry(approval: &Approval) -> String {
    quoted(&approval.to_string())
}
