//! Three serving nodes on one PostgreSQL, many lockdowns at once, and checks on every node all the while: once a lockdown
//! was answered, no node ever says `active`. `TEST_LOCKDOWNS` sets how many.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::Instant;

use crate::support::TestServer;
use crate::support::browser::Seen;
use crate::support::database::is_postgres;
use crate::support::minted::db_access_token;
use crate::support::{ACCOUNTS, db_customer};

/// Lockdowns under way at once, each of another customer.
const AT_ONCE: u32 = 64;

/// Between two checks of one watch: the machine is to be busy, not choked.
const PACE: Duration = Duration::from_millis(50);

#[allow(clippy::disallowed_methods, reason = "tests are told about their size by the environment")]
fn lockdowns() -> u32 {
    std::env::var("TEST_LOCKDOWNS").map_or(1_000, |text| text.parse().expect("TEST_LOCKDOWNS is a number"))
}

/// The nodes, and what asking them needs. The first owns the database and knows the secrets.
struct Three {
    nodes: Vec<TestServer>,
    http: reqwest::Client,
    desk: String,
    branch: String,
    checks: AtomicU32,
    unsure: AtomicU32,
    /// How long the proofs took, as the receipts say, in milliseconds.
    proofs: Mutex<Vec<i64>>,
}

impl Three {
    async fn start() -> Self {
        // The desks' tokens last as long as the longest run.
        let changed = [("checks", "fast"), ("lease", "20"), ("limit_scale", "1000000"), ("access_token_minutes", "60")];
        let first = TestServer::start_with(&changed).await;
        let second = TestServer::start_on(first.database.borrowed(), &changed, false).await;
        let third = TestServer::start_on(first.database.borrowed(), &changed, false).await;
        let (desk, branch) = (first.machine_token("fraud-desk").await, first.machine_token("branch-desk").await);
        // Dropped in this order: the one that removes the database last.
        let (nodes, http) = (vec![third, second, first], reqwest::Client::new());
        let (checks, unsure) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { nodes, http, desk, branch, checks, unsure, proofs: Mutex::default() }
    }

    fn first(&self) -> &TestServer {
        self.nodes.last().expect("three")
    }

    /// What a node says of a token: alive or not. Unsure is neither, and rare: only a machine that stalls makes it so.
    async fn says_active(&self, node: &TestServer, token: &str) -> bool {
        let request = self.http.post(node.url("/oauth/introspect"));
        let request = request.basic_auth("accounts-api", Some(self.first().secret("accounts-api")));
        let seen = Seen::read(request.form(&[("token", token)]).send().await.expect("an answer")).await;
        self.checks.fetch_add(1, Ordering::SeqCst);
        if seen.status == StatusCode::SERVICE_UNAVAILABLE {
            self.unsure.fetch_add(1, Ordering::SeqCst);
            return false;
        }
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
        seen.json()["active"] == true
    }

    async fn order(&self, node: &TestServer, bearer: &str, path: String, body: serde_json::Value) -> Seen {
        let request = self.http.post(node.url(&path)).bearer_auth(bearer).json(&body);
        Seen::read(request.send().await.expect("an answer")).await
    }

    /// Locks a customer at a node; true if that was confirmed.
    async fn lock(&self, node: &TestServer, customer: &str) -> bool {
        let body = serde_json::json!({ "reason": "phone stolen at 3:15" });
        let seen = self.order(node, &self.desk, format!("/api/v1/customers/{customer}/lockdown"), body).await;
        let is_confirmed = seen.status == StatusCode::OK;
        assert!(is_confirmed || seen.status == StatusCode::SERVICE_UNAVAILABLE, "{}", seen.body);
        if is_confirmed {
            assert_eq!(
                (&seen.json()["status"], &seen.json()["nodes"]),
                (&"confirmed".into(), &3.into()),
                "{}",
                seen.body
            );
            let took = seen.json()["confirmed_in_ms"].as_i64().expect("a time");
            self.proofs.lock().expect("lock").push(took);
        }
        is_confirmed
    }

    /// Unlocks a customer at a node; true if that was done.
    async fn unlock(&self, node: &TestServer, customer: &str) -> bool {
        let body = serde_json::json!({ "reason": "identity checked", "approved_by": "the-supervisor" });
        let seen = self.order(node, &self.branch, format!("/api/v1/customers/{customer}/unlock"), body).await;
        // Not locked: an earlier try was done, and its answer lost.
        let is_done = seen.status == StatusCode::OK || seen.status == StatusCode::CONFLICT;
        assert!(is_done || seen.status == StatusCode::SERVICE_UNAVAILABLE, "{}", seen.body);
        is_done
    }
}

/// Asks every node in turn until told to stop; when those checks were begun that said `active`.
async fn watch(three: Arc<Three>, token: String, stop: Arc<AtomicBool>) -> Vec<Instant> {
    let mut active = Vec::new();
    for node in three.nodes.iter().cycle() {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        tokio::time::sleep(PACE).await;
        let begun = Instant::now();
        if three.says_active(node, &token).await {
            active.push(begun);
        }
    }
    active
}

/// Signs in, is seen alive everywhere, locks, and asks again; how many checks were alive.
async fn round(three: &Arc<Three>, customer: &str, number: usize) -> usize {
    let token = db_access_token(&three.first().app, customer, &[ACCOUNTS]).await;
    for node in &three.nodes {
        let mut tries = 0;
        while !three.says_active(node, &token).await {
            tries += 1;
            assert!(tries < 50, "never alive");
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(three.clone(), token.clone(), stop.clone()));
    let by = &three.nodes[number % 3];
    while !three.lock(by, customer).await {}
    let answered = Instant::now();
    for node in &three.nodes {
        assert!(!three.says_active(node, &token).await, "active after the answer");
    }
    stop.store(true, Ordering::SeqCst);
    let active = watching.await.expect("a watch");
    assert!(active.iter().all(|begun| *begun <= answered), "active after the answer");
    // At another node than the one that locked.
    while !three.unlock(&three.nodes[(number + 1) % 3], customer).await {}
    assert!(!three.says_active(by, &token).await, "unlocking revives nothing");
    active.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn int_09_sto_06_of_many_lockdowns_on_three_nodes_none_is_overlooked_by_a_check_after_its_answer() {
    if !is_postgres() {
        return;
    }
    let three = Arc::new(Three::start().await);
    let left = Arc::new(AtomicU32::new(lockdowns()));
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..AT_ONCE {
        let (three, left) = (three.clone(), left.clone());
        let customer = format!("CUST_3{worker:03}");
        db_customer(&three.first().app, &customer, "Somebody", None, None).await;
        workers.spawn(async move {
            let mut alive = 0;
            for number in usize::try_from(worker).unwrap_or(0).. {
                if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
                    break;
                }
                alive += tokio::time::timeout(Duration::from_mins(5), round(&three, &customer, number))
                    .await
                    .expect("it hangs");
            }
            alive
        });
    }
    let alive: usize = workers.join_all().await.into_iter().sum();
    assert!(alive > 50, "the watches saw nothing alive: {alive}");
    let (checks, unsure) = (three.checks.load(Ordering::SeqCst), three.unsure.load(Ordering::SeqCst));
    let mut proofs = std::mem::take(&mut *three.proofs.lock().expect("lock"));
    proofs.sort_unstable();
    let [half, most] = [proofs.len() / 2, proofs.len() * 99 / 100].map(|at| proofs[at]);
    println!(
        "{} lockdowns, proven within {half} ms (median) and {most} ms (of 99 in 100), {checks} checks, {unsure} of them unsure",
        lockdowns()
    );
    assert!(unsure <= checks / 20, "{unsure} of {checks} checks unsure without a fault");
}
