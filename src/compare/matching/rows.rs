//! Rows that decide what matches, read in batches and remembered.
//!
//! Answers for no row being asked for twice, and for a question whose answer is known already not being
//! asked at all.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Matcher, Place, whole};
use crate::catalog::{Engine, Kind};
use crate::compare::Error;
use crate::compare::model::{Matching, MatchingId, Side};
use crate::database::{Row, Value};

impl Matcher<'_> {
    /// Rows of `side` whose `by` columns hold the values, with the matching's columns.
    pub async fn rows(
        &mut self,
        side: Side,
        id: MatchingId,
        by: &[String],
        wanted: &[Vec<Value>],
    ) -> Result<Vec<Option<Arc<Row>>>, Error> {
        let place: Place = (side, id, by.to_vec());
        let known = self.rows.entry(place.clone()).or_default();
        let unknown: HashSet<&Vec<Value>> =
            wanted.iter().filter(|values| !known.contains_key(*values)).collect();
        let unknown: Vec<Vec<Value>> = unknown.into_iter().cloned().collect();
        let matching = &self.model.matchings[id];
        let mut answers = vec![None; unknown.len()];
        for (index, row) in self.find(side, matching, by, &unknown).await? {
            answers[index].get_or_insert_with(|| Arc::new(row));
        }
        let known = self.rows.entry(place).or_default();
        known.extend(unknown.into_iter().zip(answers));
        Ok(wanted.iter().map(|values| known[values].clone()).collect())
    }

    /// Takes rows that were read otherwise, by their `by` columns; `None` where there is none.
    pub fn note(
        &mut self,
        (side, id, by): (Side, MatchingId, &[String]),
        rows: impl Iterator<Item = (Vec<Value>, Option<Row>)>,
    ) {
        let known = self.rows.entry((side, id, by.to_vec())).or_default();
        known.extend(rows.map(|(values, row)| (values, row.map(Arc::new))));
    }

    pub(super) async fn find(
        &mut self,
        side: Side,
        matching: &Matching,
        by: &[String],
        wanted: &[Vec<Value>],
    ) -> Result<Vec<(usize, Row)>, Error> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let table = matching.table(side);
        Ok(self.sides.get(side).find(table, &matching.columns, by, wanted).await?)
    }

    /// The rows with these identities. Where no two rows can share one, a row that was found already is
    /// all there is.
    pub(super) async fn by_identity(
        &mut self,
        side: Side,
        matching: &Matching,
        identities: &[Option<Vec<Value>>],
        found: &[Option<Row>],
    ) -> Result<Vec<Vec<Row>>, Error> {
        let alone = matching.tells_apart(side, self.sides.get(side).engine());
        let known: Vec<Option<Row>> = found
            .iter()
            .zip(identities)
            .map(|(row, identity)| {
                let row = row.as_ref().filter(|_| alone)?;
                (whole(row, &matching.identity) == *identity).then(|| row.clone())
            })
            .collect();
        let asked = identities.iter().zip(&known).map(|(identity, known)| match known {
            Some(_) => None,
            None => identity.clone(),
        });
        let asked: Vec<_> = asked.collect();
        let mut rows = self.all_each(side, matching, &matching.identity, &asked).await?;
        for ((rows, known), identity) in rows.iter_mut().zip(known).zip(identities) {
            rows.extend(known.filter(|_| identity.is_some()));
        }
        Ok(rows)
    }

    /// How many rows of their own side have the identity of each row.
    pub(super) async fn bearers(
        &mut self,
        side: Side,
        matching: &Matching,
        rows: &[Row],
    ) -> Result<Vec<usize>, Error> {
        let own: Vec<_> = rows.iter().map(|row| whole(row, &matching.identity)).collect();
        if matching.tells_apart(side, self.sides.get(side).engine()) {
            return Ok(own.iter().map(|identity| usize::from(identity.is_some())).collect());
        }
        let found = self.all_each(side, matching, &matching.identity, &own).await?;
        Ok(found.iter().map(Vec::len).collect())
    }

    /// The row with each wanted key.
    pub(super) async fn one_each(
        &mut self,
        side: Side,
        id: MatchingId,
        wanted: &[Option<Vec<Value>>],
    ) -> Result<Vec<Option<Row>>, Error> {
        let matching = &self.model.matchings[id];
        if matching.key.is_empty() {
            return Ok(vec![None; wanted.len()]);
        }
        let names = matching.names(&matching.key);
        let whole: Vec<Vec<Value>> = wanted.iter().flatten().cloned().collect();
        let mut rows = self.rows(side, id, &names, &whole).await?.into_iter();
        let mut row = |wanted: &Option<Vec<Value>>| {
            let row = wanted.as_ref().and_then(|_| rows.next().flatten());
            row.map(|row| row.as_ref().clone())
        };
        Ok(wanted.iter().map(&mut row).collect())
    }

    pub(super) async fn all_each(
        &mut self,
        side: Side,
        matching: &Matching,
        by: &[usize],
        wanted: &[Option<Vec<Value>>],
    ) -> Result<Vec<Vec<Row>>, Error> {
        let mut answers = vec![Vec::new(); wanted.len()];
        if by.is_empty() {
            return Ok(answers);
        }
        let (places, values): (Vec<usize>, Vec<Vec<Value>>) = wanted
            .iter()
            .enumerate()
            .filter_map(|(index, values)| values.clone().map(|values| (index, values)))
            .unzip();
        for (index, row) in self.find(side, matching, &matching.names(by), &values).await? {
            answers[places[index]].push(row);
        }
        Ok(answers)
    }
}

impl Matching {
    /// Whether no two rows of a side have the same identity: a unique key lies within it, under the
    /// columns' own idea of equality (PostgreSQL's keys may have another).
    fn tells_apart(&self, side: Side, engine: Engine) -> bool {
        let (table, names) = (self.table(side), self.names(&self.identity));
        let plain = |name: &String| {
            table.column(name).is_some_and(|column| {
                let kinds = [Kind::Integer, Kind::Text, Kind::Uuid, Kind::Bytes, Kind::Date];
                let own = engine != Engine::Postgres || column.collation.is_none();
                own && kinds.contains(&column.kind)
            })
        };
        let within = |columns: &[String]| {
            !columns.is_empty() && columns.iter().all(|name| names.contains(name))
        };
        let mut unique = table.unique_keys.iter().filter(|key| !key.partial);
        names.iter().all(plain)
            && (within(&table.primary_key) || unique.any(|key| within(&key.columns)))
    }
}
