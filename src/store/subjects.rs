//! The one namespace of customers, clients and staff.

use super::{Conn, StoreError};

/// Takes a name; [`StoreError::Taken`] if anybody has it.
pub async fn insert(conn: &mut Conn, subject_id: &str, kind: &str) -> Result<(), StoreError> {
    conn.execute("INSERT INTO subjects (subject_id, kind) VALUES ($1, $2)", &[&subject_id, &kind]).await.map(|_| ())
}

/// What kind of thing has a name.
pub async fn find_kind(conn: &mut Conn, subject_id: &str) -> Result<Option<String>, StoreError> {
    conn.value("SELECT kind FROM subjects WHERE subject_id = $1", &[&subject_id]).await
}
