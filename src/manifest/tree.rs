//! YAML as one tree that knows where everything stands.
//!
//! Answers for what is YAML to us: scalars keep their text and their style, so that nothing is
//! guessed from an unquoted `no` or `041`; anchors, aliases, merge keys, tags, directives and
//! duplicate keys are refused; depth and number of documents are limited. It leaves all meaning to
//! its readers.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, ScanError};

use super::problem::{Problem, Span};
use crate::escape::{is_deceptive, visible};

/// Containers within containers.
pub const MAX_DEPTH: usize = 32;
/// Documents a file may hold.
pub const MAX_DOCUMENTS: usize = 1_000;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    pub span: Span,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// The text of a scalar after YAML's escapes. `quoted`, it is text whatever it looks like.
#[derive(Debug, Clone)]
pub struct Scalar {
    pub text: String,
    pub style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Quoted,
    /// Holds the value of a variable, which is never shown; it may stand for text or a number.
    FilledIn,
    /// Names a variable that couldn't be filled in, of which nothing more needs to be said.
    Unfilled,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: Key,
    pub value: Node,
}

#[derive(Debug, Clone)]
pub struct Key {
    pub text: String,
    pub span: Span,
}

/// One YAML document that could be read whole. Problems may have been found in it all the same.
#[derive(Debug)]
pub struct Document {
    /// From 1, over all documents of the file, broken ones included.
    pub number: usize,
    pub root: Node,
}

impl Node {
    /// The value under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key.text == key),
            _ => None,
        }
    }

    /// An unquoted nothing: `key:`, `~` or `null`.
    pub fn is_null(&self) -> bool {
        match &self.content {
            Content::Scalar(scalar) => {
                scalar.style == Style::Plain
                    && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }
}

/// Reads every document of a text that `source::read` has let through. Problems carry the number of
/// their document; a document cut short by one doesn't keep those after it from being read.
pub fn read(text: &str) -> (Vec<Document>, Vec<Problem>) {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH * 2,
        block_nesting_limit: MAX_DEPTH * 2,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder::default();
    loop {
        match parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => break,
            Some(Ok((event, span))) => match builder.take(event, place(&span)) {
                Ok(()) => continue,
                Err(problem) => builder.problem(*problem),
            },
            Some(Err(error)) => builder.problem(syntax_problem(text, &error)),
        }
        // What is left of a broken document says nothing reliable.
        builder.abandon_document();
        if !matches!(parser.proceed_next_document(), Ok(true)) {
            break;
        }
    }
    (builder.documents, builder.problems)
}

fn place(span: &granit_parser::Span) -> Span {
    let range = span.byte_range().unwrap_or(0..0);
    Span {
        start: range.start,
        end: range.end,
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

fn syntax_problem(text: &str, error: &ScanError) -> Problem {
    let mark = error.marker();
    let start = mark.byte_offset().unwrap_or(0);
    let span = Span { start, end: start + 1, line: mark.line(), column: mark.col() + 1 };
    let problem = match error.kind() {
        granit_parser::ErrorKind::RecursionLimitExceeded => too_deep(),
        granit_parser::ErrorKind::DirectiveDisallowed => {
            Problem::error("yaml-directive", "YAML directives (lines with `%`) aren't allowed")
        }
        _ => {
            let variable = text.get(..start).is_some_and(|before| before.ends_with('$'));
            let help = "put text that holds `${…}` in quotes".to_owned();
            Problem::error("yaml-syntax", format!("this is no valid YAML: {}", error.info()))
                .help_if(variable.then_some(help))
        }
    };
    problem.at(span)
}

fn too_deep() -> Problem {
    Problem::error(
        "yaml-depth",
        format!("lists and maps are nested deeper than {MAX_DEPTH} levels"),
    )
}

/// A container whose end hasn't come yet.
#[derive(Debug)]
enum Open {
    List { span: Span, items: Vec<Node> },
    Map { span: Span, entries: Vec<Entry>, key: Option<Key>, lines: BTreeMap<String, usize> },
}

#[derive(Debug, Default)]
struct Builder {
    documents: Vec<Document>,
    problems: Vec<Problem>,
    number: usize,
    open: Vec<Open>,
}

impl Builder {
    fn problem(&mut self, mut problem: Problem) {
        problem.document = Some(self.number.max(1));
        self.problems.push(problem);
    }

    fn abandon_document(&mut self) {
        self.open.clear();
    }

    /// Takes one event; an error ends the document.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Box<Problem>> {
        match event {
            Event::DocumentStart(..) => self.start_document(span),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), span);
                self.scalar(&text, style, span);
                Ok(())
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), span);
                self.start(Open::List { span, items: Vec::new() }, span)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), span);
                self.start(Open::Map { span, entries: Vec::new(), key: None, lines: BTreeMap::new() }, span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.end(span);
                Ok(())
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => Err(Box::new(
                Problem::error("yaml-alias", "YAML aliases (`*name`) aren't allowed")
                    .help("write the value out where it is needed; text that begins with `*` needs quotes")
                    .at(span),
            )),
            _ => Ok(()),
        }
    }

    fn start_document(&mut self, span: Span) -> Result<(), Box<Problem>> {
        self.number += 1;
        self.open.clear();
        if self.number > MAX_DOCUMENTS {
            return Err(Box::new(
                Problem::error(
                    "too-many-documents",
                    format!("a file may hold {MAX_DOCUMENTS} documents, this one holds more"),
                )
                .at(span),
            ));
        }
        Ok(())
    }

    fn refuse_extras(&mut self, anchor: usize, tagged: bool, span: Span) {
        if anchor != 0 {
            self.problem(
                Problem::error("yaml-anchor", "YAML anchors (`&name`) aren't allowed")
                    .help("write the value out where it is needed; text that begins with `&` needs quotes")
                    .at(span),
            );
        }
        if tagged {
            self.problem(
                Problem::error("yaml-tag", "YAML tags (`!name`) aren't allowed")
                    .help("text that begins with `!` needs quotes")
                    .at(span),
            );
        }
    }

    fn start(&mut self, open: Open, span: Span) -> Result<(), Box<Problem>> {
        if self.open.len() == MAX_DEPTH {
            return Err(Box::new(too_deep().at(span)));
        }
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            return Err(Box::new(
                Problem::error("yaml-key", "a key must be text, found a list or a map")
                    .help("text that begins with `{` or `[` needs quotes")
                    .at(span),
            ));
        }
        self.open.push(open);
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) {
        if let Some(problem) = deceptive(text, span) {
            self.problem(problem);
        }
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            _ => Style::Quoted,
        };
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            self.key(text, style, span);
        } else {
            let content = Content::Scalar(Scalar { text: text.to_owned(), style });
            self.value(Node { span, content });
        }
    }

    fn key(&mut self, text: &str, style: Style, span: Span) {
        if text == "<<" && style == Style::Plain {
            self.problem(
                Problem::error("yaml-merge", "YAML merge keys (`<<`) aren't allowed").at(span),
            );
        }
        if text.is_empty() {
            self.problem(Problem::error("yaml-key", "a key is empty").at(span));
        }
        let Some(Open::Map { key, lines, .. }) = self.open.last_mut() else { return };
        *key = Some(Key { text: text.to_owned(), span });
        let first = lines.get(text).copied();
        lines.entry(text.to_owned()).or_insert(span.line);
        if let Some(first) = first {
            let shown = visible(text);
            self.problem(
                Problem::error("duplicate-key", format!("the key `{shown}` is given twice"))
                    .help(format!("it stands in line {first} already; keep one of them"))
                    .at(span),
            );
        }
    }

    /// A finished value goes where the innermost open container waits for it.
    fn value(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                if let Some(key) = key.take() {
                    entries.push(Entry { key, value: node });
                }
            }
            None if node.is_null() => {}
            None => self.documents.push(Document { number: self.number, root: node }),
        }
    }

    fn end(&mut self, end: Span) {
        let (mut span, content) = match self.open.pop() {
            Some(Open::List { span, items }) => (span, Content::List(items)),
            Some(Open::Map { span, entries, .. }) => (span, Content::Map(entries)),
            None => return,
        };
        span.end = end.end.max(span.end);
        self.value(Node { span, content });
    }
}

/// Control characters can come in through escapes as well; line breaks and tabs are for the reader
/// of the value to judge.
fn deceptive(text: &str, span: Span) -> Option<Problem> {
    let found = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'))?;
    debug_assert!(is_deceptive(found));
    Some(
        Problem::error(
            "control-character",
            format!("text holds the control character U+{:04X}", u32::from(found)),
        )
        .at(span),
    )
}
