//! `publish:trigger-events`: events for entities, so that their rows are made anew.
//!
//! Answers for every entity being in some event, and of a whole resource also those that are gone.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use super::message::{Event, Which};
use super::model::Model;
use super::shop::{Shop, events_of};
use crate::database::{Session, Stretch, Value};

/// Entities of one event.
const AT_ONCE: usize = 1000;
/// IDs that are named one by one in an event.
const NAMED: usize = 500;

impl Shop {
    /// Puts events into the resources' queues: of the IDs given, or of all.
    pub async fn trigger(&mut self, ids: &[String]) -> Result<(), Error> {
        for at in 0..self.models.len() {
            let model = &self.models[at];
            let whiches = whiches(&mut self.session, model, ids).await?;
            let bodies = bodies(model, whiches);
            self.send_events(&events_of(&self.models[at].name), &bodies).await?;
        }
        Ok(())
    }
}

/// An event for each.
pub(super) fn bodies(model: &Model, whiches: Vec<Which>) -> Vec<String> {
    let event = |which| Event { resource: model.name.clone(), which }.body();
    whiches.into_iter().map(event).collect()
}

/// IDs in parts of one event each.
pub(super) fn in_parts(ids: &[String]) -> Vec<Which> {
    ids.chunks(NAMED).map(|ids| Which::Ids(ids.to_vec())).collect()
}

/// The entities given, or all, in parts of one event each.
pub(super) async fn whiches(
    session: &mut Session,
    model: &Model,
    ids: &[String],
) -> Result<Vec<Which>, Error> {
    match ids {
        [] => everything(session, model).await,
        ids => named(model, ids),
    }
}

/// IDs as they were given; what is no number names no entity of a numbered resource.
fn named(model: &Model, ids: &[String]) -> Result<Vec<Which>, Error> {
    let wrong = |id: &&String| model.is_numbered() && id.parse::<i64>().is_err();
    if let Some(id) = ids.iter().find(wrong) {
        let id = crate::escape::visible(id).to_string();
        return Err(Error::NoId { resource: model.name.clone(), id });
    }
    Ok(in_parts(ids))
}

async fn everything(session: &mut Session, model: &Model) -> Result<Vec<Which>, Error> {
    match model.is_numbered() {
        true => ranges(session, model).await,
        false => all_ids(session, model).await,
    }
}

/// Ranges of about as many entities each, the first and the last one without an end.
async fn ranges(session: &mut Session, model: &Model) -> Result<Vec<Which>, Error> {
    let id = [model.id.clone()];
    let mut bounds = Vec::new();
    session.begin().await?;
    let mut scan = session.scan(&model.entity, &id, &id, &BTreeMap::default()).await?;
    let mut count = 0;
    while let Some(row) = scan.next().await? {
        count += 1;
        if count % AT_ONCE == 0
            && let Value::Integer(number) = row[0]
        {
            bounds.push(number);
        }
    }
    drop(scan);
    session.rollback().await?;
    let starts = std::iter::once(None).chain(bounds.iter().copied().map(Some));
    let ends = bounds.iter().copied().map(Some).chain([None]);
    Ok(starts.zip(ends).map(|(after, upto)| Which::Between { after, upto }).collect())
}

/// IDs of entities, and those that rows of the storage and search tables name.
async fn all_ids(session: &mut Session, model: &Model) -> Result<Vec<Which>, Error> {
    let everything = Stretch::default();
    let mut ids = BTreeSet::new();
    let id = [model.id.clone()];
    for row in session.rows_within(&model.entity, &id, &[], &everything).await? {
        ids.insert(row[0].display().into_owned());
    }
    for outlet in model.outlets.iter().filter(|outlet| !outlet.is_missing) {
        let fk = [outlet.fk.clone()];
        for row in session.rows_within(&outlet.table, &fk, &[], &everything).await? {
            ids.insert(row[0].display().into_owned());
        }
    }
    let ids: Vec<String> = ids.into_iter().collect();
    Ok(in_parts(&ids))
}
