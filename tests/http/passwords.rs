//! PWD-01 to PWD-08: what a try to sign in costs, tells and counts, whoever it is for.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use rescind::model::ids::CustomerId;
use rescind::secret::text::SecretText;
use rescind::service::customer;

use crate::support::browser::{Browser, Seen};
use crate::support::{ISSUER, JOHN, PASSWORD, TestServer, db_customer, setup_actor};

const WRONG: &str = "meadow-lantern-48-quarry-viola";

/// The sign-in page, opened in a new browser.
async fn page(server: &TestServer) -> (Browser, Seen) {
    let mut browser = Browser::new(server);
    let page = browser.get("/login").await;
    (browser, page)
}

/// One try in a new browser.
async fn attempt(server: &TestServer, username: &str, password: &str) -> Seen {
    let (mut browser, page) = page(server).await;
    browser.type_password(&page, username, password).await
}

/// How many argon2 runs a try cost.
async fn runs_of(server: &TestServer, username: &str, password: &str) -> (Seen, u64) {
    let before = server.app.secrets.hasher.runs();
    let seen = attempt(server, username, password).await;
    (seen, server.app.secrets.hasher.runs() - before)
}

/// Sets a password as an operator does.
async fn db_password(server: &TestServer, id: &str, password: &str) {
    let id = CustomerId::parse(id).expect("id");
    let set = customer::set_password(&server.app, &setup_actor(), &id, &SecretText::from(password)).await;
    assert_eq!(set.expect("store"), customer::Entered::Done, "{password}");
}

async fn db_disable(server: &TestServer, id: &str) {
    let id = CustomerId::parse(id).expect("id");
    customer::set_disabled(&server.app, &setup_actor(), &id, true).await.expect("store");
}

/// Customers without a password, disabled and locked, beside John.
async fn with_all_kinds() -> TestServer {
    let server = TestServer::start().await;
    for id in ["DISABLED", "LOCKED", "NOHASH"] {
        db_customer(&server.app, id, "Somebody Else", None, None).await;
    }
    let mut tx = server.app.db.begin().await.expect("begin");
    let sql = "UPDATE customers SET password_hash = NULL WHERE customer_id = 'NOHASH'";
    tx.execute(sql, &[]).await.expect("no password");
    tx.commit().await.expect("commit");
    db_disable(&server, "DISABLED").await;
    assert_eq!(server.lock("LOCKED").await.status, StatusCode::OK);
    server
}

/// An answer without what differs by design: the name typed, and what is drawn anew for each answer.
fn told(seen: &Seen, username: &str) -> (StatusCode, BTreeMap<String, String>, String) {
    let nonce = seen.body.split_once("nonce=\"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(n, _)| n);
    let plain = |text: &str| {
        let text = text.replace(&seen.csrf(), "CSRF").replace(username, "NAME");
        if nonce.is_empty() { text } else { text.replace(nonce, "NONCE") }
    };
    let drawn = ["x-request-id", "date"];
    let headers = seen.headers.iter().filter(|(name, _)| !drawn.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), plain(value.to_str().expect("text")))).collect();
    (seen.status, headers, plain(&seen.body))
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_05_every_wrong_try_is_one_answer_after_one_argon2_run() {
    let server = with_all_kinds().await;
    let names = ["CUST_000000000", JOHN, "DISABLED", "LOCKED", "NOHASH", "nobody@example.com", "+254799999999"];
    let mut first = None;
    for name in names.iter().chain(&["john.doe@example.com", "+254712345678"]) {
        let (seen, runs) = runs_of(&server, name, WRONG).await;
        assert_eq!((seen.status, runs), (StatusCode::UNPROCESSABLE_ENTITY, 1), "{name}");
        assert_eq!(seen.header("set-cookie"), "", "{name}");
        let mut answer = told(&seen, name);
        answer.1.remove("content-length");
        let expected = first.get_or_insert_with(|| answer.clone());
        assert_eq!(answer, *expected, "{name} is told apart");
    }
    // Names of the same length: the same length of answer too.
    let length = async |name: &str| attempt(&server, name, WRONG).await.header("content-length").to_owned();
    assert_eq!(length("CUST_000000001").await, length(JOHN).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_05_the_right_password_of_a_restricted_account_is_403_and_no_session() {
    let server = with_all_kinds().await;
    for name in ["LOCKED", "DISABLED"] {
        let (seen, runs) = runs_of(&server, name, PASSWORD).await;
        assert_eq!((seen.status, runs), (StatusCode::FORBIDDEN, 1), "{name}");
        assert!(seen.body.contains("Your account is temporarily restricted. Please contact customer service."));
        assert_eq!(seen.header("set-cookie"), "", "{name}");
    }
    let (seen, runs) = runs_of(&server, "NOHASH", PASSWORD).await;
    assert_eq!((seen.status, runs), (StatusCode::UNPROCESSABLE_ENTITY, 1));
    let (seen, runs) = runs_of(&server, JOHN, PASSWORD).await;
    assert_eq!((seen.status, runs), (StatusCode::SEE_OTHER, 1), "success costs the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_01_passwords_of_any_characters_and_length_are_taken_whole() {
    let server = TestServer::start().await;
    let long: String = (0_u8..32).map(|n| char::from(b'a' + n * 7 % 26)).collect::<String>().repeat(4);
    assert_eq!(long.len(), 128);
    let passwords = [
        long.as_str(),
        "  blanks at  both ends 51  ",
        "ein Größenwahn straße café",
        "\u{1F511}\u{1F98A} fuchs im schnee \u{2744}",
        "<script>&amp;'\";--%00 quarry",
        "tab\tand\nnewline inside 73",
    ];
    for password in passwords {
        db_password(&server, JOHN, password).await;
        assert_eq!(attempt(&server, JOHN, password).await.status, StatusCode::SEE_OTHER, "{password:?}");
        let mut cut = password.to_owned();
        cut.pop();
        let swapped = password.replace(|c: char| c.is_ascii_lowercase(), "q");
        for other in [cut.as_str(), password.trim_start_matches([' ', 'a']), &password.to_uppercase(), &swapped] {
            if other != password {
                assert_eq!(attempt(&server, JOHN, other).await.status, 422, "{other:?} for {password:?}");
            }
        }
        server.wait(3_600);
    }
    db_password(&server, JOHN, "cafe\u{301} au lait \u{e9}toile 17").await;
    let composed = "caf\u{e9} au lait e\u{301}toile 17";
    assert_eq!(attempt(&server, JOHN, composed).await.status, StatusCode::SEE_OTHER, "NFC is one spelling");
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_01_over_1024_bytes_is_wrong_without_being_hashed_and_nul_is_refused() {
    let server = TestServer::start().await;
    for password in ["x".repeat(1_025), "é".repeat(513), "x".repeat(30_000)] {
        let (seen, runs) = runs_of(&server, JOHN, &password).await;
        assert_eq!((seen.status, runs), (StatusCode::UNPROCESSABLE_ENTITY, 1), "the same as any wrong try");
    }
    let (seen, runs) = runs_of(&server, JOHN, &format!("{PASSWORD}\0")).await;
    assert_eq!((seen.status, runs), (StatusCode::BAD_REQUEST, 0));
    let (id, long) = (CustomerId::parse(JOHN).expect("id"), SecretText::from("quarry violin ".repeat(80)));
    let new = customer::set_password(&server.app, &setup_actor(), &id, &long).await;
    assert!(matches!(new.expect("store"), customer::Entered::Password(_)));
    assert_eq!(attempt(&server, JOHN, PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_03_what_is_stored_is_peppered_argon2id_under_a_salt_of_its_own() {
    let server = TestServer::start().await;
    let hash = async || -> String {
        let mut conn = server.app.db.read().await.expect("connection");
        let sql = "SELECT password_hash FROM customers WHERE customer_id = $1";
        conn.value(sql, &[&JOHN]).await.expect("read").expect("a hash")
    };
    db_password(&server, JOHN, PASSWORD).await;
    let first = hash().await;
    db_password(&server, JOHN, PASSWORD).await;
    let parts: Vec<String> = first.split('$').map(str::to_owned).collect();
    assert_eq!((parts[1].as_str(), parts[2].as_str()), ("argon2id", "v=19"));
    let cost = |name: &str| {
        let found = parts[3].split(',').find_map(|pair| pair.strip_prefix(name));
        found.and_then(|value| value.parse::<u32>().ok()).unwrap_or_default()
    };
    assert!(cost("m=") >= 19_456 && cost("t=") >= 2 && cost("p=") == 1, "{first}");
    assert!(parts[3].contains("keyid="), "the pepper is named");
    assert_eq!(parts[4].len(), 22, "16 bytes of salt");
    assert_ne!(hash().await.split('$').nth(4), first.split('$').nth(4), "salts are drawn anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_08_a_flood_of_sign_ins_is_turned_away_and_checks_and_lockdowns_are_not() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let bearer = server.machine_token("fraud-desk").await;
    let (browser, page) = page(&server).await;
    let csrf = page.csrf();
    let flood: Vec<_> = (0..300)
        .map(|n| {
            let (mut browser, csrf) = (browser.clone(), csrf.clone());
            tokio::spawn(async move {
                let name = format!("nobody-{n}");
                let form = [("csrf_token", csrf.as_str()), ("username", name.as_str()), ("password", WRONG)];
                browser.post("/login", &form).await
            })
        })
        .collect();
    for _ in 0..20 {
        assert!(server.is_active(&pair.access).await, "checks go on");
    }
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    let body = serde_json::json!({ "reason": "phone stolen" });
    let locked = server.api("POST", &path, &bearer, Some(body)).await;
    assert_eq!(locked.status, StatusCode::OK, "{}", locked.body);
    assert!(!server.is_active(&pair.access).await);
    let mut by_status = BTreeMap::new();
    for one in flood {
        let seen = one.await.expect("an answer");
        if seen.status == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(seen.header("retry-after"), "1");
        }
        *by_status.entry(seen.status.as_u16()).or_insert(0) += 1;
    }
    let (tried, turned_away) = (by_status.remove(&422).unwrap_or(0), by_status.remove(&503).unwrap_or(0));
    assert!(by_status.is_empty(), "nothing else: {by_status:?}");
    assert!(tried >= 2 && turned_away > 0, "{tried} tried, {turned_away} turned away");
    assert!(server.app.secrets.hasher.runs() < 300, "those turned away cost no hash");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_03_a_try_without_the_pages_token_costs_no_hash_and_is_not_counted() {
    let server = TestServer::start().await;
    let (mut browser, page) = page(&server).await;
    let before = server.app.secrets.hasher.runs();
    for _ in 0..8 {
        let form = [("username", JOHN), ("password", PASSWORD), ("csrf_token", "x")];
        assert_eq!(browser.post("/login", &form).await.status, StatusCode::FORBIDDEN);
        let foreign = [("Origin", "https://evil.example")];
        let csrf = page.csrf();
        let form = [("username", JOHN), ("password", PASSWORD), ("csrf_token", csrf.as_str())];
        assert_eq!(browser.send(Method::POST, "/login", &foreign, Some(&form)).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(server.app.secrets.hasher.runs(), before);
    let csrf = page.csrf();
    let form = [("username", JOHN), ("password", PASSWORD), ("csrf_token", csrf.as_str())];
    let seen = browser.send(Method::POST, "/login", &[("Origin", ISSUER)], Some(&form)).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
}
