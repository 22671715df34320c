//! Hints that the feed grew, or that a node has acknowledged: notifications on PostgreSQL, the file's version on SQLite. Only ever a hint: it may be lost,
//! and no promise rests on it (a lease does). Knows two engines, like `engine`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool};
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::time::{sleep, timeout};

use super::deadline::in_time;
use super::engine::Pools;
use super::{Db, StoreError};

/// How often an embedded database's version is looked at.
pub const POLL: Duration = Duration::from_millis(10);

/// Sends a notification after a commit. Not inside the transaction: a full queue would fail the COMMIT itself, and the
/// revocation with it.
#[derive(Clone, Debug)]
pub(super) struct Hint {
    pulse: PgPool,
    is_due: Arc<AtomicBool>,
}

/// Where nodes hear that the feed grew.
const GROWN: &str = "rescind_feed";
/// Where those who wait for nodes hear that one has acknowledged.
const ACKNOWLEDGED: &str = "rescind_acknowledged";

impl Hint {
    pub(super) fn new(pulse: &PgPool) -> Self {
        Self { pulse: pulse.clone(), is_due: Arc::default() }
    }

    /// Takes a feed number in a transaction of its own.
    pub(super) async fn take_number(&self) -> Result<i64, StoreError> {
        let sql = "UPDATE feed_state SET counter = counter + 1 WHERE one = 1 RETURNING counter";
        in_time(sqlx::query_scalar(sql).fetch_one(&self.pulse)).await
    }

    /// Of many commits at once, those that come before one notification is sent share it.
    pub(super) fn send(self) {
        if self.is_due.swap(true, Ordering::SeqCst) {
            return;
        }
        tokio::spawn(async move {
            let notify = async {
                let mut conn = self.pulse.acquire().await?;
                self.is_due.store(false, Ordering::SeqCst);
                sqlx::query("NOTIFY rescind_feed").execute(&mut *conn).await
            };
            if let Err(error) = in_time(notify).await {
                self.is_due.store(false, Ordering::SeqCst);
                tracing::debug!(%error, "a hint was not sent");
            }
        });
    }
}

/// What a listener heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing, in the time it had.
    Nothing,
    /// The feed may have grown.
    Grown,
    /// A node has acknowledged.
    Acknowledged,
}

/// Waits for hints, on a connection of its own that never writes.
#[derive(Debug)]
pub enum Listener {
    /// Listens.
    Postgres(Box<PgListener>),
    /// Looks at the version of the file.
    Sqlite {
        /// A connection that never writes: its own commits would not count.
        conn: Box<SqliteConnection>,
        /// The version last seen.
        version: i64,
    },
}

impl Listener {
    /// Begins to listen.
    pub async fn open(db: &Db) -> Result<Self, StoreError> {
        match &db.pools {
            Pools::Postgres { pulse, .. } => {
                // A pool of its own: a listener whose connection hangs gives no place back.
                let own = pulse.options().clone().max_connections(1);
                let own = in_time(own.connect_with(pulse.connect_options().as_ref().clone())).await?;
                let mut listener = in_time(PgListener::connect_with(&own)).await?;
                in_time(listener.listen_all([GROWN, ACKNOWLEDGED])).await?;
                Ok(Self::Postgres(Box::new(listener)))
            }
            Pools::Sqlite { reader, .. } => {
                let options = reader.connect_options().as_ref().clone();
                let conn = Box::new(in_time(options.connect()).await?);
                let mut listener = Self::Sqlite { conn, version: 0 };
                listener.moved().await?;
                Ok(listener)
            }
        }
    }

    /// Waits for a hint, or for so long.
    pub async fn wait(&mut self, patience: Duration) -> Result<Heard, StoreError> {
        match self {
            Self::Postgres(listener) => match timeout(patience, listener.recv()).await {
                Ok(heard) => in_time(async { heard }).await.map(|hint| match hint.channel() {
                    ACKNOWLEDGED => Heard::Acknowledged,
                    _ => Heard::Grown,
                }),
                Err(_) => Ok(Heard::Nothing),
            },
            Self::Sqlite { .. } => {
                sleep(patience.min(POLL)).await;
                Ok(if self.moved().await? { Heard::Grown } else { Heard::Nothing })
            }
        }
    }

    /// Whether another connection has committed since the last look. On PostgreSQL nobody knows without waiting.
    pub async fn moved(&mut self) -> Result<bool, StoreError> {
        match self {
            Self::Postgres(_) => Ok(false),
            Self::Sqlite { conn, version } => {
                let query = sqlx::query_scalar::<_, i64>("PRAGMA data_version");
                let found = in_time(query.fetch_one(conn.as_mut())).await?;
                Ok(std::mem::replace(version, found) != found)
            }
        }
    }
}
