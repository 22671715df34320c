//! The refresh grant when all goes well, and what narrows, ends or refuses it.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use rescind::model::client::ClientType;
use rescind::model::epoch::EpochKind;
use rescind::model::ids::CustomerId;
use rescind::policy::client_rules::NewClient;
use rescind::secret::text::SecretText;
use serde_json::{Value, json};

use crate::support::browser::{Browser, Seen};
use crate::support::flow::{CHALLENGE, Pair};
use crate::support::{ACCOUNTS, JOHN, TestServer, new_client, setup_actor};

const MOBILE: &str = "naybitono-mobile";
const WEB: &str = "naybitono-web";
const DAY: u64 = 86_400;

fn refused(seen: &Seen, error: &str) {
    assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, error), "{}", seen.body);
    assert_eq!(seen.header("cache-control"), "no-store");
}

/// A first-party app of its own: five scopes and two resources.
async fn wide_server() -> TestServer {
    let mut server = TestServer::start().await;
    server
        .db_client(NewClient {
            redirect_uris: vec!["http://127.0.0.1/wide".to_owned()],
            resources: vec![ACCOUNTS.to_owned(), "https://other.example/api".to_owned()],
            first_party: true,
            ..new_client("wide-app", ClientType::Public, "a b c d e")
        })
        .await;
    server
}

async fn wide_pair(server: &TestServer) -> Pair {
    let path = format!(
        "/oauth/authorize?response_type=code&client_id=wide-app&redirect_uri=http://127.0.0.1/wide&code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let seen = Browser::new(server).authorize(&path, JOHN).await;
    Pair::of(&server.redeem("wide-app", &seen.answer("code").expect("a code")).await)
}

fn words(value: &Value) -> BTreeSet<String> {
    value.as_str().unwrap_or_default().split(' ').map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_01_another_clients_refresh_token_is_refused_lives_on_and_alarms() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    for other in [WEB, "post-client"] {
        refused(&server.refresh(other, &pair.refresh, &[]).await, "invalid_grant");
    }
    assert!(server.is_active(&pair.access).await, "nothing was taken back");
    let next = Pair::of(&server.refresh(MOBILE, &pair.refresh, &[]).await);
    assert!(server.is_active(&next.access).await);

    let sid = server.sid(&next.access).await;
    let rows = server.audit("refresh").await;
    let alarms: Vec<&Value> = rows.iter().filter(|row| row["outcome"] == "alarm").collect();
    assert_eq!(alarms.len(), 2, "{rows:?}");
    for (alarm, by) in alarms.iter().zip([WEB, "post-client"]) {
        assert_eq!(alarm["actor_id"], by);
        assert_eq!(alarm["target_id"], json!(sid));
        assert_eq!(alarm["customer_id"], JOHN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_02_scope_and_resource_only_narrow_and_a_refusal_uses_nothing_up() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    for scope in ["openid accounts:read payments:write more", "admin", "OPENID", "openid  accounts:read", "\"openid\""]
    {
        refused(&server.refresh(MOBILE, &pair.refresh, &[("scope", scope)]).await, "invalid_scope");
    }
    for resource in ["https://other.example/api", "https://api.naybitono.example/accounts/", "accounts"] {
        refused(&server.refresh(MOBILE, &pair.refresh, &[("resource", resource)]).await, "invalid_target");
    }
    let all = server.refresh(MOBILE, &pair.refresh, &[]).await;
    assert_eq!(words(&all.json()["scope"]), words(&json!("openid accounts:read payments:write")), "omitted means all");
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_02_what_is_not_a_refresh_token_of_ours_is_one_refusal() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    let code = server.code(MOBILE).await;
    let flipped = format!("{}{}", &pair.refresh[..pair.refresh.len() - 1], flip(&pair.refresh));
    let loud = pair.refresh.to_uppercase();
    for token in [pair.access.as_str(), code.as_str(), flipped.as_str(), loud.as_str(), "garbage"] {
        refused(&server.refresh(MOBILE, token, &[]).await, "invalid_grant");
    }
    let missing = server.token(MOBILE, &[("grant_type", "refresh_token")]).await;
    refused(&missing, "invalid_request");
    assert_eq!(server.refresh(MOBILE, &pair.refresh, &[]).await.status, StatusCode::OK, "nothing was used up");
}

/// A different last character.
fn flip(token: &str) -> char {
    if token.ends_with('a') { 'b' } else { 'a' }
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_03_narrowing_is_for_the_access_token_alone_and_can_be_widened_again() {
    let server = wide_server().await;
    let first = wide_pair(&server).await;
    let other = [("scope", "b a"), ("resource", "https://other.example/api")];
    let seen = server.refresh("wide-app", &first.refresh, &other).await;
    assert_eq!(words(&seen.json()["scope"]), words(&json!("a b")));
    let narrow = Pair::of(&seen);
    let told = server.introspect("other-api", &narrow.access).await.json();
    assert_eq!(words(&told["scope"]), words(&json!("a b")));
    assert_eq!(told["aud"], json!(["https://other.example/api"]));
    assert!(!server.is_active(&narrow.access).await, "not for the other resource");
    assert!(server.is_active(&first.access).await, "the earlier access token keeps what it had");

    let seen = server.refresh("wide-app", &narrow.refresh, &[("scope", "e"), ("resource", ACCOUNTS)]).await;
    assert_eq!(seen.json()["scope"], "e", "words that were narrowed away come back");
    let other = Pair::of(&seen);
    let wide = server.refresh("wide-app", &other.refresh, &[]).await;
    assert_eq!(words(&wide.json()["scope"]), words(&json!("a b c d e")));
    let told = server.introspect("accounts-api", &Pair::of(&wide).access).await.json();
    assert_eq!(told["aud"], json!([ACCOUNTS, "https://other.example/api"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_03_a_seventeenth_shape_is_refused_and_sixteen_go_on() {
    let server = wide_server().await;
    let mut pair = wide_pair(&server).await;
    let letters = ["a", "b", "c", "d", "e"];
    let subset = |mask: usize| {
        let chosen: Vec<&str> =
            letters.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, l)| *l).collect();
        chosen.join(" ")
    };
    let mut tokens = vec![("a b c d e".to_owned(), pair.access.clone())];
    for mask in 1..=15 {
        let scope = subset(mask);
        let seen = server.refresh("wide-app", &pair.refresh, &[("scope", &scope)]).await;
        pair = Pair::of(&seen);
        tokens.push((scope, pair.access.clone()));
    }
    refused(&server.refresh("wide-app", &pair.refresh, &[("scope", &subset(16))]).await, "invalid_scope");

    let known = server.refresh("wide-app", &pair.refresh, &[("scope", "b a")]).await;
    assert_eq!(known.status, StatusCode::OK, "a shape in another order is no new one: {}", known.body);
    let pair = Pair::of(&known);
    refused(&server.refresh("wide-app", &pair.refresh, &[("scope", "e d")]).await, "invalid_scope");
    let all = server.refresh("wide-app", &pair.refresh, &[]).await;
    assert_eq!(words(&all.json()["scope"]), words(&json!("a b c d e")));
    for (scope, token) in tokens {
        let told = server.introspect("accounts-api", &token).await.json();
        assert_eq!(words(&told["scope"]), words(&json!(scope)), "each token keeps its own shape");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_04_every_use_makes_a_new_pair_and_the_earlier_access_token_lives_out_its_time() {
    let server = TestServer::start().await;
    for client in [MOBILE, WEB] {
        let first = server.pair(client).await;
        let seen = server.refresh(client, &first.refresh, &[]).await;
        assert_eq!(seen.json()["token_type"], "Bearer");
        assert_eq!(seen.json()["expires_in"], 600);
        assert_eq!((seen.header("cache-control"), seen.header("pragma")), ("no-store", "no-cache"));
        let second = Pair::of(&seen);
        assert!(second.refresh != first.refresh && second.access != first.access, "{client}");
        assert!(server.is_active(&first.access).await && server.is_active(&second.access).await, "{client}");
        assert_eq!(server.sid(&first.access).await, server.sid(&second.access).await, "{client}: one session");
    }
    for client in ["batch-job", "fraud-desk"] {
        refused(&server.refresh(client, "garbage", &[]).await, "unauthorized_client");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_08_a_session_ends_at_its_time_however_often_it_is_refreshed() {
    let server = TestServer::start().await;
    let mut pair = server.pair(MOBILE).await;
    for _ in 0..3 {
        server.wait(29 * DAY);
        pair = Pair::of(&server.refresh(MOBILE, &pair.refresh, &[]).await);
    }
    server.wait(3 * DAY - 120);
    let last = server.refresh(MOBILE, &pair.refresh, &[]).await;
    let left = last.json()["expires_in"].as_i64().unwrap();
    assert!((1..=120).contains(&left), "the access token ends with the session: {left}");
    let last = Pair::of(&last);
    assert!(server.is_active(&last.access).await);
    server.wait(121);
    refused(&server.refresh(MOBILE, &last.refresh, &[]).await, "invalid_grant");
    assert!(!server.is_active(&last.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_08_a_session_not_refreshed_for_thirty_days_is_over() {
    let server = TestServer::start().await;
    for client in [MOBILE, WEB] {
        let pair = server.pair(client).await;
        server.wait(30 * DAY - 60);
        let next = Pair::of(&server.refresh(client, &pair.refresh, &[]).await);
        server.wait(30 * DAY);
        refused(&server.refresh(client, &next.refresh, &[]).await, "invalid_grant");
        refused(&server.refresh(client, &pair.refresh, &[]).await, "invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_09_whatever_takes_the_session_back_ends_its_refresh() {
    let server = TestServer::start().await;
    let ops = server.machine_token("ops-desk").await;
    for way in ["session", "device", "consent", "password", "customer", "client", "lock", "everyone"] {
        let pair = server.pair(WEB).await;
        let told = server.introspect("accounts-api", &pair.access).await.json();
        let id = |name: &str| told[name].as_str().unwrap().to_owned();
        match way {
            "session" | "device" => {
                let name = if way == "session" { id("sid") } else { id("device_id") };
                let seen = server.api("DELETE", &format!("/api/v1/{way}s/{name}"), &ops, None).await;
                assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
            }
            "consent" => db_withdraw(&server, &id("sid")).await,
            "password" => db_password(&server).await,
            "customer" => server.db_disable_customer(JOHN, true).await,
            "client" => drop(server.db_lock_client(WEB).await),
            "lock" => assert_eq!(server.lock(JOHN).await.status, StatusCode::OK),
            _ => drop(server.db_lock_everyone().await),
        }
        refused(&server.refresh(WEB, &pair.refresh, &[]).await, "invalid_grant");
        assert!(!server.is_active(&pair.access).await, "{way}");
        match way {
            "lock" => drop(server.unlock(JOHN).await),
            "customer" => server.db_disable_customer(JOHN, false).await,
            _ => {}
        }
        refused(&server.refresh(WEB, &pair.refresh, &[]).await, "invalid_grant");
    }
}

async fn db_withdraw(server: &TestServer, sid: &str) {
    let sid = uuid::Uuid::parse_str(sid).unwrap();
    let consent: Option<String> =
        server.db_value("SELECT consent_id FROM sessions WHERE session_id = $1", &[&sid]).await;
    let mut tx = server.app.db.begin().await.unwrap();
    let id = uuid::Uuid::parse_str(&consent.unwrap()).unwrap();
    assert!(rescind::store::consents::withdraw(&mut tx, id, server.app.clock.now()).await.unwrap());
    let told = tx.commit_told().await.unwrap();
    server.app.checks.node.confirm(told).await.unwrap();
}

/// The same password set anew: what was made with the old one ends all the same.
async fn db_password(server: &TestServer) {
    let (id, new) = (CustomerId::parse(JOHN).unwrap(), SecretText::from(crate::support::PASSWORD));
    let done = rescind::service::customer::set_password(&server.app, &setup_actor(), &id, &new).await.unwrap();
    assert_eq!(done, rescind::service::customer::Entered::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_09_a_disabled_clients_refresh_is_an_unknown_client() {
    let server = TestServer::start().await;
    let pair = server.pair(WEB).await;
    server.db_disable_client(WEB).await;
    let seen = server.refresh(WEB, &pair.refresh, &[]).await;
    assert_eq!((seen.status, seen.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
    assert!(!server.is_active(&pair.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_10_refreshing_is_not_authenticating() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    let before = server.introspect("accounts-api", &pair.access).await.json();
    server.wait(3_600);
    let next = Pair::of(&server.refresh(MOBILE, &pair.refresh, &[]).await);
    let after = server.introspect("accounts-api", &next.access).await.json();
    assert!(before["auth_time"].is_u64());
    assert_eq!(before["auth_time"], after["auth_time"]);
    assert!(after["iat"].as_u64().unwrap() >= before["iat"].as_u64().unwrap() + 3_600, "{before} {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_02_a_session_is_not_born_again_under_a_newer_epoch() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    for (kind, id) in [(EpochKind::Global, "*"), (EpochKind::Client, MOBILE), (EpochKind::Subject, JOHN)] {
        let fresh = server.pair(MOBILE).await;
        let mut tx = server.app.db.begin().await.unwrap();
        rescind::store::epochs::raise(&mut tx, kind, id).await.unwrap();
        let told = tx.commit_told().await.unwrap();
        server.app.checks.node.confirm(told).await.unwrap();
        for dead in [&fresh, &pair] {
            refused(&server.refresh(MOBILE, &dead.refresh, &[]).await, "invalid_grant");
            assert!(!server.is_active(&dead.access).await, "{kind:?}");
        }
    }
}
