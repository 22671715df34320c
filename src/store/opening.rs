//! How each engine is opened: durable, private, and never a replica.

use std::error::Error;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPool, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgConnection, Sqlite};
use tokio::time::timeout;

use super::StoreError;
use super::deadline::{DEADLINE, in_time, phrase, when_free};
use super::engine::{Db, Pools};
use crate::clock::{Clock, Stopwatch};
use crate::files::{folder_of, keep_names, make_folder};

/// Connections of a node to PostgreSQL for everything.
pub(super) const POSTGRES_CONNECTIONS: u32 = 16;

/// Connections of the lane for revocations.
const LANE: u32 = 6;

/// Connections for leases and confirmations: one of the node's task, and others that ask how far all are.
const PULSE: u32 = 4;

/// A connection that was given back so recently is not asked first whether it still works: that would cost every statement
/// another way to the server and back. A connection that is given back has so long to show that it does.
const TRUSTED: Duration = Duration::from_secs(1);

/// Connections that write what may be said again, by single statements: never by transactions. A BEGIN that was cut off by
/// its deadline may leave its connection inside of one, and a statement would stay there uncommitted and seem to be done.
const LIGHT: u32 = 2;

/// The same, by transactions.
const BATCH: u32 = 2;

/// The pools of one primary: for everything, for revocations, for leases, and two for what may be said again. Every connection
/// is refused that leads to a replica, and one that was opened before [`Fresh::only`] is not used again.
pub(super) async fn postgres(url: &str, fresh: &Fresh) -> Result<[PgPool; 5], StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| StoreError::Refused(phrase(&error)))?;
    let ssl_mode = ssl_mode(&options, url);
    let options = options
        .ssl_mode(ssl_mode)
        .application_name("rescind")
        .options([("statement_timeout", "3000"), ("lock_timeout", "2500"), ("synchronous_commit", "on")])
        // A transaction whose client hangs or is cut off silently gives its locks back, before who waits for them gives up.
        .options([("idle_in_transaction_session_timeout", "2000")])
        // Slow statements are told about by what waits for them; sqlx's own line would cost ours.
        .disable_statement_logging();
    let pool = |most| {
        let (fresh, known) = (fresh.clone(), fresh.clone());
        let options = PoolOptions::new().max_connections(most).idle_timeout(None).acquire_timeout(DEADLINE);
        let options = options.test_before_acquire(false).before_acquire(move |conn: &mut PgConnection, about| {
            let is_fresh = fresh.has(about.age);
            Box::pin(async move { Ok(is_fresh && (about.idle_for < TRUSTED || conn.ping().await.is_ok())) })
        });
        // sqlx asks again itself, but waits for ever: a connection that hangs would never give its place back.
        // One that the server has ended is hardly the only one: the others are not tried, one failed request each.
        let options = options.after_release(move |conn: &mut PgConnection, about| {
            let fresh = known.clone();
            Box::pin(async move {
                let works = timeout(TRUSTED, conn.ping()).await;
                if let Ok(Err(error)) = &works
                    && is_ended(error)
                    && fresh.has(about.age)
                {
                    fresh.only();
                }
                Ok(works.is_ok_and(|works| works.is_ok()))
            })
        });
        options.after_connect(|conn, _| {
            Box::pin(async move {
                // A primary that became a replica meanwhile would show what was true a while ago.
                let replica: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(conn).await?;
                if replica { Err(sqlx::Error::Protocol("the server is a replica".to_owned())) } else { Ok(()) }
            })
        })
    };
    // Others stand behind a revocation that waits for a lock: it gives up sooner, and comes again.
    let lane = pool(LANE).connect_lazy_with(options.clone().options([("lock_timeout", "700")]));
    let pulse = pool(PULSE).connect_lazy_with(options.clone());
    let lazy = options.clone().options([("synchronous_commit", "off")]);
    let (light, batch) = (pool(LIGHT).connect_lazy_with(lazy.clone()), pool(BATCH).connect_lazy_with(lazy));
    Ok([in_time(pool(POSTGRES_CONNECTIONS).connect_with(options)).await?, lane, pulse, light, batch])
}

/// Whether the server ended the connection, or went down. One that only gave up on a statement has answered that.
fn is_ended(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(said) => {
            said.code().is_some_and(|code| ["57P01", "57P02", "57P03"].contains(&code.as_ref()))
        }
        _ => false,
    }
}

/// Since when connections must have been opened to be used: one that is older may lead to a server that is not the primary
/// any more, and does not know.
#[derive(Clone, Debug, Default)]
pub(super) struct Fresh(Arc<Mutex<Option<Stopwatch>>>);

impl Fresh {
    /// From now on.
    pub(super) fn only(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Clock::default().start());
    }

    fn has(&self, age: Duration) -> bool {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_none_or(|since| age < since.elapsed())
    }
}

/// How a connection is proven: over a network by the server's certificate and name, unless the URL says otherwise.
fn ssl_mode(options: &PgConnectOptions, url: &str) -> PgSslMode {
    let parsed = url::Url::parse(url).ok();
    let pairs = parsed.as_ref().map(url::Url::query_pairs).into_iter().flatten();
    let said = pairs.filter(|(name, _)| ["sslmode", "ssl-mode"].contains(&name.as_ref())).last();
    let host = options.get_host().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_local = is_loopback || options.get_socket().is_some() || host.starts_with('/');
    match said.and_then(|(_, mode)| mode.parse::<PgSslMode>().ok()) {
        Some(mode) => {
            if !is_local && !matches!(mode, PgSslMode::VerifyFull) {
                tracing::warn!(?mode, "RESCIND_DATABASE_URL does not prove the server's name: use sslmode=verify-full");
            }
            mode
        }
        None if is_local => PgSslMode::Prefer,
        None => PgSslMode::VerifyFull,
    }
}

/// One file, made if it is missing: a pool of one that writes, one that only reads, and one that reads the feed.
pub(super) async fn sqlite(url: &str) -> Result<[SqlitePool; 3], StoreError> {
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
    // A file does not hang up: no connection is asked first whether it still works.
    let pool =
        |most| PoolOptions::<Sqlite>::new().max_connections(most).acquire_timeout(DEADLINE).test_before_acquire(false);
    let writer = when_free(|| pool(1).connect_with(options.clone())).await?;
    sync_what_was_left(options.get_filename()).map_err(|error| refused(&error))?;
    let read_only = options.pragma("query_only", "on");
    let reader = when_free(|| pool(8).connect_with(read_only.clone())).await?;
    let pulse = when_free(|| pool(2).connect_with(read_only.clone())).await?;
    Ok([writer, reader, pulse])
}

impl Db {
    /// The name of a file beside an embedded database, such as `rescind.db.serve.lock`; `None` for PostgreSQL.
    #[must_use]
    pub fn file_beside(&self, ending: &str) -> Option<String> {
        let Pools::Sqlite { writer, .. } = &self.pools else { return None };
        let options = writer.connect_options();
        Some(format!("{}.{ending}", options.get_filename().display()))
    }
}

/// A new database file, and a new folder for it, can be read by their owner alone. Those that are there stay as they are.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    make_folder(folder_of(path))?;
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(|_| ())
}

/// Whoever opens the file sees what a process wrote that was killed before it had synced. Nobody may be told of that, and a
/// power cut take it away after all.
fn sync_what_was_left(path: &Path) -> std::io::Result<()> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    match std::fs::File::open(log) {
        Ok(log) => log.sync_all()?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    keep_names(folder_of(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_03_over_a_network_the_server_is_proven_unless_the_url_says_otherwise() {
        for (url, expected) in [
            ("postgres://u:p@db.bank.example/rescind", "VerifyFull"),
            ("postgres://u:p@10.0.0.7:5433/rescind?application_name=x", "VerifyFull"),
            ("postgres://u:p@db.bank.example/rescind?sslmode=verify-full&sslrootcert=/ca.pem", "VerifyFull"),
            ("postgres://u:p@db.bank.example/rescind?sslmode=require", "Require"),
            ("postgres://u:p@db.bank.example/rescind?sslmode=disable", "Disable"),
            ("postgres:///rescind?host=db.bank.example", "VerifyFull"),
            ("postgres://u@127.0.0.1/rescind", "Prefer"),
            ("postgres://u@localhost:5433/rescind", "Prefer"),
            ("postgres://u@[::1]/rescind", "Prefer"),
            ("postgres://u@%2Fvar%2Frun%2Fpostgresql/rescind", "Prefer"),
            ("postgres://u@localhost/rescind?sslmode=verify-full", "VerifyFull"),
        ] {
            let options = PgConnectOptions::from_str(url).unwrap();
            assert_eq!(format!("{:?}", ssl_mode(&options, url)), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn sec_03_a_server_that_cannot_prove_itself_is_not_spoken_to() {
        // Speaks PostgreSQL as far as refusing TLS: `N`.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut sent_more = false;
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut hello = [0; 8];
                if stream.read_exact(&mut hello).await.is_ok() && stream.write_all(b"N").await.is_ok() {
                    sent_more |= stream.read(&mut [0; 64]).await.is_ok_and(|n| n > 0);
                }
                if sent_more {
                    break;
                }
            }
        });
        let url = format!("postgres://u:p@127.0.0.1:{port}/rescind?sslmode=verify-full");
        assert!(postgres(&url, &Fresh::default()).await.is_err());
        assert!(!heard.is_finished(), "neither name nor password was sent in the clear");
        heard.abort();
    }
}
