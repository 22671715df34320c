//! Idempotency keys: which incident a caller's key stands for. The status is never stored: it is proven anew.

use super::engine::{FromRow, Row};
use super::{Conn, StoreError};
use crate::clock::Timestamp;
use crate::model::ids::IncidentId;

/// What a key was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// SHA-256 of what was asked.
    pub digest: Vec<u8>,
    /// The incident it gave.
    pub incident_id: IncidentId,
}

impl FromRow for Used {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { digest: row.get("digest")?, incident_id: row.parse("incident_id")? })
    }
}

/// What a caller's key was used for, if it was.
pub async fn find(conn: &mut Conn, caller: &str, key: &str) -> Result<Option<Used>, StoreError> {
    let sql = "SELECT digest, incident_id FROM idempotency_keys WHERE caller = $1 AND key = $2";
    conn.fetch_optional(sql, &[&caller, &key]).await
}

/// Keeps what a key was used for. The first use counts: false if another request was quicker.
pub async fn insert(
    conn: &mut Conn,
    (caller, key): (&str, &str),
    used: &Used,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO idempotency_keys (caller, key, digest, incident_id, created_at) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT DO NOTHING";
    conn.execute(sql, &[&caller, &key, &used.digest, &used.incident_id.as_str(), &now]).await.map(|n| n == 1)
}

/// The text of [`delete_old`].
pub const DELETE_OLD_SQL: &str = "DELETE FROM idempotency_keys WHERE (caller, key) IN
     (SELECT caller, key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)";

/// Drops up to `limit` keys that were used before a time.
pub async fn delete_old(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    conn.execute(DELETE_OLD_SQL, &[&before, &limit]).await
}
