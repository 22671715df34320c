//! Proof Key for Code Exchange, as the endpoints see it.

use serde_json::json;

use crate::support::direct::authorize_with;
use crate::support::flow::{CHALLENGE, Pair, VERIFIER, authorize_path};
use crate::support::{JOHN, TestServer};

fn form<'a>(code: &'a str, verifier: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("grant_type", "authorization_code"), ("code", code), ("code_verifier", verifier)]
}

#[tokio::test(flavor = "multi_thread")]
async fn pkc_01_pkc_03_every_client_sends_s256_or_gets_no_code_at_all() {
    let server = TestServer::start().await;
    let mut john = server.db_signed_in(JOHN).await;
    let (short, long) = (&CHALLENGE[..42], format!("{CHALLENGE}A"));
    let (padded, plus) = (format!("{CHALLENGE}="), CHALLENGE.replace('-', "+"));
    let stray = format!("{}N", &CHALLENGE[..42]);
    let cases = [
        ("", ""),
        ("", "S256"),
        (CHALLENGE, ""),
        (CHALLENGE, "plain"),
        (CHALLENGE, "s256"),
        (CHALLENGE, "S512"),
        (VERIFIER, "plain"),
        (short, "S256"),
        (&long, "S256"),
        (&padded, "S256"),
        (&plus, "S256"),
        (&stray, "S256"),
        ("x", "S256"),
    ];
    for client in ["naybitono-mobile", "naybitono-web", "post-client"] {
        for (challenge, method) in cases {
            let more = [("code_challenge", challenge), ("code_challenge_method", method)];
            let seen = john.get(&authorize_path(client, &more)).await;
            assert_eq!(seen.status.as_u16(), 303, "{client} {more:?}: {}", seen.body);
            assert_eq!(seen.answer("error").as_deref(), Some("invalid_request"), "{client} {more:?}");
            assert_eq!(seen.answer("code"), None, "{client} {more:?}");
        }
    }
    // Stripped on the way: parameters that are not there at all.
    let pairs = [("response_type", "code"), ("client_id", "post-client"), ("redirect_uri", "https://post.example/cb")];
    assert_eq!(john.get(&authorize_with(&pairs)).await.answer("error").as_deref(), Some("invalid_request"));
    for table in ["SELECT COUNT(*) FROM codes WHERE client_id <> $1", "SELECT COUNT(*) FROM logins WHERE $1 <> 'x'"] {
        assert_eq!(server.db_number(table, "").await, 0, "nothing was begun: {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pkc_02_a_wrong_verifier_is_invalid_grant_and_leaves_the_code_good() {
    let server = TestServer::start().await;
    let mut john = server.db_signed_in(JOHN).await;
    let (short, long) = ("a".repeat(42), "a".repeat(129));
    let (illegal, upper) = (format!("{VERIFIER}+"), VERIFIER.to_uppercase());
    let almost = VERIFIER.replace('k', "l");
    for client in ["naybitono-mobile", "post-client"] {
        for wrong in ["", CHALLENGE, &short, &long, &illegal, &upper, &almost] {
            let code = john.authorize(&authorize_path(client, &[]), JOHN).await.answer("code").unwrap();
            let seen = server.token(client, &form(&code, wrong)).await;
            assert_eq!((seen.status.as_u16(), seen.error().as_str()), (400, "invalid_grant"), "{client} {wrong}");
            let seen = server.redeem(client, &code).await;
            assert!(seen.status.is_success(), "{client}: still good after {wrong}: {}", seen.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pkc_02_five_wrong_verifiers_and_no_more() {
    let server = TestServer::start().await;
    let mut john = server.db_signed_in(JOHN).await;
    for (tries, good) in [(4, true), (5, false)] {
        let code = john.authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await.answer("code").unwrap();
        // Who is not the right client has no try, and takes none away.
        for _ in 0..6 {
            assert_eq!(server.token("post-client", &form(&code, CHALLENGE)).await.error(), "invalid_grant");
        }
        for _ in 0..tries {
            assert_eq!(server.token("naybitono-mobile", &form(&code, CHALLENGE)).await.error(), "invalid_grant");
        }
        let seen = server.redeem("naybitono-mobile", &code).await;
        assert_eq!(seen.status.is_success(), good, "after {tries}: {}", seen.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pkc_02_tok_04_wrong_verifiers_after_a_theft_do_not_hide_the_replay() {
    let server = TestServer::start().await;
    let code = server.code("naybitono-mobile").await;
    let stolen = Pair::of(&server.redeem("naybitono-mobile", &code).await);
    // The thief of a public client's code knows its name, and can burn every try.
    for _ in 0..6 {
        assert_eq!(server.token("naybitono-mobile", &form(&code, CHALLENGE)).await.error(), "invalid_grant");
    }
    assert!(server.is_active(&stolen.access).await, "that alone revokes nothing");
    assert_eq!(server.redeem("naybitono-mobile", &code).await.error(), "invalid_grant");
    assert!(!server.is_active(&stolen.access).await, "the app itself came with its code: the theft is seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn pkc_04_s256_is_advertised_and_plain_is_not() {
    let server = TestServer::start().await;
    let seen = server.api("GET", "/.well-known/oauth-authorization-server", "", None).await;
    assert_eq!(seen.json()["code_challenge_methods_supported"], json!(["S256"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn pkc_05_a_challenge_used_again_is_counted_and_alarmed() {
    let server = TestServer::start().await;
    let mut john = server.db_signed_in(JOHN).await;
    let fresh = authorize_path("naybitono-mobile", &[("code_challenge", &CHALLENGE.replace('E', "F"))]);
    for path in [fresh, authorize_path("naybitono-mobile", &[]), authorize_path("post-client", &[])] {
        assert!(john.authorize(&path, JOHN).await.answer("code").is_some());
    }
    assert_eq!(server.audit("challenge_reuse").await.len(), 0, "three requests, three challenges of their clients");
    for before in 1..=2 {
        assert!(john.authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await.answer("code").is_some());
        let rows = server.audit("challenge_reuse").await;
        let last = rows.last().expect("a row");
        assert_eq!(rows.len(), before);
        assert_eq!((&last["outcome"], &last["target_id"]), (&json!("alarm"), &json!("naybitono-mobile")));
        assert_eq!(last["reason"], json!(format!("seen {before} times before")));
    }
}
