//! The rules of comparing and applying as a table of cases: rows of both sides, the plan they give,
//! the target's rows after a run. The cases are the YAML files beside this one.
//!
//! Answers for every file being played, on SQLite and, where a server is named, on PostgreSQL and
//! MariaDB.
//! `RECONCILE_CASE` plays only the cases whose name contains its value.

mod format;
mod galleries;
mod play;
mod world;

use std::path::{Path, PathBuf};

use futures_util::{StreamExt, stream};

use format::{Case, Topic};
use world::{On, World};

/// Cases of one topic that are played at once.
const AT_ONCE: usize = 16;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn read(file: &str) -> Topic {
    let path = folder().join(format!("{file}.yaml"));
    let text = std::fs::read_to_string(path).unwrap();
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(&text, options)
        .unwrap_or_else(|error| panic!("{file}.yaml: {error}"))
}

/// On a stack as large as the program's.
fn play_topic(file: &'static str, on: On) {
    let playing = std::thread::Builder::new().stack_size(8 << 20);
    let played = playing.spawn(move || play_on_this_thread(file, on)).unwrap().join();
    if let Err(panicked) = played {
        std::panic::resume_unwind(panicked);
    }
}

fn play_on_this_thread(file: &str, on: On) {
    let topic = read(file);
    let only = std::env::var("RECONCILE_CASE").unwrap_or_default();
    let played = topic.cases.iter().filter(|case| case.name.contains(&only));
    let played = played.filter(|case| match on {
        On::Sqlite => case.only_postgres.is_none(),
        On::Postgres => case.only_sqlite.is_none() && case.not_postgres.is_none(),
        On::Mariadb => {
            case.only_postgres.is_none() && case.only_sqlite.is_none() && case.not_mariadb.is_none()
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let failures: Vec<String> = runtime.block_on(async {
        let playing = stream::iter(played).map(|case| play_case(&topic, case, on));
        playing.buffered(AT_ONCE).filter_map(|found| async { found }).collect().await
    });
    assert!(failures.is_empty(), "{} cases failed\n\n{}", failures.len(), failures.join("\n"));
}

async fn play_case(topic: &Topic, case: &Case, on: On) -> Option<String> {
    let world = World::make(topic, case, on).await?;
    let played = play::play(case, &world).await;
    world.remove().await;
    played.err().map(|found| format!("=== {} ===\n{found}", case.name))
}

macro_rules! topics {
    ($($name:ident: $file:literal,)*) => {
        const TOPICS: &[&str] = &[$($file),*];

        mod on_sqlite {
            $(#[test]
            fn $name() {
                super::play_topic($file, super::On::Sqlite);
            })*
        }

        mod on_postgres {
            $(#[test]
            fn $name() {
                super::play_topic($file, super::On::Postgres);
            })*
        }

        mod on_mariadb {
            $(#[test]
            fn $name() {
                super::play_topic($file, super::On::Mariadb);
            })*
        }
    };
}

topics! {
    classes: "classes",
    identity: "identity",
    references: "references",
    foreign_references: "foreign-references",
    owned_rows: "owned-rows",
    links: "links",
    conflicts_and_answers: "conflicts-and-answers",
    unique_values: "unique-values",
    still_referenced: "still-referenced",
    deletions: "deletions",
    filters: "filters",
    renames: "renames",
    pairs: "pairs",
    schemas: "schemas",
    kept_and_ignored: "kept-and-ignored",
    order_and_cycles: "order-and-cycles",
    undo: "undo",
    direction_and_mode: "direction-and-mode",
    approving: "approving",
    values: "values",
    wrong_writes: "wrong-writes",
    polymorphic: "polymorphic",
    json_and_text: "json-and-text",
    trees: "trees",
    other_rows: "other-rows",
    shared_tables: "shared-tables",
    files: "files",
    system_config: "system-config",
}

#[test]
fn every_file_is_played_and_every_name_is_given_once() {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let mut topics = TOPICS.to_vec();
    topics.sort_unstable();
    assert_eq!(files, topics);
    let mut names: Vec<String> =
        topics.iter().flat_map(|file| read(file).cases).map(|case| case.name).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "two cases have the same name");
}
