//! What MariaDB's and MySQL's types mean: kinds of columns, and which text a collation can hold.
//!
//! Answers for reading `information_schema`'s spelling. The server itself is asked in `database`.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Kind;

/// The kind of a column by its `DATA_TYPE`, its `COLLATION_NAME` and whether a check holds it to
/// valid JSON, which is what MariaDB makes of `JSON`.
///
/// `tinyint(1)` is an integer: it may hold 7. Types of one engine only are native.
pub fn kind(data_type: &str, binary: Binary, json: Json) -> Kind {
    match (data_type, json, binary) {
        ("json", _, _) | (_, Json::Checked, _) => Kind::Json,
        ("tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "bit", _, _) => {
            Kind::Integer
        }
        ("decimal", _, _) => Kind::Decimal,
        ("float" | "double", _, _) => Kind::Float,
        ("char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext", _, Binary::No) => {
            Kind::Text
        }
        ("date", _, _) => Kind::Date,
        ("time", _, _) => Kind::Time,
        ("datetime", _, _) => Kind::Timestamp,
        ("timestamp", _, _) => Kind::TimestampTz,
        ("uuid", _, _) => Kind::Uuid,
        ("binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob", _, _) => {
            Kind::Bytes
        }
        _ => Kind::Native,
    }
}

/// Whether a column holds bytes and no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    Yes,
    No,
}

/// Whether the column's own check is `json_valid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Json {
    Checked,
    No,
}

/// Whether values of a declared type are geometries, which travel in the server's own binary form.
pub fn is_spatial(declared: &str) -> bool {
    let name = declared.split([' ', '(']).next().unwrap_or_default();
    matches!(
        name,
        "geometry"
            | "point"
            | "linestring"
            | "polygon"
            | "multipoint"
            | "multilinestring"
            | "multipolygon"
            | "geometrycollection"
    )
}

/// Texts that a collation calls equal have one form, as far as that can be told without the
/// server: letters without case where it ignores case, without accents where it knows no language,
/// and no spaces at the end where it pads.
pub fn form(collation: &str, text: &str) -> String {
    let padded = !collation.contains("nopad") && !collation.contains("_0900_");
    let text = if padded { text.trim_end_matches(' ') } else { text };
    match collation.ends_with("_bin") || collation.ends_with("_cs") {
        true => text.to_owned(),
        // Looks at one character at a time.
        false if collation.contains("_general_") => text.chars().map(base).collect(),
        false if ignores_accents(collation) => {
            let bare = text.nfd().filter(|character| !is_combining_mark(*character));
            bare.collect::<String>().to_lowercase()
        }
        false => text.to_lowercase(),
    }
}

/// A letter without case and accents; an accent by itself stays.
fn base(character: char) -> char {
    let bare = std::iter::once(character).nfd().next().unwrap_or(character);
    match bare.to_lowercase().next().unwrap_or(bare) {
        'ß' => 's',
        lower => lower,
    }
}

/// Languages tell some letters with accents apart, and each others.
fn ignores_accents(collation: &str) -> bool {
    let rules = collation.split_once('_').map_or("", |(_, rules)| rules);
    let rules = rules.replace("_nopad", "").replace("nopad_", "");
    matches!(rules.as_str(), "unicode_ci" | "unicode_520_ci" | "0900_ai_ci" | "uca1400_ai_ci")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collation_tells_what_it_calls_equal() {
        assert_eq!(form("utf8mb4_general_ci", "Ab "), "ab");
        assert_eq!(form("utf8mb4_bin", "Ab "), "Ab");
        assert_eq!(form("utf8mb4_nopad_bin", "Ab "), "Ab ");
        assert_eq!(form("utf8mb4_unicode_ci", "Café"), "cafe");
        assert_eq!(form("utf8mb4_polish_ci", "Café"), "café");
    }
}
