//! Hashes and checks the passwords people choose. Says right or wrong and nothing else; a check costs one argon2id run
//! whether or not the user exists, and at most so many run at once.
//!
//! A hash of ours is the PHC string `$argon2id$v=19$m=..,t=..,p=1,keyid=..$salt$hash` of HMAC-SHA256 of the password
//! (Unicode NFC) under a key made from the pepper. `keyid` names that pepper: a hash without it was imported.

mod pool;
mod stored;
mod worker;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use self::pool::Pool;
pub use self::pool::Queue;
pub use self::stored::looks_like_hash;
use self::worker::Worker;
use super::keys::Pepper;
use super::text::SecretText;

/// The longest password, in bytes: more than anyone types, little enough to normalise at once.
const LONGEST: usize = 1024;

/// What one argon2id run costs (RFC 9106). Parallelism is always 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB, from 8 to 1 GiB.
    pub memory_kib: u32,
    /// Passes over the memory, from 1 to 10.
    pub passes: u32,
}

impl Default for Cost {
    /// 19 MiB and two passes: OWASP's Password Storage Cheat Sheet.
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2 }
    }
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not the password, or nobody has one.
    Wrong,
    /// The password.
    Right,
    /// The password, but hashed by another method, cost or without pepper: hash it anew and store that.
    RightButOld,
}

/// Why a password was neither hashed nor checked.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HashError {
    /// As many hashes run and wait as may. Worth trying again in a moment.
    #[error("too many passwords are being checked")]
    Busy,
    /// The password has more than 1024 bytes.
    #[error("the password is longer than 1024 bytes")]
    TooLong,
    /// A fault, in words that contain neither password nor hash.
    #[error("hashing failed: {0}")]
    Failed(&'static str),
}

/// Hashes and checks passwords, a few at a time, on the threads for blocking work.
pub struct Hasher {
    worker: Arc<Worker>,
    pool: Pool,
}

impl Hasher {
    /// At most `at_once` hashes run (at least one) and at most `waiting` more wait. Keeps the memory of `at_once` runs.
    /// A cost out of bounds becomes the nearest within them.
    #[must_use]
    pub fn new(pepper: &Pepper, cost: Cost, at_once: usize, waiting: usize) -> Self {
        Self { worker: Arc::new(Worker::new(pepper, cost, at_once)), pool: Pool::new(at_once, waiting) }
    }

    /// A new hash with a random salt, as a PHC string. `TooLong` above 1024 bytes; nothing is ever cut off.
    pub async fn hash(&self, password: &SecretText) -> Result<String, HashError> {
        if password.expose().len() > LONGEST {
            return Err(HashError::TooLong);
        }
        let (worker, password) = (Arc::clone(&self.worker), password.clone());

        self.pool.run(move || worker.hash(password.expose())).await?
    }

    /// Compares a password with the stored hash, `None` for a user who has none or does not exist. Always one argon2
    /// run, of the default cost unless the stored hash names another; a bcrypt hash costs its bcrypt run besides.
    ///
    /// `Failed` also says that the stored hash can't be read or has another pepper: neither is the user's doing.
    pub async fn verify(&self, password: &SecretText, stored: Option<&str>) -> Result<Verdict, HashError> {
        let (worker, password) = (Arc::clone(&self.worker), password.clone());
        let stored = stored.map(str::to_owned);

        self.pool.run(move || worker.verify(password.expose(), stored.as_deref())).await?
    }

    /// The queue for hash threads.
    #[must_use]
    pub fn queue(&self) -> Queue {
        self.pool.queue()
    }

    /// How many argon2 runs there were since the start.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.worker.runs()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("runs", &self.runs()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
