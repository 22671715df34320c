//! Copies in this process: a bounded map in shards. The one to go is the next that was not used since the hand passed it
//! last. A miss is filled by one reader for each key, and by few at once, so that a lost cache floods nobody: who would
//! have to wait long is told to come back.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::said::Said;
use crate::model::feed::AsOf;

const SHARDS: usize = 16;
/// Keys that share a gate wait for each other's refill.
const GATES: usize = 256;
/// Longest wait for a turn, and again for a refill.
const PATIENCE: Duration = Duration::from_secs(1);

/// A value as it was read, and what had surely been applied before that read was sent.
#[derive(Debug)]
pub struct Copied<V> {
    /// The value.
    pub value: V,
    /// What the view had applied.
    pub as_of: AsOf,
    /// The last answer that was made of it.
    pub said: Said,
}

impl<V> Copied<V> {
    /// A copy of which no answer was made yet.
    pub fn new(value: V, as_of: AsOf) -> Self {
        Self { value, as_of, said: Said::default() }
    }
}

/// One place of a shard.
#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    copy: Arc<Copied<V>>,
    is_used: AtomicBool,
}

#[derive(Debug)]
struct Shard<K, V> {
    places: HashMap<K, usize>,
    slots: Vec<Slot<K, V>>,
    hand: usize,
}

/// The cache.
#[derive(Debug)]
pub struct Near<K, V> {
    shards: Vec<RwLock<Shard<K, V>>>,
    most_each: usize,
    hasher: RandomState,
    gates: Vec<Mutex<()>>,
    refills: Semaphore,
}

/// The right to look further for one key.
#[derive(Debug)]
pub struct Turn<'a> {
    _gate: MutexGuard<'a, ()>,
}

/// The right to ask the database.
#[derive(Debug)]
pub struct Refill<'a> {
    _permit: SemaphorePermit<'a>,
}

/// Too many are asking: the caller is to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded;

impl<K: Clone + Eq + Hash, V> Near<K, V> {
    /// Room for about so many, filled by so many at once: the rest of the database's connections are for everybody else.
    #[must_use]
    pub fn new(most: usize, refills: usize) -> Self {
        let shard = || RwLock::new(Shard { places: HashMap::new(), slots: Vec::new(), hand: 0 });
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            most_each: (most / SHARDS).max(1),
            hasher: RandomState::new(),
            gates: (0..GATES).map(|_| Mutex::new(())).collect(),
            refills: Semaphore::new(refills),
        }
    }

    fn spread(&self, key: &K, among: usize) -> usize {
        usize::try_from(self.hasher.hash_one(key)).unwrap_or(0) % among
    }

    /// The copy of a key. Whether it may be used, the view says.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Arc<Copied<V>>> {
        let shard = self.shards[self.spread(key, SHARDS)].read().unwrap_or_else(PoisonError::into_inner);
        let slot = shard.places.get(key).and_then(|at| shard.slots.get(*at))?;
        // Written only when it changes: readers on other cores keep their line.
        if !slot.is_used.load(Ordering::Relaxed) {
            slot.is_used.store(true, Ordering::Relaxed);
        }
        Some(slot.copy.clone())
    }

    /// Keeps a copy in the place of the one before. One that was read later stays.
    pub fn put(&self, key: K, copy: Arc<Copied<V>>) {
        let most = self.most_each;
        let mut shard = self.shards[self.spread(&key, SHARDS)].write().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = shard.places.get(&key).copied() {
            if let Some(slot) = shard.slots.get_mut(at).filter(|slot| is_older(slot.copy.as_of, copy.as_of)) {
                slot.copy = copy;
            }
            return;
        }
        let slot = Slot { key: key.clone(), copy, is_used: AtomicBool::new(false) };
        if shard.slots.len() < most {
            shard.slots.push(slot);
            let at = shard.slots.len() - 1;
            shard.places.insert(key, at);
            return;
        }
        let at = shard.next_unused();
        let gone = std::mem::replace(&mut shard.slots[at], slot);
        shard.places.remove(&gone.key);
        shard.places.insert(key, at);
    }

    /// Waits for the turn of a key: one at a time looks further.
    pub async fn turn(&self, key: &K) -> Result<Turn<'_>, Crowded> {
        let gate = timeout(PATIENCE, self.gates[self.spread(key, GATES)].lock()).await;
        gate.map(|gate| Turn { _gate: gate }).map_err(|_| Crowded)
    }

    /// Waits for the right to ask the database: few do at once.
    pub async fn refill(&self) -> Result<Refill<'_>, Crowded> {
        let permit = timeout(PATIENCE, self.refills.acquire()).await.map_err(|_| Crowded)?;
        // Closed by nobody.
        permit.map(|permit| Refill { _permit: permit }).map_err(|_| Crowded)
    }

    /// How many copies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).slots.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V> Shard<K, V> {
    /// The place whose copy goes. Ends after at most one round: the hand takes away the marks it passes.
    fn next_unused(&mut self) -> usize {
        loop {
            let at = self.hand % self.slots.len();
            self.hand = at + 1;
            if !self.slots[at].is_used.swap(false, Ordering::Relaxed) {
                return at;
            }
        }
    }
}

/// Whether the first was read before the second, or as early.
fn is_older(kept: AsOf, new: AsOf) -> bool {
    (kept.life, kept.number) <= (new.life, new.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(value: u32, number: i64) -> Arc<Copied<u32>> {
        Arc::new(Copied::new(value, AsOf { life: 1, number }))
    }

    #[test]
    fn what_was_put_is_found_and_an_older_reading_does_not_replace_a_newer() {
        let near = Near::new(100, 1);
        assert!(near.get(&1).is_none() && near.is_empty());
        near.put(1, copy(10, 5));
        near.put(1, copy(11, 4));
        assert_eq!(near.get(&1).unwrap().value, 10);
        near.put(1, copy(12, 5));
        assert_eq!(near.get(&1).unwrap().value, 12);
        near.put(1, Arc::new(Copied::new(13, AsOf { life: 2, number: 0 })));
        assert_eq!((near.get(&1).unwrap().value, near.len()), (13, 1));
    }

    #[test]
    fn it_never_grows_beyond_its_room_and_keeps_what_is_used() {
        let near = Near::new(SHARDS * 10, 1);
        near.put(0, copy(0, 0));
        for n in 1..10_000 {
            assert!(near.get(&0).is_some(), "the one that is always used goes at {n}");
            near.put(n, copy(n, 0));
            assert!(near.len() <= SHARDS * 10);
        }
        assert_eq!(near.len(), SHARDS * 10);
        let kept = (0..10_000).filter(|n| near.get(n).is_some_and(|copy| copy.value == *n)).count();
        assert_eq!(kept, SHARDS * 10, "every place is found under its own key");
    }

    #[tokio::test]
    async fn of_many_who_miss_the_same_key_one_fills_it() {
        let near: Arc<Near<u32, u32>> = Arc::new(Near::new(100, 8));
        let fills = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (near, fills) = (near.clone(), fills.clone());
            tasks.spawn(async move {
                let _turn = near.turn(&7).await.unwrap();
                if near.get(&7).is_none() {
                    fills.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    near.put(7, copy(1, 1));
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(fills.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn who_would_wait_long_is_told_to_come_back() {
        let near: Near<u32, u32> = Near::new(100, 8);
        let mut under_way = Vec::new();
        for _ in 0..8 {
            under_way.push(near.refill().await.unwrap());
        }
        let turn = near.turn(&7).await;
        let (refused, other) = tokio::join!(near.refill(), near.turn(&7));
        assert_eq!((refused.err(), other.err()), (Some(Crowded), Some(Crowded)));
        under_way.pop();
        drop(turn);
        assert!(near.refill().await.is_ok() && near.turn(&7).await.is_ok());
    }
}
