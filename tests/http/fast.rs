//! Checks from memory: nothing that was confirmed is ever overlooked, whatever a copy says, and the answers are those of
//! the plain variant.

use std::sync::Arc;

use reqwest::StatusCode;
use rescind::cache::near::Copied;
use rescind::service::introspect::{Answer, Question, check};
use rescind::store::sessions;
use uuid::Uuid;

use crate::support::flow::Pair;
use crate::support::{JOHN, TestServer, setup_actor};

const FAST: &[(&str, &str)] = &[("checks", "fast"), ("lease", "30")];

/// The session of a token, as its claims tell.
async fn sid(server: &TestServer, token: &str) -> Uuid {
    let seen = server.introspect("accounts-api", token).await;
    seen.json()["sid"].as_str().expect("a session").parse().expect("an id")
}

/// Reads a session as a refill does, after noting what was applied.
async fn db_refill(server: &TestServer, id: Uuid) -> Arc<Copied<sessions::Whole>> {
    let as_of = server.app.checks.node.view().as_of().expect("a view");
    let value = sessions::find_whole(&mut server.app.db.read().await.unwrap(), id).await.unwrap().expect("a session");
    Arc::new(Copied::new(value, as_of))
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_04_a_refill_that_read_before_a_lockdown_and_lands_after_it_changes_no_answer() {
    let server = TestServer::start_with(FAST).await;
    let pair = server.pair("naybitono-mobile").await;
    let id = sid(&server, &pair.access).await;
    let late = db_refill(&server, id).await;
    let locked = server.lock(JOHN).await;
    assert_eq!((locked.status, locked.json()["status"].as_str()), (StatusCode::OK, Some("confirmed")));
    server.app.checks.sessions.put(id, late.clone());
    assert!(!server.is_active(&pair.access).await, "an old copy is overruled");
    assert_eq!(server.unlock(JOHN).await.status, StatusCode::OK);
    server.app.checks.sessions.put(id, late);
    assert!(!server.is_active(&pair.access).await, "also after the unlock");
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_04_the_same_for_the_end_of_a_session_and_for_a_single_token() {
    let server = TestServer::start_with(FAST).await;
    for whole_grant in [true, false] {
        let pair = server.pair("naybitono-mobile").await;
        let id = sid(&server, &pair.access).await;
        let late = db_refill(&server, id).await;
        let token = if whole_grant { &pair.refresh } else { &pair.access };
        let revoked = server.post("/oauth/revoke", None, &[("token", token), ("client_id", "naybitono-mobile")]).await;
        assert_eq!(revoked.status, StatusCode::OK);
        server.app.checks.sessions.put(id, late);
        assert!(!server.is_active(&pair.access).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_03_a_copy_older_than_the_token_is_a_miss() {
    let server = TestServer::start_with(FAST).await;
    let pair = server.pair("naybitono-mobile").await;
    let id = sid(&server, &pair.access).await;
    let old = db_refill(&server, id).await;
    let new = Pair::of(&server.refresh("naybitono-mobile", &pair.refresh, &[]).await);
    server.app.checks.sessions.put(id, old);
    assert!(server.is_active(&new.access).await, "a valid token is not called dead because a copy is old");
    assert!(server.is_active(&pair.access).await, "an older one lives until it expires");
}

#[tokio::test(flavor = "multi_thread")]
async fn int_09_a_check_asks_the_database_once_and_then_answers_from_memory() {
    let server = TestServer::start_with(FAST).await;
    let pair = server.pair("naybitono-mobile").await;
    assert!(server.is_active(&pair.access).await);
    assert_eq!((server.app.checks.sessions.len(), server.app.checks.clients.len()), (1, 1));
    // Behind the house's back, so that nobody is told: only a test may.
    let mut tx = server.app.db.begin().await.unwrap();
    tx.execute("UPDATE sessions SET end_reason = 'untold', ended_at = created_at", &[]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(server.is_active(&pair.access).await, "it was not read again");
    let plain = TestServer::start_with(&[("checks", "plain")]).await;
    let other = plain.pair("naybitono-mobile").await;
    assert!(plain.is_active(&other.access).await);
    assert!(plain.app.checks.sessions.is_empty() && plain.app.checks.clients.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_05_without_a_lease_there_is_no_verdict() {
    let server = TestServer::start_with(FAST).await;
    let pair = server.pair("naybitono-mobile").await;
    assert!(server.is_active(&pair.access).await);
    server.db_stop_serving_checks().await;
    let seen = server.introspect("accounts-api", &pair.access).await;
    assert_eq!((seen.status, seen.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    assert_eq!(server.api("GET", "/health/ready", "", None).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.introspect("accounts-api", "nyb_at_garbage").await.status, StatusCode::OK, "no record is needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_lease_our_own_api_tells_nothing_and_obeys() {
    let server = TestServer::start_with(FAST).await;
    let (desk, pair) = (server.machine_token("ops-desk").await, server.pair("naybitono-mobile").await);
    let session = server.sid(&pair.access).await;
    server.db_stop_serving_checks().await;
    let sessions = format!("/api/v1/customers/{JOHN}/sessions");
    assert_eq!(server.api("GET", &sessions, &desk, None).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.api("GET", &sessions, "nyb_at_garbage", None).await.status, StatusCode::UNAUTHORIZED);
    let ordered = server.api("DELETE", &format!("/api/v1/sessions/{session}"), &desk, None).await;
    assert!(ordered.status.is_success(), "{ordered:?}");
    let seen = server.refresh("naybitono-mobile", &pair.refresh, &[]).await;
    assert_eq!(seen.error(), "invalid_grant");
}

/// A random number, the same in every run.
pub struct Dice(pub u64);

impl Dice {
    /// From 0 to below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn int_09_checks_from_memory_answer_as_the_truth_does_over_a_long_run() {
    let fast = TestServer::start_with(FAST).await;
    let mut dice = Dice(20_260_101);
    let mut pairs = vec![
        fast.pair("naybitono-mobile").await,
        fast.pair("naybitono-mobile").await,
        fast.pair("naybitono-mobile").await,
    ];
    let mut tokens: Vec<String> = pairs.iter().map(|pair| pair.access.clone()).collect();
    for step in 0..250 {
        match dice.roll(40) {
            0 => {
                assert_eq!(fast.lock(JOHN).await.status, StatusCode::OK);
                assert_eq!(fast.unlock(JOHN).await.status, StatusCode::OK);
                pairs.push(fast.pair("naybitono-mobile").await);
            }
            1 | 2 => {
                let at = usize::try_from(dice.roll(pairs.len() as u64)).unwrap();
                let token = if dice.roll(2) == 0 { pairs[at].access.clone() } else { pairs[at].refresh.clone() };
                fast.post("/oauth/revoke", None, &[("token", &token), ("client_id", "naybitono-mobile")]).await;
            }
            3..6 => {
                let at = usize::try_from(dice.roll(pairs.len() as u64)).unwrap();
                let seen = fast.refresh("naybitono-mobile", &pairs[at].refresh, &[]).await;
                if seen.status == StatusCode::OK {
                    pairs[at] = Pair::of(&seen);
                }
            }
            6 => pairs.push(fast.pair("naybitono-mobile").await),
            _ => {}
        }
        tokens.extend(pairs.iter().map(|pair| pair.access.clone()));
        tokens.sort_unstable();
        tokens.dedup();
        let token = &tokens[usize::try_from(dice.roll(tokens.len() as u64)).unwrap()];
        let said = fast.introspect("accounts-api", token).await;
        assert_eq!(said.status, StatusCode::OK, "step {step}");
        assert_eq!(said.body, plainly(&fast, token).await, "step {step}");
    }
    assert!(tokens.len() > 5, "the run was no run: {}", tokens.len());
}

/// What the plain variant says on the same database.
async fn plainly(server: &TestServer, token: &str) -> String {
    let app = server.db_plain_app().await;
    let caller =
        rescind::store::clients::find(&mut app.db.read().await.unwrap(), "accounts-api").await.unwrap().unwrap();
    match check(&app, &setup_actor(), &caller, Question { token, from: None }).await.unwrap() {
        Answer::Active(claims) => claims,
        Answer::Inactive => "{\"active\":false}".to_owned(),
        Answer::Forbidden | Answer::TooMany(_) => panic!("the oracle refuses"),
    }
}
