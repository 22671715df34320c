//! How each engine is opened: durable, private, and never a replica.

use std::error::Error;
use std::str::FromStr;

use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{ConnectOptions, Sqlite};

use super::StoreError;
use super::deadline::{DEADLINE, in_time, phrase, when_free};

/// One primary. Every connection is refused that leads to a replica.
pub(super) async fn postgres(url: &str) -> Result<PgPool, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| StoreError::Refused(phrase(&error)))?
        .application_name("rescind")
        .options([("statement_timeout", "3000"), ("lock_timeout", "2000"), ("synchronous_commit", "on")])
        // A transaction whose client hangs or is cut off silently gives its locks back, so that others can lock down.
        .options([("idle_in_transaction_session_timeout", "4000")])
        // Slow statements are told about by what waits for them; sqlx's own line would cost ours.
        .disable_statement_logging();
    let pool = PoolOptions::new().max_connections(16).acquire_timeout(DEADLINE).after_connect(|conn, _| {
        Box::pin(async move {
            // A primary that became a replica meanwhile would show what was true a while ago.
            let replica: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(conn).await?;
            if replica { Err(sqlx::Error::Protocol("the server is a replica".to_owned())) } else { Ok(()) }
        })
    });
    let pool = pool.connect_with(options);
    in_time(pool).await
}

/// One file, made if it is missing: a pool of one that writes, and one that only reads.
pub(super) async fn sqlite(url: &str) -> Result<(SqlitePool, SqlitePool), StoreError> {
    let refused = |error: &dyn Error| StoreError::Refused(phrase(error));
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| refused(&error))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(DEADLINE)
        .disable_statement_logging();
    make_private(options.get_filename()).map_err(|error| refused(&error))?;
    let pool = |most| PoolOptions::<Sqlite>::new().max_connections(most).acquire_timeout(DEADLINE);
    let writer = when_free(|| pool(1).connect_with(options.clone())).await?;
    let read_only = options.pragma("query_only", "on");
    let reader = when_free(|| pool(8).connect_with(read_only.clone())).await?;
    Ok((writer, reader))
}

/// A new database file, and a new folder for it, can be read by their owner alone. Those that are there stay as they are.
fn make_private(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(|_| ())
}
