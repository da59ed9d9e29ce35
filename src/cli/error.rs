//! The end of a command that failed: a kind, a message, hints, problems in files.
//!
//! Answers for the exit code of each kind and for how an error is shown: in words, and with
//! `--format json` as a document of its own where the command wrote none.

use std::io::Write;

use super::{Format, colour, output};
use crate::escape::harmless;
use crate::manifest::problem::{Problem, render};

/// What kind of end an error is; the exit code follows from it. Ordered by which one counts when
/// several happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The command line itself is wrong.
    Usage,
    /// Something didn't work.
    Failed,
    /// A limit, the never-synchronize list or the instance forbids it.
    Refused,
    /// An approved record is no longer what the reviewer saw.
    Stale,
    /// An approved record can't run: a conflict that can't be approved, a missing dependency.
    CannotRun,
    /// A job named on the command line is locked, suspended or outside a window.
    Unavailable,
}

/// The end of a command that failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: ErrorKind,
    pub message: String,
    /// What to do about it, a sentence each.
    pub hints: Vec<String>,
    /// Problems in files; shown before the message.
    pub problems: Vec<Problem>,
    /// Whether the output holds a JSON document that says it already.
    pub told: Told,
}

/// Whether what a program would read of an error stands in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    NotYet,
    InJson,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let (hints, problems) = (Vec::new(), Vec::new());
        Self { kind, message: message.into(), hints, problems, told: Told::NotYet }
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// After a listing in this format was written, problems included.
    #[must_use]
    pub fn told_in(self, format: Format) -> Self {
        match format {
            Format::Json => Self { told: Told::InJson, problems: Vec::new(), ..self },
            Format::Text => self,
        }
    }

    /// For programs, where a command has nothing else to say.
    pub fn to_json(&self) -> serde_json::Value {
        let problems: Vec<_> = self.problems.iter().map(Problem::to_json).collect();
        serde_json::json!({ "error": {
            "exitCode": self.kind.exit_code(),
            "message": self.message,
            "hints": self.hints,
            "problems": problems,
        }})
    }

    /// Problems in files, of which the gravest decides the kind.
    pub fn of_problems(problems: Vec<Problem>, message: impl Into<String>) -> Self {
        let kind = if problems.iter().filter(|problem| problem.is_error()).all(is_refusal) {
            ErrorKind::Refused
        } else {
            ErrorKind::Failed
        };
        Self { problems, ..Self::new(kind, message) }
    }
}

impl From<crate::job::Error> for Error {
    fn from(error: crate::job::Error) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<crate::database::Error> for Error {
    fn from(error: crate::database::Error) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<crate::state::Error> for Error {
    fn from(error: crate::state::Error) -> Self {
        Self::failed(error.to_string())
    }
}

/// Whether a problem is the never-synchronize list's.
fn is_refusal(problem: &Problem) -> bool {
    matches!(problem.code, "never-synchronized" | "table-not-allowed")
}

impl ErrorKind {
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::CannotRun => 3,
            Self::Stale => 4,
            Self::Refused => 5,
            Self::Unavailable => 6,
            Self::Usage => 64,
        }
    }
}

/// The error in words; with `--format json` for programs as well, on the output.
pub fn show(error: &Error, format: Format) {
    match (format, error.told) {
        // An output that is closed has no reader.
        (Format::Json, Told::NotYet) => drop(output::json(&error.to_json())),
        (Format::Json, Told::InJson) => {}
        (Format::Text, _) => show_problems(&error.problems),
    }
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "error: {}", lines_escaped(&error.message));
    for hint in &error.hints {
        let _ = writeln!(out, "hint: {}", lines_escaped(hint));
    }
}

/// Problems in files, each as a block of its own.
pub fn show_problems(problems: &[Problem]) {
    let (colour, mut out) = (colour(), std::io::stderr().lock());
    for problem in problems {
        // What can't be written to the error output has nowhere else to go.
        let _ = writeln!(out, "{}\n", render(problem, colour).trim_end());
    }
}

/// Line breaks of our own messages stay; everything else that moves the cursor doesn't.
pub fn lines_escaped(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}
