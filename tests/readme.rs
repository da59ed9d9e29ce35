//! Whatever README and reference show: commands are run and say what stands there, YAML is valid.
//!
//! A `console` block holds commands after `$ ` and lines they must print, in that order; `…` stands
//! for anything, also for whole lines. RUN is the run that was applied last. All blocks of a file are
//! run one after the other, in one folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use reconcile::cli::Cli;
use reconcile::config;
use reconcile::manifest::load_text;
use reconcile::manifest::protected::Protection;
use reconcile::manifest::validate::{Context, validate};

use crate::shop::run;

/// Commands that aren't run here: the tests run these words otherwise, or are themselves run by them.
const ELSEWHERE: [&str; 2] = ["cargo run --release -- demo", "scripts/test"];

/// One fenced block.
struct Block {
    language: String,
    text: String,
}

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn blocks(name: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in document(name).lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block { language: language.into(), text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{name} has a block without an end");
    blocks
}

/// A shell that remembers where it is and which run was the last.
struct Terminal {
    home: tempfile::TempDir,
    place: PathBuf,
    last_run: String,
}

impl Terminal {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { place: home.path().to_owned(), home, last_run: String::new() }
    }

    fn command(&mut self, command: &str, expected: &[&str]) {
        let command = command.replace("RUN", &self.last_run);
        let expected: Vec<String> =
            expected.iter().map(|line| line.replace("RUN", &self.last_run)).collect();
        if let Some(folder) = command.strip_prefix("cd ") {
            self.place = self.place.join(folder);
            assert!(self.place.is_dir(), "{command}");
            return;
        }
        let binary = Path::new(env!("CARGO_BIN_EXE_reconcile")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let home = self.home.path().display().to_string();
        let variables = [("PATH", path.as_str()), ("HOME", &home), ("GIT_CONFIG_NOSYSTEM", "1")];
        let said = run(&self.place, "sh", &["-c", &command], &variables).ends_with(0);
        if let Some((_, rest)) = said.out.split_once("Success: run ") {
            rest.split(' ').next().unwrap().clone_into(&mut self.last_run);
        }
        let said_lines: Vec<&str> = said.out.lines().chain(said.err.lines()).collect();
        let end = said_lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
        if let Err(missing) = follows(&expected, &said_lines[..end]) {
            panic!("`{command}` doesn't print {missing:?} where it should:\n{}", said.out);
        }
    }
}

/// Whether lines are those expected, in their order; a `…` alone stands for any number of lines.
fn follows(expected: &[String], said: &[&str]) -> Result<(), String> {
    let (mut at, mut gap) = (0, false);
    for line in expected {
        if line == "…" {
            gap = true;
            continue;
        }
        let found = said[at..].iter().position(|said| matches(line, said.trim_end()));
        match found {
            Some(0) => at += 1,
            Some(skipped) if gap => at += skipped + 1,
            _ => return Err(line.clone()),
        }
        gap = false;
    }
    if gap || at == said.len() { Ok(()) } else { Err(format!("(the end before {:?})", said[at])) }
}

fn matches(expected: &str, said: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = said.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn run_console(blocks: &[Block]) {
    let mut terminal = Terminal::new();
    let mut commands = 0;
    for block in blocks.iter().filter(|block| block.language == "console") {
        let mut lines = block.text.lines().peekable();
        while let Some(line) = lines.next() {
            let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {line}"));
            let mut expected = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                expected.push(line);
            }
            terminal.command(command, &expected);
            commands += 1;
        }
    }
    assert!(commands > 0, "there is nothing to run");
}

#[test]
fn the_tutorial_does_what_it_says() {
    run_console(&blocks("README.md"));
}

#[test]
fn every_shell_block_is_run_somewhere() {
    for name in ["README.md", "docs/reference.md"] {
        for block in blocks(name) {
            let known = ["console", "sh", "yaml", "yml", "text"].contains(&block.language.as_str());
            assert!(known, "{name} has a block of an unknown language: {}", block.language);
            if block.language == "sh" {
                for line in block.text.lines() {
                    let command = line.split('#').next().unwrap().trim_end();
                    assert!(ELSEWHERE.contains(&command), "{name}: {command}");
                }
            }
        }
    }
}

/// The README in the demo's own folder: its commands work where it stands.
#[test]
fn the_demos_own_readme_works() {
    let shop = crate::shop::Shop::after_the_demo();
    let text = fs::read_to_string(shop.path().join("README.md")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_reconcile")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut commands = 0;
    for block in text.split("```sh\n").skip(1) {
        let block = block.split("```").next().unwrap().replace("RUN", &shop.run);
        for line in block.lines().filter(|line| !line.is_empty()) {
            run(shop.path(), "sh", &["-c", line], &[("PATH", &path)]).ends_with(0);
            commands += 1;
        }
    }
    assert!(commands > 5);
}

/// A part of the operator's file, shown alone, with what else the file needs.
fn whole(text: &str) -> String {
    if text.contains("environments:") {
        return text.to_owned();
    }
    let source = if text.contains("git:") { "" } else { "manifests: m\n" };
    let databases = "{PROD: {database: \"sqlite://p\"}, TEST: {database: \"sqlite://t\"}}";
    format!("instance: PROD\n{source}environments: {databases}\n{text}")
}

#[test]
fn every_yaml_block_is_valid() {
    let mut manifests = 0;
    for name in ["README.md", "docs/reference.md"] {
        for block in blocks(name).iter().filter(|block| block.language == "yaml") {
            if block.text.contains("\nkind: ") {
                manifests += 1;
            } else {
                let variable =
                    |name: &str| Some(format!("postgres://shop.example/a-long-value-{name}"));
                let path = Path::new("/shop/reconcile.yaml");
                let read = config::parse(path, whole(&block.text).as_bytes(), &variable);
                assert!(read.is_ok(), "{name}: {:#?}", read.err());
            }
        }
        let documents: Vec<String> = blocks(name)
            .into_iter()
            .filter(|block| block.language == "yaml" && block.text.contains("\nkind: "))
            .map(|block| block.text)
            .collect();
        let manifests = load_text(Path::new(name), documents.join("---\n").as_bytes());
        let problems = validate(&Context {
            manifests: &manifests,
            protection: &Protection::built_in(),
            config: None,
            catalogs: &BTreeMap::new(),
        });
        let problems: Vec<_> = manifests.problems.iter().chain(&problems).collect();
        assert!(problems.is_empty(), "{name}: {problems:#?}");
    }
    assert!(manifests > 1);
}

#[test]
fn every_command_and_option_stands_in_the_reference() {
    let reference = document("docs/reference.md");
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(reference.contains(&format!("reconcile {name}")), "{name}");
        let long = command.get_arguments().filter_map(clap::Arg::get_long);
        for option in
            long.filter(|option| !["config", "format", "manifests", "output"].contains(option))
        {
            if ["init", "plan"].contains(&name) {
                continue;
            }
            assert!(reference.contains(&format!("--{option}")), "{name} --{option}");
        }
    }
    assert!(Cli::try_parse_from(["reconcile", "--dry-run", "spring-campaign"]).is_ok());
}

/// Keys that validation knows stand in the reference, so that none is forgotten.
#[test]
fn every_key_of_a_manifest_stands_in_the_reference() {
    let reference = document("docs/reference.md");
    let schema: serde_json::Value =
        serde_json::from_str(&reconcile::manifest::schema::manifest_schema()).unwrap();
    let definitions = schema["definitions"].as_object().unwrap();
    for definition in [
        "RecordSpec",
        "OwnedSpec",
        "SyncJobSpec",
        "ModuleSpec",
        "ResourceSpec",
        "ChildSpec",
        "RepublishJobSpec",
    ] {
        let keys = definitions[definition]["properties"].as_object().unwrap();
        for key in keys.keys() {
            assert!(reference.contains(&format!("`{key}`")), "{definition}.{key}");
        }
    }
}
