//! The whole story in one browser: review, schedule, merge, cancel; schedule again, merge, Success.

use std::path::Path;

use reconcile::demo::{Manifests, Shop};
use serde_json::json;

use super::chromium::Browser;
use crate::process::{Daemon, Start};
use crate::shop;

#[tokio::test]
async fn from_the_review_to_the_record_on_prod() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::make(folder.path(), Manifests::FromGit).await.unwrap();
    let pages = shop.pages.clone().unwrap();
    let daemon = Daemon::start(folder.path(), &Start::default(), "daemon.log");
    daemon.says("http: listening on ").await;
    browser.goto(&format!("{}/jobs/spring-campaign", pages.url)).await;
    browser.sees("Sign in").await;
    browser.keeps("story-1-sign-in").await;
    browser.write("#token", &pages.token).await;
    browser.press("Sign in").await;
    reviewed(&browser).await;
    // Records with what they need, an answer to a conflict, a time, and a test import.
    browser.press("New records").await;
    browser.press("Spring preview").await;
    browser.press("Tick all 3").await;
    browser.press("Conflicts").await;
    browser.press("Replace PROD's record").await;
    browser.set("#date", "2999-12-01").await;
    browser.set("#time", "02:00").await;
    browser.write("#zone", "Europe/Warsaw").await;
    browser.press("Test import").await;
    browser.sees("2999-12-01 at 02:00 (Europe/Warsaw)").await;
    browser.keeps("story-2-review").await;
    browser.press("Schedule synchronization").await;
    browser.sees("reconcile/spring-campaign-").await;
    browser.keeps("story-3-scheduled").await;
    merge(&browser, folder.path()).await;
    browser.goto(&format!("{}/", pages.url)).await;
    until(&browser, "Scheduled").await;
    browser.keeps("story-4-jobs").await;
    // It stands among the messages, and is stopped there.
    browser.goto(&format!("{}/messages", pages.url)).await;
    until(&browser, "Synchronization process (spring-campaign)").await;
    browser.press("Synchronization process (spring-campaign)").await;
    browser.sees("Press HERE to cancel it").await;
    browser.sees("nothing of it will be saved").await;
    browser.keeps("story-5-message").await;
    browser.press("HERE").await;
    browser.sees("Cancel spring-campaign?").await;
    browser.keeps("story-6-cancel").await;
    browser.press("Cancel this run").await;
    browser.sees("spring-campaign is cancelled").await;
    // Again for good, as soon as it is merged.
    browser.goto(&format!("{}/jobs/spring-campaign", pages.url)).await;
    browser.sees("Cancelled").await;
    reviewed(&browser).await;
    browser.press("As soon as it is merged").await;
    let is_test = "return document.querySelector('#dry-run').checked";
    assert_eq!(browser.js(is_test, &[]).await, json!(true));
    browser.press("Test import").await;
    browser.sees("As soon as this is merged, ").await;
    browser.press("Schedule synchronization").await;
    browser.sees("reconcile/spring-campaign-").await;
    merge(&browser, folder.path()).await;
    browser.goto(&format!("{}/messages", pages.url)).await;
    until(&browser, "Success: Synchronization process (spring-campaign)").await;
    browser.press("Success: Synchronization process (spring-campaign)").await;
    browser.keeps("story-7-success").await;
    browser.press("Open this message alone").await;
    browser.sees("Result").await;
    browser.sees("testImport: false").await;
    browser.keeps("story-8-result").await;
    browser.press("The plan of spring-campaign").await;
    browser.sees("Succeeded").await;
    // What is done isn't offered again.
    browser.sees("New records 6").await;
    browser.sees("Conflicts 2").await;
    browser.sees("Nothing is ticked").await;
    browser.keeps("story-9-done").await;
    // What needed it goes on from there.
    browser.press("Modified records").await;
    browser.press("Home page").await;
    browser.sees("Needs media/15 spring/slide.jpg, which isn't ticked.").await;
    browser.press("Tick it too").await;
    browser.press("Schedule synchronization").await;
    browser.sees("reconcile/spring-campaign-").await;
    let rows = shop::rows(&folder.path().join("prod.db")).await;
    let has = |table: &str, what: &str| rows[table].iter().any(|row| row.contains(what));
    assert!(has("cms_page", "'spring-routine'") && has("banner", "'spring-preview'"));
    assert!(!has("cms_page", "'refills'"), "nobody ticked it");
    browser.close().await;
    daemon.ends().await;
}

/// The page has a plan to review.
async fn reviewed(browser: &Browser) {
    until(browser, "What you tick is copied from TEST to PROD.").await;
}

/// Loads the page anew until it says this.
async fn until(browser: &Browser, words: &str) {
    let begun = std::time::Instant::now();
    while !browser.words().await.contains(words) {
        assert!(begun.elapsed() < crate::process::LIMIT, "{words}:\n{}", browser.words().await);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        browser.js("location.reload()", &[]).await;
    }
}

/// As a pull request is merged: by a merge commit.
async fn merge(browser: &Browser, folder: &Path) {
    let words = browser.words().await;
    let (_, rest) = words.split_once("reconcile/spring-campaign-").unwrap();
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
    let branch = format!("reconcile/spring-campaign-{}", rest[..end].trim_end_matches('-'));
    let people = ["-c", "user.name=Jo", "-c", "user.email=jo@shop.example"];
    let repository = folder.join("manifests").display().to_string();
    let merge = ["merge", "--no-ff", "-m", "Merge the review", &branch];
    let said = shop::run(folder, "git", &[&["-C", &repository][..], &people, &merge].concat(), &[]);
    said.ends_with(0);
}
