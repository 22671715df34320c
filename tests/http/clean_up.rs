//! Old rows go, and nothing that is still needed goes with them.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use rescind::jobs::clean_up::{self, FATES, Fate};
use rescind::model::staff::Role;
use serde_json::json;

use crate::support::browser::{Browser, Seen};
use crate::support::flow::{Pair, authorize_path};
use crate::support::{JOHN, TestServer};

const MOBILE: &str = "naybitono-mobile";
const DAY: u64 = 86_400;

async fn clean(server: &TestServer) -> u64 {
    clean_up::run(&server.app).await.expect("cleaned up")
}

/// Waits, and cleans up as the job would have.
async fn wait_days(server: &TestServer, days: u64) {
    server.wait(days * DAY);
    clean(server).await;
}

/// How many rows each table has.
async fn rows(server: &TestServer) -> BTreeMap<&'static str, i64> {
    let mut found = BTreeMap::new();
    for (name, _) in FATES {
        let sql: &'static str = Box::leak(format!("SELECT COUNT(*) FROM {name}").into_boxed_str());
        found.insert(name, server.db_count(sql).await);
    }
    found
}

fn refused(seen: &Seen) {
    assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"), "{}", seen.body);
}

async fn lock_with(server: &TestServer, key: &str, reason: &str) -> Seen {
    let bearer = server.machine_token("fraud-desk").await;
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    server.api_with("POST", &path, &bearer, Some(json!({ "reason": reason })), &[("Idempotency-Key", key)]).await
}

/// A little of everything.
async fn live(server: &TestServer) -> Pair {
    let pair = server.pair(MOBILE).await;
    assert!(server.is_active(&pair.access).await);
    let form = [("token", pair.access.as_str()), ("client_id", MOBILE)];
    assert_eq!(server.post("/oauth/revoke", None, &form).await.status, StatusCode::OK);
    server.code(MOBILE).await;
    Browser::new(server).get(&authorize_path(MOBILE, &[])).await;
    for name in [JOHN, "nobody"] {
        let mut browser = Browser::new(server);
        browser.get(&authorize_path(MOBILE, &[])).await;
        let page = browser.get("/login").await;
        browser.type_password(&page, name, "wrong").await;
    }
    server.staff(Role::Agent).await;
    assert_eq!(lock_with(server, "key-1", "stolen").await.status, StatusCode::OK);
    rescind::jobs::flush_seen(&server.app).await.expect("flushed");
    pair
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_end_every_table_that_is_cleaned_up_is_empty_and_no_other_lost_a_row() {
    let server = TestServer::start().await;
    live(&server).await;
    let before = rows(&server).await;
    assert_eq!(clean(&server).await, 0, "nothing is old yet");
    assert_eq!(rows(&server).await, before);
    wait_days(&server, 1_000).await;
    let after = rows(&server).await;
    for (name, fate) in FATES {
        match fate {
            Fate::Dropped => {
                assert!(before[name] > 0, "{name} was never filled: the test shows nothing");
                assert_eq!(after[name], 0, "{name}");
            }
            Fate::Kept(_) if name == "epochs" => assert_eq!(before[name] - after[name], before["devices"]),
            Fate::Kept(_) => assert_eq!(after[name], before[name], "{name}"),
        }
    }
    assert_eq!(server.unlock(JOHN).await.status, StatusCode::OK);
    server.pair(MOBILE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_11_a_replay_on_the_last_day_is_recognised_although_rows_were_dropped_every_day() {
    let server = TestServer::start().await;
    let code = server.code(MOBILE).await;
    let first = Pair::of(&server.redeem(MOBILE, &code).await);
    let mut last = first.clone();
    for _ in 0..3 {
        for _ in 0..29 {
            wait_days(&server, 1).await;
        }
        last = Pair::of(&server.refresh(MOBILE, &last.refresh, &[]).await);
    }
    wait_days(&server, 2).await;
    refused(&server.refresh(MOBILE, &first.refresh, &[]).await);
    let alarms = server.audit("refresh_reuse").await;
    assert!(alarms.len() == 1 && alarms[0]["outcome"] == "alarm", "{alarms:?}");
    refused(&server.refresh(MOBILE, &last.refresh, &[]).await);
    assert!(!server.is_active(&last.access).await);

    refused(&server.redeem(MOBILE, &code).await);
    let alarms = server.audit("code_replay").await;
    assert!(alarms.len() == 1 && alarms[0]["outcome"] == "alarm", "{alarms:?}");

    assert_eq!(server.db_count("SELECT COUNT(*) FROM sessions WHERE subject_kind = 'customer'").await, 1);
    wait_days(&server, 3).await;
    assert_eq!(server.db_count("SELECT COUNT(*) FROM sessions WHERE subject_kind = 'customer'").await, 0);
    assert_eq!(server.db_count("SELECT COUNT(*) FROM codes").await, 0, "a code goes with what it gave");
    refused(&server.refresh(MOBILE, &last.refresh, &[]).await);
    refused(&server.redeem(MOBILE, &code).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rev_02_a_token_taken_back_stays_so_until_it_has_run_out() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    let form = [("token", pair.access.as_str()), ("client_id", MOBILE)];
    server.post("/oauth/revoke", None, &form).await;
    for seconds in [1, 590, 3_600] {
        server.wait(seconds);
        clean(&server).await;
        assert!(!server.is_active(&pair.access).await);
    }
    assert_eq!(server.db_count("SELECT COUNT(*) FROM revoked_tokens").await, 1, "a day longer than it could be shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_03_a_key_that_was_forgotten_still_stands_for_its_incident_and_for_nothing_else() {
    let server = TestServer::start().await;
    let first = lock_with(&server, "key-1", "stolen").await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    let keys = async || server.db_count("SELECT COUNT(*) FROM idempotency_keys").await;
    wait_days(&server, 6).await;
    assert_eq!(keys().await, 1, "a week to repeat a request");
    wait_days(&server, 2).await;
    assert_eq!(keys().await, 0);
    let again = lock_with(&server, "key-1", "stolen").await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.body);
    assert_eq!(again.json()["incident_id"], first.json()["incident_id"]);
    assert_eq!(lock_with(&server, "key-1", "something else").await.status, StatusCode::UNPROCESSABLE_ENTITY);

    assert_eq!(server.unlock(JOHN).await.status, StatusCode::OK);
    let lifted = lock_with(&server, "key-1", "stolen").await;
    assert_eq!(lifted.status, StatusCode::UNPROCESSABLE_ENTITY, "not said to be locked: {}", lifted.body);
    assert_eq!(lock_with(&server, "key-2", "stolen").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_can_be_read_and_holds_after_device_and_session_are_gone() {
    let server = TestServer::start().await;
    server.pair(MOBILE).await;
    let desk = server.machine_token("ops-desk").await;
    let mut numbers = Vec::new();
    let session = server.live_sessions(JOHN).await.remove(0);
    let devices = server.api("GET", &format!("/api/v1/customers/{JOHN}/devices"), &desk, None).await.json();
    let device = devices["items"][0]["device_id"].as_str().expect("a device").to_owned();
    for path in [format!("/api/v1/sessions/{session}"), format!("/api/v1/devices/{device}")] {
        let seen = server.api("DELETE", &path, &desk, None).await;
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
        numbers.push(seen.json()["incident_id"].as_str().expect("a number").to_owned());
    }
    wait_days(&server, 1_000).await;
    assert_eq!(server.db_count("SELECT COUNT(*) FROM devices").await, 0);
    let mut agent = server.staff(Role::Agent).await;
    for number in numbers {
        let page = agent.get(&format!("/console/incidents/{number}")).await;
        assert!(page.status == StatusCode::OK && page.text().contains("CONFIRMED."), "{}", page.text());
    }
    assert_eq!(agent.get(&format!("/console/customers/{JOHN}")).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_device_is_a_new_one_when_it_comes_back() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let sign_in = async |browser: &mut Browser| {
        let seen = browser.authorize(&authorize_path(MOBILE, &[]), JOHN).await;
        assert!(seen.answer("code").is_some(), "{}", seen.body);
        server.db_count("SELECT COUNT(*) FROM devices").await
    };
    assert_eq!(sign_in(&mut browser).await, 1);
    wait_days(&server, 399).await;
    assert_eq!(sign_in(&mut browser).await, 1, "still known");
    wait_days(&server, 399).await;
    assert_eq!(server.db_count("SELECT COUNT(*) FROM devices").await, 1, "seen since");
    wait_days(&server, 2).await;
    assert_eq!(server.db_count("SELECT COUNT(*) FROM devices").await, 0);
    assert_eq!(sign_in(&mut browser).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_cleans_up_at_a_time_however_many_there_are() {
    let server = TestServer::start().await;
    let turns = async || {
        let tries = (0..8).map(|_| clean_up::take_turn(&server.app));
        let taken = rocket::futures::future::join_all(tries).await;
        taken.into_iter().filter(|one| *one.as_ref().expect("an answer")).count()
    };
    assert_eq!(turns().await, 1);
    assert_eq!(turns().await, 0, "not again within the minute");
    server.wait(61);
    assert_eq!(turns().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_one_batch_go_in_one_turn() {
    let server = TestServer::start().await;
    let fill = "WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 1050)
                INSERT INTO idempotency_keys (caller, key, digest, incident_id, created_at)
                SELECT 'desk', 'key' || n, $1, 'INC_1', $2 FROM up";
    server.db_run(fill, &[&vec![1_u8], &server.app.clock.now()]).await;
    server.wait(8 * DAY);
    assert_eq!(clean_up::take_turn(&server.app).await.ok(), Some(true));
    assert_eq!(server.db_count("SELECT COUNT(*) FROM idempotency_keys").await, 0);
}
