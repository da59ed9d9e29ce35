//! Bad data, each case a folder under `bad_data/` named after the threat it stands for: SQL makes
//! both databases, the real binary goes through the `steps`, and all it says, with its exit codes,
//! must be what `expected.txt` holds.
//!
//! `UPDATE_EXPECTED=1 cargo test bad_data` writes what came out, to be read before it is committed.
//! A folder whose name ends in `-postgres` or `-mariadb` runs on that server, in `-sqlite-to-postgres`
//! and the like on two, TEST's first; the others run on SQLite. `steps` holds
//! command lines of `reconcile`, `PROD: SQL` or `TEST: SQL` for what happens in between, and
//! `LOCKED: ` before a command line that runs while PROD is locked.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reconcile::catalog::Engine;
use regex::Regex;
use sqlx::{ConnectOptions, Connection};

use super::places::{Place, say_skipped};

/// The operator's file where a case brings none.
const OPERATOR: &str = "instance: PROD\nmanifests: manifests\nstateDirectory: state\n\
    pinKey: \"0123456789abcdef0123456789abcdef\"\n\
    environments:\n  PROD: {database: \"${PROD_URL}\"}\n  TEST: {database: \"${TEST_URL}\"}\n\
    tables: {allow: [\"*\"]}\n";

/// Cases that take longer than all others together.
const TAKES_LONG: [&str; 1] = ["40-counts-only"];

fn is_full() -> bool {
    std::env::var_os("RECONCILE_TEST_FULL").is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_data_is_answered_with_the_expected_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_data");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let only = std::env::var("BAD_DATA").unwrap_or_default();
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| name(case).contains(&only)) {
        if TAKES_LONG.contains(&name(case).as_str()) && !is_full() {
            say_skipped(&format!("{}: it takes long; RECONCILE_TEST_FULL isn't set", name(case)));
            continue;
        }
        let Some(world) = World::make(case).await else { continue };
        let found = world.play(case).await;
        world.remove().await;
        assert!(!found.contains('\u{1b}'), "{}: an escape got through:\n{found}", name(case));
        let expected_file = case.join("expected.txt");
        if update {
            fs::write(&expected_file, &found).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&expected_file).unwrap_or_default();
        if found != expected {
            wrong.push(format!("== {}\n-- expected\n{expected}\n-- found\n{found}", name(case)));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ\n{}", wrong.len(), wrong.join("\n"));
}

fn name(case: &Path) -> String {
    case.file_name().unwrap().to_string_lossy().into_owned()
}

/// A folder with manifests, and both databases.
struct World {
    here: tempfile::TempDir,
    prod: Place,
    test: Place,
}

impl World {
    /// `None` where the case needs a server that isn't there.
    async fn make(case: &Path) -> Option<Self> {
        let here = tempfile::tempdir().unwrap();
        fs::create_dir(here.path().join("manifests")).unwrap();
        fs::write(here.path().join("reconcile.yaml"), OPERATOR).unwrap();
        for entry in fs::read_dir(case).unwrap() {
            let (from, file) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
            let to = match file.to_string_lossy().as_ref() {
                "reconcile.yaml" => here.path().join("reconcile.yaml"),
                name if Path::new(name).extension().is_some_and(|it| it == "yaml") => {
                    here.path().join("manifests").join(name)
                }
                _ => continue,
            };
            fs::copy(from, to).unwrap();
        }
        let sql = |file: &str| fs::read_to_string(case.join(file)).unwrap_or_default();
        let both = sql("both.sql");
        let (prod, test) = (both.clone() + &sql("prod.sql"), both + &sql("test.sql"));
        let (from, to) = engines(&name(case));
        let prod = place(to, here.path(), "prod.db", &prod).await?;
        let test = place(from, here.path(), "test.db", &test).await?;
        odd_files(&name(case), here.path());
        Some(Self { here, prod, test })
    }

    async fn play(&self, case: &Path) -> String {
        let mut out = String::new();
        for step in fs::read_to_string(case.join("steps")).unwrap().lines() {
            writeln!(out, "$ {step}").unwrap();
            match step.split_once(": ") {
                Some(("PROD", sql)) => self.prod.run(sql).await,
                Some(("TEST", sql)) => self.test.run(sql).await,
                Some(("LOCKED", arguments)) => out.push_str(&self.locked(arguments).await),
                _ => out.push_str(&self.reconcile(step)),
            }
        }
        steady(&out)
    }

    /// Runs a command line while another program writes to PROD, an SQLite file.
    async fn locked(&self, arguments: &str) -> String {
        let options: sqlx::sqlite::SqliteConnectOptions = self.prod.url.parse().unwrap();
        let mut other = options.connect().await.unwrap();
        sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
        let said = self.reconcile(arguments);
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
        said
    }

    /// Runs a command line; arguments are separated by spaces.
    fn reconcile(&self, arguments: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_reconcile"))
            .args(arguments.split_whitespace())
            .current_dir(self.here.path())
            .env_clear()
            .env("PROD_URL", &self.prod.url)
            .env("TEST_URL", &self.test.url)
            .env("LIMITED_TEST_URL", limited(&self.test.url))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| -> String {
            let text = String::from_utf8(bytes.to_vec()).expect("output is always UTF-8");
            let here = self.here.path().canonicalize().unwrap().display().to_string();
            let text = text.replace(&here, "HERE");
            text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
        };
        if arguments.contains("json") && !output.stdout.is_empty() {
            let json: Result<serde_json::Value, _> = serde_json::from_slice(&output.stdout);
            json.unwrap_or_else(|error| panic!("{arguments}: {error}: {output:?}"));
        }
        let code = output.status.code().unwrap();
        format!("{}{}exit code {code}\n\n", text(&output.stdout), text(&output.stderr))
    }

    async fn remove(self) {
        self.prod.remove().await;
        self.test.remove().await;
    }
}

/// TEST's engine and PROD's, as the end of a case's name says.
fn engines(case: &str) -> (Engine, Engine) {
    let named = |text: &str| match text {
        text if text.ends_with("-postgres") => Engine::Postgres,
        text if text.ends_with("-mariadb") => Engine::Mariadb,
        _ => Engine::Sqlite,
    };
    match case.rsplit_once("-to-") {
        Some((from, to)) => (named(from), named(&format!("-{to}"))),
        None => (named(case), named(case)),
    }
}

async fn place(engine: Engine, here: &Path, file: &str, script: &str) -> Option<Place> {
    match engine {
        Engine::Sqlite => Some(sqlite(here, file, script).await),
        Engine::Postgres => Place::postgres(script).await,
        // A script without statements isn't one to the server.
        Engine::Mariadb => Place::mariadb(&format!("DO 1;\n{script}")).await,
    }
}

/// A file `here`, with the script run in it.
pub async fn sqlite(here: &Path, file: &str, script: &str) -> Place {
    let options = sqlx::sqlite::SqliteConnectOptions::new();
    let mut connection =
        options.filename(here.join(file)).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    // An empty directory says that there is nothing on a server to drop.
    let directory = Some(tempfile::tempdir().unwrap());
    Place { url: format!("sqlite://{}", here.join(file).display()), directory }
}

/// The same database for the account that a case made beside its own.
fn limited(url: &str) -> String {
    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    url.replacen("//reconcile@", &format!("//{name}_limited@"), 1)
}

/// Files that SQL can't make.
fn odd_files(case: &str, here: &Path) {
    match case {
        "27-one-database-by-link" => {
            fs::remove_file(here.join("test.db")).unwrap();
            std::os::unix::fs::symlink(here.join("prod.db"), here.join("test.db")).unwrap();
        }
        "90-truncated" => {
            let bytes = fs::read(here.join("test.db")).unwrap();
            fs::write(here.join("test.db"), &bytes[..bytes.len() / 2]).unwrap();
        }
        "90-no-database" => fs::write(here.join("test.db"), "I am no database\n").unwrap(),
        "90-not-there" => fs::remove_file(here.join("test.db")).unwrap(),
        _ => {}
    }
}

/// What differs from run to run, replaced by words.
fn steady(text: &str) -> String {
    let masks = [
        (r"\b[0-9a-f]{32}\b", "DIGEST"),
        (r"@[0-9a-f]{16}\b", "@PIN"),
        (r"\b\d{8}-\d{6}-[0-9a-z]{6}\b", "RUN"),
        (r"\b20\d\d-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"reconcile_test_\d+_\d+", "DATABASE"),
        (r"\b(PostgreSQL|MariaDB|SQLite) \d[^,\n]*,", "$1 VERSION,"),
    ];
    masks.iter().fold(text.to_owned(), |text, (mask, word)| {
        Regex::new(mask).unwrap().replace_all(&text, *word).into_owned()
    })
}
