//! What the target's rows of one record should become: pure, from a draft and an answer.
//!
//! Answers for pairing owned rows within their parents, for which values are written, and for which
//! columns differ. It draws no IDs and reads no rows: values that only a run can know stand open.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::draft::{Draft, Link, Linked, Links};
use super::model::{Model, Node, NodeId, PairedBy, Presence, Reference, Role};
use super::record::{Record, RecordRow};
use super::sides::pick;
use super::spots::{At, Position, as_kind, like, rewritten};
use crate::catalog::Kind;
use crate::database::Value;
use crate::plan::change::Answer;

/// One column of a wanted row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// The database keeps what it has, or fills in the default.
    Leave,
    Value(Value),
    /// Part of a reference to a row that has no counterpart yet. Carries the source's value.
    Open(Value),
}

impl Cell {
    /// In the form in which a column of a kind holds it.
    #[must_use]
    pub fn as_kind(self, kind: Kind) -> Self {
        let form = |value: Value| as_kind(&value, kind).unwrap_or(value);
        match self {
            Self::Leave => Self::Leave,
            Self::Value(value) => Self::Value(form(value)),
            Self::Open(value) => Self::Open(form(value)),
        }
    }

    /// In the form of the ID that stood there.
    #[must_use]
    pub fn like(self, old: &Self) -> Self {
        match (self, old.value()) {
            (Self::Value(new), Some(old)) => Self::Value(like(old, &new)),
            (new, _) => new,
        }
    }

    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Leave => None,
            Self::Value(value) | Self::Open(value) => Some(value),
        }
    }
}

#[derive(Debug, Clone)]
pub struct WantedRow {
    pub node: NodeId,
    /// Index of the parent among the wanted rows.
    pub parent: Option<usize>,
    /// Index of the row in the source's record.
    pub source: usize,
    /// Index of the row in the target's record that it is; none: it is inserted.
    pub current: Option<usize>,
    /// In the order of the node's columns.
    pub cells: Vec<Cell>,
    /// References of the node whose row has no counterpart on the target.
    pub open: Vec<usize>,
    /// References into never-synchronized tables that an insert needs and can't have.
    pub unmet: Vec<usize>,
}

/// The rows a record should have, and those of the target that go.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Parents before children.
    pub rows: Vec<WantedRow>,
    /// Indexes into the target's record, parents before children.
    pub removed: Vec<usize>,
}

/// Works out what the target's rows become when a draft is carried out with an answer.
pub fn wanted_by(model: &Model, draft: &Draft, answer: Option<Answer>) -> Wanted {
    let mut pairing = match Pairing::new(model, draft, written_into(draft, answer)) {
        Ok(pairing) => pairing,
        Err(removal) => return removal,
    };
    pairing.rekeyed = draft.takes_new_id(answer).is_some();
    pairing.numbering = match answer {
        Some(Answer::Renumber) => Numbering::Drawn,
        _ => Numbering::Source,
    };
    pairing.finish()
}

/// The same for a given target record, which the source's content goes into; none: everything is
/// inserted.
pub fn wanted(model: &Model, draft: &Draft, current: Option<&Record>) -> Wanted {
    match Pairing::new(model, draft, current) {
        Ok(pairing) => pairing.finish(),
        Err(removal) => removal,
    }
}

/// Where a new root takes its ID from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbering {
    Source,
    /// The run draws one; until then it stands open.
    Drawn,
}

/// Which target record an answer writes into.
pub fn written_into(draft: &Draft, answer: Option<Answer>) -> Option<&Record> {
    match answer {
        Some(Answer::Renumber) => None,
        _ => draft.current.as_ref(),
    }
}

struct Pairing<'a> {
    model: &'a Model,
    source: &'a Record,
    links: &'a Links,
    /// What the root's path becomes where another record holds the one it would have.
    gives_way: Option<&'a Cell>,
    taken_back: &'a BTreeSet<(usize, usize)>,
    current: Option<&'a Record>,
    numbering: Numbering,
    /// The root takes another ID, so what the application derived from the old one goes.
    rekeyed: bool,
    wanted: Wanted,
    /// The source's rows by table and key, for references within the record.
    own: HashMap<(&'a str, Vec<Value>), usize>,
    /// What is decided of the source's rows: which row of the target's record each is, if any.
    settled: HashMap<usize, Option<usize>>,
}

impl<'a> Pairing<'a> {
    /// `Err` for a deletion, which pairs nothing: every row goes.
    fn new(
        model: &'a Model,
        draft: &'a Draft,
        current: Option<&'a Record>,
    ) -> Result<Self, Wanted> {
        let Some(source) = &draft.source else {
            let rows = current.map_or(0, |record| record.rows.len());
            return Err(Wanted { rows: Vec::new(), removed: (0..rows).collect() });
        };
        let place = |row: &RecordRow| (model.nodes[row.node].table.as_str(), row.key(model));
        Ok(Self {
            model,
            source,
            links: &draft.links,
            gives_way: draft.gives_way.as_ref(),
            taken_back: &draft.taken_back,
            current,
            numbering: Numbering::Source,
            rekeyed: false,
            wanted: Wanted::default(),
            own: source.rows.iter().enumerate().map(|(at, row)| (place(row), at)).collect(),
            settled: HashMap::new(),
        })
    }

    fn finish(mut self) -> Wanted {
        let current = self.current.map(|_| 0);
        self.add(0, None, current);
        self.wanted
    }

    /// Adds a source row and all rows below it.
    fn add(&mut self, source: usize, parent: Option<usize>, current: Option<usize>) {
        self.settled.insert(source, current);
        let row = &self.source.rows[source];
        let node = &self.model.nodes[row.node];
        let here = current.and_then(|index| self.current.map(|record| &record.rows[index]));
        let cells = self.cells(node, source, parent, here);
        let (open, unmet) = self.unresolved(node, source, &cells, here.is_none());
        self.wanted.rows.push(WantedRow {
            node: row.node,
            parent,
            source,
            current,
            cells,
            open,
            unmet,
        });
        let above = self.wanted.rows.len() - 1;
        for child in &node.owns {
            self.add_children(*child, source, above, current);
            if self.rekeyed && source == 0 && self.model.nodes[*child].derived {
                self.remove_derived(*child);
            }
        }
    }

    fn add_children(&mut self, child: NodeId, source: usize, above: usize, current: Option<usize>) {
        let sources = children(self.source, child, source);
        let currents = match (self.current, current) {
            (Some(record), Some(current)) => children(record, child, current),
            _ => Vec::new(),
        };
        let pairs = self.pair(child, &sources, &currents, above);
        for (source, current) in sources.iter().zip(&pairs) {
            self.add(*source, Some(above), *current);
        }
        for gone in currents.into_iter().filter(|current| !pairs.contains(&Some(*current))) {
            self.remove(gone);
        }
    }

    fn remove_derived(&mut self, child: NodeId) {
        let rows = self.current.iter().flat_map(|record| record.rows.iter().enumerate());
        let derived: Vec<usize> =
            rows.filter(|(_, row)| row.node == child).map(|(at, _)| at).collect();
        for row in derived {
            self.remove(row);
        }
    }

    /// Removes a target row with everything it owns, whatever the filters say.
    fn remove(&mut self, row: usize) {
        self.wanted.removed.push(row);
        let Some(record) = self.current else { return };
        let below: Vec<usize> = (0..record.rows.len())
            .filter(|index| record.rows[*index].parent == Some(row))
            .collect();
        for index in below {
            self.remove(index);
        }
    }

    /// For each source row the target row of the same parent that it is. What a row refers to is part
    /// of what it is, so rows that refer to others of their table come after those.
    fn pair(
        &mut self,
        child: NodeId,
        sources: &[usize],
        currents: &[usize],
        above: usize,
    ) -> Vec<Option<usize>> {
        let node = &self.model.nodes[child];
        let mut pairs = vec![None; sources.len()];
        let Some(record) = self.current else { return pairs };
        let parent = node.parent.as_ref();
        if node.key.iter().all(|column| parent.is_some_and(|p| p.columns.contains(column))) {
            // One row a parent: the key is the parent reference.
            if let ([_], [only]) = (sources, currents) {
                pairs[0] = Some(*only);
            }
            return pairs;
        }
        let mut free: BTreeSet<usize> = currents.iter().copied().collect();
        let mut waiting: BTreeSet<usize> = (0..sources.len()).collect();
        while !waiting.is_empty() {
            let later: BTreeSet<usize> = waiting.iter().map(|at| sources[*at]).collect();
            let mut ready = waiting.clone();
            ready.retain(|at| !self.refers_to_any(node, sources[*at], &later));
            if ready.is_empty() {
                // They refer to each other in a circle.
                ready.clone_from(&waiting);
            }
            let cells =
                ready.iter().map(|at| (*at, self.cells(node, sources[*at], Some(above), None)));
            for (our, their) in
                pair_rows((node, self.model.paired_by), &cells.collect(), record, &mut free)
            {
                pairs[our] = Some(their);
            }
            for at in ready {
                waiting.remove(&at);
                self.settled.insert(sources[at], pairs[at]);
            }
        }
        pairs
    }

    fn refers_to_any(&self, node: &Node, source: usize, rows: &BTreeSet<usize>) -> bool {
        let mut links = (0..node.references.len()).flat_map(|index| self.links.of(source, index));
        links.any(|linked| {
            let row = self.own_row(node, linked);
            row.is_some_and(|row| row != source && rows.contains(&row))
        })
    }

    /// The row of the same record that a link points to.
    fn own_row(&self, node: &Node, linked: &Linked) -> Option<usize> {
        let Link::Row { key, .. } = &linked.link else { return None };
        let table = node.references[linked.reference].to_table.as_str();
        self.own.get(&(table, key.clone())).copied()
    }

    /// The values that a reference to a row would hold on the target; `None` where the row has no
    /// counterpart. Within the record the pairing decides.
    fn there(&self, node: &Node, linked: &Linked) -> Option<Vec<Value>> {
        let Link::Row { there, .. } = &linked.link else { return None };
        let settled = self.own_row(node, linked).and_then(|row| self.settled.get(&row));
        let Some(current) = settled else { return there.clone() };
        let row = &self.current?.rows[(*current)?];
        let to = &self.model.nodes[row.node];
        let columns = node.references[linked.reference].to_columns.iter();
        columns.map(|name| Some(row.values[to.column(name)?].clone())).collect()
    }

    /// A source row's values as the target would hold them.
    fn cells(
        &self,
        node: &Node,
        source: usize,
        parent: Option<usize>,
        here: Option<&RecordRow>,
    ) -> Vec<Cell> {
        let row = &self.source.rows[source];
        let mut cells: Vec<Cell> = node
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| match (&column.on, column.role) {
                (Presence::TargetOnly { .. } | Presence::SourceOnly { .. }, _)
                | (_, Role::Generated) => Cell::Leave,
                (Presence::Both, Role::Place) => match here {
                    Some(here) => Cell::Value(here.values[index].clone()),
                    None if parent.is_none()
                        && self.numbering == Numbering::Drawn
                        && node.key.contains(&index) =>
                    {
                        Cell::Open(row.values[index].clone())
                    }
                    None => Cell::Value(row.values[index].clone()),
                },
                (Presence::Both, Role::Reset) => Cell::Value(column.reset.clone()),
                (Presence::Both, Role::Content | Role::Ignored) => {
                    Cell::Value(column.cut(&row.values[index]))
                }
                (Presence::Both, _) if self.taken_back.contains(&(source, index)) => {
                    Cell::Value(column.cut(&row.values[index]))
                }
                (Presence::Both, Role::KeptSource | Role::Foreign) if here.is_none() => {
                    Cell::Value(column.cut(&row.values[index]))
                }
                (Presence::Both, Role::KeptDefault | Role::KeptSource | Role::Foreign) => {
                    Cell::Leave
                }
            })
            .collect();
        self.refer(node, source, &mut cells, here.is_some());
        if let (Some(link), Some(parent)) = (&node.parent, parent) {
            let above = &self.wanted.rows[parent];
            for ((column, to), kind) in link.columns.iter().zip(&link.to).zip(&link.kinds) {
                cells[*column] = above.cells[*to].clone().as_kind(*kind);
            }
        }
        if let (Some(tree), Some(path)) = (&node.tree, self.gives_way) {
            cells[tree.path] = path.clone();
        }
        cells
    }

    /// Puts what a row's references become on the target into its cells.
    fn refer(&self, node: &Node, source: usize, cells: &mut [Cell], matched: bool) {
        let mut inside: BTreeMap<usize, Vec<(&Position, Option<Value>)>> = BTreeMap::new();
        for (index, reference) in node.references.iter().enumerate() {
            for linked in self.links.of(source, index) {
                if linked.link == Link::Dangling {
                    continue;
                }
                let there = self.there(node, linked);
                match &linked.at {
                    At::Whole => translate(node, reference, there.as_deref(), cells, matched),
                    At::Inside(_)
                        if reference.leaves(node.columns[reference.columns[0]].role, matched) => {}
                    At::Inside(position) => {
                        let id = there.and_then(|values| values.into_iter().next());
                        inside.entry(reference.columns[0]).or_default().push((position, id));
                    }
                }
            }
        }
        for (column, ids) in inside {
            if let Cell::Value(_) = &cells[column] {
                cells[column] = rewrite(&self.source.rows[source].values[column], &ids);
            }
        }
    }

    fn unresolved(
        &self,
        node: &Node,
        source: usize,
        cells: &[Cell],
        inserted: bool,
    ) -> (Vec<usize>, Vec<usize>) {
        let (mut open, mut unmet) = (Vec::new(), Vec::new());
        for (index, reference) in node.references.iter().enumerate() {
            let above = node.parent.as_ref().is_some_and(|p| p.columns == reference.columns);
            let links = self.links.of(source, index).iter();
            let is_open = |linked: &Linked| {
                linked.link != Link::Dangling && self.there(node, linked).is_none()
            };
            if !links.clone().any(is_open) {
                continue;
            }
            // What isn't written misses nothing: kept columns, and those that one side lacks.
            let left = reference.columns.iter().all(|column| cells[*column] == Cell::Leave);
            if above || left {
                continue;
            }
            if !reference.foreign || !reference.within.is_whole() {
                open.push(index);
            } else if inserted && !reference.nullable && reference.none.is_none() {
                unmet.push(index);
            }
        }
        (open, unmet)
    }
}

/// Puts what a reference becomes on the target into a row's cells.
fn translate(
    node: &Node,
    reference: &Reference,
    there: Option<&[Value]>,
    cells: &mut [Cell],
    matched: bool,
) {
    for (position, column) in reference.columns.iter().enumerate() {
        let role = node.columns[*column].role;
        if matched && reference.foreign && role == Role::Content {
            cells[*column] = Cell::Leave;
        }
        if reference.leaves(role, matched) || cells[*column] == Cell::Leave {
            continue;
        }
        cells[*column] = match (there, cells[*column].value()) {
            (Some(there), Some(value)) => Cell::Value(like(value, &there[position])),
            (None, Some(value)) if reference.foreign => {
                let nothing = reference.none.as_ref().map(|none| like(value, none));
                Cell::Value(nothing.unwrap_or(Value::Null))
            }
            (None, Some(value)) => Cell::Open(value.clone()),
            (_, None) => Cell::Leave,
        };
    }
}

/// A value with the IDs that its places get; open while one of them isn't known.
pub fn rewrite(value: &Value, ids: &[(&Position, Option<Value>)]) -> Cell {
    let known: Vec<(&Position, &Value)> =
        ids.iter().filter_map(|(place, id)| id.as_ref().map(|id| (*place, id))).collect();
    let value = rewritten(value, &known);
    if known.len() == ids.len() { Cell::Value(value) } else { Cell::Open(value) }
}

/// Pairs some source rows, given as the target would hold them, with free rows of the target: by
/// identity; those whose identity has an empty part or stands twice, and all where none is given, by
/// key, then by content.
fn pair_rows(
    (node, paired_by): (&Node, PairedBy),
    cells: &BTreeMap<usize, Vec<Cell>>,
    record: &Record,
    free: &mut BTreeSet<usize>,
) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut open: BTreeSet<usize> = cells.keys().copied().collect();
    let ours = |open: &BTreeSet<usize>, columns: &[usize], rule: Rule| {
        group(open.iter().map(|at| (*at, cells_of(&cells[at], columns))), rule)
    };
    let theirs = |free: &BTreeSet<usize>, columns: &[usize], rule: Rule| {
        group(free.iter().map(|at| (*at, Some(pick(&record.rows[*at].values, columns)))), rule)
    };
    // A whole identity that has no partner stands for a row of its own, as does one that refers to a
    // row that isn't there yet.
    let alone: BTreeSet<usize> = {
        let theirs = theirs(free, &node.identity, Rule::Identity);
        let told = ours(&open, &node.identity, Rule::Identity);
        let is_alone = |at: &usize| match cells_of(&cells[at], &node.identity) {
            None => true,
            Some(values) => {
                told.get(&values).is_some_and(|rows| rows.len() == 1)
                    && !theirs.contains_key(&values)
            }
        };
        open.iter().copied().filter(is_alone).collect()
    };
    let mut join = |columns: &[usize], rule: Rule, open: &mut BTreeSet<usize>| {
        let theirs = theirs(free, columns, rule);
        for (values, ours) in ours(open, columns, rule) {
            let Some(theirs) = theirs.get(&values) else { continue };
            if rule != Rule::Content && (ours.len() > 1 || theirs.len() > 1) {
                continue;
            }
            for (our, their) in ours.iter().zip(theirs) {
                pairs.push((*our, *their));
                open.remove(our);
                free.remove(their);
            }
        }
    };
    if paired_by == PairedBy::Key {
        join(&node.key, Rule::Key, &mut open);
        return pairs;
    }
    if !node.identity.is_empty() {
        join(&node.identity, Rule::Identity, &mut open);
        open.retain(|at| !alone.contains(at));
    }
    join(&node.key, Rule::Key, &mut open);
    let content: Vec<usize> = node.content().collect();
    join(&content, Rule::Content, &mut open);
    pairs
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Identity,
    Key,
    /// Doubles are legal: they are paired in order.
    Content,
}

/// Rows by their values. Rows with an open or, where it matters, an empty value are left out.
fn group(
    rows: impl Iterator<Item = (usize, Option<Vec<Value>>)>,
    rule: Rule,
) -> BTreeMap<Vec<Value>, Vec<usize>> {
    let mut groups: BTreeMap<Vec<Value>, Vec<usize>> = BTreeMap::new();
    for (index, values) in rows {
        let Some(values) = values else { continue };
        if rule == Rule::Identity && values.iter().any(Value::is_empty) {
            continue;
        }
        groups.entry(values).or_default().push(index);
    }
    groups
}

/// The values of some cells; `None` where one is open.
fn cells_of(cells: &[Cell], columns: &[usize]) -> Option<Vec<Value>> {
    columns
        .iter()
        .map(|column| match &cells[*column] {
            Cell::Value(value) => Some(value.clone()),
            Cell::Leave => Some(Value::Null),
            Cell::Open(_) => None,
        })
        .collect()
}

/// The rows of one table below one parent that belong to the module.
fn children(record: &Record, node: NodeId, parent: usize) -> Vec<usize> {
    (0..record.rows.len())
        .filter(|index| {
            let row = &record.rows[*index];
            row.node == node && row.parent == Some(parent) && row.in_filter
        })
        .collect()
}

/// Indexes of the content columns in which a matched row differs.
pub fn differing(node: &Node, row: &WantedRow, current: &RecordRow) -> Vec<usize> {
    node.content()
        .filter(|column| match &row.cells[*column] {
            Cell::Value(value) => !node.columns[*column].same(value, &current.values[*column]),
            Cell::Open(_) => true,
            Cell::Leave => false,
        })
        .collect()
}

/// Nothing would be written.
pub fn is_unchanged(model: &Model, wanted: &Wanted, current: &Record) -> bool {
    wanted.removed.is_empty()
        && wanted.rows.iter().all(|row| match row.current {
            None => false,
            Some(index) => differing(&model.nodes[row.node], row, &current.rows[index]).is_empty(),
        })
}
