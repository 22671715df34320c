//! Nodes that share copies: started anew, side by side, and with copies that are older than what was taken back.

use std::sync::Arc;

use reqwest::StatusCode;
use rescind::cache::near::Copied;
use rescind::model::feed::AsOf;
use rescind::store::feed;

use crate::bank::{bank, until};
use crate::support::database::is_postgres;
use crate::support::flow::Pair;
use crate::support::redis::Redis;
use crate::support::{JOHN, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn sto_04_a_restarted_node_answers_from_redis_without_reading_sessions_from_the_truth() {
    let redis = Redis::start();
    let server = bank(&redis.url()).await;
    let mut pairs = Vec::new();
    for _ in 0..3 {
        pairs.push(server.shared_pair().await.0);
    }
    let keys = redis.copies();
    assert!(keys.len() == 3 && keys.iter().all(|key| key.starts_with("rescind:nyb:s:")), "{keys:?}");
    let next = server.restarted(&redis.url()).await;
    next.db_hide_sessions().await;
    for pair in &pairs {
        assert!(next.is_active(&pair.access).await);
        assert!(next.is_active(&pair.access).await, "and near from then on");
    }
    assert_eq!((next.counts().found, next.counts().written), (3, 0));
    next.db_show_sessions().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_04_of_many_who_miss_one_session_one_looks_in_redis_and_one_reads_the_truth() {
    let redis = Redis::start();
    let server = bank(&redis.url()).await;
    let pair = server.pair("naybitono-mobile").await;
    let server = Arc::new(server);
    let mut checks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (server, token) = (server.clone(), pair.access.clone());
        checks.spawn(async move { server.is_active(&token).await });
    }
    assert!(checks.join_all().await.iter().all(|is_active| *is_active));
    let counts = server.counts();
    assert_eq!((counts.missing, counts.found, counts.written + counts.dropped <= 1), (1, 0, true), "{counts:?}");
}

/// What takes back in the tests below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taking {
    Customer,
    Session,
    Token,
}

async fn take_back(server: &TestServer, what: Taking, pair: &Pair) {
    let token = match what {
        Taking::Customer => {
            assert_eq!(server.lock(JOHN).await.status, StatusCode::OK);
            // Also after the unlock: what was taken back stays taken back.
            assert_eq!(server.unlock(JOHN).await.status, StatusCode::OK);
            return;
        }
        Taking::Session => &pair.refresh,
        Taking::Token => &pair.access,
    };
    let form = [("token", token.as_str()), ("client_id", "naybitono-mobile")];
    assert_eq!(server.post("/oauth/revoke", None, &form).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_04_a_refill_that_read_before_a_revocation_and_lands_in_redis_after_it_changes_no_answer() {
    let redis = Redis::start();
    for what in [Taking::Session, Taking::Token, Taking::Customer] {
        let server = bank(&redis.url()).await;
        let (pair, id) = server.shared_pair().await;
        // The refill has read, and is held here while the revocation is confirmed.
        let late = server.db_refill(id).await;
        take_back(&server, what, &pair).await;
        assert!(!server.is_active(&pair.access).await, "{what:?}");
        server.db_share(late.clone()).await;
        server.app.checks.sessions.put(id, late);
        assert!(!server.is_active(&pair.access).await, "{what:?}, by the node that read it");
        let next = server.restarted(&redis.url()).await;
        assert!(!next.is_active(&pair.access).await, "{what:?}, by a node that finds it in Redis");
        assert_eq!(next.counts().found, 1, "it was found, and overruled: {what:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_01_nodes_use_each_others_copies_and_none_overlooks_what_another_took_back() {
    if !is_postgres() {
        return;
    }
    let redis = Redis::start();
    let one = bank(&redis.url()).await;
    let two = one.joined(&redis.url()).await;
    for what in [Taking::Token, Taking::Session, Taking::Customer] {
        let (pair, id) = one.shared_pair().await;
        let found = two.counts().found;
        // Behind the house's back: who reads the truth finds it dead.
        let mut tx = one.app.db.begin().await.unwrap();
        tx.execute("UPDATE sessions SET ended_at = created_at WHERE session_id = $1", &[&id]).await.unwrap();
        tx.commit().await.unwrap();
        assert!(two.is_active(&pair.access).await && two.counts().found == found + 1, "from the copy of the other");
        one.db_run("UPDATE sessions SET ended_at = NULL WHERE session_id = $1", &[&id]).await;
        let late = one.db_refill(id).await;
        take_back(&two, what, &pair).await;
        assert!(!one.is_active(&pair.access).await && !two.is_active(&pair.access).await, "{what:?}");
        one.db_share(late).await;
        let three = one.joined(&redis.url()).await;
        assert!(!three.is_active(&pair.access).await, "{what:?}");
        assert_eq!(three.counts().found, 1);
        three.db_stop_serving_checks().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_03_a_copy_older_than_the_token_is_a_miss_and_is_replaced() {
    let redis = Redis::start();
    let server = bank(&redis.url()).await;
    let (pair, id) = server.shared_pair().await;
    let old: Vec<u8> = redis.ask(&[b"GET", format!("rescind:nyb:s:{id}").as_bytes()]);
    let new = Pair::of(&server.refresh("naybitono-mobile", &pair.refresh, &[]).await);
    let next = server.restarted(&redis.url()).await;
    assert!(next.is_active(&new.access).await, "a valid token is not called dead because a copy is old");
    assert_eq!(next.counts().found, 1);
    until("a newer copy", async || redis.ask::<Vec<u8>>(&[b"GET", format!("rescind:nyb:s:{id}").as_bytes()]) != old)
        .await;
    assert!(next.is_active(&pair.access).await, "an older one lives until it expires");
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_01_copies_of_another_life_of_the_data_do_not_open() {
    let redis = Redis::start();
    let server = bank(&redis.url()).await;
    let (pair, _) = server.shared_pair().await;
    server.db_new_incarnation().await;
    let next = server.restarted(&redis.url()).await;
    assert!(next.is_active(&pair.access).await);
    assert_eq!((next.counts().unreadable, next.counts().found), (1, 0));
    next.db_hide_sessions().await;
    let last = next.restarted(&redis.url()).await;
    assert!(last.is_active(&pair.access).await, "a copy of this life has taken its place");
    last.db_show_sessions().await;
}

/// What a node says that has nothing but Redis.
async fn without_the_truth(server: &TestServer, redis: &Redis, token: &str) -> StatusCode {
    let next = server.restarted(&redis.url()).await;
    next.db_hide_sessions().await;
    let status = next.introspect("accounts-api", token).await.status;
    assert_eq!(next.counts().found, 1, "it opened");
    next.db_show_sessions().await;
    next.db_stop_serving_checks().await;
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_01_a_copy_below_what_the_feed_keeps_or_above_what_was_applied_is_not_used() {
    let redis = Redis::start();
    let server = bank(&redis.url()).await;
    let (pair, id) = server.shared_pair().await;
    assert_eq!(without_the_truth(&server, &redis, &pair.access).await, StatusCode::OK);

    let copy = server.db_refill(id).await;
    let later = AsOf { number: copy.as_of.number + 1, ..copy.as_of };
    server.db_share(Arc::new(Copied::new(copy.value.clone(), later))).await;
    assert_eq!(without_the_truth(&server, &redis, &pair.access).await, StatusCode::SERVICE_UNAVAILABLE);

    server.db_share(copy.clone()).await;
    server.db_disable_customer("CUST_2", true).await;
    let mut tx = server.app.db.begin().await.unwrap();
    let latest = feed::latest(&mut tx).await.unwrap().number;
    assert!(latest > copy.as_of.number, "nothing was told");
    feed::trim(&mut tx, latest).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(without_the_truth(&server, &redis, &pair.access).await, StatusCode::SERVICE_UNAVAILABLE);
}
