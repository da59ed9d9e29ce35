//! The review as a file: opened from the disk, without a server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};

use super::chromium::{Browser, Look};
use crate::places::Place;
use crate::shop::{Shop, reconcile, run};

const JOB: &str = "manifests/jobs/spring-campaign.yaml";

/// The browser is another account, which has to be able to read what it opens.
pub fn address(folder: &Path, page: &str) -> String {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.join(page), fs::Permissions::from_mode(0o644)).unwrap();
    format!("file://{}", folder.join(page).display())
}

/// The demo shop's review in a browser, and what `plan.json` says of it.
async fn open(browser: &Browser, shop: &Shop) -> Json {
    shop.reconcile(&["plan", "spring-campaign", "--format", "html", "-o", "r.html"]).ends_with(0);
    // The same is kept where the daemon keeps plans.
    let kept = fs::read_to_string(shop.path().join("state/plans/spring-campaign/plan.html"));
    assert!(kept.unwrap().contains("<h1>Changes review: spring-campaign</h1>"));
    browser.goto(&address(shop.path(), "r.html")).await;
    let plan = shop.reconcile(&["plan", "spring-campaign", "--format", "json"]).ends_with(0);
    serde_json::from_str(&plan.out).unwrap()
}

#[tokio::test]
async fn what_will_happen_is_said_and_every_change_opens() {
    let Some(browser) = Browser::open().await else { return };
    let shop = Shop::before_the_demo();
    let plan = open(&browser, &shop).await;
    browser
        .sees("What you tick is copied from TEST to PROD. PROD changes; TEST stays as it is.")
        .await;
    let tabs = [
        ("Conflicts", "conflict"),
        ("New records", "new"),
        ("Modified records", "modified"),
        ("Deleted records", "deleted"),
    ];
    for (at, (tab, class)) in tabs.iter().enumerate() {
        browser.press(tab).await;
        let number = plan["counts"][class].as_u64().unwrap();
        browser.sees(&format!("{tab} {number}")).await;
        let selected = "return document.querySelector('[role=tab][aria-selected=true]').innerText";
        assert!(browser.js(selected, &[]).await.as_str().unwrap().starts_with(tab));
        let rows = "return document.querySelectorAll('[role=tabpanel]:not([hidden]) .row').length";
        assert_eq!(browser.js(rows, &[]).await, json!(number), "{tab}");
        browser.keeps(&format!("review-{}-{class}", at + 1)).await;
    }
    // Fields side by side, lines of text, JSON by path, rows of a record, what it needs.
    browser.press("Modified records").await;
    let open_all = "document.querySelectorAll('[role=tabpanel]:not([hidden]) .open').forEach(it => it.click())";
    browser.js(open_all, &[]).await;
    let changes = plan["changes"].as_array().unwrap();
    let fields = changes
        .iter()
        .filter(|it| it["class"] == "modified")
        .flat_map(|it| it["fields"].as_array().unwrap());
    let words = browser.words().await;
    for field in fields {
        let column = field["column"].as_str().unwrap();
        assert!(words.contains(column), "{column}:\n{words}");
    }
    browser.sees("edited later on PROD").await;
    browser.keeps("review-5-opened").await;
    browser.look(Look::Dark).await;
    browser.keeps("review-6-dark").await;
    browser.look(Look::Phone).await;
    browser.keeps("review-7-phone").await;
    browser.press("Conflicts").await;
    browser.keeps("review-8-phone-conflicts").await;
    browser.close().await;
}

#[tokio::test]
async fn what_is_ticked_comes_out_as_lines_and_as_a_command_that_approve_it() {
    let Some(browser) = Browser::open().await else { return };
    let shop = Shop::before_the_demo();
    open(&browser, &shop).await;
    browser.press("New records").await;
    browser.press("Spring preview").await;
    browser.sees("Needs 3 others: ").await;
    browser.sees("This can't be done yet: something ticked needs what isn't ticked.").await;
    browser.keeps("review-9-dependencies").await;
    browser.press("Tick all 3").await;
    browser.sees("4 new").await;
    browser.press("Conflicts").await;
    browser.press("Replace PROD's record").await;
    browser.press("Deleted records").await;
    browser.press("Summer sale").await;
    browser.press("Tick it too").await;
    // Taking away what others need is told, with both ways out.
    browser.press("New records").await;
    browser.press("A routine for spring").await;
    browser.sees("Tick it again").await;
    browser.keeps("review-10-unticked").await;
    browser.press("Tick it again").await;
    browser.sees("As soon as this is merged, ").await;
    browser.keeps("review-11-ticked").await;
    let lines = text_of(&browser, "#yaml", "\"42@").await;
    let command = text_of(&browser, "#command", "cms_page/42").await;
    // The lines, put where the page says.
    let file = shop.path().join(JOB);
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{}\n{lines}\n", before.trim_end())).unwrap();
    shop.reconcile(&["validate"]).ends_with(0);
    let by_lines = shop.reconcile(&["--dry-run", "spring-campaign"]).ends_with(0);
    let named = approved(&shop);
    assert_eq!(named.len(), 7, "{named:?}\n{}", by_lines.out);
    // The command, in a shell.
    fs::write(&file, before).unwrap();
    let path = Path::new(env!("CARGO_BIN_EXE_reconcile")).parent().unwrap().display().to_string();
    let path = format!("{path}:{}", std::env::var("PATH").unwrap());
    let said = run(shop.path(), "sh", &["-c", &command], &[("PATH", &path)]);
    said.ends_with(0);
    assert_eq!(approved(&shop), named);
    browser.close().await;
}

#[tokio::test]
async fn select_all_takes_what_is_shown() {
    let Some(browser) = Browser::open().await else { return };
    let shop = Shop::before_the_demo();
    open(&browser, &shop).await;
    browser.press("New records").await;
    browser.write("#search-1", "media spring/").await;
    browser.sees("3 of 10 changes shown.").await;
    browser.press("Select all shown").await;
    browser.sees("On PROD: 3 new").await;
    // A module, of which nothing is searched for.
    browser.js("document.querySelector('#search-1').value = ''", &[]).await;
    browser.press("Unselect all shown").await;
    browser.js("const it = document.querySelector('#module-1'); it.value = [...it.options].find(it => it.text.startsWith('media')).value; it.dispatchEvent(new Event('change', { bubbles: true }))", &[]).await;
    browser.sees("4 of 10 changes shown.").await;
    browser.press("Select all shown").await;
    browser.sees("On PROD: 4 new").await;
    // A whole tab; what was edited on PROD later has to be ticked by itself.
    browser.press("Modified records").await;
    browser.press("Select all shown").await;
    browser.sees("10 modified").await;
    browser.sees("Left out: ").await;
    browser.keeps("review-16-select-all").await;
    // By name.
    browser.js("const it = document.querySelector('#order-2'); it.value = 'name'; it.dispatchEvent(new Event('change', { bubbles: true }))", &[]).await;
    let titles =
        "return [...document.querySelectorAll('#panel-2 .row .title')].map(it => it.innerText)";
    let titles = browser.js(titles, &[]).await;
    let titles: Vec<&str> = titles.as_array().unwrap().iter().filter_map(Json::as_str).collect();
    assert_eq!(
        (titles[0], titles.last().copied()),
        ("About Alder & Bloom", Some("Vitamin C serum"))
    );
    // What was ticked is still ticked after a reload, and everything is as approved after starting over.
    browser.js("location.reload()", &[]).await;
    browser.sees("4 new, 10 modified").await;
    browser.press("Start over").await;
    browser.sees("Nothing is ticked").await;
    // On paper there is nothing to press.
    browser.js("dispatchEvent(new Event('beforeprint'))", &[]).await;
    browser.look(Look::Print).await;
    browser.does_not_see("Select all shown").await;
    browser.sees("About Alder & Bloom").await;
    browser.keeps("review-17-print").await;
    browser.close().await;
}

/// What stands there, once it names what was ticked last: it follows a moment after the ticks.
async fn text_of(browser: &Browser, selector: &str, last: &str) -> String {
    let read = "const it = document.querySelector(arguments[0]); return it.value ?? it.innerText";
    let begun = std::time::Instant::now();
    loop {
        let text = browser.js(read, &[json!(selector)]).await;
        let text = text.as_str().unwrap().to_owned();
        if text.contains(last) {
            return text;
        }
        assert!(begun.elapsed() < crate::process::LIMIT, "no {last} in:\n{text}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// What the manifest approves, held against the databases.
fn approved(shop: &Shop) -> Vec<String> {
    let said = shop.reconcile(&["plan", "spring-campaign", "--format", "json"]).ends_with(0);
    let plan: Json = serde_json::from_str(&said.out).unwrap();
    let changes = plan["changes"].as_array().unwrap().iter();
    let approved = changes.filter(|it| it["approved"] == true);
    let word = |it: &Json, key: &str| it[key].as_str().unwrap().to_owned();
    approved.map(|it| format!("{}/{}", word(it, "table"), word(it, "id"))).collect()
}

/// A shop of pages called by `label`: `of` is what the operator's file says of each side beside its database, `more` the
/// rest of it, `job` what the job says beside its modules.
fn pages(
    sides: [&Place; 2],
    of: [&str; 2],
    label: &str,
    more: &str,
    job: &str,
) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let ([prod, test], [of_prod, of_test]) = (sides.map(|side| &side.url), of);
    let text = format!(
        "instance: PROD\nmanifests: m\nenvironments:\n  PROD: {{database: \"{prod}\"{of_prod}}}\n  TEST: \
         {{database: \"{test}\"{of_test}}}\n{more}"
    );
    fs::write(folder.path().join("reconcile.yaml"), text).unwrap();
    fs::create_dir(folder.path().join("m")).unwrap();
    let manifests = format!(
        "apiVersion: reconcile/v1\nkind: Module\nmetadata: {{name: pages}}\nspec:\n  title: Pages\n  \
         records: [{{table: page, identity: [slug], label: {label}}}]\n---\napiVersion: reconcile/v1\nkind: \
         SyncJob\nmetadata: {{name: spring}}\nspec:\n  direction: TEST -> PROD\n  mode: all\n  modules: \
         [pages]\n{job}"
    );
    fs::write(folder.path().join("m/all.yaml"), manifests).unwrap();
    folder
}

/// A picture of one point.
pub const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==";

#[tokio::test]
async fn text_by_line_json_by_path_and_images_of_both_sides() {
    let Some(browser) = Browser::open().await else { return };
    let table = "CREATE TABLE page (id bigint PRIMARY KEY, slug varchar(90) NOT NULL UNIQUE, body text, \
                 settings json, email varchar(90));";
    let (prod, test) = (Place::sqlite(table).await, Place::sqlite(table).await);
    let row = |line: &str, settings: &str, email: &str| {
        let lines: Vec<String> = (1..=20).map(|it| format!("<p>Paragraph {it}</p>")).collect();
        let body = lines.join("\n").replace("Paragraph 10", line);
        format!("INSERT INTO page VALUES (1, 'a', '{body}', '{settings}', '{email}');")
    };
    prod.run(&row("Old words", r#"{"a": {"b": [1, 2]}, "gone": true}"#, "old@shop.example")).await;
    test.run(&row("New words", r#"{"a": {"b": [1, 3]}, "come": "in"}"#, "new@shop.example")).await;
    let galleries = [", gallery: \"file:on-prod\"", ", gallery: \"file:on-test\""];
    let more =
        "pinKey: not-to-be-guessed-at-all-0001\ntables: {allow: [page], redact: [\"*.email\"]}\n";
    let folder = pages([&prod, &test], galleries, "slug", more, "  galleryFolders: [spring]\n");
    let png = BASE64.decode(PNG).unwrap();
    for (side, more) in [("on-prod", ""), ("on-test", "more")] {
        let at = folder.path().join(side).join("spring");
        fs::create_dir_all(&at).unwrap();
        fs::write(at.join("banner.png"), [&png, more.as_bytes()].concat()).unwrap();
    }
    reconcile(folder.path(), &["plan", "spring", "--format", "html", "-o", "r.html"]).ends_with(0);
    browser.goto(&address(folder.path(), "r.html")).await;
    browser.sees("Modified records 2").await;
    let open_all =
        "document.querySelectorAll('.open').forEach(it => it.checkVisibility() && it.click())";
    browser.js(open_all, &[]).await;
    for words in [
        "<p>Old words</p>",
        "<p>New words</p>",
        "7 unchanged lines",
        "a.b[1]",
        "gone",
        "come",
        "(redacted)",
    ] {
        browser.sees(words).await;
    }
    browser.does_not_see("old@shop.example").await;
    let loaded = "const all = [...document.images]; all.forEach(it => it.loading = 'eager');
         return all.filter(it => it.complete && it.naturalWidth === 1).map(it => it.alt)";
    let begun = std::time::Instant::now();
    let both = json!(["banner.png on PROD now", "banner.png from TEST"]);
    while browser.js(loaded, &[]).await != both {
        assert!(begun.elapsed() < crate::process::LIMIT, "{}", browser.js(loaded, &[]).await);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    browser.keeps("review-14-values").await;
    browser.look(Look::Phone).await;
    browser.keeps("review-15-values-phone").await;
    browser.close().await;
}

#[tokio::test]
async fn nothing_in_data_acts() {
    let Some(browser) = Browser::open().await else { return };
    let table = "CREATE TABLE page (id varchar(90) PRIMARY KEY, slug varchar(90) NOT NULL UNIQUE, \
                 title varchar(500) NOT NULL);";
    let (prod, test) = (Place::sqlite(table).await, Place::sqlite(table).await);
    let evil = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>";
    test.run(&format!(
        "INSERT INTO page VALUES ('1', 'a', '{evil}'), ('{evil}', '<!--<script>', '\u{202e}evil'), \
         ('c', '<svg onload=window.hacked=1>', 'javascript:window.hacked=1');"
    ))
    .await;
    prod.run(&format!("INSERT INTO page VALUES ('1', 'a', 'before {evil}');")).await;
    let folder = pages([&prod, &test], ["", ""], "title", "tables: {allow: [page]}\n", "");
    let said = reconcile(folder.path(), &["plan", "spring", "--format", "html"]).ends_with(0);
    // What nobody would see stands nowhere in the file either.
    assert!(!said.out.contains('\u{202e}'));
    fs::write(folder.path().join("r.html"), said.out).unwrap();
    browser.goto(&address(folder.path(), "r.html")).await;
    for tab in ["New records", "Modified records"] {
        browser.press(tab).await;
        browser.js("document.querySelectorAll('.open').forEach(it => it.checkVisibility() && it.click())", &[]).await;
        browser.sees(evil).await;
    }
    browser.press("New records").await;
    browser.press("Select all shown").await;
    browser.sees("2 new").await;
    browser.keeps("review-12-hostile").await;
    assert_eq!(browser.js("return window.hacked ?? null", &[]).await, Json::Null);
    let others = "return document.querySelectorAll('img, svg, iframe, script:not([type]):not(:last-of-type)').length";
    assert_eq!(browser.js(others, &[]).await, json!(0));
    browser.close().await;
}
