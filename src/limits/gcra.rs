//! The generic cell rate algorithm (ITU-T I.371, annex A): per key one number, the theoretical arrival time at which the key
//! has its whole allowance back. No queue, no window edges. Here is the arithmetic alone; `here` keeps the numbers in this
//! process, `shared` in Redis, whose script says the same in Lua (a test compares the two, answer by answer).

use std::time::Duration;

use super::rules::Rule;

/// The span over which a whole allowance comes back, in nanoseconds.
const MINUTE: i64 = 60_000_000_000;

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

/// An allowance in time, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    /// In which one comes back.
    pub(super) interval: i64,
    /// In which all come back.
    pub(super) whole: i64,
}

/// One that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The arrival time to be kept from now on; nothing if it stays as it is.
    pub(super) kept: Option<i64>,
    /// Whether it was given, or how long until it can be.
    pub(super) answer: Result<(), Wait>,
}

impl Allowance {
    /// Of a rule, multiplied by `scale`; of so many equal shares, one. At least one a minute.
    pub(super) fn of(rule: Rule, scale: u32, shares: usize) -> Self {
        let shares = i64::try_from(shares).unwrap_or(i64::MAX).max(1);
        let share = |count: u32| (i64::from(count) * i64::from(scale) / shares).max(1);
        let per_minute = share(rule.per_minute());
        // Rounded up: never more than the table says.
        let interval = (MINUTE + per_minute - 1) / per_minute;
        Self { interval, whole: interval.saturating_mul(share(rule.burst())) }
    }

    /// Takes one. `stored`: the arrival time of the key, if one is known; `floor`: it is at least this, but for the one that
    /// whoever comes first may always have. Both and `now` in Unix nanoseconds.
    ///
    /// The clocks of two nodes that share a number may differ by a second: then the one that is behind sees a time further
    /// ahead than it would store itself, and waits that much longer. A time two whole allowances ahead can't come from that:
    /// a clock was set back, and the key counts as used up from now on, lest it be locked out until the clock is there again.
    pub(super) fn take(self, stored: Option<i64>, floor: i64, now: i64) -> Taken {
        let ahead = stored.map_or(0, |stored| stored.saturating_sub(now).max(0));
        let is_set_back = ahead > self.whole.saturating_mul(2);
        let ahead = if is_set_back { self.whole } else { ahead };
        let ahead = ahead.max(floor.saturating_sub(now).clamp(0, self.whole - self.interval));
        let arrival = ahead.saturating_add(self.interval);
        let over = u64::try_from(arrival.saturating_sub(self.whole)).unwrap_or(0);
        if over > 0 {
            let kept = is_set_back.then(|| now.saturating_add(ahead));
            return Taken { kept, answer: Err(Wait(Duration::from_nanos(over))) };
        }
        Taken { kept: Some(now.saturating_add(arrival)), answer: Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rat_01_retry_after_is_whole_seconds_rounded_up() {
        for (ms, seconds) in [(0, 1), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
            assert_eq!(Wait(Duration::from_millis(ms)).seconds(), seconds, "{ms}");
        }
    }

    #[test]
    fn rat_02_shares_together_are_never_more_than_the_allowance_and_each_is_at_least_one() {
        for rule in Rule::ALL {
            for scale in [1, 3] {
                for shares in 1..=200_u32 {
                    let whole = i64::from(rule.per_minute() * scale);
                    let Allowance { interval, whole: span } = Allowance::of(rule, scale, shares as usize);
                    let share = span / interval;
                    assert!(share >= 1 && (share * i64::from(shares) <= whole || share == 1), "{rule:?} {shares}");
                    assert!((1..=MINUTE).contains(&interval) && interval * share >= MINUTE, "{rule:?} {shares}");
                }
            }
        }
        assert_eq!(Allowance::of(Rule::ToldPerKey, 5, 3), Allowance { interval: MINUTE, whole: MINUTE });
        assert_eq!(Allowance::of(Rule::SignInPerAddress, 1, 0), Allowance::of(Rule::SignInPerAddress, 1, 1));
    }

    #[test]
    fn rat_02_a_node_whose_clock_is_behind_waits_longer_and_gives_nothing_away() {
        let allowance = Allowance::of(Rule::SignInPerAddress, 1, 1);
        let second = MINUTE / 60;
        let full = allowance.take(Some(59 * second), 0, 0).kept;
        assert_eq!(full, Some(60 * second));
        let behind = allowance.take(full, 0, -second);
        assert_eq!(behind, Taken { kept: None, answer: Err(Wait(Duration::from_secs(2))) });
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out_for_longer_than_two_allowances() {
        let allowance = Allowance::of(Rule::SignInPerAddress, 1, 1);
        let day = 24 * 60 * MINUTE;
        let first = allowance.take(Some(day), 0, 0);
        assert_eq!(first, Taken { kept: Some(MINUTE), answer: Err(Wait(Duration::from_secs(1))) });
        assert!(allowance.take(first.kept, 0, MINUTE / 60).answer.is_ok());
        let mut now = 0;
        while allowance.take(Some(2 * MINUTE), 0, now).answer.is_err() {
            now += MINUTE / 60;
        }
        assert_eq!(now, MINUTE + MINUTE / 60);
    }

    #[test]
    fn rat_02_a_floor_counts_as_used_and_leaves_one() {
        let allowance = Allowance::of(Rule::SignInPerAddress, 1, 1);
        for (floor, allowed) in
            [(-MINUTE, 60), (0, 60), (MINUTE / 2, 30), (57 * MINUTE / 60, 3), (MINUTE, 1), (i64::MAX, 1)]
        {
            let (mut stored, mut count) = (None, 0);
            while let Taken { kept, answer: Ok(()) } = allowance.take(stored, floor, 0) {
                (stored, count) = (kept, count + 1);
            }
            assert_eq!(count, allowed, "{floor}");
        }
    }
}
