//! Sign-ins and code redemptions that race a lockdown and a quick unlock. Whatever comes of a race: what was born before
//! the lockdown is dead afterwards. `TEST_ROUNDS` sets how many rounds each race runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::StatusCode;

use crate::support::browser::{Browser, Seen};
use crate::support::flow::{Pair, authorize_path};
use crate::support::{JOHN, PASSWORD, TestServer, db_customer};

const MOBILE: &str = "naybitono-mobile";
/// Customers whose rounds run side by side.
const LANES: usize = 10;

#[allow(clippy::disallowed_methods, reason = "tests are told how long to run by the environment")]
fn rounds() -> usize {
    std::env::var("TEST_ROUNDS").map_or(300, |text| text.parse().expect("TEST_ROUNDS is a number"))
}

/// The tokens of the machines that lock and unlock, made once; and how long what is raced takes here, so that lockdowns
/// can be spread over all of it.
struct Desks {
    lock: String,
    unlock: String,
    raced_us: AtomicU64,
}

impl Desks {
    async fn open(server: &TestServer) -> Self {
        let (lock, unlock) = (server.machine_token("fraud-desk").await, server.machine_token("branch-desk").await);
        Self { lock, unlock, raced_us: AtomicU64::new(50_000) }
    }

    /// Waits for a part of the time that takes: another one every round, now and then a little more than all of it.
    async fn wait_into(&self, number: usize) {
        let twentieths = u64::try_from((number * 7) % 27).expect("a small number");
        let typical = self.raced_us.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_micros(typical * twentieths / 20)).await;
    }

    fn note(&self, took: Duration) {
        let (known, new) = (self.raced_us.load(Ordering::SeqCst), u64::try_from(took.as_micros()).unwrap_or(0));
        self.raced_us.store((known * 3 + new) / 4, Ordering::SeqCst);
    }

    async fn lock(&self, server: &TestServer, customer: &str) {
        let body = serde_json::json!({ "reason": "a race" });
        let path = format!("/api/v1/customers/{customer}/lockdown");
        let seen = server.api("POST", &path, &self.lock, Some(body)).await;
        assert_eq!((seen.status, &seen.json()["status"]), (StatusCode::OK, &"confirmed".into()), "{}", seen.body);
    }

    async fn unlock(&self, server: &TestServer, customer: &str) {
        let body = serde_json::json!({ "reason": "a race", "approved_by": "the-supervisor" });
        let path = format!("/api/v1/customers/{customer}/unlock");
        let seen = server.api("POST", &path, &self.unlock, Some(body)).await;
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    }
}

/// How the rounds of a race ended: none of these may be zero, or nothing was raced.
#[derive(Debug, Default)]
struct Ends {
    succeeded: usize,
    refused: usize,
}

/// Runs one round per number in lanes, each with a customer of its own.
async fn run<F: Future<Output = bool> + Send + 'static>(
    round: impl Fn(Arc<TestServer>, Arc<Desks>, String, usize) -> F + Clone + Send + 'static,
) -> Ends {
    let server = Arc::new(TestServer::start().await);
    let desks = Arc::new(Desks::open(&server).await);
    let mut lanes = Vec::new();
    for lane in 0..LANES {
        let customer = format!("RACER_{lane}");
        db_customer(&server.app, &customer, "A Racer", None, None).await;
        let (server, desks, round) = (server.clone(), desks.clone(), round.clone());
        lanes.push(tokio::spawn(async move {
            let mut ends = Ends::default();
            for number in (lane..rounds()).step_by(LANES) {
                let succeeded = round(server.clone(), desks.clone(), customer.clone(), number).await;
                ends.succeeded += usize::from(succeeded);
                ends.refused += usize::from(!succeeded);
            }
            assert_eq!(server.live_sessions(&customer).await, Vec::<String>::new());
            ends
        }));
    }
    let mut all = Ends::default();
    for lane in lanes {
        let ends = lane.await.expect("no round failed");
        all.succeeded += ends.succeeded;
        all.refused += ends.refused;
    }
    all
}

/// Everything a browser got is dead: its session, and the code in its last answer if there is one.
async fn assert_dead(server: &TestServer, browser: &mut Browser, answer: &Seen, what: &str) {
    let page = browser.get("/account").await;
    assert_eq!((page.status.as_u16(), page.location()), (303, "/login"), "{what}: the browser session lives");
    if let Some(code) = answer.answer("code") {
        let seen = server.redeem(MOBILE, &code).await;
        assert_eq!((seen.status.as_u16(), seen.error().as_str()), (400, "invalid_grant"), "{what}: the code lives");
    }
}

/// A sign-in is under way when the lockdown comes. Even rounds: unlocked once both were answered. Odd rounds: unlocked
/// at once, while the sign-in, which had begun, may still be under way.
async fn sign_in_round(server: Arc<TestServer>, desks: Arc<Desks>, customer: String, number: usize) -> bool {
    let mut browser = Browser::new(&server);
    browser.get(&authorize_path(MOBILE, &[])).await;
    let page = browser.get("/login").await;
    let quick = number % 2 == 1;
    let sign_in = async {
        let watch = server.app.clock.start();
        let seen = browser.type_password(&page, &customer, PASSWORD).await;
        desks.note(watch.elapsed());
        seen
    };
    let take_back = async {
        if quick {
            db_begun(&server, &customer).await;
        }
        desks.wait_into(number / 2).await;
        desks.lock(&server, &customer).await;
        if quick {
            desks.unlock(&server, &customer).await;
        }
    };
    let (answer, ()) = tokio::join!(sign_in, take_back);
    if !quick {
        assert_dead(&server, &mut browser.clone(), &answer, "locked").await;
        desks.unlock(&server, &customer).await;
    }
    assert_dead(&server, &mut browser, &answer, "unlocked again").await;
    match answer.status.as_u16() {
        303 => true,
        400 | 403 => false,
        other => panic!("{other}: {}", answer.body),
    }
}

/// Waits until a sign-in of this customer has read the customer: its try is counted right after.
async fn db_begun(server: &TestServer, customer: &str) {
    let tries = "SELECT COUNT(*) FROM throttles WHERE subject_id = $1";
    let ended = "SELECT COUNT(*) FROM browser_sessions WHERE customer_id = $1";
    let before = server.db_number(ended, customer).await;
    while server.db_number(tries, customer).await == 0 && server.db_number(ended, customer).await == before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_04_tok_09_a_sign_in_racing_a_lockdown_leaves_nothing_alive() {
    let ends = run(sign_in_round).await;
    println!("sign-ins: {ends:?}");
    assert!(ends.succeeded > 0 && ends.refused > 0, "both ends of the race were seen: {ends:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_04_a_right_password_tried_while_locked_does_not_slow_down_the_sign_in_after_the_unlock() {
    let server = TestServer::start().await;
    let desks = Desks::open(&server).await;
    desks.lock(&server, JOHN).await;
    let mut browser = Browser::new(&server);
    for _ in 0..7 {
        browser.get(&authorize_path(MOBILE, &[])).await;
        let page = browser.get("/login").await;
        let refused = browser.type_password(&page, JOHN, PASSWORD).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
    }
    desks.unlock(&server, JOHN).await;
    let seen = browser.authorize(&authorize_path(MOBILE, &[]), JOHN).await;
    assert!(seen.answer("code").is_some(), "{}: {}", seen.status, seen.body);
}

/// A code is redeemed while the lockdown comes; in odd rounds the unlock follows at once.
async fn redeem_round(server: Arc<TestServer>, desks: Arc<Desks>, customer: String, number: usize) -> bool {
    let mut browser = server.db_signed_in(&customer).await;
    let issued = browser.authorize(&authorize_path(MOBILE, &[]), &customer).await;
    let code = issued.answer("code").expect("a code");
    let quick = number % 2 == 1;
    let redeem = async {
        let watch = server.app.clock.start();
        let seen = server.redeem(MOBILE, &code).await;
        desks.note(watch.elapsed());
        seen
    };
    let take_back = async {
        desks.wait_into(number / 2).await;
        desks.lock(&server, &customer).await;
        if quick {
            desks.unlock(&server, &customer).await;
        }
    };
    let (answer, ()) = tokio::join!(redeem, take_back);
    if !quick {
        desks.unlock(&server, &customer).await;
    }
    let succeeded = answer.status == StatusCode::OK;
    if succeeded {
        let pair = Pair::of(&answer);
        assert!(!server.is_active(&pair.access).await, "the access token lives");
        assert_eq!(server.refresh(MOBILE, &pair.refresh, &[]).await.error(), "invalid_grant");
    } else {
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"));
    }
    assert_dead(&server, &mut browser, &issued, "afterwards").await;
    succeeded
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_04_tok_09_a_redemption_racing_a_lockdown_leaves_nothing_alive() {
    let ends = run(redeem_round).await;
    println!("redemptions: {ends:?}");
    assert!(ends.succeeded > 0 && ends.refused > 0, "both ends of the race were seen: {ends:?}");
}
