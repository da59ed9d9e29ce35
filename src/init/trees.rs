//! Materialized paths: columns in which each step takes the same number of characters and the path
//! of a row begins with its parent's.

use std::collections::BTreeMap;

use super::evidence::{Evidence, Part, Question, text};
use super::references::{Certainty, Tables};
use crate::catalog::Kind;

/// No known application uses longer steps.
const LONGEST_STEP: usize = 16;

/// A path column, and whether its values are paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    pub path: String,
    pub step: usize,
    pub certainty: Certainty,
    pub why: String,
}

/// What is to be asked: whether the path above each path stands there.
pub fn questions(tables: &Tables<'_>, evidence: &Evidence) -> Vec<Question> {
    let mut questions = Vec::new();
    for table in tables.open() {
        for column in tables.free_columns(table).filter(|column| column.kind == Kind::Text) {
            let is_unique =
                table.unique_keys.iter().any(|key| !key.partial && key.columns == [&*column.name]);
            let values = evidence.values(&table.name, &column.name, &Part::Whole);
            let texts: Option<Vec<String>> = values.iter().map(text).collect();
            if let Some(step) = texts.filter(|_| is_unique).and_then(|texts| step(&texts)) {
                let to = (table.name.as_str(), column.name.as_str());
                questions.push(Question::of(&table.name, &column.name, Part::Above(step), to));
            }
        }
    }
    questions
}

/// How many characters a step takes, where all paths are whole numbers of steps and some are deeper
/// than others.
fn step(paths: &[String]) -> Option<usize> {
    let is_plain = |path: &String| path.chars().all(|c| c.is_ascii_alphanumeric());
    let step = paths.iter().map(String::len).min()?;
    let deepest = paths.iter().map(String::len).max()?;
    let is_whole = paths.iter().all(|path| is_plain(path) && path.len() % step == 0);
    (is_whole && (2..=LONGEST_STEP).contains(&step) && deepest > step).then_some(step)
}

/// What the answers make of them, by table.
pub fn judge(questions: &[Question], evidence: &Evidence) -> BTreeMap<String, Tree> {
    let mut found = BTreeMap::new();
    for question in questions {
        let Part::Above(step) = question.part else { continue };
        let verdict = evidence.verdict(question);
        let counts = verdict.counts();
        let missing =
            verdict.prod.asked + verdict.test.asked - verdict.prod.found - verdict.test.found;
        let (certainty, why) = match missing {
            0 => (Certainty::Sure, format!("each path less its last step is a row's: {counts}")),
            _ if missing * 4 > verdict.prod.asked + verdict.test.asked => continue,
            _ => (Certainty::Guess, format!("looks like a path, but some parents miss: {counts}")),
        };
        let tree = Tree { path: question.column.clone(), step, certainty, why };
        found.entry(question.table.clone()).or_insert(tree);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step_of(paths: &[&str]) -> Option<usize> {
        step(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn steps_are_as_long_as_the_shortest_path() {
        assert_eq!(step_of(&["0001", "00010001", "0002000A0001"]), Some(4));
        assert_eq!(step_of(&["0001", "0002"]), None, "nothing lies below anything");
        assert_eq!(step_of(&["0001", "00011"]), None);
        assert_eq!(step_of(&["ab/c", "ab/cab/d"]), None);
        assert_eq!(step_of(&["a", "aa"]), None, "any short text would do");
        assert_eq!(step_of(&[]), None);
    }
}
