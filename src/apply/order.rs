//! The order in which writes can run with every constraint on: pure.
//!
//! Answers for parents before children, for unique values being freed before they are taken, and for
//! circles: a reference is first written as NULL and filled in later, a swapped unique value goes
//! through a temporary one, and where none is valid the row is taken out and put back. What can't be
//! ordered is refused.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use super::operations::{ByName, Operation, Verb, held};
use crate::catalog::{ForeignKey, OnDelete, Table};
use crate::compare::model::Model;
use crate::compare::shown_key;
use crate::compare::sides::as_collated;
use crate::database::Value;

mod graph;
mod temporary;

use graph::{Because, Graph};
use temporary::temporary_value;

/// Writes in an order that the target's constraints accept.
#[derive(Debug)]
pub struct Ordered<'m> {
    /// The writes of a group are alike (same table, verb and columns), each of another row, and none
    /// needs another one of its group.
    pub groups: Vec<Vec<Operation<'m>>>,
    /// Some circle can only be written with deferrable constraints checked at the end.
    pub deferred: bool,
}

/// Writes that no order satisfies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unorderable {
    #[error(
        "these writes need each other and none can wait: {writes}; make one of the references \
         nullable or its constraint deferrable on the target"
    )]
    References { writes: String },
    /// Unique values that go round.
    #[error(
        "these writes need each other and none can wait: {writes}; they exchange values of {columns}, \
         no value in between is sure to be valid there, and the rows can't be deleted and inserted \
         again, since other rows may refer to them or triggers would fire; exchange the values by hand"
    )]
    Values { writes: String, columns: String },
}

/// Orders the writes.
pub fn order<'m>(
    model: &'m Model,
    operations: Vec<Operation<'m>>,
) -> Result<Ordered<'m>, Unorderable> {
    let limit = 16 + operations.len() * 8;
    let mut work = Work {
        model,
        after: vec![None; operations.len()],
        row: (0..operations.len()).collect(),
        operations,
        deferred: BTreeSet::new(),
        vacated: 0,
    };
    loop {
        let graph = work.graph();
        let (rounds, stuck) = graph.sort();
        if stuck.is_empty() {
            let groups = grouped(work.operations, &rounds);
            return Ok(Ordered { groups, deferred: !work.deferred.is_empty() });
        }
        for circle in graph.circles(&stuck) {
            work.open(&circle)?;
        }
        // Opening a circle splits a write in two; each can be split a few times at most.
        if work.operations.len() > limit {
            return Err(Unorderable::References { writes: format!("{} writes", stuck.len()) });
        }
    }
}

/// Puts the writes of each round that are alike together, in the order in which their kinds appear.
fn grouped<'m>(operations: Vec<Operation<'m>>, rounds: &[Vec<usize>]) -> Vec<Vec<Operation<'m>>> {
    let mut taken: Vec<Option<Operation<'m>>> = operations.into_iter().map(Some).collect();
    let mut groups: Vec<Vec<Operation<'m>>> = Vec::new();
    for round in rounds {
        // By a hash of what is alike, so that no names are copied for it.
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        let hasher = RandomState::new();
        for mut operation in round.iter().filter_map(|index| taken[*index].take()) {
            // What a row was decides about the order alone; of many rows it is much.
            operation.old = BTreeMap::new();
            let known = places.entry(hasher.hash_one(Kind::of(&operation))).or_default();
            let found = known.iter().find(|at| Kind::of(&groups[**at][0]) == Kind::of(&operation));
            if let Some(at) = found {
                groups[*at].push(operation);
            } else {
                known.push(groups.len());
                groups.push(vec![operation]);
            }
        }
    }
    groups
}

/// What writes that go together have in common.
#[derive(PartialEq, Eq, Hash)]
struct Kind<'o> {
    node: usize,
    verb: Verb,
    key: Vec<&'o str>,
    set: Vec<&'o str>,
}

impl<'o> Kind<'o> {
    fn of(operation: &Operation<'o>) -> Self {
        let names = |map: &ByName<'o>| map.keys().copied().collect();
        let (node, verb) = (operation.node, operation.verb);
        Self { node, verb, key: names(&operation.key), set: names(&operation.set) }
    }
}

/// A table, columns and the values they hold together.
type Held<'w> = (&'w str, &'w [String], Vec<Value>);

struct Work<'m> {
    model: &'m Model,
    operations: Vec<Operation<'m>>,
    /// The write of the same row that must come first.
    after: Vec<Option<usize>>,
    /// Which writes are of one row: the first one's index. Their order is given by `after` alone.
    row: Vec<usize>,
    /// Constraints that are left to the end.
    deferred: BTreeSet<String>,
    vacated: usize,
}

impl<'m> Work<'m> {
    fn table(&self, index: usize) -> &'m Table {
        self.operations[index].table(self.model)
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph { later: vec![BTreeMap::new(); self.operations.len()] };
        for (index, before) in self.after.iter().enumerate() {
            if let Some(before) = before {
                graph.edge(*before, index, Because::SameRow);
            }
        }
        self.reference_edges(&mut graph);
        self.unique_edges(&mut graph);
        graph
    }

    /// An edge between writes of different rows.
    fn edge(&self, graph: &mut Graph, earlier: usize, later: usize, because: Because) {
        if self.row[earlier] != self.row[later] {
            graph.edge(earlier, later, because);
        }
    }

    /// Which write makes and which removes the values that foreign keys refer to.
    fn made_and_gone(&self) -> [HashMap<Held<'_>, usize>; 2] {
        let [mut made, mut gone] = [HashMap::new(), HashMap::new()];
        let nodes: BTreeSet<usize> = self.operations.iter().map(|it| it.node).collect();
        let keys = nodes.iter().flat_map(|node| &self.model.nodes[*node].target.foreign_keys);
        let referred: BTreeSet<(&str, &[String])> =
            keys.map(|key| (key.to_table.as_str(), key.to_columns.as_slice())).collect();
        for (index, operation) in self.operations.iter().enumerate() {
            let table = &self.table(index).name;
            for (to, columns) in referred.iter().filter(|(to, _)| to == table) {
                let (old, new) = (before(operation, columns), after(operation, columns));
                if old == new {
                    continue;
                }
                made.extend(new.map(|values| ((*to, *columns, values), index)));
                gone.extend(old.map(|values| ((*to, *columns, values), index)));
            }
        }
        [made, gone]
    }

    fn reference_edges(&self, graph: &mut Graph) {
        let [made, gone] = self.made_and_gone();
        for (index, operation) in self.operations.iter().enumerate() {
            for key in &self.table(index).foreign_keys {
                let place = |values| (key.to_table.as_str(), key.to_columns.as_slice(), values);
                let (old, new) = (before(operation, &key.columns), after(operation, &key.columns));
                let changes = old != new;
                let maker = new.and_then(|values| made.get(&place(values)));
                let remover = old
                    .filter(|_| changes || writes_again(operation, key))
                    .and_then(|values| gone.get(&place(values)));
                let waits = self.deferred.contains(&key.name);
                let can_wait = remover.is_none_or(|remover| self.can_wait(key, *remover));
                // What is only written again must be let go before anything acts on it.
                let may_wait = changes || can_wait;
                let names = || (key.columns.clone(), key.name.clone());
                if let (false, Some(maker)) = (waits && may_wait, maker) {
                    let (columns, constraint) = names();
                    let deferrable = key.deferrable && may_wait;
                    let because = Because::Refers { columns, constraint, deferrable };
                    self.edge(graph, *maker, index, because);
                }
                if let (false, Some(remover)) = (waits && can_wait, remover) {
                    let (columns, constraint) = names();
                    let (to, deferrable) = (key.to_columns.clone(), can_wait);
                    let because = Because::LetsGo { columns, to, constraint, deferrable };
                    self.edge(graph, index, *remover, because);
                }
            }
        }
    }

    /// Whether a constraint stands still until the end when what it refers to is removed. Whatever
    /// acts on a deletion does so at once, however late the constraint is checked.
    fn can_wait(&self, key: &ForeignKey, remover: usize) -> bool {
        let deletes = matches!(self.operations[remover].verb, Verb::Delete | Verb::TakeOut);
        key.deferrable && !(deletes && key.on_delete != OnDelete::NoAction)
    }

    fn unique_edges(&self, graph: &mut Graph) {
        let mut freed: HashMap<Held<'_>, usize> = HashMap::new();
        for pass in [Pass::Collect, Pass::Connect] {
            for (index, operation) in self.operations.iter().enumerate() {
                let table = self.table(index);
                for columns in unique_keys(table) {
                    let (old, new) = (before(operation, columns), after(operation, columns));
                    if old == new {
                        continue;
                    }
                    let place = |mut values: Vec<Value>| {
                        as_collated(table, columns, &mut values);
                        (table.name.as_str(), columns.as_slice(), values)
                    };
                    match pass {
                        Pass::Collect => freed.extend(old.map(|values| (place(values), index))),
                        Pass::Connect => {
                            if let Some(freer) = new.and_then(|values| freed.get(&place(values))) {
                                let columns = columns.clone();
                                self.edge(graph, *freer, index, Because::Frees { columns });
                            }
                        }
                    }
                }
            }
        }
    }

    /// Opens a circle at the place where that costs least.
    fn open(&mut self, circle: &[(usize, usize, Because)]) -> Result<(), Unorderable> {
        let opened = self.refer_later(circle)
            || self.let_go_first(circle)
            || self.pass_through(circle)
            || self.leave_to_the_end(circle)
            || self.take_one_out(circle)
            || self.risk_null(circle);
        if opened { Ok(()) } else { Err(self.unorderable(circle)) }
    }

    fn refer_later(&mut self, circle: &[(usize, usize, Because)]) -> bool {
        let found = circle.iter().find_map(|(_, later, because)| match because {
            Because::Refers { columns, .. } if self.can_be_null(*later, columns) => {
                Some((*later, columns))
            }
            _ => None,
        });
        found.map(|(later, columns)| self.fill_later(later, columns)).is_some()
    }

    fn let_go_first(&mut self, circle: &[(usize, usize, Because)]) -> bool {
        let found = circle.iter().find_map(|(earlier, _, because)| match because {
            Because::LetsGo { columns, .. } => {
                Some((*earlier, self.can_let_go(*earlier, columns)?))
            }
            _ => None,
        });
        found.map(|(earlier, column)| self.vacate(earlier, column, Value::Null)).is_some()
    }

    fn pass_through(&mut self, circle: &[(usize, usize, Because)]) -> bool {
        let found = circle.iter().find_map(|(earlier, _, because)| match because {
            Because::Frees { columns } => {
                let (column, value) = self.temporary(*earlier, columns)?;
                (!is_held(circle, *earlier, column)).then_some((*earlier, column, value))
            }
            _ => None,
        });
        found.map(|(earlier, column, value)| self.vacate(earlier, column, value)).is_some()
    }

    fn leave_to_the_end(&mut self, circle: &[(usize, usize, Because)]) -> bool {
        let found = circle.iter().find_map(|(_, _, because)| match because {
            Because::Refers { constraint, deferrable: true, .. }
            | Because::LetsGo { constraint, deferrable: true, .. } => Some(constraint),
            _ => None,
        });
        found.is_some_and(|constraint| self.deferred.insert(constraint.clone()))
    }

    fn take_one_out(&mut self, circle: &[(usize, usize, Because)]) -> bool {
        let found = circle.iter().find_map(|(earlier, _, because)| match because {
            Because::Frees { .. } | Because::LetsGo { .. } => {
                Some((*earlier, self.can_be_taken_out(*earlier)?))
            }
            Because::SameRow | Because::Refers { .. } => None,
        });
        let Some((earlier, constraints)) = found else { return false };
        self.deferred.extend(constraints);
        self.take_out(earlier);
        true
    }

    /// A check may refuse NULL, or not: nothing else is left to try.
    fn risk_null(&mut self, circle: &[(usize, usize, Because)]) -> bool {
        let found = circle.iter().find_map(|(earlier, _, because)| match because {
            Because::Frees { columns } => {
                let column = self.can_let_go(*earlier, columns)?;
                (!is_held(circle, *earlier, column)).then_some((*earlier, column))
            }
            _ => None,
        });
        found.map(|(earlier, column)| self.vacate(earlier, column, Value::Null)).is_some()
    }

    fn unorderable(&self, circle: &[(usize, usize, Because)]) -> Unorderable {
        let writes: BTreeSet<String> = circle
            .iter()
            .map(|(index, _, _)| {
                let key: Vec<Value> = self.operations[*index].key.values().cloned().collect();
                format!("{} {}", self.table(*index).name, shown_key(&key))
            })
            .collect();
        let columns: BTreeSet<String> = circle
            .iter()
            .filter_map(|(index, _, because)| match because {
                Because::Frees { columns } => {
                    Some(format!("{} ({})", self.table(*index).name, columns.join(", ")))
                }
                _ => None,
            })
            .collect();
        let join = |words: BTreeSet<String>| words.into_iter().collect::<Vec<_>>().join(", ");
        match columns.is_empty() {
            true => Unorderable::References { writes: join(writes) },
            false => Unorderable::Values { writes: join(writes), columns: join(columns) },
        }
    }

    fn can_be_null(&self, index: usize, columns: &[String]) -> bool {
        let table = self.table(index);
        let operation = &self.operations[index];
        columns.iter().all(|name| {
            let nullable = table.column(name).is_some_and(|column| column.nullable);
            nullable
                && !table.primary_key.contains(name)
                && operation.set.contains_key(name.as_str())
        })
    }

    /// A column that ends a reference by becoming NULL before the row itself is written or deleted.
    fn can_let_go(&self, index: usize, columns: &[String]) -> Option<&'m str> {
        let table = self.table(index);
        let nullable = |name: &&String| {
            let may = table.column(name).is_some_and(|column| column.nullable);
            may && !table.primary_key.contains(name)
        };
        columns.iter().find(nullable).and_then(|name| name_in(table, name))
    }

    /// Writes NULL first, and the reference itself in a further write.
    fn fill_later(&mut self, index: usize, columns: &[String]) {
        let first = &mut self.operations[index];
        let mut set = BTreeMap::new();
        for (name, value) in &mut first.set {
            if columns.iter().any(|column| column == name) {
                set.insert(*name, std::mem::replace(value, Value::Null));
            }
        }
        let mut old = first.old.clone();
        old.extend(first.set.clone());
        let key = first
            .key
            .iter()
            .map(|(name, value)| (*name, first.after(name).unwrap_or(value).clone()))
            .collect();
        let (node, record) = (first.node, first.record);
        let second = Operation { verb: Verb::Update, node, record, key, set, old };
        self.operations.push(second);
        self.after.push(Some(index));
        self.row.push(self.row[index]);
    }

    /// A column of a unique key and a value that nothing else holds, if the row can take one.
    fn temporary(&self, index: usize, columns: &[String]) -> Option<(&'m str, Value)> {
        let operation = &self.operations[index];
        let table = self.table(index);
        let usable = |name: &&String| {
            !operation.key.contains_key(name.as_str()) && !table.primary_key.contains(*name)
        };
        let one_null =
            table.unique_keys.iter().any(|key| key.nulls_equal && key.columns == columns);
        let may_be_null = |name: &&String| {
            let column = table.column(name);
            !one_null && column.is_some_and(|column| column.nullable && !column.checked)
        };
        if let Some(name) = columns.iter().filter(usable).find(may_be_null) {
            return Some((name_in(table, name)?, Value::Null));
        }
        columns.iter().filter(usable).find_map(|name| {
            let refers = table.foreign_keys.iter().any(|key| key.columns.contains(name));
            let value = temporary_value(table.column(name)?, self.vacated)?;
            (!refers).then_some((name_in(table, name)?, value))
        })
    }

    /// Whether a row can be deleted and inserted again without anybody noticing: its constraints
    /// that wait meanwhile. No foreign key may act on the deletion, and no trigger fire.
    fn can_be_taken_out(&self, index: usize) -> Option<Vec<String>> {
        let (operation, table) = (&self.operations[index], self.table(index));
        let known = |name: &str| operation.old.contains_key(name);
        let mut stored = table.columns.iter().filter(|column| !column.generated);
        let whole = stored.all(|column| known(&column.name));
        if operation.verb != Verb::Update || !whole || !table.triggers.is_empty() {
            return None;
        }
        let referrers = self.model.referrers.get(&table.name).into_iter().flatten();
        let keys = referrers.flat_map(|referrer| {
            let keys = referrer.holder.foreign_keys.iter();
            keys.filter(|key| key.to_table == table.name && key.columns == referrer.columns)
        });
        keys.map(|key| {
            let waits = key.deferrable && key.on_delete == OnDelete::NoAction;
            waits.then(|| key.name.clone())
        })
        .collect()
    }

    /// Splits an update into a deletion and an insert of the whole row, kept columns as they are.
    fn take_out(&mut self, index: usize) {
        let columns = self.table(index).columns.iter();
        let generated: BTreeSet<&str> =
            columns.filter(|column| column.generated).map(|column| column.name.as_str()).collect();
        let last = &mut self.operations[index];
        let key = last.key.clone();
        let old = std::mem::take(&mut last.old);
        for (name, value) in &old {
            if !generated.contains(name) {
                last.set.entry(name).or_insert_with(|| value.clone());
            }
        }
        for (name, value) in &mut last.key {
            if let Some(new) = last.set.get(name) {
                value.clone_from(new);
            }
        }
        last.verb = Verb::PutBack;
        let (node, record) = (last.node, last.record);
        let set = BTreeMap::new();
        self.put_first(index, Operation { verb: Verb::TakeOut, node, record, key, set, old });
    }

    /// Moves a row's unique value out of the way before the row itself is written.
    fn vacate(&mut self, index: usize, column: &'m str, value: Value) {
        self.vacated += 1;
        let last = &mut self.operations[index];
        let set = BTreeMap::from([(column, value.clone())]);
        let first = Operation {
            verb: Verb::Update,
            node: last.node,
            record: last.record,
            key: last.key.clone(),
            set,
            old: last.old.clone(),
        };
        // A column that the write itself leaves alone gets back what it held.
        if let (Verb::Update, Some(held)) = (last.verb, last.old.get(column).cloned()) {
            last.set.entry(column).or_insert(held);
        }
        last.old.insert(column, value);
        self.put_first(index, first);
    }

    /// Adds a write of the same row that must come before another.
    fn put_first(&mut self, index: usize, first: Operation<'m>) {
        self.operations.push(first);
        let new = self.operations.len() - 1;
        self.after.push(self.after[index]);
        self.row.push(self.row[index]);
        self.after[index] = Some(new);
    }
}

#[derive(Clone, Copy)]
enum Pass {
    Collect,
    Connect,
}

/// The write gives a reference the value it holds: what it refers to is removed and made anew.
fn writes_again(operation: &Operation<'_>, key: &ForeignKey) -> bool {
    operation.verb == Verb::Update
        && key.columns.iter().all(|name| operation.set.contains_key(name.as_str()))
}

/// Whoever waits for a write refers to it by this very column: a value in between doesn't help.
fn is_held(circle: &[(usize, usize, Because)], index: usize, column: &str) -> bool {
    circle.iter().any(|(_, later, because)| match because {
        Because::LetsGo { to, .. } => *later == index && to.iter().any(|name| name == column),
        _ => false,
    })
}

/// A column's name for as long as its table is known.
fn name_in<'m>(table: &'m Table, name: &str) -> Option<&'m str> {
    table.column(name).map(|column| column.name.as_str())
}

fn unique_keys(table: &Table) -> impl Iterator<Item = &Vec<String>> {
    std::iter::once(&table.primary_key)
        .chain(table.unique_keys.iter().map(|key| &key.columns))
        .filter(|columns| !columns.is_empty())
}

fn before(operation: &Operation<'_>, columns: &[String]) -> Option<Vec<Value>> {
    held(columns, |name| operation.old.get(name))
}

fn after(operation: &Operation<'_>, columns: &[String]) -> Option<Vec<Value>> {
    held(columns, |name| operation.after(name))
}
