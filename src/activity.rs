//! WHAT WAS SEEN: when sessions and devices were last used, gathered in memory and flushed in batches, so that a check
//! writes nothing. Losing it in a crash loses at most one batch of times, nothing else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::Timestamp;

/// Most sessions remembered between two flushes; beyond it the newest are not noted until the next one.
const MOST: usize = 100_000;

/// One sign of life of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The device it is on, if it has one.
    pub device_id: Option<Uuid>,
    /// When.
    pub at: Timestamp,
    /// The address the person came from, where we know it (a resource server's check does not tell).
    pub address: Option<String>,
}

/// Signs of life since the last flush, the latest per session.
#[derive(Debug, Default)]
pub struct Activity {
    seen: Mutex<HashMap<Uuid, Seen>>,
}

impl Activity {
    /// Notes that a session was used.
    pub fn note(&self, session_id: Uuid, seen: Seen) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST || all.contains_key(&session_id) {
            all.insert(session_id, seen);
        }
    }

    /// Takes everything noted so far.
    pub fn take(&self) -> Vec<(Uuid, Seen)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}
