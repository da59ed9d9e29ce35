//! What committed runs still have to do: the ledger's rows of work.
//!
//! Answers for a row being taken away only by whoever has seen to it.

use super::Error;
use super::ledger::{Ledger, WORK};
use crate::catalog::Catalog;
use crate::database::{self, Session, Stretch, Value};

/// A record that is to be published anew.
#[derive(Debug, Clone)]
pub struct Republish {
    pub resource: String,
    /// The record's ID on the target.
    pub id: String,
    key: [Value; 2],
}

/// The records that runs on this database touched and that nobody has published since. Without a ledger
/// there are none.
pub async fn to_republish(
    session: &mut Session,
    catalog: &Catalog,
) -> Result<Vec<Republish>, Error> {
    if catalog.table(WORK).is_none() {
        return Ok(Vec::new());
    }
    let columns = ["kind", "details", "run", "position"].map(str::to_owned);
    let ledger = Ledger::default();
    let table = ledger.work();
    let rows = session.rows_within(table, &columns, &[], &Stretch::default()).await?;
    let mut found: Vec<Republish> = rows.into_iter().filter_map(republish).collect();
    found.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(found)
}

fn republish(row: Vec<Value>) -> Option<Republish> {
    let [kind, details, run, position] = row.try_into().ok()?;
    if kind.display() != "republish" {
        return None;
    }
    let details = details.display();
    let (resource, id) = details.split_once(' ')?;
    Some(Republish { resource: resource.to_owned(), id: id.to_owned(), key: [run, position] })
}

/// Takes away what was seen to.
pub async fn done(session: &mut Session, seen: &[&Republish]) -> Result<(), Error> {
    let ledger = Ledger::default();
    for republish in seen {
        let [run, position] = &republish.key;
        let key = [("run", run), ("position", position)];
        match session.delete(ledger.work(), &key).await {
            // Another process saw to it as well.
            Ok(()) | Err(database::Error::RowCount { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
