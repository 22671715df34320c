//! Races of codes, refresh tokens and sign-ins, held open by a lock of the test's own: each side of a race has come as far as
//! it can before it is decided. Where a machine is so slow that a wait for the lock ends first, that is a 503, and the round
//! is played again.

mod codes;
mod embedded;
mod refresh;
mod sign_in;

use reqwest::StatusCode;
use rescind::service::lockdown;
use serde_json::json;

use crate::support::browser::Seen;
use crate::support::database::is_postgres;
use crate::support::flow::Pair;
use crate::support::rows::{client_id, why};
use crate::support::{JOHN, TestServer, setup_actor};

const MOBILE: &str = "naybitono-mobile";
const WEB: &str = "naybitono-web";

/// Held at the claim of a code, before its epochs are compared.
const CODES: &str = "SELECT 1 FROM codes FOR UPDATE";
/// Held at the row of a session that is refreshed or ended, before its epochs are compared.
const SESSIONS: &str = "SELECT 1 FROM sessions FOR UPDATE";
/// Held where a session is entered or rotated, after the last comparison.
const SESSIONS_WRITTEN: &str = "LOCK TABLE sessions IN SHARE MODE";
/// Ordinary transactions at once.
const AT_ONCE: usize = 8;

/// A server, where a race can be held open.
async fn held_server() -> Option<TestServer> {
    if is_postgres() { Some(TestServer::start().await) } else { None }
}

/// Plays a round until its race was held open, and no answer of it was 503.
async fn play(round: impl AsyncFn() -> Option<Vec<Seen>>) -> Vec<Seen> {
    for _ in 0..5 {
        match round().await {
            Some(seen) if seen.iter().all(|seen| seen.status != StatusCode::SERVICE_UNAVAILABLE) => return seen,
            Some(_) | None => {}
        }
    }
    panic!("the race is not held open: those who should wait do not, or this machine is too slow")
}

fn refused(seen: &Seen) {
    assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"), "{}", seen.body);
}

async fn is_dead(server: &TestServer, client: &str, pair: &Pair) {
    assert!(!server.is_active(&pair.access).await);
    refused(&server.refresh(client, &pair.refresh, &[]).await);
}

/// The tokens of those who take back, made before anything is held.
struct Desks {
    lock: String,
    unlock: String,
}

impl Desks {
    async fn of(server: &TestServer) -> Self {
        Self { lock: server.machine_token("fraud-desk").await, unlock: server.machine_token("branch-desk").await }
    }

    async fn locked_and_unlocked(&self, server: &TestServer) {
        let path = |verb| format!("/api/v1/customers/{JOHN}/{verb}");
        let locked = server.api("POST", &path("lockdown"), &self.lock, Some(json!({ "reason": "stolen" }))).await;
        assert_eq!((locked.status, &locked.json()["status"]), (StatusCode::OK, &json!("confirmed")), "{}", locked.body);
        let body = json!({ "reason": "checked", "approved_by": "the-supervisor" });
        assert_eq!(server.api("POST", &path("unlock"), &self.unlock, Some(body)).await.status, StatusCode::OK);
    }
}

/// Ways to take back while something is made.
#[derive(Clone, Copy, Debug)]
enum Way {
    LockedAndUnlocked,
    Client,
    Everyone,
}

const WAYS: [Way; 3] = [Way::LockedAndUnlocked, Way::Client, Way::Everyone];

impl Way {
    async fn go(self, server: &TestServer, desks: &Desks) {
        match self {
            Self::LockedAndUnlocked => desks.locked_and_unlocked(server).await,
            Self::Client => {
                Box::pin(lockdown::client(&server.app, &setup_actor(), &client_id(MOBILE), &why())).await;
            }
            Self::Everyone => drop(Box::pin(server.db_lock_everyone()).await),
        }
    }
}
