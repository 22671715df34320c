//! PWD-06, PWD-07: failures in a row are counted before the password is looked at, per account and per known device.

use std::sync::Arc;

use reqwest::StatusCode;
use rescind::model::ids::CustomerId;
use rescind::secret::text::SecretText;
use rescind::service::customer;
use tokio::time::Instant;

use crate::support::browser::{Browser, Seen};
use crate::support::{JOHN, PASSWORD, TestServer, setup_actor};

const WRONG: &str = "meadow-lantern-48-quarry-viola";

/// A try in a browser; the sign-in page is opened for it.
async fn attempt_in(browser: &mut Browser, username: &str, password: &str) -> Seen {
    let page = browser.get("/login").await;
    browser.type_password(&page, username, password).await
}

async fn attempt(server: &TestServer, username: &str, password: &str) -> Seen {
    attempt_in(&mut Browser::new(server), username, password).await
}

/// The seconds a 429 asks to wait.
fn wait_of(seen: &Seen) -> u64 {
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS, "{}", seen.body);
    assert!(seen.body.contains("too many tries"), "{}", seen.body);
    seen.header("retry-after").parse().expect("seconds")
}

/// Fails `count` times, waiting as long as asked in between; which wait was asked for after how many failures.
async fn fail(server: &TestServer, browser: &mut Browser, username: &str, count: usize) -> Vec<(usize, u64)> {
    let mut waits = Vec::new();
    let mut failures = 0;
    while failures < count {
        let runs = server.app.secrets.hasher.runs();
        let seen = attempt_in(browser, username, WRONG).await;
        if seen.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(server.app.secrets.hasher.runs(), runs, "a try that must wait costs no hash");
            waits.push((failures, wait_of(&seen)));
            server.wait(wait_of(&seen));
        } else {
            assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
            failures += 1;
        }
    }
    waits
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_06_waits_grow_from_the_fifth_failure_for_known_and_unknown_names_alike() {
    let server = TestServer::start().await;
    for name in [JOHN, "nobody"] {
        let mut browser = Browser::new(&server);
        let waits = fail(&server, &mut browser, name, 16).await;
        for (failures, expected) in (5..16).zip([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900]) {
            // A slow machine has waited for some seconds by itself.
            let asked = waits.iter().filter(|wait| wait.0 == failures).map(|wait| wait.1);
            let waited: u64 = asked.sum();
            assert!(waited <= expected + 1 && waited + 5 >= expected, "{name}: {waited} after {failures}");
        }
        assert!(waits.iter().all(|wait| wait.0 >= 5) && waits.len() >= 8, "{name}: {waits:?}");
        // Waiting is no failure: asking again and again does not lengthen it.
        let left = wait_of(&attempt_in(&mut browser, name, WRONG).await);
        assert!((890..=900).contains(&left), "15 minutes at most: {left}");
        for _ in 0..5 {
            assert!(wait_of(&attempt_in(&mut browser, name, WRONG).await) <= left, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_06_the_right_password_waits_too_and_a_success_begins_anew() {
    let server = TestServer::start().await;
    let mut stranger = Browser::new(&server);
    fail(&server, &mut stranger, JOHN, 6).await;
    let runs = server.app.secrets.hasher.runs();
    assert_eq!(wait_of(&attempt(&server, JOHN, PASSWORD).await), 2);
    assert_eq!(server.app.secrets.hasher.runs(), runs, "not even looked at");
    for name in ["john.doe@example.com", "+254712345678", " CUST_789456123 "] {
        assert!(wait_of(&attempt(&server, name, PASSWORD).await) <= 2, "{name} is the same account");
    }
    server.wait(2);
    assert_eq!(attempt(&server, JOHN, PASSWORD).await.status, StatusCode::SEE_OTHER);
    for _ in 0..5 {
        assert_eq!(attempt(&server, JOHN, WRONG).await.status, StatusCode::UNPROCESSABLE_ENTITY, "counted anew");
    }
    assert_eq!(wait_of(&attempt(&server, JOHN, WRONG).await), 1);
    assert_eq!(attempt(&server, "CUST_2", PASSWORD).await.status, StatusCode::SEE_OTHER, "others are not held up");
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_06_strangers_can_not_lock_out_a_device_that_signed_in_before() {
    let server = TestServer::start().await;
    let mut own = Browser::new(&server);
    assert_eq!(attempt_in(&mut own, JOHN, PASSWORD).await.status, StatusCode::SEE_OTHER);
    let mut stranger = Browser::new(&server);
    fail(&server, &mut stranger, JOHN, 12).await;
    assert!(wait_of(&attempt(&server, JOHN, PASSWORD).await) > 60, "unknown devices wait");
    assert_eq!(attempt_in(&mut own, JOHN, PASSWORD).await.status, StatusCode::SEE_OTHER, "their owner does not");
    assert!(wait_of(&attempt(&server, JOHN, PASSWORD).await) > 60, "a success resets only its own scope");

    // The device counts by itself, and only for its own customer.
    for _ in 0..5 {
        assert_eq!(attempt_in(&mut own, JOHN, WRONG).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(wait_of(&attempt_in(&mut own, JOHN, PASSWORD).await), 1);
    fail(&server, &mut Browser::new(&server), "CUST_2", 8).await;
    assert!(wait_of(&attempt_in(&mut own, "CUST_2", WRONG).await) >= 8, "it is no known device of another customer");
    let mut forged = Browser::new(&server);
    forged.cookies.insert("__Host-rescind_device".to_owned(), "nyb_dv_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned());
    assert!(wait_of(&attempt_in(&mut forged, JOHN, PASSWORD).await) > 60, "a made-up device cookie is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_06_after_100_failures_the_password_is_disabled_until_recovery() {
    let server = TestServer::start().await;
    let mut own = Browser::new(&server);
    assert_eq!(attempt_in(&mut own, JOHN, PASSWORD).await.status, StatusCode::SEE_OTHER);
    let mut stranger = Browser::new(&server);
    let waits = fail(&server, &mut stranger, JOHN, 100).await;
    assert!(waits.len() >= 90, "{}", waits.len());
    for years in [0, 1, 10] {
        server.wait(years * 365 * 86_400);
        let seen = attempt(&server, JOHN, PASSWORD).await;
        assert!(wait_of(&seen) > 365 * 86_400, "after {years} years");
        assert!(seen.body.contains("until you contact customer service"), "{}", seen.body);
    }
    let new = "harbour-whistle-27-copper-lantern";
    let id = CustomerId::parse(JOHN).expect("id");
    let set = customer::set_password(&server.app, &setup_actor(), &id, &SecretText::from(new)).await;
    assert_eq!(set.expect("store"), customer::Entered::Done);
    assert_eq!(attempt(&server, JOHN, new).await.status, StatusCode::SEE_OTHER, "recovered");
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_07_parallel_guesses_count_one_by_one() {
    for name in [JOHN, "nobody"] {
        let server = Arc::new(TestServer::start().await);
        let mut browser = Browser::new(&server);
        let csrf = browser.get("/login").await.csrf();
        let before = server.app.secrets.hasher.runs();
        let started = Instant::now();
        let guesses: Vec<_> = (0..64)
            .map(|n| {
                let (mut browser, csrf) = (browser.clone(), csrf.clone());
                tokio::spawn(async move {
                    let guess = format!("{WRONG}-{n}");
                    let form = [("csrf_token", csrf.as_str()), ("username", name), ("password", guess.as_str())];
                    browser.post("/login", &form).await.status
                })
            })
            .collect();
        let mut looked_at = 0;
        for guess in guesses {
            let status = guess.await.expect("an answer");
            assert!(matches!(status.as_u16(), 422 | 429 | 503), "{status}");
            looked_at += u64::from(status == StatusCode::UNPROCESSABLE_ENTITY);
        }
        // Five are free; on a slow machine the waits of 1, 2, 4... seconds may run out meanwhile.
        let allowed = 5 + u64::from((started.elapsed().as_secs() + 1).ilog2());
        let runs = server.app.secrets.hasher.runs() - before;
        assert!(
            (1..=allowed).contains(&runs) && looked_at <= runs,
            "{name}: {runs} of {allowed}, {looked_at} answered"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_06_counters_are_kept_under_keyed_hashes_and_survive_in_the_database() {
    let server = TestServer::start().await;
    for name in [JOHN, "nobody@example.com"] {
        assert_eq!(attempt(&server, name, WRONG).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let mut conn = server.app.db.read().await.expect("connection");
    let rows: Option<i64> = conn.value("SELECT COUNT(*) FROM throttles WHERE failures = 1", &[]).await.expect("read");
    assert_eq!(rows, Some(2), "unknown names have counters too");
    let key: Option<i64> =
        conn.value("SELECT COUNT(*) FROM throttles WHERE LENGTH(key) = 32", &[]).await.expect("read");
    assert_eq!(key, Some(2), "the key is a hash, not the name");
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_06_nobody_waits_for_what_was_our_own_fault() {
    let server = TestServer::start_with(&[("hash_threads", "1")]).await;
    let counted = "SELECT CAST(COALESCE(SUM(failures), 0) AS BIGINT) FROM throttles";
    // The password is not looked at: as many as may wait do so already.
    let app = server.app.clone();
    let crowd = tokio::spawn(async move {
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..400 {
            let app = app.clone();
            all.spawn(async move {
                while app.secrets.hasher.verify(&SecretText::from("wrong"), None).await.is_err() {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
            });
        }
        all.join_all().await;
    });
    while server.app.secrets.hasher.queue().waiting < 64 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    // Each under a name of its own, so that those that are looked at, in a seat that came free, are not in each other's way.
    let mut turned_away = 0;
    for number in 0.. {
        let before = server.db_count(counted).await;
        let seen = attempt(&server, &format!("nobody{number}"), WRONG).await;
        if seen.status == StatusCode::SERVICE_UNAVAILABLE {
            turned_away += 1;
            assert_eq!(server.db_count(counted).await, before, "it was not looked at");
        }
        if turned_away > 3 || crowd.is_finished() {
            break;
        }
    }
    crowd.abort();
    assert!(turned_away > 0, "it never was crowded");

    // The password is right, and nobody may enter just now.
    let server = TestServer::start().await;
    server.db_refuse_audit().await;
    for _ in 0..7 {
        let seen = attempt(&server, JOHN, PASSWORD).await;
        assert!(seen.status.is_server_error(), "{}", seen.status);
        assert_eq!(server.db_count(counted).await, 0, "it was right");
    }
}
