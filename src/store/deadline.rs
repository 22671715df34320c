//! How long the database may take, and what its errors mean to us: an outage, a refusal, or that nobody knows.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use sqlx::error::DatabaseError;
use tokio::sync::AcquireError;
use tokio::sync::oneshot::Receiver;
use tokio::time::timeout;

use super::StoreError;
use crate::seeded::{Bug, has};

/// Longest any one statement may take, and any wait for a connection.
pub(super) const DEADLINE: Duration = Duration::from_secs(3);

/// Waits at most the deadline, and sorts errors by what they mean to us.
pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match timeout(DEADLINE, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sqlx::Error::Database(refusal))) if refusal.is_unique_violation() => Err(StoreError::Taken),
        Ok(Err(sqlx::Error::Database(refusal))) => Err(refused(refusal.as_ref())),
        Ok(Err(error)) => Err(StoreError::Unavailable(phrase(&error))),
        Err(_) => Err(StoreError::Unavailable("deadline passed".to_owned())),
    }
}

/// A place in a queue, waited for at most the deadline.
pub(super) async fn place_in_time<T>(place: impl Future<Output = Result<T, AcquireError>>) -> Result<T, StoreError> {
    match timeout(DEADLINE, place).await {
        Ok(Ok(place)) => Ok(place),
        Ok(Err(_)) => Err(StoreError::Unavailable("the queue is closed".to_owned())),
        Err(_) => Err(StoreError::Unavailable("deadline passed in the queue".to_owned())),
    }
}

/// What somebody hands over, waited for at most the deadline.
pub(super) async fn handed_in_time<T>(handed: Receiver<T>) -> Result<T, StoreError> {
    match timeout(DEADLINE, handed).await {
        Ok(Ok(thing)) => Ok(thing),
        Ok(Err(_)) => Err(StoreError::Unavailable("the queue is closed".to_owned())),
        Err(_) => Err(StoreError::Unavailable("deadline passed in the queue for a revocation".to_owned())),
    }
}

/// A refusal that time may heal (busy, shutting down, too many connections, lock or statement timeout) is an outage.
fn refused(refusal: &dyn DatabaseError) -> StoreError {
    let passing = [
        "5", "6", "261", "517", "13", "55P03", "57014", "57P01", "57P02", "57P03", "53100", "53200", "53300", "40P01",
        "40001",
    ];
    let code = refusal.code();
    let text = refusal.message().to_owned();
    match code {
        Some(code) if passing.contains(&code.as_ref()) => StoreError::Unavailable(text),
        Some(_) | None => StoreError::Refused(text),
    }
}

/// One line about an error, without the connection's address or password.
pub(super) fn phrase(error: &dyn Error) -> String {
    error.to_string().lines().next().unwrap_or("unknown").to_owned()
}

/// The same for opening a file, tried again while another process holds it: SQLite refuses two that turn a new file to
/// WAL at once without making either wait.
pub(super) async fn when_free<T, F>(open: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let patient = async {
        loop {
            match open().await {
                Err(sqlx::Error::Database(busy)) if busy.code().is_some_and(|code| code == "5" || code == "261") => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                done => return done,
            }
        }
    };
    in_time(patient).await
}

/// The same for COMMIT, where most errors leave open whether it happened.
pub(super) async fn commit_in_time(work: impl Future<Output = Result<(), sqlx::Error>>) -> Result<(), StoreError> {
    match timeout(DEADLINE, work).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(sqlx::Error::Database(refusal))) if surely_undone(refusal.as_ref()) => {
            Err(StoreError::Refused(refusal.message().to_owned()))
        }
        Ok(Err(_)) | Err(_) if has(Bug::LostCommitIsDone) => Ok(()),
        Ok(Err(error)) => Err(StoreError::CommitUnknown(phrase(&error))),
        Err(_) => Err(StoreError::CommitUnknown("deadline passed".to_owned())),
    }
}

/// Whether a refused COMMIT is certain to have kept nothing: a late constraint, a conflict, a busy file. A server shut
/// down while it waits for its standby has kept the commit already (57P01), so that is not among them.
fn surely_undone(refusal: &dyn DatabaseError) -> bool {
    const OF_SQLITE: [&str; 3] = ["5", "19", "787"];
    let code = refusal.code().unwrap_or_default();
    let of_postgres = code.len() == 5 && ["23", "25", "40"].iter().any(|class| code.starts_with(class));
    of_postgres || OF_SQLITE.contains(&code.as_ref())
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;

    /// A connection that does not wait by itself, in a transaction that writes.
    async fn writing(options: &SqliteConnectOptions) -> Result<sqlx::SqliteConnection, sqlx::Error> {
        let mut conn = options.clone().busy_timeout(Duration::ZERO).connect().await?;
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut conn).await?;
        Ok(conn)
    }

    #[tokio::test]
    async fn a_busy_file_is_tried_again_until_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(folder.path().join("a.db")).create_if_missing(true);
        let holder = writing(&options).await.unwrap();
        assert!(writing(&options).await.is_err(), "it is busy");
        let freed = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(holder);
        };
        let (opened, ()) = tokio::join!(when_free(|| writing(&options)), freed);
        assert!(opened.is_ok(), "{opened:?}");
    }

    #[tokio::test]
    async fn a_file_that_stays_busy_or_is_none_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(folder.path().join("a.db")).create_if_missing(true);
        let _holder = writing(&options).await.unwrap();
        let given_up = when_free(|| writing(&options)).await.map(|_| ());
        assert!(matches!(given_up, Err(StoreError::Unavailable(_))), "{given_up:?}");

        let nowhere = SqliteConnectOptions::new().filename(folder.path().join("none").join("a.db"));
        let refused = when_free(|| writing(&nowhere)).await.map(|_| ());
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    }
}
