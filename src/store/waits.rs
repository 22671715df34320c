//! Borrowing connections, timed: how long everybody waits for one, and how many there are.

use sqlx::{Database, Pool};

use super::StoreError;
use super::engine::{Begin, Conn, Db, Pools};
use crate::clock::{Clock, Stopwatch};
use crate::metrics::histogram::Histogram;
use crate::metrics::label::Lane;

/// How long it took to get a connection, with its place in the queue of transactions.
#[derive(Debug, Default)]
pub struct Waits {
    clock: Clock,
    /// By how it was asked for.
    pub seconds: Histogram<Lane>,
}

/// One pool of connections right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// What it is for.
    pub name: &'static str,
    /// Connections lent.
    pub used: u32,
    /// Connections that wait to be lent.
    pub idle: u32,
    /// Most connections there may be.
    pub most: u32,
}

impl PoolState {
    fn of<D: Database>(name: &'static str, pool: &Pool<D>) -> Self {
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        Self { name, used: pool.size().saturating_sub(idle), idle, most: pool.options().get_max_connections() }
    }
}

/// Somebody who waits for a connection: counted when they have one, or have given up.
struct Waiting<'a> {
    waits: &'a Waits,
    lane: Lane,
    since: Stopwatch,
}

impl Waits {
    fn begin(&self, lane: Lane) -> Waiting<'_> {
        Waiting { waits: self, lane, since: self.clock.start() }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.waits.seconds.observe_of(self.lane, self.since.elapsed());
    }
}

impl Db {
    /// A connection for reading.
    pub async fn read(&self) -> Result<Conn, StoreError> {
        let _waiting = self.waits.begin(Lane::Read);
        self.lend_reader().await
    }

    /// The same for checks and for whoever takes something back: however many read for sign-ins, tokens and pages, some
    /// connections are left (RAT-03).
    pub async fn read_ahead(&self) -> Result<Conn, StoreError> {
        let _waiting = self.waits.begin(Lane::Ahead);
        self.lend_reader_ahead().await
    }

    /// A connection for reading what a lease or a confirmation waits for.
    pub async fn read_first(&self) -> Result<Conn, StoreError> {
        let _waiting = self.waits.begin(Lane::Pulse);
        self.lend_pulse().await
    }

    /// The transaction of a lease.
    pub async fn begin_pulse(&self) -> Result<Conn, StoreError> {
        let _waiting = self.waits.begin(Lane::Pulse);
        self.lend_pulse_writer().await
    }

    /// A transaction for writing. Dropped without [`Conn::commit`], it is rolled back.
    pub async fn begin(&self) -> Result<Conn, StoreError> {
        let _waiting = self.waits.begin(Lane::Write);
        self.lend_writer().await
    }

    /// The same for what may be said again: nobody waits for it to be durable, and a crash may forget it. On PostgreSQL in no
    /// queue; a file has one writer, and waits for its disk.
    pub async fn begin_lightly(&self) -> Result<Conn, StoreError> {
        let _waiting = self.waits.begin(Lane::Light);
        self.lend_light_writer().await
    }

    /// The same for statements of which each may be kept without the others. Ended by [`Conn::commit`], like the others.
    pub async fn write_lightly(&self) -> Result<Conn, StoreError> {
        let _waiting = self.waits.begin(Lane::Light);
        self.lend_light().await
    }

    /// The same for taking something back: it stands in no queue behind sign-ins and tokens (RAT-03).
    pub async fn begin_first(&self) -> Result<Conn, StoreError> {
        let _waiting = self.waits.begin(Lane::First);
        self.lend_writer_first(Begin::Plain).await
    }

    /// The same, at the savepoint of its first part.
    pub(super) async fn begin_first_part(&self) -> Result<Conn, StoreError> {
        let _waiting = self.waits.begin(Lane::First);
        self.lend_writer_first(Begin::Part).await
    }

    /// How long connections were waited for.
    #[must_use]
    pub fn waits(&self) -> &Waits {
        &self.waits
    }

    /// Every pool right now.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolState> {
        match &self.pools {
            Pools::Postgres { pool, lane, pulse, light, batch, .. } => vec![
                PoolState::of("main", pool),
                PoolState::of("first", lane),
                PoolState::of("pulse", pulse),
                PoolState::of("light", light),
                PoolState::of("batch", batch),
            ],
            Pools::Sqlite { writer, reader, pulse } => {
                vec![PoolState::of("writer", writer), PoolState::of("reader", reader), PoolState::of("pulse", pulse)]
            }
        }
    }
}
