//! `WebDriver` (W3C), as far as these tests need it: JSON over loopback to chromedriver. A crate for this would be a dozen
//! crates, and those there are switch features on that would make the tested program another one than the shipped one.

use reqwest::Method;
use serde_json::{Value, json};

/// The key that goes on to the next thing.
pub const TAB: &str = "\u{e004}";
/// The key that presses.
pub const ENTER: &str = "\u{e007}";
/// The key that closes.
pub const ESCAPE: &str = "\u{e00c}";

/// Under this name an element's id comes (W3C `WebDriver` §12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A session with a browser.
pub struct Driver {
    http: reqwest::Client,
    /// The session's address.
    session: String,
}

impl Driver {
    /// Opens a session at the chromedriver on a port.
    pub async fn open(port: u16, wanted: Value) -> Result<Self, String> {
        let server = format!("http://127.0.0.1:{port}/session");
        let new = Self { http: reqwest::Client::new(), session: server.clone() };
        let opened = new.post("", json!({ "capabilities": { "alwaysMatch": wanted } })).await?;
        let id = opened["sessionId"].as_str().ok_or("no session")?;
        Ok(Self { session: format!("{server}/{id}"), ..new })
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, String> {
        let mut request = self.http.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(|error| error.to_string())?;
        let is_good = response.status().is_success();
        let answer: Value = response.json().await.map_err(|error| error.to_string())?;
        let value = &answer["value"];
        if is_good { Ok(value.clone()) } else { Err(format!("{path}: {} {}", value["error"], value["message"])) }
    }

    async fn get(&self, path: &str) -> Result<Value, String> {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Opens an address.
    pub async fn goto(&self, url: &str) -> Result<(), String> {
        self.post("/url", json!({ "url": url })).await.map(drop)
    }

    /// The button back.
    pub async fn back(&self) {
        self.post("/back", json!({})).await.expect("back");
    }

    /// The button that loads the page anew.
    pub async fn reload(&self) {
        self.post("/refresh", json!({})).await.expect("a reload");
    }

    /// The page's address.
    pub async fn address(&self) -> String {
        text(self.get("/url").await.expect("an address"))
    }

    /// The page's title.
    pub async fn title(&self) -> String {
        text(self.get("/title").await.expect("a title"))
    }

    /// Everything an `XPath` finds.
    pub async fn find_all(&self, path: &str) -> Vec<Element<'_>> {
        let found = self.post("/elements", json!({ "using": "xpath", "value": path })).await.expect("a search");
        let ids = found.as_array().expect("a list").iter();
        ids.map(|one| Element { driver: self, id: text(one[ELEMENT].clone()) }).collect()
    }

    /// Presses keys where the focus is, one after the other.
    pub async fn keys(&self, keys: &str) {
        let press = |key: char| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })];
        let actions: Vec<Value> = keys.chars().flat_map(press).collect();
        let keyboard = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] });
        self.post("/actions", keyboard).await.expect("typing");
    }

    /// Runs a script in the page; `kind`: `sync` returns, `async` calls back.
    pub async fn run(&self, kind: &str, script: &str, arguments: Vec<Value>) -> Value {
        let body = json!({ "script": script, "args": arguments });
        self.post(&format!("/execute/{kind}"), body).await.expect("a script")
    }

    /// A command of Chromium's own protocol.
    pub async fn chromium(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.post("/goog/cdp/execute", body).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// The lines of a log since it was last read.
    pub async fn log(&self, name: &str) -> Vec<String> {
        let lines = self.post("/se/log", json!({ "type": name })).await.expect("a log");
        lines.as_array().expect("lines").iter().map(|line| text(line["message"].clone())).collect()
    }
}

/// Something on the page.
pub struct Element<'d> {
    driver: &'d Driver,
    id: String,
}

impl Element<'_> {
    fn path(&self, what: &str) -> String {
        format!("/element/{}/{what}", self.id)
    }

    /// Whether it can be seen; not, if it is gone.
    pub async fn is_shown(&self) -> bool {
        self.driver.get(&self.path("displayed")).await.is_ok_and(|shown| shown == json!(true))
    }

    /// Its words.
    pub async fn words(&self) -> String {
        text(self.driver.get(&self.path("text")).await.expect("words"))
    }

    /// A click in its middle.
    pub async fn click(&self) {
        self.driver.post(&self.path("click"), json!({})).await.expect("a click");
    }

    /// Types into it, instead of what is in it.
    pub async fn fill(&self, words: &str) {
        self.driver.post(&self.path("clear"), json!({})).await.expect("an empty field");
        self.driver.post(&self.path("value"), json!({ "text": words })).await.expect("typing");
    }
}

fn text(value: Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
