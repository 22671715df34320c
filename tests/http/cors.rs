//! Which scripts on other origins may read which answers.

use reqwest::StatusCode;

use crate::support::browser::Seen;
use crate::support::call::FORM;
use crate::support::flow::{VERIFIER, authorize_path};
use crate::support::{JOHN, TestServer};

/// The origin that `naybitono-web` registered.
const LISTED: &str = "https://web.naybitono.example";

/// Origins that look like the listed one, or like nothing.
const UNLISTED: [&str; 9] = [
    "null",
    "https://evil.example",
    "http://web.naybitono.example",
    "https://web.naybitono.example:8443",
    "https://web.naybitono.example.evil.example",
    "https://WEB.naybitono.example",
    "https://web.naybitono.example/",
    "*",
    "https://post.example",
];

fn readable_by(seen: &Seen) -> &str {
    assert_eq!(seen.header("access-control-allow-credentials"), "", "never with credentials");
    seen.header("access-control-allow-origin")
}

#[tokio::test(flavor = "multi_thread")]
async fn http_10_a_client_s_own_origin_reads_its_answers_and_no_other_does() {
    let server = TestServer::start().await;
    let auth = server.basic("naybitono-web");
    let call = async |path: &str, auth: &str, origin: &str, body: &str| {
        server.call("POST", path, &[("Authorization", auth), FORM, ("Origin", origin)], body).await
    };
    let code = server.code_for("naybitono-web", JOHN, &[]).await;
    let body = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}");
    let seen = call("/oauth/token", &auth, LISTED, &body).await;
    assert_eq!((seen.status, readable_by(&seen)), (StatusCode::OK, LISTED));
    assert_eq!(seen.header("vary"), "Origin");
    assert_eq!(seen.header("access-control-expose-headers"), "DPoP-Nonce, WWW-Authenticate");
    assert_eq!(seen.header("cross-origin-resource-policy"), "cross-origin");
    let seen = call("/oauth/token", &auth, LISTED, &body).await;
    assert_eq!((seen.error().as_str(), readable_by(&seen)), ("invalid_grant", LISTED), "refusals are readable too");
    let seen = call("/oauth/revoke", &auth, LISTED, "token=x").await;
    assert_eq!((seen.status, readable_by(&seen)), (StatusCode::OK, LISTED));

    for origin in UNLISTED {
        for path in ["/oauth/token", "/oauth/revoke"] {
            let seen = call(path, &auth, origin, "grant_type=refresh_token&refresh_token=x&token=x").await;
            assert_eq!(readable_by(&seen), "", "{origin} reads {path}");
            assert_eq!(seen.header("vary"), "Origin", "{path}");
        }
    }
    let other = call("/oauth/token", &server.basic("fraud-desk"), LISTED, "grant_type=client_credentials").await;
    assert_eq!((other.status, readable_by(&other)), (StatusCode::OK, ""), "another client's origin is none of its own");
    let nobody = call("/oauth/token", "Basic eDp5", LISTED, "grant_type=client_credentials").await;
    assert_eq!((nobody.status, readable_by(&nobody)), (StatusCode::UNAUTHORIZED, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn http_10_preflights_are_answered_for_listed_origins_on_two_endpoints() {
    let server = TestServer::start().await;
    let ask = async |path: &str, origin: &str| {
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        server.call("OPTIONS", path, &headers, "").await
    };
    for path in ["/oauth/token", "/oauth/revoke"] {
        let seen = ask(path, LISTED).await;
        assert_eq!((seen.status, readable_by(&seen)), (StatusCode::NO_CONTENT, LISTED), "{path}");
        assert_eq!(seen.header("access-control-allow-methods"), "POST");
        assert_eq!(seen.header("access-control-allow-headers"), "Authorization, Content-Type");
        for origin in UNLISTED {
            let seen = ask(path, origin).await;
            assert_eq!(readable_by(&seen), "", "{origin} may not call {path}");
            assert_eq!(seen.header("access-control-allow-methods"), "", "{origin} {path}");
        }
        let seen = server.call("OPTIONS", path, &[], "").await;
        assert_eq!(readable_by(&seen), "", "no origin, nothing to allow");
    }
    for path in ["/oauth/introspect", "/oauth/authorize", "/login", "/consent", "/account/sign-out", "/api/v1/audit"] {
        let seen = ask(path, LISTED).await;
        assert_eq!((seen.status, readable_by(&seen)), (StatusCode::METHOD_NOT_ALLOWED, ""), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_10_metadata_is_open_to_all_and_pages_checks_and_machines_to_none() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    for origin in [LISTED, "https://evil.example", "null"] {
        let seen = server.call("GET", "/.well-known/oauth-authorization-server", &[("Origin", origin)], "").await;
        assert_eq!((seen.status, readable_by(&seen)), (StatusCode::OK, "*"));
    }
    let auth = server.basic("accounts-api");
    let body = format!("token={}", pair.access);
    let headers = [("Origin", LISTED), ("Authorization", auth.as_str()), FORM];
    let seen = server.call("POST", "/oauth/introspect", &headers, &body).await;
    assert_eq!((seen.status, readable_by(&seen)), (StatusCode::OK, ""));
    let bearer = format!("Bearer {}", server.machine_token("ops-desk").await);
    let authorize = authorize_path("naybitono-web", &[]);
    for path in [authorize.as_str(), "/login", "/consent", "/account", "/signed-out", "/api/v1/audit", "/health/live"] {
        let seen = server.call("GET", path, &[("Origin", LISTED), ("Authorization", &bearer)], "").await;
        assert_eq!(readable_by(&seen), "", "{path}");
    }
}
