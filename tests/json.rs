//! `--format json`: whatever happens, the output is one JSON document, errors included.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::shop::{Shop, reconcile};

/// Every command that has the option.
const COMMANDS: [&[&str]; 8] = [
    &["spring-campaign"],
    &["--dry-run", "spring-campaign"],
    &["plan", "spring-campaign"],
    &["approve", "spring-campaign", "--new", "cms_page/42"],
    &["validate", "--connect"],
    &["validate"],
    &["undo", "20200101-000000-abcdef"],
    &["doctor"],
];

#[track_caller]
fn document(folder: &Path, arguments: &[&str]) -> (Json, i32) {
    let arguments = [arguments, &["--format", "json"]].concat();
    let said = reconcile(folder, &arguments);
    let read = serde_json::from_str(&said.out);
    let json = read.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said:?}"));
    (json, said.code)
}

/// The error of a command that has nothing else to say, with its exit code.
#[track_caller]
fn error(folder: &Path, arguments: &[&str]) -> Json {
    let (json, code) = document(folder, arguments);
    assert_ne!(code, 0, "{arguments:?}: {json}");
    assert_eq!(json["error"]["exitCode"], code, "{arguments:?}: {json}");
    json["error"].clone()
}

#[test]
fn a_missing_operators_file_is_an_error_in_json() {
    let folder = tempfile::tempdir().unwrap();
    for command in COMMANDS.iter().filter(|command| **command != ["validate"]) {
        let error = error(folder.path(), command);
        let message = error["message"].as_str().unwrap();
        assert!(!message.is_empty(), "{command:?}: {error}");
    }
    error(folder.path(), &["init"]);
}

#[test]
fn a_broken_operators_file_is_an_error_with_problems() {
    let demo = Shop::before_the_demo();
    let shop = demo.path();
    fs::write(shop.join("reconcile.yaml"), "instance: PORD\n").unwrap();
    for command in COMMANDS {
        let error = error(shop, command);
        assert!(!error["problems"].as_array().unwrap().is_empty(), "{command:?}: {error}");
    }
}

#[test]
fn databases_that_are_away_are_told_in_json() {
    let demo = Shop::before_the_demo();
    let shop = demo.path();
    fs::remove_file(shop.join("test.db")).unwrap();
    for command in COMMANDS {
        let (json, code) = document(shop, command);
        match command {
            ["validate"] => assert_eq!(code, 0, "{json}"),
            ["doctor"] => assert_eq!((code, json["findings"].is_array()), (1, true), "{json}"),
            _ => assert!(json["error"]["message"].as_str().unwrap().contains("test.db"), "{json}"),
        }
    }
    error(shop, &["init", "--prod", "sqlite://prod.db", "--test", "sqlite://test.db", "new"]);
}

#[test]
fn broken_manifests_are_told_in_json() {
    let demo = Shop::before_the_demo();
    let shop = demo.path();
    fs::write(shop.join("manifests/jobs/spring-campaign.yaml"), "kind: [\n").unwrap();
    for command in [&["validate"][..], &["validate", "--connect"], &["--dry-run"], &[]] {
        let (json, code) = document(shop, command);
        assert_eq!(code, 1, "{command:?}: {json}");
        assert!(!json["problems"].as_array().unwrap().is_empty(), "{command:?}: {json}");
    }
    for command in &COMMANDS[..4] {
        error(shop, command);
    }
    let folder = tempfile::tempdir().unwrap();
    error(folder.path(), &["validate"]);
}

#[test]
fn wrong_command_lines_are_told_in_json() {
    let demo = Shop::before_the_demo();
    let shop = demo.path();
    for arguments in [
        &["spring-campain"][..],
        &["plan"],
        &["plan", "refresh"],
        &["--no-such-option"],
        &["approve", "spring-campaign"],
        &["undo", "../../etc"],
        &["validate", "--write-catalog"],
        &["worker", "--no-such-option"],
    ] {
        assert_eq!(error(shop, arguments)["exitCode"], 64, "{arguments:?}");
    }
    let said = reconcile(shop, &["plan", "--format=json"]).ends_with(64);
    serde_json::from_str::<Json>(&said.out).unwrap();
    error(shop, &["approve", "spring-campaign", "--new", "cms_page/4711"]);
}

#[test]
fn every_situation_of_a_pass_is_one_document() {
    let demo = Shop::before_the_demo();
    let shop = demo.path();
    let phase = |arguments: &[&str], expected: &str, code: i32| {
        let (json, found) = document(shop, arguments);
        assert_eq!((json["jobs"][0]["phase"].as_str(), found), (Some(expected), code), "{json}");
        json["jobs"][0].clone()
    };
    phase(&["spring-campaign"], "AwaitingApproval", 0);
    phase(&["--dry-run", "--detailed-exitcode", "spring-campaign"], "AwaitingApproval", 2);
    let (approved, _) = document(shop, &["approve", "spring-campaign", "--new", "cms_page/42"]);
    assert_eq!(approved["missing"][0]["needs"], "media/14");
    phase(&["spring-campaign"], "Failed", 3);
    document(shop, &["approve", "spring-campaign", "--with-dependencies"]);
    phase(&["--dry-run", "spring-campaign"], "Scheduled", 0);
    let done = phase(&["spring-campaign"], "Succeeded", 0);
    assert_eq!(done["applied"].as_array().unwrap().len(), 2, "{done}");
    phase(&["spring-campaign"], "Succeeded", 0);
    let (undo, code) = document(shop, &["undo", done["run"].as_str().unwrap()]);
    assert_eq!((code, undo["approved"].as_u64()), (0, Some(2)), "{undo}");
    let (plan, _) = document(shop, &["plan", "spring-campaign"]);
    assert_eq!(plan["formatVersion"], "1.0");
}

#[test]
fn findings_and_proposals_are_listed_in_json() {
    let shop = Shop::after_the_demo();
    let (doctor, code) = document(shop.path(), &["doctor"]);
    assert_eq!((code, doctor["findings"][0]["level"].as_str()), (0, Some("ok")), "{doctor}");
    let databases = ["--prod", "sqlite://prod.db", "--test", "sqlite://test.db"];
    let (init, code) = document(shop.path(), &[&["init", "mine"], &databases[..]].concat());
    assert_eq!(code, 0, "{init}");
    assert!(init["modules"].as_array().unwrap().len() > 3, "{init}");
    assert!(!init["written"].as_array().unwrap().is_empty(), "{init}");
}
