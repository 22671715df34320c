//! Access tokens taken back one by one: (session, serial), kept until they would have expired.

use uuid::Uuid;

use super::{Conn, StoreError};
use crate::clock::Timestamp;
use crate::model::feed::Item;

/// Takes one access token back; safe to repeat.
pub async fn insert(conn: &mut Conn, session: Uuid, serial: i64, expires_at: Timestamp) -> Result<bool, StoreError> {
    let sql = "INSERT INTO revoked_tokens (session_id, serial, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let done = conn.execute(sql, &[&session, &serial, &expires_at]).await? == 1;
    conn.tell_all(done.then_some(Item::Token { session, serial }));
    Ok(done)
}

/// The text of [`delete_expired`].
pub const DELETE_EXPIRED_SQL: &str = "DELETE FROM revoked_tokens WHERE (session_id, serial) IN
     (SELECT session_id, serial FROM revoked_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";

/// Drops up to `limit` rows whose tokens have expired anyway.
pub async fn delete_expired(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<u64, StoreError> {
    conn.execute(DELETE_EXPIRED_SQL, &[&now, &limit]).await
}
