//! People signed in on the hosted pages.

use uuid::Uuid;

use super::engine::{FromRow, Row};
use super::epochs::Now;
use super::{Conn, StoreError};
use crate::clock::Timestamp;
use crate::model::epoch::{Epochs, Level};
use crate::model::ids::CustomerId;
use crate::model::login::BrowserSession;

impl FromRow for BrowserSession {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            browser_session_id: row.get("browser_session_id")?,
            customer_id: row.parse("customer_id")?,
            device_id: row.parse("device_id")?,
            auth_at: row.get("auth_at")?,
            last_seen_at: row.get("last_seen_at")?,
            expires_at: row.get("expires_at")?,
            ended_at: row.get("ended_at")?,
            epochs: Epochs {
                global: row.get("global_epoch")?,
                client: None,
                subject: Some(row.get("subject_epoch")?),
                device: Some(row.get("device_epoch")?),
                consent: None,
            },
        })
    }
}

/// What the truth said of a browser session at one moment.
#[derive(Clone, Debug)]
pub struct BrowserRecord {
    /// The session.
    pub session: BrowserSession,
    /// Epochs of its ancestors now.
    pub now: Now,
    /// Restriction of the customer now.
    pub level: Level,
    /// The app's name for the device, if an app named it.
    pub app_device: Option<(String, String)>,
}

impl FromRow for BrowserRecord {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let client = row.get::<Option<String>>("device_client")?;
        Ok(Self {
            session: BrowserSession::from_row(row)?,
            now: Now::from_row(row)?,
            level: row.named("level", Level::from_name)?,
            app_device: client.zip(row.get("app_device_id")?),
        })
    }
}

/// Enters a browser session.
pub async fn insert(conn: &mut Conn, session: &BrowserSession) -> Result<(), StoreError> {
    let sql = "INSERT INTO browser_sessions (browser_session_id, customer_id, device_id, global_epoch, subject_epoch,
                                             device_epoch, auth_at, last_seen_at, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    conn.execute(
        sql,
        &[
            &session.browser_session_id,
            &session.customer_id.as_str(),
            &session.device_id.to_string(),
            &session.epochs.global,
            &session.epochs.subject,
            &session.epochs.device,
            &session.auth_at,
            &session.last_seen_at,
            &session.expires_at,
        ],
    )
    .await
    .map(|_| ())
}

/// A browser session with the current epochs of its ancestors, in one statement.
pub async fn find_record(conn: &mut Conn, id: Uuid) -> Result<Option<BrowserRecord>, StoreError> {
    let sql = "SELECT b.browser_session_id, b.customer_id, b.device_id, b.auth_at, b.last_seen_at, b.expires_at, b.ended_at,
                      b.global_epoch, b.subject_epoch, b.device_epoch, d.client_id AS device_client, d.app_device_id, u.level, g.epoch AS now_global,
                      CAST(NULL AS BIGINT) AS now_client, u.epoch AS now_subject, e.epoch AS now_device,
                      CAST(NULL AS BIGINT) AS now_consent
               FROM browser_sessions b
               JOIN devices d ON d.device_id = b.device_id
               JOIN epochs u ON u.kind = 'subject' AND u.id = b.customer_id
               LEFT JOIN epochs g ON g.kind = 'global' AND g.id = '*'
               LEFT JOIN epochs e ON e.kind = 'device' AND e.id = b.device_id
               WHERE b.browser_session_id = $1";
    conn.fetch_optional(sql, &[&id]).await
}

/// The read in [`list_live`].
pub const LIST_LIVE_SQL: &str = "SELECT b.browser_session_id, b.customer_id, b.device_id, b.auth_at, b.last_seen_at,
                      b.expires_at, b.ended_at, b.global_epoch, b.subject_epoch, b.device_epoch
               FROM browser_sessions b
               JOIN epochs g ON g.kind = 'global' AND g.id = '*' AND g.epoch = b.global_epoch
               JOIN epochs u ON u.kind = 'subject' AND u.id = b.customer_id AND u.epoch = b.subject_epoch
               JOIN epochs e ON e.kind = 'device' AND e.id = b.device_id AND e.epoch = b.device_epoch
               WHERE b.customer_id = $1 AND b.ended_at IS NULL AND b.expires_at > $2 AND b.last_seen_at > $3
               ORDER BY b.last_seen_at DESC, b.browser_session_id LIMIT $4";

/// A customer's live browser sessions, last seen first; none that was idle since `idle_since`.
pub async fn list_live(
    conn: &mut Conn,
    customer: &CustomerId,
    (now, idle_since): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<BrowserSession>, StoreError> {
    conn.fetch_all(LIST_LIVE_SQL, &[&customer.as_str(), &now, &idle_since, &limit]).await
}

/// Ends a browser session, keeping the first time; false if it was over already.
pub async fn end(conn: &mut Conn, id: Uuid, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE browser_sessions SET ended_at = $2, end_reason = $3
               WHERE browser_session_id = $1 AND ended_at IS NULL";
    Ok(conn.execute(sql, &[&id, &now, &reason]).await? == 1)
}

/// Marks as ended what a customer's raised epoch has killed already.
pub async fn sweep_customer(conn: &mut Conn, customer: &str, below: i64, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE browser_sessions SET ended_at = $3, end_reason = 'lockdown'
               WHERE customer_id = $1 AND subject_epoch < $2 AND ended_at IS NULL";
    conn.execute(sql, &[&customer, &below, &now]).await
}

/// Marks as ended what a device's raised epoch has killed already.
pub async fn sweep_device(conn: &mut Conn, device: &str, below: i64, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE browser_sessions SET ended_at = $3, end_reason = 'device_revoked'
               WHERE device_id = $1 AND device_epoch < $2 AND ended_at IS NULL";
    conn.execute(sql, &[&device, &below, &now]).await
}

/// The text of [`delete_expired`].
pub const DELETE_EXPIRED_SQL: &str = "DELETE FROM browser_sessions WHERE browser_session_id IN
     (SELECT browser_session_id FROM browser_sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

/// Drops up to `limit` browser sessions that ran out before a time. Sign-ins in progress that rest on them go first.
pub async fn delete_expired(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    conn.execute(DELETE_EXPIRED_SQL, &[&before, &limit]).await
}
