//! ERR-03, AUD-02: each table is broken in turn. No answer becomes a guess: it is right, or 503.

use reqwest::StatusCode;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use crate::support::browser::{Browser, Seen};
use crate::support::database::is_postgres;
use crate::support::flow::{Pair, authorize_path};
use crate::support::{JOHN, PASSWORD, TestServer};

const TABLES: [&str; 19] = [
    "facts",
    "epochs",
    "subjects",
    "customers",
    "contact_changes",
    "staff",
    "clients",
    "client_secrets",
    "devices",
    "browser_sessions",
    "logins",
    "consents",
    "codes",
    "sessions",
    "revoked_tokens",
    "incidents",
    "idempotency_keys",
    "throttles",
    "audit",
];

async fn db_rename(server: &TestServer, from: &str, to: &str) {
    let sql = AssertSqlSafe(format!("ALTER TABLE {from} RENAME TO {to}"));
    if is_postgres() {
        PgConnection::connect(&server.database.url).await.unwrap().execute(sql).await.unwrap();
    } else {
        let mut conn = SqliteConnection::connect(&server.database.url).await.unwrap();
        conn.execute(sql).await.unwrap();
        conn.close().await.unwrap();
    }
}

/// 503 as it should be, or not 503 at all.
fn is_unsure(what: &str, seen: &Seen) -> bool {
    let unsure = seen.status == StatusCode::SERVICE_UNAVAILABLE;
    assert!(!unsure || seen.header("retry-after") == "1", "{what} without Retry-After: {}", seen.body);
    assert!(unsure || seen.status.as_u16() < 500, "{what}: {} {}", seen.status, seen.body);
    unsure
}

#[tokio::test(flavor = "multi_thread")]
async fn err_03_with_any_table_broken_every_answer_is_right_or_503() {
    let server = TestServer::start_with(&[("checks", "plain")]).await;
    let mut pair = server.pair("naybitono-mobile").await;
    let mut unsure = Vec::new();
    for table in TABLES {
        let mut browser = Browser::new(&server);
        browser.get(&authorize_path("naybitono-mobile", &[])).await;
        let page = browser.get("/login").await;
        db_rename(&server, table, "away").await;

        let checked = server.introspect("accounts-api", &pair.access).await;
        if is_unsure("introspect", &checked) {
            unsure.push((table, "introspect"));
        } else {
            assert_eq!(checked.json()["active"], json!(true), "{table}: a valid token is reported dead");
        }
        let refreshed = server.refresh("naybitono-mobile", &pair.refresh, &[]).await;
        if is_unsure("refresh", &refreshed) {
            unsure.push((table, "refresh"));
        } else {
            pair = Pair::of(&refreshed);
        }
        let signed_in = browser.type_password(&page, JOHN, PASSWORD).await;
        if is_unsure("sign-in", &signed_in) {
            unsure.push((table, "sign-in"));
        } else {
            assert!(signed_in.answer("code").is_some(), "{table}: {} {}", signed_in.status, signed_in.body);
        }
        db_rename(&server, "away", table).await;
        assert!(server.is_active(&pair.access).await, "{table}: a token died of it");
    }
    for (table, what) in [
        ("epochs", "introspect"),
        ("sessions", "introspect"),
        ("revoked_tokens", "introspect"),
        ("client_secrets", "introspect"),
        ("audit", "refresh"),
        ("throttles", "sign-in"),
        ("audit", "sign-in"),
        ("logins", "sign-in"),
    ] {
        assert!(unsure.contains(&(table, what)), "{what} did not read {table}: {unsure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_02_without_audit_nothing_is_changed() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let desk = server.machine_token("fraud-desk").await;
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    for table in ["audit", "incidents"] {
        db_rename(&server, table, "away").await;
        let locked = server.api("POST", &path, &desk, Some(json!({ "reason": "phone stolen" }))).await;
        assert_eq!(locked.status, StatusCode::SERVICE_UNAVAILABLE, "{table}: {}", locked.body);
        assert_eq!(locked.json()["status"], json!("unconfirmed"), "{table}");
        let form = [("token", pair.refresh.as_str()), ("client_id", "naybitono-mobile")];
        if table == "audit" {
            assert_eq!(server.post("/oauth/revoke", None, &form).await.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(server.refresh("naybitono-mobile", &pair.refresh, &[]).await.status, 503);
        }
        db_rename(&server, "away", table).await;
        assert!(server.is_active(&pair.access).await, "{table}: half a lockdown");
    }
    assert!(server.code("naybitono-mobile").await.len() > 20, "nobody is locked");
    Pair::of(&server.refresh("naybitono-mobile", &pair.refresh, &[]).await);
}
