//! Rows of the target that already name a record's ID as their parent, though no record has it.
//!
//! Only where no foreign key watches over that. They would become part of whatever gets the ID, so the
//! record can't be brought under it before somebody looks at them.

use std::collections::BTreeMap;

use super::Checks;
use crate::compare::Error;
use crate::compare::model::{NodeId, Side};
use crate::compare::record::belongs;
use crate::compare::shown_key;
use crate::compare::sides::Sides;
use crate::compare::wanted::{Cell, written_into};
use crate::database::Value;
use crate::plan::change::ConflictKind;

/// Which choice would insert a parent, and what its children hold of it.
type Asked = (Vec<(usize, usize)>, Vec<Vec<Value>>);

impl Checks<'_> {
    pub(super) async fn strays(&mut self, sides: &mut Sides) -> Result<(), Error> {
        for (child, (owners, wanted)) in self.inserted_parents() {
            let node = &self.model.nodes[child];
            let Some(parent) = &node.parent else { continue };
            let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
            for (index, row) in sides.rows(Side::Target, node, &parent.columns, &wanted).await? {
                let (at, which) = owners[index];
                let current = written_into(&self.drafts[at], self.choices[at][which].answer);
                let key: Vec<Value> = node.key.iter().map(|column| row[*column].clone()).collect();
                let own = current.is_some_and(|record| {
                    record.rows.iter().any(|it| it.node == child && it.key(self.model) == key)
                });
                if !own && belongs(self.model, node, Side::Target, &row) {
                    *counts.entry(index).or_default() += 1;
                }
            }
            for (index, count) in counts {
                let (at, which) = owners[index];
                let name = if count == 1 { "row names" } else { "rows name" };
                let detail = format!(
                    "{count} {name} {} as the parent in {} of the target, where no {} has that ID; \
                     delete them there or give them another parent",
                    shown_key(&wanted[index]),
                    node.table,
                    self.model.nodes[parent.node].table
                );
                self.choices[at][which].object(ConflictKind::UniqueTaken, detail);
            }
        }
        Ok(())
    }

    /// Rows that would be inserted, by the tables they own without a foreign key.
    fn inserted_parents(&self) -> BTreeMap<NodeId, Asked> {
        let mut asked: BTreeMap<NodeId, Asked> = BTreeMap::new();
        for (at, choices) in self.choices.iter().enumerate() {
            for (which, choice) in choices.iter().enumerate() {
                let rekeyed = self.drafts[at].takes_new_id(choice.answer).is_some();
                for row in &choice.wanted.rows {
                    if row.current.is_some() && !(rekeyed && row.parent.is_none()) {
                        continue;
                    }
                    for child in &self.model.nodes[row.node].owns {
                        let node = &self.model.nodes[*child];
                        let Some(parent) = &node.parent else { continue };
                        let names = node.names(&parent.columns);
                        let enforced =
                            node.target.foreign_keys.iter().any(|key| key.columns == names);
                        let held: Option<Vec<Value>> = parent
                            .to
                            .iter()
                            .zip(&parent.kinds)
                            .map(|(to, kind)| match row.cells[*to].clone().as_kind(*kind) {
                                Cell::Value(value) => Some(value),
                                Cell::Open(_) | Cell::Leave => None,
                            })
                            .collect();
                        if let (false, Some(held)) = (enforced, held) {
                            let entry = asked.entry(*child).or_default();
                            entry.0.push((at, which));
                            entry.1.push(held);
                        }
                    }
                }
            }
        }
        asked
    }
}
