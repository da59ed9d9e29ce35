//! Rows that refer to what a change would delete, give another ID or turn into something else.
//!
//! Answers for `still-referenced`, whatever a foreign key's ON DELETE rule says, and for the changes
//! of the same plan that let go first.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checks, Choice, changes, read_keys};
use crate::catalog::Table;
use crate::compare::Error;
use crate::compare::draft::{Case, Draft};
use crate::compare::model::{Model, Referrer, Role};
use crate::compare::record::Record;
use crate::compare::sides::{Sides, pick};
use crate::compare::wanted::written_into;
use crate::database::Value;
use crate::plan::change::{Answer, ConflictKind};

impl Checks<'_> {
    /// Rows that still refer to a row that would go or lose its ID.
    pub(super) async fn referrers(&mut self, sides: &mut Sides) -> Result<(), Error> {
        type Asked = (Table, Vec<(usize, usize)>, Vec<Vec<Value>>);
        let mut asked: BTreeMap<(String, Vec<String>, String), Asked> = BTreeMap::new();
        for (at, choices) in self.choices.iter().enumerate() {
            for (which, choice) in choices.iter().enumerate() {
                let Some(current) = written_into(&self.drafts[at], choice.answer) else { continue };
                for index in given_up(self.model, &self.drafts[at], choice, current) {
                    let row = &current.rows[index];
                    let node = &self.model.nodes[row.node];
                    for Referrer { holder, columns, to_columns } in self.holders(&node.table) {
                        let to: Vec<usize> =
                            to_columns.iter().filter_map(|name| node.column(name)).collect();
                        let values = pick(&row.values, &to);
                        if values.iter().any(Value::is_null) {
                            continue;
                        }
                        let place = (holder.name.clone(), columns, node.table.clone());
                        let entry = asked.entry(place).or_insert_with(|| (holder, vec![], vec![]));
                        entry.1.push((at, which));
                        entry.2.push(values);
                    }
                }
            }
        }
        for ((_, columns, referred), (holder, owners, wanted)) in asked {
            let mut counts: BTreeMap<(usize, usize), u64> = BTreeMap::new();
            for (index, key) in read_keys(sides, &holder, &columns, &wanted).await? {
                let (at, which) = owners[index];
                if !self.lets_go(at, which, &holder, &columns, (&key, &wanted[index])) {
                    *counts.entry((at, which)).or_default() += 1;
                }
            }
            for ((at, which), count) in counts {
                let refer = if count == 1 { "row of {} refers" } else { "rows of {} refer" };
                let refer = refer.replace("{}", &holder.name);
                self.choices[at][which].object(
                    ConflictKind::StillReferenced,
                    format!("{count} {refer} to this {referred}"),
                );
            }
        }
        Ok(())
    }

    /// Foreign keys and declared references to a table.
    fn holders(&self, table: &str) -> Vec<Referrer> {
        let declared = self.model.declared.iter().filter(|(to, _)| to == table).map(|(_, r)| r);
        let known = self.model.referrers.get(table).into_iter().flatten();
        let mut holders: Vec<Referrer> = known.chain(declared).cloned().collect();
        holders.sort_by(|a, b| (&a.holder.name, &a.columns).cmp(&(&b.holder.name, &b.columns)));
        holders.dedup_by(|a, b| a.holder.name == b.holder.name && a.columns == b.columns);
        holders
    }

    /// Whether the plan deletes or repoints a row that refers; then this change needs that one.
    fn lets_go(
        &mut self,
        at: usize,
        which: usize,
        holder: &Table,
        columns: &[String],
        (key, values): (&[Value], &Vec<Value>),
    ) -> bool {
        let own = written_into(&self.drafts[at], self.choices[at][which].answer)
            .into_iter()
            .flat_map(|record| record.rows.iter().enumerate())
            .find(|(_, row)| {
                self.model.nodes[row.node].table == holder.name
                    && row.primary_key(self.model) == key
            });
        if let Some((index, row)) = own {
            if replaces(&self.drafts[at], self.choices[at][which].answer) {
                return true;
            }
            // An owned row follows its parent to a new ID by itself, unless it stands outside the
            // module's filter and so isn't written at all.
            let mut written = self.choices[at][which].wanted.rows.iter();
            let follows = written.any(|row| row.current == Some(index))
                && self.model.nodes[row.node].parent.as_ref().is_some_and(|parent| {
                    self.model.nodes[row.node].names(&parent.columns) == columns
                });
            return follows || self.frees(at, which, index, columns, values);
        }
        let Some(effect) = self.effects.get(&(holder.name.clone(), key.to_vec())) else {
            return false;
        };
        let released = match effect.row {
            None => true,
            Some(row) => {
                let row = &self.choices[effect.draft][0].wanted.rows[row];
                changes(&self.model.nodes[row.node], row, columns, values)
            }
        };
        if released && effect.draft != at {
            self.choices[at][which].needs.insert(effect.draft);
        }
        released
    }
}

/// The ID stays and stands for something else from then on, with all that it owns: to whoever
/// refers to it, the record is as good as deleted.
fn replaces(draft: &Draft, answer: Option<Answer>) -> bool {
    draft.case == Case::IdReused && answer == Some(Answer::Overwrite)
}

/// Indexes of the target record's rows that go, lose their ID or become something else.
fn given_up(model: &Model, draft: &Draft, choice: &Choice, current: &Record) -> BTreeSet<usize> {
    if replaces(draft, choice.answer) {
        return (0..current.rows.len()).collect();
    }
    let rekeyed = draft.takes_new_id(choice.answer).map(|_| 0);
    let renamed = choice.wanted.rows.iter().filter_map(|row| {
        let (index, node) = (row.current?, &model.nodes[row.node]);
        let old = &current.rows[index].values;
        let own = |column: &&usize| node.columns[**column].role == Role::Content;
        node.key
            .iter()
            .filter(own)
            .any(|column| row.cells[*column].value().is_some_and(|new| *new != old[*column]))
            .then_some(index)
    });
    choice.wanted.removed.iter().copied().chain(rekeyed).chain(renamed).collect()
}
