//! Somebody else holds a lock: writes say so in time, checks go on, and afterwards all is well.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use tokio::time::timeout;

use crate::support::database::is_postgres;
use crate::support::flow::Pair;
use crate::support::{JOHN, TestServer};

const PATIENCE: Duration = Duration::from_secs(9);

/// What holds the lock until it is dropped.
enum Holder {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Holder {
    /// Another program locks what every revocation and refresh of John must write.
    async fn take(url: &str) -> Self {
        if is_postgres() {
            let mut conn = PgConnection::connect(url).await.unwrap();
            let sql = "BEGIN; SELECT epoch FROM epochs FOR UPDATE; SELECT generation FROM sessions FOR UPDATE";
            conn.execute(sql).await.unwrap();
            Self::Postgres(conn)
        } else {
            let mut conn = SqliteConnection::connect(url).await.unwrap();
            conn.execute("BEGIN IMMEDIATE").await.unwrap();
            Self::Sqlite(conn)
        }
    }

    async fn release(self) {
        match self {
            Self::Postgres(mut conn) => drop(conn.execute("ROLLBACK").await.unwrap()),
            Self::Sqlite(mut conn) => drop(conn.execute("ROLLBACK").await.unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_08_http_18_a_held_lock_is_503_for_writers_while_checks_go_on() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let desk = server.machine_token("fraud-desk").await;
    let holder = Holder::take(&server.database.url).await;
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    let body = json!({ "reason": "phone stolen" });
    let (locked, refreshed, checked) = tokio::join!(
        timeout(PATIENCE, server.api("POST", &path, &desk, Some(body))),
        timeout(PATIENCE, server.refresh("naybitono-mobile", &pair.refresh, &[])),
        timeout(PATIENCE, server.is_active(&pair.access)),
    );
    let (locked, refreshed) = (locked.expect("no hang"), refreshed.expect("no hang"));
    assert!(checked.expect("no hang"), "checks only read");
    assert_eq!(locked.status, StatusCode::SERVICE_UNAVAILABLE, "{}", locked.body);
    assert_eq!((&locked.json()["status"], &locked.json()["committed"]), (&json!("unconfirmed"), &json!("unknown")));
    assert_eq!(
        (refreshed.status, refreshed.error().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
    );

    holder.release().await;
    let pair = Pair::of(&server.refresh("naybitono-mobile", &pair.refresh, &[]).await);
    assert_eq!(server.lock(JOHN).await.json()["status"], json!("confirmed"));
    assert!(!server.is_active(&pair.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_18_waiters_on_a_lock_exhaust_the_pool_for_a_moment_only() {
    if !is_postgres() {
        return;
    }
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let holder = Holder::take(&server.database.url).await;
    let server = std::sync::Arc::new(server);
    let waiters: Vec<_> = (0..60)
        .map(|_| {
            let (server, token) = (server.clone(), pair.refresh.clone());
            tokio::spawn(async move { timeout(PATIENCE, server.refresh("naybitono-mobile", &token, &[])).await })
        })
        .collect();
    for waiter in waiters {
        let seen = waiter.await.unwrap().expect("no hang");
        assert_eq!((seen.status, seen.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"), "{}", seen.body);
    }
    holder.release().await;
    assert!(server.is_active(&pair.access).await);
    let next = Pair::of(&server.refresh("naybitono-mobile", &pair.refresh, &[]).await);
    assert!(server.is_active(&next.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_beside_a_locked_embedded_database_fails_in_one_line() {
    if is_postgres() {
        return;
    }
    let folder = crate::support::program::Folder::new();
    let bank = folder.enter_bank("CUST_1");
    let holder = Holder::take(&folder.database_url()).await;
    let ran = folder.run(&["lockdown", &bank.customer, "--reason", "phone stolen"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    holder.release().await;
    assert!(folder.run(&["lockdown", &bank.customer, "--reason", "phone stolen"]).out.contains("CONFIRMED"));
}
