//! Whose turn it is to do a job that one node does at a time.

use super::{Conn, StoreError};
use crate::clock::Timestamp;

/// Takes a job that is due, until a time; false if it is not due: another node has it, or had it just now.
pub async fn take(conn: &mut Conn, job: &str, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
    let sql = "INSERT INTO turns (job, due_at) VALUES ($1, $3)
               ON CONFLICT (job) DO UPDATE SET due_at = $3 WHERE turns.due_at <= $2";
    Ok(conn.execute(sql, &[&job, &now, &until]).await? == 1)
}

/// Keeps a job that is not finished yet.
pub async fn keep(conn: &mut Conn, job: &str, until: Timestamp) -> Result<(), StoreError> {
    conn.execute("UPDATE turns SET due_at = $2 WHERE job = $1 AND due_at < $2", &[&job, &until]).await.map(|_| ())
}
