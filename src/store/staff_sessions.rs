//! Staff signed in to the console.

use uuid::Uuid;

use super::engine::{FromRow, Row};
use super::{Conn, StoreError};
use crate::clock::Timestamp;
use crate::model::ids::StaffId;
use crate::model::staff::{Role, Staff, StaffSession};

impl FromRow for StaffSession {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            staff_session_id: row.get("staff_session_id")?,
            username: row.parse("username")?,
            browser_id: row.get("browser_id")?,
            epoch: row.get("subject_epoch")?,
            signed_in_at: row.get("signed_in_at")?,
            last_seen_at: row.get("last_seen_at")?,
            expires_at: row.get("expires_at")?,
            ended_at: row.get("ended_at")?,
        })
    }
}

/// What the truth said of a session and its owner at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffRecord {
    /// The session.
    pub session: StaffSession,
    /// The owner's role now.
    pub role: Role,
    /// When the owner was disabled, if they are.
    pub disabled_at: Option<Timestamp>,
    /// The owner's epoch now.
    pub now_epoch: i64,
}

impl FromRow for StaffRecord {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            session: StaffSession::from_row(row)?,
            role: row.named("role", Role::from_name)?,
            disabled_at: row.get("disabled_at")?,
            now_epoch: row.get("now_epoch")?,
        })
    }
}

/// A member of staff as the sign-in reads them.
#[derive(Clone, Debug)]
pub struct StaffRead {
    /// Who.
    pub staff: Staff,
    /// Hash of their password.
    pub password_hash: String,
    /// Their epoch.
    pub epoch: i64,
    /// Whether they signed in with this browser before.
    pub knows_browser: bool,
}

impl FromRow for StaffRead {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            staff: Staff::from_row(row)?,
            password_hash: row.get("password_hash")?,
            epoch: row.get("epoch")?,
            knows_browser: row.get::<i64>("known")? > 0,
        })
    }
}

/// The text of [`find_for_sign_in`].
pub const FIND_FOR_SIGN_IN_SQL: &str =
    "SELECT s.username, s.role, s.created_at, s.disabled_at, s.password_hash, e.epoch,
            CASE WHEN EXISTS (SELECT 1 FROM staff_sessions b WHERE b.username = s.username AND b.browser_id = $2)
                 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS known
     FROM staff s JOIN epochs e ON e.kind = 'subject' AND e.id = s.username
     WHERE s.username = $1";

/// Password, epoch and whether the browser is known, in one statement, for a sign-in.
pub async fn find_for_sign_in(
    conn: &mut Conn,
    username: &str,
    browser: Option<Uuid>,
) -> Result<Option<StaffRead>, StoreError> {
    conn.fetch_optional(FIND_FOR_SIGN_IN_SQL, &[&username, &browser]).await
}

/// Enters a session.
pub async fn insert(conn: &mut Conn, session: &StaffSession) -> Result<(), StoreError> {
    let sql = "INSERT INTO staff_sessions (staff_session_id, username, browser_id, subject_epoch, signed_in_at,
                                           last_seen_at, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    conn.execute(
        sql,
        &[
            &session.staff_session_id,
            &session.username.as_str(),
            &session.browser_id,
            &session.epoch,
            &session.signed_in_at,
            &session.last_seen_at,
            &session.expires_at,
        ],
    )
    .await
    .map(|_| ())
}

/// The text of [`find_record`].
pub const FIND_RECORD_SQL: &str =
    "SELECT b.staff_session_id, b.username, b.browser_id, b.subject_epoch, b.signed_in_at,
            b.last_seen_at, b.expires_at, b.ended_at, s.role, s.disabled_at, e.epoch AS now_epoch
     FROM staff_sessions b
     JOIN staff s ON s.username = b.username
     JOIN epochs e ON e.kind = 'subject' AND e.id = b.username
     WHERE b.staff_session_id = $1";

/// A session with its owner's role and epoch now, in one statement.
pub async fn find_record(conn: &mut Conn, id: Uuid) -> Result<Option<StaffRecord>, StoreError> {
    conn.fetch_optional(FIND_RECORD_SQL, &[&id]).await
}

/// Ends a session, keeping the first time; false if it was over already.
pub async fn end(conn: &mut Conn, id: Uuid, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE staff_sessions SET ended_at = $2, end_reason = $3
               WHERE staff_session_id = $1 AND ended_at IS NULL";
    Ok(conn.execute(sql, &[&id, &now, &reason]).await? == 1)
}

/// Whose sessions are kept, and which still count.
#[derive(Clone, Copy, Debug)]
pub struct Keep<'a> {
    /// Whose.
    pub username: &'a StaffId,
    /// How many, the newest.
    pub most: i64,
    /// Sessions not seen since then are over anyway and take nobody's place.
    pub seen_after: Timestamp,
}

/// The text of [`end_older`].
pub const END_OLDER_SQL: &str = "UPDATE staff_sessions SET ended_at = $2, end_reason = 'limit'
     WHERE username = $1 AND ended_at IS NULL AND staff_session_id NOT IN
           (SELECT k.staff_session_id FROM staff_sessions k
            WHERE k.username = $1 AND k.ended_at IS NULL AND k.expires_at > $2 AND k.last_seen_at > $3
            ORDER BY k.signed_in_at DESC, k.staff_session_id DESC LIMIT $4)";

/// Ends all but the newest living sessions of a member of staff; how many.
pub async fn end_older(conn: &mut Conn, keep: Keep<'_>, now: Timestamp) -> Result<u64, StoreError> {
    conn.execute(END_OLDER_SQL, &[&keep.username.as_str(), &now, &keep.seen_after, &keep.most]).await
}

/// Marks as ended what a raised epoch has killed already.
pub async fn end_all(conn: &mut Conn, username: &StaffId, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE staff_sessions SET ended_at = $2, end_reason = 'staff_changed'
               WHERE username = $1 AND ended_at IS NULL";
    conn.execute(sql, &[&username.as_str(), &now]).await
}

/// Ends the living sessions of all staff; how many.
pub async fn end_of_all_staff(conn: &mut Conn, reason: &str, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE staff_sessions SET ended_at = $1, end_reason = $2 WHERE expires_at > $1 AND ended_at IS NULL";
    conn.execute(sql, &[&now, &reason]).await
}

/// Moves the time of the last page forward, never back.
pub async fn touch(conn: &mut Conn, id: Uuid, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE staff_sessions SET last_seen_at = $2 WHERE staff_session_id = $1 AND last_seen_at < $2";
    conn.execute(sql, &[&id, &at]).await.map(|_| ())
}

/// The text of [`delete_expired`].
pub const DELETE_EXPIRED_SQL: &str = "DELETE FROM staff_sessions WHERE staff_session_id IN
     (SELECT staff_session_id FROM staff_sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

/// Drops up to `limit` sessions that ran out before a time.
pub async fn delete_expired(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    conn.execute(DELETE_EXPIRED_SQL, &[&before, &limit]).await
}
