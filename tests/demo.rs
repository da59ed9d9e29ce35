//! `reconcile demo`, as someone runs it who has just built it.

use std::fs;

use crate::shop::{reconcile, rows};

const SUMMARY: &str = "Plan: 0 new, 0 modified, 0 deleted, 0 conflict, 54 unchanged";

#[test]
fn it_ends_with_nothing_left_and_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let said = reconcile(folder.path(), &["demo"]).ends_with(0);
        assert!(said.out.contains("Success: run "), "{}", said.out);
        let (_, end) = said.out.split_once("[7/7]").unwrap();
        assert!(end.contains(SUMMARY), "{end}");
        assert!(end.contains("demo --keep"), "{end}");
        published(&said.out);
        assert_eq!(said.err, "");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

/// What the story shows of publishing, in its order.
fn published(story: &str) {
    let mut left = story;
    for part in [
        "nothing in page holds refill\n",
        "Success: run ",
        "published anew as soon as it was committed, and nothing else: 6 pages with their blocks, and 4 products;",
        "cms_page:refills\n  {",
        " keys compared: 0 missing, 0 outdated, 0 orphaned\n",
        "$ reconcile publish:trigger-events -r availability -i 1,2\n",
        "read 2, changed 1, unchanged 1, deleted 0, sent 1, written 1, outdated 0, failed 0\n",
        "\"quantity\":86",
    ] {
        let found = left.replace('\n', " ").find(&part.replace('\n', " "));
        left = &left[found.unwrap_or_else(|| panic!("no {part:?} in:\n{left}"))..];
    }
}

#[test]
fn kept_it_can_be_played_with_and_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("demo");
    for arguments in [&["demo", "--keep"][..], &["demo", "--keep"], &["demo"]] {
        let said = reconcile(folder.path(), arguments).ends_with(0);
        assert!(said.out.contains("The shop stays in demo."), "{}", said.out);
        let plan = reconcile(&shop, &["plan", "spring-campaign"]).ends_with(0);
        assert!(plan.out.ends_with(&format!("{SUMMARY}\n")), "{}", plan.out);
        reconcile(&shop, &["validate", "--connect"]).ends_with(0);
        fs::write(shop.join("manifests/jobs/spring-campaign.yaml"), "played with").unwrap();
    }
}

#[test]
fn only_shops_of_its_own_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("demo/thesis.txt");
    fs::create_dir(folder.path().join("demo")).unwrap();
    fs::write(&precious, "years of work").unwrap();
    let said = reconcile(folder.path(), &["demo"]).ends_with(1);
    assert!(said.err.contains("isn't a demo shop"), "{}", said.err);
    assert!(said.err.contains("name another directory"), "{}", said.err);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "years of work");
    reconcile(folder.path(), &["demo", "elsewhere"]).ends_with(0);
    assert!(!folder.path().join("elsewhere").exists());
}

#[tokio::test]
async fn what_is_never_synchronized_stays_as_it_is() {
    let shop = crate::shop::Shop::after_the_demo();
    let prod = rows(&shop.prod()).await;
    let ids = |table: &str| -> Vec<&str> {
        prod[table].iter().map(|row| row.split(',').next().unwrap()).collect()
    };
    assert_eq!(ids("order"), ["5001", "5002", "5003", "5004"]);
    assert_eq!(ids("customer"), ["1", "2", "3"]);
    assert_eq!(ids("promo_code"), ["1"]);
    assert!(prod["order"].iter().any(|row| row.contains("99.8")), "PROD's own order 5003");
    assert!(prod["system_config"].iter().all(|row| !row.contains("test.shop.example")));
    let pages: Vec<_> = prod["cms_page"].iter().filter(|row| row.contains("christmas")).collect();
    assert_eq!(pages.len(), 1, "PROD's page 41 stays beside TEST's");
}

#[test]
fn the_shops_files_say_nothing_of_this_machine() {
    let shop = crate::shop::Shop::after_the_demo();
    let here = env!("CARGO_MANIFEST_DIR");
    for entry in walk(shop.path()) {
        let text = String::from_utf8_lossy(&fs::read(&entry).unwrap()).into_owned();
        assert!(!text.contains(here), "{} names {here}", entry.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}
