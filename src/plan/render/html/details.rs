//! What a change shows once it is opened: rows with their fields, and files.

use serde::Serialize;
use serde_json::Value as Json;

use super::{Images, Side};
use crate::escape::{visible, visible_line, visible_name};
use crate::plan::change::{Change, Class, Field, Form, Plan, RowChange};
use crate::plan::file::{FileState, NamedFile, is_file, is_named_like_image};
use crate::plan::render::difference::{lines, paths};
use crate::plan::render::files::content;
use crate::plan::render::outline::{Sign, bounded, rows, several_lines, shown};
use crate::plan::render::words::{brief_identity, size};

/// Lines of one value or difference.
const MOST_LINES: usize = 1000;
/// Where whatever is cut stands as it is.
const FILE: &str = "plan.json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_from: Option<String>,
    rows: Vec<Row>,
    files: Vec<File>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    /// Whether it is the record's own row.
    root: bool,
    what: RowChange,
    fields: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    column: String,
    form: Form,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// Long text side by side: a sign, the old line and the new one, each of them or 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<(char, Json, Json)>,
    /// JSON by path: a sign, the path, and both values or 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paths: Vec<(char, String, Json, Json)>,
    /// What is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    path: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_image: Option<String>,
}

pub fn details(change: &Change, images: &dyn Images) -> Details {
    let row = |fields: &[Field]| {
        let first = fields.first()?;
        Some(Row {
            name: visible_name(&format!("{}/{}", first.table, first.key)),
            root: first.table == change.table && first.key == change.id,
            what: first.row,
            fields: fields.iter().map(field).collect(),
        })
    };
    let own = is_file(&change.table).then(|| own_file(change, images)).flatten();
    Details {
        renamed_from: change.renamed_from.as_ref().map(brief_identity),
        rows: rows(&change.fields).filter_map(row).collect(),
        files: own.into_iter().chain(change.files.iter().map(|it| named(it, images))).collect(),
    }
}

fn field(field: &Field) -> Shown {
    let mut out = Shown {
        column: visible(&field.column).into_owned(),
        form: field.form,
        from: None,
        to: None,
        lines: Vec::new(),
        paths: Vec::new(),
        more: None,
    };
    let (has_old, has_new) = match field.row {
        RowChange::Inserted => (false, true),
        RowChange::Updated => (true, true),
        RowChange::Deleted => (true, false),
    };
    if has_old && has_new && field.form != Form::Redacted && differs_inside(field, &mut out) {
        return out;
    }
    out.from = has_old.then(|| side(field.form, &field.from, &mut out.more));
    out.to = has_new.then(|| side(field.form, &field.to, &mut out.more));
    out
}

/// Where it is better told by what differs inside of both values.
fn differs_inside(field: &Field, out: &mut Shown) -> bool {
    let is_nested = |value: &Json| matches!(value, Json::Object(_) | Json::Array(_));
    match (&field.from, &field.to) {
        (from, to) if field.form == Form::Json && is_nested(from) && is_nested(to) => {
            let or_none =
                |side: Option<String>| side.map_or(Json::from(0), |it| bounded(it, FILE).into());
            out.paths = paths(from, to)
                .into_iter()
                .map(|it| (it.sign().mark(), it.path, or_none(it.from), or_none(it.to)))
                .collect();
            out.more = cut(&mut out.paths);
        }
        (Json::String(old), Json::String(new)) if old.contains('\n') || new.contains('\n') => {
            out.lines = side_by_side(lines(old, new));
            out.more = cut(&mut out.lines);
        }
        _ => return false,
    }
    true
}

fn cut<T>(list: &mut Vec<T>) -> Option<String> {
    let more = list.len().saturating_sub(MOST_LINES);
    list.truncate(MOST_LINES);
    (more > 0).then(|| left_out(more))
}

fn left_out(more: usize) -> String {
    format!("{more} more lines, see {FILE}")
}

/// One value, as its lines.
fn side(form: Form, value: &Json, more: &mut Option<String>) -> String {
    let lines = match (form, value) {
        (Form::Redacted, value) => {
            return if value.is_null() { "NULL".into() } else { "(redacted)".into() };
        }
        (Form::Text, Json::String(text)) if is_plain(text) => {
            text.split('\n').map(visible_line).collect()
        }
        _ => several_lines(form, value).unwrap_or_else(|| vec![shown(value)]),
    };
    let surplus = lines.len().saturating_sub(MOST_LINES);
    if surplus > 0 {
        *more = Some(left_out(surplus));
    }
    let lines = lines.into_iter().take(MOST_LINES).map(|line| bounded(line, FILE));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a text is told from NULL, from nothing and from a quoted one without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && text != "NULL" && !text.starts_with('"')
}

/// Lines that went stand beside those that came in their place.
fn side_by_side(unified: Vec<(Sign, String)>) -> Vec<(char, Json, Json)> {
    let mut out: Vec<(char, Json, Json)> = Vec::new();
    // Where the first line went beside which none has come yet.
    let mut open = 0;
    for (sign, line) in unified {
        let line = Json::from(bounded(line, FILE));
        match sign {
            Sign::Remove => out.push(('-', line, 0.into())),
            Sign::Add if out.get(open).is_some_and(|(sign, ..)| *sign == '-') => {
                let (sign, _, right) = &mut out[open];
                (*sign, *right) = ('~', line);
                open += 1;
                continue;
            }
            Sign::Add => out.push(('+', 0.into(), line)),
            Sign::Quiet => out.push(('…', line, 0.into())),
            _ => out.push((' ', line.clone(), line)),
        }
        if sign != Sign::Remove {
            open = out.len();
        }
    }
    out
}

/// The images that a plan shows: on which side, and where below its gallery.
pub fn images(plan: &Plan) -> impl Iterator<Item = (Side, &str)> {
    plan.changes.iter().flat_map(|change| {
        let own = own_images(change).into_iter().flatten();
        own.chain(change.files.iter().flat_map(named_images))
    })
}

/// A change of a folder is about one file.
fn own_images(change: &Change) -> Option<impl Iterator<Item = (Side, &str)>> {
    let path = change.identity.get("path").filter(|_| is_file(&change.table))?.as_str()?;
    let sides = [(Side::Target, Class::New), (Side::Source, Class::Deleted)];
    let there =
        sides.into_iter().filter(|(_, lacks)| change.class != *lacks && is_named_like_image(path));
    Some(there.map(move |(side, _)| (side, path)))
}

fn named_images(file: &NamedFile) -> impl Iterator<Item = (Side, &str)> {
    let path = file.path.as_str();
    let sides = [(Side::Target, &file.from), (Side::Source, &file.to)];
    let there =
        sides.into_iter().filter(move |(_, shown)| shown.is_some() && is_named_like_image(path));
    there.map(move |(side, _)| (side, path))
}

fn address<'a>(
    images: &dyn Images,
    wanted: Side,
    mut of: impl Iterator<Item = (Side, &'a str)>,
) -> Option<String> {
    let (_, path) = of.find(|(side, _)| *side == wanted)?;
    images.address(wanted, path)
}

/// The file that a change of a folder is about.
fn own_file(change: &Change, images: &dyn Images) -> Option<File> {
    let path = change.identity.get("path")?.as_str()?;
    let column = |name: &str| change.fields.iter().find(|field| field.column == name);
    let told = |pick: fn(&Field) -> &Json| {
        let bytes = column("size").and_then(|field| pick(field).as_u64());
        let pixels = column("dimensions").and_then(|field| pick(field).as_str());
        (bytes, pixels)
    };
    let (old, new) = (told(|field| &field.from), told(|field| &field.to));
    let words = |(bytes, pixels): (Option<u64>, Option<&str>)| {
        let words = bytes.map(size).into_iter().chain(pixels.map(str::to_owned));
        Some(words.collect::<Vec<_>>().join(", ")).filter(|words| !words.is_empty())
    };
    let image = |side| address(images, side, own_images(change).into_iter().flatten());
    Some(File {
        path: visible(path).into_owned(),
        state: match change.class {
            Class::New => "new",
            Class::Deleted => "deleted",
            Class::Modified | Class::Conflict => "replaced",
        },
        from: words(old),
        to: words(new),
        from_image: image(Side::Target),
        to_image: image(Side::Source),
    })
}

fn named(file: &NamedFile, images: &dyn Images) -> File {
    let path = file.path.as_str();
    let image = |side| address(images, side, named_images(file));
    File {
        path: visible(path).into_owned(),
        state: match file.state {
            FileState::Unknown => "unknown",
            FileState::Unchanged => "unchanged",
            FileState::New => "new",
            FileState::Replaced => "replaced",
            FileState::Missing => "missing",
            FileState::Refused => "refused",
        },
        from: file.from.as_ref().map(content),
        to: file.to.as_ref().map(content),
        from_image: image(Side::Target),
        to_image: image(Side::Source),
    }
}
