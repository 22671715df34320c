//! When and where devices and sessions were last seen: within a minute of the truth, without a write per check, and never
//! the place of somebody else's server.

use serde_json::Value;

use crate::devices::{browser_at, devices, server_with_places, sign_in_app};
use crate::support::flow::{Pair, VERIFIER, authorize_path};
use crate::support::{JOHN, PASSWORD, TestServer};

const MOBILE: &str = "naybitono-mobile";
const WEB: &str = "naybitono-web";
const PHONE: [(&str, &str); 2] = [("device_id", "phone-1"), ("device_model", "iPhone14,2")];

/// What the job does every five seconds.
async fn flush(server: &TestServer) {
    rescind::jobs::flush_seen(&server.app).await.expect("flushed");
}

fn seconds_ago(server: &TestServer, item: &Value) -> i64 {
    let at = item["last_seen_at"].as_str().expect("a time");
    (server.app.clock.now() - chrono::DateTime::parse_from_rfc3339(at).expect("a time").to_utc()).num_seconds()
}

/// How long ago John's only device was seen, and where.
async fn device(server: &TestServer) -> (i64, Option<String>) {
    let found = devices(server).await;
    assert_eq!(found.len(), 1);
    (seconds_ago(server, &found[0]), found[0]["place"].as_str().map(str::to_owned))
}

/// How long ago John's only session was seen.
async fn session(server: &TestServer) -> i64 {
    let bearer = server.machine_token("ops-desk").await;
    let found = server.api("GET", &format!("/api/v1/customers/{JOHN}/sessions"), &bearer, None).await.json();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    seconds_ago(server, &found["items"][0])
}

fn is_fresh(seconds: i64) -> bool {
    (0..60).contains(&seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_04_a_check_is_a_sign_of_life_and_writes_nothing() {
    let server = server_with_places().await;
    let pair = sign_in_app(&server, "198.51.100.7", &PHONE).await;
    server.wait(300);
    for _ in 0..5 {
        let auth = server.basic("accounts-api");
        let headers = [("Authorization", auth.as_str()), ("X-Forwarded-For", "192.0.2.5")];
        let seen = server.post_with("/oauth/introspect", &headers, &[("token", &pair.access)]).await;
        assert_eq!(seen.json()["active"], true);
    }
    let (device_before, session_before) = (device(&server).await, session(&server).await);
    assert!(device_before.0 >= 300 && session_before >= 300, "nothing was written by the checks themselves");
    flush(&server).await;
    let (ago, place) = device(&server).await;
    assert!(is_fresh(ago) && is_fresh(session(&server).await), "{ago}");
    assert_eq!(place.as_deref(), Some("Nairobi CBD"), "the resource server's address is not the device's");
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_04_a_refresh_moves_time_and_place_also_when_a_check_follows() {
    let server = server_with_places().await;
    let pair = sign_in_app(&server, "198.51.100.7", &PHONE).await;
    server.wait(300);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &pair.refresh), ("client_id", MOBILE)];
    let next = Pair::of(&server.post_with("/oauth/token", &[("X-Forwarded-For", "203.0.113.9")], &form).await);
    server.wait(2);
    assert!(server.is_active(&next.access).await);
    flush(&server).await;
    let (ago, place) = device(&server).await;
    assert!(is_fresh(ago) && is_fresh(session(&server).await), "{ago}");
    assert_eq!(place.as_deref(), Some("Home WiFi"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_04_a_clients_own_server_is_not_where_the_device_is() {
    let server = server_with_places().await;
    let mut browser = browser_at(&server, "198.51.100.7");
    let code = browser.authorize(&authorize_path(WEB, &[]), JOHN).await.answer("code").expect("a code");
    let auth = server.basic(WEB);
    let headers = [("Authorization", auth.as_str()), ("X-Forwarded-For", "192.0.2.80")];
    let form = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
    let pair = Pair::of(&server.post_with("/oauth/token", &headers, &form).await);
    server.wait(300);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*pair.refresh)];
    Pair::of(&server.post_with("/oauth/token", &headers, &form).await);
    flush(&server).await;
    let (ago, place) = device(&server).await;
    assert!(is_fresh(ago), "{ago}");
    assert_eq!(place.as_deref(), Some("Nairobi CBD"), "not the data centre");
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_04_a_page_is_a_sign_of_life_of_the_device() {
    let server = server_with_places().await;
    let mut browser = browser_at(&server, "198.51.100.7");
    let page = browser.get("/login").await;
    browser.type_password(&page, JOHN, PASSWORD).await;
    server.wait(300);
    let mut browser = browser.with(&[("X-Forwarded-For", "203.0.113.9")]);
    assert_eq!(browser.get("/account").await.status, 200);
    assert!(device(&server).await.0 >= 300, "a page writes nothing by itself");
    flush(&server).await;
    let (ago, place) = device(&server).await;
    assert!(is_fresh(ago), "{ago}");
    assert_eq!(place.as_deref(), Some("Home WiFi"));
}
