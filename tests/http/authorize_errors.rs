//! The authorization endpoint when something is wrong: a page without any redirect until client and address are proven,
//! a redirect with the right error afterwards.

use reqwest::Method;
use tokio::net::TcpListener;

use rescind::model::client::ClientType;
use rescind::policy::client_rules::NewClient;

use crate::support::browser::{Browser, Seen};
use crate::support::direct::authorize_with;
use crate::support::flow::{CHALLENGE, authorize_path};
use crate::support::{ISSUER, JOHN, TestServer, new_client};

fn assert_page_error(seen: &Seen, what: &str) {
    assert_eq!((seen.status.as_u16(), seen.location()), (400, ""), "{what}: {}", seen.body);
    assert_eq!(seen.header("content-type"), "text/html; charset=utf-8", "{what}");
    assert_eq!(seen.header("cache-control"), "no-store", "{what}");
    assert!(seen.headers.get("set-cookie").is_none() && !seen.body.contains("http-equiv"), "{what}");
}

/// Asks in a fresh browser and in one where John is signed in: neither may make a difference to an error.
async fn in_both(server: &TestServer, path: &str) -> [Seen; 2] {
    [Browser::new(server).get(path).await, server.db_signed_in(JOHN).await.get(path).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_01_without_a_proven_client_and_address_there_is_a_page_and_no_redirect() {
    let server = TestServer::start().await;
    let web = "https://web.naybitono.example/callback";
    let client = ("client_id", "naybitono-web");
    let cases: [(&str, Vec<(&str, &str)>); 11] = [
        ("nothing at all", vec![]),
        ("no client", vec![("redirect_uri", web)]),
        ("an empty client", vec![("client_id", ""), ("redirect_uri", web)]),
        ("an unknown client", vec![("client_id", "nobody"), ("redirect_uri", web)]),
        ("a client in other letters", vec![("client_id", "Naybitono-Web"), ("redirect_uri", web)]),
        ("the address of another", vec![client, ("redirect_uri", "https://post.example/cb")]),
        ("an address nobody registered", vec![client, ("redirect_uri", "https://evil.example/")]),
        ("not an address", vec![client, ("redirect_uri", "javascript:alert(1)")]),
        ("a resource server", vec![("client_id", "accounts-api"), ("redirect_uri", web)]),
        ("a machine", vec![("client_id", "batch-job"), ("redirect_uri", web)]),
        ("two clients", vec![client, client, ("redirect_uri", web)]),
    ];
    // Whatever else is wrong: nothing may redirect before this.
    let other_errors: [&[(&str, &str)]; 6] = [
        &[("response_type", "code"), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256"), ("state", "s")],
        &[],
        &[("response_type", "token")],
        &[("prompt", "none")],
        &[("request", "e30.e30.")],
        &[("scope", "admin"), ("resource", "nonsense"), ("response_mode", "fragment")],
    ];
    for (what, pairs) in &cases {
        for more in other_errors {
            for seen in in_both(&server, &authorize_with(&[pairs, more].concat())).await {
                assert_page_error(&seen, &format!("{what}, {more:?}"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_01_a_broken_request_is_a_page_too_by_get_and_by_post() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let good = authorize_path("naybitono-mobile", &[]);
    for (what, broken) in [
        ("a parameter twice", format!("{good}&state=again")),
        ("half an escape", format!("{good}&x=%4")),
        ("not UTF-8", format!("{good}&x=%ff")),
        ("a control character", format!("{good}&x=%00")),
    ] {
        assert_page_error(&browser.get(&broken).await, what);
    }
    let twice = [("client_id", "naybitono-mobile"), ("client_id", "naybitono-mobile")];
    let seen = browser.send(Method::POST, "/oauth/authorize", &[], Some(&twice)).await;
    assert_page_error(&seen, "a parameter twice, by POST");
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_02_aut_03_an_address_that_is_not_the_same_bytes_is_refused() {
    let mut server = TestServer::start().await;
    let app = NewClient {
        redirect_uris: ["https://app.example/cb?x=%2f", "http://127.0.0.1/cb", "com.example.app:/cb"]
            .map(str::to_owned)
            .to_vec(),
        first_party: true,
        ..new_client("app", ClientType::Public, "openid")
    };
    server.db_client(app).await;
    let mut browser = server.db_signed_in(JOHN).await;
    let ask = |uri: &str| {
        let pkce = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
        let fixed = [("response_type", "code"), ("client_id", "app"), ("redirect_uri", uri)];
        authorize_with(&[&fixed[..], &pkce].concat())
    };
    for uri in [
        "https://app.example/CB?x=%2f",
        "https://APP.example/cb?x=%2f",
        "https://app.example/cb/?x=%2f",
        "https://app.example/cb?x=%2F",
        "https://app.example/cb?x=/",
        "https://app.example/cb?x=%2f&y=1",
        "https://app.example/cb",
        "https://app.example:443/cb?x=%2f",
        "https://user@app.example/cb?x=%2f",
        "https://app.example/a/../cb?x=%2f",
        "https://app.example/cb?x=%2f#fragment",
        "https://sub.app.example/cb?x=%2f",
        "https://app.example.evil.com/cb?x=%2f",
        "https://app.example@evil.com/cb?x=%2f",
        "http://app.example/cb?x=%2f",
        " https://app.example/cb?x=%2f",
        "http://127.0.0.1.evil.com/cb",
        "http://127.0.0.1:80@evil.com/cb",
        "http://127.1/cb",
        "http://localhost/cb",
        "http://[::1]/cb",
        "http://127.0.0.1:51004/cb2",
        "http://127.0.0.1:51004/cb?x",
        "http://127.0.0.1:65536/cb",
        "https://127.0.0.1:51004/cb",
        "com.example.app:/cb/",
        "com.example.app://cb",
        "COM.example.app:/cb",
    ] {
        assert_page_error(&browser.get(&ask(uri)).await, uri);
    }
    for uri in ["https://app.example/cb?x=%2f", "http://127.0.0.1:51004/cb", "com.example.app:/cb"] {
        let seen = browser.authorize(&ask(uri), JOHN).await;
        assert!(seen.location().starts_with(uri) && seen.answer("code").is_some(), "{uri}: {}", seen.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_04_none_sent_is_enough_only_when_one_is_registered() {
    let server = TestServer::start().await;
    let seen = server.db_signed_in(JOHN).await.get(&authorize_path("post-client", &[("redirect_uri", "")])).await;
    assert!(seen.location().starts_with("https://post.example/cb?code="), "{}", seen.location());
    for seen in in_both(&server, &authorize_path("naybitono-mobile", &[("redirect_uri", "")])).await {
        assert_page_error(&seen, "two are registered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_06_aut_07_each_fault_goes_back_with_its_error_the_state_and_the_issuer() {
    let server = TestServer::start().await;
    let mut nobody = Browser::new(&server);
    let mut john = server.db_signed_in(JOHN).await;
    for (name, value, error) in [
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "id_token", "unsupported_response_type"),
        ("response_type", "code token", "unsupported_response_type"),
        ("response_type", "CODE", "unsupported_response_type"),
        ("scope", "admin", "invalid_scope"),
        ("scope", "openid admin", "invalid_scope"),
        ("scope", "openid  accounts:read", "invalid_scope"),
        ("scope", "customers:lock", "invalid_scope"),
        ("scope", "\"", "invalid_scope"),
        ("resource", "https://unknown.example", "invalid_target"),
        ("resource", "accounts", "invalid_target"),
        ("resource", "https://api.naybitono.example/accounts#x", "invalid_target"),
        ("resource", "https://api.naybitono.example/accounts/", "invalid_target"),
        ("code_challenge", "", "invalid_request"),
        ("prompt", "nonsense", "invalid_request"),
        ("prompt", "none login", "invalid_request"),
        ("max_age", "soon", "invalid_request"),
        ("max_age", "-1", "invalid_request"),
    ] {
        let path = authorize_path("naybitono-mobile", &[(name, value), ("state", "s t&x")]);
        for seen in [nobody.get(&path).await, john.get(&path).await] {
            assert_eq!(seen.status.as_u16(), 303, "{name}={value}");
            assert!(seen.location().starts_with("http://127.0.0.1/callback?error="), "{}", seen.location());
            assert_eq!(seen.answer("error").as_deref(), Some(error), "{name}={value}");
            assert_eq!(seen.answer("state").as_deref(), Some("s t&x"), "{name}={value}");
            assert_eq!(seen.answer("iss").as_deref(), Some(ISSUER), "{name}={value}");
            assert_eq!(seen.answer("code"), None, "{name}={value}");
        }
    }
    let codes = "SELECT COUNT(*) FROM codes WHERE client_id = $1";
    assert_eq!(server.db_number(codes, "naybitono-mobile").await, 0, "no code was made on the way");
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_06_a_no_and_a_silent_try_come_back_as_errors() {
    let server = TestServer::start().await;
    let quiet = authorize_path("post-client", &[("prompt", "none")]);
    let seen = Browser::new(&server).get(&quiet).await;
    assert_eq!(seen.answer("error").as_deref(), Some("login_required"));
    assert_eq!(seen.answer("iss").as_deref(), Some(ISSUER));
    assert!(seen.headers.get("set-cookie").is_none(), "nothing has begun");
    let mut john = server.db_signed_in(JOHN).await;
    assert!(john.get(&quiet).await.answer("code").is_some(), "signed in, nothing to ask");

    john.get(&authorize_path("naybitono-web", &[])).await;
    let csrf = john.get("/consent").await.csrf();
    let seen = john.post("/consent", &[("csrf_token", &csrf), ("decision", "deny")]).await;
    let expected =
        "https://web.naybitono.example/callback?error=access_denied&state=state-1&iss=http%3A%2F%2Flocalhost%3A8000";
    assert_eq!((seen.status.as_u16(), seen.location()), (303, expected));
    let again = john.post("/consent", &[("csrf_token", &csrf), ("decision", "approve")]).await;
    assert_page_like(&again, "a no is not turned into a yes");
    assert_eq!(server.db_number("SELECT COUNT(*) FROM codes WHERE client_id = $1", "naybitono-web").await, 0);
}

fn assert_page_like(seen: &Seen, what: &str) {
    assert_eq!((seen.status.as_u16(), seen.location()), (400, ""), "{what}: {}", seen.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_06_a_fault_of_ours_goes_back_too_and_gives_nothing() {
    let server = TestServer::start().await;
    let mut john = server.db_signed_in(JOHN).await;
    server.db_break("DROP TABLE codes").await;
    let seen = john.get(&authorize_path("post-client", &[])).await;
    let expected =
        "https://post.example/cb?error=temporarily_unavailable&state=state-1&iss=http%3A%2F%2Flocalhost%3A8000";
    assert_eq!((seen.status.as_u16(), seen.location()), (303, expected), "{}", seen.body);
    server.db_break("DROP TABLE client_secrets").await;
    let seen = john.get(&authorize_path("post-client", &[])).await;
    assert_eq!((seen.status.as_u16(), seen.location()), (503, ""), "nobody is proven: a page");
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_08_no_one_gets_a_code_or_leaves_for_anywhere_unregistered_without_signing_in() {
    let server = TestServer::start().await;
    let mut nobody = Browser::new(&server);
    let seen = nobody.get(&authorize_path("naybitono-mobile", &[])).await;
    assert_eq!(seen.location(), "/login", "first of all somebody signs in");
    // A crafted fault sends people at most to the address an operator registered, with an error and nothing else.
    for fault in [("response_type", "x"), ("scope", "https://evil.example/"), ("state", "https://evil.example/")] {
        let seen = nobody.get(&authorize_path("naybitono-mobile", &[fault])).await;
        let to = seen.location();
        assert!(to == "/login" || to.starts_with("http://127.0.0.1/callback?error="), "{to}");
    }
    for name in ["next", "return_to", "redirect", "continue", "post_logout_redirect_uri"] {
        let more = [(name, "https://evil.example/")];
        let seen = nobody.authorize(&authorize_path("naybitono-mobile", &more), JOHN).await;
        assert!(seen.location().starts_with("http://127.0.0.1/callback?code="), "{name}: {}", seen.location());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_12_request_objects_are_refused_and_nothing_is_ever_fetched() {
    let server = TestServer::start().await;
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = format!("http://{}/request.jwt", trap.local_addr().unwrap());
    for (name, value, error) in [
        ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
        ("request", "x", "request_not_supported"),
        ("request_uri", local.as_str(), "request_uri_not_supported"),
        ("request_uri", "urn:ietf:params:oauth:request_uri:x", "request_uri_not_supported"),
        ("request_uri", "file:///etc/passwd", "request_uri_not_supported"),
    ] {
        for seen in in_both(&server, &authorize_path("naybitono-mobile", &[(name, value)])).await {
            assert_eq!(seen.answer("error").as_deref(), Some(error), "{name}={value}");
            assert_eq!(seen.answer("state").as_deref(), Some("state-1"));
        }
    }
    let visitor = std::future::poll_fn(|context| std::task::Poll::Ready(trap.poll_accept(context))).await;
    assert!(visitor.is_pending(), "somebody came to fetch it");
}
