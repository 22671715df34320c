//! Tokens for machines: one standing session per client and shape, a random serial per token.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::json;

use rescind::model::client::ClientType;
use rescind::policy::client_rules::{ClientRefusal, NewClient, check};

use crate::support::browser::Seen;
use crate::support::direct::together;
use crate::support::flow::Pair;
use crate::support::rows::{client_id, why};
use crate::support::{ACCOUNTS, ISSUER, JOHN, TestServer, db_customer, new_client, setup_actor};

const STANDING: &str = "SELECT COUNT(*) FROM sessions WHERE client_id = $1";

async fn ask(server: &TestServer, client: &str, more: &[(&str, &str)]) -> Seen {
    server.token(client, &[&[("grant_type", "client_credentials")], more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_08_a_machine_gets_an_access_token_in_its_own_name_and_no_refresh_token() {
    let server = TestServer::start().await;
    let seen = ask(&server, "batch-job", &[]).await;
    let answer = seen.json();
    assert_eq!(answer["refresh_token"], json!(null), "{}", seen.body);
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(600)));
    assert_eq!(answer["scope"], json!("accounts:read"));

    let told = server.introspect("accounts-api", &Pair::of(&seen).access).await.json();
    assert_eq!((&told["sub"], &told["client_id"]), (&json!("batch-job"), &json!("batch-job")));
    assert_eq!(told["aud"], json!([ACCOUNTS]));
    for absent in ["auth_time", "device_id", "username", "email"] {
        assert_eq!(told.get(absent), None, "nobody signed in");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_08_no_customer_can_be_taken_for_a_machine() {
    let server = TestServer::start().await;
    let clash = tokio::spawn({
        let app = server.app.clone();
        async move { db_customer(&app, "batch-job", "A Namesake", None, None).await }
    });
    assert!(clash.await.is_err(), "a customer with the id of a client is refused");
    let count = "SELECT COUNT(*) FROM customers WHERE customer_id = $1";
    assert_eq!(server.db_number(count, "batch-job").await, 0);
    assert_eq!(server.db_number(count, JOHN).await, 1, "the count counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tokens_rest_on_one_row_and_each_is_its_own() {
    let server = TestServer::start().await;
    let mut tokens = BTreeSet::new();
    for _ in 0..100 {
        tokens.insert(server.machine_token("batch-job").await);
    }
    assert_eq!(tokens.len(), 100, "no two are alike");
    assert_eq!(server.db_number(STANDING, "batch-job").await, 1);
    let one = tokens.pop_first().expect("a token");
    let auth = ("batch-job", server.secret("batch-job"));
    assert_eq!(server.post("/oauth/revoke", Some(auth), &[("token", &one)]).await.status, StatusCode::OK);
    assert!(!server.is_active(&one).await, "revoking one");
    assert!(server.is_active(tokens.first().expect("a token")).await, "leaves the others");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_first_requests_at_once_make_one_row() {
    let server = TestServer::start().await;
    let all = together((0..64).map(|_| server.machine_token("batch-job"))).await;
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 64);
    assert_eq!(server.db_number(STANDING, "batch-job").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_belongs_to_a_shape_whatever_the_order_of_its_words() {
    let mut server = TestServer::start().await;
    let both = NewClient {
        resources: vec![ACCOUNTS.to_owned(), "https://other.example/api".to_owned()],
        ..new_client("two-words", ClientType::Confidential, "accounts:read payments:write")
    };
    server.db_client(both).await;
    for (more, scope, rows) in [
        (&[][..], "accounts:read payments:write", 1),
        (&[("scope", "payments:write accounts:read")], "payments:write accounts:read", 1),
        (&[("scope", "accounts:read accounts:read")], "accounts:read", 2),
        (&[("scope", "accounts:read")], "accounts:read", 2),
        (&[("scope", "accounts:read"), ("resource", ACCOUNTS)], "accounts:read", 3),
        (&[("resource", "https://other.example/api"), ("resource", ACCOUNTS)], "accounts:read payments:write", 3),
    ] {
        let seen = ask(&server, "two-words", more).await;
        let words: BTreeSet<_> = scope.split(' ').collect();
        let told = seen.json()["scope"].as_str().unwrap_or_default().to_owned();
        assert_eq!(told.split(' ').collect::<BTreeSet<_>>(), words, "{more:?}");
        assert_eq!(server.db_number(STANDING, "two-words").await, rows, "{more:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_15_a_machine_token_is_good_exactly_where_it_was_asked_for() {
    let mut server = TestServer::start().await;
    let both = NewClient {
        resources: vec![ACCOUNTS.to_owned(), "https://other.example/api".to_owned()],
        ..new_client("two-places", ClientType::Confidential, "accounts:read")
    };
    server.db_client(both).await;
    for (more, accounts, other) in [
        (vec![], true, true),
        (vec![("resource", ACCOUNTS)], true, false),
        (vec![("resource", "https://other.example/api")], false, true),
    ] {
        let token = Pair::of(&ask(&server, "two-places", &more).await).access;
        for (api, good) in [("accounts-api", accounts), ("other-api", other), ("plain-api", false)] {
            let told = server.introspect(api, &token).await.json();
            assert_eq!(told["active"], json!(good), "{more:?} at {api}");
        }
    }
    for bad in ["https://unknown.example", "accounts", "https://api.naybitono.example/accounts#x", "https://"] {
        let seen = ask(&server, "two-places", &[("resource", ACCOUNTS), ("resource", bad)]).await;
        assert_eq!((seen.status.as_u16(), seen.error().as_str()), (400, "invalid_target"), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_scopes_make_the_issuer_the_audience_and_nothing_else() {
    let mut server = TestServer::start().await;
    let ours =
        NewClient { resources: vec![ISSUER.to_owned()], ..new_client("our-own-api", ClientType::ResourceServer, "") };
    server.db_client(ours).await;
    let token = server.machine_token("fraud-desk").await;
    let told = server.introspect("our-own-api", &token).await.json();
    assert_eq!((&told["aud"], &told["scope"]), (&json!([ISSUER]), &json!("customers:lock")));
    assert!(!server.is_active(&token).await, "it is not good at a resource server");
    let own = ask(&server, "fraud-desk", &[("resource", ISSUER)]).await;
    assert_eq!(own.status, StatusCode::OK, "the issuer may be named: {}", own.body);
    let elsewhere = ask(&server, "fraud-desk", &[("resource", ACCOUNTS)]).await;
    assert_eq!(elsewhere.error(), "invalid_target");
    // And a token for somewhere else opens nothing here.
    let foreign = server.machine_token("batch-job").await;
    let path = format!("/api/v1/customers/{JOHN}/sessions");
    assert_eq!(server.api("GET", &path, &foreign, None).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_06_locking_and_unlocking_are_never_in_one_hand() {
    let server = TestServer::start().await;
    let both = new_client("both-hands", ClientType::Confidential, "customers:lock customers:unlock");
    assert_eq!(check(both, server.app.clock.now()), Err(ClientRefusal::LockAndUnlock), "not at registration");
    for (client, scope) in [
        ("fraud-desk", "customers:lock customers:unlock"),
        ("branch-desk", "customers:unlock customers:lock"),
        ("fraud-desk", "customers:unlock"),
        ("ops-desk", "customers:lock"),
    ] {
        assert_eq!(ask(&server, client, &[("scope", scope)]).await.error(), "invalid_scope", "{client} {scope}");
    }
    let (lock, unlock) = (server.machine_token("fraud-desk").await, server.machine_token("branch-desk").await);
    let body = json!({ "reason": "x", "approved_by": "the-supervisor" });
    for (token, verb) in [(&lock, "unlock"), (&unlock, "lockdown")] {
        let seen = server.api("POST", &format!("/api/v1/customers/{JOHN}/{verb}"), token, Some(body.clone())).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{verb}: {}", seen.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_11_disabling_a_client_kills_its_tokens_at_once() {
    let server = TestServer::start().await;
    let token = server.machine_token("batch-job").await;
    let lock = server.machine_token("fraud-desk").await;
    assert!(server.is_active(&token).await);
    server.db_disable("batch-job").await;
    server.db_disable("fraud-desk").await;
    assert!(!server.is_active(&token).await);
    assert_eq!(ask(&server, "batch-job", &[]).await.error(), "invalid_client");
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    let seen = server.api("POST", &path, &lock, Some(json!({ "reason": "x" }))).await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "a disabled machine locks nobody");

    server.db_enable("batch-job").await;
    let again = server.machine_token("batch-job").await;
    assert!(server.is_active(&again).await);
    assert!(!server.is_active(&token).await, "what was dead stays dead");
    assert_eq!(server.db_number(STANDING, "batch-job").await, 2, "on a new row");
}

#[tokio::test(flavor = "multi_thread")]
async fn cli_11_tok_09_tokens_asked_for_while_the_client_is_disabled_are_dead_or_refused() {
    let server = TestServer::start().await;
    let (mut given, mut refused) = (0, 0);
    // How long the disabling waits: longer after a round that it won, shorter after one that it lost, so that the two
    // meet on any machine.
    let mut lead = std::time::Duration::from_millis(1);
    let mut round = 0;
    while round < 12 || (round < 60 && (given == 0 || refused == 0)) {
        let asking = together((0..24).map(|_| ask(&server, "batch-job", &[])));
        let disabling = async {
            tokio::time::sleep(lead).await;
            server.db_disable("batch-job").await;
        };
        let (answers, ()) = tokio::join!(asking, disabling);
        server.db_enable("batch-job").await;
        let before = given;
        for seen in answers {
            if seen.status == StatusCode::OK {
                assert!(!server.is_active(&Pair::of(&seen).access).await, "born before, alive after");
                given += 1;
            } else if seen.status != StatusCode::SERVICE_UNAVAILABLE {
                assert_eq!(seen.error(), "invalid_client", "{}: {}", seen.status, seen.body);
                refused += 1;
            }
        }
        lead = if given - before < 12 { (lead * 2).min(std::time::Duration::from_secs(2)) } else { lead * 2 / 3 };
        round += 1;
    }
    assert!(given > 0 && refused > 0, "both ends of the race were seen: {given} {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_back_all_of_a_clients_tokens_leaves_it_able_to_get_new_ones() {
    let server = TestServer::start().await;
    let token = server.machine_token("batch-job").await;
    rescind::service::lockdown::client(&server.app, &setup_actor(), &client_id("batch-job"), &why()).await;
    assert!(!server.is_active(&token).await);
    let again = server.machine_token("batch-job").await;
    assert!(server.is_active(&again).await && !server.is_active(&token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_row_is_left_before_its_tokens_would_outlive_it() {
    let server = TestServer::start().await;
    let first = server.machine_token("batch-job").await;
    server.wait(601);
    assert!(!server.is_active(&first).await, "ten minutes are over");
    // Nine minutes before the end of the day, a token of ten minutes needs a new row.
    server.wait(86_400 - 601 - 540);
    let last = server.machine_token("batch-job").await;
    assert_eq!(server.db_number(STANDING, "batch-job").await, 2);
    server.wait(570);
    assert!(server.is_active(&last).await, "it lives its whole life");
}

const FAST: &[(&str, &str)] = &[("checks", "fast"), ("lease", "30")];

#[tokio::test(flavor = "multi_thread")]
async fn where_the_session_is_near_a_token_needs_no_statement_and_only_there() {
    let server = TestServer::start_with(FAST).await;
    let first = server.machine_token("batch-job").await;
    for table in [("sessions", "elsewhere"), ("clients", "nowhere")] {
        let sql = Box::leak(format!("ALTER TABLE {} RENAME TO {}", table.0, table.1).into_boxed_str());
        server.db_run(sql, &[]).await;
    }
    let second = server.machine_token("batch-job").await;
    assert_ne!(first, second);
    assert!(ask(&server, "fraud-desk", &[]).await.status.is_server_error(), "of this one nothing is near");
    server.db_run("ALTER TABLE elsewhere RENAME TO sessions", &[]).await;
    server.db_run("ALTER TABLE nowhere RENAME TO clients", &[]).await;
    assert!(server.is_active(&first).await && server.is_active(&second).await);
    let auth = ("batch-job", server.secret("batch-job"));
    assert_eq!(server.post("/oauth/revoke", Some(auth), &[("token", &second)]).await.status, StatusCode::OK);
    let third = server.machine_token("batch-job").await;
    assert_eq!((server.is_active(&second).await, server.is_active(&third).await), (false, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_04_tokens_after_a_lockdown_of_the_client_are_good_and_those_before_it_dead() {
    for lock_all in [false, true] {
        let server = TestServer::start_with(FAST).await;
        let before = [server.machine_token("batch-job").await, server.machine_token("batch-job").await];
        if lock_all {
            server.db_lock_everyone().await;
        } else {
            server.db_lock_client("batch-job").await;
        }
        let after = [server.machine_token("batch-job").await, server.machine_token("batch-job").await];
        for token in &before {
            assert!(!server.is_active(token).await);
        }
        for token in &after {
            assert!(server.is_active(token).await);
        }
        assert_eq!(server.db_number(STANDING, "batch-job").await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_09_a_secret_that_was_ended_and_a_client_that_was_disabled_get_no_token_however_near_they_are() {
    for disables in [false, true] {
        let server = TestServer::start_with(FAST).await;
        for _ in 0..3 {
            server.machine_token("batch-job").await;
        }
        let wrong =
            server.post("/oauth/token", Some(("batch-job", "wrong")), &[("grant_type", "client_credentials")]).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        if disables {
            server.db_disable_client("batch-job").await;
        } else {
            server.db_rotate_secret("batch-job", true).await;
        }
        for _ in 0..2 {
            assert_eq!(ask(&server, "batch-job", &[]).await.status, StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_session_near_its_end_is_followed_by_another_in_time() {
    let server = TestServer::start_with(FAST).await;
    server.machine_token("batch-job").await;
    server.wait(86_400 - 300);
    let token = server.machine_token("batch-job").await;
    server.wait(400);
    assert!(server.is_active(&token).await, "it lives as long as it was promised");
    assert_eq!(server.db_number(STANDING, "batch-job").await, 2);
}
