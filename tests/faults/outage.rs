//! HTTP-18, ERR-03: with the database out of reach, every answer is 503 with `Retry-After`, in time, and nothing is done by
//! halves. Once it is back, everything works again without a restart.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::proxy::{Mode, Proxy};
use crate::support::browser::{Browser, Seen};
use crate::support::database::is_postgres;
use crate::support::flow::{Pair, authorize_path};
use crate::support::{JOHN, PASSWORD, TestServer};

/// Longer than any answer may take (5 s), with room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(9);
/// Longest wait until everything works again.
const HEALING: Duration = Duration::from_secs(40);

/// The one body of a direct endpoint that can't answer for certain.
const UNAVAILABLE: &str =
    r#"{"error":"temporarily_unavailable","error_description":"The server cannot answer for certain now"}"#;

/// What was there before the fault.
struct Before {
    pair: Pair,
    desk: String,
    browser: Browser,
    page: Seen,
}

impl Before {
    async fn of(server: &TestServer) -> Self {
        let (pair, desk) = (server.pair("naybitono-mobile").await, server.machine_token("fraud-desk").await);
        let mut browser = Browser::new(server);
        browser.get(&authorize_path("naybitono-mobile", &[])).await;
        let page = browser.get("/login").await;
        Self { pair, desk, browser, page }
    }
}

async fn in_time(what: &str, answer: impl Future<Output = Seen>) -> Seen {
    timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("{what} hangs"))
}

fn is_direct_503(what: &str, seen: &Seen) {
    assert_eq!((seen.status, seen.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE), "{what}");
    assert_eq!(seen.header("retry-after"), "1", "{what}");
    assert_eq!(seen.header("content-type"), "application/json", "{what}");
    assert_eq!(seen.header("cache-control"), "no-store", "{what}");
}

/// Everything at once, as in a real outage.
async fn all_say_503(server: &TestServer, before: &Before) {
    let (access, refresh) = (before.pair.access.as_str(), before.pair.refresh.as_str());
    let revoke = [("token", refresh), ("client_id", "naybitono-mobile")];
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    let body = json!({ "reason": "phone stolen" });
    let mut again = before.browser.clone();
    let mut fresh = Browser::new(server);
    let answers = tokio::join!(
        in_time("introspect", server.introspect("accounts-api", access)),
        in_time("token", server.refresh("naybitono-mobile", refresh, &[])),
        in_time("revoke", server.post("/oauth/revoke", None, &revoke)),
        in_time("lockdown", server.api("POST", &path, &before.desk, Some(body))),
        in_time("sign-in", again.type_password(&before.page, JOHN, PASSWORD)),
        in_time("sign-in page", fresh.get("/login")),
        in_time("ready", server.api("GET", "/health/ready", "", None)),
        in_time("live", server.api("GET", "/health/live", "", None)),
    );
    for (what, seen) in [("introspect", &answers.0), ("token", &answers.1), ("revoke", &answers.2)] {
        is_direct_503(what, seen);
    }
    // Who asks can't be proven either, so there is no incident to speak of.
    let lockdown = &answers.3;
    assert_eq!(lockdown.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((lockdown.header("content-type"), lockdown.header("retry-after")), ("application/problem+json", "1"));
    for (what, seen) in [("sign-in", &answers.4), ("sign-in page", &answers.5)] {
        assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE, "{what}: {}", seen.body);
        assert_eq!((seen.header("retry-after"), seen.header("set-cookie")), ("1", ""), "{what}");
        assert!(seen.body.contains("Please try again") && !seen.body.contains("database"), "{what}");
    }
    let ready = &answers.6;
    assert_eq!((ready.status, ready.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    assert_eq!(ready.json(), json!({ "status": "database_unavailable" }));
    assert_eq!(answers.7.status, StatusCode::OK, "the process itself lives");
}

/// Waits until the server is ready again.
async fn healed(server: &TestServer) {
    let started = Instant::now();
    while server.api("GET", "/health/ready", "", None).await.status != StatusCode::OK {
        assert!(started.elapsed() < HEALING, "it does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Nothing was done by halves, and all of it can be done now.
async fn all_works(server: &TestServer, mut before: Before) {
    assert!(server.is_active(&before.pair.access).await, "a valid token is not reported dead");
    let seen = server.refresh("naybitono-mobile", &before.pair.refresh, &[]).await;
    let pair = Pair::of(&seen);
    assert!(server.is_active(&pair.access).await);
    let signed_in = before.browser.type_password(&before.page, JOHN, PASSWORD).await;
    assert!(signed_in.answer("code").is_some(), "{signed_in:?}");
    let receipt = server.lock(JOHN).await;
    assert_eq!((receipt.status, &receipt.json()["status"]), (StatusCode::OK, &json!("confirmed")));
    assert!(!server.is_active(&pair.access).await);
    assert_eq!(server.unlock(JOHN).await.status, StatusCode::OK);
}

async fn survives(mode: Mode) {
    if !is_postgres() {
        return;
    }
    let (proxy, server) = Proxy::server(&[]).await;
    let before = Before::of(&server).await;
    proxy.set(mode);
    Box::pin(all_say_503(&server, &before)).await;
    proxy.set(Mode::Pass);
    healed(&server).await;
    all_works(&server, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_18_err_03_a_database_that_is_cut_off_is_503_and_heals() {
    survives(Mode::Cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_18_err_03_a_database_that_refuses_is_503_and_heals() {
    survives(Mode::Refuse).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_18_err_03_a_database_that_hangs_is_503_and_heals() {
    survives(Mode::Freeze).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_18_connections_that_hang_for_ever_do_not_hold_up_new_ones() {
    if !is_postgres() {
        return;
    }
    let (proxy, server) = Proxy::server(&[("checks", "plain")]).await;
    let before = Before::of(&server).await;
    // As many at once as the pool has connections, and more.
    let busy = || futures_of(&server, &before.pair.access, 40);
    busy().await;
    proxy.set(Mode::Freeze);
    for seen in busy().await {
        is_direct_503("introspect", &seen);
    }
    proxy.set(Mode::Moved);
    healed(&server).await;
    let started = Instant::now();
    loop {
        let answers = busy().await;
        if answers.iter().all(|seen| seen.status == StatusCode::OK) {
            break;
        }
        assert!(started.elapsed() < HEALING, "hung connections are never given up");
    }
    all_works(&server, before).await;
}

/// Many checks at once.
async fn futures_of(server: &TestServer, token: &str, count: usize) -> Vec<Seen> {
    let secret = server.secret("accounts-api").to_owned();
    let http = reqwest::Client::new();
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let request = http
                .request(Method::POST, server.url("/oauth/introspect"))
                .basic_auth("accounts-api", Some(&secret))
                .form(&[("token", token)]);
            tokio::spawn(async move {
                let answer = timeout(PATIENCE, request.send()).await.expect("a check hangs");
                Seen::read(answer.expect("an answer")).await
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.push(task.await.expect("an answer"));
    }
    all
}
