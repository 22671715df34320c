//! WHAT WAS SEEN: when sessions and devices were last used, gathered in memory and flushed in batches, so that a check
//! writes nothing. Losing it in a crash loses at most one batch of times, nothing else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::tally::{Tally, minute};

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

/// Signs of life since the last flush, the latest per session, and tokens given to clients, counted.
#[derive(Debug, Default)]
pub struct Activity {
    seen: Mutex<HashMap<Uuid, Seen>>,
    pages: Mutex<HashMap<Uuid, Timestamp>>,
    console: Mutex<HashMap<Uuid, Timestamp>>,
    tokens: Mutex<HashMap<String, i64>>,
    tallies: Mutex<HashMap<(Tally, Timestamp), i64>>,
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

    /// Notes that a browser session was shown a page.
    pub fn note_page(&self, browser_session_id: Uuid, at: Timestamp) {
        let mut all = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST || all.contains_key(&browser_session_id) {
            all.insert(browser_session_id, at);
        }
    }

    /// Takes the pages noted so far.
    pub fn take_pages(&self) -> Vec<(Uuid, Timestamp)> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }

    /// Notes that a member of staff's session was shown a page.
    pub fn note_console(&self, staff_session_id: Uuid, at: Timestamp) {
        let mut all = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST || all.contains_key(&staff_session_id) {
            all.insert(staff_session_id, at);
        }
    }

    /// Takes the console's pages noted so far.
    pub fn take_console(&self) -> Vec<(Uuid, Timestamp)> {
        self.console.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }

    /// Counts a token a client got for itself.
    pub fn count_token(&self, client_id: &str) {
        let mut counts = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(client_id) {
            Some(count) => *count += 1,
            None => {
                counts.insert(client_id.to_owned(), 1);
            }
        }
    }

    /// Takes the counts so far.
    pub fn take_tokens(&self) -> Vec<(String, i64)> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }

    /// Counts one of something that happens.
    pub fn count(&self, tally: Tally, at: Timestamp) {
        let mut counts = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((tally, minute(at))).or_default() += 1;
    }

    /// Takes the counts so far, by minute.
    pub fn take_tallies(&self) -> Vec<((Tally, Timestamp), i64)> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}
