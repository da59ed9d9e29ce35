//! What a table or column is to the modules, judged without a catalogue.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::{Part, Role, parts};
use super::{Context, MAX_ALIKE};
use crate::manifest::Step;
use crate::manifest::filter::{Condition, Scalar};
use crate::manifest::problem::Problem;

/// A row belongs to one record of one module.
pub fn one_role(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let parts = parts(context);
    let mut roots: BTreeMap<&str, Vec<&Part<'_>>> = BTreeMap::new();
    for part in &parts {
        if let Role::Root(_) = part.role {
            roots.entry(part.table()).or_default().push(part);
        }
    }
    for part in &parts {
        if let (Role::Owned { .. }, Some(root)) = (part.role, roots.get(part.table())) {
            problems.push(root_and_owned(part, root[0]));
        }
    }
    for roots in roots.values() {
        for (index, part) in roots.iter().enumerate() {
            let clash = roots[..index].iter().find_map(|other| shared_root(part, other));
            problems.extend(clash);
        }
    }
}

fn place(part: &Part<'_>) -> String {
    let span = part.locate_value(&[Step::Key("table")]);
    format!("{}:{}", part.document.origin.source.name, span.line)
}

fn root_and_owned(part: &Part<'_>, root: &Part<'_>) -> Problem {
    let message = format!(
        "the table `{}` can't be owned here and be the root of `{}` too",
        part.table(),
        root.document.name
    );
    part.table_problem(
        Problem::error("root-and-owned", message).help(format!("it is a root in {}", place(root))),
    )
}

fn shared_root(part: &Part<'_>, other: &Part<'_>) -> Option<Problem> {
    let name = &other.document.name;
    let table = part.table();
    let problem = if part.identity() != other.identity() {
        let message = format!("the table `{table}` has another identity here than in `{name}`");
        Problem::error("shared-root", message)
    } else if !exclude_each_other(part.rows(), other.rows()) {
        let message =
            format!("`{name}` has the root table `{table}` too, and a row may pass both filters");
        Problem::error("shared-root", message)
    } else {
        return None;
    };
    let help = format!(
        "give both `rows` on one column, so that no row passes both; the other stands in {}",
        place(other)
    );
    Some(part.table_problem(problem.help(help)))
}

/// Whether no row can pass both filters, as far as it can be told from the constants.
fn exclude_each_other(a: &BTreeMap<String, Condition>, b: &BTreeMap<String, Condition>) -> bool {
    a.iter().any(|(column, a)| b.get(column).is_some_and(|b| disjoint(a, b) || disjoint(b, a)))
}

fn disjoint(a: &Condition, b: &Condition) -> bool {
    let listed = match a {
        Condition::Equals(value) => std::slice::from_ref(value),
        Condition::In(values) => values,
        Condition::StartsWith(prefix) => {
            return matches!(b, Condition::StartsWith(other)
                if !other.starts_with(prefix.as_str()) && !prefix.starts_with(other.as_str()));
        }
        Condition::NotIn(_) => return false,
    };
    listed.iter().all(|value| !passes(value, b))
}

/// Whether a value passes a condition, or may: constants of different types are compared by the
/// database, not here.
fn passes(value: &Scalar, condition: &Condition) -> bool {
    let may_equal = |other: &Scalar| match (value, other) {
        (Scalar::Text(a), Scalar::Text(b)) => a.eq_ignore_ascii_case(b),
        (Scalar::Null, other) | (other, Scalar::Null) => *other == Scalar::Null,
        (a, b) => std::mem::discriminant(a) != std::mem::discriminant(b) || a == b,
    };
    match condition {
        Condition::Equals(other) => may_equal(other),
        Condition::In(others) => others.iter().any(may_equal),
        Condition::NotIn(others) => !others.contains(value),
        Condition::StartsWith(prefix) => match value {
            Scalar::Text(text) => text.to_lowercase().starts_with(&prefix.to_lowercase()),
            Scalar::Null => false,
            _ => true,
        },
    }
}

/// A column is compared, ignored or kept, and listed once.
pub fn columns(context: &Context<'_>, problems: &mut Vec<Problem>) {
    for part in parts(context) {
        let lists = [
            ("identity", part.identity()),
            ("ignore", part.ignore()),
            ("redact", part.redact()),
            ("reset", part.reset()),
        ];
        for (key, columns) in lists {
            let mut listed = BTreeSet::new();
            let twice = columns.iter().filter(|column| !listed.insert(column.as_str()));
            problems.extend(twice.take(MAX_ALIKE).map(|column| {
                let message = format!("the column `{column}` is listed twice");
                let place = [Step::Key(key), Step::Item(column)];
                part.problem(&place, Problem::error("named-twice", message))
            }));
        }
        contradictions(&part, problems);
    }
}

fn contradictions(part: &Part<'_>, problems: &mut Vec<Problem>) {
    let mut refuse = |key: &str, step: Step<'_>, column: &str, other: &str| {
        let message = format!("the column `{column}` can't be in `{key}` and in `{other}`");
        let span = part.locate(&[Step::Key(key), step]);
        let problem = Problem::error("two-roles", message);
        problems.push(part.document.origin.problem(problem, span));
    };
    for column in part.ignore() {
        if part.identity().contains(column) {
            refuse("ignore", Step::Item(column), column, "identity");
        }
    }
    for column in part.keep().keys() {
        if part.identity().contains(column) {
            refuse("keep", Step::Key(column), column, "identity");
        } else if part.ignore().contains(column) {
            refuse("keep", Step::Key(column), column, "ignore");
        }
    }
    for column in part.reset() {
        let other = [
            ("identity", part.identity().contains(column)),
            ("ignore", part.ignore().contains(column)),
            ("keep", part.keep().contains_key(column)),
        ];
        if let Some((other, _)) = other.into_iter().find(|(_, named)| *named) {
            refuse("reset", Step::Item(column), column, other);
        }
    }
}

/// Without a key, a redacted value could be guessed from its pin.
pub fn pin_key(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let Some(config) = context.config else { return };
    if config.pin_key.is_some() {
        return;
    }
    for part in parts(context) {
        if part.redact().is_empty() {
            continue;
        }
        let message = "columns are redacted here, and the operator's file has no `pinKey`";
        let problem = Problem::error("pin-key-needed", message)
            .help("add `pinKey: \"${PIN_KEY}\"` to reconcile.yaml, with a long random value");
        problems.push(part.document.origin.problem(problem, part.locate(&[Step::Key("redact")])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Scalar {
        Scalar::Text(value.into())
    }

    #[test]
    fn filters_on_one_column_may_exclude_each_other() {
        let a = Condition::Equals(text("a"));
        let not_a = Condition::NotIn(vec![text("a")]);
        let b_or_c = Condition::In(vec![text("b"), text("c")]);
        let starts_with_c = Condition::StartsWith("c".into());
        for (left, right, expected) in [
            (&a, &not_a, true),
            (&a, &b_or_c, true),
            (&a, &starts_with_c, true),
            (&b_or_c, &starts_with_c, false),
            (&not_a, &b_or_c, false),
            (&starts_with_c, &Condition::StartsWith("ca".into()), false),
            (&starts_with_c, &Condition::StartsWith("d".into()), true),
            // Collations may call these equal.
            (&a, &Condition::Equals(text("A")), false),
            // SQLite may call these equal.
            (&Condition::Equals(Scalar::Integer(1)), &Condition::Equals(text("1")), false),
            (&Condition::Equals(Scalar::Integer(1)), &Condition::Equals(Scalar::Integer(2)), true),
        ] {
            assert_eq!(
                disjoint(left, right) || disjoint(right, left),
                expected,
                "{left:?} {right:?}"
            );
        }
    }
}
