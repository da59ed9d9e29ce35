//! The key beside each document that holds its version: pure.
//!
//! Answers for it lying in the document's slot of a cluster, whatever braces the document's key has, and
//! for never beginning as a document's key does.

use std::collections::HashMap;
use std::sync::LazyLock;

use ::redis::cluster_routing::Slot;

/// What every key of our own begins with, and no document's.
pub const OWN: &str = "reconcile:";
const VERSION: &str = "reconcile:version:";
/// How many slots a cluster has.
const SLOTS: usize = 16_384;

/// For each slot a number that lies in it.
static NUMBERS: LazyLock<HashMap<Slot, u32>> = LazyLock::new(|| {
    let mut numbers = HashMap::with_capacity(SLOTS);
    for number in 0.. {
        numbers.entry(Slot::for_key(number.to_string())).or_insert(number);
        if numbers.len() == SLOTS {
            break;
        }
    }
    numbers
});

/// The sibling of a key. A part in braces decides about the slot, where there is one; it stays the first.
/// Otherwise it is `{KEY}`, or, where the key would end that too early, a number of the key's slot.
pub fn sibling(key: &str) -> String {
    if has_tag(key) {
        return format!("{VERSION}tag:{key}");
    }
    if key.is_empty() || key.contains('}') {
        return format!("{VERSION}slot:{{{}}}{key}", NUMBERS[&Slot::for_key(key)]);
    }
    format!("{VERSION}{{{key}}}")
}

/// Whether there is something in the first braces.
fn has_tag(key: &str) -> bool {
    let Some((_, rest)) = key.split_once('{') else { return false };
    rest.find('}').is_some_and(|end| end > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_keys_stand_in_braces() {
        assert_eq!(sibling("kv:a:1"), "reconcile:version:{kv:a:1}");
        assert_eq!(sibling("kv:{a}:1"), "reconcile:version:tag:kv:{a}:1");
        assert_eq!(sibling("kv:{a"), "reconcile:version:{kv:{a}");
    }

    proptest! {
        #[test]
        fn a_sibling_lies_in_its_keys_slot(key in "[ab{}:é\n]{0,12}") {
            prop_assert_eq!(Slot::for_key(sibling(&key)), Slot::for_key(&key));
        }

        #[test]
        fn no_two_keys_have_one_sibling(one in "[a0{}]{0,5}", other in "[a0{}]{0,5}") {
            prop_assert_eq!(sibling(&one) == sibling(&other), one == other);
        }
    }
}
