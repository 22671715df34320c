//! Counts of this process. Memory is bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::gcra::{Allowance, Wait};
use super::rules::Rule;

/// Locks among which the keys are spread.
const SHARDS: usize = 32;

/// Most keys of one shard: half a million keys in all, at about 20 bytes each.
const MOST_KEYS: usize = 16_384;

/// Hash of rule and key, and the theoretical arrival time in Unix nanoseconds.
type Shard = HashMap<u64, i64>;

/// The counts. A full shard never refuses anybody: it forgets keys that have their whole allowance back, which
/// changes nothing, and, should that not be enough, the half of the others that has used the smallest part of its allowance.
/// So heavy users stay counted, and whoever wants to be forgotten must bring half a million addresses within a minute.
///
/// Keys are kept as 64-bit hashes under a random key of this process, so a key's length costs no memory.
#[derive(Debug)]
pub(super) struct Here {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

impl Here {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Takes one of `key`'s allowance under `rule`. `floor`: every key's arrival time is at least this. Refused without
    /// taking when nothing is left: a caller that keeps asking does not lock itself out.
    pub(super) fn take(
        &self,
        (rule, key): (Rule, &str),
        allowance: Allowance,
        floor: i64,
        now: i64,
    ) -> Result<(), Wait> {
        let (hash, mut shard) = self.shard(rule, key);
        let taken = allowance.take(shard.get(&hash).copied(), floor, now);
        if let Some(arrival) = taken.kept {
            keep(&mut shard, hash, arrival, now);
        }
        taken.answer
    }

    /// Notes that a key has used everything up.
    pub(super) fn use_up(&self, (rule, key): (Rule, &str), allowance: Allowance, now: i64) {
        let (hash, mut shard) = self.shard(rule, key);
        keep(&mut shard, hash, now.saturating_add(allowance.whole), now);
    }

    fn shard(&self, rule: Rule, key: &str) -> (u64, MutexGuard<'_, Shard>) {
        let hash = self.hasher.hash_one((rule, key));
        let shard = usize::try_from(hash >> 48).unwrap_or_default() % SHARDS;
        (hash, self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn keep(shard: &mut Shard, hash: u64, arrival: i64, now: i64) {
    if shard.len() >= MOST_KEYS && !shard.contains_key(&hash) {
        forget(shard, now);
    }
    shard.insert(hash, arrival);
}

/// Makes room in a full shard: at least half of it is free afterwards, so a flood of new keys pays for this once in thousands.
fn forget(shard: &mut Shard, now: i64) {
    shard.retain(|_, arrival| *arrival > now);
    if shard.len() <= MOST_KEYS / 2 {
        return;
    }
    let mut arrivals: Vec<i64> = shard.values().copied().collect();
    // Every rule gives its whole allowance back in a minute: the later the arrival, the larger the part used.
    let (_, middle, _) = arrivals.select_nth_unstable(MOST_KEYS / 2);
    let middle = *middle;
    shard.retain(|_, arrival| *arrival > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(here: &Here, key: &str) -> Result<(), Wait> {
        let rule = Rule::SignInPerAddress;
        here.take((rule, key), Allowance::of(rule, 1, 1), 0, 1_800_000_000_000_000_000)
    }

    #[test]
    fn a_full_shard_keeps_those_who_used_most_and_refuses_nobody() {
        let here = Here::new();
        assert_eq!((0..100).filter(|_| take(&here, "heavy").is_ok()).count(), 60);
        for n in 0..SHARDS * MOST_KEYS * 2 {
            assert!(take(&here, &n.to_string()).is_ok());
        }
        assert!(take(&here, "heavy").is_err());
        let kept = here.shards.iter().map(|shard| shard.lock().unwrap().len()).max().unwrap();
        assert!(kept <= MOST_KEYS);
    }

    #[test]
    fn keys_with_their_whole_allowance_back_are_forgotten_first() {
        let mut shard: Shard = (0..MOST_KEYS as u64).map(|n| (n, if n < 10 { 200 } else { 100 })).collect();
        forget(&mut shard, 100);
        assert_eq!(shard.len(), 10);
    }
}
