//! SQLite: one connection that sees both files, so that the rows which differ are found where they
//! lie.
//!
//! Answers for both files standing in the very snapshots of the two sessions, and for rows being equal
//! by bytes and by storage class, whatever a column's collation and affinity say. A row never leaves
//! its file unless it differs.

use futures_util::StreamExt;

use super::batch::Stages;
use super::connection::{Cell, Parameter, Statement};
use super::dialect::quote;
use super::error::Result;
use super::filter::{conditions, push_all};
use super::read::Shape;
use super::{Access, Session, Unlike, Value, sqlite};
use crate::catalog::{Engine, Table};
use crate::manifest::filter::Filter;

/// How often snapshots are taken anew when somebody commits in between.
const ATTEMPTS: usize = 3;
/// Readers have to wait for a writer that waits for readers, and two of those are ours.
const SHORT_WAIT: &str = "PRAGMA busy_timeout = 500";
/// An expression may be 1,000 deep, and this many comparisons stand in a row.
const MOST_COLUMNS: usize = 400;

/// A connection to the source's file with the target's attached.
#[derive(Debug)]
pub struct Both {
    session: Session,
}

/// A table of both files, and what of it is compared.
#[derive(Debug, Clone, Copy)]
pub struct Twins<'a> {
    pub tables: [&'a Table; 2],
    pub key: &'a [String],
    pub columns: &'a [String],
    pub filter: &'a Filter,
    /// Source rows that differ in any case.
    pub unlike: &'a [Unlike],
}

/// The keys of rows that differ, and which sides have a row of each.
pub type Unequal = Vec<(Vec<Value>, [bool; 2])>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    Source,
    Target,
}

/// Begins the transactions of two sessions that read. For two SQLite files it also returns a
/// connection that sees both just as the sessions do, where one can be had.
pub async fn begin_both(source: &mut Session, target: &mut Session) -> Result<Option<Both>> {
    let mut both = Both::open(source, target).await;
    for _ in 0..ATTEMPTS {
        let Some(other) = &mut both else { break };
        let Ok(before) = other.versions().await else { break };
        source.begin().await?;
        target.begin().await?;
        // Nobody committed between the two answers, so all snapshots are the same.
        if other.begin().await.is_ok() && other.versions().await.is_ok_and(|now| now == before) {
            return Ok(both);
        }
        other.session.rollback().await?;
        source.rollback().await?;
        target.rollback().await?;
    }
    if let Some(both) = both {
        both.close().await?;
    }
    source.begin().await?;
    target.begin().await?;
    Ok(None)
}

impl Both {
    async fn open(source: &Session, target: &Session) -> Option<Self> {
        let read = |session: &Session| {
            session.access == Access::ReadOnly && session.engine() == Engine::Sqlite
        };
        if !read(source) || !read(target) {
            return None;
        }
        let (path, other) = (source.path.clone()?, target.path.as_deref()?.to_str()?.to_owned());
        let environment = format!("{} and {}", source.environment, target.environment);
        let connection = sqlite::open(&path, &environment, Access::ReadOnly).await.ok()?;
        let mut session = Session {
            connection,
            environment,
            access: Access::ReadOnly,
            in_transaction: false,
            alone: None,
            path: Some(path),
            cancel: None,
            packet: None,
            orphans: None,
            cursors: 0,
            stages: Stages::default(),
        };
        let attach =
            Statement::once("ATTACH DATABASE ? AS other").with(Parameter::Text(other.into()));
        session.execute("attach the other file to", None, attach).await.ok()?;
        session.script("set up", SHORT_WAIT).await.ok()?;
        Some(Self { session })
    }

    /// Numbers that change when somebody commits to a file.
    async fn versions(&mut self) -> Result<[Option<i64>; 2]> {
        let mut versions = [None; 2];
        for (version, schema) in versions.iter_mut().zip(["main", "other"]) {
            let ask = Statement::once(format!("PRAGMA {schema}.data_version"));
            *version = self.session.cell("read the version of", None, ask).await?.integer();
        }
        Ok(versions)
    }

    async fn begin(&mut self) -> Result<()> {
        self.session.begin().await?;
        // A file's snapshot is taken when it is first read.
        self.session.script("begin a transaction", "SELECT count(*) FROM other.sqlite_schema").await
    }

    /// The source's rows without an equal one of the same key on the target; `None` where no index
    /// leads from one to the other, or where there are too many columns.
    pub async fn unequal(&mut self, twins: &Twins<'_>) -> Result<Option<Unequal>> {
        let compared = twins.columns.iter().filter(|name| !twins.key.contains(name)).count();
        if twins.key.is_empty() || compared > MOST_COLUMNS {
            return Ok(None);
        }
        let mut statement = Statement::once(String::new());
        let source = self.side(&mut statement, twins, File::Source, twins.unlike)?;
        let target = self.side(&mut statement, twins, File::Target, &[])?;
        let mut differs = vec!["t.k0 IS NULL".to_owned()];
        differs.extend((!twins.unlike.is_empty()).then(|| "s.marked".to_owned()));
        let columns = (0..compared).map(|at| format!("+t.c{at} IS NOT +s.c{at} COLLATE BINARY"));
        differs.extend(columns);
        statement.sql = format!(
            "SELECT {}, t.k0 IS NOT NULL FROM ({source}) AS s LEFT JOIN ({target}) AS t ON {} WHERE {}",
            names("s", twins.key.len()),
            same_key(twins.key.len()),
            differs.join(" OR "),
        );
        if !self.is_led_by_the_key(twins, &statement).await {
            return Ok(None);
        }
        self.keys(twins, statement).await.map(Some)
    }

    /// The target's rows whose key no row of the source has; `None` as before.
    pub async fn only_on_target(&mut self, twins: &Twins<'_>) -> Result<Option<Unequal>> {
        let keys = Twins { columns: &[], ..*twins };
        let mut statement = Statement::once(String::new());
        let target = self.side(&mut statement, &keys, File::Target, &[])?;
        let source = self.side(&mut statement, &keys, File::Source, &[])?;
        statement.sql = format!(
            "SELECT {}, 1 FROM ({target}) AS t LEFT JOIN ({source}) AS s ON {} WHERE s.k0 IS NULL",
            names("t", twins.key.len()),
            same_key(twins.key.len()),
        );
        if !self.is_led_by_the_key(twins, &statement).await {
            return Ok(None);
        }
        let found = self.keys(twins, statement).await?;
        Ok(Some(found.into_iter().map(|(key, _)| (key, [false, true])).collect()))
    }

    /// One side's rows under names of ours: k0, k1, … of the key and c0, c1, … of what is compared.
    fn side(
        &self,
        statement: &mut Statement,
        twins: &Twins<'_>,
        file: File,
        unlike: &[Unlike],
    ) -> Result<String> {
        let (table, schema) = match file {
            File::Source => (twins.tables[0], "main"),
            File::Target => (twins.tables[1], "other"),
        };
        let compared = twins.columns.iter().filter(|name| !twins.key.contains(name));
        let key = twins.key.iter().enumerate().map(|(at, name)| (format!("k{at}"), name));
        let compared = compared.enumerate().map(|(at, name)| (format!("c{at}"), name));
        let mut selected = Vec::new();
        for (short, name) in key.chain(compared) {
            let column = self.session.column(table, name)?;
            selected.push(format!("{} AS {short}", quote(&column.name)));
        }
        if !unlike.is_empty() {
            selected.push(format!("{} AS marked", self.session.mark(statement, table, unlike)?));
        }
        let conditions = conditions(statement, self.session.dialect(), table, twins.filter)
            .map_err(|what| self.session.unsupported(what))?;
        let from = quote(&table.name);
        let mut sql =
            Statement::once(format!("SELECT {} FROM {schema}.{from}", selected.join(", ")));
        push_all(&mut sql, &conditions);
        Ok(sql.sql)
    }

    /// Whether SQLite would look each row's counterpart up in an index of the whole key. Otherwise it
    /// would read the other table again for every row.
    async fn is_led_by_the_key(&mut self, twins: &Twins<'_>, statement: &Statement) -> bool {
        let mut explain = statement.clone();
        explain.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
        let Ok(rows) = self.session.rows("explain", Some(twins.tables[0]), explain).await else {
            return false;
        };
        let steps: Vec<_> = rows.iter().filter_map(|row| row.last().and_then(Cell::text)).collect();
        let [scan, search] = steps.as_slice() else { return false };
        let by_key = |name: &String| search.contains(&format!("{name}=?"));
        !scan.contains("AUTOMATIC")
            && search.starts_with("SEARCH ")
            && !search.contains("AUTOMATIC")
            && (search.contains("(rowid=?)") || twins.key.iter().all(by_key))
    }

    /// A statement's keys, each with whether the other side has a row of it.
    async fn keys(&mut self, twins: &Twins<'_>, statement: Statement) -> Result<Unequal> {
        let shape = Shape::new(&self.session, twins.tables[0], twins.key, twins.key)?;
        let mut rows = self.session.connection.stream(statement);
        let mut found = Vec::new();
        while let Some(cells) = rows.next().await {
            let mut cells = cells.map_err(|error| shape.doing().failed(&error))?;
            let other = cells.pop().is_some_and(|cell| cell.is_true());
            let key = shape.row(cells)?;
            if key.iter().any(Value::is_null) {
                return Err(shape.disordered(&key));
            }
            found.push((key, [true, other]));
        }
        Ok(found)
    }

    pub async fn close(self) -> Result<()> {
        self.session.close().await
    }
}

fn names(side: &str, parts: usize) -> String {
    (0..parts).map(|at| format!("{side}.k{at}")).collect::<Vec<_>>().join(", ")
}

/// The plain comparison finds the row through its index, the other one tells what the column's
/// collation calls equal.
fn same_key(parts: usize) -> String {
    let same = |at| format!("t.k{at} = s.k{at} AND +t.k{at} IS +s.k{at} COLLATE BINARY");
    (0..parts).map(same).collect::<Vec<_>>().join(" AND ")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sessions(folder: &std::path::Path) -> [Session; 2] {
        let mut sessions = Vec::new();
        for name in ["a.db", "b.db"] {
            let path = folder.join(name);
            std::fs::write(&path, "").unwrap();
            let url = format!("sqlite://{}", path.display());
            let mut writer = Session::open(&url, "TEST", Access::Write).await.unwrap();
            let make = "PRAGMA journal_mode = WAL; CREATE TABLE t (k text PRIMARY KEY, c text);
                INSERT INTO t VALUES ('a', 'x')";
            writer.script("make", make).await.unwrap();
            writer.close().await.unwrap();
            sessions.push(Session::open(&url, "TEST", Access::ReadOnly).await.unwrap());
        }
        sessions.try_into().unwrap()
    }

    async fn write(session: &Session, sql: &str) {
        let url = format!("sqlite://{}", session.path.as_ref().unwrap().display());
        let mut writer = Session::open(&url, "TEST", Access::Write).await.unwrap();
        writer.script("write", sql).await.unwrap();
        writer.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_commit_between_the_snapshots_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let [source, target] = sessions(folder.path()).await;
        for changed in [&source, &target] {
            let mut both = Both::open(&source, &target).await.unwrap();
            let before = both.versions().await.unwrap();
            both.begin().await.unwrap();
            assert_eq!(both.versions().await.unwrap(), before);
            both.session.rollback().await.unwrap();
            write(changed, "UPDATE t SET c = c || 'y'").await;
            both.begin().await.unwrap();
            assert_ne!(both.versions().await.unwrap(), before);
            both.close().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_key_of_null_is_an_error_on_either_side() {
        let folder = tempfile::tempdir().unwrap();
        let [mut source, mut target] = sessions(folder.path()).await;
        let table = source.catalog().await.unwrap().tables.remove("t").unwrap();
        let (key, filter) = (["k".to_owned()], Filter::new());
        let tables = [&table, &table];
        let twins = Twins { tables, key: &key, columns: &[], filter: &filter, unlike: &[] };
        write(&target, "INSERT INTO t VALUES (NULL, 'z')").await;
        let mut both = begin_both(&mut source, &mut target).await.unwrap().unwrap();
        assert_eq!(both.unequal(&twins).await.unwrap(), Some(Vec::new()));
        assert!(both.only_on_target(&twins).await.is_err());
        let mut other_way = Both::open(&target, &source).await.unwrap();
        assert!(other_way.unequal(&twins).await.is_err());
    }

    #[tokio::test]
    async fn a_session_that_writes_keeps_to_itself() {
        let folder = tempfile::tempdir().unwrap();
        let [mut source, _] = sessions(folder.path()).await;
        let url = format!("sqlite://{}", folder.path().join("b.db").display());
        let mut writer = Session::open(&url, "TEST", Access::Write).await.unwrap();
        assert!(begin_both(&mut source, &mut writer).await.unwrap().is_none());
        assert!(source.in_transaction && writer.in_transaction);
    }
}
