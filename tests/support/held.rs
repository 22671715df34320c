//! A race held open: a connection of the test's own holds what requests need, until all have come as far as they can and
//! what is to happen in between has happened. PostgreSQL alone: with SQLite a transaction that writes has the file to
//! itself, and nothing happens in between.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::Mutex;

use super::TestServer;

/// Locks that are held until [`Held::release`].
pub struct Held {
    holder: Mutex<PgConnection>,
    /// Looks who waits: inside its transaction the holder would see the same again and again.
    watcher: Mutex<PgConnection>,
}

impl Held {
    /// Holds what a statement locks: rows by `SELECT ... FOR UPDATE`, or a table against every write by `LOCK TABLE ... IN
    /// SHARE MODE`.
    pub async fn take(server: &TestServer, lock: &str) -> Self {
        let connected = async || PgConnection::connect(&server.database.url).await.expect("the database answers");
        let (mut holder, watcher) = (connected().await, connected().await);
        holder.execute(AssertSqlSafe(format!("BEGIN; {lock}"))).await.unwrap_or_else(|error| panic!("{lock}: {error}"));
        Self { holder: Mutex::new(holder), watcher: Mutex::new(watcher) }
    }

    /// Waits until so many statements wait for a lock: this one, or one of each other's. False: they do not come, or those
    /// that came first had to give up before the last was there.
    #[must_use]
    pub async fn until_waited_for(&self, wanted: usize) -> bool {
        let sql =
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let wanted = i64::try_from(wanted).expect("a small number");
        let mut watcher = self.watcher.lock().await;
        for _ in 0..1_000 {
            let waiting: i64 = sqlx::query_scalar(sql).fetch_one(&mut *watcher).await.expect("a count");
            if waiting >= wanted {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        false
    }

    /// Lets them go on.
    pub async fn release(&self) {
        self.holder.lock().await.execute("ROLLBACK").await.expect("released");
    }
}

/// Requests that come as far as a lock, so many of them; what happens meanwhile; and they go on. `None`: they did not all
/// wait for it.
pub async fn meanwhile<T, U>(
    (server, lock): (&TestServer, &str),
    (waiting, requests): (usize, impl Future<Output = T>),
    between: impl Future<Output = U>,
) -> Option<(T, U)> {
    let held = Held::take(server, lock).await;
    let between = async {
        let are_held = held.until_waited_for(waiting).await;
        let done = between.await;
        held.release().await;
        are_held.then_some(done)
    };
    let (requests, done) = tokio::join!(requests, between);
    done.map(|done| (requests, done))
}

/// Two requests that wait behind a lock, in this order, and go on. `None`: they did not both wait for it.
pub async fn one_behind_the_other<T, U>(
    (server, lock): (&TestServer, &str),
    first: impl Future<Output = T>,
    second: impl Future<Output = U>,
) -> Option<(T, U)> {
    let held = Held::take(server, lock).await;
    let second = async {
        let first_waits = held.until_waited_for(1).await;
        (first_waits, second.await)
    };
    let release = async {
        let both_wait = held.until_waited_for(2).await;
        held.release().await;
        both_wait
    };
    let (first, (first_waits, second), both_wait) = tokio::join!(first, second, release);
    (first_waits && both_wait).then_some((first, second))
}
