//! Closed filters: which rows are meant, in names and constants only, never in SQL.
//!
//! Answers for the shape of one condition and of the constants in it. Whether the column exists and
//! takes such a constant is asked against a catalogue.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::database::Value;

/// Conditions by column name; a row passes when all of them hold.
pub type Filter = BTreeMap<String, Condition>;

/// What one column must be for its row to pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Condition {
    Equals(Scalar),
    In(Vec<Scalar>),
    NotIn(Vec<Scalar>),
    StartsWith(String),
}

/// A constant as written: numbers keep their digits, so that none is rounded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub enum Scalar {
    Null,
    Boolean(bool),
    Integer(i64),
    /// A number with a fraction, or one beyond 64 bits.
    Decimal(String),
    Text(String),
}

impl From<Scalar> for Json {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Null => Json::Null,
            Scalar::Boolean(value) => Json::Bool(value),
            Scalar::Integer(value) => Json::from(value),
            Scalar::Decimal(digits) => digits
                .parse::<serde_json::Number>()
                .map_or_else(|_| Json::String(digits.clone()), Json::Number),
            Scalar::Text(text) => Json::String(text),
        }
    }
}

impl TryFrom<Json> for Scalar {
    type Error = &'static str;

    fn try_from(json: Json) -> Result<Self, Self::Error> {
        match json {
            Json::Null => Ok(Self::Null),
            Json::Bool(value) => Ok(Self::Boolean(value)),
            Json::Number(number) => {
                Ok(number.as_i64().map_or_else(|| Self::Decimal(number.to_string()), Self::Integer))
            }
            Json::String(text) => Ok(Self::Text(text)),
            Json::Array(_) | Json::Object(_) => Err("a constant can't be a list or a map"),
        }
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["null", "boolean", "number", "string"] })
    }
}

/// Whether a row passes. A column that `get` doesn't know never passes.
pub fn passes<'v>(filter: &Filter, get: impl Fn(&str) -> Option<&'v Value>) -> bool {
    filter.iter().all(|(column, condition)| get(column).is_some_and(|value| condition.holds(value)))
}

impl Condition {
    pub fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Equals(scalar) => scalar.matches(value),
            Self::In(scalars) => scalars.iter().any(|scalar| scalar.matches(value)),
            Self::NotIn(scalars) => !scalars.iter().any(|scalar| scalar.matches(value)),
            Self::StartsWith(prefix) => match value {
                Value::Text(text) | Value::Other(text) => text.starts_with(prefix),
                Value::Bytes(digits) => match Value::bytes_of(prefix) {
                    Value::Bytes(first) => digits.starts_with(&*first),
                    _ => false,
                },
                _ => false,
            },
        }
    }
}

impl Scalar {
    /// Text equals text, bytes that are its UTF-8, and the canonical text of dates, UUIDs and the like. Integers
    /// equal numbers by value. `true` and 1, `false` and 0 are the same, since one engine's boolean
    /// is another's integer. JSON equals nothing.
    pub fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Null, value) => value.is_null(),
            (Self::Boolean(wanted), Value::Boolean(found)) => wanted == found,
            (Self::Integer(wanted), Value::Boolean(found)) => *wanted == i64::from(*found),
            (Self::Boolean(wanted), number) => is_number(number, i64::from(*wanted)),
            (Self::Integer(wanted), number) => is_number(number, *wanted),
            (Self::Decimal(wanted), number) => *number == Value::Decimal(wanted.as_str().into()),
            (Self::Text(wanted), Value::Text(found) | Value::Other(found)) => **wanted == **found,
            (Self::Text(wanted), Value::Bytes(_)) => Value::bytes_of(wanted) == *value,
            (Self::Text(_), _) => false,
        }
    }
}

fn is_number(value: &Value, wanted: i64) -> bool {
    *value == Value::Integer(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Scalar {
        Scalar::Text(text.into())
    }

    #[test]
    fn not_in_passes_null_unless_it_is_listed() {
        assert!(Condition::NotIn(vec![text("a")]).holds(&Value::Null));
        assert!(!Condition::NotIn(vec![text("a"), Scalar::Null]).holds(&Value::Null));
        assert!(!Condition::NotIn(vec![text("a")]).holds(&Value::Text("a".into())));
    }

    #[test]
    fn text_is_compared_by_bytes() {
        assert!(Condition::StartsWith("a%".into()).holds(&Value::Text("a%b".into())));
        assert!(!Condition::StartsWith("a%".into()).holds(&Value::Text("axb".into())));
        assert!(!Condition::Equals(text("A")).holds(&Value::Text("a".into())));
        assert!(!Condition::Equals(text("5")).holds(&Value::Integer(5)));
    }

    #[test]
    fn a_text_is_bytes_that_are_its_utf_8() {
        let bytes = Value::bytes_of("tt:ä");
        assert!(Condition::Equals(text("tt:ä")).holds(&bytes));
        assert!(Condition::StartsWith("tt:".into()).holds(&bytes));
        assert!(!Condition::In(vec![text("tt"), text("0x74743a")]).holds(&bytes));
        assert!(!Condition::StartsWith("t:".into()).holds(&bytes));
        assert!(!Condition::NotIn(vec![text("tt:ä")]).holds(&bytes));
    }

    #[test]
    fn a_missing_column_never_passes() {
        let filter = Filter::from([("gone".to_owned(), Condition::NotIn(vec![]))]);
        assert!(!passes(&filter, |_| None));
    }
}
