//! IDs inside text: `tt:123`, `cms.page:7`, `1/20/300`.
//!
//! Answers for columns whose every value is made of a fixed text and a number, or of numbers and a
//! separator. Free text is left to people: nobody can tell a number in it from an ID.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, Part, Question, text};
use super::names::{Meaning, label_names, tables_named};
use super::references::{Certainty, Choice, Reference, Tables, key_of};
use crate::catalog::{Column, Kind, Table};
use crate::manifest::words::parts;

const FEWEST: usize = 3;
/// A column with more beginnings than that holds free text.
const MOST_PREFIXES: usize = 20;
/// Of more tables that would fit alike, the first few are named.
const NAMED: usize = 4;
const ABOVE: [&str; 5] = ["path", "ancestors", "lineage", "breadcrumb", "tree"];

/// Numbers in a text column, and the tables they could be keys of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextGuess {
    pub table: String,
    pub column: String,
    pub part: Part,
    pub to: Vec<(String, String)>,
    /// The text says which table is meant.
    pub is_named: bool,
}

impl TextGuess {
    pub fn questions(&self) -> impl Iterator<Item = Question> {
        self.to.iter().map(|(table, column)| {
            Question::of(&self.table, &self.column, self.part.clone(), (table, column))
        })
    }
}

pub fn guesses(tables: &Tables<'_>, evidence: &Evidence) -> Vec<TextGuess> {
    let mut guesses = Vec::new();
    for table in tables.open() {
        let free = tables.free_columns(table);
        for column in free.filter(|it| matches!(it.kind, Kind::Text | Kind::Bytes)) {
            let values = evidence.values(&table.name, &column.name, &Part::Whole);
            let texts: Vec<String> = values.iter().filter_map(text).collect();
            if texts.len() < FEWEST || texts.len() < values.len() {
                continue;
            }
            match prefixes(&texts) {
                Some(prefixes) => guesses.extend(
                    prefixes.iter().filter_map(|prefix| behind(tables, table, column, prefix)),
                ),
                None => guesses.extend(listed(tables, table, column, &texts)),
            }
        }
    }
    guesses
}

/// What stands before the number in every value: `tt:` of `tt:123`.
fn prefixes(texts: &[String]) -> Option<BTreeSet<&str>> {
    let mut prefixes = BTreeSet::new();
    for text in texts {
        let prefix = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let ends_well = prefix.ends_with([':', '/', '=', '#', '-', '.', '_', '|']);
        let has_letter = prefix.contains(|c: char| c.is_alphabetic());
        if prefix.len() == text.len() || !ends_well || !has_letter {
            return None;
        }
        prefixes.insert(prefix);
    }
    (prefixes.len() <= MOST_PREFIXES).then_some(prefixes)
}

/// `AB-12` that is unique is more likely a name that people gave than the number of another row.
fn is_name(table: &Table, column: &Column) -> bool {
    table.unique_keys.iter().any(|key| key.columns == [&*column.name])
        || table.primary_key == [&*column.name]
}

fn behind(tables: &Tables<'_>, table: &Table, column: &Column, prefix: &str) -> Option<TextGuess> {
    let label = prefix.trim_end_matches(|c: char| !c.is_alphanumeric());
    let owned = |(table, key): (&str, &str)| (table.to_owned(), key.to_owned());
    let named: Vec<_> =
        tables.numbered().filter(|(name, _)| label_names(label, name)).map(owned).collect();
    let is_named = !named.is_empty();
    (is_named || !is_name(table, column)).then(|| TextGuess {
        table: table.name.clone(),
        column: column.name.clone(),
        part: Part::After(prefix.to_owned()),
        to: if is_named { named } else { tables.numbered().map(owned).collect() },
        is_named,
    })
}

/// `1/20/300`: the IDs of the rows above, or a list of another table's.
fn listed(
    tables: &Tables<'_>,
    table: &Table,
    column: &Column,
    texts: &[String],
) -> Option<TextGuess> {
    let is_separator = |c: char| "/,.|;".contains(c);
    let is_list = |text: &String| {
        text.contains(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_digit() || is_separator(c))
    };
    let has_several =
        |text: &String| text.split(is_separator).filter(|it| !it.is_empty()).count() > 1;
    if !texts.iter().all(is_list) || !texts.iter().any(has_several) {
        return None;
    }
    let words = parts(&column.name);
    let singular = column.name.strip_suffix('s').filter(|name| name.ends_with("id"));
    let to = if words.iter().any(|word| ABOVE.contains(&word.as_str())) {
        vec![table.name.as_str()]
    } else {
        tables_named(tables.prod, table, singular?)
    };
    let key = |name: &str| Some((name.to_owned(), key_of(tables.prod.table(name)?)?.name.clone()));
    Some(TextGuess {
        table: table.name.clone(),
        column: column.name.clone(),
        part: Part::Numbers,
        to: to.into_iter().filter_map(key).collect(),
        is_named: Meaning::of(table, &column.name).words != ["path"] || words.len() == 1,
    })
}

/// What the answers make of them, by table.
pub fn judge(guesses: &[TextGuess], evidence: &Evidence) -> BTreeMap<String, Vec<Reference>> {
    let mut found: BTreeMap<String, Vec<Reference>> = BTreeMap::new();
    for guess in guesses {
        let mut fitting: Vec<Question> =
            guess.questions().filter(|it| evidence.verdict(it).all_found()).collect();
        // Rows seldom spell out their own number.
        fitting.sort_by_key(|it| (it.to_table == guess.table, evidence.rows(&it.to_table)));
        let Some(first) = fitting.first() else { continue };
        let counts = evidence.verdict(first).counts();
        let names: Vec<_> = fitting.iter().map(|it| it.to_table.as_str()).collect();
        let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = if names.len() > NAMED { " and others" } else { "" };
        let (certainty, why) = match names.len() {
            1 if guess.is_named => {
                (Certainty::Sure, format!("its numbers are keys of {shown}: {counts}"))
            }
            1 => (Certainty::Guess, format!("its numbers are keys of {shown} alone: {counts}")),
            _ => (Certainty::Guess, format!("its numbers are keys of {shown}{more} alike")),
        };
        let table = first.to_table.clone();
        found.entry(guess.table.clone()).or_default().push(Reference {
            key: format!("{}~{}", guess.column, pattern(&guess.part)),
            column: guess.column.clone(),
            choices: vec![Choice { table, none: None, when: None, certainty, why }],
        });
    }
    found
}

fn pattern(part: &Part) -> String {
    let Part::After(prefix) = part else { return r"(\d+)".to_owned() };
    let escaped = prefix.chars().map(|c| match c {
        '.' | '|' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' | '\\' => {
            format!("\\{c}")
        }
        c => c.to_string(),
    });
    format!(r"^{}(\d+)$", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn only_a_fixed_text_and_a_number_are_taken_for_an_id() {
        let addresses = owned(&["tt:1", "tt:22", "es:7"]);
        assert_eq!(prefixes(&addresses), Some(["es:", "tt:"].into()));
        assert_eq!(prefixes(&owned(&["tt:1", "Room 12"])), None);
        assert_eq!(prefixes(&owned(&["tt:1", "tt:"])), None);
        assert_eq!(prefixes(&owned(&["2024-01-02", "2024-01-03"])), None);
        assert_eq!(prefixes(&owned(&["a1", "a2"])), None);
    }

    #[test]
    fn a_prefix_is_taken_literally() {
        assert_eq!(pattern(&Part::After("cms.page:".into())), r"^cms\.page:(\d+)$");
        assert_eq!(pattern(&Part::Numbers), r"(\d+)");
    }
}
