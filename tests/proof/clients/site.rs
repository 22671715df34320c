//! What clients know of the fleet: where its nodes are now, the secrets of the bank's clients, and how to ask. An address
//! may change while they work.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use rescind::app::App;
use serde_json::json;
use tokio::time::Instant;

use crate::support::browser::Seen;
use crate::support::seed;

/// How many nodes there are.
pub const NODES: usize = 3;
/// How long a check may take: nothing that is not held takes so long.
pub const CHECK_LIMIT: Duration = Duration::from_secs(8);
/// How long everything else may take: longer than the longest lease and what comes with it.
pub const CALL_LIMIT: Duration = Duration::from_secs(15);
/// Bearer tokens live ten minutes, and are used for half of that.
const BEARER_LIFE: Duration = Duration::from_mins(5);

/// A bank, and the nodes that serve it.
pub struct Site {
    /// The nodes' database and keys in this process, which serves nothing: for `db_` helpers, and to open tokens.
    pub app: Arc<App>,
    /// Where the nodes listen, on loopback. Whoever starts one again says so here.
    pub ports: Arc<[AtomicU16; NODES]>,
    secrets: BTreeMap<String, String>,
    http: reqwest::Client,
    bearers: Mutex<BTreeMap<&'static str, (String, Instant)>>,
}

impl Site {
    /// Enters the bank of all tests into an empty database.
    pub async fn enter(app: Arc<App>, ports: Arc<[AtomicU16; NODES]>) -> Self {
        let secrets = seed(&app).await;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { app, ports, secrets, http, bearers: Mutex::default() }
    }

    fn url(&self, node: usize, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[node % NODES].load(Ordering::SeqCst))
    }

    /// The HTTP client of all: its connections are kept.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Any request to a node.
    pub fn to(&self, node: usize, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(node, path))
    }

    /// A form as the app posts it.
    pub fn form(&self, node: usize, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let mut form = form.to_vec();
        form.push(("client_id", "naybitono-mobile"));
        self.to(node, Method::POST, path).form(&form)
    }

    /// A check by the API. `hinted`: with a hint, which takes the long way through the node.
    pub fn check(&self, node: usize, token: &str, hinted: bool) -> RequestBuilder {
        let mut form = vec![("token", token)];
        if hinted {
            form.push(("token_type_hint", "access_token"));
        }
        let secret = self.secrets.get("accounts-api");
        self.to(node, Method::POST, "/oauth/introspect").basic_auth("accounts-api", secret).form(&form)
    }

    /// An order of one of the desks; `None` if it gets no bearer token now.
    pub async fn order(
        &self,
        node: usize,
        desk: &'static str,
        (method, path): (Method, &str),
    ) -> Option<RequestBuilder> {
        let bearer = self.bearer(node, desk).await?;
        let request = self.to(node, method, path).bearer_auth(bearer);
        Some(match desk {
            "fraud-desk" => request.json(&json!({ "reason": "phone stolen" })),
            "branch-desk" => request.json(&json!({ "reason": "identity checked", "approved_by": "the-supervisor" })),
            _ => request,
        })
    }

    async fn bearer(&self, node: usize, desk: &'static str) -> Option<String> {
        let known = self.bearers.lock().unwrap_or_else(PoisonError::into_inner).get(desk).cloned();
        if let Some((bearer, made)) = known
            && made.elapsed() < BEARER_LIFE
        {
            return Some(bearer);
        }
        let request = self.to(node, Method::POST, "/oauth/token").basic_auth(desk, self.secrets.get(desk));
        let made = Instant::now();
        let seen = hear(request.form(&[("grant_type", "client_credentials")]), CHECK_LIMIT).await?;
        let bearer = seen.json()["access_token"].as_str()?.to_owned();
        self.bearers.lock().unwrap_or_else(PoisonError::into_inner).insert(desk, (bearer.clone(), made));
        Some(bearer)
    }
}

/// Sends a request and reads the answer whole; `None` if that is not there in time, or the connection ends.
pub async fn hear(request: RequestBuilder, limit: Duration) -> Option<Seen> {
    let heard = async {
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        Some(Seen { status, headers, body: response.text().await.ok()? })
    };
    tokio::time::timeout(limit, heard).await.ok().flatten()
}

/// A field of a JSON answer, if it is one.
pub fn field(seen: &Seen, name: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(&seen.body).ok()?;
    json[name].as_str().map(str::to_owned)
}

/// Whether somebody else's trouble kept a node from answering.
pub fn is_unsure(seen: &Seen) -> bool {
    seen.status == StatusCode::SERVICE_UNAVAILABLE
}
