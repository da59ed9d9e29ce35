//! The plan's pins as YAML, ready to paste below a job's `spec`.
//!
//! Answers for staying within a length: classes whose pins don't fit stand as `all@DIGEST`.

use std::collections::BTreeMap;

use super::words::{answer_word, class_word, count};
use crate::manifest::quote::{key, quoted};
use crate::plan::approval::is_writable;
use crate::plan::change::{Change, Class, Plan};
use crate::put::put;

/// `approved:` with every pin by table and class, in at most `limit` characters. Conflicts stand as
/// comments, since one of the answers offered has to be chosen.
pub fn block(plan: &Plan, limit: usize) -> String {
    let mut tables: BTreeMap<&str, BTreeMap<Class, Vec<&Change>>> = BTreeMap::new();
    let changes = || plan.changes.iter().filter(|change| is_writable(change));
    for change in changes() {
        let classes = tables.entry(&change.table).or_default();
        classes.entry(change.class).or_default().push(change);
    }
    let has_entries = changes().any(|change| change.class != Class::Conflict);
    let mut out = if has_entries { "approved:\n" } else { "# approved:\n" }.to_owned();
    let mut length = out.len();
    for (at, (table, classes)) in tables.iter().enumerate() {
        // Every later table must still find room for its digests.
        let waiting: usize = tables.keys().skip(at + 1).map(|table| 250 + table.len()).sum();
        let room = limit.saturating_sub(length + waiting + 100);
        let lines = table_lines(plan, table, classes, room);
        length += lines.chars().count();
        if length + 100 > limit {
            let more = count((tables.len() - at) as u64, "more table has", "more tables have");
            put!(out, "  # {more} no room here: use reconcile approve\n");
            break;
        }
        out.push_str(&lines);
    }
    out
}

fn table_lines(
    plan: &Plan,
    table: &str,
    classes: &BTreeMap<Class, Vec<&Change>>,
    room: usize,
) -> String {
    let only_mended = classes
        .values()
        .flatten()
        .all(|change| change.conflict.as_ref().is_some_and(|it| it.answers.is_empty()));
    if only_mended {
        return String::new();
    }
    let has_entries = classes.keys().any(|class| *class != Class::Conflict);
    // A key with nothing but comments below it would be null, which is no map of classes.
    let opening = if has_entries { "  " } else { "  # " };
    let mut out = format!("{opening}{}:\n", key(table));
    for (class, changes) in classes {
        let lines = match class {
            Class::Conflict => conflict_lines(changes),
            _ => class_lines(*class, changes),
        };
        if out.chars().count() + lines.chars().count() <= room {
            out.push_str(&lines);
        } else {
            out.push_str(&digest_lines(plan, *class, changes.len() as u64));
        }
    }
    out
}

fn class_lines(class: Class, changes: &[&Change]) -> String {
    let mut out = format!("    {}:\n", class_word(class));
    for change in changes {
        let newer = if change.target_newer { "  # the target was edited later" } else { "" };
        put!(out, "      - {}{newer}\n", quoted(&change.pin));
    }
    out
}

fn conflict_lines(changes: &[&Change]) -> String {
    let mut out = String::new();
    for change in changes {
        let answers = change.conflict.iter().flat_map(|conflict| &conflict.answers);
        let answers: Vec<_> = answers.map(|answer| answer_word(*answer)).collect();
        if !answers.is_empty() {
            put!(out, "    # {}: - {}\n", answers.join(" or "), quoted(&change.pin));
        }
    }
    out
}

fn digest_lines(plan: &Plan, class: Class, number: u64) -> String {
    let records = count(number, "record", "records");
    if class == Class::Conflict {
        return format!("    # {records} in conflict have no room here: use reconcile approve\n");
    }
    let all = quoted(&format!("all@{}", plan.short_digest()));
    format!("    {}:\n      - {all}  # {records}, too many to list\n", class_word(class))
}
