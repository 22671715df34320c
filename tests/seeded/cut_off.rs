//! What a node shows that is cut off from the database, while another takes back.

use std::time::Duration;

use reqwest::StatusCode;
use rescind::seeded::Bug;
use tokio::time::{sleep, timeout};

use crate::breaks;
use crate::proxy::{AtCommit, Mode, Proxy};
use crate::support::database::postgres_url;
use crate::support::{JOHN, TestServer};

/// After this long it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A node behind a network that can be cut, and one beside it that is not. The leases of both, in seconds.
async fn two(behind: &str, beside: &str) -> (Proxy, TestServer, TestServer) {
    let (proxy, node) = Proxy::server(&[("checks", "fast"), ("lease", behind)]).await;
    let mut direct = node.database.borrowed();
    let (server, _) = postgres_url().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("an address");
    let (_, name) = direct.url.rsplit_once('/').expect("a name");
    direct.url = format!("{server}/{name}");
    let mut other = TestServer::start_on(direct, &[("checks", "fast"), ("lease", beside)], false).await;
    other.secrets = node.secrets.clone();
    (proxy, node, other)
}

/// Whether a token is dead, or nobody knows, at the node that is cut off, as soon as its lockdown is confirmed elsewhere.
async fn is_dead_where_nobody_heard(behind: &str, beside: &str) -> bool {
    let (proxy, node, other) = two(behind, beside).await;
    let pair = other.pair("naybitono-mobile").await;
    assert!(node.says_active(&pair.access).await && node.says_active(&pair.access).await);
    proxy.set(Mode::Freeze);
    let receipt = timeout(PATIENCE, other.lock(JOHN)).await.expect("it hangs");
    assert_eq!((receipt.status, receipt.json()["status"].as_str()), (StatusCode::OK, Some("confirmed")));
    let kept = !node.says_active(&pair.access).await;
    proxy.set(Mode::Cut);
    sleep(Duration::from_millis(10)).await;
    proxy.set(Mode::Pass);
    kept
}

/// Whether a lockdown that is said to be confirmed is one, although the connection is cut before its COMMIT. Now and then it
/// is another COMMIT that is cut.
async fn is_true_when_cut_at_commit() -> bool {
    let (proxy, node, other) = two("1", "1").await;
    let desk = node.machine_token("fraud-desk").await;
    for _ in 0..6 {
        let pair = other.pair("naybitono-mobile").await;
        proxy.at_commit(AtCommit::CutBefore);
        let (path, body) = (format!("/api/v1/customers/{JOHN}/lockdown"), serde_json::json!({ "reason": "stolen" }));
        let receipt = timeout(PATIENCE, node.api("POST", &path, &desk, Some(body))).await.expect("it hangs");
        if receipt.json()["status"] == "confirmed" && other.says_active(&pair.access).await {
            return false;
        }
        while !proxy.is_sprung() {
            sleep(Duration::from_millis(5)).await;
        }
        other.unlock(JOHN).await;
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_commit_is_done() {
    breaks(Bug::LostCommitIsDone, is_true_when_cut_at_commit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lease_never_ends() {
    breaks(Bug::LeaseNeverEnds, async || is_dead_where_nobody_heard("1", "1").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shortest_lease() {
    breaks(Bug::ShortestLease, async || is_dead_where_nobody_heard("12", "1").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn confirm_without_waiting() {
    breaks(Bug::ConfirmWithoutWaiting, async || is_dead_where_nobody_heard("5", "5").await).await;
}
