//! Two serving programs on one PostgreSQL, answering checks from memory: killed, frozen, cut off. What was confirmed is
//! dead on both; what can't be proven is 503.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use rustix::process::Signal;
use tokio::time::Instant;

use crate::proxy::{Mode, Proxy};
use crate::support::browser::Seen;
use crate::support::database::is_postgres;
use crate::support::program::{Bank, Folder, Program};

/// The lease of the programs.
const LEASE: Duration = Duration::from_secs(2);

/// A bank with two programs on one database.
async fn two(customer: &str, lease: &str) -> (Folder, Bank, Program, Program) {
    let folder = Folder::of_engine().await.with("RESCIND_CHECKS", "fast").with("RESCIND_LEASE", lease);
    let folder = folder.with("RESCIND_LIMIT_SCALE", "1000");
    let bank = folder.enter_bank(customer);
    let (one, two) = (folder.serve().await, folder.serve().await);
    (folder, bank, one, two)
}

/// A check, and when it was begun.
async fn check(http: &reqwest::Client, url: &str, secret: &str, token: &str) -> (Instant, Seen) {
    let begun = Instant::now();
    let request = http.post(url).basic_auth("accounts-api", Some(secret)).form(&[("token", token)]);
    (begun, Seen::read(request.send().await.expect("an answer")).await)
}

/// Checks a token again and again until told to stop; when those were begun that said `active`.
async fn watch(url: String, secret: String, token: String, stop: Arc<AtomicBool>) -> Vec<Instant> {
    let http = reqwest::Client::new();
    let mut active = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let (begun, seen) = check(&http, &url, &secret, &token).await;
        // A machine that stalls for a lease may have to say that it is unsure.
        let is_unsure = seen.status == StatusCode::SERVICE_UNAVAILABLE;
        assert!(is_unsure || seen.status == StatusCode::OK, "{}", seen.body);
        if seen.json()["active"] == true {
            active.push(begun);
        }
    }
    active
}

#[tokio::test(flavor = "multi_thread")]
async fn int_09_lck_02_after_the_answer_no_check_on_any_node_says_active() {
    if !is_postgres() {
        return;
    }
    let (folder, bank, one, two) = two("CUST_1", "20").await;
    let mut seen_active = 0;
    for round in 0..15 {
        let pair = one.pair("CUST_1").await;
        let stop = Arc::new(AtomicBool::new(false));
        let watches: Vec<_> = [&one, &two, &one, &two]
            .map(|node| {
                let url = node.url("/oauth/introspect");
                tokio::spawn(watch(url, bank.api.clone(), pair.access.clone(), stop.clone()))
            })
            .into();
        while !(one.is_active(&bank, &pair.access).await && two.is_active(&bank, &pair.access).await) {}
        let by = if round % 2 == 0 { &one } else { &two };
        let answered = if round % 3 == 0 {
            let receipt = by.lock(&bank).await;
            let answered = Instant::now();
            assert_eq!((receipt.status, receipt.json()["status"].as_str()), (StatusCode::OK, Some("confirmed")));
            assert_eq!(receipt.json()["nodes"], 2, "{}", receipt.body);
            assert_eq!(folder.run(&["unlock", "CUST_1", "--reason", "found again"]).code, 0);
            answered
        } else {
            let form = [("token", pair.refresh.as_str()), ("client_id", "naybitono-mobile")];
            assert_eq!(by.post("/oauth/revoke", None, &form).await.status, StatusCode::OK);
            Instant::now()
        };
        tokio::time::sleep(Duration::from_millis(60)).await;
        stop.store(true, Ordering::SeqCst);
        for watch in watches {
            let active = watch.await.expect("a watch");
            seen_active += active.len();
            let late = active.iter().filter(|begun| **begun > answered).count();
            assert_eq!(late, 0, "round {round}: active after the answer");
        }
    }
    assert!(seen_active > 60, "the watches saw nothing live");
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_06_a_killed_node_holds_up_a_confirmation_no_longer_than_its_lease() {
    if !is_postgres() {
        return;
    }
    let (_folder, bank, one, two) = two("CUST_1", "2").await;
    let pair = one.pair("CUST_1").await;
    two.kill();
    let begun = Instant::now();
    let receipt = one.lock(&bank).await;
    assert_eq!((receipt.status, receipt.json()["status"].as_str()), (StatusCode::OK, Some("confirmed")));
    assert!(begun.elapsed() < LEASE + Duration::from_secs(5), "it hangs: {:?}", begun.elapsed());
    assert!(!one.is_active(&bank, &pair.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn f28_a_node_frozen_for_longer_than_its_lease_wakes_without_a_verdict() {
    if !is_postgres() {
        return;
    }
    let (_folder, bank, one, two) = two("CUST_1", "2").await;
    let pair = two.pair("CUST_1").await;
    assert!(two.is_active(&bank, &pair.access).await, "it has a copy");
    two.signal(Signal::STOP);
    // On its way while the node sleeps, and answered when it wakes.
    let http = reqwest::Client::new();
    let url = two.url("/oauth/introspect");
    let (secret, token) = (bank.api.clone(), pair.access.clone());
    let waiting = tokio::spawn(async move { check(&http, &url, &secret, &token).await.1 });
    let begun = Instant::now();
    let receipt = one.lock(&bank).await;
    assert_eq!((receipt.status, receipt.json()["status"].as_str()), (StatusCode::OK, Some("confirmed")));
    assert!(begun.elapsed() >= LEASE * 9 / 10, "the frozen node could have answered until now: {:?}", begun.elapsed());
    two.signal(Signal::CONT);
    let woken = waiting.await.expect("an answer");
    let says_active = woken.status == StatusCode::OK && woken.json()["active"] == true;
    assert!(!says_active, "what was confirmed dead woke up: {}", woken.body);
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let http = reqwest::Client::new();
        let seen = check(&http, &two.url("/oauth/introspect"), &bank.api, &pair.access).await.1;
        assert!(seen.status == StatusCode::SERVICE_UNAVAILABLE || seen.body == "{\"active\":false}", "{}", seen.body);
        if seen.status == StatusCode::OK {
            break;
        }
        assert!(Instant::now() < until, "it never comes back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_without_the_database_checks_go_on_for_the_lease_and_then_say_503() {
    if !is_postgres() {
        return;
    }
    let (proxy, server) = Proxy::server(&[("checks", "fast"), ("lease", "3")]).await;
    let pair = server.pair("naybitono-mobile").await;
    assert!(server.is_active(&pair.access).await);
    proxy.set(Mode::Freeze);
    let cut = Instant::now();
    let mut active = 0;
    loop {
        let seen = server.introspect("accounts-api", &pair.access).await;
        if seen.status == StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        assert_eq!(seen.json()["active"], true, "a valid token is not called dead");
        active += 1;
        assert!(cut.elapsed() < Duration::from_secs(20), "it answers for ever");
    }
    assert!(active > 0, "no check went on");
    proxy.set(Mode::Moved);
    let until = Instant::now() + Duration::from_secs(40);
    while server.introspect("accounts-api", &pair.access).await.status != StatusCode::OK {
        assert!(Instant::now() < until, "it never comes back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(server.is_active(&pair.access).await);
}
