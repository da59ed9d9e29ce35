//! Closed filters: which rows are meant, in names and constants only, never in SQL.
//!
//! Answers for the shape of one condition and of the constants in it. Whether the column exists and
//! takes such a constant is asked against a catalogue.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

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
