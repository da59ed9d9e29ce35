//! Rows beside those that may be touched of a table that is otherwise never synchronized.
//!
//! Answers for no other row being written, whatever a manifest recognises rows by, and for none
//! becoming another one.

use super::Checks;
use crate::compare::model::Node;
use crate::compare::record::RecordRow;
use crate::compare::shown_key;
use crate::compare::wanted::{Cell, WantedRow, written_into};
use crate::database::Value;
use crate::manifest::filter::{Filter, passes};
use crate::plan::change::ConflictKind;

impl Checks<'_> {
    pub(super) fn guarded(&mut self) {
        for (at, draft) in self.drafts.iter().enumerate() {
            let node = &self.model.nodes[draft.root];
            let Some(only) = &node.only else { continue };
            for choice in &mut self.choices[at] {
                let current = written_into(draft, choice.answer);
                if let Some(record) = current.filter(|record| !is_one(node, only, record.root())) {
                    let key = shown_key(&record.key(self.model));
                    let detail = format!(
                        "{} {key} of the target is none of the rows that may be synchronized",
                        node.table
                    );
                    choice.object(ConflictKind::IdReused, detail);
                }
                let old = current.map(|record| &record.rows[0]);
                let root = choice.wanted.rows.iter().find(|row| row.parent.is_none());
                if root.is_some_and(|row| !is_one(node, only, &would_be(row, old))) {
                    let detail = format!(
                        "it would become none of the rows of {} that may be synchronized",
                        node.table
                    );
                    choice.object(ConflictKind::IdReused, detail);
                }
            }
        }
    }
}

fn is_one(node: &Node, only: &Filter, row: &[Value]) -> bool {
    passes(only, |name| node.column(name).map(|column| &row[column]))
}

/// A row once it is written. A default isn't known.
fn would_be(row: &WantedRow, old: Option<&RecordRow>) -> Vec<Value> {
    let cells = row.cells.iter().enumerate();
    let value = |(index, cell): (usize, &Cell)| match (cell, old) {
        (Cell::Value(value) | Cell::Open(value), _) => value.clone(),
        (Cell::Leave, Some(old)) => old.values[index].clone(),
        (Cell::Leave, None) => Value::Null,
    };
    cells.map(value).collect()
}
