//! Any request, exactly as asked: no cookie kept, no redirect followed, no header added but the ones given.

use reqwest::Method;

use super::TestServer;
use super::browser::Seen;

/// The one media type of forms.
pub const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
/// The one media type of the machine API.
pub const JSON: (&str, &str) = ("Content-Type", "application/json");

impl TestServer {
    /// Sends anything. An empty body is no body.
    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Seen {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("client");
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = http.request(method, self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body.to_owned());
        }
        Seen::read(request.send().await.expect("an answer")).await
    }

    /// The `Authorization` header of a client with a secret.
    pub fn basic(&self, client_id: &str) -> String {
        use base64::Engine;
        let pair = format!("{client_id}:{}", self.secret(client_id));
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }
}
