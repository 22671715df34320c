//! The receipt of a revocation: what it says, and that repeating is safe.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use rescind::model::client::ClientType;
use rescind::model::staff::Role;
use serde_json::{Value, json};

use crate::support::browser::Seen;
use crate::support::{JOHN, TestServer, db_staff, new_client};

const MOBILE: &str = "naybitono-mobile";

fn path(customer: &str) -> String {
    format!("/api/v1/customers/{customer}/lockdown")
}

async fn lock(server: &TestServer, bearer: &str, customer: &str, reason: &str, key: Option<&str>) -> Seen {
    let headers: Vec<(&str, &str)> = key.map(|key| ("Idempotency-Key", key)).into_iter().collect();
    server.api_with("POST", &path(customer), bearer, Some(json!({ "reason": reason })), &headers).await
}

fn incident(seen: &Seen) -> String {
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    assert_eq!((&seen.json()["status"], &seen.json()["committed"]), (&json!("confirmed"), &json!(true)));
    seen.json()["incident_id"].as_str().expect("an incident").to_owned()
}

async fn with_second_desk() -> (TestServer, String, String) {
    let mut server = TestServer::start().await;
    server.db_client(new_client("night-desk", ClientType::Confidential, "customers:lock")).await;
    let (one, two) = (server.machine_token("fraud-desk").await, server.machine_token("night-desk").await);
    (server, one, two)
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_a_confirmed_receipt_says_what_was_ended() {
    let server = TestServer::start().await;
    let (one, two) = (server.pair(MOBILE).await, server.pair("naybitono-web").await);
    let seen = server.lock(JOHN).await;
    let told = seen.json();
    let names: BTreeSet<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = "committed confirmed_in_ms devices durable incident_id nodes sessions_ended status";
    assert_eq!(names, wanted.split(' ').collect());
    assert_eq!((&told["sessions_ended"], &told["devices"], &told["nodes"]), (&json!(2), &json!(2), &json!(1)));
    assert_eq!(told["durable"], "local");
    assert!(told["confirmed_in_ms"].is_u64());
    assert!(incident(&seen).starts_with("INC_"));
    assert!(!server.is_active(&one.access).await && !server.is_active(&two.access).await);
    assert_eq!(seen.header("content-type"), "application/json");
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_what_cannot_be_stored_is_unconfirmed_and_never_confirmed() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    let bearer = server.machine_token("fraud-desk").await;
    server.db_refuse_audit().await;
    let seen = lock(&server, &bearer, JOHN, "stolen", Some("k1")).await;
    assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(seen.header("content-type"), "application/json");
    assert!(seen.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "it says when to repeat");
    let told = seen.json();
    let names: BTreeSet<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["committed", "incident_id", "status"]));
    assert_eq!((&told["status"], &told["committed"]), (&json!("unconfirmed"), &json!("unknown")));
    assert!(told["incident_id"].as_str().unwrap().starts_with("INC_"));
    assert!(server.is_active(&pair.access).await, "nothing was stored");

    server.db_accept_audit().await;
    incident(&lock(&server, &bearer, JOHN, "stolen", Some("k1")).await);
    assert!(!server.is_active(&pair.access).await, "repeated, it is done");
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_03_a_key_repeats_the_incident_and_its_proof() {
    let (server, one, two) = with_second_desk().await;
    let pair = server.pair(MOBILE).await;
    let first = lock(&server, &one, JOHN, "stolen", Some("key-1")).await;
    let number = incident(&first);
    for _ in 0..2 {
        let again = lock(&server, &one, JOHN, "stolen", Some("key-1")).await;
        assert_eq!(incident(&again), number);
        assert_eq!(again.json()["sessions_ended"], first.json()["sessions_ended"]);
    }
    for (customer, reason) in [(JOHN, "another reason"), ("CUST_2", "stolen")] {
        let seen = lock(&server, &one, customer, reason, Some("key-1")).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{customer} {reason}: {}", seen.body);
        assert_eq!(seen.header("content-type"), "application/problem+json");
    }
    let with_note = json!({ "reason": "stolen", "note": "more" });
    let seen = server.api_with("POST", &path(JOHN), &one, Some(with_note), &[("Idempotency-Key", "key-1")]).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(level(&server, "CUST_2").await, "none", "a refused key locks nobody");

    let theirs = lock(&server, &two, "CUST_2", "another desk", Some("key-1")).await;
    assert_ne!(incident(&theirs), number, "a key belongs to its caller");
    assert!(!server.is_active(&pair.access).await);

    server.unlock(JOHN).await;
    let again = lock(&server, &one, JOHN, "stolen", Some("key-1")).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "what was undone is not confirmed: {}", again.body);
    assert_eq!(level(&server, JOHN).await, "none", "an old key never locks anew");
    assert_ne!(incident(&lock(&server, &one, JOHN, "stolen", Some("key-2")).await), number);
}

async fn level(server: &TestServer, customer: &str) -> String {
    let ops = server.machine_token("ops-desk").await;
    let seen = server.api("GET", &format!("/api/v1/customers/{customer}"), &ops, None).await;
    seen.json()["level"].as_str().expect("a level").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_03_a_key_works_for_sessions_and_devices_and_not_across_them() {
    let server = TestServer::start().await;
    let ops = server.machine_token("ops-desk").await;
    let told = server.introspect("accounts-api", &server.pair(MOBILE).await.access).await.json();
    let of = |kind: &str, name: &str| format!("/api/v1/{kind}/{}", told[name].as_str().unwrap());
    let (session, device) = (of("sessions", "sid"), of("devices", "device_id"));
    let key = [("Idempotency-Key", "k")];
    let number = incident(&server.api_with("DELETE", &session, &ops, None, &key).await);
    assert_eq!(incident(&server.api_with("DELETE", &session, &ops, None, &key).await), number);
    let seen = server.api_with("DELETE", &device, &ops, None, &key).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    let count = server.db_count("SELECT COUNT(*) FROM incidents").await;
    assert_eq!(count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_03_a_malformed_key_is_refused_and_changes_nothing() {
    let server = TestServer::start().await;
    let bearer = server.machine_token("fraud-desk").await;
    let long = "k".repeat(129);
    for key in ["", "two words", &long] {
        let seen = lock(&server, &bearer, JOHN, "stolen", Some(key)).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{key:?}");
    }
    let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    let seen = server.api_with("POST", &path(JOHN), &bearer, Some(json!({ "reason": "x" })), &twice).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert_eq!(level(&server, JOHN).await, "none");
    incident(&lock(&server, &bearer, JOHN, "stolen", Some(&"k".repeat(128))).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_03_two_at_once_are_one_incident_and_two_audit_rows() {
    let (server, one, two) = with_second_desk().await;
    for round in 0..5 {
        let (a, b) = tokio::join!(
            lock(&server, &one, JOHN, "seen by one", None),
            lock(&server, &two, JOHN, "seen by two", None)
        );
        assert_eq!(incident(&a), incident(&b));
        let rows = server.audit("lockdown").await;
        let of_this: Vec<&Value> =
            rows.iter().filter(|row| row["reason"].as_str().unwrap().starts_with(&incident(&a))).collect();
        let actors: BTreeSet<&str> = of_this.iter().map(|row| row["actor_id"].as_str().unwrap()).collect();
        assert_eq!((of_this.len(), actors), (2, BTreeSet::from(["fraud-desk", "night-desk"])), "round {round}");
        server.unlock(JOHN).await;
    }
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_03_the_same_request_many_times_at_once_is_one_incident() {
    let server = TestServer::start().await;
    let ops = server.machine_token("ops-desk").await;
    for kind in ["sessions", "devices"] {
        let told = server.introspect("accounts-api", &server.pair(MOBILE).await.access).await.json();
        let name = if kind == "sessions" { "sid" } else { "device_id" };
        let path = format!("/api/v1/{kind}/{}", told[name].as_str().unwrap());
        let all = (0..8).map(|_| server.api("DELETE", &path, &ops, None));
        let answers = rocket::futures::future::join_all(all).await;
        let numbers: BTreeSet<String> = answers.iter().map(incident).collect();
        assert_eq!(numbers.len(), 1, "{kind}");
    }
    let bearer = server.machine_token("fraud-desk").await;
    let reasons = ["a", "b"];
    for round in 0..5 {
        let key = format!("key-{round}");
        let all = (0..8).map(|n| lock(&server, &bearer, JOHN, reasons[n % 2], Some(&key)));
        let answers = rocket::futures::future::join_all(all).await;
        let (good, refused): (Vec<Seen>, Vec<Seen>) = answers.into_iter().partition(|a| a.status == StatusCode::OK);
        assert_eq!(good.len(), 4, "one body has the key");
        assert!(refused.iter().all(|seen| seen.status == StatusCode::UNPROCESSABLE_ENTITY));
        assert_eq!(good.iter().map(incident).collect::<BTreeSet<_>>().len(), 1);
        server.unlock(JOHN).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_06_a_machine_unlocks_with_its_own_scope_and_an_approver_who_may() {
    let server = TestServer::start().await;
    db_staff(&server.app, "gone", Role::Supervisor).await;
    let gone = "UPDATE staff SET disabled_at = created_at WHERE username = 'gone'";
    server.db_run(gone, &[]).await;
    let number = incident(&server.lock(JOHN).await);
    let path = format!("/api/v1/customers/{JOHN}/unlock");
    let branch = server.machine_token("branch-desk").await;
    let body = |by: &str| Some(json!({ "reason": "identity checked", "approved_by": by }));

    for by in ["the-agent", "the-admin", "the-auditor", "gone", "nobody", JOHN, "branch-desk", "", "no such/one"] {
        let seen = server.api("POST", &path, &branch, body(by)).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{by}: {}", seen.body);
    }
    for wrong in [
        json!({ "reason": "x" }),
        json!({ "approved_by": "the-supervisor" }),
        json!({ "reason": "", "approved_by": "the-supervisor" }),
    ] {
        assert_eq!(server.api("POST", &path, &branch, Some(wrong)).await.status, StatusCode::BAD_REQUEST);
    }
    for desk in ["fraud-desk", "ops-desk"] {
        let bearer = server.machine_token(desk).await;
        assert_eq!(server.api("POST", &path, &bearer, body("the-supervisor")).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(level(&server, JOHN).await, "full", "still locked after all of these");

    let done = server.api("POST", &path, &branch, body("the-branch")).await;
    assert_eq!((done.status, done.json()), (StatusCode::OK, json!({ "incident_id": number, "status": "unlocked" })));
    assert_eq!(level(&server, JOHN).await, "none");
    let again = server.api("POST", &path, &branch, body("the-supervisor")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let rows = server.audit("unlock").await;
    assert_eq!(rows.len(), 1);
    assert!(rows[0]["reason"].as_str().unwrap().contains("approved by the-branch"));
    let none = server.api("POST", "/api/v1/customers/CUST_NONE/unlock", &branch, body("the-supervisor")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_03_a_key_repeats_an_unlock_too() {
    let server = TestServer::start().await;
    server.lock(JOHN).await;
    let desk = server.machine_token("branch-desk").await;
    let unlock = async |reason: &str, key: &str| {
        let body = json!({ "reason": reason, "approved_by": "the-supervisor" });
        let path = format!("/api/v1/customers/{JOHN}/unlock");
        server.api_with("POST", &path, &desk, Some(body), &[("Idempotency-Key", key)]).await
    };
    let first = unlock("identity checked", "key-1").await;
    assert_eq!((first.status, &first.json()["status"]), (StatusCode::OK, &json!("unlocked")), "{}", first.body);
    assert_eq!(unlock("identity checked", "key-1").await.body, first.body, "an answer that was lost comes again");
    assert_eq!(unlock("another reason", "key-1").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(unlock("identity checked", "key-2").await.status, StatusCode::CONFLICT, "nobody is locked any more");
    server.lock(JOHN).await;
    assert_eq!(unlock("identity checked", "key-1").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(level(&server, JOHN).await, "full", "an old key lifts no new lockdown");
}
