//! A closed filter over the columns of one table: which rows belong to a module.
//!
//! Answers for what a filter says and for its meaning over loaded values. `database` builds the
//! same meaning in SQL; a test holds the two together.

use std::collections::BTreeMap;

use crate::database::value::Value;

/// Conditions by column name; a row passes when all of them hold.
pub type Filter = BTreeMap<String, Condition>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Equals(Scalar),
    In(Vec<Scalar>),
    /// NULL passes unless it is listed.
    NotIn(Vec<Scalar>),
    /// Case counts, and no character is a wildcard.
    StartsWith(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    Null,
    Boolean(bool),
    Integer(i64),
    Text(String),
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
                _ => false,
            },
        }
    }
}

impl Scalar {
    /// Text equals text, and the canonical text of dates, UUIDs and the like, by bytes. Integers
    /// equal numbers by value. `true` and 1, `false` and 0 are the same, since one engine's boolean
    /// is another's integer. JSON and bytes equal nothing.
    pub fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Null, value) => value.is_null(),
            (Self::Boolean(wanted), Value::Boolean(found)) => wanted == found,
            (Self::Integer(wanted), Value::Boolean(found)) => *wanted == i64::from(*found),
            (Self::Boolean(wanted), number) => is_number(number, i64::from(*wanted)),
            (Self::Integer(wanted), number) => is_number(number, *wanted),
            (Self::Text(wanted), Value::Text(found) | Value::Other(found)) => wanted == found,
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
    fn a_missing_column_never_passes() {
        let filter = Filter::from([("gone".to_owned(), Condition::NotIn(vec![]))]);
        assert!(!passes(&filter, |_| None));
    }
}
