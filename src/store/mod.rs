//! WHAT IS TRUE: SQL, one file per group of tables. Only `engine`, `opening` and `migrations` know two engines; the
//! others are plain functions over a connection, each query written once. Nothing here decides: policy does.

pub mod audit;
pub mod backup;
pub mod browser_sessions;
pub mod clients;
pub mod codes;
pub mod consents;
pub mod customers;
mod deadline;
pub mod device_activity;
pub mod devices;
pub mod engine;
pub mod epochs;
pub mod facts;
pub mod feed;
pub mod hints;
pub mod idempotency;
pub mod incidents;
pub mod logins;
mod many;
pub mod migrations;
pub mod nodes;
mod opening;
mod params;
pub mod revoked_tokens;
mod rows;
pub mod seen;
mod server;
pub mod sessions;
pub mod staff;
pub mod staff_sessions;
pub mod subjects;
pub mod tallies;
pub mod throttles;
mod together;
pub mod turns;
pub mod waits;

pub use engine::{Conn, Db};
pub use together::Urgency;

/// Why the truth could not be read or written. Never carries values, only phrases.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is out of reach, too slow, or has no connection left. Nothing is known to have happened.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// The answer to COMMIT was lost: it may or may not have happened.
    #[error("the answer to COMMIT was lost: {0}")]
    CommitUnknown(String),
    /// A unique name is taken.
    #[error("a name is taken")]
    Taken,
    /// The database refused the statement.
    #[error("the database refused: {0}")]
    Refused(String),
    /// The database shows an older state of the same history than it has shown before: a backup was put back.
    #[error("the database is older than it was: run `rescind restored`")]
    Older,
    /// A stored value is not what it should be.
    #[error("the column {0} holds something unreadable")]
    Unreadable(&'static str),
}
