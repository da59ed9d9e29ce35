//! Publishing to real search servers, with the real binary: the stores say what the tables say, whatever
//! comes late, twice, or is made anew meanwhile.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use reconcile::config::Environment;
use reconcile::{config, queue};
use serde_json::{Value as Json, json};

use super::Server;
use crate::places::Place;
use crate::publish_order::shop::{Random, World};
use crate::publish_order::shuffled_and_tripled_in;
use crate::stores::ReadStores;

async fn world(server: &Server, entities: i64) -> World {
    World::new(Place::sqlite("").await, ReadStores::with_search(server.clone()), entities).await
}

impl Server {
    /// The server's indexes with our prefix, with their aliases.
    fn indexes(&self) -> Vec<(String, Vec<String>)> {
        let list = self.ask("GET", &format!("/{}*/_alias", self.prefix), Json::Null);
        let aliases = |it: &Json| it["aliases"].as_object().unwrap().keys().cloned().collect();
        list.as_object().unwrap().iter().map(|(name, it)| (name.clone(), aliases(it))).collect()
    }

    /// One index for each name, and nothing that is being filled.
    fn is_tidy(&self) {
        let aliases: Vec<_> = self.indexes().into_iter().flat_map(|(_, aliases)| aliases).collect();
        let mut sorted = aliases.clone();
        sorted.sort();
        assert_eq!(sorted, [self.name("at_page"), self.name("de_page")]);
        assert_eq!(self.indexes().len(), 2);
    }
}

#[tokio::test]
async fn messages_three_times_in_any_order() {
    for server in Server::all() {
        shuffled_and_tripled_in(world(&server, 30).await, 1).await;
        server.is_tidy();
        server.remove();
    }
}

#[tokio::test]
async fn people_look_into_it() {
    for server in Server::all() {
        let world = world(&server, 9).await;
        let said = world.reconcile(&["search", "de_page", "SKU", "4"]).ends_with(0);
        assert!(said.out.contains("\"sku\":\"SKU 4\""), "{}", said.out);
        let said = world.reconcile(&["search", "de_pag", "x"]).ends_with(1);
        assert!(said.err.contains("did you mean de_page?"), "{}", said.err);
        let said = world.reconcile(&["doctor"]);
        assert!(said.out.contains("a server version "), "{}", said.out);
        assert!(said.out.contains("2 indexes"), "{}", said.out);
        // What an operator may have done to an index.
        let name = server.name("de_page");
        let settings = format!("/{name}/_settings");
        server.ask(
            "PUT",
            &settings,
            json!({"index.gc_deletes": "60s", "index.blocks.write": true}),
        );
        let said = world.reconcile(&["doctor"]).ends_with(1);
        assert!(said.out.contains("forgets deletions after 60s"), "{}", said.out);
        assert!(said.out.contains("can't be written: index.blocks.write"), "{}", said.out);
        let found = server.name("shop_page");
        server.ask("PUT", &settings, json!({"index.blocks.write": null}));
        server.ask(
            "PUT",
            &format!("/{found}"),
            json!({"mappings": {"properties": {"name": {"type": "long"}}}}),
        );
        let said = world.reconcile(&["doctor"]).ends_with(1);
        assert!(
            said.out.contains("field name is long there and text by the resource"),
            "{}",
            said.out
        );
        assert!(said.out.contains("makes a field of whatever it is sent"), "{}", said.out);
        server.remove();
    }
}

/// Orphans in both stores; what other resources and programs have there stays.
#[tokio::test]
async fn what_no_row_has_is_pruned() {
    for server in Server::all() {
        let world = world(&server, 9).await;
        let document = |index: &str, key: &str| {
            let path = format!("/{}/_doc/{key}?refresh=true", server.name(index));
            server.ask("PUT", &path, json!({"name": "x"}));
        };
        document("de_page", "product:de:de_de:nobody");
        document("at_page", "product:at:de_de:nobody");
        document("de_page", "other:de:de_de:nobody");
        server.ask(
            "PUT",
            &format!("/{}/_doc/product:x?refresh=true", server.name("logs")),
            json!({}),
        );
        let would = world.reconcile(&["sync:data", "--prune", "--dry-run"]).ends_with(0);
        assert!(would.out.contains("would remove 2 keys"), "{}", would.out);
        let said = world.reconcile(&["sync:data", "--prune"]).ends_with(0);
        assert!(said.out.contains("deleted 2,"), "{}", said.out);
        let of = |index: &str, key: &str| {
            server.ask("GET", &format!("/{}/_doc/{key}", server.name(index)), Json::Null)["found"]
                == true
        };
        assert!(
            !of("de_page", "product:de:de_de:nobody") && !of("at_page", "product:at:de_de:nobody")
        );
        assert!(of("de_page", "other:de:de_de:nobody") && of("logs", "product:x"));
        world.reconcile(&["verify"]).ends_with(0);
        server.remove();
    }
}

/// A server forgets deletions some time; then a write from before one would bring back what is gone. A
/// message that may be so old isn't believed.
#[tokio::test]
async fn a_late_write_after_a_forgotten_deletion_brings_nothing_back() {
    for server in Server::all() {
        let mut world = world(&server, 9).await;
        for name in ["de_page", "at_page"] {
            let settings = format!("/{}/_settings", server.name(name));
            server.ask("PUT", &settings, json!({"index.gc_deletes": "1ms"}));
        }
        world.reconcile(&["sync:data", "--no-wait"]).ends_with(0);
        let late = world.taken("sync.search.product").await;
        let mut random = Random(3);
        for _ in 0..3 {
            world.change(&mut random).await;
        }
        world.reconcile(&["publish:trigger-events"]).ends_with(0);
        // Deletions are forgotten at the next one after their time.
        tokio::time::sleep(Duration::from_millis(50)).await;
        for name in ["de_page", "at_page"] {
            server.ask("POST", &format!("/{}/_flush?force=true", server.name(name)), Json::Null);
        }
        let config = config::load(&world.path().join("reconcile.yaml"), &|_| None).unwrap();
        let mut broker = queue::open(&config, Environment::Prod, None).await.unwrap();
        let long_ago = jiff::Timestamp::now().as_microsecond() - 2 * 3600 * 1_000_000;
        for body in &late {
            broker.fail("sync.search.product", body, Some(long_ago), "for a test").await.unwrap();
        }
        broker.close().await.unwrap();
        world.reconcile(&["queue", "replay", "sync.search.product"]).ends_with(0);
        world.reconcile(&["worker", "--stop-when-empty"]).ends_with(0);
        world.check().await;
        server.remove();
    }
}

/// Whether a process that ends itself before its n-th write to a store came so far.
fn is_killed(world: &World, arguments: &[&str], at: usize) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reconcile"));
    command.env("RECONCILE_TEST_EFFECT", format!("kill:{at}:store")).current_dir(world.path());
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    match output.status.signal() {
        Some(9) => true,
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "kill:{at}: {said}");
            false
        }
    }
}

#[tokio::test]
async fn a_rebuild_that_is_killed_anywhere_leaves_what_was_and_the_next_one_tidies() {
    let stride = if std::env::var_os("RECONCILE_TEST_FULL").is_some() { 1 } else { 3 };
    for server in Server::all() {
        let mut world = world(&server, 9).await;
        let mut random = Random(5);
        let mut kills = 0;
        for at in (1..).step_by(stride) {
            let before = server.indexes();
            let killed = is_killed(&world, &["sync:data", "--rebuild"], at);
            eprintln!("killed before write {at}");
            world.check().await;
            // Workers go on, into both where there are two.
            world.change(&mut random).await;
            world.reconcile(&["publish:trigger-events"]).ends_with(0);
            world.check().await;
            if !killed {
                assert!(server.indexes().iter().all(|it| !before.contains(it)), "all are new");
                break;
            }
            kills += 1;
        }
        assert!(kills > 3, "{kills}");
        server.is_tidy();
        server.remove();
    }
}

#[tokio::test]
async fn indexes_are_made_anew_while_workers_write() {
    for server in Server::all() {
        let Some(place) = Place::postgres("").await else { return };
        let mut world = World::new(place, ReadStores::with_search(server.clone()), 60).await;
        let mut random = Random(11);
        let before = server.indexes();
        // A document that no row has is gone with the old index.
        let path = format!("/{}/_doc/other:x?refresh=true", server.name("de_page"));
        server.ask("PUT", &path, json!({"name": "x"}));
        let folder = world.path().to_owned();
        for _ in 0..2 {
            let folder = folder.clone();
            let rebuilding = std::thread::spawn(move || {
                crate::shop::reconcile(&folder, &["sync:data", "--rebuild", "--format", "json"])
            });
            while !rebuilding.is_finished() {
                world.change(&mut random).await;
                world.reconcile(&["publish:trigger-events"]).ends_with(0);
            }
            let said = rebuilding.join().unwrap().ends_with(0);
            let said: Json = serde_json::from_str(&said.out).unwrap();
            assert_eq!(said["indexes"], json!(["at_page", "de_page"]));
            assert_eq!(said["counts"]["failed"], 0, "{said}");
            world.check().await;
        }
        let gone = server.ask("GET", &path, Json::Null);
        assert_eq!(gone["found"], false, "{gone}");
        assert!(server.indexes().iter().all(|it| !before.contains(it)));
        server.is_tidy();
        let World { prod, .. } = world;
        prod.remove().await;
        server.remove();
    }
}

#[tokio::test]
async fn what_cannot_be_made_anew_is_said() {
    let embedded = World::new(Place::sqlite("").await, ReadStores::embedded(), 3).await;
    let said = embedded.reconcile(&["sync:data", "--rebuild"]).ends_with(1);
    assert!(said.err.contains("an embedded search needs none"), "{}", said.err);
    for server in Server::all() {
        // An index as another program made it.
        for name in ["de_page", "at_page"] {
            server.ask("PUT", &format!("/{}", server.name(name)), json!({}));
        }
        let world = world(&server, 3).await;
        let said = world.reconcile(&["sync:data", "--rebuild", "--dry-run"]).ends_with(0);
        assert_eq!(said.out, "would rebuild at_page, de_page\n");
        let said = world.reconcile(&["sync:data", "--rebuild"]).ends_with(1);
        assert!(said.err.contains("is an index and no alias"), "{}", said.err);
        world.check().await;
        let said = world.reconcile(&["sync:data", "--rebuild", "--no-wait"]).ends_with(64);
        assert!(said.err.contains("--no-wait"), "{}", said.err);
        server.remove();
    }
}
