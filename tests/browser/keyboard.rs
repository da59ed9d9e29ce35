//! The review with the keyboard alone.

use fantoccini::key::Key;
use serde_json::{Value as Json, json};

use super::chromium::Browser;
use super::disk::address;
use crate::shop::Shop;

const FOCUSED: &str = "const it = document.activeElement;
    return it.getAttribute('aria-label') || it.innerText || it.labels?.[0]?.innerText || it.id";

#[tokio::test]
async fn a_review_is_done_with_the_keyboard_alone() {
    let Some(browser) = Browser::open().await else { return };
    let shop = Shop::before_the_demo();
    shop.reconcile(&["plan", "spring-campaign", "--format", "html", "-o", "r.html"]).ends_with(0);
    browser.goto(&address(shop.path(), "r.html")).await;
    // To the tabs, and along them.
    reach(&browser, "Conflicts").await;
    browser.type_keys(&[Key::Right]).await;
    is_on(&browser, "New records").await;
    browser.type_keys(&[Key::End]).await;
    is_on(&browser, "Deleted records").await;
    browser.type_keys(&[Key::Home, Key::Right]).await;
    // A change is ticked, opened, and what it needs is ticked.
    reach(&browser, "Spring preview").await;
    browser.type_text(" ").await;
    browser.sees("Needs 3 others: ").await;
    reach(&browser, "Details of banner/4").await;
    browser.type_keys(&[Key::Enter]).await;
    browser.sees("banner/4 new row").await;
    reach(&browser, "Tick all 3").await;
    browser.type_keys(&[Key::Enter]).await;
    browser.sees("4 new").await;
    // The focus is where it was.
    is_on(&browser, "Spring preview").await;
    // To what comes out.
    reach(&browser, "What comes out").await;
    browser.type_keys(&[Key::Enter]).await;
    reach(&browser, "Test import").await;
    browser.type_text(" ").await;
    browser.sees("Test import").await;
    let outcome = browser.js("return document.querySelector('.outcome').innerText", &[]).await;
    assert!(outcome.as_str().unwrap().contains("nothing is saved"), "{outcome}");
    browser.keeps("review-13-keyboard").await;
    browser.close().await;
}

async fn is_on(browser: &Browser, words: &str) {
    let focused = browser.js(FOCUSED, &[]).await;
    assert!(focused.as_str().unwrap_or_default().starts_with(words), "{focused}, not {words}");
}

/// Goes on from here with the tabulator until the focus is on this; each stop shows where it is.
async fn reach(browser: &Browser, words: &str) {
    let mut passed: Vec<Json> = Vec::new();
    for _ in 0..120 {
        browser.type_keys(&[Key::Tab]).await;
        let focused = browser.js(FOCUSED, &[]).await;
        let shown = "const style = getComputedStyle(document.activeElement);
             // A date's field shows which part of it has the focus.
             return style.outlineStyle !== 'none' || ['date', 'time'].includes(document.activeElement.type)";
        assert_eq!(browser.js(shown, &[]).await, json!(true), "{focused} shows no focus");
        if focused.as_str().unwrap_or_default().starts_with(words) {
            return;
        }
        passed.push(focused);
    }
    panic!("the keyboard doesn't lead to {words}: {passed:?}");
}
