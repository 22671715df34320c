//! Tokens taken back by their own client (RFC 7009).

use reqwest::StatusCode;
use serde_json::json;

use crate::support::browser::Seen;
use crate::support::flow::Pair;
use crate::support::{JOHN, TestServer};

const REVOKE: &str = "/oauth/revoke";
const MOBILE: &str = "naybitono-mobile";
const WEB: &str = "naybitono-web";

/// Asks as a client, by its own method.
async fn revoke(server: &TestServer, client: &str, form: &[(&str, &str)]) -> Seen {
    let (mut form, secret) = (form.to_vec(), server.secret(client).to_owned());
    if secret.is_empty() {
        form.push(("client_id", client));
        return server.post(REVOKE, None, &form).await;
    }
    server.post(REVOKE, Some((client, &secret)), &form).await
}

fn done(seen: &Seen) {
    assert_eq!((seen.status, seen.body.as_str()), (StatusCode::OK, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn rev_01_the_client_is_proven_first() {
    let server = TestServer::start().await;
    let pair = server.pair(WEB).await;
    for token in [pair.refresh.as_str(), "garbage", ""] {
        for (auth, form) in [
            (None, vec![("token", token)]),
            (None, vec![("token", token), ("client_id", WEB)]),
            (None, vec![("token", token), ("client_id", "nobody")]),
            (Some((WEB, "wrong")), vec![("token", token)]),
            (None, vec![("token", token), ("client_id", MOBILE), ("client_secret", "x")]),
        ] {
            let seen = server.post(REVOKE, auth, &form).await;
            assert_eq!((seen.status, seen.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"), "{form:?}");
            assert_eq!(seen.header("www-authenticate").is_empty(), auth.is_none());
        }
    }
    assert!(server.is_active(&pair.access).await);
    done(&revoke(&server, WEB, &[("token", &pair.refresh)]).await);
    let public = server.pair(MOBILE).await;
    done(&revoke(&server, MOBILE, &[("token", &public.refresh)]).await);
    assert!(!server.is_active(&pair.access).await && !server.is_active(&public.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rev_02_what_is_dead_or_never_was_is_the_same_success() {
    let server = TestServer::start().await;
    let expired = server.pair(MOBILE).await;
    server.wait(601);
    let pair = server.pair(MOBILE).await;
    let code = server.code(MOBILE).await;
    let first = revoke(&server, MOBILE, &[("token", &pair.refresh)]).await;
    let altered = format!("{}x", pair.access);
    for token in [
        pair.refresh.as_str(),
        pair.access.as_str(),
        expired.access.as_str(),
        code.as_str(),
        altered.as_str(),
        "garbage",
        "\u{5bc6}",
    ] {
        let seen = revoke(&server, MOBILE, &[("token", token)]).await;
        done(&seen);
        let names = |seen: &Seen| seen.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&seen), names(&first));
    }
    assert_eq!(server.redeem(MOBILE, &code).await.status, StatusCode::OK, "a code is not revoked here");
    let rows = server.audit("token_revoke").await;
    assert_eq!(rows.iter().filter(|row| row["reason"] == "whole grant").count(), 1, "ended once: {rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rev_03_another_clients_token_is_refused_and_lives() {
    let server = TestServer::start().await;
    let pair = server.pair(WEB).await;
    let machine = server.machine_token("batch-job").await;
    for token in [&pair.access, &pair.refresh, &machine] {
        let seen = revoke(&server, MOBILE, &[("token", token)]).await;
        assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
    }
    assert!(server.is_active(&pair.access).await && server.is_active(&machine).await);
    assert_eq!(server.refresh(WEB, &pair.refresh, &[]).await.status, StatusCode::OK);
    let rows = server.audit("token_revoke").await;
    assert_eq!(rows.len(), 3);
    for row in &rows[..2] {
        assert_eq!(
            (&row["outcome"], &row["actor_id"], &row["customer_id"]),
            (&json!("alarm"), &json!(MOBILE), &json!(JOHN))
        );
    }
    assert_eq!(rows[2]["customer_id"], json!(null), "a machine's token touches no customer");
}

#[tokio::test(flavor = "multi_thread")]
async fn rev_04_a_wrong_or_unknown_hint_is_no_obstacle() {
    let server = TestServer::start().await;
    for hint in ["access_token", "refresh_token", "id_token", "nonsense", ""] {
        let pair = server.pair(MOBILE).await;
        done(&revoke(&server, MOBILE, &[("token", &pair.access), ("token_type_hint", hint)]).await);
        assert!(!server.is_active(&pair.access).await, "{hint}");
        done(&revoke(&server, MOBILE, &[("token", &pair.refresh), ("token_type_hint", hint)]).await);
        assert_eq!(server.refresh(MOBILE, &pair.refresh, &[]).await.error(), "invalid_grant", "{hint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rev_05_a_refresh_token_takes_its_whole_grant_with_it() {
    let server = TestServer::start().await;
    let other = server.pair(MOBILE).await;
    let first = server.pair(MOBILE).await;
    let second = Pair::of(&server.refresh(MOBILE, &first.refresh, &[]).await);
    done(&revoke(&server, MOBILE, &[("token", &second.refresh)]).await);
    for pair in [&first, &second] {
        assert!(!server.is_active(&pair.access).await);
        assert_eq!(server.refresh(MOBILE, &pair.refresh, &[]).await.error(), "invalid_grant");
    }
    assert!(server.is_active(&other.access).await, "the customer's other grant lives");

    let first = server.pair(WEB).await;
    let second = Pair::of(&server.refresh(WEB, &first.refresh, &[]).await);
    done(&revoke(&server, WEB, &[("token", &first.refresh)]).await);
    assert!(!server.is_active(&second.access).await, "an older refresh token stands for the grant too");
}

#[tokio::test(flavor = "multi_thread")]
async fn rev_05_an_access_token_takes_only_itself() {
    let server = TestServer::start().await;
    let first = server.pair(MOBILE).await;
    let second = Pair::of(&server.refresh(MOBILE, &first.refresh, &[]).await);
    done(&revoke(&server, MOBILE, &[("token", &first.access)]).await);
    assert!(!server.is_active(&first.access).await);
    assert!(server.is_active(&second.access).await, "the other access token of the grant lives");
    done(&revoke(&server, MOBILE, &[("token", &second.access)]).await);
    let third = Pair::of(&server.refresh(MOBILE, &second.refresh, &[]).await);
    assert!(server.is_active(&third.access).await, "and so does the refresh token");

    let (one, two) = (server.machine_token("batch-job").await, server.machine_token("batch-job").await);
    done(&revoke(&server, "batch-job", &[("token", &one)]).await);
    assert!(!server.is_active(&one).await && server.is_active(&two).await, "tokens of one standing session");
}

#[tokio::test(flavor = "multi_thread")]
async fn rev_06_done_is_stored_and_repeating_is_safe() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    // Each answer is checked at once: done means that no check that starts now says yes.
    let answers = (0..16).map(|_| async {
        done(&revoke(&server, MOBILE, &[("token", pair.refresh.as_str())]).await);
        assert!(!server.is_active(&pair.access).await);
    });
    rocket::futures::future::join_all(answers).await;
    assert_eq!(server.audit("token_revoke").await.len(), 1, "taken back once, written down once");
}

#[tokio::test(flavor = "multi_thread")]
async fn rev_07_a_request_without_token_is_refused_and_there_is_no_jsonp() {
    let server = TestServer::start().await;
    let pair = server.pair(WEB).await;
    for form in
        [vec![], vec![("token", "")], vec![("token_type_hint", "access_token")], vec![("token", "a"), ("token", "a")]]
    {
        let seen = revoke(&server, WEB, &form).await;
        assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_request"), "{form:?}");
    }
    let seen = revoke(&server, WEB, &[("token", &pair.access), ("callback", "steal")]).await;
    done(&seen);
    let url = server.url(&format!("{REVOKE}?callback=steal"));
    let seen = Seen::read(reqwest::get(url).await.unwrap()).await;
    assert_eq!(seen.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(!seen.body.contains("steal"));
}
