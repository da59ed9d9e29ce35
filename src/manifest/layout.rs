//! A YAML text as a tree that knows where in the text everything stands.
//!
//! Answers for byte ranges, which edits need, and for comparing two texts by what they say. It uses
//! the parser that reads manifests too, so that both see the same. Types and names are `tree`'s.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

/// Deeper files are refused, as they are when manifests are read.
const MAX_DEPTH: usize = 32;

/// Why a text has no layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The parser's own words, with line and column.
    #[error("{0}")]
    NotYaml(String),
    #[error("line {line}: anchors and aliases aren't allowed in manifests")]
    Alias { line: usize },
    #[error("nested more than {MAX_DEPTH} deep")]
    TooDeep,
}

#[derive(Debug, Clone)]
pub struct Node {
    /// Bytes of the text. A block collection reaches from its first child to its last.
    pub range: Range<usize>,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub enum Content {
    Scalar { text: String, written: Written },
    List { style: Style, items: Vec<Node> },
    Map { style: Style, entries: Vec<Entry> },
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: Node,
    pub value: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Block,
    Flow,
}

/// How a scalar is written; a plain one may be something else than text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Plain,
    Quoted,
    Block,
}

/// The roots of all documents in a text.
pub fn parse(text: &str) -> Result<Vec<Node>, LayoutError> {
    let mut reader = Reader { parser: Parser::new_from_str(text) };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.next()? {
        if is_node(&event) {
            documents.push(reader.node(event, span, 0)?);
        }
    }
    Ok(documents)
}

impl Node {
    /// The value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.text() == Some(key))
    }

    /// The entries of a map; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map { entries, .. } => entries,
            Content::Scalar { .. } | Content::List { .. } => &[],
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            Content::List { .. } | Content::Map { .. } => None,
        }
    }

    /// Nothing is written, or one of the words for it.
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, written: Written::Plain }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Both say the same, wherever they stand and in whatever style.
    pub fn says_the_same(&self, other: &Self) -> bool {
        match (&self.content, &other.content) {
            (
                Content::Scalar { text, written },
                Content::Scalar { text: other, written: other_written },
            ) => {
                let is_plain = *written == Written::Plain;
                text == other && is_plain == (*other_written == Written::Plain)
            }
            (Content::List { items, .. }, Content::List { items: others, .. }) => {
                items.len() == others.len()
                    && items.iter().zip(others).all(|(item, other)| item.says_the_same(other))
            }
            (Content::Map { entries, .. }, Content::Map { entries: others, .. }) => {
                entries.len() == others.len()
                    && entries.iter().zip(others).all(|(entry, other)| entry.says_the_same(other))
            }
            _ => false,
        }
    }
}

impl Entry {
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.key.says_the_same(&other.key) && self.value.says_the_same(&other.value)
    }
}

fn is_node(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) | Event::Alias(_)
    )
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, LayoutError> {
        let event = self.parser.next_event().transpose();
        event.map_err(|error| LayoutError::NotYaml(error.to_string()))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, LayoutError> {
        if depth > MAX_DEPTH {
            return Err(LayoutError::TooDeep);
        }
        let start = range(span);
        match event {
            Event::Scalar(text, style, 0, _) => {
                let written = match style {
                    ScalarStyle::Plain => Written::Plain,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Written::Quoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Written::Block,
                };
                let content = Content::Scalar { text: text.into_owned(), written };
                Ok(Node { range: start, content })
            }
            Event::SequenceStart(style, 0, _) => self.list(style_of(style), start, depth),
            Event::MappingStart(style, 0, _) => self.map(style_of(style), start, depth),
            _ => Err(LayoutError::Alias { line: span.start.line() }),
        }
    }

    fn list(
        &mut self,
        style: Style,
        start: Range<usize>,
        depth: usize,
    ) -> Result<Node, LayoutError> {
        let mut items: Vec<Node> = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                let children = items.first().zip(items.last()).map(|(a, b)| (&a.range, &b.range));
                let range = whole(style, &start, children, &range(span));
                return Ok(Node { range, content: Content::List { style, items } });
            }
            items.push(self.node(event, span, depth + 1)?);
        }
        Err(LayoutError::NotYaml("the text ends within a list".into()))
    }

    fn map(
        &mut self,
        style: Style,
        start: Range<usize>,
        depth: usize,
    ) -> Result<Node, LayoutError> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                let children = entries.first().zip(entries.last());
                let children = children.map(|(a, b)| (&a.key.range, &b.value.range));
                let range = whole(style, &start, children, &range(span));
                return Ok(Node { range, content: Content::Map { style, entries } });
            }
            let key = self.node(event, span, depth + 1)?;
            let Some((event, span)) = self.next()? else { break };
            let value = self.node(event, span, depth + 1)?;
            entries.push(Entry { key, value });
        }
        Err(LayoutError::NotYaml("the text ends within a map".into()))
    }
}

fn style_of(style: StructureStyle) -> Style {
    match style {
        StructureStyle::Block => Style::Block,
        StructureStyle::Flow => Style::Flow,
    }
}

fn whole(
    style: Style,
    start: &Range<usize>,
    children: Option<(&Range<usize>, &Range<usize>)>,
    end: &Range<usize>,
) -> Range<usize> {
    match (style, children) {
        (Style::Block, Some((first, last))) => first.start..last.end,
        _ => start.start..end.end,
    }
}

fn range(span: Span) -> Range<usize> {
    span.byte_range().expect("text read from a str has byte offsets")
}
