//! WHAT HAPPENS: one verb, one function, one transaction. Expected results are values; only what went wrong with the
//! store, the hash pool or the keys is a [`Fault`].

pub mod about;
pub mod allowance;
pub mod audit;
pub mod authorize;
pub mod bearer;
pub mod caller;
mod claims;
pub mod client;
pub mod client_auth;
pub mod client_credentials;
pub mod code;
pub mod consent;
pub mod customer;
pub mod figures;
mod found;
pub mod incidents;
pub mod introspect;
pub mod life;
pub mod lockdown;
pub mod login;
pub mod measures;
pub mod new_password;
pub mod pages;
pub mod receipts;
pub mod refresh;
pub mod refusal;
pub mod restored;
pub mod revoke;
pub mod search;
pub mod sessions;
pub mod staff;
pub mod staff_session;
pub mod taking_back;
pub mod tokens;
mod tries;
pub mod unlock;

use crate::app::App;
use crate::metrics::label::{SignIn, TakenBack};
use crate::secret::password::HashError;
use crate::store::{Conn, StoreError};
use crate::view::confirm::Unproven;

/// Something we rely on failed. The caller is told to come back; the log says what it was.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was taken back is not surely known right now.
    #[error("no lease: what was taken back is not surely known")]
    NotFresh,
    /// What was taken back is stored, and not surely known everywhere. Repeating is safe.
    #[error("stored, but not confirmed: {0}")]
    Unproven(#[from] Unproven),
    /// Too many checks wait for the database.
    #[error("too many checks wait for the database")]
    Crowded,
    /// All hash threads are busy and the queue is full.
    #[error("too many sign-ins at once")]
    Busy,
    /// A hash could not be made or read.
    #[error("password hash: {0}")]
    Hash(HashError),
    /// An answer could not be written down.
    #[error("answer: {0}")]
    Unwritable(#[from] serde_json::Error),
    /// The list of breached passwords could not be read.
    #[error("list of breached passwords: {0}")]
    Breached(std::io::Error),
}

/// Ends a transaction that takes back, and waits until no node can overlook it. Every error means: not proven.
async fn commit_everywhere(app: &App, tx: Conn, what: TakenBack) -> Result<(), Unproven> {
    let watch = app.clock.start();
    let proven = async {
        let told = tx.commit_told().await?;
        app.checks.node.confirm(told).await.map(|_| ())
    };
    let proven = proven.await;
    app.metrics.took_back(what, proven.is_ok().then(|| watch.elapsed()));
    proven
}

impl Fault {
    /// What a sign-in that came to this is counted as.
    fn of_sign_in(&self) -> SignIn {
        if matches!(self, Self::Busy) { SignIn::Busy } else { SignIn::Failed }
    }
}

impl From<HashError> for Fault {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::TooLong | HashError::Failed(_) => Self::Hash(error),
        }
    }
}
