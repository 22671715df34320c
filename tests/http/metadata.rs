//! The metadata document: what it says is so, and nothing else is.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::flow::authorize_path;
use crate::support::{ISSUER, JOHN, TestServer};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

async fn document(server: &TestServer) -> Value {
    server.call("GET", WELL_KNOWN, &[], "").await.json()
}

fn words(document: &Value, name: &str) -> Vec<String> {
    let list = document[name].as_array().unwrap_or_else(|| panic!("{name} is no list"));
    list.iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn met_01_the_document_is_where_rfc_8414_says_and_nowhere_else() {
    let server = TestServer::start().await;
    let seen = server.call("GET", WELL_KNOWN, &[], "").await;
    assert_eq!((seen.status, seen.header("content-type")), (StatusCode::OK, "application/json"));
    // No OpenID Provider: its document is not there, so that no client takes us for one.
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/tenant"] {
        let seen = server.call("GET", path, &[], "").await;
        assert_eq!((seen.status, seen.error().as_str()), (StatusCode::NOT_FOUND, "not_found"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn met_02_the_issuer_is_the_configured_one_whatever_the_host() {
    let server =
        TestServer::start_with(&[("issuer", "https://id.naybitono.example"), ("trusted_proxies", "127.0.0.1")]).await;
    for host in ["id.naybitono.example", "evil.example", "127.0.0.1:1", "id.naybitono.example:444"] {
        let headers = [
            ("Host", host),
            ("X-Forwarded-Host", "evil.example"),
            ("Forwarded", "host=evil.example"),
            ("X-Forwarded-Proto", "https"),
        ];
        let seen = server.call("GET", WELL_KNOWN, &headers, "").await;
        assert_eq!(seen.json()["issuer"], json!("https://id.naybitono.example"), "{host}");
        assert!(!seen.body.contains("evil") && !seen.body.contains("127.0.0.1"), "{}", seen.body);
        assert_eq!(seen.json()["token_endpoint"], json!("https://id.naybitono.example/oauth/token"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn met_03_every_advertised_endpoint_is_there() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    let members = document.as_object().expect("an object");
    let endpoints: Vec<&String> = members.keys().filter(|name| name.ends_with("_endpoint")).collect();
    assert_eq!(endpoints.len(), 4, "{endpoints:?}");
    for name in endpoints {
        let url = document[name].as_str().expect("a URL");
        let path = url.strip_prefix(ISSUER).unwrap_or_else(|| panic!("{name} is elsewhere: {url}"));
        let method = if name == "authorization_endpoint" { "GET" } else { "POST" };
        let status = server.call(method, path, &[], "").await.status.as_u16();
        assert!([400, 401].contains(&status), "{name} answers {status}");
    }
    for absent in ["jwks_uri", "registration_endpoint", "userinfo_endpoint", "end_session_endpoint"] {
        assert!(document.get(absent).is_none(), "{absent} is advertised");
    }
    assert!(document.get("pushed_authorization_request_endpoint").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn met_03_grants_work_if_advertised_and_are_refused_if_not() {
    let server = TestServer::start().await;
    let advertised = words(&document(&server).await, "grant_types_supported");
    assert_eq!(advertised, ["authorization_code", "refresh_token", "client_credentials"]);
    let pair = server.pair("naybitono-web").await;
    assert_eq!(server.refresh("naybitono-web", &pair.refresh, &[]).await.status, StatusCode::OK);
    let own = server.token("fraud-desk", &[("grant_type", "client_credentials")]).await;
    assert_eq!(own.status, StatusCode::OK);
    for other in [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "Authorization_Code",
    ] {
        let seen = server.token("naybitono-web", &[("grant_type", other), ("code", "x"), ("password", "x")]).await;
        assert_eq!(
            (seen.status, seen.error().as_str()),
            (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            "{other}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn met_03_client_authentication_works_as_advertised_and_no_other_way() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    let with_none = ["client_secret_basic", "client_secret_post", "none"];
    assert_eq!(words(&document, "token_endpoint_auth_methods_supported"), with_none);
    assert_eq!(words(&document, "revocation_endpoint_auth_methods_supported"), with_none);
    assert_eq!(words(&document, "introspection_endpoint_auth_methods_supported"), with_none[..2]);

    let post = [("client_id", "post-client"), ("client_secret", server.secret("post-client"))];
    let form = |more: &[(&'static str, &'static str)]| [more, &[("token", "x")]].concat();
    let (token, revoke, introspect) = ("/oauth/token", "/oauth/revoke", "/oauth/introspect");
    let basic = Some(("naybitono-web", server.secret("naybitono-web")));
    let public = form(&[("client_id", "naybitono-mobile"), ("grant_type", "refresh_token"), ("refresh_token", "x")]);
    let plain = form(&[("grant_type", "refresh_token"), ("refresh_token", "x")]);
    let assertion = form(&[("client_id", "naybitono-web"), ("client_assertion", "x")]);
    for (path, expected) in [(token, "invalid_grant"), (revoke, ""), (introspect, "")] {
        let code =
            |seen: &crate::support::browser::Seen| if seen.body.is_empty() { String::new() } else { seen.error() };
        assert_eq!(code(&server.post(path, basic, &plain).await), expected, "basic at {path}");
        let posted: Vec<(&str, &str)> = plain.iter().copied().chain(post).collect();
        assert_eq!(code(&server.post(path, None, &posted).await), expected, "post at {path}");
        let public_expected = if path == introspect { "invalid_client" } else { expected };
        assert_eq!(code(&server.post(path, None, &public).await), public_expected, "none at {path}");
        assert_eq!(code(&server.post(path, None, &assertion).await), "invalid_client", "assertion at {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn met_03_authorization_requests_work_as_advertised_and_no_other_way() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    for (name, value) in [
        ("response_types_supported", json!(["code"])),
        ("response_modes_supported", json!(["query"])),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("authorization_response_iss_parameter_supported", json!(true)),
        ("request_parameter_supported", json!(false)),
        ("request_uri_parameter_supported", json!(false)),
    ] {
        assert_eq!(document[name], value, "{name}");
    }
    let good = Browser::new(&server).authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await;
    assert!(good.answer("code").is_some(), "{}", good.location());
    assert_eq!(good.answer("iss").as_deref(), document["issuer"].as_str());
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "id_token", "unsupported_response_type"),
        ("response_type", "code token", "unsupported_response_type"),
        ("response_mode", "fragment", "invalid_request"),
        ("response_mode", "form_post", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("request", "x.y.z", "request_not_supported"),
        ("request_uri", "https://evil.example/r", "request_uri_not_supported"),
    ] {
        let seen = Browser::new(&server).get(&authorize_path("naybitono-mobile", &[(name, value)])).await;
        assert_eq!(seen.answer("error").as_deref(), Some(error), "{name}={value}: {}", seen.location());
        assert_eq!(seen.answer("iss").as_deref(), document["issuer"].as_str(), "errors carry iss too");
        assert!(seen.answer("code").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn met_05_the_document_may_be_kept_and_read_by_head_but_not_posted_to() {
    let server = TestServer::start().await;
    let get = server.call("GET", WELL_KNOWN, &[], "").await;
    let head = server.call("HEAD", WELL_KNOWN, &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    for seen in [&get, &head] {
        assert_eq!(seen.header("cache-control"), "public, max-age=300");
        assert_eq!(seen.header("access-control-allow-origin"), "*");
        assert_eq!(seen.header("set-cookie"), "");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let seen = server.call(method, WELL_KNOWN, &[], "").await;
        assert_eq!((seen.status, seen.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"), "{method}");
    }
}
