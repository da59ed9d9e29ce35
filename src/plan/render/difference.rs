//! How two values differ: long text line by line, JSON path by path.
//!
//! Answers for finding and shortening differences. It returns lines with a sign and leaves colour,
//! indentation and markup to the renderers; everything it returns is escaped.

use serde_json::Value as Json;
use similar::{Algorithm, ChangeTag, TextDiff};

use super::outline::Sign;
use crate::database::value::Value;
use crate::escape::{quoted, visible, visible_line};

/// Equal lines shown around a difference.
const CONTEXT: usize = 2;
/// Equal characters shown around a difference within one long line.
const CONTEXT_CHARACTERS: usize = 40;
/// Lines longer than this are cut to where they differ.
const LONG_LINE: usize = 160;

/// The lines of two texts, with unchanged stretches replaced by how long they are.
pub fn lines(from: &str, to: &str) -> Vec<(Sign, String)> {
    let (old, new): (Vec<_>, Vec<_>) = (from.split('\n').collect(), to.split('\n').collect());
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_slices(&old, &new);
    let changes: Vec<(ChangeTag, &str)> =
        diff.iter_all_changes().map(|change| (change.tag(), change.value())).collect();
    let mut out = Vec::new();
    let mut rest = changes.as_slice();
    while let Some((tag, _)) = rest.first() {
        let equal = *tag == ChangeTag::Equal;
        let end = rest.iter().position(|(tag, _)| (*tag == ChangeTag::Equal) != equal);
        let (stretch, after) = rest.split_at(end.unwrap_or(rest.len()));
        if equal {
            push_unchanged(&mut out, stretch, rest.len() == changes.len(), after.is_empty());
        } else {
            push_changed(&mut out, stretch);
        }
        rest = after;
    }
    out
}

fn push_unchanged(
    out: &mut Vec<(Sign, String)>,
    stretch: &[(ChangeTag, &str)],
    is_first: bool,
    is_last: bool,
) {
    let head = if is_first { 0 } else { CONTEXT };
    let tail = if is_last { 0 } else { CONTEXT };
    let show = |(_, line): &(ChangeTag, &str)| (Sign::None, visible_line(line));
    if stretch.len() <= head + tail + 1 {
        out.extend(stretch.iter().map(show));
        return;
    }
    let hidden = stretch.len() - head - tail;
    out.extend(stretch[..head].iter().map(show));
    out.push((Sign::Quiet, format!("… {hidden} unchanged lines")));
    out.extend(stretch[stretch.len() - tail..].iter().map(show));
}

/// Lines that went and lines that came. When as many went as came they are paired, so that long
/// lines can be cut to where they differ.
fn push_changed(out: &mut Vec<(Sign, String)>, stretch: &[(ChangeTag, &str)]) {
    let of = |wanted: ChangeTag| -> Vec<&str> {
        stretch.iter().filter(|(tag, _)| *tag == wanted).map(|(_, line)| *line).collect()
    };
    let (mut old, mut new) = (Vec::new(), Vec::new());
    let (gone, came) = (of(ChangeTag::Delete), of(ChangeTag::Insert));
    if gone.len() == came.len() {
        for (from, to) in gone.iter().zip(&came) {
            let (from, to) = focused(from, to);
            old.push(from);
            new.push(to);
        }
    } else {
        old.extend(gone.into_iter().map(visible_line));
        new.extend(came.into_iter().map(visible_line));
    }
    out.extend(old.into_iter().map(|line| (Sign::Remove, line)));
    out.extend(new.into_iter().map(|line| (Sign::Add, line)));
}

/// Two long lines cut to where they differ; short ones as they are.
pub fn focused(from: &str, to: &str) -> (String, String) {
    let (old, new): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    if old.len().max(new.len()) <= LONG_LINE {
        return (visible_line(from), visible_line(to));
    }
    let shorter = old.len().min(new.len());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let tail = tail.min(shorter - head);
    (cut(&old, head, tail), cut(&new, head, tail))
}

fn cut(line: &[char], head: usize, tail: usize) -> String {
    let start = head.saturating_sub(CONTEXT_CHARACTERS);
    let end = (line.len() - tail + CONTEXT_CHARACTERS).min(line.len());
    let middle: String = line[start..end].iter().collect();
    let before = if start > 0 { format!("[… {start} characters …] ") } else { String::new() };
    let left = line.len() - end;
    let after = if left > 0 { format!(" [… {left} characters …]") } else { String::new() };
    format!("{before}{}{after}", visible_line(&middle))
}

/// Where two JSON values differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathDifference {
    /// `$.a.b[2]`
    pub path: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

impl PathDifference {
    pub fn sign(&self) -> Sign {
        match (&self.from, &self.to) {
            (Some(_), None) => Sign::Remove,
            (None, Some(_)) => Sign::Add,
            _ => Sign::Modify,
        }
    }

    /// `$.a.b[2]: 1 -> 2`
    pub fn line(&self) -> String {
        let sides: Vec<&str> = self.from.iter().chain(&self.to).map(String::as_str).collect();
        format!("{}: {}", self.path, sides.join(" -> "))
    }
}

/// The paths at which two JSON values differ.
pub fn paths(from: &Json, to: &Json) -> Vec<PathDifference> {
    let mut out = Vec::new();
    compare("$".to_owned(), Some(from), Some(to), &mut out);
    out
}

fn compare(path: String, from: Option<&Json>, to: Option<&Json>, out: &mut Vec<PathDifference>) {
    match (from, to) {
        (Some(Json::Object(old)), Some(Json::Object(new))) => {
            for (key, value) in old {
                compare(format!("{path}{}", step(key)), Some(value), new.get(key), out);
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                compare(format!("{path}{}", step(key)), None, Some(value), out);
            }
        }
        (Some(Json::Array(old)), Some(Json::Array(new))) => compare_items(&path, old, new, out),
        (Some(from), Some(to)) if is_equal(from, to) => {}
        _ => out.push(PathDifference { path, from: from.map(literal), to: to.map(literal) }),
    }
}

/// Items are paired by position, after the equal ones at both ends are set aside: an item put in or
/// taken out shows as one difference.
fn compare_items(path: &str, old: &[Json], new: &[Json], out: &mut Vec<PathDifference>) {
    let head = old.iter().zip(new).take_while(|(a, b)| is_equal(a, b)).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(a, b)| is_equal(a, b))
        .count();
    let (old, new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    for at in 0..old.len().max(new.len()) {
        compare(format!("{path}[{}]", head + at), old.get(at), new.get(at), out);
    }
}

/// Equal by value: `1.0` is `1`, and the order of keys doesn't matter.
fn is_equal(a: &Json, b: &Json) -> bool {
    a == b || Value::Json(a.to_string().into()) == Value::Json(b.to_string().into())
}

fn step(key: &str) -> String {
    let mut characters = key.chars();
    let is_name = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_name { format!(".{key}") } else { format!("[{}]", quoted(key)) }
}

/// A value as it stands in JSON, on one line.
pub fn literal(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        _ => visible(&value.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(lines: &[(Sign, String)]) -> String {
        let told = lines.iter().map(|(sign, line)| format!("{} {line}", sign.mark()));
        told.collect::<Vec<_>>().join("\n")
    }

    fn told(from: &Json, to: &Json) -> String {
        let told = paths(from, to).into_iter().map(|it| (it.sign(), it.line()));
        shown(&told.collect::<Vec<_>>())
    }

    #[test]
    fn unchanged_lines_are_counted() {
        let old: Vec<String> = (1..=20).map(|n| format!("line {n}")).collect();
        let mut new = old.clone();
        new[9] = "other".into();
        insta::assert_snapshot!(shown(&lines(&old.join("\n"), &new.join("\n"))), @r#"
      … 7 unchanged lines
      line 8
      line 9
    - line 10
    + other
      line 11
      line 12
      … 8 unchanged lines
    "#);
    }

    #[test]
    fn a_lost_end_of_line_shows() {
        insta::assert_snapshot!(shown(&lines("a\nb\n", "a\r\nb")), @r#"
    - a
    + a\r
      b
    -
    "#);
    }

    #[test]
    fn a_long_line_is_cut_to_the_difference() {
        let (old, new) = (
            "x".repeat(500) + "OLD" + &"y".repeat(500),
            "x".repeat(500) + "NEW, longer" + &"y".repeat(500),
        );
        insta::assert_snapshot!(shown(&lines(&old, &new)), @r#"
    - [… 460 characters …] xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxOLDyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy [… 460 characters …]
    + [… 460 characters …] xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxNEW, longeryyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy [… 460 characters …]
    "#);
        let doubled = focused(&"ab".repeat(100), &"ab".repeat(101));
        assert!(doubled.1.ends_with("ab"), "{doubled:?}");
    }

    #[test]
    fn json_differs_by_path() {
        let from = json!({"a": {"b": [1, 2, 3]}, "gone": true, "same": {"x": 1.0}, "odd key": "a"});
        let to =
            json!({"same": {"x": 1}, "a": {"b": [1, 2, 4]}, "odd key": "b\u{202e}", "come": [1]});
        insta::assert_snapshot!(told(&from, &to), @r#"
    ~ $.a.b[2]: 3 -> 4
    - $.gone: true
    ~ $["odd key"]: "a" -> "b\u{202e}"
    + $.come: [1]
    "#);
    }

    #[test]
    fn an_item_put_in_is_one_difference() {
        insta::assert_snapshot!(told(&json!([1, 2, 3]), &json!([0, 1, 2, 3])), @r#"+ $[0]: 0"#);
        assert_eq!(paths(&json!({"a": 1, "b": 2}), &json!({"b": 2.0, "a": 1})), []);
    }
}
