//! How often things happened, minute by minute.

use super::engine::{FromRow, Row};
use super::{Conn, StoreError};
use crate::clock::Timestamp;
use crate::model::tally::Tally;

/// A minute and its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// Its beginning.
    pub at: Timestamp,
    /// How many.
    pub count: i64,
}

impl FromRow for Minute {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { at: row.get("at_minute")?, count: row.get("count")? })
    }
}

/// Adds to a minute's count.
pub async fn add(conn: &mut Conn, tally: Tally, minute: Timestamp, count: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO tallies (name, at_minute, count) VALUES ($1, $2, $3)
               ON CONFLICT (name, at_minute) DO UPDATE SET count = tallies.count + $3";
    conn.execute(sql, &[&tally.as_str(), &minute, &count]).await.map(|_| ())
}

/// Keeps what was counted in a minute; what another node counted in it already stands.
pub async fn keep(conn: &mut Conn, tally: Tally, minute: Timestamp, count: i64) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO tallies (name, at_minute, count) VALUES ($1, $2, $3) ON CONFLICT (name, at_minute) DO NOTHING";
    conn.execute(sql, &[&tally.as_str(), &minute, &count]).await.map(|_| ())
}

/// The read in [`list`].
pub const LIST_SQL: &str =
    "SELECT at_minute, count FROM tallies WHERE name = $1 AND at_minute >= $2 ORDER BY at_minute LIMIT 3000";

/// The minutes since a time, oldest first, without those in which nothing was counted.
pub async fn list(conn: &mut Conn, tally: Tally, since: Timestamp) -> Result<Vec<Minute>, StoreError> {
    conn.fetch_all(LIST_SQL, &[&tally.as_str(), &since]).await
}

/// The text of [`delete_old`].
pub const DELETE_OLD_SQL: &str = "DELETE FROM tallies WHERE (name, at_minute) IN
     (SELECT name, at_minute FROM tallies WHERE at_minute < $1 ORDER BY at_minute LIMIT $2)";

/// Drops up to `limit` minutes before a time.
pub async fn delete_old(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    conn.execute(DELETE_OLD_SQL, &[&before, &limit]).await
}
