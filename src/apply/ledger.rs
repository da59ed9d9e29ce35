//! The ledger on the target: what was run, what stood there before, who is whose partner.
//!
//! Answers for its tables and for every row in them, all written inside the applying transaction, so
//! that a row here says that the run committed. Created on first use, before the transaction.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Applied, Error, Term, write};
use crate::catalog::carry::Carried;
use crate::catalog::{Catalog, Kind, Table};
use crate::compare::matching::Pairs;
use crate::database::{Lock, Session, Value};
use crate::manifest::sync_job::{Direction, Mode};
use crate::plan::change::{Answer, Class};
use crate::plan::file::FileChange;

/// The prefix of every table of the ledger. No module may name these tables.
pub const PREFIX: &str = "reconcile_";

const RUN: &str = "reconcile_run";
const BEFORE_IMAGE: &str = "reconcile_before_image";
pub(super) const WORK: &str = "reconcile_work";
const PAIR: &str = "reconcile_pair";
const FENCE: &str = "reconcile_fence";

/// One committed run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRow {
    pub run: String,
    /// The installation that ran it, so that a copied database does no foreign work.
    pub installation: String,
    pub job: String,
    /// The hash of the request, see [`crate::manifest::sync_job::SyncJobSpec`].
    pub request: String,
    pub plan_digest: String,
    pub direction: Direction,
    pub mode: Mode,
    /// The run that this one undid.
    pub undo: Option<String>,
    /// UTC, RFC 3339.
    pub started_at: String,
    /// The `request` number of the job's spec.
    pub asked: u64,
    pub fence: i64,
    /// Where source and target run on different engines: what was carried as another kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Carried>,
    pub applied: Vec<AppliedEntry>,
    /// Rows of the target that were inserted, updated and deleted.
    #[serde(default)]
    pub rows: [u64; 3],
    /// Files of the target's gallery that are new, replaced and deleted.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub files: [u64; 3],
    /// What the run was told to leave out, and what it skipped, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
}

impl RunRow {
    /// What the run did.
    pub fn applied(&self) -> Applied {
        let [inserted, updated, deleted] = self.rows;
        let (entries, files) = (self.applied.clone(), self.files);
        Applied { entries, inserted, updated, deleted, files }
    }
}

fn is_nothing(files: &[u64; 3]) -> bool {
    *files == [0; 3]
}

/// One record that a run wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedEntry {
    pub table: String,
    /// As it stood in the manifest.
    pub id: String,
    pub class: Class,
    pub answer: Option<Answer>,
    /// 16 hex digits.
    pub pin: String,
    /// The record's ID on the target after the run.
    pub target_id: String,
}

/// A record as it stood before and after a run: what `undo` goes back to, and how it knows that
/// nobody changed it since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    pub module: String,
    pub table: String,
    /// Rows before the run, the root first; none: the record was inserted.
    pub before: Option<Vec<ImageRow>>,
    /// Rows after the run; none: the record was deleted.
    pub after: Option<Vec<ImageRow>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageRow {
    pub table: String,
    /// Index of the parent's row; the root has none.
    pub parent: Option<usize>,
    pub values: BTreeMap<String, Value>,
}

/// What a run found and left: of a record, or of a file.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum AnyImage {
    File { file: FileChange },
    Record(Image),
}

/// The same as it is written.
#[derive(Serialize)]
#[serde(untagged)]
pub enum NewAnyImage<'r> {
    File { file: &'r FileChange },
    Record(NewImage<'r>),
}

/// An [`Image`] as it is written, of rows that stand elsewhere.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewImage<'r> {
    pub module: &'r str,
    pub table: &'r str,
    pub before: Option<Vec<NewImageRow<'r>>>,
    pub after: Option<Vec<NewImageRow<'r>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewImageRow<'r> {
    pub table: &'r str,
    pub parent: Option<usize>,
    pub values: BTreeMap<&'r str, &'r Value>,
}

/// The ledger of one database.
pub struct Ledger {
    run: Table,
    before_image: Table,
    work: Table,
    pair: Table,
    fence: Table,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            run: Table::plain(
                RUN,
                &[
                    ("run", Kind::Text),
                    ("part", Kind::Integer),
                    ("installation", Kind::Text),
                    ("job", Kind::Text),
                    ("request", Kind::Text),
                    ("details", Kind::Text),
                ],
                &["run", "part"],
            ),
            before_image: Table::plain(
                BEFORE_IMAGE,
                &[
                    ("run", Kind::Text),
                    ("position", Kind::Integer),
                    ("part", Kind::Integer),
                    ("image", Kind::Text),
                ],
                &["run", "position", "part"],
            ),
            work: Table::plain(
                WORK,
                &[
                    ("run", Kind::Text),
                    ("position", Kind::Integer),
                    ("kind", Kind::Text),
                    ("details", Kind::Text),
                ],
                &["run", "position"],
            ),
            pair: Table::plain(
                PAIR,
                &[
                    ("table_name", Kind::Text),
                    ("prod_key", Kind::Text),
                    ("test_key", Kind::Text),
                    ("run", Kind::Text),
                ],
                &["table_name", "prod_key"],
            ),
            fence: Table::plain(
                FENCE,
                &[("name", Kind::Text), ("fence", Kind::Integer)],
                &["name"],
            ),
        }
    }
}

/// The temporary table that lists what a run wrote, for the operator's statements.
pub fn written_table() -> Table {
    let text = Kind::Text;
    Table::plain(
        "reconcile_written",
        &[("table_name", text), ("id", text), ("class", text)],
        &["table_name", "id"],
    )
}

/// The one row that every run of a target raises and locks first.
const FENCE_ROW: &str = "run";
/// Beside it the ledger's version: a ledger of before it had any gets one without a new table.
const VERSION_ROW: &str = "version";
/// Of these tables and of what stands in them; a later one may hold what this program would lose.
const VERSION: i64 = 1;

impl Ledger {
    pub(super) fn work(&self) -> &Table {
        &self.work
    }

    pub fn tables(&self) -> [&Table; 5] {
        [&self.run, &self.before_image, &self.work, &self.pair, &self.fence]
    }

    /// Whether the database has a ledger. Only asked of the catalogue, so that a mere comparison
    /// needs no right to create one.
    pub fn exists(&self, catalog: &Catalog) -> bool {
        self.tables().iter().all(|table| catalog.table(&table.name).is_some())
    }

    /// The same, where the ledger is to be read: one of a later release is refused.
    pub async fn is_there(&self, session: &mut Session, catalog: &Catalog) -> Result<bool, Error> {
        if catalog.table(&self.fence.name).is_some() {
            self.check_version(session).await?;
        }
        Ok(self.exists(catalog))
    }

    /// Refuses the ledger of a later release. One without a version was written before it had any.
    pub async fn check_version(&self, session: &mut Session) -> Result<(), Error> {
        match self.fence_value(session, VERSION_ROW).await? {
            Some(found) if found > VERSION => {
                let environment = session.name().to_owned();
                Err(Error::LedgerVersion { environment, found, known: VERSION })
            }
            _ => Ok(()),
        }
    }

    /// Creates what is missing, outside any transaction of a run.
    pub async fn create(&self, session: &mut Session) -> Result<(), Error> {
        for table in self.tables() {
            session
                .create_table_if_missing(table)
                .await
                .map_err(|source| Error::of_ledger(source, self.sql(session.engine())))?;
        }
        self.check_version(session).await?;
        self.begin(session, FENCE_ROW, 0).await?;
        self.begin(session, VERSION_ROW, VERSION).await
    }

    /// Gives a row of the fence its first value, if it has none.
    async fn begin(&self, session: &mut Session, name: &str, value: i64) -> Result<(), Error> {
        if self.fence_value(session, name).await?.is_some() {
            return Ok(());
        }
        let (key, value) = (Value::Text(name.into()), Value::Integer(value));
        let inserted = session.insert(&self.fence, &[("name", &key), ("fence", &value)]).await;
        // Another first run may have been quicker.
        if inserted.is_err() && self.fence_value(session, name).await?.is_some() {
            return Ok(());
        }
        Ok(inserted?)
    }

    /// The statements an administrator would run where the account may not create tables.
    pub fn sql(&self, engine: crate::catalog::Engine) -> String {
        let statements: Vec<String> = self
            .tables()
            .iter()
            .map(|table| crate::database::create_table_sql(engine, table))
            .collect();
        statements.join(";\n") + ";"
    }

    /// Raises and locks the fence: the first statement of an applying transaction. Of two runs on
    /// one target the second waits here, and of two that were given a lease one after the other the
    /// earlier is refused.
    pub async fn raise_fence(
        &self,
        session: &mut Session,
        term: Option<&Term>,
    ) -> Result<i64, Error> {
        let name = Value::Text(FENCE_ROW.into());
        let key = [vec![name.clone()]];
        session.lock(Lock::ToWrite, &self.fence, &self.fence.primary_key, &key).await?;
        // A later release may have come since the ledger was looked at.
        self.check_version(session).await?;
        let fence = self.fence_value(session, FENCE_ROW).await?.unwrap_or(0) + 1;
        let raised = Value::Integer(fence);
        session.update(&self.fence, &[("name", &name)], &[("fence", &raised)]).await?;
        if let Some(term) = term {
            self.pass(session, term).await?;
        }
        Ok(fence)
    }

    /// Notes the lease of a run, unless a later one was here before.
    async fn pass(&self, session: &mut Session, term: &Term) -> Result<(), Error> {
        let of = format!("lease of {}", term.store);
        let (name, number) = (Value::Text(of.as_str().into()), Value::Integer(term.number));
        match self.fence_value(session, &of).await? {
            Some(seen) if seen > term.number => Err(Error::Behind { ours: term.number, seen }),
            Some(_) => {
                let key = [("name", &name)];
                Ok(session.update(&self.fence, &key, &[("fence", &number)]).await?)
            }
            None => {
                let row = [("name", &name), ("fence", &number)];
                Ok(session.insert(&self.fence, &row).await?)
            }
        }
    }

    async fn fence_value(&self, session: &mut Session, name: &str) -> Result<Option<i64>, Error> {
        let columns = ["fence".to_owned()];
        let by = ["name".to_owned()];
        let wanted = [vec![Value::Text(name.into())]];
        let found = session.find(&self.fence, &columns, &by, &wanted).await?;
        Ok(found.into_iter().find_map(|(_, row)| match row.first() {
            Some(Value::Integer(fence)) => Some(*fence),
            _ => None,
        }))
    }

    pub async fn insert_run(&self, session: &mut Session, row: &RunRow) -> Result<(), Error> {
        let text = |text: &str| Value::Text(text.into());
        let details = to_json(row);
        let rows = parts(&details).enumerate().map(|(part, details)| {
            vec![
                text(&row.run),
                number(part),
                text(&row.installation),
                text(&row.job),
                text(&row.request),
                text(details),
            ]
        });
        let columns = ["run", "part", "installation", "job", "request", "details"];
        write::insert(session, &self.run, &columns, rows).await
    }

    /// Committed runs of a job, in the order of their start.
    pub async fn runs_of(&self, session: &mut Session, job: &str) -> Result<Vec<RunRow>, Error> {
        self.runs_by(session, "job", job).await
    }

    pub async fn run(&self, session: &mut Session, run: &str) -> Result<Option<RunRow>, Error> {
        Ok(self.runs_by(session, "run", run).await?.into_iter().next())
    }

    async fn runs_by(
        &self,
        session: &mut Session,
        by: &str,
        wanted: &str,
    ) -> Result<Vec<RunRow>, Error> {
        let columns = ["run", "part", "details"].map(str::to_owned);
        let wanted = [vec![Value::Text(wanted.into())]];
        let found = session.find(&self.run, &columns, &[by.to_owned()], &wanted).await?;
        let mut runs: Vec<RunRow> = whole(found, RUN)?;
        runs.sort_by(|a, b| (&a.started_at, a.fence).cmp(&(&b.started_at, b.fence)));
        Ok(runs)
    }

    /// Images are made as they are written, since together they may be large.
    pub async fn insert_images<'r>(
        &self,
        session: &mut Session,
        run: &str,
        images: impl Iterator<Item = NewAnyImage<'r>>,
    ) -> Result<(), Error> {
        let run = Value::Text(run.into());
        let rows = images.enumerate().flat_map(|(position, image)| {
            let image = to_json(&image);
            let row = |(part, image): (usize, &str)| {
                let run = run.clone();
                vec![run, number(position), number(part), Value::Text(image.into())]
            };
            parts(&image).enumerate().map(row).collect::<Vec<_>>()
        });
        let columns = ["run", "position", "part", "image"];
        write::insert(session, &self.before_image, &columns, rows).await
    }

    /// What a run found and left, of records and of files.
    pub async fn images(
        &self,
        session: &mut Session,
        run: &str,
    ) -> Result<(Vec<Image>, Vec<FileChange>), Error> {
        let columns = ["position", "part", "image"].map(str::to_owned);
        let wanted = [vec![Value::Text(run.into())]];
        let found =
            session.find(&self.before_image, &columns, &["run".to_owned()], &wanted).await?;
        let (mut records, mut files) = (Vec::new(), Vec::new());
        for image in whole(found, BEFORE_IMAGE)? {
            match image {
                AnyImage::Record(image) => records.push(image),
                AnyImage::File { file } => files.push(file),
            }
        }
        Ok((records, files))
    }

    /// Remembers partners; a pair that names either key already is replaced.
    pub async fn remember(
        &self,
        session: &mut Session,
        run: &str,
        (table, prod, test): (&str, &[Value], &[Value]),
    ) -> Result<(), Error> {
        let (name, prod, test) = (
            Value::Text(table.into()),
            Value::Text(to_json(prod).into()),
            Value::Text(to_json(test).into()),
        );
        for (column, key) in [("prod_key", &prod), ("test_key", &test)] {
            self.forget_by(session, &name, (column, std::slice::from_ref(key)), None).await?;
        }
        let run = Value::Text(run.into());
        session
            .insert(
                &self.pair,
                &[("table_name", &name), ("prod_key", &prod), ("test_key", &test), ("run", &run)],
            )
            .await?;
        Ok(())
    }

    /// Forgets the partners of rows of one table of the target; with a run only what that run
    /// remembered.
    pub async fn forget(
        &self,
        session: &mut Session,
        direction: Direction,
        (table, targets): (&str, &[Vec<Value>]),
        run: Option<&str>,
    ) -> Result<(), Error> {
        let column = match direction {
            Direction::TestToProd => "prod_key",
            Direction::ProdToTest => "test_key",
        };
        let name = Value::Text(table.into());
        let keys: Vec<_> = targets.iter().map(|key| Value::Text(to_json(key).into())).collect();
        self.forget_by(session, &name, (column, &keys), run).await
    }

    async fn forget_by(
        &self,
        session: &mut Session,
        table: &Value,
        (column, keys): (&str, &[Value]),
        run: Option<&str>,
    ) -> Result<(), Error> {
        let by = ["table_name".to_owned(), column.to_owned()];
        let columns = ["prod_key".to_owned(), "run".to_owned()];
        let wanted: Vec<_> = keys.iter().map(|key| vec![table.clone(), key.clone()]).collect();
        for (_, row) in session.find(&self.pair, &columns, &by, &wanted).await? {
            if run.is_none_or(|run| row[1] == Value::Text(run.into())) {
                let key = [("table_name", table), ("prod_key", &row[0])];
                session.delete(&self.pair, &key).await?;
            }
        }
        Ok(())
    }

    /// Adds the partners that a database remembers.
    pub async fn pairs(
        &self,
        session: &mut Session,
        direction: Direction,
        pairs: &mut Pairs,
    ) -> Result<(), Error> {
        let columns: Vec<String> =
            ["table_name", "prod_key", "test_key"].map(str::to_owned).to_vec();
        let everything = BTreeMap::new();
        let mut rows =
            session.scan(&self.pair, &columns, &self.pair.primary_key, &everything).await?;
        while let Some(row) = rows.next().await? {
            let prod: Vec<Value> = from_json(&row[1].display(), PAIR)?;
            let test: Vec<Value> = from_json(&row[2].display(), PAIR)?;
            let (source, target) = match direction {
                Direction::TestToProd => (test, prod),
                Direction::ProdToTest => (prod, test),
            };
            pairs.insert(&row[0].display(), source, target);
        }
        Ok(())
    }

    /// Notes what is still to do after the commit.
    pub async fn insert_work(
        &self,
        session: &mut Session,
        run: &str,
        work: &[(String, String)],
    ) -> Result<(), Error> {
        let rows = work.iter().enumerate().map(|(position, (kind, details))| {
            let text = |text: &String| Value::Text(text.as_str().into());
            vec![Value::Text(run.into()), number(position), text(kind), text(details)]
        });
        write::insert(session, &self.work, &["run", "position", "kind", "details"], rows).await
    }
}

/// Which environment's key stands first in a pair.
pub fn by_environment<'k>(
    direction: Direction,
    source: &'k [Value],
    target: &'k [Value],
) -> (&'k [Value], &'k [Value]) {
    match direction {
        Direction::TestToProd => (target, source),
        Direction::ProdToTest => (source, target),
    }
}

fn number(position: usize) -> Value {
    Value::Integer(i64::try_from(position).unwrap_or(i64::MAX))
}

pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("plain values are JSON")
}

/// A long text stands in several rows, since a server takes only so much at once.
const PART_BYTES: usize = 1024 * 1024;

fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.floor_char_boundary(PART_BYTES);
        let (part, after) = rest.split_at(end);
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

/// Values from their parts: rows of what they belong to, the part's number and its text.
fn whole<T: serde::de::DeserializeOwned>(
    rows: Vec<(usize, Vec<Value>)>,
    table: &'static str,
) -> Result<Vec<T>, Error> {
    let mut texts: BTreeMap<Value, BTreeMap<Value, Value>> = BTreeMap::new();
    for (_, row) in rows {
        let [of, part, text] = <[Value; 3]>::try_from(row).expect("three columns were asked for");
        texts.entry(of).or_default().insert(part, text);
    }
    let join = |parts: BTreeMap<Value, Value>| {
        let text: String = parts.values().map(Value::display).collect();
        from_json(&text, table)
    };
    texts.into_values().map(join).collect()
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    text: &str,
    table: &str,
) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|source| Error::UnreadableLedger { table: table.to_owned(), source })
}
