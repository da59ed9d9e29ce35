//! One typed value of a row, over all engines.
//!
//! Answers for what "equal" means: numbers and JSON by value, text by bytes, NULL equal to NULL. It
//! keeps the text as it was read, so that writing it back loses nothing.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::put::put;

/// A value as it was read. Text is shared: a row goes through many hands between being read and being
/// written, and none of them changes it. Equality, order and hash go by value, not by spelling: the decimals
/// `1.0` and `1.00` are equal, and so are `{"a":1,"b":2}` and `{"b": 2, "a": 1}` as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    /// Digits with an optional sign, point and exponent, or `NaN` and the infinities.
    Decimal(Arc<str>),
    /// The shortest decimal text that reads back as the same float; text, so that JSON carries
    /// every float exactly.
    Float(Arc<str>),
    Text(Arc<str>),
    /// JSON text as the database gave it.
    Json(Arc<str>),
    /// Dates, times, UUIDs and types of one engine only, in the engine's own canonical text.
    Other(Arc<str>),
    /// Lower-case hexadecimal digits, two a byte.
    Bytes(Arc<str>),
}

impl Value {
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// About how many bytes the value takes.
    pub fn size(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) | Self::Integer(_) => 8,
            Self::Decimal(text)
            | Self::Float(text)
            | Self::Text(text)
            | Self::Json(text)
            | Self::Bytes(text)
            | Self::Other(text) => text.len(),
        }
    }

    /// NULL, or text without a character: both count as NULL in an identity.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// The value as people see it in plans and IDs: bytes that are text as that text. NULL shows as `NULL`; callers that must tell it
    /// from the text `NULL` ask [`Value::is_null`].
    pub fn display(&self) -> Cow<'_, str> {
        match self {
            Self::Null => "NULL".into(),
            Self::Boolean(value) => value.to_string().into(),
            Self::Integer(value) => value.to_string().into(),
            Self::Decimal(text)
            | Self::Float(text)
            | Self::Text(text)
            | Self::Json(text)
            | Self::Other(text) => (&**text).into(),
            Self::Bytes(digits) => {
                self.readable().map_or_else(|| format!("0x{digits}"), Cow::into_owned).into()
            }
        }
    }

    /// The text of bytes that people can read. None begins like digits, so that no two values are shown
    /// alike.
    fn readable(&self) -> Option<Cow<'_, str>> {
        let is_readable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
        self.characters().filter(|text| !text.starts_with("0x") && text.chars().all(is_readable))
    }

    /// The characters of a text, and of bytes that are UTF-8: some applications keep all their text in
    /// columns of bytes.
    pub fn characters(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some((&**text).into()),
            Self::Bytes(digits) => {
                let bytes = super::hex::decode(digits)?;
                String::from_utf8(bytes).ok().map(Into::into)
            }
            _ => None,
        }
    }

    /// The bytes of a text.
    pub fn bytes_of(text: &str) -> Self {
        Self::Bytes(super::hex::encode(text.as_bytes()).into())
    }

    /// The value as `plan.json` carries it: exact, with numbers as JSON numbers where JSON has them.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Boolean(value) => Json::Bool(*value),
            Self::Integer(value) => Json::from(*value),
            Self::Decimal(text) | Self::Float(text) => {
                text.parse().map_or_else(|_| Json::String(text.to_string()), Json::Number)
            }
            Self::Json(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_string()))
            }
            Self::Text(text) | Self::Other(text) => Json::String(text.to_string()),
            Self::Bytes(_) => Json::String(self.display().into_owned()),
        }
    }

    /// Feeds the value into a hash: a tag for its kind, the length, then the canonical bytes, so
    /// that no two different sequences of values feed the same bytes.
    pub fn feed(&self, hasher: &mut blake3::Hasher) {
        let (tag, bytes) = self.canonical();
        hasher.update(&[tag]);
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }

    fn canonical(&self) -> (u8, Cow<'_, [u8]>) {
        match self {
            Self::Null => (0, (&[][..]).into()),
            Self::Boolean(value) => (1, vec![u8::from(*value)].into()),
            Self::Integer(value) => (2, canonical_integer(*value).into_bytes().into()),
            Self::Decimal(text) | Self::Float(text) => {
                (2, Number::parse(text).canonical().into_bytes().into())
            }
            Self::Text(text) => (3, text.as_bytes().into()),
            Self::Json(text) => (4, canonical_json(text).into_bytes().into()),
            Self::Other(text) => (5, text.as_bytes().into()),
            Self::Bytes(digits) => (6, digits.as_bytes().into()),
        }
    }

    fn number(&self) -> Option<Number> {
        match self {
            Self::Integer(value) => Some(Number::integer(*value)),
            Self::Decimal(text) | Self::Float(text) => Some(Number::parse(text)),
            _ => None,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Text(a), Self::Text(b))
            | (Self::Other(a), Self::Other(b))
            | (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Json(a), Self::Json(b)) => a == b || canonical_json(a) == canonical_json(b),
            // What is written alike needn't be taken apart.
            (Self::Decimal(a), Self::Decimal(b)) | (Self::Float(a), Self::Float(b)) if a == b => {
                true
            }
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Integer(value) => value.hash(state),
            Self::Decimal(text) | Self::Float(text) => match Number::parse(text).whole() {
                Some(value) => value.hash(state),
                None => self.canonical().hash(state),
            },
            _ => self.canonical().hash(state),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order in which both engines are asked for keys: NULL, booleans, numbers by value, text by
/// bytes, bytes.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) | (Self::Other(a), Self::Other(b)) => a.cmp(b),
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => self.canonical().cmp(&other.canonical()),
            },
        }
    }
}

/// A finite number without exponent.
pub(super) fn plain(text: &str) -> Option<String> {
    let Number::Finite { negative, magnitude, digits } = Number::parse(text) else { return None };
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    let whole = usize::try_from(magnitude + 1).unwrap_or(0);
    let leading = usize::try_from(-1 - magnitude).unwrap_or(0);
    let sign = if negative { "-" } else { "" };
    Some(match digits.split_at_checked(whole) {
        Some(("", decimals)) => format!("{sign}0.{}{decimals}", "0".repeat(leading)),
        Some((whole, "")) => format!("{sign}{whole}"),
        Some((whole, decimals)) => format!("{sign}{whole}.{decimals}"),
        None => format!("{sign}{digits}{}", "0".repeat(whole - digits.len())),
    })
}

/// Digits with an optional sign and point.
pub(super) fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A decimal number taken apart, so that equal values have equal parts: no leading or trailing
/// zeros, and zero has neither sign nor exponent.
#[derive(Debug, PartialEq, Eq)]
enum Number {
    NegativeInfinity,
    Finite {
        negative: bool,
        /// The power of ten of the first digit.
        magnitude: i64,
        digits: String,
    },
    Infinity,
    Nan,
    /// Text that is no number at all; kept apart so that nothing compares equal by accident.
    Unreadable(String),
}

impl Number {
    fn integer(value: i64) -> Self {
        Self::finite(value < 0, &value.unsigned_abs().to_string(), 0)
    }

    fn parse(text: &str) -> Self {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        match rest.to_ascii_lowercase().as_str() {
            "nan" => return Self::Nan,
            "inf" | "infinity" if negative => return Self::NegativeInfinity,
            "inf" | "infinity" => return Self::Infinity,
            _ => {}
        }
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()),
            None => (rest, Some(0)),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        match exponent {
            Some(exponent) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                Self::finite(negative, &digits, exponent.saturating_sub(length(fraction)))
            }
            _ => Self::Unreadable(text.to_owned()),
        }
    }

    /// `digits` times ten to the power of `exponent`.
    fn finite(negative: bool, digits: &str, exponent: i64) -> Self {
        let leading = digits.trim_start_matches('0');
        if leading.is_empty() {
            return Self::Finite { negative: false, magnitude: 0, digits: String::new() };
        }
        let magnitude = exponent.saturating_add(length(leading) - 1);
        Self::Finite { negative, magnitude, digits: leading.trim_end_matches('0').to_owned() }
    }

    /// The number where it is an integer of 64 bits.
    fn whole(&self) -> Option<i64> {
        let Self::Finite { negative, magnitude, digits } = self else { return None };
        let zeros = usize::try_from(magnitude + 1).ok()?.checked_sub(digits.len())?;
        let number = digits.bytes().try_fold(0_i128, |number, digit| {
            number.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
        })?;
        let number = 10_i128.checked_pow(u32::try_from(zeros).ok()?)?.checked_mul(number)?;
        i64::try_from(if *negative { -number } else { number }).ok()
    }

    fn canonical(&self) -> String {
        match self {
            Self::Finite { negative, magnitude, digits } => {
                format!("{}{digits}e{magnitude}", if *negative { "-" } else { "" })
            }
            Self::NegativeInfinity => "-infinity".into(),
            Self::Infinity => "infinity".into(),
            Self::Nan => "nan".into(),
            Self::Unreadable(text) => format!("?{text}"),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::NegativeInfinity => 0,
            Self::Finite { .. } => 1,
            Self::Infinity => 2,
            Self::Nan => 3,
            Self::Unreadable(_) => 4,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let (
            Self::Finite { negative: a_negative, magnitude: a_magnitude, digits: a_digits },
            Self::Finite { negative: b_negative, magnitude: b_magnitude, digits: b_digits },
        ) = (self, other)
        else {
            return (self.rank(), self.canonical()).cmp(&(other.rank(), other.canonical()));
        };
        let sign = |negative: bool, digits: &str| match (negative, digits.is_empty()) {
            (_, true) => 0,
            (true, false) => -1,
            (false, false) => 1,
        };
        let (a_sign, b_sign) = (sign(*a_negative, a_digits), sign(*b_negative, b_digits));
        if a_sign != b_sign || a_sign == 0 {
            return a_sign.cmp(&b_sign);
        }
        let absolute = a_magnitude.cmp(b_magnitude).then_with(|| a_digits.cmp(b_digits));
        if a_sign < 0 { absolute.reverse() } else { absolute }
    }
}

/// What [`Number::canonical`] says of an integer.
fn canonical_integer(value: i64) -> String {
    if value == 0 {
        return "e0".into();
    }
    let mut text = value.to_string();
    let digits = text.len() - usize::from(value < 0);
    text.truncate(text.trim_end_matches('0').len());
    put!(text, "e{}", digits - 1);
    text
}

fn length(digits: &str) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

/// JSON with keys in order and numbers normalised. Text that doesn't parse stands for itself.
fn canonical_json(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => {
            let mut out = String::new();
            write_canonical(&value, &mut out);
            out
        }
        Err(_) => format!("?{text}"),
    }
}

fn write_canonical(value: &serde_json::Value, out: &mut String) {
    use serde_json::Value as Json;
    match value {
        Json::Number(number) => out.push_str(&Number::parse(&number.to_string()).canonical()),
        Json::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Json::Object(map) => {
            let sorted: std::collections::BTreeMap<_, _> = map.iter().collect();
            out.push('{');
            for (key, item) in sorted {
                out.push_str(&Json::String(key.clone()).to_string());
                out.push(':');
                write_canonical(item, out);
                out.push(',');
            }
            out.push('}');
        }
        Json::Null | Json::Bool(_) | Json::String(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Value {
        Value::Decimal(text.into())
    }

    #[test]
    fn what_is_equal_hashes_and_feeds_alike() {
        let hash = |value: &Value| {
            let mut hasher = std::hash::DefaultHasher::new();
            value.hash(&mut hasher);
            let mut fed = blake3::Hasher::new();
            value.feed(&mut fed);
            (hasher.finish(), fed.finalize())
        };
        let integers = [0, 1, -1, 10, -100, 1_200, 1_000_000_007, i64::MAX, i64::MIN];
        for integer in integers {
            let integer = Value::Integer(integer);
            let text = integer.display().into_owned();
            for other in [text.clone(), format!("{text}.00"), format!("{text}e0")] {
                for other in [Value::Decimal(other.as_str().into()), Value::Float(other.into())] {
                    assert_eq!(integer, other);
                    assert_eq!(hash(&integer), hash(&other), "{text}");
                }
            }
        }
        assert_eq!(hash(&decimal("1.50")), hash(&Value::Float("1.5".into())));
        assert_ne!(hash(&decimal("1.5")), hash(&decimal("15")));
        assert_eq!(hash(&decimal("1e400")), hash(&decimal("10e399")));
        assert_eq!(hash(&decimal("9223372036854775808")), hash(&decimal("9223372036854775808.0")));
    }

    #[test]
    fn decimals_are_equal_by_value() {
        assert_eq!(decimal("1.0"), decimal("1.00"));
        assert_eq!(decimal("-0"), decimal("0.000"));
        assert_eq!(decimal("1e3"), decimal("1000"));
        assert_ne!(decimal("1.0"), decimal("1.01"));
        assert_ne!(decimal("12345678901234567890.1"), decimal("12345678901234567890.2"));
    }

    #[test]
    fn a_number_is_written_without_exponent() {
        let cases = [
            ("1e21", "1000000000000000000000"),
            ("-1.5e-3", "-0.0015"),
            ("12.340", "12.34"),
            ("-0.0", "0"),
            ("100", "100"),
            ("0.5", "0.5"),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(plain("NaN"), None);
    }

    #[test]
    fn numbers_are_ordered_by_value() {
        let ordered = ["-100", "-99.5", "-1", "0", "0.5", "1", "9", "10", "100"].map(decimal);
        assert!(ordered.is_sorted());
        assert!(Value::Integer(-5) < Value::Integer(3));
        assert!(Value::Null < Value::Integer(i64::MIN));
        assert!(Value::Integer(9) < Value::Text(String::new().into()));
    }

    #[test]
    fn json_is_equal_by_value() {
        let json = |text: &str| Value::Json(text.into());
        assert_eq!(json(r#"{"a": 1, "b": [1.0]}"#), json(r#"{"b":[1],"a":1e0}"#));
        assert_ne!(json(r#"{"a": "1"}"#), json(r#"{"a": 1}"#));
        assert_ne!(json("[1,2]"), json("[2,1]"));
    }

    #[test]
    fn null_is_no_text() {
        assert_ne!(Value::Null, Value::Text("NULL".into()));
        assert_ne!(Value::Null, Value::Text(String::new().into()));
    }

    #[test]
    fn bytes_that_are_text_are_shown_as_that_text() {
        let shown = |digits: &str| Value::Bytes(digits.into()).display().into_owned();
        assert_eq!(shown("53c3a4756c65"), "Säule");
        assert_eq!(shown("610a62"), "a\nb");
        assert_eq!(shown("ff41"), "0xff41", "no UTF-8");
        assert_eq!(shown("4100"), "0x4100", "a control character");
        assert_eq!(shown("30786666"), "0x30786666", "the text 0xff isn't the byte ff");
        assert_eq!(Value::bytes_of("a").to_json(), serde_json::json!("a"));
        assert_ne!(Value::bytes_of("a"), Value::Text("a".into()));
    }
}
