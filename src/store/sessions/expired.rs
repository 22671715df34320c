//! Sessions that ran out go.

use crate::clock::Timestamp;
use crate::store::{Conn, StoreError};

/// The text of [`delete_expired`].
pub const DELETE_EXPIRED_SQL: &str = "DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

/// Drops up to `limit` sessions that ran out before a time, ended or not: no token of theirs can be shown any more.
pub async fn delete_expired(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    conn.execute(DELETE_EXPIRED_SQL, &[&before, &limit]).await
}
