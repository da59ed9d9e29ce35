//! The binary run as a user runs it, and the demo shop to run it on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

/// The variables no test may inherit: whose home, whose git settings, whose shop.
const NEEDED: [&str; 2] = ["PATH", "TMPDIR"];

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Panics with everything that was said unless the code is this.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

/// Runs the binary in a folder, without a home, git settings or a terminal.
pub fn reconcile(folder: &Path, arguments: &[&str]) -> Said {
    run(folder, env!("CARGO_BIN_EXE_reconcile"), arguments, &[])
}

pub fn run(folder: &Path, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
    let mut command = Command::new(program);
    command.env_clear();
    for name in NEEDED {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    let output =
        command.envs(variables.iter().copied()).args(arguments).current_dir(folder).output();
    let output = output.unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The demo shop after its run, in a folder of one test's own.
pub struct Shop {
    pub folder: tempfile::TempDir,
    /// The run that the demo made.
    pub run: String,
}

impl Shop {
    pub fn after_the_demo() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let said = reconcile(folder.path(), &["demo", "--keep", "."]).ends_with(0);
        let run = said.out.split_once("Success: run ").unwrap().1.split(' ').next().unwrap();
        Self { run: run.to_owned(), folder }
    }

    /// The shop with nothing applied yet.
    pub fn before_the_demo() -> Self {
        let folder = tempfile::tempdir().unwrap();
        reconcile(folder.path(), &["demo", "--shop-only", "."]).ends_with(0);
        Self { run: String::new(), folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn reconcile(&self, arguments: &[&str]) -> Said {
        reconcile(self.path(), arguments)
    }

    pub fn prod(&self) -> PathBuf {
        self.path().join("prod.db")
    }
}

/// What publishing draws anew when it makes a row of a document again.
fn is_drawn(table: &str, column: &str) -> bool {
    let is_published = table.ends_with("_storage") || table.ends_with("_search");
    is_published && (column == format!("id_{table}") || column.ends_with("_at"))
}

/// All rows of all tables but reconcile's own, as SQL literals, ordered; of documents all but when they
/// were made and their number.
pub async fn rows(database: &Path) -> BTreeMap<String, Vec<String>> {
    let mut connection =
        SqliteConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
    let tables: Vec<(String,)> = sqlx::query_as(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'reconcile_%' AND \
         name NOT LIKE 'sqlite_%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut rows = BTreeMap::new();
    for (table,) in tables {
        let columns: Vec<(String,)> = sqlx::query_as("SELECT name FROM pragma_table_info(?1)")
            .bind(&table)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let columns = columns.iter().filter(|(name,)| !is_drawn(&table, name));
        let columns: Vec<_> = columns.map(|(name,)| format!("quote(\"{name}\")")).collect();
        let sql =
            format!("SELECT {} AS r FROM \"{table}\" ORDER BY r", columns.join(" || ', ' || "));
        let found: Vec<(String,)> =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
        rows.insert(table, found.into_iter().map(|(row,)| row).collect());
    }
    connection.close().await.unwrap();
    rows
}

pub async fn change(database: &Path, sql: &'static str) {
    let mut connection =
        SqliteConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
