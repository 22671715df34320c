//! For how long what this node knows is surely fresh. Counted from before the feed was read, on a clock that goes on while
//! the machine sleeps; looked at when a check begins and again before its answer leaves.

use std::time::Duration;

use super::shared::{AtomicU64, Ordering};
use crate::clock::SinceBoot;

/// The lease of this process: an instant after which nothing is answered from memory.
#[derive(Debug, Default)]
pub struct Lease(AtomicU64);

impl Lease {
    /// Lengthens the lease to so long after an instant that lies before the read it rests on.
    pub fn grant(&self, from: SinceBoot, length: Duration) {
        self.0.fetch_max(from.plus(length).nanos(), Ordering::SeqCst);
    }

    /// Ends it at once.
    pub fn end(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    /// How much is left of it.
    #[must_use]
    pub fn left(&self, now: SinceBoot) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst).saturating_sub(now.nanos()))
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_fresh(&self, now: SinceBoot) -> bool {
        now.nanos() < self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_lease_runs_from_before_the_read_and_ends_without_leeway() {
        let (lease, from) = (Lease::default(), Clock::default().since_boot());
        assert!(!lease.is_fresh(from), "nobody has one to begin with");
        lease.grant(from, SECOND);
        assert!(lease.is_fresh(from) && lease.is_fresh(from.plus(Duration::from_nanos(999_999_999))));
        assert!(!lease.is_fresh(from.plus(SECOND)) && !lease.is_fresh(from.plus(SECOND * 100)));
    }

    #[test]
    fn an_older_renewal_that_is_heard_of_late_shortens_nothing_and_the_end_is_the_end() {
        let (lease, from) = (Lease::default(), Clock::default().since_boot());
        lease.grant(from.plus(SECOND), SECOND);
        lease.grant(from, SECOND);
        assert!(lease.is_fresh(from.plus(SECOND)));
        lease.end();
        assert!(!lease.is_fresh(from));
    }

    #[test]
    fn sto_05_a_machine_that_slept_wakes_without_a_lease() {
        let (lease, clock) = (Lease::default(), Clock::default());
        lease.grant(clock.since_boot(), SECOND * 60);
        assert!(lease.is_fresh(clock.since_boot()));
        clock.sleep(SECOND * 61);
        assert!(!lease.is_fresh(clock.since_boot()));
    }
}
