//! What somebody would try who wants to keep a token, to find out who is a customer, or to bring the server to its knees.

use reqwest::StatusCode;
use rescind::limits::Rule;
use rescind::model::client::ClientType;
use rescind::model::ids::CustomerId;
use rescind::model::incident::Receipt;
use rescind::policy::client_rules::NewClient;
use rescind::policy::redirect::may_register;
use rescind::secret::text::SecretText;
use rescind::service::authorize::{Asked, Step, begin};
use rescind::service::taking_back::Taken;
use rescind::service::{client, lockdown, pages};
use rescind::web::guard::cookies;
use serde_json::json;

use crate::support::browser::{Browser, Seen};
use crate::support::direct::basic;
use crate::support::flow::{CHALLENGE, Pair, authorize_path};
use crate::support::rows::{client_id, why};
use crate::support::{JOHN, PASSWORD, TestServer, new_client, setup_actor};

/// Runs a statement on the database, as a fault that an operator would have to look for.
async fn db_break(server: &TestServer, sql: &'static str) {
    let mut tx = server.app.db.begin().await.unwrap();
    tx.execute(sql, &[]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn try_password(browser: &mut Browser, username: &str, password: &str) -> Seen {
    let page = browser.get("/login").await;
    browser.type_password(&page, username, password).await
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_parameter_names_are_refused_before_they_are_compared() {
    let server = TestServer::start().await;
    let names: Vec<String> = (0..6_000).map(|n| format!("{n:x}")).collect();
    let form: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(server.post("/oauth/token", None, &form).await.status, StatusCode::BAD_REQUEST);
    let mut browser = Browser::new(&server);
    assert_eq!(browser.get(&authorize_path("naybitono-mobile", &form)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_of_a_number_does_not_tell_whether_somebody_has_it() {
    let server = TestServer::start().await;
    for (number, respelled) in [("+254712345678", "0712 345 678"), ("+254712345999", "0712 345 999")] {
        let mut browser = Browser::new(&server);
        for _ in 0..5 {
            let wrong = try_password(&mut browser, number, "wrong").await;
            assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{number}");
        }
        let other = try_password(&mut browser, respelled, "wrong").await;
        assert_eq!(other.status, StatusCode::TOO_MANY_REQUESTS, "{respelled}");
    }
}

/// Uses up an allowance.
async fn drain(server: &TestServer, rule: Rule, key: &str) {
    while server.app.limits.take(rule, key, server.app.clock.now()).await.is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_the_sign_in_page_again_and_again_fills_no_table() {
    let server = TestServer::start_with(&[("limit_scale", "1")]).await;
    let http = reqwest::Client::new();
    assert_eq!(http.get(server.url("/login")).send().await.unwrap().status(), StatusCode::OK);
    let mut refused = None;
    // One comes back every 200 ms, so a single try proves nothing.
    for _ in 0..20 {
        drain(&server, Rule::AuthorizePerAddress, "127.0.0.1").await;
        let seen = http.get(server.url("/login")).send().await.unwrap();
        refused = Some(seen).filter(|seen| seen.status() == StatusCode::TOO_MANY_REQUESTS);
        if refused.is_some() {
            break;
        }
    }
    assert!(refused.unwrap().headers().contains_key("retry-after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_use_up_the_allowance_of_an_app_that_anybody_can_name() {
    let server = TestServer::start_with(&[("limit_scale", "1"), ("trusted_proxies", "127.0.0.1")]).await;
    let ask = async |path: &str, from: &str| {
        let form = [("client_id", "naybitono-mobile"), ("grant_type", "refresh_token"), ("token", "x")];
        server.post_with(path, &[("X-Forwarded-For", from)], &form).await.status
    };
    for (path, rule) in [("/oauth/token", Rule::TokenPerClient), ("/oauth/revoke", Rule::RevokePerClient)] {
        let mut refused = 0;
        // One comes back every 10 ms, so a single try proves nothing.
        for _ in 0..50 {
            drain(&server, rule, "naybitono-mobile").await;
            assert_ne!(ask(path, "192.0.2.1").await, StatusCode::TOO_MANY_REQUESTS, "{path}");
            drain(&server, rule, "naybitono-mobile 192.0.2.66").await;
            refused += u32::from(ask(path, "192.0.2.66").await == StatusCode::TOO_MANY_REQUESTS);
        }
        assert!(refused > 0, "{path}: the stranger goes on forever");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_not_disabled_by_halves() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let app = client_id("naybitono-mobile");
    db_break(&server, "ALTER TABLE incidents RENAME TO incidents_away").await;
    let taken = client::disable(&server.app, &setup_actor(), &app, &why()).await;
    let confirmed = matches!(&taken, Ok(Taken::Receipt(Receipt::Confirmed { .. })));
    assert!(!confirmed, "{taken:?}");
    db_break(&server, "ALTER TABLE incidents_away RENAME TO incidents").await;

    assert!(server.is_active(&pair.access).await, "nothing was taken back");
    let refreshed = server.refresh("naybitono-mobile", &pair.refresh, &[]).await;
    assert_eq!(refreshed.status, StatusCode::OK, "so nothing may be switched off: {}", refreshed.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lockdown_does_not_fail_because_its_sessions_cannot_be_counted() {
    let server = TestServer::start().await;
    let (pair, fraud) = (server.pair("naybitono-mobile").await, server.machine_token("fraud-desk").await);
    let customer = CustomerId::parse(JOHN).unwrap();
    db_break(&server, "ALTER TABLE sessions RENAME TO sessions_away").await;
    let taken = lockdown::lock(&server.app, &setup_actor(), &customer, &why()).await;
    db_break(&server, "ALTER TABLE sessions_away RENAME TO sessions").await;
    let confirmed = matches!(&taken, Taken::Receipt(Receipt::Confirmed { .. }));
    assert!(confirmed, "{taken:?}");
    assert!(!server.is_active(&pair.access).await);

    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    let again = server.api("POST", &path, &fraud, Some(json!({ "reason": "again" }))).await;
    assert_eq!(again.json()["sessions_ended"], json!(1), "{}", again.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_used_before_does_not_confirm_a_lockdown_that_was_lifted() {
    let server = TestServer::start().await;
    let fraud = server.machine_token("fraud-desk").await;
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    let lock = async || {
        let body = Some(json!({ "reason": "phone stolen" }));
        server.api_with("POST", &path, &fraud, body, &[("Idempotency-Key", "case-17")]).await
    };
    let first = lock().await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    let again = lock().await;
    assert_eq!(again.json()["incident_id"], first.json()["incident_id"]);

    assert_eq!(server.unlock(JOHN).await.status, StatusCode::OK);
    let pair: Pair = server.pair("naybitono-mobile").await;
    assert!(server.is_active(&pair.access).await);
    let late = lock().await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", late.body);
    assert!(server.is_active(&pair.access).await, "so nobody was told that it is dead");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_used_before_does_not_confirm_a_device_that_signed_in_again() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let path = authorize_path("naybitono-mobile", &[]);
    let code = browser.authorize(&path, JOHN).await.answer("code").unwrap();
    let old = Pair::of(&server.redeem("naybitono-mobile", &code).await);
    let device = server.introspect("accounts-api", &old.access).await.json()["device_id"].as_str().unwrap().to_owned();
    let ops = server.machine_token("ops-desk").await;
    let path_of_device = format!("/api/v1/devices/{device}");
    let revoke = async || server.api_with("DELETE", &path_of_device, &ops, None, &[("Idempotency-Key", "lost")]).await;
    assert_eq!(revoke().await.status, StatusCode::OK);
    assert_eq!(revoke().await.status, StatusCode::OK, "a repetition is the same revocation");

    let code = browser.authorize(&path, JOHN).await.answer("code").unwrap();
    let new = Pair::of(&server.redeem("naybitono-mobile", &code).await);
    assert!(server.is_active(&new.access).await);
    let late = revoke().await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", late.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_in_a_basic_header_is_a_wrong_client_not_an_outage() {
    let server = TestServer::start().await;
    for text in ["a%00b:secret", "a:%00", "a%0ab:secret"] {
        let header = basic(text);
        let seen = server.post_with("/oauth/token", &[("Authorization", &header)], &[("grant_type", "x")]).await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{text}: {}", seen.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_too_long_to_keep_is_sent_back_at_once() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let long = "s".repeat(5_000);
    for name in ["state", "nonce"] {
        let seen = browser.get(&authorize_path("naybitono-mobile", &[(name, &long)])).await;
        assert_eq!(seen.answer("error").as_deref(), Some("invalid_request"), "{name}: {}", seen.status);
    }
    let fits = browser.get(&authorize_path("naybitono-mobile", &[("state", &long[..2_000])])).await;
    assert_eq!(fits.location(), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_under_way_while_its_device_is_revoked_once_more_is_dead() {
    let server = TestServer::start_with(&[("hash_threads", "1")]).await;
    let mut browser = Browser::new(&server);
    let code = browser.authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await.answer("code").unwrap();
    let pair = Pair::of(&server.redeem("naybitono-mobile", &code).await);
    let device = server.introspect("accounts-api", &pair.access).await.json()["device_id"].as_str().unwrap().to_owned();
    let ops = server.machine_token("ops-desk").await;
    let path = format!("/api/v1/devices/{device}");
    assert_eq!(server.api("DELETE", &path, &ops, None).await.status, StatusCode::OK);

    browser.get(&authorize_path("naybitono-mobile", &[])).await;
    let page = browser.get("/login").await;
    // The one hash thread is busy, so that the sign-in waits after it has read the truth.
    let busy = SecretText::from(PASSWORD);
    let hashing = async {
        let hash = || server.app.secrets.hasher.hash(&busy);
        tokio::join!(hash(), hash(), hash(), hash(), hash(), hash())
    };
    let revoking = async {
        // A try is counted after the truth was read and before the password is hashed.
        while server.db_count("SELECT COUNT(*) FROM throttles").await == 0 {
            tokio::task::yield_now().await;
        }
        server.api("DELETE", &path, &ops, None).await
    };
    let (_, entered, revoked) = tokio::join!(hashing, browser.type_password(&page, JOHN, PASSWORD), revoking);
    assert_eq!(revoked.status, StatusCode::OK, "{}", revoked.body);
    assert_eq!(entered.answer("code"), None, "a sign-in that began before the revocation outlived it");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_redirect_uri_that_may_be_registered_is_redirected_to() {
    let uris = [
        "com.example.app:/cb",
        "com.example.app:///cb",
        "com.example.app:cb",
        "com.example.app:",
        "com.example.app://host",
        "com.example+x.app:/cb",
        "COM.Example.App:/cb",
        "https://a.example",
        "https://a.example?x",
        "https://a.example/?x=%20&",
        "https://a.example:8443/a(b)*!$&+,;=:@~",
        "https://a.example//b//../c",
        "http://[::1]/cb",
        "http://[::1]:8123/cb?",
        "http://127.0.0.1:1/cb",
        "http://localhost:5000/cb",
    ];
    let mut server = TestServer::start().await;
    let allowed: Vec<&str> = uris.into_iter().filter(|uri| may_register(uri).is_ok()).collect();
    server
        .db_client(NewClient {
            redirect_uris: allowed.iter().map(|uri| (*uri).to_owned()).collect(),
            first_party: true,
            ..new_client("odd-app", ClientType::Public, "openid")
        })
        .await;
    let mut browser = Browser::new(&server);
    browser.authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await;
    for uri in allowed {
        let asked = authorize_path("naybitono-mobile", &[("client_id", "odd-app"), ("redirect_uri", uri)]);
        let seen = browser.authorize(&asked, JOHN).await;
        assert!(seen.location().starts_with(uri), "{uri}: {} {}", seen.status, seen.location());
        assert!(seen.answer("code").is_some(), "{uri}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_came_just_before_signing_out_gets_no_code_after_it() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    browser.authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await;
    let cookie = browser.cookies[cookies::SESSION].clone();
    let before = pages::signed_in(&server.app, None, Some(&cookie)).await.unwrap().unwrap();
    let asked = || Asked {
        client_id: Some("post-client".to_owned()),
        redirect_uri: Some("https://post.example/cb".to_owned()),
        response_type: Some("code".to_owned()),
        challenge: Some(CHALLENGE.to_owned()),
        challenge_method: Some("S256".to_owned()),
        ..Asked::default()
    };
    let signed_in = begin(&server.app, &setup_actor(), asked(), Some(&before)).await.unwrap();
    assert!(matches!(signed_in, Step::Redirect(to) if to.contains("code=")));

    pages::sign_out(&server.app, &setup_actor(), &before.session).await.unwrap();
    let signed_out = begin(&server.app, &setup_actor(), asked(), Some(&before)).await.unwrap();
    assert!(matches!(signed_out, Step::SignIn(_)), "{signed_out:?}");
}
