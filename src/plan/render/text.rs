//! The plan as text for a terminal, coloured like a diff.
//!
//! Answers for layout: groups, indentation, wrapping, colour. What is said comes from the outline.
//! Whether there is colour (a terminal, `NO_COLOR`) is the caller's to know.

use super::outline::{Line, Sign, outline};
use super::words::{
    COUNTS_ONLY, by_module, count, course, edited_later, nothing_to_do, summary, tally,
};
use crate::escape::{columns, visible, width};
use crate::plan::change::{Change, Plan};

/// How a plan is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub colour: Colour,
    /// Columns of the terminal; lines are wrapped at it. Below 40 it counts as 40.
    pub width: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Never,
    Ansi,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const MAGENTA: &str = "35";
const INDENT: usize = 4;

/// The whole plan, ending with a line break. Its last line is the summary.
pub fn text(plan: &Plan, style: Style) -> String {
    let mut page = Page { out: String::new(), style };
    page.head(plan);
    if plan.counts_only {
        page.paragraph(Sign::Warning, COUNTS_ONLY);
    } else if plan.changes.is_empty() && plan.failed_modules.is_empty() {
        page.paragraph(Sign::None, &nothing_to_do(plan));
    }
    for (module, changes) in by_module(&plan.changes) {
        page.group(plan, module, &changes);
    }
    page.put(&[(&summary(&plan.counts), BOLD)]);
    page.out
}

struct Page {
    out: String,
    style: Style,
}

impl Page {
    fn head(&mut self, plan: &Plan) {
        self.put(&[(&visible(&plan.job), BOLD), ("  ", ""), (&course(plan), "")]);
        self.put(&[(&format!("digest {}", visible(&plan.digest)), DIM)]);
        self.out.push('\n');
        for (module, reason) in &plan.failed_modules {
            let text = format!("{} could not be compared: {}", visible(module), visible(reason));
            self.line(&warning(text));
        }
        if let Some(edited) = edited_later(plan) {
            self.line(&warning(edited));
        }
        for note in &plan.notes {
            self.line(&quiet(format!("note: {}", visible(note))));
        }
        if !plan.done.is_empty() {
            let entries =
                count(plan.done.len() as u64, "approved entry is", "approved entries are");
            self.line(&quiet(format!("{entries} applied already")));
        }
        if !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn paragraph(&mut self, sign: Sign, text: &str) {
        self.line(&Line { depth: 0, sign, text: text.into(), heading: false, approved: false });
        self.out.push('\n');
    }

    fn group(&mut self, plan: &Plan, module: &str, changes: &[&Change]) {
        self.put(&[(&visible(module), BOLD), ("  ", ""), (&tally(changes.iter().copied()), DIM)]);
        self.out.push('\n');
        for change in changes {
            let lines = outline(plan, change, self.width().saturating_sub(2 + INDENT));
            for line in &lines {
                self.line(&Line { depth: line.depth + 1, ..line.clone() });
            }
            if lines.len() > 1 {
                self.out.push('\n');
            }
        }
        if !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn width(&self) -> usize {
        self.style.width.max(40)
    }

    /// A line, wrapped under its own beginning. Every wrapped part keeps colour, so that it still
    /// reads as what it is.
    fn line(&mut self, line: &Line) {
        let indent = match line.depth {
            0 => 0,
            depth => depth * INDENT - 2,
        };
        let colour = colour(line);
        let room = self.width().saturating_sub(indent + 2).max(20);
        for (at, part) in wrap(&line.text, room).into_iter().enumerate() {
            let mark = if at == 0 { line.sign.mark() } else { ' ' };
            self.out.push_str(&" ".repeat(indent));
            self.paint(format!("{mark} {part}").trim_end(), colour);
            self.out.push('\n');
        }
        if line.approved {
            self.out.pop();
            self.paint("  ✓ approved", GREEN);
            self.out.push('\n');
        }
    }

    fn put(&mut self, parts: &[(&str, &str)]) {
        for (text, colour) in parts {
            self.paint(text, colour);
        }
        self.out.push('\n');
    }

    fn paint(&mut self, text: &str, colour: &str) {
        match self.style.colour {
            Colour::Ansi if !colour.is_empty() && !text.trim().is_empty() => {
                for part in ["\x1b[", colour, "m", text, "\x1b[0m"] {
                    self.out.push_str(part);
                }
            }
            Colour::Ansi | Colour::Never => self.out.push_str(text),
        }
    }
}

fn warning(text: String) -> Line {
    Line { depth: 0, sign: Sign::Warning, text, heading: false, approved: false }
}

fn quiet(text: String) -> Line {
    Line { depth: 0, sign: Sign::Quiet, text, heading: false, approved: false }
}

fn colour(line: &Line) -> &'static str {
    match (line.sign, line.heading) {
        (Sign::None, _) | (Sign::Modify, false) => "",
        (Sign::Quiet, _) => DIM,
        (Sign::Add, _) => GREEN,
        (Sign::Modify, true) => YELLOW,
        (Sign::Remove, _) => RED,
        (Sign::Conflict | Sign::Warning, _) => MAGENTA,
    }
}

/// Cuts a line at spaces where it can and within a word where it must.
fn wrap(text: &str, room: usize) -> Vec<String> {
    if width(text) <= room {
        return vec![text.to_owned()];
    }
    let mut parts = Vec::new();
    let (mut start, mut space, mut used) = (0, None, 0);
    for (at, c) in text.char_indices() {
        if used + columns(c) > room {
            let cut = space.filter(|space| *space > start + (at - start) / 2).unwrap_or(at);
            parts.push(text[start..cut].to_owned());
            start = cut;
            used = width(&text[start..at]);
            space = None;
        }
        used += columns(c);
        if c == ' ' {
            space = Some(at + 1);
        }
    }
    parts.push(text[start..].to_owned());
    parts
}
