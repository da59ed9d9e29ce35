//! Whether bytes of a column may name one of some IDs: pure.
//!
//! Answers for never missing one, whatever way an ID may be written there; what passes is looked at
//! closely by `spots`. So a table of which few rows matter is read without making values of the others.

use std::collections::HashSet;

use regex::bytes::{Regex, RegexBuilder};

use super::spots::Within;
use super::tree::above;
use crate::database::Value;

/// More of them aren't searched for at once.
const MOST_SEARCHED: usize = 1_000;

/// What is looked for in which columns.
#[derive(Debug, Default)]
pub struct Mentions<'m> {
    asked: Vec<(usize, &'m Within, Option<Ids>)>,
}

/// IDs as they may be written.
#[derive(Debug)]
struct Ids {
    /// Digits of numbers without sign and leading zeros, texts in lower case.
    forms: HashSet<String>,
    only_numbers: bool,
    /// Finds each anywhere; `None` where there are too many.
    anywhere: Option<Regex>,
}

impl<'m> Mentions<'m> {
    /// Looks for values of one part each in the column at a place.
    pub fn add<'v>(
        &mut self,
        at: usize,
        within: &'m Within,
        values: impl IntoIterator<Item = &'v Vec<Value>>,
    ) {
        self.asked.push((at, within, Ids::of(values)));
    }

    /// The places of the columns that are asked.
    pub fn columns(&self) -> Vec<usize> {
        self.asked.iter().map(|(at, ..)| *at).collect()
    }

    /// Whether one may stand in a row that was read.
    pub fn may_stand_in_row(&self, row: &[Value]) -> bool {
        self.asked.iter().any(|(at, ..)| match &row[*at] {
            Value::Null => false,
            Value::Text(text) | Value::Json(text) => self.may_stand_in(*at, text.as_bytes()),
            _ => true,
        })
    }

    pub fn may_stand_in(&self, at: usize, bytes: &[u8]) -> bool {
        let mut asked = self.asked.iter().filter(|(column, ..)| *column == at);
        asked.any(|(_, within, ids)| ids.as_ref().is_none_or(|ids| ids.may_be_in(within, bytes)))
    }
}

impl Ids {
    /// `None` where a value may be written in ways that aren't known here.
    fn of<'v>(values: impl IntoIterator<Item = &'v Vec<Value>>) -> Option<Self> {
        let (mut forms, mut only_numbers) = (HashSet::new(), true);
        for value in values {
            match value.as_slice() {
                [Value::Text(text) | Value::Other(text)] => {
                    only_numbers = false;
                    forms.insert(text.to_ascii_lowercase());
                }
                [number @ (Value::Integer(_) | Value::Decimal(_))] => {
                    let text = number.display();
                    let whole = text.split_once('.').map_or(Some(&*text), |(whole, fraction)| {
                        fraction.bytes().all(|digit| digit == b'0').then_some(whole)
                    });
                    forms.insert(digits(whole?)?.to_owned());
                }
                _ => return None,
            }
        }
        let anywhere = (forms.len() <= MOST_SEARCHED).then(|| anywhere(&forms, only_numbers));
        Some(Self { forms, only_numbers, anywhere: anywhere.flatten() })
    }

    fn may_be_in(&self, within: &Within, bytes: &[u8]) -> bool {
        let text = || std::str::from_utf8(bytes);
        match within {
            Within::Whole => true,
            Within::Parent { step } => {
                text().map_or(true, |path| above(path, *step).is_some_and(|it| self.has(it)))
            }
            Within::Path(_) => self.may_be_node(bytes),
            Within::Pattern(pattern) => text().map_or(true, |text| {
                let mut groups = pattern.captures_iter(text).filter_map(|found| found.get(1));
                groups.any(|group| self.has(group.as_str()))
                    || text.trim_start().starts_with(['{', '[', '"']) && self.is_anywhere(bytes)
            }),
        }
    }

    /// A text that is an ID as a whole.
    fn has(&self, text: &str) -> bool {
        digits(text).is_some_and(|digits| self.forms.contains(digits))
            || !self.only_numbers && self.forms.contains(&text.to_ascii_lowercase())
    }

    /// A whole number or string in JSON: its digits stand by themselves, unless they are escaped.
    fn may_be_node(&self, json: &[u8]) -> bool {
        if !self.only_numbers || json.contains(&b'\\') {
            return self.is_anywhere(json);
        }
        let mut runs = json.split(|byte| !byte.is_ascii_digit()).filter(|run| !run.is_empty());
        runs.any(|run| {
            let run = std::str::from_utf8(run).ok().and_then(digits);
            run.is_none_or(|run| self.forms.contains(run))
        })
    }

    /// Anywhere in a text, which may be JSON with escapes.
    fn is_anywhere(&self, text: &[u8]) -> bool {
        let escaped = match self.only_numbers {
            true => text.windows(2).any(|pair| pair == b"\\u"),
            false => text.contains(&b'\\'),
        };
        escaped || self.anywhere.as_ref().is_none_or(|anywhere| anywhere.is_match(text))
    }
}

fn anywhere(forms: &HashSet<String>, only_numbers: bool) -> Option<Regex> {
    // Without leading zeros, nothing is left of zero.
    let forms: Vec<String> = forms
        .iter()
        .map(|form| if form.is_empty() { "0".to_owned() } else { regex::escape(form) })
        .collect();
    RegexBuilder::new(&forms.join("|")).case_insensitive(!only_numbers).build().ok()
}

/// The digits of a whole number, without sign and leading zeros.
fn digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    whole.then(|| digits.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json_path::JsonPath;

    use super::*;
    use crate::catalog::Kind;
    use crate::compare::spots::{as_kind, inside};
    use crate::manifest::reference::one_group;

    fn path(path: &str) -> Within {
        Within::Path(JsonPath::parse(path).unwrap())
    }

    fn pattern(pattern: &str) -> Within {
        Within::Pattern(one_group(pattern).unwrap())
    }

    fn may(within: &Within, ids: &[Value], text: &str) -> bool {
        let ids: Vec<Vec<Value>> = ids.iter().map(|id| vec![id.clone()]).collect();
        let mut mentions = Mentions::default();
        mentions.add(3, within, &ids);
        assert!(!mentions.may_stand_in(2, text.as_bytes()), "another column");
        mentions.may_stand_in(3, text.as_bytes())
    }

    fn integers(ids: &[i64]) -> Vec<Value> {
        ids.iter().copied().map(Value::Integer).collect()
    }

    #[test]
    fn an_id_in_json_is_never_missed_however_it_is_written() {
        let ids = integers(&[12, -7, 0]);
        let all = path("$[*]");
        for text in ["[12]", "[ \"12\" ]", "[\"0012\"]", "[-7]", "[\"-007\"]", "[0]", "[\"000\"]"] {
            assert!(may(&all, &ids, text), "{text}");
        }
        for text in [r#"["\u0031\u0032"]"#, r#"["1\u0032"]"#, r#"["\u002D7"]"#] {
            assert!(may(&all, &ids, text), "{text}");
        }
        for text in ["[123]", "[112]", r#"["a\"b", 13]"#, "[70]", "[]", "[\"1 2\"]"] {
            assert!(!may(&all, &integers(&[12, 7]), text), "{text}");
        }
    }

    #[test]
    fn an_id_in_a_text_is_never_missed() {
        let cut = pattern(r"x(\d\d)");
        assert!(may(&cut, &integers(&[12]), "x1234"), "a pattern may cut a number");
        assert!(!may(&cut, &integers(&[34]), "x1234"));
        let free = pattern(r"media/(-?\d+)");
        assert!(may(&free, &integers(&[12]), "é media/5, media/0012"));
        assert!(may(&free, &integers(&[-12]), "media/-12"));
        assert!(!may(&free, &integers(&[12]), "media/123 12"));
        assert!(may(&free, &integers(&[12]), r#"{"a": "media\u002f1\u0032"}"#));
        assert!(may(&free, &integers(&[12]), r#"["x", "media/12"]"#));
    }

    #[test]
    fn keys_that_are_text_are_never_missed() {
        let keys = [Value::Text("Größe/\"M\"".into()), Value::Other("ab-0c".into())];
        let all = path("$[*]");
        for text in [r#"["Größe/\"M\""]"#, r#"["Gr\u00f6\u00dfe\/\"M\""]"#, r#"["AB-0C"]"#] {
            assert!(may(&all, &keys, text), "{text}");
        }
        assert!(!may(&all, &keys, r#"["Groesse"]"#));
        assert!(may(&all, &[Value::Text("12".into())], "[12]"), "digits are a text, too");
        assert!(may(&pattern("key=([^;]+);"), &keys, "key=AB-0c;"));
        assert!(!may(&pattern("key=([^;]+);"), &keys, "key=AB-0cd;"));
        let parent = Within::Parent { step: 4 };
        assert!(may(&parent, &[Value::Text("0001".into())], "00010002"));
        assert!(!may(&parent, &[Value::Text("0001".into())], "00020001"));
    }

    #[test]
    fn decimals_are_known_by_their_value() {
        let ids = [Value::Decimal("12.00".into()), Value::Decimal("99999999999999999999".into())];
        let all = path("$[*]");
        assert!(may(&all, &ids, "[12]"));
        assert!(may(&all, &ids, "[\"99999999999999999999\"]"));
        assert!(!may(&all, &ids, "[13]"));
        let odd = [Value::Decimal("1.5".into())];
        assert!(may(&all, &odd, "[13]"), "of what isn't known everything passes");
    }

    /// Whatever `spots` would find passes.
    #[test]
    fn what_is_found_passes() {
        let texts = [
            r#"{"a": 12, "b": ["12", "x12y", 12.0, 1.2e1, -12, "012"]}"#,
            r#"{"a": "\u0031\u0032", "b": ["m12;", "m\u00312;"]}"#,
            "m12; m012; m-12; m120;",
            "\"m12;\"",
            " [\"m12;\", 12]",
        ];
        let withins =
            [path("$.a"), path("$.b[*]"), path("$[*]"), pattern(r"m(-?\d+);"), pattern("(1)2")];
        let mut found: BTreeMap<bool, usize> = BTreeMap::new();
        for (text, within) in texts.iter().flat_map(|text| withins.iter().map(move |it| (text, it)))
        {
            let json = serde_json::from_str::<serde_json::Value>(text).is_ok();
            let value = if json { Value::Json } else { Value::Text }((*text).into());
            for id in [12, -12, 1, 120] {
                let ids = inside(within, &value).into_iter();
                let mut ids = ids.filter_map(|(.., held)| as_kind(&held, Kind::Integer));
                let stands = ids.any(|held| held == Value::Integer(id));
                assert!(
                    !stands || may(within, &integers(&[id]), text),
                    "{id} in {text}: {within:?}"
                );
                *found.entry(stands).or_default() += 1;
            }
        }
        assert!(found[&true] >= 12, "{found:?}");
    }
}
