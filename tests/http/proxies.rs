//! Whom we believe: forwarding headers only from configured proxies, host names only if they are ours, https where it is
//! promised.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::call::FORM;
use crate::support::database::TestDatabase;
use crate::support::flow::authorize_path;
use crate::support::{ISSUER, TestServer};

/// Headers by which somebody claims to be somebody else.
fn claims(address: &str) -> [(&'static str, String); 6] {
    [
        ("X-Real-IP", address.to_owned()),
        ("X-Forwarded-For", address.to_owned()),
        ("Forwarded", format!("for={address}")),
        ("X-Client-IP", address.to_owned()),
        ("X-Forwarded-Client-Cert", "Subject=CN=fraud-desk".to_owned()),
        ("X-SSL-Client-Verify", "SUCCESS".to_owned()),
    ]
}

/// A failed client authentication, which is recorded with its address; the claims as headers.
async fn fail(server: &TestServer, claims: &[(&'static str, String)]) -> u16 {
    let mut headers = vec![FORM];
    headers.extend(claims.iter().map(|(name, value)| (*name, value.as_str())));
    server.call("POST", "/oauth/token", &headers, "client_id=nobody&grant_type=refresh_token").await.status.as_u16()
}

/// The address of the last refused client authentication in the trail.
async fn recorded(server: &TestServer) -> String {
    let bearer = server.machine_token("ops-desk").await;
    let trail = server.api("GET", "/api/v1/audit?limit=200", &bearer, None).await.json();
    let rows = trail["items"].as_array().expect("rows").clone();
    let last = rows.iter().rfind(|row| row["action"] == json!("client_authentication")).expect("a refusal");
    last["address"].as_str().expect("an address").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn http_14_forged_addresses_change_neither_trail_nor_allowance() {
    let server = TestServer::start_with(&[("limit_scale", "1")]).await;
    // 120 a minute from one address; a claim that counted would have an allowance of its own.
    let mut allowed = 0;
    while allowed < 250 && fail(&server, &claims(&format!("203.0.113.{allowed}"))).await == 401 {
        allowed += 1;
    }
    assert!((120..250).contains(&allowed), "one address has one allowance, got {allowed}");
    assert_eq!(recorded(&server).await, "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_14_a_configured_proxy_is_believed_as_far_as_it_reaches() {
    let server = TestServer::start_with(&[("trusted_proxies", "127.0.0.1,10.0.0.0/8")]).await;
    for (chain, expected) in [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("198.51.100.1, nonsense, 10.1.2.3", "10.1.2.3"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("nonsense", "127.0.0.1"),
        ("", "127.0.0.1"),
    ] {
        let claims = [("X-Forwarded-For", chain.to_owned()), ("X-Real-IP", "192.0.2.99".to_owned())];
        assert_eq!(fail(&server, &claims).await, 401);
        assert_eq!(recorded(&server).await, expected, "{chain}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_14_a_claimed_certificate_proves_no_client() {
    let server = TestServer::start().await;
    let mut headers = vec![FORM];
    let claims = claims("203.0.113.7");
    headers.extend(claims.iter().map(|(name, value)| (*name, value.as_str())));
    let body = "client_id=fraud-desk&grant_type=client_credentials";
    let seen = server.call("POST", "/oauth/token", &headers, body).await;
    assert_eq!((seen.status, seen.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
}

/// A server behind a proxy that speaks https to the world.
async fn https_server() -> TestServer {
    let settings = [("issuer", "https://id.naybitono.example"), ("trusted_proxies", "127.0.0.1")];
    TestServer::start_on(TestDatabase::create().await, &settings, true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn http_16_plain_http_gets_no_answer_from_apis_and_pages_send_on_to_https() {
    let server = https_server().await;
    let auth = server.basic("fraud-desk");
    let host = ("Host", "id.naybitono.example");
    for (method, path) in [
        ("POST", "/oauth/token"),
        ("POST", "/oauth/introspect"),
        ("POST", "/oauth/revoke"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/api/v1/audit"),
        ("POST", "/%6fauth/token"),
        ("GET", "/oauth/nothing"),
    ] {
        for proto in [None, Some("http"), Some("HTTPS, http")] {
            let mut headers = vec![host, ("Authorization", auth.as_str()), FORM];
            headers.extend(proto.map(|proto| ("X-Forwarded-Proto", proto)));
            let seen = server.call(method, path, &headers, "grant_type=client_credentials").await;
            assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_request"), "{path}");
            assert_eq!(seen.location(), "", "{path}: a redirect would teach clients to send secrets in the clear");
        }
    }
    for path in ["/login", "/account", "/oauth/authorize?client_id=naybitono-mobile", "/oauth/%61uthorize"] {
        let seen = server.call("GET", path, &[host], "").await;
        assert_eq!(seen.status, StatusCode::PERMANENT_REDIRECT, "{path}");
        assert!(seen.location().starts_with("https://id.naybitono.example/"), "{path}: {}", seen.location());
    }
    let login = server.call("GET", "/login", &[host], "").await;
    assert_eq!(login.location(), "https://id.naybitono.example/login", "the page itself, not the front door");
    let typed = server.call("POST", "/login", &[host, FORM], "username=x&password=y").await;
    assert_eq!((typed.status, typed.location()), (StatusCode::BAD_REQUEST, ""), "a password is not sent on");
    assert_eq!(server.call("GET", "/health/live", &[host], "").await.status, StatusCode::OK);

    let secure = [host, ("X-Forwarded-Proto", "https"), ("Authorization", auth.as_str()), FORM];
    let seen = server.call("POST", "/oauth/token", &secure, "grant_type=client_credentials").await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_16_nobody_but_a_proxy_can_claim_https() {
    let server = TestServer::start_with(&[("issuer", "https://id.naybitono.example")]).await;
    let headers = [("X-Forwarded-Proto", "https"), ("Host", "id.naybitono.example"), ("X-Forwarded-Ssl", "on")];
    let seen = server.call("GET", "/.well-known/oauth-authorization-server", &headers, "").await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_17_pages_are_served_under_our_own_names_only() {
    let server = https_server().await;
    let authorize = authorize_path("naybitono-mobile", &[]);
    let paths = ["/login", "/account", "/signed-out", "/oauth/%61uthorize", "//login", "/", authorize.as_str()];
    for host in
        ["evil.example", "id.naybitono.example.evil.example", "evil-id.naybitono.example", "169.254.169.254", "[::2]"]
    {
        for path in paths {
            let headers =
                [("Host", host), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "id.naybitono.example")];
            let seen = server.call("GET", path, &headers, "").await;
            assert_eq!(seen.status, StatusCode::MISDIRECTED_REQUEST, "{host}{path}");
            assert_eq!((seen.location(), seen.header("set-cookie")), ("", ""), "{host}{path}");
        }
        let headers = [("Host", host), ("X-Forwarded-Proto", "https")];
        let seen = server.call("GET", "/health/live", &headers, "").await;
        assert_eq!(seen.status, StatusCode::OK, "probes come by address");
    }
    for host in
        ["id.naybitono.example", "ID.Naybitono.Example", "id.naybitono.example:443", "localhost", "127.0.0.1:8000"]
    {
        let seen = server.call("GET", "/login", &[("Host", host), ("X-Forwarded-Proto", "https")], "").await;
        assert_eq!(seen.status, StatusCode::OK, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_17_the_names_of_the_pages_can_be_set() {
    let server = TestServer::start_with(&[("hosts", "id.bank.example, id2.bank.example")]).await;
    for (host, status) in [("id.bank.example", 200), ("id2.bank.example:8000", 200), ("localhost", 421), ("x", 421)] {
        let seen = server.call("GET", "/login", &[("Host", host)], "").await;
        assert_eq!(seen.status.as_u16(), status, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_17_redirects_and_links_never_come_from_the_request() {
    let server = TestServer::start().await;
    let headers = [("Host", "localhost"), ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil.example")];
    for path in [&authorize_path("naybitono-mobile", &[]), "/account", "/login", "/signed-out"] {
        let seen = server.call("GET", path, &headers, "").await;
        assert!(!seen.body.contains("evil.example") && !seen.location().contains("evil.example"), "{path}");
        assert!(seen.location().is_empty() || seen.location().starts_with('/'), "{path}: {}", seen.location());
    }
    let refused = authorize_path("naybitono-mobile", &[("response_type", "token")]);
    let seen = server.call("GET", &refused, &headers, "").await;
    assert_eq!(seen.answer("iss").as_deref(), Some(ISSUER));
}
