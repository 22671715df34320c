//! What errors say, and what they never say: nothing of the inside, nothing of what was sent.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::browser::Seen;
use crate::support::call::{FORM, JSON};
use crate::support::database::TestDatabase;
use crate::support::flow::authorize_path;
use crate::support::{JOHN, TestServer};

/// A word that must come back in no error.
const CANARY: &str = "canary9f3c";

/// RFC 6749 §5.2: printable ASCII without quote and backslash.
fn may_describe(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

fn assert_plain(what: &str, seen: &Seen) {
    let json = seen.json();
    let description = json["error_description"].as_str().unwrap_or_else(|| panic!("{what}: {}", seen.body));
    assert!(may_describe(description) && !description.is_empty(), "{what}: {description:?}");
    assert!(may_describe(&seen.error()), "{what}");
    assert!(!seen.body.contains(CANARY), "{what} reflects: {}", seen.body);
    for value in seen.headers.values() {
        assert!(!value.to_str().unwrap_or(CANARY).contains(CANARY), "{what} reflects in a header: {:?}", seen.headers);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn err_01_descriptions_are_plain_and_reflect_nothing() {
    let server = TestServer::start().await;
    let web = server.basic("naybitono-web");
    let api = server.basic("accounts-api");
    let digest = format!("Digest {CANARY}");
    let odd = format!("%22{CANARY}%5C%C3%A9");
    let forms: Vec<(&str, &str, String)> = vec![
        ("/oauth/token", "", format!("grant_type={odd}&client_id={odd}")),
        ("/oauth/token", &web, format!("grant_type={odd}")),
        ("/oauth/token", &web, "scope=x".to_owned()),
        ("/oauth/token", &web, format!("grant_type=authorization_code&code={odd}")),
        ("/oauth/token", &web, format!("grant_type=authorization_code&{odd}={odd}")),
        ("/oauth/token", &web, format!("grant_type=refresh_token&refresh_token={odd}")),
        ("/oauth/token", &web, format!("grant_type=client_credentials&scope={odd}")),
        ("/oauth/token", &web, format!("{CANARY}=1&{CANARY}=2")),
        ("/oauth/token", &web, format!("client_id={CANARY}&grant_type=refresh_token&refresh_token=x")),
        ("/oauth/token", &web, format!("client_secret={CANARY}&grant_type=refresh_token&refresh_token=x")),
        ("/oauth/token", "Basic %%%", format!("grant_type={CANARY}")),
        ("/oauth/token", &digest, format!("grant_type={CANARY}")),
        ("/oauth/introspect", &web, String::new()),
        ("/oauth/introspect", &api, format!("token_type_hint={odd}")),
        ("/oauth/introspect", "", format!("token={odd}")),
        ("/oauth/revoke", "", format!("token={odd}&client_id={odd}")),
        ("/oauth/revoke", &web, "x=1".to_owned()),
        ("/oauth/nothing", &web, format!("x={odd}")),
    ];
    for (path, auth, body) in &forms {
        let mut headers = vec![FORM];
        if !auth.is_empty() {
            headers.push(("Authorization", auth));
        }
        let seen = server.call("POST", path, &headers, body).await;
        assert!(seen.status.is_client_error(), "{path} {body}: {}", seen.status);
        assert_plain(&format!("{path} {body}"), &seen);
    }
    let batch = server.token("batch-job", &[("grant_type", "client_credentials"), ("scope", CANARY)]).await;
    assert_eq!(batch.error(), "invalid_scope");
    assert_plain("scope", &batch);
    let target = [("grant_type", "client_credentials"), ("resource", "https://canary9f3c.example")];
    let target = server.token("batch-job", &target).await;
    assert_eq!(target.error(), "invalid_target");
    assert_plain("resource", &target);
    assert_plain("method", &server.call("PUT", &format!("/oauth/token?{CANARY}"), &[], CANARY).await);
    assert_plain("type", &server.call("POST", "/oauth/token", &[JSON], CANARY).await);
    assert_plain("path", &server.call("GET", &format!("/oauth/{CANARY}"), &[], "").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn err_01_errors_by_redirect_and_on_pages_and_problems_reflect_nothing_either() {
    let server = TestServer::start().await;
    for (name, value) in [("response_type", CANARY), ("scope", CANARY), ("prompt", CANARY), ("max_age", CANARY)] {
        let seen = server.call("GET", &authorize_path("naybitono-mobile", &[(name, value)]), &[], "").await;
        assert!(seen.answer("error").is_some(), "{name}: {} {}", seen.status, seen.body);
        assert!(!seen.location().contains(CANARY), "{name}: {}", seen.location());
    }
    for path in [
        format!("/oauth/authorize?client_id={CANARY}"),
        authorize_path("naybitono-mobile", &[("redirect_uri", "https://canary9f3c.example/cb")]),
        format!("/{CANARY}"),
    ] {
        let seen = server.call("GET", &path, &[], "").await;
        assert!(seen.status.is_client_error() && !seen.body.contains(CANARY), "{path}: {}", seen.body);
    }
    let ops = server.machine_token("ops-desk").await;
    for path in [
        format!("/api/v1/customers/{CANARY}"),
        format!("/api/v1/audit?cursor={CANARY}"),
        format!("/api/v1/audit?limit={CANARY}"),
        format!("/api/v1/{CANARY}"),
    ] {
        let seen = server.api("GET", &path, &ops, None).await;
        assert!(seen.status.is_client_error() && !seen.body.contains(CANARY), "{path}: {}", seen.body);
    }
}

/// Routes that fail as no route of ours should.
mod broken {
    #[rocket::get("/oauth/panics")]
    pub fn direct() -> &'static str {
        panic!("secret detail in src/inside.rs")
    }

    #[rocket::get("/api/v1/panics")]
    pub async fn machine() -> &'static str {
        rocket::tokio::task::yield_now().await;
        panic!("secret detail in src/inside.rs")
    }

    #[rocket::get("/panics")]
    pub fn page() -> &'static str {
        panic!("secret detail in src/inside.rs")
    }

    #[rocket::get("/oauth/fails")]
    pub fn fails() -> rocket::http::Status {
        rocket::http::Status::ImATeapot
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn err_02_a_panic_is_a_server_error_and_the_process_lives() {
    let routes = rocket::routes![broken::direct, broken::machine, broken::page, broken::fails];
    let server = TestServer::start_rigged(TestDatabase::create().await, &[], true, routes).await;
    for _ in 0..3 {
        let direct = server.call("GET", "/oauth/panics", &[], "").await;
        assert_eq!((direct.status, direct.error().as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "server_error"));
        let machine = server.call("GET", "/api/v1/panics", &[], "").await;
        assert_eq!(machine.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(machine.header("content-type"), "application/problem+json");
        assert_eq!(machine.json()["request_id"], json!(machine.header("x-request-id")));
        let page = server.call("GET", "/panics", &[], "").await;
        assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.body.contains(page.header("x-request-id")), "the page names the line in the log");
        for seen in [direct, machine, page] {
            assert!(!seen.body.contains("secret detail") && !seen.body.contains("src/"), "{}", seen.body);
            assert_eq!(seen.header("x-content-type-options"), "nosniff");
            assert!(seen.header("x-request-id").len() == 16);
        }
    }
    let odd = server.call("GET", "/oauth/fails", &[], "").await;
    assert_eq!(odd.error(), "server_error", "a status nobody thought of");
    let pair = server.pair("naybitono-mobile").await;
    assert!(server.is_active(&pair.access).await, "and everything else goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn err_02_no_answer_tells_version_path_or_engine() {
    let server = TestServer::start().await;
    let mut told = Vec::new();
    for (method, path) in &server.routes {
        let path = path.replace("<id>", JOHN);
        told.push(server.call(method, &path, &[], "").await);
        told.push(server.call("PATCH", &path, &[FORM], "%%%").await);
    }
    for seen in told {
        let everything = format!("{:?} {}", seen.headers, seen.body).to_lowercase();
        for inside in
            ["rocket", "sqlx", "sqlite", "postgres", "panicked", "/src/", ".rs:", "cargo", "hyper", "backtrace"]
        {
            assert!(!everything.contains(inside), "{inside}: {everything}");
        }
    }
}
