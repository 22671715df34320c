//! The token endpoint: what it takes, what it answers, and what a token string gives away.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::flow::{Pair, VERIFIER, authorize_path};
use crate::support::{JOHN, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn tok_01_a_grant_type_is_needed_and_only_three_are_known() {
    let server = TestServer::start().await;
    for (client, fields, error) in [
        ("naybitono-mobile", vec![], "invalid_request"),
        ("naybitono-mobile", vec![("grant_type", "")], "invalid_request"),
        ("naybitono-mobile", vec![("code", "x"), ("code_verifier", VERIFIER)], "invalid_request"),
        ("batch-job", vec![], "invalid_request"),
        ("naybitono-mobile", vec![("grant_type", "authorization_code")], "invalid_request"),
        ("naybitono-mobile", vec![("grant_type", "refresh_token")], "invalid_request"),
    ] {
        let seen = server.token(client, &fields).await;
        assert_eq!((seen.status.as_u16(), seen.error().as_str()), (400, error), "{client} {fields:?}");
    }
    let user = [("username", JOHN), ("password", crate::support::PASSWORD), ("code", "x"), ("scope", "openid")];
    for grant in [
        "password",
        "implicit",
        "token",
        "Authorization_Code",
        "authorization_code ",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "x",
    ] {
        for client in ["naybitono-mobile", "naybitono-web", "post-client"] {
            let seen = server.token(client, &[&user[..], &[("grant_type", grant)]].concat()).await;
            let got = (seen.status.as_u16(), seen.error());
            assert_eq!(got, (400, "unsupported_grant_type".to_owned()), "{client} {grant}");
            assert_eq!((seen.header("cache-control"), seen.header("pragma")), ("no-store", "no-cache"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_06_a_success_names_type_life_and_scope_and_may_not_be_kept() {
    let server = TestServer::start().await;
    let mut john = server.db_signed_in(JOHN).await;
    let all = "openid accounts:read payments:write";
    for (asked, granted) in [("", all), (all, all), ("accounts:read", "accounts:read")] {
        let code = john
            .authorize(&authorize_path("naybitono-mobile", &[("scope", asked)]), JOHN)
            .await
            .answer("code")
            .unwrap();
        let seen = server.redeem("naybitono-mobile", &code).await;
        assert_eq!((seen.status, seen.header("content-type")), (StatusCode::OK, "application/json"));
        assert_eq!((seen.header("cache-control"), seen.header("pragma")), ("no-store", "no-cache"));
        let answer = seen.json();
        assert_eq!(answer["token_type"], json!("Bearer"));
        assert_eq!(answer["expires_in"], json!(600));
        assert_eq!(answer["scope"], json!(granted), "asked for {asked:?}");
        let names: BTreeSet<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["access_token", "expires_in", "refresh_token", "scope", "token_type"].into());
        let told = server.introspect("accounts-api", &Pair::of(&seen).access).await.json();
        assert_eq!(told["scope"], json!(granted), "what is said is what it is");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_07_an_access_token_lives_ten_minutes_or_as_long_as_set() {
    for (setting, minutes) in [(None, 10_u64), (Some("1"), 1), (Some("60"), 60)] {
        let changed: Vec<(&'static str, &str)> =
            setting.map(|text| ("access_token_minutes", text)).into_iter().collect();
        let server = TestServer::start_with(&changed).await;
        let mut john = server.db_signed_in(JOHN).await;
        let code = john.authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await.answer("code").unwrap();
        let seen = server.redeem("naybitono-mobile", &code).await;
        assert_eq!(seen.json()["expires_in"], json!(minutes * 60));
        let token = Pair::of(&seen).access;
        server.wait(minutes * 60 - 20);
        assert!(server.is_active(&token).await, "{minutes} minutes, 20 seconds before");
        server.wait(21);
        assert!(!server.is_active(&token).await, "{minutes} minutes, over");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_07_a_token_is_recognisable_and_changing_any_character_makes_it_nothing() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    for (token, start) in [(&pair.access, "nyb_at_"), (&pair.refresh, "nyb_rt_")] {
        let body = token.strip_prefix(start).expect("its prefix");
        assert!(token.bytes().all(|c| (0x20..=0x7e).contains(&c)), "VSCHAR");
        assert!(body.bytes().all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7')), "{body}");
        assert_eq!(body.len(), 76);
    }
    assert!(server.is_active(&pair.access).await);
    for place in 0..pair.access.len() {
        let mut forged = pair.access.clone().into_bytes();
        forged[place] = if forged[place] == b'a' { b'b' } else { b'a' };
        let forged = String::from_utf8(forged).unwrap();
        assert!(!server.is_active(&forged).await, "changed at {place}");
    }
    for odd in [pair.access.to_uppercase(), format!("{}a", pair.access), pair.access[..82].to_owned()] {
        assert!(!server.is_active(&odd).await, "{odd}");
    }
}

/// What the letters of a token stand for.
fn bytes_of(token: &str) -> Vec<u8> {
    let body = token.rsplit_once('_').expect("prefix, kind, body").1;
    data_encoding::BASE32_NOPAD.decode(body.to_uppercase().as_bytes()).expect("base32")
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_11_a_token_string_says_nothing_about_whom_what_or_when() {
    let server = TestServer::start().await;
    let mut john = server.db_signed_in(JOHN).await;
    let code = john.authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await.answer("code").unwrap();
    let pair = Pair::of(&server.redeem("naybitono-mobile", &code).await);
    let next = Pair::of(&server.refresh("naybitono-mobile", &pair.refresh, &[]).await);
    let told = server.introspect("accounts-api", &next.access).await.json();
    let sid = told["sid"].as_str().expect("sid");
    let device = told["device_id"].as_str().expect("device_id");

    let mut secrets: Vec<Vec<u8>> = [JOHN, "789456123", "John", "naybitono", "accounts", "openid", "https", ISS]
        .map(|text| text.as_bytes().to_vec())
        .to_vec();
    for id in [sid, device] {
        let plain = id.replace('-', "");
        let raw = data_encoding::HEXLOWER.decode(plain.as_bytes()).expect("a UUID");
        secrets.extend([id.as_bytes().to_vec(), plain.into_bytes(), raw[..6].to_vec(), raw[8..].to_vec(), raw]);
    }
    for time in ["exp", "iat", "auth_time"] {
        let seconds = told[time].as_u64().expect("seconds");
        let short = u32::try_from(seconds).unwrap();
        secrets.extend([short.to_be_bytes().to_vec(), short.to_le_bytes().to_vec(), seconds.to_string().into_bytes()]);
        secrets.push((seconds * 1000).to_be_bytes()[2..].to_vec());
    }
    let machine = server.machine_token("batch-job").await;
    for token in [&code, &pair.access, &pair.refresh, &next.access, &next.refresh, &machine] {
        assert!(!token.contains('.'), "three parts with dots would be a JWT");
        let bytes = bytes_of(token);
        for secret in &secrets {
            let within = |text: &[u8]| text.windows(secret.len()).any(|window| window == secret.as_slice());
            assert!(!within(&bytes) && !within(token.as_bytes()), "{token} holds {secret:?}");
        }
    }
    // Tokens of one session have nothing in common that tells they belong together.
    let family = [&code, &pair.access, &pair.refresh, &next.access, &next.refresh].map(|token| bytes_of(token));
    let windows = |bytes: &[u8]| bytes[1..].windows(4).map(<[u8]>::to_vec).collect::<BTreeSet<_>>();
    for (index, one) in family.iter().enumerate() {
        for other in &family[index + 1..] {
            assert!(windows(one).is_disjoint(&windows(other)));
        }
    }
}

/// Part of every issuer name in these tests.
const ISS: &str = "localhost";
