//! A person's browser, as far as HTTP sees it: cookies, same-origin headers, no redirect followed unasked.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder, Response, StatusCode};

use super::{ISSUER, PASSWORD, TestServer};

/// A browser with a cookie jar.
#[derive(Clone, Debug)]
pub struct Browser {
    base: String,
    http: reqwest::Client,
    /// Cookies by name.
    pub cookies: BTreeMap<String, String>,
    headers: Vec<(String, String)>,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: reqwest::header::HeaderMap,
    /// Body.
    pub body: String,
}

impl Seen {
    /// Reads an answer whole.
    pub async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, body: response.text().await.expect("a body") }
    }

    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// Where it redirects to, or nothing.
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    /// The `error` of a JSON error, or nothing.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    /// A parameter of the redirect's query.
    pub fn answer(&self, name: &str) -> Option<String> {
        let query = self.location().split_once('?')?.1.to_owned();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.into_owned().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The anti-forgery token of the page's form.
    pub fn csrf(&self) -> String {
        let rest = self.body.split_once("name=\"csrf_token\" value=\"").map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split_once('"')).map(|(token, _)| token.to_owned()).unwrap_or_default()
    }
}

impl Browser {
    /// A browser that never was here.
    pub fn new(server: &TestServer) -> Self {
        Self::at(&server.url(""))
    }

    /// The same, for a server at an address.
    pub fn at(base: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("client");
        Self { base: base.to_owned(), http, cookies: BTreeMap::new(), headers: Vec::new() }
    }

    /// The same browser, sending these headers with every request from now on.
    pub fn with(self, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { headers, ..self }
    }

    /// Opens a path.
    pub async fn get(&mut self, path: &str) -> Seen {
        self.send(Method::GET, path, &[], None).await
    }

    /// Submits a form of our own page.
    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Seen {
        self.send(Method::POST, path, &[("Origin", ISSUER), ("Sec-Fetch-Site", "same-origin")], Some(form)).await
    }

    /// Sends anything, with the cookies, and keeps the cookies that come back.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        form: Option<&[(&str, &str)]>,
    ) -> Seen {
        let mut request = self.carry(self.http.request(method, format!("{}{path}", self.base)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let seen = Seen::read(request.send().await.expect("an answer")).await;
        self.keep_cookies(&seen);
        seen
    }

    /// A request as this browser sends it, for a test that sends it to whom it likes: opens an address, or submits a form of
    /// our own page. What comes back is for [`Browser::keep_cookies`].
    pub fn request(&self, http: &reqwest::Client, method: Method, url: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let request = self.carry(http.request(method.clone(), url));
        if method == Method::GET {
            return request;
        }
        request.header("Origin", ISSUER).header("Sec-Fetch-Site", "same-origin").form(form)
    }

    /// With what it sends every time: who it is, and its cookies.
    fn carry(&self, mut request: RequestBuilder) -> RequestBuilder {
        if !self.headers.iter().any(|(name, _)| name == "User-Agent") {
            request = request.header("User-Agent", "TestBrowser/1.0");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !self.cookies.is_empty() {
            let line: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("Cookie", line.join("; "));
        }
        request
    }

    /// Keeps the cookies of an answer.
    pub fn keep_cookies(&mut self, seen: &Seen) {
        for line in seen.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()) {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let Some((name, value)) = pair.split_once('=') else { continue };
            if value.is_empty() || attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Types name and password into the sign-in page that is open.
    pub async fn type_password(&mut self, page: &Seen, username: &str, password: &str) -> Seen {
        let csrf = page.csrf();
        self.post("/login", &[("csrf_token", &csrf), ("username", username), ("password", password)]).await
    }

    /// Opens an authorize URL, signs in if asked to, says yes if asked to; the answer that redirects to the client.
    pub async fn authorize(&mut self, path: &str, username: &str) -> Seen {
        let mut seen = self.get(path).await;
        if seen.location() == "/login" {
            let page = self.get("/login").await;
            seen = self.type_password(&page, username, PASSWORD).await;
        }
        if seen.location() == "/consent" {
            let page = self.get("/consent").await;
            let csrf = page.csrf();
            seen = self.post("/consent", &[("csrf_token", &csrf), ("decision", "approve")]).await;
        }
        seen
    }
}
