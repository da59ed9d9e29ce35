//! What a message carries beside its body, and an error message inside of one.
//!
//! Answers for bodies coming out of an error queue as they went in. The reason stands where the original
//! program puts it, at the top of the JSON, and in a header for bodies that have no place for it.

use std::borrow::Cow;

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde_json::Value as Json;

/// When a message was sent first, in microseconds; the property beside it knows seconds alone.
const SENT: &str = "reconcile-sent";
/// Why it failed; also the name of the field in the body.
const REASON: &str = "errorMessage";
/// It outlives a restart of the broker.
const PERSISTENT: u8 = 2;
/// As much of a reason as a frame of headers has room for in any broker.
const REASON_BYTES: usize = 4096;

/// Of a message that is sent.
pub fn properties(sent: Option<i64>, reason: Option<&str>) -> BasicProperties {
    let mut headers = FieldTable::default();
    if let Some(sent) = sent {
        headers.insert(SENT.into(), AMQPValue::LongLongInt(sent));
    }
    if let Some(reason) = reason {
        headers.insert(REASON.into(), AMQPValue::LongString(shortened(reason).into()));
    }
    let properties =
        BasicProperties::default().with_delivery_mode(PERSISTENT).with_headers(headers);
    match sent.and_then(|sent| u64::try_from(sent / 1_000_000).ok()) {
        Some(seconds) => properties.with_timestamp(seconds),
        None => properties,
    }
}

/// When it was sent first; unknown of messages of programs that don't say so.
pub fn sent_of(properties: &BasicProperties) -> Option<i64> {
    match header(properties, SENT) {
        Some(AMQPValue::LongLongInt(sent)) => Some(*sent),
        _ => i64::try_from((*properties.timestamp())?).ok()?.checked_mul(1_000_000),
    }
}

pub fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

fn header<'p>(properties: &'p BasicProperties, name: &str) -> Option<&'p AMQPValue> {
    properties.headers().as_ref()?.inner().get(&ShortString::from(name))
}

fn shortened(reason: &str) -> &str {
    let mut end = reason.len().min(REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

/// The body with the reason in it, where it is a JSON object.
pub fn with_reason<'b>(body: &'b str, reason: &str) -> Cow<'b, str> {
    // One that failed before says the new reason alone.
    let (body, _) = without_reason(Cow::Borrowed(body), None);
    let is_object = serde_json::from_str::<Json>(&body).is_ok_and(|json| json.is_object());
    let open = body.trim_end().strip_suffix('}');
    let (true, Some(open)) = (is_object, open) else { return body };
    let comma = if open.trim_end().ends_with('{') { "" } else { "," };
    Cow::Owned(format!("{open}{comma}{}}}", field(shortened(reason))))
}

fn field(reason: &str) -> String {
    format!("\"{REASON}\":{}", Json::from(reason))
}

/// The body as it was before, and why it failed.
pub fn without_reason<'b>(
    body: Cow<'b, str>,
    properties: Option<&BasicProperties>,
) -> (Cow<'b, str>, Option<String>) {
    let told = match properties.and_then(|properties| header(properties, REASON)) {
        Some(AMQPValue::LongString(reason)) => {
            Some(String::from_utf8_lossy(reason.as_bytes()).into_owned())
        }
        _ => None,
    };
    if let Some(reason) = &told
        && let Some(before) = body.strip_suffix(&format!("{}}}", field(reason)))
    {
        let before = format!("{}}}", before.strip_suffix(',').unwrap_or(before));
        return (Cow::Owned(before), told);
    }
    if !body.contains(REASON) {
        return (body, told);
    }
    // Another program put it anywhere.
    let Ok(Json::Object(mut fields)) = serde_json::from_str::<Json>(&body) else {
        return (body, told);
    };
    let Some(reason) = fields.shift_remove(REASON) else { return (body, told) };
    let reason = reason.as_str().map_or_else(|| reason.to_string(), str::to_owned);
    (Cow::Owned(Json::Object(fields).to_string()), Some(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_as_it_went_in() {
        let long = "ö".repeat(5000);
        for body in [
            r#"{"write":{"key":"a","value":{"price":1.10}}}"#,
            "{\"delete\": {\"key\": \"a\"} }",
            "{}",
            "not JSON",
            r#"[{"write":{}}]"#,
            "",
        ] {
            for reason in ["no such store", "\"quoted\"\n", long.as_str()] {
                let properties = properties(Some(5), Some(reason));
                let failed = with_reason(body, reason);
                let (before, told) = without_reason(failed.clone(), Some(&properties));
                assert_eq!((&*before, told.as_deref()), (body, Some(shortened(reason))));
                // A second failure replaces the first.
                let twice = with_reason(&failed, "again");
                assert_eq!(
                    twice.matches(REASON).count(),
                    failed.matches(REASON).count(),
                    "{twice}"
                );
            }
        }
    }

    #[test]
    fn the_reason_stands_where_the_original_puts_it() {
        assert_eq!(
            with_reason(r#"{"write":{"key":"a"}}"#, "no"),
            r#"{"write":{"key":"a"},"errorMessage":"no"}"#
        );
        let foreign = r#"{"errorMessage":"away","write":{"price":1.10},"retry":1}"#;
        let (body, reason) = without_reason(foreign.into(), None);
        assert_eq!(body, r#"{"write":{"price":1.10},"retry":1}"#);
        assert_eq!(reason.as_deref(), Some("away"));
        let inside = r#"{"write":{"value":{"errorMessage":"is data"}}}"#;
        assert_eq!(without_reason(inside.into(), None), (inside.into(), None));
    }

    #[test]
    fn the_time_is_exact_in_our_messages_and_known_of_others() {
        let sent = 1_526_033_491_215_958;
        assert_eq!(sent_of(&properties(Some(sent), None)), Some(sent));
        assert_eq!(*properties(Some(sent), None).timestamp(), Some(1_526_033_491));
        assert_eq!(sent_of(&BasicProperties::default()), None);
        let others = BasicProperties::default().with_timestamp(1_526_033_491);
        assert_eq!(sent_of(&others), Some(1_526_033_491_000_000));
    }
}
