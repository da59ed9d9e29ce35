//! One candidate record with everything known of it on both sides.
//!
//! Answers for loading records, classifying them and following their references. What would be
//! written is worked out in `wanted.rs`; reasons that come from other records in `checks.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::join;
use tokio::task::yield_now;

use super::classify::Verdict;
use super::matching::{Matcher, Outcome};
use super::model::{Model, NodeId, Reference, Side};
use super::names::Name;
use super::record::{Record, Records, load, load_both};
use super::scan::Candidates;
use super::sides::{Sides, as_collated, pick};
use super::spots::{At, Spot, spots};
use super::wanted::Cell;
use super::{Error, tree};
use crate::catalog::Kind;
use crate::database::{Row, Value};
use crate::plan::change::Answer;

/// What a record is, before other records are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// The same thing on both sides.
    Matched,
    /// The same thing under another identity.
    Renamed,
    New,
    Deleted,
    IdReused,
    IdDiffers,
    IdentityAmbiguous,
    /// Only when undoing: the record isn't what the run left behind.
    ChangedSince,
}

/// A record that may become a change.
#[derive(Debug, Clone)]
pub struct Draft {
    pub root: NodeId,
    /// The source's ID; the target's for a deletion.
    pub id: Vec<Value>,
    pub case: Case,
    pub source: Option<Record>,
    /// The target's record that this one is, would replace or would go into.
    pub current: Option<Record>,
    /// The target's record with the source's ID, which is something else and can't give way:
    /// beside `id-differs`, and where a remembered pair gives it to another record.
    pub in_the_way: Option<Record>,
    /// What the path of a tree's row becomes where another record holds the one it would have.
    pub gives_way: Option<Cell>,
    /// The source's key of a tree's row above, whose change of the plan decides the path of this one.
    pub led_by: Option<Vec<Value>>,
    /// Only when undoing: the matched record takes this ID back.
    pub former_id: Option<Vec<Value>>,
    /// Only when undoing: kept columns that are written after all, by index of the source record's
    /// row and of the column.
    pub taken_back: BTreeSet<(usize, usize)>,
    /// What the source record's rows refer to.
    pub links: Links,
    /// The same for the rows of `current`, names only: for the target's fingerprint.
    pub current_links: Links,
}

/// What the rows of a record refer to, in the order of rows and of their nodes' references.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links(Vec<Linked>);

/// One reference of one row, followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Index of the record's row.
    pub row: usize,
    /// Index of the reference in the row's node.
    pub reference: usize,
    /// Where in the row it stands.
    pub at: At,
    pub link: Link,
}

/// What a reference points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// No row stands behind the values.
    Dangling,
    Row {
        name: Name,
        /// The referred row's key on the side the reference was read from.
        key: Vec<Value>,
        /// The values the reference would hold on the other side; `None` where the row has no
        /// counterpart there.
        there: Option<Vec<Value>>,
    },
}

impl Links {
    pub fn new(mut all: Vec<Linked>) -> Self {
        all.sort_by(|a, b| (a.row, a.reference, &a.at).cmp(&(b.row, b.reference, &b.at)));
        Self(all)
    }

    /// What one reference of one row points to, wherever it stands in the row.
    pub fn of(&self, row: usize, reference: usize) -> &[Linked] {
        let place = |it: &Linked| (it.row, it.reference);
        let start = self.0.partition_point(|it| place(it) < (row, reference));
        let end = self.0.partition_point(|it| place(it) <= (row, reference));
        &self.0[start..end]
    }

    /// What a reference that is a whole column points to.
    pub fn whole(&self, row: usize, reference: usize) -> Option<&Link> {
        self.of(row, reference).iter().find(|it| it.at == At::Whole).map(|it| &it.link)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Linked> {
        self.0.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Linked> {
        self.0.iter_mut()
    }
}

/// Records are loaded this many at a time.
const CHUNK: usize = 500;

/// Drafts that are handed over without a rest, before what the databases sent gets its turn.
const AT_ONCE: usize = 16;

/// Classifies every candidate of one root table and hands each draft over, so that equal records
/// are forgotten at once; the next records are read meanwhile.
pub async fn drafts(
    matcher: &mut Matcher<'_>,
    root: NodeId,
    candidates: &Candidates,
    take: &mut impl FnMut(Draft),
) -> Result<(), Error> {
    let mut claimed: BTreeSet<Vec<Value>> = BTreeSet::new();
    let none = BTreeSet::new();
    let targets = candidates.target.get(&root).unwrap_or(&none);
    let mut source = candidates.source.get(&root).unwrap_or(&none).clone();
    // A row that differs on both sides is looked at from the source's side already.
    let target_only: BTreeSet<_> = targets.difference(&source).cloned().collect();
    let (partners, gone) = partners(matcher, root, &target_only).await?;
    source.extend(partners);
    let source: Vec<_> = source.into_iter().collect();
    let model = matcher.model;
    let mut chunks = source.chunks(CHUNK).peekable();
    let mut loaded = load_next(matcher.sides, model, root, chunks.peek()).await?;
    while let (Some(keys), Some(records)) = (chunks.next(), loaded.take()) {
        let found = from_source(matcher, root, keys, records).await?;
        let taking = async {
            for (at, draft) in found.into_iter().enumerate() {
                let same = matches!(draft.case, Case::Matched | Case::Renamed);
                if let (true, Some(current)) = (same, &draft.current) {
                    claimed.insert(current.key(model));
                }
                take(draft);
                if at % AT_ONCE == 0 {
                    yield_now().await;
                }
            }
        };
        let loading = load_next(matcher.sides, model, root, chunks.peek());
        let (next, ()) = join(loading, taking).await;
        loaded = next?;
        matcher.forget();
    }
    let target: Vec<_> = targets.iter().filter(|key| !claimed.contains(*key)).cloned().collect();
    for keys in target.chunks(CHUNK) {
        deletions(matcher, root, keys, &gone).await?.into_iter().for_each(&mut *take);
        matcher.forget();
    }
    Ok(())
}

/// Source records whose counterpart is a candidate only because of a row that the target alone has,
/// and those of the target that have no counterpart.
async fn partners(
    matcher: &mut Matcher<'_>,
    root: NodeId,
    targets: &BTreeSet<Vec<Value>>,
) -> Result<(Vec<Vec<Value>>, BTreeSet<Vec<Value>>), Error> {
    let matching = &matcher.model.matchings[matcher.model.nodes[root].matching];
    let targets: Vec<_> = targets.iter().cloned().collect();
    let (mut partners, mut gone) = (Vec::new(), BTreeSet::new());
    let node = &matcher.model.nodes[root];
    for keys in targets.chunks(CHUNK) {
        // Without a foreign key a row may name a parent that isn't there.
        let rows = matcher.rows(Side::Target, node.matching, &node.names(&node.key), keys).await?;
        let keys = keys.iter().zip(rows).filter(|(_, row)| row.is_some());
        let keys: Vec<Vec<Value>> = keys.map(|(key, _)| key.clone()).collect();
        let outcomes = outcomes(matcher, Side::Target, root, &keys).await?;
        for (key, outcome) in keys.into_iter().zip(outcomes) {
            let rows = outcome.same.iter().chain(&outcome.by_id);
            partners.extend(rows.map(|row| pick(row, &matching.key)));
            if outcome.is_nowhere() {
                gone.insert(key);
            }
        }
    }
    Ok((partners, gone))
}

/// The records of the next chunk, if there is one. Most records keep their ID, so the target's is read
/// with the source's.
async fn load_next(
    sides: &mut Sides,
    model: &Model,
    root: NodeId,
    keys: Option<&&[Vec<Value>]>,
) -> Result<Option<(Records, Records)>, Error> {
    let Some(keys) = keys else { return Ok(None) };
    Ok(Some(load_both(sides, model, root, keys).await?))
}

async fn from_source(
    matcher: &mut Matcher<'_>,
    root: NodeId,
    keys: &[Vec<Value>],
    (records, targets): (Records, Records),
) -> Result<Vec<Draft>, Error> {
    let model = matcher.model;
    let mut records: Vec<(Vec<Value>, Record)> = records.into_iter().collect();
    records.retain(|(_, record)| record.rows[0].in_filter);
    noted(matcher, Side::Target, root, targets.iter());
    note_missing(matcher, root, keys, &targets);
    let found = noted(matcher, Side::Source, root, records.iter().map(|(key, it)| (key, it)));
    let outcomes = outcomes(matcher, Side::Source, root, &found).await?;
    let targets = with_named(matcher, root, targets, &outcomes).await?;
    let mut drafts = Vec::with_capacity(records.len());
    let mut by_collation = Vec::new();
    for ((id, record), outcome) in records.into_iter().zip(outcomes) {
        let matching = &model.matchings[model.nodes[root].matching];
        let key_of = |row: &Row| pick(row, &matching.key);
        let by_id = outcome.by_id.as_ref().map(key_of);
        let (case, current, in_the_way) = match outcome.verdict {
            Verdict::SameByPair | Verdict::SameById => {
                (Case::Matched, outcome.same.as_ref().map(key_of), None)
            }
            Verdict::Renamed => (Case::Renamed, by_id, None),
            Verdict::IdDiffers => (Case::IdDiffers, outcome.same.as_ref().map(key_of), by_id),
            Verdict::IdentityAmbiguous => (Case::IdentityAmbiguous, by_id, None),
            // Writing into another record's partner would leave that one without.
            Verdict::IdReused => (Case::IdReused, by_id.clone(), by_id.filter(|_| outcome.claimed)),
            Verdict::New => (Case::New, None, None),
        };
        if outcome.verdict == Verdict::SameById && current.as_ref() != Some(&id) {
            by_collation.push(drafts.len());
        }
        drafts.push(Draft {
            root,
            id,
            case,
            source: Some(record),
            current: current.and_then(|key| targets.get(&key).cloned()),
            // What is in the way of one record may be what another one is.
            in_the_way: in_the_way.and_then(|key| targets.get(&key).cloned()),
            gives_way: None,
            led_by: None,
            former_id: None,
            taken_back: BTreeSet::new(),
            links: Links::default(),
            current_links: Links::default(),
        });
    }
    shared_with_unchanged(matcher, &mut drafts).await?;
    for at in by_collation {
        shared_id(matcher, &mut drafts[at]).await?;
    }
    link(matcher, &mut drafts).await?;
    Ok(drafts)
}

/// The keys of records, whose rows needn't be read again to be matched.
fn noted<'r>(
    matcher: &mut Matcher<'_>,
    side: Side,
    root: NodeId,
    records: impl Iterator<Item = (&'r Vec<Value>, &'r Record)> + Clone,
) -> Vec<Vec<Value>> {
    let node = &matcher.model.nodes[root];
    let columns = &matcher.model.matchings[node.matching].columns;
    let read = |name: &String| node.column(name).filter(|index| node.columns[*index].is_on(side));
    if let Some(places) = columns.iter().map(read).collect::<Option<Vec<_>>>() {
        let rows = records.clone();
        let rows = rows.map(|(key, record)| (key.clone(), Some(pick(record.root(), &places))));
        matcher.note((side, node.matching, &node.names(&node.key)), rows);
    }
    records.map(|(key, _)| key.clone()).collect()
}

/// Keys that no row of the target has. Of numbers alone: what a collation takes for the same wasn't
/// found under the very text that was asked for.
fn note_missing(matcher: &mut Matcher<'_>, root: NodeId, keys: &[Vec<Value>], found: &Records) {
    let node = &matcher.model.nodes[root];
    let by = node.names(&node.key);
    let is_number =
        |name: &String| node.target.column(name).is_some_and(|it| it.kind == Kind::Integer);
    let is_whole = |key: &Vec<Value>| key.iter().all(|it| matches!(it, Value::Integer(_)));
    if by.iter().all(is_number) {
        let missing = keys.iter().filter(|key| is_whole(key) && !found.contains_key(*key));
        let missing = missing.map(|key| (key.clone(), None));
        matcher.note((Side::Target, node.matching, &by), missing);
    }
}

/// A record that the target's collation can't tell from another one of the source, which is the
/// target's record already: its identity is ambiguous, though the source's own collation tells them
/// apart.
async fn shared_with_unchanged(
    matcher: &mut Matcher<'_>,
    drafts: &mut [Draft],
) -> Result<(), Error> {
    let model = matcher.model;
    let differs = drafts.iter_mut().filter(|draft| draft.case == Case::IdDiffers);
    for draft in differs {
        let node = &model.nodes[draft.root];
        let matching = &model.matchings[node.matching];
        let Some(current) = &draft.current else { continue };
        let by = node.names(&node.key);
        let holder =
            matcher.counterparts(Side::Target, node.matching, &by, &[current.key(model)]).await?;
        let Some(Some(holder)) = &holder[0] else { continue };
        if pick(holder, &matching.key) == draft.id {
            continue;
        }
        let mut theirs = pick(holder, &matching.identity);
        as_collated(&node.target, &matching.names(&matching.identity), &mut theirs);
        if draft.identity_on_target(model) == Some(theirs) {
            draft.case = Case::IdentityAmbiguous;
        }
    }
    Ok(())
}

/// A record whose ID only the target's collation calls that of its record there, while the source
/// has another record with just that ID.
async fn shared_id(matcher: &mut Matcher<'_>, draft: &mut Draft) -> Result<(), Error> {
    let model = matcher.model;
    let node = &model.nodes[draft.root];
    let Some(current) = &draft.current else { return Ok(()) };
    let (by, key) = (node.names(&node.key), current.key(model));
    let holder = matcher.counterparts(Side::Target, node.matching, &by, &[key]).await?;
    let matching = &model.matchings[node.matching];
    let holder = holder[0].as_ref().and_then(Option::as_ref);
    if holder.is_some_and(|holder| pick(holder, &matching.key) != draft.id) {
        draft.case = Case::IdentityAmbiguous;
    }
    Ok(())
}

/// How many records of the source have an identity or an ID, as far as the target's collation tells
/// them apart.
#[derive(Default)]
pub struct Bearers {
    identities: HashMap<(NodeId, Vec<Value>), usize>,
    ids: HashMap<(NodeId, Vec<Value>), usize>,
}

impl Bearers {
    pub fn note(&mut self, model: &Model, draft: &Draft) {
        if draft.source.is_none() {
            return;
        }
        if let Some(identity) = draft.identity_on_target(model) {
            *self.identities.entry((draft.root, identity)).or_default() += 1;
        }
        if let Some(id) = draft.id_on_target(model) {
            *self.ids.entry((draft.root, id)).or_default() += 1;
        }
    }

    /// Records that are the target's record by ID already stay what they are.
    pub fn tell_apart(&self, model: &Model, drafts: &mut [Draft]) {
        let shared = |counts: &HashMap<_, usize>, place| counts.get(&place).is_some_and(|n| *n > 1);
        for draft in drafts.iter_mut().filter(|draft| draft.source.is_some()) {
            let identity = draft.identity_on_target(model).filter(|_| draft.case != Case::Matched);
            let is_there = draft.current.as_ref().is_some_and(|it| it.key(model) == draft.id);
            let id = draft.id_on_target(model).filter(|_| !is_there);
            if identity.is_some_and(|it| shared(&self.identities, (draft.root, it)))
                || id.is_some_and(|it| shared(&self.ids, (draft.root, it)))
            {
                draft.case = Case::IdentityAmbiguous;
            }
        }
    }
}

async fn outcomes(
    matcher: &mut Matcher<'_>,
    from: Side,
    root: NodeId,
    keys: &[Vec<Value>],
) -> Result<Vec<Outcome>, Error> {
    let model = matcher.model;
    let node = &model.nodes[root];
    let rows = matcher.rows(from, node.matching, &node.names(&node.key), keys).await?;
    let rows: Vec<_> = rows.into_iter().flatten().map(|row| row.as_ref().clone()).collect();
    if rows.len() != keys.len() {
        return Err(Error::ShortRead { table: node.table.clone() });
    }
    matcher.outcomes(from, node.matching, &rows).await
}

/// The target's records that the outcomes name, by key, those included that were read already.
async fn with_named(
    matcher: &mut Matcher<'_>,
    root: NodeId,
    mut read: Records,
    outcomes: &[Outcome],
) -> Result<Records, Error> {
    let model = matcher.model;
    let matching = &model.matchings[model.nodes[root].matching];
    let keys: BTreeSet<Vec<Value>> = outcomes
        .iter()
        .flat_map(|outcome| outcome.by_id.iter().chain(&outcome.same))
        .map(|row| pick(row, &matching.key))
        .filter(|key| !read.contains_key(key))
        .collect();
    let keys: Vec<Vec<Value>> = keys.into_iter().collect();
    if !keys.is_empty() {
        read.extend(load(matcher.sides, Side::Target, model, root, &keys).await?);
    }
    Ok(read)
}

/// Target records that the source's whole table has neither by ID nor by identity.
async fn deletions(
    matcher: &mut Matcher<'_>,
    root: NodeId,
    keys: &[Vec<Value>],
    gone: &BTreeSet<Vec<Value>>,
) -> Result<Vec<Draft>, Error> {
    let model = matcher.model;
    let records = load(matcher.sides, Side::Target, model, root, keys).await?;
    let mut records: Vec<_> = records.into_iter().collect();
    records.retain(|(_, record)| record.rows[0].in_filter);
    let unknown = records.iter().filter(|(key, _)| !gone.contains(key));
    let found = noted(matcher, Side::Target, root, unknown.map(|(key, it)| (key, it)));
    let outcomes = outcomes(matcher, Side::Target, root, &found).await?;
    let nowhere = found.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_nowhere());
    let nowhere: BTreeSet<&Vec<Value>> = nowhere.map(|(key, _)| key).collect();
    let mut drafts = Vec::new();
    for (id, record) in records {
        if gone.contains(&id) || nowhere.contains(&id) {
            drafts.push(Draft {
                root,
                id,
                case: Case::Deleted,
                source: None,
                current: Some(record),
                in_the_way: None,
                gives_way: None,
                led_by: None,
                former_id: None,
                taken_back: BTreeSet::new(),
                links: Links::default(),
                current_links: Links::default(),
            });
        }
    }
    link(matcher, &mut drafts).await?;
    Ok(drafts)
}

/// A draft, one of its rows, and where it refers to something.
type Holder = (usize, usize, Spot);

/// Follows every reference of the drafts' rows, batched by reference.
pub async fn link(matcher: &mut Matcher<'_>, drafts: &mut [Draft]) -> Result<(), Error> {
    for side in [Side::Source, Side::Target] {
        let mut found: Vec<Vec<Linked>> = drafts.iter().map(|_| Vec::new()).collect();
        for ((node, index), places) in holders(matcher.model, drafts, side) {
            let reference = &matcher.model.nodes[node].references[index];
            let wanted: Vec<_> = places.iter().map(|(_, _, spot)| spot.values.clone()).collect();
            let links = follow(matcher, side, reference, &wanted).await?;
            for ((at, row, spot), link) in places.into_iter().zip(links) {
                found[at].push(Linked { row, reference: index, at: spot.at, link });
            }
        }
        for (draft, found) in drafts.iter_mut().zip(found) {
            match side {
                Side::Source => draft.links = Links::new(found),
                Side::Target => draft.current_links = Links::new(found),
            }
        }
    }
    tree::lead(matcher, drafts).await
}

fn holders(model: &Model, drafts: &[Draft], side: Side) -> BTreeMap<(NodeId, usize), Vec<Holder>> {
    let mut holders: BTreeMap<(NodeId, usize), Vec<Holder>> = BTreeMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        let record = match side {
            Side::Source => &draft.source,
            Side::Target => &draft.current,
        };
        for (row_at, row) in record.iter().flat_map(|record| &record.rows).enumerate() {
            let references = &model.nodes[row.node].references;
            for spot in spots(model, references, side, &row.values) {
                let place = (row.node, spot.reference);
                holders.entry(place).or_default().push((at, row_at, spot));
            }
        }
    }
    holders
}

async fn follow(
    matcher: &mut Matcher<'_>,
    side: Side,
    reference: &Reference,
    wanted: &[Vec<Value>],
) -> Result<Vec<Link>, Error> {
    let (id, by) = (reference.matching, &reference.to_columns);
    let names = matcher.names(side, id, by, wanted).await?;
    let rows = matcher.rows(side, id, by, wanted).await?;
    let counterparts = match side {
        Side::Source => matcher.counterparts(side, id, by, wanted).await?,
        // Only the names of what the target's rows refer to are of interest.
        Side::Target => vec![None; wanted.len()],
    };
    let matching = &matcher.model.matchings[id];
    let found = names.into_iter().zip(rows).zip(counterparts);
    let link = |((name, row), there): ((Option<Name>, Option<_>), Option<Option<Row>>)| {
        let (Some(name), Some(row)) = (name, row) else { return Link::Dangling };
        let row: std::sync::Arc<Row> = row;
        Link::Row {
            name,
            key: pick(&row, &matching.key),
            there: there.flatten().map(|row| matcher.referred(reference, &row)),
        }
    };
    Ok(found.map(link).collect())
}

impl Draft {
    /// The source's identity as the target's collation sees it; `None` where a part is NULL or empty.
    fn identity_on_target(&self, model: &Model) -> Option<Vec<Value>> {
        let node = &model.nodes[self.root];
        let mut values = pick(&self.source.as_ref()?.rows[0].values, &node.identity);
        if values.is_empty() || values.iter().any(Value::is_empty) {
            return None;
        }
        as_collated(&node.target, &node.names(&node.identity), &mut values);
        Some(values)
    }

    /// The ID, as far as the target's collation tells it from others; `None` where it has no text.
    fn id_on_target(&self, model: &Model) -> Option<Vec<Value>> {
        if !self.id.iter().any(|value| matches!(value, Value::Text(_))) {
            return None;
        }
        let node = &model.nodes[self.root];
        let mut values = self.id.clone();
        as_collated(&node.target, &node.names(&node.key), &mut values);
        Some(values)
    }

    /// Carrying the draft out gives the target's record another ID.
    pub fn takes_new_id(&self, answer: Option<Answer>) -> Option<&Vec<Value>> {
        match (self.case, answer) {
            (Case::IdDiffers, Some(Answer::Overwrite)) => Some(&self.id),
            _ => self.former_id.as_ref(),
        }
    }
}
