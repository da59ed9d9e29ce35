//! Rows that refer to what a change would delete, give another ID, turn into something else, or call
//! by other values than they know it by.
//!
//! Answers for `still-referenced`, whatever a foreign key's ON DELETE rule says, and for the changes
//! of the same plan that let go first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Checks, Choice, changes, read_keys};
use crate::compare::Error;
use crate::compare::draft::{Case, Draft, Link};
use crate::compare::mentions::Mentions;
use crate::compare::model::{Declared, Model, Node, Reference, Referrer, Role, Side};
use crate::compare::moved::held_as;
use crate::compare::record::{Record, RecordRow};
use crate::compare::sides::{Sides, pick};
use crate::compare::spots::spots;
use crate::compare::wanted::{Cell, WantedRow, written_into};
use crate::database::{Row, Sieve, Value};
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

/// Who holds values in which way, and what the referred table is called.
type Place = (String, String, String);
type Questions = BTreeMap<Place, (Referrer, Vec<Asker>, Vec<Vec<Value>>)>;

/// Keys of the target's rows that refer to wanted values, each with the index of what it refers to.
type Holding = Vec<(usize, Vec<Value>)>;

impl Checks<'_> {
    /// Rows that still refer to a row that would go, lose its ID or the values they know it by.
    pub(super) async fn referrers(&mut self, sides: &mut Sides) -> Result<(), Error> {
        let questions = self.questions();
        let mut inside = inside_values(sides, self.model, &questions).await?;
        for (place, (referrer, askers, wanted)) in &questions {
            let referred = &place.2;
            let mut counts: BTreeMap<(usize, usize, bool), u64> = BTreeMap::new();
            let found = match inside.remove(place) {
                Some(found) => found,
                None => holding(sides, self.model, referrer, wanted).await?,
            };
            for (index, key) in found {
                let asker = &askers[index];
                if !self.lets_go(asker, referrer, (&key, &wanted[index])) {
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
        let place = |it: &Referrer| (it.holder.name.clone(), label(it));
        holders.sort_by_cached_key(place);
        holders.dedup_by_key(|it| place(it));
        holders
    }

    /// Whether a row that is written would not refer to some values any more.
    fn releases(
        &self,
        row: &WantedRow,
        current: Option<&RecordRow>,
        referrer: &Referrer,
        values: &[Value],
    ) -> bool {
        let node = &self.model.nodes[row.node];
        let (Some(declared), Some(current)) = (&referrer.declared, current) else {
            return changes(node, row, &referrer.columns, values);
        };
        let mut would_be = Vec::with_capacity(declared.read.len());
        for name in &declared.read {
            let Some(column) = node.column(name) else { return false };
            would_be.push(match &row.cells[column] {
                Cell::Value(value) => value.clone(),
                Cell::Leave => current.values[column].clone(),
                Cell::Open(_) => return true,
            });
        }
        !refers(self.model, declared, &would_be, values)
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
            let removed = choice.wanted.removed.contains(&index);
            return removed
                || written.any(|it| {
                    below
                        || self.follows(*at, it, referrer, fate)
                        || self.releases(it, Some(row), referrer, values)
                });
        }
        let Some(effect) = self.effects.get(&(holder.as_str(), key.to_vec())) else {
            return false;
        };
        let released = match effect.row {
            None => true,
            Some(row) => {
                let row = &self.choices[effect.draft][0].wanted.rows[row];
                let current = self.drafts[effect.draft].current.as_ref();
                let current = current.and_then(|record| Some(&record.rows[row.current?]));
                self.releases(row, current, referrer, values)
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
            let links = self.drafts[at].links.of(row.source, index);
            node.names(&reference.columns) == referrer.columns
                && reference.to_columns == referrer.to_columns
                && links.iter().any(|it| matches!(&it.link, Link::Row { key, .. } if key == source))
                && reference.columns.iter().all(written)
        })
    }
}

/// How a referrer refers; the same where it does so in the same way.
fn label(referrer: &Referrer) -> String {
    let columns = referrer.columns.join(",");
    let Some(declared) = &referrer.declared else { return columns };
    let reference = &declared.references[declared.which];
    let conditions = |it: &Reference| -> Vec<_> {
        let tests = it.when.iter();
        tests.map(|test| (declared.read[test.column].clone(), test.condition.clone())).collect()
    };
    let alone = declared.references.len() == 1;
    if reference.within.is_whole() && reference.when.is_empty() && alone {
        return columns;
    }
    let whens: Vec<_> = declared.references.iter().map(conditions).collect();
    format!("{columns} {:?} {whens:?} {}", reference.within, declared.which)
}

/// Whether a row of the target, as it was read for a declared reference, refers to some values.
fn refers(model: &Model, declared: &Declared, row: &[Value], values: &[Value]) -> bool {
    let found = spots(model, &declared.references, Side::Target, row);
    found.iter().any(|spot| spot.reference == declared.which && spot.values == values)
}

/// Who holds the values as a whole is looked up.
async fn holding(
    sides: &mut Sides,
    model: &Model,
    referrer: &Referrer,
    wanted: &[Vec<Value>],
) -> Result<Holding, Error> {
    let (holder, columns) = (&referrer.holder, &referrer.columns);
    let Some(declared) = &referrer.declared else {
        return read_keys(sides, holder, columns, wanted).await;
    };
    let read = [&declared.read[..], key_columns(referrer)].concat();
    let held: Vec<Option<Vec<Value>>> =
        wanted.iter().map(|values| held_as(holder, columns, values)).collect();
    let (places, held): (Vec<usize>, Vec<Vec<Value>>) =
        held.into_iter().enumerate().filter_map(|(at, it)| Some((at, it?))).unzip();
    let found = sides.target.find(holder, &read, columns, &held).await?.into_iter();
    let found = found.map(|(at, row)| (places[at], row));
    let found = found.filter(|(at, row)| refers(model, declared, row, &wanted[*at]));
    Ok(found.map(|(at, mut row)| (at, row.split_off(declared.read.len()))).collect())
}

fn key_columns(referrer: &Referrer) -> &[String] {
    let key = &referrer.holder.primary_key;
    if key.is_empty() { &referrer.columns } else { key }
}

/// One way to refer from inside values of a table, and what is looked for.
struct Search<'q> {
    place: &'q Place,
    declared: &'q Declared,
    /// What is wanted, by its values.
    wanted: HashMap<&'q Vec<Value>, Vec<usize>>,
    /// Where the columns that the reference needs stand among those read, and where the row's key does.
    columns: Vec<usize>,
    key: Vec<usize>,
    found: Holding,
}

/// Who holds the values inside of others isn't looked up: every row of a table is gone through, once
/// for all that is asked of it.
async fn inside_values<'q>(
    sides: &mut Sides,
    model: &Model,
    questions: &'q Questions,
) -> Result<BTreeMap<&'q Place, Holding>, Error> {
    let mut tables: BTreeMap<&str, Vec<&'q Place>> = BTreeMap::new();
    for (place, (referrer, ..)) in questions {
        let declared = referrer.declared.as_ref();
        if declared.is_some_and(|it| !it.references[it.which].within.is_whole()) {
            tables.entry(&referrer.holder.name).or_default().push(place);
        }
    }
    let mut found = BTreeMap::new();
    for places in tables.into_values() {
        let searches = Box::pin(search(sides, model, questions, &places)).await?;
        found.extend(searches.into_iter().map(|search| (search.place, search.found)));
    }
    Ok(found)
}

/// Goes through the rows of one table.
async fn search<'q>(
    sides: &mut Sides,
    model: &Model,
    questions: &'q Questions,
    places: &[&'q Place],
) -> Result<Vec<Search<'q>>, Error> {
    let mut read: Vec<String> = Vec::new();
    let mut mentions = Mentions::default();
    let mut searches = Vec::with_capacity(places.len());
    for place in places {
        let (referrer, _, wanted) = &questions[*place];
        let Some(declared) = &referrer.declared else { continue };
        let columns = places_in(&mut read, &declared.read);
        let reference = &declared.references[declared.which];
        mentions.add(columns[reference.columns[0]], &reference.within, wanted);
        let key = places_in(&mut read, key_columns(referrer));
        let mut by_values: HashMap<&Vec<Value>, Vec<usize>> = HashMap::new();
        for (at, values) in wanted.iter().enumerate() {
            by_values.entry(values).or_default().push(at);
        }
        let found = Holding::new();
        searches.push(Search { place, declared, wanted: by_values, columns, key, found });
    }
    let (judged, filter) = (&mentions.columns(), &BTreeMap::new());
    let Some(holder) = places.first().map(|place| &questions[*place].0.holder) else {
        return Ok(searches);
    };
    let sieve = Sieve { table: holder, columns: &read, judged, filter };
    let mut judge = |at: usize, bytes: &[u8]| mentions.may_stand_in(at, bytes);
    let mut take = |row: Row| searches.iter_mut().for_each(|search| search.look(model, &row));
    sides.target.sift(sieve, &mut judge, &mut take).await?;
    Ok(searches)
}

impl Search<'_> {
    fn look(&mut self, model: &Model, row: &[Value]) {
        let Declared { references, which, .. } = self.declared;
        let spots = spots(model, references, Side::Target, &pick(row, &self.columns));
        let of_it = spots.iter().filter(|spot| spot.reference == *which);
        let answered: BTreeSet<usize> =
            of_it.filter_map(|spot| self.wanted.get(&spot.values)).flatten().copied().collect();
        let key = pick(row, &self.key);
        self.found.extend(answered.into_iter().map(|at| (at, key.clone())));
    }
}

/// Where some columns stand among those that are read; they join them.
fn places_in(read: &mut Vec<String>, columns: &[String]) -> Vec<usize> {
    let place = |name: &String| {
        read.iter().position(|it| it == name).unwrap_or_else(|| {
            read.push(name.clone());
            read.len() - 1
        })
    };
    columns.iter().map(place).collect()
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
    let place = (referrer.holder.name.clone(), label(referrer), table.to_owned());
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
