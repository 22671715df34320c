//! Races of codes, refresh tokens and sign-ins, held open by a lock of the test's own: each side of a race has come as far as
//! it can before it is decided. Where a machine is so slow that a wait for the lock ends first, that is a 503, and the round
//! is played again.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::browser::{Browser, Seen};
use crate::support::database::is_postgres;
use crate::support::direct::together;
use crate::support::flow::{CHALLENGE, Pair, authorize_path};
use crate::support::held::{Held, meanwhile, one_behind_the_other};
use crate::support::rows::{client_id, why};
use crate::support::{JOHN, PASSWORD, TestServer, setup_actor};

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

/// Plays a round until no answer of it was 503.
async fn play(round: impl AsyncFn() -> Vec<Seen>) -> Vec<Seen> {
    for _ in 0..5 {
        let seen = round().await;
        if seen.iter().all(|seen| seen.status != StatusCode::SERVICE_UNAVAILABLE) {
            return seen;
        }
    }
    panic!("this machine is too slow to hold a race open")
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
        use rescind::service::lockdown;
        match self {
            Self::LockedAndUnlocked => desks.locked_and_unlocked(server).await,
            Self::Client => {
                lockdown::client(&server.app, &setup_actor(), &client_id(MOBILE), &why()).await;
            }
            Self::Everyone => drop(server.db_lock_everyone().await),
        }
    }
}

// ------------------------------------------------------------------------------------------------ codes

#[tokio::test(flavor = "multi_thread")]
async fn tok_03_tok_04_held_of_redemptions_that_all_found_the_code_unused_one_succeeds_and_what_it_gave_is_dead() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    let played = play(async || {
        let code = server.code(MOBILE).await;
        let all = together((0..AT_ONCE).map(|_| server.redeem(MOBILE, &code)));
        meanwhile((server, CODES), (AT_ONCE, all), async {}).await.0
    });
    let seen = played.await;
    let (good, bad): (Vec<&Seen>, Vec<&Seen>) = seen.iter().partition(|seen| seen.status == StatusCode::OK);
    assert_eq!((good.len(), bad.len()), (1, AT_ONCE - 1));
    bad.into_iter().for_each(refused);
    is_dead(server, MOBILE, &Pair::of(good[0])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_04_held_a_replay_that_comes_while_the_code_is_being_redeemed_kills_what_comes_of_it() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    let played = play(async || {
        let code = server.code(MOBILE).await;
        let twice = (server.redeem(MOBILE, &code), server.redeem(MOBILE, &code));
        let (first, second) = one_behind_the_other((server, SESSIONS_WRITTEN), twice.0, twice.1).await;
        vec![first, second]
    });
    let seen = played.await;
    refused(&seen[1]);
    is_dead(server, MOBILE, &Pair::of(&seen[0])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_04_held_a_replay_before_or_behind_a_refresh_leaves_neither_pair_alive() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for replay_is_first in [true, false] {
        let played = play(async || {
            let code = server.code(MOBILE).await;
            let pair = Pair::of(&server.redeem(MOBILE, &code).await);
            let (replay, refresh) = (server.redeem(MOBILE, &code), server.refresh(MOBILE, &pair.refresh, &[]));
            let (replay, refresh) = if replay_is_first {
                one_behind_the_other((server, SESSIONS), replay, refresh).await
            } else {
                let (refresh, replay) = one_behind_the_other((server, SESSIONS), refresh, replay).await;
                (replay, refresh)
            };
            is_dead(server, MOBILE, &pair).await;
            vec![replay, refresh]
        });
        let seen = played.await;
        refused(&seen[0]);
        if replay_is_first {
            refused(&seen[1]);
        } else {
            is_dead(server, MOBILE, &Pair::of(&seen[1])).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_05_held_a_wrong_verifier_that_comes_while_the_code_is_being_redeemed_revokes_nothing() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    let played = play(async || {
        let code = server.code(MOBILE).await;
        let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", CHALLENGE)];
        let (right, wrong) = (server.redeem(MOBILE, &code), server.token(MOBILE, &form));
        let (right, wrong) = one_behind_the_other((server, SESSIONS_WRITTEN), right, wrong).await;
        vec![right, wrong]
    });
    let seen = played.await;
    refused(&seen[1]);
    let pair = Pair::of(&seen[0]);
    assert!(server.is_active(&pair.access).await);
    assert_eq!(server.refresh(MOBILE, &pair.refresh, &[]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_09_lck_01_held_what_is_taken_back_before_a_redemption_compares_refuses_it() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for way in WAYS {
        let played = play(async || {
            let (desks, code) = (Desks::of(server).await, server.code(MOBILE).await);
            let redeeming = (1, server.redeem(MOBILE, &code));
            vec![meanwhile((server, CODES), redeeming, way.go(server, &desks)).await.0]
        });
        let seen = played.await;
        refused(&seen[0]);
        assert_eq!(server.live_sessions(JOHN).await, Vec::<String>::new(), "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_09_lck_01_held_what_is_taken_back_after_a_redemption_compared_leaves_it_born_dead() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for way in WAYS {
        let played = play(async || {
            let (desks, code) = (Desks::of(server).await, server.code(MOBILE).await);
            let redeeming = (1, server.redeem(MOBILE, &code));
            vec![meanwhile((server, SESSIONS_WRITTEN), redeeming, way.go(server, &desks)).await.0]
        });
        let seen = played.await;
        is_dead(server, MOBILE, &Pair::of(&seen[0])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_09_held_a_client_disabled_while_its_token_is_made_ends_it() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    let played = play(async || {
        server.db_enable("batch-job").await;
        let asking = server.token("batch-job", &[("grant_type", "client_credentials")]);
        let disabling = server.db_disable("batch-job");
        vec![one_behind_the_other((server, SESSIONS_WRITTEN), asking, disabling).await.0]
    });
    let seen = played.await;
    assert!(!server.is_active(&Pair::of(&seen[0]).access).await);
}

// ------------------------------------------------------------------------------------------------ refresh tokens

#[tokio::test(flavor = "multi_thread")]
async fn ref_01_held_another_clients_try_beside_the_owners_ends_nothing() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    let played = play(async || {
        let pair = server.pair(MOBILE).await;
        let (owner, other) = (server.refresh(MOBILE, &pair.refresh, &[]), server.refresh(WEB, &pair.refresh, &[]));
        let (owner, other) = one_behind_the_other((server, SESSIONS), owner, other).await;
        vec![owner, other]
    });
    let seen = played.await;
    refused(&seen[1]);
    let pair = Pair::of(&seen[0]);
    assert!(server.is_active(&pair.access).await);
    assert_eq!(server.refresh(MOBILE, &pair.refresh, &[]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_05_ref_06_held_refreshes_that_wait_for_each_other_give_one_branch_and_one_pair() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for client in [MOBILE, WEB] {
        let played = play(async || {
            let pair = server.pair(client).await;
            let all = together((0..AT_ONCE).map(|_| server.refresh(client, &pair.refresh, &[])));
            meanwhile((server, SESSIONS), (AT_ONCE, all), async {}).await.0
        });
        let seen = played.await;
        let pair = Pair::of(&seen[0]);
        assert!(seen.iter().all(|seen| Pair::of(seen) == pair), "two branches");
        assert_eq!(server.db_count("SELECT MAX(generation) FROM sessions").await, 2, "one rotation");
        assert!(server.is_active(&pair.access).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_06_ref_07_held_a_retry_is_one_before_its_successor_is_used_and_theft_behind() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for retry_is_first in [true, false] {
        let played = play(async || {
            let first = server.pair(WEB).await;
            let second = Pair::of(&server.refresh(WEB, &first.refresh, &[]).await);
            let (retry, using) = (server.refresh(WEB, &first.refresh, &[]), server.refresh(WEB, &second.refresh, &[]));
            if retry_is_first {
                let (retry, using) = one_behind_the_other((server, SESSIONS), retry, using).await;
                assert!(retry.status != StatusCode::OK || Pair::of(&retry) == second, "nothing is minted");
                return vec![retry, using];
            }
            let (using, retry) = one_behind_the_other((server, SESSIONS), using, retry).await;
            vec![retry, using]
        });
        let seen = played.await;
        let used = Pair::of(&seen[1]);
        if retry_is_first {
            assert!(server.is_active(&used.access).await);
        } else {
            refused(&seen[0]);
            is_dead(server, WEB, &used).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_07_held_a_reuse_before_or_behind_the_owners_refresh_leaves_nothing_alive_when_it_is_answered() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for reuse_is_first in [true, false] {
        let played = play(async || {
            let first = server.pair(MOBILE).await;
            let second = Pair::of(&server.refresh(MOBILE, &first.refresh, &[]).await);
            let third = Pair::of(&server.refresh(MOBILE, &second.refresh, &[]).await);
            let owners = server.refresh(MOBILE, &third.refresh, &[]);
            // Looked at when the reuse was answered, whatever else is under way.
            let reuse = async {
                let seen = server.refresh(MOBILE, &first.refresh, &[]).await;
                (seen, server.is_active(&third.access).await)
            };
            let ((reuse, is_active), owners) = if reuse_is_first {
                one_behind_the_other((server, SESSIONS), reuse, owners).await
            } else {
                let (owners, reuse) = one_behind_the_other((server, SESSIONS), owners, reuse).await;
                (reuse, owners)
            };
            assert!(reuse.status != StatusCode::BAD_REQUEST || !is_active, "alive when the reuse was answered");
            vec![reuse, owners]
        });
        let seen = played.await;
        refused(&seen[0]);
        if reuse_is_first {
            refused(&seen[1]);
        } else {
            is_dead(server, MOBILE, &Pair::of(&seen[1])).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_01_sto_02_held_a_refresh_is_refused_or_dead_on_either_side_of_its_comparison() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for way in WAYS {
        for lock in [SESSIONS, SESSIONS_WRITTEN] {
            let played = play(async || {
                let (desks, pair) = (Desks::of(server).await, server.pair(MOBILE).await);
                let refreshing = (1, server.refresh(MOBILE, &pair.refresh, &[]));
                let (seen, ()) = meanwhile((server, lock), refreshing, way.go(server, &desks)).await;
                is_dead(server, MOBILE, &pair).await;
                vec![seen]
            });
            let seen = played.await;
            if lock == SESSIONS {
                refused(&seen[0]);
            } else {
                is_dead(server, MOBILE, &Pair::of(&seen[0])).await;
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------ sign-ins

/// A sign-in of John's, held at a lock while he is locked and unlocked: what is answered, and the browser.
async fn held_sign_in(server: &TestServer, lock: &str) -> (Seen, Browser) {
    let desks = Desks::of(server).await;
    // Somebody mistyped, so that there is a count of tries to hold.
    let mut browser = Browser::new(server);
    browser.get(&authorize_path(MOBILE, &[])).await;
    let page = browser.get("/login").await;
    browser.type_password(&page, JOHN, "not the password").await;
    let page = browser.get("/login").await;
    let signing_in = (1, browser.type_password(&page, JOHN, PASSWORD));
    let (seen, ()) = meanwhile((server, lock), signing_in, desks.locked_and_unlocked(server)).await;
    (seen, browser)
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_02_lck_01_held_a_sign_in_that_began_before_a_lockdown_gives_nothing_that_outlives_the_unlock() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    // Before its epochs are compared, after, and after the browser session is written: a code is issued.
    for lock in [
        "SELECT 1 FROM throttles FOR UPDATE",
        "LOCK TABLE browser_sessions IN SHARE MODE",
        "LOCK TABLE codes IN SHARE MODE",
    ] {
        let played = play(async || {
            let (seen, mut browser) = held_sign_in(server, lock).await;
            let page = browser.get("/account").await;
            let is_unsure = seen.status == StatusCode::SERVICE_UNAVAILABLE;
            assert!(is_unsure || page.location() == "/login", "{lock}: the sign-in lives: {}", page.body);
            if let Some(code) = seen.answer("code") {
                refused(&server.redeem(MOBILE, &code).await);
            }
            vec![seen]
        });
        played.await;
        assert!(server.is_active(&server.pair(MOBILE).await.access).await, "a sign-in after the unlock works");
    }
}

// ------------------------------------------------------------------------------------------------ confirmation

#[tokio::test(flavor = "multi_thread")]
async fn sto_06_lck_02_held_nothing_is_confirmed_before_its_commit() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    let played = play(async || {
        let (desk, pair) = (server.machine_token("fraud-desk").await, server.pair(MOBILE).await);
        assert!(server.is_active(&pair.access).await);
        let held = Held::take(server, "SELECT 1 FROM feed_state FOR UPDATE").await;
        let (path, body) = (format!("/api/v1/customers/{JOHN}/lockdown"), json!({ "reason": "stolen" }));
        let mut locking = Box::pin(server.api("POST", &path, &desk, Some(body)));
        tokio::select! {
            seen = &mut locking => panic!("answered before the commit: {}", seen.body),
            () = held.until_waited_for(1) => {}
        }
        assert!(server.is_active(&pair.access).await, "nothing was committed");
        held.release().await;
        let seen = locking.await;
        assert!(seen.json()["status"] != "confirmed" || !server.is_active(&pair.access).await);
        vec![seen]
    });
    let seen = played.await;
    assert_eq!(seen[0].json()["status"], "confirmed", "{}", seen[0].body);
}
