//! The only place that asks what time it is. Wall time is UTC, cut to milliseconds, so that a value
//! equals itself after a round trip through either SQL engine. Durations are measured on the monotonic clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

/// An instant of wall time in UTC, whole milliseconds.
pub type Timestamp = DateTime<Utc>;

/// Wall and monotonic time. Clones share the offset, which only tests move.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
    slept_ms: Arc<AtomicU64>,
}

impl Clock {
    /// Now, in UTC, cut to milliseconds.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the room the ban points to")]
    pub fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        DateTime::from_timestamp_millis(ms.saturating_add(self.ahead_ms.load(Ordering::SeqCst)))
            .unwrap_or(Timestamp::MAX_UTC)
    }

    /// Starts measuring a duration on the monotonic clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the room the ban points to")]
    pub fn start(&self) -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Now, since the machine was started, whatever happens to wall time. Goes on while the machine is suspended or this
    /// process is frozen, which a stopwatch may not: leases are measured with it.
    #[must_use]
    pub fn since_boot(&self) -> SinceBoot {
        let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(at.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(at.tv_nsec).unwrap_or(0);
        SinceBoot(Duration::new(seconds, nanos) + Duration::from_millis(self.slept_ms.load(Ordering::SeqCst)))
    }

    /// Lets this clock (and all its clones) believe that the machine slept. For tests: nothing in the server calls it.
    pub fn sleep(&self, time: Duration) {
        self.slept_ms.fetch_add(u64::try_from(time.as_millis()).unwrap_or(0), Ordering::SeqCst);
    }

    /// Moves this clock (and all its clones) ahead. For tests: nothing in the server calls it.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

/// An instant on the clock that goes on while the machine sleeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SinceBoot(Duration);

impl SinceBoot {
    /// So much later.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        Self(self.0 + time)
    }

    /// Time since an earlier instant; nothing if it is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// Nanoseconds since the machine was started.
    #[must_use]
    pub fn nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A running measurement on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Time since [`Clock::start`].
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Whole milliseconds since [`Clock::start`].
    #[must_use]
    pub fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// Unix seconds of an instant as tokens carry them (u32, good until 2106); instants outside clamp to the ends.
#[must_use]
pub fn unix_seconds(at: Timestamp) -> u32 {
    u32::try_from(at.timestamp().max(0)).unwrap_or(u32::MAX)
}
