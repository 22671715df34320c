//! What is said of tokens: all of it where they are good, nothing where they are not.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use rescind::model::client::ClientType;
use rescind::policy::client_rules::NewClient;
use rescind::secret::random;
use rescind::secret::seal::{Kind, Reference};
use serde_json::{Value, json};

use crate::support::browser::{Browser, Seen};
use crate::support::flow::authorize_path;
use crate::support::{ACCOUNTS, ISSUER, JOHN, TestServer, new_client};

const MOBILE: &str = "naybitono-mobile";
const INACTIVE: &str = "{\"active\":false}";

/// Headers but those that differ between any two answers.
fn headers(seen: &Seen) -> Vec<(String, String)> {
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    let all = seen.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    all.filter(|(name, _)| name != "date" && name != "x-request-id").collect()
}

/// A token of any kind and session, as only the server itself can make one.
fn db_sealed(server: &TestServer, kind: Kind, session: uuid::Uuid) -> String {
    let expires_at = u32::try_from(server.app.clock.now().timestamp() + 500).unwrap();
    let reference = Reference { session, serial: 1, shape: 0, expires_at };
    server.app.secrets.sealer.seal(kind, &reference).expose().to_owned()
}

/// The same text with one letter in the middle changed.
fn altered(token: &str) -> String {
    let (start, end) = token.split_at(token.len() / 2);
    let other = if end.starts_with('a') { "b" } else { "a" };
    format!("{start}{other}{}", &end[1..])
}

/// One token of every dead kind, each with its name.
async fn dead_tokens(server: &TestServer) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, token: &str| all.push((name.to_owned(), token.to_owned()));

    let revoked = server.pair(MOBILE).await;
    let form = [("client_id", MOBILE), ("token", revoked.access.as_str())];
    assert_eq!(server.post("/oauth/revoke", None, &form).await.status, StatusCode::OK);
    add("revoked alone", &revoked.access);
    let whole = server.pair(MOBILE).await;
    let form = [("client_id", MOBILE), ("token", whole.refresh.as_str())];
    assert_eq!(server.post("/oauth/revoke", None, &form).await.status, StatusCode::OK);
    add("of a revoked grant", &whole.access);
    let expired = server.pair(MOBILE).await;
    server.wait(601);
    add("expired", &expired.access);
    let locked = server.pair(MOBILE).await;
    server.lock(JOHN).await;
    add("of a locked customer", &locked.access);
    server.unlock(JOHN).await;
    add("of a customer unlocked since", &locked.access);

    let mut browser = Browser::new(server);
    browser.authorize(&authorize_path(MOBILE, &[]), JOHN).await;
    browser.get(&authorize_path(MOBILE, &[("prompt", "login")])).await;
    assert_eq!(browser.cookies.len(), 3, "{:?}", browser.cookies);
    for (name, value) in &browser.cookies {
        add(name, value);
    }
    add("code", &server.code(MOBILE).await);
    let good = server.pair(MOBILE).await;
    let sid = uuid::Uuid::parse_str(&server.sid(&good.access).await).unwrap();
    add("refresh token", &good.refresh);
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Access) {
        add(kind.code(), &db_sealed(server, kind, sid));
    }
    add("of no session", &db_sealed(server, Kind::Access, random::id(server.app.clock.now())));
    add("for somebody else", &server.pair("post-client").await.access);
    add("upper case", &good.access.to_uppercase());
    add("one letter more", &format!("{}a", good.access));
    add("one letter less", &good.access[..good.access.len() - 1]);
    add("with a space", &format!("{} ", good.access));
    add("altered", &altered(&good.access));
    add("other prefix", &good.access.replacen("nyb_", "rsc_", 1));
    add("text", "garbage");
    add("long text", &"x".repeat(8_000));
    add("id token", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl");
    add("other script", "\u{5bc6}\u{7801}");
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn int_04_all_that_is_not_good_gets_one_answer_byte_for_byte() {
    let server = TestServer::start().await;
    let first = server.introspect("accounts-api", "nothing").await;
    assert_eq!(first.body, INACTIVE);
    for (name, token) in dead_tokens(&server).await {
        let seen = server.introspect("accounts-api", &token).await;
        assert_eq!((seen.status, seen.body.as_str()), (StatusCode::OK, INACTIVE), "{name}");
        assert_eq!(headers(&seen), headers(&first), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn int_08_an_active_answer_says_exactly_this() {
    let server = TestServer::start().await;
    let before = server.app.clock.now().timestamp();
    let access = server.pair(MOBILE).await.access;
    let seen = server.introspect("accounts-api", &access).await;
    let told = seen.json();
    let names: BTreeSet<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = "active aud auth_time client_id device_id exp iat iss scope sid sub token_type";
    assert_eq!(names, wanted.split(' ').collect());
    for (name, value) in [
        ("active", json!(true)),
        ("client_id", json!(MOBILE)),
        ("sub", json!(JOHN)),
        ("aud", json!([ACCOUNTS])),
        ("iss", json!(ISSUER)),
        ("token_type", json!("Bearer")),
        ("scope", json!("openid accounts:read payments:write")),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    let number = |name: &str| told[name].as_i64().unwrap();
    assert_eq!(number("exp") - number("iat"), 600);
    let now = server.app.clock.now().timestamp();
    assert!((before..=now).contains(&number("iat")) && (before..=now).contains(&number("auth_time")), "{told}");
    for name in ["sid", "device_id"] {
        assert!(uuid::Uuid::parse_str(told[name].as_str().unwrap()).is_ok(), "{name}");
    }
    assert!(!seen.body.contains("John") && !seen.body.contains('+') && !seen.body.contains("example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn int_08_a_machines_token_has_no_person_in_it() {
    let server = TestServer::start().await;
    let token = server.machine_token("batch-job").await;
    let told = server.introspect("accounts-api", &token).await.json();
    let names: BTreeSet<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, "active aud client_id exp iat iss scope sid sub token_type".split(' ').collect());
    assert_eq!((&told["sub"], &told["client_id"]), (&json!("batch-job"), &json!("batch-job")));
    assert_eq!((&told["scope"], &told["aud"]), (&json!("accounts:read"), &json!([ACCOUNTS])));
}

#[tokio::test(flavor = "multi_thread")]
async fn int_08_scopes_are_filtered_to_the_server_that_asks() {
    let mut server = TestServer::start().await;
    for (id, scope) in [("read-api", "accounts:read cards:read"), ("cards-api", "cards:read")] {
        let new = new_client(id, ClientType::ResourceServer, scope);
        server.db_client(NewClient { resources: vec![ACCOUNTS.to_owned()], ..new }).await;
    }
    let access = server.pair(MOBILE).await.access;
    for (caller, scope) in
        [("accounts-api", "openid accounts:read payments:write"), ("read-api", "accounts:read"), ("cards-api", "")]
    {
        let told = server.introspect(caller, &access).await.json();
        assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!(scope)), "{caller}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn int_08_restrictions_are_said_while_they_last_and_kill_nothing() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    let told = |access: String| {
        let server = &server;
        async move { server.introspect("accounts-api", &access).await.json() }
    };
    for (level, said) in
        [("payments", Some(json!(["payments"]))), ("write", Some(json!(["payments", "write"]))), ("none", None)]
    {
        server.db_level(JOHN, level).await;
        let seen = told(pair.access.clone()).await;
        assert_eq!(seen["active"], json!(true), "{level}");
        assert_eq!(seen.get("restrictions"), said.as_ref(), "{level}");
        let fresh = told(server.pair(MOBILE).await.access).await;
        assert_eq!(fresh.get("restrictions"), said.as_ref(), "{level}: also of new sign-ins");
    }
    server.db_level(JOHN, "payments").await;
    assert_eq!(server.refresh(MOBILE, &pair.refresh, &[]).await.status, StatusCode::OK);
    server.db_level(JOHN, "full").await;
    assert!(!server.is_active(&pair.access).await, "the lock is no restriction");
}

#[tokio::test(flavor = "multi_thread")]
async fn int_10_the_second_it_expires_it_is_inactive() {
    let server = TestServer::start_with(&[("access_token_minutes", "1")]).await;
    let person = server.pair(MOBILE).await;
    let machine = server.machine_token("batch-job").await;
    server.wait(45);
    assert!(server.is_active(&person.access).await && server.is_active(&machine).await);
    server.wait(15);
    assert!(!server.is_active(&person.access).await && !server.is_active(&machine).await);
    let next = server.refresh(MOBILE, &person.refresh, &[]).await;
    assert_eq!(next.json()["expires_in"], 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn int_13_guessing_alarms_then_is_turned_away_and_genuine_tokens_never_are() {
    let server = TestServer::start_with(&[("limit_scale", "1")]).await;
    let good = server.pair(MOBILE).await;
    server.wait(60);
    let guess = || server.introspect("accounts-api", "garbage");
    for _ in 0..49 {
        assert_eq!(guess().await.body, INACTIVE);
    }
    assert_eq!(server.audit("token_guessing").await, Vec::<Value>::new());
    for _ in 49..1_000 {
        assert_eq!(guess().await.body, INACTIVE);
    }
    let mut last = guess().await;
    // A few may come back while a slow machine sends the thousand.
    for _ in 0..600 {
        if last.status == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        last = guess().await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(last.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
    assert_eq!(last.error(), "temporarily_unavailable");
    assert!(server.is_active(&good.access).await, "genuine tokens are always judged");
    assert_eq!(server.introspect("accounts-api", &good.refresh).await.body, INACTIVE, "and those of other kinds");
    assert_eq!(server.introspect("other-api", "garbage").await.body, INACTIVE, "each caller has its own count");

    let rows = server.audit("token_guessing").await;
    assert_eq!(rows.len(), 1, "one alarm, not hundreds: {rows:?}");
    assert_eq!((&rows[0]["outcome"], &rows[0]["actor_id"]), (&json!("alarm"), &json!("accounts-api")));
}

#[tokio::test(flavor = "multi_thread")]
async fn int_14_no_answer_is_stored_anywhere() {
    let server = TestServer::start().await;
    let access = server.pair(MOBILE).await.access;
    for seen in [
        server.introspect("accounts-api", &access).await,
        server.introspect("accounts-api", "garbage").await,
        server.introspect("fraud-desk", &access).await,
        server.post("/oauth/introspect", None, &[("token", &access)]).await,
    ] {
        assert_eq!(seen.header("cache-control"), "no-store", "{}", seen.status);
        assert!(seen.header("content-type").starts_with("application/json"));
        assert_eq!(seen.header("etag"), "");
    }
}
