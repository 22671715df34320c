//! Two SQL engines, known only here and in the files that `opening`, `rows`, `hints`, `waits` and `migrations` are. A query is one text with `$1`
//! parameters that runs on both; rows and parameters are told apart here and nowhere else. Every statement has a
//! deadline: what hangs is an error.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use sqlx::{Postgres, Sqlite, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::deadline::{commit_in_time, in_time, place_in_time};
use super::hints::Hint;
use super::opening::Fresh;
pub use super::params::Param;
pub use super::rows::{Column, FromRow, Row};
use super::rows::{rows_lite, rows_pg, run_lite, run_pg};
use super::together::Desk;
use super::waits::Waits;
use super::{StoreError, feed, opening};
use crate::model::feed::{Item, Mark};
use crate::model::incident::Durability;
use crate::seeded::{Bug, has};

/// The database, and the queue that ordinary transactions stand in, so that taking something back need not.
#[derive(Clone, Debug)]
pub struct Db {
    pub(super) pools: Pools,
    pub(super) waits: Arc<Waits>,
    ordinary: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    hint: Option<Hint>,
    pub(super) desk: Arc<Desk>,
}

/// A pool per engine. SQLite has one writer, so that a transaction never meets another.
#[derive(Clone, Debug)]
pub(super) enum Pools {
    /// Several serving nodes on one primary.
    Postgres {
        /// For everything.
        pool: PgPool,
        /// Connections that floods of sign-ins and checks never take: for revocations.
        lane: PgPool,
        /// Connections that no flood takes: for leases and confirmations.
        pulse: PgPool,
        /// Which connections may still be used.
        fresh: Fresh,
    },
    /// One file, one serving process.
    Sqlite {
        /// One connection.
        writer: SqlitePool,
        /// Several connections that only read.
        reader: SqlitePool,
        /// Two that no flood of checks takes: for the feed.
        pulse: SqlitePool,
    },
}

/// Ordinary transactions at once. With PostgreSQL half of the connections are left to checks and to taking back. With
/// SQLite they come to the one writer one by one: taking back waits for one of them at most, however many there are.
const ORDINARY: (usize, usize) = (8, 1);

/// Ordinary readers at once. With PostgreSQL, where they share the pool with ordinary transactions, two connections are left
/// to checks and to whoever takes something back, with SQLite as well; and more whenever it is quiet.
const READERS: usize = 6;

/// A connection that reads, or a transaction that writes.
#[derive(Debug)]
pub struct Conn {
    line: Line,
    /// What the transaction takes back or narrows.
    told: Vec<Item>,
    /// Where a commit that told something is hinted at.
    hint: Option<Hint>,
    /// Its place among ordinary transactions or readers.
    _place: Option<OwnedSemaphorePermit>,
    /// A statement failed. PostgreSQL answers COMMIT of such a transaction with a rollback that looks like success.
    failed: bool,
}

#[derive(Debug)]
enum Line {
    PgRead(PoolConnection<Postgres>),
    /// READ COMMITTED.
    PgWrite(Transaction<'static, Postgres>),
    LiteRead(PoolConnection<Sqlite>),
    /// BEGIN IMMEDIATE.
    LiteWrite(Transaction<'static, Sqlite>),
}

impl Db {
    /// Opens `postgres://...` or `sqlite:PATH` (made if missing, with its folder). Connects once, to fail early.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let fresh = Fresh::default();
            let [pool, lane, pulse] = opening::postgres(url, &fresh).await?;
            Ok(Self::new(Pools::Postgres { pool, lane, pulse, fresh }, ORDINARY.0))
        } else if url.starts_with("sqlite:") {
            let [writer, reader, pulse] = opening::sqlite(url).await?;
            Ok(Self::new(Pools::Sqlite { writer, reader, pulse }, ORDINARY.1))
        } else {
            Err(StoreError::Refused("a database is `postgres://...` or `sqlite:PATH`".to_owned()))
        }
    }

    fn new(pools: Pools, ordinary: usize) -> Self {
        let hint = match &pools {
            Pools::Postgres { pulse, .. } => Some(Hint::new(pulse)),
            Pools::Sqlite { .. } => None,
        };
        let (ordinary, readers) = (Arc::new(Semaphore::new(ordinary)), Arc::new(Semaphore::new(READERS)));
        Self { pools, waits: Arc::default(), ordinary, readers, hint, desk: Arc::default() }
    }

    /// Whether this is the embedded engine.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self.pools, Pools::Sqlite { .. })
    }

    pub(super) async fn lend_reader(&self) -> Result<Conn, StoreError> {
        let place = place_in_time(Arc::clone(&self.readers).acquire_owned()).await?;
        Ok(Conn { _place: Some(place), ..self.lend_reader_ahead().await? })
    }

    pub(super) async fn lend_reader_ahead(&self) -> Result<Conn, StoreError> {
        let line = match &self.pools {
            Pools::Postgres { pool, .. } => in_time(Box::pin(pool.acquire())).await.map(Line::PgRead),
            Pools::Sqlite { reader, .. } => in_time(Box::pin(reader.acquire())).await.map(Line::LiteRead),
        };
        line.map(|line| Conn::new(line, None, None))
    }

    pub(super) async fn lend_pulse(&self) -> Result<Conn, StoreError> {
        let line = match &self.pools {
            Pools::Postgres { pulse, .. } => in_time(Box::pin(pulse.acquire())).await.map(Line::PgRead),
            Pools::Sqlite { pulse, .. } => in_time(Box::pin(pulse.acquire())).await.map(Line::LiteRead),
        };
        line.map(|line| Conn::new(line, None, None))
    }

    pub(super) async fn lend_pulse_writer(&self) -> Result<Conn, StoreError> {
        let line = match &self.pools {
            Pools::Postgres { pulse, .. } => in_time(Box::pin(pulse.begin())).await.map(Line::PgWrite)?,
            Pools::Sqlite { writer, .. } => begin_lite(writer).await?,
        };
        Ok(Conn::new(line, None, self.hint.clone()))
    }

    /// Uses no connection again that was opened before now: it may lead to a server that is not the primary any more, and
    /// does not know.
    pub fn forget_connections(&self) {
        if let Pools::Postgres { fresh, .. } = &self.pools {
            fresh.only();
        }
    }

    pub(super) async fn lend_writer(&self) -> Result<Conn, StoreError> {
        let place = place_in_time(Arc::clone(&self.ordinary).acquire_owned()).await?;
        let line = match &self.pools {
            Pools::Postgres { pool, .. } => in_time(Box::pin(pool.begin())).await.map(Line::PgWrite)?,
            Pools::Sqlite { writer, .. } => begin_lite(writer).await?,
        };
        Ok(Conn::new(line, Some(place), self.hint.clone()))
    }

    pub(super) async fn lend_writer_first(&self) -> Result<Conn, StoreError> {
        let line = match &self.pools {
            Pools::Postgres { lane, .. } => in_time(Box::pin(lane.begin())).await.map(Line::PgWrite)?,
            Pools::Sqlite { writer, .. } => begin_lite(writer).await?,
        };
        Ok(Conn::new(line, None, self.hint.clone()))
    }

    /// Where an acknowledged commit is safe right now.
    pub async fn durability(&self) -> Result<Durability, StoreError> {
        let Pools::Postgres { .. } = self.pools else { return Ok(Durability::Local) };
        let standbys: Option<String> =
            self.read_first().await?.value("SELECT current_setting('synchronous_standby_names')", &[]).await?;
        let named = standbys.is_some_and(|names| !names.trim().is_empty());
        Ok(if named { Durability::Standby } else { Durability::Local })
    }

    /// Refuses a PostgreSQL server that could lose what it confirmed, or that is a replica. Says which setting.
    pub async fn check_settings(&self) -> Result<Result<(), String>, StoreError> {
        let Pools::Postgres { .. } = self.pools else { return Ok(Ok(())) };
        let mut conn = self.read().await?;
        for (name, wanted) in
            [("fsync", "on"), ("full_page_writes", "on"), ("data_sync_retry", "off"), ("transaction_read_only", "off")]
        {
            let found: Option<String> = conn.value("SELECT current_setting($1)", &[&name.to_owned()]).await?;
            if found.as_deref() != Some(wanted) {
                return Ok(Err(format!("PostgreSQL must run with {name} = {wanted}")));
            }
        }
        Ok(Ok(()))
    }

    /// Whether the database answers at all.
    pub async fn ping(&self) -> Result<(), StoreError> {
        // Ahead: a crowded node is a ready one.
        self.read_ahead().await?.value::<i64>("SELECT CAST(1 AS BIGINT)", &[]).await.map(|_| ())
    }

    /// Closes all connections after the statements under way.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Postgres { pool, lane, pulse, .. } => {
                pulse.close().await;
                lane.close().await;
                pool.close().await;
            }
            Pools::Sqlite { writer, reader, pulse } => {
                pulse.close().await;
                reader.close().await;
                writer.close().await;
            }
        }
    }
}

impl Conn {
    fn new(line: Line, place: Option<OwnedSemaphorePermit>, hint: Option<Hint>) -> Self {
        Self { line, _place: place, failed: false, told: Vec::new(), hint }
    }

    /// Notes what this transaction takes back or narrows. It is written to the feed by the commit, and nowhere else.
    pub fn tell(&mut self, item: Item) {
        self.told.push(item);
    }

    /// Notes an item, if there is one.
    pub fn tell_all(&mut self, items: impl IntoIterator<Item = Item>) {
        self.told.extend(items);
    }

    /// How much was told.
    pub(super) fn told_so_far(&self) -> usize {
        self.told.len()
    }

    /// An error after a failed statement, whoever overlooked it.
    pub(super) fn nothing_failed(&self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Refused("an earlier statement of the transaction failed".to_owned()));
        }
        Ok(())
    }

    /// Back to the last `SAVEPOINT part`, where so much had been told.
    pub(super) async fn undo_part(&mut self, told: usize) -> Result<(), StoreError> {
        self.failed = false;
        self.told.truncate(told);
        self.execute("ROLLBACK TO SAVEPOINT part", &[]).await.map(|_| ())
    }

    /// Runs a statement; how many rows it touched.
    pub async fn execute(&mut self, sql: &'static str, params: &[&dyn Param]) -> Result<u64, StoreError> {
        let done = match &mut self.line {
            Line::PgRead(c) => run_pg(c, sql, params).await,
            Line::PgWrite(c) => run_pg(c, sql, params).await,
            Line::LiteRead(c) => run_lite(c, sql, params).await,
            Line::LiteWrite(c) => run_lite(c, sql, params).await,
        };
        self.failed |= done.is_err();
        done
    }

    /// All rows.
    pub async fn fetch_all<T: FromRow>(
        &mut self,
        sql: &'static str,
        params: &[&dyn Param],
    ) -> Result<Vec<T>, StoreError> {
        self.rows(sql, params).await?.iter().map(T::from_row).collect()
    }

    /// The first row, if there is one.
    pub async fn fetch_optional<T: FromRow>(
        &mut self,
        sql: &'static str,
        params: &[&dyn Param],
    ) -> Result<Option<T>, StoreError> {
        self.rows(sql, params).await?.first().map(T::from_row).transpose()
    }

    /// The first column of the first row, if there is one.
    pub async fn value<T: Column>(
        &mut self,
        sql: &'static str,
        params: &[&dyn Param],
    ) -> Result<Option<T>, StoreError> {
        self.rows(sql, params).await?.first().map(Row::first).transpose()
    }

    /// Locks the session's row until the end of the transaction; false if there is none. SQLite holds one lock for all.
    pub async fn lock_session(&mut self, session_id: Uuid) -> Result<bool, StoreError> {
        const PLAIN: &str = "SELECT generation FROM sessions WHERE session_id = $1";
        const LOCKED: &str = "SELECT generation FROM sessions WHERE session_id = $1 FOR UPDATE";
        let sql = if matches!(self.line, Line::PgRead(_) | Line::PgWrite(_)) { LOCKED } else { PLAIN };
        Ok(self.value::<i64>(sql, &[&session_id]).await?.is_some())
    }

    /// Whether several nodes may write at once.
    pub(super) fn is_between_nodes(&self) -> bool {
        matches!(self.line, Line::PgRead(_) | Line::PgWrite(_))
    }

    /// A number that is committed before what it stands for, as [`Bug::CounterTakenFirst`] has it.
    pub(super) async fn number_of_before(&self) -> Result<Option<i64>, StoreError> {
        match &self.hint {
            Some(hint) if has(Bug::CounterTakenFirst) => hint.take_number().await.map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// Lets the commit of this transaction be forgotten by a crash: for what may be said again.
    pub async fn lightly(&mut self) -> Result<(), StoreError> {
        if matches!(self.line, Line::PgWrite(_)) {
            self.execute("SET LOCAL synchronous_commit = off", &[]).await?;
        }
        Ok(())
    }

    /// Ends the transaction: [`StoreError::Refused`] and nothing is kept, [`StoreError::CommitUnknown`] and nobody
    /// knows. After a failed statement, whoever overlooked the failure, nothing is kept on either engine.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.commit_told().await.map(|_| ())
    }

    /// The same; the feed number it took, if it told anything.
    pub async fn commit_told(mut self) -> Result<Option<Mark>, StoreError> {
        let told = std::mem::take(&mut self.told);
        let mark = if told.is_empty() || self.failed { None } else { Some(feed::write(&mut self, &told).await?) };
        if has(Bug::CommitNotAwaited) && mark.is_some() {
            self.lightly().await?;
        }
        self.nothing_failed()?;
        match self.line {
            Line::PgRead(_) | Line::LiteRead(_) => Ok(()),
            Line::PgWrite(tx) => commit_in_time(tx.commit()).await,
            Line::LiteWrite(tx) => commit_in_time(tx.commit()).await,
        }?;
        if let (Some(hint), Some(_)) = (self.hint, &mark) {
            hint.send();
        }
        Ok(mark)
    }

    async fn rows(&mut self, sql: &'static str, params: &[&dyn Param]) -> Result<Vec<Row>, StoreError> {
        let rows = match &mut self.line {
            Line::PgRead(c) => rows_pg(c, sql, params).await,
            Line::PgWrite(c) => rows_pg(c, sql, params).await,
            Line::LiteRead(c) => rows_lite(c, sql, params).await,
            Line::LiteWrite(c) => rows_lite(c, sql, params).await,
        };
        self.failed |= rows.is_err();
        rows
    }
}

async fn begin_lite(writer: &SqlitePool) -> Result<Line, StoreError> {
    in_time(writer.begin_with("BEGIN IMMEDIATE")).await.map(Line::LiteWrite)
}

/// The name of a file beside an embedded database, such as `rescind.db.serve.lock`; `None` for PostgreSQL.
#[must_use]
pub fn file_beside(db: &Db, ending: &str) -> Option<String> {
    let Pools::Sqlite { writer, .. } = &db.pools else { return None };
    let options = writer.connect_options();
    Some(format!("{}.{ending}", options.get_filename().display()))
}
