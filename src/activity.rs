//! WHAT WAS SEEN: when sessions and devices were last used, gathered in memory and flushed in batches, so that a check
//! writes nothing. Losing it in a crash loses at most one batch of times, nothing else.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::tally::{Tally, minute};

/// Most sessions remembered between two flushes; beyond it the newest are not noted until the next one.
const MOST: usize = 100_000;

/// One sign of life of a session, or of a browser session on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The device it is on, if it has one.
    pub device_id: Option<Uuid>,
    /// When.
    pub at: Timestamp,
    /// The address the device came from, where we know it: a resource server's check does not tell, and what a client's own
    /// server asks comes from that server.
    pub address: Option<String>,
}

/// Keeps the latest time, and the latest address that was known.
fn keep(all: &mut HashMap<Uuid, Seen>, id: Uuid, seen: Seen) {
    let is_full = all.len() >= MOST;
    match all.entry(id) {
        Entry::Occupied(mut entry) => {
            let known = entry.get_mut();
            known.at = known.at.max(seen.at);
            known.address = seen.address.or(known.address.take());
        }
        Entry::Vacant(entry) if !is_full => {
            entry.insert(seen);
        }
        Entry::Vacant(_) => {}
    }
}

/// Signs of life since the last flush, the latest per session, and tokens given to clients, counted.
#[derive(Debug, Default)]
pub struct Activity {
    seen: Mutex<HashMap<Uuid, Seen>>,
    pages: Mutex<HashMap<Uuid, Seen>>,
    console: Mutex<HashMap<Uuid, Timestamp>>,
    tokens: Mutex<HashMap<String, i64>>,
    tallies: Mutex<HashMap<(Tally, Timestamp), i64>>,
}

impl Activity {
    /// Notes that a session was used.
    pub fn note(&self, session_id: Uuid, seen: Seen) {
        keep(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner), session_id, seen);
    }

    /// Takes everything noted so far.
    pub fn take(&self) -> Vec<(Uuid, Seen)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }

    /// Notes that a browser session was shown a page.
    pub fn note_page(&self, browser_session_id: Uuid, seen: Seen) {
        keep(&mut self.pages.lock().unwrap_or_else(PoisonError::into_inner), browser_session_id, seen);
    }

    /// Takes the pages noted so far.
    pub fn take_pages(&self) -> Vec<(Uuid, Seen)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_knows_no_address_does_not_wipe_out_one_that_is_known() {
        let seen = |second, address: Option<&str>| Seen {
            device_id: Some(Uuid::max()),
            at: Timestamp::from_timestamp(second, 0).unwrap(),
            address: address.map(str::to_owned),
        };
        let activity = Activity::default();
        activity.note(Uuid::nil(), seen(1, Some("192.0.2.1")));
        activity.note(Uuid::nil(), seen(3, None));
        activity.note(Uuid::nil(), seen(2, None));
        assert_eq!(activity.take(), [(Uuid::nil(), seen(3, Some("192.0.2.1")))]);
        assert_eq!(activity.take(), []);

        activity.note_page(Uuid::nil(), seen(1, Some("192.0.2.1")));
        activity.note_page(Uuid::nil(), seen(2, Some("192.0.2.2")));
        assert_eq!(activity.take_pages(), [(Uuid::nil(), seen(2, Some("192.0.2.2")))]);
    }

    #[test]
    fn what_is_gathered_is_bounded_and_known_ones_stay_fresh() {
        let mut all = HashMap::new();
        let seen = |second| Seen { device_id: None, at: Timestamp::from_timestamp(second, 0).unwrap(), address: None };
        for id in 0..=MOST as u128 {
            keep(&mut all, Uuid::from_u128(id), seen(1));
        }
        keep(&mut all, Uuid::nil(), seen(2));
        assert_eq!((all.len(), &all[&Uuid::nil()]), (MOST, &seen(2)));
    }
}
