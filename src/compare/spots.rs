//! Where in a row other rows' IDs stand, and other IDs in their places: pure.
//!
//! Answers for finding them (a whole column, the parent's part of a path, nodes of a JSON value, what
//! a pattern matches in a text), for which of several choices a row takes, and for a value staying
//! byte for byte as it is around an ID that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use regex::Regex;
use serde_json::value::RawValue;
use serde_json_path::JsonPath;

use super::model::{Model, Reference, Side, Test};
use super::sides::pick;
use super::tree::above;
use crate::catalog::Kind;
use crate::database::Value;

/// Which part of a column's value is an ID.
#[derive(Debug, Clone)]
pub enum Within {
    Whole,
    /// A path of steps of so many characters: all but the last step.
    Parent {
        step: usize,
    },
    Path(JsonPath),
    Pattern(Regex),
}

/// Where in a value an ID stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    Whole,
    Inside(Box<Position>),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// An RFC 6901 pointer to a node of a JSON value; none: the value is a text.
    pub node: Option<String>,
    /// Bytes of the text or of the node's string; none: all of the node.
    pub range: Option<(usize, usize)>,
    /// The ID that stands there, as the referred column holds it.
    pub id: Value,
}

/// One reference of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Index among the references that were asked for.
    pub reference: usize,
    pub at: At,
    /// What the referred columns hold.
    pub values: Vec<Value>,
}

impl Within {
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }
}

/// Everything a row of one side refers to. NULL, `none` and what can't be an ID there refer to nothing.
pub fn spots(model: &Model, references: &[Reference], side: Side, row: &[Value]) -> Vec<Spot> {
    let mut found: Vec<Spot> = Vec::new();
    let mut chosen: Option<usize> = None;
    for (index, reference) in references.iter().enumerate() {
        // The choices of one place follow each other.
        if chosen == Some(reference.place)
            || !reference.when.iter().all(|test| holds(model, test, side, row))
        {
            continue;
        }
        chosen = Some(reference.place);
        if reference.within.is_whole() {
            let values = pick(row, &reference.columns);
            found.extend(whole(reference, &values).map(|values| Spot {
                reference: index,
                at: At::Whole,
                values,
            }));
        } else {
            let column = reference.columns[0];
            for (node, range, held) in inside(&reference.within, &row[column]) {
                if is_none(reference, &held)
                    || overlaps(&found, references, column, node.as_deref(), range)
                {
                    continue;
                }
                let Some(id) = as_kind(&held, reference.to_kinds[0]) else { continue };
                let at = At::Inside(Box::new(Position { node, range, id: id.clone() }));
                found.push(Spot { reference: index, at, values: vec![id] });
            }
        }
    }
    found
}

/// Whether a row of one side passes a test.
pub fn holds(model: &Model, test: &Test, side: Side, row: &[Value]) -> bool {
    let value = &row[test.column];
    match test.through {
        Some(through) if !value.is_null() => model.throughs[through].holds(side, value),
        _ => test.condition.holds(value),
    }
}

fn is_none(reference: &Reference, value: &Value) -> bool {
    value.is_null() || reference.none.as_ref().is_some_and(|none| same_id(none, value))
}

fn whole(reference: &Reference, values: &[Value]) -> Option<Vec<Value>> {
    let nothing =
        values.iter().any(Value::is_null) || (values.len() == 1 && is_none(reference, &values[0]));
    if nothing {
        return None;
    }
    let kinds = reference.to_kinds.iter();
    values.iter().zip(kinds).map(|(value, kind)| as_kind(value, *kind)).collect()
}

/// The same place was found by an earlier reference already.
fn overlaps(
    found: &[Spot],
    references: &[Reference],
    column: usize,
    node: Option<&str>,
    range: Option<(usize, usize)>,
) -> bool {
    found.iter().any(|spot| match &spot.at {
        At::Inside(place) if references[spot.reference].columns == [column] => {
            place.node.as_deref() == node
                && match (place.range, range) {
                    (Some((from, to)), Some((start, end))) => start < to && from < end,
                    _ => true,
                }
        }
        _ => false,
    })
}

/// Ranges of a node's text, or all of it, and the IDs that come there.
type News = Vec<(Option<(usize, usize)>, String)>;

/// A node, a range of its text and what stands there.
pub type Found = (Option<String>, Option<(usize, usize)>, Value);

pub fn inside(within: &Within, value: &Value) -> Vec<Found> {
    match (within, value) {
        (Within::Whole, value) => vec![(None, None, value.clone())],
        (Within::Parent { step }, Value::Text(path)) => {
            let found = above(path, *step);
            let found = found.map(|it| (None, Some((0, it.len())), Value::Text(it.into())));
            found.into_iter().collect()
        }
        (Within::Path(path), Value::Json(text)) => nodes(path, text),
        (Within::Pattern(pattern), Value::Text(_) | Value::Bytes(_)) => match value.characters() {
            // Lengths stand beside its texts, so an ID can't be exchanged by itself.
            Some(text) if is_serialized(&text) => Vec::new(),
            Some(text) => matches(pattern, &text, None),
            None => Vec::new(),
        },
        (Within::Pattern(pattern), Value::Json(text)) => {
            let Ok(json) = serde_json::from_str(text) else { return Vec::new() };
            let mut found = Vec::new();
            strings(&json, &mut String::new(), &mut |pointer, text| {
                found.extend(matches(pattern, text, Some(pointer)));
            });
            found
        }
        _ => Vec::new(),
    }
}

/// Every text that stands there, to be read and not exchanged: serialized values may hold some, too.
pub fn strings_within(within: &Within, value: &Value) -> Vec<String> {
    let found = match (within, value.characters()) {
        (Within::Pattern(pattern), Some(text)) => matches(pattern, &text, None),
        _ => inside(within, value),
    };
    let texts = found.into_iter().filter_map(|(.., held)| held.characters().map(Into::into));
    texts.collect()
}

/// Whether a text is a value as PHP's `serialize` writes it.
pub fn is_serialized(text: &str) -> bool {
    let Some((kind, rest)) = text.split_once(':') else { return false };
    let Some((length, rest)) = rest.split_once(':') else { return false };
    let opening = match kind {
        "a" => '{',
        "s" | "O" | "C" => '"',
        _ => return false,
    };
    !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit()) && rest.starts_with(opening)
}

fn nodes(path: &JsonPath, text: &str) -> Vec<Found> {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else { return Vec::new() };
    let mut found: Vec<Found> = path
        .query_located(&json)
        .iter()
        .filter_map(|node| {
            let held = match node.node() {
                serde_json::Value::String(text) => Value::Text(text.as_str().into()),
                serde_json::Value::Number(number) => match number.as_i64() {
                    Some(number) => Value::Integer(number),
                    // What has a fraction is no ID.
                    None if number.to_string().contains(['.', 'e', 'E']) => return None,
                    None => Value::Decimal(number.to_string().into()),
                },
                _ => return None,
            };
            Some((Some(node.location().to_json_pointer()), None, held))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

fn matches(pattern: &Regex, text: &str, node: Option<&str>) -> Vec<Found> {
    let groups = pattern.captures_iter(text).filter_map(|captures| captures.get(1));
    groups
        .filter(|group| !group.is_empty())
        .map(|group| {
            let held = Value::Text(group.as_str().into());
            (node.map(str::to_owned), Some((group.start(), group.end())), held)
        })
        .collect()
}

/// Every string of a JSON value that isn't a key, with its pointer.
fn strings(json: &serde_json::Value, pointer: &mut String, take: &mut impl FnMut(&str, &str)) {
    use serde_json::Value as Json;
    let length = pointer.len();
    match json {
        Json::String(text) => take(pointer, text),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                crate::put::put!(pointer, "/{index}");
                strings(item, pointer, take);
                pointer.truncate(length);
            }
        }
        Json::Object(map) => {
            for (key, item) in map {
                crate::put::put!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1"));
                strings(item, pointer, take);
                pointer.truncate(length);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// A value as a column of a kind holds it (`Any`: as it is); `None` where it can't be one of its values.
/// An ID may stand as digits in a text.
pub fn as_kind(value: &Value, kind: Kind) -> Option<Value> {
    match (kind, value) {
        (Kind::Any, _) => Some(value.clone()),
        (Kind::Integer | Kind::Decimal, Value::Text(text)) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let whole = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            whole
                .then(|| text.parse().map_or_else(|_| Value::Decimal(text.clone()), Value::Integer))
        }
        (Kind::Integer, Value::Decimal(text)) => match text.parse() {
            Ok(number) => Some(Value::Integer(number)),
            Err(_) => Some(value.clone()),
        },
        (Kind::Text, Value::Integer(_) | Value::Decimal(_) | Value::Other(_)) => {
            Some(Value::Text(value.display().into_owned().into()))
        }
        (Kind::Uuid, Value::Text(text)) => Some(Value::Other(text.to_ascii_lowercase().into())),
        (Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz, Value::Text(text)) => {
            Some(Value::Other(text.clone()))
        }
        (_, Value::Json(_)) => None,
        _ => Some(value.clone()),
    }
}

/// An ID in the form of the one that it replaces.
pub fn like(old: &Value, new: &Value) -> Value {
    match (old, new) {
        (Value::Text(_), Value::Integer(_) | Value::Decimal(_) | Value::Other(_)) => {
            Value::Text(new.display().into_owned().into())
        }
        (Value::Other(_), Value::Text(text)) => Value::Other(text.clone()),
        (Value::Integer(_), Value::Text(_)) => {
            as_kind(new, Kind::Integer).unwrap_or_else(|| new.clone())
        }
        _ => new.clone(),
    }
}

fn same_id(a: &Value, b: &Value) -> bool {
    a == b || like(b, a) == *b
}

/// A value with other IDs in some places. Around them, and where an ID stays, it is as it was.
pub fn rewritten(value: &Value, changes: &[(&Position, &Value)]) -> Value {
    let changes: Vec<_> = changes.iter().filter(|(place, new)| place.id != **new).collect();
    match value {
        Value::Text(_) | Value::Bytes(_) => {
            let edits = changes.iter().filter_map(|(place, new)| {
                place.range.map(|(start, end)| (start..end, new.display().into_owned()))
            });
            let Some(text) = value.characters() else { return value.clone() };
            let text = spliced(&text, edits.collect());
            match value {
                Value::Bytes(_) => Value::bytes_of(&text),
                _ => Value::Text(text.into()),
            }
        }
        Value::Json(text) => {
            let mut by_node: BTreeMap<&str, News> = BTreeMap::new();
            for (place, new) in changes {
                let node = place.node.as_deref().unwrap_or_default();
                let new = new.display().into_owned();
                by_node.entry(node).or_default().push((place.range, new));
            }
            let edits = by_node.into_iter().filter_map(|(node, news)| {
                let raw = raw_node(text, node)?;
                let start = raw.as_ptr() as usize - text.as_ptr() as usize;
                Some((start..start + raw.len(), new_node(raw, news)?))
            });
            Value::Json(spliced(text, edits.collect()).into())
        }
        other => other.clone(),
    }
}

fn spliced(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut spliced = text.to_owned();
    for (range, new) in edits.into_iter().rev() {
        spliced.replace_range(range, &new);
    }
    spliced
}

/// The text of a node, as it is written.
fn raw_node<'t>(text: &'t str, pointer: &str) -> Option<&'t str> {
    let mut raw = text.trim();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        raw = match raw.as_bytes().first()? {
            b'{' => {
                serde_json::from_str::<BTreeMap<String, &RawValue>>(raw).ok()?.get(&token)?.get()
            }
            _ => serde_json::from_str::<Vec<&RawValue>>(raw)
                .ok()?
                .get(token.parse::<usize>().ok()?)?
                .get(),
        };
    }
    Some(raw)
}

/// A node with other IDs: as a string where it is one.
fn new_node(raw: &str, news: News) -> Option<String> {
    let Ok(held) = serde_json::from_str::<String>(raw) else {
        let (_, new) = news.into_iter().next()?;
        let is_number = serde_json::from_str::<serde_json::Number>(&new).is_ok();
        return if is_number { Some(new) } else { serde_json::to_string(&new).ok() };
    };
    if let [(None, new)] = &news[..] {
        return serde_json::to_string(new).ok();
    }
    let edits = news.into_iter().filter_map(|(range, new)| range.map(|(a, b)| (a..b, new)));
    serde_json::to_string(&spliced(&held, edits.collect())).ok()
}

/// A value without the IDs at some places, and where each stood: what is left once what they stand for
/// is told by other means.
fn masked(value: &Value, places: &[&Position]) -> (Value, Vec<String>) {
    let mut sorted: Vec<&Position> = places.to_vec();
    sorted.sort();
    let mut removed: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    let mut shown = Vec::new();
    for place in &sorted {
        let node = place.node.as_deref();
        let gone = removed.entry(node).or_default();
        shown.push(match place.range {
            Some((start, end)) => {
                let at = start - *gone;
                *gone += end - start;
                format!("{}@{at}", node.unwrap_or_default())
            }
            None => format!("{}={}", node.unwrap_or_default(), kind_of_node(value, node)),
        });
    }
    let empty = Value::Text(String::new().into());
    let changes: Vec<(&Position, &Value)> = sorted.iter().map(|place| (*place, &empty)).collect();
    let value = match value {
        Value::Json(text) => Value::Json(nulled(text, &sorted).into()),
        _ => value.clone(),
    };
    let ranges: Vec<_> = changes.into_iter().filter(|(place, _)| place.range.is_some()).collect();
    (rewritten(&value, &ranges), shown)
}

/// Feeds a value into a hash, with what some IDs in it stand for in place of the IDs.
pub fn feed_inside(hasher: &mut blake3::Hasher, value: &Value, inside: &[(Position, [u8; 16])]) {
    let places: Vec<&Position> = inside.iter().map(|(place, _)| place).collect();
    let (rest, shown) = masked(value, &places);
    hasher.update(b"i");
    rest.feed(hasher);
    hasher.update(&(inside.len() as u64).to_le_bytes());
    let mut sorted: Vec<&(Position, [u8; 16])> = inside.iter().collect();
    sorted.sort();
    for ((_, hash), shown) in sorted.into_iter().zip(shown) {
        hasher.update(&(shown.len() as u64).to_le_bytes());
        hasher.update(shown.as_bytes());
        hasher.update(hash);
    }
}

/// `5` and `"5"` are different contents.
fn kind_of_node(value: &Value, node: Option<&str>) -> &'static str {
    let Value::Json(text) = value else { return "value" };
    match raw_node(text, node.unwrap_or_default()).map(str::as_bytes) {
        Some([b'"', ..]) => "string",
        _ => "number",
    }
}

/// JSON with null for some whole nodes.
fn nulled(text: &str, places: &[&Position]) -> String {
    let nodes: BTreeSet<&str> = places
        .iter()
        .filter(|place| place.range.is_none())
        .filter_map(|place| place.node.as_deref())
        .collect();
    let edits = nodes.into_iter().filter_map(|node| {
        let raw = raw_node(text, node)?;
        let start = raw.as_ptr() as usize - text.as_ptr() as usize;
        Some((start..start + raw.len(), "null".to_owned()))
    });
    spliced(text, edits.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::reference::one_group;

    fn pattern(pattern: &str) -> Within {
        Within::Pattern(one_group(pattern).unwrap())
    }

    fn positions(within: &Within, value: &Value) -> Vec<Position> {
        let found = inside(within, value).into_iter();
        let id = |held| as_kind(&held, Kind::Integer);
        found
            .filter_map(|(node, range, held)| Some(Position { node, range, id: id(held)? }))
            .collect()
    }

    fn with_ids(within: &Within, value: &Value, new: impl Fn(&Value) -> Value) -> Value {
        let found = positions(within, value);
        let news: Vec<Value> = found.iter().map(|it| new(&it.id)).collect();
        rewritten(value, &found.iter().zip(&news).collect::<Vec<_>>())
    }

    fn times_hundred(id: &Value) -> Value {
        let Value::Integer(id) = id else { panic!("{id:?}") };
        Value::Integer(id * 100)
    }

    #[test]
    fn only_the_ids_of_a_text_change() {
        let text = Value::Text("é media/1 media/12, media/x 1 media/1".into());
        let changed = with_ids(&pattern(r"media/(\d+)"), &text, times_hundred);
        assert_eq!(changed, Value::Text("é media/100 media/1200, media/x 1 media/100".into()));
        let same =
            with_ids(&pattern(r"media/(\d+)"), &Value::Text("media/007".into()), Value::clone);
        assert_eq!(same, Value::Text("media/007".into()), "an ID that stays keeps its spelling");
    }

    #[test]
    fn bytes_that_are_text_hold_ids_like_text() {
        let bytes = |text: &str| Value::bytes_of(text);
        let address = with_ids(&pattern(r"^tt:(\d+)$"), &bytes("tt:16"), times_hundred);
        assert_eq!(address, bytes("tt:1600"));
        let no_text = Value::Bytes("ff74743a3136".into());
        assert!(positions(&pattern(r"tt:(\d+)"), &no_text).is_empty());
    }

    #[test]
    fn json_around_an_id_stays_as_it_is_written() {
        let text = r#" { "a/b" : {"~id":[ 1,"2" ,1.50, "\u00e9"]}, "id": 7 }"#;
        let path = Within::Path(JsonPath::parse("$['a/b']['~id'][*]").unwrap());
        let Value::Json(changed) = with_ids(&path, &Value::Json(text.into()), times_hundred) else {
            panic!("JSON stays JSON");
        };
        assert_eq!(*changed, *r#" { "a/b" : {"~id":[ 100,"200" ,1.50, "\u00e9"]}, "id": 7 }"#);
    }

    #[test]
    fn a_pattern_reads_every_string_of_json_but_no_key() {
        let text = r#"{"m1": ["m2", {"x": "m3 \"m4\""}], "n": 5}"#;
        let changed = with_ids(&pattern(r"m(\d+)"), &Value::Json(text.into()), times_hundred);
        let expected = r#"{"m1": ["m200", {"x": "m300 \"m400\""}], "n": 5}"#;
        assert!(matches!(changed, Value::Json(json) if *json == *expected));
    }

    #[test]
    fn what_is_serialized_holds_no_id_that_could_be_exchanged() {
        for text in [r#"a:1:{s:2:"id";s:7:"media/1";}"#, r#"s:7:"media/1";"#, r#"O:4:"Page":0:{}"#]
        {
            assert!(is_serialized(text), "{text}");
            assert!(positions(&pattern(r"media/(\d+)"), &Value::Text(text.into())).is_empty());
        }
        for text in ["a: 1: {", "s:x:\"", "at 10:30:\"x\"", "a:1:b"] {
            assert!(!is_serialized(text), "{text}");
        }
    }

    #[test]
    fn texts_are_the_same_but_for_ids_only_where_the_ids_stand_in_the_same_places() {
        let hash = |text: &str| {
            let value = Value::Text(text.into());
            let found: Vec<_> = positions(&pattern(r"m(\d+)"), &value)
                .into_iter()
                .map(|position| (position, [7; 16]))
                .collect();
            let mut hasher = blake3::Hasher::new();
            feed_inside(&mut hasher, &value, &found);
            hasher.finalize()
        };
        assert_eq!(hash("see m1 and m22."), hash("see m333 and m4."));
        assert_ne!(hash("see m1 and m22."), hash("see m1 and  m2."));
        assert_ne!(hash("m1 m2"), hash("m1 m"));
    }

    #[test]
    fn an_id_stands_as_digits_in_text() {
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(as_kind(&text("41"), Kind::Integer), Some(Value::Integer(41)));
        assert_eq!(as_kind(&text("41a"), Kind::Integer), None);
        assert_eq!(as_kind(&text(""), Kind::Integer), None);
        assert_eq!(as_kind(&Value::Integer(41), Kind::Text), Some(text("41")));
        assert_eq!(like(&text("41"), &Value::Integer(7)), text("7"));
        assert_eq!(like(&Value::Integer(41), &Value::Integer(7)), Value::Integer(7));
    }
}
