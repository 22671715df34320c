//! Signing in to the console: one answer for every wrong try, cookies, forms, where it leads (UI-01, UI-02, UI-03, UI-07,
//! PWD-05, PWD-06, PWD-07, RAT-01, AUD-01).

use reqwest::Method;
use rescind::model::ids::StaffId;
use rescind::model::staff::Role;
use rescind::service::staff;
use rescind::web::guard::cookies;

use crate::support::browser::{Browser, Seen};
use crate::support::console::username;
use crate::support::direct::together;
use crate::support::{ISSUER, PASSWORD, TestServer, setup_actor};

/// The page without what is new in each: ids, nonces, times.
fn plain(seen: &Seen) -> String {
    let mut body = seen.body.clone();
    for start in ["nonce=\"", "name=\"csrf_token\" value=\"", "name=\"username\" value=\""] {
        body = body
            .split(start)
            .enumerate()
            .map(
                |(n, part)| {
                    if n == 0 { part.to_owned() } else { part.split_once('"').map_or("", |(_, r)| r).to_owned() }
                },
            )
            .collect();
    }
    body
}

fn headers(seen: &Seen) -> Vec<String> {
    let varies = ["date", "x-request-id", "content-length", "content-security-policy"];
    let mut all: Vec<String> = seen.headers.keys().map(ToString::to_string).collect();
    all.sort();
    all.into_iter()
        .filter(|name| !varies.contains(&name.as_str()))
        .map(|n| format!("{n}: {}", seen.header(&n)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_05_every_wrong_try_gets_one_answer_and_one_argon2_run() {
    let server = TestServer::start().await;
    let gone = StaffId::parse(&username(Role::Branch)).expect("id");
    staff::disable(&server.app, &setup_actor(), &gone).await.expect("disabled");
    let mut answers = Vec::new();
    for (name, password) in [
        ("the-agent", "wrong"),
        ("nobody-here", "wrong"),
        ("the-branch", "wrong"),
        ("the-branch", PASSWORD),
        ("CUST_789456123", PASSWORD),
        ("THE-AGENT", PASSWORD),
    ] {
        let before = server.app.secrets.hasher.runs();
        let seen = Browser::new(&server).staff_sign_in(name, password).await;
        assert_eq!(server.app.secrets.hasher.runs() - before, 1, "{name}");
        assert_eq!(seen.status, 422, "{name}");
        assert!(seen.header("set-cookie").is_empty(), "{name}");
        answers.push((headers(&seen), plain(&seen)));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    assert!(answers[0].1.contains("did not match"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_01_the_consoles_cookies_are_strict_sealed_and_its_own() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/console/login").await;
    let done = browser.submit(&page, "/console/login", &[("username", "the-agent"), ("password", PASSWORD)]).await;
    let lines: Vec<&str> =
        [&page, &done].iter().flat_map(|s| s.headers.get_all("set-cookie")).map(|v| v.to_str().unwrap()).collect();
    let set = |name: &str| lines.iter().filter(|l| l.starts_with(&format!("{name}="))).count();
    assert_eq!(
        (set(cookies::CONSOLE), set(cookies::CONSOLE_LOGIN), set(cookies::CONSOLE_BROWSER)),
        (1, 2, 1),
        "{lines:?}"
    );
    for line in &lines {
        for part in ["__Host-", "HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains("Domain"), "{line}");
    }
    assert!(browser.cookies[cookies::CONSOLE].starts_with("nyb_ss_"));
    assert!(!browser.cookies.contains_key(cookies::CONSOLE_LOGIN), "the page's own cookie goes");
    assert!(!browser.cookies.contains_key(cookies::SESSION), "nobody becomes a customer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_cookie_is_no_member_of_staffs_and_the_other_way_round() {
    let server = TestServer::start().await;
    let staff = server.staff(Role::Agent).await;
    let customer = server.db_signed_in(crate::support::JOHN).await;
    let mut swapped = Browser::new(&server);
    swapped.cookies.insert(cookies::CONSOLE.to_owned(), customer.cookies[cookies::SESSION].clone());
    swapped.cookies.insert(cookies::SESSION.to_owned(), staff.cookies[cookies::CONSOLE].clone());
    assert_eq!(swapped.get("/console").await.status, 303);
    assert_eq!(swapped.get("/account").await.location(), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_03_a_sign_in_needs_our_own_page() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/console/login").await;
    let csrf = page.csrf();
    let form = [("csrf_token", csrf.as_str()), ("username", "the-agent"), ("password", PASSWORD)];
    let mut cases = Vec::new();
    for headers in [
        vec![("Origin", "https://evil.example")],
        vec![("Origin", "null")],
        vec![("Sec-Fetch-Site", "cross-site"), ("Origin", ISSUER)],
        vec![("Sec-Fetch-Site", "same-site")],
        vec![],
    ] {
        let mut clone = browser.clone();
        cases.push((clone.send(Method::POST, "/console/login", &headers, Some(&form)).await, format!("{headers:?}")));
    }
    let own = [("Origin", ISSUER)];
    let wrong = [("csrf_token", "wrong"), form[1], form[2]];
    cases.push((browser.clone().send(Method::POST, "/console/login", &own, Some(&wrong)).await, "token".to_owned()));
    cases.push((browser.clone().send(Method::POST, "/console/login", &own, Some(&form[1..])).await, "none".to_owned()));
    let mut other = Browser::new(&server);
    other.get("/console/login").await;
    cases.push((other.send(Method::POST, "/console/login", &own, Some(&form)).await, "another browser's".to_owned()));
    for (seen, what) in cases {
        assert_eq!(seen.status, 403, "{what}");
        assert!(seen.header("set-cookie").is_empty(), "{what}");
    }
    assert_eq!(server.db_count("SELECT COUNT(*) FROM staff_sessions").await, 0);
    let told = server.audit("console_refuse").await;
    let reasons: std::collections::BTreeSet<&str> = told.iter().filter_map(|row| row["reason"].as_str()).collect();
    assert_eq!(reasons, ["foreign origin", "wrong anti-forgery token"].into(), "{told:?}");
    assert_eq!(told.len(), 8);
    assert_eq!(told[0]["target_id"], "/console/login");
    assert_eq!(browser.post("/console/login", &form).await.status, 303, "and the page itself still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_02_a_sign_in_page_is_good_for_fifteen_minutes_and_for_nothing_planted() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/console/login").await;
    let fields = [("username", "the-agent"), ("password", PASSWORD)];
    let mut bare = Browser::new(&server);
    assert_eq!(bare.submit(&page, "/console/login", &fields).await.status, 400, "a token without its cookie");
    let mut planted = Browser::new(&server);
    planted.cookies.insert(cookies::CONSOLE_LOGIN.to_owned(), "nyb_lt_planted".to_owned());
    assert_eq!(planted.submit(&page, "/console/login", &fields).await.status, 400);
    server.wait(15 * 60);
    assert_eq!(browser.submit(&page, "/console/login", &fields).await.status, 400);
    assert_eq!(browser.staff_sign_in("the-agent", PASSWORD).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_07_a_sign_in_leads_back_to_the_page_that_was_asked_for_and_nowhere_else() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let seen = browser.get("/console?x=%2B254").await;
    assert_eq!(seen.location(), "/console/login?next=%2Fconsole%3Fx%3D%252B254");
    let page = browser.get(seen.location()).await;
    assert!(page.body.contains("name=\"next\" value=\"/console?x=%2B254\""), "{}", page.body);
    let fields = [("username", "the-agent"), ("password", PASSWORD), ("next", "/console?x=%2B254")];
    assert_eq!(browser.submit(&page, "/console/login", &fields).await.location(), "/console?x=%2B254");

    for evil in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/console/../login",
        "/login",
        "/console/%2e%2e/x",
    ] {
        let mut browser = Browser::new(&server);
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", evil).finish();
        let page = browser.get(&format!("/console/login?{query}")).await;
        assert!(!page.body.contains("evil") && !page.body.contains("name=\"next\""), "{evil}: {}", page.body);
        let fields = [("username", "the-agent"), ("password", PASSWORD), ("next", evil)];
        assert_eq!(browser.submit(&page, "/console/login", &fields).await.location(), "/console", "{evil}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_is_shown_again_as_text_but_never_the_password() {
    let server = TestServer::start().await;
    let seen = Browser::new(&server).staff_sign_in("<b>\"x", "sunflower-password-secret").await;
    assert_eq!(seen.status, 422);
    assert!(seen.body.contains("&#60;b&#62;&#34;x") && !seen.body.contains("<b>"), "{}", seen.body);
    assert!(!seen.body.contains("sunflower"));
    let doubled = Browser::new(&server).get("/console/login?next=/console&next=/console").await;
    assert_eq!(doubled.status, 400, "sent twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_06_wrong_tries_make_an_account_wait_but_not_a_browser_that_knows_it() {
    let server = TestServer::start().await;
    let mut known = server.staff(Role::Agent).await;
    known.staff_sign_out().await;
    let mut stranger = Browser::new(&server);
    for n in 1..=5 {
        assert_eq!(stranger.staff_sign_in("the-agent", "wrong").await.status, 422, "try {n}");
    }
    let waits = stranger.staff_sign_in("the-agent", PASSWORD).await;
    assert_eq!(waits.status, 429, "the sixth, although it is right");
    assert!(waits.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
    assert_eq!(Browser::new(&server).staff_sign_in("the-supervisor", PASSWORD).await.status, 303, "others may");
    assert_eq!(known.staff_sign_in("the-agent", PASSWORD).await.status, 303, "so may the browser they used before");
    for n in 1..=5 {
        assert_eq!(stranger.staff_sign_in("nobody-here", "wrong").await.status, 422, "try {n}");
    }
    assert_eq!(stranger.staff_sign_in("NOBODY-here", "wrong").await.status, 429, "names nobody has wait, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_07_guesses_at_once_count_as_many() {
    let server = TestServer::start().await;
    let tries = (0..12).map(|_| {
        let mut browser = Browser::new(&server);
        async move { browser.staff_sign_in("the-agent", "wrong").await.status.as_u16() }
    });
    let answers = together(tries).await;
    let wrong = answers.iter().filter(|status| **status == 422).count();
    assert!(wrong <= 5, "{answers:?}");
    assert!(answers.iter().all(|status| [422, 429].contains(status)), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_01_sixty_sign_in_pages_a_minute_from_one_address_and_not_one_more() {
    let server = TestServer::start_with(&[("limit_scale", "1")]).await;
    let mut browser = Browser::new(&server);
    for n in 1..=60 {
        assert_eq!(browser.get("/console/login").await.status, 200, "{n}");
    }
    let refused = browser.get("/console/login").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1"));
    assert_eq!(Browser::new(&server).get("/login").await.status, 200, "customers are not held up");
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_every_sign_in_and_every_try_is_written_down() {
    let server = TestServer::start().await;
    server.staff(Role::Agent).await;
    for (name, password) in [("the-agent", "wrong"), ("nobody-here", "wrong")] {
        Browser::new(&server).staff_sign_in(name, password).await;
    }
    let disabled = StaffId::parse("the-branch").expect("id");
    staff::disable(&server.app, &setup_actor(), &disabled).await.expect("disabled");
    Browser::new(&server).staff_sign_in("the-branch", PASSWORD).await;
    let rows = server.audit("staff_sign_in").await;
    let told: Vec<(&str, &str, &str, &str)> = rows
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            (text("actor_id"), text("outcome"), text("target_kind"), text("reason"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("the-agent", "done", "staff_session", ""),
            ("", "refused", "staff", "wrong password"),
            ("", "refused", "staff", "unknown name"),
            ("", "refused", "staff", "disabled"),
        ]
    );
    assert_eq!(rows[1]["target_id"], "the-agent");
    assert!(rows.iter().all(|row| row["address"] == "127.0.0.1" && row["request_id"] != ""));
}
