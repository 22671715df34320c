//! Whose counts decide: those in Redis, or this process's own. Neither knows what the other gave, so at every change of hands
//! each key counts as (nearly) used up from that moment on, and has its allowance back a minute later. That is what keeps a
//! minute's sum within one allowance, however often Redis goes and comes.
//!
//! A single call that fails while the connection stands changes no hands: it was most likely counted there, only the answer
//! was late. This process then gives little, and nothing to whom Redis has just refused; too many of them end the connection.

/// For how long a change of hands is felt, in milliseconds: a whole allowance comes back in a minute.
pub(super) const MINUTE: i64 = 60_000;
/// What everybody may have at once after a change of hands, of that minute: a fortieth of the allowance. Only if there was no
/// other change in the minute before. One they may always have: whoever comes once is not turned away.
pub(super) const AT_ONCE: i64 = 1_500;

/// When this process lost Redis, and when it found it again; Unix milliseconds, 0 for never. In between it has counted by
/// itself, and Redis knows nothing of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Absence {
    pub(super) lost: i64,
    pub(super) back: i64,
}

/// The state of one process.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Redis is lost, since then.
    lost: Option<i64>,
    /// The last absence that is over.
    last: Absence,
    /// No key of this process has its whole allowance back before.
    floor: i64,
}

impl Turn {
    /// What Redis is to be told with a call made now: also the first call after a loss says that this is its end.
    pub(super) fn absence(&self, now: i64) -> Absence {
        self.lost.map_or(self.last, |lost| Absence { lost, back: now })
    }

    /// Redis has answered a call that told it so. A call from before the loss says nothing about its end.
    pub(super) fn found(&mut self, told: Absence) {
        if self.lost == Some(told.lost) {
            self.lost = None;
            self.last = told;
        }
    }

    /// Redis has not answered, or is gone altogether: this process counts by itself. From which time on a key has its whole
    /// allowance back, at least.
    pub(super) fn miss(&mut self, is_gone: bool, now: i64) -> i64 {
        if is_gone || self.lost.is_some() { self.lose(now) } else { now + MINUTE - AT_ONCE }
    }

    fn lose(&mut self, now: i64) -> i64 {
        if self.lost.is_none() {
            let is_first = self.floor <= now;
            self.lost = Some(now);
            self.floor = self.floor.max(now + MINUTE - if is_first { AT_ONCE } else { 0 });
        }
        // A clock that was set back.
        self.floor = self.floor.min(now + MINUTE);
        self.floor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rat_02_only_an_answer_to_a_call_that_told_of_the_loss_ends_it() {
        let mut turn = Turn::default();
        let before = turn.absence(1_000);
        assert_eq!(before, Absence::default());
        turn.lose(2_000);
        turn.found(before);
        let after = turn.absence(5_000);
        assert_eq!(after, Absence { lost: 2_000, back: 5_000 });
        turn.found(after);
        assert_eq!(turn.absence(9_000), after, "every later call tells of it too: not all keys are in one place");
    }

    #[test]
    fn rat_02_a_late_answer_gives_little_and_is_no_loss() {
        let mut turn = Turn::default();
        for now in [1_000_000, 1_000_001, 1_030_000] {
            assert_eq!(turn.miss(false, now), now + MINUTE - AT_ONCE);
        }
        assert_eq!(turn.absence(1_040_000), Absence::default());
        let floor = turn.miss(true, 1_040_000);
        assert_eq!(turn.miss(false, 1_050_000), floor, "the first call to a Redis that was found again");
        assert_eq!(turn.absence(1_060_000), Absence { lost: 1_040_000, back: 1_060_000 });
    }

    #[test]
    fn rat_02_a_process_that_has_lost_redis_gives_little_at_once_and_nothing_if_that_happens_again() {
        let mut turn = Turn::default();
        let first = 1_000_000;
        assert_eq!(turn.lose(first), first + MINUTE - AT_ONCE);
        assert_eq!(turn.lose(first + 30_000), first + MINUTE - AT_ONCE, "still the same loss");
        turn.found(turn.absence(first + 40_000));
        assert_eq!(turn.lose(first + 41_000), first + 41_000 + MINUTE);
        turn.found(turn.absence(first + 42_000));
        assert_eq!(turn.lose(first + 300_000), first + 300_000 + MINUTE - AT_ONCE);
        assert_eq!(turn.lose(first), first + MINUTE, "a clock that went back");
    }
}
