//! What columns hold whose referred row's unique key passes a condition, on each side.
//!
//! Answers for conditions on polymorphic types (`cms.page`) meaning the same on both sides, whatever
//! number the type has there. Asked once before a comparison, so that rows can be judged without
//! reading others.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use super::model::{Matching, Model, Side, Through};
use super::sides::{Sides, pick};
use super::spots::as_kind;
use crate::catalog::Kind;
use crate::database::Value;
use crate::manifest::filter::{Condition, Scalar};

/// Fills in what every such condition lets through, as the sides' snapshots say.
pub async fn settle(sides: &mut Sides, model: &mut Model) -> Result<(), Error> {
    for index in 0..model.throughs.len() {
        for (place, side) in [Side::Source, Side::Target].into_iter().enumerate() {
            let through = &model.throughs[index];
            let known = known(sides, &model.matchings[through.matching], through, side).await?;
            model.throughs[index].known[place] = known;
        }
    }
    Ok(())
}

async fn known(
    sides: &mut Sides,
    matching: &Matching,
    through: &Through,
    side: Side,
) -> Result<BTreeSet<Value>, Error> {
    let table = matching.table(side);
    let wanted: BTreeSet<Vec<Value>> = match &through.condition {
        Condition::Equals(scalar) => names(matching, through, std::slice::from_ref(scalar)),
        Condition::In(scalars) | Condition::NotIn(scalars) => names(matching, through, scalars),
        Condition::StartsWith(_) => return starting(sides, matching, through, side).await,
    };
    let wanted: Vec<Vec<Value>> = wanted.into_iter().collect();
    let read = std::slice::from_ref(&through.to_column);
    let rows = sides.get(side).find(table, read, &through.name, &wanted).await?;
    Ok(rows.into_iter().filter_map(|(_, row)| row.into_iter().next()).collect())
}

/// Every unique key that reads as one of the constants once its parts are joined with `.`.
fn names(matching: &Matching, through: &Through, scalars: &[Scalar]) -> BTreeSet<Vec<Value>> {
    let kinds: Vec<_> = through
        .name
        .iter()
        .map(|name| {
            let column = matching.target.column(name);
            column.map_or(Kind::Any, |it| it.carried.unwrap_or(it.kind))
        })
        .collect();
    let texts = scalars.iter().filter_map(|scalar| match scalar {
        Scalar::Null => None,
        Scalar::Boolean(value) => Some(value.to_string()),
        Scalar::Integer(value) => Some(value.to_string()),
        Scalar::Decimal(text) | Scalar::Text(text) => Some(text.clone()),
    });
    let split = texts.flat_map(|text| splits(&text, kinds.len()));
    split
        .filter_map(|parts| {
            let typed = parts.into_iter().zip(&kinds);
            typed
                .map(|(part, kind)| match kind {
                    Kind::Bytes => Some(Value::bytes_of(&part)),
                    _ => as_kind(&Value::Text(part.into()), *kind),
                })
                .collect()
        })
        .collect()
}

/// Every way to take a text apart at `.` into so many parts.
fn splits(text: &str, parts: usize) -> Vec<Vec<String>> {
    if parts <= 1 {
        return vec![vec![text.to_owned()]];
    }
    let dots = text.match_indices('.');
    dots.flat_map(|(at, _)| {
        splits(&text[at + 1..], parts - 1).into_iter().map(move |mut rest| {
            rest.insert(0, text[..at].to_owned());
            rest
        })
    })
    .collect()
}

/// Every row's key is looked at: beginnings aren't looked up.
async fn starting(
    sides: &mut Sides,
    matching: &Matching,
    through: &Through,
    side: Side,
) -> Result<BTreeSet<Value>, Error> {
    let table = matching.table(side);
    let mut read = through.name.clone();
    read.push(through.to_column.clone());
    let key = matching.names(&matching.key);
    let parts: Vec<usize> = (0..through.name.len()).collect();
    let session = sides.get(side);
    let mut rows = session.scan(table, &read, &key, &BTreeMap::new()).await?;
    let mut known = BTreeSet::new();
    while let Some(row) = rows.next().await? {
        let texts: Vec<_> =
            pick(&row, &parts).iter().map(|value| value.display().into_owned()).collect();
        if through.condition.holds(&Value::Text(texts.join(".").into())) {
            known.extend(row.into_iter().last());
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joined_key_is_taken_apart_in_every_way() {
        assert_eq!(splits("cms.page", 2), [["cms", "page"]]);
        assert_eq!(splits("a.b.c", 2), [["a", "b.c"], ["a.b", "c"]]);
        assert_eq!(splits("plain", 1), [["plain"]]);
        assert!(splits("plain", 2).is_empty());
    }
}
