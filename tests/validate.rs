//! `reconcile validate` against real databases, and against the `catalog.json` it writes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::places::Place;

const SCHEMA: &str = "CREATE TABLE cms_page (id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, \
                      title TEXT);\nCREATE TABLE sales_order (id INTEGER PRIMARY KEY);\n";
const MODULE: &str = "apiVersion: reconcile/v1\nkind: Module\nmetadata: {name: pages}\nspec:\n  \
                      records:\n    - {table: cms_page, identity: [slug], label: title}\n";

fn reconcile(place: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reconcile"));
    command.args(args).current_dir(place).env_remove("RECONCILE_CONFIG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_catalogue_once_written_replaces_connection_and_operators_file() {
    let (prod, test) = (Place::sqlite(SCHEMA).await, Place::sqlite(SCHEMA).await);
    let place = tempfile::tempdir().unwrap();
    let here = place.path();
    fs::create_dir(here.join("manifests")).unwrap();
    fs::write(here.join("manifests/pages.yaml"), MODULE).unwrap();
    let config = format!(
        "instance: PROD\nmanifests: manifests\nenvironments:\n  PROD: {{database: \"{}\"}}\n  \
         TEST: {{database: \"{}\"}}\ntables: {{allow: [cms_*]}}\nprotected: {{add: [cms_secret*]}}\n",
        prod.url, test.url
    );
    fs::write(here.join("operator.yaml"), config).unwrap();

    let before = reconcile(here, &["validate"]);
    assert_eq!(before.status.code(), Some(0));
    assert!(text(&before.stdout).contains("not checked: tables and columns of PROD and TEST"));

    let args = ["validate", "--config", "operator.yaml", "--connect", "--write-catalog"];
    let connected = reconcile(here, &args);
    assert_eq!(text(&connected.stderr), "");
    assert_eq!(text(&connected.stdout), "1 module and 0 jobs are valid\n");

    let offline = reconcile(here, &["validate"]);
    assert_eq!(text(&offline.stdout), "1 module and 0 jobs are valid\n");

    // Columns, the operator's allow-list and the operator's protected tables are all known now.
    let wrong = MODULE.replace("label: title", "label: titel")
        + "    - {table: sales}\n    - {table: cms_secrets}\n";
    fs::write(here.join("manifests/pages.yaml"), wrong).unwrap();
    let refused = reconcile(here, &["validate", "--format", "json"]);
    assert_eq!(refused.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    let codes: Vec<&str> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["code"].as_str().unwrap())
        .collect();
    let expected = [
        "unknown-column",
        "table-not-allowed",
        "unknown-table",
        "never-synchronized",
        "unknown-table",
    ];
    assert_eq!(codes, expected);
}

#[test]
fn connecting_needs_the_operators_file() {
    let place = tempfile::tempdir().unwrap();
    let output = reconcile(place.path(), &["validate", "--connect"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: there is no operator's file\n"));
    let output = reconcile(place.path(), &["validate", "--write-catalog"]);
    assert_eq!(output.status.code(), Some(64));
}
