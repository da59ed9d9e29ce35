//! What a column can't hold, by its declared type: numbers too large or too fine, text too long.
//!
//! Answers for naming such a value before anything is written. Servers cut or round some of them
//! without a word; what isn't known here they refuse themselves.

use std::borrow::Cow;

use super::sqlite;
use super::value::{self, Value};
use crate::catalog::{Column, Engine, Kind};

/// Why a column can't hold a value as it is, in words without the value.
pub fn refusal(engine: Engine, column: &Column, value: &Value) -> Option<String> {
    if engine == Engine::Sqlite {
        return becomes_another(column, value);
    }
    let declared = Declared::read(&column.declared);
    match (column.kind, value) {
        (Kind::Integer, Value::Integer(_) | Value::Decimal(_)) => integer(&declared, value),
        (Kind::Decimal, Value::Integer(_) | Value::Decimal(_) | Value::Float(_)) => {
            let text = value.display();
            // Most are written as they would be made: digits and a point.
            if value::is_decimal(&text) && !text.starts_with('-') {
                return decimal(engine, &declared, &text);
            }
            decimal(engine, &declared, value::plain(&text).as_deref().unwrap_or(&text))
        }
        (Kind::Float, Value::Float(text)) => float(engine, &declared, text),
        (Kind::Text, Value::Text(text)) => {
            text_length(engine, &declared, text).or_else(|| outside_of_charset(column, text))
        }
        (Kind::Bytes, Value::Bytes(digits)) => bytes(&declared, digits.len() / 2),
        _ => None,
    }
}

/// How many decimals of a second a type keeps; `None` for types without a time.
pub fn seconds(engine: Engine, column: &Column) -> Option<usize> {
    if !matches!(column.kind, Kind::Time | Kind::Timestamp | Kind::TimestampTz) {
        return None;
    }
    let declared = Declared::read(&column.declared);
    let given = declared.modifiers.first().and_then(|digits| usize::try_from(*digits).ok());
    match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(given.unwrap_or(6)),
        Engine::Mariadb => Some(given.unwrap_or(0)),
    }
}

/// A time's text with at most `kept` decimals of a second, and none that is a mere zero at the end.
pub fn cut_seconds(text: &str, kept: usize) -> String {
    let Some((whole, rest)) = text.split_once('.') else { return text.to_owned() };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let decimals = rest[..digits.min(kept)].trim_end_matches('0');
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{whole}{point}{decimals}{}", &rest[digits..])
}

/// `decimal(10,2) unsigned` taken apart.
struct Declared<'c> {
    whole: &'c str,
    /// In lower case, without modifiers: `decimal`, `character varying`.
    name: Cow<'c, str>,
    modifiers: Vec<i64>,
    unsigned: bool,
}

impl<'c> Declared<'c> {
    /// Asked for every value that is written, so nothing is copied that needn't be.
    fn read(declared: &'c str) -> Self {
        let (name, rest) = declared.split_once('(').unwrap_or((declared, ""));
        let inside = rest.split(')').next().unwrap_or_default();
        let unsigned = match declared.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => declared.to_ascii_lowercase().contains("unsigned"),
            false => declared.contains("unsigned"),
        };
        let name = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(without_sign(&name.to_ascii_lowercase()).to_owned()),
            false => Cow::Borrowed(without_sign(name)),
        };
        let modifiers = inside.split(',').filter_map(|part| part.trim().parse().ok()).collect();
        Self { whole: declared, name, modifiers, unsigned }
    }

    fn first(&self) -> Option<usize> {
        self.modifiers.first().and_then(|length| usize::try_from(*length).ok())
    }
}

fn without_sign(name: &str) -> &str {
    name.split(" unsigned").next().unwrap_or_default().trim()
}

fn integer(declared: &Declared<'_>, value: &Value) -> Option<String> {
    let text = value.display();
    let bits = match &*declared.name {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "integer" | "int" => 32,
        "bigint" => 64,
        "bit" => u32::try_from(declared.first().unwrap_or(1)).ok()?,
        _ => return None,
    };
    let (least, greatest) = match declared.unsigned || declared.name == "bit" {
        true => (0, (1_i128 << bits) - 1),
        false => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
    };
    let whole = text.split_once('.').map_or(&*text, |(whole, _)| whole);
    let fraction = text.split_once('.').map_or("", |(_, decimals)| decimals);
    if !fraction.trim_end_matches('0').is_empty() {
        return Some(format!("has decimals, which {} can't hold", declared.whole));
    }
    match whole.parse::<i128>() {
        Ok(number) if (least..=greatest).contains(&number) => None,
        _ => Some(format!("is out of range for {}", declared.whole)),
    }
}

fn decimal(engine: Engine, declared: &Declared<'_>, text: &str) -> Option<String> {
    if !is_finite(text) {
        let refused = engine == Engine::Mariadb;
        return refused.then(|| format!("isn't finite, which {} can't hold", declared.whole));
    }
    if declared.unsigned && text.starts_with('-') {
        return Some(format!("is negative, which {} can't hold", declared.whole));
    }
    let (precision, scale) = match declared.modifiers[..] {
        [precision] => (precision, 0),
        [precision, scale, ..] => (precision, scale),
        // MariaDB's decimal is decimal(10,0); PostgreSQL's numeric has no limit that matters.
        [] => return None,
    };
    let (scale, text) = (usize::try_from(scale).ok()?, text.trim_start_matches(['-', '+']));
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.trim_end_matches('0').len() > scale {
        return Some(format!("has more decimals than {} keeps", declared.whole));
    }
    let room = usize::try_from(precision).ok()?.checked_sub(scale)?;
    (whole.trim_start_matches('0').len() > room)
        .then(|| format!("is out of range for {}", declared.whole))
}

fn float(engine: Engine, declared: &Declared<'_>, text: &str) -> Option<String> {
    if !is_finite(text) {
        let refused = engine == Engine::Mariadb;
        return refused.then(|| format!("isn't finite, which {} can't hold", declared.whole));
    }
    if declared.modifiers.len() == 2 {
        return decimal(engine, declared, value::plain(text).as_deref().unwrap_or(text));
    }
    let single = matches!((engine, &*declared.name), (_, "real") | (Engine::Mariadb, "float"));
    let rounded = text.parse::<f32>().ok()?.to_string();
    let differs = Value::Float(rounded.into()) != Value::Float(text.into());
    (single && differs).then(|| format!("has more digits than {} keeps", declared.whole))
}

/// SQLite takes anything, and makes a number of what looks like one.
fn becomes_another(column: &Column, value: &Value) -> Option<String> {
    let declared = column.declared.to_ascii_uppercase();
    let stays_text = ["CHAR", "CLOB", "TEXT"].iter().any(|part| declared.contains(part))
        && !declared.contains("INT");
    let numeric = !stays_text && !declared.is_empty() && !declared.contains("BLOB");
    match (column.kind, value) {
        (Kind::Integer, Value::Decimal(text)) => {
            let refused = text.parse::<i64>().is_err();
            refused.then(|| "is out of range for SQLite's integers".to_owned())
        }
        (Kind::Json, Value::Json(text)) if numeric && looks_like_a_number(text) => {
            sqlite::number_parameter(text.trim()).err()
        }
        (Kind::Json, _) => None,
        (_, Value::Text(text)) if numeric && looks_like_a_number(text) => Some(format!(
            "is text that SQLite would make a number of in a column of type {}",
            column.declared
        )),
        _ => None,
    }
}

fn looks_like_a_number(text: &str) -> bool {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    text.parse::<f64>().is_ok() && text.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_finite(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

fn text_length(engine: Engine, declared: &Declared<'_>, text: &str) -> Option<String> {
    let too_long = match (&*declared.name, engine) {
        ("character varying" | "varchar" | "char" | "character" | "bpchar", _) => {
            declared.first().is_some_and(|length| text.chars().count() > length)
        }
        ("tinytext", Engine::Mariadb) => text.len() > 255,
        ("text", Engine::Mariadb) => text.len() > 65_535,
        ("mediumtext", Engine::Mariadb) => text.len() > 16_777_215,
        _ => false,
    };
    if too_long {
        return Some(format!("is longer than {} holds", declared.whole));
    }
    let cuts_spaces = matches!(&*declared.name, "char" | "character" | "bpchar");
    (cuts_spaces && text.ends_with(' '))
        .then(|| format!("ends in spaces, which {} doesn't keep", declared.whole))
}

/// MariaDB's columns have a character set each, which their collation is named after. What others
/// lack, the server itself refuses.
fn outside_of_charset(column: &Column, text: &str) -> Option<String> {
    let charset = column.collation.as_deref()?.split('_').next()?;
    let lacks: fn(char) -> bool = match charset {
        "utf8mb3" | "utf8" | "ucs2" => |character| character > '\u{ffff}',
        "latin1" => |character| !in_latin1(character),
        "ascii" => |character| !character.is_ascii(),
        _ => return None,
    };
    text.chars()
        .any(lacks)
        .then(|| format!("holds a character that its character set {charset} doesn't have"))
}

/// MariaDB's `latin1` is Windows' code page 1252.
fn in_latin1(character: char) -> bool {
    const BEYOND: &str = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\u{81}\u{8d}\u{8f}\u{90}\u{9d}";
    character.is_ascii() || ('\u{a0}'..='\u{ff}').contains(&character) || BEYOND.contains(character)
}

fn bytes(declared: &Declared<'_>, length: usize) -> Option<String> {
    if declared.name == "binary" && length < declared.first()? {
        return Some(format!("is shorter than {}, which would fill it up", declared.whole));
    }
    let most = match &*declared.name {
        "binary" | "varbinary" => declared.first()?,
        "tinyblob" => 255,
        "blob" => 65_535,
        "mediumblob" => 16_777_215,
        _ => return None,
    };
    (length > most).then(|| format!("is longer than {} holds", declared.whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Table;

    fn refused(engine: Engine, kind: Kind, declared: &str, value: &Value) -> Option<String> {
        let column = Table::plain("t", &[("c", kind)], &[]).columns.remove(0);
        refusal(engine, &Column { declared: declared.into(), ..column }, value)
    }

    #[test]
    fn numbers_too_large_or_too_fine_are_named() {
        use Engine::{Mariadb, Postgres};
        let integer = |engine, declared, number| {
            refused(engine, Kind::Integer, declared, &Value::Integer(number)).is_some()
        };
        assert!(!integer(Postgres, "smallint", 32_767));
        assert!(integer(Postgres, "smallint", 32_768));
        assert!(!integer(Mariadb, "tinyint(3) unsigned", 255));
        assert!(integer(Mariadb, "tinyint(3) unsigned", -1));
        assert!(!integer(Mariadb, "bigint(20) unsigned", i64::MAX));
        let decimal = |declared, text: &str| {
            refused(Postgres, Kind::Decimal, declared, &Value::Decimal(text.into()))
        };
        assert_eq!(decimal("numeric(5,2)", "-123.450"), None);
        assert_eq!(decimal("numeric", "1e400"), None);
        let fine = decimal("numeric(5,2)", "1.005").unwrap();
        assert_eq!(fine, "has more decimals than numeric(5,2) keeps");
        assert_eq!(decimal("numeric(5,2)", "1234.5").unwrap(), "is out of range for numeric(5,2)");
    }

    #[test]
    fn text_is_counted_in_characters() {
        let text = |text: &str| {
            let value = Value::Text(text.into());
            refused(Engine::Postgres, Kind::Text, "character varying(3)", &value)
        };
        assert_eq!(text("żół"), None);
        assert_eq!(text("żółw").unwrap(), "is longer than character varying(3) holds");
    }

    #[test]
    fn seconds_are_cut_and_never_rounded() {
        assert_eq!(cut_seconds("2026-01-01 10:00:00.129999+00", 2), "2026-01-01 10:00:00.12+00");
        assert_eq!(cut_seconds("10:00:00.100", 6), "10:00:00.1");
        assert_eq!(cut_seconds("10:00:00.999", 0), "10:00:00");
        assert_eq!(cut_seconds("2026-01-01", 0), "2026-01-01");
    }
}
