//! How clients prove themselves at the direct endpoints.

use std::collections::BTreeMap;

use reqwest::StatusCode;

use rescind::model::client::ClientType;

use crate::support::browser::Seen;
use crate::support::direct::basic;
use crate::support::flow::{Pair, VERIFIER, authorize_path};
use crate::support::{JOHN, TestServer, new_client};

const TOKEN: &str = "/oauth/token";
/// Every endpoint that proves clients, with a form that is otherwise good enough to be looked at.
const ENDPOINTS: [(&str, (&str, &str)); 3] = [
    (TOKEN, ("grant_type", "client_credentials")),
    ("/oauth/introspect", ("token", "nyb_at_x")),
    ("/oauth/revoke", ("token", "nyb_at_x")),
];

fn assert_invalid_client(seen: &Seen, used_header: bool, what: &str) {
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{what}: {}", seen.body);
    assert_eq!(seen.error(), "invalid_client", "{what}");
    assert_eq!(seen.header("content-type"), "application/json", "{what}");
    assert_eq!(seen.header("cache-control"), "no-store", "{what}");
    assert_eq!(seen.header("www-authenticate").starts_with("Basic realm=\""), used_header, "{what}");
}

/// Status, headers and body, without what differs between any two answers.
fn essence(seen: &Seen) -> (StatusCode, BTreeMap<String, String>, String) {
    let own = ["date", "x-request-id"];
    let headers = seen.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect();
    (seen.status, headers, seen.body.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_01_who_is_not_proven_gets_401_invalid_client_at_every_endpoint() {
    let server = TestServer::start().await;
    let good = server.secret("batch-job").to_owned();
    let headers = [
        ("unknown client", basic("nobody:secret")),
        ("wrong secret", basic("batch-job:wrong")),
        ("no secret", basic("batch-job:")),
        ("the secret of another", basic(&format!("batch-job:{}", server.secret("fraud-desk")))),
        ("registered for the body", basic(&format!("post-client:{}", server.secret("post-client")))),
        ("a public client", basic("naybitono-mobile:")),
        ("another scheme", format!("Digest {good}")),
        ("no scheme", good.clone()),
    ];
    let bodies: [(&str, &[(&str, &str)]); 6] = [
        ("nothing", &[]),
        ("unknown client", &[("client_id", "nobody"), ("client_secret", "x")]),
        ("unknown public client", &[("client_id", "nobody")]),
        ("confidential client without secret", &[("client_id", "batch-job")]),
        ("registered for the header", &[("client_id", "batch-job"), ("client_secret", &good)]),
        ("secret without name", &[("client_secret", &good)]),
    ];
    for (path, pair) in ENDPOINTS {
        for (what, header) in &headers {
            let seen = server.post_with(path, &[("Authorization", header)], &[pair]).await;
            assert_invalid_client(&seen, true, &format!("{path}, header: {what}"));
        }
        // Introspection answers a bearer token in its own terms: int_01.
        if path != "/oauth/introspect" {
            let bearer = format!("Bearer {good}");
            let seen = server.post_with(path, &[("Authorization", &bearer)], &[pair]).await;
            assert_invalid_client(&seen, true, &format!("{path}, header: a bearer token"));
        }
        for (what, form) in bodies {
            let form: Vec<_> = form.iter().copied().chain([pair]).collect();
            let seen = server.post_with(path, &[], &form).await;
            assert_invalid_client(&seen, false, &format!("{path}, body: {what}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_02_unknown_client_and_wrong_secret_are_one_answer_after_the_same_work() {
    let server = TestServer::start().await;
    server.db_rotate_secret("fraud-desk", false).await;
    let (disabled, disabled_post) = (server.secret("branch-desk").to_owned(), server.secret("post-client").to_owned());
    server.db_disable("branch-desk").await;
    server.db_disable("post-client").await;
    let before = server.audit("client_authentication").await.len();
    let mut sent = 0;
    for (path, pair) in ENDPOINTS {
        let mut answers = Vec::new();
        for (id, secret) in
            [("nobody", "x"), ("batch-job", "x"), ("fraud-desk", "x"), ("branch-desk", &disabled), ("é\u{1F600}", "x")]
        {
            let header = basic(&format!("{id}:{secret}"));
            answers.push(essence(&server.post_with(path, &[("Authorization", &header)], &[pair]).await));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{path}: {answers:?}");
        sent += answers.len();
        let mut answers = Vec::new();
        for (id, secret) in [("nobody", "x"), ("batch-job", "x"), ("post-client", "x"), ("post-client", &disabled_post)]
        {
            let form = [("client_id", id), ("client_secret", secret), pair];
            answers.push(essence(&server.post_with(path, &[], &form).await));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{path}: {answers:?}");
        sent += answers.len();
    }
    // The same work: one refusal written down for each, in the same words whoever it was.
    let rows = server.audit("client_authentication").await.split_off(before);
    assert_eq!(rows.len(), sent);
    assert!(rows.iter().all(|row| row["outcome"] == "refused" && row["reason"] == rows[0]["reason"]), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_03_more_than_one_credential_or_one_in_the_url_is_400_invalid_request() {
    let server = TestServer::start().await;
    let (batch, post) = (server.secret("batch-job").to_owned(), server.secret("post-client").to_owned());
    let header = basic(&format!("batch-job:{batch}"));
    let both = [("Authorization", header.as_str()), ("Authorization", header.as_str())];
    let assertion = ("client_assertion", "a.b.c");
    for (path, pair) in ENDPOINTS {
        let in_url = format!("?client_secret={batch}");
        let both_in_url = format!("?client_id=batch-job&client_secret={batch}");
        for (what, query, headers, form) in [
            ("header and body", "", &both[..1], vec![("client_secret", batch.as_str())]),
            ("header and assertion", "", &both[..1], vec![assertion]),
            ("two headers", "", &both, vec![]),
            ("secret and assertion", "", &[], vec![("client_id", "post-client"), ("client_secret", &post), assertion]),
            ("secret in the URL", &in_url, &both[..1], vec![]),
            ("both in the URL", &both_in_url, &[], vec![]),
            ("name in the URL", "?client_id=naybitono-mobile", &[], vec![]),
        ] {
            let form = [form, vec![pair]].concat();
            let seen = server.post_with(&format!("{path}{query}"), headers, &form).await;
            assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{path}, {what}: {}", seen.body);
            assert_eq!(seen.error(), "invalid_request", "{path}, {what}");
            assert!(!seen.body.contains(&batch) && !seen.body.contains("access_token"), "{path}, {what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_04_basic_is_form_decoded_after_base64_and_its_scheme_has_no_case() {
    let mut server = TestServer::start().await;
    let odd = "desk:nairobi+1@bank";
    server.db_client(new_client(odd, ClientType::Confidential, "accounts:read")).await;
    let (odd_secret, secret) = (server.secret(odd).to_owned(), server.secret("batch-job").to_owned());
    let escaped: Vec<String> = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let escaped = escaped.concat();
    let plain = basic(&format!("batch-job:{secret}"));
    for good in [
        plain.clone(),
        plain.replace("Basic", "bAsIc"),
        plain.replace("Basic ", "BASIC  "),
        basic(&format!("batch%2Djob:{secret}")),
        basic(&format!("batch%2djob:{escaped}")),
        basic(&format!("desk%3Anairobi%2B1%40bank:{odd_secret}")),
    ] {
        let seen = server.post_with(TOKEN, &[("Authorization", &good)], &[ENDPOINTS[0].1]).await;
        assert_eq!(seen.status, StatusCode::OK, "{good}: {}", seen.body);
    }
    for bad in [
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic !!!".to_owned(),
        plain.trim_end_matches(['=', 'A']).replace("Basic ", "Basic ="),
        basic("batch-job"),
        basic(""),
        basic(":"),
        basic(&format!("{odd}:{odd_secret}")),
        basic(&format!("desk%3Anairobi+1%40bank:{odd_secret}")),
        basic(&format!("batch-job:{secret}%")),
        basic(&format!("batch-job:{secret}%zz")),
        basic(&format!("batch-job:{secret}%00")),
        basic(&format!("batch-job:{secret}+")),
        basic(&format!(" batch-job:{secret}")),
        basic("%C3%A9:%C3%A9 +%25"),
        basic("é:é"),
        "Basic /////w==".to_owned(),
    ] {
        let seen = server.post_with(TOKEN, &[("Authorization", &bad)], &[ENDPOINTS[0].1]).await;
        assert_invalid_client(&seen, true, &bad);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_05_only_the_registered_method_counts_and_nothing_is_used_up() {
    let server = TestServer::start().await;
    let code = server.code("naybitono-mobile").await;
    let code_form = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
    let with = |more: &[(&'static str, &'static str)]| [&code_form[..], more].concat();
    for (what, form) in [
        ("a public client with a secret", with(&[("client_id", "naybitono-mobile"), ("client_secret", "x")])),
        ("a confidential one with none", with(&[("client_id", "naybitono-web")])),
        ("one registered for the body with none", with(&[("client_id", "post-client")])),
    ] {
        assert_invalid_client(&server.post(TOKEN, None, &form).await, false, what);
    }
    let seen = server.post(TOKEN, Some(("naybitono-mobile", "x")), &code_form).await;
    assert_invalid_client(&seen, true, "a public client with a secret in the header");
    assert_eq!(server.redeem("naybitono-mobile", &code).await.status, StatusCode::OK, "the code was not touched");
    // An empty secret is an absent one.
    let form = [("client_id", "naybitono-mobile"), ("client_secret", ""), ("grant_type", "refresh_token")];
    assert_eq!(server.post(TOKEN, None, &form).await.error(), "invalid_request", "refresh_token is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_06_a_body_that_names_another_client_is_400_invalid_request() {
    let server = TestServer::start().await;
    let good = basic(&format!("batch-job:{}", server.secret("batch-job")));
    let bad = basic("batch-job:wrong");
    for (path, pair) in ENDPOINTS {
        for (header, named, status, error) in [
            (&good, "fraud-desk", 400, "invalid_request"),
            (&good, "nobody", 400, "invalid_request"),
            (&good, "BATCH-JOB", 400, "invalid_request"),
            (&bad, "fraud-desk", 401, "invalid_client"),
        ] {
            let seen = server.post_with(path, &[("Authorization", header)], &[("client_id", named), pair]).await;
            assert_eq!((seen.status.as_u16(), seen.error().as_str()), (status, error), "{path} {named}");
        }
        let unnamed = server.post_with(path, &[("Authorization", &good)], &[pair]).await;
        let named = server.post_with(path, &[("Authorization", &good)], &[("client_id", "batch-job"), pair]).await;
        assert_eq!(named.status, unnamed.status, "{path}: its own name may be repeated: {}", named.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_07_grants_and_scopes_that_were_never_registered_are_refused() {
    let server = TestServer::start().await;
    for (client, grant) in [
        ("batch-job", "authorization_code"),
        ("batch-job", "refresh_token"),
        ("naybitono-mobile", "client_credentials"),
        ("naybitono-web", "client_credentials"),
        ("accounts-api", "client_credentials"),
        ("accounts-api", "authorization_code"),
    ] {
        let seen = server.token(client, &[("grant_type", grant)]).await;
        assert_eq!((seen.status.as_u16(), seen.error().as_str()), (400, "unauthorized_client"), "{client} {grant}");
    }
    for scope in ["admin", "accounts:read admin", "ACCOUNTS:READ", "accounts:read  x", "customers:lock", "\"", "é"] {
        let seen = server.token("batch-job", &[("grant_type", "client_credentials"), ("scope", scope)]).await;
        assert_eq!((seen.status.as_u16(), seen.error().as_str()), (400, "invalid_scope"), "{scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_08_secrets_are_long_stored_as_hash_only_and_two_live_during_rotation() {
    let server = TestServer::start().await;
    let first = server.secret("batch-job").to_owned();
    let body = first.strip_prefix("nyb_cs_").expect("a recognisable secret");
    assert!(body.len() * 5 >= 256 && body.bytes().all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7')), "256 random bits");
    assert!(server.db_holds(b"batch-job").await, "the search finds what is there");
    assert!(!server.db_holds(body.as_bytes()).await);
    let random = data_encoding::BASE32_NOPAD.decode(body.to_uppercase().as_bytes()).expect("base32");
    assert!(!server.db_holds(&random[..16]).await);

    let works = async |secret: &str| {
        let form = [("grant_type", "client_credentials")];
        server.post(TOKEN, Some(("batch-job", secret)), &form).await.status == StatusCode::OK
    };
    let second = server.db_rotate_secret("batch-job", false).await;
    assert!(works(&first).await && works(&second).await, "both while programs are changed over");
    let third = server.db_rotate_secret("batch-job", false).await;
    assert!(!works(&first).await && works(&second).await && works(&third).await);
    let last = server.db_rotate_secret("batch-job", true).await;
    assert!(!works(&second).await && !works(&third).await && works(&last).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_11_ses_03_a_disabled_client_is_refused_at_once_and_all_it_holds_is_dead() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-web").await;
    let code = server.code("naybitono-web").await;
    let untouched = server.pair("naybitono-mobile").await;
    server.db_disable("naybitono-web").await;

    assert!(!server.is_active(&pair.access).await);
    assert_invalid_client(&server.refresh("naybitono-web", &pair.refresh, &[]).await, true, "refresh");
    assert_invalid_client(&server.redeem("naybitono-web", &code).await, true, "code");
    assert_invalid_client(&server.introspect("naybitono-web", &pair.access).await, true, "introspection");
    let revoke =
        server.post("/oauth/revoke", Some(("naybitono-web", server.secret("naybitono-web"))), &[("token", "x")]);
    assert_invalid_client(&revoke.await, true, "revocation");
    let seen = server.db_signed_in(JOHN).await.get(&authorize_path("naybitono-web", &[])).await;
    assert_eq!((seen.status.as_u16(), seen.location()), (400, ""), "no page leads to it, not even an error");
    assert!(server.is_active(&untouched.access).await, "other clients live on");

    server.db_enable("naybitono-web").await;
    assert!(!server.is_active(&pair.access).await, "what was dead stays dead");
    assert_eq!(server.refresh("naybitono-web", &pair.refresh, &[]).await.error(), "invalid_grant");
    assert_eq!(server.redeem("naybitono-web", &code).await.error(), "invalid_grant");
    let again: Pair = server.pair("naybitono-web").await;
    assert!(server.is_active(&again.access).await, "and it works again at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_11_a_sign_in_begun_for_a_client_that_is_disabled_meanwhile_gives_no_code() {
    let server = TestServer::start().await;
    for enable_again in [false, true] {
        let mut browser = server.db_signed_in(JOHN).await;
        let asked = browser.get(&authorize_path("naybitono-web", &[])).await;
        assert_eq!(asked.location(), "/consent");
        let csrf = browser.get("/consent").await.csrf();
        server.db_disable("naybitono-web").await;
        if enable_again {
            server.db_enable("naybitono-web").await;
        }
        let seen = browser.post("/consent", &[("csrf_token", &csrf), ("decision", "approve")]).await;
        assert_eq!((seen.status.as_u16(), seen.location()), (400, ""), "enabled again: {enable_again}");
        server.db_enable("naybitono-web").await;
    }
}
