//! A race held open: a connection of the test's own holds rows that a request needs, until the test has done what is to
//! happen in between. PostgreSQL alone: with SQLite one writer is all there is, and nothing happens in between.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::TestServer;

/// Locks that are held until [`Held::release`].
pub struct Held(PgConnection);

impl Held {
    /// Holds what a statement locks, such as `SELECT ... FOR UPDATE`.
    pub async fn take(server: &TestServer, sql: &str) -> Self {
        let mut conn = PgConnection::connect(&server.database.url).await.expect("the database answers");
        conn.execute(AssertSqlSafe(format!("BEGIN; {sql}"))).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        Self(conn)
    }

    /// Waits until so many statements wait for a lock: they have come as far as they can.
    pub async fn until_waited_for(&mut self, wanted: i64) {
        let sql =
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        for _ in 0..2_000 {
            let waiting: i64 = sqlx::query_scalar(sql).fetch_one(&mut self.0).await.expect("a count");
            if waiting >= wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("nobody waits for the lock: the race is not held open");
    }

    /// Lets them go on.
    pub async fn release(mut self) {
        self.0.execute("ROLLBACK").await.expect("released");
    }
}
