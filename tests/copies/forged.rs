//! Whatever somebody else writes into Redis is a miss.

use uuid::Uuid;

use crate::bank::{bank, until};
use crate::support::redis::Redis;
use crate::support::{JOHN, TestServer};

fn key(id: Uuid) -> Vec<u8> {
    format!("rescind:nyb:s:{id}").into_bytes()
}

/// What a node without memory says.
async fn anew(server: &TestServer, redis: &Redis, token: &str) -> (bool, u64) {
    let next = server.restarted(&redis.url()).await;
    let is_active = next.is_active(token).await;
    let counts = next.counts();
    next.db_stop_serving_checks().await;
    (is_active, counts.unreadable)
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_10_forged_values_are_misses_whatever_they_are() {
    let redis = Redis::start();
    let server = bank(&redis.url()).await;
    let ((pair, id), (_, other)) = (server.shared_pair().await, server.shared_pair().await);
    let genuine: Vec<u8> = redis.ask(&[b"GET", &key(id)]);
    let others: Vec<u8> = redis.ask(&[b"GET", &key(other)]);
    let mut flipped = genuine.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut longer = genuine.clone();
    longer.resize(100_000, 0);
    let huge = vec![b'x'; 20_000_000];
    for value in [&b"x"[..], b"\x01", &[1; 40], &[0; 500], &others, &flipped, &longer, &huge, &genuine[..40]] {
        redis.ask::<()>(&[b"SET", &key(id), value]);
        let (is_active, unreadable) = anew(&server, &redis, &pair.access).await;
        let what = format!("{} bytes of {:?}", value.len(), &value[..1]);
        assert!(is_active, "a valid token was called dead: {what}");
        assert_eq!(unreadable, 1, "{what}");
        until("a genuine one again", async || redis.ask::<Vec<u8>>(&[b"GET", &key(id)]) == genuine).await;
    }
    redis.ask::<()>(&[b"DEL", &key(id)]);
    redis.ask::<()>(&[b"LPUSH", &key(id), &genuine]);
    assert_eq!(anew(&server, &redis, &pair.access).await, (true, 1), "another type");
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_01_a_genuine_copy_of_before_a_lockdown_put_back_afterwards_brings_nobody_back() {
    let redis = Redis::start();
    let server = bank(&redis.url()).await;
    let (pair, id) = server.shared_pair().await;
    let genuine: Vec<u8> = redis.ask(&[b"GET", &key(id)]);
    assert!(server.lock(JOHN).await.status.is_success() && server.unlock(JOHN).await.status.is_success());
    // One that lives, for the same key and under the key of another.
    let (alive, other) = server.shared_pair().await;
    let living: Vec<u8> = redis.ask(&[b"GET", &key(other)]);
    for (at, value) in [(id, &genuine), (id, &living), (other, &genuine)] {
        redis.ask::<()>(&[b"SET", &key(at), value]);
        assert!(!anew(&server, &redis, &pair.access).await.0, "a dead token lives");
        assert!(anew(&server, &redis, &alive.access).await.0, "a living one is dead");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_10_copies_end_by_themselves_and_say_nothing_to_who_reads_redis() {
    let redis = Redis::start();
    let server = bank(&redis.url()).await;
    let (pair, id) = server.shared_pair().await;
    let left: i64 = redis.ask(&[b"PTTL", &key(id)]);
    assert!((2_000_000..=3_600_000).contains(&left), "{left}");
    let value: Vec<u8> = redis.ask(&[b"GET", &key(id)]);
    assert!(value.len() < 1_000, "{} bytes", value.len());
    for secret in [JOHN, "naybitono-mobile", "accounts:read", &pair.access[7..], "127.0.0.1"] {
        assert!(!value.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "{secret}");
    }
}
