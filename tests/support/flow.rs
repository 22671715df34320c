//! The walk in few words: get a code, get tokens, check them, refresh, take back. Every verb is real HTTP.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::browser::{Browser, Seen};
use super::{JOHN, TestServer};

/// Verifier and challenge of RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// See [`VERIFIER`].
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A pair of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Access token.
    pub access: String,
    /// Refresh token, or nothing.
    pub refresh: String,
}

impl Pair {
    /// The pair in a token answer.
    pub fn of(seen: &Seen) -> Self {
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
        let text = |name: &str| seen.json()[name].as_str().unwrap_or_default().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// The authorize path of a client with its usual redirect URI; `more`: further pairs, which win over the usual ones.
pub fn authorize_path(client_id: &str, more: &[(&str, &str)]) -> String {
    let redirect = match client_id {
        "naybitono-mobile" => "http://127.0.0.1/callback",
        "naybitono-web" => "https://web.naybitono.example/callback",
        "post-client" => "https://post.example/cb",
        other => panic!("no usual redirect URI for {other}"),
    };
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect),
        ("state", "state-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    pairs.retain(|(name, _)| !more.iter().any(|(new, _)| new == name));
    pairs.extend_from_slice(more);
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/oauth/authorize?{query}")
}

impl TestServer {
    /// Posts a form to a direct endpoint; `auth`: client id and secret for the `Authorization` header.
    pub async fn post(&self, path: &str, auth: Option<(&str, &str)>, form: &[(&str, &str)]) -> Seen {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("client");
        let mut request = http.post(self.url(path)).form(form);
        if let Some((id, secret)) = auth {
            request = request.basic_auth(id, Some(secret));
        }
        Seen::read(request.send().await.expect("an answer")).await
    }

    /// A code for John, in a new browser.
    pub async fn code(&self, client_id: &str) -> String {
        self.code_for(client_id, JOHN, &[]).await
    }

    /// A code for a customer, in a new browser, with further authorize parameters.
    pub async fn code_for(&self, client_id: &str, username: &str, more: &[(&str, &str)]) -> String {
        let mut browser = Browser::new(self);
        let seen = browser.authorize(&authorize_path(client_id, more), username).await;
        seen.answer("code").unwrap_or_else(|| panic!("no code: {} {} {}", seen.status, seen.location(), seen.body))
    }

    /// Redeems a code with the usual verifier, as the client proves itself.
    pub async fn redeem(&self, client_id: &str, code: &str) -> Seen {
        let form = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)];
        self.token(client_id, &form).await
    }

    /// Calls the token endpoint as a client, by its own method.
    pub async fn token(&self, client_id: &str, form: &[(&str, &str)]) -> Seen {
        let mut form = form.to_vec();
        let secret = self.secret(client_id).to_owned();
        if secret.is_empty() {
            form.push(("client_id", client_id));
            return self.post("/oauth/token", None, &form).await;
        }
        if client_id == "post-client" {
            form.push(("client_id", client_id));
            form.push(("client_secret", &secret));
            return self.post("/oauth/token", None, &form).await;
        }
        self.post("/oauth/token", Some((client_id, &secret)), &form).await
    }

    /// Signs John in anew and gets a pair of tokens.
    pub async fn pair(&self, client_id: &str) -> Pair {
        let code = self.code(client_id).await;
        Pair::of(&self.redeem(client_id, &code).await)
    }

    /// Refreshes as a client.
    pub async fn refresh(&self, client_id: &str, token: &str, more: &[(&str, &str)]) -> Seen {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        form.extend_from_slice(more);
        self.token(client_id, &form).await
    }

    /// Asks about a token as a resource server or client.
    pub async fn introspect(&self, caller: &str, token: &str) -> Seen {
        self.post("/oauth/introspect", Some((caller, self.secret(caller))), &[("token", token)]).await
    }

    /// Whether `accounts-api` is told that a token is active. Anything but a clear yes or no fails the test.
    pub async fn is_active(&self, token: &str) -> bool {
        let seen = self.introspect("accounts-api", token).await;
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
        if seen.body == "{\"active\":false}" {
            return false;
        }
        assert_eq!(seen.json()["active"], json!(true), "{}", seen.body);
        true
    }

    /// A bearer token of a machine, with all its scopes.
    pub async fn machine_token(&self, client_id: &str) -> String {
        Pair::of(&self.token(client_id, &[("grant_type", "client_credentials")]).await).access
    }

    /// Calls the machine API with a bearer token.
    pub async fn api(&self, method: &str, path: &str, bearer: &str, body: Option<Value>) -> Seen {
        self.api_with(method, path, bearer, body, &[]).await
    }

    /// The same with more headers.
    #[expect(clippy::too_many_arguments, reason = "a request is all of these")]
    pub async fn api_with(
        &self,
        method: &str,
        path: &str,
        bearer: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Seen {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = reqwest::Client::new().request(method, self.url(path));
        if !bearer.is_empty() {
            request = request.bearer_auth(bearer);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Seen::read(request.send().await.expect("an answer")).await
    }

    /// Locks a customer as the fraud desk.
    pub async fn lock(&self, customer: &str) -> Seen {
        let bearer = self.machine_token("fraud-desk").await;
        let path = format!("/api/v1/customers/{customer}/lockdown");
        self.api("POST", &path, &bearer, Some(json!({ "reason": "phone stolen at 3:15" }))).await
    }

    /// Unlocks a customer as the branch desk, approved by the supervisor.
    pub async fn unlock(&self, customer: &str) -> Seen {
        let bearer = self.machine_token("branch-desk").await;
        let path = format!("/api/v1/customers/{customer}/unlock");
        let body = json!({ "reason": "identity checked", "approved_by": "the-supervisor" });
        self.api("POST", &path, &bearer, Some(body)).await
    }
}
