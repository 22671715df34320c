//! STO-08, LCK-02, P4: the answer to COMMIT is lost. What can't be proven is said, and repeating settles it.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::proxy::{AtCommit, Mode, Proxy};
use crate::support::browser::Seen;
use crate::support::database::is_postgres;
use crate::support::flow::Pair;
use crate::support::{JOHN, TestServer};

/// Longest wait until a repeated request is settled.
const SETTLING: Duration = Duration::from_secs(40);

async fn lock(server: &TestServer, bearer: &str, key: &str) -> Seen {
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    let body = json!({ "reason": "phone stolen", "note": "at 3:15" });
    server.api_with("POST", &path, bearer, Some(body), &[("Idempotency-Key", key)]).await
}

/// How many rows a table has of a kind.
async fn db_count(server: &TestServer, sql: &'static str) -> i64 {
    let mut conn = server.app.db.read().await.expect("connection");
    conn.value::<i64>(sql, &[]).await.expect("read").unwrap_or_default()
}

fn is_unconfirmed(seen: &Seen, committed: &Value) -> String {
    assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE, "{}", seen.body);
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.header("retry-after"), "1");
    let body = seen.json();
    let names: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["committed", "incident_id", "status"]);
    assert_eq!((&body["status"], &body["committed"]), (&json!("unconfirmed"), committed));
    let incident = body["incident_id"].as_str().expect("an incident").to_owned();
    assert!(incident.starts_with("INC_") && incident.len() == 14, "{incident}");
    incident
}

/// Repeats a lockdown until it is confirmed.
async fn settled(server: &TestServer, bearer: &str, key: &str) -> Value {
    let started = Instant::now();
    loop {
        let seen = lock(server, bearer, key).await;
        if seen.status == StatusCode::OK {
            return seen.json();
        }
        assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE, "{}", seen.body);
        assert!(started.elapsed() < SETTLING, "never confirmed: {}", seen.body);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn a_lost_lockdown_settles(trap: AtCommit, committed: Value) {
    if !is_postgres() {
        return;
    }
    let (proxy, server) = Proxy::server(&[]).await;
    let pair = server.pair("naybitono-mobile").await;
    let bearer = server.machine_token("fraud-desk").await;
    proxy.at_commit(trap);
    let first = is_unconfirmed(&lock(&server, &bearer, "press-1").await, &committed);
    assert!(proxy.is_sprung());
    proxy.set(Mode::Pass);

    let receipt = settled(&server, &bearer, "press-1").await;
    assert_eq!(receipt["incident_id"], json!(first), "the number read out to the caller holds");
    assert_eq!((&receipt["committed"], &receipt["sessions_ended"]), (&json!(true), &json!(1)), "{receipt}");
    assert!(!server.is_active(&pair.access).await);
    assert_eq!(server.refresh("naybitono-mobile", &pair.refresh, &[]).await.error(), "invalid_grant");
    assert_eq!(settled(&server, &bearer, "press-1").await["incident_id"], json!(first));
    assert_eq!(db_count(&server, "SELECT COUNT(*) FROM incidents").await, 1, "one press, one incident");
    assert_eq!(db_count(&server, "SELECT COUNT(*) FROM audit WHERE action = 'lockdown'").await, 1);
    assert_eq!(server.unlock(JOHN).await.json()["incident_id"], json!(first));
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_08_a_lockdown_cut_off_before_its_commit_settles_as_one_incident() {
    a_lost_lockdown_settles(AtCommit::CutBefore, json!("unknown")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_08_a_lockdown_cut_off_after_its_commit_settles_as_one_incident() {
    a_lost_lockdown_settles(AtCommit::CutAfter, json!("unknown")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_a_lockdown_that_is_stored_but_not_proven_says_so_and_settles_as_one_incident() {
    a_lost_lockdown_settles(AtCommit::CutOff, json!(true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_08_a_lockdown_that_hangs_at_its_commit_locks_nobody_out_and_settles_as_one_incident() {
    a_lost_lockdown_settles(AtCommit::Hang, json!("unknown")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_06_sto_08_a_refresh_whose_commit_was_lost_is_repeated_with_one_live_branch() {
    if !is_postgres() {
        return;
    }
    for trap in [AtCommit::CutBefore, AtCommit::CutAfter] {
        let (proxy, server) = Proxy::server(&[]).await;
        let pair = server.pair("naybitono-mobile").await;
        let before = db_count(&server, "SELECT MAX(generation) FROM sessions").await;
        proxy.at_commit(trap);
        let lost = server.refresh("naybitono-mobile", &pair.refresh, &[]).await;
        assert_eq!((lost.status, lost.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"), "{}", lost.body);
        let again = Pair::of(&server.refresh("naybitono-mobile", &pair.refresh, &[]).await);
        assert_eq!(Pair::of(&server.refresh("naybitono-mobile", &pair.refresh, &[]).await), again, "one branch");
        assert!(server.is_active(&again.access).await && server.is_active(&pair.access).await);
        assert_eq!(db_count(&server, "SELECT MAX(generation) FROM sessions").await, before + 1, "one rotation");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_10_a_code_whose_commit_was_lost_is_retryable_or_cleanly_dead() {
    if !is_postgres() {
        return;
    }
    let (proxy, server) = Proxy::server(&[]).await;
    let code = server.code("naybitono-mobile").await;
    proxy.at_commit(AtCommit::CutBefore);
    assert_eq!(server.redeem("naybitono-mobile", &code).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let pair = Pair::of(&server.redeem("naybitono-mobile", &code).await);
    assert!(server.is_active(&pair.access).await, "it never happened, so the code is good");

    let code = server.code("naybitono-mobile").await;
    let before = db_count(&server, "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL").await;
    proxy.at_commit(AtCommit::CutAfter);
    assert_eq!(server.redeem("naybitono-mobile", &code).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.redeem("naybitono-mobile", &code).await.error(), "invalid_grant", "it happened: a replay");
    assert_eq!(
        db_count(&server, "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL").await,
        before,
        "nothing lives"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rev_06_a_revocation_that_can_not_be_proven_is_503_and_safe_to_repeat() {
    if !is_postgres() {
        return;
    }
    let (proxy, server) = Proxy::server(&[]).await;
    for trap in [AtCommit::CutBefore, AtCommit::CutAfter] {
        let pair = server.pair("naybitono-mobile").await;
        let form = [("token", pair.refresh.as_str()), ("client_id", "naybitono-mobile")];
        proxy.at_commit(trap);
        let lost = server.post("/oauth/revoke", None, &form).await;
        assert_eq!((lost.status, lost.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"), "{}", lost.body);
        assert_eq!(lost.error(), "temporarily_unavailable");
        let again = server.post("/oauth/revoke", None, &form).await;
        assert_eq!((again.status, again.body.as_str()), (StatusCode::OK, ""));
        assert!(!server.is_active(&pair.access).await);
    }
}
