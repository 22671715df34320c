//! Somebody in front of a browser: what they type, press and read. Things are found by the words a person sees.

use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::sync::SemaphorePermit;

use super::chromium::Chromium;
use super::driver::{Driver, ENTER, Element, TAB};
use super::look::{DESK, Look};
use super::support::TestServer;
use super::wire::Wire;

/// Longest a page may take to show something. Only what hangs takes that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What has the keyboard now: its words, and how it shows that.
const FOCUSED: &str = r"
const it = document.activeElement;
if (!it || it === document.body) return null;
const words = it.labels && it.labels.length ? it.labels[0].innerText : it.getAttribute('aria-label') || it.innerText || it.value;
const style = getComputedStyle(it), box = it.getBoundingClientRect();
return {
  words: (words || it.tagName).trim().replace(/\s+/g, ' '),
  tag: it.tagName.toLowerCase(),
  outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
  seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
};";

/// Somebody in front of a browser.
pub struct Person {
    /// The browser.
    pub chromium: Chromium,
    base: String,
    /// Whether pages may run script.
    pub has_script: bool,
}

impl Person {
    /// At a desk, with script.
    pub async fn new(server: &TestServer) -> Self {
        Self::at(&base_of(server), true).await
    }

    /// The same, but no page may run script.
    pub async fn without_script(server: &TestServer) -> Self {
        Self::at(&base_of(server), false).await
    }

    /// Two, each in front of a browser of their own.
    pub async fn two(server: &TestServer) -> [Self; 2] {
        let [one, other] = Chromium::two_seats().await;
        let base = base_of(server);
        [Self::seated(one, &base, true).await, Self::seated(other, &base, true).await]
    }

    /// In front of the server at an address.
    pub async fn at(base: &str, has_script: bool) -> Self {
        Self::seated(Chromium::seat().await, base, has_script).await
    }

    async fn seated(seat: SemaphorePermit<'static>, base: &str, has_script: bool) -> Self {
        let person = Self { chromium: Chromium::start(seat, has_script).await, base: base.to_owned(), has_script };
        person.look(DESK).await;
        person.driver().chromium("Network.setCacheDisabled", json!({ "cacheDisabled": true })).await;
        person
    }

    /// What drives the browser.
    pub fn driver(&self) -> &Driver {
        &self.chromium.driver
    }

    /// Where the server is, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Looks this way from now on.
    pub async fn look(&self, look: Look) {
        look.put_on(self.driver()).await;
    }

    /// Types an address of ours.
    pub async fn open(&self, path: &str) {
        self.driver().goto(&format!("{}{path}", self.base)).await.expect("a page");
    }

    /// The path and query of the page.
    pub async fn place(&self) -> String {
        let url = self.driver().address().await;
        url.strip_prefix(&self.base).unwrap_or(&url).to_owned()
    }

    /// All words on the page.
    pub async fn words(&self) -> String {
        let words = self.run("return document.body ? document.body.innerText : ''", vec![]).await;
        words.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a heading begins with these words.
    pub async fn arrives_at(&self, heading: &str) {
        self.find(&format!("//h1[starts-with(normalize-space(), {})]", quoted(heading))).await;
    }

    /// What an `XPath` finds, as soon as it is there and shown.
    pub async fn find(&self, path: &str) -> Element<'_> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            for found in self.driver().find_all(path).await {
                if found.is_shown().await {
                    return found;
                }
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("no {path} at {}: {}", self.place().await, self.words().await);
    }

    /// Presses the button or link with these words.
    pub async fn press(&self, words: &str) {
        self.find(&pressable(words)).await.click().await;
    }

    /// Whether there is a button or link with these words.
    pub async fn could_press(&self, words: &str) -> bool {
        !self.driver().find_all(&pressable(words)).await.is_empty()
    }

    /// The field with this label.
    pub async fn field(&self, label: &str) -> Element<'_> {
        self.find(&format!("//*[@id = //label[starts-with(normalize-space(), {})]/@for]", quoted(label))).await
    }

    /// Types into the field with this label, instead of what is in it.
    pub async fn fill(&self, label: &str, text: &str) {
        self.field(label).await.fill(text).await;
    }

    /// Chooses the one of several that has this label.
    pub async fn choose(&self, label: &str) {
        self.find(&format!("//label[normalize-space() = {}]", quoted(label))).await.click().await;
    }

    /// Presses keys where the focus is.
    pub async fn keys(&self, keys: &str) {
        self.driver().keys(keys).await;
    }

    /// Goes on with Tab until the thing with these words has the focus; every stop on the way can be seen.
    pub async fn tab_to(&self, words: &str) {
        let mut stops = Vec::new();
        for _ in 0..80 {
            let focused = self.focused().await;
            if focused["words"].as_str().is_some_and(|known| known.starts_with(words)) {
                return;
            }
            stops.push(focused["words"].clone());
            self.keys(TAB).await;
            self.sees_focus().await;
        }
        panic!("Tab never came to {words} at {}, only to {stops:?}", self.place().await);
    }

    /// Presses Enter where the focus is.
    pub async fn enter(&self) {
        self.keys(ENTER).await;
    }

    /// What has the focus; null if nothing has.
    pub async fn focused(&self) -> Value {
        self.run(FOCUSED, vec![]).await
    }

    /// The focus is somewhere, on the screen, and drawn.
    pub async fn sees_focus(&self) {
        let focused = self.focused().await;
        if focused.is_null() {
            return; // the browser's own controls, between the last thing of the page and the first
        }
        let is_drawn = focused["outline"].as_f64().is_some_and(|width| width >= 2.0);
        assert!(is_drawn && focused["seen"] == json!(true), "{focused} at {}", self.place().await);
    }

    /// Runs a script of ours in the page. The page's policy does not hold it up, and a page without script has it, too.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.driver().run("sync", script, arguments).await
    }

    /// The same for a script that calls back.
    pub async fn run_async(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.driver().run("async", script, arguments).await
    }

    /// What went over the wire since this was last asked.
    pub async fn wire(&self) -> Wire {
        let mut wire = Wire::default();
        for line in self.driver().log("performance").await {
            wire.take(&line);
        }
        wire
    }

    /// What the browser complains about since this was last asked: not refusals with a page of their own, nor that it did
    /// forget when it was told to.
    pub async fn complaints(&self) -> Vec<String> {
        let fine = ["Failed to load resource: the server responded with a status of", "Cleared data types: \"cache\""];
        let told = |line: &str| fine.iter().any(|known| line.contains(known));
        self.driver().log("browser").await.into_iter().filter(|line| !told(line)).collect()
    }

    /// A picture of the page: from the top, as wide as it is looked at and at most `height` high.
    pub async fn picture(&self, height: u32) -> Vec<u8> {
        let size = self.run("return [innerWidth, document.documentElement.scrollHeight]", vec![]).await;
        let whole = size[1].as_u64().expect("a height").min(u64::from(height));
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": whole, "scale": 1 });
        let wanted = json!({ "format": "png", "clip": clip, "captureBeyondViewport": true });
        let taken = self.driver().chromium("Page.captureScreenshot", wanted).await;
        base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().expect("a picture")).expect("bytes")
    }
}

fn base_of(server: &TestServer) -> String {
    format!("http://localhost:{}", server.port)
}

fn pressable(words: &str) -> String {
    let words = quoted(words);
    format!(
        "//*[(self::button or self::a or self::summary) and (normalize-space() = {words} or @aria-label = {words})]"
    )
}

/// A text in `XPath`, which knows no escapes.
fn quoted(text: &str) -> String {
    if text.contains('"') { format!("'{text}'") } else { format!("\"{text}\"") }
}
