//! What is true of every answer, whatever was asked: headers, kinds of errors, ids.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::TestServer;
use crate::support::browser::Seen;
use crate::support::call::{FORM, JSON};

/// A path with something in the place of each parameter.
fn filled(path: &str) -> String {
    let part = |part: &str| if part.starts_with('<') { "x".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn assert_headers(seen: &Seen, what: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        ("server", ""),
        ("x-powered-by", ""),
    ] {
        assert_eq!(seen.header(name), value, "{what}: {name}");
    }
    let policy = seen.header("content-security-policy");
    for part in ["default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action"]
    {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    let open = seen.header("access-control-allow-origin") == "*";
    let resource = if open { "cross-origin" } else { "same-origin" };
    assert_eq!(seen.header("cross-origin-resource-policy"), resource, "{what}");
    let kind = seen.header("content-type");
    assert_eq!(kind.is_empty(), seen.body.is_empty(), "{what}: type {kind:?} and a body of {}", seen.body.len());
    assert!(!kind.starts_with("text/") || kind.ends_with("; charset=utf-8"), "{what}: {kind}");
    assert!(seen.header("x-request-id").len() >= 16, "{what}");
}

/// Every mounted route, asked rightly and wrongly, and what is not mounted.
async fn many_answers(server: &TestServer) -> Vec<(String, Seen)> {
    let mut seen = Vec::new();
    let mut paths: Vec<String> = server.routes.iter().map(|(_, path)| filled(path)).collect();
    paths.extend(
        ["/", "/nothing", "/oauth/nothing", "/oauth", "/.well-known/nothing", "/api/v1/nothing"].map(Into::into),
    );
    paths.sort();
    paths.dedup();
    for path in &paths {
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            seen.push((format!("{method} {path}"), server.call(method, path, &[], "").await));
        }
        let own = ("Origin", crate::support::ISSUER);
        seen.push((format!("form {path}"), server.call("POST", path, &[own, FORM], "a=%00").await));
        seen.push((format!("JSON {path}"), server.call("POST", path, &[own, JSON], "{}").await));
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn http_12_every_answer_carries_the_security_headers() {
    let server = TestServer::start().await;
    for (what, seen) in many_answers(&server).await {
        assert!(seen.status.as_u16() < 500, "{what}: {} {}", seen.status, seen.body);
        assert_headers(&seen, &what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_11_only_public_documents_may_be_kept() {
    let server = TestServer::start().await;
    for (what, seen) in many_answers(&server).await {
        let is_public = what.contains("/static/") || what.contains("/.well-known/");
        // Works by being fetched each time.
        let public = seen.status == StatusCode::OK && is_public && !what.contains("/static/forget.svg");
        let kept = seen.header("cache-control");
        assert_eq!(kept != "no-store", public, "{what}: {kept}");
    }
    let pair = server.token("fraud-desk", &[("grant_type", "client_credentials")]).await;
    assert_eq!((pair.header("cache-control"), pair.header("pragma")), ("no-store", "no-cache"));
    let refused = server.token("fraud-desk", &[("grant_type", "password")]).await;
    assert_eq!((refused.header("cache-control"), refused.header("pragma")), ("no-store", "no-cache"));
}

#[tokio::test(flavor = "multi_thread")]
async fn http_13_errors_of_direct_endpoints_are_json_and_of_the_api_are_problems() {
    let server = TestServer::start().await;
    for (what, seen) in many_answers(&server).await {
        let path = what.split(' ').nth(1).unwrap_or_default();
        let direct = ["/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/nothing", "/.well-known/"];
        if seen.status.is_success() || seen.status.is_redirection() {
            continue;
        }
        assert!(!seen.body.is_empty(), "{what}: an empty {}", seen.status);
        if direct.iter().any(|start| path.starts_with(start)) {
            assert_ne!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
            assert_eq!(seen.header("content-type"), "application/json", "{what}");
            assert!(!seen.error().is_empty() && seen.json()["error_description"].is_string(), "{what}: {}", seen.body);
        }
        if path.starts_with("/api/") {
            assert_eq!(seen.header("content-type"), "application/problem+json", "{what}");
            assert_eq!(seen.json()["status"], json!(seen.status.as_u16()), "{what}");
            assert_eq!(seen.json()["request_id"], json!(seen.header("x-request-id")), "{what}");
        }
        if path == "/oauth/authorize" || path == "/login" || path == "/" {
            assert_eq!(seen.header("content-type"), "text/html; charset=utf-8", "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_12_a_harmless_request_id_is_kept_and_any_other_replaced() {
    let server = TestServer::start().await;
    let seen = server.call("GET", "/health/live", &[("X-Request-Id", "from-proxy_1.2")], "").await;
    assert_eq!(seen.header("x-request-id"), "from-proxy_1.2");
    let long = "a".repeat(65);
    for bad in ["", "a b", "a\"b", "<script>", "a;b", &long] {
        let seen = server.call("GET", "/health/live", &[("X-Request-Id", bad)], "").await;
        assert_eq!(seen.header("x-request-id").len(), 16, "{bad}");
    }
}
