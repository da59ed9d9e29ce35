//! Which write must come before which: pure.
//!
//! Answers for sorting writes and for finding the circles that keep some from being sorted. Why an
//! edge is there, and how a circle is opened, is `order.rs`'s.

use std::collections::{BTreeMap, BTreeSet};

/// Why one write must come before another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Because {
    /// The later one is a further write of the same row.
    SameRow,
    /// The later one refers, by these columns, to what the earlier one makes.
    Refers { columns: Vec<String>, constraint: String, deferrable: bool },
    /// The earlier one lets go, by these columns, of the values `to` that the later one removes.
    LetsGo { columns: Vec<String>, to: Vec<String>, constraint: String, deferrable: bool },
    /// The earlier one frees the unique values that the later one takes.
    Frees { columns: Vec<String> },
}

/// Edges from each write to those that must come later.
pub(super) struct Graph {
    pub(super) later: Vec<BTreeMap<usize, Because>>,
}

impl Graph {
    pub(super) fn edge(&mut self, earlier: usize, later: usize, because: Because) {
        self.later[earlier].entry(later).or_insert(because);
    }

    /// The writes in rounds, each of which needs only those before it, and the writes that stand in or
    /// behind a circle.
    pub(super) fn sort(&self) -> (Vec<Vec<usize>>, BTreeSet<usize>) {
        let mut waits = vec![0usize; self.later.len()];
        for later in self.later.iter().flat_map(BTreeMap::keys) {
            waits[*later] += 1;
        }
        let mut ready: Vec<usize> = (0..waits.len()).filter(|index| waits[*index] == 0).collect();
        let mut rounds = Vec::new();
        while !ready.is_empty() {
            let mut next = Vec::new();
            for later in ready.iter().flat_map(|index| self.later[*index].keys()) {
                waits[*later] -= 1;
                if waits[*later] == 0 {
                    next.push(*later);
                }
            }
            rounds.push(std::mem::replace(&mut ready, next));
        }
        let stuck = (0..waits.len()).filter(|index| waits[*index] > 0).collect();
        (rounds, stuck)
    }

    /// Circles among the stuck writes that share no write.
    pub(super) fn circles(&self, stuck: &BTreeSet<usize>) -> Vec<Vec<(usize, usize, Because)>> {
        let mut earlier: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for from in stuck {
            for to in self.later[*from].keys().filter(|to| stuck.contains(to)) {
                earlier.entry(*to).or_default().push(*from);
            }
        }
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        let mut circles = Vec::new();
        for start in stuck {
            let mut path: Vec<usize> = Vec::new();
            let mut at = *start;
            // Every stuck write waits for a stuck one, so walking back must come round.
            while !seen.contains(&at) {
                seen.insert(at);
                path.push(at);
                let Some(back) = earlier.get(&at).and_then(|list| list.first()) else { break };
                at = *back;
            }
            if let Some(position) = path.iter().position(|index| *index == at) {
                let mut round: Vec<usize> = path[position..].to_vec();
                round.reverse();
                circles.push(self.edges_of(&round));
            }
        }
        circles
    }

    fn edges_of(&self, round: &[usize]) -> Vec<(usize, usize, Because)> {
        let next = round.iter().cycle().skip(1);
        round
            .iter()
            .zip(next)
            .filter_map(|(from, to)| {
                self.later[*from].get(to).map(|because| (*from, *to, because.clone()))
            })
            .collect()
    }
}
