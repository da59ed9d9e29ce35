//! Owned rows that can't keep the source's number, since a row of the target has it: a run draws new ones.
//!
//! Answers for which columns of such rows, and of rows below them, no other row can hold already:
//! their value isn't known yet, and will be new.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checks, Error};
use crate::compare::model::{NodeId, Side};
use crate::compare::sides::Sides;
use crate::compare::wanted::Cell;
use crate::database::Value;

/// Columns whose final value is new, by draft, choice and wanted row.
pub type Drawn = BTreeMap<(usize, usize, usize), BTreeSet<usize>>;

/// Inserted rows of one table with the number they would take.
type Inserts = (Vec<(usize, usize, usize)>, Vec<Vec<Value>>);

impl Checks<'_> {
    pub(super) async fn drawn(&self, sides: &mut Sides) -> Result<Drawn, Error> {
        let mut drawn = Drawn::new();
        for (node, (rows, wanted)) in self.numbered() {
            let node = &self.model.nodes[node];
            let Some(number) = node.number else { continue };
            // Where that row goes with this run, the number may be kept after all, and then
            // whatever stands below that row goes as well.
            for (index, _) in sides.rows(Side::Target, node, &[number], &wanted).await? {
                drawn.entry(rows[index]).or_default().insert(number);
            }
        }
        self.follow(&mut drawn);
        Ok(drawn)
    }

    fn numbered(&self) -> BTreeMap<NodeId, Inserts> {
        let mut inserts: BTreeMap<NodeId, Inserts> = BTreeMap::new();
        for (at, choices) in self.choices.iter().enumerate() {
            for (which, choice) in choices.iter().enumerate() {
                for (index, row) in choice.wanted.rows.iter().enumerate() {
                    let number = self.model.nodes[row.node].number.map(|column| &row.cells[column]);
                    if let (None, Some(Cell::Value(number))) = (row.current, number) {
                        let (rows, wanted) = inserts.entry(row.node).or_default();
                        rows.push((at, which, index));
                        wanted.push(vec![number.clone()]);
                    }
                }
            }
        }
        inserts
    }

    /// Rows below take what they hold of the row above.
    fn follow(&self, drawn: &mut Drawn) {
        for (at, choices) in self.choices.iter().enumerate() {
            for (which, choice) in choices.iter().enumerate() {
                for (index, row) in choice.wanted.rows.iter().enumerate() {
                    let node = &self.model.nodes[row.node];
                    let (Some(link), Some(parent)) = (&node.parent, row.parent) else { continue };
                    let Some(above) = drawn.get(&(at, which, parent)).cloned() else { continue };
                    let new = link.columns.iter().zip(&link.to);
                    let new = new.filter(|(_, to)| above.contains(to)).map(|(column, _)| *column);
                    drawn.entry((at, which, index)).or_default().extend(new);
                }
            }
        }
    }
}
