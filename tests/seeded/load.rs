//! What load alone shows, on two nodes: sessions are ended at both at once, and asked about at both right after the
//! confirmation.

use std::sync::Arc;
use std::time::Duration;

use rescind::model::incident::{Reason, Receipt};
use rescind::seeded::Bug;
use rescind::service::lockdown::{self, Why};
use rescind::service::taking_back::Taken;
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::minted::db_access_token;
use crate::support::{ACCOUNTS, JOHN, TestServer, setup_actor};
use crate::{breaks, node};

/// Kills of one round.
const AT_ONCE: usize = 8;
/// Most rounds.
const ROUNDS: usize = 12;

async fn two() -> [Arc<TestServer>; 2] {
    let first = node().await;
    let second = first.start_beside(&[("checks", "fast"), ("lease", "30")]).await;
    [Arc::new(first), Arc::new(second)]
}

/// A living session: an access token of it, and its id.
async fn living(nodes: &[Arc<TestServer>; 2]) -> (String, Uuid) {
    let token = db_access_token(&nodes[0].app, JOHN, &[ACCOUNTS]).await;
    let id = nodes[0].sid(&token).await.parse().unwrap();
    (token, id)
}

/// Ends a session at one node; whether neither says afterwards that its token is active.
async fn ended(nodes: [Arc<TestServer>; 2], by: usize, (token, id): (String, Uuid)) -> bool {
    let why = Why::plain(Reason::parse("drill").unwrap());
    let done = lockdown::session(&nodes[by].app, &setup_actor(), id, &why).await;
    assert!(matches!(done, Taken::Receipt(Receipt::Confirmed { .. })), "{done:?}");
    !nodes[1 - by].says_active(&token).await && !nodes[by].says_active(&token).await
}

/// Whether everything confirmed was true.
async fn storm() -> bool {
    let nodes = two().await;
    for _ in 0..ROUNDS {
        let mut kills = tokio::task::JoinSet::new();
        for at in 0..AT_ONCE {
            let session = living(&nodes).await;
            assert!(nodes[1].says_active(&session.0).await);
            kills.spawn(ended(nodes.clone(), at % 2, session));
        }
        if kills.join_all().await.contains(&false) {
            return false;
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_by_id() {
    breaks(Bug::FeedById, storm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counter_taken_first() {
    breaks(Bug::CounterTakenFirst, storm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_before_applied() {
    breaks(Bug::AcknowledgedBeforeApplied, async || {
        let nodes = two().await;
        for _ in 0..ROUNDS {
            let session = living(&nodes).await;
            assert!(nodes[1].says_active(&session.0).await);
            // Always at the same: a node that takes back something itself reads all that was before.
            if !ended(nodes.clone(), 0, session).await {
                return false;
            }
        }
        true
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn confirm_before_commit() {
    breaks(Bug::ConfirmBeforeCommit, storm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn near_cache_stale() {
    breaks(Bug::NearCacheStale, storm).await;
}

/// A session's first check at a node, while it is ended at the other.
#[tokio::test(flavor = "multi_thread")]
async fn as_of_after_read() {
    breaks(Bug::AsOfAfterRead, async || {
        let nodes = two().await;
        for turn in 0..20 {
            let (token, id) = living(&nodes).await;
            let ending = async {
                sleep(Duration::from_millis(10 * turn)).await;
                ended(nodes.clone(), 0, (token.clone(), id)).await
            };
            let (is_dead, _) = tokio::join!(ending, nodes[1].says_active(&token));
            if !is_dead || nodes[1].says_active(&token).await {
                return false;
            }
        }
        true
    })
    .await;
}
