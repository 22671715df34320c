//! What copies in Redis show at a node that has nothing in its memory.

use std::time::Duration;

use rescind::seeded::Bug;
use tokio::time::sleep;
use uuid::Uuid;

use crate::bank::bank;
use crate::breaks;
use crate::support::TestServer;
use crate::support::flow::Pair;
use crate::support::redis::Redis;

const MOBILE: &str = "naybitono-mobile";

/// Ends the session of a pair at a server.
async fn end(server: &TestServer, pair: &Pair) {
    let form = [("token", pair.refresh.as_str()), ("client_id", MOBILE)];
    assert!(server.post("/oauth/revoke", None, &form).await.status.is_success());
    assert!(!server.says_active(&pair.access).await);
}

/// Whether a session that was checked and then ended is dead at a node that starts afterwards.
async fn is_dead_at_a_new_node() -> bool {
    let redis = Redis::start();
    let server = bank(&redis.url()).await;
    let (pair, _) = server.shared_pair().await;
    end(&server, &pair).await;
    let next = server.joined(&redis.url()).await;
    !next.says_active(&pair.access).await
}

#[tokio::test(flavor = "multi_thread")]
async fn refill_without_veto() {
    breaks(Bug::RefillWithoutVeto, is_dead_at_a_new_node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_skipped() {
    breaks(Bug::SnapshotSkipped, is_dead_at_a_new_node).await;
}

/// Whether a session that ends while a node is starting, so long after the start was begun, is dead there.
async fn is_dead_when_ended_after(pause: Duration) -> bool {
    let redis = Redis::start();
    let server = bank(&redis.url()).await;
    let (pair, _) = server.shared_pair().await;
    let ending = async {
        sleep(pause).await;
        end(&server, &pair).await;
    };
    let url = redis.url();
    let (next, ()) = tokio::join!(server.joined(&url), ending);
    !next.says_active(&pair.access).await
}

/// The node that starts reads the feed, and with the bug registers five seconds later. How soon it reads is up to the machine.
#[tokio::test(flavor = "multi_thread")]
async fn registration_after_first_read() {
    breaks(Bug::RegistrationAfterFirstRead, async || {
        for seconds in [2, 4, 7] {
            if !is_dead_when_ended_after(Duration::from_secs(seconds)).await {
                return false;
            }
        }
        true
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_unsealed() {
    breaks(Bug::RedisUnsealed, async || {
        let redis = Redis::start();
        let server = bank(&redis.url()).await;
        let (dead, of_dead) = server.shared_pair().await;
        end(&server, &dead).await;
        let (_, of_living) = server.shared_pair().await;
        let key = |id: Uuid| format!("rescind:nyb:s:{id}");
        let value: Vec<u8> = redis.ask(&[b"GET", key(of_living).as_bytes()]);
        redis.ask::<()>(&[b"SET", key(of_dead).as_bytes(), &value]);
        let next = server.joined(&redis.url()).await;
        !next.says_active(&dead.access).await
    })
    .await;
}
