//! Our cookies: what they are made of, and ids that change when they must.

use reqwest::StatusCode;

use crate::support::browser::{Browser, Seen};
use crate::support::flow::authorize_path;
use crate::support::raw::{send, status};
use crate::support::{JOHN, PASSWORD, TestServer};

const SESSION: &str = "__Host-rescind_session";
const LOGIN: &str = "__Host-rescind_login";
const DEVICE: &str = "__Host-rescind_device";

/// Signs John in through a client, up to what follows the password.
async fn sign_in(browser: &mut Browser, client: &str) -> Seen {
    browser.get(&authorize_path(client, &[])).await;
    let page = browser.get("/login").await;
    browser.type_password(&page, JOHN, PASSWORD).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_01_cookies_are_host_bound_and_hold_sealed_references() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let mut lines = Vec::new();
    let mut keep = |seen: &Seen| {
        let set = seen.headers.get_all("set-cookie").iter().map(|v| v.to_str().expect("text").to_owned());
        lines.extend(set);
    };
    keep(&browser.get(&authorize_path("naybitono-web", &[])).await);
    let page = browser.get("/login").await;
    keep(&browser.type_password(&page, JOHN, PASSWORD).await);
    let csrf = browser.get("/consent").await.csrf();
    keep(&browser.post("/consent", &[("csrf_token", &csrf), ("decision", "approve")]).await);
    let csrf = browser.get("/account").await.csrf();
    keep(&browser.post("/account/sign-out", &[("csrf_token", &csrf)]).await);
    assert!(lines.len() >= 6, "{lines:#?}");
    for line in &lines {
        let (pair, attributes) = line.split_once("; ").expect("attributes");
        let (name, value) = pair.split_once('=').expect("a value");
        assert!([SESSION, LOGIN, DEVICE].contains(&name), "{line}");
        let attributes: Vec<&str> = attributes.split("; ").collect();
        for wanted in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
            assert!(attributes.contains(&wanted), "{line}");
        }
        assert!(!attributes.iter().any(|a| a.to_lowercase().starts_with("domain")), "{line}");
        let kept = attributes.iter().find_map(|a| a.strip_prefix("Max-Age="));
        let kept = kept.map(|seconds| seconds.parse::<i64>().expect("seconds"));
        let expected = if value.is_empty() { Some(0) } else { (name == DEVICE).then_some(400 * 86_400) };
        assert_eq!(kept, expected, "{line}");
        let sealed = value.strip_prefix("nyb_").is_some_and(|rest| rest[2..].starts_with('_') && rest.len() > 60);
        assert!(value.is_empty() || sealed, "{line}");
        let plain = value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        assert!(plain, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_01_a_cookie_under_another_name_or_altered_is_no_cookie() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    sign_in(&mut browser, "naybitono-mobile").await;
    let value = browser.cookies[SESSION].clone();
    let mut altered = value.clone().into_bytes();
    let last = altered.len() - 5;
    altered[last] = if altered[last] == b'a' { b'b' } else { b'a' };
    let altered = String::from_utf8(altered).expect("text");
    let token = server.pair("naybitono-mobile").await.access;
    let device = browser.cookies[DEVICE].clone();
    for (what, cookie, signed_in) in [
        ("the cookie itself", format!("{SESSION}={value}"), true),
        ("without its prefix", format!("rescind_session={value}"), false),
        ("in capitals", format!("{SESSION}={}", value.to_uppercase()), false),
        ("one letter changed", format!("{SESSION}={altered}"), false),
        ("an access token", format!("{SESSION}={token}"), false),
        ("the device cookie", format!("{SESSION}={device}"), false),
        // What a site beside ours may set for all of its domain, because it is no `__Host-` name to a browser.
        ("an escaped name", format!("%5F_Host-rescind_session={value}"), false),
        ("an escaped name before ours", format!("%5F_Host-rescind_session=forged; {SESSION}={value}"), true),
        ("an escaped name behind ours", format!("{SESSION}={value}; %5F_Host-rescind_session=forged"), true),
        ("the same name twice", format!("{SESSION}={value}; {SESSION}=forged"), false),
    ] {
        let seen = server.call("GET", "/account", &[("Cookie", &cookie)], "").await;
        let expected = if signed_in { StatusCode::OK } else { StatusCode::SEE_OTHER };
        assert_eq!(seen.status, expected, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_01_a_name_behind_an_invisible_space_is_another_name() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    sign_in(&mut browser, "naybitono-mobile").await;
    let value = browser.cookies[SESSION].clone();
    for (before, expected) in [("", 200), ("\u{2000}", 303), ("\u{a0}", 303), ("\u{3000}", 303)] {
        let cookie = format!("Cookie: {before}{SESSION}={value}\r\n");
        let request = format!("GET /account HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{cookie}\r\n");
        assert_eq!(status(&send(&server, request.as_bytes()).await), expected, "{before:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_02_ids_planted_before_a_sign_in_are_worthless_after_it() {
    let server = TestServer::start().await;
    let mut attacker = Browser::new(&server);
    sign_in(&mut attacker, "naybitono-web").await;
    attacker.get(&authorize_path("naybitono-web", &[("prompt", "login")])).await;
    let planted = attacker.cookies.clone();

    let mut victim = Browser::new(&server);
    victim.cookies.clone_from(&planted);
    let page = victim.get("/login").await;
    assert_eq!(victim.type_password(&page, "CUST_2", PASSWORD).await.location(), "/consent");
    assert_ne!(victim.cookies[SESSION], planted[SESSION], "a new session");
    assert_ne!(victim.cookies[LOGIN], planted[LOGIN], "a new sign-in in progress");

    let own = attacker.get("/consent").await;
    assert_eq!(own.status, StatusCode::BAD_REQUEST, "the planted sign-in is over: {}", own.body);
    let account = attacker.get("/account").await;
    assert!(!account.body.contains("Achieng"), "the planted session never became the victim's");
    assert_eq!((account.status, account.location()), (StatusCode::SEE_OTHER, "/login"), "and it was ended");
    assert!(victim.get("/account").await.body.contains("Achieng"));
    assert_eq!(victim.get("/consent").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_02_the_question_of_one_person_cannot_be_answered_by_another() {
    let server = TestServer::start().await;
    let mut john = Browser::new(&server);
    sign_in(&mut john, "naybitono-web").await;
    let csrf = john.get("/consent").await.csrf();
    let mut other = Browser::new(&server);
    other.get(&authorize_path("naybitono-mobile", &[])).await;
    let page = other.get("/login").await;
    other.type_password(&page, "CUST_2", PASSWORD).await;
    other.cookies.insert(LOGIN.to_owned(), john.cookies[LOGIN].clone());
    let seen = other.post("/consent", &[("csrf_token", &csrf), ("decision", "approve")]).await;
    assert_eq!((seen.status, seen.location()), (StatusCode::BAD_REQUEST, ""));
    let seen = john.post("/consent", &[("csrf_token", &csrf), ("decision", "approve")]).await;
    assert!(seen.answer("code").is_some(), "John himself may: {}", seen.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_02_signing_out_kills_the_id_and_a_second_sign_in_makes_a_new_one() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    sign_in(&mut browser, "naybitono-mobile").await;
    let first = browser.cookies[SESSION].clone();
    let csrf = browser.get("/account").await.csrf();
    let seen = browser.post("/account/sign-out", &[("csrf_token", &csrf)]).await;
    assert_eq!((seen.status, seen.location()), (StatusCode::SEE_OTHER, "/signed-out"));
    assert_eq!(seen.header("clear-site-data"), "\"cache\"");
    assert!(!browser.cookies.contains_key(SESSION) && !browser.cookies.contains_key(LOGIN));
    browser.cookies.insert(SESSION.to_owned(), first.clone());
    assert_eq!(browser.get("/account").await.location(), "/login", "the old id is dead on the server");
    let again = browser.post("/account/sign-out", &[("csrf_token", &csrf)]).await;
    assert_eq!(again.location(), "/signed-out", "signing out twice is fine");
    browser.cookies.remove(SESSION);
    sign_in(&mut browser, "naybitono-mobile").await;
    assert_ne!(browser.cookies[SESSION], first);
}
