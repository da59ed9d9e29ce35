//! Carries out the approved part of a plan in one transaction on the target.
//!
//! Answers for all or nothing, for writing only what was approved, and for the ledger row that proves
//! it. Commit or roll back is decided at one place, at the end of [`apply`].

pub mod files;
pub mod ledger;
pub mod operations;
pub mod order;
pub mod placement;
pub mod undo;
pub mod verify;
mod watch;
pub mod work;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use files::Files;
use ledger::{AppliedEntry, Ledger, NewAnyImage, NewImage, NewImageRow, RunRow, by_environment};
use operations::{Verb, operations};
use order::Ordered;
use placement::{Placed, place};
pub use watch::{Stage, Watch};
use write::write_groups;

use crate::compare::files::paths_of as named_by;
use crate::compare::model::{Model, Presence};
use crate::compare::record::Record;
use crate::compare::sides::Sides;
use crate::compare::{self, Entry, shown_key};
use crate::database::{self, Session, Value};
use crate::gallery;
use crate::plan::change::{Answer, Class};
use crate::plan::file::{FilePath, is_file};

/// Why a run was rolled back or never began. The target is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(#[from] database::Error),
    #[error(transparent)]
    Compare(#[from] compare::Error),
    #[error(transparent)]
    Order(#[from] order::Unorderable),
    #[error(transparent)]
    Gallery(#[from] gallery::Error),
    /// The account may not create the ledger's tables.
    #[error("the ledger can't be created: {source}; have an administrator run:\n{sql}")]
    NoLedger { sql: String, source: database::Error },
    #[error("a row of the ledger's {table} can't be read: {source}")]
    UnreadableLedger { table: String, source: serde_json::Error },
    /// A later release works on the database, and may keep there what this one would lose.
    #[error(
        "the ledger of {environment} is of version {found}, this program knows {known}; use the release \
         that wrote it, or a later one"
    )]
    LedgerVersion { environment: String, found: i64, known: i64 },
    /// A program error: approvals are held against the plan before.
    #[error("{record} was approved in a way that isn't offered")]
    NotOffered { record: String },
    /// A reference to a row that the run neither finds nor brings.
    #[error(
        "{record}: {column} would refer to a row that isn't on the target and isn't approved; compare \
         again"
    )]
    Unplaced { record: String, column: String },
    /// Approvals that are each fine but don't go together.
    #[error(
        "{} and {} would both be written into {target} of the target; take one of the two back",
        records[0], records[1]
    )]
    TwoIntoOne { records: [String; 2], target: String },
    #[error(
        "{record} refers to {referred} of the target, which this run deletes, overwrites or gives \
         another ID; approve one of the two and compare again"
    )]
    RefersToWhatGoes { record: String, referred: String },
    #[error("no number is left for new rows of {table}")]
    NoFreeNumber { table: String },
    /// What was read back isn't what was written: a trigger, a cut value or a statement of the
    /// operator changed it.
    #[error("{record} was read back differently: {what}; everything was rolled back")]
    ReadBack { record: String, what: String },
    /// An `afterWrite` statement of the operator failed.
    #[error("the operator's afterWrite statement {number} of module {module} failed: {source}")]
    AfterWrite { module: String, number: usize, source: database::Error },
    /// Another process has the lease now: whoever was stopped for so long must not write.
    #[error(
        "this process was stopped for so long that another one took over; everything was rolled back"
    )]
    Overtaken,
    /// A later lease of the same state store was here: of a process that took over, or of a store that
    /// an older one replaced since.
    #[error(
        "the target has seen lease {seen} of this state store, and this is lease {ours}: another \
         process took over while this one was stopped, or the state store was restored from a backup; \
         everything was rolled back, and the next attempt is made under a later lease"
    )]
    Behind { ours: i64, seen: i64 },
    /// Files of a run that failed, in a gallery that is away by now.
    #[error(
        "{why}; its copies couldn't be taken back ({left}): files that it placed, if any, and \
         .reconcile/stage/{run} of the gallery are left, and nothing refers to them"
    )]
    NotTakenBack { why: String, run: String, left: String },
    /// The person stopped the run.
    #[error("interrupted; everything was rolled back")]
    Interrupted,
}

impl Error {
    /// Why the ledger's tables aren't there. Only a right that is missing is for an administrator to
    /// give; a server that went away, or a full disk, is what it is.
    fn of_ledger(source: database::Error, sql: String) -> Self {
        let is_forbidden = match &source {
            // SQLSTATE's access rule violations, and no schema to create anything in.
            database::Error::Statement { code: Some(code), .. } => {
                code.len() == 5 && (code.starts_with("42") || code.starts_with("3F"))
            }
            _ => false,
        };
        if is_forbidden { Self::NoLedger { sql, source } } else { Self::Database(source) }
    }

    /// It is the approvals that can't be carried out together, so the same ones never will be.
    pub fn is_of_approvals(&self) -> bool {
        matches!(
            self,
            Self::Order(_)
                | Self::Unplaced { .. }
                | Self::TwoIntoOne { .. }
                | Self::RefersToWhatGoes { .. }
                | Self::NoFreeNumber { .. }
        )
    }
}

/// What a run is: its row for the ledger, and what the operator wants done in it.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// Without the applied entries, which only the run knows.
    pub row: RunRow,
    /// SQL that the operator added, by module.
    pub after_write: BTreeMap<String, Vec<String>>,
    /// The lease it runs under, where leases can be lost.
    pub term: Option<Term>,
}

/// How often a lease was taken. A run with an earlier one than the target has seen is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The installation whose state store counts: another one counts for itself.
    pub store: String,
    pub number: i64,
}

/// One record to be written, as its manifest approves it.
#[derive(Debug, Clone)]
pub struct Approved<'c> {
    pub entry: &'c Entry,
    /// Present exactly where the entry is a conflict.
    pub answer: Option<Answer>,
    /// 16 hex digits.
    pub pin: String,
}

/// Whether the transaction is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Commit,
    /// A test import: everything is done, then rolled back.
    RollBack,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    pub entries: Vec<AppliedEntry>,
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    /// Files that are new, replaced and deleted.
    pub files: [u64; 3],
}

impl Applied {
    /// How many of the entries are records, and how many files.
    pub fn records_and_files(&self) -> (u64, u64) {
        let files = self.entries.iter().filter(|entry| is_file(&entry.table)).count();
        ((self.entries.len() - files) as u64, files as u64)
    }
}

/// Whether the approved entries could be written together: whatever can be known of that before the
/// first write. Reads only.
pub async fn rehearse(
    sides: &mut Sides,
    model: &Model,
    approved: &[Approved<'_>],
) -> Result<(), Error> {
    prepare(sides, model, approved).await.map(|_| ())
}

/// Gives every row its place and every write its turn.
async fn prepare<'m>(
    sides: &mut Sides,
    model: &'m Model,
    approved: &[Approved<'_>],
) -> Result<(Vec<Placed>, Ordered<'m>), Error> {
    let placed = place(sides, model, approved).await?;
    let ordered = order::order(model, operations(model, &placed))?;
    Ok((placed, ordered))
}

/// Writes the approved entries inside the target's open transaction and ends it.
///
/// # Flow
/// Place, order, write, the operator's statements, deferred constraints, read back, ledger, names of new
/// files, end.
///
/// # Guarantees
/// On `Ok` with [`Ending::Commit`] the target holds every entry and every new file, and the ledger says so,
/// also which files are still to be changed; in every other case it is as it was. Nothing outside the
/// entries is written.
///
/// # Assumptions
/// `sides.target` stands in a write transaction whose first statement raised the fence, and the
/// entries were compared and their pins checked inside it. Files are staged, unless all is rolled back.
pub async fn apply(
    sides: &mut Sides,
    model: &Model,
    facts: &RunFacts,
    (approved, files): (&[Approved<'_>], Option<&Files>),
    ending: Ending,
    watch: &mut dyn Watch,
) -> Result<Applied, Error> {
    let written = write(sides, model, facts, (approved, files), ending, watch).await;
    watch.begin(Stage::Committing, 0);
    match (written, ending) {
        (Ok(applied), Ending::Commit) => {
            commit(&mut sides.target, files).await?;
            Ok(applied)
        }
        (Ok(applied), Ending::RollBack) => {
            sides.target.rollback().await?;
            Ok(applied)
        }
        (Err(error), _) => {
            // The first error is the one to report; a connection that can't even roll back is
            // dropped, which rolls back as well.
            let _ = sides.target.rollback().await;
            Err(error)
        }
    }
}

/// New files first, then the rows that name them; without the rows none of the files stays.
async fn commit(target: &mut Session, files: Option<&Files>) -> Result<(), Error> {
    let Some(files) = files else { return Ok(target.commit().await?) };
    let placed = match files::awake(&mut [&mut *target], files.place()).await {
        Ok(placed) => placed,
        Err(error) => Err(error.into()),
    };
    let error = match placed {
        Ok(()) => match target.commit().await {
            Ok(()) => return Ok(()),
            // It may have happened: whoever asks the ledger takes them back, or leaves them.
            Err(error @ database::Error::CommitUnknown { .. }) => return Err(error.into()),
            Err(error) => error.into(),
        },
        Err(error) => error,
    };
    // Names are free again for the next attempt; after the last one whoever staged the copies takes all
    // of it back, and tells what can't be.
    let _ = target.rollback().await;
    let _ = files.target.take_back(&files.run).await;
    Err(error)
}

async fn write(
    sides: &mut Sides,
    model: &Model,
    facts: &RunFacts,
    (approved, files): (&[Approved<'_>], Option<&Files>),
    ending: Ending,
    watch: &mut dyn Watch,
) -> Result<Applied, Error> {
    watch.begin(Stage::Placing, approved.len());
    let (placed, ordered) = prepare(sides, model, approved).await?;
    if ordered.deferred {
        sides.target.defer_constraints().await?;
    }
    if ending == Ending::Commit {
        raise_sequences(&mut sides.target, model, &ordered).await?;
    }
    let mut applied = Applied::default();
    let all = ordered.groups.iter().map(Vec::len).sum();
    watch.begin(Stage::Writing, all);
    write_groups(&mut sides.target, model, ordered.groups, &mut applied, watch).await?;
    watch.begin(Stage::AfterWrite, 0);
    after_write(sides, model, facts, &placed).await?;
    sides.target.check_constraints().await?;
    watch.begin(Stage::ReadingBack, placed.len());
    let now = verify::read_back(sides, model, &placed, watch).await?;
    watch.begin(Stage::Recording, placed.len());
    let pins = approved.iter().map(|approved| &approved.pin);
    applied.entries =
        placed.iter().zip(pins).map(|(record, pin)| entry(model, record, pin)).collect();
    applied.entries.extend(files.iter().flat_map(|files| files.approved.iter().cloned()));
    applied.files = files.map(Files::counts).unwrap_or_default();
    record(sides, model, facts, (&placed, &now, files), &applied).await?;
    // All this may have taken long: who pressed Ctrl-C meanwhile wants nothing kept, and who lost the
    // lease must keep nothing.
    watch.step(all, all)?;
    Ok(applied)
}

/// Raises the sequences above the numbers that inserts bring along. Never for a test import, since
/// sequences don't roll back.
async fn raise_sequences(
    session: &mut Session,
    model: &Model,
    ordered: &Ordered<'_>,
) -> Result<(), Error> {
    let mut greatest: BTreeMap<(&str, &str), (usize, i64)> = BTreeMap::new();
    let operations = ordered.groups.iter().flatten();
    for operation in operations.filter(|operation| operation.verb == Verb::Insert) {
        let table = operation.table(model);
        for column in table.columns.iter().filter(|column| column.auto.is_some()) {
            if let Some(Value::Integer(number)) = operation.set.get(column.name.as_str()) {
                let entry = greatest
                    .entry((&table.name, &column.name))
                    .or_insert((operation.node, *number));
                entry.1 = entry.1.max(*number);
            }
        }
    }
    for ((_, column), (node, number)) in greatest {
        session.raise_sequence(&model.nodes[node].target, column, number).await?;
    }
    Ok(())
}

/// Runs the operator's statements of the touched modules.
async fn after_write(
    sides: &mut Sides,
    model: &Model,
    facts: &RunFacts,
    placed: &[Placed],
) -> Result<(), Error> {
    let touched: BTreeSet<&str> =
        placed.iter().map(|record| model.nodes[record.draft.root].module.as_str()).collect();
    let statements: Vec<(&str, &Vec<String>)> = touched
        .into_iter()
        .filter_map(|module| facts.after_write.get(module).map(|list| (module, list)))
        .filter(|(_, list)| !list.is_empty())
        .collect();
    if statements.is_empty() {
        return Ok(());
    }
    note_written(&mut sides.target, model, placed).await?;
    for (module, list) in statements {
        for (index, sql) in list.iter().enumerate() {
            sides.target.execute_operator_statement(sql).await.map_err(|source| {
                Error::AfterWrite { module: module.to_owned(), number: index + 1, source }
            })?;
        }
    }
    Ok(())
}

/// Lists what was written in a temporary table that the operator's statements can read.
async fn note_written(
    session: &mut Session,
    model: &Model,
    placed: &[Placed],
) -> Result<(), Error> {
    let written = ledger::written_table();
    session.create_temporary_table(&written).await?;
    let rows = placed.iter().map(|record| {
        let table = model.nodes[record.draft.root].table.clone();
        let id = shown_key(&record.target_id(model));
        vec![
            Value::Text(table.into()),
            Value::Text(id.into()),
            Value::Text(class_word(record).into()),
        ]
    });
    write::insert(session, &written, &["table_name", "id", "class"], rows).await
}

fn class_word(record: &Placed) -> &'static str {
    match class_of(record) {
        Class::New => "new",
        Class::Deleted => "deleted",
        Class::Modified | Class::Conflict => "modified",
    }
}

/// What the write was, whatever the plan called it.
fn class_of(record: &Placed) -> Class {
    match (record.wanted.rows.is_empty(), record.current()) {
        (true, _) => Class::Deleted,
        (false, None) => Class::New,
        (false, Some(_)) => Class::Modified,
    }
}

fn entry(model: &Model, record: &Placed, pin: &str) -> AppliedEntry {
    AppliedEntry {
        table: model.nodes[record.draft.root].table.clone(),
        id: shown_key(&record.draft.id),
        class: class_of(record),
        answer: record.answer,
        pin: pin.to_owned(),
        target_id: shown_key(&record.target_id(model)),
    }
}

/// Writes the ledger: the run, the images that `undo` needs, the partners.
async fn record(
    sides: &mut Sides,
    model: &Model,
    facts: &RunFacts,
    (placed, now, files): (&[Placed], &[Option<Record>], Option<&Files>),
    applied: &Applied,
) -> Result<(), Error> {
    let ledger = Ledger::default();
    let images = placed.iter().zip(now).map(|(record, now)| {
        let node = &model.nodes[record.draft.root];
        NewAnyImage::Record(NewImage {
            module: &node.module,
            table: &node.table,
            before: record.current().map(|record| image_rows(model, record)),
            after: now.as_ref().map(|record| image_rows(model, record)),
        })
    });
    let changed = files.iter().flat_map(|files| &files.changes);
    let images = images.chain(changed.clone().map(|file| NewAnyImage::File { file }));
    let target = &mut sides.target;
    let rows = [applied.inserted, applied.updated, applied.deleted];
    let (entries, files_changed) = (applied.entries.clone(), applied.files);
    let run = RunRow { applied: entries, rows, files: files_changed, ..facts.row.clone() };
    ledger.insert_run(target, &run).await?;
    ledger.insert_images(target, &run.run, images).await?;
    forget_partners(target, &ledger, model, facts, placed).await?;
    for record in placed {
        if matches!(record.answer, Some(Answer::Adopt | Answer::Renumber)) {
            let target_id = record.target_id(model);
            let (prod, test) = by_environment(run.direction, &record.draft.id, &target_id);
            let table = &model.nodes[record.draft.root].table;
            ledger.remember(target, &run.run, (table, prod, test)).await?;
        }
        if run.undo.is_none() {
            for (table, source_key, target_key) in renumbered(model, record) {
                let (prod, test) = by_environment(run.direction, &source_key, &target_key);
                ledger.remember(target, &run.run, (table, prod, test)).await?;
            }
        }
    }
    let named = placed.iter().filter_map(|record| record.draft.source.as_ref());
    let mut paths: BTreeSet<FilePath> = named.flat_map(|it| named_by(model, it)).collect();
    paths.extend(changed.clone().map(|file| file.path.clone()));
    work::supersede(target, &paths, facts.row.undo.as_deref()).await?;
    let late = files.iter().flat_map(|files| files.work());
    let work = work::new_rows(republish(model, placed, now), late);
    ledger.insert_work(target, &run.run, &work).await
}

/// Whoever gets the ID of a row that went isn't the partner of that row's partner. An undo also
/// takes back what the undone run remembered.
async fn forget_partners(
    target: &mut Session,
    ledger: &Ledger,
    model: &Model,
    facts: &RunFacts,
    placed: &[Placed],
) -> Result<(), Error> {
    let mut gone: BTreeMap<(&str, Option<&str>), Vec<Vec<Value>>> = BTreeMap::new();
    for record in placed {
        let Some(current) = record.current() else { continue };
        let goes = record.wanted.rows.is_empty() || record.rekeyed;
        let of_run = if goes { None } else { facts.row.undo.as_deref() };
        if goes || of_run.is_some() {
            let table = model.nodes[record.draft.root].table.as_str();
            gone.entry((table, of_run)).or_default().push(current.key(model));
        }
    }
    for ((table, of_run), keys) in gone {
        ledger.forget(target, facts.row.direction, (table, &keys), of_run).await?;
    }
    Ok(())
}

/// Inserted owned rows whose number was taken: who refers to them must find them the next time.
fn renumbered<'m>(model: &'m Model, record: &Placed) -> Vec<(&'m str, Vec<Value>, Vec<Value>)> {
    let Some(source) = &record.draft.source else { return Vec::new() };
    let rows = record.wanted.rows.iter().filter(|row| {
        let node = &model.nodes[row.node];
        row.current.is_none() && node.surrogate_key() && model.is_referred_to(&node.table)
    });
    let keys = rows.map(|row| {
        let node = &model.nodes[row.node];
        let target: Vec<Value> =
            node.key.iter().filter_map(|column| row.cells[*column].value().cloned()).collect();
        (node.table.as_str(), source.rows[row.source].key(model), target)
    });
    keys.filter(|(_, source, target)| source != target).collect()
}

/// What the touched records are published as: each of their rows, as they were and as they are. Also rows
/// that the run left alone, since a document may hold what stands in the row above.
fn republish(
    model: &Model,
    placed: &[Placed],
    now: &[Option<Record>],
) -> BTreeSet<(String, String)> {
    let records = placed.iter().filter_map(Placed::current).chain(now.iter().flatten());
    let rows = records.flat_map(|record| &record.rows);
    let entities = rows.flat_map(|row| {
        // An entity's ID is one column.
        let id = row.key(model).first().map(|id| id.display().into_owned()).unwrap_or_default();
        let resources = model.nodes[row.node].republish.iter();
        resources.map(move |resource| (resource.clone(), id.clone()))
    });
    entities.collect()
}

fn image_rows<'r>(model: &'r Model, record: &'r Record) -> Vec<NewImageRow<'r>> {
    record
        .rows
        .iter()
        .map(|row| {
            let node = &model.nodes[row.node];
            let columns = node.columns.iter().zip(&row.values);
            NewImageRow {
                table: &node.table,
                parent: row.parent,
                values: columns
                    .filter(|(column, _)| !matches!(column.on, Presence::SourceOnly { .. }))
                    .map(|(column, value)| (column.name.as_str(), value))
                    .collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_is_called_only_for_rights() {
        for (code, called) in [
            (Some("42501"), true),
            (Some("42000"), true),
            (Some("3F000"), true),
            // The connection was lost.
            (None, false),
            (Some("57P01"), false),
            (Some("53100"), false),
            // A full disk under SQLite.
            (Some("13"), false),
        ] {
            let source = database::Error::Statement {
                environment: "PROD".into(),
                action: "create",
                table: Some("reconcile_run".into()),
                message: "no".into(),
                code: code.map(str::to_owned),
            };
            let error = Error::of_ledger(source, "CREATE TABLE …".into());
            assert_eq!(matches!(error, Error::NoLedger { .. }), called, "{code:?}");
            assert_eq!(error.to_string().contains("administrator"), called, "{error}");
        }
    }
}
