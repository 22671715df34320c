//! Redis is not there, or not well: no answer changes, and checks go on.

use crate::bank::{bank, bank_in_a_hurry, until};
use crate::support::program::free_port;
use crate::support::redis::Redis;
use crate::support::{JOHN, TestServer};

/// One token that lives and one that was taken back, asked about by a node that has nothing in its memory; this many times.
async fn still_right(server: &TestServer, redis: &str, rounds: usize) -> TestServer {
    let dead = server.pair("naybitono-mobile").await;
    assert!(server.is_active(&dead.access).await);
    assert!(server.lock(JOHN).await.status.is_success() && server.unlock(JOHN).await.status.is_success());
    let mut living = Vec::new();
    for _ in 0..rounds {
        living.push(server.pair("naybitono-mobile").await);
    }
    let next = server.restarted(redis).await;
    for pair in &living {
        assert!(next.is_active(&pair.access).await);
        assert!(!next.is_active(&dead.access).await);
    }
    next
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_03_a_flushed_redis_costs_reads_and_nothing_else() {
    let redis = Redis::start();
    let server = bank(&redis.url()).await;
    let (pair, _) = server.shared_pair().await;
    redis.ask::<()>(&[b"FLUSHALL"]);
    let next = server.restarted(&redis.url()).await;
    assert!(next.is_active(&pair.access).await);
    assert_eq!(next.counts().missing, 1);
    still_right(&next, &redis.url(), 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_04_a_redis_that_is_down_at_the_start_stops_nothing_and_is_used_once_it_is_there() {
    let nobody = format!("redis://127.0.0.1:{}", free_port());
    let server = bank(&nobody).await;
    let next = still_right(&server, &nobody, 3).await;
    let counts = next.counts();
    assert!(counts.spared >= 3 && counts.found + counts.missing + counts.written == 0, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_04_a_redis_that_is_stopped_and_started_again_is_done_without_and_found_again() {
    let mut redis = Redis::start();
    let server = bank(&redis.url()).await;
    let (pair, _) = server.shared_pair().await;
    redis.kill();
    let next = still_right(&server, &redis.url(), 3).await;
    assert!(!next.is_active(&pair.access).await, "locked meanwhile");
    redis.restart();
    next.until_redis_answers().await;
    assert!(!redis.copies().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_04_a_frozen_redis_is_given_its_time_a_few_times_and_then_left_alone() {
    let redis = Redis::start();
    let server = bank_in_a_hurry(&redis.url()).await;
    server.shared_pair().await;
    let mut pairs = Vec::new();
    for _ in 0..12 {
        pairs.push(server.pair("naybitono-mobile").await);
    }
    redis.freeze();
    for pair in &pairs {
        assert!(server.is_active(&pair.access).await);
    }
    let counts = server.counts();
    assert!(counts.failed > 0 && counts.spared > 0, "{counts:?}");
    assert!(counts.failed < 12, "it was asked every time: {counts:?}");
    // Slow by 2 s: what was asked then is answered now, to nobody.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(server.lock(JOHN).await.status.is_success(), "a lockdown does not ask it");
    for pair in &pairs {
        assert!(!server.is_active(&pair.access).await);
    }
    redis.thaw();
    assert!(server.unlock(JOHN).await.status.is_success());
    server.until_redis_answers().await;
    for pair in &pairs {
        assert!(!server.is_active(&pair.access).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_04_a_redis_that_refuses_to_write_costs_reads_and_nothing_else() {
    let redis = Redis::start_with("maxmemory 1\nmaxmemory-policy noeviction");
    let server = bank(&redis.url()).await;
    still_right(&server, &redis.url(), 2).await;
    until("it was tried", async || server.counts().dropped > 0).await;
    assert_eq!(server.counts().written, 0);
}
