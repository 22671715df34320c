//! The generic cell rate algorithm (ITU-T I.371, annex A): per key one number, the theoretical arrival time at which the key
//! has its whole allowance back. No queue, no window edges, and memory is bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::rules::Rule;
use crate::clock::Timestamp;

/// Locks among which the keys are spread.
const SHARDS: usize = 32;

/// Most keys of one shard: half a million keys in all, at about 20 bytes each.
const MOST_KEYS: usize = 16_384;

/// The span over which a whole allowance comes back, in nanoseconds.
const MINUTE: i64 = 60_000_000_000;

/// Hash of rule and key, and the theoretical arrival time in Unix nanoseconds.
type Shard = HashMap<u64, i64>;

/// Time until one more is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub Duration);

impl Wait {
    /// Whole seconds, rounded up, at least 1: the value of `Retry-After` (RFC 9110 §10.2.3).
    #[must_use]
    pub fn seconds(self) -> u64 {
        (self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)).max(1)
    }
}

/// Counts of this process. A full shard never refuses anybody: it forgets keys that have their whole allowance back, which
/// changes nothing, and, should that not be enough, the half of the others that has used the smallest part of its allowance.
/// So heavy users stay counted, and whoever wants to be forgotten must bring half a million addresses within a minute.
///
/// Keys are kept as 64-bit hashes under a random key of this process, so a key's length costs no memory.
#[derive(Debug)]
pub struct Limits {
    scale: u32,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

impl Limits {
    /// Empty counts. `scale` multiplies every allowance of the table; 0 counts as 1.
    #[must_use]
    pub fn new(scale: u32) -> Self {
        Self { scale: scale.max(1), hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Takes one of `key`'s allowance under `rule`. Refused without taking when nothing is left: a caller that keeps asking
    /// does not lock itself out.
    pub fn take(&self, rule: Rule, key: &str, now: Timestamp) -> Result<(), Wait> {
        let hash = self.hasher.hash_one((rule, key));
        let shard = usize::try_from(hash >> 48).unwrap_or_default() % SHARDS;
        let now = now.timestamp_millis().saturating_mul(1_000_000);
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);

        let arrival = self.allowance(rule).arrival(shard.get(&hash).copied(), now)?;
        if shard.len() >= MOST_KEYS && !shard.contains_key(&hash) {
            forget(&mut shard, now);
        }
        shard.insert(hash, arrival);
        Ok(())
    }

    fn allowance(&self, rule: Rule) -> Allowance {
        let scale = i64::from(self.scale);
        let per_minute = i64::from(rule.per_minute()) * scale;
        // Rounded up: never more than the table says.
        let interval = (MINUTE + per_minute - 1) / per_minute;
        Allowance { interval, whole: interval.saturating_mul(i64::from(rule.burst()) * scale) }
    }
}

/// An allowance in time, nanoseconds.
#[derive(Clone, Copy)]
struct Allowance {
    /// In which one comes back.
    interval: i64,
    /// In which all come back.
    whole: i64,
}

impl Allowance {
    /// The arrival time after taking one more, or how long until one more may be taken. A stored time further ahead than a
    /// whole allowance means that the clock went back; it counts as everything used.
    fn arrival(self, stored: Option<i64>, now: i64) -> Result<i64, Wait> {
        let full = now.saturating_add(self.whole);
        let arrival = stored.unwrap_or(now).clamp(now, full).saturating_add(self.interval);
        let over = u64::try_from(arrival - full).unwrap_or(0);
        if over == 0 { Ok(arrival) } else { Err(Wait(Duration::from_nanos(over))) }
    }
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

/// The key of an address: IPv4 whole, also when mapped into IPv6; IPv6 by its /64, which one subscriber has to themselves.
#[must_use]
pub fn address_key(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let network = u128::from(ip) >> 64 << 64;
            format!("{}/64", Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta};

    fn now() -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    /// How many are allowed at one instant.
    fn taken(limits: &Limits, rule: Rule, key: &str, now: Timestamp) -> u32 {
        std::iter::repeat_with(|| limits.take(rule, key, now)).take_while(Result::is_ok).map(|_| 1).sum()
    }

    #[test]
    fn rat_01_every_rule_allows_its_limit_and_refuses_one_more() {
        for scale in [1, 3] {
            let limits = Limits::new(scale);
            for rule in Rule::ALL {
                for _ in 0..rule.burst() * scale {
                    assert_eq!(limits.take(rule, "a", now()), Ok(()), "{rule:?}");
                }
                let wait = limits.take(rule, "a", now()).unwrap_err();
                assert_eq!(wait.seconds(), u64::from(60_u32.div_ceil(rule.burst() * scale)), "{rule:?}");
                assert!(limits.take(rule, "b", now()).is_ok(), "another key of {rule:?} is not touched");
            }
        }
    }

    #[test]
    fn rat_01_the_allowance_comes_back_evenly_over_the_minute() {
        for rule in Rule::ALL.into_iter().filter(|rule| rule.per_minute() % 10 == 0) {
            let limits = Limits::new(1);
            assert_eq!(taken(&limits, rule, "a", now()), rule.burst(), "{rule:?}");
            assert_eq!(taken(&limits, rule, "a", now() + TimeDelta::seconds(6)), rule.per_minute() / 10, "{rule:?}");
            assert_eq!(taken(&limits, rule, "a", now() + TimeDelta::seconds(36)), rule.per_minute() / 2, "{rule:?}");
            assert_eq!(taken(&limits, rule, "a", now() + TimeDelta::seconds(600)), rule.burst(), "{rule:?}");
        }
    }

    #[test]
    fn rat_01_waiting_as_told_is_enough_and_asking_earlier_costs_nothing() {
        let limits = Limits::new(1);
        let rule = Rule::SignInPerAddress;
        taken(&limits, rule, "a", now());
        for _ in 0..1_000 {
            assert_eq!(limits.take(rule, "a", now()), Err(Wait(Duration::from_secs(1))));
        }
        assert_eq!(limits.take(rule, "a", now() + TimeDelta::milliseconds(999)), Err(Wait(Duration::from_millis(1))));
        assert_eq!(limits.take(rule, "a", now() + TimeDelta::milliseconds(1_000)), Ok(()));
    }

    #[test]
    fn rat_01_retry_after_is_whole_seconds_rounded_up() {
        for (ms, seconds) in [(0, 1), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
            assert_eq!(Wait(Duration::from_millis(ms)).seconds(), seconds, "{ms}");
        }
    }

    #[test]
    fn rat_03_rules_have_separate_allowances() {
        let limits = Limits::new(1);
        for rule in Rule::ALL {
            assert_eq!(taken(&limits, rule, "the same key", now()), rule.burst(), "{rule:?}");
        }
    }

    #[test]
    fn rat_01_parallel_takers_never_exceed_the_allowance() {
        let limits = Limits::new(1);
        let allowed: usize = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..64)
                .map(|_| {
                    scope.spawn(|| {
                        (0..50).filter(|_| limits.take(Rule::FailedClientAuthPerClient, "a", now()).is_ok()).count()
                    })
                })
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(allowed, 600);
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out_for_longer() {
        let limits = Limits::new(1);
        taken(&limits, Rule::SignInPerAddress, "a", now());
        let earlier = now() - TimeDelta::days(1);
        assert_eq!(limits.take(Rule::SignInPerAddress, "a", earlier), Err(Wait(Duration::from_secs(1))));
    }

    #[test]
    fn a_full_shard_keeps_those_who_used_most_and_refuses_nobody() {
        let limits = Limits::new(1);
        assert_eq!(taken(&limits, Rule::SignInPerAddress, "heavy", now()), 60);
        for n in 0..SHARDS * MOST_KEYS * 2 {
            assert!(limits.take(Rule::SignInPerAddress, &n.to_string(), now()).is_ok());
        }
        assert!(limits.take(Rule::SignInPerAddress, "heavy", now()).is_err());
        let kept = |limits: &Limits| limits.shards.iter().map(|shard| shard.lock().unwrap().len()).max().unwrap();
        assert!(kept(&limits) <= MOST_KEYS);
    }

    #[test]
    fn keys_with_their_whole_allowance_back_are_forgotten_first() {
        let mut shard: Shard = (0..MOST_KEYS as u64).map(|n| (n, if n < 10 { 200 } else { 100 })).collect();
        forget(&mut shard, 100);
        assert_eq!(shard.len(), 10);
    }

    #[test]
    fn any_scale_is_safe() {
        assert_eq!(taken(&Limits::new(0), Rule::SignInPerAddress, "a", now()), 60);
        let limits = Limits::new(u32::MAX);
        for rule in Rule::ALL {
            assert!((0..100_000).all(|_| limits.take(rule, "a", now()).is_ok()), "{rule:?}");
        }
        for extreme in [Timestamp::MIN_UTC, Timestamp::MAX_UTC] {
            let _ = limits.take(Rule::SignInPerAddress, "a", extreme);
        }
    }

    #[test]
    fn rat_01_ipv6_counts_by_64() {
        for (ip, key) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
            ("::1", "::/64"),
        ] {
            assert_eq!(address_key(ip.parse().unwrap()), key, "{ip}");
        }
    }
}
