//! The daemon's pages: jobs, messages of every outcome, images of both sides.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::chromium::{Browser, Look};
use super::disk::PNG;
use crate::http::world::{FAR_AWAY, HTTP, JO, KIM, MAIL, MANIFESTS, World};
use crate::process::LIMIT;

#[tokio::test]
async fn failures_say_why_and_viewers_have_no_buttons() {
    let Some(browser) = Browser::open().await else { return };
    let world = World::new(&format!("{MANIFESTS}{MAIL}{HTTP}")).await;
    world.job("  notify: [jo@shop.example]\n");
    world.approve();
    // What was approved isn't what is there any more.
    world.test.run("UPDATE page SET title = 'Later' WHERE id = 2;").await;
    let daemon = world.start();
    let address = daemon.address().await;
    world.message("Stale").await;
    sign_in(&browser, &format!("http://{address}/messages"), KIM).await;
    browser.press("Stale: Synchronization process (spring)").await;
    browser.sees("records were changed after they were approved").await;
    browser.keeps("pages-1-stale").await;
    browser.look(Look::Phone).await;
    browser.keeps("pages-2-stale-phone").await;
    browser.look(Look::Dark).await;
    browser.goto(&format!("http://{address}/jobs/spring")).await;
    browser.sees("You may view this, not schedule it.").await;
    browser.does_not_see("Schedule synchronization").await;
    browser.keeps("pages-3-viewer").await;
    browser.goto(&format!("http://{address}/")).await;
    browser.keeps("pages-4-jobs").await;
    browser.press("Sign out").await;
    // Where manifests lie in a directory, the page says what to do instead.
    world.job(FAR_AWAY);
    world.approve();
    world.message("Synchronization process").await;
    sign_in(&browser, &format!("http://{address}/jobs/spring"), JO).await;
    browser.sees("The manifests lie in a directory and not in git").await;
    browser.sees("Cancel this run").await;
    browser.keeps("pages-5-directory").await;
    browser.close().await;
    daemon.ends().await;
}

#[tokio::test]
async fn images_of_both_sides_are_served() {
    let Some(browser) = Browser::open().await else { return };
    let world = World::new(&format!("{MANIFESTS}{HTTP}")).await;
    let file = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    let root = world.folder.path().display();
    let of =
        |side: &str, name: &str| format!("{side}: {{gallery: \"file://{root}/{name}\", database:");
    let file = file.replace("PROD: {database:", &of("PROD", "on-prod"));
    let file = file.replace("TEST: {database:", &of("TEST", "on-test"));
    fs::write(world.path("reconcile.yaml"), file).unwrap();
    for (side, more) in [("on-prod", ""), ("on-test", "more")] {
        fs::create_dir_all(world.path(side).join("spring")).unwrap();
        let png = [&BASE64.decode(PNG).unwrap(), more.as_bytes()].concat();
        fs::write(world.path(side).join("spring/banner.png"), png).unwrap();
    }
    world.job("  galleryFolders: [spring]\n");
    let daemon = world.start();
    let address = daemon.address().await;
    daemon.says("spring: AwaitingApproval").await;
    sign_in(&browser, &format!("http://{address}/jobs/spring"), KIM).await;
    browser.press("Modified records").await;
    browser.press("Details").await;
    let loaded = "const all = [...document.images]; all.forEach(it => it.loading = 'eager');
         return all.filter(it => it.complete && it.naturalWidth === 1).map(it => it.src.split('?')[1])";
    let both =
        json!(["side=target&path=spring%2Fbanner%2Epng", "side=source&path=spring%2Fbanner%2Epng"]);
    let begun = std::time::Instant::now();
    while browser.js(loaded, &[]).await != both {
        assert!(begun.elapsed() < LIMIT, "{}", browser.js(loaded, &[]).await);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    browser.keeps("pages-6-images").await;
    browser.close().await;
    daemon.ends().await;
}

async fn sign_in(browser: &Browser, address: &str, token: &str) {
    browser.goto(address).await;
    browser.write("#token", token).await;
    browser.press("Sign in").await;
    browser.sees("Sign out").await;
}
