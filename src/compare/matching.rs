//! Which row of the other side is the same thing as a row of this one.
//!
//! Answers for identities, counterparts and the facts behind a record's class, read in batches and
//! remembered for one comparison. References in an identity are followed, so the parent of a
//! category is recognised before the category is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Error;
use super::classify::{Facts, IdHolder, Identity, Verdict, classify};
use super::model::{Matching, MatchingId, Model, Reference, Side};
use super::names::Name;
use super::sides::{Sides, pick};
use super::spots::{At, Position, Spot, like, rewritten, spots};
use crate::database::{Row, Value};
use crate::manifest::filter::passes;

mod rows;

/// Identities that refer to each other deeper than this go round in a circle.
const MAX_DEPTH: usize = 4096;

/// Records that `adopt` or `renumber` made partners: by table, the source's key and the target's.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    to_target: HashMap<(String, Vec<Value>), Vec<Value>>,
    to_source: HashMap<(String, Vec<Value>), Vec<Value>>,
}

impl Pairs {
    pub fn insert(&mut self, table: &str, source: Vec<Value>, target: Vec<Value>) {
        self.to_source.insert((table.to_owned(), target.clone()), source.clone());
        self.to_target.insert((table.to_owned(), source), target);
    }

    pub fn partner(&self, from: Side, table: &str, key: &[Value]) -> Option<&Vec<Value>> {
        let known = (table.to_owned(), key.to_vec());
        match from {
            Side::Source => self.to_target.get(&known),
            Side::Target => self.to_source.get(&known),
        }
    }
}

/// What is known of one row that was looked for on the other side.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub verdict: Verdict,
    /// The row that is the same thing, with the matching's columns.
    pub same: Option<Row>,
    pub by_id: Option<Row>,
    pub by_identity: Vec<Row>,
    /// A remembered pair gives `by_id` to another record.
    pub claimed: bool,
}

impl Outcome {
    /// The other side has nothing that it could be.
    pub fn is_nowhere(&self) -> bool {
        self.same.is_none() && self.by_id.is_none() && self.by_identity.is_empty()
    }
}

/// A side, and the table and columns of it that values stand for.
pub(super) type Place = (Side, MatchingId, Vec<String>);

/// What is known of a place's values.
pub(super) type Known<T> = HashMap<Place, HashMap<Vec<Value>, T>>;

/// Looks rows up on both sides, and remembers what it found.
pub struct Matcher<'a> {
    pub model: &'a Model,
    pub sides: &'a mut Sides,
    /// Rows that both sides have may be written.
    pub moves: bool,
    pairs: &'a Pairs,
    rows: Known<Option<Arc<Row>>>,
    counterparts: Known<Option<Row>>,
    pub(super) names: Known<Option<Name>>,
    /// On these sides outer rows are settled right now, so inner calls find them.
    preparing: BTreeSet<Side>,
}

/// Values of references, by what they refer to.
type Above = BTreeMap<(MatchingId, Vec<String>), BTreeSet<Vec<Value>>>;

/// What is worked out ahead for the rows that identities refer to.
#[derive(Clone, Copy)]
pub(super) enum Prepared {
    Counterparts,
    Names,
}

impl<'a> Matcher<'a> {
    pub fn new(model: &'a Model, sides: &'a mut Sides, pairs: &'a Pairs) -> Self {
        Self {
            model,
            sides,
            moves: true,
            pairs,
            rows: HashMap::new(),
            counterparts: HashMap::new(),
            names: HashMap::new(),
            preparing: BTreeSet::new(),
        }
    }

    /// Forgets what was read once it is much, so that memory doesn't grow with the tables.
    pub fn forget(&mut self) {
        const MUCH: usize = 50_000;
        if self.rows.values().map(HashMap::len).sum::<usize>() > MUCH {
            self.rows.clear();
            self.counterparts.clear();
            self.names.clear();
        }
    }

    /// For values that refer to rows of `from`: the same things' rows on the other side. The outer
    /// `Option` is `None` where no row stands behind the values on `from`.
    pub async fn counterparts(
        &mut self,
        from: Side,
        id: MatchingId,
        by: &[String],
        wanted: &[Vec<Value>],
    ) -> Result<Vec<Option<Option<Row>>>, Error> {
        let rows = self.rows(from, id, by, wanted).await?;
        let place: Place = (from, id, by.to_vec());
        let known = self.counterparts.entry(place.clone()).or_default();
        let mut open: BTreeMap<&Vec<Value>, Row> = BTreeMap::new();
        for (values, row) in wanted.iter().zip(&rows) {
            if let Some(row) = row
                && !known.contains_key(values)
            {
                open.entry(values).or_insert_with(|| row.as_ref().clone());
            }
        }
        let (values, open): (Vec<_>, Vec<_>) = open.into_iter().unzip();
        let outcomes = self.outcomes(from, id, &open).await?;
        let known = self.counterparts.entry(place).or_default();
        let same = outcomes.into_iter().map(|outcome| outcome.same);
        known.extend(values.into_iter().cloned().zip(same));
        let found = wanted.iter().zip(rows);
        Ok(found.map(|(values, row)| row.map(|_| known[values].clone())).collect())
    }

    /// Looks for each row of `from` on the other side and decides what it is there.
    pub async fn outcomes(
        &mut self,
        from: Side,
        id: MatchingId,
        rows: &[Row],
    ) -> Result<Vec<Outcome>, Error> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.prepare(from, id, rows, Prepared::Counterparts).await?;
        Box::pin(self.outcomes_of(from, id, rows)).await
    }

    /// Settles what the rows' identities refer to, from the outermost rows down to these, so that a
    /// deep tree is walked level by level and not by one nested call for each of its levels.
    pub(super) async fn prepare(
        &mut self,
        from: Side,
        id: MatchingId,
        rows: &[Row],
        what: Prepared,
    ) -> Result<(), Error> {
        if self.preparing.contains(&from) {
            return Ok(());
        }
        let mut levels: Vec<Above> = Vec::new();
        let mut level = self.above(from, id, rows.iter());
        while !level.is_empty() {
            if levels.len() == MAX_DEPTH {
                let table = self.model.matchings[id].table.clone();
                return Err(Error::CircularIdentity { table });
            }
            let mut next = Above::new();
            for ((to, by), values) in &level {
                let values: Vec<_> = values.iter().cloned().collect();
                let rows = self.rows(from, *to, by, &values).await?;
                for (place, values) in self.above(from, *to, rows.iter().flatten().map(Arc::as_ref))
                {
                    next.entry(place).or_default().extend(values);
                }
            }
            levels.push(std::mem::replace(&mut level, next));
        }
        self.preparing.insert(from);
        let settled = self.settle(from, levels, what).await;
        self.preparing.remove(&from);
        settled
    }

    async fn settle(
        &mut self,
        from: Side,
        levels: Vec<Above>,
        what: Prepared,
    ) -> Result<(), Error> {
        for ((to, by), values) in levels.into_iter().rev().flatten() {
            let values: Vec<_> = values.into_iter().collect();
            match what {
                Prepared::Counterparts => {
                    Box::pin(self.counterparts(from, to, &by, &values)).await?;
                }
                Prepared::Names => {
                    Box::pin(self.names(from, to, &by, &values)).await?;
                }
            }
        }
        Ok(())
    }

    /// What the identities and keys of some rows refer to.
    fn above<'r>(&self, side: Side, id: MatchingId, rows: impl Iterator<Item = &'r Row>) -> Above {
        let matching = &self.model.matchings[id];
        let mut above = Above::new();
        for row in rows {
            for spot in spots(self.model, &matching.references, side, row) {
                let reference = &matching.references[spot.reference];
                let place = (reference.matching, reference.to_columns.clone());
                above.entry(place).or_default().insert(spot.values);
            }
        }
        above
    }

    async fn outcomes_of(
        &mut self,
        from: Side,
        id: MatchingId,
        rows: &[Row],
    ) -> Result<Vec<Outcome>, Error> {
        let model = self.model;
        let matching = &model.matchings[id];
        let other = from.other();
        let keys = self.translate(from, id, rows, &matching.key, complete).await?;
        let by_id = self.one_each(other, id, &keys).await?;
        let identities = self.translate(from, id, rows, &matching.identity, whole).await?;
        let by_identity = self.by_identity(other, matching, &identities, &by_id).await?;
        let here = self.bearers(from, matching, rows).await?;
        let partners: Vec<_> = rows
            .iter()
            .map(|row| {
                self.pairs.partner(from, &matching.table, &pick(row, &matching.key)).cloned()
            })
            .collect();
        let partners = self.one_each(other, id, &partners).await?;
        let mut outcomes = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let mut facts = Facts {
                identity: identity_state(row, matching),
                paired: partners[index].is_some(),
                by_id: None,
                here: here[index],
                there: by_identity[index].len(),
            };
            if let Some(holder) = &by_id[index] {
                let holder =
                    self.holder(from, matching, row, holder, &by_identity[index], id).await?;
                facts.by_id = Some(holder);
            }
            let verdict = classify(&facts);
            let same = match verdict {
                Verdict::SameByPair => partners[index].clone(),
                Verdict::SameById | Verdict::Renamed => by_id[index].clone(),
                Verdict::IdDiffers => by_identity[index].first().cloned(),
                Verdict::IdentityAmbiguous | Verdict::IdReused | Verdict::New => None,
            };
            outcomes.push(Outcome {
                verdict,
                same,
                by_id: by_id[index].clone(),
                by_identity: by_identity[index].clone(),
                claimed: facts.by_id.is_some_and(|holder| holder.claimed),
            });
        }
        Ok(outcomes)
    }

    /// The facts about Ti. The costly ones are asked for only where they can decide.
    async fn holder(
        &mut self,
        from: Side,
        matching: &Matching,
        row: &Row,
        by_id: &Row,
        by_identity: &[Row],
        id: MatchingId,
    ) -> Result<IdHolder, Error> {
        let other = from.other();
        let key = pick(by_id, &matching.key);
        let same = |found: &Row| pick(found, &matching.key) == key;
        // A pair holds only while both records live.
        let partner = self.pairs.partner(other, &matching.table, &key);
        let partner = partner.filter(|partner| **partner != pick(row, &matching.key)).cloned();
        let claimed = self.one_each(from, id, &[partner]).await?[0].is_some();
        let created_equal = matching.created.map(|index| row[index] == by_id[index]);
        let mut null_part = whole(by_id, &matching.identity).is_none();
        if null_part {
            let own = std::slice::from_ref(row);
            let above = self.translate(from, id, own, &matching.parent, complete).await?;
            null_part = above[0].as_ref() == Some(&pick(by_id, &matching.parent));
        }
        let mut holder = IdHolder {
            same_identity: by_identity.iter().any(same),
            in_filter: passes(&matching.filter, |name| {
                matching.position(name).map(|index| &by_id[index])
            }),
            null_part,
            created_equal,
            created_unique: false,
            identity_lives_on: false,
            claimed,
        };
        if created_equal == Some(true) && !holder.same_identity && by_identity.is_empty() {
            holder.created_unique = self.created_unique(matching, row).await?;
            let theirs = std::slice::from_ref(by_id);
            Box::pin(self.prepare(other, id, theirs, Prepared::Counterparts)).await?;
            let translated = self.translate(other, id, theirs, &matching.identity, whole).await?;
            let living = self.all_each(from, matching, &matching.identity, &translated).await?;
            holder.identity_lives_on = !living[0].is_empty();
        }
        Ok(holder)
    }

    async fn created_unique(&mut self, matching: &Matching, row: &Row) -> Result<bool, Error> {
        let Some(created) = matching.created else { return Ok(false) };
        if row[created].is_null() {
            return Ok(false);
        }
        let wanted = [vec![row[created].clone()]];
        let by = matching.names(&[created]);
        for side in [Side::Source, Side::Target] {
            if self.find(side, matching, &by, &wanted).await?.len() != 1 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Some columns' values as the other side would hold them. `None` where a part is NULL or refers
    /// to a row that the other side doesn't have.
    async fn translate(
        &mut self,
        from: Side,
        id: MatchingId,
        rows: &[Row],
        columns: &[usize],
        usable: Usable,
    ) -> Result<Vec<Option<Vec<Value>>>, Error> {
        let model = self.model;
        let matching = &model.matchings[id];
        let mut translated: Vec<Option<Row>> =
            rows.iter().map(|row| usable(row, columns).map(|_| row.clone())).collect();
        let mut changes: BTreeMap<(usize, usize), Vec<(Position, Value)>> = BTreeMap::new();
        for (index, found) in self.spots_by_reference(id, from, rows, columns) {
            let reference = &matching.references[index];
            let open: Vec<_> = found.iter().filter(|(at, _)| translated[*at].is_some()).collect();
            let wanted: Vec<_> = open.iter().map(|(_, spot)| spot.values.clone()).collect();
            let there =
                self.counterparts(from, reference.matching, &reference.to_columns, &wanted).await?;
            for ((at, spot), there) in open.into_iter().zip(there) {
                match there {
                    // The values refer to no row: they are carried as they are.
                    None => {}
                    Some(None) => translated[*at] = None,
                    Some(Some(row)) => {
                        let values = self.referred(reference, &row);
                        let Some(translated) = &mut translated[*at] else { continue };
                        if let At::Inside(place) = &spot.at {
                            let known = changes.entry((*at, reference.columns[0])).or_default();
                            known.push((place.as_ref().clone(), values[0].clone()));
                            continue;
                        }
                        for (column, value) in reference.columns.iter().zip(values) {
                            translated[*column] = like(&rows[*at][*column], &value);
                        }
                    }
                }
            }
        }
        for ((at, column), changes) in changes {
            let changes: Vec<_> = changes.iter().map(|(place, value)| (place, value)).collect();
            if let Some(translated) = &mut translated[at] {
                translated[column] = rewritten(&rows[at][column], &changes);
            }
        }
        Ok(translated.into_iter().map(|row| row.map(|row| pick(&row, columns))).collect())
    }

    /// What some rows refer to from within some columns, by reference, each with its row's index.
    pub(super) fn spots_by_reference(
        &self,
        id: MatchingId,
        side: Side,
        rows: &[Row],
        columns: &[usize],
    ) -> BTreeMap<usize, Vec<(usize, Spot)>> {
        let references = &self.model.matchings[id].references;
        let inside =
            |reference: &Reference| reference.columns.iter().all(|it| columns.contains(it));
        let mut found: BTreeMap<usize, Vec<(usize, Spot)>> = BTreeMap::new();
        if !references.iter().any(inside) {
            return found;
        }
        for (at, row) in rows.iter().enumerate() {
            for spot in spots(self.model, references, side, row) {
                if inside(&references[spot.reference]) {
                    found.entry(spot.reference).or_default().push((at, spot));
                }
            }
        }
        found
    }

    /// The values a reference holds for a row of the table it points to.
    pub fn referred(&self, reference: &Reference, row: &[Value]) -> Vec<Value> {
        let matching = &self.model.matchings[reference.matching];
        reference
            .to_columns
            .iter()
            .map(|name| matching.position(name).map_or(Value::Null, |index| row[index].clone()))
            .collect()
    }
}

/// [`whole`] for identities, [`complete`] for keys.
type Usable = fn(&Row, &[usize]) -> Option<Vec<Value>>;

/// The values of a key; `None` where a part is NULL.
fn complete(row: &Row, columns: &[usize]) -> Option<Vec<Value>> {
    let values = pick(row, columns);
    (!values.iter().any(Value::is_null)).then_some(values)
}

/// The values of some columns; `None` where there are none or a part is NULL or empty.
pub(super) fn whole(row: &Row, columns: &[usize]) -> Option<Vec<Value>> {
    let values = pick(row, columns);
    (!values.is_empty() && !values.iter().any(Value::is_empty)).then_some(values)
}

fn identity_state(row: &Row, matching: &Matching) -> Identity {
    match whole(row, &matching.identity) {
        _ if matching.identity.is_empty() => Identity::NotDeclared,
        Some(_) => Identity::Whole,
        None => Identity::NullPart,
    }
}
