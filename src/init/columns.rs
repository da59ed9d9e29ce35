//! What columns are for, as far as their names and types tell.

use crate::catalog::{Kind, Table};
use crate::manifest::module::KeepRule;
use crate::manifest::words::parts;

pub const UPDATED: [&str; 7] =
    ["updated", "modified", "changed", "update", "modification", "touched", "lastmod"];
pub const CREATED: [&str; 5] = ["created", "inserted", "added", "creation", "joined"];
const LABELS: [&str; 8] =
    ["title", "name", "label", "headline", "heading", "subject", "caption", "description"];
/// Numbers that each environment counts for itself.
const COUNTS: [&str; 15] = [
    "view",
    "views",
    "click",
    "clicks",
    "hit",
    "hits",
    "visits",
    "impressions",
    "numviews",
    "downloads",
    "counter",
    "count",
    "stock",
    "sold",
    "popularity",
];
const CHILD_COUNTS: [&str; 5] =
    ["numchild", "numchildren", "childcount", "childrencount", "childscount"];
const PATHS: [&str; 8] =
    ["image", "photo", "picture", "thumbnail", "file", "filename", "icon", "logo"];
/// Values that reviews shouldn't show.
const SECRETS: [&str; 8] =
    ["email", "password", "secret", "token", "phone", "iban", "apikey", "passwd"];

/// The first time column whose name holds one of the words.
pub fn time(table: &Table, words: &[&str]) -> Option<String> {
    let is_time = |kind| matches!(kind, Kind::Timestamp | Kind::TimestampTz | Kind::Date);
    table
        .columns
        .iter()
        .filter(|column| is_time(column.kind) && holds(&column.name, words))
        .map(|column| column.name.clone())
        .next()
}

/// What people call a row: a title or name, else text of its identity.
pub fn label(table: &Table, identity: &[String]) -> Option<String> {
    let is_text = |name: &str| table.column(name).is_some_and(|column| column.kind == Kind::Text);
    let named = LABELS.iter().find_map(|word| {
        table.columns.iter().find(|column| column.kind == Kind::Text && column.name == *word)
    });
    named
        .map(|column| column.name.clone())
        .or_else(|| identity.iter().rev().find(|name| is_text(name)).cloned())
        .or_else(|| table.columns.iter().find(|c| is_text(&c.name)).map(|c| c.name.clone()))
}

/// Whether a name says that the column tells of changes.
pub fn moves(name: &str) -> bool {
    holds(name, &UPDATED)
}

/// Columns that the database sets anew with every write.
pub fn set_by_database(table: &Table) -> Vec<String> {
    let columns = table.columns.iter().filter(|column| column.updates_itself);
    columns.map(|column| column.name.clone()).collect()
}

/// Columns that count the rows below a row: another row's change changes them.
pub fn child_counts(table: &Table) -> Vec<String> {
    let columns = table.columns.iter().filter(|column| column.kind == Kind::Integer);
    let named = columns.filter(|column| {
        let name = parts(&column.name).concat();
        CHILD_COUNTS.contains(&name.as_str())
    });
    named.map(|column| column.name.clone()).collect()
}

/// Counters, each with what an insert takes: the default, or the source's value where there is none.
pub fn own_counts(table: &Table) -> Vec<(String, KeepRule)> {
    let is_number = |kind| matches!(kind, Kind::Integer | Kind::Decimal);
    let columns = table.columns.iter();
    columns
        .filter(|column| is_number(column.kind) && holds(&column.name, &COUNTS))
        .filter(|column| !child_counts(table).contains(&column.name))
        .filter(|column| !table.foreign_keys.iter().any(|key| key.columns.contains(&column.name)))
        .map(|column| {
            let has_default = column.nullable || column.default.is_some();
            let rule = if has_default { KeepRule::Default } else { KeepRule::Source };
            (column.name.clone(), rule)
        })
        .collect()
}

pub fn paths(table: &Table) -> Vec<String> {
    let columns = table.columns.iter();
    columns
        .filter(|column| column.kind == Kind::Text && holds(&column.name, &PATHS))
        .map(|column| column.name.clone())
        .collect()
}

pub fn secrets(table: &Table) -> Vec<String> {
    let columns = table.columns.iter();
    columns.filter(|c| holds(&c.name, &SECRETS)).map(|c| c.name.clone()).collect()
}

fn holds(name: &str, words: &[&str]) -> bool {
    parts(name).iter().any(|part| words.contains(&part.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_must_have_a_value_takes_the_sources() {
        let mut table = Table::plain("page", &[("views", Kind::Integer)], &["views"]);
        assert_eq!(own_counts(&table), [("views".to_owned(), KeepRule::Source)]);
        table.columns[0].default = Some("0".into());
        assert_eq!(own_counts(&table), [("views".to_owned(), KeepRule::Default)]);
    }
}
