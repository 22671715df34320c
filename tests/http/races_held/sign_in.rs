//! Sign-ins, and the confirmation itself.

use reqwest::StatusCode;
use serde_json::json;

use super::{Desks, MOBILE, held_server, play, refused};
use crate::support::browser::{Browser, Seen};
use crate::support::flow::authorize_path;
use crate::support::held::{Held, meanwhile};
use crate::support::{JOHN, PASSWORD, TestServer};

/// A sign-in of John's, held at a lock while he is locked and unlocked: what is answered, and the browser.
async fn held_sign_in(server: &TestServer, lock: &str) -> Option<(Seen, Browser)> {
    let desks = Desks::of(server).await;
    // Somebody mistyped, so that there is a count of tries to hold.
    let mut browser = Browser::new(server);
    browser.get(&authorize_path(MOBILE, &[])).await;
    let page = browser.get("/login").await;
    browser.type_password(&page, JOHN, "not the password").await;
    let page = browser.get("/login").await;
    let signing_in = (1, browser.type_password(&page, JOHN, PASSWORD));
    let (seen, ()) = meanwhile((server, lock), signing_in, desks.locked_and_unlocked(server)).await?;
    Some((seen, browser))
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
            let (seen, mut browser) = held_sign_in(server, lock).await?;
            let page = browser.get("/account").await;
            let is_unsure = seen.status == StatusCode::SERVICE_UNAVAILABLE;
            assert!(is_unsure || page.location() == "/login", "{lock}: the sign-in lives: {}", page.body);
            if let Some(code) = seen.answer("code") {
                refused(&server.redeem(MOBILE, &code).await);
            }
            Some(vec![seen])
        });
        played.await;
        assert!(server.is_active(&server.pair(MOBILE).await.access).await, "a sign-in after the unlock works");
    }
}

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
            is_held = held.until_waited_for(1) => assert!(is_held, "nobody waits for the lock"),
        }
        assert!(server.is_active(&pair.access).await, "nothing was committed");
        held.release().await;
        let seen = locking.await;
        assert!(seen.json()["status"] != "confirmed" || !server.is_active(&pair.access).await);
        Some(vec![seen])
    });
    let seen = played.await;
    assert_eq!(seen[0].json()["status"], "confirmed", "{}", seen[0].body);
}
