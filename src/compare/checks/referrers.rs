//! Rows that refer to what a change would delete, give another ID, turn into something else, or call
//! by other values than they know it by.
//!
//! Answers for `still-referenced`, whatever a foreign key's ON DELETE rule says, and for the changes
//! of the same plan that let go first.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checks, Choice, changes, read_keys};
use crate::compare::Error;
use crate::compare::draft::{Case, Draft, Link};
use crate::compare::model::{Node, Referrer, Role};
use crate::compare::record::Record;
use crate::compare::sides::{Sides, pick};
use crate::compare::wanted::{Cell, WantedRow, written_into};
use crate::database::Value;
use crate::plan::change::{Answer, ConflictKind};

/// What a change does to a row, in the eyes of those that refer to it.
enum Fate {
    /// It goes, loses its ID or becomes something else.
    GivenUp,
    /// It stays, and the values they refer to it by change. Holds the key of the source's row that it
    /// is: whoever refers to that one follows.
    Changed(Vec<Value>),
}

/// One row that a choice gives up or changes.
struct Asker {
    at: usize,
    which: usize,
    fate: Fate,
}

/// Who holds these values in these columns, with what the referred table is called.
type Questions = BTreeMap<(String, Vec<String>, String), (Referrer, Vec<Asker>, Vec<Vec<Value>>)>;

impl Checks<'_> {
    /// Rows that still refer to a row that would go, lose its ID or the values they know it by.
    pub(super) async fn referrers(&mut self, sides: &mut Sides) -> Result<(), Error> {
        for ((_, columns, referred), (referrer, askers, wanted)) in self.questions() {
            let mut counts: BTreeMap<(usize, usize, bool), u64> = BTreeMap::new();
            for (index, key) in read_keys(sides, &referrer.holder, &columns, &wanted).await? {
                let asker = &askers[index];
                if !self.lets_go(asker, &referrer, (&key, &wanted[index])) {
                    let changed = matches!(asker.fate, Fate::Changed(_));
                    *counts.entry((asker.at, asker.which, changed)).or_default() += 1;
                }
            }
            for ((at, which, changed), count) in counts {
                let refer = if count == 1 { "row of {} refers" } else { "rows of {} refer" };
                let refer = refer.replace("{}", &referrer.holder.name);
                let by = format!(" by its {}, which changes", referrer.to_columns.join(", "));
                let by = if changed { by.as_str() } else { "" };
                let detail = format!("{count} {refer} to this {referred}{by}");
                self.choices[at][which].object(ConflictKind::StillReferenced, detail);
            }
        }
        Ok(())
    }

    fn questions(&self) -> Questions {
        let mut questions = Questions::new();
        let tables: BTreeSet<&String> = self.model.nodes.iter().map(|node| &node.table).collect();
        let holders: BTreeMap<&String, Vec<Referrer>> =
            tables.into_iter().map(|table| (table, self.holders(table))).collect();
        for (at, choices) in self.choices.iter().enumerate() {
            for (which, choice) in choices.iter().enumerate() {
                let Some(current) = written_into(&self.drafts[at], choice.answer) else { continue };
                let given_up = given_up(&self.drafts[at], choice, current);
                let kept: BTreeMap<usize, &WantedRow> =
                    choice.wanted.rows.iter().filter_map(|row| Some((row.current?, row))).collect();
                for (index, row) in current.rows.iter().enumerate() {
                    let node = &self.model.nodes[row.node];
                    for referrer in &holders[&node.table] {
                        let values = pick(&row.values, &indexes(node, &referrer.to_columns));
                        let fate = match kept.get(&index) {
                            _ if given_up.contains(&index) => Fate::GivenUp,
                            Some(row) if changes(node, row, &referrer.to_columns, &values) => {
                                Fate::Changed(self.source_key(at, row))
                            }
                            _ => continue,
                        };
                        if !values.iter().any(Value::is_null) {
                            ask(
                                &mut questions,
                                &node.table,
                                referrer,
                                Asker { at, which, fate },
                                values,
                            );
                        }
                    }
                }
            }
        }
        questions
    }

    fn source_key(&self, at: usize, row: &WantedRow) -> Vec<Value> {
        let source = self.drafts[at].source.as_ref();
        source.map(|record| record.rows[row.source].key(self.model)).unwrap_or_default()
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
        asker: &Asker,
        referrer: &Referrer,
        (key, values): (&[Value], &Vec<Value>),
    ) -> bool {
        let Asker { at, which, fate } = asker;
        let choice = &self.choices[*at][*which];
        let holder = &referrer.holder.name;
        let own = written_into(&self.drafts[*at], choice.answer)
            .into_iter()
            .flat_map(|record| record.rows.iter().enumerate())
            .find(|(_, row)| {
                self.model.nodes[row.node].table == *holder && row.primary_key(self.model) == key
            });
        if let Some((index, row)) = own {
            if replaces(&self.drafts[*at], choice.answer) {
                return true;
            }
            // An owned row follows its parent to a new ID by itself, unless it stands outside the
            // module's filter and so isn't written at all.
            let mut written = choice.wanted.rows.iter().filter(|row| row.current == Some(index));
            let below = self.model.nodes[row.node].parent.as_ref().is_some_and(|parent| {
                self.model.nodes[row.node].names(&parent.columns) == referrer.columns
            });
            return written.any(|row| below || self.follows(*at, row, referrer, fate))
                || self.frees(*at, *which, index, &referrer.columns, values);
        }
        let Some(effect) = self.effects.get(&(holder.clone(), key.to_vec())) else {
            return false;
        };
        let released = match effect.row {
            None => true,
            Some(row) => {
                let row = &self.choices[effect.draft][0].wanted.rows[row];
                changes(&self.model.nodes[row.node], row, &referrer.columns, values)
                    || self.follows(effect.draft, row, referrer, fate)
            }
        };
        if released && effect.draft != *at {
            self.choices[*at][*which].needs.insert(effect.draft);
        }
        released
    }

    /// Whether a row that is written would take over the values that its reference changes to.
    fn follows(&self, at: usize, row: &WantedRow, referrer: &Referrer, fate: &Fate) -> bool {
        let Fate::Changed(source) = fate else { return false };
        let node = &self.model.nodes[row.node];
        let written = |column: &usize| {
            row.cells[*column] != Cell::Leave
                && !matches!(node.columns[*column].role, Role::Foreign | Role::Place)
        };
        let mut references = node.references.iter().enumerate();
        references.any(|(index, reference)| {
            let link = self.drafts[at].links.get(&(row.source, index));
            node.names(&reference.columns) == referrer.columns
                && reference.to_columns == referrer.to_columns
                && matches!(link, Some(Link::Row { key, .. }) if key == source)
                && reference.columns.iter().all(written)
        })
    }
}

fn indexes(node: &Node, columns: &[String]) -> Vec<usize> {
    columns.iter().filter_map(|name| node.column(name)).collect()
}

fn ask(
    questions: &mut Questions,
    table: &str,
    referrer: &Referrer,
    asker: Asker,
    values: Vec<Value>,
) {
    let place = (referrer.holder.name.clone(), referrer.columns.clone(), table.to_owned());
    let question = questions.entry(place).or_insert_with(|| (referrer.clone(), vec![], vec![]));
    question.1.push(asker);
    question.2.push(values);
}

/// The ID stays and stands for something else from then on, with all that it owns: to whoever
/// refers to it, the record is as good as deleted.
fn replaces(draft: &Draft, answer: Option<Answer>) -> bool {
    draft.case == Case::IdReused && answer == Some(Answer::Overwrite)
}

/// Indexes of the target record's rows that go, lose their ID or become something else.
fn given_up(draft: &Draft, choice: &Choice, current: &Record) -> BTreeSet<usize> {
    if replaces(draft, choice.answer) {
        return (0..current.rows.len()).collect();
    }
    let rekeyed = draft.takes_new_id(choice.answer).map(|_| 0);
    choice.wanted.removed.iter().copied().chain(rekeyed).collect()
}
