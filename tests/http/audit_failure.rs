//! No audit, no change: while no audit row can be written, everything that would change something answers 503 and changes
//! nothing, and everything is as it was when rows can be written again.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::browser::{Browser, Seen};
use crate::support::flow::{Pair, authorize_path};
use crate::support::{JOHN, PASSWORD, TestServer};

const MOBILE: &str = "naybitono-mobile";
const WEB: &str = "naybitono-web";

fn unavailable(seen: &Seen) {
    assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE, "{}", seen.body);
    assert!(seen.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
}

/// The same at a direct endpoint.
fn unavailable_json(seen: &Seen) {
    unavailable(seen);
    assert_eq!(seen.error(), "temporarily_unavailable");
    assert!(!seen.body.contains("audit"), "nothing of our insides: {}", seen.body);
}

/// The same for a person: a page that says so, or, once client and address are proven, back to the client with that error.
fn unavailable_to_a_person(seen: &Seen) {
    assert_eq!(seen.answer("code"), None);
    if seen.status == StatusCode::SEE_OTHER {
        assert_eq!(seen.answer("error").as_deref(), Some("temporarily_unavailable"), "{}", seen.location());
    } else {
        unavailable(seen);
    }
}

/// How many rows each table has, and the sum of what only ever grows.
async fn state(server: &TestServer) -> Vec<i64> {
    let mut counts = Vec::new();
    for sql in [
        "SELECT COUNT(*) FROM sessions",
        "SELECT COUNT(*) FROM sessions WHERE ended_at IS NOT NULL",
        "SELECT CAST(COALESCE(SUM(generation), 0) AS BIGINT) FROM sessions",
        "SELECT COUNT(*) FROM browser_sessions",
        "SELECT COUNT(*) FROM browser_sessions WHERE ended_at IS NOT NULL",
        "SELECT COUNT(*) FROM devices",
        "SELECT COUNT(*) FROM devices WHERE revoked_at IS NOT NULL",
        "SELECT COUNT(*) FROM logins",
        "SELECT COUNT(*) FROM consents",
        "SELECT COUNT(*) FROM codes",
        "SELECT COUNT(*) FROM codes WHERE redeemed_at IS NOT NULL",
        "SELECT COUNT(*) FROM revoked_tokens",
        "SELECT COUNT(*) FROM incidents",
        "SELECT COUNT(*) FROM incidents WHERE closed_at IS NOT NULL",
        "SELECT COUNT(*) FROM idempotency_keys",
        "SELECT CAST(SUM(epoch) AS BIGINT) FROM epochs",
        "SELECT COUNT(*) FROM epochs WHERE level <> 'none'",
    ] {
        counts.push(server.db_count(sql).await);
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_02_no_token_is_given_exchanged_or_taken_back_without_its_row() {
    let server = TestServer::start().await;
    let (mobile, web) = (server.pair(MOBILE).await, server.pair(WEB).await);
    let stolen = server.pair(MOBILE).await;
    let used = Pair::of(&server.refresh(MOBILE, &stolen.refresh, &[]).await);
    Pair::of(&server.refresh(MOBILE, &used.refresh, &[]).await);
    let code = server.code(MOBILE).await;
    server.db_refuse_audit().await;
    let before = state(&server).await;

    unavailable_json(&server.refresh(MOBILE, &mobile.refresh, &[]).await);
    unavailable_json(&server.refresh(MOBILE, &web.refresh, &[]).await);
    unavailable_json(&server.refresh(MOBILE, &stolen.refresh, &[]).await);
    unavailable_json(&server.redeem(MOBILE, &code).await);
    unavailable_json(&server.token("batch-job", &[("grant_type", "client_credentials")]).await);
    let form = [("grant_type", "client_credentials")];
    unavailable_json(&server.post("/oauth/token", Some(("batch-job", "wrong")), &form).await);
    for token in [&mobile.access, &mobile.refresh, &web.refresh] {
        let form = [("client_id", MOBILE), ("token", token.as_str())];
        unavailable_json(&server.post("/oauth/revoke", None, &form).await);
    }
    assert_eq!(state(&server).await, before);
    assert!(server.is_active(&mobile.access).await && server.is_active(&web.access).await, "checks go on");

    server.db_accept_audit().await;
    assert_eq!(server.redeem(MOBILE, &code).await.status, StatusCode::OK, "the code is still good");
    assert_eq!(server.refresh(MOBILE, &mobile.refresh, &[]).await.status, StatusCode::OK);
    assert_eq!(server.refresh(MOBILE, &stolen.refresh, &[]).await.error(), "invalid_grant");
    assert_eq!(server.audit("refresh_reuse").await.len(), 1, "the theft is written down now");
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_02_nothing_is_locked_unlocked_or_revoked_without_its_row() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    let told = server.introspect("accounts-api", &pair.access).await.json();
    let fraud = server.machine_token("fraud-desk").await;
    let branch = server.machine_token("branch-desk").await;
    let ops = server.machine_token("ops-desk").await;
    server.lock("CUST_2").await;
    server.db_refuse_audit().await;
    let before = state(&server).await;

    let id = |name: &str| told[name].as_str().unwrap().to_owned();
    let key = [("Idempotency-Key", "k")];
    for (method, path, bearer, body) in [
        ("POST", format!("/api/v1/customers/{JOHN}/lockdown"), &fraud, Some(json!({ "reason": "stolen" }))),
        ("DELETE", format!("/api/v1/sessions/{}", id("sid")), &ops, None),
        ("DELETE", format!("/api/v1/devices/{}", id("device_id")), &ops, None),
    ] {
        let seen = server.api_with(method, &path, bearer, body, &key).await;
        unavailable(&seen);
        assert_eq!((&seen.json()["status"], &seen.json()["committed"]), (&json!("unconfirmed"), &json!("unknown")));
    }
    let unlock = Some(json!({ "reason": "checked", "approved_by": "the-supervisor" }));
    let seen = server.api("POST", "/api/v1/customers/CUST_2/unlock", &branch, unlock).await;
    unavailable(&seen);
    assert_eq!(seen.header("content-type"), "application/problem+json");
    for path in
        ["/api/v1/audit".to_owned(), format!("/api/v1/customers/{JOHN}"), format!("/api/v1/customers/{JOHN}/sessions")]
    {
        let seen = server.api("GET", &path, &ops, None).await;
        unavailable(&seen);
        assert!(!seen.body.contains(JOHN), "who looks unseen sees nothing");
    }
    assert_eq!(state(&server).await, before);
    assert!(server.is_active(&pair.access).await);
    server.db_accept_audit().await;
    assert_eq!(server.lock(JOHN).await.status, StatusCode::OK);
    assert!(!server.is_active(&pair.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_02_nobody_signs_in_consents_or_signs_out_without_its_row() {
    let server = TestServer::start().await;
    let mut signed_in = Browser::new(&server);
    signed_in.authorize(&authorize_path(MOBILE, &[]), JOHN).await;
    let account = signed_in.get("/account").await;
    let mut asked = Browser::new(&server);
    asked.get(&authorize_path(WEB, &[])).await;
    let page = asked.get("/login").await;
    asked.type_password(&page, JOHN, PASSWORD).await;
    let consent = asked.get("/consent").await;
    let mut outside = Browser::new(&server);
    outside.get(&authorize_path(MOBILE, &[])).await;
    let login = outside.get("/login").await;
    server.db_refuse_audit().await;
    let before = state(&server).await;

    for password in [PASSWORD, "not-the-password-at-all"] {
        let seen = outside.type_password(&login, JOHN, password).await;
        unavailable(&seen);
        assert!(seen.headers.get("set-cookie").is_none(), "no cookie: {:?}", seen.headers);
    }
    for decision in ["approve", "deny"] {
        let seen = asked.post("/consent", &[("csrf_token", &consent.csrf()), ("decision", decision)]).await;
        unavailable_to_a_person(&seen);
    }
    unavailable_to_a_person(&signed_in.get(&authorize_path("post-client", &[])).await);
    unavailable(&signed_in.post("/account/sign-out", &[("csrf_token", &account.csrf())]).await);
    assert_eq!(state(&server).await, before);

    server.db_accept_audit().await;
    assert_eq!(signed_in.get("/account").await.status, StatusCode::OK, "still signed in");
    let seen = asked.post("/consent", &[("csrf_token", &consent.csrf()), ("decision", "approve")]).await;
    assert!(seen.answer("code").is_some(), "the consent page is still good: {}", seen.status);
    let seen = outside.type_password(&login, JOHN, PASSWORD).await;
    assert!(seen.answer("code").is_some(), "and so is the sign-in page: {}", seen.status);
}
