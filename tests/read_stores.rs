//! The embedded queue and read stores as people look into them: `queue`, `get`, `search`, `doctor`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reconcile::config::{self, Config, Environment};
use reconcile::queue::{self, Broker, Most};
use reconcile::store::{self, Operation};
use serde_json::Value as Json;

use crate::shop::{Said, reconcile};

pub fn folder(publish: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["prod.db", "test.db"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    fs::create_dir(folder.path().join("manifests")).unwrap();
    let text = format!(
        "instance: PROD\nmanifests: ./manifests\nstateDirectory: ./state\nenvironments:\n  PROD: \
         {{database: 'sqlite://prod.db'{publish}}}\n  TEST: {{database: 'sqlite://test.db'}}\n"
    );
    fs::write(folder.path().join("reconcile.yaml"), text).unwrap();
    folder
}

fn embedded() -> tempfile::TempDir {
    folder(", publish: {queue: embedded, storage: embedded, search: embedded}")
}

fn config(folder: &Path) -> Config {
    config::load(&folder.join("reconcile.yaml"), &|_| None).unwrap()
}

async fn open_queue(folder: &Path) -> Box<dyn Broker> {
    queue::open(&config(folder), Environment::Prod, None).await.unwrap()
}

fn json(said: Said) -> Json {
    serde_json::from_str(&said.ends_with(0).out).unwrap()
}

fn write(index: &str, key: &str, value: &str) -> Operation {
    Operation { index: index.into(), key: key.into(), version: 7, value: Some(value.into()) }
}

#[tokio::test]
async fn queues_are_listed_dumped_replayed_and_purged() {
    let folder = embedded();
    let path = folder.path();
    let said = reconcile(path, &["queue", "list"]).ends_with(0);
    assert_eq!(said.out, "PROD has no queue yet\n");
    let said = reconcile(path, &["queue", "dump", "sync"]).ends_with(1);
    assert!(said.err.contains("PROD has no queue sync; there are none yet"), "{}", said.err);
    assert!(!path.join("state/PROD").exists(), "looking makes nothing");
    let mut broker = open_queue(path).await;
    broker.declare("sync.cms").await.unwrap();
    let bodies = ["{\"write\":{\"key\":\"a\"}}", "\u{1b}[31mred\u{202e}", "{}"].map(str::to_owned);
    broker.send("sync.cms", &bodies).await.unwrap();
    broker.fail("sync.cms", "{\"delete\":1}", Some(1_000_000), "no\tstore").await.unwrap();
    let taken = broker.take("sync.cms", Most::messages(1), Duration::ZERO).await.unwrap();
    assert_eq!(taken[0].body, bodies[0]);
    let said = reconcile(path, &["queue", "list"]).ends_with(0);
    let words: Vec<_> = said.out.split_whitespace().collect();
    assert_eq!(words, ["QUEUE", "READY", "TAKEN", "FAILED", "sync.cms", "2", "1", "1"]);
    let said = reconcile(path, &["queue", "dump", "sync.cms", "-l", "2"]).ends_with(0);
    assert!(said.out.contains("\\u{1b}[31mred\\u{202e}\n"), "{}", said.out);
    assert_eq!(said.out.lines().count(), 4, "{}", said.out);
    let said = reconcile(path, &["queue", "dump", "sync.cms.error", "--format", "json"]);
    let told = json(said);
    assert_eq!(told["messages"][0]["errorMessage"], "no\tstore");
    assert_eq!(told["messages"][0]["sent"], "1970-01-01T00:00:01Z");
    assert_eq!(told["messages"][0]["body"]["delete"], 1);
    let said = reconcile(path, &["queue", "replay", "sync.cms.error"]).ends_with(0);
    assert_eq!(said.out, "1 message sent to sync.cms again\n");
    let said = reconcile(path, &["queue", "purge", "sync.cms"]).ends_with(0);
    let stay = "1 handed out to workers stay";
    assert_eq!(
        said.out,
        format!("3 messages of sync.cms would be dropped; {stay}; `--yes` drops them\n")
    );
    let said = json(reconcile(path, &["queue", "purge", "sync.cms", "--yes", "--format=json"]));
    assert_eq!((&said["dropped"], &said["taken"]), (&3.into(), &1.into()));
    let list = json(reconcile(path, &["queue", "list", "--format", "json"]));
    assert_eq!(list["queues"][0]["ready"], 0);
    assert_eq!(list["queues"][0]["unacknowledged"], 1);
    let said = reconcile(path, &["queue", "purge", "snyc.cms", "--yes"]).ends_with(1);
    assert!(said.err.contains("did you mean sync.cms?"), "{}", said.err);
}

#[tokio::test]
async fn keys_are_printed_as_they_are_stored() {
    let folder = embedded();
    let path = folder.path();
    let mut storage = store::open_storage(&config(path), Environment::Prod, None).await.unwrap();
    let value = "{\"b\":1, \"a\":\"\u{e9}\"}";
    storage.apply(&[write("", "kv:cms_block:de:home", value)]).await.unwrap();
    for key in ["kv:cms_block:de:home", "cms_block:de:home"] {
        assert_eq!(reconcile(path, &["get", key]).ends_with(0).out, format!("{value}\n"));
    }
    let told = json(reconcile(path, &["get", "cms_block:de:home", "--format", "json"]));
    assert_eq!((&told["key"], &told["version"]), (&"kv:cms_block:de:home".into(), &7.into()));
    assert_eq!(told["value"]["a"], "\u{e9}");
    let said = reconcile(path, &["get", "cms_block:de:hoome"]).ends_with(1);
    assert!(said.err.contains("the storage of PROD has no key cms_block:de:hoome"), "{}", said.err);
    assert!(said.err.contains("keys like it are kv:cms_block:de:home"), "{}", said.err);
}

#[tokio::test]
async fn documents_are_found_and_indexes_suggested() {
    let folder = embedded();
    let path = folder.path();
    let mut search = store::open_search(&config(path), Environment::Prod, None).await.unwrap();
    let document = "{\"name\":\"Rote Schuhe\"}";
    search.apply(&[write("de_page", "page:de:1", document)]).await.unwrap();
    let said = reconcile(path, &["search", "de_page", "schuhe", "ro"]).ends_with(0);
    assert_eq!(said.out, format!("page:de:1\n  {document}\n"));
    let told = json(reconcile(path, &["search", "de_page", "\"", "--format", "json"]));
    assert_eq!(told["hits"], Json::Array(Vec::new()));
    let told = json(reconcile(path, &["search", "de_page", "rote", "--format", "json"]));
    assert_eq!(told["hits"][0]["document"]["name"], "Rote Schuhe");
    let said = reconcile(path, &["search", "de_pgae", "rote"]).ends_with(1);
    assert!(said.err.contains("has no index de_pgae"), "{}", said.err);
    assert!(said.err.contains("did you mean de_page?"), "{}", said.err);
}

#[test]
fn an_environment_without_read_stores_says_what_to_add() {
    let folder = folder("");
    for arguments in [&["queue", "list"][..], &["get", "k"], &["search", "i", "w"]] {
        let said = reconcile(folder.path(), arguments).ends_with(1);
        assert!(said.err.contains("not configured: "), "{}", said.err);
        assert!(said.err.contains("under `environments.PROD`"), "{}", said.err);
        let arguments = [arguments, &["--environment", "test"]].concat();
        let said = reconcile(folder.path(), &arguments).ends_with(1);
        assert!(said.err.contains("under `environments.TEST`"), "{}", said.err);
    }
}

#[test]
fn a_store_of_the_shop_may_have_its_own() {
    let queue = "queue: {DE: embedded, AT: 'kafka://user:secret@host'}";
    let folder = folder(&format!(", publish: {{{queue}, storage: 'rebis://u:secret@h'}}"));
    let path = folder.path();
    for (arguments, told) in [
        (&["queue", "dump", "q"][..], "PROD has a queue for each store of the shop (AT, DE)"),
        (&["queue", "dump", "q", "--store", "D"], "no queue for the store D"),
        (
            &["queue", "list", "--store", "AT"],
            "`kafka://…` is not supported; `embedded`, `amqp://…` and",
        ),
        (&["queue", "dump", "q", "--store", "DE"], "PROD has no queue q"),
        (&["get", "k"], "`rebis://…` is not supported; `embedded`, `redis://…`"),
    ] {
        let said = reconcile(path, arguments).ends_with(1);
        assert!(said.err.contains(told) && !said.err.contains("secret"), "{}", said.err);
    }
}

#[tokio::test]
async fn doctor_tells_of_messages_that_failed() {
    let folder = embedded();
    let line = |part: &str| {
        let said = reconcile(folder.path(), &["doctor"]);
        let found = said.out.lines().find(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("no {part:?} in {}", said.out)).to_owned()
    };
    assert!(line("PROD queue").ends_with("state/PROD/queue.db is made when it is needed"));
    let mut broker = open_queue(folder.path()).await;
    broker.declare("sync").await.unwrap();
    broker.send("sync", &["{}".into(), "{}".into()]).await.unwrap();
    let told = line("PROD queue");
    assert!(told.starts_with("ok ") && told.ends_with("1 queue, 2 messages waiting, 0 failed"));
    broker.fail("sync", "{}", None, "why").await.unwrap();
    assert!(line("PROD queue").starts_with("warning "), "{}", line("PROD queue"));
    assert!(line("reconcile queue replay").contains("queue dump sync.error --environment PROD"));
    fs::write(folder.path().join("state/PROD/search.db"), "no database, but a text").unwrap();
    assert!(line("PROD search").starts_with("broken "), "{}", line("PROD search"));
}
