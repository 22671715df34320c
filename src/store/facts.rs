//! Facts about the database itself: single values by name.

use super::{Conn, StoreError};

/// The fact that marks a demo database, which `serve` refuses.
pub const DEMO: &str = "demo";

/// The fact that tells this life of the data from those before a backup was restored, and from other databases: random.
pub const INCARNATION: &str = "incarnation";

/// Reads a fact.
pub async fn find(conn: &mut Conn, name: &str) -> Result<Option<String>, StoreError> {
    conn.value("SELECT value FROM facts WHERE name = $1", &[&name]).await
}

/// Writes a fact.
pub async fn set(conn: &mut Conn, name: &str, value: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    conn.execute(sql, &[&name, &value]).await.map(|_| ())
}

/// Writes a fact unless it is there already.
pub async fn keep(conn: &mut Conn, name: &str, value: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    conn.execute(sql, &[&name, &value]).await.map(|_| ())
}
