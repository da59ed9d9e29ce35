//! Paths of a tree: which path a record's row gets on the target.
//!
//! Answers for a row being placed below its parent as the parent will stand once the plan is carried
//! out, so that a whole subtree moves in one run, and for a row giving way where another record that
//! this plan doesn't move holds its path.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Error;
use super::draft::{Draft, Link};
use super::matching::Matcher;
use super::model::{MatchingId, PairedBy, Side, Tree};
use super::sides::pick;
use super::wanted::Cell;
use crate::database::{Row, Value};
use crate::manifest::filter::passes;

/// What a row of the source becomes on the target, as far as paths go.
#[derive(Debug, Clone)]
struct Led {
    key: Vec<Value>,
    /// `None`: the row isn't brought, or a run draws its path.
    path: Option<String>,
    /// The path isn't the one that it would have, since that is held by another record.
    gives_way: bool,
    /// The plan gives its row this path.
    by_plan: bool,
}

/// Leads the paths of drafts below their parents' paths to be.
pub async fn lead(matcher: &mut Matcher<'_>, drafts: &mut [Draft]) -> Result<(), Error> {
    if matcher.model.paired_by == PairedBy::Key {
        return Ok(());
    }
    let mut by_root: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        if draft.source.is_some() && matcher.model.nodes[draft.root].tree.is_some() {
            by_root.entry(draft.root).or_default().push(at);
        }
    }
    for (root, places) in by_root {
        let node = &matcher.model.nodes[root];
        let Some(tree) = &node.tree else { continue };
        let reference = &node.references[tree.reference];
        let path_of = |at: &usize| path_of(&drafts[*at], tree);
        let paths: BTreeSet<String> = places.iter().filter_map(path_of).collect();
        let leading =
            Leading { tree, matching: reference.matching, by: reference.to_columns.clone() };
        let led = leading.all(matcher, paths).await?;
        for at in places {
            place(&mut drafts[at], tree, &led);
        }
    }
    Ok(())
}

fn path_of(draft: &Draft, tree: &Tree) -> Option<String> {
    tree.of(draft.source.as_ref()?.root()).map(str::to_owned)
}

fn place(draft: &mut Draft, tree: &Tree, led: &HashMap<String, Led>) {
    let Some(path) = path_of(draft, tree) else { return };
    let above = above(&path, tree.step).and_then(|above| led.get(above));
    for linked in draft.links.iter_mut() {
        if linked.row == 0
            && linked.reference == tree.reference
            && let (Link::Row { there, .. }, Some(above)) = (&mut linked.link, above)
        {
            *there = above.path.clone().map(|path| vec![Value::Text(path.into())]);
        }
    }
    draft.led_by = above.filter(|above| above.by_plan).map(|above| above.key.clone());
    if let Some(own) = led.get(&path).filter(|own| own.gives_way) {
        draft.gives_way = Some(match &own.path {
            Some(path) => Cell::Value(Value::Text(path.as_str().into())),
            None => Cell::Open(Value::Text(path.into())),
        });
    }
}

/// The path of the row above; `None` for a row without one.
pub fn above(path: &str, step: usize) -> Option<&str> {
    let end = path.char_indices().rev().nth(step.saturating_sub(1)).map_or(0, |(at, _)| at);
    (end > 0).then(|| &path[..end])
}

struct Leading<'a> {
    tree: &'a Tree,
    matching: MatchingId,
    /// The path column, as references name it.
    by: Vec<String>,
}

impl Leading<'_> {
    /// Leads some paths of the source and all above them, those nearest the root first.
    async fn all(
        &self,
        matcher: &mut Matcher<'_>,
        paths: BTreeSet<String>,
    ) -> Result<HashMap<String, Led>, Error> {
        let mut by_length: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for path in paths {
            let mut left = Some(path.as_str());
            while let Some(path) = left {
                by_length.entry(path.len()).or_default().insert(path.to_owned());
                left = above(path, self.tree.step);
            }
        }
        let mut led = HashMap::new();
        for level in by_length.into_values() {
            let level: Vec<Vec<Value>> =
                level.into_iter().map(|path| vec![Value::Text(path.into())]).collect();
            self.level(matcher, &level, &mut led).await?;
        }
        Ok(led)
    }

    async fn level(
        &self,
        matcher: &mut Matcher<'_>,
        level: &[Vec<Value>],
        led: &mut HashMap<String, Led>,
    ) -> Result<(), Error> {
        let rows = matcher.rows(Side::Source, self.matching, &self.by, level).await?;
        let there = matcher.counterparts(Side::Source, self.matching, &self.by, level).await?;
        let mut open = Vec::new();
        for ((path, row), there) in level.iter().zip(rows).zip(there) {
            let (Value::Text(path), Some(row)) = (&path[0], row) else { continue };
            let there = there.flatten();
            let key = pick(&row, &matcher.model.matchings[self.matching].key);
            if !self.is_led(matcher, &row, there.is_some()) {
                let path_there = there.and_then(|row| self.path(matcher, &row));
                let own = Led { key, path: path_there, gives_way: false, by_plan: false };
                led.insert(path.to_string(), own);
                continue;
            }
            if let Some(wanted) = candidate(path, self.tree.step, led) {
                open.push((path.clone(), key, wanted, there));
            } else {
                // The row above gets its path when the run draws it.
                let own = Led { key, path: None, gives_way: false, by_plan: true };
                led.insert(path.to_string(), own);
            }
        }
        let wanted: Vec<Vec<Value>> = open
            .iter()
            .map(|(_, _, wanted, _)| vec![Value::Text(wanted.as_str().into())])
            .collect();
        let holders = matcher.rows(Side::Target, self.matching, &self.by, &wanted).await?;
        let of_source =
            matcher.counterparts(Side::Target, self.matching, &self.by, &wanted).await?;
        for (index, (path, key, wanted, there)) in open.into_iter().enumerate() {
            let keys = &matcher.model.matchings[self.matching].key;
            let own = there.as_ref().map(|row| pick(row, keys));
            let is_held = holders[index].as_ref().is_some_and(|it| Some(pick(it, keys)) != own);
            let is_let_go = of_source[index]
                .as_ref()
                .and_then(Option::as_ref)
                .is_some_and(|row| self.is_led(matcher, row, true));
            let path_there = there.as_ref().and_then(|row| self.path(matcher, row));
            let led_to = if is_held && !is_let_go {
                let stays = |there: &String| {
                    above(there, self.tree.step) == above(&wanted, self.tree.step)
                        && there.len() == wanted.len()
                };
                path_there.clone().filter(stays)
            } else {
                Some(wanted.clone())
            };
            let by_plan = path_there.is_none() || path_there != led_to;
            let gives_way = led_to.as_ref() != Some(&wanted);
            led.insert(path.to_string(), Led { key, path: led_to, gives_way, by_plan });
        }
        Ok(())
    }

    /// Whether the plan may give the row of the source its path on the target.
    fn is_led(&self, matcher: &Matcher<'_>, row: &Row, is_there: bool) -> bool {
        let matching = &matcher.model.matchings[self.matching];
        let nodes = matcher.model.roots.iter().map(|root| &matcher.model.nodes[*root]);
        let mut roots = nodes.filter(|node| node.table == matching.table);
        (matcher.moves || !is_there)
            && roots.any(|node| {
                passes(&node.filter, |name| matching.position(name).map(|index| &row[index]))
            })
    }

    fn path(&self, matcher: &Matcher<'_>, row: &Row) -> Option<String> {
        let matching = &matcher.model.matchings[self.matching];
        match matching.position(&self.by[0]).map(|index| &row[index]) {
            Some(Value::Text(path)) => Some(path.to_string()),
            _ => None,
        }
    }
}

/// The path below the row above, as that will stand. A row whose path names no row above keeps it.
fn candidate(path: &str, step: usize, led: &HashMap<String, Led>) -> Option<String> {
    match above(path, step).and_then(|above| Some((above, led.get(above)?))) {
        Some((above, leader)) => {
            leader.path.as_ref().map(|leader| format!("{leader}{}", &path[above.len()..]))
        }
        None => Some(path.to_owned()),
    }
}

/// The step after a given one; `None` where there is none any more.
pub fn next_step(tree: &Tree, last: Option<&str>) -> Option<String> {
    let zero = *tree.alphabet.first()?;
    let mut digits: Vec<char> = match last {
        Some(last) => last.chars().collect(),
        None => vec![zero; tree.step],
    };
    for digit in digits.iter_mut().rev() {
        let value = tree.alphabet.iter().position(|known| known == digit)?;
        if let Some(next) = tree.alphabet.get(value + 1) {
            *digit = *next;
            return Some(digits.into_iter().collect());
        }
        *digit = zero;
    }
    None
}

/// Whether every character of a step is a digit of the tree, and what the step comes to.
pub fn rank(tree: &Tree, step: &str) -> Option<Vec<usize>> {
    step.chars().map(|digit| tree.alphabet.iter().position(|known| *known == digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(alphabet: &str) -> Tree {
        Tree { path: 0, step: 2, alphabet: alphabet.chars().collect(), reference: 0 }
    }

    #[test]
    fn a_step_counts_in_the_trees_own_digits() {
        assert_eq!(next_step(&tree("0123456789"), Some("09")).as_deref(), Some("10"));
        assert_eq!(next_step(&tree("0123456789AB"), Some("09")).as_deref(), Some("0A"));
        assert_eq!(next_step(&tree("01"), None).as_deref(), Some("01"));
        assert_eq!(next_step(&tree("01"), Some("11")), None);
        assert_eq!(next_step(&tree("01"), Some("0x")), None);
    }

    #[test]
    fn the_row_above_has_a_step_less() {
        assert_eq!(above("000100020003", 4), Some("00010002"));
        assert_eq!(above("0001", 4), None);
        assert_eq!(above("ä1b2", 2), Some("ä1"));
    }
}
