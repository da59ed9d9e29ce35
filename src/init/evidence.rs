//! What a sample of rows says about a guess.
//!
//! Answers for samples, for questions ("are the values of this column keys of that table?") and
//! their answers as plain values. Who reads them from a database is `look`; what to ask, and what
//! follows from an answer, is decided in `references`, `polymorphic` and `trees`.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::{Row, Value};

/// How many rows of a table are looked into, and how many values are looked up.
pub const SAMPLE_ROWS: usize = 1000;

/// What both databases said.
#[derive(Debug, Default)]
pub struct Evidence {
    pub prod: Side,
    pub test: Side,
}

/// What one database said.
#[derive(Debug, Default)]
pub struct Side {
    pub samples: BTreeMap<String, Sample>,
    pub answers: BTreeMap<Question, Answer>,
    /// Tables that couldn't be looked into, and why.
    pub unread: BTreeMap<String, String>,
}

/// Rows of one table, from both ends of its key.
#[derive(Debug, Default)]
pub struct Sample {
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
    /// These are all rows there are.
    pub whole: bool,
}

/// Whether values of one column stand in another table's column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    pub table: String,
    pub column: String,
    pub part: Part,
    pub to_table: String,
    pub to_column: String,
}

/// Which values of a column are meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Whole,
    /// Texts that are digits, as numbers.
    Digits,
    /// The same, of rows where another column has this value.
    When(String, Value),
    /// The digits behind this text.
    After(String),
    /// Every number in a text.
    Numbers,
    /// A path less its last step of so many characters.
    Above(usize),
}

/// How many values were looked up, and how many stood there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answer {
    pub asked: usize,
    pub found: usize,
    /// 0 is a value, and no key.
    pub zero: bool,
}

/// The answers of both sides together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub prod: Answer,
    pub test: Answer,
}

impl Question {
    pub fn whole(table: &str, column: &str, to: (&str, &str)) -> Self {
        Self::of(table, column, Part::Whole, to)
    }

    pub fn of(table: &str, column: &str, part: Part, (to_table, to_column): (&str, &str)) -> Self {
        Self {
            table: table.to_owned(),
            column: column.to_owned(),
            part,
            to_table: to_table.to_owned(),
            to_column: to_column.to_owned(),
        }
    }
}

impl Evidence {
    pub fn verdict(&self, question: &Question) -> Verdict {
        let of = |side: &Side| side.answers.get(question).copied().unwrap_or_default();
        Verdict { prod: of(&self.prod), test: of(&self.test) }
    }

    /// How many rows of a table are known, for telling small tables from large ones.
    pub fn rows(&self, table: &str) -> usize {
        let of = |side: &Side| side.samples.get(table).map_or(0, |sample| sample.rows.len());
        of(&self.prod) + of(&self.test)
    }

    /// The values of a column on both sides.
    pub fn values(&self, table: &str, column: &str, part: &Part) -> BTreeSet<Value> {
        let of = |side: &Side| {
            side.samples.get(table).map(|sample| sample.values(column, part)).unwrap_or_default()
        };
        of(&self.prod).into_iter().chain(of(&self.test)).collect()
    }
}

impl Side {
    /// The values to look up, and whether 0 is one of them: it often means "none".
    pub fn asked(&self, question: &Question) -> BTreeSet<Value> {
        let sample = self.samples.get(&question.table);
        sample.map(|it| it.values(&question.column, &question.part)).unwrap_or_default()
    }

    /// The answer without asking the database, where all rows of the table are known.
    pub fn known(&self, question: &Question) -> Option<Answer> {
        let sample = self.samples.get(&question.to_table).filter(|sample| sample.whole)?;
        sample.place(&question.to_column)?;
        let there = sample.values(&question.to_column, &Part::Whole);
        Some(Answer::of(&self.asked(question), &there))
    }
}

impl Answer {
    pub fn of(asked: &BTreeSet<Value>, there: &BTreeSet<Value>) -> Self {
        let zero = Value::Integer(0);
        let zero = asked.contains(&zero) && !there.contains(&zero);
        Self {
            asked: asked.len() - usize::from(zero),
            found: asked.intersection(there).count(),
            zero,
        }
    }
}

impl Verdict {
    /// Values were found, and none that wasn't.
    pub fn all_found(self) -> bool {
        let [prod, test] = [self.prod, self.test];
        prod.found + test.found > 0 && prod.found == prod.asked && test.found == test.asked
    }

    pub fn asked(self) -> usize {
        self.prod.asked.max(self.test.asked)
    }

    pub fn zero(self) -> bool {
        self.prod.zero || self.test.zero
    }

    /// The counts in words: `PROD 12 of 12, TEST 14 of 14`.
    pub fn counts(self) -> String {
        let side = |name: &str, answer: Answer| match answer.asked {
            0 => format!("{name} has none"),
            asked => format!("{name} {} of {asked}", answer.found),
        };
        format!("{}, {}", side("PROD", self.prod), side("TEST", self.test))
    }
}

impl Sample {
    fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// The different values of a column, without NULL and empty text.
    pub fn values(&self, column: &str, part: &Part) -> BTreeSet<Value> {
        let Some(place) = self.place(column) else { return BTreeSet::new() };
        let rows = self.rows.iter().filter(|row| match part {
            Part::When(other, value) => self.place(other).is_some_and(|at| row[at] == *value),
            _ => true,
        });
        let mut values = BTreeSet::new();
        for value in rows.map(|row| &row[place]).filter(|value| !value.is_empty()) {
            part.take(value, &mut values);
        }
        values
    }

    /// Whole rows of a few columns.
    pub fn rows_of<'a>(
        &'a self,
        columns: &'a [String],
    ) -> Option<impl Iterator<Item = Vec<&'a Value>> + 'a> {
        let places = columns.iter().map(|name| self.place(name)).collect::<Option<Vec<_>>>()?;
        Some(self.rows.iter().map(move |row| places.iter().map(|at| &row[*at]).collect()))
    }
}

impl Part {
    fn take(&self, value: &Value, into: &mut BTreeSet<Value>) {
        match self {
            Self::Whole => drop(into.insert(value.clone())),
            Self::Digits | Self::When(..) => {
                let number = text(value).as_deref().and_then(number);
                into.insert(number.unwrap_or_else(|| value.clone()));
            }
            Self::After(prefix) => {
                let text = text(value).unwrap_or_default();
                into.extend(text.strip_prefix(prefix.as_str()).and_then(number));
            }
            Self::Numbers => {
                let text = text(value).unwrap_or_default();
                into.extend(text.split(|c: char| !c.is_ascii_digit()).filter_map(number));
            }
            Self::Above(step) => {
                let text = text(value).unwrap_or_default();
                let above = text.len().checked_sub(*step).filter(|length| *length > 0);
                let above = above.and_then(|length| text.get(..length));
                into.extend(above.map(|path| Value::Text(path.into())));
            }
        }
    }
}

/// Digits as the number they spell, unless they spell it oddly (`007`).
fn number(digits: &str) -> Option<Value> {
    let number: i64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(Value::Integer(number))
}

/// A value as text; of bytes those that are text.
pub fn text(value: &Value) -> Option<String> {
    value.characters().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[Value]) -> Sample {
        let rows = values.iter().map(|value| vec![value.clone()]).collect();
        Sample { columns: vec!["c".into()], rows, whole: true }
    }

    #[test]
    fn zero_that_is_no_key_is_counted_apart() {
        let asked = [0, 1, 2].map(Value::Integer).into();
        let answer = Answer::of(&asked, &[1, 2, 3].map(Value::Integer).into());
        assert_eq!(answer, Answer { asked: 2, found: 2, zero: true });
        let answer = Answer::of(&asked, &[0, 1].map(Value::Integer).into());
        assert_eq!(answer, Answer { asked: 3, found: 2, zero: false });
    }

    #[test]
    fn nothing_found_on_either_side_is_not_all() {
        let none = Answer::default();
        assert!(!Verdict { prod: none, test: none }.all_found());
        let two = Answer { asked: 2, found: 2, zero: false };
        let one_short = Answer { asked: 2, found: 1, zero: false };
        assert!(Verdict { prod: two, test: none }.all_found());
        assert!(!Verdict { prod: two, test: one_short }.all_found());
    }

    #[test]
    fn ids_are_found_in_text_and_in_bytes_that_are_text() {
        let rows = sample(&[Value::Text("tt:12".into()), Value::Bytes("74743a37".into())]);
        let found = rows.values("c", &Part::After("tt:".into()));
        assert_eq!(found, [7, 12].map(Value::Integer).into());
        let rows = sample(&[Value::Text("1/20/007".into())]);
        assert_eq!(rows.values("c", &Part::Numbers), [1, 20].map(Value::Integer).into());
    }

    #[test]
    fn the_path_above_is_the_path_less_a_step() {
        let rows = sample(&["0001", "00010002", "ü"].map(|text| Value::Text(text.into())));
        let above = rows.values("c", &Part::Above(4));
        assert_eq!(above, [Value::Text("0001".into())].into());
    }
}
