//! Columns that refer to other tables without a foreign key.
//!
//! Answers for guesses (by name, by values) and for what becomes of them: what name and values both
//! say is sure, everything else is only told, with the counts.

use std::collections::BTreeMap;

use super::evidence::{Evidence, Part, Question, Verdict};
use super::names::{Meaning, tables_named};
use crate::catalog::{Catalog, Column, Kind, Table};
use crate::manifest::protected::{Class, Protection};
use crate::manifest::words::parts;

/// Fewer values can't tell a reference from a small number, unless the name does.
const FEW: usize = 3;
/// As many values are needed where only values speak.
const MANY: usize = 10;
/// Of more tables that would fit alike, none is worth telling.
const ALIKE: usize = 3;
/// Tables that nothing refers to: what passes through them is numbered, and that fits anything.
const PASSING: [&str; 9] =
    ["job", "jobs", "queue", "cache", "log", "logs", "logging", "session", "sessions"];

/// A column, or a part of it, that refers somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The key of `references`: a column or `column~PATTERN`.
    pub key: String,
    pub column: String,
    pub choices: Vec<Choice>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub table: String,
    /// 0 means no reference.
    pub none: Option<i64>,
    /// Only where this column has that value.
    pub when: Option<(String, String)>,
    pub certainty: Certainty,
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Name and values agree.
    Sure,
    /// Told, for people to decide.
    Guess,
}

/// What a column may refer to, and why it is thought so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    pub hint: Hint,
    pub question: Question,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hint {
    Named,
    Person,
    SameTable,
    Newest,
    /// Only its values.
    Values,
}

/// Both catalogues, and what keeps tables out.
pub struct Tables<'a> {
    pub prod: &'a Catalog,
    pub test: &'a Catalog,
    pub protection: &'a Protection,
}

impl<'a> Tables<'a> {
    /// Tables of both sides that aren't the tool's or the database's own.
    pub fn both(&self) -> impl Iterator<Item = &'a Table> {
        let (test, protection) = (self.test, self.protection);
        self.prod.tables.values().filter(move |table| {
            test.table(&table.name).is_some()
                && !protection.class_of(&table.name).is_some_and(Class::is_machinery)
        })
    }

    /// Tables whose rows may be looked into.
    pub fn open(&self) -> impl Iterator<Item = &'a Table> {
        let protection = self.protection;
        self.both().filter(move |table| protection.class_of_owned(&table.name).is_none())
    }

    /// Columns of both sides that could refer to something and don't yet.
    pub fn free_columns<'t>(&self, table: &'t Table) -> impl Iterator<Item = &'t Column> {
        let there = self.test.table(&table.name);
        table.columns.iter().filter(move |column| {
            column.auto.is_none()
                && !column.generated
                && there.is_some_and(|test| test.column(&column.name).is_some())
                && !table.foreign_keys.iter().any(|key| key.columns.contains(&column.name))
        })
    }

    /// Integer keys that a number may be one of.
    pub fn numbered(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let is_passing =
            |name: &str| parts(name).iter().any(|word| PASSING.contains(&word.as_str()));
        self.open().filter(move |table| !is_passing(&table.name)).filter_map(|table| {
            let key = key_of(table).filter(|key| key.kind == Kind::Integer)?;
            Some((table.name.as_str(), key.name.as_str()))
        })
    }
}

/// The one column of the primary key.
pub fn key_of(table: &Table) -> Option<&Column> {
    let [only] = table.primary_key.as_slice() else { return None };
    table.column(only)
}

/// What is to be asked about whole columns.
pub fn guesses(tables: &Tables<'_>, evidence: &Evidence) -> Vec<Guess> {
    let mut guesses = Vec::new();
    for table in tables.open() {
        for column in tables.free_columns(table) {
            let mut of_column = by_name(tables, table, column);
            if of_column.is_empty() {
                of_column = by_values(tables, table, column, evidence);
            }
            guesses.append(&mut of_column);
        }
    }
    guesses
}

fn by_name(tables: &Tables<'_>, table: &Table, column: &Column) -> Vec<Guess> {
    let meaning = Meaning::of(table, &column.name);
    let mut named: Vec<(Hint, &str)> = Vec::new();
    let alike = tables_named(tables.prod, table, &column.name);
    named.extend(alike.into_iter().map(|name| (Hint::Named, name)));
    if meaning.is_same_table() {
        named = vec![(Hint::SameTable, &table.name)];
    } else if meaning.is_person() && named.iter().all(|(_, name)| !is_people(tables, name)) {
        named.extend(people(tables).map(|name| (Hint::Person, name)));
    } else if meaning.is_newest() && named.is_empty() {
        named.extend(children(tables, table).map(|name| (Hint::Newest, name)));
    }
    named
        .into_iter()
        .filter(|(_, name)| tables.test.table(name).is_some())
        .filter_map(|(hint, name)| {
            let key = key_of(tables.prod.table(name)?)?;
            let part = part_for(column.kind, key.kind, &meaning)?;
            let question = Question::of(&table.name, &column.name, part, (name, &key.name));
            Some(Guess { hint, question })
        })
        .collect()
}

/// Which values could be keys, by their types.
fn part_for(column: Kind, key: Kind, meaning: &Meaning) -> Option<Part> {
    match (column, key) {
        (Kind::Integer, Kind::Integer) | (Kind::Uuid, Kind::Uuid) => Some(Part::Whole),
        (Kind::Text, Kind::Integer) if meaning.is_key => Some(Part::Digits),
        (Kind::Text, Kind::Text) if meaning.is_key => Some(Part::Whole),
        _ => None,
    }
}

fn is_people(tables: &Tables<'_>, name: &str) -> bool {
    tables.protection.class_of(name) == Some(Class::Users)
}

/// Tables of users themselves, not of what belongs to them.
fn people<'a>(tables: &Tables<'a>) -> impl Iterator<Item = &'a str> {
    let protection = tables.protection;
    let is_user = |name: &str| {
        parts(name).last().is_some_and(|last| ["user", "users"].contains(&last.as_str()))
    };
    tables
        .both()
        .map(|table| table.name.as_str())
        .filter(move |name| protection.class_of(name) == Some(Class::Users) && is_user(name))
}

/// Tables with a column named after this one.
fn children<'a>(tables: &Tables<'a>, parent: &Table) -> impl Iterator<Item = &'a str> {
    let (prod, parent) = (tables.prod, parent.name.clone());
    tables.open().map(|table| table.name.as_str()).filter(move |name| {
        let Some(table) = prod.table(name).filter(|table| table.name != parent) else {
            return false;
        };
        table.columns.iter().any(|column| tables_named(prod, table, &column.name) == [&parent])
    })
}

/// Names of numbers that are no IDs, whatever they hold.
const NO_IDS: [&str; 37] = [
    "position",
    "order",
    "ordering",
    "sort",
    "sorting",
    "depth",
    "level",
    "width",
    "height",
    "size",
    "len",
    "length",
    "year",
    "month",
    "day",
    "rank",
    "ranking",
    "weight",
    "number",
    "no",
    "quantity",
    "price",
    "amount",
    "hash",
    "priority",
    "namespace",
    "version",
    "lft",
    "rght",
    "rgt",
    "count",
    "numchild",
    "total",
    "duration",
    "seconds",
    "status",
    "random",
];

fn by_values(
    tables: &Tables<'_>,
    table: &Table,
    column: &Column,
    evidence: &Evidence,
) -> Vec<Guess> {
    let is_no_id = parts(&column.name).iter().any(|word| NO_IDS.contains(&word.as_str()));
    let values = || evidence.values(&table.name, &column.name, &Part::Whole);
    let is_own_key = table.primary_key == [&*column.name];
    if column.kind != Kind::Integer || is_no_id || is_own_key || values().len() < MANY {
        return Vec::new();
    }
    let ask = |to| Question::whole(&table.name, &column.name, to);
    tables.numbered().map(|to| Guess { hint: Hint::Values, question: ask(to) }).collect()
}

/// What the answers make of the guesses, by table.
pub fn judge(guesses: &[Guess], evidence: &Evidence) -> BTreeMap<String, Vec<Reference>> {
    let mut of_columns: BTreeMap<(&str, &str), Vec<(&Guess, Verdict)>> = BTreeMap::new();
    for guess in guesses {
        let Question { table, column, .. } = &guess.question;
        let verdict = evidence.verdict(&guess.question);
        of_columns.entry((table, column)).or_default().push((guess, verdict));
    }
    let mut found: BTreeMap<String, Vec<Reference>> = BTreeMap::new();
    for ((table, column), guesses) in of_columns {
        if let Some(choice) = choose(&guesses, evidence) {
            found.entry(table.to_owned()).or_default().push(Reference {
                key: column.to_owned(),
                column: column.to_owned(),
                choices: vec![choice],
            });
        }
    }
    found
}

fn choose(guesses: &[(&Guess, Verdict)], evidence: &Evidence) -> Option<Choice> {
    let mut fitting: Vec<_> = guesses.iter().filter(|(_, verdict)| verdict.all_found()).collect();
    // The smaller a table is, the more it means that all values are keys of it.
    fitting.sort_by_key(|(guess, _)| evidence.rows(&guess.question.to_table));
    match fitting.as_slice() {
        [] => unproven(guesses),
        [(guess, verdict)] => Some(one(guess, *verdict)),
        several => {
            let (guess, verdict) = several[0];
            let names = several.iter().map(|(guess, _)| guess.question.to_table.as_str());
            let names = names.collect::<Vec<_>>().join(", ");
            let worth = guess.hint != Hint::Values || several.len() <= ALIKE;
            let why = format!("its values are keys of {names} alike");
            worth.then(|| choice(guess, *verdict, Certainty::Guess, why))
        }
    }
}

fn one(guess: &Guess, verdict: Verdict) -> Choice {
    let counts = verdict.counts();
    let to = &guess.question.to_table;
    let enough = ends_as_key(guess) || verdict.asked() >= FEW;
    match guess.hint {
        Hint::Values => {
            let why = format!("no name says so, but its values are keys of {to} alone: {counts}");
            choice(guess, verdict, Certainty::Guess, why)
        }
        _ if !enough => {
            let why = format!("{}, but there are few values: {counts}", said(guess));
            choice(guess, verdict, Certainty::Guess, why)
        }
        _ => {
            let pointer = match guess.hint {
                Hint::Newest => "; if the application finds it again by itself, reset it instead",
                _ => "",
            };
            let why = format!("{}, and its values are keys: {counts}{pointer}", said(guess));
            choice(guess, verdict, Certainty::Sure, why)
        }
    }
}

/// Names alone, with what speaks against them.
fn unproven(guesses: &[(&Guess, Verdict)]) -> Option<Choice> {
    let (guess, verdict) = guesses.iter().find(|(guess, _)| guess.hint != Hint::Values)?;
    let is_key = ends_as_key(guess);
    let found = verdict.prod.found + verdict.test.found;
    let asked = verdict.prod.asked + verdict.test.asked;
    let why = match (asked, found) {
        (0, _) if !is_key => return None,
        (0, _) if verdict.zero() => format!("{}, but all values are 0", said(guess)),
        (0, _) => format!("{}, but there is no value to tell by", said(guess)),
        (_, 0) if !is_key => return None,
        _ => format!("{}, but not all its values are keys: {}", said(guess), verdict.counts()),
    };
    Some(choice(guess, *verdict, Certainty::Guess, why))
}

fn ends_as_key(guess: &Guess) -> bool {
    parts(&guess.question.column).last().is_some_and(|last| last == "id")
}

fn said(guess: &Guess) -> String {
    let to = &guess.question.to_table;
    match guess.hint {
        Hint::Named => format!("named after {to}"),
        Hint::Person => "named after a person".to_owned(),
        Hint::SameTable => "named after another row of this table".to_owned(),
        Hint::Newest => format!("named after the newest {to}"),
        Hint::Values => String::new(),
    }
}

fn choice(guess: &Guess, verdict: Verdict, certainty: Certainty, why: String) -> Choice {
    Choice {
        table: guess.question.to_table.clone(),
        none: verdict.zero().then_some(0),
        when: None,
        certainty,
        why,
    }
}

impl Reference {
    pub fn is_sure(&self) -> bool {
        self.choices.iter().any(|choice| choice.certainty == Certainty::Sure)
    }
}
