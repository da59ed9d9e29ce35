//! Read stores of every kind: what holds for all of them, and what is each one's own.

mod contract;
pub mod elastic;
mod read_stores;
mod redis;
mod redis_looks;
pub mod redis_server;

use std::path::Path;

use reconcile::config::target::Part;
use reconcile::config::{self, Config};

use contract::{Own, contract};
pub use read_stores::{ReadStores, Servers};

/// An operator's file that has nothing but these places, in a folder that holds it.
pub fn config(folder: &Path, publish: &str) -> Config {
    let text = format!(
        "instance: PROD\nmanifests: ./m\nstateDirectory: ./state\nenvironments:\n  PROD: {{database: \
         'sqlite://p.db', publish: {publish}}}\n  TEST: {{database: 'sqlite://t.db'}}\n"
    );
    let path = folder.join("reconcile.yaml");
    config::parse(&path, text.as_bytes(), &|_| None).unwrap()
}

fn embedded(part: Part) -> Option<Own> {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "{storage: embedded, search: embedded}");
    let index = if part == Part::Search { "de_page" } else { "" };
    Some(Own { config, part, index: index.into(), prefix: "kv:".into(), _held: Box::new(folder) })
}

contract!(embedded_storage, super::embedded(Part::Storage));
contract!(embedded_search, super::embedded(Part::Search));
contract!(redis_single, crate::stores::redis::single());
contract!(redis_cluster, crate::stores::redis::cluster());
