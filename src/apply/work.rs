//! What committed runs still have to do: the ledger's rows of work.
//!
//! Answers for a row being taken away only by whoever has seen to it, or who has the file of it changed
//! anew.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Error;
use super::ledger::{Ledger, WORK, from_json, to_json};
use crate::catalog::Catalog;
use crate::database::{self, Session, Stretch, Value};
use crate::plan::file::{FileChange, FilePath};

const REPUBLISH: &str = "republish";
const FILE: &str = "file";

/// The key of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key([Value; 2]);

/// A record that is to be published anew.
#[derive(Debug, Clone)]
pub struct Republish {
    pub resource: String,
    /// The record's ID on the target.
    pub id: String,
    pub key: Key,
}

/// A file that is to be replaced or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileWork {
    /// Of the staged copy.
    pub number: usize,
    pub change: FileChange,
}

/// The same as it stands in the ledger.
#[derive(Debug, Clone)]
pub struct FileRow {
    pub run: String,
    pub work: FileWork,
    pub key: Key,
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
    let rows = rows(session, REPUBLISH).await?.into_iter();
    let republish = |(key, details): (Key, String)| {
        let (resource, id) = details.split_once(' ')?;
        Some(Republish { resource: resource.to_owned(), id: id.to_owned(), key })
    };
    Ok(rows.filter_map(republish).collect())
}

/// The files that runs on this database left to be changed, in the order of the runs. There must be a
/// ledger.
pub async fn files_to_change(session: &mut Session) -> Result<Vec<FileRow>, Error> {
    let row = |(key, details): (Key, String)| {
        let work = from_json(&details, WORK)?;
        Ok(FileRow { run: key.0[0].display().into_owned(), work, key })
    };
    rows(session, FILE).await?.into_iter().map(row).collect()
}

/// Rows of a kind with what they say, sorted by their keys.
async fn rows(session: &mut Session, wanted: &str) -> Result<Vec<(Key, String)>, Error> {
    let columns = ["kind", "details", "run", "position"].map(str::to_owned);
    let ledger = Ledger::default();
    let rows = session.rows_within(ledger.work(), &columns, &[], &Stretch::default()).await?;
    let row = |row: Vec<Value>| {
        let [kind, details, run, position] = row.try_into().ok()?;
        (kind.display() == wanted).then(|| (Key([run, position]), details.display().into_owned()))
    };
    let mut found: Vec<_> = rows.into_iter().filter_map(row).collect();
    found.sort();
    Ok(found)
}

/// Rows of work as a run writes them: of records to publish, by resource and ID, and of files.
pub(super) fn new_rows(
    republish: impl IntoIterator<Item = (String, String)>,
    files: impl IntoIterator<Item = FileWork>,
) -> Vec<(String, String)> {
    let republish = republish.into_iter().map(|(resource, id)| format!("{resource} {id}"));
    let republish = republish.map(|details| (REPUBLISH.to_owned(), details));
    let files = files.into_iter().map(|work| (FILE.to_owned(), to_json(&work)));
    republish.chain(files).collect()
}

/// Forgets what earlier runs left to do about files that a run changes now, or that its records name as
/// they are; and all that a run left which is undone.
pub(super) async fn supersede(
    session: &mut Session,
    paths: &BTreeSet<FilePath>,
    undone: Option<&str>,
) -> Result<(), Error> {
    if paths.is_empty() && undone.is_none() {
        return Ok(());
    }
    let earlier = files_to_change(session).await?;
    let old: Vec<&Key> = earlier
        .iter()
        .filter(|row| paths.contains(&row.work.change.path) || undone == Some(row.run.as_str()))
        .map(|row| &row.key)
        .collect();
    done(session, &old).await
}

/// Takes away what was seen to.
pub async fn done(session: &mut Session, seen: &[&Key]) -> Result<(), Error> {
    let ledger = Ledger::default();
    for Key([run, position]) in seen {
        let key = [("run", run), ("position", position)];
        match session.delete(ledger.work(), &key).await {
            // Another process saw to it as well.
            Ok(()) | Err(database::Error::RowCount { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
