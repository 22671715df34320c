//! Two SQL engines, known only here and in the files that `opening`, `rows`, `hints`, `waits`, `server` and `migrations` are. A query is one text with `$1`
//! parameters that runs on both; rows and parameters are told apart here and nowhere else. Every statement has a
//! deadline: what hangs is an error.

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use sqlx::{Postgres, Sqlite, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
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
        /// Connections whose commits wait for no disk and no standby: for single statements.
        light: PgPool,
        /// The same, for transactions.
        batch: PgPool,
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

/// How long a commit keeps its connection: one that is answered by nobody does not keep it for ever.
const LONGEST_COMMIT: Duration = Duration::from_mins(10);

/// How a transaction begins: in one message, whatever belongs to its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// As usual.
    Plain,
    /// With the savepoint of its first part (see `together`).
    Part,
}

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
            let [pool, lane, pulse, light, batch] = opening::postgres(url, &fresh).await?;
            Ok(Self::new(Pools::Postgres { pool, lane, pulse, light, batch, fresh }, ORDINARY.0))
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
            Pools::Postgres { pulse, .. } => begin_pg(pulse, Begin::Plain).await?,
            Pools::Sqlite { writer, .. } => begin_lite(writer, Begin::Plain).await?,
        };
        Ok(Conn::new(line, None, self.hint.clone()))
    }

    pub(super) async fn lend_light_writer(&self) -> Result<Conn, StoreError> {
        match &self.pools {
            Pools::Postgres { batch, .. } => {
                begin_pg(batch, Begin::Plain).await.map(|line| Conn::new(line, None, None))
            }
            // One writer for all: it is shared as ever.
            Pools::Sqlite { .. } => self.lend_writer().await,
        }
    }

    pub(super) async fn lend_light(&self) -> Result<Conn, StoreError> {
        match &self.pools {
            Pools::Postgres { light, .. } => {
                in_time(Box::pin(light.acquire())).await.map(|conn| Conn::new(Line::PgRead(conn), None, None))
            }
            Pools::Sqlite { .. } => self.lend_writer().await,
        }
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
            Pools::Postgres { pool, .. } => begin_pg(pool, Begin::Plain).await?,
            Pools::Sqlite { writer, .. } => begin_lite(writer, Begin::Plain).await?,
        };
        Ok(Conn::new(line, Some(place), self.hint.clone()))
    }

    pub(super) async fn lend_writer_first(&self, begin: Begin) -> Result<Conn, StoreError> {
        let line = match &self.pools {
            Pools::Postgres { lane, .. } => begin_pg(lane, begin).await?,
            Pools::Sqlite { writer, .. } => begin_lite(writer, begin).await?,
        };
        Ok(Conn::new(line, None, self.hint.clone()))
    }

    /// Closes all connections after the statements under way.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Postgres { pool, lane, pulse, light, batch, .. } => {
                batch.close().await;
                light.close().await;
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

    /// Ends the transaction: [`StoreError::Refused`] and nothing is kept, [`StoreError::CommitUnknown`] and nobody
    /// knows. After a failed statement, whoever overlooked the failure, nothing is kept on either engine.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.commit_told().await.map(|_| ())
    }

    /// The same; the feed number it took, if it told anything.
    pub async fn commit_told(mut self) -> Result<Option<Mark>, StoreError> {
        let told = std::mem::take(&mut self.told);
        if !told.is_empty() && matches!(self.line, Line::PgRead(_) | Line::LiteRead(_)) {
            return Err(StoreError::Refused("only a transaction takes something back".to_owned()));
        }
        let mark = if told.is_empty() || self.failed { None } else { Some(feed::write(&mut self, &told).await?) };
        if has(Bug::CommitNotAwaited) && mark.is_some() && self.is_between_nodes() {
            self.execute("SET LOCAL synchronous_commit = off", &[]).await?;
        }
        self.nothing_failed()?;
        let Self { line, hint, _place: place, .. } = self;
        match line {
            Line::PgRead(_) | Line::LiteRead(_) => Ok(()),
            Line::PgWrite(tx) => commit_pg(tx, place).await,
            Line::LiteWrite(tx) => commit_in_time(tx.commit()).await,
        }?;
        if let (Some(hint), Some(_)) = (hint, &mark) {
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

async fn begin_pg(pool: &PgPool, begin: Begin) -> Result<Line, StoreError> {
    let statements = match begin {
        Begin::Plain => "BEGIN",
        Begin::Part => "BEGIN; SAVEPOINT part",
    };
    in_time(Box::pin(pool.begin_with(statements))).await.map(Line::PgWrite)
}

/// A commit that waits for its standby goes on waiting at the server, whoever has given up on it. So it keeps its connection and
/// its place: else the next one would wait on another, until the server has none left for anybody.
async fn commit_pg(tx: Transaction<'static, Postgres>, place: Option<OwnedSemaphorePermit>) -> Result<(), StoreError> {
    let committed = tokio::spawn(async move {
        let done = timeout(LONGEST_COMMIT, tx.commit()).await;
        drop(place);
        done.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    });
    commit_in_time(async { committed.await.unwrap_or(Err(sqlx::Error::WorkerCrashed)) }).await
}

async fn begin_lite(writer: &SqlitePool, begin: Begin) -> Result<Line, StoreError> {
    let mut tx = in_time(writer.begin_with("BEGIN IMMEDIATE")).await?;
    if begin == Begin::Part {
        run_lite(&mut tx, "SAVEPOINT part", &[]).await?;
    }
    Ok(Line::LiteWrite(tx))
}
