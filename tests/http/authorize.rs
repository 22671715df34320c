//! The authorization endpoint when all is well: what comes back, what it is bound to, and in which order steps run.

use reqwest::{Method, StatusCode};
use serde_json::json;

use rescind::model::client::ClientType;
use rescind::policy::client_rules::NewClient;
use rescind::web::guard::cookies;

use crate::support::browser::Browser;
use crate::support::direct::authorize_with;
use crate::support::flow::{CHALLENGE, Pair, VERIFIER, authorize_path};
use crate::support::{ACCOUNTS, ISSUER, JOHN, PASSWORD, TestServer, new_client};

const OTHER: &str = "https://other.example/api";

/// A first-party public client with these redirect URIs and two resources.
async fn with_app(redirect_uris: &[&str]) -> TestServer {
    let mut server = TestServer::start().await;
    let app = NewClient {
        redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
        resources: vec![ACCOUNTS.to_owned(), OTHER.to_owned()],
        first_party: true,
        ..new_client("app", ClientType::Public, "openid accounts:read")
    };
    server.db_client(app).await;
    server
}

fn path(redirect_uri: &str, more: &[(&str, &str)]) -> String {
    let fixed = [("response_type", "code"), ("client_id", "app"), ("redirect_uri", redirect_uri)];
    let pkce = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    authorize_with(&[&fixed[..], &pkce, more].concat())
}

fn redeem_form(code: &str) -> [(&str, &str); 4] {
    [("grant_type", "authorization_code"), ("client_id", "app"), ("code", code), ("code_verifier", VERIFIER)]
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_03_aut_05_aut_07_every_registered_uri_gets_its_answer_unchanged() {
    let registered = [
        "https://app.example",
        "https://app.example/",
        "https://app.example:8443/cb?tenant=7&x=%2f",
        "https://app.example/cb?",
        "https://app.example/cb?flag&",
        "https://app.example/a/../b;c=(d)*!$,e/@:%20",
        "https://[2001:db8::1]/cb",
        "http://127.0.0.1/cb",
        "http://[::1]/cb",
        "http://localhost:3000/cb",
        "com.example.app:/oauth/callback",
        "com.example.app://callback",
        "com.example.app:callback",
    ];
    let server = with_app(&registered).await;
    let mut browser = server.db_signed_in(JOHN).await;
    let loopback = ["http://127.0.0.1:51004/cb", "http://[::1]:9/cb"];
    for uri in registered.into_iter().chain(loopback) {
        let seen = browser.authorize(&path(uri, &[("state", "a b&c")]), JOHN).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{uri}: {}", seen.body);
        let joint = if !uri.contains('?') {
            "?"
        } else if uri.ends_with(['?', '&']) {
            ""
        } else {
            "&"
        };
        let location = seen.location().to_owned();
        assert!(location.starts_with(&format!("{uri}{joint}code=nyb_ac_")), "{uri}: {location}");
        assert!(location.ends_with("&state=a%20b%26c&iss=http%3A%2F%2Flocalhost%3A8000"), "{uri}: {location}");
        let code = seen.answer("code").unwrap();
        let form = [&redeem_form(&code)[..], &[("redirect_uri", uri)]].concat();
        assert_eq!(server.post("/oauth/token", None, &form).await.status, StatusCode::OK, "{uri}");
        let refused = browser.get(&path(uri, &[("scope", "admin")])).await;
        let expected = format!("{uri}{joint}error=invalid_scope&iss=http%3A%2F%2Flocalhost%3A8000");
        assert_eq!(refused.location(), expected, "{uri}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_05_a_state_comes_back_identical_through_sign_in_and_consent() {
    let server = TestServer::start().await;
    let long = "x".repeat(1_500);
    let wide = "\u{e9}\u{1F600}%&#=".repeat(100);
    let mut browser = Browser::new(&server);
    for state in ["a&b", "#", "100%", "%41", "a+b c", "'\"<script>\\", "\u{202e}\u{fffd}", &long, &wide] {
        let seen = browser.authorize(&authorize_path("naybitono-web", &[("state", state)]), JOHN).await;
        assert_eq!(seen.answer("state").as_deref(), Some(state));
        assert!(seen.answer("code").is_some());
        assert!(seen.location().is_ascii() && !seen.location().contains(['\'', '"', '<', ' ']));
        let seen = browser.get(&authorize_path("naybitono-web", &[("state", state), ("scope", "no")])).await;
        assert_eq!(seen.answer("state").as_deref(), Some(state), "in an error");
    }
    for refused in ["a\r\nSet-Cookie: x=y", "a\nb", "a\0b", "\u{85}"] {
        let seen = browser.get(&authorize_path("naybitono-web", &[("state", refused)])).await;
        assert_eq!((seen.status.as_u16(), seen.location()), (400, ""), "{refused:?}");
        assert!(seen.headers.get("set-cookie").is_none(), "{refused:?}: refused before anything begins");
    }
    let none = browser.authorize(&authorize_path("naybitono-mobile", &[("state", "")]), JOHN).await;
    assert!(none.answer("code").is_some() && none.answer("state").is_none());
    assert_eq!(none.answer("iss").as_deref(), Some(ISSUER));
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_09_every_redirect_of_the_walk_is_303() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let begun = browser.get(&authorize_path("naybitono-web", &[])).await;
    assert_eq!((begun.status.as_u16(), begun.location()), (303, "/login"));
    let page = browser.get("/login").await;
    let signed_in = browser.type_password(&page, JOHN, PASSWORD).await;
    assert_eq!((signed_in.status.as_u16(), signed_in.location()), (303, "/consent"));
    let csrf = browser.get("/consent").await.csrf();
    let agreed = browser.post("/consent", &[("csrf_token", &csrf), ("decision", "approve")]).await;
    assert_eq!(agreed.status.as_u16(), 303);
    assert!(agreed.location().starts_with("https://web.naybitono.example/callback?code="));
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_10_a_cross_site_post_is_continued_by_get_with_the_same_parameters() {
    let server = with_app(&["https://app.example/cb?t=1"]).await;
    let mut signed_in = server.db_signed_in(JOHN).await;
    let mut without_cookies = Browser::new(&server);
    let uri = "https://app.example/cb?t=1";
    let form = [
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", uri),
        ("state", "a&b=\u{e9}"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", ACCOUNTS),
        ("resource", OTHER),
    ];
    let headers = [("Origin", "https://app.example"), ("Sec-Fetch-Site", "cross-site")];
    let seen = without_cookies.send(Method::POST, "/oauth/authorize", &headers, Some(&form)).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    assert!(without_cookies.cookies.is_empty(), "nothing has begun yet");
    let next = seen.location().to_owned();
    assert!(next.starts_with("/oauth/authorize?"), "{next}");
    let seen = signed_in.get(&next).await;
    assert_eq!(seen.answer("state").as_deref(), Some("a&b=\u{e9}"));
    let code = seen.answer("code").expect("the sign-in is not forgotten");
    let pair = Pair::of(&server.post("/oauth/token", None, &redeem_form(&code)).await);
    let told = server.introspect("accounts-api", &pair.access).await.json();
    assert_eq!(told["aud"], json!([ACCOUNTS, OTHER]), "both resources came along");
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_13_a_code_lives_a_minute_and_its_value_is_stored_nowhere() {
    let server = TestServer::start().await;
    let mut browser = server.db_signed_in(JOHN).await;
    for (seconds, good) in [(45, true), (61, false)] {
        let seen = browser.authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await;
        let code = seen.answer("code").unwrap();
        let sealed = code.strip_prefix("nyb_ac_").expect("a code");
        let bytes = data_encoding::BASE32_NOPAD.decode(sealed.to_uppercase().as_bytes()).expect("base32");
        assert!(!server.db_holds(code.as_bytes()).await && !server.db_holds(sealed.as_bytes()).await);
        assert!(!server.db_holds(&bytes).await && !server.db_holds(&bytes[17..]).await);
        server.wait(seconds);
        let seen = server.redeem("naybitono-mobile", &code).await;
        assert_eq!(seen.status.is_success(), good, "{seconds}: {}", seen.body);
    }
    assert!(server.db_holds(CHALLENGE.as_bytes()).await, "the search finds what is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_14_consent_needs_the_sign_in_of_this_browser_and_this_person() {
    let server = TestServer::start().await;
    let mut john = Browser::new(&server);
    john.get(&authorize_path("naybitono-web", &[])).await;
    let page = john.get("/login").await;
    let early = [("csrf_token", page.csrf()), ("decision", "approve".to_owned())];
    let early: Vec<(&str, &str)> = early.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut before = john.clone();
    assert_refused(&mut before, &early, "before anybody signed in").await;
    let before_sign_in = john.cookies[cookies::LOGIN].clone();
    john.type_password(&page, JOHN, PASSWORD).await;
    let csrf = john.get("/consent").await.csrf();
    let approve = [("csrf_token", csrf.as_str()), ("decision", "approve")];
    let transaction = john.cookies[cookies::LOGIN].clone();

    let mut nobody = Browser::new(&server);
    assert_refused(&mut nobody, &approve, "without cookies").await;
    nobody.cookies.insert(cookies::LOGIN.to_owned(), transaction.clone());
    assert_refused(&mut nobody, &approve, "with John's transaction, but not signed in").await;
    for (who, customer) in [("another customer", "CUST_2"), ("John in another browser", JOHN)] {
        let mut other = server.db_signed_in(customer).await;
        other.cookies.insert(cookies::LOGIN.to_owned(), transaction.clone());
        assert_refused(&mut other, &approve, who).await;
        assert_eq!(other.get("/consent").await.status, StatusCode::BAD_REQUEST, "{who} does not even see it");
    }
    let mut older = john.clone();
    older.cookies.insert(cookies::LOGIN.to_owned(), before_sign_in);
    assert_refused(&mut older, &early, "with the transaction's id from before the sign-in").await;

    let agreed = john.post("/consent", &approve).await;
    assert!(agreed.answer("code").is_some(), "none of that used up John's own: {}", agreed.body);
    john.cookies.insert(cookies::LOGIN.to_owned(), transaction);
    assert_refused(&mut john, &approve, "a second time").await;
    assert_eq!(server.db_number("SELECT COUNT(*) FROM codes WHERE client_id = $1", "naybitono-web").await, 1);
}

async fn assert_refused(browser: &mut Browser, form: &[(&str, &str)], what: &str) {
    let seen = browser.post("/consent", form).await;
    assert_eq!((seen.status.as_u16(), seen.location()), (400, ""), "{what}: {}", seen.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_15_the_audience_is_exactly_what_was_granted() {
    let server = with_app(&["https://app.example/cb"]).await;
    let mut browser = server.db_signed_in(JOHN).await;
    for (asked, granted) in [
        (vec![], vec![ACCOUNTS, OTHER]),
        (vec![("resource", OTHER)], vec![OTHER]),
        (vec![("resource", ACCOUNTS), ("resource", ACCOUNTS)], vec![ACCOUNTS]),
    ] {
        let code = browser.get(&path("https://app.example/cb", &asked)).await.answer("code").unwrap();
        let pair = Pair::of(&server.post("/oauth/token", None, &redeem_form(&code)).await);
        for (api, resource) in [("accounts-api", ACCOUNTS), ("other-api", OTHER)] {
            let told = server.introspect(api, &pair.access).await.json();
            assert_eq!(told["active"], json!(granted.contains(&resource)), "{asked:?} at {api}");
            if granted.contains(&resource) {
                assert_eq!(told["aud"], json!(granted), "{asked:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_15_a_resource_named_at_the_token_endpoint_narrows_and_never_widens() {
    let server = with_app(&["https://app.example/cb"]).await;
    let mut browser = server.db_signed_in(JOHN).await;
    let code = browser.get(&path("https://app.example/cb", &[])).await.answer("code").unwrap();
    for bad in ["https://unknown.example", "accounts", "https://other.example/api#x"] {
        let form = [&redeem_form(&code)[..], &[("resource", bad)]].concat();
        let seen = server.post("/oauth/token", None, &form).await;
        assert_eq!((seen.status.as_u16(), seen.error().as_str()), (400, "invalid_target"), "{bad}");
    }
    let form = [&redeem_form(&code)[..], &[("resource", OTHER)]].concat();
    let pair = Pair::of(&server.post("/oauth/token", None, &form).await);
    assert_eq!(server.introspect("other-api", &pair.access).await.json()["aud"], json!([OTHER]));
    assert!(!server.is_active(&pair.access).await, "not asked for, not given");
    let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &pair.refresh)];
    let next = Pair::of(&server.post("/oauth/token", None, &form).await);
    assert!(server.is_active(&next.access).await, "the grant itself was for both");

    let code = browser.get(&path("https://app.example/cb", &[("resource", OTHER)])).await.answer("code").unwrap();
    let form = [&redeem_form(&code)[..], &[("resource", ACCOUNTS)]].concat();
    let seen = server.post("/oauth/token", None, &form).await;
    assert_eq!(seen.error(), "invalid_target", "what the customer did not grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_08_a_third_party_always_asks_and_shows_who_for_what_where_and_how_long() {
    let server = TestServer::start().await;
    let mut browser = server.db_signed_in(JOHN).await;
    for again in [false, true] {
        let asked = browser.get(&authorize_path("naybitono-web", &[("scope", "accounts:read")])).await;
        assert_eq!(asked.location(), "/consent", "asked before: {again}");
        let page = browser.get("/consent").await;
        for shown in ["naybitono-web", "accounts:read", ACCOUNTS, "days"] {
            assert!(page.body.contains(shown), "{shown}: {}", page.body);
        }
        assert!(!page.body.contains("payments:write"), "what is not asked for is not shown");
        let silent = browser.get(&authorize_path("naybitono-web", &[("prompt", "none")])).await;
        assert_eq!(silent.answer("error").as_deref(), Some("consent_required"), "asked before: {again}");
        let form = [("csrf_token", page.csrf()), ("decision", "approve".to_owned())];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let code = browser.post("/consent", &form).await.answer("code").expect("a code");
        assert_eq!(server.redeem("naybitono-web", &code).await.json()["scope"], json!("accounts:read"));
    }
    let own = browser.get(&authorize_path("post-client", &[])).await;
    assert!(own.answer("code").is_some(), "the bank's own application does not ask");
    let asked = browser.get(&authorize_path("post-client", &[("prompt", "consent")])).await;
    assert_eq!(asked.location(), "/consent", "unless it wants to");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_08_whoever_may_have_taken_our_apps_name_gets_no_code_without_a_page() {
    let server = with_app(&["https://app.example/cb", "http://127.0.0.1/cb", "com.example.app:/cb"]).await;
    let mut browser = server.db_signed_in(JOHN).await;
    for uri in ["http://127.0.0.1:51004/cb", "com.example.app:/cb"] {
        for again in [false, true] {
            let asked = browser.get(&path(uri, &[])).await;
            assert_eq!(asked.location(), "/consent", "{uri}: any program could stand there; asked before: {again}");
            let silent = browser.get(&path(uri, &[("prompt", "none")])).await;
            assert_eq!(silent.answer("error").as_deref(), Some("consent_required"), "{uri}");
            let seen = browser.authorize(&path(uri, &[]), JOHN).await;
            assert!(seen.answer("code").is_some(), "{uri}: {}", seen.body);
        }
        let mut new = Browser::new(&server);
        new.get(&path(uri, &[])).await;
        let page = new.get("/login").await;
        let seen = new.type_password(&page, JOHN, PASSWORD).await;
        assert!(seen.answer("code").is_some(), "{uri}: who just typed a password on our page was asked");
    }
    let owned = browser.get(&path("https://app.example/cb", &[])).await;
    assert!(owned.answer("code").is_some(), "an https address has one owner: {}", owned.location());
    let silent = browser.get(&path("https://app.example/cb", &[("prompt", "none")])).await;
    assert!(silent.answer("code").is_some());
}
