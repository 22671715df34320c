//! The consent page: fewer scopes than asked, a client's own colour, and what it says of itself.

use reqwest::StatusCode;
use serde_json::json;

use rescind::model::client::{ClientType, GrantType};
use rescind::policy::client_rules::NewClient;

use crate::support::browser::{Browser, Seen};
use crate::support::database::TestDatabase;
use crate::support::flow::{Pair, VERIFIER, authorize_path};
use crate::support::{JOHN, PASSWORD, TestServer, new_client};

const WEB: &str = "naybitono-web";

/// John's browser on the consent page of a request.
async fn asked(server: &TestServer, path: &str) -> (Browser, Seen) {
    let mut browser = Browser::new(server);
    browser.get(path).await;
    let page = browser.get("/login").await;
    browser.type_password(&page, JOHN, PASSWORD).await;
    let page = browser.get("/consent").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    (browser, page)
}

/// Answers as the page's own form does: with its hidden fields and these boxes ticked.
async fn allow(browser: &mut Browser, page: &Seen, ticked: &[&str]) -> Seen {
    let csrf = page.csrf();
    let mut form = vec![("csrf_token", csrf.as_str()), ("decision", "approve")];
    if page.body.contains("name=\"choice\" value=\"scopes\"") {
        form.push(("choice", "scopes"));
    }
    form.extend(ticked.iter().map(|name| (*name, "yes")));
    browser.post("/consent", &form).await
}

fn boxes(page: &Seen) -> Vec<&str> {
    let inputs = page.body.split("<input type=\"checkbox\" name=\"").skip(1);
    inputs.filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_08_fewer_scopes_can_be_granted_and_the_tokens_say_so() {
    let server = TestServer::start().await;
    let all = ["scope.accounts:read", "scope.payments:write"];
    for (ticked, granted) in [
        (&all[..], "openid accounts:read payments:write"),
        (&["scope.payments:write", "scope.accounts:read"], "openid accounts:read payments:write"),
        (&["scope.accounts:read"], "openid accounts:read"),
        (&["scope.accounts:read", "scope.sessions:revoke", "scope.admin"], "openid accounts:read"),
        (&[], "openid"),
    ] {
        let (mut browser, page) = asked(&server, &authorize_path(WEB, &[])).await;
        assert_eq!(boxes(&page), all, "being known is no choice once there is another");
        assert_eq!(page.body.matches(" checked>").count(), 2, "all are ticked at first");
        let code = allow(&mut browser, &page, ticked).await.answer("code").expect("a code");
        let answer = server.redeem(WEB, &code).await;
        assert_eq!(answer.json()["scope"], json!(granted), "{ticked:?}");
        let pair = Pair::of(&answer);
        assert_eq!(server.introspect("accounts-api", &pair.access).await.json()["scope"], json!(granted));
        let wider = server.refresh(WEB, &pair.refresh, &[("scope", "openid accounts:read payments:write")]).await;
        if granted.contains("payments") {
            assert_eq!(wider.json()["scope"], json!(granted));
            continue;
        }
        assert_eq!(wider.error(), "invalid_scope", "{ticked:?}: a refresh cannot fetch what was left out");
        let next = server.refresh(WEB, &pair.refresh, &[]).await;
        assert_eq!(next.json()["scope"], json!(granted), "and without asking, nothing grows");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_08_nothing_ticked_is_asked_again_in_plain_words() {
    let server = TestServer::start().await;
    let scope = [("scope", "accounts:read payments:write")];
    let (mut browser, page) = asked(&server, &authorize_path(WEB, &scope)).await;
    let again = allow(&mut browser, &page, &[]).await;
    assert_eq!((again.status, again.location()), (StatusCode::UNPROCESSABLE_ENTITY, ""));
    assert!(again.body.contains("<title>Problem: ") && again.body.contains("role=\"alert\""), "{}", again.body);
    assert!(again.body.contains("Nothing is ticked. Tick what you want to allow, or choose “Do not allow”."));
    assert_eq!((boxes(&again).len(), again.body.matches(" checked>").count()), (2, 0), "as it was left");
    assert_eq!(server.db_count("SELECT COUNT(*) FROM codes").await, 0);
    assert_eq!(server.db_count("SELECT COUNT(*) FROM consents").await, 0);
    let code = allow(&mut browser, &again, &["scope.payments:write"]).await.answer("code").expect("still open");
    assert_eq!(server.redeem(WEB, &code).await.json()["scope"], json!("payments:write"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_08_one_scope_alone_is_a_yes_or_a_no() {
    let server = TestServer::start().await;
    for (scope, words) in [("accounts:read", "See your accounts"), ("openid", "Know that it is you")] {
        let (mut browser, page) = asked(&server, &authorize_path(WEB, &[("scope", scope)])).await;
        assert!(page.body.contains(words), "{}", page.body);
        assert!(boxes(&page).is_empty() && !page.body.contains("name=\"choice\""), "{scope}: {}", page.body);
        let code = allow(&mut browser, &page, &[]).await.answer("code").expect("a code");
        assert_eq!(server.redeem(WEB, &code).await.json()["scope"], json!(scope));
        let (mut browser, page) = asked(&server, &authorize_path(WEB, &[("scope", scope)])).await;
        let form = [("csrf_token", page.csrf()), ("decision", "deny".to_owned())];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(browser.post("/consent", &form).await.answer("error").as_deref(), Some("access_denied"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_05_a_box_sent_twice_is_refused_and_one_for_what_was_not_asked_changes_nothing() {
    let server = TestServer::start().await;
    let (mut browser, page) = asked(&server, &authorize_path(WEB, &[("scope", "openid accounts:read")])).await;
    let twice = allow(&mut browser, &page, &["scope.accounts:read", "scope.accounts:read"]).await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);
    let code = allow(&mut browser, &page, &["scope.payments:write"]).await.answer("code").expect("a code");
    assert_eq!(server.redeem(WEB, &code).await.json()["scope"], json!("openid"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_08_the_page_says_what_each_scope_means_and_whose_the_application_is() {
    let mut server = TestServer::start().await;
    let shop = NewClient {
        redirect_uris: vec!["https://shop.example/cb".to_owned()],
        grants: vec![GrantType::AuthorizationCode],
        ..new_client("shop", ClientType::Public, "openid payments:write loyalty:points")
    };
    server.db_client(shop).await;
    let path = authorize_path(WEB, &[("client_id", "shop"), ("redirect_uri", "https://shop.example/cb")]);
    let (mut browser, page) = asked(&server, &path).await;
    for words in [
        "Pay from your accounts",
        "moves money",
        "<bdi>loyalty:points</bdi>",
        "We have no description of this.",
        "Allow this only if you know this application",
        "up to 10 minutes",
        "<bdi>shop.example</bdi>",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let code = allow(&mut browser, &page, &["scope.loyalty:points"]).await.answer("code").expect("a code");
    let form =
        [("grant_type", "authorization_code"), ("client_id", "shop"), ("code", &code), ("code_verifier", VERIFIER)];
    let tokens = server.post("/oauth/token", None, &form).await.json();
    assert_eq!((&tokens["scope"], &tokens["refresh_token"]), (&json!("openid loyalty:points"), &json!(null)));
    let (_, own) = asked(&server, &authorize_path("naybitono-mobile", &[("prompt", "consent")])).await;
    assert!(own.body.contains("belongs to <bdi>") && !page.body.contains("belongs to"), "{}", own.body);
    assert!(own.body.contains("up to 90 days"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_08_what_was_left_out_is_never_given_to_our_own_application_without_asking() {
    let mut server = TestServer::start().await;
    let own = NewClient {
        redirect_uris: vec!["https://own.example/cb".to_owned()],
        first_party: true,
        ..new_client("own", ClientType::Confidential, "openid accounts:read payments:write")
    };
    server.db_client(own).await;
    let path = |more: &[(&str, &str)]| {
        let fixed = [("client_id", "own"), ("redirect_uri", "https://own.example/cb")];
        authorize_path(WEB, &[&fixed[..], more].concat())
    };
    let scope_of = async |seen: &Seen| {
        let code = seen.answer("code").unwrap_or_else(|| panic!("no code: {} {}", seen.location(), seen.body));
        server.redeem("own", &code).await.json()["scope"].clone()
    };
    let mut browser = server.db_signed_in(JOHN).await;
    let all = json!("openid accounts:read payments:write");
    assert_eq!(scope_of(&browser.get(&path(&[])).await).await, all, "ours is not asked for");

    browser.get(&path(&[("prompt", "consent")])).await;
    let page = browser.get("/consent").await;
    let fewer = allow(&mut browser, &page, &["scope.accounts:read"]).await;
    assert_eq!(scope_of(&fewer).await, json!("openid accounts:read"));
    let within = browser.get(&path(&[("scope", "accounts:read")])).await;
    assert_eq!(scope_of(&within).await, json!("accounts:read"), "what was allowed needs no page");
    for more in [&[][..], &[("scope", "payments:write")]] {
        assert_eq!(browser.get(&path(more)).await.location(), "/consent", "{more:?}: the no still counts");
        let mut new = Browser::new(&server);
        new.get(&path(more)).await;
        let login = new.get("/login").await;
        assert_eq!(new.type_password(&login, JOHN, PASSWORD).await.location(), "/consent", "and after a new sign-in");
    }
    browser.get(&path(&[])).await;
    let page = browser.get("/consent").await;
    let yes = allow(&mut browser, &page, &["scope.accounts:read", "scope.payments:write"]).await;
    assert_eq!(scope_of(&yes).await, all);
    assert_eq!(scope_of(&browser.get(&path(&[])).await).await, all, "a yes ends the no");
}

/// The content of the page's one style element.
fn style(seen: &Seen) -> Option<&str> {
    assert!(seen.body.matches("<style").count() <= 1, "{}", seen.body);
    let rest = seen.body.split("<style nonce=\"").nth(1)?.split_once("\">")?.1;
    rest.split("</style>").next()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_colour_is_on_its_pages_with_words_that_can_be_read() {
    let mut server = TestServer::start().await;
    for (id, color, expected) in [
        ("dark", Some("#0b5c57"), Some(":root { --accent: #0b5c57; --on-accent: #ffffff; }")),
        ("bright", Some("#FFCC00"), Some(":root { --accent: #ffcc00; --on-accent: #000000; }")),
        ("plain", None, None),
    ] {
        let client = NewClient {
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            color: color.map(|text| text.parse().expect("a colour")),
            ..new_client(id, ClientType::Public, "openid")
        };
        server.db_client(client).await;
        let mut browser = Browser::new(&server);
        browser
            .get(&authorize_path(
                WEB,
                &[("client_id", id), ("redirect_uri", "https://app.example/cb"), ("scope", "openid")],
            ))
            .await;
        let login = browser.get("/login").await;
        assert_eq!(style(&login), expected, "{id}");
        let wrong = browser.type_password(&login, JOHN, "wrong").await;
        assert_eq!(style(&wrong), expected, "{id}: after a wrong try");
        browser.type_password(&login, JOHN, PASSWORD).await;
        let consent = browser.get("/consent").await;
        assert_eq!(style(&consent), expected, "{id}");
        let policy = consent.header("content-security-policy").to_owned();
        let nonce = policy.split("style-src 'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
        let carried = consent.body.matches(&format!("nonce=\"{nonce}\"")).count();
        assert_eq!(carried, 1 + usize::from(expected.is_some()), "{id}: {policy}");
        assert_eq!(style(&browser.get("/account").await), None, "{id}: our own pages stay ours");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_to_call_is_on_the_pages_where_it_is_set() {
    let phone = [("support_phone", "+254 20 555-0100")];
    let server = TestServer::start_on(TestDatabase::create().await, &phone, true).await;
    let link = "<a href=\"tel:+254205550100\">+254 20 555-0100</a>";
    server.lock(JOHN).await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await;
    let restricted = browser.type_password(&page, JOHN, PASSWORD).await;
    assert_eq!(restricted.status, StatusCode::FORBIDDEN);
    for (what, seen) in [("sign-in", page), ("restricted", restricted), ("error", browser.get("/nothing").await)] {
        assert_eq!(seen.body.matches(link).count(), 1, "{what}: {}", seen.body);
    }
    let without = TestServer::start().await;
    let mut browser = Browser::new(&without);
    without.lock(JOHN).await;
    let page = browser.get("/login").await;
    assert!(!page.body.contains("tel:"));
    let restricted = browser.type_password(&page, JOHN, PASSWORD).await;
    assert!(restricted.body.contains("at the number on your card") && !restricted.body.contains("tel:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_try_says_so_in_the_title_and_at_the_fields_and_keeps_the_name_only() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await;
    assert!(page.body.contains("<title>Sign in · ") && !page.body.contains("aria-describedby"));
    for field in [
        "autocomplete=\"username\"",
        "autocomplete=\"current-password\"",
        "<label for=\"username\">",
        "<label for=\"password\">",
    ] {
        assert!(page.body.contains(field), "{field}");
    }
    let wrong = browser.type_password(&page, "john.typed@example.com", "a-wrong-password").await;
    assert!(wrong.body.contains("<title>Problem: Sign in · "), "{}", wrong.body);
    assert!(wrong.body.contains("role=\"alert\" id=\"problem\""));
    assert_eq!(wrong.body.matches("aria-describedby=\"problem\"").count(), 2);
    assert!(wrong.body.contains("value=\"john.typed@example.com\"") && !wrong.body.contains("a-wrong-password"));
    assert_eq!(wrong.body.matches(" autofocus").count(), 1);
}
