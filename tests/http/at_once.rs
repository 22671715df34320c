//! The short way of a check: what is asked plainly is answered at once, and as the long way answers.

use reqwest::StatusCode;
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
