//! Values between different engines: read into the form both agree on, and written back from it.
//!
//! Answers for a value being carried exactly or not at all. What doesn't have the agreed form stays
//! as it was read, so it differs from whatever it is compared with and is refused when it would be
//! written.

use std::borrow::Cow;
use std::sync::Arc;

use super::times;
use super::value::{self, Value, is_decimal};
use crate::catalog::{Column, Engine, Kind};

/// A value as it was read, in the form of the kind it is carried in.
pub(super) fn canonical(column: &Column, value: Value) -> Value {
    let Some(kind) = column.carried else { return value };
    let form = match (kind, &value) {
        (Kind::Boolean, Value::Integer(0)) => Some(Value::Boolean(false)),
        (Kind::Boolean, Value::Integer(1)) => Some(Value::Boolean(true)),
        (Kind::Uuid, Value::Text(text)) => Some(Value::Other(text.clone())),
        (Kind::Uuid, Value::Bytes(digits)) => {
            hyphenated(digits).map(|text| Value::Other(text.into()))
        }
        (Kind::Json, Value::Text(text)) if is_json(text) => Some(Value::Json(text.clone())),
        (Kind::Decimal, Value::Float(text)) => {
            Some(Value::Decimal(value::plain(text).map_or_else(|| Arc::clone(text), Arc::from)))
        }
        (Kind::Decimal, Value::Text(text)) if is_decimal(text) => {
            Some(Value::Decimal(text.clone()))
        }
        (
            Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz,
            Value::Text(text) | Value::Other(text),
        ) => {
            let canonical = times::canonical(kind, text);
            Some(Value::Other(canonical.map_or_else(|| Arc::clone(text), Arc::from)))
        }
        _ => None,
    };
    form.unwrap_or(value)
}

/// A carried value as a column of this engine stores it, or why it can't, in words without the value.
#[expect(clippy::match_same_arms, reason = "a table, kind by kind")]
pub(super) fn local<'v>(
    engine: Engine,
    column: &Column,
    value: &'v Value,
) -> Result<Cow<'v, Value>, String> {
    let same = Ok(Cow::Borrowed(value));
    if column.carried.is_none() {
        return same;
    }
    let declared = &column.declared;
    let not = |what: &str| Err(format!("{what}, which {declared} can't hold"));
    match (column.kind, value) {
        (_, Value::Null) => same,
        (Kind::Integer | Kind::Decimal | Kind::Float, Value::Boolean(truth)) => {
            Ok(Cow::Owned(Value::Integer(i64::from(*truth))))
        }
        (Kind::Integer | Kind::Decimal | Kind::Float, number) if is_number(number) => same,
        (Kind::Integer | Kind::Decimal | Kind::Float, _) => not("isn't a number"),
        (Kind::Boolean, Value::Boolean(_)) => same,
        (Kind::Boolean, _) => not("is neither true nor false"),
        (Kind::Text, Value::Text(_) | Value::Decimal(_)) => same,
        (Kind::Text, Value::Other(text) | Value::Json(text)) => {
            Ok(Cow::Owned(Value::Text(text.clone())))
        }
        (Kind::Text, _) => not("isn't text"),
        (Kind::Bytes, Value::Bytes(_)) => same,
        (Kind::Bytes, Value::Other(text)) if is_uuid(text) => {
            Ok(Cow::Owned(Value::Bytes(text.replace('-', "").into())))
        }
        (Kind::Bytes, _) => not("isn't bytes"),
        (Kind::Uuid, Value::Other(text)) if is_uuid(text) => match engine {
            Engine::Mariadb if !mariadb_takes_uuid(text) => {
                Err(format!("has a version and variant that {declared} doesn't take"))
            }
            _ => same,
        },
        (Kind::Uuid, _) if engine == Engine::Sqlite => same,
        (Kind::Uuid, _) => not("isn't a UUID in lower case with hyphens"),
        (Kind::Json, Value::Json(text)) => json(engine, declared, text).and(same),
        (Kind::Json, _) => not("isn't JSON"),
        (Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz, Value::Other(text)) => {
            match times::refusal(engine, column.kind, declared, text) {
                Some(reason) => Err(reason),
                None => same,
            }
        }
        (Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz, _)
            if engine == Engine::Sqlite =>
        {
            same
        }
        (Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz, _) => {
            not("isn't a date or time")
        }
        (Kind::Any | Kind::Native, _) => same,
    }
}

/// The deepest nesting of which MariaDB's `json_valid` says that it is JSON.
const MARIADB_JSON_DEPTH: usize = 31;

fn json(engine: Engine, declared: &str, text: &str) -> Result<(), String> {
    if !is_json(text) {
        return Err(format!("isn't JSON that {declared} holds"));
    }
    if engine == Engine::Mariadb && depth(text) > MARIADB_JSON_DEPTH {
        return Err(format!("is nested deeper than the {MARIADB_JSON_DEPTH} levels MariaDB takes"));
    }
    Ok(())
}

fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Integer(_) | Value::Decimal(_) | Value::Float(_))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok()
}

const HYPHENS: [usize; 4] = [8, 13, 18, 23];

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match HYPHENS.contains(&at) {
            true => byte == b'-',
            false => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

/// MariaDB takes no version from 8 on with the variant of NCS, since it sorts by these bits.
fn mariadb_takes_uuid(text: &str) -> bool {
    let (version, variant) = (text.as_bytes()[14], text.as_bytes()[19]);
    version < b'8' || variant >= b'8'
}

/// Sixteen bytes as a UUID's text.
fn hyphenated(digits: &str) -> Option<String> {
    (digits.len() == 32).then(|| {
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        parts.join("-")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Table;

    fn column(kind: Kind, declared: &str, carried: Kind) -> Column {
        let column = Table::plain("t", &[("c", kind)], &[]).columns.remove(0);
        Column { declared: declared.into(), carried: Some(carried), ..column }
    }

    #[test]
    fn a_uuid_is_sixteen_bytes_or_its_text() {
        let bytes = column(Kind::Bytes, "binary(16)", Kind::Uuid);
        let stored = Value::Bytes("00112233445566778899aabbccddeeff".into());
        let carried = canonical(&bytes, stored.clone());
        assert_eq!(carried, Value::Other("00112233-4455-6677-8899-aabbccddeeff".into()));
        assert_eq!(local(Engine::Mariadb, &bytes, &carried), Ok(Cow::Owned(stored)));
        let text = column(Kind::Text, "TEXT", Kind::Uuid);
        let loud = Value::Text("00112233-4455-6677-8899-AABBCCDDEEFF".into());
        let carried = canonical(&text, loud);
        let uuid = column(Kind::Uuid, "uuid", Kind::Uuid);
        assert!(local(Engine::Postgres, &uuid, &carried).is_err(), "its case would be lost");
    }

    #[test]
    fn only_zero_and_one_are_truths() {
        let number = column(Kind::Integer, "tinyint(1)", Kind::Boolean);
        assert_eq!(canonical(&number, Value::Integer(1)), Value::Boolean(true));
        assert_eq!(canonical(&number, Value::Integer(7)), Value::Integer(7));
        assert_eq!(
            local(Engine::Mariadb, &number, &Value::Boolean(true)),
            Ok(Cow::Owned(Value::Integer(1)))
        );
        let truth = column(Kind::Boolean, "boolean", Kind::Boolean);
        assert!(local(Engine::Postgres, &truth, &Value::Integer(7)).is_err());
    }

    #[test]
    fn json_is_as_deep_as_the_server_reads_it() {
        let target = column(Kind::Json, "longtext", Kind::Json);
        let nested = |levels: usize| {
            Value::Json(format!("{}\"[\"{}", "[".repeat(levels), "]".repeat(levels)).into())
        };
        assert!(local(Engine::Mariadb, &target, &nested(31)).is_ok());
        assert!(local(Engine::Mariadb, &target, &nested(32)).is_err());
        assert!(local(Engine::Sqlite, &target, &nested(32)).is_ok());
    }
}
