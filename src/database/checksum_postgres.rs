//! How PostgreSQL hashes rows: one function call around the other, each taking the hash before as its
//! seed.
//!
//! Not `hash_record_extended`: it adds up the columns' hashes, so that two rows that swap a value keep
//! their sum, and it trusts the types' own functions, which leave out the sign of a numeric, fold 64
//! bits into 32 and call 0 what the seed was. Here every value goes in by its bits or its text.

use super::checksum::{Form as AnyForm, Part, Seed};
use super::connection::{Parameter, Statement};
use super::dialect::quote;
use crate::catalog::Column;

/// The first version whose functions take a seed.
pub(super) const LEAST_MAJOR: u32 = 12;

/// What of a column is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::database) enum Form {
    /// At most 32 bits, all of which count.
    Word,
    /// 64 bits, in two steps.
    Long,
    Uuid,
    Bytes,
    /// The type's binary form, by the function that makes it.
    Sent(&'static str),
    /// As it is read: of any type.
    Text,
}

pub(super) fn form(column: &Column) -> Form {
    let base = column.declared.split('(').next().unwrap_or_default().trim();
    let rest = column.declared.rsplit(')').next().unwrap_or_default();
    match (base, rest) {
        ("smallint" | "integer" | "boolean", _) => Form::Word,
        ("bigint", _) => Form::Long,
        ("uuid", _) => Form::Uuid,
        ("bytea", _) => Form::Bytes,
        ("timestamp with time zone", _) | ("timestamp", " with time zone") => {
            Form::Sent("timestamptz_send")
        }
        ("timestamp without time zone", _) | ("timestamp", " without time zone") => {
            Form::Sent("timestamp_send")
        }
        ("date", _) => Form::Sent("date_send"),
        _ => Form::Text,
    }
}

/// The hash of a key.
pub(super) fn key(statement: &mut Statement, seed: &Seed, key: &[Part]) -> String {
    chain(statement, seed, &key.iter().collect::<Vec<_>>())
}

/// The hash of a row, with its mark. Should a column hold a NULL that it can't, chance makes the row
/// unlike the other side's; that it is volatile also keeps the server from computing a hash twice.
pub(super) fn row(statement: &mut Statement, seed: &Seed, parts: &[&Part], mark: &str) -> String {
    let hash = format!("hashint4extended({mark}, {})", chain(statement, seed, parts));
    format!("coalesce({hash}, CAST(random() * 9007199254740992 AS bigint))")
}

fn chain(statement: &mut Statement, seed: &Seed, parts: &[&Part]) -> String {
    let number = statement.bind(Parameter::Integer(seed.number));
    let null = parts.iter().any(|part| part.nullable && text_of(part).is_some());
    let null = null.then(|| statement.bind(Parameter::Text(seed.word.as_str().into())));
    let start = format!("CAST(${number} AS bigint)");
    parts.iter().fold(start, |before, part| step(part, &before, null))
}

/// One value after the hash of all before it. No text is a word of 128 random bits, so that stands for
/// NULL; numbers use all their bits, so there whether they are NULL goes in by itself.
fn step(part: &Part, before: &str, null: Option<usize>) -> String {
    let name = quote(&part.column);
    if let Some(text) = text_of(part) {
        let text = match (part.nullable, null) {
            (true, Some(null)) => format!("coalesce({text}, ${null})"),
            _ => text,
        };
        return format!("hashtextextended({text} COLLATE \"C\", {before})");
    }
    let (value, before) = match part.nullable {
        true => {
            let zero = match part.form {
                AnyForm::Postgres(Form::Uuid) => "uuid '00000000-0000-0000-0000-000000000000'",
                _ => "0",
            };
            let value = match part.form {
                AnyForm::Postgres(Form::Word) => format!("coalesce({name}::integer, {zero})"),
                _ => format!("coalesce({name}, {zero})"),
            };
            (value, format!("hashint4extended(({name} IS NULL)::integer, {before})"))
        }
        false => (name, before.to_owned()),
    };
    match part.form {
        AnyForm::Postgres(Form::Uuid) => format!("uuid_hash_extended({value}, {before})"),
        // The function folds both halves into one.
        AnyForm::Postgres(Form::Long) => {
            format!("hashint8extended({value}, hashint8extended({value} >> 32, {before}))")
        }
        _ => format!("hashint4extended({value}::integer, {before})"),
    }
}

/// The column as text, where that is what is hashed.
fn text_of(part: &Part) -> Option<String> {
    let name = quote(&part.column);
    match part.form {
        AnyForm::Postgres(Form::Word | Form::Long | Form::Uuid) => None,
        AnyForm::Postgres(Form::Bytes) => Some(format!("encode({name}, 'hex')")),
        AnyForm::Postgres(Form::Sent(function)) => {
            Some(format!("encode({function}({name}), 'hex')"))
        }
        AnyForm::Postgres(Form::Text) | AnyForm::Mariadb(_) => Some(format!("{name}::text")),
    }
}

/// Buckets of the hashed rows: number, rows, checksum.
pub(super) fn grouped(hashed: &str) -> String {
    format!("SELECT b::text, count(*)::text, bit_xor(h)::text FROM ({hashed}) AS hashed GROUP BY b")
}
