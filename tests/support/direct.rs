//! Requests to the direct endpoints with headers of one's own, and the audit trail as the auditor's machine reads it.

use std::task::Poll;

use serde_json::Value;

use super::TestServer;
use super::browser::Seen;

/// An authorize path out of exactly these pairs.
pub fn authorize_with(pairs: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/oauth/authorize?{query}")
}

/// `Basic` of exactly this text.
pub fn basic(text: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
}

/// Waits for many things at once, on one task.
pub async fn together<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in all.iter_mut().zip(&mut done).filter(|(_, slot)| slot.is_none()) {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                *slot = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

impl TestServer {
    /// Posts a form with these headers and nothing else of its own.
    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Seen {
        let mut request = reqwest::Client::new().post(self.url(path)).form(form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Seen::read(request.send().await.expect("an answer")).await
    }

    /// The audit rows of one action, oldest first, as `ops-desk` reads them.
    pub async fn audit(&self, action: &str) -> Vec<Value> {
        let bearer = self.machine_token("ops-desk").await;
        let (mut rows, mut path) = (Vec::new(), "/api/v1/audit?limit=200".to_owned());
        loop {
            let page = self.api("GET", &path, &bearer, None).await.json();
            rows.extend(page["items"].as_array().expect("items").iter().filter(|row| row["action"] == action).cloned());
            match page["next_cursor"].as_str() {
                Some(next) => path = format!("/api/v1/audit?limit=200&cursor={next}"),
                None => return rows,
            }
        }
    }

    /// The ids of a customer's live sessions, as `ops-desk` reads them.
    pub async fn live_sessions(&self, customer: &str) -> Vec<String> {
        let bearer = self.machine_token("ops-desk").await;
        let path = format!("/api/v1/customers/{customer}/sessions?limit=200");
        let page = self.api("GET", &path, &bearer, None).await.json();
        let items = page["items"].as_array().expect("items").clone();
        items.iter().map(|line| line["session_id"].as_str().expect("an id").to_owned()).collect()
    }
}
