//! What a lockdown and its smaller kin end, and what they leave alone.

use reqwest::StatusCode;
use rescind::model::incident::Receipt;
use serde_json::json;

use crate::support::browser::{Browser, Seen};
use crate::support::flow::{Pair, authorize_path};
use crate::support::{JOHN, PASSWORD, TestServer};

const MOBILE: &str = "naybitono-mobile";
const WEB: &str = "naybitono-web";
const OTHER: &str = "CUST_2";

/// Everything a customer can hold, at every step of the walk.
struct Belongings {
    pairs: Vec<(&'static str, Pair)>,
    code: String,
    signed_in: Browser,
    /// Signed in, and asked for consent.
    halfway: Browser,
    consent: Seen,
}

impl Belongings {
    async fn of(server: &TestServer) -> Self {
        let pairs = vec![(MOBILE, server.pair(MOBILE).await), (WEB, server.pair(WEB).await)];
        let code = server.code(MOBILE).await;
        let mut signed_in = Browser::new(server);
        signed_in.authorize(&authorize_path(MOBILE, &[]), JOHN).await;
        let mut halfway = Browser::new(server);
        halfway.get(&authorize_path(WEB, &[("prompt", "consent")])).await;
        let page = halfway.get("/login").await;
        assert_eq!(halfway.type_password(&page, JOHN, PASSWORD).await.location(), "/consent");
        let consent = halfway.get("/consent").await;
        assert_eq!(consent.status, StatusCode::OK);
        Self { pairs, code, signed_in, halfway, consent }
    }

    /// Fails if anything of it is good for anything.
    async fn are_dead(mut self, server: &TestServer) {
        for (client, pair) in &self.pairs {
            assert!(!server.is_active(&pair.access).await, "{client}");
            let seen = server.refresh(client, &pair.refresh, &[]).await;
            assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"), "{client}");
        }
        let seen = server.redeem(MOBILE, &self.code).await;
        assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"), "the code");
        assert_eq!(self.signed_in.get("/account").await.location(), "/login", "the browser session");
        let silent = self.signed_in.get(&authorize_path(MOBILE, &[("prompt", "none")])).await;
        assert_eq!(silent.answer("error").as_deref(), Some("login_required"));
        let csrf = self.consent.csrf();
        let seen = self.halfway.post("/consent", &[("csrf_token", &csrf), ("decision", "approve")]).await;
        assert!(seen.answer("code").is_none(), "the half-finished sign-in: {} {}", seen.status, seen.location());
        assert!(seen.status.is_client_error() || seen.location() == "/login", "{}", seen.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_01_a_lockdown_ends_everything_and_blocks_sign_in_until_unlocked() {
    let server = TestServer::start().await;
    let stranger = Pair::of(&server.redeem(MOBILE, &server.code_for(MOBILE, OTHER, &[]).await).await);
    let mine = Belongings::of(&server).await;
    let later = Belongings::of(&server).await;
    let mut waiting = Browser::new(&server);
    waiting.get(&authorize_path(MOBILE, &[])).await;
    let open_page = waiting.get("/login").await;

    let receipt = server.lock(JOHN).await;
    assert_eq!((receipt.status, &receipt.json()["status"]), (StatusCode::OK, &json!("confirmed")));
    assert_eq!(receipt.json()["sessions_ended"], json!(4), "{}", receipt.body);
    mine.are_dead(&server).await;

    let refused = waiting.type_password(&open_page, JOHN, PASSWORD).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "a page opened before the lockdown");
    assert!(refused.body.contains("temporarily restricted"));
    let wrong = waiting.type_password(&open_page, JOHN, "wrong-password-of-mine").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "who does not know the password learns nothing");

    assert_eq!(server.unlock(JOHN).await.status, StatusCode::OK);
    later.are_dead(&server).await;
    assert!(server.is_active(&stranger.access).await, "nobody else is touched");
    assert_eq!(server.refresh(MOBILE, &stranger.refresh, &[]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_01_a_revoked_device_ends_what_is_on_it_and_may_be_used_again() {
    let server = TestServer::start().await;
    let ops = server.machine_token("ops-desk").await;
    let elsewhere = server.pair(MOBILE).await;
    let mut browser = Browser::new(&server);
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(browser.authorize(&authorize_path(MOBILE, &[]), JOHN).await.answer("code").expect("a code"));
    }
    let unredeemed = codes.pop().unwrap();
    let mut pairs = Vec::new();
    for code in &codes {
        pairs.push(Pair::of(&server.redeem(MOBILE, code).await));
    }
    let device = server.introspect("accounts-api", &pairs[0].access).await.json()["device_id"].clone();
    let path = format!("/api/v1/devices/{}", device.as_str().unwrap());

    let receipt = server.api("DELETE", &path, &ops, None).await;
    assert_eq!((receipt.status, &receipt.json()["status"]), (StatusCode::OK, &json!("confirmed")));
    assert_eq!((&receipt.json()["sessions_ended"], &receipt.json()["devices"]), (&json!(2), &json!(1)));
    for pair in &pairs {
        assert!(!server.is_active(&pair.access).await);
        assert_eq!(server.refresh(MOBILE, &pair.refresh, &[]).await.error(), "invalid_grant");
    }
    assert_eq!(server.redeem(MOBILE, &unredeemed).await.error(), "invalid_grant");
    assert_eq!(browser.get("/account").await.location(), "/login");
    assert!(server.is_active(&elsewhere.access).await, "other devices live on");

    let again = server.api("DELETE", &path, &ops, None).await;
    assert_eq!((again.status, &again.json()["incident_id"]), (StatusCode::OK, &receipt.json()["incident_id"]));

    let code = browser.authorize(&authorize_path(MOBILE, &[]), JOHN).await.answer("code").expect("sign-in is possible");
    let fresh = Pair::of(&server.redeem(MOBILE, &code).await);
    assert_eq!(server.introspect("accounts-api", &fresh.access).await.json()["device_id"], device, "the same device");
    assert!(!server.is_active(&pairs[0].access).await, "what was dead stays dead");
    let anew = server.api("DELETE", &path, &ops, None).await;
    assert_ne!(anew.json()["incident_id"], receipt.json()["incident_id"], "a new loss is a new incident");
    assert!(!server.is_active(&fresh.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_01_an_ended_session_takes_nothing_else_with_it() {
    let server = TestServer::start().await;
    let ops = server.machine_token("ops-desk").await;
    let (one, two) = (server.pair(MOBILE).await, server.pair(MOBILE).await);
    let path = format!("/api/v1/sessions/{}", server.sid(&one.access).await);
    let receipt = server.api("DELETE", &path, &ops, None).await;
    assert_eq!((receipt.status, &receipt.json()["sessions_ended"]), (StatusCode::OK, &json!(1)));
    assert!(!server.is_active(&one.access).await);
    assert_eq!(server.refresh(MOBILE, &one.refresh, &[]).await.error(), "invalid_grant");
    assert!(server.is_active(&two.access).await);
    assert!(server.is_active(&server.pair(MOBILE).await.access).await, "sign-in is possible");
    let again = server.api("DELETE", &path, &ops, None).await;
    assert_eq!((again.status, &again.json()["incident_id"]), (StatusCode::OK, &receipt.json()["incident_id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_01_a_client_lockdown_ends_what_the_client_holds_only() {
    let server = TestServer::start().await;
    let (web, mobile) = (server.pair(WEB).await, server.pair(MOBILE).await);
    let code = server.code(WEB).await;
    let mut halfway = Browser::new(&server);
    halfway.get(&authorize_path(WEB, &[("prompt", "consent")])).await;
    let page = halfway.get("/login").await;
    halfway.type_password(&page, JOHN, PASSWORD).await;
    let consent = halfway.get("/consent").await;

    let Receipt::Confirmed { sessions_ended, .. } = server.db_lock_client(WEB).await else { panic!("unconfirmed") };
    assert_eq!(sessions_ended, 1);
    assert!(!server.is_active(&web.access).await && server.is_active(&mobile.access).await);
    assert_eq!(server.refresh(WEB, &web.refresh, &[]).await.error(), "invalid_grant");
    assert_eq!(server.redeem(WEB, &code).await.error(), "invalid_grant");
    let csrf = consent.csrf();
    let seen = halfway.post("/consent", &[("csrf_token", &csrf), ("decision", "approve")]).await;
    assert!(seen.answer("code").is_none(), "begun before: {}", seen.location());
    assert_eq!(halfway.get("/account").await.status, StatusCode::OK, "the person is still signed in");
    assert!(server.is_active(&server.pair(WEB).await.access).await, "and may sign in to it again");

    let machine = server.machine_token("batch-job").await;
    server.db_lock_client("batch-job").await;
    assert!(!server.is_active(&machine).await);
    assert!(server.is_active(&server.machine_token("batch-job").await).await, "a new token is good at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_01_everyone_means_everyone_and_sign_in_stays_possible() {
    let server = TestServer::start().await;
    let other = Pair::of(&server.redeem(MOBILE, &server.code_for(MOBILE, OTHER, &[]).await).await);
    let machine = server.machine_token("batch-job").await;
    let bearer = server.machine_token("ops-desk").await;
    let mine = Belongings::of(&server).await;
    let Receipt::Confirmed { sessions_ended, .. } = server.db_lock_everyone().await else { panic!("unconfirmed") };
    assert_eq!(sessions_ended, 5, "two of John's, one of the other customer, two machines");
    mine.are_dead(&server).await;
    assert!(!server.is_active(&other.access).await && !server.is_active(&machine).await);
    let seen = server.api("GET", "/api/v1/audit", &bearer, None).await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "our own API too");
    assert!(server.is_active(&server.pair(MOBILE).await.access).await, "nobody is locked out");
    assert!(server.is_active(&server.machine_token("batch-job").await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_04_a_sign_in_after_an_unlock_works_at_once_and_again_and_again() {
    let server = TestServer::start().await;
    for _ in 0..3 {
        let pair = server.pair(MOBILE).await;
        assert_eq!(server.lock(JOHN).await.status, StatusCode::OK);
        assert!(!server.is_active(&pair.access).await);
        assert_eq!(server.unlock(JOHN).await.status, StatusCode::OK);
        let next = server.pair(MOBILE).await;
        assert!(server.is_active(&next.access).await);
        assert!(server.is_active(&Pair::of(&server.refresh(MOBILE, &next.refresh, &[]).await).access).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_02_a_lock_between_the_steps_of_a_sign_in_cannot_be_outrun_by_an_unlock() {
    let server = TestServer::start().await;
    let mine = Belongings::of(&server).await;
    server.lock(JOHN).await;
    server.unlock(JOHN).await;
    mine.are_dead(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_03_disabling_a_customer_ends_everything_they_hold() {
    let server = TestServer::start().await;
    let mine = Belongings::of(&server).await;
    let later = Belongings::of(&server).await;
    let mut browser = Browser::new(&server);
    browser.get(&authorize_path(MOBILE, &[])).await;
    let page = browser.get("/login").await;
    server.db_disable_customer(JOHN, true).await;
    mine.are_dead(&server).await;
    assert_eq!(browser.type_password(&page, JOHN, PASSWORD).await.status, StatusCode::FORBIDDEN);
    server.db_disable_customer(JOHN, false).await;
    later.are_dead(&server).await;
    assert!(server.is_active(&server.pair(MOBILE).await.access).await, "enabled, they sign in again");
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_01_a_page_session_ends_when_idle_and_at_its_time_whatever_happens() {
    let server = TestServer::start().await;
    let mut busy = Browser::new(&server);
    busy.authorize(&authorize_path(MOBILE, &[]), JOHN).await;
    let mut left = 12 * 3_600;
    while left > 25 * 60 {
        assert_eq!(busy.get("/account").await.status, StatusCode::OK, "used every 25 minutes, {left} s left");
        rescind::jobs::flush_seen(&server.app).await.expect("flushed");
        server.wait(25 * 60);
        left -= 25 * 60;
    }
    assert_eq!(busy.get("/account").await.status, StatusCode::OK);
    rescind::jobs::flush_seen(&server.app).await.expect("flushed");
    server.wait(left);
    assert_eq!(busy.get("/account").await.location(), "/login", "twelve hours are over");

    let mut idle = Browser::new(&server);
    idle.authorize(&authorize_path(MOBILE, &[]), JOHN).await;
    server.wait(30 * 60);
    assert_eq!(idle.get("/account").await.location(), "/login", "idle for half an hour");
    let silent = idle.get(&authorize_path(MOBILE, &[("prompt", "none")])).await;
    assert_eq!(silent.answer("error").as_deref(), Some("login_required"), "for applications as well");
}
