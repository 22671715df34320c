//! Staff and their passwords.

use super::engine::{FromRow, Row};
use super::{Conn, StoreError, epochs, subjects};
use crate::clock::Timestamp;
use crate::model::epoch::EpochKind;
use crate::model::ids::StaffId;
use crate::model::staff::{Role, Staff};

impl FromRow for Staff {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            username: row.parse("username")?,
            role: row.named("role", Role::from_name)?,
            created_at: row.get("created_at")?,
            disabled_at: row.get("disabled_at")?,
        })
    }
}

/// Enters a member of staff; [`StoreError::Taken`] if anybody has the name.
pub async fn insert(conn: &mut Conn, staff: &Staff, password_hash: &str) -> Result<(), StoreError> {
    let id = staff.username.as_str();
    subjects::insert(conn, id, "staff").await?;
    epochs::insert(conn, EpochKind::Subject, id).await?;
    let sql = "INSERT INTO staff (username, role, password_hash, created_at) VALUES ($1, $2, $3, $4)";
    conn.execute(sql, &[&id, &staff.role.as_str(), &password_hash, &staff.created_at]).await.map(|_| ())
}

/// A member of staff by name.
pub async fn find(conn: &mut Conn, username: &str) -> Result<Option<Staff>, StoreError> {
    conn.fetch_optional("SELECT username, role, created_at, disabled_at FROM staff WHERE username = $1", &[&username])
        .await
}

/// All staff by name.
pub async fn list(conn: &mut Conn) -> Result<Vec<Staff>, StoreError> {
    conn.fetch_all("SELECT username, role, created_at, disabled_at FROM staff ORDER BY username", &[]).await
}

/// Disables a member of staff, keeping the first time; false if there is none.
pub async fn disable(conn: &mut Conn, username: &StaffId, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE staff SET disabled_at = COALESCE(disabled_at, $2) WHERE username = $1";
    Ok(conn.execute(sql, &[&username.as_str(), &now]).await? == 1)
}

/// Sets a new password and enables the member of staff; false if there is none.
pub async fn reset(conn: &mut Conn, username: &StaffId, password_hash: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE staff SET password_hash = $2, disabled_at = NULL WHERE username = $1";
    Ok(conn.execute(sql, &[&username.as_str(), &password_hash]).await? == 1)
}
