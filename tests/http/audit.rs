//! The audit trail: every deed leaves its row, with who, what, whom, when, from where and how it ended.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::flow::{Pair, authorize_path};
use crate::support::{JOHN, PASSWORD, TestServer};

const MOBILE: &str = "naybitono-mobile";
const WEB: &str = "naybitono-web";

/// The trail so far, to tell what is new in it.
#[derive(Default)]
struct Trail(BTreeSet<String>);

impl Trail {
    /// Fails unless exactly these rows are new, as (action, outcome, actor kind, actor, target kind, customer). Reads of
    /// the trail itself and tokens for reading it are left out; rows of one millisecond may come in any order.
    async fn wrote(&mut self, server: &TestServer, wanted: &[[&str; 6]]) {
        let mut found: Vec<[String; 6]> = self.new_rows(server).await.iter().map(line).collect();
        let mut wanted: Vec<[String; 6]> = wanted.iter().map(|row| row.map(str::to_owned)).collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted);
    }

    async fn new_rows(&mut self, server: &TestServer) -> Vec<Value> {
        let mut rows = server.trail().await;
        rows.retain(|row| self.0.insert(row["audit_id"].as_str().expect("an id").to_owned()));
        rows.retain(|row| row["action"] != "audit_read" && row["action"] != "token_issue");
        rows
    }
}

fn line(row: &Value) -> [String; 6] {
    let names = ["action", "outcome", "actor_kind", "actor_id", "target_kind", "customer_id"];
    names.map(|name| row[name].as_str().unwrap_or("-").to_owned())
}

const SIGNED_IN: [&str; 6] = ["sign_in", "done", "customer", JOHN, "browser_session", JOHN];
const CONSENT: [&str; 6] = ["consent", "done", "customer", JOHN, "client", JOHN];
const ISSUED: [&str; 6] = ["code_issue", "done", "customer", JOHN, "session", JOHN];
const REUSED: [&str; 6] = ["challenge_reuse", "alarm", "customer", JOHN, "client", JOHN];

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_signing_in_and_getting_tokens_is_written_down() {
    let server = TestServer::start().await;
    let mut trail = Trail::default();
    trail.new_rows(&server).await;

    let mut browser = Browser::new(&server);
    browser.get(&authorize_path(WEB, &[])).await;
    let page = browser.get("/login").await;
    browser.type_password(&page, JOHN, "not-the-password-at-all").await;
    browser.type_password(&page, "Somebody Else", "not-the-password-at-all").await;
    let wrong = ["sign_in", "refused", "anonymous", "", "customer", JOHN];
    let unknown = ["sign_in", "refused", "anonymous", "", "customer", "-"];
    trail.wrote(&server, &[wrong, unknown]).await;

    browser.type_password(&page, JOHN, PASSWORD).await;
    trail.wrote(&server, &[SIGNED_IN]).await;
    let consent = browser.get("/consent").await;
    let deny = [("csrf_token", consent.csrf()), ("decision", "deny".to_owned())];
    browser.post("/consent", &deny.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    trail.wrote(&server, &[["consent", "refused", "customer", JOHN, "client", JOHN]]).await;

    let code = browser.authorize(&authorize_path(WEB, &[]), JOHN).await.answer("code").expect("a code");
    trail.wrote(&server, &[CONSENT, ISSUED]).await;
    server.redeem(MOBILE, &code).await;
    trail.wrote(&server, &[["code_redeem", "refused", "client", MOBILE, "session", JOHN]]).await;
    assert_eq!(server.redeem(WEB, &code).await.status, StatusCode::OK);
    trail.wrote(&server, &[["code_redeem", "done", "client", WEB, "session", JOHN]]).await;
    assert_eq!(server.redeem(WEB, &code).await.status, StatusCode::BAD_REQUEST);
    trail.wrote(&server, &[["code_replay", "alarm", "client", WEB, "session", JOHN]]).await;

    browser.authorize(&authorize_path(WEB, &[("prompt", "consent")]), JOHN).await;
    trail.wrote(&server, &[CONSENT, REUSED, ISSUED]).await;
    let page = browser.get("/account").await;
    browser.post("/account/sign-out", &[("csrf_token", &page.csrf())]).await;
    trail.wrote(&server, &[["sign_out", "done", "customer", JOHN, "browser_session", JOHN]]).await;

    let form = [("grant_type", "client_credentials")];
    server.post("/oauth/token", Some(("batch-job", "wrong")), &form).await;
    server.post("/oauth/token", Some(("nobody", "wrong")), &form).await;
    let refused = ["client_authentication", "refused", "anonymous", "", "client", "-"];
    trail.wrote(&server, &[refused, refused]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_refreshing_and_taking_back_is_written_down() {
    let server = TestServer::start().await;
    let ops = server.machine_token("ops-desk").await;
    let pairs = [server.pair(MOBILE).await, server.pair(MOBILE).await, server.pair(MOBILE).await];
    let told = server.introspect("accounts-api", &pairs[2].access).await.json();
    let mut trail = Trail::default();
    trail.new_rows(&server).await;

    let next = Pair::of(&server.refresh(MOBILE, &pairs[0].refresh, &[]).await);
    trail.wrote(&server, &[["refresh", "done", "client", MOBILE, "session", JOHN]]).await;
    server.refresh(MOBILE, &pairs[0].refresh, &[]).await;
    trail.wrote(&server, &[["refresh_retry", "done", "client", MOBILE, "session", JOHN]]).await;
    Pair::of(&server.refresh(MOBILE, &next.refresh, &[]).await);
    server.refresh(MOBILE, &pairs[0].refresh, &[]).await;
    let rows = [
        ["refresh", "done", "client", MOBILE, "session", JOHN],
        ["refresh_reuse", "alarm", "client", MOBILE, "session", JOHN],
    ];
    trail.wrote(&server, &rows).await;

    for token in [&pairs[1].access, &pairs[1].refresh] {
        server.post("/oauth/revoke", None, &[("client_id", MOBILE), ("token", token)]).await;
    }
    let row = ["token_revoke", "done", "client", MOBILE, "session", JOHN];
    trail.wrote(&server, &[row, row]).await;
    for (kind, name) in [("sessions", "sid"), ("devices", "device_id")] {
        let path = format!("/api/v1/{kind}/{}", told[name].as_str().unwrap());
        assert_eq!(server.api("DELETE", &path, &ops, None).await.status, StatusCode::OK);
    }
    let rows = [
        ["session_revoke", "done", "client", "ops-desk", "session", JOHN],
        ["device_revoke", "done", "client", "ops-desk", "device", JOHN],
    ];
    trail.wrote(&server, &rows).await;
    server.lock(JOHN).await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await;
    browser.type_password(&page, JOHN, PASSWORD).await;
    server.unlock(JOHN).await;
    let rows = [
        ["lockdown", "done", "client", "fraud-desk", "customer", JOHN],
        ["sign_in", "refused", "customer", JOHN, "customer", JOHN],
        ["unlock", "done", "client", "branch-desk", "customer", JOHN],
    ];
    trail.wrote(&server, &rows).await;
    server.db_lock_client(MOBILE).await;
    server.db_lock_everyone().await;
    let rows =
        [["mass_revoke", "done", "system", "", "client", "-"], ["mass_revoke", "done", "system", "", "everyone", "-"]];
    trail.wrote(&server, &rows).await;

    let ops = server.machine_token("ops-desk").await;
    for more in ["", "/sessions", "/devices"] {
        server.api("GET", &format!("/api/v1/customers/{JOHN}{more}"), &ops, None).await;
    }
    let row = ["customer_read", "done", "client", "ops-desk", "customer", JOHN];
    trail.wrote(&server, &[row, row, row]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_a_row_says_who_what_when_from_where_and_in_which_request() {
    let server = TestServer::start_with(&[("trusted_proxies", "127.0.0.1")]).await;
    let bearer = server.machine_token("fraud-desk").await;
    let headers = [("X-Forwarded-For", "192.0.2.77"), ("User-Agent", "Desk/3.1"), ("X-Request-Id", "call-4711")];
    let body = json!({ "reason": "phone stolen", "note": "at the market" });
    let before = server.app.clock.now();
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    let receipt = server.api_with("POST", &path, &bearer, Some(body), &headers).await.json();
    let rows = server.audit("lockdown").await;
    let row = rows.last().expect("a row");
    let names: BTreeSet<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = "action actor_id actor_kind address agent at audit_id customer_id outcome reason request_id target_id target_kind";
    assert_eq!(names, wanted.split(' ').collect());
    for (name, value) in [
        ("actor_kind", "client"),
        ("actor_id", "fraud-desk"),
        ("action", "lockdown"),
        ("outcome", "done"),
        ("target_kind", "customer"),
        ("target_id", JOHN),
        ("customer_id", JOHN),
        ("address", "192.0.2.77"),
        ("agent", "Desk/3.1"),
        ("request_id", "call-4711"),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
    let reason = format!("{}: phone stolen", receipt["incident_id"].as_str().unwrap());
    assert_eq!(row["reason"], json!(reason));
    let at = chrono::DateTime::parse_from_rfc3339(row["at"].as_str().unwrap()).expect("RFC 3339");
    assert!(at >= before && at <= server.app.clock.now());
    assert_eq!(at.offset().local_minus_utc(), 0, "UTC");
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_tokens_of_machines_are_counted_and_reading_the_trail_is_in_it() {
    let server = TestServer::start().await;
    for _ in 0..3 {
        server.machine_token("batch-job").await;
    }
    rescind::jobs::finish(&server.app).await;
    let rows = server.audit("token_issue").await;
    let of_batch: Vec<&Value> = rows.iter().filter(|row| row["target_id"] == "batch-job").collect();
    assert_eq!(of_batch.len(), 1, "{rows:?}");
    assert_eq!((&of_batch[0]["reason"], &of_batch[0]["actor_kind"]), (&json!("3 tokens"), &json!("system")));
    let read = server.audit("audit_read").await;
    assert!(read.len() >= 2 && read.iter().all(|row| row["actor_id"] == "ops-desk"), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_the_trail_of_one_customer_holds_no_other() {
    let server = TestServer::start().await;
    server.lock(JOHN).await;
    server.lock("CUST_2").await;
    let ops = server.machine_token("ops-desk").await;
    let seen = server.api("GET", "/api/v1/audit?customer=CUST_2", &ops, None).await.json();
    let rows = seen["items"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["customer_id"] == "CUST_2"));
    assert_eq!(rows.iter().filter(|row| row["action"] == "lockdown").count(), 1);
    let none = server.api("GET", "/api/v1/audit?customer=CUST_NONE", &ops, None).await.json();
    assert_eq!(none, json!({ "items": [], "next_cursor": null }));
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_the_trail_holds_no_token_secret_or_password() {
    let server = TestServer::start().await;
    let pair = server.pair(WEB).await;
    let next = Pair::of(&server.refresh(WEB, &pair.refresh, &[]).await);
    server.refresh(MOBILE, &next.refresh, &[]).await;
    server.redeem(WEB, &server.code(WEB).await).await;
    server.lock(JOHN).await;
    let whole = serde_json::to_string(&server.trail().await).unwrap();
    assert!(whole.contains(JOHN), "not an empty trail");
    for canary in ["nyb_", PASSWORD, server.secret(WEB), server.secret("fraud-desk")] {
        assert!(!whole.contains(canary), "{canary}");
    }
}
