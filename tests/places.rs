//! Databases made for one test each: an SQLite file, or a database on the server that
//! `RECONCILE_TEST_POSTGRES` or `RECONCILE_TEST_MARIADB` names.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use reconcile::catalog::Engine;
use reconcile::database::{Access, Session};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, MySqlConnection, PgConnection, SqliteConnection,
};

/// A database of one test's own. PostgreSQL's is dropped by [`Place::remove`].
pub struct Place {
    pub url: String,
    /// Holds the SQLite file.
    pub directory: Option<tempfile::TempDir>,
}

impl Place {
    pub async fn sqlite(script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shop.db");
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection: SqliteConnection = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        Self { url: format!("sqlite://{}", path.display()), directory: Some(directory) }
    }

    /// `None`, with a line that says so, where no server is named.
    pub async fn postgres(script: &str) -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("RECONCILE_TEST_POSTGRES") else {
            say_skipped_postgres();
            return None;
        };
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("reconcile_test_{}_{number}", std::process::id());
        run_postgres(&server, &[&format!("CREATE DATABASE {name}")]).await;
        let place = Self { url: beside(&server, &name), directory: None };
        run_postgres(&place.url, &[script]).await;
        Some(place)
    }

    /// Its text is compared by bytes unless the script says otherwise, as on the other engines.
    pub async fn mariadb(script: &str) -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("RECONCILE_TEST_MARIADB") else {
            say_skipped_mariadb();
            return None;
        };
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("reconcile_test_{}_{number}", std::process::id());
        let create =
            format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin");
        run_mariadb(&server, &create).await;
        let place = Self { url: beside(&server, &name), directory: None };
        run_mariadb(&place.url, script).await;
        Some(place)
    }

    fn is_mariadb(&self) -> bool {
        self.url.starts_with("mysql:")
    }

    /// What the server calls the database.
    pub fn name(&self) -> &str {
        self.url.split(['/', '?']).nth(3).unwrap()
    }

    /// The URL for another account, which goes with the database if it is called `NAME_limited`.
    pub fn as_account(&self, account: &str) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap();
        let (_, address) = rest.split_once('@').unwrap_or(("", rest));
        format!("{scheme}://{account}@{address}")
    }

    /// A session that reads, outside any transaction.
    pub async fn open(&self) -> Session {
        Session::open(&self.url, "TEST", Access::ReadOnly).await.unwrap()
    }

    pub async fn read(&self) -> Session {
        let mut session = self.open().await;
        session.begin().await.unwrap();
        session
    }

    pub async fn write(&self) -> Session {
        let mut session = Session::open(&self.url, "PROD", Access::Write).await.unwrap();
        session.begin().await.unwrap();
        session
    }

    /// Runs SQL of the test's own.
    pub async fn run(&self, script: &str) {
        if self.is_mariadb() {
            return run_mariadb(&self.url, script).await;
        }
        if self.directory.is_none() {
            return run_postgres(&self.url, &[script]).await;
        }
        let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    pub async fn remove(self) {
        if self.is_mariadb() {
            let server = std::env::var("RECONCILE_TEST_MARIADB").unwrap();
            let name = self.name();
            let drops = format!("DROP DATABASE {name}; DROP USER IF EXISTS {name}_limited");
            return run_mariadb(&server, &drops).await;
        }
        if self.directory.is_none() {
            let server = std::env::var("RECONCILE_TEST_POSTGRES").unwrap();
            let name = self.name();
            let database = format!("DROP DATABASE {name} WITH (FORCE)");
            let role = format!("DROP ROLE IF EXISTS {name}_limited");
            run_postgres(&server, &[&database, &role]).await;
        }
    }
}

/// Whether there is a server of the engine; says so where there is none.
pub fn is_there(engine: Engine) -> bool {
    let (variable, say_skipped): (_, fn()) = match engine {
        Engine::Sqlite => return true,
        Engine::Postgres => ("RECONCILE_TEST_POSTGRES", say_skipped_postgres),
        Engine::Mariadb => ("RECONCILE_TEST_MARIADB", say_skipped_mariadb),
    };
    let named = std::env::var_os(variable).is_some();
    if !named {
        say_skipped();
    }
    named
}

/// Says it past the test harness, which keeps what passing tests print to itself.
pub fn say_skipped(what: &str) {
    std::io::stderr().write_all(format!("skipped: {what}\n").as_bytes()).unwrap();
}

pub fn say_skipped_postgres() {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| say_skipped("tests on PostgreSQL; RECONCILE_TEST_POSTGRES names no server"));
}

fn say_skipped_mariadb() {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| say_skipped("tests on MariaDB; RECONCILE_TEST_MARIADB names no server"));
}

/// The URL of another database of the same server.
fn beside(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').map_or((server, ""), |(a, o)| (a, o));
    let base = address.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    if options.is_empty() { format!("{base}/{name}") } else { format!("{base}/{name}?{options}") }
}

/// `CURRENT_DB` stands for the database's own name, for statements that don't know it otherwise.
async fn run_postgres(url: &str, scripts: &[&str]) {
    let name = url.split(['/', '?']).nth(3).unwrap();
    let mut connection = PgConnection::connect(url).await.unwrap();
    for script in scripts {
        let script = script.replace("CURRENT_DB", name);
        sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// In the SQL of the other engines: `"x"` is a name and `||` joins texts.
async fn run_mariadb(url: &str, script: &str) {
    let mut connection = MySqlConnection::connect(url).await.unwrap();
    let mode = "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO')";
    sqlx::raw_sql(mode).execute(&mut connection).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
