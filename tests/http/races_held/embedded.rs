//! The same where one file is the database: its one writer is held.

use std::time::Duration;

use reqwest::StatusCode;
use sqlx::{Connection, Executor, SqliteConnection};
use tokio::time::sleep;

use super::{AT_ONCE, MOBILE, play, refused};
use crate::support::TestServer;
use crate::support::database::is_postgres;
use crate::support::direct::together;
use crate::support::flow::Pair;

/// Connections that were lent for reading.
const READS: &str = "rescind_database_wait_seconds_count{lane=\"read\"}";

/// Requests on an embedded database whose file somebody else writes to, until so many reads were begun: what they read was
/// before any of them wrote.
async fn behind_a_writer<T>(server: &TestServer, reads: usize, requests: impl Future<Output = T>) -> T {
    let mut writer = SqliteConnection::connect(&server.database.url).await.unwrap();
    writer.execute("BEGIN IMMEDIATE").await.unwrap();
    let wanted = server.measures().await.get(READS) + f64::from(u32::try_from(reads).unwrap());
    let release = async {
        while server.measures().await.get(READS) < wanted {
            sleep(Duration::from_millis(2)).await;
        }
        writer.execute("ROLLBACK").await.unwrap();
    };
    tokio::join!(requests, release).0
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_03_ref_05_held_behind_another_writer_of_the_file_one_redemption_succeeds_and_refreshes_give_one_pair() {
    if is_postgres() {
        return;
    }
    let server = &TestServer::start().await;
    let seen = play(async || {
        let code = server.code(MOBILE).await;
        // Each reads its client, and then the code.
        let all = together((0..AT_ONCE).map(|_| server.redeem(MOBILE, &code)));
        Some(behind_a_writer(server, 2 * AT_ONCE, all).await)
    });
    let seen = seen.await;
    assert_eq!(seen.iter().filter(|seen| seen.status == StatusCode::OK).count(), 1);
    seen.iter().filter(|seen| seen.status != StatusCode::OK).for_each(refused);

    let seen = play(async || {
        let pair = server.pair(MOBILE).await;
        let all = together((0..AT_ONCE).map(|_| server.refresh(MOBILE, &pair.refresh, &[])));
        Some(behind_a_writer(server, AT_ONCE, all).await)
    });
    let seen = seen.await;
    let pair = Pair::of(&seen[0]);
    assert!(seen.iter().all(|seen| Pair::of(seen) == pair), "two branches");
    assert!(server.is_active(&pair.access).await);
}
