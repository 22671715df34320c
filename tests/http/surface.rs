//! What every endpoint does with methods, media types, doubled and broken parameters, and what no answer may lack.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::browser::{Browser, Seen};
use crate::support::call::{FORM, JSON};
use crate::support::flow::authorize_path;
use crate::support::{JOHN, PASSWORD, TestServer};

/// The direct endpoints that take forms.
const DIRECT: [&str; 3] = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"];
/// The pages' own forms.
const PAGES: [&str; 4] = ["/login", "/consent", "/account/sign-out", "/oauth/authorize"];
/// What a browser says when it sends one of our own forms.
const OWN: (&str, &str) = ("Sec-Fetch-Site", "same-origin");

/// An error of a direct endpoint: this status and code, as JSON, kept by nobody.
fn assert_error(seen: &Seen, status: u16, code: &str, what: &str) {
    assert_eq!(seen.status.as_u16(), status, "{what}: {}", seen.body);
    assert_eq!(seen.error(), code, "{what}");
    assert_eq!(seen.header("content-type"), "application/json", "{what}");
    assert_eq!(seen.header("cache-control"), "no-store", "{what}");
    let description = seen.json()["error_description"].as_str().map(str::len);
    assert!(description.is_some_and(|length| length > 0), "{what}: {}", seen.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_01_direct_endpoints_accept_post_only() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let auth = server.basic("accounts-api");
    let body = format!("token={}", pair.access);
    for path in DIRECT {
        for method in ["GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "OPTIONS"] {
            let preflight = method == "OPTIONS" && path != "/oauth/introspect";
            if preflight {
                continue;
            }
            let body = if ["GET", "HEAD", "TRACE"].contains(&method) { "" } else { &body };
            let seen = server.call(method, path, &[("Authorization", &auth), FORM], body).await;
            let allow: Vec<&str> = seen.header("allow").split(", ").collect();
            assert!(allow.contains(&"POST") && !allow.contains(&method), "{method} {path}: Allow {allow:?}");
            assert!(allow.iter().all(|name| ["POST", "OPTIONS"].contains(name)), "{method} {path}: Allow {allow:?}");
            if method == "HEAD" {
                assert_eq!(seen.status, StatusCode::METHOD_NOT_ALLOWED);
                assert_eq!(seen.body, "");
            } else {
                assert_error(&seen, 405, "invalid_request", &format!("{method} {path}"));
            }
        }
    }
    assert!(server.is_active(&pair.access).await, "nothing was taken back by another method");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_01_other_endpoints_name_their_methods_too() {
    let server = TestServer::start().await;
    for (method, path, allow) in [
        ("POST", "/account", "GET, HEAD"),
        ("PUT", "/login", "GET, HEAD, POST"),
        ("GET", "/account/sign-out", "POST"),
        ("POST", "/static/style.css", "GET, HEAD"),
        ("POST", "/health/live", "GET, HEAD"),
        ("GET", "/api/v1/customers/CUST_2/lockdown", "POST"),
        ("POST", "/api/v1/sessions/0198c0de-0000-7000-8000-000000000000", "DELETE"),
        ("PUT", "/api/v1/audit", "GET, HEAD"),
    ] {
        let seen = server.call(method, path, &[], "").await;
        assert_eq!(seen.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(seen.header("allow"), allow, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_02_forms_come_as_urlencoded_utf8_and_nothing_else() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let (auth, body) = (server.basic("accounts-api"), format!("token={}", pair.access));
    let introspect = async |kind: Option<&str>, body: &str| {
        let mut headers = vec![("Authorization", auth.as_str())];
        headers.extend(kind.map(|kind| ("Content-Type", kind)));
        server.call("POST", "/oauth/introspect", &headers, body).await
    };
    for good in [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-URLEncoded",
        "application/x-www-form-urlencoded;charset=UTF-8",
        "application/x-www-form-urlencoded; charset=utf-8",
        "application/x-www-form-urlencoded; charset=\"UTF-8\"",
    ] {
        let seen = introspect(Some(good), &body).await;
        assert_eq!((seen.status, &seen.json()["active"]), (StatusCode::OK, &json!(true)), "{good}");
    }
    for bad in [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "text/plain; application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded-not",
        "nonsense",
    ] {
        assert_error(&introspect(Some(bad), &body).await, 415, "invalid_request", bad);
    }
    assert_error(&introspect(None, &body).await, 415, "invalid_request", "no type, with a body");
    assert_error(&introspect(None, "").await, 400, "invalid_request", "no type, no body: the token is missing");
    for broken in ["token=%zz", "token=%", "token=%ff", "token=a%00b", "=%ff"] {
        assert_error(&introspect(Some(FORM.1), broken).await, 400, "invalid_request", broken);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_02_every_form_refuses_other_media_types() {
    let server = TestServer::start().await;
    for path in DIRECT {
        let seen = server.call("POST", path, &[JSON], "{\"token\":\"x\"}").await;
        assert_error(&seen, 415, "invalid_request", path);
    }
    for path in PAGES {
        let seen = server.call("POST", path, &[OWN, JSON], "{\"username\":\"x\"}").await;
        assert_eq!(seen.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path}: {}", seen.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_03_the_machine_api_takes_json_only() {
    let server = TestServer::start().await;
    let bearer = format!("Bearer {}", server.machine_token("fraud-desk").await);
    let path = "/api/v1/customers/CUST_2/lockdown";
    for (kind, body) in [
        ("text/plain", "{\"reason\":\"stolen\"}"),
        ("application/x-www-form-urlencoded", "reason=stolen"),
        ("multipart/form-data; boundary=x", "--x--"),
        ("application/json; charset=iso-8859-1", "{\"reason\":\"stolen\"}"),
        ("application/problem+json", "{\"reason\":\"stolen\"}"),
    ] {
        let seen = server.call("POST", path, &[("Authorization", &bearer), ("Content-Type", kind)], body).await;
        assert_eq!(seen.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        assert_eq!(seen.header("content-type"), "application/problem+json", "{kind}");
    }
    for broken in ["", "{", "[]", "{\"reason\":\"a\",\"reason\":\"b\"}", "{\"reason\":7}", "{}"] {
        let seen = server.call("POST", path, &[("Authorization", &bearer), JSON], broken).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{broken}: {}", seen.body);
        assert_eq!(seen.json()["status"], json!(400), "{broken}");
    }
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 0, "nobody was locked");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_05_a_parameter_sent_twice_is_refused_wherever_it_comes() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let (auth, token) = (server.basic("accounts-api"), pair.access.as_str());
    for (path, body) in [
        ("/oauth/introspect", format!("token={token}&token={token}")),
        ("/oauth/introspect", format!("token={token}&token=")),
        ("/oauth/introspect", format!("token={token}&%74oken={token}")),
        ("/oauth/introspect", format!("token={token}&x=1&x=2")),
        ("/oauth/introspect?token_type_hint=a", format!("token={token}&token_type_hint=b")),
        ("/oauth/introspect?x=1&x=2", format!("token={token}")),
        ("/oauth/revoke", format!("token={token}&client_id=naybitono-mobile&client_id=naybitono-mobile")),
        ("/oauth/token", "grant_type=client_credentials&grant_type=client_credentials".to_owned()),
    ] {
        let seen = server.call("POST", path, &[("Authorization", &auth), FORM], &body).await;
        assert_error(&seen, 400, "invalid_request", &body);
    }
    let url_only = format!("/oauth/introspect?token={token}");
    let seen = server.call("POST", &url_only, &[("Authorization", &auth), FORM], "").await;
    assert_error(&seen, 400, "invalid_request", "a token in the URL");

    let twice = format!("{}&state=again", authorize_path("naybitono-mobile", &[]));
    let seen = server.call("GET", &twice, &[], "").await;
    assert_eq!((seen.status, seen.location()), (StatusCode::BAD_REQUEST, ""));
    let bearer = format!("Bearer {}", server.machine_token("ops-desk").await);
    let seen = server.call("GET", "/api/v1/audit?limit=1&limit=2", &[("Authorization", &bearer)], "").await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert!(server.is_active(token).await, "the doubled revocation did nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_06_empty_is_absent_and_unknown_parameters_pass() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let auth = server.basic("accounts-api");
    let body = format!("token={}&token_type_hint=&unknown=%F0%9F%90%9F&&also", pair.access);
    let seen = server.call("POST", "/oauth/introspect?more=1", &[("Authorization", &auth), FORM], &body).await;
    assert_eq!((seen.status, &seen.json()["active"]), (StatusCode::OK, &json!(true)));
    let seen = server.call("POST", "/oauth/introspect", &[("Authorization", &auth), FORM], "token=").await;
    assert_error(&seen, 400, "invalid_request", "an empty token is none");
    let code = server.code_for("naybitono-mobile", JOHN, &[("unknown", "x"), ("prompt", ""), ("max_age", "")]).await;
    assert_eq!(server.redeem("naybitono-mobile", &code).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_07_broken_text_is_a_bad_request_and_never_a_fault() {
    let server = TestServer::start().await;
    let auth = server.basic("accounts-api");
    let broken = ["%00", "a%00b", "%0a", "%1b%5b2J", "%7f", "%c2%85", "%ff", "%c0%80", "%ed%a0%80", "%4", "%"];
    for text in broken {
        for (path, body) in [
            ("/oauth/introspect", format!("token={text}")),
            ("/oauth/token", format!("grant_type=authorization_code&code={text}")),
            ("/oauth/revoke", format!("token=x&client_id={text}")),
            ("/oauth/token", format!("{text}=x")),
        ] {
            let seen = server.call("POST", path, &[("Authorization", &auth), FORM], &body).await;
            assert_error(&seen, 400, "invalid_request", &body);
        }
        let path = format!("{}&login_hint={text}", authorize_path("naybitono-mobile", &[]));
        let seen = server.call("GET", &path, &[], "").await;
        assert_eq!((seen.status, seen.location()), (StatusCode::BAD_REQUEST, ""), "{path}");
    }
    let bearer = format!("Bearer {}", server.machine_token("fraud-desk").await);
    for text in ["\\u0000", "\\u001b[2J", "\\ud800", "\\udc00x", "\u{7f}", "\\r\\n"] {
        let body = format!("{{\"reason\":\"{text}\"}}");
        let path = "/api/v1/customers/CUST_2/lockdown";
        let seen = server.call("POST", path, &[("Authorization", &bearer), JSON], &body).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{body}: {}", seen.body);
    }
    let reader = format!("Bearer {}", server.machine_token("ops-desk").await);
    for (path, status) in [
        ("/api/v1/audit?customer=%00", 400),
        ("/api/v1/audit?cursor=%ff", 400),
        ("/api/v1/customers/%00", 404),
        ("/api/v1/customers/%ff", 404),
        ("/api/v1/customers/a%2Fb", 404),
        ("/api/v1/customers/%F0%9F%90%9F/sessions", 404),
    ] {
        let seen = server.call("GET", path, &[("Authorization", &reader)], "").await;
        assert_eq!(seen.status.as_u16(), status, "{path}: {}", seen.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_07_passwords_may_hold_anything_but_nul_and_broken_utf8() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let csrf = browser.get("/login").await.csrf();
    for (password, status) in [("a%0Ab%1B", 422), ("%F0%9F%90%9F", 422), ("a%00", 400), ("%ff", 400), ("%4", 400)] {
        let cookie = format!("__Host-rescind_login={}", browser.cookies["__Host-rescind_login"]);
        let body = format!("csrf_token={csrf}&username={JOHN}&password={password}");
        let seen = server.call("POST", "/login", &[OWN, FORM, ("Cookie", &cookie)], &body).await;
        assert_eq!(seen.status.as_u16(), status, "{password}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_08_a_form_cannot_change_its_method() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let auth = server.basic("accounts-api");
    let names = ["_method", "&_method", "%5Fmethod", "_method[]", "_method.x", "_method%5b%5d"];
    for (name, method) in names.iter().flat_map(|name| ["GET", "PUT", "DELETE", "put", "HEAD"].map(|m| (name, m))) {
        let body = format!("{name}={method}&token={}", pair.access);
        let seen = server.call("POST", "/oauth/introspect", &[("Authorization", &auth), FORM], &body).await;
        assert_eq!((seen.status, &seen.json()["active"]), (StatusCode::OK, &json!(true)), "{body}");

        let mut browser = Browser::new(&server);
        let csrf = browser.get("/login").await.csrf();
        let nobody = format!("nobody-{name}-{method}");
        let body = format!("{name}={method}&csrf_token={csrf}&username={nobody}&password=wrong");
        let cookie = format!("__Host-rescind_login={}", browser.cookies["__Host-rescind_login"]);
        let seen = server.call("POST", "/login", &[OWN, FORM, ("Cookie", &cookie)], &body).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}={method} is still a try to sign in");
    }
    let ops = server.machine_token("ops-desk").await;
    let listed = server.api("GET", &format!("/api/v1/customers/{JOHN}/sessions"), &ops, None).await.json();
    let session = format!("/api/v1/sessions/{}", listed["items"][0]["session_id"].as_str().expect("a session"));
    let bearer = format!("Bearer {ops}");
    for name in names {
        let body = format!("{name}=DELETE");
        let seen = server.call("POST", &session, &[("Authorization", &bearer), FORM], &body).await;
        assert_eq!((seen.status, seen.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "DELETE"), "{name}");
    }
    assert!(server.is_active(&pair.access).await, "no form deleted the session");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_09_head_changes_nothing() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    browser.authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await;
    let (codes, logins) = ("SELECT COUNT(*) FROM codes", "SELECT COUNT(*) FROM logins");
    let before = (server.db_count(codes).await, server.db_count(logins).await);
    let cookies = browser.cookies.clone();
    let head = reqwest::Method::HEAD;
    for path in [
        &authorize_path("naybitono-mobile", &[]),
        &authorize_path("naybitono-web", &[]),
        "/login",
        "/account",
        "/consent",
        "/signed-out",
        "/account/sign-out",
    ] {
        let seen = browser.send(head.clone(), path, &[], None).await;
        assert_eq!((seen.location(), seen.body.as_str(), &browser.cookies), ("", "", &cookies), "{path}");
        let mut stranger = Browser::new(&server);
        let seen = stranger.send(head.clone(), path, &[], None).await;
        assert!(stranger.cookies.is_empty() && seen.body.is_empty(), "{path}");
    }
    assert_eq!((server.db_count(codes).await, server.db_count(logins).await), before, "no code, no sign-in begun");
    assert_eq!(browser.get("/account").await.status, StatusCode::OK, "still signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_09_a_link_preview_mints_no_code_and_ends_nothing() {
    let server = TestServer::start().await;
    let preview = Browser::new(&server).get(&authorize_path("naybitono-mobile", &[])).await;
    assert_eq!((preview.status, preview.location()), (StatusCode::SEE_OTHER, "/login"));
    assert_eq!(server.db_count("SELECT COUNT(*) FROM codes").await, 0);

    let mut browser = Browser::new(&server);
    browser.get(&authorize_path("naybitono-web", &[])).await;
    let page = browser.get("/login").await;
    assert_eq!(browser.type_password(&page, JOHN, PASSWORD).await.location(), "/consent");
    browser.send(reqwest::Method::HEAD, "/consent", &[], None).await;
    let csrf = browser.get("/consent").await.csrf();
    assert_eq!(server.db_count("SELECT COUNT(*) FROM codes").await, 0, "looking at the question answers nothing");
    let seen = browser.post("/consent", &[("csrf_token", &csrf), ("decision", "approve")]).await;
    assert!(seen.answer("code").is_some(), "{} {}", seen.status, seen.location());
}
