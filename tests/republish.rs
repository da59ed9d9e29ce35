//! Jobs that publish again, with the real binary: once for each request, and told of like any job.

use std::fs;
use std::path::Path;

use crate::places::Place;
use crate::shop::{Said, reconcile};

/// Pages with a storage and a search table.
pub const RESOURCE: &str = "apiVersion: reconcile/v1
kind: Resource
metadata: {name: page}
spec:
  entity: {table: page}
  document: {columns: [title]}
  storage: {table: page_storage, queue: sync.page, key: {resource: page, suffix: id}}
  search: {table: page_search, queue: sync.page.search, type: page, key: {resource: page, suffix: id}, fields: {title: title}}
";

fn job(path: &Path, name: &str, spec: &str) {
    let heading =
        format!("apiVersion: reconcile/v1\nkind: RepublishJob\nmetadata: {{name: {name}}}");
    let text = format!("{heading}\nspec: {{{spec}}}\n");
    fs::write(path.join(format!("manifests/{name}.yaml")), text).unwrap();
}

fn folder(place: &Place) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("manifests")).unwrap();
    fs::write(path.join("manifests/page.yaml"), RESOURCE).unwrap();
    fs::write(path.join("test.db"), "").unwrap();
    let text = format!(
        "instance: PROD\nmanifests: ./manifests\nstateDirectory: ./state\nenvironments:\n  PROD: \
         {{database: '{}', publish: {{queue: embedded, storage: embedded, search: embedded}}}}\n  \
         TEST: {{database: 'sqlite://test.db'}}\ntables: {{allow: [page*]}}\n",
        place.url
    );
    fs::write(path.join("reconcile.yaml"), text).unwrap();
    folder
}

fn status(path: &Path, name: &str) -> String {
    reconcile(path, &["status", name]).ends_with(0).out
}

#[track_caller]
fn stored(path: &Path, page: u64, title: &str) {
    let said = reconcile(path, &["get", &format!("page:{page}")]).ends_with(0);
    assert!(said.out.contains(&format!("\"title\":\"{title}\"")), "{}", said.out);
}

fn pass(path: &Path, name: &str) -> Said {
    reconcile(path, &[name])
}

#[tokio::test]
async fn a_job_publishes_once_for_each_request() {
    let place =
        Place::sqlite("CREATE TABLE page (id INTEGER PRIMARY KEY, title VARCHAR(40) NOT NULL);")
            .await;
    let folder = folder(&place);
    let path = folder.path();
    reconcile(path, &["publish:trigger-events", "--create-tables"]).ends_with(0);
    place.run("INSERT INTO page VALUES (1, 'Red'), (2, 'Blue')").await;
    job(path, "night", "action: trigger-events, resources: [page]");

    let said = reconcile(path, &["--dry-run", "night"]).ends_with(0);
    assert!(said.out.contains("trigger-events of page"), "{}", said.out);
    reconcile(path, &["get", "page:1"]).ends_with(1);
    let said = pass(path, "night").ends_with(0);
    assert!(said.out.contains("2 read, 4 changed, 4 sent, 4 written"), "{}", said.out);
    stored(path, 1, "Red");
    let said = reconcile(path, &["search", "page", "blue"]).ends_with(0);
    assert!(said.out.starts_with("page:2\n"), "{}", said.out);
    assert!(status(path, "night").starts_with("night: Succeeded\n"), "{}", status(path, "night"));

    place.run("UPDATE page SET title = 'Green' WHERE id = 1").await;
    pass(path, "night").ends_with(0);
    stored(path, 1, "Red");
    job(path, "night", "action: trigger-events, resources: all, request: 2");
    pass(path, "night").ends_with(0);
    stored(path, 1, "Green");

    for name in ["storage.db", "storage.db-wal", "storage.db-shm"] {
        let _ = fs::remove_file(path.join("state/PROD").join(name));
    }
    job(path, "again", "action: sync-data, resources: [page], ids: [2]");
    let said = pass(path, "again").ends_with(0);
    assert!(said.out.contains("2 read, 0 changed, 2 sent"), "{}", said.out);
    stored(path, 2, "Blue");
    reconcile(path, &["get", "page:1"]).ends_with(1);
    place.remove().await;
}

#[tokio::test]
async fn a_job_that_cannot_publish_ends_failed_and_says_why() {
    let script = "CREATE TABLE page (id INTEGER PRIMARY KEY, title VARCHAR(40) NOT NULL);";
    let place = Place::sqlite(script).await;
    let folder = folder(&place);
    let path = folder.path();
    job(path, "night", "action: trigger-events, resources: [page]");
    let said = pass(path, "night").ends_with(1);
    let why = "resource page: there is no table page_";
    assert!(said.out.contains(why), "{}\n{}", said.out, said.err);
    let told = status(path, "night");
    assert!(told.starts_with("night: Failed\n") && told.contains(why), "{told}");
    reconcile(path, &["publish:trigger-events", "--create-tables"]).ends_with(0);
    // The request is over, whatever was mended since.
    pass(path, "night").ends_with(1);
    job(path, "night", "action: trigger-events, resources: [page], request: 2");
    pass(path, "night").ends_with(0);
    assert!(status(path, "night").starts_with("night: Succeeded\n"));
    place.remove().await;
}
