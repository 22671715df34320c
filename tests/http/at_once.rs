//! The short ways of a check and of a machine's token: what is asked plainly is answered at once, and as the long way answers.

use reqwest::StatusCode;
use rescind::limits::Rule;
use rescind::model::incident::Receipt;
use rescind::service::client_auth::remembered;
use rescind::service::introspect::{Answer, Question, check_at_once};

use crate::support::browser::Seen;
use crate::support::call::FORM;
use crate::support::flow::Pair;
use crate::support::{JOHN, TestServer};

const FAST: &[(&str, &str)] = &[("checks", "fast"), ("lease", "30")];
const INTROSPECT: &str = "/oauth/introspect";

/// What an answer says, but for what differs between any two.
fn told(seen: &Seen) -> (StatusCode, Vec<(String, String)>, String) {
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    let mut all: Vec<_> = seen.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    all.retain(|(name, _)| name != "date" && name != "x-request-id");
    (seen.status, all, seen.body.clone())
}

/// Asks about a token plainly, and in ways that go past the short one; all must be told the same.
async fn asked(server: &TestServer, auth: &str, token: &str) -> Seen {
    let ask = async |body: String| server.call("POST", INTROSPECT, &[("Authorization", auth), FORM], &body).await;
    let plain = ask(format!("token={token}")).await;
    let (first, rest) = token.split_at(1);
    for other in [
        format!("token={token}&token_type_hint=access_token"),
        format!("token={token}&token_type_hint=anything"),
        format!("token={token}&client_ip=192.0.2.1&token_type_hint=access_token"),
        format!("token={token}&client_ip=2001:db8::1"),
        format!("token={token}&client_ip=2001%3adb8%3a%3a1"),
        format!("unknown=1&token={token}"),
        format!("token=%{:02x}{rest}", first.as_bytes()[0]),
    ] {
        assert_eq!(told(&ask(other.clone()).await), told(&plain), "{other}");
    }
    plain
}

/// Whether the short way has an answer, and says that the token is good.
async fn at_once(server: &TestServer, auth: &str, token: &str) -> Option<bool> {
    let said = check_at_once(&server.app, auth, Question { token, from: None }).await?;
    Some(matches!(said.expect("an answer"), Answer::Active(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_told_the_same_on_both_ways_whatever_became_of_it() {
    let server = TestServer::start_with(FAST).await;
    let auth = server.basic("accounts-api");
    let pair = server.pair("naybitono-mobile").await;
    assert_eq!(at_once(&server, &auth, &pair.access).await, None, "nobody was proven yet, and no copy is near");
    assert_eq!(asked(&server, &auth, &pair.access).await.json()["active"], true);
    assert_eq!(at_once(&server, &auth, &pair.access).await, Some(true));

    server.wait(7);
    let next = Pair::of(&server.refresh("naybitono-mobile", &pair.refresh, &[]).await);
    let (old, new) =
        (asked(&server, &auth, &pair.access).await.json(), asked(&server, &auth, &next.access).await.json());
    assert_eq!((&old["sid"], &old["sub"]), (&new["sid"], &new["sub"]));
    assert_eq!(new["exp"].as_i64().unwrap() - old["exp"].as_i64().unwrap(), 7, "each with its own times");
    assert_eq!(new["iat"].as_i64().unwrap() - old["iat"].as_i64().unwrap(), 7);

    server.db_level(JOHN, "write").await;
    assert_eq!(
        asked(&server, &auth, &next.access).await.json()["restrictions"],
        serde_json::json!(["payments", "write"])
    );
    server.db_level(JOHN, "none").await;
    assert_eq!(asked(&server, &auth, &next.access).await.json().get("restrictions"), None);

    for gone in [&next.refresh, "nyb_at_garbage", &next.access[..next.access.len() - 1]] {
        assert_eq!(asked(&server, &auth, gone).await.body, "{\"active\":false}", "{gone}");
        assert_eq!(at_once(&server, &auth, gone).await, None, "{gone}");
    }
    assert_eq!(server.lock(JOHN).await.status, StatusCode::OK);
    assert_eq!(at_once(&server, &auth, &next.access).await, Some(false));
    assert_eq!(asked(&server, &auth, &next.access).await.body, "{\"active\":false}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_or_one_for_somebody_else_is_not_good_at_once() {
    let server = TestServer::start_with(FAST).await;
    let (auth, other) = (server.basic("accounts-api"), server.basic("other-api"));
    let pair = server.pair("naybitono-mobile").await;
    assert_eq!(asked(&server, &auth, &pair.access).await.json()["active"], true);
    assert_eq!(asked(&server, &other, &pair.access).await.body, "{\"active\":false}");
    assert_eq!(
        (at_once(&server, &auth, &pair.access).await, at_once(&server, &other, &pair.access).await),
        (Some(true), Some(false))
    );
    server.wait(601);
    assert_eq!(at_once(&server, &auth, &pair.access).await, None);
    assert_eq!(asked(&server, &auth, &pair.access).await.body, "{\"active\":false}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_very_header_that_proved_a_client_counts_and_only_under_a_lease() {
    let server = TestServer::start_with(FAST).await;
    let pair = server.pair("naybitono-mobile").await;
    let before = server.basic("accounts-api");
    assert_eq!(asked(&server, &before, &pair.access).await.json()["active"], true);
    assert_eq!(at_once(&server, &before, &pair.access).await, Some(true));
    for almost in [before.to_uppercase(), format!("{before} "), before[..before.len() - 1].to_owned(), String::new()] {
        assert_eq!(at_once(&server, &almost, &pair.access).await, None, "{almost}");
    }
    server.db_stop_serving_checks().await;
    assert_eq!(at_once(&server, &before, &pair.access).await, None, "without a lease");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_ended_and_a_client_that_was_disabled_are_refused_at_once() {
    for disables in [false, true] {
        let server = TestServer::start_with(FAST).await;
        let pair = server.pair("naybitono-mobile").await;
        let before = server.basic("accounts-api");
        assert_eq!(asked(&server, &before, &pair.access).await.json()["active"], true);
        assert_eq!(at_once(&server, &before, &pair.access).await, Some(true));
        if disables {
            server.db_disable("accounts-api").await;
        } else {
            server.db_rotate_secret("accounts-api", true).await;
        }
        assert_eq!(at_once(&server, &before, &pair.access).await, None);
        assert_eq!(asked(&server, &before, &pair.access).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(at_once(&server, &before, &pair.access).await, None, "also after it was asked again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_plain_is_refused_as_ever() {
    let server = TestServer::start_with(FAST).await;
    let auth = server.basic("accounts-api");
    let token = server.pair("naybitono-mobile").await.access;
    assert_eq!(asked(&server, &auth, &token).await.json()["active"], true);
    let plain = format!("token={token}");
    let ask =
        async |path: &str, headers: &[(&str, &str)], body: &str| server.call("POST", path, headers, body).await.status;
    let auth = ("Authorization", auth.as_str());
    for (status, path, headers, body) in [
        (200, INTROSPECT, vec![auth, FORM], plain.clone()),
        (400, INTROSPECT, vec![auth, auth, FORM], plain.clone()),
        (400, INTROSPECT, vec![auth, FORM], format!("{plain}&{plain}")),
        (400, INTROSPECT, vec![auth, FORM], format!("{plain}&client_ip=192.0.2.1&client_ip=192.0.2.1")),
        (
            400,
            INTROSPECT,
            vec![auth, FORM],
            format!("{plain}&token_type_hint=access_token&token_type_hint=access_token"),
        ),
        (400, INTROSPECT, vec![auth, FORM], format!("{plain}&client_ip=phone")),
        (400, INTROSPECT, vec![auth, FORM], format!("{plain}&client_secret=x")),
        (400, INTROSPECT, vec![auth, FORM], format!("{plain}&client_id=other-api")),
        (400, INTROSPECT, vec![auth, FORM], format!("{plain}%zz")),
        (400, INTROSPECT, vec![auth, FORM], "token=".to_owned()),
        (400, "/oauth/introspect?token=x", vec![auth, FORM], plain.clone()),
        (415, INTROSPECT, vec![auth], plain.clone()),
        (
            415,
            INTROSPECT,
            vec![auth, ("Content-Type", "application/x-www-form-urlencoded; charset=utf-16")],
            plain.clone(),
        ),
        (401, INTROSPECT, vec![FORM], plain.clone()),
        (200, INTROSPECT, vec![auth, FORM], format!("{plain}&more={}", "x".repeat(600))),
    ] {
        assert_eq!(ask(path, &headers, &body).await.as_u16(), status, "{path} {headers:?} {body}");
    }
}

const TOKEN: &str = "/oauth/token";
const MACHINE: &str = "grant_type=client_credentials";

/// Asks for a machine's token plainly, and in ways that go past the short one; all must be given the same.
async fn given(server: &TestServer, auth: &str, body: &str) -> Seen {
    let ask = async |headers: &[(&str, &str)], body: &str| {
        let headers = [&[("Authorization", auth), FORM], headers].concat();
        let seen = server.call("POST", TOKEN, &headers, body).await;
        if seen.status == StatusCode::OK {
            let token = seen.json()["access_token"].as_str().expect("a token").to_owned();
            assert!(server.is_active(&token).await);
            return Seen { body: seen.body.replace(&token, "it"), ..seen };
        }
        seen
    };
    let plain = ask(&[], body).await;
    assert_eq!(told(&ask(&[], &format!("unknown=1&{body}")).await), told(&plain), "{body}");
    assert_eq!(told(&ask(&[("Origin", "https://evil.example")], body).await), told(&plain), "{body}");
    assert_eq!(told(&ask(&[], body).await), told(&plain), "{body}");
    plain
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_08_a_machine_is_given_the_same_on_both_ways() {
    let server = TestServer::start_with(FAST).await;
    let auth = server.basic("batch-job");
    let is_known = || remembered(&server.app, &auth).is_some();
    assert!(!is_known());
    for _ in 0..3 {
        assert_eq!(given(&server, &auth, MACHINE).await.status, StatusCode::OK);
    }
    assert!(is_known());
    for (body, error) in [
        (format!("{MACHINE}&scope=accounts:read"), ""),
        (format!("{MACHINE}&scope=accounts%3Aread"), ""),
        (format!("{MACHINE}&scope=nobody%3Aknows"), "invalid_scope"),
        (format!("{MACHINE}&scope=accounts:read&scope=accounts:read"), "invalid_request"),
        (format!("{MACHINE}&resource=https%3A%2F%2Fother.example"), "invalid_target"),
        (format!("{MACHINE}&client_id=other-api"), "invalid_request"),
        (format!("{MACHINE}&client_secret=x"), "invalid_request"),
        (format!("{MACHINE}&scope=%zz"), "invalid_request"),
        ("grant_type=client_credentials_x".to_owned(), "unsupported_grant_type"),
    ] {
        let seen = given(&server, &auth, &body).await;
        let told = if error.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!((seen.status, seen.json()["error"].as_str().unwrap_or_default()), (told, error), "{body}");
    }
    server.db_stop_serving_checks().await;
    assert!(!is_known(), "without a lease");
    assert_eq!(server.token("batch-job", &[("grant_type", "client_credentials")]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_08_a_machine_whose_secret_was_ended_or_that_was_disabled_or_ended_is_given_nothing_old() {
    for change in ["rotated", "disabled", "ended"] {
        let server = TestServer::start_with(FAST).await;
        let auth = server.basic("batch-job");
        for _ in 0..3 {
            assert_eq!(given(&server, &auth, MACHINE).await.status, StatusCode::OK);
        }
        match change {
            "rotated" => drop(server.db_rotate_secret("batch-job", true).await),
            "disabled" => server.db_disable("batch-job").await,
            _ => assert!(matches!(server.db_lock_client("batch-job").await, Receipt::Confirmed { .. })),
        }
        // That its tokens were ended is no news about its secret.
        assert_eq!(remembered(&server.app, &auth).is_some(), change == "ended", "{change}");
        let told = if change == "ended" { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(given(&server, &auth, MACHINE).await.status, told, "{change}");
    }
}

/// Whether the next request is turned away, once all of an allowance is taken: by a slow test it may have grown again.
async fn is_turned_away(server: &TestServer, auth: &str, rule: (Rule, &str), body: &str) -> bool {
    for _ in 0..100 {
        while server.app.limits.take(rule.0, rule.1, server.app.clock.now()).await.is_ok() {}
        let seen = server.call("POST", TOKEN, &[("Authorization", auth), FORM], body).await;
        if seen.status == StatusCode::TOO_MANY_REQUESTS {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_01_tokens_given_at_once_are_counted() {
    for rule in [(Rule::TokenPerClient, "batch-job"), (Rule::TokenPerAddress, "127.0.0.1")] {
        let server = TestServer::start_with(&[FAST, &[("limit_scale", "1")]].concat()).await;
        let auth = server.basic("batch-job");
        assert_eq!(given(&server, &auth, MACHINE).await.status, StatusCode::OK);
        assert!(remembered(&server.app, &auth).is_some());
        assert!(is_turned_away(&server, &auth, rule, MACHINE).await, "{rule:?}");
        assert!(is_turned_away(&server, &auth, rule, &format!("unknown=1&{MACHINE}")).await, "{rule:?}");
    }
}
