//! How MariaDB hashes rows: SHA-1 of all values strung together, each with its end told.
//!
//! A CRC is linear, so that rows which swap a value keep their sum; SHA-1 is quicker than MD5 where the
//! processor knows it. The seed comes first: nobody can prepare a collision without it.

use super::checksum::{Form as AnyForm, Part, Seed};
use super::connection::{Parameter, Statement};
use super::dialect::quote;
use crate::catalog::mariadb::is_spatial;
use crate::catalog::{Column, Kind};

/// What of a column is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::database) enum Form {
    /// Its text has no comma, so that ends it.
    Plain,
    /// Its text leaves digits out unless it is made a double first.
    Float,
    Uuid,
    Bit,
    Spatial,
    /// The bytes as they are stored, after their length.
    Bytes,
    /// Text of any other type, after its length.
    Text,
}

pub(super) fn form(column: &Column) -> Form {
    match column.kind {
        Kind::Integer if column.declared.starts_with("bit") => Form::Bit,
        Kind::Integer
        | Kind::Decimal
        | Kind::Date
        | Kind::Time
        | Kind::Timestamp
        | Kind::TimestampTz => Form::Plain,
        Kind::Float if column.declared == "double" => Form::Plain,
        Kind::Float => Form::Float,
        Kind::Uuid => Form::Uuid,
        Kind::Text | Kind::Json | Kind::Bytes => Form::Bytes,
        Kind::Native if is_spatial(&column.declared) => Form::Spatial,
        _ => Form::Text,
    }
}

/// The hash of a key: it only chooses a bucket.
pub(super) fn key(statement: &mut Statement, seed: &Seed, key: &[Part]) -> String {
    statement.bind(Parameter::Text(seed.word.as_str().into()));
    let parts: Vec<_> = key.iter().map(strung).collect();
    format!("CRC32(CONCAT(?, {}))", parts.join(", "))
}

/// The hash of a row, with its mark, as a number of 64 bits. What is longer than the server's packets
/// strings together to NULL: then chance makes the row unlike the other side's.
pub(super) fn row(
    statement: &mut Statement,
    seed: &Seed,
    parts: &[&Part],
    mark: &str,
    at: usize,
) -> String {
    // Where the values of the mark are bound already, the word stands before them.
    statement.parameters.insert(at, Parameter::Text(seed.word.as_str().into()));
    let parts: Vec<_> = parts.iter().map(|part| strung(part)).collect();
    let strung = format!("CONCAT(?, {mark}, ',', {})", parts.join(", "));
    let hash = format!("CAST(CONV(LEFT(SHA1({strung}), 16), 16, 10) AS UNSIGNED)");
    format!("IFNULL({hash}, CAST(RAND() * 9007199254740992 AS UNSIGNED))")
}

fn strung(part: &Part) -> String {
    let name = quote(&part.column);
    let AnyForm::Mariadb(form) = part.form else { return name };
    let counted = |bytes: &str| match part.nullable {
        true => format!("IFNULL(CONCAT(LENGTH({bytes}), ':', {bytes}), 'N')"),
        false => format!("LENGTH({bytes}), ':', {bytes}"),
    };
    let ended = |text: &str| match part.nullable {
        true => format!("IFNULL({text}, 'N'), ','"),
        false => format!("{text}, ','"),
    };
    match form {
        Form::Plain => ended(&name),
        Form::Float => ended(&format!("CAST(CAST({name} AS DOUBLE) AS CHAR)")),
        Form::Uuid => ended(&format!("CAST({name} AS CHAR)")),
        Form::Bit => ended(&format!("({name} + 0)")),
        Form::Spatial => ended(&format!("HEX({name})")),
        Form::Bytes => counted(&format!("CAST({name} AS BINARY)")),
        Form::Text => counted(&format!("CAST(CAST({name} AS CHAR) AS BINARY)")),
    }
}

/// Buckets of the hashed rows: number, rows, checksum. A second use of `h` would compute it again.
pub(super) fn grouped(hashed: &str) -> String {
    format!(
        "SELECT CAST(b AS CHAR), CAST(COUNT(*) AS CHAR), CAST(BIT_XOR(h) AS CHAR) \
         FROM ({hashed}) AS hashed GROUP BY b"
    )
}
