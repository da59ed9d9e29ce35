//! Many operations at once: which calls of the scripts they make, and what became of each.
//!
//! Answers for several operations on one key ending as if they were carried out one after another, and
//! for a call's keys lying in one slot where there are slots.

use std::collections::{BTreeMap, HashMap};

use ::redis::cluster_routing::Slot;

use super::script::{MOST_VERSION, Stand, Verb};
use super::sibling::OWN;
use crate::store::newest::newest;
use crate::store::{Fate, Operation};

/// Keys of a call: twice as many cost each of them no less.
const CALL_KEYS: usize = 200;
/// What a call may take, unless it is a single document; others wait while it is carried out.
const CALL_BYTES: usize = 1 << 20;
/// What Redis takes as one text.
const MOST_BYTES: usize = 512 << 20;

/// Operations on different keys, by their places, that one call carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub verb: Verb,
    pub slot: Slot,
    pub places: Vec<usize>,
}

/// Operations, and what is known of each by now.
pub struct Batch<'o> {
    operations: &'o [Operation],
    fates: Vec<Fate>,
    /// By place, of those that were carried out.
    stand: HashMap<usize, Stand>,
    /// By key the place of the greatest version, of two equal ones the later.
    winners: HashMap<&'o str, usize>,
    /// No key is named twice.
    are_single: bool,
}

impl<'o> Batch<'o> {
    pub fn new(operations: &'o [Operation]) -> Self {
        let mut fates = vec![Fate::Done; operations.len()];
        let mut winners: HashMap<&'o str, usize> = HashMap::with_capacity(operations.len());
        let mut are_single = true;
        for (place, operation) in operations.iter().enumerate() {
            if let Some(reason) = refused(operation) {
                fates[place] = Fate::Refused(reason);
                continue;
            }
            let winner = winners.entry(&operation.key).or_insert(place);
            if *winner != place {
                are_single = false;
                if operation.version >= operations[*winner].version {
                    *winner = place;
                }
            }
        }
        Self { operations, fates, stand: HashMap::new(), winners, are_single }
    }

    /// The calls that it takes.
    pub fn groups(&self, is_cluster: bool) -> Vec<Group> {
        let mut places: Vec<usize> = self.winners.values().copied().collect();
        places.sort_unstable();
        let anywhere = Slot::for_key("");
        let mut open: HashMap<(bool, Slot), (Group, usize)> = HashMap::new();
        let mut groups = Vec::new();
        for place in places {
            let operation = &self.operations[place];
            let verb = Verb::of(operation);
            let slot = if is_cluster { Slot::for_key(&operation.key) } else { anywhere };
            let bytes = operation.value.as_ref().map_or(0, String::len) + operation.key.len();
            let new = || (Group { verb, slot, places: Vec::new() }, 0);
            let (group, taken) = open.entry((verb == Verb::Write, slot)).or_insert_with(new);
            let is_full = group.places.len() == CALL_KEYS || *taken + bytes > CALL_BYTES;
            if is_full && !group.places.is_empty() {
                groups.push(Group { places: std::mem::take(&mut group.places), ..*group });
                *taken = 0;
            }
            group.places.push(place);
            *taken += bytes;
        }
        groups.extend(open.into_values().map(|(group, _)| group));
        groups
    }

    pub fn of(&self, group: &Group) -> Vec<&'o Operation> {
        group.places.iter().map(|place| &self.operations[*place]).collect()
    }

    pub fn carried_out(&mut self, group: &Group, stand: Vec<Stand>) {
        self.stand.extend(group.places.iter().copied().zip(stand));
    }

    /// What became of each operation, once all calls were carried out.
    pub fn fates(mut self) -> Vec<Fate> {
        if self.are_single {
            for (place, stand) in self.stand {
                self.fates[place] = fate(stand, self.operations[place].version);
            }
            return self.fates;
        }
        let (mut versions, mut others) = (BTreeMap::new(), HashMap::new());
        for (place, stand) in self.stand {
            let key = self.operations[place].key.as_str();
            match stand {
                Stand::Nothing => {}
                Stand::At(version) => drop(versions.insert(key, version)),
                other @ Stand::Other(_) => drop(others.insert(key, other)),
            }
        }
        let mut numbered = Vec::with_capacity(self.operations.len());
        for (place, operation) in self.operations.iter().enumerate() {
            if let Some(other) = others.get(operation.key.as_str()) {
                self.fates[place] = fate(other.clone(), operation.version);
            } else if !matches!(self.fates[place], Fate::Refused(_)) {
                numbered.push((place, operation));
            }
        }
        newest(&numbered, &versions, &mut self.fates);
        self.fates
    }
}

fn fate(stand: Stand, version: i64) -> Fate {
    match stand {
        Stand::At(before) if version < before => Fate::Outdated,
        Stand::Nothing | Stand::At(_) => Fate::Done,
        Stand::Other(kind) => Fate::Refused(format!(
            "a {kind} that another program made stands under this key; remove it, or name another key"
        )),
    }
}

/// Why it can't be carried out, whatever stands there.
fn refused(operation: &Operation) -> Option<String> {
    let bytes = operation.key.len().max(operation.value.as_ref().map_or(0, String::len));
    if bytes > MOST_BYTES - 64 {
        return Some(format!("it takes {bytes} bytes, more than Redis stores"));
    }
    if !(0..=MOST_VERSION).contains(&operation.version) {
        let version = operation.version;
        return Some(format!("its version {version} isn't one from 0 to {MOST_VERSION}"));
    }
    let is_ours = operation.key.starts_with(OWN);
    is_ours.then(|| format!("keys that begin with `{OWN}` are this program's own"))
}
