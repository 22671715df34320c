//! Sign-ins in progress. Each step claims the row by giving it a new id, so that no step happens twice.

use uuid::Uuid;

use super::engine::{FromRow, Row};
use super::{Conn, StoreError};
use crate::clock::Timestamp;
use crate::model::epoch::Epochs;
use crate::model::login::Login;

impl FromRow for Login {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let request = row.get::<Option<String>>("request")?;
        Ok(Self {
            login_id: row.get("login_id")?,
            request: request
                .map(|text| serde_json::from_str(&text))
                .transpose()
                .map_err(|_| StoreError::Unreadable("request"))?,
            epochs: Epochs { global: row.get("global_epoch")?, client: row.get("client_epoch")?, ..Epochs::default() },
            browser_session_id: row.get("browser_session_id")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// Enters a sign-in in progress.
pub async fn insert(conn: &mut Conn, login: &Login) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO logins (login_id, request, global_epoch, client_epoch, browser_session_id, created_at, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let request = login.request.as_ref().map(serde_json::to_string).transpose();
    let request = request.map_err(|_| StoreError::Unreadable("request"))?;
    conn.execute(
        sql,
        &[
            &login.login_id,
            &request,
            &login.epochs.global,
            &login.epochs.client,
            &login.browser_session_id,
            &login.created_at,
            &login.expires_at,
        ],
    )
    .await
    .map(|_| ())
}

/// A sign-in in progress that has not been given up.
pub async fn find(conn: &mut Conn, id: Uuid, now: Timestamp) -> Result<Option<Login>, StoreError> {
    let sql = "SELECT login_id, request, global_epoch, client_epoch, browser_session_id, created_at, expires_at
               FROM logins WHERE login_id = $1 AND expires_at > $2";
    conn.fetch_optional(sql, &[&id, &now]).await
}

/// Claims the step after a proof of identity: a new id, and who it was. False if another request was quicker.
pub async fn advance(conn: &mut Conn, id: Uuid, next: Uuid, browser_session: Uuid) -> Result<bool, StoreError> {
    let sql = "UPDATE logins SET login_id = $2, browser_session_id = $3 WHERE login_id = $1";
    Ok(conn.execute(sql, &[&id, &next, &browser_session]).await? == 1)
}

/// Claims the last step; false if another request was quicker.
pub async fn finish(conn: &mut Conn, id: Uuid) -> Result<bool, StoreError> {
    Ok(conn.execute("DELETE FROM logins WHERE login_id = $1", &[&id]).await? == 1)
}

/// The text of [`delete_expired`].
pub const DELETE_EXPIRED_SQL: &str = "DELETE FROM logins WHERE login_id IN (SELECT login_id FROM logins WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";

/// Drops up to `limit` sign-ins that were given up.
pub async fn delete_expired(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<u64, StoreError> {
    conn.execute(DELETE_EXPIRED_SQL, &[&now, &limit]).await
}
