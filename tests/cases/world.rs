//! A case's two databases with its manifests and the operator's file in a folder of their own.
//!
//! Answers for rows becoming SQL and for reading them back past the library, so that what a case
//! expects is not read by what it tests.

use std::collections::BTreeMap;

use reconcile::config::Config;
use reconcile::plan::change::Plan;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, Row, SqliteConnection};

use super::format::{Case, Modules, Rows, Topic};
use crate::places::Place;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
    Mariadb,
}

/// A table's rows, each as one line.
pub type State = BTreeMap<String, Vec<String>>;

pub struct World {
    pub source: Place,
    pub target: Place,
    /// Whether the source is PROD.
    pub from_prod: bool,
    pub folder: tempfile::TempDir,
    pub modules: Modules,
    settings: BTreeMap<String, Json>,
    has_galleries: bool,
}

impl World {
    /// `None` where no PostgreSQL is at hand.
    pub async fn make(topic: &Topic, case: &Case, on: On) -> Option<Self> {
        let shared = case.schema.as_ref().unwrap_or(&topic.schema);
        let script = |own: &Option<String>, rows: &Rows| {
            let schema = own.as_ref().unwrap_or(shared);
            // Rows may stand in any order, and may refer to none.
            let checks = match on {
                On::Sqlite => "PRAGMA foreign_keys = OFF",
                On::Postgres => "SET session_replication_role = replica",
                On::Mariadb => "SET foreign_key_checks = 0",
            };
            let mut script = format!("{schema};\n{checks};\n");
            for rows in [&case.both, rows] {
                script.push_str(&inserts(schema, rows));
            }
            script
        };
        let source = place(&script(&case.source_schema, &case.source), on).await?;
        let target = place(&script(&case.target_schema, &case.target), on).await?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("manifests")).unwrap();
        Some(Self {
            source,
            target,
            from_prod: case.direction.as_deref() == Some("PROD -> TEST"),
            folder,
            modules: case.modules.clone().unwrap_or_else(|| topic.modules.clone()),
            settings: case.config.clone(),
            has_galleries: case.galleries.is_some(),
        })
    }

    /// Writes the operator's file and reads it as the program does.
    pub fn config(&self) -> Config {
        let (prod, test) = match self.from_prod {
            true => (&self.source, &self.target),
            false => (&self.target, &self.source),
        };
        let mut settings = json!({
            "instance": "PROD",
            "manifests": "./manifests",
            "stateDirectory": "./state",
            "environments": {"PROD": {"database": prod.url}, "TEST": {"database": test.url}},
            "tables": {"allow": ["*"]},
            "limits": {"maxDeletePercent": 100},
        });
        if self.has_galleries {
            let (prod, test) = match self.from_prod {
                true => ("file:source-files", "file:target-files"),
                false => ("file:target-files", "file:source-files"),
            };
            settings["environments"]["PROD"]["gallery"] = prod.into();
            settings["environments"]["TEST"]["gallery"] = test.into();
        }
        for (key, value) in &self.settings {
            settings[key] = value.clone();
        }
        let path = self.folder.path().join("reconcile.yaml");
        std::fs::write(&path, settings.to_string()).unwrap();
        reconcile::config::load(&path, &|name| std::env::var(name).ok())
            .unwrap_or_else(|problems| panic!("the operator's file: {problems:?}"))
    }

    /// Writes the manifests: the modules and one job.
    pub fn manifests(&self, job: &str, spec: &Json) {
        let mut text = String::new();
        let document = |kind: &str, name: &str, spec: &Json| {
            let document = json!({"apiVersion": "reconcile/v1", "kind": kind,
                "metadata": {"name": name}, "spec": spec});
            format!("---\n{document}\n")
        };
        for (name, spec) in &self.modules {
            text.push_str(&document("Module", name, spec));
        }
        text.push_str(&document("SyncJob", job, spec));
        std::fs::write(self.folder.path().join("manifests/all.yaml"), text).unwrap();
    }

    pub fn direction(&self, back: bool) -> &'static str {
        if self.from_prod == back { "TEST -> PROD" } else { "PROD -> TEST" }
    }

    pub async fn remove(self) {
        self.source.remove().await;
        self.target.remove().await;
    }
}

async fn place(script: &str, on: On) -> Option<Place> {
    match on {
        On::Sqlite => Some(Place::sqlite(script).await),
        On::Postgres => Place::postgres(&in_postgres(script)).await,
        On::Mariadb => Place::mariadb(&in_mariadb(script)).await,
    }
}

/// No key of MariaDB's takes a text or bytes without a length.
fn in_mariadb(script: &str) -> String {
    let script = script.replace(" AS BLOB)", " AS BINARY)").replace(" BLOB", " VARBINARY(190)");
    let script = script.replace(" COLLATE NOCASE", " COLLATE utf8mb4_general_ci");
    script.replace(" TEXT", " VARCHAR(190)")
}

fn in_postgres(script: &str) -> String {
    script.replace(" BLOB", " BYTEA")
}

/// `INSERT` statements in the order of the schema's tables, as people would.
fn inserts(schema: &str, rows: &Rows) -> String {
    let place = |table: &str| {
        schema
            .find(&format!("CREATE TABLE {table} "))
            .unwrap_or_else(|| panic!("the schema has no `CREATE TABLE {table} `"))
    };
    let mut tables: Vec<&String> = rows.keys().collect();
    tables.sort_by_key(|table| place(table));
    let mut sql = String::new();
    for table in tables {
        for row in &rows[table] {
            let values: Vec<String> = row.iter().map(literal).collect();
            sql.push_str(&format!("INSERT INTO {table} VALUES ({});\n", values.join(", ")));
        }
    }
    sql
}

fn literal(value: &Json) -> String {
    match value {
        Json::Null => "NULL".into(),
        Json::String(text) => format!("'{}'", text.replace('\'', "''")),
        Json::Bool(_) | Json::Number(_) => value.to_string(),
        // The bytes of a text.
        Json::Object(map) if map.len() == 1 && map.contains_key("bytes") => {
            format!("CAST({} AS BLOB)", literal(&map["bytes"]))
        }
        Json::Array(_) | Json::Object(_) => literal(&Json::String(value.to_string())),
    }
}

/// What a row of a case looks like when it is compared with one that was read.
pub fn line(row: &[Json]) -> String {
    row.iter().map(cell).collect::<Vec<_>>().join(" | ")
}

/// Numbers by value, truth as SQLite holds it, everything else as it is written.
fn cell(value: &Json) -> String {
    match value {
        Json::Null => "NULL".into(),
        Json::Bool(truth) => i32::from(*truth).to_string(),
        Json::Number(number) => {
            let text = number.to_string();
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text,
            }
        }
        Json::String(text) => format!("{text:?}"),
        Json::Array(_) | Json::Object(_) => value.to_string(),
    }
}

/// Every row of every table but the tool's own, ordered by its line.
pub async fn state(place: &Place) -> State {
    match place.directory {
        Some(_) => sqlite_state(&place.url).await,
        None if place.url.starts_with("mysql:") => mariadb_state(&place.url).await,
        None => postgres_state(&place.url).await,
    }
}

async fn sqlite_state(url: &str) -> State {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' \
                  AND name NOT LIKE 'reconcile_%' AND name NOT LIKE 'sqlite_%'";
    let tables: Vec<String> = strings(sqlx::query(tables).fetch_all(&mut connection).await);
    let mut state = State::new();
    for table in tables {
        let columns = format!("SELECT name FROM pragma_table_xinfo('{table}')");
        let columns = sqlx::query(AssertSqlSafe(columns)).fetch_all(&mut connection).await;
        let columns: Vec<String> = strings(columns)
            .into_iter()
            .map(|c| {
                let c = c.replace('"', "\"\"");
                format!(
                    "CASE typeof(\"{c}\") WHEN 'blob' THEN 'x' || hex(\"{c}\") ELSE \"{c}\" END"
                )
            })
            .collect();
        let rows = format!("SELECT json_array({}) FROM \"{table}\"", columns.join(", "));
        let rows = sqlx::query(AssertSqlSafe(rows)).fetch_all(&mut connection).await;
        let rows: Vec<Vec<Json>> =
            strings(rows).iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        state.insert(table, sorted(&rows));
    }
    connection.close().await.unwrap();
    state
}

async fn postgres_state(url: &str) -> State {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let tables = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'f') \
                  AND relnamespace = 'public'::regnamespace AND relname NOT LIKE 'reconcile_%'";
    let tables: Vec<String> = strings(sqlx::query(tables).fetch_all(&mut connection).await);
    let mut state = State::new();
    for table in tables {
        let rows = format!("SELECT to_json(t)::text FROM \"{table}\" t");
        let rows = sqlx::query(AssertSqlSafe(rows)).fetch_all(&mut connection).await;
        let rows: Vec<Vec<Json>> = strings(rows)
            .iter()
            .map(|row| {
                let row: serde_json::Map<String, Json> = serde_json::from_str(row).unwrap();
                row.into_iter().map(|(_, value)| value).collect()
            })
            .collect();
        state.insert(table, sorted(&rows));
    }
    connection.close().await.unwrap();
    state
}

async fn mariadb_state(url: &str) -> State {
    let mut connection = MySqlConnection::connect(url).await.unwrap();
    // One question for all tables: the server opens each of them for every question.
    let columns = "SELECT CAST(TABLE_NAME AS CHAR), \
                   CAST(CONCAT(IF(DATA_TYPE LIKE '%b%lob' OR DATA_TYPE LIKE '%binary', \
                   CONCAT('CONCAT(''x'', HEX(`', COLUMN_NAME, '`)) COLLATE utf8mb4_bin'), \
                   IF(COLLATION_NAME IS NULL, CONCAT('`', COLUMN_NAME, '`'), \
                   CONCAT('CONVERT(`', COLUMN_NAME, '` USING utf8mb4) COLLATE utf8mb4_bin')))) \
                   AS CHAR) FROM information_schema.COLUMNS \
                   WHERE TABLE_SCHEMA = database() AND TABLE_NAME NOT LIKE 'reconcile\\_%' \
                   ORDER BY TABLE_NAME, ORDINAL_POSITION";
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in sqlx::query(columns).fetch_all(&mut connection).await.unwrap() {
        tables.entry(row.get(0)).or_default().push(row.get(1));
    }
    let mut state = State::new();
    for (table, columns) in tables {
        let rows =
            format!("SELECT CAST(json_array({}) AS CHAR) FROM `{table}`", columns.join(", "));
        let rows = sqlx::query(AssertSqlSafe(rows)).fetch_all(&mut connection).await;
        let rows: Vec<Vec<Json>> =
            strings(rows).iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        state.insert(table, sorted(&rows));
    }
    connection.close().await.unwrap();
    state
}

fn strings<R: Row>(rows: Result<Vec<R>, sqlx::Error>) -> Vec<String>
where
    usize: sqlx::ColumnIndex<R>,
    String: for<'r> sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    rows.unwrap().iter().map(|row| row.get::<String, _>(0)).collect()
}

pub fn sorted(rows: &[Vec<Json>]) -> Vec<String> {
    let mut lines: Vec<String> = rows.iter().map(|row| line(row)).collect();
    lines.sort();
    lines
}

/// A plan's changes, a line each: `CLASS TABLE/ID (marks) KIND +ALSO {ANSWERS} needs … ANSWER needs …`.
pub fn lines(plan: &Plan) -> Vec<String> {
    plan.changes
        .iter()
        .map(|change| {
            let mut line = format!("{} {}/{}", word(&change.class), change.table, change.id);
            if change.renamed_from.is_some() {
                line.push_str(" renamed");
            }
            if change.target_newer {
                line.push_str(" (target newer)");
            }
            if let Some(conflict) = &change.conflict {
                line.push_str(&format!(" {}", word(&conflict.kind)));
                for also in &conflict.also {
                    line.push_str(&format!(" +{}", word(also)));
                }
                let answers: Vec<String> = conflict.answers.iter().map(word).collect();
                line.push_str(&format!(" {{{}}}", answers.join(", ")));
            }
            if !change.depends_on.is_empty() {
                line.push_str(&format!(" needs {}", change.depends_on.join(" ")));
            }
            for (answer, needs) in change.conflict.iter().flat_map(|conflict| &conflict.needs) {
                line.push_str(&format!(" {} needs {}", word(answer), needs.join(" ")));
            }
            line
        })
        .collect()
}

/// A plan's fields, a line each.
pub fn fields(plan: &Plan) -> Vec<String> {
    let fields = plan.changes.iter().flat_map(|change| &change.fields);
    fields
        .map(|f| {
            format!("{}/{} {}: {} -> {}", f.table, f.key, f.column, cell(&f.from), cell(&f.to))
        })
        .collect()
}

/// How a class, kind or answer is written in `plan.json`.
pub fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}
