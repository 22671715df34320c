//! Authorization codes: rows they refer to, never the codes themselves.

use uuid::Uuid;

use super::clients::json;
use super::engine::{FromRow, Row};
use super::epochs::{Now, at_birth};
use super::{Conn, StoreError};
use crate::clock::Timestamp;
use crate::model::code::Code;
use crate::model::ids::ClientId;

impl FromRow for Code {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: row.get("session_id")?,
            client_id: row.parse("client_id")?,
            redirect_uri: row.get("redirect_uri")?,
            challenge: row.get("challenge")?,
            nonce: row.get("nonce")?,
            scope: row.parse("scope")?,
            resources: row.json("resources")?,
            customer_id: row.parse("customer_id")?,
            device_id: row.parse("device_id")?,
            consent_id: row.parse("consent_id")?,
            auth_at: row.get("auth_at")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            tries: row.get("tries")?,
            redeemed_at: row.get("redeemed_at")?,
            epochs: at_birth(row)?,
        })
    }
}

/// A code with the current epochs of its ancestors, read in one statement.
#[derive(Clone, Debug)]
pub struct CodeRecord {
    /// The code.
    pub code: Code,
    /// Epochs now.
    pub now: Now,
}

impl FromRow for CodeRecord {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { code: Code::from_row(row)?, now: Now::from_row(row)? })
    }
}

/// Enters an issued code.
pub async fn insert(conn: &mut Conn, code: &Code) -> Result<(), StoreError> {
    let sql = "INSERT INTO codes (session_id, client_id, redirect_uri, challenge, nonce, scope, resources, customer_id,
                                  device_id, consent_id, auth_at, created_at, expires_at, kept_until, tries,
                                  global_epoch, client_epoch, subject_epoch, device_epoch, consent_epoch)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, 0, $14, $15, $16, $17, $18)";
    conn.execute(
        sql,
        &[
            &code.session_id,
            &code.client_id.as_str(),
            &code.redirect_uri,
            &code.challenge,
            &code.nonce,
            &code.scope.to_string(),
            &json(&code.resources),
            &code.customer_id.as_str(),
            &code.device_id.to_string(),
            &code.consent_id.to_string(),
            &code.auth_at,
            &code.created_at,
            &code.expires_at,
            &code.epochs.global,
            &code.epochs.client,
            &code.epochs.subject,
            &code.epochs.device,
            &code.epochs.consent,
        ],
    )
    .await
    .map(|_| ())
}

/// The read in [`find_record`].
pub const FIND_RECORD_SQL: &str = "
    SELECT c.session_id, c.client_id, c.redirect_uri, c.challenge, c.nonce, c.scope, c.resources,
           c.customer_id, c.device_id, c.consent_id, c.auth_at, c.created_at, c.expires_at, c.tries,
           c.redeemed_at, c.global_epoch, c.client_epoch, c.subject_epoch, c.device_epoch,
           c.consent_epoch,
           g.epoch AS now_global, k.epoch AS now_client, u.epoch AS now_subject, d.epoch AS now_device,
           n.epoch AS now_consent
    FROM codes c
    LEFT JOIN epochs g ON g.kind = 'global' AND g.id = '*'
    LEFT JOIN epochs k ON k.kind = 'client' AND k.id = c.client_id
    LEFT JOIN epochs u ON u.kind = 'subject' AND u.id = c.customer_id
    LEFT JOIN epochs d ON d.kind = 'device' AND d.id = c.device_id
    LEFT JOIN epochs n ON n.kind = 'consent' AND n.id = c.consent_id
    WHERE c.session_id = $1";

/// A code with the current epochs of its ancestors.
pub async fn find_record(conn: &mut Conn, session_id: Uuid) -> Result<Option<CodeRecord>, StoreError> {
    conn.fetch_optional(FIND_RECORD_SQL, &[&session_id]).await
}

/// Redeems a code once; false if another request was quicker. `until`: when what it gives runs out; until then a replay
/// is recognised.
pub async fn redeem(conn: &mut Conn, session_id: Uuid, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE codes SET redeemed_at = $2, kept_until = $3 WHERE session_id = $1 AND redeemed_at IS NULL";
    Ok(conn.execute(sql, &[&session_id, &now, &until]).await? == 1)
}

/// The text of [`delete_expired`].
pub const DELETE_EXPIRED_SQL: &str = "DELETE FROM codes WHERE session_id IN (SELECT session_id FROM codes WHERE kept_until < $1 ORDER BY kept_until LIMIT $2)";

/// Drops up to `limit` codes that ran out before a time, with everything they gave.
pub async fn delete_expired(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    conn.execute(DELETE_EXPIRED_SQL, &[&before, &limit]).await
}

/// Counts a wrong verifier, up to `most`; false once they are used up.
pub async fn count_try(conn: &mut Conn, session_id: Uuid, most: i64) -> Result<bool, StoreError> {
    let sql = "UPDATE codes SET tries = tries + 1 WHERE session_id = $1 AND tries < $2";
    Ok(conn.execute(sql, &[&session_id, &most]).await? == 1)
}

/// In how many issued codes of a client a challenge was used, up to a hundred: who repeats one makes no count slow.
pub async fn count_challenge(conn: &mut Conn, client: &ClientId, challenge: &str) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM
               (SELECT session_id FROM codes WHERE client_id = $1 AND challenge = $2 LIMIT 100) seen";
    Ok(conn.value(sql, &[&client.as_str(), &challenge]).await?.unwrap_or(0))
}
