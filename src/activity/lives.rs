//! Signs of life of sessions: the latest of each, and what it was used for. Spread over many locks, so that the processor's
//! cores, each with checks of its own, hardly ever wait for each other.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use super::Seen;
use crate::clock::Timestamp;
use crate::metrics::counts::Counts;
use crate::metrics::label::Alone;
use crate::model::device::DeviceUses;
use crate::model::network::subscriber;
use crate::model::tally::minute;

/// Locks among which the sessions are spread.
const SHARDS: usize = 64;

/// Most sessions of one shard between two flushes, 131,072 in all; beyond it the newest are not noted until the next one.
const MOST: usize = 2_048;

/// Most kinds of use of one session between two flushes: resource servers, addresses and minutes. More are counted without
/// their addresses, so that whoever changes them all the time hides nothing else.
const MOST_USES: usize = 32;

/// Kinds without an address that there is room for beyond those.
const RESERVE: usize = 16;

/// A session's token was found good for somebody.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// When, and on which device.
    pub seen: Seen,
    /// From where, as the one who asked tells.
    pub from: Option<IpAddr>,
    /// Whose device.
    pub customer_id: &'a str,
    /// Who asked about the token.
    pub checker_id: &'a str,
}

/// What is known of a session since the last flush.
#[derive(Debug)]
struct Life {
    seen: Seen,
    /// Whose device; empty until it was used.
    customer_id: Box<str>,
    uses: Vec<Uses>,
}

/// Uses of one kind.
#[derive(Debug)]
struct Uses {
    /// Within the minute that this instant falls into.
    at: Timestamp,
    checker_id: Box<str>,
    address: Option<IpAddr>,
    count: i64,
}

/// All sessions' signs of life.
#[derive(Debug)]
pub(super) struct Lives {
    shards: Box<[Mutex<HashMap<Uuid, Life>>]>,
    overlooked: Counts,
}

impl Default for Lives {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), overlooked: Counts::default() }
    }
}

impl Lives {
    /// Notes a sign of life, and what it was a use for, if that is known.
    pub(super) fn note(&self, session_id: Uuid, seen: Seen, used: Option<&Use<'_>>) {
        // The low bits of a session's id are random.
        let shard = usize::try_from(session_id.as_u128() % SHARDS as u128).unwrap_or_default();
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = shard.len() >= MOST;
        let life = match shard.entry(session_id) {
            Entry::Occupied(entry) => {
                let life = entry.into_mut();
                life.seen.keep(seen);
                life
            }
            Entry::Vacant(entry) if !is_full => {
                entry.insert(Life { seen, customer_id: Box::default(), uses: Vec::new() })
            }
            Entry::Vacant(_) => return self.overlook(),
        };
        // What a client gets for itself is on no device.
        let used = used.filter(|used| used.seen.device_id.is_some());
        if used.is_some_and(|used| !life.count(used)) {
            self.overlook();
        }
    }

    /// Takes everything noted so far: the latest sign of life of each session, and what devices were used for.
    pub(super) fn take(&self) -> (Vec<(Uuid, Seen)>, Vec<DeviceUses>) {
        let (mut all, mut uses) = (Vec::new(), Vec::new());
        for shard in &*self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            // As much room as was needed this time.
            let room = HashMap::with_capacity(shard.len());
            let taken = mem::replace(&mut *shard, room);
            drop(shard);
            for (session_id, life) in taken {
                all.push((session_id, life.seen));
                life.tell(&mut uses);
            }
        }
        (all, uses)
    }

    /// Signs of life and uses that there was no room for.
    pub(super) fn overlooked(&self) -> &Counts {
        &self.overlooked
    }

    fn overlook(&self) {
        self.overlooked.add(Alone);
    }
}

impl Life {
    /// Counts a use; false if there is no room for its kind.
    fn count(&mut self, used: &Use<'_>) -> bool {
        let address = used.from.map(subscriber);
        self.add(used, address, MOST_USES) || self.add(used, None, MOST_USES + RESERVE)
    }

    fn add(&mut self, used: &Use<'_>, address: Option<IpAddr>, most: usize) -> bool {
        let at = used.seen.at;
        let fits = |uses: &&mut Uses| {
            uses.address == address && is_same_minute(uses.at, at) && *uses.checker_id == *used.checker_id
        };
        // The newest is the likeliest.
        if let Some(uses) = self.uses.iter_mut().rev().find(fits) {
            uses.count += 1;
            return true;
        }
        if self.uses.len() >= most {
            return false;
        }
        if self.customer_id.is_empty() {
            self.customer_id = used.customer_id.into();
        }
        self.uses.push(Uses { at, checker_id: used.checker_id.into(), address, count: 1 });
        true
    }

    /// Says what the device was used for.
    fn tell(self, all: &mut Vec<DeviceUses>) {
        let Some(device_id) = self.seen.device_id else { return };
        all.extend(self.uses.into_iter().map(|uses| DeviceUses {
            customer_id: self.customer_id.to_string(),
            at_minute: minute(uses.at),
            device_id: device_id.to_string(),
            checker_id: uses.checker_id.into(),
            address: uses.address.map(|address| address.to_string()).unwrap_or_default(),
            count: uses.count,
        }));
    }
}

fn is_same_minute(a: Timestamp, b: Timestamp) -> bool {
    a.timestamp().div_euclid(60) == b.timestamp().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        chrono::DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn seen(seconds: i64) -> Seen {
        Seen { device_id: Some(Uuid::from_u128(9)), at: at(seconds), address: None }
    }

    fn used(lives: &Lives, session: u128, (seconds, from): (i64, Option<&str>), checker_id: &str) {
        let (seen, from) = (seen(seconds), from.map(|text| text.parse().unwrap()));
        lives.note(Uuid::from_u128(session), seen, Some(&Use { seen, from, customer_id: "CUST_1", checker_id }));
    }

    /// Address, asker, minute and count of everything used.
    fn told(lives: &Lives) -> Vec<(String, String, i64, i64)> {
        let mut all: Vec<_> = lives.take().1.into_iter().collect();
        all.sort_unstable();
        let minutes = |uses: &DeviceUses| (uses.at_minute - at(0)).num_minutes();
        all.into_iter()
            .map(|uses| (uses.address.clone(), uses.checker_id.clone(), minutes(&uses), uses.count))
            .collect()
    }

    fn overlooked(lives: &Lives) -> u64 {
        lives.overlooked().total()
    }

    #[test]
    fn uses_are_counted_by_asker_address_and_minute() {
        let lives = Lives::default();
        for (seconds, address, checker) in [
            (0, None, "accounts"),
            (59, None, "accounts"),
            (60, None, "accounts"),
            (60, None, "cards"),
            (1, None, "accounts"),
            (61, Some("192.0.2.1"), "cards"),
        ] {
            used(&lives, 1, (seconds, address), checker);
        }
        let line =
            |address: &str, checker: &str, minute, count| (address.to_owned(), checker.to_owned(), minute, count);
        assert_eq!(
            told(&lives),
            [
                line("", "accounts", 0, 3),
                line("", "accounts", 1, 1),
                line("", "cards", 1, 1),
                line("192.0.2.1", "cards", 1, 1),
            ]
        );
        assert_eq!(told(&lives), []);
        assert_eq!(overlooked(&lives), 0);
    }

    #[test]
    fn a_sign_of_life_that_is_no_use_counts_as_none() {
        let lives = Lives::default();
        lives.note(Uuid::from_u128(1), seen(5), None);
        let (seen_then, uses) = lives.take();
        assert_eq!(seen_then, [(Uuid::from_u128(1), seen(5))]);
        assert_eq!(uses, []);
    }

    #[test]
    fn of_an_address_only_what_tells_the_subscriber_is_kept() {
        let lives = Lives::default();
        for address in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2:0:0:1", "2001:db8:0:1::1"] {
            used(&lives, 1, (0, Some(address)), "accounts");
        }
        let line = |address: &str, count| (address.to_owned(), "accounts".to_owned(), 0, count);
        assert_eq!(told(&lives), [line("192.0.2.1", 2), line("2001:db8:0:1::", 1), line("2001:db8::", 2)]);
    }

    #[test]
    fn whoever_changes_addresses_all_the_time_hides_no_use() {
        let lives = Lives::default();
        for at in 0..100 {
            used(&lives, 1, (0, Some(&format!("192.0.2.{at}"))), "accounts");
        }
        used(&lives, 1, (0, Some("192.0.2.1")), "payments");
        let all = told(&lives);
        assert!(all.contains(&(String::new(), "payments".to_owned(), 0, 1)), "{all:?}");
        assert_eq!(all.iter().map(|(_, _, _, count)| count).sum::<i64>(), 101);
        assert_eq!(overlooked(&lives), 0);
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_as_overlooked() {
        let lives = Lives::default();
        let most = MOST_USES + RESERVE;
        for checker in 0..=most {
            used(&lives, 1, (0, None), &format!("checker-{checker}"));
        }
        assert_eq!(overlooked(&lives), 1);
        // All in one shard.
        for session in 0..=MOST {
            used(&lives, (session * SHARDS) as u128, (0, None), "accounts");
        }
        assert_eq!(overlooked(&lives), 2);
        assert_eq!(told(&lives).len(), most + MOST);
    }
}
