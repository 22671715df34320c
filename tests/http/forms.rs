//! No form of ours can be sent from elsewhere: every POST that changes something needs our origin and a token that is
//! bound to the browser; otherwise 403, and nothing changed.

use reqwest::{Method, StatusCode};

use crate::support::browser::{Browser, Seen};
use crate::support::flow::authorize_path;
use crate::support::{ISSUER, JOHN, PASSWORD, TestServer};

const SESSION: &str = "__Host-rescind_session";

/// Where a form may come from, as browsers say it.
const OWN: [&[(&str, &str)]; 3] = [
    &[("Origin", ISSUER), ("Sec-Fetch-Site", "same-origin")],
    &[("Origin", ISSUER)],
    &[("Sec-Fetch-Site", "same-origin")],
];

/// Where it may not come from.
const FOREIGN: [&[(&str, &str)]; 12] = [
    &[],
    &[("Origin", "null")],
    &[("Origin", "https://evil.example")],
    &[("Origin", "http://localhost:8001")],
    &[("Origin", "https://localhost:8000")],
    &[("Origin", "http://localhost:8000.evil.example")],
    &[("Sec-Fetch-Site", "cross-site")],
    &[("Sec-Fetch-Site", "same-site")],
    &[("Sec-Fetch-Site", "none")],
    &[("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")],
    &[("Origin", ISSUER), ("Sec-Fetch-Site", "cross-site")],
    &[("Referer", "http://localhost:8000/login")],
];

/// A refusal that changed no cookie.
fn assert_refused(seen: &Seen, what: &str) {
    assert_eq!(seen.status, StatusCode::FORBIDDEN, "{what}: {}", seen.body);
    assert_eq!((seen.header("set-cookie"), seen.location()), ("", ""), "{what}");
    assert!(seen.body.contains("Nothing was changed"), "{what}");
}

/// A browser on the sign-in page, with the page's token.
async fn at_login(server: &TestServer) -> (Browser, String) {
    let mut browser = Browser::new(server);
    browser.get(&authorize_path("naybitono-web", &[])).await;
    let csrf = browser.get("/login").await.csrf();
    (browser, csrf)
}

/// A browser that signed in and is asked for consent, with the page's token.
async fn at_consent(server: &TestServer) -> (Browser, String) {
    let (mut browser, csrf) = at_login(server).await;
    browser.post("/login", &[("csrf_token", &csrf), ("username", JOHN), ("password", PASSWORD)]).await;
    let csrf = browser.get("/consent").await.csrf();
    (browser, csrf)
}

/// The tokens that are not the right one: none, altered, and those of other forms and browsers.
async fn wrong_tokens(server: &TestServer, right: &str) -> Vec<String> {
    let mut altered = right.to_owned().into_bytes();
    altered[0] = if altered[0] == b'A' { b'B' } else { b'A' };
    let (mut other, other_login) = at_login(server).await;
    other.post("/login", &[("csrf_token", &other_login), ("username", JOHN), ("password", PASSWORD)]).await;
    let (other_consent, other_account) = (other.get("/consent").await.csrf(), other.get("/account").await.csrf());
    let altered = String::from_utf8(altered).expect("text");
    let wrong = vec![String::new(), "x".to_owned(), altered, right[1..].to_owned(), format!("{right}x")];
    [wrong, vec![other_login, other_consent, other_account]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_03_the_sign_in_form_is_taken_from_our_own_page_only() {
    let server = TestServer::start().await;
    for from in FOREIGN {
        let (mut browser, csrf) = at_login(&server).await;
        let form = [("csrf_token", csrf.as_str()), ("username", JOHN), ("password", PASSWORD)];
        assert_refused(&browser.send(Method::POST, "/login", from, Some(&form)).await, &format!("{from:?}"));
        assert!(!browser.cookies.contains_key(SESSION));
    }
    let (mut browser, right) = at_login(&server).await;
    for token in wrong_tokens(&server, &right).await {
        let form = [("csrf_token", token.as_str()), ("username", JOHN), ("password", PASSWORD)];
        assert_refused(&browser.post("/login", &form).await, &format!("token {token}"));
    }
    let no_token = browser.post("/login", &[("username", JOHN), ("password", PASSWORD)]).await;
    assert_refused(&no_token, "no token at all");
    for from in OWN {
        let (mut browser, csrf) = at_login(&server).await;
        let form = [("csrf_token", csrf.as_str()), ("username", JOHN), ("password", PASSWORD)];
        let seen = browser.send(Method::POST, "/login", from, Some(&form)).await;
        assert_eq!((seen.status, seen.location()), (StatusCode::SEE_OTHER, "/consent"), "{from:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_03_a_sign_in_without_its_cookie_goes_nowhere() {
    let server = TestServer::start().await;
    let (_, csrf) = at_login(&server).await;
    let mut stranger = Browser::new(&server);
    let seen = stranger.post("/login", &[("csrf_token", &csrf), ("username", JOHN), ("password", PASSWORD)]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST, "a token without the cookie it is bound to");
    assert!(stranger.cookies.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_03_consent_is_given_and_refused_on_our_own_page_only() {
    let server = TestServer::start().await;
    let (mut browser, right) = at_consent(&server).await;
    for decision in ["approve", "deny"] {
        for from in FOREIGN {
            let form = [("csrf_token", right.as_str()), ("decision", decision)];
            assert_refused(&browser.send(Method::POST, "/consent", from, Some(&form)).await, &format!("{from:?}"));
        }
        for token in wrong_tokens(&server, &right).await {
            let form = [("csrf_token", token.as_str()), ("decision", decision)];
            assert_refused(&browser.post("/consent", &form).await, &format!("token {token}"));
        }
    }
    for table in ["SELECT COUNT(*) FROM consents", "SELECT COUNT(*) FROM codes"] {
        assert_eq!(server.db_count(table).await, 0, "{table}");
    }
    for decision in ["", "yes", "Approve"] {
        let seen = browser.post("/consent", &[("csrf_token", &right), ("decision", decision)]).await;
        assert_eq!((seen.status, seen.location()), (StatusCode::BAD_REQUEST, ""), "{decision:?} is no answer");
    }
    let seen = browser.post("/consent", &[("csrf_token", &right), ("decision", "approve")]).await;
    assert!(seen.answer("code").is_some(), "the question is still open: {}", seen.body);
    let again = browser.post("/consent", &[("csrf_token", &right), ("decision", "approve")]).await;
    assert_eq!((again.status, again.location()), (StatusCode::BAD_REQUEST, ""), "and answered once");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_03_nobody_is_signed_out_by_somebody_else() {
    let server = TestServer::start().await;
    let (mut browser, _) = at_consent(&server).await;
    let right = browser.get("/account").await.csrf();
    for from in FOREIGN {
        let form = [("csrf_token", right.as_str())];
        assert_refused(&browser.send(Method::POST, "/account/sign-out", from, Some(&form)).await, &format!("{from:?}"));
    }
    for token in wrong_tokens(&server, &right).await {
        assert_refused(&browser.post("/account/sign-out", &[("csrf_token", &token)]).await, &format!("token {token}"));
    }
    assert_eq!(browser.get("/account").await.status, StatusCode::OK, "still signed in");
    browser.post("/account/sign-out", &[("csrf_token", &right)]).await;
    assert_eq!(browser.get("/account").await.location(), "/login", "until they do it themselves");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_03_a_cross_site_post_to_authorize_changes_nothing_by_itself() {
    let server = TestServer::start().await;
    let (mut browser, _) = at_consent(&server).await;
    let cookies = browser.cookies.clone();
    let logins = server.db_count("SELECT COUNT(*) FROM logins").await;
    let path = authorize_path("naybitono-mobile", &[]);
    let query = path.split_once('?').expect("a query").1;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let form: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let from = [("Origin", "https://web.naybitono.example"), ("Sec-Fetch-Site", "cross-site")];
    let seen = browser.send(Method::POST, "/oauth/authorize", &from, Some(&form)).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    assert!(seen.location().starts_with("/oauth/authorize?"), "continued by GET: {}", seen.location());
    assert_eq!((browser.cookies.clone(), server.db_count("SELECT COUNT(*) FROM logins").await), (cookies, logins));
    assert_eq!(server.db_count("SELECT COUNT(*) FROM codes").await, 0);
}
