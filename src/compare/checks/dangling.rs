//! References to nothing: values that no row of the source stands behind.
//!
//! Answers for naming those that the target's own foreign keys would refuse. What only a manifest
//! declares is carried as it is.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checks, read_keys};
use crate::compare::draft::Link;
use crate::compare::model::{MatchingId, Node, Reference};
use crate::compare::record::RecordRow;
use crate::compare::sides::{Sides, pick};
use crate::compare::wanted::{Cell, written_into};
use crate::compare::{Error, shown_key};
use crate::database::Value;
use crate::plan::change::ConflictKind;

impl Checks<'_> {
    /// Values without a row behind them on the source, where a foreign key of the target wants one:
    /// only declared references are carried as they are.
    pub(super) async fn dangling(&mut self, sides: &mut Sides) -> Result<(), Error> {
        type Asked = (MatchingId, Vec<(usize, usize, String)>, Vec<Vec<Value>>);
        let mut asked: BTreeMap<(String, Vec<String>), Asked> = BTreeMap::new();
        for (at, draft) in self.drafts.iter().enumerate() {
            for (which, choice) in self.choices[at].iter().enumerate() {
                let current = written_into(draft, choice.answer);
                for row in &choice.wanted.rows {
                    let old = row.current.and_then(|at| current.map(|record| &record.rows[at]));
                    let node = &self.model.nodes[row.node];
                    for (index, reference) in node.references.iter().enumerate() {
                        let link = draft.links.whole(row.source, index);
                        if link != Some(&Link::Dangling) || !node.is_enforced(reference) {
                            continue;
                        }
                        let Some(values) = newly_held(&row.cells, reference, old) else { continue };
                        let place = (reference.to_table.clone(), reference.to_columns.clone());
                        let entry = asked
                            .entry(place)
                            .or_insert_with(|| (reference.matching, vec![], vec![]));
                        entry.1.push((at, which, described(node, reference, &values)));
                        entry.2.push(values);
                    }
                }
            }
        }
        for ((_, columns), (matching, owners, wanted)) in asked {
            let table = &self.model.matchings[matching].target;
            let found = read_keys(sides, table, &columns, &wanted).await?;
            let there: BTreeSet<usize> = found.into_iter().map(|(index, _)| index).collect();
            for (index, (at, which, detail)) in owners.into_iter().enumerate() {
                if !there.contains(&index) {
                    self.choices[at][which].object(ConflictKind::MissingReference, detail);
                }
            }
        }
        Ok(())
    }
}

/// The values that a write would give a reference; `None` where it writes none.
fn newly_held(
    cells: &[Cell],
    reference: &Reference,
    old: Option<&RecordRow>,
) -> Option<Vec<Value>> {
    let values: Option<Vec<Value>> =
        reference.columns.iter().map(|column| cells[*column].value().cloned()).collect();
    values.filter(|values| old.is_none_or(|old| pick(&old.values, &reference.columns) != *values))
}

fn described(node: &Node, reference: &Reference, values: &[Value]) -> String {
    let redacted = reference.columns.iter().any(|column| node.columns[*column].redacted);
    let shown = if redacted { "(redacted)".to_owned() } else { shown_key(values) };
    format!(
        "{}.{} holds {shown}, which no row of {} on either side has; the target's foreign key \
         refuses it",
        node.table,
        node.names(&reference.columns).join(", "),
        reference.to_table
    )
}
