//! What queues carry: writes and deletions of keys, and entities to publish.
//!
//! Answers for the JSON of both, as the original program writes and reads it; several writes may stand
//! in one list. A document's text is passed on as it is, never read and written again.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::put::{put, put_json};

/// The key of the version in a value.
const TIMESTAMP: &str = "_timestamp";
/// How large a list of writes may become: what the original program recommends at most.
const BATCH_BYTES: usize = 256 * 1024;

/// A write or deletion on its way to a read store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Without a storage's prefix.
    pub key: String,
    /// The first part of the key.
    pub resource: String,
    pub store: Option<String>,
    /// Of search documents: the part of the index's name behind the store.
    pub kind: Option<String>,
    /// Microseconds since 1970; unknown of other programs' messages.
    pub version: Option<i64>,
    /// The document, a JSON object without its version; none: the key is deleted.
    pub value: Option<String>,
    /// Of a further key: the key of the row that has or had it. Not part of the body.
    pub owner: Option<String>,
}

/// Why a message can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("no JSON of a message: {0}")]
    Json(String),
    #[error("neither `write` nor `delete` stands in it")]
    Nothing,
    #[error("its value is no JSON object")]
    NoObject,
}

/// Several messages in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// One write each, for consumers of the original program.
    One,
    /// Lists of writes.
    Many,
}

/// The bodies of messages, in their order.
pub fn bodies(messages: &[Message], packing: Packing) -> Vec<String> {
    match packing {
        Packing::One => messages.iter().map(Message::body).collect(),
        Packing::Many => {
            let mut lists = Vec::new();
            let (mut list, mut body) = (String::new(), String::new());
            for message in messages {
                body.clear();
                message.put_body(&mut body);
                if !list.is_empty() && list.len() + body.len() > BATCH_BYTES {
                    list.push(']');
                    lists.push(std::mem::take(&mut list));
                }
                list.push(if list.is_empty() { '[' } else { ',' });
                list.push_str(&body);
            }
            if !list.is_empty() {
                list.push(']');
                lists.push(list);
            }
            lists
        }
    }
}

impl Message {
    pub fn body(&self) -> String {
        let mut out = String::with_capacity(160 + self.value.as_ref().map_or(0, String::len));
        self.put_body(&mut out);
        out
    }

    fn put_body(&self, out: &mut String) {
        let verb = if self.value.is_some() { "write" } else { "delete" };
        put!(out, "{{\"{verb}\":{{\"key\":");
        put_json(out, &self.key);
        out.push_str(",\"value\":");
        put_with_version(out, self.value.as_deref().unwrap_or("{}"), self.version);
        out.push_str(",\"resource\":");
        put_json(out, &self.resource);
        out.push_str(",\"store\":");
        put_json(out, self.store.as_deref().unwrap_or_default());
        match &self.kind {
            Some(kind) => {
                out.push_str(",\"params\":{\"type\":");
                put_json(out, kind);
                out.push_str("}}}");
            }
            None => out.push_str(",\"params\":[]}}"),
        }
    }

    /// The value as a storage keeps it, its version inside.
    pub fn stored(&self) -> Option<String> {
        self.value.as_ref().map(|value| {
            let mut out = String::with_capacity(value.len() + 40);
            put_with_version(&mut out, value, self.version);
            out
        })
    }
}

/// The value with its version: seconds with six digits behind the point, as the original program writes
/// them.
fn put_with_version(out: &mut String, value: &str, version: Option<i64>) {
    let Some(version) = version else { return out.push_str(value) };
    let value = value.trim_end();
    // PHP writes an empty object as a list; anything else that is no object has no place for it.
    let Some(open) = (if value == "[]" { Some("{") } else { value.strip_suffix('}') }) else {
        return out.push_str(value);
    };
    let open = open.trim_end();
    let comma = if open.ends_with('{') { "" } else { "," };
    let (seconds, micros) = (version.div_euclid(1_000_000), version.rem_euclid(1_000_000));
    out.push_str(open);
    put!(out, "{comma}\"{TIMESTAMP}\":{seconds}.{micros:06}}}");
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    write: Option<Part<'a>>,
    #[serde(borrow, default)]
    delete: Option<Part<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    key: String,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(default)]
    resource: Option<String>,
    #[serde(default)]
    store: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// A part of a body: what it says, and its own text for the error queue.
pub struct Parsed<'b> {
    pub text: &'b str,
    pub message: Result<Message, Unreadable>,
}

/// The messages of a body, in their order; one that can't be understood takes no other along.
pub fn parse(body: &str) -> Vec<Parsed<'_>> {
    let one = |text| Parsed { text, message: read(text) };
    if !body.trim_start().starts_with('[') {
        return vec![one(body)];
    }
    match serde_json::from_str::<Vec<&RawValue>>(body) {
        Ok(parts) => parts.into_iter().map(|part| one(part.get())).collect(),
        Err(error) => {
            vec![Parsed { text: body, message: Err(Unreadable::Json(error.to_string())) }]
        }
    }
}

fn read(text: &str) -> Result<Message, Unreadable> {
    let envelope: Envelope<'_> =
        serde_json::from_str(text).map_err(|error| Unreadable::Json(error.to_string()))?;
    let (part, is_write) = match (envelope.write, envelope.delete) {
        (Some(part), None) => (part, true),
        (None, Some(part)) => (part, false),
        _ => return Err(Unreadable::Nothing),
    };
    let (value, version) = without_version(part.value.map_or("{}", RawValue::get))?;
    let kind = part.params.and_then(|params| {
        let params: serde_json::Value = serde_json::from_str(params.get()).ok()?;
        Some(params.get("type")?.as_str()?.to_owned())
    });
    Ok(Message {
        resource: part.resource.unwrap_or_default(),
        store: part.store.filter(|store| !store.is_empty()),
        kind,
        version,
        value: is_write.then_some(value),
        key: part.key,
        owner: None,
    })
}

/// A value's text and its version. Ours stands last, so that the text before it needn't be read.
pub fn without_version(value: &str) -> Result<(String, Option<i64>), Unreadable> {
    let mark = concat!("\"", "_timestamp", "\":");
    if let Some(at) = value.rfind(mark)
        && let Some(number) = value[at + mark.len()..].strip_suffix('}')
        && let Some(version) = micros(number)
    {
        let before = value[..at].trim_end();
        // Else it is the end of a longer name.
        if let Some(open) = before.strip_suffix(',').or(before.ends_with('{').then_some(before)) {
            return Ok((format!("{open}}}"), Some(version)));
        }
    }
    let json: serde_json::Value =
        serde_json::from_str(value).map_err(|error| Unreadable::Json(error.to_string()))?;
    match json {
        serde_json::Value::Object(mut map) => {
            let version = map.shift_remove(TIMESTAMP).and_then(|it| micros(&it.to_string()));
            Ok((serde_json::Value::Object(map).to_string(), version))
        }
        // PHP writes an empty object like this.
        serde_json::Value::Array(list) if list.is_empty() => Ok(("{}".into(), None)),
        _ => Err(Unreadable::NoObject),
    }
}

/// Seconds with a fraction, in microseconds.
fn micros(number: &str) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    Some(whole.parse::<i64>().ok()? * 1_000_000 + fraction.parse::<i64>().ok()?)
}

/// Entities of a resource that are to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub resource: String,
    pub which: Which,
}

/// Which entities, by the text of their ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    Ids(Vec<String>),
    /// Integers above `after`, up to `upto`; also of entities that are gone.
    Between {
        after: Option<i64>,
        upto: Option<i64>,
    },
}

#[derive(Deserialize)]
struct EventEnvelope {
    publish: EventPart,
}

#[derive(Deserialize)]
struct EventPart {
    resource: String,
    #[serde(default)]
    ids: Option<Vec<String>>,
    #[serde(default)]
    after: Option<i64>,
    #[serde(default)]
    upto: Option<i64>,
}

impl Event {
    pub fn body(&self) -> String {
        let mut part = serde_json::json!({ "resource": self.resource });
        match &self.which {
            Which::Ids(ids) => part["ids"] = ids.as_slice().into(),
            Which::Between { after, upto } => {
                part["after"] = (*after).into();
                part["upto"] = (*upto).into();
            }
        }
        serde_json::json!({ "publish": part }).to_string()
    }

    pub fn parse(body: &str) -> Result<Self, Unreadable> {
        let EventEnvelope { publish: part } =
            serde_json::from_str(body).map_err(|error| Unreadable::Json(error.to_string()))?;
        let which = match part.ids {
            Some(ids) => Which::Ids(ids),
            None => Which::Between { after: part.after, upto: part.upto },
        };
        Ok(Self { resource: part.resource, which })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(value: Option<&str>) -> Message {
        Message {
            key: "cms_block:de:en_us:blck-1".into(),
            resource: "cms_block".into(),
            store: Some("DE".into()),
            kind: None,
            version: Some(1_526_033_491_215_958),
            value: value.map(str::to_owned),
            owner: None,
        }
    }

    #[test]
    fn bodies_are_those_of_the_original() {
        assert_eq!(
            message(Some(r#"{"a":1}"#)).body(),
            r#"{"write":{"key":"cms_block:de:en_us:blck-1","value":{"a":1,"_timestamp":1526033491.215958},"resource":"cms_block","store":"DE","params":[]}}"#
        );
        assert_eq!(
            message(None).body(),
            r#"{"delete":{"key":"cms_block:de:en_us:blck-1","value":{"_timestamp":1526033491.215958},"resource":"cms_block","store":"DE","params":[]}}"#
        );
    }

    #[test]
    fn what_is_written_reads_back_alone_and_in_lists() {
        let all =
            [message(Some(r#"{"t":"\"_timestamp\":5}"}"#)), message(None), message(Some("{}"))];
        for packing in [Packing::One, Packing::Many] {
            let bodies = bodies(&all, packing);
            let read: Vec<_> = bodies.iter().flat_map(|body| parse(body)).collect();
            let read: Vec<_> = read.into_iter().map(|it| it.message.unwrap()).collect();
            assert_eq!(read, all);
        }
    }

    #[test]
    fn a_version_may_stand_anywhere_or_nowhere() {
        let read = without_version(r#"{"_timestamp": 1526033491.21, "a": 1.10}"#).unwrap();
        assert_eq!(read, (r#"{"a":1.10}"#.to_owned(), Some(1_526_033_491_210_000)));
        assert_eq!(without_version(r#"{"a":1}"#).unwrap(), (r#"{"a":1}"#.to_owned(), None));
        assert_eq!(without_version("[]").unwrap(), ("{}".to_owned(), None));
        let spaced = without_version(r#"{"a": 1, "_timestamp":5}"#).unwrap();
        assert_eq!(spaced, (r#"{"a": 1}"#.to_owned(), Some(5_000_000)));
        let longer = r#"{"a\"_timestamp":5}"#;
        assert_eq!(without_version(longer).unwrap(), (longer.to_owned(), None));
        assert_eq!(without_version("7"), Err(Unreadable::NoObject));
    }

    #[test]
    fn rows_of_other_programs_get_a_version_too() {
        let version = Some(1_000_000);
        let with_version = |value: &str, version| {
            let mut out = String::new();
            put_with_version(&mut out, value, version);
            out
        };
        assert_eq!(with_version("{\"a\":1} \n", version), "{\"a\":1,\"_timestamp\":1.000000}");
        assert_eq!(with_version("[]", version), "{\"_timestamp\":1.000000}");
        assert_eq!(with_version("[1]", version), "[1]");
    }

    #[test]
    fn one_that_is_not_understood_takes_no_other_along() {
        let body = format!("[{},{{\"other\":1}},{}]", message(None).body(), message(None).body());
        let read: Vec<bool> = parse(&body).iter().map(|it| it.message.is_ok()).collect();
        assert_eq!(read, [true, false, true]);
        assert!(parse("{")[0].message.is_err());
    }

    #[test]
    fn events_read_back() {
        let ids = Event { resource: "a".into(), which: Which::Ids(vec!["1".into(), "x".into()]) };
        let range = Which::Between { after: None, upto: Some(9) };
        let range = Event { resource: "a".into(), which: range };
        for event in [ids, range] {
            assert_eq!(Event::parse(&event.body()), Ok(event));
        }
    }
}
