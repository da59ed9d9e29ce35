//! The daemon's pages: jobs, messages of every outcome, images of both sides.

use super::chromium::{Browser, Look};
use crate::http::world::{FAR_AWAY, HTTP, JO, KIM, MAIL, MANIFESTS, World};

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
    browser.sees("you may view, not schedule").await;
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
    browser.sees("the manifests lie in a directory and not in git").await;
    browser.sees("Cancel this run").await;
    browser.keeps("pages-5-directory").await;
    browser.close().await;
    daemon.ends().await;
}

async fn sign_in(browser: &Browser, address: &str, token: &str) {
    browser.goto(address).await;
    browser.write("#token", token).await;
    browser.press("Sign in").await;
    browser.sees("Sign out").await;
}
