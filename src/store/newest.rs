//! Which of several operations win: pure.

use std::collections::BTreeMap;

use super::{Fate, Operation};

/// What becomes of operations on one index where keys stand at these versions, and which of them are
/// to be written, each with its place: as if each were carried out by itself, in their order.
pub fn newest<'o>(
    operations: &[(usize, &'o Operation)],
    stand_at: &BTreeMap<&str, i64>,
    fates: &mut [Fate],
) -> BTreeMap<&'o str, (usize, &'o Operation)> {
    let mut winners: BTreeMap<&'o str, (usize, &'o Operation)> = BTreeMap::new();
    for (place, operation) in operations {
        let key = operation.key.as_str();
        let before = winners.get(key).map(|(_, winner)| winner.version);
        let before = before.or_else(|| stand_at.get(key).copied());
        if before.is_some_and(|before| operation.version < before) {
            fates[*place] = Fate::Outdated;
            continue;
        }
        fates[*place] = Fate::Done;
        winners.insert(key, (*place, operation));
    }
    winners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_version_wins_and_of_two_equal_ones_the_later() {
        let operation = |key: &str, version, value: &str| Operation {
            index: String::new(),
            key: key.into(),
            version,
            value: Some(value.into()),
        };
        let all = [
            operation("a", 5, "one"),
            operation("a", 5, "two"),
            operation("a", 4, "late"),
            operation("b", 7, "late"),
            operation("b", 8, "same"),
        ];
        let mut fates = vec![Fate::Refused("not said".into()); all.len()];
        let numbered: Vec<_> = all.iter().enumerate().collect();
        let winners = newest(&numbered, &BTreeMap::from([("b", 8)]), &mut fates);
        assert_eq!(fates, [Fate::Done, Fate::Done, Fate::Outdated, Fate::Outdated, Fate::Done]);
        let won: Vec<_> = winners.values().map(|(_, it)| it.value.as_deref().unwrap()).collect();
        assert_eq!(won, ["two", "same"]);
    }
}
