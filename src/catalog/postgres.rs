//! What PostgreSQL's types mean: kinds of columns, and how a type is written in a cast.
//!
//! Answers for reading `format_type`'s spelling. The system catalogue itself is asked in
//! `database`.

use super::Kind;

/// The kind of a base type (under all domains) by its name in `pg_type`. An extension's `citext`
/// is text as well; every other type of an extension or user is native.
pub fn kind(base_type: &str) -> Kind {
    match base_type {
        "int2" | "int4" | "int8" => Kind::Integer,
        "numeric" => Kind::Decimal,
        "float4" | "float8" => Kind::Float,
        "text" | "varchar" | "bpchar" | "name" | "citext" => Kind::Text,
        "bool" => Kind::Boolean,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "timestamp" => Kind::Timestamp,
        "timestamptz" => Kind::TimestampTz,
        "json" | "jsonb" => Kind::Json,
        "uuid" => Kind::Uuid,
        "bytea" => Kind::Bytes,
        _ => Kind::Native,
    }
}

/// A declared type without its length or precision, for casts: an explicit cast to `varchar(3)`
/// would cut the value in silence, where storing it in the column is an error.
pub fn without_modifier(declared: &str) -> String {
    let (element, array) = match declared.strip_suffix("[]") {
        Some(element) => (element, "[]"),
        None => (declared, ""),
    };
    let mut bare = String::with_capacity(element.len());
    let (mut quoted, mut depth) = (false, 0);
    for c in element.chars() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth -= 1;
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            bare.push(c);
        }
    }
    let bare = match bare.as_str() {
        // These two mean a length of one when they stand alone.
        "character" => "bpchar",
        "bit" => "\"bit\"",
        interval if interval.starts_with("interval ") => "interval",
        other => other,
    };
    format!("{bare}{array}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_have_no_length() {
        let cases = [
            ("integer", "integer"),
            ("character varying(40)", "character varying"),
            ("character varying(40)[]", "character varying[]"),
            ("character(10)", "bpchar"),
            ("numeric(10,2)", "numeric"),
            ("timestamp(3) without time zone", "timestamp without time zone"),
            ("bit(3)", "\"bit\""),
            ("interval day to second(3)", "interval"),
            ("\"odd (type\"", "\"odd (type\""),
            ("\"Shop\".\"state\"", "\"Shop\".\"state\""),
        ];
        for (declared, expected) in cases {
            assert_eq!(without_modifier(declared), expected);
        }
    }
}
