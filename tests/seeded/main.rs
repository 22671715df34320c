//! That the seeded bugs are bugs: each is made in turn, and breaks the promise it is about; the same steps without it break
//! nothing. On PostgreSQL, of `TEST_POSTGRES_URL`:
//!
//! `TEST_ENGINE=postgres cargo test --features seeded-bugs --test seeded`
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "a part is used")]
#[path = "../copies/bank.rs"]
mod bank;
#[allow(dead_code, reason = "a part is used")]
#[path = "../faults/proxy.rs"]
mod proxy;
#[path = "../support/mod.rs"]
mod support;

mod copies;
mod cut_off;
mod load;
mod nodes;
mod paused;
mod tokens;

use rescind::seeded::{Bug, choose};
use support::TestServer;
use support::database::TestDatabase;
use tokio::sync::Mutex;

/// The bug is chosen for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// The steps keep the promise as built, and break it with the bug. They say whether it was kept.
async fn breaks(bug: Bug, steps: impl AsyncFn() -> bool) {
    let _turn = ONE_AT_A_TIME.lock().await;
    choose(None);
    assert!(steps().await, "broken without {}", bug.name());
    choose(Some(bug));
    let kept = steps().await;
    choose(None);
    assert!(!kept, "{} breaks nothing", bug.name());
}

/// A server on PostgreSQL that answers from memory.
async fn node() -> TestServer {
    let database = TestDatabase::postgres().await;
    TestServer::start_on(database, &[("checks", "fast"), ("lease", "30")], true).await
}

impl TestServer {
    /// Whether a token is said to be active; anything else, also 503, is not.
    async fn says_active(&self, token: &str) -> bool {
        self.introspect("accounts-api", token).await.body.contains("\"active\":true")
    }
}
