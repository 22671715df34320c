//! Who may ask about tokens, and about which.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::TestServer;
use crate::support::browser::Seen;

const INTROSPECT: &str = "/oauth/introspect";
const INACTIVE: &str = "{\"active\":false}";

async fn send(server: &TestServer, headers: &[(&str, &str)], body: &str) -> Seen {
    let mut request = reqwest::Client::new().post(server.url(INTROSPECT)).body(body.to_owned());
    request = request.header("Content-Type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Seen::read(request.send().await.expect("an answer")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn int_01_the_caller_is_proven_before_the_token_is_looked_at() {
    let server = TestServer::start().await;
    let good = server.pair("naybitono-mobile").await.access;
    for token in [good.as_str(), "garbage", ""] {
        let body = format!("token={token}");
        let none = send(&server, &[], &body).await;
        assert_eq!((none.status, none.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"), "{token}");
        assert_eq!(none.header("www-authenticate"), "", "no scheme was tried");

        for (id, secret) in [("accounts-api", "wrong"), ("nobody", "wrong"), ("accounts-api", "")] {
            let seen = server.post(INTROSPECT, Some((id, secret)), &[("token", token)]).await;
            assert_eq!((seen.status, seen.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"), "{id}");
            assert_eq!(seen.header("www-authenticate"), "Basic realm=\"rescind\"");
        }
        let bearer = format!("Bearer {good}");
        for header in [bearer.as_str(), "bearer garbage", "BEARER"] {
            let seen = send(&server, &[("Authorization", header)], &body).await;
            assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{header}");
            assert_eq!(seen.header("www-authenticate"), "Bearer error=\"invalid_token\"", "{header}");
            assert_eq!(seen.error(), "invalid_token", "{header}");
        }
    }
    let empty = server.post(INTROSPECT, None, &[]).await;
    assert_eq!(empty.status, StatusCode::UNAUTHORIZED, "even without a token");
}

#[tokio::test(flavor = "multi_thread")]
async fn int_02_who_has_no_right_to_ask_gets_one_answer_for_all_tokens() {
    let server = TestServer::start().await;
    let good = server.pair("naybitono-mobile").await.access;
    let own = server.machine_token("batch-job").await;
    for caller in ["fraud-desk", "batch-job", "ops-desk"] {
        let answers = [
            server.introspect(caller, &good).await,
            server.introspect(caller, &own).await,
            server.introspect(caller, "garbage").await,
        ];
        for seen in &answers {
            assert_eq!((seen.status, seen.error().as_str()), (StatusCode::FORBIDDEN, "access_denied"), "{caller}");
            assert_eq!(seen.body, answers[0].body);
        }
    }
    for token in [good.as_str(), "garbage"] {
        let form = [("token", token), ("client_id", "naybitono-mobile")];
        let seen = server.post(INTROSPECT, None, &form).await;
        assert_eq!((seen.status, seen.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn int_03_wrong_audience_is_inactive() {
    let server = TestServer::start().await;
    let web = server.pair("naybitono-web").await.access;
    let bare = server.pair("post-client").await.access;
    let machine = server.machine_token("fraud-desk").await;
    let job = server.machine_token("batch-job").await;
    for (token, caller, sees) in [
        (&web, "accounts-api", true),
        (&web, "other-api", false),
        (&web, "plain-api", false),
        (&web, "naybitono-web", true),
        (&web, "post-client", false),
        (&bare, "plain-api", true),
        (&bare, "accounts-api", false),
        (&bare, "post-client", true),
        (&machine, "accounts-api", false),
        (&machine, "plain-api", false),
        (&job, "accounts-api", true),
        (&job, "other-api", false),
    ] {
        let secret = server.secret(caller).to_owned();
        let seen = if caller == "post-client" {
            let form = [("client_id", caller), ("client_secret", &secret), ("token", token)];
            server.post(INTROSPECT, None, &form).await
        } else {
            server.introspect(caller, token).await
        };
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
        if sees {
            assert_eq!(seen.json()["active"], json!(true), "{caller}");
        } else {
            assert_eq!(seen.body, INACTIVE, "{caller}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn int_05_the_token_comes_once_in_the_body_of_a_post() {
    let server = TestServer::start().await;
    let good = server.pair("naybitono-mobile").await.access;
    let secret = server.secret("accounts-api").to_owned();
    let auth = Some(("accounts-api", secret.as_str()));
    let in_url = format!("{INTROSPECT}?token={good}");
    for (path, form) in [
        (INTROSPECT, vec![]),
        (INTROSPECT, vec![("token", "")]),
        (INTROSPECT, vec![("token_type_hint", "access_token")]),
        (INTROSPECT, vec![("token", good.as_str()), ("token", good.as_str())]),
        (in_url.as_str(), vec![]),
        (in_url.as_str(), vec![("token", good.as_str())]),
    ] {
        let seen = server.post(path, auth, &form).await;
        assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_request"), "{form:?}");
        assert!(!seen.body.contains(&good), "never reflected");
    }
    for path in [INTROSPECT, &in_url] {
        let request = reqwest::Client::new().get(server.url(path)).basic_auth("accounts-api", Some(&secret));
        let seen = Seen::read(request.send().await.unwrap()).await;
        assert_eq!(seen.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!((seen.header("allow"), seen.error().as_str()), ("POST", "invalid_request"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn int_06_a_hint_changes_nothing() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-web").await;
    let secret = server.secret("naybitono-web").to_owned();
    for (token, is_good) in [(&pair.access, true), (&pair.refresh, true), (&"garbage".to_owned(), false)] {
        let plain = server.introspect("naybitono-web", token).await;
        assert_eq!(plain.json()["active"], json!(is_good));
        for hint in ["access_token", "refresh_token", "id_token", "x", ""] {
            let form = [("token", token.as_str()), ("token_type_hint", hint)];
            let hinted = server.post(INTROSPECT, Some(("naybitono-web", &secret)), &form).await;
            assert_eq!((hinted.status, &hinted.body), (plain.status, &plain.body), "{hint}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn int_07_a_refresh_token_is_shown_to_its_own_client_only() {
    let server = TestServer::start().await;
    let web = server.pair("naybitono-web").await;
    let mobile = server.pair("naybitono-mobile").await;
    for token in [&web.refresh, &mobile.refresh] {
        for caller in ["accounts-api", "other-api", "plain-api"] {
            assert_eq!(server.introspect(caller, token).await.body, INACTIVE, "{caller}");
        }
    }
    assert_eq!(server.introspect("naybitono-web", &mobile.refresh).await.body, INACTIVE);

    let own = server.introspect("naybitono-web", &web.refresh).await.json();
    assert_eq!((&own["active"], &own["client_id"]), (&json!(true), &json!("naybitono-web")));
    assert!(own.get("token_type").is_none(), "a refresh token is no bearer token for resources: {own}");
    let next = server.refresh("naybitono-web", &web.refresh, &[]).await;
    assert_eq!(server.introspect("naybitono-web", &web.refresh).await.body, INACTIVE, "its successor was made");
    let next = next.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(server.introspect("naybitono-web", &next).await.json()["active"], json!(true));
}
