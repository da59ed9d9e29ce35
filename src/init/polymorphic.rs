//! Pairs of columns that name a row of one of several tables: `owner_type` and `owner_id`,
//! `content_type_id` and `object_id`.
//!
//! Answers for which columns make such a pair, which table each type means, and whether the IDs of
//! that type are its keys.

use std::collections::BTreeMap;

use super::evidence::{Evidence, Part, Question, Side, Verdict, text};
use super::identity::natural;
use super::names::label_names;
use super::references::{Certainty, Choice, Reference, Tables, key_of};
use crate::catalog::{Column, Kind, Table};
use crate::database::Value;
use crate::manifest::words::parts;

/// More types than that are no types.
const MOST_TYPES: usize = 40;
const KINDS: [&str; 6] = ["type", "kind", "model", "class", "entity", "table"];

/// A pair, and what its types mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub table: String,
    pub kind: String,
    pub id: String,
    pub types: Vec<Type>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// As it is written in `when`: the value, or the referred row's unique key.
    pub label: String,
    /// Whether the IDs are keys of the table that is named so, on PROD and on TEST: a type that is a
    /// reference may have another ID there.
    pub questions: [Option<Question>; 2],
}

/// Tables that types refer to, which have to be looked into as well, and their columns.
pub fn type_tables<'a>(tables: &Tables<'a>) -> BTreeMap<&'a str, Vec<String>> {
    let mut found = BTreeMap::new();
    for table in tables.open() {
        for (kind, _) in columns(tables, table) {
            if let Some((name, key, natural)) = referred(tables, table, kind) {
                found.insert(name, std::iter::once(key).chain(natural).collect());
            }
        }
    }
    found
}

pub fn pairs(tables: &Tables<'_>, evidence: &Evidence) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for table in tables.open() {
        for (kind, id) in columns(tables, table) {
            let types = types(tables, table, kind, id, evidence);
            let whole = (1..=MOST_TYPES).contains(&types.len());
            pairs.extend(whole.then(|| Pair {
                table: table.name.clone(),
                kind: kind.name.clone(),
                id: id.name.clone(),
                types,
            }));
        }
    }
    pairs
}

/// The columns of pairs: the one with the type, and the one with the ID.
fn columns<'t>(tables: &Tables<'_>, table: &'t Table) -> Vec<(&'t Column, &'t Column)> {
    let mut found = Vec::new();
    let is_id = |column: &&Column| {
        matches!(column.kind, Kind::Integer | Kind::Uuid | Kind::Text)
            && parts(&column.name).last().is_some_and(|last| ["id", "pk"].contains(&last.as_str()))
    };
    for id in tables.free_columns(table).filter(is_id) {
        let mut stem = parts(&id.name);
        stem.pop();
        // `type` beside `id` is the row's own.
        if stem.is_empty() {
            continue;
        }
        let kind = table.columns.iter().find(|kind| {
            let mut words = parts(&kind.name);
            if words.len() > 1 && words.last().is_some_and(|last| last == "id") {
                words.pop();
            }
            let last = words.pop().unwrap_or_default();
            let same = words == stem || (words == ["content"] && stem == ["object"]);
            kind.name != id.name && same && KINDS.contains(&last.as_str())
        });
        found.extend(kind.map(|kind| (kind, id)));
    }
    found
}

/// The table that a type column refers to, its key, and how its rows are called.
fn referred<'a>(
    tables: &Tables<'a>,
    table: &Table,
    kind: &Column,
) -> Option<(&'a str, String, Vec<String>)> {
    let key = table.foreign_keys.iter().find(|key| key.columns == [&*kind.name])?;
    let to = tables.prod.table(&key.to_table)?;
    let columns = natural(to).filter(|columns| *columns != to.primary_key)?;
    Some((&to.name, key.to_columns.first()?.clone(), columns))
}

fn types(
    tables: &Tables<'_>,
    table: &Table,
    kind: &Column,
    id: &Column,
    evidence: &Evidence,
) -> Vec<Type> {
    let mut found: BTreeMap<String, [Option<Question>; 2]> = BTreeMap::new();
    for (at, side) in [&evidence.prod, &evidence.test].into_iter().enumerate() {
        let Some(sample) = side.samples.get(&table.name) else { continue };
        for value in sample.values(&kind.name, &Part::Whole) {
            let label = match referred(tables, table, kind) {
                Some((name, key, natural)) => label(side, name, &key, &natural, &value),
                None => text(&value),
            };
            if let Some(label) = label {
                let question = question(tables, table, (kind, &value), id, &label);
                found.entry(label).or_default()[at] = question;
            }
        }
    }
    found.into_iter().map(|(label, questions)| Type { label, questions }).collect()
}

/// The unique key of the row that says what a type is.
fn label(side: &Side, table: &str, key: &str, natural: &[String], value: &Value) -> Option<String> {
    let sample = side.samples.get(table)?;
    let columns: Vec<String> =
        std::iter::once(key.to_owned()).chain(natural.iter().cloned()).collect();
    let row = sample.rows_of(&columns)?.find(|row| row[0] == value)?;
    Some(row[1..].iter().map(|part| part.display()).collect::<Vec<_>>().join("."))
}

fn question(
    tables: &Tables<'_>,
    table: &Table,
    (kind, value): (&Column, &Value),
    id: &Column,
    label: &str,
) -> Option<Question> {
    let mut named = tables.both().filter(|to| label_names(label, &to.name));
    let (to, others) = (named.next()?, named.next());
    let exact = |to: &&Table| parts(&to.name).concat() == parts(label).concat();
    let to = if others.is_some() { tables.both().find(exact)? } else { to };
    let key = key_of(to)?;
    let fits = key.kind == id.kind || (id.kind == Kind::Text && key.kind == Kind::Integer);
    let part = Part::When(kind.name.clone(), value.clone());
    fits.then(|| Question::of(&table.name, &id.name, part, (&to.name, &key.name)))
}

/// What the answers make of them, by table.
pub fn judge(pairs: &[Pair], evidence: &Evidence) -> BTreeMap<String, Vec<Reference>> {
    let mut found: BTreeMap<String, Vec<Reference>> = BTreeMap::new();
    for pair in pairs {
        let choices = pair.types.iter().map(|it| choice(pair, it, evidence)).collect();
        found.entry(pair.table.clone()).or_default().push(Reference {
            key: pair.id.clone(),
            column: pair.id.clone(),
            choices,
        });
    }
    found
}

fn choice(pair: &Pair, of: &Type, evidence: &Evidence) -> Choice {
    let [prod, test] = of.questions.each_ref().map(Option::as_ref);
    let verdict = Verdict {
        prod: prod.map(|it| evidence.verdict(it).prod).unwrap_or_default(),
        test: test.map(|it| evidence.verdict(it).test).unwrap_or_default(),
    };
    let to = prod.or(test);
    let (certainty, why) = match to {
        Some(_) if verdict.all_found() => {
            (Certainty::Sure, format!("its keys: {}", verdict.counts()))
        }
        Some(_) => (Certainty::Guess, format!("not all are its keys: {}", verdict.counts())),
        None => (Certainty::Guess, "no table is named so".to_owned()),
    };
    Choice {
        table: to.map_or("TABLE", |question| &question.to_table).to_owned(),
        none: verdict.zero().then_some(0),
        when: Some((pair.kind.clone(), of.label.clone())),
        certainty,
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, Engine};
    use crate::manifest::protected::Protection;

    #[test]
    fn pairs_are_found_by_their_names() {
        let note = Table::plain(
            "note",
            &[
                ("id", Kind::Uuid),
                ("owner_type", Kind::Text),
                ("owner_id", Kind::Integer),
                ("content_type_id", Kind::Integer),
                ("object_id", Kind::Integer),
                ("type", Kind::Text),
                ("shelf_id", Kind::Integer),
            ],
            &["id"],
        );
        let tables = BTreeMap::from([("note".to_owned(), note)]);
        let catalog = Catalog { engine: Engine::Sqlite, tables, no_tables: BTreeMap::new() };
        let protection = Protection::built_in();
        let tables = Tables { prod: &catalog, test: &catalog, protection: &protection };
        let found = columns(&tables, &catalog.tables["note"]);
        let names: Vec<_> = found.iter().map(|(kind, id)| (&*kind.name, &*id.name)).collect();
        assert_eq!(names, [("owner_type", "owner_id"), ("content_type_id", "object_id")]);
    }
}
