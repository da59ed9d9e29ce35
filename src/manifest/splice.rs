//! The text changes that turn what a map holds into what is wanted.
//!
//! Answers for touching as little as possible: an entry that stays keeps its line, one that goes
//! takes its line with it, comments on lines of their own stay. Where that can't be done it
//! refuses. That the result says the right thing is checked by `edit`.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::layout::{Content, Entry, Node, Style, Written};
use super::sync_job::Approval;
use super::wanted::{Keys, Wanted, entry};

/// Lists and maps on one line are broken up beyond this column.
const WIDEST: usize = 100;

/// A place that can't be edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub at: usize,
    pub what: &'static str,
}

/// Collects changes to a text in which every line is ended.
pub struct Splicer<'a> {
    text: &'a str,
    line_end: &'static str,
    /// Columns by which the file indents.
    step: usize,
    /// Columns by which the file indents the dashes of a list below its key.
    dash: usize,
    keys: Keys,
    changes: Vec<(Range<usize>, String)>,
}

impl<'a> Splicer<'a> {
    /// Takes the habits of the file from the spec that is to be edited.
    pub fn new(text: &'a str, line_end: &'static str, spec: &Entry) -> Self {
        let column = |node: &Node| column(text, node.range.start);
        let children = spec.value.entries();
        let step = children
            .first()
            .map_or(2, |child| column(&child.key))
            .saturating_sub(column(&spec.key));
        let step = if (1..=8).contains(&step) { step } else { 2 };
        let lists = children.iter().chain(children.iter().flat_map(|child| child.value.entries()));
        let lists = lists.clone().chain(lists.flat_map(|child| child.value.entries()));
        let dashes = lists.filter_map(|list| match &list.value.content {
            Content::List { style: Style::Block, items } => {
                let dash = dash_column(text, items.first()?)?;
                dash.checked_sub(column(&list.key))
            }
            _ => None,
        });
        let dash = dashes.into_iter().next().unwrap_or(step);
        let is_json = text[spec.key.range.clone()].starts_with('"');
        let keys = if is_json { Keys::Quoted } else { Keys::Plain };
        Self { text, line_end, step, dash, keys, changes: Vec::new() }
    }

    /// Gives the key of a map a value.
    pub fn set(&mut self, map: &Entry, name: &str, wanted: &Wanted) -> Result<(), Refused> {
        match map.value.entry(name) {
            Some(found) if wanted.is_empty() => self.empty(found),
            Some(found) => self.change(found, wanted, style(&map.value)),
            None if wanted.is_empty() => Ok(()),
            None => self.add(map, name, wanted),
        }
    }

    /// The same; a new key stands before another one, where that is there and isn't the first of what
    /// stays.
    pub fn set_before(
        &mut self,
        map: &Entry,
        (name, other): (&str, &str),
        wanted: &Wanted,
    ) -> Result<(), Refused> {
        let entries = map.value.entries();
        let place = entries.iter().position(|entry| entry.key.text() == Some(other));
        // Behind the one before it: comments above the other one stay with it. What is put into a cut
        // would break it.
        let stays = |entry: &&Entry| !self.is_cut(entry);
        match place.and_then(|place| entries[..place].iter().rfind(stays)) {
            Some(before) if map.value.get(name).is_none() => {
                self.add_behind(map, before, name, wanted);
                Ok(())
            }
            _ => self.set(map, name, wanted),
        }
    }

    /// Takes a key out of a map, if it is there.
    pub fn take_out(&mut self, map: &Entry, name: &str) -> Result<(), Refused> {
        let entries = map.value.entries();
        let Some(at) = entries.iter().position(|entry| entry.key.text() == Some(name)) else {
            return Ok(());
        };
        let found = &entries[at];
        if style(&map.value) == Style::Block {
            return self.remove(found);
        }
        let next = entries.get(at + 1).map(|next| found.key.range.start..next.key.range.start);
        let last = || Some(entries.get(at.checked_sub(1)?)?.value.range.end..found.value.range.end);
        match next.or_else(last).filter(|range| !self.has_comment(range)) {
            Some(range) => {
                self.cut(range);
                Ok(())
            }
            None => Err(self.refused(&found.key, "a commented key between braces")),
        }
    }

    fn is_cut(&self, entry: &Entry) -> bool {
        let start = entry.key.range.start;
        self.changes.iter().any(|(range, new)| new.is_empty() && range.contains(&start))
    }

    /// The text with all changes made.
    pub fn apply(mut self) -> String {
        // Changes at the same place stay in the order in which they were made: inner ones first.
        self.changes.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(self.text.len() + 256);
        let mut at = 0;
        for (range, new) in &self.changes {
            out.push_str(&self.text[at..range.start.max(at)]);
            out.push_str(new);
            at = range.end.max(at);
        }
        out + &self.text[at..]
    }

    fn change(&mut self, found: &Entry, wanted: &Wanted, around: Style) -> Result<(), Refused> {
        if holds(&found.value, wanted) {
            return Ok(());
        }
        match (&found.value.content, wanted) {
            (_, Wanted::Word(_) | Wanted::Text(_)) => self.change_scalar(found, wanted),
            (Content::Map { style: Style::Block, entries }, Wanted::Map(all))
                if !entries.is_empty() =>
            {
                self.change_map(found, entries, all)
            }
            (Content::Map { entries, .. }, Wanted::Map(all))
                if self.has_comment(&found.value.range) && same_keys(entries, all) =>
            {
                self.change_map(found, entries, all)
            }
            (Content::List { style: Style::Block, items }, Wanted::List(all))
                if !items.is_empty() =>
            {
                self.change_lines(items, all)
            }
            (Content::List { style: Style::Flow, items }, Wanted::List(all))
                if !items.is_empty() =>
            {
                self.change_flow(found, items, all, around)
            }
            _ => self.replace(found, wanted, around),
        }
    }

    fn change_map(
        &mut self,
        found: &Entry,
        entries: &[Entry],
        wanted: &[(String, Wanted)],
    ) -> Result<(), Refused> {
        for entry in entries {
            let name = entry.key.text().unwrap_or_default();
            match wanted.iter().find(|(wanted, _)| wanted == name) {
                Some((_, value)) => self.change(entry, value, style(&found.value))?,
                None => self.remove(entry)?,
            }
        }
        let is_there = |name: &str| entries.iter().any(|entry| entry.key.text() == Some(name));
        for (name, value) in wanted.iter().filter(|(name, _)| !is_there(name)) {
            self.add(found, name, value)?;
        }
        Ok(())
    }

    /// Puts a new entry behind the last one of a map.
    fn add(&mut self, map: &Entry, name: &str, wanted: &Wanted) -> Result<(), Refused> {
        let entries = map.value.entries();
        let Some(last) = entries.last() else {
            return Err(self.refused(&map.value, "an empty map"));
        };
        self.add_behind(map, last, name, wanted);
        Ok(())
    }

    fn add_behind(&mut self, map: &Entry, before: &Entry, name: &str, wanted: &Wanted) {
        if style(&map.value) == Style::Flow {
            let entry = format!(", {}: {}", self.keys.write(name), wanted.flow(self.keys));
            self.insert(before.value.range.end, entry);
            return;
        }
        let at = self.end_of(before);
        let lines = self.lines(name, wanted, column(self.text, before.key.range.start));
        self.insert(at, lines);
    }

    /// One value on one line in the place of another, or of none.
    fn change_scalar(&mut self, found: &Entry, wanted: &Wanted) -> Result<(), Refused> {
        let old = &found.value;
        let is_block = matches!(old.content, Content::Scalar { written: Written::Block, .. });
        let is_one_line = !self.text[old.range.clone()].contains('\n');
        if is_block || !is_one_line || self.has_comment(&old.range) {
            return Err(self.refused(old, "a value laid out like this"));
        }
        if old.range.is_empty() {
            let colon = self.after_colon(found)?;
            self.insert(colon, format!(" {}", wanted.flow(self.keys)));
        } else {
            self.changes.push((old.range.clone(), wanted.flow(self.keys)));
        }
        Ok(())
    }

    fn lines(&self, name: &str, wanted: &Wanted, column: usize) -> String {
        let end = self.line_end;
        if wanted.is_scalar() {
            let indent = " ".repeat(column);
            return format!("{indent}{}: {}{end}", self.keys.write(name), wanted.flow(self.keys));
        }
        let heading = format!("{}{}:{end}", " ".repeat(column), self.keys.write(name));
        heading + &self.inner_lines(wanted, column)
    }

    /// The lines below a key that stands `column` columns in.
    fn inner_lines(&self, wanted: &Wanted, column: usize) -> String {
        match wanted {
            Wanted::Map(entries) => {
                let inner = column + self.step;
                entries.iter().map(|(name, value)| self.lines(name, value, inner)).collect()
            }
            _ => wanted.block_lines(column + self.dash, self.step, self.line_end),
        }
    }

    /// Writes a value anew: one that was null, empty, on one line, or of another shape.
    fn replace(&mut self, found: &Entry, wanted: &Wanted, around: Style) -> Result<(), Refused> {
        let old = &found.value;
        let is_flow = matches!(
            &old.content,
            Content::Map { style: Style::Flow, .. } | Content::List { style: Style::Flow, .. }
        );
        if !is_flow && !old.is_null() || self.has_comment(&old.range) {
            return Err(self.refused(old, "a value laid out like this"));
        }
        let flow = wanted.flow(self.keys);
        let width = column(self.text, old.range.start) + flow.chars().count();
        let is_filled = !old.entries().is_empty()
            || matches!(&old.content, Content::List { items, .. } if !items.is_empty());
        if around == Style::Flow || (is_filled && width <= WIDEST) {
            self.changes.push((old.range.clone(), flow));
            return Ok(());
        }
        // A comment behind the value stays behind the key.
        let colon = self.after_colon(found)?;
        if old.range.end > colon {
            self.changes.push((colon..old.range.end, String::new()));
        }
        let at = self.line_after(colon.max(old.range.end));
        let lines = self.inner_lines(wanted, column(self.text, found.key.range.start));
        self.insert(at, lines);
        Ok(())
    }

    /// Leaves `{}` of a map.
    fn empty(&mut self, found: &Entry) -> Result<(), Refused> {
        let old = &found.value;
        match &old.content {
            Content::Map { style: Style::Block, entries } if !entries.is_empty() => {
                for entry in entries {
                    self.remove(entry)?;
                }
                let colon = self.after_colon(found)?;
                self.insert(colon, " {}".into());
                Ok(())
            }
            Content::Map { entries, .. } if entries.is_empty() => Ok(()),
            _ if old.is_null() => Ok(()),
            _ if !self.has_comment(&old.range) => {
                self.changes.push((old.range.clone(), "{}".into()));
                Ok(())
            }
            _ => Err(self.refused(old, "a commented value on one line")),
        }
    }

    /// Takes an entry out of a block map with its lines; comments on lines between them stay.
    fn remove(&mut self, entry: &Entry) -> Result<(), Refused> {
        let start = line_start(self.text, entry.key.range.start);
        if !self.text[start..entry.key.range.start].trim().is_empty() {
            return Err(self.refused(&entry.key, "a key behind something else"));
        }
        match &entry.value.content {
            Content::Map { style: Style::Block, entries } if !entries.is_empty() => {
                self.cut(start..self.line_after(entry.key.range.end));
                entries.iter().try_for_each(|entry| self.remove(entry))
            }
            Content::List { style: Style::Block, items } if !items.is_empty() => {
                self.cut(start..self.line_after(entry.key.range.end));
                items.iter().try_for_each(|item| {
                    let lines = self.item_lines(item)?;
                    self.cut(lines);
                    Ok(())
                })
            }
            _ => {
                let end = entry.value.range.end.max(entry.key.range.end);
                self.cut(start..self.line_after(end));
                Ok(())
            }
        }
    }

    /// A list with one entry a line.
    fn change_lines(&mut self, items: &[Node], wanted: &[Approval]) -> Result<(), Refused> {
        let lines = items.iter().map(|item| self.item_lines(item));
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        let indent =
            " ".repeat(items.first().and_then(|it| dash_column(self.text, it)).unwrap_or(0));
        for step in steps(items, wanted) {
            match step {
                Step::Keep { item, wanted } => self.keep(&items[item], wanted),
                Step::Remove { item } => self.cut(lines[item].clone()),
                Step::Insert { before, wanted } => {
                    // Behind the entry before rather than in front of the one after, whose
                    // comments may stand above it.
                    let at = before.checked_sub(1).map_or(lines[0].start, |item| lines[item].end);
                    let line = [&indent, "- ", &entry(wanted), self.line_end].concat();
                    self.insert(at, line);
                }
            }
        }
        Ok(())
    }

    /// A list on one line, or between brackets.
    fn change_flow(
        &mut self,
        found: &Entry,
        items: &[Node],
        wanted: &[Approval],
        around: Style,
    ) -> Result<(), Refused> {
        if !self.has_comment(&found.value.range) {
            let kept = self.flow_text(items, wanted);
            let column = column(self.text, found.value.range.start);
            if around == Style::Block && column + kept.chars().count() > WIDEST {
                return self.replace(found, &Wanted::List(wanted.to_vec()), around);
            }
            self.changes.push((found.value.range.clone(), kept));
            return Ok(());
        }
        for step in steps(items, wanted) {
            match step {
                Step::Keep { item, wanted } => self.keep(&items[item], wanted),
                Step::Remove { item } => {
                    let range = &items[item].range;
                    let end = self.comma_after(items, item).unwrap_or(range.end);
                    self.changes.push((range.start..end, String::new()));
                }
                Step::Insert { before, wanted } if before < items.len() => {
                    self.insert(items[before].range.start, format!("{}, ", entry(wanted)));
                }
                Step::Insert { wanted, .. } => {
                    // A comma behind the last entry is legal, and the next one follows it.
                    let last = items.len() - 1;
                    let at = self.comma_after(items, last).unwrap_or(items[last].range.end);
                    let comma = if at == items[last].range.end { "," } else { "" };
                    let is_removed = self.changes.iter().any(|(range, new)| {
                        range.start == items[last].range.start && new.is_empty()
                    });
                    let before = if is_removed { "" } else { comma };
                    let behind = if is_removed || comma.is_empty() { "," } else { "" };
                    self.insert(at, format!("{before} {}{behind}", entry(wanted)));
                }
            }
        }
        Ok(())
    }

    /// A list on one line; entries that stay are spelt as before.
    fn flow_text(&self, items: &[Node], wanted: &[Approval]) -> String {
        let spelt = wanted.iter().map(|wanted| {
            let kept = items.iter().find(|item| is_written(item, wanted));
            kept.map_or_else(|| entry(wanted), |item| self.text[item.range.clone()].to_owned())
        });
        format!("[{}]", spelt.collect::<Vec<_>>().join(", "))
    }

    /// The place behind the comma that follows an item, if one does.
    fn comma_after(&self, items: &[Node], item: usize) -> Option<usize> {
        let start = items[item].range.end;
        let mut in_comment = false;
        for (at, c) in self.text[start..].char_indices() {
            match c {
                '\n' => in_comment = false,
                '#' => in_comment = true,
                ',' if !in_comment => return Some(start + at + 1),
                ']' if !in_comment => return None,
                _ => {}
            }
        }
        None
    }

    fn keep(&mut self, item: &Node, wanted: &Approval) {
        if !is_written(item, wanted) {
            self.changes.push((item.range.clone(), entry(wanted)));
        }
    }

    fn cut(&mut self, lines: Range<usize>) {
        self.changes.push((lines, String::new()));
    }

    fn insert(&mut self, at: usize, text: String) {
        self.changes.push((at..at, text));
    }

    fn refused(&self, node: &Node, what: &'static str) -> Refused {
        Refused { at: node.range.start.min(self.text.len()), what }
    }

    /// The whole lines of an item of a block list.
    fn item_lines(&self, item: &Node) -> Result<Range<usize>, Refused> {
        match dash_column(self.text, item) {
            Some(_) => {
                let start = line_start(self.text, item.range.start);
                Ok(start..self.line_after(item.range.end))
            }
            None => Err(self.refused(item, "a list entry that doesn't follow its dash")),
        }
    }

    fn after_colon(&self, entry: &Entry) -> Result<usize, Refused> {
        let rest = &self.text[entry.key.range.end..];
        match rest.trim_start_matches(' ').strip_prefix(':') {
            Some(after) => Ok(self.text.len() - after.len()),
            None => Err(self.refused(&entry.key, "a key without its colon")),
        }
    }

    /// Where the line after this place begins.
    fn line_after(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |end| at + end + 1)
    }

    /// Where the line after an entry begins.
    fn end_of(&self, entry: &Entry) -> usize {
        let mut last = entry;
        while let Content::Map { style: Style::Block, entries } = &last.value.content {
            let Some(inner) = entries.last() else { break };
            last = inner;
        }
        let end = last.value.range.end.max(last.key.range.end);
        let is_block =
            |node: &Node| matches!(node.content, Content::Scalar { written: Written::Block, .. });
        let ends_line = match &last.value.content {
            Content::List { items, .. } => items.last().is_some_and(is_block),
            _ => is_block(&last.value),
        };
        if ends_line && self.text[..end].ends_with('\n') { end } else { self.line_after(end) }
    }

    /// Whether a comment stands in this part of the text. A `#` within quotes counts too, which
    /// only means that more is refused.
    fn has_comment(&self, range: &Range<usize>) -> bool {
        self.text[range.clone()]
            .lines()
            .any(|line| line.starts_with('#') || line.contains(" #") || line.contains("\t#"))
    }
}

/// What becomes of the items of a list.
enum Step<'a> {
    Keep { item: usize, wanted: &'a Approval },
    Remove { item: usize },
    Insert { before: usize, wanted: &'a Approval },
}

/// Items are told apart by their IDs, so that a new pin stays on the line of the old one.
fn steps<'a>(items: &[Node], wanted: &'a [Approval]) -> Vec<Step<'a>> {
    let old: Vec<String> = items.iter().map(|item| subject(&read(item))).collect();
    let new: Vec<String> = wanted.iter().map(subject).collect();
    let mut steps = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
        let (gone, come) = (op.old_range(), op.new_range());
        if let DiffOp::Equal { .. } = op {
            let pairs = gone.zip(come);
            steps.extend(pairs.map(|(item, at)| Step::Keep { item, wanted: &wanted[at] }));
        } else {
            let before = gone.end;
            steps.extend(gone.map(|item| Step::Remove { item }));
            steps.extend(come.map(|at| Step::Insert { before, wanted: &wanted[at] }));
        }
    }
    steps
}

fn read(item: &Node) -> Approval {
    let text = item.text().unwrap_or_default();
    text.parse().unwrap_or_else(|_| Approval::Id(text.to_owned()))
}

fn is_written(item: &Node, wanted: &Approval) -> bool {
    item.text().is_some_and(|text| text == wanted.to_string())
}

/// The value is what is wanted already, however it is laid out.
pub fn holds(node: &Node, wanted: &Wanted) -> bool {
    match (&node.content, wanted) {
        (Content::Map { entries, .. }, Wanted::Map(all)) => {
            same_keys(entries, all)
                && all
                    .iter()
                    .all(|(name, value)| node.get(name).is_some_and(|inner| holds(inner, value)))
        }
        (Content::List { items, .. }, Wanted::List(all)) => {
            items.len() == all.len()
                && items.iter().zip(all).all(|(item, wanted)| is_written(item, wanted))
        }
        (Content::Scalar { text, written }, Wanted::Word(word)) => {
            text == word && *written == Written::Plain
        }
        (Content::Scalar { text, .. }, Wanted::Text(wanted)) => text == wanted,
        _ => false,
    }
}

fn subject(approval: &Approval) -> String {
    match approval {
        Approval::All => "all".into(),
        Approval::AllOfPlan(_) => "all@".into(),
        Approval::Id(id) | Approval::Pinned { id, .. } => format!("/{id}"),
    }
}

fn same_keys(entries: &[Entry], wanted: &[(String, Wanted)]) -> bool {
    entries.len() == wanted.len()
        && wanted.iter().all(|(name, _)| entries.iter().any(|entry| entry.key.text() == Some(name)))
}

fn style(node: &Node) -> Style {
    match &node.content {
        Content::Map { style, .. } | Content::List { style, .. } => *style,
        Content::Scalar { .. } => Style::Block,
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

fn column(text: &str, at: usize) -> usize {
    text[line_start(text, at)..at].chars().count()
}

/// The column of the dash before an item, if nothing else stands before it.
fn dash_column(text: &str, item: &Node) -> Option<usize> {
    let before = &text[line_start(text, item.range.start)..item.range.start];
    (before.trim() == "-").then(|| before.chars().take_while(|c| *c == ' ').count())
}
