//! No marker sings: every redacted value, credential and key of these tests holds `CANARY`, every
//! command goes down every path there is, failing ones included, and no output, error, manifest or
//! state file may hold it. Only the databases do, the ledger's before-images among them.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::bad_data::sqlite;
use super::places::Place;

const MARKER: &str = "canary";
/// `CANARY` as bytea or blob is shown.
const MARKER_HEX: &str = "43414e415259";
const PIN_KEY: &str = "CANARY-pin-key-0123456789abcdef";

const MANIFESTS: &str = r"
apiVersion: reconcile/v1
kind: Module
metadata: {name: things}
spec:
  records:
    - table: login
      identity: [name]
      label: secret
      updated: note
      redact: [note, pin, settings]
      rows: {name: {notIn: [hidden]}}
      owns: [{table: login_part, identity: [secret], redact: [note]}]
      references: {friend: elsewhere}
    - {table: vault, identity: [secret], label: note, redact: [note], created: note}
    - {table: uses, identity: [vault_id], label: vault_id}
    - {table: doubled, identity: [secret]}
---
apiVersion: reconcile/v1
kind: SyncJob
metadata: {name: promote}
spec:
  direction: TEST -> PROD
  mode: all
  modules: all
---
apiVersion: reconcile/v1
kind: SyncJob
metadata: {name: refresh}
spec: {direction: PROD -> TEST, mode: all, modules: all}
";

const SCHEMA: &str = "
CREATE TABLE elsewhere (id INTEGER PRIMARY KEY, secret TEXT NOT NULL UNIQUE);
CREATE TABLE login (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, secret TEXT UNIQUE,
    note TEXT, pin INTEGER, settings JSON, friend INTEGER,
    CHECK (secret <> 'CANARY forbidden' AND length(secret) < 40));
CREATE TABLE login_part (id INTEGER PRIMARY KEY, login_id INTEGER NOT NULL REFERENCES login (id),
    secret TEXT, note TEXT, plain TEXT);
CREATE TABLE vault (id INTEGER PRIMARY KEY, secret TEXT UNIQUE, note TEXT);
CREATE TABLE uses (id INTEGER PRIMARY KEY, vault_id INTEGER NOT NULL REFERENCES vault (id), word TEXT);
CREATE TABLE watcher (id INTEGER PRIMARY KEY, login_id INTEGER REFERENCES login (id));
CREATE TABLE doubled (id INTEGER PRIMARY KEY, secret TEXT);
";

/// What happens before all commands run again: a statement for PROD, one for TEST.
const EVENTS: &[(&str, &str)] = &[
    // Every class, every kind of conflict, owned rows, references by redacted identities.
    (
        "INSERT INTO elsewhere VALUES (1, 'CANARY here');
         INSERT INTO login VALUES (1, 'same', 'CANARY a', 'CANARY a', 11, '{\"CANARY\": 1}', 1),
            (2, 'changed', 'CANARY b', 'CANARY b', 12, NULL, NULL), (3, 'gone', 'CANARY c', NULL, 1, NULL, 1),
            (4, 'hidden', 'CANARY taken', NULL, NULL, NULL, NULL), (5, 'kept', 'CANARY k', NULL, NULL, NULL, NULL);
         INSERT INTO watcher VALUES (1, 5);
         INSERT INTO login_part VALUES (1, 2, 'CANARY p', 'CANARY q', 'x'), (2, 3, 'CANARY p', NULL, 'y');
         INSERT INTO vault VALUES (1, 'CANARY v1', 'CANARY n1'), (2, 'CANARY v2', 'CANARY n2'), (3, 'CANARY old', 'CANARY n3');
         INSERT INTO doubled VALUES (7, 'CANARY twice');",
        "INSERT INTO elsewhere VALUES (1, 'CANARY there'), (2, 'CANARY here');
         INSERT INTO login VALUES (1, 'same', 'CANARY a', 'CANARY a', 11, '{\"CANARY\": 2}', 2),
            (2, 'changed', 'CANARY b2', 'CANARY b2', 13, '{\"a\": \"CANARY\"}', NULL),
            (6, 'new', 'CANARY e', 'CANARY e', 9, '[\"CANARY\"]', 2), (7, 'missing', 'CANARY f', NULL, NULL, NULL, 1),
            (8, 'taken', 'CANARY taken', NULL, NULL, NULL, NULL);
         INSERT INTO login_part VALUES (1, 2, 'CANARY p', 'CANARY q2', 'x'), (3, 6, 'CANARY r', 'CANARY s', 'z');
         INSERT INTO vault VALUES (1, 'CANARY other', 'CANARY m'), (4, 'CANARY v2', 'CANARY m2'), (3, 'CANARY renamed', 'CANARY n3'), (9, 'CANARY new', 'CANARY m3');
         INSERT INTO uses VALUES (1, 9, 'w'), (2, 1, 'w'), (3, 4, 'w');
         INSERT INTO doubled VALUES (7, 'CANARY x'), (8, 'CANARY twice'), (9, 'CANARY twice');",
    ),
    // A constraint of PROD alone.
    ("DELETE FROM login_part; CREATE UNIQUE INDEX parts ON login_part (plain)",
     "UPDATE login_part SET plain = 'same', note = 'CANARY again'; INSERT INTO login_part VALUES (12, 1, 'CANARY t', NULL, 'same')"),
];

/// Every command, each way it can end.
const ALL: &[&str] = &[
    "validate --format json",
    "validate --connect --write-catalog",
    "plan promote",
    "plan promote --format markdown",
    "plan promote --format html",
    "plan promote --format json",
    "plan promote -o plan.json --format json",
    "plan refresh",
    "approve promote --new nothing/1 --overwrite login/1,vault/*",
    "approve promote --plan plan.json --new login/2",
    "approve promote --new all --modified all --deleted all --format json",
    "approve promote --overwrite all",
    "approve promote --adopt all",
    "approve promote --renumber all",
    "approve promote --new all --with-dependencies",
    "--dry-run",
    "--dry-run --format json",
    "promote",
    "promote --format json",
    "approve promote --remove all",
    "approve promote --modified login/2",
    "promote",
    "approve promote --remove all",
    "approve promote --modified all",
    "promote --format json",
    "approve refresh --new all --modified all",
    "refresh",
    "plan promote",
    "status",
    "messages",
    "doctor",
    "doctor --format json",
];

/// What a single change goes through.
const AGAIN: &[&str] = &[
    "plan promote --format json",
    "approve promote --modified login/2",
    "--dry-run",
    "promote",
    "promote --format json",
];

/// PROD changes what is written to it, or refuses it, in the words of each engine.
const TRIGGERS_SQLITE: &[&str] = &[
    "CREATE TRIGGER bend AFTER UPDATE ON login BEGIN UPDATE login SET note = 'CANARY bent' WHERE id = NEW.id AND note <> 'CANARY bent'; END",
    "CREATE TRIGGER raise BEFORE UPDATE ON login BEGIN SELECT RAISE(ABORT, 'CANARY raised'); END",
    "DROP TRIGGER raise; DROP TRIGGER bend; CREATE TRIGGER odd BEFORE UPDATE ON login BEGIN SELECT json_extract('CANARY', '$.' || NEW.secret); END",
];
const TRIGGERS_POSTGRES: &[&str] = &[
    "CREATE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'CANARY bent'; RETURN NEW; END $$;
     CREATE TRIGGER bend BEFORE UPDATE ON login FOR EACH ROW EXECUTE FUNCTION bend()",
    "CREATE OR REPLACE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', NEW.secret; END $$",
    "CREATE OR REPLACE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE unique_violation USING MESSAGE = NEW.secret, CONSTRAINT = 'c', TABLE = 'login'; END $$",
    "CREATE OR REPLACE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '42000' USING MESSAGE = NEW.secret; END $$",
    "CREATE OR REPLACE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM NEW.secret::integer; RETURN NEW; END $$",
    "DROP TRIGGER bend ON login; ALTER TABLE login ALTER COLUMN note TYPE varchar(7) USING left(note, 7)",
    "ALTER TABLE login ADD CHECK (secret NOT LIKE '% b3')",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_marker_gets_out_on_sqlite() {
    let here = tempfile::tempdir().unwrap();
    let prod = sqlite(here.path(), "prod.db", SCHEMA).await;
    let test = sqlite(here.path(), "test.db", SCHEMA).await;
    let house = House { here, prod, test };
    house.tour(TRIGGERS_SQLITE).await;
    // A value of another type than its column's.
    house.prod.run("DROP TRIGGER odd; UPDATE login SET pin = 'CANARY text' WHERE id = 1").await;
    house.commands(AGAIN);
    house.prod.run("UPDATE login SET pin = 1, secret = x'43414e415259' WHERE id = 1").await;
    house.commands(AGAIN);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_marker_gets_out_on_postgres() {
    let Some(prod) = Place::postgres(SCHEMA).await else { return };
    let test = Place::postgres(SCHEMA).await.unwrap();
    let house = House { here: tempfile::tempdir().unwrap(), prod, test };
    house.tour(TRIGGERS_POSTGRES).await;
    house.prod.remove().await;
    house.test.remove().await;
}

/// Mistakes in the operator's file, on the very lines that hold secrets.
#[test]
fn no_marker_gets_out_of_a_broken_operators_file() {
    let fine = "instance: PROD\nmanifests: manifests\npinKey: \"KEY\"\nenvironments:\n  \
                PROD: {database: \"postgres://shop:SECRET@127.0.0.1:1/prod\"}\n  \
                TEST: {database: \"postgres://shop:SECRET@127.0.0.1:1/test\"}\ntables: {allow: [\"*\"]}\n";
    let fine = fine.replace("KEY", PIN_KEY).replace("SECRET", "CANARY");
    let changes = [
        ("\"CANARY-pin", "[\"CANARY-pin"),
        ("-pin-key-0123456789abcdef", ""),
        ("pinKey: ", "pinKeyy: "),
        ("pinKey: ", "pinKey: {a: b}\npinKey: "),
        ("pinKey: \"", "pinKey: \"${CANARY_UNSET}"),
        ("pinKey: \"", "pinKey: !secret \"CANARY"),
        ("pinKey: \"", "pinKey: &anchor \"CANARY"),
        ("pinKey: \"", "pinKey: {value: \"CANARY"),
        ("postgres://", "mysql://"),
        ("postgres://", "postgres:/"),
        ("127.0.0.1:1", "127.0.0.1:CANARY"),
        ("127.0.0.1:1", "[CANARY"),
        ("/prod", "/prod?sslmode=CANARY"),
        ("/prod", "/prod?options=CANARY&password=CANARY&sslrootcert=/CANARY"),
        ("{database:", "{databse:"),
        (
            "{database: \"postgres://shop:CANARY@127.0.0.1:1/prod\"}",
            "\"postgres://shop:CANARY@h/prod\"",
        ),
        (
            "{database: \"postgres://shop:CANARY@127.0.0.1:1/prod\"}",
            "{database: [\"postgres://shop:CANARY@h/prod\"]}",
        ),
        ("{database: \"", "{password: CANARY, database: \""),
        ("instance: PROD", "instance: [PROD"),
        ("instance: PROD", "instance: PRD"),
        (
            "tables:",
            "http: {listen: \"127.0.0.1:1\", tokens: {\"a@b\": {secret: \"CANARY\", may: x}}}\ntables:",
        ),
        (
            "tables:",
            "mail: {transport: \"smtp://u:CANARY@h:x\", from: x, recipients: []}\nstate: \"postgres://u:CANARY@h/x\"\ntables:",
        ),
        ("tables:", "http: {publicUrl: \"https://CANARY:CANARY@shop.example\"}\ntables:"),
        ("tables:", "http: {publicUrl: \"CANARY\", listen: \"CANARY\"}\ntables:"),
        (
            "tables:",
            "http: {tokens: {a: {secret: CANARY-CANARY-CANARY, may: view}, b: {secret: CANARY-CANARY-CANARY, may: view}}}\ntables:",
        ),
        ("tables:", "http: {hooks: {secret: CANARY}}\ntables:"),
        ("tables:", "http: {hooks: CANARY-CANARY-CANARY, tokens: [CANARY-CANARY-CANARY]}\ntables:"),
        ("instance", "instance"),
    ];
    for (from, to) in changes {
        let here = tempfile::tempdir().unwrap();
        fs::create_dir(here.path().join("manifests")).unwrap();
        fs::write(here.path().join("manifests/m.yaml"), MANIFESTS).unwrap();
        let broken = fine.replacen(from, to, 1);
        assert!(broken != fine || from == to, "{from} isn't in the file");
        fs::write(here.path().join("reconcile.yaml"), broken).unwrap();
        for arguments in ["validate", "--format json", "approve promote --new all"] {
            let output = run(here.path(), arguments, &[]);
            silent(&format!("{to} {arguments}"), output.as_bytes());
        }
    }
}

struct House {
    here: tempfile::TempDir,
    prod: Place,
    test: Place,
}

impl House {
    async fn tour(&self, triggers: &[&str]) {
        self.write_files(PIN_KEY);
        for (prod, test) in EVENTS {
            self.prod.run(prod).await;
            self.test.run(test).await;
            self.commands(ALL);
        }
        for (at, trigger) in triggers.iter().enumerate() {
            self.prod.run(trigger).await;
            let change = format!(
                "UPDATE login SET secret = 'CANARY b{at}', note = 'CANARY note {at}' WHERE id = 2"
            );
            self.test.run(&change).await;
            self.write_files(PIN_KEY);
            self.commands(AGAIN);
        }
        self.write_files("short CANARY");
        self.commands(AGAIN);
    }

    /// The job anew, without approvals, and the operator's file.
    fn write_files(&self, pin_key: &str) {
        let here = self.here.path();
        fs::create_dir_all(here.join("manifests")).unwrap();
        fs::write(here.join("manifests/m.yaml"), MANIFESTS).unwrap();
        let operator = format!(
            "instance: PROD\nmanifests: manifests\nstateDirectory: state\npinKey: \"{pin_key}\"\n\
             environments:\n  PROD: {{database: \"${{PROD_URL}}\"}}\n  TEST: {{database: \"${{TEST_URL}}\"}}\n\
             tables: {{allow: [\"*\"], redact: [\"*.secret\"]}}\nlimits: {{maxDeletePercent: 100}}\n"
        );
        fs::write(here.join("reconcile.yaml"), operator).unwrap();
    }

    fn commands(&self, commands: &[&str]) {
        let urls = [with_password(&self.prod.url), with_password(&self.test.url)];
        let urls = [("PROD_URL", urls[0].as_str()), ("TEST_URL", urls[1].as_str())];
        let mut known = Vec::new();
        for arguments in commands {
            let output = run(self.here.path(), arguments, &urls);
            silent(arguments, output.as_bytes());
            known.extend(runs(&output));
        }
        for id in known {
            let job = format!("undo-{}", id.to_lowercase());
            for arguments in [
                format!("undo {id}"),
                format!("plan {job}"),
                format!("approve {job} --new all --modified all --deleted all --with-dependencies"),
                format!("{job} --format json"),
            ] {
                silent(&arguments, run(self.here.path(), &arguments, &urls).as_bytes());
            }
        }
        files_are_silent(self.here.path());
    }
}

fn files_are_silent(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        let name = name.to_string_lossy();
        if path.is_dir() {
            files_are_silent(&path);
        } else if name != "reconcile.yaml"
            && !name.starts_with("prod.db")
            && !name.starts_with("test.db")
        {
            silent(&path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
}

fn with_password(url: &str) -> String {
    url.replacen("//reconcile@", "//reconcile:CANARY-password@", 1)
}

fn run(here: &Path, arguments: &str, variables: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_reconcile"))
        .args(arguments.split_whitespace())
        .current_dir(here)
        .env_clear()
        .env("RUST_BACKTRACE", "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if std::env::var_os("CANARY_SHOW").is_some() {
        eprintln!("$ {arguments}\n{text}");
    }
    assert!(!text.contains("panicked"), "{arguments}: {text}");
    assert!(output.status.code().is_some(), "{arguments}: {text}");
    text.into_owned()
}

/// The IDs of runs that an output names as committed.
fn runs(output: &str) -> Vec<String> {
    let words: Vec<&str> = output.split_whitespace().collect();
    let applied = words.windows(3).filter(|three| three[0] == "run" && three[2] == "applied");
    applied.map(|three| three[1].to_owned()).collect()
}

fn silent(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let low = text.to_lowercase();
    let found = low.find(MARKER).or_else(|| low.find(MARKER_HEX));
    // A variable's name isn't its value.
    let found = found.filter(|_| !low.contains("canary_unset"));
    assert!(found.is_none(), "{what} sings:\n{text}");
}
