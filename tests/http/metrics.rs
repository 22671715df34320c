//! What `/metrics` says: real calls move the right counters by the right amount, and nothing on the page is anybody's.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use rescind::secret::password::HashError;
use rescind::secret::text::SecretText;

use crate::support::browser::Browser;
use crate::support::call::{FORM, JSON};
use crate::support::flow::authorize_path;
use crate::support::openmetrics::Measures;
use crate::support::{ISSUER, JOHN, PASSWORD, TestServer};

const FAST: &[(&str, &str)] = &[("checks", "fast"), ("lease", "30"), ("refresh_grace_seconds", "0")];

impl TestServer {
    /// Reads the page.
    pub async fn measures(&self) -> Measures {
        let seen = self.call("GET", "/metrics", &[], "").await;
        assert_eq!(seen.status, StatusCode::OK);
        assert_eq!(seen.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
        Measures::read(&seen.body)
    }

    /// What moved since, of the families whose names begin so.
    async fn moved(&self, before: &Measures, beginnings: &[&str]) -> BTreeMap<String, f64> {
        let mut moved = self.measures().await.since(before);
        moved.retain(|key, _| beginnings.iter().any(|start| key.starts_with(start)));
        moved
    }
}

fn expected(pairs: &[(&str, f64)]) -> BTreeMap<String, f64> {
    pairs.iter().map(|(key, by)| ((*key).to_owned(), *by)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_are_counted_by_answer_and_by_path() {
    let server = TestServer::start_with(FAST).await;
    let pair = server.pair("naybitono-mobile").await;
    let before = server.measures().await;
    for _ in 0..3 {
        assert!(server.is_active(&pair.access).await);
    }
    assert!(!server.is_active("nyb_at_garbage").await);
    assert_eq!(server.introspect("fraud-desk", &pair.access).await.status, StatusCode::FORBIDDEN);
    let wrong = server.post("/oauth/introspect", Some(("accounts-api", "wrong")), &[("token", &pair.access)]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let refreshing = server.introspect("naybitono-web", &pair.refresh).await;
    assert_eq!(refreshing.json()["active"], false);
    server.db_stop_serving_checks().await;
    assert_eq!(server.introspect("accounts-api", &pair.access).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let moved = server.moved(&before, &["rescind_check"]).await;
    let right = expected(&[
        ("rescind_checks_total{answer=\"active\"}", 3.0),
        ("rescind_checks_total{answer=\"inactive\"}", 2.0),
        ("rescind_checks_total{answer=\"refused\"}", 1.0),
        ("rescind_checks_total{answer=\"forbidden\"}", 1.0),
        ("rescind_checks_total{answer=\"unavailable\"}", 1.0),
        ("rescind_check_duration_seconds_count", 8.0),
        ("rescind_check_lookups_total{path=\"near\"}", 2.0),
        ("rescind_check_lookups_total{path=\"truth\"}", 2.0),
    ]);
    assert_eq!(moved, right);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_checks_are_counted_as_plain() {
    let server = TestServer::start_with(&[("checks", "plain")]).await;
    let pair = server.pair("naybitono-mobile").await;
    let before = server.measures().await;
    assert!(server.is_active(&pair.access).await && server.is_active(&pair.access).await);
    let moved = server.moved(&before, &["rescind_check_lookups"]).await;
    assert_eq!(moved, expected(&[("rescind_check_lookups_total{path=\"plain\"}", 2.0)]));
    assert!(server.measures().await.get("rescind_checks_fast") < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_sign_ins_revocations_and_alarms_are_counted() {
    let server = TestServer::start_with(FAST).await;
    let before = server.measures().await;
    let pair = server.pair("naybitono-web").await;
    let next = server.refresh("naybitono-web", &pair.refresh, &[]).await.json();
    let last = server.refresh("naybitono-web", next["refresh_token"].as_str().unwrap(), &[]).await;
    assert_eq!(last.status, StatusCode::OK);
    let reused = server.refresh("naybitono-web", &pair.refresh, &[]).await;
    assert_eq!(reused.error(), "invalid_grant");
    server.machine_token("batch-job").await;
    let odd = server.token("batch-job", &[("grant_type", "password")]).await;
    assert_eq!(odd.error(), "unsupported_grant_type");
    let mut stranger = Browser::new(&server);
    stranger.authorize(&authorize_path("naybitono-mobile", &[]), "nobody").await;
    server.staff(rescind::model::staff::Role::Agent).await;
    assert_eq!(server.lock(JOHN).await.status, StatusCode::OK);
    Browser::new(&server).authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await;
    let named = ["rescind_tokens", "rescind_sign", "rescind_revocation", "rescind_alarms", "rescind_audit"];
    let moved = server.moved(&before, &named).await;
    let right = expected(&[
        ("rescind_tokens_issued_total{grant=\"authorization_code\"}", 1.0),
        ("rescind_tokens_issued_total{grant=\"refresh_token\"}", 2.0),
        // One for the call, one for the lockdown's.
        ("rescind_tokens_issued_total{grant=\"client_credentials\"}", 2.0),
        ("rescind_tokens_refused_total{grant=\"refresh_token\",error=\"invalid_grant\"}", 1.0),
        ("rescind_tokens_refused_total{grant=\"other\",error=\"unsupported_grant_type\"}", 1.0),
        ("rescind_sign_ins_total{who=\"customer\",outcome=\"welcome\"}", 1.0),
        ("rescind_sign_ins_total{who=\"customer\",outcome=\"refused\"}", 1.0),
        ("rescind_sign_ins_total{who=\"customer\",outcome=\"restricted\"}", 1.0),
        ("rescind_sign_ins_total{who=\"staff\",outcome=\"welcome\"}", 1.0),
        ("rescind_revocations_total{kind=\"customer\",status=\"confirmed\"}", 1.0),
        ("rescind_revocations_total{kind=\"replay\",status=\"confirmed\"}", 1.0),
        ("rescind_revocation_confirmation_seconds_count", 2.0),
        ("rescind_alarms_total{action=\"refresh_reuse\"}", 1.0),
    ]);
    assert_eq!(moved, right);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_proven_and_rows_that_failed_are_counted() {
    let server = TestServer::start_with(FAST).await;
    let pair = server.pair("naybitono-mobile").await;
    let bearer = server.machine_token("fraud-desk").await;
    server.db_refuse_audit().await;
    let before = server.measures().await;
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    let locked = server.api("POST", &path, &bearer, Some(serde_json::json!({ "reason": "phone stolen" }))).await;
    assert_eq!(locked.json()["status"], "unconfirmed");
    let refreshed = server.refresh("naybitono-mobile", &pair.refresh, &[]).await;
    assert_eq!(refreshed.status, StatusCode::SERVICE_UNAVAILABLE);
    let named = ["rescind_revocation", "rescind_audit", "rescind_tokens"];
    let right = expected(&[
        ("rescind_revocations_total{kind=\"customer\",status=\"unconfirmed\"}", 1.0),
        ("rescind_audit_failures_total", 2.0),
        ("rescind_tokens_refused_total{grant=\"refresh_token\",error=\"unavailable\"}", 1.0),
    ]);
    assert_eq!(server.moved(&before, &named).await, right);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_forms_and_limits_are_counted() {
    let server = TestServer::start_with(&[("limit_scale", "1")]).await;
    let before = server.measures().await;
    let form = "grant_type=x&client_id=naybitono-mobile";
    server.call("POST", "/oauth/token", &[JSON], "{}").await;
    server.call("POST", "/oauth/token", &[FORM], "a=1&a=2").await;
    server.call("POST", "/oauth/token", &[FORM], &format!("{form}&x={}", "x".repeat(40_000))).await;
    server.call("POST", "/login", &[FORM, ("Origin", "https://evil.example")], "x=y").await;
    server.call("POST", "/console/sign-out", &[FORM, ("Origin", "https://evil.example")], "x=y").await;
    let mut browser = Browser::new(&server);
    browser.get("/login").await;
    let forged = browser.post("/login", &[("csrf_token", "forged"), ("username", "a"), ("password", "b")]).await;
    assert!(forged.status.is_client_error());
    for _ in 0..62 {
        server.call("GET", "/console/login", &[], "").await;
    }
    let moved = server.moved(&before, &["rescind_forms", "rescind_limits"]).await;
    let right = expected(&[
        ("rescind_forms_refused_total{reason=\"wrong_type\"}", 1.0),
        ("rescind_forms_refused_total{reason=\"malformed\"}", 1.0),
        ("rescind_forms_refused_total{reason=\"too_large\"}", 1.0),
        ("rescind_forms_refused_total{reason=\"foreign_origin\"}", 1.0),
        ("rescind_forms_refused_total{reason=\"forged\"}", 1.0),
        ("rescind_limits_hit_total{rule=\"staff_sign_in_per_address\"}", 2.0),
    ]);
    assert_eq!(moved, right);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_for_hashes_and_the_pools_are_measured() {
    let server = TestServer::start_with(&[("hash_threads", "1")]).await;
    let before = server.measures().await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..70 {
        let app = server.app.clone();
        all.spawn(async move { app.secrets.hasher.verify(&SecretText::from("wrong"), None).await });
    }
    let all = all.join_all().await;
    let busy = all.iter().filter(|done| **done == Err(HashError::Busy)).count();
    assert!((1..=5).contains(&busy), "{busy}");
    let after = server.measures().await;
    let moved = after.since(&before);
    let busy = f64::from(u32::try_from(busy).unwrap());
    let count = |key: &str| moved.get(key).copied().unwrap_or(0.0);
    assert!((count("rescind_password_hashes_refused_total") - busy).abs() < 0.5, "{moved:?}");
    assert!((count("rescind_password_hash_wait_seconds_count") - (70.0 - busy)).abs() < 0.5, "{moved:?}");
    let idle = after.get("rescind_password_hashes_running") + after.get("rescind_password_hashes_waiting");
    assert!(idle < 0.5, "everybody is through");

    server.app.db.ping().await.unwrap();
    let lent = server.app.db.read().await.unwrap();
    let later = server.measures().await;
    for lane in ["ahead", "read"] {
        let reads = format!("rescind_database_wait_seconds_count{{lane=\"{lane}\"}}");
        assert!(later.get(&reads) >= after.get(&reads) + 1.0, "a connection was lent: {lane}");
    }
    let used = |state: &str| {
        let all = later.samples.iter().filter(|(key, _)| key.starts_with("rescind_database_connections{"));
        all.filter(|(key, _)| key.contains(state)).map(|(_, value)| value).sum::<f64>()
    };
    assert!(used("state=\"used\"") >= 1.0, "{later:?}");
    drop(lent);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_the_feed_and_the_caches_are_measured() {
    let server = TestServer::start_with(FAST).await;
    let before = server.measures().await;
    assert!((before.get("rescind_checks_fast") - 1.0).abs() < 0.1);
    assert!(before.get("rescind_lease_length_seconds") > 0.0);
    let pair = server.pair("naybitono-mobile").await;
    assert!(server.is_active(&pair.access).await);
    assert_eq!(server.lock(JOHN).await.status, StatusCode::OK);
    let after = server.measures().await;
    let grown = |key: &str| after.get(key) - before.get(key);
    assert!(grown("rescind_feed_applied") >= 1.0 && grown("rescind_feed_committed") >= 1.0, "{after:?}");
    assert!(after.get("rescind_feed_committed") >= after.get("rescind_feed_applied"));
    assert!(grown("rescind_view_entries") >= 1.0);
    // John's, and that of the machine that locked him.
    assert!((after.get("rescind_near_entries{cache=\"sessions\"}") - 2.0).abs() < 0.1);
    server.db_stop_serving_checks().await;
    assert!(server.measures().await.get("rescind_lease_remaining_seconds") <= 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_series_is_there_from_the_start() {
    let server = TestServer::start_with(FAST).await;
    let before = server.measures().await;
    let pair = server.pair("naybitono-mobile").await;
    server.is_active(&pair.access).await;
    server.lock(JOHN).await;
    let keys = |measures: &Measures| measures.samples.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&before), keys(&server.measures().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_04_nothing_on_the_page_is_anybodys() {
    let server = TestServer::start_with(FAST).await;
    let pair = server.pair("naybitono-web").await;
    server.is_active(&pair.access).await;
    let sid = server.introspect("accounts-api", &pair.access).await.json()["sid"].as_str().unwrap().to_owned();
    server.refresh("naybitono-web", &pair.refresh, &[]).await;
    server
        .call("POST", "/oauth/token", &[FORM, ("X-Request-Id", "canary-id")], "grant_type=canary&client_id=canary")
        .await;
    server.call("POST", "/oauth/introspect", &[FORM, ("Origin", "https://canary.example")], "token=canary").await;
    let mut browser = Browser::new(&server);
    browser.authorize(&authorize_path("naybitono-mobile", &[("device_name", "canary")]), "canary").await;
    server.lock(JOHN).await;
    let text = server.call("GET", "/metrics", &[("X-Canary", "canary")], "").await.body;
    Measures::read(&text);
    let secrets = server.secrets.values().chain(server.secrets.keys()).map(String::as_str);
    let own = [JOHN, "John", "2547", "127.0.0.1", "canary", "nyb", &sid, PASSWORD, ISSUER, &pair.access, &pair.refresh];
    for word in own.into_iter().chain(secrets) {
        assert!(!text.contains(word), "{word} is on the page");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_read_while_the_database_is_away() {
    let server = TestServer::start().await;
    server.app.db.close().await;
    let pair = server.introspect("accounts-api", "nyb_at_garbage").await;
    assert_eq!(pair.status, StatusCode::SERVICE_UNAVAILABLE);
    let measures = server.measures().await;
    assert!((measures.get("rescind_checks_total{answer=\"unavailable\"}") - 1.0).abs() < 0.1);
}
