//! The order in which writes can run with every constraint on: pure.
//!
//! Answers for parents before children, for unique values being freed before they are taken, and for
//! circles: a reference is first written as NULL and filled in later, a swapped unique value goes
//! through a temporary one. What can't be ordered is refused.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::operations::{Operation, Verb};
use crate::catalog::{Kind, Table};
use crate::compare::model::Model;
use crate::compare::sides::as_collated;
use crate::database::Value;

/// Writes in an order that the target's constraints accept.
#[derive(Debug)]
pub struct Ordered {
    pub operations: Vec<Operation>,
    /// Some circle can only be written with deferrable constraints checked at the end.
    pub deferred: bool,
}

/// Writes that no order satisfies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "these writes need each other and none can wait: {0}; make one of the references nullable or its \
     constraint deferrable on the target"
)]
pub struct Unorderable(pub String);

/// Orders the writes.
pub fn order(model: &Model, operations: Vec<Operation>) -> Result<Ordered, Unorderable> {
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
        let (sorted, stuck) = graph.sort();
        if stuck.is_empty() {
            let mut taken: Vec<Option<Operation>> = work.operations.into_iter().map(Some).collect();
            let operations = sorted.into_iter().filter_map(|index| taken[index].take()).collect();
            return Ok(Ordered { operations, deferred: !work.deferred.is_empty() });
        }
        for circle in graph.circles(&stuck) {
            work.open(&circle)?;
        }
        // Opening a circle splits a write in two; each can be split a few times at most.
        if work.operations.len() > limit {
            return Err(Unorderable(format!("{} writes", stuck.len())));
        }
    }
}

/// Why one write must come before another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Because {
    /// The later one is a further write of the same row.
    SameRow,
    /// The later one refers, by these columns, to what the earlier one makes.
    Refers { columns: Vec<String>, constraint: String, deferrable: bool },
    /// The earlier one lets go of what the later one removes.
    LetsGo { columns: Vec<String>, constraint: String, deferrable: bool },
    /// The earlier one frees the unique values that the later one takes.
    Frees { columns: Vec<String> },
}

/// A table, columns and the values they hold together.
type Held = (String, Vec<String>, Vec<Value>);

struct Work<'m> {
    model: &'m Model,
    operations: Vec<Operation>,
    /// The write of the same row that must come first.
    after: Vec<Option<usize>>,
    /// Which writes are of one row: the first one's index. Their order is given by `after` alone.
    row: Vec<usize>,
    /// Constraints that are left to the end.
    deferred: BTreeSet<String>,
    vacated: usize,
}

/// Edges from each write to those that must come later.
struct Graph {
    later: Vec<BTreeMap<usize, Because>>,
}

impl Work<'_> {
    fn table(&self, index: usize) -> &Table {
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

    fn reference_edges(&self, graph: &mut Graph) {
        let mut made: HashMap<Held, usize> = HashMap::new();
        let mut removed: HashMap<Held, usize> = HashMap::new();
        let referred: BTreeSet<(String, Vec<String>)> = self
            .operations
            .iter()
            .flat_map(|operation| &operation.table(self.model).foreign_keys)
            .map(|key| (key.to_table.clone(), key.to_columns.clone()))
            .collect();
        for (index, operation) in self.operations.iter().enumerate() {
            let table = &self.table(index).name;
            for (_, columns) in referred.iter().filter(|(to, _)| to == table) {
                let (old, new) = (before(operation, columns), after(operation, columns));
                if old == new {
                    continue;
                }
                let place = |values| (table.clone(), columns.clone(), values);
                made.extend(new.map(|values| (place(values), index)));
                removed.extend(old.map(|values| (place(values), index)));
            }
        }
        for (index, operation) in self.operations.iter().enumerate() {
            for key in &self.table(index).foreign_keys {
                if self.deferred.contains(&key.name) {
                    continue;
                }
                let place = |values| (key.to_table.clone(), key.to_columns.clone(), values);
                let (old, new) = (before(operation, &key.columns), after(operation, &key.columns));
                if let Some(maker) = new.clone().and_then(|values| made.get(&place(values))) {
                    let because = Because::Refers {
                        columns: key.columns.clone(),
                        constraint: key.name.clone(),
                        deferrable: key.deferrable,
                    };
                    self.edge(graph, *maker, index, because);
                }
                if old != new
                    && let Some(remover) = old.and_then(|values| removed.get(&place(values)))
                {
                    let because = Because::LetsGo {
                        columns: key.columns.clone(),
                        constraint: key.name.clone(),
                        deferrable: key.deferrable,
                    };
                    self.edge(graph, index, *remover, because);
                }
            }
        }
    }

    fn unique_edges(&self, graph: &mut Graph) {
        let mut freed: HashMap<Held, usize> = HashMap::new();
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
                        (table.name.clone(), columns.clone(), values)
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
        for (_, later, because) in circle {
            if let Because::Refers { columns, .. } = because
                && self.can_be_null(*later, columns)
            {
                self.fill_later(*later, &columns.clone());
                return Ok(());
            }
        }
        for (earlier, _, because) in circle {
            if let Because::LetsGo { columns, .. } = because
                && let Some(column) = self.can_let_go(*earlier, columns)
            {
                self.vacate(*earlier, column, Value::Null);
                return Ok(());
            }
        }
        for (earlier, _, because) in circle {
            if let Because::Frees { columns } = because
                && let Some((column, value)) = self.temporary(*earlier, columns)
            {
                self.vacate(*earlier, column, value);
                return Ok(());
            }
        }
        for (_, _, because) in circle {
            if let Because::Refers { constraint, deferrable: true, .. }
            | Because::LetsGo { constraint, deferrable: true, .. } = because
            {
                self.deferred.insert(constraint.clone());
                return Ok(());
            }
        }
        let named: BTreeSet<String> = circle
            .iter()
            .map(|(index, _, _)| {
                let key = &self.operations[*index].key;
                let values: Vec<_> = key.values().map(Value::display).collect();
                format!("{} {}", self.table(*index).name, values.join(","))
            })
            .collect();
        Err(Unorderable(named.into_iter().collect::<Vec<_>>().join(", ")))
    }

    fn can_be_null(&self, index: usize, columns: &[String]) -> bool {
        let table = self.table(index);
        let operation = &self.operations[index];
        columns.iter().all(|name| {
            let nullable = table.column(name).is_some_and(|column| column.nullable);
            nullable && !table.primary_key.contains(name) && operation.set.contains_key(name)
        })
    }

    /// A column that ends a reference by becoming NULL before the row itself is written or deleted.
    fn can_let_go(&self, index: usize, columns: &[String]) -> Option<String> {
        let table = self.table(index);
        let nullable = |name: &&String| {
            let may = table.column(name).is_some_and(|column| column.nullable);
            may && !table.primary_key.contains(name)
        };
        columns.iter().find(nullable).cloned()
    }

    /// Writes NULL first, and the reference itself in a further write.
    fn fill_later(&mut self, index: usize, columns: &[String]) {
        let first = &mut self.operations[index];
        let mut set = BTreeMap::new();
        for name in columns {
            if let Some(value) = first.set.insert(name.clone(), Value::Null) {
                set.insert(name.clone(), value);
            }
        }
        let mut old = first.old.clone();
        old.extend(first.set.clone());
        let key = first
            .key
            .iter()
            .map(|(name, value)| (name.clone(), first.after(name).unwrap_or(value).clone()))
            .collect();
        let (node, record) = (first.node, first.record);
        let second = Operation { verb: Verb::Update, node, record, key, set, old };
        self.operations.push(second);
        self.after.push(Some(index));
        self.row.push(self.row[index]);
    }

    /// A column of a unique key and a value that nothing else holds, if the row can take one.
    fn temporary(&self, index: usize, columns: &[String]) -> Option<(String, Value)> {
        let operation = &self.operations[index];
        let table = self.table(index);
        let key: BTreeSet<&String> = operation.key.keys().collect();
        let usable = |name: &&String| !key.contains(*name) && !table.primary_key.contains(*name);
        let nullable = columns
            .iter()
            .filter(usable)
            .find(|name| table.column(name).is_some_and(|column| column.nullable));
        if let Some(name) = nullable {
            return Some((name.clone(), Value::Null));
        }
        columns.iter().filter(usable).find_map(|name| {
            let refers = table.foreign_keys.iter().any(|key| key.columns.contains(name));
            let kind = table.column(name)?.kind;
            let value = temporary_value(kind, self.vacated)?;
            (!refers).then_some((name.clone(), value))
        })
    }

    /// Moves a row's unique value out of the way before the row itself is written.
    fn vacate(&mut self, index: usize, column: String, value: Value) {
        self.vacated += 1;
        let last = &mut self.operations[index];
        let set = BTreeMap::from([(column.clone(), value.clone())]);
        let first = Operation {
            verb: Verb::Update,
            node: last.node,
            record: last.record,
            key: last.key.clone(),
            set,
            old: last.old.clone(),
        };
        // A column that the write itself leaves alone gets back what it held.
        if let (Verb::Update, Some(held)) = (last.verb, last.old.get(&column).cloned()) {
            last.set.entry(column.clone()).or_insert(held);
        }
        last.old.insert(column, value);
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

/// A value that no shop holds: deep in the negative numbers, or text with a marker.
fn temporary_value(kind: Kind, count: usize) -> Option<Value> {
    match kind {
        Kind::Integer => {
            // Within 32 bits, the width of most columns.
            Some(Value::Integer(i64::from(i32::MIN) + 1 + i64::try_from(count).ok()?))
        }
        Kind::Decimal => Some(Value::Decimal(format!("-{}", 1_000_000 + count))),
        Kind::Text => Some(Value::Text(format!("~{count}~"))),
        Kind::Uuid => Some(Value::Other(format!("00000000-0000-4000-8000-{count:012x}"))),
        _ => None,
    }
}

fn unique_keys(table: &Table) -> impl Iterator<Item = &Vec<String>> {
    std::iter::once(&table.primary_key)
        .chain(table.unique_keys.iter().map(|key| &key.columns))
        .filter(|columns| !columns.is_empty())
}

fn before(operation: &Operation, columns: &[String]) -> Option<Vec<Value>> {
    columns
        .iter()
        .map(|name| operation.old.get(name).filter(|value| !value.is_null()).cloned())
        .collect()
}

fn after(operation: &Operation, columns: &[String]) -> Option<Vec<Value>> {
    columns
        .iter()
        .map(|name| operation.after(name).filter(|value| !value.is_null()).cloned())
        .collect()
}

impl Graph {
    fn edge(&mut self, earlier: usize, later: usize, because: Because) {
        self.later[earlier].entry(later).or_insert(because);
    }

    /// The writes in order, and those that stand in or behind a circle.
    fn sort(&self) -> (Vec<usize>, BTreeSet<usize>) {
        let mut waits = vec![0usize; self.later.len()];
        for later in self.later.iter().flat_map(BTreeMap::keys) {
            waits[*later] += 1;
        }
        let mut ready: VecDeque<usize> =
            (0..waits.len()).filter(|index| waits[*index] == 0).collect();
        let mut sorted = Vec::with_capacity(waits.len());
        while let Some(index) = ready.pop_front() {
            sorted.push(index);
            for later in self.later[index].keys() {
                waits[*later] -= 1;
                if waits[*later] == 0 {
                    ready.push_back(*later);
                }
            }
        }
        let stuck = (0..waits.len()).filter(|index| waits[*index] > 0).collect();
        (sorted, stuck)
    }

    /// Circles among the stuck writes that share no write.
    fn circles(&self, stuck: &BTreeSet<usize>) -> Vec<Vec<(usize, usize, Because)>> {
        let mut earlier: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for from in stuck {
            for to in self.later[*from].keys().filter(|to| stuck.contains(to)) {
                earlier.entry(*to).or_default().push(*from);
            }
        }
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        let mut circles = Vec::new();
        for start in stuck {
            let mut path: Vec<usize> = Vec::new();
            let mut at = *start;
            // Every stuck write waits for a stuck one, so walking back must come round.
            while !seen.contains(&at) {
                seen.insert(at);
                path.push(at);
                let Some(back) = earlier.get(&at).and_then(|list| list.first()) else { break };
                at = *back;
            }
            if let Some(position) = path.iter().position(|index| *index == at) {
                let mut round: Vec<usize> = path[position..].to_vec();
                round.reverse();
                circles.push(self.edges_of(&round));
            }
        }
        circles
    }

    fn edges_of(&self, round: &[usize]) -> Vec<(usize, usize, Because)> {
        let next = round.iter().cycle().skip(1);
        round
            .iter()
            .zip(next)
            .filter_map(|(from, to)| {
                self.later[*from].get(to).map(|because| (*from, *to, because.clone()))
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
