//! A server in front of a Redis, and what tests of copies ask of both.

use std::sync::Arc;
use std::time::Duration;

use rescind::cache::near::Copied;
use rescind::cache::redis::{Copies, Counts};
use rescind::store::sessions::{self, Whole};
use uuid::Uuid;

use crate::support::flow::Pair;
use crate::support::{REDIS_DEADLINE, TestServer};

/// After this long it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server that shares its copies in the Redis at an address, and waits for its answers as long as this machine needs.
pub async fn bank(redis: &str) -> TestServer {
    TestServer::start_with(&settings(redis)).await
}

/// The same, with no more patience than a server has.
pub async fn bank_in_a_hurry(redis: &str) -> TestServer {
    TestServer::start_with(&settings(redis)[..3]).await
}

fn settings(redis: &str) -> [(&'static str, &str); 4] {
    [("checks", "fast"), ("lease", "30"), ("redis_url", redis), (REDIS_DEADLINE, "10000")]
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "never: {what}");
}

impl TestServer {
    /// Another process on the same database and the same Redis, with nothing in its memory; this one has stopped.
    pub async fn restarted(&self, redis: &str) -> Self {
        let is_serving = self.app.checks.node.is_fresh();
        if is_serving {
            self.db_stop_serving_checks().await;
        }
        self.start_beside(&settings(redis)).await
    }

    /// One more node, with nothing in its memory.
    pub async fn joined(&self, redis: &str) -> Self {
        self.start_beside(&settings(redis)).await
    }

    /// Its copies in Redis.
    pub fn copies(&self) -> &Arc<Copies> {
        self.app.checks.copies.as_ref().expect("a Redis")
    }

    /// How often what happened to them.
    pub fn counts(&self) -> Counts {
        self.copies().counts()
    }

    /// A pair whose session was checked, and whose copy has arrived in Redis.
    pub async fn shared_pair(&self) -> (Pair, Uuid) {
        for _ in 0..20 {
            let (pair, before) = (self.pair("naybitono-mobile").await, self.counts());
            let id = self.sid(&pair.access).await.parse().expect("an id");
            until("its copy arrives or is dropped", async || {
                let now = self.counts();
                now.written + now.dropped > before.written + before.dropped
            })
            .await;
            if self.counts().written > before.written {
                return (pair, id);
            }
        }
        panic!("no copy arrives: {:?}", self.counts())
    }

    /// From now on no session can be read from the truth.
    pub async fn db_hide_sessions(&self) {
        self.db_run("ALTER TABLE sessions RENAME TO sessions_elsewhere", &[]).await;
    }

    /// From now on they can.
    pub async fn db_show_sessions(&self) {
        self.db_run("ALTER TABLE sessions_elsewhere RENAME TO sessions", &[]).await;
    }

    /// Reads a session as a refill does, after noting what was applied.
    pub async fn db_refill(&self, id: Uuid) -> Arc<Copied<Whole>> {
        let as_of = self.app.checks.node.view().as_of().expect("a view");
        let value = sessions::find_whole(&mut self.app.db.read().await.unwrap(), id).await.unwrap().expect("a session");
        Arc::new(Copied::new(value, as_of))
    }

    /// Sends a copy to Redis as a refill does, and waits until it is there.
    pub async fn db_share(&self, copy: Arc<Copied<Whole>>) {
        let (before, history) = (self.counts(), self.app.checks.node.view().history().expect("a history"));
        self.copies().put(history, copy);
        until("a copy in Redis", async || self.counts().written > before.written).await;
    }

    /// Waits until copies are written again.
    pub async fn until_redis_answers(&self) {
        let before = self.counts().written;
        until("Redis answers", async || {
            self.shared_once().await;
            self.counts().written > before
        })
        .await;
    }

    /// A new session, checked once: a copy is on its way, or dropped.
    async fn shared_once(&self) {
        let token = self.machine_token("ops-desk").await;
        let _ = self.introspect("plain-api", &token).await;
        let pair = self.pair("naybitono-mobile").await;
        assert!(self.is_active(&pair.access).await);
    }
}
