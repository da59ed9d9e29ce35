//! Chromium, driven through the `WebDriver` protocol.

use std::path::Path;
use std::sync::Once;
use std::time::{Duration, Instant};

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fantoccini::elements::{Element, ElementRef};
use fantoccini::key::Key;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value as Json, json};

use crate::places::say_skipped;

/// A page shows what it has within moments; a machine under load may take longer.
const LIMIT: Duration = Duration::from_secs(30);
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-GB",
];

/// One window of its own profile.
pub struct Browser {
    client: Client,
    axe: String,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Desktop,
    Dark,
    Phone,
    /// On paper.
    Print,
}

/// A command that only Chromium knows: what follows the session in its path, and what it says.
#[derive(Debug)]
struct Own(&'static str, Json);

impl WebDriverCompatibleCommand for Own {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.1.to_string()))
    }
}

impl Browser {
    /// Nothing where no browser is named; that is said once.
    pub async fn open() -> Option<Self> {
        static SAID: Once = Once::new();
        let of = |name| std::env::var(name).ok();
        let (Some(driver), Some(axe)) = (of("RECONCILE_TEST_BROWSER"), of("RECONCILE_TEST_AXE"))
        else {
            SAID.call_once(|| {
                say_skipped("tests in a browser; RECONCILE_TEST_BROWSER and RECONCILE_TEST_AXE");
            });
            return None;
        };
        let mut wanted = Capabilities::new();
        wanted.insert("goog:chromeOptions".into(), json!({ "args": ARGUMENTS }));
        wanted.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(wanted).connect(&driver).await.unwrap();
        let browser = Self { client, axe: std::fs::read_to_string(axe).unwrap() };
        browser.look(Look::Desktop).await;
        Some(browser)
    }

    pub async fn look(&self, look: Look) {
        let (width, height, is_phone) = match look {
            Look::Desktop | Look::Dark | Look::Print => (1280, 900, false),
            Look::Phone => (360, 740, true),
        };
        let media = if look == Look::Print { "print" } else { "" };
        let scheme = if look == Look::Dark { "dark" } else { "light" };
        let scheme = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "media": media, "features": scheme }))
            .await;
        let screen =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", &screen).await;
    }

    async fn devtools(&self, command: &str, parameters: &Json) -> Json {
        let command = Own("goog/cdp/execute", json!({ "cmd": command, "params": parameters }));
        self.client.issue_cmd(command).await.unwrap()
    }

    pub async fn goto(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// What a function's body returns in the page.
    pub async fn js(&self, body: &str, arguments: &[Json]) -> Json {
        self.client.execute(body, arguments.to_vec()).await.unwrap()
    }

    /// All words that people see.
    pub async fn words(&self) -> String {
        let words = self.js("return document.body.innerText", &[]).await;
        words.as_str().unwrap().to_owned()
    }

    /// Waits until the page shows these words.
    pub async fn sees(&self, words: &str) {
        let begun = Instant::now();
        loop {
            let all = self.words().await;
            if all.contains(words) {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "`{words}` isn't there:\n{all}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn does_not_see(&self, words: &str) {
        let all = self.words().await;
        assert!(!all.contains(words), "`{words}` is there:\n{all}");
    }

    /// Presses the first visible button, link, tab or label whose words begin so.
    pub async fn press(&self, words: &str) {
        let find = "const all = [...document.querySelectorAll('button, a, [role=tab], label, summary')];
             const fits = all.filter(it => it.checkVisibility() && it.innerText.trim().startsWith(arguments[0]));
             fits[0]?.scrollIntoView({ block: 'center' });
             return fits[0] ?? null;";
        let begun = Instant::now();
        loop {
            if let Some(element) = self.element(self.js(find, &[json!(words)]).await) {
                return element.click().await.unwrap();
            }
            assert!(begun.elapsed() < LIMIT, "nothing says `{words}`:\n{}", self.words().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn element(&self, found: Json) -> Option<Element> {
        let id = found.as_object()?.values().next()?.as_str()?.to_owned();
        Some(Element::from_element_id(self.client.clone(), ElementRef::from(id)))
    }

    /// Types into what a selector finds, in place of what stands there.
    pub async fn write(&self, selector: &str, text: &str) {
        let element = self.client.find(Locator::Css(selector)).await.unwrap();
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Keys, wherever the focus is.
    pub async fn type_keys(&self, keys: &[Key]) {
        for key in keys {
            let focused = self.client.active_element().await.unwrap();
            focused.send_keys(&char::from(*key).to_string()).await.unwrap();
        }
    }

    pub async fn type_text(&self, text: &str) {
        self.client.active_element().await.unwrap().send_keys(text).await.unwrap();
    }

    /// A date as a calendar field takes it: what people type there depends on their language.
    pub async fn set(&self, selector: &str, value: &str) {
        let script = "const field = document.querySelector(arguments[0]);
             field.value = arguments[1];
             field.dispatchEvent(new Event('input', { bubbles: true }));
             field.dispatchEvent(new Event('change', { bubbles: true }));";
        self.js(script, &[json!(selector), json!(value)]).await;
    }

    /// Keeps a picture of the whole page as it is, and holds it against what everybody should be able to
    /// rely on: no violation that axe finds, nothing wider than the window, no trouble in its console.
    pub async fn keeps(&self, name: &str) {
        let metrics = self.devtools("Page.getLayoutMetrics", &json!({})).await;
        let size = &metrics["cssContentSize"];
        let clip =
            json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let shot = json!({ "captureBeyondViewport": true, "clip": clip });
        let shot = self.devtools("Page.captureScreenshot", &shot).await;
        let bytes = BASE64.decode(shot["data"].as_str().unwrap()).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
        self.is_accessible(name).await;
        let wide =
            "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
        assert_eq!(self.js(wide, &[]).await, json!(false), "{name} is wider than the window");
        self.is_calm(name).await;
    }

    async fn is_accessible(&self, name: &str) {
        if self.js("return typeof axe", &[]).await == json!("undefined") {
            self.js(&self.axe, &[]).await;
        }
        let run = "const done = arguments[arguments.length - 1];
             axe.run({ resultTypes: ['violations'] }).then(
                 found => done(found.violations.map(it =>
                     `${it.id}: ${it.help}: ${it.nodes.map(node => node.html).slice(0, 3).join(' ')}`)),
                 error => done([`${error}`]));";
        let found = self.client.execute_async(run, Vec::new()).await.unwrap();
        assert_eq!(found, json!([]), "{name}");
    }

    /// Neither errors nor anything that the page's policy had to keep from happening. Being asked to sign
    /// in is an answer like others.
    async fn is_calm(&self, name: &str) {
        let said =
            self.client.issue_cmd(Own("se/log", json!({ "type": "browser" }))).await.unwrap();
        let is_loud = |it: &&Json| it["level"] == "SEVERE" && it["source"] != "network";
        let loud: Vec<&Json> = said.as_array().unwrap().iter().filter(is_loud).collect();
        assert!(loud.is_empty(), "{name}: {loud:?}");
    }

    pub async fn close(self) {
        self.client.close().await.unwrap();
    }
}
