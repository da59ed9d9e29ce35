//! Values that keep a place for a moment, while unique values are exchanged: pure.
//!
//! Answers for a value being valid and held by no row, as far as the catalogue tells. Where that isn't
//! certain there is none.

use crate::catalog::{Column, Kind};
use crate::database::Value;

/// A value that the column takes and that no shop holds: deep in the negative numbers, text with a
/// marker, a day of antiquity. `count` keeps the values of one run apart.
pub(super) fn temporary_value(column: &Column, count: usize) -> Option<Value> {
    if column.checked {
        return None;
    }
    let number = i64::try_from(count).ok()?;
    match column.kind {
        Kind::Integer => integer(column, number).map(Value::Integer),
        Kind::Decimal => decimal(column, 1_000_000 + number),
        Kind::Text => text(column, format!("~{count}~")),
        Kind::Uuid => Some(Value::Other(format!("00000000-0000-4000-8000-{count:012x}").into())),
        Kind::Bytes => {
            let fits = modifiers(&column.declared).first().is_none_or(|length| *length >= 10);
            fits.then(|| Value::Bytes(format!("7e{count:016x}7e").into()))
        }
        Kind::Date => Some(Value::Other(day(number)?.into())),
        Kind::Timestamp => Some(Value::Other(format!("{} 04:05:06", day(number)?).into())),
        // MariaDB's begins in 1970.
        Kind::TimestampTz if !column.declared.contains("time zone") => None,
        Kind::TimestampTz => Some(Value::Other(format!("{} 04:05:06+00", day(number)?).into())),
        Kind::Time | Kind::Float | Kind::Boolean | Kind::Json | Kind::Any | Kind::Native => None,
    }
}

/// Near the least number of a type with a sign, near the greatest of one without. Columns of no known
/// width are taken to have 32 bits, as most have.
fn integer(column: &Column, number: i64) -> Option<i64> {
    let declared = column.declared.to_ascii_lowercase();
    let bits = match declared.split(['(', ' ']).next().unwrap_or_default() {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        // MariaDB's; neither takes whatever number.
        "bit" | "year" => return None,
        _ => 32,
    };
    match declared.contains("unsigned") {
        true => (1_i64 << bits).checked_sub(2 + number),
        false => (-1_i64 << (bits - 1)).checked_add(1 + number),
    }
}

fn decimal(column: &Column, number: i64) -> Option<Value> {
    let digits = i64::try_from(number.to_string().len()).ok()?;
    let fits = match modifiers(&column.declared)[..] {
        [] => true,
        [precision] => digits <= precision,
        [precision, scale, ..] => digits <= precision - scale,
    };
    fits.then(|| Value::Decimal(format!("-{number}").into()))
}

fn text(column: &Column, text: String) -> Option<Value> {
    let longest = modifiers(&column.declared).first().copied();
    let length = i64::try_from(text.len()).ok()?;
    longest.is_none_or(|longest| length <= longest).then_some(Value::Text(text.into()))
}

fn day(number: i64) -> Option<String> {
    let first = jiff::civil::date(3, 2, 1);
    Some(first.checked_add(jiff::Span::new().try_days(number).ok()?).ok()?.to_string())
}

/// The numbers in the parentheses of a declared type.
fn modifiers(declared: &str) -> Vec<i64> {
    let inside = declared.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let parts = inside.map(|(inside, _)| inside.split(',')).into_iter().flatten();
    parts.filter_map(|part| part.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Table;

    fn column(kind: Kind, declared: &str) -> Column {
        let column = Table::plain("t", &[("c", kind)], &[]).columns.remove(0);
        Column { declared: declared.into(), ..column }
    }

    fn value(kind: Kind, declared: &str) -> Option<String> {
        temporary_value(&column(kind, declared), 11).map(|value| value.display().into_owned())
    }

    #[test]
    fn a_value_in_between_fits_into_the_column_or_there_is_none() {
        let cases = [
            (Kind::Integer, "integer", Some("-2147483636")),
            (Kind::Integer, "smallint", Some("-32756")),
            (Kind::Integer, "tinyint(1)", Some("-116")),
            (Kind::Integer, "int(10) unsigned", Some("4294967283")),
            (Kind::Integer, "bit(1)", None),
            (Kind::Decimal, "numeric", Some("-1000011")),
            (Kind::Decimal, "numeric(7)", Some("-1000011")),
            (Kind::Decimal, "numeric(10,3)", Some("-1000011")),
            (Kind::Decimal, "numeric(10,4)", None),
            (Kind::Text, "text", Some("~11~")),
            (Kind::Text, "character varying(4)", Some("~11~")),
            (Kind::Text, "character varying(3)", None),
            (Kind::Uuid, "uuid", Some("00000000-0000-4000-8000-00000000000b")),
            (Kind::Bytes, "bytea", Some("0x7e000000000000000b7e")),
            (Kind::Date, "date", Some("0003-02-12")),
            (Kind::Timestamp, "timestamp without time zone", Some("0003-02-12 04:05:06")),
            (Kind::TimestampTz, "timestamp with time zone", Some("0003-02-12 04:05:06+00")),
            (Kind::Boolean, "boolean", None),
            (Kind::Native, "mood", None),
        ];
        for (kind, declared, expected) in cases {
            assert_eq!(value(kind, declared).as_deref(), expected, "{declared}");
        }
    }

    #[test]
    fn no_value_is_certain_where_a_check_may_refuse_it() {
        let checked = Column { checked: true, ..column(Kind::Integer, "integer") };
        assert_eq!(temporary_value(&checked, 0), None);
    }
}
