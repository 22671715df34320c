//! A copy of the embedded database while it is in use. It is SQLite's own (`VACUUM INTO`): one moment of the truth, whatever
//! is written meanwhile.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::StoreError;
use super::deadline::{DEADLINE, phrase};

/// Copies a database file into one that is missing or empty. Takes as long as it takes.
pub async fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let Some(name) = to.to_str() else { return Err(StoreError::Refused("the file's name is not UTF-8".to_owned())) };
    let options = SqliteConnectOptions::new().filename(from).busy_timeout(DEADLINE).disable_statement_logging();
    let mut conn = options.connect().await.map_err(|error| refused(&error))?;
    sqlx::query("VACUUM INTO $1").bind(name).execute(&mut conn).await.map_err(|error| refused(&error))?;
    conn.close().await.map_err(|error| refused(&error))
}

/// Whether a copy opens, is whole, and has our tables.
pub async fn check(copy: &Path) -> Result<(), StoreError> {
    let options =
        SqliteConnectOptions::new().filename(copy).read_only(true).immutable(true).disable_statement_logging();
    let mut conn = options.connect().await.map_err(|error| refused(&error))?;
    let found: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut conn).await.map_err(|error| refused(&error))?;
    let ours = "SELECT COUNT(*) FROM epochs WHERE kind = 'global'";
    let global: i64 = sqlx::query_scalar(ours).fetch_one(&mut conn).await.map_err(|error| refused(&error))?;
    conn.close().await.map_err(|error| refused(&error))?;
    match (found.as_str(), global) {
        ("ok", 1) => Ok(()),
        (_, _) => Err(StoreError::Refused(format!("the copy is damaged: {found}"))),
    }
}

fn refused(error: &sqlx::Error) -> StoreError {
    StoreError::Refused(phrase(error))
}
