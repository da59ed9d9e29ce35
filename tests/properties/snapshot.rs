//! A whole database as plain values, read with SQL of the test's own.
//!
//! Answers for what rows mean: what a row is called by its identity, and whether two records say the
//! same, decided without any of the program's code.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, Row as _, SqliteConnection};

use super::edits::{AFTER_BAR, BEFORE_BAR};
use super::schema::{LEFT_OUT, Place, Role, Schema};
use super::world::Story;

/// An open connection of the test's own.
pub enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    Mariadb(MySqlConnection),
}

pub type Key = Vec<String>;
pub type Row = BTreeMap<String, Option<String>>;

/// Every row of every table of the shop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub tables: Vec<BTreeMap<Key, Row>>,
}

/// What some rows are called, whatever their identity says: by table and key.
pub type Names = BTreeMap<(usize, Key), String>;
static NO_NAMES: Names = Names::new();

impl Database {
    pub async fn open(url: &str) -> Self {
        match url.split(':').next() {
            Some("sqlite") => Self::Sqlite(SqliteConnection::connect(url).await.unwrap()),
            Some("mysql") => {
                let mut connection = MySqlConnection::connect(url).await.unwrap();
                let mode = "SET sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')";
                sqlx::raw_sql(mode).execute(&mut connection).await.unwrap();
                Self::Mariadb(connection)
            }
            _ => Self::Postgres(PgConnection::connect(url).await.unwrap()),
        }
    }

    pub async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let (before, after) = match self {
            Self::Sqlite(_) => {
                ("substr(code, 1, instr(code, '|') - 1)", "substr(code, instr(code, '|') + 1)")
            }
            Self::Postgres(_) => ("split_part(code, '|', 1)", "split_part(code, '|', 2)"),
            Self::Mariadb(_) => ("substring_index(code, '|', 1)", "substring_index(code, '|', -1)"),
        };
        let sql = AssertSqlSafe(sql.replace(BEFORE_BAR, before).replace(AFTER_BAR, after));
        match self {
            Self::Sqlite(it) => sqlx::raw_sql(sql).execute(it).await.map(|_| ()),
            Self::Postgres(it) => sqlx::raw_sql(sql).execute(it).await.map(|_| ()),
            Self::Mariadb(it) => sqlx::raw_sql(sql).execute(it).await.map(|_| ()),
        }
    }

    /// Statements that happen together or not at all, inside an open transaction; whether they did.
    pub async fn attempt(&mut self, statements: &[String]) -> bool {
        self.run("SAVEPOINT edit").await.unwrap();
        for sql in statements {
            if self.run(sql).await.is_err() {
                self.run("ROLLBACK TO edit; RELEASE SAVEPOINT edit").await.unwrap();
                return false;
            }
        }
        self.run("RELEASE SAVEPOINT edit").await.unwrap();
        true
    }

    pub async fn rows(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(it) => {
                let rows = sqlx::query(sql).fetch_all(it).await.unwrap();
                rows.iter().map(|row| (0..row.len()).map(|at| row.get(at)).collect()).collect()
            }
            Self::Postgres(it) => {
                let rows = sqlx::query(sql).fetch_all(it).await.unwrap();
                rows.iter().map(|row| (0..row.len()).map(|at| row.get(at)).collect()).collect()
            }
            Self::Mariadb(it) => {
                let rows = sqlx::query(sql).fetch_all(it).await.unwrap();
                rows.iter().map(|row| (0..row.len()).map(|at| row.get(at)).collect()).collect()
            }
        }
    }

    pub async fn snapshot(&mut self, schema: &Schema) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let text = if matches!(self, Self::Mariadb(_)) { "CHAR" } else { "TEXT" };
        for table in &schema.tables {
            let casts: Vec<String> =
                table.columns.iter().map(|c| format!("CAST({} AS {text})", c.name)).collect();
            let sql = format!("SELECT {} FROM {}", casts.join(", "), table.name);
            let rows = self.rows(&sql).await.into_iter().map(|values| {
                let names = table.columns.iter().map(|column| column.name.clone());
                let row: Row = names.zip(values).collect();
                (key_of(&row, &table.key), row)
            });
            snapshot.tables.push(rows.collect());
        }
        snapshot
    }

    /// Rows of the ledger's tables; none where they don't exist.
    /// Whether a session of this database's server is in a sleep; SQLite has no sessions.
    pub async fn has_sleeper(&mut self) -> bool {
        let sql = match self {
            Self::Sqlite(_) => return false,
            Self::Postgres(_) => {
                "SELECT '1' FROM pg_stat_activity WHERE datname = current_database() AND \
                 wait_event = 'PgSleep'"
            }
            Self::Mariadb(_) => {
                "SELECT '1' FROM information_schema.PROCESSLIST WHERE DB = database() AND \
                 STATE = 'User sleep'"
            }
        };
        !self.rows(sql).await.is_empty()
    }

    pub async fn ledger_rows(&mut self) -> usize {
        let mut all = 0;
        for table in ["reconcile_run", "reconcile_before_image", "reconcile_work", "reconcile_pair"]
        {
            let sql = match self {
                Self::Sqlite(_) => {
                    format!("SELECT name FROM sqlite_schema WHERE name = '{table}'")
                }
                Self::Postgres(_) => format!("SELECT to_regclass('{table}')::text"),
                Self::Mariadb(_) => format!(
                    "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES WHERE \
                     TABLE_SCHEMA = database() AND TABLE_NAME = '{table}'"
                ),
            };
            if self.rows(&sql).await.first().is_some_and(|row| row[0].is_some()) {
                all += self.rows(&format!("SELECT '1' FROM {table}")).await.len();
            }
        }
        all
    }
}

fn key_of(row: &Row, key: &[String]) -> Key {
    key.iter().map(|name| row[name].clone().unwrap_or_else(|| "NULL".into())).collect()
}

/// The values of some columns; `None` where one is NULL.
pub fn values(row: &Row, columns: &[String]) -> Option<Key> {
    columns.iter().map(|name| row[name].clone()).collect()
}

/// A snapshot with its schema.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub schema: &'a Schema,
    pub rows: &'a Snapshot,
    pub names: &'a Names,
}

impl<'a> View<'a> {
    pub fn of(story: &'a Story, rows: &'a Snapshot) -> Self {
        Self { schema: &story.schema, rows, names: &NO_NAMES }
    }

    pub fn find(
        &self,
        table: usize,
        columns: &[String],
        wanted: &Key,
    ) -> Option<(&'a Key, &'a Row)> {
        self.rows.tables[table]
            .iter()
            .find(|(_, row)| values(row, columns).as_ref() == Some(wanted))
    }

    /// The row that a reference of a row leads to.
    pub fn referred(
        &self,
        table: usize,
        reference: usize,
        row: &Row,
    ) -> Option<(usize, &'a Key, &'a Row)> {
        let reference = &self.schema.tables[table].references[reference];
        let wanted = values(row, &reference.columns)?;
        let (key, row) = self.find(reference.to, &reference.to_columns, &wanted)?;
        Some((reference.to, key, row))
    }

    /// What a row is: by its identity where that is whole, else by its ID.
    pub fn name(&self, table: usize, key: &Key, row: &Row) -> String {
        self.name_within(table, key, row, &[])
    }

    fn name_within(&self, at: usize, key: &Key, row: &Row, path: &[(usize, Key)]) -> String {
        if let Some(name) = self.names.get(&(at, key.clone())) {
            return name.clone();
        }
        let table = &self.schema.tables[at];
        let here = (at, key.clone());
        if path.contains(&here) {
            return format!("{} in a circle", table.name);
        }
        let path = [path, &[here]].concat();
        let columns = self.recognised_by(at);
        let whole = columns.iter().all(|name| row[name].as_ref().is_some_and(|it| !it.is_empty()));
        let owner = match table.place {
            Place::Owned { by, .. } => self
                .referred(at, by, row)
                .map(|(to, key, row)| self.name_within(to, key, row, &path))
                .unwrap_or_default(),
            _ => String::new(),
        };
        if table.one_a_parent() {
            return format!("{owner}/{}", table.name);
        }
        if columns.is_empty() || !whole {
            return format!("{owner}/{} #{}", table.name, key.join(","));
        }
        let parts: Vec<String> = columns
            .iter()
            .map(|name| {
                let reference = table.references.iter().position(|r| r.columns.contains(name));
                let referred = reference.and_then(|reference| self.referred(at, reference, row));
                match referred {
                    Some((to, key, row)) => {
                        format!("[{}]", self.name_within(to, key, row, &path))
                    }
                    None => row[name].clone().unwrap_or_default(),
                }
            })
            .collect();
        format!("{owner}/{} {}", table.name, parts.join("+"))
    }

    /// Another row of the same parent has the same identity.
    pub fn is_double(&self, at: usize, key: &Key) -> bool {
        let table = &self.schema.tables[at];
        let Place::Owned { by, .. } = table.place else { return false };
        let mut columns = table.references[by].columns.clone();
        columns.extend(table.identity().iter().cloned());
        let here: Vec<_> = columns.iter().map(|name| &self.rows.tables[at][key][name]).collect();
        let same = |row: &&Row| columns.iter().zip(&here).all(|(name, it)| row[name] == **it);
        self.rows.tables[at].values().filter(same).count() > 1
    }

    /// The columns that make a row the same thing on both sides.
    pub fn recognised_by(&self, at: usize) -> Vec<String> {
        let table = &self.schema.tables[at];
        match &table.place {
            // A unique key that lets NULL in recognises nothing: then it is the ID.
            Place::Outside { .. } => {
                let mut whole = table.uniques.iter();
                let sure = |key: &&Vec<String>| key.iter().all(|name| !table.column(name).nullable);
                whole.find(sure).cloned().unwrap_or_default()
            }
            _ => table.identity().to_vec(),
        }
    }

    /// The root row that a row belongs to.
    pub fn record_of(&self, at: usize, key: &Key, row: &Row) -> Option<(usize, Key)> {
        match self.schema.tables[at].place {
            Place::Root { .. } => Some((at, key.clone())),
            Place::Owned { by, .. } => {
                let (to, key, row) = self.referred(at, by, row)?;
                self.record_of(to, key, row)
            }
            Place::Outside { .. } => None,
        }
    }

    /// Everything a record says, with references as what they lead to, and without what isn't
    /// compared: keys that stand for nothing, kept and ignored columns.
    pub fn content(&self, at: usize, key: &Key) -> Option<String> {
        let row = self.rows.tables[at].get(key)?;
        Some(self.content_of(at, row))
    }

    fn content_of(&self, at: usize, row: &Row) -> String {
        let table = &self.schema.tables[at];
        let root = matches!(table.place, Place::Root { .. });
        let mut parts = Vec::new();
        let above = match table.place {
            Place::Owned { by, .. } => table.references[by].columns.clone(),
            _ => Vec::new(),
        };
        for column in &table.columns {
            let number = table.key.len() == 1 && table.key[0] == column.name && table.auto;
            let own_key = root && table.key.contains(&column.name);
            let silent = column.role != Role::Content || above.contains(&column.name);
            let refers = table.references.iter().any(|r| r.columns.contains(&column.name));
            if number || own_key || silent || refers {
                continue;
            }
            parts.push(format!("{}={:?}", column.name, row[&column.name]));
        }
        for (index, reference) in table.references.iter().enumerate() {
            let by = matches!(table.place, Place::Owned { by, .. } if by == index);
            let to = &self.schema.tables[reference.to];
            let foreign = matches!(to.place, Place::Outside { protected: true });
            let named = reference.columns.iter().any(|column| table.identity().contains(column));
            if by || (foreign && !named) {
                continue;
            }
            let shown = match self.referred(at, index, row) {
                None => format!("{:?}", values(row, &reference.columns)),
                Some((to, key, row)) => self.meaning(to, key, row),
            };
            parts.push(format!("{}->{shown}", reference.columns.join("+")));
        }
        parts.extend(self.children(at, row));
        format!("{}({})", table.name, parts.join(", "))
    }

    /// A name for comparing sides: nameless owned rows have other numbers there.
    fn meaning(&self, at: usize, key: &Key, row: &Row) -> String {
        let table = &self.schema.tables[at];
        let name = self.name(at, key, row);
        match table.place {
            Place::Owned { .. } if name.contains('#') => format!("some {}", table.name),
            _ => name,
        }
    }

    fn children(&self, at: usize, row: &Row) -> Vec<String> {
        let mut all = Vec::new();
        for child in
            self.schema.indexes(|t| matches!(t.place, Place::Owned { above, .. } if above == at))
        {
            let table = &self.schema.tables[child];
            let Place::Owned { by, .. } = table.place else { continue };
            let reference = &table.references[by];
            let wanted = values(row, &reference.to_columns);
            let mut below: Vec<String> = self.rows.tables[child]
                .values()
                .filter(|row| {
                    values(row, &reference.columns) == wanted && self.in_filter(child, row)
                })
                .map(|row| self.content_of(child, row))
                .collect();
            below.sort();
            all.extend(below);
        }
        all
    }

    pub fn in_filter(&self, at: usize, row: &Row) -> bool {
        let table = &self.schema.tables[at];
        !table.filtered() || row["kind"].as_deref() != Some(LEFT_OUT)
    }
}
