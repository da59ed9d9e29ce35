//! What was found in rows, as lines of a module: what is sure stands as YAML, what is only a guess as
//! a comment with its reasons.

use super::references::{Certainty, Choice, Reference};
use super::trees::Tree;
use super::{MayOwn, Record};
use crate::escape::visible;
use crate::manifest::quote::{key, quoted};
use crate::put::put;

/// Where a table stands in a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Root,
    Owned,
}

/// Only records have a tree.
pub fn tree(out: &mut String, indent: usize, tree: &Tree, place: Place) {
    let pad = " ".repeat(indent);
    let mark = match (place, tree.certainty) {
        (Place::Root, Certainty::Sure) => "",
        _ => "# ",
    };
    let (path, step, why) = (key(&tree.path), tree.step, visible(&tree.why));
    put!(out, "{pad}{mark}tree: {{path: {path}, step: {step}}}  # {why}\n");
}

pub fn references(out: &mut String, indent: usize, references: &[Reference]) {
    if references.is_empty() {
        return;
    }
    let pad = " ".repeat(indent);
    let any_sure = references.iter().any(Reference::is_sure);
    let mark = if any_sure { "" } else { "# " };
    put!(out, "{pad}{mark}references:\n");
    for found in references {
        let mark = match (any_sure, found.is_sure()) {
            (_, true) => "  ",
            (true, false) => "  # ",
            (false, false) => "#   ",
        };
        for line in lines(found) {
            put!(out, "{pad}{mark}{line}\n");
        }
    }
}

/// Rows that may belong to a record, as `owns` would say it.
pub fn may_own(out: &mut String, indent: usize, record: &Record) {
    let pad = " ".repeat(indent);
    if record.owns.is_empty() && !record.may_own.is_empty() {
        put!(out, "{pad}# owns:\n");
    }
    for rows in &record.may_own {
        let MayOwn { table, id: (id, above), kind: (kind, label) } = rows;
        let (table, id, above, kind) = (key(table), key(id), key(above), key(kind));
        let label = label_text(label);
        put!(
            out,
            "{pad}#   - {{table: {table}, by: {{{id}: {above}, {kind}: {{equals: {label}}}}}}}  # its rows name \
             rows of this table: do they belong to them?\n"
        );
    }
}

/// One reference; a list where there is something to choose from.
fn lines(found: &Reference) -> Vec<String> {
    let name = key(&found.key);
    match found.choices.as_slice() {
        [only] if only.when.is_none() => {
            vec![format!("{name}: {}  # {}", written(only), visible(&only.why))]
        }
        several => {
            let mut lines = vec![format!("{name}:")];
            let sure = found.is_sure();
            for choice in several {
                let mark = if sure && choice.certainty == Certainty::Guess { "# " } else { "" };
                lines.push(format!("  {mark}- {}  # {}", written(choice), visible(&choice.why)));
            }
            lines
        }
    }
}

fn written(choice: &Choice) -> String {
    let table = key(&choice.table);
    let mut parts = Vec::new();
    parts.extend(choice.none.map(|none| format!("none: {none}")));
    parts.extend(choice.when.as_ref().map(|(column, label)| {
        format!("when: {{{}: {{equals: {}}}}}", key(column), label_text(label))
    }));
    if parts.is_empty() { table } else { format!("{{table: {table}, {}}}", parts.join(", ")) }
}

/// Digits would be read as a number.
fn label_text(label: &str) -> String {
    let begins = label.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins { key(label) } else { quoted(label) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(table: &str, certainty: Certainty) -> Choice {
        Choice { table: table.into(), none: None, when: None, certainty, why: "why".into() }
    }

    fn reference(key: &str, choices: Vec<Choice>) -> Reference {
        Reference { key: key.into(), column: key.into(), choices }
    }

    fn text(found: &[Reference]) -> String {
        let mut out = String::new();
        references(&mut out, 2, found);
        out
    }

    #[test]
    fn what_is_only_a_guess_is_a_comment() {
        let found = [
            reference("product_id", vec![choice("product", Certainty::Sure)]),
            reference("made_from", vec![choice("page", Certainty::Guess)]),
        ];
        insta::assert_snapshot!(text(&found), @"
          references:
            product_id: product  # why
            # made_from: page  # why
        ");
        insta::assert_snapshot!(text(&found[1..]), @"
          # references:
          #   made_from: page  # why
        ");
    }

    #[test]
    fn choices_that_are_sure_stand_beside_those_that_are_not() {
        let when = |label: &str| Some(("kind".to_owned(), label.to_owned()));
        let found = [reference(
            "owner_id",
            vec![
                Choice {
                    when: when("product"),
                    none: Some(0),
                    ..choice("product", Certainty::Sure)
                },
                Choice { when: when("7"), ..choice("TABLE", Certainty::Guess) },
            ],
        )];
        insta::assert_snapshot!(text(&found), @r#"
        references:
          owner_id:
            - {table: product, none: 0, when: {kind: {equals: product}}}  # why
            # - {table: TABLE, when: {kind: {equals: "7"}}}  # why
        "#);
    }
}
