//! The API for machines: who gets in, what is there, what is not.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::browser::Seen;
use crate::support::{JOHN, TestServer};

const MOBILE: &str = "naybitono-mobile";
const NOWHERE: &str = "01920f6e-0000-7000-8000-000000000000";

/// Every route of the API with the scope it takes.
fn routes() -> Vec<(&'static str, String, &'static str, Option<Value>)> {
    let lock = Some(json!({ "reason": "stolen" }));
    let unlock = Some(json!({ "reason": "checked", "approved_by": "the-supervisor" }));
    vec![
        ("GET", format!("/api/v1/customers/{JOHN}"), "sessions:read", None),
        ("GET", format!("/api/v1/customers/{JOHN}/sessions"), "sessions:read", None),
        ("GET", format!("/api/v1/customers/{JOHN}/devices"), "sessions:read", None),
        ("DELETE", format!("/api/v1/sessions/{NOWHERE}"), "sessions:revoke", None),
        ("DELETE", format!("/api/v1/devices/{NOWHERE}"), "sessions:revoke", None),
        ("POST", format!("/api/v1/customers/{JOHN}/lockdown"), "customers:lock", lock),
        ("POST", format!("/api/v1/customers/{JOHN}/unlock"), "customers:unlock", unlock),
        ("GET", "/api/v1/audit".to_owned(), "audit:read", None),
    ]
}

fn problem(seen: &Seen, status: u16) {
    assert_eq!(seen.status.as_u16(), status, "{}", seen.body);
    assert_eq!(seen.header("content-type"), "application/problem+json");
    assert_eq!(seen.header("cache-control"), "no-store");
    assert_eq!(seen.json()["status"], json!(status));
    assert_eq!(seen.json()["request_id"], seen.header("x-request-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bea_01_without_or_with_a_bad_token_nothing_opens() {
    let server = TestServer::start().await;
    let person = server.pair(MOBILE).await;
    let batch = server.machine_token("batch-job").await;
    let old = server.machine_token("ops-desk").await;
    server.db_lock_client("ops-desk").await;
    for (method, path, _, body) in routes() {
        let seen = server.api(method, &path, "", body.clone()).await;
        problem(&seen, 401);
        assert_eq!(seen.header("www-authenticate"), "Bearer realm=\"rescind\"", "no error code: {path}");
        let basic = [("Authorization", "Basic b3BzLWRlc2s6eA==")];
        let seen = server.api_with(method, &path, "", body.clone(), &basic).await;
        assert_eq!(seen.header("www-authenticate"), "Bearer realm=\"rescind\"", "{path}");

        for bad in ["garbage", &person.access, &person.refresh, &batch, &old] {
            let seen = server.api(method, &path, bad, body.clone()).await;
            problem(&seen, 401);
            assert_eq!(seen.header("www-authenticate"), "Bearer error=\"invalid_token\"", "{path}");
        }
    }
    server.wait(601);
    let expired = server.machine_token("ops-desk").await;
    server.wait(601);
    let seen = server.api("GET", "/api/v1/audit", &expired, None).await;
    assert_eq!(seen.header("www-authenticate"), "Bearer error=\"invalid_token\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn bea_01_too_little_scope_names_the_scope_needed() {
    let server = TestServer::start().await;
    for (method, path, scope, body) in routes() {
        for (desk, has) in [
            ("fraud-desk", "customers:lock"),
            ("branch-desk", "customers:unlock"),
            ("ops-desk", "sessions:read sessions:revoke audit:read"),
        ] {
            if has.split(' ').any(|word| word == scope) {
                continue;
            }
            let bearer = server.machine_token(desk).await;
            let seen = server.api(method, &path, &bearer, body.clone()).await;
            problem(&seen, 403);
            let wanted = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
            assert_eq!(seen.header("www-authenticate"), wanted, "{desk} {path}");
        }
    }
    let narrow = [("grant_type", "client_credentials"), ("scope", "audit:read")];
    let bearer = server.token("ops-desk", &narrow).await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(server.api("GET", "/api/v1/audit", &bearer, None).await.status, StatusCode::OK);
    problem(&server.api("GET", &format!("/api/v1/customers/{JOHN}"), &bearer, None).await, 403);
    let level = server.db_count("SELECT COUNT(*) FROM epochs WHERE level <> 'none'").await;
    assert_eq!(level, 0, "nobody was locked by any of these");
}

#[tokio::test(flavor = "multi_thread")]
async fn bea_01_two_ways_at_once_or_malformed_is_a_bad_request() {
    let server = TestServer::start().await;
    let good = server.machine_token("ops-desk").await;
    let line = format!("Bearer {good}");
    let twice = [("Authorization", line.as_str()), ("Authorization", line.as_str())];
    for (path, headers) in [
        ("/api/v1/audit", &twice[..]),
        ("/api/v1/audit", &[("Authorization", "Bearer")]),
        ("/api/v1/audit", &[("Authorization", "Bearer a b")]),
        (&format!("/api/v1/audit?access_token={good}"), &twice[..1]),
    ] {
        problem(&server.api_with("GET", path, "", None, headers).await, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bea_02_a_token_in_the_url_or_a_cookie_is_none_and_the_scheme_has_no_case() {
    let server = TestServer::start().await;
    let good = server.machine_token("ops-desk").await;
    let in_url = server.api("GET", &format!("/api/v1/audit?access_token={good}"), "", None).await;
    problem(&in_url, 401);
    assert_eq!(in_url.header("www-authenticate"), "Bearer realm=\"rescind\"");
    assert!(!in_url.body.contains(&good));
    for name in ["access_token", "__Host-rescind_session", "Authorization"] {
        let cookie = format!("{name}={good}");
        problem(&server.api_with("GET", "/api/v1/audit", "", None, &[("Cookie", &cookie)]).await, 401);
    }
    for scheme in ["bearer", "BEARER", "Bearer", "bEaReR"] {
        let line = format!("{scheme} {good}");
        let seen = server.api_with("GET", "/api/v1/audit", "", None, &[("Authorization", &line)]).await;
        assert_eq!(seen.status, StatusCode::OK, "{scheme}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_02_not_there_and_not_nameable_are_one_answer() {
    let server = TestServer::start().await;
    let (ops, fraud) = (server.machine_token("ops-desk").await, server.machine_token("fraud-desk").await);
    let branch = server.machine_token("branch-desk").await;
    let unlock = json!({ "reason": "x", "approved_by": "the-supervisor" });
    let mut answers = Vec::new();
    // Unknown, malformed, and names of clients and staff, which are not customers.
    for id in ["CUST_NONE", "no%20such", "%00", "%ff", MOBILE, "the-agent", &"x".repeat(300)] {
        for more in ["", "/sessions", "/devices"] {
            answers.push(server.api("GET", &format!("/api/v1/customers/{id}{more}"), &ops, None).await);
        }
        let path = format!("/api/v1/customers/{id}");
        let lock = Some(json!({ "reason": "x" }));
        answers.push(server.api("POST", &format!("{path}/lockdown"), &fraud, lock).await);
        answers.push(server.api("POST", &format!("{path}/unlock"), &branch, Some(unlock.clone())).await);
    }
    for id in [NOWHERE, "1", "no%20such", JOHN] {
        for kind in ["sessions", "devices"] {
            answers.push(server.api("DELETE", &format!("/api/v1/{kind}/{id}"), &ops, None).await);
        }
    }
    let shown = |seen: &Seen| {
        let mut told = seen.json();
        told["request_id"] = json!(null);
        told
    };
    for seen in &answers {
        problem(seen, 404);
        assert_eq!(shown(seen), shown(&answers[0]));
    }
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_shown_with_sessions_and_devices_page_by_page() {
    let server = TestServer::start().await;
    let ops = server.machine_token("ops-desk").await;
    let mut alive = Vec::new();
    for _ in 0..3 {
        let pair = server.pair(MOBILE).await;
        alive.push(server.sid(&pair.access).await);
        server.wait(1);
    }
    let dead = server.pair(MOBILE).await;
    let path = format!("/api/v1/sessions/{}", server.sid(&dead.access).await);
    server.api("DELETE", &path, &ops, None).await;

    let path = format!("/api/v1/customers/{JOHN}/sessions");
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for page in 0..3 {
        let seen = server.api("GET", &format!("{path}?limit=1{cursor}"), &ops, None).await.json();
        assert_eq!(seen["items"].as_array().unwrap().len(), 1, "page {page}");
        found.push(seen["items"][0]["session_id"].as_str().unwrap().to_owned());
        cursor = seen["next_cursor"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default();
        assert_eq!(cursor.is_empty(), page == 2, "no page after the last");
    }
    alive.reverse();
    assert_eq!(found, alive, "live ones only, newest first");
    for bad in ["limit=0", "limit=201", "limit=x", "limit=-1", "cursor=x", "cursor=1.x"] {
        problem(&server.api("GET", &format!("{path}?{bad}"), &ops, None).await, 400);
    }
    for bad in ["limit=0", "limit=201", "cursor=x"] {
        problem(&server.api("GET", &format!("/api/v1/audit?{bad}"), &ops, None).await, 400);
    }

    let shown = server.api("GET", &format!("/api/v1/customers/{JOHN}"), &ops, None).await.json();
    assert_eq!(
        (&shown["customer_id"], &shown["level"], &shown["incident_id"]),
        (&json!(JOHN), &json!("none"), &json!(null))
    );
    let number = server.lock(JOHN).await.json()["incident_id"].clone();
    let shown = server.api("GET", &format!("/api/v1/customers/{JOHN}"), &ops, None).await.json();
    assert_eq!((&shown["level"], &shown["incident_id"]), (&json!("full"), &number));
    let none = server.api("GET", &path, &ops, None).await.json();
    assert_eq!(none, json!({ "items": [], "next_cursor": null }), "a lockdown leaves no live session");
    let devices = server.api("GET", &format!("/api/v1/customers/{JOHN}/devices"), &ops, None).await.json();
    assert_eq!(devices["items"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lockdown_needs_a_reason_and_json() {
    let server = TestServer::start().await;
    let fraud = server.machine_token("fraud-desk").await;
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    for body in [
        json!({}),
        json!({ "reason": "" }),
        json!({ "reason": "  " }),
        json!({ "reason": 7 }),
        json!({ "reason": "x".repeat(201) }),
        json!({ "reason": "a\u{0}b" }),
        json!({ "reason": "a\u{1b}[2J" }),
        json!({ "reason": "x", "note": "n".repeat(2_001) }),
        json!([]),
    ] {
        problem(&server.api("POST", &path, &fraud, Some(body)).await, 400);
    }
    let form = server.api_with("POST", &path, &fraud, None, &[("Content-Type", "application/x-www-form-urlencoded")]);
    problem(&form.await, 415);
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 0);
    let noted = json!({ "reason": "x".repeat(200), "note": "n".repeat(2_000), "unknown": 1 });
    assert_eq!(server.api("POST", &path, &fraud, Some(noted)).await.status, StatusCode::OK);
}
