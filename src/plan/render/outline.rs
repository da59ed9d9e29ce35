//! What a reviewer reads of one change, as lines with a sign, before colour and markup.
//!
//! Answers for the order and words in which a change is told; text and Markdown lay the same lines
//! out. Every line is escaped already.

use serde_json::Value as Json;

use super::difference::{focused, lines, literal, paths};
use super::files::named_files;
use super::words::{answer_word, brief_identity, conflict_word, shell_word, source_and_target};
use crate::escape::{quoted, shortened, visible, visible_line, visible_name, width};
use crate::plan::approval::is_writable;
use crate::plan::approval_problem::unwritable;
use crate::plan::change::{
    Answer, Change, Class, Conflict, ConflictKind, Field, Form, Plan, RowChange,
};
use crate::plan::heading::Heading;

/// What stands before a line, and what colours it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    None,
    Add,
    Modify,
    Remove,
    Conflict,
    /// A warning: drawn like a conflict.
    Warning,
    /// Said by the way.
    Quiet,
}

impl Sign {
    pub fn mark(self) -> char {
        match self {
            Self::None | Self::Quiet => ' ',
            Self::Add => '+',
            Self::Modify => '~',
            Self::Remove => '-',
            Self::Conflict | Self::Warning => '!',
        }
    }

    fn of_class(class: Class) -> Self {
        match class {
            Class::Conflict => Self::Conflict,
            Class::New => Self::Add,
            Class::Modified => Self::Modify,
            Class::Deleted => Self::Remove,
        }
    }

    fn of_row(row: RowChange) -> Self {
        match row {
            RowChange::Inserted => Self::Add,
            RowChange::Updated => Self::Modify,
            RowChange::Deleted => Self::Remove,
        }
    }
}

/// One line of an outline. It has no line break; a renderer may wrap it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Steps of indentation; a change's own line has 0.
    pub depth: usize,
    pub sign: Sign,
    pub text: String,
    /// The line that names the change or the row.
    pub heading: bool,
    /// Said at the end of the line: that the change is approved.
    pub approved: bool,
}

/// Values of inserted and deleted rows longer than this many lines are cut, and say so.
const LONGEST_VALUE: usize = 40;
/// Lines longer than this are cut, and say so.
const LONGEST_LINE: usize = 4000;
/// Where whatever is cut stands as it is.
const JSON: &str = "--format json";
/// Column names are padded to the longest, but not beyond this.
const WIDEST_NAME: usize = 20;

/// All lines of one change. `room` is how many columns a difference may take to stay on one line.
pub fn outline(plan: &Plan, change: &Change, room: usize) -> Vec<Line> {
    let mut out = Outline { lines: Vec::new(), room };
    out.lines.push(Line {
        depth: 0,
        sign: Sign::of_class(change.class),
        text: bounded(title(change), JSON),
        heading: true,
        approved: change.approved,
    });
    let (source, target) = source_and_target(plan.direction);
    if change.target_newer {
        let warning = format!("edited on {target} after {source}: that edit would be lost");
        out.push(1, Sign::Warning, warning);
    }
    if let Some(heading) = Heading::fitting(change).first().filter(|_| !is_writable(change)) {
        let told = unwritable(heading.word(), &plan.short_digest());
        out.push(1, Sign::Warning, told);
    }
    if let Some(before) = &change.renamed_from {
        out.push(1, Sign::Modify, format!("renamed, on {target} still {}", brief_identity(before)));
    }
    if let Some(conflict) = &change.conflict {
        out.conflict(plan, change, conflict);
    }
    for fields in rows(&change.fields) {
        out.row(change, fields);
    }
    if !change.depends_on.is_empty() {
        let needed: Vec<_> = change.depends_on.iter().map(|id| visible_name(id)).collect();
        out.push(1, Sign::None, format!("needs {}", needed.join(", ")));
    }
    for (sign, said) in named_files(&change.files) {
        out.push(1, sign, said);
    }
    out.lines
}

/// `cms_page/41  Spring (slug: spring)`
fn title(change: &Change) -> String {
    let mut title = visible_name(&change_name(change));
    if let Some(label) = &change.label {
        title.push_str("  ");
        title.push_str(&visible(&shortened(label, 60)));
    }
    if !change.identity.is_empty() {
        let gap = if change.label.is_some() { " " } else { "  " };
        title = format!("{title}{gap}({})", brief_identity(&change.identity));
    }
    title
}

/// `table/ID`, the name by which a change is approved and depended on.
pub fn change_name(change: &Change) -> String {
    format!("{}/{}", change.table, change.id)
}

/// A line, cut where it is too long; `see` is where all of it stands.
pub(super) fn bounded(line: String, see: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        None => line,
        Some((end, _)) => {
            let more = line[end..].chars().count();
            format!("{} [… {more} more characters, see {see} …]", &line[..end])
        }
    }
}

/// The fields of a change, taken together row by row as they come.
pub(super) fn rows(fields: &[Field]) -> impl Iterator<Item = &[Field]> {
    fields.chunk_by(|a, b| a.table == b.table && a.key == b.key && a.row == b.row)
}

struct Outline {
    lines: Vec<Line>,
    room: usize,
}

impl Outline {
    fn push(&mut self, depth: usize, sign: Sign, text: impl Into<String>) {
        let text = bounded(text.into(), JSON);
        self.lines.push(Line { depth, sign, text, heading: false, approved: false });
    }

    fn conflict(&mut self, plan: &Plan, change: &Change, conflict: &Conflict) {
        let (_, target) = source_and_target(plan.direction);
        let mut reason = conflict_word(conflict.kind).to_owned();
        for also in &conflict.also {
            reason = format!("{reason}, also {}", conflict_word(*also));
        }
        if let Some(id) = &conflict.target_id {
            reason = format!(
                "{reason}: on {target} {}",
                visible_name(&format!("{}/{id}", change.table))
            );
            if let Some(identity) = &conflict.target_identity {
                reason = format!("{reason} ({})", brief_identity(identity));
            }
        }
        self.push(1, Sign::Conflict, reason);
        for sentence in &conflict.details {
            self.push(1, Sign::None, visible(sentence));
        }
        if conflict.answers.is_empty() {
            self.push(1, Sign::None, "can't be approved: mend the data, then compare again");
        }
        for answer in &conflict.answers {
            let mut what = format!("to {}", what_it_does(*answer, conflict.kind, target));
            if let Some(needs) = conflict.needs.get(answer) {
                let needs: Vec<_> = needs.iter().map(|id| visible_name(id)).collect();
                what = format!("{what}, which needs {}", needs.join(", "));
            }
            self.push(1, Sign::None, format!("{what}:"));
            self.push(2, Sign::None, command(plan, change, *answer));
        }
    }

    fn row(&mut self, change: &Change, fields: &[Field]) {
        let Some(first) = fields.first() else { return };
        let is_root = first.table == change.table && first.key == change.id;
        let depth = if is_root { 1 } else { 2 };
        if !is_root {
            let name = format!("{}/{}", first.table, first.key);
            self.lines.push(Line {
                depth: 1,
                sign: Sign::of_row(first.row),
                text: bounded(visible_name(&name), JSON),
                heading: true,
                approved: false,
            });
        }
        let names = fields.iter().map(|field| width(&visible(&field.column)));
        let padding = names.filter(|name| *name <= WIDEST_NAME).max().unwrap_or(0);
        for field in fields {
            self.field(depth, padding, field);
        }
    }

    fn field(&mut self, depth: usize, padding: usize, field: &Field) {
        let sign = Sign::of_row(field.row);
        let name = visible(&field.column);
        let padded = format!("{name}{}", " ".repeat(padding.saturating_sub(width(&name))));
        let told = match field.row {
            _ if field.form == Form::Redacted => Told::Short(redacted(field.row).into()),
            RowChange::Inserted => one_side(sign, field.form, &field.to),
            RowChange::Deleted => one_side(sign, field.form, &field.from),
            RowChange::Updated => both_sides(field, self.room.saturating_sub(depth * 4 + padding)),
        };
        match told {
            Told::Short(value) => self.push(depth, sign, format!("{padded}  {value}")),
            Told::Long(lines) => {
                self.push(depth, sign, name);
                for (sign, line) in lines {
                    self.push(depth + 1, sign, line);
                }
            }
        }
    }
}

/// A value or difference that fits behind its column's name, or one that takes lines of its own.
enum Told {
    Short(String),
    Long(Vec<(Sign, String)>),
}

fn redacted(row: RowChange) -> &'static str {
    match row {
        RowChange::Updated => "(redacted), changed",
        RowChange::Inserted | RowChange::Deleted => "(redacted)",
    }
}

fn one_side(sign: Sign, form: Form, value: &Json) -> Told {
    let Some(lines) = several_lines(form, value) else { return Told::Short(shown(value)) };
    let more = lines.len().saturating_sub(LONGEST_VALUE);
    let mut lines: Vec<_> = lines.into_iter().map(|line| (sign, line)).collect();
    if more > 0 {
        lines.truncate(LONGEST_VALUE);
        lines.push((Sign::Quiet, format!("… {more} more lines, see --format json")));
    }
    Told::Long(lines)
}

/// A value that doesn't read well on one line, as its lines.
pub(super) fn several_lines(form: Form, value: &Json) -> Option<Vec<String>> {
    let pretty;
    let text = match value {
        Json::String(text) => text.as_str(),
        Json::Object(_) | Json::Array(_) if form == Form::Json && value.to_string().len() > 60 => {
            pretty = serde_json::to_string_pretty(value).ok()?;
            pretty.as_str()
        }
        _ => return None,
    };
    text.contains('\n').then(|| text.split('\n').map(visible_line).collect())
}

fn both_sides(field: &Field, room: usize) -> Told {
    let (from, to) = (&field.from, &field.to);
    let is_nested = |value: &Json| matches!(value, Json::Object(_) | Json::Array(_));
    if field.form == Form::Json && is_nested(from) && is_nested(to) {
        let told = paths(from, to).into_iter().map(|it| (it.sign(), it.line()));
        return Told::Long(told.collect());
    }
    if let (Json::String(old), Json::String(new)) = (from, to) {
        if old.contains('\n') || new.contains('\n') {
            return Told::Long(lines(old, new));
        }
        let inline = format!("{} -> {}", quoted(old), quoted(new));
        if width(&inline) <= room {
            return Told::Short(inline);
        }
        let (old, new) = focused(old, new);
        return Told::Long(vec![(Sign::Remove, old), (Sign::Add, new)]);
    }
    let side = |value| several_lines(field.form, value).unwrap_or_else(|| vec![shown(value)]);
    let (old, new) = (side(from), side(to));
    match (old.as_slice(), new.as_slice()) {
        ([old], [new]) if width(old) + width(new) + 4 <= room => {
            Told::Short(format!("{old} -> {new}"))
        }
        _ => {
            let gone = old.into_iter().map(|line| (Sign::Remove, line));
            Told::Long(gone.chain(new.into_iter().map(|line| (Sign::Add, line))).collect())
        }
    }
}

pub(super) fn shown(value: &Json) -> String {
    match value {
        Json::Null => "NULL".into(),
        Json::String(text) => quoted(text),
        _ => literal(value),
    }
}

pub(super) fn what_it_does(answer: Answer, kind: ConflictKind, target: &str) -> String {
    match answer {
        Answer::Overwrite if kind == ConflictKind::IdDiffers => {
            format!("update {target}'s own record, which also takes this ID")
        }
        Answer::Overwrite => format!("replace {target}'s record"),
        Answer::Adopt => format!("update {target}'s own record, which keeps its ID"),
        Answer::Renumber => "insert it under a new ID, keeping both".into(),
    }
}

fn command(plan: &Plan, change: &Change, answer: Answer) -> String {
    let name = shell_word(&visible_name(&change_name(change)));
    format!("reconcile approve {} --{} {name}", shell_word(&plan.job), answer_word(answer))
}
