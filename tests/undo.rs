//! `reconcile undo RUN`: written, reviewed, applied, and what it leaves alone.

use std::fs;

use crate::shop::{Shop, change, reconcile, rows};

/// PROD without the run, but with the rest of the demo's story.
async fn prod_before() -> std::collections::BTreeMap<String, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop");
    let manifests = reconcile::demo::Manifests::FromFolder;
    let shop = reconcile::demo::Shop::make(&path, manifests).await.unwrap();
    shop.sell().await.unwrap();
    reconcile(&path, &["publish:trigger-events", "-r", "availability"]).ends_with(0);
    rows(&path.join("prod.db")).await
}

#[tokio::test]
async fn a_run_and_its_undo_leave_prod_as_it_was() {
    let shop = Shop::after_the_demo();
    assert_ne!(rows(&shop.prod()).await, prod_before().await);
    let said = shop.reconcile(&["undo", &shop.run]).ends_with(0);
    assert!(said.out.contains("26 records approved"), "{}", said.out);
    assert!(!said.out.contains("would be lost"), "{}", said.out);
    let name = format!("undo-{}", shop.run);
    let file = shop.path().join(format!("manifests/jobs/{name}.yaml"));
    assert!(fs::read_to_string(&file).unwrap().contains(&format!("undo: \"{}\"", shop.run)));
    shop.reconcile(&["validate", "--connect"]).ends_with(0);
    let said = shop.reconcile(&[&name]).ends_with(0);
    assert!(said.out.contains("Success: run "), "{}", said.out);
    pretty(&rows(&shop.prod()).await, &prod_before().await);
    shop.reconcile(&["verify"]).ends_with(0);
    let said = shop.reconcile(&["search", "page", "refill"]).ends_with(0);
    assert_eq!(said.out, "nothing in page holds refill\n");

    // Twice is refused while the job is there, and finds nothing once it is gone.
    let said = shop.reconcile(&["undo", &shop.run]).ends_with(1);
    assert!(said.err.contains("is there already"), "{}", said.err);
    let said = shop.reconcile(&[&name]).ends_with(0);
    assert!(said.out.contains("Succeeded on "), "{}", said.out);
    fs::remove_file(&file).unwrap();
    let said = shop.reconcile(&["undo", &shop.run]).ends_with(0);
    assert!(said.out.contains("Nothing to undo"), "{}", said.out);
    assert!(!file.exists());
    // The undone request doesn't arm itself again.
    let said = shop.reconcile(&["spring-campaign"]).ends_with(0);
    assert!(said.out.contains("Succeeded on "), "{}", said.out);
    pretty(&rows(&shop.prod()).await, &prod_before().await);
}

#[tokio::test]
async fn records_changed_since_are_left_alone() {
    let shop = Shop::after_the_demo();
    change(&shop.prod(), "UPDATE product SET name = 'Lip balm, renamed' WHERE id = 104").await;
    let said = shop.reconcile(&["undo", &shop.run]).ends_with(0);
    assert!(said.out.contains("changed-since"), "{}", said.out);
    assert!(said.out.contains("25 records approved"), "{}", said.out);
    shop.reconcile(&[&format!("undo-{}", shop.run)]).ends_with(0);
    let product = rows(&shop.prod()).await["product"].clone();
    let balm = product.iter().find(|row| row.starts_with("104,")).unwrap();
    assert!(balm.contains("Lip balm, renamed") && balm.contains("Beskids"), "{balm}");
    let cream = product.iter().find(|row| row.starts_with("106,")).unwrap();
    assert!(cream.contains(", 1, 12,"), "active again: {cream}");
}

#[tokio::test]
async fn what_needs_a_changed_record_is_left_out() {
    let shop = Shop::after_the_demo();
    // The new category's deletion needs the product to go, which can't.
    change(&shop.prod(), "UPDATE product SET name = 'Spring Glow, renamed' WHERE id = 108").await;
    let said = shop.reconcile(&["undo", &shop.run]).ends_with(0);
    assert!(said.out.contains("changed-since"), "{}", said.out);
    let said = shop.reconcile(&[&format!("undo-{}", shop.run)]).ends_with(0);
    assert!(said.out.contains("Success: run "), "{}", said.out);
    let prod = rows(&shop.prod()).await;
    assert!(prod["category"].iter().any(|row| row.contains("'serums'")));
    assert!(!prod["cms_page"].iter().any(|row| row.contains("'spring-routine'")));
}

#[tokio::test]
async fn a_record_whose_rows_no_module_holds_any_more_is_not_restored_in_part() {
    let shop = Shop::after_the_demo();
    let before = rows(&shop.prod()).await;
    let file = shop.path().join("manifests/modules/cms-pages.yaml");
    let module = fs::read_to_string(&file).unwrap();
    let line = "        - {table: cms_page_block, identity: [position], republish: [cms_block]}\n";
    assert!(module.contains(line));
    fs::write(&file, module.replace(line, "")).unwrap();
    let said = shop.reconcile(&["undo", &shop.run]).ends_with(0);
    assert!(said.out.contains("the run wrote rows of cms_page_block"), "{}", said.out);
    let job = shop.path().join(format!("manifests/jobs/undo-{}.yaml", shop.run));
    assert!(!fs::read_to_string(job).unwrap().contains("cms_page"));
    shop.reconcile(&[&format!("undo-{}", shop.run)]);
    assert_eq!(rows(&shop.prod()).await["cms_page"], before["cms_page"]);
    assert_eq!(rows(&shop.prod()).await["cms_page_block"], before["cms_page_block"]);
}

#[test]
fn runs_that_nobody_made_are_named() {
    let shop = Shop::after_the_demo();
    let said = shop.reconcile(&["undo", "20200101-000000-abcdef"]).ends_with(1);
    assert!(said.err.contains("no run 20200101-000000-abcdef"), "{}", said.err);
    let said = shop.reconcile(&["undo", "../../etc"]).ends_with(64);
    assert!(said.err.contains("can't be the name of a run"), "{}", said.err);
}

#[track_caller]
fn pretty(
    now: &std::collections::BTreeMap<String, Vec<String>>,
    before: &std::collections::BTreeMap<String, Vec<String>>,
) {
    for (table, rows) in before {
        assert_eq!(&now[table], rows, "{table}");
    }
    assert_eq!(now.len(), before.len());
}
