//! How SQLite spells a row out: all values in one text, each with its storage class and its length.
//!
//! It has no hash, and needs none: nothing travels but from one thread to another. One text in place of
//! ten values a row is what makes streaming quick.

use super::dialect::quote;
use crate::catalog::{Column, Kind};

/// A call takes so many columns: a function has at most 127 arguments in older builds.
const COLUMNS_EACH: usize = 25;

/// The text of a row, its mark first.
pub(super) fn row(columns: &[&Column], mark: &str) -> String {
    let parts: Vec<String> = columns.iter().map(|column| spelled(column)).collect();
    let calls = parts.chunks(COLUMNS_EACH).map(|parts| format!(" || concat({})", parts.join(", ")));
    format!("CAST({mark} AS TEXT){}", calls.collect::<String>())
}

/// A float's text leaves digits out where `quote` doesn't; text columns keep none.
fn spelled(column: &Column) -> String {
    let name = quote(&column.name);
    let value = match column.kind {
        Kind::Text => name.clone(),
        _ => format!("iif(typeof({name}) = 'real', quote({name}), {name})"),
    };
    format!("typeof({name}), octet_length({name}), ':', {value}")
}
