//! What is wrong with a file, where, and what to do about it.
//!
//! Answers for the list that collects every problem of a reading, and for how one is shown: file,
//! line, column and the offending line, in which values that may be secret are hidden. Which
//! values those are is `secrets`' part.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};
use serde_json::json;

use crate::escape::{harmless, is_deceptive};

/// How much is at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document can't be used.
    Error,
    /// It can be used, but something will not happen as written.
    Warning,
    /// Something worth knowing.
    Note,
}

impl Severity {
    /// As it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A place in a text: bytes for slicing, line and column (from 1, in characters) for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
    pub line: usize,
    pub column: usize,
}

impl Span {
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A file as it may be shown: its secret values stand as asterisks, with every byte in its place.
#[derive(Debug)]
pub struct Source {
    /// The path as people know it.
    pub name: String,
    shown: String,
}

impl Source {
    /// A file of which nothing is shown but its path.
    pub fn unread(path: &Path) -> Self {
        Self::new(shown_path(path), "", &[])
    }

    /// Hides the given ranges and every character that would disturb a terminal.
    pub fn new(name: impl Into<String>, text: &str, hidden: &[Range<usize>]) -> Self {
        let mut shown = String::with_capacity(text.len());
        let mut hidden: Vec<&Range<usize>> = hidden.iter().collect();
        hidden.sort_by_key(|range| range.start);
        let mut ranges = hidden.into_iter().peekable();
        let mut hidden_until = 0;
        for (at, character) in text.char_indices() {
            while let Some(range) = ranges.next_if(|range| range.start <= at) {
                hidden_until = hidden_until.max(range.end);
            }
            let ends_line = character == '\n' || text[at..].starts_with("\r\n");
            if ends_line || character == '\t' {
                shown.push(character);
            } else if at < hidden_until {
                shown.extend(std::iter::repeat_n('*', character.len_utf8()));
            } else {
                push_visible(&mut shown, character);
            }
        }
        Self { name: name.into(), shown }
    }

    /// The line that holds `at`, without its line break.
    fn line_around(&self, at: usize) -> Range<usize> {
        let bytes = self.shown.as_bytes();
        let at = at.min(bytes.len());
        let start =
            bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1);
        let end =
            bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |n| at + n);
        start..if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end }
    }

    /// The beginning of the character that holds this byte.
    fn boundary_before(&self, mut at: usize) -> usize {
        while !self.shown.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// A path as people would type it: below the working directory without that.
pub fn shown_path(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    short.unwrap_or(path).display().to_string()
}

/// A stand-in of the same length in bytes, so that positions stay right.
fn push_visible(shown: &mut String, character: char) {
    match (is_deceptive(character), character.len_utf8()) {
        (false, _) => shown.push(character),
        (true, 3) => shown.push(char::REPLACEMENT_CHARACTER),
        (true, bytes) => shown.extend(std::iter::repeat_n('?', bytes)),
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct Problem {
    pub severity: Severity,
    /// Stable, for scripts and search: `unknown-key`.
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
    pub source: Option<Arc<Source>>,
    /// The number of the document in its file, from 1.
    pub document: Option<usize>,
    pub span: Option<Span>,
}

impl Problem {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        let message = harmless(&message.into()).into_owned();
        Self { severity, code, message, help: None, source: None, document: None, span: None }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(harmless(&help.into()).into_owned());
        self
    }

    #[must_use]
    pub fn help_if(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    #[must_use]
    pub fn in_source(mut self, source: &Arc<Source>) -> Self {
        self.source = Some(Arc::clone(source));
        self
    }

    /// Place and message, `manifests/a.yaml:3:5: there is no kind …`.
    pub fn one_line(&self) -> String {
        let place = match (self.file(), self.span) {
            (Some(file), Some(span)) => format!("{file}:{}:{}: ", span.line, span.column),
            (Some(file), None) => format!("{file}: "),
            (None, _) => String::new(),
        };
        format!("{place}{}", self.message)
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The path of the file it is in.
    pub fn file(&self) -> Option<&str> {
        self.source.as_deref().map(|source| source.name.as_str())
    }

    /// For `--format json`.
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "severity": self.severity.as_str(),
            "code": self.code,
            "message": self.message,
            "help": self.help,
            "file": self.file(),
            "document": self.document,
            "line": self.span.map(|span| span.line),
            "column": self.span.map(|span| span.column),
        })
    }

    /// By file, place and weight.
    fn order(&self, other: &Self) -> Ordering {
        let place = |problem: &Self| problem.span.map(|span| span.start);
        self.file()
            .cmp(&other.file())
            .then_with(|| place(self).cmp(&place(other)))
            .then_with(|| self.severity.cmp(&other.severity))
            .then_with(|| self.message.cmp(&other.message))
    }
}

/// One line, for logs and lists: `file:line:column: message`.
impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = self.file() {
            write!(out, "{}:", harmless(file))?;
            if let Some(span) = self.span {
                write!(out, "{}:{}:", span.line, span.column)?;
            }
            out.write_str(" ")?;
        }
        out.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// Sorts by file and place and drops repetitions, which two checks may well find.
pub fn sort(problems: &mut Vec<Problem>) {
    problems.sort_by(Problem::order);
    problems.dedup_by(|a, b| a.order(b) == Ordering::Equal && a.code == b.code);
}

/// Whether terminal colours are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Always,
    Never,
}

/// The problem as a block of text: message, place, the offending line, what to do.
pub fn render(problem: &Problem, colour: Colour) -> String {
    let theme = match colour {
        Colour::Always => GraphicalTheme::unicode(),
        Colour::Never => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_wrap_lines(false)
        .with_links(false)
        .without_syntax_highlighting()
        .with_context_lines(1);
    let mut out = String::new();
    match handler.render_report(&mut out, &Shown::of(problem)) {
        Ok(()) => out,
        Err(fmt::Error) => format!("{problem}\n"),
    }
}

/// A problem as miette wants it.
#[derive(Debug)]
struct Shown<'a> {
    problem: &'a Problem,
    line: Option<Line<'a>>,
}

/// Exactly the offending line: neighbours may hold what must not be shown, and long lines are cut.
#[derive(Debug)]
struct Line<'a> {
    source: &'a Source,
    part: Range<usize>,
    number: usize,
    column: usize,
    mark: Range<usize>,
}

/// Bytes shown on each side of the mark.
const LINE_PART_BYTES: usize = 120;

impl<'a> Shown<'a> {
    fn of(problem: &'a Problem) -> Self {
        let line = problem
            .source
            .as_deref()
            .zip(problem.span)
            .map(|(source, span)| Line::around(source, span));
        Self { problem, line }
    }
}

impl<'a> Line<'a> {
    fn around(source: &'a Source, span: Span) -> Self {
        let line = source.line_around(span.start);
        let start = source.boundary_before(span.start.clamp(line.start, line.end));
        let end =
            source.boundary_before(span.end.clamp(start, line.end).min(start + LINE_PART_BYTES));
        let from = source.boundary_before(line.start.max(start.saturating_sub(LINE_PART_BYTES)));
        let to = source.boundary_before(line.end.min(end + LINE_PART_BYTES));
        let column = source.shown[line.start..from].chars().count();
        Self {
            source,
            part: from..to,
            number: span.line.saturating_sub(1),
            column,
            mark: start..end,
        }
    }
}

impl SourceCode for Line<'_> {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        context: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // Without context miette asks for the position in the heading, with it for the line.
        let part = if context == 0 { self.mark.start..self.part.end } else { self.part.clone() };
        let before = self.source.shown[self.part.start..part.start].chars().count();
        Ok(Box::new(MietteSpanContents::new_named(
            harmless(&self.source.name).into_owned(),
            self.source.shown[part.clone()].as_bytes(),
            SourceSpan::from((part.start, part.len())),
            self.number,
            self.column + before,
            1,
        )))
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A file that couldn't be read as text has no line to show; its name must still be said.
        if let (None, Some(file)) = (&self.line, self.problem.file()) {
            write!(out, "{}: ", harmless(file))?;
        }
        out.write_str(&self.problem.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.problem.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.line.as_ref().map(|line| line as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let mark = self.line.as_ref()?.mark.clone();
        let label = LabeledSpan::new(None, mark.start, mark.len());
        Some(Box::new(std::iter::once(label)))
    }
}
