//! `reconcile doctor`: one thing broken at a time, found and answered.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::places::{Place, say_skipped};
use crate::process::eventually;
use crate::shop::{Said, Shop, change, reconcile, run};

const SCHEMA: &str = include_str!("../src/demo/schema.sql");

fn line<'a>(said: &'a Said, part: &str) -> &'a str {
    let line = said.out.lines().find(|line| line.contains(part));
    line.unwrap_or_else(|| panic!("no line with {part:?} in:\n{}\n{}", said.out, said.err))
}

#[test]
fn a_shop_in_order_has_nothing_in_the_way() {
    let shop = Shop::after_the_demo();
    let said = shop.reconcile(&["doctor"]).ends_with(0);
    assert!(said.out.lines().all(|l| l.is_empty() || l.starts_with("ok ") || l.starts_with("Not")));
    for part in [
        "operator's file  reconcile.yaml",
        "9 modules, 4 resources and 4 jobs are valid",
        "two different databases",
        "the ledger is there",
        "the ledger is made by the first run",
        "21 tables of modules are alike",
        "are redacted, pins are keyed",
    ] {
        line(&said, part);
    }
    assert!(said.out.ends_with("Nothing stands in the way.\n"), "{}", said.out);
    let json = shop.reconcile(&["doctor", "--format", "json"]).ends_with(0);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["findings"][0]["level"], "ok");
}

#[tokio::test]
async fn schemas_that_differ_are_told_column_by_column() {
    let shop = Shop::before_the_demo();
    let test = shop.path().join("test.db");
    change(&test, "ALTER TABLE menu ADD COLUMN theme TEXT; ALTER TABLE slider DROP COLUMN name")
        .await;
    change(&test, "CREATE TRIGGER touch AFTER UPDATE ON menu BEGIN SELECT 1; END").await;
    let said = shop.reconcile(&["doctor"]);
    assert!(line(&said, "menu.theme").starts_with("warning"), "{}", said.out);
    assert!(line(&said, "only PROD has slider.name").starts_with("warning"), "{}", said.out);
    assert!(line(&said, "triggers fire").contains("menu (touch)"), "{}", said.out);
    change(&test, "DROP TABLE banner; CREATE TABLE banner (id INTEGER PRIMARY KEY, code DATE)")
        .await;
    let said = shop.reconcile(&["doctor"]).ends_with(1);
    assert!(line(&said, "banner.code").starts_with("broken"), "{}", said.out);
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

#[test]
fn what_the_operators_file_gets_wrong_is_broken() {
    for (from, to, told) in [
        ("sqlite://test.db", "sqlite://prod.db", "they are the same database"),
        ("sqlite://test.db", "sqlite://tset.db", "there is no file"),
        ("./manifests", "./manifest", "can't read the manifests"),
        ("./state", "./prod.db", "is no directory"),
        ("pinKey:", "# pinKey:", "product.purchase_price is redacted, so pins need a key"),
        ("    - menu\n", "", "`reconcile validate --connect` shows where"),
    ] {
        let shop = Shop::before_the_demo();
        edit(&shop.path().join("reconcile.yaml"), from, to);
        let said = shop.reconcile(&["doctor"]).ends_with(1);
        line(&said, told);
    }
}

#[test]
fn no_operators_file_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let said = crate::shop::reconcile(folder.path(), &["doctor"]).ends_with(1);
    assert!(said.err.contains("reconcile init"), "{}", said.err);
}

#[tokio::test]
async fn rights_that_are_missing_come_with_the_sql_that_grants_them() {
    let script = format!(
        "{SCHEMA} CREATE ROLE CURRENT_DB_limited LOGIN;
         REVOKE CREATE ON SCHEMA public FROM PUBLIC;
         CREATE TABLE hint (id serial PRIMARY KEY, code text NOT NULL UNIQUE);
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO CURRENT_DB_limited;
         GRANT INSERT, UPDATE, DELETE ON hint TO CURRENT_DB_limited;
         REVOKE SELECT ON order_line FROM CURRENT_DB_limited;
         ALTER TABLE menu ENABLE ROW LEVEL SECURITY"
    );
    let (Some(prod), Some(test)) = (Place::postgres(&script).await, Place::postgres(&script).await)
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let variables =
        [("PROD_DATABASE_URL", prod.url.clone()), ("TEST_DATABASE_URL", test.url.clone())];
    let mut variables = variables.each_ref().map(|(name, url)| (*name, url.as_str()));
    let binary = env!("CARGO_BIN_EXE_reconcile");
    run(folder.path(), binary, &["init"], &variables).ends_with(0);
    let said = run(folder.path(), binary, &["doctor"], &variables).ends_with(0);
    line(&said, "the ledger is made by the first run");
    line(&said, "both databases and this machine agree");

    let (scheme, address) = prod.url.split_once("://").unwrap();
    let address = address.split_once('@').map_or(address, |(_, address)| address);
    let role = format!("{}_limited", address.split(['/', '?']).nth(1).unwrap());
    let limited = format!("{scheme}://{role}@{address}");
    variables[0].1 = &limited;
    let said = run(folder.path(), binary, &["doctor"], &variables).ends_with(1);
    line(&said, "row-level security may hide rows of menu");
    line(&said, "order_line can't be read");
    line(&said, &format!("GRANT SELECT ON \"order_line\" TO \"{role}\";"));
    line(&said, "can't be written, and a job does");
    line(&said, "GRANT SELECT, INSERT, UPDATE, DELETE ON \"attribute\", ");
    line(&said, "may not use the sequences of hint");
    line(&said, "GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA \"public\"");
    line(&said, "there is no ledger, and the account may not create tables");
    line(&said, "CREATE TABLE IF NOT EXISTS \"reconcile_run\"");

    prod.run("ALTER DATABASE CURRENT_DB SET default_transaction_read_only = on").await;
    variables[0].1 = &prod.url;
    let said = run(folder.path(), binary, &["doctor"], &variables).ends_with(1);
    line(&said, "it is read-only, and a job writes to it");
    prod.remove().await;
    test.remove().await;
}

#[tokio::test]
async fn rights_and_storage_engines_on_mariadb_come_with_the_sql_that_helps() {
    let script =
        "CREATE TABLE hint (id int AUTO_INCREMENT PRIMARY KEY, code varchar(9) NOT NULL UNIQUE);
         CREATE TABLE note (id int PRIMARY KEY, code varchar(9) NOT NULL UNIQUE)";
    let (Some(prod), Some(test)) = (Place::mariadb(script).await, Place::mariadb(script).await)
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_reconcile");
    let mut variables =
        [("PROD_DATABASE_URL", prod.url.as_str()), ("TEST_DATABASE_URL", test.url.as_str())];
    let said = run(folder.path(), binary, &["init"], &variables).ends_with(0);
    line(&said, "export PROD_DATABASE_URL='mysql://…'");
    let said = run(folder.path(), binary, &["doctor"], &variables).ends_with(0);
    line(&said, "2 tables of modules can be written");

    let database = prod.url.rsplit('/').next().unwrap();
    let role = format!("{database}_limited");
    prod.run(&format!(
        "CREATE USER {role}@'127.0.0.1';
         GRANT SELECT ON {database}.* TO {role}@'127.0.0.1';
         GRANT INSERT, UPDATE ON {database}.hint TO {role}@'127.0.0.1';
         GRANT INSERT, UPDATE, DELETE ON {database}.note TO {role}@'127.0.0.1';
         ALTER TABLE note ENGINE = MyISAM"
    ))
    .await;
    let limited = prod.url.replacen("//reconcile@", &format!("//{role}@"), 1);
    variables[0].1 = &limited;
    let said = run(folder.path(), binary, &["doctor"], &variables).ends_with(1);
    line(&said, "  hint can't be written, and a job does");
    let granted = "GRANT SELECT, INSERT, UPDATE, DELETE ON `hint` TO `";
    line(&said, &format!("{granted}{role}`@`127.0.0.1`;"));
    line(&said, "the storage engine of note has no transactions");
    line(&said, "ALTER TABLE `note` ENGINE = InnoDB;");
    line(&said, "there is no ledger, and the account may not create tables");
    let again = tempfile::tempdir().unwrap();
    let said = run(again.path(), binary, &["init"], &variables).ends_with(0);
    line(&said, "1 module for 1 table; 1 table is left out");

    prod.run(&format!("DROP USER {role}@'127.0.0.1'")).await;
    prod.remove().await;
    test.remove().await;
}

/// A pgbouncer of one test's own; ended when it is dropped.
struct Pooler {
    child: Child,
    url: String,
}

impl Pooler {
    /// Pools sessions of the database in this mode. `None`, with a line that says so, where none is
    /// installed.
    async fn start(folder: &Path, database: &Place, mode: &str) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (_, address) = database.url.split_once("://").unwrap();
        let (account, address) = address.split_once('@').unwrap();
        let user = account.split(':').next().unwrap();
        let (host, server) = address.split(['/', '?']).next().unwrap().split_once(':').unwrap();
        let text = format!(
            "[databases]\n* = host={host} port={server} user={user}\n[pgbouncer]\nlisten_addr = \
             127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n\
             ignore_startup_parameters = extra_float_digits,options\n"
        );
        let file = folder.join(format!("{mode}.ini"));
        fs::write(&file, text).unwrap();
        // It doesn't run as root.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new("pgbouncer");
        if is_root() {
            command.args(["-u", "nobody"]);
        }
        let child = command.arg(&file).stderr(Stdio::null()).spawn();
        let Ok(child) = child else {
            say_skipped("what doctor says of a pooler; there is no pgbouncer");
            return None;
        };
        eventually("the pooler listens", || TcpStream::connect(("127.0.0.1", port)).ok()).await;
        let url = format!("postgres://{user}@127.0.0.1:{port}/{}", database.name());
        Some(Self { child, url })
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[tokio::test]
async fn a_pooler_by_transactions_is_warned_of() {
    let (Some(prod), Some(test)) = (Place::postgres("").await, Place::postgres("").await) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("manifests")).unwrap();
    for (mode, warns) in [("transaction", true), ("session", false)] {
        let Some(pooler) = Pooler::start(folder.path(), &prod, mode).await else { break };
        let text = format!(
            "instance: PROD\nmanifests: ./manifests\nenvironments:\n  PROD: {{database: '{}'}}\n  TEST: \
             {{database: '{}'}}\n",
            pooler.url, test.url
        );
        fs::write(folder.path().join("reconcile.yaml"), text).unwrap();
        let said = reconcile(folder.path(), &["doctor"]);
        let warned = |about: &str| {
            let mut lines = said.out.lines();
            let begins = format!("warning {about} ");
            lines.any(|line| line.starts_with(&begins) && line.contains("a pooler gives"))
        };
        assert_eq!((warned("PROD"), warned("TEST")), (warns, false), "{}", said.out);
    }
    prod.remove().await;
    test.remove().await;
}
