//! Looking at entities: which of them have rows that don't say what they should.
//!
//! Answers for what was found being true of one moment: entities and rows are read in one snapshot, which
//! keeps nobody from writing.

use std::collections::BTreeSet;

use super::load::{Entity, Wanted, load};
use super::model::Model;
use super::publisher::existing;
use super::rows::{self, Existing};
use super::{Counts, Error};
use crate::database::{Session, Value};

/// Of the entities of an event: those that differ, by ID, and what was found of the others.
#[derive(Debug)]
pub struct Looked {
    pub counts: Counts,
    pub differing: BTreeSet<String>,
}

/// Looks at entities, in a session that only reads.
pub async fn look(session: &mut Session, model: &Model, wanted: &Wanted) -> Result<Looked, Error> {
    session.begin().await?;
    let read = read(session, model, wanted).await;
    let ended = session.rollback().await;
    // The first error is the one that matters.
    let (entities, existing) = read?;
    ended?;
    Ok(compared(model, &entities, &existing))
}

/// Entities with the rows that were published of them, by outlet.
async fn read(
    session: &mut Session,
    model: &Model,
    wanted: &Wanted,
) -> Result<(Vec<Entity>, Vec<Vec<Existing>>), Error> {
    let entities = load(session, model, wanted).await?;
    let mut rows = Vec::with_capacity(model.outlets.len());
    for outlet in &model.outlets {
        rows.push(existing(session, outlet, wanted).await?);
    }
    Ok((entities, rows))
}

fn compared(model: &Model, entities: &[Entity], existing: &[Vec<Existing>]) -> Looked {
    let mut differing = BTreeSet::new();
    for (outlet, existing) in model.outlets.iter().zip(existing) {
        let mut faults = Vec::new();
        let wanted = rows::wanted(model, outlet, entities, &mut faults);
        differing.extend(faults.into_iter().map(|fault| fault.id));
        differing.extend(rows::difference(&wanted, existing).entities());
    }
    let is_alike = |id: &Value| differing.is_empty() || !differing.contains(&*id.display());
    let counts = Counts {
        read: entities.iter().filter(|entity| is_alike(&entity.id)).count() as u64,
        unchanged: existing.iter().flatten().filter(|row| is_alike(&row.entity)).count() as u64,
        ..Counts::default()
    };
    Looked { counts, differing }
}
