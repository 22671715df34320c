//! When something we rely on is gone: 503, nothing half done, nothing let in, and all well again afterwards.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::browser::{Browser, Seen};
use crate::support::flow::{Pair, authorize_path};
use crate::support::{JOHN, PASSWORD, TestServer};

/// The verbs that answer with a page.
const PAGES: [&str; 3] = ["sign-in", "authorize", "account"];

/// A direct endpoint's or the machine API's 503: JSON, come back soon.
fn assert_unavailable(seen: &Seen, what: &str) {
    assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE, "{what}: {}", seen.body);
    if seen.json()["status"] == json!("unconfirmed") {
        return;
    }
    assert_eq!(seen.header("retry-after"), "1", "{what}");
    if seen.header("content-type") == "application/problem+json" {
        assert_eq!(seen.json()["status"], json!(503), "{what}");
    } else {
        assert_eq!(seen.error(), "temporarily_unavailable", "{what}: {}", seen.body);
    }
}

/// A live pair, the machines' tokens, an unredeemed code and an open sign-in page: all that the verbs below need.
struct Ready {
    server: TestServer,
    pair: Pair,
    desk: String,
    ops: String,
    code: String,
    /// On the sign-in page.
    browser: Browser,
    page: Seen,
    /// Signed in.
    person: Browser,
}

impl Ready {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let pair = server.pair("naybitono-mobile").await;
        let (desk, ops) = (server.machine_token("fraud-desk").await, server.machine_token("ops-desk").await);
        let mut person = Browser::new(&server);
        let seen = person.authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await;
        let code = seen.answer("code").expect("a code");
        let mut browser = Browser::new(&server);
        browser.get(&authorize_path("naybitono-mobile", &[])).await;
        let page = browser.get("/login").await;
        Self { server, pair, desk, ops, code, browser, page, person }
    }

    /// Every verb that reads or changes the truth, with its answer.
    async fn all(&self) -> Vec<(&'static str, Seen)> {
        let server = &self.server;
        let lock = format!("/api/v1/customers/{JOHN}/lockdown");
        let customer = format!("/api/v1/customers/{JOHN}");
        let pair = &self.pair;
        let revoke = [("client_id", "naybitono-mobile"), ("token", &pair.refresh)];
        vec![
            ("introspect", server.introspect("accounts-api", &pair.access).await),
            ("customer", server.api("GET", &customer, &self.ops, None).await),
            ("sessions", server.api("GET", &format!("{customer}/sessions"), &self.ops, None).await),
            ("trail", server.api("GET", "/api/v1/audit", &self.ops, None).await),
            ("authorize", Browser::new(server).get(&authorize_path("naybitono-mobile", &[])).await),
            ("account", self.person.clone().get("/account").await),
            ("refresh", server.refresh("naybitono-mobile", &pair.refresh, &[]).await),
            ("redeem", server.redeem("naybitono-mobile", &self.code).await),
            ("machine-token", server.token("batch-job", &[("grant_type", "client_credentials")]).await),
            ("sign-in", self.browser.clone().type_password(&self.page, JOHN, PASSWORD).await),
            ("revoke", server.post("/oauth/revoke", None, &revoke).await),
            ("lockdown", server.api("POST", &lock, &self.desk, Some(json!({ "reason": "stolen" }))).await),
        ]
    }

    /// Nothing that was refused has happened.
    async fn assert_untouched(&self, what: &str) {
        assert!(self.server.is_active(&self.pair.access).await, "{what}: the token lives");
        assert_eq!(self.server.db_count("SELECT COUNT(*) FROM incidents").await, 0, "{what}: nobody is locked");
        let refreshed = self.server.refresh("naybitono-mobile", &self.pair.refresh, &[]).await;
        assert_eq!(refreshed.status, StatusCode::OK, "{what}: the refresh token was not used up: {}", refreshed.body);
        let redeemed = self.server.redeem("naybitono-mobile", &self.code).await;
        assert_eq!(redeemed.status, StatusCode::OK, "{what}: the code was not used up: {}", redeemed.body);
        let entered = self.browser.clone().type_password(&self.page, JOHN, PASSWORD).await;
        assert!(entered.answer("code").is_some(), "{what}: the sign-in page still works: {}", entered.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_18_without_its_database_the_server_says_so_everywhere() {
    let ready = Ready::new().await;
    ready.server.app.db.close().await;
    for (what, seen) in ready.all().await {
        if PAGES.contains(&what) {
            assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE, "{what}: {}", seen.body);
            assert_eq!((seen.header("retry-after"), seen.location()), ("1", ""), "{what}");
            assert!(seen.body.contains("Please try again"), "{what}: {}", seen.body);
        } else {
            assert_unavailable(&seen, what);
        }
        assert_eq!(seen.header("set-cookie"), "", "{what}");
    }
    let health = ready.server.call("GET", "/health/ready", &[], "").await;
    assert_eq!((health.status, health.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    assert_eq!(health.json(), json!({ "status": "database_unavailable" }));
    assert_eq!(ready.server.call("GET", "/health/live", &[], "").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_18_an_exhausted_pool_is_an_answer_within_five_seconds() {
    let ready = Ready::new().await;
    let mut taken = Vec::new();
    while let Ok(conn) = ready.server.app.db.read_ahead().await {
        taken.push(conn);
    }
    assert!(taken.len() >= 8, "the pool is empty");
    let began = ready.server.app.clock.start();
    let (checked, locked) = tokio::join!(
        ready.server.introspect("accounts-api", &ready.pair.access),
        ready.server.api("GET", "/api/v1/audit", &ready.ops, None),
    );
    assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
    assert_unavailable(&checked, "introspect");
    assert_unavailable(&locked, "audit");
    drop(taken);
    ready.assert_untouched("after the flood").await;
}

/// Which verbs need which table: without it each is refused, and the others go on as ever.
const NEEDS: [(&str, &str); 10] = [
    (
        "epochs",
        "introspect refresh redeem machine-token revoke lockdown customer sessions trail sign-in authorize account",
    ),
    ("sessions", "introspect refresh redeem machine-token revoke lockdown customer sessions trail"),
    ("revoked_tokens", "introspect refresh lockdown customer sessions trail"),
    ("clients", "introspect refresh redeem machine-token revoke sessions authorize sign-in"),
    ("client_secrets", "introspect refresh redeem machine-token revoke authorize"),
    ("codes", "redeem sign-in"),
    ("customers", "lockdown customer sessions sign-in account"),
    ("throttles", "sign-in"),
    ("logins", "sign-in authorize"),
    ("audit", "refresh redeem machine-token revoke lockdown customer sessions trail sign-in"),
];

/// What needs no table but for the machine's token, which a copy proves where checks are answered from memory.
const NEAR: [(&str, &str); 3] = [
    ("epochs", "trail"),
    ("sessions", "lockdown customer trail"),
    ("revoked_tokens", "lockdown customer sessions trail"),
];

#[tokio::test(flavor = "multi_thread")]
async fn err_03_whatever_cannot_be_read_is_refused_and_never_guessed() {
    for (table, needed) in NEEDS {
        let ready = Ready::new().await;
        ready.server.db_run(format!("ALTER TABLE {table} RENAME TO {table}_gone").leak(), &[]).await;
        let answers = ready.all().await;
        ready.server.db_run(format!("ALTER TABLE {table}_gone RENAME TO {table}").leak(), &[]).await;
        for (what, seen) in &answers {
            // Once client and redirect URI are proven, the application is told (RFC 6749 §4.1.2.1).
            let told = seen.answer("error").as_deref() == Some("temporarily_unavailable");
            let refused = told || seen.status == StatusCode::SERVICE_UNAVAILABLE;
            let is_near = ready.server.app.settings.is_fast
                && NEAR.iter().any(|(name, verbs)| *name == table && verbs.split(' ').any(|verb| verb == *what));
            let expected = !is_near && needed.split(' ').any(|verb| verb == *what);
            assert_eq!(refused, expected, "without {table}, {what}: {} {}", seen.status, seen.body);
            if refused && !PAGES.contains(what) {
                assert_unavailable(seen, &format!("without {table}, {what}"));
            }
            for inside in [table, "SELECT", "relation", "no such table", "sqlx", "src/"] {
                assert!(!refused || !seen.body.contains(inside), "{what} tells {inside}: {}", seen.body);
            }
        }
        if ["epochs", "audit"].contains(&table) {
            ready.assert_untouched(table).await;
        }
    }
}
