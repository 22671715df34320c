//! WHAT WAS SEEN: when sessions and devices were last used, and for what, gathered in memory and flushed in batches, so that a
//! check writes nothing. Losing it in a crash loses at most one batch, nothing else.

mod lives;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use self::lives::Lives;
pub use self::lives::Use;
use crate::clock::Timestamp;
use crate::metrics::counts::Counts;
use crate::model::device::DeviceUses;
use crate::model::tally::{Tally, minute};

/// Most browser sessions, and staff sessions, remembered between two flushes; beyond it the newest are not noted until the
/// next one.
const MOST: usize = 100_000;

/// Most uses that could not be written and wait for the next flush.
const MOST_WAITING: usize = 200_000;

/// One sign of life of a session, or of a browser session on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The device it is on, if it has one.
    pub device_id: Option<Uuid>,
    /// When.
    pub at: Timestamp,
    /// The address the device came from, where we saw it: a resource server's own is not the device's, what a client's own
    /// server asks comes from that server, and what a resource server tells is hearsay.
    pub address: Option<IpAddr>,
}

impl Seen {
    /// Keeps the latest time, and the latest address that was known.
    pub fn keep(&mut self, other: Self) {
        let (newer, older) = if other.at >= self.at { (other, *self) } else { (*self, other) };
        *self = Self { at: newer.at, address: newer.address.or(older.address), ..*self };
    }
}

/// Signs of life since the last flush, the latest per session, what devices were used for, and what was counted.
#[derive(Debug, Default)]
pub struct Activity {
    lives: Lives,
    waiting: Mutex<Vec<DeviceUses>>,
    /// Held while what was gathered is written: one at a time, and a stop waits for the one under way.
    pub flushing: tokio::sync::Mutex<()>,
    pages: Mutex<HashMap<Uuid, Seen>>,
    console: Mutex<HashMap<Uuid, Timestamp>>,
    tokens: Mutex<HashMap<String, i64>>,
    tallies: Mutex<HashMap<(Tally, Timestamp), i64>>,
}

impl Activity {
    /// Notes that a session lives.
    pub fn note(&self, session_id: Uuid, seen: Seen) {
        self.lives.note(session_id, seen, None);
    }

    /// Notes what a session was used for.
    pub fn used(&self, session_id: Uuid, used: &Use<'_>) {
        self.lives.note(session_id, used.seen, Some(used));
    }

    /// Takes everything noted so far: the latest sign of life of each session, and what devices were used for.
    pub fn take(&self) -> (Vec<(Uuid, Seen)>, Vec<DeviceUses>) {
        let (seen, mut uses) = self.lives.take();
        uses.append(&mut locked(&self.waiting));
        (seen, uses)
    }

    /// Keeps uses that could not be written for the next flush, as far as there is room.
    pub fn put_back(&self, uses: &[DeviceUses]) {
        let mut waiting = locked(&self.waiting);
        let room = MOST_WAITING.saturating_sub(waiting.len());
        waiting.extend(uses.iter().take(room).cloned());
    }

    /// Signs of life and uses that were never noted, because there was no room.
    #[must_use]
    pub fn overlooked(&self) -> &Counts {
        self.lives.overlooked()
    }

    /// Notes that a browser session was shown a page.
    pub fn note_page(&self, browser_session_id: Uuid, seen: Seen) {
        let mut pages = locked(&self.pages);
        let is_full = pages.len() >= MOST;
        match pages.entry(browser_session_id) {
            Entry::Occupied(mut entry) => entry.get_mut().keep(seen),
            Entry::Vacant(entry) if !is_full => {
                entry.insert(seen);
            }
            Entry::Vacant(_) => {}
        }
    }

    /// Takes the pages noted so far.
    pub fn take_pages(&self) -> Vec<(Uuid, Seen)> {
        mem::take(&mut *locked(&self.pages)).into_iter().collect()
    }

    /// Notes that a member of staff's session was shown a page.
    pub fn note_console(&self, staff_session_id: Uuid, at: Timestamp) {
        let mut all = locked(&self.console);
        if all.len() < MOST || all.contains_key(&staff_session_id) {
            all.insert(staff_session_id, at);
        }
    }

    /// Takes the console's pages noted so far.
    pub fn take_console(&self) -> Vec<(Uuid, Timestamp)> {
        locked(&self.console).drain().collect()
    }

    /// Counts a token a client got for itself.
    pub fn count_token(&self, client_id: &str) {
        let mut counts = locked(&self.tokens);
        match counts.get_mut(client_id) {
            Some(count) => *count += 1,
            None => {
                counts.insert(client_id.to_owned(), 1);
            }
        }
    }

    /// Takes the counts so far.
    pub fn take_tokens(&self) -> Vec<(String, i64)> {
        locked(&self.tokens).drain().collect()
    }

    /// Counts one of something that happens.
    pub fn count(&self, tally: Tally, at: Timestamp) {
        self.count_many(tally, at, 1);
    }

    /// Counts many at once.
    pub fn count_many(&self, tally: Tally, at: Timestamp, many: i64) {
        *locked(&self.tallies).entry((tally, minute(at))).or_default() += many;
    }

    /// Takes the counts so far, by minute.
    pub fn take_tallies(&self) -> Vec<((Tally, Timestamp), i64)> {
        locked(&self.tallies).drain().collect()
    }
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(second: i64, address: Option<&str>) -> Seen {
        let at = Timestamp::from_timestamp(second, 0).unwrap();
        Seen { device_id: Some(Uuid::max()), at, address: address.map(|text| text.parse().unwrap()) }
    }

    #[test]
    fn a_check_that_knows_no_address_does_not_wipe_out_one_that_is_known() {
        let activity = Activity::default();
        activity.note(Uuid::nil(), seen(1, Some("192.0.2.1")));
        activity.note(Uuid::nil(), seen(3, None));
        activity.note(Uuid::nil(), seen(2, None));
        assert_eq!(activity.take().0, [(Uuid::nil(), seen(3, Some("192.0.2.1")))]);
        assert_eq!(activity.take().0, []);

        activity.note_page(Uuid::nil(), seen(1, Some("192.0.2.1")));
        activity.note_page(Uuid::nil(), seen(2, Some("192.0.2.2")));
        assert_eq!(activity.take_pages(), [(Uuid::nil(), seen(2, Some("192.0.2.2")))]);
    }

    #[test]
    fn pages_are_bounded_and_known_ones_stay_fresh() {
        let activity = Activity::default();
        for id in 0..=MOST as u128 {
            activity.note_page(Uuid::from_u128(id), seen(1, None));
        }
        activity.note_page(Uuid::nil(), seen(2, None));
        let pages = activity.take_pages();
        assert_eq!(pages.len(), MOST);
        assert!(pages.contains(&(Uuid::nil(), seen(2, None))));
    }

    #[test]
    fn uses_that_were_put_back_come_again() {
        let activity = Activity::default();
        let once = Use { seen: seen(1, None), from: None, customer_id: "CUST_1", checker_id: "accounts" };
        activity.used(Uuid::nil(), &once);
        let (_, uses) = activity.take();
        activity.put_back(&uses);
        assert_eq!(activity.take(), (Vec::new(), uses));
        assert_eq!(activity.take(), (Vec::new(), Vec::new()));
    }
}
