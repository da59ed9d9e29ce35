//! Whole runs into a bucket: from the plan to the objects, and what interrupts them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hyper::Method;
use reconcile::config::GalleryPlace;
use reconcile::gallery::bucket::wire::Ask;

use super::server::{bucket, config_of, wire};
use crate::shop::{Said, change, reconcile, run};

const MODULE: &str = "apiVersion: reconcile/v1
kind: Module
metadata: {name: pages}
spec:
  records:
    - {table: page, identity: [slug], label: slug, files: [hero]}
---
apiVersion: reconcile/v1
kind: SyncJob
metadata: {name: spring}
spec: {direction: TEST -> PROD, mode: all, modules: [pages], galleryFolders: [spring]}
";

const TEST: [(&str, &str); 3] =
    [("spring/new.png", "new"), ("spring/deep/changed.png", "after"), ("spring/same.png", "same")];
const PROD: [(&str, &str); 3] = [
    ("spring/deep/changed.png", "before"),
    ("spring/gone.png", "gone"),
    ("spring/same.png", "same"),
];
const KEYS: [&str; 4] =
    ["spring/new.png", "spring/deep/changed.png", "spring/gone.png", "spring/same.png"];

/// TEST in a directory, PROD in a bucket.
struct World {
    folder: tempfile::TempDir,
    bucket: String,
}

impl World {
    async fn new() -> Option<Self> {
        let world = Self { folder: tempfile::tempdir().unwrap(), bucket: bucket().await? };
        for (path, text) in TEST {
            let path = world.folder.path().join("media").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        for (key, text) in PROD {
            let ask = Ask::new(Method::PUT, key).body(text.into());
            wire(&world.bucket).ask(&ask, &[]).await.unwrap();
        }
        for side in ["prod", "test"] {
            let path = world.folder.path().join(format!("{side}.db"));
            fs::File::create(&path).unwrap();
            let table =
                "CREATE TABLE page (id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, hero TEXT)";
            change(&path, table).await;
        }
        change(
            &world.folder.path().join("test.db"),
            "INSERT INTO page VALUES (1, 'a', 'spring/new.png')",
        )
        .await;
        fs::create_dir_all(world.folder.path().join("manifests")).unwrap();
        fs::write(world.folder.path().join("reconcile.yaml"), operator(&world.bucket)).unwrap();
        fs::write(world.folder.path().join("manifests/pages.yaml"), MODULE).unwrap();
        let all = ["--new", "all,gallery/*", "--modified", "gallery/*", "--deleted", "gallery/*"];
        world.reconcile(&[&["approve", "spring"], &all[..]].concat()).ends_with(0);
        Some(world)
    }

    fn reconcile(&self, arguments: &[&str]) -> Said {
        reconcile(self.path(), arguments)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn files(&self) -> BTreeMap<&'static str, String> {
        let mut files = BTreeMap::new();
        for key in KEYS {
            let reply = wire(&self.bucket).ask(&Ask::new(Method::GET, key), &[404]).await.unwrap();
            if reply.is_success() {
                files.insert(key, String::from_utf8(reply.body.to_vec()).unwrap());
            }
        }
        files
    }

    /// What the tool keeps in the bucket.
    async fn kept(&self) -> String {
        let ask = Ask::new(Method::GET, "").query("list-type", "2").query("prefix", ".reconcile/");
        let reply = wire(&self.bucket).ask(&ask, &[]).await.unwrap();
        String::from_utf8(reply.body.to_vec()).unwrap()
    }

    async fn pages(&self) -> usize {
        let rows = crate::shop::rows(&self.path().join("prod.db")).await;
        rows.get("page").map_or(0, Vec::len)
    }
}

fn operator(bucket: &str) -> String {
    let GalleryPlace::Bucket(of) = config_of(bucket, "") else { panic!() };
    let keys = of.credentials.unwrap();
    format!(
        "instance: PROD\nmanifests: manifests\ntables: {{allow: [page]}}\nenvironments:\n  PROD:\n    database: \
         'sqlite:prod.db'\n    gallery: {{url: 's3://{}', endpoint: '{}', accessKeyId: '{}', \
         secretAccessKey: '{}'}}\n  TEST: {{database: 'sqlite:test.db', gallery: 'file:media'}}\n",
        of.bucket,
        of.endpoint.unwrap(),
        keys.access_key_id.expose(),
        keys.secret_access_key.expose()
    )
}

fn texts(of: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
    of.iter().map(|(path, text)| (*path, (*text).to_owned())).collect()
}

#[tokio::test]
async fn files_are_copied_into_a_bucket_and_taken_back() {
    let Some(world) = World::new().await else { return };
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("1 file new, 1 replaced, 1 deleted"), "{}", said.out);
    assert_eq!((world.files().await, world.pages().await), (texts(&TEST), 1));
    let kept = world.kept().await;
    assert!(kept.contains(".reconcile/trash/") && !kept.contains(".reconcile/stage/"), "{kept}");
    let run = said.out.split_once("Success: run ").unwrap().1.split(' ').next().unwrap().to_owned();
    world.reconcile(&["undo", &run]).ends_with(0);
    world.reconcile(&[&format!("undo-{run}")]).ends_with(0);
    assert_eq!((world.files().await, world.pages().await), (texts(&PROD), 0));
}

/// Ends the run before each of its writes to the bucket; the next pass brings it to its end.
#[tokio::test]
async fn a_kill_at_any_write_to_the_bucket_is_brought_to_its_end() {
    let mut kills = 0;
    for at in 1.. {
        let Some(world) = World::new().await else { return };
        let fault = format!("kill:{at}:bucket");
        let binary = env!("CARGO_BIN_EXE_reconcile");
        let variables = [("RECONCILE_TEST_EFFECT", fault.as_str())];
        let said = run(world.path(), binary, &["spring"], &variables);
        let files = world.files().await;
        for (key, text) in &files {
            let is_whole = |of: &[(&str, &str)]| of.contains(&(*key, text.as_str()));
            assert!(is_whole(&TEST) || is_whole(&PROD), "{at}: {key} holds {text}");
        }
        assert!(world.pages().await == 0 || files["spring/new.png"] == "new", "{at}");
        if said.code == 0 {
            break;
        }
        kills += 1;
        world.reconcile(&["spring"]).ends_with(0);
        world.reconcile(&["spring"]).ends_with(0);
        assert_eq!((world.files().await, world.pages().await), (texts(&TEST), 1), "{at}");
        let kept = world.kept().await;
        assert!(!kept.contains(".reconcile/stage/"), "{at}: {kept}");
    }
    assert!(kills > 8, "{kills}");
}
