//! Looks into rows for what catalogues don't say; all of `init` that talks to a database.
//!
//! Answers for bounded reading: at most a thousand rows a table, from both ends of its key, in
//! columns that may hold references, and look-ups of what stands in them by key. What can't be read
//! is said and left out. Never-synchronized tables aren't looked into, but for what types are called
//! and whether keys stand there; columns that look like personal data aren't read.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Answer, Evidence, Question, SAMPLE_ROWS, Sample, Side};
use super::references::{self, Reference, Tables};
use super::trees::{self, Tree};
use super::{columns, polymorphic, texts};
use crate::catalog::{Catalog, Column, Kind, Table};
use crate::database::{End, Result, Row, Session, Value};
use crate::manifest::words::parts;

/// Look-ups on each side; those by values alone come last.
const LOOKUPS: usize = 500;
/// Longer text is content.
const SHORT: usize = 300;
/// Names of texts that may be short although their type doesn't say so.
const TELLING: [&str; 12] = [
    "path",
    "type",
    "kind",
    "model",
    "class",
    "id",
    "address",
    "parent",
    "ancestors",
    "lineage",
    "ref",
    "tree",
];

/// What was found in rows.
#[derive(Debug, Default)]
pub struct Findings {
    pub references: BTreeMap<String, Vec<Reference>>,
    pub trees: BTreeMap<String, Tree>,
    /// Columns of bytes or text that hold times of changes.
    pub stamps: BTreeMap<String, Vec<String>>,
    /// Tables that couldn't be looked into, and why.
    pub unread: BTreeMap<String, String>,
}

/// Reads samples, asks what they make one ask, and says what follows.
pub async fn look(prod: &mut Session, test: &mut Session, tables: &Tables<'_>) -> Findings {
    let evidence = Evidence {
        prod: sample(prod, tables.prod, tables).await,
        test: sample(test, tables.test, tables).await,
    };
    let asked = Asked::of(tables, &evidence);
    let questions = asked.questions();
    let mut evidence = evidence;
    answer(prod, tables.prod, &mut evidence.prod, &questions).await;
    answer(test, tables.test, &mut evidence.test, &questions).await;
    let mut findings = asked.judge(&evidence);
    findings.stamps = stamps(tables, &evidence);
    findings.unread = evidence.test.unread;
    findings.unread.append(&mut evidence.prod.unread);
    findings
}

async fn sample(session: &mut Session, catalog: &Catalog, tables: &Tables<'_>) -> Side {
    let mut wanted: BTreeMap<&str, Vec<String>> = polymorphic::type_tables(tables);
    for table in tables.open() {
        let is_worth = |column: &&Column| worth_reading(table, column);
        let columns = table.columns.iter().filter(is_worth).map(|column| column.name.clone());
        wanted.insert(&table.name, columns.collect());
    }
    let mut side = Side::default();
    for (name, mut columns) in wanted {
        let Some(table) = catalog.table(name) else { continue };
        columns.retain(|column| table.column(column).is_some());
        match rows(session, table, &columns).await {
            Ok((rows, whole)) => {
                drop(side.samples.insert(name.to_owned(), Sample { columns, rows, whole }));
            }
            Err(error) => drop(side.unread.insert(name.to_owned(), error.to_string())),
        }
    }
    side
}

/// Rows from both ends of the key, and whether these are all.
async fn rows(
    session: &mut Session,
    table: &Table,
    columns: &[String],
) -> Result<(Vec<Row>, bool)> {
    let mut rows = session.sample(table, columns, End::First, SAMPLE_ROWS).await?;
    let whole = rows.len() < SAMPLE_ROWS;
    if !whole && !table.primary_key.is_empty() {
        rows.truncate(SAMPLE_ROWS / 2);
        rows.extend(session.sample(table, columns, End::Last, SAMPLE_ROWS / 2).await?);
    }
    Ok((rows, whole))
}

fn worth_reading(table: &Table, column: &Column) -> bool {
    if columns::secrets(table).contains(&column.name) {
        return false;
    }
    match column.kind {
        Kind::Integer | Kind::Uuid => true,
        Kind::Text | Kind::Bytes => {
            let is_telling =
                parts(&column.name).last().is_some_and(|last| TELLING.contains(&last.as_str()));
            declared_length(column).map_or(is_telling, |length| length <= SHORT)
        }
        _ => false,
    }
}

/// 40 of `character varying(40)`.
fn declared_length(column: &Column) -> Option<usize> {
    let (_, rest) = column.declared.split_once('(')?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

async fn answer(session: &mut Session, catalog: &Catalog, side: &mut Side, asked: &[Question]) {
    let mut left = LOOKUPS;
    for question in asked {
        let answer = match side.known(question) {
            Some(answer) => answer,
            None if left == 0 => continue,
            None => {
                left -= 1;
                match look_up(session, catalog, side.asked(question), question).await {
                    Ok(Some(answer)) => answer,
                    Ok(None) => continue,
                    Err(error) => {
                        side.unread.insert(question.to_table.clone(), error.to_string());
                        continue;
                    }
                }
            }
        };
        side.answers.insert(question.clone(), answer);
    }
}

async fn look_up(
    session: &mut Session,
    catalog: &Catalog,
    values: BTreeSet<Value>,
    question: &Question,
) -> Result<Option<Answer>> {
    let Some(table) = catalog.table(&question.to_table) else { return Ok(None) };
    let column = std::slice::from_ref(&question.to_column);
    if table.column(&question.to_column).is_none() {
        return Ok(None);
    }
    let wanted: Vec<Vec<Value>> = values.iter().map(|value| vec![value.clone()]).collect();
    let found = session.find(table, column, column, &wanted).await?;
    let there = found.into_iter().map(|(at, _)| wanted[at][0].clone()).collect();
    Ok(Some(Answer::of(&values, &there)))
}

/// Everything that is asked of a database.
struct Asked {
    guesses: Vec<references::Guess>,
    texts: Vec<texts::TextGuess>,
    trees: Vec<Question>,
    pairs: Vec<polymorphic::Pair>,
}

impl Asked {
    fn of(tables: &Tables<'_>, evidence: &Evidence) -> Self {
        let pairs = polymorphic::pairs(tables, evidence);
        let mut guesses = references::guesses(tables, evidence);
        // What a pair says needs no other guess.
        guesses.retain(|guess| {
            let of = &guess.question;
            !pairs.iter().any(|pair| {
                pair.table == of.table && (pair.id == of.column || pair.kind == of.column)
            })
        });
        let mut texts = texts::guesses(tables, evidence);
        let trees = trees::questions(tables, evidence);
        texts.retain(|guess| {
            !trees.iter().any(|of| of.table == guess.table && of.column == guess.column)
        });
        Self { guesses, texts, trees, pairs }
    }

    fn questions(&self) -> Vec<Question> {
        let (by_values, by_name): (Vec<_>, Vec<_>) =
            self.guesses.iter().partition(|guess| guess.hint == references::Hint::Values);
        let of_pairs = self.pairs.iter().flat_map(|pair| &pair.types);
        let of_pairs = of_pairs.flat_map(|it| it.questions.iter().flatten());
        let of_guesses = |guesses: Vec<&references::Guess>| {
            guesses.into_iter().map(|guess| guess.question.clone()).collect::<Vec<_>>()
        };
        let mut questions = of_guesses(by_name);
        questions.extend(of_pairs.cloned());
        questions.extend(self.trees.iter().cloned());
        questions.extend(self.texts.iter().flat_map(texts::TextGuess::questions));
        questions.extend(of_guesses(by_values));
        questions
    }

    fn judge(&self, evidence: &Evidence) -> Findings {
        let mut references = references::judge(&self.guesses, evidence);
        let others =
            [polymorphic::judge(&self.pairs, evidence), texts::judge(&self.texts, evidence)];
        for (table, mut found) in others.into_iter().flatten() {
            references.entry(table).or_default().append(&mut found);
        }
        let trees = trees::judge(&self.trees, evidence);
        Findings { references, trees, ..Findings::default() }
    }
}

/// Columns named after changes whose texts are times: `page_touched`, 20260131120000.
fn stamps(tables: &Tables<'_>, evidence: &Evidence) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in tables.open() {
        for column in tables.free_columns(table) {
            let is_text = matches!(column.kind, Kind::Text | Kind::Bytes);
            if is_text && columns::moves(&column.name) {
                let values =
                    evidence.values(&table.name, &column.name, &super::evidence::Part::Whole);
                let is_time = |value: &Value| {
                    super::evidence::text(value).is_some_and(|text| looks_like_time(&text))
                };
                if !values.is_empty() && values.iter().all(is_time) {
                    found.entry(table.name.clone()).or_default().push(column.name.clone());
                }
            }
        }
    }
    found
}

/// Fourteen digits, or a date written out.
fn looks_like_time(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || "-:. TZ+".contains(c));
    is_plain && digits >= 14 && (text.starts_with("19") || text.starts_with("20"))
}
