//! What every HTML page is made of: its policies, and text that stays text.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};

use crate::support::browser::{Browser, Seen};
use crate::support::database::TestDatabase;
use crate::support::flow::authorize_path;
use crate::support::{JOHN, PASSWORD, TestServer, db_customer, new_client};
use rescind::model::client::ClientType;
use rescind::policy::client_rules::NewClient;

/// Signs John in through a client, up to what follows the password.
async fn sign_in(browser: &mut Browser, client: &str) -> Seen {
    browser.get(&authorize_path(client, &[])).await;
    let page = browser.get("/login").await;
    browser.type_password(&page, JOHN, PASSWORD).await
}

/// Every page there is, by name.
async fn every_page(server: &TestServer) -> BTreeMap<&'static str, Seen> {
    let mut pages = BTreeMap::new();
    let mut browser = Browser::new(server);
    browser.get(&authorize_path("naybitono-web", &[])).await;
    let page = browser.get("/login").await;
    pages.insert("wrong password", browser.type_password(&page, JOHN, "wrong").await);
    browser.type_password(&page, JOHN, PASSWORD).await;
    pages.insert("sign-in", page);
    pages.insert("consent", browser.get("/consent").await);
    pages.insert("account", browser.get("/account").await);
    pages.insert("foreign form", browser.post("/account/sign-out", &[("csrf_token", "wrong")]).await);
    pages.insert("signed out", browser.get("/signed-out").await);
    pages.insert("not found", browser.get("/nothing").await);
    pages.insert("wrong method", browser.send(Method::DELETE, "/login", &[], None).await);
    pages.insert("bad link", browser.get("/oauth/authorize?client_id=nobody").await);
    pages.insert("damaged link", browser.get("/oauth/authorize?x=%zz").await);
    pages.insert("stale", Browser::new(server).post("/login", &[("username", JOHN)]).await);
    server.lock(JOHN).await;
    let mut locked = Browser::new(server);
    pages.insert("restricted", sign_in(&mut locked, "naybitono-web").await);
    for _ in 0..6 {
        locked.get("/login").await;
        let page = locked.get("/login").await;
        pages.insert("wait", locked.type_password(&page, "CUST_2", "wrong").await);
    }
    pages
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_04_05_06_every_page_runs_nothing_and_comes_from_here_alone() {
    let server = TestServer::start().await;
    let pages = every_page(&server).await;
    assert_eq!(pages["wait"].status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(pages["restricted"].status, StatusCode::FORBIDDEN);
    let mut nonces = Vec::new();
    for (what, seen) in &pages {
        assert_eq!(seen.header("content-type"), "text/html; charset=utf-8", "{what}: {}", seen.status);
        assert_eq!(seen.header("cache-control"), "no-store", "{what}");
        assert_eq!(seen.header("referrer-policy"), "same-origin", "{what}");
        assert_eq!(seen.header("x-frame-options"), "DENY", "{what}");
        assert_eq!(seen.header("cross-origin-opener-policy"), "same-origin", "{what}");
        assert_eq!(seen.header("cross-origin-resource-policy"), "same-origin", "{what}");
        assert!(seen.header("permissions-policy").contains("camera=()"), "{what}");
        let policy = seen.header("content-security-policy");
        for part in ["default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.split("; ").any(|found| found == part), "{what}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
        let nonce = policy.split("style-src 'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
        assert!(nonce.len() >= 22, "{what}");
        assert_eq!(seen.body.matches(&format!("nonce=\"{nonce}\"")).count(), 1, "{what}: on the stylesheet");
        assert!(seen.body.len() < 100 * 1024, "{what}: {} bytes", seen.body.len());
        assert_eq!(seen.body.matches("<h1").count(), 1, "{what}: one heading says what it is");
        assert!(seen.body.contains("<a class=\"skip\" href=\"#main\">"), "{what}: the keyboard gets past the top");
        nonces.push(nonce.to_owned());
        for foreign in ["<script", "javascript:", " style=", "<style", "onclick=", "onload=", "onsubmit="] {
            assert!(!seen.body.contains(foreign), "{what}: {foreign}");
        }
        let linked = ["href=\"", "action=\"", "src=\""].iter().flat_map(|name| seen.body.split(name).skip(1));
        let here = |to: &str| to.starts_with("#main\"") || (to.starts_with('/') && !to.starts_with("//"));
        let elsewhere: Vec<&str> = linked.filter(|to| !here(to)).collect();
        assert!(elsewhere.is_empty(), "{what}: {elsewhere:?}");
        assert!(seen.body.starts_with("<!doctype html>\n<html lang=\"en\">"), "{what}");
        assert!(seen.body.contains("<h1>") && seen.body.contains("<title>"), "{what}");
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), pages.len(), "a nonce is used once");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_04_forms_may_end_at_the_asking_client_and_nowhere_else() {
    let server = TestServer::start().await;
    let target = |seen: &Seen| {
        let policy = seen.header("content-security-policy").to_owned();
        policy.split("; ").find(|part| part.starts_with("form-action")).map(str::to_owned).unwrap_or_default()
    };
    let app = "com.naybitono.app:/oauth/callback";
    for (client, redirect, expected) in [
        ("naybitono-web", "https://web.naybitono.example/callback", "form-action 'self' https://web.naybitono.example"),
        ("naybitono-mobile", app, "form-action 'self' com.naybitono.app:"),
        ("naybitono-mobile", "http://127.0.0.1:4711/callback", "form-action 'self' http://127.0.0.1:*"),
    ] {
        let mut browser = Browser::new(&server);
        browser.get(&authorize_path(client, &[("redirect_uri", redirect)])).await;
        let page = browser.get("/login").await;
        assert_eq!(target(&page), expected);
        assert_eq!(target(&browser.type_password(&page, "nobody", "wrong").await), expected, "after a wrong try too");
    }
    let mut browser = Browser::new(&server);
    sign_in(&mut browser, "naybitono-web").await;
    assert_eq!(target(&browser.get("/consent").await), "form-action 'self' https://web.naybitono.example");
    assert_eq!(target(&browser.get("/account").await), "form-action 'self'");
    assert_eq!(target(&Browser::new(&server).get("/login").await), "form-action 'self'", "nobody asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_05_the_stylesheet_and_the_icon_are_the_only_things_loaded() {
    let server = TestServer::start().await;
    let page = Browser::new(&server).get("/login").await;
    let linked = page.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let linked: Vec<&str> = linked.filter(|to| !to.starts_with('#')).collect();
    assert_eq!(linked.len(), 2, "{linked:?}");
    for (path, kind) in linked.iter().zip(["text/css; charset=utf-8", "image/svg+xml"]) {
        let seen = server.call("GET", path, &[], "").await;
        assert_eq!((seen.status, seen.header("content-type")), (StatusCode::OK, kind), "{path}");
        assert!(seen.header("cache-control").starts_with("public"), "{path}");
        for foreign in ["@import", "url(", "http:", "https:", "<script"] {
            let own_namespace = seen.body.replace("http://www.w3.org/2000/svg", "");
            assert!(!own_namespace.contains(foreign), "{path}: {foreign}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_08_consent_says_who_asks_for_what_for_how_long_and_where_it_leads() {
    let mut server = TestServer::start().await;
    let app = NewClient {
        name: "Budget Helper".to_owned(),
        redirect_uris: vec!["com.budget.app:/cb".to_owned()],
        resources: vec!["https://api.naybitono.example/accounts".to_owned()],
        ..new_client("budget", ClientType::Public, "accounts:read payments:write")
    };
    server.db_client(app).await;
    let budget = [("client_id", "budget"), ("redirect_uri", "com.budget.app:/cb"), ("scope", "accounts:read")];
    for (path, said, unsaid) in [
        (
            authorize_path("post-client", &budget),
            vec!["Budget Helper", "accounts:read", "https://api.naybitono.example/accounts", "an app on this device"],
            vec!["payments:write"],
        ),
        (
            authorize_path("naybitono-web", &[]),
            vec!["naybitono-web", "payments:write", "<bdi>web.naybitono.example<"],
            vec![],
        ),
    ] {
        let mut browser = Browser::new(&server);
        browser.get(&path).await;
        let page = browser.get("/login").await;
        browser.type_password(&page, JOHN, PASSWORD).await;
        let consent = browser.get("/consent").await;
        for text in [said, vec![JOHN, "up to 90 days"]].concat() {
            assert!(consent.body.contains(text), "{text}: {}", consent.body);
        }
        for text in unsaid {
            assert!(!consent.body.contains(text), "{text}: {}", consent.body);
        }
    }
}

/// Text that would be markup, a script or the end of an attribute if it were not escaped.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;{{7*7}}";

fn assert_escaped(what: &str, seen: &Seen) {
    for raw in ["<script", "<img src=x", "\"'>", "onerror=alert(1)>"] {
        assert!(!seen.body.contains(raw), "{what}: {raw} in {}", seen.body);
    }
    assert!(seen.body.contains("&#60;script&#62;alert(1)"), "{what}: shown as text: {}", seen.body);
    assert!(seen.body.contains("&#38;lt;{{7*7}}"), "{what}: {}", seen.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_07_whatever_is_shown_is_text() {
    let mut server =
        TestServer::start_on(TestDatabase::create().await, &[("name", &format!("Bank {HOSTILE}"))], true).await;
    let scope = "a<script>alert(1)</script>&lt;{{7*7}} <img/src=x/onerror=alert(1)>";
    server
        .db_client(NewClient {
            name: format!("Client {HOSTILE}"),
            redirect_uris: vec!["https://post.example/cb".to_owned()],
            resources: vec!["https://api.example/?a=&lt;b".to_owned()],
            ..new_client("post-client-2", ClientType::Public, scope)
        })
        .await;
    db_customer(&server.app, "CUST_3", &format!("Name {HOSTILE}"), None, None).await;
    let path = authorize_path("post-client", &[("client_id", "post-client-2"), ("login_hint", HOSTILE)]);
    let mut browser = Browser::new(&server);
    let agent = [("User-Agent", "<script>alert(1)</script>"), ("Accept-Language", "<script>alert(1)</script>")];
    browser.send(Method::GET, &path, &agent, None).await;
    let page = browser.send(Method::GET, "/login", &agent, None).await;
    assert_escaped("the hint and the client's name", &page);
    let wrong = browser.type_password(&page, HOSTILE, "wrong").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_escaped("the name typed", &wrong);
    assert!(!wrong.body.contains("wrong\""), "the password is not repeated");
    browser.type_password(&page, "CUST_3", PASSWORD).await;
    assert_escaped("client, scope and resource", &browser.get("/consent").await);
    assert_escaped("the customer's name", &browser.get("/account").await);
    assert_escaped("the bank's name", &browser.get("/nothing").await);
    assert_escaped("a notice", &browser.get("/signed-out").await);
    let id = [("X-Request-Id", "<script>")];
    assert!(!browser.send(Method::GET, "/nothing?<script>", &id, None).await.body.contains("<script"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_07_no_parameter_sends_people_elsewhere() {
    let server = TestServer::start().await;
    for name in ["next", "return_to", "redirect", "redirect_uri", "continue", "url", "target"] {
        for place in ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, place).finish();
            let mut browser = Browser::new(&server);
            let page = browser.get(&format!("/login?{query}")).await;
            assert!(!page.body.contains("evil") && !page.body.contains("javascript:"), "{query}");
            let csrf = page.csrf();
            let form = [("csrf_token", csrf.as_str()), ("username", JOHN), ("password", PASSWORD), (name, place)];
            let seen = browser.post("/login", &form).await;
            assert_eq!((seen.status, seen.location()), (StatusCode::SEE_OTHER, "/account"), "{query}");
        }
    }
}
