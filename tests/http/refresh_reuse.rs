//! The same refresh token more than once: double submits, lost answers, theft.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::TestServer;
use crate::support::browser::Seen;
use crate::support::flow::Pair;

const MOBILE: &str = "naybitono-mobile";
const WEB: &str = "naybitono-web";
const DAY: u64 = 86_400;

fn refused(seen: &Seen) {
    assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"), "{}", seen.body);
}

async fn refreshed(server: &TestServer, client: &str, token: &str) -> Pair {
    Pair::of(&server.refresh(client, token, &[]).await)
}

/// Nothing of the session lives: no access token, no refresh token.
async fn is_dead(server: &TestServer, client: &str, pairs: &[&Pair]) {
    for pair in pairs {
        assert!(!server.is_active(&pair.access).await);
        refused(&server.refresh(client, &pair.refresh, &[]).await);
    }
}

/// Refreshes as the mobile app, from an address and with a program of its own.
async fn refresh_from(server: &TestServer, token: &str, address: &str, agent: &str) -> Seen {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", MOBILE)];
    let request = reqwest::Client::new().post(server.url("/oauth/token")).form(&form);
    let request = request.header("X-Forwarded-For", address).header("User-Agent", agent);
    Seen::read(request.send().await.expect("an answer")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_05_sixty_four_at_once_with_one_token_give_one_branch() {
    let server = TestServer::start().await;
    for client in [MOBILE, WEB] {
        let first = server.pair(client).await;
        let all = (0..64).map(|_| server.refresh(client, &first.refresh, &[]));
        let answers = all_of(all).await;
        let pairs: BTreeSet<(String, String)> = answers
            .iter()
            .map(|seen| {
                let pair = Pair::of(seen);
                (pair.access, pair.refresh)
            })
            .collect();
        assert_eq!(pairs.len(), 1, "{client}: every answer is the one pair");
        let (access, refresh) = pairs.into_iter().next().unwrap();
        let sid = server.sid(&access).await;
        let generation: Option<i64> = server
            .db_value("SELECT generation FROM sessions WHERE session_id = $1", &[&uuid::Uuid::parse_str(&sid).unwrap()])
            .await;
        assert_eq!(generation, Some(2), "{client}: one rotation");
        let next = refreshed(&server, client, &refresh).await;
        assert!(server.is_active(&next.access).await);
    }
    assert_eq!(server.audit("refresh").await.len(), 4);
    assert_eq!(server.audit("refresh_retry").await.len(), 2 * 63, "each retry is written down");
}

/// Runs requests at once, and waits for all of them.
async fn all_of(requests: impl Iterator<Item = impl Future<Output = Seen>>) -> Vec<Seen> {
    rocket::futures::future::join_all(requests).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_06_a_retry_within_the_grace_gets_the_identical_pair_and_never_extends_it() {
    let server = TestServer::start().await;
    let first = server.pair(MOBILE).await;
    let second = refreshed(&server, MOBILE, &first.refresh).await;
    for _ in 0..2 {
        server.wait(3);
        let seen = server.refresh(MOBILE, &first.refresh, &[]).await;
        assert_eq!(Pair::of(&seen), second);
        assert!(seen.json()["expires_in"].as_i64().unwrap() <= 597, "what is left, not anew: {}", seen.body);
    }
    let rows = server.audit("refresh_retry").await;
    assert!(rows.len() == 2 && rows.iter().all(|row| row["outcome"] == "done"), "{rows:?}");

    server.wait(5);
    refused(&server.refresh(MOBILE, &first.refresh, &[]).await);
    is_dead(&server, MOBILE, &[&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_06_without_grace_a_public_client_may_not_repeat_but_a_proven_one_may() {
    let server = TestServer::start_with(&[("refresh_grace_seconds", "0")]).await;
    let first = server.pair(MOBILE).await;
    let second = refreshed(&server, MOBILE, &first.refresh).await;
    refused(&server.refresh(MOBILE, &first.refresh, &[]).await);
    is_dead(&server, MOBILE, &[&first, &second]).await;

    let first = server.pair(WEB).await;
    let second = refreshed(&server, WEB, &first.refresh).await;
    assert_eq!(refreshed(&server, WEB, &first.refresh).await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_06_a_proven_client_gets_the_pair_again_until_its_successor_is_used() {
    let server = TestServer::start().await;
    let first = server.pair(WEB).await;
    let second = refreshed(&server, WEB, &first.refresh).await;
    for hours in [1, 5, 100] {
        server.wait(hours * 3_600);
        let seen = server.refresh(WEB, &first.refresh, &[]).await;
        assert_eq!(Pair::of(&seen), second, "after {hours} more hours");
        assert_eq!(seen.json()["expires_in"], 0, "the access token has run out, and is said to have");
    }
    assert!(!server.is_active(&second.access).await, "nothing was minted");
    let third = refreshed(&server, WEB, &second.refresh).await;
    assert!(server.is_active(&third.access).await);

    refused(&server.refresh(WEB, &first.refresh, &[]).await);
    is_dead(&server, WEB, &[&first, &second, &third]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_06_a_retry_that_asks_for_something_else_is_no_retry() {
    for (client, asked) in [(MOBILE, ("scope", "openid")), (WEB, ("scope", "accounts:read"))] {
        let server = TestServer::start().await;
        let first = server.pair(client).await;
        let second = refreshed(&server, client, &first.refresh).await;
        refused(&server.refresh(client, &first.refresh, &[asked]).await);
        is_dead(&server, client, &[&first, &second]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_06_a_retry_of_a_narrowed_refresh_repeats_it_in_any_order_of_words() {
    let server = TestServer::start().await;
    let first = server.pair(MOBILE).await;
    let asked = |scope| [("scope", scope)];
    let seen = server.refresh(MOBILE, &first.refresh, &asked("openid accounts:read")).await;
    let again = server.refresh(MOBILE, &first.refresh, &asked("accounts:read openid")).await;
    assert_eq!(Pair::of(&seen), Pair::of(&again));
    assert_eq!(seen.json()["scope"], again.json()["scope"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_06_a_retry_from_another_address_or_program_alarms() {
    let server = TestServer::start_with(&[("trusted_proxies", "127.0.0.1")]).await;
    let first = server.pair(MOBILE).await;
    let second = Pair::of(&refresh_from(&server, &first.refresh, "192.0.2.1", "App/1").await);
    for (address, agent) in [("192.0.2.1", "App/1"), ("192.0.2.2", "App/1"), ("192.0.2.1", "Other/9")] {
        let seen = refresh_from(&server, &first.refresh, address, agent).await;
        assert_eq!(Pair::of(&seen), second, "{address} {agent}");
    }
    let rows = server.audit("refresh_retry").await;
    let outcomes: Vec<&Value> = rows.iter().map(|row| &row["outcome"]).collect();
    assert_eq!(outcomes, ["done", "alarm", "alarm"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_07_a_token_two_generations_old_ends_the_session_at_once() {
    let server = TestServer::start().await;
    for client in [MOBILE, WEB] {
        let first = server.pair(client).await;
        let second = refreshed(&server, client, &first.refresh).await;
        let third = refreshed(&server, client, &second.refresh).await;
        let sid = server.sid(&third.access).await;
        assert!(server.is_active(&first.access).await, "{client}");
        refused(&server.refresh(client, &first.refresh, &[]).await);
        is_dead(&server, client, &[&first, &second, &third]).await;

        let rows = server.audit("refresh_reuse").await;
        let row = rows.last().unwrap();
        assert_eq!((row["outcome"].as_str(), row["target_id"].as_str()), (Some("alarm"), Some(sid.as_str())));
        assert_eq!(row["actor_id"], client);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_07_one_generation_old_after_the_grace_ends_a_public_clients_session() {
    let server = TestServer::start().await;
    let first = server.pair(MOBILE).await;
    let other = server.pair(MOBILE).await;
    let second = refreshed(&server, MOBILE, &first.refresh).await;
    server.wait(10);
    refused(&server.refresh(MOBILE, &first.refresh, &[]).await);
    is_dead(&server, MOBILE, &[&first, &second]).await;
    assert!(server.is_active(&other.access).await, "the customer's other session lives on");
    assert_eq!(server.audit("refresh_reuse").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_07_a_theft_used_by_somebody_who_is_not_the_client_ends_nothing() {
    let server = TestServer::start().await;
    let first = server.pair(WEB).await;
    let second = refreshed(&server, WEB, &first.refresh).await;
    let third = refreshed(&server, WEB, &second.refresh).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str()), ("client_id", WEB)];
    let seen = server.post("/oauth/token", None, &form).await;
    assert_eq!((seen.status, seen.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
    refused(&server.refresh(MOBILE, &first.refresh, &[]).await);
    assert!(server.is_active(&third.access).await);
    refreshed(&server, WEB, &third.refresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_11_a_replay_months_later_is_still_recognised() {
    let server = TestServer::start().await;
    let first = server.pair(MOBILE).await;
    let mut latest = refreshed(&server, MOBILE, &first.refresh).await;
    for _ in 0..3 {
        server.wait(28 * DAY);
        latest = refreshed(&server, MOBILE, &latest.refresh).await;
    }
    assert!(server.is_active(&latest.access).await);
    refused(&server.refresh(MOBILE, &first.refresh, &[]).await);
    is_dead(&server, MOBILE, &[&latest]).await;
    assert_eq!(server.audit("refresh_reuse").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_11_a_generation_that_was_never_committed_ends_the_session_and_alarms() {
    let server = TestServer::start().await;
    let first = server.pair(MOBILE).await;
    let second = refreshed(&server, MOBILE, &first.refresh).await;
    let third = refreshed(&server, MOBILE, &second.refresh).await;
    let sid = server.sid(&third.access).await;
    let id = uuid::Uuid::parse_str(&sid).unwrap();
    // A store that lost its last commit.
    server.db_run("UPDATE sessions SET generation = 2 WHERE session_id = $1", &[&id]).await;
    server.db_new_incarnation().await;
    assert!(!server.is_active(&third.access).await, "an access token of a generation that never was is dead");
    assert!(server.is_active(&second.access).await);

    refused(&server.refresh(MOBILE, &third.refresh, &[]).await);
    is_dead(&server, MOBILE, &[&first, &second, &third]).await;
    let rows = server.audit("generation_ahead").await;
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["outcome"], &rows[0]["target_id"]), (&json!("alarm"), &json!(sid)));
}
