//! Consecutive failed sign-ins per account or known device. Counted before the password is looked at.

use super::engine::{FromRow, Row};
use super::{Conn, StoreError};
use crate::clock::Timestamp;

/// A counter after counting one try, with the block that was in force before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Tries since the last success, with this one.
    pub failures: i64,
    /// Until when tries are refused, as set by the try before.
    pub blocked_until: Option<Timestamp>,
}

impl FromRow for Counter {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { failures: row.get("failures")?, blocked_until: row.get("blocked_until")? })
    }
}

/// Counts one try; `subject`: the customer or member of staff it is about, if there is one. The row stays locked until the transaction ends, so parallel tries are counted one after another.
pub async fn count(
    conn: &mut Conn,
    key: &[u8; 32],
    subject: Option<&str>,
    now: Timestamp,
) -> Result<Counter, StoreError> {
    let sql = "INSERT INTO throttles (key, subject_id, failures, last_tried_at) VALUES ($1, $2, 1, $3)
               ON CONFLICT (key) DO UPDATE SET failures = throttles.failures + 1, last_tried_at = $3
               RETURNING failures, blocked_until";
    let counted = conn.fetch_optional(sql, &[&key.to_vec(), &subject, &now]).await?;
    counted.ok_or(StoreError::Unreadable("failures"))
}

/// Refuses tries until a time.
pub async fn block(conn: &mut Conn, key: &[u8; 32], until: Timestamp) -> Result<(), StoreError> {
    conn.execute("UPDATE throttles SET blocked_until = $2 WHERE key = $1", &[&key.to_vec(), &until]).await.map(|_| ())
}

/// Takes one try back that was not looked at, with the block that it set, if none was counted since: `failures` is what its
/// [`Counter`] said.
pub async fn uncount(conn: &mut Conn, key: &[u8; 32], failures: i64) -> Result<(), StoreError> {
    let sql = "UPDATE throttles SET failures = failures - 1, blocked_until = NULL WHERE key = $1 AND failures = $2";
    conn.execute(sql, &[&key.to_vec(), &failures]).await.map(|_| ())
}

/// Forgets a counter after a success.
pub async fn reset(conn: &mut Conn, key: &[u8; 32]) -> Result<(), StoreError> {
    conn.execute("DELETE FROM throttles WHERE key = $1", &[&key.to_vec()]).await.map(|_| ())
}

/// Forgets all counters of a customer or member of staff, after the password was set anew.
pub async fn reset_subject(conn: &mut Conn, subject: &str) -> Result<u64, StoreError> {
    conn.execute("DELETE FROM throttles WHERE subject_id = $1", &[&subject]).await
}

/// The text of [`delete_unknown`].
pub const DELETE_UNKNOWN_SQL: &str = "DELETE FROM throttles WHERE key IN
     (SELECT key FROM throttles WHERE subject_id IS NULL AND last_tried_at < $1 ORDER BY last_tried_at LIMIT $2)";

/// Drops up to `limit` counters of names nobody has, last tried before a time: strangers' guesses don't pile up.
pub async fn delete_unknown(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    conn.execute(DELETE_UNKNOWN_SQL, &[&before, &limit]).await
}

/// The text of [`delete_idle`]. The bound is that of `policy::throttle`, spelled out as the index has it.
pub const DELETE_IDLE_SQL: &str = "DELETE FROM throttles WHERE key IN
     (SELECT key FROM throttles WHERE subject_id IS NOT NULL AND failures < 100 AND last_tried_at < $1 ORDER BY last_tried_at LIMIT $2)";

/// Drops up to `limit` counters of customers and staff, last tried before a time; none that switched a password off.
pub async fn delete_idle(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    conn.execute(DELETE_IDLE_SQL, &[&before, &limit]).await
}
