//! The only place that asks what time it is. Wall time is UTC, cut to milliseconds, so that a value
//! equals itself after a round trip through either SQL engine. Durations are measured on the monotonic clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// An instant of wall time in UTC, whole milliseconds.
pub type Timestamp = DateTime<Utc>;

/// Wall and monotonic time. Clones share the offset, which only tests move.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Now, in UTC, cut to milliseconds.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the room the ban points to")]
    pub fn now(&self) -> Timestamp {
        let ahead = TimeDelta::milliseconds(self.ahead_ms.load(Ordering::SeqCst));
        (Utc::now() + ahead).trunc_subsecs(3)
    }

    /// Starts measuring a duration on the monotonic clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the room the ban points to")]
    pub fn start(&self) -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Moves this clock (and all its clones) ahead. For tests: nothing in the server calls it.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
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
